/* The seven attacks of The Update Framework (specification 1.5.2), each from a server that an attacker holds, with the
 * keys that the attack supposes to be lost: none of them reaches a device. */
#include "repository.h"

#include <criterion/criterion.h>
#include <stdio.h>
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
TestSuite(tuf_attacks, .init = init, .fini = fini);

static void refused(enum tuf_result got, enum tuf_result want, const char *words)
{
	cr_assert_eq(got, want, "%s: %s", tuf_result_name((int)got), d.error.text);
	cr_assert(strstr(d.error.text, words), "%s", d.error.text);
}

/* All of the state that a device trusts, to go on from. */
static void trusting(void)
{
	cr_assert_eq(device_refresh(&d, &r, NOW_S), TUF_OK, "%s", d.error.text);
}

/* A device that has seen nothing yet but its first root. */
static void another_device(void)
{
	device_fini(&d);
	device_init(&d, &r);
}

static void publish_next(void)
{
	r.version[TUF_TARGETS]++;
	r.version[TUF_SNAPSHOT]++;
	r.version[TUF_TIMESTAMP]++;
	repository_publish(&r);
}

static void no_kind(void *arg, enum ota_kind kind, struct ota_device *device)
{
}

static enum tuf_result decide(const struct ota_assignment *it, int key)
{
	struct ota_device device = { "ble:PILE1", "pile", "", "", "rev-b", "1.0.1", 6 };
	struct ota_order order;
	size_t size;
	char *text = repository_assign(&r, it, key, &size);
	int result = ota_decide(tuf_client_trusted(d.client, TUF_TARGETS), text, size, NOW_S, 2, &device, no_kind, NULL,
				&order, &d.error);

	free(text);
	return (enum tuf_result) - result;
}

Test(tuf_attacks, a_good_repository_is_taken)
{
	struct ota_assignment it = repository_assignment(&r);

	trusting();
	cr_assert_eq(decide(&it, DIRECTOR_KEY), TUF_OK, "%s", d.error.text);
}

/* The attacker has the server, and the director's online key with it: still only what the offline keys have signed. */
Test(tuf_attacks, arbitrary_package)
{
	struct ota_assignment it = repository_assignment(&r);

	trusting();
	snprintf(it.path, sizeof(it.path), "evil.bin");
	refused(decide(&it, DIRECTOR_KEY), TUF_NO_TARGET, "has no evil.bin");
	it = repository_assignment(&r);
	it.sha256[0] ^= 1;
	refused(decide(&it, DIRECTOR_KEY), TUF_WRONG_HASH, "other bytes");
	it = repository_assignment(&r);
	refused(decide(&it, TIMESTAMP_KEY), TUF_THRESHOLD, "0 of the keys");
}

Test(tuf_attacks, arbitrary_package_of_changed_targets)
{
	struct served *targets = (struct served *)repository_find(&r, "1.targets.json");
	char *version = strstr(targets->data, "1.1.0");

	version[0] = '9';
	refused(device_refresh(&d, &r, NOW_S), TUF_WRONG_HASH, "targets has the SHA-256");
	/* With the online keys the attacker can name the changed bytes, and still not sign them. */
	repository_sign(&r, TUF_SNAPSHOT);
	repository_sign(&r, TUF_TIMESTAMP);
	another_device();
	refused(device_refresh(&d, &r, NOW_S), TUF_THRESHOLD, "targets version 1: 0 of the keys");
}

