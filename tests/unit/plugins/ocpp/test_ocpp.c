/* The plugin as chargers and callers see it, in the test host: the .so, unchanged, on the kernel's actor. */
#include <tests/host/host.h>

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHARGING "galvan.charging.v1.Charging/"
#define OCPP "galvan.ocpp.v1.Ocpp/"
#define EVENT "galvan.charging.v1."
#define INBOX 64

static struct host *h;

/* A charger that says what the test says, and answers calls with `reply` as long as it is set. */
struct charger {
	struct host_station *station;
	char *inbox[INBOX]; /* frames, oldest first */
	size_t received;
	const char *reply; /* payload of its answers; NULL: it stays silent */
	unsigned sent;
	unsigned code; /* of the last close */
};
static struct charger cp;
static cJSON *kept; /* reply or event looked at last */

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

static const struct host_station_model model = { on_open, on_frame, on_close };

static void load(const char *config)
{
	h = host_create(7);
	host_verbose(h, getenv("VERBOSE") != NULL);
	cr_assert_eq(host_load(h, "registry", PLUGINS "/registry.so", 1, NULL), 0, "%s", host_error(h));
	cr_assert_eq(host_load(h, "ocpp", PLUGINS "/ocpp.so", 1, config), 0, "%s", host_error(h));
	host_settle(h, 100);
	cp.station = host_station(h, "ocpp", "ocpp:CP001", "ocpp1.6", &model, &cp);
	host_station_connect(cp.station);
	host_run_ms(h, 100);
	cr_assert(host_station_connected(cp.station));
}

static void setup(void)
{
	load("{\"unknownToken\":\"accept\",\"tags\":[{\"id\":\"Blocked1\",\"status\":\"Blocked\"},{\"id\":\"FAMILY\","
	     "\"parentId\":\"P\\\"1\"}]}");
}

static void forget(void)
{
	for (size_t i = 0; i < cp.received; i++)
		free(cp.inbox[i]);
	memset(&cp, 0, sizeof cp);
}

static void teardown(void)
{
	cr_expect_eq(host_parked(h, "ocpp.0"), 0, "nothing a charger sends may fail in the plugin");
	forget();
	cJSON_Delete(kept);
	kept = NULL;
	host_destroy(h);
}

TestSuite(ocpp, .init = setup, .fini = teardown, .timeout = 60);

static const cJSON *keep(const char *json)
{
	cJSON_Delete(kept);
	kept = cJSON_Parse(json);
	cr_assert_not_null(kept, "%s", json);
	return kept;
}

static void raw(const char *text)
{
	cr_assert_eq(host_station_send(cp.station, GV_TEXT, text, strlen(text)), 0);
}

/* The charger calls; its answer's frame. */
static const char *say(const char *action, const char *payload)
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

static void fine(const char *action, const char *payload)
{
	const char *answer = say(action, payload);

	cr_expect_eq(answer[1], '3', "%s %s: %s", action, payload, answer);
}

static void answered(const char *action, const char *payload, const char *expected)
{
	const char *answer = say(action, payload);

	cr_expect(strstr(answer, expected), "%s %s: %s, not %s", action, payload, answer, expected);
}

static int begin(const char *payload)
{
	const char *answer = say("StartTransaction", payload), *id = strstr(answer, "\"transactionId\":");

	cr_assert_not_null(id, "%s", answer);
	return atoi(id + strlen("\"transactionId\":"));
}

static void stop_with(int id, const char *rest)
{
	char text[4000];

	snprintf(text, sizeof text, "{\"transactionId\":%d,%s}", id, rest);
	fine("StopTransaction", text);
}

static void meter(int id, const char *time, const char *value)
{
	char text[1000];

	snprintf(text, sizeof text,
		 "{\"connectorId\":1,\"transactionId\":%d,\"meterValue\":[{\"timestamp\":\"%s\",\"sampledValue\":[{"
		 "\"value\":\"%s\"}]}]}",
		 id, time, value);
	fine("MeterValues", text);
}

static const cJSON *ask(const char *method, const char *request)
{
	struct host_answer *a = host_call(h, method, "%s", request);

	cr_assert_eq(a->code, GV_OK, "%s %s: %s", method, request, a->error);
	return keep(a->json);
}

static void refused(const char *method, const char *request, enum gv_code code, const char *word)
{
	struct host_answer *a = host_call(h, method, "%s", request);

	cr_assert_eq(a->code, code, "%s %s: %s %s", method, request, gv_code_name(a->code), a->error);
	cr_expect(strstr(a->error, word), "\"%s\" must say %s", a->error, word);
}

static const cJSON *get(const cJSON *json, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(json, name);
}

static const char *text(const cJSON *json, const char *name)
{
	const char *s = cJSON_GetStringValue(get(json, name));

	return s ? s : "(none)";
}

static long number(const cJSON *json, const char *name)
{
	return atol(text(json, name));
}

static const cJSON *session(int id)
{
	char request[100];

	snprintf(request, sizeof request, "{\"id\":\"ocpp:CP001/%d\"}", id);
	return get(ask(CHARGING "GetSession", request), "session");
}

static bool flagged(const cJSON *s, const char *flag)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, get(s, "flags")) if (!strcmp(item->valuestring, flag)) return true;
	return false;
}

static int samples(const cJSON *s)
{
	return cJSON_GetArraySize(get(s, "samples"));
}

static size_t events(const char *type)
{
	host_settle(h, 100);
	return host_events(h, type);
}

