/* The two ends of one connection, with the vectors' keys, and a wire between them that a test can look at. */
#ifndef BLE_PAIR_H
#define BLE_PAIR_H

#include "vectors.h"

struct pair {
	struct ble_link terminal, pile;
	struct vector certificate, voucher;
	struct ble_keyset keys;
	struct ble_used used;
	struct ble_clock clock;
	struct ble_gate gate;
	struct vector wire; /* the last message that passed, as it was on the wire */
};
/* Both opened, at time 0. The clock of the pile is trusted, and in the time of the vectors' vouchers. */
void pair_init(struct pair *);
void pair_reopen(struct pair *); /* another connection of the same two */
/* Brings the message that `from` has to say over, in segments; what the other end's receive returned last. */
int pair_carry(struct ble_link *from, struct ble_link *to, struct vector *ret_wire, struct ble_message *ret);
/* Through to the keys; through to the end of AUTH. Fail the test where that fails. */
void pair_greet(struct pair *);
int pair_admit(struct pair *,
	       struct ble_voucher *ret); /* what the pile said to p->voucher; the terminal has heard it */

#define VOUCHER_MAX_MINOR 112 /* where the amount stands in the voucher of the vectors */
#define PAIR_NOW 0x6b00e000   /* a time at which the vouchers are good */

#endif
