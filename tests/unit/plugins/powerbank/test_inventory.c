/* What follows from what a cabinet says it holds: the books give way, and rentals end that nobody reported. */
#include "rig.h"

#include <string.h>

#define BANKS "1.FU.BANK0001;2.NF.BANK0002;3.EM;"

static struct box *b;

static void setup(void)
{
	rig_start(NULL);
	b = ready(IMEI, BANKS);
}

static void audit(const char *inventory)
{
	holds(b, inventory);
	cr_assert_eq(ask("Audit", "{\"device\":\"" DEVICE "\"}"), GV_OK, "%s", text("error"));
}

static void lent(void)
{
	lend("O-1", 1);
	heard(b);
	say(b, "MC,BO,1,BANK0001");
	heard(b);
	holds(b, "1.EM;2.NF.BANK0002;3.EM;");
	cr_assert_str_eq(state(1), "ACTIVE");
}

TestSuite(inventory, .init = setup, .fini = rig_stop);

Test(inventory, one_that_changes_nothing_is_told_to_nobody)
{
	unsigned before = events("CabinetChanged");

	for (int i = 0; i < 5; i++) {
		pass(MINUTE_MS);
		say(b, "AQ," BANKS);
	}
	settle();
	cr_expect_eq(events("CabinetChanged"), before);
	ask("GetCabinet", "{\"device\":\"" DEVICE "\"}");
	cr_expect_geq(number("cabinet.inventoryAtMs"), host_now_ms(h) - SECOND_MS, "but it is known when it came");
	say(b, "AQ,1.NF.BANK0001;2.NF.BANK0002;3.EM;");
	settle();
	cr_expect_eq(events("CabinetChanged"), before + 1);
}

/* ---- banks ----------------------------------------------------------------------------------- */

Test(inventory, a_bank_that_has_left_unseen_is_missing)
{
	audit("1.EM;2.NF.BANK0002;3.EM;");
	cr_expect_str_eq(text("differences.0"), "slot 1: the books have bank BANK0001, the cabinet has not");
	cr_expect_str_eq(place("BANK0001"), "MISSING");
	cr_expect_eq(incidents("bank-missing"), 1);
	audit(BANKS);
	cr_expect_str_eq(place("BANK0001"), "IN_SLOT");
	cr_expect_eq(incidents("bank-missing"), 2, "that it is over is told as well");
}

Test(inventory, an_audit_without_differences_says_none)
{
	audit(BANKS);
	cr_expect_str_eq(text("differences.0"), "(none)");
	cr_expect_str_eq(text("cabinet.fullBanks"), "2");
}

Test(inventory, a_silent_cabinet_is_audited_in_vain)
{
	holds(b, NULL);
	cr_expect_eq(ask("Audit", "{\"device\":\"" DEVICE "\"}"), GV_UNAVAILABLE);
}

Test(inventory, a_rented_bank_that_is_there_has_been_returned_when_it_was_last_not_there)
{
	int64_t seen_ms;

	lent();
	pass(MINUTE_MS);
	audit("1.EM;2.NF.BANK0002;3.EM;");
	seen_ms = host_now_ms(h);
	pass(10 * MINUTE_MS);
	audit("1.EM;2.NF.BANK0002;3.NF.BANK0001;");
	cr_expect_str_eq(state(1), "RETURNED");
	cr_expect(flagged(1, "missed-return"));
	cr_expect_leq(atoll(of(1, "endedAtMs")), seen_ms, "in the customer's favour");
	cr_expect_geq(atoll(of(1, "endedAtMs")), seen_ms - SECOND_MS);
	cr_expect_eq(incidents("missed-return"), 1);
	say(b, "MC,RO,3,BANK0001");
	cr_expect_str_eq(heard(b), "AM,RO,3,BANK0001");
	cr_expect_eq(events("RentalEnded"), 1);
}

