/* An EVSE's state follows from its plugs' and its transaction's, in whatever order these are told. */
#include "charger.h"

#include <string.h>

TestSuite(ocpp_plugs, BENCH_V201);

static void plug(int id, const char *status, const char *time)
{
	char text[200];

	snprintf(text, sizeof text,
		 "{\"timestamp\":\"2025-01-15T%sZ\",\"connectorStatus\":\"%s\",\"evseId\":1,\"connectorId\":%d}", time,
		 status, id);
	fine("StatusNotification", text);
}

static const cJSON *evse(void)
{
	return cJSON_GetArrayItem(get(ask(CHARGING "ListConnectors", "{\"device\":\"ocpp:CP001\"}"), "connectors"), 0);
}

static void is(const char *status)
{
	cr_expect_str_eq(text(evse(), "status"), status);
}

static void charging(const char *type, int number, const char *time, const char *state)
{
	char info[60] = "";

	if (*state)
		snprintf(info, sizeof info, "\"chargingState\":\"%s\"", state);
	transaction(type, number, time, info, number ? "" : "\"evse\":{\"id\":1}");
}

Test(ocpp_plugs, a_whole_charge)
{
	plug(1, "Available", "02:00:00");
	is("Available");
	plug(1, "Occupied", "02:00:10");
	is("Preparing");
	charging("Started", 0, "02:00:11", "EVConnected");
	is("Preparing");
	charging("Updated", 1, "02:00:20", "Charging");
	is("Charging");
	charging("Updated", 2, "02:00:30", "SuspendedEV");
	is("SuspendedEV");
	charging("Updated", 3, "02:00:40", "SuspendedEVSE");
	is("SuspendedEVSE");
	charging("Updated", 4, "02:00:50", "EVConnected");
	is("Finishing");
	charging("Ended", 5, "02:01:00", "");
	is("Finishing");
	plug(1, "Available", "02:01:10");
	is("Available");
	cr_expect_eq(events(EVENT "ConnectorStatusChanged"), 7, "plug and EVSE are told once per change");
}

Test(ocpp_plugs, a_card_comes_before_the_plug)
{
	plug(1, "Available", "02:00:00");
	charging("Started", 0, "02:00:11", "");
	is("Preparing");
	plug(1, "Occupied", "02:00:20");
	charging("Updated", 1, "02:00:20", "Charging");
	is("Charging");
}

Test(ocpp_plugs, an_old_transaction_out_of_the_queue_changes_nothing)
{
	plug(1, "Available", "05:00:00");
	charging("Started", 0, "02:00:11", "Charging");
	is("Available");
	charging("Ended", 1, "02:30:00", "");
	is("Available");
}

Test(ocpp_plugs, the_end_may_come_behind_the_plug)
{
	plug(1, "Occupied", "02:00:00");
	charging("Started", 0, "02:00:11", "Charging");
	plug(1, "Available", "02:30:00");
	charging("Ended", 1, "02:30:01", "");
	is("Available");
	plug(1, "Occupied", "02:40:00");
	is("Preparing");
}

Test(ocpp_plugs, an_evse_with_two_plugs_is_one_connector)
{
	plug(1, "Available", "02:00:00");
	plug(2, "Faulted", "02:00:00");
	is("Available");
	plug(1, "Unavailable", "02:00:10");
	is("Faulted");
	cr_expect_str_eq(text(evse(), "errorCode"), "OtherError");
	plug(1, "Reserved", "02:00:20");
	is("Reserved");
	plug(2, "Occupied", "02:00:30");
	is("Preparing");
	cr_expect_eq(cJSON_GetArraySize(get(evse(), "plugs")), 2);
	cr_expect_str_eq(text(cJSON_GetArrayItem(get(evse(), "plugs"), 0), "status"), "Reserved");
	plug(2, "Available", "02:00:25");
	is("Preparing");
	cp.reply = "{\"status\":\"Unlocked\"}";
	ask(CHARGING "Unlock", "{\"device\":\"ocpp:CP001\",\"connector\":1}");
	cr_expect(strstr(cp.inbox[cp.received - 1], "{\"evseId\":1,\"connectorId\":2}"), "the one that is occupied: %s",
		  cp.inbox[cp.received - 1]);
	ask(CHARGING "Unlock", "{\"device\":\"ocpp:CP001\",\"connector\":1,\"plug\":1}");
	cr_expect(strstr(cp.inbox[cp.received - 1], "{\"evseId\":1,\"connectorId\":1}"));
}