static const cJSON *event(const char *type, size_t i)
{
	const struct host_event *e = host_event(h, type, i);

	cr_assert_not_null(e, "event %s %zu", type, i);
	return keep(e->json);
}

#define START(tag, time, meter)                                                                                        \
	"{\"connectorId\":1,\"idTag\":\"" tag "\",\"meterStart\":" meter ",\"timestamp\":\"" time "\"}"
#define T0 "2025-01-15T02:09:54.000Z"

/* ---- life ------------------------------------------------------------------------------------ */

Test(ocpp, a_boot_is_accepted_and_told)
{
	answered("BootNotification",
		 "{\"chargePointVendor\":\"V\",\"chargePointModel\":\"M\",\"firmwareVersion\":\"1.2\"}",
		 "\"status\":\"Accepted\"");
	cr_expect(strstr(cp.inbox[0], "\"interval\":300"));
	cr_expect(strstr(cp.inbox[0], "Z\""), "%s: UTC, with a Z", cp.inbox[0]);
	cr_expect_eq(events("galvan.ocpp.v1.StationBooted"), 1);
	cr_expect_str_eq(text(get(event("galvan.ocpp.v1.StationBooted", 0), "station"), "vendor"), "V");
	ask(OCPP "ListStations", "{}");
	cr_expect_str_eq(text(cJSON_GetArrayItem(get(kept, "stations"), 0), "firmware"), "1.2");
	cr_expect(cJSON_IsTrue(get(cJSON_GetArrayItem(get(kept, "stations"), 0), "online")));
}

Test(ocpp, traffic_before_a_boot_is_served)
{
	answered("Heartbeat", "{}", "currentTime");
}

Test(ocpp, every_call_of_a_charger_has_an_answer)
{
	fine("Heartbeat", "null");
	fine("FirmwareStatusNotification", "{\"status\":\"Installed\"}");
	fine("DiagnosticsStatusNotification", "{\"status\":\"Uploaded\"}");
	fine("LogStatusNotification", "{\"status\":\"Idle\",\"requestId\":5}");
	fine("SignedFirmwareStatusNotification", "{\"status\":\"Installing\",\"requestId\":6}");
	fine("SecurityEventNotification", "{\"type\":\"FirmwareUpdated\",\"timestamp\":\"" T0 "\"}");
	answered("SignCertificate", "{\"csr\":\"x\"}", "Rejected");
	answered("DataTransfer", "{\"vendorId\":\"com.example\"}", "UnknownVendorId");
	cr_expect_eq(events("galvan.ocpp.v1.StationNotified"), 5);
	cr_expect_str_eq(text(event("galvan.ocpp.v1.StationNotified", 3), "requestId"), "6");
}

Test(ocpp, bad_input_gets_the_right_error_and_keeps_the_connection)
{
	answered("Foo", "{}", "NotImplemented");
	answered("RemoteStartTransaction", "{}", "NotSupported");
	answered("Authorize", "{\"idTag\":5}", "TypeConstraintViolation");
	answered("Authorize", "{}", "ProtocolError");
	answered("StatusNotification", "{\"connectorId\":100000,\"errorCode\":\"NoError\",\"status\":\"Available\"}",
		 "PropertyConstraintViolation");
	answered("Heartbeat", "[]", "FormationViolation");
	raw("[2,\"broken\",\"Heartbeat\",{");
	raw("nonsense");
	raw("");
	raw("[9,\"x\"]");
	raw("[3,\"nobody-asked\",{}]");
	raw("[4,\"nobody-asked\",\"GenericError\",\"\",{}]");
	host_settle(h, 100);
	cr_expect_str_eq(cp.inbox[cp.received - 1],
			 "[4,\"broken\",\"FormationViolation\",\"the frame is not JSON\",{}]");
	fine("Heartbeat", "{}");
}

Test(ocpp, a_binary_frame_closes)
{
	host_station_send(cp.station, GV_BINARY, "[2,\"a\",\"Heartbeat\",{}]", 23);
	host_settle(h, 100);
	cr_expect(!host_station_connected(cp.station));
	cr_expect_eq(cp.code, 1003);
}

/* ---- tags ------------------------------------------------------------------------------------ */

Test(ocpp, tags_of_the_config_decide_whatever_their_case)
{
	answered("Authorize", "{\"idTag\":\"bLOCKED1\"}", "\"Blocked\"");
	answered("Authorize", "{\"idTag\":\"family\"}", "{\"status\":\"Accepted\",\"parentIdTag\":\"P\\\"1\"}");
	answered("Authorize", "{\"idTag\":\"stranger\"}", "\"Accepted\"");
}

Test(ocpp_strict, unknown_tags_are_refused_and_their_energy_recorded, .init = NULL, .timeout = 60)
{
	int id;

	load("{\"unknownToken\":\"refuse\",\"tags\":[{\"id\":\"KNOWN\"}]}");
	answered("Authorize", "{\"idTag\":\"stranger\"}", "\"Invalid\"");
	answered("Authorize", "{\"idTag\":\"known\"}", "\"Accepted\"");
	id = begin(START("stranger", T0, "100"));
	cr_expect(strstr(cp.inbox[cp.received - 1], "\"Invalid\""));
	stop_with(id, "\"meterStop\":150,\"timestamp\":\"" T0 "\",\"reason\":\"DeAuthorized\"");
	cr_expect_str_eq(text(session(id), "tokenStatus"), "Invalid");
	cr_expect_eq(number(session(id), "energyWh"), 50);
	teardown();
}

/* ---- status ---------------------------------------------------------------------------------- */

