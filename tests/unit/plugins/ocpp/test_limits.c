/* SetLimit and ClearLimit: what a charger is told, and what it does by itself when nobody tells it any more. */
#include "smart.h"

#include <string.h>

TestSuite(ocpp_limits, SMART_BENCH);

Test(ocpp_limits, a_charger_keeps_to_a_limit_and_then_falls_back_by_itself)
{
	cr_expect_str_eq(
		smart_limit("\"connector\":1," AMPERES(16000) ",\"validS\":300,\"fallback\":{\"currentMa\":6000}"),
		"Accepted");
	cr_expect_eq(smart_now(1), 160);
	SECONDS(290);
	cr_expect_eq(smart_now(1), 160);
	SECONDS(20);
	cr_expect_eq(smart_now(1), 60, "nobody renewed it");
	SECONDS(86400);
	cr_expect_eq(smart_now(1), 60, "for good");
}

Test(ocpp_limits, a_limit_that_is_renewed_is_one_call_and_never_piles_up)
{
	smart_limit("\"connector\":1," AMPERES(16000) ",\"validS\":300,\"fallback\":{\"currentMa\":6000}");
	cr_expect_eq(smart.set, 2, "the limit, and what it falls back to");
	for (int i = 0; i < 20; i++) {
		SECONDS(60);
		smart_limit("\"connector\":1," AMPERES(10000) ",\"validS\":300,\"fallback\":{\"currentMa\":6000}");
		cr_expect_eq(smart_now(1), 100);
	}
	cr_expect_eq(smart.set, 22);
	cr_expect_eq(smart_profiles(), 2);
	cr_expect_eq(smart.asked, 1, "what the charger takes is asked once");
}

Test(ocpp_limits, the_fallback_comes_first_so_that_there_is_no_instant_without_a_limit)
{
	smart_limit("\"connector\":1," AMPERES(16000) ",\"validS\":300,\"fallback\":{\"currentMa\":6000}");
	cr_expect(strstr(smart.last, "\"limit\":16"), "the limit is the last that is set: %s", smart.last);
	smart_limit("\"connector\":1," AMPERES(16000) ",\"validS\":300");
	SECONDS(310);
	cr_expect_eq(smart_now(1), COMPOSITE_UNLIMITED, "a fall-back that is not wanted any more is cleared");
	cr_expect_eq(smart_profiles(), 1);
}

Test(ocpp_limits, without_an_end_it_stands_until_it_is_cleared)
{
	smart_limit("\"connector\":1," AMPERES(16000));
	SECONDS(7 * 86400);
	cr_expect_eq(smart_now(1), 160);
	cr_expect_str_eq(text(ask(CHARGING "ClearLimit", "{\"device\":\"" SMART "\",\"connector\":1}"), "status"),
			 "Accepted");
	cr_expect_eq(smart_profiles(), 0);
	cr_expect_str_eq(text(ask(CHARGING "ClearLimit", "{\"device\":\"" SMART "\",\"connector\":1}"), "status"),
			 "Unknown");
}

Test(ocpp_limits, periods_follow_each_other)
{
	smart_limit("\"connector\":1,\"periods\":[{\"currentMa\":6000},{\"startS\":600,\"currentMa\":12340}],"
		    "\"validS\":1200");
	cr_expect_eq(smart_now(1), 60);
	SECONDS(590);
	cr_expect_eq(smart_now(1), 60);
	SECONDS(20);
	cr_expect_eq(smart_now(1), 123, "one decimal, and never more than was asked for");
	SECONDS(600);
	cr_expect_eq(smart_now(1), COMPOSITE_UNLIMITED);
}

Test(ocpp_limits, a_pause_is_a_limit_of_nothing)
{
	cr_expect_str_eq(smart_limit("\"connector\":1," AMPERES(0)), "Accepted");
	cr_expect_eq(smart_now(1), 0);
	cr_expect_eq(met("paused_by_limit"), 0, "any charger can be");
}

