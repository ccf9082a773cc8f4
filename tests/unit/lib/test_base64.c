/* lib/base64.h and lib/hex.h: bytes as text and back, one text for one meaning. */
#include <lib/base64.h>
#include <lib/hex.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "../leaks.h"

TestSuite(base64, .fini = check_leaks);
TestSuite(hex, .fini = check_leaks);

/* RFC 4648, section 10. */
static const struct {
	const char *plain, *text;
} vectors[] = { { "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" } };

Test(base64, has_the_rfcs_vectors_both_ways)
{
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		struct gv_buf b = { 0 };
		gv_base64_write(&b, vectors[i].plain, strlen(vectors[i].plain));
		cr_assert_str_eq(gv_buf_str(&b), vectors[i].text);
		b.size = 0;
		cr_assert_eq(gv_base64_read(&b, vectors[i].text, strlen(vectors[i].text)), 0);
		cr_assert_str_eq(gv_buf_str(&b), vectors[i].plain);
		gv_buf_fini(&b);
	}
}

Test(base64, reads_the_url_safe_alphabet_and_missing_padding)
{
	struct gv_buf b = { 0 };
	cr_assert_eq(gv_base64_read(&b, "-_8", 3), 0);
	cr_assert_eq(b.size, 2);
	cr_assert_arr_eq(b.data, "\xfb\xff", 2);
	gv_buf_fini(&b);
}

Test(base64, refuses_what_is_not_exactly_one_value)
{
	static const char *const bad[] = { "Z",    "Zg=",  "Zg==Zg==", "Z g=",  "Zm9\n",
					   "Zh==", "====", "=",        "Zm9v=", "Zm\x80v" };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct gv_buf b = { 0 };
		gv_buf_puts(&b, "kept");
		cr_assert_eq(gv_base64_read(&b, bad[i], strlen(bad[i])), -EINVAL, "\"%s\" was taken", bad[i]);
		cr_assert_eq(b.size, 4, "what was there stays as it was");
		gv_buf_fini(&b);
	}
}

Test(hex, writes_small_letters_and_reads_both)
{
	char text[9];
	uint8_t bytes[4];
	gv_hex_write("\x00\x7f\xab\xff", 4, text);
	cr_assert_str_eq(text, "007fabff");
	cr_assert_eq(gv_hex_read("007fABff", 8, bytes, 4), 0);
	cr_assert_arr_eq(bytes, "\x00\x7f\xab\xff", 4);
}

Test(hex, refuses_other_sizes_and_digits_and_touches_nothing)
{
	uint8_t bytes[2] = { 1, 2 };
	cr_assert_eq(gv_hex_read("00", 2, bytes, 2), -EINVAL);
	cr_assert_eq(gv_hex_read("00000", 5, bytes, 2), -EINVAL);
	cr_assert_eq(gv_hex_read("000g", 4, bytes, 2), -EINVAL);
	cr_assert_arr_eq(bytes, "\1\2", 2);
}