Test(ocpp, a_status_is_told_when_it_changes)
{
#define STATUS(s, time) "{\"connectorId\":1,\"errorCode\":\"NoError\",\"status\":\"" s "\",\"timestamp\":\"" time "\"}"
	fine("StatusNotification", STATUS("Available", "2025-01-15T02:00:00Z"));
	fine("StatusNotification", STATUS("Available", "2025-01-15T02:01:00Z"));
	fine("StatusNotification", STATUS("Charging", "2025-01-15T02:02:00Z"));
	cr_expect_eq(events(EVENT "ConnectorStatusChanged"), 2);
	cr_expect_str_eq(text(get(event(EVENT "ConnectorStatusChanged", 1), "status"), "status"), "Charging");
	fine("StatusNotification", STATUS("Preparing", "2025-01-15T02:01:30Z"));
	cr_expect_eq(events(EVENT "ConnectorStatusChanged"), 2, "what is older than what is known changes nothing");
	fine("StatusNotification", "{\"connectorId\":1,\"errorCode\":\"NoError\",\"status\":\"Finishing\"}");
	cr_expect_eq(events(EVENT "ConnectorStatusChanged"), 3);
	ask(CHARGING "ListConnectors", "{\"device\":\"ocpp:CP001\"}");
	cr_expect_str_eq(text(cJSON_GetArrayItem(get(kept, "connectors"), 0), "status"), "Finishing");
}

/* ---- sessions -------------------------------------------------------------------------------- */

#define PROFILE                                                                                                        \
	"{\"chargingProfileId\":1,\"stackLevel\":0,\"chargingProfilePurpose\":\"TxProfile\",\"chargingProfileKind\":"  \
	"\"Relative\","                                                                                                \
	"\"chargingSchedule\":{\"chargingRateUnit\":\"A\",\"chargingSchedulePeriod\":[{\"startPeriod\":0,\"limit\":"   \
	"32}]}}"

Test(ocpp, the_main_job)
{
	struct host_answer *a;
	char request_id[40];
	const cJSON *s;
	int id;

	cp.reply = "{\"status\":\"Accepted\"}";
	ask(CHARGING "Start",
	    "{\"device\":\"ocpp:CP001\",\"connector\":1,\"token\":\"remote-11902\",\"chargingProfile\":" PROFILE "}");
	cr_expect_str_eq(text(kept, "status"), "Accepted");
	snprintf(request_id, sizeof request_id, "%s", text(kept, "requestId"));
	cr_expect(strstr(cp.inbox[0], "\"RemoteStartTransaction\",{\"connectorId\":1,\"idTag\":\"remote-11902\","
				      "\"chargingProfile\":{"),
		  "%s", cp.inbox[0]);
	cr_expect(strstr(cp.inbox[0], "\"limit\":32}"));
	answered("Authorize", "{\"idTag\":\"remote-11902\"}", "Accepted");
	id = begin(START("remote-11902", T0, "0"));
	cr_expect_eq(events(EVENT "SessionStarted"), 1);
	s = get(event(EVENT "SessionStarted", 0), "session");
	cr_expect_str_eq(text(s, "requestId"), request_id);
	cr_expect_str_eq(text(s, "state"), "ACTIVE");
	fine("MeterValues", "{\"connectorId\":1,\"transactionId\":1,\"meterValue\":[{\"timestamp\":\"2025-01-15T02:10:"
			    "54Z\",\"sampledValue\":["
			    "{\"value\":\"241.10\",\"measurand\":\"Voltage\",\"unit\":\"V\"},{\"value\":\"0.00\","
			    "\"measurand\":\"Current.Import\",\"unit\":\"A\"},"
			    "{\"value\":\"0\",\"measurand\":\"Power.Active.Import\",\"unit\":\"W\"},{\"value\":\"32\","
			    "\"measurand\":\"Current.Offered\",\"unit\":\"A\"}]}]}");
	cr_expect_eq(events(EVENT "SessionMetered"), 1);
	cr_expect_eq(samples(event(EVENT "SessionMetered", 0)), 4);
	a = host_call(h, CHARGING "Stop", "{\"sessionId\":\"ocpp:CP001/%d\"}", id);
	cr_expect_eq(a->code, GV_OK, "%s", a->error);
	stop_with(id, "\"meterStop\":6379,\"reason\":\"EVDisconnected\",\"timestamp\":\"2025-01-15T02:40:49\","
		      "\"transactionData\":[{\"timestamp\":"
		      "\"2025-01-15T02:40:49\",\"sampledValue\":[{\"value\":\"6379.259277\",\"measurand\":\"Energy."
		      "Active.Import.Register\",\"unit\":\"Wh\"}]}]");
	cr_expect_eq(events(EVENT "SessionEnded"), 1);
	s = session(id);
	cr_expect_str_eq(text(s, "state"), "ENDED");
	cr_expect_eq(number(s, "energyWh"), 6379);
	cr_expect_eq(number(s, "startedAtMs"), 1736906994000);
	cr_expect_eq(number(s, "endedAtMs"), 1736908849000, "no zone anywhere: UTC");
	cr_expect_str_eq(text(s, "reason"), "EVDisconnected");
	cr_expect_str_eq(text(s, "requestId"), request_id);
	cr_expect(flagged(s, "no-zone"));
	cr_expect_eq(samples(s), 5);
	cr_expect_eq(get(cJSON_GetArrayItem(get(s, "samples"), 0), "value")->valuedouble, 241.1);
	cr_expect_eq(get(cJSON_GetArrayItem(get(s, "samples"), 4), "value")->valuedouble, 6379.259277);
	ask(CHARGING "ListSessions", "{\"device\":\"ocpp:CP001\"}");
	cr_expect_eq(cJSON_GetArraySize(get(kept, "sessions")), 1);
	ask(CHARGING "ListSessions", "{}");
	cr_expect_eq(cJSON_GetArraySize(get(kept, "sessions")), 1);
}

