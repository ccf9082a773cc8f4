/* Reads and writes protobuf's wire format without knowing the message's type: protobuf-c needs compiled-in descriptors,
 * and whoever works by reflection has none. Everything read is checked against the end of the message. */
#include <lib/wire.h>

#include <errno.h>

#define GROUP_END 4
#define VARINT_MAX 10 /* bytes */

int gv_wire_varint(struct gv_wire *w, uint64_t *ret)
{
	if (w->at == w->end)
		return 0;
	uint64_t value = 0;
	for (unsigned i = 0; i < VARINT_MAX && w->at + i < w->end; i++) {
		uint8_t byte = w->at[i];
		if (i == VARINT_MAX - 1 && byte > 1)
			return -EBADMSG;
		value |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (!(byte & 0x80)) {
			w->at += i + 1;
			*ret = value;
			return 1;
		}
	}
	return -EBADMSG;
}

int gv_wire_fixed(struct gv_wire *w, size_t size, uint64_t *ret)
{
	if (w->at == w->end)
		return 0;
	if ((size_t)(w->end - w->at) < size)
		return -EBADMSG;
	uint64_t value = 0;
	for (size_t i = 0; i < size; i++)
		value |= (uint64_t)w->at[i] << (8 * i);
	w->at += size;
	*ret = value;
	return 1;
}

static int read_tag(struct gv_wire *w, uint32_t *ret_number, unsigned *ret_wire)
{
	uint64_t tag;
	int r = gv_wire_varint(w, &tag);
	if (r <= 0)
		return r;
	if (tag >> 3 == 0 || tag >> 3 > GV_WIRE_NUMBER_MAX)
		return -EBADMSG;
	*ret_number = (uint32_t)(tag >> 3);
	*ret_wire = tag & 7;
	return 1;
}

/* Anything but a group's begin or end. */
static int read_plain(struct gv_wire *w, unsigned wire, struct gv_wire_value *v)
{
	int r;
	switch (wire) {
	case GV_WIRE_VARINT:
		r = gv_wire_varint(w, &v->u);
		break;
	case GV_WIRE_64:
		r = gv_wire_fixed(w, 8, &v->u);
		break;
	case GV_WIRE_32:
		r = gv_wire_fixed(w, 4, &v->u);
		break;
	case GV_WIRE_BYTES: {
		uint64_t size;
		r = gv_wire_varint(w, &size);
		if (r <= 0)
			break;
		if (size > (size_t)(w->end - w->at))
			return -EBADMSG;
		v->data = w->at;
		v->size = (size_t)size;
		w->at += size;
		break;
	}
	default:
		return -EBADMSG;
	}
	return r == 0 ? -EBADMSG : r;
}

static int skip_group(struct gv_wire *w, uint32_t number)
{
	uint32_t open[GV_WIRE_GROUP_DEPTH_MAX];
	unsigned depth = 0;
	open[depth++] = number;
	while (depth > 0) {
		uint32_t n;
		unsigned wire;
		int r = read_tag(w, &n, &wire);
		if (r <= 0)
			return -EBADMSG;
		if (wire == GV_WIRE_GROUP) {
			if (depth == GV_WIRE_GROUP_DEPTH_MAX)
				return -EBADMSG;
			open[depth++] = n;
		} else if (wire == GROUP_END) {
			if (open[--depth] != n)
				return -EBADMSG;
		} else {
			struct gv_wire_value ignored;
			r = read_plain(w, wire, &ignored);
			if (r < 0)
				return r;
		}
	}
	return 1;
}

int gv_wire_next(struct gv_wire *w, struct gv_wire_value *ret)
{
	struct gv_wire_value v = { 0 };
	unsigned wire;
	int r = read_tag(w, &v.number, &wire);
	if (r <= 0)
		return r;
	r = wire == GV_WIRE_GROUP ? skip_group(w, v.number) : read_plain(w, wire, &v);
	if (r <= 0)
		return r;
	v.wire = (enum gv_wire_type)wire;
	*ret = v;
	return 1;
}

int gv_wire_put_varint(struct gv_buf *b, uint64_t value)
{
	uint8_t bytes[VARINT_MAX];
	size_t n = 0;
	while (value >= 0x80) {
		bytes[n++] = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	bytes[n++] = (uint8_t)value;
	return gv_buf_add(b, bytes, n);
}

int gv_wire_put_fixed(struct gv_buf *b, size_t size, uint64_t value)
{
	uint8_t bytes[8];
	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(value >> (8 * i));
	return gv_buf_add(b, bytes, size);
}

int gv_wire_put_tag(struct gv_buf *b, uint32_t number, enum gv_wire_type wire)
{
	return gv_wire_put_varint(b, (uint64_t)number << 3 | (unsigned)wire);
}

int gv_wire_put_bytes(struct gv_buf *b, uint32_t number, const void *data, size_t size)
{
	int r = gv_wire_put_tag(b, number, GV_WIRE_BYTES);
	if (r == 0)
		r = gv_wire_put_varint(b, size);
	return r < 0 ? r : gv_buf_add(b, data, size);
}
