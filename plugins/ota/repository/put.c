/* What people sign: signatures over the document that waits, whole documents, and what the repository looks like. */
#include "repository.h"
#include "../core/tuf_internal.h"

#include <lib/buf.h>
#include <lib/iso8601.h>

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define SIGNATURES_MAX 64
#define WARN_MS (30 * OTA_DAY_MS) /* before a document or a certificate ends */

/* ---- signatures ------------------------------------------------------------------------------ */

/* Whether a key that may sign targets has signed the text. NULL: it has. */
static const char *signature_problem(struct gv_turn *t, const struct tuf_document *root, const char *key_id,
				     const char *text, const char *signature)
{
	const cJSON *keys = NULL, *key;
	EVP_PKEY *opened;
	bool good;

	if (!tuf_names_key(root, TUF_TARGETS, key_id))
		return gv_str(t, "the root in force names no key %.64s for targets", key_id);
	tuf_role_entry(root, TUF_TARGETS, &keys);
	key = tuf_member(keys, key_id);
	opened = key ? tuf_key_open(key) : NULL;
	if (!opened)
		return gv_str(t,
			      "the key %.64s is of a kind that is not known here: ed25519 and ecdsa-sha2-nistp256 are",
			      key_id);
	good = tuf_key_verify(opened, text, strlen(text), signature);
	EVP_PKEY_free(opened);
	return good ? NULL : "the signature is not this key's over the document that waits (GetRepository shows it)";
}

static void keep_signature(struct gv_turn *t, Ota__RoleRow *row, const Ota__PutSignatureRequest *r)
{
	Ota__SignatureRow *s = NULL;

	for (size_t i = 0; i < row->n_signatures; i++)
		if (!strcmp(row->signatures[i]->key_id, r->key_id))
			s = row->signatures[i];
	if (!s && row->n_signatures < SIGNATURES_MAX) {
		s = gv_alloc(t, sizeof *s);
		ota__signature_row__init(s);
		*GV_APPEND(t, row->signatures, row->n_signatures) = s;
	}
	if (!s)
		return;
	s->key_id = r->key_id;
	s->signature = r->signature;
}

/* The document that waits, with the signatures that have come. */
static char *assembled(struct gv_turn *t, const Ota__RoleRow *row, size_t *ret_size)
{
	char *text = gv_str(t, "{\"signatures\":[");

	for (size_t i = 0; i < row->n_signatures; i++)
		text = gv_str(t, "%s%s{\"keyid\":\"%s\",\"sig\":\"%s\"}", text, i ? "," : "",
			      row->signatures[i]->key_id, row->signatures[i]->signature);
	*ret_size = strlen(text) + strlen(row->pending) + strlen("],\"signed\":}");
	return gv_str(t, "%s],\"signed\":%s}", text, row->pending);
}

int signature_put(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Ota__PutSignatureRequest *r = (const Ota__PutSignatureRequest *)m;
	Ota__PutSignatureReply reply = OTA__PUT_SIGNATURE_REPLY__INIT;
	Ota__RoleRow *row = gv_edit(t, &ota_roles, gv_key(r->role));
	struct tuf_document *root, *it = NULL;
	const char *problem;
	char *text;
	size_t size;
	int threshold;

	if (strcmp(r->role, ROLE_TARGETS) != 0 || !*row->pending)
		return gv_refuse(t, to, GV_FAILED_PRECONDITION,
				 "nothing waits for signatures of %s: PutDocument takes whole documents", r->role);
	root = document_load(t, TUF_ROOT);
	if (!root)
		return gv_refuse(t, to, GV_FAILED_PRECONDITION, "there is no root yet: PutDocument takes the first");
	problem = signature_problem(t, root, r->key_id, row->pending, r->signature);
	threshold = tuf_threshold(root, TUF_TARGETS);
	if (!problem) {
		keep_signature(t, row, r);
		text = assembled(t, row, &size);
		reply.version = (uint32_t)row->pending_version;
		if ((size_t)threshold > row->n_signatures)
			reply.missing = (uint32_t)((size_t)threshold - row->n_signatures);
		else if (tuf_read(TUF_TARGETS, text, size, &it, NULL) == 0 && tuf_verify(it, root, NULL) == 0)
			problem = targets_take(self, t, it, text, size);
		else
			problem = "the signatures do not hold together";
	}
	tuf_document_destroy(it);
	tuf_document_destroy(root);
	return problem ? gv_refuse(t, to, GV_INVALID_ARGUMENT, "%s", problem) : gv_reply(t, to, &reply);
}

