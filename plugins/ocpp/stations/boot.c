/* BootNotification, around it: a charger that was never seen to boot is asked to say what it is (quirk row 25), and one
 * that boots over and over is answered without being told of each time (row 26). */
#include "reports.h"

#include <plugins/ocpp/edge/edge.h>

#include <string.h>

#define PATIENCE_MS 10000 /* after a connection, for a BootNotification to come by itself */
#define STORM_MS 300000   /* in which so many boots are a storm */
#define STORM_BOOTS 5
#define SAME_MS 60000 /* within which the same boot again is the answer's loss, not a boot */

static const char *timer_name(struct gv_turn *t, const char *device)
{
	return gv_str(t, BOOT_TIMER "%s", device);
}

static bool known(struct gv_turn *t, const char *device)
{
	const Ocpp__StationRow *row = gv_get(t, &ocpp_stations, gv_key(device));

	return row && row->station && row->station->booted_at_ms;
}

int boot_expect(struct gv_turn *t, const struct station *st)
{
	if (known(t, st->device) || profile_asks_nothing(t, st))
		return 0;
	return gv_timer(t, timer_name(t, st->device), gv_now_ms(t) + PATIENCE_MS, NULL);
}

int boot_due(struct ocpp *o, struct gv_turn *t, const char *device)
{
	struct station *st = station_find(o, device);
	struct command c = { .kind = OCPP__COMMAND__KIND__QUIET };

	if (!st || known(t, device) || !st->edge->orders->trigger)
		return 0;
	station_quirks(o, t, st, QUIRK_BIT(QUIRK_NO_BOOT));
	if (st->edge->orders->trigger(t, TRIGGER_BOOT, 0, &c))
		return 0;
	return command_send(o, t, (struct gv_ticket){ 0 }, device, &c);
}

static bool same(const Ocpp__Station *a, const Ocpp__Station *b)
{
	return !strcmp(a->vendor, b->vendor) && !strcmp(a->model, b->model) && !strcmp(a->firmware, b->firmware) &&
	       !strcmp(a->charge_point_serial, b->charge_point_serial) &&
	       !strcmp(a->charge_box_serial, b->charge_box_serial);
}

bool boot_is_news(struct ocpp *o, struct gv_turn *t, struct station *st, const Ocpp__Station *before,
		  const Ocpp__Station *said)
{
	int64_t now = gv_now_ms(t);

	if (now - st->booted_since_ms >= STORM_MS) {
		st->booted_since_ms = now;
		st->boots = 0;
	}
	if (++st->boots == STORM_BOOTS)
		station_quirks(o, t, st, QUIRK_BIT(QUIRK_BOOT_STORM));
	if (!before || !before->booted_at_ms) {
		gv_timer_cancel(t, timer_name(t, st->device));
		return true;
	}
	return now - before->booted_at_ms >= SAME_MS || !same(before, said);
}
