/* A document of metadata: reading it, who has signed it, and what it says. */
#include "tuf_internal.h"

#include "artifact.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	size_t max;
} ROLES[TUF_ROLES] = {
	{ "root", TUF_ROOT_MAX },       { "timestamp", TUF_TIMESTAMP_MAX },        { "snapshot", TUF_SNAPSHOT_MAX },
	{ "targets", TUF_TARGETS_MAX }, { OTA_ROLE_DIRECTOR, TUF_ASSIGNMENT_MAX },
};

const char *tuf_role_name(enum tuf_role role)
{
	return ROLES[role].name;
}

size_t tuf_role_max(enum tuf_role role)
{
	return ROLES[role].max;
}

/* ---- reading --------------------------------------------------------------------------------- */

int tuf_read(enum tuf_role role, const void *data, size_t size, struct tuf_document **ret, struct tuf_error *err)
{
	struct tuf_document *it;
	int r;

	if (size > ROLES[role].max)
		return tuf_refuse(err, TUF_TOO_LARGE, "%s has more than %zu bytes", ROLES[role].name, ROLES[role].max);
	it = calloc(1, sizeof(*it));
	if (!it)
		return tuf_refuse(err, TUF_NO_MEMORY, "no memory for %s", ROLES[role].name);
	it->role = role;
	r = tuf_json_read(data, size, &it->json, err);
	if (r == 0) {
		it->payload = cJSON_GetObjectItemCaseSensitive(it->json, "signed");
		r = cJSON_IsObject(it->payload)
			    ? tuf_check_payload(it, err)
			    : tuf_refuse(err, TUF_MALFORMED, "%s: signed must be an object", ROLES[role].name);
	}
	if (r < 0) {
		tuf_document_destroy(it);
		return r;
	}
	*ret = it;
	return 0;
}

void tuf_document_destroy(struct tuf_document *it)
{
	if (!it)
		return;
	cJSON_Delete(it->json);
	free(it);
}

/* ---- signatures ------------------------------------------------------------------------------ */

const cJSON *tuf_role_entry(const struct tuf_document *delegator, enum tuf_role role, const cJSON **ret_keys)
{
	const cJSON *delegations, *entry;

	if (role != TUF_ASSIGNMENT && delegator->role == TUF_ROOT) {
		*ret_keys = tuf_member(delegator->payload, "keys");
		return tuf_member(tuf_member(delegator->payload, "roles"), ROLES[role].name);
	}
	if (role != TUF_ASSIGNMENT || delegator->role != TUF_TARGETS)
		return NULL;
	delegations = tuf_member(delegator->payload, "delegations");
	*ret_keys = tuf_member(delegations, "keys");
	cJSON_ArrayForEach(entry, tuf_member(delegations, "roles"))
	{
		if (strcmp(tuf_member(entry, "name")->valuestring, ROLES[role].name) == 0)
			return entry;
	}
	return NULL;
}

static const char *signature_of(const struct tuf_document *it, const char *keyid)
{
	const cJSON *entry;

	cJSON_ArrayForEach(entry, tuf_member(it->json, "signatures"))
	{
		if (strcmp(tuf_member(entry, "keyid")->valuestring, keyid) == 0)
			return tuf_member(entry, "sig")->valuestring;
	}
	return NULL;
}

/* Keys of the role that have signed, each once, whatever its names. */
static int count_signers(const struct tuf_document *it, const cJSON *role, const cJSON *keys, const char *data,
			 size_t size)
{
	EVP_PKEY *signers[TUF_KEYS_MAX];
	const cJSON *id;
	int count = 0;

	cJSON_ArrayForEach(id, tuf_member(role, "keyids"))
	{
		const cJSON *key = tuf_member(keys, id->valuestring);
		const char *signature = signature_of(it, id->valuestring);
		EVP_PKEY *open = key && signature ? tuf_key_open(key) : NULL;
		bool counts = open && count < TUF_KEYS_MAX && tuf_key_verify(open, data, size, signature);

		for (int i = 0; i < count && counts; i++)
			counts = EVP_PKEY_eq(signers[i], open) != 1;
		if (counts)
			signers[count++] = open;
		else
			EVP_PKEY_free(open);
	}
	for (int i = 0; i < count; i++)
		EVP_PKEY_free(signers[i]);
	return count;
}

int tuf_verify(const struct tuf_document *it, const struct tuf_document *delegator, struct tuf_error *err)
{
	const char *name = ROLES[it->role].name;
	const cJSON *keys = NULL, *role = tuf_role_entry(delegator, it->role, &keys);
	char *canonical;
	size_t size;
	int r, count, threshold;

	if (!role)
		return tuf_refuse(err, TUF_MISSING, "%s version %lld names no role %s", ROLES[delegator->role].name,
				  (long long)delegator->version, name);
	r = tuf_canonical(it->payload, &canonical, &size, err);
	if (r < 0)
		return r;
	threshold = tuf_threshold(delegator, it->role);
	count = count_signers(it, role, keys, canonical, size);
	free(canonical);
	if (count < threshold)
		return tuf_refuse(err, TUF_THRESHOLD,
				  "%s version %lld: %d of the keys that %s version %lld names have signed, %d must",
				  name, (long long)it->version, count, ROLES[delegator->role].name,
				  (long long)delegator->version, threshold);
	return 0;
}

