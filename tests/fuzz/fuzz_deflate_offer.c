/* A Sec-WebSocket-Extensions header from a stranger, at either end: what is taken of it lies within what RFC 7692
 * allows, and our answer to it is one that we would take ourselves, but for a window that a client of ours would not
 * have offered. */
#include "fuzz.h"

#include <lib/deflate_offer.h>
#include <string.h>

static void check_bits(unsigned bits)
{
	FUZZ_ASSERT(bits == 0 || (bits >= GV_DEFLATE_BITS_MIN && bits <= GV_DEFLATE_BITS_MAX));
}

static void check_answer(const struct gv_deflate_terms *terms)
{
	struct gv_deflate_terms again;
	char answer[GV_DEFLATE_ANSWER_SIZE];

	gv_deflate_answer(terms, answer);
	FUZZ_ASSERT(gv_deflate_choose(answer, strlen(answer), &again));
	FUZZ_ASSERT(again.server_bits == terms->server_bits && again.client_bits == terms->client_bits);
	FUZZ_ASSERT(again.server_no_context_takeover && again.client_no_context_takeover);
	FUZZ_ASSERT((gv_deflate_accepted(answer, strlen(answer), &again) == 0) == !terms->client_bits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gv_deflate_terms terms;
	char *value = malloc(size ? size : 1);

	if (!value)
		return 0;
	if (size)
		memcpy(value, data, size);
	if (gv_deflate_choose(value, size, &terms)) {
		check_bits(terms.server_bits);
		check_bits(terms.client_bits);
		check_answer(&terms);
	}
	if (gv_deflate_accepted(value, size, &terms) == 0)
		FUZZ_ASSERT(terms.server_no_context_takeover && !terms.client_bits);
	free(value);
	return 0;
}
