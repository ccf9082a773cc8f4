/* LMDB, reduced to what an actor needs and with errno's. */
#include "store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_TABLES 128

struct gv_store {
	MDB_env *env;
	MDB_txn *txn;
	bool dirty;
	int lock; /* held by flock: LMDB would let a second process in */
};

/* LMDB's own codes are small negative numbers below -30000; the rest are errno's. */
static int to_errno(int rc)
{
	switch (rc) {
	case 0:
		return 0;
	case MDB_NOTFOUND:
		return -ENOENT;
	case MDB_KEYEXIST:
		return -EEXIST;
	case MDB_MAP_FULL:
	case MDB_TXN_FULL:
		return -ENOSPC;
	case MDB_BAD_VALSIZE:
		return -ENAMETOOLONG;
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_VERSION_MISMATCH:
	case MDB_INVALID:
		return -EUCLEAN;
	default:
		return rc > 0 ? -rc : -EIO;
	}
}

const char *gv_store_strerror(int error)
{
	switch (-error) {
	case EBUSY:
		return "another process has this store open";
	case ENOSPC:
		return "the store or the disk is full: raise node.store_limit_gib or free disk space";
	case EIO:
		return "the disk under the store fails (Input/output error): look at it before the plugin is started "
		       "again";
	case EUCLEAN:
		return "the store is damaged or of another LMDB version: restore it from a backup";
	default:
		return strerror(-error);
	}
}

static int lock_store(const char *path)
{
	char name[4096];
	if (snprintf(name, sizeof name, "%s/lock", path) >= (int)sizeof name)
		return -ENAMETOOLONG;
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int error = errno == EWOULDBLOCK ? -EBUSY : -errno;
		close(fd);
		return error;
	}
	return fd;
}

int gv_store_open(const char *path, uint64_t limit_bytes, bool no_sync, struct gv_store **ret)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	struct gv_store *s = calloc(1, sizeof *s);
	if (!s)
		return -ENOMEM;
	int r = s->lock = lock_store(path);
	if (r < 0)
		goto fail;
	r = to_errno(mdb_env_create(&s->env));
	if (r < 0)
		goto fail;
	mdb_env_set_mapsize(s->env, limit_bytes ? limit_bytes : 64ull << 30);
	mdb_env_set_maxdbs(s->env, MAX_TABLES);
	/* One process, one thread, no concurrent reader: LMDB's own lock file is not needed, flock keeps others out. */
	r = to_errno(
		mdb_env_open(s->env, path, MDB_NOLOCK | MDB_NOTLS | (no_sync ? MDB_NOSYNC | MDB_NOMETASYNC : 0), 0600));
	if (r < 0)
		goto fail;
	*ret = s;
	return 0;
fail:
	gv_store_close(s);
	return r;
}

void gv_store_close(struct gv_store *s)
{
	if (!s)
		return;
	gv_store_abort(s);
	if (s->env)
		mdb_env_close(s->env);
	if (s->lock >= 0)
		close(s->lock);
	free(s);
}

int gv_store_begin(struct gv_store *s)
{
	assert(!s->txn);
	s->dirty = false;
	return to_errno(mdb_txn_begin(s->env, NULL, 0, &s->txn));
}

int gv_store_commit(struct gv_store *s)
{
	MDB_txn *txn = s->txn;
	s->txn = NULL;
	if (!s->dirty) {
		mdb_txn_abort(txn);
		return 0;
	}
	return to_errno(mdb_txn_commit(txn));
}

void gv_store_abort(struct gv_store *s)
{
	if (s->txn)
		mdb_txn_abort(s->txn);
	s->txn = NULL;
}

bool gv_store_dirty(const struct gv_store *s)
{
	return s->dirty;
}

int gv_store_table(struct gv_store *s, const char *name, gv_dbi *ret)
{
	int r = mdb_dbi_open(s->txn, name, 0, ret);
	if (r == MDB_NOTFOUND) {
		s->dirty = true;
		r = mdb_dbi_open(s->txn, name, MDB_CREATE, ret);
	}
	return to_errno(r);
}

