/* link's view of the devices: names and aliases without regard to case, replaced as a whole, and passwords. */
#include "view.h"

#include <criterion/criterion.h>
#include <galvan/link.pb-c.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

static struct view v;

static void setup(void)
{
	cr_assert_eq(view_init(&v), 0);
}

static void teardown(void)
{
	view_fini(&v);
}

TestSuite(view, .init = setup, .fini = teardown);

static void put(const char *id, const char *alias, const char *password, const char *ping_s)
{
	Link__KnownDevice row = LINK__KNOWN_DEVICE__INIT;
	char *aliases[] = { (char *)alias };
	uint8_t hash[32];

	row.id = (char *)id;
	row.aliases = aliases;
	row.n_aliases = alias != NULL;
	row.ping_s = (char *)ping_s;
	if (password) {
		PKCS5_PBKDF2_HMAC(password, (int)strlen(password), (const unsigned char *)"salt", 4, 1000, EVP_sha256(),
				  32, hash);
		row.salt.data = (uint8_t *)"salt";
		row.salt.len = 4;
		row.iterations = 1000;
		row.hash.data = hash;
		row.hash.len = 32;
	}
	cr_assert_eq(view_put(&v, &row), 0);
}

Test(view, a_device_is_found_by_id_and_alias_in_any_case)
{
	put("ocpp:CP001", "ocpp:Old", NULL, "");
	cr_assert_not_null(view_find(&v, "ocpp:cp001"));
	cr_expect_eq(view_find(&v, "OCPP:OLD"), view_find(&v, "ocpp:CP001"));
	cr_expect_str_eq(view_find(&v, "ocpp:old")->id, "ocpp:CP001");
	cr_expect_null(view_find(&v, "ocpp:CP002"));
	cr_expect_null(view_find(&v, ""));
}

Test(view, what_is_put_replaces_all_of_what_was)
{
	put("ocpp:CP001", "ocpp:Old", "secret", "60");
	put("ocpp:CP001", NULL, NULL, "");
	cr_expect_null(view_find(&v, "ocpp:Old"));
	cr_expect_eq(view_find(&v, "ocpp:CP001")->now.hash_size, 0);
	cr_expect_eq(view_find(&v, "ocpp:CP001")->ping_s, -1);
	cr_expect_eq(v.n_devices, 1);
	view_remove(&v, "ocpp:CP001");
	cr_expect_null(view_find(&v, "ocpp:CP001"));
	cr_expect_eq(v.n_devices, 0);
	view_remove(&v, "ocpp:CP001");
}

Test(view, an_alias_that_moves_belongs_to_the_last)
{
	put("ocpp:A", "ocpp:Shared", NULL, "");
	put("ocpp:B", "ocpp:Shared", NULL, "");
	cr_expect_str_eq(view_find(&v, "ocpp:Shared")->id, "ocpp:B");
	view_remove(&v, "ocpp:Shared");
	cr_expect_not_null(view_find(&v, "ocpp:B"), "an alias is no id to remove by");
	view_remove(&v, "ocpp:A");
	cr_expect_str_eq(view_find(&v, "ocpp:Shared")->id, "ocpp:B");
	view_remove(&v, "ocpp:B");
	cr_expect_null(view_find(&v, "ocpp:Shared"));
}

Test(view, a_ping_interval_that_makes_no_sense_is_as_if_not_there)
{
	static const char *const nonsense[] = { "", "often", "-1", "60s", "99999999" };

	put("ocpp:A", NULL, NULL, "0");
	cr_expect_eq(view_find(&v, "ocpp:A")->ping_s, 0);
	for (size_t i = 0; i < sizeof(nonsense) / sizeof(*nonsense); i++) {
		put("ocpp:A", NULL, NULL, nonsense[i]);
		cr_expect_eq(view_find(&v, "ocpp:A")->ping_s, -1, "%s", nonsense[i]);
	}
}

Test(view, thousands_of_devices)
{
	char id[32];

	for (unsigned i = 0; i < 5000; i++) {
		snprintf(id, sizeof(id), "ocpp:CP%05u", i);
		put(id, NULL, NULL, "");
	}
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(id, sizeof(id), "ocpp:cp%05u", i);
		cr_assert_not_null(view_find(&v, id));
	}
}

static enum password check(const char *password, uint64_t now_ms)
{
	return password_check(&v, view_find(&v, "ocpp:A"), (const uint8_t *)password, strlen(password), now_ms);
}

Test(view, guessing_is_slowed_and_the_right_one_stays_cheap)
{
	char guess[2] = "a";

	put("ocpp:A", NULL, "right", "");
	cr_expect_eq(check("right", 100000), PASSWORD_RIGHT);
	for (unsigned i = 0; i < 10; i++, guess[0]++)
		cr_expect_eq(check(guess, 100000), PASSWORD_WRONG);
	cr_expect_eq(check("k", 100000), PASSWORD_BUSY);
	cr_expect_eq(check("right", 100000), PASSWORD_RIGHT,
		     "known from before: nobody can lock a station out that has been here");
	cr_expect_eq(check("k", 101001), PASSWORD_WRONG, "one more a second");
	cr_expect_eq(check("l", 101001), PASSWORD_BUSY);
}

Test(view, a_new_password_makes_the_old_one_wrong_at_once)
{
	put("ocpp:A", NULL, "old", "");
	cr_expect_eq(check("old", 0), PASSWORD_RIGHT);
	put("ocpp:A", NULL, "new", "");
	cr_expect_eq(check("old", 0), PASSWORD_WRONG);
	cr_expect_eq(check("new", 0), PASSWORD_RIGHT);
}

static unsigned put_profile(unsigned profile)
{
	Link__KnownDevice row = LINK__KNOWN_DEVICE__INIT;

	row.id = "ocpp:CP001";
	row.security_profile = profile;
	cr_assert_eq(view_put(&v, &row), 0);
	return view_find(&v, "ocpp:CP001")->security_profile;
}

/* The registry hears of it a moment later, and may have something else to say before. */
Test(view, a_raised_profile_stays_until_the_registry_has_heard_of_it)
{
	put_profile(1);
	view_find(&v, "ocpp:CP001")->security_profile = 2;
	cr_expect_eq(put_profile(1), 2, "it has not heard yet");
	cr_expect_eq(put_profile(2), 2, "now it has");
	cr_expect_eq(put_profile(1), 1, "and somebody lowers it");
}
