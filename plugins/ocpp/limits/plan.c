/* A limit as profiles. A charger that takes everything gets two: the limit on a high stack level and with an end, and
 * below it, without one, what it falls back to; so it does by itself, whoever set the limit may be gone. Chargers that
 * take less are given less, in this order, until one is accepted:
 *
 *   a session's limit      TxProfile, then TxDefaultProfile of its connector
 *   a connector's          TxDefaultProfile, then TxProfile of what runs there
 *   the charger's          ChargePointMaxProfile, then TxDefaultProfile of connector 0 with an equal share for each
 *                          connector, then, where there is but one connector, TxProfile of what runs there
 *
 * each with two stack levels and then with level 0 alone, where the fall-back is the schedule's last period. */
#include "limits.h"

#include <stdlib.h>
#include <string.h>

#define ID_FIRST                                                                                                       \
	20000            /* profiles of SetLimit: four a connector, from here on; small, as some chargers keep 16 bits \
			  */
#define LEVELS_ASSUMED 1 /* greatest stack level of a charger that does not tell it */
#define WAYS_MAX 3

struct way {
	Ocpp__Profile__Purpose purpose;
	uint32_t connector;
	uint32_t share; /* how many parts the limit is cut into */
};

int64_t plan_id(const Ocpp__LimitOrder *order, bool limit)
{
	return ID_FIRST + (int64_t)order->connector * 4 + (order->transaction[0] ? 2 : 0) + (limit ? 1 : 0);
}

/* ---- ways ------------------------------------------------------------------------------------ */

static size_t ways(const struct plan_ask *ask, struct way ret[static WAYS_MAX])
{
	uint32_t connector = ask->order->connector;
	size_t n = 0;

	if (ask->order->transaction[0]) {
		ret[n++] = (struct way){ OCPP__PROFILE__PURPOSE__TX, connector, 1 };
		ret[n++] = (struct way){ OCPP__PROFILE__PURPOSE__TX_DEFAULT, connector, 1 };
		return n;
	}
	if (!connector)
		ret[n++] = (struct way){ OCPP__PROFILE__PURPOSE__STATION_MAX, 0, 1 };
	ret[n++] = (struct way){ OCPP__PROFILE__PURPOSE__TX_DEFAULT, connector, connector ? 1 : ask->connectors };
	if (ask->transaction && (connector || ask->connectors == 1))
		ret[n++] = (struct way){ OCPP__PROFILE__PURPOSE__TX, connector ? connector : 1, 1 };
	return n;
}

static bool taken(const struct plan_ask *ask, const struct way *w, int64_t level)
{
	for (size_t i = 0; i < ask->n_profiles; i++) {
		const struct composite_profile *p = &ask->profiles[i];

		if (p->connector == w->connector && p->profile->purpose == w->purpose &&
		    p->profile->stack_level == level && p->profile->id != plan_id(ask->order, true) &&
		    p->profile->id != plan_id(ask->order, false))
			return true;
	}
	return false;
}

bool plan_is_ours(int64_t id)
{
	return id >= ID_FIRST && id < ID_FIRST + (OCPP_CONNECTOR_MAX + 1) * 4;
}

/* Another limit stands where this one would: one of them would not hold. */
static bool blocked(const struct plan_ask *ask, const struct way *w)
{
	for (size_t i = 0; i < ask->n_profiles; i++) {
		const struct composite_profile *p = &ask->profiles[i];

		if (plan_is_ours(p->profile->id) && p->profile->id != plan_id(ask->order, true) &&
		    p->profile->id != plan_id(ask->order, false) && p->profile->purpose == w->purpose &&
		    (p->connector == w->connector || !p->connector || !w->connector))
			return true;
	}
	return false;
}

/* The highest level that nobody else uses, and the lowest below it; *ret_low -1: there is none. */
static void levels(const struct plan_ask *ask, const struct way *w, bool zero_only, int64_t *ret_high, int64_t *ret_low)
{
	int64_t max = zero_only ? 0 : ask->abilities->has_max_level ? ask->abilities->max_level : LEVELS_ASSUMED;

	*ret_high = max > PROFILES_MAX ? PROFILES_MAX : max;
	max = *ret_high;
	while (*ret_high > 0 && taken(ask, w, *ret_high))
		--*ret_high;
	if (taken(ask, w, *ret_high))
		*ret_high = max;
	for (*ret_low = 0; *ret_low < *ret_high && taken(ask, w, *ret_low); ++*ret_low)
		;
	if (*ret_low >= *ret_high)
		*ret_low = -1;
}

/* ---- schedules ------------------------------------------------------------------------------- */

struct form {
	const struct plan_ask *ask;
	const struct way *way;
	bool power;
};

