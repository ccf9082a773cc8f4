/* Packets of the binary family: the examples of its document that keep to its rules, byte for byte; both ends of every
 * command; and what a check of eight bits can promise, which is little. */

#include <criterion/criterion.h>
#include <errno.h>
#include <lib/hex.h>
#include <lib/woshi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../leaks.h"

TestSuite(woshi, .fini = check_leaks);

#define MUTANTS 200000
#define TOKEN .token = GV_WOSHI_TOKEN

struct example {
	const char *name, *hex;
	enum gv_woshi_from from;
	struct gv_woshi_packet packet;
};
static const struct example examples[] = {
	/* as printed */
	{ "a login",
	  "0020600180112233445566778802330011524c314130333137313230303030313500",
	  GV_WOSHI_CABINET,
	  { GV_WOSHI_LOGIN, TOKEN, .random = 0x55667788, .magic = 0x0233, .text = "RL1A031712000015" } },
	{ "a heartbeat", "000761010011223344", GV_WOSHI_CABINET, { GV_WOSHI_HEARTBEAT, TOKEN } },
	{ "the heartbeat's echo", "000761010011223344", GV_WOSHI_SERVER_SIDE, { GV_WOSHI_HEARTBEAT, TOKEN } },
	{ "which version?", "000762010011223344", GV_WOSHI_SERVER_SIDE, { GV_WOSHI_VERSION_OF, TOKEN } },
	{ "a version",
	  "001462016a11223344000b412e30392e30312e303600",
	  GV_WOSHI_CABINET,
	  { GV_WOSHI_VERSION_OF, TOKEN, .text = "A.09.01.06" } },
	{ "what do you hold?", "000764010011223344", GV_WOSHI_SERVER_SIDE, { GV_WOSHI_INVENTORY, TOKEN } },
	{ "two banks",
	  "001c640106112233440202524c31417c0000410403524c31417c00004404",
	  GV_WOSHI_CABINET,
	  { GV_WOSHI_INVENTORY, TOKEN, .slots = { { 2, "524C31417C000041", 4 }, { 3, "524C31417C000044", 4 } },
	    .n_slots = 2 } },
	{ "lent",
	  "0011650174112233440301524c31417c000064",
	  GV_WOSHI_CABINET,
	  { GV_WOSHI_LEND, TOKEN, .slot = 3, .result = 1, .bank = "524C31417C000064" } },
	{ "taken back",
	  "00106601411122334401524c31417c000052",
	  GV_WOSHI_CABINET,
	  { GV_WOSHI_RETURN, TOKEN, .slot = 1, .bank = "524C31417C000052" } },
	{ "the card's number",
	  "001e69011e112233440015383938363034303131303137373039383238333900",
	  GV_WOSHI_CABINET,
	  { GV_WOSHI_ICCID, TOKEN, .text = "89860401101770982839" } },
	/* printed with a check that is none, or with another token */
	{ "welcome",
	  "00086001011122334401",
	  GV_WOSHI_SERVER_SIDE,
	  { GV_WOSHI_LOGIN, TOKEN, .result = GV_WOSHI_LOGIN_OK } },
	{ "another server",
	  "0022630107112233440011782e706f776572706f7765722e6e657400000538393932001e",
	  GV_WOSHI_SERVER_SIDE,
	  { GV_WOSHI_SERVER, TOKEN, .text = "x.powerpower.net", .port = 8992, .heartbeat_s = 30 } },
	{ "eject slot 1",
	  "00088001011122332401",
	  GV_WOSHI_SERVER_SIDE,
	  { GV_WOSHI_FORCE_EJECT, .token = 0x11223324, .slot = 1 } },
	{ "ejected",
	  "0011800175112233442401594431417c000140",
	  GV_WOSHI_CABINET,
	  { GV_WOSHI_FORCE_EJECT, TOKEN, .slot = 36, .result = 1, .bank = "594431417C000140" } },
	{ "the network",
	  "000a720109112233440d0004",
	  GV_WOSHI_CABINET,
	  { GV_WOSHI_NETWORK, TOKEN, .csq = 13, .bit_errors = 0, .network = 4 } },
	/* not printed */
	{ "the server is set", "000763010011223344", GV_WOSHI_CABINET, { GV_WOSHI_SERVER, TOKEN } },
	{ "nothing at all", "00086401001122334400", GV_WOSHI_CABINET, { GV_WOSHI_INVENTORY, TOKEN } },
	{ "lend from slot 99", "00086501631122334463", GV_WOSHI_SERVER_SIDE, { GV_WOSHI_LEND, TOKEN, .slot = 99 } },
	{ "not lent",
	  "00116501031122334403000000000000000000",
	  GV_WOSHI_CABINET,
	  { GV_WOSHI_LEND, TOKEN, .slot = 3, .result = 0 } },
	{ "the slot was not empty",
	  "0009660104112233440105",
	  GV_WOSHI_SERVER_SIDE,
	  { GV_WOSHI_RETURN, TOKEN, .slot = 1, .result = GV_WOSHI_RETURN_NOT_EMPTY } },
	{ "start anew", "000767010011223344", GV_WOSHI_SERVER_SIDE, { GV_WOSHI_REBOOT, TOKEN } },
	{ "I shall", "000767010011223344", GV_WOSHI_CABINET, { GV_WOSHI_REBOOT, TOKEN } },
	{ "which card?", "000769010011223344", GV_WOSHI_SERVER_SIDE, { GV_WOSHI_ICCID, TOKEN } },
	{ "no card", "000a69010111223344000100", GV_WOSHI_CABINET, { GV_WOSHI_ICCID, TOKEN } },
	{ "which network?", "000772010011223344", GV_WOSHI_SERVER_SIDE, { GV_WOSHI_NETWORK, TOKEN } },
};
#define EXAMPLES (sizeof(examples) / sizeof(*examples))

