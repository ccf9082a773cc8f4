/* A device that is known and not yet in service: its charger is Pending until the registry says otherwise (1.6, 4.2;
 * 2.0.1, B02). It is configured meanwhile, and begins no sessions. */
#include "charger.h"

#include <string.h>

#define BOOT "{\"chargePointVendor\":\"V\",\"chargePointModel\":\"M\"}"
#define BOOT_V201 "{\"reason\":\"PowerUp\",\"chargingStation\":{\"model\":\"M\",\"vendorName\":\"V\"}}"
#define STATUS "{\"connectorId\":1,\"status\":\"Available\",\"errorCode\":\"NoError\"}"
#define DEVICE "{\"device\":\"ocpp:CP001\"}"

static void registration(const char *value)
{
	char request[160];

	snprintf(request, sizeof request,
		 "{\"device\":{\"id\":\"ocpp:CP001\",\"attributes\":{\"registration\":\"%s\"}}}", value);
	ask("galvan.registry.v1.Registry/PutDevice", request);
	host_settle(h, 100);
}

/* And so it learns: it is asked to boot. */
static void pending(void)
{
	cp.reply = "{\"status\":\"Accepted\"}";
	registration("pending");
	cr_assert(received("\"TriggerMessage\",{\"requestedMessage\":\"BootNotification\"}"));
	bench_forget_frames();
}

static void setup(void)
{
	bench_setup();
	pending();
}

static void setup_v201(void)
{
	bench_setup_v201();
	pending();
}

TestSuite(ocpp_registration, .init = setup, .fini = bench_teardown, .timeout = 60);
TestSuite(ocpp_registration_v201, .init = setup_v201, .fini = bench_teardown, .timeout = 60);

static void kept_out(const char *action, const char *payload)
{
	const char *answer = say(action, payload);

	cr_expect_eq(answer[1], '4', "%s", answer);
	cr_expect(strstr(answer, "SecurityError"), "%s", answer);
}

static const char *shown(void)
{
	return text(cJSON_GetArrayItem(get(ask(OCPP "ListStations", DEVICE), "stations"), 0), "registration");
}

Test(ocpp_registration, a_boot_is_answered_pending_and_comes_again_soon)
{
	answered("BootNotification", BOOT, "{\"status\":\"Pending\",\"currentTime\":\"");
	answered("BootNotification", BOOT, "\"interval\":60}");
	cr_expect_str_eq(shown(), "Pending");
	cr_expect_eq(events("galvan.ocpp.v1.StationBooted"), 1, "who it is is known all the same");
}

Test(ocpp_registration, it_may_say_nothing_that_it_was_not_asked_for)
{
	fine("BootNotification", BOOT);
	kept_out("Heartbeat", "{}");
	kept_out("StatusNotification", STATUS);
	cr_expect_eq(met("calls_while_pending"), 2);
}

Test(ocpp_registration, it_begins_no_sessions_and_no_energy_is_lost)
{
	fine("BootNotification", BOOT);
	kept_out("StartTransaction", START("A", T0, "0"));
	ask(OCPP "ListOrphans", DEVICE);
	cr_expect_str_eq(text(cJSON_GetArrayItem(get(kept, "orphans"), 0), "action"), "StartTransaction");
	cr_expect_eq(events(EVENT "SessionStarted"), 0);
}

Test(ocpp_registration, it_is_started_and_stopped_by_nobody)
{
	fine("BootNotification", BOOT);
	refused(CHARGING "Start", "{\"device\":\"ocpp:CP001\",\"connector\":1,\"token\":\"A\"}", GV_FAILED_PRECONDITION,
		"ocpp:CP001 is pending");
	refused(OCPP "Call",
		"{\"device\":\"ocpp:CP001\",\"action\":\"RemoteStopTransaction\",\"payload\":{\"transactionId\":1}}",
		GV_FAILED_PRECONDITION, "ocpp:CP001 is pending");
}

