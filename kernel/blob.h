/* The node's content-addressed store of large files: DIR/xx/rest, named by the SHA-256 of what they hold.
 *
 * A blob is whole and on disk before its name exists, and is never changed. Several processes may use one folder at the
 * same time. Thread-safe; a writer belongs to one thread at a time. */
#ifndef GV_BLOB_H
#define GV_BLOB_H

#include <galvan/plugin.h>

struct gv_blob_writer; /* the same that galvan/driver.h names */

/* Stores bytes durably. `dir` is made where missing. 0, or a negative errno of the disk (-ENOSPC, -EIO, ...). */
int gv_blobs_put(const char *dir, const void *data, size_t size, char ret_id[GV_BLOB_ID_SIZE]);
/* An open descriptor (O_CLOEXEC) that the caller closes; *ret_size may be NULL. -ENOENT; -EINVAL for an id that is no
 * SHA-256 in lower-case hex. */
int gv_blobs_open(const char *dir, const char *id, uint64_t *ret_size);
/* The size, -ENOENT or -EINVAL. */
int64_t gv_blobs_size(const char *dir, const char *id);
/* Up to `size` bytes from `offset`: the number read, 0 at the end, -ENOENT or -EINVAL. */
int64_t gv_blobs_read(const char *dir, const char *id, uint64_t offset, void *ret_data, size_t size);

/* Takes it away; 0 also where there is none. */
int gv_blobs_drop(const char *dir, const char *id);

/* A blob written piece by piece: create, write..., commit, destroy. Destroy without commit drops what was written. */
int gv_blobs_create(const char *dir, struct gv_blob_writer **ret);
/* A failure sticks: commit then fails with it. */
int gv_blobs_write(struct gv_blob_writer *b, const void *data, size_t size);
/* 1: an equal blob was there before. */
int gv_blobs_commit(struct gv_blob_writer *b, char ret_id[GV_BLOB_ID_SIZE]);
/* NULL is fine. */
void gv_blobs_destroy(struct gv_blob_writer *b);

#endif
