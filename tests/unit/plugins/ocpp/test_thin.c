/* How much is kept of one charger is bounded, whatever it sends: the samples of a session, those of all of its
 * sessions, and what it said. What is kept of a session begins with its first samples and ends with its last, and its
 * energy does not depend on it. */
#include "charger.h"

#include <stdlib.h>
#include <string.h>

#define SAMPLES_MAX 50000 /* of a session, as ocpp.h has it */
#define A_MESSAGE 500     /* samples */
#define CONFIG(rest) "{\"unknownToken\":\"accept\",\"localList\":\"off\"" rest "}"

TestSuite(ocpp_thin, .fini = bench_teardown, .timeout = 100);

static int64_t clock_s; /* of the charger, since T0's midnight */

static const char *now(void)
{
	static char text[40];
	time_t seconds = 1736899200 + clock_s;
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return text;
}

static int begin_now(void)
{
	char payload[200];

	snprintf(payload, sizeof payload, "{\"connectorId\":1,\"idTag\":\"A\",\"meterStart\":0,\"timestamp\":\"%s\"}",
		 now());
	return begin(payload);
}

/* MeterValues, `wh` in the register unless it is negative, and so many voltages, a second behind the one before. */
static void meter_now(int id, int wh, int voltages)
{
	static char text[64 * A_MESSAGE];
	int n;

	clock_s++;
	n = snprintf(text, sizeof text,
		     "[2,\"t\",\"MeterValues\",{\"connectorId\":1,\"transactionId\":%d,\"meterValue\":[{\"timestamp\":"
		     "\"%s\",\"sampledValue\":[",
		     id, now());
	if (wh >= 0)
		n += snprintf(text + n, sizeof text - (size_t)n, "{\"value\":\"%d\"}%s", wh, voltages ? "," : "");
	for (int i = 0; i < voltages; i++)
		n += snprintf(text + n, sizeof text - (size_t)n, "%s{\"value\":\"%d\",\"measurand\":\"Voltage\"}",
			      i ? "," : "", 200 + i);
	snprintf(text + n, sizeof text - (size_t)n, "]}]}]");
	raw(text);
	host_settle(h, 100);
	cr_assert(received("[3,\"t\","));
	bench_forget_frames();
}

static void stop_now(int id, int wh)
{
	char rest[100];

	snprintf(rest, sizeof rest, "\"meterStop\":%d,\"timestamp\":\"%s\"", wh, now());
	stop_with(id, rest);
	bench_forget_frames();
}

/* The i-th register reading that is kept, from the end where i is negative; -1: none. */
static double reading(const cJSON *s, int i)
{
	const cJSON *list = get(s, "samples"), *item;
	double found[SAMPLES_MAX / 10];
	int n = 0;

	cJSON_ArrayForEach(item, list) if (!strncmp(text(item, "measurand"), "Energy", 6) && n < SAMPLES_MAX / 10)
		found[n++] = get(item, "value")->valuedouble;
	i = i < 0 ? n + i : i;
	return i >= 0 && i < n ? found[i] : -1;
}

Test(ocpp_thin, a_session_without_end_has_bounded_samples_from_its_first_to_its_last)
{
	const cJSON *s;
	int id, wh = 0;

	bench_load(CONFIG());
	id = begin_now();
	for (int i = 1; i <= 600; i++) {
		meter_now(id, ++wh, A_MESSAGE - 1);
		if (i != 50 && i != 200 && i != 600)
			continue;
		s = session(id);
		cr_expect_leq(samples(s), SAMPLES_MAX, "of %d messages: %d", i, samples(s));
		cr_expect_eq(reading(s, 0), 1, "the first");
		cr_expect_eq(reading(s, 1), 2);
		cr_expect_eq(reading(s, -1), wh, "and the last: %g, not %d", reading(s, -1), wh);
		cr_expect_eq(number(s, "energyWh"), wh);
	}
	cr_expect_gt(samples(s), SAMPLES_MAX / 2);
	stop_now(id, wh + 5);
	cr_expect_eq(number(session(id), "energyWh"), wh + 5);
}

Test(ocpp_thin, the_last_register_reading_stays_whatever_comes_behind_it)
{
	int id, wh = 0;

	bench_load(CONFIG());
	id = begin_now();
	for (int i = 0; i < 80; i++)
		meter_now(id, ++wh, A_MESSAGE - 1);
	for (int i = 0; i < 70; i++) {
		if (i % 20 == 5)
			meter_now(id, ++wh, 0);
		else
			meter_now(id, -1, 10);
		if (i % 20 != 15)
			continue;
		cr_expect_eq(reading(session(id), -1), wh, "%d: %g, not %d", i, reading(session(id), -1), wh);
	}
}

