/* Vouchers: a grant as its holder can show it to a pile without a network. */
#include "cloud.h"
#include "../core/ble_openssl.h"

#include <openssl/crypto.h>
#include <string.h>

#define CLOCK_SLACK_S 600

static void fill(struct cloud *c, struct gv_turn *t, const Ble__GrantRow *g, const struct voucher_wish *w,
		 struct ble_voucher *v)
{
	struct ble_grant grant;
	uint64_t has = 0;

	grant_write(c, g, &has, &grant);
	memcpy(v->jti, g->jti.data, sizeof(v->jti));
	memcpy(v->order, g->order.data, sizeof(v->order));
	memcpy(v->holder, w->holder, sizeof(v->holder));
	v->connector = (uint8_t)g->connector;
	v->issued = (uint32_t)(gv_now_ms(t) / 1000);
	v->not_before = v->issued - CLOCK_SLACK_S; /* a pile whose clock is slow must not refuse what was just signed */
	v->expires = g->expires;
	v->max_wh = grant.max_wh;
	v->max_minutes = grant.max_minutes;
	v->max_minor = grant.max_minor;
	memcpy(v->currency, grant.currency, sizeof(v->currency));
	memcpy(v->tariff, grant.tariff, sizeof(v->tariff));
	v->flags = BLE_MAY_START | BLE_MAY_STOP | BLE_ONCE;
	if (w->nonce) {
		v->has |= BLE_HAS(BLE_VOUCHER_NONCE);
		memcpy(v->nonce, w->nonce, sizeof(v->nonce));
	} else if (w->offline_ok) {
		v->flags |= BLE_OFFLINE_OK;
	}
	if (w->user && w->user[0]) {
		v->has |= BLE_HAS(BLE_VOUCHER_USER);
		v->user = (struct ble_bytes){ (const uint8_t *)w->user, strlen(w->user) };
	}
}

int voucher_sign(struct cloud *c, struct gv_turn *t, struct pile *p, Ble__GrantRow *g, const struct voucher_wish *w,
		 uint8_t ret[BLE_DOCUMENT_MAX])
{
	struct ble_voucher v = { .version = BLE_VERSION };
	uint8_t key[32];
	int r;

	if (keys_holder_revoked(t, w->holder))
		return -BLE_REVOKED;
	fill(c, t, g, w, &v);
	memcpy(v.pile, p->row->id.data, sizeof(v.pile));
	v.counter = ++pile_edit(t, p)->vouchers;
	v.kid = keys_sign(c, t, KEYS_VOUCHER, key);
	r = ble_voucher_write(&ble_openssl, &v, key, ret, BLE_DOCUMENT_MAX);
	OPENSSL_cleanse(key, sizeof(key));
	if (r > 0)
		g->given = true;
	return r;
}

static int refuse(struct gv_turn *t, struct gv_ticket to, const char *order, int why)
{
	switch (-why) {
	case BLE_USED:
		return gv_refuse(t, to, GV_FAILED_PRECONDITION, "order \"%.64s\" has started already", order);
	case BLE_EXPIRED:
		return gv_refuse(t, to, GV_FAILED_PRECONDITION,
				 "the start that order \"%.64s\" was granted has expired: order anew", order);
	case BLE_REVOKED:
		return gv_refuse(t, to, GV_PERMISSION_DENIED, "the holder's key or the voucher is revoked");
	case BLE_FORK:
		return gv_refuse(t, to, GV_FAILED_PRECONDITION,
				 "the pile is in quarantine, as its key signed two histories: use another one");
	default:
		return gv_refuse(t, to, GV_NOT_FOUND,
				 "no start is granted for \"%.64s\": Charging/Start, or billing's Checkout, grants one",
				 order);
	}
}

static bool read_keys(const Ble__GetVoucherRequest *r, uint8_t holder[32], uint8_t nonce[16])
{
	return pile_unhex(r->holder_key, holder, 32) && (!r->nonce[0] || pile_unhex(r->nonce, nonce, 16));
}

int vouchers_get(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Ble__GetVoucherRequest *r = (const Ble__GetVoucherRequest *)m;
	Ble__GetVoucherReply reply = BLE__GET_VOUCHER_REPLY__INIT;
	struct cloud *c = cloud_of(self, t, to);
	uint8_t holder[32], nonce[16], document[BLE_DOCUMENT_MAX];
	struct voucher_wish wish = { holder, r->nonce[0] ? nonce : NULL, r->offline_ok, r->user };
	const Ble__GrantRow *found;
	Ble__GrantRow *g = NULL;
	struct pile p;
	int size;

	if (!c)
		return 0;
	if (!read_keys(r, holder, nonce))
		return gv_refuse(t, to, GV_INVALID_ARGUMENT,
				 "holder_key must be 64 hex digits, an Ed25519 public key, and nonce empty or 32");
	found = grant_by_token(t, r->order, r->device);
	if (!found || !pile_find(t, found->device, &p))
		return refuse(t, to, r->order, -BLE_NOT_ALLOWED);
	size = grant_allows(c, t, &p, found->jti.data, NULL, 0, &g);
	if (size == 0)
		size = voucher_sign(c, t, &p, g, &wish, document);
	if (size < 0)
		return refuse(t, to, r->order, size);
	reply.voucher = pile_bytes(t, document, (size_t)size);
	reply.jti = (char *)pile_hex(t, g->jti.data, 16);
	reply.order = (char *)pile_hex(t, g->order.data, 16);
	reply.pile = (char *)pile_hex(t, p.row->id.data, 16);
	reply.connector = g->connector;
	reply.expires_at_ms = 1000 * (int64_t)g->expires;
	reply.keyset = keys_row(t)->document;
	return gv_reply(t, to, &reply);
}
