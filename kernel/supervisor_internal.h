/* What supervisor.c (the life of each instance), publish.c (the directory) and supervise.c (the whole: start, time,
 * stop) share. */
#ifndef GV_SUPERVISOR_INTERNAL_H
#define GV_SUPERVISOR_INTERNAL_H

#include "supervisor.h"

struct gv_supervisor {
	struct gv_supervisor_options o;
	struct gv_hosts *hosts;
	struct gv_unit *units[GV_SUPERVISOR_UNITS_MAX];
	size_t n_units;
	uv_timer_t tick;
	int64_t ticked_ms;
	int64_t started_ms; /* when all had started for the first time; 0: not yet */
	unsigned handles;
	int64_t hang_ms, start_timeout_ms, stop_timeout_ms;
	bool ready, in_order;
	enum { UP, DRIVERS_STOP, OTHERS_STOP, DOWN } phase;
	Kernel__Directory directory;
	Kernel__Peer *peers;
	Kernel__Peer **peer_pointers;
	size_t peers_capacity;
};

static inline int64_t gv_supervisor_now_ms(const struct gv_supervisor *s)
{
	return (int64_t)uv_now(s->o.loop);
}

/* ---- publish.c: makes the directory anew and tells everybody */
void gv_supervisor_publish(struct gv_supervisor *s);

/* ---- supervisor.c: what hosts say, and how they end */
void gv_supervisor_on_message(void *arg, struct gv_host *h, const Kernel__FromHost *m);
void gv_supervisor_on_ended(void *arg, struct gv_host *h, bool clean);

/* ---- supervise.c */
/* During a stop, something has gone down. */
void gv_supervisor_go_on_stopping(struct gv_supervisor *s);
/* Something has started or settled: `ready` once all have. */
void gv_supervisor_check_ready(struct gv_supervisor *s);

#endif