/* What it sends in texts weighs by its bytes. */
Test(ocpp_thin, long_texts_count_for_as_much_as_they_are)
{
	static char value[4001], message[9000];
	size_t bytes = 0;
	const cJSON *item;
	int id;

	bench_load(CONFIG());
	id = begin_now();
	memset(value, 'x', 4000);
	for (int i = 0; i < 700; i++) {
		clock_s++;
		snprintf(message, sizeof message,
			 "[2,\"t\",\"MeterValues\",{\"connectorId\":1,\"transactionId\":%d,\"meterValue\":[{"
			 "\"timestamp\":\"%s\",\"sampledValue\":[{\"value\":\"%s\"}]}]}]",
			 id, now(), value);
		raw(message);
		host_settle(h, 100);
		bench_forget_frames();
	}
	cJSON_ArrayForEach(item, get(session(id), "samples")) bytes += strlen(text(item, "text"));
	cr_expect_lt(bytes, 32 * SAMPLES_MAX, "%zu", bytes);
	cr_expect_gt(bytes, 16 * SAMPLES_MAX, "%zu", bytes);
}

Test(ocpp_thin, of_a_charger_the_samples_of_the_oldest_sessions_go_first)
{
	enum { SESSIONS = 6, MESSAGES = 70 };
	int id[SESSIONS], whole, kept_sessions = 0;

	bench_load(CONFIG(",\"keepSamplesPerStation\":100000"));
	for (int k = 0; k < SESSIONS; k++) {
		id[k] = begin_now();
		for (int i = 0; i < MESSAGES; i++)
			meter_now(id[k], i + 1, A_MESSAGE - 1);
		stop_now(id[k], MESSAGES);
		host_run_ms(h, 60000);
	}
	whole = samples(session(id[SESSIONS - 1]));
	for (int k = 0; k < SESSIONS; k++) {
		const cJSON *s = session(id[k]);

		cr_expect_eq(number(s, "energyWh"), MESSAGES, "the session itself stays");
		if (kept_sessions)
			cr_expect_gt(samples(s), 0, "none behind one that has some is empty");
		kept_sessions += samples(s) == whole;
	}
	cr_expect_eq(samples(session(id[0])), 0);
	cr_expect_eq(kept_sessions, 3, "%d", kept_sessions);
	meter_now(id[0], 3, 0);
	cr_expect_eq(samples(session(id[0])), 1, "a late one is taken all the same");
}

Test(ocpp_thin, what_a_charger_said_is_bounded_in_number_and_in_bytes_at_any_time)
{
	static char boot[2000], vendor[1500];
	const cJSON *list, *item;
	size_t bytes = 0;

	bench_load(CONFIG(",\"keepMessagesPerStation\":90,\"keepMessagesBytesPerStation\":65536,"
			  "\"messageLogBytes\":65536"));
	for (int i = 0; i < 60; i++) {
		fine("StatusNotification", "{\"connectorId\":1,\"status\":\"Available\",\"errorCode\":\"NoError\"}");
		bench_forget_frames();
	}
	host_crash(h, "ocpp.0");
	host_settle(h, 5000);
	list = get(ask(OCPP "ListMessages", "{\"device\":\"ocpp:CP001\",\"limit\":1000}"), "messages");
	cr_expect_eq(cJSON_GetArraySize(list), 90, "%d", cJSON_GetArraySize(list));
	memset(vendor, 'v', 1400);
	for (int i = 0; i < 60; i++) {
		snprintf(boot, sizeof boot, "{\"vendorId\":\"%d\",\"data\":\"%s\"}", i, vendor);
		fine("DataTransfer", boot);
		bench_forget_frames();
	}
	host_crash(h, "ocpp.0");
	host_settle(h, 5000);
	list = get(ask(OCPP "ListMessages", "{\"device\":\"ocpp:CP001\",\"limit\":1000}"), "messages");
	cJSON_ArrayForEach(item, list) bytes += strlen(text(item, "text"));
	cr_expect_lt(bytes, 65536, "%zu", bytes);
	cr_expect_gt(bytes, 50000, "%zu", bytes);
	cr_expect(strstr(text(cJSON_GetArrayItem(list, 1), "text"), "\"vendorId\":\"59\""), "the newest stay");
}