int gv_store_empty(struct gv_store *s, gv_dbi table)
{
	s->dirty = true;
	return to_errno(mdb_drop(s->txn, table, 0));
}

int gv_store_drop(struct gv_store *s, gv_dbi table)
{
	s->dirty = true;
	return to_errno(mdb_drop(s->txn, table, 1));
}

int gv_store_get(struct gv_store *s, gv_dbi table, const void *key, size_t key_size, const void **ret, size_t *ret_size)
{
	MDB_val k = { key_size, (void *)key }, v;
	int r = mdb_get(s->txn, table, &k, &v);
	if (r)
		return to_errno(r);
	*ret = v.mv_data;
	*ret_size = v.mv_size;
	return 0;
}

static int put(struct gv_store *s, gv_dbi table, const void *key, size_t key_size, size_t size, unsigned flags,
	       void **ret)
{
	MDB_val k = { key_size, (void *)key }, v = { size, NULL };
	int r = mdb_put(s->txn, table, &k, &v, MDB_RESERVE | flags);
	if (r)
		return to_errno(r);
	s->dirty = true;
	*ret = v.mv_data;
	return 0;
}

int gv_store_put(struct gv_store *s, gv_dbi table, const void *key, size_t key_size, size_t size, void **ret)
{
	return put(s, table, key, key_size, size, 0, ret);
}

int gv_store_append(struct gv_store *s, gv_dbi table, const void *key, size_t key_size, size_t size, void **ret)
{
	return put(s, table, key, key_size, size, MDB_APPEND, ret);
}

int gv_store_delete(struct gv_store *s, gv_dbi table, const void *key, size_t key_size)
{
	MDB_val k = { key_size, (void *)key };
	int r = mdb_del(s->txn, table, &k, NULL);
	if (!r)
		s->dirty = true;
	return to_errno(r);
}

int gv_store_cursor(struct gv_store *s, gv_dbi table, struct gv_cursor **ret)
{
	return to_errno(mdb_cursor_open(s->txn, table, (MDB_cursor **)ret));
}

void gv_cursor_close(struct gv_cursor *c)
{
	if (c)
		mdb_cursor_close((MDB_cursor *)c);
}

int gv_cursor_seek(struct gv_cursor *c, enum gv_seek where, const void **key, size_t *key_size, const void **ret,
		   size_t *ret_size)
{
	static const MDB_cursor_op ops[] = { MDB_FIRST, MDB_LAST, MDB_SET_RANGE, MDB_NEXT, MDB_PREV };
	MDB_val k = { 0, NULL }, v;
	if (where == GV_SEEK_AT_LEAST)
		k = (MDB_val){ *key_size, (void *)*key };
	int r = mdb_cursor_get((MDB_cursor *)c, &k, &v, ops[where]);
	if (r)
		return to_errno(r);
	*key = k.mv_data;
	*key_size = k.mv_size;
	*ret = v.mv_data;
	*ret_size = v.mv_size;
	return 0;
}

int gv_cursor_delete(struct gv_store *s, struct gv_cursor *c)
{
	s->dirty = true;
	return to_errno(mdb_cursor_del((MDB_cursor *)c, 0));
}

bool gv_walk(struct gv_store *s, struct gv_walk *w)
{
	enum gv_seek where = w->cursor ? GV_SEEK_NEXT : GV_SEEK_FIRST;
	int r = w->cursor ? 0 : gv_store_cursor(s, w->table, &w->cursor);
	if (r == 0)
		r = gv_cursor_seek(w->cursor, where, &w->key, &w->key_size, &w->value, &w->size);
	if (r == 0)
		return true;
	w->error = r == -ENOENT ? 0 : r;
	gv_walk_end(w);
	return false;
}

int gv_walk_delete(struct gv_store *s, struct gv_walk *w)
{
	return gv_cursor_delete(s, w->cursor);
}

void gv_walk_end(struct gv_walk *w)
{
	gv_cursor_close(w->cursor);
	w->cursor = NULL;
}

uint64_t gv_store_rows(struct gv_store *s, gv_dbi table)
{
	MDB_stat stat;
	return mdb_stat(s->txn, table, &stat) ? 0 : stat.ms_entries;
}
