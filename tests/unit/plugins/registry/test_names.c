/* Ids and texts: what the registry lets in can be used as a key, in a path and in a log line. */
#include <criterion/criterion.h>
#include <plugins/registry/names.h>

#include <stdio.h>
#include <string.h>

static void fine(const char *id)
{
	const char *problem = registry_id_problem(id);

	cr_expect(problem == NULL, "\"%s\" must be accepted, but it %s", id, problem);
}

static void bad(const char *id)
{
	cr_expect(registry_id_problem(id) != NULL, "\"%s\" must be refused", id);
}

Test(id, is_plugin_colon_identity)
{
	fine("ocpp:CP001");
	fine("powerbank:860000000000001");
	fine("ble:AA-BB-CC-00-11-22");
	fine("my_plugin2:x");
	bad("");
	bad("CP001");
	bad(":CP001");
	bad("ocpp:");
}

Test(id, plugin_is_lower_case_digits_and_underscore)
{
	bad("Ocpp:CP001");
	bad("oc pp:CP001");
	bad("oc-pp:CP001");
	bad("\xc3\xb6"
	    "cpp:CP001");
}

Test(id, identity_may_hold_colons_spaces_and_any_utf8)
{
	fine("ocpp:a:b");
	fine("ocpp:RDAM 123");
	fine("ocpp:\xe5\x85\x85\xe7\x94\xb5");
}

Test(id, identity_has_no_slash_since_it_is_a_path_segment_and_a_session_id_goes_on_behind_one)
{
	bad("ocpp:a/b");
	bad("ocpp:/");
}

Test(id, identity_has_no_control_characters)
{
	bad("ocpp:a\nb");
	bad("ocpp:a\x7f");
	bad("ocpp:\x1b[2J");
	bad("ocpp:a\xc2\x85"); /* U+0085, next line */
}

Test(id, must_be_utf8)
{
	bad("ocpp:\xff");
	bad("ocpp:\xc3");             /* cut short */
	bad("ocpp:\xc0\xaf");         /* '/' in two bytes */
	bad("ocpp:\xed\xa0\x80");     /* a surrogate */
	bad("ocpp:\xf4\x90\x80\x80"); /* above U+10FFFF */
	fine("ocpp:\xf0\x9f\x94\x8c");
}

Test(id, lengths_are_bounded)
{
	char id[200];

	snprintf(id, sizeof(id), "ocpp:%0100d", 7);
	fine(id);
	snprintf(id, sizeof(id), "ocpp:%0101d", 7);
	bad(id);
	snprintf(id, sizeof(id), "%027d:x", 7);
	fine(id);
	snprintf(id, sizeof(id), "%028d:x", 7);
	bad(id);
}

Test(fold, ids_that_differ_in_ascii_case_only_fold_to_the_same)
{
	char a[REGISTRY_ID_MAX + 1], b[REGISTRY_ID_MAX + 1];

	registry_fold("ocpp:Cp001", a);
	registry_fold("ocpp:cP001", b);
	cr_expect_str_eq(a, "ocpp:cp001");
	cr_expect_str_eq(a, b);
	registry_fold("ocpp:\xc3\x84", a); /* other letters are left alone */
	cr_expect_str_eq(a, "ocpp:\xc3\x84");
}

Test(zone, names_are_checked_by_their_letters_only)
{
	cr_expect_null(registry_zone_problem(""));
	cr_expect_null(registry_zone_problem("Europe/Berlin"));
	cr_expect_null(registry_zone_problem("America/Argentina/Buenos_Aires"));
	cr_expect_null(registry_zone_problem("Etc/GMT+5"));
	cr_expect_not_null(registry_zone_problem("/etc/passwd"));
	cr_expect_not_null(registry_zone_problem("../../etc/passwd"));
	cr_expect_not_null(registry_zone_problem("Europe//Berlin"));
	cr_expect_not_null(registry_zone_problem("Europe/"));
	cr_expect_not_null(registry_zone_problem("Mid Europe"));
}

Test(text, is_utf8_without_controls_and_bounded)
{
	cr_expect_null(registry_text_problem("", 4));
	cr_expect_null(registry_text_problem("H\xc3\xb6"
					     "f",
					     4));
	cr_expect_not_null(registry_text_problem("Hoefe", 4));
	cr_expect_not_null(registry_text_problem("a\tb", 4));
}
