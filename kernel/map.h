/* A hash map from 64-bit ids to pointers. Zero-initialised it is empty. The caller owns what the pointers point to. */
#ifndef GV_MAP_H
#define GV_MAP_H

#include <stddef.h>
#include <stdint.h>

struct gv_map_slot {
	uint64_t id;
	void *value; /* NULL: the slot is free */
};
struct gv_map {
	struct gv_map_slot *slots;
	size_t count, capacity; /* capacity: a power of two or 0 */
};

void gv_map_fini(struct gv_map *m);
void *gv_map_get(const struct gv_map *m, uint64_t id);
/* value must not be NULL; replaces. -ENOMEM. */
int gv_map_put(struct gv_map *m, uint64_t id, void *value);
/* What was there, or NULL. */
void *gv_map_take(struct gv_map *m, uint64_t id);
/* The value at or behind slot *i, which is moved behind it; NULL at the end. Start with 0; no changes meanwhile. */
void *gv_map_next(const struct gv_map *m, size_t *i);

/* FNV-1a, 64 bits. */
uint64_t gv_hash(const void *data, size_t size);
uint64_t gv_hash_str(const char *s);
/* Spreads two numbers over 64 bits. */
uint64_t gv_hash_mix(uint64_t a, uint64_t b);

#endif
