/* The rules of a run beside the vectors: what it refuses, what it leaves alone, taxes and limits at their edges,
 * periods, credits, and segments from meter readings. */
#include "world.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <plugins/billing/pricing/pricing_message.h>
#include <string.h>

#include "../../leaks.h"

TestSuite(pricing, .fini = check_leaks);

#define MINUTE INT64_C(60000)
#define KWH INT64_C(1000000000)
#define LINES_MAX 16

#define PLAIN                                                                                                          \
	"{'id':'p','currency':'EUR','elements':[{'price_components':[{'type':'ENERGY','price':0.3,'vat':20,'step_"     \
	"size':1},"                                                                                                    \
	"{'type':'PARKING_TIME','price':6,'vat':20,'step_size':60}]}]}"

struct fixture {
	struct billing_tariff tariff;
	struct billing_line lines[LINES_MAX];
	struct billing_period periods[LINES_MAX];
	struct billing_run run;
	struct billing_price price;
};

static void begin(struct fixture *f, const char *tariff)
{
	f->tariff = world_tariff(tariff);
	billing_run_init(&f->run, &f->tariff, NULL, f->lines, LINES_MAX, f->periods, LINES_MAX);
}

static struct billing_segment segment(int64_t start_ms, int64_t end_ms, enum billing_kind kind, int64_t uwh)
{
	return (struct billing_segment){ start_ms, end_ms, kind, uwh, BILLING_UNKNOWN, BILLING_UNKNOWN };
}

static void add(struct fixture *f, int64_t ms, enum billing_kind kind, int64_t uwh)
{
	struct billing_segment s = segment(f->run.at_ms, f->run.at_ms + ms, kind, uwh);
	cr_assert_eq(billing_run_add(&f->run, &s), 0);
}

static const struct billing_price *price(struct fixture *f)
{
	cr_assert_eq(billing_run_price(&f->run, &f->price), 0);
	return &f->price;
}

Test(pricing, refuses_what_is_no_session)
{
	struct fixture f;
	begin(&f, PLAIN);
	struct billing_segment s = segment(0, -1, BILLING_CHARGING, 0);
	cr_assert_eq(billing_run_add(&f.run, &s), -EINVAL, "it ends before it begins");
	s = segment(0, 1, BILLING_CHARGING, -1);
	cr_assert_eq(billing_run_add(&f.run, &s), -EINVAL, "negative energy");
	s = segment(0, 1, BILLING_CHARGING, BILLING_ENERGY_MAX_UWH + 1);
	cr_assert_eq(billing_run_add(&f.run, &s), -EINVAL, "more than a session may have");
	s = segment(0, BILLING_TIME_MAX_MS + 1, BILLING_CHARGING, 0);
	cr_assert_eq(billing_run_add(&f.run, &s), -EINVAL, "longer than a session may be");
	s = segment(INT64_MIN, INT64_MAX, BILLING_CHARGING, 0);
	cr_assert_eq(billing_run_add(&f.run, &s), -EINVAL);
	s = segment(0, 1, BILLING_CHARGING, 0);
	s.power_mw = -2;
	cr_assert_eq(billing_run_add(&f.run, &s), -EINVAL);
	add(&f, MINUTE, BILLING_CHARGING, KWH);
	s = segment(MINUTE + 1, 2 * MINUTE, BILLING_CHARGING, 0);
	cr_assert_eq(billing_run_add(&f.run, &s), -EINVAL, "a gap");
	s = segment(MINUTE - 1, 2 * MINUTE, BILLING_CHARGING, 0);
	cr_assert_eq(billing_run_add(&f.run, &s), -EINVAL, "an overlap");
	cr_assert_eq(billing_run_reserve(&f.run, 0, 1, false), -EINVAL, "a reservation after the begin");
	cr_assert_eq(price(&f)->incl_minor, 36);
	billing_tariff_fini(&f.tariff);
}

