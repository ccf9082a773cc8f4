/* What Stripe's answers mean. Everything that a page, intent, refund or error says is turned into pay_provider.h's
 * terms here, and nothing of it is trusted to be there. */
#include "pay_stripe.h"

#include <galvan/link.pb-c.h>
#include <lib/json_text.h>

#include <math.h>
#include <string.h>

#define RATE_WAIT_MS 2000 /* Stripe asks for fewer requests */
#define LIST_READ 100     /* refunds or disputes of one payment; more are never asked for */

/* ---- JSON ------------------------------------------------------------------------------------ */

cJSON *stripe_parse(const void *body, size_t size)
{
	char error[256];

	if (gv_json_check(body, size, error) < 0)
		return NULL;
	return cJSON_ParseWithLength(body, size);
}

static const cJSON *member(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

const char *stripe_text(const cJSON *object, const char *name)
{
	const char *s = cJSON_GetStringValue(member(object, name));

	return s ? s : "";
}

const char *stripe_id(const cJSON *object, const char *name)
{
	const cJSON *item = member(object, name);

	return cJSON_IsObject(item) ? stripe_text(item, "id") : stripe_text(object, name);
}

/* A whole number, or -1. */
static int64_t number(const cJSON *object, const char *name)
{
	const cJSON *item = member(object, name);

	if (!cJSON_IsNumber(item) || item->valuedouble != floor(item->valuedouble) || item->valuedouble < 0 ||
	    item->valuedouble > 9e15)
		return -1;
	return (int64_t)item->valuedouble;
}

/* An amount in our minor units, or -1. */
static int64_t amount(const cJSON *object, const char *name, const char *currency)
{
	int64_t value = number(object, name), minor;

	return value >= 0 && stripe_amount_back(currency, value, &minor) == 0 ? minor : -1;
}

static const char *dup_or_null(struct gv_turn *t, const char *s)
{
	return s[0] ? gv_strdup(t, s) : NULL;
}

static const char *currency_of(struct gv_turn *t, const cJSON *object)
{
	char *s = gv_strdup(t, stripe_text(object, "currency"));

	for (char *c = s; *c; c++) {
		if (*c >= 'a' && *c <= 'z')
			*c = (char)(*c - 'a' + 'A');
	}
	return s[0] ? s : NULL;
}

/* ---- how a payment stands -------------------------------------------------------------------- */

static void read_charge(const cJSON *charge, const char *currency, struct pay_facts *f)
{
	const cJSON *details = member(charge, "payment_method_details");
	int64_t before_s = number(member(details, stripe_text(details, "type")), "capture_before");
	int64_t all = amount(charge, "amount", currency), taken = amount(charge, "amount_captured", currency);
	int64_t back = amount(charge, "amount_refunded", currency);

	if (before_s > 0)
		f->capture_before_ms = before_s * 1000;
	f->disputed = cJSON_IsTrue(member(charge, "disputed"));
	/* What was authorised and not captured counts as refunded with Stripe. */
	if (taken > 0 && all >= taken && back >= 0)
		f->refunded = back > all - taken ? back - (all - taken) : 0;
}

/* An intent that nobody can pay any more, or not yet. */
static void read_unpaid(const char *status, const char *page, struct pay_answer *ret)
{
	struct pay_facts *f = &ret->facts;

	if (strcmp(page, "expired") == 0 ||
	    (strcmp(page, "complete") == 0 && strcmp(status, "requires_payment_method") == 0)) {
		f->state = BILLING__PAYMENT_STATE__PAYMENT_STATE_FAILED;
		if (!ret->text[0])
			ret->text = "the page was not paid";
		return;
	}
	f->state = BILLING__PAYMENT_STATE__PAYMENT_STATE_OPEN;
	f->page_open = strcmp(page, "open") == 0;
	f->standing = page[0] != '\0'; /* without its page, it is not known whether somebody can still pay */
}

static const char *why_canceled(struct gv_turn *t, const cJSON *intent)
{
	const char *reason = stripe_text(intent, "cancellation_reason");

	return reason[0] ? gv_str(t, "Stripe has cancelled it: %s", reason) : "Stripe has cancelled it";
}

/* There was a hold, as far as we know. */
static bool held(Billing__PaymentState state)
{
	return state == BILLING__PAYMENT_STATE__PAYMENT_STATE_AUTHORISED ||
	       state == BILLING__PAYMENT_STATE__PAYMENT_STATE_RELEASED;
}

static void read_intent(struct gv_turn *t, const Billing__PaymentRow *row, const cJSON *intent, const char *page,
			struct pay_answer *ret)
{
	const char *status = stripe_text(intent, "status"), *currency = row->payment->currency;
	const char *declined = stripe_text(member(intent, "last_payment_error"), "message");
	struct pay_facts *f = &ret->facts;

	f->standing = true;
	f->currency = currency_of(t, intent);
	f->amount = amount(intent, "amount", currency);
	f->payment = dup_or_null(t, stripe_text(member(intent, "metadata"), "galvan_payment"));
	f->reference = dup_or_null(t, stripe_text(intent, "id"));
	if (declined[0])
		ret->text = gv_strdup(t, declined);
	read_charge(member(intent, "latest_charge"), currency, f);
	if (strcmp(status, "succeeded") == 0) {
		f->state = BILLING__PAYMENT_STATE__PAYMENT_STATE_CAPTURED;
		f->captured = amount(intent, "amount_received", currency);
		ret->text = "";
	} else if (strcmp(status, "requires_capture") == 0) {
		f->state = BILLING__PAYMENT_STATE__PAYMENT_STATE_AUTHORISED;
		ret->text = "";
	} else if (strcmp(status, "canceled") == 0) {
		f->state = held(row->payment->state) ? BILLING__PAYMENT_STATE__PAYMENT_STATE_RELEASED
						     : BILLING__PAYMENT_STATE__PAYMENT_STATE_FAILED;
		ret->text = why_canceled(t, intent);
	} else if (strcmp(status, "processing") == 0) {
		f->state = BILLING__PAYMENT_STATE__PAYMENT_STATE_OPEN;
	} else {
		read_unpaid(status, page, ret);
	}
}

static void read_session(struct gv_turn *t, const Billing__PaymentRow *row, const cJSON *session,
			 struct pay_answer *ret)
{
	const cJSON *intent = member(session, "payment_intent");
	const char *status = stripe_text(session, "status");
	struct pay_facts *f = &ret->facts;

	if (!status[0])
		status = "open";
	if (cJSON_IsObject(intent)) {
		read_intent(t, row, intent, status, ret);
	} else {
		f->standing = true;
		f->amount = amount(session, "amount_total", row->payment->currency);
		f->currency = currency_of(t, session);
		f->payment = dup_or_null(t, stripe_text(member(session, "metadata"), "galvan_payment"));
		f->reference = dup_or_null(t, stripe_id(session, "payment_intent"));
		read_unpaid("", status, ret);
	}
	f->page = dup_or_null(t, stripe_text(session, "id"));
	f->url = dup_or_null(t, stripe_text(session, "url"));
}

/* ---- refunds --------------------------------------------------------------------------------- */

static Billing__RefundState refund_state(const char *status)
{
	if (strcmp(status, "succeeded") == 0)
		return BILLING__REFUND_STATE__REFUND_STATE_DONE;
	if (strcmp(status, "failed") == 0 || strcmp(status, "canceled") == 0)
		return BILLING__REFUND_STATE__REFUND_STATE_FAILED;
	return BILLING__REFUND_STATE__REFUND_STATE_PENDING;
}

/* What was not captured of a hold is on Stripe's list too, as a refund that moved nothing. */
static bool moved_money(const cJSON *refund)
{
	return stripe_id(refund, "balance_transaction")[0] != '\0';
}

static void read_refund(struct gv_turn *t, const Billing__PaymentRow *row, const cJSON *refund, struct pay_facts *f)
{
	const char *ours = stripe_text(member(refund, "metadata"), "galvan_refund");
	const char *reason = stripe_text(refund, "failure_reason"), *id = stripe_text(refund, "id");
	Billing__RefundState state = refund_state(stripe_text(refund, "status"));
	int64_t minor = amount(refund, "amount", row->payment->currency);
	bool known = ours[0] && pay_refund_find(row->payment, ours);
	struct pay_fact_refund *r;

	if (minor > 0)
		f->refunds_total += minor;
	if (!known && (!id[0] || !moved_money(refund)))
		return;
	r = GV_APPEND(t, f->refunds, f->n_refunds);
	r->elsewhere = !known;
	r->id = known ? gv_strdup(t, ours) : gv_str(t, "stripe:%s", id);
	r->reference = gv_strdup(t, id);
	r->amount = minor;
	r->state = state;
	if (state == BILLING__REFUND_STATE__REFUND_STATE_FAILED)
		r->error = reason[0] ? gv_str(t, "Stripe: %s", reason) : "Stripe could not send the money back";
}

/* The list's items, or NULL where it is none, or goes on. */
static const cJSON *items(struct gv_turn *t, const cJSON *list, struct pay_answer *ret)
{
	const cJSON *data = member(list, "data");

	if (cJSON_IsArray(data) && !cJSON_IsTrue(member(list, "has_more")))
		return data;
	ret->verdict = PAY_AGAIN;
	ret->text = gv_str(t, "Stripe's list of refunds or disputes is none, or has more than %d", LIST_READ);
	return NULL;
}

static void read_refunds(struct gv_turn *t, const Billing__PaymentRow *row, const cJSON *list, struct pay_answer *ret)
{
	const cJSON *data = items(t, list, ret), *item;

	if (!data)
		return;
	cJSON_ArrayForEach(item, data) read_refund(t, row, item, &ret->facts);
	ret->facts.refunds_known = true;
}

/* ---- disputes -------------------------------------------------------------------------------- */

static Billing__DisputeState dispute_state(const char *status)
{
	if (strcmp(status, "won") == 0 || strcmp(status, "warning_closed") == 0 ||
	    strcmp(status, "charge_refunded") == 0)
		return BILLING__DISPUTE_STATE__DISPUTE_STATE_WON;
	if (strcmp(status, "lost") == 0)
		return BILLING__DISPUTE_STATE__DISPUTE_STATE_LOST;
	return strncmp(status, "warning_", 8) == 0 ? BILLING__DISPUTE_STATE__DISPUTE_STATE_INQUIRY
						   : BILLING__DISPUTE_STATE__DISPUTE_STATE_OPEN;
}

/* Whether Stripe has moved money so: its list has up to two, one away from us and one back. */
static bool has_move(const cJSON *moves, bool away)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, moves)
	{
		const cJSON *value = member(item, "amount");

		if (cJSON_IsNumber(value) && (away ? value->valuedouble < 0 : value->valuedouble > 0))
			return true;
	}
	return false;
}

