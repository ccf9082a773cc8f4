/* Orders beside a device that says what the test wants: what their tests share. */
#include "orders_rig.h"
#include "charging.schema.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BILLING "galvan.billing.v1.Billing/"

struct host *h;
cJSON *last;

/* ---- the device ------------------------------------------------------------------------------ */

enum gv_code start_says;
const char *start_status;
unsigned starts, stops, reads;
bool begins;
char token[40];
Charging__Session session;
static Charging__Sample meter[64], *meters[64];
enum rig_tells tells;

static int tell(struct gv_turn *t)
{
	Charging__SessionStarted started = CHARGING__SESSION_STARTED__INIT;
	Charging__SessionMetered metered = CHARGING__SESSION_METERED__INIT;
	Charging__SessionEnded ended = CHARGING__SESSION_ENDED__INIT;
	Charging__Session bare = session;

	bare.n_samples = 0;
	started.device = metered.device = ended.device = (char *)"dev:1";
	started.session = ended.session = &bare;
	metered.session_id = session.id;
	metered.energy_wh = session.energy_wh;
	metered.samples = session.n_samples ? &session.samples[session.n_samples - 1] : NULL;
	metered.n_samples = session.n_samples != 0;
	switch (tells) {
	case STARTED:
		return gv_emit(t, &started);
	case METERED:
		return gv_emit(t, &metered);
	case ENDED:
		return gv_emit(t, &ended);
	default:
		return 0;
	}
}

void begin_session(const char *id, const char *with, int64_t at_ms)
{
	charging__session__init(&session);
	session.id = (char *)id;
	session.device = (char *)"dev:1";
	session.connector = 1;
	session.token = (char *)with;
	session.state = CHARGING__SESSION_STATE__ACTIVE;
	session.started_at_ms = at_ms;
	session.token_status = (char *)"Accepted";
	session.samples = meters;
}

static int on_start(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	Charging__StartReply reply = CHARGING__START_REPLY__INIT;

	starts++;
	snprintf(token, sizeof token, "%s", ((const Charging__StartRequest *)m)->token);
	if (begins && !*session.id)
		begin_session("dev:1/1", token, gv_now_ms(t));
	if (start_says != GV_OK)
		return gv_refuse(t, to, start_says, "the device says no");
	reply.status = (char *)start_status;
	return gv_reply(t, to, &reply);
}

static int on_stop(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	Charging__StopReply reply = CHARGING__STOP_REPLY__INIT;

	stops++;
	reply.status = (char *)"Accepted";
	return gv_reply(t, to, &reply);
}

static int on_get(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	Charging__GetSessionReply reply = CHARGING__GET_SESSION_REPLY__INIT;

	reads++;
	reply.session = &session;
	return *session.id ? gv_reply(t, to, &reply) : gv_refuse(t, to, GV_NOT_FOUND, "there is no such session");
}

static int on_list(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	Charging__ListSessionsReply reply = CHARGING__LIST_SESSIONS_REPLY__INIT;
	Charging__Session *list = &session;

	reply.sessions = &list;
	reply.n_sessions = *session.id != 0;
	return gv_reply(t, to, &reply);
}

/* Stands for the device's own acts. */
static int on_unlock(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	Charging__CommandReply reply = CHARGING__COMMAND_REPLY__INIT;

	tell(t);
	return gv_reply(t, to, &reply);
}

const struct gv_plugin device = {
	GV_STAMP,
	.name = "dev",
	.version = "0",
	.serves = (const struct gv_service[]){ { &charging__charging__descriptor,
						 (const struct gv_method[]){ { "Start", on_start },
									     { "Stop", on_stop },
									     { "GetSession", on_get },
									     { "ListSessions", on_list },
									     { "Unlock", on_unlock },
									     { 0 } } },
					       { 0 } },
	.emits = (const struct gv_emits[]){ { &charging__session_started__descriptor, NULL },
					    { &charging__session_metered__descriptor, NULL },
					    { &charging__session_ended__descriptor, NULL },
					    { 0 } },
	.schema_set = GV_SCHEMA(charging),
	.schema = 1,
	.self_size = 1,
};

void do_tell(enum rig_tells what)
{
	tells = what;
	cr_assert_eq(host_call(h, "galvan.charging.v1.Charging/Unlock", "{\"device\":\"dev:1\",\"connector\":1}")->code,
		     GV_OK);
	host_settle(h, 5);
}