/* Whatever was looked up for a segment that was refused is of no use to another one. */
Test(pricing, a_first_segment_that_is_refused_says_nothing_of_where_the_session_begins)
{
	struct fixture f;
	begin(&f,
	      "{'id':'p','currency':'EUR','elements':[{'price_components':[{'type':'TIME','price':6,'step_size':1}],"
	      "'restrictions':{'start_time':'12:00','min_duration':1800}},"
	      "{'price_components':[{'type':'TIME','price':3,'step_size':1}]}]}");
	f.run.lines_max = 0;
	struct billing_segment s = segment(800 * MINUTE, 860 * MINUTE, BILLING_CHARGING, 0);
	cr_assert_eq(billing_run_add(&f.run, &s), -ENOBUFS);
	f.run.lines_max = LINES_MAX;
	s = segment(600 * MINUTE, 780 * MINUTE, BILLING_CHARGING, 0);
	cr_assert_eq(billing_run_add(&f.run, &s), 0);
	cr_assert_eq(price(&f)->excl_minor, 2 * 300 + 600, "two hours of the morning, and one from noon");
	billing_tariff_fini(&f.tariff);
}

/* 01:00 to 02:00 every day another price: a long session needs more lines than there are. */
Test(pricing, a_segment_that_does_not_fit_leaves_the_run_as_it_was)
{
	struct fixture f;
	begin(&f,
	      "{'id':'p','currency':'EUR','elements':[{'price_components':[{'type':'TIME','price':6,'step_size':1}],"
	      "'restrictions':{'start_time':'01:00','end_time':'02:00'}},"
	      "{'price_components':[{'type':'TIME','price':3,'step_size':1}]}]}");
	add(&f, 90 * MINUTE, BILLING_CHARGING, KWH);
	struct billing_price before = *price(&f);
	size_t lines = f.run.n_lines, periods = f.run.n_periods;
	struct billing_segment s = segment(f.run.at_ms, f.run.at_ms + 100 * 1440 * MINUTE, BILLING_CHARGING, KWH);
	cr_assert_eq(billing_run_add(&f.run, &s), -ENOBUFS);
	cr_assert(f.run.n_lines == lines && f.run.n_periods == periods);
	price(&f);
	cr_assert(f.price.excl_fine == before.excl_fine && f.price.excl_minor == 600);
	add(&f, 30 * MINUTE, BILLING_CHARGING, KWH);
	cr_assert_eq(price(&f)->excl_minor, 900);
	cr_assert_eq(f.run.n_lines, lines, "the second price goes on where it was");
	billing_tariff_fini(&f.tariff);
}

Test(pricing, the_cost_so_far_is_what_a_stop_would_cost)
{
	struct fixture f;
	begin(&f, PLAIN);
	cr_assert_eq(price(&f)->incl_minor, 0, "nothing yet");
	add(&f, MINUTE, BILLING_CHARGING, KWH);
	cr_assert_eq(price(&f)->incl_minor, 36);
	add(&f, MINUTE / 2, BILLING_IDLE, 0);
	cr_assert_eq(price(&f)->excl_minor, 40, "half a minute of parking is one so far");
	add(&f, MINUTE / 2, BILLING_IDLE, 0);
	cr_assert_eq(price(&f)->excl_minor, 40, "and a whole one is one");
	billing_tariff_fini(&f.tariff);
}

Test(pricing, a_reservation_is_rounded_by_itself)
{
	struct fixture f;
	begin(&f, "{'id':'p','currency':'EUR','elements':["
		  "{'price_components':[{'type':'TIME','price':6,'step_size':300}],'restrictions':{'reservation':'"
		  "RESERVATION'}},"
		  "{'price_components':[{'type':'TIME','price':12,'step_size':300}]}]}");
	cr_assert_eq(billing_run_reserve(&f.run, 0, 7 * MINUTE, false), 0);
	cr_assert_eq(price(&f)->reservation_minor, 100, "7 minutes are 10");
	add(&f, 8 * MINUTE, BILLING_CHARGING, 0);
	price(&f);
	cr_assert(f.price.reservation_minor == 100 && f.price.dimension_minor[BILLING_TIME] == 200, "and 8 are 10 too");
	billing_tariff_fini(&f.tariff);
}

