/* The saga of an order. Its state and what follows from it are written in one turn, so whatever dies, the order goes on
 * from what it was about to do, and each of its effects has an identity of its own: the hold, the start (the order's
 * token), the charge, what is captured and what goes back. */
#include "orders.h"
#include <plugins/billing/ledger/ledger.h>
#include <plugins/billing/payments/pay.h>

#include <errno.h>
#include <string.h>

static void arm(struct gv_turn *t, const Billing__OrderRow *row, int64_t at_ms)
{
	gv_timer(t, gv_str(t, "order:%s", row->order->id), at_ms, NULL);
}

void orders_answer(struct gv_turn *t, Billing__OrderRow *row)
{
	struct gv_ticket to = { .call = row->ticket_call, .caller = row->ticket_caller };
	Billing__CheckoutReply reply = BILLING__CHECKOUT_REPLY__INIT;

	if (!to.call && !to.caller)
		return;
	row->ticket_call = row->ticket_caller = 0;
	reply.order = row->order;
	gv_reply(t, to, &reply);
}

/* ---- money held ------------------------------------------------------------------------------ */

static int book_hold(struct billing *b, struct gv_turn *t, const Billing__OrderRow *row, struct ledger_error *error)
{
	Billing__Transfer x = BILLING__TRANSFER__INIT;
	const Billing__Transfer *chain = &x;

	x.id = (char *)orders_hold(t, row);
	x.kind = BILLING__TRANSFER_KIND__TRANSFER_KIND_PENDING;
	x.debit = row->account;
	x.credit = (char *)"suspense";
	x.amount = row->order->held;
	x.currency = row->order->currency;
	x.order = row->order->id;
	x.reason = (char *)"hold";
	return ledger_book(b, t, &chain, 1, error);
}

static void book_void(struct billing *b, struct gv_turn *t, const Billing__OrderRow *row)
{
	Billing__Transfer x = BILLING__TRANSFER__INIT;
	const Billing__Transfer *chain = &x;
	struct ledger_error error;

	if (!ledger_held(t, orders_hold(t, row)))
		return;
	x.id = gv_str(t, "order:%s:void", row->order->id);
	x.kind = BILLING__TRANSFER_KIND__TRANSFER_KIND_VOID_PENDING;
	x.pending = (char *)orders_hold(t, row);
	x.reason = (char *)"void";
	if (ledger_book(b, t, &chain, 1, &error) == LEDGER_REFUSED)
		gv_fault(t, "the hold of order %s cannot be voided: %s", row->order->id, error.text);
}

/* ---- forward --------------------------------------------------------------------------------- */

static int paid(struct billing *b, struct gv_turn *t, Billing__OrderRow *row)
{
	struct ledger_error error;
	const char *session;

	if (book_hold(b, t, row, &error) == LEDGER_REFUSED)
		return orders_void(b, t, row, gv_str(t, "the money could not be held: %s", error.text));
	orders_to(t, row, BILLING__ORDER_STATE__ORDER_STATE_PAID);
	if (!row->rental && uses_on(t, row->order->device, row->order->connector, &session))
		return orders_void(b, t, row, gv_str(t, "session %s began at the connector meanwhile", session));
	row->deadline_ms = gv_now_ms(t) + (row->rental ? ORDERS_LEND_MS : 1000 * (int64_t)b->config->hold->start_s);
	orders_to(t, row, BILLING__ORDER_STATE__ORDER_STATE_STARTING);
	return row->rental ? orders_lend(b, t, row) : orders_start(b, t, row);
}

static bool begin_payment(struct billing *b, struct gv_turn *t, Billing__OrderRow *row)
{
	struct pay_request request = {
		.id = gv_str(t, ORDERS_PAYMENT "%s", row->order->id),
		.provider = row->provider,
		.kind = BILLING__PAYMENT_KIND__PAYMENT_KIND_HOLD,
		.amount = row->order->held,
		.currency = row->order->currency,
		.description = gv_str(t, row->rental ? "Power bank at %s" : "Charging at %s", row->order->device),
		.return_url = row->return_url,
	};

	row->order->payment = (char *)request.id;
	orders_put(t, row);
	return pay_begin(b, t, &request) != NULL;
}