Test(ocpp, a_time_without_a_zone_is_its_sites)
{
	int id;

	ask("galvan.registry.v1.Registry/PutSite", "{\"site\":{\"id\":\"s\",\"timeZone\":\"Europe/Berlin\"}}");
	ask("galvan.registry.v1.Registry/PutDevice", "{\"device\":{\"id\":\"ocpp:CP001\",\"site\":\"s\"}}");
	host_settle(h, 100);
	id = begin(START("A", "2025-07-15T12:00:00", "0"));
	cr_expect_eq(number(session(id), "startedAtMs"), 1752573600000, "10:00 UTC");
	host_crash(h, "ocpp.0");
	host_settle(h, 5000);
	stop_with(id, "\"meterStop\":1,\"timestamp\":\"2025-01-15T12:00:00\"");
	cr_expect(flagged(session(id), "stop-before-start"), "what registry said is remembered");
}

Test(ocpp, a_repeated_start_gets_the_same_id)
{
	int first = begin(START("Abc", T0, "5")), other;

	cr_expect_eq(begin(START("aBC", "2025-01-15T03:09:54+01:00", "5")), first,
		     "tags have no case, times have zones");
	cr_expect_eq(events(EVENT "SessionStarted"), 1);
	other = begin(START("Abc", T0, "6"));
	cr_expect_neq(other, first, "another meter, another start");
	stop_with(other, "\"meterStop\":10,\"timestamp\":\"" T0 "\"");
	cr_expect_eq(begin(START("Abc", T0, "6")), other, "also when it has ended");
	cr_expect_eq(begin(START("Abc", T0, "5")), first);
	cr_expect_eq(events(EVENT "SessionStarted"), 2);
}

Test(ocpp, a_start_without_a_usable_time_is_known_again)
{
	int first = begin(START("A", "1970-01-01T00:00:17Z", "5"));

	host_run_ms(h, 60000);
	cr_expect_eq(begin(START("A", "1970-01-01T00:00:17Z", "5")), first);
	cr_expect(flagged(session(first), "clock-unset"));
}

Test(ocpp, a_start_on_a_busy_connector_ends_what_was_there)
{
	int first = begin(START("A", T0, "0")), second;

	meter(first, "2025-01-15T02:20:00Z", "400");
	second = begin(START("B", "2025-01-15T03:00:00Z", "500"));
	cr_expect_str_eq(text(session(first), "state"), "ENDED");
	cr_expect_eq(number(session(first), "energyWh"), 400);
	cr_expect(flagged(session(first), "no-stop"));
	cr_expect_eq(events(EVENT "SessionEnded"), 1);
	stop_with(first, "\"meterStop\":450,\"timestamp\":\"2025-01-15T02:30:00Z\"");
	cr_expect_eq(number(session(first), "energyWh"), 450, "its own stop knows better");
	cr_expect(flagged(session(first), "late-stop"));
	cr_expect_eq(events(EVENT "SessionEnded"), 2);
	stop_with(first, "\"meterStop\":450,\"timestamp\":\"2025-01-15T02:30:00Z\"");
	cr_expect_eq(events(EVENT "SessionEnded"), 2);
	cr_expect_str_eq(text(session(second), "state"), "ACTIVE");
}

Test(ocpp, samples_are_kept_once)
{
	int id = begin(START("A", T0, "1000"));

	meter(id, "2025-01-15T02:10:00Z", "1100");
	meter(id, "2025-01-15T02:11:00Z", "1200");
	meter(id, "2025-01-15T02:11:00Z", "1200");
	meter(id, "2025-01-15T02:10:00Z", "1100");
	cr_expect_eq(samples(session(id)), 2);
	cr_expect_eq(events(EVENT "SessionMetered"), 2);
	meter(id, "2025-01-15T02:10:30Z", "1150");
	cr_expect_eq(samples(session(id)), 3, "out of order, and new");
	cr_expect_str_eq(text(cJSON_GetArrayItem(get(session(id), "samples"), 1), "timeMs"), "1736907030000",
			 "told in order of time");
	cr_expect_eq(number(session(id), "energyWh"), 200);
	stop_with(id, "\"meterStop\":1300,\"timestamp\":\"2025-01-15T02:12:00Z\",\"transactionData\":[{\"timestamp\":"
		      "\"2025-01-15T02:11:00Z\","
		      "\"sampledValue\":[{\"value\":\"1200\"}]},{\"timestamp\":\"2025-01-15T02:12:00Z\","
		      "\"sampledValue\":[{\"value\":\"1300\",\"context\":"
		      "\"Transaction.End\"}]}]");
	cr_expect_eq(samples(session(id)), 4);
	meter(id, "2025-01-15T02:11:30Z", "1250");
	cr_expect_eq(samples(session(id)), 5, "what comes behind the stop belongs to it");
	cr_expect(flagged(session(id), "samples-after-stop"));
	cr_expect_eq(number(session(id), "energyWh"), 300);
}

