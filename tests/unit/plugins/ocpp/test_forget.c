/* A device that the registry has deleted leaves nothing behind but its sessions, and one that is created again under
 * its name begins anew. */
#include "model.h"

#include <string.h>

#define REGISTRY "galvan.registry.v1.Registry/"
#define CONNECTOR "{\"connectorId\":1,\"status\":\"Charging\",\"errorCode\":\"NoError\"}"

static void put_device(void)
{
	ask(REGISTRY "PutDevice", "{\"device\":{\"id\":\"ocpp:CP001\"}}");
	host_settle(h, 100);
}

static void delete_device(void)
{
	ask(REGISTRY "DeleteDevice", "{\"id\":\"ocpp:CP001\"}");
	host_settle(h, 1000);
}

static void setup(void)
{
	bench_setup();
	put_device();
}

static void setup_v201(void)
{
	bench_setup_v201();
	put_device();
}

TestSuite(ocpp_forget, .init = setup, .fini = bench_teardown, .timeout = 60);
TestSuite(ocpp_forget_v201, .init = setup_v201, .fini = bench_teardown, .timeout = 60);

static void come_back(void)
{
	bench_forget_frames();
	host_station_connect(cp.station);
	host_run_ms(h, 100);
	cr_assert(host_station_connected(cp.station));
}

/* Tables in which something is kept by a device's name. */
static const char *const tables[] = {
	"stations",
	"connectors",
	"meter_readings",
	"profiles",
	"abilities",
	"limits",
	"cars",
	"undelivered",
	"device_lists",
	"reservations",
	"reservation_ends",
	"requests",
	"stuck",
	"soap",
	"variables",
	"models",
	"reports",
	"report_parts",
	"monitors",
	"device_events",
	"device_event_digests",
	"displays",
	"command_log",
	"commands",
	"orphans",
	"security_events",
	"security_by_device",
	"transfers",
	"transfer_tokens",
	"messages",
	"message_packs",
	"active",
	"progress",
	"forgotten",
};

static void expect_nothing(void)
{
	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
		cr_expect_eq(rows(tables[i]), 0, "%s: %zu", tables[i], rows(tables[i]));
}

static void leave_traces(void)
{
	char reserve[200];

	cp.reply = "{\"status\":\"Accepted\",\"configurationKey\":[]}";
	fine("BootNotification", "{\"chargePointVendor\":\"V\",\"chargePointModel\":\"M\"}");
	fine("StatusNotification", CONNECTOR);
	fine("MeterValues",
	     "{\"connectorId\":0,\"meterValue\":[{\"timestamp\":\"" T0 "\",\"sampledValue\":[{\"value\":\"1\"}]}]}");
	fine("StopTransaction", "{\"transactionId\":77,\"meterStop\":5,\"timestamp\":\"" T0 "\"}");
	fine("SecurityEventNotification", "{\"type\":\"TamperDetectionActivated\",\"timestamp\":\"" T0 "\"}");
	ask(CHARGING "SetLimit", "{\"device\":\"ocpp:CP001\",\"periods\":[{\"currentMa\":16000}]}");
	snprintf(reserve, sizeof reserve,
		 "{\"device\":\"ocpp:CP001\",\"connector\":2,\"token\":\"A\",\"expiresAtMs\":\"%lld\"}",
		 (long long)host_now_ms(h) + 3600000);
	ask(CHARGING "Reserve", reserve);
	ask(CHARGING "Start", "{\"device\":\"ocpp:CP001\",\"connector\":3,\"token\":\"A\"}");
	ask(OCPP "Call", "{\"device\":\"ocpp:CP001\",\"action\":\"ClearCache\"}");
}

Test(ocpp_forget, all_of_it_but_its_sessions)
{
	int id;

	leave_traces();
	id = begin(START("A", T0, "1000"));
	meter(id, "2025-01-15T02:20:00Z", "1500");
	cr_expect_gt(rows("messages"), 0);
	delete_device();
	cr_expect(!host_station_connected(cp.station));
	cr_expect_eq(rows("forgotten"), 1, "late frames of its connection are awaited");
	host_run_ms(h, 61000);
	expect_nothing();
	cr_expect_eq(cJSON_GetArraySize(get(ask(OCPP "ListMessages", "{\"device\":\"ocpp:CP001\"}"), "messages")), 0,
		     "nor in memory");
	cr_expect_eq(cJSON_GetArraySize(get(ask(OCPP "ListStations", "{}"), "stations")), 0);
	cr_expect_eq(number(session(id), "energyWh"), 500, "the session that ran has ended from its last meter value");
	cr_expect_str_eq(text(session(id), "state"), "ENDED");
	cr_expect(flagged(session(id), "device-deleted"));
	cr_expect_eq(samples(session(id)), 1);
	cr_expect_eq(events(EVENT "SessionEnded"), 1);
	cr_expect_str_eq(text(get(event(EVENT "ReservationChanged", 1), "reservation"), "state"), "LOST");
}

