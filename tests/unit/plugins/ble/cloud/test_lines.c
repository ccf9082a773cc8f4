/* The WebSocket: a pile's own module, and terminals that stand for piles without one. */
#include "rig.h"

static void setup(void)
{
	rig_start(NULL);
}
TestSuite(lines, .init = setup, .fini = rig_stop);

static void bring(struct peer *p, uint32_t counter, uint64_t seq)
{
	say(p, BLE_REC, counter, pile.records[seq].at, (int)pile.records[seq].size);
}

Test(lines, a_pile_that_comes_is_asked_for_a_head)
{
	struct peer *p = connect_peer(P1);
	struct ble_record_get get;
	struct ble_frame f;
	struct paper head;

	cr_assert(hear(p, BLE_REC_GET, &f));
	cr_assert_eq(ble_record_get_read(f.body.at, f.body.size, &get), 0);
	cr_expect_eq(get.most, 0, "it sends its records by itself");
	start_record(&pile, NULL);
	head = head_of(&pile);
	say(p, BLE_REC_END, f.counter, head.at, (int)head.size);
	cr_expect_eq(heard_result(p), BLE_GAP, "the record is still to come");
	must("GetPile", "{\"device\":\"" P1 "\"}");
	cr_expect_str_eq(text("pile.online"), "true");
	cr_expect_eq(number("pile.chains.0.highest"), 1);
}

Test(lines, a_piles_record_is_answered_and_receipted)
{
	struct peer *p = connect_peer(P1);
	struct ble_receipt it;
	struct ble_frame f;

	start_record(&pile, NULL);
	bring(p, 7, 1);
	cr_assert(hear(p, BLE_PUT_RES, &f));
	cr_expect_eq(f.counter, 7);
	cr_assert(hear(p, BLE_RCPT_PUT, &f));
	cr_assert_eq(ble_receipt_read(f.body.at, f.body.size, &it), 0);
	cr_expect_eq(it.upto, 1);
	must("ListRecords", "{\"device\":\"" P1 "\"}");
	cr_expect_str_eq(text("records.0.roads.0.kind"), "pile");
}

Test(lines, a_terminal_brings_and_is_told_and_takes_along)
{
	struct peer *p = connect_peer(PHONE);
	struct ble_fetch fetch = { .has = BLE_HAS(BLE_FETCH_NONCE), .nonce = "nonce of a pile" };
	struct ble_keyset keys;
	struct ble_time time;
	struct paper document;
	struct ble_frame f;
	uint8_t body[64];

	start_record(&pile, NULL);
	end_record(&pile, 100);
	bring(p, 1, 2);
	cr_expect_eq(heard_result(p), BLE_GAP);
	bring(p, 2, 1);
	cr_expect_eq(heard_result(p), BLE_OK);
	bring(p, 3, 1);
	cr_expect_eq(heard_result(p), BLE_DUPLICATE);
	cr_expect_eq(events("SessionEnded"), 1);
	keys = key_set(&document);
	memcpy(fetch.pile, pile.id, 16);
	say(p, BLE_FETCH, 9, body, ble_fetch_write(&fetch, body, sizeof(body)));
	cr_assert(hear(p, BLE_KEYSET_PUT, &f));
	cr_expect_eq(f.counter, 9);
	cr_assert(hear(p, BLE_TIME_PUT, &f));
	cr_expect_eq(ble_time_check(&ble_openssl, &keys, pile.id, fetch.nonce, f.body.at, f.body.size, &time), 0);
	cr_assert(hear(p, BLE_RCPT_PUT, &f));
	cr_expect_eq(heard_result(p), BLE_OK, "that was all");
}

