/* Records, by whichever road: one function judges, keeps and tells. A record is kept as its pile signed it, with every
 * road that it came by; it counts once. */
#include "cloud.h"
#include "../core/ble_openssl.h"

#include <string.h>

/* ---- judging --------------------------------------------------------------------------------- */

static struct ble_chain chain_of(const struct pile *p, uint32_t chain, const Ble__ChainRow *row)
{
	struct ble_chain it = { .chain = chain, .next = row ? row->next : 0 };

	memcpy(it.pile, p->row->id.data, sizeof(it.pile));
	if (row && row->head.len == sizeof(it.head))
		memcpy(it.head, row->head.data, sizeof(it.head));
	return it;
}

static const Ble__RecordRow *stored(struct gv_turn *t, const struct pile *p, uint32_t chain, uint64_t seq)
{
	return gv_get(t, &cloud_records, gv_key(p->device, chain, seq));
}

/* By the pile's key, or one that it had before. */
static int judge(struct gv_turn *t, const struct pile *p, const struct ble_record *read, const uint8_t *data,
		 size_t size, struct ble_record *ret, uint8_t ret_hash[32])
{
	const Ble__ChainRow *row = gv_get(t, &cloud_chains, gv_key(p->device, read->chain));
	struct ble_chain chain = chain_of(p, read->chain, row);
	const Ble__RecordRow *same = stored(t, p, read->chain, read->seq);
	const Ble__RecordRow *before = read->seq ? stored(t, p, read->chain, read->seq - 1) : NULL;
	const Ble__RecordRow *after = stored(t, p, read->chain, read->seq + 1);
	struct ble_neighbours known = { same ? same->hash.data : NULL, before ? before->hash.data : NULL,
					after ? after->prev.data : NULL };
	bool pruned = !same && row && read->seq >= row->first && read->seq < row->next;
	int r = -BLE_BAD_SIG;

	for (size_t i = 0; r == -BLE_BAD_SIG && i < p->row->n_keys; i++)
		r = ble_record_judge(&ble_openssl, p->row->keys[i].data, &chain, &known, data, size, ret, ret_hash);
	/* Its pile signed it, and one of its number was here and is no longer kept (prune.c). */
	return r == -BLE_FORK && pruned ? -BLE_DUPLICATE : r;
}

/* ---- keeping --------------------------------------------------------------------------------- */

static bool same_road(const Ble__Road *a, const struct road *b)
{
	return !strcmp(a->kind, b->kind) && !strcmp(a->who, b->who);
}

static void add_road(struct gv_turn *t, Ble__RecordRow *row, const struct road *road)
{
	Ble__Road *it = gv_alloc(t, sizeof(*it));

	ble__road__init(it);
	it->kind = gv_strdup(t, road->kind);
	it->who = gv_strdup(t, road->who);
	it->at_ms = gv_now_ms(t);
	*GV_APPEND(t, row->roads, row->n_roads) = it;
}

static void fill(struct gv_turn *t, Ble__RecordRow *row, const struct road *road, const struct ble_record *r,
		 const uint8_t *data, size_t size, const uint8_t hash[32])
{
	row->document = pile_bytes(t, data, size);
	row->hash = pile_bytes(t, hash, 32);
	row->prev = pile_bytes(t, r->prev, sizeof(r->prev));
	row->chain = r->chain;
	row->seq = r->seq;
	add_road(t, row, road);
}

static void again(struct gv_turn *t, const struct pile *p, const struct road *road, const struct ble_record *r)
{
	const Ble__RecordRow *row = stored(t, p, r->chain, r->seq);

	if (!row || row->n_roads >= CLOUD_ROADS_MAX)
		return;
	for (size_t i = 0; i < row->n_roads; i++)
		if (same_road(row->roads[i], road))
			return;
	add_road(t, gv_edit(t, &cloud_records, gv_key(p->device, r->chain, r->seq)), road);
}

/* Two histories by one key: what is known stays as it is, what differs is kept beside it, and nothing starts there
 * until a person has looked. */