static size_t bytes_of(const char *hex, uint8_t ret[static GV_WOSHI_PACKET_MAX])
{
	cr_assert_eq(gv_hex_read(hex, strlen(hex), ret, strlen(hex) / 2), 0, "%s", hex);
	return strlen(hex) / 2;
}

static bool equal(const struct gv_woshi_packet *a, const struct gv_woshi_packet *b)
{
	if (a->command != b->command || a->token != b->token || a->random != b->random || a->magic != b->magic ||
	    a->port != b->port || a->heartbeat_s != b->heartbeat_s || a->slot != b->slot || a->result != b->result ||
	    a->csq != b->csq || a->bit_errors != b->bit_errors || a->network != b->network || a->n_slots != b->n_slots)
		return false;
	for (unsigned i = 0; i < a->n_slots; i++)
		if (a->slots[i].slot != b->slots[i].slot || a->slots[i].level != b->slots[i].level ||
		    strcmp(a->slots[i].bank, b->slots[i].bank) != 0)
			return false;
	return strcmp(a->text, b->text) == 0 && strcmp(a->bank, b->bank) == 0;
}

/* The decoder on memory of exactly that size. */
static struct gv_woshi_found next(enum gv_woshi_from from, const uint8_t *data, size_t size,
				  struct gv_woshi_packet *ret)
{
	struct gv_woshi_found found;
	uint8_t *exact = malloc(size ? size : 1);

	cr_assert_not_null(exact);
	memcpy(exact, data, size);
	gv_woshi_next(from, exact, size, ret, &found);
	free(exact);
	return found;
}

static uint8_t check_of(const uint8_t *bytes, size_t size)
{
	uint8_t sum = 0;

	for (size_t i = GV_WOSHI_HEADER; i < size; i++)
		sum ^= bytes[i];
	return sum;
}

