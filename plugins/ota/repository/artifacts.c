/* Artifacts: rows, and what people do with them. An artifact never changes once it was signed: another version is
 * another artifact. */
#include "repository.h"

#include <lib/hex.h>

#include <string.h>

#define ID_MAX 200
#define NAME_MAX_SIZE 64
#define COUNTER_MAX ((UINT64_C(1) << 53) - 1)
#define ARTIFACTS_MAX 5000 /* in one targets document */

const struct gv_table ota_artifacts = { .name = "artifacts", .key = "s", .value = &ota__artifact__descriptor };
const struct gv_table ota_products = { .name = "products", .key = "ssu", .value = &ota__ref__descriptor };
const struct gv_table ota_counters = { .name = "counters", .key = "ss", .value = &ota__counter_row__descriptor };

const Ota__Artifact *artifact_get(struct gv_turn *t, const char *id)
{
	return *id ? gv_get(t, &ota_artifacts, gv_key(id)) : NULL;
}

/* ---- what is wrong --------------------------------------------------------------------------- */

/* The paths that are a target's in a repository: nothing that leads elsewhere, nor into the assignments. */
static const char *path_problem(const char *path)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.+/";
	static const char reserved[] = "assignments/";

	if (path[strspn(path, allowed)])
		return "id is a path of letters, digits and - _ . + /";
	if (!*path || *path == '/' || strstr(path, "//") || strstr(path, "..") || path[strlen(path) - 1] == '/')
		return "id is a path as \"acme-ac/2.1.0/ac.bin\": no empty parts, no \"..\"";
	return strncmp(path, reserved, sizeof reserved - 1) ? NULL : "id must not begin with \"assignments/\"";
}

static const char *blob_problem(struct gv_turn *t, const char *what, const char *blob)
{
	uint8_t digest[32];

	if (gv_hex_read(blob, strlen(blob), digest, sizeof digest) < 0 || strspn(blob, "0123456789abcdef") != 64)
		return gv_str(t, "%s must be a SHA-256 in 64 lower-case hex digits", what);
	return gv_blob_size(t, blob) < 0
		       ? gv_str(t, "there is no file %.64s: put it to an address of OpenUpload first", blob)
		       : NULL;
}

/* What the contract's rules say, for callers that are not held to them. */
static const char *bounds_problem(const Ota__Artifact *a)
{
	if (!*a->id || strlen(a->id) > ID_MAX || !*a->product || strlen(a->product) > NAME_MAX_SIZE)
		return "id must have 1 to 200 characters, product 1 to 64";
	if (strcmp(a->kind, "firmware") != 0 && strcmp(a->kind, "software") != 0 && strcmp(a->kind, "config") != 0)
		return "kind must be firmware, software or config";
	if (!*a->version || strlen(a->version) > NAME_MAX_SIZE || !a->counter)
		return "version must have 1 to 64 characters, counter must be above 0";
	return NULL;
}

