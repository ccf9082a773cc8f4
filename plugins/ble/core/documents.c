/* Signed documents: certificate, voucher, key set, time, head and receipt are the same thing with other fields. What a
 * signature is for stands in front of what is signed, so none passes for another. */
#include "core_internal.h"

#include <string.h>

static const struct field certificate_fields[] = {
	NUMBER(0x01, struct ble_certificate, version), NUMBER(0x02, struct ble_certificate, kid),
	FIXED(0x04, struct ble_certificate, pile),     FIXED(0x06, struct ble_certificate, pile_key),
	NUMBER(0x09, struct ble_certificate, expires),
};
static const struct form certificate = FORM(ble_certificate, certificate_fields);

static const struct field time_fields[] = {
	NUMBER(0x02, struct ble_time, kid),
	FIXED(0x04, struct ble_time, pile),
	NUMBER(0x0a, struct ble_time, utc),
	FIXED(0x22, struct ble_time, nonce),
};
static const struct form times = FORM(ble_time, time_fields);

static const struct field head_fields[] = {
	FIXED(0x04, struct ble_head, pile),  NUMBER(0x05, struct ble_head, chain), NUMBER(0x06, struct ble_head, seq),
	FIXED(0x07, struct ble_head, hash),  NUMBER(0x08, struct ble_head, boot),  NUMBER(0x0a, struct ble_head, utc),
	FIXED(0x22, struct ble_head, nonce),
};
static const struct form head = FORM(ble_head, head_fields);

static const struct field receipt_fields[] = {
	NUMBER(0x02, struct ble_receipt, kid),   FIXED(0x04, struct ble_receipt, pile),
	NUMBER(0x05, struct ble_receipt, chain), NUMBER(0x06, struct ble_receipt, upto),
	FIXED(0x07, struct ble_receipt, hash),   NUMBER(0x0a, struct ble_receipt, utc),
};
static const struct form receipt = FORM(ble_receipt, receipt_fields);

int document_write(const struct ble_crypto *c, const struct form *form, const char *domain, const void *from,
		   const void *key, uint8_t *ret, size_t room)
{
	uint8_t text[DOMAIN_SIZE + BLE_DOCUMENT_MAX];
	int r = form_write(form, from, text + DOMAIN_SIZE, BLE_DOCUMENT_MAX - BLE_SIG_SIZE);

	if (r < 0)
		return r == -BLE_NO_ROOM ? -BLE_TOO_LONG : r;
	if (room < (size_t)r + BLE_SIG_SIZE)
		return -BLE_NO_ROOM;
	memcpy(text, domain, DOMAIN_SIZE);
	if (c->sign(c->user, key, text, DOMAIN_SIZE + (size_t)r, ret + r) != 0)
		return -BLE_CRYPTO;
	memcpy(ret, text + DOMAIN_SIZE, (size_t)r);
	return r + BLE_SIG_SIZE;
}

int document_read(const struct form *form, const uint8_t *data, size_t size, void *ret)
{
	if (size > BLE_DOCUMENT_MAX)
		return -BLE_TOO_LONG;
	return size <= BLE_SIG_SIZE ? -BLE_MALFORMED : form_read(form, data, size - BLE_SIG_SIZE, ret);
}

int document_verify(const struct ble_crypto *c, const char *domain, const uint8_t public_key[32], const uint8_t *data,
		    size_t size)
{
	uint8_t text[DOMAIN_SIZE + BLE_DOCUMENT_MAX];
	size_t signed_size = size - BLE_SIG_SIZE;

	if (size <= BLE_SIG_SIZE || size > BLE_DOCUMENT_MAX)
		return -BLE_MALFORMED;
	memcpy(text, domain, DOMAIN_SIZE);
	memcpy(text + DOMAIN_SIZE, data, signed_size);
	return c->verify(c->user, public_key, text, DOMAIN_SIZE + signed_size, data + signed_size) ? -BLE_BAD_SIG : 0;
}

/* ---- certificate ----------------------------------------------------------------------------- */

int ble_certificate_write(const struct ble_crypto *c, const struct ble_certificate *from, const void *root_key,
			  uint8_t *ret, size_t room)
{
	return document_write(c, &certificate, "CPB1-CRT", from, root_key, ret, room);
}

