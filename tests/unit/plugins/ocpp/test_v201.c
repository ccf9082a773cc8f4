/* OCPP 2.0.1: what chargers call but for transactions, what is asked of them, and what becomes of bad frames. */
#include "charger.h"

#include <string.h>

TestSuite(ocpp_v201, BENCH_V201);

Test(ocpp_v201, a_boot_is_accepted_and_told)
{
	const cJSON *s;

	answered("BootNotification",
		 "{\"reason\":\"PowerUp\",\"chargingStation\":{\"model\":\"M\",\"vendorName\":\"V\",\"serialNumber\":"
		 "\"S1\",\"firmwareVersion\":\"1.2\",\"modem\":{\"iccid\":\"89\",\"imsi\":\"26\"}}}",
		 "\"status\":\"Accepted\",\"currentTime\":\"");
	s = get(event("galvan.ocpp.v1.StationBooted", 0), "station");
	cr_expect_str_eq(text(s, "vendor"), "V");
	cr_expect_str_eq(text(s, "chargePointSerial"), "S1");
	cr_expect_str_eq(text(s, "iccid"), "89");
	cr_expect_str_eq(text(s, "bootReason"), "PowerUp");
	cr_expect_str_eq(text(s, "version"), "OCPP 2.0.1");
	answered("Heartbeat", "{}", "\"currentTime\":\"");
}

Test(ocpp_v201, authorize_says_more_than_1_6_can)
{
	answered("Authorize", "{\"idToken\":{\"idToken\":\"blocked1\",\"type\":\"ISO14443\"}}",
		 ",{\"idTokenInfo\":{\"status\":\"Blocked\"}}]");
	answered("Authorize", "{\"idToken\":{\"idToken\":\"any\",\"type\":\"ISO14443\"}}", "\"Accepted\"");
	answered("Authorize",
		 "{\"idToken\":{\"idToken\":\"any\",\"type\":\"eMAID\"},\"iso15118CertificateHashData\":[{"
		 "\"hashAlgorithm\":\"SHA256\",\"issuerNameHash\":\"a\",\"issuerKeyHash\":\"b\",\"serialNumber\":\"1\","
		 "\"responderURL\":\"http://x\"}]}",
		 "{\"idTokenInfo\":{\"status\":\"Invalid\"},\"certificateStatus\":\"NoCertificateAvailable\"}");
}

Test(ocpp_v201_config, an_unknown_token_is_unknown, .timeout = 60)
{
	bench_load_as("ocpp2.0.1", "{}");
	answered("Authorize", "{\"idToken\":{\"idToken\":\"any\",\"type\":\"ISO14443\"}}", "\"status\":\"Unknown\"");
	answered("Authorize", "{\"idToken\":{\"idToken\":\"1234\",\"type\":\"KeyCode\"}}", "\"status\":\"Invalid\"");
	bench_teardown();
}

Test(ocpp_v201, notifications_are_told)
{
	fine("SecurityEventNotification",
	     "{\"type\":\"SettingSystemTime\",\"timestamp\":\"2025-01-15T02:00:00Z\",\"techInfo\":\"t\"}");
	cr_expect_str_eq(text(event("galvan.ocpp.v1.StationNotified", 0), "status"), "SettingSystemTime");
	fine("LogStatusNotification", "{\"status\":\"Uploaded\",\"requestId\":7}");
	fine("FirmwareStatusNotification", "{\"status\":\"Installed\",\"requestId\":8}");
	fine("PublishFirmwareStatusNotification",
	     "{\"status\":\"Published\",\"location\":[\"http://x/fw\"],\"requestId\":9}");
	cr_expect_str_eq(text(event("galvan.ocpp.v1.StationNotified", 3), "detail"), "http://x/fw");
	fine("ReservationStatusUpdate", "{\"reservationId\":3,\"reservationUpdateStatus\":\"Expired\"}");
	cr_expect_eq(number(event("galvan.ocpp.v1.StationNotified", 4), "requestId"), 3);
	ask(OCPP "ListStations", "{\"device\":\"ocpp:CP001\"}");
	cr_expect_str_eq(text(cJSON_GetArrayItem(get(kept, "stations"), 0), "logStatus"), "Uploaded");
}

Test(ocpp_v201, data_of_any_type_is_transferred)
{
	answered("DataTransfer", "{\"vendorId\":\"other\"}", "UnknownVendorId");
	answered("DataTransfer", "{\"vendorId\":\"v\",\"data\":\"text\"}", "Accepted");
	cr_expect_str_eq(text(event("galvan.ocpp.v1.DataTransferred", 0), "data"), "text");
	answered("DataTransfer", "{\"vendorId\":\"v\",\"data\":{\"a\":[1,null]}}", "Accepted");
	cr_expect_str_eq(text(event("galvan.ocpp.v1.DataTransferred", 1), "data"), "{\"a\":[1,null]}");
}

