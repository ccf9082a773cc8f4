/* Which charger's list is next. What is due is remembered with the connection only: every charger that connects, or is
 * still connected after a restart, is due anyway. */
#include "lists.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define VISITS_MAX 64    /* chargers that are looked at in one turn */
#define VISIT_AGAIN_MS 1 /* while more are due */

static int arm(struct ocpp *o, struct gv_turn *t, int64_t at_ms)
{
	struct lists *l = o->lists;

	if (l->run_ms > gv_now_ms(t) && l->run_ms <= at_ms)
		return 0;
	/* One that is over and has not come yet must come first. */
	if (!l->run_ms || l->run_ms > at_ms)
		l->run_ms = at_ms;
	return gv_timer(t, FLEET_TIMER, l->run_ms, NULL);
}

int fleet_changed(struct ocpp *o, struct gv_turn *t)
{
	if (o->lists->change_ms)
		return 0;
	o->lists->change_ms = gv_now_ms(t) + o->lists->delay_ms;
	return arm(o, t, o->lists->change_ms);
}

int fleet_due(struct ocpp *o, struct gv_turn *t, struct station *st, int64_t at_ms)
{
	if (!st->list_due_ms || st->list_due_ms > at_ms)
		st->list_due_ms = at_ms;
	return arm(o, t, st->list_due_ms);
}

int fleet_opened(struct ocpp *o, struct gv_turn *t, struct station *st)
{
	st->list_check = true;
	return o->lists->change ? fleet_due(o, t, st, gv_now_ms(t) + o->lists->delay_ms) : 0;
}

void fleet_busy(struct ocpp *o, struct station *st, bool busy)
{
	if (st->list_busy == busy)
		return;
	st->list_busy = busy;
	if (busy)
		o->lists->busy++;
	else
		o->lists->busy--;
}

static void all_due(struct ocpp *o, int64_t now)
{
	for (unsigned i = 0; i < OCPP_STATIONS_BUCKETS; i++)
		for (struct station *st = o->stations[i]; st; st = st->next)
			st->list_due_ms = now;
}

/* Goes on with the lists of one bucket's chargers that are due. False where the walk ends: as many are asked as may be
 * at once, and the answer of one of them begins the next walk; or as many were visited as one turn may. */
static bool visit(struct ocpp *o, struct gv_turn *t, struct station *st, unsigned *visits, int64_t *earliest)
{
	int64_t now = gv_now_ms(t);

	for (; st; st = st->next) {
		if (!st->list_due_ms)
			continue;
		if (st->list_due_ms > now) {
			*earliest = st->list_due_ms < *earliest ? st->list_due_ms : *earliest;
			continue;
		}
		if (o->lists->busy >= LISTS_AT_ONCE)
			return false;
		if (++*visits > VISITS_MAX) {
			*earliest = now + VISIT_AGAIN_MS;
			return false;
		}
		st->list_due_ms = 0;
		sync_next(o, t, st);
	}
	return true;
}

int fleet_run(struct ocpp *o, struct gv_turn *t)
{
	struct lists *l = o->lists;
	int64_t now = gv_now_ms(t), earliest = INT64_MAX;
	unsigned visits = 0, first = l->bucket;

	if (l->run_ms <= now)
		l->run_ms = 0;
	if (l->change_ms && l->change_ms <= now) {
		l->change_ms = 0;
		all_due(o, now);
	}
	for (unsigned i = 0; i < OCPP_STATIONS_BUCKETS; i++) {
		l->bucket = (first + i) % OCPP_STATIONS_BUCKETS;
		if (!visit(o, t, o->stations[l->bucket], &visits, &earliest))
			break;
	}
	if (l->change_ms && l->change_ms < earliest)
		earliest = l->change_ms;
	return earliest == INT64_MAX ? 0 : arm(o, t, earliest);
}

/* ---- start and stop -------------------------------------------------------------------------- */

int lists_create(struct ocpp *o, const Ocpp__Config *c)
{
	struct lists *l = calloc(1, sizeof *l);

	if (!l)
		return -ENOMEM;
	l->on = strcmp(c->local_list, "off") != 0;
	l->delay_ms = (int64_t)c->local_list_delay_s * 1000;
	l->check_ms = (int64_t)c->local_list_check_s * 1000;
	l->chunk = c->local_list_chunk;
	l->entries = c->local_list_entries;
	l->clear_cache = c->clear_cache_on_block;
	o->lists = l;
	return 0;
}

void lists_destroy(struct lists *l)
{
	free(l);
}
