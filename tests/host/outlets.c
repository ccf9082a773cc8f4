/* Outlets: see outlets.h. What drives them: outlet_plugin.c. */
#include "outlets_private.h"

#include <stdio.h>
#include <string.h>

struct outlets *outlets_world;

void outlets_init(struct outlets *o, struct host *h, unsigned n,
		  void (*seen)(struct outlets *o, int64_t at_ms, void *arg), void *arg)
{
	memset(o, 0, sizeof *o);
	o->h = h;
	o->seen = seen;
	o->arg = arg;
	o->metered_ms = host_now_ms(h);
	o->n = n;
	for (unsigned i = 0; i < n; i++)
		snprintf(o->outlet[i].device, sizeof o->outlet[i].device, "outlet:O%u", i);
	outlets_world = o;
}

int64_t outlet_allows(const struct outlet *x, int64_t at_ms)
{
	if (x->session_only && !x->session)
		return 0;
	if (x->session_only && x->limited != x->session)
		return x->max_ma;
	return !x->until_ms || at_ms < x->until_ms ? x->limit_ma : x->fallback_ma;
}

/* ---- cars ------------------------------------------------------------------------------------ */

void outlet_arrive(struct outlet *x, uint64_t car, int64_t wish_ma)
{
	x->wish_ma = wish_ma;
	*(x->closed ? &x->next : &x->session) = car;
}

void outlet_leave(struct outlet *x)
{
	x->closed |= x->session && x->closes;
	x->session = x->next = 0;
}

/* ---- limits ---------------------------------------------------------------------------------- */

static void open_up(struct outlet *x)
{
	x->closed = x->closes = false;
	x->limited = 0;
	if (!x->session)
		x->session = x->next;
	x->next = 0;
}

void outlet_take_in(struct outlet *x, const struct outlet_limit *l, int64_t drift_ms)
{
	x->commissioned = true;
	outlets_world->taken_in++;
	if (l->opens) {
		open_up(x);
		return;
	}
	if (x->session_only) {
		x->closes = true;
		x->closed |= !x->session;
		if (!x->session || l->session != x->session)
			return;
		x->limited = x->session;
	}
	x->limit_ma = l->limit_ma;
	x->until_ms = l->valid_ms ? l->at_ms + l->valid_ms + drift_ms : 0;
	x->fallback_ma = l->fallback_ma;
}

/* In order: a later limit never overtakes an earlier one. */
void outlets_flush(struct outlet *x, int64_t now_ms, bool all)
{
	unsigned n = 0;

	while (n < x->n_pending && (all || x->pending[n].at_ms <= now_ms)) {
		if (x->pending[n].at_ms > now_ms)
			x->pending[n].at_ms = now_ms;
		outlet_take_in(x, &x->pending[n++], outlets_world->drift_ms);
	}
	x->n_pending -= n;
	memmove(x->pending, x->pending + n, x->n_pending * sizeof *x->pending);
}

/* The next moment in from .. now at which something changes by itself; now if nothing does. */
static int64_t next_moment(const struct outlets *o, int64_t from_ms, int64_t now_ms)
{
	int64_t next_ms = now_ms;

	for (unsigned i = 0; i < o->n; i++) {
		const struct outlet *x = &o->outlet[i];

		if (x->until_ms > from_ms && x->until_ms < next_ms)
			next_ms = x->until_ms;
		if (x->n_pending && x->pending[0].at_ms > from_ms && x->pending[0].at_ms < next_ms)
			next_ms = x->pending[0].at_ms;
	}
	return next_ms;
}

void outlets_pass(struct outlets *o)
{
	int64_t now_ms = host_now_ms(o->h);

	for (;;) {
		int64_t at_ms = next_moment(o, o->metered_ms, now_ms);

		for (unsigned i = 0; i < o->n; i++) {
			struct outlet *x = &o->outlet[i];
			int64_t ma = outlet_allows(x, o->metered_ms);

			ma = ma < x->wish_ma ? ma : x->wish_ma;
			if (x->session && ma >= OUTLET_CAR_LEAST_MA)
				x->got_mas += (double)ma * (double)(at_ms - o->metered_ms) / 1000;
			outlets_flush(x, at_ms, false);
		}
		o->metered_ms = at_ms;
		o->seen(o, at_ms, o->arg);
		if (at_ms == now_ms)
			return;
	}
}

struct outlet *outlets_find(const char *device)
{
	for (unsigned i = 0; i < outlets_world->n; i++)
		if (!strcmp(outlets_world->outlet[i].device, device))
			return &outlets_world->outlet[i];
	return NULL;
}
