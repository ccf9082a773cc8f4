/* The chargers of the real world: a test a row of docs/protocols/ocpp-quirks.md, named by its number. Rows about the
 * connection itself are tests of link, those about SOAP, 2.0.1, lists, limits and passwords stand with these. */
#include "charger.h"

#include <string.h>

#define DEVICE "{\"device\":\"ocpp:CP001\"}"
#define BOOT(vendor, model, firmware)                                                                                  \
	"{\"chargePointVendor\":\"" vendor "\",\"chargePointModel\":\"" model "\",\"firmwareVersion\":\"" firmware "\"}"
#define STATUS(status, rest) "{\"connectorId\":1,\"status\":\"" status "\",\"errorCode\":\"NoError\"" rest "}"
#define METER(samples)                                                                                                 \
	"{\"connectorId\":1,\"transactionId\":1,\"meterValue\":[{\"timestamp\":\"2025-01-15T02:20:00Z\","              \
	"\"sampledValue\":[" samples "]}]}"

TestSuite(ocpp_quirks, BENCH);
TestSuite(ocpp_quirks_v201, BENCH_V201);
TestSuite(ocpp_quirks_config, .fini = bench_teardown, .timeout = 60);

/* Is it shown on the charger? */
static bool has(const char *quirk)
{
	const cJSON *station = cJSON_GetArrayItem(get(ask(OCPP "ListStations", DEVICE), "stations"), 0);
	const cJSON *q;

	cJSON_ArrayForEach(q, get(station, "quirks"))
	{
		if (!strcmp(q->valuestring, quirk))
			return true;
	}
	return false;
}

static const cJSON *connector(void)
{
	return cJSON_GetArrayItem(get(ask(CHARGING "ListConnectors", DEVICE), "connectors"), 0);
}

Test(ocpp_quirks, q10_json_that_is_none_is_refused_where_its_id_can_be_read_and_kept)
{
	raw("[2,\"q10\",\"StopTransaction\",{\"transactionId\":,\"meterStop\":1}]");
	host_settle(h, 100);
	cr_expect(strstr(cp.inbox[0], "[4,\"q10\",\"FormationViolation\""), "%s", cp.inbox[0]);
	cr_expect(strstr(text(cJSON_GetArrayItem(get(ask(OCPP "ListMessages", DEVICE), "messages"), 1), "text"),
			 "\"transactionId\":,"),
		  "as it came");
	cr_expect(has("broken-json"));
	fine("Heartbeat", "{}");
	cr_expect_eq(met("broken-json"), 1);
}

Test(ocpp_quirks, q11_a_payload_of_null_is_an_empty_one)
{
	fine("Heartbeat", "null");
	cr_expect(has("no-payload"));
	cr_expect_eq(met("no-payload"), 1);
}

Test(ocpp_quirks, q12_a_message_id_may_be_used_over_and_over)
{
	for (int i = 0; i < 3; i++)
		raw("[2,\"1000001\",\"Heartbeat\",{}]");
	host_settle(h, 100);
	cr_expect_eq(cp.received, 3, "each is a call of its own");
	cr_expect_eq(met("same-id"), 2);
}

Test(ocpp_quirks, q13_a_message_of_another_type_is_no_reason_to_close)
{
	raw("[1,\"x\",\"Heartbeat\",{}]");
	host_settle(h, 100);
	cr_expect_eq(cp.received, 0, "1.6 has them ignored");
	fine("Heartbeat", "{}");
	cr_expect_eq(met("other-type"), 1);
}

Test(ocpp_quirks, q14_calls_cross_and_answers_come_late_or_twice)
{
	struct host_answer *a = host_call_later(h, NULL, OCPP "Call",
						"{\"device\":\"ocpp:CP001\",\"action\":\"ClearCache\",\"timeoutS\":2}");
	char id[64], answer[200];

	host_settle(h, 100);
	fine("Heartbeat", "{}");
	host_run_ms(h, 3000);
	cr_expect_eq(a->code, GV_DEADLINE_EXCEEDED);
	sscanf(cp.inbox[0], "[2,\"%63[^\"]\"", id);
	snprintf(answer, sizeof answer, "[3,\"%s\",{\"status\":\"Accepted\"}]", id);
	raw(answer);
	raw(answer);
	host_settle(h, 100);
	cr_expect(has("late-answer"));
	fine("Heartbeat", "{}");
	cr_expect_eq(met("crossing-call"), 1, "one came while the charger owed an answer");
	cr_expect_eq(met("late-answer"), 2);
}

