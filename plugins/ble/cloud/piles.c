/* Who is a pile: a device with a certificate that one of the roots has signed. */
#include "cloud.h"
#include "../core/ble_openssl.h"

#include <lib/hex.h>
#include <plugins/leases/leases.h>
#include <string.h>

const char *pile_hex(struct gv_turn *t, const void *data, size_t size)
{
	char *text = gv_alloc(t, 2 * size + 1);

	gv_hex_write(data, size, text);
	return text;
}

bool pile_unhex(const char *text, uint8_t *ret, size_t size)
{
	return strlen(text) == 2 * size && gv_hex_read(text, 2 * size, ret, size) >= 0;
}

ProtobufCBinaryData pile_bytes(struct gv_turn *t, const void *data, size_t size)
{
	ProtobufCBinaryData it = { .len = size, .data = gv_alloc(t, size + 1) };

	if (size)
		memcpy(it.data, data, size);
	return it;
}

bool pile_find(struct gv_turn *t, const char *device, struct pile *ret)
{
	const Ble__PileRow *row = strlen(device) <= 128 ? gv_get(t, &cloud_piles, gv_key(device)) : NULL;

	if (!row)
		return false;
	ret->device = gv_strdup(t, device);
	ret->row = row;
	return true;
}

Ble__PileRow *pile_edit(struct gv_turn *t, struct pile *p)
{
	Ble__PileRow *row = gv_edit(t, &cloud_piles, gv_key(p->device));

	p->row = row;
	return row;
}

bool pile_by_id(struct gv_turn *t, const uint8_t id[16], struct pile *ret)
{
	const Ble__DeviceRef *ref = gv_get(t, &cloud_ids, gv_key(pile_hex(t, id, 16)));

	return ref && pile_find(t, ref->device, ret);
}

const char *pile_alias(struct gv_turn *t, const char *device)
{
	const Ble__DeviceRef *ref;

	if (!strncmp(device, "ble:", 4))
		return device;
	ref = gv_get(t, &cloud_aliases, gv_key(device));
	return ref ? ref->device : NULL;
}

/* ---- as others see it ------------------------------------------------------------------------ */

/* As many as fit, from record `from` on, and where the next look begins. */
static void show_missing(struct gv_turn *t, const char *device, const Ble__ChainRow *row, uint64_t from,
			 Ble__ChainState *ret)
{
	struct gv_scan scan = { .table = &cloud_records, .prefix = gv_key(device, ret->chain) };
	uint64_t want = row->next ? row->next : 1;
	unsigned seen = 0;

	if (want < from)
		want = from;
	scan.after = gv_key(device, ret->chain, want - 1);
	while (want <= row->highest && ret->n_missing < CLOUD_RANGES_MAX && seen++ < CLOUD_SCAN_MAX) {
		uint64_t here = gv_next(t, &scan) ? scan.key.part[2].u : row->highest + 1;
		Ble__Range *range;

		if (here > want) {
			range = gv_alloc(t, sizeof(*range));
			ble__range__init(range);
			range->from = want;
			range->to = here - 1;
			*GV_APPEND(t, ret->missing, ret->n_missing) = range;
		}
		want = here + 1;
	}
	ret->more_from = want <= row->highest ? want : 0;
}

static Ble__ChainState *show_chain(struct gv_turn *t, const char *device, uint32_t chain, const Ble__ChainRow *row,
				   uint64_t missing_from)
{
	Ble__ChainState *it = gv_alloc(t, sizeof(*it));

	ble__chain_state__init(it);
	it->chain = chain;
	it->upto = row->next ? row->next - 1 : 0;
	it->hash = (char *)pile_hex(t, row->head.data, row->head.len);
	it->highest = row->highest;
	show_missing(t, device, row, missing_from, it);
	return it;
}

