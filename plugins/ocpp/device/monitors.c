/* What a charger watches by itself and tells of in events: as it has accepted it, or reported to have it. */
#include "device.h"

#include <string.h>

#define MONITORS_MAX 1000u /* of one charger; others are not kept */
#define LIST_DEFAULT 100u
#define LIST_MAX 1000u

const struct gv_table ocpp_monitors = { .name = "monitors", .key = "si", .value = &ocpp__monitor__descriptor };

static bool same(const Ocpp__Monitor *a, const Ocpp__Monitor *b)
{
	return !strcmp(a->key, b->key) && !strcmp(a->type, b->type) && a->value == b->value &&
	       a->severity == b->severity && a->transaction == b->transaction;
}

int monitor_told(struct gv_turn *t, const char *device, const Ocpp__Monitor *m)
{
	const Ocpp__Monitor *known = gv_get(t, &ocpp_monitors, gv_key(device, m->id));

	if (known && same(known, m))
		return 0;
	if (!known && model_row(t, device)->monitors >= MONITORS_MAX) {
		gv_count(t, "monitors_beyond", 1);
		return 0;
	}
	if (!known)
		((Ocpp__ModelRow *)gv_edit(t, &ocpp_models, gv_key(device)))->monitors++;
	return gv_put(t, &ocpp_monitors, gv_key(device, m->id), m);
}

int monitor_gone(struct gv_turn *t, const char *device, int64_t id)
{
	Ocpp__ModelRow *model;

	if (!gv_get(t, &ocpp_monitors, gv_key(device, id)))
		return 0;
	model = gv_edit(t, &ocpp_models, gv_key(device));
	model->monitors -= model->monitors > 0;
	return gv_delete(t, &ocpp_monitors, gv_key(device, id));
}

uint32_t monitors_but(struct gv_turn *t, const char *device, const struct report_items *items)
{
	struct gv_scan scan = { .table = &ocpp_monitors, .prefix = gv_key(device) };
	uint32_t removed = 0;

	while (gv_next(t, &scan)) {
		if (report_names(items, (uint64_t)scan.key.part[1].i))
			continue;
		monitor_gone(t, device, scan.key.part[1].i);
		removed++;
	}
	return removed;
}

int list_monitors(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const Ocpp__ListMonitorsRequest *r = (const Ocpp__ListMonitorsRequest *)m;
	Ocpp__ListMonitorsReply reply = OCPP__LIST_MONITORS_REPLY__INIT;
	struct gv_scan scan = { .table = &ocpp_monitors, .prefix = gv_key(r->device) };
	uint32_t limit = r->limit ? r->limit : LIST_DEFAULT;

	if (model_list_refused(t, ticket, r->device, r->limit, LIST_MAX, r->page, &scan))
		return 0;
	while (reply.n_monitors < limit && gv_next(t, &scan))
		*GV_APPEND(t, reply.monitors, reply.n_monitors) = (Ocpp__Monitor *)scan.row;
	if (reply.n_monitors == limit)
		reply.next_page = gv_page(t, &scan);
	return gv_reply(t, ticket, &reply);
}