Test(ocpp_quirks, q15_fields_too_many_and_keys_twice)
{
	answered("Authorize", "{\"idTag\":\"A\",\"connectorId\":1}", "Accepted");
	cr_expect(has("extra-field"));
	answered("Authorize", "{\"idTag\":\"BLOCKED1\",\"idTag\":\"A\"}", "Blocked");
	cr_expect(has("double-key"), "the first counts");
	cr_expect_eq(met("extra-field"), 1);
	cr_expect_eq(met("double-key"), 1);
}

Test(ocpp_quirks, q16_numbers_for_strings)
{
	int id = begin(START("A", T0, "0"));

	fine("MeterValues", METER("{\"value\":1234}"));
	cr_expect_eq(number(session(id), "energyWh"), 1234);
	cr_expect(has("wrong-type"));
	cr_expect_eq(met("wrong-type"), 1);
}

Test(ocpp_quirks, q16_settings_as_numbers_and_booleans_and_a_readonly_of_0_or_1)
{
	const cJSON *entries;

	cp.reply = "{\"configurationKey\":[{\"key\":\"HeartbeatInterval\",\"readonly\":0,\"value\":60},"
		   "{\"key\":\"AuthorizeRemoteTxRequests\",\"readonly\":1,\"value\":true}]}";
	entries = get(ask(CHARGING "GetConfiguration", "{\"device\":\"ocpp:CP001\"}"), "entries");
	cr_expect_str_eq(text(cJSON_GetArrayItem(entries, 0), "value"), "60");
	cr_expect(!cJSON_IsTrue(get(cJSON_GetArrayItem(entries, 0), "readOnly")));
	cr_expect_str_eq(text(cJSON_GetArrayItem(entries, 1), "value"), "true");
	cr_expect(cJSON_IsTrue(get(cJSON_GetArrayItem(entries, 1), "readOnly")));
	cr_expect_eq(met("wrong-type"), 1);
}

Test(ocpp_quirks, q17_tags_of_22_characters_are_taken_whole)
{
	int id = begin(START("1234567890123456789012", T0, "0"));

	cr_expect_str_eq(text(session(id), "token"), "1234567890123456789012");
	answered("Authorize", "{\"idTag\":\"123456789012345678901\"}", "Accepted");
	cr_expect_eq(met("too-long"), 2);
}

Test(ocpp_quirks, q17_serial_numbers_longer_than_allowed_are_kept_whole)
{
	fine("BootNotification", "{\"chargePointVendor\":\"V\",\"chargePointModel\":\"M\",\"chargeBoxSerialNumber\":"
				 "\"123456789012345678901234567890123\"}");
	cr_expect(has("too-long"));
	cr_expect_str_eq(
		text(cJSON_GetArrayItem(get(ask(OCPP "ListStations", DEVICE), "stations"), 0), "chargeBoxSerial"),
		"123456789012345678901234567890123");
	cr_expect_eq(met("too-long"), 1);
}

Test(ocpp_quirks, q18_garbage_in_a_tag_is_cleaned_where_the_charger_is_known_for_it)
{
	fine("BootNotification", BOOT("Ocular", "IQ", "1"));
	begin(START("AB 12\\u0010\\u000e", T0, "0"));
	cr_expect_str_eq(text(session(1), "token"), "AB12");
	cr_expect(has("tag-garbled"));
	refused(CHARGING "Start", "{\"device\":\"ocpp:CP001\",\"connector\":1,\"token\":\"12345678901234567\"}",
		GV_INVALID_ARGUMENT, "16 characters");
	cr_expect_eq(met("tag-garbled"), 1);
	cr_expect_eq(met("token_not_sent"), 1);
}

Test(ocpp_quirks, q18_dashes_and_backslashes_go_with_the_garbage)
{
	fine("BootNotification", BOOT("Ocular", "IQ", "1"));
	begin(START("AB-12\\\\", T0, "0"));
	cr_expect_str_eq(text(session(1), "token"), "AB12");
	cr_expect_eq(met("tag-garbled"), 1);
}

Test(ocpp_quirks, q18_a_token_that_was_asked_for_keeps_its_dash)
{
	fine("BootNotification", BOOT("Ocular", "IQ", "1"));
	cp.reply = "{\"status\":\"Accepted\"}";
	ask(CHARGING "Start", "{\"device\":\"ocpp:CP001\",\"connector\":1,\"token\":\"PAID-7\"}");
	begin(START("PAID-7\\\\", T0, "0"));
	cr_expect_str_eq(text(session(1), "token"), "PAID-7");
	fine("StopTransaction", "{\"transactionId\":-1,\"idTag\":\"PAID-7\",\"meterStop\":5,\"timestamp\":"
				"\"2025-01-15T02:12:00Z\"}");
	cr_expect_str_eq(text(session(1), "state"), "ENDED", "known by its tag");
}

