/* What Verify asks of payments (I6): that what came in and went back is in the ledger, once. For a top-up each movement
 * has its transfer; and of every payment, the lines of what it was for leave in the provider's clearing account what
 * the provider has. */
#include <plugins/billing/ledger/ledger_methods.h>
#include <plugins/billing/ledger/ledger_rows.h>
#include <plugins/billing/orders/orders.h>
#include "pay_provider.h"

#include <stdio.h>
#include <string.h>

#define PAYMENTS_A_PART 2000 /* the lines of each are walked */

/* What a transfer has moved; 0 where there is none. */
static int64_t moved(struct gv_turn *t, const char *id)
{
	const Billing__TransferRow *x = gv_get(t, &ledger_transfers, gv_key(id));
	const Billing__EntryRow *line = x && x->entry ? ledger_entry(t, x->entry) : NULL;

	return line ? line->amount : 0;
}

static void check_refund(struct gv_turn *t, struct ledger_audit *a, const Billing__PaymentRefund *r)
{
	bool failed = r->state == BILLING__REFUND_STATE__REFUND_STATE_FAILED;
	int64_t went = moved(t, gv_str(t, "refund:%s", r->id)), back = moved(t, gv_str(t, "refund:%s:back", r->id));

	if (r->elsewhere) { /* a part of it may be owed */
		went += moved(t, gv_str(t, "refund:%s:rest", r->id));
		back += moved(t, gv_str(t, "refund:%s:rest:back", r->id));
	}
	if (went != r->amount || back != (failed ? r->amount : 0))
		ledger_problem(a, "refund %s of %lld%s, and the ledger has %lld gone and %lld come back (I6)", r->id,
			       (long long)r->amount, failed ? " failed" : "", (long long)went, (long long)back);
}

static void check_topup(struct gv_turn *t, struct ledger_audit *a, const Billing__Payment *p)
{
	int64_t credited = moved(t, p->id);

	if (credited != p->captured)
		ledger_problem(a, "payment %s has taken %lld, the ledger has %lld (I6)", p->id, (long long)p->captured,
			       (long long)credited);
	for (size_t i = 0; i < p->n_refunds; i++)
		check_refund(t, a, p->refunds[i]);
}

/* What the lines of a purpose leave in an account, debits less credits. A hold leaves nothing before it is posted. */
static int64_t left_in(struct gv_turn *t, const char *account, const char *purpose)
{
	struct ledger_walk walk = { 0 };
	const Billing__Entry *line;
	int64_t sum = 0;

	while ((line = ledger_of_order(t, purpose, &walk))) {
		const Billing__Transfer *x = line->transfer;

		if (x->kind != BILLING__TRANSFER_KIND__TRANSFER_KIND_POSTED &&
		    x->kind != BILLING__TRANSFER_KIND__TRANSFER_KIND_POST_PENDING)
			continue;
		if (!strcmp(x->debit, account))
			sum += x->amount;
		else if (!strcmp(x->credit, account))
			sum -= x->amount;
	}
	return sum;
}

/* What an order has counted on: before its end nothing, then what it is to capture, in the end what was captured; less
 * what is to go back and has not been asked for. */
static int64_t counted_on(const Billing__OrderRow *row, const Billing__Payment *p)
{
	int64_t sum = 0;

	switch (row->order->state) {
	case BILLING__ORDER_STATE__ORDER_STATE_VOIDING:
	case BILLING__ORDER_STATE__ORDER_STATE_VOIDED:
		sum = p->captured;
		break;
	case BILLING__ORDER_STATE__ORDER_STATE_RATED:
	case BILLING__ORDER_STATE__ORDER_STATE_SETTLED:
	case BILLING__ORDER_STATE__ORDER_STATE_CLOSED:
		sum = row->settled_with_provider ? p->captured : row->take;
		break;
	default:
		break;
	}
	for (size_t i = 0; i < row->n_refunds; i++)
		sum -= row->refunds[i]->begun ? 0 : row->refunds[i]->amount;
	return sum;
}

static void check_payment(struct gv_turn *t, struct ledger_audit *a, const Billing__Payment *p)
{
	const Billing__OrderRow *order = NULL;
	const char *purpose = p->id;
	int64_t has, posted;

	if (strncmp(p->id, ORDERS_PAYMENT, strlen(ORDERS_PAYMENT)) == 0) {
		purpose = p->id + strlen(ORDERS_PAYMENT);
		order = gv_get(t, &orders_table, gv_key(purpose));
		if (!order) {
			ledger_problem(a, "payment %s is for an order that is not there (I6)", p->id);
			return;
		}
	} else {
		check_topup(t, a, p);
	}
	has = (order ? counted_on(order, p) : p->captured) - pay_refunded(p, true) - pay_disputed(p);
	posted = left_in(t, pay_clearing(t, p), purpose);
	if (has != posted)
		ledger_problem(a, "payment %s leaves %lld with the provider, and the ledger %lld in %s (I6)", p->id,
			       (long long)has, (long long)posted, pay_clearing(t, p));
}

static bool check_payments(struct billing *b, struct gv_turn *t, struct ledger_audit *a, char place[LEDGER_PLACE_MAX])
{
	struct gv_scan scan = { .table = &pay_payments };
	bool more = true;

	if (*place && gv_page_from(t, &scan, place) < 0)
		return false;
	for (unsigned n = 0; n < PAYMENTS_A_PART && (more = gv_next(t, &scan)); n++)
		check_payment(t, a, ((const Billing__PaymentRow *)scan.row)->payment);
	snprintf(place, LEDGER_PLACE_MAX, "%s", more ? gv_page(t, &scan) : "");
	return more;
}

int pay_add_checks(struct billing *b)
{
	static const struct ledger_check check = { "I6", check_payments };

	return ledger_add_check(b, &check);
}
