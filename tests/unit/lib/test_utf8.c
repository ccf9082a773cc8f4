/* What is text and what is not, wherever in a run of eight bytes it stands. */
#include <criterion/criterion.h>
#include <lib/utf8.h>
#include <string.h>

Test(utf8, as_rfc_3629_has_it)
{
	static const char *const valid[] = { "",
					     "plain ascii text",
					     "\xc3\xa9",
					     "\xe2\x82\xac",
					     "\xf0\x9f\x94\x8c",
					     "\xed\x9f\xbf",
					     "\xf4\x8f\xbf\xbf",
					     "12345678\xc3\xa9" };
	static const char *const invalid[] = { "\x80",
					       "\xc3",
					       "\xc0\xaf",
					       "\xe0\x80\xaf",
					       "\xed\xa0\x80",
					       "\xf4\x90\x80\x80",
					       "\xf8\x88\x80\x80",
					       "12345678\xc3",
					       "\xe2\x82",
					       "\xf0\x9f\x94" };

	for (size_t i = 0; i < sizeof(valid) / sizeof(*valid); i++)
		cr_expect(gv_utf8_valid(valid[i], strlen(valid[i])), "%zu", i);
	for (size_t i = 0; i < sizeof(invalid) / sizeof(*invalid); i++)
		cr_expect_not(gv_utf8_valid(invalid[i], strlen(invalid[i])), "%zu", i);
}

Test(utf8, characters_are_counted)
{
	cr_expect_eq(gv_utf8_count("", 0), 0);
	cr_expect_eq(gv_utf8_count("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x8c", 10), 4);
	cr_expect_eq(gv_utf8_char("\xe2\x82\xac", 3), 3);
	cr_expect_eq(gv_utf8_char("\xe2\x82\xac", 2), 0, "the rest is missing");
}
