/* Chargers of 2.0.1 that do their sessions in all weathers, and are careless besides: they say the messages of their
 * transactions out of order, some twice, and lose some for ever. At the end each session is there once, with the energy
 * that what was said of it shows, and says whether something is missing. */
#include "insisting.h"
#include "scenario.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHARGERS 2
#define SESSIONS 3 /* per charger, by itself, one behind the other on EVSE 1; one more is asked for by the test */
#define SAMPLES 4  /* per session: its messages are 0, Started, to SAMPLES + 1, Ended */
#define ENDED (SAMPLES + 1)
#define MESSAGES (ENDED + 1)
#define CALLS_MAX 64
#define END_MS (60 * 60 * 1000)

struct session {
	unsigned evse;
	char token[24];
	long start_number; /* 0: nobody asked for it */
	bool said[MESSAGES];
};

struct call {
	unsigned session, number; /* session SESSIONS + 1: the boot */
};

struct charger {
	struct host *h;
	struct insisting says;
	char device[32];
	struct session sessions[SESSIONS + 1];
	unsigned n_sessions;
	struct call calls[CALLS_MAX];
	struct host_answer *start;
};

struct world {
	struct charger chargers[CHARGERS];
};

#define BOOT (SESSIONS + 1)

/* ---- a charger's program --------------------------------------------------------------------- */

static void add_call(struct charger *c, unsigned session, unsigned number)
{
	host_check(c->h, c->says.n_calls < CALLS_MAX, "a charger has more to do than its program holds");
	c->calls[c->says.n_calls++] = (struct call){ session, number };
}

/* Said messages of the session: all but those that are lost, which the first of one that was asked for never is. */
static void add_session(struct charger *c, unsigned evse, const char *token, long start_number)
{
	unsigned n = c->n_sessions++;
	struct session *s = &c->sessions[n];

	s->evse = evse;
	s->start_number = start_number;
	snprintf(s->token, sizeof s->token, "%s", token);
	for (unsigned i = 0; i < MESSAGES; i++) {
		s->said[i] = i == ENDED || (i == 0 && start_number) || host_below(c->h, 5) > 0;
		if (!s->said[i])
			continue;
		add_call(c, n, i);
		if (!host_below(c->h, 4))
			add_call(c, n, i);
	}
}

/* Swaps near neighbours from this call on; the boot stays first. */
static void shuffle(struct charger *c, unsigned from)
{
	for (unsigned i = from; i + 1 < c->says.n_calls; i++) {
		unsigned with = i + host_below(c->h, 3);
		struct call swap = c->calls[i];

		if (with >= c->says.n_calls)
			continue;
		c->calls[i] = c->calls[with];
		c->calls[with] = swap;
	}
}

/* Session n of a charger begins at 1000 Wh * n and takes 100 Wh a message. */
static long meter_wh(unsigned session, unsigned number)
{
	return 1000L * session + 100L * number;
}

static void stamp(char *out, size_t size, unsigned session, unsigned number)
{
	snprintf(out, size, "2025-01-15T%02u:%02u:00Z", 1 + session, number);
}

static void fill(void *owner, unsigned call, char *out, size_t size)
{
	const struct charger *c = owner;
	unsigned n = c->calls[call].session, number = c->calls[call].number;
	const struct session *s = &c->sessions[n];
	const char *kind = number == 0 ? "Started" : number == ENDED ? "Ended" : "Updated";
	char time[40], first[200] = "", info[80] = "";

	if (n == BOOT) {
		snprintf(out, size,
			 "\"BootNotification\",{\"reason\":\"PowerUp\",\"chargingStation\":{\"vendorName\":\"V\","
			 "\"model\":\"M\"}}");
		return;
	}
	stamp(time, sizeof time, n, number);
	if (number == 0 && s->start_number) /* whoever was asked to start names no token */
		snprintf(info, sizeof info, ",\"remoteStartId\":%ld", s->start_number);
	else if (number == 0 || number == ENDED)
		snprintf(first, sizeof first, ",\"idToken\":{\"idToken\":\"%s\",\"type\":\"Local\"}", s->token);
	if (number == 0)
		snprintf(first + strlen(first), sizeof first - strlen(first), ",\"evse\":{\"id\":%u}", s->evse);
	snprintf(out, size,
		 "\"TransactionEvent\",{\"eventType\":\"%s\",\"seqNo\":%u,\"timestamp\":\"%s\",\"triggerReason\":"
		 "\"MeterValuePeriodic\",\"transactionInfo\":{\"transactionId\":\"%s-%u\"%s}%s,\"meterValue\":[{"
		 "\"timestamp\":\"%s\",\"sampledValue\":[{\"value\":%ld,\"context\":\"%s\"}]}]}",
		 kind, number, time, c->device, n, info, first, time, meter_wh(n, number),
		 number == 0       ? "Transaction.Begin"
		 : number == ENDED ? "Transaction.End"
				   : "Sample.Periodic");
}

