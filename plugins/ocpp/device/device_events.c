/* What chargers tell of: alarms of monitors, faults, changes of state. They lie in the order in which they came, as a
 * charger's clock may be wrong, and its time stands beside. Each is kept and told once: an event has no number that
 * outlives a reboot, but the same charger does not tell the same of one variable twice at one time. */
#include "device.h"

#include <plugins/ocpp/stations/mask.h>
#include <plugins/ocpp/stations/reports.h>

#include <inttypes.h>
#include <string.h>

#define EVENTS_KEPT 1000u /* of one charger, the newest */
#define FORGOTTEN_MAX 100 /* at a time */
#define LIST_DEFAULT 100u
#define LIST_MAX 1000u

const struct gv_table ocpp_device_events = { .name = "device_events",
					     .key = "siu",
					     .value = &ocpp__device_event__descriptor };
const struct gv_table ocpp_device_event_digests = { .name = "device_event_digests",
						    .key = "su",
						    .value = &ocpp__device_event_ref__descriptor };

static uint64_t digest(struct gv_turn *t, const Ocpp__DeviceEvent *e)
{
	return key_digest(gv_str(t, "%" PRId64 " %" PRId64 " %s %s %s %d", e->time_ms, e->event_id, e->key, e->trigger,
				 e->value, e->cleared));
}

/* Away with the oldest: what is too much, and what is too old. */
static void forget_oldest(struct ocpp *o, struct gv_turn *t, const char *device, Ocpp__ModelRow *model)
{
	struct gv_scan scan = { .table = &ocpp_device_events, .prefix = gv_key(device) };
	int64_t oldest = gv_now_ms(t) - o->keep_events_ms;

	for (unsigned i = 0; i < FORGOTTEN_MAX && gv_next(t, &scan); i++) {
		const Ocpp__DeviceEvent *e = scan.row;

		if (model->events <= EVENTS_KEPT && e->received_at_ms >= oldest)
			return;
		gv_delete(t, &ocpp_device_event_digests, gv_key(device, digest(t, e)));
		gv_delete(t, &ocpp_device_events, scan.key);
		model->events -= model->events > 0;
	}
}

/* Grows with each event of the charger, and is near the time of its arrival. A walk does not show what this message has
 * added: those of one message follow `last`. */
static int64_t next_number(struct gv_turn *t, const char *device, int64_t last)
{
	struct gv_scan scan = { .table = &ocpp_device_events, .prefix = gv_key(device), .reverse = true };
	int64_t newest = gv_next(t, &scan) ? scan.key.part[1].i : 0, now = gv_now_ms(t);

	newest = newest > last ? newest : last;
	return newest < now ? now : newest + 1;
}

int event_told(struct ocpp *o, struct gv_turn *t, const char *device, Ocpp__DeviceEvent *e)
{
	Ocpp__StationAlerted told = OCPP__STATION_ALERTED__INIT;
	Ocpp__DeviceEventRef ref = OCPP__DEVICE_EVENT_REF__INIT;
	uint64_t of = digest(t, e);
	Ocpp__ModelRow *model;

	if (gv_get(t, &ocpp_device_event_digests, gv_key(device, of)))
		return 0;
	model = gv_edit(t, &ocpp_models, gv_key(device));
	model->events++;
	model->last_event = next_number(t, device, model->last_event);
	e->received_at_ms = gv_now_ms(t);
	ref.number = model->last_event;
	gv_put(t, &ocpp_device_event_digests, gv_key(device, of), &ref);
	gv_put(t, &ocpp_device_events, gv_key(device, model->last_event, of), e);
	forget_oldest(o, t, device, model);
	told.device = (char *)device;
	told.event = e;
	return gv_emit(t, &told);
}

int list_device_events(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const Ocpp__ListDeviceEventsRequest *r = (const Ocpp__ListDeviceEventsRequest *)m;
	Ocpp__ListDeviceEventsReply reply = OCPP__LIST_DEVICE_EVENTS_REPLY__INIT;
	struct gv_scan scan = { .table = &ocpp_device_events, .prefix = gv_key(r->device), .reverse = true };
	uint32_t limit = r->limit ? r->limit : LIST_DEFAULT;

	if (model_list_refused(t, ticket, r->device, r->limit, LIST_MAX, r->page, &scan))
		return 0;
	while (reply.n_events < limit && gv_next(t, &scan))
		*GV_APPEND(t, reply.events, reply.n_events) = (Ocpp__DeviceEvent *)scan.row;
	if (reply.n_events == limit)
		reply.next_page = gv_page(t, &scan);
	return gv_reply(t, ticket, &reply);
}
