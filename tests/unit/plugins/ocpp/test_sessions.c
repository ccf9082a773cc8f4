/* A session from its start to its end, its energy and its samples. */
#include "charger.h"

#include <stdlib.h>
#include <string.h>

TestSuite(ocpp_sessions, BENCH);

#define PROFILE                                                                                                        \
	"{\"chargingProfileId\":1,\"stackLevel\":0,\"chargingProfilePurpose\":\"TxProfile\",\"chargingProfileKind\":"  \
	"\"Relative\","                                                                                                \
	"\"chargingSchedule\":{\"chargingRateUnit\":\"A\",\"chargingSchedulePeriod\":[{\"startPeriod\":0,\"limit\":"   \
	"32}]}}"

Test(ocpp_sessions, the_main_job)
{
	struct host_answer *a;
	char request_id[40];
	const cJSON *s;
	int id;

	cp.reply = "{\"status\":\"Accepted\"}";
	ask(CHARGING "Start",
	    "{\"device\":\"ocpp:CP001\",\"connector\":1,\"token\":\"remote-11902\",\"chargingProfile\":" PROFILE "}");
	cr_expect_str_eq(text(kept, "status"), "Accepted");
	snprintf(request_id, sizeof request_id, "%s", text(kept, "requestId"));
	cr_expect(strstr(cp.inbox[0], "\"RemoteStartTransaction\",{\"connectorId\":1,\"idTag\":\"remote-11902\","
				      "\"chargingProfile\":{"),
		  "%s", cp.inbox[0]);
	cr_expect(strstr(cp.inbox[0], "\"limit\":32}"));
	answered("Authorize", "{\"idTag\":\"remote-11902\"}", "Accepted");
	id = begin(START("remote-11902", T0, "0"));
	cr_expect_eq(events(EVENT "SessionStarted"), 1);
	s = get(event(EVENT "SessionStarted", 0), "session");
	cr_expect_str_eq(text(s, "requestId"), request_id);
	cr_expect_str_eq(text(s, "state"), "ACTIVE");
	fine("MeterValues", "{\"connectorId\":1,\"transactionId\":1,\"meterValue\":[{\"timestamp\":\"2025-01-15T02:10:"
			    "54Z\",\"sampledValue\":["
			    "{\"value\":\"241.10\",\"measurand\":\"Voltage\",\"unit\":\"V\"},{\"value\":\"0.00\","
			    "\"measurand\":\"Current.Import\",\"unit\":\"A\"},"
			    "{\"value\":\"0\",\"measurand\":\"Power.Active.Import\",\"unit\":\"W\"},{\"value\":\"32\","
			    "\"measurand\":\"Current.Offered\",\"unit\":\"A\"}]}]}");
	cr_expect_eq(events(EVENT "SessionMetered"), 1);
	cr_expect_eq(samples(event(EVENT "SessionMetered", 0)), 4);
	a = host_call(h, CHARGING "Stop", "{\"sessionId\":\"ocpp:CP001/%d\"}", id);
	cr_expect_eq(a->code, GV_OK, "%s", a->error);
	stop_with(id, "\"meterStop\":6379,\"reason\":\"EVDisconnected\",\"timestamp\":\"2025-01-15T02:40:49\","
		      "\"transactionData\":[{\"timestamp\":"
		      "\"2025-01-15T02:40:49\",\"sampledValue\":[{\"value\":\"6379.259277\",\"measurand\":\"Energy."
		      "Active.Import.Register\",\"unit\":\"Wh\"}]}]");
	cr_expect_eq(events(EVENT "SessionEnded"), 1);
	s = session(id);
	cr_expect_str_eq(text(s, "state"), "ENDED");
	cr_expect_eq(number(s, "energyWh"), 6379);
	cr_expect_eq(number(s, "startedAtMs"), 1736906994000);
	cr_expect_eq(number(s, "endedAtMs"), 1736908849000, "no zone anywhere: UTC");
	cr_expect_str_eq(text(s, "reason"), "EVDisconnected");
	cr_expect_str_eq(text(s, "requestId"), request_id);
	cr_expect(flagged(s, "no-zone"));
	cr_expect_eq(samples(s), 5);
	cr_expect_eq(get(cJSON_GetArrayItem(get(s, "samples"), 0), "value")->valuedouble, 241.1);
	cr_expect_eq(get(cJSON_GetArrayItem(get(s, "samples"), 4), "value")->valuedouble, 6379.259277);
	ask(CHARGING "ListSessions", "{\"device\":\"ocpp:CP001\"}");
	cr_expect_eq(cJSON_GetArraySize(get(kept, "sessions")), 1);
	ask(CHARGING "ListSessions", "{}");
	cr_expect_eq(cJSON_GetArraySize(get(kept, "sessions")), 1);
}

