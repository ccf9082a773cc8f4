/* What the rest of galvan asks of chargers: the commands of galvan.charging.v1.Charging and galvan.ocpp.v1.Ocpp. */
#include "services.h"
#include "device/device.h"
#include "edge/profiles.h"
#include "edge/v16.h"
#include "files/files.h"
#include "limits/limits.h"
#include "stations/soap.h"
#include "stations/passwords.h"
#include "stations/security.h"
#include "lists/lists.h"
#include "lists/reservations.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PROFILE_MAX 16384 /* bytes of JSON */
#define TOKEN_MAX 36      /* characters, 2.0.1's idToken: the longest of all versions */

/* ---- Start ----------------------------------------------------------------------------------- */

/* The profile as a tree; NULL with *ret_why set, or NULL alone where there is none. */
static cJSON *read_profile(struct gv_turn *t, const Google__Protobuf__Value *value, const char **ret_why)
{
	cJSON *profile = NULL;

	*ret_why = NULL;
	if (!value || value->kind_case == GOOGLE__PROTOBUF__VALUE__KIND_NULL_VALUE ||
	    value->kind_case == GOOGLE__PROTOBUF__VALUE__KIND__NOT_SET)
		return NULL;
	if (value->kind_case == GOOGLE__PROTOBUF__VALUE__KIND_STRUCT_VALUE) {
		profile = json_from_struct(value->struct_value);
	} else if (value->kind_case == GOOGLE__PROTOBUF__VALUE__KIND_STRING_VALUE) {
		if (!value->string_value[0])
			return NULL;
		if (strlen(value->string_value) <= PROFILE_MAX)
			profile = cJSON_ParseWithOpts(value->string_value, NULL, true);
	}
	if (cJSON_IsObject(profile))
		return profile;
	cJSON_Delete(profile);
	*ret_why = "must be an object, or a string of at most 16384 bytes that holds one as JSON";
	return NULL;
}

/* True where an order could not be given, by its result: the ticket has been answered. */
static bool impossible(struct gv_turn *t, struct gv_ticket ticket, int error, const struct command *c)
{
	if (error)
		gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "%s", c->problem ? c->problem : "this cannot be asked");
	return error != 0;
}

bool service_lacks(struct gv_turn *t, struct gv_ticket ticket, const struct station *st, bool has, const char *what)
{
	if (!has)
		gv_refuse(t, ticket, GV_UNIMPLEMENTED, "%s speaks %s, which cannot %s", st->device, st->edge->name,
			  what);
	return !has;
}

/* A number that no other start at this charger has. */
static int32_t start_number(struct gv_turn *t, const char *device)
{
	const char *id;
	int32_t number;

	do
		number = (int32_t)(gv_random(t) & INT32_MAX);
	while (!number || request_numbered(t, device, number, &id));
	return number;
}

static int send_start(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const Charging__StartRequest *r,
		      const cJSON *profile)
{
	const struct station *st = station_find(o, r->device);
	struct command c = { .kind = OCPP__COMMAND__KIND__START, .request_id = gv_str(t, "%016" PRIx64, gv_random(t)) };
	struct start_order order = {
		.connector = r->connector,
		.token = r->token,
		.request_id = c.request_id,
		.number = start_number(t, r->device),
		.profile = profile,
	};
	Ocpp__Request request = OCPP__REQUEST__INIT;

	if (impossible(t, ticket, st->edge->orders->start(t, &order, &c), &c))
		return 0;
	request.connector = r->connector;
	request.token = r->token;
	request.requested_at_ms = gv_now_ms(t);
	request.profile = profile ? profiles_read(t, &v16_profiles, profile)
				  : NULL; /* as 1.6 has it, whatever the version */
	request.number = order.number;
	request_put(o, t, r->device, c.request_id, &request);
	return command_send(o, t, ticket, r->device, &c);
}

