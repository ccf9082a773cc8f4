/* What a payment becomes by what its provider says, and what Stripe's API looks like on the wire. */
#include "turn.h"

#include <plugins/billing/payments/pay_stripe.h>

#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CREATED BILLING__PAYMENT_STATE__PAYMENT_STATE_CREATED
#define OPEN BILLING__PAYMENT_STATE__PAYMENT_STATE_OPEN
#define AUTHORISED BILLING__PAYMENT_STATE__PAYMENT_STATE_AUTHORISED
#define CAPTURED BILLING__PAYMENT_STATE__PAYMENT_STATE_CAPTURED
#define RELEASED BILLING__PAYMENT_STATE__PAYMENT_STATE_RELEASED
#define FAILED BILLING__PAYMENT_STATE__PAYMENT_STATE_FAILED

/* ---- merging --------------------------------------------------------------------------------- */

static Billing__PaymentRow row;
static Billing__Payment payment;
static Billing__PaymentRefund refund, *refunds[] = { &refund };
static const char *problem;

static void begin(Billing__PaymentState state)
{
	billing__payment_row__init(&row);
	billing__payment__init(&payment);
	row.payment = &payment;
	payment.id = "order:1";
	payment.amount = 5000;
	payment.currency = "EUR";
	payment.state = state;
	problem = NULL;
}

static struct pay_facts standing(Billing__PaymentState state)
{
	struct pay_answer a = PAY_ANSWER_INIT;

	a.facts.standing = true;
	a.facts.state = state;
	return a.facts;
}

TestSuite(merge, .fini = turn_free);

static int merge(struct pay_facts f)
{
	return pay_merge(NULL, &row, &f, &problem);
}

Test(merge, a_payment_only_goes_forward)
{
	/* from, heard, then */
	static const Billing__PaymentState cases[][3] = {
		{ CREATED, OPEN, OPEN },
		{ OPEN, CREATED, OPEN },
		{ OPEN, AUTHORISED, AUTHORISED },
		{ AUTHORISED, OPEN, AUTHORISED },
		{ OPEN, CAPTURED, CAPTURED },
		{ AUTHORISED, RELEASED, RELEASED },
		{ CAPTURED, AUTHORISED, CAPTURED },
		{ RELEASED, AUTHORISED, RELEASED },
		{ OPEN, FAILED, FAILED },
		{ CAPTURED, OPEN, CAPTURED },
		{ FAILED, OPEN, FAILED },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		begin(cases[i][0]);
		cr_expect_eq(merge(standing(cases[i][1])), cases[i][0] != cases[i][2], "case %zu", i);
		cr_expect_eq(payment.state, cases[i][2], "case %zu", i);
		cr_expect_null(problem, "case %zu", i);
	}
}

Test(merge, money_that_comes_after_all_is_money)
{
	begin(FAILED);
	cr_expect_eq(merge(standing(CAPTURED)), 1);
	cr_expect_eq(payment.state, CAPTURED);
	begin(FAILED);
	cr_expect_eq(merge(standing(AUTHORISED)), 1);
	cr_expect_eq(payment.state, AUTHORISED);
}

Test(merge, two_different_ends_are_shown_to_people)
{
	begin(RELEASED);
	cr_expect_eq(merge(standing(CAPTURED)), 0);
	cr_expect_eq(payment.state, RELEASED);
	cr_expect_not_null(problem);
}

Test(merge, what_contradicts_the_payment_is_not_taken_over)
{
	struct pay_facts f;

	for (int i = 0; i < 5; i++) {
		begin(OPEN);
		f = standing(CAPTURED);
		f.captured = 100;
		if (i == 0)
			f.payment = "order:2";
		if (i == 1)
			f.amount = 4999;
		if (i == 2)
			f.currency = "USD";
		if (i == 3)
			f.captured = 5001;
		if (i == 4)
			f.captured = -1;
		cr_expect_eq(merge(f), -EBADMSG, "case %d", i);
		cr_expect_not_null(problem, "case %d", i);
		cr_expect_eq(payment.state, OPEN, "case %d", i);
		cr_expect_eq(payment.captured, 0, "case %d", i);
	}
}

