/* Sessions that nobody ends: a charger that restarted and forgot, one that never sends its StopTransaction (quirk row
 * 36). Their connector is free again, or nothing is heard of them any more; after a while they are closed from their
 * last meter value. Should the charger's own stop come later, it still counts (FLAG_LATE_STOP). */
#include <plugins/ocpp/ocpp.h>

#include <stdio.h>
#include <string.h>

#define PERIOD_MS INT64_C(3600000)
#define SILENT_MAX 5000 /* sessions looked at in one turn */
#define AGAIN_MS 60000  /* for one whose charger is away: its queue may hold the stop */

const struct gv_table ocpp_stuck = { .name = "stuck", .key = "su", .value = &ocpp__stuck_row__descriptor };

int stuck_start(struct ocpp *o, struct gv_turn *t)
{
	return o->close_silent_ms || o->close_gone_ms ? gv_timer(t, SILENT_TIMER, gv_now_ms(t) + PERIOD_MS, NULL) : 0;
}

static bool is_free(const char *status)
{
	return !strcmp(status, "Available") || !strcmp(status, "Preparing") || !strcmp(status, "Reserved");
}

int stuck_note(struct ocpp *o, struct gv_turn *t, const char *device, uint32_t connector, const char *status)
{
	struct gv_key key = gv_key(device, connector);
	const Ocpp__Transaction *x = o->close_stuck_ms ? gv_get(t, &ocpp_active, key) : NULL;
	Ocpp__StuckRow row = OCPP__STUCK_ROW__INIT;
	struct gv_scan any = { .table = &ocpp_stuck };

	if (!x)
		return 0;
	if (!is_free(status))
		return gv_delete(t, &ocpp_stuck, key);
	if (gv_get(t, &ocpp_stuck, key))
		return 0;
	row.transaction = x->id;
	row.since_ms = gv_now_ms(t);
	if (!gv_next(t, &any))
		gv_timer(t, STUCK_TIMER, row.since_ms + o->close_stuck_ms, NULL);
	return gv_put(t, &ocpp_stuck, key, &row);
}

static int give_up(struct ocpp *o, struct gv_turn *t, const char *device, Ocpp__Transaction *x)
{
	const uint64_t quirk = QUIRK_BIT(QUIRK_NO_STOP);
	struct station *st = station_find(o, device);

	gv_count(t, "sessions_given_up", 1);
	gv_log(t, GV_WARN, "session is closed as its charger does not end it session=%s",
	       model_session_id(t, device, x->id));
	if (st) {
		station_quirks(o, t, st, quirk);
	} else { /* it is shown when it comes back, or is looked at */
		gv_count(t, quirk_info[QUIRK_NO_STOP].counter, 1);
		((Ocpp__StationRow *)gv_edit(t, &ocpp_stations, gv_key(device)))->quirks |= quirk;
	}
	return transaction_give_up(o, t, device, x, 0, FLAG(FLAG_NO_STOP));
}

int stuck_due(struct ocpp *o, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &ocpp_stuck };
	int64_t now = gv_now_ms(t), next = INT64_MAX;

	while (gv_next(t, &scan)) {
		const Ocpp__StuckRow *row = scan.row;
		const char *device = scan.key.part[0].s;
		Ocpp__Transaction *x = transaction_on(t, device, (uint32_t)scan.key.part[1].u);
		int64_t due = row->since_ms + o->close_stuck_ms;

		if (!x || x->id != row->transaction) {
			gv_delete(t, &ocpp_stuck, scan.key);
		} else if (due > now) {
			next = due < next ? due : next;
		} else if (!station_find(o, device)) {
			next = now + AGAIN_MS < next ? now + AGAIN_MS : next;
		} else {
			gv_delete(t, &ocpp_stuck, scan.key);
			give_up(o, t, device, x);
		}
	}
	return next == INT64_MAX ? 0 : gv_timer(t, STUCK_TIMER, next, NULL);
}

/* Of a charger that is there, the silence counts from its connection at the earliest: its queue may hold what is
 * missing. Of one that is not, much longer. */
static bool is_silent(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Transaction *row)
{
	const struct station *st = station_find(o, device);
	int64_t silence = st ? o->close_silent_ms : o->close_gone_ms, oldest = gv_now_ms(t) - silence;

	if (!silence || row->started_at_ms >= oldest || (st && st->opened_ms > oldest))
		return false;
	return transaction_now(t, device, row)->newest_sample_ms < oldest;
}

int silent_due(struct ocpp *o, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &ocpp_active };
	unsigned looked = 0;

	if (o->silent_device[0])
		scan.after = gv_key(o->silent_device, o->silent_connector);
	while (looked < SILENT_MAX && gv_next(t, &scan)) {
		const char *device = scan.key.part[0].s;

		looked++;
		if (is_silent(o, t, device, scan.row))
			give_up(o, t, device, transaction_now(t, device, scan.row));
	}
	if (looked < SILENT_MAX) {
		o->silent_device[0] = '\0';
		return gv_timer(t, SILENT_TIMER, gv_now_ms(t) + PERIOD_MS, NULL);
	}
	snprintf(o->silent_device, sizeof o->silent_device, "%s", scan.key.part[0].s);
	o->silent_connector = (uint32_t)scan.key.part[1].u;
	return gv_timer(t, SILENT_TIMER, gv_now_ms(t) + 1000, NULL);
}
