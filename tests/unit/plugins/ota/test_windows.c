/* Windows of a campaign, by the clock on the site's wall. */
#include <criterion/criterion.h>
#include <plugins/ota/campaigns/windows.h>

#include <tests/unit/berlin.h>

static Ota__Window window(const char *from, const char *until)
{
	Ota__Window w = OTA__WINDOW__INIT;

	w.from = (char *)from;
	w.until = (char *)until;
	return w;
}

/* 0: it is open; else when it opens. */
static int64_t opens(Ota__Window *w, const struct gv_zone *zone, const char *time)
{
	int64_t ms;

	return windows_open(&w, 1, zone, at(time), &ms) ? 0 : ms;
}

Test(windows, none_is_always_open)
{
	int64_t ms;

	cr_expect(windows_open(NULL, 0, NULL, at("2026-03-02T12:00:00Z"), &ms));
}

Test(windows, one_begins_with_its_first_moment_and_ends_before_its_last)
{
	Ota__Window w = window("02:00", "05:00");

	cr_expect_eq(opens(&w, NULL, "2026-03-02T01:59:59Z"), at("2026-03-02T02:00:00Z"));
	cr_expect_eq(opens(&w, NULL, "2026-03-02T02:00:00Z"), 0);
	cr_expect_eq(opens(&w, NULL, "2026-03-02T04:59:59Z"), 0);
	cr_expect_eq(opens(&w, NULL, "2026-03-02T05:00:00Z"), at("2026-03-03T02:00:00Z"));
}

Test(windows, over_midnight_it_belongs_to_the_day_on_which_it_begins)
{
	Ota__Window w = window("22:00", "04:00");
	uint32_t saturday = 6;

	w.weekdays = &saturday;
	w.n_weekdays = 1;
	cr_expect_eq(opens(&w, NULL, "2026-03-07T23:00:00Z"), 0, "a Saturday");
	cr_expect_eq(opens(&w, NULL, "2026-03-08T03:59:00Z"), 0, "still the night of Saturday");
	cr_expect_eq(opens(&w, NULL, "2026-03-08T23:00:00Z"), at("2026-03-14T22:00:00Z"));
}

Test(windows, the_sites_clock_counts)
{
	struct gv_zone *zone = berlin();
	Ota__Window w = window("03:00", "05:00");

	cr_expect_eq(opens(&w, zone, "2026-01-10T02:00:00Z"), 0, "in winter 03:00 is 02:00 UTC");
	cr_expect_eq(opens(&w, zone, "2026-07-10T01:00:00Z"), 0, "in summer 01:00 UTC");
	gv_zone_destroy(zone);
}

Test(windows, an_hour_that_is_skipped_or_comes_twice_loses_no_window)
{
	struct gv_zone *zone = berlin();
	Ota__Window w = window("02:30", "04:00");

	cr_expect_eq(opens(&w, zone, "2026-03-29T01:40:00Z"), 0,
		     "02:30 is skipped: it is open from 03:30 of the new time on");
	cr_expect_eq(opens(&w, zone, "2026-10-25T00:40:00Z"), 0, "the first 02:40");
	cr_expect_eq(opens(&w, zone, "2026-10-25T01:40:00Z"), 0, "the second");
	gv_zone_destroy(zone);
}

Test(windows, what_is_wrong_is_said)
{
	Ota__Window w = window("24:00", "05:00");
	uint32_t eighth = 8;

	cr_expect_str_eq(window_problem(&w), "a window's from and until are times of day, as \"02:00\"");
	w = window("02:00", "05:00");
	cr_expect_null(window_problem(&w));
	w.weekdays = &eighth;
	w.n_weekdays = 1;
	cr_expect_str_eq(window_problem(&w), "a window's weekdays are from 1, Monday, to 7, Sunday");
}
