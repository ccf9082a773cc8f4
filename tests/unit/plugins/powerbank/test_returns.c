/* What becomes of a bank that comes back: the question, the report, the failures, and what is told twice. */
#include "rig.h"

#include <string.h>

#define BANKS "1.FU.BANK0001;2.NF.BANK0002;3.EM;"

static struct box *b, *other;

static void told(struct box *who, const char *words)
{
	cr_expect_str_eq(heard(who), words);
}

static void lent(void)
{
	lend("O-1", 1);
	told(b, "CC,BW,1,BANK0001");
	say(b, "MC,BO,1,BANK0001");
	told(b, "AM,BO,1,BANK0001");
	holds(b, "1.EM;2.NF.BANK0002;3.EM;");
	cr_assert_str_eq(state(1), "ACTIVE");
}

static void setup(void)
{
	rig_start(NULL);
	b = ready(IMEI, BANKS);
	other = ready(OTHER_IMEI, "1.EM;2.EM;3.FU.BANK0003;");
	lent();
}

TestSuite(returns, .init = setup, .fini = rig_stop);

/* ---- the question ---------------------------------------------------------------------------- */

Test(returns, a_bank_of_ours_may_come_in)
{
	say(b, "MQ,3,BANK0001");
	told(b, "RQ,T,3,BANK0001");
	cr_expect_str_eq(state(1), "ACTIVE", "a question is no return");
}

Test(returns, a_bank_may_come_in_though_the_books_have_it_elsewhere)
{
	say(b, "MQ,1,BANK0003");
	told(b, "RQ,T,1,BANK0003");
	say(b, "MQ,1,BANK0003");
	told(b, "RQ,T,1,BANK0003");
	cr_expect_eq(incidents("ghost"), 1, "asked twice it is the same question");
}

Test(returns, a_foreign_bank_may_not)
{
	say(b, "MQ,1,FOREIGN9");
	told(b, "RQ,F,1,FOREIGN9");
	cr_expect_eq(incidents("bank-foreign"), 1);
}

Test(returns, a_refused_bank_may_not)
{
	cr_assert_eq(ask("PutBank", "{\"bank\":{\"id\":\"BANK0001\",\"refused\":true}}"), GV_OK);
	say(b, "MQ,1,BANK0001");
	told(b, "RQ,F,1,BANK0001");
	cr_expect_eq(incidents("bank-foreign"), 1);
}

Test(returns, where_no_bank_is_known_at_all_nothing_is_said)
{
	rig_stop();
	rig_start(NULL);
	b = ready(IMEI, "1.EM;2.EM;3.EM;");
	say(b, "MQ,1,BANK0001");
	told(b, "");
	cr_expect_eq(incidents("bank-foreign"), 0);
	cr_assert_eq(ask("PutBank", "{\"bank\":{\"id\":\"BANK0001\"}}"), GV_OK);
	say(b, "MQ,1,BANK0001");
	told(b, "RQ,T,1,BANK0001");
	say(b, "MQ,1,BANK0002");
	told(b, "RQ,F,1,BANK0002");
}

Test(returns, what_is_in_already_is_confirmed_also_where_unknown_banks_are_refused)
{
	rig_stop();
	rig_start("{\"unknownBanks\":\"refuse\"}");
	b = ready(IMEI, "1.EM;2.EM;3.EM;");
	for (int i = 0; i < 2; i++) {
		say(b, "MC,RO,1,BANK0001");
		told(b, "AM,RO,1,BANK0001");
	}
	cr_expect_str_eq(place("BANK0001"), "(unknown)");
	cr_expect_eq(incidents("bank-foreign"), 1);
	holds(b, "1.FU.BANK0001;2.EM;3.EM;");
	pass(15 * SECOND_MS);
	cr_expect_eq(lend("O-1", 0), GV_FAILED_PRECONDITION, "what nobody knows is not lent");
}

/* ---- the report ------------------------------------------------------------------------------ */

Test(returns, the_rental_ends_with_the_report_and_is_confirmed)
{
	pass(MINUTE_MS);
	say(b, "MQ,3,BANK0001");
	told(b, "RQ,T,3,BANK0001");
	say(b, "MC,RO,3,BANK0001");
	told(b, "AM,RO,3,BANK0001");
	cr_expect_str_eq(state(1), "RETURNED");
	cr_expect_str_eq(of(1, "returnDevice"), DEVICE);
	cr_expect_str_eq(of(1, "returnSlot"), "3");
	cr_expect_not(flagged(1, "no-ask"));
	cr_expect_geq(atoll(of(1, "endedAtMs")), atoll(of(1, "startedAtMs")) + MINUTE_MS);
	cr_expect_eq(events("RentalEnded"), 1);
	cr_expect_str_eq(place("BANK0001"), "IN_SLOT");
}