int tuf_root_follows(const struct tuf_document *next, const struct tuf_document *trusted, struct tuf_error *err)
{
	int r = tuf_verify(next, trusted, err);

	if (r < 0 || (r = tuf_verify(next, next, err)) < 0)
		return r;
	if (next->version != trusted->version + 1)
		return tuf_refuse(err, next->version <= trusted->version ? TUF_ROLLBACK : TUF_WRONG_VERSION,
				  "root version %lld follows version %lld: it must be %lld", (long long)next->version,
				  (long long)trusted->version, (long long)trusted->version + 1);
	return 0;
}

int tuf_check_expiry(const struct tuf_document *it, int64_t now_s, struct tuf_error *err)
{
	char expires[24], now[24];

	if (now_s < it->expires_s)
		return 0;
	tuf_time_write(it->expires_s, expires);
	tuf_time_write(now_s, now);
	return tuf_refuse(err, TUF_EXPIRED, "%s version %lld expired at %s, it is %s", ROLES[it->role].name,
			  (long long)it->version, expires, now);
}

/* ---- what it says ---------------------------------------------------------------------------- */

enum tuf_role tuf_role_of(const struct tuf_document *it)
{
	return it->role;
}

int64_t tuf_version(const struct tuf_document *it)
{
	return it->version;
}

int64_t tuf_expires_s(const struct tuf_document *it)
{
	return it->expires_s;
}

const cJSON *tuf_signed(const struct tuf_document *it)
{
	return it->payload;
}

bool tuf_consistent(const struct tuf_document *root)
{
	return cJSON_IsTrue(tuf_member(root->payload, "consistent_snapshot"));
}

int tuf_threshold(const struct tuf_document *delegator, enum tuf_role role)
{
	const cJSON *keys, *entry = tuf_role_entry(delegator, role, &keys);

	return entry ? (int)tuf_member(entry, "threshold")->valuedouble : 0;
}

bool tuf_names_key(const struct tuf_document *delegator, enum tuf_role role, const char *keyid)
{
	const cJSON *keys = NULL, *id, *entry = tuf_role_entry(delegator, role, &keys);

	cJSON_ArrayForEach(id, tuf_member(entry, "keyids"))
	{
		if (strcmp(id->valuestring, keyid) == 0)
			return tuf_member(keys, keyid) != NULL;
	}
	return false;
}

static void file_of(const cJSON *entry, struct tuf_file *ret)
{
	const cJSON *length = tuf_member(entry, "length"), *version = tuf_member(entry, "version");
	const cJSON *sha256 = tuf_member(tuf_member(entry, "hashes"), "sha256");

	*ret = (struct tuf_file){
		.version = version ? (int64_t)version->valuedouble : 0,
		.length = length ? (int64_t)length->valuedouble : -1,
		.custom = tuf_member(entry, "custom"),
		.path = entry->string,
	};
	if (sha256)
		memcpy(ret->sha256, sha256->valuestring, TUF_HASH_TEXT);
}

int tuf_meta(const struct tuf_document *it, const char *name, struct tuf_file *ret, struct tuf_error *err)
{
	const cJSON *entry = tuf_member(tuf_member(it->payload, "meta"), name);

	if (!entry)
		return tuf_refuse(err, TUF_MISSING, "%s version %lld does not name %s", ROLES[it->role].name,
				  (long long)it->version, name);
	file_of(entry, ret);
	return 0;
}

int tuf_target(const struct tuf_document *targets, const char *path, struct tuf_file *ret, struct tuf_error *err)
{
	const cJSON *entry = tuf_member(tuf_member(targets->payload, "targets"), path);

	if (!entry)
		return tuf_refuse(err, TUF_NO_TARGET, "targets version %lld has no %.128s", (long long)targets->version,
				  path);
	file_of(entry, ret);
	return 0;
}

bool tuf_target_each(const struct tuf_document *targets, const cJSON **cursor, struct tuf_file *ret)
{
	const cJSON *list = tuf_member(targets->payload, "targets");

	*cursor = *cursor ? (*cursor)->next : list->child;
	if (!*cursor)
		return false;
	file_of(*cursor, ret);
	return true;
}

int tuf_check_file(const struct tuf_file *meta, const void *data, size_t size, const char *what, struct tuf_error *err)
{
	char sha256[TUF_HASH_TEXT];

	if (meta->length >= 0 && size != (size_t)meta->length)
		return tuf_refuse(err, size > (size_t)meta->length ? TUF_TOO_LARGE : TUF_WRONG_LENGTH,
				  "%s has %zu bytes, %lld are signed for", what, size, (long long)meta->length);
	if (!meta->sha256[0])
		return 0;
	if (tuf_sha256(data, size, sha256) < 0)
		return tuf_refuse(err, TUF_CRYPTO, "%s could not be hashed", what);
	if (strcmp(sha256, meta->sha256) != 0)
		return tuf_refuse(err, TUF_WRONG_HASH, "%s has the SHA-256 %s, %s is signed for", what, sha256,
				  meta->sha256);
	return 0;
}

int tuf_target_location(const struct tuf_document *root, const struct tuf_file *target, char *ret, size_t size)
{
	const char *slash = strrchr(target->path, '/');
	int folder = slash ? (int)(slash - target->path) + 1 : 0;
	int n = tuf_consistent(root)
			? snprintf(ret, size, "%.*s%s.%s", folder, target->path, target->sha256, target->path + folder)
			: snprintf(ret, size, "%s", target->path);

	return n >= 0 && (size_t)n < size ? 0 : -TUF_TOO_LARGE;
}