Test(ocpp_v201, what_is_not_configured_fails_in_the_messages_own_words)
{
	answered("Get15118EVCertificate",
		 "{\"iso15118SchemaVersion\":\"v\",\"action\":\"Install\",\"exiRequest\":\"e\"}",
		 "{\"status\":\"Failed\",\"exiResponse\":\"\",\"statusInfo\":{\"reasonCode\":\"NoContractPool\"");
}

#define PROFILE                                                                                                        \
	"{\"chargingProfileId\":1,\"stackLevel\":0,\"chargingProfilePurpose\":\"TxProfile\",\"chargingProfileKind\":"  \
	"\"Relative\",\"chargingSchedule\":{\"chargingRateUnit\":\"A\",\"chargingSchedulePeriod\":[{\"startPeriod\":"  \
	"0,\"limit\":32}]}}"

Test(ocpp_v201, orders_are_given_in_its_words)
{
	cp.reply = "{\"status\":\"Accepted\"}";
	ask(CHARGING "Start",
	    "{\"device\":\"ocpp:CP001\",\"connector\":2,\"token\":\"a token of more than 20 char\",\"chargingProfile\":"
	    "" PROFILE "}");
	cr_expect(strstr(cp.inbox[0], "\"RequestStartTransaction\",{\"evseId\":2,\"idToken\":{\"idToken\":\"a token of "
				      "more than 20 char\",\"type\":\"Central\"},\"remoteStartId\":"),
		  "%s", cp.inbox[0]);
	cr_expect(strstr(cp.inbox[0], "\"chargingProfile\":{\"id\":1,\"stackLevel\":0,\"chargingProfilePurpose\":"
				      "\"TxProfile\",\"chargingProfileKind\":\"Relative\",\"chargingSchedule\":[{"
				      "\"id\":0,\"chargingRateUnit\":\"A\",\"chargingSchedulePeriod\":[{\"startPeriod\""
				      ":0,\"limit\":32}]}]}"),
		  "%s", cp.inbox[0]);
	ask(CHARGING "Reset", "{\"device\":\"ocpp:CP001\",\"hard\":true}");
	cr_expect(strstr(cp.inbox[1], "\"Reset\",{\"type\":\"Immediate\"}"));
	ask(CHARGING "Reset", "{\"device\":\"ocpp:CP001\"}");
	cr_expect(strstr(cp.inbox[2], "\"Reset\",{\"type\":\"OnIdle\"}"));
	ask(CHARGING "SetAvailability", "{\"device\":\"ocpp:CP001\",\"connector\":1}");
	cr_expect(strstr(cp.inbox[3], "{\"evse\":{\"id\":1},\"operationalStatus\":\"Inoperative\"}"));
	ask(CHARGING "SetAvailability", "{\"device\":\"ocpp:CP001\",\"operative\":true}");
	cr_expect(strstr(cp.inbox[4], "{\"operationalStatus\":\"Operative\"}"));
	ask(CHARGING "Trigger", "{\"device\":\"ocpp:CP001\",\"message\":\"DiagnosticsStatusNotification\"}");
	cr_expect(strstr(cp.inbox[5], "\"TriggerMessage\",{\"requestedMessage\":\"LogStatusNotification\"}"));
	ask(CHARGING "ClearCache", "{\"device\":\"ocpp:CP001\"}");
	ask(CHARGING "Unlock", "{\"device\":\"ocpp:CP001\",\"connector\":1}");
	cr_expect(strstr(cp.inbox[7], "{\"evseId\":1,\"connectorId\":1}"));
	refused(CHARGING "Trigger", "{\"device\":\"ocpp:CP001\",\"message\":\"Nothing\"}", GV_INVALID_ARGUMENT,
		"requestedMessage cannot be \"Nothing\"");
	cr_expect_eq(cp.received, 8);
}

static void starts_as(const char *request, const char *token)
{
	bench_forget_frames();
	ask(CHARGING "Start", request);
	cr_expect(received(token), "%s: %s", request, cp.inbox[0]);
}

Test(ocpp_v201_config, a_start_says_what_the_token_is_made_of, .fini = bench_teardown, .timeout = 60)
{
	bench_load_as("ocpp2.0.1",
		      "{\"localList\":\"off\",\"tags\":[{\"id\":\"CARD\"},{\"id\":\"TAG\",\"type\":\"ISO15693\"}]}");
	cp.reply = "{\"status\":\"Accepted\"}";
	starts_as("{\"device\":\"ocpp:CP001\",\"token\":\"q-order\"}",
		  "{\"idToken\":\"q-order\",\"type\":\"Central\"}");
	starts_as("{\"device\":\"ocpp:CP001\",\"token\":\"card\"}", "{\"idToken\":\"card\",\"type\":\"ISO14443\"}");
	starts_as("{\"device\":\"ocpp:CP001\",\"token\":\"TAG\"}", "{\"idToken\":\"TAG\",\"type\":\"ISO15693\"}");
	starts_as("{\"device\":\"ocpp:CP001\",\"token\":\"1234\",\"tokenType\":\"KeyCode\"}",
		  "{\"idToken\":\"1234\",\"type\":\"KeyCode\"}");
	refused(CHARGING "Start", "{\"device\":\"ocpp:CP001\",\"token\":\"A\",\"tokenType\":\"RFID\"}",
		GV_INVALID_ARGUMENT, "tokenType");
}

