/* The cabinet's model against a server played by the test: what it says, in which order, and what its faults do. */
#include "plugins/sim/cabinet.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define IMEI "860000000000001"
#define BANK "RL10000001"
#define OTHER "RL1000000002"
#define HEX_BANK "524C3130303030FF"

static struct {
	struct cabinet *c;
	struct cabinet_env env;
	int64_t now_ms, reconnect_ms;
	char out[8192]; /* what the cabinet said since it was last read */
	size_t out_size;
	uint64_t random, fixed; /* fixed: what random gives, if it is not 0 */
	char moves[400];
	unsigned drops;
} rig;

static uint64_t on_random(void *arg)
{
	if (rig.fixed)
		return rig.fixed;
	return rig.random = rig.random * 6364136223846793005u + 1442695040888963407u;
}

static void on_send(void *arg, const void *data, size_t size)
{
	cr_assert_leq(rig.out_size + size, sizeof rig.out);
	memcpy(rig.out + rig.out_size, data, size);
	rig.out_size += size;
}

static void on_drop(void *arg, enum cabinet_drop how, int64_t reconnect_at_ms)
{
	rig.drops++;
	rig.reconnect_ms = reconnect_at_ms;
}

static void on_moved(void *arg, enum cabinet_move what, unsigned slot, const char *bank)
{
	static const char *const names[] = { "out", "in", "back", "stuck" };
	size_t n = strlen(rig.moves);
	snprintf(rig.moves + n, sizeof rig.moves - n, "%s %u %s;", names[what], slot, bank);
}

static void begin(enum cabinet_family family, const struct cabinet_faults *faults)
{
	rig.env = (struct cabinet_env){ NULL, on_random, on_send, on_drop, on_moved, NULL, NULL };
	rig.now_ms = 1763700000000;
	rig.random = 7;
	struct cabinet_options o = { .imei = IMEI, .family = family, .env = &rig.env, .powered_up_ms = rig.now_ms };
	if (faults)
		o.faults = *faults;
	cr_assert_eq(cabinet_create(&o, &rig.c), 0);
	const char *bank = family == CABINET_RUIOO ? BANK : HEX_BANK;
	cr_assert_eq(cabinet_stock(rig.c, rig.now_ms, 1, bank, 100), 1);
	cabinet_connected(rig.c, rig.now_ms);
}

static void tear_down(void)
{
	cabinet_destroy(rig.c);
	memset(&rig, 0, sizeof rig);
}

TestSuite(cabinet, .fini = tear_down);

static void run_ms(int64_t ms)
{
	int64_t until = rig.now_ms + ms, next;
	while ((next = cabinet_next_ms(rig.c)) <= until) {
		rig.now_ms = next > rig.now_ms ? next : rig.now_ms;
		cabinet_run(rig.c, rig.now_ms);
	}
	rig.now_ms = until;
}

static void tell(enum gv_ruioo_command command, enum gv_ruioo_sub sub, unsigned slot, const char *bank)
{
	struct gv_ruioo_frame f = { .imei = IMEI, .command = command, .sub = sub, .slot = (uint8_t)slot };
	char text[GV_RUIOO_FRAME_MAX];
	snprintf(f.bank, sizeof f.bank, "%s", bank);
	int n = gv_ruioo_write(&f, gv_ruioo_check_at(0), GV_RUIOO_COMMA, text, sizeof text);
	cr_assert_gt(n, 0);
	for (int i = 0; i < n; i++) /* TCP cuts anywhere */
		cabinet_receive(rig.c, rig.now_ms, text + i, 1);
}

