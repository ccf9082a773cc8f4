/* Calls to chargers. One at a time per charger is under way (OCPP-J 1.6, 4.1.1), the others wait in its queue, and the
 * calls that it makes meanwhile are none of this file's business.
 *
 * Each call is a row until it is answered, with the ticket of whoever asked: after a crash the answer is still matched,
 * the deadline still kept, and a call that waited is still sent. One that may have been sent is sent again only where
 * doing it twice is the same as once (spec_action.repeatable); of the others the caller learns at the deadline that
 * nobody knows. */
#include "command_log.h"
#include "commands.h"
#include "mask.h"
#include "registration.h"
#include "reports.h"
#include "soap_station.h"

#include <plugins/ocpp/edge/edge.h>

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TIMER "deadline"

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

static unsigned queued(struct gv_turn *t, const char *device)
{
	struct gv_scan scan = { .table = &ocpp_commands, .prefix = gv_key(device) };
	unsigned n = 0;

	while (gv_next(t, &scan))
		n++;
	return n;
}

bool command_fits(struct gv_turn *t, const char *device)
{
	return queued(t, device) < OCPP_QUEUE_MAX;
}

bool command_impossible(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const char *device)
{
	const struct station *st = station_find(o, device);
	unsigned waiting;

	if (!st) {
		gv_refuse(t, ticket, GV_UNAVAILABLE,
			  "%s is not connected: check its power and network, and that its id is written as it connects",
			  device);
		return true;
	}
	if (st->conn == STATION_SOAP && !soap_callback(t, device)[0]) {
		gv_refuse(t, ticket, GV_FAILED_PRECONDITION,
			  "%s calls over SOAP and has named no address at which it could be called: have its requests "
			  "name "
			  "one in the header From",
			  device);
		return true;
	}
	waiting = queued(t, device);
	if (waiting < OCPP_QUEUE_MAX)
		return false;
	gv_refuse(t, ticket, GV_RESOURCE_EXHAUSTED,
		  "%u calls to %s wait for its answers already: try again when some have been answered", waiting,
		  device);
	return true;
}

/* ---- sending --------------------------------------------------------------------------------- */

static void show_call(struct ocpp *o, struct gv_turn *t, struct station *st, const Ocpp__Command *row)
{
	struct message m = { .action = row->action, .text = (const char *)o->out.data, .size = o->out.size };
	const struct spec_action *action = edge_action(st->edge, row->action);

	registration_asked(t, st, row, action);
	if (mask_needed(action)) {
		cJSON *payload = cJSON_Parse(row->payload);

		m.text = gv_str(t, "[2,\"%s\",\"%s\",%s]", row->message_id, row->action, mask(t, payload));
		m.size = strlen(m.text);
		cJSON_Delete(payload);
	}
	message_log(o, t, st, &m);
}

/* The row must be written by the caller: before the turn ends it says where the call went. */
static int send_now(struct ocpp *o, struct gv_turn *t, struct station *st, Ocpp__Command *row)
{
	row->conn = st->conn;
	rpc_write_call(&o->out, row->message_id, row->action, row->payload);
	if (o->out.error)
		return o->out.error;
	show_call(o, t, st, row);
	gv_count(t, "calls_out", 1);
	if (st->conn == STATION_SOAP) {
		int error = soap_post(o, t, st, row);

		if (error == -ENOSPC)
			row->conn = 0; /* link has too much to do: it waits, and may miss its deadline */
		else if (!row->sent_at_ms)
			row->sent_at_ms = gv_now_ms(t);
		return error == -ENOSPC ? 0 : error;
	}
	if (!row->sent_at_ms)
		row->sent_at_ms = gv_now_ms(t);
	st->owes = true;
	return gv_send(t, st->conn, GV_TEXT, o->out.data, o->out.size);
}

/* What galvan wants by itself comes behind what people want. */
static bool can_wait(const Ocpp__Command *row)
{
	return row->kind == OCPP__COMMAND__KIND__LIST || row->kind == OCPP__COMMAND__KIND__TAKE_BACK ||
	       row->kind == OCPP__COMMAND__KIND__QUIET || row->kind == OCPP__COMMAND__KIND__REPORT ||
	       row->kind == OCPP__COMMAND__KIND__COST;
}

