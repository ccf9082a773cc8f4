/* A host between its actor and the rest: what the actor sees of the world, and what the host says to the kernel. */
#include "host_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <zmq.h>

/* ---- the actor's world ----------------------------------------------------------------------- */

int64_t gv_host_wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t env_now_ms(void *arg)
{
	struct host *h = arg;
	int64_t now = gv_host_wall_ms();

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

void gv_host_fill_env(struct host *h)
{
	h->env = (struct gv_env){
		.arg = h, .now_ms = env_now_ms, .random = env_random, .send = env_send, .log = env_log
	};
}

/* ---- to the kernel --------------------------------------------------------------------------- */

void gv_host_tell(struct host *h, Kernel__FromHost *m)
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

void gv_host_tell_failed(struct host *h, const char *text)
{
	Kernel__FromHost m = KERNEL__FROM_HOST__INIT;
	Kernel__Failed failed = KERNEL__FAILED__INIT;

	failed.message = (char *)text;
	m.kind_case = KERNEL__FROM_HOST__KIND_FAILED;
	m.failed = &failed;
	gv_host_tell(h, &m);
}

static void fill_metric(Kernel__Metric *m, const char *name, const char *help, bool gauge, double value)
{
	kernel__metric__init(m);
	m->name = (char *)name;
	m->help = (char *)help;
	m->gauge = gauge;
	m->value = value;
}

void gv_host_beat(uv_timer_t *timer)
{
	struct host *h = timer->data;
	Kernel__FromHost m = KERNEL__FROM_HOST__INIT;
	Kernel__Beat beat = KERNEL__BEAT__INIT;
	Kernel__Metric full;
	const Kernel__Metric *const *actors = NULL;
	Kernel__Metric **all;
	size_t count = 0;

	beat.now_ms = gv_host_wall_ms();
	beat.settled = h->settled;
	m.kind_case = KERNEL__FROM_HOST__KIND_BEAT;
	m.beat = &beat;
	h->due_ms = -1; /* the wall clock may have been set: reckon the timer anew */
	if (h->actor)
		count = gv_actor_metrics(h->actor, &actors);
	all = calloc(count + 1, sizeof *all);
	if (!all || !h->bus) {
		gv_host_tell(h, &m);
		free(all);
		return;
	}
	fill_metric(&full, "galvan_bus_full_total", "Packets that waited because the receiver's queue was full.", false,
		    (double)gv_bus_counters(h->bus)->full);
	all[0] = &full;
	for (size_t i = 0; i < count; i++)
		all[1 + i] = (Kernel__Metric *)actors[i];
	beat.metrics = all;
	beat.n_metrics = count + 1;
	gv_host_tell(h, &m);
	free(all);
}