Test(ocpp, samples_without_a_clock_are_kept_once)
{
	int id = begin(START("A", T0, "0"));

	meter(id, "1970-01-01T00:00:10Z", "10");
	host_run_ms(h, 1000);
	meter(id, "1970-01-01T00:00:10Z", "10");
	meter(id, "1970-01-01T00:01:10Z", "20");
	cr_expect_eq(samples(session(id)), 2);
}

Test(ocpp, energy_and_power_follow_from_units_and_phases)
{
	int id = begin(START("A", T0, "1000"));
	const cJSON *e;

	fine("MeterValues", "{\"connectorId\":1,\"transactionId\":1,\"meterValue\":[{\"timestamp\":\"2025-01-15T02:10:"
			    "54Z\",\"sampledValue\":["
			    "{\"value\":\"1.5\",\"unit\":\"kWh\"},{\"value\":\"1.1\",\"unit\":\"kW\",\"measurand\":"
			    "\"Power.Active.Import\",\"phase\":\"L1\"},"
			    "{\"value\":\"1.2\",\"unit\":\"kW\",\"measurand\":\"Power.Active.Import\",\"phase\":\"L2\"}"
			    ",{\"value\":\" \"},{\"value\":\"abc\"},"
			    "{\"value\":\"7\",\"measurand\":\"Request.Energy\"},{\"value\":\"c2lnbmVk\",\"format\":"
			    "\"SignedData\"}]}]}");
	e = event(EVENT "SessionMetered", events(EVENT "SessionMetered") - 1);
	cr_expect_eq(number(e, "energyWh"), 500);
	cr_expect_eq(number(e, "powerW"), 2300);
	cr_expect_eq(samples(e), 6, "all but the empty one");
	cr_expect_str_eq(text(cJSON_GetArrayItem(get(e, "samples"), 3), "text"), "abc");
	cr_expect_str_eq(text(cJSON_GetArrayItem(get(e, "samples"), 4), "measurand"), "Request.Energy");
	cr_expect_eq(id, 1);
}

Test(ocpp, a_meter_that_runs_backwards_is_flagged_and_costs_nothing)
{
	int id = begin(START("A", T0, "1000"));

	meter(id, "2025-01-15T02:10:00Z", "900");
	cr_expect_eq(number(session(id), "energyWh"), 0);
	stop_with(id, "\"meterStop\":999,\"timestamp\":\"2025-01-15T02:12:00Z\"");
	cr_expect_eq(number(session(id), "energyWh"), 0);
	cr_expect_eq(number(session(id), "meterStopWh"), 999);
	cr_expect(flagged(session(id), "meter-backwards"));
	id = begin(START("A", "2025-01-15T03:09:54Z", "1000"));
	meter(id, "2025-01-15T03:10:00Z", "1500");
	stop_with(id, "\"meterStop\":-1,\"timestamp\":\"2025-01-15T03:12:00Z\"");
	cr_expect_eq(number(session(id), "energyWh"), 500, "what the samples have shown");
}

static const cJSON *orphans(void)
{
	return get(ask(OCPP "ListOrphans", "{\"device\":\"ocpp:CP001\"}"), "orphans");
}

Test(ocpp, a_stop_is_always_answered)
{
	fine("StopTransaction", "{\"transactionId\":777,\"meterStop\":5,\"timestamp\":\"" T0 "\"}");
	fine("StopTransaction", "{\"transactionId\":777,\"meterStop\":5,\"timestamp\":\"" T0 "\"}");
	fine("StopTransaction", "{\"transactionId\":-1,\"meterStop\":5,\"timestamp\":\"" T0 "\"}");
	fine("StopTransaction", "{\"transactionId\":9223372036854775807,\"meterStop\":5,\"timestamp\":\"" T0 "\"}");
	fine("StopTransaction", "{\"transactionId\":0,\"meterStop\":5,\"timestamp\":\"" T0 "\",\"idTag\":\"A\"}");
	cr_expect(strstr(cp.inbox[cp.received - 1], "idTagInfo"));
	fine("StopTransaction", "{}");
	cr_expect_eq(cJSON_GetArraySize(orphans()), 5);
	cr_expect_eq(get(cJSON_GetArrayItem(orphans(), 4), "count")->valueint, 2,
		     "the same again is counted, not kept twice");
	fine("MeterValues", "{\"connectorId\":1,\"transactionId\":777,\"meterValue\":[{\"timestamp\":\"" T0
			    "\",\"sampledValue\":[{\"value\":\"1\"}]}]}");
	cr_expect_eq(cJSON_GetArraySize(orphans()), 6);
	cr_expect_eq(events(EVENT "SessionEnded"), 0);
}

Test(ocpp, a_stop_without_an_id_ends_the_only_session_it_can_mean)
{
	int id = begin(START("A", T0, "0"));

	fine("StopTransaction",
	     "{\"transactionId\":-1,\"meterStop\":5,\"timestamp\":\"2025-01-15T02:12:00Z\",\"idTag\":\"other\"}");
	cr_expect_str_eq(text(session(id), "state"), "ACTIVE", "another tag");
	fine("StopTransaction",
	     "{\"transactionId\":-1,\"meterStop\":5,\"timestamp\":\"2025-01-15T02:12:00Z\",\"idTag\":\"a\"}");
	cr_expect_str_eq(text(session(id), "state"), "ENDED");
	cr_expect(flagged(session(id), "stop-without-id"));
	fine("StopTransaction",
	     "{\"transactionId\":-1,\"meterStop\":5,\"timestamp\":\"2025-01-15T02:12:00Z\",\"idTag\":\"a\"}");
	cr_expect_eq(cJSON_GetArraySize(orphans()), 1, "the same stop again is none");
}

