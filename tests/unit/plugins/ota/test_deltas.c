/* Deltas lead from the old file to the new one, whatever the files are; hostile ones lead nowhere, within bounds. */
#include "plugins/ota/delta/delta.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/leaks.h"

TestSuite(ota_deltas, .fini = check_leaks);

#define SIZE_MAX_BYTES 300000
#define WINDOW_MAX (8 << 20)

struct ends {
	const uint8_t *delta, *old;
	size_t delta_size, delta_at, old_size, chunk;
	uint8_t *fresh;
	size_t fresh_size, fresh_max;
};

static int read_delta(void *user, uint8_t *ret, size_t size)
{
	struct ends *e = user;
	size_t left = e->delta_size - e->delta_at, n = left < size ? left : size;

	if (e->chunk && n > e->chunk)
		n = e->chunk;
	memcpy(ret, e->delta + e->delta_at, n);
	e->delta_at += n;
	return (int)n;
}

static int read_old(void *user, uint64_t offset, uint8_t *ret, size_t size)
{
	struct ends *e = user;

	cr_assert_leq(offset, e->old_size, "it reads within the old file only");
	cr_assert_leq(size, e->old_size - offset, "it reads within the old file only");
	memcpy(ret, e->old + offset, size);
	return 0;
}

static int write_new(void *user, const uint8_t *data, size_t size)
{
	struct ends *e = user;

	cr_assert_leq(size, e->fresh_max - e->fresh_size, "it writes no more than what must come out");
	memcpy(e->fresh + e->fresh_size, data, size);
	e->fresh_size += size;
	return 0;
}

enum coder { SMALL, LARGE, ZSTD, CODERS };

static int encode(enum coder coder, const uint8_t *old, size_t old_size, const uint8_t *fresh, size_t size,
		  uint8_t **ret, size_t *ret_size)
{
	if (coder == ZSTD)
		return zstd_delta_encode(old, old_size, fresh, size, 3, ret, ret_size);
	return gd1_encode(old, old_size, fresh, size, coder == SMALL ? GD1_SMALL : GD1_LARGE, ret, ret_size);
}

static int apply(enum coder coder, struct ends *e, size_t new_size)
{
	const struct delta_io io = { e, read_delta, read_old, write_new };
	size_t memory_size = gd1_memory(coder == SMALL ? GD1_SMALL : GD1_LARGE);
	void *memory = malloc(memory_size);
	int r;

	e->fresh_max = new_size;
	e->fresh = malloc(new_size + 1);
	r = coder == ZSTD ? zstd_delta_apply(&io, e->old, e->old_size, new_size, WINDOW_MAX)
			  : gd1_apply(&io, e->old_size, new_size, memory, memory_size);
	free(memory);
	return r;
}

static uint32_t state;
static uint32_t draw(uint32_t below)
{
	state = state * 1664525 + 1013904223;
	return (uint32_t)(((uint64_t)state * below) >> 32);
}

static size_t fill(uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)(draw(4) ? draw(16) : draw(256));
	return size;
}

/* What a recompilation does: bytes here and there, parts that are new, gone, or elsewhere. */
static size_t rework(const uint8_t *old, size_t old_size, uint8_t *fresh)
{
	size_t size = 0;

	for (int part = 0; part < 12 && size < SIZE_MAX_BYTES / 2; part++) {
		size_t from = draw((uint32_t)old_size + 1), most = old_size - from, n = draw((uint32_t)most + 1);

		if (n > SIZE_MAX_BYTES / 8)
			n = SIZE_MAX_BYTES / 8;
		memcpy(fresh + size, old + from, n);
		for (uint32_t i = draw(50); n > 0 && i > 0; i--)
			fresh[size + draw((uint32_t)n)] += (uint8_t)draw(3);
		size += n;
		size += fill(fresh + size, draw(2) * draw(1000));
	}
	return size;
}

static void leads_there(enum coder coder, const uint8_t *old, size_t old_size, const uint8_t *fresh, size_t size)
{
	struct ends e = { .old = old, .old_size = old_size, .chunk = coder == SMALL ? 1 : 0 };
	uint8_t *delta;

	cr_assert_eq(encode(coder, old, old_size, fresh, size, &delta, &e.delta_size), 0);
	e.delta = delta;
	cr_assert_eq(apply(coder, &e, size), 0, "seed %u", state);
	cr_assert_eq(e.fresh_size, size);
	cr_assert_eq(memcmp(e.fresh, fresh, size), 0);
	free(e.fresh);
	free(delta);
}

