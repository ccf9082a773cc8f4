/* Vouchers: what the cloud signs so that a pile without a network starts (2.5), and how a pile judges one. */
#include "core_internal.h"

#include <string.h>

static const struct field fields[] = {
	NUMBER(0x01, struct ble_voucher, version),
	NUMBER(0x02, struct ble_voucher, kid),
	FIXED(0x03, struct ble_voucher, jti),
	FIXED(0x04, struct ble_voucher, pile),
	NUMBER(0x05, struct ble_voucher, connector),
	FIXED(0x06, struct ble_voucher, holder),
	NUMBER(0x07, struct ble_voucher, issued),
	NUMBER(0x08, struct ble_voucher, not_before),
	NUMBER(0x09, struct ble_voucher, expires),
	NUMBER(0x0a, struct ble_voucher, max_wh),
	NUMBER(0x0b, struct ble_voucher, max_minutes),
	NUMBER(0x0c, struct ble_voucher, max_minor),
	FIXED(0x0d, struct ble_voucher, currency),
	FIXED(0x0e, struct ble_voucher, tariff),
	NUMBER(0x0f, struct ble_voucher, flags),
	MAYBE_FIXED(BLE_VOUCHER_NONCE, struct ble_voucher, nonce),
	FIXED(0x11, struct ble_voucher, order),
	NUMBER(0x12, struct ble_voucher, counter),
	MAYBE_BYTES(BLE_VOUCHER_USER, struct ble_voucher, user, BLE_USER_MAX),
};
static const struct form voucher = FORM(ble_voucher, fields);

int ble_voucher_write(const struct ble_crypto *c, const struct ble_voucher *from, const void *cloud_key, uint8_t *ret,
		      size_t room)
{
	return document_write(c, &voucher, "CPB1-VCH", from, cloud_key, ret, room);
}

int ble_voucher_read(const uint8_t *data, size_t size, struct ble_voucher *ret)
{
	struct ble_voucher it;
	int r = document_read(&voucher, data, size, &it);

	if (r == 0 && (it.version != BLE_VERSION || (it.flags & ~BLE_VOUCHER_FLAGS)))
		r = -BLE_UNSUPPORTED;
	if (r == 0 && (it.expires < it.issued || it.expires - it.issued > BLE_VOUCHER_LIFE_S))
		r = -BLE_TOO_LONG;
	if (r == 0)
		*ret = it;
	return r;
}

bool ble_voucher_none(const struct ble_voucher *v)
{
	return v->version == 0; /* which none that was read has */
}

/* Only an operator's may start more than one session. */
static bool starts_once(const struct ble_voucher *v)
{
	return !(v->flags & BLE_OPERATOR) || (v->flags & BLE_ONCE);
}

/* Has it started a session here? Then its holder may come back to that session. */
static bool spent(const struct ble_gate *gate, const struct ble_voucher *v)
{
	return starts_once(v) && ble_used_has(gate->used, v->jti);
}

/* For this pile, and signed by a key that lives. */
int gate_identity(const struct ble_crypto *c, const struct ble_gate *gate, const uint8_t *data, size_t size,
		  struct ble_voucher *ret)
{
	const uint8_t *key;
	int r = ble_voucher_read(data, size, ret);

	if (r < 0)
		return r;
	if (!ble_same(ret->pile, gate->pile, sizeof(ret->pile)))
		return -BLE_OTHER_PILE;
	key = ble_keyset_voucher_key(gate->keys, ret->kid);
	return key ? document_verify(c, "CPB1-VCH", key, data, size) : -BLE_UNKNOWN_KEY;
}

/* The time (3). Below a signed clock there is only the lower bound, which is good for showing that one has expired. */
static int in_time(const struct ble_gate *gate, const struct ble_voucher *v)
{
	uint32_t utc = ble_clock_utc(gate->clock, gate->uptime_ms);

	if (ble_clock_low(gate->clock, gate->uptime_ms) > v->expires)
		return -BLE_EXPIRED;
	if (gate->clock->trust < BLE_TRUST_SIGNED)
		return v->not_before > v->issued ? -BLE_NOT_YET : 0;
	if (utc > v->expires)
		return -BLE_EXPIRED;
	return utc < v->not_before ? -BLE_NOT_YET : 0;
}

/* For this connection, now, and not revoked. Without a voucher there is no time but the grant's, and none before it. */
int gate_moment(const struct ble_crypto *c, const struct ble_gate *gate, const uint8_t nonce[16],
		const struct ble_voucher *v)
{
	uint8_t holder[32];
	int r;

	if (spent(gate, v))
		return 0;
	if ((v->has & BLE_HAS(BLE_VOUCHER_NONCE)) && !ble_same(v->nonce, nonce, sizeof(v->nonce)))
		return -BLE_WRONG_NONCE;
	r = ble_voucher_none(v) && v->expires == 0 ? 0 : in_time(gate, v);
	if (r < 0)
		return r;
	if (c->sha256(c->user, v->holder, sizeof(v->holder), holder) != 0)
		return -BLE_CRYPTO;
	return ble_keyset_revokes(gate->keys, v->jti) || ble_keyset_revokes(gate->keys, holder) ? -BLE_REVOKED : 0;
}

static bool room_for(const struct ble_used *used, uint32_t low)
{
	for (size_t i = 0; i < BLE_USED_MAX; i++)
		if (used->at[i].expires < low || used->at[i].expires == 0)
			return true;
	return false;
}

int ble_gate_start(const struct ble_crypto *c, const struct ble_gate *gate, const uint8_t nonce[16],
		   const struct ble_voucher *v, uint8_t connector)
{
	bool bound = v->has & BLE_HAS(BLE_VOUCHER_NONCE);
	int r;

	if (!(v->flags & BLE_MAY_START) || (v->connector && v->connector != connector))
		return -BLE_NOT_ALLOWED;
	if (spent(gate, v))
		return -BLE_USED;
	r = gate_moment(c, gate, nonce, v); /* it may have expired, and keys have come, since it was admitted */
	if (r < 0)
		return r;
	if (!gate->online && !bound && !(v->flags & BLE_OFFLINE_OK)) /* as nobody is without a voucher */
		return -BLE_NOT_OFFLINE;
	if (!gate->online && !bound && gate->clock->trust < BLE_TRUST_SIGNED && v->max_minor > gate->cap_minor)
		return -BLE_OVER_CAP;
	if (gate->store_full)
		return -BLE_STORE_FULL;
	if (starts_once(v) && !room_for(gate->used, ble_clock_low(gate->clock, gate->uptime_ms)))
		return -BLE_STORE_FULL;
	return 0;
}

int ble_gate_stop(const struct ble_voucher *v, const uint8_t starter[32])
{
	const unsigned any = BLE_OPERATOR | BLE_MAY_STOP;

	return (v->flags & any) == any || ble_same(v->holder, starter, sizeof(v->holder)) ? 0 : -BLE_NOT_ALLOWED;
}