Test(ocpp, meter_values_without_an_id_belong_to_the_connectors_session)
{
	int id = begin(START("A", T0, "0"));

	meter(0, "2025-01-15T02:10:00Z", "10");
	meter(-1, "2025-01-15T02:11:00Z", "20");
	cr_expect_eq(samples(session(id)), 2);
	cr_expect(flagged(session(id), "meter-without-id"));
	stop_with(id, "\"meterStop\":30,\"timestamp\":\"2025-01-15T02:12:00Z\"");
	meter(0, "2025-01-15T02:13:00Z", "40");
	cr_expect_eq(samples(session(id)), 2, "a reading of the meter, no session's");
}

Test(ocpp, a_stuck_session_can_be_closed)
{
	int id = begin(START("A", T0, "0"));

	meter(id, "2025-01-15T02:10:00Z", "10");
	refused(OCPP "CloseSession", "{\"sessionId\":\"ocpp:CP001/99\"}", GV_NOT_FOUND, "ocpp:CP001/99");
	ask(OCPP "CloseSession", "{\"sessionId\":\"ocpp:CP001/1\"}");
	cr_expect(flagged(session(id), "closed-by-operator"));
	cr_expect_eq(number(session(id), "energyWh"), 10);
	refused(OCPP "CloseSession", "{\"sessionId\":\"ocpp:CP001/1\"}", GV_FAILED_PRECONDITION, "ended");
}

/* ---- commands -------------------------------------------------------------------------------- */

Test(ocpp, a_command_to_a_charger_that_is_away_is_refused_at_once)
{
	host_station_drop(cp.station);
	host_settle(h, 100);
	refused(CHARGING "Start", "{\"device\":\"ocpp:CP001\",\"token\":\"A\"}", GV_UNAVAILABLE,
		"ocpp:CP001 is not connected");
	refused(OCPP "Call", "{\"device\":\"ocpp:NONE\",\"action\":\"ClearCache\"}", GV_UNAVAILABLE, "ocpp:NONE");
}

Test(ocpp, bad_requests_say_what_to_do)
{
	refused(CHARGING "Start", "{\"device\":\"ocpp:CP001\",\"token\":\"A\",\"chargingProfile\":\"{\"}",
		GV_INVALID_ARGUMENT, "chargingProfile");
	refused(CHARGING "Start",
		"{\"device\":\"ocpp:CP001\",\"token\":\"A\",\"chargingProfile\":{\"chargingProfileId\":\"x\"}}",
		GV_INVALID_ARGUMENT, "chargingProfile.chargingProfileId must be an integer, is a string");
	refused(CHARGING "Stop", "{\"device\":\"ocpp:CP001\"}", GV_NOT_FOUND, "no session runs on ocpp:CP001");
	refused(CHARGING "Stop", "{\"sessionId\":\"ocpp:CP001/7\"}", GV_NOT_FOUND, "ocpp:CP001/7");
	refused(CHARGING "GetSession", "{\"id\":\"ocpp:CP001/x\"}", GV_NOT_FOUND, "ocpp:CP001/x");
	refused(OCPP "Call", "{\"device\":\"ocpp:CP001\",\"action\":\"Heartbeat\"}", GV_INVALID_ARGUMENT,
		"TriggerMessage");
	refused(OCPP "Call", "{\"device\":\"ocpp:CP001\",\"action\":\"Reset\",\"payload\":{\"type\":\"Cold\"}}",
		GV_INVALID_ARGUMENT, "payload.type");
	cr_expect_eq(cp.received, 0, "none of it reached the charger");
}

Test(ocpp, any_action_can_be_called)
{
	cp.reply = "{\"configurationKey\":[{\"key\":\"AuthorizationKey\",\"readonly\":false,\"value\":\"s3cret\"}],"
		   "\"unknownKey\":[]}";
	ask(OCPP "Call",
	    "{\"device\":\"ocpp:CP001\",\"action\":\"GetConfiguration\",\"payload\":{\"key\":[\"AuthorizationKey\"]}}");
	cr_expect_str_eq(text(cJSON_GetArrayItem(get(get(kept, "payload"), "configurationKey"), 0), "value"), "s3cret");
	cp.reply = "{\"status\":\"Accepted\"}";
	ask(OCPP "Call", "{\"device\":\"ocpp:CP001\",\"action\":\"ChangeConfiguration\",\"payload\":{\"key\":"
			 "\"AuthorizationKey\",\"value\":\"s3cret\"}}");
	cr_expect(strstr(cp.inbox[1], "s3cret"));
	ask(CHARGING "Unlock", "{\"device\":\"ocpp:CP001\",\"connector\":1}");
	ask(CHARGING "Reset", "{\"device\":\"ocpp:CP001\"}");
	ask(CHARGING "SetAvailability", "{\"device\":\"ocpp:CP001\",\"connector\":1}");
	cr_expect(strstr(cp.inbox[4], "Inoperative"));
	ask(OCPP "Call", "{\"device\":\"ocpp:CP001\",\"action\":\"ClearCache\"}");
	ask(OCPP "ListMessages", "{\"device\":\"ocpp:CP001\"}");
	cr_expect_eq(cJSON_GetArraySize(get(kept, "messages")), 12);
	for (int i = 0; i < 12; i++)
		cr_expect_null(strstr(text(cJSON_GetArrayItem(get(kept, "messages"), i), "text"), "s3cret"),
			       "secrets are masked");
}

