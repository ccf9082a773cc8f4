/* OCPP 2.0.1: Authorize, TransactionEvent, MeterValues. */
#include "v201.h"

#include <plugins/ocpp/sessions/costs.h>
#include <plugins/ocpp/sessions/sessions.h>

#include <lib/json.h>

#include <cjson/cJSON.h>

#define NAME_MAX_BYTES 64 /* of a transaction's id: 36 characters, and room for chargers that take more */

/* ---- tokens ---------------------------------------------------------------------------------- */

/* An IdTokenInfo. */
const char *v201_token_info(struct gv_turn *t, const struct verdict *v)
{
	struct gv_buf info = { 0 };
	char until[25];
	const char *text;

	gv_buf_printf(&info, "{\"status\":\"%s\"", v->exact ? v->exact : v->status);
	if (v->parent[0]) {
		gv_buf_puts(&info, ",\"groupIdToken\":{\"idToken\":");
		gv_json_string(&info, v->parent, strlen(v->parent));
		gv_buf_puts(&info, ",\"type\":\"Central\"}");
	}
	if (v->valid_until_ms) {
		gv_time_format(v->valid_until_ms, until);
		gv_buf_printf(&info, ",\"cacheExpiryDateTime\":\"%s\"", until);
	}
	gv_buf_putc(&info, '}');
	text = gv_strdup(t, gv_buf_str(&info));
	gv_buf_fini(&info);
	return text;
}

int v201_authorize_token(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	const char *tag = json_string(json_get(in->payload, "idToken"), "idToken"), *request_id;
	bool asked_for = request_match(o, t, in->device, model_fold(t, tag), NULL, &request_id) != NULL;
	struct verdict v;

	if (json_get(in->payload, "certificate") || json_get(in->payload, "iso15118CertificateHashData"))
		return v201_authorize_contract(o, t, in);
	v = authorize(o, t, &(struct ask){ .device = in->device, .tag = tag, .asked_for = asked_for });
	if (!strcmp(json_string(json_get(in->payload, "idToken"), "type"), "KeyCode") && !strcmp(v.status, "Invalid"))
		v.exact = NULL; /* C04.FR.01: a wrong code is Invalid, and not Unknown */
	in->answer = gv_str(t, "{\"idTokenInfo\":%s}", v201_token_info(t, &v));
	return 0;
}

/* ---- transactions ---------------------------------------------------------------------------- */

static enum event_kind kind_of(const char *type)
{
	if (!strcmp(type, "Started"))
		return EVENT_STARTED;
	return strcmp(type, "Ended") ? EVENT_UPDATED : EVENT_ENDED;
}

/* What the transaction's state makes of an EVSE, in 1.6's names. */
static const char *use_of(const char *state)
{
	if (!strcmp(state, "EVConnected") || !strcmp(state, "Idle"))
		return "Preparing";
	if (!strcmp(state, "Charging") || !strcmp(state, "SuspendedEV") || !strcmp(state, "SuspendedEVSE"))
		return state;
	return "";
}

static uint32_t natural(const cJSON *object, const char *name)
{
	int64_t value = json_int(object, name, 0);

	return value > 0 && value <= INT32_MAX ? (uint32_t)value : 0;
}

/* An EVSE that there cannot be is one that is not named: its energy counts all the same. False then. */
static bool read_evse(struct ocpp *o, struct gv_turn *t, struct inbound *in, const cJSON *object, const char *name,
		      uint32_t *ret)
{
	int64_t id = json_int(object, name, -1);

	*ret = 0;
	if (id >= 0 && id <= OCPP_CONNECTOR_MAX) {
		*ret = (uint32_t)id;
		return true;
	}
	if (cJSON_IsNumber(json_get(object, name)))
		station_quirks(o, t, in->st, QUIRK_BIT(QUIRK_OUT_OF_RANGE));
	return false;
}

static void read_info(struct gv_turn *t, const cJSON *info, struct said_event *said)
{
	const char *name = json_string(info, "transactionId");

	said->name = strlen(name) > NAME_MAX_BYTES ? gv_str(t, "%.*s", NAME_MAX_BYTES, name) : name;
	said->use = use_of(json_string(info, "chargingState"));
	said->reason = json_string(info, "stoppedReason");
	said->start_number = (int32_t)natural(info, "remoteStartId");
}

/* 2.0.1, TransactionEventResponse: the cost is said when charging has ended, and zero where it is free. */
const char *v201_ended(struct gv_turn *t, const char *cost, const char *token_info)
{
	return gv_str(t, "{%s%s%s%s%s}", cost ? "\"totalCost\":" : "", cost ? cost : "",
		      cost && token_info[0] ? "," : "", token_info[0] ? "\"idTokenInfo\":" : "", token_info);
}

/* One that ends a transaction waits for its price, if that is about to come. */
static const char *transaction_answer(struct gv_turn *t, struct inbound *in, const struct said_event *said,
				      const struct verdict *v)
{
	const char *token_info = v->status ? v201_token_info(t, v) : "", *cost = NULL;

	if (said->kind == EVENT_ENDED)
		cost = costs_final(t, in->device, said->name);
	if (said->kind == EVENT_ENDED && !cost && !said->offline && costs_wait(t, in, said->name, token_info))
		return NULL;
	return v201_ended(t, cost, token_info);
}

int v201_transaction(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	const cJSON *p = in->payload, *evse = json_get(p, "evse"), *token = json_get(p, "idToken");
	struct said_event said = { .kind = kind_of(json_string(p, "eventType")),
				   .number = json_int(p, "seqNo", -1),
				   .offline = cJSON_IsTrue(json_get(p, "offline")),
				   .reservation = natural(p, "reservationId"),
				   .phases = natural(p, "numberOfPhasesUsed"),
				   .cable_a = natural(p, "cableMaxCurrent") };
	struct verdict verdict = { 0 };
	struct meter values;
	int error;

	read_info(t, json_get(p, "transactionInfo"), &said);
	if (!said.name[0]) {
		in->code = RPC_PROPERTY_CONSTRAINT_VIOLATION;
		in->why = "transactionInfo.transactionId: must not be empty";
		return 0;
	}
	said.has_connector = evse && read_evse(o, t, in, evse, "id", &said.connector);
	if (cJSON_IsObject(token)) {
		said.token = json_string(token, "idToken");
		said.token_type = json_string(token, "type");
	}
	when_read(t, in->st, json_get(p, "timestamp"), &said.when);
	meter_read(t, in->st, json_get(p, "meterValue"), &values);
	said.values = &values;
	error = sessions_event(o, t, in, &said, &verdict);
	if (!error)
		in->answer = transaction_answer(t, in, &said, &verdict);
	return error;
}

/* Those of transactions come with their events (2.0.1, J01 and J02): these are of the EVSE. */
int v201_meters(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	struct meter values;
	uint32_t evse;

	read_evse(o, t, in, in->payload, "evseId", &evse);
	meter_read(t, in->st, json_get(in->payload, "meterValue"), &values);
	return sessions_apart(o, t, in, evse, &values);
}
