/* What the tests of the plugin share: it runs in the test host beside the registry, with one charger that a test
 * drives. */
#include "charger.h"

#include <stdlib.h>
#include <string.h>

struct host *h;

struct charger cp;
cJSON *kept;

static void on_open(struct host_station *s, void *arg)
{
}

static void on_frame(struct host_station *s, void *arg, enum gv_frame_kind kind, const char *data, size_t size)
{
	struct charger *c = arg;
	char id[64], answer[1000];

	cr_assert_lt(c->received, INBOX, "the test expects fewer frames");
	c->inbox[c->received++] = strndup(data, size);
	if (c->reply && sscanf(data, "[2,\"%63[^\"]\"", id) == 1) {
		int n = snprintf(answer, sizeof answer, "[3,\"%s\",%s]", id, c->reply);

		host_station_send(s, GV_TEXT, answer, (size_t)n);
	}
}

static void on_close(struct host_station *s, void *arg, unsigned code)
{
	((struct charger *)arg)->code = code;
}

const struct host_station_model charger_model = { on_open, on_frame, on_close };

void bench_connect(const char *subprotocol)
{
	cp.station = host_station(h, "ocpp", "ocpp:CP001", subprotocol, &charger_model, &cp);
	host_station_connect(cp.station);
	host_run_ms(h, 100);
	cr_assert(host_station_connected(cp.station));
}

void bench_load_as(const char *subprotocol, const char *config)
{
	bench_load_from(PLUGINS "/ocpp.so", subprotocol, config);
}

void bench_load_from(const char *ocpp, const char *subprotocol, const char *config)
{
	h = host_create(7);
	host_verbose(h, getenv("VERBOSE") != NULL);
	cr_assert_eq(host_load(h, "registry", PLUGINS "/registry.so", 1, NULL), 0, "%s", host_error(h));
	cr_assert_eq(host_load(h, "ocpp", ocpp, 1, config), 0, "%s", host_error(h));
	host_settle(h, 100);
	bench_connect(subprotocol);
}

void bench_load(const char *config)
{
	bench_load_as("ocpp1.6", config);
}

#define CONFIG                                                                                                         \
	"{\"unknownToken\":\"accept\",\"localList\":\"off\",\"dataTransferVendors\":[\"v\"],\"tags\":[{\"id\":"        \
	"\"Blocked1\",\"status\":\"Blocked\"},{\"id\":\"FAMILY\",\"parentId\":\"P\\\"1\"}]}"

void bench_setup(void)
{
	bench_load(CONFIG);
}

void bench_setup_v201(void)
{
	bench_load_as("ocpp2.0.1", CONFIG);
}

void bench_forget_frames(void)
{
	for (size_t i = 0; i < cp.received; i++)
		free(cp.inbox[i]);
	cp.received = 0;
}

bool received(const char *text)
{
	for (size_t i = 0; i < cp.received; i++)
		if (strstr(cp.inbox[i], text))
			return true;
	return false;
}

void bench_forget(void)
{
	bench_forget_frames();
	memset(&cp, 0, sizeof cp);
}

void bench_teardown(void)
{
	cr_expect_eq(host_parked(h, "ocpp.0"), 0, "nothing a charger sends may fail in the plugin");
	bench_forget();
	cJSON_Delete(kept);
	kept = NULL;
	host_destroy(h);
}

const cJSON *keep(const char *json)
{
	cJSON_Delete(kept);
	kept = cJSON_Parse(json);
	cr_assert_not_null(kept, "%s", json);
	return kept;
}

void raw(const char *text)
{
	cr_assert_eq(host_station_send(cp.station, GV_TEXT, text, strlen(text)), 0);
}

/* The charger calls; its answer's frame. */
const char *say(const char *action, const char *payload)
{
	char id[40], text[20000], head[60];
	size_t before = cp.received;

	snprintf(id, sizeof id, "m%u", ++cp.sent);
	snprintf(text, sizeof text, "[2,\"%s\",\"%s\",%s]", id, action, payload);
	raw(text);
	host_settle(h, 100);
	cr_assert_eq(cp.received, before + 1, "%s: one answer, not %zu", text, cp.received - before);
	snprintf(head, sizeof head, ",\"%s\",", id);
	cr_assert(strstr(cp.inbox[before], head), "%s answers %s", cp.inbox[before], id);
	return cp.inbox[before];
}

