/* OCPP 2.0.1: what chargers watch, and what they tell of. */
#include "model.h"

#include <string.h>

TestSuite(ocpp_monitors, BENCH_V201);

#define NAMES "\"component\":{\"name\":\"C\"},\"variable\":{\"name\":\"V\"}"

/* ---- monitors -------------------------------------------------------------------------------- */

static void set_monitor(int id)
{
	static char reply[300];

	snprintf(reply, sizeof reply,
		 "{\"setMonitoringResult\":[{\"status\":\"Rejected\",\"type\":\"Delta\",\"severity\":5," NAMES
		 "},{\"id\":%d,\"status\":\"Accepted\",\"type\":\"UpperThreshold\",\"severity\":2," NAMES "}]}",
		 id);
	cp.reply = reply;
	ask(OCPP "Call",
	    CALL("SetVariableMonitoring",
		 "{\"setMonitoringData\":[{\"value\":1,\"type\":\"Delta\",\"severity\":5," NAMES
		 "},{\"value\":63.5,\"type\":\"UpperThreshold\",\"severity\":2,\"transaction\":true," NAMES "}]}"));
	bench_forget_frames();
}

Test(ocpp_monitors, what_is_accepted_to_be_watched_is_listed_until_it_is_cleared)
{
	const cJSON *m;

	set_monitor(7);
	m = listed(OCPP "ListMonitors", "monitors", 0);
	cr_expect_eq(number(m, "id"), 7);
	cr_expect_str_eq(text(m, "key"), "C/V");
	cr_expect_str_eq(text(m, "type"), "UpperThreshold");
	cr_expect_eq(get(m, "value")->valuedouble, 63.5);
	cr_expect_eq(get(m, "severity")->valueint, 2);
	cr_expect(cJSON_IsTrue(get(m, "transaction")));
	cr_expect_eq(count(OCPP "ListMonitors", "monitors"), 1, "what was rejected is not");
	cp.reply = "{\"clearMonitoringResult\":[{\"status\":\"Rejected\",\"id\":7}]}";
	ask(OCPP "Call", CALL("ClearVariableMonitoring", "{\"id\":[7]}"));
	cr_expect_eq(count(OCPP "ListMonitors", "monitors"), 1);
	cp.reply = "{\"clearMonitoringResult\":[{\"status\":\"Accepted\",\"id\":7}]}";
	ask(OCPP "Call", CALL("ClearVariableMonitoring", "{\"id\":[7]}"));
	cr_expect_eq(count(OCPP "ListMonitors", "monitors"), 0);
}

Test(ocpp_monitors, another_base_voids_what_was_known)
{
	set_monitor(7);
	cp.reply = "{\"status\":\"Accepted\"}";
	ask(OCPP "Call", CALL("SetMonitoringBase", "{\"monitoringBase\":\"All\"}"));
	cr_expect_eq(count(OCPP "ListMonitors", "monitors"), 1);
	ask(OCPP "Call", CALL("SetMonitoringBase", "{\"monitoringBase\":\"HardWiredOnly\"}"));
	cr_expect_eq(count(OCPP "ListMonitors", "monitors"), 0);
}

static void report_monitor(int request, int number, bool more, int id)
{
	char payload[500];

	snprintf(payload, sizeof payload,
		 "{\"requestId\":%d,\"seqNo\":%d,\"tbc\":%s,\"generatedAt\":\"" T0 "\",\"monitor\":[{" NAMES
		 ",\"variableMonitoring\":[{\"id\":%d,\"transaction\":false,\"value\":1,\"type\":\"Periodic\","
		 "\"severity\":9}]}]}",
		 request, number, more ? "true" : "false", id);
	fine("NotifyMonitoringReport", payload);
}