static const char *asked(void *owner, const char *action, const cJSON *payload)
{
	struct charger *c = owner;
	const cJSON *token = cJSON_GetObjectItemCaseSensitive(payload, "idToken"),
		    *number = cJSON_GetObjectItemCaseSensitive(payload, "remoteStartId");
	unsigned from = c->says.n_calls;

	if (strcmp(action, "RequestStartTransaction") != 0)
		return "{\"status\":\"Accepted\"}";
	if (c->n_sessions > SESSIONS)
		return "{\"status\":\"Rejected\"}";
	host_check(c->h, cJSON_IsNumber(number), "a start has no number");
	add_session(c, 2, cJSON_GetObjectItemCaseSensitive(token, "idToken")->valuestring, (long)number->valuedouble);
	shuffle(c, from);
	return "{\"status\":\"Accepted\"}";
}

/* ---- what must hold -------------------------------------------------------------------------- */

/* The last event of a session, and how many there were; NULL: none. */
static const char *last_event(struct host *h, const char *type, const char *session, size_t *ret_count)
{
	const char *found = NULL;

	*ret_count = 0;
	for (size_t i = 0; i < host_events(h, type); i++) {
		const char *json = host_event(h, type, i)->json;

		if (strcmp(scenario_str(h, json, "session.id"), session) != 0)
			continue;
		found = json;
		++*ret_count;
	}
	return found;
}

static bool is_flagged(struct host *h, const char *json, const char *flag)
{
	for (size_t i = 0; i < scenario_count(h, json, "session.flags"); i++) {
		char path[40];

		snprintf(path, sizeof path, "session.flags.%zu", i);
		if (!strcmp(scenario_str(h, json, path), flag))
			return true;
	}
	return false;
}

/* The first number of the session that was said, and how many were. */
static unsigned first_said(const struct session *s, unsigned *ret_count)
{
	unsigned first = MESSAGES;

	*ret_count = 0;
	for (unsigned i = MESSAGES; i-- > 0;)
		if (s->said[i]) {
			first = i;
			++*ret_count;
		}
	return first;
}

static void check_session(struct charger *c, unsigned n, const char *id)
{
	struct host *h = c->h;
	const struct session *s = &c->sessions[n];
	struct host_answer *a = host_call(h, "galvan.charging.v1.Charging/GetSession", "{\"id\":\"%s\"}", id);
	unsigned count, first = first_said(s, &count);
	const char *ended;
	size_t told;

	host_check(h, a->code == GV_OK, "session %s: %s", id, a->error);
	host_check(h,
		   scenario_int(h, a->json, "session.meterStartWh") == meter_wh(n, first) &&
			   scenario_int(h, a->json, "session.meterStopWh") == meter_wh(n, ENDED) &&
			   scenario_int(h, a->json, "session.energyWh") == meter_wh(n, ENDED) - meter_wh(n, first),
		   "the meters of session %u of %s are not what it said from message %u on: %s", n, c->device, first,
		   a->json);
	host_check(h, scenario_count(h, a->json, "session.samples") == count,
		   "session %u of %s has not its %u samples once: %s", n, c->device, count, a->json);
	host_check(h, is_flagged(h, a->json, "incomplete") == (count < MESSAGES),
		   "%u of the %d messages of session %u of %s were said: %s", count, MESSAGES, n, c->device, a->json);
	host_check(h, !strcmp(scenario_str(h, a->json, "session.token"), s->token), "%s has another token than %s", id,
		   s->token);
	host_check(h, !s->said[0] || scenario_int(h, a->json, "session.connector") == s->evse,
		   "%s is not on EVSE %u: %s", id, s->evse, a->json);
	last_event(h, "galvan.charging.v1.SessionStarted", id, &told);
	host_check(h, told == 1, "SessionStarted of %s was told %zu times", id, told);
	ended = last_event(h, "galvan.charging.v1.SessionEnded", id, &told);
	host_check(h, told > 0, "SessionEnded of %s was not told", id);
	host_check(h,
		   scenario_int(h, ended, "session.energyWh") == scenario_int(h, a->json, "session.energyWh") &&
			   scenario_int(h, ended, "session.startedAtMs") ==
				   scenario_int(h, a->json, "session.startedAtMs") &&
			   !strcmp(scenario_str(h, ended, "session.token"), s->token),
		   "the last that was told of %s is not what became of it: %s", id, ended);
	if (s->start_number && c->start->code == GV_OK)
		host_check(h,
			   !strcmp(scenario_str(h, a->json, "session.requestId"),
				   scenario_str(h, c->start->json, "requestId")),
			   "%s is not the one that was asked for: %s", id, a->json);
}

