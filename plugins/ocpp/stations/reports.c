/* What a charger says of itself becomes rows and events. Messages that become events of their own have no natural key:
 * a frame that comes again after a crash is known by its digest. */
#include "reports.h"
#include "plugged.h"
#include "units.h"

#include <plugins/ocpp/files/files.h>
#include "security.h"
#include "serial.h"

#include <plugins/ocpp/device/device.h>
#include <plugins/ocpp/limits/limits.h>
#include <plugins/ocpp/lists/lists.h>
#include <plugins/ocpp/lists/reservations.h>
#include <plugins/ocpp/updates/updates.h>

#include <string.h>

#define TOLD_MAX 32 /* messages that may come again: twice the window of a connection */

/* True where the message has been told already; remembers it otherwise. */
static bool told(struct gv_turn *t, struct inbound *in, Ocpp__StationRow *row)
{
	uint64_t *list;

	for (size_t i = 0; in->again && i < row->n_told; i++)
		if (row->told[i] == in->digest)
			return true;
	list = gv_alloc(t, TOLD_MAX * sizeof *list);
	if (row->n_told >= TOLD_MAX) {
		row->told += row->n_told - TOLD_MAX + 1;
		row->n_told = TOLD_MAX - 1;
	}
	if (row->n_told)
		memcpy(list, row->told, row->n_told * sizeof *list);
	list[row->n_told++] = in->digest;
	row->told = list;
	return false;
}

bool report_told(struct gv_turn *t, struct inbound *in)
{
	return told(t, in, gv_edit(t, &ocpp_stations, gv_key(in->device)));
}

/* ---- boot ------------------------------------------------------------------------------------ */

int report_boot(struct ocpp *o, struct gv_turn *t, struct inbound *in, Ocpp__Station *said)
{
	Ocpp__StationBooted event = OCPP__STATION_BOOTED__INIT;
	Ocpp__StationRow *row;

	if (!serial_check(o, t, in, said))
		return 0;
	boot_learn(o, t, in->st, said);
	if (!boot_is_news(o, t, in->st, said))
		return 0;
	row = gv_edit(t, &ocpp_stations, gv_key(in->device));
	if (told(t, in, row))
		return 0;
	boot_count(t, row);
	if (row->station) {
		said->firmware_status = row->station->firmware_status;
		said->diagnostics_status = row->station->diagnostics_status;
		said->log_status = row->station->log_status;
	}
	limits_booted(t, in->device, said->firmware);
	said->booted_at_ms = gv_now_ms(t);
	row->station = said;
	station_profile(o, in->st, said);
	event.device = (char *)in->device;
	event.station = station_describe(o, t, in->device, row);
	gv_log(t, GV_INFO, "charger booted vendor=%s model=%s firmware=%s", said->vendor, said->model, said->firmware);
	fleet_opened(o, t, in->st);
	model_booted(o, t, in->st, said);
	updates_booted(o, t, in->st, said);
	return gv_emit(t, &event);
}

/* ---- status ---------------------------------------------------------------------------------- */

static bool unchanged(const Ocpp__ConnectorRow *row, const struct said_status *s)
{
	return !strcmp(row->status, s->status) && !strcmp(row->error_code, s->error_code) &&
	       !strcmp(row->info, s->info) && !strcmp(row->vendor_id, s->vendor_id) &&
	       !strcmp(row->vendor_error_code, s->vendor_error_code);
}

/* Any sequence is accepted, as chargers leave out short states (1.6, 4.9). Only what is older than what is known
 * already, by clocks that can be compared, changes nothing: it comes out of a queue. */
