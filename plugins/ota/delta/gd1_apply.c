/* Applying a gd1 delta while it comes. */
#include "gd1_model.h"

#include <string.h>

#define DELTA_BUFFER 512
#define OLD_BUFFER 1024
#define NEW_BUFFER 1024
#define AROUND 8 /* bytes of the old file that a difference is guessed from: 2 before, itself, 5 behind */

struct gd1_applier {
	const struct delta_io *io;
	uint64_t old_size, new_size, done; /* bytes */
	int result;
	uint8_t delta[DELTA_BUFFER], old[OLD_BUFFER], fresh[NEW_BUFFER];
	size_t delta_at, delta_size, fresh_size;
	uint64_t old_at; /* the place of old[0] in the old file */
	size_t old_count;
	struct gd1_model model; /* last: it is as long as it has slots */
};

static const char MAGIC[4] = { 'g', 'd', '1', '\n' };

static uint64_t little(const uint8_t *at, int size)
{
	uint64_t n = 0;

	for (int i = size - 1; i >= 0; i--)
		n = n << 8 | at[i];
	return n;
}

int gd1_header_read(const uint8_t header[GD1_HEADER], struct gd1_header *ret)
{
	struct gd1_header it = { little(header + 4, 6), little(header + 10, 6), (uint32_t)little(header + 16, 4) };

	if (memcmp(header, MAGIC, sizeof(MAGIC)) != 0 || it.slots < GD1_SLOTS_MIN || it.slots > GD1_SLOTS_MAX)
		return -DELTA_MALFORMED;
	if (it.old_size > DELTA_FILE_MAX || it.new_size > DELTA_FILE_MAX)
		return -DELTA_TOO_LARGE;
	*ret = it;
	return 0;
}

size_t gd1_memory(uint32_t slots)
{
	return sizeof(struct gd1_applier) + (size_t)slots * sizeof(uint16_t);
}

/* ---- the ends -------------------------------------------------------------------------------- */

static int get(void *user)
{
	struct gd1_applier *a = user;

	if (a->delta_at == a->delta_size) {
		int n = a->io->read_delta(a->io->user, a->delta, sizeof(a->delta));

		if (n <= 0 || (size_t)n > sizeof(a->delta)) {
			a->result = n < 0 ? -DELTA_IO : -DELTA_SHORT;
			return -1;
		}
		a->delta_at = 0;
		a->delta_size = (size_t)n;
	}
	return a->delta[a->delta_at++];
}

/* What lies around a place of the old file; zeros beyond its ends. */
static int look_around(struct gd1_applier *a, uint64_t at, uint8_t ret[AROUND])
{
	uint64_t from = at < 2 ? 0 : at - 2, end = at + 6 < a->old_size ? at + 6 : a->old_size;
	size_t before = (size_t)(2 - (at - from));

	if (from < a->old_at || end > a->old_at + a->old_count) {
		size_t size = a->old_size - from < OLD_BUFFER ? (size_t)(a->old_size - from) : OLD_BUFFER;

		if (a->io->read_old(a->io->user, from, a->old, size) < 0)
			return -DELTA_IO;
		a->old_at = from;
		a->old_count = size;
	}
	memset(ret, 0, AROUND);
	memcpy(ret + before, a->old + (from - a->old_at), (size_t)(end - from));
	return 0;
}

static int flush(struct gd1_applier *a)
{
	int r = a->fresh_size ? a->io->write_new(a->io->user, a->fresh, a->fresh_size) : 0;

	a->fresh_size = 0;
	return r < 0 ? -DELTA_IO : 0;
}

static int put(struct gd1_applier *a, uint8_t byte)
{
	a->fresh[a->fresh_size++] = byte;
	a->done++;
	return a->fresh_size == sizeof(a->fresh) ? flush(a) : 0;
}

/* ---- the steps ------------------------------------------------------------------------------- */

static int check(struct gd1_applier *a)
{
	return a->result < 0 ? a->result : a->model.coder.failed ? -DELTA_MALFORMED : 0;
}

static int copy(struct gd1_applier *a, uint64_t from, uint32_t size)
{
	uint8_t around[AROUND];
	int r = 0;

	if (size > a->new_size - a->done || from > a->old_size || size > a->old_size - from)
		return -DELTA_MALFORMED;
	for (uint32_t i = 0; i < size && r == 0; i++) {
		r = look_around(a, from + i, around);
		if (r == 0) {
			uint8_t difference = gd1_diff(&a->model, around, (uint32_t)(from + i), 0);

			r = check(a);
			if (r == 0)
				r = put(a, (uint8_t)(around[2] + difference));
		}
	}
	return r;
}

static int extra(struct gd1_applier *a, uint32_t size)
{
	int r = 0;

	if (size > a->new_size - a->done)
		return -DELTA_MALFORMED;
	for (uint32_t i = 0; i < size && r == 0; i++) {
		uint8_t byte = gd1_extra(&a->model, 0);

		r = check(a);
		if (r == 0)
			r = put(a, byte);
	}
	return r;
}

/* A piece: so many bytes with their like in the old file, at this distance; then so many without. */
static int piece(struct gd1_applier *a)
{
	uint32_t copied = gd1_number(&a->model, GD1_COPY, 0), fresh = gd1_number(&a->model, GD1_EXTRA, 0);
	int64_t shift = 0;
	int r = check(a);

	if (r == 0 && copied == 0 && fresh == 0)
		r = -DELTA_MALFORMED;
	if (r == 0 && copied > 0) {
		shift = gd1_shift(&a->model, 0);
		r = check(a);
		if (r == 0 && ((int64_t)a->done + shift < 0 || shift > (int64_t)a->old_size))
			r = -DELTA_MALFORMED;
		if (r == 0)
			r = copy(a, (uint64_t)((int64_t)a->done + shift), copied);
	}
	return r < 0 ? r : extra(a, fresh);
}

static int begin(struct gd1_applier *a, size_t memory_size)
{
	uint8_t bytes[GD1_HEADER];
	struct gd1_header header;
	int r;

	for (int i = 0; i < GD1_HEADER; i++) {
		int byte = get(a);

		if (byte < 0)
			return a->result;
		bytes[i] = (uint8_t)byte;
	}
	r = gd1_header_read(bytes, &header);
	if (r < 0)
		return r;
	if (header.old_size != a->old_size || header.new_size != a->new_size)
		return -DELTA_WRONG_SIZE;
	if (gd1_memory(header.slots) > memory_size)
		return -DELTA_TOO_LARGE;
	gd1_model_init(&a->model, header.slots, true);
	a->model.coder.user = a;
	a->model.coder.get = get;
	gd1_coder_begin(&a->model.coder);
	return check(a);
}

int gd1_apply(const struct delta_io *io, uint64_t old_size, uint64_t new_size, void *memory, size_t memory_size)
{
	struct gd1_applier *a = memory;
	int r;

	if (memory_size < sizeof(*a))
		return -DELTA_TOO_LARGE;
	memset(a, 0, sizeof(*a));
	a->io = io;
	a->old_size = old_size;
	a->new_size = new_size;
	r = begin(a, memory_size);
	while (r == 0 && a->done < new_size)
		r = piece(a);
	return r < 0 ? r : flush(a);
}
