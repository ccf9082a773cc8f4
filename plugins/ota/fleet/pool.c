/* See pool.h. */
#include "pool.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE 65536
#define SLOTS_FIRST 1024

struct pool_chunk {
	struct pool_chunk *next;
	size_t used, size;
	char bytes[];
};

/* FNV-1a, its ends mixed. */
uint64_t pool_hash(const char *text)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * UINT64_C(1099511628211);
	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93);
	return h ^ h >> 32;
}

static const char **slot(const char **slots, size_t capacity, const char *text)
{
	size_t i = pool_hash(text) & (capacity - 1);

	while (slots[i] && strcmp(slots[i], text) != 0)
		i = (i + 1) & (capacity - 1);
	return &slots[i];
}

static int grow(struct pool *p)
{
	size_t capacity = p->capacity ? p->capacity * 2 : SLOTS_FIRST;
	const char **slots = calloc(capacity, sizeof *slots);

	if (!slots)
		return -1;
	for (size_t i = 0; i < p->capacity; i++)
		if (p->slots[i])
			*slot(slots, capacity, p->slots[i]) = p->slots[i];
	free(p->slots);
	p->slots = slots;
	p->capacity = capacity;
	return 0;
}

static char *room(struct pool *p, size_t size)
{
	struct pool_chunk *c = p->chunks;

	if (!c || c->size - c->used < size) {
		size_t most = size > CHUNK_SIZE ? size : CHUNK_SIZE;

		c = malloc(sizeof *c + most);
		if (!c)
			return NULL;
		*c = (struct pool_chunk){ .next = p->chunks, .size = most };
		p->chunks = c;
	}
	c->used += size;
	return c->bytes + c->used - size;
}

const char *pool_keep(struct pool *p, const char *text)
{
	size_t size = strlen(text) + 1;
	const char **at;
	char *copy;

	if (!*text)
		return "";
	if (2 * (p->count + 1) > p->capacity && grow(p))
		return NULL;
	at = slot(p->slots, p->capacity, text);
	if (*at)
		return *at;
	copy = room(p, size);
	if (!copy)
		return NULL;
	p->count++;
	return *at = memcpy(copy, text, size);
}

void pool_fini(struct pool *p)
{
	while (p->chunks) {
		struct pool_chunk *c = p->chunks;

		p->chunks = c->next;
		free(c);
	}
	free(p->slots);
	*p = (struct pool){ 0 };
}