Test(ocpp_quirks, q18_elsewhere_a_tag_is_what_it_is)
{
	begin(START("AB 12", T0, "0"));
	cr_expect_str_eq(text(session(1), "token"), "AB 12", "payment terminals use such");
}

Test(ocpp_quirks, q19_values_that_the_specification_does_not_have)
{
	int id = begin(START("A", T0, "0"));

	fine("StatusNotification", "{\"connectorId\":1,\"status\":\"Charging\",\"errorCode\":\"Error\"}");
	fine("MeterValues", METER("{\"value\":\"1\",\"measurand\":\"Request.Energy\",\"unit\":\"Hertz\"}"));
	cr_expect(has("unknown-value"));
	cr_expect_str_eq(text(connector(), "errorCode"), "OtherError");
	cr_expect_str_eq(text(connector(), "info"), "Error", "its own word is kept");
	cr_expect_str_eq(text(cJSON_GetArrayItem(get(session(id), "samples"), 0), "measurand"), "Request.Energy");
	cr_expect_eq(met("unknown-value"), 2);
}

Test(ocpp_quirks, q21_one_object_where_a_list_belongs)
{
	int id = begin(START("A", T0, "0"));

	fine("MeterValues",
	     "{\"connectorId\":1,\"transactionId\":1,\"meterValue\":{\"timestamp\":\"2025-01-15T02:20:00Z\","
	     "\"sampledValue\":{\"value\":\"7\"}}}");
	cr_expect_eq(number(session(id), "energyWh"), 7);
	cr_expect(has("no-list"));
	cr_expect_eq(met("no-list"), 1);
}

Test(ocpp_quirks, q23_times_without_a_zone_short_ones_and_clocks_never_set)
{
	int id = begin(START("A", "2025-01-15 02:09:54", "0"));

	cr_expect_eq((long long)number(session(id), "startedAtMs"), 1736906994000, "UTC, where no site says otherwise");
	cr_expect(flagged(session(id), "no-zone"));
	id = begin(START("B", "2025-01-15T04:09:54+02", "0"));
	cr_expect_eq((long long)number(session(id), "startedAtMs"), 1736906994000);
	id = begin(START("C", "1970-01-01T00:00:05Z", "0"));
	cr_expect(flagged(session(id), "clock-unset"), "the time of arrival");
	fine("StatusNotification", STATUS("Charging", ",\"timestamp\":\"2093-01-01T00:00:00Z\""));
	fine("StatusNotification", STATUS("Charging", ",\"timestamp\":\"yesterday\""));
	cr_expect_eq(met("bad-time"), 1);
	cr_expect(has("clock-unset"));
	cr_expect(has("clock-ahead"));
	cr_expect(has("no-zone"));
	cr_expect_eq(met("no-zone"), 1);
	cr_expect_eq(met("clock-unset"), 1);
	cr_expect_eq(met("clock-ahead"), 1);
}

Test(ocpp_quirks, q24_our_times_are_utc_with_a_z_and_milliseconds_at_most)
{
	const char *time = strstr(say("Heartbeat", "{}"), "currentTime\":\"");

	cr_assert_not_null(time);
	cr_expect_eq(strspn(time + 14, "0123456789-T:."), 23);
	cr_expect_eq(time[14 + 23], 'Z');
	cr_expect_eq(met("time_rewritten"), 0, "there was nothing to do about it");
}

Test(ocpp_quirks, q24_times_that_people_write_in_another_form_are_sent_in_ours)
{
	cp.reply = "{\"status\":\"Accepted\"}";
	ask(OCPP "Call",
	    "{\"device\":\"ocpp:CP001\",\"action\":\"GetDiagnostics\",\"payload\":{\"location\":\"ftp://x\","
	    "\"startTime\":\"2025-01-15T02:09:54+00:00\",\"stopTime\":\"2025-01-15T03:09:54.123456Z\"}}");
	cr_expect(received("\"startTime\":\"2025-01-15T02:09:54.000Z\",\"stopTime\":\"2025-01-15T03:09:54.123Z\""));
	cr_expect_eq(met("time_rewritten"), 2);
}