/* True where a reservation of somebody else is in the way: the ticket has been answered. */
static bool reserved_for_another(struct gv_turn *t, struct gv_ticket ticket, const Charging__StartRequest *r,
				 const struct verdict *v)
{
	const Charging__Reservation *other = reservation_against(
		t, &(struct reservation_claim){
			   .device = r->device, .connector = r->connector, .tag = r->token, .parent = v->parent });
	char until[25];

	if (!other)
		return false;
	gv_time_format(other->expires_at_ms, until);
	gv_refuse(t, ticket, GV_FAILED_PRECONDITION,
		  "connector %u of %s is reserved for token %s until %s (reservation %" PRIu64 ")", r->connector,
		  r->device, other->token, until, other->id);
	return true;
}

static int start_with(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const Charging__StartRequest *r,
		      const cJSON *profile)
{
	struct verdict v;

	if (command_impossible(o, t, ticket, r->device))
		return 0;
	v = authorize(o, t, &(struct ask){ .device = r->device, .tag = r->token, .asked_for = true, .starts = true });
	if (strcmp(v.status, "Accepted") != 0)
		return gv_refuse(t, ticket, GV_FAILED_PRECONDITION, "token %s may not start at %s: it is %s", r->token,
				 r->device, v.status);
	if (reserved_for_another(t, ticket, r, &v))
		return 0;
	if (!request_fits(o, t, r->device))
		return gv_refuse(t, ticket, GV_RESOURCE_EXHAUSTED,
				 "%d starts at %s wait for their transactions already", OCPP_REQUESTS_MAX, r->device);
	return send_start(o, t, ticket, r, profile);
}

/* Some chargers garble a token that is longer than they expect: its session would be nobody's. */
static bool token_garbled(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const Charging__StartRequest *r)
{
	const struct station *st = station_find(o, r->device);

	if (!st || !st->profile.token_max || strlen(r->token) <= st->profile.token_max)
		return false;
	gv_refuse(t, ticket, GV_INVALID_ARGUMENT,
		  "token may have %u characters for %s, has %zu: by its profile this charger cannot take more",
		  st->profile.token_max, r->device, strlen(r->token));
	return true;
}

static int start(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const Charging__StartRequest *r)
{
	const char *why;
	cJSON *profile;
	int error;

	if (!r->token[0] || strlen(r->token) > TOKEN_MAX)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "token must have 1 to %d characters, has %zu",
				 TOKEN_MAX, strlen(r->token));
	if (r->connector > OCPP_CONNECTOR_MAX)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "connector must be at most %d, is %u",
				 OCPP_CONNECTOR_MAX, r->connector);
	if (token_garbled(o, t, ticket, r))
		return 0;
	profile = read_profile(t, r->charging_profile, &why);
	if (why)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "chargingProfile %s", why);
	error = start_with(o, t, ticket, r, profile);
	cJSON_Delete(profile);
	return error;
}
GV_ON_CALL(start, struct ocpp, Charging__StartRequest)

/* ---- Stop ------------------------------------------------------------------------------------ */

static const Ocpp__Transaction *only_one(struct gv_turn *t, const char *device, unsigned *ret_count)
{
	struct gv_scan scan = { .table = &ocpp_active, .prefix = gv_key(device) };
	const Ocpp__Transaction *x = NULL;

	for (*ret_count = 0; gv_next(t, &scan); ++*ret_count)
		x = scan.row;
	return x;
}