static void check_charger(struct charger *c)
{
	struct host *h = c->h;
	struct host_answer *a = host_call(h, "galvan.charging.v1.Charging/ListSessions", "{\"device\":\"%s\"}",
					  c->device);

	host_check(h, a->code == GV_OK, "%s: %s", c->device, a->error);
	host_check(h, scenario_count(h, a->json, "sessions") == c->n_sessions,
		   "%s had %u sessions, the plugin knows %s", c->device, c->n_sessions, a->json);
	for (unsigned n = 0; n < c->n_sessions; n++) {
		char path[64], name[64], id[200] = "";

		snprintf(name, sizeof name, "%s-%u", c->device, n);
		for (unsigned i = 0; i < c->n_sessions; i++) {
			snprintf(path, sizeof path, "sessions.%u.transactionId", i);
			if (strcmp(scenario_str(h, a->json, path), name) != 0)
				continue;
			snprintf(path, sizeof path, "sessions.%u.id", i);
			snprintf(id, sizeof id, "%s", scenario_str(h, a->json, path));
		}
		host_check(h, *id, "transaction %s is not among %s", name, a->json);
		check_session(c, n, id);
	}
}

/* ---- the run --------------------------------------------------------------------------------- */

static bool finished(struct host *h, void *arg)
{
	struct world *w = arg;

	for (unsigned i = 0; i < CHARGERS; i++)
		if (!insisting_done(&w->chargers[i].says) || !w->chargers[i].start || !w->chargers[i].start->done)
			return false;
	return true;
}

static void start_remotely(struct host *h, void *arg)
{
	struct world *w = arg;

	for (unsigned i = 0; i < CHARGERS; i++)
		w->chargers[i].start = insisting_start(h, w->chargers[i].device, i);
}

static void begin(struct host *h, struct charger *c, unsigned i)
{
	char token[24];

	c->h = h;
	snprintf(c->device, sizeof c->device, "ocpp:CP%03u", i);
	c->says.owner = c;
	c->says.write = fill;
	c->says.asked = asked;
	add_call(c, BOOT, 0);
	for (unsigned n = 0; n < SESSIONS; n++) {
		snprintf(token, sizeof token, "card-%u", n);
		add_session(c, 1, token, 0);
	}
	shuffle(c, 1);
	insisting_begin(&c->says, h, c->device, "ocpp2.0.1");
}

static void run(struct host *h)
{
	static const char *const victims[] = { "ocpp.0", "link.0", NULL };
	static const char *const emitters[] = { "registry.0", "ocpp.0", NULL };
	struct world w = { 0 };

	scenario_load(h, "registry", 1, "{\"passwordIterations\":1000}");
	scenario_load(h, "ocpp", 1,
		      "{\"unknownStation\":\"accept\",\"unknownToken\":\"accept\",\"localList\":\"off\"}");
	host_settle(h, 5);
	scenario_weather(h, victims);
	for (unsigned i = 0; i < CHARGERS; i++)
		begin(h, &w.chargers[i], i);
	host_after(h, 50 + host_below(h, 500), start_remotely, &w);
	if (!host_run_until(h, finished, &w, END_MS)) {
		for (unsigned i = 0; i < CHARGERS; i++)
			host_check(h, insisting_done(&w.chargers[i].says), "%s waits for the answer to call %u of %u",
				   w.chargers[i].device, w.chargers[i].says.at, w.chargers[i].says.n_calls);
		host_fail(h, "a start is not answered");
	}
	scenario_calm(h);
	scenario_shake(h, emitters);
	for (unsigned i = 0; i < CHARGERS; i++)
		check_charger(&w.chargers[i]);
	host_check(h, !host_parked(h, "ocpp.0"), "ocpp.0 has parked a message");
}

const struct scenario scenario_events = { "events", "chargers of 2.0.1 lose, double and reorder their messages", run };
