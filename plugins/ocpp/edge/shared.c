/* What has not changed between versions. */
#include "shared.h"

#include <cjson/cJSON.h>
#include <inttypes.h>

char *shared_text(struct gv_turn *t, const struct cJSON *payload, const char *name)
{
	return gv_strdup(t, json_string(payload, name));
}

int shared_heartbeat(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	in->answer = gv_str(t, "{\"currentTime\":\"%s\"}", when_now(t));
	return 0;
}

int shared_status(struct ocpp *o, struct gv_turn *t, struct inbound *in, enum status_of which)
{
	struct said_notification said = { .which = which, .detail = "", .time_ms = gv_now_ms(t) };

	said.status = shared_text(t, in->payload, "status");
	said.request_id = json_int(in->payload, "requestId", 0);
	return report_notification(o, t, in, &said);
}

int shared_firmware_status(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	return shared_status(o, t, in, STATUS_OF_FIRMWARE);
}

int shared_log_status(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	return shared_status(o, t, in, STATUS_OF_LOG);
}

int shared_security_event(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	struct said_notification said = { .which = STATUS_OF_NOTHING, .security = true };
	struct when when;

	when_read(t, in->st, json_get(in->payload, "timestamp"), &when);
	station_quirks(o, t, in->st, when.quirks);
	said.status = json_string(in->payload, "type");
	said.detail = json_string(in->payload, "techInfo");
	said.time_ms = when.ms;
	return report_notification(o, t, in, &said);
}

/* ---- orders ---------------------------------------------------------------------------------- */

int shared_give(struct gv_turn *t, const struct spec_version *spec, const char *action, cJSON *payload,
		struct command *ret)
{
	struct check check = { .version = spec, .strict = true, .plain_times = true };
	int error = validate(spec_find(spec, action)->request, payload, &check);

	ret->action = action;
	when_rewritten(t, &check);
	if (error)
		ret->problem = gv_str(t, "%s %s", check.path, check.text);
	else
		ret->payload = json_print(t, payload);
	cJSON_Delete(payload);
	return error;
}

int shared_clear_cache(struct gv_turn *t, struct command *ret)
{
	ret->action = "ClearCache";
	ret->payload = "{}";
	return 0;
}

int shared_cancel_reservation(struct gv_turn *t, uint64_t id, struct command *ret)
{
	ret->action = "CancelReservation";
	ret->payload = gv_str(t, "{\"reservationId\":%" PRIu64 "}", id);
	return 0;
}

void shared_add_time(cJSON *object, const char *name, int64_t ms)
{
	char text[25];

	if (!ms)
		return;
	gv_time_format(ms, text);
	cJSON_AddStringToObject(object, name, text);
}

const char *shared_take(struct gv_turn *t, struct gv_buf *b)
{
	const char *text = gv_strdup(t, gv_buf_str(b));

	gv_buf_fini(b);
	return text;
}