Test(inventory, one_that_came_back_during_an_outage_came_back_at_its_beginning)
{
	int64_t lost_ms;

	lent();
	pass(10 * MINUTE_MS);
	host_station_finish(b->station);
	settle();
	lost_ms = host_now_ms(h);
	pass(HOUR_MS);
	holds(b, "1.NF.BANK0001;2.NF.BANK0002;3.EM;");
	host_station_connect(b->station);
	settle();
	say(b, "CH,");
	settle();
	cr_expect_str_eq(state(1), "RETURNED");
	cr_expect_leq(atoll(of(1, "endedAtMs")), lost_ms);
	cr_expect_geq(atoll(of(1, "endedAtMs")), lost_ms - SECOND_MS);
	cr_expect_str_eq(of(1, "freezes.0.why"), "(none)", "the outage lies behind its end");
}

Test(inventory, a_bank_that_may_come_in_is_waited_for)
{
	lent();
	say(b, "MQ,3,BANK0001");
	cr_expect_str_eq(heard(b), "RQ,T,3,BANK0001");
	audit("1.EM;2.NF.BANK0002;3.NF.BANK0001;");
	cr_expect_str_eq(state(1), "ACTIVE", "its report is on the way");
	pass(90 * SECOND_MS);
	cr_expect_str_eq(state(1), "RETURNED", "or is not");
}

Test(inventory, a_bank_of_another_cabinet_is_a_ghost_and_is_here_now)
{
	ready(OTHER_IMEI, "1.FU.BANK0003;2.EM;3.EM;");
	audit("1.FU.BANK0001;2.NF.BANK0002;3.FU.BANK0003;");
	cr_expect_eq(incidents("ghost"), 1);
	ask("Lending/Lend", "{\"device\":\"" OTHER "\",\"order\":\"O-7\"}");
	cr_expect_str_eq(text("error"), OTHER " has no bank that can be lent", "it is in one place only");
}

Test(inventory, two_slots_do_not_hold_one_bank)
{
	audit("1.FU.BANK0001;2.FU.BANK0001;3.EM;");
	cr_expect_str_eq(slot_field(DEVICE, 1, "bank"), "BANK0001");
	cr_expect_str_eq(slot_field(DEVICE, 2, "bank"), "");
}

Test(inventory, a_bank_that_nobody_knows_is_made_known)
{
	audit("1.FU.BANK0001;2.NF.BANK0002;3.FU.NEWBANK1;");
	cr_expect_str_eq(place("NEWBANK1"), "IN_SLOT");
	cr_expect_eq(lend("O-1", 3), GV_OK);
}

/* ---- when it is asked for -------------------------------------------------------------------- */

Test(inventory, it_is_asked_for_every_twenty_minutes_give_or_take_two)
{
	unsigned before = b->asked;

	pass(17 * MINUTE_MS);
	cr_expect_eq(b->asked, before);
	pass(6 * MINUTE_MS);
	cr_expect_eq(b->asked, before + 1);
}

Test(inventory, a_question_without_an_answer_is_repeated_twice)
{
	unsigned before;

	holds(b, NULL);
	host_station_finish(b->station);
	settle();
	before = b->asked;
	host_station_connect(b->station);
	settle();
	say(b, "CH,");
	pass(45 * SECOND_MS);
	cr_expect_eq(b->asked, before + 3);
}

/* ---- slots ----------------------------------------------------------------------------------- */

Test(inventory, a_slot_that_reports_a_fault_is_out_until_three_inventories_find_it_sound)
{
	audit("1.FU.BANK0001;2.NF.BANK0002;3.ER;");
	cr_expect_str_eq(slot_field(DEVICE, 3, "outOfService"), "fault");
	cr_expect_eq(incidents("slot-fault"), 1);
	audit(BANKS);
	audit(BANKS);
	cr_expect_str_eq(slot_field(DEVICE, 3, "outOfService"), "fault");
	audit(BANKS);
	cr_expect_str_eq(slot_field(DEVICE, 3, "outOfService"), "");
	cr_expect_eq(incidents("slot-fault"), 2);
}

static void fail_three_times(void)
{
	for (unsigned i = 1; i <= 3; i++) {
		char order[16];

		snprintf(order, sizeof order, "F-%u", i);
		cr_assert_eq(lend(order, 1), GV_OK, "%s", text("error"));
		heard(b);
		say(b, "MR,BF,1,BANK0001");
		cr_assert_str_eq(heard(b), "AR,BF,1,BANK0001");
	}
}

