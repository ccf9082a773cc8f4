/* lib/json.h, reading: proto3's mapping, galvan's rules, and a sentence for whatever is wrong. */
#include "sample.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <lib/json_text.h>
#include <stdlib.h>

TestSuite(json_read, .init = sample_setup, .fini = sample_teardown);

#define READS(name, flags, json) cr_assert_eq(read_json(name, flags, json), 0, "%s: %s", error.path, error.text)
#define REFUSED(name, flags, json, message)                                                                            \
	do {                                                                                                           \
		const char *got_ = refused(name, flags, json);                                                         \
		cr_assert_str_eq(got_, message, "%s: %s", json, got_);                                                 \
	} while (0)

/* ---- values ---------------------------------------------------------------------------------- */

Test(json_read, takes_names_of_both_kinds)
{
	READS("All", 0, "{\"aString\":\"x\"}");
	cr_assert(written_has("All", "\"aString\":\"x\""));
	READS("All", 0, "{\"a_string\":\"y\"}");
	cr_assert(written_has("All", "\"aString\":\"y\""));
}

Test(json_read, takes_whole_numbers_as_numbers_or_strings)
{
	READS("All", 0,
	      "{\"anInt64\":\"-9223372036854775808\",\"aUint64\":\"18446744073709551615\",\"anInt32\":\"-1\","
	      "\"aUint32\":7.0}");
	cr_assert(written_has(
		"All", "\"anInt64\":\"-9223372036854775808\",\"aUint64\":\"18446744073709551615\",\"anInt32\":-1"));
	cr_assert(written_has("All", "\"aUint32\":7"));
	READS("All", 0,
	      "{\"anInt64\":-9007199254740992,\"aFixed64\":12,\"aFixed32\":13,\"anSfixed32\":-14,\"anSfixed64\":-15,"
	      "\"anSint32\":-16,\"anSint64\":\"-17\"}");
	cr_assert(written_has("All", "\"anInt64\":\"-9007199254740992\""));
	cr_assert(written_has("All", "\"aFixed64\":\"12\",\"aFixed32\":13"));
	cr_assert(
		written_has("All", "\"anSfixed32\":-14,\"anSfixed64\":\"-15\",\"anSint32\":-16,\"anSint64\":\"-17\""));
}

Test(json_read, refuses_numbers_that_do_not_fit)
{
	REFUSED("All", 0, "{\"anInt32\":2147483648}", "anInt32: out of range: 2147483647 is the most");
	REFUSED("All", 0, "{\"anInt32\":-2147483649}", "anInt32: out of range: -2147483648 is the least");
	REFUSED("All", 0, "{\"aUint32\":4294967296}", "aUint32: out of range: 4294967295 is the most");
	REFUSED("All", 0, "{\"aUint64\":-1}", "aUint64: expected a number that is not negative");
	REFUSED("All", 0, "{\"anInt64\":\"9223372036854775808\"}",
		"anInt64: out of range: 9223372036854775807 is the most");
	REFUSED("All", 0, "{\"aUint64\":\"18446744073709551616\"}",
		"aUint64: expected a whole number, got \"18446744073709551616\"");
	REFUSED("All", 0, "{\"anInt32\":1.5}", "anInt32: expected a whole number, got 1.5");
	REFUSED("All", 0, "{\"anInt32\":1e400}", "anInt32: expected a whole number, got inf");
	REFUSED("All", 0, "{\"anInt32\":\"0x10\"}", "anInt32: expected a whole number, got \"0x10\"");
	REFUSED("All", 0, "{\"anInt32\":\"\"}", "anInt32: expected a whole number, got \"\"");
	REFUSED("All", 0, "{\"anInt32\":\" 1\"}", "anInt32: expected a whole number, got \" 1\"");
	REFUSED("All", 0, "{\"anInt32\":\"007\"}", "anInt32: expected a whole number, got \"007\"");
}

