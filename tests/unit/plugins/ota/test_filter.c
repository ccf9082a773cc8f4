/* Filters over devices: what they choose, and what is said of those that are wrong. */
#include <criterion/criterion.h>
#include <plugins/ota/fleet/filter.h>

#include <stdio.h>
#include <string.h>

static const char *const tags[] = { "beta", "fast" };
static const char *const attributes[] = { "owner", "north" };
static const struct subject device = { .device = "ocpp:CP001",
				       .site = "north-3",
				       .plugin = "ocpp",
				       .vendor = "Acme",
				       .model = "AC 22",
				       .hardware = "",
				       .version = "1.10.0",
				       .tags = tags,
				       .n_tags = 2,
				       .attributes = attributes,
				       .n_attributes = 1 };

static bool holds(const char *text)
{
	static struct filter f;
	char error[FILTER_ERROR_MAX];

	cr_assert(filter_compile(text, &f, error), "%s: %s", text, error);
	return filter_matches(&f, &device);
}

Test(filter, each_field_is_compared)
{
	cr_expect(holds("device = ocpp:CP001"));
	cr_expect(holds("site = north-3"));
	cr_expect(holds("plugin = ocpp"));
	cr_expect(holds("vendor = Acme"));
	cr_expect(holds("model = \"AC 22\""));
	cr_expect(holds("attribute.owner = north"));
	cr_expect_not(holds("attribute.owner != north"));
	cr_expect(holds("attribute.other != north"));
}

Test(filter, and_binds_tighter_than_or_and_not_than_both)
{
	cr_expect(holds("vendor = Acme or vendor = Other and plugin = ble"));
	cr_expect_not(holds("(vendor = Acme or vendor = Other) and plugin = ble"));
	cr_expect(holds("not vendor = Other and plugin = ocpp"));
	cr_expect_not(holds("not (vendor = Other or plugin = ocpp)"));
}

Test(filter, a_tag_is_there_or_is_not)
{
	cr_expect(holds("tag = fast"));
	cr_expect(holds("tag ~ b*"));
	cr_expect_not(holds("tag = slow"));
	cr_expect(holds("tag != slow"));
	cr_expect_not(holds("tag != beta"), "one of its tags is beta");
}

Test(filter, versions_go_by_their_numbers)
{
	cr_expect(holds("version > 1.9"));
	cr_expect(holds("version < 1.10.1"));
	cr_expect(holds("version >= 1.10.0"));
	cr_expect_not(holds("version < 1.10.0-rc1"), "a candidate comes before its release");
}

Test(filter, what_is_not_known_is_neither_above_nor_below)
{
	cr_expect_not(holds("hardware < 2"));
	cr_expect_not(holds("hardware >= 2"));
	cr_expect(holds("hardware != 2"));
}

Test(filter, patterns)
{
	cr_expect(holds("site ~ north-*"));
	cr_expect(holds("site ~ north-?"));
	cr_expect_not(holds("site ~ north"));
	cr_expect(pattern_matches("*a*b*c", "xxaxxbxxaxbxc"));
	cr_expect_not(pattern_matches("*a*b*c", "xxaxxbxxaxbx"));
}

static void wrong(const char *text, const char *expected)
{
	static struct filter f;
	char error[FILTER_ERROR_MAX];

	cr_expect_not(filter_compile(text, &f, error), "%s", text);
	cr_expect_str_eq(error, expected);
}

Test(filter, an_error_names_its_place)
{
	wrong("", "at 1: expected device, site, plugin, tag, vendor, model, hardware, version or attribute.NAME");
	wrong("vendr = Acme",
	      "at 1: expected device, site, plugin, tag, vendor, model, hardware, version or attribute.NAME, not "
	      "\"vendr\"");
	wrong("vendor Acme", "at 8: expected one of = != < <= > >= ~");
	wrong("vendor =", "at 9: expected a value");
	wrong("vendor = Acme tag = x", "at 15: expected \"and\", \"or\" or the end");
	wrong("(vendor = Acme", "at 15: expected \"and\", \"or\" or \")\"");
	wrong("model = \"AC 22", "at 9: the quote is not closed");
	wrong("vendor = a&b", "at 11: \"&\" belongs in quotes");
}

Test(filter, what_is_too_much_is_said)
{
	char text[FILTER_TEXT_MAX + 100];

	memset(text, '(', 100);
	strcpy(text + 100, "tag = x");
	wrong(text, "at 33: more than 32 brackets within each other");
	memset(text, ' ', sizeof text);
	text[sizeof text - 1] = 0;
	wrong(text, "at 2001: the filter is longer than 2000 characters");
}

Test(filter, no_text_whatever_breaks_it)
{
	static const char *const pieces[] = { "tag", "=", "x",          "(", ")", "not", "and", "or",
					      "\"",  "~", "attribute.", " ", "!", "<=",  "&",   "\x80" };
	static struct filter f;
	char text[400], error[FILTER_ERROR_MAX];
	unsigned seed = 1;

	for (int i = 0; i < 20000; i++) {
		text[0] = 0;
		for (int n = 0; n < 20; n++) {
			seed = seed * 1103515245 + 12345;
			strcat(text, pieces[seed >> 16 & 15]);
			if (seed & 4096)
				strcat(text, " ");
		}
		if (filter_compile(text, &f, error))
			filter_matches(&f, &device);
		else
			cr_assert_neq(*error, 0);
	}
}
