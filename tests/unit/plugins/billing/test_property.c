/* What must hold for every session and tariff, tried on many drawn from a seed (printed on failure). */
#include "world.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../leaks.h"

TestSuite(property, .fini = check_leaks);

#define ROUNDS 3000
#define LINES_MAX 512
#define SEGMENTS_MAX 24

static const char *const tariffs[] = {
	/* bands of the day, of energy, of duration, of power; several taxes */
	"{'id':'a','currency':'EUR','elements':["
	"{'price_components':[{'type':'FLAT','price':0.37,'vat':19,'step_size':1},"
	"{'type':'ENERGY','price':0.2913,'vat':19,'step_size':100}],'restrictions':{'start_time':'22:00','end_time':'"
	"06:30'}},"
	"{'price_components':[{'type':'ENERGY','price':0.4177,'vat':7,'step_size':30},"
	"{'type':'TIME','price':1.13,'vat':19,'step_size':60}],'restrictions':{'max_kwh':7.3}},"
	"{'price_components':[{'type':'PARKING_TIME','price':4.9,'vat':19,'step_size':300}],"
	"'restrictions':{'min_duration':1700}},"
	"{'price_components':[{'type':'ENERGY','price':0.551,'step_size':1},{'type':'TIME','price':0.7,'vat':5.5,'step_"
	"size':7},"
	"{'type':'PARKING_TIME','price':0.1,'step_size':1}]}]}",
	/* taxes in the prices, limits, days */
	"{'id':'b','currency':'EUR','tax_included':'YES','min_price':{'before_taxes':0.5},'max_price':{'before_taxes':"
	"9},"
	"'elements':[{'price_components':[{'type':'ENERGY','price':0.4,'vat':21,'step_size':1}],"
	"'restrictions':{'day_of_week':['SATURDAY','SUNDAY'],'min_kwh':1.234567}},"
	"{'price_components':[{'type':'ENERGY','price':0.6,'vat':6,'step_size':1000},"
	"{'type':'TIME','price':3,'vat':12.5,'step_size':600}],'restrictions':{'min_power':11}},"
	"{'price_components':[{'type':'ENERGY','price':0.5,'vat':21,'step_size':1},"
	"{'type':'PARKING_TIME','price':6,'vat':21,'step_size':60}]}],"
	"'galvan':{'idle_grace_s':600,'idle_cap':5}}",
	/* neither steps nor limits: nothing but exact sums; three digits of money */
	"{'id':'c','currency':'KWD','elements':["
	"{'price_components':[{'type':'ENERGY','price':0.333333,'vat':3.3333,'step_size':0},"
	"{'type':'TIME','price':0.123457,'step_size':0}],'restrictions':{'max_kwh':3,'start_time':'02:30','end_time':'"
	"17:01'}},"
	"{'price_components':[{'type':'ENERGY','price':0.777777,'vat':9.9999,'step_size':0},"
	"{'type':'TIME','price':0.654321,'step_size':0},{'type':'PARKING_TIME','price':0.9,'step_size':0}]}]}",
};
#define TARIFFS (sizeof tariffs / sizeof *tariffs)

struct session {
	struct billing_segment segments[SEGMENTS_MAX];
	size_t n;
};

/* A session that any millisecond cuts at a whole number of µWh: each segment has `k` of them per ms. Around the nights
 * on which the clocks change, and elsewhere. */
static struct session draw_session(struct world_random *r)
{
	static const int64_t starts_ms[] = { INT64_C(1774738800000), INT64_C(1792879200000), INT64_C(1795000000000) };
	struct session s = { .n = 1 + (size_t)world_below(r, 8) };
	int64_t at_ms = starts_ms[world_below(r, 3)] + world_below(r, 8 * 3600000);
	for (size_t i = 0; i < s.n; i++) {
		struct billing_segment *g = &s.segments[i];
		int64_t ms = world_below(r, 3) ? world_below(r, 2 * 3600000) : world_below(r, 120) * 60000;
		g->start_ms = at_ms;
		g->end_ms = at_ms += ms;
		g->kind = world_below(r, 3) ? BILLING_CHARGING : BILLING_IDLE;
		g->energy_uwh = g->kind == BILLING_CHARGING || !world_below(r, 4) ? ms * world_below(r, 6000) : 0;
		g->current_ma = world_below(r, 2) ? BILLING_UNKNOWN : world_below(r, 64000);
		g->power_mw = BILLING_UNKNOWN;
	}
	return s;
}

