/* Protobuf's wire format, field by field: for code that knows its types at run time only. */
#ifndef GV_WIRE_H
#define GV_WIRE_H

#include <lib/buf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gv_wire_type {
	GV_WIRE_VARINT = 0,
	GV_WIRE_64 = 1,
	GV_WIRE_BYTES = 2, /* length-prefixed */
	GV_WIRE_GROUP = 3, /* proto2's groups; read only to be skipped */
	GV_WIRE_32 = 5,
};

#define GV_WIRE_NUMBER_MAX 536870911u /* of a field */
#define GV_WIRE_GROUP_DEPTH_MAX 32

struct gv_wire_value {
	uint32_t number;
	enum gv_wire_type wire;
	uint64_t u;          /* VARINT, 64, 32 */
	const uint8_t *data; /* BYTES: what is in it; borrowed from the message */
	size_t size;
};

/* A reader over a packed message; zero copies. */
struct gv_wire {
	const uint8_t *at, *end;
};

/* A reader over these bytes; data may be NULL where size is 0. */
static inline struct gv_wire gv_wire_over(const void *data, size_t size)
{
	const uint8_t *at = data;
	return (struct gv_wire){ at, size ? at + size : at };
}

/* 1: the next field is in *ret; 0: the end; -EBADMSG: these bytes are no message. */
int gv_wire_next(struct gv_wire *w, struct gv_wire_value *ret);
/* The next varint of a packed list; as above. */
int gv_wire_varint(struct gv_wire *w, uint64_t *ret);
/* The next 4 or 8 bytes, little endian, of a packed list; as above. */
int gv_wire_fixed(struct gv_wire *w, size_t size, uint64_t *ret);

int gv_wire_put_varint(struct gv_buf *b, uint64_t value);
int gv_wire_put_fixed(struct gv_buf *b, size_t size, uint64_t value);
int gv_wire_put_tag(struct gv_buf *b, uint32_t number, enum gv_wire_type wire);
/* Tag, length and bytes. */
int gv_wire_put_bytes(struct gv_buf *b, uint32_t number, const void *data, size_t size);

static inline uint64_t gv_zigzag(int64_t v)
{
	return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static inline int64_t gv_unzigzag(uint64_t u)
{
	return (int64_t)(u >> 1) ^ -(int64_t)(u & 1);
}

#endif