Test(ocpp, a_call_error_is_an_outcome)
{
	struct host_answer *a, *b;
	char answer[200], id[64];

	a = host_call_later(h, NULL, OCPP "Call", "{\"device\":\"ocpp:CP001\",\"action\":\"ClearCache\"}");
	b = host_call_later(h, NULL, CHARGING "Reset", "{\"device\":\"ocpp:CP001\",\"hard\":true}");
	host_settle(h, 100);
	cr_assert_eq(cp.received, 1, "one call at a time");
	sscanf(cp.inbox[0], "[2,\"%63[^\"]\"", id);
	snprintf(answer, sizeof answer, "[4,\"%s\",\"NotSupported\",\"no cache\",{}]", id);
	raw(answer);
	raw(answer);
	host_settle(h, 100);
	cr_assert(a->done && a->code == GV_OK);
	cr_expect_str_eq(text(get(keep(a->json), "error"), "code"), "NotSupported");
	cr_assert_eq(cp.received, 2, "the next goes when the one before is answered");
	sscanf(cp.inbox[1], "[2,\"%63[^\"]\"", id);
	snprintf(answer, sizeof answer, "[4,\"%s\",\"InternalError\",\"broken\",{}]", id);
	raw(answer);
	host_settle(h, 100);
	cr_expect(b->done);
	cr_expect_eq(b->code, GV_ABORTED);
	cr_expect(strstr(b->error, "InternalError: broken"), "%s", b->error);
}

Test(ocpp, a_charger_that_does_not_answer_is_waited_for_no_longer_than_the_deadline)
{
	struct host_answer *a, *b;

	host_durable(h, true);
	a = host_call_later(h, NULL, OCPP "Call",
			    "{\"device\":\"ocpp:CP001\",\"action\":\"ClearCache\",\"timeoutS\":5}");
	b = host_call_later(h, NULL, OCPP "Call",
			    "{\"device\":\"ocpp:CP001\",\"action\":\"GetConfiguration\",\"timeoutS\":8}");
	host_run_ms(h, 4000);
	cr_expect(!a->done);
	fine("Heartbeat", "{}");
	host_run_ms(h, 2000);
	cr_expect(a->done);
	cr_expect_eq(a->code, GV_DEADLINE_EXCEEDED);
	cr_expect(strstr(a->error, "ClearCache"), "%s", a->error);
	host_run_ms(h, 4000);
	cr_expect(b->done);
	cr_expect_eq(b->code, GV_DEADLINE_EXCEEDED);
	cr_expect(strstr(cp.inbox[cp.received - 1], "GetConfiguration"), "the next was sent");
}

Test(ocpp, the_queue_to_a_charger_is_bounded)
{
	struct host_answer *a[20];
	unsigned full = 0;

	for (unsigned i = 0; i < 20; i++)
		a[i] = host_call_later(h, NULL, OCPP "Call", "{\"device\":\"ocpp:CP001\",\"action\":\"ClearCache\"}");
	host_settle(h, 100);
	for (unsigned i = 0; i < 20; i++)
		full += a[i]->done && a[i]->code == GV_RESOURCE_EXHAUSTED;
	cr_expect_eq(full, 4);
	host_station_drop(cp.station);
	host_settle(h, 100);
	for (unsigned i = 0; i < 20; i++)
		cr_expect(a[i]->done, "whoever waits learns that the connection is gone");
}

Test(ocpp, a_command_outlives_a_crash)
{
	struct host_answer *a;
	char answer[200], id[64];

	a = host_call_later(h, NULL, CHARGING "Start", "{\"device\":\"ocpp:CP001\",\"connector\":1,\"token\":\"A\"}");
	host_settle(h, 100);
	cr_assert_eq(cp.received, 1);
	host_crash(h, "ocpp.0");
	host_settle(h, 5000);
	cr_assert_eq(cp.received, 1, "a start is not sent twice");
	sscanf(cp.inbox[0], "[2,\"%63[^\"]\"", id);
	snprintf(answer, sizeof answer, "[3,\"%s\",{\"status\":\"Accepted\"}]", id);
	raw(answer);
	host_settle(h, 1000);
	cr_assert(a->done);
	cr_expect_eq(a->code, GV_OK, "%s", a->error);
	begin(START("A", T0, "0"));
	cr_expect(strstr(a->json, text(session(1), "requestId")), "%s", a->json);
}

Test(ocpp, what_was_answered_outlives_a_crash)
{
	int id = begin(START("A", T0, "0"));

	meter(id, "2025-01-15T02:10:00Z", "10");
	host_crash(h, "ocpp.0");
	host_settle(h, 5000);
	cr_expect_eq(begin(START("A", T0, "0")), id);
	meter(id, "2025-01-15T02:10:00Z", "10");
	meter(id, "2025-01-15T02:11:00Z", "20");
	cr_expect_eq(samples(session(id)), 2);
	cr_expect_eq(begin(START("B", "2025-01-15T04:00:00Z", "0")), id + 1, "ids go on");
}

Test(ocpp_config, samples_are_forgotten_and_sessions_are_not, .timeout = 60)
{
	int id;

	load("{\"unknownToken\":\"accept\",\"keepSamplesDays\":2}");
	id = begin(START("A", T0, "0"));
	meter(id, "2025-01-15T02:10:00Z", "10");
	host_run_ms(h, 36 * 3600 * 1000);
	meter(id, "2025-01-16T02:10:00Z", "20");
	cr_expect_eq(samples(session(id)), 2);
	host_run_ms(h, 30 * 3600 * 1000);
	meter(id, "2025-01-17T02:10:00Z", "30");
	cr_expect_eq(samples(session(id)), 3, "two whole days are kept");
	host_crash(h, "ocpp.0");
	host_run_ms(h, 48 * 3600 * 1000);
	cr_expect_eq(samples(session(id)), 1);
	meter(id, "2025-01-20T02:10:00Z", "40");
	cr_expect_eq(samples(session(id)), 2);
	cr_expect_eq(number(session(id), "energyWh"), 40);
	teardown();
}

