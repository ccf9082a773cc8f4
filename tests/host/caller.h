/* Somebody who comes to a simulated pile with a terminal: one visit at a time, by the code that phones and galvan's own
 * terminals have (plugins/ble/term), over a link that is cut wherever the test says. What is carried home is handed in
 * where a network is, less what is hidden. */
#ifndef TEST_HOST_CALLER_H
#define TEST_HOST_CALLER_H

#include "post.h"

#include <plugins/ble/term/ble_term.h>

#define CALLER_CARRIED 48 /* records */
#define CALLER_MOST 16    /* of them from one visit */

struct caller_record {
	uint8_t at[BLE_RECORD_MAX];
	size_t size;
	bool handed_in;
};

/* What somebody does with a voucher at a pile. */
enum caller_wish { CALLER_RELAYS, CALLER_STARTS, CALLER_STOPS };

struct caller {
	struct host *h;
	uint8_t seed[32], public_key[32], root[32];
	/* what is kept over a restart */
	struct caller_record carried[CALLER_CARRIED];
	unsigned n_carried;
	int64_t ahead_ms; /* its clock has jumped so far */
	int32_t off_s;    /* and what it takes for the time is that much off, as is the time that it brings, */
	bool brings_time; /* signed by a cloud whose clock is wrong */
	/* to be brought to the pile; size 0: none */
	uint8_t keyset[BLE_DOCUMENT_MAX], receipt[BLE_DOCUMENT_MAX];
	size_t keyset_size, receipt_size;
	/* the visit */
	struct post *post; /* NULL: at none */
	bool pumping;
	struct ble_pile_visit *at;
	struct ble_term term;
	unsigned values_left; /* until the link is cut */
	enum caller_wish wish;
	uint8_t voucher[BLE_DOCUMENT_MAX], order[16];
	size_t voucher_size;
	uint8_t head[BLE_DOCUMENT_MAX]; /* of the last visit that brought one */
	size_t head_size;
};

void caller_init(struct caller *c, struct host *h, const uint8_t root[32]);
/* Begins a visit; `values`: how many values go before the link is cut. false: the pile takes no visitor. */
bool caller_visit(struct caller *c, struct post *post, enum caller_wish wish, unsigned values);
/* Brings every value that waits at either end. Ends the visit when all is said, or the link is cut. */
void caller_pump(struct caller *c);
/* The terminal's clock goes ahead, in the middle of a visit too. */
void caller_jump(struct caller *c, int64_t ms);
/* The terminal's power goes and comes back: what it carries, it has; where it was, it is no longer. */
void caller_restart(struct caller *c);

#endif
