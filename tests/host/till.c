/* The provider's side of payments, in rows of its own. It keeps what it was told by idempotency key, so that a repeat
 * gets the same answer; to do a thing twice it takes a new key, and that ends the run. */
#include "till.h"
#include "link.schema.h"

#include <galvan/billing.pb-c.h>
#include <galvan/link.pb-c.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LATE_MS 400000 /* longer than an order stays open */

static const struct gv_table payments = { .name = TILL_PAYMENTS, .key = "u", .value = &billing__payment__descriptor };
static const struct gv_table keys = { .name = "keys", .key = "s", .value = &billing__payment_ref__descriptor };

static uint32_t below(struct gv_turn *t, uint32_t n)
{
	return (uint32_t)(gv_random(t) % n);
}

/* ---- the API's words ------------------------------------------------------------------------- */

/* The value of a field of a form, decoded; "" where there is none. `name` as it is encoded. */
static char *field(struct gv_turn *t, const Link__FetchRequest *q, const char *name)
{
	const char *body = q->body.data ? gv_str(t, "&%.*s", (int)q->body.len, (const char *)q->body.data) : "";
	const char *at = strstr(body, gv_str(t, "&%s=", name));
	char *out = gv_strdup(t, ""), *to;

	if (!at)
		return out;
	at = strchr(at, '=') + 1;
	out = to = gv_alloc(t, strlen(at) + 1);
	for (; *at && *at != '&'; at++) {
		if (*at == '%' && at[1] && at[2]) {
			char hex[3] = { at[1], at[2], 0 };

			*to++ = (char)strtol(hex, NULL, 16);
			at += 2;
		} else {
			*to++ = *at == '+' ? ' ' : *at;
		}
	}
	return out;
}

static const char *intent(struct gv_turn *t, uint64_t n, const Billing__Payment *p)
{
	const char *status = p->state == BILLING__PAYMENT_STATE__PAYMENT_STATE_AUTHORISED ? "requires_capture"
			     : p->state == BILLING__PAYMENT_STATE__PAYMENT_STATE_CAPTURED ? "succeeded"
			     : p->state == BILLING__PAYMENT_STATE__PAYMENT_STATE_RELEASED ? "canceled"
											  : "requires_payment_method";

	return gv_str(
		t,
		"{\"object\":\"payment_intent\",\"id\":\"pi_%llu\",\"status\":\"%s\",\"currency\":\"eur\",\"amount\":%"
		"lld,"
		"\"amount_received\":%lld,\"metadata\":{\"galvan_payment\":\"%s\"},\"latest_charge\":{\"amount\":%lld,"
		"\"amount_captured\":%lld,\"amount_refunded\":%lld}}",
		(unsigned long long)n, status, (long long)p->amount, (long long)p->captured, p->id,
		(long long)p->amount, (long long)p->captured,
		(long long)(p->captured ? p->amount - p->captured + p->refunded : 0));
}

static const char *page(struct gv_turn *t, uint64_t n, const Billing__Payment *p)
{
	bool open = p->state == BILLING__PAYMENT_STATE__PAYMENT_STATE_OPEN;
	bool expired = p->state == BILLING__PAYMENT_STATE__PAYMENT_STATE_FAILED;

	return gv_str(t,
		      "{\"object\":\"checkout.session\",\"id\":\"cs_%llu\",\"status\":\"%s\",\"currency\":\"eur\","
		      "\"amount_total\":"
		      "%lld,\"url\":%s,\"metadata\":{\"galvan_payment\":\"%s\"},\"payment_intent\":%s}",
		      (unsigned long long)n,
		      open      ? "open"
		      : expired ? "expired"
				: "complete",
		      (long long)p->amount, open ? "\"http://till/page\"" : "null", p->id,
		      open || expired ? "null" : intent(t, n, p));
}

static const char *refund_text(struct gv_turn *t, const Billing__PaymentRefund *r)
{
	return gv_str(t,
		      "{\"object\":\"refund\",\"id\":\"re_%s\",\"amount\":%lld,\"status\":\"succeeded\",\"metadata\":{"
		      "\"galvan_refund\":\"%s\"}}",
		      r->id, (long long)r->amount, r->id);
}

