/* Schedules in the site's time zone, prices, and what is held of what may have been told. */
#include <criterion/criterion.h>
#include <plugins/energy/grant.h>
#include <plugins/energy/limits.h>
#include <plugins/energy/prices.h>

#include <tests/unit/berlin.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOUR INT64_C(3600000)

/* ---- windows --------------------------------------------------------------------------------- */

static Energy__Window window(const char *from, const char *until)
{
	Energy__Window w = ENERGY__WINDOW__INIT;

	w.from = (char *)from;
	w.until = (char *)until;
	w.limit_ma = 16000;
	return w;
}

static bool holds(const Energy__Window *w, const struct gv_zone *zone, const char *time)
{
	int64_t change = INT64_MAX;

	return hours_hold(w, zone, at(time), at(time), &change);
}

Test(hours, a_window_begins_with_its_first_moment_and_ends_before_its_last)
{
	Energy__Window w = window("17:00", "20:30");

	cr_expect_not(holds(&w, NULL, "2026-03-02T16:59:59Z"));
	cr_expect(holds(&w, NULL, "2026-03-02T17:00:00Z"));
	cr_expect(holds(&w, NULL, "2026-03-02T20:29:59Z"));
	cr_expect_not(holds(&w, NULL, "2026-03-02T20:30:00Z"));
}

Test(hours, a_window_that_ends_before_it_begins_goes_over_midnight)
{
	Energy__Window w = window("22:00", "06:00");

	cr_expect(holds(&w, NULL, "2026-03-02T23:00:00Z"));
	cr_expect(holds(&w, NULL, "2026-03-03T05:59:00Z"));
	cr_expect_not(holds(&w, NULL, "2026-03-03T12:00:00Z"));
}

Test(hours, days_are_those_on_which_it_begins)
{
	uint32_t friday[] = { 5 };
	Energy__Window w = window("22:00", "06:00");

	w.days = friday;
	w.n_days = 1;
	cr_expect(holds(&w, NULL, "2026-03-06T23:00:00Z"), "a Friday");
	cr_expect(holds(&w, NULL, "2026-03-07T05:00:00Z"), "its night");
	cr_expect_not(holds(&w, NULL, "2026-03-07T23:00:00Z"));
}

Test(hours, times_are_the_sites_in_summer_and_in_winter)
{
	struct gv_zone *zone = berlin();
	Energy__Window w = window("17:00", "18:00");

	cr_expect(holds(&w, zone, "2026-01-15T16:00:00Z"));
	cr_expect_not(holds(&w, zone, "2026-01-15T15:00:00Z"));
	cr_expect(holds(&w, zone, "2026-07-15T15:00:00Z"));
	cr_expect_not(holds(&w, zone, "2026-07-15T16:00:00Z"));
	gv_zone_destroy(zone);
}

Test(hours, dates_bound_it)
{
	Energy__Window w = window("", "");

	w.start_ms = at("2026-03-02T12:00:00Z");
	w.end_ms = at("2026-03-04T12:00:00Z");
	cr_expect_not(holds(&w, NULL, "2026-03-02T11:59:00Z"));
	cr_expect(holds(&w, NULL, "2026-03-02T12:00:00Z"));
	cr_expect(holds(&w, NULL, "2026-03-03T23:59:59Z"));
	cr_expect_not(holds(&w, NULL, "2026-03-04T12:00:00Z"));
}

Test(hours, what_begins_within_the_time_looked_ahead_is_seen_and_when_that_changes_is_said)
{
	Energy__Window w = window("17:00", "20:00");
	int64_t change = INT64_MAX;

	cr_expect_not(hours_hold(&w, NULL, at("2026-03-02T16:00:00Z"), at("2026-03-02T16:10:00Z"), &change));
	cr_expect_eq(change, at("2026-03-02T16:50:00Z"));
	cr_expect(hours_hold(&w, NULL, change, change + HOUR / 6, &change));
	cr_expect_eq(change, at("2026-03-02T16:50:00Z"), "nothing sooner than what was known");
	change = INT64_MAX;
	cr_expect(hours_hold(&w, NULL, at("2026-03-02T16:50:00Z"), at("2026-03-02T17:00:00Z"), &change));
	cr_expect_eq(change, at("2026-03-02T20:00:00Z"));
}

