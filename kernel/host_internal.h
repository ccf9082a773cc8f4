/* What host.c (the loop and the life of a host) and host_line.c (what it sees of the world and says to the kernel)
 * share. */
#ifndef GV_HOST_INTERNAL_H
#define GV_HOST_INTERNAL_H

#include "actor.h"
#include "bus.h"
#include "host.h"
#include "loader.h"
#include "log.h"

#include <uv.h>

enum host_state { WAITING, LOCKING, RUNNING, DRAINING, ENDED };

struct host {
	const struct gv_host_options *o;
	enum host_state state;
	int result;
	bool in_order; /* it ends because it was told to */
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
	int64_t now_ms;              /* the latest time told: never goes back */
	uint64_t directory, settled; /* versions: of the present one, and of the one that the kernel was told the actor
					is settled with */
	int64_t due_ms;              /* what `due` is set to; INT64_MAX: nothing */
	uint8_t random[256];
	size_t random_left;
};

/* Milliseconds since the epoch, as the machine has them. */
int64_t gv_host_wall_ms(void);
/* What the actor sees: clock, randomness, bus, log. */
void gv_host_fill_env(struct host *h);
void gv_host_tell(struct host *h, Kernel__FromHost *m);
void gv_host_tell_failed(struct host *h, const char *text);
/* A sign of life, with what has been counted; a timer's callback too. */
void gv_host_beat(uv_timer_t *timer);

#endif
