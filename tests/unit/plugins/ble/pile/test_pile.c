/* What a pile without a network owes to whoever pays and to whoever is paid. */
#include "board.h"

#include <criterion/criterion.h>
#include <string.h>

static struct board b;

static void visit(uint8_t number)
{
	struct vector voucher = board_voucher(number);
	int r = board_visit(&b, &voucher);

	cr_assert_eq(r, 0, "%s", ble_result_name(r));
}

static void run_session(uint8_t number, unsigned seconds)
{
	struct ble_answer answer;

	visit(number);
	cr_assert_eq(board_start(&b, number, &answer), 0);
	board_leave(&b);
	board_pass(&b, seconds);
	visit(number);
	cr_assert_eq(board_stop(&b, number, &answer), 0);
	board_leave(&b);
}

TestSuite(pile, .timeout = 120);

Test(pile, a_session_is_a_start_and_an_end_with_what_the_meter_says)
{
	board_init(&b);
	run_session(1, 150);
	cr_assert_not(b.closed[0]);
	cr_assert_eq(board_check_history(&b), 1);
	cr_assert_eq(b.delivered_wh[0], 1650);
}

Test(pile, power_comes_only_between_the_answers_to_start_and_stop)
{
	struct ble_answer answer;

	board_init(&b);
	visit(1);
	cr_assert_not(b.closed[0]);
	cr_assert_eq(board_start(&b, 1, &answer), 0);
	cr_assert(b.closed[0]);
	cr_assert_eq(board_stop(&b, 1, &answer), 0);
	cr_assert_not(b.closed[0]);
}

Test(pile, the_same_order_again_gets_the_same_answer_and_starts_nothing)
{
	struct ble_answer first, again;

	board_init(&b);
	visit(1);
	cr_assert_eq(board_start(&b, 9, &first), 0);
	cr_assert_eq(board_start(&b, 9, &again), 0);
	cr_assert_arr_eq(&first, &again, sizeof(first));
	board_leave(&b);
	board_boot(&b); /* which ends the session */
	visit(1);
	cr_assert_eq(board_start(&b, 9, &again), 0);
	cr_assert_arr_eq(&first, &again, sizeof(first), "also when it is over");
	cr_assert_not(b.closed[0]);
	cr_assert_eq(board_check_history(&b), 1);
}

Test(pile, a_voucher_starts_once_whatever_the_order)
{
	struct ble_answer answer;

	board_init(&b);
	run_session(1, 10);
	visit(1);
	cr_assert_eq(board_start(&b, 2, &answer), -BLE_USED);
	board_leave(&b);
	board_boot(&b);
	visit(1);
	cr_assert_eq(board_start(&b, 3, &answer), -BLE_USED);
}

Test(pile, a_taken_connector_starts_nothing_and_the_voucher_stays_good)
{
	struct ble_answer answer;

	board_init(&b);
	visit(1);
	cr_assert_eq(board_start(&b, 1, &answer), 0);
	board_leave(&b);
	visit(2);
	cr_assert_eq(board_start(&b, 2, &answer), -BLE_BUSY);
	board_leave(&b);
	cr_assert_eq(ble_pile_unplugged(&b.pile, 1, b.now_ms), 0);
	visit(2);
	cr_assert_eq(board_start(&b, 2, &answer), 0);
}

Test(pile, energy_and_time_end_by_themselves)
{
	struct ble_voucher of;
	struct vector voucher;
	struct ble_answer answer;

	board_init(&b);
	visit(1); /* 5,000 Wh, at 11 a second */
	cr_assert_eq(board_start(&b, 1, &answer), 0);
	board_pass(&b, 600);
	cr_assert_not(b.closed[0]);
	cr_assert_geq(b.delivered_wh[0], 5000);
	cr_assert_leq(b.delivered_wh[0], 5000 + 11, "no more than a second's beyond what was paid");
	board_leave(&b);
	board_voucher_from(2, &of);
	of.max_minutes = 2;
	voucher = board_voucher_of(&of);
	cr_assert_eq(board_visit(&b, &voucher), 0);
	cr_assert_eq(board_start(&b, 2, &answer), 0);
	board_pass(&b, 121);
	cr_assert_not(b.closed[0]);
	cr_assert_eq(board_check_history(&b), 2);
}

Test(pile, only_who_started_and_an_operator_stop)
{
	struct ble_voucher of;
	struct vector voucher;
	struct ble_answer answer;

	board_init(&b);
	visit(1);
	cr_assert_eq(board_start(&b, 1, &answer), 0);
	board_leave(&b);
	memset(b.pile.state.sessions[0].holder, 7, 32); /* somebody else's, that is */
	visit(2);
	cr_assert_eq(board_stop(&b, 1, &answer), -BLE_NOT_ALLOWED);
	board_leave(&b);
	board_voucher_from(3, &of);
	of.flags = BLE_OPERATOR | BLE_MAY_STOP | BLE_OFFLINE_OK;
	voucher = board_voucher_of(&of);
	cr_assert_eq(board_visit(&b, &voucher), 0);
	cr_assert_eq(board_stop(&b, 1, &answer), 0);
}

