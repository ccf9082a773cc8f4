/* The signed documents: which are in force, and those that this node signs by itself, snapshot and timestamp above all.
 */
#include "repository.h"

#include <cjson/cJSON.h>

#include <stdlib.h>
#include <string.h>

#define SPEC_VERSION "1.0.31"
#define KEPT_VERSIONS 4 /* of targets and snapshot, for clients that are in the middle of it */

const struct gv_table ota_documents = { .name = "documents", .key = "su", .value = &ota__document_row__descriptor };
const struct gv_table ota_roles = { .name = "roles", .key = "s", .value = &ota__role_row__descriptor };

const Ota__RoleRow *role_get(struct gv_turn *t, const char *role)
{
	return gv_get(t, &ota_roles, gv_key(role));
}

const Ota__DocumentRow *document_row(struct gv_turn *t, const char *role, uint64_t version)
{
	return gv_get(t, &ota_documents, gv_key(role, version));
}

static const Ota__DocumentRow *in_force(struct gv_turn *t, const char *role)
{
	const Ota__RoleRow *row = role_get(t, role);

	return row && row->version ? document_row(t, role, row->version) : NULL;
}

static char *text_in_force(struct gv_turn *t, const char *role, size_t *ret_size)
{
	const Ota__DocumentRow *row = in_force(t, role);

	return row ? file_read(t, row->blob, TUF_TARGETS_MAX, ret_size) : NULL;
}

struct tuf_document *document_load(struct gv_turn *t, enum tuf_role role)
{
	struct tuf_document *it = NULL;
	size_t size = 0;
	const char *text = text_in_force(t, tuf_role_name(role), &size);

	return text && tuf_read(role, text, size, &it, NULL) == 0 ? it : NULL;
}

static void drop(struct gv_turn *t, const char *role, uint64_t version)
{
	const Ota__DocumentRow *row = document_row(t, role, version);

	if (!row)
		return;
	file_release(t, row->blob);
	gv_delete(t, &ota_documents, gv_key(role, version));
}

void document_store(struct gv_turn *t, const char *role, uint64_t version, int64_t expires_s, const char *text,
		    size_t size)
{
	Ota__RoleRow *in = gv_edit(t, &ota_roles, gv_key(role));
	Ota__DocumentRow row = OTA__DOCUMENT_ROW__INIT;

	row.blob = file_make(t, text, size);
	row.expires_at_ms = expires_s * 1000;
	row.made_at_ms = gv_now_ms(t);
	gv_put(t, &ota_documents, gv_key(role, version), &row);
	in->version = version;
	if (strcmp(role, ROLE_ROOT) != 0 && version > KEPT_VERSIONS)
		drop(t, role, version - KEPT_VERSIONS);
}

/* ---- signing --------------------------------------------------------------------------------- */

struct tuf_public key_public(struct gv_turn *t, const char *name)
{
	struct tuf_public key = { { 0 }, { 0 } };

	if (tuf_public_of(secret_get(t, name), &key) < 0)
		gv_fault(t, "OpenSSL cannot use the key %s", name);
	return key;
}

cJSON *document_begin(const char *type, uint64_t version, int64_t expires_s)
{
	cJSON *it = cJSON_CreateObject();
	char expires[24];

	tuf_time_write(expires_s, expires);
	cJSON_AddStringToObject(it, "_type", type);
	cJSON_AddStringToObject(it, "spec_version", SPEC_VERSION);
	cJSON_AddNumberToObject(it, "version", (double)version);
	cJSON_AddStringToObject(it, "expires", expires);
	return it;
}

char *document_sign(struct gv_turn *t, cJSON *payload, const char *key, size_t *ret_size)
{
	uint8_t seed[1][TUF_SEED_SIZE];
	struct tuf_error error = { "" };
	char *text, *kept;

	memcpy(seed[0], secret_get(t, key), TUF_SEED_SIZE);
	if (!payload || tuf_sign(payload, seed, 1, &text, ret_size, &error) < 0) {
		cJSON_Delete(payload);
		gv_fault(t, "a document cannot be signed: %s", error.text);
		return NULL;
	}
	cJSON_Delete(payload);
	kept = gv_alloc(t, *ret_size + 1);
	memcpy(kept, text, *ret_size);
	free(text);
	return kept;
}

static uint64_t next_version(struct gv_turn *t, const char *role)
{
	const Ota__RoleRow *row = role_get(t, role);

	return row ? row->version + 1 : 1;
}

static void set_clock(struct ota *o, struct gv_turn *t)
{
	int64_t half_ms = o->timestamp_ms < o->snapshot_ms ? o->timestamp_ms / 2 : o->snapshot_ms / 2;

	gv_timer(t, "sign", gv_now_ms(t) + half_ms, NULL);
}

static void publish_timestamp(struct ota *o, struct gv_turn *t)
{
	const Ota__RoleRow *snapshot = role_get(t, ROLE_SNAPSHOT);
	struct tuf_content content = { .name = "snapshot.json", .version = snapshot ? (int64_t)snapshot->version : 0 };
	uint64_t version = next_version(t, ROLE_TIMESTAMP);
	int64_t expires_s = (gv_now_ms(t) + o->timestamp_ms) / 1000;
	size_t size = 0;
	char *text;

	content.data = text_in_force(t, ROLE_SNAPSHOT, &content.size);
	if (!content.data)
		return;
	text = document_sign(t, tuf_make_timestamp((int64_t)version, expires_s, &content), KEY_ONLINE, &size);
	if (text)
		document_store(t, ROLE_TIMESTAMP, version, expires_s, text, size);
	set_clock(o, t);
}

void documents_publish(struct ota *o, struct gv_turn *t)
{
	const Ota__RoleRow *targets = role_get(t, ROLE_TARGETS);
	struct tuf_content content = { .name = "targets.json", .version = targets ? (int64_t)targets->version : 0 };
	uint64_t version = next_version(t, ROLE_SNAPSHOT);
	int64_t expires_s = (gv_now_ms(t) + o->snapshot_ms) / 1000;
	size_t size = 0;
	char *text;

	content.data = text_in_force(t, ROLE_TARGETS, &content.size);
	if (!content.data)
		return;
	text = document_sign(t, tuf_make_snapshot((int64_t)version, expires_s, &content, 1), KEY_ONLINE, &size);
	if (!text)
		return;
	document_store(t, ROLE_SNAPSHOT, version, expires_s, text, size);
	publish_timestamp(o, t);
}

/* ---- time ------------------------------------------------------------------------------------ */

static bool half_over(struct gv_turn *t, const char *role, int64_t life_ms)
{
	const Ota__DocumentRow *row = in_force(t, role);

	return row && row->expires_at_ms - gv_now_ms(t) <= life_ms / 2;
}

int documents_renew(struct ota *o, struct gv_turn *t)
{
	if (o->signs && half_over(t, ROLE_ROOT, o->targets_ms))
		roots_make(o, t);
	if (o->signs && half_over(t, ROLE_TARGETS, o->targets_ms))
		targets_make(o, t);
	if (half_over(t, ROLE_SNAPSHOT, o->snapshot_ms))
		documents_publish(o, t);
	else if (half_over(t, ROLE_TIMESTAMP, o->timestamp_ms))
		publish_timestamp(o, t);
	set_clock(o, t);
	return 0;
}

int documents_start(struct ota *o, struct gv_turn *t)
{
	if (o->signs && !role_get(t, ROLE_ROOT)) {
		roots_make(o, t);
		targets_make(o, t);
	}
	return documents_renew(o, t);
}
