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

/* ---- refunds --------------------------------------------------------------------------------- */

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

/* One that somebody made in the provider's dashboard; one that has failed is not worth a word. */
static bool add_elsewhere(struct gv_turn *t, Billing__Payment *p, const struct pay_fact_refund *f, int64_t now_ms,
			  const char **ret_problem)
{
	Billing__PaymentRefund *r;

	if (f->state == BILLING__REFUND_STATE__REFUND_STATE_FAILED)
		return false;
	if (f->amount <= 0 || f->amount > p->captured - pay_refunded(p, false) || strlen(f->id) > PAY_ID_MAX ||
	    p->n_refunds >= PAY_REFUNDS_MAX + PAY_ELSEWHERE_MAX) {
		*ret_problem = "the provider has a refund, not ours, that cannot be: look at it there";
		return false;
	}
	r = gv_alloc(t, sizeof *r);
	billing__payment_refund__init(r);
	r->id = (char *)f->id;
	r->amount = f->amount;
	r->state = f->state;
	r->reference = (char *)f->reference;
	r->at_ms = now_ms;
	r->elsewhere = true;
	*GV_APPEND(t, p->refunds, p->n_refunds) = r;
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

/* ---- disputes -------------------------------------------------------------------------------- */

int64_t pay_disputed(const Billing__Payment *p)
{
	int64_t sum = 0;

	for (size_t i = 0; i < p->n_disputes; i++)
		sum += p->disputes[i]->taken - p->disputes[i]->returned;
	return sum;
}

bool pay_dispute_is_open(const Billing__PaymentDispute *d)
{
	return d->state < BILLING__DISPUTE_STATE__DISPUTE_STATE_LOST ||
	       (d->state == BILLING__DISPUTE_STATE__DISPUTE_STATE_WON && d->returned < d->taken);
}

bool pay_has_open_dispute(const Billing__Payment *p)
{
	for (size_t i = 0; i < p->n_disputes; i++)
		if (pay_dispute_is_open(p->disputes[i]))
			return true;
	return false;
}

static Billing__PaymentDispute *find_dispute(const Billing__Payment *p, const char *reference)
{
	for (size_t i = 0; i < p->n_disputes; i++)
		if (strcmp(p->disputes[i]->reference, reference) == 0)
			return p->disputes[i];
	return NULL;
}

static bool merge_dispute(struct gv_turn *t, Billing__Payment *p, const struct pay_fact_dispute *f, int64_t now_ms,
			  const char **ret_problem)
{
	Billing__PaymentDispute *d = find_dispute(p, f->reference);
	bool changed = !d;

	if (f->amount <= 0 || f->amount > PAY_AMOUNT_MAX || (d && d->amount != f->amount) || !*f->reference ||
	    strlen(f->reference) > PAY_ID_MAX || (!d && p->n_disputes >= PAY_DISPUTES_MAX)) {
		*ret_problem = "the provider has a dispute that cannot be booked as it is: look at it there";
		return false;
	}
	if (!d) {
		d = gv_alloc(t, sizeof *d);
		billing__payment_dispute__init(d);
		d->reference = (char *)f->reference;
		d->amount = f->amount;
		d->reason = (char *)f->reason;
		d->at_ms = now_ms;
		*GV_APPEND(t, p->disputes, p->n_disputes) = d;
	}
	if (f->state > d->state) {
		d->state = f->state;
		changed = true;
	}
	if (f->taken && !d->taken) {
		d->taken = d->amount;
		changed = true;
	}
	if (f->returned && d->returned < d->taken) {
		d->returned = d->taken;
		changed = true;
	}
	return changed;
}

/* ---- all of it ------------------------------------------------------------------------------- */

int pay_merge(struct gv_turn *t, Billing__PaymentRow *row, const struct pay_facts *facts, const char **ret_problem)
{
	Billing__Payment *p = row->payment;
	int64_t now_ms = gv_now_ms(t);
	bool changed = false;

	*ret_problem = contradiction(p, facts);
	if (*ret_problem)
		return -EBADMSG;
	if (facts->standing)
		changed = merge_standing(row, facts, ret_problem);
	for (size_t i = 0; i < facts->n_refunds; i++) {
		const struct pay_fact_refund *f = &facts->refunds[i];
		Billing__PaymentRefund *r = (Billing__PaymentRefund *)pay_refund_find(p, f->id);

		if (r)
			changed |= merge_refund(r, f, ret_problem);
		else if (f->elsewhere)
			changed |= add_elsewhere(t, p, f, now_ms, ret_problem);
	}
	p->refunded = pay_refunded(p, false);
	for (size_t i = 0; i < facts->n_disputes; i++)
		changed |= merge_dispute(t, p, &facts->disputes[i], now_ms, ret_problem);
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