/* ---- whole documents ------------------------------------------------------------------------- */

static const char *take_root(struct ota *o, struct gv_turn *t, const struct tuf_document *it, const char *text,
			     size_t size)
{
	const Ota__RoleRow *row = role_get(t, ROLE_ROOT);
	struct tuf_document *trusted = document_load(t, TUF_ROOT);
	struct tuf_public online = key_public(t, KEY_ONLINE);
	struct tuf_error error = { "" };
	int r = trusted ? tuf_root_follows(it, trusted, &error) : tuf_verify(it, it, &error);

	tuf_document_destroy(trusted);
	if (r == 0)
		r = tuf_check_expiry(it, gv_now_ms(t) / 1000, &error);
	if (r < 0)
		return gv_str(t, "%s: %s", tuf_result_name(r), error.text);
	if (!tuf_consistent(it))
		return "consistent_snapshot must be true";
	if (!tuf_names_key(it, TUF_SNAPSHOT, online.keyid) || tuf_threshold(it, TUF_SNAPSHOT) != 1 ||
	    !tuf_names_key(it, TUF_TIMESTAMP, online.keyid) || tuf_threshold(it, TUF_TIMESTAMP) != 1)
		return gv_str(t,
			      "snapshot and timestamp must name this node's key %s, with a threshold of 1: "
			      "GetRepository shows it",
			      online.keyid);
	document_store(t, ROLE_ROOT, (uint64_t)tuf_version(it), tuf_expires_s(it), text, size);
	audit(t, "", ROLE_ROOT, "root version %lld is in force", (long long)tuf_version(it));
	if (!row)
		targets_make(o, t);
	documents_publish(o, t);
	return NULL;
}

static const char *take_targets(struct ota *o, struct gv_turn *t, const struct tuf_document *it, const char *text,
				size_t size)
{
	struct tuf_document *root = document_load(t, TUF_ROOT);
	struct tuf_public director = key_public(t, KEY_DIRECTOR);
	struct tuf_error error = { "" };
	int r;

	if (!root)
		return "there is no root yet: put it first";
	r = tuf_verify(it, root, &error);
	tuf_document_destroy(root);
	if (r == 0)
		r = tuf_check_expiry(it, gv_now_ms(t) / 1000, &error);
	if (r < 0)
		return gv_str(t, "%s: %s", tuf_result_name(r), error.text);
	if (!tuf_names_key(it, TUF_ASSIGNMENT, director.keyid))
		return gv_str(t,
			      "targets must delegate assignments/* to the role director with this node's key %s: "
			      "GetRepository shows it",
			      director.keyid);
	return targets_take(o, t, it, text, size);
}

int document_put(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Ota__PutDocumentRequest *r = (const Ota__PutDocumentRequest *)m;
	bool root = !strcmp(r->role, ROLE_ROOT);
	Ota__PutDocumentReply reply = OTA__PUT_DOCUMENT_REPLY__INIT;
	size_t size = strlen(r->document);
	struct tuf_document *it = NULL;
	struct tuf_error error = { "" };
	const char *problem;

	if (((struct ota *)self)->signs)
		return gv_refuse(t, to, GV_FAILED_PRECONDITION,
				 "this node signs for itself: it takes documents with `keys: offline` in ota's config");
	if (tuf_read(root ? TUF_ROOT : TUF_TARGETS, r->document, size, &it, &error) < 0)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "%s: %s", r->role, error.text);
	problem = root ? take_root(self, t, it, r->document, size) : take_targets(self, t, it, r->document, size);
	reply.version = (uint32_t)tuf_version(it);
	tuf_document_destroy(it);
	return problem ? gv_refuse(t, to, GV_INVALID_ARGUMENT, "%s is refused: %s", r->role, problem)
		       : gv_reply(t, to, &reply);
}