Test(json_read, refuses_numbers_that_json_has_already_rounded)
{
	REFUSED("All", 0, "{\"anInt64\":9007199254740994}",
		"anInt64: a number this large is not exact in JSON: give it as a string, \"9007199254740994\"");
}

Test(json_read, takes_floating_point_with_its_special_values)
{
	READS("All", 0, "{\"aDouble\":\"NaN\",\"aFloat\":\"-Infinity\"}");
	cr_assert(written_has("All", "\"aDouble\":\"NaN\",\"aFloat\":\"-Infinity\""));
	READS("All", 0, "{\"aDouble\":\"6379.259277\",\"aFloat\":0.1}");
	cr_assert(written_has("All", "\"aDouble\":6379.259277,\"aFloat\":0.1"));
	READS("All", 0, "{\"aDouble\":-0.0}");
	cr_assert(written_has("All", "\"aDouble\":-0,"));
	REFUSED("All", 0, "{\"aDouble\":1e999}", "aDouble: out of range");
	REFUSED("All", 0, "{\"aFloat\":1e39}", "aFloat: out of range: 3.40282e+38 is the most");
	REFUSED("All", 0, "{\"aDouble\":\"nan\"}", "aDouble: expected a number, got \"nan\"");
	REFUSED("All", 0, "{\"aDouble\":\"0x1p3\"}", "aDouble: expected a number, got \"0x1p3\"");
	REFUSED("All", 0, "{\"aDouble\":\"\"}", "aDouble: expected a number, got \"\"");
}

Test(json_read, takes_enums_by_name_or_number)
{
	READS("All", 0, "{\"aColor\":\"GREEN\",\"palette\":[\"BELOW\",1,-1]}");
	cr_assert(written_has("All", "\"aColor\":\"GREEN\""));
	cr_assert(written_has("All", "\"palette\":[\"BELOW\",\"RED\",\"BELOW\"]"));
	READS("All", 0, "{\"aColor\":77}");
	cr_assert(written_has("All", "\"aColor\":77"), "a value of a newer .proto passes unharmed");
	REFUSED("All", 0, "{\"aColor\":\"GREN\"}",
		"aColor: no such value: \"GREN\"; did you mean GREEN? Allowed: COLOR_UNSPECIFIED, RED, GREEN, BELOW");
	REFUSED("All", GV_JSON_RULES, "{\"aColor\":77}",
		"aColor: no such value: \"77\"; allowed: COLOR_UNSPECIFIED, RED, GREEN, BELOW");
}

Test(json_read, takes_bytes_as_base64)
{
	READS("All", 0, "{\"someBytes\":\"AAH/\"}");
	cr_assert(written_has("All", "\"someBytes\":\"AAH/\""));
	REFUSED("All", 0, "{\"someBytes\":\"*\"}", "someBytes: expected base64");
}

Test(json_read, takes_maps_with_every_kind_of_key)
{
	READS("All", 0,
	      "{\"texts\":{\"b\":\"2\",\"\":\"0\"},\"placesByNumber\":{\"-5\":{\"name\":\"x\"}},\"byBool\":{\"true\":1."
	      "5},"
	      "\"colors\":{\"3\":\"RED\"}}");
	cr_assert(written_has(
		"All", "\"texts\":{\"\":\"0\",\"b\":\"2\"},\"placesByNumber\":{\"-5\":{\"name\":\"x\",\"floor\":0}},"
		       "\"byBool\":{\"true\":1.5}"));
	cr_assert(written_has("All", "\"colors\":{\"3\":\"RED\"}"));
	REFUSED("All", 0, "{\"byBool\":{\"yes\":1}}", "byBool[\"yes\"]: expected the key true or false");
	REFUSED("All", 0, "{\"placesByNumber\":{\"x\":{}}}",
		"placesByNumber[\"x\"]: expected a whole number, got \"x\"");
	REFUSED("All", 0, "{\"texts\":{\"a\":null}}", "texts[\"a\"]: null is not taken in a map");
	REFUSED("All", 0, "{\"texts\":{\"a\":\"1\",\"b\":\"\",\"a\":\"2\"}}", "texts: the key \"a\" is given twice");
}