static int64_t tenths(const struct form *f, const Charging__LimitPeriod *p)
{
	int64_t limit = p->power_w ? p->power_w * 10 : p->current_ma / 100;

	return composite_convert(limit, p->power_w != 0, f->power, f->ask->voltage_v, p->phases) / f->way->share;
}

static void add_period(struct gv_turn *t, Ocpp__ProfileSchedule *s, uint32_t start_s, int64_t limit, uint32_t phases)
{
	uint32_t at = start_s ? start_s + LIMIT_PAST_S : 0;
	Ocpp__ProfilePeriod *p = gv_alloc(t, sizeof *p);

	ocpp__profile_period__init(p);
	p->start_s = at;
	p->limit_tenths = limit;
	p->phases = phases;
	*GV_APPEND(t, s->periods, s->n_periods) = p;
}

/* Where a charger takes fewer periods, the last one has the least that those behind it allow. `keep`: how many at the
 * end stay as they are. */
static void condense(Ocpp__ProfileSchedule *s, size_t max, size_t keep)
{
	if (!max || s->n_periods <= max || max <= keep)
		return;
	for (size_t i = max - keep; i < s->n_periods - keep; i++)
		if (s->periods[i]->limit_tenths < s->periods[max - keep - 1]->limit_tenths)
			s->periods[max - keep - 1]->limit_tenths = s->periods[i]->limit_tenths;
	memmove(&s->periods[max - keep], &s->periods[s->n_periods - keep], keep * sizeof *s->periods);
	s->n_periods = max;
}

/* In W where the limit is, unless the charger takes the other only. */
static bool in_power(const struct plan_ask *ask)
{
	const Charging__SetLimitRequest *r = ask->order->set;
	bool power = false;

	if (ask->abilities->current_only || ask->abilities->power_only)
		return ask->abilities->power_only;
	for (size_t i = 0; i < r->n_periods; i++) {
		if (r->periods[i]->current_ma && !r->periods[i]->power_w)
			return false;
		power |= r->periods[i]->power_w != 0;
	}
	return power;
}

static Ocpp__Profile *make(struct gv_turn *t, const struct form *f, int64_t level, bool limit)
{
	Ocpp__Profile *p = gv_alloc(t, sizeof *p);
	Ocpp__ProfileSchedule *s = gv_alloc(t, sizeof *s);

	ocpp__profile__init(p);
	ocpp__profile_schedule__init(s);
	p->id = plan_id(f->ask->order, limit);
	p->purpose = f->way->purpose;
	p->stack_level = level;
	if (p->purpose == OCPP__PROFILE__PURPOSE__TX)
		p->transaction = (char *)f->ask->transaction;
	*GV_APPEND(t, p->schedules, p->n_schedules) = s;
	s->id = p->id;
	s->power = f->power;
	s->start_ms = f->ask->order->asked_at_ms / 1000 * 1000 - LIMIT_PAST_S * 1000;
	return p;
}

static const Ocpp__Profile *make_fallback(struct gv_turn *t, const struct form *f, int64_t level)
{
	const Charging__LimitPeriod *fallback = f->ask->order->set->fallback;
	Ocpp__Profile *p = make(t, f, level, false);

	add_period(t, p->schedules[0], 0, tenths(f, fallback), fallback->phases);
	return p;
}

/* `with_fallback`: as its last period. NULL where that has no room. */
static const Ocpp__Profile *make_limit(struct gv_turn *t, const struct form *f, int64_t level, bool with_fallback)
{
	const Charging__SetLimitRequest *r = f->ask->order->set;
	Ocpp__Profile *p = make(t, f, level, true);
	Ocpp__ProfileSchedule *s = p->schedules[0];

	for (size_t i = 0; i < r->n_periods; i++)
		if (!r->valid_s || r->periods[i]->start_s < r->valid_s)
			add_period(t, s, r->periods[i]->start_s, tenths(f, r->periods[i]), r->periods[i]->phases);
	if (with_fallback) {
		if (f->ask->abilities->max_periods == 1)
			return NULL;
		add_period(t, s, r->valid_s, tenths(f, r->fallback), r->fallback->phases);
	} else if (r->valid_s) {
		s->bounded = true;
		s->duration_s = r->valid_s + LIMIT_PAST_S;
	}
	condense(s, f->ask->abilities->max_periods, with_fallback ? 1 : 0);
	return p;
}

/* ---- what is next ---------------------------------------------------------------------------- */

static const struct composite_profile *has(const struct plan_ask *ask, int64_t id)
{
	for (size_t i = 0; i < ask->n_profiles; i++)
		if (ask->profiles[i].profile->id == id)
			return &ask->profiles[i];
	return NULL;
}

