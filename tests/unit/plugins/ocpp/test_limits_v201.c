/* Limits of chargers that speak 2.0.1: the same orders in other words, and what only such chargers say. */
#include "smart.h"

#include <string.h>

TestSuite(ocpp_limits_v201, SMART_BENCH_V201);

#define NOTIFIED "galvan.ocpp.v1.StationNotified"

static const cJSON *schedule(void)
{
	return ask(CHARGING "GetSchedule", "{\"device\":\"" SMART "\",\"connector\":1,\"durationS\":3600}");
}

/* What may be drawn first; -1: there is no limit. */
static long first_ma(void)
{
	const cJSON *periods = get(schedule(), "periods");

	return cJSON_GetArraySize(periods) ? number(cJSON_GetArrayItem(periods, 0), "currentMa") : -1;
}

/* The last StationNotified is of this action, and its status. */
static const char *notified(const char *action)
{
	const cJSON *e = event(NOTIFIED, events(NOTIFIED) - 1);

	cr_expect_str_eq(text(e, "action"), action);
	return text(e, "status");
}

Test(ocpp_limits_v201, a_limit_is_set_falls_back_and_is_cleared)
{
	cr_expect_str_eq(
		smart_limit("\"connector\":1," AMPERES(16000) ",\"validS\":300,\"fallback\":{\"currentMa\":6000}"),
		"Accepted");
	cr_expect_eq(smart_profiles(), 2);
	cr_expect_eq(smart_now(1), 160);
	cr_expect(cJSON_IsTrue(get(schedule(), "equal")));
	SECONDS(310);
	cr_expect_eq(smart_now(1), 60);
	cr_expect_str_eq(text(ask(CHARGING "ClearLimit", "{\"device\":\"" SMART "\",\"connector\":1}"), "status"),
			 "Accepted");
	cr_expect_eq(smart_profiles(), 0);
	cr_expect_eq(first_ma(), -1);
}

Test(ocpp_limits_v201, the_whole_stations_is_a_maximum)
{
	smart_limit(AMPERES(20000));
	cr_expect(strstr(smart.last, "\"ChargingStationMaxProfile\""), "%s", smart.last);
	cr_expect_eq(smart_now(1), 200);
}

Test(ocpp_limits_v201, a_sessions_limit_names_the_chargers_own_transaction_and_ends_with_it)
{
	int id = smart_begin(1);
	char rest[200];

	snprintf(rest, sizeof rest, "\"sessionId\":\"" SMART "/%d\"," AMPERES(10000), id);
	cr_expect_str_eq(smart_limit(rest), "Accepted");
	cr_expect(strstr(smart.last, "\"transactionId\":\"" SMART_TRANSACTION "\""), "%s", smart.last);
	cr_expect(strstr(smart.last, "\"TxProfile\""), "%s", smart.last);
	cr_expect_eq(first_ma(), 10000);
	smart_end(id);
	cr_expect_eq(first_ma(), -1);
}

Test(ocpp_limits_v201, a_level_that_somebody_else_has_is_not_asked_for)
{
	ask(OCPP "Call", "{\"device\":\"" SMART
			 "\",\"action\":\"SetChargingProfile\",\"payload\":{\"evseId\":1,\"chargingProfile\":{\"id\":1,"
			 "\"stackLevel\":5,\"chargingProfilePurpose\":\"TxDefaultProfile\",\"chargingProfileKind\":"
			 "\"Absolute\",\"chargingSchedule\":[{"
			 "\"id\":1,\"startSchedule\":\"2020-01-15T00:00:00Z\",\"duration\":60,\"chargingRateUnit\":"
			 "\"A\",\"chargingSchedulePeriod\":[{\"startPeriod\":0,"
			 "\"limit\":13}]}]}}}");
	cr_expect_eq(smart_profiles(), 1);
	cr_expect_str_eq(smart_limit("\"connector\":1," AMPERES(16000)), "Accepted",
			 "one of the same level would be rejected (K01.FR.06)");
	cr_expect_eq(smart.set, 2, "and was not tried");
	cr_expect_eq(first_ma(), 16000);
}

Test(ocpp_limits_v201, a_report_of_all_profiles_is_what_the_charger_has)
{
	const char *get_all =
		"{\"device\":\"" SMART
		"\",\"action\":\"GetChargingProfiles\",\"payload\":{\"requestId\":5,\"chargingProfile\":{}}}";

	smart_limit("\"connector\":1," AMPERES(16000) ",\"validS\":3600,\"fallback\":{\"currentMa\":6000}");
	smart.b.n = 1; /* it has lost the second: the limit */
	ask(OCPP "Call", get_all);
	host_settle(h, 100);
	cr_expect_eq(first_ma(), 6000);
	smart.b.n = 0;
	ask(OCPP "Call", get_all);
	host_settle(h, 100);
	cr_expect_eq(first_ma(), -1, "NoProfiles");
}

Test(ocpp_limits_v201, a_limit_of_somebody_else_counts_until_it_is_cleared)
{
	smart_call("NotifyChargingLimit",
		   "{\"evseId\":1,\"chargingLimit\":{\"chargingLimitSource\":\"EMS\",\"isGridCritical\":true},"
		   "\"chargingSchedule\":[{\"id\":1,\"chargingRateUnit\":\"A\",\"chargingSchedulePeriod\":[{"
		   "\"startPeriod\":0,\"limit\":9}]}]}");
	cr_expect_str_eq(notified("NotifyChargingLimit"), "EMS");
	cr_expect_eq(first_ma(), 9000);
	smart_limit("\"connector\":1," AMPERES(16000));
	cr_expect_eq(first_ma(), 9000, "the least");
	smart_call("ClearedChargingLimit", "{\"evseId\":1,\"chargingLimitSource\":\"SO\"}");
	cr_expect_eq(first_ma(), 9000, "another one's");
	smart_call("ClearedChargingLimit", "{\"evseId\":1,\"chargingLimitSource\":\"EMS\"}");
	cr_expect_str_eq(notified("ClearedChargingLimit"), "EMS");
	cr_expect_eq(first_ma(), 16000);
}