Test(json_read, takes_null_as_absent_but_not_within_lists)
{
	READS("All", 0,
	      "{\"aString\":null,\"aPlace\":null,\"strings\":null,\"texts\":null,\"byName\":null,\"byNumber\":1}");
	cr_assert_eq(packed.size, 3, "only byNumber is there");
	REFUSED("All", 0, "{\"strings\":[null]}", "strings[0]: null is not taken in a list");
}

Test(json_read, takes_one_member_of_a_oneof_even_if_it_is_zero)
{
	READS("All", 0, "{\"byNumber\":0}");
	cr_assert(written_has("All", "\"byNumber\":0"));
	REFUSED("All", 0, "{\"byNumber\":0,\"byName\":\"x\"}", "byNumber and byName cannot both be given");
}

Test(json_read, takes_free_json_where_the_type_is_struct_or_value)
{
	READS("All", 0, "{\"free\":{\"a\":[1,true,null,\"x\",{\"b\":{}}],\"\":-0.5},\"any\":null}");
	cr_assert(written_has("All", "\"free\":{\"a\":[1,true,null,\"x\",{\"b\":{}}],\"\":-0.5},\"any\":null"));
	READS("All", 0, "{\"any\":[[]]}");
	cr_assert(written_has("All", "\"any\":[[]]"));
	REFUSED("All", 0, "{\"free\":[]}", "free: expected an object");
}

/* ---- shape ----------------------------------------------------------------------------------- */

Test(json_read, says_what_it_expected_and_what_it_got)
{
	REFUSED("All", 0, "[]", "expected an object, got a list");
	REFUSED("All", 0, "{\"aString\":1}", "aString: expected a string, got a number");
	REFUSED("All", 0, "{\"aBool\":\"true\"}", "aBool: expected true or false, got a string");
	REFUSED("All", 0, "{\"anInt32\":true}", "anInt32: expected a number, got a boolean");
	REFUSED("All", 0, "{\"aPlace\":\"x\"}", "aPlace: expected an object, got a string");
	REFUSED("All", 0, "{\"numbers\":1}", "numbers: expected a list, got a number");
	REFUSED("All", 0, "{\"texts\":[]}", "texts: expected an object, got a list");
	REFUSED("All", 0, "{\"places\":[{},{\"floor\":{}}]}", "places[1].floor: expected a number, got an object");
}

Test(json_read, refuses_unknown_names_with_what_is_allowed)
{
	REFUSED("Place", 0, "{\"nam\":\"x\"}", "no such field: \"nam\"; did you mean name? Allowed: name, floor");
	REFUSED("Place", 0, "{\"colour\":\"x\"}", "no such field: \"colour\"; allowed: name, floor");
	REFUSED("All", 0, "{\"aPlace\":{\"x\":1}}", "aPlace: no such field: \"x\"; allowed: name, floor");
	REFUSED("Ruled", GV_JSON_PROTO_NAMES, "{\"periods\":1}",
		"no such field: \"periods\"; did you mean period_s? Allowed: device, session, period_s, balance, "
		"share, mode, salt, tags, "
		"labels, password, place, offset, color, on, ports, ratio, quoted, json_text, nothing, why, pin");
}

Test(json_read, refuses_a_field_given_twice_also_by_its_two_names)
{
	REFUSED("All", 0, "{\"aString\":\"x\",\"aString\":\"y\"}", "aString is given twice");
	REFUSED("All", 0, "{\"aString\":\"x\",\"a_string\":\"y\"}", "aString is given twice");
}

Test(json_read, appends_and_on_failure_leaves_what_was_there)
{
	struct gv_buf b = { 0 };
	gv_buf_puts(&b, "kept");
	cr_assert_eq(gv_json_parse(type("Place"), "{\"name\":\"x\"}", 12, 0, &b, &error), 0);
	cr_assert_eq(b.size, 7);
	cr_assert_eq(gv_json_parse(type("Place"), "{\"name\":\"x\",\"floor\":\"y\"}", 24, 0, &b, &error), -EINVAL);
	cr_assert_eq(b.size, 7);
	gv_buf_fini(&b);
}