/* ---- crashes --------------------------------------------------------------------------------- */

/* The charger calls and waits for its answer, whatever happens meanwhile; more than one may come. */
static const char *insist(const char *action, const char *payload)
{
	char id[40], text[2000], head[60];
	size_t before = cp.received;

	snprintf(id, sizeof id, "m%u", ++cp.sent);
	snprintf(text, sizeof text, "[2,\"%s\",\"%s\",%s]", id, action, payload);
	snprintf(head, sizeof head, "[3,\"%s\",", id);
	raw(text);
	for (int i = 0; i < 100; i++) {
		host_run_ms(h, 100);
		for (size_t k = before; k < cp.received; k++)
			if (!strncmp(cp.inbox[k], head, strlen(head)))
				return cp.inbox[k];
	}
	cr_assert_fail("%s was not answered", text);
	return NULL;
}

/* One session; the plugin dies at the n-th of its points. False where it has fewer. */
static bool dies_at(uint64_t n)
{
	size_t after;

	load("{\"unknownToken\":\"accept\",\"dataTransferVendors\":[\"v\"]}");
	host_crash_at(h, "ocpp.0", n);
	insist("BootNotification", "{\"chargePointVendor\":\"V\",\"chargePointModel\":\"M\"}");
	insist("DataTransfer", "{\"vendorId\":\"v\",\"data\":\"d\"}");
	insist("FirmwareStatusNotification", "{\"status\":\"Installed\"}");
	insist("StatusNotification", "{\"connectorId\":1,\"errorCode\":\"NoError\",\"status\":\"Charging\"}");
	cr_expect(strstr(insist("StartTransaction", START("A", T0, "0")), "\"transactionId\":1}"));
	insist("MeterValues", "{\"connectorId\":1,\"transactionId\":1,\"meterValue\":[{\"timestamp\":\"2025-01-15T02:"
			      "10:00Z\",\"sampledValue\":[{"
			      "\"value\":\"10\"}]}]}");
	insist("StopTransaction", "{\"transactionId\":1,\"meterStop\":20,\"timestamp\":\"2025-01-15T02:11:00Z\"}");
	host_run_ms(h, 10000);
	cr_expect_eq(host_events(h, "galvan.ocpp.v1.StationBooted"), 1, "death %lu", (unsigned long)n);
	cr_expect_eq(host_events(h, "galvan.ocpp.v1.DataTransferred"), 1, "death %lu", (unsigned long)n);
	cr_expect_eq(host_events(h, "galvan.ocpp.v1.StationNotified"), 1, "death %lu", (unsigned long)n);
	cr_expect_eq(host_events(h, EVENT "ConnectorStatusChanged"), 1, "death %lu", (unsigned long)n);
	cr_expect_eq(host_events(h, EVENT "SessionStarted"), 1, "death %lu", (unsigned long)n);
	cr_expect_eq(host_events(h, EVENT "SessionMetered"), 1, "death %lu", (unsigned long)n);
	cr_expect_eq(host_events(h, EVENT "SessionEnded"), 1, "death %lu", (unsigned long)n);
	cr_expect_eq(samples(session(1)), 1);
	cr_expect_eq(number(session(1), "energyWh"), 20);
	after = host_crashes(h);
	teardown();
	return after > 0;
}

Test(ocpp_crash, nothing_is_lost_or_doubled_wherever_it_dies, .timeout = 120)
{
	uint64_t n = 1;

	while (dies_at(n))
		n++;
	cr_expect_gt(n, 20, "points were passed");
}

Test(ocpp_config, a_tag_that_stands_twice_is_refused)
{
	struct host *other = host_create(1);

	cr_expect_neq(host_load(other, "ocpp", PLUGINS "/ocpp.so", 1, "{\"tags\":[{\"id\":\"A\"},{\"id\":\"a\"}]}"), 0);
	cr_expect(strstr(host_error(other), "stands twice"), "%s", host_error(other));
	host_destroy(other);
}

Test(ocpp_config, instances_share_the_ids, .timeout = 60)
{
	unsigned seen = 0;

	h = host_create(3);
	cr_assert_eq(host_load(h, "ocpp", PLUGINS "/ocpp.so", 3, "{\"unknownToken\":\"accept\"}"), 0, "%s",
		     host_error(h));
	host_settle(h, 100);
	for (unsigned i = 0; i < 8; i++) {
		char device[40];
		int id;

		forget();
		snprintf(device, sizeof device, "ocpp:CP%03u", i);
		cp.station = host_station(h, "ocpp", device, "ocpp1.6", &model, &cp);
		host_station_connect(cp.station);
		host_run_ms(h, 100);
		id = begin(START("A", T0, "0"));
		cr_assert(id > 0 && id < 32);
		cr_expect(!(seen & (1u << id)), "id %d is one device's", id);
		seen |= 1u << id;
	}
	ask(CHARGING "ListSessions", "{}");
	cr_expect_eq(cJSON_GetArraySize(get(kept, "sessions")), 8, "asked of all instances");
	teardown();
}