Test(lines, a_terminal_fetches_a_voucher_for_a_pile_that_it_stands_before)
{
	struct peer *p = connect_peer(PHONE);
	struct ble_voucher_get get = { .has = BLE_HAS(BLE_VOUCHER_GET_NONCE),
				       .connector = 1,
				       .nonce = "this connection" };
	struct ble_voucher v;
	struct ble_frame f;
	uint8_t body[256];

	grant("TOKEN");
	memcpy(get.pile, pile.id, 16);
	memcpy(get.holder, vector_public("holder"), 32);
	ble_order_id(&ble_openssl, "TOKEN", 5, get.order);
	say(p, BLE_VOUCHER_GET, 4, body, ble_voucher_get_write(&get, body, sizeof(body)));
	cr_assert(hear(p, BLE_VOUCHER, &f));
	cr_assert_eq(ble_voucher_read(f.body.at, f.body.size, &v), 0);
	cr_expect_arr_eq(v.nonce, get.nonce, 16);
	cr_expect_arr_eq(v.order, get.order, 16);
	get.order[0] ^= 1;
	say(p, BLE_VOUCHER_GET, 5, body, ble_voucher_get_write(&get, body, sizeof(body)));
	cr_expect_eq(heard_result(p), BLE_NOT_ALLOWED);
}

Test(lines, what_has_no_place_is_said_to_have_none)
{
	struct peer *p = connect_peer(PHONE);

	say(p, BLE_AUTH, 1, "", 0);
	cr_expect_eq(heard_result(p), BLE_UNEXPECTED);
	say(p, BLE_FETCH, 2, "\1", 1);
	cr_expect_eq(heard_result(p), BLE_MALFORMED);
	host_station_send(p->station, GV_BINARY, "x", 1);
	settle();
	cr_expect_eq(p->closed, 1, "who sends no messages does not speak cpb1");
}

/* ---- commands -------------------------------------------------------------------------------- */

static struct host_answer *start_later(void)
{
	struct host_answer *a = host_call_later(h, NULL, "galvan.charging.v1.Charging/Start",
						"{\"device\":\"" P1
						"\",\"connector\":1,\"token\":\"TOKEN\",\"maxEnergyWh\":\"9000\"}");

	settle();
	return a;
}

/* The pile's answer to a command; START's are in `command`. */
static void answer(struct peer *p, uint8_t type, uint32_t counter, int result)
{
	struct ble_answer it = { .result = (uint8_t)result };
	uint8_t body[16];

	say(p, type, counter, body, ble_answer_write(&it, body, sizeof(body)));
}

static uint32_t heard_start(struct peer *p, struct ble_command *ret)
{
	struct ble_frame f;

	cr_assert(hear(p, BLE_START, &f));
	cr_assert_eq(ble_command_read(f.body.at, f.body.size, ret), 0);
	return f.counter;
}

Test(lines, a_pile_on_line_is_started_at_once)
{
	struct peer *p = connect_peer(P1);
	struct host_answer *a = start_later();
	struct ble_command it;
	uint32_t counter = heard_start(p, &it);

	cr_expect_eq(it.grant.max_wh, 9000);
	cr_expect(it.has & BLE_HAS(BLE_GRANT_JTI));
	cr_expect_not(a->done, "the pile has not answered");
	answer(p, BLE_START_RES, counter, BLE_OK);
	cr_assert(a->done);
	start_record(&pile, it.grant.jti);
	bring(p, 1, 1);
	cr_expect_eq(events("SessionStarted"), 1);
	cr_expect_str_eq(event("SessionStarted", 0, "session.token"), "TOKEN");
}

Test(lines, a_pile_that_refuses_ends_the_grant)
{
	struct peer *p = connect_peer(P1);
	struct host_answer *a = start_later();
	struct ble_command it;

	answer(p, BLE_START_RES, heard_start(p, &it), BLE_STORE_FULL);
	cr_assert(a->done);
	cr_expect_not_null(strstr(a->json, "Rejected"), "%s", a->json);
	cr_expect_eq(events("StartAbandoned"), 1);
}

Test(lines, a_pile_that_does_not_answer_may_have_started)
{
	struct peer *p = connect_peer(P1);
	struct host_answer *a = start_later();

	host_station_drop(p->station);
	pass(21 * SECOND_MS);
	cr_assert(a->done);
	cr_expect_not_null(strstr(a->json, "Accepted"), "%s", a->json);
	cr_expect_eq(events("StartAbandoned"), 0);
}

