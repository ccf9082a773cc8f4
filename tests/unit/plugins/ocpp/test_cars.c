/* What cars say by way of their chargers (2.0.1, K15 to K17). The charger reckons what it may draw by itself, from the
 * profiles that it was sent. */
#include "smart.h"

#include <lib/iso8601.h>
#include <string.h>

TestSuite(ocpp_cars, SMART_BENCH_V201);

#define NOTIFIED "galvan.ocpp.v1.StationNotified"
#define NEEDS(more)                                                                                                    \
	"{\"evseId\":1,\"chargingNeeds\":{\"requestedEnergyTransfer\":\"AC_three_phase\",\"acChargingParameters\":{"   \
	"\"energyAmount\":20000,\"evMinCurrent\":6,\"evMaxCurrent\":16,\"evMaxVoltage\":400}" more "}}"
#define ACCEPTED "{\"status\":\"Accepted\"}"
#define HOUR_MS (3600 * 1000)

static bool answers(const char *payload, const char *answer)
{
	smart_call("NotifyEVChargingNeeds", payload);
	return strstr(smart.answer, answer) != NULL;
}

/* A plan of one period from now on, of so many amperes. */
static bool plan_is(int amps, const char *answer)
{
	char payload[300], now[25];

	gv_time_format(host_now_ms(h), now);
	snprintf(payload, sizeof payload,
		 "{\"evseId\":1,\"timeBase\":\"%s\",\"chargingSchedule\":{\"id\":1,\"duration\":3600,"
		 "\"chargingRateUnit\":\"A\",\"chargingSchedulePeriod\":[{\"startPeriod\":0,\"limit\":%d}]}}",
		 now, amps);
	smart_call("NotifyEVChargingSchedule", payload);
	return strstr(smart.answer, answer) != NULL;
}

static const cJSON *its_session(int id)
{
	char request[80];

	snprintf(request, sizeof request, "{\"id\":\"" SMART "/%d\"}", id);
	return get(ask(CHARGING "GetSession", request), "session");
}

Test(ocpp_cars, a_car_that_says_what_it_needs_gets_a_schedule)
{
	int id = smart_begin(1);

	cr_expect(answers(NEEDS(",\"departureTime\":\"2025-01-15T10:00:00Z\""), ACCEPTED), "%s", smart.answer);
	cr_expect(strstr(smart.last, "\"TxProfile\""), "%s", smart.last);
	cr_expect_eq(smart_now(1), 160, "as much as it takes");
	cr_expect_eq(smart_profiles(), 1);
	smart_end(id);
	cr_expect_eq(smart_profiles(), 0);
}

Test(ocpp_cars, what_it_needs_is_kept_with_its_session_and_told)
{
	int id = smart_begin(1);
	const cJSON *needs;

	answers(NEEDS(",\"departureTime\":\"2025-01-15T10:00:00Z\""), ACCEPTED);
	needs = get(event(EVENT "VehicleNeedsChanged", 0), "needs");
	cr_expect_str_eq(text(needs, "energyWh"), "20000");
	cr_expect_str_eq(text(event(NOTIFIED, events(NOTIFIED) - 1), "action"), "NotifyEVChargingNeeds");
	smart_end(id);
	needs = get(its_session(id), "needs");
	cr_expect_str_eq(text(needs, "transfer"), "AC_three_phase");
	cr_expect_str_eq(text(needs, "departureMs"), "1736935200000");
	cr_expect_str_eq(text(needs, "maxCurrentMa"), "16000");
	cr_expect_str_eq(text(needs, "minCurrentMa"), "6000");
	cr_expect_str_eq(text(needs, "maxVoltageMv"), "400000");
}

Test(ocpp_cars, its_schedule_stays_within_the_limits)
{
	smart_limit("\"connector\":1,\"periods\":[{\"currentMa\":10000},{\"startS\":600,\"currentMa\":20000}]");
	smart_begin(1);
	cr_expect(answers(NEEDS(""), ACCEPTED));
	cr_expect_eq(smart_now(1), 100);
	SECONDS(601);
	cr_expect_eq(smart_now(1), 160);
}

