/* What a terminal carries: records and heads on their way to the cloud, in the order in which they were taken, and what
 * the cloud has for piles on their way back. Kept by (pile, chain, number), so that a record that comes twice is one.
 */
#include "terminal.h"

#include <string.h>

static uint64_t cost(size_t size)
{
	return size + RECORD_COST;
}

/* A receipt that is lost costs a FETCH; a record that is declined costs a visit. */
static bool make_room(struct gv_turn *t, uint64_t needed)
{
	struct gv_scan scan = { .table = &terminal_bring };
	uint64_t got = 0;

	while (got < needed && gv_next(t, &scan)) {
		const Ble__BringRow *row = scan.row;
		uint64_t size = cost(row->document.len);

		got += size;
		store_edit(t)->bytes -= size;
		gv_delete(t, &terminal_bring, scan.key);
	}
	return got >= needed;
}

static bool has_room(struct terminal *s, struct gv_turn *t, uint64_t size)
{
	const Ble__StoreRow *all = store_edit(t);

	if (all->records + all->poisoned >= s->max_records)
		return false;
	return all->bytes + size <= s->max_bytes || make_room(t, all->bytes + size - s->max_bytes);
}

static uint64_t enqueue(struct gv_turn *t, const Ble__QueuedRow *row)
{
	uint64_t order = ++store_edit(t)->order;

	gv_put(t, &terminal_queue, gv_key(order), row);
	return order;
}

int store_record(struct terminal *s, struct gv_turn *t, const char *pile, uint32_t chain, uint64_t seq,
		 const uint8_t *record, size_t size)
{
	struct gv_key key = gv_key(pile, chain, seq);
	Ble__QueuedRow place = BLE__QUEUED_ROW__INIT;
	Ble__CarriedRow row = BLE__CARRIED_ROW__INIT;
	Ble__StoreRow *all;
	int r;

	if (gv_get(t, &terminal_records, key))
		return 1;
	if (!has_room(s, t, cost(size)))
		return 0;
	place.pile = (char *)pile;
	place.chain = chain;
	place.seq = seq;
	row.order = enqueue(t, &place);
	row.record.data = (uint8_t *)record;
	row.record.len = size;
	row.kept_at_ms = gv_now_ms(t);
	all = store_edit(t);
	all->records++;
	all->bytes += cost(size);
	r = gv_put(t, &terminal_records, key, &row);
	gv_count(t, "terminal_records_taken", 1);
	return r < 0 ? r : 1;
}

/* One a pile and chain: a later one says all that an earlier one did. */
int store_head(struct gv_turn *t, const char *pile, uint32_t chain, const uint8_t *head, size_t size)
{
	struct gv_scan scan = { .table = &terminal_queue };
	Ble__QueuedRow place = BLE__QUEUED_ROW__INIT;

	while (gv_next(t, &scan)) {
		const Ble__QueuedRow *row = scan.row;

		if (row->head.len && row->chain == chain && strcmp(row->pile, pile) == 0) {
			gv_delete(t, &terminal_queue, scan.key);
			break;
		}
	}
	place.pile = (char *)pile;
	place.chain = chain;
	place.head.data = (uint8_t *)head;
	place.head.len = size;
	enqueue(t, &place);
	return 0;
}

/* A pile says the same again in each visit until it has the cloud's receipt. */
int store_courier(struct gv_turn *t, const char *pile, const uint8_t *body, size_t size, bool box)
{
	struct gv_scan scan = { .table = &terminal_queue };
	Ble__QueuedRow place = BLE__QUEUED_ROW__INIT;
	unsigned n = 0;

	while (gv_next(t, &scan)) {
		const Ble__QueuedRow *row = scan.row;

		if (!row->courier.len || strcmp(row->pile, pile) != 0)
			continue;
		if (row->courier.len == size && memcmp(row->courier.data, body, size) == 0)
			return 0;
		if (box && row->box)
			gv_delete(t, &terminal_queue, scan.key);
		else
			n++;
	}
	if (n >= OWN_LETTERS_MAX)
		return 0; /* the pile has them still */
	place.pile = (char *)pile;
	place.courier = (ProtobufCBinaryData){ size, (uint8_t *)body };
	place.box = box;
	enqueue(t, &place);
	return 0;
}

/* ---- what the cloud says --------------------------------------------------------------------- */

/* It never will take what it says this to. Anything else may become better: a pile that it does not know yet, a store
 * that is full. */
static bool for_good(int result)
{
	return result == BLE_MALFORMED || result == BLE_TOO_LONG || result == BLE_UNKNOWN_TAG ||
	       result == BLE_UNSUPPORTED || result == BLE_BAD_SIG || result == BLE_FORK;
}

static bool has_it(int result)
{
	return result == BLE_OK || result == BLE_GAP || result == BLE_DUPLICATE;
}

