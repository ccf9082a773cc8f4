/* The plugin dies, anywhere: nothing is lost, nothing takes effect twice. */
#include "charger.h"

#include <string.h>

TestSuite(ocpp_crashes, BENCH);

Test(ocpp_crashes, a_command_outlives_a_crash)
{
	struct host_answer *a;
	char answer[200], id[64];

	a = host_call_later(h, NULL, CHARGING "Start", "{\"device\":\"ocpp:CP001\",\"connector\":1,\"token\":\"A\"}");
	host_settle(h, 100);
	cr_assert_eq(cp.received, 1);
	host_crash(h, "ocpp.0");
	host_settle(h, 5000);
	cr_assert_eq(cp.received, 1, "a start is not sent twice");
	sscanf(cp.inbox[0], "[2,\"%63[^\"]\"", id);
	snprintf(answer, sizeof answer, "[3,\"%s\",{\"status\":\"Accepted\"}]", id);
	raw(answer);
	host_settle(h, 1000);
	cr_assert(a->done);
	cr_expect_eq(a->code, GV_OK, "%s", a->error);
	begin(START("A", T0, "0"));
	cr_expect(strstr(a->json, text(session(1), "requestId")), "%s", a->json);
}

Test(ocpp_crashes, what_was_answered_outlives_a_crash)
{
	int id = begin(START("A", T0, "0"));

	meter(id, "2025-01-15T02:10:00Z", "10");
	host_crash(h, "ocpp.0");
	host_settle(h, 5000);
	cr_expect_eq(begin(START("A", T0, "0")), id);
	meter(id, "2025-01-15T02:10:00Z", "10");
	meter(id, "2025-01-15T02:11:00Z", "20");
	cr_expect_eq(samples(session(id)), 2);
	cr_expect_eq(begin(START("B", "2025-01-15T04:00:00Z", "0")), id + 1, "ids go on");
}

/* The charger calls and waits for its answer, whatever happens meanwhile; more than one may come. */
static const char *insist(const char *action, const char *payload)
{
	char id[40], text[2000], head[60];
	size_t before = cp.received;

	snprintf(id, sizeof id, "m%u", ++cp.sent);
	snprintf(text, sizeof text, "[2,\"%s\",\"%s\",%s]", id, action, payload);
	snprintf(head, sizeof head, "[3,\"%s\",", id);
	raw(text);
	for (int i = 0; i < 100; i++) {
		host_run_ms(h, 100);
		for (size_t k = before; k < cp.received; k++)
			if (!strncmp(cp.inbox[k], head, strlen(head)))
				return cp.inbox[k];
	}
	cr_assert_fail("%s was not answered", text);
	return NULL;
}

/* One session; the plugin dies at the n-th of its points. False where it has fewer. */
static bool dies_at(uint64_t n)
{
	size_t after;

	bench_load("{\"unknownToken\":\"accept\",\"dataTransferVendors\":[\"v\"]}");
	host_crash_at(h, "ocpp.0", n);
	insist("BootNotification", "{\"chargePointVendor\":\"V\",\"chargePointModel\":\"M\"}");
	insist("DataTransfer", "{\"vendorId\":\"v\",\"data\":\"d\"}");
	insist("FirmwareStatusNotification", "{\"status\":\"Installed\"}");
	insist("StatusNotification", "{\"connectorId\":1,\"errorCode\":\"NoError\",\"status\":\"Charging\"}");
	cr_expect(strstr(insist("StartTransaction", START("A", T0, "0")), "\"transactionId\":1}"));
	insist("MeterValues", "{\"connectorId\":1,\"transactionId\":1,\"meterValue\":[{\"timestamp\":\"2025-01-15T02:"
			      "10:00Z\",\"sampledValue\":[{"
			      "\"value\":\"10\"}]}]}");
	insist("StopTransaction", "{\"transactionId\":1,\"meterStop\":20,\"timestamp\":\"2025-01-15T02:11:00Z\"}");
	host_run_ms(h, 10000);
	cr_expect_eq(host_events(h, "galvan.ocpp.v1.StationBooted"), 1, "death %lu", (unsigned long)n);
	cr_expect_eq(host_events(h, "galvan.ocpp.v1.DataTransferred"), 1, "death %lu", (unsigned long)n);
	cr_expect_eq(host_events(h, "galvan.ocpp.v1.StationNotified"), 1, "death %lu", (unsigned long)n);
	cr_expect_eq(host_events(h, EVENT "ConnectorStatusChanged"), 1, "death %lu", (unsigned long)n);
	cr_expect_eq(host_events(h, EVENT "SessionStarted"), 1, "death %lu", (unsigned long)n);
	cr_expect_eq(host_events(h, EVENT "SessionMetered"), 1, "death %lu", (unsigned long)n);
	cr_expect_eq(host_events(h, EVENT "SessionEnded"), 1, "death %lu", (unsigned long)n);
	cr_expect_eq(samples(session(1)), 1);
	cr_expect_eq(number(session(1), "energyWh"), 20);
	after = host_crashes(h);
	bench_teardown();
	return after > 0;
}

