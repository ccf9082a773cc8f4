/* CPB1, the protocol between a Bluetooth charging pile and whoever stands before it (docs/protocols/ble.md): segments,
 * messages, handshake, and the documents that are signed (vouchers, records, heads, receipts, key sets, times).
 *
 * For a pile's firmware, a terminal, an app on a phone and the cloud alike: no I/O, no clock, no randomness, no memory
 * of its own. The caller owns every struct here and hands in the time, the random bytes and the cryptography; nothing
 * is shared between two structs, so a thread may have its own. Numbers travel big endian.
 *
 * Functions return 0 or a size, or a negative enum ble_result; what they return by pointer is untouched on failure
 * unless said otherwise. Pointers inside results borrow from the bytes that were read. `utc` is seconds since 1970, 0
 * where unknown; `_ms` is of any clock that does not go back; energy is Wh, money minor units.
 */
#ifndef BLE_CORE_H
#define BLE_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BLE_VERSION 1
#define BLE_MTU_MIN 23
#define BLE_MTU_MAX 517
#define BLE_VALUE_MAX 512    /* bytes of a segment: no attribute is longer, whatever the MTU (Core 5.4, 3.F.3.2.9) */
#define BLE_SENT_MAX 510     /* of one that is sent: BlueZ's GATT server drops more before 5.69 (docs/adr/0023) */
#define BLE_MESSAGE_MAX 4096 /* bytes of a message */
#define BLE_HEADER_SIZE 6    /* type, flags, counter */
#define BLE_TAG_SIZE 16      /* of a sealed message */
#define BLE_BODY_MAX (BLE_MESSAGE_MAX - BLE_HEADER_SIZE - BLE_TAG_SIZE)
#define BLE_SIG_SIZE 64
#define BLE_DOCUMENT_MAX 1536 /* bytes of a signed document with its signature */
#define BLE_RECORD_MAX 320    /* a record with its signature: what a pile's store keeps an entry for */
#define BLE_CERTIFICATE_MAX 192
#define BLE_USER_MAX 32   /* bytes of a voucher's user reference */
#define BLE_TOKEN_MAX 64  /* bytes of an order's token */
#define BLE_HELLO_MAX 128 /* bytes of a HELLO */
#define BLE_HELLO_ACK_MAX 512
#define BLE_VOUCHER_KEYS 4
#define BLE_KEY_ENTRY 36 /* kid and public key */
#define BLE_REVOKED_MAX 64
#define BLE_USED_MAX 256 /* vouchers that a pile remembers as used */
#define BLE_VOUCHER_LIFE_S (24 * 3600)
#define BLE_SEGMENT_GAP_MS 2000 /* at most between two segments of a message */
#define BLE_HELLO_WAIT_MS 10000 /* from the connection to the HELLO, and from there to its answer */
#define BLE_AUTH_WAIT_MS 30000  /* from the keys to AUTH, and from there to its answer */
#define BLE_IDLE_MS 120000

/* Why something was refused. These numbers travel, so they never change their meaning. */
enum ble_result {
	BLE_OK = 0,
	BLE_MALFORMED = 1, /* not the canonical form, or a field is missing */
	BLE_TOO_LONG = 2,
	BLE_UNKNOWN_TAG = 3,  /* a critical field that this version does not know */
	BLE_OUT_OF_ORDER = 4, /* a segment or message is lost, doubled or overtaken */
	BLE_LATE = 5,         /* the other end took too long */
	BLE_UNEXPECTED = 6,   /* a message that has no place in this state */
	BLE_UNSUPPORTED = 7,  /* a version, algorithm, flag or MTU */
	BLE_BAD_CRC = 8,
	BLE_BAD_SEAL = 9,
	BLE_BAD_SIG = 10,
	BLE_BAD_POP = 11,     /* the voucher is another holder's */
	BLE_UNKNOWN_KEY = 12, /* no live key has this kid */
	BLE_OTHER_PILE = 13,
	BLE_WRONG_NONCE = 14,
	BLE_EXPIRED = 15,
	BLE_NOT_YET = 16,
	BLE_USED = 17,
	BLE_REVOKED = 18,
	BLE_NOT_OFFLINE = 19, /* neither bound to this connection nor meant for use without a network */
	BLE_OVER_CAP = 20,    /* more money than a pile without a trusted clock gives on a voucher that is not bound */
	BLE_STORE_FULL = 21,
	BLE_NOT_ALLOWED = 22, /* the voucher is not for this */
	BLE_STALE = 23,       /* an older key set, or a receipt for what was receipted already */
	BLE_FORK = 24,        /* a pile's key signed two histories */
	BLE_GAP = 25,         /* a good record, ones in front of it are missing */
	BLE_DUPLICATE = 26,   /* a good record that is known */
	BLE_METER = 27,       /* the meter ran backwards, or its ends do not give the session's energy */
	BLE_CRYPTO = 28,      /* the cryptography failed by itself */
	BLE_NO_ROOM = 29,     /* the caller's buffer is too small */
	BLE_BUSY = 30,        /* the message before has not left yet */
	BLE_CLOSED = 31,      /* this connection is over */
};
#define BLE_RESULTS 32
const char *ble_result_name(int result); /* "BAD_SIG", for either sign; "?" for what is none */