/* What was said since the last call, without braces, CRC and line ends: "860...,CH,,|860...,MC,BO,1,RL...,|". */
static const char *said(void)
{
	static char text[8192];
	struct gv_ruioo_rules rules = { .check = gv_ruioo_check_at(0), .slots = 3 };
	struct gv_ruioo_frame f;
	struct gv_ruioo_found found;
	size_t n = 0, at = 0;
	for (; at < rig.out_size; at += found.used) {
		gv_ruioo_next(&rules, GV_RUIOO_CABINET, rig.out + at, rig.out_size - at, &f, &found);
		cr_assert(found.used && (!found.frame || found.error == GV_RUIOO_OK), "%s in %.*s",
			  gv_ruioo_error_name(found.error), (int)rig.out_size, rig.out);
		if (!found.frame)
			continue;
		n += (size_t)snprintf(text + n, sizeof text - n, "%s %s", gv_ruioo_command_name(f.command),
				      gv_ruioo_sub_name(f.sub));
		if (f.command != GV_RUIOO_CH && f.command != GV_RUIOO_AQ)
			n += (size_t)snprintf(text + n, sizeof text - n, " %u %s", f.slot, f.bank);
		for (unsigned i = 0; i < f.n_slots; i++)
			n += (size_t)snprintf(text + n, sizeof text - n, "%u=%s%s%s,", f.slots[i].slot,
					      gv_ruioo_state_name(f.slots[i].state), f.slots[i].bank[0] ? ":" : "",
					      f.slots[i].bank);
		n += (size_t)snprintf(text + n, sizeof text - n, ";");
	}
	text[n] = 0;
	rig.out_size = 0;
	return text;
}

/* ---- the text family ------------------------------------------------------------------------- */

Test(cabinet, says_hello_when_it_is_connected_and_each_minute)
{
	begin(CABINET_RUIOO, NULL);
	cr_assert_str_eq(said(), "CH ;");
	run_ms(59999);
	cr_assert_str_eq(said(), "");
	run_ms(60001);
	cr_assert_str_eq(said(), "CH ;CH ;");
}

Test(cabinet, lends_what_it_is_told_and_says_so_until_it_is_heard)
{
	begin(CABINET_RUIOO, NULL);
	said();
	tell(GV_RUIOO_CC, GV_RUIOO_BW, 1, BANK);
	cr_assert_str_eq(rig.moves, "", "it takes a moment");
	run_ms(3000);
	cr_assert_str_eq(rig.moves, "out 1 " BANK ";");
	cr_assert_str_eq(said(), "MC BO 1 " BANK ";");
	run_ms(10000);
	cr_assert_str_eq(said(), "MC BO 1 " BANK ";", "nobody answered");
	tell(GV_RUIOO_AM, GV_RUIOO_BO, 1, BANK);
	run_ms(30000);
	cr_assert_str_eq(said(), "", "somebody did");
}

Test(cabinet, does_not_open_twice_for_a_command_that_comes_twice)
{
	begin(CABINET_RUIOO, NULL);
	said();
	tell(GV_RUIOO_CC, GV_RUIOO_BW, 1, BANK);
	tell(GV_RUIOO_CC, GV_RUIOO_BW, 1, BANK);
	run_ms(3000);
	cr_assert_str_eq(rig.moves, "out 1 " BANK ";");
	cr_assert_str_eq(said(), "MC BO 1 " BANK ";");
	tell(GV_RUIOO_CC, GV_RUIOO_BW, 1, BANK);
	run_ms(1);
	cr_assert_str_eq(said(), "MR BF 1 " BANK ";", "the slot is empty by now");
}

Test(cabinet, opens_for_another_bank_unless_it_checks)
{
	begin(CABINET_RUIOO, NULL);
	tell(GV_RUIOO_CC, GV_RUIOO_BW, 1, OTHER);
	run_ms(3000);
	cr_assert_str_eq(rig.moves, "out 1 " BANK ";");
	tear_down();
	begin(CABINET_RUIOO, &(struct cabinet_faults){ .checks_bank = true });
	tell(GV_RUIOO_CC, GV_RUIOO_BW, 1, OTHER);
	run_ms(3000);
	cr_assert_str_eq(rig.moves, "");
	cr_assert_str_eq(said(), "CH ;MR BF 1 " OTHER ";");
}