Test(tuf_attacks, endless_data)
{
	char *endless = calloc(1, TUF_ROOT_MAX + 1);
	struct tuf_fetch fetch;

	trusting();
	/* The length that is signed is what may be read, not what the role allows. */
	cr_assert_eq(device_refresh(&d, &r, NOW_S), TUF_OK);
	publish_next();
	repository_replace(&r, "2.snapshot.json", endless, TUF_ROOT_MAX);
	refused(device_refresh(&d, &r, NOW_S), TUF_TOO_LARGE, "2.snapshot.json has more than");
	cr_assert_not(tuf_client_wants(d.client, &fetch), "a run that was refused asks for no more");
	repository_replace(&r, "timestamp.json", endless, TUF_TIMESTAMP_MAX + 1);
	refused(device_refresh(&d, &r, NOW_S), TUF_TOO_LARGE, "timestamp.json has more than 16384 bytes");
	repository_replace(&r, "2.root.json", endless, TUF_ROOT_MAX + 1);
	refused(device_refresh(&d, &r, NOW_S), TUF_TOO_LARGE, "2.root.json has more than 512000 bytes");
	free(endless);
}

Test(tuf_attacks, endless_values)
{
	static char deep[TUF_TIMESTAMP_MAX];

	memset(deep, '[', sizeof(deep));
	repository_replace(&r, "timestamp.json", deep, sizeof(deep));
	refused(device_refresh(&d, &r, NOW_S), TUF_MALFORMED, "within each other");
}

/* The server goes on showing what was good once. */
Test(tuf_attacks, freeze)
{
	trusting();
	refused(device_refresh(&d, &r, NOW_S + DAY_S), TUF_EXPIRED, "timestamp version 1 expired at 2027-01-16");
}

Test(tuf_attacks, freeze_of_each_role)
{
	r.expires_s[TUF_TARGETS] = NOW_S;
	repository_publish(&r);
	refused(device_refresh(&d, &r, NOW_S), TUF_EXPIRED, "targets version 1 expired");
	r.expires_s[TUF_SNAPSHOT] = NOW_S;
	repository_publish(&r);
	another_device();
	refused(device_refresh(&d, &r, NOW_S), TUF_EXPIRED, "snapshot version 1 expired");
	r.version[TUF_ROOT] = 2;
	r.expires_s[TUF_ROOT] = NOW_S;
	repository_publish(&r);
	another_device();
	refused(device_refresh(&d, &r, NOW_S), TUF_EXPIRED, "root version 2 expired");
}

Test(tuf_attacks, freeze_of_an_assignment)
{
	struct ota_assignment it = repository_assignment(&r);

	trusting();
	it.expires_s = NOW_S;
	refused(decide(&it, DIRECTOR_KEY), TUF_EXPIRED, "expired");
}

Test(tuf_attacks, rollback)
{
	publish_next();
	trusting();
	r.version[TUF_TIMESTAMP] = 1;
	repository_sign(&r, TUF_TIMESTAMP);
	refused(device_refresh(&d, &r, NOW_S), TUF_ROLLBACK, "timestamp version 1 is older than the trusted 2");
}

/* With the timestamp's key the attacker shows an old snapshot; with the snapshot's, old targets. */
Test(tuf_attacks, rollback_below_a_new_timestamp)
{
	publish_next();
	trusting();
	r.version[TUF_SNAPSHOT] = 1;
	r.version[TUF_TIMESTAMP] = 3;
	repository_sign(&r, TUF_TIMESTAMP);
	refused(device_refresh(&d, &r, NOW_S), TUF_ROLLBACK, "snapshot version 1, older than the trusted 2");
	r.version[TUF_SNAPSHOT] = 3;
	r.version[TUF_TARGETS] = 1;
	repository_sign(&r, TUF_SNAPSHOT);
	repository_sign(&r, TUF_TIMESTAMP);
	refused(device_refresh(&d, &r, NOW_S), TUF_ROLLBACK, "targets.json version 1, older than the trusted 2");
}

Test(tuf_attacks, rollback_of_the_root)
{
	const struct served *first = repository_find(&r, "1.root.json");

	repository_replace(&r, "2.root.json", first->data, first->size);
	refused(device_refresh(&d, &r, NOW_S), TUF_ROLLBACK, "root version 1 follows version 1");
}

