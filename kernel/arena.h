/* Memory that is freed all at once: one per turn, one per received packet. */
#ifndef GV_ARENA_H
#define GV_ARENA_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

struct gv_arena_chunk;
struct gv_arena {
	struct gv_arena_chunk *chunks; /* newest first */
	size_t used, limit;            /* bytes; over all chunks */
	bool exhausted;                /* the limit was hit since the last reset */
	ProtobufCAllocator allocator;
};

/* `limit`: bytes over which requests are still served but `exhausted` is set, so that a caller need not check each one;
 * at twice the limit the process is out of bounds and allocations fail for protobuf-c (NULL) and abort for
 * gv_arena_alloc. */
void gv_arena_init(struct gv_arena *a, size_t limit);
/* Keeps the first chunk for the next use. */
void gv_arena_reset(struct gv_arena *a);
void gv_arena_fini(struct gv_arena *a);
/* Zeroed, aligned to 16, with at least one zero byte behind it. Never NULL. */
void *gv_arena_alloc(struct gv_arena *a, size_t size);
/* Not zeroed but for the byte behind it. NULL at the hard limit. */
void *gv_arena_alloc_raw(struct gv_arena *a, size_t size);
char *gv_arena_strdup(struct gv_arena *a, const char *s);
void *gv_arena_dup(struct gv_arena *a, const void *data, size_t size);

#endif
