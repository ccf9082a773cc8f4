/* How the messages of real chargers break the specification (docs/protocols/ocpp-quirks.md; a test has its row's number
 * in its name), and what a profile says of it. */
#include "quirks.h"

TestSuite(ocpp_quirks_messages, BENCH);
TestSuite(ocpp_quirks_messages_config, .fini = bench_teardown, .timeout = 60);

Test(ocpp_quirks_messages, q10_json_that_is_none_is_refused_where_its_id_can_be_read_and_kept)
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

Test(ocpp_quirks_messages, q11_a_payload_of_null_is_an_empty_one)
{
	fine("Heartbeat", "null");
	cr_expect_not(has("no-payload"), "tolerated: counted, and no one is told");
	cr_expect_eq(met("no-payload"), 1);
}

Test(ocpp_quirks_messages, q12_a_message_id_may_be_used_over_and_over)
{
	for (int i = 0; i < 3; i++)
		raw("[2,\"1000001\",\"Heartbeat\",{}]");
	host_settle(h, 100);
	cr_expect_eq(cp.received, 3, "each is a call of its own");
	cr_expect_eq(met("same-id"), 2);
}

Test(ocpp_quirks_messages, q13_a_message_of_another_type_is_no_reason_to_close)
{
	raw("[1,\"x\",\"Heartbeat\",{}]");
	host_settle(h, 100);
	cr_expect_eq(cp.received, 0, "1.6 has them ignored");
	fine("Heartbeat", "{}");
	cr_expect_eq(met("other-type"), 1);
}

Test(ocpp_quirks_messages, q14_calls_cross_and_answers_come_late_or_twice)
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
	cr_expect_not(has("late-answer"));
	fine("Heartbeat", "{}");
	cr_expect_eq(met("crossing-call"), 1, "one came while the charger owed an answer");
	cr_expect_eq(met("late-answer"), 2);
}

Test(ocpp_quirks_messages, q15_fields_too_many_and_keys_twice)
{
	answered("Authorize", "{\"idTag\":\"A\",\"connectorId\":1}", "Accepted");
	cr_expect_not(has("extra-field"));
	answered("Authorize", "{\"idTag\":\"BLOCKED1\",\"idTag\":\"A\"}", "Blocked");
	cr_expect(has("double-key"), "the first counts");
	cr_expect_eq(met("extra-field"), 1);
	cr_expect_eq(met("double-key"), 1);
}

Test(ocpp_quirks_messages, q16_numbers_for_strings)
{
	int id = begin(START("A", T0, "0"));

	fine("MeterValues", METER("{\"value\":1234}"));
	cr_expect_eq(number(session(id), "energyWh"), 1234);
	cr_expect(has("wrong-type"));
	cr_expect_eq(met("wrong-type"), 1);
}

Test(ocpp_quirks_messages, q16_settings_as_numbers_and_booleans_and_a_readonly_of_0_or_1)
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

Test(ocpp_quirks_messages, q17_tags_of_22_characters_are_taken_whole)
{
	int id = begin(START("1234567890123456789012", T0, "0"));

	cr_expect_str_eq(text(session(id), "token"), "1234567890123456789012");
	answered("Authorize", "{\"idTag\":\"123456789012345678901\"}", "Accepted");
	cr_expect_eq(met("too-long"), 2);
}

Test(ocpp_quirks_messages, q17_serial_numbers_longer_than_allowed_are_kept_whole)
{
	fine("BootNotification", "{\"chargePointVendor\":\"V\",\"chargePointModel\":\"M\",\"chargeBoxSerialNumber\":"
				 "\"123456789012345678901234567890123\"}");
	cr_expect(has("too-long"));
	cr_expect_str_eq(
		text(cJSON_GetArrayItem(get(ask(OCPP "ListStations", DEVICE), "stations"), 0), "chargeBoxSerial"),
		"123456789012345678901234567890123");
	cr_expect_eq(met("too-long"), 1);
}

