/* The loop of a host. Everything is pumped in one place, the prepare callback, just before the loop polls: read what the kernel and the bus
 * have, run turns, flush. Sockets and timers only make the loop come round; so nothing is handled twice and no wake-up is lost. */
#include "host.h"
#include "actor.h"
#include "bus.h"
#include "loader.h"
#include "log.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>
#include <zmq.h>

#define PACKETS_PER_PUMP 256
#define TURNS_PER_PUMP 8
#define LOCK_RETRY_MS 5
#define FLUSH_MS 300 /* how long queued packets may take to leave when the host ends in order */

enum state { WAITING, LOCKING, RUNNING, DRAINING, ENDED };

struct host {
	const struct gv_host_options *o;
	enum state state;
	int result;
	struct gv_logger log;
	uv_loop_t loop;
	uv_prepare_t prepare;
	uv_idle_t idle;
	uv_timer_t due, beat, wait; /* wait: for the lock, then for the driver to drain */
	void *context, *control;
	struct gv_zmq_poll *control_poll;
	bool control_ready;
	struct gv_loaded code;
	Kernel__ToHost *assigned; /* the message that holds the assignment; NULL before */
	int lock;
	int64_t lock_until_ms;
	struct gv_env env;
	struct gv_bus *bus;
	struct gv_actor *actor;
	int64_t now_ms;      /* the latest time told: never goes back */
	uint64_t directory, settled; /* versions: of the present one, and of the one that the kernel was told the actor is settled with */
	int64_t due_ms;      /* what `due` is set to; INT64_MAX: nothing */
	uint8_t random[256];
	size_t random_left;
};

/* ---- the actor's world ------------------------------------------------------------------------------------------------------------- */

static int64_t wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t env_now_ms(void *arg)
{
	struct host *h = arg;
	int64_t now = wall_ms();

	if (now > h->now_ms)
		h->now_ms = now;
	return h->now_ms;
}

static uint64_t env_random(void *arg)
{
	struct host *h = arg;
	uint64_t value;

	if (h->random_left < sizeof value) {
		/* Up to 256 bytes come whole once the pool is seeded, whatever signals come. */
		while (getrandom(h->random, sizeof h->random, 0) != sizeof h->random)
			continue;
		h->random_left = sizeof h->random;
	}
	h->random_left -= sizeof value;
	memcpy(&value, h->random + h->random_left, sizeof value);
	return value;
}

static int env_send(void *arg, const char *instance, const uint8_t *packet, size_t size)
{
	struct host *h = arg;

	return gv_bus_send(h->bus, instance, packet, size);
}

static void env_log(void *arg, enum gv_level level, const char *line)
{
	struct host *h = arg;

	gv_log_line(&h->log, level, line);
}

/* ---- to the kernel ----------------------------------------------------------------------------------------------------------------- */

static void tell(struct host *h, Kernel__FromHost *m)
{
	zmq_msg_t message;
	size_t size;

	m->instance = (char *)h->o->instance;
	m->token = h->o->token;
	size = kernel__from_host__get_packed_size(m);
	if (zmq_msg_init_size(&message, size) < 0)
		return;
	kernel__from_host__pack(m, zmq_msg_data(&message));
	if (zmq_msg_send(&message, h->control, ZMQ_DONTWAIT) < 0)
		zmq_msg_close(&message);
	h->control_ready = true; /* the send may have taken the signal of something to read */
}

static void tell_failed(struct host *h, const char *text)
{
	Kernel__FromHost m = KERNEL__FROM_HOST__INIT;
	Kernel__Failed failed = KERNEL__FAILED__INIT;

	failed.message = (char *)text;
	m.kind_case = KERNEL__FROM_HOST__KIND_FAILED;
	m.failed = &failed;
	tell(h, &m);
}

static void fill_metric(Kernel__Metric *m, const char *name, const char *help, bool gauge, double value)
{
	kernel__metric__init(m);
	m->name = (char *)name;
	m->help = (char *)help;
	m->gauge = gauge;
	m->value = value;
}

