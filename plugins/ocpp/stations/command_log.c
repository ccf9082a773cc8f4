/* Whoever asked a charger may have gone when the answer comes, or have been told that there is none. So each call that
 * is over stays as a row for a while, as it may be shown: its payload and its answer masked and cut. One that is not
 * over is a row of `commands`, and is shown from there. An answer finds its call by the number in its message id, on
 * whichever connection it comes, after a crash too. */
#include "command_log.h"
#include "mask.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_LIMIT 20
#define MAX_LIMIT 100
#define DESCRIPTION_MAX 255 /* bytes of a CALLERROR's */
#define CODE_MAX 60
#define STATUS_MAX 60
#define PERIOD_MS (60 * 60 * 1000)
#define AGAIN_MS 1000 /* while there is more to look at */
#define ROWS_MAX 5000 /* looked at in one turn */
#define DAY_MS INT64_C(86400000)

const struct gv_table ocpp_command_log = { .name = "command_log",
					   .key = "su",
					   .value = &ocpp__command_row__descriptor };

/* ---- what is kept ---------------------------------------------------------------------------- */

/* At most `max` bytes, of whole characters. */
static char *cut(struct gv_turn *t, const char *text, size_t max, protobuf_c_boolean *ret_cut)
{
	size_t size = strlen(text);
	bool is_cut = size > max;

	if (is_cut)
		for (size = max; size && ((unsigned char)text[size] & 0xc0) == 0x80; size--)
			;
	if (ret_cut)
		*ret_cut = is_cut;
	return gv_str(t, "%.*s", (int)size, text);
}

/* Nobody waits for it, or only for what it is a part of. */
static bool is_internal(const Ocpp__Command *row)
{
	return !row->ticket_call || row->kind == OCPP__COMMAND__KIND__LIMIT;
}

static void describe(struct gv_turn *t, const Ocpp__Command *row, Ocpp__CommandRecord *ret)
{
	cJSON *payload = cJSON_Parse(row->payload);

	ocpp__command_record__init(ret);
	ret->action = row->action;
	ret->payload = cut(t, mask(t, payload), COMMAND_LOG_TEXT_MAX, &ret->payload_cut);
	ret->internal = is_internal(row);
	ret->asked_at_ms = row->asked_at_ms;
	ret->sent_at_ms = row->sent_at_ms;
	ret->deadline_ms = row->deadline_ms;
	cJSON_Delete(payload);
}

bool command_log_held_secret(const Ocpp__CommandRecord *c)
{
	return c->payload_cut || mask_is_masked(c->payload);
}

static void attach_error(struct gv_turn *t, Ocpp__CommandRecord *c, const char *code, const char *description)
{
	bool withheld = command_log_held_secret(c) && description[0];

	c->error_code = cut(t, code, CODE_MAX, NULL);
	c->error_description = withheld ? MASKED : cut(t, mask_url(t, description), DESCRIPTION_MAX, NULL);
}

static void attach_answer(struct gv_turn *t, Ocpp__CommandRecord *c, const cJSON *payload)
{
	const char *text = command_log_held_secret(c) ? mask_answer(t, payload) : mask(t, payload);

	c->status = cut(t, json_string(payload, "status"), STATUS_MAX, NULL);
	c->answer = cut(t, text, COMMAND_LOG_TEXT_MAX, &c->answer_cut);
}

static void attach(struct gv_turn *t, Ocpp__CommandRecord *c, const struct outcome *out)
{
	static const char *const names[] = {
		[OUTCOME_ANSWERED] = "answered", [OUTCOME_ERROR] = "error",     [OUTCOME_LOST] = "lost",
		[OUTCOME_UNSENT] = "unsent",     [OUTCOME_TIMEOUT] = "timeout", [OUTCOME_UNREACHED] = "unreached",
	};

	c->outcome = (char *)names[out->kind];
	if (out->kind == OUTCOME_ANSWERED)
		attach_answer(t, c, out->payload);
	else if (out->kind == OUTCOME_ERROR || out->kind == OUTCOME_UNREACHED)
		attach_error(t, c, out->code ? out->code : "", out->description);
	if (c->sent_at_ms && (out->kind == OUTCOME_ANSWERED || out->kind == OUTCOME_ERROR))
		c->answered_at_ms = gv_now_ms(t);
}