void fine(const char *action, const char *payload)
{
	const char *answer = say(action, payload);

	cr_expect_eq(answer[1], '3', "%s %s: %s", action, payload, answer);
}

void answered(const char *action, const char *payload, const char *expected)
{
	const char *answer = say(action, payload);

	cr_expect(strstr(answer, expected), "%s %s: %s, not %s", action, payload, answer, expected);
}

int begin(const char *payload)
{
	const char *answer = say("StartTransaction", payload), *id = strstr(answer, "\"transactionId\":");

	cr_assert_not_null(id, "%s", answer);
	return atoi(id + strlen("\"transactionId\":"));
}

void stop_with(int id, const char *rest)
{
	char text[4000];

	snprintf(text, sizeof text, "{\"transactionId\":%d,%s}", id, rest);
	fine("StopTransaction", text);
}

void meter(int id, const char *time, const char *value)
{
	char text[1000];

	snprintf(text, sizeof text,
		 "{\"connectorId\":1,\"transactionId\":%d,\"meterValue\":[{\"timestamp\":\"%s\",\"sampledValue\":[{"
		 "\"value\":\"%s\"}]}]}",
		 id, time, value);
	fine("MeterValues", text);
}

const cJSON *ask(const char *method, const char *request)
{
	struct host_answer *a = host_call(h, method, "%s", request);

	cr_assert_eq(a->code, GV_OK, "%s %s: %s", method, request, a->error);
	return keep(a->json);
}

void refused(const char *method, const char *request, enum gv_code code, const char *word)
{
	struct host_answer *a = host_call(h, method, "%s", request);

	cr_assert_eq(a->code, code, "%s %s: %s %s", method, request, gv_code_name(a->code), a->error);
	cr_expect(strstr(a->error, word), "\"%s\" must say %s", a->error, word);
}

const cJSON *get(const cJSON *json, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(json, name);
}

const char *text(const cJSON *json, const char *name)
{
	const char *s = cJSON_GetStringValue(get(json, name));

	return s ? s : "(none)";
}

long number(const cJSON *json, const char *name)
{
	return atol(text(json, name));
}

void transaction(const char *type, int number, const char *time, const char *info, const char *rest)
{
	char text[4000];

	snprintf(text, sizeof text,
		 "{\"eventType\":\"%s\",\"seqNo\":%d,\"timestamp\":\"2025-01-15T%sZ\",\"triggerReason\":\"%s\","
		 "\"transactionInfo\":{\"transactionId\":\"tx-1\"%s%s}%s%s}",
		 type, number, time, strcmp(type, "Ended") ? "ChargingStateChanged" : "StopAuthorized",
		 *info ? "," : "", info, *rest ? "," : "", rest);
	fine("TransactionEvent", text);
}

const cJSON *session(int id)
{
	char request[100];

	snprintf(request, sizeof request, "{\"id\":\"ocpp:CP001/%d\"}", id);
	return get(ask(CHARGING "GetSession", request), "session");
}

bool flagged(const cJSON *s, const char *flag)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, get(s, "flags")) if (!strcmp(item->valuestring, flag)) return true;
	return false;
}

int samples(const cJSON *s)
{
	return cJSON_GetArraySize(get(s, "samples"));
}

size_t events(const char *type)
{
	host_settle(h, 100);
	return host_events(h, type);
}

const cJSON *event(const char *type, size_t i)
{
	const struct host_event *e = host_event(h, type, i);

	cr_assert_not_null(e, "event %s %zu", type, i);
	return keep(e->json);
}

int met(const char *name)
{
	char counter[64];
	double n;

	snprintf(counter, sizeof counter, "quirk_%s", name);
	for (char *c = counter; *c; c++)
		if (*c == '-')
			*c = '_';
	n = host_counter(h, "ocpp.0", counter);
	return (int)(n > 0 ? n : host_counter(h, "ocpp.0", name));
}
