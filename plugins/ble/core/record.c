/* Records: a pile's history, signed entry by entry and chained by hashes (2.6). The header is clear, so that anybody
 * can carry and nobody can cut a chain; the body can be sealed to the cloud. */
#include "core_internal.h"

#include <string.h>

#define KID_SIZE 4
#define SEAL_OVERHEAD (KID_SIZE + 32 + BLE_TAG_SIZE) /* kid, ephemeral key, tag */

static const struct field fields[] = {
	NUMBER(0x01, struct ble_record, version),
	NUMBER(0x02, struct ble_record, type),
	FIXED(0x04, struct ble_record, pile),
	NUMBER(0x05, struct ble_record, chain),
	NUMBER(0x06, struct ble_record, seq),
	FIXED(0x07, struct ble_record, prev),
	NUMBER(0x08, struct ble_record, boot),
	NUMBER(0x09, struct ble_record, uptime_ms),
	NUMBER(0x0a, struct ble_record, utc),
	NUMBER(0x0b, struct ble_record, trust),
	MAYBE_NUMBER(BLE_RECORD_CONNECTOR, struct ble_record, connector),
	MAYBE_FIXED(BLE_RECORD_SESSION, struct ble_record, session),
	MAYBE_FIXED(BLE_RECORD_JTI, struct ble_record, jti),
	MAYBE_NUMBER(BLE_RECORD_METER_WH, struct ble_record, meter_wh),
	MAYBE_NUMBER(BLE_RECORD_SESSION_WH, struct ble_record, session_wh),
	MAYBE_NUMBER(BLE_RECORD_AMOUNT, struct ble_record, amount_minor),
	MAYBE_NUMBER(BLE_RECORD_REASON, struct ble_record, reason),
	MAYBE_FIXED(BLE_RECORD_TARIFF, struct ble_record, tariff),
	MAYBE_NUMBER(BLE_RECORD_DURATION, struct ble_record, duration_s),
	MAYBE_NUMBER(BLE_RECORD_VALUE, struct ble_record, value),
	MAYBE_BYTES(BLE_RECORD_SEALED, struct ble_record, sealed, BLE_RECORD_MAX),
};
#define HEADER_FIELDS 10
#define BODY_FIELDS 10
static const struct form whole = FORM(ble_record, fields);
static const struct form header = { fields, HEADER_FIELDS, sizeof(struct ble_record) };
static const struct form body = { fields + HEADER_FIELDS, BODY_FIELDS, sizeof(struct ble_record) };

/* Everything of the body, as bits of `has`. */
static const uint64_t body_bits = BLE_HAS(BLE_RECORD_VALUE + 1) - BLE_HAS(BLE_RECORD_CONNECTOR);

/* Key and nonce of one sealed body, which no other has: the ephemeral key is its own. */
static int seal_keys(const struct ble_crypto *c, const void *own, const uint8_t *peer, const uint8_t salt[64],
		     uint8_t ret[28])
{
	uint8_t shared[32];
	int r = c->x25519(c->user, own, peer, shared);

	if (r == 0)
		r = c->hkdf_sha256(c->user, salt, 64, shared, "CPB1 seal", ret, 28);
	bytes_wipe(shared, sizeof(shared));
	return r ? -BLE_CRYPTO : 0;
}

/* Turns the clear body of `size` bytes at `at` into tag, length and sealed body; the size of these. */
static int seal_body(const struct ble_crypto *c, const struct ble_seal *seal, const uint8_t *aad, size_t aad_size,
		     uint8_t *at, size_t size)
{
	uint8_t salt[64], okm[28], *cipher = at + 3 + KID_SIZE + 32;
	int r;

	if (c->x25519(c->user, seal->ephemeral, NULL, salt) != 0)
		return -BLE_CRYPTO;
	memcpy(salt + 32, seal->public_key, 32);
	r = seal_keys(c, seal->ephemeral, seal->public_key, salt, okm);
	if (r < 0)
		return r;
	memmove(cipher, at, size);
	at[0] = BLE_RECORD_SEALED;
	bytes_put(at + 1, SEAL_OVERHEAD + size, 2);
	bytes_put(at + 3, seal->kid, KID_SIZE);
	memcpy(at + 3 + KID_SIZE, salt, 32);
	r = c->seal(c->user, okm, okm + 16, aad, aad_size, cipher, size);
	bytes_wipe(okm, sizeof(okm));
	return r ? -BLE_CRYPTO : (int)(3 + SEAL_OVERHEAD + size);
}

/* Header and body, without a signature. */
static int write_fields(const struct ble_crypto *c, const struct ble_record *it, const struct ble_seal *seal,
			uint8_t ret[BLE_RECORD_MAX - BLE_SIG_SIZE])
{
	size_t room = BLE_RECORD_MAX - BLE_SIG_SIZE - (seal ? 3 + SEAL_OVERHEAD : 0);
	int head = form_write(&header, it, ret, room), r = head;

	if (r >= 0)
		r = form_write(&body, it, ret + head, room - (size_t)head);
	if (r > 0 && seal) /* a record without a body has nothing to hide */
		r = seal_body(c, seal, ret, (size_t)head, ret + head, (size_t)r);
	if (r < 0)
		return r == -BLE_NO_ROOM ? -BLE_TOO_LONG : r;
	return head + r;
}

