/* Meters of real chargers: backwards, empty, late, without totals or with wrong ones (docs/protocols/ocpp-quirks.md; a
 * test has its row's number in its name). */
#include "quirks.h"

TestSuite(ocpp_quirks_meters, BENCH);
TestSuite(ocpp_quirks_meters_v201, BENCH_V201);
TestSuite(ocpp_quirks_meters_config, .fini = bench_teardown, .timeout = 60);

Test(ocpp_quirks_meters, q37_a_meter_that_goes_backwards_bills_nothing)
{
	int id = begin(START("A", T0, "1000"));

	stop_with(id, "\"meterStop\":999,\"timestamp\":\"2025-01-15T02:30:00Z\"");
	cr_expect_eq(number(session(id), "energyWh"), 0);
	cr_expect_eq(number(session(id), "meterStopWh"), 999, "as it was said");
	cr_expect(has("meter-backwards"));
	id = begin(START("B", "2025-01-15T03:00:00Z", "0"));
	stop_with(id, "\"meterStop\":-1,\"timestamp\":\"2025-01-15T03:30:00Z\"");
	cr_expect_eq(number(session(id), "energyWh"), 0);
	cr_expect_eq(met("meter-backwards"), 2);
}

Test(ocpp_quirks_meters, q39_connector_0_is_the_only_one_where_the_charger_is_known_for_it)
{
	int id;

	fine("BootNotification", BOOT("KEBA AG", "P30", "1"));
	id = begin(START("A", T0, "0"));
	fine("MeterValues",
	     "{\"connectorId\":0,\"meterValue\":[{\"timestamp\":\"2025-01-15T02:20:00Z\",\"sampledValue\":[{"
	     "\"value\":\"12\"}]}]}");
	cr_expect_eq(number(session(id), "energyWh"), 12);
	cr_expect_eq(met("connector-zero"), 1);
}

Test(ocpp_quirks_meters, q39_elsewhere_connector_0_is_the_main_meter)
{
	int id = begin(START("A", T0, "0"));

	fine("MeterValues",
	     "{\"connectorId\":0,\"meterValue\":[{\"timestamp\":\"2025-01-15T02:20:00Z\",\"sampledValue\":[{"
	     "\"value\":\"12\"}]}]}");
	cr_expect_eq(number(session(id), "energyWh"), 0);
}

Test(ocpp_quirks_meters, q40_values_that_are_no_numbers_are_skipped_or_kept_as_text)
{
	int id = begin(START("A", T0, "0"));

	fine("MeterValues",
	     METER("{\"value\":\"\"},{\"value\":\" 9 \"},{\"value\":\"abc\"},{\"value\":\"QUJD\",\"format\":"
		   "\"SignedData\"}"));
	cr_expect_eq(number(session(id), "energyWh"), 9);
	cr_expect_eq(samples(session(id)), 3);
	cr_expect(has("empty-value"));
	cr_expect_eq(met("empty-value"), 1);
	cr_expect_eq(met("text-value"), 1);
}

Test(ocpp_quirks_meters, q41_phases_by_either_name_make_a_total_and_contradict_a_wrong_one)
{
	begin(START("A", T0, "0"));
	fine("MeterValues", METER("{\"value\":\"1000\",\"measurand\":\"Power.Active.Import\",\"phase\":\"L1-N\"},"
				  "{\"value\":\"2000\",\"measurand\":\"Power.Active.Import\",\"phase\":\"L2\"}"));
	cr_expect_eq(number(event(EVENT "SessionMetered", 0), "powerW"), 3000);
	fine("MeterValues",
	     "{\"connectorId\":1,\"transactionId\":1,\"meterValue\":[{\"timestamp\":\"2025-01-15T02:21:00Z\","
	     "\"sampledValue\":[{\"value\":\"9\",\"measurand\":\"Power.Active.Import\"},"
	     "{\"value\":\"3000\",\"measurand\":\"Power.Active.Import\",\"phase\":\"L1\"}]}]}");
	cr_expect_eq(number(event(EVENT "SessionMetered", 1), "powerW"), 3000);
	cr_expect(has("wrong-total"));
	cr_expect_eq(met("no-total"), 1);
	cr_expect_eq(met("wrong-total"), 1);
}

/* What is made of a total beside phases of 3,000 W. */
static int power_of_total(const char *time, const char *total)
{
	static int n;
	char samples[500];

	snprintf(samples, sizeof samples,
		 "{\"connectorId\":1,\"transactionId\":1,\"meterValue\":[{\"timestamp\":\"%s\",\"sampledValue\":["
		 "{\"value\":\"%s\",\"measurand\":\"Power.Active.Import\"},"
		 "{\"value\":\"1000\",\"measurand\":\"Power.Active.Import\",\"phase\":\"L1\"},"
		 "{\"value\":\"2000\",\"measurand\":\"Power.Active.Import\",\"phase\":\"L2\"}]}]}",
		 time, total);
	fine("MeterValues", samples);
	return (int)number(event(EVENT "SessionMetered", n++), "powerW");
}

