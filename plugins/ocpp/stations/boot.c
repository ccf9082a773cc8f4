/* BootNotification, around it: a charger that was never seen to boot is asked to say what it is (quirk row 25). One
 * that boots over and over is answered, and no more: what it says is neither written nor told, and it is asked nothing
 * (row 26). One that restarts instead of answering, three questions in a row, is not asked again until it has another
 * firmware. */
#include "reports.h"

#include <plugins/leases/leases.h>
#include <plugins/ocpp/edge/edge.h>

#include <string.h>

#define PATIENCE_MS 10000 /* after a connection, for a BootNotification to come by itself */
#define STORM_MS 300000   /* in which so many boots are a storm */
#define STORM_BOOTS 5
#define SAME_MS 60000     /* within which the same boot again is the answer's loss, not a boot */
#define RESTART_MS 180000 /* from a question to the boot that stands for its answer */
#define RESTARTS 3        /* one question after the other: one alone may be chance */

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

/* Boots that come again on one connection, told or not. */
static void count_boot(struct ocpp *o, struct gv_turn *t, struct station *st)
{
	int64_t now = gv_now_ms(t);

	if (now - st->booted_since_ms >= STORM_MS) {
		st->booted_since_ms = now;
		st->boots = 0;
	}
	if (++st->boots == STORM_BOOTS)
		station_quirks(o, t, st, QUIRK_BIT(QUIRK_BOOT_STORM));
}

bool boot_is_news(struct ocpp *o, struct gv_turn *t, struct station *st, const Ocpp__Station *said)
{
	const Ocpp__StationRow *row = gv_get(t, &ocpp_stations, gv_key(st->device));
	const Ocpp__Station *before = row ? row->station : NULL;
	int64_t now = gv_now_ms(t);
	bool updated = lease_of(t, st->device); /* then what it boots with decides what has become of the update */

	count_boot(o, t, st);
	if (!before || !before->booted_at_ms) {
		gv_timer_cancel(t, timer_name(t, st->device));
		return true;
	}
	if (now - before->booted_at_ms < SAME_MS && same(before, said) && !updated)
		return false;
	if (now - row->boots_since_ms >= STORM_MS || row->boots < STORM_BOOTS)
		return true;
	if (updated && strcmp(before->firmware, said->firmware) != 0)
		return true;
	station_quirks(o, t, st, QUIRK_BIT(QUIRK_BOOT_STORM));
	gv_count(t, "boots_not_told", 1);
	return false;
}

void boot_count(struct gv_turn *t, Ocpp__StationRow *row)
{
	int64_t now = gv_now_ms(t);

	if (now - row->boots_since_ms >= STORM_MS) {
		row->boots_since_ms = now;
		row->boots = 0;
	}
	row->boots++;
}

/* It was asked something, and restarts instead of answering. */
static bool is_answer(struct gv_turn *t, const Ocpp__StationRow *row)
{
	return row->unanswered_ms && gv_now_ms(t) - row->unanswered_ms <= RESTART_MS;
}

void boot_learn(struct ocpp *o, struct gv_turn *t, struct station *st, const Ocpp__Station *said)
{
	const uint64_t learnt = QUIRK_BIT(QUIRK_RESTARTS_WHEN_ASKED);
	const Ocpp__StationRow *row = gv_get(t, &ocpp_stations, gv_key(st->device));
	bool other = row && row->station && strcmp(row->station->firmware, said->firmware) != 0;
	Ocpp__StationRow *edit;

	if (!row || (!row->unanswered_ms && !(other && row->quirks & learnt)))
		return;
	edit = gv_edit(t, &ocpp_stations, gv_key(st->device));
	if (!other && is_answer(t, row) && ++edit->restarts == RESTARTS)
		station_quirks(o, t, st, learnt);
	edit->unanswered_ms = 0;
	if (other) { /* it may take questions well */
		edit->restarts = 0;
		edit->quirks &= ~learnt;
		st->quirks &= ~learnt;
	}
}

void boot_answered(struct gv_turn *t, const char *device)
{
	const Ocpp__StationRow *row = gv_get(t, &ocpp_stations, gv_key(device));

	if (row && row->restarts)
		((Ocpp__StationRow *)gv_edit(t, &ocpp_stations, gv_key(device)))->restarts = 0;
}

/* A firmware that it was given, a reset that it was told: those it answers before it restarts. What is lost otherwise
 * is only believed of questions that galvan puts, or may put, by itself. */
void boot_unanswered(struct gv_turn *t, const char *device, const Ocpp__Command *row)
{
	bool question = row->kind == OCPP__COMMAND__KIND__QUIET || row->kind == OCPP__COMMAND__KIND__REPORT ||
			row->kind == OCPP__COMMAND__KIND__LIST || row->kind == OCPP__COMMAND__KIND__READ_BACK ||
			row->kind == OCPP__COMMAND__KIND__GET_CONFIGURATION ||
			row->kind == OCPP__COMMAND__KIND__VARIABLES;

	if (question && row->sent_at_ms)
		((Ocpp__StationRow *)gv_edit(t, &ocpp_stations, gv_key(device)))->unanswered_ms = row->sent_at_ms;
}