/* The session that a request means; NULL: the ticket has been answered. */
static const Ocpp__Transaction *find_session(struct gv_turn *t, struct gv_ticket ticket, const Charging__StopRequest *r,
					     const char **ret_device)
{
	const Ocpp__Transaction *x;
	unsigned count = 0;
	bool active;

	if (r->session_id[0]) {
		x = model_find(t, ticket, r->session_id, ret_device, &active);
		if (x && !active) {
			gv_refuse(t, ticket, GV_FAILED_PRECONDITION, "session %s has ended already", r->session_id);
			return NULL;
		}
		return x;
	}
	*ret_device = r->device;
	if (!r->device[0]) {
		gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "sessionId or device must be given");
		return NULL;
	}
	x = r->connector ? transaction_on(t, r->device, r->connector) : only_one(t, r->device, &count);
	if (!x && r->connector)
		gv_refuse(t, ticket, GV_NOT_FOUND, "no session runs on connector %u of %s", r->connector, r->device);
	else if (!x)
		gv_refuse(t, ticket, GV_NOT_FOUND, "no session runs on %s", r->device);
	else if (count > 1)
		gv_refuse(t, ticket, GV_FAILED_PRECONDITION, "%u sessions run on %s: name the connector or the session",
			  count, r->device);
	return count > 1 ? NULL : x;
}

static int stop(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const Charging__StopRequest *r)
{
	struct command c = { .kind = OCPP__COMMAND__KIND__STOP };
	const char *device;
	const Ocpp__Transaction *x = find_session(t, ticket, r, &device);
	const struct station *st;

	if (!x || command_impossible(o, t, ticket, device))
		return 0;
	st = station_find(o, device);
	if (impossible(t, ticket, st->edge->orders->stop(t, x, &c), &c))
		return 0;
	return command_send(o, t, ticket, device, &c);
}
GV_ON_CALL(stop, struct ocpp, Charging__StopRequest)

/* ---- the small ones -------------------------------------------------------------------------- */

const struct station *service_asked(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const char *device,
				    uint32_t connector)
{
	if (!device[0]) {
		gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "device must be given");
		return NULL;
	}
	if (connector > OCPP_CONNECTOR_MAX) {
		gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "connector must be at most %d, is %u", OCPP_CONNECTOR_MAX,
			  connector);
		return NULL;
	}
	return command_impossible(o, t, ticket, device) ? NULL : station_find(o, device);
}

/* Sends what an order has made of it. */
static int give(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const struct station *st, int error,
		struct command *c)
{
	c->kind = OCPP__COMMAND__KIND__STATUS;
	return impossible(t, ticket, error, c) ? 0 : command_send(o, t, ticket, st->device, c);
}

/* The physical connector that is meant; 0: its charger has told of none. */
static uint32_t plug_of(struct gv_turn *t, const Charging__UnlockRequest *r)
{
	const Ocpp__ConnectorRow *row = gv_get(t, &ocpp_connectors, gv_key(r->device, r->connector));

	for (size_t i = 0; !r->plug && row && i < row->n_plugs; i++)
		if (!strcmp(row->plugs[i]->status, "Occupied"))
			return row->plugs[i]->id;
	return r->plug || !row || !row->n_plugs ? r->plug : row->plugs[0]->id;
}

static int unlock(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const Charging__UnlockRequest *r)
{
	struct command c = { 0 };
	const struct station *st;

	if (!r->connector)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "connector must be given: 1 is the first");
	st = service_asked(o, t, ticket, r->device, r->connector);
	if (!st)
		return 0;
	return give(o, t, ticket, st, st->edge->orders->unlock(t, r->connector, plug_of(t, r), &c), &c);
}
GV_ON_CALL(unlock, struct ocpp, Charging__UnlockRequest)

static int reset(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const Charging__ResetRequest *r)
{
	struct command c = { 0 };
	const struct station *st = service_asked(o, t, ticket, r->device, 0);

	return st ? give(o, t, ticket, st, st->edge->orders->reset(t, r->hard, &c), &c) : 0;
}
GV_ON_CALL(reset, struct ocpp, Charging__ResetRequest)

static int set_availability(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket,
			    const Charging__SetAvailabilityRequest *r)
{
	struct command c = { 0 };
	const struct station *st = service_asked(o, t, ticket, r->device, r->connector);

	return st ? give(o, t, ticket, st, st->edge->orders->set_availability(t, r->connector, r->operative, &c), &c)
		  : 0;
}
GV_ON_CALL(set_availability, struct ocpp, Charging__SetAvailabilityRequest)

