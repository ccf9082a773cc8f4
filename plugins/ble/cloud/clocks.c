/* When something was, by the cloud's clock. A pile's own time is believed where it says that it is to be trusted; else
 * the uptime of its boot is laid against the moments at which its records came: none can have come before it was
 * written, so the earliest guess is the best. */
#include "cloud.h"

#include <string.h>

static const Ble__BootClock *find(const Ble__PileRow *row, const struct ble_record *r)
{
	for (size_t i = 0; i < row->n_boots; i++)
		if (row->boots[i]->chain == r->chain && row->boots[i]->boot == r->boot)
			return row->boots[i];
	return NULL;
}

/* A changed copy takes the place of the one before, or comes in front; the oldest goes. */
static void put(struct gv_turn *t, Ble__PileRow *row, const struct ble_record *r, int64_t zero_ms, bool sure)
{
	Ble__BootClock **boots = gv_alloc(t, (row->n_boots + 1) * sizeof(*boots)), *it = gv_alloc(t, sizeof(*it));
	const Ble__BootClock *was = find(row, r);
	size_t n = 0;

	ble__boot_clock__init(it);
	it->chain = r->chain;
	it->boot = r->boot;
	it->zero_ms = zero_ms;
	it->trusted = sure;
	boots[n++] = it;
	for (size_t i = 0; i < row->n_boots && n < CLOUD_BOOTS_MAX; i++)
		if (row->boots[i] != was)
			boots[n++] = row->boots[i];
	row->boots = boots;
	row->n_boots = n;
}

static bool trusted(const struct ble_record *r)
{
	return r->trust >= BLE_TRUST_SIGNED && r->utc;
}

void clock_learn(struct gv_turn *t, struct pile *p, const struct ble_record *r, bool live)
{
	const Ble__BootClock *known = find(p->row, r);
	int64_t up = (int64_t)(r->uptime_ms > INT64_MAX / 2 ? INT64_MAX / 2 : r->uptime_ms);
	int64_t zero_ms = (trusted(r) ? 1000 * (int64_t)r->utc : gv_now_ms(t)) - up;

	if (live && r->utc)
		pile_edit(t, p)->clock_offset_ms = gv_now_ms(t) - 1000 * (int64_t)r->utc;
	if (known && (known->trusted || (!trusted(r) && known->zero_ms <= zero_ms)))
		return;
	put(t, pile_edit(t, p), r, zero_ms, trusted(r));
}

int64_t clock_time(struct gv_turn *t, const struct pile *p, const struct ble_record *r)
{
	const Ble__BootClock *known = find(p->row, r);
	int64_t at_ms = gv_now_ms(t);

	if (trusted(r))
		at_ms = 1000 * (int64_t)r->utc;
	else if (known && r->uptime_ms < INT64_MAX / 2)
		at_ms = known->zero_ms + (int64_t)r->uptime_ms;
	return at_ms < gv_now_ms(t) && at_ms > 0 ? at_ms : gv_now_ms(t);
}
