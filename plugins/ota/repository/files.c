/* Files by their SHA-256, in the node's blob store: who refers to them, whether they still are what they are called,
 * and their end. */
#include "repository.h"

#include <lib/hex.h>

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#define CHECK_BYTES (16 << 20) /* read and hashed in one turn */
#define READ_BYTES (1 << 20)
#define KEEP_MS OTA_DAY_MS /* that a file stays which nothing refers to */
#define SWEEP_MS INT64_C(3600000)
#define SWEEP_MAX 1000 /* rows that are looked at in one turn */

const struct gv_table ota_blobs = { .name = "blobs", .key = "s", .value = &ota__blob_row__descriptor };

/* Which files have not been looked at since the start: sorted, as the table is. */
struct checks {
	struct check {
		char blob[GV_BLOB_ID_SIZE];
		bool done;
	} * list;
	size_t count, at;
	EVP_MD_CTX *hash; /* of the one at `at` */
	uint64_t offset;
};

/* ---- references ------------------------------------------------------------------------------ */

static Ota__BlobRow *edit(struct gv_turn *t, const char *blob)
{
	return gv_edit(t, &ota_blobs, gv_key(blob));
}

void file_came(struct gv_turn *t, const char *blob, uint64_t size, bool ours)
{
	Ota__BlobRow *row = edit(t, blob);

	row->size = size;
	row->ours |= ours;
	row->damaged = false;
	if (!row->references)
		row->at_ms = gv_now_ms(t);
}

char *file_make(struct gv_turn *t, const void *data, size_t size)
{
	char *blob = gv_alloc(t, GV_BLOB_ID_SIZE), was[GV_BLOB_ID_SIZE];
	uint8_t digest[SHA256_DIGEST_LENGTH];
	bool there;

	SHA256(data, size, digest);
	gv_hex_write(digest, sizeof digest, was);
	there = gv_blob_size(t, was) >= 0;
	if (gv_blob_put(t, data, size, blob) < 0)
		return NULL;
	file_came(t, blob, size, !there);
	file_refer(t, blob);
	return blob;
}

void file_refer(struct gv_turn *t, const char *blob)
{
	edit(t, blob)->references++;
}

void file_release(struct gv_turn *t, const char *blob)
{
	Ota__BlobRow *row = edit(t, blob);

	if (row->references)
		row->references--;
	row->at_ms = gv_now_ms(t);
}

char *file_read(struct gv_turn *t, const char *blob, size_t most, size_t *ret_size)
{
	int64_t size = gv_blob_size(t, blob);
	char *data;

	if (size < 0 || (uint64_t)size > most)
		return NULL;
	data = gv_alloc(t, (size_t)size + 1);
	if (gv_blob_read(t, blob, 0, data, (size_t)size) != size)
		return NULL;
	*ret_size = (size_t)size;
	return data;
}

/* ---- checks ---------------------------------------------------------------------------------- */

static int by_name(const void *blob, const void *check)
{
	return strcmp(blob, ((const struct check *)check)->blob);
}

enum file_state file_state(const struct ota *o, struct gv_turn *t, const char *blob)
{
	const Ota__BlobRow *row = gv_get(t, &ota_blobs, gv_key(blob));
	const struct checks *c = o->checks;
	const struct check *x = c->count ? bsearch(blob, c->list, c->count, sizeof *c->list, by_name) : NULL;

	if (row && row->damaged)
		return FILE_DAMAGED;
	if (!row || gv_blob_size(t, blob) < 0)
		return FILE_GONE;
	return x && !x->done ? FILE_UNCHECKED : FILE_READY;
}

