/* lib/iso8601.h: every dialect that chargers were seen to send, and what must be refused. */
#include <lib/iso8601.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "../leaks.h"

TestSuite(iso8601, .fini = check_leaks);

static const struct {
	const char *text, *utc;
	unsigned flags;
} good[] = {
	{ "2025-01-15T02:09:54.000Z", "2025-01-15T02:09:54.000Z", 0 },
	{ "2025-01-15T02:09:54Z", "2025-01-15T02:09:54.000Z", 0 },
	{ "2025-01-15t02:09:54z", "2025-01-15T02:09:54.000Z", 0 },
	{ "2025-01-15 02:09:54Z", "2025-01-15T02:09:54.000Z", 0 },
	{ "  2025-01-15T02:09:54Z\r\n", "2025-01-15T02:09:54.000Z", 0 },
	{ "2025-01-15T02:09:54.5Z", "2025-01-15T02:09:54.500Z", 0 },
	{ "2025-01-15T02:09:54,25Z", "2025-01-15T02:09:54.250Z", 0 },
	{ "2025-01-15T02:09:54.9999999999999Z", "2025-01-15T02:09:54.999Z", 0 },
	{ "2025-01-15T02:09:54+01:00", "2025-01-15T01:09:54.000Z", 0 },
	{ "2025-01-15T02:09:54+0530", "2025-01-14T20:39:54.000Z", 0 },
	{ "2025-01-15T02:09:54-08", "2025-01-15T10:09:54.000Z", 0 },
	{ "2025-01-15T02:09:54.123 -08:00", "2025-01-15T10:09:54.123Z", 0 },
	{ "2025-01-15T02:09:54-00:00", "2025-01-15T02:09:54.000Z", 0 },
	{ "2025-01-15T02:09Z", "2025-01-15T02:09:00.000Z", GV_TIME_NO_SECONDS },
	{ "2025-01-15T02:40:49", "2025-01-15T02:40:49.000Z", GV_TIME_NO_ZONE },
	{ "2025-01-15 02:40", "2025-01-15T02:40:00.000Z", GV_TIME_NO_ZONE | GV_TIME_NO_SECONDS },
	{ "2024-12-31T24:00:00Z", "2025-01-01T00:00:00.000Z", 0 },
	{ "2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z", 0 }, /* a leap second */
	{ "2024-02-29T12:00:00Z", "2024-02-29T12:00:00.000Z", 0 },
	{ "2000-02-29T12:00:00Z", "2000-02-29T12:00:00.000Z", 0 },
	{ "2100-02-28T24:00:00Z", "2100-03-01T00:00:00.000Z", 0 },
	{ "1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z", 0 },
	{ "1969-12-31T23:00:00-01:00", "1970-01-01T00:00:00.000Z", 0 },
	{ "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z", 0 },
};

Test(iso8601, takes_what_chargers_send)
{
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		char utc[25];
		int64_t ms;
		unsigned flags;
		cr_assert_eq(gv_time_parse(good[i].text, strlen(good[i].text), NULL, &ms, &flags), 0, "%s was refused",
			     good[i].text);
		gv_time_format(ms, utc);
		cr_assert_str_eq(utc, good[i].utc, "%s became %s", good[i].text, utc);
		cr_assert_eq(flags, good[i].flags, "%s has the flags %u", good[i].text, flags);
	}
}

static const struct {
	const char *text;
	int error;
} bad[] = {
	{ "", -EINVAL },
	{ "now", -EINVAL },
	{ "2025-01-15", -EINVAL },
	{ "2025-01-15T", -EINVAL },
	{ "2025-01-15T02", -EINVAL },
	{ "25-01-15T02:09:54Z", -EINVAL },
	{ "2025-1-15T02:09:54Z", -EINVAL },
	{ "2025-00-15T02:09:54Z", -EINVAL },
	{ "2025-13-15T02:09:54Z", -EINVAL },
	{ "2025-01-00T02:09:54Z", -EINVAL },
	{ "2025-01-32T02:09:54Z", -EINVAL },
	{ "2025-04-31T02:09:54Z", -EINVAL },
	{ "2025-02-29T02:09:54Z", -EINVAL },
	{ "2100-02-29T02:09:54Z", -EINVAL },
	{ "2025-01-15T25:00:00Z", -EINVAL },
	{ "2025-01-15T24:00:01Z", -EINVAL },
	{ "2025-01-15T24:00:00.001Z", -EINVAL },
	{ "2025-01-15T02:60:00Z", -EINVAL },
	{ "2025-01-15T02:09:61Z", -EINVAL },
	{ "2025-01-15T02:09:54.Z", -EINVAL },
	{ "2025-01-15T02:09:54X", -EINVAL },
	{ "2025-01-15T02:09:54ZZ", -EINVAL },
	{ "2025-01-15T02:09:54+1", -EINVAL },
	{ "2025-01-15T02:09:54+01:", -EINVAL },
	{ "2025-01-15T02:09:54+01:60", -EINVAL },
	{ "2025-01-15T02:09:54+24:00", -EINVAL },
	{ "2025-01-15T02:09:54+01:00:00", -EINVAL },
	{ "-2025-01-15T02:09:54Z", -EINVAL },
	{ "1969-12-31T23:59:59Z", -ERANGE },
	{ "1970-01-01T00:30:00+01:00", -ERANGE },
	{ "9999-12-31T23:59:59-01:00", -ERANGE },
	{ "0000-01-01T00:00:00Z", -ERANGE },
};

Test(iso8601, refuses_what_is_no_time_and_touches_nothing)
{
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		int64_t ms = 42;
		unsigned flags = 42;
		int r = gv_time_parse(bad[i].text, strlen(bad[i].text), NULL, &ms, &flags);
		cr_assert_eq(r, bad[i].error, "%s: %d", bad[i].text, r);
		cr_assert(ms == 42 && flags == 42);
	}
}

Test(iso8601, reads_no_further_than_it_is_told)
{
	int64_t ms;
	cr_assert_eq(gv_time_parse("2025-01-15T02:09:54Z and more", 20, NULL, &ms, NULL), 0);
	cr_assert_eq(gv_time_parse("2025-01-15T02:09:54\0Z", 21, NULL, &ms, NULL), -EINVAL);
}

Test(iso8601, prints_every_day_of_the_calendar_once)
{
	char last[25] = "", now[25];
	int64_t ms, read;
	for (ms = 0; ms <= GV_TIME_MAX_MS; ms += 86400000) {
		gv_time_format(ms, now);
		cr_assert_gt(strcmp(now, last), 0, "%s follows %s", now, last);
		cr_assert_eq(gv_time_parse(now, 24, NULL, &read, NULL), 0, "%s", now);
		cr_assert_eq(read, ms, "%s", now);
		memcpy(last, now, sizeof last);
	}
	cr_assert_str_eq(last, "9999-12-31T00:00:00.000Z");
}

Test(iso8601, prints_times_before_1970_and_the_nearest_to_what_has_no_form)
{
	char text[25];
	gv_time_format(-1, text);
	cr_assert_str_eq(text, "1969-12-31T23:59:59.999Z");
	gv_time_format(INT64_C(-2203891200000), text);
	cr_assert_str_eq(text, "1900-03-01T00:00:00.000Z");
	gv_time_format(INT64_MIN, text);
	cr_assert_str_eq(text, "0000-01-01T00:00:00.000Z");
	gv_time_format(INT64_MAX, text);
	cr_assert_str_eq(text, "9999-12-31T23:59:59.999Z");
}