/* A walk shows the table as it was before this message; gv_get, what became of a row. The only row that a walk does not
 * show is the one that this message has added, and that is the newest. */
struct queue {
	struct gv_key first; /* that waits; no parts: none does */
	bool under_way, first_waits;
};

static void look(struct gv_turn *t, struct gv_key key, struct queue *q)
{
	const Ocpp__Command *row = gv_get(t, &ocpp_commands, key);

	if (row && row->conn)
		q->under_way = true;
	if (!row || row->conn || (q->first.count && (!q->first_waits || can_wait(row))))
		return;
	q->first = key;
	q->first_waits = can_wait(row);
}

static struct queue queue_of(struct gv_turn *t, const struct station *st)
{
	struct gv_scan scan = { .table = &ocpp_commands, .prefix = gv_key(st->device) };
	struct queue q = { 0 };

	while (gv_next(t, &scan))
		look(t, scan.key, &q);
	if (st->newest_command)
		look(t, gv_key(st->device, st->newest_command), &q);
	return q;
}

/* Sends the first call that waits, unless one is under way. */
static int next(struct ocpp *o, struct gv_turn *t, struct station *st)
{
	struct queue q = queue_of(t, st);

	if (q.under_way || !q.first.count)
		return 0;
	return send_now(o, t, st, gv_edit(t, &ocpp_commands, q.first));
}

/* Moves the call from the queue to the log, and then tells: who is told may ask for the next. */
static int settle(struct ocpp *o, struct gv_turn *t, const char *device, struct gv_key key, const Ocpp__Command *row,
		  const struct outcome *out)
{
	struct station *st = station_find(o, device);

	if (st && st->conn == row->conn)
		st->owes = false;
	if (out->kind == OUTCOME_LOST)
		boot_unanswered(t, device, row);
	else if (out->kind == OUTCOME_ANSWERED || out->kind == OUTCOME_ERROR)
		boot_answered(t, device);
	gv_delete(t, &ocpp_commands, key);
	command_log_add(o, t, device, row, out);
	return outcome_conclude(o, t, device, row, out);
}

static const struct outcome not_in_soap = { .kind = OUTCOME_ERROR,
					    .code = "NotSupported",
					    .description = "OCPP over SOAP has no such message" };

int command_send(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const char *device,
		 const struct command *c)
{
	struct station *st = station_find(o, device);
	Ocpp__Command row = OCPP__COMMAND__INIT;
	struct gv_key key;

	o->next_command = command_log_free(t, device, o->next_command);
	row.number = o->next_command++;
	key = gv_key(device, row.number);
	row.asked_at_ms = gv_now_ms(t);
	row.kind = c->kind;
	row.action = (char *)c->action;
	row.payload = (char *)c->payload;
	row.request_id = (char *)(c->request_id ? c->request_id : "");
	row.message_id = gv_str(t, "%s-%" PRIu64, o->epoch, row.number);
	row.subprotocol = (char *)(st ? st->edge->spec->subprotocol : "");
	row.about = c->about;
	row.setting = (Ocpp__Setting *)c->setting;
	row.question = (Ocpp__Question *)c->question;
	row.ticket_call = ticket.call;
	row.ticket_caller = ticket.caller;
	row.deadline_ms = gv_now_ms(t) + (c->timeout_ms ? c->timeout_ms : o->call_timeout_ms);
	if (st && st->conn == STATION_SOAP && !soap_knows(st, c->action))
		return settle(o, t, device, key, &row, &not_in_soap);
	gv_put(t, &ocpp_commands, key, &row);
	arm(o, t, row.deadline_ms);
	if (!st)
		return 0;
	st->newest_command = key.part[1].u;
	return next(o, t, st);
}

/* ---- outcomes -------------------------------------------------------------------------------- */