static void read_dispute(struct gv_turn *t, const Billing__PaymentRow *row, const cJSON *dispute, struct pay_facts *f)
{
	const cJSON *moves = member(dispute, "balance_transactions");
	const char *status = stripe_text(dispute, "status"), *currency = currency_of(t, dispute);
	struct pay_fact_dispute *d = GV_APPEND(t, f->disputes, f->n_disputes);
	bool ours = currency && strcmp(currency, row->payment->currency) == 0;

	d->reference = gv_strdup(t, stripe_text(dispute, "id"));
	d->reason = gv_str(t, "%.40s", stripe_text(dispute, "reason"));
	d->amount = ours ? amount(dispute, "amount", row->payment->currency) : -1;
	d->state = dispute_state(status);
	d->taken = has_move(moves, true);
	d->returned = d->taken && has_move(moves, false);
}

static void read_disputes(struct gv_turn *t, const Billing__PaymentRow *row, const cJSON *list, struct pay_answer *ret)
{
	const cJSON *data = items(t, list, ret), *item;

	cJSON_ArrayForEach(item, data)
	{
		if (strcmp(stripe_id(item, "payment_intent"), row->payment->reference) == 0)
			read_dispute(t, row, item, &ret->facts);
	}
}

/* ---- what went wrong ------------------------------------------------------------------------- */

