/* What Stripe's answers mean: pages, intents, refunds, errors; and that nothing in them is trusted to be there. */
#include "turn.h"

#include <plugins/billing/payments/pay_stripe.h>

#include <criterion/criterion.h>
#include <galvan/link.pb-c.h>

#include <stdio.h>
#include <string.h>

#define STATE(name) BILLING__PAYMENT_STATE__PAYMENT_STATE_##name
#define STEP(name) BILLING__PAYMENT_STEP__PAYMENT_STEP_##name

static Billing__PaymentRow row;
static Billing__Payment payment;
static struct pay_answer got;

static void setup(void)
{
	billing__payment_row__init(&row);
	billing__payment__init(&payment);
	row.payment = &payment;
	payment.id = "order:1";
	payment.amount = 5000;
	payment.currency = "EUR";
	payment.state = STATE(OPEN);
}

TestSuite(stripe, .init = setup, .fini = turn_free);

static struct pay_answer *answered(Billing__PaymentStep step, unsigned status, const char *body, bool replayed)
{
	Link__HttpHeader header = LINK__HTTP_HEADER__INIT, *headers[] = { &header };
	Billing__PaymentAsked asked = BILLING__PAYMENT_ASKED__INIT;
	Link__FetchReply reply = LINK__FETCH_REPLY__INIT;
	struct gv_answer answer = { .code = GV_OK, .reply = &reply, .error = "" };

	header.name = "idempotent-replayed";
	header.value = "true";
	reply.headers = headers;
	reply.n_headers = replayed;
	reply.status = status;
	reply.body.data = (uint8_t *)body;
	reply.body.len = strlen(body);
	asked.step = step;
	got = (struct pay_answer)PAY_ANSWER_INIT;
	stripe_read(NULL, &row, &asked, &answer, &got);
	return &got;
}

static struct pay_answer *retrieved(const char *body)
{
	return answered(STEP(RETRIEVE), 200, body, false);
}

#define SESSION(status, intent)                                                                                        \
	"{\"object\":\"checkout.session\",\"id\":\"cs_1\",\"status\":\"" status "\",\"amount_total\":5000,"            \
	"\"currency\":\"eur\",\"url\":\"https://pay\",\"metadata\":{\"galvan_payment\":\"order:1\"},"                  \
	"\"payment_intent\":" intent "}"
#define INTENT(status, more)                                                                                           \
	"{\"object\":\"payment_intent\",\"id\":\"pi_1\",\"status\":\"" status "\",\"amount\":5000,\"currency\":"       \
	"\"eur\",\"metadata\":{\"galvan_payment\":\"order:1\"}" more "}"

Test(stripe, a_new_page_is_open)
{
	answered(STEP(BEGIN), 200, SESSION("open", "null"), false);
	cr_expect_eq(got.verdict, PAY_DONE);
	cr_expect(got.facts.standing && got.facts.page_open);
	cr_expect_eq(got.facts.state, STATE(OPEN));
	cr_expect_str_eq(got.facts.page, "cs_1");
	cr_expect_str_eq(got.facts.url, "https://pay");
	cr_expect_eq(got.facts.amount, 5000);
	cr_expect_str_eq(got.facts.currency, "EUR");
	cr_expect_null(got.facts.reference);
}

Test(stripe, a_page_that_ran_out_has_failed)
{
	retrieved(SESSION("expired", "null"));
	cr_expect_eq(got.facts.state, STATE(FAILED));
	cr_expect(got.text[0]);
	retrieved(SESSION("expired", INTENT("requires_payment_method", "")));
	cr_expect_eq(got.facts.state, STATE(FAILED));
}

Test(stripe, a_declined_card_leaves_the_page_open)
{
	retrieved(SESSION("open",
			  INTENT("requires_payment_method", ",\"last_payment_error\":{\"message\":\"declined\"}")));
	cr_expect_eq(got.facts.state, STATE(OPEN));
	cr_expect(got.facts.page_open);
	cr_expect_str_eq(got.text, "declined");
}

Test(stripe, a_completed_page_that_was_not_paid_has_failed)
{
	retrieved(SESSION("complete", INTENT("requires_payment_method", "")));
	cr_expect_eq(got.facts.state, STATE(FAILED));
	retrieved(SESSION("complete", INTENT("processing", "")));
	cr_expect_eq(got.facts.state, STATE(OPEN));
	cr_expect_not(got.facts.page_open);
}