Test(ocpp_crashes_config, nothing_is_lost_or_doubled_wherever_it_dies, .timeout = 120)
{
	uint64_t n = 1;

	while (dies_at(n))
		n++;
	cr_expect_gt(n, 20, "points were passed");
}

/* The same in 2.0.1: each message comes again, and once more out of order. */
static bool v201_dies_at(uint64_t n)
{
	static const char started[] =
		"{\"eventType\":\"Started\",\"seqNo\":0,\"timestamp\":\"2025-01-15T02:00:00Z\",\"triggerReason\":"
		"\"Authorized\",\"transactionInfo\":{\"transactionId\":\"tx-1\",\"chargingState\":\"Charging\"},"
		"\"evse\":{\"id\":1},\"idToken\":{\"idToken\":\"A\",\"type\":\"ISO14443\"},\"meterValue\":[{"
		"\"timestamp\":\"2025-01-15T02:00:00Z\",\"sampledValue\":[{\"value\":100,\"context\":"
		"\"Transaction.Begin\"}]}]}",
			  updated[] =
				  "{\"eventType\":\"Updated\",\"seqNo\":1,\"timestamp\":\"2025-01-15T02:10:00Z\","
				  "\"triggerReason\":\"MeterValuePeriodic\",\"transactionInfo\":{\"transactionId\":"
				  "\"tx-1\"},\"meterValue\":[{\"timestamp\":\"2025-01-15T02:10:00Z\",\"sampledValue\":"
				  "[{\"value\":110}]}]}",
			  ended[] = "{\"eventType\":\"Ended\",\"seqNo\":2,\"timestamp\":\"2025-01-15T02:20:00Z\","
				    "\"triggerReason\":\"EVDeparted\",\"transactionInfo\":{\"transactionId\":\"tx-1\"},"
				    "\"meterValue\":[{\"timestamp\":\"2025-01-15T02:20:00Z\",\"sampledValue\":[{"
				    "\"value\":120,\"context\":\"Transaction.End\"}]}]}";
	size_t after;

	bench_load_as("ocpp2.0.1", "{\"unknownToken\":\"accept\"}");
	host_crash_at(h, "ocpp.0", n);
	insist("BootNotification",
	       "{\"reason\":\"PowerUp\",\"chargingStation\":{\"model\":\"M\",\"vendorName\":\"V\"}}");
	insist("StatusNotification", "{\"timestamp\":\"2025-01-15T01:59:00Z\",\"connectorStatus\":\"Occupied\","
				     "\"evseId\":1,\"connectorId\":1}");
	insist("TransactionEvent", updated);
	insist("TransactionEvent", started);
	insist("TransactionEvent", updated);
	insist("TransactionEvent", ended);
	insist("TransactionEvent", started);
	host_run_ms(h, 10000);
	cr_expect_eq(host_events(h, "galvan.ocpp.v1.StationBooted"), 1, "death %lu", (unsigned long)n);
	cr_expect_eq(host_events(h, EVENT "SessionStarted"), 1, "death %lu", (unsigned long)n);
	cr_expect_eq(host_events(h, EVENT "SessionMetered"), 1, "death %lu", (unsigned long)n);
	cr_expect_eq(host_events(h, EVENT "SessionEnded"), 1, "death %lu", (unsigned long)n);
	cr_expect_eq(host_events(h, EVENT "ConnectorStatusChanged"), 2, "death %lu", (unsigned long)n);
	cr_expect_eq(samples(session(1)), 3);
	cr_expect_eq(number(session(1), "energyWh"), 20);
	cr_expect(!flagged(session(1), "incomplete"));
	after = host_crashes(h);
	bench_teardown();
	return after > 0;
}

Test(ocpp_crashes_config, nor_in_2_0_1, .timeout = 120)
{
	uint64_t n = 1;

	while (v201_dies_at(n))
		n++;
	cr_expect_gt(n, 20, "points were passed");
}
