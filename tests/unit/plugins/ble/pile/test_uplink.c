/* A pile with a network of its own: its records go to the cloud by themselves, and the cloud decides who starts. */
#include "board.h"

#include <criterion/criterion.h>
#include <string.h>

static struct board b;
static const uint8_t ok[] = { 1, 1, 0 };

static void settle(void)
{
	struct ble_frame f;

	while (board_uplink_next(&b, &f) == 1)
		if (f.type == BLE_REC)
			cr_assert_eq(board_uplink_say(&b, BLE_PUT_RES, f.counter, ok, sizeof(ok)), 0);
}

/* The next message that is not a record or a status. */
static struct ble_frame next(void)
{
	struct ble_frame f;

	do
		cr_assert_eq(board_uplink_next(&b, &f), 1, "nothing is said");
	while (f.type == BLE_REC || f.type == BLE_STATUS_RES);
	return f;
}

static struct ble_command granted(uint8_t order, uint32_t max_wh)
{
	struct ble_command it = { .has = BLE_HAS(BLE_GRANT_JTI) | BLE_HAS(BLE_GRANT_EXPIRES) | BLE_HAS(BLE_GRANT_WH),
				  .connector = 1 };

	memset(it.order, order, 16);
	memset(it.grant.jti, order, 16);
	it.grant.expires = UINT32_MAX - 1;
	it.grant.max_wh = max_wh;
	return it;
}

static struct ble_answer command(enum ble_type type, const struct ble_command *it)
{
	struct ble_answer answer;
	uint8_t body[256];
	int size = ble_command_write(it, body, sizeof(body));
	struct ble_frame f;

	cr_assert_gt(size, 0);
	cr_assert_eq(board_uplink_say(&b, type, 70, body, (size_t)size), 0);
	f = next();
	cr_assert_eq(f.type, type + 1);
	cr_assert_eq(f.counter, 70, "an answer has its question's counter");
	cr_assert_eq(ble_answer_read(f.body.at, f.body.size, &answer), 0);
	return answer;
}

/* A visitor's START, another each time, up to where the cloud is asked. */
static struct ble_frame ask(const struct vector *voucher)
{
	static uint8_t order = 100;
	struct ble_command it = { .connector = 1 };
	uint8_t body[64];
	int size;

	memset(it.order, ++order, 16);
	size = ble_command_write(&it, body, sizeof(body));
	cr_assert_eq(board_visit(&b, voucher), 0);
	cr_assert_eq(board_say(&b, BLE_START, body, (size_t)size), -BLE_LATE, "no answer before the cloud's");
	return next();
}

static int started(void)
{
	struct ble_answer answer;

	cr_assert_eq(board_hear(&b), BLE_START_RES);
	cr_assert_eq(ble_answer_read(b.heard.body.at, b.heard.body.size, &answer), 0);
	return -answer.result;
}

static void word(const struct ble_frame *question, int result, uint32_t max_wh)
{
	struct ble_ask_result it = { .result = (uint8_t)-result };
	uint8_t body[128];
	int size;

	if (result == 0) {
		it.has = BLE_HAS(BLE_GRANT_JTI) | BLE_HAS(BLE_GRANT_EXPIRES) | BLE_HAS(BLE_GRANT_WH);
		memset(it.grant.jti, 77, 16);
		it.grant.expires = UINT32_MAX - 1;
		it.grant.max_wh = max_wh;
	}
	size = ble_ask_result_write(&it, body, sizeof(body));
	cr_assert_gt(size, 0);
	cr_assert_eq(board_uplink_say(&b, BLE_ASK_RES, question->counter, body, (size_t)size), 0);
}

TestSuite(uplink, .timeout = 60);

Test(uplink, every_record_goes_up_in_order_and_stays_until_its_receipt)
{
	struct vector receipt;
	struct ble_command it;
	uint64_t sent = 0;
	struct ble_frame f;

	board_init(&b);
	board_uplink_online(&b);
	it = granted(1, 5000);
	command(BLE_START, &it);
	board_pass(&b, 130);
	command(BLE_STOP, &it);
	while (board_uplink_next(&b, &f) == 1)
		sent += f.type == BLE_REC;
	ble_pile_uplink_close(&b.pile, b.now_ms);
	board_uplink_online(&b);
	for (sent = 0; board_uplink_next(&b, &f) == 1;) {
		struct ble_record record;

		if (f.type != BLE_REC)
			continue;
		cr_assert_eq(ble_record_read(f.body.at, f.body.size, &record), 0);
		cr_assert_eq(record.seq, ++sent, "after a new connection all without a receipt go again");
		cr_assert_eq(board_uplink_say(&b, BLE_PUT_RES, f.counter, ok, sizeof(ok)), 0);
	}
	cr_assert_eq(sent, b.pile.chain.next - 1);
	cr_assert_eq(ble_pile_pending(&b.pile), sent, "the cloud's answer alone lets nothing be forgotten");
	receipt = board_receipt_for(&b, sent);
	cr_assert_eq(board_uplink_say(&b, BLE_RCPT_PUT, 90, receipt.at, receipt.size), 0);
	cr_assert_eq(ble_pile_pending(&b.pile), 0);
}