Test(pricing, a_segment_of_no_time_may_have_energy)
{
	struct fixture f;
	begin(&f, "{'id':'p','currency':'EUR','elements':["
		  "{'price_components':[{'type':'ENERGY','price':1,'step_size':0}],'restrictions':{'max_kwh':1}},"
		  "{'price_components':[{'type':'ENERGY','price':2,'step_size':0},{'type':'FLAT','price':5,'step_size':"
		  "0}]}]}");
	add(&f, 0, BILLING_CHARGING, 3 * KWH);
	cr_assert_eq(price(&f)->excl_minor, 100 + 400 + 500);
	billing_tariff_fini(&f.tariff);
}

Test(pricing, periods_begin_where_components_change_and_hold_all_energy)
{
	struct fixture f;
	int64_t sum = 0;
	begin(&f, "{'id':'p','currency':'EUR','elements':["
		  "{'price_components':[{'type':'ENERGY','price':1,'step_size':0}],'restrictions':{'max_kwh':1}},"
		  "{'price_components':[{'type':'ENERGY','price':2,'step_size':0},{'type':'TIME','price':3,'step_size':"
		  "0}]}]}");
	add(&f, 70 * MINUTE, BILLING_CHARGING, 7 * KWH);
	add(&f, 10 * MINUTE, BILLING_CHARGING, 1);
	add(&f, 10 * MINUTE, BILLING_IDLE, 0);
	cr_assert_eq(f.run.n_periods, 3);
	cr_assert_eq(f.periods[1].start_ms, 10 * MINUTE);
	cr_assert_eq(f.periods[0].energy_uwh, KWH);
	cr_assert_eq(f.periods[2].start_ms, 80 * MINUTE);
	for (size_t i = 0; i < f.run.n_periods; i++)
		sum += f.periods[i].energy_uwh;
	cr_assert_eq(sum, 7 * KWH + 1);
	billing_tariff_fini(&f.tariff);
}

Test(pricing, an_unknown_current_counts_as_none_and_is_flagged_where_it_mattered)
{
	struct fixture f;
	begin(&f, "{'id':'p','currency':'EUR','elements':["
		  "{'price_components':[{'type':'TIME','price':9,'step_size':0}],'restrictions':{'min_current':16}},"
		  "{'price_components':[{'type':'TIME','price':3,'step_size':0}]}]}");
	add(&f, 60 * MINUTE, BILLING_CHARGING, KWH);
	price(&f);
	cr_assert(f.price.excl_minor == 300 && f.price.flags & BILLING_CURRENT_ASSUMED);
	billing_tariff_fini(&f.tariff);
	begin(&f, PLAIN);
	add(&f, 60 * MINUTE, BILLING_CHARGING, KWH);
	cr_assert_not(price(&f)->flags & BILLING_CURRENT_ASSUMED);
	billing_tariff_fini(&f.tariff);
}

Test(pricing, the_average_power_decides_where_none_is_known)
{
	struct fixture f;
	begin(&f, "{'id':'p','currency':'EUR','elements':["
		  "{'price_components':[{'type':'ENERGY','price':1,'step_size':0}],'restrictions':{'min_power':11}},"
		  "{'price_components':[{'type':'ENERGY','price':2,'step_size':0}]}]}");
	add(&f, 60 * MINUTE, BILLING_CHARGING, 11 * KWH);
	cr_assert_eq(price(&f)->excl_minor, 1100, "11 kW are at least 11 kW");
	add(&f, 60 * MINUTE, BILLING_CHARGING, 11 * KWH - 1);
	cr_assert_eq(price(&f)->excl_minor, 3300, "a millionth of a Wh less is not");
	billing_tariff_fini(&f.tariff);
}

Test(pricing, a_limit_without_a_price_after_taxes_changes_these_in_proportion)
{
	struct fixture f;
	begin(&f, "{'id':'p','currency':'EUR','max_price':{'before_taxes':10},'elements':[{'price_components':["
		  "{'type':'ENERGY','price':1,'vat':20,'step_size':1},{'type':'FLAT','price':10,'vat':10,'step_size':1}"
		  "]}]}");
	add(&f, 60 * MINUTE, BILLING_CHARGING, 10 * KWH);
	price(&f); /* 20 and 3 of tax become 10 and 1.50 */
	cr_assert(f.price.excl_minor == 1000 && f.price.incl_minor == 1150);
	cr_assert_eq(f.price.flags, BILLING_MAX_APPLIED | BILLING_TAX_PRORATED);
	cr_assert_eq(f.price.adjustment_minor, -1000);
	cr_assert(f.price.n_taxes == 2 && f.price.taxes[0].tax_minor + f.price.taxes[1].tax_minor == 150);
	cr_assert_eq(f.price.taxes[0].vat_ppm, 100000);
	cr_assert_eq(f.price.taxes[0].tax_minor, 50);
	billing_tariff_fini(&f.tariff);
}

