/* A connection's buffers: small, and gone as soon as they are empty, because most connections are idle most of the
 * time. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"

int bytes_add(struct bytes *b, const void *data, size_t size)
{
	if (size > UINT32_MAX / 4 || b->size > UINT32_MAX / 4)
		return -ENOMEM;
	if (b->capacity - b->size < size) {
		uint32_t capacity = b->capacity ? b->capacity * 2 : 256;
		uint8_t *p;

		if (capacity - b->size < size)
			capacity = b->size + (uint32_t)size;
		p = realloc(b->data, capacity);
		if (!p)
			return -ENOMEM;
		b->data = p;
		b->capacity = capacity;
	}
	if (size)
		memcpy(b->data + b->size, data, size);
	b->size += (uint32_t)size;
	return 0;
}

void bytes_drop(struct bytes *b, size_t size)
{
	if (size >= b->size) {
		bytes_fini(b);
		return;
	}
	memmove(b->data, b->data + size, b->size - size);
	b->size -= (uint32_t)size;
}

void bytes_fini(struct bytes *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}