static struct billing_price price_of(const struct billing_tariff *t, const struct gv_zone *zone,
				     const struct session *s, struct billing_run *ret_run, struct billing_line *lines)
{
	struct billing_price p;
	billing_run_init(ret_run, t, zone, lines, LINES_MAX, NULL, 0);
	for (size_t i = 0; i < s->n; i++)
		cr_assert_eq(billing_run_add(ret_run, &s->segments[i]), 0);
	cr_assert_eq(billing_run_price(ret_run, &p), 0);
	return p;
}

static bool same(const struct billing_price *a, const struct billing_price *b)
{
	return a->excl_minor == b->excl_minor && a->incl_minor == b->incl_minor && a->excl_fine == b->excl_fine &&
	       a->incl_fine == b->incl_fine && a->flags == b->flags && a->n_taxes == b->n_taxes &&
	       !memcmp(a->taxes, b->taxes, a->n_taxes * sizeof *a->taxes) &&
	       !memcmp(a->dimension_minor, b->dimension_minor, sizeof a->dimension_minor);
}

Test(property, splitting_a_session_at_any_instant_changes_nothing)
{
	struct gv_zone *zone = world_zone("Europe/Amsterdam");
	static struct billing_line lines[LINES_MAX], split_lines[LINES_MAX];
	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		struct world_random r = { seed };
		struct billing_tariff t = world_tariff(tariffs[seed % TARIFFS]);
		struct billing_run run, split_run;
		struct session s = draw_session(&r), split = s;
		struct billing_price whole = price_of(&t, zone, &s, &run, lines), parts;
		for (int cuts = 0; cuts < 4; cuts++) {
			size_t i = (size_t)world_below(&r, (int64_t)split.n);
			struct billing_segment *g = &split.segments[i];
			int64_t ms = g->end_ms - g->start_ms, at_ms = ms ? world_below(&r, ms + 1) : 0;
			memmove(g + 1, g, (split.n - i) * sizeof *g);
			split.n++;
			g[0].end_ms = g[1].start_ms = g->start_ms + at_ms;
			g[0].energy_uwh = ms ? g[0].energy_uwh / ms * at_ms : 0;
			g[1].energy_uwh -= g[0].energy_uwh;
		}
		parts = price_of(&t, zone, &split, &split_run, split_lines);
		cr_assert(same(&whole, &parts), "seed %lu: %ld and %ld whole, %ld and %ld in parts", seed,
			  whole.excl_minor, whole.incl_minor, parts.excl_minor, parts.incl_minor);
		cr_assert_eq(run.n_lines, split_run.n_lines, "seed %lu", seed);
		for (size_t i = 0; i < run.n_lines; i++)
			cr_assert(lines[i].billed == split_lines[i].billed &&
					  lines[i].excl_fine == split_lines[i].excl_fine &&
					  lines[i].excl_minor == split_lines[i].excl_minor,
				  "seed %lu: line %zu", seed, i);
		billing_tariff_fini(&t);
	}
	gv_zone_destroy(zone);
}

