/* What becomes of a device that the registry has deleted. Its sessions and their samples stay, as bills and reports
 * refer to them; one that runs is ended from its last meter value. All else goes, some rows in a turn: first what the
 * charger is, then what it said. A device of the same name that is created afterwards begins with nothing, even where
 * it comes before all is gone: its transactions are none of the earlier ones' (UsageRow.first). */
#include "forget.h"

#include "certificates.h"
#include "command_log.h"
#include "security.h"
#include "soap_station.h"

#include <plugins/ocpp/device/device.h>
#include <plugins/ocpp/device/report_parts.h>
#include <plugins/ocpp/files/files.h>
#include <plugins/ocpp/limits/limits.h>
#include <plugins/ocpp/lists/lists.h>
#include <plugins/ocpp/lists/reservations.h>
#include <plugins/ocpp/sessions/costs.h>
#include <plugins/ocpp/updates/updates.h>

#include <string.h>

#define ROWS_MAX 2000 /* that go in one turn; of large ones fewer, as each is read into the turn's memory */
#define AT_ONCE_MAX 20000
#define READINGS_COST 4
#define VARIABLE_COST 5
#define PACK_COST 10
#define AGAIN_MS 100     /* while there are more */
#define SILENCE_MS 60000 /* for so long frames of its old connections may still come */

const struct gv_table ocpp_forgotten = { .name = "forgotten", .key = "s", .value = &ocpp__forgotten_row__descriptor };

/* Whose keys begin with a device, and which are a charger's. `commands` and `reservations` have ended by then. */
static const struct gv_table *const owned[] = {
	&ocpp_stations,  &ocpp_connectors,   &ocpp_readings,    &ocpp_profiles,      &ocpp_abilities,
	&ocpp_limits,    &ocpp_cars,         &ocpp_undelivered, &ocpp_device_lists,  &ocpp_reservations,
	&ocpp_requests,  &ocpp_stuck,        &ocpp_soap,        &ocpp_variables,     &ocpp_models,
	&ocpp_reports,   &ocpp_report_parts, &ocpp_monitors,    &ocpp_device_events, &ocpp_device_event_digests,
	&ocpp_displays,  &ocpp_command_log,  &ocpp_commands,    &ocpp_orphans,       &ocpp_security_by_device,
	&ocpp_transfers, &ocpp_costs,        &ocpp_settings,    &ocpp_packs,         &ocpp_closings,
};

/* ---- rows ------------------------------------------------------------------------------------ */

/* What another table holds for this row. */
static void delete_companion(struct gv_turn *t, const struct gv_scan *scan)
{
	if (scan->table == &ocpp_security_by_device)
		gv_delete(t, &ocpp_security_events, gv_key(scan->key.part[1].u));
	else if (scan->table == &ocpp_transfers)
		gv_delete(t, &ocpp_transfer_tokens, gv_key(((const Ocpp__TransferRow *)scan->row)->token));
}

static unsigned cost_of(const struct gv_table *table)
{
	return table == &ocpp_packs       ? PACK_COST
	       : table == &ocpp_readings  ? READINGS_COST
	       : table == &ocpp_variables ? VARIABLE_COST
					  : 1;
}

/* How many of `max` rows may still go; 0: there may be more. */
static unsigned clear_rows(struct gv_turn *t, const char *device, unsigned max)
{
	for (size_t i = 0; max && i < sizeof owned / sizeof owned[0]; i++) {
		struct gv_scan scan = { .table = owned[i], .prefix = gv_key(device) };

		while (max && gv_next(t, &scan)) {
			delete_companion(t, &scan);
			gv_delete(t, owned[i], scan.key);
			max -= max < cost_of(owned[i]) ? max : cost_of(owned[i]);
		}
	}
	return max;
}

static unsigned clear_messages(struct gv_turn *t, const char *device, uint64_t until, unsigned max)
{
	struct gv_scan scan = { .table = &ocpp_messages, .prefix = gv_key(device) };

	for (; max && gv_next(t, &scan) && scan.key.part[1].u <= until; max--)
		gv_delete(t, &ocpp_messages, scan.key);
	return max;
}

static int again(struct gv_turn *t, const char *device, int64_t at_ms)
{
	return gv_timer(t, gv_str(t, FORGET_TIMER "%s", device), at_ms, NULL);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void end_sessions(struct ocpp *o, struct gv_turn *t, const char *device)
{
	struct gv_scan scan = { .table = &ocpp_active, .prefix = gv_key(device) };
	struct ended_walk ended = { .device = device };
	bool any = false;

	while (gv_next(t, &scan)) {
		any = true;
		transaction_give_up(o, t, device, transaction_now(t, device, scan.row), 0,
				    FLAG(FLAG_NO_STOP) | FLAG(FLAG_DEVICE_DELETED));
	}
	if (any || ended_next(o, t, &ended))
		((Ocpp__UsageRow *)gv_edit(t, &ocpp_usage, gv_key(device)))->first = o->next_transaction;
}

int forget_deleted(struct ocpp *o, struct gv_turn *t, const char *device)
{
	const struct station *st = station_find(o, device);
	struct gv_scan said = { .table = &ocpp_messages, .prefix = gv_key(device), .reverse = true };
	Ocpp__ForgottenRow row = OCPP__FORGOTTEN_ROW__INIT;
	uint64_t conn = st ? st->conn : 0;

	soap_left(t, device);
	if (conn && conn != STATION_SOAP)
		gv_disconnect(t, conn, 1008, "the device was deleted");
	ocpp_closed(o, t, device, conn);
	limits_forget(t, device);
	reservations_forget(t, device);
	lease_forget(o, t, device);
	reports_forget(t, device);
	end_sessions(o, t, device);
	messages_forget(&o->messages, device);
	row.deleted_at_ms = gv_now_ms(t);
	row.until = gv_next(t, &said) ? said.key.part[1].u : 0;
	gv_put(t, &ocpp_forgotten, gv_key(device), &row);
	gv_log(t, GV_INFO, "device was deleted: its rows go, its ended sessions stay device=%s", device);
	return again(t, device, gv_now_ms(t));
}

int forget_created(struct ocpp *o, struct gv_turn *t, const char *device)
{
	const Ocpp__ForgottenRow *row = gv_get(t, &ocpp_forgotten, gv_key(device));

	if (!row || row->created)
		return 0;
	clear_rows(t, device, AT_ONCE_MAX);
	((Ocpp__ForgottenRow *)gv_edit(t, &ocpp_forgotten, gv_key(device)))->created = true;
	return again(t, device, gv_now_ms(t));
}

bool forget_ignores(struct gv_turn *t, const char *device)
{
	const Ocpp__ForgottenRow *row = gv_get(t, &ocpp_forgotten, gv_key(device));

	return row && !row->created;
}

int forget_due(struct ocpp *o, struct gv_turn *t, const char *device)
{
	const Ocpp__ForgottenRow *row = gv_get(t, &ocpp_forgotten, gv_key(device));
	unsigned left = ROWS_MAX;

	if (!row)
		return 0;
	if (!row->created)
		left = clear_rows(t, device, left);
	left = clear_messages(t, device, row->until, left);
	if (!left)
		return again(t, device, gv_now_ms(t) + AGAIN_MS);
	if (!row->created && gv_now_ms(t) < row->deleted_at_ms + SILENCE_MS)
		return again(t, device, row->deleted_at_ms + SILENCE_MS);
	return gv_delete(t, &ocpp_forgotten, gv_key(device));
}
