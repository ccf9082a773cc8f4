/* Sessions of real chargers: starts and stops that come twice, late, with odd ids or never
 * (docs/protocols/ocpp-quirks.md; a test has its row's number in its name). */
#include "quirks.h"

TestSuite(ocpp_quirks_sessions, BENCH);
TestSuite(ocpp_quirks_sessions_config, .fini = bench_teardown, .timeout = 60);

Test(ocpp_quirks_sessions, q32_a_start_that_is_said_again_is_the_same_start)
{
	int id = begin(START("A", T0, "0"));

	cr_expect_eq(begin(START("A", T0, "0")), id);
	cr_expect_eq(events(EVENT "SessionStarted"), 1);
	cr_expect_eq(met("repeated-start"), 1);
}

Test(ocpp_quirks_sessions, q33_reservation_0_is_none)
{
	fine("StartTransaction",
	     "{\"connectorId\":1,\"idTag\":\"A\",\"meterStart\":0,\"timestamp\":\"" T0 "\",\"reservationId\":0}");
	cr_expect_eq(events(EVENT "ReservationChanged"), 0);
	cr_expect_eq(met("reservation-zero"), 1);
}

Test(ocpp_quirks_sessions, q34_stops_with_ids_that_are_none_are_answered)
{
	begin(START("A", T0, "0"));
	fine("StopTransaction",
	     "{\"transactionId\":9223372036854775807,\"meterStop\":5,\"timestamp\":\"2025-01-15T02:12:00Z\"}");
	cr_expect_str_eq(text(session(1), "state"), "ENDED", "the only session that it can mean");
	fine("StopTransaction", "{\"transactionId\":0,\"meterStop\":5,\"timestamp\":\"2025-01-15T02:13:00Z\"}");
	cr_expect(has("no-transaction-id"));
	cr_expect_eq(met("no-transaction-id"), 2);
}

Test(ocpp_quirks_sessions, q35_a_stop_of_a_session_that_galvan_never_saw_is_kept)
{
	fine("StopTransaction", "{\"transactionId\":77,\"meterStop\":5,\"timestamp\":\"" T0 "\"}");
	cr_expect_eq(cJSON_GetArraySize(get(ask(OCPP "ListOrphans", DEVICE), "orphans")), 1);
	cr_expect(has("unknown-transaction"));
	cr_expect_eq(met("unknown-transaction"), 1);
}

Test(ocpp_quirks_sessions, q36_a_session_that_its_charger_forgot_is_closed_from_its_last_meter_value)
{
	int id = begin(START("A", T0, "0"));

	meter(id, "2025-01-15T02:15:00Z", "500");
	fine("StatusNotification", STATUS("Available", ""));
	host_run_ms(h, 3500 * 1000);
	cr_expect_str_eq(text(session(id), "state"), "ACTIVE", "its stop may still wait in a queue");
	host_run_ms(h, 200 * 1000);
	cr_expect_str_eq(text(session(id), "state"), "ENDED");
	cr_expect_eq(number(session(id), "energyWh"), 500);
	cr_expect(flagged(session(id), "no-stop"));
	cr_expect(has("no-stop"));
	stop_with(id, "\"meterStop\":700,\"timestamp\":\"2025-01-15T02:30:00Z\"");
	cr_expect_eq(number(session(id), "energyWh"), 700, "the charger's own word, late as it is");
	cr_expect_eq(met("no-stop"), 1);
}

Test(ocpp_quirks_sessions, q36_a_start_that_was_accepted_and_never_came_is_shown)
{
	cp.reply = "{\"status\":\"Accepted\"}";
	ask(CHARGING "Start", "{\"device\":\"ocpp:CP001\",\"connector\":1,\"token\":\"A\"}");
	host_run_ms(h, 590 * 1000);
	cr_expect(!has("no-start"));
	host_run_ms(h, 20 * 1000);
	cr_expect(has("no-start"));
	cr_expect_eq(met("no-start"), 1);
}

Test(ocpp_quirks_sessions, q36_a_connector_that_charges_again_is_not_stuck)
{
	int id = begin(START("A", T0, "0"));

	fine("StatusNotification", STATUS("Available", ""));
	fine("StatusNotification", STATUS("Charging", ""));
	host_run_ms(h, 2 * 3600 * 1000);
	cr_expect_str_eq(text(session(id), "state"), "ACTIVE");
}

#define DAY_MS (24LL * 3600 * 1000)

Test(ocpp_quirks_sessions, q36_a_session_whose_charger_never_comes_back_is_closed_a_month_after_its_last_sample)
{
	int id = begin(START("A", T0, "0"));

	host_run_ms(h, DAY_MS);
	meter(id, "2025-01-16T02:09:00Z", "500");
	host_station_drop(cp.station);
	host_run_ms(h, 30 * DAY_MS - 3600 * 1000);
	cr_expect_str_eq(text(session(id), "state"), "ACTIVE", "chargers are away for weeks, and have a queue");
	host_run_ms(h, 3 * 3600 * 1000);
	cr_expect_str_eq(text(session(id), "state"), "ENDED");
	cr_expect_eq(number(session(id), "energyWh"), 500, "by its last meter value");
	cr_expect_eq((long long)number(session(id), "endedAtMs"), 1736993340000, "and at its time");
	cr_expect(flagged(session(id), "no-stop"));
	cr_expect(has("no-stop"));
	cr_expect_eq(met("no-stop"), 1);
	host_station_connect(cp.station);
	host_run_ms(h, 5000);
	cr_assert(host_station_connected(cp.station));
	stop_with(id, "\"meterStop\":700,\"timestamp\":\"2025-01-16T02:30:00Z\"");
	cr_expect_eq(number(session(id), "energyWh"), 700, "the charger's own word, late as it is");
	cr_expect(flagged(session(id), "late-stop"));
}

