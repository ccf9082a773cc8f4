/* What becomes of a lend, from the held money to the bank in a hand: each row of its table is a test. */
#include "rig.h"

#include <string.h>

#define BANKS "1.FU.BANK0001;2.NF.BANK0002;3.EM;"
#define T_CC 20000
#define T_CQ 10000

static struct box *b;

static void setup(void)
{
	rig_start(NULL);
	b = ready(IMEI, BANKS);
	cr_assert_str_eq(heard(b), "");
}

static void told(const char *words)
{
	cr_expect_str_eq(heard(b), words);
}

TestSuite(lends, .init = setup, .fini = rig_stop);

/* ---- the cabinet answers --------------------------------------------------------------------- */

Test(lends, a_lend_tells_the_cabinet_to_open_the_slot_with_the_fullest_bank)
{
	cr_expect_eq(lend("O-1", 0), GV_OK);
	cr_expect_str_eq(text("rental.state"), "RENTAL_STATE_EJECTING");
	cr_expect_str_eq(text("rental.id"), DEVICE "/000001", "it begins with the cabinet that lends");
	told("CC,BW,1,BANK0001");
	cr_expect_eq(events("RentalStarted"), 0, "nothing is out yet");
}

Test(lends, a_report_of_success_starts_the_clock_and_is_confirmed)
{
	lend("O-1", 0);
	told("CC,BW,1,BANK0001");
	say(b, "MC,BO,1,BANK0001");
	told("AM,BO,1,BANK0001");
	cr_expect_str_eq(state(1), "ACTIVE");
	cr_expect_gt(atoll(of(1, "startedAtMs")), 0);
	cr_expect_str_eq(place("BANK0001"), "RENTED");
	cr_expect_str_eq(slot_field(DEVICE, 1, "state"), "SLOT_STATE_EMPTY");
	cr_expect_eq(events("RentalStarted"), 1);
	cr_expect_eq(events("RentalFailed"), 0);
}

Test(lends, a_repeated_report_is_confirmed_again_and_counts_once)
{
	lend("O-1", 0);
	told("CC,BW,1,BANK0001");
	for (int i = 0; i < 3; i++) {
		say(b, "MC,BO,1,BANK0001");
		told("AM,BO,1,BANK0001");
	}
	cr_expect_eq(events("RentalStarted"), 1);
	cr_expect_eq(incidents("unsolicited-eject"), 0);
}

Test(lends, the_bank_that_really_came_out_is_the_rentals)
{
	lend("O-1", 0);
	told("CC,BW,1,BANK0001");
	say(b, "MC,BO,1,BANK0077");
	told("AM,BO,1,BANK0077");
	cr_expect_str_eq(state(1), "ACTIVE");
	cr_expect_str_eq(of(1, "bank"), "BANK0077");
	cr_expect(flagged(1, "dev-mismatch"));
	cr_expect_eq(incidents("dev-mismatch"), 1);
	cr_expect_str_eq(place("BANK0077"), "RENTED");
	cr_expect_str_eq(place("BANK0001"), "UNKNOWN", "the next inventory tells where it is");
}

Test(lends, after_a_failure_another_slot_is_tried)
{
	lend("O-1", 0);
	told("CC,BW,1,BANK0001");
	say(b, "MR,BF,1,BANK0001");
	told("AR,BF,1,BANK0001");
	told("CC,BW,2,BANK0002");
	cr_expect_str_eq(slot_field(DEVICE, 1, "failures"), "1");
	cr_expect_str_eq(state(1), "EJECTING");
	say(b, "MC,BO,2,BANK0002");
	told("AM,BO,2,BANK0002");
	cr_expect_str_eq(of(1, "slot"), "2");
	cr_expect_str_eq(state(1), "ACTIVE");
}

Test(lends, a_repeated_failure_is_answered_and_harms_no_other_slot)
{
	lend("O-1", 0);
	told("CC,BW,1,BANK0001");
	say(b, "MR,BF,1,BANK0001");
	told("AR,BF,1,BANK0001");
	told("CC,BW,2,BANK0002");
	say(b, "MR,BF,1,BANK0001");
	told("AR,BF,1,BANK0001");
	told("");
	cr_expect_str_eq(slot_field(DEVICE, 1, "failures"), "1", "counted once");
	cr_expect_str_eq(state(1), "EJECTING");
	cr_expect_eq(incidents("orphan-failure"), 0);
}

