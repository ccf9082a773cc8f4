/* Sessions out of records: each told once, with what is known, whichever of its records come first. */
#include "rig.h"

static uint8_t jti[16];

static void setup(void)
{
	rig_start("\"silentS\":7200");
	grant("TOKEN");
	voucher("TOKEN", jti);
}
TestSuite(sessions, .init = setup, .fini = rig_stop);

/* A whole session, from now: records 1 to 4. */
static void session(void)
{
	start_record(&pile, jti);
	pass(600 * SECOND_MS);
	meter_record(&pile, 2000);
	pass(600 * SECOND_MS);
	meter_record(&pile, 5000);
	pass(600 * SECOND_MS);
	end_record(&pile, 7000);
}

Test(sessions, told_as_with_every_charger)
{
	session();
	for (uint64_t seq = 1; seq <= 4; seq++)
		post(&pile, seq);
	cr_expect_eq(events("SessionStarted"), 1);
	cr_expect_eq(events("SessionMetered"), 2);
	cr_expect_eq(events("SessionEnded"), 1);
	cr_expect_str_eq(event("SessionStarted", 0, "session.token"), "TOKEN", "of the grant that its jti names");
	cr_expect_str_eq(event("SessionStarted", 0, "session.meterStartWh"), "100000");
	cr_expect_str_eq(event("SessionMetered", 1, "energyWh"), "5000");
	cr_expect_str_eq(event("SessionEnded", 0, "session.energyWh"), "7000");
	cr_expect_str_eq(event("SessionEnded", 0, "session.reason"), "Local");
	cr_expect_eq(strtoll(event("SessionEnded", 0, "session.endedAtMs"), NULL, 10) -
			     strtoll(event("SessionEnded", 0, "session.startedAtMs"), NULL, 10),
		     1800 * SECOND_MS);
	cr_expect_str_eq(event("SessionEnded", 0, "session.flags.0"), "(none)", "nothing is odd about it");
	cr_expect_eq(strncmp(event("SessionEnded", 0, "session.id"), P1 "/", strlen(P1) + 1), 0);
}

Test(sessions, every_order_of_arrival_gives_the_same)
{
	static const uint64_t orders[][4] = { { 4, 3, 2, 1 }, { 4, 1, 2, 3 }, { 2, 4, 1, 3 }, { 3, 1, 4, 2 } };

	session();
	for (size_t i = 0; i < 4; i++) {
		if (i) {
			rig_stop();
			setup();
			session();
		}
		for (size_t n = 0; n < 4; n++)
			post(&pile, orders[i][n]);
		cr_expect_eq(events("SessionStarted"), 1);
		cr_expect_eq(events("SessionEnded"), 1, "order %zu", i);
		cr_expect_str_eq(event("SessionEnded", 0, "session.energyWh"), "7000");
		cr_expect_str_eq(event("SessionEnded", 0, "session.meterStartWh"), "100000");
		cr_expect_str_eq(event("SessionEnded", 0, "session.token"), "TOKEN");
	}
}

Test(sessions, an_end_has_totals_so_a_hole_does_not_hold_it_up)
{
	session();
	post(&pile, 1);
	post(&pile, 4);
	cr_expect_eq(events("SessionEnded"), 1);
	cr_expect(session_has_flag("chain-gap"));
	post(&pile, 3);
	post(&pile, 2);
	cr_expect_eq(events("SessionEnded"), 1, "what came between changes nothing");
}

Test(sessions, an_end_alone_is_told_with_its_begin)
{
	session();
	post(&pile, 4);
	cr_expect_eq(events("SessionStarted"), 1);
	cr_expect_eq(events("SessionEnded"), 1);
	cr_expect_str_eq(event("SessionEnded", 0, "session.meterStartWh"), "100000");
	cr_expect(session_has_flag("chain-gap"));
}

/* Their clocks count seconds, and are off by one. */
Test(sessions, a_start_that_comes_behind_its_end_changes_nothing)
{
	session();
	pile.utc_ahead_s = 1;
	post(&pile, 4);
	post(&pile, 1);
	cr_expect_eq(events("SessionStarted"), 1);
	cr_expect_eq(events("SessionEnded"), 1);
}

Test(sessions, who_asks_gets_the_samples_of_its_records)
{
	session();
	for (uint64_t seq = 1; seq <= 4; seq++)
		post(&pile, seq);
	must("galvan.charging.v1.Charging/GetSession", "{\"id\":\"%s\"}", event("SessionEnded", 0, "session.id"));
	cr_expect_eq(length("session.samples"), 4);
	cr_expect_str_eq(text("session.samples.2.value"), "105000");
	cr_expect_str_eq(text("session.state"), "ENDED");
	must("galvan.charging.v1.Charging/ListSessions", "{\"device\":\"" P1 "\",\"state\":\"ACTIVE\"}");
	cr_expect_eq(length("sessions"), 0);
}

/* ---- whose ----------------------------------------------------------------------------------- */