Test(ocpp_v201, any_action_can_be_called)
{
	cp.reply = "{\"getVariableResult\":[{\"attributeStatus\":\"Accepted\",\"attributeValue\":\"1\",\"component\":{"
		   "\"name\":\"C\"},\"variable\":{\"name\":\"V\"}}]}";
	ask(OCPP "Call", "{\"device\":\"ocpp:CP001\",\"action\":\"GetVariables\",\"payload\":{\"getVariableData\":[{"
			 "\"component\":{\"name\":\"C\"},\"variable\":{\"name\":\"V\"}}]}}");
	cr_expect_str_eq(text(cJSON_GetArrayItem(get(get(kept, "payload"), "getVariableResult"), 0), "attributeValue"),
			 "1");
	refused(OCPP "Call", "{\"device\":\"ocpp:CP001\",\"action\":\"GetConfiguration\"}", GV_INVALID_ARGUMENT,
		"OCPP 2.0.1");
	host_station_drop(cp.station);
	host_settle(h, 100);
	refused(OCPP "Call", "{\"device\":\"ocpp:CP001\",\"action\":\"GetTransactionStatus\"}", GV_UNAVAILABLE,
		"not connected");
}

Test(ocpp_v201, bad_frames_are_answered_as_2_0_1_says)
{
	struct {
		const char *frame, *answer;
	} bad[] = {
		{ "no JSON", "[4,\"-1\",\"RpcFrameworkError\"," },
		{ "{}", "[4,\"-1\",\"RpcFrameworkError\"," },
		{ "[2,\"42\",\"Heartbeat\",{", "[4,\"42\",\"FormatViolation\"," },
		{ "[2,\"43\",\"Heartbeat\",[]]", "[4,\"43\",\"FormatViolation\"," },
		{ "[7,\"44\",\"Heartbeat\",{}]", "[4,\"44\",\"MessageTypeNotSupported\"," },
		{ "[2,\"45\",\"Nothing\",{}]", "[4,\"45\",\"NotImplemented\"," },
		{ "[2,\"46\",\"Reset\",{}]", "[4,\"46\",\"NotSupported\"," },
		{ "[2,\"47\",\"Authorize\",{\"idToken\":5}]", "[4,\"47\",\"TypeConstraintViolation\"," },
		{ "[2,\"48\",\"BootNotification\",{\"reason\":\"PowerUp\"}]",
		  "[4,\"48\",\"OccurrenceConstraintViolation\"," },
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		raw(bad[i].frame);
		host_settle(h, 100);
		cr_assert_eq(cp.received, i + 1, "%s is answered", bad[i].frame);
		cr_expect(!strncmp(cp.inbox[i], bad[i].answer, strlen(bad[i].answer)), "%s: %s", bad[i].frame,
			  cp.inbox[i]);
	}
	raw("[3,{},{}]");
	host_settle(h, 100);
	cr_expect_eq(cp.received, sizeof bad / sizeof bad[0], "nobody answers an answer");
	fine("Heartbeat", "{}");
}

/* csms quirk 3: refused, and noted. */
Test(ocpp_v201, a_charger_that_speaks_another_version_than_it_agreed_to_is_noted)
{
	answered("BootNotification", "{\"chargePointVendor\":\"V\",\"chargePointModel\":\"M\"}",
		 "OccurrenceConstraintViolation");
	answered("StartTransaction", START("A", T0, "0"), "NotImplemented");
	ask(OCPP "ListStations", "{\"device\":\"ocpp:CP001\"}");
	cr_expect_str_eq(
		cJSON_GetArrayItem(get(cJSON_GetArrayItem(get(kept, "stations"), 0), "quirks"), 0)->valuestring,
		"other-version");
	cr_expect_eq(met("other-version"), 2);
}

/* csms quirk 2. */
Test(ocpp_v201, what_waits_for_a_charger_is_not_sent_in_a_version_that_it_has_left)
{
	struct host_answer *first, *second;

	first = host_call_later(h, NULL, OCPP "Call", "{\"device\":\"ocpp:CP001\",\"action\":\"ClearCache\"}");
	second = host_call_later(h, NULL, CHARGING "Reset", "{\"device\":\"ocpp:CP001\"}");
	host_settle(h, 100);
	cr_assert_eq(cp.received, 1);
	bench_connect("ocpp1.6");
	host_settle(h, 100);
	cr_expect(first->done && second->done);
	cr_expect_eq(second->code, GV_UNAVAILABLE, "%s", second->error);
	cr_expect_eq(cp.received, 1, "nothing was sent");
}
