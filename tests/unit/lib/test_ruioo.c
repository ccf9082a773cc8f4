/* Frames of the Ruioo protocol, as others write them and as we do: every packet with every CRC, what cabinets write
 * otherwise, and what must be refused by name. */
#include "ruioo_rig.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(ruioo, .init = rig_load, .fini = rig_unload);

static const char *const styles[] = { [GV_RUIOO_COMMA] = "comma", [GV_RUIOO_DOT] = "dot" };

/* The frame of a packet's vector as it stands on the wire. */
static int wire_of(const cJSON *packet, enum gv_ruioo_style style, struct gv_ruioo_check check, char *ret, size_t size)
{
	const cJSON *in = cJSON_GetObjectItemCaseSensitive(packet, styles[style]);
	const cJSON *crcs = cJSON_GetObjectItemCaseSensitive(in, "crc");
	bool swap = check.swap;
	char crc[5];

	check.swap = false;
	snprintf(crc, sizeof(crc), "%s", rig_text(crcs, gv_ruioo_check_name(check)));
	if (swap)
		snprintf(crc, sizeof(crc), "%.2s%.2s", rig_text(crcs, gv_ruioo_check_name(check)) + 2,
			 rig_text(crcs, gv_ruioo_check_name(check)));
	return snprintf(ret, size, "{\"%s%s%s\"}\r\n", rig_text(in, "fields"), rig_text(in, "sep"), crc);
}

/* ---- every packet, CRC, coverage, order of bytes, and style ---------------------------------- */

static unsigned for_each(void (*what)(const cJSON *packet, unsigned check, enum gv_ruioo_style style))
{
	const cJSON *packets = cJSON_GetObjectItem(vectors, "packets");
	unsigned count = 0;

	for (int i = 0; i < cJSON_GetArraySize(packets); i++)
		for (unsigned check = 0; check < GV_RUIOO_CHECKS; check++)
			for (enum gv_ruioo_style style = GV_RUIOO_COMMA; style <= GV_RUIOO_DOT; style++, count++)
				what(cJSON_GetArrayItem(packets, i), check, style);
	return count;
}

static void check_written(const cJSON *packet, unsigned check, enum gv_ruioo_style style)
{
	struct gv_ruioo_frame f = rig_frame(packet);
	char wanted[256], text[256];
	int size = wire_of(packet, style, gv_ruioo_check_at(check), wanted, sizeof(wanted));

	cr_expect_eq(gv_ruioo_write(&f, gv_ruioo_check_at(check), style, text, sizeof(text)), size);
	cr_expect_arr_eq(text, wanted, (size_t)size, "%.*s is not %s", size, text, wanted);
}

static void check_read(const cJSON *packet, unsigned check, enum gv_ruioo_style style)
{
	struct gv_ruioo_rules rules = { .slots = 3, .check = gv_ruioo_check_at(check) };
	struct gv_ruioo_frame f = rig_frame(packet), got = { 0 };
	struct gv_ruioo_found found;
	char text[256];
	int size = wire_of(packet, style, rules.check, text, sizeof(text));

	gv_ruioo_next(&rules, rig_from(packet), text, (size_t)size, &got, &found);
	cr_assert(found.frame && !found.error, "%s: %s", text, gv_ruioo_error_name(found.error));
	cr_expect(rig_equal(&got, &f), "%s", text);
	cr_expect_eq(found.style, style, "what the cabinet wrote can be mirrored: %s", text);
	cr_expect_eq(found.used, (size_t)size - 2, "the line end is no part of it");
	cr_expect_eq(found.junk, 0);
}

Test(ruioo, writes_every_packet_byte_for_byte)
{
	cr_expect_eq(for_each(check_written), 15 * 3 * 3 * 2 * 2);
}

Test(ruioo, reads_every_packet)
{
	cr_expect_eq(for_each(check_read), 15 * 3 * 3 * 2 * 2);
}

/* ---- what is written otherwise, and what is refused ------------------------------------------ */

Test(ruioo, takes_what_cabinets_write_otherwise)
{
	const cJSON *vector;

	cJSON_ArrayForEach(vector, cJSON_GetObjectItem(vectors, "tolerant"))
	{
		struct gv_ruioo_frame f = rig_frame(vector);
		size_t size;
		char *bytes = rig_bytes(vector, &size);
		struct rig_event e = rig_one(rig_rules(vector), rig_from(vector), bytes, size);

		cr_expect_eq(e.error, GV_RUIOO_OK, "%s: %s", rig_text(vector, "name"), gv_ruioo_error_name(e.error));
		cr_expect(e.error || rig_equal(&e.frame, &f), "%s", rig_text(vector, "name"));
		free(bytes);
	}
}