Test(ocpp_sessions, the_newest_that_run_are_listed_first_and_within_the_limit)
{
	int second;

	begin(START("A", "2025-01-15T02:00:00Z", "0"));
	second = begin("{\"connectorId\":2,\"idTag\":\"B\",\"meterStart\":0,\"timestamp\":\"2025-01-15T02:01:00Z\"}");
	ask(CHARGING "ListSessions", "{\"state\":\"ACTIVE\",\"limit\":1}");
	cr_expect_eq(cJSON_GetArraySize(get(kept, "sessions")), 1);
	cr_expect_eq(atoi(text(cJSON_GetArrayItem(get(kept, "sessions"), 0), "transactionId")), second);
}

Test(ocpp_sessions, a_time_without_a_zone_is_its_sites)
{
	int id;

	ask("galvan.registry.v1.Registry/PutSite", "{\"site\":{\"id\":\"s\",\"timeZone\":\"Europe/Berlin\"}}");
	ask("galvan.registry.v1.Registry/PutDevice", "{\"device\":{\"id\":\"ocpp:CP001\",\"site\":\"s\"}}");
	host_settle(h, 100);
	id = begin(START("A", "2025-07-15T12:00:00", "0"));
	cr_expect_eq(number(session(id), "startedAtMs"), 1752573600000, "10:00 UTC");
	host_crash(h, "ocpp.0");
	host_settle(h, 5000);
	stop_with(id, "\"meterStop\":1,\"timestamp\":\"2025-01-15T12:00:00\"");
	cr_expect(flagged(session(id), "stop-before-start"), "what registry said is remembered");
}

Test(ocpp_sessions, a_repeated_start_gets_the_same_id)
{
	int first = begin(START("Abc", T0, "5")), other;

	cr_expect_eq(begin(START("aBC", "2025-01-15T03:09:54+01:00", "5")), first,
		     "tags have no case, times have zones");
	cr_expect_eq(events(EVENT "SessionStarted"), 1);
	other = begin(START("Abc", T0, "6"));
	cr_expect_neq(other, first, "another meter, another start");
	stop_with(other, "\"meterStop\":10,\"timestamp\":\"" T0 "\"");
	cr_expect_eq(begin(START("Abc", T0, "6")), other, "also when it has ended");
	cr_expect_eq(begin(START("Abc", T0, "5")), first);
	cr_expect_eq(events(EVENT "SessionStarted"), 2);
}

Test(ocpp_sessions, a_start_without_a_usable_time_is_known_again)
{
	int first = begin(START("A", "1970-01-01T00:00:17Z", "5"));

	host_run_ms(h, 60000);
	cr_expect_eq(begin(START("A", "1970-01-01T00:00:17Z", "5")), first);
	cr_expect(flagged(session(first), "clock-unset"));
}