Test(json_read, points_at_the_value_at_fault)
{
	cJSON *json = cJSON_Parse("{\"places\":[{\"name\":\"a\"},{\"floor\":1}]}");
	cJSON *second = cJSON_GetArrayItem(cJSON_GetObjectItem(json, "places"), 1);
	cr_assert_eq(gv_json_read(type("All"), json, GV_JSON_RULES, &packed, &error), -EINVAL);
	cr_assert_str_eq(error.path, "places[1].name");
	cr_assert_eq(error.at, second, "the object in which the name is missing");
	cJSON_Delete(json);
}

/* ---- rules ----------------------------------------------------------------------------------- */

#define R GV_JSON_RULES

Test(json_read, without_rules_takes_anything_of_the_right_kind)
{
	READS("Ruled", 0, "{\"periodS\":1,\"mode\":\"none\",\"tags\":[\"a\",\"b\",\"c\"]}");
}

Test(json_read, required_means_given_and_not_empty)
{
	REFUSED("Ruled", R, "{}", "device: required, must be given");
	REFUSED("Ruled", R, "{\"device\":null}", "device: required, must be given");
	REFUSED("Ruled", R, "{\"device\":\"\"}", "device: required, must not be empty");
	READS("Ruled", R, "{\"device\":\"x\"}");
}

Test(json_read, bounds_numbers_inclusively)
{
	READS("Ruled", R, "{\"device\":\"x\",\"periodS\":10,\"share\":0.25,\"offset\":-5,\"ratio\":2}");
	READS("Ruled", R, "{\"device\":\"x\",\"periodS\":3600,\"share\":0.75,\"offset\":5}");
	REFUSED("Ruled", R, "{\"device\":\"x\",\"periodS\":9}", "periodS: must not be less than 10 s");
	REFUSED("Ruled", R, "{\"device\":\"x\",\"periodS\":3601}", "periodS: must not be more than 3600 s");
	REFUSED("Ruled", R, "{\"device\":\"x\",\"share\":0.76}", "share: must not be more than 0.75");
	REFUSED("Ruled", R, "{\"device\":\"x\",\"share\":\"NaN\"}", "share: must not be more than 0.75");
	REFUSED("Ruled", R, "{\"device\":\"x\",\"share\":-1}", "share: must not be less than 0.25");
	REFUSED("Ruled", R, "{\"device\":\"x\",\"offset\":-6}", "offset: must not be less than -5");
	REFUSED("Ruled", R, "{\"device\":\"x\",\"ratio\":2.5}", "ratio: must not be more than 2");
}

Test(json_read, bounds_large_numbers_exactly)
{
	READS("Ruled", R, "{\"device\":\"x\",\"balance\":\"9007199254740993\"}");
	REFUSED("Ruled", R, "{\"device\":\"x\",\"balance\":\"9007199254740994\"}",
		"balance: must not be more than 9007199254740993");
	REFUSED("Ruled", R, "{\"device\":\"x\",\"balance\":\"-9007199254740994\"}",
		"balance: must not be less than -9007199254740993");
}

Test(json_read, bounds_characters_bytes_and_counts)
{
	READS("Place", R, "{\"name\":\"\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f\"}");
	REFUSED("Place", R, "{\"name\":\"123456789\"}", "name: has 9 characters, the most is 8");
	REFUSED("Ruled", R, "{\"device\":\"x\",\"salt\":\"AAAA\"}", "salt: has 3 bytes, the least is 4");
	REFUSED("Ruled", R, "{\"device\":\"x\",\"tags\":[\"a\",\"b\",\"c\"]}", "tags: has 3 entries, the most is 2");
	REFUSED("Ruled", R, "{\"device\":\"x\",\"labels\":{\"a\":\"\",\"b\":\"\"}}",
		"labels: has 2 entries, the most is 1");
}

