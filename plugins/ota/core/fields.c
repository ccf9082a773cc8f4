/* What each role's document must hold, before anything in it is used (specification 4.2 to 4.7). */
#include "tuf_internal.h"

#include <string.h>

#define SIGNATURE_TEXT_MAX 4096
#define DELEGATIONS_MAX 64
#define ROLE_NAME_MAX 128
#define META_MAX 4096 /* documents in a snapshot */

static int check_keyids(const cJSON *role, const char *name, struct tuf_error *err)
{
	const cJSON *list, *id, *other;
	int64_t threshold;
	int r;

	if ((r = tuf_list(role, "keyids", TUF_KEYS_MAX, name, &list, err)) < 0 ||
	    (r = tuf_number(role, "threshold", 1, TUF_KEYS_MAX, name, &threshold, err)) < 0)
		return r;
	cJSON_ArrayForEach(id, list)
	{
		if (!cJSON_IsString(id))
			return tuf_refuse(err, TUF_MALFORMED, "%s: keyids must be texts", name);
		for (other = id->next; other; other = other->next)
			if (cJSON_IsString(other) && strcmp(id->valuestring, other->valuestring) == 0)
				return tuf_refuse(err, TUF_MALFORMED, "%s: the key %.64s stands there twice", name,
						  id->valuestring);
	}
	return 0;
}

static int check_keys(const cJSON *object, const char *where, struct tuf_error *err)
{
	const cJSON *keys, *key;
	int r = tuf_object(object, "keys", where, &keys, err);

	if (r < 0)
		return r;
	if (cJSON_GetArraySize(keys) > TUF_KEYS_MAX * TUF_ROLES)
		return tuf_refuse(err, TUF_TOO_LARGE, "%s: more than %d keys", where, TUF_KEYS_MAX * TUF_ROLES);
	cJSON_ArrayForEach(key, keys)
	{
		if ((r = tuf_key_check(key, err)) < 0)
			return r;
	}
	return 0;
}

static int check_root(const cJSON *it, struct tuf_error *err)
{
	const cJSON *roles, *role, *consistent = tuf_member(it, "consistent_snapshot");
	int r;

	if ((r = check_keys(it, "root", err)) < 0 || (r = tuf_object(it, "roles", "root", &roles, err)) < 0)
		return r;
	if (consistent && !cJSON_IsBool(consistent))
		return tuf_refuse(err, TUF_MALFORMED, "root: consistent_snapshot must be true or false");
	if (cJSON_GetArraySize(roles) != TUF_ASSIGNMENT)
		return tuf_refuse(err, TUF_MALFORMED, "root: roles must be root, timestamp, snapshot and targets");
	for (int i = 0; i < TUF_ASSIGNMENT; i++)
		if ((r = tuf_object(roles, tuf_role_name((enum tuf_role)i), "root's roles", &role, err)) < 0 ||
		    (r = check_keyids(role, tuf_role_name((enum tuf_role)i), err)) < 0)
			return r;
	return 0;
}

/* Of a document or a target: `hashes` with a SHA-256 where it is there, `length` where it is there. */
static int check_file(const cJSON *it, const char *name, bool must, struct tuf_error *err)
{
	const cJSON *hashes = tuf_member(it, "hashes"), *sha256 = tuf_member(hashes, "sha256");
	int64_t length;
	int r;

	if (must || tuf_member(it, "length")) {
		r = tuf_number(it, "length", 0, TUF_TARGET_LENGTH_MAX, name, &length, err);
		if (r < 0)
			return r;
	}
	if ((must || hashes) && (!cJSON_IsString(sha256) || !tuf_is_hash(sha256->valuestring)))
		return tuf_refuse(err, TUF_MALFORMED, "%.128s: hashes must hold a sha256 of 64 hex digits", name);
	return 0;
}

static int check_meta(const cJSON *it, const char *needed, const char *where, struct tuf_error *err)
{
	const cJSON *meta, *entry;
	int64_t version;
	int r;

	if ((r = tuf_object(it, "meta", where, &meta, err)) < 0 ||
	    (r = tuf_object(meta, needed, where, &entry, err)) < 0)
		return r;
	if (cJSON_GetArraySize(meta) > META_MAX)
		return tuf_refuse(err, TUF_TOO_LARGE, "%s: more than %d documents", where, META_MAX);
	cJSON_ArrayForEach(entry, meta)
	{
		if ((r = tuf_number(entry, "version", 1, TUF_NUMBER_MAX, entry->string, &version, err)) < 0 ||
		    (r = check_file(entry, entry->string, false, err)) < 0)
			return r;
	}
	return 0;
}

/* A path is below the repository, whoever makes a file's name of it. */
static int check_path(const char *path, struct tuf_error *err)
{
	const char *part = path;

	if (strlen(path) > TUF_PATH_MAX)
		return tuf_refuse(err, TUF_MALFORMED, "a target's path has more than %d bytes", TUF_PATH_MAX);
	for (const char *c = path; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f || *c == '\\')
			return tuf_refuse(err, TUF_MALFORMED, "a target's path has a backslash or a control character");
	for (;;) {
		size_t size = strcspn(part, "/");

		if (size == 0 || (size <= 2 && strncmp(part, "..", size) == 0))
			return tuf_refuse(err, TUF_MALFORMED,
					  "the target %.128s: its path must not have empty, . or .. parts", path);
		if (part[size] == '\0')
			return 0;
		part += size + 1;
	}
}

