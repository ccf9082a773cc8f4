/* Payments as the rest of billing sees them: begun, captured, refunded, given up. Each of these writes down what is
 * wanted; pay_run.c brings it about. */
#include "pay_internal.h"

#include <errno.h>
#include <string.h>

const struct gv_table pay_payments = { .name = "payments", .key = "s", .value = &billing__payment_row__descriptor };
const struct gv_table pay_refs = { .name = "payment_refs", .key = "ss", .value = &billing__payment_ref__descriptor };
const struct gv_table pay_refund_ids = { .name = "refunds", .key = "s", .value = &billing__payment_ref__descriptor };
const struct gv_table pay_times = { .name = "payment_times", .key = "sis", .value = &billing__payment_at__descriptor };
const struct gv_table pay_store = { .name = "payment_store", .key = "s", .value = &billing__payment_store__descriptor };

static const struct pay_provider *const providers[] = { &pay_desk, &pay_stripe };

const struct pay_provider *pay_provider_of(const char *name)
{
	for (size_t i = 0; i < sizeof(providers) / sizeof(*providers); i++) {
		if (strcmp(providers[i]->name, name) == 0)
			return providers[i];
	}
	return NULL;
}

const char *pay_store_name(struct gv_turn *t)
{
	const Billing__PaymentStore *row = gv_get(t, &pay_store, gv_key("name"));

	return row ? row->name : "";
}

/* ---- beginning ------------------------------------------------------------------------------- */

static bool web_address(const char *url)
{
	const char *rest = strncmp(url, "https://", 8) == 0 ? url + 8 : strncmp(url, "http://", 7) == 0 ? url + 7 : "";

	if (!*rest || *rest == '/' || strlen(url) > PAY_URL_MAX)
		return false;
	for (; *rest; rest++) {
		if ((unsigned char)*rest <= ' ' || (unsigned char)*rest >= 0x7f)
			return false;
	}
	return true;
}

/* An id that can go into keys, addresses and logs as it is. */
static bool plain(const char *id)
{
	size_t n = strlen(id);

	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)id[i] <= ' ' || (unsigned char)id[i] >= 0x7f)
			return false;
	}
	return n > 0 && n <= PAY_ID_MAX;
}

const char *pay_problem(struct billing *b, struct gv_turn *t, const struct pay_request *r)
{
	const struct pay_provider *p = pay_provider_of(r->provider);

	if (!plain(r->id))
		return gv_str(t, "id: must have 1 to %d characters of ASCII, and no blanks", PAY_ID_MAX);
	if (!p)
		return gv_str(t, "provider: there is none named %.80s; there are desk and stripe", r->provider);
	if (r->amount <= 0 || r->amount > PAY_AMOUNT_MAX)
		return gv_str(t, "amount: must be 1 to %lld minor units", (long long)PAY_AMOUNT_MAX);
	if (strcmp(r->currency, b->config->currency) != 0)
		return gv_str(t, "currency: %.8s is not the money of this node, which is %s", r->currency,
			      b->config->currency);
	if (r->return_url && r->return_url[0] && !web_address(r->return_url))
		return gv_str(t,
			      "return_url: must begin with https:// or http:// and have at most %d characters of ASCII",
			      PAY_URL_MAX);
	return p->problem(b, t, r);
}

static char *text(struct gv_turn *t, const char *s)
{
	return s && *s ? gv_strdup(t, s) : "";
}

static void index_time(struct gv_turn *t, const char *account, const Billing__Payment *p)
{
	static const Billing__PaymentAt none = BILLING__PAYMENT_AT__INIT;

	gv_put(t, &pay_times, gv_key(account, p->created_at_ms, (const char *)p->id), &none);
}

const Billing__Payment *pay_begin(struct billing *b, struct gv_turn *t, const struct pay_request *r)
{
	const Billing__Payment *found = pay_find(t, r->id);
	Billing__PaymentRow *row;
	Billing__Payment *p;

	if (found)
		return found;
	if (pay_problem(b, t, r))
		return NULL;
	p = gv_alloc(t, sizeof(*p));
	billing__payment__init(p);
	p->id = text(t, r->id);
	p->provider = text(t, r->provider);
	p->kind = r->kind;
	p->amount = r->amount;
	p->currency = text(t, r->currency);
	p->created_at_ms = gv_now_ms(t);
	p->account = text(t, r->account);
	p->description = text(t, r->description);
	p->desk = text(t, r->desk);
	row = gv_edit(t, &pay_payments, gv_key(r->id));
	row->payment = p;
	row->return_url = text(t, r->return_url);
	index_time(t, "", p);
	if (p->account[0])
		index_time(t, p->account, p);
	return pay_run(b, t, r->id, false) < 0 ? NULL : pay_find(t, r->id);
}

const Billing__Payment *pay_find(struct gv_turn *t, const char *id)
{
	const Billing__PaymentRow *row = gv_get(t, &pay_payments, gv_key(id));

	return row ? row->payment : NULL;
}

/* The row to change, or NULL where there is none. */
Billing__PaymentRow *pay_row(struct gv_turn *t, const char *id)
{
	return gv_get(t, &pay_payments, gv_key(id)) ? gv_edit(t, &pay_payments, gv_key(id)) : NULL;
}

/* ---- what is wanted of it -------------------------------------------------------------------- */

