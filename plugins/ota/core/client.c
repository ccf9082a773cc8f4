/* The client's workflow (specification 5.3 to 5.6): the next root until there is none, then timestamp, snapshot and
 * targets, each only where the one before is trusted. */
#include "tuf_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tuf_client {
	int64_t now_s;
	enum tuf_role wants; /* TUF_ASSIGNMENT: all is here */
	bool refused;
	int rotations;
	struct tuf_document *trusted[TUF_ASSIGNMENT];
	/* What was kept, until its turn: the bytes, as hashes are over them. */
	void *stored[TUF_ASSIGNMENT];
	size_t stored_size[TUF_ASSIGNMENT];
};

static int end(struct tuf_client *c, int r)
{
	if (r < 0)
		c->refused = true;
	return r;
}

static void trust(struct tuf_client *c, enum tuf_role role, struct tuf_document *it)
{
	tuf_document_destroy(c->trusted[role]);
	c->trusted[role] = it;
}

/* ---- what was kept --------------------------------------------------------------------------- */

/* What root's keys do not sign any more is as good as not kept: so a leaked key's version 2^53 is forgotten with it. */
static struct tuf_document *stored_document(struct tuf_client *c, enum tuf_role role)
{
	struct tuf_document *it = NULL;

	if (!c->stored[role] || tuf_read(role, c->stored[role], c->stored_size[role], &it, NULL) < 0)
		return NULL;
	if (tuf_verify(it, c->trusted[TUF_ROOT], NULL) < 0) {
		tuf_document_destroy(it);
		return NULL;
	}
	return it;
}

static int named(const struct tuf_client *c, enum tuf_role role, struct tuf_file *ret, struct tuf_error *err)
{
	return role == TUF_SNAPSHOT ? tuf_meta(c->trusted[TUF_TIMESTAMP], "snapshot.json", ret, err)
				    : tuf_meta(c->trusted[TUF_SNAPSHOT], "targets.json", ret, err);
}

/* Whether what was kept is what the metadata above names now: then it need not come over the wire. */
static bool still_current(struct tuf_client *c, enum tuf_role role, const struct tuf_document *it)
{
	struct tuf_file meta;

	return named(c, role, &meta, NULL) == 0 && it->version == meta.version && c->now_s < it->expires_s &&
	       tuf_check_file(&meta, c->stored[role], c->stored_size[role], tuf_role_name(role), NULL) == 0;
}

static void next_role(struct tuf_client *c);

/* Looks at what was kept of the role whose turn it is. */
static void begin(struct tuf_client *c, enum tuf_role role)
{
	c->wants = role;
	if (role == TUF_ASSIGNMENT)
		return;
	trust(c, role, stored_document(c, role));
	if (role == TUF_TIMESTAMP || !c->trusted[role])
		return;
	if (still_current(c, role, c->trusted[role]))
		next_role(c);
	else if (role == TUF_TARGETS)
		trust(c, role, NULL);
}

static void next_role(struct tuf_client *c)
{
	begin(c, (enum tuf_role)(c->wants + 1));
}

static int keep_stored(struct tuf_client *c, enum tuf_role role, const struct tuf_bytes *from)
{
	if (!from->data || from->size == 0 || from->size > tuf_role_max(role))
		return 0;
	c->stored[role] = malloc(from->size);
	if (!c->stored[role])
		return -TUF_NO_MEMORY;
	memcpy(c->stored[role], from->data, from->size);
	c->stored_size[role] = from->size;
	return 0;
}

int tuf_client_create(const struct tuf_stored *stored, int64_t now_s, struct tuf_client **ret, struct tuf_error *err)
{
	struct tuf_client *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return tuf_refuse(err, TUF_NO_MEMORY, "no memory for a client");
	c->now_s = now_s;
	if (keep_stored(c, TUF_TIMESTAMP, &stored->timestamp) < 0 ||
	    keep_stored(c, TUF_SNAPSHOT, &stored->snapshot) < 0 || keep_stored(c, TUF_TARGETS, &stored->targets) < 0)
		r = tuf_refuse(err, TUF_NO_MEMORY, "no memory for the stored metadata");
	else if (!stored->root.data)
		r = tuf_refuse(err, TUF_MISSING, "there is no trusted root");
	else
		r = tuf_read(TUF_ROOT, stored->root.data, stored->root.size, &c->trusted[TUF_ROOT], err);
	if (r == 0)
		r = tuf_verify(c->trusted[TUF_ROOT], c->trusted[TUF_ROOT], err);
	if (r < 0) {
		tuf_client_destroy(c);
		return r;
	}
	c->wants = TUF_ROOT;
	*ret = c;
	return 0;
}

