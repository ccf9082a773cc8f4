/* lib/zone.h: local times around the changes of a clock, and files that lie. The zones are made here: a TZif file with
 * a rule alone. */
#include <lib/iso8601.h>
#include <lib/zone.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../leaks.h"

TestSuite(zone, .fini = check_leaks);

static void put32(uint8_t *to, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* A TZif file of version 2 with `n` transitions (to types 0 and 1 in turn), two types of these offsets, and a rule. */
static size_t make(uint8_t *to, const int64_t *at, uint32_t n, int32_t first_s, int32_t second_s, const char *rule)
{
	uint8_t *start = to;
	memset(to, 0, 88);
	memcpy(to, "TZif2", 5);
	put32(to + 36, 1); /* the block of 32 bits: one type, nothing else */
	to += 44 + 6;
	memset(to, 0, 44);
	memcpy(to, "TZif2", 5);
	put32(to + 32, n);
	put32(to + 36, 2);
	to += 44;
	for (uint32_t i = 0; i < n; i++, to += 8) {
		put32(to, (uint32_t)((uint64_t)at[i] >> 32));
		put32(to + 4, (uint32_t)at[i]);
	}
	for (uint32_t i = 0; i < n; i++)
		*to++ = (i + 1) % 2;
	memset(to, 0, 12);
	put32(to, (uint32_t)first_s);
	put32(to + 6, (uint32_t)second_s);
	to += 12;
	return (size_t)(to - start) + (size_t)sprintf((char *)to, "\n%s\n", rule);
}

static struct gv_zone *zone(int32_t standard_s, const char *rule)
{
	static uint8_t file[1024];
	struct gv_zone *z = NULL;
	size_t size = make(file, NULL, 0, standard_s, standard_s, rule);
	cr_assert_eq(gv_zone_parse(file, size, &z), 0, "%s was refused", rule);
	return z;
}

static void expect(const struct gv_zone *z, const char *local, const char *utc, unsigned flags)
{
	char got[25];
	int64_t ms;
	unsigned got_flags;
	cr_assert_eq(gv_time_parse(local, strlen(local), z, &ms, &got_flags), 0);
	gv_time_format(ms, got);
	cr_assert_str_eq(got, utc, "%s became %s, not %s", local, got, utc);
	cr_assert_eq(got_flags, flags | GV_TIME_NO_ZONE, "%s has the flags %u", local, got_flags);
}

#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"

Test(zone, follows_daylight_saving_of_europe)
{
	struct gv_zone *z = zone(3600, BERLIN);
	expect(z, "2025-01-15T12:00:00", "2025-01-15T11:00:00.000Z", 0);
	expect(z, "2025-07-15T12:00:00", "2025-07-15T10:00:00.000Z", 0);
	gv_zone_destroy(z);
}

Test(zone, puts_a_time_that_the_clock_skipped_behind_the_gap)
{
	struct gv_zone *z = zone(3600, BERLIN);
	expect(z, "2025-03-30T01:59:59", "2025-03-30T00:59:59.000Z", 0);
	expect(z, "2025-03-30T02:00:00", "2025-03-30T01:00:00.000Z", GV_TIME_SKIPPED); /* 03:00 on the wall */
	expect(z, "2025-03-30T02:59:59", "2025-03-30T01:59:59.000Z", GV_TIME_SKIPPED);
	expect(z, "2025-03-30T03:00:00", "2025-03-30T01:00:00.000Z", 0);
	gv_zone_destroy(z);
}

Test(zone, takes_the_first_of_two_equal_times)
{
	struct gv_zone *z = zone(3600, BERLIN);
	expect(z, "2025-10-26T01:59:59", "2025-10-25T23:59:59.000Z", 0);
	expect(z, "2025-10-26T02:00:00", "2025-10-26T00:00:00.000Z", GV_TIME_REPEATED);
	expect(z, "2025-10-26T02:59:59", "2025-10-26T00:59:59.000Z", GV_TIME_REPEATED);
	expect(z, "2025-10-26T03:00:00", "2025-10-26T02:00:00.000Z", 0);
	gv_zone_destroy(z);
}

Test(zone, knows_the_south_where_the_year_begins_in_summer)
{
	struct gv_zone *z = zone(36000, "AEST-10AEDT,M10.1.0,M4.1.0/3");
	expect(z, "2025-01-15T12:00:00", "2025-01-15T01:00:00.000Z", 0);
	expect(z, "2025-07-15T12:00:00", "2025-07-15T02:00:00.000Z", 0);
	gv_zone_destroy(z);
}

Test(zone, reads_every_form_of_rule)
{
	struct gv_zone *z = zone(-12600, "NST3:30NDT,M3.2.0,M11.1.0");
	expect(z, "2025-07-01T00:00:00", "2025-07-01T02:30:00.000Z", 0);
	gv_zone_destroy(z);
	z = zone(20700, "<+0545>-5:45");
	expect(z, "2025-07-01T12:00:00", "2025-07-01T06:15:00.000Z", 0);
	gv_zone_destroy(z);
	z = zone(0, "AAA0BBB-2,J60/0,J300/0"); /* the first of March, leap year or not */
	expect(z, "2024-02-29T23:59:59", "2024-02-29T23:59:59.000Z", 0);
	expect(z, "2024-03-01T02:00:00", "2024-03-01T00:00:00.000Z", 0);
	expect(z, "2025-03-01T02:00:00", "2025-03-01T00:00:00.000Z", 0);
	gv_zone_destroy(z);
	z = zone(0, "AAA0BBB,59/0,300/0"); /* the 60th day: 29 February in a leap year */
	expect(z, "2024-02-29T01:00:00", "2024-02-29T00:00:00.000Z", 0);
	expect(z, "2025-03-01T01:00:00", "2025-03-01T00:00:00.000Z", 0);
	gv_zone_destroy(z);
	z = zone(-10800, "<-03>3<-02>,M3.5.0/-1,M10.5.0/0"); /* as Nuuk did: before midnight */
	expect(z, "2025-03-29T23:30:00", "2025-03-30T02:30:00.000Z", GV_TIME_SKIPPED);
	gv_zone_destroy(z);
}

Test(zone, holds_for_all_years)
{
	struct gv_zone *z = zone(3600, BERLIN);
	expect(z, "1970-07-15T12:00:00", "1970-07-15T10:00:00.000Z", 0);
	expect(z, "2371-07-15T12:00:00", "2371-07-15T10:00:00.000Z", 0);
	expect(z, "2771-01-15T12:00:00", "2771-01-15T11:00:00.000Z", 0);
	expect(z, "9999-07-15T12:00:00", "9999-07-15T10:00:00.000Z", 0);
	cr_assert_eq(gv_zone_offset_s(z, INT64_C(253402300799)), 3600);
	cr_assert_eq(gv_zone_offset_s(z, INT64_C(253387699200)), 7200); /* July 9999 */
	gv_zone_destroy(z);
}

Test(zone, takes_the_files_transitions_before_the_rule)
{
	static uint8_t file[1024];
	const int64_t at[] = { 1000000000, 1100000000 };
	struct gv_zone *z;
	cr_assert_eq(gv_zone_parse(file, make(file, at, 2, 0, 7200, "ABC-3"), &z), 0);
	cr_assert_eq(gv_zone_offset_s(z, 999999999), 0);
	cr_assert_eq(gv_zone_offset_s(z, 1000000000), 7200);
	cr_assert_eq(gv_zone_offset_s(z, 1099999999), 7200);
	cr_assert_eq(gv_zone_offset_s(z, 1100000000), 0);
	gv_zone_destroy(z);
}

Test(zone, says_from_when_until_when_an_offset_holds)
{
	const int64_t spring_s = 1743296400, autumn_s = 1761440400, cycle_s = INT64_C(146097) * 86400;
	struct gv_zone *z = zone(3600, BERLIN);
	int64_t from_s, until_s;
	for (int i = 0; i < 3; i++) { /* this year, and the same one 400 and 800 years later */
		cr_assert_eq(gv_zone_span(z, spring_s + i * cycle_s, &from_s, &until_s), 7200);
		cr_assert_eq(from_s, spring_s + i * cycle_s);
		cr_assert_eq(until_s, autumn_s + i * cycle_s);
		cr_assert_eq(gv_zone_span(z, autumn_s - 1 + i * cycle_s, &from_s, &until_s), 7200);
		cr_assert_eq(gv_zone_span(z, autumn_s + i * cycle_s, &from_s, &until_s), 3600);
		cr_assert_eq(from_s, autumn_s + i * cycle_s);
	}
	gv_zone_destroy(z);
	cr_assert_eq(gv_zone_span(NULL, 0, &from_s, &until_s), 0);
	cr_assert(from_s == INT64_MIN && until_s == INT64_MAX);
}

Test(zone, none_is_utc)
{
	expect(NULL, "2025-07-15T12:00:00", "2025-07-15T12:00:00.000Z", 0);
	cr_assert_eq(gv_zone_offset_s(NULL, 0), 0);
	gv_zone_destroy(NULL);
}

Test(zone, refuses_every_file_that_is_cut_off)
{
	static uint8_t file[1024];
	const int64_t at[] = { 1000000000, 1100000000 };
	size_t size = make(file, at, 2, 0, 7200, BERLIN);
	for (size_t n = 0; n < size; n++) {
		struct gv_zone *z = NULL;
		uint8_t *exact = malloc(n + 1); /* so that a sanitizer sees a read beyond the end */
		memcpy(exact, file, n);
		cr_assert_eq(gv_zone_parse(exact, n, &z), -EBADMSG, "%zu bytes of %zu were taken", n, size);
		cr_assert_null(z);
		free(exact);
	}
}

Test(zone, refuses_rules_and_transitions_that_make_no_sense)
{
	static const char *const rules[] = { "CET",
					     "CET-",
					     "CET-1CEST",
					     "CET-1CEST,M3.5.0",
					     "CET-1CEST,M13.5.0,M10.5.0",
					     "CET-25",
					     "CET-1CEST,M3.5.0,M10.5.0/3x",
					     "CET-1CEST,M3.6.0,M10.5.0",
					     "CET-1CEST,J0,J5",
					     "<CET-1",
					     "CET-1CEST,M3.5.0/168,M10.5.0" };
	static uint8_t file[1024];
	struct gv_zone *z;
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		cr_assert_eq(gv_zone_parse(file, make(file, NULL, 0, 0, 0, rules[i]), &z), -EBADMSG, "%s was taken",
			     rules[i]);
	const int64_t backwards[] = { 1100000000, 1000000000 };
	cr_assert_eq(gv_zone_parse(file, make(file, backwards, 2, 0, 0, ""), &z), -EBADMSG);
	cr_assert_eq(gv_zone_parse(file, make(file, NULL, 0, 1000000, 0, ""), &z), -EBADMSG,
		     "an offset of eleven days was taken");
}
