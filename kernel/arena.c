/* A bump allocator. A turn handles hundreds of messages whose memory dies together; malloc and free per field would
 * cost more than the handlers. */
#include "arena.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE (64u * 1024)

struct gv_arena_chunk {
	struct gv_arena_chunk *older;
	size_t size, used;
	_Alignas(16) unsigned char data[];
};

static void *allocate_for_protobuf(void *arena, size_t size)
{
	return gv_arena_alloc_raw(arena, size);
}

static void free_nothing(void *arena, void *memory)
{
}

void gv_arena_init(struct gv_arena *a, size_t limit)
{
	*a = (struct gv_arena){ .limit = limit };
	a->allocator = (ProtobufCAllocator){ allocate_for_protobuf, free_nothing, a };
}

void gv_arena_reset(struct gv_arena *a)
{
	while (a->chunks && a->chunks->older) {
		struct gv_arena_chunk *c = a->chunks;
		a->chunks = c->older;
		free(c);
	}
	if (a->chunks)
		a->chunks->used = 0;
	a->used = 0;
	a->exhausted = false;
}

void gv_arena_fini(struct gv_arena *a)
{
	gv_arena_reset(a);
	free(a->chunks);
	a->chunks = NULL;
}

static struct gv_arena_chunk *add_chunk(struct gv_arena *a, size_t size)
{
	size_t room = size > CHUNK_SIZE ? size : CHUNK_SIZE;
	struct gv_arena_chunk *c = malloc(sizeof *c + room);
	if (!c)
		return NULL;
	c->older = a->chunks;
	c->size = room;
	c->used = 0;
	a->chunks = c;
	return c;
}

void *gv_arena_alloc_raw(struct gv_arena *a, size_t size)
{
	if (size > 2 * a->limit || a->used + size > 2 * a->limit) {
		a->exhausted = true;
		return NULL;
	}
	size_t room = (size + 1 + 15) & ~(size_t)15;
	struct gv_arena_chunk *c = a->chunks;
	if (!c || c->size - c->used < room) {
		c = add_chunk(a, room);
		if (!c)
			return NULL;
	}
	unsigned char *memory = c->data + c->used;
	c->used += room;
	a->used += room;
	if (a->used > a->limit)
		a->exhausted = true;
	memory[size] = 0;
	return memory;
}

void *gv_arena_alloc(struct gv_arena *a, size_t size)
{
	void *memory = gv_arena_alloc_raw(a, size);
	if (!memory)
		abort(); /* twice the limit, or no memory at all: the host process is contained and restarted */
	memset(memory, 0, size);
	return memory;
}

char *gv_arena_strdup(struct gv_arena *a, const char *s)
{
	return gv_arena_dup(a, s ? s : "", s ? strlen(s) : 0);
}

void *gv_arena_dup(struct gv_arena *a, const void *data, size_t size)
{
	void *memory = gv_arena_alloc(a, size);
	if (size)
		memcpy(memory, data, size);
	return memory;
}
