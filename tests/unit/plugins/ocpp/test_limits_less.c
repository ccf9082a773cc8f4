/* Chargers that take less than all: one stack level, some purposes, one unit, few periods, no profiles at all. */
#include "smart.h"

#include <string.h>

TestSuite(ocpp_limits_less, SMART_BENCH);

/* ---- chargers that take less ----------------------------------------------------------------- */

Test(ocpp_limits_less, a_charger_with_level_0_only_gets_the_fallback_in_the_same_profile)
{
	smart.level_zero_only = true;
	smart.settings = "[]";
	cr_expect_str_eq(
		smart_limit("\"connector\":1," AMPERES(16000) ",\"validS\":300,\"fallback\":{\"currentMa\":6000}"),
		"Accepted");
	cr_expect_eq(smart_profiles(), 1);
	SECONDS(290);
	cr_expect_eq(smart_now(1), 160);
	SECONDS(20);
	cr_expect_eq(smart_now(1), 60);
	smart.set = 0;
	smart_limit("\"connector\":1," AMPERES(10000) ",\"validS\":300,\"fallback\":{\"currentMa\":6000}");
	cr_expect_eq(smart.set, 1, "what it does not take is not tried again");
	cr_expect_eq(met("refuses-profiles"), 1);
}

Test(ocpp_limits_less, where_the_maximum_is_refused_each_connector_gets_its_share)
{
	smart_connectors(2);
	smart.refuses = "ChargePointMaxProfile";
	cr_expect_str_eq(smart_limit(AMPERES(20000)), "Accepted");
	cr_expect_eq(smart_now(1), 100);
	cr_expect_eq(smart_now(2), 100);
	smart.set = 0;
	smart_limit(AMPERES(24000));
	cr_expect_eq(smart_now(1), 120);
	cr_expect_eq(smart.set, 1, "at once in the way that it takes");
	cr_expect_eq(met("refuses-profiles"), 1);
}

Test(ocpp_limits_less, a_charger_that_takes_profiles_of_sessions_only_gets_them)
{
	smart_begin(1);
	smart.refuses = "ChargePointMaxProfile TxDefaultProfile";
	cr_expect_str_eq(smart_limit(AMPERES(20000)), "Accepted");
	cr_expect_eq(smart_now(1), 200);
	cr_expect_str_eq(smart_limit("\"connector\":1," AMPERES(16000)), "Rejected", "it has room for one of the two");
	cr_expect_eq(smart_now(1), 200);
	ask(CHARGING "ClearLimit", "{\"device\":\"" SMART "\"}");
	cr_expect_str_eq(smart_limit("\"connector\":1," AMPERES(16000)), "Accepted");
}

Test(ocpp_limits_less, a_charger_without_smart_charging_is_known_and_left_alone)
{
	smart.fault = "NotSupported";
	cr_expect_str_eq(smart_limit("\"connector\":1," AMPERES(16000)), "NotSupported");
	cr_expect_eq(smart.set, 1);
	cr_expect_str_eq(smart_limit("\"connector\":1," AMPERES(16000)), "NotSupported");
	cr_expect_eq(smart.set, 1, "it is not asked again");
}

Test(ocpp_limits_less, a_charger_that_clears_no_profile_is_asked_once)
{
	smart_limit("\"connector\":1," AMPERES(16000) ",\"validS\":300,\"fallback\":{\"currentMa\":6000}");
	smart.keeps = true;
	cr_expect_str_eq(smart_limit("\"connector\":1," AMPERES(10000)), "Accepted");
	cr_expect_eq(smart.kept, 1, "what it fell back to stands below: %u", smart.kept);
	cr_expect_eq(smart_now(1), 100);
}

Test(ocpp_limits_less, every_status_not_supported_is_the_same_as_no_smart_charging)
{
	smart.refuses = "ChargePointMaxProfile TxDefaultProfile TxProfile";
	smart.how = "NotSupported";
	cr_expect_str_eq(smart_limit("\"connector\":1," AMPERES(16000)), "NotSupported");
	smart.set = 0;
	cr_expect_str_eq(smart_limit(AMPERES(16000)), "NotSupported");
	cr_expect_eq(smart.set, 0);
}