Test(ocpp_quirks, q25_a_charger_that_does_not_say_what_it_is_is_asked_once)
{
	fine("Heartbeat", "{}");
	host_run_ms(h, 11000);
	cr_expect(received("\"TriggerMessage\",{\"requestedMessage\":\"BootNotification\"}"));
	cr_expect(has("no-boot"));
	fine("BootNotification", BOOT("V", "M", "1"));
	host_station_drop(cp.station);
	host_run_ms(h, 1000);
	bench_forget_frames();
	host_station_connect(cp.station);
	host_run_ms(h, 60000);
	cr_expect(!received("TriggerMessage"), "1.6, errata 3.40: never once it was accepted");
	cr_expect_eq(met("no-boot"), 1);
}

Test(ocpp_quirks, q26_boots_over_and_over_are_answered_and_told_once)
{
	for (int i = 0; i < 6; i++) {
		answered("BootNotification", BOOT("V", "M", "1"), "Accepted");
		host_run_ms(h, 10000);
	}
	cr_expect_eq(events("galvan.ocpp.v1.StationBooted"), 1);
	cr_expect(has("boot-storm"));
	fine("BootNotification", BOOT("V", "M", "2"));
	cr_expect_eq(events("galvan.ocpp.v1.StationBooted"), 2, "another firmware is news");
	cr_expect_geq(met("boot-storm"), 1);
}

Test(ocpp_quirks, q26_some_take_questions_badly_and_get_none)
{
	cp.reply = "{\"status\":\"Accepted\"}";
	fine("BootNotification", BOOT("ABB", "Terra AC", "1.8.21"));
	ask(CHARGING "SetConfiguration", "{\"device\":\"ocpp:CP001\",\"key\":\"HeartbeatInterval\",\"value\":\"60\"}");
	cr_expect(!received("GetConfiguration"));
	cr_expect_eq(met("not_asked"), 1, "it was not read back");
}

Test(ocpp_quirks, q27_a_setting_is_read_back)
{
	const cJSON *reply;

	cp.reply =
		"{\"status\":\"Accepted\",\"configurationKey\":[{\"key\":\"WebSocketPingInterval\",\"readonly\":false,"
		"\"value\":\"240\"}]}";
	reply = ask(CHARGING "SetConfiguration",
		    "{\"device\":\"ocpp:CP001\",\"key\":\"WebSocketPingInterval\",\"value\":\"60\"}");
	cr_expect_str_eq(text(reply, "status"), "Accepted");
	cr_expect_str_eq(text(reply, "value"), "240");
	cr_expect(cJSON_IsFalse(get(reply, "asSet")));
	cr_expect(has("setting-ignored"));
	cr_expect_eq(met("setting-ignored"), 1);
}

Test(ocpp_quirks, q28_keys_and_values_are_compared_as_people_do)
{
	cp.reply = "{\"status\":\"Accepted\",\"configurationKey\":[{\"key\":\"heartbeatinterval\",\"readonly\":false,"
		   "\"value\":\" \\\"60\\\" \"}]}";
	cr_expect(cJSON_IsTrue(get(ask(CHARGING "SetConfiguration",
				       "{\"device\":\"ocpp:CP001\",\"key\":\"HeartbeatInterval\",\"value\":\"60\"}"),
				   "asSet")));
	cr_expect(!has("setting-ignored"));
	cr_expect_eq(met("key-case"), 1);
}

Test(ocpp_quirks, q28_a_value_that_was_cut_is_not_the_one_that_was_set)
{
	cp.reply =
		"{\"status\":\"Accepted\",\"configurationKey\":[{\"key\":\"MeterValuesSampledData\",\"readonly\":false,"
		"\"value\":\"Voltage,Power.Acti\"}]}";
	ask(CHARGING "SetConfiguration", "{\"device\":\"ocpp:CP001\",\"key\":\"MeterValuesSampledData\",\"value\":"
					 "\"Voltage,Power.Active.Import\"}");
	cr_expect(cJSON_IsFalse(get(kept, "asSet")));
	cr_expect_str_eq(text(kept, "value"), "Voltage,Power.Acti");
	cr_expect(has("setting-ignored"));
}

Test(ocpp_quirks, q32_a_start_that_is_said_again_is_the_same_start)
{
	int id = begin(START("A", T0, "0"));

	cr_expect_eq(begin(START("A", T0, "0")), id);
	cr_expect_eq(events(EVENT "SessionStarted"), 1);
	cr_expect_eq(met("repeated-start"), 1);
}

Test(ocpp_quirks, q33_reservation_0_is_none)
{
	fine("StartTransaction",
	     "{\"connectorId\":1,\"idTag\":\"A\",\"meterStart\":0,\"timestamp\":\"" T0 "\",\"reservationId\":0}");
	cr_expect_eq(events(EVENT "ReservationChanged"), 0);
	cr_expect_eq(met("reservation-zero"), 1);
}

