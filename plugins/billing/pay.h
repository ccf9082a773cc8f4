/* Payments: money from and to the world outside. A payment is a row and a small state machine; every request to a
 * provider is a durable call with an idempotency key derived from the payment's id, and every answer that may be lost
 * is asked for again (retrieve), never blindly repeated once the key's lifetime is over. */
#ifndef BILLING_PAY_H
#define BILLING_PAY_H

#include "billing.h"

struct pay_request {
	const char *id; /* for ever */
	const char *provider;
	Billing__PaymentKind kind;
	int64_t amount;
	const char *currency, *description;
	const char *account;    /* of a top-up; "" else */
	const char *return_url; /* where the provider's page sends the person back to */
};
/* NULL: fine; else why no such payment can be begun, for people. */
const char *pay_problem(struct billing *b, struct gv_turn *t, const struct pay_request *r);
/* Begins a payment, or finds the one that has the id. NULL: the turn failed. */
const Billing__Payment *pay_begin(struct billing *b, struct gv_turn *t, const struct pay_request *r);
const Billing__Payment *pay_find(struct gv_turn *t, const char *id);
/* Takes `amount` of an authorised hold, at most what it holds, and releases the rest; 0 releases all. Repeating it with
 * the same amount does nothing. -EINVAL: another amount was asked for before, or nothing is held. */
int pay_capture(struct billing *b, struct gv_turn *t, const char *id, int64_t amount);
/* Sends money back. `refund` is for ever. -EINVAL: more than was captured and is not refunded yet. */
int pay_refund(struct billing *b, struct gv_turn *t, const char *id, const char *refund, int64_t amount);
/* Gives up a payment that the person has not acted on; a payment that came in meanwhile is refunded or released. */
int pay_cancel(struct billing *b, struct gv_turn *t, const char *id);

int pay_start(struct billing *b, struct gv_turn *t); /* listens for webhooks under "/pay/" */
int pay_answered(struct billing *b, struct gv_turn *t, const struct gv_answer *answer);
int pay_due(struct billing *b, struct gv_turn *t, const char *name); /* timers "pay:..." */
int pay_frame(struct billing *b, struct gv_turn *t, const struct gv_frame *frame);

/* Called in the turn in which a payment's state or captured or refunded amount changed; implemented by orders.c for ids
 * "order:..." and by topup.c for "topup:...". */
int orders_payment_changed(struct billing *b, struct gv_turn *t, const Billing__Payment *payment);
int topup_payment_changed(struct billing *b, struct gv_turn *t, const Billing__Payment *payment);

#endif
