/* The role `terminal` on its node: it starts and stops for people, carries what piles have to tell, and loses nothing
 * of it, with and without a network. */
#include "rig.h"

#include <criterion/criterion.h>
#include <string.h>

static char start[4096];

static void charge_with(uint8_t voucher)
{
	rig_voucher_json(voucher, start, sizeof(start));
	cr_assert_eq(rig_call("Start", start), GV_OK);
	cr_assert_str_eq(rig_text("status"), "Accepted", "%s", rig_text("result"));
	cr_assert(pile.pile.state.sessions[0].active);
}

static void charge(void)
{
	charge_with(1);
}

static void stop(void)
{
	cr_assert_eq(rig_call("Stop", "{\"device\":\"" RIG_PILE "\"}"), GV_OK);
	cr_assert_str_eq(rig_text("status"), "Accepted", "%s", rig_text("result"));
	cr_assert(!pile.pile.state.sessions[0].active);
}

Test(terminal, without_any_network_it_starts_stops_and_stores)
{
	rig_start(1, NULL);
	charge();
	rig_run(150000);
	stop();
	rig_run(20000);
	cr_assert_eq(rig_rows("terminal_records"), ble_pile_pending(&pile.pile), "the pile keeps all of them, too");
	connects = 0;
	rig_seen();
	rig_run(600000);
	cr_assert_eq(connects, 0, "nothing is fetched that is here already");
	cr_assert_eq(board_check_history(&pile), 1);
	rig_stop();
}

Test(terminal, what_was_stored_goes_to_the_cloud_and_the_receipt_to_the_pile)
{
	rig_start(2, NULL);
	charge();
	rig_run(150000);
	stop();
	rig_run(20000);
	rig_cloud_up(true);
	rig_run(10000);
	cr_assert_eq(cloud.chain.next, pile.pile.chain.next);
	cr_assert_eq(rig_rows("terminal_records"), 0, "the cloud has them");
	cr_assert_gt(ble_pile_pending(&pile.pile), 0, "the pile does not know it");
	rig_seen();
	cr_assert(rig_until_receipted(120000), "the next visit brings the receipt");
	cr_assert_eq(cloud.duplicates, 0);
	rig_stop();
}

Test(terminal, on_line_a_visit_fetches_its_voucher_and_brings_its_receipt)
{
	rig_start(3, NULL);
	rig_cloud_up(true);
	cloud.gives_voucher = true;
	rig_run(2000);
	cr_assert_eq(rig_call("Start", "{\"device\":\"" RIG_PILE "\",\"order\":\"checkout-1\"}"), GV_OK);
	cr_assert_str_eq(rig_text("result"), "OK");
	cr_assert_eq(cloud.vouchers, 1, "bound to the connection");
	rig_run(100000);
	stop();
	cr_assert(rig_until_receipted(20000));
	cr_assert_eq(rig_rows("terminal_records"), 0);
	cr_assert_gt(cloud.heads, 0);
	rig_stop();
}

Test(terminal, a_pile_that_waits_for_a_carrier_is_visited)
{
	rig_start(4, NULL);
	rig_cloud_up(true);
	rig_run(1000);
	cr_assert_gt(ble_pile_pending(&pile.pile), 0);
	rig_seen();
	cr_assert(rig_until_receipted(30000));
	rig_stop();
}

Test(terminal, a_pile_whose_advertisements_say_nothing_is_visited_and_not_often)
{
	rig_start(14, NULL);
	mute = true;
	rig_cloud_up(true);
	rig_run(1000);
	cr_assert_gt(ble_pile_pending(&pile.pile), 0);
	rig_seen();
	cr_assert(rig_until_receipted(30000));
	rig_run(20000);
	connects = 0;
	rig_run(3600000);
	cr_assert_geq(connects, 5, "what it has since then is not known");
	cr_assert_leq(connects, 6, "it is left alone for ten minutes");
	rig_stop();
}