void tuf_client_destroy(struct tuf_client *c)
{
	if (!c)
		return;
	for (int i = 0; i < TUF_ASSIGNMENT; i++) {
		tuf_document_destroy(c->trusted[i]);
		free(c->stored[i]);
	}
	free(c);
}

/* ---- what comes next ------------------------------------------------------------------------- */

bool tuf_client_done(const struct tuf_client *c)
{
	return !c->refused && c->wants == TUF_ASSIGNMENT;
}

const struct tuf_document *tuf_client_trusted(const struct tuf_client *c, enum tuf_role role)
{
	/* What was kept serves as a mark against rollback only, until its turn is over. */
	if (role >= TUF_ASSIGNMENT || (role != TUF_ROOT && role >= c->wants))
		return NULL;
	return c->trusted[role];
}

bool tuf_client_wants(const struct tuf_client *c, struct tuf_fetch *ret)
{
	struct tuf_fetch it = { .role = c->wants };
	struct tuf_file meta = { .length = -1 };
	int64_t version = 0;

	if (c->refused || c->wants == TUF_ASSIGNMENT)
		return false;
	it.max = tuf_role_max(c->wants);
	if (c->wants == TUF_ROOT)
		version = c->trusted[TUF_ROOT]->version + 1;
	else if (c->wants != TUF_TIMESTAMP && named(c, c->wants, &meta, NULL) == 0 &&
		 tuf_consistent(c->trusted[TUF_ROOT]))
		version = meta.version;
	if (meta.length >= 0 && (size_t)meta.length < it.max)
		it.max = (size_t)meta.length;
	if (version)
		snprintf(it.name, sizeof(it.name), "%lld.%s.json", (long long)version, tuf_role_name(it.role));
	else
		snprintf(it.name, sizeof(it.name), "%s.json", tuf_role_name(it.role));
	*ret = it;
	return true;
}

/* ---- root ------------------------------------------------------------------------------------ */

/* Whether the role's keys or their threshold are others. */
static bool rotated(const struct tuf_document *a, const struct tuf_document *b, enum tuf_role role)
{
	const cJSON *keys_a, *keys_b, *id;
	const cJSON *list_a = tuf_member(tuf_role_entry(a, role, &keys_a), "keyids");
	const cJSON *list_b = tuf_member(tuf_role_entry(b, role, &keys_b), "keyids");

	if (tuf_threshold(a, role) != tuf_threshold(b, role) ||
	    cJSON_GetArraySize(list_a) != cJSON_GetArraySize(list_b))
		return true;
	cJSON_ArrayForEach(id, list_a)
	{
		if (!tuf_names_key(b, role, id->valuestring))
			return true;
	}
	return false;
}

static void forget(struct tuf_client *c, enum tuf_role role)
{
	free(c->stored[role]);
	c->stored[role] = NULL;
}

static int give_root(struct tuf_client *c, const void *data, size_t size, struct tuf_keep *ret, struct tuf_error *err)
{
	struct tuf_document *it;
	struct tuf_keep keep = { .keep = true };
	int r = tuf_read(TUF_ROOT, data, size, &it, err);

	if (r < 0)
		return r;
	r = tuf_root_follows(it, c->trusted[TUF_ROOT], err);
	if (r == 0 && ++c->rotations > TUF_ROTATIONS_MAX)
		r = tuf_refuse(err, TUF_TOO_LARGE, "more than %d new roots in one run", TUF_ROTATIONS_MAX);
	if (r < 0) {
		tuf_document_destroy(it);
		return r;
	}
	keep.drop = rotated(c->trusted[TUF_ROOT], it, TUF_TIMESTAMP) || rotated(c->trusted[TUF_ROOT], it, TUF_SNAPSHOT);
	if (keep.drop) {
		forget(c, TUF_TIMESTAMP);
		forget(c, TUF_SNAPSHOT);
	}
	trust(c, TUF_ROOT, it);
	*ret = keep;
	return 0;
}

int tuf_client_absent(struct tuf_client *c, struct tuf_error *err)
{
	struct tuf_fetch fetch;
	int r;

	if (!tuf_client_wants(c, &fetch))
		return tuf_refuse(err, TUF_ORDER, "nothing was asked for");
	if (c->wants != TUF_ROOT)
		return end(c, tuf_refuse(err, TUF_MISSING, "the server has no %s", fetch.name));
	r = tuf_check_expiry(c->trusted[TUF_ROOT], c->now_s, err);
	if (r == 0)
		next_role(c);
	return end(c, r);
}

/* ---- the others ------------------------------------------------------------------------------ */