Test(stripe, a_hold_says_until_when)
{
	retrieved(SESSION("complete", INTENT("requires_capture",
					     ",\"latest_charge\":{\"id\":\"ch_1\",\"payment_method_details\":{\"type\":"
					     "\"card\",\"card\":{\"capture_before\":1700000000}}}")));
	cr_expect_eq(got.facts.state, STATE(AUTHORISED));
	cr_expect_eq(got.facts.capture_before_ms, 1700000000000);
	cr_expect_str_eq(got.facts.reference, "pi_1");
	cr_expect_eq(got.facts.captured, 0);
}

Test(stripe, what_was_not_captured_of_a_hold_is_no_refund)
{
	retrieved(INTENT("succeeded",
			 ",\"amount_received\":2700,\"latest_charge\":{\"amount\":5000,\"amount_captured\":"
			 "2700,\"amount_refunded\":2300}"));
	cr_expect_eq(got.facts.state, STATE(CAPTURED));
	cr_expect_eq(got.facts.captured, 2700);
	cr_expect_eq(got.facts.refunded, 0);
	retrieved(INTENT("succeeded",
			 ",\"amount_received\":2700,\"latest_charge\":{\"amount\":5000,\"amount_captured\":"
			 "2700,\"amount_refunded\":2500}"));
	cr_expect_eq(got.facts.refunded, 200);
	retrieved(INTENT("succeeded", ",\"amount_received\":2700,\"latest_charge\":\"ch_1\""));
	cr_expect_eq(got.facts.refunded, -1);
}

Test(stripe, what_is_cancelled_was_released_if_it_was_held)
{
	retrieved(INTENT("canceled", ",\"cancellation_reason\":\"automatic\""));
	cr_expect_eq(got.facts.state, STATE(FAILED));
	payment.state = STATE(AUTHORISED);
	retrieved(INTENT("canceled", ",\"cancellation_reason\":\"automatic\""));
	cr_expect_eq(got.facts.state, STATE(RELEASED));
	cr_expect(strstr(got.text, "automatic"));
	payment.state = STATE(RELEASED);
	retrieved(INTENT("canceled", ""));
	cr_expect_eq(got.facts.state, STATE(RELEASED));
}

Test(stripe, an_unpaid_intent_alone_says_nothing)
{
	retrieved(INTENT("requires_payment_method", ""));
	cr_expect_not(got.facts.standing);
}

static void keep_refunds(const char *const *ids, size_t n)
{
	static Billing__PaymentRefund refunds[4], *list[4];

	for (size_t i = 0; i < n; i++) {
		billing__payment_refund__init(&refunds[i]);
		refunds[i].id = (char *)ids[i];
		list[i] = &refunds[i];
	}
	payment.refunds = list;
	payment.n_refunds = n;
}

Test(stripe, refunds_are_known_by_our_names)
{
	keep_refunds((const char *[]){ "R-1", "R-2", "R-3" }, 3);
	answered(STEP(REFUNDS), 200,
		 "{\"object\":\"list\",\"has_more\":false,\"data\":["
		 "{\"object\":\"refund\",\"id\":\"re_1\",\"amount\":100,\"status\":\"succeeded\",\"metadata\":{"
		 "\"galvan_refund\":\"R-1\"}},"
		 "{\"object\":\"refund\",\"id\":\"re_2\",\"amount\":200,\"status\":\"pending\",\"metadata\":{\"galvan_"
		 "refund\":\"R-2\"}},"
		 "{\"object\":\"refund\",\"id\":\"re_3\",\"amount\":400,\"status\":\"failed\",\"failure_reason\":"
		 "\"lost_or_stolen_card\","
		 "\"metadata\":{\"galvan_refund\":\"R-3\"}},"
		 "{\"object\":\"refund\",\"id\":\"re_4\",\"amount\":800,\"status\":\"succeeded\",\"metadata\":{}}]}",
		 false);
	cr_expect_eq(got.verdict, PAY_DONE);
	cr_expect(got.facts.refunds_known);
	cr_assert_eq(got.facts.n_refunds, 3);
	cr_expect_eq(got.facts.refunds_total, 1500);
	cr_expect_str_eq(got.facts.refunds[1].id, "R-2");
	cr_expect_eq(got.facts.refunds[0].state, BILLING__REFUND_STATE__REFUND_STATE_DONE);
	cr_expect_eq(got.facts.refunds[1].state, BILLING__REFUND_STATE__REFUND_STATE_PENDING);
	cr_expect_eq(got.facts.refunds[2].state, BILLING__REFUND_STATE__REFUND_STATE_FAILED);
	cr_expect(strstr(got.facts.refunds[2].error, "lost_or_stolen_card"));
	answered(STEP(REFUNDS), 200, "{\"object\":\"list\",\"has_more\":true,\"data\":[]}", false);
	cr_expect_eq(got.verdict, PAY_AGAIN);
}

