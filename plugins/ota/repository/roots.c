/* The root of a node that signs for itself (keys: node): every role with one key of its own. */
#include "repository.h"

#include <cjson/cJSON.h>

static void add_role(struct gv_turn *t, cJSON *keys, cJSON *roles, const char *role, const char *key)
{
	struct tuf_public public = key_public(t, key);
	cJSON *entry = cJSON_AddObjectToObject(roles, role);
	cJSON *ids = cJSON_AddArrayToObject(entry, "keyids");

	cJSON_AddItemToArray(ids, cJSON_CreateString(public.keyid));
	cJSON_AddNumberToObject(entry, "threshold", 1);
	if (!cJSON_GetObjectItemCaseSensitive(keys, public.keyid))
		cJSON_AddItemToObject(keys, public.keyid, tuf_public_json(&public));
}

void roots_make(struct ota *o, struct gv_turn *t)
{
	const Ota__RoleRow *row = role_get(t, ROLE_ROOT);
	uint64_t version = row ? row->version + 1 : 1;
	int64_t expires_s = (gv_now_ms(t) + o->targets_ms) / 1000;
	cJSON *root = document_begin(ROLE_ROOT, version, expires_s), *keys, *roles;
	size_t size = 0;
	char *text;

	cJSON_AddTrueToObject(root, "consistent_snapshot");
	keys = cJSON_AddObjectToObject(root, "keys");
	roles = cJSON_AddObjectToObject(root, "roles");
	add_role(t, keys, roles, ROLE_ROOT, ROLE_ROOT);
	add_role(t, keys, roles, ROLE_TARGETS, ROLE_TARGETS);
	add_role(t, keys, roles, ROLE_SNAPSHOT, KEY_ONLINE);
	add_role(t, keys, roles, ROLE_TIMESTAMP, KEY_ONLINE);
	text = document_sign(t, root, ROLE_ROOT, &size);
	if (text)
		document_store(t, ROLE_ROOT, version, expires_s, text, size);
}
