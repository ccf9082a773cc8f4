/* MeterValues outside of the transactions' own messages: what a session runs on gets them, and the rest is kept and can
 * be read. */
#include "charger.h"

#include <string.h>

TestSuite(ocpp_readings, BENCH);
TestSuite(ocpp_readings_v201, BENCH_V201);

#define KEPT 500 /* messages of one connector */

static const cJSON *readings(const char *more)
{
	char request[200];

	snprintf(request, sizeof request, "{\"device\":\"ocpp:CP001\"%s}", more);
	return get(ask(OCPP "ListReadings", request), "samples");
}

static double newest(const char *more)
{
	return get(cJSON_GetArrayItem(readings(more), 0), "value")->valuedouble;
}

/* ---- kept without a session ------------------------------------------------------------------ */

Test(ocpp_readings, each_connector_has_its_own_newest_first)
{
	meter(0, "2025-01-15T02:10:00Z", "10");
	meter(0, "2025-01-15T02:20:00Z", "20");
	fine("MeterValues", "{\"connectorId\":0,\"meterValue\":[{\"timestamp\":\"2025-01-15T02:10:00Z\","
			    "\"sampledValue\":[{\"value\":\"7\",\"context\":\"Sample.Clock\"}]}]}");
	cr_expect_eq(cJSON_GetArraySize(readings(",\"connector\":1")), 2);
	cr_expect_eq(newest(",\"connector\":1"), 20);
	cr_expect_eq(newest(""), 7, "the main meter");
	cr_expect_str_eq(text(cJSON_GetArrayItem(readings(""), 0), "context"), "Sample.Clock");
	cr_expect_eq(cJSON_GetArraySize(readings(",\"connector\":2")), 0);
}

Test(ocpp_readings, they_are_asked_for_by_time_and_number)
{
	meter(0, "2025-01-15T02:10:00Z", "10");
	meter(0, "2025-01-15T02:20:00Z", "20");
	meter(0, "2025-01-15T02:30:00Z", "30");
	cr_expect_eq(cJSON_GetArraySize(readings(",\"connector\":1,\"limit\":2")), 2);
	cr_expect_eq(newest(",\"connector\":1,\"untilMs\":\"1736907600000\""), 20);
	cr_expect_eq(cJSON_GetArraySize(readings(",\"connector\":1,\"fromMs\":\"1736907600000\"")), 2);
}

Test(ocpp_readings, a_repeated_message_is_kept_once)
{
	meter(0, "2025-01-15T02:10:00Z", "10");
	meter(0, "2025-01-15T02:20:00Z", "20");
	meter(0, "2025-01-15T02:10:00Z", "10");
	cr_expect_eq(cJSON_GetArraySize(readings(",\"connector\":1")), 2);
}

Test(ocpp_readings, the_newest_messages_of_a_connector_are_kept)
{
	char time[32], value[16];

	for (int i = 0; i < KEPT + 20; i++) {
		snprintf(time, sizeof time, "2025-01-15T%02d:%02d:00Z", i / 60, i % 60);
		snprintf(value, sizeof value, "%d", i);
		meter(0, time, value);
		bench_forget_frames();
	}
	cr_expect_eq(cJSON_GetArraySize(readings(",\"connector\":1,\"limit\":1000")), KEPT);
	cr_expect_eq(newest(",\"connector\":1"), KEPT + 19);
}

Test(ocpp_readings_config, they_are_no_older_than_samples, .fini = bench_teardown, .timeout = 60)
{
	bench_load("{\"unknownToken\":\"accept\",\"keepSamplesDays\":1}");
	meter(0, "2025-01-15T02:10:00Z", "10");
	host_run_ms(h, 25LL * 3600 * 1000);
	cr_expect_eq(cJSON_GetArraySize(readings(",\"connector\":1")), 0);
	meter(0, "2025-01-16T03:10:00Z", "20");
	cr_expect_eq(cJSON_GetArraySize(readings(",\"connector\":1")), 1);
}

