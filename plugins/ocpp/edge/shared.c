/* What has not changed between versions. */
#include "shared.h"

char *shared_text(struct gv_turn *t, const struct cJSON *payload, const char *name)
{
	return gv_strdup(t, json_string(payload, name));
}

int shared_heartbeat(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	in->answer = gv_str(t, "{\"currentTime\":\"%s\"}", when_now(t));
	return 0;
}

int shared_status(struct ocpp *o, struct gv_turn *t, struct inbound *in, const char *action, enum status_of which)
{
	struct said_notification said = { .action = action, .which = which, .detail = "", .time_ms = gv_now_ms(t) };

	said.status = shared_text(t, in->payload, "status");
	said.request_id = json_int(in->payload, "requestId", 0);
	return report_notification(o, t, in, &said);
}

int shared_firmware_status(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	return shared_status(o, t, in, "FirmwareStatusNotification", STATUS_OF_FIRMWARE);
}

int shared_log_status(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	return shared_status(o, t, in, "LogStatusNotification", STATUS_OF_LOG);
}

int shared_security_event(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	struct said_notification said = { .action = "SecurityEventNotification", .which = STATUS_OF_NOTHING };
	struct when when;

	when_read(t, in->st, json_get(in->payload, "timestamp"), &when);
	station_quirks(o, t, in->st, when.quirks);
	said.status = json_string(in->payload, "type");
	said.detail = json_string(in->payload, "techInfo");
	said.time_ms = when.ms;
	return report_notification(o, t, in, &said);
}