Test(ocpp_monitors, a_whole_report_replaces_what_it_does_not_name)
{
	set_monitor(7);
	cp.reply = "{\"status\":\"Accepted\"}";
	ask(OCPP "Call", CALL("GetMonitoringReport", "{\"requestId\":3}"));
	bench_forget_frames();
	report_monitor(3, 1, false, 9);
	cr_expect_eq(count(OCPP "ListMonitors", "monitors"), 2, "nothing goes before all has come");
	report_monitor(3, 0, true, 8);
	cr_expect_eq(count(OCPP "ListMonitors", "monitors"), 2);
	cr_expect_eq(number(listed(OCPP "ListMonitors", "monitors", 0), "id"), 8);
	ask(OCPP "Call", CALL("GetMonitoringReport", "{\"requestId\":4,\"monitoringCriteria\":[\"DeltaMonitoring\"]}"));
	bench_forget_frames();
	report_monitor(4, 0, false, 11);
	cr_expect_eq(count(OCPP "ListMonitors", "monitors"), 3, "a part of them was asked for");
	cp.reply = "{\"status\":\"EmptyResultSet\"}";
	ask(OCPP "Call", CALL("GetMonitoringReport", "{\"requestId\":5}"));
	cr_expect_eq(count(OCPP "ListMonitors", "monitors"), 0, "there are none");
	cr_expect_eq(rows("reports") + rows("report_parts"), 0);
}

/* ---- events ---------------------------------------------------------------------------------- */

#define ALERT(id, time, value, names)                                                                                  \
	"{\"generatedAt\":\"" T0 "\",\"seqNo\":0,\"eventData\":[{\"eventId\":" id ",\"timestamp\":\"" time             \
	"\",\"trigger\":\"Alerting\",\"actualValue\":\"" value "\",\"eventNotificationType\":\"CustomMonitor\"," names \
	"}]}"

Test(ocpp_monitors, an_event_is_kept_and_told_once)
{
	const cJSON *e;

	for (int i = 0; i < 2; i++)
		fine("NotifyEvent", ALERT("5", T0, "90",
					  "\"cause\":4,\"techCode\":\"E1\",\"techInfo\":\"hot\",\"cleared\":true,"
					  "\"transactionId\":\"t1\","
					  "\"variableMonitoringId\":7," NAMES));
	cr_expect_eq(events("galvan.ocpp.v1.StationAlerted"), 1);
	e = get(event("galvan.ocpp.v1.StationAlerted", 0), "event");
	cr_expect_str_eq(text(e, "key"), "C/V");
	cr_expect_str_eq(text(e, "value"), "90");
	cr_expect_str_eq(text(e, "techCode"), "E1");
	cr_expect_eq(number(e, "cause"), 4);
	cr_expect_eq(number(e, "monitor"), 7);
	cr_expect(cJSON_IsTrue(get(e, "cleared")));
	cr_expect_eq(count(OCPP "ListDeviceEvents", "events"), 1);
}

Test(ocpp_monitors, an_event_outlives_a_crash_and_is_not_told_twice)
{
	static const char frame[] = "[2,\"e1\",\"NotifyEvent\"," ALERT("5", "no time", "90", NAMES) "]";

	host_crash_at(h, "ocpp.0", 2);
	raw(frame);
	host_settle(h, 5000);
	cr_expect_eq(events("galvan.ocpp.v1.StationAlerted"), 1, "not even where the charger has no clock");
	cr_expect_eq(host_crashes(h), 1);
	cr_expect_eq(count(OCPP "ListDeviceEvents", "events"), 1);
}

Test(ocpp_monitors, the_newest_events_of_a_charger_are_kept_and_paged)
{
	char payload[600], request[300];
	int n = 0;

	for (int i = 0; i < 1010; i++) {
		snprintf(payload, sizeof payload, ALERT("%d", "2025-01-15T02:%02d:%02dZ", "%d", NAMES), i, i / 60,
			 i % 60, i);
		fine("NotifyEvent", payload);
		bench_forget_frames();
	}
	request[0] = '\0';
	strcpy(request, "{\"device\":\"ocpp:CP001\",\"limit\":600}");
	do {
		n += cJSON_GetArraySize(get(ask(OCPP "ListDeviceEvents", request), "events"));
		if (n <= 600)
			cr_expect_str_eq(text(cJSON_GetArrayItem(get(kept, "events"), 0), "value"), "1009",
					 "newest first");
		snprintf(request, sizeof request, "{\"device\":\"ocpp:CP001\",\"limit\":600,\"page\":\"%s\"}",
			 text(kept, "nextPage"));
	} while (text(kept, "nextPage")[0]);
	cr_expect_eq(n, 1000);
}

static void told_last_is(const char *expected)
{
	ask(OCPP "ListDeviceEvents", DEVICE);
	cr_expect_str_eq(text(cJSON_GetArrayItem(get(kept, "events"), 0), "value"), expected);
}

