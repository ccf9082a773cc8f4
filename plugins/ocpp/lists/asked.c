/* Others ask about a charger's list, or say something that concerns it: people, the registry, the charger itself. */
#include "sync.h"

#include <string.h>

#define CONFLICT_MS (10 * 60 * 1000) /* between full lists that answer a conflict */

int sync_local_list(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const Charging__SyncLocalListRequest *r = (const Charging__SyncLocalListRequest *)m;
	struct ocpp *o = self;
	Ocpp__DeviceList *row;
	Ocpp__ListWaiter *waiter;
	struct station *st;

	if (!r->device[0])
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "device must be given");
	if (command_impossible(o, t, ticket, r->device))
		return 0;
	st = station_find(o, r->device);
	if (!st->edge->lists)
		return gv_refuse(t, ticket, GV_UNIMPLEMENTED, "%s speaks %s, which has no local list", r->device,
				 st->edge->name);
	row = sync_edit(t, r->device);
	if (row->n_waiting >= LISTS_WAITERS_MAX)
		return gv_refuse(t, ticket, GV_RESOURCE_EXHAUSTED, "%d callers wait for the list of %s already",
				 LISTS_WAITERS_MAX, r->device);
	waiter = gv_alloc(t, sizeof *waiter);
	ocpp__list_waiter__init(waiter);
	waiter->call = ticket.call;
	waiter->caller = ticket.caller;
	*GV_APPEND(t, row->waiting, row->n_waiting) = waiter;
	row->checked_ms = row->limits_ms = row->retry_ms = 0;
	row->full_due |= r->full;
	return sync_next(o, t, st);
}

int sync_conflict(struct ocpp *o, struct gv_turn *t, struct station *st)
{
	int64_t now = gv_now_ms(t);
	Ocpp__DeviceList *row = sync_edit(t, st->device);

	row->conflicts++;
	gv_count(t, "list_conflicts", 1);
	gv_log(t, GV_WARN, "charger says that its local list and an answer contradict each other device=%s",
	       st->device);
	if (!row->version || (row->conflict_ms && row->conflict_ms + CONFLICT_MS > now))
		return 0;
	row->conflict_ms = now;
	row->full_due = true;
	return fleet_due(o, t, st, now);
}

int sync_closed(struct gv_turn *t, const char *device)
{
	const Ocpp__DeviceList *row = gv_get(t, &ocpp_device_lists, gv_key(device));

	if (row && row->n_waiting)
		sync_refuse(t, sync_edit(t, device), GV_UNAVAILABLE,
			    gv_str(t, "%s lost its connection before its list was in step: try again when it is back",
				   device));
	return 0;
}

int sync_device(struct ocpp *o, struct gv_turn *t, const Registry__DeviceChanged *e)
{
	const Ocpp__StationRow *row = gv_get(t, &ocpp_stations, gv_key(e->id));
	struct station *st = station_find(o, e->id);
	const char *wanted = "";

	for (size_t i = 0; i < e->device->n_attributes; i++)
		if (!strcmp(e->device->attributes[i]->key, "localList"))
			wanted = e->device->attributes[i]->value;
	if (strcmp(row ? row->local_list : "", wanted) != 0)
		((Ocpp__StationRow *)gv_edit(t, &ocpp_stations, gv_key(e->id)))->local_list = gv_strdup(t, wanted);
	return st && o->lists->change ? fleet_due(o, t, st, gv_now_ms(t) + o->lists->delay_ms) : 0;
}

static const char *state_of(const struct ocpp *o, const Ocpp__DeviceList *row)
{
	if (row->support == OCPP__DEVICE_LIST__SUPPORT__NOT_SUPPORTED)
		return "not supported";
	if (row->support == OCPP__DEVICE_LIST__SUPPORT__SWITCHED_OFF)
		return "switched off";
	if (row->failures)
		return "failed";
	return row->version && !row->full_due && !row->sending_version && !row->place->filling &&
			       row->place->change == o->lists->change
		       ? "in step"
		       : "behind";
}

Ocpp__LocalList *sync_describe(struct ocpp *o, struct gv_turn *t, const char *device)
{
	const Ocpp__DeviceList *row = gv_get(t, &ocpp_device_lists, gv_key(device));
	Ocpp__LocalList *list;

	if (!row || !row->place)
		return NULL;
	list = gv_alloc(t, sizeof *list);
	ocpp__local_list__init(list);
	list->state = (char *)state_of(o, row);
	list->version = row->version;
	list->entries = row->place->entries;
	list->partial = row->place->cutoff[0] != '\0';
	list->problem = row->problem;
	list->updated_at_ms = row->updated_ms;
	list->conflicts = row->conflicts;
	return list;
}
