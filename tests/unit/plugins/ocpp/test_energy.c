/* What a charger says of energy is kept, however it is said and however much of it there is. */
#include "charger.h"

#include <stdlib.h>
#include <string.h>

#define READINGS_MAX 500 /* of a message, as ocpp.h has it */
#define TIME "2025-01-15T02:20:00Z"

TestSuite(ocpp_energy, BENCH);

/* MeterValues with the registers first, first + 1 .. of one time. */
static void meter_many(int id, int first, int n)
{
	size_t size = 200 + (size_t)n * 20, length;
	char *text = malloc(size);

	length = (size_t)snprintf(text, size,
				  "[2,\"many\",\"MeterValues\",{\"connectorId\":1,\"transactionId\":%d,"
				  "\"meterValue\":[{\"timestamp\":\"" TIME "\",\"sampledValue\":[",
				  id);
	for (int i = 0; i < n; i++)
		length += (size_t)snprintf(text + length, size - length, "%s{\"value\":\"%d\"}", i ? "," : "",
					   first + i);
	snprintf(text + length, size - length, "]}]}]");
	raw(text);
	free(text);
	host_settle(h, 100);
	cr_assert(received("[3,\"many\","));
	bench_forget_frames();
}

static bool has(const char *quirk)
{
	const cJSON *stations = get(ask(OCPP "ListStations", "{\"device\":\"ocpp:CP001\"}"), "stations"), *q;

	cJSON_ArrayForEach(
		q, get(cJSON_GetArrayItem(stations, 0), "quirks")) if (!strcmp(q->valuestring, quirk)) return true;
	return false;
}

/* ---- how much -------------------------------------------------------------------------------- */

Test(ocpp_energy, the_samples_of_a_message_are_bounded_and_its_register_is_still_the_last)
{
	int id = begin(START("A", T0, "0"));

	meter_many(id, 1, 10000);
	cr_expect_eq(samples(session(id)), READINGS_MAX);
	cr_expect_eq(number(session(id), "energyWh"), 10000);
	cr_expect(has("too-many-samples"));
	meter_many(id, 1, 10000);
	cr_expect_eq(samples(session(id)), READINGS_MAX, "the same again");
}

Test(ocpp_energy, as_many_samples_as_may_be_are_no_remark)
{
	int id = begin(START("A", T0, "0"));

	meter_many(id, 1, READINGS_MAX);
	cr_expect_eq(samples(session(id)), READINGS_MAX);
	cr_expect(!has("too-many-samples"));
}

Test(ocpp_energy, a_repeat_is_looked_for_so_far_and_no_further)
{
	int id = begin(START("A", T0, "0")), messages = 8;

	for (int i = 0; i < messages; i++)
		meter_many(id, 1 + i * READINGS_MAX, READINGS_MAX);
	meter_many(id, 1 + (messages - 2) * READINGS_MAX, READINGS_MAX);
	cr_expect_eq(samples(session(id)), messages * READINGS_MAX, "one of lately is found");
	meter_many(id, 1, READINGS_MAX);
	cr_expect_eq(samples(session(id)), (messages + 1) * READINGS_MAX, "one of long ago is kept again: not lost");
	cr_expect_eq(number(session(id), "energyWh"), messages * READINGS_MAX);
}
