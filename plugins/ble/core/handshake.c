/* HELLO, HELLO_ACK, AUTH (2.4): a pile proves that it is one, both get keys that nobody else has and that are gone
 * afterwards, and a holder proves on this connection that a voucher is his. */
#include "core_internal.h"

#include <string.h>

#define ALGORITHM 1 /* X25519, Ed25519, AES-128-GCM */
#define SIG_FIELD (3 + BLE_SIG_SIZE)
#define ACK_CERTIFICATE 0xc0
#define ACK_SIG 0xc1

_Static_assert(sizeof(struct ble_keys) == 88, "keys are derived in one piece");

struct hello {
	uint64_t has;
	uint8_t version, algorithm;
	uint8_t ephemeral[32], nonce[16];
};
static const struct field hello_fields[] = {
	NUMBER(0x01, struct hello, version),
	NUMBER(0x20, struct hello, algorithm),
	FIXED(0x21, struct hello, ephemeral),
	FIXED(0x22, struct hello, nonce),
};
static const struct form hello_form = FORM(hello, hello_fields);

struct ack {
	uint64_t has;
	uint8_t version, algorithm;
	uint8_t ephemeral[32], nonce[16], pile[16];
	uint32_t boot, utc;
	uint8_t trust;
	uint64_t next_seq;
	struct ble_bytes certificate;
	uint8_t sig[BLE_SIG_SIZE];
};
static const struct field ack_fields[] = {
	NUMBER(0x01, struct ack, version),
	NUMBER(0x20, struct ack, algorithm),
	FIXED(0x21, struct ack, ephemeral),
	FIXED(0x22, struct ack, nonce),
	FIXED(0x23, struct ack, pile),
	NUMBER(0x24, struct ack, boot),
	NUMBER(0x25, struct ack, utc),
	NUMBER(0x26, struct ack, trust),
	NUMBER(0x27, struct ack, next_seq),
	MAYBE_BYTES(ACK_CERTIFICATE, struct ack, certificate, BLE_CERTIFICATE_MAX),
	MAYBE_FIXED(ACK_SIG, struct ack, sig),
};
static const struct form ack_form = FORM(ack, ack_fields);

/* What both ends have said so far: the HELLO as it was sent, and the answer's fields in front of its signature. */
static int transcript(const struct ble_link *l, const uint8_t *fields, size_t size, uint8_t ret[32])
{
	uint8_t text[4 + BLE_HELLO_MAX + BLE_HELLO_ACK_MAX] = "CPB1";

	memcpy(text + 4, l->hello, l->hello_size);
	memcpy(text + 4 + l->hello_size, fields, size);
	return l->config.crypto->sha256(l->config.crypto->user, text, 4 + l->hello_size + size, ret) ? -BLE_CRYPTO : 0;
}

static int derive(struct ble_link *l, const uint8_t th[32])
{
	const struct ble_crypto *c = l->config.crypto;
	uint8_t shared[32];
	int r = c->x25519(c->user, l->ephemeral, l->peer_key, shared);

	if (r == 0)
		r = c->hkdf_sha256(c->user, th, 32, shared, "CPB1 keys", (uint8_t *)&l->keys, sizeof(l->keys));
	bytes_wipe(shared, sizeof(shared));
	l->ephemeral = NULL;
	return r ? -BLE_CRYPTO : 0;
}

/* ---- HELLO ----------------------------------------------------------------------------------- */

int ble_link_hello(struct ble_link *l, const void *ephemeral, const uint8_t nonce[16])
{
	const struct ble_crypto *c = l->config.crypto;
	struct hello it = { .version = BLE_VERSION, .algorithm = ALGORITHM };
	uint8_t body[BLE_HELLO_MAX];
	int r = rules_next(l->config.end, l->state, BLE_HELLO);

	if (r < 0)
		return r;
	if (c->x25519(c->user, ephemeral, NULL, it.ephemeral) != 0)
		return -BLE_CRYPTO;
	memcpy(it.nonce, nonce, sizeof(it.nonce));
	r = form_write(&hello_form, &it, body, sizeof(body));
	if (r >= 0)
		r = link_send_clear(l, BLE_HELLO, body, (size_t)r);
	if (r < 0)
		return r;
	l->ephemeral = ephemeral;
	memcpy(l->nonce[BLE_TERMINAL], nonce, 16);
	memcpy(l->hello, l->out.data, l->out.size);
	l->hello_size = l->out.size;
	return 0;
}

int link_got_hello(struct ble_link *l, const uint8_t *message, size_t size)
{
	struct hello it;
	int r;

	if (size > BLE_HELLO_MAX)
		return -BLE_TOO_LONG;
	r = form_read(&hello_form, message + BLE_HEADER_SIZE, size - BLE_HEADER_SIZE - 2, &it);
	if (r == 0 && (it.version != BLE_VERSION || it.algorithm != ALGORITHM))
		r = -BLE_UNSUPPORTED;
	if (r < 0)
		return r;
	memcpy(l->hello, message, size);
	l->hello_size = size;
	memcpy(l->peer_key, it.ephemeral, sizeof(it.ephemeral));
	memcpy(l->nonce[BLE_TERMINAL], it.nonce, sizeof(it.nonce));
	return 0;
}

