/* A pile, a terminal that visits it again and again, and the cloud behind the terminal: just enough of each to have the
 * library's two ends talk a whole visit over a wire that cuts, loses, doubles and reorders. */
#ifndef BLE_VISIT_H
#define BLE_VISIT_H

#include "vectors.h"

#define STORE 32 /* records */
#define SAID 64  /* messages of one direction in a visit */

struct kept {
	uint8_t at[BLE_RECORD_MAX], hash[32];
	size_t size;
};

/* What one end said in a visit, and how much of it the other has heard. */
struct talk {
	struct {
		enum ble_type type;
		struct ble_bytes body;
		uint8_t bytes[512];
	} said[SAID];
	unsigned n_said, n_heard;
};

struct pile {
	struct ble_link link;
	struct talk talk;
	/* kept from visit to visit */
	struct ble_chain chain;
	struct kept store[STORE]; /* the record of number i + 1 */
	uint64_t acked;
	struct ble_used used;
	struct ble_clock clock;
	struct vector keyset_document;
	struct ble_keyset keys;
	unsigned starts, stops;
	uint8_t order[16], session[16], starter[32];
	/* of this visit */
	struct ble_voucher voucher;
	struct vector due; /* AUTH, START, ..., to be answered as soon as the link is free */
	enum ble_type due_type;
	uint64_t next_record;
	bool head_due;
	uint8_t nonce[16];
};

struct terminal {
	struct ble_link link;
	struct talk talk;
	/* kept */
	struct vector voucher;
	struct kept carried[STORE];
	bool started, stopped, done;
	/* of this visit */
	unsigned step; /* what is said next, when the link is free */
	struct vector receipt;
};

struct cloud {
	struct ble_chain chain;
	struct kept store[STORE];
	unsigned forks, duplicates;
};

struct visit {
	struct pile pile;
	struct terminal terminal;
	struct cloud cloud;
	unsigned seed;
	uint64_t now_ms;
	/* the wire */
	unsigned mtu, segments;
	unsigned cut_at; /* the connection goes behind so many segments; 0: never */
	unsigned one_in; /* of so many segments one is lost, doubled or late; 0: none */
	unsigned faults;
};

void visit_init(struct visit *, unsigned seed);
/* One connection, until it is cut, an end closes it, or both are silent. */
void visit_run(struct visit *, unsigned mtu);
/* Fails the test unless everything that happened is in the cloud, once, and the pile knows it. */
void visit_check(const struct visit *);

/* ---- between the parts ----------------------------------------------------------------------- */

void visit_random(struct visit *, uint8_t *ret, size_t size);
void talk_say(struct talk *, enum ble_type, const uint8_t *body, size_t size);
/* Fails the test unless this is what the other end said next. */
void talk_hear(struct talk *, const struct ble_message *);
void pile_open(struct visit *);
void pile_hear(struct visit *, const struct ble_message *);
void pile_speak(struct visit *); /* if there is something to say, and the link is free */
void terminal_open(struct visit *);
void terminal_hear(struct visit *, const struct ble_message *);
void terminal_speak(struct visit *);

extern const uint8_t visit_id[16];

#endif
