/* OCPP 2.0.1, block O: what a charger shows to people. */
#include "v201_device.h"

#include <cjson/cJSON.h>
#include <lib/iso8601.h>

static int64_t time_of(const cJSON *json, const char *name)
{
	const char *text = json_string(json, name);
	unsigned flags;
	int64_t ms;

	return gv_time_parse(text, strlen(text), NULL, &ms, &flags) ? 0 : ms;
}

static void read_message(struct gv_turn *t, const cJSON *json, Ocpp__DisplayMessage *ret)
{
	const cJSON *content = json_get(json, "message");

	ocpp__display_message__init(ret);
	ret->id = json_int(json, "id", 0);
	ret->priority = gv_strdup(t, json_string(json, "priority"));
	ret->state = gv_strdup(t, json_string(json, "state"));
	ret->from_ms = time_of(json, "startDateTime");
	ret->until_ms = time_of(json, "endDateTime");
	ret->transaction_id = gv_strdup(t, json_string(json, "transactionId"));
	ret->format = gv_strdup(t, json_string(content, "format"));
	ret->language = gv_strdup(t, json_string(content, "language"));
	ret->content = gv_strdup(t, json_string(content, "content"));
	ret->component = gv_strdup(t, json_string(json_get(json, "display"), "name"));
}

/* Its parts have no numbers: they come in their order. */
int v201_told_displays(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	struct report_key key = { in->device, OCPP__REPORT_ROW__KIND__DISPLAYS, json_int(in->payload, "requestId", 0) };
	struct report_part part = { .number = -1, .more = cJSON_IsTrue(json_get(in->payload, "tbc")), .text = "" };
	uint64_t *items = NULL;

	for (const cJSON *info = v201_first(in->payload, "messageInfo"); info; info = info->next) {
		Ocpp__DisplayMessage message;

		read_message(t, info, &message);
		display_told(t, in->device, &message);
		*GV_APPEND(t, items, part.n_items) = (uint64_t)message.id;
	}
	part.items = items;
	return report_part(t, &key, &part);
}

void v201_display_set(struct gv_turn *t, const char *device, const cJSON *asked, const cJSON *payload)
{
	Ocpp__DisplayMessage message;

	if (strcmp(json_string(payload, "status"), "Accepted") != 0)
		return;
	read_message(t, json_get(asked, "message"), &message);
	display_told(t, device, &message);
}

/* Unknown: it is not there, either. */
void v201_display_cleared(struct gv_turn *t, const char *device, const cJSON *asked, const cJSON *payload)
{
	display_gone(t, device, json_int(asked, "id", 0));
}