Test(inventory, a_slot_that_fails_three_times_in_a_row_lends_no_more_until_people_say_so)
{
	fail_three_times();
	cr_expect_str_eq(slot_field(DEVICE, 1, "outOfService"), "failures");
	cr_expect_eq(lend("O-1", 1), GV_FAILED_PRECONDITION);
	for (int i = 0; i < 4; i++)
		audit(BANKS);
	cr_expect_str_eq(slot_field(DEVICE, 1, "outOfService"), "failures", "stuck, it looks sound");
	cr_assert_eq(ask("FreezeSlot", "{\"device\":\"" DEVICE "\",\"slot\":1,\"frozen\":false}"), GV_OK);
	cr_expect_eq(lend("O-1", 1), GV_OK);
}

Test(inventory, or_until_its_mechanics_have_worked_three_times)
{
	fail_three_times();
	pass(11 * MINUTE_MS); /* what comes out now is no late lend */
	for (int i = 0; i < 3; i++) {
		cr_expect_str_eq(slot_field(DEVICE, 1, "outOfService"), "failures");
		say(b, "MC,BO,1,BANK0001"); /* by somebody with a key */
		heard(b);
		say(b, "MC,RO,1,BANK0001");
		heard(b);
	}
	cr_expect_str_eq(slot_field(DEVICE, 1, "outOfService"), "");
}

Test(inventory, a_frozen_slot_lends_nothing)
{
	cr_assert_eq(ask("FreezeSlot", "{\"device\":\"" DEVICE "\",\"slot\":1,\"frozen\":true}"), GV_OK);
	cr_expect_eq(lend("O-1", 1), GV_FAILED_PRECONDITION);
	lend("O-2", 0);
	cr_expect_str_eq(heard(b), "CC,BW,2,BANK0002");
}

/* ---- alarms ---------------------------------------------------------------------------------- */

Test(inventory, a_cabinet_without_a_free_slot_is_an_alarm_until_there_is_one)
{
	audit("1.FU.BANK0001;2.NF.BANK0002;3.FU.BANK0003;");
	cr_expect(alarmed(DEVICE, "no-free-slot"));
	audit("1.FU.BANK0001;2.NF.BANK0002;3.FU.BANK0003;");
	cr_expect_eq(incidents("no-free-slot"), 1, "told once");
	lend("O-1", 0);
	heard(b);
	say(b, "MC,BO,1,BANK0001");
	heard(b);
	cr_expect_not(alarmed(DEVICE, "no-free-slot"));
	cr_expect_eq(incidents("no-free-slot"), 2);
}

Test(inventory, a_cabinet_without_a_bank_to_lend_is_an_alarm)
{
	audit("1.EM.BANK0001;2.EM;3.EM;");
	cr_expect(alarmed(DEVICE, "no-full-bank"));
	audit("1.NF.BANK0001;2.EM;3.EM;");
	cr_expect_not(alarmed(DEVICE, "no-full-bank"));
}

/* ---- times that nobody can be charged for ---------------------------------------------------- */

Test(inventory, while_the_lending_cabinet_is_offline_the_clock_stands)
{
	int64_t from_ms, until_ms;

	lent();
	pass(10 * MINUTE_MS);
	host_station_finish(b->station);
	settle();
	from_ms = host_now_ms(h);
	pass(HOUR_MS);
	cr_expect_str_eq(of(1, "freezes.0.why"), "offline");
	cr_expect_str_eq(of(1, "freezes.0.untilMs"), "0", "still");
	host_station_connect(b->station);
	settle();
	say(b, "CH,");
	settle();
	until_ms = host_now_ms(h);
	cr_expect_leq(from_ms - atoll(of(1, "freezes.0.fromMs")), SECOND_MS);
	cr_expect_leq(until_ms - atoll(of(1, "freezes.0.untilMs")), SECOND_MS);
	cr_expect_str_eq(state(1), "ACTIVE");
}

Test(inventory, while_no_slot_is_free_too)
{
	lent();
	audit("1.FU.BANK0005;2.NF.BANK0002;3.FU.BANK0003;");
	cr_expect_str_eq(of(1, "freezes.0.why"), "full");
	audit("1.FU.BANK0005;2.NF.BANK0002;3.EM;");
	cr_expect_str_neq(of(1, "freezes.0.untilMs"), "0");
}