Test(lends, when_all_slots_failed_the_money_can_go_back)
{
	lend("O-1", 0);
	told("CC,BW,1,BANK0001");
	say(b, "MR,BF,1,BANK0001");
	told("AR,BF,1,BANK0001");
	told("CC,BW,2,BANK0002");
	say(b, "MR,BF,2,BANK0002");
	told("AR,BF,2,BANK0002");
	told("");
	cr_expect_str_eq(state(1), "FAILED");
	cr_expect_str_eq(of(1, "error"), "slot 2 of " DEVICE " did not open");
	cr_expect_eq(events("RentalFailed"), 1);
}

Test(lends, no_more_than_three_slots_are_tried)
{
	struct box *large;

	known(OTHER_IMEI, "{\"slots\":\"5\"}");
	large = box(OTHER_IMEI);
	holds(large, "1.FU.BANK0011;2.FU.BANK0012;3.FU.BANK0013;4.FU.BANK0014;5.FU.BANK0015;");
	say(large, "CH,");
	settle();
	ask("Lending/Lend", "{\"device\":\"" OTHER "\",\"order\":\"O-2\"}");
	for (int i = 0; i < 3; i++) {
		char failed[40];
		const char *words = heard(large);

		cr_assert_eq(strncmp(words, "CC,BW,", 6), 0, "attempt %d: %s", i, words);
		snprintf(failed, sizeof failed, "MR,BF,%s", words + 6);
		say(large, failed);
		heard(large);
	}
	cr_expect_str_eq(heard(large), "");
	cr_expect_eq(events("RentalFailed"), 1);
}

Test(lends, a_slot_that_was_asked_for_is_the_only_one)
{
	lend("O-1", 2);
	told("CC,BW,2,BANK0002");
	say(b, "MR,BF,2,BANK0002");
	told("AR,BF,2,BANK0002");
	told("");
	cr_expect_str_eq(state(1), "FAILED");
}

/* ---- the cabinet is silent ------------------------------------------------------------------- */

Test(lends, without_an_answer_the_inventory_is_asked_for_and_no_lend_is_repeated_blindly)
{
	lend("O-1", 0);
	told("CC,BW,1,BANK0001");
	holds(b, NULL);
	pass(T_CC - SECOND_MS);
	told("");
	pass(2 * SECOND_MS);
	told("CQ,");
	told("");
	cr_expect_str_eq(state(1), "PROBING");
}

Test(lends, a_bank_that_is_in_its_slot_still_is_lent_once_more_and_not_a_third_time)
{
	lend("O-1", 2);
	told("CC,BW,2,BANK0002");
	pass(T_CC + SECOND_MS);
	told("CC,BW,2,BANK0002");
	cr_expect_str_eq(state(1), "EJECTING");
	pass(T_CC + SECOND_MS);
	told("");
	cr_expect_str_eq(state(1), "FAILED", "two are all");
	cr_expect_str_eq(slot_field(DEVICE, 2, "failures"), "1");
}

Test(lends, after_two_lends_of_one_slot_another_slot_is_tried)
{
	lend("O-1", 0);
	told("CC,BW,1,BANK0001");
	pass(T_CC + SECOND_MS);
	told("CC,BW,1,BANK0001");
	pass(T_CC + SECOND_MS);
	told("CC,BW,2,BANK0002");
}

Test(lends, a_slot_that_is_empty_has_given_its_bank_and_the_clock_starts_when_that_is_seen)
{
	int64_t lent_ms;

	lend("O-1", 0);
	told("CC,BW,1,BANK0001");
	lent_ms = host_now_ms(h);
	holds(b, "1.EM;2.NF.BANK0002;3.EM;");
	pass(T_CC + SECOND_MS);
	cr_expect_str_eq(state(1), "ACTIVE");
	cr_expect(flagged(1, "inferred"));
	cr_expect_geq(atoll(of(1, "startedAtMs")), lent_ms + T_CC - SECOND_MS);
	cr_expect_str_eq(place("BANK0001"), "RENTED");
	cr_expect_eq(incidents("bank-missing"), 0);
	say(b, "MC,BO,1,BANK0001");
	told("AM,BO,1,BANK0001");
	cr_expect_eq(events("RentalStarted"), 1, "the report that was lost comes late, and says nothing new");
}