Test(returns, a_repeated_report_is_confirmed_and_ends_nothing_twice)
{
	for (int i = 0; i < 3; i++) {
		say(b, "MC,RO,3,BANK0001");
		told(b, "AM,RO,3,BANK0001");
	}
	cr_expect_eq(events("RentalEnded"), 1);
}

Test(returns, it_may_come_back_at_another_cabinet)
{
	say(other, "MQ,2,BANK0001");
	told(other, "RQ,T,2,BANK0001");
	say(other, "MC,RO,2,BANK0001");
	told(other, "AM,RO,2,BANK0001");
	cr_expect_str_eq(state(1), "RETURNED");
	cr_expect_str_eq(of(1, "returnDevice"), OTHER);
}

Test(returns, without_a_question_before_it_is_accepted_and_flagged)
{
	say(b, "MC,RO,3,BANK0001");
	told(b, "AM,RO,3,BANK0001");
	cr_expect_str_eq(state(1), "RETURNED");
	cr_expect(flagged(1, "no-ask"));
	cr_expect_eq(incidents("no-ask"), 1);
}

Test(returns, a_question_of_more_than_a_minute_ago_is_none)
{
	say(b, "MQ,3,BANK0001");
	told(b, "RQ,T,3,BANK0001");
	pass(61 * SECOND_MS);
	say(b, "MC,RO,3,BANK0001");
	told(b, "AM,RO,3,BANK0001");
	cr_expect(flagged(1, "no-ask"));
}

Test(returns, without_a_rental_it_corrects_the_books)
{
	say(other, "MC,RO,1,BANK0002");
	told(other, "AM,RO,1,BANK0002");
	cr_expect_eq(events("RentalEnded"), 0);
	cr_expect_str_eq(place("BANK0002"), "IN_SLOT");
	cr_expect_str_eq(slot_field(OTHER, 1, "bank"), "BANK0002");
	cr_expect_eq(incidents("ghost"), 1);
}

Test(returns, what_was_returned_is_lent_again_once_the_inventory_has_said_how_full_it_is)
{
	say(b, "MC,RO,1,BANK0001");
	told(b, "AM,RO,1,BANK0001");
	cr_expect_eq(lend("O-2", 1), GV_FAILED_PRECONDITION);
	holds(b, BANKS);
	pass(15 * SECOND_MS);
	cr_expect_eq(lend("O-2", 1), GV_OK);
	told(b, "CC,BW,1,BANK0001");
	say(b, "MC,BO,1,BANK0001");
	told(b, "AM,BO,1,BANK0001");
	cr_expect_str_eq(state(2), "ACTIVE", "the same bank out of the same slot is a new rental");
	say(b, "MC,RO,1,BANK0001");
	told(b, "AM,RO,1,BANK0001");
	cr_expect_str_eq(state(2), "RETURNED", "and its return a new return");
	cr_expect_eq(events("RentalEnded"), 2);
}

Test(returns, a_sold_bank_that_is_there_again_is_a_ghost)
{
	cr_assert_eq(ask("EndRental", "{\"id\":\"" DEVICE "/000001\",\"how\":\"sold\"}"), GV_OK);
	say(b, "MQ,3,BANK0001");
	told(b, "RQ,T,3,BANK0001");
	say(b, "MC,RO,3,BANK0001");
	told(b, "AM,RO,3,BANK0001");
	cr_expect_eq(incidents("ghost"), 1);
	cr_expect(flagged(1, "ghost"));
	cr_expect_str_eq(state(1), "SOLD", "what is to be given back is people's decision");
}

/* ---- failures -------------------------------------------------------------------------------- */

Test(returns, a_failed_return_lets_the_rental_go_on)
{
	say(b, "MQ,3,BANK0001");
	told(b, "RQ,T,3,BANK0001");
	say(b, "MR,RF,3,BANK0001");
	told(b, "AR,RF,3,BANK0001");
	cr_expect_str_eq(state(1), "ACTIVE");
	cr_expect_str_eq(slot_field(DEVICE, 3, "failures"), "1");
	cr_expect_eq(incidents("return-failed"), 1, "whoever stands there should try another slot");
}

