/* Meter values and heartbeats are kept as what else was said is, but for a row each: they are collected, and written
 * many a row. An orderly end loses none of them, a crash those of the last minutes. */
#include "model.h"

#include <string.h>

#define ALL "{\"device\":\"ocpp:CP001\",\"limit\":1000}"
#define HEARTBEATS "{\"device\":\"ocpp:CP001\",\"limit\":1000,\"action\":\"Heartbeat\"}"
#define METER_VALUES                                                                                                   \
	"{\"connectorId\":1,\"meterValue\":[{\"timestamp\":\"" T0 "\",\"sampledValue\":[{\"value\":\"%d\"}]}]}"
#define MINUTES(n) ((n)*INT64_C(60000))

TestSuite(ocpp_packs, BENCH);
TestSuite(ocpp_packs_config, .fini = bench_teardown, .timeout = 60);

static const cJSON *list(const char *request)
{
	return get(ask(OCPP "ListMessages", request), "messages");
}

static int said(const char *request)
{
	return cJSON_GetArraySize(list(request));
}

static void heartbeats(unsigned n)
{
	while (n--) {
		fine("Heartbeat", "{}");
		bench_forget_frames();
	}
}

static void crash(void)
{
	host_crash(h, "ocpp.0");
	host_settle(h, 5000);
}

Test(ocpp_packs, all_of_them_outlive_an_orderly_restart)
{
	char request[300];

	fine("BootNotification", "{\"chargePointVendor\":\"V\",\"chargePointModel\":\"M\"}");
	snprintf(request, sizeof request, METER_VALUES, 4711);
	fine("MeterValues", request);
	heartbeats(1);
	cr_assert_eq(host_reload(h, "ocpp", NULL), 0);
	host_settle(h, 5000);
	cr_expect_eq(said(ALL), 6, "both directions of three calls");
	cr_expect_eq(said("{\"device\":\"ocpp:CP001\",\"contains\":\"4711\"}"), 1);
	cr_expect_eq(said("{\"device\":\"ocpp:CP001\",\"action\":\"Heartbeat\",\"direction\":\"out\"}"), 1);
	cr_expect_eq(said("{\"device\":\"ocpp:CP002\"}"), 0);
}

Test(ocpp_packs, a_crash_loses_those_of_the_last_five_minutes)
{
	heartbeats(3);
	host_run_ms(h, MINUTES(5) + 1000);
	heartbeats(2);
	crash();
	cr_expect_eq(said(HEARTBEATS), 6, "both directions of the first three");
}

Test(ocpp_packs, what_was_collected_is_written_when_the_connection_ends)
{
	heartbeats(3);
	host_station_drop(cp.station);
	host_settle(h, 1000);
	crash();
	cr_expect_eq(said(HEARTBEATS), 6);
}

Test(ocpp_packs, many_of_them_are_one_row)
{
	heartbeats(30);
	cr_expect_eq(rows("message_packs"), 0, "saying them writes none");
	host_run_ms(h, MINUTES(5) + 1000);
	cr_expect_eq(rows("message_packs"), 1);
	cr_expect_eq(said(HEARTBEATS), 60);
}

Test(ocpp_packs, they_are_shown_once_and_in_order_wherever_they_are)
{
	double before = 1e18;
	const cJSON *m, *messages;

	for (int i = 0; i < 3; i++) {
		fine("BootNotification", "{\"chargePointVendor\":\"V\",\"chargePointModel\":\"M\"}");
		heartbeats(2);
		if (i == 0)
			cr_assert_eq(host_reload(h, "ocpp", NULL), 0);
		host_run_ms(h, i == 1 ? MINUTES(6) : 1000);
	}
	messages = list(ALL);
	cr_expect_eq(cJSON_GetArraySize(messages), 18);
	cJSON_ArrayForEach(m, messages)
	{
		double number = strtod(text(m, "number"), NULL);

		cr_expect_lt(number, before, "from the newest to the oldest");
		before = number;
	}
}

Test(ocpp_packs, a_charger_that_talks_without_end_is_kept_in_part)
{
	int kept_of_it;

	heartbeats(400);
	cr_expect_eq(said(HEARTBEATS), 800, "in memory is all of it");
	cr_assert_eq(host_reload(h, "ocpp", NULL), 0);
	host_settle(h, 5000);
	kept_of_it = said(HEARTBEATS);
	cr_expect_gt(kept_of_it, 50);
	cr_expect_lt(kept_of_it, 400, "8 KiB, FULL_BYTES of packs.c, until they are written");
	heartbeats(1);
	host_run_ms(h, MINUTES(6));
	crash();
	cr_expect_eq(said(HEARTBEATS), kept_of_it + 2, "when it has calmed down, all of it again");
}

Test(ocpp_packs_config, the_oldest_go_and_what_matters_stays)
{
	int kept_of_them;

	bench_load("{\"unknownToken\":\"accept\",\"keepRoutineBytesPerStation\":20000,\"keepMessagesDays\":1}");
	fine("BootNotification", "{\"chargePointVendor\":\"V\",\"chargePointModel\":\"M\"}");
	for (int i = 0; i < 10; i++) {
		heartbeats(40);
		host_run_ms(h, MINUTES(6));
	}
	crash();
	kept_of_them = said(HEARTBEATS);
	cr_expect_gt(kept_of_them, 200);
	cr_expect_lt(kept_of_them, 400, "of 800: some 60 bytes each");
	cr_expect_eq(said("{\"device\":\"ocpp:CP001\",\"action\":\"BootNotification\"}"), 2);
	host_run_ms(h, 26LL * 3600 * 1000);
	cr_expect_eq(said(ALL), 0, "none that is older than a day");
	cr_expect_eq(rows("message_packs"), 0);
}

Test(ocpp_packs_config, where_they_are_not_wanted_none_is_kept)
{
	bench_load("{\"keepRoutineBytesPerStation\":0}");
	heartbeats(3);
	cr_expect_eq(said(HEARTBEATS), 6, "but in memory");
	cr_assert_eq(host_reload(h, "ocpp", NULL), 0);
	host_settle(h, 5000);
	cr_expect_eq(said(HEARTBEATS), 0);
}
