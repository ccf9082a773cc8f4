/* The composite schedule: from one instant to the next at which anything may change. Each profile says what it allows
 * now, and until when that stands; the earliest of these is where to look next. */
#include "composite.h"

#include <string.h>

#define DAY_MS INT64_C(86400000)
#define WEEK_MS (7 * DAY_MS)

/* What a profile, a purpose, or all of them allow at an instant. */
struct limit {
	bool set;
	bool power;
	int64_t tenths;
	uint32_t phases;
};

static void earlier(int64_t *until_ms, int64_t ms)
{
	if (ms < *until_ms)
		*until_ms = ms;
}

/* ---- one profile ----------------------------------------------------------------------------- */

/* When a schedule began. One that is told relative to something has done so by start_ms, however the clocks differ. */
static int64_t origin_of(const struct composite_ask *ask, const Ocpp__Profile *p, const Ocpp__ProfileSchedule *s,
			 const struct composite_connector *c)
{
	int64_t ms = p->set_at_ms;

	if (s->start_ms && p->kind != OCPP__PROFILE__KIND__RELATIVE)
		return s->start_ms;
	if (p->purpose == OCPP__PROFILE__PURPOSE__TX_DEFAULT || p->purpose == OCPP__PROFILE__PURPOSE__TX)
		ms = c && c->transaction ? c->started_ms : ask->start_ms;
	return ms < ask->start_ms ? ms : ask->start_ms;
}

/* Of a schedule that began at base_ms, at base_ms + elapsed_ms: the last period that has begun. */
static bool period_at(const Ocpp__ProfileSchedule *s, int64_t base_ms, int64_t elapsed_ms, struct limit *ret,
		      int64_t *until_ms)
{
	size_t begun = 0, end = s->n_periods;

	while (begun < end) {
		size_t middle = begun + (end - begun) / 2;

		if ((int64_t)s->periods[middle]->start_s * 1000 <= elapsed_ms)
			begun = middle + 1;
		else
			end = middle;
	}
	if (begun < s->n_periods)
		earlier(until_ms, base_ms + (int64_t)s->periods[begun]->start_s * 1000);
	if (!begun)
		return false;
	*ret = (struct limit){ true, s->power, s->periods[begun - 1]->limit_tenths, s->periods[begun - 1]->phases };
	return true;
}

/* What this profile allows at `at_ms`; false where its schedule does not cover that. *until_ms is lowered to when that
 * may change. */
static bool profile_at(const struct composite_ask *ask, const Ocpp__Profile *p, const struct composite_connector *c,
		       int64_t at_ms, struct limit *ret, int64_t *until_ms)
{
	const Ocpp__ProfileSchedule *s = p->n_schedules ? p->schedules[0] : NULL;
	int64_t base_ms, elapsed_ms, cycle_ms;

	if (!s || (p->valid_to_ms && at_ms >= p->valid_to_ms))
		return false;
	if (p->valid_to_ms)
		earlier(until_ms, p->valid_to_ms);
	base_ms = origin_of(ask, p, s, c);
	if (at_ms < p->valid_from_ms || at_ms < base_ms) {
		earlier(until_ms, at_ms < p->valid_from_ms ? p->valid_from_ms : base_ms);
		return false;
	}
	elapsed_ms = at_ms - base_ms;
	if (p->kind == OCPP__PROFILE__KIND__RECURRING) {
		cycle_ms = p->recurrency == OCPP__PROFILE__RECURRENCY__WEEKLY ? WEEK_MS : DAY_MS;
		base_ms += elapsed_ms / cycle_ms * cycle_ms;
		elapsed_ms %= cycle_ms;
		earlier(until_ms, base_ms + cycle_ms);
	}
	if (s->bounded) {
		if (elapsed_ms >= (int64_t)s->duration_s * 1000)
			return false;
		earlier(until_ms, base_ms + (int64_t)s->duration_s * 1000);
	}
	return period_at(s, base_ms, elapsed_ms, ret, until_ms);
}

/* ---- one purpose ----------------------------------------------------------------------------- */

