/* Calls to chargers. One at a time per charger is under way (OCPP-J 1.6, 4.1.1), the others wait in its queue, and the
 * calls that it makes meanwhile are none of this file's business.
 *
 * Each call is a row until it is answered, with the ticket of whoever asked: after a crash the answer is still matched,
 * the deadline still kept, and a call that waited is still sent. One that may have been sent is sent again only where
 * doing it twice is the same as once (spec_action.repeatable); of the others the caller learns at the deadline that
 * nobody knows. */
#include <plugins/ocpp/ocpp.h>

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TIMER "deadline"

static struct gv_ticket ticket_of(const Ocpp__Command *row)
{
	return (struct gv_ticket){ .call = row->ticket_call, .caller = row->ticket_caller };
}

/* Sets the timer where the deadline is earlier than what it is set to. */
static int arm(struct ocpp *o, struct gv_turn *t, int64_t deadline_ms)
{
	if (o->timer_ms > gv_now_ms(t) && o->timer_ms <= deadline_ms)
		return 0;
	/* One that is over and has not come yet must come first. */
	if (!o->timer_ms || o->timer_ms > deadline_ms)
		o->timer_ms = deadline_ms;
	return gv_timer(t, TIMER, o->timer_ms, NULL);
}

bool command_impossible(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const char *device)
{
	struct gv_scan scan = { .table = &ocpp_commands, .prefix = gv_key(device) };
	unsigned waiting = 0;

	if (!station_find(o, device)) {
		gv_refuse(t, ticket, GV_UNAVAILABLE,
			  "%s is not connected: check its power and network, and that its id is written as it connects",
			  device);
		return true;
	}
	while (gv_next(t, &scan))
		waiting++;
	if (waiting < OCPP_QUEUE_MAX)
		return false;
	gv_refuse(t, ticket, GV_RESOURCE_EXHAUSTED,
		  "%u calls to %s wait for its answers already: try again when some have been answered", waiting,
		  device);
	return true;
}

/* ---- the log, without secrets ---------------------------------------------------------------- */

static bool is_secret(const char *key)
{
	return !strcasecmp(key, "AuthorizationKey") || strcasestr(key, "password") || strcasestr(key, "secret");
}

static void mask(cJSON *object)
{
	cJSON *value = cJSON_GetObjectItemCaseSensitive(object, "value");

	if (is_secret(json_string(object, "key")) && cJSON_IsString(value) && value->valuestring[0])
		cJSON_ReplaceItemInObjectCaseSensitive(object, "value", cJSON_CreateString("***"));
}

/* The payload as it may be shown: of the two actions that carry secrets, a masked copy. */
static const char *shown(struct gv_turn *t, const char *action, const cJSON *payload)
{
	bool list = !strcmp(action, "GetConfiguration");
	cJSON *copy;
	const char *text;

	if (!list && strcmp(action, "ChangeConfiguration") != 0)
		return NULL;
	copy = cJSON_Duplicate(payload, true);
	if (list)
		for (cJSON *k = cJSON_IsObject(copy) ? cJSON_GetObjectItemCaseSensitive(copy, "configurationKey")
						     : NULL,
			   *i = k ? k->child : NULL;
		     i; i = i->next)
			mask(i);
	else
		mask(copy);
	text = json_print(t, copy);
	cJSON_Delete(copy);
	return text;
}

static void show_call(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Command *row)
{
	const char *text = (const char *)o->out.data;
	size_t size = o->out.size;
	cJSON *payload;

	if (!strcmp(row->action, "ChangeConfiguration")) {
		payload = cJSON_Parse(row->payload);
		text = gv_str(t, "[2,\"%s\",\"%s\",%s]", row->message_id, row->action, shown(t, row->action, payload));
		size = strlen(text);
		cJSON_Delete(payload);
	}
	messages_add(&o->messages, gv_now_ms(t), device, false, row->action, text, size);
}

/* ---- sending --------------------------------------------------------------------------------- */

/* The row must be written by the caller: before the turn ends it says where the call went. */
static int send_now(struct ocpp *o, struct gv_turn *t, const struct station *st, Ocpp__Command *row)
{
	row->conn = st->conn;
	rpc_write_call(&o->out, row->message_id, row->action, row->payload);
	if (o->out.error)
		return o->out.error;
	show_call(o, t, st->device, row);
	gv_count(t, "calls_out", 1);
	return gv_send(t, st->conn, GV_TEXT, o->out.data, o->out.size);
}

/* Sends the first call that waits, unless one is under way. A scan shows the table as it was before this message:
 * gv_get, what became of a row. */
static int next(struct ocpp *o, struct gv_turn *t, const struct station *st)
{
	struct gv_scan scan = { .table = &ocpp_commands, .prefix = gv_key(st->device) };
	struct gv_key first = { 0 };

	while (gv_next(t, &scan)) {
		const Ocpp__Command *row = gv_get(t, &ocpp_commands, scan.key);

		if (row && row->conn)
			return 0;
		if (row && !first.count)
			first = scan.key;
	}
	return first.count ? send_now(o, t, st, gv_edit(t, &ocpp_commands, first)) : 0;
}