Test(sessions, a_voucher_that_nobody_signed_is_a_case_and_not_forgotten)
{
	static const uint8_t unknown[16] = "unknown to all.";

	start_record(&pile, unknown);
	end_record(&pile, 1000);
	post(&pile, 1);
	post(&pile, 2);
	cr_expect_eq(cases("unknown-jti"), 1);
	cr_expect_eq(events("SessionEnded"), 1);
	cr_expect_eq(strncmp(event("SessionEnded", 0, "session.token"), "jti:", 4), 0);
}

Test(sessions, a_voucher_starts_one_session)
{
	session();
	for (uint64_t seq = 1; seq <= 4; seq++)
		post(&pile, seq);
	start_record(&pile, jti);
	post(&pile, 5);
	cr_expect_eq(events("SessionStarted"), 2);
	cr_expect_str_neq(event("SessionStarted", 1, "session.token"), "TOKEN");
	cr_expect_eq(cases("unknown-jti"), 1);
}

/* ---- what does not fit ----------------------------------------------------------------------- */

Test(sessions, meters_that_do_not_add_up_are_a_case)
{
	start_record(&pile, jti);
	pile.meter_wh += 900;
	end_record(&pile, 7000);
	post(&pile, 1);
	pile.chain.next = 2; /* the pile counts other than its register */
	cr_assert_eq(ble_record_hash(&ble_openssl, pile.records[1].at, pile.records[1].size, pile.chain.head), 0);
	pile.started_wh -= 500;
	end_record(&pile, 7000);
	post(&pile, 2);
	cr_expect(session_has_flag("meter-mismatch"));
	cr_expect_eq(cases("meter"), 1);
}

static void boot(uint64_t register_wh)
{
	struct ble_record r = { .has = BLE_HAS(BLE_RECORD_METER_WH), .type = BLE_RECORD_BOOT, .meter_wh = register_wh };

	pile.boot++;
	post(&pile, record(&pile, &r));
}

Test(sessions, from_boot_to_boot_the_registers_move_by_what_was_told)
{
	boot(pile.meter_wh);
	post(&pile, start_record(&pile, jti));
	post(&pile, end_record(&pile, 7000));
	boot(pile.meter_wh);
	boot(pile.meter_wh);
	cr_expect_eq(cases("meter"), 0);
	boot(pile.meter_wh + 300);
	cr_expect_eq(cases("meter"), 1, "a session that is in no record");
	boot(pile.meter_wh + 300);
	cr_expect_eq(cases("meter"), 1, "once");
}

Test(sessions, a_register_that_runs_backwards_is_a_case)
{
	session();
	for (uint64_t seq = 1; seq <= 4; seq++)
		post(&pile, seq);
	pile.meter_wh = 50;
	start_record(&pile, NULL);
	post(&pile, 5);
	cr_expect_eq(cases("meter"), 1);
}

Test(sessions, one_without_an_end_is_a_case_as_soon_as_the_next_begins_there)
{
	start_record(&pile, jti);
	meter_record(&pile, 3000);
	start_record(&pile, NULL);
	for (uint64_t seq = 1; seq <= 3; seq++)
		post(&pile, seq);
	cr_expect_eq(cases("no-end"), 1);
	must("CloseCase", "{\"id\":\"%s\",\"note\":\"the pile was replaced\"}", kept(text("cases.0.id")));
	cr_expect_eq(events("SessionEnded"), 1);
	cr_expect_str_eq(event("SessionEnded", 0, "session.energyWh"), "3000");
	cr_expect(session_has_flag("no-stop"));
}

Test(sessions, an_end_that_comes_later_than_the_next_start_is_an_end)
{
	session();
	start_record(&pile, NULL);
	post(&pile, 5);
	post(&pile, 3);
	post(&pile, 2);
	post(&pile, 1);
	post(&pile, 4);
	cr_expect_eq(cases("no-end"), 0);
	cr_expect_eq(events("SessionEnded"), 1);
}

Test(sessions, one_of_which_nothing_is_heard_is_a_case)
{
	start_record(&pile, jti);
	post(&pile, 1);
	pass(3 * HOUR_MS);
	cr_expect_eq(cases("no-end"), 1);
	end_record(&pile, 100);
	post(&pile, 2);
	cr_expect_eq(cases("no-end"), 0);
}

Test(sessions, an_end_that_says_neither_whose_nor_since_when_waits_for_its_start)
{
	start_record(&pile, NULL);
	end_record(&pile, 100);
	post(&pile, 2);
	cr_expect_eq(events("SessionEnded"), 0);
	post(&pile, 1);
	cr_expect_eq(events("SessionEnded"), 1);
}

/* ---- when ------------------------------------------------------------------------------------ */

Test(sessions, a_pile_without_a_clock_is_timed_by_when_its_records_came)
{
	int64_t began_ms;

	pile.trust = BLE_TRUST_NONE;
	pass(HOUR_MS);
	began_ms = host_now_ms(h);
	session();
	for (uint64_t seq = 1; seq <= 4; seq++)
		post(&pile, seq);
	/* The last record came as it was written, so its boot began when it did. */
	cr_expect_eq(strtoll(event("SessionEnded", 0, "session.endedAtMs"), NULL, 10) / 1000,
		     (began_ms + 1800 * SECOND_MS) / 1000);
	cr_expect_leq(strtoll(event("SessionEnded", 0, "session.startedAtMs"), NULL, 10), host_now_ms(h));
}