/* `c` NULL: for the station as a whole. */
static bool concerns(const struct composite_profile *p, const struct composite_connector *c)
{
	if (!c)
		return p->connector == 0;
	if (p->profile->purpose != OCPP__PROFILE__PURPOSE__TX)
		return p->connector == 0 || p->connector == c->id;
	return p->connector == c->id && c->transaction &&
	       (!p->profile->transaction[0] || !strcmp(p->profile->transaction, c->transaction));
}

static bool goes_before(const struct composite_profile *a, const struct composite_profile *b)
{
	if (a->profile->stack_level != b->profile->stack_level)
		return a->profile->stack_level > b->profile->stack_level;
	if (!a->connector != !b->connector)
		return a->connector != 0;
	return a->profile->set_at_ms > b->profile->set_at_ms;
}

static struct limit purpose_at(const struct composite_ask *ask, Ocpp__Profile__Purpose purpose,
			       const struct composite_connector *c, int64_t at_ms, int64_t *until_ms)
{
	const struct composite_profile *best = NULL;
	struct limit limit = { 0 }, one;

	for (size_t i = 0; i < ask->n_profiles; i++) {
		const struct composite_profile *p = &ask->profiles[i];

		if (p->profile->purpose != purpose || !concerns(p, c))
			continue;
		if (profile_at(ask, p->profile, c, at_ms, &one, until_ms) && (!best || goes_before(p, best))) {
			best = p;
			limit = one;
		}
	}
	return limit;
}

/* ---- all purposes ---------------------------------------------------------------------------- */

int64_t composite_convert(int64_t limit_tenths, bool from_power, bool to_power, uint32_t voltage_v, uint32_t phases)
{
	int64_t volts = (int64_t)voltage_v * (phases ? phases : COMPOSITE_PHASES);

	if (limit_tenths == COMPOSITE_UNLIMITED || from_power == to_power || limit_tenths < 0)
		return limit_tenths;
	if (!to_power)
		return limit_tenths / volts;
	return limit_tenths > (COMPOSITE_UNLIMITED - 1) / volts ? COMPOSITE_UNLIMITED - 1 : limit_tenths * volts;
}

static void least(const struct composite_ask *ask, const struct limit *limits, size_t n, struct composite_span *ret)
{
	for (size_t i = 0; i < n; i++)
		if (limits[i].set && limits[i].phases && (!ret->phases || limits[i].phases < ret->phases))
			ret->phases = limits[i].phases;
	for (size_t i = 0; i < n; i++) {
		int64_t tenths;

		if (!limits[i].set)
			continue;
		tenths = composite_convert(limits[i].tenths, limits[i].power, ask->power, ask->voltage_v, ret->phases);
		if (tenths < ret->limit_tenths)
			ret->limit_tenths = tenths;
	}
}

/* Of the transaction that runs there, or would. */
static struct limit transaction_at(const struct composite_ask *ask, const struct composite_connector *c, int64_t at_ms,
				   int64_t *until_ms)
{
	struct limit limit = purpose_at(ask, OCPP__PROFILE__PURPOSE__TX, c, at_ms, until_ms);

	return limit.set ? limit : purpose_at(ask, OCPP__PROFILE__PURPOSE__TX_DEFAULT, c, at_ms, until_ms);
}

static void connector_at(const struct composite_ask *ask, const struct composite_connector *c, int64_t at_ms,
			 struct composite_span *ret, int64_t *until_ms)
{
	struct limit limits[3];

	limits[0] = purpose_at(ask, OCPP__PROFILE__PURPOSE__EXTERNAL, c, at_ms, until_ms);
	limits[1] = purpose_at(ask, OCPP__PROFILE__PURPOSE__STATION_MAX, c, at_ms, until_ms);
	limits[2] = transaction_at(ask, c, at_ms, until_ms);
	*ret = (struct composite_span){ 0, COMPOSITE_UNLIMITED, 0 };
	least(ask, limits, 3, ret);
}

/* Up to the first connector without a limit: until that changes, the sum has none. */
static int64_t sum_at(const struct composite_ask *ask, int64_t at_ms, uint32_t *ret_phases, int64_t *until_ms)
{
	int64_t sum = ask->n_connectors ? 0 : COMPOSITE_UNLIMITED;

	*ret_phases = 0;
	for (size_t i = 0; i < ask->n_connectors && sum != COMPOSITE_UNLIMITED; i++) {
		struct limit limit = transaction_at(ask, &ask->connectors[i], at_ms, until_ms);
		struct composite_span one = { 0, COMPOSITE_UNLIMITED, 0 };

		least(ask, &limit, 1, &one);
		*ret_phases = ask->n_connectors == 1 ? one.phases : 0;
		sum = one.limit_tenths > COMPOSITE_UNLIMITED - 1 - sum ? COMPOSITE_UNLIMITED : sum + one.limit_tenths;
	}
	return sum;
}

