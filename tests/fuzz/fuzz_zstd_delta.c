/* A zstd delta from a stranger writes no more than must come out. */
#include "fuzz.h"

#include "plugins/ota/delta/delta.h"

#include <string.h>

#define NEW_MAX 20000
#define WINDOW_MAX (1 << 20)

struct ends {
	const uint8_t *delta;
	size_t delta_size, fresh_size;
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

static int write_new(void *user, const uint8_t *data, size_t size)
{
	struct ends *e = user;

	FUZZ_ASSERT(size <= NEW_MAX - e->fresh_size);
	e->fresh_size += size;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t old[3000];
	struct ends e = { data, size, 0 };
	const struct delta_io io = { .user = &e, .read_delta = read_delta, .write_new = write_new };
	int r;

	for (size_t i = 0; i < sizeof(old); i++)
		old[i] = (uint8_t)(i * i >> 3);
	r = zstd_delta_apply(&io, old, sizeof(old), NEW_MAX, WINDOW_MAX);
	FUZZ_ASSERT(r < 0 || e.fresh_size == NEW_MAX);
	return 0;
}
