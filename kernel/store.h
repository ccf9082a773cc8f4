/* One LMDB environment, one writer, one transaction at a time.
 *
 * LMDB's own caveats: a process must not open an environment twice, and a reader kept open stops pages from being
 * reused. Both are kept by construction: only an actor opens its store, and all reading happens in its turn's
 * transaction. */
#ifndef GV_STORE_H
#define GV_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gv_store;
struct gv_cursor;
typedef unsigned gv_dbi;

/* Opens or makes the environment in folder `path`. -EBUSY: another process has it open. */
int gv_store_open(const char *path, uint64_t limit_bytes, bool no_sync, struct gv_store **ret);
void gv_store_close(struct gv_store *s);

/* Begins the transaction; there must be none. */
int gv_store_begin(struct gv_store *s);
/* Ends it. commit is durable when it returns 0; where nothing was written it only ends. On failure the transaction is
 * gone. */
int gv_store_commit(struct gv_store *s);
void gv_store_abort(struct gv_store *s);
bool gv_store_dirty(const struct gv_store *s);
/* Handles opened in a transaction that is aborted are void; open them again. */
int gv_store_table(struct gv_store *s, const char *name, gv_dbi *ret);
int gv_store_empty(struct gv_store *s, gv_dbi table);
/* The table and its rows go; its handle is void. */
int gv_store_drop(struct gv_store *s, gv_dbi table);

/* The value's bytes; valid until the next write or the end of the transaction. -ENOENT. */
int gv_store_get(struct gv_store *s, gv_dbi table, const void *key, size_t key_size, const void **ret,
		 size_t *ret_size);
/* Makes room for a value of this size and returns where to write it, at once. */
int gv_store_put(struct gv_store *s, gv_dbi table, const void *key, size_t key_size, size_t size, void **ret);
/* As put, for a key greater than all others: -EEXIST if it is not. */
int gv_store_append(struct gv_store *s, gv_dbi table, const void *key, size_t key_size, size_t size, void **ret);
/* -ENOENT where there was none. */
int gv_store_delete(struct gv_store *s, gv_dbi table, const void *key, size_t key_size);

enum gv_seek { GV_SEEK_FIRST, GV_SEEK_LAST, GV_SEEK_AT_LEAST, GV_SEEK_NEXT, GV_SEEK_PREVIOUS };
/* A cursor lives until the end of the transaction at the latest; close it before. */
int gv_store_cursor(struct gv_store *s, gv_dbi table, struct gv_cursor **ret);
void gv_cursor_close(struct gv_cursor *c);
/* Moves and reads. In: the key, for AT_LEAST. Out: key and value, valid until the next write. -ENOENT at the end. */
int gv_cursor_seek(struct gv_cursor *c, enum gv_seek where, const void **key, size_t *key_size, const void **ret,
		   size_t *ret_size);
int gv_cursor_delete(struct gv_store *s, struct gv_cursor *c);

/* All rows of a table in order: for (struct gv_walk w = { .table = t }; gv_walk(s, &w);) use(w.key, w.value);
 * Leaving the loop early needs gv_walk_end. After the loop w.error is 0 or why it ended before the end. */
struct gv_walk {
	gv_dbi table;
	const void *key, *value; /* out; valid until the next write */
	size_t key_size, size;
	int error;
	struct gv_cursor *cursor; /* the walk's own */
};
bool gv_walk(struct gv_store *s, struct gv_walk *w);
/* The row goes; the walk goes on behind it. */
int gv_walk_delete(struct gv_store *s, struct gv_walk *w);
void gv_walk_end(struct gv_walk *w);

uint64_t gv_store_rows(struct gv_store *s, gv_dbi table);
const char *gv_store_strerror(int error);

#endif
