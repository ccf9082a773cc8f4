/* Frames with a few wrong bytes. A CRC of 16 bits finds every error that lies within 16 bits in a row: two neighbouring
 * bytes may never change what a frame says. Of errors that are spread wider it must miss some, about one in 65536 where
 * nothing else stands in their way; the rules of the fields are in the way of nearly all of those. What is drawn is
 * drawn from a seed: SEED=n for another one. */
#include "ruioo_rig.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(ruioo_mutants, .init = rig_load, .fini = rig_unload);

#define MUTANTS 200000
#define WIRE_MAX 256
#define PACKETS 15

struct sent {
	struct gv_ruioo_frame frame;
	struct gv_ruioo_rules rules;
	enum gv_ruioo_from from;
	char text[WIRE_MAX];
	size_t size;
};

static uint64_t state;

static size_t below(size_t n)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (size_t)(state >> 33) % n;
}

static struct sent send_packet(const cJSON *packet, unsigned check, unsigned style)
{
	struct sent s = { .frame = rig_frame(packet), .rules = { .slots = 3 }, .from = rig_from(packet) };
	int n;

	s.rules.check = gv_ruioo_check_at(check);
	n = gv_ruioo_write(&s.frame, s.rules.check, (enum gv_ruioo_style)style, s.text, sizeof(s.text));
	cr_assert_gt(n, 0);
	s.size = (size_t)n;
	return s;
}

struct taken {
	unsigned frames, changed; /* good ones; of these, that say something else than what was sent */
};

static struct taken take(const struct sent *sent, const char *data, size_t size)
{
	struct gv_ruioo_frame frame = { 0 };
	struct gv_ruioo_found found;
	struct taken taken = { 0 };

	do {
		gv_ruioo_next(&sent->rules, sent->from, data, size, &frame, &found);
		data += found.used;
		size -= found.used;
		if (!found.frame || found.error)
			continue;
		taken.frames++;
		if (rig_equal(&frame, &sent->frame))
			continue;
		taken.changed++;
		cr_log_info("%.*s was sent with %s, %s %s %u %s was read", (int)sent->size - 2, sent->text,
			    gv_ruioo_check_name(sent->rules.check), gv_ruioo_command_name(frame.command),
			    gv_ruioo_sub_name(frame.sub), frame.slot, frame.bank);
	} while (found.used);
	return taken;
}

static const char *seed(uint64_t otherwise)
{
	const char *wanted = getenv("SEED");

	state = wanted ? strtoull(wanted, NULL, 10) : otherwise;
	fprintf(stderr, "SEED=%llu\n", (unsigned long long)state);
	return wanted;
}

static struct taken set_each_byte(const struct sent *sent)
{
	struct sent mutant = *sent;
	struct taken all = { 0 }, one;

	for (size_t at = 0; at < sent->size; at++) {
		for (unsigned byte = 0; byte < 256; byte++) {
			mutant.text[at] = (char)byte;
			one = take(sent, mutant.text, mutant.size);
			all.frames += one.frames;
			all.changed += one.changed;
		}
		mutant.text[at] = sent->text[at];
	}
	return all;
}

Test(ruioo_mutants, no_single_byte_changes_what_a_frame_says)
{
	const cJSON *packets = cJSON_GetObjectItem(vectors, "packets");

	for (unsigned i = 0; i < PACKETS; i++)
		for (unsigned n = i % 5; n < GV_RUIOO_CHECKS; n += 5) {
			struct sent sent = send_packet(cJSON_GetArrayItem(packets, (int)i), n, n % 2);
			struct taken taken = set_each_byte(&sent);

			cr_expect_gt(taken.frames, 0, "the line end may be anything");
			cr_expect_eq(taken.changed, 0);
		}
}

static char draw_byte(void)
{
	return below(2) ? "0123456789ABCDEFNRLUQ,.; {}\""[below(28)] : (char)below(256);
}

static struct sent draw_packet(void)
{
	const cJSON *packets = cJSON_GetObjectItem(vectors, "packets");
	const cJSON *packet = cJSON_GetArrayItem(packets, (int)below(PACKETS));

	return send_packet(packet, (unsigned)below(GV_RUIOO_CHECKS), (unsigned)below(2));
}

/* In front of the CRC, which no error within 16 bits leaves right, whatever the seed is. */
Test(ruioo_mutants, no_two_neighbours_change_what_a_frame_says)
{
	seed(1);
	for (int i = 0; i < MUTANTS; i++) {
		struct sent sent = draw_packet(), mutant = sent;
		size_t at = below(sent.size - 10);

		mutant.text[at] = draw_byte();
		mutant.text[at + 1] = draw_byte();
		cr_assert_eq(take(&sent, mutant.text, mutant.size).changed, 0);
	}
}

Test(ruioo_mutants, one_to_three_bytes_do_not_change_what_a_frame_says)
{
	unsigned accepted = 0, changed = 0, limit = seed(1) ? MUTANTS / 65536 : 0;

	for (int i = 0; i < MUTANTS; i++) {
		struct sent sent = draw_packet(), mutant = sent;
		struct taken taken;

		for (size_t n = 1 + below(3); n > 0; n--)
			mutant.text[below(sent.size)] = (char)below(256);
		taken = take(&sent, mutant.text, mutant.size);
		accepted += taken.frames;
		changed += taken.changed;
	}
	cr_log_info("%u of %u accepted", accepted, MUTANTS);
	cr_expect_gt(accepted, 0, "some only hit the line end");
	cr_expect_leq(changed, limit, "%u say something else, a CRC of 16 bits may miss %u", changed, limit);
}