Ble__PileState *pile_state(struct cloud *c, struct gv_turn *t, const struct pile *p, uint64_t missing_from)
{
	struct gv_scan scan = { .table = &cloud_chains, .prefix = gv_key(p->device) };
	Ble__PileState *it = gv_alloc(t, sizeof(*it));

	ble__pile_state__init(it);
	it->device = (char *)p->device;
	it->id = (char *)pile_hex(t, p->row->id.data, p->row->id.len);
	it->public_key = (char *)pile_hex(t, p->row->keys[0].data, p->row->keys[0].len);
	it->quarantined = p->row->quarantined;
	it->online = line_of(c, p->device) != NULL;
	it->seen_at_ms = p->row->seen_at_ms;
	it->clock_offset_ms = p->row->clock_offset_ms;
	it->vouchers = p->row->vouchers;
	it->grants = grants_count(t, p->device);
	it->cases = cases_count(t, p->device);
	while (gv_next(t, &scan))
		*GV_APPEND(t, it->chains, it->n_chains) = show_chain(t, p->device, (uint32_t)scan.key.part[1].u,
								     scan.row, missing_from);
	return it;
}

/* ---- PutPile --------------------------------------------------------------------------------- */

/* By the node's root, or another maker's; 0, or what the last of them said. */
static int check(const struct cloud *c, struct gv_turn *t, const ProtobufCBinaryData *document,
		 struct ble_certificate *ret)
{
	uint32_t utc = (uint32_t)(gv_now_ms(t) / 1000);
	int r = ble_certificate_check(&ble_openssl, c->root_public, utc, document->data, document->len, ret);

	for (size_t i = 0; r == -BLE_BAD_SIG && i < c->settings->n_makers && i < CLOUD_MAKERS_MAX; i++)
		r = ble_certificate_check(&ble_openssl, c->makers[i], utc, document->data, document->len, ret);
	return r;
}

static bool same_key(const Ble__PileRow *row, const struct ble_certificate *it)
{
	return row->keys[0].len == 32 && memcmp(row->keys[0].data, it->pile_key, 32) == 0;
}

/* The new key in front; those before it stay for what they have signed. */
static void put_key(struct gv_turn *t, Ble__PileRow *row, const uint8_t key[32])
{
	size_t n = row->n_keys < CLOUD_FORMER_KEYS_MAX ? row->n_keys : CLOUD_FORMER_KEYS_MAX;
	ProtobufCBinaryData *keys = gv_alloc(t, (n + 1) * sizeof(*keys));

	keys[0] = pile_bytes(t, key, 32);
	for (size_t i = 0; i < n; i++)
		keys[i + 1] = row->keys[i];
	row->keys = keys;
	row->n_keys = n + 1;
}

/* What speaks against it, for people; NULL: nothing. */
static const char *problem(struct gv_turn *t, const Ble__PutPileRequest *r, const struct ble_certificate *it)
{
	const Ble__DeviceRef *other = gv_get(t, &cloud_ids, gv_key(pile_hex(t, it->pile, 16)));
	const Ble__PileRow *row = gv_get(t, &cloud_piles, gv_key(r->device));

	if (other && strcmp(other->device, r->device) != 0)
		return gv_str(t, "the pile of this certificate is %s: DeletePile that first", other->device);
	if (row && memcmp(row->id.data, it->pile, 16) != 0)
		return gv_str(t, "%s is another pile by its certificate: DeletePile it first", r->device);
	if (row && !same_key(row, it) && !r->replace)
		return gv_str(t, "%s has another key: say replace where it was given a new one", r->device);
	return NULL;
}

int piles_put(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Ble__PutPileRequest *r = (const Ble__PutPileRequest *)m;
	struct cloud *c = cloud_of(self, t, to);
	Ble__PutPileReply reply = BLE__PUT_PILE_REPLY__INIT;
	Ble__DeviceRef ref = BLE__DEVICE_REF__INIT;
	struct ble_certificate it;
	Ble__PileRow *row;
	const char *why;
	struct pile p;
	int bad;

	if (!c)
		return 0;
	if (strncmp(r->device, "ble:", 4) != 0)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT,
				 "device: \"%s\" is none of this plugin's, which are ble:...", r->device);
	bad = check(c, t, &r->certificate, &it);
	if (bad < 0)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT,
				 "the certificate is refused: %s; this node's root and `makers` sign them",
				 ble_result_name(bad));
	why = problem(t, r, &it);
	if (why)
		return gv_refuse(t, to, GV_FAILED_PRECONDITION, "%s", why);
	p.device = r->device;
	row = pile_edit(t, &p);
	row->id = pile_bytes(t, it.pile, 16);
	row->certificate = pile_bytes(t, r->certificate.data, r->certificate.len);
	if (!row->n_keys || !same_key(row, &it))
		put_key(t, row, it.pile_key);
	ref.device = r->device;
	gv_put(t, &cloud_ids, gv_key(pile_hex(t, it.pile, 16)), &ref);
	gv_timer_cancel(t, gv_str(t, CLOUD_NAME ":purge:%s", r->device));
	reply.pile = pile_state(c, t, &p, 0);
	return gv_reply(t, to, &reply);
}

