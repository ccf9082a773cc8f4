/* Quirk row 43: whether a car is plugged in follows from what a charger says and what runs there, however it
 * contradicts itself; what cannot be known is unknown. */
#include "charger.h"

#include <string.h>

TestSuite(ocpp_plugged, BENCH);
TestSuite(ocpp_plugged_v201, BENCH_V201);

static const char *plugged(void)
{
	const cJSON *all = get(ask(CHARGING "ListConnectors", "{\"device\":\"ocpp:CP001\"}"), "connectors");

	return text(cJSON_GetArrayItem(all, 0), "plugged");
}

static void state(const char *status)
{
	char payload[120];

	snprintf(payload, sizeof payload, "{\"connectorId\":1,\"status\":\"%s\",\"errorCode\":\"NoError\"}", status);
	fine("StatusNotification", payload);
}

static void boot(const char *vendor)
{
	char payload[100];

	snprintf(payload, sizeof payload, "{\"chargePointVendor\":\"%s\",\"chargePointModel\":\"M\"}", vendor);
	fine("BootNotification", payload);
}

#define STOP(reason) "\"meterStop\":10,\"timestamp\":\"2025-01-15T03:00:00Z\",\"reason\":\"" reason "\""

Test(ocpp_plugged, states_say_it_in_1_6)
{
	state("Unavailable");
	cr_expect_str_eq(plugged(), "PLUGGED_UNKNOWN", "nothing was said of it yet");
	state("Available");
	cr_expect_str_eq(plugged(), "UNPLUGGED");
	state("Preparing");
	cr_expect_str_eq(plugged(), "PLUGGED");
	state("Faulted");
	cr_expect_str_eq(plugged(), "PLUGGED", "a fault changes nothing of it");
	state("Finishing");
	cr_expect_str_eq(plugged(), "PLUGGED");
	state("Reserved");
	cr_expect_str_eq(plugged(), "UNPLUGGED");
}

Test(ocpp_plugged, a_session_has_a_car_whatever_the_state_says)
{
	int id;

	state("Available");
	id = begin(START("A", T0, "0"));
	cr_expect_str_eq(plugged(), "PLUGGED", "it has not said Preparing");
	cr_expect_str_eq(text(get(event(EVENT "ConnectorStatusChanged", 1), "status"), "plugged"), "PLUGGED");
	state("Charging");
	state("Available");
	cr_expect_str_eq(plugged(), "PLUGGED", "it says Available, and charges");
	cr_expect_eq(met("available-in-use"), 1);
	stop_with(id, STOP("Local"));
	cr_expect_str_eq(plugged(), "UNPLUGGED", "as it says, as soon as nothing contradicts it");
}

Test(ocpp_plugged, a_session_that_the_car_ended_by_leaving_has_none_left)
{
	int id;

	state("Preparing");
	id = begin(START("A", T0, "0"));
	state("Charging");
	stop_with(id, STOP("EVDisconnected"));
	cr_expect_str_eq(plugged(), "UNPLUGGED");
	state("Finishing");
	cr_expect_str_eq(plugged(), "UNPLUGGED", "some stay in Finishing for long");
	state("Preparing");
	cr_expect_str_eq(plugged(), "PLUGGED", "the next one");
}

Test(ocpp_plugged, an_old_stop_says_nothing_of_the_next_car)
{
	int id;

	state("Charging");
	id = begin(START("A", T0, "0"));
	state("Preparing");
	stop_with(id, STOP("EVDisconnected"));
	cr_expect_str_eq(plugged(), "PLUGGED");
}

Test(ocpp_plugged_config, a_profile_says_which_states_do_not_tell, .timeout = 60)
{
	bench_load("{\"unknownToken\":\"accept\",\"profiles\":[{\"vendor\":\"Acme\",\"plug_untold\":[\"Available\","
		   "\"Finishing\"]}]}");
	boot("Acme");
	state("Charging");
	state("Finishing");
	cr_expect_str_eq(plugged(), "PLUGGED_UNKNOWN", "the car may have gone");
	state("Charging");
	state("Available");
	cr_expect_str_eq(plugged(), "PLUGGED_UNKNOWN", "the cable may still be in");
	bench_teardown();
}

Test(ocpp_plugged_config, a_profile_names_states_that_are_said_so, .timeout = 60)
{
	h = host_create(7);
	cr_expect_neq(host_load(h, "ocpp", PLUGINS "/ocpp.so", 1, "{\"profiles\":[{\"plug_untold\":[\"Charging\"]}]}"),
		      0);
	cr_expect(strstr(host_error(h), "profiles[0].plug_untold: \"Charging\""), "%s", host_error(h));
	host_destroy(h);
}

/* ---- 2.0.1 ----------------------------------------------------------------------------------- */

static void plug(int id, const char *status, const char *time)
{
	char payload[200];

	snprintf(payload, sizeof payload,
		 "{\"timestamp\":\"2025-01-15T02:%s:00Z\",\"connectorStatus\":\"%s\",\"evseId\":1,\"connectorId\":%d}",
		 time, status, id);
	fine("StatusNotification", payload);
}

#define CARD "\"evse\":{\"id\":1},\"idToken\":{\"idToken\":\"A\",\"type\":\"ISO14443\"}"
#define CHARGES "\"chargingState\":\"Charging\""

Test(ocpp_plugged_v201, an_occupied_plug_says_it)
{
	plug(1, "Available", "01");
	plug(2, "Available", "01");
	cr_expect_str_eq(plugged(), "UNPLUGGED");
	plug(2, "Occupied", "02");
	cr_expect_str_eq(plugged(), "PLUGGED");
	plug(2, "Unavailable", "03");
	cr_expect_str_eq(plugged(), "PLUGGED", "that says nothing of it");
	plug(2, "Available", "04");
	cr_expect_str_eq(plugged(), "UNPLUGGED");
}

Test(ocpp_plugged_v201, what_charges_is_plugged_in)
{
	plug(1, "Available", "01");
	transaction("Started", 0, "02:10:00", CHARGES, CARD);
	cr_expect_str_eq(plugged(), "PLUGGED");
	cr_expect_eq(met("available-in-use"), 1);
}

Test(ocpp_plugged_v201, foxess_says_available_while_the_cable_is_in)
{
	fine("BootNotification",
	     "{\"reason\":\"PowerUp\",\"chargingStation\":{\"model\":\"A7300\",\"vendorName\":\"FoxESS\"}}");
	plug(1, "Occupied", "01");
	transaction("Started", 0, "02:10:00", CHARGES, CARD);
	plug(1, "Available", "20");
	cr_expect_str_eq(plugged(), "PLUGGED", "it charges");
	transaction("Ended", 1, "02:30:00", "\"stoppedReason\":\"Remote\"", "");
	cr_expect_str_eq(plugged(), "PLUGGED_UNKNOWN", "it would say so either way");
}
