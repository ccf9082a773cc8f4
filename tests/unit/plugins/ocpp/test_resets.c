/* Meters that are reset, or seem to be, while a session runs: quirk row 37. What was delivered is counted, and what was
 * not is not. */
#include "charger.h"

TestSuite(ocpp_resets, BENCH);
TestSuite(ocpp_resets_v201, BENCH_V201);

#define AT(time) "2025-01-15T" time "Z"
#define REGISTER(time, wh)                                                                                             \
	"{\"timestamp\":\"" AT(time) "\",\"sampledValue\":[{\"value\":" wh                                             \
				     ",\"measurand\":\"Energy.Active.Import.Register\"}]}"

static void energy_is(int id, long wh, bool reset)
{
	const cJSON *s = session(id);

	cr_expect_eq(number(s, "energyWh"), wh, "%ld", number(s, "energyWh"));
	cr_expect_eq(flagged(s, "meter-reset"), reset);
}

static int start_and_5000(void)
{
	int id = begin(START("A", AT("02:00:00"), "1000"));

	meter(id, AT("02:30:00"), "5000");
	return id;
}

static void stop_at(int id, const char *wh)
{
	char rest[96];

	snprintf(rest, sizeof rest, "\"meterStop\":%s,\"timestamp\":\"" AT("03:30:00") "\"", wh);
	stop_with(id, rest);
}

Test(ocpp_resets, what_was_counted_before_a_reset_is_carried)
{
	int id = start_and_5000();

	meter(id, AT("02:40:00"), "0");
	energy_is(id, 4000, true);
	meter(id, AT("03:00:00"), "3000");
	energy_is(id, 7000, true);
	cr_expect_eq(number(event(EVENT "SessionMetered", events(EVENT "SessionMetered") - 1), "energyWh"), 7000);
	stop_at(id, "3000");
	energy_is(id, 7000, true);
	cr_expect_eq(number(session(id), "meterStopWh"), 3000, "as it was said");
	cr_expect_eq(met("meter-backwards"), 1);
}

Test(ocpp_resets, the_zero_need_not_be_seen)
{
	int id = start_and_5000();

	meter(id, AT("03:00:00"), "3000");
	stop_at(id, "3000");
	energy_is(id, 7000, true);
}

Test(ocpp_resets, only_the_stop_may_show_it)
{
	int id = start_and_5000();

	stop_at(id, "3000");
	energy_is(id, 7000, true);
}

Test(ocpp_resets, each_of_several_counts)
{
	int id = start_and_5000();

	meter(id, AT("02:40:00"), "0");
	meter(id, AT("02:50:00"), "1500");
	meter(id, AT("03:00:00"), "200");
	stop_at(id, "300");
	energy_is(id, 4000 + 1500 + 300, true);
}

Test(ocpp_resets, one_that_came_with_the_stop_counts)
{
	int id = begin(START("A", AT("02:00:00"), "1000"));

	stop_with(id,
		  "\"meterStop\":3000,\"timestamp\":\"" AT("03:30:00") "\",\"transactionData\":[{\"timestamp\":\"" AT(
			  "02:30:00") "\","
				      "\"sampledValue\":[{\"value\":\"5000\"}]},{\"timestamp\":\"" AT(
					      "02:40:00") "\",\"sampledValue\":[{\"value\":\"0\"}]},{\"timestamp\":"
							  "\"" AT("03:00:00") "\",\"sampledValue\":[{\"value\":"
									      "\"2900\"}]}]");
	energy_is(id, 7000, true);
}

Test(ocpp_resets, a_late_older_sample_is_none)
{
	int id = start_and_5000();

	meter(id, AT("02:10:00"), "2000");
	energy_is(id, 4000, false);
	stop_at(id, "6000");
	energy_is(id, 5000, false);
	cr_expect_eq(met("meter-backwards"), 0);
}

Test(ocpp_resets, a_late_sample_of_before_the_reset_raises_what_is_carried)
{
	int id = start_and_5000();

	meter(id, AT("02:40:00"), "0");
	meter(id, AT("02:35:00"), "5400");
	stop_at(id, "3000");
	energy_is(id, 7400, true);
}

Test(ocpp_resets, jitter_is_none_and_what_was_shown_stays)
{
	int id = start_and_5000();

	meter(id, AT("02:40:00"), "4960");
	energy_is(id, 4000, false);
	stop_at(id, "4999");
	energy_is(id, 4000, false);
}

