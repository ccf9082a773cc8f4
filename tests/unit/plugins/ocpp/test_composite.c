/* The composite schedule, rule by rule, each with an example reckoned by hand (OCPP 1.6, 3.13; 2.0.1, K01). */
#include "profiles.h"

#include <criterion/criterion.h>
#include <string.h>

#define NONE COMPOSITE_UNLIMITED

static struct bench b;

/* The whole answer, as {start, tenths, phases} each. */
static void must_be(const char *why, const struct composite_span *expected, size_t n)
{
	struct composite_span spans[COMPOSITE_SPANS_MAX];
	uint32_t until_s;
	size_t got = composite(&b.ask, spans, COMPOSITE_SPANS_MAX, &until_s);

	cr_expect_eq(until_s, b.ask.duration_s, "%s: all of it", why);
	cr_assert_eq(got, n, "%s: %zu spans, not %zu", why, got, n);
	for (size_t i = 0; i < n; i++)
		cr_expect(spans[i].start_s == expected[i].start_s &&
				  spans[i].limit_tenths == expected[i].limit_tenths &&
				  spans[i].phases == expected[i].phases,
			  "%s: span %zu is {%u, %lld, %u}, not {%u, %lld, %u}", why, i, spans[i].start_s,
			  (long long)spans[i].limit_tenths, spans[i].phases, expected[i].start_s,
			  (long long)expected[i].limit_tenths, expected[i].phases);
}
#define MUST_BE(why, ...)                                                                                              \
	must_be(why, (struct composite_span[]){ __VA_ARGS__ },                                                         \
		sizeof((struct composite_span[]){ __VA_ARGS__ }) / sizeof(struct composite_span))

static void runs(const char *transaction, int64_t started_ms)
{
	b.connectors[0].transaction = transaction;
	b.connectors[0].started_ms = started_ms;
}

/* ---- purposes -------------------------------------------------------------------------------- */

Test(composite, no_profile_is_no_limit)
{
	asking(&b, MIDNIGHT, 3600);
	MUST_BE("nothing was set", { 0, NONE, 0 });
}

Test(composite, the_least_of_the_purposes_holds)
{
	period(period(profile(&b, 0, STATION, 0, MIDNIGHT), 0, 320, 0), 7200, 100, 0);
	period(profile(&b, 1, DEFAULT, 0, MIDNIGHT), 0, 160, 0);
	asking(&b, MIDNIGHT, 4 * 3600);
	MUST_BE("16 A under 32 A, then 10 A for all", { 0, 160, 0 }, { 7200, 100, 0 });
}

Test(composite, others_constraints_hold_besides_the_stations_maximum)
{
	period(profile(&b, 0, STATION, 9, MIDNIGHT), 0, 320, 0);
	lasting(period(profile(&b, 0, EXTERNAL, 0, MIDNIGHT + HOUR), 0, 60, 0), 1800);
	asking(&b, MIDNIGHT, 3 * 3600);
	MUST_BE("the grid takes half an hour", { 0, 320, 0 }, { 3600, 60, 0 }, { 5400, 320, 0 });
}

Test(composite, a_transactions_profile_goes_before_the_default_even_where_it_allows_more)
{
	period(profile(&b, 1, DEFAULT, 5, MIDNIGHT), 0, 100, 0);
	period(profile(&b, 1, TX, 0, MIDNIGHT), 0, 250, 0)->profile.transaction = "7";
	runs("7", MIDNIGHT);
	asking(&b, MIDNIGHT, 3600);
	MUST_BE("TxProfile", { 0, 250, 0 });
	runs("8", MIDNIGHT);
	MUST_BE("of another transaction", { 0, 100, 0 });
	runs(NULL, 0);
	MUST_BE("without a transaction", { 0, 100, 0 });
}

Test(composite, where_a_transactions_profile_has_a_gap_the_default_fills_it)
{
	period(profile(&b, 1, DEFAULT, 0, MIDNIGHT), 0, 100, 0);
	lasting(period(profile(&b, 1, TX, 0, MIDNIGHT), 0, 250, 0), 1800);
	runs("7", MIDNIGHT);
	asking(&b, MIDNIGHT, 3600);
	MUST_BE("half an hour each", { 0, 250, 0 }, { 1800, 100, 0 });
}

Test(composite, a_profile_of_another_connector_does_not_count)
{
	period(profile(&b, 2, DEFAULT, 0, MIDNIGHT), 0, 100, 0);
	asking(&b, MIDNIGHT, 3600);
	MUST_BE("connector 1", { 0, NONE, 0 });
}

/* ---- stacks ---------------------------------------------------------------------------------- */

