/* What a line sends: a frame is written at once, and only queued if the socket does not take it. */
#include "line_internal.h"

#include <errno.h>
#include <lib/deflate.h>
#include <lib/deflate_offer.h>
#include <stdlib.h>
#include <string.h>

uint64_t line_random(struct line_io *io) /* xorshift64* */
{
	io->random ^= io->random >> 12;
	io->random ^= io->random << 25;
	io->random ^= io->random >> 27;
	return io->random * 0x2545f4914f6cdd1dULL;
}

struct queued {
	uv_write_t write;
	uint8_t data[];
};

static void written(uv_write_t *request, int status)
{
	struct line *l = request->handle->data;
	free((struct queued *)request);
	if (status < 0 && status != UV_ECANCELED)
		line_finish(l, uv_strerror(status));
}

static int enqueue(struct line *l, const uint8_t *data, size_t size)
{
	if (uv_stream_get_write_queue_size((uv_stream_t *)&l->tcp) > LINE_MAX_QUEUE) {
		line_finish(l, "the server does not read");
		return -ENOBUFS;
	}
	struct queued *q = malloc(sizeof *q + size);
	if (!q)
		return -ENOMEM;
	memcpy(q->data, data, size);
	uv_buf_t buffer = uv_buf_init((char *)q->data, (unsigned)size);
	int r = uv_write(&q->write, (uv_stream_t *)&l->tcp, &buffer, 1, written);
	if (r < 0)
		free(q);
	return r;
}

int line_put(struct line *l, const uint8_t *data, size_t size)
{
	uv_buf_t out = uv_buf_init((char *)data, (unsigned)size);
	int n = uv_try_write((uv_stream_t *)&l->tcp, &out, 1);
	if (n == (int)size)
		return 0;
	if (n < 0 && n != UV_EAGAIN) {
		line_finish(l, uv_strerror(n));
		return n;
	}
	n = n < 0 ? 0 : n;
	return enqueue(l, data + n, size - (size_t)n);
}

static int put(struct line *l, const uint8_t *data, size_t size)
{
	return l->ssl ? line_tls_send(l, data, size) : line_put(l, data, size);
}

int line_send(struct line *l, uint8_t *buffer, size_t size, enum gv_ws_opcode opcode)
{
	if (!l->opened || l->closing || l->frozen)
		return -ENOTCONN;
	unsigned first = opcode;
	if (l->in.codec && opcode == GV_WS_TEXT) {
		const uint8_t *shorter;
		size_t n = gv_deflate_message(l->in.codec, GV_DEFLATE_BITS_MAX, buffer + GV_WS_HEADER_MAX, size,
					      &shorter);
		if (n) {
			memcpy(buffer + GV_WS_HEADER_MAX, shorter, n);
			size = n;
			first |= GV_WS_COMPRESSED;
		}
	}
	size_t framed;
	uint8_t *frame = ws_frame(buffer, size, first, (uint32_t)line_random(l->io), &framed);
	return put(l, frame, framed);
}

int line_send_bytes(struct line *l, const void *data, size_t size)
{
	return !l->opened || l->closing || l->frozen ? -ENOTCONN : put(l, data, size);
}

int line_send_text(struct line *l, const char *text, size_t size)
{
	uint8_t small[1024], *buffer = small;
	if (size + GV_WS_HEADER_MAX > sizeof small)
		buffer = malloc(size + GV_WS_HEADER_MAX);
	if (!buffer)
		return -ENOMEM;
	memcpy(buffer + GV_WS_HEADER_MAX, text, size);
	int r = line_send(l, buffer, size, GV_WS_TEXT);
	if (buffer != small)
		free(buffer);
	return r;
}
