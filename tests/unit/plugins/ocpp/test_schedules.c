/* GetSchedule: what is reckoned here from the profiles that a charger has accepted is what the charger reckons. */
#include "smart.h"

#include <string.h>

TestSuite(ocpp_schedules, SMART_BENCH);

static const cJSON *schedule(const char *rest)
{
	char request[300];

	snprintf(request, sizeof request, "{\"device\":\"" SMART "\"%s}", rest);
	return ask(CHARGING "GetSchedule", request);
}

static long period_ma(const cJSON *s, const char *list, int i)
{
	return number(cJSON_GetArrayItem(get(s, list), i), "currentMa");
}

static int start_s(const cJSON *s, const char *list, int i)
{
	return get(cJSON_GetArrayItem(get(s, list), i), "startS")->valueint;
}

static bool station_has(const char *quirk)
{
	const cJSON *station = cJSON_GetArrayItem(
			    get(ask(OCPP "ListStations", "{\"device\":\"" SMART "\"}"), "stations"), 0),
		    *item;

	cJSON_ArrayForEach(item, get(station, "quirks")) if (!strcmp(item->valuestring, quirk)) return true;
	return false;
}

/* What people set by hand, with this profile. */
static void by_hand(const char *action, const char *payload)
{
	char request[2000];

	snprintf(request, sizeof request, "{\"device\":\"" SMART "\",\"action\":\"%s\",\"payload\":%s}", action,
		 payload);
	ask(OCPP "Call", request);
}

#define PROFILE(id, level, purpose, more, limit)                                                                       \
	"{\"chargingProfileId\":" #id ",\"stackLevel\":" #level ",\"chargingProfilePurpose\":\"" purpose               \
	"\",\"chargingProfileKind\":\"Absolute\"," more "\"chargingSchedule\":{\"chargingRateUnit\":\"A\","            \
	"\"chargingSchedulePeriod\":[{\"startPeriod\":0,\"limit\":" #limit "}]}}"
#define SET(connector, profile) "{\"connectorId\":" #connector ",\"csChargingProfiles\":" profile "}"

Test(ocpp_schedules, ours_and_the_chargers_are_the_same)
{
	const cJSON *s;

	smart_limit(AMPERES(20000));
	smart_limit("\"connector\":1,\"periods\":[{\"currentMa\":32000},{\"startS\":600,\"currentMa\":10000}],"
		    "\"validS\":1200,"
		    "\"fallback\":{\"currentMa\":6000}");
	s = schedule(",\"connector\":1,\"durationS\":3600");
	cr_expect_str_eq(text(s, "chargerStatus"), "Accepted");
	cr_expect(cJSON_IsTrue(get(s, "equal")));
	for (int i = 0; i < 2; i++) {
		const char *list = i ? "chargerPeriods" : "periods";

		cr_assert_eq(cJSON_GetArraySize(get(s, list)), 3, "%s", list);
		cr_expect_eq(period_ma(s, list, 0), 20000, "the station's maximum");
		cr_expect_eq(period_ma(s, list, 1), 10000);
		cr_expect_eq(start_s(s, list, 1), 600);
		cr_expect_eq(period_ma(s, list, 2), 6000, "the fall-back");
		cr_expect_eq(start_s(s, list, 2), 1200);
	}
	cr_expect_not(station_has("schedule-differs"));
}

Test(ocpp_schedules, in_watts_they_are_the_same_too)
{
	const cJSON *s;

	smart_limit("\"connector\":1," AMPERES(16000));
	s = schedule(",\"connector\":1,\"durationS\":60,\"power\":true");
	cr_expect(cJSON_IsTrue(get(s, "equal")));
	cr_expect_eq(number(cJSON_GetArrayItem(get(s, "periods"), 0), "powerW"), 11040);
}

Test(ocpp_schedules, the_whole_chargers_is_compared_as_well)
{
	const cJSON *s;

	smart_limit(AMPERES(20000));
	s = schedule(",\"durationS\":60");
	cr_expect(cJSON_IsTrue(get(s, "equal")));
	cr_expect_eq(period_ma(s, "periods", 0), 20000);
}

Test(ocpp_schedules, a_charger_that_reckons_otherwise_is_flagged)
{
	smart_limit("\"connector\":1," AMPERES(16000));
	smart.sharper = 20;
	cr_expect(cJSON_IsFalse(get(schedule(",\"connector\":1,\"durationS\":60"), "equal")));
	cr_expect(station_has("schedule-differs"));
}

