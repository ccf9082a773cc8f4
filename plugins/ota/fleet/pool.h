/* Texts that many devices share, each kept once, until the pool ends. */
#ifndef OTA_POOL_H
#define OTA_POOL_H

#include <stddef.h>
#include <stdint.h>

struct pool {
	const char **slots; /* open addressing; a power of two of them */
	size_t capacity, count;
	struct pool_chunk *chunks;
};

/* The pool's own copy of a text; NULL: no memory. */
const char *pool_keep(struct pool *p, const char *text);
void pool_fini(struct pool *p);
uint64_t pool_hash(const char *text);

#endif