int ble_certificate_check(const struct ble_crypto *c, const uint8_t root[32], uint32_t utc, const uint8_t *data,
			  size_t size, struct ble_certificate *ret)
{
	struct ble_certificate it;
	int r = document_read(&certificate, data, size, &it);

	if (r == 0 && it.version != BLE_VERSION)
		r = -BLE_UNSUPPORTED;
	if (r == 0)
		r = document_verify(c, "CPB1-CRT", root, data, size);
	if (r == 0 && utc > it.expires)
		r = -BLE_EXPIRED;
	if (r == 0)
		*ret = it;
	return r;
}

/* ---- time ------------------------------------------------------------------------------------ */

int ble_time_write(const struct ble_crypto *c, const struct ble_time *from, const void *cloud_key, uint8_t *ret,
		   size_t room)
{
	return document_write(c, &times, "CPB1-TIM", from, cloud_key, ret, room);
}

int ble_time_check(const struct ble_crypto *c, const struct ble_keyset *keys, const uint8_t pile[16],
		   const uint8_t nonce[16], const uint8_t *data, size_t size, struct ble_time *ret)
{
	const uint8_t *key;
	struct ble_time it;
	int r = document_read(&times, data, size, &it);

	if (r < 0)
		return r;
	key = ble_keyset_receipt_key(keys, it.kid);
	if (!key)
		return -BLE_UNKNOWN_KEY;
	if (!ble_same(it.pile, pile, sizeof(it.pile)))
		return -BLE_OTHER_PILE;
	if (!ble_same(it.nonce, nonce, sizeof(it.nonce)))
		return -BLE_WRONG_NONCE;
	r = document_verify(c, "CPB1-TIM", key, data, size);
	if (r == 0)
		*ret = it;
	return r;
}

/* ---- head ------------------------------------------------------------------------------------ */

int ble_head_write(const struct ble_crypto *c, const struct ble_head *from, const void *pile_key, uint8_t *ret,
		   size_t room)
{
	return document_write(c, &head, "CPB1-HED", from, pile_key, ret, room);
}

int ble_head_read(const uint8_t *data, size_t size, struct ble_head *ret)
{
	struct ble_head it;
	int r = document_read(&head, data, size, &it);

	if (r == 0)
		*ret = it;
	return r;
}

int ble_head_check(const struct ble_crypto *c, const uint8_t pile_key[32], const uint8_t nonce[16], const uint8_t *data,
		   size_t size, struct ble_head *ret)
{
	struct ble_head it;
	int r = ble_head_read(data, size, &it);

	if (r == 0 && nonce && !ble_same(it.nonce, nonce, sizeof(it.nonce)))
		r = -BLE_WRONG_NONCE;
	if (r == 0)
		r = document_verify(c, "CPB1-HED", pile_key, data, size);
	if (r == 0)
		*ret = it;
	return r;
}

/* ---- receipt --------------------------------------------------------------------------------- */

int ble_receipt_write(const struct ble_crypto *c, const struct ble_receipt *from, const void *cloud_key, uint8_t *ret,
		      size_t room)
{
	return document_write(c, &receipt, "CPB1-RCP", from, cloud_key, ret, room);
}

int ble_receipt_read(const uint8_t *data, size_t size, struct ble_receipt *ret)
{
	struct ble_receipt it;
	int r = document_read(&receipt, data, size, &it);

	if (r == 0)
		*ret = it;
	return r;
}

int ble_receipt_check(const struct ble_crypto *c, const struct ble_keyset *keys, const struct ble_chain *chain,
		      uint64_t acked, const uint8_t *hash, const uint8_t *data, size_t size, struct ble_receipt *ret)
{
	const uint8_t *key;
	struct ble_receipt it;
	int r = document_read(&receipt, data, size, &it);

	if (r < 0)
		return r;
	key = ble_keyset_receipt_key(keys, it.kid);
	if (!key)
		return -BLE_UNKNOWN_KEY;
	if (it.chain != chain->chain || !ble_same(it.pile, chain->pile, sizeof(it.pile)))
		return -BLE_OTHER_PILE;
	if (it.upto <= acked)
		return -BLE_STALE;
	r = document_verify(c, "CPB1-RCP", key, data, size);
	if (r < 0)
		return r;
	if (it.upto >= chain->next || !hash || !ble_same(it.hash, hash, sizeof(it.hash)))
		return -BLE_FORK;
	*ret = it;
	return 0;
}
