/* What a charger shows to people: as it has accepted it, or reported to have it. */
#include "device.h"

#include <string.h>

#define DISPLAYS_MAX 200u /* of one charger; others are not kept */

const struct gv_table ocpp_displays = { .name = "displays", .key = "si", .value = &ocpp__display_message__descriptor };

int display_told(struct gv_turn *t, const char *device, const Ocpp__DisplayMessage *d)
{
	const Ocpp__DisplayMessage *known = gv_get(t, &ocpp_displays, gv_key(device, d->id));

	if (!known && model_row(t, device)->displays >= DISPLAYS_MAX) {
		gv_count(t, "displays_beyond", 1);
		return 0;
	}
	if (!known)
		((Ocpp__ModelRow *)gv_edit(t, &ocpp_models, gv_key(device)))->displays++;
	return gv_put(t, &ocpp_displays, gv_key(device, d->id), d);
}

int display_gone(struct gv_turn *t, const char *device, int64_t id)
{
	Ocpp__ModelRow *model;

	if (!gv_get(t, &ocpp_displays, gv_key(device, id)))
		return 0;
	model = gv_edit(t, &ocpp_models, gv_key(device));
	model->displays -= model->displays > 0;
	return gv_delete(t, &ocpp_displays, gv_key(device, id));
}

uint32_t displays_but(struct gv_turn *t, const char *device, const struct report_items *items)
{
	struct gv_scan scan = { .table = &ocpp_displays, .prefix = gv_key(device) };
	uint32_t removed = 0;

	while (gv_next(t, &scan)) {
		if (report_names(items, (uint64_t)scan.key.part[1].i))
			continue;
		display_gone(t, device, scan.key.part[1].i);
		removed++;
	}
	return removed;
}

int list_display_messages(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const Ocpp__ListDisplayMessagesRequest *r = (const Ocpp__ListDisplayMessagesRequest *)m;
	Ocpp__ListDisplayMessagesReply reply = OCPP__LIST_DISPLAY_MESSAGES_REPLY__INIT;
	struct gv_scan scan = { .table = &ocpp_displays, .prefix = gv_key(r->device) };

	if (!r->device[0])
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "device must be given");
	while (gv_next(t, &scan))
		*GV_APPEND(t, reply.messages, reply.n_messages) = (Ocpp__DisplayMessage *)scan.row;
	return gv_reply(t, ticket, &reply);
}