/* A packet with this payload, and with length and check as they must be. */
static struct gv_woshi_found payload(enum gv_woshi_from from, uint8_t command, const char *hex,
				     struct gv_woshi_packet *ret)
{
	uint8_t bytes[GV_WOSHI_PACKET_MAX] = { 0, 0, command, 1, 0, 0x11, 0x22, 0x33, 0x44 };
	size_t n = strlen(hex) / 2;

	cr_assert_eq(gv_hex_read(hex, 2 * n, bytes + GV_WOSHI_HEADER, n), 0, "%s", hex);
	bytes[4] = check_of(bytes, GV_WOSHI_HEADER + n);
	bytes[1] = (uint8_t)(GV_WOSHI_HEADER - 2 + n);
	return next(from, bytes, GV_WOSHI_HEADER + n, ret);
}

static enum gv_woshi_error error_of(enum gv_woshi_from from, uint8_t command, const char *hex)
{
	struct gv_woshi_packet p = { 0 };
	struct gv_woshi_found found = payload(from, command, hex, &p);

	cr_assert(found.packet);
	return found.error;
}

/* ---- examples -------------------------------------------------------------------------------- */

Test(woshi, writes_its_examples_byte_for_byte)
{
	for (size_t i = 0; i < EXAMPLES; i++) {
		uint8_t wanted[GV_WOSHI_PACKET_MAX], got[GV_WOSHI_PACKET_MAX];
		size_t n = bytes_of(examples[i].hex, wanted);

		cr_assert_eq(gv_woshi_write(&examples[i].packet, examples[i].from, got, sizeof(got)), (int)n, "%s",
			     examples[i].name);
		cr_expect_arr_eq(got, wanted, n, "%s", examples[i].name);
	}
}

Test(woshi, reads_its_examples)
{
	for (size_t i = 0; i < EXAMPLES; i++) {
		uint8_t bytes[GV_WOSHI_PACKET_MAX];
		struct gv_woshi_packet p = { 0 };
		size_t n = bytes_of(examples[i].hex, bytes);
		struct gv_woshi_found found = next(examples[i].from, bytes, n, &p);

		cr_assert(found.packet && !found.error && found.used == n, "%s: %s", examples[i].name,
			  gv_woshi_error_name(found.error));
		cr_expect(equal(&p, &examples[i].packet), "%s", examples[i].name);
	}
}

Test(woshi, waits_for_a_whole_packet)
{
	for (size_t i = 0; i < EXAMPLES; i++) {
		uint8_t bytes[GV_WOSHI_PACKET_MAX];
		struct gv_woshi_packet p;
		size_t n = bytes_of(examples[i].hex, bytes);

		for (size_t cut = 0; cut < n; cut++) {
			struct gv_woshi_found found = next(examples[i].from, bytes, cut, &p);

			cr_expect(!found.packet && !found.used, "%s, %zu bytes", examples[i].name, cut);
		}
	}
}

Test(woshi, takes_one_packet_after_the_other)
{
	uint8_t all[4096];
	size_t n = 0, at = 0;
	struct gv_woshi_packet p;

	for (size_t i = 0; i < EXAMPLES; i++)
		if (examples[i].from == GV_WOSHI_CABINET)
			n += bytes_of(examples[i].hex, all + n);
	for (size_t i = 0; i < EXAMPLES; i++)
		if (examples[i].from == GV_WOSHI_CABINET) {
			struct gv_woshi_found found = next(GV_WOSHI_CABINET, all + at, n - at, &p);

			cr_assert(found.packet && !found.error, "%s", examples[i].name);
			cr_expect(equal(&p, &examples[i].packet), "%s", examples[i].name);
			at += found.used;
		}
	cr_expect_eq(at, n);
}

/* ---- what is refused ------------------------------------------------------------------------- */