Test(composite, the_higher_level_prevails_while_it_covers_the_instant)
{
	period(profile(&b, 1, DEFAULT, 0, MIDNIGHT), 0, 100, 0);
	lasting(period(profile(&b, 1, DEFAULT, 1, MIDNIGHT + 8 * HOUR), 0, 200, 0), 7200);
	asking(&b, MIDNIGHT + 7 * HOUR, 4 * 3600);
	MUST_BE("20 A from 8 to 10", { 0, 100, 0 }, { 3600, 200, 0 }, { 10800, 100, 0 });
}

Test(composite, a_higher_level_without_an_end_never_falls_back)
{
	period(profile(&b, 1, DEFAULT, 0, MIDNIGHT), 0, 100, 0);
	period(profile(&b, 1, DEFAULT, 1, MIDNIGHT + 8 * HOUR), 0, 200, 0);
	asking(&b, MIDNIGHT + 8 * HOUR, 7 * 86400);
	MUST_BE("for the week", { 0, 200, 0 });
}

Test(composite, a_gap_at_every_level_is_no_limit)
{
	lasting(period(profile(&b, 1, DEFAULT, 0, MIDNIGHT), 0, 100, 0), 600);
	lasting(period(profile(&b, 1, DEFAULT, 1, MIDNIGHT + 1200 * S), 0, 200, 0), 600);
	asking(&b, MIDNIGHT, 3600);
	MUST_BE("10 minutes between and 30 behind", { 0, 100, 0 }, { 600, NONE, 0 }, { 1200, 200, 0 },
		{ 1800, NONE, 0 });
}

Test(composite, the_connectors_default_goes_before_the_stations_of_the_same_level)
{
	period(profile(&b, 1, DEFAULT, 0, MIDNIGHT), 0, 200, 0);
	period(profile(&b, 0, DEFAULT, 0, MIDNIGHT), 0, 100, 0);
	asking(&b, MIDNIGHT, 60);
	MUST_BE("its own", { 0, 200, 0 });
	b.connectors[0].id = 2;
	MUST_BE("of a connector that has none", { 0, 100, 0 });
}

Test(composite, of_two_of_a_level_the_one_set_last_prevails)
{
	period(profile(&b, 1, DEFAULT, 0, MIDNIGHT), 0, 200, 0)->profile.set_at_ms = 2;
	period(profile(&b, 1, DEFAULT, 0, MIDNIGHT), 0, 100, 0)->profile.set_at_ms = 1;
	asking(&b, MIDNIGHT, 60);
	MUST_BE("the newer", { 0, 200, 0 });
}

/* ---- time ------------------------------------------------------------------------------------ */

Test(composite, valid_from_is_inside_and_valid_to_outside)
{
	struct made *m = period(profile(&b, 1, DEFAULT, 0, MIDNIGHT), 0, 160, 0);

	m->profile.valid_from_ms = MIDNIGHT + HOUR;
	m->profile.valid_to_ms = MIDNIGHT + 2 * HOUR;
	asking(&b, MIDNIGHT, 3 * 3600);
	MUST_BE("an hour of three", { 0, NONE, 0 }, { 3600, 160, 0 }, { 7200, NONE, 0 });
}

Test(composite, a_duration_cuts_periods_and_keeps_the_last_one_on)
{
	struct made *m = period(period(profile(&b, 1, DEFAULT, 0, MIDNIGHT), 0, 160, 0), 3600, 80, 0);

	asking(&b, MIDNIGHT, 3 * 3600);
	lasting(m, 1800);
	MUST_BE("cut before the second period", { 0, 160, 0 }, { 1800, NONE, 0 });
	lasting(m, 7200);
	MUST_BE("the second period for the rest", { 0, 160, 0 }, { 3600, 80, 0 }, { 7200, NONE, 0 });
	lasting(m, 0);
	MUST_BE("no time at all", { 0, NONE, 0 });
}

Test(composite, a_relative_schedule_begins_with_the_transaction)
{
	struct made *m = period(period(profile(&b, 1, TX, 0, 0), 0, 160, 0), 3600, 80, 0);

	m->profile.kind = OCPP__PROFILE__KIND__RELATIVE;
	runs("7", MIDNIGHT - 1800 * S);
	asking(&b, MIDNIGHT, 3600);
	MUST_BE("half an hour of the first hour is over", { 0, 160, 0 }, { 1800, 80, 0 });
	m->profile.purpose = OCPP__PROFILE__PURPOSE__TX_DEFAULT;
	runs(NULL, 0);
	asking(&b, MIDNIGHT, 7200);
	MUST_BE("as if one began now", { 0, 160, 0 }, { 3600, 80, 0 });
}

