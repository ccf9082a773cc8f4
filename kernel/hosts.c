/* A host's end is learnt from two sides: the operating system says that a process ended, the host itself says why. The
 * second may come later, so an exit without a last word waits a moment for it; only then is the end told. */
#include "hosts.h"
#include "bus.h"
#include "host.h"
#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include <zmq.h>

#define LAST_WORD_MS 500
#define LOCAL_KERNEL "inproc://galvan-kernel-hosts"

struct gv_hosts {
	struct gv_hosts_options o;
	struct gv_host *first;
	uint64_t sockets; /* how many endpoints have been named */
	char *run, *endpoint, *local_endpoint;
	void *router;
	struct gv_zmq_poll *poll;
	bool readable;
	uv_prepare_t prepare; /* reads before the loop polls */
	uv_async_t thread_ended;
	unsigned handles;
};

struct thread_start {
	struct gv_host *host;
	struct gv_host_options options;
};

/* ---- the line -------------------------------------------------------------------------------- */

static void send_packed(struct gv_host *h, const uint8_t *data, size_t size)
{
	char identity[GV_HOST_IDENTITY_SIZE];
	void *router = h->hosts->router;

	gv_host_identity(h->token, identity);
	if (zmq_send(router, identity, strlen(identity), ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0)
		zmq_send(router, data, size, ZMQ_DONTWAIT);
	h->hosts->readable = true; /* the send may have taken the signal of something to read */
}

void gv_hosts_send(struct gv_host *h, const Kernel__ToHost *m)
{
	size_t size = kernel__to_host__get_packed_size(m);
	uint8_t *data = malloc(size ? size : 1);

	if (!data)
		return;
	kernel__to_host__pack(m, data);
	send_packed(h, data, size);
	free(data);
}

void gv_hosts_send_directory(struct gv_hosts *hs, const Kernel__Directory *d)
{
	Kernel__ToHost m = KERNEL__TO_HOST__INIT;
	size_t size;
	uint8_t *data;

	m.kind_case = KERNEL__TO_HOST__KIND_DIRECTORY;
	m.directory = (Kernel__Directory *)d;
	size = kernel__to_host__get_packed_size(&m);
	data = malloc(size);
	if (!data)
		return;
	kernel__to_host__pack(&m, data);
	for (struct gv_host *h = hs->first; h; h = h->next)
		if (h->state == GV_HOST_STARTED || h->state == GV_HOST_STOPPING)
			send_packed(h, data, size);
	free(data);
}

static struct gv_host *find(struct gv_hosts *hs, uint64_t token)
{
	for (struct gv_host *h = hs->first; h; h = h->next)
		if (h->token == token)
			return h;
	return NULL;
}

static void tell_end(struct gv_host *h);

static void on_message(struct gv_hosts *hs, const uint8_t *data, size_t size)
{
	Kernel__FromHost *m = kernel__from_host__unpack(NULL, size, data);
	struct gv_host *h = m ? find(hs, m->token) : NULL;

	if (h) {
		if (m->kind_case == KERNEL__FROM_HOST__KIND_FAILED || m->kind_case == KERNEL__FROM_HOST__KIND_STOPPED)
			h->told_end = true;
		hs->o.events.message(hs->o.events.arg, h, m);
		if (h->ended && h->told_end)
			tell_end(h);
	}
	if (m)
		kernel__from_host__free_unpacked(m, NULL);
}

/* Each message is the sender's identity and a FromHost. */
static void read_router(struct gv_hosts *hs)
{
	for (;;) {
		zmq_msg_t identity, body;
		bool more;

		zmq_msg_init(&identity);
		if (zmq_msg_recv(&identity, hs->router, ZMQ_DONTWAIT) < 0) {
			bool again = errno == EINTR;
			zmq_msg_close(&identity);
			if (again)
				continue;
			return;
		}
		more = zmq_msg_more(&identity);
		zmq_msg_close(&identity);
		while (more) {
			zmq_msg_init(&body);
			if (zmq_msg_recv(&body, hs->router, ZMQ_DONTWAIT) < 0) {
				zmq_msg_close(&body);
				break;
			}
			more = zmq_msg_more(&body);
			if (!more)
				on_message(hs, zmq_msg_data(&body), zmq_msg_size(&body));
			zmq_msg_close(&body);
		}
	}
}

static void on_readable(void *arg)
{
	struct gv_hosts *hs = arg;

	hs->readable = true;
}

static void on_prepare(uv_prepare_t *prepare)
{
	struct gv_hosts *hs = prepare->data;

	if (!hs->readable)
		return;
	hs->readable = false;
	read_router(hs);
	hs->readable = false;
}

/* ---- the end --------------------------------------------------------------------------------- */

static void free_host(struct gv_host *h)
{
	gv_plan_unref(h->plan);
	if (h->beat)
		kernel__from_host__free_unpacked(h->beat, NULL);
	free(h->endpoint);
	free(h->local_endpoint);
	free(h->cause);
	free(h->failure);
	free(h);
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct gv_host *h = handle->data;

	if (--h->handles == 0)
		free_host(h);
}

static void unlink_host(struct gv_host *h)
{
	struct gv_host **at = &h->hosts->first;

	while (*at != h)
		at = &(*at)->next;
	*at = h->next;
}

static void tell_end(struct gv_host *h)
{
	struct gv_hosts *hs = h->hosts;

	unlink_host(h);
	if (strncmp(h->endpoint, "ipc://", 6) == 0)
		unlink(h->endpoint + 6);
	hs->o.events.ended(hs->o.events.arg, h, h->clean);
	uv_close((uv_handle_t *)&h->grace, on_handle_closed);
	if (!h->is_thread)
		uv_close((uv_handle_t *)&h->process, on_handle_closed);
}

static void on_grace(uv_timer_t *timer)
{
	tell_end(timer->data);
}

/* The operating system says that it ended. What it said before may still be on its way. */
static void has_ended(struct gv_host *h, bool clean, bool may_have_spoken, char *cause)
{
	h->ended = true;
	h->clean = clean;
	if (h->cause)
		free(cause); /* it was killed: that is the cause */
	else
		h->cause = cause;
	if (!h->told_end && may_have_spoken)
		uv_timer_start(&h->grace, on_grace, LAST_WORD_MS, 0);
	else
		tell_end(h);
}

static void on_exit_status(uv_process_t *process, int64_t status, int signal)
{
	struct gv_host *h = process->data;
	const char *name = signal ? sigabbrev_np(signal) : NULL;

	if (signal)
		has_ended(h, false, false, gv_text("signal %d (SIG%s)", signal, name ? name : "?"));
	else
		has_ended(h, status == 0, true, gv_text("exit status %" PRId64, status));
}

static void on_thread_ended(uv_async_t *async)
{
	struct gv_hosts *hs = async->data;
	struct gv_host *h, *next;

	read_router(hs);
	for (h = hs->first; h; h = next) {
		next = h->next;
		if (!h->is_thread || h->ended || !atomic_load(&h->thread_done))
			continue;
		pthread_join(h->thread, NULL);
		has_ended(h, h->told_end, true, gv_text("its thread ended"));
	}
}

int gv_hosts_kill(struct gv_host *h, const char *why)
{
	if (h->ended)
		return 0;
	if (h->is_thread) {
		h->stuck = true;
		return -ENOTSUP;
	}
	if (!h->cause)
		h->cause = gv_text("%s", why);
	if (kill(-(pid_t)h->pid, SIGKILL) < 0)
		kill((pid_t)h->pid, SIGKILL);
	return 0;
}

/* ---- the start ------------------------------------------------------------------------------- */

static void *run_thread(void *arg)
{
	struct thread_start *s = arg;
	struct gv_host *h = s->host;

	gv_host_run(&s->options);
	free(s);
	atomic_store(&h->thread_done, true);
	uv_async_send(&h->hosts->thread_ended);
	return NULL;
}

static int start_thread(struct gv_host *h)
{
	struct thread_start *s = calloc(1, sizeof *s);
	sigset_t all, before;
	int rc;

	if (!s)
		return -ENOMEM;
	h->pid = getpid();
	s->host = h;
	s->options = (struct gv_host_options){ .context = h->hosts->o.context,
					       .kernel = h->hosts->local_endpoint,
					       .token = h->token,
					       .instance = h->instance,
					       .file = h->plan->file };
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = -pthread_create(&h->thread, NULL, run_thread, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc < 0)
		free(s);
	return rc;
}

/* A JSON tree is a hundred small blocks, and glibc's per-thread cache keeps seven of a size unless told otherwise; and
 * a turn's memory must not go back to the system at its end, only to be faulted in again for the next one. What the
 * user has set stays. */
static void tune_malloc(void)
{
	setenv("GLIBC_TUNABLES",
	       "glibc.malloc.tcache_count=1000:glibc.malloc.trim_threshold=16777216:glibc.malloc.mmap_threshold="
	       "4194304",
	       0);
}

static int start_process(struct gv_host *h)
{
	char token[24], parent[24];
	char *args[] = {
		(char *)"galvan", (char *)"host", h->hosts->endpoint, token, h->instance, h->plan->file, parent, NULL
	};
	uv_stdio_container_t stdio[3] = { { .flags = UV_IGNORE },
					  { .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO },
					  { .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO } };
	uv_process_options_t o = { .exit_cb = on_exit_status,
				   .file = "/proc/self/exe",
				   .args = args,
				   .flags = UV_PROCESS_DETACHED,
				   .stdio_count = 3,
				   .stdio = stdio };
	int rc;

	snprintf(token, sizeof token, "%" PRIx64, h->token);
	snprintf(parent, sizeof parent, "%d", (int)getpid());
	h->process.data = h;
	tune_malloc();
	rc = uv_spawn(h->hosts->o.loop, &h->process, &o);
	h->handles++;
	if (rc < 0) {
		uv_close((uv_handle_t *)&h->process, on_handle_closed);
		return rc;
	}
	h->pid = uv_process_get_pid(&h->process);
	return 0;
}

static struct gv_host *new_host(struct gv_hosts *hs, const char *instance, struct gv_plan *plan, void *owner)
{
	struct gv_host *h = calloc(1, sizeof *h);
	uint64_t socket = ++hs->sockets;

	if (!h)
		return NULL;
	h->hosts = hs;
	h->owner = owner;
	h->heard_ms = (int64_t)uv_now(hs->o.loop);
	h->is_thread = plan->isolation == GV_ISOLATION_THREAD;
	snprintf(h->instance, sizeof h->instance, "%s", instance);
	h->endpoint = gv_text("ipc://%s/i%" PRIu64, hs->run, socket);
	h->local_endpoint = h->is_thread ? gv_text("inproc://i%" PRIu64, socket) : strdup("");
	if (!h->endpoint || !h->local_endpoint) {
		free_host(h);
		return NULL;
	}
	while (getrandom(&h->token, sizeof h->token, 0) != sizeof h->token || h->token == 0)
		continue;
	h->plan = gv_plan_ref(plan);
	return h;
}

int gv_hosts_start(struct gv_hosts *hs, const char *instance, struct gv_plan *plan, void *owner, struct gv_host **ret,
		   char **ret_error)
{
	struct gv_host *h = new_host(hs, instance, plan, owner);
	int rc;

	if (!h)
		return -ENOMEM;
	uv_timer_init(hs->o.loop, &h->grace);
	h->grace.data = h;
	h->handles = 1;
	rc = h->is_thread ? start_thread(h) : start_process(h);
	if (rc < 0) {
		gv_text_error(ret_error, rc, "no %s could be started for %s: %s", h->is_thread ? "thread" : "process",
			      instance, gv_text_errno(rc));
		uv_close((uv_handle_t *)&h->grace, on_handle_closed);
		return rc;
	}
	h->next = hs->first;
	hs->first = h;
	*ret = h;
	return 0;
}

struct gv_host *gv_hosts_first(struct gv_hosts *hs)
{
	return hs->first;
}

/* ---- life ------------------------------------------------------------------------------------ */

static int open_router(struct gv_hosts *hs, char **ret_error)
{
	int linger = 200, hwm = 0, rc;

	hs->router = zmq_socket(hs->o.context, ZMQ_ROUTER);
	if (!hs->router)
		return gv_text_error(ret_error, -errno, "no socket for the hosts: %s", zmq_strerror(errno));
	zmq_setsockopt(hs->router, ZMQ_LINGER, &linger, sizeof linger);
	zmq_setsockopt(hs->router, ZMQ_SNDHWM, &hwm, sizeof hwm);
	if (zmq_bind(hs->router, hs->endpoint) < 0 || zmq_bind(hs->router, hs->local_endpoint) < 0)
		return gv_text_error(ret_error, -errno, "the socket %s cannot be bound: %s", hs->endpoint,
				     zmq_strerror(errno));
	rc = gv_zmq_poll_start(hs->o.loop, hs->router, on_readable, hs, &hs->poll);
	return rc < 0 ? gv_text_error(ret_error, rc, "the hosts' socket cannot be watched: %s", gv_text_errno(rc)) : 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct gv_hosts *hs = handle->data;

	if (--hs->handles > 0)
		return;
	free(hs->run);
	free(hs->endpoint);
	free(hs->local_endpoint);
	free(hs);
}

int gv_hosts_create(const struct gv_hosts_options *o, struct gv_hosts **ret, char **ret_error)
{
	struct gv_hosts *hs = calloc(1, sizeof *hs);
	int rc;

	if (!hs)
		return -ENOMEM;
	rc = uv_async_init(o->loop, &hs->thread_ended, on_thread_ended);
	if (rc < 0) {
		free(hs);
		return gv_text_error(ret_error, rc, "the kernel's loop cannot be woken: %s", gv_text_errno(rc));
	}
	uv_prepare_init(o->loop, &hs->prepare);
	hs->handles = 2;
	hs->thread_ended.data = hs->prepare.data = hs;
	hs->readable = true;
	hs->o = *o;
	hs->run = strdup(o->run);
	hs->endpoint = gv_text("ipc://%s/hosts", o->run);
	hs->local_endpoint = strdup(LOCAL_KERNEL);
	rc = hs->run && hs->endpoint && hs->local_endpoint ? open_router(hs, ret_error) : -ENOMEM;
	if (rc == 0)
		rc = uv_prepare_start(&hs->prepare, on_prepare);
	if (rc < 0) {
		gv_hosts_destroy(hs);
		return rc;
	}
	*ret = hs;
	return 0;
}

void gv_hosts_destroy(struct gv_hosts *hs)
{
	if (!hs)
		return;
	gv_zmq_poll_stop(hs->poll);
	if (hs->router)
		zmq_close(hs->router);
	uv_close((uv_handle_t *)&hs->thread_ended, on_closed);
	uv_close((uv_handle_t *)&hs->prepare, on_closed);
}