static const char *refunds(struct gv_turn *t, const Billing__Payment *p)
{
	const char *list = "";

	for (size_t i = 0; i < p->n_refunds; i++)
		list = gv_str(t, "%s%s%s", list, i ? "," : "", refund_text(t, p->refunds[i]));
	return gv_str(t, "{\"object\":\"list\",\"data\":[%s],\"has_more\":false}", list);
}

static const char *wrong(struct gv_turn *t, const char *code)
{
	return gv_str(t, "{\"error\":{\"type\":\"invalid_request_error\",\"code\":\"%s\",\"message\":\"%s\"}}", code,
		      code);
}

/* ---- what it does ---------------------------------------------------------------------------- */

static Billing__Payment *take(struct gv_turn *t, uint64_t n)
{
	const Billing__Payment *found = gv_get(t, &payments, gv_key(n));
	Billing__Payment *p = gv_alloc(t, sizeof *p);

	if (!found)
		return NULL;
	*p = *found;
	return p;
}

static const char *begin(struct gv_turn *t, const Link__FetchRequest *q)
{
	struct gv_scan scan = { .table = &payments, .reverse = true };
	uint64_t n = gv_next(t, &scan) ? scan.key.part[0].u + 1 : 1;
	Billing__Payment p = BILLING__PAYMENT__INIT;
	unsigned chance = below(t, 8);

	p.id = field(t, q, "metadata%5Bgalvan_payment%5D");
	p.amount = atoll(field(t, q, "line_items%5B0%5D%5Bprice_data%5D%5Bunit_amount%5D"));
	p.state = BILLING__PAYMENT_STATE__PAYMENT_STATE_OPEN;
	gv_put(t, &payments, gv_key(n), &p);
	if (chance)
		gv_timer(t, gv_str(t, "pay:%llu", (unsigned long long)n),
			 gv_now_ms(t) + (chance == 1 ? LATE_MS : 1 + below(t, 60000)), NULL);
	return page(t, n, &p);
}

static const char *capture(struct gv_turn *t, const Link__FetchRequest *q, uint64_t n, Billing__Payment *p)
{
	int64_t amount = atoll(field(t, q, "amount_to_capture"));

	if (p->state != BILLING__PAYMENT_STATE__PAYMENT_STATE_AUTHORISED || amount > p->amount)
		return NULL;
	p->state = BILLING__PAYMENT_STATE__PAYMENT_STATE_CAPTURED;
	p->captured = amount;
	return intent(t, n, p);
}

static const char *refund(struct gv_turn *t, const Link__FetchRequest *q)
{
	uint64_t n = strtoull(field(t, q, "payment_intent") + 3, NULL, 10);
	Billing__PaymentRefund *r = gv_alloc(t, sizeof *r);
	Billing__Payment *p = take(t, n);

	billing__payment_refund__init(r);
	r->id = field(t, q, "metadata%5Bgalvan_refund%5D");
	r->amount = atoll(field(t, q, "amount"));
	if (!p || p->refunded + r->amount > p->captured)
		return NULL;
	p->refunded += r->amount;
	*GV_APPEND(t, p->refunds, p->n_refunds) = r;
	gv_put(t, &payments, gv_key(n), p);
	return refund_text(t, r);
}