Test(stripe, a_refund_that_is_not_ours_was_made_elsewhere_if_it_moved_money)
{
	answered(STEP(REFUNDS), 200,
		 "{\"object\":\"list\",\"has_more\":false,\"data\":["
		 "{\"object\":\"refund\",\"id\":\"re_1\",\"amount\":100,\"status\":\"succeeded\",\"metadata\":{},"
		 "\"balance_transaction\":\"txn_1\"},"
		 "{\"object\":\"refund\",\"id\":\"re_2\",\"amount\":200,\"status\":\"succeeded\",\"metadata\":{},"
		 "\"balance_transaction\":null},"
		 "{\"object\":\"refund\",\"id\":\"re_3\",\"amount\":400,\"status\":\"succeeded\",\"metadata\":{"
		 "\"galvan_refund\":\"another store's\"},\"balance_transaction\":{\"id\":\"txn_3\"}}]}",
		 false);
	cr_assert_eq(got.facts.n_refunds, 2, "what was not captured of a hold is no refund");
	cr_expect_str_eq(got.facts.refunds[0].id, "stripe:re_1");
	cr_expect_str_eq(got.facts.refunds[1].id, "stripe:re_3");
	cr_expect(got.facts.refunds[0].elsewhere);
	cr_expect_eq(got.facts.refunds_total, 700);
}

#define DISPUTE(id, status, moves)                                                                                     \
	"{\"object\":\"dispute\",\"id\":\"" id "\",\"amount\":300,\"currency\":\"eur\",\"status\":\"" status           \
	"\",\"reason\":\"fraudulent\",\"payment_intent\":\"pi_1\",\"balance_transactions\":[" moves "]}"

Test(stripe, a_dispute_says_what_it_has_moved)
{
	static const struct {
		const char *item;
		Billing__DisputeState state;
		bool taken, returned;
	} cases[] = {
		{ DISPUTE("dp_1", "warning_needs_response", ""), BILLING__DISPUTE_STATE__DISPUTE_STATE_INQUIRY, false,
		  false },
		{ DISPUTE("dp_1", "warning_closed", ""), BILLING__DISPUTE_STATE__DISPUTE_STATE_WON, false, false },
		{ DISPUTE("dp_1", "needs_response", "{\"amount\":-300}"), BILLING__DISPUTE_STATE__DISPUTE_STATE_OPEN,
		  true, false },
		{ DISPUTE("dp_1", "under_review", "{\"amount\":-300}"), BILLING__DISPUTE_STATE__DISPUTE_STATE_OPEN,
		  true, false },
		{ DISPUTE("dp_1", "lost", "{\"amount\":-300}"), BILLING__DISPUTE_STATE__DISPUTE_STATE_LOST, true,
		  false },
		{ DISPUTE("dp_1", "won", "{\"amount\":-300}"), BILLING__DISPUTE_STATE__DISPUTE_STATE_WON, true, false },
		{ DISPUTE("dp_1", "won", "{\"amount\":-300},{\"amount\":300}"),
		  BILLING__DISPUTE_STATE__DISPUTE_STATE_WON, true, true },
	};

	payment.reference = "pi_1";
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char body[1000];
		const struct pay_fact_dispute *d;

		snprintf(body, sizeof body, "{\"object\":\"list\",\"has_more\":false,\"data\":[%s]}", cases[i].item);
		answered(STEP(DISPUTES), 200, body, false);
		cr_assert_eq(got.facts.n_disputes, 1, "case %zu", i);
		d = got.facts.disputes;
		cr_expect_str_eq(d->reference, "dp_1");
		cr_expect_str_eq(d->reason, "fraudulent");
		cr_expect_eq(d->amount, 300);
		cr_expect_eq(d->state, cases[i].state, "case %zu", i);
		cr_expect_eq(d->taken, cases[i].taken, "case %zu", i);
		cr_expect_eq(d->returned, cases[i].returned, "case %zu", i);
	}
	payment.reference = "pi_2";
	answered(STEP(DISPUTES), 200,
		 "{\"object\":\"list\",\"has_more\":false,\"data\":[" DISPUTE("dp_1", "lost", "") "]}", false);
	cr_expect_eq(got.facts.n_disputes, 0, "another payment's");
}