static int created(struct billing *b, struct gv_turn *t, Billing__OrderRow *row)
{
	if (row->order->pay_by == BILLING__PAY_BY__PAY_BY_BALANCE) {
		row->account = gv_str(t, "wallet:%s", row->order->customer);
		return paid(b, t, row);
	}
	if (!begin_payment(b, t, row))
		return gv_fault(t, "the payment of order %s could not be begun", row->order->id);
	row->deadline_ms = gv_now_ms(t) + 1000 * (int64_t)b->config->hold->open_s;
	arm(t, row, row->deadline_ms);
	orders_to(t, row, BILLING__ORDER_STATE__ORDER_STATE_PAYING);
	return orders_go(b, t, row);
}

static int paying(struct billing *b, struct gv_turn *t, Billing__OrderRow *row)
{
	const Billing__Payment *p = pay_find(t, row->order->payment);

	if (!p)
		return gv_fault(t, "order %s has lost its payment", row->order->id);
	row->order->url = p->url;
	switch (p->state) {
	case BILLING__PAYMENT_STATE__PAYMENT_STATE_CREATED:
		orders_put(t, row);
		return 0;
	case BILLING__PAYMENT_STATE__PAYMENT_STATE_OPEN:
		orders_answer(t, row);
		orders_put(t, row);
		orders_tell(t, row);
		return 0;
	case BILLING__PAYMENT_STATE__PAYMENT_STATE_AUTHORISED:
	case BILLING__PAYMENT_STATE__PAYMENT_STATE_CAPTURED:
		orders_answer(t, row);
		row->account = gv_strdup(t, pay_clearing(t, p));
		return paid(b, t, row);
	default:
		return orders_void(b, t, row, *p->error ? p->error : "the payment did not succeed");
	}
}

int orders_go(struct billing *b, struct gv_turn *t, Billing__OrderRow *row)
{
	switch (row->order->state) {
	case BILLING__ORDER_STATE__ORDER_STATE_CREATED:
		return created(b, t, row);
	case BILLING__ORDER_STATE__ORDER_STATE_PAYING:
		return paying(b, t, row);
	default:
		return 0;
	}
}

/* ---- back ------------------------------------------------------------------------------------ */

/* What is still to come back of a payment that was given up. */
static bool money_is_back(const Billing__Payment *p)
{
	if (p->state == BILLING__PAYMENT_STATE__PAYMENT_STATE_CAPTURED)
		return p->refunded >= p->captured;
	return p->state == BILLING__PAYMENT_STATE__PAYMENT_STATE_RELEASED ||
	       p->state == BILLING__PAYMENT_STATE__PAYMENT_STATE_FAILED;
}

static int voiding(struct gv_turn *t, Billing__OrderRow *row)
{
	const Billing__Payment *p = *row->order->payment ? pay_find(t, row->order->payment) : NULL;

	if (p && !money_is_back(p)) {
		orders_put(t, row);
		return 0;
	}
	orders_to(t, row, BILLING__ORDER_STATE__ORDER_STATE_VOIDED);
	return 0;
}

int orders_void(struct billing *b, struct gv_turn *t, Billing__OrderRow *row, const char *why)
{
	row->order->error = gv_strdup(t, why);
	book_void(b, t, row);
	gv_timer_cancel(t, gv_str(t, "order:%s", row->order->id));
	orders_answer(t, row);
	orders_unclaim(t, row);
	if (!row->rental)
		row->terms = NULL;
	orders_to(t, row, BILLING__ORDER_STATE__ORDER_STATE_VOIDING);
	if (*row->order->payment && pay_cancel(b, t, row->order->payment))
		return gv_fault(t, "payment %s cannot be given up", row->order->payment);
	return voiding(t, row);
}

/* ---- after the charge ------------------------------------------------------------------------ */

static const char *debtor(struct gv_turn *t, const Billing__Order *o)
{
	return *o->customer ? gv_str(t, "receivable:%s", o->customer) : gv_str(t, "receivable:order:%s", o->id);
}

