/* The piles in reach of the radio: what they say of themselves, and which of them are visited to carry for them. */
#include "terminal.h"

#include <stdio.h>
#include <string.h>

enum { ADVERTISED_SIZE = 4, FLAG_ONLINE = 1, FLAG_CHARGING = 2, FLAG_PENDING = 4, FLAG_FAULT = 8, FLAG_LETTERS = 32 };

static const char *device_of(struct gv_turn *t, const char *address)
{
	return strlen(address) < DEVICE_MAX - ADDRESS_AT ? gv_str(t, "ble:%s", address) : NULL;
}

/* Service data (docs/protocols/ble.md): version, flags, records without a receipt. A radio whose advertisements have no
 * room for it leaves it out; then only a visit tells. */
static void read_advertised(const Bluetooth__Peripheral *p, Ble__SeenRow *row)
{
	const uint8_t *data = p->service_data.data;

	row->mute = p->service_data.len < ADVERTISED_SIZE;
	row->online &= !row->mute;
	if (row->mute || data[0] != BLE_VERSION)
		return;
	row->online = data[1] & FLAG_ONLINE;
	row->pending = (uint32_t)data[2] << 8 | data[3];
	if (!row->pending && data[1] & FLAG_PENDING)
		row->pending = 1;
	row->letters = data[1] & FLAG_LETTERS;
	row->letters_had &= row->letters;
	row->state = (char *)(data[1] & FLAG_FAULT ? "fault" : data[1] & FLAG_CHARGING ? "charging" : "free");
}

/* When it was last visited to carry; in memory: after a start all may be visited. */
static int64_t *looked(struct terminal *s, const char *device)
{
	unsigned at = 0;

	for (unsigned i = 0; i < s->n_looked; i++) {
		if (strcmp(s->looked[i], device) == 0)
			return &s->looked_ms[i];
		if (s->looked_ms[i] < s->looked_ms[at])
			at = i;
	}
	if (s->n_looked < SEEN_MAX)
		at = s->n_looked++;
	snprintf(s->looked[at], DEVICE_MAX, "%s", device);
	s->looked_ms[at] = 0;
	return &s->looked_ms[at];
}

int reach_again(struct terminal *s, struct gv_turn *t, const char *device, int64_t in_ms)
{
	*looked(s, device) = gv_now_ms(t) + in_ms - VISIT_AGAIN_MS;
	return gv_timer(t, TERMINAL_AGAIN, gv_now_ms(t) + in_ms, NULL);
}

int reach_news(struct terminal *s, struct gv_turn *t, const char *pile)
{
	struct gv_scan scan = { .table = &terminal_piles };

	while (gv_next(t, &scan))
		if (strcmp(((const Ble__SeenRow *)scan.row)->id, pile) == 0)
			return reach_again(s, t, scan.key.part[0].s, 0);
	return 0;
}

static bool brings(struct gv_turn *t, const char *pile)
{
	return *pile && (gv_get(t, &terminal_bring, gv_key(pile, (uint32_t)BLE_RCPT_PUT)) ||
			 gv_get(t, &terminal_bring, gv_key(pile, (uint32_t)BLE_COURIER)));
}

static uint32_t stored_of(struct gv_turn *t, const char *pile)
{
	struct gv_scan scan = { .table = &terminal_records, .prefix = gv_key(pile) };
	uint32_t n = 0;

	while (*pile && gv_next(t, &scan))
		n++;
	return n;
}

/* How long after a visit it is worth the next: it has records or letters that are not here, or there is a receipt or a
 * letter for it, or it is not known what it has. 0: it is worth none. */
static int64_t worth_a_visit(const struct terminal *s, struct gv_turn *t, const Ble__SeenRow *row)
{
	if (s->relay_off || !row->in_reach || row->online)
		return 0;
	if (!row->no_letters && ((row->letters && !row->letters_had) || mail_for(t, row->id)))
		return VISIT_AGAIN_MS;
	if (row->pending > stored_of(t, row->id) || brings(t, row->id))
		return VISIT_AGAIN_MS;
	return row->mute ? VISIT_MUTE_MS : 0;
}

