/* OCPP-J: a charger's frame, to the version's handler and back. */
#include "edge/edge.h"
#include "stations/commands.h"
#include "stations/mask.h"
#include "stations/registration.h"

#include <lib/json_tree.h>

#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>

#define WITHHELD "(no OCPP message, and it may hold a secret)"
#define HEAD_TEXTS 3 /* texts of a frame among which its action is looked for: one more than stand before it */

/* routine: see messages.h. */
static int send_out(struct ocpp *o, struct gv_turn *t, struct station *st, const char *action, bool routine)
{
	struct message m = {
		.action = action, .text = (const char *)o->out.data, .size = o->out.size, .routine = routine
	};

	if (o->out.error)
		return o->out.error;
	message_log(o, t, st, &m);
	return gv_send(t, st->conn, GV_TEXT, o->out.data, o->out.size);
}

static int refuse(struct ocpp *o, struct gv_turn *t, struct station *st, const struct rpc_frame *frame,
		  enum rpc_code code, const char *why)
{
	const struct rpc_frame unreadable = { .id = RPC_ID_UNKNOWN };

	gv_count(t, "call_errors", 1);
	if (frame->kind == RPC_SEND) {
		gv_log(t, GV_INFO, "message that is not answered is dropped action=%.50s why=\"%s\"", frame->action,
		       why);
		return 0;
	}
	if (!frame->id)
		frame = &unreadable;
	rpc_write_error(&o->out, frame, st->edge->spec->rpc, code, why);
	return send_out(o, t, st, frame->action ? frame->action : "", false);
}

/* Energy is never refused, whatever is wrong with how it is told. */
enum rpc_code frames_refusal(struct gv_turn *t, const struct station *st, const struct spec_action *action,
			     uint64_t quirks, const char **ret_why)
{
	uint64_t refused = quirks & st->profile.refused;
	unsigned quirk;

	if (!refused || action->traits & SPEC_METERED)
		return RPC_OK;
	quirk = (unsigned)__builtin_ctzll(refused);
	*ret_why = gv_str(t, "%s: this charger's profile does not let it pass", quirk_name(quirk));
	return quirk == QUIRK_MISSING_FIELD ? st->edge->spec->missing : quirk_info[quirk].refusal;
}

void frames_keep(struct gv_turn *t, const struct station *st, const struct spec_action *action, const cJSON *payload)
{
	if (payload && action && action->traits & SPEC_METERED)
		orphan_keep(t, st->device, action, payload);
}