Test(woshi, a_length_that_cannot_be_ends_the_stream)
{
	static const uint8_t lengths[][2] = { { 0, 0 }, { 0, 6 }, { 0x03, 0xff }, { 0xff, 0xff } };
	struct gv_woshi_packet p;

	for (size_t i = 0; i < 4; i++) {
		uint8_t bytes[64] = { lengths[i][0], lengths[i][1], 0x61, 1 };
		struct gv_woshi_found found = next(GV_WOSHI_CABINET, bytes, sizeof(bytes), &p);

		cr_expect(found.packet && found.error == GV_WOSHI_BAD_LENGTH && found.used == sizeof(bytes));
		found = next(GV_WOSHI_CABINET, bytes, 2, &p);
		cr_expect(found.error == GV_WOSHI_BAD_LENGTH, "it is not waited for");
	}
}

Test(woshi, the_largest_packet_is_1024_bytes)
{
	uint8_t bytes[GV_WOSHI_PACKET_MAX] = { 0x03, 0xfe, 0x61, 1 };
	struct gv_woshi_packet p;

	cr_expect_eq(next(GV_WOSHI_CABINET, bytes, sizeof(bytes) - 1, &p).used, 0);
	cr_expect_eq(next(GV_WOSHI_CABINET, bytes, sizeof(bytes), &p).used, sizeof(bytes));
	cr_expect_eq(next(GV_WOSHI_CABINET, bytes, sizeof(bytes), &p).error, GV_WOSHI_OK);
}

Test(woshi, refuses_by_name_and_goes_on)
{
	static const struct {
		const char *hex;
		enum gv_woshi_error error;
	} bad[] = {
		{ "000761020011223344", GV_WOSHI_BAD_VERSION },
		{ "000761000011223344", GV_WOSHI_BAD_VERSION },
		{ "00106601401122334401524c31417c000052", GV_WOSHI_BAD_CHECK },
		{ "00106601411122334402524c31417c000052", GV_WOSHI_BAD_CHECK },
		{ "000770010011223344", GV_WOSHI_BAD_COMMAND },
		{ "000700010011223344", GV_WOSHI_BAD_COMMAND },
	};
	uint8_t bytes[GV_WOSHI_PACKET_MAX];
	struct gv_woshi_packet p, before;

	memset(&p, 0x5a, sizeof(p));
	before = p;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		size_t n = bytes_of(bad[i].hex, bytes);
		struct gv_woshi_found found = next(GV_WOSHI_CABINET, bytes, n, &p);

		cr_expect_eq(found.error, bad[i].error, "%s: %s", bad[i].hex, gv_woshi_error_name(found.error));
		cr_expect_eq(found.used, n, "the next packet is found: %s", bad[i].hex);
		cr_expect(memcmp(&p, &before, sizeof(p)) == 0, "what is refused leaves the packet alone");
	}
}

