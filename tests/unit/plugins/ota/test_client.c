/* The client's workflow on an honest repository, and what survives between its runs. */
#include "repository.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/leaks.h"

static struct repository r;
static struct device d;

static void init(void)
{
	repository_init(&r);
	device_init(&d, &r);
}

static void fini(void)
{
	device_fini(&d);
	repository_fini(&r);
	check_leaks();
}
TestSuite(tuf_client, .init = init, .fini = fini);

static void refreshes(void)
{
	cr_assert_eq(device_refresh(&d, &r, NOW_S), TUF_OK, "%s", d.error.text);
}

Test(tuf_client, the_first_run_fetches_each_role_once)
{
	refreshes();
	cr_assert_eq(d.fetched, 3);
	for (int i = 0; i < TUF_ASSIGNMENT; i++)
		cr_assert_eq(tuf_version(tuf_client_trusted(d.client, (enum tuf_role)i)), 1);
}

Test(tuf_client, nothing_new_costs_a_timestamp)
{
	refreshes();
	refreshes();
	cr_assert_eq(d.fetched, 1);
}

/* A fresh timestamp each day over an unchanged snapshot. */
Test(tuf_client, a_new_timestamp_costs_nothing_else)
{
	refreshes();
	r.version[TUF_TIMESTAMP]++;
	repository_sign(&r, TUF_TIMESTAMP);
	refreshes();
	cr_assert_eq(d.fetched, 1);
	cr_assert_eq(tuf_version(tuf_client_trusted(d.client, TUF_TIMESTAMP)), 2);
}

Test(tuf_client, goes_through_every_root)
{
	for (int i = 2; i <= 5; i++) {
		r.version[TUF_ROOT] = i;
		repository_sign(&r, TUF_ROOT);
	}
	refreshes();
	cr_assert_eq(tuf_version(tuf_client_trusted(d.client, TUF_ROOT)), 5);
	refreshes();
	cr_assert_eq(d.fetched, 1, "the newest root was kept");
}

/* An old root that is over may lead to one that is not (5.3.10). */
Test(tuf_client, an_expired_root_leads_to_a_new_one)
{
	int64_t later_s = NOW_S + 100 * DAY_S;

	for (int i = 0; i < TUF_ROLES; i++)
		r.expires_s[i] = later_s + DAY_S;
	r.version[TUF_ROOT] = 2;
	repository_publish(&r);
	cr_assert_eq(device_refresh(&d, &r, later_s), TUF_OK, "%s", d.error.text);
}

Test(tuf_client, asks_for_names_and_sizes_by_what_is_signed)
{
	struct tuf_stored stored = { .root = { d.stored[TUF_ROOT].data, d.stored[TUF_ROOT].size } };
	const struct served *timestamp = repository_find(&r, "timestamp.json");
	struct tuf_client *c;
	struct tuf_fetch fetch;
	struct tuf_keep keep;

	cr_assert_eq(tuf_client_create(&stored, NOW_S, &c, NULL), 0);
	cr_assert(tuf_client_wants(c, &fetch));
	cr_assert_str_eq(fetch.name, "2.root.json");
	cr_assert_eq(fetch.max, TUF_ROOT_MAX);
	cr_assert_eq(tuf_client_absent(c, NULL), 0);
	cr_assert(tuf_client_wants(c, &fetch));
	cr_assert_str_eq(fetch.name, "timestamp.json");
	cr_assert_eq(tuf_client_give(c, timestamp->data, timestamp->size, &keep, NULL), 0);
	cr_assert(keep.keep && !keep.drop);
	cr_assert(tuf_client_wants(c, &fetch));
	cr_assert_str_eq(fetch.name, "1.snapshot.json");
	cr_assert_eq(fetch.max, repository_find(&r, "1.snapshot.json")->size);
	cr_assert_null(tuf_client_trusted(c, TUF_SNAPSHOT));
	cr_assert_eq(tuf_client_absent(c, NULL), -TUF_MISSING);
	tuf_client_destroy(c);
}

/* A disk that spoils what is kept costs a download, and never trust. */
Test(tuf_client, spoilt_files_are_fetched_again)
{
	refreshes();
	for (int i = TUF_TIMESTAMP; i < TUF_ASSIGNMENT; i++)
		memset(d.stored[i].data + d.stored[i].size / 2, 0xff, 20);
	refreshes();
	cr_assert_eq(d.fetched, 3);
}

Test(tuf_client, the_first_root_must_be_signed_by_itself)
{
	char *at = strstr(d.stored[TUF_ROOT].data, "\"version\":1");

	at[strlen("\"version\":")] = '2';
	cr_assert_eq(device_refresh(&d, &r, NOW_S), TUF_THRESHOLD);
}

Test(tuf_client, a_key_must_be_named_by_its_hash)
{
	struct served *root = &d.stored[TUF_ROOT];
	char *at = strstr(root->data, "\"public\":\"");

	at[strlen("\"public\":\"")] ^= 1;
	cr_assert_eq(device_refresh(&d, &r, NOW_S), TUF_BAD_KEYID, "%s", d.error.text);
}
