/* Records come by any road, in any order, however often: each is kept once, as it was signed, and only what is
 * contiguous gets a receipt. */
#include "rig.h"

static void setup(void)
{
	rig_start("\"holeS\":3600");
}
TestSuite(ingest, .init = setup, .fini = rig_stop);

static void boot_record(void)
{
	struct ble_record r = { .type = BLE_RECORD_BOOT };

	record(&pile, &r);
}

static void write_boots(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		boot_record();
}

static uint64_t upto(void)
{
	must("GetPile", "{\"device\":\"" P1 "\"}");
	return (uint64_t)number("pile.chains.0.upto");
}

Test(ingest, in_order)
{
	write_boots(3);
	for (uint64_t seq = 1; seq <= 3; seq++) {
		cr_expect_str_eq(post(&pile, seq), "OK");
		cr_expect_eq(receipted(), seq);
	}
}

Test(ingest, what_lies_ahead_is_kept_and_counts_when_the_hole_closes)
{
	write_boots(4);
	cr_expect_str_eq(post(&pile, 4), "GAP");
	cr_expect_str_eq(post(&pile, 2), "GAP");
	cr_expect_eq(receipted(), 0, "nothing is contiguous");
	cr_expect_str_eq(post(&pile, 1), "OK");
	cr_expect_eq(receipted(), 2);
	cr_expect_str_eq(post(&pile, 3), "OK");
	cr_expect_eq(receipted(), 4);
}

Test(ingest, a_second_road_is_noted_and_nothing_counts_twice)
{
	write_boots(1);
	cr_expect_str_eq(post(&pile, 1), "OK");
	cr_expect_str_eq(post(&pile, 1), "DUPLICATE");
	must("PutRecords", "{\"terminal\":\"phone-2\",\"records\":[\"%s\"]}", base64(&pile.records[1]));
	must("ListRecords", "{\"device\":\"" P1 "\"}");
	cr_expect_eq(length("records"), 1);
	cr_expect_eq(length("records.0.roads"), 2, "phone-1 came twice");
	cr_expect_str_eq(text("records.0.roads.1.who"), "phone-2");
	cr_expect_str_eq(text("records.0.type"), "boot");
	cr_expect_str_eq(text("records.0.document"), base64(&pile.records[1]), "as the pile signed it");
}

Test(ingest, a_receipt_is_one_that_piles_take)
{
	struct ble_keyset keys;
	struct ble_receipt it;
	struct paper document, receipt;

	write_boots(2);
	post(&pile, 1);
	post(&pile, 2);
	receipt = bytes("receipts.0");
	keys = key_set(&document);
	cr_expect_eq(
		ble_receipt_check(&ble_openssl, &keys, &pile.chain, 0, pile.chain.head, receipt.at, receipt.size, &it),
		0);
	cr_expect_eq(it.upto, 2);
}

/* ---- what is none of it ---------------------------------------------------------------------- */

Test(ingest, a_strangers_bytes_are_held_against_nobody)
{
	struct paper forged;

	write_boots(1);
	forged = pile.records[1];
	forged.at[forged.size - 1] ^= 1;
	cr_expect_str_eq(post_paper(&forged), "BAD_SIG");
	forged.at[1] = 9;
	cr_expect_str_eq(post_paper(&forged), "MALFORMED");
	cr_expect_eq(cases("fork"), 0);
	cr_expect_str_eq(post(&pile, 1), "OK");
}

Test(ingest, a_pile_that_nobody_has_made_known)
{
	struct pile other;

	make_pile(&other, P1 "-other", 7, "holder");
	must("DeletePile", "{\"device\":\"" P1 "-other\"}");
	record(&other, &(struct ble_record){ .type = BLE_RECORD_BOOT });
	cr_expect_str_eq(post(&other, 1), "OTHER_PILE");
}

/* ---- forks ----------------------------------------------------------------------------------- */