int ble_record_hash(const struct ble_crypto *c, const uint8_t *data, size_t size, uint8_t ret[32])
{
	uint8_t text[DOMAIN_SIZE + BLE_RECORD_MAX] = "CPB1-REC";

	if (size <= BLE_SIG_SIZE || size > BLE_RECORD_MAX)
		return -BLE_MALFORMED;
	size -= BLE_SIG_SIZE;
	memcpy(text + DOMAIN_SIZE, data, size);
	return c->sha256(c->user, text, DOMAIN_SIZE + size, ret) ? -BLE_CRYPTO : 0;
}

int ble_record_write(const struct ble_crypto *c, struct ble_chain *chain, const struct ble_record *from,
		     const struct ble_seal *seal, const void *pile_key, uint8_t *ret, size_t room)
{
	uint8_t text[DOMAIN_SIZE + 32] = "CPB1-RSG", out[BLE_RECORD_MAX];
	struct ble_record it = *from;
	size_t size;
	int r;

	it.version = BLE_VERSION;
	memcpy(it.pile, chain->pile, sizeof(it.pile));
	it.chain = chain->chain;
	it.seq = chain->next;
	memcpy(it.prev, chain->head, sizeof(it.prev));
	r = write_fields(c, &it, seal, out);
	if (r < 0)
		return r;
	size = (size_t)r + BLE_SIG_SIZE;
	if (room < size)
		return -BLE_NO_ROOM;
	r = ble_record_hash(c, out, size, text + DOMAIN_SIZE);
	if (r < 0)
		return r;
	if (c->sign(c->user, pile_key, text, sizeof(text), out + size - BLE_SIG_SIZE) != 0)
		return -BLE_CRYPTO;
	memcpy(ret, out, size);
	ble_chain_move(chain, &it, text + DOMAIN_SIZE);
	return (int)size;
}

int ble_record_read(const uint8_t *data, size_t size, struct ble_record *ret)
{
	struct ble_record it;
	int r;

	if (size > BLE_RECORD_MAX)
		return -BLE_TOO_LONG;
	r = document_read(&whole, data, size, &it);
	if (r < 0)
		return r;
	if (it.version != BLE_VERSION)
		return -BLE_UNSUPPORTED;
	if (it.has & BLE_HAS(BLE_RECORD_SEALED)) {
		if ((it.has & body_bits) || it.sealed.size <= SEAL_OVERHEAD)
			return -BLE_MALFORMED;
		it.header = (struct ble_bytes){ data, (size_t)(it.sealed.at - 3 - data) };
	}
	*ret = it;
	return 0;
}

int ble_record_open(const struct ble_crypto *c, struct ble_record *record, uint32_t kid, const void *seal_key,
		    uint8_t scratch[BLE_RECORD_MAX])
{
	uint8_t salt[64], okm[28];
	const uint8_t *at = record->sealed.at;
	size_t size = record->sealed.size - KID_SIZE - 32; /* ciphertext and tag */
	struct ble_record it;
	int r;

	if (!(record->has & BLE_HAS(BLE_RECORD_SEALED)))
		return -BLE_UNEXPECTED;
	if (bytes_get(at, KID_SIZE) != kid)
		return -BLE_UNKNOWN_KEY;
	memcpy(salt, at + KID_SIZE, 32);
	if (c->x25519(c->user, seal_key, NULL, salt + 32) != 0)
		return -BLE_CRYPTO;
	r = seal_keys(c, seal_key, salt, salt, okm);
	if (r < 0)
		return r;
	memcpy(scratch, at + KID_SIZE + 32, size);
	r = c->open(c->user, okm, okm + 16, record->header.at, record->header.size, scratch, size);
	bytes_wipe(okm, sizeof(okm));
	if (r != 0)
		return -BLE_BAD_SEAL;
	r = form_read(&body, scratch, size - BLE_TAG_SIZE, &it);
	if (r < 0)
		return r;
	for (size_t i = 0; i < BODY_FIELDS; i++)
		memcpy((uint8_t *)record + body.fields[i].offset, (uint8_t *)&it + body.fields[i].offset,
		       body.fields[i].size);
	record->has |= it.has;
	return 0;
}

int ble_session_id(const struct ble_crypto *c, const uint8_t pile[16], uint32_t chain, uint64_t first_seq,
		   uint8_t ret[16])
{
	uint8_t text[DOMAIN_SIZE + 16 + 4 + 8] = "CPB1-SID", hash[32];

	memcpy(text + DOMAIN_SIZE, pile, 16);
	bytes_put(text + DOMAIN_SIZE + 16, chain, 4);
	bytes_put(text + DOMAIN_SIZE + 20, first_seq, 8);
	if (c->sha256(c->user, text, sizeof(text), hash) != 0)
		return -BLE_CRYPTO;
	memcpy(ret, hash, 16);
	return 0;
}

int ble_order_id(const struct ble_crypto *c, const char *token, size_t size, uint8_t ret[16])
{
	uint8_t text[DOMAIN_SIZE + BLE_TOKEN_MAX] = "CPB1-ORD", hash[32];

	if (size == 0 || size > BLE_TOKEN_MAX)
		return -BLE_TOO_LONG;
	memcpy(text + DOMAIN_SIZE, token, size);
	if (c->sha256(c->user, text, DOMAIN_SIZE + size, hash) != 0)
		return -BLE_CRYPTO;
	memcpy(ret, hash, 16);
	return 0;
}
