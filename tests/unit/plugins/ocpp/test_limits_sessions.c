/* Chargers that take profiles of running sessions only: what whoever shares power out is told of them, and how their
 * connectors are closed to whatever would charge without a limit. */
#include "smart.h"

#include <string.h>

#define LIMIT(ma) "\"connector\":1,\"closeAfter\":true," AMPERES(ma)

static void setup_v16(void)
{
	smart_setup();
	smart.refuses = "ChargePointMaxProfile TxDefaultProfile";
}

static void setup_v201(void)
{
	smart_setup_v201();
	smart.refuses = "ChargingStationMaxProfile TxDefaultProfile";
}

TestSuite(ocpp_limits_sessions, .init = setup_v16, .fini = bench_teardown, .timeout = 60);
TestSuite(ocpp_limits_sessions_v201, .init = setup_v201, .fini = bench_teardown, .timeout = 60);

/* SetLimit is answered so, and as one of a session or not. */
static void limit(const char *rest, const char *status, bool session_only)
{
	char request[400];
	const cJSON *reply;

	snprintf(request, sizeof request, "{\"device\":\"" SMART "\",%s}", rest);
	reply = ask(CHARGING "SetLimit", request);
	cr_expect_str_eq(text(reply, "status"), status, "%s", rest);
	cr_expect_eq(cJSON_IsTrue(get(reply, "sessionOnly")), session_only, "%s", rest);
}

static void clear(const char *status)
{
	cr_expect_str_eq(text(ask(CHARGING "ClearLimit", "{\"device\":\"" SMART "\",\"connector\":1}"), "status"),
			 status);
}

static void a_session_is_limited_behind_a_closed_door(void)
{
	int id = smart_begin(1);

	limit(LIMIT(16000), "Accepted", true);
	cr_expect_eq(smart_now(1), 160);
	cr_expect(smart.closed, "nobody else may begin without a limit");
	limit(LIMIT(10000), "Accepted", true);
	cr_expect_eq(smart_now(1), 100);
	cr_expect_eq(smart.switched, 1, "it is closed already");
	smart_end(id);
	cr_expect(smart.closed);
	clear("Accepted");
	cr_expect(!smart.closed);
	cr_expect_eq(smart.switched, 2);
}

Test(ocpp_limits_sessions, a_session_is_limited_when_the_connector_is_closed_to_others)
{
	a_session_is_limited_behind_a_closed_door();
}

Test(ocpp_limits_sessions_v201, a_session_is_limited_when_the_evse_is_closed_to_others)
{
	a_session_is_limited_behind_a_closed_door();
}

Test(ocpp_limits_sessions, whoever_does_not_ask_for_it_closes_nothing_and_is_told_that_the_limit_ends_with_the_session)
{
	smart_begin(1);
	limit("\"connector\":1," AMPERES(16000), "Accepted", true);
	cr_expect_eq(smart.switched, 0);
}

Test(ocpp_limits_sessions, a_limit_that_needs_no_fallback_any_more_is_one_of_the_session_all_the_same)
{
	smart_begin(1);
	limit(LIMIT(16000) ",\"validS\":300,\"fallback\":{\"currentMa\":6000}", "Accepted", true);
	limit(LIMIT(0), "Accepted", true);
	cr_expect_eq(smart_profiles(), 1);
}

Test(ocpp_limits_sessions, nothing_is_a_limit_that_a_closed_connector_keeps)
{
	limit(LIMIT(0), "Accepted", true);
	cr_expect(smart.closed);
	clear("Accepted");
	cr_expect(!smart.closed);
}

Test(ocpp_limits_sessions, any_other_limit_has_to_wait_for_a_session_however_often_it_is_asked_for)
{
	int id;

	limit(LIMIT(16000), "Rejected", true);
	cr_expect_eq(smart.switched, 0);
	id = smart_begin(1);
	limit(LIMIT(16000), "Accepted", true);
	smart_end(id);
	limit(LIMIT(16000), "Rejected", true);
	limit(LIMIT(16000), "Rejected", true);
	smart_begin(1);
	limit(LIMIT(16000), "Accepted", true);
}

Test(ocpp_limits_sessions, nobody_opens_it_by_mistake)
{
	limit(LIMIT(0), "Accepted", true);
	refused(CHARGING "SetAvailability", "{\"device\":\"" SMART "\",\"connector\":1,\"operative\":true}",
		GV_FAILED_PRECONDITION, "ClearLimit");
	refused(CHARGING "SetAvailability", "{\"device\":\"" SMART "\",\"operative\":true}", GV_FAILED_PRECONDITION,
		"ClearLimit");
	cr_expect(smart.closed);
}

Test(ocpp_limits_sessions, where_the_connector_cannot_be_closed_there_is_no_limit)
{
	smart.stays_open = true;
	limit(LIMIT(0), "Rejected", true);
	smart_begin(1);
	limit(LIMIT(16000), "Rejected", true);
	cr_expect_eq(smart_profiles(), 0);
}

Test(ocpp_limits_sessions, a_session_that_cannot_be_limited_leaves_the_connector_open)
{
	smart_begin(1);
	smart.refuses = "ChargePointMaxProfile TxDefaultProfile TxProfile";
	limit(LIMIT(16000), "Rejected", true);
	cr_expect_eq(smart.switched, 2, "closed, and opened again");
	cr_expect(!smart.closed);
}

Test(ocpp_limits_sessions, one_that_was_limited_before_stays_behind_a_closed_door)
{
	smart_begin(1);
	limit(LIMIT(16000), "Accepted", true);
	smart.refuses = "ChargePointMaxProfile TxDefaultProfile TxProfile";
	limit(LIMIT(10000), "Rejected", true);
	cr_expect(smart.closed);
}

Test(ocpp_limits_sessions, that_a_connector_is_closed_is_known_after_a_crash)
{
	smart_begin(1);
	limit(LIMIT(16000), "Accepted", true);
	host_crash(h, "ocpp.0");
	host_run_ms(h, 5 * S);
	limit(LIMIT(10000), "Accepted", true);
	cr_expect_eq(smart.switched, 1);
}

Test(ocpp_limits_sessions, a_charger_that_takes_default_profiles_after_all_is_not_closed)
{
	smart.refuses = NULL;
	limit(LIMIT(0), "Accepted", false);
	smart_begin(1);
	limit(LIMIT(16000), "Accepted", false);
	cr_expect_eq(smart.switched, 0);
}

Test(ocpp_limits_sessions, one_that_refused_them_for_once_is_opened_when_it_takes_them)
{
	limit(LIMIT(0), "Accepted", true);
	cr_expect(smart.closed);
	smart.refuses = NULL;
	limit(LIMIT(0), "Accepted", false);
	cr_expect(!smart.closed);
	cr_expect_eq(smart_now(1), 0);
}

Test(ocpp_limits_sessions, a_charger_without_any_profile_is_not_closed)
{
	smart.fault = "NotSupported";
	limit(LIMIT(0), "NotSupported", false);
	smart_begin(1);
	limit(LIMIT(16000), "NotSupported", false);
	cr_expect_eq(smart.switched, 0);
}
