/* Row keys: LMDB compares bytes, people sort by strings and numbers. */
#include "key.h"

#include <errno.h>
#include <string.h>

static void put_u64(uint8_t *out, uint64_t v)
{
	for (int i = 7; i >= 0; i--, v >>= 8)
		out[i] = (uint8_t)v;
}

static uint64_t get_u64(const uint8_t *in)
{
	uint64_t v = 0;
	for (int i = 0; i < 8; i++)
		v = v << 8 | in[i];
	return v;
}

/* An integer part may be written for the other signedness as long as the value fits: gv_key(1) for an unsigned key is
 * meant well. */
static int put_integer(char want, struct gv_part part, uint8_t *out)
{
	if (want == 'u') {
		if (part.kind == 'i' && part.i < 0)
			return -EINVAL;
		put_u64(out, part.u);
		return 0;
	}
	if (part.kind == 'u' && part.u > INT64_MAX)
		return -EINVAL;
	put_u64(out, part.u ^ (1ull << 63));
	return 0;
}

int gv_key_encode(const char *shape, struct gv_key key, uint8_t ret[GV_KEY_MAX])
{
	size_t size = 0;
	for (unsigned i = 0; i < key.count; i++) {
		struct gv_part part = key.part[i];
		char want = shape ? shape[i] : part.kind;
		if (want == 's') {
			if (part.kind != 's')
				return -EINVAL;
			if (!part.s)
				return -EFAULT;
			const char *s = part.s;
			size_t n = strlen(s);
			if (size + n + 1 > GV_KEY_MAX)
				return -ENAMETOOLONG;
			memcpy(ret + size, s, n + 1);
			size += n + 1;
		} else if (want == 'i' || want == 'u') {
			if (part.kind == 's')
				return -EINVAL;
			if (size + 8 > GV_KEY_MAX)
				return -ENAMETOOLONG;
			if (put_integer(want, part, ret + size) < 0)
				return -EINVAL;
			size += 8;
		} else {
			return -EINVAL; /* more parts than the shape has */
		}
	}
	return (int)size;
}

int gv_key_decode(const char *shape, const uint8_t *data, size_t size, ProtobufCAllocator *allocator,
		  struct gv_key *ret)
{
	struct gv_key key = { 0 };
	for (const char *kind = shape; *kind; kind++) {
		if (key.count == GV_KEY_PARTS)
			return -EBADMSG;
		struct gv_part *part = &key.part[key.count++];
		part->kind = *kind;
		if (*kind == 's') {
			const uint8_t *end = memchr(data, 0, size);
			if (!end)
				return -EBADMSG;
			size_t n = (size_t)(end - data) + 1;
			char *s = allocator->alloc(allocator->allocator_data, n);
			if (!s)
				return -ENOMEM;
			memcpy(s, data, n);
			part->s = s;
			data += n;
			size -= n;
		} else {
			if (size < 8)
				return -EBADMSG;
			part->u = get_u64(data);
			if (*kind == 'i')
				part->u ^= 1ull << 63;
			data += 8;
			size -= 8;
		}
	}
	if (size)
		return -EBADMSG;
	*ret = key;
	return 0;
}
