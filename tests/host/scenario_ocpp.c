/* Chargers that do their sessions in all weathers: every call is repeated until it is answered, the plugins, link and
 * the network die at any point. At the end each session is there once, with the id, the meters and the samples that the
 * charger was told or told. */
#include "insisting.h"
#include "scenario.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHARGERS 2
#define SESSIONS 2 /* per charger, by itself; one more is asked for by the test */
#define SAMPLES 3  /* per session */
#define END_MS (60 * 60 * 1000)
#define FIRST_START_S 1736900000 /* 2025-01-15T00:13:20Z */

enum step_kind { STEP_BOOT, STEP_START, STEP_METER, STEP_STOP };

struct session {
	unsigned connector;
	char token[24];
	int64_t transaction; /* 0: not told yet */
};

struct step {
	enum step_kind kind;
	unsigned session, sample;
};

struct charger {
	struct host *h;
	struct insisting says;
	char device[32];
	struct session sessions[SESSIONS + 1];
	unsigned n_sessions;
	struct step steps[64];
	unsigned remote_starts;
};

struct world {
	struct charger chargers[CHARGERS];
	struct host_answer *starts[CHARGERS], *renames[CHARGERS];
};

static uint32_t instances(const struct host *h)
{
	return 1 + host_seed(h) / 8 % 2;
}

/* ---- a charger's program --------------------------------------------------------------------- */

static void add_step(struct charger *c, enum step_kind kind, unsigned session, unsigned sample)
{
	host_check(c->h, c->says.n_calls < 64, "a charger has more to do than its program holds");
	c->steps[c->says.n_calls++] = (struct step){ kind, session, sample };
}

static void add_session(struct charger *c, unsigned connector, const char *token)
{
	unsigned s = c->n_sessions++;

	c->sessions[s].connector = connector;
	snprintf(c->sessions[s].token, sizeof c->sessions[s].token, "%s", token);
	add_step(c, STEP_START, s, 0);
	for (unsigned i = 0; i < SAMPLES; i++)
		add_step(c, STEP_METER, s, i);
	add_step(c, STEP_STOP, s, 0);
}

/* Session s of a charger begins at 1000 Wh * s and takes 100 Wh a sample. */
static long meter_wh(unsigned session, unsigned samples)
{
	return 1000L * session + 100L * samples;
}

static void stamp(char *out, size_t size, unsigned session, unsigned samples)
{
	long s = FIRST_START_S + 3600L * session + 60L * samples - 1736899200; /* since midnight of 2025-01-15 */

	snprintf(out, size, "2025-01-15T%02ld:%02ld:%02ldZ", s / 3600, s / 60 % 60, s % 60);
}

static void fill(void *owner, unsigned call, char *out, size_t size)
{
	const struct charger *c = owner;
	const struct step *p = &c->steps[call];
	const struct session *s = &c->sessions[p->session];
	char time[40];

	switch (p->kind) {
	case STEP_BOOT:
		snprintf(out, size, "\"BootNotification\",{\"chargePointVendor\":\"V\",\"chargePointModel\":\"M\"}");
		return;
	case STEP_START:
		stamp(time, sizeof time, p->session, 0);
		snprintf(out, size,
			 "\"StartTransaction\",{\"connectorId\":%u,\"idTag\":\"%s\",\"meterStart\":%ld,\"timestamp\":"
			 "\"%s\"}",
			 s->connector, s->token, meter_wh(p->session, 0), time);
		return;
	case STEP_METER:
		stamp(time, sizeof time, p->session, p->sample + 1);
		snprintf(out, size,
			 "\"MeterValues\",{\"connectorId\":%u,\"transactionId\":%lld,\"meterValue\":[{\"timestamp\":\"%"
			 "s\",\"sampledValue\":"
			 "[{\"value\":\"%ld\",\"measurand\":\"Energy.Active.Import.Register\",\"unit\":\"Wh\"}]}]}",
			 s->connector, (long long)s->transaction, time, meter_wh(p->session, p->sample + 1));
		return;
	case STEP_STOP:
		stamp(time, sizeof time, p->session, SAMPLES + 1);
		snprintf(out, size,
			 "\"StopTransaction\",{\"transactionId\":%lld,\"idTag\":\"%s\",\"meterStop\":%ld,\"timestamp\":"
			 "\"%s\",\"reason\":\"Local\"}",
			 (long long)s->transaction, s->token, meter_wh(p->session, SAMPLES + 1), time);
	}
}