Test(terminal, a_pile_that_says_nothing_and_leaves_behind_its_answer_is_visited_again_soon)
{
	rig_start(15, NULL);
	mute = true;
	rig_cloud_up(true);
	rig_run(1000);
	charge();
	rig_run(100000);
	rig_seen();
	cr_assert(rig_until_receipted(30000));
	rig_run(20000);
	cut_at_stop = true;
	stop();
	cr_assert(!cut_at_stop, "the connection broke");
	cr_assert_gt(ble_pile_pending(&pile.pile), 0, "the end's record is the pile's alone");
	cr_assert(rig_until_receipted(120000), "sooner than a pile of which nothing is known");
	cr_assert_eq(rig_rows("terminal_records"), 0);
	rig_stop();
}

Test(terminal, an_order_whose_visit_breaks_is_said_again_and_done_once)
{
	for (unsigned cut = 20; cut < 90; cut += 7) {
		rig_start(cut, NULL);
		rig_voucher_json(1, start, sizeof(start));
		cut_after = cut;
		rig_call("Start", start);
		cr_assert(!*rig_text("status") || pile.pile.state.sessions[0].active);
		cr_assert_leq(pile.pile.started, 1);
		rig_stop();
	}
}

Test(terminal, out_of_reach_is_said_after_a_while)
{
	rig_start(5, NULL);
	in_reach = false;
	rig_voucher_json(1, start, sizeof(start));
	cr_assert_eq(rig_call("Start", start), GV_UNAVAILABLE);
	cr_assert_gt(connects, 10, "it tried");
	cr_assert_eq(rig_rows("terminal_commands"), 0);
	rig_stop();
}

Test(terminal, what_the_cloud_refuses_for_good_is_kept_marked_and_never_sent_again)
{
	size_t n;
	unsigned records;

	rig_start(6, NULL);
	rig_cloud_up(true);
	cloud.says = BLE_FORK;
	rig_run(1000);
	rig_seen();
	rig_run(30000);
	n = rig_rows("terminal_records");
	records = cloud.records;
	cr_assert_gt(n, 0);
	cr_assert_eq(records, n);
	cr_assert_eq(rig_rows("terminal_queue"), 0);
	host_crash(h, "ble.0");
	rig_run(100000);
	cr_assert_eq(cloud.records, records, "after a restart neither");
	cr_assert_gt(ble_pile_pending(&pile.pile), 0);
	in_reach = false;
	rig_seen();
	rig_run(INT64_C(31) * 86400000);
	cr_assert_eq(rig_rows("terminal_records"), 0, "30 days");
	rig_stop();
}

Test(terminal, what_the_cloud_does_not_take_yet_is_sent_again_ever_more_seldom)
{
	unsigned first;

	rig_start(7, NULL);
	rig_cloud_up(true);
	cloud.says = BLE_OTHER_PILE; /* it does not know the pile yet */
	rig_run(1000);
	rig_seen();
	rig_run(3600000);
	first = cloud.records;
	cr_assert_gt(first, 10);
	cr_assert_lt(first, 400);
	cloud.says = 0;
	rig_run(1000000);
	cr_assert_eq(cloud.chain.next, pile.pile.chain.next);
	cr_assert_eq(rig_rows("terminal_records"), 0);
	rig_stop();
}

Test(terminal, a_full_store_declines_records_and_still_starts_and_stops)
{
	rig_start(8, ",\"maxRecords\":16");
	for (uint8_t voucher = 1; voucher < 5; voucher++) {
		charge_with(voucher);
		rig_run(300000);
		stop();
		rig_run(20000);
	}
	cr_assert_eq(rig_rows("terminal_records"), 16, "not %zu of %lu", rig_rows("terminal_records"),
		     (unsigned long)ble_pile_pending(&pile.pile));
	cr_assert_gt(ble_pile_pending(&pile.pile), 16);
	rig_cloud_up(true);
	rig_seen();
	for (int i = 0; i < 10 && !rig_until_receipted(70000); i++)
		rig_seen();
	cr_assert_eq(ble_pile_pending(&pile.pile), 0);
	rig_stop();
}