Test(pricing, without_a_rate_the_tax_is_unknown_and_with_na_there_is_none)
{
	struct fixture f;
	begin(&f, "{'id':'p','currency':'CAD','elements':[{'price_components':[{'type':'ENERGY','price':1,'step_size':"
		  "1}]}]}");
	add(&f, MINUTE, BILLING_CHARGING, KWH);
	price(&f);
	cr_assert(f.price.flags & BILLING_TAX_UNKNOWN && f.price.incl_minor == 100);
	billing_tariff_fini(&f.tariff);
	begin(&f, "{'id':'p','currency':'CAD','tax_included':'N/A','elements':[{'price_components':["
		  "{'type':'ENERGY','price':1,'vat':20,'step_size':1}]}]}");
	add(&f, MINUTE, BILLING_CHARGING, KWH);
	price(&f);
	cr_assert(f.price.flags == 0 && f.price.incl_minor == 100);
	billing_tariff_fini(&f.tariff);
}

Test(pricing, the_largest_amounts_there_are_still_fit)
{
	struct fixture f;
	begin(&f, "{'id':'p','currency':'EUR','elements':[{'price_components':["
		  "{'type':'ENERGY','price':1000000000,'vat':100,'step_size':500000000},"
		  "{'type':'FLAT','price':1000000000,'vat':100,'step_size':1},"
		  "{'type':'TIME','price':1000000000,'vat':99.9999,'step_size':31622400}]}]}");
	add(&f, BILLING_TIME_MAX_MS - 1, BILLING_CHARGING, BILLING_ENERGY_MAX_UWH - 1);
	price(&f);
	/* 500,000 kWh, 8784 hours and one, at 10^11 cents each */
	cr_assert_eq(f.price.excl_minor, INT64_C(100000000000) * (500000 + 8784 + 1));
	billing_tariff_fini(&f.tariff);
}

Test(pricing, more_tax_rates_than_anyone_has_are_refused)
{
	struct gv_buf json = { 0 };
	struct fixture f;
	gv_buf_puts(&json, "{'id':'p','currency':'EUR','elements':[");
	for (int i = 0; i <= BILLING_RATES_MAX; i++)
		gv_buf_printf(&json,
			      "%s{'price_components':[{'type':'ENERGY','price':1,'vat':%d,'step_size':1}],"
			      "'restrictions':{'min_kwh':%d,'max_kwh':%d}}",
			      i ? "," : "", i, i, i + 1);
	gv_buf_puts(&json, "]}");
	struct billing_line lines[BILLING_RATES_MAX + 1];
	f.tariff = world_tariff(gv_buf_str(&json));
	billing_run_init(&f.run, &f.tariff, NULL, lines, BILLING_RATES_MAX + 1, NULL, 0);
	add(&f, MINUTE, BILLING_CHARGING, BILLING_RATES_MAX * KWH);
	cr_assert_eq(price(&f)->n_taxes, BILLING_RATES_MAX);
	add(&f, MINUTE, BILLING_CHARGING, KWH);
	cr_assert_eq(billing_run_price(&f.run, &f.price), -E2BIG);
	billing_tariff_fini(&f.tariff);
	gv_buf_fini(&json);
}