Test(ruioo, refuses_by_name)
{
	const cJSON *vector;

	cJSON_ArrayForEach(vector, cJSON_GetObjectItem(vectors, "reject"))
	{
		size_t size;
		char *bytes = rig_bytes(vector, &size);
		struct rig_event e = rig_one(rig_rules(vector), rig_from(vector), bytes, size);

		cr_expect_str_eq(gv_ruioo_error_name(e.error), rig_text(vector, "error"), "%s: %s",
				 rig_text(vector, "name"), gv_ruioo_error_name(e.error));
		free(bytes);
	}
}

Test(ruioo, what_is_refused_leaves_the_frame_alone)
{
	struct gv_ruioo_rules rules = { .slots = 3 };
	const cJSON *vector;

	cJSON_ArrayForEach(vector, cJSON_GetObjectItem(vectors, "reject"))
	{
		struct gv_ruioo_frame f, before;
		struct gv_ruioo_found found;
		size_t size;
		char *bytes = rig_bytes(vector, &size);

		memset(&f, 0x5a, sizeof(f));
		before = f;
		rules = rig_rules(vector);
		gv_ruioo_next(&rules, rig_from(vector), bytes, size, &f, &found);
		cr_expect(memcmp(&f, &before, sizeof(f)) == 0, "%s", rig_text(vector, "name"));
		free(bytes);
	}
}

/* ---- profiles -------------------------------------------------------------------------------- */

Test(ruioo, strict_takes_canonical_bytes)
{
	const cJSON *packet;

	cJSON_ArrayForEach(packet, cJSON_GetObjectItem(vectors, "packets"))
	{
		struct gv_ruioo_rules rules = { .slots = 3, .strict = true };
		struct gv_ruioo_frame f = rig_frame(packet);
		char text[256];
		int size = wire_of(packet, GV_RUIOO_COMMA, rules.check, text, sizeof(text));
		struct rig_event e = rig_one(rules, rig_from(packet), text, (size_t)size);

		cr_expect(!e.error && rig_equal(&e.frame, &f), "%s: %s", text, gv_ruioo_error_name(e.error));
		cr_expect_eq(e.at, (size_t)size, "here the line end belongs to the frame");
	}
}

Test(ruioo, strict_refuses_what_tolerant_takes)
{
	const cJSON *vector;

	cJSON_ArrayForEach(vector, cJSON_GetObjectItem(vectors, "tolerant"))
	{
		struct gv_ruioo_rules rules = rig_rules(vector);
		const char *name = rig_text(vector, "name");
		bool canonical = strcmp(name, "a bank that looks like a CRC") == 0 ||
				 strcmp(name, "EM with a bank and without") == 0 ||
				 strcmp(name, "slots in any order") == 0 || strcmp(name, "no slot at all") == 0 ||
				 strncmp(name, "a bank of 4", 11) == 0 || strncmp(name, "a bank named", 12) == 0;
		struct rig_stream s = { .from = rig_from(vector) };
		size_t size;
		char *bytes = rig_bytes(vector, &size);

		rules.strict = true;
		s.rules = rules;
		rig_feed(&s, bytes, size);
		rig_feed(&s, "?", 1); /* whoever waits for a line end has it now */
		cr_assert_eq(s.n_events, 1, "%s", name);
		cr_expect_eq(s.events[0].error, canonical ? GV_RUIOO_OK : GV_RUIOO_NOT_CANONICAL, "%s: %s", name,
			     gv_ruioo_error_name(s.events[0].error));
		rig_end(&s);
		free(bytes);
	}
}

Test(ruioo, strict_wants_the_digits_of_the_crc_in_upper_case)
{
	static const char text[] = "{\"" IMEI ",CH,,0c49\"}\r\n";
	struct gv_ruioo_rules rules = { .slots = 3, .strict = true };

	cr_expect_eq(rig_one(rules, GV_RUIOO_CABINET, text, strlen(text)).error, GV_RUIOO_NOT_CANONICAL);
	rules.strict = false;
	cr_expect_eq(rig_one(rules, GV_RUIOO_CABINET, text, strlen(text)).error, GV_RUIOO_OK);
}

Test(ruioo, strict_waits_for_the_line_end)
{
	static const char text[] = "{\"" IMEI ",CH,,0C49\"}\r\n";
	struct gv_ruioo_rules rules = { .slots = 3, .strict = true };
	struct rig_stream s = { .rules = rules };

	rig_feed(&s, text, sizeof(text) - 3);
	cr_expect_eq(s.n_events, 0);
	rig_feed(&s, "\r", 1);
	cr_expect_eq(s.n_events, 0);
	rig_feed(&s, "\n", 1);
	cr_assert_eq(s.n_events, 1);
	cr_expect_eq(s.events[0].error, GV_RUIOO_OK);
	rig_end(&s);
}

