/* What the files of the core share: bytes, fields by table, signed documents. */
#ifndef BLE_CORE_INTERNAL_H
#define BLE_CORE_INTERNAL_H

#include "ble_core.h"
#include "ble_letters.h"

#define DOMAIN_SIZE 8 /* "CPB1-VCH": what a signature is for stands in front of what is signed */

/* ---- bytes ----------------------------------------------------------------------------------- */

uint64_t bytes_get(const uint8_t *at, unsigned size); /* big endian */
void bytes_put(uint8_t *at, uint64_t value, unsigned size);
bool bytes_zero(const uint8_t *at, size_t size);
void bytes_wipe(void *at, size_t size);
uint16_t bytes_crc16(const uint8_t *at, size_t size); /* CRC-16/CCITT-FALSE */

/* ---- fields ---------------------------------------------------------------------------------- */

enum field_kind {
	FIELD_NUMBER, /* of exactly `size` bytes */
	FIELD_FIXED,  /* exactly `size` bytes */
	FIELD_BYTES,  /* a struct ble_bytes of at most `size` */
};
struct field {
	uint8_t tag;
	uint8_t kind;
	bool optional;
	uint16_t size, offset;
};
#define FIELD(TAG, KIND, TYPE, MEMBER)                                                                                 \
	{                                                                                                              \
		.tag = (TAG), .kind = (KIND), .size = sizeof(((TYPE *)0)->MEMBER), .offset = offsetof(TYPE, MEMBER)    \
	}
#define NUMBER(TAG, TYPE, MEMBER) FIELD(TAG, FIELD_NUMBER, TYPE, MEMBER)
#define FIXED(TAG, TYPE, MEMBER) FIELD(TAG, FIELD_FIXED, TYPE, MEMBER)
#define MAYBE_FIELD(TAG, KIND, TYPE, MEMBER)                                                                           \
	{                                                                                                              \
		.tag = (TAG), .kind = (KIND), .optional = true, .size = sizeof(((TYPE *)0)->MEMBER),                   \
		.offset = offsetof(TYPE, MEMBER)                                                                       \
	}
#define MAYBE_NUMBER(TAG, TYPE, MEMBER) MAYBE_FIELD(TAG, FIELD_NUMBER, TYPE, MEMBER)
#define MAYBE_FIXED(TAG, TYPE, MEMBER) MAYBE_FIELD(TAG, FIELD_FIXED, TYPE, MEMBER)
#define MAYBE_BYTES(TAG, TYPE, MEMBER, MOST)                                                                           \
	{                                                                                                              \
		.tag = (TAG), .kind = FIELD_BYTES, .optional = true, .size = (MOST), .offset = offsetof(TYPE, MEMBER)  \
	}

/* A struct that begins with `has`, and its fields in the order of their tags. */
struct form {
	const struct field *fields;
	size_t n;
	size_t size; /* of the struct */
};
#define FORM(TYPE, FIELDS)                                                                                             \
	{                                                                                                              \
		.fields = FIELDS, .n = sizeof(FIELDS) / sizeof(*(FIELDS)), .size = sizeof(struct TYPE)                 \
	}

int form_write(const struct form *, const void *from, uint8_t *ret, size_t room);
/* The whole of `data`. `ret` is cleared first, and holds what was read before a failure. */
int form_read(const struct form *, const uint8_t *data, size_t size, void *ret);

/* ---- signed documents: fields, and behind them the signature of domain and fields ------------ */

int document_write(const struct ble_crypto *, const struct form *, const char *domain, const void *from,
		   const void *key, uint8_t *ret, size_t room);
int document_read(const struct form *, const uint8_t *data, size_t size, void *ret);
int document_verify(const struct ble_crypto *, const char *domain, const uint8_t public_key[32], const uint8_t *data,
		    size_t size);

/* ---- the two halves of a voucher's judgement, between which the holder's proof stands -------- */

int gate_identity(const struct ble_crypto *, const struct ble_gate *, const uint8_t *data, size_t size,
		  struct ble_voucher *ret);
int gate_moment(const struct ble_crypto *, const struct ble_gate *, const uint8_t nonce[16],
		const struct ble_voucher *);

/* ---- the link -------------------------------------------------------------------------------- */

/* May this end send, or the peer have sent, `type` now? The state behind it, or -BLE_UNEXPECTED. */
int rules_next(enum ble_end from, enum ble_state, uint8_t type);
int link_close(struct ble_link *, int why);
int link_send_clear(struct ble_link *, enum ble_type, const uint8_t *body, size_t size);
int link_send_sealed(struct ble_link *, enum ble_type, const struct ble_bytes *parts, size_t n);
int link_got_hello(struct ble_link *, const uint8_t *message, size_t size);
int link_got_hello_ack(struct ble_link *, const uint8_t *message, size_t size);

#endif