static int trigger(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const Charging__TriggerRequest *r)
{
	struct command c = { 0 };
	const struct station *st = service_asked(o, t, ticket, r->device, r->connector);

	if (!st || service_lacks(t, ticket, st, st->edge->orders->trigger, "be asked for a message"))
		return 0;
	return give(o, t, ticket, st, st->edge->orders->trigger(t, r->message, r->connector, &c), &c);
}
GV_ON_CALL(trigger, struct ocpp, Charging__TriggerRequest)

static int clear_cache(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const Charging__ClearCacheRequest *r)
{
	struct command c = { 0 };
	const struct station *st = service_asked(o, t, ticket, r->device, 0);

	return st ? give(o, t, ticket, st, st->edge->orders->clear_cache(t, &c), &c) : 0;
}
GV_ON_CALL(clear_cache, struct ocpp, Charging__ClearCacheRequest)

/* ---- configuration --------------------------------------------------------------------------- */

static int get_configuration(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket,
			     const Charging__GetConfigurationRequest *r)
{
	struct command c = { .kind = OCPP__COMMAND__KIND__GET_CONFIGURATION };
	const struct station *st;

	if (r->device[0] && station_edge(o, t, r->device)->model)
		return model_configuration(o, t, ticket, r);
	st = service_asked(o, t, ticket, r->device, 0);
	if (!st || service_lacks(t, ticket, st, st->edge->orders->get_configuration, "be asked for its configuration"))
		return 0;
	if (impossible(t, ticket, st->edge->orders->get_configuration(t, r->keys, r->n_keys, &c), &c))
		return 0;
	return command_send(o, t, ticket, r->device, &c);
}
GV_ON_CALL(get_configuration, struct ocpp, Charging__GetConfigurationRequest)

static int set_configuration(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket,
			     const Charging__SetConfigurationRequest *r)
{
	Ocpp__Setting setting = OCPP__SETTING__INIT;
	struct command c = { .kind = OCPP__COMMAND__KIND__SET_CONFIGURATION, .setting = &setting };
	const struct station *st;

	if (!r->key[0])
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "key must be given");
	st = service_asked(o, t, ticket, r->device, 0);
	if (!st || service_lacks(t, ticket, st, st->edge->orders->set_configuration, "be configured"))
		return 0;
	if (impossible(t, ticket, st->edge->orders->set_configuration(t, r->key, r->value, &c), &c))
		return 0;
	setting.key = r->key;
	setting.value = r->value;
	return command_send(o, t, ticket, r->device, &c);
}
GV_ON_CALL(set_configuration, struct ocpp, Charging__SetConfigurationRequest)

/* ---- Ocpp ------------------------------------------------------------------------------------ */

static const char *actions(struct gv_turn *t, const struct spec_version *version, unsigned direction)
{
	const char *list = "";

	for (size_t i = 0; i < version->count; i++)
		if (version->actions[i].directions & direction)
			list = gv_str(t, "%s%s%s", list, list[0] ? ", " : "", version->actions[i].name);
	return list;
}

static int call(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const Ocpp__CallRequest *r)
{
	const struct edge *edge = station_edge(o, t, r->device);
	const struct spec_action *action = spec_find(edge->spec, r->action);
	struct command c = { .kind = OCPP__COMMAND__KIND__CALL, .timeout_ms = (int64_t)r->timeout_s * 1000 };
	struct check check = { .version = edge->spec, .strict = true };
	cJSON *payload;

	if (!r->device[0])
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "device must be given");
	if (!action || !(action->directions & SPEC_DOWN))
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT,
				 "action \"%.50s\" is none that a central system sends in %s: %s", r->action,
				 edge->name, actions(t, edge->spec, SPEC_DOWN));
	if (r->timeout_s > 600)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "timeoutS must be at most 600, is %u", r->timeout_s);
	payload = json_from_struct(r->payload);
	if (!payload)
		return gv_refuse(
			t, ticket, GV_INVALID_ARGUMENT,
			"payload is deeper than 32 levels, longer than 20000 values, or holds a number that is none");
	if (validate(action->request, payload, &check)) {
		cJSON_Delete(payload);
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "payload.%s %s", check.path, check.text);
	}
	c.action = action->name;
	c.payload = json_print(t, payload);
	if (strlen(c.payload) > OCPP_FRAME_MAX - 256) {
		gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "payload is longer than a frame may be (%d bytes)",
			  OCPP_FRAME_MAX);
	} else if (!command_impossible(o, t, ticket, r->device)) {
		if (edge->model)
			edge->model->asking(o, t, r->device, c.action, payload);
		command_send(o, t, ticket, r->device, &c);
	}
	cJSON_Delete(payload);
	return 0;
}
GV_ON_CALL(call, struct ocpp, Ocpp__CallRequest)