Test(pricing, a_credit_takes_everything_back)
{
	struct fixture f;
	struct billing_price credit, twice;
	struct billing_line lines[LINES_MAX];
	begin(&f, PLAIN);
	add(&f, 60 * MINUTE, BILLING_CHARGING, 7 * KWH);
	add(&f, 10 * MINUTE, BILLING_IDLE, 0);
	price(&f);
	billing_credit(&f.price, f.lines, f.run.n_lines, &credit, lines);
	cr_assert_eq(credit.flags, BILLING_CREDIT);
	cr_assert(credit.excl_minor == -310 && credit.incl_minor == -372 && credit.taxes[0].tax_minor == -62);
	cr_assert(lines[0].excl_minor == -210 && lines[0].billed == 7 * KWH,
		  "amounts are taken back, energy stays used");
	billing_credit(&credit, lines, f.run.n_lines, &twice, lines);
	cr_assert(twice.incl_minor == f.price.incl_minor && twice.flags == f.price.flags);
	billing_tariff_fini(&f.tariff);
}

Test(pricing, speaks_messages)
{
	struct fixture f;
	Billing__Segment first = BILLING__SEGMENT__INIT, second = BILLING__SEGMENT__INIT,
			 *segments[] = { &first, &second };
	Billing__PricedUse use = BILLING__PRICED_USE__INIT;
	struct gv_buf out = { 0 };
	first.end_ms = 60 * MINUTE;
	first.energy_uwh = 7 * KWH;
	second.end_ms = 70 * MINUTE;
	second.idle = true;
	use.segments = segments;
	use.n_segments = 2;
	begin(&f, PLAIN);
	cr_assert_eq(billing_run_feed(&f.run, &use), 0);
	cr_assert_eq(billing_price_write(&f.run, price(&f), &out), 0);
	Billing__Price *p = billing__price__unpack(NULL, out.size, out.data);
	cr_assert_not_null(p);
	cr_assert(p->excl == 310 && p->incl == 372 && p->energy_uwh == 7 * KWH && p->idle_ms == 10 * MINUTE);
	cr_assert(p->n_lines == 2 && p->n_periods == 2 && p->n_taxes == 1 && p->n_flags == 0);
	cr_assert_str_eq(p->lines[1]->dimension, "PARKING_TIME");
	cr_assert(p->lines[1]->billed == 10 * MINUTE && p->lines[1]->excl == 100 && p->taxes[0]->tax == 62);
	billing__price__free_unpacked(p, NULL);
	gv_buf_fini(&out);
	billing_tariff_fini(&f.tariff);
}

/* ---- readings -------------------------------------------------------------------------------- */

#define READINGS_MAX 40

static struct billing_reading reading(int64_t time_ms, int64_t uwh)
{
	return (struct billing_reading){ time_ms, uwh, BILLING_UNKNOWN, BILLING_UNKNOWN, BILLING_STATE_UNKNOWN };
}

static size_t segments_of(const struct billing_reading *first, const struct billing_reading *last,
			  const struct billing_reading *readings, size_t n, struct billing_segment *segments,
			  unsigned *flags)
{
	struct billing_reading copy[READINGS_MAX];
	size_t count = 0;
	for (size_t i = 0; i < n; i++)
		copy[i] = readings[i];
	cr_assert_eq(billing_segments(first, last, copy, n, 22000000, segments, READINGS_MAX + 1, &count, flags), 0);
	return count;
}

static bool same(const struct billing_segment *a, const struct billing_segment *b)
{
	return a->start_ms == b->start_ms && a->end_ms == b->end_ms && a->kind == b->kind &&
	       a->energy_uwh == b->energy_uwh && a->current_ma == b->current_ma && a->power_mw == b->power_mw;
}