Test(ocpp_cars, its_schedule_has_no_more_periods_than_it_takes)
{
	smart_limit(
		"\"connector\":1,\"periods\":[{\"currentMa\":10000},{\"startS\":600,\"currentMa\":12000},{\"startS\":"
		"1200,\"currentMa\":14000}]");
	smart_begin(1);
	cr_expect(answers("{\"evseId\":1,\"maxScheduleTuples\":2,\"chargingNeeds\":{"
			  "\"requestedEnergyTransfer\":\"AC_three_phase\",\"acChargingParameters\":{\"energyAmount\":1,"
			  "\"evMinCurrent\":6,\"evMaxCurrent\":32,\"evMaxVoltage\":400}}}",
			  ACCEPTED));
	cr_expect(strstr(smart.last, "\"limit\":12") && !strstr(smart.last, "\"limit\":14"), "%s", smart.last);
	SECONDS(1201);
	cr_expect_eq(smart_now(1), 140, "behind its end the limits stand alone");
}

Test(ocpp_cars, a_limit_that_is_set_later_holds_and_the_schedule_follows_it)
{
	smart_begin(1);
	answers(NEEDS(""), ACCEPTED);
	cr_expect_str_eq(smart_limit("\"connector\":1," AMPERES(8000)), "Accepted");
	cr_expect_eq(smart_now(1), 80, "a TxProfile would prevail over it");
	host_settle(h, 100);
	cr_expect(strstr(smart.last, "\"TxProfile\"") && strstr(smart.last, "\"limit\":8"), "%s", smart.last);
	cr_expect_eq(smart_now(1), 80);
}

Test(ocpp_cars, where_the_schedule_cannot_be_taken_away_the_limit_is_not_said_to_hold)
{
	smart_begin(1);
	answers(NEEDS(""), ACCEPTED);
	smart.keeps = true;
	cr_expect_str_eq(smart_limit("\"connector\":1," AMPERES(8000)), "Rejected");
}

Test(ocpp_cars, a_schedule_whose_answer_was_lost_is_taken_away_too)
{
	smart_begin(1);
	smart.silent = true;
	answers(NEEDS(""), ACCEPTED);
	SECONDS(60);
	smart.silent = false;
	cr_expect_str_eq(smart_limit("\"connector\":1," AMPERES(8000)), "Accepted");
	cr_expect_eq(smart.cleared, 1);
}

Test(ocpp_cars, where_power_is_shared_out_the_sharer_sets_the_limits)
{
	smart_limit("\"connector\":1," AMPERES(16000) ",\"validS\":300,\"fallback\":{\"currentMa\":6000}");
	smart_begin(1);
	cr_expect(answers(NEEDS(""), "{\"status\":\"Processing\"}"), "%s", smart.answer);
	cr_expect_eq(smart.set, 2, "it comes with the limit");
	cr_expect_eq(events(EVENT "VehicleNeedsChanged"), 1);
	smart_limit("\"connector\":1," AMPERES(10000) ",\"validS\":300,\"fallback\":{\"currentMa\":6000}");
	SECONDS(1);
	cr_expect(strstr(smart.last, "\"TxProfile\""), "%s", smart.last);
	cr_expect_eq(smart_now(1), 100);
	SECONDS(310);
	cr_expect_eq(smart_now(1), 60, "it ends with the limit");
}

Test(ocpp_cars, where_the_sharer_has_nothing_to_change_what_stands_is_the_schedule_that_was_promised)
{
	smart_limit("\"connector\":1," AMPERES(16000) ",\"validS\":300,\"fallback\":{\"currentMa\":6000}");
	smart_begin(1);
	cr_expect(answers(NEEDS(""), "{\"status\":\"Processing\"}"), "%s", smart.answer);
	SECONDS(11);
	cr_expect(strstr(smart.last, "\"TxProfile\""), "%s", smart.last);
	cr_expect_eq(smart_now(1), 160);
	smart.set = 0;
	smart_limit("\"connector\":1," AMPERES(20000) ",\"validS\":300,\"fallback\":{\"currentMa\":6000}");
	SECONDS(60);
	cr_expect_eq(smart_now(1), 200, "it makes room for each new limit");
	cr_expect_eq(smart.set, 1,
		     "one for each time that the car says what it needs: else it had to plan anew each time");
}

Test(ocpp_cars, without_a_transaction_there_is_no_schedule)
{
	cr_expect(answers(NEEDS(""), "{\"status\":\"Rejected\",\"statusInfo\":{\"reasonCode\":\"NoTransaction\"}}"),
		  "%s", smart.answer);
	cr_expect_eq(smart.set, 0);
}

Test(ocpp_cars, a_profile_that_somebody_gave_the_session_stands)
{
	int id = smart_begin(1);
	char rest[200];

	snprintf(rest, sizeof rest, "\"sessionId\":\"" SMART "/%d\"," AMPERES(10000), id);
	smart_limit(rest);
	cr_expect(answers(NEEDS(""), "\"HasProfile\""), "%s", smart.answer);
	cr_expect_eq(smart_now(1), 100);
}

