/* Stripe as a provider: its hosted payment page (a Checkout Session), which makes a payment intent; captures, releases
 * and refunds of that; and the events it posts, each of which only makes us ask how the payment stands. */
#include "pay_internal.h"
#include "pay_stripe.h"

#include <galvan/link.pb-c.h>

#include <errno.h>
#include <string.h>

#define FETCH_TIMEOUT_MS 20000
#define CALL_TIMEOUT_MS 60000 /* of the durable call: a link that died comes back meanwhile */
#define WARN_EVERY_MS 60000   /* of events with wrong signatures */

/* ---- requests -------------------------------------------------------------------------------- */

static Link__HttpHeader *header(struct gv_turn *t, const char *name, const char *value)
{
	Link__HttpHeader *h = gv_alloc(t, sizeof(*h));

	link__http_header__init(h);
	h->name = (char *)name;
	h->value = (char *)value;
	return h;
}

/* Takes `path` and `form` over; no form: a GET. */
static int send(const struct pay_ask *ask, struct gv_buf *path, struct gv_buf *form, struct pay_answer *ret)
{
	const Billing__Stripe *c = ask->b->config->stripe;
	Link__FetchRequest q = LINK__FETCH_REQUEST__INIT;
	struct gv_turn *t = ask->t;
	Link__HttpHeader *headers[3];
	size_t api = strlen(c->api);
	int r;

	while (api && c->api[api - 1] == '/')
		api--;
	q.url = gv_str(t, "%.*s%s", (int)api, c->api, gv_buf_str(path));
	q.method = form ? "POST" : "GET";
	headers[q.n_headers++] = header(t, "authorization", gv_str(t, "Bearer %s", c->secret_key));
	headers[q.n_headers++] = header(t, "stripe-version", STRIPE_VERSION);
	if (form) {
		headers[q.n_headers++] = header(t, "content-type", "application/x-www-form-urlencoded");
		q.body.data = (uint8_t *)gv_strdup(t, gv_buf_str(form));
		q.body.len = form->size;
		q.idempotency_key = (char *)ask->key;
	}
	q.headers = headers;
	q.timeout_ms = FETCH_TIMEOUT_MS;
	r = path->error || (form && form->error) ? -ENOMEM : 0;
	gv_buf_fini(path);
	if (form)
		gv_buf_fini(form);
	if (r < 0)
		return r;
	return gv_call(t, &(struct gv_call){ .method = "galvan.link.v1.Http/Fetch",
					     .request = &q,
					     .timeout_ms = CALL_TIMEOUT_MS,
					     .note = ask->note });
}

/* The config has lost its `stripe` since the payment began. */
static int unconfigured(struct pay_answer *ret)
{
	ret->verdict = PAY_SETUP;
	ret->text = "this payment is Stripe's, and there is no `stripe` in billing's config any more";
	return 1;
}

static void put_names(const struct pay_ask *ask, struct gv_buf *form, const char *prefix)
{
	struct gv_turn *t = ask->t;

	stripe_form(form, gv_str(t, "%s[galvan_payment]", prefix), ask->row->payment->id);
	stripe_form(form, gv_str(t, "%s[galvan_store]", prefix), pay_store_name(t));
}

static int begin(const struct pay_ask *ask, struct pay_answer *ret)
{
	const Billing__Payment *p = ask->row->payment;
	bool hold = p->kind == BILLING__PAYMENT_KIND__PAYMENT_KIND_HOLD;
	const char *back = ask->row->return_url[0] ? ask->row->return_url : ask->b->config->public_url;
	struct gv_buf path = { 0 }, form = { 0 };
	char currency[4] = "";
	int64_t amount = 0;

	if (!ask->b->config->stripe)
		return unconfigured(ret);
	for (size_t i = 0; i < 3 && p->currency[i]; i++)
		currency[i] = (char)(p->currency[i] | 0x20);
	stripe_amount(p->currency, p->amount, &amount);
	stripe_form(&form, "mode", "payment");
	stripe_form(&form, "success_url", back);
	stripe_form(&form, "cancel_url", back);
	stripe_form(&form, "client_reference_id", p->id);
	stripe_form(&form, "line_items[0][quantity]", "1");
	stripe_form(&form, "line_items[0][price_data][currency]", currency);
	stripe_form_number(&form, "line_items[0][price_data][unit_amount]", amount);
	stripe_form(&form, "line_items[0][price_data][product_data][name]", p->description[0] ? p->description : p->id);
	stripe_form(&form, "payment_intent_data[capture_method]", hold ? "manual" : "automatic");
	put_names(ask, &form, "payment_intent_data[metadata]");
	put_names(ask, &form, "metadata");
	gv_buf_puts(&path, "/v1/checkout/sessions");
	return send(ask, &path, &form, ret);
}