Test(readings, their_order_does_not_matter)
{
	for (uint64_t seed = 1; seed <= 2000; seed++) {
		struct world_random r = { seed };
		struct billing_reading first = reading(0, 5 * KWH), last = reading(3600000, 25 * KWH),
				       readings[READINGS_MAX];
		struct billing_segment in_order[READINGS_MAX + 1], shuffled[READINGS_MAX + 1];
		size_t n = (size_t)world_below(&r, READINGS_MAX);
		unsigned flags, shuffled_flags;
		for (size_t i = 0; i < n; i++) {
			readings[i] = reading(world_below(&r, 3700000), 5 * KWH + world_below(&r, 21 * KWH));
			if (world_below(&r, 3) == 0)
				readings[i].energy_uwh = BILLING_UNKNOWN;
			if (world_below(&r, 3) == 0)
				readings[i].current_ma = world_below(&r, 32000);
			readings[i].state = (enum billing_state)world_below(&r, 3);
		}
		size_t count = segments_of(&first, &last, readings, n, in_order, &flags), again;
		for (size_t i = n; i > 1; i--) {
			size_t other = (size_t)world_below(&r, (int64_t)i);
			struct billing_reading swap = readings[i - 1];
			readings[i - 1] = readings[other];
			readings[other] = swap;
		}
		again = segments_of(&first, &last, readings, n, shuffled, &shuffled_flags);
		cr_assert(count == again && flags == shuffled_flags, "seed %lu", seed);
		for (size_t i = 0; i < count; i++)
			cr_assert(same(&in_order[i], &shuffled[i]), "seed %lu: segment %zu", seed, i);
		int64_t sum = 0, at_ms = 0;
		for (size_t i = 0; i < count; i++) {
			cr_assert_eq(in_order[i].start_ms, at_ms, "seed %lu", seed);
			cr_assert_geq(in_order[i].energy_uwh, 0, "seed %lu", seed);
			at_ms = in_order[i].end_ms;
			sum += in_order[i].energy_uwh;
		}
		cr_assert(sum == 20 * KWH && at_ms == 3600000, "seed %lu", seed);
	}
}

Test(readings, what_cannot_be_is_left_out_and_flagged)
{
	struct billing_reading first = reading(0, 10 * KWH), last = reading(60 * MINUTE, 20 * KWH);
	struct billing_reading readings[] = { reading(10 * MINUTE, 9 * KWH), reading(20 * MINUTE, 15 * KWH),
					      reading(30 * MINUTE, 14 * KWH), reading(40 * MINUTE, 21 * KWH),
					      reading(-MINUTE, 10 * KWH) };
	struct billing_segment s[READINGS_MAX + 1];
	unsigned flags;
	size_t n = segments_of(&first, &last, readings, 5, s, &flags);
	cr_assert_eq(flags, BILLING_READING_BACKWARDS | BILLING_READING_OUTSIDE);
	cr_assert_eq(n, 5);
	cr_assert_eq(s[0].energy_uwh + s[1].energy_uwh, 5 * KWH, "the register of 15 kWh counts");
	last = reading(60 * MINUTE, 9 * KWH);
	n = segments_of(&first, &last, NULL, 0, s, &flags);
	cr_assert(n == 1 && s[0].energy_uwh == 0 && flags == BILLING_READING_BACKWARDS);
	last = reading(MINUTE, 20 * KWH);
	segments_of(&first, &last, NULL, 0, s, &flags);
	cr_assert_eq(flags, BILLING_READING_JUMP, "10 kWh in a minute");
}

Test(readings, without_an_end_the_highest_register_is_the_end)
{
	struct billing_reading first = reading(0, 0), last = reading(60 * MINUTE, BILLING_UNKNOWN);
	struct billing_reading readings[] = { reading(20 * MINUTE, 3 * KWH), reading(10 * MINUTE, KWH) };
	struct billing_segment s[READINGS_MAX + 1];
	unsigned flags;
	size_t n = segments_of(&first, &last, readings, 2, s, &flags);
	cr_assert(n == 3 && flags == 0 && s[0].energy_uwh == KWH && s[1].energy_uwh == 2 * KWH);
	cr_assert(s[2].kind == BILLING_IDLE && s[1].kind == BILLING_CHARGING, "without a state, energy says it");
}

Test(readings, refuses_a_session_that_ends_before_it_begins)
{
	struct billing_reading first = reading(1, 0), last = reading(0, 0), one = reading(0, 0);
	struct billing_segment s[1];
	size_t n = 7;
	unsigned flags;
	cr_assert_eq(billing_segments(&first, &last, NULL, 0, BILLING_UNKNOWN, s, 1, &n, &flags), -EINVAL);
	last.time_ms = 2;
	cr_assert_eq(billing_segments(&first, &last, &one, 1, BILLING_UNKNOWN, s, 1, &n, &flags), -ENOBUFS);
	cr_assert_eq(n, 7);
}