Test(stripe, each_error_means_something_else)
{
	static const struct {
		unsigned status;
		const char *error;
		bool replayed;
		enum pay_verdict verdict;
	} cases[] = {
		{ 400, "{\"type\":\"invalid_request_error\",\"code\":\"amount_too_small\",\"message\":\"m\"}", false,
		  PAY_REFUSED },
		{ 402, "{\"type\":\"card_error\",\"message\":\"m\"}", false, PAY_REFUSED },
		{ 404, "{\"type\":\"invalid_request_error\",\"message\":\"m\"}", false, PAY_REFUSED },
		{ 400, "{\"type\":\"idempotency_error\",\"message\":\"m\"}", false, PAY_NEW_KEY },
		{ 409, "{\"type\":\"idempotency_error\",\"message\":\"m\"}", false, PAY_AGAIN },
		{ 409, "{\"type\":\"invalid_request_error\",\"message\":\"m\"}", false, PAY_AGAIN },
		{ 429, "{\"type\":\"invalid_request_error\",\"message\":\"m\"}", false, PAY_AGAIN },
		{ 401, "{\"type\":\"invalid_request_error\",\"message\":\"m\"}", false, PAY_SETUP },
		{ 403, "{\"type\":\"invalid_request_error\",\"message\":\"m\"}", false, PAY_SETUP },
		{ 500, "{\"type\":\"api_error\",\"message\":\"m\"}", false, PAY_AGAIN },
		{ 500, "{\"type\":\"api_error\",\"message\":\"m\"}", true, PAY_NEW_KEY },
		{ 503, "null", false, PAY_AGAIN },
		{ 302, "null", false, PAY_AGAIN },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char body[300];

		snprintf(body, sizeof(body), "{\"error\":%s}", cases[i].error);
		answered(STEP(CAPTURE), cases[i].status, body, cases[i].replayed);
		cr_expect_eq(got.verdict, cases[i].verdict, "case %zu: %d", i, (int)got.verdict);
		cr_expect(got.text[0], "case %zu", i);
		cr_expect_eq(got.too_small, i == 0, "case %zu", i);
	}
}

Test(stripe, an_answer_that_is_none_is_not_known)
{
	static const char *const bodies[] = {
		"", "<html>", "[]", "{}", "null", "\"x\"", "{\"object\":5}", "{\"object\":\"customer\"}"
	};

	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		answered(STEP(CAPTURE), 200, bodies[i], false);
		cr_expect_eq(got.verdict, PAY_AGAIN, "%s", bodies[i]);
		answered(STEP(CAPTURE), 500, bodies[i], false);
		cr_expect_eq(got.verdict, PAY_AGAIN, "%s", bodies[i]);
	}
}

Test(stripe, numbers_that_are_none_are_not_taken)
{
	retrieved("{\"object\":\"payment_intent\",\"id\":\"pi_1\",\"status\":\"succeeded\",\"amount\":\"5000\","
		  "\"currency\":7,"
		  "\"amount_received\":12.5,\"metadata\":[],\"latest_charge\":{\"payment_method_details\":[]}}");
	cr_expect_eq(got.facts.amount, -1);
	cr_expect_eq(got.facts.captured, -1, "and pay_merge refuses that");
	cr_expect_null(got.facts.currency);
	cr_expect_null(got.facts.payment);
}

Test(stripe, without_an_answer_nothing_is_known)
{
	Billing__PaymentAsked asked = BILLING__PAYMENT_ASKED__INIT;
	struct gv_answer answer = { .code = GV_UNAVAILABLE, .error = "connection refused" };

	asked.step = STEP(REFUND);
	got = (struct pay_answer)PAY_ANSWER_INIT;
	stripe_read(NULL, &row, &asked, &answer, &got);
	cr_expect_eq(got.verdict, PAY_AGAIN);
	cr_expect(strstr(got.text, "connection refused"));
	answer.code = GV_INVALID_ARGUMENT;
	stripe_read(NULL, &row, &asked, &answer, &got);
	cr_expect_eq(got.verdict, PAY_SETUP);
}