static bool replayed(const Link__FetchReply *reply)
{
	for (size_t i = 0; i < reply->n_headers; i++) {
		if (strcmp(reply->headers[i]->name, "idempotent-replayed") == 0)
			return strcmp(reply->headers[i]->value, "true") == 0;
	}
	return false;
}

static void read_error(struct gv_turn *t, const Link__FetchReply *reply, const cJSON *body, struct pay_answer *ret)
{
	const cJSON *error = member(body, "error");
	const char *message = stripe_text(error, "message"), *code = stripe_text(error, "code");

	ret->text = gv_str(t, "Stripe answers %u%s%.300s", reply->status, message[0] ? ": " : "", message);
	if (reply->status == 401 || reply->status == 403) {
		ret->verdict = PAY_SETUP;
		ret->text = gv_str(t, "Stripe does not accept stripe.secret_key of billing's config: %.300s", message);
	} else if (strcmp(stripe_text(error, "type"), "idempotency_error") == 0 && reply->status != 409) {
		ret->verdict = PAY_NEW_KEY;
		gv_log(t, GV_ERR, "the idempotency key of a payment is in use for something else: %.300s", message);
	} else if (reply->status == 429) {
		ret->verdict = PAY_AGAIN;
		ret->wait_ms = RATE_WAIT_MS;
	} else if (reply->status == 409 || reply->status == 424) {
		ret->verdict = PAY_AGAIN;
	} else if (reply->status >= 400 && reply->status < 500) {
		ret->verdict = PAY_REFUSED;
		ret->too_small = strcmp(code, "amount_too_small") == 0;
	} else {
		ret->verdict = replayed(reply) ? PAY_NEW_KEY : PAY_AGAIN;
	}
}

