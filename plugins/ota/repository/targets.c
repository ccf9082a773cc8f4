/* Artifacts as The Update Framework's targets: rows made into a document, and a document taken in as rows. */
#include "repository.h"
#include "../core/artifact.h"

#include <cjson/cJSON.h>

#include <stdlib.h>
#include <string.h>

/* ---- rows to a document ---------------------------------------------------------------------- */

static void add_names(cJSON *custom, const char *name, char *const *names, size_t n)
{
	cJSON *list = n ? cJSON_AddArrayToObject(custom, name) : NULL;

	for (size_t i = 0; i < n; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(names[i]));
}

static void add_install(cJSON *custom, const Ota__Installation *i)
{
	cJSON *install;

	if (!i)
		return;
	install = cJSON_AddObjectToObject(custom, "install");
	cJSON_AddNumberToObject(install, "seconds", i->seconds);
	cJSON_AddBoolToObject(install, "reboots", i->reboots);
	cJSON_AddNumberToObject(install, "slots", i->slots ? i->slots : 1);
	cJSON_AddBoolToObject(install, "charges", i->charges_meanwhile);
}

static void add_target(cJSON *targets, const Ota__Artifact *a)
{
	cJSON *target = cJSON_AddObjectToObject(targets, a->id), *custom, *vendor;

	cJSON_AddNumberToObject(target, "length", (double)a->size);
	cJSON_AddStringToObject(cJSON_AddObjectToObject(target, "hashes"), "sha256", a->blob);
	custom = cJSON_AddObjectToObject(target, "custom");
	cJSON_AddStringToObject(custom, "product", a->product);
	cJSON_AddStringToObject(custom, "kind", a->kind);
	cJSON_AddStringToObject(custom, "version", a->version);
	cJSON_AddNumberToObject(custom, "counter", (double)a->counter);
	if (a->fits) {
		add_names(custom, "vendors", a->fits->vendors, a->fits->n_vendors);
		add_names(custom, "models", a->fits->models, a->fits->n_models);
		add_names(custom, "hardware", a->fits->hardware, a->fits->n_hardware);
	}
	add_names(custom, "from", a->from, a->n_from);
	add_install(custom, a->install);
	if (!*a->signature)
		return;
	vendor = cJSON_AddObjectToObject(custom, "vendor");
	cJSON_AddStringToObject(vendor, "signature", a->signature);
	cJSON_AddStringToObject(vendor, "certificate", a->certificate);
}

static void add_director(struct gv_turn *t, cJSON *payload)
{
	struct tuf_public key = key_public(t, KEY_DIRECTOR);
	cJSON *delegations = cJSON_AddObjectToObject(payload, "delegations"), *role = cJSON_CreateObject();

	cJSON_AddItemToObject(cJSON_AddObjectToObject(delegations, "keys"), key.keyid, tuf_public_json(&key));
	cJSON_AddItemToArray(cJSON_AddArrayToObject(delegations, "roles"), role);
	cJSON_AddStringToObject(role, "name", OTA_ROLE_DIRECTOR);
	cJSON_AddItemToArray(cJSON_AddArrayToObject(role, "keyids"), cJSON_CreateString(key.keyid));
	cJSON_AddNumberToObject(role, "threshold", 1);
	cJSON_AddItemToArray(cJSON_AddArrayToObject(role, "paths"), cJSON_CreateString(OTA_PATHS_DIRECTOR));
	cJSON_AddTrueToObject(role, "terminating");
}

static cJSON *payload_of(struct ota *o, struct gv_turn *t, uint64_t version)
{
	cJSON *payload = document_begin(ROLE_TARGETS, version, (gv_now_ms(t) + o->targets_ms) / 1000);
	cJSON *targets = cJSON_AddObjectToObject(payload, "targets");
	struct gv_scan scan = { .table = &ota_artifacts };

	add_director(t, payload);
	while (gv_next(t, &scan)) {
		const Ota__Artifact *a = scan.row;

		if (strcmp(a->state, "withdrawn") != 0)
			add_target(targets, a);
	}
	return payload;
}

/* For people's keys: the canonical form waits in the role's row. */
static const char *wait_for_signatures(struct gv_turn *t, cJSON *payload, uint64_t version)
{
	Ota__RoleRow *row = gv_edit(t, &ota_roles, gv_key(ROLE_TARGETS));
	struct tuf_error error = { "" };
	char *text = NULL;
	size_t size;

	if (tuf_canonical(payload, &text, &size, &error) < 0) {
		cJSON_Delete(payload);
		gv_fault(t, "the targets document cannot be made: %s", error.text);
		return "";
	}
	cJSON_Delete(payload);
	if (row->pending_version != version || strcmp(row->pending, text) != 0)
		row->n_signatures = 0;
	row->pending = gv_strdup(t, text);
	row->pending_version = version;
	free(text);
	return row->pending;
}