Test(ocpp_forget, whoever_waits_is_told)
{
	struct host_answer *call, *queued;

	call = host_call_later(h, NULL, OCPP "Call", "{\"device\":\"ocpp:CP001\",\"action\":\"ClearCache\"}");
	queued = host_call_later(h, NULL, CHARGING "SetLimit",
				 "{\"device\":\"ocpp:CP001\",\"periods\":[{\"currentMa\":16000}]}");
	host_settle(h, 100);
	delete_device();
	cr_expect(call->done && call->code != GV_OK, "%s", call->error);
	cr_expect(queued->done && queued->code != GV_OK, "%s", queued->error);
	host_run_ms(h, 61000);
	expect_nothing();
}

Test(ocpp_forget, what_is_still_on_its_way_makes_no_new_rows)
{
	fine("StatusNotification", CONNECTOR);
	host_call_later(h, NULL, REGISTRY "DeleteDevice", "{\"id\":\"ocpp:CP001\"}");
	while (host_station_connected(cp.station)) {
		raw("[2,\"late\",\"StatusNotification\"," CONNECTOR "]");
		for (int i = 0; i < 5; i++)
			host_step(h);
		bench_forget_frames();
	}
	host_settle(h, 1000);
	host_run_ms(h, 61000);
	expect_nothing();
}

Test(ocpp_forget, one_that_is_created_again_is_not_who_it_was)
{
	int before = begin(START("A", T0, "0")), after;

	leave_traces();
	stop_with(before, "\"meterStop\":30,\"timestamp\":\"2025-01-15T02:30:00Z\"");
	delete_device();
	put_device();
	come_back();
	cr_expect_eq(rows("connectors"), 0);
	cr_expect_eq(cJSON_GetArraySize(get(ask(OCPP "ListMessages", "{\"device\":\"ocpp:CP001\"}"), "messages")), 0);
	after = begin(START("A", T0, "0"));
	cr_expect_neq(after, before, "the same start is another charger's");
	cr_expect_eq(begin(START("A", T0, "0")), after, "and once there, it is the same");
	host_run_ms(h, 61000);
	cr_expect_str_eq(text(session(after), "state"), "ACTIVE");
	cr_expect_eq(number(session(before), "energyWh"), 30);
	cr_expect_eq(rows("forgotten"), 0);
	cr_expect_gt(rows("messages"), 0, "what it says from now on is kept");
}

Test(ocpp_forget_v201, a_name_of_a_transaction_may_come_again)
{
	transaction("Started", 0, "02:00:00", "", "\"evse\":{\"id\":1}");
	transaction("Ended", 1, "02:10:00", "", "");
	report(1, 0, false, VARIABLE("C", "V", "1"));
	cr_expect_gt(rows("variables"), 0);
	delete_device();
	put_device();
	come_back();
	cr_expect_eq(rows("variables"), 0);
	transaction("Started", 0, "03:00:00", "", "\"evse\":{\"id\":1}");
	transaction("Updated", 1, "03:10:00", "", "");
	ask(CHARGING "ListSessions", "{\"device\":\"ocpp:CP001\"}");
	cr_expect_eq(cJSON_GetArraySize(get(kept, "sessions")), 2);
}

Test(ocpp_forget, a_restart_amid_it_loses_nothing_of_the_work)
{
	leave_traces();
	host_crash(h, "ocpp.0");
	host_settle(h, 5000);
	ask(REGISTRY "DeleteDevice", "{\"id\":\"ocpp:CP001\"}");
	host_crash(h, "ocpp.0");
	host_settle(h, 5000);
	host_run_ms(h, 61000);
	expect_nothing();
}

Test(ocpp_forget, more_rows_than_go_in_one_turn)
{
	fine("BootNotification", "{\"chargePointVendor\":\"V\",\"chargePointModel\":\"M\"}");
	for (int i = 0; i < 1100; i++) {
		fine("StatusNotification", CONNECTOR);
		bench_forget_frames();
		host_run_ms(h, 600);
	}
	cr_expect_gt(rows("messages"), 1900);
	delete_device();
	put_device();
	come_back();
	fine("StatusNotification", CONNECTOR);
	host_run_ms(h, 1000);
	cr_expect_eq(rows("messages"), 2, "what the new one said, and was told: %zu", rows("messages"));
	cr_expect_eq(rows("forgotten"), 0);
}