/* ---- power ----------------------------------------------------------------------------------- */

/* A session whose steps are done again after each loss of power, as a customer would. false: the power went. */
static bool step(unsigned n)
{
	struct vector voucher = board_voucher(1);
	struct ble_answer answer;

	if (n == 1) {
		board_pass(&b, 130);
	} else {
		board_visit(&b, &voucher);
		if (n == 0)
			board_start(&b, 1, &answer);
		else
			board_stop(&b, 1, &answer);
		board_leave(&b);
	}
	return !b.dead;
}

Test(pile, the_power_may_go_in_any_write)
{
	unsigned cut = 0, writes;

	do {
		board_init(&b);
		writes = b.writes;
		b.cut_at = writes + ++cut;
		for (unsigned n = 0; n < 3; n++) {
			if (step(n))
				continue;
			cr_assert_not(b.closed[0], "a relay of a dead pile");
			cr_assert_eq(board_boot(&b), 0);
			n -= n == 1 ? 0 : 1; /* again */
		}
		cr_assert_leq(board_check_history(&b), 1, "cut in write %u: a voucher started twice", cut);
		cr_assert_not(b.pile.state.sessions[0].active);
	} while (b.writes >= b.cut_at);
	cr_assert_gt(cut, 5);
}

Test(pile, the_power_may_go_while_it_comes_back)
{
	struct ble_answer answer;

	for (unsigned cut = 1; cut <= 6; cut++) {
		board_init(&b);
		visit(1);
		cr_assert_eq(board_start(&b, 1, &answer), 0);
		board_leave(&b);
		board_pass(&b, 30);
		b.cut_at = b.writes + cut;
		board_boot(&b);
		board_boot(&b);
		cr_assert_eq(board_check_history(&b), 1, "cut in write %u of the boot", cut);
	}
}

Test(pile, without_a_whole_state_nothing_starts_as_used_vouchers_are_forgotten)
{
	struct ble_answer answer;

	board_init(&b);
	run_session(1, 10);
	b.state[0][100] ^= 1;
	b.state[1][100] ^= 1;
	cr_assert_eq(board_boot(&b), -BLE_STORE_FULL);
	b.visit = NULL;
	cr_assert(b.pile.broken);
	(void)answer;
}

Test(pile, a_store_that_lost_its_records_begins_another_chain)
{
	uint32_t chain;

	board_init(&b);
	run_session(1, 10);
	chain = b.pile.chain.chain;
	memset(b.records, 0xff, sizeof(b.records));
	cr_assert_eq(board_boot(&b), 0);
	cr_assert_gt(b.pile.chain.chain, chain, "a number that was used must not be signed again");
}

/* ---- room ------------------------------------------------------------------------------------ */

Test(pile, a_full_store_starts_nothing_but_has_room_for_each_end)
{
	struct ble_answer answer;
	uint8_t n = 0;
	int r;

	board_init(&b);
	do {
		visit(++n);
		r = board_start(&b, n, &answer);
		board_leave(&b);
		if (r == 0) {
			board_pass(&b, 61);
			cr_assert_eq(ble_pile_unplugged(&b.pile, 1, b.now_ms), 0);
		}
	} while (r == 0);
	cr_assert_eq(r, -BLE_STORE_FULL);
	cr_assert_eq(board_check_history(&b), (unsigned)n - 1);
}

Test(pile, only_a_receipt_of_its_own_history_makes_room)
{
	struct ble_answer answer;
	uint64_t last;

	board_init(&b);
	run_session(1, 130);
	last = b.pile.chain.next - 1;
	visit(2);
	cr_assert_eq(board_receipt(&b, last - 1), 0);
	cr_assert_eq(ble_pile_pending(&b.pile), 1);
	cr_assert_eq(board_receipt(&b, last - 2), 0, "an older one changes nothing");
	cr_assert_eq(ble_pile_pending(&b.pile), 1);
	board_leave(&b);
	cr_assert_eq(board_boot(&b), 0);
	cr_assert_eq(b.pile.state.acked, last - 1, "and is kept");
	for (uint8_t n = 10; n < 60; n++) { /* round and round the ring */
		run_session(n, 5);
		visit(n);
		cr_assert_eq(board_receipt(&b, b.pile.chain.next - 1), 0);
		board_leave(&b);
	}
	(void)answer;
}

Test(pile, strangers_at_the_door_are_one_at_a_time)
{
	struct ble_pile_visit *first, *second;

	board_init(&b);
	first = ble_pile_connect(&b.pile, b.now_ms);
	cr_assert_not_null(first);
	second = ble_pile_connect(&b.pile, b.now_ms);
	cr_assert_null(second);
	b.now_ms += BLE_HELLO_WAIT_MS + 1;
	ble_pile_tick(&b.pile, b.now_ms);
	cr_assert(ble_pile_visit_over(first), "who says nothing goes");
}