/* Tariff c has one rate more after each cut and no steps: asked again and again, the cost only grows. */
Test(property, cost_never_falls_while_a_session_goes_on)
{
	struct gv_zone *zone = world_zone("Europe/Amsterdam");
	static struct billing_line lines[LINES_MAX];
	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		struct world_random r = { seed };
		struct billing_tariff t = world_tariff(tariffs[2]);
		struct billing_run run;
		struct session s = draw_session(&r);
		struct billing_price p, before = { 0 };
		billing_run_init(&run, &t, zone, lines, LINES_MAX, NULL, 0);
		for (size_t i = 0; i < s.n; i++) {
			cr_assert_eq(billing_run_add(&run, &s.segments[i]), 0);
			cr_assert_eq(billing_run_price(&run, &p), 0);
			cr_assert(p.excl_fine >= before.excl_fine && p.incl_fine >= p.excl_fine &&
					  p.incl_minor >= before.incl_minor,
				  "seed %lu, segment %zu", seed, i);
			before = p;
		}
		billing_tariff_fini(&t);
	}
	gv_zone_destroy(zone);
}

Test(property, more_energy_or_time_never_costs_less)
{
	static struct billing_line lines[LINES_MAX];
	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		struct world_random r = { seed };
		struct billing_tariff t = world_tariff(
			"{'id':'m','currency':'EUR','min_price':{'before_taxes':0.3},'max_price':{'before_taxes':40},'"
			"elements':["
			"{'price_components':[{'type':'ENERGY','price':0.3,'vat':20,'step_size':50},"
			"{'type':'TIME','price':2,'vat':10,'step_size':120}],'restrictions':{'max_kwh':10}},"
			"{'price_components':[{'type':'ENERGY','price':0.6,'vat':20,'step_size':50},"
			"{'type':'TIME','price':2,'vat':10,'step_size':120}]}]}");
		struct billing_run run;
		struct session s = { .n = 1 };
		struct billing_price less, more;
		s.segments[0] = (struct billing_segment){ .end_ms = world_below(&r, 7200000),
							  .energy_uwh = world_below(&r, INT64_C(40000000000)),
							  .current_ma = BILLING_UNKNOWN,
							  .power_mw = BILLING_UNKNOWN };
		less = price_of(&t, NULL, &s, &run, lines);
		if (seed % 2)
			s.segments[0].end_ms += world_below(&r, 600000);
		else
			s.segments[0].energy_uwh += world_below(&r, INT64_C(1000000000));
		more = price_of(&t, NULL, &s, &run, lines);
		cr_assert(more.excl_fine >= less.excl_fine && more.incl_minor >= less.incl_minor, "seed %lu", seed);
		billing_tariff_fini(&t);
	}
}

/* The engine against sums by hand in fractions of a whole: constant power, two bands of energy, price 1 below and 2
 * above. */
Test(property, cuts_at_odd_fractions_are_exact)
{
	static struct billing_line lines[LINES_MAX];
	struct billing_tariff t = world_tariff("{'id':'f','currency':'EUR','elements':["
					       "{'price_components':[{'type':'TIME','price':3.6,'step_size':0}],"
					       "'restrictions':{'max_kwh':1}},"
					       "{'price_components':[{'type':'TIME','price':7.2,'step_size':0}]}]}");
	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		struct world_random r = { seed };
		struct billing_run run;
		struct session s = { .n = 1 };
		int64_t ms = 1 + world_below(&r, 100000000), uwh = 1000000001 + world_below(&r, INT64_C(90000000000));
		s.segments[0] = (struct billing_segment){
			.end_ms = ms, .energy_uwh = uwh, .current_ma = BILLING_UNKNOWN, .power_mw = BILLING_UNKNOWN
		};
		struct billing_price p = price_of(&t, NULL, &s, &run, lines);
		/* 1 micro per ms below, 2 above: 2 ms - ms * 10^9 / uwh, in fine */
		const billing_wide micro = BILLING_FINE / BILLING_MICRO;
		billing_wide below = (billing_wide)ms * 1000000000, whole = below / uwh, rem = below % uwh;
		/* floor of what remains: a fraction of a fine at most is lost */
		billing_wide expected = 2 * (billing_wide)ms * micro - whole * micro - (rem * micro + uwh - 1) / uwh;
		cr_assert(p.excl_fine == expected, "seed %lu", seed);
	}
	billing_tariff_fini(&t);
}

/* The same across a time of the day, where the energy is the fraction; also with several such segments, whose
 * denominators differ, each costing 1 of its own energy before the cut and 2 after it. */
