/* Verify holds payments against the ledger (I6): rows that were changed behind its back are named, and what is only on
 * its way is no problem. Payments and orders are rows of the test's own, beside a real ledger. */
#include "ledger_rig.h"

#include <cJSON.h>
#include <criterion/criterion.h>
#include <plugins/billing/ledger/ledger_rows.h>
#include <plugins/billing/orders/orders.h>
#include <plugins/billing/payments/pay_provider.h>

#include <string.h>

#define CLEARING "psp:stripe:clearing"
#define STATE(name) BILLING__ORDER_STATE__ORDER_STATE_##name
#define REFUND(name) BILLING__REFUND_STATE__REFUND_STATE_##name

const struct gv_table pay_payments = { .name = "payments", .key = "s", .value = &billing__payment_row__descriptor };
const struct gv_table orders_table = { .name = "orders", .key = "s", .value = &billing__order_row__descriptor };

static struct host *h;
static cJSON *reply;

const char *pay_clearing(struct gv_turn *t, const Billing__Payment *payment)
{
	return CLEARING;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static Billing__Payment *payment(struct gv_turn *t, const char *id, int64_t captured)
{
	Billing__PaymentRow *row = gv_edit(t, &pay_payments, gv_key(id));

	if (!row->payment) {
		row->payment = gv_alloc(t, sizeof *row->payment);
		billing__payment__init(row->payment);
	}
	row->payment->id = gv_strdup(t, id);
	row->payment->currency = (char *)"EUR";
	row->payment->amount = 1000;
	row->payment->captured = captured;
	row->payment->state = BILLING__PAYMENT_STATE__PAYMENT_STATE_CAPTURED;
	return row->payment;
}

static Billing__OrderRow *order(struct gv_turn *t, Billing__OrderState state, int64_t take)
{
	Billing__OrderRow *row = gv_edit(t, &orders_table, gv_key("O-1"));

	row->order = gv_alloc(t, sizeof *row->order);
	billing__order__init(row->order);
	row->order->id = (char *)"O-1";
	row->order->state = state;
	row->take = take;
	row->settled_with_provider = state == STATE(CLOSED);
	return row;
}

static Billing__PaymentRefund *add_refund(struct gv_turn *t, Billing__Payment *p, int64_t amount,
					  Billing__RefundState state)
{
	Billing__PaymentRefund *r = gv_alloc(t, sizeof *r);

	billing__payment_refund__init(r);
	r->id = (char *)"R-1";
	r->amount = amount;
	r->state = state;
	*GV_APPEND(t, p->refunds, p->n_refunds) = r;
	return r;
}

static void book(struct billing *b, struct gv_turn *t, const char *id, const char *debit, const char *credit,
		 int64_t amount, const char *purpose)
{
	Billing__Transfer x = BILLING__TRANSFER__INIT;
	const Billing__Transfer *chain[] = { &x };
	struct ledger_error error;

	x.id = (char *)id;
	x.debit = (char *)debit;
	x.credit = (char *)credit;
	x.currency = (char *)"EUR";
	x.amount = amount;
	x.order = (char *)purpose;
	cr_assert_eq(ledger_book(b, t, chain, 1, &error), LEDGER_CREATED, "%s", error.text);
}

/* An order of 366 of a hold of 1000, captured; and a top-up of 500, of which 200 went back. */
static void settled(struct billing *b, struct gv_turn *t)
{
	payment(t, "order:O-1", 366);
	order(t, STATE(CLOSED), 366);
	book(b, t, "CDR-1:paid", CLEARING, "suspense", 366, "O-1");
	add_refund(t, payment(t, "topup:T-1", 500), 200, REFUND(DONE));
	book(b, t, "topup:T-1", CLEARING, "wallet:A", 500, "topup:T-1");
	book(b, t, "refund:R-1", "wallet:A", CLEARING, 200, "topup:T-1");
}

static void setup(void)
{
	static const struct gv_table *const more[] = { &pay_payments, &orders_table, NULL };

	ledger_rig_add(more, pay_add_checks);
	h = ledger_rig_begin(1);
	ledger_rig_turn(h, settled);
}

static void teardown(void)
{
	cJSON_Delete(reply);
	reply = NULL;
	ledger_rig_end(h);
}

TestSuite(pay_verify, .init = setup, .fini = teardown, .timeout = 60);

/* What Verify says: nothing, or one problem with this text. */
static void expect(const char *problem)
{
	struct host_answer *a = host_call(h, "galvan.billing.v1.Billing/Verify", "{}");
	const cJSON *problems;
	const char *first;

	cr_assert_eq(a->code, GV_OK, "%s", a->error);
	cJSON_Delete(reply);
	reply = cJSON_Parse(a->json);
	problems = cJSON_GetObjectItem(reply, "problems");
	first = cJSON_GetStringValue(cJSON_GetArrayItem(problems, 0));
	if (!problem) {
		cr_expect_null(first, "%s", first);
		return;
	}
	cr_assert_eq(cJSON_GetArraySize(problems), 1, "%s", a->json);
	cr_expect(strstr(first, problem), "%s must say %s", first, problem);
}

Test(pay_verify, what_nobody_touched_is_sound)
{
	expect(NULL);
}

/* ---- what was changed ------------------------------------------------------------------------ */

static void change_captured(struct billing *b, struct gv_turn *t)
{
	payment(t, "order:O-1", 367);
}

Test(pay_verify, a_captured_sum_that_the_ledger_has_not_is_named)
{
	ledger_rig_turn(h, change_captured);
	expect("payment order:O-1 leaves 367 with the provider, and the ledger 366 in " CLEARING " (I6)");
}

static void forget_the_refund(struct billing *b, struct gv_turn *t)
{
	payment(t, "topup:T-1", 500)->n_refunds = 0;
}

Test(pay_verify, a_refund_that_was_taken_out_of_its_row_is_named)
{
	ledger_rig_turn(h, forget_the_refund);
	expect("payment topup:T-1 leaves 500 with the provider, and the ledger 300");
}

static void invent_a_refund(struct billing *b, struct gv_turn *t)
{
	add_refund(t, payment(t, "order:O-1", 366), 100, REFUND(PENDING));
}

Test(pay_verify, a_refund_that_the_ledger_has_not_is_named)
{
	ledger_rig_turn(h, invent_a_refund);
	expect("payment order:O-1 leaves 266 with the provider, and the ledger 366");
}

static void invent_a_dispute(struct billing *b, struct gv_turn *t)
{
	Billing__Payment *p = payment(t, "order:O-1", 366);
	Billing__PaymentDispute *d = gv_alloc(t, sizeof *d);

	billing__payment_dispute__init(d);
	d->reference = (char *)"dp_1";
	d->amount = d->taken = 366;
	*GV_APPEND(t, p->disputes, p->n_disputes) = d;
}

Test(pay_verify, a_dispute_that_the_ledger_has_not_is_named)
{
	ledger_rig_turn(h, invent_a_dispute);
	expect("payment order:O-1 leaves 0 with the provider, and the ledger 366");
}

static void lose_the_order(struct billing *b, struct gv_turn *t)
{
	gv_delete(t, &orders_table, gv_key("O-1"));
}

Test(pay_verify, a_payment_without_its_order_is_named)
{
	ledger_rig_turn(h, lose_the_order);
	expect("payment order:O-1 is for an order that is not there");
}

static void post_by_hand(struct billing *b, struct gv_turn *t)
{
	book(b, t, "by-hand", "writeoff", CLEARING, 6, "O-1");
}

Test(pay_verify, a_transfer_by_hand_in_the_orders_name_is_named)
{
	ledger_rig_turn(h, post_by_hand);
	expect("payment order:O-1 leaves 366 with the provider, and the ledger 360");
}

/* ---- what is on its way ---------------------------------------------------------------------- */

static void not_captured_yet(struct billing *b, struct gv_turn *t)
{
	payment(t, "order:O-1", 0);
	order(t, STATE(SETTLED), 366);
}

Test(pay_verify, what_is_yet_to_be_captured_counts)
{
	ledger_rig_turn(h, not_captured_yet);
	expect(NULL);
}

static void credited_and_not_asked_for(struct billing *b, struct gv_turn *t)
{
	Billing__OrderRefund *r = gv_alloc(t, sizeof *r);
	Billing__OrderRow *row = order(t, STATE(SETTLED), 366);

	payment(t, "order:O-1", 0);
	billing__order_refund__init(r);
	r->id = (char *)"CDR-2:back";
	r->amount = 366;
	*GV_APPEND(t, row->refunds, row->n_refunds) = r;
	book(b, t, "CDR-2:paid", "suspense", CLEARING, 366, "O-1");
}

Test(pay_verify, what_is_to_go_back_and_was_not_asked_for_counts)
{
	ledger_rig_turn(h, credited_and_not_asked_for);
	expect(NULL);
}

static void given_up(struct billing *b, struct gv_turn *t)
{
	add_refund(t, payment(t, "order:O-1", 1000), 1000, REFUND(WANTED));
	order(t, STATE(VOIDED), 0);
	book(b, t, "undone", "suspense", CLEARING, 366, "O-1");
}

Test(pay_verify, a_payment_that_was_given_up_leaves_nothing)
{
	ledger_rig_turn(h, given_up);
	expect(NULL);
}

static void paid_and_not_used(struct billing *b, struct gv_turn *t)
{
	payment(t, "order:O-1", 1000);
	order(t, STATE(STARTED), 0);
	book(b, t, "undone", "suspense", CLEARING, 366, "O-1");
}

Test(pay_verify, what_an_order_has_not_used_yet_is_not_in_the_books)
{
	ledger_rig_turn(h, paid_and_not_used);
	expect(NULL);
}
