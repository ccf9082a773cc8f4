/* Open addressing with linear probing and backward-shift deletion, so that it needs no tombstones however long it
 * lives. */
#include "map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

uint64_t gv_hash_mix(uint64_t a, uint64_t b)
{
	uint64_t x = a * 0x9e3779b97f4a7c15ull ^ b;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ull;
	x ^= x >> 32;
	return x;
}

uint64_t gv_hash(const void *data, size_t size)
{
	const uint8_t *p = data;
	uint64_t h = 0xcbf29ce484222325ull;
	for (size_t i = 0; i < size; i++)
		h = (h ^ p[i]) * 0x100000001b3ull;
	return h;
}

uint64_t gv_hash_str(const char *s)
{
	return gv_hash(s, strlen(s));
}

static size_t home(const struct gv_map *m, uint64_t id)
{
	return gv_hash_mix(id, 0) & (m->capacity - 1);
}

void gv_map_fini(struct gv_map *m)
{
	free(m->slots);
	*m = (struct gv_map){ 0 };
}

static size_t find(const struct gv_map *m, uint64_t id)
{
	size_t i = home(m, id);
	while (m->slots[i].value && m->slots[i].id != id)
		i = (i + 1) & (m->capacity - 1);
	return i;
}

void *gv_map_get(const struct gv_map *m, uint64_t id)
{
	return m->capacity ? m->slots[find(m, id)].value : NULL;
}

static int grow(struct gv_map *m)
{
	struct gv_map bigger = { .capacity = m->capacity ? m->capacity * 2 : 16, .count = m->count };
	bigger.slots = calloc(bigger.capacity, sizeof *bigger.slots);
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < m->capacity; i++)
		if (m->slots[i].value)
			bigger.slots[find(&bigger, m->slots[i].id)] = m->slots[i];
	free(m->slots);
	*m = bigger;
	return 0;
}

int gv_map_put(struct gv_map *m, uint64_t id, void *value)
{
	if (m->count * 4 >= m->capacity * 3) {
		int r = grow(m);
		if (r < 0)
			return r;
	}
	struct gv_map_slot *slot = &m->slots[find(m, id)];
	if (!slot->value)
		m->count++;
	*slot = (struct gv_map_slot){ id, value };
	return 0;
}

void *gv_map_take(struct gv_map *m, uint64_t id)
{
	if (!m->capacity)
		return NULL;
	size_t hole = find(m, id);
	void *taken = m->slots[hole].value;
	if (!taken)
		return NULL;
	for (size_t i = (hole + 1) & (m->capacity - 1); m->slots[i].value; i = (i + 1) & (m->capacity - 1)) {
		size_t distance = (i - home(m, m->slots[i].id)) & (m->capacity - 1);
		if (distance >= ((i - hole) & (m->capacity - 1))) {
			m->slots[hole] = m->slots[i];
			hole = i;
		}
	}
	m->slots[hole].value = NULL;
	m->count--;
	return taken;
}

void *gv_map_next(const struct gv_map *m, size_t *i)
{
	while (*i < m->capacity) {
		void *value = m->slots[(*i)++].value;
		if (value)
			return value;
	}
	return NULL;
}