Test(ocpp_quirks, q34_stops_with_ids_that_are_none_are_answered)
{
	begin(START("A", T0, "0"));
	fine("StopTransaction",
	     "{\"transactionId\":9223372036854775807,\"meterStop\":5,\"timestamp\":\"2025-01-15T02:12:00Z\"}");
	cr_expect_str_eq(text(session(1), "state"), "ENDED", "the only session that it can mean");
	fine("StopTransaction", "{\"transactionId\":0,\"meterStop\":5,\"timestamp\":\"2025-01-15T02:13:00Z\"}");
	cr_expect(has("no-transaction-id"));
	cr_expect_eq(met("no-transaction-id"), 2);
}

Test(ocpp_quirks, q35_a_stop_of_a_session_that_galvan_never_saw_is_kept)
{
	fine("StopTransaction", "{\"transactionId\":77,\"meterStop\":5,\"timestamp\":\"" T0 "\"}");
	cr_expect_eq(cJSON_GetArraySize(get(ask(OCPP "ListOrphans", DEVICE), "orphans")), 1);
	cr_expect(has("unknown-transaction"));
	cr_expect_eq(met("unknown-transaction"), 1);
}

Test(ocpp_quirks, q36_a_session_that_its_charger_forgot_is_closed_from_its_last_meter_value)
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

Test(ocpp_quirks, q36_a_start_that_was_accepted_and_never_came_is_shown)
{
	cp.reply = "{\"status\":\"Accepted\"}";
	ask(CHARGING "Start", "{\"device\":\"ocpp:CP001\",\"connector\":1,\"token\":\"A\"}");
	host_run_ms(h, 590 * 1000);
	cr_expect(!has("no-start"));
	host_run_ms(h, 20 * 1000);
	cr_expect(has("no-start"));
	cr_expect_eq(met("no-start"), 1);
}

Test(ocpp_quirks, q36_a_connector_that_charges_again_is_not_stuck)
{
	int id = begin(START("A", T0, "0"));

	fine("StatusNotification", STATUS("Available", ""));
	fine("StatusNotification", STATUS("Charging", ""));
	host_run_ms(h, 2 * 3600 * 1000);
	cr_expect_str_eq(text(session(id), "state"), "ACTIVE");
}

Test(ocpp_quirks, q36_a_session_of_which_nothing_is_heard_is_closed)
{
	int id = begin(START("A", T0, "0"));

	host_run_ms(h, 98LL * 3600 * 1000);
	cr_expect_str_eq(text(session(id), "state"), "ENDED");
}

Test(ocpp_quirks, q37_a_meter_that_goes_backwards_bills_nothing)
{
	int id = begin(START("A", T0, "1000"));

	stop_with(id, "\"meterStop\":999,\"timestamp\":\"2025-01-15T02:30:00Z\"");
	cr_expect_eq(number(session(id), "energyWh"), 0);
	cr_expect_eq(number(session(id), "meterStopWh"), 999, "as it was said");
	cr_expect(has("meter-backwards"));
	id = begin(START("B", "2025-01-15T03:00:00Z", "0"));
	stop_with(id, "\"meterStop\":-1,\"timestamp\":\"2025-01-15T03:30:00Z\"");
	cr_expect_eq(number(session(id), "energyWh"), 0);
	cr_expect_eq(met("meter-backwards"), 2);
}

Test(ocpp_quirks, q38_what_comes_late_belongs_where_it_belongs)
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

Test(ocpp_quirks, q38_a_start_that_comes_late_does_not_end_what_began_after_it)
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

Test(ocpp_quirks, q38_a_start_whose_time_says_nothing_is_the_newest)
{
	int before = begin(START("A", "2025-01-15T03:00:00Z", "0")),
	    unset = begin(START("B", "1970-01-01T00:00:09Z", "0"));

	cr_expect_str_eq(text(session(before), "state"), "ENDED");
	cr_expect_str_eq(text(session(unset), "state"), "ACTIVE");
}

Test(ocpp_quirks, q39_connector_0_is_the_only_one_where_the_charger_is_known_for_it)
{
	int id;

	fine("BootNotification", BOOT("KEBA AG", "P30", "1"));
	id = begin(START("A", T0, "0"));
	fine("MeterValues",
	     "{\"connectorId\":0,\"meterValue\":[{\"timestamp\":\"2025-01-15T02:20:00Z\",\"sampledValue\":[{"
	     "\"value\":\"12\"}]}]}");
	cr_expect_eq(number(session(id), "energyWh"), 12);
	cr_expect_eq(met("connector-zero"), 1);
}

