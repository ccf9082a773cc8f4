/* What the rest of galvan asks of chargers: the commands of galvan.charging.v1.Charging and galvan.ocpp.v1.Ocpp. */
#include "services.h"
#include "device/device.h"
#include "edge/edge.h"
#include "files/files.h"
#include "limits/limits.h"
#include "lists/lists.h"
#include "lists/reservations.h"
#include "stations/command_log.h"
#include "stations/registration.h"
#include "stations/passwords.h"
#include "stations/security.h"
#include "stations/soap_station.h"
#include "updates/updates.h"

#include <cjson/cJSON.h>
#include <string.h>

bool service_impossible(struct gv_turn *t, struct gv_ticket ticket, int error, const struct command *c)
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
	return service_impossible(t, ticket, error, c) ? 0 : command_send(o, t, ticket, st->device, c);
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

	if (st && r->operative && closing_stands(t, r->device, r->connector))
		return gv_refuse(
			t, ticket, GV_FAILED_PRECONDITION,
			"%s takes limits of running sessions only, and is closed until what it can draw is free: "
			"Charging/ClearLimit of the connector opens it all the same",
			r->device);
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
	const struct station *st;

	if (r->device[0] && station_edge(o, t, r->device)->model)
		return model_configuration(o, t, ticket, r);
	st = service_asked(o, t, ticket, r->device, 0);
	if (!st || service_lacks(t, ticket, st, st->edge->orders->get_configuration, "be asked for its configuration"))
		return 0;
	return configuration_get(o, t, ticket, r);
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
	if (service_impossible(t, ticket, st->edge->orders->set_configuration(t, r->key, r->value, &c), &c))
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
	struct check check = { .version = edge->spec, .strict = true, .plain_times = true };
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
	when_rewritten(t, &check);
	c.action = action->name;
	c.payload = json_print(t, payload);
	if (strlen(c.payload) > OCPP_FRAME_MAX - 256) {
		gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "payload is longer than a frame may be (%d bytes)",
			  OCPP_FRAME_MAX);
	} else if (!command_impossible(o, t, ticket, r->device) &&
		   !(action->traits & SPEC_REMOTE && registration_refuses(o, t, ticket, r->device))) {
		if (edge->model)
			edge->model->asking(t, r->device, c.action, payload);
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
	{ "Start", start_method },
	{ "Stop", stop_method },
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
	{ "ListCommands", list_commands },
	{ "ListStations", list_stations },
	{ "ListSecurityEvents", list_security_events },
	{ "RotatePassword", rotate_password },
	{ "ListOrphans", list_orphans },
	{ "ListReadings", list_readings },
	{ "OpenUpload", open_upload_method },
	{ "ListTransfers", list_transfers },
	{ "TakeFile", take_file_method },
	{ "CloseSession", close_session_call },
	{ "Soap", soap_forwarded_call },
	{ "ListVariables", list_variables },
	{ "RefreshVariables", refresh_variables },
	{ "ListMonitors", list_monitors },
	{ "ListDeviceEvents", list_device_events },
	{ "ListDisplayMessages", list_display_messages },
	{ "GetCustomerInformation", get_customer_information },
	{ 0 },
};
const struct gv_service ocpp_services[] = {
	{ &charging__charging__descriptor, charging_methods },
	{ &ocpp__ocpp__descriptor, ocpp_methods },
	{ &update__updates__descriptor, leases_methods },
	{ 0 },
};
