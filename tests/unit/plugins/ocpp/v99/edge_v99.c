/* OCPP 9.9: its messages to and from what the plugin speaks. */
#include "v99.h"

#include <plugins/ocpp/edge/shared.h>
#include <plugins/ocpp/sessions/sessions.h>

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

/* ---- from the charger ------------------------------------------------------------------------ */

static int hello(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	Ocpp__Station *s = gv_alloc(t, sizeof *s);

	ocpp__station__init(s);
	s->vendor = shared_text(t, in->payload, "maker");
	s->model = shared_text(t, in->payload, "kind");
	s->firmware = shared_text(t, in->payload, "software");
	in->answer = gv_str(t, "{\"now\":\"%s\",\"every\":%u}", when_now(t), o->heartbeat_s);
	return report_boot(o, t, in, s);
}

static int tick(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	return 0;
}

/* Its register, as meter values have it. */
static cJSON *meter_value(const cJSON *payload)
{
	cJSON *list = cJSON_CreateArray(), *value = cJSON_CreateObject(), *sample = cJSON_CreateObject();
	char text[24];

	snprintf(text, sizeof text, "%lld", (long long)json_int(payload, "wh", 0));
	cJSON_AddStringToObject(sample, "value", text);
	cJSON_AddStringToObject(value, "timestamp", json_string(payload, "at"));
	cJSON_AddItemToArray(cJSON_AddArrayToObject(value, "sampledValue"), sample);
	cJSON_AddItemToArray(list, value);
	return list;
}

static int tell(struct ocpp *o, struct gv_turn *t, struct inbound *in, struct said_event *said, struct verdict *ret)
{
	cJSON *list = meter_value(in->payload);
	struct meter values;
	int error;

	said->name = json_string(in->payload, "charge");
	said->number = -1;
	said->use = "Charging";
	if (!said->reason)
		said->reason = "";
	when_read(t, in->st, json_get(in->payload, "at"), &said->when);
	meter_read(t, in->st, list, &values);
	said->values = &values;
	error = sessions_event(o, t, in, said, ret);
	cJSON_Delete(list);
	return error;
}

static int begin(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	struct said_event said = { .kind = EVENT_STARTED,
				   .has_connector = true,
				   .connector = (uint32_t)json_int(in->payload, "plug", 1),
				   .token = json_string(in->payload, "card"),
				   .token_type = TOKEN_TYPE_CARD,
				   .start_number = (int32_t)json_int(in->payload, "order", 0) };
	struct verdict verdict = { 0 };
	int error = tell(o, t, in, &said, &verdict);

	in->answer = gv_str(t, "{\"card\":\"%s\"}", verdict.status ? verdict.status : "");
	return error;
}

static int measure(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	struct verdict verdict;

	return tell(o, t, in, &(struct said_event){ .kind = EVENT_UPDATED }, &verdict);
}

static int finish(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	struct said_event said = { .kind = EVENT_ENDED, .reason = json_string(in->payload, "why") };
	struct verdict verdict;

	return tell(o, t, in, &said, &verdict);
}

static inbound_fn *handler(const char *action)
{
	static const struct {
		const char *action;
		inbound_fn *fn;
	} handlers[] = {
		{ "Hello", hello }, { "Tick", tick }, { "Begin", begin }, { "Measure", measure }, { "Finish", finish }
	};

	for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++)
		if (!strcmp(handlers[i].action, action))
			return handlers[i].fn;
	return NULL;
}

/* ---- to the charger -------------------------------------------------------------------------- */

static int start(struct gv_turn *t, const struct start_order *order, struct command *ret)
{
	cJSON *payload = cJSON_CreateObject();

	cJSON_AddNumberToObject(payload, "plug", order->connector);
	cJSON_AddStringToObject(payload, "card", order->token);
	cJSON_AddNumberToObject(payload, "order", order->number);
	return shared_give(t, &spec_v99, "Go", payload, ret);
}

static int stop(struct gv_turn *t, const Ocpp__Transaction *x, struct command *ret)
{
	cJSON *payload = cJSON_CreateObject();

	cJSON_AddStringToObject(payload, "charge", x->name);
	return shared_give(t, &spec_v99, "Halt", payload, ret);
}

static const struct edge_orders orders = { .start = start, .stop = stop };

const struct edge edge_v99 = { .spec = &spec_v99, .name = "OCPP 9.9", .handler = handler, .orders = &orders };