/* The books say that the provider has so much more, or less, than it has: somebody owes it. */
static void book_missing(struct billing *b, struct gv_turn *t, const Billing__OrderRow *row, const char *id,
			 int64_t missing)
{
	Billing__Transfer x = BILLING__TRANSFER__INIT;
	const Billing__Transfer *chain = &x;
	struct ledger_error error;

	x.id = (char *)id;
	x.debit = (char *)(missing > 0 ? debtor(t, row->order) : row->account);
	x.credit = (char *)(missing > 0 ? row->account : debtor(t, row->order));
	x.amount = missing > 0 ? missing : -missing;
	x.currency = row->order->currency;
	x.order = row->order->id;
	x.reason = (char *)"not captured";
	if (ledger_book(b, t, &chain, 1, &error) == LEDGER_REFUSED)
		gv_fault(t, "what order %s is owed cannot be booked: %s", row->order->id, error.text);
}

static int64_t captured(const Billing__Payment *p)
{
	return p->state == BILLING__PAYMENT_STATE__PAYMENT_STATE_CAPTURED ? p->captured : 0;
}

/* What never came in need not go back: it is owed no more. The rest does. */
static void send_one_back(struct billing *b, struct gv_turn *t, Billing__OrderRow *row, const Billing__Payment *p,
			  const Billing__OrderRefund *r)
{
	int64_t missing = row->take > captured(p) ? row->take - captured(p) : 0, back = r->amount;

	if (missing > back)
		missing = back;
	if (missing)
		book_missing(b, t, row, gv_str(t, "%s:missing", r->id), -missing);
	row->take -= missing;
	back -= missing;
	if (back && pay_refund(b, t, p->id, r->id, back))
		pay_flag(t, p->id,
			 gv_str(t, "%lld minor units are to go back and cannot: %s", (long long)back,
				pay_refund_problem(t, p->id, r->id, back)));
}

/* Begins what is to go back, once it is known what the provider has. */
static void send_back(struct billing *b, struct gv_turn *t, Billing__OrderRow *row, const Billing__Payment *p)
{
	for (size_t i = 0; row->settled_with_provider && i < row->n_refunds; i++) {
		Billing__OrderRefund *begun = gv_alloc(t, sizeof *begun);

		if (row->refunds[i]->begun)
			continue;
		*begun = *row->refunds[i];
		begun->begun = true;
		row->refunds[i] = begun;
		send_one_back(b, t, row, p, begun);
	}
}

static void want_back(struct gv_turn *t, Billing__OrderRow *row, const char *refund, int64_t amount)
{
	Billing__OrderRefund *r = gv_alloc(t, sizeof *r);

	billing__order_refund__init(r);
	r->id = gv_strdup(t, refund);
	r->amount = amount;
	*GV_APPEND(t, row->refunds, row->n_refunds) = r;
}

int orders_send_back(struct billing *b, struct gv_turn *t, Billing__OrderRow *row, const char *refund, int64_t amount)
{
	const Billing__Payment *p = pay_find(t, row->order->payment);

	want_back(t, row, refund, amount);
	if (p)
		send_back(b, t, row, p);
	orders_put(t, row);
	return 0;
}

static int with_provider(struct billing *b, struct gv_turn *t, Billing__OrderRow *row)
{
	const Billing__Payment *p = pay_find(t, row->order->payment);
	int64_t want = row->take;

	if (p->state == BILLING__PAYMENT_STATE__PAYMENT_STATE_AUTHORISED) {
		if (pay_capture(b, t, p->id, want))
			pay_flag(t, p->id,
				 gv_str(t, "%lld minor units are to be captured and cannot", (long long)want));
		p = pay_find(t, row->order->payment);
	}
	if (p->state == BILLING__PAYMENT_STATE__PAYMENT_STATE_AUTHORISED) {
		orders_put(t, row);
		return 0;
	}
	if (captured(p) < want) {
		book_missing(b, t, row, gv_str(t, "order:%s:missing", row->order->id), want - captured(p));
		orders_flag(t, row, "not-captured");
	}
	if (captured(p) > want)
		want_back(t, row, gv_str(t, "order:%s:rest", row->order->id), captured(p) - want);
	row->settled_with_provider = true;
	send_back(b, t, row, p);
	orders_to(t, row, BILLING__ORDER_STATE__ORDER_STATE_CLOSED);
	return 0;
}

int orders_settled(struct billing *b, struct gv_turn *t, Billing__OrderRow *row)
{
	orders_to(t, row, BILLING__ORDER_STATE__ORDER_STATE_SETTLED);
	if (*row->order->payment)
		return with_provider(b, t, row);
	orders_to(t, row, BILLING__ORDER_STATE__ORDER_STATE_CLOSED);
	return 0;
}

