/* What whoever asked a charger is told of what became of it, by the kind of the call. */
#include "certificates.h"
#include "commands.h"
#include "passwords.h"

#include <plugins/ocpp/device/device.h>
#include <plugins/ocpp/files/files.h>
#include <plugins/ocpp/limits/limits.h>
#include <plugins/ocpp/lists/lists.h>
#include <plugins/ocpp/lists/reservations.h>
#include <plugins/ocpp/sessions/costs.h>
#include <plugins/ocpp/updates/updates.h>

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <string.h>

struct gv_ticket command_ticket(const Ocpp__Command *row)
{
	return (struct gv_ticket){ .call = row->ticket_call, .caller = row->ticket_caller };
}

static enum gv_code code_of(const char *code)
{
	if (!strcmp(code, "NotImplemented") || !strcmp(code, "NotSupported"))
		return GV_UNIMPLEMENTED;
	return strcmp(code, "SecurityError") ? GV_ABORTED : GV_PERMISSION_DENIED;
}

int command_refuse(struct gv_turn *t, const char *device, const Ocpp__Command *row, const struct outcome *out)
{
	struct gv_ticket ticket = command_ticket(row);

	switch (out->kind) {
	case OUTCOME_ERROR:
		return gv_refuse(t, ticket, code_of(out->code), "%s answered %s with %.60s%s%.255s", device,
				 row->action, out->code, out->description[0] ? ": " : "", out->description);
	case OUTCOME_LOST:
		return gv_refuse(
			t, ticket, GV_UNKNOWN,
			"%s lost its connection before it answered %s: whether it has acted is not known (command "
			"%" PRIu64 ")",
			device, row->action, row->number);
	case OUTCOME_UNSENT:
		return gv_refuse(t, ticket, GV_UNAVAILABLE,
				 "%s lost its connection before %s could be sent: try again when it is back", device,
				 row->action);
	case OUTCOME_TIMEOUT:
		return gv_refuse(t, ticket, GV_DEADLINE_EXCEEDED,
				 row->conn ? "%s did not answer %s in time: whether it has acted is not known (command "
					     "%" PRIu64 "; ListCommands shows its answer, should it come)"
					   : "%s did not come to %s in time: it was not sent (command %" PRIu64 ")",
				 device, row->action, row->number);
	case OUTCOME_UNREACHED:
		return gv_refuse(t, ticket, GV_UNAVAILABLE,
				 "%s could not be called for %s at the address that it named last, %s", device,
				 row->action, out->description);
	case OUTCOME_ANSWERED:
		break;
	}
	return gv_refuse(t, ticket, GV_INTERNAL, "%s answered %s without a status", device, row->action);
}

static int conclude_call(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Command *row,
			 const struct outcome *out)
{
	Ocpp__CallReply reply = OCPP__CALL_REPLY__INIT;
	Ocpp__CallError error = OCPP__CALL_ERROR__INIT;

	reply.command_id = row->number;
	if (out->kind == OUTCOME_ERROR) {
		error.code = gv_str(t, "%.60s", out->code);
		error.description = (char *)out->description;
		reply.outcome_case = OCPP__CALL_REPLY__OUTCOME_ERROR;
		reply.error = &error;
		return gv_reply(t, command_ticket(row), &reply);
	}
	if (out->kind != OUTCOME_ANSWERED)
		return command_refuse(t, device, row, out);
	profiles_called(o, t, device, row, out);
	reply.outcome_case = OCPP__CALL_REPLY__OUTCOME_PAYLOAD;
	reply.payload = json_to_struct(t, out->payload);
	if (!reply.payload)
		return gv_refuse(t, command_ticket(row), GV_INTERNAL,
				 "%s answered %s with JSON that is deeper than 32 levels or longer than 20000 values",
				 device, row->action);
	return gv_reply(t, command_ticket(row), &reply);
}

/* The charger may have accepted a start whose answer was lost: should its transaction come, it is still the one that
 * was asked for. */
static bool may_have_started(const struct outcome *out, const char *status, const Ocpp__Command *row)
{
	if (out->kind == OUTCOME_ANSWERED)
		return !strcmp(status, "Accepted");
	return out->kind == OUTCOME_LOST || (out->kind == OUTCOME_TIMEOUT && row->conn);
}