static void read_body(struct gv_turn *t, const Billing__PaymentRow *row, const Billing__PaymentAsked *note,
		      const cJSON *body, struct pay_answer *ret)
{
	const char *object = stripe_text(body, "object");

	ret->verdict = PAY_DONE;
	if (note->step == BILLING__PAYMENT_STEP__PAYMENT_STEP_REFUND && strcmp(object, "refund") == 0) {
		read_refund(t, row, body, &ret->facts);
	} else if (note->step == BILLING__PAYMENT_STEP__PAYMENT_STEP_REFUNDS && strcmp(object, "list") == 0) {
		read_refunds(t, row, body, ret);
	} else if (note->step == BILLING__PAYMENT_STEP__PAYMENT_STEP_DISPUTES && strcmp(object, "list") == 0) {
		read_disputes(t, row, body, ret);
	} else if (strcmp(object, "checkout.session") == 0) {
		read_session(t, row, body, ret);
	} else if (strcmp(object, "payment_intent") == 0) {
		read_intent(t, row, body, "", ret);
	} else {
		ret->verdict = PAY_AGAIN;
		ret->text = "Stripe's answer is not what was asked for";
	}
}

void stripe_read(struct gv_turn *t, const Billing__PaymentRow *row, const Billing__PaymentAsked *note,
		 const struct gv_answer *answer, struct pay_answer *ret)
{
	const Link__FetchReply *reply = answer->reply;
	cJSON *body;

	if (!reply) {
		bool setup = answer->code == GV_INVALID_ARGUMENT || answer->code == GV_NOT_FOUND ||
			     answer->code == GV_UNIMPLEMENTED;

		ret->verdict = setup ? PAY_SETUP : PAY_AGAIN;
		ret->text = gv_str(t, "Stripe cannot be reached: %.300s", answer->error);
		return;
	}
	body = stripe_parse(reply->body.data, reply->body.len);
	if (reply->status >= 200 && reply->status < 300)
		read_body(t, row, note, body, ret);
	else
		read_error(t, reply, body, ret);
	cJSON_Delete(body);
}
