/* Real chargers as stations: their clocks, boots, settings, states and units (docs/protocols/ocpp-quirks.md; a test has
 * its row's number in its name). */
#include "quirks.h"

TestSuite(ocpp_quirks_stations, BENCH);
TestSuite(ocpp_quirks_stations_config, .fini = bench_teardown, .timeout = 60);

Test(ocpp_quirks_stations, q23_times_without_a_zone_short_ones_and_clocks_never_set)
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

Test(ocpp_quirks_stations, q24_our_times_are_utc_with_a_z_and_milliseconds_at_most)
{
	const char *time = strstr(say("Heartbeat", "{}"), "currentTime\":\"");

	cr_assert_not_null(time);
	cr_expect_eq(strspn(time + 14, "0123456789-T:."), 23);
	cr_expect_eq(time[14 + 23], 'Z');
	cr_expect_eq(met("time_rewritten"), 0, "there was nothing to do about it");
}

Test(ocpp_quirks_stations, q24_times_that_people_write_in_another_form_are_sent_in_ours)
{
	cp.reply = "{\"status\":\"Accepted\"}";
	ask(OCPP "Call",
	    "{\"device\":\"ocpp:CP001\",\"action\":\"GetDiagnostics\",\"payload\":{\"location\":\"ftp://x\","
	    "\"startTime\":\"2025-01-15T02:09:54+00:00\",\"stopTime\":\"2025-01-15T03:09:54.123456Z\"}}");
	cr_expect(received("\"startTime\":\"2025-01-15T02:09:54.000Z\",\"stopTime\":\"2025-01-15T03:09:54.123Z\""));
	cr_expect_eq(met("time_rewritten"), 2);
}

Test(ocpp_quirks_stations, q25_a_charger_that_does_not_say_what_it_is_is_asked_once)
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

Test(ocpp_quirks_stations, q26_boots_over_and_over_are_answered_and_told_once)
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

Test(ocpp_quirks_stations, q26_some_take_questions_badly_and_get_none)
{
	cp.reply = "{\"status\":\"Accepted\"}";
	fine("BootNotification", BOOT("ABB", "Terra AC", "1.8.21"));
	ask(CHARGING "SetConfiguration", "{\"device\":\"ocpp:CP001\",\"key\":\"HeartbeatInterval\",\"value\":\"60\"}");
	cr_expect(!received("GetConfiguration"));
	cr_expect_eq(met("not_asked"), 1, "it was not read back");
}

Test(ocpp_quirks_stations, q27_a_setting_is_read_back)
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

Test(ocpp_quirks_stations, q28_keys_and_values_are_compared_as_people_do)
{
	cp.reply = "{\"status\":\"Accepted\",\"configurationKey\":[{\"key\":\"heartbeatinterval\",\"readonly\":false,"
		   "\"value\":\" \\\"60\\\" \"}]}";
	cr_expect(cJSON_IsTrue(get(ask(CHARGING "SetConfiguration",
				       "{\"device\":\"ocpp:CP001\",\"key\":\"HeartbeatInterval\",\"value\":\"60\"}"),
				   "asSet")));
	cr_expect(!has("setting-ignored"));
	cr_expect_eq(met("key-case"), 1);
}

Test(ocpp_quirks_stations, q28_a_value_that_was_cut_is_not_the_one_that_was_set)
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

Test(ocpp_quirks_stations, q43_states_that_contradict_themselves_are_kept_as_said)
{
	fine("StatusNotification", "{\"connectorId\":1,\"status\":\"Finishing\",\"errorCode\":\"OtherError\"}");
	fine("StatusNotification", "{\"connectorId\":0,\"status\":\"Faulted\",\"errorCode\":\"OtherError\"}");
	cr_expect_str_eq(
		text(cJSON_GetArrayItem(get(ask(CHARGING "ListConnectors", DEVICE), "connectors"), 1), "status"),
		"Finishing", "connector 0 speaks for itself alone");
	cr_expect_eq(met("warning-status"), 1);
}

Test(ocpp_quirks_stations, q44_passwords_in_a_configuration_are_masked_and_shown_as_what_they_are)
{
	cp.reply = "{\"configurationKey\":[{\"key\":\"StationPassword\",\"readonly\":true,\"value\":\"c0ffee\"}]}";
	ask(CHARGING "GetConfiguration", "{\"device\":\"ocpp:CP001\"}");
	cr_expect_str_eq(text(cJSON_GetArrayItem(get(kept, "entries"), 0), "value"), "");
	cr_expect(has("tells-secrets"));
	cr_expect_eq(met("tells-secrets"), 1);
}

Test(ocpp_quirks_stations, q49_a_controller_with_many_chargers_behind_it_is_one_with_many_connectors)
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

Test(ocpp_quirks_stations_config, q49_a_mapping_says_whose_a_connector_is)
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

Test(ocpp_quirks_stations_refused, q49_a_connector_is_of_one_charger)
{
	refuses_to_start("{\"profiles\":[{\"units\":[{\"name\":\"East\",\"connectors\":3},{\"name\":\"West\","
			 "\"first_connector\":3}]}]}",
			 "\"East\" and \"West\" have a connector in common");
	refuses_to_start("{\"profiles\":[{\"units\":[{\"name\":\"East\"},{\"name\":\"East\",\"first_connector\":2}]}]}",
			 "\"East\" stands twice");
}