Test(lends, another_bank_in_the_slot_means_the_same)
{
	lend("O-1", 0);
	told("CC,BW,1,BANK0001");
	holds(b, "1.FU.BANK0099;2.NF.BANK0002;3.EM;");
	pass(T_CC + SECOND_MS);
	cr_expect_str_eq(state(1), "ACTIVE");
	cr_expect_str_eq(of(1, "bank"), "BANK0001");
}

Test(lends, a_fault_that_shows_no_bank_decides_nothing)
{
	lend("O-1", 1);
	told("CC,BW,1,BANK0001");
	holds(b, "1.ER;2.NF.BANK0002;3.EM;");
	pass(T_CC + 4 * T_CQ);
	cr_expect_str_eq(state(1), "UNKNOWN");
	told("");
}

Test(lends, who_does_not_say_what_he_holds_lends_nothing_more_until_he_does)
{
	lend("O-1", 0);
	told("CC,BW,1,BANK0001");
	holds(b, NULL);
	pass(T_CC + 3 * T_CQ + SECOND_MS);
	cr_expect_str_eq(state(1), "UNKNOWN");
	told("CQ,");
	told("CQ,");
	told("CQ,");
	cr_expect_eq(lend("O-2", 0), GV_UNAVAILABLE);
	say(b, "AQ,1.EM;2.NF.BANK0002;3.EM;");
	settle();
	cr_expect_str_eq(state(1), "ACTIVE");
	cr_expect_eq(lend("O-2", 0), GV_OK);
}

Test(lends, a_lost_connection_leaves_it_unknown_until_the_cabinet_is_back)
{
	lend("O-1", 0);
	told("CC,BW,1,BANK0001");
	host_station_finish(b->station);
	settle();
	cr_expect_str_eq(state(1), "UNKNOWN");
	holds(b, "1.EM;2.NF.BANK0002;3.EM;");
	host_station_connect(b->station);
	settle();
	say(b, "CH,");
	settle();
	cr_expect_str_eq(state(1), "ACTIVE");
	cr_expect(flagged(1, "inferred"));
}

Test(lends, back_soon_with_the_bank_it_is_told_again)
{
	lend("O-1", 0);
	told("CC,BW,1,BANK0001");
	host_station_finish(b->station);
	pass(6 * SECOND_MS);
	host_station_connect(b->station);
	settle();
	say(b, "CH,");
	settle();
	told("CC,BW,1,BANK0001");
	cr_expect_str_eq(state(1), "EJECTING");
}

Test(lends, within_the_quiet_time_an_inventory_that_shows_the_bank_is_not_believed)
{
	lend("O-1", 0);
	told("CC,BW,1,BANK0001");
	host_station_finish(b->station);
	settle();
	host_station_connect(b->station);
	settle();
	say(b, "CH,");
	settle();
	told("");
	cr_expect_str_eq(state(1), "UNKNOWN");
	holds(b, "1.EM;2.NF.BANK0002;3.EM;");
	pass(12 * SECOND_MS);
	cr_expect_str_eq(state(1), "ACTIVE", "it is asked once more behind it");
}

Test(lends, back_too_late_nothing_is_opened_any_more)
{
	lend("O-1", 0);
	told("CC,BW,1,BANK0001");
	host_station_finish(b->station);
	pass(10 * MINUTE_MS);
	host_station_connect(b->station);
	settle();
	say(b, "CH,");
	settle();
	told("");
	cr_expect_str_eq(state(1), "FAILED", "who paid has gone long ago");
	cr_expect_eq(events("RentalFailed"), 1);
}

