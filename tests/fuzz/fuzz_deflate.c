/* A compressed message from a stranger: it is refused or inflates to no more than is allowed, however often it is asked
 * for; and what came out of it, compressed for any window, comes back. The first two bytes say how much is allowed. */
#include "fuzz.h"

#include <lib/deflate.h>
#include <lib/deflate_offer.h>
#include <string.h>

static struct gv_deflate *codec; /* one for all inputs, as link has one for all connections */

static void there_and_back(const uint8_t *text, size_t size)
{
	for (unsigned bits = GV_DEFLATE_BITS_MIN; bits <= GV_DEFLATE_BITS_MAX; bits++) {
		const uint8_t *out;
		size_t n = gv_deflate_message(codec, bits, text, size, &out), again;
		uint8_t *copy;

		FUZZ_ASSERT(n == 0 || n < size);
		copy = n ? malloc(n) : NULL;
		if (!copy)
			continue;
		memcpy(copy, out, n);
		FUZZ_ASSERT(gv_inflate_message(codec, copy, n, size, &out, &again) == 0);
		FUZZ_ASSERT(again == size && memcmp(out, text, size) == 0);
		free(copy);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *out = NULL;
	uint8_t *text;
	size_t n = 0, max;
	int r;

	if (size < 2 || (!codec && gv_deflate_create(&codec) < 0))
		return 0;
	max = (size_t)data[0] << 8 | data[1];
	r = gv_inflate_message(codec, data + 2, size - 2, max, &out, &n);
	if (r < 0)
		return 0;
	FUZZ_ASSERT(n <= max);
	text = malloc(n ? n : 1);
	if (!text)
		return 0;
	if (n)
		memcpy(text, out, n);
	FUZZ_ASSERT(gv_inflate_message(codec, data + 2, size - 2, n, &out, &n) == 0);
	FUZZ_ASSERT(n == 0 || memcmp(out, text, n) == 0);
	there_and_back(text, n);
	free(text);
	return 0;
}