Test(merge, what_was_captured_never_shrinks)
{
	struct pay_facts f = standing(CAPTURED);

	begin(AUTHORISED);
	f.captured = 2700;
	cr_expect_eq(merge(f), 1);
	f.captured = 0;
	cr_expect_eq(merge(f), 0);
	cr_expect_eq(payment.captured, 2700);
}

Test(merge, a_refund_that_was_done_may_come_back_and_stays_so)
{
	struct pay_fact_refund said = { .id = "R-1", .amount = 300, .reference = "re_1" };
	struct pay_facts f = standing(CAPTURED);

	begin(CAPTURED);
	billing__payment_refund__init(&refund);
	refund.id = "R-1";
	refund.amount = 300;
	payment.refunds = refunds;
	payment.n_refunds = 1;
	payment.captured = 2700;
	f.refunds = &said;
	f.n_refunds = 1;
	said.state = BILLING__REFUND_STATE__REFUND_STATE_PENDING;
	cr_expect_eq(merge(f), 1);
	cr_expect_eq(payment.refunded, 300);
	said.state = BILLING__REFUND_STATE__REFUND_STATE_DONE;
	cr_expect_eq(merge(f), 1);
	cr_expect_eq(merge(f), 0);
	said.state = BILLING__REFUND_STATE__REFUND_STATE_FAILED;
	said.error = "closed account";
	cr_expect_eq(merge(f), 1);
	cr_expect_eq(payment.refunded, 0);
	cr_expect_str_eq(refund.error, "closed account");
	said.state = BILLING__REFUND_STATE__REFUND_STATE_DONE;
	cr_expect_eq(merge(f), 0);
	cr_expect_eq(refund.state, BILLING__REFUND_STATE__REFUND_STATE_FAILED);
}

Test(merge, a_refund_of_another_amount_is_shown)
{
	struct pay_fact_refund said = { .id = "R-1", .amount = 301 };
	struct pay_facts f = standing(CAPTURED);

	begin(CAPTURED);
	billing__payment_refund__init(&refund);
	refund.id = "R-1";
	refund.amount = 300;
	payment.refunds = refunds;
	payment.n_refunds = 1;
	f.refunds = &said;
	f.n_refunds = 1;
	said.state = BILLING__REFUND_STATE__REFUND_STATE_DONE;
	cr_expect_eq(merge(f), 0);
	cr_expect_not_null(problem);
	cr_expect_eq(refund.state, BILLING__REFUND_STATE__REFUND_STATE_WANTED);
}

Test(merge, sums_of_refunds_count_what_can_still_go)
{
	begin(CAPTURED);
	billing__payment_refund__init(&refund);
	refund.amount = 300;
	payment.refunds = refunds;
	payment.n_refunds = 1;
	cr_expect_eq(pay_refunded(&payment, false), 0);
	cr_expect_eq(pay_refunded(&payment, true), 300);
	refund.state = BILLING__REFUND_STATE__REFUND_STATE_FAILED;
	cr_expect_eq(pay_refunded(&payment, true), 0);
}

Test(merge, a_refund_made_elsewhere_counts_once)
{
	struct pay_fact_refund said = { .id = "stripe:re_1", .amount = 300, .reference = "re_1", .elsewhere = true };
	struct pay_facts f = standing(CAPTURED);

	begin(CAPTURED);
	payment.captured = 500;
	f.refunds = &said;
	f.n_refunds = 1;
	said.state = BILLING__REFUND_STATE__REFUND_STATE_PENDING;
	cr_expect_eq(merge(f), 1);
	cr_expect_eq(merge(f), 0);
	cr_assert_eq(payment.n_refunds, 1);
	cr_expect(payment.refunds[0]->elsewhere);
	cr_expect_eq(payment.refunded, 300);
	said.id = "stripe:re_2";
	cr_expect_eq(merge(f), 0, "more than there is");
	cr_expect_not_null(problem);
	cr_expect_eq(payment.refunded, 300);
	said.id = "stripe:re_1";
	said.state = BILLING__REFUND_STATE__REFUND_STATE_FAILED;
	cr_expect_eq(merge(f), 1);
	cr_expect_eq(payment.refunded, 0);
}