static int close_session(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const Ocpp__CloseSessionRequest *r)
{
	Ocpp__CloseSessionReply reply = OCPP__CLOSE_SESSION_REPLY__INIT;
	const char *device;
	Ocpp__Transaction *x;
	bool active;

	x = model_find(t, ticket, r->session_id, &device, &active);
	if (!x)
		return 0;
	if (!active)
		return gv_refuse(t, ticket, GV_FAILED_PRECONDITION, "session %s has ended already", r->session_id);
	transaction_give_up(o, t, device, x, 0, FLAG(FLAG_NO_STOP) | FLAG(FLAG_CLOSED_BY_OPERATOR));
	reply.session = model_session(t, device, x, false);
	return gv_reply(t, ticket, &reply);
}
GV_ON_CALL(close_session, struct ocpp, Ocpp__CloseSessionRequest)

GV_ON_CALL(limits_set, struct ocpp, Charging__SetLimitRequest)
GV_ON_CALL(limits_clear, struct ocpp, Charging__ClearLimitRequest)
GV_ON_CALL(schedule_get, struct ocpp, Charging__GetScheduleRequest)

GV_ON_CALL(soap_forwarded, struct ocpp, Ocpp__SoapRequest)

static const struct gv_method charging_methods[] = {
	{ "Start", start_call },
	{ "Stop", stop_call },
	{ "ListSessions", list_sessions },
	{ "GetSession", get_session },
	{ "ListConnectors", list_connectors },
	{ "Unlock", unlock_call },
	{ "Reset", reset_call },
	{ "SetAvailability", set_availability_call },
	{ "Trigger", trigger_call },
	{ "ClearCache", clear_cache_call },
	{ "GetDiagnostics", get_diagnostics_method },
	{ "UpdateFirmware", update_firmware_method },
	{ "SetLimit", limits_set_call },
	{ "ClearLimit", limits_clear_call },
	{ "GetSchedule", schedule_get_call },
	{ "Reserve", reserve_method },
	{ "CancelReservation", cancel_reservation_method },
	{ "ListReservations", list_reservations_method },
	{ "SyncLocalList", sync_local_list },
	{ "GetConfiguration", get_configuration_call },
	{ "SetConfiguration", set_configuration_call },
	{ 0 },
};
static const struct gv_method ocpp_methods[] = {
	{ "Call", call_call },
	{ "ListMessages", list_messages },
	{ "ListStations", list_stations },
	{ "ListSecurityEvents", list_security_events },
	{ "RotatePassword", rotate_password },
	{ "ListOrphans", list_orphans },
	{ "OpenUpload", open_upload_method },
	{ "ListTransfers", list_transfers },
	{ "TakeFile", take_file_method },
	{ "CloseSession", close_session_call },
	{ "Soap", soap_forwarded_call },
	{ "ListVariables", list_variables },
	{ "RefreshVariables", refresh_variables },
	{ 0 },
};
const struct gv_service ocpp_services[] = {
	{ &charging__charging__descriptor, charging_methods },
	{ &ocpp__ocpp__descriptor, ocpp_methods },
	{ 0 },
};
