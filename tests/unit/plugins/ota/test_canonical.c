/* The canonical form of JSON is securesystemslib's; what two readers could read differently is no document. */
#include "plugins/ota/core/tuf.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/leaks.h"

TestSuite(tuf_canonical, .fini = check_leaks);

static void becomes(const char *json, const char *want)
{
	struct tuf_error err = { "" };
	cJSON *value;
	char *text;
	size_t size;

	cr_assert_eq(tuf_json_read(json, strlen(json), &value, &err), 0, "%s: %s", json, err.text);
	cr_assert_eq(tuf_canonical(value, &text, &size, &err), 0, "%s", err.text);
	cr_assert_eq(size, strlen(want), "%.*s", (int)size, text);
	cr_assert_eq(memcmp(text, want, size), 0, "%.*s", (int)size, text);
	free(text);
	cJSON_Delete(value);
}

Test(tuf_canonical, as_securesystemslib_has_it)
{
	becomes("{ \"b\" : 1, \"a\" : [ true, false, null ] }", "{\"a\":[true,false,null],\"b\":1}");
	becomes("{\"Z\":1,\"a\":2,\"\xc3\xa9\":3,\"A\":4}", "{\"A\":4,\"Z\":1,\"a\":2,\"\xc3\xa9\":3}");
	becomes("[\"a\\\"b\\\\c\\nd\\u00e9\"]", "[\"a\\\"b\\\\c\nd\xc3\xa9\"]");
	becomes("[9007199254740991, -1, 0, 1000000000000000]", "[9007199254740991,-1,0,1000000000000000]");
	becomes("{}", "{}");
	becomes("[]", "[]");
}

static void refused(const char *json, const char *words)
{
	struct tuf_error err = { "" };
	cJSON *value;

	cr_assert_eq(tuf_json_read(json, strlen(json), &value, &err), -TUF_MALFORMED, "%s", json);
	cr_assert(strstr(err.text, words), "%s: %s", json, err.text);
}

Test(tuf_canonical, what_could_be_read_in_two_ways_is_refused)
{
	refused("{\"a\":1,\"b\":2,\"a\":3}", "the member a stands twice");
	refused("{\"a\":{\"x\":1,\"x\":1}}", "the member x stands twice");
	refused("[1.5]", "no whole number");
	refused("[1e300]", "no whole number");
	refused("[9007199254740993]", "no whole number below 2^53");
	refused("[\"a\\u0000b\"]", "a zero character");
	refused("{} {}", "behind the JSON");
	refused("{\"a\":", "no JSON");
	refused("", "no JSON");
	refused("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "within each other");
}

Test(tuf_canonical, times_have_one_form)
{
	static const char *const bad[] = { "2027-02-30T00:00:00Z",
					   "2027-01-01T24:00:00Z",
					   "2027-01-01T00:00:60Z",
					   "2027-01-01 00:00:00Z",
					   "2027-1-01T00:00:00ZZ",
					   "2027-01-01T00:00:00+",
					   "" };
	int64_t time_s = 0;
	char text[24];

	cr_assert_eq(tuf_time_read("2027-01-15T08:00:00Z", &time_s), 0);
	cr_assert_eq(time_s, 1800000000);
	for (int64_t s = 0; s < INT64_C(253402300799); s += 86400 * 13 + 4001) {
		tuf_time_write(s, text);
		cr_assert_eq(tuf_time_read(text, &time_s), 0, "%s", text);
		cr_assert_eq(time_s, s, "%s", text);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_lt(tuf_time_read(bad[i], &time_s), 0, "%s", bad[i]);
}