Test(cabinet, asks_before_it_takes_a_bank_back)
{
	begin(CABINET_RUIOO, NULL);
	said();
	cr_assert_eq(cabinet_insert(rig.c, rig.now_ms, 2, OTHER, 20), 2);
	run_ms(1000);
	cr_assert_str_eq(said(), "MQ  2 " OTHER ";");
	tell(GV_RUIOO_RQ, GV_RUIOO_T, 2, OTHER);
	run_ms(2000);
	cr_assert_str_eq(rig.moves, "in 2 " OTHER ";");
	cr_assert_str_eq(said(), "MC RO 2 " OTHER ";");
	tell(GV_RUIOO_AM, GV_RUIOO_RO, 2, OTHER);
	tell(GV_RUIOO_CQ, GV_RUIOO_NONE, 0, "");
	cr_assert_str_eq(said(), "AQ 1=FU:" BANK ",2=NF:" OTHER ",;");
}

Test(cabinet, gives_a_bank_back_that_is_refused_or_not_answered_for)
{
	begin(CABINET_RUIOO, NULL);
	cabinet_insert(rig.c, rig.now_ms, 0, OTHER, 20);
	run_ms(1000);
	tell(GV_RUIOO_RQ, GV_RUIOO_F, 2, OTHER);
	cr_assert_str_eq(rig.moves, "back 2 " OTHER ";");
	said();
	cabinet_insert(rig.c, rig.now_ms, 3, OTHER, 20);
	run_ms(20000);
	cr_assert_str_eq(said(), "MQ  3 " OTHER ";MQ  3 " OTHER ";MQ  3 " OTHER ";");
	cr_assert_str_eq(rig.moves, "back 2 " OTHER ";back 3 " OTHER ";");
}

Test(cabinet, jams_say_so_in_both_spellings)
{
	begin(CABINET_RUIOO, &(struct cabinet_faults){ .jam_pm = 1000, .return_jam_pm = 1000 });
	said();
	tell(GV_RUIOO_CC, GV_RUIOO_BW, 1, BANK);
	run_ms(3000);
	cr_assert_str_eq(said(), "MR BF 1 " BANK ";");
	tell(GV_RUIOO_AR, GV_RUIOO_BF, 1, BANK);
	cabinet_insert(rig.c, rig.now_ms, 2, OTHER, 20);
	run_ms(1000);
	tell(GV_RUIOO_RQ, GV_RUIOO_T, 2, OTHER);
	said();
	run_ms(2000);
	cr_assert_str_eq(said(), "MR RF 2 " OTHER ";");
	cr_assert_str_eq(rig.moves, "stuck 1 " BANK ";back 2 " OTHER ";");
	tell(GV_RUIOO_AR, GV_RUIOO_RF, 2, OTHER);
	cabinet_set_faults(rig.c, &(struct cabinet_faults){ .return_jam_pm = 1000, .bf_for_rf = true });
	cabinet_insert(rig.c, rig.now_ms, 2, OTHER, 20);
	run_ms(1000);
	tell(GV_RUIOO_RQ, GV_RUIOO_T, 2, OTHER);
	said();
	run_ms(2000);
	cr_assert_str_eq(said(), "MR BF 2 " OTHER ";");
	tell(GV_RUIOO_AR, GV_RUIOO_RF, 2, OTHER);
	run_ms(15000);
	cr_assert_str_eq(said(), "", "AR.RF answers what was said as BF");
}

Test(cabinet, loses_and_doubles_reports_as_told)
{
	begin(CABINET_RUIOO, &(struct cabinet_faults){ .lose_report_pm = 1000 });
	said();
	tell(GV_RUIOO_CC, GV_RUIOO_BW, 1, BANK);
	run_ms(25000);
	cr_assert_str_eq(said(), "");
	cabinet_set_faults(rig.c, &(struct cabinet_faults){ .double_report_pm = 1000 });
	run_ms(10000);
	cr_assert_str_eq(said(), "MC BO 1 " BANK ";MC BO 1 " BANK ";");
	cabinet_set_faults(rig.c, &(struct cabinet_faults){ .lose_answer_pm = 1000 });
	tell(GV_RUIOO_AM, GV_RUIOO_BO, 1, BANK);
	run_ms(10000);
	cr_assert_str_eq(said(), "MC BO 1 " BANK ";", "it did not get the answer");
}

