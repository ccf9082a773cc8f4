/* Charging/Start and Charging/Stop. */
#include "services.h"
#include "edge/profiles.h"
#include "edge/edge.h"
#include "lists/reservations.h"
#include "stations/registration.h"
#include "updates/updates.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <string.h>

#define PROFILE_MAX 16384 /* bytes of JSON */
#define ENDED_LOOK_MAX 32 /* sessions looked at to find the last one on a connector */
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
		.token_type = token_type(o, t, r->token, r->token_type, TOKEN_TYPE_CENTRAL),
		.request_id = c.request_id,
		.number = start_number(t, r->device),
		.profile = profile,
	};
	Ocpp__Request request = OCPP__REQUEST__INIT;

	if (service_impossible(t, ticket, st->edge->orders->start(t, &order, &c), &c))
		return 0;
	request.connector = r->connector;
	request.token = r->token;
	request.token_type = (char *)order.token_type;
	request.requested_at_ms = gv_now_ms(t);
	request.profile = profile ? profiles_read(t, profiles_asked, profile)
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

/* When it was stopped remotely last, on this connector (0: on any); 0: not lately. */
static int64_t stopped_ms(struct ocpp *o, struct gv_turn *t, const char *device, uint32_t connector)
{
	struct ended_walk walk = { .device = device };

	for (unsigned i = 0; i < ENDED_LOOK_MAX && ended_next(o, t, &walk); i++)
		if (!connector || walk.row->connector == connector)
			return strcmp(walk.row->reason, "Remote") ? 0 : walk.row->ended_at_ms;
	return 0;
}

/* Quirk row 50: True where the charger was stopped a moment ago and would give no power: the ticket has been answered.
 */
static bool too_soon(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const Charging__StartRequest *r)
{
	const struct station *st = station_find(o, r->device);
	int64_t pause_ms = (int64_t)st->profile.restart_after_s * 1000;
	int64_t again_ms = pause_ms ? stopped_ms(o, t, r->device, r->connector) + pause_ms : 0;
	char at[25];

	/* One that ended in the future did so by a clock that is wrong. */
	if (again_ms <= gv_now_ms(t) || again_ms > gv_now_ms(t) + pause_ms)
		return false;
	gv_time_format(again_ms, at);
	gv_count(t, "quirk_restart_refused", 1);
	gv_refuse(
		t, ticket, GV_FAILED_PRECONDITION,
		"%s gives no power when it is started within %u s of a stop, by its profile: start it again at %s, and "
		"pause sessions by SetLimit with 0 mA, not by Stop",
		r->device, st->profile.restart_after_s, at);
	return true;
}

static int start_with(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const Charging__StartRequest *r,
		      const cJSON *profile)
{
	struct verdict v;

	if (lease_bars(t, ticket, r->device) || command_impossible(o, t, ticket, r->device) ||
	    registration_refuses(o, t, ticket, r->device))
		return 0;
	v = authorize(o, t, &(struct ask){ .device = r->device, .tag = r->token, .asked_for = true, .starts = true });
	if (strcmp(v.status, "Accepted") != 0)
		return gv_refuse(t, ticket, GV_FAILED_PRECONDITION, "token %s may not start at %s: it is %s", r->token,
				 r->device, v.status);
	if (reserved_for_another(t, ticket, r, &v) || too_soon(o, t, ticket, r))
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
	gv_count(t, "quirk_token_not_sent", 1);
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
	if (r->token_type[0] && !token_type_known(r->token_type))
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "tokenType: OCPP has no \"%.20s\"", r->token_type);
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
	if (r->request_id[0]) {
		gv_refuse(t, ticket, GV_FAILED_PRECONDITION,
			  "a charger has begun what it has accepted: stop the session of %s instead", r->device);
		return NULL;
	}
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
	if (service_impossible(t, ticket, st->edge->orders->stop(t, x, &c), &c))
		return 0;
	return command_send(o, t, ticket, device, &c);
}
GV_ON_CALL(stop, struct ocpp, Charging__StopRequest)

int start_method(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	return start_call(self, t, ticket, m);
}

int stop_method(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	return stop_call(self, t, ticket, m);
}
