/* A gd1 delta from a stranger writes no more than must come out and reads within the old file; what begins otherwise is
 * two files, between which a delta leads. */
#include "fuzz.h"

#include "plugins/ota/delta/delta.h"

#include <string.h>

#define NEW_MAX 20000
#define SLOTS_MAX 4096
#define PAIR_MAX 3000 /* bytes of two files: searching them takes the square of it where all bytes are the same */

struct ends {
	const uint8_t *delta, *old;
	size_t delta_size, old_size;
	uint8_t fresh[NEW_MAX];
	size_t fresh_size, fresh_max;
};

static int read_delta(void *user, uint8_t *ret, size_t size)
{
	struct ends *e = user;
	size_t n = e->delta_size < size ? e->delta_size : size;

	if (n)
		memcpy(ret, e->delta, n);
	e->delta += n;
	e->delta_size -= n;
	return (int)n;
}

static int read_old(void *user, uint64_t offset, uint8_t *ret, size_t size)
{
	struct ends *e = user;

	FUZZ_ASSERT(offset <= e->old_size && size <= e->old_size - offset);
	memcpy(ret, e->old + offset, size);
	return 0;
}

static int write_new(void *user, const uint8_t *data, size_t size)
{
	struct ends *e = user;

	FUZZ_ASSERT(size <= e->fresh_max - e->fresh_size);
	memcpy(e->fresh + e->fresh_size, data, size);
	e->fresh_size += size;
	return 0;
}

static int apply(struct ends *e)
{
	static uint64_t memory[(32768 + SLOTS_MAX * 2) / 8];
	const struct delta_io io = { e, read_delta, read_old, write_new };

	FUZZ_ASSERT(gd1_memory(SLOTS_MAX) <= sizeof(memory));
	return gd1_apply(&io, e->old_size, e->fresh_max, memory, sizeof(memory));
}

static void there_and_back(const uint8_t *data, size_t size)
{
	static struct ends e;
	size_t old_size = size * data[0] / 255;
	uint8_t *delta;

	if (size > PAIR_MAX)
		return;
	e = (struct ends){ .old = data, .old_size = old_size, .fresh_max = size - old_size };
	FUZZ_ASSERT(gd1_encode(data, old_size, data + old_size, size - old_size, 1024, &delta, &e.delta_size) == 0);
	e.delta = delta;
	FUZZ_ASSERT(apply(&e) == 0 && e.fresh_size == e.fresh_max);
	FUZZ_ASSERT(memcmp(e.fresh, data + old_size, e.fresh_size) == 0);
	free(delta);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t old[3000];
	static struct ends e;
	struct gd1_header header;
	int r;

	if (size < GD1_HEADER || gd1_header_read(data, &header) < 0) {
		if (size > 0)
			there_and_back(data, size);
		return 0;
	}
	for (size_t i = 0; i < sizeof(old); i++)
		old[i] = (uint8_t)(i * i >> 3);
	if (header.old_size > sizeof(old) || header.new_size > NEW_MAX)
		return 0;
	e = (struct ends){
		.old = old, .old_size = header.old_size, .delta = data, .delta_size = size, .fresh_max = header.new_size
	};
	r = apply(&e);
	FUZZ_ASSERT(r < 0 || e.fresh_size == e.fresh_max);
	return 0;
}