static int retrieve(const struct pay_ask *ask, struct pay_answer *ret)
{
	const Billing__PaymentRow *row = ask->row;
	struct gv_buf path = { 0 };

	if (!ask->b->config->stripe)
		return unconfigured(ret);
	if (row->page[0] &&
	    (!row->payment->reference[0] || row->payment->state == BILLING__PAYMENT_STATE__PAYMENT_STATE_OPEN)) {
		gv_buf_puts(&path, "/v1/checkout/sessions/");
		stripe_path(&path, row->page);
		gv_buf_puts(&path, "?expand%5B%5D=payment_intent.latest_charge");
	} else {
		gv_buf_puts(&path, "/v1/payment_intents/");
		stripe_path(&path, row->payment->reference);
		gv_buf_puts(&path, "?expand%5B%5D=latest_charge");
	}
	return send(ask, &path, NULL, ret);
}

/* Amounts that are finer than Stripe takes are cut: in the person's favour. */
static int capture(const struct pay_ask *ask, struct pay_answer *ret)
{
	struct gv_buf path = { 0 }, form = { 0 };
	int64_t amount = 0;

	if (!ask->b->config->stripe)
		return unconfigured(ret);
	stripe_amount(ask->row->payment->currency, ask->row->capture, &amount);
	if (amount == 0) {
		ret->verdict = PAY_REFUSED;
		ret->too_small = true;
		ret->text = "the amount is less than Stripe has in this currency";
		return 1;
	}
	stripe_form_number(&form, "amount_to_capture", amount);
	stripe_form(&form, "expand[]", "latest_charge");
	gv_buf_puts(&path, "/v1/payment_intents/");
	stripe_path(&path, ask->row->payment->reference);
	gv_buf_puts(&path, "/capture");
	return send(ask, &path, &form, ret);
}

static int release(const struct pay_ask *ask, struct pay_answer *ret)
{
	struct gv_buf path = { 0 }, form = { 0 };

	if (!ask->b->config->stripe)
		return unconfigured(ret);
	stripe_form(&form, "cancellation_reason", "requested_by_customer");
	gv_buf_puts(&path, "/v1/payment_intents/");
	stripe_path(&path, ask->row->payment->reference);
	gv_buf_puts(&path, "/cancel");
	return send(ask, &path, &form, ret);
}

static int cancel(const struct pay_ask *ask, struct pay_answer *ret)
{
	struct gv_buf path = { 0 }, form = { 0 };

	if (!ask->b->config->stripe)
		return unconfigured(ret);
	gv_buf_puts(&path, "/v1/checkout/sessions/");
	stripe_path(&path, ask->row->page);
	gv_buf_puts(&path, "/expire");
	return send(ask, &path, &form, ret);
}

static int refund(const struct pay_ask *ask, struct pay_answer *ret)
{
	struct gv_buf path = { 0 }, form = { 0 };
	int64_t amount = 0;

	if (!ask->b->config->stripe)
		return unconfigured(ret);
	if (stripe_amount(ask->row->payment->currency, ask->refund->amount, &amount) < 0) {
		ret->verdict = PAY_REFUSED;
		ret->text = "Stripe does not take amounts as fine as this one";
		return 1;
	}
	stripe_form(&form, "payment_intent", ask->row->payment->reference);
	stripe_form_number(&form, "amount", amount);
	put_names(ask, &form, "metadata");
	stripe_form(&form, "metadata[galvan_refund]", ask->refund->id);
	gv_buf_puts(&path, "/v1/refunds");
	return send(ask, &path, &form, ret);
}

static int refunds(const struct pay_ask *ask, struct pay_answer *ret)
{
	struct gv_buf path = { 0 };

	if (!ask->b->config->stripe)
		return unconfigured(ret);
	gv_buf_puts(&path, "/v1/refunds?limit=100&payment_intent=");
	stripe_path(&path, ask->row->payment->reference);
	return send(ask, &path, NULL, ret);
}

static int disputes(const struct pay_ask *ask, struct pay_answer *ret)
{
	struct gv_buf path = { 0 };

	if (!ask->b->config->stripe)
		return unconfigured(ret);
	gv_buf_puts(&path, "/v1/disputes?limit=100&payment_intent=");
	stripe_path(&path, ask->row->payment->reference);
	return send(ask, &path, NULL, ret);
}

/* ---- which payments -------------------------------------------------------------------------- */