Test(ocpp_cars, needs_that_cannot_be_are_refused_and_kept_nowhere)
{
	smart_begin(1);
	cr_expect(answers("{\"evseId\":1,\"chargingNeeds\":{\"requestedEnergyTransfer\":\"DC\"}}", "\"NoParameters\""),
		  "%s", smart.answer);
	cr_expect(answers("{\"evseId\":1,\"chargingNeeds\":{\"requestedEnergyTransfer\":\"AC_single_phase\","
			  "\"acChargingParameters\":{\"energyAmount\":1,\"evMinCurrent\":20,\"evMaxCurrent\":16,"
			  "\"evMaxVoltage\":230}}}",
			  "\"InvalidValues\""),
		  "%s", smart.answer);
	cr_expect(answers("{\"evseId\":0,\"chargingNeeds\":{\"requestedEnergyTransfer\":\"AC_single_phase\","
			  "\"acChargingParameters\":{\"energyAmount\":1,\"evMinCurrent\":6,\"evMaxCurrent\":16,"
			  "\"evMaxVoltage\":230}}}",
			  "\"InvalidEvse\""),
		  "%s", smart.answer);
	cr_expect_eq(events(EVENT "VehicleNeedsChanged"), 0);
}

Test(ocpp_cars, a_dc_car_is_given_power)
{
	smart_begin(1);
	cr_expect(
		answers("{\"evseId\":1,\"chargingNeeds\":{\"requestedEnergyTransfer\":\"DC\",\"dcChargingParameters\":{"
			"\"evMaxCurrent\":200,\"evMaxVoltage\":400,\"evMaxPower\":50000,\"stateOfCharge\":40}}}",
			ACCEPTED));
	cr_expect(strstr(smart.last,
			 "\"chargingRateUnit\":\"W\",\"chargingSchedulePeriod\":[{\"startPeriod\":0,\"limit\":50000"),
		  "%s", smart.last);
}

Test(ocpp_cars, a_plan_is_held_against_the_limits)
{
	int id = smart_begin(1);

	smart_limit("\"connector\":1," AMPERES(10000));
	cr_expect(plan_is(10, ACCEPTED), "%s", smart.answer);
	cr_expect(cJSON_IsTrue(get(get(its_session(id), "plan"), "withinLimits")));
	cr_expect(plan_is(12,
			  "{\"status\":\"Rejected\",\"statusInfo\":{\"reasonCode\":\"OverLimit\",\"additionalInfo\":"
			  "\"at 2025-01-15T"),
		  "%s", smart.answer);
	cr_expect(strstr(smart.answer, "it is 12.0 A, the limit is 10.0"), "%s", smart.answer);
	cr_expect_str_eq(text(event(NOTIFIED, events(NOTIFIED) - 1), "status"), "Rejected");
	smart_end(id);
	cr_expect(!cJSON_IsTrue(get(get(its_session(id), "plan"), "withinLimits")),
		  "the last is kept with the session");
	cr_expect_str_eq(text(cJSON_GetArrayItem(get(get(get(kept, "session"), "plan"), "periods"), 0), "currentMa"),
			 "12000");
}

Test(ocpp_cars, a_car_that_means_to_draw_too_much_gets_its_schedule_again)
{
	smart_limit("\"connector\":1," AMPERES(10000));
	smart_begin(1);
	answers(NEEDS(""), ACCEPTED);
	for (unsigned i = 0; i < 10; i++) {
		plan_is(12, "\"Rejected\"");
		host_settle(h, 100);
	}
	cr_expect_eq(smart.set, 1 + 1 + 3, "the limit, its schedule, and that again, but not for ever");
	cr_expect_eq(smart_now(1), 100);
	answers(NEEDS(""), ACCEPTED);
	host_settle(h, 100);
	plan_is(12, "\"Rejected\"");
	host_settle(h, 100);
	cr_expect_eq(smart.set, 5 + 2, "it has said anew what it needs");
}

Test(ocpp_cars, a_schedule_survives_a_crash)
{
	smart_begin(1);
	answers(NEEDS(""), ACCEPTED);
	host_crash(h, "ocpp.0");
	host_settle(h, 5000);
	cr_expect_str_eq(smart_limit("\"connector\":1," AMPERES(8000)), "Accepted");
	cr_expect_eq(smart_now(1), 80);
}