static void station_at(const struct composite_ask *ask, int64_t at_ms, struct composite_span *ret, int64_t *until_ms)
{
	struct limit limits[2];
	uint32_t phases;
	int64_t sum;

	limits[0] = purpose_at(ask, OCPP__PROFILE__PURPOSE__EXTERNAL, NULL, at_ms, until_ms);
	limits[1] = purpose_at(ask, OCPP__PROFILE__PURPOSE__STATION_MAX, NULL, at_ms, until_ms);
	*ret = (struct composite_span){ 0, COMPOSITE_UNLIMITED, 0 };
	least(ask, limits, 2, ret);
	sum = sum_at(ask, at_ms, &phases, until_ms);
	if (sum < ret->limit_tenths)
		*ret = (struct composite_span){ 0, sum, phases };
}

size_t composite(const struct composite_ask *ask, struct composite_span *ret, size_t max, uint32_t *ret_until_s)
{
	size_t n = 0;
	uint32_t at_s = 0;

	for (unsigned steps = 0; at_s < ask->duration_s || !n; steps++) {
		int64_t at_ms = ask->start_ms + (int64_t)at_s * 1000, until_ms = INT64_MAX, next_s;
		struct composite_span span;

		if (ask->station)
			station_at(ask, at_ms, &span, &until_ms);
		else
			connector_at(ask, &ask->connectors[0], at_ms, &span, &until_ms);
		span.start_s = at_s;
		if (!n || ret[n - 1].limit_tenths != span.limit_tenths || ret[n - 1].phases != span.phases) {
			if (n == max)
				break;
			ret[n++] = span;
		}
		if (steps == COMPOSITE_STEPS_MAX)
			break;
		next_s = until_ms == INT64_MAX ? ask->duration_s : (until_ms - ask->start_ms + 999) / 1000;
		at_s = next_s < ask->duration_s ? (uint32_t)next_s : ask->duration_s;
	}
	*ret_until_s = at_s;
	return n;
}

/* ---- comparison ------------------------------------------------------------------------------ */

static bool apart(const struct composite_span *ours, const struct composite_span *theirs)
{
	if (ours->limit_tenths == COMPOSITE_UNLIMITED)
		return false;
	if (theirs->limit_tenths == COMPOSITE_UNLIMITED || ours->limit_tenths - theirs->limit_tenths > 1 ||
	    theirs->limit_tenths - ours->limit_tenths > 1)
		return true;
	return ours->phases && theirs->phases && ours->phases != theirs->phases;
}

bool composite_differs(const struct composite_span *ours, size_t n_ours, const struct composite_span *theirs,
		       size_t n_theirs, uint32_t duration_s)
{
	static const struct composite_span none = { 0, COMPOSITE_UNLIMITED, 0 };
	uint32_t apart_s = 0; /* how long they have been apart */
	size_t i = 0, j = 0;

	if (!n_ours)
		ours = &none, n_ours = 1;
	if (!n_theirs)
		theirs = &none, n_theirs = 1;
	for (uint32_t at_s = 0; at_s < duration_s;) {
		uint32_t next_s = duration_s;

		while (i + 1 < n_ours && ours[i + 1].start_s <= at_s)
			i++;
		while (j + 1 < n_theirs && theirs[j + 1].start_s <= at_s)
			j++;
		if (i + 1 < n_ours && ours[i + 1].start_s < next_s)
			next_s = ours[i + 1].start_s;
		if (j + 1 < n_theirs && theirs[j + 1].start_s < next_s)
			next_s = theirs[j + 1].start_s;
		apart_s = apart(&ours[i], &theirs[j]) ? apart_s + (next_s - at_s) : 0;
		if (apart_s > COMPOSITE_SLACK_S)
			return true;
		at_s = next_s;
	}
	return false;
}