Test(ocpp_limits, a_charger_that_does_not_start_again_after_a_stop_is_paused_by_a_limit_and_that_is_counted)
{
	smart_call("BootNotification", "{\"chargePointVendor\":\"FoxESS\",\"chargePointModel\":\"A\"}");
	cr_expect_str_eq(smart_limit("\"connector\":1," AMPERES(0)), "Accepted");
	cr_expect_eq(smart_now(1), 0);
	smart_limit("\"connector\":1," AMPERES(16000));
	cr_expect_eq(met("paused_by_limit"), 1);
}

Test(ocpp_limits, the_whole_charger_has_one_of_its_own)
{
	smart_limit("\"connector\":1," AMPERES(32000));
	smart_limit(AMPERES(20000) ",\"validS\":60,\"fallback\":{\"currentMa\":8000}");
	cr_expect_eq(smart_now(1), 200);
	SECONDS(70);
	cr_expect_eq(smart_now(1), 80);
	cr_expect_eq(smart_profiles(), 3);
}

/* ---- sessions -------------------------------------------------------------------------------- */

Test(ocpp_limits, a_sessions_limit_ends_with_it)
{
	int id = smart_begin(1);
	char rest[300];

	snprintf(rest, sizeof rest,
		 "\"sessionId\":\"" SMART "/%d\"," AMPERES(10000) ",\"validS\":300,\"fallback\":{\"currentMa\":6000}",
		 id);
	cr_expect_str_eq(smart_limit(rest), "Accepted");
	cr_expect_eq(smart_now(1), 100);
	cr_expect(strstr(smart.last, "\"TxProfile\""), "%s", smart.last);
	smart_end(id);
	cr_expect_eq(smart_profiles(), 0);
	cr_expect_eq(cJSON_GetArraySize(
			     get(ask(CHARGING "GetSchedule", "{\"device\":\"" SMART "\",\"connector\":1}"), "periods")),
		     0);
	refused(CHARGING "SetLimit", "{\"device\":\"" SMART "\",\"sessionId\":\"" SMART "/1\"," AMPERES(10000) "}",
		GV_FAILED_PRECONDITION, "ended");
}

Test(ocpp_limits,
     a_charger_without_profiles_for_sessions_is_given_one_for_the_connector_which_is_cleared_with_the_session)
{
	int id = smart_begin(1);
	char rest[300];

	smart.refuses = "TxProfile";
	smart.how = "NotSupported";
	snprintf(rest, sizeof rest, "\"sessionId\":\"" SMART "/%d\"," AMPERES(10000), id);
	cr_expect_str_eq(smart_limit(rest), "Accepted");
	cr_expect_eq(smart_now(1), 100);
	smart_end(id);
	cr_expect_eq(smart_profiles(), 0, "the next session is none of its business");
}

Test(ocpp_limits, what_is_left_of_a_session_that_ended_while_the_charger_was_away_is_cleared_when_it_is_back)
{
	int id = smart_begin(1);
	char rest[300];

	smart.refuses = "TxProfile";
	snprintf(rest, sizeof rest, "\"sessionId\":\"" SMART "/%d\"," AMPERES(10000), id);
	smart_limit(rest);
	cr_expect_eq(smart_profiles(), 1);
	host_station_finish(smart.station);
	host_settle(h, 100);
	snprintf(rest, sizeof rest, "{\"sessionId\":\"" SMART "/%d\"}", id);
	ask(OCPP "CloseSession", rest);
	host_station_connect(smart.station);
	host_run_ms(h, 1000);
	cr_expect_eq(smart_profiles(), 0);
}

Test(ocpp_limits, a_stop_that_comes_late_takes_nothing_from_the_session_that_runs)
{
	int first = smart_begin(1), second;
	char rest[300];

	SECONDS(60);
	second = smart_begin(1);
	snprintf(rest, sizeof rest, "\"sessionId\":\"" SMART "/%d\"," AMPERES(10000), second);
	cr_expect_str_eq(smart_limit(rest), "Accepted");
	snprintf(rest, sizeof rest, "{\"transactionId\":%d,\"meterStop\":0,\"timestamp\":\"" T0 "\"}", first);
	smart_call("StopTransaction", rest);
	cr_expect_eq(smart.cleared, 0);
	cr_expect_eq(smart_now(1), 100);
}