Test(composite, an_absolute_schedule_without_a_start_begins_with_the_transaction_or_when_it_was_set)
{
	period(period(profile(&b, 1, DEFAULT, 0, 0), 0, 160, 0), 3600, 80, 0);
	period(period(profile(&b, 0, STATION, 0, 0), 0, 320, 0), 3600, 40, 0)->profile.set_at_ms = MIDNIGHT - 600 * S;
	runs("7", MIDNIGHT - 1800 * S);
	asking(&b, MIDNIGHT, 3600);
	MUST_BE("8 A after 30 minutes, 4 A after 50", { 0, 160, 0 }, { 1800, 80, 0 }, { 3000, 40, 0 });
}

Test(composite, daily_is_every_24_hours_with_what_is_below_between)
{
	struct made *m = lasting(period(profile(&b, 1, DEFAULT, 1, MIDNIGHT - 30 * DAY + 22 * HOUR), 0, 320, 0),
				 8 * 3600);

	m->profile.kind = OCPP__PROFILE__KIND__RECURRING;
	m->profile.recurrency = OCPP__PROFILE__RECURRENCY__DAILY;
	period(profile(&b, 1, DEFAULT, 0, MIDNIGHT - 30 * DAY), 0, 60, 0);
	asking(&b, MIDNIGHT + 21 * HOUR, 86400);
	MUST_BE("32 A from 22 to 6", { 0, 60, 0 }, { 3600, 320, 0 }, { 32400, 60, 0 });
	asking(&b, MIDNIGHT + 5 * HOUR, 86400);
	MUST_BE("in the middle of a night", { 0, 320, 0 }, { 3600, 60, 0 }, { 61200, 320, 0 });
}

Test(composite, weekly_is_every_7_days_and_not_before_its_start)
{
	struct made *m = lasting(period(profile(&b, 1, DEFAULT, 0, MIDNIGHT + DAY), 0, 100, 0), 3600);

	m->profile.kind = OCPP__PROFILE__KIND__RECURRING;
	m->profile.recurrency = OCPP__PROFILE__RECURRENCY__WEEKLY;
	asking(&b, MIDNIGHT - 6 * DAY, 604800);
	MUST_BE("a week before its start, there is none", { 0, NONE, 0 });
	asking(&b, MIDNIGHT + 8 * DAY - HOUR, 10800);
	MUST_BE("a week after", { 0, NONE, 0 }, { 3600, 100, 0 }, { 7200, NONE, 0 });
}

Test(composite, what_a_recurring_schedule_has_beyond_its_day_is_not_done)
{
	struct made *m = period(period(profile(&b, 1, DEFAULT, 0, MIDNIGHT), 0, 100, 0), 90000, 200, 0);

	m->profile.kind = OCPP__PROFILE__KIND__RECURRING;
	m->profile.recurrency = OCPP__PROFILE__RECURRENCY__DAILY;
	asking(&b, MIDNIGHT, 3 * 86400);
	MUST_BE("the period of the 25th hour never comes", { 0, 100, 0 });
}

Test(composite, parts_of_a_second_count_from_the_next_second_on)
{
	period(period(profile(&b, 1, DEFAULT, 0, MIDNIGHT - 500), 0, 100, 0), 60, 200, 0);
	asking(&b, MIDNIGHT, 120);
	MUST_BE("59.5 s from now", { 0, 100, 0 }, { 60, 200, 0 });
}

Test(composite, equal_neighbours_are_one)
{
	period(period(period(profile(&b, 1, DEFAULT, 0, MIDNIGHT), 0, 100, 0), 60, 100, 0), 120, 100, 0);
	period(profile(&b, 1, DEFAULT, 1, MIDNIGHT + 90 * S), 0, 100, 0);
	asking(&b, MIDNIGHT, 600);
	MUST_BE("10 A, whoever says so", { 0, 100, 0 });
}

/* ---- units ----------------------------------------------------------------------------------- */

Test(composite, power_is_of_all_phases_and_current_of_each)
{
	period(profile(&b, 1, TX, 0, MIDNIGHT), 0, 110400, 0)->schedule.power = true;
	runs("7", MIDNIGHT);
	asking(&b, MIDNIGHT, 60);
	MUST_BE("11040 W = 3 x 230 V x 16 A", { 0, 160, 0 });
	b.ask.power = true;
	MUST_BE("as it was set", { 0, 110400, 0 });
	period(profile(&b, 0, STATION, 0, MIDNIGHT), 0, 100, 0);
	asking(&b, MIDNIGHT, 60);
	MUST_BE("10 A x 3 x 230 V", { 0, 69000, 0 });
}