/* It is late, or came before, or answers nothing: then it may be any answer, to a call with a secret too. */
static int answered_late(struct ocpp *o, struct gv_turn *t, struct station *st, const struct gv_frame *f,
			 const struct rpc_frame *frame)
{
	const Ocpp__CommandRecord *c = command_log_answered(o, t, st->device, frame, f->again);
	const char *action = c ? c->action : "";

	answer_show(o, t, st, f, action, frame, true, !c || command_log_held_secret(c));
	if (f->again)
		return 0; /* has been handled already, most likely */
	gv_count(t, "late_answers", 1);
	gv_log(t, GV_DEBUG,
	       c ? "answer is late or double, and is kept with its call action=%.50s message=%.40s"
		 : "answer to no call that is known is dropped action=%.50s message=%.40s",
	       action, frame->id);
	station_quirks(o, t, st, QUIRK_BIT(QUIRK_LATE_ANSWER));
	return 0;
}

int commands_answered(struct ocpp *o, struct gv_turn *t, struct station *st, const struct gv_frame *f,
		      const struct rpc_frame *frame)
{
	uint64_t conn = f->conn->id;
	struct gv_scan scan = { .table = &ocpp_commands, .prefix = gv_key(st->device) };

	while (gv_next(t, &scan)) {
		const Ocpp__Command *row = scan.row;
		struct outcome out = { .kind = frame->kind == RPC_ERROR ? OUTCOME_ERROR : OUTCOME_ANSWERED,
				       .payload = frame->payload,
				       .code = frame->code,
				       .description = frame->description };
		bool secret;

		if (row->conn != conn || strcmp(row->message_id, frame->id) != 0)
			continue;
		secret = command_held_secret(t, row);
		if (secret && out.kind == OUTCOME_ERROR && out.description[0])
			out.description = MASKED;
		answer_show(o, t, st, f, row->action, frame, mask_needed(edge_action(st->edge, row->action)), secret);
		if (frame->kind == RPC_RESULT)
			answer_check(o, t, st, row->action, frame, secret);
		if (frame->kind == RPC_RESULT && st->edge->answered)
			st->edge->answered(o, t, st, row, frame->payload);
		settle(o, t, st->device, scan.key, row, &out);
		return st->conn == conn ? next(o, t, st) : 0;
	}
	return answered_late(o, t, st, f, frame);
}

int commands_failed(struct ocpp *o, struct gv_turn *t, struct station *st, const char *message_id,
		    const struct outcome *out, bool go_on)
{
	struct gv_scan scan = { .table = &ocpp_commands, .prefix = gv_key(st->device) };

	while (gv_next(t, &scan)) {
		const Ocpp__Command *row = scan.row;

		if (strcmp(row->message_id, message_id) != 0)
			continue;
		gv_count(t, "calls_unanswered", 1);
		settle(o, t, st->device, scan.key, row, out);
		return go_on ? next(o, t, st) : 0;
	}
	return 0;
}

static const char *version_of(const Ocpp__Command *row)
{
	return row->subprotocol[0] ? row->subprotocol : edge_assumed->spec->subprotocol;
}

int commands_opened(struct ocpp *o, struct gv_turn *t, struct station *st, bool again)
{
	struct gv_scan scan = { .table = &ocpp_commands, .prefix = gv_key(st->device) };
	bool found = false;

	while (gv_next(t, &scan)) {
		const Ocpp__Command *row = scan.row;
		const struct spec_action *action = spec_find(st->edge->spec, row->action);

		found = true;
		if (!row->conn && (strcmp(version_of(row), st->edge->spec->subprotocol) != 0 ||
				   (st->conn == STATION_SOAP && !soap_knows(st, row->action)))) {
			/* It was written in a version, or for a wire, that the charger does not speak any more. */
			settle(o, t, st->device, scan.key, row, &(struct outcome){ .kind = OUTCOME_UNSENT });
		} else if (row->conn == st->conn && again && st->conn != STATION_SOAP && action && action->repeatable) {
			send_now(o, t, st, gv_edit(t, &ocpp_commands, scan.key));
		} else if (row->conn && row->conn != st->conn) {
			settle(o, t, st->device, scan.key, row, &(struct outcome){ .kind = OUTCOME_LOST });
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
			settle(o, t, device, scan.key, row, &(struct outcome){ .kind = OUTCOME_LOST });
		else if (!row->conn && !current)
			settle(o, t, device, scan.key, row, &(struct outcome){ .kind = OUTCOME_UNSENT });
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
		settle(o, t, device, scan.key, row, &(struct outcome){ .kind = OUTCOME_TIMEOUT });
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
