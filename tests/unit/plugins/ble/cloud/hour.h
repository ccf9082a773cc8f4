/* A pile in its hour without a network, by the mind that firmware has and on a store of 2,048 records: every seven
 * seconds somebody ends what runs at one of its four connectors and begins the next session. And those who come to it
 * with terminals afterwards, visit by visit with the code that phones have, and hand in what they like of what they
 * carry. */
#ifndef BLE_CLOUD_HOUR_H
#define BLE_CLOUD_HOUR_H

#include "../pile/board.h"
#include "rig.h"

#include <plugins/ble/term/ble_term.h>

#define HOUR_SESSIONS 500
#define HOUR_CUSTOMERS 40 /* of the sessions: those by the vouchers of customers; an operator's starts the others */
#define HOUR_RECORDS 1100 /* that a test has room for, from number 1 on */

/* What the pile did, by its meter and by what it answered. */
struct hour_session {
	uint8_t id[16];
	uint64_t start_seq, end_seq; /* of its records */
	uint64_t from_wh, to_wh;     /* of the register */
	bool customer;               /* by a customer's voucher */
};
struct hour_paper {
	uint8_t at[BLE_RECORD_MAX];
	size_t size;
};
struct hour_terminal {
	const char *name;
	struct hour_paper carried[HOUR_RECORDS + 1]; /* by number; size 0: it is not */
	struct paper head, receipt;                  /* of the last visit; to be brought. size 0: none */
	uint64_t next;                               /* the first record that it has not */
};

extern struct board alone;
extern struct hour_session sessions[HOUR_SESSIONS];
extern bool brought[HOUR_RECORDS + 1]; /* by number: somebody has handed it in */

/* The cloud and billing, the pile with its key set; the hour, until nothing runs. */
void hour_start(void);
uint64_t hour_records(void); /* that the pile has written */
/* Visits until the pile has nothing more for it. How many visits it took. */
unsigned hour_carry(struct hour_terminal *);
/* To the cloud, less what is hidden; and what the cloud has receipted to the pile, with another visit. */
void hour_hand_in(struct hour_terminal *, bool (*hides)(uint64_t seq));

#endif