/* ---- 2.0.1: with the session that runs ------------------------------------------------------- */

static void values(int evse, const char *time, const char *wh)
{
	char payload[400];

	snprintf(payload, sizeof payload,
		 "{\"evseId\":%d,\"meterValue\":[{\"timestamp\":\"2025-01-15T%sZ\",\"sampledValue\":[{\"value\":%s,"
		 "\"context\":\"Sample.Clock\"},{\"value\":7200,\"measurand\":\"Power.Active.Import\"}]}]}",
		 evse, time, wh);
	fine("MeterValues", payload);
}

#define WHO "\"evse\":{\"id\":1},\"idToken\":{\"idToken\":\"A\",\"type\":\"ISO14443\"}"
#define REGISTER(time, wh)                                                                                             \
	"\"meterValue\":[{\"timestamp\":\"2025-01-15T" time "Z\",\"sampledValue\":[{\"value\":" wh "}]}]"

Test(ocpp_readings_v201, meter_values_are_samples_of_the_session_that_runs_on_their_evse)
{
	transaction("Started", 0, "02:00:00", "", WHO "," REGISTER("02:00:00", "1000"));
	values(1, "02:15:00", "77000");
	values(2, "02:15:00", "5");
	values(1, "01:45:00", "6");
	transaction("Ended", 1, "02:30:00", "", REGISTER("02:30:00", "4000"));
	cr_expect_eq(samples(session(1)), 4);
	cr_expect_str_eq(text(cJSON_GetArrayItem(get(session(1), "samples"), 1), "context"), "Sample.Clock");
	cr_expect_eq(number(session(1), "energyWh"), 3000, "by the transaction's own register: theirs may be another");
	cr_expect_not(flagged(session(1), "incomplete"), "they are none of its numbered messages");
	cr_expect_eq(newest(",\"connector\":1,\"limit\":1"), 7200);
	cr_expect_eq(cJSON_GetArraySize(readings(",\"connector\":1")), 2, "read before it began");
	cr_expect_eq(cJSON_GetArraySize(readings(",\"connector\":2")), 2, "of another EVSE");
}

Test(ocpp_readings_v201, where_the_transaction_brings_no_register_theirs_counts)
{
	const cJSON *e;

	transaction("Started", 0, "02:00:00", "", WHO);
	values(1, "02:05:00", "1000");
	values(1, "02:15:00", "3000");
	e = event(EVENT "SessionMetered", events(EVENT "SessionMetered") - 1);
	cr_expect_eq(number(e, "energyWh"), 2000);
	cr_expect_eq(number(e, "powerW"), 7200);
	transaction("Ended", 1, "02:30:00", "", "");
	cr_expect_eq(number(session(1), "energyWh"), 2000);
	cr_expect(flagged(session(1), "no-meter-stop"));
}

Test(ocpp_readings_v201, where_only_its_end_brings_one_the_session_begins_with_theirs)
{
	transaction("Started", 0, "02:00:00", "", WHO);
	values(1, "02:05:00", "1000");
	transaction("Ended", 1, "02:30:00", "", REGISTER("02:30:00", "4000"));
	cr_expect_eq(number(session(1), "energyWh"), 3000);
}

Test(ocpp_readings_v201, its_own_begin_that_comes_late_counts)
{
	transaction("Updated", 1, "02:04:00", "", WHO);
	values(1, "02:05:00", "101000");
	transaction("Started", 0, "02:00:00", "",
		    "\"meterValue\":[{\"timestamp\":\"2025-01-15T02:00:00Z\",\"sampledValue\":[{\"value\":0,"
		    "\"context\":\"Transaction.Begin\"}]}]");
	transaction("Ended", 2, "02:30:00", "", REGISTER("02:30:00", "3000"));
	cr_expect_eq(number(session(1), "energyWh"), 3000);
}