/* ---- what it looks like ---------------------------------------------------------------------- */

static void add_key(struct gv_turn *t, Ota__GetRepositoryReply *reply, const char *name)
{
	struct tuf_public key = key_public(t, name);
	Ota__GetRepositoryReply__KeysEntry *e = gv_alloc(t, sizeof *e);

	ota__get_repository_reply__keys_entry__init(e);
	e->key = (char *)name;
	e->value = gv_str(
		t, "{\"keyid\":\"%s\",\"keytype\":\"ed25519\",\"scheme\":\"ed25519\",\"keyval\":{\"public\":\"%s\"}}",
		key.keyid, key.public_key);
	*GV_APPEND(t, reply->keys, reply->n_keys) = e;
}

static void add_role(struct gv_turn *t, Ota__GetRepositoryReply *reply, enum tuf_role role,
		     const struct tuf_document *root)
{
	const Ota__RoleRow *row = role_get(t, tuf_role_name(role));
	const Ota__DocumentRow *document = row && row->version ? document_row(t, tuf_role_name(role), row->version)
							       : NULL;
	Ota__RoleState *s = gv_alloc(t, sizeof *s);
	const cJSON *keys = NULL, *entry = root ? tuf_role_entry(root, role, &keys) : NULL, *id;

	ota__role_state__init(s);
	s->role = (char *)tuf_role_name(role);
	s->version = row ? (uint32_t)row->version : 0;
	s->expires_at_ms = document ? document->expires_at_ms : 0;
	s->threshold = entry ? (uint32_t)tuf_threshold(root, role) : 0;
	cJSON_ArrayForEach(id, tuf_member(entry, "keyids")) *
		GV_APPEND(t, s->key_ids, s->n_key_ids) = gv_strdup(t, id->valuestring);
	s->to_sign = row ? row->pending : (char *)"";
	for (size_t i = 0; row && i < row->n_signatures; i++)
		*GV_APPEND(t, s->signed_by, s->n_signed_by) = row->signatures[i]->key_id;
	*GV_APPEND(t, reply->roles, reply->n_roles) = s;
	if (document && document->expires_at_ms - gv_now_ms(t) < WARN_MS && role != TUF_TIMESTAMP &&
	    role != TUF_SNAPSHOT)
		*GV_APPEND(t, reply->warnings, reply->n_warnings) = gv_str(
			t, "%s ends in %lld days: sign its next version", s->role,
			(long long)((document->expires_at_ms - gv_now_ms(t)) / OTA_DAY_MS));
}

static void warn_of_certificates(struct gv_turn *t, Ota__GetRepositoryReply *reply)
{
	struct gv_scan scan = { .table = &ota_artifacts };
	size_t looked = 0;

	while (looked++ < OTA_LOOKED_MAX && gv_next(t, &scan)) {
		const Ota__Artifact *a = scan.row;

		if (*a->certificate && vendor_ends_ms(a) - gv_now_ms(t) < WARN_MS)
			*GV_APPEND(t, reply->warnings,
				   reply->n_warnings) = gv_str(t,
							       "the vendor's certificate of %s ends in less than 30 "
							       "days: chargers will refuse it then",
							       a->id);
	}
}

int repository_get(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	Ota__GetRepositoryReply reply = OTA__GET_REPOSITORY_REPLY__INIT;
	struct tuf_document *root = document_load(t, TUF_ROOT);

	for (enum tuf_role role = TUF_ROOT; role <= TUF_TARGETS; role++)
		add_role(t, &reply, role, root);
	tuf_document_destroy(root);
	add_key(t, &reply, KEY_ONLINE);
	add_key(t, &reply, KEY_DIRECTOR);
	if (((struct ota *)self)->signs) {
		add_key(t, &reply, ROLE_ROOT);
		add_key(t, &reply, ROLE_TARGETS);
	}
	files_warn(t, &reply);
	warn_of_certificates(t, &reply);
	return gv_reply(t, to, &reply);
}