Test(ocpp_quirks_meters, q41_a_total_is_believed_within_a_tenth_of_its_phases)
{
	begin(START("A", T0, "0"));
	cr_expect_eq(power_of_total("2025-01-15T02:20:00Z", "3300"), 3300);
	cr_expect_eq(power_of_total("2025-01-15T02:30:00Z", "2700"), 2700);
	cr_expect_eq(met("wrong-total"), 0);
	cr_expect_not(has("wrong-total"));
	cr_expect_eq(power_of_total("2025-01-15T02:40:00Z", "3301"), 3000);
	cr_expect_eq(power_of_total("2025-01-15T02:50:00Z", "2699"), 3000);
	cr_expect_eq(met("wrong-total"), 2);
	cr_expect(has("wrong-total"));
}

Test(ocpp_quirks_meters, q41_currents_against_neutral_are_currents_of_their_phases)
{
	int id = begin(START("A", T0, "0"));
	const cJSON *sample;

	fine("MeterValues",
	     METER("{\"value\":\"16\",\"measurand\":\"Current.Import\",\"unit\":\"A\",\"phase\":\"L1-N\"}"));
	sample = cJSON_GetArrayItem(get(session(id), "samples"), 0);
	cr_expect_str_eq(text(sample, "phase"), "L1-N");
	cr_expect_eq(get(sample, "value")->valuedouble, 16);
	cr_expect(!has("unknown-value"));
	cr_expect_eq(met("no-total"), 0, "currents of phases have none");
}

Test(ocpp_quirks_meters, q42_samples_of_the_full_hour_are_noise_of_some)
{
	int id;

	fine("BootNotification", BOOT("DELTA", "M", "1"));
	id = begin(START("A", T0, "0"));
	fine("MeterValues", METER("{\"value\":\"5\",\"context\":\"Sample.Clock\"}"));
	cr_expect_eq(samples(session(id)), 0);
	cr_expect(!has("context-ignored"), "counted, and no one is told");
	cr_expect_eq(met("context-ignored"), 1);
}

#define CLOCK_15(context)                                                                                              \
	"{\"connectorId\":1,\"transactionId\":1,\"values\":[{\"timestamp\":\"2025-01-15T03:00:00Z\",\"value\":[{"      \
	"\"value\":\"5\",\"context\":\"" context "\"}]}]}"

Test(ocpp_quirks_meters_config, q42_abb_repeats_them_in_1_5_alone)
{
	int id;

	bench_load_as("ocpp1.5", "{\"unknownToken\":\"accept\"}");
	answered("BootNotification", BOOT("ABB", "Terra", "1"), "Accepted");
	id = begin(START("A", T0, "0"));
	fine("MeterValues", CLOCK_15("Sample.Clock"));
	fine("MeterValues", CLOCK_15("Sample.Periodic"));
	cr_expect_eq(samples(session(id)), 1);
	cr_expect_eq(met("context-ignored"), 1);
	bench_connect("ocpp1.6");
	fine("MeterValues", METER("{\"value\":\"6\",\"context\":\"Sample.Clock\"}"));
	cr_expect_eq(samples(session(id)), 2);
	cr_expect_eq(met("context-ignored"), 1);
}

Test(ocpp_quirks_meters, q42_without_a_reading_at_its_begin_a_session_counts_from_its_start)
{
	int id = begin(START("A", T0, "1000"));

	fine("MeterValues", METER("{\"value\":\"1500\",\"context\":\"Sample.Periodic\"}"));
	cr_expect_eq(number(session(id), "energyWh"), 500);
}

Test(ocpp_quirks_meters_v201, q42_without_a_reading_at_its_begin_the_first_is_its_begin)
{
	transaction("Started", 0, "02:09:54", "", "");
	transaction("Updated", 1, "02:20:00", "",
		    "\"meterValue\":[{\"timestamp\":\"2025-01-15T02:20:00Z\",\"sampledValue\":[{\"value\":1500}]}]");
	transaction("Updated", 2, "02:30:00", "",
		    "\"meterValue\":[{\"timestamp\":\"2025-01-15T02:30:00Z\",\"sampledValue\":[{\"value\":1700}]}]");
	cr_expect_eq(number(session(1), "energyWh"), 200);
}

Test(ocpp_quirks_meters, q47_hundreds_of_old_messages_come_at_once_and_in_order)
{
	int id = begin(START("A", "2025-01-14T02:59:00Z", "0"));
	char time[40], value[12];

	for (int i = 1; i <= 300; i++) {
		snprintf(time, sizeof time, "2025-01-14T%02d:%02d:00Z", 3 + i / 60, i % 60);
		snprintf(value, sizeof value, "%d", i);
		meter(id, time, value);
		bench_forget_frames();
	}
	stop_with(id, "\"meterStop\":300,\"timestamp\":\"2025-01-14T09:00:00Z\"");
	cr_expect_eq(samples(session(id)), 300);
	cr_expect_eq(number(session(id), "energyWh"), 300);
	cr_expect_eq(met("old-messages"), 2, "its start and its stop");
}