Test(lines, a_crash_of_the_cloud_keeps_the_answer_waiting)
{
	struct peer *p = connect_peer(P1);
	struct host_answer *a;
	struct ble_command it;
	uint32_t counter;

	host_durable(h, true);
	a = start_later();
	counter = heard_start(p, &it);
	host_crash(h, "ble.0");
	pass(5 * SECOND_MS);
	answer(p, BLE_START_RES, counter, BLE_OK);
	settle();
	cr_assert(a->done);
	cr_expect_not_null(strstr(a->json, "Accepted"), "%s", a->json);
}

Test(lines, a_session_is_stopped_where_the_pile_is_on_line)
{
	struct peer *p = connect_peer(P1);
	struct host_answer *a;
	struct ble_frame f;

	start_record(&pile, NULL);
	bring(p, 1, 1);
	a = host_call_later(h, NULL, "galvan.charging.v1.Charging/Stop", "{\"device\":\"" P1 "\",\"connector\":1}");
	settle();
	cr_assert(hear(p, BLE_STOP, &f));
	answer(p, BLE_STOP_RES, f.counter, BLE_OK);
	cr_assert(a->done);
	cr_expect_eq(a->code, GV_OK);
	host_station_finish(p->station);
	settle();
	cr_expect_eq(ask("galvan.charging.v1.Charging/Stop", "{\"device\":\"" P1 "\",\"connector\":1}"), GV_UNAVAILABLE,
		     "nobody can reach it");
}

Test(lines, a_pile_asks_for_a_holder_that_stands_before_it)
{
	struct peer *p = connect_peer(P1);
	struct ble_ask it = { .connector = 1 };
	struct ble_ask_result result;
	struct ble_frame f;
	uint8_t body[256];
	struct host_answer *a = start_later();

	answer(p, BLE_START_RES, heard_start(p, &(struct ble_command){ 0 }), BLE_OK);
	cr_assert(a->done);
	memcpy(it.holder, vector_public("holder"), 32);
	ble_order_id(&ble_openssl, "TOKEN", 5, it.order);
	say(p, BLE_ASK, 6, body, ble_ask_write(&it, body, sizeof(body)));
	cr_assert(hear(p, BLE_ASK_RES, &f));
	cr_assert_eq(ble_ask_result_read(f.body.at, f.body.size, &result), 0);
	cr_expect(result.result == BLE_OK && result.grant.max_wh == 9000);
	start_record(&pile, result.grant.jti);
	bring(p, 1, 1);
	say(p, BLE_ASK, 8, body, ble_ask_write(&it, body, sizeof(body)));
	cr_assert(hear(p, BLE_ASK_RES, &f));
	cr_assert_eq(ble_ask_result_read(f.body.at, f.body.size, &result), 0);
	cr_expect_eq(result.result, BLE_USED);
}

/* ---- what it is ------------------------------------------------------------------------------ */

Test(lines, connectors_say_what_they_do_and_whether_they_can_be_reached)
{
	struct peer *p = connect_peer(P1);
	struct ble_status it = { .state = 1, .connector = 1, .pending = 0 };
	uint8_t body[64];

	say(p, BLE_STATUS_RES, 1, body, ble_status_write(&it, body, sizeof(body)));
	cr_expect_str_eq(event("ConnectorStatusChanged", 0, "status.status"), "Preparing");
	cr_expect_str_eq(event("ConnectorStatusChanged", 0, "status.online"), "true");
	host_station_finish(p->station);
	cr_expect_eq(events("ConnectorStatusChanged"), 2);
	cr_expect_str_eq(event("ConnectorStatusChanged", 1, "status.online"), "false");
	must("galvan.charging.v1.Charging/ListConnectors", "{\"device\":\"" P1 "\"}");
	cr_expect_str_eq(text("connectors.0.status"), "Preparing");
}

Test(lines, what_a_pile_cannot_do_is_refused)
{
	cr_expect_eq(ask("galvan.charging.v1.Charging/Reset", "{\"device\":\"" P1 "\"}"), GV_UNIMPLEMENTED);
}