static int conclude_start(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Command *row,
			  const struct outcome *out)
{
	Charging__StartReply reply = CHARGING__START_REPLY__INIT;
	const char *status = outcome_status(out);

	if (!may_have_started(out, status, row))
		gv_delete(t, &ocpp_requests, gv_key(device, row->request_id));
	if (!status[0])
		return command_refuse(t, device, row, out);
	reply.status = (char *)status;
	reply.request_id = row->request_id;
	return gv_reply(t, command_ticket(row), &reply);
}

static int conclude_stop(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Command *row,
			 const struct outcome *out)
{
	Charging__StopReply reply = CHARGING__STOP_REPLY__INIT;

	reply.status = (char *)outcome_status(out);
	return reply.status[0] ? gv_reply(t, command_ticket(row), &reply) : command_refuse(t, device, row, out);
}

static int conclude_status(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Command *row,
			   const struct outcome *out)
{
	Charging__CommandReply reply = CHARGING__COMMAND_REPLY__INIT;

	reply.status = (char *)outcome_status(out);
	return reply.status[0] ? gv_reply(t, command_ticket(row), &reply) : command_refuse(t, device, row, out);
}

/* What galvan asked by itself, and can do without. */
static int conclude_quiet(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Command *row,
			  const struct outcome *out)
{
	if (out->kind == OUTCOME_ERROR)
		gv_log(t, GV_INFO, "charger refused device=%s action=%s code=%.60s", device, row->action, out->code);
	return 0;
}

const char *outcome_status(const struct outcome *out)
{
	return out->kind == OUTCOME_ANSWERED && out->payload ? json_string(out->payload, "status") : "";
}

/* What is done with the outcome of a call of each kind. */
static conclude_fn *const conclude[] = {
	[OCPP__COMMAND__KIND__CALL] = conclude_call,
	[OCPP__COMMAND__KIND__START] = conclude_start,
	[OCPP__COMMAND__KIND__STOP] = conclude_stop,
	[OCPP__COMMAND__KIND__STATUS] = conclude_status,
	[OCPP__COMMAND__KIND__QUIET] = conclude_quiet,
	[OCPP__COMMAND__KIND__DIAGNOSTICS] = conclude_diagnostics,
	[OCPP__COMMAND__KIND__FIRMWARE] = conclude_firmware,
	[OCPP__COMMAND__KIND__INSTALL] = conclude_install,
	[OCPP__COMMAND__KIND__CANCEL_INSTALL] = conclude_cancel_install,
	[OCPP__COMMAND__KIND__GET_CONFIGURATION] = conclude_get_configuration,
	[OCPP__COMMAND__KIND__SET_CONFIGURATION] = conclude_set_configuration,
	[OCPP__COMMAND__KIND__READ_BACK] = conclude_read_back,
	[OCPP__COMMAND__KIND__LIMIT] = limits_concluded,
	[OCPP__COMMAND__KIND__SCHEDULE] = schedule_concluded,
	[OCPP__COMMAND__KIND__LIST] = sync_conclude,
	[OCPP__COMMAND__KIND__RESERVE] = reserve_conclude,
	[OCPP__COMMAND__KIND__CANCEL_RESERVATION] = cancel_conclude,
	[OCPP__COMMAND__KIND__TAKE_BACK] = take_back_conclude,
	[OCPP__COMMAND__KIND__CERTIFICATE] = certificate_concluded,
	[OCPP__COMMAND__KIND__RENEWAL] = renewal_concluded,
	[OCPP__COMMAND__KIND__PASSWORD] = password_concluded,
	[OCPP__COMMAND__KIND__REPORT] = model_concluded,
	[OCPP__COMMAND__KIND__VARIABLES] = model_configuration_concluded,
	[OCPP__COMMAND__KIND__CUSTOMER] = customer_concluded,
	[OCPP__COMMAND__KIND__COST] = costs_concluded,
};

int outcome_conclude(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Command *row,
		     const struct outcome *out)
{
	size_t kind = (size_t)row->kind;

	if (kind < sizeof conclude / sizeof conclude[0] && conclude[kind])
		return conclude[kind](o, t, device, row, out);
	return 0;
}