const char *targets_make(struct ota *o, struct gv_turn *t)
{
	const Ota__RoleRow *row = role_get(t, ROLE_TARGETS);
	uint64_t version = row ? row->version + 1 : 1;
	cJSON *payload = payload_of(o, t, version);
	struct tuf_document *it;
	struct tuf_error error = { "" };
	const char *problem;
	size_t size = 0;
	char *text;

	if (!o->signs)
		return wait_for_signatures(t, payload, version);
	text = document_sign(t, payload, ROLE_TARGETS, &size);
	if (!text)
		return "";
	if (tuf_read(TUF_TARGETS, text, size, &it, &error) < 0) {
		gv_fault(t, "the targets document cannot be made: %s", error.text);
		return "";
	}
	problem = targets_take(o, t, it, text, size);
	tuf_document_destroy(it);
	if (problem)
		gv_fault(t, "the targets document cannot be made: %s", problem);
	return "";
}

/* ---- a document to rows ---------------------------------------------------------------------- */

static char **names(struct gv_turn *t, const cJSON *list, size_t *ret_n)
{
	char **names = NULL;
	const cJSON *x;

	cJSON_ArrayForEach(x, list) * GV_APPEND(t, names, *ret_n) = gv_strdup(t, x->valuestring);
	return names;
}

static void row_of(struct gv_turn *t, const struct tuf_file *target, const struct ota_artifact *a, Ota__Artifact *ret)
{
	Ota__Compatibility *fits = gv_alloc(t, sizeof *fits);
	Ota__Installation *install = gv_alloc(t, sizeof *install);

	ota__artifact__init(ret);
	ota__compatibility__init(fits);
	ota__installation__init(install);
	fits->vendors = names(t, a->vendors, &fits->n_vendors);
	fits->models = names(t, a->models, &fits->n_models);
	fits->hardware = names(t, a->hardware, &fits->n_hardware);
	install->seconds = (uint32_t)a->install.seconds;
	install->reboots = a->install.reboots;
	install->charges_meanwhile = a->install.charges;
	install->slots = (uint32_t)a->install.slots;
	ret->id = gv_strdup(t, target->path);
	ret->product = gv_strdup(t, a->product);
	ret->kind = (char *)ota_kind_name(a->kind);
	ret->version = gv_strdup(t, a->version);
	ret->counter = (uint64_t)a->counter;
	ret->fits = fits;
	ret->from = names(t, a->from, &ret->n_from);
	ret->install = install;
	ret->blob = gv_strdup(t, target->sha256);
	ret->signature = gv_strdup(t, a->signature ? a->signature : "");
	ret->certificate = gv_strdup(t, a->certificate ? a->certificate : "");
}

/* Each target that is an artifact: its file must be here. The rows are stored only if all are well. */
static const char *take_rows(struct gv_turn *t, const struct tuf_document *it, bool store)
{
	const cJSON *cursor = NULL;
	struct tuf_file target;

	while (tuf_target_each(it, &cursor, &target)) {
		const Ota__Artifact *was = artifact_get(t, target.path);
		struct tuf_error error = { "" };
		struct ota_artifact a;
		Ota__Artifact row;

		if (!target.custom)
			continue;
		if (ota_artifact_read(&target, &a, &error) < 0)
			return gv_strdup(t, error.text);
		if (gv_blob_size(t, target.sha256) != target.length)
			return gv_str(
				t, "there is no file %s of %lld bytes for %s: put it to an address of OpenUpload first",
				target.sha256, (long long)target.length, target.path);
		if (!store)
			continue;
		row_of(t, &target, &a, &row);
		if (was && !strcmp(was->blob, row.blob)) {
			row.deltas = was->deltas;
			row.n_deltas = was->n_deltas;
		}
		if (!was || strcmp(was->state, "ready") != 0 || !artifact_same(t, was, &row))
			artifact_store(t, &row, "ready");
	}
	return NULL;
}

/* What the document does not name any more is withdrawn; what had been, goes. */
static void withdraw(struct gv_turn *t, const struct tuf_document *it)
{
	struct gv_scan scan = { .table = &ota_artifacts };
	struct tuf_file target;

	while (gv_next(t, &scan)) {
		const Ota__Artifact *a = scan.row;

		if (!strcmp(a->state, "unsigned") || tuf_target(it, a->id, &target, NULL) == 0)
			continue;
		if (!strcmp(a->state, "withdrawn"))
			artifact_remove(t, a);
		else
			artifact_store(t, a, "withdrawn");
	}
}

const char *targets_take(struct ota *o, struct gv_turn *t, const struct tuf_document *it, const char *text, size_t size)
{
	Ota__RoleRow *row = gv_edit(t, &ota_roles, gv_key(ROLE_TARGETS));
	const char *problem;

	if ((uint64_t)tuf_version(it) != row->version + 1)
		return gv_str(t, "its version is %lld, and the next is %llu", (long long)tuf_version(it),
			      (unsigned long long)row->version + 1);
	problem = take_rows(t, it, false);
	if (problem)
		return problem;
	take_rows(t, it, true);
	withdraw(t, it);
	row->pending = (char *)"";
	row->pending_version = 0;
	row->n_signatures = 0;
	document_store(t, ROLE_TARGETS, (uint64_t)tuf_version(it), tuf_expires_s(it), text, size);
	audit(t, "", ROLE_TARGETS, "targets version %lld is in force", (long long)tuf_version(it));
	documents_publish(o, t);
	return NULL;
}
