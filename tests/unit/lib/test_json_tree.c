/* JSON as cJSON's structs: what is read is what cJSON would have read (the fuzz target compares the two), and it lies
 * in the memory that was given. */
#include <lib/json_tree.h>
#include <tests/memory.h>

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static struct memory memory;
static cJSON *tree;

static int read_text(const char *text)
{
	return gv_json_tree(&memory.allocator, text, strlen(text), &tree);
}

static void setup(void)
{
	memory_init(&memory);
}

static void teardown(void)
{
	memory_fini(&memory);
}

TestSuite(json_tree, .init = setup, .fini = teardown);

Test(json_tree, fields_are_found_with_the_functions_of_cjson)
{
	cr_assert_eq(read_text("{\"a\":[1,-2.5e3,true,null],\"b\":{\"c\":\"x\"}}"), 0);
	cr_expect_eq(cJSON_GetArraySize(cJSON_GetObjectItem(tree, "a")), 4);
	cr_expect_eq(cJSON_GetArrayItem(cJSON_GetObjectItem(tree, "a"), 1)->valuedouble, -2500.0);
	cr_expect_str_eq(cJSON_GetObjectItem(cJSON_GetObjectItem(tree, "b"), "c")->valuestring, "x");
}

Test(json_tree, strings_are_decoded)
{
	cr_assert_eq(read_text("\"a\\\"\\\\\\n\\u20ac\\ud83d\\ude00\""), 0);
	cr_expect_str_eq(tree->valuestring, "a\"\\\n\xe2\x82\xac\xf0\x9f\x98\x80");
}

Test(json_tree, whole_numbers_are_exact)
{
	cr_assert_eq(read_text("[123456789012345,-9007199254740992,2147483648]"), 0);
	cr_expect_eq(cJSON_GetArrayItem(tree, 0)->valuedouble, 123456789012345.0);
	cr_expect_eq(cJSON_GetArrayItem(tree, 1)->valuedouble, -9007199254740992.0);
	cr_expect_eq(cJSON_GetArrayItem(tree, 2)->valueint, 2147483647, "the greatest there is");
}

Test(json_tree, what_is_no_json_is_refused)
{
	static const char *const wrong[] = { "",          "[1,]",          "[1",     "{\"a\"}",  "{1:2}",
					     "[tru]",     "[-]",           "[0x10]", "[1] 2",    "\"a",
					     "[\"\\x\"]", "[\"\\ud83d\"]", "[NaN]",  "{\"a\":1]" };

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		cr_expect_eq(read_text(wrong[i]), -EBADMSG, "%s", wrong[i]);
	cr_expect_eq(gv_json_tree(&memory.allocator, "1\0", 2, &tree), -EBADMSG, "a zero byte ends no text");
}

Test(json_tree, depth_is_bounded)
{
	static char text[2 * GV_JSON_TREE_DEPTH + 3];

	memset(text, '[', GV_JSON_TREE_DEPTH);
	memset(text + GV_JSON_TREE_DEPTH, ']', GV_JSON_TREE_DEPTH);
	cr_expect_eq(read_text(text), 0);
	memset(text, '[', GV_JSON_TREE_DEPTH + 1);
	memset(text + GV_JSON_TREE_DEPTH + 1, ']', GV_JSON_TREE_DEPTH + 1);
	cr_expect_eq(read_text(text), -EBADMSG);
}

static void *nothing(void *arg, size_t size)
{
	size_t *left = arg;

	return (*left)-- > 0 ? memory.allocator.alloc(&memory, size) : NULL;
}

Test(json_tree, without_memory_it_says_so)
{
	for (size_t pieces = 0; pieces < 3; pieces++) { /* the text, and two blocks of values, are wanted */
		size_t left = pieces;
		ProtobufCAllocator allocator = { nothing, NULL, &left };
		char text[201] = "[";

		for (size_t i = 0; i < 99; i++)
			strcat(text, i < 98 ? "1," : "1]");
		cr_expect_eq(gv_json_tree(&allocator, text, strlen(text), &tree), -ENOMEM, "%zu pieces", pieces);
	}
}