/* ---- HELLO_ACK ------------------------------------------------------------------------------- */

/* The fields, signed; `th` is their transcript. */
static int write_ack(struct ble_link *l, struct ack *it, uint8_t *ret, size_t room, uint8_t th[32])
{
	const struct ble_crypto *c = l->config.crypto;
	uint8_t text[DOMAIN_SIZE + 32] = "CPB1-HSP";
	int r;

	it->has = BLE_HAS(ACK_CERTIFICATE);
	r = form_write(&ack_form, it, ret, room - SIG_FIELD);
	if (r >= 0)
		r = transcript(l, ret, (size_t)r, th);
	if (r < 0)
		return r;
	memcpy(text + DOMAIN_SIZE, th, 32);
	if (c->sign(c->user, l->config.pile_key, text, sizeof(text), it->sig) != 0)
		return -BLE_CRYPTO;
	it->has |= BLE_HAS(ACK_SIG);
	return form_write(&ack_form, it, ret, room);
}

int ble_link_hello_ack(struct ble_link *l, const void *ephemeral, const uint8_t nonce[16],
		       const struct ble_facts *facts)
{
	const struct ble_crypto *c = l->config.crypto;
	struct ack it = { .version = BLE_VERSION,
			  .algorithm = ALGORITHM,
			  .boot = facts->boot,
			  .utc = facts->utc,
			  .trust = facts->trust,
			  .next_seq = facts->next_seq,
			  .certificate = l->config.certificate };
	uint8_t body[BLE_HELLO_ACK_MAX], th[32];
	int r = rules_next(l->config.end, l->state, BLE_HELLO_ACK), size;

	if (r < 0)
		return r;
	if (c->x25519(c->user, ephemeral, NULL, it.ephemeral) != 0)
		return -BLE_CRYPTO;
	memcpy(it.nonce, nonce, sizeof(it.nonce));
	memcpy(it.pile, l->config.pile, sizeof(it.pile));
	size = write_ack(l, &it, body, sizeof(body), th);
	if (size < 0)
		return size;
	l->ephemeral = ephemeral;
	l->facts = *facts;
	memcpy(l->nonce[BLE_PILE], nonce, 16);
	r = derive(l, th);
	return r < 0 ? link_close(l, r) : link_send_clear(l, BLE_HELLO_ACK, body, (size_t)size);
}

/* Is this the pile that was meant, by the root's word and its own? */
static int prove(struct ble_link *l, const struct ack *it, const uint8_t th[32], struct ble_certificate *ret)
{
	const struct ble_crypto *c = l->config.crypto;
	uint8_t text[DOMAIN_SIZE + 32] = "CPB1-HSP";
	int r = ble_certificate_check(c, l->config.root, l->config.utc, it->certificate.at, it->certificate.size, ret);

	if (r < 0)
		return r;
	if (!ble_same(ret->pile, it->pile, sizeof(it->pile)) ||
	    (l->config.wanted && !ble_same(l->config.wanted, it->pile, sizeof(it->pile))))
		return -BLE_OTHER_PILE;
	memcpy(text + DOMAIN_SIZE, th, 32);
	return c->verify(c->user, ret->pile_key, text, sizeof(text), it->sig) ? -BLE_BAD_SIG : 0;
}

int link_got_hello_ack(struct ble_link *l, const uint8_t *message, size_t size)
{
	const uint8_t *body = message + BLE_HEADER_SIZE;
	const uint64_t both = BLE_HAS(ACK_CERTIFICATE) | BLE_HAS(ACK_SIG);
	struct ack it;
	uint8_t th[32];
	int r;

	size -= BLE_HEADER_SIZE + 2;
	if (size > BLE_HELLO_ACK_MAX)
		return -BLE_TOO_LONG;
	r = form_read(&ack_form, body, size, &it);
	if (r < 0)
		return r;
	if (it.version != BLE_VERSION || it.algorithm != ALGORITHM)
		return -BLE_UNSUPPORTED;
	/* Nothing stands behind the signature, as it would not be signed. */
	if ((it.has & both) != both || !ble_same(body + size - BLE_SIG_SIZE, it.sig, BLE_SIG_SIZE))
		return -BLE_MALFORMED;
	r = transcript(l, body, size - SIG_FIELD, th);
	if (r == 0)
		r = prove(l, &it, th, &l->certificate);
	if (r < 0)
		return r;
	memcpy(l->peer_key, it.ephemeral, sizeof(it.ephemeral));
	memcpy(l->nonce[BLE_PILE], it.nonce, sizeof(it.nonce));
	l->facts = (struct ble_facts){ .boot = it.boot, .utc = it.utc, .trust = it.trust, .next_seq = it.next_seq };
	return derive(l, th);
}

