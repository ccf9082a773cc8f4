/* What the rest of galvan asks of chargers: the commands of galvan.charging.v1.Charging and galvan.ocpp.v1.Ocpp. */
#include "ocpp.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PROFILE_MAX 16384 /* bytes of JSON */
#define REQUESTS_MAX 64   /* remote starts of one charger whose transactions are awaited */

/* The payload as text, and away with the tree. */
static const char *finish(struct gv_turn *t, cJSON *payload)
{
	const char *text = json_print(t, payload);

	cJSON_Delete(payload);
	return text;
}

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

/* What 1.6 asks of a profile in a RemoteStartTransaction (5.11 and 5.16.2). */
static const char *profile_problem(struct gv_turn *t, cJSON *profile)
{
	const struct spec_action *action = spec_find(&spec_v16, "RemoteStartTransaction");
	struct check check = { .strict = true };
	const cJSON *schedule;
	cJSON *wrapped = cJSON_CreateObject();
	bool relative, bad;

	cJSON_AddStringToObject(wrapped, "idTag", "-");
	cJSON_AddItemReferenceToObject(wrapped, "chargingProfile", profile);
	bad = validate(action->request, wrapped, &check) != 0;
	cJSON_Delete(wrapped);
	if (bad)
		return gv_str(t, "%s %s", check.path, check.text);
	if (strcmp(json_string(profile, "chargingProfilePurpose"), "TxProfile") != 0)
		return "chargingProfile.chargingProfilePurpose must be TxProfile to start a transaction with";
	if (cJSON_GetObjectItemCaseSensitive(profile, "transactionId"))
		return "chargingProfile.transactionId cannot be given: the transaction does not exist yet";
	relative = !strcmp(json_string(profile, "chargingProfileKind"), "Relative");
	schedule = cJSON_GetObjectItemCaseSensitive(profile, "chargingSchedule");
	if (relative && cJSON_GetObjectItemCaseSensitive(schedule, "startSchedule"))
		return "chargingProfile.chargingSchedule.startSchedule cannot be given for a Relative profile: it "
		       "begins with the transaction";
	return NULL;
}

/* Forgets the requests of this charger whose time is over; true where there is room for another. */
static bool room_for_request(struct ocpp *o, struct gv_turn *t, const char *device)
{
	struct gv_scan scan = { .table = &ocpp_requests, .prefix = gv_key(device) };
	unsigned n = 0;

	while (gv_next(t, &scan)) {
		if (gv_now_ms(t) - ((const Ocpp__Request *)scan.row)->requested_at_ms > o->start_window_ms)
			gv_delete(t, &ocpp_requests, scan.key);
		else
			n++;
	}
	return n < REQUESTS_MAX;
}

static int send_start(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const Charging__StartRequest *r,
		      cJSON *profile)
{
	struct command c = { .kind = OCPP__COMMAND__KIND__START, .action = "RemoteStartTransaction" };
	Ocpp__Request request = OCPP__REQUEST__INIT;
	cJSON *payload = cJSON_CreateObject();

	if (r->connector)
		cJSON_AddNumberToObject(payload, "connectorId", r->connector);
	cJSON_AddStringToObject(payload, "idTag", r->token);
	if (profile)
		cJSON_AddItemToObject(payload, "chargingProfile", profile);
	c.payload = finish(t, payload);
	c.request_id = gv_str(t, "%016" PRIx64, gv_random(t));
	request.connector = r->connector;
	request.token = r->token;
	request.requested_at_ms = gv_now_ms(t);
	gv_put(t, &ocpp_requests, gv_key(r->device, c.request_id), &request);
	return command_send(o, t, ticket, r->device, &c);
}

static int start(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const Charging__StartRequest *r)
{
	struct verdict v;
	const char *why;
	cJSON *profile;

	if (!r->token[0] || strlen(r->token) > 20)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "token must have 1 to 20 characters, has %zu",
				 strlen(r->token));
	if (r->connector > OCPP_CONNECTOR_MAX)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "connector must be at most %d, is %u",
				 OCPP_CONNECTOR_MAX, r->connector);
	profile = read_profile(t, r->charging_profile, &why);
	if (profile)
		why = profile_problem(t, profile);
	if (why) {
		cJSON_Delete(profile);
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, profile ? "%s" : "chargingProfile %s", why);
	}
	if (command_impossible(o, t, ticket, r->device)) {
		cJSON_Delete(profile);
		return 0;
	}
	v = authorize(o, t, &(struct ask){ .device = r->device, .tag = r->token, .asked_for = true, .starts = true });
	if (strcmp(v.status, "Accepted") != 0) {
		cJSON_Delete(profile);
		return gv_refuse(t, ticket, GV_FAILED_PRECONDITION, "token %s may not start at %s: it is %s", r->token,
				 r->device, v.status);
	}
	if (!room_for_request(o, t, r->device)) {
		cJSON_Delete(profile);
		return gv_refuse(t, ticket, GV_RESOURCE_EXHAUSTED,
				 "%d starts at %s wait for their transactions already", REQUESTS_MAX, r->device);
	}
	return send_start(o, t, ticket, r, profile);
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
	struct command c = { .kind = OCPP__COMMAND__KIND__STOP, .action = "RemoteStopTransaction" };
	const char *device;
	const Ocpp__Transaction *x = find_session(t, ticket, r, &device);

	if (!x || command_impossible(o, t, ticket, device))
		return 0;
	c.payload = gv_str(t, "{\"transactionId\":%d}", x->id);
	return command_send(o, t, ticket, device, &c);
}
GV_ON_CALL(stop, struct ocpp, Charging__StopRequest)

