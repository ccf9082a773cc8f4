/* A repository whose keys are all at hand, and a device that refreshes from it. */
#include "repository.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int KEYS[TUF_ROLES] = { 3, 1, 1, 3, 1 };
static const int THRESHOLD[TUF_ROLES] = { 2, 1, 1, 2, 1 };

const uint8_t *repository_seed(int key)
{
	static uint8_t seed[TUF_SEED_SIZE];

	memset(seed, key, sizeof(seed));
	return seed;
}

/* ---- documents ------------------------------------------------------------------------------- */

static void add_keys(cJSON *keys, cJSON *keyids, int first, int count)
{
	for (int i = 0; i < count; i++) {
		struct tuf_public key;

		cr_assert_eq(tuf_public_of(repository_seed(first + i), &key), 0);
		if (!cJSON_HasObjectItem(keys, key.keyid))
			cJSON_AddItemToObject(keys, key.keyid, tuf_public_json(&key));
		cJSON_AddItemToArray(keyids, cJSON_CreateString(key.keyid));
	}
}

static cJSON *make_common(const struct repository *r, enum tuf_role role, const char *type)
{
	cJSON *it = cJSON_CreateObject();
	char expires[24];

	tuf_time_write(r->expires_s[role], expires);
	cJSON_AddStringToObject(it, "_type", type);
	cJSON_AddStringToObject(it, "spec_version", "1.0.31");
	cJSON_AddNumberToObject(it, "version", (double)r->version[role]);
	cJSON_AddStringToObject(it, "expires", expires);
	return it;
}

static void add_role(const struct repository *r, cJSON *keys, cJSON *role, enum tuf_role which)
{
	add_keys(keys, cJSON_AddArrayToObject(role, "keyids"), r->first[which], KEYS[which]);
	cJSON_AddNumberToObject(role, "threshold", THRESHOLD[which]);
}

static cJSON *make_root(const struct repository *r)
{
	cJSON *it = make_common(r, TUF_ROOT, "root");
	cJSON *keys = cJSON_AddObjectToObject(it, "keys"), *roles = cJSON_AddObjectToObject(it, "roles");

	cJSON_AddTrueToObject(it, "consistent_snapshot");
	for (int i = 0; i < TUF_ASSIGNMENT; i++)
		add_role(r, keys, cJSON_AddObjectToObject(roles, tuf_role_name((enum tuf_role)i)), (enum tuf_role)i);
	return it;
}

static void add_artifact(const struct repository *r, cJSON *targets)
{
	cJSON *it = cJSON_AddObjectToObject(targets, ARTIFACT_PATH);
	cJSON *hashes = cJSON_AddObjectToObject(it, "hashes"), *custom;
	char sha256[TUF_HASH_TEXT];

	tuf_sha256(ARTIFACT, sizeof(ARTIFACT) - 1, sha256);
	cJSON_AddStringToObject(hashes, "sha256", sha256);
	cJSON_AddNumberToObject(it, "length", sizeof(ARTIFACT) - 1);
	custom = cJSON_Parse(
		"{\"product\":\"pile\",\"kind\":\"firmware\",\"version\":\"1.1.0\",\"hardware\":[\"rev-b\"],"
		"\"from\":[\"1.0.0\",\"1.0.1\"],\"install\":{\"seconds\":30,\"reboots\":true,\"slots\":2}}");
	cJSON_AddNumberToObject(custom, "counter", (double)r->counter);
	cJSON_AddItemToObject(it, "custom", custom);
}

static cJSON *make_targets(const struct repository *r)
{
	cJSON *it = make_common(r, TUF_TARGETS, "targets"), *delegations, *keys, *role;

	add_artifact(r, cJSON_AddObjectToObject(it, "targets"));
	delegations = cJSON_AddObjectToObject(it, "delegations");
	keys = cJSON_AddObjectToObject(delegations, "keys");
	role = cJSON_CreateObject();
	cJSON_AddItemToArray(cJSON_AddArrayToObject(delegations, "roles"), role);
	cJSON_AddStringToObject(role, "name", OTA_ROLE_DIRECTOR);
	cJSON_AddItemToArray(cJSON_AddArrayToObject(role, "paths"), cJSON_CreateString(OTA_PATHS_DIRECTOR));
	cJSON_AddTrueToObject(role, "terminating");
	add_role(r, keys, role, TUF_ASSIGNMENT);
	return it;
}

static void name_of(const struct repository *r, enum tuf_role role, char name[64])
{
	if (role == TUF_TIMESTAMP)
		snprintf(name, 64, "timestamp.json");
	else
		snprintf(name, 64, "%lld.%s.json", (long long)r->version[role], tuf_role_name(role));
}

static struct tuf_content content(const struct repository *r, enum tuf_role role, const char *as)
{
	char name[64];
	const struct served *it;

	name_of(r, role, name);
	it = repository_find(r, name);
	cr_assert_not_null(it, "%s", name);
	return (struct tuf_content){ as, r->version[role], it->data, it->size };
}

static cJSON *make(const struct repository *r, enum tuf_role role)
{
	struct tuf_content below;

	if (role == TUF_ROOT)
		return make_root(r);
	if (role == TUF_TARGETS)
		return make_targets(r);
	below = role == TUF_SNAPSHOT ? content(r, TUF_TARGETS, "targets.json")
				     : content(r, TUF_SNAPSHOT, "snapshot.json");
	return role == TUF_SNAPSHOT ? tuf_make_snapshot(r->version[role], r->expires_s[role], &below, 1)
				    : tuf_make_timestamp(r->version[role], r->expires_s[role], &below);
}