static void forked(struct gv_turn *t, struct pile *p, const struct road *road, const struct ble_record *r,
		   const uint8_t *data, size_t size, const uint8_t hash[32])
{
	const char *hex = pile_hex(t, hash, 32);
	Ble__PileRow *row = pile_edit(t, p);
	Ble__Case it = BLE__CASE__INIT;

	row->quarantined = true;
	it.device = (char *)p->device;
	it.kind = (char *)"fork";
	it.chain = r->chain;
	it.seq = r->seq;
	it.text = gv_str(
		t,
		"its key signed two histories: a record %llu of chain %u that fits nothing that is held, brought "
		"by %s %s. It was copied, or its store put back: give it a new key, then close the case",
		(unsigned long long)r->seq, r->chain, road->kind, road->who);
	case_open(t, &it, "");
	if (gv_get(t, &cloud_forks, gv_key(p->device, hex)) || row->forks >= CLOUD_FORKS_MAX)
		return;
	row->forks++;
	fill(t, gv_edit(t, &cloud_forks, gv_key(p->device, hex)), road, r, data, size, hash);
}

/* ---- the contiguous part --------------------------------------------------------------------- */

static void passed(struct cloud *c, struct gv_turn *t, struct pile *p, Ble__ChainRow *row, const struct ble_record *r)
{
	struct ble_record opened = *r;

	if (r->trust >= BLE_TRUST_SIGNED && r->utc > row->trusted_utc)
		row->trusted_utc = r->utc;
	if ((r->type != BLE_RECORD_START && r->type != BLE_RECORD_END && r->type != BLE_RECORD_BOOT &&
	     r->type != BLE_RECORD_FIRMWARE) ||
	    !sessions_open_body(c, t, p, &opened))
		return;
	if (r->type == BLE_RECORD_FIRMWARE)
		update_record(t, p, &opened);
	sessions_passed(t, p, &opened);
	register_passed(t, p, row, &opened);
}

/* Moves over this record and all behind it that are here. */
static void move(struct cloud *c, struct gv_turn *t, struct pile *p, const struct ble_record *r, const uint8_t hash[32])
{
	Ble__ChainRow *row = gv_edit(t, &cloud_chains, gv_key(p->device, r->chain));
	const Ble__RecordRow *next;
	struct ble_record it = *r;

	if (!row->next)
		row->first = r->seq;
	row->next = r->seq + 1;
	row->head = pile_bytes(t, hash, 32);
	passed(c, t, p, row, r);
	while ((next = stored(t, p, r->chain, row->next)) &&
	       ble_record_read(next->document.data, next->document.len, &it) == 0) {
		row->next++;
		row->head = next->hash;
		passed(c, t, p, row, &it);
	}
	chain_shows(t, p->device, r->chain, row);
	grants_settle(t, p->device, r->chain, row->trusted_utc);
}

bool chain_fits(struct gv_turn *t, const char *device, uint32_t chain)
{
	struct gv_scan scan = { .table = &cloud_chains, .prefix = gv_key(device) };
	unsigned n = 0;

	if (gv_get(t, &cloud_chains, gv_key(device, chain)))
		return true;
	while (gv_next(t, &scan))
		n++;
	return n < CLOUD_CHAINS_MAX;
}

/* The newest head of the chain ends with this number, and with another record. */
static bool head_differs(struct gv_turn *t, const struct pile *p, const struct ble_record *r, const uint8_t hash[32])
{
	const Ble__ChainRow *row = gv_get(t, &cloud_chains, gv_key(p->device, r->chain));
	struct ble_head h;

	return row && row->document.len && ble_head_read(row->document.data, row->document.len, &h) == 0 &&
	       h.seq == r->seq && !ble_same(h.hash, hash, sizeof(h.hash));
}

static void keep(struct cloud *c, struct gv_turn *t, struct pile *p, const struct road *road,
		 const struct ble_record *r, const uint8_t *data, size_t size, const uint8_t hash[32], bool next)
{
	Ble__ChainRow *row = gv_edit(t, &cloud_chains, gv_key(p->device, r->chain));
	Ble__PileRow *pile = pile_edit(t, p);

	fill(t, gv_edit(t, &cloud_records, gv_key(p->device, r->chain, r->seq)), road, r, data, size, hash);
	row->stored++;
	if (r->seq > row->highest)
		row->highest = r->seq;
	pile->seen_at_ms = gv_now_ms(t);
	if (r->chain > pile->chain)
		pile->chain = r->chain;
	clock_learn(t, p, r, !strcmp(road->kind, "pile"));
	sessions_record(c, t, p, r);
	if (next)
		move(c, t, p, r, hash);
	chain_holes(c, t, p->device, r->chain, gv_get(t, &cloud_chains, gv_key(p->device, r->chain)));
}

