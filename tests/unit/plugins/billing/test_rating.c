/* From a session's samples to what is priced: nothing that a meter says wrongly may cost anybody, and nothing that it
 * says rightly may be lost. */
#include "turn.h"

#include <plugins/billing/charges/charges.h>

#include <criterion/criterion.h>
#include <string.h>

#define T0 INT64_C(1736906400000)
#define MINUTE_MS 60000
#define UWH 1000000

static Charging__Session session;
static Charging__Sample samples[16], *list[16];
static char **flags;
static size_t n_flags;

static void setup(void)
{
	charging__session__init(&session);
	session.state = CHARGING__SESSION_STATE__ENDED;
	session.started_at_ms = T0;
	session.ended_at_ms = T0 + 60 * MINUTE_MS;
	session.meter_start_wh = 1000;
	session.meter_stop_wh = 7000;
	session.energy_wh = 6000;
	session.samples = list;
	flags = NULL;
	n_flags = 0;
}

static void sample(int minute, const char *measurand, double value, const char *unit, const char *phase)
{
	Charging__Sample *s = &samples[session.n_samples];

	charging__sample__init(s);
	s->time_ms = T0 + (int64_t)minute * MINUTE_MS;
	s->measurand = (char *)measurand;
	s->value = value;
	s->unit = (char *)unit;
	s->phase = (char *)phase;
	list[session.n_samples++] = s;
}

static void energy(int minute, double wh)
{
	sample(minute, "Energy.Active.Import.Register", wh, "Wh", "");
}

static Billing__PricedUse *use(int64_t max_power_w)
{
	return rating_use(NULL, &session, session.ended_at_ms, "Europe/Budapest", max_power_w, &flags, &n_flags);
}

static int64_t total(const Billing__PricedUse *u)
{
	int64_t uwh = 0;

	for (size_t i = 0; i < u->n_segments; i++)
		uwh += u->segments[i]->energy_uwh;
	return uwh;
}

static bool flagged(const char *flag)
{
	return orders_has_flag(flags, n_flags, flag);
}

TestSuite(rating, .init = setup, .fini = turn_free);

Test(rating, without_samples_the_energy_flows_evenly_from_the_begin_to_the_end)
{
	const Billing__PricedUse *u = use(0);

	cr_assert_eq(u->n_segments, 1);
	cr_expect_eq(u->start_ms, T0);
	cr_expect_eq(u->segments[0]->end_ms, session.ended_at_ms);
	cr_expect_eq(u->segments[0]->energy_uwh, INT64_C(6000) * UWH);
	cr_expect_not(u->segments[0]->idle);
	cr_expect_str_eq(u->zone, "Europe/Budapest");
	cr_expect_eq(n_flags, 0);
}

Test(rating, samples_say_when_the_energy_flowed_and_when_the_vehicle_was_idle)
{
	const Billing__PricedUse *u;

	energy(20, 5000);
	sample(40, "Energy.Active.Import.Register", 7.0, "kWh", "");
	u = use(0);
	cr_assert_eq(u->n_segments, 3);
	cr_expect_eq(u->segments[0]->energy_uwh, INT64_C(4000) * UWH);
	cr_expect_eq(u->segments[1]->energy_uwh, INT64_C(2000) * UWH);
	cr_expect_eq(u->segments[2]->energy_uwh, 0);
	cr_expect(u->segments[2]->idle, "from the fortieth minute on nothing flowed");
	cr_expect_eq(n_flags, 0);
}

Test(rating, a_register_a_fraction_above_the_whole_watt_hours_of_the_end_is_the_end)
{
	energy(60, 7000.259277);
	cr_expect_eq(total(use(0)), INT64_C(6000) * UWH);
	cr_expect_eq(n_flags, 0, "nothing is odd about it");
}

Test(rating, a_register_that_falls_is_left_out_and_said)
{
	energy(20, 5000);
	energy(40, 3000);
	cr_expect_eq(total(use(0)), INT64_C(6000) * UWH);
	cr_expect(flagged("meter-backwards"));
}

Test(rating, a_meter_that_ends_below_its_begin_costs_nothing)
{
	session.meter_stop_wh = 500;
	session.energy_wh = 0;
	cr_expect_eq(total(use(0)), 0);
}

Test(rating, a_meter_that_was_reset_meanwhile_is_charged_for_all_that_it_has_counted)
{
	char *reset = "meter-reset";

	energy(20, 5000);
	energy(30, 0);
	energy(40, 3000);
	session.meter_stop_wh = 3000;
	session.energy_wh = 7000;
	session.flags = &reset;
	session.n_flags = 1;
	cr_expect_eq(total(use(0)), INT64_C(7000) * UWH);
}

Test(rating, samples_from_before_or_after_the_session_are_left_out_and_said)
{
	energy(-5, 900);
	energy(90, 7000);
	cr_expect_eq(use(0)->n_segments, 1);
	cr_expect(flagged("meter-outside"));
}

Test(rating, what_the_connector_cannot_have_given_is_taken_off)
{
	session.meter_stop_wh = 901000;
	cr_expect_eq(total(use(11000)), INT64_C(12301666666), "11 kW and a tenth, for an hour and a minute");
	cr_expect(flagged("meter-jump"));
}

Test(rating, a_meter_within_what_the_connector_gives_is_believed_whole)
{
	energy(60, 6999);
	cr_expect_eq(total(use(11000)), INT64_C(6000) * UWH, "the last watt-hour came in no time at all");
	cr_expect_eq(n_flags, 0);
}

Test(rating, phases_add_up_and_the_overall_value_counts_where_there_is_one)
{
	const Billing__PricedUse *u;

	sample(20, "Current.Import", 10, "A", "L1");
	sample(20, "Current.Import", 11, "A", "L2");
	sample(20, "Current.Import", 12, "A", "L3");
	sample(20, "Power.Active.Import", 7.2, "kW", "");
	sample(20, "Power.Active.Import", 2400, "W", "L1-N");
	u = use(0);
	cr_assert_eq(u->n_segments, 2);
	cr_expect_null(u->segments[0]->current, "not known before it was measured");
	cr_assert(u->segments[1]->current && u->segments[1]->power);
	cr_expect_eq(u->segments[1]->current->ma, 33000);
	cr_expect_eq(u->segments[1]->power->mw, 7200000);
}

Test(rating, what_the_vehicle_or_the_grid_side_measures_is_not_what_was_sold)
{
	energy(20, 3000);
	samples[0].location = (char *)"Inlet";
	energy(30, 9999);
	samples[1].text = (char *)"signed";
	use(0);
	cr_expect_eq(n_flags, 0);
}

Test(rating, a_register_beyond_all_measure_is_not_priced)
{
	session.meter_stop_wh = INT64_MAX;
	cr_expect_null(use(0));
	session.meter_start_wh = -1;
	cr_expect_null(use(0));
}

Test(rating, a_session_that_ends_when_it_begins_is_one_empty_stretch)
{
	session.ended_at_ms = T0;
	session.meter_stop_wh = 1000;
	cr_expect_eq(use(0)->n_segments, 1);
	cr_expect_eq(total(use(0)), 0);
}

Test(rating, the_newest_samples_of_an_event_say_what_flows_now)
{
	struct rating_now now;

	sample(10, "Current.Import", 10, "A", "");
	sample(11, "Current.Import", 16, "A", "");
	rating_now(list, session.n_samples, &now);
	cr_expect_eq(now.time_ms, T0 + 11 * MINUTE_MS);
	cr_expect_eq(now.current_ma, 16000);
	cr_expect_eq(now.power_mw, -1, "not known");
}
