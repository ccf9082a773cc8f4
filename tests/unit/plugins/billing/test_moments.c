/* Which component applies is laid out beforehand, in bands, and looked up once for a stretch of a session. Here it is
 * asked anew at each moment, of each restriction, as OCPI words it. */
#include "world.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "../../leaks.h"

TestSuite(moments, .fini = check_leaks);

#define TARIFFS 3000
#define ELEMENTS_MAX 6
#define SEGMENTS 24
#define LINES_MAX 512
#define HOUR_MS INT64_C(3600000)
#define KWH INT64_C(1000000000)

struct moment {
	int64_t duration_ms, energy_uwh, day;
	int32_t local_s;
};

static bool holds(const struct billing_restrictions *r, const struct moment *m)
{
	const int32_t start_s = r->set & BILLING_START_TIME ? r->start_time_s : 0;
	const int32_t end_s = r->set & BILLING_END_TIME && r->end_time_s ? r->end_time_s : 86400;
	if (start_s < end_s ? m->local_s < start_s || m->local_s >= end_s : m->local_s < start_s && m->local_s >= end_s)
		return false;
	if ((r->set & BILLING_START_DATE && m->day < r->start_day) ||
	    (r->set & BILLING_END_DATE && m->day >= r->end_day))
		return false;
	if (r->set & BILLING_DAY_OF_WEEK && !(r->days >> (m->day + 3) % 7 & 1))
		return false;
	if ((r->set & BILLING_MIN_KWH && m->energy_uwh < r->min_uwh) ||
	    (r->set & BILLING_MAX_KWH && m->energy_uwh >= r->max_uwh))
		return false;
	return !(r->set & BILLING_MIN_DURATION && m->duration_ms < r->min_duration_ms) &&
	       !(r->set & BILLING_MAX_DURATION && m->duration_ms >= r->max_duration_ms);
}

/* By its price: each component has one of its own. */
static int64_t price_by_the_rules(const struct billing_tariff *t, enum billing_dimension d, const struct moment *m)
{
	for (size_t i = 0; i < t->n_elements; i++)
		for (size_t c = 0; c < t->elements[i].n_components; c++)
			if (t->elements[i].components[c].dimension == d && !t->elements[i].restrictions.reservation &&
			    holds(&t->elements[i].restrictions, m))
				return t->elements[i].components[c].price_micro;
	return -1;
}

static int64_t price_in_period(const struct billing_run *run, enum billing_dimension d)
{
	const struct billing_component *c = run->periods[run->n_periods - 1].components[d];
	return c ? c->price_micro : -1;
}

static struct billing_restrictions draw_restrictions(struct world_random *r, int64_t day)
{
	struct billing_restrictions x = { .start_time_s = (int32_t)world_below(r, 24) * 3600,
					  .end_time_s = (int32_t)world_below(r, 24) * 3600,
					  .start_day = day - 1 + world_below(r, 3),
					  .min_uwh = world_below(r, 20) * KWH,
					  .min_duration_ms = world_below(r, 20) * HOUR_MS,
					  .days = (unsigned)world_below(r, 126) + 1 };
	x.end_day = x.start_day + 1 + world_below(r, 2);
	x.max_uwh = x.min_uwh + (1 + world_below(r, 20)) * KWH;
	x.max_duration_ms = x.min_duration_ms + (1 + world_below(r, 20)) * HOUR_MS;
	x.reservation = world_below(r, 8) ? BILLING_NO_RESERVATION : BILLING_RESERVATION_EXPIRES;
	for (int i = 0; i < 3; i++)
		x.set |= (BILLING_START_TIME | BILLING_END_TIME | BILLING_START_DATE | BILLING_END_DATE |
			  BILLING_MIN_KWH | BILLING_MAX_KWH | BILLING_MIN_DURATION | BILLING_MAX_DURATION |
			  BILLING_DAY_OF_WEEK) &
			 1u << world_below(r, 13);
	return x;
}

/* False: it would be refused, as one of its elements can never apply. */
static bool draw_tariff(struct world_random *r, int64_t day, struct billing_tariff *t)
{
	struct billing_error error;
	*t = (struct billing_tariff){ .id = "m", .currency = "EUR", .valid_until_ms = INT64_MAX };
	t->n_elements = 1 + (size_t)world_below(r, ELEMENTS_MAX);
	t->elements = calloc(t->n_elements, sizeof *t->elements);
	for (size_t i = 0; i < t->n_elements; i++) {
		struct billing_element *e = &t->elements[i];
		for (int d = BILLING_ENERGY; d <= BILLING_TIME; d++)
			if (world_below(r, 2) || (d == BILLING_TIME && !e->n_components))
				e->components[e->n_components++] = (struct billing_component){
					.dimension = (enum billing_dimension)d,
					.price_micro = (int64_t)i + 1,
					.vat_ppm = BILLING_VAT_NONE
				};
		e->restrictions = draw_restrictions(r, day);
	}
	if (billing_tariff_prepare(t, &error) == 0)
		return true;
	billing_tariff_fini(t);
	return false;
}

Test(moments, apply_what_the_rules_say)
{
	static const int64_t starts_ms[] = { INT64_C(1774738800000), INT64_C(1792879200000), INT64_C(1795000000000) };
	static struct billing_line lines[LINES_MAX];
	static struct billing_period periods[LINES_MAX];
	struct gv_zone *zone = world_zone("Europe/Amsterdam");
	size_t priced = 0, changes = 0;
	for (uint64_t seed = 1; seed <= TARIFFS; seed++) {
		struct world_random r = { seed };
		struct billing_tariff t;
		struct billing_run run;
		int64_t at_ms = starts_ms[seed % 3] + world_below(&r, 24) * HOUR_MS / 2, last = -1;
		if (!draw_tariff(&r, at_ms / (24 * HOUR_MS), &t))
			continue;
		billing_run_init(&run, &t, zone, lines, LINES_MAX, periods, LINES_MAX);
		for (int i = 0; i < SEGMENTS; i++) {
			struct billing_segment s = { at_ms, at_ms, BILLING_CHARGING, 0, 0, 0 };
			cr_assert_eq(billing_run_add(&run, &s), 0); /* nothing but this moment */
			int64_t local_s = at_ms / 1000 + gv_zone_offset_s(zone, at_ms / 1000);
			struct moment m = { at_ms - run.start_ms, run.energy_uwh, local_s / 86400,
					    (int32_t)(local_s % 86400) };
			for (int d = BILLING_ENERGY; d <= BILLING_TIME; d++)
				cr_assert_eq(price_in_period(&run, (enum billing_dimension)d),
					     price_by_the_rules(&t, (enum billing_dimension)d, &m), "seed %lu, %d",
					     seed, i);
			changes += price_in_period(&run, BILLING_TIME) != last;
			last = price_in_period(&run, BILLING_TIME);
			s.end_ms = at_ms += world_below(&r, 2) ? world_below(&r, 4) * HOUR_MS / 2
							       : world_below(&r, 2 * HOUR_MS);
			s.energy_uwh = world_below(&r, 2) ? world_below(&r, 3) * KWH : world_below(&r, 3 * KWH);
			cr_assert_eq(billing_run_add(&run, &s), 0);
		}
		priced++;
		billing_tariff_fini(&t);
	}
	cr_assert(priced > TARIFFS / 10 && changes > priced, "%zu priced, %zu changes", priced, changes);
	gv_zone_destroy(zone);
}
