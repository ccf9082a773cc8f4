/* A station over SOAP has no connection: it is there while it is heard of, through crashes, and no longer. */
#include "charger.h"

#include <galvan/link.pb-c.h>

#include <stdlib.h>
#include <string.h>

#define ENVELOPE                                                                                                       \
	"<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" "                                             \
	"xmlns:a=\"http://www.w3.org/2005/08/addressing\" xmlns:c=\"urn://Ocpp/Cs/2015/10/\"><s:Header>"               \
	"<c:chargeBoxIdentity>SOAP1</c:chargeBoxIdentity><a:MessageID>%u</a:MessageID>"                                \
	"<a:From><a:Address>http://192.0.2.7/cp</a:Address></a:From></s:Header><s:Body>%s</s:Body></s:Envelope>"
#define HEARTBEAT "<c:heartbeatRequest/>"
/* Of WS-Addressing of 2004, and a Heartbeat under the namespace of the charger's own service. */
#define OLD_ENVELOPE                                                                                                   \
	"<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" "                                             \
	"xmlns:a=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\" xmlns:c=\"urn://Ocpp/Cs/2015/10/\"><s:Header>"   \
	"<c:chargeBoxIdentity>SOAP1</c:chargeBoxIdentity><a:MessageID>%u</a:MessageID>"                                \
	"<a:From><a:Address>http://192.0.2.7/cp</a:Address></a:From></s:Header><s:Body>%s</s:Body></s:Envelope>"
#define OTHER_SERVICE "<p:heartbeatRequest xmlns:p=\"urn://Ocpp/Cp/2015/10/\"/>"
#define SILENCE_MS (3 * 60 * 1000)

static struct host_station *client;
static char *answer;
static unsigned status, number_of;

static void on_open(struct host_station *s, void *arg)
{
}

static void on_answer(struct host_station *s, void *arg, enum gv_frame_kind kind, const char *data, size_t size)
{
	Link__HttpResponse *r = link__http_response__unpack(NULL, size, (const uint8_t *)data);

	cr_assert_not_null(r);
	status = r->status;
	free(answer);
	answer = strndup((const char *)r->body.data, r->body.len);
	link__http_response__free_unpacked(r, NULL);
}

static bool closed;

static void on_close(struct host_station *s, void *arg, unsigned code)
{
	closed = true;
}

static const struct host_station_model model = { on_open, on_answer, on_close };

static bool old_addressing; /* how it speaks */

static void post_now(const char *body)
{
	Link__HttpRequest r = LINK__HTTP_REQUEST__INIT;
	char text[2000];
	uint8_t *packed;
	size_t size;

	r.method = "POST";
	r.path = "/ocpp/soap";
	r.peer = "192.0.2.7";
	r.body.len = (size_t)snprintf(text, sizeof text, old_addressing ? OLD_ENVELOPE : ENVELOPE, ++number_of, body);
	r.body.data = (uint8_t *)text;
	size = link__http_request__get_packed_size(&r);
	packed = malloc(size);
	link__http_request__pack(&r, packed);
	status = 0;
	cr_assert_eq(host_station_send(client, GV_REQUEST, packed, size), 0);
	free(packed);
}

static void post_for(unsigned expected, const char *body)
{
	post_now(body);
	host_run_ms(h, 100);
	cr_assert_eq(status, expected, "%u %s", status, answer ? answer : "");
}

static void post(const char *body)
{
	post_for(200, body);
}

static void setup(void)
{
	bench_load("{\"unknownStation\":\"accept\",\"heartbeatS\":60,\"unknownToken\":\"accept\",\"profiles\":[{"
		   "\"vendor\":\"Strict\",\"refuse\":[\"extra-field\"]}]}");
	client = host_http(h, "ocpp", "ocpp-s", "SOAP1", &model, NULL);
	host_station_connect(client);
	host_run_ms(h, 100);
}

static void teardown(void)
{
	free(answer);
	answer = NULL;
	bench_teardown();
}

TestSuite(ocpp_soap_station, .init = setup, .fini = teardown, .timeout = 60);

static bool online(void)
{
	const cJSON *list = get(ask(OCPP "ListStations", "{\"device\":\"ocpp:SOAP1\"}"), "stations");

	return cJSON_IsTrue(get(cJSON_GetArrayItem(list, 0), "online"));
}

#define BOOT(vendor)                                                                                                   \
	"<c:bootNotificationRequest><c:chargePointVendor>" vendor "</c:chargePointVendor><c:chargePointModel>M"        \
	"</c:chargePointModel></c:bootNotificationRequest>"

Test(ocpp_soap_station, is_online_until_it_has_been_silent_for_three_intervals)
{
	post(BOOT("V"));
	cr_expect(strstr(answer, "<interval>60</interval>"), "%s", answer);
	cr_expect(online());
	host_run_ms(h, SILENCE_MS / 2);
	post(HEARTBEAT);
	host_run_ms(h, SILENCE_MS - 1000);
	cr_expect(online(), "the silence counts from the last word");
	host_run_ms(h, SILENCE_MS);
	cr_expect_not(online());
	post(HEARTBEAT);
	cr_expect(online());
}

