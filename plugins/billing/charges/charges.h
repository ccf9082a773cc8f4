/* Charges: what was used, priced, settled and never changed. A correction is a credit and another charge. */
#ifndef BILLING_CHARGES_H
#define BILLING_CHARGES_H

#include <plugins/billing/orders/orders.h>

extern const struct gv_table charges_table, charges_sessions, charges_credits, charges_times;

/* ---- rating.c: pure */

/* What was used, from a session and its samples, in the turn's memory. `max_power_w` 0: unknown. Adds to the flags what
 * was odd: "meter-backwards", "meter-outside", "meter-jump" (what the connector cannot have given is taken off). NULL:
 * the session's times or meters are out of range. */
Billing__PricedUse *rating_use(struct gv_turn *t, const Charging__Session *s, int64_t end_ms, const char *zone,
			       int64_t max_power_w, char ***flags, size_t *n_flags);
/* What one event of samples says. Unknown values are BILLING_UNKNOWN. */
struct rating_now {
	int64_t time_ms, power_mw, current_ma;
};
void rating_now(Charging__Sample *const *samples, size_t n, struct rating_now *ret);

/* ---- charge_make.c: priced, and neither recorded nor booked; in the turn's memory */

Billing__ChargeRow *charge_session(struct billing *b, struct gv_turn *t, const Billing__UseRow *use,
				   const Charging__Session *s);
/* Of a use that has its end and its stops. `sold`: the cabinet's plugin has written the bank off as sold. */
Billing__ChargeRow *charge_rental(struct billing *b, struct gv_turn *t, const Billing__UseRow *use, bool sold);
/* What a rental is priced by, from its begin to `end_ms`. */
Billing__PricedUse *charge_rented(struct gv_turn *t, const Billing__UseRow *use, int64_t end_ms);

/* ---- settle.c */

/* Records the charge of a use whose session has ended, and books it. The use is forgotten. */
int settle(struct billing *b, struct gv_turn *t, Billing__UseRow *use, const Charging__Session *session);
int settle_rental(struct billing *b, struct gv_turn *t, Billing__UseRow *use, bool sold);
/* Books what takes a charge back. */
int settle_credit(struct billing *b, struct gv_turn *t, Billing__ChargeRow *row, const Billing__ChargeRow *of);

/* ---- charges.c */

const Billing__ChargeRow *charges_row(struct gv_turn *t, const char *id);
/* The newest charge of a session, taken back or not; NULL: it has none. */
const Billing__ChargeRow *charges_of_session(struct gv_turn *t, const char *session);
/* Names a session in the ledger, where ids are short: "session:ocpp:CP001/17". */
const char *charges_purpose(struct gv_turn *t, const char *session);
/* The id that the next charge has: without gaps, as receipts are numbered. */
char *charges_next_id(struct gv_turn *t);
/* Sets its time and hash, writes the row and its indexes, tells it. */
void charges_record(struct gv_turn *t, Billing__ChargeRow *row);
void charges_hash(struct gv_turn *t, const Billing__Charge *charge, uint8_t ret[static 32]);
/* Takes a charge back: a charge of negative amounts, and its money where that is with us. */
int charges_credit_now(struct billing *b, struct gv_turn *t, const Billing__ChargeRow *row, const char *reason,
		       const Billing__ChargeRow **ret);

gv_method_fn charges_list, charges_get, charges_credit, charges_list_mine, charges_export;

/* ---- charges_verify.c: what Verify looks at besides the ledger. From start, behind ledger_start. */
int charges_start(struct billing *b);

/* ---- charge_ocpi.c: as a CDR of OCPI 2.2.1 (mod_cdrs), JSON, in the turn's memory; of a session only */
char *charges_ocpi(struct billing *b, struct gv_turn *t, const Billing__ChargeRow *row);

/* ---- receipt.c, statement.c */
gv_method_fn receipt_get, statement_get;

#endif
