/* The texts of a handshake: what is read out of them, and what is refused. */
#include "text.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static struct slice s(const char *text)
{
	return slice(text, strlen(text));
}

static const char *identity(const char *path)
{
	static char ret[IDENTITY_MAX + 1];

	return path_identity(s(path), ret) < 0 ? NULL : ret;
}

Test(text, identity_is_the_last_segment_decoded_after_splitting)
{
	cr_expect_str_eq(identity("/ocpp/CP001"), "CP001");
	cr_expect_str_eq(identity("/ocpp/site/CP001"), "CP001");
	cr_expect_str_eq(identity("/ocpp/RDAM%7C123"), "RDAM|123");
	cr_expect_str_eq(identity("/ocpp/A+B"), "A+B", "a plus sign is no blank");
	cr_expect_str_eq(identity("/ocpp/CP001///"), "CP001", "slashes at the end do not count");
	cr_expect_null(identity("/ocpp/a%2Fb"), "an encoded slash is part of the segment, and no id may have one");
}

Test(text, an_identity_that_could_not_be_stored_is_refused)
{
	char longest[IDENTITY_MAX + 3] = "/";

	cr_expect_null(identity("/"));
	cr_expect_null(identity(""));
	cr_expect_null(identity("/ocpp/%"));
	cr_expect_null(identity("/ocpp/%4"));
	cr_expect_null(identity("/ocpp/%zz"));
	cr_expect_null(identity("/ocpp/a%00b"));
	cr_expect_null(identity("/ocpp/a%0Ab"));
	cr_expect_null(identity("/ocpp/%ff"), "not UTF-8");
	memset(longest + 1, 'x', IDENTITY_MAX);
	cr_expect_not_null(identity(longest));
	longest[IDENTITY_MAX + 1] = 'x';
	cr_expect_null(identity(longest));
}

Test(text, targets_in_every_form_that_clients_send)
{
	struct slice path, query;

	cr_assert_eq(target_split(s("/a/b?c=d?e"), &path, &query), 0);
	cr_expect(slice_is(path, "/a/b") && slice_is(query, "c=d?e"));
	cr_assert_eq(target_split(s("http://host:1/ocpp/CP1"), &path, &query), 0);
	cr_expect(slice_is(path, "/ocpp/CP1"), "absolute form");
	cr_assert_eq(target_split(s("ws://host?x"), &path, &query), 0);
	cr_expect(slice_is(path, "/") && slice_is(query, "x"));
	cr_assert_eq(target_split(s("*"), &path, &query), 0);
	cr_expect(slice_is(path, "*"));
	cr_expect_eq(target_split(s(""), &path, &query), -EINVAL);
	cr_expect_eq(target_split(s("host/path"), &path, &query), -EINVAL);
	cr_expect_eq(target_split(s("/a\tb"), &path, &query), -EINVAL);
}

Test(text, basic_credentials_split_at_the_first_colon_whatever_the_bytes)
{
	struct basic b;

	/* OCPP-J 1.6, 6.2.2: AL1000 and twenty raw bytes */
	cr_assert_eq(basic_parse(s("Basic QUwxMDAwOgABAgMEBQYH////////////////"), &b), 0);
	cr_expect_str_eq(b.username, "AL1000");
	cr_expect_eq(b.password_size, 20);
	cr_expect_arr_eq(b.password, "\0\1\2\3\4\5\6\7\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 20);
	cr_assert_eq(basic_parse(s("basic   YTpiOmM= "), &b), 0);
	cr_expect_str_eq(b.username, "a");
	cr_expect(b.password_size == 3 && memcmp(b.password, "b:c", 3) == 0);
	cr_assert_eq(basic_parse(s("Basic Og=="), &b), 0);
	cr_expect(b.username_size == 0 && b.password_size == 0);
	cr_expect_eq(basic_parse(s("Bearer YTpi"), &b), -EINVAL);
	cr_expect_eq(basic_parse(s("Basic YWI="), &b), -EINVAL, "no colon");
	cr_expect_eq(basic_parse(s("Basic !!!!"), &b), -EINVAL);
	cr_expect_eq(basic_parse(s("Basic "), &b), -EINVAL);
	cr_expect_eq(basic_parse(s("BasicYTpi"), &b), -EINVAL);
}

Test(text, lists_skip_what_is_empty)
{
	struct slice rest = s(" , a ,,b\t, "), item;

	cr_assert(list_next(&rest, &item));
	cr_expect(slice_is(item, "a"));
	cr_assert(list_next(&rest, &item));
	cr_expect(slice_is(item, "b"));
	cr_expect_not(list_next(&rest, &item));
	cr_expect(list_has(s("keep-alive, Upgrade"), "upgrade"));
	cr_expect_not(list_has(s("upgraded"), "upgrade"));
}
