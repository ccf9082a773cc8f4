/* zlib's raw streams, reset before each message. */
#include <lib/deflate.h>

#include <errno.h>
#include <lib/buf.h>
#include <lib/deflate_offer.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define LEVEL 6
#define MEM_LEVEL 6             /* a hash of 16 KiB: resetting it costs less than what a message of OCPP costs */
#define ZLIB_BITS_MIN 9         /* zlib makes no raw stream with a smaller window */
#define FIRST_ROOM (4 << 10)    /* bytes for what is inflated, doubled as they fill up */
#define ROOM_KEPT (256 << 10)   /* bytes that the codec keeps from one message to the next */
#define AT_BLOCK_END (128 | 63) /* of z_stream.data_type: behind a block, and the bits of its last byte left over */

/* With these a flushed block ends; the sender leaves them out (7.2.1). */
static const uint8_t tail[4] = { 0x00, 0x00, 0xff, 0xff };

struct gv_deflate {
	z_stream in, out[GV_DEFLATE_BITS_MAX + 1];
	bool in_made, out_made[GV_DEFLATE_BITS_MAX + 1]; /* by bits of the window */
	struct gv_buf in_room, out_room;                 /* what came out of either */
};

int gv_deflate_create(struct gv_deflate **ret)
{
	struct gv_deflate *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	*ret = d;
	return 0;
}

void gv_deflate_destroy(struct gv_deflate *d)
{
	if (!d)
		return;
	if (d->in_made)
		inflateEnd(&d->in);
	for (unsigned i = 0; i <= GV_DEFLATE_BITS_MAX; i++) {
		if (d->out_made[i])
			deflateEnd(&d->out[i]);
	}
	gv_buf_fini(&d->in_room);
	gv_buf_fini(&d->out_room);
	free(d);
}

/* Empties it, with so much room. */
static int begin(struct gv_buf *room, size_t size)
{
	if (room->capacity > ROOM_KEPT || room->error)
		gv_buf_fini(room);
	room->size = 0;
	return gv_buf_reserve(room, size);
}

/* ---- out ------------------------------------------------------------------------------------- */

static z_stream *out_stream(struct gv_deflate *d, unsigned bits)
{
	z_stream *s = &d->out[bits];

	if (d->out_made[bits])
		return deflateReset(s) == Z_OK ? s : NULL;
	if (deflateInit2(s, LEVEL, Z_DEFLATED, -(int)bits, MEM_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
		return NULL;
	d->out_made[bits] = true;
	return s;
}

size_t gv_deflate_message(struct gv_deflate *d, unsigned window_bits, const void *data, size_t size,
			  const uint8_t **ret)
{
	z_stream *s;

	if (size < GV_DEFLATE_WORTH || size > UINT32_MAX / 2)
		return 0;
	if (window_bits < ZLIB_BITS_MIN) { /* a message that fits into the window cannot reach beyond it */
		if (size > (size_t)1 << window_bits)
			return 0;
		window_bits = ZLIB_BITS_MIN;
	}
	s = out_stream(d, window_bits);
	if (!s || begin(&d->out_room, size) < 0)
		return 0;
	s->next_in = (uint8_t *)data;
	s->avail_in = (uInt)size;
	s->next_out = d->out_room.data;
	s->avail_out = (uInt)size;
	if (deflate(s, Z_SYNC_FLUSH) != Z_OK || s->avail_in || !s->avail_out)
		return 0;
	*ret = d->out_room.data;
	return size - s->avail_out - sizeof(tail);
}

/* ---- in -------------------------------------------------------------------------------------- */

static int make_room(struct gv_buf *room, size_t max)
{
	size_t more = room->capacity;

	if (room->size < room->capacity)
		return 0;
	if (more > max - room->size + 1)
		more = max - room->size + 1;
	return gv_buf_reserve(room, more);
}

/* Inflates these bytes into the room, a byte over `max` at most. 1 where a final block ended with the last of them. */
static int inflate_part(struct gv_deflate *d, const uint8_t *data, size_t size, size_t max)
{
	struct gv_buf *room = &d->in_room;
	z_stream *s = &d->in;
	int z = Z_OK, r;

	s->next_in = (uint8_t *)data;
	s->avail_in = (uInt)size;
	do {
		size_t n;

		r = make_room(room, max);
		if (r < 0)
			return r;
		n = room->capacity - room->size;
		if (n > max - room->size + 1)
			n = max - room->size + 1;
		s->next_out = room->data + room->size;
		s->avail_out = (uInt)n;
		z = inflate(s, Z_SYNC_FLUSH);
		room->size += n - s->avail_out;
		if (room->size > max)
			return -EMSGSIZE;
		if (z == Z_STREAM_END)
			inflateReset(s); /* a final block may be followed by others (7.2.3.5) */
		else if (z != Z_OK && z != Z_BUF_ERROR)
			return z == Z_MEM_ERROR ? -ENOMEM : -EBADMSG;
	} while (s->avail_in || (!s->avail_out && z != Z_STREAM_END));
	return z == Z_STREAM_END;
}

int gv_inflate_message(struct gv_deflate *d, const void *data, size_t size, size_t max, const uint8_t **ret,
		       size_t *ret_size)
{
	size_t before;
	int r;

	if (size > UINT32_MAX / 2 || max > UINT32_MAX / 2)
		return -EMSGSIZE;
	if (d->in_made)
		inflateReset(&d->in);
	else if (inflateInit2(&d->in, -GV_DEFLATE_BITS_MAX) != Z_OK)
		return -ENOMEM;
	d->in_made = true;
	r = begin(&d->in_room, FIRST_ROOM);
	if (r == 0 && size)
		r = inflate_part(d, data, size, max);
	if (r == 0 && size) {
		before = d->in_room.size;
		r = inflate_part(d, tail, sizeof(tail), max);
		if (r == 0 && (d->in_room.size != before || (d->in.data_type & AT_BLOCK_END) != 128))
			r = -EBADMSG; /* the tail was taken for something else */
	}
	if (r < 0)
		return r;
	*ret = d->in_room.data;
	*ret_size = d->in_room.size;
	return 0;
}