static bool busy(struct gv_turn *t, const char *device)
{
	struct gv_scan scan = { .table = &ocpp_commands, .prefix = gv_key(device) };

	return gv_next(t, &scan);
}

int command_send(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const char *device,
		 const struct command *c)
{
	Ocpp__Command row = OCPP__COMMAND__INIT;
	int error;

	row.kind = c->kind;
	row.action = (char *)c->action;
	row.payload = (char *)c->payload;
	row.request_id = (char *)(c->request_id ? c->request_id : "");
	row.message_id = gv_str(t, "%s-%" PRIu64, o->epoch, o->next_message++);
	row.ticket_call = ticket.call;
	row.ticket_caller = ticket.caller;
	row.deadline_ms = gv_now_ms(t) + (c->timeout_ms ? c->timeout_ms : o->call_timeout_ms);
	if (!busy(t, device)) {
		error = send_now(o, t, station_find(o, device), &row);
		if (error)
			return error;
	}
	gv_put(t, &ocpp_commands, gv_key(device, o->next_command++), &row);
	return arm(o, t, row.deadline_ms);
}

/* ---- outcomes -------------------------------------------------------------------------------- */

static int forget(struct gv_turn *t, const char *device, struct gv_key key, const Ocpp__Command *row, bool started)
{
	if (row->kind == OCPP__COMMAND__KIND__START && !started)
		gv_delete(t, &ocpp_requests, gv_key(device, row->request_id));
	return gv_delete(t, &ocpp_commands, key);
}

static int refuse_call(struct gv_turn *t, const char *device, const Ocpp__Command *row, const char *code,
		       const char *description)
{
	enum gv_code as = GV_ABORTED;

	if (!strcmp(code, "NotImplemented") || !strcmp(code, "NotSupported"))
		as = GV_UNIMPLEMENTED;
	else if (!strcmp(code, "SecurityError"))
		as = GV_PERMISSION_DENIED;
	return gv_refuse(t, ticket_of(row), as, "%s answered %s with %.60s%s%.255s", device, row->action, code,
			 description[0] ? ": " : "", description);
}

static int reply_call(struct gv_turn *t, const char *device, const Ocpp__Command *row, const struct rpc_frame *frame)
{
	Ocpp__CallReply reply = OCPP__CALL_REPLY__INIT;
	Ocpp__CallError error = OCPP__CALL_ERROR__INIT;

	if (frame->kind == RPC_ERROR) {
		error.code = gv_str(t, "%.60s", frame->code);
		error.description = (char *)frame->description;
		reply.outcome_case = OCPP__CALL_REPLY__OUTCOME_ERROR;
		reply.error = &error;
		return gv_reply(t, ticket_of(row), &reply);
	}
	reply.outcome_case = OCPP__CALL_REPLY__OUTCOME_PAYLOAD;
	reply.payload = json_to_struct(t, frame->payload);
	if (!reply.payload)
		return gv_refuse(t, ticket_of(row), GV_INTERNAL,
				 "%s answered %s with JSON that is deeper than 32 levels or longer than 20000 values",
				 device, row->action);
	return gv_reply(t, ticket_of(row), &reply);
}

static int reply(struct gv_turn *t, const char *device, const Ocpp__Command *row, const struct rpc_frame *frame)
{
	const char *status = frame->payload ? json_string(frame->payload, "status") : "";
	Charging__CommandReply command = CHARGING__COMMAND_REPLY__INIT;
	Charging__StartReply start = CHARGING__START_REPLY__INIT;
	Charging__StopReply stop = CHARGING__STOP_REPLY__INIT;

	if (row->kind == OCPP__COMMAND__KIND__CALL)
		return reply_call(t, device, row, frame);
	if (frame->kind == RPC_ERROR)
		return refuse_call(t, device, row, frame->code, frame->description);
	if (!status[0])
		return gv_refuse(t, ticket_of(row), GV_INTERNAL, "%s answered %s without a status", device,
				 row->action);
	switch (row->kind) {
	case OCPP__COMMAND__KIND__START:
		start.status = (char *)status;
		start.request_id = row->request_id;
		return gv_reply(t, ticket_of(row), &start);
	case OCPP__COMMAND__KIND__STOP:
		stop.status = (char *)status;
		return gv_reply(t, ticket_of(row), &stop);
	default:
		command.status = (char *)status;
		return gv_reply(t, ticket_of(row), &command);
	}
}

