/* Sessions that are one. A Bluetooth pile that is a charger, too, is one device of the registry with an alias, and
 * tells of a session by both ways. Whatever comes second is linked to the first: it is no use and no charge, and
 * nothing is asked of it. docs/adr/0022 */
#include "orders.h"
#include <plugins/billing/charges/charges.h>
#include <plugins/billing/people/people_rows.h>
#include <plugins/billing/tariffs/places.h>

#include <string.h>

#define SAME_MOMENT_MS 120000 /* two clocks and a handshake apart */
#define CHARGES_MAX 50        /* of the other way, the newest, that are looked at */

const struct gv_table twins_table = { .name = "twins", .key = "s", .value = &billing__twin_row__descriptor };

/* A session as either way tells of it. `end_ms` of one that goes on: now. */
struct told {
	uint32_t connector;
	const char *token;
	int64_t start_ms, end_ms, meter_wh; /* meter_wh -1: not known */
};

/* Whose it is one of them may not know: a record without a voucher names nobody. */
static bool same_token(struct gv_turn *t, const char *a, const char *b)
{
	return !*a || !*b || !strcmp(people_fold(t, a), people_fold(t, b));
}

/* A connector has one vehicle at a time. */
static bool same(struct gv_turn *t, const struct told *a, const struct told *b)
{
	int64_t apart_ms = a->start_ms > b->start_ms ? a->start_ms - b->start_ms : b->start_ms - a->start_ms;

	if (a->connector != b->connector || !same_token(t, a->token, b->token))
		return false;
	if (apart_ms <= SAME_MOMENT_MS || (a->start_ms < b->end_ms && b->start_ms < a->end_ms))
		return true;
	return *a->token && a->meter_wh > 0 && a->meter_wh == b->meter_wh;
}

static const char *among_uses(struct gv_turn *t, const char *device, const struct told *it)
{
	struct gv_scan scan = { .table = &uses_table, .prefix = gv_key(device) };

	while (gv_next(t, &scan)) {
		const Billing__UseRow *row = scan.row;
		struct told other = { row->connector, row->token, row->started_at_ms,
				      row->end ? row->end->at_ms : gv_now_ms(t), row->meter_start_wh };

		if (!row->rented && same(t, it, &other))
			return row->session;
	}
	return NULL;
}

static const char *among_charges(struct gv_turn *t, const char *device, const struct told *it)
{
	struct gv_scan scan = { .table = &charges_times, .prefix = gv_key(gv_str(t, "d:%s", device)), .reverse = true };

	for (unsigned n = 0; n < CHARGES_MAX && gv_next(t, &scan); n++) {
		const Billing__ChargeRow *row = charges_row(t, scan.key.part[2].s);
		const Billing__Charge *c = row ? row->charge : NULL;
		struct told other;

		if (!c || c->bank)
			continue;
		other = (struct told){ c->connector, c->token, c->started_at_ms, c->ended_at_ms, -1 };
		if (same(t, it, &other))
			return c->session;
	}
	return NULL;
}

static const char *first(struct gv_turn *t, const Billing__PlaceRow *place, const char *device, const struct told *it)
{
	for (size_t i = 0; i <= place->n_aliases; i++) {
		const char *other = i ? place->aliases[i - 1] : place->device, *found;

		if (!strcmp(other, device))
			continue;
		found = among_uses(t, other, it);
		if (!found)
			found = among_charges(t, other, it);
		if (found)
			return found;
	}
	return NULL;
}

bool twins_is_second(struct gv_turn *t, const char *device, const Charging__Session *s)
{
	const Billing__PlaceRow *place = places_find(t, device);
	bool ended = s->state == CHARGING__SESSION_STATE__ENDED;
	struct told it = { s->connector, s->token, s->started_at_ms, ended ? s->ended_at_ms : gv_now_ms(t),
			   s->meter_start_wh };
	Billing__TwinRow row = BILLING__TWIN_ROW__INIT;
	const char *found;

	if (!place || !place->n_aliases)
		return false;
	if (gv_get(t, &twins_table, gv_key(s->id)))
		return true;
	found = first(t, place, device, &it);
	if (!found)
		return false;
	row.first = (char *)found;
	gv_put(t, &twins_table, gv_key(s->id), &row);
	gv_log(t, GV_INFO, "a session was told of before by the device's other way session=%s first=%s", s->id, found);
	return true;
}