/* ---- what it is told ------------------------------------------------------------------------- */

static void answered(void *owner, unsigned step, const cJSON *payload, const char *text)
{
	struct charger *c = owner;
	const struct step *p = &c->steps[step];
	struct session *s = &c->sessions[p->session];
	const cJSON *id = cJSON_GetObjectItemCaseSensitive(payload, "transactionId");

	if (p->kind != STEP_START)
		return;
	host_check(c->h, cJSON_IsNumber(id) && id->valuedouble > 0, "a start is answered without an id: %s", text);
	host_check(c->h, !s->transaction || s->transaction == (int64_t)id->valuedouble,
		   "%s was told transaction %lld, and now %s", c->device, (long long)s->transaction, text);
	s->transaction = (int64_t)id->valuedouble;
}

static const char *asked(void *owner, const char *action, const cJSON *payload)
{
	const cJSON *token = cJSON_GetObjectItemCaseSensitive(payload, "idTag");
	struct charger *c = owner;

	if (strcmp(action, "RemoteStartTransaction") != 0)
		return "{\"status\":\"Accepted\"}";
	if (c->remote_starts++)
		return "{\"status\":\"Rejected\"}"; /* its connector is taken by the first one */
	add_session(c, 2, cJSON_IsString(token) ? token->valuestring : "?");
	return "{\"status\":\"Accepted\"}";
}

/* ---- what must hold -------------------------------------------------------------------------- */

static size_t events_of(struct host *h, const char *type, const char *path, const char *session)
{
	size_t found = 0;

	for (size_t i = 0; i < host_events(h, type); i++)
		found += !strcmp(scenario_str(h, host_event(h, type, i)->json, path), session);
	return found;
}

static void check_session(struct charger *c, unsigned n, const char *json, const char *id)
{
	struct host *h = c->h;
	const struct session *s = &c->sessions[n];
	struct host_answer *a = host_call(h, "galvan.charging.v1.Charging/GetSession", "{\"id\":\"%s\"}", id);

	host_check(h, a->code == GV_OK, "session %s: %s", id, a->error);
	host_check(h,
		   scenario_int(h, a->json, "session.meterStartWh") == meter_wh(n, 0) &&
			   scenario_int(h, a->json, "session.meterStopWh") == meter_wh(n, SAMPLES + 1) &&
			   scenario_int(h, a->json, "session.energyWh") == meter_wh(n, SAMPLES + 1) - meter_wh(n, 0),
		   "the meters of session %u of %s are not what it said: %s", n, c->device, a->json);
	host_check(h, scenario_count(h, a->json, "session.samples") == SAMPLES,
		   "session %u of %s has not its %d samples once: %s", n, c->device, SAMPLES, a->json);
	for (unsigned i = 0; i < SAMPLES; i++) {
		char path[64];

		snprintf(path, sizeof path, "session.samples.%u.value", i);
		host_check(h, scenario_int(h, a->json, path) == meter_wh(n, i + 1), "sample %u of session %u of %s: %s",
			   i, n, c->device, a->json);
	}
	host_check(h, !strcmp(scenario_str(h, a->json, "session.token"), s->token), "%s has another token than %s", id,
		   s->token);
	host_check(h, events_of(h, "galvan.charging.v1.SessionStarted", "session.id", id) == 1,
		   "SessionStarted of %s was told %zu times", id,
		   events_of(h, "galvan.charging.v1.SessionStarted", "session.id", id));
	host_check(h, events_of(h, "galvan.charging.v1.SessionEnded", "session.id", id) == 1,
		   "SessionEnded of %s was told %zu times", id,
		   events_of(h, "galvan.charging.v1.SessionEnded", "session.id", id));
	host_check(h, events_of(h, "galvan.charging.v1.SessionMetered", "sessionId", id) == SAMPLES,
		   "SessionMetered of %s was told %zu times", id,
		   events_of(h, "galvan.charging.v1.SessionMetered", "sessionId", id));
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
		char path[64], transaction[32], id[200] = "";

		snprintf(transaction, sizeof transaction, "%lld", (long long)c->sessions[n].transaction);
		for (unsigned i = 0; i < c->n_sessions; i++) {
			snprintf(path, sizeof path, "sessions.%u.transactionId", i);
			if (strcmp(scenario_str(h, a->json, path), transaction) != 0)
				continue;
			host_check(h, !*id, "two sessions of %s have the id %s: %s", c->device, transaction, a->json);
			snprintf(path, sizeof path, "sessions.%u.id", i);
			snprintf(id, sizeof id, "%s", scenario_str(h, a->json, path));
		}
		host_check(h, *id, "%s was told transaction %s, which nobody knows: %s", c->device, transaction,
			   a->json);
		check_session(c, n, a->json, id);
	}
}