Test(uplink, no_more_than_a_window_of_records_is_under_way)
{
	unsigned under_way = 0;
	struct ble_frame f;
	struct ble_answer answer;

	board_init(&b);
	for (uint8_t n = 1; n < 12; n++) {
		struct vector voucher = board_voucher(n);

		cr_assert_eq(board_visit(&b, &voucher), 0);
		cr_assert_eq(board_start(&b, n, &answer), 0);
		cr_assert_eq(board_stop(&b, n, &answer), 0);
		board_leave(&b);
	}
	board_uplink_online(&b);
	while (board_uplink_next(&b, &f) == 1)
		under_way += f.type == BLE_REC;
	cr_assert_eq(under_way, BLE_PILE_UPLINK_WINDOW);
}

Test(uplink, the_cloud_starts_and_stops_and_the_same_order_is_one_session)
{
	struct ble_command it = granted(1, 5000);
	struct ble_answer first, again;

	board_init(&b);
	board_uplink_online(&b);
	first = command(BLE_START, &it);
	again = command(BLE_START, &it);
	cr_assert_eq(first.result, 0);
	cr_assert_arr_eq(&first, &again, sizeof(first));
	cr_assert(b.closed[0]);
	board_pass(&b, 10);
	cr_assert_eq(command(BLE_STOP, &it).result, 0);
	cr_assert_not(b.closed[0]);
	cr_assert_eq(board_check_history(&b), 1);
	it = granted(1, 5000);
	memset(it.order, 2, 16);
	cr_assert_eq(command(BLE_START, &it).result, BLE_USED, "another order on the same grant");
}

Test(uplink, with_a_network_a_visitors_start_is_the_clouds_to_allow)
{
	struct vector voucher = board_voucher(1);
	struct ble_frame question;

	board_init(&b);
	board_uplink_online(&b);
	question = ask(&voucher);
	cr_assert_eq(question.type, BLE_ASK);
	word(&question, -BLE_REVOKED, 0);
	cr_assert_eq(started(), -BLE_REVOKED);
	board_leave(&b);
	question = ask(&voucher);
	word(&question, 0, 100);
	cr_assert_eq(started(), 0);
	board_pass(&b, 60);
	cr_assert_not(b.closed[0]);
	cr_assert_leq(b.delivered_wh[0], 111, "the narrower of the two limits");
}

Test(uplink, a_holder_without_a_voucher_starts_on_the_clouds_word_only)
{
	struct ble_answer answer;
	struct ble_frame question;

	board_init(&b);
	cr_assert_eq(board_visit(&b, NULL), 0);
	cr_assert_eq(board_start(&b, 1, &answer), -BLE_NOT_OFFLINE);
	board_leave(&b);
	board_uplink_online(&b);
	question = ask(NULL);
	word(&question, 0, 100);
	cr_assert_eq(started(), 0);
	cr_assert(b.closed[0]);
	cr_assert_eq(b.pile.state.sessions[0].jti[0], 77, "its start names the grant");
}

Test(uplink, a_silent_cloud_leaves_it_to_what_was_signed)
{
	struct vector voucher = board_voucher(1);

	board_init(&b);
	board_uplink_online(&b);
	ask(&voucher);
	board_pass(&b, 5);
	cr_assert_eq(started(), 0);
	board_leave(&b);
	cr_assert_eq(ble_pile_unplugged(&b.pile, 1, b.now_ms), 0);
	voucher = board_voucher(2);
	board_uplink_online(&b);
	ask(&voucher);
	ble_pile_uplink_close(&b.pile, b.now_ms);
	cr_assert_eq(b.pile.state.sessions[0].active, true, "nor does one whose line is gone");
}

Test(uplink, a_line_without_a_word_is_no_network)
{
	board_init(&b);
	board_uplink_online(&b);
	settle();
	b.now_ms += 2 * 60 * 1000 + 1;
	cr_assert_not(ble_pile_online(&b.pile, b.now_ms));
	cr_assert(ble_pile_uplink_dead(&b.pile, b.now_ms), "and another one is to be made");
}

Test(uplink, what_has_no_place_closes_the_connection_and_changes_nothing)
{
	const uint8_t junk[] = { 0xff, 0, 0, 0, 0, 0, 1, 2, 3 };

	board_init(&b);
	board_uplink_online(&b);
	cr_assert_lt(ble_pile_uplink_receive(&b.pile, junk, sizeof(junk), b.now_ms), 0);
	cr_assert_lt(ble_pile_uplink_receive(&b.pile, junk, 3, b.now_ms), 0);
	cr_assert_eq(board_uplink_say(&b, BLE_HELLO, 1, NULL, 0), -BLE_UNEXPECTED);
	cr_assert_eq(board_check_history(&b), 0);
}