/* Leaves room for one more of its kind. */
static void make_room(struct gv_turn *t, const char *device, bool internal)
{
	struct gv_scan scan = { .table = &ocpp_command_log, .prefix = gv_key(device), .reverse = true };
	unsigned keep = internal ? COMMAND_LOG_KEEP_INTERNAL : COMMAND_LOG_KEEP, seen = 0;

	while (gv_next(t, &scan)) {
		const Ocpp__CommandRow *row = scan.row;

		if (row->command && !row->command->internal == !internal && ++seen >= keep)
			gv_delete(t, &ocpp_command_log, scan.key);
	}
}

int command_log_add(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Command *row,
		    const struct outcome *out)
{
	Ocpp__CommandRecord command;
	Ocpp__CommandRow log = OCPP__COMMAND_ROW__INIT;

	if (!o->messages.keep_days)
		return 0;
	describe(t, row, &command);
	attach(t, &command, out);
	log.command = &command;
	log.message_id = row->message_id;
	make_room(t, device, command.internal);
	return gv_put(t, &ocpp_command_log, gv_key(device, row->number), &log);
}

uint64_t command_log_free(struct gv_turn *t, const char *device, uint64_t from)
{
	struct gv_scan scan = { .table = &ocpp_command_log, .prefix = gv_key(device), .reverse = true };

	if (gv_next(t, &scan) && scan.key.part[1].u >= from)
		return scan.key.part[1].u + 1;
	return from;
}

/* ---- late answers ---------------------------------------------------------------------------- */

/* The row of the call with this message id, that was sent; NULL: none. Message ids end with the call's number: see
 * command_send. */
static Ocpp__CommandRow *find(struct gv_turn *t, const char *device, const char *message_id, uint64_t *ret_number)
{
	const char *number = strrchr(message_id, '-');
	const Ocpp__CommandRow *row;

	if (!number)
		return NULL;
	*ret_number = strtoull(number + 1, NULL, 10);
	row = gv_get(t, &ocpp_command_log, gv_key(device, *ret_number));
	if (!row || !row->command || !row->command->sent_at_ms || strcmp(row->message_id, message_id) != 0)
		return NULL;
	return gv_edit(t, &ocpp_command_log, gv_key(device, *ret_number));
}

static Ocpp__CommandRecord *named(struct gv_turn *t, const Ocpp__CommandRecord *command, const char *device,
				  uint64_t number)
{
	Ocpp__CommandRecord *c = gv_alloc(t, sizeof *c);

	*c = *command;
	c->device = (char *)device;
	c->id = number;
	return c;
}

static void tell(struct gv_turn *t, const char *device, uint64_t number, const Ocpp__CommandRecord *command)
{
	Ocpp__CommandAnsweredLate event = OCPP__COMMAND_ANSWERED_LATE__INIT;

	event.device = (char *)device;
	event.command = named(t, command, device, number);
	gv_emit(t, &event);
}

const Ocpp__CommandRecord *command_log_answered(struct ocpp *o, struct gv_turn *t, const char *device,
						const struct rpc_frame *frame, bool again)
{
	uint64_t number;
	Ocpp__CommandRow *row = find(t, device, frame->id, &number);

	if (!row)
		return NULL;
	if (row->command->answered_at_ms) {
		row->command->repeats += !again;
		return row->command;
	}
	row->command->late = true;
	row->command->answered_at_ms = gv_now_ms(t);
	if (frame->kind == RPC_ERROR)
		attach_error(t, row->command, frame->code, frame->description);
	else
		attach_answer(t, row->command, frame->payload);
	tell(t, device, number, row->command);
	return row->command;
}

/* ---- the list -------------------------------------------------------------------------------- */

static void add_waiting(struct gv_turn *t, const char *device, Ocpp__ListCommandsReply *reply)
{
	struct gv_scan scan = { .table = &ocpp_commands, .prefix = gv_key(device) };

	while (gv_next(t, &scan)) {
		Ocpp__CommandRecord command;

		describe(t, scan.row, &command);
		*GV_APPEND(t, reply->commands, reply->n_commands) = named(t, &command, device, scan.key.part[1].u);
	}
}