struct ble_bytes {
	const uint8_t *at;
	size_t size;
};

/* ---- cryptography: what the caller brings ---------------------------------------------------- */

/* ble_openssl.h has one over libcrypto. Every function returns 0, or non-zero where it failed or the proof is wrong.
 * A `key` is whatever the implementation knows a secret by (a handle of a secure element); OpenSSL's is its 32 bytes.
 */
struct ble_crypto {
	void *user;
	int (*sha256)(void *user, const void *data, size_t size, uint8_t ret[32]);
	int (*hkdf_sha256)(void *user, const void *salt, size_t salt_size, const uint8_t ikm[32], const char *info,
			   uint8_t *ret, size_t size);
	/* X25519; `peer` NULL gives the public key. Must refuse a result of zeros (RFC 7748, 6.1). */
	int (*x25519)(void *user, const void *key, const uint8_t *peer, uint8_t ret[32]);
	int (*sign)(void *user, const void *key, const void *data, size_t size, uint8_t ret[BLE_SIG_SIZE]);
	int (*verify)(void *user, const uint8_t public_key[32], const void *data, size_t size,
		      const uint8_t sig[BLE_SIG_SIZE]);
	/* AES-128-GCM in place: `data` of `size` bytes, its tag behind it. */
	int (*seal)(void *user, const uint8_t key[16], const uint8_t nonce[12], const void *aad, size_t aad_size,
		    uint8_t *data, size_t size);
	int (*open)(void *user, const uint8_t key[16], const uint8_t nonce[12], const void *aad, size_t aad_size,
		    uint8_t *data, size_t size);
};

/* ---- fields ---------------------------------------------------------------------------------- */

/* Every struct that travels begins with `has`: a bit for each field that is there, by BLE_HAS(tag). Fields that must be
 * there are written whatever it says. */
#define BLE_HAS(tag) (UINT64_C(1) << ((tag) < 0xc0 ? (tag) : (tag)-0xc0 + 56))

/* ---- segments (2.2) -------------------------------------------------------------------------- */

/* Puts messages together from one direction's attribute values. All zero to begin with. */
struct ble_join {
	uint8_t data[BLE_MESSAGE_MAX]; /* the message, when ble_join() said 1, until its next call */
	uint16_t size, total;
	uint8_t counter;
	bool inside;
	uint64_t last_ms;
};
/* Takes the next value. 1: a message is whole; 0: more is awaited; negative: the connection must end, as the link below
 * neither loses nor reorders. */
int ble_join(struct ble_join *, const uint8_t *value, size_t size, uint64_t now_ms);

/* Cuts messages for one direction. All zero to begin with; the message lies in data[0, size), at = 0. */
struct ble_split {
	uint8_t data[BLE_MESSAGE_MAX];
	uint16_t size, at;
	uint8_t counter;
};
/* Writes the next segment; its size, 0 where nothing is left. -BLE_NO_ROOM where `room` is below the value's size. */
int ble_split(struct ble_split *, unsigned mtu, uint8_t *ret, size_t room);
/* How many segments a message of that size has; 0 for an MTU that does not exist. */
unsigned ble_segments(size_t size, unsigned mtu);

/* ---- documents: fields and a signature behind them ------------------------------------------- */

/* Who may read a record's body: the cloud's X25519 key. `ephemeral` is a fresh secret each time. */
struct ble_seal {
	uint32_t kid;
	const uint8_t *public_key; /* 32 bytes */
	const void *ephemeral;
};