/* ---- refusals -------------------------------------------------------------------------------- */

Test(ocpp_limits, what_cannot_be_asked_is_refused_with_the_field)
{
	const char *m = CHARGING "SetLimit";

	refused(m, "{\"device\":\"" SMART "\"}", GV_INVALID_ARGUMENT, "periods");
	refused(m, "{\"device\":\"" SMART "\",\"periods\":[{\"startS\":5}]}", GV_INVALID_ARGUMENT, "periods[0].startS");
	refused(m, "{\"device\":\"" SMART "\",\"periods\":[{},{}]}", GV_INVALID_ARGUMENT, "periods[1].startS");
	refused(m, "{\"device\":\"" SMART "\",\"periods\":[{\"currentMa\":-1}]}", GV_INVALID_ARGUMENT,
		"periods[0].currentMa");
	refused(m, "{\"device\":\"" SMART "\",\"periods\":[{}],\"fallback\":{\"powerW\":-1}}", GV_INVALID_ARGUMENT,
		"fallback.powerW");
	refused(m, "{\"device\":\"" SMART "\",\"periods\":[{}],\"validS\":604801}", GV_INVALID_ARGUMENT, "validS");
	refused(m, "{\"device\":\"" SMART "\",\"periods\":[{}],\"sessionId\":\"" SMART "/9\"}", GV_NOT_FOUND,
		SMART "/9");
	refused(m, "{\"device\":\"ocpp:ELSE\",\"periods\":[{}]}", GV_UNAVAILABLE, "not connected");
	cr_expect_eq(smart.set, 0);
}

Test(ocpp_limits, of_limits_that_wait_the_last_one_counts)
{
	const char *request = "{\"device\":\"" SMART "\",\"connector\":1," AMPERES(16000) "}";
	struct host_answer *first, *second, *third;

	smart.silent = true;
	first = host_call_later(h, NULL, CHARGING "SetLimit", request);
	host_settle(h, 100);
	second = host_call_later(h, NULL, CHARGING "SetLimit", request);
	host_settle(h, 100);
	smart.silent = false;
	third = host_call_later(h, NULL, CHARGING "SetLimit",
				"{\"device\":\"" SMART "\",\"connector\":1," AMPERES(10000) "}");
	host_settle(h, 100);
	cr_assert(second->done);
	cr_expect_eq(second->code, GV_ABORTED, "%s", second->error);
	SECONDS(40);
	cr_assert(first->done && third->done);
	cr_expect_eq(first->code, GV_DEADLINE_EXCEEDED, "%s", first->error);
	cr_expect_eq(third->code, GV_OK, "%s", third->error);
	cr_expect_eq(smart_now(1), 100);
}

Test(ocpp_limits, a_charger_that_goes_away_leaves_nobody_waiting)
{
	struct host_answer *first, *second;

	smart.silent = true;
	first = host_call_later(h, NULL, CHARGING "SetLimit",
				"{\"device\":\"" SMART "\",\"connector\":1," AMPERES(16000) "}");
	second = host_call_later(h, NULL, CHARGING "SetLimit", "{\"device\":\"" SMART "\"," AMPERES(16000) "}");
	host_settle(h, 100);
	host_station_finish(smart.station);
	host_settle(h, 100);
	cr_assert(first->done && second->done);
	cr_expect_eq(first->code, GV_UNKNOWN, "%s", first->error);
	cr_expect_eq(second->code, GV_UNAVAILABLE, "%s", second->error);
	smart.silent = false;
	host_station_connect(smart.station);
	host_run_ms(h, 100);
	cr_expect_str_eq(smart_limit("\"connector\":1," AMPERES(16000)), "Accepted");
}