int commands_answered(struct ocpp *o, struct gv_turn *t, struct station *st, const struct gv_frame *f,
		      const struct rpc_frame *frame)
{
	const char *text = f->data;
	uint64_t conn = f->conn->id;
	struct gv_scan scan = { .table = &ocpp_commands, .prefix = gv_key(st->device) };

	while (gv_next(t, &scan)) {
		const Ocpp__Command *row = scan.row;
		const char *masked;

		if (row->conn != conn || strcmp(row->message_id, frame->id) != 0)
			continue;
		masked = frame->kind == RPC_RESULT && frame->payload ? shown(t, row->action, frame->payload) : NULL;
		if (masked)
			text = gv_str(t, "[3,\"%s\",%s]", row->message_id, masked);
		messages_add(&o->messages, gv_now_ms(t), st->device, true, row->action, text,
			     masked ? strlen(text) : f->size);
		reply(t, st->device, row, frame);
		forget(t, st->device, scan.key, row,
		       frame->kind == RPC_RESULT && frame->payload &&
			       !strcmp(json_string(frame->payload, "status"), "Accepted"));
		return st->conn == conn ? next(o, t, st) : 0;
	}
	messages_add(&o->messages, gv_now_ms(t), st->device, true, "", text, f->size);
	if (f->again)
		return 0; /* has been handled already, most likely */
	gv_count(t, "late_answers", 1);
	gv_log(t, st->quirks & (1u << QUIRK_LATE_ANSWER) ? GV_DEBUG : GV_INFO,
	       "answer to no call that waits is dropped: it is late or double message=%.40s", frame->id);
	station_quirks(o, t, st, 1u << QUIRK_LATE_ANSWER);
	return 0;
}

int commands_opened(struct ocpp *o, struct gv_turn *t, struct station *st, bool again)
{
	struct gv_scan scan = { .table = &ocpp_commands, .prefix = gv_key(st->device) };
	bool found = false;

	while (gv_next(t, &scan)) {
		const Ocpp__Command *row = scan.row;
		const struct spec_action *action = spec_find(&spec_v16, row->action);

		found = true;
		if (row->conn == st->conn && again && action && action->repeatable) {
			send_now(o, t, st, gv_edit(t, &ocpp_commands, scan.key));
		} else if (row->conn && row->conn != st->conn) {
			gv_refuse(t, ticket_of(row), GV_UNKNOWN,
				  "%s lost its connection before it answered %s: whether it has acted is not known",
				  st->device, row->action);
			forget(t, st->device, scan.key, row, true);
		}
	}
	return found ? next(o, t, st) : 0;
}

int commands_closed(struct ocpp *o, struct gv_turn *t, const char *device, uint64_t conn, struct station *current)
{
	struct gv_scan scan = { .table = &ocpp_commands, .prefix = gv_key(device) };
	bool found = false;

	while (gv_next(t, &scan)) {
		const Ocpp__Command *row = scan.row;

		found = true;
		if (row->conn == conn)
			gv_refuse(t, ticket_of(row), GV_UNKNOWN,
				  "%s lost its connection before it answered %s: whether it has acted is not known",
				  device, row->action);
		else if (!row->conn && !current)
			gv_refuse(t, ticket_of(row), GV_UNAVAILABLE,
				  "%s lost its connection before %s could be sent: try again when it is back", device,
				  row->action);
		else
			continue;
		/* The charger may have accepted a start: should its transaction come, it is still the one that was
		 * asked for. */
		forget(t, device, scan.key, row, row->conn == conn);
	}
	return found && current ? next(o, t, current) : 0;
}

int commands_due(struct ocpp *o, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &ocpp_commands };
	int64_t now = gv_now_ms(t), earliest = INT64_MAX;

	o->timer_ms = 0;
	while (gv_next(t, &scan)) {
		const Ocpp__Command *row = scan.row;
		const char *device = scan.key.part[0].s;
		struct station *st = station_find(o, device);

		if (row->deadline_ms > now) {
			earliest = row->deadline_ms < earliest ? row->deadline_ms : earliest;
			continue;
		}
		gv_count(t, "calls_unanswered", 1);
		gv_refuse(t, ticket_of(row), GV_DEADLINE_EXCEEDED,
			  row->conn ? "%s did not answer %s in time: whether it has acted is not known"
				    : "%s did not come to %s in time: it was not sent",
			  device, row->action);
		forget(t, device, scan.key, row, row->conn != 0);
		if (st)
			next(o, t, st);
	}
	return earliest == INT64_MAX ? 0 : arm(o, t, earliest);
}

int commands_restore(struct ocpp *o, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &ocpp_commands };
	int64_t earliest = INT64_MAX;

	while (gv_next(t, &scan)) {
		const Ocpp__Command *row = scan.row;

		if (scan.key.part[1].u >= o->next_command)
			o->next_command = scan.key.part[1].u + 1;
		earliest = row->deadline_ms < earliest ? row->deadline_ms : earliest;
	}
	return earliest == INT64_MAX ? 0 : arm(o, t, earliest);
}
