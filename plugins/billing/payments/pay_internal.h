/* What pay*.c share among themselves. */
#ifndef BILLING_PAY_INTERNAL_H
#define BILLING_PAY_INTERNAL_H

#include "pay_provider.h"

const struct pay_provider *pay_provider_of(const char *name); /* NULL: none */
Billing__PaymentRow *pay_row(struct gv_turn *t, const char *id);
/* Adds the refund of all that was captured and has not gone back yet. */
void pay_want_back(struct gv_turn *t, const char *id);
Billing__PaymentRefund *pay_first_refund(const Billing__PaymentRow *row, Billing__RefundState state); /* NULL: none */
/* Says what people must look at, in the payment and once in the log; "": nothing. */
void pay_say(struct gv_turn *t, Billing__PaymentRow *row, const char *problem);
/* Of what is over when the provider does as it should. */
void pay_trouble(struct gv_turn *t, Billing__PaymentRow *row, const char *text);
/* Of what has become of refunds and disputes. */
void pay_say_outcome(struct gv_turn *t, Billing__PaymentRow *row);
/* Answers who waits for the payment's page, if anybody does. */
void pay_answer_ticket(struct gv_turn *t, Billing__PaymentRow *row);

/* Asks the provider what is to be asked next, or sets the timer for when that is. `told`: the owner is told of what
 * changes. */
int pay_run(struct billing *b, struct gv_turn *t, const char *id, bool told);

/* Answers a request over HTTP. */
int pay_respond(struct gv_turn *t, uint64_t conn, unsigned status, const char *body);

#endif
