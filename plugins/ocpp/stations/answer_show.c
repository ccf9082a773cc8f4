/* What chargers answer, as it stands in the message history: without the secrets that they tell, and without those that
 * they were sent and may repeat, in an error's words or in a remark. */
#include "commands.h"
#include "mask.h"

#include <cjson/cJSON.h>
#include <string.h>

bool command_held_secret(struct gv_turn *t, const Ocpp__Command *row)
{
	cJSON *payload = cJSON_Parse(row->payload);
	bool held = mask_is_masked(mask(t, payload));

	cJSON_Delete(payload);
	return held;
}

bool command_secret_under_way(struct gv_turn *t, const struct station *st)
{
	struct gv_scan scan = { .table = &ocpp_commands, .prefix = gv_key(st->device) };

	while (gv_next(t, &scan)) {
		const Ocpp__Command *row = scan.row;

		if (row->conn == st->conn && command_held_secret(t, row))
			return true;
	}
	return false;
}

/* A CALLERROR without what it says in the charger's own words. */
static const char *withheld(struct gv_turn *t, const struct rpc_frame *frame)
{
	cJSON *error = cJSON_CreateArray();
	const char *text;

	cJSON_AddItemToArray(error, cJSON_CreateNumber(RPC_ERROR));
	cJSON_AddItemToArray(error, cJSON_CreateString(gv_str(t, "%.*s", RPC_ECHO_MAX, frame->id)));
	cJSON_AddItemToArray(error, cJSON_CreateString(gv_str(t, "%.*s", RPC_ACTION_MAX, frame->code)));
	cJSON_AddItemToArray(error, cJSON_CreateString(MASKED)); /* its description */
	cJSON_AddItemToArray(error, cJSON_CreateString(MASKED)); /* its details */
	text = json_print(t, error);
	cJSON_Delete(error);
	return text;
}

void answer_show(struct ocpp *o, struct gv_turn *t, struct station *st, const struct gv_frame *f, const char *action,
		 const struct rpc_frame *frame, bool masked, bool secret)
{
	struct message m = { .action = action, .text = f->data, .size = f->size, .in = true };

	if (frame->kind == RPC_RESULT && (masked || secret))
		m.text = gv_str(t, "[3,\"%.*s\",%s]", RPC_ECHO_MAX, frame->id,
				secret ? mask_answer(t, frame->payload) : mask(t, frame->payload));
	else if (frame->kind == RPC_ERROR && secret)
		m.text = withheld(t, frame);
	if (m.text != f->data)
		m.size = strlen(m.text);
	message_log(o, t, st, &m);
}