int piles_sign(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Ble__SignCertificateRequest *r = (const Ble__SignCertificateRequest *)m;
	struct cloud *c = cloud_of(self, t, to);
	Ble__SignCertificateReply reply = BLE__SIGN_CERTIFICATE_REPLY__INIT;
	struct ble_certificate it = { .version = BLE_VERSION, .kid = 1, .expires = r->expires };
	uint8_t document[BLE_CERTIFICATE_MAX];
	int size;

	if (!c)
		return 0;
	if (!c->own_root)
		return gv_refuse(t, to, GV_FAILED_PRECONDITION,
				 "the root is elsewhere (root_public_key): it signs certificates there");
	if (!pile_unhex(r->pile, it.pile, 16) || !pile_unhex(r->public_key, it.pile_key, 32))
		return gv_refuse(t, to, GV_INVALID_ARGUMENT,
				 "pile must be 32 hex digits and public_key 64, an Ed25519 key");
	size = ble_certificate_write(&ble_openssl, &it, c->root, document, sizeof(document));
	if (size < 0)
		return gv_refuse(t, to, GV_INTERNAL, "the certificate could not be signed: %s", ble_result_name(size));
	reply.certificate = pile_bytes(t, document, (size_t)size);
	reply.root = (char *)pile_hex(t, c->root_public, 32);
	return gv_reply(t, to, &reply);
}

static int refuse_unknown(struct gv_turn *t, struct gv_ticket to, const char *device)
{
	return gv_refuse(t, to, GV_NOT_FOUND, "%.128s is no pile: PutPile makes it one", device);
}

int piles_get(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Ble__GetPileRequest *r = (const Ble__GetPileRequest *)m;
	struct cloud *c = cloud_of(self, t, to);
	Ble__GetPileReply reply = BLE__GET_PILE_REPLY__INIT;
	struct pile p;

	if (!c)
		return 0;
	if (!pile_find(t, r->device, &p))
		return refuse_unknown(t, to, r->device);
	reply.pile = pile_state(c, t, &p, r->missing_from);
	return gv_reply(t, to, &reply);
}

/* As galvan.ble.v1.Ble lists them, on whatever node. */
static Ble__Pile *listed(struct cloud *c, struct gv_turn *t, const struct pile *p)
{
	const Ble__ChainRow *chain = gv_get(t, &cloud_chains, gv_key(p->device, p->row->chain));
	const Ble__ConnectorRow *connector = gv_get(t, &cloud_connectors, gv_key(p->device, 1u));
	Ble__Pile *it = gv_alloc(t, sizeof(*it));

	ble__pile__init(it);
	it->device = (char *)p->device;
	it->id = (char *)pile_hex(t, p->row->id.data, p->row->id.len);
	it->online = line_of(c, p->device) != NULL;
	it->seen_at_ms = p->row->seen_at_ms;
	it->chain = p->row->chain;
	it->receipted = chain && chain->next ? chain->next - 1 : 0;
	it->highest = chain ? chain->highest : 0;
	it->quarantined = p->row->quarantined;
	it->state = (char *)(!connector                                ? "unknown"
			     : !strcmp(connector->status, "Charging")  ? "charging"
			     : !strcmp(connector->status, "Preparing") ? "occupied"
			     : !strcmp(connector->status, "Faulted")   ? "fault"
								       : "free");
	return it;
}