static int check_delegations(const cJSON *it, struct tuf_error *err)
{
	const cJSON *delegations = tuf_member(it, "delegations"), *roles, *role, *other;
	const char *name;
	int r;

	if (!delegations || cJSON_IsNull(delegations))
		return 0;
	if ((r = check_keys(delegations, "delegations", err)) < 0)
		return r;
	if (!tuf_member(delegations, "roles")) /* succinct_roles: roles of other people's, which nothing here follows */
		return 0;
	if ((r = tuf_list(delegations, "roles", DELEGATIONS_MAX, "delegations", &roles, err)) < 0)
		return r;
	cJSON_ArrayForEach(role, roles)
	{
		if ((r = tuf_text(role, "name", ROLE_NAME_MAX, "a delegation", &name, err)) < 0 ||
		    (r = check_keyids(role, name, err)) < 0)
			return r;
		for (other = role->next; other; other = other->next) {
			const cJSON *twin = tuf_member(other, "name");

			if (cJSON_IsString(twin) && strcmp(twin->valuestring, name) == 0)
				return tuf_refuse(err, TUF_MALFORMED, "delegations: two roles are named %s", name);
		}
	}
	return 0;
}

static int check_targets(const cJSON *it, struct tuf_error *err)
{
	const cJSON *targets, *target, *custom;
	int r = tuf_object(it, "targets", "targets", &targets, err);

	if (r < 0)
		return r;
	cJSON_ArrayForEach(target, targets)
	{
		custom = tuf_member(target, "custom");
		if ((r = check_path(target->string, err)) < 0 ||
		    (r = check_file(target, target->string, true, err)) < 0)
			return r;
		if (custom && !cJSON_IsObject(custom))
			return tuf_refuse(err, TUF_MALFORMED, "the target %.128s: custom must be an object",
					  target->string);
	}
	return check_delegations(it, err);
}

static int check_signatures(const cJSON *document, struct tuf_error *err)
{
	const cJSON *list, *entry, *other;
	const char *keyid;
	int r = tuf_list(document, "signatures", TUF_KEYS_MAX, "the document", &list, err);

	if (r < 0)
		return r;
	cJSON_ArrayForEach(entry, list)
	{
		const cJSON *sig = tuf_member(entry, "sig");

		if ((r = tuf_text(entry, "keyid", SIGNATURE_TEXT_MAX, "a signature", &keyid, err)) < 0)
			return r;
		/* An empty one is a place that a key has yet to fill. */
		if (!cJSON_IsString(sig) || strlen(sig->valuestring) > SIGNATURE_TEXT_MAX)
			return tuf_refuse(err, TUF_MALFORMED, "a signature: sig must be a text of at most %d bytes",
					  SIGNATURE_TEXT_MAX);
		for (other = entry->next; other; other = other->next) {
			const cJSON *twin = tuf_member(other, "keyid");

			if (cJSON_IsString(twin) && strcmp(twin->valuestring, keyid) == 0)
				return tuf_refuse(err, TUF_MALFORMED, "two signatures of the key %.64s", keyid);
		}
	}
	return 0;
}

static int check_common(struct tuf_document *it, struct tuf_error *err)
{
	static const char *const TYPES[TUF_ROLES] = { "root", "timestamp", "snapshot", "targets", "assignment" };
	const char *role = TYPES[it->role], *type, *spec, *expires;
	int r;

	if ((r = tuf_text(it->payload, "_type", 32, role, &type, err)) < 0 ||
	    (r = tuf_text(it->payload, "spec_version", 16, role, &spec, err)) < 0 ||
	    (r = tuf_number(it->payload, "version", 1, TUF_NUMBER_MAX, role, &it->version, err)) < 0 ||
	    (r = tuf_text(it->payload, "expires", 32, role, &expires, err)) < 0)
		return r;
	if (strcmp(type, role) != 0)
		return tuf_refuse(err, TUF_WRONG_ROLE, "a document of %s where one of %s is due", type, role);
	if (strncmp(spec, "1.", 2) != 0)
		return tuf_refuse(err, TUF_WRONG_ROLE, "%s: spec_version %s is not of the specification 1", role, spec);
	if (tuf_time_read(expires, &it->expires_s) < 0)
		return tuf_refuse(err, TUF_MALFORMED, "%s: expires must be a time such as 2027-01-31T00:00:00Z", role);
	return check_signatures(it->json, err);
}

int tuf_check_payload(struct tuf_document *it, struct tuf_error *err)
{
	int r = check_common(it, err);

	if (r < 0)
		return r;
	switch (it->role) {
	case TUF_ROOT:
		return check_root(it->payload, err);
	case TUF_TIMESTAMP:
		return check_meta(it->payload, "snapshot.json", "timestamp", err);
	case TUF_SNAPSHOT:
		return check_meta(it->payload, "targets.json", "snapshot", err);
	case TUF_TARGETS:
		return check_targets(it->payload, err);
	default:
		return 0;
	}
}