int pay_capture(struct billing *b, struct gv_turn *t, const char *id, int64_t amount)
{
	Billing__PaymentRow *row = pay_row(t, id);
	Billing__PaymentWish wish = amount ? BILLING__PAYMENT_WISH__PAYMENT_WISH_CAPTURE
					   : BILLING__PAYMENT_WISH__PAYMENT_WISH_RELEASE;

	if (!row || amount < 0 || amount > row->payment->amount)
		return -EINVAL;
	if (row->wish != BILLING__PAYMENT_WISH__PAYMENT_WISH_NONE)
		return row->asked_wish == wish && row->capture == amount ? 0 : -EINVAL;
	if (row->payment->state != BILLING__PAYMENT_STATE__PAYMENT_STATE_AUTHORISED)
		return -EINVAL;
	row->wish = row->asked_wish = wish;
	row->capture = amount;
	return pay_run(b, t, id, false);
}

/* The row is got after the other one has been written: a pointer to it does not outlive many writes. */
static void add_refund(struct gv_turn *t, const char *id, const char *refund, int64_t amount)
{
	Billing__PaymentRef *ref = gv_edit(t, &pay_refund_ids, gv_key(refund));
	Billing__PaymentRefund *r = gv_alloc(t, sizeof(*r));
	Billing__Payment *p;

	ref->payment = text(t, id);
	billing__payment_refund__init(r);
	r->id = text(t, refund);
	r->amount = amount;
	r->at_ms = gv_now_ms(t);
	p = pay_row(t, id)->payment;
	*GV_APPEND(t, p->refunds, p->n_refunds) = r;
}

const char *pay_refund_problem(struct gv_turn *t, const char *id, const char *refund, int64_t amount)
{
	const Billing__PaymentRef *used = gv_get(t, &pay_refund_ids, gv_key(refund));
	const Billing__Payment *p = pay_find(t, id);
	const Billing__PaymentRefund *found = p ? pay_refund_find(p, refund) : NULL;

	if (!p)
		return gv_str(t, "payment: there is no %s", id);
	if (!plain(refund))
		return gv_str(t, "id: must have 1 to %d characters of ASCII, and no blanks", PAY_ID_MAX);
	if (found && found->amount == amount)
		return NULL;
	if (used || found)
		return gv_str(t, "id: %s is another refund, of %s; take an id of its own for each", refund,
			      used ? used->payment : id);
	if (p->state != BILLING__PAYMENT_STATE__PAYMENT_STATE_CAPTURED)
		return gv_str(t, "payment: nothing was taken with %s", id);
	if (amount <= 0 || amount > p->captured - pay_refunded(p, true))
		return gv_str(t, "amount: must be 1 to %lld minor units, which is what is left of %s",
			      (long long)(p->captured - pay_refunded(p, true)), id);
	if (p->n_refunds >= PAY_REFUNDS_MAX)
		return gv_str(t, "payment: %s has %d refunds, and more are not kept", id, PAY_REFUNDS_MAX);
	return NULL;
}

int pay_refund(struct billing *b, struct gv_turn *t, const char *id, const char *refund, int64_t amount)
{
	if (pay_refund_problem(t, id, refund, amount))
		return -EINVAL;
	if (pay_refund_find(pay_find(t, id), refund))
		return 0;
	add_refund(t, id, refund, amount);
	return pay_run(b, t, id, false);
}

/* Giving up what was captured means sending back what is left of it. */
void pay_want_back(struct gv_turn *t, const char *id)
{
	const Billing__Payment *p = pay_find(t, id);
	const char *refund = gv_str(t, "cancel:%s", id);
	int64_t left = p->captured - pay_refunded(p, true);

	if (left > 0 && !pay_refund_find(p, refund))
		add_refund(t, id, refund, left);
}

int pay_cancel(struct billing *b, struct gv_turn *t, const char *id)
{
	Billing__PaymentRow *row = pay_row(t, id);

	if (!row || row->wish == BILLING__PAYMENT_WISH__PAYMENT_WISH_CAPTURE)
		return -EINVAL;
	if (row->wish == BILLING__PAYMENT_WISH__PAYMENT_WISH_NONE)
		row->wish = row->asked_wish = BILLING__PAYMENT_WISH__PAYMENT_WISH_CANCEL;
	return pay_run(b, t, id, false);
}

int pay_answer_when_open(struct gv_turn *t, const char *id, struct gv_ticket ticket)
{
	Billing__PaymentRow *row = pay_row(t, id);

	if (!row)
		return -ENOENT;
	pay_answer_ticket(t, row); /* who asked before need not wait for ever */
	row->ticket_call = ticket.call;
	row->ticket_caller = ticket.caller;
	if (row->payment->state != BILLING__PAYMENT_STATE__PAYMENT_STATE_CREATED || row->tries)
		pay_answer_ticket(t, row);
	return 0;
}

void pay_answer_ticket(struct gv_turn *t, Billing__PaymentRow *row)
{
	struct gv_ticket to = { .call = row->ticket_call, .caller = row->ticket_caller };
	Billing__TopUpReply reply = BILLING__TOP_UP_REPLY__INIT;

	if (!to.call && !to.caller)
		return;
	row->ticket_call = row->ticket_caller = 0;
	reply.payment = row->payment;
	gv_reply(t, to, &reply);
}

const char *pay_clearing(struct gv_turn *t, const Billing__Payment *payment)
{
	return pay_provider_of(payment->provider)->clearing(t, payment);
}

int pay_credited(struct gv_turn *t, const char *id, const char *refund, const char *account)
{
	Billing__PaymentRow *row = pay_row(t, id);
	Billing__PaymentRefund *r = row && refund ? (Billing__PaymentRefund *)pay_refund_find(row->payment, refund)
						  : NULL;

	if (!row || (refund && !r))
		return -ENOENT;
	*(r ? &r->returned_to : &row->payment->credited) = text(t, account);
	return 0;
}