void start_session(void)
{
	begin_session("dev:1/1", token, host_now_ms(h));
	do_tell(STARTED);
}

void measure(int64_t wh)
{
	Charging__Sample *s = &meter[session.n_samples];

	charging__sample__init(s);
	s->time_ms = host_now_ms(h);
	s->measurand = (char *)"Energy.Active.Import.Register";
	s->unit = (char *)"Wh";
	s->value = (double)wh;
	meters[session.n_samples++] = s;
	session.energy_wh = wh;
	do_tell(METERED);
}

void end_session(int64_t wh)
{
	session.state = CHARGING__SESSION_STATE__ENDED;
	session.ended_at_ms = host_now_ms(h);
	session.meter_stop_wh = session.energy_wh = wh;
	do_tell(ENDED);
}

/* ---- asking ---------------------------------------------------------------------------------- */

const char *text(const char *path)
{
	static char out[200];
	const cJSON *item = last;
	char name[80];

	for (const char *at = path; item && *at;) {
		size_t n = strcspn(at, ".");

		snprintf(name, sizeof name, "%.*s", (int)n, at);
		item = cJSON_IsArray(item) ? cJSON_GetArrayItem(item, atoi(name))
					   : cJSON_GetObjectItemCaseSensitive(item, name);
		at += n + (at[n] == '.');
	}
	snprintf(out, sizeof out, "%s", cJSON_IsString(item) ? item->valuestring : "(none)");
	return out;
}

unsigned ask(const char *method, const char *json)
{
	char name[80];
	struct host_answer *a;

	snprintf(name, sizeof name, BILLING "%s", method);
	a = host_call(h, name, "%s", json);
	cJSON_Delete(last);
	last = cJSON_Parse(a->json);
	return a->code;
}

void must(const char *method, const char *json)
{
	cr_assert_eq(ask(method, json), GV_OK, "%s %s", method, json);
}

const char *state(void)
{
	must("GetOrder", "{\"id\":\"O-1\"}");
	return text("order.state") + strlen("ORDER_STATE_");
}

int64_t available(void)
{
	must("GetAccount", "{\"id\":\"wallet:C-1\"}");
	return atoll(text("account.available"));
}

unsigned n_charges(void)
{
	must("ListCharges", "{}");
	return (unsigned)cJSON_GetArraySize(cJSON_GetObjectItem(last, "charges"));
}

bool has_flag(const char *path, const char *flag)
{
	const cJSON *list = cJSON_GetObjectItem(strcmp(path, "order")
							? cJSON_GetArrayItem(cJSON_GetObjectItem(last, "charges"), 0)
							: cJSON_GetObjectItem(last, "order"),
						"flags"),
		    *item;

	cJSON_ArrayForEach(item, list)
	{
		if (!strcmp(item->valuestring, flag))
			return true;
	}
	return false;
}

void checkout(void)
{
	must("Checkout", "{\"id\":\"O-1\",\"device\":\"dev:1\",\"connector\":1,\"customer\":\"C-1\"}");
	host_settle(h, 5);
}

void assign(const char *components)
{
	char json[1000];

	snprintf(json, sizeof json,
		 "{\"tariff\":{\"id\":\"T\",\"ocpi\":\"{\\\"id\\\":\\\"T\\\",\\\"country_code\\\":\\\"DE\\\",\\\"party_"
		 "id\\\":"
		 "\\\"ABC\\\",\\\"currency\\\":\\\"EUR\\\",\\\"last_updated\\\":\\\"2025-01-01T00:00:00Z\\\","
		 "\\\"elements\\\":[{"
		 "\\\"price_components\\\":[%s]}]}\"}}",
		 components);
	must("PutTariff", json);
	must("AssignTariff", "{\"assignment\":{\"tariff\":\"T\"}}");
}

void device_reset(void)
{
	charging__session__init(&session);
	start_says = GV_OK;
	start_status = "Accepted";
	starts = stops = reads = 0;
	begins = false;
}

void sound_and_gone(void)
{
	cr_expect_eq(host_parked(h, "billing.0"), 0, "nothing that a device does may fail in the plugin");
	must("Verify", "{}");
	cr_expect(cJSON_IsTrue(cJSON_GetObjectItem(last, "sound")), "%s", cJSON_PrintUnformatted(last));
	cJSON_Delete(last);
	last = NULL;
	host_destroy(h);
}
