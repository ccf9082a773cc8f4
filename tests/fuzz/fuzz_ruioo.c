/* What a stranger sends to either end of the Ruioo protocol. Its first byte draws the rules and how the stream is cut,
 * the rest is the stream. Never more frames than openings, each step goes on, what is left waiting is less than a
 * frame, a good frame written by us says the same, and how the stream is cut changes nothing. */
#include "fuzz.h"

#include <lib/ruioo.h>

#include <string.h>

#define PIECES_MAX 128 /* of a stream, lest each byte of a long one looks at all before it again */

struct run {
	struct gv_ruioo_rules rules;
	enum gv_ruioo_from from;
	size_t frames, junk, used;
	uint64_t story; /* a hash of all that was found, and where */
};

static struct run draw(uint8_t first)
{
	static const uint8_t slots[] = { 3, 1, 14, GV_RUIOO_SLOTS_MAX };

	return (struct run){
		.rules = { .slots = slots[first & 3],
			   .strict = first & 4,
			   .learn = first & 8,
			   .unchecked = first & 16,
			   .bank_size = first & 32 ? 10 : 0 },
		.from = first & 64 ? GV_RUIOO_SERVER : GV_RUIOO_CABINET,
	};
}

static void hash(struct run *run, const void *data, size_t size)
{
	const uint8_t *at = data;

	for (size_t i = 0; i < size; i++)
		run->story = (run->story ^ at[i]) * UINT64_C(1099511628211);
}

/* Whoever reads what we write of a frame would write the same of it. Into the story goes the canonical text. */
static void write_again(struct run *run, const struct gv_ruioo_frame *f, enum gv_ruioo_style style)
{
	struct gv_ruioo_rules rules = { .slots = GV_RUIOO_SLOTS_MAX, .strict = style == GV_RUIOO_COMMA };
	char text[GV_RUIOO_FRAME_MAX], same[GV_RUIOO_FRAME_MAX];
	struct gv_ruioo_frame again;
	struct gv_ruioo_found found;
	int n = gv_ruioo_write(f, rules.check, style, text, sizeof(text));

	FUZZ_ASSERT(n > 0);
	gv_ruioo_next(&rules, run->from, text, (size_t)n, &again, &found);
	FUZZ_ASSERT(found.frame && found.error == GV_RUIOO_OK && found.style == style && found.junk == 0);
	FUZZ_ASSERT(gv_ruioo_write(&again, rules.check, style, same, sizeof(same)) == n);
	FUZZ_ASSERT(memcmp(text, same, (size_t)n) == 0);
	hash(run, text, (size_t)n);
}

/* What one call found, at a place in the stream that does not depend on its cuts. */
static void note(struct run *run, const struct gv_ruioo_found *found, const struct gv_ruioo_frame *frame)
{
	if (found->iccid[0])
		hash(run, found->iccid, sizeof(found->iccid));
	if (!found->frame)
		return;
	run->frames++;
	FUZZ_ASSERT(gv_ruioo_error_name(found->error));
	hash(run, &found->error, sizeof(found->error));
	hash(run, &found->matches, sizeof(found->matches));
	hash(run, &run->used, sizeof(run->used));
	hash(run, &run->junk, sizeof(run->junk));
	if (found->error)
		return;
	write_again(run, frame, GV_RUIOO_COMMA);
	write_again(run, frame, GV_RUIOO_DOT);
}

/* Takes what is to be had of the first `size` bytes. */
static void take(struct run *run, const uint8_t *data, size_t size)
{
	struct gv_ruioo_found found;
	struct gv_ruioo_frame frame;

	do {
		size_t left = size - run->used;
		char *exact = malloc(left ? left : 1);

		if (!exact)
			abort();
		if (left)
			memcpy(exact, data + run->used, left);
		gv_ruioo_next(&run->rules, run->from, exact, left, &frame, &found);
		free(exact);
		FUZZ_ASSERT(found.used <= left && found.junk <= found.used);
		FUZZ_ASSERT(!found.frame || found.used > 0);
		FUZZ_ASSERT(found.used > 0 || left < GV_RUIOO_FRAME_MAX);
		run->used += found.used;
		run->junk += found.junk;
		note(run, &found, &frame);
	} while (found.used);
}

static bool quote_at(const uint8_t *at, size_t size)
{
	return (size >= 1 && at[0] == '"') || (size >= 3 && at[0] == 0xe2 && at[1] == 0x80 && (at[2] | 1) == 0x9d) ||
	       (size >= 2 && at[0] == 0xa1 && (at[1] | 1) == 0xb1);
}

static size_t count_openings(const uint8_t *data, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < size; i++) {
		size_t at = i + 1;

		while (data[i] == '{' && at < size && (data[at] == ' ' || data[at] == '\t'))
			at++;
		n += data[i] == '{' && quote_at(data + at, size - at);
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run once, pieces;
	size_t step;

	if (size < 2)
		return 0;
	once = pieces = draw(data[0]);
	step = 1 + data[1] % 64 + size / PIECES_MAX;
	data += 2;
	size -= 2;
	take(&once, data, size);
	for (size_t at = 0; at < size; at += step)
		take(&pieces, data, at + step < size ? at + step : size);
	FUZZ_ASSERT(once.frames <= count_openings(data, size));
	FUZZ_ASSERT(once.story == pieces.story && once.frames == pieces.frames);
	FUZZ_ASSERT(once.used == pieces.used && once.junk == pieces.junk);
	return 0;
}