/* /v1/KIND/PREFIX_NUMBER[/ACTION] */
static const char *of_one(struct gv_turn *t, const Link__FetchRequest *q, const char *path)
{
	const char *id = strstr(path, "/cs_") ? strstr(path, "/cs_") : strstr(path, "/pi_");
	uint64_t n = id ? strtoull(id + 4, NULL, 10) : 0;
	Billing__Payment *p = take(t, n);
	const char *answer = NULL;

	if (!p)
		return NULL;
	if (strstr(path, "/capture")) {
		answer = capture(t, q, n, p);
	} else if (strstr(path, "/cancel")) {
		if (p->state != BILLING__PAYMENT_STATE__PAYMENT_STATE_AUTHORISED)
			return NULL;
		p->state = BILLING__PAYMENT_STATE__PAYMENT_STATE_RELEASED;
		answer = intent(t, n, p);
	} else if (strstr(path, "/expire")) {
		if (p->state != BILLING__PAYMENT_STATE__PAYMENT_STATE_OPEN)
			return NULL;
		p->state = BILLING__PAYMENT_STATE__PAYMENT_STATE_FAILED;
		answer = page(t, n, p);
	} else {
		return strstr(path, "checkout/sessions") ? page(t, n, p) : intent(t, n, p);
	}
	gv_put(t, &payments, gv_key(n), p);
	return answer;
}

static const char *act(struct gv_turn *t, const Link__FetchRequest *q)
{
	const char *path = strstr(q->url, "/v1/"), *pi = path ? strstr(path, "payment_intent=pi_") : NULL;
	Billing__Payment *p;

	if (!path)
		return NULL;
	if (pi) {
		p = take(t, strtoull(strrchr(pi, '_') + 1, NULL, 10));
		return p ? refunds(t, p) : NULL;
	}
	if (!strcmp(path, "/v1/checkout/sessions"))
		return begin(t, q);
	return strcmp(path, "/v1/refunds") ? of_one(t, q, path) : refund(t, q);
}

static int answer(struct gv_turn *t, struct gv_ticket to, unsigned status, const char *text)
{
	Link__FetchReply reply = LINK__FETCH_REPLY__INIT;

	reply.status = status;
	reply.body.data = (uint8_t *)text;
	reply.body.len = strlen(text);
	return gv_reply(t, to, &reply);
}

static int fetch(void *self, struct gv_turn *t, struct gv_ticket to, const Link__FetchRequest *q)
{
	const Billing__PaymentRef *before = *q->idempotency_key ? gv_get(t, &keys, gv_key(q->idempotency_key)) : NULL;
	Billing__PaymentRef kept = BILLING__PAYMENT_REF__INIT;
	unsigned chance = below(t, 12);
	const char *text;

	if (chance == 0)
		return gv_refuse(t, to, GV_UNAVAILABLE, "the provider cannot be reached");
	if (chance == 1)
		return answer(t, to, 429, wrong(t, "rate_limit"));
	text = before ? before->payment : act(t, q);
	if (!text)
		return answer(t, to, 400, wrong(t, "unexpected_state"));
	kept.payment = (char *)text;
	if (*q->idempotency_key && !before)
		gv_put(t, &keys, gv_key(q->idempotency_key), &kept);
	if (chance == 2) /* it has acted, and nobody hears of it */
		return gv_refuse(t, to, GV_UNKNOWN, "the connection was lost");
	return chance == 3 ? 0 : answer(t, to, 200, text);
}
GV_ON_CALL(fetch, void, Link__FetchRequest)

/* Somebody pays. */
static int on_timer(void *self, struct gv_turn *t, const char *name, const void *note)
{
	uint64_t n = strtoull(strchr(name, ':') + 1, NULL, 10);
	Billing__Payment *p = take(t, n);

	if (!p || p->state != BILLING__PAYMENT_STATE__PAYMENT_STATE_OPEN)
		return 0;
	p->state = BILLING__PAYMENT_STATE__PAYMENT_STATE_AUTHORISED;
	return gv_put(t, &payments, gv_key(n), p);
}

static const struct gv_method methods[] = { { "Fetch", fetch_call }, { 0 } };

const struct gv_plugin till_record = {
	GV_STAMP,
	.name = "till",
	.version = "1",
	.summary = "A payment provider that loses answers",
	.serves = GV_SERVES({ &link__http__descriptor, methods }),
	.tables = GV_TABLES(&payments, &keys),
	.schema_set = GV_SCHEMA(link),
	.schema = 1,
	.self_size = 1,
	.on_timer = on_timer,
};