static void on_beat(uv_timer_t *timer)
{
	struct host *h = timer->data;
	Kernel__FromHost m = KERNEL__FROM_HOST__INIT;
	Kernel__Beat beat = KERNEL__BEAT__INIT;
	Kernel__Metric own[5];
	const Kernel__Metric *const *actors = NULL;
	Kernel__Metric **all;
	size_t count = 0;

	beat.now_ms = wall_ms();
	beat.settled = h->settled;
	m.kind_case = KERNEL__FROM_HOST__KIND_BEAT;
	m.beat = &beat;
	h->due_ms = -1; /* the wall clock may have been set: reckon the timer anew */
	if (h->actor)
		count = gv_actor_metrics(h->actor, &actors);
	all = calloc(count + 5, sizeof *all);
	if (!all || !h->bus) {
		tell(h, &m);
		free(all);
		return;
	}
	fill_metric(&own[0], "galvan_bus_packets_received_total", "Packets read from the bus.", false,
		    (double)gv_bus_counters(h->bus)->packets_in);
	fill_metric(&own[1], "galvan_bus_received_bytes_total", "Bytes read from the bus.", false, (double)gv_bus_counters(h->bus)->bytes_in);
	fill_metric(&own[2], "galvan_bus_packets_sent_total", "Packets handed to the bus.", false,
		    (double)gv_bus_counters(h->bus)->packets_out);
	fill_metric(&own[3], "galvan_bus_sent_bytes_total", "Bytes handed to the bus.", false, (double)gv_bus_counters(h->bus)->bytes_out);
	fill_metric(&own[4], "galvan_bus_full_total", "Packets that waited because the receiver's queue was full.", false,
		    (double)gv_bus_counters(h->bus)->full);
	for (size_t i = 0; i < 5; i++)
		all[i] = &own[i];
	for (size_t i = 0; i < count; i++)
		all[5 + i] = (Kernel__Metric *)actors[i];
	beat.metrics = all;
	beat.n_metrics = count + 5;
	tell(h, &m);
	free(all);
}

/* ---- the end ----------------------------------------------------------------------------------------------------------------------- */

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
	tell_failed(h, text ? text : gv_text_errno(rc));
	free(text);
	end(h, rc);
}

/* The actor's end: after it the store is closed and another host may open it. */
static void close_actor(struct host *h)
{
	gv_actor_destroy(h->actor);
	h->actor = NULL;
	if (h->lock >= 0)
		close(h->lock);
	h->lock = -1;
}

static void stop_now(struct host *h)
{
	Kernel__FromHost m = KERNEL__FROM_HOST__INIT;
	Kernel__Stopped stopped = KERNEL__STOPPED__INIT;

	if (h->actor)
		gv_actor_flush(h->actor);
	close_actor(h);
	m.kind_case = KERNEL__FROM_HOST__KIND_STOPPED;
	m.stopped = &stopped;
	tell(h, &m);
	end(h, 0);
}

static void on_drain_timeout(uv_timer_t *timer)
{
	struct host *h = timer->data;

	gv_warn(&h->log, "not drained in time, stopping as it is limit_ms=%d", GV_HOST_DRAIN_MS);
	stop_now(h);
}

static void on_stop(struct host *h)
{
	if (h->state == RUNNING) {
		h->state = DRAINING;
		if (h->code.plugin.driver) {
			uv_timer_start(&h->wait, on_drain_timeout, GV_HOST_DRAIN_MS, 0);
			gv_actor_drain(h->actor);
		}
		return; /* the pump stops it when it has drained */
	}
	if (h->state == WAITING || h->state == LOCKING)
		stop_now(h);
}

/* ---- the start --------------------------------------------------------------------------------------------------------------------- */

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
			gv_text_error(ret_error, rc, "its driver cannot open: %s", gv_text_errno(rc));
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
		close_actor(h);
		fail(h, rc, error);
		return;
	}
	h->state = RUNNING;
	started.incarnation = gv_actor_incarnation(h->actor);
	m.kind_case = KERNEL__FROM_HOST__KIND_STARTED;
	m.started = &started;
	tell(h, &m);
	on_beat(&h->beat);
	uv_timer_start(&h->beat, on_beat, GV_HOST_BEAT_MS, GV_HOST_BEAT_MS);
}