void repository_sign(struct repository *r, enum tuf_role role)
{
	uint8_t seeds[8][TUF_SEED_SIZE];
	cJSON *payload = make(r, role);
	char name[64], *text;
	size_t size;
	struct tuf_error err;

	for (int i = 0; i < r->signers[role]; i++)
		memcpy(seeds[i], repository_seed(r->first[role] + i), TUF_SEED_SIZE);
	cr_assert_eq(tuf_sign(payload, seeds, (size_t)r->signers[role], &text, &size, &err), 0, "%s", err.text);
	cJSON_Delete(payload);
	name_of(r, role, name);
	repository_replace(r, name, text, size);
	free(text);
}

void repository_publish(struct repository *r)
{
	repository_sign(r, TUF_ROOT);
	repository_sign(r, TUF_TARGETS);
	repository_sign(r, TUF_SNAPSHOT);
	repository_sign(r, TUF_TIMESTAMP);
}

/* ---- serving --------------------------------------------------------------------------------- */

const struct served *repository_find(const struct repository *r, const char *name)
{
	for (size_t i = 0; i < r->count; i++)
		if (strcmp(r->documents[i].name, name) == 0)
			return &r->documents[i];
	return NULL;
}

static void put(struct served *it, const char *name, const void *data, size_t size)
{
	char *copy = malloc(size + 1);

	cr_assert_not_null(copy);
	memcpy(copy, data, size);
	free(it->data);
	snprintf(it->name, sizeof(it->name), "%s", name);
	it->data = copy;
	it->size = size;
}

void repository_replace(struct repository *r, const char *name, const void *data, size_t size)
{
	struct served *it = (struct served *)repository_find(r, name);

	if (!it) {
		cr_assert_lt(r->count, sizeof(r->documents) / sizeof(r->documents[0]));
		it = &r->documents[r->count++];
	}
	put(it, name, data, size);
}

void repository_init(struct repository *r)
{
	static const int FIRST[TUF_ROLES] = { ROOT_KEY, TIMESTAMP_KEY, SNAPSHOT_KEY, TARGETS_KEY, DIRECTOR_KEY };

	memset(r, 0, sizeof(*r));
	r->counter = 7;
	for (int i = 0; i < TUF_ROLES; i++) {
		r->first[i] = FIRST[i];
		r->signers[i] = THRESHOLD[i];
		r->version[i] = 1;
		r->expires_s[i] = NOW_S + 30 * DAY_S;
	}
	r->expires_s[TUF_TIMESTAMP] = NOW_S + DAY_S;
	repository_publish(r);
}

void repository_fini(struct repository *r)
{
	for (size_t i = 0; i < r->count; i++)
		free(r->documents[i].data);
}

/* ---- assignments ----------------------------------------------------------------------------- */

struct ota_assignment repository_assignment(const struct repository *r)
{
	struct ota_assignment it = { .device = "ble:PILE1",
				     .id = "c1",
				     .version = 3,
				     .expires_s = NOW_S + DAY_S,
				     .path = ARTIFACT_PATH,
				     .length = sizeof(ARTIFACT) - 1,
				     .counter = r->counter };

	tuf_sha256(ARTIFACT, sizeof(ARTIFACT) - 1, it.sha256);
	return it;
}

char *repository_assign(const struct repository *r, const struct ota_assignment *it, int key, size_t *ret_size)
{
	uint8_t seed[1][TUF_SEED_SIZE];
	cJSON *payload = ota_assignment_make(it);
	char *text;

	memcpy(seed[0], repository_seed(key), TUF_SEED_SIZE);
	cr_assert_eq(tuf_sign(payload, seed, 1, &text, ret_size, NULL), 0);
	cJSON_Delete(payload);
	return text;
}

/* ---- a device -------------------------------------------------------------------------------- */

void device_init(struct device *d, const struct repository *r)
{
	const struct served *root = repository_find(r, "1.root.json");

	memset(d, 0, sizeof(*d));
	put(&d->stored[TUF_ROOT], "root", root->data, root->size);
}

static void forget(struct served *it)
{
	free(it->data);
	*it = (struct served){ 0 };
}

void device_fini(struct device *d)
{
	tuf_client_destroy(d->client);
	for (int i = 0; i < TUF_ASSIGNMENT; i++)
		forget(&d->stored[i]);
}

static struct tuf_bytes stored(const struct device *d, enum tuf_role role)
{
	return (struct tuf_bytes){ d->stored[role].data, d->stored[role].size };
}

static int step(struct device *d, const struct repository *r, const struct tuf_fetch *fetch)
{
	const struct served *it = repository_find(r, fetch->name);
	struct tuf_keep keep = { 0 };
	int result;

	if (!it)
		return tuf_client_absent(d->client, &d->error);
	d->fetched++;
	result = tuf_client_give(d->client, it->data, it->size, &keep, &d->error);
	if (result < 0)
		return result;
	if (keep.drop) {
		forget(&d->stored[TUF_TIMESTAMP]);
		forget(&d->stored[TUF_SNAPSHOT]);
	}
	if (keep.keep)
		put(&d->stored[fetch->role], fetch->name, it->data, it->size);
	return 0;
}

enum tuf_result device_refresh(struct device *d, const struct repository *r, int64_t now_s)
{
	struct tuf_stored all = { stored(d, TUF_ROOT), stored(d, TUF_TIMESTAMP), stored(d, TUF_SNAPSHOT),
				  stored(d, TUF_TARGETS) };
	struct tuf_fetch fetch;
	int result;

	tuf_client_destroy(d->client);
	d->client = NULL;
	d->fetched = 0;
	result = tuf_client_create(&all, now_s, &d->client, &d->error);
	while (result == 0 && tuf_client_wants(d->client, &fetch))
		result = step(d, r, &fetch);
	if (result == 0)
		cr_assert(tuf_client_done(d->client));
	return (enum tuf_result) - result;
}
