/* Which component applies at a moment: for each dimension, the first element whose restrictions all hold and that has
 * the dimension (OCPI 2.2.1 and 2.3, Tariff: "tariff elements"). */
#include "pricing.h"

/* From start until before end; an end at or before the start is on the next day, as is midnight. */
static bool time_holds(const struct billing_restrictions *r, int32_t local_s)
{
	int32_t start = r->set & BILLING_START_TIME ? r->start_time_s : 0;
	int32_t end = r->set & BILLING_END_TIME && r->end_time_s ? r->end_time_s : 86400;
	return start <= end ? local_s >= start && local_s < end : local_s >= start || local_s < end;
}

static bool day_holds(const struct billing_restrictions *r, int64_t day)
{
	if (r->set & BILLING_START_DATE && day < r->start_day)
		return false;
	if (r->set & BILLING_END_DATE && day >= r->end_day)
		return false;
	return !(r->set & BILLING_DAY_OF_WEEK) || r->days >> (day + 3) % 7 & 1; /* 1970-01-01 was a Thursday */
}

static bool current_holds(const struct billing_restrictions *r, const struct billing_moment *m)
{
	int64_t current_ma = m->segment->current_ma;
	if (current_ma == BILLING_UNKNOWN) {
		current_ma = 0;
		*m->current_assumed |= m->segment->kind == BILLING_CHARGING;
	}
	return (!(r->set & BILLING_MIN_CURRENT) || current_ma >= r->min_current_ma) &&
	       (!(r->set & BILLING_MAX_CURRENT) || current_ma < r->max_current_ma);
}

/* As a fraction: the average power of E µWh in D ms is 3600 E / D mW. */
static bool power_holds(const struct billing_restrictions *r, const struct billing_segment *s)
{
	billing_wide power = s->power_mw, over = 1;
	if (s->power_mw == BILLING_UNKNOWN) {
		int64_t ms = s->end_ms - s->start_ms;
		power = (billing_wide)s->energy_uwh * 3600;
		over = ms ? ms : 1;
	}
	return (!(r->set & BILLING_MIN_POWER) || power >= r->min_power_mw * over) &&
	       (!(r->set & BILLING_MAX_POWER) || power < r->max_power_mw * over);
}

static bool holds(const struct billing_restrictions *r, const struct billing_moment *m)
{
	const unsigned set = r->set;
	if (set & (BILLING_START_TIME | BILLING_END_TIME) && !time_holds(r, m->local_s))
		return false;
	if (set & (BILLING_START_DATE | BILLING_END_DATE | BILLING_DAY_OF_WEEK) && !day_holds(r, m->local_day))
		return false;
	if ((set & BILLING_MIN_KWH && m->energy_uwh < r->min_uwh) ||
	    (set & BILLING_MAX_KWH && m->energy_uwh >= r->max_uwh))
		return false;
	if ((set & BILLING_MIN_DURATION && m->duration_ms < r->min_duration_ms) ||
	    (set & BILLING_MAX_DURATION && m->duration_ms >= r->max_duration_ms))
		return false;
	if (set & (BILLING_MIN_POWER | BILLING_MAX_POWER) && !power_holds(r, m->segment))
		return false;
	return !(set & (BILLING_MIN_CURRENT | BILLING_MAX_CURRENT)) || current_holds(r, m);
}

const struct billing_component *billing_pick(const struct billing_tariff *t, enum billing_lookup lookup,
					     enum billing_dimension d, const struct billing_moment *m)
{
	const struct billing_candidate *c = t->candidates[lookup][d];
	for (size_t i = 0; i < t->n_candidates[lookup][d]; i++)
		if (c[i].restrictions->set == 0 || holds(c[i].restrictions, m))
			return c[i].component;
	return NULL;
}

int64_t billing_next_cut(const struct billing_cuts *c, int64_t at)
{
	size_t from = 0, end = c->n; /* a tariff has few: 7 halvings at most */
	while (from < end) {
		size_t middle = from + (end - from) / 2;
		if (c->at[middle] <= at)
			from = middle + 1;
		else
			end = middle;
	}
	return from < c->n ? c->at[from] : INT64_MAX;
}