Test(ocpp_schedules, without_a_limit_the_chargers_own_maximum_is_no_difference)
{
	const cJSON *s = schedule(",\"connector\":1,\"durationS\":60");

	cr_expect_eq(cJSON_GetArraySize(get(s, "periods")), 0);
	cr_expect_eq(period_ma(s, "chargerPeriods", 0), 32000);
	cr_expect(cJSON_IsTrue(get(s, "equal")));
}

Test(ocpp_schedules, of_a_charger_that_is_away_ours_is_known_also_after_a_crash)
{
	const cJSON *s;

	smart_limit("\"connector\":1," AMPERES(16000));
	host_station_finish(smart.station);
	host_crash(h, "ocpp.0");
	host_settle(h, 5000);
	s = schedule(",\"connector\":1,\"durationS\":60");
	cr_expect_eq(period_ma(s, "periods", 0), 16000);
	cr_expect_str_eq(text(s, "chargerStatus"), "is not connected");
	cr_expect(cJSON_IsFalse(get(s, "equal")));
}

/* ---- profiles that came otherwise ------------------------------------------------------------ */

Test(ocpp_schedules, what_people_set_and_clear_by_hand_counts)
{
	by_hand("SetChargingProfile", SET(1, PROFILE(7, 0, "TxDefaultProfile", "", 13.5)));
	cr_expect_eq(period_ma(schedule(",\"connector\":1"), "periods", 0), 13500);
	by_hand("SetChargingProfile", SET(1, PROFILE(8, 0, "TxDefaultProfile", "", 11)));
	cr_expect_eq(period_ma(schedule(",\"connector\":1"), "periods", 0), 11000, "of the same level: it replaces");
	by_hand("ClearChargingProfile", "{\"id\":8}");
	cr_expect_eq(cJSON_GetArraySize(get(schedule(",\"connector\":1"), "periods")), 0);
}

/* The virtual clock begins at T0, ten to four past two. */
Test(ocpp_schedules, every_kind_of_profile_is_read_as_the_charger_reads_it)
{
	const cJSON *s;

	by_hand("SetChargingProfile",
		"{\"connectorId\":0,\"csChargingProfiles\":{\"chargingProfileId\":1,\"stackLevel\":0,"
		"\"chargingProfilePurpose\":"
		"\"ChargePointMaxProfile\",\"chargingProfileKind\":\"Recurring\",\"recurrencyKind\":\"Daily\","
		"\"validFrom\":"
		"\"2025-01-01T00:00:00Z\",\"validTo\":\"2025-01-15T02:40:00Z\",\"chargingSchedule\":{\"duration\":9000,"
		"\"startSchedule\":\"2025-01-01T00:00:00Z\",\"chargingRateUnit\":\"W\",\"chargingSchedulePeriod\":[{"
		"\"startPeriod\":0,\"limit\":6900},{\"startPeriod\":8400,\"limit\":3680,\"numberPhases\":1}]}}}");
	by_hand("SetChargingProfile",
		"{\"connectorId\":1,\"csChargingProfiles\":{\"chargingProfileId\":2,\"stackLevel\":3,"
		"\"chargingProfilePurpose\":"
		"\"TxDefaultProfile\",\"chargingProfileKind\":\"Relative\",\"chargingSchedule\":{\"chargingRateUnit\":"
		"\"A\","
		"\"chargingSchedulePeriod\":[{\"startPeriod\":0,\"limit\":20},{\"startPeriod\":1800,\"limit\":8}]}}}");
	s = schedule(",\"connector\":1,\"durationS\":3600");
	cr_expect(cJSON_IsTrue(get(s, "equal")));
	cr_assert_eq(cJSON_GetArraySize(get(s, "periods")), 4);
	cr_expect_eq(period_ma(s, "periods", 0), 10000, "6900 W on three phases");
	cr_expect_eq(period_ma(s, "periods", 1), 16000, "from 02:20 on 3680 W on one");
	cr_expect_eq(period_ma(s, "periods", 2), 20000, "from 02:30 on the day's profile is over");
	cr_expect_eq(period_ma(s, "periods", 3), 8000, "half an hour after a start that would be now");
	cr_expect_eq(start_s(s, "periods", 3), 1800);
}