Test(composite, the_fewest_phases_named_are_those_in_use)
{
	period(profile(&b, 0, STATION, 0, MIDNIGHT), 0, 200, 3);
	period(profile(&b, 1, DEFAULT, 0, MIDNIGHT), 0, 36800, 1)->schedule.power = true;
	asking(&b, MIDNIGHT, 60);
	MUST_BE("3680 W on one phase are 16 A", { 0, 160, 1 });
	b.ask.power = true;
	MUST_BE("20 A on one phase are 4600 W, which is more", { 0, 36800, 1 });
}

Test(composite, what_is_left_of_a_division_is_dropped)
{
	period(profile(&b, 1, DEFAULT, 0, MIDNIGHT), 0, 100000, 0)->schedule.power = true;
	asking(&b, MIDNIGHT, 60);
	MUST_BE("10000 W / 690 V = 14.49 A", { 0, 144, 0 });
}

/* ---- the station ----------------------------------------------------------------------------- */

static void ask_station(uint32_t n)
{
	asking(&b, MIDNIGHT, 3600);
	b.ask.station = true;
	b.ask.n_connectors = n;
	for (uint32_t i = 0; i < n; i++)
		b.connectors[i].id = i + 1;
}

Test(composite, the_station_may_draw_its_maximum)
{
	period(profile(&b, 0, STATION, 0, MIDNIGHT), 0, 320, 0);
	period(profile(&b, 1, DEFAULT, 0, MIDNIGHT), 0, 100, 0);
	ask_station(2);
	MUST_BE("connector 2 has no limit of its own", { 0, 320, 0 });
}

Test(composite, the_station_may_draw_no_more_than_its_connectors_together)
{
	period(profile(&b, 0, STATION, 0, MIDNIGHT), 0, 320, 0);
	period(profile(&b, 0, DEFAULT, 0, MIDNIGHT), 0, 100, 0);
	lasting(period(profile(&b, 2, DEFAULT, 1, MIDNIGHT), 0, 60, 0), 600);
	ask_station(2);
	MUST_BE("10 A and 6 A, then twice 10 A", { 0, 160, 0 }, { 600, 200, 0 });
}

/* ---- bounds ---------------------------------------------------------------------------------- */

Test(composite, what_has_no_room_is_left_out_and_said_so)
{
	struct composite_span spans[2];
	uint32_t until_s;

	period(period(period(profile(&b, 1, DEFAULT, 0, MIDNIGHT), 0, 100, 0), 60, 110, 0), 120, 120, 0);
	asking(&b, MIDNIGHT, 600);
	cr_expect_eq(composite(&b.ask, spans, 2, &until_s), 2);
	cr_expect_eq(spans[1].limit_tenths, 110);
	cr_expect_eq(until_s, 120, "known up to where the third would begin");
}

/* ---- comparison ------------------------------------------------------------------------------ */

#define SPANS(...)                                                                                                     \
	(struct composite_span[]){ __VA_ARGS__ },                                                                      \
		sizeof((struct composite_span[]){ __VA_ARGS__ }) / sizeof(struct composite_span)

Test(composite, one_decimal_and_a_few_seconds_are_no_difference)
{
	cr_expect_not(
		composite_differs(SPANS({ 0, 160, 0 }, { 600, 80, 0 }), SPANS({ 0, 161, 3 }, { 605, 80, 3 }), 3600));
	cr_expect(composite_differs(SPANS({ 0, 160, 0 }), SPANS({ 0, 162, 0 }), 3600), "0.2 A");
	cr_expect(composite_differs(SPANS({ 0, 160, 0 }, { 600, 80, 0 }), SPANS({ 0, 160, 0 }, { 606, 80, 0 }), 3600),
		  "6 s");
	cr_expect(composite_differs(SPANS({ 0, 160, 1 }), SPANS({ 0, 160, 3 }), 3600), "phases");
}

Test(composite, many_short_differences_in_a_row_are_a_long_one)
{
	cr_expect(composite_differs(SPANS({ 0, 160, 0 }),
				    SPANS({ 0, 160, 0 }, { 10, 100, 0 }, { 13, 90, 0 }, { 16, 160, 0 }), 3600));
}

Test(composite, where_we_set_no_limit_the_chargers_own_is_right)
{
	cr_expect_not(
		composite_differs(SPANS({ 0, NONE, 0 }, { 600, 160, 0 }), SPANS({ 0, 320, 3 }, { 600, 160, 3 }), 3600));
	cr_expect_not(composite_differs(NULL, 0, SPANS({ 0, 320, 3 }), 3600), "nothing was set");
	cr_expect(composite_differs(SPANS({ 0, 160, 0 }), NULL, 0, 3600), "it knows nothing of ours");
}