int report_status(struct ocpp *o, struct gv_turn *t, struct inbound *in, const struct said_status *s)
{
	int64_t now = gv_now_ms(t);
	Charging__ConnectorStatusChanged event = CHARGING__CONNECTOR_STATUS_CHANGED__INIT;
	Ocpp__ConnectorRow row = OCPP__CONNECTOR_ROW__INIT;
	const Ocpp__ConnectorRow *known = gv_get(t, &ocpp_connectors, gv_key(in->device, s->connector));

	station_quirks(o, t, in->st, s->when.quirks);
	if (known && unchanged(known, s))
		return 0;
	if (known && known->zoned && s->when.zoned && s->when.ms < known->reported_ms) {
		gv_count(t, "outdated_statuses", 1);
		return 0;
	}
	row.status = (char *)s->status;
	row.error_code = (char *)s->error_code;
	row.info = (char *)s->info;
	row.vendor_id = (char *)s->vendor_id;
	row.vendor_error_code = (char *)s->vendor_error_code;
	row.since_ms = s->when.ms < now ? s->when.ms : now;
	row.reported_ms = row.since_ms;
	row.zoned = s->when.zoned;
	row.unit = (char *)unit_of(&in->st->profile, s->connector, &row.unit_connector);
	row.plugged = plugged_told(o, t, in->st, s->connector, s->status,
				   known ? known->plugged : CHARGING__PLUGGED__PLUGGED_UNKNOWN);
	gv_put(t, &ocpp_connectors, gv_key(in->device, s->connector), &row);
	reservations_status(o, t, in->device, s->connector, known ? known->status : "", s->status);
	if (!strcmp(s->error_code, "LocalListConflict"))
		sync_conflict(o, t, in->st);
	stuck_note(o, t, in->device, s->connector, s->status);
	event.device = (char *)in->device;
	event.status = model_connector(t, in->device, s->connector, &row, true);
	return gv_emit(t, &event);
}

/* ---- notifications --------------------------------------------------------------------------- */

static void keep_status(struct gv_turn *t, Ocpp__StationRow *row, const struct said_notification *said)
{
	if (!row->station) {
		row->station = gv_alloc(t, sizeof *row->station);
		ocpp__station__init(row->station);
	}
	if (said->which == STATUS_OF_FIRMWARE)
		row->station->firmware_status = (char *)said->status;
	else if (said->which == STATUS_OF_DIAGNOSTICS)
		row->station->diagnostics_status = (char *)said->status;
	else if (said->which == STATUS_OF_LOG)
		row->station->log_status = (char *)said->status;
}

static int keep_security_event(struct ocpp *o, struct gv_turn *t, const char *device,
			       const struct said_notification *said)
{
	Ocpp__SecurityEvent e = OCPP__SECURITY_EVENT__INIT;

	e.device = (char *)device;
	e.source = "station";
	e.type = (char *)said->status;
	e.detail = (char *)said->detail;
	e.time_ms = said->time_ms;
	return security_keep(o, t, &e);
}

int report_notification(struct ocpp *o, struct gv_turn *t, struct inbound *in, const struct said_notification *said)
{
	Ocpp__StationNotified event = OCPP__STATION_NOTIFIED__INIT;
	Ocpp__StationRow *row = gv_edit(t, &ocpp_stations, gv_key(in->device));

	if (told(t, in, row))
		return 0;
	keep_status(t, row, said);
	if (said->which == STATUS_OF_FIRMWARE || said->which == STATUS_OF_DIAGNOSTICS || said->which == STATUS_OF_LOG)
		transfer_told(t, in->device, said->which == STATUS_OF_FIRMWARE, (uint64_t)said->request_id,
			      said->status);
	if (said->which == STATUS_OF_FIRMWARE)
		updates_notified(t, in->device, said->request_id, said->status);
	if (said->security)
		keep_security_event(o, t, in->device, said);
	event.device = (char *)in->device;
	event.action = (char *)in->action->name;
	event.status = (char *)said->status;
	event.detail = (char *)said->detail;
	event.request_id = said->request_id;
	event.time_ms = said->time_ms;
	gv_log(t, GV_INFO, "charger notified action=%s status=%s", in->action->name, said->status);
	return gv_emit(t, &event);
}

int report_data(struct ocpp *o, struct gv_turn *t, struct inbound *in, Ocpp__DataTransferred *said, bool *ret_known)
{
	*ret_known = false;
	for (size_t i = 0; i < o->n_vendors && !*ret_known; i++)
		*ret_known = !strcmp(o->vendors[i], said->vendor_id);
	if (!*ret_known || told(t, in, gv_edit(t, &ocpp_stations, gv_key(in->device))))
		return 0;
	said->device = (char *)in->device;
	return gv_emit(t, said);
}