Test(ocpp_soap_station, is_online_after_a_crash_too)
{
	post(BOOT("V"));
	host_crash(h, "ocpp.0");
	host_run_ms(h, 5000);
	cr_expect(online());
	host_run_ms(h, 2 * SILENCE_MS);
	cr_expect_not(online(), "its silence is noticed after the crash, too");
}

Test(ocpp_soap_station, is_refused_what_its_profile_refuses)
{
	static const char extra[] = "<c:authorizeRequest><c:idTag>A</c:idTag><c:seat>1</c:seat></c:authorizeRequest>";

	post(BOOT("Lax"));
	post(extra);
	post(BOOT("Strict"));
	post_for(400, extra);
	cr_expect(strstr(answer, "ProtocolError") && strstr(answer, "extra-field"), "%s", answer);
}

static bool shows(const char *quirk)
{
	const cJSON *list = get(ask(OCPP "ListStations", "{\"device\":\"ocpp:SOAP1\"}"), "stations"), *q;

	cJSON_ArrayForEach(q, get(cJSON_GetArrayItem(list, 0), "quirks"))
	{
		if (!strcmp(q->valuestring, quirk))
			return true;
	}
	return false;
}

Test(ocpp_soap_station, q53_the_addressing_of_2004_and_the_other_services_name_are_counted_and_shown)
{
	post(HEARTBEAT);
	cr_expect_not(shows("old-addressing") || shows("other-service"));
	old_addressing = true;
	post(HEARTBEAT);
	cr_expect_eq(met("old-addressing"), 1);
	cr_expect(shows("old-addressing"));
	old_addressing = false;
	post(OTHER_SERVICE);
	cr_expect_eq(met("other-service"), 1);
	cr_expect(shows("other-service"));
	cr_expect_eq(met("old-addressing"), 1);
}

Test(ocpp_soap_station, shows_where_it_is_called)
{
	const cJSON *list;

	post(BOOT("V"));
	list = get(ask(OCPP "ListStations", "{\"device\":\"ocpp:SOAP1\"}"), "stations");
	cr_expect_str_eq(text(cJSON_GetArrayItem(list, 0), "callback"), "http://192.0.2.7/cp");
}

static bool is_answered(struct host *host, void *arg)
{
	return status != 0;
}

static bool is_decided(struct host *host, void *arg)
{
	return closed || host_station_connected(arg);
}

/* By whatever the delays of a seed let it hear first. True where it was asked to wait at least once. */
static bool knocks_while_the_registry_is_read(uint64_t seed)
{
	bool waited = false;

	h = host_create(seed);
	host_set(h, HOST_DELAY, 1000);
	cr_assert_eq(host_load(h, "registry", PLUGINS "/registry.so", 1, NULL), 0, "%s", host_error(h));
	ask("galvan.registry.v1.Registry/PutDevice",
	    "{\"device\":{\"id\":\"ocpp:SOAP1\",\"password\":\"0123456789abcdef\"}}");
	cr_assert_eq(host_load(h, "ocpp", PLUGINS "/ocpp.so", 1, "{\"unknownStation\":\"accept\"}"), 0);
	client = host_http(h, "ocpp", "ocpp-s", "SOAP1", &model, NULL);
	do {
		while (!host_station_connected(client)) {
			closed = false;
			host_station_connect(client);
			host_run_until(h, is_decided, client, 5000);
		}
		post_now(HEARTBEAT);
		host_run_until(h, is_answered, NULL, 5000);
		cr_assert_neq(status, 200, "seed %llu: who has a password is not let in without",
			      (unsigned long long)seed);
		if (status == 503)
			cr_expect(strstr(answer, "InternalError") && strstr(answer, "being read"), "%s", answer);
		waited |= status == 503;
	} while (status != 400);
	cr_expect(strstr(answer, "SecurityError"), "%s", answer);
	teardown();
	return waited;
}

Test(ocpp_soap_guarded, nobody_comes_in_unguarded_while_the_registry_is_being_read, .timeout = 60)
{
	unsigned waited = 0;

	for (uint64_t seed = 1; seed <= 20; seed++)
		waited += knocks_while_the_registry_is_read(seed);
	cr_expect_gt(waited, 0, "or nothing was shown");
}

Test(ocpp_soap_station, a_pending_one_may_boot_and_no_more)
{
	ask("galvan.registry.v1.Registry/PutDevice",
	    "{\"device\":{\"id\":\"ocpp:SOAP1\",\"attributes\":{\"registration\":\"pending\"}}}");
	host_settle(h, 100);
	post(BOOT("V"));
	cr_expect(strstr(answer, "<status>Pending</status>"), "%s", answer);
	post_for(400, HEARTBEAT);
	cr_expect(strstr(answer, "SecurityError"), "%s", answer);
}
