/* A node's folder: who owns it, where things lie in it.
 *
 *     lock                 held while a node runs on it
 *     incarnation          how often a node has started on it
 *     unclean              there while a node runs, and after one that did not stop in order
 *     run/                 sockets; emptied at each start
 *     run/control.sock     where clients connect
 *     plugins/HASH.so      the plugin files that run
 *     plugins/NAME.last    the hash of the file that ran last, of a plugin from elsewhere
 *     stores/NAME.N/       one LMDB environment per plugin instance, and its lock file
 *     blobs/               see blob.h */
#ifndef GV_DATADIR_H
#define GV_DATADIR_H

#include <stdbool.h>
#include <stdint.h>

struct gv_datadir {
	char *path; /* absolute */
	int lock;
	uint64_t incarnation; /* of the node: greater at each start */
	bool unclean;         /* the node before did not stop in order */
};

/* Makes what is missing (0700), locks it and counts the start. -EBUSY: another node runs on it. *ret_error as
 * everywhere. */
int gv_datadir_open(const char *path, struct gv_datadir *ret, char **ret_error);
/* The node stopped in order. */
void gv_datadir_mark_clean(struct gv_datadir *d);
/* Removes plugin copies that are none of `keep` (full paths). */
void gv_datadir_sweep_plugins(const struct gv_datadir *d, const char *const *keep, unsigned count);
/* Notes that the copy of this hash runs as the plugin, and says which did: ret has room for GV_HASH_SIZE. -ENOENT: none
 * is known, or its copy is gone. */
int gv_datadir_remember(const struct gv_datadir *d, const char *plugin, const char *hash);
int gv_datadir_recall(const struct gv_datadir *d, const char *plugin, char *ret_hash);
void gv_datadir_close(struct gv_datadir *d);

#endif
