/* What Range and the conditional headers ask for (RFC 9110, 13 and 14). */
#include <criterion/criterion.h>
#include <errno.h>
#include <ranges.h>
#include <stdio.h>
#include <string.h>

static struct range got[RANGES_MAX];

static int parse(const char *text, uint64_t size)
{
	memset(got, 0, sizeof(got));
	return ranges_parse(slice(text, strlen(text)), size, got);
}

static void expect_one(const char *text, uint64_t size, uint64_t first, uint64_t last)
{
	cr_expect_eq(parse(text, size), 1, "%s", text);
	cr_expect(got[0].first == first && got[0].last == last, "%s -> %llu-%llu", text,
		  (unsigned long long)got[0].first, (unsigned long long)got[0].last);
}

Test(ranges, one_is_clipped_to_the_file)
{
	expect_one("bytes=0-99", 1000, 0, 99);
	expect_one("bytes=990-", 1000, 990, 999);
	expect_one("bytes=5-5000", 1000, 5, 999);
	expect_one("bytes=0-99999999999999999999999", 1000, 0, 999);
	expect_one(" Bytes=0-0 ", 1000, 0, 0);
}

Test(ranges, a_suffix_is_the_end_of_the_file)
{
	expect_one("bytes=-10", 1000, 990, 999);
	expect_one("bytes=-5000", 1000, 0, 999);
	expect_one("bytes=-99999999999999999999999", 1000, 0, 999);
}

Test(ranges, positions_beyond_four_gibibytes_are_kept)
{
	expect_one("bytes=5368709120-5368709129", UINT64_C(6000000000), 5368709120, 5368709129);
	expect_one("bytes=-1", UINT64_C(6000000000), 5999999999, 5999999999);
}

Test(ranges, several_come_in_the_order_asked_for)
{
	cr_expect_eq(parse("bytes=500-599, ,0-9,-1", 1000), 3);
	cr_expect(got[0].first == 500 && got[0].last == 599);
	cr_expect(got[1].first == 0 && got[1].last == 9);
	cr_expect(got[2].first == 999 && got[2].last == 999);
}

Test(ranges, what_does_not_exist_is_left_out_of_several)
{
	cr_expect_eq(parse("bytes=2000-3000,0-9,-0", 1000), 1);
	cr_expect(got[0].first == 0 && got[0].last == 9);
}

Test(ranges, nothing_that_exists_is_an_error)
{
	cr_expect_eq(parse("bytes=1000-", 1000), -ERANGE);
	cr_expect_eq(parse("bytes=-0", 1000), -ERANGE);
	cr_expect_eq(parse("bytes=0-", 0), -ERANGE);
	cr_expect_eq(parse("bytes=-5", 0), -ERANGE);
	cr_expect_eq(parse("bytes=2000-3000,5000-", 1000), -ERANGE);
	cr_expect_eq(parse("bytes=99999999999999999999-", 1000), -ERANGE);
}

Test(ranges, overlaps_get_the_whole_file)
{
	cr_expect_eq(parse("bytes=0-10,10-20", 1000), 0);
	cr_expect_eq(parse("bytes=0-,0-,0-", 1000), 0);
	cr_expect_eq(parse("bytes=-500,0-500", 1000), 0);
	cr_expect_eq(parse("bytes=0-9,10-20", 1000), 2, "neighbours do not overlap");
}

Test(ranges, too_many_get_the_whole_file)
{
	char text[512] = "bytes=";

	for (int i = 0; i < RANGES_MAX; i++)
		sprintf(text + strlen(text), "%d-%d,", 10 * i, 10 * i + 1);
	cr_expect_eq(parse(text, 1000), RANGES_MAX);
	strcat(text, "900-901");
	cr_expect_eq(parse(text, 1000), 0);
	strcpy(text + strlen(text) - 7, "5000-");
	cr_expect_eq(parse(text, 1000), 0, "those that do not exist count");
}

Test(ranges, bad_syntax_and_other_units_are_passed_over)
{
	static const char *const bad[] = { "bytes=9-3", "lines=1-2", "bytes",   "bytes=",      "bytes=,",
					   "bytes=a-b", "bytes=-",   "bytes=1", "bytes=1-2-3", "bytes=1-2,x" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		cr_expect_eq(parse(bad[i], 1000), 0, "%s", bad[i]);
}

static bool have(const char *list, bool weak)
{
	return etags_have(slice(list, strlen(list)), "abc", weak);
}

Test(etags, one_of_a_list_is_enough)
{
	cr_expect(have("\"abc\"", false));
	cr_expect(have("\"x,\", \"abc\" ,\"y\"", false));
	cr_expect(have(" * ", false));
	cr_expect(have("abc", false), "quotes that lack are forgiven");
	cr_expect_not(have("\"abcd\"", true));
	cr_expect_not(have("\"x, abc\"", true), "a comma within quotes parts nothing");
	cr_expect_not(have("\"*\"", true));
	cr_expect_not(have("\"abc", true));
	cr_expect_not(have("", true));
}

Test(etags, weak_ones_count_where_they_may)
{
	cr_expect(have("W/\"abc\"", true));
	cr_expect_not(have("W/\"abc\"", false));
}

static bool is(const char *value)
{
	return etag_is(slice(value, strlen(value)), "abc");
}

Test(etags, if_range_takes_one_strong_tag_and_no_date)
{
	cr_expect(is("\"abc\""));
	cr_expect_not(is("W/\"abc\""));
	cr_expect_not(is("\"def\""));
	cr_expect_not(is("Sat, 28 Nov 2026 21:00:00 GMT"));
	cr_expect_not(is(""));
}
