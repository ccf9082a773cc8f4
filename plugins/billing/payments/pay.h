/* Payments: money from and to the world outside. A payment is a row and a small state machine; every request to a
 * provider is a durable call with an idempotency key derived from the payment's id, and every answer that may be lost
 * is asked for again (retrieve), never blindly repeated once the key's lifetime is over.
 *
 * Who began a payment is told of what becomes of it by NAME_payment_changed (below), in the turn in which it happens.
 * It is not told of what one of the functions here did before it returned (the cash desk acts at once): that is in the
 * payment that it finds. */
#ifndef BILLING_PAY_H
#define BILLING_PAY_H

#include <plugins/billing/billing.h>

#define PAY_ID_MAX 80                       /* bytes of a payment's id and of a refund's */
#define PAY_URL_MAX 2000                    /* of a return_url */
#define PAY_AMOUNT_MAX INT64_C(99999999999) /* minor units of one payment */
#define PAY_REFUNDS_MAX 20                  /* of one payment */
#define PAY_ELSEWHERE_MAX 20                /* of one payment, made in the provider's dashboard */
#define PAY_DISPUTES_MAX 8                  /* of one payment */

struct pay_request {
	const char *id; /* for ever */
	const char *provider;
	Billing__PaymentKind kind;
	int64_t amount;
	const char *currency, *description;
	const char *account; /* of a top-up; "" or NULL else */
	const char
		*return_url; /* where the provider's page sends the person back to; "" or NULL: the node's public_url */
	const char *desk;    /* provider "desk": which; "" or NULL else */
};
/* NULL: fine; else why no such payment can be begun, for people. */
const char *pay_problem(struct billing *b, struct gv_turn *t, const struct pay_request *r);
/* Begins a payment, or finds the one that has the id (whatever it asks for: compare). NULL: the turn failed, or
 * pay_problem has something to say. */
const Billing__Payment *pay_begin(struct billing *b, struct gv_turn *t, const struct pay_request *r);
const Billing__Payment *pay_find(struct gv_turn *t, const char *id);
/* Takes `amount` of an authorised hold, at most what it holds, and releases the rest; 0 releases all. Repeating it with
 * the same amount does nothing. -EINVAL: another amount was asked for before, or nothing is held. The payment ends
 * CAPTURED with `captured`, or RELEASED where the hold had gone, or the amount is less than the provider takes. */
int pay_capture(struct billing *b, struct gv_turn *t, const char *id, int64_t amount);
/* Sends money back. `refund` is for ever. -EINVAL: pay_refund_problem says why. What becomes of it is said by the entry
 * of payment.refunds with that id. */
int pay_refund(struct billing *b, struct gv_turn *t, const char *id, const char *refund, int64_t amount);
/* NULL: it can be refunded so; else why not, for people. */
const char *pay_refund_problem(struct gv_turn *t, const char *id, const char *refund, int64_t amount);
/* Gives up a payment that the person has not acted on; a payment that came in meanwhile is refunded or released. */
int pay_cancel(struct billing *b, struct gv_turn *t, const char *id);
/* `ticket` is answered with a TopUpReply as soon as the payment's page is known, or the first try to get it has
 * failed. */
int pay_answer_when_open(struct gv_turn *t, const char *id, struct gv_ticket ticket);
/* The account of ours in which the provider's money is: "psp:stripe:clearing", "cash:main". */
const char *pay_clearing(struct gv_turn *t, const Billing__Payment *payment);
/* The entry of payment->refunds with that id, or NULL. */
const Billing__PaymentRefund *pay_refund_find(const Billing__Payment *payment, const char *refund);
/* Writes down which account of people's money has got a payment's money, or (`refund` not NULL) a failed refund's. */
int pay_credited(struct gv_turn *t, const char *id, const char *refund, const char *account);
/* Says what people must look at, in the payment and in the log. */
int pay_flag(struct gv_turn *t, const char *id, const char *problem);

/* Books what happened to a payment outside: disputes, and refunds made in the provider's dashboard. `purpose` is what
 * the payment is for in the ledger, `debtor` the account of who owes what was taken back for good, `purse` where a
 * top-up's money went, or NULL. Repeating it books nothing twice. */
void pay_book_outside(struct billing *b, struct gv_turn *t, const Billing__Payment *payment, const char *purpose,
		      const char *debtor, const char *purse);

int pay_add_checks(struct billing *b);               /* what Verify asks of payments */
int pay_start(struct billing *b, struct gv_turn *t); /* listens for webhooks under "/pay/" */
int pay_answered(struct billing *b, struct gv_turn *t, const struct gv_answer *answer); /* notes PaymentAsked */
int pay_due(struct billing *b, struct gv_turn *t, const char *name);                    /* timers "pay:..." */
int pay_frame(struct billing *b, struct gv_turn *t, const struct gv_frame *frame);

/* Called in the turn in which a payment's state, captured or refunded amount or one of its refunds changed; implemented
 * by orders.c for ids "order:..." and by topup.c for "topup:...". It may call what is above, for instance pay_capture
 * when a hold stands; what these refuse is no reason to fail. An answer whose handler fails is tried again and parked,
 * and the payment stands still meanwhile. */
int orders_payment_changed(struct billing *b, struct gv_turn *t, const Billing__Payment *payment);
int topup_payment_changed(struct billing *b, struct gv_turn *t, const Billing__Payment *payment);

extern const struct gv_table pay_payments, pay_refs, pay_refund_ids, pay_times, pay_events, pay_event_times, pay_store;

/* The methods. */
int pay_get(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *request);
int pay_list(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *request);
int topup(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *request);
int topup_refund(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *request);

#endif