static int condemn(struct gv_turn *t, struct gv_key key, const Ble__QueuedRow *place, int result)
{
	Ble__CarriedRow *row = gv_edit(t, &terminal_records, key);
	Ble__StoreRow *all = store_edit(t);

	row->result = (uint32_t)result;
	row->order = 0;
	row->kept_at_ms = gv_now_ms(t);
	all->records--;
	all->poisoned++;
	gv_count(t, "terminal_records_poisoned", 1);
	gv_log(t, GV_ERR,
	       "The cloud refuses a record of a pile for good; it is kept for 30 days: see galvan rows ble "
	       "terminal_records, and what the cloud says of the pile pile=%s chain=%u seq=%llu result=%s",
	       place->pile, place->chain, (unsigned long long)place->seq, ble_result_name(result));
	return 0;
}

int store_answered(struct terminal *s, struct gv_turn *t, uint64_t order, int result)
{
	const Ble__QueuedRow *place = gv_get(t, &terminal_queue, gv_key(order));
	const Ble__CarriedRow *row;
	struct gv_key key;

	if (!place)
		return 0;
	key = gv_key(place->pile, place->chain, place->seq);
	row = place->head.len || place->courier.len ? NULL : gv_get(t, &terminal_records, key);
	gv_delete(t, &terminal_queue, gv_key(order));
	if (!row) /* a head, or what was said of letters: the next visit brings it again */
		return 0;
	if (has_it(result)) {
		Ble__StoreRow *all = store_edit(t);

		all->records--;
		all->bytes -= cost(row->record.len);
		s->flushed++;
		gv_count(t, "terminal_records_brought", 1);
		return gv_delete(t, &terminal_records, key);
	}
	if (for_good(result)) {
		s->poisoned++;
		return condemn(t, key, place, result);
	}
	((Ble__CarriedRow *)gv_edit(t, &terminal_records, key))->order = enqueue(t, place); /* behind the others */
	return 0;
}

bool store_carries(struct gv_turn *t, const char *pile)
{
	struct gv_scan scan = { .table = &terminal_records, .prefix = gv_key(pile) };
	struct gv_scan places = { .table = &terminal_queue };

	while (gv_next(t, &places)) {
		const Ble__QueuedRow *place = places.row;

		if (place->courier.len && !place->box && strcmp(place->pile, pile) == 0)
			return true;
	}
	while (gv_next(t, &scan)) {
		if (((const Ble__CarriedRow *)scan.row)->order)
			return true;
	}
	return false;
}

/* What nobody could be brought for a month: the cloud has it still, and a newer one by then. */
static void sweep_brought(struct gv_turn *t)
{
	struct gv_scan scan = { .table = &terminal_bring };

	while (gv_next(t, &scan)) {
		const Ble__BringRow *row = scan.row;

		if (gv_now_ms(t) - row->since_ms < BRING_MS)
			continue;
		store_edit(t)->bytes -= cost(row->document.len);
		gv_delete(t, &terminal_bring, scan.key);
	}
}

int store_sweep(struct gv_turn *t)
{
	struct gv_scan scan = { .table = &terminal_records };

	sweep_brought(t);
	while (store_edit(t)->poisoned && gv_next(t, &scan)) {
		const Ble__CarriedRow *row = scan.row;
		Ble__StoreRow *all;

		if (!row->result || gv_now_ms(t) - row->kept_at_ms < POISON_MS)
			continue;
		all = store_edit(t);
		all->poisoned--;
		all->bytes -= cost(row->record.len);
		gv_delete(t, &terminal_records, scan.key);
	}
	return 0;
}

/* ---- the way back ---------------------------------------------------------------------------- */

void bring_done(struct gv_turn *t, const char *pile, enum ble_type type)
{
	const Ble__BringRow *row = gv_get(t, &terminal_bring, gv_key(pile, (uint32_t)type));

	if (!row)
		return;
	store_edit(t)->bytes -= cost(row->document.len);
	gv_delete(t, &terminal_bring, gv_key(pile, (uint32_t)type));
}

int bring_keep(struct gv_turn *t, const char *pile, enum ble_type type, const uint8_t *document, size_t size)
{
	struct gv_scan scan = { .table = &terminal_bring };
	Ble__BringRow row = BLE__BRING_ROW__INIT;
	unsigned n = 0;

	bring_done(t, pile, type);
	while (n < BRING_MAX && gv_next(t, &scan))
		n++;
	if (n == BRING_MAX)
		return 0; /* the cloud has it still */
	row.document.data = (uint8_t *)document;
	row.document.len = size;
	row.since_ms = gv_now_ms(t);
	store_edit(t)->bytes += cost(size);
	return gv_put(t, &terminal_bring, gv_key(pile, (uint32_t)type), &row);
}