/* Against what is trusted already (5.4.3). */
static int check_timestamp(struct tuf_client *c, const struct tuf_document *it, struct tuf_error *err)
{
	const struct tuf_document *old = c->trusted[TUF_TIMESTAMP];
	struct tuf_file snapshot, old_snapshot;

	if (!old)
		return 0;
	if (it->version < old->version)
		return tuf_refuse(err, TUF_ROLLBACK, "timestamp version %lld is older than the trusted %lld",
				  (long long)it->version, (long long)old->version);
	tuf_meta(it, "snapshot.json", &snapshot, NULL);
	tuf_meta(old, "snapshot.json", &old_snapshot, NULL);
	if (snapshot.version < old_snapshot.version)
		return tuf_refuse(err, TUF_ROLLBACK,
				  "timestamp names snapshot version %lld, older than the trusted %lld",
				  (long long)snapshot.version, (long long)old_snapshot.version);
	return 0;
}

/* Nothing that the trusted snapshot names may vanish or grow older (5.5.5). */
static int check_snapshot(struct tuf_client *c, const struct tuf_document *it, struct tuf_error *err)
{
	const struct tuf_document *old = c->trusted[TUF_SNAPSHOT];
	const cJSON *entry;
	struct tuf_file before, after;
	int r;

	if (!old)
		return 0;
	cJSON_ArrayForEach(entry, tuf_member(old->payload, "meta"))
	{
		if ((r = tuf_meta(old, entry->string, &before, err)) < 0 ||
		    (r = tuf_meta(it, entry->string, &after, err)) < 0)
			return r;
		if (after.version < before.version)
			return tuf_refuse(err, TUF_ROLLBACK,
					  "snapshot names %.64s version %lld, older than the trusted %lld",
					  entry->string, (long long)after.version, (long long)before.version);
	}
	return 0;
}

static int check_version(struct tuf_client *c, const struct tuf_document *it, struct tuf_error *err)
{
	struct tuf_file meta;
	int r = named(c, it->role, &meta, err);

	if (r == 0 && it->version != meta.version)
		return tuf_refuse(err, TUF_WRONG_VERSION, "%s version %lld came where version %lld is signed for",
				  tuf_role_name(it->role), (long long)it->version, (long long)meta.version);
	return r;
}

static int check_bytes(struct tuf_client *c, const void *data, size_t size, struct tuf_error *err)
{
	struct tuf_file meta;
	int r = named(c, c->wants, &meta, err);

	return r < 0 ? r : tuf_check_file(&meta, data, size, tuf_role_name(c->wants), err);
}

static int check_fresh(struct tuf_client *c, const struct tuf_document *it, struct tuf_error *err)
{
	int r = tuf_verify(it, c->trusted[TUF_ROOT], err);

	if (r == 0 && it->role != TUF_TIMESTAMP)
		r = check_version(c, it, err);
	if (r == 0 && it->role == TUF_TIMESTAMP)
		r = check_timestamp(c, it, err);
	if (r == 0 && it->role == TUF_SNAPSHOT)
		r = check_snapshot(c, it, err);
	return r;
}

static int give_other(struct tuf_client *c, const void *data, size_t size, struct tuf_keep *ret, struct tuf_error *err)
{
	enum tuf_role role = c->wants;
	struct tuf_document *it, *old = c->trusted[role];
	int r = role == TUF_TIMESTAMP ? 0 : check_bytes(c, data, size, err);

	if (r < 0)
		return r;
	r = tuf_read(role, data, size, &it, err);
	if (r < 0)
		return r;
	r = check_fresh(c, it, err);
	/* An equal timestamp is discarded (5.4.3.1), and what is trusted goes on to be. */
	if (r == 0 && role == TUF_TIMESTAMP && old && old->version == it->version) {
		r = tuf_check_expiry(old, c->now_s, err);
		tuf_document_destroy(it);
		if (r == 0) {
			*ret = (struct tuf_keep){ 0 };
			next_role(c);
		}
		return r;
	}
	if (r == 0)
		r = tuf_check_expiry(it, c->now_s, err);
	if (r < 0) {
		tuf_document_destroy(it);
		return r;
	}
	trust(c, role, it);
	*ret = (struct tuf_keep){ .keep = true };
	next_role(c);
	return 0;
}

int tuf_client_give(struct tuf_client *c, const void *data, size_t size, struct tuf_keep *ret, struct tuf_error *err)
{
	struct tuf_fetch fetch;

	if (!tuf_client_wants(c, &fetch))
		return tuf_refuse(err, TUF_ORDER, "nothing was asked for");
	if (size > fetch.max)
		return end(c, tuf_refuse(err, TUF_TOO_LARGE, "%s has more than %zu bytes", fetch.name, fetch.max));
	return end(c, c->wants == TUF_ROOT ? give_root(c, data, size, ret, err) : give_other(c, data, size, ret, err));
}