Test(ocpp_schedules, what_is_refused_does_not_count)
{
	smart.refuses = "TxDefaultProfile";
	by_hand("SetChargingProfile", SET(1, PROFILE(7, 0, "TxDefaultProfile", "", 13)));
	cr_expect_eq(cJSON_GetArraySize(get(schedule(",\"connector\":1"), "periods")), 0);
}

Test(ocpp_schedules, clearing_means_what_fits_all_that_is_given)
{
	by_hand("SetChargingProfile", SET(0, PROFILE(1, 0, "ChargePointMaxProfile", "", 30)));
	by_hand("SetChargingProfile", SET(1, PROFILE(2, 0, "TxDefaultProfile", "", 20)));
	by_hand("SetChargingProfile", SET(1, PROFILE(3, 1, "TxDefaultProfile", "", 10)));
	/* The simulated charger clears all; what counts here is what we make of its answer. */
	by_hand("ClearChargingProfile", "{\"chargingProfilePurpose\":\"TxDefaultProfile\",\"stackLevel\":1}");
	cr_expect_eq(period_ma(schedule(",\"connector\":1"), "periods", 0), 20000);
	by_hand("ClearChargingProfile", "{\"connectorId\":1}");
	cr_expect_eq(period_ma(schedule(",\"connector\":1"), "periods", 0), 30000);
	by_hand("ClearChargingProfile", "{}");
	cr_expect_eq(cJSON_GetArraySize(get(schedule(",\"connector\":1"), "periods")), 0);
}

Test(ocpp_schedules, a_profile_that_came_with_a_start_counts_while_its_transaction_runs)
{
	int id;

	ask(CHARGING "Start", "{\"device\":\"" SMART "\",\"connector\":1,\"token\":\"A\",\"chargingProfile\":" PROFILE(
				      9, 0, "TxProfile", "", 8) "}");
	cr_expect_eq(cJSON_GetArraySize(get(schedule(",\"connector\":1"), "periods")), 0,
		     "there is no transaction yet");
	id = smart_begin(1);
	cr_expect_eq(period_ma(schedule(",\"connector\":1"), "periods", 0), 8000);
	smart_end(id);
	cr_expect_eq(cJSON_GetArraySize(get(schedule(",\"connector\":1"), "periods")), 0);
}

/* ---- crashes --------------------------------------------------------------------------------- */

#define LIMIT                                                                                                          \
	"{\"device\":\"" SMART                                                                                         \
	"\",\"connector\":1," AMPERES(16000) ",\"validS\":3600,\"fallback\":{\"currentMa\":6000}}"

/* The plugin dies at its n-th point while a limit is set. False where it has fewer. */
static bool dies_at(uint64_t n)
{
	struct host_answer *a;
	size_t crashes;

	smart_setup();
	host_crash_at(h, "ocpp.0", n);
	a = host_call_later(h, NULL, CHARGING "SetLimit", LIMIT);
	host_run_ms(h, 20000);
	cr_assert(a->done, "death %lu", (unsigned long)n);
	if (a->code == GV_UNAVAILABLE) {
		cr_expect_eq(smart.set, 0, "death %lu: it was asked before the charger was there again",
			     (unsigned long)n);
		a = host_call(h, CHARGING "SetLimit", LIMIT);
	}
	cr_expect_eq(a->code, GV_OK, "death %lu: %s", (unsigned long)n, a->error);
	cr_expect(strstr(a->json, "Accepted"), "death %lu: %s", (unsigned long)n, a->json);
	cr_expect_eq(smart_profiles(), 2);
	cr_expect_eq(smart_now(1), 160);
	crashes = host_crashes(h);
	if (crashes) /* or it dies of this question */
		cr_expect(cJSON_IsTrue(get(schedule(",\"connector\":1,\"durationS\":7200"), "equal")), "death %lu",
			  (unsigned long)n);
	bench_teardown();
	memset(&smart, 0, sizeof smart);
	return crashes > 0;
}

Test(ocpp_schedules_crashes, a_limit_is_set_once_wherever_the_plugin_dies, .timeout = 120)
{
	uint64_t n = 1;

	while (dies_at(n))
		n++;
	cr_expect_gt(n, 8, "points were passed");
}