Test(ocpp_quirks_messages, q18_garbage_in_a_tag_is_cleaned_where_the_charger_is_known_for_it)
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

Test(ocpp_quirks_messages, q18_dashes_and_backslashes_go_with_the_garbage)
{
	fine("BootNotification", BOOT("Ocular", "IQ", "1"));
	begin(START("AB-12\\\\", T0, "0"));
	cr_expect_str_eq(text(session(1), "token"), "AB12");
	cr_expect_eq(met("tag-garbled"), 1);
}

Test(ocpp_quirks_messages, q18_a_token_that_was_asked_for_keeps_its_dash)
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

Test(ocpp_quirks_messages, q18_elsewhere_a_tag_is_what_it_is)
{
	begin(START("AB 12", T0, "0"));
	cr_expect_str_eq(text(session(1), "token"), "AB 12", "payment terminals use such");
}

Test(ocpp_quirks_messages, q19_values_that_the_specification_does_not_have)
{
	int id = begin(START("A", T0, "0"));

	fine("StatusNotification", "{\"connectorId\":1,\"status\":\"Charging\",\"errorCode\":\"Error\"}");
	fine("MeterValues", METER("{\"value\":\"1\",\"measurand\":\"Request.Energy\",\"unit\":\"Hertz\"}"));
	cr_expect_not(has("unknown-value"));
	cr_expect_str_eq(text(connector(), "errorCode"), "OtherError");
	cr_expect_str_eq(text(connector(), "info"), "Error", "its own word is kept");
	cr_expect_str_eq(text(cJSON_GetArrayItem(get(session(id), "samples"), 0), "measurand"), "Request.Energy");
	cr_expect_eq(met("unknown-value"), 2);
}

Test(ocpp_quirks_messages, q21_one_object_where_a_list_belongs)
{
	int id = begin(START("A", T0, "0"));

	fine("MeterValues",
	     "{\"connectorId\":1,\"transactionId\":1,\"meterValue\":{\"timestamp\":\"2025-01-15T02:20:00Z\","
	     "\"sampledValue\":{\"value\":\"7\"}}}");
	cr_expect_eq(number(session(id), "energyWh"), 7);
	cr_expect_not(has("no-list"));
	cr_expect_eq(met("no-list"), 1);
}

/* ---- profiles -------------------------------------------------------------------------------- */

Test(ocpp_quirks_messages_config, a_profile_says_what_is_tolerated_and_what_is_refused)
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

Test(ocpp_quirks_messages_config, what_is_tolerated_is_shown_where_a_profile_flags_it)
{
	bench_load("{\"unknownToken\":\"accept\",\"profiles\":[{\"device\":\"ocpp:*\",\"flag\":[\"extra-field\"]}]}");
	answered("Authorize", "{\"idTag\":\"A\",\"connectorId\":1}", "Accepted");
	cr_expect(has("extra-field"));
	cr_expect_eq(met("extra-field"), 1);
}

/* The time of a security event is a field that may be missing unless the profile says otherwise. */
Test(ocpp_quirks_messages_config, a_missing_field_is_refused_with_the_code_of_its_version)
{
	static const char refusing[] = "{\"profiles\":[{\"device\":\"ocpp:*\",\"refuse\":[\"missing-field\"]}]}";

	bench_load_as("ocpp1.6", refusing);
	answered("SecurityEventNotification", "{\"type\":\"MemoryExhaustion\"}", "ProtocolError");
	bench_connect("ocpp2.0.1");
	answered("SecurityEventNotification", "{\"type\":\"MemoryExhaustion\"}", "OccurrenceConstraintViolation");
	cr_expect_eq(met("missing-field"), 2);
}

Test(ocpp_profiles, that_cannot_be_are_told)
{
	expect_refusal("{\"profiles\":[{\"refuse\":[\"late-answer\"]}]}", "late-answer cannot be refused");
	expect_refusal("{\"profiles\":[{\"flag\":[\"no-such\"]}]}", "there is no quirk \"no-such\", but wrong-type");
}