int piles_list(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Ble__ListPilesRequest *r = (const Ble__ListPilesRequest *)m;
	struct cloud *c = cloud_of(self, t, to);
	Ble__ListPilesReply reply = BLE__LIST_PILES_REPLY__INIT;
	struct gv_scan scan = { .table = &cloud_piles };

	if (!c)
		return 0;
	if (r->device[0])
		scan.prefix = gv_key(r->device);
	while (reply.n_piles < cloud_limit(r->limit) && gv_next(t, &scan)) {
		struct pile p = { scan.key.part[0].s, scan.row };

		*GV_APPEND(t, reply.piles, reply.n_piles) = listed(c, t, &p);
	}
	return gv_reply(t, to, &reply);
}

/* ---- gone ------------------------------------------------------------------------------------ */

/* Takes up to CLOUD_PURGE rows of a table whose keys begin with the device; false: there are more. */
static bool purge(struct gv_turn *t, const struct gv_table *table, const char *device, unsigned *left)
{
	struct gv_scan scan = { .table = table, .prefix = gv_key(device) };

	while (*left && gv_next(t, &scan)) {
		(*left)--;
		gv_delete(t, table, scan.key);
	}
	return *left > 0;
}

int piles_purge(struct cloud *c, struct gv_turn *t, const char *device)
{
	static const struct gv_table *const tables[] = { &cloud_records,    &cloud_forks,       &cloud_chains,
							 &cloud_grants,     &cloud_connectors,  &cloud_letters,
							 &cloud_letter_ids, &cloud_own_letters, &cloud_letter_boxes,
							 &cloud_stops,      &cloud_open_grants };
	Ble__Due due = BLE__DUE__INIT;
	unsigned left = CLOUD_PURGE;

	if (gv_get(t, &cloud_piles, gv_key(device)))
		return 0; /* it came back */
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		if (!purge(t, tables[i], device, &left)) {
			due.device = (char *)device;
			return gv_timer(t, gv_str(t, CLOUD_NAME ":purge:%s", device), gv_now_ms(t), &due);
		}
	return 0;
}

static int gone(struct cloud *c, struct gv_turn *t, const char *device)
{
	struct gv_scan scan = { .table = &cloud_open_grants, .prefix = gv_key(device) };
	struct pile p;

	if (!pile_find(t, device, &p))
		return 0;
	while (gv_next(t, &scan))
		grant_abandon(t, gv_edit(t, &cloud_grants, gv_key(device, scan.key.part[1].s)), "the pile was deleted");
	gv_delete(t, &cloud_ids, gv_key(pile_hex(t, p.row->id.data, p.row->id.len)));
	gv_delete(t, &cloud_piles, gv_key(device));
	lease_forget(c, t, device);
	gv_log(t, GV_INFO, "pile is deleted device=%s", device);
	return piles_purge(c, t, device);
}

int piles_delete(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Ble__DeletePileRequest *r = (const Ble__DeletePileRequest *)m;
	struct cloud *c = cloud_of(self, t, to);
	Ble__DeletePileReply reply = BLE__DELETE_PILE_REPLY__INIT;

	if (!c)
		return 0;
	if (!gv_get(t, &cloud_piles, gv_key(r->device)))
		return refuse_unknown(t, to, r->device);
	return gone(c, t, r->device) ? -1 : gv_reply(t, to, &reply);
}

int piles_device_changed(struct cloud *c, struct gv_turn *t, const Registry__DeviceChanged *e)
{
	const Ble__DeviceRef *was = gv_get(t, &cloud_aliases, gv_key(e->id));
	const char *before = was ? was->device : NULL;
	Ble__DeviceRef ref = BLE__DEVICE_REF__INIT;

	if (e->deleted) {
		gv_delete(t, &cloud_aliases, gv_key(e->id));
		return gone(c, t, before ? before : e->id);
	}
	for (size_t i = 0; e->device && i < e->device->n_aliases; i++)
		if (!strncmp(e->device->aliases[i], "ble:", 4))
			ref.device = e->device->aliases[i];
	if (!ref.device[0])
		return before ? gv_delete(t, &cloud_aliases, gv_key(e->id)) : 0;
	return gv_put(t, &cloud_aliases, gv_key(e->id), &ref);
}