Test(lends, what_stays_unknown_for_a_day_has_failed)
{
	lend("O-1", 0);
	told("CC,BW,1,BANK0001");
	host_station_finish(b->station);
	pass(23 * HOUR_MS);
	cr_expect_str_eq(state(1), "UNKNOWN");
	pass(2 * HOUR_MS);
	cr_expect_str_eq(state(1), "FAILED");
	cr_expect(flagged(1, "unknown-outcome"));
	cr_expect_eq(incidents("unknown-outcome"), 1);
	cr_expect_eq(events("RentalFailed"), 1);
}

/* ---- late, and out of nothing ---------------------------------------------------------------- */

static void fail_it(void)
{
	lend("O-1", 1);
	told("CC,BW,1,BANK0001");
	say(b, "MR,BF,1,BANK0001");
	told("AR,BF,1,BANK0001");
	cr_assert_str_eq(state(1), "FAILED");
}

Test(lends, a_late_report_opens_the_failed_rental_again_and_makes_no_second_one)
{
	fail_it();
	pass(9 * MINUTE_MS);
	say(b, "MC,BO,1,BANK0001");
	told("AM,BO,1,BANK0001");
	cr_expect_str_eq(state(1), "ACTIVE");
	cr_expect(flagged(1, "late"));
	cr_expect_eq(incidents("late-eject"), 1);
	cr_expect_eq(events("RentalFailed"), 1);
	cr_expect_eq(events("RentalStarted"), 1);
	cr_expect_neq(ask("GetRental", "{\"id\":\"" DEVICE "/000002\"}"), GV_OK);
}

Test(lends, later_than_ten_minutes_it_is_an_eject_that_nobody_asked_for)
{
	fail_it();
	pass(11 * MINUTE_MS);
	say(b, "MC,BO,1,BANK0001");
	told("AM,BO,1,BANK0001");
	cr_expect_str_eq(state(1), "FAILED");
	cr_expect_eq(incidents("unsolicited-eject"), 1);
}

Test(lends, an_eject_without_a_rental_is_confirmed_once_an_incident_and_no_money)
{
	say(b, "MC,BO,2,BANK0002");
	told("AM,BO,2,BANK0002");
	say(b, "MC,BO,2,BANK0002");
	told("AM,BO,2,BANK0002");
	cr_expect_eq(incidents("unsolicited-eject"), 1);
	cr_expect_eq(events("RentalStarted"), 0);
	cr_expect_str_eq(place("BANK0002"), "OUT");
}

Test(lends, a_report_that_comes_hours_late_moves_no_bank_that_is_elsewhere_by_now)
{
	struct box *other = ready(OTHER_IMEI, "1.FU.BANK0005;2.EM;3.EM;");

	ask("Lending/Lend", "{\"device\":\"" OTHER "\",\"order\":\"O-5\"}");
	heard(other);
	say(other, "MC,BO,1,BANK0005");
	heard(other);
	cr_assert_eq(events("RentalStarted"), 1);
	say(b, "MC,BO,3,BANK0005");
	told("AM,BO,3,BANK0005");
	cr_expect_str_eq(place("BANK0005"), "RENTED");
	cr_expect_eq(incidents("unsolicited-eject"), 1);
	lend("O-1", 1);
	told("CC,BW,1,BANK0001");
	say(b, "MC,BO,1,BANK0005");
	told("AM,BO,1,BANK0005");
	cr_expect_eq(events("RentalEnded"), 1, "out of a slot that was told to open it must have been brought back");
	cr_expect_str_eq(of(1, "bank"), "BANK0005");
}

/* ---- orders and queues ----------------------------------------------------------------------- */

Test(lends, the_same_order_is_the_same_rental)
{
	cr_expect_eq(lend("O-1", 0), GV_OK);
	cr_expect_eq(lend("O-1", 0), GV_OK);
	cr_expect_str_eq(text("rental.id"), DEVICE "/000001");
	told("CC,BW,1,BANK0001");
	told("");
}

Test(lends, one_slot_opens_at_a_time)
{
	lend("O-1", 0);
	lend("O-2", 0);
	told("CC,BW,1,BANK0001");
	told("");
	say(b, "MC,BO,1,BANK0001");
	told("AM,BO,1,BANK0001");
	told("CC,BW,2,BANK0002");
}