Test(ocpp_resets, a_meter_that_was_not_read_for_a_while_was_not_reset)
{
	int id = start_and_5000();

	meter(id, AT("02:40:00"), "0");
	meter(id, AT("02:41:00"), "5100");
	energy_is(id, 4100, false);
	stop_at(id, "6000");
	energy_is(id, 5000, false);
}

Test(ocpp_resets, samples_of_the_session_alone_and_a_stop_of_the_whole_meter_do_not_add_up)
{
	int id = begin(START("A", AT("02:00:00"), "100000"));

	meter(id, AT("02:10:00"), "500");
	meter(id, AT("03:00:00"), "5000");
	energy_is(id, 5000, true);
	stop_at(id, "105000");
	energy_is(id, 5000, false);
}

Test(ocpp_resets, another_meter_counts_from_what_it_shows)
{
	int id = start_and_5000();

	meter(id, AT("02:30:01"), "2000");
	energy_is(id, 4000, true);
	stop_at(id, "2500");
	energy_is(id, 4500, true);
}

Test(ocpp_resets, a_stop_somewhat_below_the_start_is_nothing_that_was_delivered)
{
	int id = begin(START("A", AT("02:00:00"), "5000"));

	stop_at(id, "4000");
	cr_expect_eq(number(session(id), "energyWh"), 0, "nothing says that it began at 0");
	cr_expect(flagged(session(id), "meter-backwards"));
}

Test(ocpp_resets, a_reading_that_cannot_be_is_put_right_by_the_next)
{
	int id = begin(START("A", AT("02:00:00"), "1000"));

	meter(id, AT("02:30:00"), "99999999");
	meter(id, AT("02:40:00"), "5000");
	energy_is(id, 4000, false);
	stop_at(id, "6000");
	energy_is(id, 5000, false);
}

Test(ocpp_resets, a_crash_of_the_plugin_forgets_none)
{
	int id = start_and_5000();

	meter(id, AT("02:40:00"), "0");
	host_crash(h, "ocpp.0");
	host_run_ms(h, 5000);
	bench_connect("ocpp1.6");
	stop_at(id, "3000");
	energy_is(id, 7000, true);
}

/* ---- 2.0.1 ----------------------------------------------------------------------------------- */

static void begins(void)
{
	transaction(
		"Started", 0, "02:00:00", "",
		"\"evse\":{\"id\":1},\"idToken\":{\"idToken\":\"A\",\"type\":\"ISO14443\"},\"meterValue\":[" REGISTER(
			"02:00:00", "1000") "]");
}

static void goes_on(int number, const char *time, const char *wh)
{
	char rest[256];

	snprintf(rest, sizeof rest,
		 "\"meterValue\":[{\"timestamp\":\"2025-01-15T%sZ\",\"sampledValue\":[{\"value\":%s}]}]", time, wh);
	transaction(number == 9 ? "Ended" : "Updated", number, time, "", rest);
}

Test(ocpp_resets_v201, what_was_counted_before_a_reset_is_carried)
{
	begins();
	goes_on(1, "02:30:00", "5000");
	goes_on(2, "02:40:00", "0");
	energy_is(1, 4000, true);
	goes_on(3, "03:00:00", "3000");
	energy_is(1, 7000, true);
	goes_on(9, "03:30:00", "3000");
	energy_is(1, 7000, true);
	cr_expect_eq(met("meter-backwards"), 1);
}

Test(ocpp_resets_v201, what_the_last_message_brings_at_once_is_taken_by_its_times)
{
	begins();
	transaction("Ended", 1, "03:30:00", "",
		    "\"meterValue\":[" REGISTER("03:00:00", "3000") "," REGISTER("02:30:00", "5000") "," REGISTER(
			    "02:40:00", "0") "]");
	energy_is(1, 7000, true);
}

Test(ocpp_resets_v201, a_late_older_sample_is_none)
{
	begins();
	goes_on(2, "02:30:00", "5000");
	goes_on(1, "02:10:00", "2000");
	energy_is(1, 4000, false);
	goes_on(9, "03:30:00", "6000");
	energy_is(1, 5000, false);
}

Test(ocpp_resets_v201, a_late_sample_of_before_the_reset_raises_what_is_carried)
{
	begins();
	goes_on(2, "02:40:00", "0");
	goes_on(1, "02:30:00", "5000");
	goes_on(9, "03:30:00", "3000");
	energy_is(1, 7000, true);
}

Test(ocpp_resets_v201, jitter_is_none_and_what_was_shown_stays)
{
	begins();
	goes_on(1, "02:30:00", "5000");
	goes_on(2, "02:40:00", "4960");
	goes_on(9, "03:30:00", "4999");
	energy_is(1, 4000, false);
}