struct ble_certificate {
	uint64_t has;
	uint8_t version;
	uint32_t kid; /* the root's */
	uint8_t pile[16];
	uint8_t pile_key[32];
	uint32_t expires;
};
/* The size written, with the signature. */
int ble_certificate_write(const struct ble_crypto *, const struct ble_certificate *, const void *root_key, uint8_t *ret,
			  size_t room);
/* Is it signed by the root, and not expired? `utc` 0 lets the time be. */
int ble_certificate_check(const struct ble_crypto *, const uint8_t root[32], uint32_t utc, const uint8_t *data,
			  size_t size, struct ble_certificate *ret);

enum ble_voucher_flag {
	BLE_MAY_START = 1,
	BLE_MAY_STOP = 2,
	BLE_OPERATOR = 4,   /* may stop anybody's session */
	BLE_OFFLINE_OK = 8, /* good without being bound to a connection */
	BLE_ONCE = 16,      /* an operator's voucher that starts once only; all others do so anyway */
};
#define BLE_VOUCHER_FLAGS 31 /* one beyond these may limit what they allow, so it is not passed over */
enum { BLE_VOUCHER_NONCE = 0x10, BLE_VOUCHER_USER = 0x13 }; /* what may be absent */

struct ble_voucher {
	uint64_t has;
	uint8_t version;
	uint32_t kid;
	uint8_t jti[16], pile[16];
	uint8_t connector;  /* 0: any */
	uint8_t holder[32]; /* public key */
	uint32_t issued, not_before, expires;
	uint32_t max_wh;
	uint16_t max_minutes;
	uint32_t max_minor;
	uint8_t currency[3];
	uint8_t tariff[8];
	uint16_t flags;
	uint8_t nonce[16]; /* the pile's, of the connection that it is for */
	uint8_t order[16];
	uint32_t counter; /* how many vouchers the cloud has signed for this pile */
	struct ble_bytes user;
};
int ble_voucher_write(const struct ble_crypto *, const struct ble_voucher *, const void *cloud_key, uint8_t *ret,
		      size_t room);
/* What it says, proved by nothing. */
int ble_voucher_read(const uint8_t *data, size_t size, struct ble_voucher *ret);
/* Is it what ble_link_admit() gives for a holder who has none? Only `holder` and `flags` say something then. */
bool ble_voucher_none(const struct ble_voucher *);

enum { BLE_KEYSET_VOUCHER_KEY = 0x32, BLE_KEYSET_RECEIPT_KEY = 0x36, BLE_KEYSET_SEAL_KEY = 0x37 };
enum { BLE_KEYSET_REVOKED = 0xc0 };
/* The cloud's keys, signed by the root. An entry is a kid and a public key. */
struct ble_keyset {
	uint64_t has;
	uint8_t version;
	uint32_t root_kid, issued;
	uint32_t number; /* only rises */
	uint32_t revocation_epoch;
	uint8_t voucher_key[BLE_VOUCHER_KEYS][BLE_KEY_ENTRY], receipt_key[BLE_KEY_ENTRY], seal_key[BLE_KEY_ENTRY];
	struct ble_bytes revoked; /* 16 bytes each: a jti, or the begin of a holder's SHA-256 */
};
int ble_keyset_write(const struct ble_crypto *, const struct ble_keyset *, const void *root_key, uint8_t *ret,
		     size_t room);
/* Is it signed by the root and younger than `number`, that of the one in use (0: none)? Borrows `data` for `revoked`.
 */
int ble_keyset_check(const struct ble_crypto *, const uint8_t root[32], uint32_t number, const uint8_t *data,
		     size_t size, struct ble_keyset *ret);
const uint8_t *ble_keyset_voucher_key(const struct ble_keyset *, uint32_t kid); /* NULL: none */
const uint8_t *ble_keyset_receipt_key(const struct ble_keyset *, uint32_t kid);
bool ble_keyset_revokes(const struct ble_keyset *, const uint8_t entry[16]);

struct ble_time {
	uint64_t has;
	uint32_t kid;
	uint8_t pile[16];
	uint32_t utc;
	uint8_t nonce[16]; /* the pile's, of this connection: so it is fresh */
};
int ble_time_write(const struct ble_crypto *, const struct ble_time *, const void *cloud_key, uint8_t *ret,
		   size_t room);