static unsigned relays(const struct terminal *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < VISITS_MAX; i++)
		n += s->visits[i].used && s->visits[i].relay;
	return n;
}

static int consider(struct terminal *s, struct gv_turn *t, const char *device, const Ble__SeenRow *row)
{
	int64_t again_ms = worth_a_visit(s, t, row), *last;

	if (!again_ms || relays(s) >= s->max_visits || visit_of(s, device))
		return 0;
	last = looked(s, device);
	if (*last && gv_now_ms(t) - *last < again_ms)
		return 0;
	*last = gv_now_ms(t);
	return visit_begin(s, t, device, true);
}

int reach_seen(struct terminal *s, struct gv_turn *t, const Bluetooth__PeripheralSeen *e)
{
	const char *device = device_of(t, e->address);
	Ble__SeenRow *row = device && e->peripheral ? seen_edit(t, device) : NULL;

	if (!row)
		return 0;
	row->in_reach = true;
	row->seen_at_ms = gv_now_ms(t);
	read_advertised(e->peripheral, row);
	if (worth_a_visit(s, t, row))
		gv_timer(t, TERMINAL_LOOK, gv_now_ms(t) + LOOK_MS, NULL);
	return consider(s, t, device, row);
}

int reach_gone(struct gv_turn *t, const Bluetooth__PeripheralGone *e)
{
	const char *device = device_of(t, e->address);

	if (device && gv_get(t, &terminal_piles, gv_key(device)))
		((Ble__SeenRow *)gv_edit(t, &terminal_piles, gv_key(device)))->in_reach = false;
	return 0;
}

int reach_lost(struct gv_turn *t)
{
	struct gv_scan scan = { .table = &terminal_piles };

	while (gv_next(t, &scan)) {
		if (((const Ble__SeenRow *)scan.row)->in_reach)
			((Ble__SeenRow *)gv_edit(t, &terminal_piles, scan.key))->in_reach = false;
	}
	return 0;
}

/* Visits those that are worth it; whether there is any. */
static int visit_all(struct terminal *s, struct gv_turn *t, bool *ret_any)
{
	struct gv_scan scan = { .table = &terminal_piles };
	int r = 0;

	while (r == 0 && gv_next(t, &scan)) {
		*ret_any |= worth_a_visit(s, t, scan.row) != 0;
		r = consider(s, t, scan.key.part[0].s, scan.row);
	}
	return r;
}

int reach_soon(struct terminal *s, struct gv_turn *t)
{
	bool any = false;

	return visit_all(s, t, &any);
}

int reach_look(struct terminal *s, struct gv_turn *t)
{
	bool any = false;
	int r = visit_all(s, t, &any);

	if (r == 0)
		r = store_sweep(t);
	if (r == 0)
		any |= mail_look(s, t);
	return r < 0 ? r : gv_timer(t, TERMINAL_LOOK, gv_now_ms(t) + (any ? LOOK_MS : LOOK_IDLE_MS), NULL);
}

/* ---- for people ------------------------------------------------------------------------------ */

int reach_list(struct gv_turn *t, struct gv_ticket ticket, const Ble__ListPilesRequest *r)
{
	struct gv_scan scan = { .table = &terminal_piles };
	Ble__ListPilesReply reply = BLE__LIST_PILES_REPLY__INIT;
	size_t limit = r->limit ? r->limit : 100;

	if (*r->device)
		scan.prefix = gv_key(r->device);
	while (reply.n_piles < limit && reply.n_piles < SEEN_MAX && gv_next(t, &scan)) {
		const Ble__SeenRow *row = scan.row;
		Ble__Pile *p = gv_alloc(t, sizeof(*p));

		ble__pile__init(p);
		p->device = gv_strdup(t, scan.key.part[0].s);
		p->id = row->id;
		p->online = row->in_reach;
		p->seen_at_ms = row->seen_at_ms;
		p->chain = row->chain;
		p->receipted = row->receipted;
		p->highest = row->highest;
		p->stored = stored_of(t, row->id);
		p->state = *row->state ? row->state : (char *)"unknown";
		*GV_APPEND(t, reply.piles, reply.n_piles) = p;
	}
	return gv_reply(t, ticket, &reply);
}