Test(ocpp_registration, it_is_configured_and_may_say_what_it_is_triggered_to)
{
	fine("BootNotification", BOOT);
	ask(CHARGING "SetConfiguration", "{\"device\":\"ocpp:CP001\",\"key\":\"HeartbeatInterval\",\"value\":\"60\"}");
	cr_expect(received("ChangeConfiguration"));
	ask(OCPP "Call", "{\"device\":\"ocpp:CP001\",\"action\":\"TriggerMessage\",\"payload\":{\"requestedMessage\":"
			 "\"StatusNotification\",\"connectorId\":1}}");
	fine("StatusNotification", STATUS);
	kept_out("StartTransaction", START("A", T0, "0"));
	host_run_ms(h, 61000);
	kept_out("StatusNotification", STATUS);
}

Test(ocpp_registration, put_into_service_it_is_asked_to_boot_and_accepted)
{
	fine("BootNotification", BOOT);
	registration("");
	cr_expect(received("\"TriggerMessage\",{\"requestedMessage\":\"BootNotification\"}"));
	answered("BootNotification", BOOT, "\"status\":\"Accepted\"");
	cr_expect_str_eq(shown(), "Accepted");
	fine("Heartbeat", "{}");
	begin(START("A", T0, "0"));
}

Test(ocpp_registration, it_is_pending_after_a_crash_and_in_its_next_connection)
{
	host_crash(h, "ocpp.0");
	host_settle(h, 2000);
	kept_out("Heartbeat", "{}");
	host_station_drop(cp.station);
	host_run_ms(h, 100);
	host_station_connect(cp.station);
	host_run_ms(h, 100);
	kept_out("Heartbeat", "{}");
}

Test(ocpp_registration_late, a_session_that_runs_as_it_becomes_pending_ends_as_any, .timeout = 60)
{
	int id;

	bench_setup();
	id = begin(START("A", T0, "0"));
	registration("pending");
	meter(id, "2025-01-15T02:20:00Z", "500");
	stop_with(id, "\"meterStop\":1000,\"timestamp\":\"2025-01-15T03:00:00Z\"");
	cr_expect_str_eq(text(session(id), "energyWh"), "1000");
	kept_out("StartTransaction", START("A", "2025-01-15T03:10:00Z", "0"));
	bench_teardown();
}

Test(ocpp_registration_late, a_charger_of_1_5_knows_no_pending_and_is_rejected_meanwhile, .timeout = 60)
{
	bench_load_as("ocpp1.5", "{\"pendingRetryS\":30}");
	registration("pending");
	answered("BootNotification", BOOT, "\"status\":\"Rejected\"");
	answered("BootNotification", BOOT, "\"heartbeatInterval\":30");
	bench_teardown();
}

Test(ocpp_registration_v201, it_may_report_what_it_is_asked_to)
{
	answered("BootNotification", BOOT_V201, "\"status\":\"Pending\"");
	kept_out("NotifyEvent", "{\"generatedAt\":\"2025-01-15T02:10:00Z\",\"seqNo\":0,\"eventData\":[]}");
	host_call_later(h, NULL, OCPP "RefreshVariables", DEVICE);
	host_run_ms(h, 1000);
	cr_assert(received("GetBaseReport"));
	fine("NotifyReport", "{\"requestId\":1,\"generatedAt\":\"2025-01-15T02:10:00Z\",\"seqNo\":0}");
}

Test(ocpp_registration_v201, its_transactions_wait_until_it_is_accepted)
{
	const char *event =
		"{\"eventType\":\"Started\",\"seqNo\":0,\"timestamp\":\"2025-01-15T02:10:00Z\",\"triggerReason\":"
		"\"CablePluggedIn\",\"transactionInfo\":{\"transactionId\":\"tx-1\"},\"evse\":{\"id\":1},"
		"\"idToken\":{\"idToken\":\"A\",\"type\":\"ISO14443\"}}";

	fine("BootNotification", BOOT_V201);
	kept_out("TransactionEvent", event);
	registration("");
	fine("BootNotification", BOOT_V201);
	fine("TransactionEvent", event);
	cr_expect_eq(events(EVENT "SessionStarted"), 1, "the charger says it again, and it counts");
}