int ble_time_check(const struct ble_crypto *, const struct ble_keyset *, const uint8_t pile[16],
		   const uint8_t nonce[16], const uint8_t *data, size_t size, struct ble_time *ret);

/* ---- records (2.6) --------------------------------------------------------------------------- */

enum ble_record_type {
	BLE_RECORD_START = 1,
	BLE_RECORD_METER,
	BLE_RECORD_END,
	BLE_RECORD_FAULT,
	BLE_RECORD_AUDIT,
	BLE_RECORD_TIME, /* value: the utc before */
	BLE_RECORD_KEYS, /* value: the key set's number */
	BLE_RECORD_BOOT,
	BLE_RECORD_FIRMWARE, /* value: its version */
};
enum {
	BLE_RECORD_CONNECTOR = 0xc,
	BLE_RECORD_SESSION = 0xd,
	BLE_RECORD_JTI = 0xe,
	BLE_RECORD_METER_WH = 0xf,
	BLE_RECORD_SESSION_WH = 0x10,
	BLE_RECORD_AMOUNT = 0x11,
	BLE_RECORD_REASON = 0x12,
	BLE_RECORD_TARIFF = 0x13,
	BLE_RECORD_DURATION = 0x14,
	BLE_RECORD_VALUE = 0x15,
	BLE_RECORD_SEALED = 0xc0
};
/* Why a session ended. These numbers travel, so they never change their meaning. */
enum ble_reason {
	BLE_REASON_HOLDER = 1, /* who had started it */
	BLE_REASON_OPERATOR,
	BLE_REASON_CLOUD,
	BLE_REASON_UNPLUGGED,
	BLE_REASON_EMERGENCY, /* the button at the pile */
	BLE_REASON_FAULT,
	BLE_REASON_ENERGY, /* what the voucher gives is used up */
	BLE_REASON_TIME,
	BLE_REASON_POWER, /* the pile lost its own */
};
struct ble_record {
	uint64_t has;
	/* the header, always clear */
	uint8_t version, type;
	uint8_t pile[16];
	uint32_t chain;
	uint64_t seq;
	uint8_t prev[32];
	uint32_t boot;
	uint64_t uptime_ms;
	uint32_t utc;
	uint8_t trust; /* enum ble_trust */
	/* the body, clear or sealed; each field may be absent */
	uint8_t connector;
	uint8_t session[16], jti[16];
	uint64_t meter_wh;
	uint32_t session_wh, amount_minor;
	uint8_t reason;
	uint8_t tariff[8];
	uint32_t duration_s, value;
	struct ble_bytes sealed; /* kid, ephemeral key, ciphertext, tag; `header` is what it is bound to */
	struct ble_bytes header;
};
/* Where a pile's history stands: its chain, the number of the next record, and the hash of the last (zeros: none yet).
 */
struct ble_chain {
	uint8_t pile[16];
	uint32_t chain;
	uint64_t next;
	uint8_t head[32];
};
/* Writes the next record of the pile's own chain, and moves the chain on. Version, pile, chain, number and predecessor
 * are the chain's. `seal` NULL leaves the body clear. At most BLE_RECORD_MAX bytes, else -BLE_TOO_LONG. */
int ble_record_write(const struct ble_crypto *, struct ble_chain *, const struct ble_record *,
		     const struct ble_seal *seal, const void *pile_key, uint8_t *ret, size_t room);
int ble_record_read(const uint8_t *data, size_t size, struct ble_record *ret);
int ble_record_hash(const struct ble_crypto *, const uint8_t *data, size_t size, uint8_t ret[32]);
/* Opens a sealed body into the record that was read. `scratch` holds BLE_RECORD_MAX bytes. */
int ble_record_open(const struct ble_crypto *, struct ble_record *, uint32_t kid, const void *seal_key,
		    uint8_t scratch[BLE_RECORD_MAX]);
int ble_session_id(const struct ble_crypto *, const uint8_t pile[16], uint32_t chain, uint64_t first_seq,
		   uint8_t ret[16]);
/* What START and VOUCHER_GET call an order: of its token, which only the cloud and whoever ordered know. */
int ble_order_id(const struct ble_crypto *, const char *token, size_t size, uint8_t ret[16]);