Test(cabinet, comes_back_from_a_power_cut_before_or_after_the_bank_is_out)
{
	struct cabinet_state state;
	begin(CABINET_RUIOO, &(struct cabinet_faults){ .reboot_before_pm = 1000 });
	tell(GV_RUIOO_CC, GV_RUIOO_BW, 1, BANK);
	run_ms(3000);
	cr_assert_eq(rig.drops, 1);
	cr_assert_gt(rig.reconnect_ms, rig.now_ms);
	cr_assert_str_eq(rig.moves, "");
	tear_down();
	begin(CABINET_RUIOO, &(struct cabinet_faults){ .reboot_after_pm = 1000 });
	tell(GV_RUIOO_CC, GV_RUIOO_BW, 1, BANK);
	run_ms(3000);
	cr_assert_str_eq(rig.moves, "out 1 " BANK ";");
	rig.out_size = 0;
	cabinet_connected(rig.c, rig.reconnect_ms);
	rig.now_ms = rig.reconnect_ms;
	run_ms(20000);
	cr_assert_str_eq(said(), "CH ;", "nobody will ever be told");
	cabinet_get_state(rig.c, &state);
	cr_assert_eq(state.ejects, 1);
	cr_assert_eq(state.banks, 0);
}

Test(cabinet, writes_its_list_in_all_the_ways_that_the_document_allows)
{
	static const struct cabinet_faults ways[] = {
		{ 0 },
		{ .glued_list = true },
		{ .comma_list = true },
		{ .nu_for_nf = true, .glued_list = true },
		{ .nu_for_nf = true, .comma_list = true },
	};
	for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
		begin(CABINET_RUIOO, &ways[i]);
		cabinet_stock(rig.c, rig.now_ms, 2, OTHER, 50);
		cabinet_break(rig.c, rig.now_ms, 3, true);
		said();
		tell(GV_RUIOO_CQ, GV_RUIOO_NONE, 0, "");
		cr_assert_str_eq(said(), "AQ 1=FU:" BANK ",2=NF:" OTHER ",3=ER,;", "way %zu", i);
		tear_down();
	}
}

Test(cabinet, shows_a_bank_that_has_just_left_where_it_is_slow)
{
	begin(CABINET_RUIOO, &(struct cabinet_faults){ .stale_list = true });
	tell(GV_RUIOO_CC, GV_RUIOO_BW, 1, BANK);
	while (!*rig.moves)
		run_ms(100);
	said();
	tell(GV_RUIOO_CQ, GV_RUIOO_NONE, 0, "");
	cr_assert_str_eq(said(), "AQ 1=FU:" BANK ",;");
	run_ms(5000);
	said();
	tell(GV_RUIOO_CQ, GV_RUIOO_NONE, 0, "");
	cr_assert_str_eq(said(), "AQ ;");
}

Test(cabinet, says_nothing_where_it_never_answers)
{
	begin(CABINET_RUIOO, &(struct cabinet_faults){ .never_answers = true });
	said();
	tell(GV_RUIOO_CQ, GV_RUIOO_NONE, 0, "");
	tell(GV_RUIOO_CC, GV_RUIOO_BW, 1, BANK);
	run_ms(30000);
	cr_assert_str_eq(said(), "");
	cr_assert_str_eq(rig.moves, "");
}

Test(cabinet, takes_whatever_comes_in)
{
	begin(CABINET_RUIOO, NULL);
	for (unsigned i = 0; i < 20000; i++) {
		unsigned char byte = (unsigned char)(on_random(NULL) >> 33);
		cabinet_receive(rig.c, rig.now_ms, &byte, 1);
	}
	cabinet_receive(rig.c, rig.now_ms, "\r\n", 2);
	said();
	tell(GV_RUIOO_CQ, GV_RUIOO_NONE, 0, "");
	cr_assert_str_eq(said(), "AQ 1=FU:" BANK ",;");
}

Test(cabinet, people_cannot_do_what_the_slot_does_not_allow)
{
	char bank[CABINET_BANK_SIZE];
	begin(CABINET_RUIOO, NULL);
	cr_assert_eq(cabinet_insert(rig.c, rig.now_ms, 1, OTHER, 1), -EBUSY);
	cr_assert_eq(cabinet_insert(rig.c, rig.now_ms, 4, OTHER, 1), -ENOENT);
	cr_assert_eq(cabinet_insert(rig.c, rig.now_ms, 2, "no", 1), -EINVAL);
	cr_assert_eq(cabinet_take(rig.c, rig.now_ms, 2, bank), -ENODATA);
	cr_assert_eq(cabinet_take(rig.c, rig.now_ms, 1, bank), 0);
	cr_assert_str_eq(bank, BANK);
	struct cabinet_options o = { .imei = "8600000000000012", .env = &rig.env };
	struct cabinet *c;
	cr_assert_eq(cabinet_create(&o, &c), -EINVAL);
}