Test(ocpp_limits_less, what_is_rejected_may_be_accepted_another_time)
{
	smart.refuses = "ChargePointMaxProfile TxDefaultProfile TxProfile";
	cr_expect_str_eq(smart_limit("\"connector\":1," AMPERES(16000)), "Rejected");
	smart.refuses = NULL;
	cr_expect_str_eq(smart_limit("\"connector\":1," AMPERES(16000)), "Accepted");
}

/* ---- a key instead of profiles --------------------------------------------------------------- */

/* A charger whose vendor limits its current in tenths of an ampere (quirk 30). */
static void with_key(void)
{
	smart.fault = "NotImplemented";
	smart.key = "evb_MaximumStationCurrent";
	strcpy(smart.value, "320");
	smart_call("BootNotification",
		   "{\"chargePointVendor\":\"EVBox\",\"chargePointModel\":\"M\",\"firmwareVersion\":\"1\"}");
}

Test(ocpp_limits_less, a_charger_that_has_a_key_instead_is_limited_by_it_and_gets_it_back_as_it_was)
{
	with_key();
	cr_expect_str_eq(smart_limit(AMPERES(16550)), "Accepted");
	cr_expect_str_eq(smart.value, "165", "tenths");
	cr_expect_eq(
		number(cJSON_GetArrayItem(get(ask(CHARGING "GetSchedule", "{\"device\":\"" SMART "\"}"), "periods"), 0),
		       "currentMa"),
		16500);
	cr_expect_str_eq(text(ask(CHARGING "ClearLimit", "{\"device\":\"" SMART "\"}"), "status"), "Accepted");
	cr_expect_str_eq(smart.value, "320");
	cr_expect_eq(met("limit_by_key"), 2, "set, and set back");
}

Test(ocpp_limits_less, keba_takes_milliamperes)
{
	smart.fault = "NotImplemented";
	smart.key = "MaxAvailableCurrent";
	strcpy(smart.value, "32000");
	smart_call("BootNotification",
		   "{\"chargePointVendor\":\"Keba AG\",\"chargePointModel\":\"KC-P30\",\"firmwareVersion\":\"1\"}");
	cr_expect_str_eq(smart_limit(AMPERES(10500)), "Accepted");
	cr_expect_str_eq(smart.value, "10500");
	cr_expect_str_eq(text(ask(CHARGING "ClearLimit", "{\"device\":\"" SMART "\"}"), "status"), "Accepted");
	cr_expect_str_eq(smart.value, "32000");
}

Test(ocpp_limits_less, as_a_key_does_not_fall_back_it_gets_the_least_of_all_and_is_not_written_for_nothing)
{
	with_key();
	smart_limit("\"connector\":1," AMPERES(16000) ",\"validS\":300,\"fallback\":{\"currentMa\":6000}");
	cr_expect_str_eq(smart.value, "60");
	smart_limit("\"connector\":1," AMPERES(20000) ",\"validS\":300,\"fallback\":{\"currentMa\":6000}");
	cr_expect_eq(smart.changed, 1);
	cr_expect_str_eq(smart_limit(AMPERES(10000)), "Rejected", "the key is the connector's limit now");
	cr_expect_str_eq(smart.value, "60");
}

/* ---- settings -------------------------------------------------------------------------------- */

Test(ocpp_limits_less, a_charger_gets_the_unit_that_it_takes_whatever_it_calls_it)
{
	smart.settings = "[{\"key\":\"chargingScheduleAllowedChargingRateUnit\",\"value\":\" W\"}]";
	smart_limit("\"connector\":1," AMPERES(16000));
	cr_expect(strstr(smart.last, "\"chargingRateUnit\":\"W\""), "%s", smart.last);
	cr_expect(strstr(smart.last, "\"limit\":11040"), "16 A x 3 x 230 V: %s", smart.last);
	cr_expect_eq(met("unit_spelling"), 1);
}