/* What the cloud holds around a record that came in; NULL where it holds nothing. */
struct ble_neighbours {
	const uint8_t *same;   /* the hash of the record of this number */
	const uint8_t *before; /* the hash of the record before */
	const uint8_t *after;  /* the `prev` of the record behind */
};
/* The one judgement for all roads (2.7): BLE_OK, the next of the contiguous part; -BLE_GAP, good and ahead of it, to be
 * kept; -BLE_DUPLICATE, known; -BLE_FORK, by the pile's own signature not of this history; else what is wrong with it.
 * Nothing is believed of what the pile did not sign: a stranger cannot bring a pile into the suspicion of a fork.
 * A chain of which nothing is known has zeros as its head, and begins with the record whose predecessor is zeros.
 * `ret` and `ret_hash` are set for these four. The chain is not moved. */
int ble_record_judge(const struct ble_crypto *, const uint8_t pile_key[32], const struct ble_chain *,
		     const struct ble_neighbours *, const uint8_t *data, size_t size, struct ble_record *ret,
		     uint8_t ret_hash[32]);
void ble_chain_move(struct ble_chain *, const struct ble_record *, const uint8_t hash[32]); /* behind this record */
/* 0 or -BLE_METER: a later record of the same connector, and a session's ends. */
int ble_meter_follows(const struct ble_record *earlier, const struct ble_record *later);
int ble_session_adds_up(const struct ble_record *start, const struct ble_record *end);

/* A pile's word on where its history stood, for whoever gave the nonce. */
struct ble_head {
	uint64_t has;
	uint8_t pile[16];
	uint32_t chain;
	uint64_t seq;
	uint8_t hash[32];
	uint32_t boot, utc;
	uint8_t nonce[16];
};
int ble_head_write(const struct ble_crypto *, const struct ble_head *, const void *pile_key, uint8_t *ret, size_t room);
/* What it says, proved by nothing. */
int ble_head_read(const uint8_t *data, size_t size, struct ble_head *ret);
/* `nonce` NULL: whoever asked for it. */
int ble_head_check(const struct ble_crypto *, const uint8_t pile_key[32], const uint8_t nonce[16], const uint8_t *data,
		   size_t size, struct ble_head *ret);

/* The cloud's word that it holds everything up to a record. Only this lets a pile forget. */
struct ble_receipt {
	uint64_t has;
	uint32_t kid;
	uint8_t pile[16];
	uint32_t chain;
	uint64_t upto;
	uint8_t hash[32];
	uint32_t utc;
};
int ble_receipt_write(const struct ble_crypto *, const struct ble_receipt *, const void *cloud_key, uint8_t *ret,
		      size_t room);
int ble_receipt_read(const uint8_t *data, size_t size, struct ble_receipt *ret);
/* Is it the cloud's, for this chain, and of the history that the pile has? `acked` is what is receipted already, `hash`
 * that of the pile's record `upto` (NULL: it has none, -BLE_FORK). */
int ble_receipt_check(const struct ble_crypto *, const struct ble_keyset *, const struct ble_chain *, uint64_t acked,
		      const uint8_t *hash, const uint8_t *data, size_t size, struct ble_receipt *ret);

/* ---- what a pile decides by (2.5, 3) --------------------------------------------------------- */

enum ble_trust { BLE_TRUST_NONE, BLE_TRUST_RTC, BLE_TRUST_SIGNED, BLE_TRUST_NETWORK };
/* A clock, and a lower bound of the time that needs none. */
struct ble_clock {
	uint8_t trust;
	uint32_t utc, low;             /* as they were at */
	uint64_t utc_at_ms, low_at_ms; /* of uptime */
};
/* After a boot: nothing is trusted; `low` is the latest of what the store holds and when the firmware was built. */
void ble_clock_init(struct ble_clock *, uint32_t low);
void ble_clock_set(struct ble_clock *, enum ble_trust, uint32_t utc, uint64_t uptime_ms);
void ble_clock_raise(struct ble_clock *, uint32_t utc, uint64_t uptime_ms); /* something signed says that it is later */
uint32_t ble_clock_utc(const struct ble_clock *, uint64_t uptime_ms);       /* 0: unknown */
uint32_t ble_clock_low(const struct ble_clock *, uint64_t uptime_ms);

/* Are they the same bytes? In a time that does not depend on what they hold. */
bool ble_same(const void *a, const void *b, size_t size);

