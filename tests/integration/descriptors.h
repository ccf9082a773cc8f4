/* What the preloaded libraries share: the real functions behind theirs, and which descriptors are a store's. */
#ifndef TEST_DESCRIPTORS_H
#define TEST_DESCRIPTORS_H

#include <stdbool.h>

#define EXPORT __attribute__((visibility("default")))

/* Within a function of this name: `real` is the one that it stands before. */
#define NEXT(name)                                                                                                     \
	static __typeof__(&name) real;                                                                                 \
	if (!real)                                                                                                     \
	real = (__typeof__(&name))next(#name)

/* LMDB 0.9 commits by writing pages (pwrite, pwritev, write, writev), fdatasync, then its meta page through a
 * descriptor opened O_DSYNC: META. */
enum kind { NOT_OURS, DATA, META };

void *next(const char *name);
enum kind kind(int fd);

/* The library's own: whether this data.mdb, which is being opened, concerns it. */
bool concerns(const char *path);

#endif