Test(ocpp_limits_less, power_for_a_charger_that_takes_current_is_never_more)
{
	smart.settings = "[{\"key\":\"ChargingScheduleAllowedChargingRateUnit\",\"value\":\"Current\"}]";
	smart_limit("\"connector\":1,\"periods\":[{\"powerW\":5000,\"phases\":1},{\"startS\":60,\"powerW\":5000}]");
	cr_expect(strstr(smart.last, "\"limit\":21.7,\"numberPhases\":1"), "5000 W / 230 V: %s", smart.last);
	cr_expect(strstr(smart.last, "\"limit\":7.2"), "5000 W / 690 V: %s", smart.last);
}

Test(ocpp_limits_less, too_many_periods_become_one_with_the_least_of_them)
{
	smart.settings = "[{\"key\":\"ChargingScheduleMaxPeriods\",\"value\":\"2\"},{\"key\":"
			 "\"ChargeProfileMaxStackLevel\",\"value\":\"1\"}]";
	smart_limit("\"connector\":1,\"periods\":[{\"currentMa\":16000},{\"startS\":60,\"currentMa\":10000},{"
		    "\"startS\":120,"
		    "\"currentMa\":6000},{\"startS\":180,\"currentMa\":12000}]");
	cr_expect_eq(smart_now(1), 160);
	SECONDS(70);
	cr_expect_eq(smart_now(1), 60);
	SECONDS(7000);
	cr_expect_eq(smart_now(1), 60);
}

Test(ocpp_limits_less, levels_of_others_are_left_to_them)
{
	ask(OCPP "Call", "{\"device\":\"" SMART
			 "\",\"action\":\"SetChargingProfile\",\"payload\":{\"connectorId\":1,\"csChargingProfiles\":{"
			 "\"chargingProfileId\":1,\"stackLevel\":0,\"chargingProfilePurpose\":\"TxDefaultProfile\","
			 "\"chargingProfileKind\":"
			 "\"Absolute\",\"chargingSchedule\":{\"chargingRateUnit\":\"A\",\"chargingSchedulePeriod\":[{"
			 "\"startPeriod\":0,\"limit\":13}]}}}}");
	smart_limit("\"connector\":1," AMPERES(16000) ",\"validS\":60,\"fallback\":{\"currentMa\":6000}");
	cr_expect_eq(smart_profiles(), 3);
	ask(CHARGING "ClearLimit", "{\"device\":\"" SMART "\",\"connector\":1}");
	cr_expect_eq(smart_profiles(), 1);
	cr_expect_eq(smart_now(1), 130, "theirs is as it was");
}

Test(ocpp_limits_less, a_charger_that_takes_questions_badly_is_asked_none)
{
	smart_call(
		"BootNotification",
		"{\"chargePointVendor\":\"ABB\",\"chargePointModel\":\"Terra AC W22\",\"firmwareVersion\":\"1.6.6\"}");
	cr_expect_str_eq(smart_limit("\"connector\":1," AMPERES(16000)), "Accepted");
	cr_expect_eq(smart.asked, 0);
	cr_expect_geq(met("not_asked"), 1);
}

Test(ocpp_limits_less, another_firmware_is_asked_anew)
{
	char boot[200];

	smart.fault = "NotImplemented";
	smart_limit("\"connector\":1," AMPERES(16000));
	smart.fault = NULL;
	snprintf(boot, sizeof boot,
		 "[2,\"b\",\"BootNotification\",{\"chargePointVendor\":\"V\",\"chargePointModel\":\"M\","
		 "\"firmwareVersion\":\"2\"}]");
	host_station_send(smart.station, GV_TEXT, boot, strlen(boot));
	host_settle(h, 100);
	cr_expect_str_eq(smart_limit("\"connector\":1," AMPERES(16000)), "Accepted");
	cr_expect_eq(smart.asked, 2);
}