static void add_done(struct gv_turn *t, const char *device, Ocpp__ListCommandsReply *reply)
{
	struct gv_scan scan = { .table = &ocpp_command_log, .prefix = gv_key(device) };

	while (gv_next(t, &scan)) {
		const Ocpp__CommandRow *row = scan.row;

		if (row->command)
			*GV_APPEND(t, reply->commands, reply->n_commands) = named(t, row->command, device,
										  scan.key.part[1].u);
	}
}

static int newest_first(const void *a, const void *b)
{
	uint64_t x = (*(Ocpp__CommandRecord *const *)a)->id, y = (*(Ocpp__CommandRecord *const *)b)->id;

	return x < y ? 1 : x > y ? -1 : 0;
}

/* Cuts what is there, newest first, down to one page. Both tables are small: see the bounds of the log and of the
 * queue. */
static void take_page(struct gv_turn *t, uint64_t before, uint32_t limit, Ocpp__ListCommandsReply *reply)
{
	size_t first = 0;

	if (reply->n_commands > 1)
		qsort(reply->commands, reply->n_commands, sizeof *reply->commands, newest_first);
	while (before && first < reply->n_commands && reply->commands[first]->id >= before)
		first++;
	if (first)
		reply->commands += first;
	reply->n_commands -= first;
	if (reply->n_commands <= limit)
		return;
	reply->n_commands = limit;
	reply->next_page = gv_str(t, "%" PRIu64, reply->commands[limit - 1]->id);
}

int list_commands(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const Ocpp__ListCommandsRequest *r = (const Ocpp__ListCommandsRequest *)m;
	Ocpp__ListCommandsReply reply = OCPP__LIST_COMMANDS_REPLY__INIT;
	char *end;
	uint64_t before = strtoull(r->page, &end, 10);

	if (!r->device[0])
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "device must be given");
	if (r->limit > MAX_LIMIT)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "limit must be at most %d, is %u", MAX_LIMIT,
				 r->limit);
	if (r->state[0] && strcmp(r->state, "any") && strcmp(r->state, "waiting") && strcmp(r->state, "done"))
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "state must be any, waiting or done");
	if (*end || (r->page[0] && !before))
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "page is no next_page of a list of commands");
	if (strcmp(r->state, "done") != 0)
		add_waiting(t, r->device, &reply);
	if (strcmp(r->state, "waiting") != 0)
		add_done(t, r->device, &reply);
	take_page(t, before, r->limit ? r->limit : DEFAULT_LIMIT, &reply);
	return gv_reply(t, ticket, &reply);
}

/* ---- retention ------------------------------------------------------------------------------- */

int command_log_start(struct ocpp *o, struct gv_turn *t)
{
	return gv_timer(t, COMMAND_LOG_TIMER, gv_now_ms(t) + PERIOD_MS, NULL);
}

/* A charger's rows begin with its oldest: behind the first that is young enough comes the next charger. */
int command_log_purge(struct ocpp *o, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &ocpp_command_log };
	int64_t oldest_ms = gv_now_ms(t) - o->messages.keep_days * DAY_MS;
	unsigned looked = 0;

	if (o->log_purged[0])
		scan.after = gv_key(o->log_purged, UINT64_MAX);
	while (looked < ROWS_MAX && gv_next(t, &scan)) {
		const Ocpp__CommandRow *row = scan.row;
		const char *device = scan.key.part[0].s;

		looked++;
		if (row->command && row->command->asked_at_ms >= oldest_ms)
			scan = (struct gv_scan){ .table = &ocpp_command_log, .after = gv_key(device, UINT64_MAX) };
		else
			gv_delete(t, &ocpp_command_log, scan.key);
		snprintf(o->log_purged, sizeof o->log_purged, "%s", device);
	}
	if (looked < ROWS_MAX)
		o->log_purged[0] = '\0';
	return gv_timer(t, COMMAND_LOG_TIMER, gv_now_ms(t) + (looked < ROWS_MAX ? PERIOD_MS : AGAIN_MS), NULL);
}
