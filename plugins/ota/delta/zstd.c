/* zstd with the old file as a prefix: the frames of `zstd --patch-from`. */
#include "delta.h"

#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define IN_SIZE 16384
#define OUT_SIZE 65536

static int window_log(size_t size)
{
	int log = 10; /* the least that zstd has */

	while (log < 31 && ((size_t)1 << log) < size)
		log++;
	return log;
}

/* A window over both files, so that what is far away in the old one is still in reach. */
static bool set_up(ZSTD_CCtx *c, const uint8_t *old, size_t old_size, size_t new_size, int level)
{
	int window = window_log(old_size + new_size + 1);

	return !ZSTD_isError(ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, level)) &&
	       !ZSTD_isError(ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, window)) &&
	       !ZSTD_isError(ZSTD_CCtx_setParameter(c, ZSTD_c_enableLongDistanceMatching, 1)) &&
	       !ZSTD_isError(ZSTD_CCtx_refPrefix(c, old, old_size));
}

int zstd_delta_encode(const uint8_t *old, size_t old_size, const uint8_t *new_file, size_t new_size, int level,
		      uint8_t **ret, size_t *ret_size)
{
	size_t most = ZSTD_compressBound(new_size), size = 0;
	ZSTD_CCtx *c = ZSTD_createCCtx();
	uint8_t *data = malloc(most);
	int r = -DELTA_NO_MEMORY;

	if (old_size > DELTA_FILE_MAX || new_size > DELTA_FILE_MAX) {
		r = -DELTA_TOO_LARGE;
	} else if (c && data && set_up(c, old, old_size, new_size, level)) {
		size = ZSTD_compress2(c, data, most, new_file, new_size);
		r = ZSTD_isError(size) ? -DELTA_NO_MEMORY : 0;
	}
	ZSTD_freeCCtx(c);
	if (r < 0) {
		free(data);
		return r;
	}
	*ret = data;
	*ret_size = size;
	return 0;
}

struct stream {
	ZSTD_DCtx *context;
	uint8_t *in, *out;
	uint64_t done;
};

static int pour(struct stream *s, const struct delta_io *io, uint64_t new_size)
{
	bool ended = false;

	while (!ended) {
		int n = io->read_delta(io->user, s->in, IN_SIZE);
		ZSTD_inBuffer in = { s->in, n > 0 ? (size_t)n : 0, 0 };

		if (n <= 0 || n > IN_SIZE)
			return n < 0 ? -DELTA_IO : -DELTA_SHORT;
		/* An output that was filled may have more behind it, although all input is in. */
		for (bool more = true; more && !ended;) {
			ZSTD_outBuffer out = { s->out, OUT_SIZE, 0 };
			size_t left = ZSTD_decompressStream(s->context, &out, &in);

			if (ZSTD_isError(left))
				return ZSTD_getErrorCode(left) == ZSTD_error_frameParameter_windowTooLarge
					       ? -DELTA_TOO_LARGE
					       : -DELTA_MALFORMED;
			if (out.pos > new_size - s->done)
				return -DELTA_WRONG_SIZE;
			s->done += out.pos;
			if (out.pos > 0 && io->write_new(io->user, s->out, out.pos) < 0)
				return -DELTA_IO;
			ended = left == 0;
			more = in.pos < in.size || out.pos == OUT_SIZE;
		}
	}
	return s->done == new_size ? 0 : -DELTA_WRONG_SIZE;
}

int zstd_delta_apply(const struct delta_io *io, const uint8_t *old, size_t old_size, uint64_t new_size,
		     size_t window_max)
{
	struct stream s = { ZSTD_createDCtx(), malloc(IN_SIZE), malloc(OUT_SIZE), 0 };
	int log = 10, r = -DELTA_NO_MEMORY;

	while (log < 31 && ((size_t)2 << log) <= window_max)
		log++;
	if (s.context && s.in && s.out && !ZSTD_isError(ZSTD_DCtx_setParameter(s.context, ZSTD_d_windowLogMax, log)) &&
	    !ZSTD_isError(ZSTD_DCtx_refPrefix(s.context, old, old_size)))
		r = pour(&s, io, new_size);
	ZSTD_freeDCtx(s.context);
	free(s.in);
	free(s.out);
	return r;
}
