/* Records that are old go, once a day: those about money as late as the config says, the others earlier. Only what the
 * cloud has said to hold, whose session is over, and of a pile that nobody has to look at. That one was here is known
 * afterwards by the contiguous part of its chain, so who brings it again hears that it is known. */
#include "cloud.h"

#include <string.h>

#define SLICE 500 /* rows a turn */

struct pruning { /* of one chain */
	const char *device;
	uint64_t upto; /* records from here on stay */
	bool stays;
};

static bool has_case(struct gv_turn *t, const char *device)
{
	struct gv_scan scan = { .table = &cloud_open_cases, .prefix = gv_key(device) };

	return gv_next(t, &scan);
}

/* A session that is not over keeps its records, and all behind its beginning. */
static uint64_t first_open(struct gv_turn *t, const char *device, uint32_t chain)
{
	struct gv_scan scan = { .table = &cloud_open_sessions, .prefix = gv_key(device) };
	uint64_t first = UINT64_MAX;

	while (gv_next(t, &scan)) {
		const Ble__SessionRow *row = gv_get(t, &cloud_sessions, scan.key);

		if (row && row->chain == chain && row->start_seq < first)
			first = row->start_seq;
	}
	return first;
}

static struct pruning look_at(struct gv_turn *t, const char *device, uint32_t chain)
{
	const Ble__ChainRow *row = gv_get(t, &cloud_chains, gv_key(device, chain));
	struct pruning it = { .device = device, .upto = row ? row->next : 0 };
	uint64_t open = first_open(t, device, chain);

	it.upto = open < it.upto ? open : it.upto;
	it.stays = has_case(t, device);
	return it;
}

/* Is it about what is paid for? A start, an end, and whatever this version does not know. */
static bool about_money(const Ble__RecordRow *row)
{
	struct ble_record r;

	if (ble_record_read(row->document.data, row->document.len, &r) < 0)
		return true;
	return r.type == BLE_RECORD_START || r.type == BLE_RECORD_END || r.type > BLE_RECORD_FIRMWARE;
}

static bool is_old(const struct cloud *c, struct gv_turn *t, const Ble__RecordRow *row, bool money)
{
	int64_t days = money ? c->settings->keep_money_days : c->settings->keep_days;

	return row->n_roads && gv_now_ms(t) - row->roads[0]->at_ms > days * CLOUD_DAY_MS;
}

static bool goes(const struct cloud *c, struct gv_turn *t, const struct pruning *p, uint64_t seq,
		 const Ble__RecordRow *row)
{
	return !p->stays && seq < p->upto && is_old(c, t, row, false) && is_old(c, t, row, about_money(row));
}

/* What fits no history is kept beside it as long as anything. */
static void prune_forks(struct cloud *c, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &cloud_forks };

	for (unsigned n = 0; n < SLICE && gv_next(t, &scan); n++)
		if (is_old(c, t, scan.row, true) && !has_case(t, scan.key.part[0].s)) {
			struct pile p;

			gv_delete(t, &cloud_forks, scan.key);
			if (pile_find(t, scan.key.part[0].s, &p) && p.row->forks)
				pile_edit(t, &p)->forks--;
		}
}

int prune_start(struct gv_turn *t)
{
	return gv_timer(t, CLOUD_NAME ":prune", gv_now_ms(t) + CLOUD_DAY_MS, NULL);
}

int prune_due(struct cloud *c, struct gv_turn *t, const Ble__Due *from)
{
	struct gv_scan scan = { .table = &cloud_records };
	struct pruning chain = { 0 };
	Ble__Due next = BLE__DUE__INIT;
	unsigned gone = 0, n = 0;

	if (from)
		scan.after = gv_key(from->device, from->chain, from->number);
	else
		prune_forks(c, t);
	for (; n < SLICE && gv_next(t, &scan); n++) {
		const char *device = scan.key.part[0].s;
		uint32_t number = (uint32_t)scan.key.part[1].u;

		if (!chain.device || strcmp(chain.device, device) != 0 || next.chain != number)
			chain = look_at(t, device, number);
		next.device = (char *)device;
		next.chain = number;
		next.number = scan.key.part[2].u;
		if (!goes(c, t, &chain, next.number, scan.row))
			continue;
		gv_delete(t, &cloud_records, scan.key);
		((Ble__ChainRow *)gv_edit(t, &cloud_chains, gv_key(device, number)))->stored--;
		gone++;
	}
	gv_count(t, "records_pruned", gone);
	return n < SLICE ? prune_start(t) : gv_timer(t, CLOUD_NAME ":prune", gv_now_ms(t), &next);
}