Test(ocpp_quirks, q39_elsewhere_connector_0_is_the_main_meter)
{
	int id = begin(START("A", T0, "0"));

	fine("MeterValues",
	     "{\"connectorId\":0,\"meterValue\":[{\"timestamp\":\"2025-01-15T02:20:00Z\",\"sampledValue\":[{"
	     "\"value\":\"12\"}]}]}");
	cr_expect_eq(number(session(id), "energyWh"), 0);
}

Test(ocpp_quirks, q40_values_that_are_no_numbers_are_skipped_or_kept_as_text)
{
	int id = begin(START("A", T0, "0"));

	fine("MeterValues",
	     METER("{\"value\":\"\"},{\"value\":\" 9 \"},{\"value\":\"abc\"},{\"value\":\"QUJD\",\"format\":"
		   "\"SignedData\"}"));
	cr_expect_eq(number(session(id), "energyWh"), 9);
	cr_expect_eq(samples(session(id)), 3);
	cr_expect(has("empty-value"));
	cr_expect_eq(met("empty-value"), 1);
	cr_expect_eq(met("text-value"), 1);
}

Test(ocpp_quirks, q41_phases_by_either_name_make_a_total_and_contradict_a_wrong_one)
{
	begin(START("A", T0, "0"));
	fine("MeterValues", METER("{\"value\":\"1000\",\"measurand\":\"Power.Active.Import\",\"phase\":\"L1-N\"},"
				  "{\"value\":\"2000\",\"measurand\":\"Power.Active.Import\",\"phase\":\"L2\"}"));
	cr_expect_eq(number(event(EVENT "SessionMetered", 0), "powerW"), 3000);
	fine("MeterValues",
	     "{\"connectorId\":1,\"transactionId\":1,\"meterValue\":[{\"timestamp\":\"2025-01-15T02:21:00Z\","
	     "\"sampledValue\":[{\"value\":\"9\",\"measurand\":\"Power.Active.Import\"},"
	     "{\"value\":\"3000\",\"measurand\":\"Power.Active.Import\",\"phase\":\"L1\"}]}]}");
	cr_expect_eq(number(event(EVENT "SessionMetered", 1), "powerW"), 3000);
	cr_expect(has("wrong-total"));
	cr_expect_eq(met("no-total"), 1);
	cr_expect_eq(met("wrong-total"), 1);
}

Test(ocpp_quirks, q41_currents_against_neutral_are_currents_of_their_phases)
{
	int id = begin(START("A", T0, "0"));
	const cJSON *sample;

	fine("MeterValues",
	     METER("{\"value\":\"16\",\"measurand\":\"Current.Import\",\"unit\":\"A\",\"phase\":\"L1-N\"}"));
	sample = cJSON_GetArrayItem(get(session(id), "samples"), 0);
	cr_expect_str_eq(text(sample, "phase"), "L1-N");
	cr_expect_eq(get(sample, "value")->valuedouble, 16);
	cr_expect(!has("unknown-value"));
	cr_expect_eq(met("no-total"), 0, "currents of phases have none");
}

Test(ocpp_quirks, q42_samples_of_the_full_hour_are_noise_of_some)
{
	int id;

	fine("BootNotification", BOOT("DELTA", "M", "1"));
	id = begin(START("A", T0, "0"));
	fine("MeterValues", METER("{\"value\":\"5\",\"context\":\"Sample.Clock\"}"));
	cr_expect_eq(samples(session(id)), 0);
	cr_expect(!has("context-ignored"), "counted, and no one is told");
	cr_expect_eq(met("context-ignored"), 1);
}

#define CLOCK_15(context)                                                                                              \
	"{\"connectorId\":1,\"transactionId\":1,\"values\":[{\"timestamp\":\"2025-01-15T03:00:00Z\",\"value\":[{"      \
	"\"value\":\"5\",\"context\":\"" context "\"}]}]}"

Test(ocpp_quirks_config, q42_abb_repeats_them_in_1_5_alone)
{
	int id;

	bench_load_as("ocpp1.5", "{\"unknownToken\":\"accept\"}");
	answered("BootNotification", BOOT("ABB", "Terra", "1"), "Accepted");
	id = begin(START("A", T0, "0"));
	fine("MeterValues", CLOCK_15("Sample.Clock"));
	fine("MeterValues", CLOCK_15("Sample.Periodic"));
	cr_expect_eq(samples(session(id)), 1);
	cr_expect_eq(met("context-ignored"), 1);
	bench_connect("ocpp1.6");
	fine("MeterValues", METER("{\"value\":\"6\",\"context\":\"Sample.Clock\"}"));
	cr_expect_eq(samples(session(id)), 2);
	cr_expect_eq(met("context-ignored"), 1);
}