Test(json_read, one_of_names_what_is_allowed)
{
	READS("Ruled", R, "{\"device\":\"x\",\"mode\":\"fast\"}");
	REFUSED("Ruled", R, "{\"device\":\"x\",\"mode\":\"fas\"}",
		"mode: \"fas\" is not an allowed value; allowed: fast, slow");
	REFUSED("Ruled", R, "{\"device\":\"x\",\"mode\":\"fast|slow\"}",
		"mode: \"fast|slow\" is not an allowed value; allowed: fast, slow");
	REFUSED("Ruled", R, "{\"device\":\"x\",\"why\":\"holiday\"}",
		"why: \"holiday\" is not an allowed value; allowed: \"\", update, repair");
}

Test(json_read, takes_zero_as_absent_in_requests)
{
	READS("Ruled", R, "{\"device\":\"x\",\"periodS\":0,\"mode\":\"\",\"tags\":[],\"salt\":\"\"}");
}

Test(json_read, never_repeats_a_secret_in_an_error)
{
	cr_assert_null(strstr(refused("Ruled", R, "{\"device\":\"x\",\"password\":\"hunter2hunter2\"}"), "hunter2"));
	cr_assert_null(strstr(refused("Ruled", R, "{\"device\":\"x\",\"pin\":\"9876\"}"), "9876"));
}

Test(json_read, refuses_a_secret_as_it_prints)
{
	REFUSED("Ruled", R, "{\"device\":\"x\",\"password\":\"***\"}",
		"password: *** is how a secret prints: give the value, or leave the field out");
}

/* ---- defaults -------------------------------------------------------------------------------- */

#define D (GV_JSON_RULES | GV_JSON_DEFAULTS)

Test(json_read, fills_in_defaults_of_every_kind)
{
	READS("Ruled", D, "{\"device\":\"x\"}");
	const char *json = write_json("Ruled", 0);
	cr_assert(strstr(json, "\"periodS\":300,"), "%s", json);
	cr_assert(strstr(json, "\"share\":0.5,\"mode\":\"slow\""), "%s", json);
	cr_assert(strstr(json, "\"color\":\"RED\",\"on\":true,\"ports\":[80,443]"), "%s", json);
	cr_assert(strstr(json, "\"quoted\":\"it's\",\"jsonText\":\"a\\tb\",\"nothing\":\"\""),
		  "quotes are YAML's, not part of the text: %s", json);
	cr_assert(strstr(json, "\"place\":null"), "defaults do not make messages that are not given: %s", json);
}

Test(json_read, fills_in_defaults_within_messages_that_are_given)
{
	READS("All", D, "{\"aPlace\":{\"name\":\"x\"},\"places\":[{\"name\":\"y\",\"floor\":0}]}");
	cr_assert(written_has("All", "\"aPlace\":{\"name\":\"x\",\"floor\":1}"));
	cr_assert(written_has("All", "\"places\":[{\"name\":\"y\",\"floor\":0}]"), "a zero that is given stays zero");
}

Test(json_read, holds_given_zeros_to_the_rules_where_defaults_exist)
{
	REFUSED("Ruled", D, "{\"device\":\"x\",\"periodS\":0}", "periodS: must not be less than 10 s");
	REFUSED("Ruled", D, "{\"device\":\"x\",\"mode\":\"\"}",
		"mode: \"\" is not an allowed value; allowed: fast, slow");
	REFUSED("Ruled", D, "{\"device\":\"x\",\"tags\":[]}", "tags: has 0 entries, the least is 1");
	REFUSED("Ruled", D, "{\"device\":\"\"}", "device: required, must not be empty");
}

/* ---- hostile text ---------------------------------------------------------------------------- */