int files_start(struct ota *o, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &ota_blobs };
	size_t capacity = 0;
	struct checks *c = o->checks = calloc(1, sizeof *c);

	if (!c)
		return gv_fault(t, "there is no memory for the list of files");
	while (gv_next(t, &scan)) {
		if (!((const Ota__BlobRow *)scan.row)->references)
			continue;
		if (c->count == capacity) {
			struct check *more = realloc(c->list, (capacity = 2 * capacity + 64) * sizeof *more);

			if (!more)
				return gv_fault(t, "there is no memory for the list of files");
			c->list = more;
		}
		c->list[c->count] = (struct check){ .done = false };
		strncpy(c->list[c->count++].blob, scan.key.part[0].s, GV_BLOB_ID_SIZE - 1);
	}
	gv_timer(t, "sweep", gv_now_ms(t) + SWEEP_MS, NULL);
	return c->count ? gv_timer(t, "check", gv_now_ms(t), NULL) : 0;
}

void files_stop(struct ota *o)
{
	if (!o->checks)
		return;
	EVP_MD_CTX_free(o->checks->hash);
	free(o->checks->list);
	free(o->checks);
	o->checks = NULL;
}

static void finish(struct checks *c, struct gv_turn *t, bool whole)
{
	struct check *x = &c->list[c->at++];
	uint8_t digest[EVP_MAX_MD_SIZE];
	char name[2 * EVP_MAX_MD_SIZE + 1] = "";
	unsigned size = 0;

	if (whole && EVP_DigestFinal_ex(c->hash, digest, &size) == 1)
		gv_hex_write(digest, size, name);
	x->done = true;
	c->offset = 0;
	EVP_MD_CTX_free(c->hash);
	c->hash = NULL;
	if (!strcmp(name, x->blob))
		return;
	edit(t, x->blob)->damaged = true;
	gv_log(t, GV_ERR, "a file is damaged and is not served: put it again to an address of OpenUpload blob=%s",
	       x->blob);
}

/* The next piece of the file at hand; false: it could not be read, or it is at its end. */
static bool piece(struct checks *c, struct gv_turn *t, void *buffer, size_t *budget)
{
	int64_t n = gv_blob_read(t, c->list[c->at].blob, c->offset, buffer, READ_BYTES);

	if (n > 0 && EVP_DigestUpdate(c->hash, buffer, (size_t)n) == 1) {
		c->offset += (uint64_t)n;
		*budget -= (size_t)n < *budget ? (size_t)n : *budget;
		return true;
	}
	finish(c, t, n == 0);
	return false;
}

int files_check(struct ota *o, struct gv_turn *t)
{
	struct checks *c = o->checks;
	size_t budget = CHECK_BYTES;
	void *buffer = gv_alloc(t, READ_BYTES);

	while (budget && c->at < c->count) {
		if (!c->hash) {
			c->hash = EVP_MD_CTX_new();
			if (!c->hash || EVP_DigestInit_ex(c->hash, EVP_sha256(), NULL) != 1)
				return gv_fault(t, "OpenSSL cannot hash");
		}
		while (budget && piece(c, t, buffer, &budget))
			;
	}
	return c->at < c->count ? gv_timer(t, "check", gv_now_ms(t), NULL) : 0;
}

void files_warn(struct gv_turn *t, Ota__GetRepositoryReply *reply)
{
	struct gv_scan scan = { .table = &ota_blobs };
	size_t looked = 0;

	while (looked++ < OTA_LOOKED_MAX && gv_next(t, &scan))
		if (((const Ota__BlobRow *)scan.row)->damaged)
			*GV_APPEND(t, reply->warnings, reply->n_warnings) = gv_str(
				t, "the file %s is damaged and is not served: put it again to an address of OpenUpload",
				scan.key.part[0].s);
}

/* ---- their end ------------------------------------------------------------------------------- */

/* The file goes before its row: after a crash between the two, it is taken away once more. */
int files_sweep(struct gv_turn *t)
{
	struct gv_scan scan = { .table = &ota_blobs };
	size_t looked = 0;

	while (looked++ < SWEEP_MAX && gv_next(t, &scan)) {
		const Ota__BlobRow *row = scan.row;

		if (row->references || row->at_ms + KEEP_MS > gv_now_ms(t))
			continue;
		if (row->ours)
			gv_blob_drop(t, scan.key.part[0].s);
		gv_delete(t, &ota_blobs, scan.key);
	}
	return gv_timer(t, "sweep", gv_now_ms(t) + SWEEP_MS, NULL);
}