Test(returns, a_repeated_failure_is_answered_and_counts_once)
{
	say(b, "MQ,3,BANK0001");
	told(b, "RQ,T,3,BANK0001");
	for (int i = 0; i < 3; i++) {
		say(b, "MR,RF,3,BANK0001");
		told(b, "AR,RF,3,BANK0001");
	}
	cr_expect_str_eq(slot_field(DEVICE, 3, "failures"), "1");
	say(b, "MQ,3,BANK0001");
	told(b, "RQ,T,3,BANK0001");
	say(b, "MR,RF,3,BANK0001");
	told(b, "AR,RF,3,BANK0001");
	cr_expect_str_eq(slot_field(DEVICE, 3, "failures"), "2", "after a new question it is a new failure");
}

/* ---- "BF", which some firmware says for either ----------------------------------------------- */

Test(returns, bf_of_a_slot_that_was_told_to_lend_is_a_failed_lend)
{
	lend("O-2", 2);
	told(b, "CC,BW,2,BANK0002");
	say(b, "MR,BF,2,BANK0002");
	told(b, "AR,BF,2,BANK0002");
	cr_expect_str_eq(state(2), "FAILED");
}

Test(returns, bf_after_a_question_is_a_failed_return)
{
	say(b, "MQ,3,BANK0001");
	told(b, "RQ,T,3,BANK0001");
	say(b, "MR,BF,3,BANK0001");
	told(b, "AR,RF,3,BANK0001");
	say(b, "MR,BF,3,BANK0001");
	told(b, "AR,RF,3,BANK0001");
	cr_expect_str_eq(slot_field(DEVICE, 3, "failures"), "1");
	cr_expect_str_eq(state(1), "ACTIVE");
}

Test(returns, bf_of_a_bank_in_a_customers_hands_is_a_failed_return)
{
	say(other, "MR,BF,1,BANK0001");
	told(other, "AR,RF,1,BANK0001");
	cr_expect_str_eq(state(1), "ACTIVE");
	cr_expect_eq(incidents("return-failed"), 1);
}

Test(returns, bf_of_nothing_that_is_known_is_answered_and_moves_no_money)
{
	say(b, "MR,BF,2,BANK0002");
	told(b, "AR,BF,2,BANK0002");
	say(b, "MR,BF,2,BANK0002");
	told(b, "AR,BF,2,BANK0002");
	cr_expect_eq(incidents("orphan-failure"), 1);
	cr_expect_eq(events("RentalFailed"), 0);
	cr_expect_eq(events("RentalEnded"), 0);
	cr_expect_str_eq(slot_field(DEVICE, 2, "failures"), "0");
}

Test(returns, bf_while_a_bank_is_to_go_out_and_to_come_in_means_the_newer_one)
{
	lend("O-2", 2);
	told(b, "CC,BW,2,BANK0002");
	pass(SECOND_MS);
	say(b, "MQ,2,BANK0002");
	told(b, "RQ,T,2,BANK0002");
	say(b, "MR,BF,2,BANK0002");
	told(b, "AR,RF,2,BANK0002");
	cr_expect_eq(incidents("orphan-failure"), 1);
	cr_expect_str_eq(state(2), "EJECTING");
}

/* ---- profiles and crashes -------------------------------------------------------------------- */

Test(returns, firmware_that_insists_is_answered_as_it_spoke)
{
	struct box *insists;

	known("860000000000003", "{\"arForBf\":\"echo\"}");
	insists = box("860000000000003");
	holds(insists, "1.EM;2.EM;3.EM;");
	say(insists, "MQ,3,BANK0001");
	settle();
	told(insists, "RQ,T,3,BANK0001");
	say(insists, "MR,BF,3,BANK0001");
	told(insists, "AR,BF,3,BANK0001");
	say(insists, "MR,RF,3,BANK0001");
	told(insists, "AR,RF,3,BANK0001");
	cr_expect_str_eq(slot_field("powerbank:860000000000003", 3, "failures"), "1");
}

Test(returns, a_crash_before_the_confirmation_ends_the_rental_once)
{
	for (unsigned point = 1; point <= 3; point++) {
		host_crash_at(h, "powerbank.0", point);
		say(b, "MC,RO,3,BANK0001");
		pass(5 * SECOND_MS);
		while (*heard(b))
			;
	}
	say(b, "MC,RO,3,BANK0001");
	told(b, "AM,RO,3,BANK0001");
	cr_expect_str_eq(state(1), "RETURNED");
	cr_expect_eq(events("RentalEnded"), 1);
}