Test(json_read, says_where_a_text_is_no_json)
{
	REFUSED("All", 0, "", "not JSON: line 1, column 1: expected a value, the text ends");
	REFUSED("All", 0, "{\"aString\":\"x\"", "not JSON: line 1, column 15: expected ',' or '}'");
	REFUSED("All", 0, "{\n \"aString\": nul}", "not JSON: line 2, column 13: expected a value");
	REFUSED("All", 0, "{} {}", "not JSON: line 1, column 4: expected the end of the text");
	REFUSED("All", 0, "{\"a\":01}", "not JSON: line 1, column 7: a number must not begin with 0");
	REFUSED("All", 0, "{'a':1}", "not JSON: line 1, column 2: expected a string in double quotes");
}

Test(json_read, refuses_all_that_cjson_would_let_pass)
{
	static const char *const bad[] = { "{\"aString\":\"\\u0000\"}",
					   "{\"aString\":\"a\nb\"}",
					   "{\"aString\":\"\xff\"}",
					   "{\"aString\":\"\xc0\x80\"}",
					   "{\"aString\":\"\xed\xa0\x80\"}",
					   "{\"aString\":\"\xf4\x90\x80\x80\"}",
					   "{\"aString\":\"\\ud800\"}",
					   "{\"aString\":\"\\ud800\\u0041\"}",
					   "{\"aString\":\"\\udc00\"}",
					   "{\"aString\":\"\\x\"}",
					   "{\"anInt32\":1.}",
					   "{\"anInt32\":1e}",
					   "{\"anInt32\":+1}",
					   "{\"anInt32\":.5}",
					   "{\"anInt32\":-}",
					   "{,}",
					   "{\"numbers\":[1,]}",
					   "{\"numbers\":[,]}",
					   "\xef\xbb\xbf{}" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_assert_eq(read_json("All", 0, bad[i]), -EINVAL, "%s was taken", bad[i]);
	cr_assert_eq(gv_json_parse(type("All"), "{\"aString\":\"\0\"}", 15, 0, &packed, &error), -EINVAL);
}

Test(json_read, takes_every_escape_and_surrogate_pairs)
{
	READS("All", 0, "{\"aString\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\ud83d\\ude00\"}");
	cr_assert(written_has("All", "\"aString\":\"\\\"\\\\/\\b\\f\\n\\r\\t\xc3\xa4\xf0\x9f\x98\x80\""));
}

Test(json_read, bounds_depth)
{
	char json[2000] = "";
	for (int i = 0; i < 100; i++)
		strcat(json, "{\"deeper\":");
	strcat(json, "{}");
	for (int i = 0; i < 100; i++)
		strcat(json, "}");
	cr_assert(strstr(refused("Deep", 0, json), "nested more than 64 deep"));
	memset(json, '[', sizeof json);
	cr_assert_eq(gv_json_parse(type("All"), json, sizeof json, 0, &packed, &error), -EINVAL);
}

Test(json_read, bounds_the_count_of_values_and_the_size)
{
	size_t size = 2 * GV_JSON_VALUES_MAX + 100;
	char *json = malloc(size);
	memset(json, '0', size);
	for (size_t i = 13; i < size; i += 2)
		json[i] = ',';
	memcpy(json, "{\"numbers\":[", 12);
	cr_assert_eq(gv_json_parse(type("All"), json, size, 0, &packed, &error), -EINVAL);
	cr_assert(strstr(error.text, "more than 262144 values"), "%s", error.text);
	free(json);
	json = calloc(1, GV_JSON_SIZE_MAX + 1);
	cr_assert_eq(gv_json_parse(type("All"), json, GV_JSON_SIZE_MAX + 1, 0, &packed, &error), -EINVAL);
	cr_assert(strstr(error.text, "more than 16 MiB"), "%s", error.text);
	free(json);
}

Test(json_read, a_path_too_long_for_the_error_is_cut)
{
	char json[1024] = "{\"texts\":{\"";
	memset(json + strlen(json), 'k', 600);
	strcat(json, "\":1}}");
	cr_assert_eq(read_json("All", 0, json), -EINVAL);
	cr_assert_lt(strlen(error.path), sizeof error.path);
	cr_assert_str_eq(error.text, "expected a string, got a number");
}