const char *artifact_problem(struct gv_turn *t, const Ota__Artifact *a)
{
	const char *problem = path_problem(a->id);
	Update__Setting **settings;
	size_t n;

	if (!problem && a->counter > COUNTER_MAX)
		problem = "counter is at most 2^53 - 1, what every reader of JSON keeps exactly";
	problem = problem ? problem : blob_problem(t, "blob", a->blob);
	for (size_t i = 0; !problem && i < a->n_deltas; i++)
		problem = blob_problem(t, "deltas.blob", a->deltas[i]->blob);
	if (problem)
		return problem;
	if (!gv_blob_size(t, a->blob))
		return "the file is empty";
	if (!strcmp(a->kind, "config") && !settings_read(t, a->blob, &settings, &n, &problem))
		return problem;
	return vendor_problem(t, a);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void hold(struct gv_turn *t, const Ota__Artifact *a, void (*change)(struct gv_turn *t, const char *blob))
{
	change(t, a->blob);
	for (size_t i = 0; i < a->n_deltas; i++)
		change(t, a->deltas[i]->blob);
}

void artifact_store(struct gv_turn *t, const Ota__Artifact *a, const char *state)
{
	const Ota__Artifact *was = artifact_get(t, a->id);
	Ota__CounterRow *greatest = gv_edit(t, &ota_counters, gv_key(a->product, a->kind));
	Ota__Artifact row = *a;
	Ota__Ref ref = OTA__REF__INIT;

	hold(t, a, file_refer);
	if (was) {
		hold(t, was, file_release);
		gv_delete(t, &ota_products, gv_key(was->product, was->kind, was->counter));
	}
	for (size_t i = 0; i < a->n_deltas; i++)
		a->deltas[i]->size = (uint64_t)gv_blob_size(t, a->deltas[i]->blob);
	row.size = (uint64_t)gv_blob_size(t, a->blob);
	row.state = (char *)state;
	row.created_at_ms = was ? was->created_at_ms : gv_now_ms(t);
	ref.id = a->id;
	gv_put(t, &ota_artifacts, gv_key(a->id), &row);
	gv_put(t, &ota_products, gv_key(a->product, a->kind, a->counter), &ref);
	if (greatest->counter < a->counter)
		greatest->counter = a->counter;
}

void artifact_remove(struct gv_turn *t, const Ota__Artifact *a)
{
	hold(t, a, file_release);
	gv_delete(t, &ota_products, gv_key(a->product, a->kind, a->counter));
	gv_delete(t, &ota_artifacts, gv_key(a->id));
}

bool artifact_same(struct gv_turn *t, const Ota__Artifact *a, const Ota__Artifact *b)
{
	Ota__Artifact x = *a, y = *b;
	size_t size;
	uint8_t *packed_x, *packed_y;

	x.state = y.state = (char *)"";
	x.size = y.size = 0;
	x.created_at_ms = y.created_at_ms = 0;
	size = ota__artifact__get_packed_size(&x);
	if (size != ota__artifact__get_packed_size(&y))
		return false;
	packed_x = gv_alloc(t, size);
	packed_y = gv_alloc(t, size);
	ota__artifact__pack(&x, packed_x);
	ota__artifact__pack(&y, packed_y);
	return !memcmp(packed_x, packed_y, size);
}

/* Whether others' counters leave room for this one. */
static const char *counter_problem(struct gv_turn *t, const Ota__Artifact *a, const Ota__Artifact *was)
{
	const Ota__CounterRow *greatest = gv_get(t, &ota_counters, gv_key(a->product, a->kind));

	if (!greatest || a->counter > greatest->counter || (was && was->counter == a->counter))
		return NULL;
	return gv_str(t, "counter must be above %llu, the greatest of %s's %s so far",
		      (unsigned long long)greatest->counter, a->product, a->kind);
}

/* ---- methods --------------------------------------------------------------------------------- */

static bool full(struct gv_turn *t)
{
	struct gv_scan scan = { .table = &ota_artifacts };
	size_t n = 0;

	while (n < ARTIFACTS_MAX && gv_next(t, &scan))
		n++;
	return n == ARTIFACTS_MAX;
}

/* As it comes back from a signed document: what is absent there is not other than what is empty. */
static const Ota__Artifact *plain(struct gv_turn *t, const Ota__Artifact *a)
{
	Ota__Artifact *x = gv_alloc(t, sizeof *x);
	Ota__Installation *install = gv_alloc(t, sizeof *install);

	*x = *a;
	ota__installation__init(install);
	if (a->install)
		*install = *a->install;
	install->slots = install->slots ? install->slots : 1;
	x->install = install;
	if (!x->fits) {
		x->fits = gv_alloc(t, sizeof *x->fits);
		ota__compatibility__init(x->fits);
	}
	return x;
}

int artifact_put(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Ota__Artifact *a = ((const Ota__PutArtifactRequest *)m)->artifact, *was;
	Ota__PutArtifactReply reply = OTA__PUT_ARTIFACT_REPLY__INIT;
	const char *problem;

	if (!a || bounds_problem(a))
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "%s", a ? bounds_problem(a) : "artifact must be given");
	a = plain(t, a);
	was = artifact_get(t, a->id);

	if (was && artifact_same(t, a, was)) {
		if (!strcmp(was->state, "withdrawn"))
			artifact_store(t, a, "ready");
		reply.artifact = (Ota__Artifact *)artifact_get(t, a->id);
		reply.to_sign = (char *)(strcmp(was->state, "ready") ? targets_make(self, t) : "");
		return gv_reply(t, to, &reply);
	}
	if (was && strcmp(was->state, "unsigned") != 0)
		return gv_refuse(t, to, GV_ALREADY_EXISTS,
				 "%s was signed as something else: a new version needs an id of its own", a->id);
	if (!was && full(t))
		return gv_refuse(t, to, GV_RESOURCE_EXHAUSTED, "there are %d artifacts: delete old ones",
				 ARTIFACTS_MAX);
	problem = artifact_problem(t, a);
	if (problem)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "%s: %s", a->id, problem);
	problem = counter_problem(t, a, was);
	if (problem)
		return gv_refuse(t, to, GV_FAILED_PRECONDITION, "%s: %s", a->id, problem);
	artifact_store(t, a, "unsigned");
	audit(t, "", a->id, "artifact %s %s was put", a->kind, a->version);
	reply.to_sign = (char *)targets_make(self, t);
	reply.artifact = (Ota__Artifact *)artifact_get(t, a->id);
	return gv_reply(t, to, &reply);
}