Test(woshi, refuses_payloads_that_say_nothing)
{
	static const struct {
		const char *why, *hex;
		uint8_t command;
		enum gv_woshi_from from;
	} bad[] = {
		{ "a login without a serial number", "556677880233", 0x60, GV_WOSHI_CABINET },
		{ "an empty serial number", "556677880233000100", 0x60, GV_WOSHI_CABINET },
		{ "an empty serial number, of length 0", "5566778802330000", 0x60, GV_WOSHI_CABINET },
		{ "a serial number that is cut", "5566778802330005524c31", 0x60, GV_WOSHI_CABINET },
		{ "a text without its zero byte", "5566778802330003524c31", 0x60, GV_WOSHI_CABINET },
		{ "a zero byte within a text", "556677880233000452003100", 0x60, GV_WOSHI_CABINET },
		{ "a line feed in a text", "5566778802330003520a00", 0x60, GV_WOSHI_CABINET },
		{ "a byte that is not ASCII", "556677880233000352ff00", 0x60, GV_WOSHI_CABINET },
		{ "a length beyond everything", "556677880233ffff00", 0x60, GV_WOSHI_CABINET },
		{ "an unknown answer to a login", "03", 0x60, GV_WOSHI_SERVER_SIDE },
		{ "no answer to a login", "", 0x60, GV_WOSHI_SERVER_SIDE },
		{ "port 0", "00027800000230001e", 0x63, GV_WOSHI_SERVER_SIDE },
		{ "port 65536", "0002780000063635353336001e", 0x63, GV_WOSHI_SERVER_SIDE },
		{ "a port of six digits", "000278000007303030383030001e", 0x63, GV_WOSHI_SERVER_SIDE },
		{ "a port that is no number", "0002780000033878001e", 0x63, GV_WOSHI_SERVER_SIDE },
		{ "a heartbeat of 0 s", "00027800000338300000", 0x63, GV_WOSHI_SERVER_SIDE },
		{ "no heartbeat", "000278000003383000", 0x63, GV_WOSHI_SERVER_SIDE },
		{ "an inventory without a number", "", 0x64, GV_WOSHI_CABINET },
		{ "fewer banks than it says", "0202524c31417c00004104", 0x64, GV_WOSHI_CABINET },
		{ "more banks than it says", "0002524c31417c00004104", 0x64, GV_WOSHI_CABINET },
		{ "a slot twice", "0202524c31417c0000410402524c31417c00004404", 0x64, GV_WOSHI_CABINET },
		{ "slot 0", "0100524c31417c00004104", 0x64, GV_WOSHI_CABINET },
		{ "slot 100", "0164524c31417c00004104", 0x64, GV_WOSHI_CABINET },
		{ "lend from nowhere", "", 0x65, GV_WOSHI_SERVER_SIDE },
		{ "lend from slot 0", "00", 0x65, GV_WOSHI_SERVER_SIDE },
		{ "lent, but no bank", "0301", 0x65, GV_WOSHI_CABINET },
		{ "lent, and half a bank", "0301524c31", 0x65, GV_WOSHI_CABINET },
		{ "not lent, and half a bank", "0300524c31", 0x65, GV_WOSHI_CABINET },
		{ "no result", "03", 0x65, GV_WOSHI_CABINET },
		{ "half a bank came back", "01524c31", 0x66, GV_WOSHI_CABINET },
		{ "an unknown answer to a return", "0106", 0x66, GV_WOSHI_SERVER_SIDE },
		{ "half a network", "0d00", 0x72, GV_WOSHI_CABINET },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		cr_expect_eq(error_of(bad[i].from, bad[i].command, bad[i].hex), GV_WOSHI_BAD_PAYLOAD, "%s", bad[i].why);
}

Test(woshi, takes_what_makers_write_otherwise)
{
	struct gv_woshi_packet p = { 0 };
	uint8_t bytes[GV_WOSHI_PACKET_MAX];
	size_t n = bytes_of("000767010111223344", bytes);

	cr_expect_eq(next(GV_WOSHI_CABINET, bytes, n, &p).error, GV_WOSHI_OK, "a check of 1 over nothing, as printed");
	cr_assert_eq(payload(GV_WOSHI_CABINET, 0x60, "55667788023300025800beef", &p).error, GV_WOSHI_OK);
	cr_expect_str_eq(p.text, "X", "newer cabinets append to what was");
	cr_assert_eq(payload(GV_WOSHI_CABINET, 0x61, "00", &p).error, GV_WOSHI_OK);
	cr_assert_eq(payload(GV_WOSHI_CABINET, 0x65, "0300", &p).error, GV_WOSHI_OK);
	cr_expect_str_eq(p.bank, "", "nothing was lent: no bank need be named");
	cr_assert_eq(payload(GV_WOSHI_CABINET, 0x65, "0307524c31417c000064", &p).error, GV_WOSHI_OK);
	cr_expect_eq(p.result, 7, "a result of a maker's own: not done, and told as it is");
	cr_assert_eq(payload(GV_WOSHI_CABINET, 0x66, "010000000000000000", &p).error, GV_WOSHI_OK);
	cr_expect_str_eq(p.bank, "", "a bank that could not be read is none");
	cr_assert_eq(payload(GV_WOSHI_CABINET, 0x69, "0000", &p).error, GV_WOSHI_OK);
	cr_expect_str_eq(p.text, "", "a text without even its zero byte");
}

/* ---- writing --------------------------------------------------------------------------------- */

static int write_packet(struct gv_woshi_packet p, enum gv_woshi_from from)
{
	uint8_t bytes[GV_WOSHI_PACKET_MAX];

	return gv_woshi_write(&p, from, bytes, sizeof(bytes));
}

Test(woshi, writes_nothing_that_cannot_be_said)
{
	const enum gv_woshi_from cabinet = GV_WOSHI_CABINET, server = GV_WOSHI_SERVER_SIDE;
	struct gv_woshi_packet login = { GV_WOSHI_LOGIN, TOKEN, .text = "RL1A031712000015" }, p;
	struct gv_woshi_packet lend = { GV_WOSHI_LEND, TOKEN, .slot = 1, .bank = "524C31417C000064" };
	struct gv_woshi_packet move = { GV_WOSHI_SERVER, TOKEN, .text = "x", .port = 1, .heartbeat_s = 1 };
	struct gv_woshi_packet stock = { GV_WOSHI_INVENTORY, TOKEN, .slots = { { .slot = 1 }, { .slot = 2 } },
					 .n_slots = 2 };
	struct gv_woshi_packet back = { GV_WOSHI_RETURN, TOKEN, .slot = 1 };

#define CANNOT(of, from, change)                                                                                       \
	do {                                                                                                           \
		p = of;                                                                                                \
		cr_assert_gt(write_packet(p, from), 0);                                                                \
		change;                                                                                                \
		cr_expect_eq(write_packet(p, from), -EINVAL, "%s", #change);                                           \
	} while (0)
	CANNOT(login, cabinet, p.text[0] = '\0');
	CANNOT(login, cabinet, p.text[2] = '\n');
	CANNOT(login, cabinet, memset(p.text, 'A', sizeof(p.text)));
	CANNOT(login, cabinet, p.command = (enum gv_woshi_command)0x70);
	CANNOT(login, server, p.result = GV_WOSHI_LOGIN_TIME + 1);
	CANNOT(lend, server, p.slot = 0);
	CANNOT(lend, cabinet, p.slot = 100);
	CANNOT(lend, cabinet, strcpy(p.bank, "524C31417C00006"));
	CANNOT(lend, cabinet, strcpy(p.bank, "524C31417C00006X"));
	CANNOT(lend, cabinet, strcpy(p.bank, "0000000000000000"));
	CANNOT(lend, cabinet, memset(p.bank, 'A', sizeof(p.bank)));
	CANNOT(move, server, p.port = 0);
	CANNOT(move, server, p.heartbeat_s = 0);
	CANNOT(move, server, p.text[0] = '\0');
	CANNOT(stock, cabinet, p.n_slots = 100);
	CANNOT(stock, cabinet, p.slots[0].slot = 2);
	CANNOT(stock, cabinet, p.slots[1].slot = 0);
	CANNOT(back, server, p.result = GV_WOSHI_RETURN_NOT_EMPTY + 1);
}

Test(woshi, writes_all_or_nothing)
{
	struct gv_woshi_packet p = { GV_WOSHI_HEARTBEAT, TOKEN };
	uint8_t bytes[GV_WOSHI_HEADER] = { 0x5a };

	cr_expect_eq(gv_woshi_write(&p, GV_WOSHI_CABINET, bytes, sizeof(bytes) - 1), -ENOBUFS);
	cr_expect_eq(bytes[0], 0x5a);
	cr_expect_eq(gv_woshi_write(&p, GV_WOSHI_CABINET, bytes, sizeof(bytes)), GV_WOSHI_HEADER);
}

Test(woshi, the_largest_cabinet_fits)
{
	struct gv_woshi_packet p = { GV_WOSHI_INVENTORY, TOKEN, .n_slots = GV_WOSHI_SLOTS_MAX }, same;
	uint8_t bytes[GV_WOSHI_PACKET_MAX];
	int n;

	for (unsigned i = 0; i < GV_WOSHI_SLOTS_MAX; i++) {
		p.slots[i] = (struct gv_woshi_slot){ .slot = (uint8_t)(99 - i), .level = (uint8_t)i };
		snprintf(p.slots[i].bank, sizeof(p.slots[i].bank), "%016X", i);
	}
	n = gv_woshi_write(&p, GV_WOSHI_CABINET, bytes, sizeof(bytes));
	cr_assert_eq(n, -EINVAL, "a bank of zeros is none");
	p.slots[0].bank[0] = '\0';
	n = gv_woshi_write(&p, GV_WOSHI_CABINET, bytes, sizeof(bytes));
	cr_assert_eq(n, GV_WOSHI_HEADER + 1 + 99 * 10);
	cr_assert_eq(next(GV_WOSHI_CABINET, bytes, (size_t)n, &same).error, GV_WOSHI_OK);
	cr_expect(equal(&p, &same));
}

/* ---- what a check of eight bits finds -------------------------------------------------------- */

/* Every single wrong byte of a payload, for certain. It sees neither two that cancel each other nor two that changed
 * places, and nothing of the header: one error in 256 of those that hit more, and any in a command or a token. */
Test(woshi, no_single_byte_of_a_payload_goes_unseen)
{
	for (size_t i = 0; i < EXAMPLES; i++) {
		uint8_t bytes[GV_WOSHI_PACKET_MAX];
		struct gv_woshi_packet p;
		size_t n = bytes_of(examples[i].hex, bytes);

		for (size_t at = GV_WOSHI_HEADER; at < n; at++)
			for (unsigned flip = 1; flip < 256; flip++) {
				bytes[at] ^= (uint8_t)flip;
				cr_assert_eq(next(examples[i].from, bytes, n, &p).error, GV_WOSHI_BAD_CHECK, "%s",
					     examples[i].name);
				bytes[at] ^= (uint8_t)flip;
			}
	}
}

static uint64_t state;

static size_t below(size_t n)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (size_t)(state >> 33) % n;
}

/* Whatever comes: nothing is read beyond it, what is used was there, and what is taken can be written and reads the
 * same. SEED=n for other ones. */
Test(woshi, wrong_bytes_do_no_harm)
{
	const char *wanted = getenv("SEED");

	state = wanted ? strtoull(wanted, NULL, 10) : 1;
	fprintf(stderr, "SEED=%llu\n", (unsigned long long)state);
	for (int i = 0; i < MUTANTS; i++) {
		const struct example *e = &examples[below(EXAMPLES)];
		uint8_t bytes[GV_WOSHI_PACKET_MAX], again[GV_WOSHI_PACKET_MAX];
		struct gv_woshi_packet p = { 0 }, same = { 0 };
		size_t n = bytes_of(e->hex, bytes);
		struct gv_woshi_found found;
		int written;

		for (size_t left = 1 + below(3); left > 0; left--)
			bytes[below(n)] = (uint8_t)below(256);
		if (below(2)) /* with a check that fits they come further */
			bytes[4] = check_of(bytes, n);
		found = next(e->from, bytes, n, &p);
		cr_assert_leq(found.used, n);
		cr_assert(found.packet == (found.used > 0));
		if (!found.packet || found.error)
			continue;
		cr_assert_eq(found.used, (size_t)(bytes[0] << 8 | bytes[1]) + 2);
		written = gv_woshi_write(&p, e->from, again, sizeof(again));
		cr_assert_gt(written, 0, "%s", e->name);
		cr_assert_eq(next(e->from, again, (size_t)written, &same).error, GV_WOSHI_OK, "%s", e->name);
		cr_assert(equal(&p, &same), "%s", e->name);
	}
}