/* Vouchers that have started a session. All zero to begin with; to be kept over a boot. */
struct ble_used {
	struct {
		uint8_t jti[16];
		uint32_t expires; /* 0: free */
	} at[BLE_USED_MAX];
};
bool ble_used_has(const struct ble_used *, const uint8_t jti[16]);
/* Takes the place of one that is over, by the lower bound `low`; -BLE_STORE_FULL where all may still be shown. */
int ble_used_add(struct ble_used *, const uint8_t jti[16], uint32_t expires, uint32_t low);

struct ble_gate {
	const uint8_t *pile; /* 16 bytes */
	const struct ble_keyset *keys;
	struct ble_clock *clock; /* raised by vouchers that are verified */
	uint64_t uptime_ms;
	const struct ble_used *used;
	bool online;        /* the cloud was asked, and said yes */
	bool store_full;    /* the records' store is at its reserve */
	uint32_t cap_minor; /* the most for a voucher that is not bound, without a trusted clock */
};
/* May this voucher start at that connector now? It was admitted on this connection, whose nonce this is. After BLE_OK
 * the pile writes it into `used` before its relay closes. For a holder without one the pile has asked the cloud and put
 * the grant's jti and expiry into it. */
int ble_gate_start(const struct ble_crypto *, const struct ble_gate *, const uint8_t nonce[16],
		   const struct ble_voucher *, uint8_t connector);
/* May it stop a session that this holder started? */
int ble_gate_stop(const struct ble_voucher *, const uint8_t starter[32]);

/* ---- messages (2.3) -------------------------------------------------------------------------- */

enum ble_type {
	BLE_HELLO = 0x01,
	BLE_HELLO_ACK = 0x02,
	BLE_ERROR = 0x03, /* clear: a hint, proved by nothing */
	BLE_AUTH = 0x10,
	BLE_AUTH_OK = 0x11,
	BLE_START = 0x12,
	BLE_START_RES = 0x13,
	BLE_STOP = 0x14,
	BLE_STOP_RES = 0x15,
	BLE_STATUS = 0x16,
	BLE_STATUS_RES = 0x17,
	BLE_REC_GET = 0x20,
	BLE_REC = 0x21,     /* a record */
	BLE_REC_END = 0x22, /* a head */
	BLE_REC_STORED = 0x23,
	BLE_RCPT_PUT = 0x24,   /* a receipt */
	BLE_KEYSET_PUT = 0x25, /* a key set */
	BLE_TIME_PUT = 0x26,   /* a time */
	BLE_CFG_PUT = 0x27,
	BLE_PUT_RES = 0x28,
	BLE_COURIER_GET = 0x29,
	BLE_COURIER = 0x2a, /* ble_letters.h */
	/* on the road to the cloud only (ble_frame_write) */
	BLE_FETCH = 0x2b,
	BLE_VOUCHER_GET = 0x2c,
	BLE_VOUCHER = 0x2d, /* a voucher */
	BLE_ASK = 0x2e,
	BLE_ASK_RES = 0x2f,
	BLE_ERR = 0x3f, /* sealed */
};

enum { BLE_ANSWER_SEQ = 0x06, BLE_ANSWER_SESSION = 0x0d };
/* AUTH_OK, START_RES, STOP_RES, PUT_RES, ERROR, ERR. */
struct ble_answer {
	uint64_t has;
	uint8_t result; /* enum ble_result */
	uint64_t seq;   /* of the record that the command made; of a COURIER: the bytes that the pile has */
	uint8_t session[16];
};
/* What the cloud allows one session, to a pile that it speaks to itself: what a voucher would say. */
enum {
	BLE_GRANT_JTI = 0x03, /* the start record names it */
	BLE_GRANT_EXPIRES = 0x09,
	BLE_GRANT_WH = 0x0a,
	BLE_GRANT_MINUTES = 0x0b,
	BLE_GRANT_AMOUNT = 0x0c,
	BLE_GRANT_CURRENCY = 0x0d,
	BLE_GRANT_TARIFF = 0x0e
};
struct ble_grant {
	uint8_t jti[16];
	uint32_t expires; /* nothing starts behind it */
	uint32_t max_wh;
	uint16_t max_minutes;
	uint32_t max_minor;
	uint8_t currency[3], tariff[8];
};
/* START, STOP. The same order again is the same command: its answer is given again. A grant is in a START of the cloud
 * only: by Bluetooth the voucher says what is allowed. */
