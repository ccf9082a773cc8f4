/* What a charger says besides sessions: boots, tags, statuses, and what is no OCPP at all. */
#include "charger.h"

#include <string.h>

TestSuite(ocpp_messages, BENCH);

Test(ocpp_messages, a_boot_is_accepted_and_told)
{
	answered("BootNotification",
		 "{\"chargePointVendor\":\"V\",\"chargePointModel\":\"M\",\"firmwareVersion\":\"1.2\"}",
		 "\"status\":\"Accepted\"");
	cr_expect(strstr(cp.inbox[0], "\"interval\":300"));
	cr_expect(strstr(cp.inbox[0], "Z\""), "%s: UTC, with a Z", cp.inbox[0]);
	cr_expect_eq(events("galvan.ocpp.v1.StationBooted"), 1);
	cr_expect_str_eq(text(get(event("galvan.ocpp.v1.StationBooted", 0), "station"), "vendor"), "V");
	ask(OCPP "ListStations", "{}");
	cr_expect_str_eq(text(cJSON_GetArrayItem(get(kept, "stations"), 0), "firmware"), "1.2");
	cr_expect(cJSON_IsTrue(get(cJSON_GetArrayItem(get(kept, "stations"), 0), "online")));
}

Test(ocpp_messages, traffic_before_a_boot_is_served)
{
	answered("Heartbeat", "{}", "currentTime");
}

Test(ocpp_messages, every_call_of_a_charger_has_an_answer)
{
	fine("Heartbeat", "null");
	fine("FirmwareStatusNotification", "{\"status\":\"Installed\"}");
	fine("DiagnosticsStatusNotification", "{\"status\":\"Uploaded\"}");
	fine("LogStatusNotification", "{\"status\":\"Idle\",\"requestId\":5}");
	fine("SignedFirmwareStatusNotification", "{\"status\":\"Installing\",\"requestId\":6}");
	fine("SecurityEventNotification", "{\"type\":\"FirmwareUpdated\",\"timestamp\":\"" T0 "\"}");
	answered("SignCertificate", "{\"csr\":\"x\"}", "Rejected");
	answered("DataTransfer", "{\"vendorId\":\"com.example\"}", "UnknownVendorId");
	cr_expect_eq(events("galvan.ocpp.v1.StationNotified"), 5);
	cr_expect_str_eq(text(event("galvan.ocpp.v1.StationNotified", 3), "requestId"), "6");
}

Test(ocpp_messages, bad_input_gets_the_right_error_and_keeps_the_connection)
{
	answered("Foo", "{}", "NotImplemented");
	answered("RemoteStartTransaction", "{}", "NotSupported");
	answered("Authorize", "{\"idTag\":5}", "TypeConstraintViolation");
	answered("Authorize", "{}", "ProtocolError");
	answered("StatusNotification", "{\"connectorId\":100000,\"errorCode\":\"NoError\",\"status\":\"Available\"}",
		 "PropertyConstraintViolation");
	answered("Heartbeat", "[]", "FormationViolation");
	raw("[2,\"broken\",\"Heartbeat\",{");
	raw("nonsense");
	raw("");
	raw("[9,\"x\"]");
	raw("[3,\"nobody-asked\",{}]");
	raw("[4,\"nobody-asked\",\"GenericError\",\"\",{}]");
	host_settle(h, 100);
	cr_expect_str_eq(cp.inbox[cp.received - 1],
			 "[4,\"broken\",\"FormationViolation\",\"the frame is not JSON\",{}]");
	fine("Heartbeat", "{}");
}

Test(ocpp_messages, a_binary_frame_closes)
{
	host_station_send(cp.station, GV_BINARY, "[2,\"a\",\"Heartbeat\",{}]", 23);
	host_settle(h, 100);
	cr_expect(!host_station_connected(cp.station));
	cr_expect_eq(cp.code, 1003);
}

Test(ocpp_messages, tags_of_the_config_decide_whatever_their_case)
{
	answered("Authorize", "{\"idTag\":\"bLOCKED1\"}", "\"Blocked\"");
	answered("Authorize", "{\"idTag\":\"family\"}", "{\"status\":\"Accepted\",\"parentIdTag\":\"P\\\"1\"}");
	answered("Authorize", "{\"idTag\":\"stranger\"}", "\"Accepted\"");
}

Test(ocpp_messages, a_status_is_told_when_it_changes)
{
#define STATUS(s, time) "{\"connectorId\":1,\"errorCode\":\"NoError\",\"status\":\"" s "\",\"timestamp\":\"" time "\"}"
	fine("StatusNotification", STATUS("Available", "2025-01-15T02:00:00Z"));
	fine("StatusNotification", STATUS("Available", "2025-01-15T02:01:00Z"));
	fine("StatusNotification", STATUS("Charging", "2025-01-15T02:02:00Z"));
	cr_expect_eq(events(EVENT "ConnectorStatusChanged"), 2);
	cr_expect_str_eq(text(get(event(EVENT "ConnectorStatusChanged", 1), "status"), "status"), "Charging");
	fine("StatusNotification", STATUS("Preparing", "2025-01-15T02:01:30Z"));
	cr_expect_eq(events(EVENT "ConnectorStatusChanged"), 2, "what is older than what is known changes nothing");
	fine("StatusNotification", "{\"connectorId\":1,\"errorCode\":\"NoError\",\"status\":\"Finishing\"}");
	cr_expect_eq(events(EVENT "ConnectorStatusChanged"), 3);
	ask(CHARGING "ListConnectors", "{\"device\":\"ocpp:CP001\"}");
	cr_expect_str_eq(text(cJSON_GetArrayItem(get(kept, "connectors"), 0), "status"), "Finishing");
}

Test(ocpp_messages_config, unknown_tags_are_refused_and_their_energy_recorded, .init = NULL, .timeout = 60)
{
	int id;

	bench_load("{\"unknownToken\":\"refuse\",\"tags\":[{\"id\":\"KNOWN\"}]}");
	answered("Authorize", "{\"idTag\":\"stranger\"}", "\"Invalid\"");
	answered("Authorize", "{\"idTag\":\"known\"}", "\"Accepted\"");
	id = begin(START("stranger", T0, "100"));
	cr_expect(strstr(cp.inbox[cp.received - 1], "\"Invalid\""));
	stop_with(id, "\"meterStop\":150,\"timestamp\":\"" T0 "\",\"reason\":\"DeAuthorized\"");
	cr_expect_str_eq(text(session(id), "tokenStatus"), "Invalid");
	cr_expect_eq(number(session(id), "energyWh"), 50);
	bench_teardown();
}