/* ---- the small ones -------------------------------------------------------------------------- */

static int simple(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const char *device, uint32_t connector,
		  const char *action, const char *payload)
{
	struct command c = { .kind = OCPP__COMMAND__KIND__STATUS, .action = action, .payload = payload };

	if (!device[0])
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "device must be given");
	if (connector > OCPP_CONNECTOR_MAX)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "connector must be at most %d, is %u",
				 OCPP_CONNECTOR_MAX, connector);
	return command_impossible(o, t, ticket, device) ? 0 : command_send(o, t, ticket, device, &c);
}

static int unlock(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const Charging__UnlockRequest *r)
{
	if (!r->connector)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "connector must be given: 1 is the first");
	return simple(o, t, ticket, r->device, r->connector, "UnlockConnector",
		      gv_str(t, "{\"connectorId\":%u}", r->connector));
}
GV_ON_CALL(unlock, struct ocpp, Charging__UnlockRequest)

static int reset(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const Charging__ResetRequest *r)
{
	return simple(o, t, ticket, r->device, 0, "Reset", r->hard ? "{\"type\":\"Hard\"}" : "{\"type\":\"Soft\"}");
}
GV_ON_CALL(reset, struct ocpp, Charging__ResetRequest)

static int set_availability(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket,
			    const Charging__SetAvailabilityRequest *r)
{
	return simple(o, t, ticket, r->device, r->connector, "ChangeAvailability",
		      gv_str(t, "{\"connectorId\":%u,\"type\":\"%s\"}", r->connector,
			     r->operative ? "Operative" : "Inoperative"));
}
GV_ON_CALL(set_availability, struct ocpp, Charging__SetAvailabilityRequest)

/* ---- Ocpp ------------------------------------------------------------------------------------ */

static const char *actions(struct gv_turn *t, unsigned direction)
{
	const char *list = "";

	for (size_t i = 0; i < spec_v16.count; i++)
		if (spec_v16.actions[i].directions & direction)
			list = gv_str(t, "%s%s%s", list, list[0] ? ", " : "", spec_v16.actions[i].name);
	return list;
}

static int call(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const Ocpp__CallRequest *r)
{
	const struct spec_action *action = spec_find(&spec_v16, r->action);
	struct command c = { .kind = OCPP__COMMAND__KIND__CALL, .timeout_ms = (int64_t)r->timeout_s * 1000 };
	struct check check = { .strict = true };
	cJSON *payload;

	if (!r->device[0])
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "device must be given");
	if (!action || !(action->directions & SPEC_DOWN))
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT,
				 "action \"%.50s\" is none that a central system sends: %s", r->action,
				 actions(t, SPEC_DOWN));
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
	c.payload = finish(t, payload);
	if (strlen(c.payload) > OCPP_FRAME_MAX - 256)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "payload is longer than a frame may be (%d bytes)",
				 OCPP_FRAME_MAX);
	return command_impossible(o, t, ticket, r->device) ? 0 : command_send(o, t, ticket, r->device, &c);
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
	transaction_give_up(t, device, x, 0, FLAG(FLAG_NO_STOP) | FLAG(FLAG_CLOSED_BY_OPERATOR));
	reply.session = model_session(t, device, x, false);
	return gv_reply(t, ticket, &reply);
}
GV_ON_CALL(close_session, struct ocpp, Ocpp__CloseSessionRequest)

static const struct gv_method charging_methods[] = {
	{ "Start", start_call },
	{ "Stop", stop_call },
	{ "ListSessions", list_sessions },
	{ "GetSession", get_session },
	{ "ListConnectors", list_connectors },
	{ "Unlock", unlock_call },
	{ "Reset", reset_call },
	{ "SetAvailability", set_availability_call },
	{ 0 },
};
static const struct gv_method ocpp_methods[] = {
	{ "Call", call_call },           { "ListMessages", list_messages },      { "ListStations", list_stations },
	{ "ListOrphans", list_orphans }, { "CloseSession", close_session_call }, { 0 },
};
const struct gv_service ocpp_services[] = {
	{ &charging__charging__descriptor, charging_methods },
	{ &ocpp__ocpp__descriptor, ocpp_methods },
	{ 0 },
};