struct ble_command {
	uint64_t has;
	uint8_t connector;
	uint8_t order[16];
	struct ble_grant grant;
};
struct ble_status {
	uint64_t has;
	uint8_t state; /* 0 free, 1 occupied, 2 charging, 3 fault */
	uint8_t connector;
	uint8_t session[16];
	uint32_t session_wh, power_w;
	uint32_t pending; /* records without a receipt */
};
enum { BLE_STATUS_SESSION = 0x0d, BLE_STATUS_WH = 0x10 };
/* REC_GET. The pile answers with up to `most` records and a head for the nonce. */
struct ble_record_get {
	uint64_t has;
	uint32_t chain;
	uint64_t from;
	uint8_t nonce[16];
	uint16_t most;
};
/* REC_STORED: the terminal has these in its store. No permission to forget. */
struct ble_record_stored {
	uint64_t has;
	uint32_t chain;
	uint64_t upto;
};
/* ASK: a holder stands before a pile that has a network; may he start? With a voucher: its jti. */
enum { BLE_ASK_JTI = 0x03 };
struct ble_ask {
	uint64_t has;
	uint8_t jti[16];
	uint8_t connector;
	uint8_t order[16];
	uint8_t holder[32];
};
struct ble_ask_result {
	uint64_t has;
	uint8_t result; /* BLE_OK: with a grant */
	struct ble_grant grant;
};
/* VOUCHER_GET: a voucher for a holder's key; with the pile's nonce one that is bound to that connection. */
enum { BLE_VOUCHER_GET_NONCE = 0x10 };
struct ble_voucher_get {
	uint64_t has;
	uint8_t pile[16];
	uint8_t connector;
	uint8_t nonce[16];
	uint8_t order[16];
	uint8_t holder[32];
};
/* FETCH: what is there for a pile; the time only with the nonce of its connection. */
enum { BLE_FETCH_NONCE = 0x22 };
struct ble_fetch {
	uint64_t has;
	uint8_t pile[16];
	uint8_t nonce[16];
};
int ble_answer_write(const struct ble_answer *, uint8_t *ret, size_t room);
int ble_answer_read(const uint8_t *body, size_t size, struct ble_answer *ret);
int ble_command_write(const struct ble_command *, uint8_t *ret, size_t room);
int ble_command_read(const uint8_t *body, size_t size, struct ble_command *ret);
int ble_status_write(const struct ble_status *, uint8_t *ret, size_t room);
int ble_status_read(const uint8_t *body, size_t size, struct ble_status *ret);
int ble_record_get_write(const struct ble_record_get *, uint8_t *ret, size_t room);
int ble_record_get_read(const uint8_t *body, size_t size, struct ble_record_get *ret);
int ble_record_stored_write(const struct ble_record_stored *, uint8_t *ret, size_t room);
int ble_record_stored_read(const uint8_t *body, size_t size, struct ble_record_stored *ret);
int ble_ask_write(const struct ble_ask *, uint8_t *ret, size_t room);
int ble_ask_read(const uint8_t *body, size_t size, struct ble_ask *ret);
int ble_ask_result_write(const struct ble_ask_result *, uint8_t *ret, size_t room);
int ble_ask_result_read(const uint8_t *body, size_t size, struct ble_ask_result *ret);
int ble_voucher_get_write(const struct ble_voucher_get *, uint8_t *ret, size_t room);
int ble_voucher_get_read(const uint8_t *body, size_t size, struct ble_voucher_get *ret);
int ble_fetch_write(const struct ble_fetch *, uint8_t *ret, size_t room);
int ble_fetch_read(const uint8_t *body, size_t size, struct ble_fetch *ret);

/* A message on the WebSocket to the cloud: clear, as TLS is beside it. `counter` names a request; its answers have the
 * same. */
struct ble_frame {
	uint8_t type; /* any: who reads decides whether it has a place */
	uint32_t counter;
	struct ble_bytes body;
};
/* The size written, at most BLE_MESSAGE_MAX. */
int ble_frame_write(const struct ble_frame *, uint8_t *ret, size_t room);
int ble_frame_read(const uint8_t *data, size_t size, struct ble_frame *ret);

