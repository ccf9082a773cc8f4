/* The loop of a host. Everything is pumped in one place, the prepare callback, just before the loop polls: read what
 * the kernel and the bus have, run turns, flush. Sockets and timers only make the loop come round; so nothing is
 * handled twice and no wake-up is lost. */
#include "host_internal.h"
#include "store.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#define PACKETS_PER_PUMP 256
#define TURNS_PER_PUMP 8
#define LOCK_RETRY_MS 5
#define FLUSH_MS 300 /* how long queued packets may take to leave when the host ends in order */

/* ---- the end --------------------------------------------------------------------------------- */

/* Ends the loop; gv_host_run cleans up behind it. */
static void end(struct host *h, int result)
{
	if (h->state == ENDED)
		return;
	h->state = ENDED;
	h->result = result;
	uv_stop(&h->loop);
}

static void fail(struct host *h, int rc, char *text)
{
	gv_host_tell_failed(h, text ? text : gv_text_errno(rc));
	free(text);
	end(h, rc);
}

/* The actor's end, when the loop has ended: a driver's handles may be called until then. After it the store is closed
 * and another host may open it. */
static void close_actor(struct host *h)
{
	Kernel__FromHost m = KERNEL__FROM_HOST__INIT;
	Kernel__Stopped stopped = KERNEL__STOPPED__INIT;

	gv_actor_destroy(h->actor);
	h->actor = NULL;
	if (h->lock >= 0)
		close(h->lock);
	h->lock = -1;
	m.kind_case = KERNEL__FROM_HOST__KIND_STOPPED;
	m.stopped = &stopped;
	if (h->in_order)
		gv_host_tell(h, &m);
}

static void stop_now(struct host *h)
{
	if (h->actor) {
		gv_actor_finish(h->actor);
		gv_actor_flush(h->actor);
	}
	h->in_order = true;
	end(h, 0);
}

static void on_drain_timeout(uv_timer_t *timer)
{
	struct host *h = timer->data;

	gv_warn(&h->log, "not drained in time, stopping as it is limit_ms=%d", GV_HOST_DRAIN_MS);
	stop_now(h);
}

static void on_stop(struct host *h, bool returns)
{
	if (h->state == RUNNING) {
		h->state = DRAINING;
		if (h->code.plugin.driver) {
			uv_timer_start(&h->wait, on_drain_timeout, GV_HOST_DRAIN_MS, 0);
			gv_actor_drain(h->actor, returns);
		}
		return; /* the pump stops it when it has drained */
	}
	if (h->state == WAITING || h->state == LOCKING)
		stop_now(h);
}

/* ---- the start ------------------------------------------------------------------------------- */

static int open_actor(struct host *h, char **ret_error)
{
	const Kernel__Assign *a = h->assigned->assign;
	struct gv_actor_options o = {
		.plugin = &h->code.plugin,
		.env = &h->env,
		.node = a->node,
		.instance = a->instance,
		.instances = a->instances,
		.store = a->store,
		.blobs = a->blobs,
		.store_limit_bytes = a->store_limit_bytes,
		.journal_limit_bytes = a->journal_limit_bytes,
		.journal_limit_ms = a->journal_limit_ms,
		.crashed = a->crashed,
		.cause = *a->cause ? a->cause : NULL,
		.loop = h->code.plugin.driver ? &h->loop : NULL,
	};
	struct gv_bus_options b = {
		.context = h->context,
		.loop = &h->loop,
		.endpoint = a->endpoint,
		.local_endpoint = a->local_endpoint,
		.pid = getpid(),
	};
	int rc = gv_bus_create(&b, &h->bus, ret_error);

	if (rc == 0)
		rc = gv_actor_create(&o, &h->actor, ret_error);
	if (rc == 0)
		rc = gv_actor_start(h->actor, a->config.data, a->config.len, ret_error);
	if (rc == 0) {
		rc = gv_actor_open(h->actor);
		if (rc < 0)
			gv_text_error(ret_error, rc, "%s (its log says what it could not open)", gv_text_errno(rc));
	}
	return rc;
}

static void on_locked(struct host *h)
{
	Kernel__FromHost m = KERNEL__FROM_HOST__INIT;
	Kernel__Started started = KERNEL__STARTED__INIT;
	char *error = NULL;
	int rc = open_actor(h, &error);

	if (rc < 0) {
		fail(h, rc, error);
		return;
	}
	h->state = RUNNING;
	started.incarnation = gv_actor_incarnation(h->actor);
	m.kind_case = KERNEL__FROM_HOST__KIND_STARTED;
	m.started = &started;
	gv_host_tell(h, &m);
	gv_host_beat(&h->beat);
	uv_timer_start(&h->beat, gv_host_beat, GV_HOST_BEAT_MS, GV_HOST_BEAT_MS);
}

