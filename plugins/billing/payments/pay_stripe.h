/* Stripe's API, in the parts that need no turn: forms, amounts, signatures. And what pay_stripe.c and pay_stripe_read.c
 * share. */
#ifndef BILLING_PAY_STRIPE_H
#define BILLING_PAY_STRIPE_H

#include "pay_provider.h"

#include <cJSON.h>
#include <lib/buf.h>

#define STRIPE_VERSION "2024-04-10" /* of the API; the account's own setting does not count */
#define STRIPE_TOLERANCE_S 300      /* of an event's time stamp, both ways */
#define STRIPE_SIGNATURES_MAX 16    /* looked at in one header */

/* Adds name=value to a form (application/x-www-form-urlencoded), percent-encoded. */
int stripe_form(struct gv_buf *form, const char *name, const char *value);
int stripe_form_number(struct gv_buf *form, const char *name, int64_t value);
/* Percent-encodes what goes between slashes. */
int stripe_path(struct gv_buf *path, const char *segment);

/* Stripe's number for an amount of minor units of ISO 4217; the two differ for a few currencies. -EDOM: Stripe takes
 * only coarser amounts; *ret is then the next smaller one that it takes. -ENOTSUP: a currency that Stripe does not
 * have, or of which its documentation says two things. */
int stripe_amount(const char *currency, int64_t minor, int64_t *ret);
/* And back. -EDOM: no whole number of minor units. */
int stripe_amount_back(const char *currency, int64_t amount, int64_t *ret);

/* NULL: one of the header's signatures is the secret's over the time stamp and the body, and the time stamp is near
 * now. Else what is wrong. Takes the same time wherever a signature differs. */
const char *stripe_signature_problem(const char *header, const char *secret, int64_t now_s, const void *body,
				     size_t size);

/* What objects of Stripe's say, in pay_stripe_read.c. Texts are the turn's. */
const char *stripe_text(const cJSON *object, const char *name); /* "" where there is none */
/* The id of an object or of what stands for it. */
const char *stripe_id(const cJSON *object, const char *name);
void stripe_read(struct gv_turn *t, const Billing__PaymentRow *row, const Billing__PaymentAsked *note,
		 const struct gv_answer *answer, struct pay_answer *ret);
/* Parses JSON that a stranger sent; NULL: it is none. The caller deletes it. */
cJSON *stripe_parse(const void *body, size_t size);

#endif
