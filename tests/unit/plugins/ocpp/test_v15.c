/* OCPP 1.5 over WebSocket: its messages have other names and fewer values than 1.6's, and mean the same; stations write
 * them in ways of their own (rows 20, 21, 22 of the quirks). */
#include "charger.h"

#include <string.h>

static void setup(void)
{
	bench_load_as("ocpp1.5", "{\"unknownToken\":\"accept\"}");
	answered("BootNotification", "{\"chargePointVendor\":\"V\",\"chargePointModel\":\"M\"}",
		 "\"heartbeatInterval\":300");
}

TestSuite(ocpp_v15, .init = setup, .fini = bench_teardown, .timeout = 60);

static void values(int id, const char *list)
{
	char request[1000];

	snprintf(request, sizeof request, "{\"connectorId\":1,\"transactionId\":%d,\"values\":%s}", id, list);
	fine("MeterValues", request);
}

#define AT "\"timestamp\":\"2025-01-15T02:20:00Z\""

Test(ocpp_v15, a_session_has_the_samples_of_all_its_messages)
{
	int id = begin(START("CARD", T0, "1000"));

	values(id, "[{" AT ",\"value\":[{\"value\":\"1500\",\"unit\":\"Wh\"}]}]");
	stop_with(id, "\"meterStop\":2000,\"timestamp\":\"2025-01-15T03:00:00Z\",\"transactionData\":[{\"values\":["
		      "{\"timestamp\":\"2025-01-15T02:40:00Z\",\"value\":[{\"value\":\"1700\"}]}]},{\"values\":["
		      "{\"timestamp\":\"2025-01-15T02:50:00Z\",\"value\":[{\"value\":\"1800\"}]}]}]");
	cr_expect_eq(number(session(id), "energyWh"), 1000);
	cr_expect_eq(samples(session(id)), 3);
}

Test(ocpp_v15, row_20_values_may_be_called_values_inside_too)
{
	int id = begin(START("CARD", T0, "1000"));

	values(id, "[{" AT ",\"values\":[{\"value\":\"1500\"}]}]");
	cr_expect_eq(samples(session(id)), 1);
	cr_expect_eq(met("wrong-name"), 1);
}

Test(ocpp_v15, row_21_one_object_may_stand_for_a_list_of_one)
{
	int id = begin(START("CARD", T0, "1000"));

	values(id, "{" AT ",\"value\":{\"value\":\"1500\"}}");
	cr_expect_eq(samples(session(id)), 1);
	cr_expect_eq(met("no-list"), 1);
}

Test(ocpp_v15, row_22_units_and_errors_have_other_names)
{
	int id = begin(START("CARD", T0, "1000"));
	const cJSON *list;

	values(id, "[{" AT ",\"value\":[{\"value\":\"16\",\"measurand\":\"Current.Import\",\"unit\":\"Amp\"},"
		   "{\"value\":\"231\",\"measurand\":\"Voltage\",\"unit\":\"VOLT\"}]}]");
	list = get(session(id), "samples");
	cr_expect_str_eq(text(cJSON_GetArrayItem(list, 0), "unit"), "A");
	cr_expect_str_eq(text(cJSON_GetArrayItem(list, 1), "unit"), "V");
	fine("StatusNotification", "{\"connectorId\":1,\"status\":\"Faulted\",\"errorCode\":\"Mode3Error\"}");
	list = get(ask(CHARGING "ListConnectors", "{\"device\":\"ocpp:CP001\"}"), "connectors");
	cr_expect_str_eq(text(cJSON_GetArrayItem(list, 0), "errorCode"), "EVCommunicationError");
	cr_expect_eq(met("old-value"), 2, "of the samples, and of the state");
}

static const char *state(void)
{
	const cJSON *list;

	fine("StatusNotification", "{\"connectorId\":1,\"status\":\"Occupied\",\"errorCode\":\"NoError\"}");
	list = get(ask(CHARGING "ListConnectors", "{\"device\":\"ocpp:CP001\"}"), "connectors");
	return text(cJSON_GetArrayItem(list, 0), "status");
}

Test(ocpp_v15, occupied_is_charging_where_a_transaction_runs)
{
	cr_expect_str_eq(state(), "Preparing");
	begin(START("CARD", T0, "1000"));
	cr_expect_str_eq(state(), "Charging");
}

Test(ocpp_v15, what_1_5_does_not_have_is_refused_before_it_is_sent)
{
	refused(CHARGING "Trigger", "{\"device\":\"ocpp:CP001\",\"message\":\"Heartbeat\"}", GV_UNIMPLEMENTED,
		"OCPP 1.5");
	refused(OCPP "Call", "{\"device\":\"ocpp:CP001\",\"action\":\"TriggerMessage\"}", GV_INVALID_ARGUMENT,
		"OCPP 1.5");
	refused(CHARGING "Start",
		"{\"device\":\"ocpp:CP001\",\"connector\":1,\"token\":\"T\",\"chargingProfile\":{\"chargingProfileId\":"
		"1,"
		"\"stackLevel\":0,\"chargingProfilePurpose\":\"TxProfile\",\"chargingProfileKind\":\"Relative\","
		"\"chargingSchedule\":{\"chargingRateUnit\":\"A\",\"chargingSchedulePeriod\":[{\"startPeriod\":0,"
		"\"limit\":16"
		"}]}}}",
		GV_INVALID_ARGUMENT, "1.5");
	cr_expect_not(received("TriggerMessage"));
}

Test(ocpp_v15, a_profile_of_security_messages_is_none_of_1_5)
{
	cr_expect(strstr(say("SignCertificate", "{\"csr\":\"x\"}"), "NotImplemented"));
}
