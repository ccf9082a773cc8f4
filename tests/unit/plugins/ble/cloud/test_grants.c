/* Who may start: an order is a grant, a grant is a voucher for whoever holds the key, and it starts once or is given
 * back. */
#include "rig.h"

#define UNTIL (7200 + 24 * 3600)

static void setup(void)
{
	rig_start(NULL);
}
TestSuite(grants, .init = setup, .fini = rig_stop);

static unsigned get_voucher(const char *token, const char *more)
{
	return ask("GetVoucher", "{\"order\":\"%s\",\"holderKey\":\"%s\"%s}", token, hex(vector_public("holder"), 32),
		   more);
}

Test(grants, a_pile_that_is_off_line_is_granted_the_start)
{
	grant("TOKEN");
	cr_expect_str_eq(text("status"), "Accepted");
	cr_expect_eq(number("beginsUntilMs") / 1000 - host_now_ms(h) / 1000, UNTIL, "the voucher's end and a day");
}

Test(grants, its_voucher_is_one_that_piles_take)
{
	struct ble_used used = { 0 };
	struct ble_clock clock;
	struct ble_voucher v;
	struct ble_keyset keys;
	struct paper document, shown;
	struct ble_gate gate = { .pile = pile.id, .keys = &keys, .clock = &clock, .used = &used };
	uint8_t jti[16];

	grant("TOKEN");
	shown = voucher("TOKEN", jti);
	keys = key_set(&document);
	ble_clock_init(&clock, 0);
	ble_clock_set(&clock, BLE_TRUST_SIGNED, (uint32_t)(host_now_ms(h) / 1000), 0);
	cr_assert_eq(ble_voucher_read(shown.at, shown.size, &v), 0);
	cr_expect_eq(ble_gate_start(&ble_openssl, &gate, pile.id, &v, 1), 0);
	cr_expect_eq(ble_gate_start(&ble_openssl, &gate, pile.id, &v, 2), -BLE_NOT_ALLOWED, "another connector");
	cr_expect_arr_eq(v.jti, jti, 16);
	cr_expect(v.max_minor == 1000 && !memcmp(v.currency, "EUR", 3) && v.max_minutes == 1440);
	cr_expect_not_null(ble_keyset_voucher_key(&keys, v.kid));
}

Test(grants, asked_again_it_is_the_same_grant)
{
	uint8_t first[16], second[16];

	grant("TOKEN");
	voucher("TOKEN", first);
	grant("TOKEN");
	voucher("TOKEN", second);
	cr_expect_arr_eq(first, second, 16);
	cr_expect_eq(get_voucher("TOKEN", ",\"nonce\":\"000102030405060708090a0b0c0d0e0f\""), GV_OK);
	cr_expect_str_eq(text("jti"), hex(first, 16), "also for a connection's nonce");
	must("GetPile", "{\"device\":\"" P1 "\"}");
	cr_expect_eq(number("pile.grants"), 1);
	cr_expect_eq(number("pile.vouchers"), 3);
}

Test(grants, none_without_a_start)
{
	cr_expect_eq(get_voucher("NOBODY", ""), GV_NOT_FOUND);
	cr_expect_eq(ask("galvan.charging.v1.Charging/Start", "{\"device\":\"ble:NONE\",\"token\":\"X\"}"),
		     GV_NOT_FOUND);
}

Test(grants, none_behind_the_start)
{
	uint8_t jti[16];

	grant("TOKEN");
	voucher("TOKEN", jti);
	start_record(&pile, jti);
	post(&pile, 1);
	cr_expect_eq(get_voucher("TOKEN", ""), GV_FAILED_PRECONDITION);
}

Test(grants, a_card_may_start_again_when_it_has_ended)
{
	uint8_t first[16], second[16];

	grant("CARD");
	voucher("CARD", first);
	start_record(&pile, first);
	end_record(&pile, 10);
	post(&pile, 1);
	post(&pile, 2);
	grant("CARD");
	voucher("CARD", second);
	cr_expect_neq(memcmp(first, second, 16), 0);
}

/* ---- what does not begin --------------------------------------------------------------------- */

Test(grants, one_that_nobody_fetched_ends_with_its_time)
{
	grant("TOKEN");
	pass(3 * HOUR_MS);
	cr_expect_eq(events("StartAbandoned"), 1);
	cr_expect_str_eq(event("StartAbandoned", 0, "token"), "TOKEN");
}

Test(grants, a_pile_whose_records_show_that_it_did_not_start_gives_the_money_back)
{
	struct ble_record boot = { .type = BLE_RECORD_BOOT };
	struct paper head;
	uint8_t jti[16];

	grant("TOKEN");
	voucher("TOKEN", jti);
	record(&pile, &boot);
	post(&pile, 1);
	pass(HOUR_MS);
	head = head_of(&pile);
	post_head(&head);
	cr_expect_eq(events("StartAbandoned"), 0, "it may still be shown");
	pass(2 * HOUR_MS);
	head = head_of(&pile);
	post_head(&head);
	cr_expect_eq(events("StartAbandoned"), 1);
}

Test(grants, a_head_behind_a_hole_shows_nothing)
{
	struct ble_record boot = { .type = BLE_RECORD_BOOT };
	struct paper head;
	uint8_t jti[16];

	grant("TOKEN");
	voucher("TOKEN", jti);
	record(&pile, &boot);
	start_record(&pile, jti);
	pass(3 * HOUR_MS);
	record(&pile, &boot);
	head = head_of(&pile);
	post(&pile, 1);
	post(&pile, 3);
	post_head(&head);
	cr_expect_eq(events("StartAbandoned"), 0);
	post(&pile, 2);
	cr_expect_eq(events("StartAbandoned"), 0);
	cr_expect_eq(events("SessionStarted"), 1);
}

