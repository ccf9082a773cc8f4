/* What comes from the network in a payment provider's name: an event's signature, and answers of the API. Whatever they
 * are, a payment that takes them over stays one that can be. */
#include "fuzz.h"

#include <tests/unit/plugins/billing/turn.h>

#include <plugins/billing/payments/pay_stripe.h>

#include <galvan/link.pb-c.h>
#include <string.h>

static void answer(Billing__PaymentRow *row, Billing__PaymentStep step, unsigned status, const char *body, size_t size)
{
	Billing__PaymentAsked asked = BILLING__PAYMENT_ASKED__INIT;
	Link__FetchReply reply = LINK__FETCH_REPLY__INIT;
	struct gv_answer from = { .code = GV_OK, .reply = &reply, .error = "" };
	struct pay_answer a = PAY_ANSWER_INIT;
	Billing__PaymentState before = row->payment->state;
	int64_t captured = row->payment->captured;
	const char *problem;

	asked.step = step;
	reply.status = status;
	reply.body.data = (uint8_t *)body;
	reply.body.len = size;
	stripe_read(NULL, row, &asked, &from, &a);
	FUZZ_ASSERT(a.text);
	if (a.verdict != PAY_DONE)
		return;
	if (pay_merge(NULL, row, &a.facts, &problem) < 0)
		FUZZ_ASSERT(problem && row->payment->state == before && row->payment->captured == captured);
	FUZZ_ASSERT(row->payment->captured >= captured && row->payment->captured <= row->payment->amount);
	FUZZ_ASSERT(row->payment->refunded >= 0);
	FUZZ_ASSERT(row->payment->n_refunds <= PAY_REFUNDS_MAX + PAY_ELSEWHERE_MAX);
	FUZZ_ASSERT(row->payment->n_disputes <= PAY_DISPUTES_MAX && pay_disputed(row->payment) >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned statuses[] = { 200, 400, 409, 429, 500 };
	Billing__PaymentRefund refund = BILLING__PAYMENT_REFUND__INIT, *refunds[] = { &refund };
	Billing__PaymentRow row = BILLING__PAYMENT_ROW__INIT;
	Billing__Payment payment = BILLING__PAYMENT__INIT;
	char *text = gv_strdup(NULL, "");

	if (size) {
		text = gv_alloc(NULL, size);
		memcpy(text, data, size);
		text[size] = '\0';
	}
	/* 12 digits of time at most, and no signature of this secret: never good but by forging HMAC-SHA256 */
	FUZZ_ASSERT(stripe_signature_problem(text, "whsec_fuzz", 1700000000, data, size));
	row.payment = &payment;
	refund.id = "R-1";
	refund.amount = 100;
	payment.id = "order:1";
	payment.amount = 5000;
	payment.currency = "EUR";
	payment.refunds = refunds;
	payment.n_refunds = 1;
	for (int step = BILLING__PAYMENT_STEP__PAYMENT_STEP_BEGIN; step <= BILLING__PAYMENT_STEP__PAYMENT_STEP_DISPUTES;
	     step++)
		for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++)
			answer(&row, step, statuses[i], text, size);
	turn_free();
	return 0;
}
