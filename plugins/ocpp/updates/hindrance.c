/* What is in the way of an update of a charger. */
#include "updates.h"

#include <plugins/ocpp/lists/reservations.h>

#include <string.h>

static bool session_runs(struct gv_turn *t, const char *device, const char **ret_detail)
{
	struct gv_scan scan = { .table = &ocpp_active, .prefix = gv_key(device) };

	if (!gv_next(t, &scan))
		return false;
	*ret_detail = gv_str(t, "session %s runs on connector %u",
			     model_session_id(t, device, ((const Ocpp__Transaction *)scan.row)->id),
			     (unsigned)scan.key.part[1].u);
	return true;
}

static bool start_awaited(const struct ocpp *o, struct gv_turn *t, const char *device, const char **ret_detail,
			  int64_t *ret_free_ms)
{
	struct gv_scan scan = { .table = &ocpp_requests, .prefix = gv_key(device) };

	while (gv_next(t, &scan)) {
		const Ocpp__Request *r = scan.row;

		if (gv_now_ms(t) - r->requested_at_ms > o->start_window_ms)
			continue;
		*ret_detail = "a start was asked for and its session has not begun";
		*ret_free_ms = r->requested_at_ms + o->start_window_ms;
		return true;
	}
	return false;
}

/* Somebody stands there. */
static bool just_plugged(struct gv_turn *t, const char *device, const char **ret_detail, int64_t *ret_free_ms)
{
	struct gv_scan scan = { .table = &ocpp_connectors, .prefix = gv_key(device) };

	while (gv_next(t, &scan)) {
		const Ocpp__ConnectorRow *row = scan.row;

		if (strcmp(row->status, "Preparing") != 0 || gv_now_ms(t) - row->since_ms > UPDATES_PLUGGED_MS)
			continue;
		*ret_detail = gv_str(t, "a vehicle was plugged in at connector %u", (unsigned)scan.key.part[1].u);
		*ret_free_ms = row->since_ms + UPDATES_PLUGGED_MS;
		return true;
	}
	return false;
}

static bool reserved(struct gv_turn *t, const char *device, const char **ret_detail, int64_t *ret_free_ms)
{
	struct gv_scan scan = { .table = &ocpp_reservations, .prefix = gv_key(device) };
	bool any = false;

	while (gv_next(t, &scan)) {
		const Ocpp__ReservationRow *row = scan.row;
		const Charging__Reservation *r = row->asking ? row->asking : row->reservation;

		if ((!row->asking && !reservation_stands(row)) || r->expires_at_ms <= gv_now_ms(t))
			continue;
		*ret_detail = gv_str(t, "reservation %llu stands on connector %u", (unsigned long long)r->id,
				     r->connector);
		if (r->expires_at_ms > *ret_free_ms)
			*ret_free_ms = r->expires_at_ms;
		any = true;
	}
	return any;
}

Update__Hindrance updates_hindrance(void *self, struct gv_turn *t, const char *device, int64_t until_ms,
				    const char **ret_detail, int64_t *ret_free_ms)
{
	struct ocpp *o = self;

	if (session_runs(t, device, ret_detail) || start_awaited(o, t, device, ret_detail, ret_free_ms) ||
	    just_plugged(t, device, ret_detail, ret_free_ms))
		return UPDATE__HINDRANCE__HINDRANCE_SESSION;
	if (reserved(t, device, ret_detail, ret_free_ms))
		return UPDATE__HINDRANCE__HINDRANCE_RESERVED;
	if (station_find(o, device))
		return UPDATE__HINDRANCE__HINDRANCE_NONE;
	*ret_detail = "it is not connected";
	return gv_get(t, &ocpp_stations, gv_key(device)) ? UPDATE__HINDRANCE__HINDRANCE_OFFLINE
							 : UPDATE__HINDRANCE__HINDRANCE_UNKNOWN;
}