Test(ingest, two_histories_put_the_pile_under_quarantine_and_lose_nothing)
{
	struct pile clone;

	write_boots(2);
	post(&pile, 1);
	clone = pile;
	clone.chain.next = 2;
	cr_assert_eq(ble_record_hash(&ble_openssl, pile.records[1].at, pile.records[1].size, clone.chain.head), 0);
	start_record(&clone, NULL);
	cr_expect_str_eq(post(&pile, 2), "OK");
	cr_expect_str_eq(post(&clone, 2), "FORK");
	cr_expect_eq(cases("fork"), 1);
	must("GetPile", "{\"device\":\"" P1 "\"}");
	cr_expect_str_eq(text("pile.quarantined"), "true");
	must("ListRecords", "{\"device\":\"" P1 "\",\"forked\":true}");
	cr_expect_eq(length("records"), 1);
	cr_expect_str_eq(text("records.0.document"), base64(&clone.records[2]));
	cr_expect_eq(
		ask("galvan.charging.v1.Charging/Start", "{\"device\":\"" P1 "\",\"connector\":1,\"token\":\"X\"}"),
		GV_FAILED_PRECONDITION, "nothing starts there");
}

Test(ingest, records_of_a_pile_in_quarantine_still_count_and_say_so)
{
	struct pile clone = pile;

	start_record(&pile, NULL);
	meter_record(&pile, 500);
	clone.chain = (struct ble_chain){ .chain = 1, .next = 1 };
	memcpy(clone.chain.pile, clone.id, 16);
	record(&clone, &(struct ble_record){ .type = BLE_RECORD_BOOT });
	post(&pile, 1);
	post(&clone, 1);
	end_record(&pile, 1000);
	post(&pile, 2);
	cr_expect_str_eq(post(&pile, 3), "OK");
	cr_expect_eq(events("SessionEnded"), 1);
	cr_expect(session_has_flag("fork"), "%s", host_event(h, "galvan.charging.v1.SessionEnded", 0)->json);
}

Test(ingest, a_person_releases_it)
{
	struct pile clone = pile;

	write_boots(1);
	start_record(&clone, NULL);
	post(&pile, 1);
	post(&clone, 1);
	must("ListCases", "{}");
	must("CloseCase", "{\"id\":\"%s\",\"note\":\"has a new key\"}", kept(text("cases.0.id")));
	cr_expect_eq(cases("fork"), 0);
	must("GetPile", "{\"device\":\"" P1 "\"}");
	cr_expect_str_eq(text("pile.quarantined"), "false");
}

Test(ingest, a_head_of_another_history_is_a_fork_too)
{
	struct pile clone = pile;
	struct paper head;

	write_boots(1);
	start_record(&clone, NULL);
	post(&pile, 1);
	head = head_of(&clone);
	cr_expect_str_eq(post_head(&head), "FORK");
	cr_expect_eq(cases("fork"), 1);
}

Test(ingest, a_record_that_its_own_head_does_not_know_is_a_fork)
{
	struct pile clone = pile;
	struct paper head;

	write_boots(1);
	start_record(&clone, NULL);
	head = head_of(&clone);
	cr_expect_str_eq(post_head(&head), "GAP", "the record is still to come");
	cr_expect_str_eq(post(&pile, 1), "FORK");
	cr_expect_str_eq(post(&clone, 1), "OK");
}

Test(ingest, a_pile_with_a_new_key_keeps_what_the_old_one_signed)
{
	write_boots(2);
	post(&pile, 1);
	must("SignCertificate", "{\"pile\":\"%s\",\"publicKey\":\"%s\",\"expires\":4000000000}", hex(pile.id, 16),
	     hex(vector_public("holder"), 32));
	cr_expect_eq(ask("PutPile", "{\"device\":\"" P1 "\",\"certificate\":\"%s\"}", kept(text("certificate"))),
		     GV_FAILED_PRECONDITION, "not by mistake");
	must("SignCertificate", "{\"pile\":\"%s\",\"publicKey\":\"%s\",\"expires\":4000000000}", hex(pile.id, 16),
	     hex(vector_public("holder"), 32));
	must("PutPile", "{\"device\":\"" P1 "\",\"certificate\":\"%s\",\"replace\":true}", kept(text("certificate")));
	cr_expect_str_eq(post(&pile, 2), "OK");
	pile.key = vector_key("holder");
	boot_record();
	cr_expect_str_eq(post(&pile, 3), "OK");
}

/* ---- what is missing ------------------------------------------------------------------------- */

