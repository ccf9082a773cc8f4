/* Whether a car is plugged in. 2.0.1's plugs say it, 1.6's states do not, and both are contradicted by what runs there:
 * some chargers say Available while a car charges, or once a session is over and the cable still in it, and some stay
 * in Finishing when it has gone (quirk row 43). So it follows from the state, the transaction, and what was known
 * before. */
#include "plugged.h"

#include <string.h>

#define UNKNOWN CHARGING__PLUGGED__PLUGGED_UNKNOWN
#define NO CHARGING__PLUGGED__UNPLUGGED
#define YES CHARGING__PLUGGED__PLUGGED

static bool is_any(const char *status, const char *const *list)
{
	for (; *list; list++)
		if (!strcmp(status, *list))
			return true;
	return false;
}

/* Such a state is said with and without a car: that there was none before is all that is left. */
static bool is_untold(const struct station *st, const char *status)
{
	if (!st)
		return false;
	return (st->profile.plug_untold & PLUG_UNTOLD_AVAILABLE && !strcmp(status, "Available")) ||
	       (st->profile.plug_untold & PLUG_UNTOLD_FINISHING && !strcmp(status, "Finishing"));
}

static Charging__Plugged untold(Charging__Plugged known)
{
	return known == NO ? NO : UNKNOWN;
}

/* What a state says by itself: 1.6, 4.9. Preparing is said of a card alone, too, which is soon over. */
static Charging__Plugged by_state(const struct station *st, const char *status, Charging__Plugged known)
{
	static const char *const with[] = { "Preparing", "Charging", "SuspendedEV", "SuspendedEVSE", NULL };
	static const char *const without[] = { "Available", "Reserved", NULL };

	if (is_untold(st, status))
		return untold(known);
	if (is_any(status, with))
		return YES;
	if (is_any(status, without))
		return NO;
	if (!strcmp(status, "Finishing"))
		return known == NO ? NO : YES; /* it was pulled out, which ended the session */
	return known;                          /* Unavailable and Faulted say nothing of it */
}

Charging__Plugged plugged_told(struct ocpp *o, struct gv_turn *t, struct station *st, uint32_t connector,
			       const char *status, Charging__Plugged known)
{
	bool runs = connector && gv_get(t, &ocpp_active, gv_key(st->device, connector));

	if (!connector)
		return UNKNOWN;
	if (runs && !strcmp(status, "Available"))
		station_quirks(o, t, st, QUIRK_BIT(QUIRK_AVAILABLE_IN_USE));
	return runs ? YES : by_state(st, status, known);
}

/* Of one that has just ended. A state that was said since is of the next car. */
static Charging__Plugged by_end(const struct station *st, const Ocpp__ConnectorRow *row, const Ocpp__Transaction *x)
{
	static const char *const of_it[] = { "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing", NULL };

	if (!strcmp(x->reason, "EVDisconnected") && is_any(row->status, of_it))
		return NO;
	return by_state(st, row->status, row->plugged);
}

int plugged_session(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Transaction *x, bool ends)
{
	Charging__ConnectorStatusChanged event = CHARGING__CONNECTOR_STATUS_CHANGED__INIT;
	const Ocpp__ConnectorRow *known = gv_get(t, &ocpp_connectors, gv_key(device, x->connector));
	const struct station *st = station_find(o, device);
	Charging__Plugged now;
	Ocpp__ConnectorRow *row;

	if (!known || !x->connector || known->n_plugs || known->use[0])
		return 0;
	now = ends ? by_end(st, known, x) : YES;
	if (now == known->plugged)
		return 0;
	row = gv_edit(t, &ocpp_connectors, gv_key(device, x->connector));
	row->plugged = now;
	event.device = (char *)device;
	event.status = model_connector(t, device, x->connector, row, st != NULL);
	return gv_emit(t, &event);
}

Charging__Plugged plugged_evse(struct ocpp *o, struct gv_turn *t, struct station *st, const Ocpp__ConnectorRow *row)
{
	static const char *const drawn[] = { "Charging", "SuspendedEV", "SuspendedEVSE", NULL };
	bool available = row->n_plugs, reserved = false;

	for (size_t i = 0; i < row->n_plugs; i++) {
		const char *status = row->plugs[i]->status;

		if (!strcmp(status, "Occupied"))
			return YES;
		available &= !strcmp(status, "Available");
		reserved |= !strcmp(status, "Reserved");
	}
	if (is_any(row->use, drawn)) {
		if (st && available && row->plugged != YES)
			station_quirks(o, t, st, QUIRK_BIT(QUIRK_AVAILABLE_IN_USE));
		return YES;
	}
	if (available && is_untold(st, "Available"))
		return untold(row->plugged);
	return available || reserved ? NO : row->plugged;
}
