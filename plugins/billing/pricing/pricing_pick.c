/* Which component applies at a moment: for each dimension, the first element whose restrictions all hold and that has
 * the dimension (OCPI 2.2.1 and 2.3, Tariff: "tariff elements"). All but power and current follow from how far the
 * session is: they are looked up once for as long as nothing changes. */
#include "pricing.h"

#define DAY_S 86400

/* ---- cells ----------------------------------------------------------------------------------- */

/* The bands have no end that a moment could be behind. */
static const struct billing_band *band_of(const struct billing_band *bands, int64_t at)
{
	while (at >= bands->until)
		bands++;
	return bands;
}

static int64_t floor_div(int64_t n, int64_t d)
{
	return n / d - (n % d < 0);
}

/* Looked up once for as long as it holds. */
static void find_offset(struct billing_run *run, int64_t at_s)
{
	int64_t from_s, until_s;
	run->offset_s = gv_zone_span(run->zone, at_s, &from_s, &until_s);
	run->offset_until_ms = until_s > INT64_MAX / 1000 ? INT64_MAX : until_s * 1000;
}

/* Times of the day and days; a cell ends with the day, and where the clocks change. */
static void narrow_to_local(struct billing_run *run, int64_t at_ms)
{
	const struct billing_tariff *t = run->tariff;
	const int64_t at_s = floor_div(at_ms, 1000);
	if (at_ms >= run->offset_until_ms)
		find_offset(run, at_s);
	const int64_t local_s = at_s + run->offset_s, day = floor_div(local_s, DAY_S), s = local_s - day * DAY_S;
	const int64_t weekday = (day + 3) - floor_div(day + 3, 7) * 7; /* 1970-01-01 was a Thursday */
	const struct billing_band *time = band_of(t->times_s, s);
	const int64_t until_ms = (at_s + time->until - s) * 1000;
	run->cell.holds &= time->holds & band_of(t->days, day)->holds & t->weekdays[weekday];
	if (until_ms < run->cell.until_ms)
		run->cell.until_ms = until_ms;
	if (run->offset_until_ms < run->cell.until_ms)
		run->cell.until_ms = run->offset_until_ms;
}

void billing_find_cell(struct billing_run *run, int64_t at_ms, int64_t energy_uwh)
{
	const struct billing_band *duration = band_of(run->tariff->durations_ms, at_ms - run->start_ms),
				  *energy = band_of(run->tariff->energies_uwh, energy_uwh);
	run->cell.holds = duration->holds & energy->holds;
	run->cell.until_uwh = energy->until;
	run->cell.until_ms = duration->until == INT64_MAX ? INT64_MAX : run->start_ms + duration->until;
	if (run->tariff->asks_local)
		narrow_to_local(run, at_ms);
}

/* ---- power and current ----------------------------------------------------------------------- */

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

static bool current_holds(struct billing_run *run, const struct billing_restrictions *r,
			  const struct billing_segment *s)
{
	int64_t current_ma = s->current_ma;
	if (current_ma == BILLING_UNKNOWN) {
		current_ma = 0;
		run->current_assumed |= s->kind == BILLING_CHARGING;
	}
	return (!(r->set & BILLING_MIN_CURRENT) || current_ma >= r->min_current_ma) &&
	       (!(r->set & BILLING_MAX_CURRENT) || current_ma < r->max_current_ma);
}

const struct billing_component *billing_pick(struct billing_run *run, enum billing_dimension d,
					     const struct billing_segment *s)
{
	const struct billing_tariff *t = run->tariff;
	for (billing_set left = run->cell.holds & t->with[run->lookup][d]; left; left &= left - 1) {
		const struct billing_candidate *c = &t->candidates[__builtin_ctzll(left)];
		const struct billing_restrictions *r = c->restrictions;
		if (r->set & (BILLING_MIN_POWER | BILLING_MAX_POWER) && !power_holds(r, s))
			continue;
		if (r->set & (BILLING_MIN_CURRENT | BILLING_MAX_CURRENT) && !current_holds(run, r, s))
			continue;
		return c->components[d];
	}
	return NULL;
}
