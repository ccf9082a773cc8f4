/* An EVSE charges one car at a time, by one of its physical connectors: to the rest of galvan it is the connector. Each
 * plug's state is kept as it was reported, what the transaction says beside it, and the EVSE's state follows from both:
 * the charger may report them in any order. */
#include "plugged.h"
#include "reports.h"
#include "units.h"

#include <plugins/ocpp/lists/reservations.h>

#include <string.h>

#define PLUGS_MAX 16 /* of one EVSE */

static bool all_are(const Ocpp__ConnectorRow *row, const char *a, const char *b)
{
	for (size_t i = 0; i < row->n_plugs; i++)
		if (strcmp(row->plugs[i]->status, a) != 0 && strcmp(row->plugs[i]->status, b) != 0)
			return false;
	return row->n_plugs > 0;
}

static const Ocpp__PlugRow *any_is(const Ocpp__ConnectorRow *row, const char *status)
{
	for (size_t i = 0; i < row->n_plugs; i++)
		if (!strcmp(row->plugs[i]->status, status))
			return row->plugs[i];
	return NULL;
}

static int64_t newest_report_ms(const Ocpp__ConnectorRow *row)
{
	int64_t newest = 0;

	for (size_t i = 0; i < row->n_plugs; i++)
		if (row->plugs[i]->reported_ms > newest)
			newest = row->plugs[i]->reported_ms;
	return newest;
}

/* A transaction that runs without a plug in use counts from when it said so until a plug says something else: it may
 * begin with a card. */
static const char *derive(const Ocpp__ConnectorRow *row)
{
	if (all_are(row, "Faulted", "Unavailable"))
		return any_is(row, "Faulted") ? "Faulted" : "Unavailable";
	if (any_is(row, "Occupied"))
		return row->use[0] ? row->use : "Preparing";
	if (row->use[0] && row->use_ms > newest_report_ms(row))
		return row->use;
	if (any_is(row, "Available") || !row->n_plugs)
		return "Available";
	return any_is(row, "Reserved") ? "Reserved" : "Unavailable";
}

/* Writes the row; `changed`: what people are told of has. */
static int settle(struct ocpp *o, struct gv_turn *t, const char *device, uint32_t connector, Ocpp__ConnectorRow *row,
		  const struct when *when, bool changed)
{
	Charging__ConnectorStatusChanged event = CHARGING__CONNECTOR_STATUS_CHANGED__INIT;
	int64_t now = gv_now_ms(t);
	struct station *st = station_find(o, device);
	Charging__Plugged plugged;
	const char *status;

	if (!any_is(row, "Occupied") && !strcmp(row->use, "Finishing"))
		row->use = ""; /* the car has gone */
	status = derive(row);
	plugged = plugged_evse(o, t, st, row);
	if (plugged != row->plugged) {
		row->plugged = plugged;
		changed = true;
	}
	if (strcmp(status, row->status) != 0) {
		reservations_status(o, t, device, connector, row->status, status);
		row->status = (char *)status;
		row->error_code = strcmp(status, "Faulted") ? "NoError" : "OtherError";
		row->since_ms = when->ms < now ? when->ms : now;
		changed = true;
	}
	if (st)
		row->unit = (char *)unit_of(&st->profile, connector, &row->unit_connector);
	gv_put(t, &ocpp_connectors, gv_key(device, connector), row);
	if (!changed)
		return 0;
	event.device = (char *)device;
	event.status = model_connector(t, device, connector, row, st != NULL);
	return gv_emit(t, &event);
}

/* A copy to change. What another version said of a connector is no EVSE's. */
static Ocpp__ConnectorRow *take(struct gv_turn *t, const char *device, uint32_t connector)
{
	const Ocpp__ConnectorRow *known = gv_get(t, &ocpp_connectors, gv_key(device, connector));
	Ocpp__ConnectorRow *row = gv_alloc(t, sizeof *row);

	ocpp__connector_row__init(row);
	if (!known)
		return row;
	row->status = known->status;
	row->error_code = known->error_code;
	row->since_ms = known->since_ms;
	row->use = known->use;
	row->use_ms = known->use_ms;
	row->plugged = known->plugged;
	row->unit = known->unit;
	row->unit_connector = known->unit_connector;
	for (size_t i = 0; i < known->n_plugs; i++)
		*GV_APPEND(t, row->plugs, row->n_plugs) = known->plugs[i];
	return row;
}

static Ocpp__PlugRow **find(struct gv_turn *t, Ocpp__ConnectorRow *row, uint32_t id)
{
	for (size_t i = 0; i < row->n_plugs; i++)
		if (row->plugs[i]->id == id)
			return &row->plugs[i];
	return row->n_plugs < PLUGS_MAX ? GV_APPEND(t, row->plugs, row->n_plugs) : NULL;
}

int report_plug(struct ocpp *o, struct gv_turn *t, struct inbound *in, const struct said_plug *s)
{
	Ocpp__ConnectorRow *row = take(t, in->device, s->connector);
	Ocpp__PlugRow **at = find(t, row, s->plug), *known = at ? *at : NULL, *plug;
	bool changed;

	station_quirks(o, t, in->st, s->when.quirks);
	if (!at)
		return 0;
	if (known && known->zoned && s->when.zoned && s->when.ms < known->reported_ms) {
		gv_count(t, "outdated_statuses", 1);
		return 0;
	}
	changed = !known || strcmp(known->status, s->status) != 0;
	if (!changed && known->reported_ms == s->when.ms)
		return 0;
	plug = gv_alloc(t, sizeof *plug);
	ocpp__plug_row__init(plug);
	plug->id = s->plug;
	plug->status = (char *)s->status;
	plug->reported_ms = s->when.ms;
	plug->zoned = s->when.zoned;
	*at = plug;
	return settle(o, t, in->device, s->connector, row, &s->when, changed);
}

static bool has_charged(const char *use)
{
	return use[0] && strcmp(use, "Preparing") != 0;
}

int report_use(struct ocpp *o, struct gv_turn *t, const char *device, uint32_t connector, const char *use,
	       const struct when *when, bool begins)
{
	Ocpp__ConnectorRow *row = take(t, device, connector);

	/* A car that has charged and only stands there has finished, though its transaction goes on. */
	if (!begins && !strcmp(use, "Preparing") && has_charged(row->use))
		use = "Finishing";
	if (!strcmp(row->use, use))
		return 0;
	row->use = (char *)use;
	row->use_ms = when->ms;
	return settle(o, t, device, connector, row, when, false);
}
