/* What was said can be looked up: after a restart, by what it holds, page by page, within bounds, and without a secret.
 */
#include "charger.h"

#include <string.h>

#define STATUS(error) "{\"connectorId\":1,\"status\":\"Available\",\"errorCode\":\"" error "\"}"
#define BOOT "{\"chargePointVendor\":\"V\",\"chargePointModel\":\"M\"}"

TestSuite(ocpp_history, BENCH);

static const cJSON *list(const char *request)
{
	return get(ask(OCPP "ListMessages", request), "messages");
}

static int count(const char *request)
{
	return cJSON_GetArraySize(list(request));
}

Test(ocpp_history, what_matters_outlives_a_restart)
{
	fine("BootNotification", BOOT);
	fine("Heartbeat", "{}");
	fine("StatusNotification", STATUS("NoError"));
	cr_expect_eq(count("{\"device\":\"ocpp:CP001\"}"), 6, "both directions of three calls");
	host_crash(h, "ocpp.0");
	host_settle(h, 5000);
	cr_expect_eq(count("{\"device\":\"ocpp:CP001\"}"), 4, "heartbeats and meter values live in memory only");
	cr_expect_eq(count("{\"device\":\"ocpp:CP002\"}"), 0);
}

Test(ocpp_history, a_refusal_is_kept_whatever_it_refuses)
{
	say("MeterValues", "{\"connectorId\":1,\"meterValue\":5}");
	host_crash(h, "ocpp.0");
	host_settle(h, 5000);
	cr_expect(strstr(text(cJSON_GetArrayItem(list("{\"device\":\"ocpp:CP001\"}"), 0), "text"), "[4,"));
}

Test(ocpp_history, it_is_searched_by_action_direction_time_and_text)
{
	fine("BootNotification", BOOT);
	host_run_ms(h, 60000);
	fine("StatusNotification", STATUS("GroundFailure"));
	cr_expect_eq(count("{\"device\":\"ocpp:CP001\",\"action\":\"BootNotification\"}"), 2);
	cr_expect_eq(count("{\"device\":\"ocpp:CP001\",\"direction\":\"in\"}"), 2);
	cr_expect_eq(count("{\"device\":\"ocpp:CP001\",\"contains\":\"GroundFailure\"}"), 1);
	cr_expect_eq(count("{\"contains\":\"GroundFailure\"}"), 1, "of all chargers, what is in memory");
	cr_expect_eq(count("{\"device\":\"ocpp:CP001\",\"contains\":\"groundfailure\"}"), 0);
}

Test(ocpp_history, pages_follow_one_another_without_holes)
{
	char request[120];
	long seen = 0;
	double before = 0;

	for (int i = 0; i < 5; i++)
		fine(i % 2 ? "Heartbeat" : "BootNotification", i % 2 ? "{}" : BOOT);
	do {
		const cJSON *reply;

		snprintf(request, sizeof request, "{\"device\":\"ocpp:CP001\",\"limit\":3,\"before\":\"%.0f\"}",
			 before);
		reply = ask(OCPP "ListMessages", request);
		seen += cJSON_GetArraySize(get(reply, "messages"));
		before = strtod(text(reply, "nextBefore"), NULL);
	} while (before > 0);
	cr_expect_eq(seen, 10);
}

Test(ocpp_history, no_secret_is_ever_shown)
{
	static const char *const calls[] = {
		"{\"device\":\"ocpp:CP001\",\"action\":\"ChangeConfiguration\",\"payload\":{\"key\":"
		"\"AuthorizationKey\",\"value\":"
		"\"c0ffee11\"}}",
		"{\"device\":\"ocpp:CP001\",\"action\":\"GetDiagnostics\",\"payload\":{\"location\":\"ftp://"
		"me:c0ffee11@host/x\"}}",
		"{\"device\":\"ocpp:CP001\",\"action\":\"GetConfiguration\",\"payload\":{}}",
	};

	cp.reply = "{\"status\":\"Accepted\",\"configurationKey\":[{\"key\":\"StationPassword\",\"readonly\":true,"
		   "\"value\":\"c0ffee11\"}]}";
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
		ask(OCPP "Call", calls[i]);
	cr_expect_eq(count("{\"device\":\"ocpp:CP001\"}"), 6);
	cr_expect_eq(count("{\"device\":\"ocpp:CP001\",\"contains\":\"c0ffee11\"}"), 0);
	cr_expect_eq(count("{\"device\":\"ocpp:CP001\",\"contains\":\"***\"}"), 5,
		     "the calls, but for the one without a secret, and the answers");
	cr_expect_eq(count("{\"device\":\"ocpp:CP001\",\"contains\":\"ftp://***@host/x\"}"), 1);
}

Test(ocpp_history, a_charger_that_talks_without_end_does_not_fill_the_store)
{
	for (int i = 0; i < 400; i++) {
		say("StatusNotification", i % 2 ? STATUS("NoError") : STATUS("OtherError"));
		bench_forget_frames();
	}
	host_crash(h, "ocpp.0");
	host_settle(h, 5000);
	cr_expect_eq(count("{\"device\":\"ocpp:CP001\",\"limit\":1000}"), 240, "KEPT_PER_MINUTE of history.c");
}

TestSuite(ocpp_history_config, .fini = bench_teardown, .timeout = 60);

Test(ocpp_history_config, the_oldest_are_forgotten)
{
	bench_load("{\"unknownToken\":\"accept\",\"keepMessagesPerStation\":10,\"keepMessagesDays\":1}");
	for (int i = 0; i < 20; i++)
		fine("BootNotification", BOOT);
	host_crash(h, "ocpp.0");
	host_run_ms(h, 2 * 3600 * 1000);
	cr_expect_eq(count("{\"device\":\"ocpp:CP001\"}"), 10, "as many as are kept of a charger");
	host_run_ms(h, 25LL * 3600 * 1000);
	cr_expect_eq(count("{\"device\":\"ocpp:CP001\"}"), 0, "none that is older than a day");
}
