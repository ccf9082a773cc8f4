/* lib/json.h, writing: every field is there, in the .proto's order, whatever bytes came in. */
#include "sample.h"

#include <errno.h>
#include <lib/json_text.h>
#include <math.h>
#include <stdlib.h>

TestSuite(json_write, .init = sample_setup, .fini = sample_teardown);

static const char *write_bytes(const char *name, const char *bytes, size_t size)
{
	text.size = 0;
	cr_assert_eq(gv_json_write(type(name), (const uint8_t *)bytes, size, 0, &text), 0);
	return gv_buf_str(&text);
}

#define WRITE(name, bytes) write_bytes(name, bytes, sizeof(bytes) - 1)

Test(json_write, prints_zeros_nulls_and_empty_lists_but_no_absent_oneof)
{
	cr_assert_str_eq(
		WRITE("All", ""),
		"{\"aDouble\":0,\"aFloat\":0,\"anInt64\":\"0\",\"aUint64\":\"0\",\"anInt32\":0,\"aFixed64\":\"0\","
		"\"aFixed32\":0,"
		"\"aBool\":false,\"aString\":\"\",\"someBytes\":\"\",\"aUint32\":0,\"aColor\":\"COLOR_UNSPECIFIED\","
		"\"anSfixed32\":0,\"anSfixed64\":\"0\",\"anSint32\":0,\"anSint64\":\"0\",\"aPlace\":null,\"numbers\":[]"
		","
		"\"strings\":[],\"places\":[],\"texts\":{},\"placesByNumber\":{},\"byBool\":{},\"free\":null,\"any\":"
		"null,"
		"\"doubles\":[],\"colors\":{},\"palette\":[]}");
}

Test(json_write, shows_secrets_only_when_asked)
{
	cr_assert_eq(read_json("Ruled", 0, "{\"password\":\"p\",\"place\":{\"name\":\"x\"}}"), 0);
	cr_assert(strstr(write_json("Ruled", 0), "\"password\":\"***\",\"place\":\"***\""));
	cr_assert(strstr(write_json("Ruled", GV_JSON_SECRETS), "\"password\":\"p\",\"place\":{\"name\":\"x\""));
	cr_assert(strstr(WRITE("Ruled", ""), "\"password\":\"\",\"place\":null"),
		  "an unset secret shows that it is unset");
}

Test(json_write, takes_the_last_of_a_field_given_twice)
{
	cr_assert(strstr(WRITE("Place", "\x10\x01\x10\x02"), "\"floor\":2"));
}

Test(json_write, joins_messages_in_pieces)
{
	cr_assert(strstr(WRITE("All", "\x8a\x01\x03\x0a\x01x\x8a\x01\x02\x10\x05"),
			 "\"aPlace\":{\"name\":\"x\",\"floor\":5}"));
}

Test(json_write, takes_the_last_member_of_a_oneof)
{
	const char *json = WRITE("All", "\xc2\x01\x01x\xc8\x01\x05");
	cr_assert(strstr(json, "\"byNumber\":5") && !strstr(json, "byName"), "%s", json);
}

Test(json_write, reads_numbers_packed_and_one_by_one)
{
	cr_assert(strstr(WRITE("All", "\x92\x01\x02\x01\x02\x90\x01\x03"), "\"numbers\":[1,2,3]"));
	cr_assert(strstr(WRITE("All", "\xea\x01\x08\0\0\0\0\0\0\xf0\x3f"), "\"doubles\":[1]"));
}

Test(json_write, takes_the_last_of_a_maps_equal_keys)
{
	cr_assert(strstr(WRITE("All", "\xaa\x01\x06\x0a\x01k\x12\x01\x61\xaa\x01\x06\x0a\x01k\x12\x01\x62"),
			 "\"texts\":{\"k\":\"b\"}"));
	cr_assert(strstr(WRITE("All", "\xaa\x01\x00"), "\"texts\":{\"\":\"\"}"),
		  "an entry may leave out its key and its value");
}

Test(json_write, skips_what_the_type_does_not_know)
{
	cr_assert_str_eq(WRITE("Place", "\xf8\x07\x01\x9b\x06\x9c\x06"), "{\"name\":\"\",\"floor\":0}");
}

Test(json_write, replaces_what_is_no_utf8_and_escapes_control_characters)
{
	cr_assert(strstr(WRITE("Place", "\x0a\x03\x61\xff\x62"), "\"name\":\"a\xef\xbf\xbd"
								 "b\""));
	cr_assert(strstr(WRITE("Place", "\x0a\x03\x00\x1b\""), "\"name\":\"\\u0000\\u001b\\\"\""));
}

Test(json_write, refuses_malformed_bytes_and_leaves_what_was_there)
{
	static const struct {
		const char *bytes;
		size_t size;
	} bad[] = { { "\x0a\x05x", 3 }, { "\x08\x01", 2 }, { "\x12\x01x", 3 }, { "\xff", 1 }, { "\x0a", 1 } };
	gv_buf_puts(&text, "kept");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_assert_eq(gv_json_write(type("Place"), (const uint8_t *)bad[i].bytes, bad[i].size, 0, &text),
			     -EBADMSG, "%zu", i);
	cr_assert_str_eq(gv_buf_str(&text), "kept");
}

Test(json_write, bounds_depth)
{
	struct gv_buf b = { 0 };
	for (int i = 0; i < 100; i++) {
		struct gv_buf outer = { 0 };
		gv_buf_puts(&outer, "\x0a");
		for (size_t n = b.size; n >= 0x80 || (gv_buf_putc(&outer, (char)n), 0); n >>= 7)
			gv_buf_putc(&outer, (char)(n | 0x80));
		gv_buf_add(&outer, b.data, b.size);
		gv_buf_fini(&b);
		b = outer;
	}
	cr_assert_eq(gv_json_write(type("Deep"), b.data, b.size, 0, &text), -EBADMSG);
	gv_buf_fini(&b);
}

/* ---- numbers --------------------------------------------------------------------------------- */

static const char *print(double d)
{
	text.size = 0;
	gv_json_double(&text, d);
	return gv_buf_str(&text);
}

Test(json_write, prints_the_shortest_decimal_that_reads_back)
{
	cr_assert_str_eq(print(0.1), "0.1");
	cr_assert_str_eq(print(6379.259277), "6379.259277");
	cr_assert_str_eq(print(0.1 + 0.2), "0.30000000000000004");
	cr_assert_str_eq(print(1e21), "1e+21");
	cr_assert_str_eq(print(5e-324), "5e-324");
	cr_assert_str_eq(print(1.7976931348623157e308), "1.7976931348623157e+308");
	cr_assert_str_eq(print(-0.0), "-0");
	cr_assert_str_eq(print(241.1), "241.1");
	cr_assert_str_eq(print((double)NAN), "\"NaN\"");
	text.size = 0;
	gv_json_float(&text, 0.1f);
	cr_assert_str_eq(gv_buf_str(&text), "0.1");
}

Test(json_write, every_double_reads_back_as_itself)
{
	uint64_t state = 1;
	for (int i = 0; i < 100000; i++) {
		double d;
		state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		memcpy(&d, &state, sizeof d);
		if (isfinite(d))
			cr_assert_eq(strtod(print(d), NULL), d, "%a became %s", d, print(d));
	}
}
