/* Rotating keys and revoking: a key set with a higher number, signed here or elsewhere, that travels to the piles by
 * any road. */
#include "cloud.h"
#include "../core/ble_openssl.h"

#include <string.h>

static int answer(struct cloud *c, struct gv_turn *t, struct gv_ticket to, const Ble__KeysRow *row)
{
	Ble__KeySetReply reply = BLE__KEY_SET_REPLY__INIT;
	Ble__KeysRow next = *row;

	reply.number = row->document.len ? row->number : 0;
	if (!c->own_root) {
		next.number = row->number + (row->document.len ? 1 : 0);
		next.issued = (uint32_t)(gv_now_ms(t) / 1000);
		reply.to_sign = keyset_make(c, t, &next, row->wanted);
	}
	return gv_reply(t, to, &reply);
}

/* What has changed goes out: signed here, or when the root elsewhere has signed it. */
static int publish(struct cloud *c, struct gv_turn *t, struct gv_ticket to, Ble__KeysRow *row)
{
	if (c->own_root) {
		row->generation = row->wanted;
		row->number++;
		row->issued = (uint32_t)(gv_now_ms(t) / 1000);
		row->document = keyset_make(c, t, row, row->generation);
		gv_log(t, GV_INFO, "key set is new number=%u", row->number);
	}
	return answer(c, t, to, row);
}

int keyset_get(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	struct cloud *c = cloud_of(self, t, to);
	Ble__GetKeySetReply reply = BLE__GET_KEY_SET_REPLY__INIT;
	const Ble__KeysRow *row = keys_row(t);

	if (!c)
		return 0;
	reply.document = row->document;
	reply.root = (char *)pile_hex(t, c->root_public, 32);
	reply.number = row->document.len ? row->number : 0;
	reply.revocation_epoch = row->revocation_epoch;
	reply.revoked = row->revoked;
	reply.n_revoked = row->n_revoked;
	if (!c->own_root && (!row->document.len || row->generation != row->wanted))
		reply.to_sign = keyset_make(c, t, row, row->wanted);
	return gv_reply(t, to, &reply);
}

int keyset_rotate(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	struct cloud *c = cloud_of(self, t, to);
	Ble__KeysRow *row;

	if (!c)
		return 0;
	row = gv_edit(t, &cloud_keys, gv_key(0u));
	if (row->wanted == row->generation)
		row->wanted++;
	return publish(c, t, to, row);
}

/* What a request revokes, in hex; NULL: it is wrong. */
static const char *entry_of(struct gv_turn *t, const Ble__RevokeRequest *r)
{
	uint8_t raw[32], hash[32];

	if (r->jti[0] && !r->holder[0])
		return pile_unhex(r->jti, raw, 16) ? pile_hex(t, raw, 16) : NULL;
	if (r->jti[0] || !pile_unhex(r->holder, raw, 32) || ble_openssl.sha256(NULL, raw, 32, hash) != 0)
		return NULL;
	return pile_hex(t, hash, 16);
}

static size_t find(const Ble__KeysRow *row, const char *entry)
{
	size_t i = 0;

	while (i < row->n_revoked && strcmp(row->revoked[i]->entry, entry) != 0)
		i++;
	return i;
}

static void add(struct gv_turn *t, Ble__KeysRow *row, const char *entry, const char *reason)
{
	Ble__Revoked *it = gv_alloc(t, sizeof(*it));

	ble__revoked__init(it);
	it->entry = (char *)entry;
	it->reason = gv_strdup(t, reason);
	it->at_ms = gv_now_ms(t);
	*GV_APPEND(t, row->revoked, row->n_revoked) = it;
}

static void lift(struct gv_turn *t, Ble__KeysRow *row, size_t at)
{
	Ble__Revoked **kept = gv_alloc(t, (row->n_revoked + 1) * sizeof(*kept));
	size_t n = 0;

	for (size_t i = 0; i < row->n_revoked; i++)
		if (i != at)
			kept[n++] = row->revoked[i];
	row->revoked = kept;
	row->n_revoked = n;
}

int keyset_revoke(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Ble__RevokeRequest *r = (const Ble__RevokeRequest *)m;
	struct cloud *c = cloud_of(self, t, to);
	const char *entry = entry_of(t, r);
	Ble__KeysRow *row;
	size_t at;

	if (!c)
		return 0;
	if (!entry)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT,
				 "give jti (32 hex digits) or holder (64 hex digits, the public key), and only one");
	at = find(keys_row(t), entry);
	if ((at == keys_row(t)->n_revoked) == r->lift)
		return answer(c, t, to, keys_row(t)); /* said before */
	if (!r->lift && keys_row(t)->n_revoked >= BLE_REVOKED_MAX)
		return gv_refuse(t, to, GV_RESOURCE_EXHAUSTED,
				 "%d are revoked, as many as a key set holds: lift those of vouchers that are over, or "
				 "RotateKeys when a day has passed",
				 BLE_REVOKED_MAX);
	row = gv_edit(t, &cloud_keys, gv_key(0u));
	if (r->lift)
		lift(t, row, at);
	else
		add(t, row, entry, r->reason);
	row->revocation_epoch++;
	return publish(c, t, to, row);
}

static bool holds(const struct ble_keyset *ours, const struct ble_keyset *theirs)
{
	const uint64_t must = BLE_HAS(BLE_KEYSET_VOUCHER_KEY) | BLE_HAS(BLE_KEYSET_RECEIPT_KEY) |
			      BLE_HAS(BLE_KEYSET_SEAL_KEY);

	return (theirs->has & must) == must &&
	       memcmp(ours->voucher_key[0], theirs->voucher_key[0], BLE_KEY_ENTRY) == 0 &&
	       memcmp(ours->receipt_key, theirs->receipt_key, BLE_KEY_ENTRY) == 0 &&
	       memcmp(ours->seal_key, theirs->seal_key, BLE_KEY_ENTRY) == 0;
}

int keyset_put(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Ble__PutKeySetRequest *r = (const Ble__PutKeySetRequest *)m;
	struct cloud *c = cloud_of(self, t, to);
	const Ble__KeysRow *before = keys_row(t);
	struct ble_keyset theirs, ours;
	Ble__KeysRow *row;
	int bad;

	if (!c)
		return 0;
	if (c->own_root)
		return gv_refuse(t, to, GV_FAILED_PRECONDITION,
				 "the root is this node's own: RotateKeys and Revoke sign by themselves");
	bad = ble_keyset_check(&ble_openssl, c->root_public, before->document.len ? before->number : 0,
			       r->document.data, r->document.len, &theirs);
	if (bad < 0)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT,
				 "the key set is refused: %s; its number must be above %u, and root_public_key's key "
				 "must have signed it",
				 ble_result_name(bad), before->document.len ? before->number : 0);
	if (keys_fill(c, t, before, before->wanted, &ours) < 0 || !holds(&ours, &theirs))
		return gv_refuse(t, to, GV_INVALID_ARGUMENT,
				 "its keys are not this node's: sign the bytes that RotateKeys answers as toSign");
	row = gv_edit(t, &cloud_keys, gv_key(0u));
	row->generation = row->wanted;
	row->number = theirs.number;
	row->document = pile_bytes(t, r->document.data, r->document.len);
	row->issued = theirs.issued;
	gv_log(t, GV_INFO, "key set of the root elsewhere is taken number=%u", row->number);
	return answer(c, t, to, row);
}