Test(grants, a_clock_that_nobody_trusts_shows_nothing)
{
	struct ble_record boot = { .type = BLE_RECORD_BOOT };
	struct paper head;
	uint8_t jti[16];

	grant("TOKEN");
	voucher("TOKEN", jti);
	pile.trust = BLE_TRUST_RTC;
	pile.utc_ahead_s = 100000;
	record(&pile, &boot);
	post(&pile, 1);
	head = head_of(&pile);
	post_head(&head);
	cr_expect_eq(events("StartAbandoned"), 0);
}

Test(grants, what_was_never_heard_of_waits_for_a_person)
{
	uint8_t jti[16];

	grant("TOKEN");
	voucher("TOKEN", jti);
	pass(25 * HOUR_MS);
	cr_expect_eq(cases("unheard"), 0);
	pass(2 * HOUR_MS);
	cr_expect_eq(events("StartAbandoned"), 0, "the voucher may have been used");
	cr_expect_eq(cases("unheard"), 1);
	must("CloseCase", "{\"id\":\"%s\",\"note\":\"the pile was away\"}", kept(text("cases.0.id")));
	cr_expect_eq(events("StartAbandoned"), 1);
}

Test(grants, what_was_heard_of_late_is_its_session_all_the_same)
{
	uint8_t jti[16];

	grant("TOKEN");
	voucher("TOKEN", jti);
	start_record(&pile, jti);
	end_record(&pile, 500);
	pass(30 * HOUR_MS);
	cr_expect_eq(cases("unheard"), 1);
	post(&pile, 1);
	post(&pile, 2);
	cr_expect_eq(cases("unheard"), 0);
	cr_expect_str_eq(event("SessionEnded", 0, "session.token"), "TOKEN");
}

/* ---- keys ------------------------------------------------------------------------------------ */

Test(grants, a_revoked_holder_gets_none)
{
	grant("TOKEN");
	must("Revoke", "{\"holder\":\"%s\",\"reason\":\"stolen\"}", hex(vector_public("holder"), 32));
	cr_expect_eq(number("number"), 2, "the key set is a new one");
	cr_expect_eq(get_voucher("TOKEN", ""), GV_PERMISSION_DENIED);
	must("Revoke", "{\"holder\":\"%s\",\"lift\":true}", hex(vector_public("holder"), 32));
	cr_expect_eq(get_voucher("TOKEN", ""), GV_OK);
}

Test(grants, keys_rotate_and_vouchers_of_before_stay_good)
{
	struct ble_voucher before, after;
	struct ble_keyset keys;
	struct paper document, shown;
	uint8_t jti[16];

	grant("TOKEN");
	shown = voucher("TOKEN", jti);
	cr_assert_eq(ble_voucher_read(shown.at, shown.size, &before), 0);
	must("RotateKeys", "{}");
	cr_expect_eq(number("number"), 2);
	shown = voucher("TOKEN", jti);
	cr_assert_eq(ble_voucher_read(shown.at, shown.size, &after), 0);
	keys = key_set(&document);
	cr_expect_neq(before.kid, after.kid);
	cr_expect_not_null(ble_keyset_voucher_key(&keys, before.kid));
	cr_expect_not_null(ble_keyset_voucher_key(&keys, after.kid));
	cr_expect_eq(keys.number, 2);
}

Test(grants, keys_outlive_a_lost_store)
{
	struct paper document;
	struct ble_keyset before = key_set(&document), after;

	rig_stop();
	rig_start(NULL);
	after = key_set(&document);
	cr_expect_arr_eq(before.voucher_key[0], after.voucher_key[0], BLE_KEY_ENTRY);
	cr_expect_arr_eq(before.receipt_key, after.receipt_key, BLE_KEY_ENTRY);
}

/* ---- a root elsewhere ------------------------------------------------------------------------ */

Test(root, signs_elsewhere_what_the_node_wants_signed)
{
	char config[100];
	struct paper to_sign;
	uint8_t text_of[8 + BLE_DOCUMENT_MAX] = "CPB1-KST";

	snprintf(config, sizeof(config), "\"rootPublicKey\":\"%s\"", hex(vector_public("cloud"), 32));
	rig_load(config);
	must("GetKeySet", "{}");
	cr_expect_eq(number("number"), 0, "there is none yet");
	to_sign = bytes("toSign");
	memcpy(text_of + 8, to_sign.at, to_sign.size);
	cr_assert_eq(ble_openssl.sign(NULL, vector_key("holder"), text_of, 8 + to_sign.size, to_sign.at + to_sign.size),
		     0);
	to_sign.size += BLE_SIG_SIZE;
	cr_expect_eq(ask("PutKeySet", "{\"document\":\"%s\"}", base64(&to_sign)), GV_INVALID_ARGUMENT, "another root");
	to_sign.size -= BLE_SIG_SIZE;
	cr_assert_eq(ble_openssl.sign(NULL, vector_key("cloud"), text_of, 8 + to_sign.size, to_sign.at + to_sign.size),
		     0);
	to_sign.size += BLE_SIG_SIZE;
	must("PutKeySet", "{\"document\":\"%s\"}", base64(&to_sign));
	cr_expect_eq(number("number"), 1);
	cr_expect_eq(ask("PutKeySet", "{\"document\":\"%s\"}", base64(&to_sign)), GV_INVALID_ARGUMENT, "numbers rise");
	must("RotateKeys", "{}");
	cr_expect_eq(number("number"), 1, "nothing has changed until it is signed");
	cr_expect_gt(bytes("toSign").size, 0);
	rig_stop();
}