Test(lends, a_bank_that_is_promised_is_not_promised_again)
{
	lend("O-1", 0);
	lend("O-2", 0);
	cr_expect_eq(lend("O-3", 0), GV_FAILED_PRECONDITION);
	cr_expect_str_eq(text("error"), DEVICE " has no bank that can be lent");
}

Test(lends, an_order_that_waits_too_long_for_its_turn_opens_nothing)
{
	lend("O-1", 0);
	lend("O-2", 0);
	told("CC,BW,1,BANK0001");
	host_station_finish(b->station);
	pass(3 * MINUTE_MS);
	cr_expect_str_eq(state(2), "FAILED");
	host_station_connect(b->station);
	settle();
	say(b, "CH,");
	settle();
	told("");
}

Test(lends, what_cannot_begin_is_refused)
{
	cr_expect_eq(ask("Lending/Lend", "{\"device\":\"powerbank:NOBODY\",\"order\":\"O-9\"}"), GV_NOT_FOUND);
	cr_expect_eq(lend("O-1", 3), GV_FAILED_PRECONDITION, "an empty slot");
	host_station_finish(b->station);
	settle();
	cr_expect_eq(lend("O-1", 0), GV_UNAVAILABLE);
	cr_expect_str_eq(text("error"), DEVICE " is offline: try again when it is back");
}

Test(lends, a_flat_or_broken_bank_is_never_lent_and_a_full_one_before_a_charging_one)
{
	holds(b, "1.EM.BANK0001;2.NF.BANK0002;3.ER.BANK0003;");
	ask("Audit", "{\"device\":\"" DEVICE "\"}");
	lend("O-1", 0);
	told("CC,BW,2,BANK0002");
	cr_expect_eq(lend("O-2", 0), GV_FAILED_PRECONDITION);
}

Test(lends, of_equal_banks_the_longest_idle_one_goes)
{
	holds(b, "1.FU.BANK0009;2.FU.BANK0002;3.EM;");
	pass(MINUTE_MS);
	ask("Audit", "{\"device\":\"" DEVICE "\"}");
	lend("O-1", 0);
	told("CC,BW,2,BANK0002");
}

/* ---- the plugin dies ------------------------------------------------------------------------- */

Test(lends, a_crash_in_the_middle_of_a_frame_loses_nothing)
{
	char whole[100];
	size_t half;

	lend("O-1", 0);
	told("CC,BW,1,BANK0001");
	snprintf(whole, sizeof whole, "%s", frame_of(b, IMEI, "MC,BO,1,BANK0001"));
	half = strlen(whole) / 2;
	host_station_send(b->station, GV_BYTES, whole, half);
	settle();
	host_crash(h, "powerbank.0");
	settle();
	pass(5 * SECOND_MS);
	host_station_send(b->station, GV_BYTES, whole + half, strlen(whole) - half);
	told("AM,BO,1,BANK0001");
	cr_expect_str_eq(state(1), "ACTIVE");
}

Test(lends, a_crash_between_the_order_and_the_cabinet_is_settled_by_the_inventory)
{
	host_crash_at(h, "powerbank.0", 2); /* the commit is done, nothing was sent */
	lend("O-1", 0);
	cr_expect_str_eq(heard(b), "");
	cr_expect_str_eq(state(1), "EJECTING");
	pass(T_CC + 5 * SECOND_MS);
	told("CC,BW,1,BANK0001");
	say(b, "MC,BO,1,BANK0001");
	told("AM,BO,1,BANK0001");
	cr_expect_str_eq(state(1), "ACTIVE");
}

Test(lends, a_crash_before_the_confirmation_left_is_mended_by_the_repeat)
{
	lend("O-1", 0);
	told("CC,BW,1,BANK0001");
	host_crash_at(h, "powerbank.0", 2);
	say(b, "MC,BO,1,BANK0001");
	pass(5 * SECOND_MS);
	while (*heard(b))
		;
	say(b, "MC,BO,1,BANK0001");
	told("AM,BO,1,BANK0001");
	cr_expect_str_eq(state(1), "ACTIVE");
	cr_expect_eq(events("RentalStarted"), 1);
}