/* Three frames of any of the 18 combinations fit that one and, taken together, no other. */
Test(ruioo, learns_each_combination_from_three_frames)
{
	struct gv_ruioo_rules rules = { .slots = 3, .learn = true };

	for (unsigned n = 0; n < GV_RUIOO_CHECKS; n++) {
		uint32_t fits = UINT32_MAX;

		for (int no = 0; no < 3; no++) {
			static const int packets[] = { 0, 2, 4 }; /* CH, AQ, MQ */
			const cJSON *packet = cJSON_GetArrayItem(cJSON_GetObjectItem(vectors, "packets"), packets[no]);
			struct gv_ruioo_frame f;
			struct gv_ruioo_found found;
			char text[256];
			int size = wire_of(packet, GV_RUIOO_COMMA, gv_ruioo_check_at(n), text, sizeof(text));

			gv_ruioo_next(&rules, GV_RUIOO_CABINET, text, (size_t)size, &f, &found);
			cr_assert(found.frame && !found.error, "%s", text);
			cr_expect(found.matches & UINT32_C(1) << n, "%s", gv_ruioo_check_name(gv_ruioo_check_at(n)));
			fits &= found.matches;
		}
		cr_expect_eq(fits, UINT32_C(1) << n, "%s: %x", gv_ruioo_check_name(gv_ruioo_check_at(n)), fits);
	}
}

Test(ruioo, learning_refuses_what_fits_none)
{
	struct gv_ruioo_rules rules = { .slots = 3, .learn = true };
	static const char text[] = "{\"" IMEI ",CH,,0000\"}";

	cr_expect_eq(rig_one(rules, GV_RUIOO_CABINET, text, strlen(text)).error, GV_RUIOO_BAD_CRC);
}

Test(ruioo, the_laboratory_takes_a_wrong_crc_but_not_none)
{
	struct gv_ruioo_rules rules = { .slots = 3, .unchecked = true };
	static const char wrong[] = "{\"" IMEI ",CH,,0000\"}", none[] = "{\"" IMEI ",CH\"}";

	cr_expect_eq(rig_one(rules, GV_RUIOO_CABINET, wrong, strlen(wrong)).error, GV_RUIOO_OK);
	cr_expect_eq(rig_one(rules, GV_RUIOO_CABINET, none, strlen(none)).error, GV_RUIOO_NO_CRC);
}

Test(ruioo, checks_have_names)
{
	struct gv_ruioo_check check = gv_ruioo_check_at(0), same;

	cr_expect(check.crc == GV_CRC16_MODBUS && check.cover == GV_RUIOO_FIELDS && !check.swap, "the default is 0");
	cr_expect_str_eq(gv_ruioo_check_name(check), "MODBUS/fields");
	for (unsigned n = 0; n < GV_RUIOO_CHECKS; n++) {
		check = gv_ruioo_check_at(n);
		cr_assert_eq(gv_ruioo_check_parse(gv_ruioo_check_name(check), &same), 0);
		cr_expect(same.crc == check.crc && same.cover == check.cover && same.swap == check.swap);
	}
	cr_expect_eq(gv_ruioo_check_parse("XMODEM/frame/swap", &same), 0);
	cr_expect(same.crc == GV_CRC16_XMODEM && same.cover == GV_RUIOO_FRAME && same.swap);
	check = same;
	cr_expect_eq(gv_ruioo_check_parse("modbus/fields", &same), -EINVAL);
	cr_expect_eq(gv_ruioo_check_parse("", &same), -EINVAL);
	cr_expect(same.crc == check.crc && same.cover == check.cover && same.swap == check.swap, "untouched");
}

/* ---- writing --------------------------------------------------------------------------------- */

static int write_frame(struct gv_ruioo_frame f)
{
	char text[GV_RUIOO_FRAME_MAX];

	return gv_ruioo_write(&f, gv_ruioo_check_at(0), GV_RUIOO_COMMA, text, sizeof(text));
}