Test(terminal, flush_says_what_became_of_it)
{
	rig_start(9, NULL);
	charge();
	rig_run(1000);
	cr_assert_eq(rig_call("Flush", "{}"), GV_OK);
	cr_assert_eq(cJSON_GetObjectItem(last, "sent")->valueint, 0);
	cr_assert_gt(cJSON_GetObjectItem(last, "left")->valueint, 0, "there is no cloud");
	cloud.silent = true;
	rig_cloud_up(true);
	rig_run(5000);
	cr_assert_eq(rig_call("Flush", "{}"), GV_OK);
	cr_assert_gt(cJSON_GetObjectItem(last, "left")->valueint, 0, "it says nothing, so its line was closed");
	cloud.silent = false;
	rig_run(40000);
	cr_assert_eq(rig_call("Flush", "{}"), GV_OK);
	cr_assert_eq(cJSON_GetObjectItem(last, "left")->valueint, 0);
	rig_stop();
}

Test(terminal, piles_are_listed_with_what_is_known_of_them)
{
	const cJSON *it;

	rig_start(10, NULL);
	charge();
	rig_run(3000);
	rig_seen();
	rig_run(1000);
	cr_assert_eq(rig_call("ListPiles", "{}"), GV_OK);
	it = cJSON_GetArrayItem(cJSON_GetObjectItem(last, "piles"), 0);
	cr_assert_not_null(it);
	cr_assert_str_eq(cJSON_GetObjectItem(it, "device")->valuestring, RIG_PILE);
	cr_assert_str_eq(cJSON_GetObjectItem(it, "state")->valuestring, "charging");
	cr_assert_eq((size_t)cJSON_GetObjectItem(it, "stored")->valueint, rig_rows("terminal_records"));
	rig_stop();
}

Test(terminal, nonsense_is_refused_with_the_field)
{
	rig_start(11, NULL);
	cr_assert_eq(rig_call("Start", "{\"device\":\"ble:nowhere\"}"), GV_INVALID_ARGUMENT);
	cr_assert_eq(rig_call("Start", "{\"device\":\"" RIG_PILE "\",\"voucher\":\"AAAA\"}"), GV_INVALID_ARGUMENT);
	cr_assert_eq(rig_call("Stop", "{\"device\":\"" RIG_PILE "\",\"connector\":300}"), GV_INVALID_ARGUMENT);
	rig_stop();
}

Test(terminal, a_year_without_a_network_takes_no_record)
{
	size_t records;

	rig_start(12, NULL);
	charge();
	rig_run(150000);
	stop();
	rig_run(20000);
	records = rig_rows("terminal_records");
	cr_assert_gt(records, 0);
	in_reach = false;
	rig_seen();
	rig_run(INT64_C(400) * 86400000);
	cr_assert_eq(rig_rows("terminal_records"), records);
	rig_cloud_up(true);
	rig_run(60000);
	cr_assert_eq(rig_rows("terminal_records"), 0, "the cloud has them");
	cr_assert_eq(cloud.chain.next, pile.pile.chain.next);
	rig_stop();
}

Test(terminal, what_is_for_a_pile_that_is_not_met_again_goes_after_a_month)
{
	rig_start(13, NULL);
	rig_cloud_up(true);
	rig_run(1000);
	cut_after = 25; /* behind what the cloud has for it */
	rig_seen();
	rig_run(20000);
	cr_assert_gt(rig_rows("terminal_bring"), 0);
	in_reach = false;
	rig_seen();
	rig_run(INT64_C(40) * 86400000); /* for the first seven days it is asked for anew */
	cr_assert_eq(rig_rows("terminal_bring"), 0, "the cloud has it still");
	rig_stop();
}