/* A store has one opener. A host killed a moment ago may still be dying with it open, so its lock is waited for. */
static void on_lock(uv_timer_t *timer)
{
	struct host *h = timer->data;

	if (flock(h->lock, LOCK_EX | LOCK_NB) == 0) {
		uv_timer_stop(&h->wait);
		on_locked(h);
	} else if (wall_ms() > h->lock_until_ms) {
		fail(h, -EBUSY, gv_text("its store %s is still open in another process; end that process", h->assigned->assign->store));
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
	h->lock_until_ms = wall_ms() + GV_HOST_LOCK_MS;
	uv_timer_start(&h->wait, on_lock, 0, LOCK_RETRY_MS);
}

/* ---- the pump ---------------------------------------------------------------------------------------------------------------------- */

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
		on_stop(h);
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
	now = wall_ms();
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
	int more = 1;

	read_control(h);
	if (h->state != RUNNING && h->state != DRAINING)
		return;
	if (gv_bus_readable(h->bus) && !gv_actor_full(h->actor))
		gv_bus_receive(h->bus, PACKETS_PER_PUMP, on_packet, h);
	for (int i = 0; i < TURNS_PER_PUMP && more > 0; i++)
		more = gv_actor_run(h->actor);
	if (more < 0) {
		fail(h, more, gv_text("it cannot go on: %s (its log has the reason)", gv_text_errno(more)));
		return;
	}
	gv_actor_flush(h->actor);
	if (h->state == DRAINING && (!h->code.plugin.driver || gv_actor_is_drained(h->actor))) {
		stop_now(h);
		return;
	}
	if (more > 0 || (gv_bus_readable(h->bus) && !gv_actor_full(h->actor)) || h->control_ready)
		uv_idle_start(&h->idle, on_idle);
	else
		uv_idle_stop(&h->idle);
	if (h->settled != h->directory && gv_actor_settled(h->actor)) {
		h->settled = h->directory;
		on_beat(&h->beat);
	}
	set_due(h);
}

/* ---- life -------------------------------------------------------------------------------------------------------------------------- */

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
	tell(h, &m);
}

static void close_loop(struct host *h)
{
	uv_handle_t *handles[] = { (uv_handle_t *)&h->prepare, (uv_handle_t *)&h->idle, (uv_handle_t *)&h->due, (uv_handle_t *)&h->beat,
				   (uv_handle_t *)&h->wait };
	int rc;

	for (size_t i = 0; i < sizeof handles / sizeof *handles; i++)
		uv_close(handles[i], NULL);
	gv_zmq_poll_stop(h->control_poll);
	/* Close callbacks, a driver's among them; one that left a handle open must not hold the end up. */
	for (int i = 0; i < 100 && uv_loop_alive(&h->loop); i++)
		uv_run(&h->loop, UV_RUN_NOWAIT);
	rc = uv_loop_close(&h->loop);
	if (rc < 0)
		gv_warn(&h->log, "the plugin left handles open on its loop");
}

int gv_host_run(const struct gv_host_options *o)
{
	struct host *h = calloc(1, sizeof *h);
	int rc;

	if (!h)
		return -ENOMEM;
	h->o = o;
	h->lock = -1;
	h->due_ms = INT64_MAX;
	h->control_ready = true;
	h->log = (struct gv_logger){ .fd = STDERR_FILENO, .level = GV_INFO, .node = "galvan", .instance = o->instance };
	h->env = (struct gv_env){ .arg = h, .now_ms = env_now_ms, .random = env_random, .send = env_send, .log = env_log };
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
	close_actor(h);
	gv_bus_destroy(h->bus, rc == 0 ? FLUSH_MS : 0);
	close_loop(h);
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