/* A store has one opener. A host killed a moment ago may still be dying with it open, so its lock is waited for. */
static void on_lock(uv_timer_t *timer)
{
	struct host *h = timer->data;

	if (flock(h->lock, LOCK_EX | LOCK_NB) == 0) {
		uv_timer_stop(&h->wait);
		on_locked(h);
	} else if (gv_host_wall_ms() > h->lock_until_ms) {
		fail(h, -EBUSY,
		     gv_text("its store %s is still open in another process; end that process",
			     h->assigned->assign->store));
	}
}

static void on_assign(struct host *h)
{
	const Kernel__Assign *a = h->assigned->assign;
	char *path;

	h->log.json = strcmp(a->log_format, "json") == 0;
	h->log.node = a->node;
	if (*a->log_level)
		gv_log_level_parse(a->log_level, &h->log.level);
	if (mkdir(a->store, 0700) < 0 && errno != EEXIST) {
		fail(h, -errno, gv_text("its store %s cannot be made: %s", a->store, gv_text_errno(errno)));
		return;
	}
	path = gv_text("%s/host.lock", a->store);
	h->lock = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
	free(path);
	if (h->lock < 0) {
		fail(h, -EIO, gv_text("its store %s cannot be locked: %s", a->store, gv_text_errno(errno)));
		return;
	}
	h->state = LOCKING;
	h->lock_until_ms = gv_host_wall_ms() + GV_HOST_LOCK_MS;
	uv_timer_start(&h->wait, on_lock, 0, LOCK_RETRY_MS);
}

/* ---- the pump -------------------------------------------------------------------------------- */

static void on_to_host(struct host *h, const uint8_t *data, size_t size)
{
	Kernel__ToHost *m = kernel__to_host__unpack(NULL, size, data);
	int rc;

	if (!m)
		return;
	switch (m->kind_case) {
	case KERNEL__TO_HOST__KIND_ASSIGN:
		if (h->state == WAITING && !h->assigned) {
			h->assigned = m;
			on_assign(h);
			return;
		}
		break;
	case KERNEL__TO_HOST__KIND_DIRECTORY:
		if (h->state != RUNNING && h->state != DRAINING)
			break;
		rc = gv_bus_directory(h->bus, m->directory);
		if (rc == 0)
			rc = gv_actor_directory(h->actor, m->directory);
		h->directory = m->directory->version;
		if (rc < 0)
			fail(h, rc, gv_text("it cannot take in the directory: %s", gv_text_errno(rc)));
		break;
	case KERNEL__TO_HOST__KIND_STOP:
		on_stop(h, m->stop->returns);
		break;
	default:
		break;
	}
	kernel__to_host__free_unpacked(m, NULL);
}

static void read_control(struct host *h)
{
	while (h->control_ready && h->state != ENDED) {
		zmq_msg_t message;

		zmq_msg_init(&message);
		if (zmq_msg_recv(&message, h->control, ZMQ_DONTWAIT) >= 0)
			on_to_host(h, zmq_msg_data(&message), zmq_msg_size(&message));
		else if (errno != EINTR)
			h->control_ready = false;
		zmq_msg_close(&message);
	}
}

static bool on_packet(void *arg, const uint8_t *packet, size_t size)
{
	struct host *h = arg;

	gv_actor_receive(h->actor, packet, size);
	return !gv_actor_full(h->actor);
}

static void on_due(uv_timer_t *timer)
{
	struct host *h = timer->data;

	h->due_ms = -1; /* the pump follows */
}

static void set_due(struct host *h)
{
	int64_t at = gv_actor_next_ms(h->actor), now;

	if (at == h->due_ms)
		return;
	h->due_ms = at;
	if (at == INT64_MAX) {
		uv_timer_stop(&h->due);
		return;
	}
	now = gv_host_wall_ms();
	uv_update_time(&h->loop);
	uv_timer_start(&h->due, on_due, at > now ? (uint64_t)(at - now) : 0, 0);
}

static void on_idle(uv_idle_t *idle)
{
	/* Its being active keeps the loop from blocking. */
}

static void pump(uv_prepare_t *prepare)
{
	struct host *h = prepare->data;
	bool gathers;
	int more = 1;

	read_control(h);
	if (h->state != RUNNING && h->state != DRAINING)
		return;
	if (gv_bus_readable(h->bus) && !gv_actor_full(h->actor))
		gv_bus_receive(h->bus, PACKETS_PER_PUMP, on_packet, h);
	for (int i = 0; i < TURNS_PER_PUMP && more > 0; i++)
		more = gv_actor_run(h->actor);
	if (more < 0) {
		fail(h, more, gv_text("it cannot go on: %s", gv_store_strerror(more)));
		return;
	}
	gathers = gv_actor_gathers(h->actor);
	if (!gathers)
		gv_actor_flush(h->actor);
	if (h->state == DRAINING && (!h->code.plugin.driver || gv_actor_is_drained(h->actor))) {
		stop_now(h);
		return;
	}
	if (more > 0 || gathers || (gv_bus_readable(h->bus) && !gv_actor_full(h->actor)) || h->control_ready)
		uv_idle_start(&h->idle, on_idle);
	else
		uv_idle_stop(&h->idle);
	if (h->settled != h->directory && gv_actor_settled(h->actor)) {
		h->settled = h->directory;
		gv_host_beat(&h->beat);
	}
	set_due(h);
}