Test(ingest, a_head_shows_what_a_phone_keeps_back)
{
	struct paper head;

	write_boots(5);
	head = head_of(&pile);
	post(&pile, 1);
	post(&pile, 3);
	cr_expect_str_eq(post_head(&head), "GAP");
	must("GetPile", "{\"device\":\"" P1 "\"}");
	cr_expect_eq(number("pile.chains.0.highest"), 5);
	cr_expect_eq(length("pile.chains.0.missing"), 2);
	cr_expect_str_eq(text("pile.chains.0.missing.0.from"), "2");
	cr_expect_str_eq(text("pile.chains.0.missing.1.from"), "4");
	cr_expect_str_eq(text("pile.chains.0.missing.1.to"), "5");
}

Test(ingest, a_hole_that_stays_is_a_case_and_one_that_closes_is_none)
{
	write_boots(2);
	post(&pile, 2);
	pass(HOUR_MS - 1 * 60 * SECOND_MS);
	cr_expect_eq(cases("hole"), 0);
	pass(2 * 60 * SECOND_MS);
	cr_expect_eq(cases("hole"), 1);
	post(&pile, 1);
	cr_expect_eq(cases("hole"), 0, "what was missing has come");
	cr_expect_eq(upto(), 2);
}

/* ---- sealed ---------------------------------------------------------------------------------- */

Test(ingest, a_body_that_is_sealed_to_the_cloud_is_read)
{
	struct ble_record r = { .has = BLE_HAS(BLE_RECORD_CONNECTOR) | BLE_HAS(BLE_RECORD_SESSION) |
				       BLE_HAS(BLE_RECORD_METER_WH),
				.type = BLE_RECORD_START,
				.connector = 1,
				.meter_wh = 100 };
	struct ble_keyset keys;
	struct paper document, *to = &pile.records[1];
	struct ble_seal seal = { .ephemeral = vector_key("eSeal") };

	keys = key_set(&document);
	seal.public_key = keys.seal_key + 4;
	seal.kid = (uint32_t)keys.seal_key[0] << 24 | (uint32_t)keys.seal_key[1] << 16 |
		   (uint32_t)keys.seal_key[2] << 8 | keys.seal_key[3];
	to->size = (size_t)ble_record_write(&ble_openssl, &pile.chain, &r, &seal, pile.key, to->at, sizeof(to->at));
	cr_expect_str_eq(post(&pile, 1), "OK");
	cr_expect_eq(events("SessionStarted"), 1);
	cr_expect_eq(cases("sealed"), 0);
}

Test(ingest, a_body_that_nobody_here_can_read_is_a_case)
{
	struct ble_record r = { .has = BLE_HAS(BLE_RECORD_SESSION), .type = BLE_RECORD_START };
	struct ble_seal seal = { .kid = 7, .public_key = vector_public("seal"), .ephemeral = vector_key("eSeal") };
	struct paper *to = &pile.records[1];

	to->size = (size_t)ble_record_write(&ble_openssl, &pile.chain, &r, &seal, pile.key, to->at, sizeof(to->at));
	cr_expect_str_eq(post(&pile, 1), "OK", "it is kept, and the chain goes on");
	cr_expect_eq(events("SessionStarted"), 0);
	cr_expect_eq(cases("sealed"), 1);
}

/* ---- gone ------------------------------------------------------------------------------------ */

Test(ingest, a_deleted_devices_rows_go_and_its_sessions_stay)
{
	start_record(&pile, NULL);
	end_record(&pile, 1000);
	post(&pile, 1);
	post(&pile, 2);
	must("galvan.registry.v1.Registry/DeleteDevice", "{\"id\":\"" P1 "\"}");
	settle();
	cr_expect_eq(ask("GetPile", "{\"device\":\"" P1 "\"}"), GV_NOT_FOUND);
	cr_expect_eq(host_rows(h, "ble.0", "records", NULL, NULL), 0);
	must("galvan.charging.v1.Charging/ListSessions", "{\"device\":\"" P1 "\"}");
	cr_expect_eq(length("sessions"), 1);
}

Test(ingest, a_crash_at_any_point_loses_and_doubles_nothing)
{
	start_record(&pile, NULL);
	meter_record(&pile, 400);
	end_record(&pile, 1000);
	for (uint64_t n = 1; n <= 3; n++) {
		host_crash_at(h, "ble.0", n);
		for (uint64_t seq = 3; seq >= 1; seq--)
			post(&pile, seq);
	}
	cr_expect_eq(upto(), 3);
	cr_expect_eq(events("SessionStarted"), 1);
	cr_expect_eq(events("SessionEnded"), 1);
}