int artifact_find(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const char *id = ((const Ota__GetArtifactRequest *)m)->id;
	Ota__GetArtifactReply reply = OTA__GET_ARTIFACT_REPLY__INIT;

	reply.artifact = (Ota__Artifact *)artifact_get(t, id);
	return reply.artifact ? gv_reply(t, to, &reply)
			      : gv_refuse(t, to, GV_NOT_FOUND, "there is no artifact %s: ListArtifacts names them", id);
}

int artifact_list(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Ota__ListArtifactsRequest *r = (const Ota__ListArtifactsRequest *)m;
	Ota__ListArtifactsReply reply = OTA__LIST_ARTIFACTS_REPLY__INIT;
	struct gv_scan scan = { .table = &ota_artifacts };
	size_t limit = ota_limit(r->limit), looked = 0;

	if (*r->page && gv_page_from(t, &scan, r->page) < 0)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "page is none that ListArtifacts gave");
	while (reply.n_artifacts < limit && looked < OTA_LOOKED_MAX && gv_next(t, &scan)) {
		const Ota__Artifact *a = scan.row;

		looked++;
		if (!*r->product || !strcmp(a->product, r->product))
			*GV_APPEND(t, reply.artifacts, reply.n_artifacts) = (Ota__Artifact *)a;
	}
	if (reply.n_artifacts == limit || looked == OTA_LOOKED_MAX)
		reply.next_page = gv_page(t, &scan);
	return gv_reply(t, to, &reply);
}

/* The campaign that goes on with it; NULL: none. */
static const char *used_by(struct gv_turn *t, const char *artifact)
{
	struct gv_scan scan = { .table = &ota_campaigns };

	while (gv_next(t, &scan)) {
		const Ota__Campaign *c = scan.row;

		if (c->state == OTA__CAMPAIGN_STATE__CAMPAIGN_STATE_DONE ||
		    c->state == OTA__CAMPAIGN_STATE__CAMPAIGN_STATE_ABORTED)
			continue;
		for (size_t i = 0; i < c->n_artifacts; i++)
			if (!strcmp(c->artifacts[i], artifact))
				return c->id;
	}
	return NULL;
}

int artifact_delete(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const char *id = ((const Ota__DeleteArtifactRequest *)m)->id, *campaign;
	Ota__DeleteArtifactReply reply = OTA__DELETE_ARTIFACT_REPLY__INIT;
	const Ota__Artifact *a = artifact_get(t, id);

	if (!a)
		return gv_refuse(t, to, GV_NOT_FOUND, "there is no artifact %s: ListArtifacts names them", id);
	campaign = used_by(t, id);
	if (campaign)
		return gv_refuse(t, to, GV_FAILED_PRECONDITION, "the campaign %s has %s: abort it first", campaign, id);
	if (strcmp(a->state, "unsigned") != 0)
		artifact_store(t, a, "withdrawn");
	else
		artifact_remove(t, a);
	audit(t, "", id, "artifact was deleted");
	reply.to_sign = (char *)targets_make(self, t);
	return gv_reply(t, to, &reply);
}
