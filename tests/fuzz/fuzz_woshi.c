/* What a stranger sends to either end of the binary cabinet protocol. Its first byte says which end, the rest is a
 * stream. Each step goes on, a packet is as long as it says, what is taken can be written and reads the same, and how
 * the stream is cut changes nothing. */
#include "fuzz.h"

#include <lib/woshi.h>

#include <string.h>

struct run {
	enum gv_woshi_from from;
	size_t packets, used;
	uint64_t story; /* a hash of all that was found, and where */
	bool lost;
};

static void hash(struct run *run, const void *data, size_t size)
{
	const uint8_t *at = data;

	for (size_t i = 0; i < size; i++)
		run->story = (run->story ^ at[i]) * UINT64_C(1099511628211);
}

/* Whoever reads what we write of a packet would write the same of it. Into the story go those bytes. */
static void write_again(struct run *run, const struct gv_woshi_packet *p)
{
	uint8_t bytes[GV_WOSHI_PACKET_MAX], same[GV_WOSHI_PACKET_MAX];
	struct gv_woshi_packet again;
	struct gv_woshi_found found;
	int n = gv_woshi_write(p, run->from, bytes, sizeof(bytes));

	FUZZ_ASSERT(n >= GV_WOSHI_HEADER);
	gv_woshi_next(run->from, bytes, (size_t)n, &again, &found);
	FUZZ_ASSERT(found.packet && found.error == GV_WOSHI_OK && found.used == (size_t)n);
	FUZZ_ASSERT(gv_woshi_write(&again, run->from, same, sizeof(same)) == n);
	FUZZ_ASSERT(memcmp(bytes, same, (size_t)n) == 0);
	hash(run, bytes, (size_t)n);
}

static void note(struct run *run, const struct gv_woshi_found *found, const struct gv_woshi_packet *packet)
{
	run->packets++;
	FUZZ_ASSERT(gv_woshi_error_name(found->error));
	hash(run, &found->error, sizeof(found->error));
	if (found->error == GV_WOSHI_BAD_LENGTH) {
		run->lost = true;
		return;
	}
	hash(run, &run->used, sizeof(run->used));
	if (found->error)
		return;
	write_again(run, packet);
}

/* Takes what is to be had of the first `size` bytes, up to a length that cannot be. */
static void take(struct run *run, const uint8_t *data, size_t size)
{
	struct gv_woshi_found found = { .used = 1 };
	struct gv_woshi_packet packet;

	while (found.used && !run->lost) {
		size_t left = size - run->used;
		uint8_t *exact = malloc(left ? left : 1);

		if (!exact)
			abort();
		if (left)
			memcpy(exact, data + run->used, left);
		gv_woshi_next(run->from, exact, left, &packet, &found);
		if (found.packet && found.error != GV_WOSHI_BAD_LENGTH)
			FUZZ_ASSERT(found.used == 2 + (size_t)(exact[0] << 8 | exact[1]));
		free(exact);
		FUZZ_ASSERT(found.used <= left && found.packet == (found.used > 0));
		FUZZ_ASSERT(found.used > 0 || left < GV_WOSHI_PACKET_MAX);
		run->used += found.used;
		if (found.packet)
			note(run, &found, &packet);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run once = { 0 }, pieces;
	size_t step;

	if (size < 1)
		return 0;
	once.from = data[0] & 1 ? GV_WOSHI_SERVER_SIDE : GV_WOSHI_CABINET;
	step = 1 + data[0] / 2;
	pieces = once;
	data++;
	size--;
	take(&once, data, size);
	for (size_t at = 0; at < size; at += step)
		take(&pieces, data, at + step < size ? at + step : size);
	FUZZ_ASSERT(once.packets == pieces.packets && once.lost == pieces.lost && once.story == pieces.story);
	FUZZ_ASSERT(once.lost || once.used == pieces.used);
	return 0;
}