static bool same_fallback(const struct composite_profile *had, const struct way *w, const Ocpp__Profile *p)
{
	const Ocpp__ProfileSchedule *a, *b = p->schedules[0];

	if (!had || had->connector != w->connector || had->profile->purpose != p->purpose ||
	    had->profile->stack_level != p->stack_level || strcmp(had->profile->transaction, p->transaction) != 0)
		return false;
	a = had->profile->schedules[0];
	return a->power == b->power && a->n_periods == 1 &&
	       a->periods[0]->limit_tenths == b->periods[0]->limit_tenths &&
	       a->periods[0]->phases == b->periods[0]->phases;
}

/* The next step of one attempt: what it falls back to, the limit, and away with a fall-back that is not wanted any
 * more. False: this attempt cannot be made. */
static bool plan_way(struct gv_turn *t, const struct plan_ask *ask, const struct way *w, bool zero_only,
		     struct plan *ret)
{
	const Charging__SetLimitRequest *r = ask->order->set;
	const struct composite_profile *had = has(ask, plan_id(ask->order, false));
	struct form f = { ask, w, in_power(ask) };
	bool falls_back = r->fallback && r->valid_s, beside;
	int64_t high, low;

	levels(ask, w, zero_only, &high, &low);
	beside = falls_back && low >= 0; /* with a profile of its own */
	ret->connector = w->connector;
	if (beside && !ask->order->done) {
		ret->profile = make_fallback(t, &f, low);
		ret->kind = same_fallback(had, w, ret->profile) ? PLAN_NOTHING : PLAN_SET;
	} else if (had && !beside) {
		/* Where it does not give way to the limit by itself, it goes first. */
		bool in_the_way = !ask->level_replaces && had->profile->stack_level == high;

		ret->id = had->profile->id;
		ret->kind = ask->order->done || in_the_way ? PLAN_CLEAR : PLAN_NOTHING;
	}
	if (ret->kind || ask->order->done)
		return true;
	ret->profile = make_limit(t, &f, high, falls_back && !beside);
	ret->kind = PLAN_SET;
	ret->limit = true;
	return ret->profile != NULL;
}

/* Whether a charger is known to refuse this attempt. */
static bool known_refused(const struct plan_ask *ask, const struct way *w, bool zero_only)
{
	const Ocpp__Abilities *a = ask->abilities;

	if (a->refused & (REFUSED_ALL | 1u << w->purpose))
		return true;
	return !zero_only && ((a->refused & REFUSED_LEVELS) || (a->has_max_level && !a->max_level));
}

/* It takes profiles of sessions only, and none runs there. */
static bool lacks_session(const struct plan_ask *ask)
{
	uint32_t refused = ask->abilities->refused;

	return !ask->transaction && !ask->order->transaction[0] &&
	       (refused & 1u << OCPP__PROFILE__PURPOSE__TX_DEFAULT) &&
	       !(refused & (REFUSED_ALL | 1u << OCPP__PROFILE__PURPOSE__TX));
}

void plan_set(struct gv_turn *t, const struct plan_ask *ask, struct plan *ret, uint32_t *ret_attempt)
{
	struct way list[WAYS_MAX];
	size_t n = ways(ask, list);
	bool is_blocked = false;

	for (uint32_t attempt = ask->order->attempt; attempt < 2 * n; attempt++) {
		const struct way *w = &list[attempt / 2];
		bool zero_only = attempt % 2;

		memset(ret, 0, sizeof *ret);
		*ret_attempt = attempt;
		if (!ask->order->done && known_refused(ask, w, zero_only))
			continue;
		if (!blocked(ask, w) && plan_way(t, ask, w, zero_only, ret))
			return;
		is_blocked = true;
	}
	memset(ret, 0, sizeof *ret);
	ret->blocked = is_blocked || lacks_session(ask);
}

void plan_clear(const struct plan_ask *ask, struct plan *ret)
{
	memset(ret, 0, sizeof *ret);
	for (int limit = 1; limit >= 0 && !ret->kind; limit--) {
		ret->id = plan_id(ask->order, limit);
		if (has(ask, ret->id))
			ret->kind = PLAN_CLEAR;
	}
}

uint32_t plan_refused(const struct plan_ask *ask, uint32_t refused)
{
	struct way list[WAYS_MAX];
	size_t n = ways(ask, list), i = ask->order->attempt / 2;

	if (i >= n)
		return refused;
	if (ask->order->attempt % 2 == 0)
		return refused | REFUSED_LEVELS;
	/* Level 0 was refused as well: the levels were not what it minded. */
	return (refused & ~(uint32_t)REFUSED_LEVELS) | 1u << list[i].purpose;
}