/* ---- the link: one end of one connection, state by state ------------------------------------- */

enum ble_end { BLE_TERMINAL, BLE_PILE };

enum ble_state {
	BLE_OPENED, /* nothing was said */
	BLE_GREETED,
	BLE_KEYED,   /* the pile has proved itself */
	BLE_CLAIMED, /* AUTH is under way */
	BLE_READY,
	BLE_ENDED,
};

struct ble_link_config {
	enum ble_end end;
	const struct ble_crypto *crypto;
	/* a terminal's */
	const uint8_t *root;   /* public key that certificates hang on */
	const uint8_t *wanted; /* the id of the pile that it means to speak to; NULL: any */
	uint32_t utc;          /* for the certificate; 0: unknown */
	/* a pile's */
	const uint8_t *pile; /* its id */
	const void *pile_key;
	struct ble_bytes certificate;
};

/* What a pile says of itself in HELLO_ACK. */
struct ble_facts {
	uint32_t boot, utc;
	uint8_t trust;
	uint64_t next_seq;
};

/* Both directions have one of each; [0] is the terminal's to the pile. */
struct ble_keys {
	uint8_t key[2][16], iv[2][12];
	uint8_t binding[32]; /* what AUTH binds a voucher to */
};

struct ble_link {
	struct ble_link_config config; /* what it points to outlives the link */
	enum ble_state state;
	int why; /* the result that closed it */
	uint64_t since_ms, now_ms;
	const void *ephemeral;
	uint8_t nonce[2][16]; /* the terminal's, the pile's */
	uint8_t hello[BLE_HELLO_MAX], peer_key[32];
	size_t hello_size;
	struct ble_keys keys;
	uint32_t counter[2];
	struct ble_facts facts;
	struct ble_certificate certificate; /* of the pile, from BLE_KEYED on */
	struct ble_join in;
	struct ble_split out;
};

struct ble_message {
	enum ble_type type;
	struct ble_bytes body; /* until the next ble_link_receive() */
};

void ble_link_init(struct ble_link *, const struct ble_link_config *, uint64_t now_ms);
/* Overwrites every secret. */
void ble_link_fini(struct ble_link *);
/* An attribute value came. 1: a message, which is authentic but for HELLO and ERROR; 0: none yet; negative: the link is
 * closed. Then too there may be segments to send, which tell the peer why. */
int ble_link_receive(struct ble_link *, const uint8_t *value, size_t size, uint64_t now_ms, struct ble_message *ret);
/* The next segment to send; its size, 0 for none. */
int ble_link_segment(struct ble_link *, unsigned mtu, uint8_t *ret, size_t room);
bool ble_link_busy(const struct ble_link *); /* is there a message whose segments have not all been taken? */
/* Until when the peer must be heard, and the same as an act: -BLE_LATE, and closed, behind it. */
uint64_t ble_link_deadline_ms(const struct ble_link *);
int ble_link_tick(struct ble_link *, uint64_t now_ms);

/* A terminal's first word, with a fresh secret (which must live until HELLO_ACK) and 16 fresh random bytes. */
int ble_link_hello(struct ble_link *, const void *ephemeral, const uint8_t nonce[16]);
/* A pile's answer to HELLO, likewise. */
int ble_link_hello_ack(struct ble_link *, const void *ephemeral, const uint8_t nonce[16], const struct ble_facts *);
/* A terminal shows a voucher (as signed) and proves that it is its holder. */
int ble_link_auth(struct ble_link *, const uint8_t *voucher, size_t size, const void *holder_key);
/* The same for a holder without a voucher: he proves his key, and a pile with a network asks the cloud at START. */
int ble_link_auth_holder(struct ble_link *, const uint8_t public_key[32], const void *holder_key);
/* A pile judges the AUTH that it has just received, cheap things first, and answers: BLE_OK and the voucher, or what
 * was wrong, and the link is closed behind the answer. A holder without a voucher is admitted by his key alone
 * (ble_voucher_none): he may stop what he started, and fetch. */
int ble_link_admit(struct ble_link *, const struct ble_gate *, const uint8_t *body, size_t size,
		   struct ble_voucher *ret);
/* Any other message that this end may send in this state. */
int ble_link_send(struct ble_link *, enum ble_type, const uint8_t *body, size_t size);

#ifdef __cplusplus
}
#endif

#endif
