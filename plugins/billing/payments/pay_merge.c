/* What a provider says of a payment, taken over. Answers come late, twice and in any order, so a payment only ever goes
 * forward; and what contradicts it is not taken over but shown to people. */
#include "pay_provider.h"

#include <errno.h>
#include <string.h>

static int rank(Billing__PaymentState state)
{
	switch (state) {
	case BILLING__PAYMENT_STATE__PAYMENT_STATE_CREATED:
		return 0;
	case BILLING__PAYMENT_STATE__PAYMENT_STATE_OPEN:
		return 1;
	case BILLING__PAYMENT_STATE__PAYMENT_STATE_AUTHORISED:
		return 2;
	default:
		return 3;
	}
}

/* Money that comes after a payment was given up is still money. */
static bool forward(Billing__PaymentState from, Billing__PaymentState to)
{
	if (from == BILLING__PAYMENT_STATE__PAYMENT_STATE_FAILED)
		return to == BILLING__PAYMENT_STATE__PAYMENT_STATE_AUTHORISED ||
		       to == BILLING__PAYMENT_STATE__PAYMENT_STATE_CAPTURED;
	return rank(to) > rank(from);
}

static const char *contradiction(const Billing__Payment *p, const struct pay_facts *f)
{
	if (f->payment && strcmp(f->payment, p->id) != 0)
		return "the provider's record of this payment is for another one";
	if (f->amount >= 0 && f->amount != p->amount)
		return "the provider's record of this payment has another amount";
	if (f->currency && strcmp(f->currency, p->currency) != 0)
		return "the provider's record of this payment has another currency";
	if (f->captured < 0 || f->captured > p->amount)
		return "the provider has taken more than this payment's amount";
	return NULL;
}

static void take(char **field, const char *value)
{
	if (value && strcmp(*field, value) != 0)
		*field = (char *)value;
}

static bool merge_standing(Billing__PaymentRow *row, const struct pay_facts *f, const char **ret_problem)
{
	Billing__Payment *p = row->payment;
	bool changed = false;

	take(&row->page, f->page);
	take(&p->url, f->url);
	take(&p->reference, f->reference);
	if (f->capture_before_ms)
		p->capture_before_ms = f->capture_before_ms;
	if (f->captured > p->captured) {
		p->captured = f->captured;
		changed = true;
	}
	if (forward(p->state, f->state)) {
		p->state = f->state;
		changed = true;
	} else if (rank(p->state) == 3 && rank(f->state) == 3 && p->state != f->state) {
		*ret_problem = "the provider says another end of this payment than before";
	}
	if (p->state != BILLING__PAYMENT_STATE__PAYMENT_STATE_OPEN)
		p->url = "";
	row->page_open = f->page_open && p->state == BILLING__PAYMENT_STATE__PAYMENT_STATE_OPEN;
	if (f->refunded >= 0)
		row->provider_refunded = f->refunded;
	return changed;
}

static bool merge_refund(Billing__PaymentRefund *r, const struct pay_fact_refund *f, const char **ret_problem)
{
	if (f->amount != r->amount) {
		*ret_problem = "the provider's record of a refund has another amount";
		return false;
	}
	take(&r->reference, f->reference);
	if (f->state <= r->state) /* the order of the states: a refund that was done may still come back */
		return false;
	r->state = f->state;
	r->error = (char *)(f->error ? f->error : "");
	return true;
}

int64_t pay_refunded(const Billing__Payment *p, bool wanted)
{
	int64_t sum = 0;

	for (size_t i = 0; i < p->n_refunds; i++) {
		const Billing__PaymentRefund *r = p->refunds[i];

		if (r->state == BILLING__REFUND_STATE__REFUND_STATE_FAILED ||
		    (r->state == BILLING__REFUND_STATE__REFUND_STATE_WANTED && !wanted))
			continue;
		sum += r->amount;
	}
	return sum;
}

int pay_merge(Billing__PaymentRow *row, const struct pay_facts *facts, const char **ret_problem)
{
	Billing__Payment *p = row->payment;
	bool changed = false;

	*ret_problem = contradiction(p, facts);
	if (*ret_problem)
		return -EBADMSG;
	if (facts->standing)
		changed = merge_standing(row, facts, ret_problem);
	for (size_t i = 0; i < facts->n_refunds; i++) {
		Billing__PaymentRefund *r = (Billing__PaymentRefund *)pay_refund_find(p, facts->refunds[i].id);

		if (r)
			changed |= merge_refund(r, &facts->refunds[i], ret_problem);
	}
	p->refunded = pay_refunded(p, false);
	return changed;
}

const Billing__PaymentRefund *pay_refund_find(const Billing__Payment *payment, const char *refund)
{
	for (size_t i = 0; i < payment->n_refunds; i++) {
		if (strcmp(payment->refunds[i]->id, refund) == 0)
			return payment->refunds[i];
	}
	return NULL;
}