Test(tuf_attacks, rollback_of_the_artifact)
{
	struct ota_assignment it;

	r.counter = 5;
	publish_next();
	trusting();
	it = repository_assignment(&r);
	refused(decide(&it, DIRECTOR_KEY), TUF_ROLLBACK, "has the counter 5, the device runs 6");
}

Test(tuf_attacks, rollback_of_an_assignment)
{
	struct ota_assignment it = repository_assignment(&r);

	trusting();
	it.version = 1;
	refused(decide(&it, DIRECTOR_KEY), TUF_ROLLBACK, "assignment version 1 is older than the 2");
}

/* Targets and snapshot of two states of the repository, each rightly signed. */
Test(tuf_attacks, mix_and_match)
{
	const struct served *old;

	publish_next();
	old = repository_find(&r, "1.targets.json");
	repository_replace(&r, "2.targets.json", old->data, old->size);
	refused(device_refresh(&d, &r, NOW_S), TUF_WRONG_HASH, "targets has the SHA-256");
	another_device();
	old = repository_find(&r, "1.snapshot.json");
	repository_replace(&r, "2.snapshot.json", old->data, old->size);
	refused(device_refresh(&d, &r, NOW_S), TUF_WRONG_HASH, "snapshot has the SHA-256");
}

/* The online keys, once lost, name a version that no honest repository reaches. New keys by a new root, and all is
 * well. */
Test(tuf_attacks, fast_forward)
{
	r.version[TUF_TIMESTAMP] = r.version[TUF_SNAPSHOT] = TUF_NUMBER_MAX;
	repository_publish(&r);
	trusting();
	r.version[TUF_TIMESTAMP] = r.version[TUF_SNAPSHOT] = 2;
	repository_publish(&r);
	refused(device_refresh(&d, &r, NOW_S), TUF_ROLLBACK, "older than the trusted 9007199254740991");
	r.version[TUF_ROOT] = 2;
	r.first[TUF_TIMESTAMP]++;
	r.first[TUF_SNAPSHOT]++;
	repository_publish(&r);
	cr_assert_eq(device_refresh(&d, &r, NOW_S), TUF_OK, "%s", d.error.text);
	cr_assert_eq(tuf_version(tuf_client_trusted(d.client, TUF_TIMESTAMP)), 2);
}

Test(tuf_attacks, keys_below_the_threshold)
{
	r.version[TUF_TARGETS]++;
	r.signers[TUF_TARGETS] = 1;
	repository_publish(&r);
	refused(device_refresh(&d, &r, NOW_S), TUF_THRESHOLD, "targets version 2: 1 of the keys");
}

Test(tuf_attacks, keys_below_the_threshold_of_a_root)
{
	r.version[TUF_ROOT] = 2;
	r.signers[TUF_ROOT] = 1;
	repository_publish(&r);
	refused(device_refresh(&d, &r, NOW_S), TUF_THRESHOLD, "root version 2: 1 of the keys");
}

/* A root that its own new keys sign, and not those that are trusted. */
Test(tuf_attacks, keys_below_the_threshold_by_new_keys)
{
	r.version[TUF_ROOT] = 2;
	r.first[TUF_ROOT] = 100;
	repository_publish(&r);
	refused(device_refresh(&d, &r, NOW_S), TUF_THRESHOLD,
		"root version 2: 0 of the keys that root version 1 names");
}

/* One key that signs twice is one key. */
Test(tuf_attacks, keys_below_the_threshold_by_the_same_key)
{
	struct served *targets = (struct served *)repository_find(&r, "1.targets.json");
	struct tuf_document *document;
	struct tuf_error err;
	char *second = strstr(targets->data, "{\"keyid\":\""), *third = strstr(second + 1, "{\"keyid\":\"");

	memcpy(third, second, (size_t)(strchr(second, '}') - second));
	cr_assert_eq(tuf_read(TUF_TARGETS, targets->data, targets->size, &document, &err), -TUF_MALFORMED);
	cr_assert(strstr(err.text, "two signatures of the key"), "%s", err.text);
}