Test(property, energy_cut_by_the_clock_is_exact)
{
	static struct billing_line lines[LINES_MAX];
	struct billing_tariff t = world_tariff("{'id':'f','currency':'EUR','elements':["
					       "{'price_components':[{'type':'ENERGY','price':1,'step_size':0}],"
					       "'restrictions':{'start_time':'00:00','end_time':'12:00'}},"
					       "{'price_components':[{'type':'ENERGY','price':2,'step_size':0}]}]}");
	const int64_t half_day_ms = 43200000;
	for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
		struct world_random r = { seed };
		struct billing_run run;
		struct session s = { .n = 1 };
		int64_t before_ms = 1 + world_below(&r, half_day_ms),
			ms = before_ms + 1 + world_below(&r, half_day_ms - 1),
			uwh = 1 + world_below(&r, INT64_C(90000000000));
		s.segments[0] = (struct billing_segment){ .start_ms = half_day_ms - before_ms,
							  .end_ms = half_day_ms - before_ms + ms,
							  .energy_uwh = uwh,
							  .current_ma = BILLING_UNKNOWN,
							  .power_mw = BILLING_UNKNOWN };
		struct billing_price p = price_of(&t, NULL, &s, &run, lines);
		/* 9 * 10^6 fine per µWh: twice the energy, less that of the morning */
		const billing_wide each = (billing_wide)9 * BILLING_MICRO;
		billing_wide morning = (billing_wide)uwh * before_ms;
		billing_wide expected = 2 * each * uwh - morning / ms * each - (morning % ms * each + ms - 1) / ms;
		cr_assert(p.excl_fine == expected, "seed %lu", seed);
	}
	billing_tariff_fini(&t);
}

/* Odd intervals over many days: each day's two changes of price cut two of them, at denominators that have nothing in
 * common. The mirrored tariff, dear where this is cheap, must make both together cost exactly 3 per kWh. */
Test(property, many_odd_intervals_lose_nothing)
{
	static const char *const halves[] = { "'start_time':'06:00','end_time':'18:00'",
					      "'start_time':'18:00','end_time':'06:00'" };
	static struct billing_line lines[LINES_MAX];
	for (uint64_t seed = 1; seed <= 30; seed++) {
		billing_wide sum = 0;
		int64_t uwh = 0;
		size_t fractions = 0;
		for (int half = 0; half < 2; half++) {
			char json[512];
			struct world_random r = { seed };
			struct billing_run run;
			struct billing_price p;
			int64_t at_ms = 0;
			snprintf(json, sizeof json,
				 "{'id':'h','currency':'EUR','elements':[{'price_components':["
				 "{'type':'ENERGY','price':1,'step_size':0}],'restrictions':{%s}},"
				 "{'price_components':[{'type':'ENERGY','price':2,'step_size':0}]}]}",
				 halves[half]);
			struct billing_tariff t = world_tariff(json);
			billing_run_init(&run, &t, NULL, lines, LINES_MAX, NULL, 0);
			while (at_ms < INT64_C(50) * 86400000) {
				struct billing_segment s = { .start_ms = at_ms,
							     .end_ms = at_ms + 1 + world_below(&r, 3600000),
							     .energy_uwh = world_below(&r, 1000000007),
							     .current_ma = BILLING_UNKNOWN,
							     .power_mw = BILLING_UNKNOWN };
				at_ms = s.end_ms;
				cr_assert_eq(billing_run_add(&run, &s), 0);
			}
			for (size_t i = 0; i < run.n_lines; i++)
				fractions += lines[i].quantity.parts[0].rem != 0;
			cr_assert_eq(billing_run_price(&run, &p), 0);
			sum += p.excl_fine;
			uwh = run.energy_uwh;
			billing_tariff_fini(&t);
		}
		cr_assert_gt(fractions, 100);
		billing_wide whole = (billing_wide)uwh * 3 * 9 * BILLING_MICRO;
		cr_assert(sum == whole || sum == whole - 1, "seed %lu: two floors lose one at most", seed);
	}
}