static void check_world(struct host *h, struct world *w)
{
	for (unsigned i = 0; i < CHARGERS; i++) {
		struct host_answer *a = host_call(h, "galvan.registry.v1.Registry/GetDevice", "{\"id\":\"%s\"}",
						  w->chargers[i].device);

		check_charger(&w->chargers[i]);
		host_check(h, !strcmp(scenario_str(h, a->json, "device.name"), "renamed"),
			   "the answered change of %s is lost: %s", w->chargers[i].device, a->json);
		for (unsigned j = 0; j < i; j++)
			for (unsigned n = 0; n < w->chargers[i].n_sessions; n++)
				for (unsigned m = 0; m < w->chargers[j].n_sessions; m++)
					host_check(h,
						   w->chargers[i].sessions[n].transaction !=
							   w->chargers[j].sessions[m].transaction,
						   "two chargers were given transaction %lld",
						   (long long)w->chargers[i].sessions[n].transaction);
	}
	for (unsigned i = 0; i < instances(h); i++) {
		char name[32];

		snprintf(name, sizeof name, "ocpp.%u", i);
		host_check(h, !host_parked(h, name), "%s has parked a message", name);
	}
	host_check(h, !host_parked(h, "registry.0"), "registry has parked a message");
}

/* ---- the run --------------------------------------------------------------------------------- */

static bool finished(struct host *h, void *arg)
{
	struct world *w = arg;

	for (unsigned i = 0; i < CHARGERS; i++)
		if (!insisting_done(&w->chargers[i].says) || !w->starts[i] || !w->starts[i]->done ||
		    !w->renames[i]->done)
			return false;
	return true;
}

static void start_remotely(struct host *h, void *arg)
{
	struct world *w = arg;

	for (unsigned i = 0; i < CHARGERS; i++)
		w->starts[i] = insisting_start(h, w->chargers[i].device, i);
}

static void begin(struct host *h, struct world *w)
{
	for (unsigned i = 0; i < CHARGERS; i++) {
		struct charger *c = &w->chargers[i];
		char json[128];

		c->h = h;
		snprintf(c->device, sizeof c->device, "ocpp:CP%03u", i);
		add_step(c, STEP_BOOT, 0, 0);
		for (unsigned s = 0; s < SESSIONS; s++)
			add_session(c, 1, "card-1");
		c->says.owner = c;
		c->says.write = fill;
		c->says.answered = answered;
		c->says.asked = asked;
		insisting_begin(&c->says, h, c->device, "ocpp1.6");
		snprintf(json, sizeof json, "{\"device\":{\"id\":\"%s\",\"name\":\"renamed\"}}", c->device);
		w->renames[i] = host_call_later(h, NULL, "galvan.registry.v1.Registry/PutDevice", json);
	}
	host_after(h, 50 + host_below(h, 500), start_remotely, w);
}

static void run(struct host *h)
{
	static const char *const victims[] = { "ocpp.0", "registry.0", "link.0", NULL };
	static const char *const emitters[] = { "registry.0", "ocpp.0", "ocpp.1", NULL };
	struct world w = { 0 };

	scenario_load(h, "registry", 1, "{\"passwordIterations\":1000}");
	scenario_load(h, "ocpp", instances(h), "{\"unknownStation\":\"accept\",\"unknownToken\":\"accept\"}");
	host_settle(h, 5);
	scenario_weather(h, victims);
	begin(h, &w);
	if (!host_run_until(h, finished, &w, END_MS)) {
		for (unsigned i = 0; i < CHARGERS; i++)
			host_check(h, insisting_done(&w.chargers[i].says), "%s waits for the answer to step %u of %u",
				   w.chargers[i].device, w.chargers[i].says.at, w.chargers[i].says.n_calls);
		host_fail(h, "a call of the test is not answered");
	}
	scenario_calm(h);
	scenario_shake(h, emitters);
	check_world(h, &w);
}

const struct scenario scenario_ocpp = { "ocpp", "chargers do their sessions in all weathers", run };