int ingest_record(struct cloud *c, struct gv_turn *t, const struct road *road, const uint8_t *data, size_t size,
		  const char **ret_device)
{
	struct ble_record read, r;
	uint8_t hash[32];
	struct pile p;
	int result = ble_record_read(data, size, &read);

	if (result < 0)
		return result;
	if (read.seq == 0 || read.seq == UINT64_MAX) /* numbers begin with 1, and there is one behind each */
		return -BLE_MALFORMED;
	if (!pile_by_id(t, read.pile, &p))
		return -BLE_OTHER_PILE;
	*ret_device = p.device;
	result = judge(t, &p, &read, data, size, &r, hash);
	if ((result == 0 || result == -BLE_GAP) && head_differs(t, &p, &r, hash))
		result = -BLE_FORK;
	switch (-result) {
	case BLE_OK:
	case BLE_GAP:
		if (!chain_fits(t, p.device, r.chain))
			return -BLE_UNSUPPORTED;
		keep(c, t, &p, road, &r, data, size, hash, result == 0);
		gv_count(t, "records", 1);
		break;
	case BLE_DUPLICATE:
		again(t, &p, road, &r);
		break;
	case BLE_FORK:
		forked(t, &p, road, &r, data, size, hash);
		break;
	default:
		break;
	}
	return result;
}

/* ---- ListRecords ----------------------------------------------------------------------------- */

static const char *type_name(uint8_t type)
{
	static const char *const names[] = { "",      "start", "meter", "end",  "fault",
					     "audit", "time",  "keys",  "boot", "firmware" };

	return type < sizeof(names) / sizeof(*names) ? names[type] : "";
}

static Ble__Record *show(struct cloud *c, struct gv_turn *t, const struct pile *p, const Ble__RecordRow *row)
{
	Ble__Record *it = gv_alloc(t, sizeof(*it));
	struct ble_record r;

	ble__record__init(it);
	it->chain = row->chain;
	it->seq = row->seq;
	it->document = row->document;
	it->hash = (char *)pile_hex(t, row->hash.data, row->hash.len);
	it->roads = row->roads;
	it->n_roads = row->n_roads;
	if (ble_record_read(row->document.data, row->document.len, &r) < 0)
		return it;
	it->type = (char *)type_name(r.type);
	it->time_ms = clock_time(t, p, &r);
	if (sessions_open_body(c, t, p, &r) && (r.has & BLE_HAS(BLE_RECORD_SESSION)))
		it->session = (char *)pile_hex(t, r.session, 16);
	return it;
}

int records_list(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Ble__ListRecordsRequest *r = (const Ble__ListRecordsRequest *)m;
	Ble__ListRecordsReply reply = BLE__LIST_RECORDS_REPLY__INIT;
	struct gv_scan scan = { .table = &cloud_records };
	struct cloud *c = cloud_of(self, t, to);
	struct pile p;

	if (!c)
		return 0;
	if (!pile_find(t, r->device, &p))
		return gv_refuse(t, to, GV_NOT_FOUND, "%.128s is no pile: PutPile makes it one", r->device);
	if (r->forked)
		scan = (struct gv_scan){ .table = &cloud_forks, .prefix = gv_key(p.device) };
	else if (r->chain || r->from)
		scan.prefix = gv_key(p.device, r->chain ? r->chain : p.row->chain);
	else
		scan.prefix = gv_key(p.device);
	if (!r->forked && r->from > 1)
		scan.after = gv_key(p.device, r->chain ? r->chain : p.row->chain, r->from - 1);
	while (reply.n_records < cloud_limit(r->limit) && gv_next(t, &scan))
		*GV_APPEND(t, reply.records, reply.n_records) = show(c, t, &p, scan.row);
	return gv_reply(t, to, &reply);
}
