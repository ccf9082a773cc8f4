/* A terminal's visit to a Bluetooth charging pile (docs/protocols/ble.md): greet it, prove who one is, start and stop,
 * carry its records to the cloud and bring what the cloud says. For phones, and for galvan's terminals, which therefore
 * do the same.
 *
 * C and its standard library: no I/O, no clock, no memory of its own, no callbacks. The caller owns the struct, hands
 * values in and asks what is to be done next, from one thread at a time:
 *
 *     ble_term_open(t, &config, now);                      a connection is there, notifications are on
 *     ble_term_auth(t, voucher, size); ble_term_start(t, 1, order); ble_term_fetch(t, 1, 0, 16);
 *     for each value that is notified: ble_term_value(t, value, size, now);
 *     after each of these, and at t's deadline: while ((action = ble_term_next(t, now, &step)) != BLE_TERM_WAIT) ...
 *
 * Requests wait in order and go one at a time, each when the one before has its answer. One without an answer when the
 * connection ends may have been done: visit again and say the same order again, which gets the same answer. Functions
 * return 0 or a negative enum ble_result; `_ms` is of any clock that does not go back. */
#ifndef BLE_TERM_H
#define BLE_TERM_H

#include <ble_core.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BLE_TERM_REQUESTS 8      /* that may wait */
#define BLE_TERM_CARRY_MAX 64    /* records that one fetch brings, at most */
#define BLE_TERM_CARRY_FOR 16    /* what a stranger's terminal is asked to carry in a visit */
#define BLE_TERM_ANSWER_MS 30000 /* until a request has its answer, or the next record; then the visit is over */

struct ble_term_config {
	const struct ble_crypto *crypto;
	const uint8_t *root;          /* 32 bytes: the public key that piles' certificates hang on */
	const uint8_t *wanted;        /* 16 bytes: the pile that is meant; NULL: any */
	uint32_t utc;                 /* 0: unknown */
	const void *holder_key;       /* Ed25519, as `crypto` knows it */
	const uint8_t *holder_public; /* 32 bytes */
	unsigned mtu;                 /* of the connection, 23 to 517 */
};

enum ble_term_action {
	BLE_TERM_WAIT,   /* for a value, a request, or the deadline */
	BLE_TERM_WRITE,  /* write step.data to RX */
	BLE_TERM_MET,    /* the pile has proved who it is: step.pile, step.nonce. Key set, time and AUTH may go now, or
			  * when    the cloud has been asked: there are 30 s */
	BLE_TERM_ANSWER, /* to step.request: step.result, and what else stands there */
	BLE_TERM_RECORD, /* keep step.data durably, then say ble_term_stored(); nothing goes on before */
	BLE_TERM_HEAD,   /* behind the records: the pile's signed word on where its history stands; to be carried with
			    them */
	BLE_TERM_CLOSED, /* the visit is over: disconnect. step.request: what had no answer, 0: nothing */
};

struct ble_term_step {
	const uint8_t *data; /* until the next call; ANSWER: the message's body */
	size_t size;
	enum ble_type request; /* ANSWER, CLOSED: BLE_AUTH, BLE_START, ...; 0: none */
	int result;            /* enum ble_result */
	uint8_t pile[16], nonce[16];
	struct ble_facts facts;   /* MET */
	uint64_t seq;             /* ANSWER: of the record that the command made, to COURIER: the bytes that the pile
				   * has of the letter; RECORD, HEAD: its number */
	uint32_t chain;           /* RECORD, HEAD */
	uint8_t session[16];      /* ANSWER to START and STOP */
	struct ble_status status; /* ANSWER to STATUS */
	unsigned records;         /* ANSWER to REC_GET: that were kept; HEAD: that the pile has sent */
};

struct ble_term_request {
	enum ble_type type;
	size_t size;
	uint8_t body[BLE_DOCUMENT_MAX];
};

struct ble_term {
	struct ble_term_config config;
	struct ble_link link;
	uint8_t ephemeral[32];
	struct ble_term_request requests[BLE_TERM_REQUESTS]; /* a ring */
	unsigned first, count;
	enum ble_type asked; /* without an answer yet; 0: nothing */
	uint64_t asked_ms;
	enum ble_term_action due; /* what is told next; WAIT: nothing */
	enum ble_type answered;
	struct ble_message heard;
	int result;
	uint8_t value[BLE_VALUE_MAX];
	bool storing, told_closed, stored_due;
	/* of the fetch in hand */
	uint8_t nonce[16];
	unsigned kept, sent, most;
	uint32_t chain;
	uint64_t upto; /* kept without a gap, up to this record */
	bool declined;
};

/* `random`: 48 fresh random bytes, of which the connection's secret and nonce are made. */
int ble_term_open(struct ble_term *, const struct ble_term_config *, const uint8_t random[48], uint64_t now_ms);
/* Overwrites every secret. */
void ble_term_close(struct ble_term *);
/* A value was notified. -BLE_BUSY: first ask ble_term_next() until BLE_TERM_WAIT, then hand it in again. */
int ble_term_value(struct ble_term *, const uint8_t *value, size_t size, uint64_t now_ms);
enum ble_term_action ble_term_next(struct ble_term *, uint64_t now_ms, struct ble_term_step *ret);
/* When to ask again though nothing was notified. */
uint64_t ble_term_deadline_ms(const struct ble_term *);
/* Is nothing under way, and nothing waits? Then the visit may end. */
bool ble_term_idle(const struct ble_term *);

/* ---- requests: each waits for its turn; -BLE_NO_ROOM where too many do ----------------------- */

/* KEYSET_PUT and TIME_PUT (before or behind AUTH), RCPT_PUT: a document as the cloud signed it. COURIER and
 * COURIER_GET: what ble_courier_write() writes; the answer to COURIER_GET has the pile's COURIER as its data. */
int ble_term_put(struct ble_term *, enum ble_type, const uint8_t *document, size_t size);
/* Who one is; size 0: by the holder's key alone, which is enough to fetch, to bring, and to stop one's own session. */
int ble_term_auth(struct ble_term *, const uint8_t *voucher, size_t size);
int ble_term_start(struct ble_term *, uint8_t connector, const uint8_t order[16]);
int ble_term_stop(struct ble_term *, uint8_t connector, const uint8_t order[16]);
int ble_term_status(struct ble_term *);
/* Up to `most` records from that number on, or from the first that has no receipt (chain 0, from 0). The head's nonce
 * is fresh. */
int ble_term_fetch(struct ble_term *, uint32_t chain, uint64_t from, unsigned most, const uint8_t nonce[16]);
/* The record that was told is kept, durably; or there is no room, and no more are kept in this fetch. */
void ble_term_stored(struct ble_term *, bool kept);

#ifdef __cplusplus
}
#endif

#endif