Test(ota_deltas, lead_from_any_file_to_any_other)
{
	static uint8_t old[SIZE_MAX_BYTES], fresh[SIZE_MAX_BYTES];

	const char *seeds = getenv("SEEDS");

	for (uint32_t seed = 1; seed <= (seeds ? (uint32_t)strtoul(seeds, NULL, 10) : 16); seed++) {
		size_t old_size, size;

		state = seed;
		old_size = fill(old, draw(seed * 2000));
		size = rework(old, old_size, fresh);
		for (int coder = 0; coder < CODERS; coder++)
			leads_there((enum coder)coder, old, old_size, fresh, size);
	}
}

Test(ota_deltas, at_the_edges)
{
	static const uint8_t some[] = "some bytes of a file", zeros[50000];

	for (int coder = 0; coder < CODERS; coder++) {
		leads_there((enum coder)coder, some, 0, some, 0);
		leads_there((enum coder)coder, some, 0, some, sizeof(some));
		leads_there((enum coder)coder, some, sizeof(some), some, 0);
		leads_there((enum coder)coder, some, sizeof(some), some, sizeof(some));
		leads_there((enum coder)coder, zeros, sizeof(zeros), zeros, sizeof(zeros) - 7);
		leads_there((enum coder)coder, some, 1, zeros, sizeof(zeros));
	}
}

Test(ota_deltas, the_small_one_fits_a_microcontroller)
{
	cr_assert_leq(gd1_memory(GD1_SMALL), 64 * 1024);
}

/* A delta whose bytes are cut off or changed gives an error or other bytes, and never more than must come out. */
Test(ota_deltas, spoilt_ones_stay_within_bounds)
{
	static uint8_t old[20000], fresh[SIZE_MAX_BYTES];
	uint8_t *delta;
	size_t size, delta_size;

	state = 7;
	fill(old, sizeof(old));
	size = rework(old, sizeof(old), fresh);
	for (int coder = 0; coder < CODERS; coder++) {
		cr_assert_eq(encode((enum coder)coder, old, sizeof(old), fresh, size, &delta, &delta_size), 0);
		for (int i = 0; i < 60; i++) {
			struct ends e = { .old = old, .old_size = sizeof(old), .delta = delta };
			size_t at = draw((uint32_t)delta_size);
			uint8_t was = delta[at];
			int r;

			e.delta_size = i % 2 ? at : delta_size;
			delta[at] ^= (uint8_t)(1 + draw(255));
			r = apply((enum coder)coder, &e, size);
			cr_assert(r < 0 || e.fresh_size == size);
			cr_assert(i % 2 == 0 || r < 0 || memcmp(e.fresh, fresh, size) == 0, "half a delta is none");
			delta[at] = was;
			free(e.fresh);
		}
		free(delta);
	}
}

Test(ota_deltas, say_what_is_wrong)
{
	static const uint8_t some[] = "some bytes of a file";
	struct ends e = { .old = some, .old_size = sizeof(some) };
	uint8_t *delta;

	cr_assert_eq(gd1_encode(some, sizeof(some), some, sizeof(some), GD1_LARGE, &delta, &e.delta_size), 0);
	e.delta = delta;
	cr_assert_eq(apply(SMALL, &e, sizeof(some)), -DELTA_TOO_LARGE, "more memory than there is");
	free(e.fresh);
	e.delta_at = e.fresh_size = 0;
	cr_assert_eq(apply(LARGE, &e, sizeof(some) + 1), -DELTA_WRONG_SIZE, "another outcome");
	free(e.fresh);
	e.delta_at = e.fresh_size = 0;
	e.old_size--;
	cr_assert_eq(apply(LARGE, &e, sizeof(some)), -DELTA_WRONG_SIZE, "another old file");
	free(e.fresh);
	e.delta_at = e.fresh_size = 0;
	e.delta_size = 10;
	cr_assert_eq(apply(LARGE, &e, sizeof(some)), -DELTA_SHORT);
	free(e.fresh);
	delta[0] ^= 1;
	e.delta_at = 0;
	e.delta_size = GD1_HEADER;
	cr_assert_eq(apply(LARGE, &e, sizeof(some)), -DELTA_MALFORMED);
	free(e.fresh);
	free(delta);
	cr_assert_str_eq(delta_result_name(-DELTA_SHORT), "SHORT");
}