Test(merge, a_dispute_only_goes_forward)
{
	struct pay_fact_dispute said = { .reference = "dp_1", .reason = "fraudulent", .amount = 300 };
	struct pay_facts f = standing(CAPTURED);

	begin(CAPTURED);
	payment.captured = 500;
	f.disputes = &said;
	f.n_disputes = 1;
	cr_expect_eq(merge(f), 1);
	cr_expect_eq(pay_disputed(&payment), 0, "an inquiry takes nothing");
	said.state = BILLING__DISPUTE_STATE__DISPUTE_STATE_OPEN;
	said.taken = true;
	cr_expect_eq(merge(f), 1);
	cr_expect_eq(merge(f), 0);
	cr_expect_eq(pay_disputed(&payment), 300);
	cr_expect(pay_has_open_dispute(&payment));
	said.state = BILLING__DISPUTE_STATE__DISPUTE_STATE_WON;
	cr_expect_eq(merge(f), 1);
	cr_expect(pay_has_open_dispute(&payment), "until the money is back");
	said.returned = true;
	cr_expect_eq(merge(f), 1);
	cr_expect_eq(pay_disputed(&payment), 0);
	cr_expect_not(pay_has_open_dispute(&payment));
	said.state = BILLING__DISPUTE_STATE__DISPUTE_STATE_OPEN;
	said.returned = false;
	cr_expect_eq(merge(f), 0, "late news");
	said.amount = 301;
	cr_expect_eq(merge(f), 0);
	cr_expect_not_null(problem, "another amount than before");
}

/* ---- forms ----------------------------------------------------------------------------------- */

Test(form, everything_but_plain_characters_is_encoded)
{
	struct gv_buf b = { 0 };

	stripe_form(&b, "metadata[galvan_payment]", "order:O-1");
	stripe_form(&b, "name", "Zá &=+%\n/?#[]~_.-");
	stripe_form_number(&b, "amount", 9007199254740993);
	stripe_form(&b, "empty", "");
	cr_expect_str_eq(gv_buf_str(&b), "metadata%5Bgalvan_payment%5D=order%3AO-1&"
					 "name=Z%C3%A1%20%26%3D%2B%25%0A%2F%3F%23%5B%5D~_.-&"
					 "amount=9007199254740993&empty=");
	gv_buf_fini(&b);
}

/* ---- amounts --------------------------------------------------------------------------------- */

static void amount(const char *currency, int64_t minor, int result, int64_t stripe)
{
	int64_t there = -1, back = -1;

	cr_expect_eq(stripe_amount(currency, minor, &there), result, "%s", currency);
	if (result == -ENOTSUP)
		return;
	cr_expect_eq(there, stripe, "%s: %lld", currency, (long long)there);
	cr_expect_eq(stripe_amount_back(currency, there, &back), 0, "%s", currency);
	if (result == 0)
		cr_expect_eq(back, minor, "%s: %lld", currency, (long long)back);
}