/* Stands for this message among those of its connection. */
static uint64_t digest(uint64_t conn, const struct rpc_frame *frame)
{
	uint64_t h = 14695981039346656037u ^ conn;

	for (const char *s = frame->id; *s; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211u;
	for (const char *s = frame->action; *s; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211u;
	return h;
}

/* What is refused may be right in another version: the charger has agreed to one and speaks another. */
static void other_version(struct ocpp *o, struct gv_turn *t, struct station *st, const struct rpc_frame *frame)
{
	const struct edge *other = frame->payload ? edge_of_message(st->edge, frame->action, frame->payload) : NULL;

	if (!other)
		return;
	gv_log(t, st->quirks & QUIRK_BIT(QUIRK_OTHER_VERSION) ? GV_DEBUG : GV_WARN,
	       "call is refused: it is one of another version than the connection's action=%s connection=\"%s\" "
	       "call=\"%s\"",
	       frame->action, st->edge->name, other->name);
	station_quirks(o, t, st, QUIRK_BIT(QUIRK_OTHER_VERSION));
}

/* action: NULL where the version has none of this name. */
static int call(struct ocpp *o, struct gv_turn *t, const struct gv_frame *f, struct station *st,
		struct rpc_frame *frame, const struct spec_action *action)
{
	uint64_t conn = f->conn->id;
	struct inbound in = {
		.st = st, .device = st->device, .action = action, .payload = frame->payload, .answer = "{}"
	};
	uint64_t quirks = 0;
	struct check check = { .version = st->edge->spec, .memory = frame->memory };
	inbound_fn *handler;
	int error;

	if (!action) {
		frames_keep(t, st, edge_action(st->edge, frame->action), frame->payload);
		other_version(o, t, st, frame);
		return refuse(o, t, st, frame, RPC_NOT_IMPLEMENTED,
			      gv_str(t, "this action is not one of %s", st->edge->name));
	}
	handler = action->directions & SPEC_UP ? st->edge->handler(action->name) : NULL;
	if (!handler)
		return refuse(o, t, st, frame, RPC_NOT_SUPPORTED, "only a central system sends this action");
	if (st->pending && registration_keeps_out(t, st, action, &in.why)) {
		frames_keep(t, st, action, frame->payload);
		return refuse(o, t, st, frame, RPC_SECURITY_ERROR, in.why);
	}
	if (!frame->payload) {
		if (gv_json_tree(frame->memory, "{}", 2, &frame->payload))
			return -ENOMEM;
		in.payload = frame->payload;
		quirks = QUIRK_BIT(QUIRK_NO_PAYLOAD);
	}
	if (validate(action->request, frame->payload, &check)) {
		frames_keep(t, st, action, frame->payload);
		other_version(o, t, st, frame);
		return refuse(o, t, st, frame, check.code, gv_str(t, "%s: %s", check.path, check.text));
	}
	in.digest = digest(conn, frame);
	if (in.digest == st->last_digest && !f->again)
		quirks |= QUIRK_BIT(QUIRK_SAME_ID); /* some chargers have one for ever */
	st->last_digest = in.digest;
	quirks |= st->owes ? QUIRK_BIT(QUIRK_CROSSING_CALL) : 0;
	quirks |= check.quirks | (frame->id_is_number ? QUIRK_BIT(QUIRK_NUMERIC_ID) : 0);
	station_quirks(o, t, st, quirks);
	in.code = frames_refusal(t, st, action, quirks, &in.why);
	if (in.code)
		return refuse(o, t, st, frame, in.code, in.why);
	in.again = f->again;
	in.id = frame->id;
	in.id_is_number = frame->id_is_number;
	error = handler(o, t, &in);
	if (error)
		return error;
	if (in.code) {
		frames_keep(t, st, action, frame->payload);
		error = refuse(o, t, st, frame, in.code, in.why);
		return in.farewell ? gv_disconnect(t, conn, 1008, in.why) : error;
	}
	if (!in.answer || frame->kind == RPC_SEND)
		return 0;
	rpc_write_result(&o->out, frame, in.answer);
	return send_out(o, t, st, action->name, action->traits & SPEC_ROUTINE);
}

int frames_answer(struct ocpp *o, struct gv_turn *t, struct station *st, const char *id, bool id_is_number,
		  const char *action, const char *answer)
{
	const struct rpc_frame frame = { .kind = RPC_CALL, .id = id, .id_is_number = id_is_number };

	rpc_write_result(&o->out, &frame, answer);
	return send_out(o, t, st, action, false);
}

int frames_unusable(struct ocpp *o, struct gv_turn *t, struct station *st, const struct rpc_frame *answer,
		    const char *action, enum rpc_code code, const char *why)
{
	if (!(st->edge->spec->rpc->kinds & RPC_KIND(RPC_RESULT_ERROR)))
		return 0;
	rpc_write_error(&o->out, answer, st->edge->spec->rpc, code, why);
	return send_out(o, t, st, action, false);
}

/* The action of a frame that cannot be read, where it tells of energy; else NULL. */
static const struct spec_action *metered_action(struct gv_turn *t, const struct station *st, const char *text)
{
	const char *at = text + strspn(text, "[ \t\r\n");

	if (*at == '3' || *at == '4') /* an answer */
		return NULL;
	for (unsigned i = 0; i < HEAD_TEXTS; i++) {
		const char *from = strchr(at, '"'), *end = from ? strchr(from + 1, '"') : NULL;
		const struct spec_action *action;

		if (!end)
			return NULL;
		at = end + 1;
		if (end - from > RPC_ACTION_MAX)
			continue;
		action = edge_action(st->edge, gv_str(t, "%.*s", (int)(end - from - 1), from + 1));
		if (action && action->traits & SPEC_METERED)
			return action;
	}
	return NULL;
}

/* A frame that is no message. Who sent it is told where its id can be read; the connection stays, since a broken
 * message is no reason to lose those behind it. */
static int broken(struct ocpp *o, struct gv_turn *t, const struct gv_frame *f, struct station *st,
		  struct rpc_frame *frame)
{
	const struct rpc_dialect *dialect = st->edge->spec->rpc;
	const struct spec_action *metered = metered_action(t, st, f->data);
	bool answered = frame->kind == RPC_CALL || (frame->kind == RPC_OTHER && dialect->says_broken);

	gv_count(t, "broken_frames", 1);
	gv_log(t, st->quirks & QUIRK_BIT(QUIRK_BROKEN_JSON) ? GV_DEBUG : GV_WARN,
	       "frame is no OCPP message bytes=%zu why=\"%s\"", f->size, frame->why);
	station_quirks(o, t, st, QUIRK_BIT(QUIRK_BROKEN_JSON));
	if (metered)
		orphan_keep_broken(t, st->device, metered, f->data, mask_suspect(f->data));
	if (!answered || (!frame->id && !dialect->says_broken))
		return 0;
	if (!frame->id)
		frame->fault = RPC_FRAMEWORK_ERROR;
	return refuse(o, t, st, frame, frame->fault, frame->why);
}

/* A message of a type that there is not. */
static int other_type(struct ocpp *o, struct gv_turn *t, struct station *st, const struct rpc_frame *frame)
{
	station_quirks(o, t, st, QUIRK_BIT(QUIRK_OTHER_TYPE));
	if (!st->edge->spec->rpc->says_type)
		return 0;
	return refuse(o, t, st, frame, RPC_MESSAGE_TYPE_NOT_SUPPORTED, "a message is of type 2, 3 or 4");
}

/* An answer of ours that the charger could do nothing with. */
static int result_refused(struct gv_turn *t, const struct rpc_frame *frame)
{
	gv_count(t, "answers_refused", 1);
	gv_log(t, GV_WARN, "charger cannot use an answer message=%.40s code=%.40s description=\"%.200s\"", frame->id,
	       frame->code, frame->description);
	return 0;
}

/* What is not an answer to a call of ours. action: of whatever version. */
static void show(struct ocpp *o, struct gv_turn *t, const struct gv_frame *f, struct station *st,
		 const struct rpc_frame *frame, const struct spec_action *action)
{
	struct message m = { .action = frame->action ? frame->action : "",
			     .text = f->data,
			     .size = f->size,
			     .in = true,
			     .routine = action && action->traits & SPEC_ROUTINE };

	if (mask_needed(action))
		m.text = gv_str(t, "[%d,\"%.*s\",\"%s\",%s]", frame->kind, RPC_ECHO_MAX, frame->id ? frame->id : "",
				action->name, mask(t, frame->payload));
	else if (frame->fault && (mask_suspect(f->data) || command_secret_under_way(t, st)))
		m.text = WITHHELD;
	if (m.text != f->data)
		m.size = strlen(m.text);
	message_log(o, t, st, &m);
}

int frames_text(struct ocpp *o, struct gv_turn *t, const struct gv_frame *f, struct station *st)
{
	const struct spec_action *action = NULL;
	struct rpc_frame frame;
	int error = rpc_parse(gv_allocator(t), f->data, f->size, st->edge->spec->rpc, &frame);

	if (!error && (frame.kind == RPC_RESULT || frame.kind == RPC_ERROR))
		return commands_answered(o, t, st, f, &frame);
	if (frame.action)
		action = spec_find(st->edge->spec, frame.action);
	show(o, t, f, st, &frame, action || !frame.action ? action : edge_action(st->edge, frame.action));
	if (error == -EBADMSG)
		return broken(o, t, f, st, &frame);
	if (error)
		return error;
	if (frame.kind == RPC_OTHER)
		return other_type(o, t, st, &frame);
	if (frame.kind == RPC_RESULT_ERROR)
		return result_refused(t, &frame);
	return call(o, t, f, st, &frame, action);
}