/* ---- AUTH ------------------------------------------------------------------------------------ */

#define HOLDER_SIZE 32 /* of the key of a holder who has no voucher */

/* What a holder signs: this connection, and this voucher's fields, or his key where he has none. */
static int possession(const struct ble_link *l, const uint8_t *shown, size_t size, uint8_t ret[DOMAIN_SIZE + 64])
{
	memcpy(ret, "CPB1-POP", DOMAIN_SIZE);
	memcpy(ret + DOMAIN_SIZE, l->keys.binding, 32);
	return l->config.crypto->sha256(l->config.crypto->user, shown, size, ret + DOMAIN_SIZE + 32) ? -BLE_CRYPTO : 0;
}

/* `shown` is a voucher, whose fields have `fields_size` bytes, or a holder's key, which has no voucher's fields. */
static int auth(struct ble_link *l, struct ble_bytes shown, size_t fields_size, const void *holder_key)
{
	const struct ble_crypto *c = l->config.crypto;
	uint8_t length[2], text[DOMAIN_SIZE + 64], pop[BLE_SIG_SIZE];
	struct ble_bytes parts[] = { { length, 2 }, shown, { pop, sizeof(pop) } };
	int r = rules_next(l->config.end, l->state, BLE_AUTH);

	if (r < 0)
		return r;
	bytes_put(length, fields_size, 2);
	r = possession(l, shown.at, fields_size ? fields_size : shown.size, text);
	if (r < 0)
		return r;
	if (c->sign(c->user, holder_key, text, sizeof(text), pop) != 0)
		return -BLE_CRYPTO;
	return link_send_sealed(l, BLE_AUTH, parts, 3);
}

int ble_link_auth(struct ble_link *l, const uint8_t *voucher, size_t size, const void *holder_key)
{
	if (size <= BLE_SIG_SIZE || size > BLE_DOCUMENT_MAX)
		return -BLE_MALFORMED;
	return auth(l, (struct ble_bytes){ voucher, size }, size - BLE_SIG_SIZE, holder_key);
}

int ble_link_auth_holder(struct ble_link *l, const uint8_t public_key[32], const void *holder_key)
{
	return auth(l, (struct ble_bytes){ public_key, HOLDER_SIZE }, 0, holder_key);
}

/* The voucher, or what stands for one where a holder shows his key alone: he may what the cloud will allow him. */
static int identity(struct ble_link *l, const struct ble_gate *gate, const uint8_t *shown, size_t size,
		    struct ble_voucher *ret)
{
	if (size != HOLDER_SIZE)
		return gate_identity(l->config.crypto, gate, shown, size, ret);
	*ret = (struct ble_voucher){ .flags = BLE_MAY_START | BLE_MAY_STOP };
	memcpy(ret->holder, shown, HOLDER_SIZE);
	return 0;
}

static int judge(struct ble_link *l, const struct ble_gate *gate, const uint8_t *body, size_t size,
		 struct ble_voucher *ret)
{
	const struct ble_crypto *c = l->config.crypto;
	uint8_t text[DOMAIN_SIZE + 64];
	size_t fields_size = size < 2 ? 0 : (size_t)bytes_get(body, 2);
	size_t shown = fields_size ? fields_size + BLE_SIG_SIZE : HOLDER_SIZE;
	int r;

	if (size != 2 + shown + BLE_SIG_SIZE) /* a voucher is always longer than a key, by its signature */
		return -BLE_MALFORMED;
	r = identity(l, gate, body + 2, shown, ret);
	if (r == 0)
		r = possession(l, body + 2, fields_size ? fields_size : HOLDER_SIZE, text);
	if (r < 0)
		return r;
	if (c->verify(c->user, ret->holder, text, sizeof(text), body + size - BLE_SIG_SIZE) != 0)
		return -BLE_BAD_POP;
	ble_clock_raise(gate->clock, ret->issued, gate->uptime_ms);
	return gate_moment(c, gate, l->nonce[BLE_PILE], ret);
}

int ble_link_admit(struct ble_link *l, const struct ble_gate *gate, const uint8_t *body, size_t size,
		   struct ble_voucher *ret)
{
	struct ble_answer answer = { 0 };
	struct ble_bytes part;
	struct ble_voucher it;
	uint8_t text[8];
	int r, sent;

	if (l->state != BLE_CLAIMED)
		return l->state == BLE_ENDED ? -BLE_CLOSED : -BLE_UNEXPECTED;
	if (ble_link_busy(l))
		return -BLE_BUSY;
	r = judge(l, gate, body, size, &it);
	answer.result = (uint8_t)-r;
	part = (struct ble_bytes){ text, (size_t)ble_answer_write(&answer, text, sizeof(text)) };
	sent = link_send_sealed(l, r == 0 ? BLE_AUTH_OK : BLE_ERR, &part, 1);
	if (r < 0)
		return link_close(l, r);
	if (sent == 0)
		*ret = it;
	return sent;
}