Test(ruioo, writes_nothing_that_cannot_be_said)
{
	struct gv_ruioo_frame cc = { IMEI, GV_RUIOO_CC, GV_RUIOO_BW, 1, "RL10000001", { { 0 } }, 0 }, f;
	struct gv_ruioo_frame aq = { .imei = IMEI, .command = GV_RUIOO_AQ, .n_slots = 2 };

	aq.slots[0] = (struct gv_ruioo_slot){ 1, GV_RUIOO_EM, "" };
	aq.slots[1] = (struct gv_ruioo_slot){ 99, GV_RUIOO_FU, "RL10000001" };
	cr_assert_gt(write_frame(cc), 0);
	cr_assert_gt(write_frame(aq), 0);
#define CANNOT(of, change)                                                                                             \
	do {                                                                                                           \
		f = of;                                                                                                \
		change;                                                                                                \
		cr_expect_eq(write_frame(f), -EINVAL, "%s", #change);                                                  \
	} while (0)
	CANNOT(cc, f.slot = 0);
	CANNOT(cc, f.slot = 100);
	CANNOT(cc, strcpy(f.bank, ""));
	CANNOT(cc, strcpy(f.bank, "RL1"));
	CANNOT(cc, strcpy(f.bank, "rl10000001"));
	CANNOT(cc, strcpy(f.bank, "RL1,00001"));
	CANNOT(cc, memset(f.bank, 'A', sizeof(f.bank)));
	CANNOT(cc, strcpy(f.imei, "86000000000000"));
	CANNOT(cc, strcpy(f.imei, "86000000000000A"));
	CANNOT(cc, memset(f.imei, '8', sizeof(f.imei)));
	CANNOT(cc, f.sub = GV_RUIOO_NONE);
	CANNOT(cc, f.sub = GV_RUIOO_BO);
	CANNOT(cc, f.command = GV_RUIOO_MQ);
	CANNOT(cc, f.command = GV_RUIOO_COMMANDS);
	CANNOT(aq, f.slots[0].slot = 0);
	CANNOT(aq, f.slots[0].slot = 100);
	CANNOT(aq, f.slots[0].slot = 99);
	CANNOT(aq, f.slots[0].state = GV_RUIOO_STATES);
	CANNOT(aq, strcpy(f.slots[1].bank, "RL1"));
	CANNOT(aq, f.n_slots = GV_RUIOO_SLOTS_MAX + 1);
	char text[64];
	cr_expect_eq(gv_ruioo_write(&cc, gv_ruioo_check_at(0), GV_RUIOO_MIRROR, text, sizeof(text)), -EINVAL,
		     "only the caller knows what to mirror");
}

Test(ruioo, writes_all_or_nothing)
{
	struct gv_ruioo_frame f = { .imei = IMEI };
	char text[] = "..............................";

	cr_assert_eq(strlen(text), 30, "as long as the frame is");
	cr_expect_eq(gv_ruioo_write(&f, gv_ruioo_check_at(0), GV_RUIOO_COMMA, text, 29), -ENOBUFS);
	cr_expect_str_eq(text, "..............................");
	cr_expect_eq(gv_ruioo_write(&f, gv_ruioo_check_at(0), GV_RUIOO_COMMA, text, 30), 30);
	cr_expect_str_eq(text, "{\"" IMEI ",CH,,0C49\"}\r\n");
}

/* The largest frame: 99 slots, each with a bank of 20 characters, in both styles. */
Test(ruioo, the_largest_cabinet_fits)
{
	struct gv_ruioo_rules rules = { .slots = GV_RUIOO_SLOTS_MAX };
	struct gv_ruioo_frame f = { .imei = IMEI, .command = GV_RUIOO_AQ, .n_slots = GV_RUIOO_SLOTS_MAX };
	char text[GV_RUIOO_FRAME_MAX];

	for (uint8_t i = 0; i < f.n_slots; i++) {
		f.slots[i] = (struct gv_ruioo_slot){ (uint8_t)(i + 1), (enum gv_ruioo_state)(i % 4), "" };
		memset(f.slots[i].bank, 'A' + i % 26, GV_RUIOO_BANK_SIZE - 1);
	}
	for (enum gv_ruioo_style style = GV_RUIOO_COMMA; style <= GV_RUIOO_DOT; style++) {
		int size = gv_ruioo_write(&f, rules.check, style, text, sizeof(text));
		struct rig_event e;

		cr_assert_gt(size, 0);
		e = rig_one(rules, GV_RUIOO_CABINET, text, (size_t)size);
		cr_expect(!e.error && rig_equal(&e.frame, &f), "%s", gv_ruioo_error_name(e.error));
	}
}

Test(ruioo, the_check_digit_of_an_imei)
{
	cr_expect(gv_ruioo_imei_luhn("490154203237518"));
	cr_expect_not(gv_ruioo_imei_luhn("490154203237519"));
	cr_expect_not(gv_ruioo_imei_luhn(IMEI), "the document's own example is wrong, and must work all the same");
	cr_expect_not(gv_ruioo_imei_luhn(""));
	cr_expect_not(gv_ruioo_imei_luhn("49015420323751"));
}
