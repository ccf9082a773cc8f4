/* A body is decoded into a buffer of at most what an envelope may have: a few bytes that would become gigabytes end
 * there. */
#include "coding.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#define STEP 16384 /* bytes by which the output grows */
#define AUTO 32    /* added to the window's bits: gzip or zlib, whichever it is */
#define GZIP 16    /* added to the window's bits: gzip */

/* 0 when all of it has been decoded; -EAGAIN where more room is wanted. */
static int step(z_stream *z, struct gv_buf *out, size_t max)
{
	size_t room = max + 1 - out->size < STEP ? max + 1 - out->size : STEP;
	int error = gv_buf_reserve(out, room), r;

	if (error)
		return error;
	z->next_out = out->data + out->size;
	z->avail_out = (uInt)room;
	r = inflate(z, Z_NO_FLUSH);
	out->size += room - z->avail_out;
	if (out->size > max)
		return -EFBIG;
	if (r == Z_STREAM_END)
		return 0;
	if (r == Z_MEM_ERROR)
		return -ENOMEM;
	return r == Z_OK && (z->avail_in || !z->avail_out) ? -EAGAIN : -EBADMSG;
}

static int decode(int window_bits, const void *data, size_t size, size_t max, struct gv_buf *out)
{
	z_stream z = { .next_in = (Bytef *)data, .avail_in = (uInt)size };
	int error = -EAGAIN;

	if (inflateInit2(&z, window_bits) != Z_OK)
		return -ENOMEM;
	out->size = 0;
	while (error == -EAGAIN)
		error = step(&z, out, max);
	inflateEnd(&z);
	return error;
}

int coding_decode(const char *coding, const void *data, size_t size, size_t max, struct gv_buf *out)
{
	bool gzip = !strcasecmp(coding, "gzip") || !strcasecmp(coding, "x-gzip"),
	     deflate = !strcasecmp(coding, "deflate");
	int error;

	if (size > max)
		return -EFBIG;
	if (!*coding || !strcasecmp(coding, "identity")) {
		out->size = 0;
		return gv_buf_add(out, data, size);
	}
	if (!gzip && !deflate)
		return -ENOTSUP;
	error = decode(MAX_WBITS + AUTO, data, size, max, out);
	/* "deflate" is zlib's format, but some send it without its head. */
	return error == -EBADMSG && deflate ? decode(-MAX_WBITS, data, size, max, out) : error;
}

bool coding_accepts_gzip(const char *accept)
{
	const char *at = strcasestr(accept, "gzip");
	const char *end = at ? at + strcspn(at, ",") : NULL, *q = at ? strcasestr(at, "q=0") : NULL;

	/* "gzip;q=0" says no; "gzip;q=0.5" yes. */
	return at && !(q && q < end && strspn(q + 2, "0.") == strcspn(q + 2, ", "));
}

int coding_gzip(const void *data, size_t size, struct gv_buf *out)
{
	z_stream z = { .next_in = (Bytef *)data, .avail_in = (uInt)size };
	int error = -ENOMEM;

	if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + GZIP, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	out->size = 0;
	if (gv_buf_reserve(out, deflateBound(&z, size)) == 0) {
		z.next_out = out->data;
		z.avail_out = (uInt)deflateBound(&z, size);
		if (deflate(&z, Z_FINISH) == Z_STREAM_END) {
			out->size = z.total_out;
			error = 0;
		}
	}
	deflateEnd(&z);
	return error;
}