/* ---- the binary family ----------------------------------------------------------------------- */

static void order(enum gv_woshi_command command, unsigned slot, unsigned result)
{
	struct gv_woshi_packet p = {
		.command = command, .token = GV_WOSHI_TOKEN, .slot = (uint8_t)slot, .result = (uint8_t)result
	};
	uint8_t data[GV_WOSHI_PACKET_MAX];
	int n = gv_woshi_write(&p, GV_WOSHI_SERVER_SIDE, data, sizeof data);
	cr_assert_gt(n, 0);
	for (int i = 0; i < n; i++)
		cabinet_receive(rig.c, rig.now_ms, data + i, 1);
}

static struct gv_woshi_packet heard(void)
{
	struct gv_woshi_packet p = { 0 };
	struct gv_woshi_found found;
	gv_woshi_next(GV_WOSHI_CABINET, (uint8_t *)rig.out, rig.out_size, &p, &found);
	cr_assert(found.packet && found.error == GV_WOSHI_OK, "it said nothing, or nonsense");
	rig.out_size -= found.used;
	memmove(rig.out, rig.out + found.used, rig.out_size);
	return p;
}

Test(cabinet, binary_logs_in_and_tells_what_it_holds)
{
	begin(CABINET_WOSHI, NULL);
	struct gv_woshi_packet p = heard();
	cr_assert(p.command == GV_WOSHI_LOGIN && strcmp(p.text, IMEI) == 0);
	order(GV_WOSHI_LOGIN, 0, GV_WOSHI_LOGIN_OK);
	order(GV_WOSHI_INVENTORY, 0, 0);
	p = heard();
	cr_assert(p.command == GV_WOSHI_INVENTORY && p.n_slots == 1 && p.slots[0].slot == 1);
	cr_assert_str_eq(p.slots[0].bank, HEX_BANK);
	cr_assert_eq(p.slots[0].level, 4);
}

Test(cabinet, binary_answers_a_lend_once)
{
	begin(CABINET_WOSHI, NULL);
	heard();
	order(GV_WOSHI_LEND, 1, 0);
	run_ms(3000);
	struct gv_woshi_packet p = heard();
	cr_assert(p.command == GV_WOSHI_LEND && p.slot == 1 && p.result == 1);
	cr_assert_str_eq(p.bank, HEX_BANK);
	run_ms(30000);
	cr_assert_eq(rig.out_size, 0, "no answer to an answer is waited for");
	order(GV_WOSHI_FORCE_EJECT, 1, 0);
	run_ms(1);
	p = heard();
	cr_assert(p.command == GV_WOSHI_FORCE_EJECT && p.result == 0, "the slot is empty");
}

Test(cabinet, binary_asks_about_a_bank_until_it_is_told)
{
	begin(CABINET_WOSHI, NULL);
	heard();
	cr_assert_eq(cabinet_insert(rig.c, rig.now_ms, 0, "524C3130303030EE", 40), 2);
	run_ms(6500);
	for (unsigned i = 0; i < 2; i++) {
		struct gv_woshi_packet p = heard();
		cr_assert(p.command == GV_WOSHI_RETURN && p.slot == 2);
	}
	order(GV_WOSHI_RETURN, 2, GV_WOSHI_RETURN_OK);
	run_ms(30000);
	cr_assert_eq(rig.out_size, 0);
	cabinet_insert(rig.c, rig.now_ms, 3, "524C3130303030DD", 40);
	run_ms(1000);
	order(GV_WOSHI_RETURN, 3, GV_WOSHI_RETURN_ILLEGAL);
	cr_assert_not_null(strstr(rig.moves, "back 3 524C3130303030DD;"));
}