Test(ocpp_quirks, q42_without_a_reading_at_its_begin_a_session_counts_from_its_start)
{
	int id = begin(START("A", T0, "1000"));

	fine("MeterValues", METER("{\"value\":\"1500\",\"context\":\"Sample.Periodic\"}"));
	cr_expect_eq(number(session(id), "energyWh"), 500);
}

Test(ocpp_quirks_v201, q42_without_a_reading_at_its_begin_the_first_is_its_begin)
{
	transaction("Started", 0, "02:09:54", "", "");
	transaction("Updated", 1, "02:20:00", "",
		    "\"meterValue\":[{\"timestamp\":\"2025-01-15T02:20:00Z\",\"sampledValue\":[{\"value\":1500}]}]");
	transaction("Updated", 2, "02:30:00", "",
		    "\"meterValue\":[{\"timestamp\":\"2025-01-15T02:30:00Z\",\"sampledValue\":[{\"value\":1700}]}]");
	cr_expect_eq(number(session(1), "energyWh"), 200);
}

Test(ocpp_quirks, q43_states_that_contradict_themselves_are_kept_as_said)
{
	fine("StatusNotification", "{\"connectorId\":1,\"status\":\"Finishing\",\"errorCode\":\"OtherError\"}");
	fine("StatusNotification", "{\"connectorId\":0,\"status\":\"Faulted\",\"errorCode\":\"OtherError\"}");
	cr_expect_str_eq(
		text(cJSON_GetArrayItem(get(ask(CHARGING "ListConnectors", DEVICE), "connectors"), 1), "status"),
		"Finishing", "connector 0 speaks for itself alone");
	cr_expect_eq(met("warning-status"), 1);
}

Test(ocpp_quirks, q44_passwords_in_a_configuration_are_masked_and_shown_as_what_they_are)
{
	cp.reply = "{\"configurationKey\":[{\"key\":\"StationPassword\",\"readonly\":true,\"value\":\"c0ffee\"}]}";
	ask(CHARGING "GetConfiguration", "{\"device\":\"ocpp:CP001\"}");
	cr_expect_str_eq(text(cJSON_GetArrayItem(get(kept, "entries"), 0), "value"), "");
	cr_expect(has("tells-secrets"));
	cr_expect_eq(met("tells-secrets"), 1);
}

Test(ocpp_quirks, q47_hundreds_of_old_messages_come_at_once_and_in_order)
{
	int id = begin(START("A", "2025-01-14T02:59:00Z", "0"));
	char time[40], value[12];

	for (int i = 1; i <= 300; i++) {
		snprintf(time, sizeof time, "2025-01-14T%02d:%02d:00Z", 3 + i / 60, i % 60);
		snprintf(value, sizeof value, "%d", i);
		meter(id, time, value);
		bench_forget_frames();
	}
	stop_with(id, "\"meterStop\":300,\"timestamp\":\"2025-01-14T09:00:00Z\"");
	cr_expect_eq(samples(session(id)), 300);
	cr_expect_eq(number(session(id), "energyWh"), 300);
	cr_expect_eq(met("old-messages"), 2, "its start and its stop");
}

Test(ocpp_quirks, q49_a_controller_with_many_chargers_behind_it_is_one_with_many_connectors)
{
	char start[200];
	int id[12];

	for (int c = 1; c <= 12; c++) {
		snprintf(start, sizeof start,
			 "{\"connectorId\":%d,\"idTag\":\"A\",\"meterStart\":0,\"timestamp\":\"" T0 "\"}", c);
		id[c - 1] = begin(start);
	}
	for (int c = 1; c <= 12; c++)
		cr_expect_eq(get(session(id[c - 1]), "connector")->valueint, c);
	cr_expect_eq(met("many-connectors"), 4, "those beyond 8");
}

#define TWO_UNITS                                                                                                      \
	"{\"unknownToken\":\"accept\",\"profiles\":[{\"device\":\"ocpp:CP*\",\"units\":[{\"name\":\"East\","           \
	"\"connectors\":"                                                                                              \
	"2},{\"name\":\"West\",\"first_connector\":3,\"connectors\":2}]}]}"