Test(ocpp_sessions, a_start_on_a_busy_connector_ends_what_was_there)
{
	int first = begin(START("A", T0, "0")), second;

	meter(first, "2025-01-15T02:20:00Z", "400");
	second = begin(START("B", "2025-01-15T03:00:00Z", "500"));
	cr_expect_str_eq(text(session(first), "state"), "ENDED");
	cr_expect_eq(number(session(first), "energyWh"), 400);
	cr_expect(flagged(session(first), "no-stop"));
	cr_expect_eq(events(EVENT "SessionEnded"), 1);
	stop_with(first, "\"meterStop\":450,\"timestamp\":\"2025-01-15T02:30:00Z\"");
	cr_expect_eq(number(session(first), "energyWh"), 450, "its own stop knows better");
	cr_expect(flagged(session(first), "late-stop"));
	cr_expect_eq(events(EVENT "SessionEnded"), 2);
	stop_with(first, "\"meterStop\":450,\"timestamp\":\"2025-01-15T02:30:00Z\"");
	cr_expect_eq(events(EVENT "SessionEnded"), 2);
	cr_expect_str_eq(text(session(second), "state"), "ACTIVE");
}

Test(ocpp_sessions, samples_are_kept_once)
{
	int id = begin(START("A", T0, "1000"));

	meter(id, "2025-01-15T02:10:00Z", "1100");
	meter(id, "2025-01-15T02:11:00Z", "1200");
	meter(id, "2025-01-15T02:11:00Z", "1200");
	meter(id, "2025-01-15T02:10:00Z", "1100");
	cr_expect_eq(samples(session(id)), 2);
	cr_expect_eq(events(EVENT "SessionMetered"), 2);
	meter(id, "2025-01-15T02:10:30Z", "1150");
	cr_expect_eq(samples(session(id)), 3, "out of order, and new");
	cr_expect_str_eq(text(cJSON_GetArrayItem(get(session(id), "samples"), 1), "timeMs"), "1736907030000",
			 "told in order of time");
	cr_expect_eq(number(session(id), "energyWh"), 200);
	stop_with(id, "\"meterStop\":1300,\"timestamp\":\"2025-01-15T02:12:00Z\",\"transactionData\":[{\"timestamp\":"
		      "\"2025-01-15T02:11:00Z\","
		      "\"sampledValue\":[{\"value\":\"1200\"}]},{\"timestamp\":\"2025-01-15T02:12:00Z\","
		      "\"sampledValue\":[{\"value\":\"1300\",\"context\":"
		      "\"Transaction.End\"}]}]");
	cr_expect_eq(samples(session(id)), 4);
	meter(id, "2025-01-15T02:11:30Z", "1250");
	cr_expect_eq(samples(session(id)), 5, "what comes behind the stop belongs to it");
	cr_expect(flagged(session(id), "samples-after-stop"));
	cr_expect_eq(number(session(id), "energyWh"), 300);
}

Test(ocpp_sessions, samples_without_a_clock_are_kept_once)
{
	int id = begin(START("A", T0, "0"));

	meter(id, "1970-01-01T00:00:10Z", "10");
	host_run_ms(h, 1000);
	meter(id, "1970-01-01T00:00:10Z", "10");
	meter(id, "1970-01-01T00:01:10Z", "20");
	cr_expect_eq(samples(session(id)), 2);
}

Test(ocpp_sessions, energy_and_power_follow_from_units_and_phases)
{
	int id = begin(START("A", T0, "1000"));
	const cJSON *e;

	fine("MeterValues", "{\"connectorId\":1,\"transactionId\":1,\"meterValue\":[{\"timestamp\":\"2025-01-15T02:10:"
			    "54Z\",\"sampledValue\":["
			    "{\"value\":\"1.5\",\"unit\":\"kWh\"},{\"value\":\"1.1\",\"unit\":\"kW\",\"measurand\":"
			    "\"Power.Active.Import\",\"phase\":\"L1\"},"
			    "{\"value\":\"1.2\",\"unit\":\"kW\",\"measurand\":\"Power.Active.Import\",\"phase\":\"L2\"}"
			    ",{\"value\":\" \"},{\"value\":\"abc\"},"
			    "{\"value\":\"7\",\"measurand\":\"Request.Energy\"},{\"value\":\"c2lnbmVk\",\"format\":"
			    "\"SignedData\"}]}]}");
	e = event(EVENT "SessionMetered", events(EVENT "SessionMetered") - 1);
	cr_expect_eq(number(e, "energyWh"), 500);
	cr_expect_eq(number(e, "powerW"), 2300);
	cr_expect_eq(samples(e), 6, "all but the empty one");
	cr_expect_str_eq(text(cJSON_GetArrayItem(get(e, "samples"), 3), "text"), "abc");
	cr_expect_str_eq(text(cJSON_GetArrayItem(get(e, "samples"), 4), "measurand"), "Request.Energy");
	cr_expect_eq(id, 1);
}

