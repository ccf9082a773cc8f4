/* What was said can be looked up: after a restart, by what it holds, page by page, within bounds, and without a secret.
 */
#include "charger.h"

#include <stdio.h>
#include <stdlib.h>
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
	cr_expect_eq(count("{\"device\":\"ocpp:CP001\"}"), 4, "heartbeats and meter values are written later");
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

/* A message of more than `size` bytes, with this word behind its first `size`: in the vendor's data, or a sample's
 * value. */
static void say_long(const char *action, const char *before, size_t size, const char *word, const char *after)
{
	char *payload = malloc(size + 1000);
	int head = sprintf(payload, "%s", before);

	memset(payload + head, 'x', size);
	sprintf(payload + head + size, "%s%s", word, after);
	say(action, payload);
	free(payload);
}

Test(ocpp_history, of_a_long_message_8192_bytes_are_kept_and_searched)
{
	say_long("DataTransfer", "{\"vendorId\":\"V\",\"data\":\"", 8000, "NEEDLE", "\"}");
	say_long("DataTransfer", "{\"vendorId\":\"V\",\"data\":\"", 8192, "BEYOND", "\"}");
	host_crash(h, "ocpp.0");
	host_settle(h, 5000);
	cr_expect_eq(count("{\"device\":\"ocpp:CP001\",\"contains\":\"NEEDLE\"}"), 1);
	cr_expect(cJSON_IsFalse(
		get(cJSON_GetArrayItem(list("{\"device\":\"ocpp:CP001\",\"contains\":\"NEEDLE\"}"), 0), "cut")));
	cr_expect_eq(count("{\"device\":\"ocpp:CP001\",\"contains\":\"BEYOND\"}"), 0);
	cr_expect(cJSON_IsTrue(
		get(cJSON_GetArrayItem(list("{\"device\":\"ocpp:CP001\",\"direction\":\"in\"}"), 0), "cut")));
	cr_expect_eq(
		strlen(text(cJSON_GetArrayItem(list("{\"device\":\"ocpp:CP001\",\"direction\":\"in\"}"), 0), "text")),
		8192);
}

Test(ocpp_history, of_long_meter_values_2048_bytes_are)
{
	static const char before[] =
		"{\"connectorId\":1,\"meterValue\":[{\"timestamp\":\"2025-01-15T02:20:00Z\",\"sampledValue\":[{"
		"\"value\":\"1\",\"location\":\"Outlet\",\"measurand\":\"";

	say_long("MeterValues", before, 1800, "NEEDLE", "\"}]}]}");
	say_long("MeterValues", before, 2048, "BEYOND", "\"}]}]}");
	cr_expect_eq(count("{\"device\":\"ocpp:CP001\",\"contains\":\"NEEDLE\"}"), 1);
	cr_expect_eq(count("{\"device\":\"ocpp:CP001\",\"contains\":\"BEYOND\"}"), 0);
	cr_expect_eq(
		strlen(text(cJSON_GetArrayItem(list("{\"device\":\"ocpp:CP001\",\"direction\":\"in\"}"), 0), "text")),
		2048);
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

/* Keys of vendors, in the words that they use. */
Test(ocpp_history, a_key_is_read_word_by_word)
{
	static const char *const secret[] = { "WifiPSK",   "wifi_psk", "WlanPassphrase", "SimPin",       "PINCode",
					      "AuthToken", "token",    "apiKey",         "ocpi_api_key", "WiFiKey" };
	static const char *const plain[] = { "AuthorizeRemoteTxRequests",
					     "ShippingMode",
					     "TokensCached",
					     "MaxTokens",
					     "DefaultIdToken",
					     "UpsKeepAlive",
					     "WiFiKeyManagement",
					     "OpinionKey" };
	char request[200];

	cp.reply = "{\"status\":\"Accepted\"}";
	for (size_t i = 0; i < sizeof secret / sizeof secret[0] + sizeof plain / sizeof plain[0]; i++) {
		size_t n = sizeof secret / sizeof secret[0];
		const char *key = i < n ? secret[i] : plain[i - n];

		snprintf(request, sizeof request,
			 "{\"device\":\"ocpp:CP001\",\"action\":\"ChangeConfiguration\",\"payload\":{\"key\":\"%s\","
			 "\"value\":\"c0ffee%zu\"}}",
			 key, 10 + i);
		ask(OCPP "Call", request);
		snprintf(request, sizeof request, "{\"device\":\"ocpp:CP001\",\"contains\":\"c0ffee%zu\"}", 10 + i);
		cr_expect_eq(count(request), i < n ? 0 : 1, "%s", key);
	}
}

/* What vendors write as they like is hidden as a whole, and only where a secret may be in it. */
Test(ocpp_history, what_vendors_add_is_hidden_where_it_looks_like_a_secret)
{
	fine("DataTransfer", "{\"vendorId\":\"v\",\"data\":\"{\\\"wifi_psk\\\":\\\"c0ffee11\\\"}\"}");
	fine("DataTransfer", "{\"vendorId\":\"v\",\"data\":\"token=c0ffee11\"}");
	fine("DataTransfer", "{\"vendorId\":\"v\",\"data\":\"tokens read: 5, idToken 04AB\"}");
	fine("SecurityEventNotification",
	     "{\"type\":\"MaintenanceLoginFailed\",\"timestamp\":\"" T0 "\",\"techInfo\":\"PIN c0ffee11 is wrong\"}");
	fine("SecurityEventNotification",
	     "{\"type\":\"ResetOrReboot\",\"timestamp\":\"" T0 "\",\"techInfo\":\"by the watchdog\"}");
	cr_expect_eq(count("{\"device\":\"ocpp:CP001\",\"contains\":\"c0ffee11\"}"), 0);
	cr_expect_eq(count("{\"device\":\"ocpp:CP001\",\"contains\":\"***\"}"), 3);
	cr_expect_eq(count("{\"device\":\"ocpp:CP001\",\"contains\":\"idToken 04AB\"}"), 1);
	cr_expect_eq(count("{\"device\":\"ocpp:CP001\",\"contains\":\"by the watchdog\"}"), 1);
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

#define KEPT_BYTES 65536
#define ROW_BYTES 64 /* of a row, beside its text */

static size_t kept_bytes(void)
{
	size_t bytes = 0;
	const cJSON *m;

	cJSON_ArrayForEach(m, list("{\"device\":\"ocpp:CP001\",\"limit\":1000}"))
	{
		bytes += strlen(text(m, "text")) + ROW_BYTES;
	}
	return bytes;
}

Test(ocpp_history_config, a_long_message_has_as_many_short_ones_go_as_it_needs)
{
	bench_load("{\"unknownToken\":\"accept\",\"keepMessagesBytesPerStation\":65536}");
	for (int i = 0; i < 400; i++) {
		fine("StatusNotification", STATUS("NoError"));
		host_run_ms(h, 1000);
		bench_forget_frames();
	}
	cr_expect_gt(kept_bytes(), KEPT_BYTES / 2, "they are many");
	for (int i = 0; i < 4; i++) {
		say_long("DataTransfer", "{\"vendorId\":\"V\",\"data\":\"", 8192, "", "\"}");
		cr_expect_leq(kept_bytes(), KEPT_BYTES);
	}
}