Test(ocpp_quirks_config, q49_a_mapping_says_whose_a_connector_is)
{
	const cJSON *s;
	int id;

	bench_load(TWO_UNITS);
	id = begin("{\"connectorId\":4,\"idTag\":\"A\",\"meterStart\":0,\"timestamp\":\"" T0 "\"}");
	s = session(id);
	cr_expect_str_eq(text(s, "unit"), "West");
	cr_expect_eq(get(s, "unitConnector")->valueint, 2);
	cr_expect_eq(get(s, "connector")->valueint, 4, "it is asked by its own number");
	cr_expect_eq(met("many-connectors"), 1);
	fine("StatusNotification", "{\"connectorId\":1,\"status\":\"Available\",\"errorCode\":\"NoError\"}");
	s = get(event(EVENT "ConnectorStatusChanged", 0), "status");
	cr_expect_str_eq(text(s, "unit"), "East");
	cr_expect_eq(get(s, "unitConnector")->valueint, 1);
	fine("StatusNotification", "{\"connectorId\":5,\"status\":\"Available\",\"errorCode\":\"NoError\"}");
	cr_expect_str_eq(text(get(event(EVENT "ConnectorStatusChanged", 1), "status"), "unit"), "", "of none");
}

static void refuses_to_start(const char *config, const char *why)
{
	h = host_create(7);
	cr_expect_neq(host_load(h, "ocpp", PLUGINS "/ocpp.so", 1, config), 0);
	cr_expect(strstr(host_error(h), why), "%s", host_error(h));
	host_destroy(h);
}

Test(ocpp_quirks_refused, q49_a_connector_is_of_one_charger)
{
	refuses_to_start("{\"profiles\":[{\"units\":[{\"name\":\"East\",\"connectors\":3},{\"name\":\"West\","
			 "\"first_connector\":3}]}]}",
			 "\"East\" and \"West\" have a connector in common");
	refuses_to_start("{\"profiles\":[{\"units\":[{\"name\":\"East\"},{\"name\":\"East\",\"first_connector\":2}]}]}",
			 "\"East\" stands twice");
}

Test(ocpp_quirks_config, q50_a_charger_that_gives_no_power_soon_after_a_stop_is_not_started_then)
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

Test(ocpp_quirks_config, q50_pauses_of_a_charger_whose_profile_says_no_restart_are_counted)
{
	bench_load("{\"profiles\":[{\"vendor\":\"Acme*\",\"no_restart\":true}]}");
	fine("BootNotification", BOOT("Acme", "Wall 2", "1"));
	cp.reply = "{\"status\":\"Accepted\"}";
	ask(CHARGING "SetLimit", "{\"device\":\"ocpp:CP001\",\"connector\":1,\"periods\":[{\"currentMa\":0}]}");
	ask(CHARGING "SetLimit", "{\"device\":\"ocpp:CP001\",\"connector\":1,\"periods\":[{\"currentMa\":6000}]}");
	cr_expect_eq(met("paused_by_limit"), 1);
}

/* ---- profiles -------------------------------------------------------------------------------- */

Test(ocpp_quirks_config, a_profile_says_what_is_tolerated_and_what_is_refused)
{
	bench_load("{\"unknownToken\":\"accept\",\"profiles\":[{\"vendor\":\"Acme*\",\"refuse\":[\"extra-field\"],"
		   "\"tolerate\":"
		   "[\"too-long\"]}]}");
	answered("Authorize", "{\"idTag\":\"A\",\"connectorId\":1}", "Accepted");
	fine("BootNotification", BOOT("ACME Works", "a model of forty characters, far too long", "1"));
	cr_expect(has("too-long"), "said before anyone knew who it was");
	answered("Authorize", "{\"idTag\":\"A\",\"connectorId\":1}", "FormationViolation");
	fine("StartTransaction",
	     "{\"connectorId\":1,\"idTag\":\"A\",\"meterStart\":0,\"timestamp\":\"" T0 "\",\"x\":1}");
	cr_expect_eq(events(EVENT "SessionStarted"), 1, "energy is never refused");
}

static void expect_refusal(const char *config, const char *why)
{
	h = host_create(7);
	cr_expect_neq(host_load(h, "ocpp", PLUGINS "/ocpp.so", 1, config), 0);
	cr_expect(strstr(host_error(h), why), "%s", host_error(h));
	host_destroy(h);
}

Test(ocpp_profiles, that_cannot_be_are_told)
{
	expect_refusal("{\"profiles\":[{\"refuse\":[\"late-answer\"]}]}", "late-answer cannot be refused");
	expect_refusal("{\"profiles\":[{\"flag\":[\"no-such\"]}]}", "there is no quirk \"no-such\", but wrong-type");
}