Test(ocpp_sessions, a_meter_that_runs_backwards_is_flagged_and_costs_nothing)
{
	int id = begin(START("A", T0, "1000"));

	meter(id, "2025-01-15T02:10:00Z", "900");
	cr_expect_eq(number(session(id), "energyWh"), 0);
	stop_with(id, "\"meterStop\":999,\"timestamp\":\"2025-01-15T02:12:00Z\"");
	cr_expect_eq(number(session(id), "energyWh"), 0);
	cr_expect_eq(number(session(id), "meterStopWh"), 999);
	cr_expect(flagged(session(id), "meter-backwards"));
	id = begin(START("A", "2025-01-15T03:09:54Z", "1000"));
	meter(id, "2025-01-15T03:10:00Z", "1500");
	stop_with(id, "\"meterStop\":-1,\"timestamp\":\"2025-01-15T03:12:00Z\"");
	cr_expect_eq(number(session(id), "energyWh"), 500, "what the samples have shown");
}

Test(ocpp_sessions_config, samples_are_forgotten_and_sessions_are_not, .timeout = 60)
{
	int id;

	bench_load("{\"unknownToken\":\"accept\",\"keepSamplesDays\":2}");
	id = begin(START("A", T0, "0"));
	meter(id, "2025-01-15T02:10:00Z", "10");
	host_run_ms(h, 36 * 3600 * 1000);
	meter(id, "2025-01-16T02:10:00Z", "20");
	cr_expect_eq(samples(session(id)), 2);
	host_run_ms(h, 30 * 3600 * 1000);
	meter(id, "2025-01-17T02:10:00Z", "30");
	cr_expect_eq(samples(session(id)), 3, "two whole days are kept");
	host_crash(h, "ocpp.0");
	host_run_ms(h, 48 * 3600 * 1000);
	cr_expect_eq(samples(session(id)), 1);
	meter(id, "2025-01-20T02:10:00Z", "40");
	cr_expect_eq(samples(session(id)), 2);
	cr_expect_eq(number(session(id), "energyWh"), 40);
	bench_teardown();
}

Test(ocpp_sessions_config, a_tag_that_stands_twice_is_refused)
{
	struct host *other = host_create(1);

	cr_expect_neq(host_load(other, "ocpp", PLUGINS "/ocpp.so", 1, "{\"tags\":[{\"id\":\"A\"},{\"id\":\"a\"}]}"), 0);
	cr_expect(strstr(host_error(other), "stands twice"), "%s", host_error(other));
	host_destroy(other);
}

Test(ocpp_sessions_config, instances_share_the_ids, .timeout = 60)
{
	unsigned seen = 0;

	h = host_create(3);
	cr_assert_eq(host_load(h, "ocpp", PLUGINS "/ocpp.so", 3, "{\"unknownToken\":\"accept\"}"), 0, "%s",
		     host_error(h));
	host_settle(h, 100);
	for (unsigned i = 0; i < 8; i++) {
		char device[40];
		int id;

		bench_forget();
		snprintf(device, sizeof device, "ocpp:CP%03u", i);
		cp.station = host_station(h, "ocpp", device, "ocpp1.6", &charger_model, &cp);
		host_station_connect(cp.station);
		host_run_ms(h, 100);
		id = begin(START("A", T0, "0"));
		cr_assert(id > 0 && id < 32);
		cr_expect(!(seen & (1u << id)), "id %d is one device's", id);
		seen |= 1u << id;
	}
	ask(CHARGING "ListSessions", "{}");
	cr_expect_eq(cJSON_GetArraySize(get(kept, "sessions")), 8, "asked of all instances");
	bench_teardown();
}