static const char *problem(struct billing *b, struct gv_turn *t, const struct pay_request *r)
{
	const char *back = r->return_url && r->return_url[0] ? r->return_url : b->config->public_url;
	int64_t amount;
	int error;

	if (!b->config->stripe)
		return "provider: there is no `stripe` in billing's config";
	if (!back[0])
		return "return_url: say where Stripe's page is to send the person back to, or set public_url in "
		       "billing's "
		       "config";
	error = stripe_amount(r->currency, r->amount, &amount);
	if (error == -EDOM)
		return gv_str(t, "amount: Stripe wants the last digit of %s to be 0", r->currency);
	if (error < 0)
		return gv_str(t, "currency: %s cannot be paid through Stripe", r->currency);
	return NULL;
}

static const char *clearing(struct gv_turn *t, const Billing__Payment *payment)
{
	return "psp:stripe:clearing";
}

/* ---- events ---------------------------------------------------------------------------------- */

/* The payment of ours that an event is about, or NULL. */
static const char *payment_of(struct gv_turn *t, const cJSON *object)
{
	const cJSON *names = cJSON_GetObjectItemCaseSensitive(object, "metadata");
	const char *store = stripe_text(names, "galvan_store");
	const char *found;

	if (store[0] && strcmp(store, pay_store_name(t)) != 0)
		return NULL; /* another node's, with the same account */
	if (store[0] && pay_find(t, stripe_text(names, "galvan_payment")))
		return gv_strdup(t, stripe_text(names, "galvan_payment"));
	found = pay_by_reference(t, &pay_stripe, stripe_text(object, "id"));
	return found ? found : pay_by_reference(t, &pay_stripe, stripe_id(object, "payment_intent"));
}

/* A page whose address we never had, as its making was answered with an error: nobody should have it. */
static void flag_other_page(struct gv_turn *t, const char *payment, const cJSON *object)
{
	const char *page = pay_row(t, payment)->page, *id = stripe_text(object, "id");

	if (strcmp(stripe_text(object, "object"), "checkout.session") == 0 && strcmp(id, page) != 0 && page[0] &&
	    strcmp(stripe_text(object, "status"), "complete") == 0)
		pay_flag(t, payment,
			 gv_str(t, "paid at another page of Stripe's than the one known, %.100s: refund it there", id));
}

static int take_event(struct billing *b, struct gv_turn *t, uint64_t conn, const cJSON *event)
{
	const cJSON *object = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(event, "data"),
							       "object");
	const char *id = stripe_text(event, "id"), *payment;

	if (!id[0] || strlen(id) > 255)
		return pay_respond(t, conn, 400, "this is no event\n");
	gv_count(t, "payment_events", 1);
	if (!pay_event_new(t, &pay_stripe, id))
		return pay_respond(t, conn, 200, "known\n");
	payment = payment_of(t, object);
	if (payment) {
		flag_other_page(t, payment, object);
		pay_heard(b, t, payment, strcmp(stripe_text(object, "object"), "dispute") == 0);
	}
	return pay_respond(t, conn, 200, payment ? "noted\n" : "not ours\n");
}

static int refuse_event(struct billing *b, struct gv_turn *t, uint64_t conn, const char *problem)
{
	gv_count(t, "payment_events_refused", 1);
	if (b->pay_warned_ms + WARN_EVERY_MS <= gv_now_ms(t)) {
		b->pay_warned_ms = gv_now_ms(t);
		gv_log(t, GV_WARN, "an event for /pay/stripe was refused: %s; is stripe.webhook_secret right?",
		       problem);
	}
	return pay_respond(t, conn, 400, "the signature is wrong\n");
}

static const char *signature(const Link__HttpRequest *request)
{
	for (size_t i = 0; i < request->n_headers; i++) {
		if (strcmp(request->headers[i]->name, "stripe-signature") == 0)
			return request->headers[i]->value;
	}
	return "";
}

static int webhook(struct billing *b, struct gv_turn *t, uint64_t conn, const void *request)
{
	const Link__HttpRequest *q = request;
	const char *wrong;
	cJSON *event;
	int r;

	if (!b->config->stripe)
		return pay_respond(t, conn, 404, "there is no such payment provider\n");
	wrong = stripe_signature_problem(signature(q), b->config->stripe->webhook_secret, gv_now_ms(t) / 1000,
					 q->body.data, q->body.len);
	if (wrong)
		return refuse_event(b, t, conn, wrong);
	event = stripe_parse(q->body.data, q->body.len);
	if (!event)
		return pay_respond(t, conn, 400, "this is no event\n");
	r = take_event(b, t, conn, event);
	cJSON_Delete(event);
	return r;
}

const struct pay_provider pay_stripe = {
	.name = "stripe",
	.problem = problem,
	.clearing = clearing,
	.begin = begin,
	.retrieve = retrieve,
	.capture = capture,
	.release = release,
	.cancel = cancel,
	.refund = refund,
	.refunds = refunds,
	.disputes = disputes,
	.read = stripe_read,
	.webhook = webhook,
};