/* ---- what happens meanwhile ------------------------------------------------------------------ */

/* A refund that the provider could not bring to the person is that person's money with us. */
static void keep_unclaimed(struct billing *b, struct gv_turn *t, const Billing__OrderRow *row,
			   const Billing__Payment *p)
{
	for (size_t i = 0; i < p->n_refunds; i++) {
		const Billing__PaymentRefund *r = p->refunds[i];
		Billing__Transfer x = BILLING__TRANSFER__INIT;
		const Billing__Transfer *chain = &x;
		struct ledger_error error;

		if (r->state != BILLING__REFUND_STATE__REFUND_STATE_FAILED || *r->returned_to || r->elsewhere)
			continue;
		x.id = gv_str(t, "refund:%s:back", r->id);
		x.debit = (char *)pay_clearing(t, p);
		x.credit = gv_str(t, "unclaimed:%s", row->order->id);
		x.amount = r->amount;
		x.currency = p->currency;
		x.order = row->order->id;
		x.reason = (char *)"refund failed";
		if (ledger_book(b, t, &chain, 1, &error) == LEDGER_REFUSED)
			gv_fault(t, "the failed refund %s cannot be booked: %s", r->id, error.text);
		pay_credited(t, p->id, r->id, x.credit);
	}
}

/* Disputes, and refunds that were made elsewhere: the order shows them. */
static void note_outside(struct billing *b, struct gv_turn *t, Billing__OrderRow *row, const Billing__Payment *p)
{
	size_t n_flags = row->order->n_flags;

	pay_book_outside(b, t, p, row->order->id, debtor(t, row->order), NULL);
	if (p->n_disputes)
		orders_flag(t, row, "disputed");
	for (size_t i = 0; i < p->n_refunds; i++)
		if (p->refunds[i]->elsewhere)
			orders_flag(t, row, "refunded-elsewhere");
	if (row->order->n_flags == n_flags)
		return;
	orders_put(t, row);
	orders_tell(t, row);
}

int orders_payment_changed(struct billing *b, struct gv_turn *t, const Billing__Payment *payment)
{
	Billing__OrderRow *row = orders_take(t, payment->id + strlen(ORDERS_PAYMENT));

	if (!row)
		return 0;
	keep_unclaimed(b, t, row, payment);
	note_outside(b, t, row, payment);
	switch (row->order->state) {
	case BILLING__ORDER_STATE__ORDER_STATE_PAYING:
		return paying(b, t, row);
	case BILLING__ORDER_STATE__ORDER_STATE_VOIDING:
		return voiding(t, row);
	case BILLING__ORDER_STATE__ORDER_STATE_SETTLED:
		return with_provider(b, t, row);
	case BILLING__ORDER_STATE__ORDER_STATE_CLOSED:
		send_back(b, t, row, payment);
		orders_put(t, row);
		return 0;
	default:
		return 0;
	}
}

static int paying_due(struct billing *b, struct gv_turn *t, Billing__OrderRow *row)
{
	if (gv_now_ms(t) >= row->deadline_ms)
		return orders_void(b, t, row, "it was not paid in time");
	orders_answer(t, row); /* without the page, which GetOrder and OrderChanged will tell */
	orders_put(t, row);
	arm(t, row, row->deadline_ms);
	return 0;
}

int orders_due(struct billing *b, struct gv_turn *t, const char *name)
{
	Billing__OrderRow *row = orders_take(t, name + strlen("order:"));

	if (!row)
		return 0;
	if (row->order->state == BILLING__ORDER_STATE__ORDER_STATE_PAYING)
		return paying_due(b, t, row);
	if (row->order->state == BILLING__ORDER_STATE__ORDER_STATE_CREATED && !row->asked)
		return orders_claim(b, t, row);
	if (row->order->state != BILLING__ORDER_STATE__ORDER_STATE_STARTING || row->asked)
		return 0;
	if (row->rental)
		return orders_lend_due(b, t, row);
	if (gv_now_ms(t) < row->deadline_ms && (row->again || !row->starts))
		return orders_start(b, t, row);
	return orders_look(b, t, row);
}