Test(ocpp_monitors, the_order_is_that_of_arrival_whatever_the_chargers_clock_says)
{
	fine("NotifyEvent", ALERT("1", "2093-01-01T00:00:00Z", "first", NAMES));
	fine("NotifyEvent", ALERT("2", "2025-01-15T02:09:00Z", "second", NAMES));
	told_last_is("second");
	cr_expect_eq(number(cJSON_GetArrayItem(get(kept, "events"), 0), "timeMs"), 1736906940000,
		     "the charger's time stands beside it");
	fine("NotifyEvent", ALERT("3", "2001-01-01T00:00:00Z", "third", NAMES));
	told_last_is("third");
	fine("NotifyEvent", ALERT("1", "2093-01-01T00:00:00Z", "first", NAMES));
	told_last_is("third");
	cr_expect_eq(count(OCPP "ListDeviceEvents", "events"), 3, "one that is told again is the same");
	host_crash(h, "ocpp.0");
	host_settle(h, 5000);
	fine("NotifyEvent", ALERT("4", "2002-01-01T00:00:00Z", "fourth", NAMES));
	told_last_is("fourth");
	cr_expect_eq(events("galvan.ocpp.v1.StationAlerted"), 4);
}

Test(ocpp_monitors, those_of_one_message_keep_their_order)
{
	fine("NotifyEvent",
	     "{\"generatedAt\":\"" T0 "\",\"seqNo\":0,\"eventData\":["
	     "{\"eventId\":1,\"timestamp\":\"2025-01-15T02:09:02Z\",\"trigger\":\"Delta\",\"actualValue\":\"a\","
	     "\"eventNotificationType\":\"CustomMonitor\"," NAMES "},"
	     "{\"eventId\":2,\"timestamp\":\"2025-01-15T02:09:01Z\",\"trigger\":\"Delta\",\"actualValue\":\"b\","
	     "\"eventNotificationType\":\"CustomMonitor\"," NAMES "}]}");
	told_last_is("b");
	cr_expect_eq(count(OCPP "ListDeviceEvents", "events"), 2);
}

Test(ocpp_monitors, old_events_go)
{
	fine("NotifyEvent", ALERT("1", T0, "1", NAMES));
	host_run_ms(h, INT64_C(91) * 86400000);
	bench_forget_frames();
	if (!host_station_connected(cp.station))
		bench_connect("ocpp2.0.1");
	fine("NotifyEvent", ALERT("2", "2025-04-20T00:00:00Z", "2", NAMES));
	cr_expect_eq(count(OCPP "ListDeviceEvents", "events"), 1);
}

Test(ocpp_monitors, a_state_that_comes_as_an_event_is_the_connectors)
{
	const cJSON *c;

	fine("NotifyEvent", ALERT("1", T0, "Faulted",
				  "\"component\":{\"name\":\"Connector\",\"evse\":{\"id\":2,\"connectorId\":1}},"
				  "\"variable\":{\"name\":"
				  "\"AvailabilityState\"}"));
	c = cJSON_GetArrayItem(get(ask(CHARGING "ListConnectors", DEVICE), "connectors"), 0);
	cr_expect_eq(get(c, "connector")->valueint, 2);
	cr_expect_str_eq(text(c, "status"), "Faulted");
	fine("NotifyEvent", ALERT("2", "2025-01-15T02:10:54Z", "Available",
				  "\"component\":{\"name\":\"Connector\",\"evse\":{\"id\":2,\"connectorId\":1}},"
				  "\"variable\":{\"name\":"
				  "\"AvailabilityState\"}"));
	c = cJSON_GetArrayItem(get(ask(CHARGING "ListConnectors", DEVICE), "connectors"), 0);
	cr_expect_str_eq(text(c, "status"), "Available");
}

Test(ocpp_monitors, a_secret_that_changed_is_shown_nowhere)
{
	fine("NotifyEvent", ALERT("1", T0, "hunter2",
				  "\"component\":{\"name\":\"SecurityCtrlr\"},\"variable\":{\"name\":"
				  "\"BasicAuthPassword\"}"));
	event("galvan.ocpp.v1.StationAlerted", 0);
	cr_expect(!shown("hunter2"));
	ask(OCPP "ListMessages", DEVICE);
	cr_expect(!shown("hunter2"));
}