Test(amounts, stripe_counts_like_iso_4217_but_for_a_few)
{
	int64_t ret;

	amount("EUR", 1234, 0, 1234);
	amount("HUF", 123400, 0, 123400);
	amount("JPY", 500, 0, 500);
	amount("XPF", 7, 0, 7);
	amount("KWD", 5120, 0, 5120);
	amount("KWD", 5124, -EDOM, 5120);
	amount("BHD", 9, -EDOM, 0);
	amount("ISK", 5, 0, 500);
	amount("UGX", 5, -ENOTSUP, 0);
	amount("MGA", 5, -ENOTSUP, 0);
	amount("IQD", 5, -ENOTSUP, 0);
	amount("CLF", 5, -ENOTSUP, 0);
	amount("XYZ", 5, -ENOTSUP, 0);
	cr_expect_eq(stripe_amount_back("ISK", 550, &ret), -EDOM);
}

/* ---- signatures ------------------------------------------------------------------------------ */

#define NOW 1700000000
#define BODY "{\"id\":\"evt_1\"}"
/* printf '%s' '1700000000.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_test */
#define GOOD "c89214b5b5da833daed6f0b8c5bb6bd58cea9022bd80ccc78230f3942d632925"
#define OTHER "0000000000000000000000000000000000000000000000000000000000000000"

static bool accepted(const char *header, int64_t now)
{
	return !stripe_signature_problem(header, "whsec_test", now, BODY, strlen(BODY));
}

Test(signature, the_secrets_over_time_and_body_is_good)
{
	cr_expect(accepted("t=1700000000,v1=" GOOD, NOW));
	cr_expect(accepted("t=1700000000, v0=" OTHER ", v1=" GOOD, NOW));
	cr_expect(accepted("v1=" GOOD ",t=1700000000", NOW));
}

Test(signature, one_of_several_is_enough)
{
	cr_expect(accepted("t=1700000000,v1=" OTHER ",v1=" GOOD, NOW));
	cr_expect(accepted("t=1700000000,v1=" GOOD ",v1=" OTHER, NOW));
	cr_expect(accepted("t=1700000000,v1=zz,v1=" GOOD, NOW));
}

Test(signature, it_is_good_for_five_minutes)
{
	cr_expect(accepted("t=1700000000,v1=" GOOD, NOW + 300));
	cr_expect(accepted("t=1700000000,v1=" GOOD, NOW - 300));
	cr_expect_not(accepted("t=1700000000,v1=" GOOD, NOW + 301));
	cr_expect_not(accepted("t=1700000000,v1=" GOOD, NOW - 301));
}

Test(signature, anything_else_is_refused)
{
	static const char *const wrong[] = {
		"",
		"t=1700000000",
		"v1=" GOOD,
		"t=,v1=" GOOD,
		"t=1700000001,v1=" GOOD,
		"t=1700000000,v1=" OTHER,
		"t=1700000000,v0=" GOOD,
		"t=1700000000,v1=",
		"t=1700000000,v1=" GOOD "00",
		"t=1700000000,t=1700000000,v1=" GOOD,
		"t=-1700000000,v1=" GOOD,
		"t=1700000000x,v1=" GOOD,
		"t=17000000000000000000000,v1=" GOOD,
		",,,,",
		"t=1700000000;v1=" GOOD,
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		cr_expect_not(accepted(wrong[i], NOW), "%s", wrong[i]);
	cr_expect_not_null(stripe_signature_problem("t=1700000000,v1=" GOOD, "whsec_other", NOW, BODY, strlen(BODY)));
	cr_expect_not_null(
		stripe_signature_problem("t=1700000000,v1=" GOOD, "whsec_test", NOW, BODY, strlen(BODY) - 1));
	cr_expect_not_null(stripe_signature_problem("t=1700000000,v1=" GOOD, "", NOW, BODY, strlen(BODY)));
}

Test(signature, many_signatures_are_looked_at_up_to_a_limit)
{
	char header[4096] = "t=1700000000";
	size_t n = strlen(header);

	for (int i = 0; i < STRIPE_SIGNATURES_MAX; i++)
		n += (size_t)snprintf(header + n, sizeof(header) - n, ",v1=" OTHER);
	snprintf(header + n, sizeof(header) - n, ",v1=" GOOD);
	cr_expect_not(accepted(header, NOW));
}