Test(hours, times_that_are_none_are_refused)
{
	static const char *const bad[] = { "24:00", "7:00", "12:60", "noon", "12-00", "ab:cd" };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		Energy__Window w = window(bad[i], "");

		cr_expect_not_null(hours_problem(&w), "%s", bad[i]);
	}
	cr_expect_null(hours_problem(&(Energy__Window)ENERGY__WINDOW__INIT));
}

/* ---- limits ---------------------------------------------------------------------------------- */

Test(limits, the_lowest_of_the_sites_the_schedules_and_the_grids_wins)
{
	Energy__SiteRow row = ENERGY__SITE_ROW__INIT;
	Energy__Site site = ENERGY__SITE__INIT;
	Energy__Window w = window("17:00", "20:00"), *schedule[] = { &w };
	Energy__GridLimit g = ENERGY__GRID_LIMIT__INIT, *grid[] = { &g };
	int64_t phases[] = { 0, 25000, 0 }, ma[SHARE_PHASES], change = INT64_MAX;

	row.site = &site;
	site.limit_ma = 32000;
	site.phase_limits_ma = phases;
	site.n_phase_limits_ma = 3;
	site.schedule = schedule;
	site.n_schedule = 1;
	row.grid_limits = grid;
	row.n_grid_limits = 1;
	g.limit_ma = 10000;
	g.start_ms = at("2026-03-02T18:00:00Z");
	g.end_ms = at("2026-03-02T19:00:00Z");
	limits_at(&row, NULL, at("2026-03-02T12:00:00Z"), 60000, ma, &change);
	cr_expect(ma[0] == 32000 && ma[1] == 25000 && ma[2] == 32000);
	cr_expect_eq(change, at("2026-03-02T16:59:00Z"));
	limits_at(&row, NULL, at("2026-03-02T17:00:00Z"), 60000, ma, &change);
	cr_expect(ma[0] == 16000 && ma[1] == 16000);
	limits_at(&row, NULL, at("2026-03-02T17:59:00Z"), 60000, ma, &change);
	cr_expect_eq(ma[0], 10000, "a minute before, as what is given now may be held so long");
	limits_at(&row, NULL, at("2026-03-02T19:00:00Z"), 60000, ma, &change);
	cr_expect_eq(ma[0], 16000);
	limits_floor(&row, at("2026-03-02T12:00:00Z"), ma);
	cr_expect_eq(ma[0], 10000);
	limits_floor(&row, at("2026-03-02T19:00:00Z"), ma);
	cr_expect_eq(ma[0], 16000);
	site.grid_floor_ma = 4200;
	limits_floor(&row, at("2026-03-02T12:00:00Z"), ma);
	cr_expect_eq(ma[2], 4200);
}

/* ---- prices ---------------------------------------------------------------------------------- */

#define NIGHT 6

static Energy__Price *night[NIGHT];

/* From 22:00, by the hour: 30 30 10 20 10 40. */
static void setup_night(void)
{
	static Energy__Price price[NIGHT];
	static const int64_t of[] = { 30, 30, 10, 20, 10, 40 };

	for (unsigned i = 0; i < NIGHT; i++) {
		energy__price__init(&price[i]);
		price[i].start_ms = at("2026-03-02T22:00:00Z") + i * HOUR;
		price[i].price = of[i];
		night[i] = &price[i];
	}
}

TestSuite(prices, .init = setup_night);