/* ---- life ------------------------------------------------------------------------------------ */

static void on_control(void *arg)
{
	struct host *h = arg;

	h->control_ready = true;
}

void gv_host_identity(uint64_t token, char ret[GV_HOST_IDENTITY_SIZE])
{
	snprintf(ret, GV_HOST_IDENTITY_SIZE, "h%016llx", (unsigned long long)token);
}

static int open_control(struct host *h)
{
	char identity[GV_HOST_IDENTITY_SIZE];
	int linger = FLUSH_MS, hwm = 0;

	h->context = h->o->context ? h->o->context : zmq_ctx_new();
	h->control = h->context ? zmq_socket(h->context, ZMQ_DEALER) : NULL;
	if (!h->control)
		return -errno;
	gv_host_identity(h->o->token, identity);
	zmq_setsockopt(h->control, ZMQ_ROUTING_ID, identity, strlen(identity));
	zmq_setsockopt(h->control, ZMQ_LINGER, &linger, sizeof linger);
	zmq_setsockopt(h->control, ZMQ_RCVHWM, &hwm, sizeof hwm);
	if (zmq_connect(h->control, h->o->kernel) < 0)
		return -errno;
	return gv_zmq_poll_start(&h->loop, h->control, on_control, h, &h->control_poll);
}

static int open_loop(struct host *h)
{
	int rc = uv_loop_init(&h->loop);

	if (rc < 0)
		return rc;
	uv_prepare_init(&h->loop, &h->prepare);
	uv_idle_init(&h->loop, &h->idle);
	uv_timer_init(&h->loop, &h->due);
	uv_timer_init(&h->loop, &h->beat);
	uv_timer_init(&h->loop, &h->wait);
	h->prepare.data = h->idle.data = h->due.data = h->beat.data = h->wait.data = h;
	uv_prepare_start(&h->prepare, pump);
	return 0;
}

static void say_hello(struct host *h)
{
	Kernel__FromHost m = KERNEL__FROM_HOST__INIT;
	Kernel__Hello hello = KERNEL__HELLO__INIT;
	char *error = NULL;
	int rc = gv_loader_open(h->o->file, &h->code, &error);

	if (rc < 0) {
		fail(h, rc, error);
		return;
	}
	hello.pid = getpid();
	m.kind_case = KERNEL__FROM_HOST__KIND_HELLO;
	m.hello = &hello;
	gv_host_tell(h, &m);
}

static void close_loop(struct host *h, bool may_run)
{
	uv_handle_t *handles[] = { (uv_handle_t *)&h->prepare, (uv_handle_t *)&h->idle, (uv_handle_t *)&h->due,
				   (uv_handle_t *)&h->beat, (uv_handle_t *)&h->wait };
	int rc;

	for (size_t i = 0; i < sizeof handles / sizeof *handles; i++)
		uv_close(handles[i], NULL);
	gv_zmq_poll_stop(h->control_poll);
	/* Close callbacks, a driver's among them; one that left a handle open must not hold the end up. */
	for (int i = 0; may_run && i < 100 && uv_loop_alive(&h->loop); i++)
		uv_run(&h->loop, UV_RUN_NOWAIT);
	rc = uv_loop_close(&h->loop);
	if (rc < 0 && may_run)
		gv_warn(&h->log, "the plugin left handles open on its loop");
}

int gv_host_run(const struct gv_host_options *o)
{
	struct host *h = calloc(1, sizeof *h);
	bool may_run;
	int rc;

	if (!h)
		return -ENOMEM;
	h->o = o;
	h->lock = -1;
	h->due_ms = INT64_MAX;
	h->control_ready = true;
	h->log = (struct gv_logger){ .fd = STDERR_FILENO, .level = GV_INFO, .node = "galvan", .instance = o->instance };
	gv_host_fill_env(h);
	rc = open_loop(h);
	if (rc < 0) {
		free(h);
		return rc;
	}
	rc = open_control(h);
	if (rc == 0) {
		say_hello(h);
		if (h->state != ENDED)
			uv_run(&h->loop, UV_RUN_DEFAULT);
		rc = h->result;
	}
	/* What a driver that has not drained left on the loop points into memory that goes now: the loop must not run
	 * again. */
	may_run = !h->actor || !h->code.plugin.driver || gv_actor_is_drained(h->actor);
	close_actor(h);
	gv_bus_destroy(h->bus, rc == 0 ? FLUSH_MS : 0);
	close_loop(h, may_run);
	if (h->control)
		zmq_close(h->control);
	if (!o->context && h->context)
		zmq_ctx_term(h->context);
	gv_loader_close(&h->code);
	if (h->assigned)
		kernel__to_host__free_unpacked(h->assigned, NULL);
	free(h);
	return rc;
}