Test(ocpp_quirks_sessions_config, q36_where_the_config_says_never_it_waits_for_its_charger)
{
	int id;

	bench_load("{\"unknownToken\":\"accept\",\"closeGoneH\":0}");
	id = begin(START("A", T0, "0"));
	host_station_drop(cp.station);
	host_run_ms(h, 60 * DAY_MS);
	cr_expect_str_eq(text(session(id), "state"), "ACTIVE");
}

Test(ocpp_quirks_sessions, q36_a_session_of_which_nothing_is_heard_is_closed)
{
	int id = begin(START("A", T0, "0"));

	host_run_ms(h, 98LL * 3600 * 1000);
	cr_expect_str_eq(text(session(id), "state"), "ENDED");
}

Test(ocpp_quirks_sessions, q38_what_comes_late_belongs_where_it_belongs)
{
	int id = begin(START("A", T0, "0"));

	stop_with(id, "\"meterStop\":30,\"timestamp\":\"2025-01-15T02:30:00Z\"");
	meter(id, "2025-01-15T02:29:00Z", "29");
	cr_expect_eq(samples(session(id)), 1, "samples of a session that has ended");
	fine("StatusNotification", STATUS("Available", ",\"timestamp\":\"2025-01-14T02:31:00Z\""));
	fine("StatusNotification", STATUS("Charging", ",\"timestamp\":\"2025-01-14T02:20:00Z\""));
	cr_expect_str_eq(text(connector(), "status"), "Available", "an older state changes nothing");
	cr_expect_eq(met("late-samples"), 1);
	cr_expect_eq(met("outdated_statuses"), 1);
}

Test(ocpp_quirks_sessions, q38_a_start_that_comes_late_does_not_end_what_began_after_it)
{
	int running = begin(START("B", "2025-01-15T03:00:00Z", "50")), late = begin(START("A", T0, "0"));

	cr_expect_str_eq(text(session(running), "state"), "ACTIVE");
	cr_expect_str_eq(text(session(late), "state"), "ENDED");
	cr_expect(flagged(session(late), "no-stop"));
	cr_expect_str_eq(text(get(event(EVENT "SessionStarted", 1), "session"), "state"), "ENDED",
			 "nobody may take it for what runs there");
	cr_expect_eq(begin(START("A", T0, "0")), late, "the same start again");
	meter(late, "2025-01-15T02:20:00Z", "20");
	cr_expect_eq(samples(session(late)), 1);
	stop_with(late, "\"meterStop\":30,\"timestamp\":\"2025-01-15T02:30:00Z\"");
	cr_expect_eq(number(session(late), "energyWh"), 30);
	cr_expect(flagged(session(late), "late-stop"));
	meter(running, "2025-01-15T03:10:00Z", "60");
	stop_with(running, "\"meterStop\":70,\"timestamp\":\"2025-01-15T03:30:00Z\"");
	cr_expect_eq(number(session(running), "energyWh"), 20);
	cr_expect_eq(samples(session(running)), 1);
	cr_expect_eq(met("late-start"), 1);
}

Test(ocpp_quirks_sessions, q38_a_start_whose_time_says_nothing_is_the_newest)
{
	int before = begin(START("A", "2025-01-15T03:00:00Z", "0")),
	    unset = begin(START("B", "1970-01-01T00:00:09Z", "0"));

	cr_expect_str_eq(text(session(before), "state"), "ENDED");
	cr_expect_str_eq(text(session(unset), "state"), "ACTIVE");
}

Test(ocpp_quirks_sessions_config, q50_a_charger_that_gives_no_power_soon_after_a_stop_is_not_started_then)
{
	static const char *const start = "{\"device\":\"ocpp:CP001\",\"connector\":1,\"token\":\"A\"}";
	int id;

	bench_load("{\"unknownToken\":\"accept\",\"profiles\":[{\"vendor\":\"Acme*\",\"restart_after_s\":300}]}");
	fine("BootNotification", BOOT("Acme", "Wall 2", "1"));
	id = begin(START("A", "2025-01-15T02:00:00Z", "0"));
	stop_with(id, "\"meterStop\":10,\"timestamp\":\"2025-01-15T02:09:00Z\",\"reason\":\"Remote\"");
	cp.reply = "{\"status\":\"Accepted\"}";
	refused(CHARGING "Start", start, GV_FAILED_PRECONDITION, "start it again at 2025-01-15T02:14:00");
	cr_expect_eq(met("restart_refused"), 1);
	cr_expect(!received("RemoteStartTransaction"));
	host_run_ms(h, 300000);
	ask(CHARGING "Start", start);
	cr_expect(received("RemoteStartTransaction"));
	id = begin(START("A", "2025-01-15T02:14:30Z", "10"));
	stop_with(id, "\"meterStop\":20,\"timestamp\":\"2025-01-15T02:14:40Z\",\"reason\":\"EVDisconnected\"");
	ask(CHARGING "Start", start);
}

Test(ocpp_quirks_sessions_config, q50_pauses_of_a_charger_whose_profile_says_no_restart_are_counted)
{
	bench_load("{\"profiles\":[{\"vendor\":\"Acme*\",\"no_restart\":true}]}");
	fine("BootNotification", BOOT("Acme", "Wall 2", "1"));
	cp.reply = "{\"status\":\"Accepted\"}";
	ask(CHARGING "SetLimit", "{\"device\":\"ocpp:CP001\",\"connector\":1,\"periods\":[{\"currentMa\":0}]}");
	ask(CHARGING "SetLimit", "{\"device\":\"ocpp:CP001\",\"connector\":1,\"periods\":[{\"currentMa\":6000}]}");
	cr_expect_eq(met("paused_by_limit"), 1);
}
