/* What chargers answer is held against the table of its action, leniently. A wrong answer is noted, and passed on all
 * the same to whoever asked: it is what the charger has to say, and there is no way to refuse it. */
#include "commands.h"
#include "mask.h"

#include <plugins/ocpp/edge/edge.h>

#include <cjson/cJSON.h>

void answer_check(struct ocpp *o, struct gv_turn *t, struct station *st, const char *action_name,
		  const struct rpc_frame *frame, bool secret)
{
	const struct spec_action *action = spec_find(st->edge->spec, action_name);
	struct check check = { .version = st->edge->spec, .memory = frame->memory };
	cJSON *payload = frame->payload, *empty = NULL;
	uint64_t quirks = 0;

	if (!action)
		return;
	if (!payload) {
		quirks = QUIRK_BIT(QUIRK_NO_PAYLOAD);
		payload = empty = cJSON_CreateObject();
		if (!payload)
			return;
	}
	if (validate(action->answer, payload, &check)) {
		const char *why = secret ? MASKED : check.text;

		gv_log(t, st->quirks & QUIRK_BIT(QUIRK_WRONG_ANSWER) ? GV_DEBUG : GV_INFO,
		       "answer is not what the specification says, and passed on device=%s action=%s field=%s "
		       "why=\"%s\"",
		       st->device, action_name, check.path, why);
		quirks |= QUIRK_BIT(QUIRK_WRONG_ANSWER);
		frames_unusable(o, t, st, frame, action_name, check.code, gv_str(t, "%s: %s", check.path, why));
	}
	station_quirks(o, t, st, quirks | check.quirks);
	cJSON_Delete(empty);
}
