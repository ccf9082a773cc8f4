/* Heads, holes and receipts: how far a pile's history is here, what is known to be missing, and the cloud's word for
 * what is not. */
#include "cloud.h"
#include "../core/ble_openssl.h"

#include <openssl/crypto.h>
#include <string.h>

static const char *about(struct gv_turn *t, uint32_t chain)
{
	return gv_str(t, "%u", chain);
}

/* ---- holes ----------------------------------------------------------------------------------- */

static bool has_hole(const Ble__ChainRow *row)
{
	return row && row->highest >= (row->next ? row->next : 1);
}

static char *timer(struct gv_turn *t, const char *device, uint32_t chain)
{
	return gv_str(t, CLOUD_NAME ":hole:%s:%u", device, chain);
}

void chain_holes(struct cloud *c, struct gv_turn *t, const char *device, uint32_t chain, const Ble__ChainRow *row)
{
	Ble__Due due = BLE__DUE__INIT;

	if (has_hole(row) == row->hole)
		return;
	((Ble__ChainRow *)gv_edit(t, &cloud_chains, gv_key(device, chain)))->hole = has_hole(row);
	if (!has_hole(row)) {
		gv_timer_cancel(t, timer(t, device, chain));
		case_settled(t, device, "hole", about(t, chain));
		return;
	}
	due.device = (char *)device;
	due.chain = chain;
	gv_timer(t, timer(t, device, chain), gv_now_ms(t) + 1000 * (int64_t)c->settings->hole_s, &due);
}

int chain_due(struct cloud *c, struct gv_turn *t, const Ble__Due *due)
{
	const Ble__ChainRow *row = due ? gv_get(t, &cloud_chains, gv_key(due->device, due->chain)) : NULL;
	Ble__Case it = BLE__CASE__INIT;

	if (!has_hole(row))
		return 0;
	it.device = due->device;
	it.kind = (char *)"hole";
	it.chain = due->chain;
	it.seq = row->next ? row->next : 1;
	it.text = gv_str(
		t, "records from %llu on are missing, and the pile has had up to %llu: whoever visits it brings them",
		(unsigned long long)it.seq, (unsigned long long)row->highest);
	case_open(t, &it, about(t, due->chain));
	return 0;
}

/* ---- heads ----------------------------------------------------------------------------------- */

static int check(const struct pile *p, const uint8_t *data, size_t size, struct ble_head *ret)
{
	int r = -BLE_BAD_SIG;

	for (size_t i = 0; r == -BLE_BAD_SIG && i < p->row->n_keys; i++)
		r = ble_head_check(&ble_openssl, p->row->keys[i].data, NULL, data, size, ret);
	return r;
}

/* The head is of the history that is here, and its boot had a clock to be trusted when it wrote its last record: then
 * nothing that it did not record had happened until then. */
void chain_shows(struct gv_turn *t, const char *device, uint32_t chain, Ble__ChainRow *row)
{
	const Ble__RecordRow *last;
	struct ble_record r;
	struct ble_head h;
	struct pile p;

	if (!row->document.len || !pile_find(t, device, &p) ||
	    check(&p, row->document.data, row->document.len, &h) < 0 || h.seq >= row->next)
		return;
	last = gv_get(t, &cloud_records, gv_key(device, chain, h.seq));
	if (last && ble_same(last->hash.data, h.hash, sizeof(h.hash)) &&
	    ble_record_read(last->document.data, last->document.len, &r) == 0 && r.boot == h.boot &&
	    r.trust >= BLE_TRUST_SIGNED && h.utc > row->trusted_utc)
		row->trusted_utc = h.utc;
}

/* It names another hash for a record that is here: its store was put back, or there are two of it. */
static void contradicts(struct gv_turn *t, struct pile *p, const struct ble_head *h)
{
	Ble__Case it = BLE__CASE__INIT;

	pile_edit(t, p)->quarantined = true;
	it.device = (char *)p->device;
	it.kind = (char *)"fork";
	it.chain = h->chain;
	it.seq = h->seq;
	it.text = gv_str(t,
			 "its key signed two histories: a head that ends with another record %llu than the one that is "
			 "held. It was copied, or its store put back: give it a new key, then close the case",
			 (unsigned long long)h->seq);
	case_open(t, &it, "");
}

int ingest_head(struct cloud *c, struct gv_turn *t, const uint8_t *data, size_t size, const char **ret_device)
{
	const Ble__RecordRow *same;
	Ble__ChainRow *row;
	struct ble_head h;
	struct pile p;
	int r;

	/* Fields first: a head says whose it is. */
	r = ble_head_read(data, size, &h);
	if (r < 0)
		return r;
	if (!pile_by_id(t, h.pile, &p))
		return -BLE_OTHER_PILE;
	*ret_device = p.device;
	r = check(&p, data, size, &h);
	if (r < 0)
		return r;
	if (!chain_fits(t, p.device, h.chain))
		return -BLE_UNSUPPORTED;
	same = gv_get(t, &cloud_records, gv_key(p.device, h.chain, h.seq));
	if (same && !ble_same(same->hash.data, h.hash, sizeof(h.hash))) {
		contradicts(t, &p, &h);
		return -BLE_FORK;
	}
	pile_edit(t, &p)->seen_at_ms = gv_now_ms(t);
	if (h.chain > p.row->chain)
		pile_edit(t, &p)->chain = h.chain;
	row = gv_edit(t, &cloud_chains, gv_key(p.device, h.chain));
	if (h.seq >= row->highest) {
		row->highest = h.seq;
		row->document = pile_bytes(t, data, size);
	}
	chain_shows(t, p.device, h.chain, row);
	grants_settle(t, p.device, h.chain, row->trusted_utc);
	chain_holes(c, t, p.device, h.chain, row);
	return row->next > h.seq || h.seq == 0 ? 0 : -BLE_GAP; /* 0: it has written nothing yet */
}

/* ---- receipts -------------------------------------------------------------------------------- */

int chain_receipt(struct cloud *c, struct gv_turn *t, const struct pile *p, uint32_t chain,
		  uint8_t ret[BLE_DOCUMENT_MAX])
{
	const Ble__ChainRow *row = gv_get(t, &cloud_chains, gv_key(p->device, chain));
	struct ble_receipt it = { .chain = chain, .utc = (uint32_t)(gv_now_ms(t) / 1000) };
	uint8_t key[32];
	int r;

	if (!row || !row->next || row->head.len != sizeof(it.hash) || !keys_ready(t))
		return 0;
	it.upto = row->next - 1;
	memcpy(it.hash, row->head.data, sizeof(it.hash));
	memcpy(it.pile, p->row->id.data, sizeof(it.pile));
	it.kid = keys_sign(c, t, KEYS_RECEIPT, key);
	r = ble_receipt_write(&ble_openssl, &it, key, ret, BLE_DOCUMENT_MAX);
	OPENSSL_cleanse(key, sizeof(key));
	return r < 0 ? 0 : r;
}