/* Which of the hours a vehicle uses that needs so many until 04:00. */
static unsigned used(int64_t hours)
{
	unsigned bits = 0;

	for (unsigned i = 0; i < NIGHT && hours; i++) {
		int64_t change = INT64_MAX, now = night[i]->start_ms;

		if (prices_wait(night, NIGHT, now, at("2026-03-03T04:00:00Z"), hours * HOUR, &change))
			continue;
		bits |= 1u << i;
		hours--;
	}
	return bits;
}

Test(prices, the_cheapest_hours_before_the_departure_are_used_and_of_equals_the_first)
{
	cr_expect_eq(used(1), 1u << 2);
	cr_expect_eq(used(2), 1u << 2 | 1u << 4);
	cr_expect_eq(used(3), 1u << 2 | 1u << 3 | 1u << 4);
	cr_expect_eq(used(4), 1u << 0 | 1u << 2 | 1u << 3 | 1u << 4);
}

Test(prices, who_has_no_time_to_lose_does_not_wait)
{
	int64_t change = INT64_MAX;

	cr_expect_not(prices_wait(night, NIGHT, night[0]->start_ms, night[0]->start_ms + 2 * HOUR, 2 * HOUR, &change));
	cr_expect_not(prices_wait(night, 0, night[0]->start_ms, night[0]->start_ms + 9 * HOUR, HOUR, &change));
	cr_expect_not(prices_wait(night, NIGHT, night[0]->start_ms - HOUR, night[5]->start_ms, HOUR, &change),
		      "no price is known yet");
}

Test(prices, it_is_said_when_to_ask_again)
{
	int64_t change = INT64_MAX;

	cr_expect(prices_wait(night, NIGHT, night[0]->start_ms, night[5]->start_ms, HOUR, &change));
	cr_expect_eq(change, night[1]->start_ms);
}

/* ---- grants ---------------------------------------------------------------------------------- */

static Energy__Grant grant(int64_t limit_ma, int64_t until_ms, int64_t fallback_ma)
{
	Energy__Grant g = ENERGY__GRANT__INIT;

	g.limit_ma = limit_ma;
	g.until_ms = until_ms;
	g.fallback_ma = fallback_ma;
	return g;
}

Test(grants, a_limit_holds_until_its_time_and_then_what_it_falls_back_to)
{
	Energy__Grant g = grant(16000, 1000, 6000), stands = grant(6000, 0, 6000);

	cr_expect_eq(grant_at(&g, 999), 16000);
	cr_expect_eq(grant_at(&g, 1000), 6000);
	cr_expect_eq(grant_next(&g, 10), 1000);
	cr_expect_eq(grant_next(&g, 1000), INT64_MAX);
	cr_expect_eq(grant_at(&stands, 5), 6000);
	cr_expect_eq(grant_at(NULL, 5), 0);
}

Test(grants, one_that_is_widened_allows_at_no_time_less_than_either)
{
	unsigned seed = 1;

	for (int i = 0; i < 10000; i++) {
		Energy__Grant a = grant(rand_r(&seed) % 32, rand_r(&seed) % 50, 0),
			      b = grant(rand_r(&seed) % 32, rand_r(&seed) % 50, 0), w;

		a.fallback_ma = a.limit_ma ? rand_r(&seed) % (a.limit_ma + 1) : 0;
		b.fallback_ma = b.limit_ma ? rand_r(&seed) % (b.limit_ma + 1) : 0;
		w = a;
		grant_widen(&w, &b);
		for (int64_t t = 0; t < 60; t++)
			cr_assert(grant_at(&w, t) >= grant_at(&a, t) && grant_at(&w, t) >= grant_at(&b, t));
	}
}

Test(grants, a_small_limit_that_stands_does_not_prolong_a_great_one_that_ends)
{
	Energy__Grant g = grant(16000, 1000, 0), stands = grant(6000, 0, 6000);

	grant_widen(&g, &stands);
	cr_expect_eq(grant_at(&g, 999), 16000);
	cr_expect_eq(grant_at(&g, 1000), 6000);
}
