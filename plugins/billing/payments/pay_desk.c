/* The cash desk as a provider: the money is in the drawer, or out of it, when the clerk says so. */
#include "pay_provider.h"

#include <string.h>

static const char *problem(struct billing *b, struct gv_turn *t, const struct pay_request *r)
{
	const Billing__Config *c = b->config;
	char *known = "";

	if (r->kind != BILLING__PAYMENT_KIND__PAYMENT_KIND_CHARGE)
		return "a cash desk takes money at once and holds none: choose another provider";
	if (!r->desk || !r->desk[0])
		return "desk: say at which one the money was paid";
	for (size_t i = 0; i < c->n_desks; i++) {
		if (strcmp(c->desks[i], r->desk) == 0)
			return NULL;
		known = gv_str(t, "%s%s%s", known, i ? ", " : "", c->desks[i]);
	}
	return gv_str(t, "desk: there is none named %.80s; billing's config has %s", r->desk,
		      known[0] ? known : "none");
}

static const char *clearing(struct gv_turn *t, const Billing__Payment *payment)
{
	return gv_str(t, "cash:%s", payment->desk);
}

static int begin(const struct pay_ask *ask, struct pay_answer *ret)
{
	const Billing__Payment *p = ask->row->payment;

	ret->verdict = PAY_DONE;
	ret->facts.standing = true;
	ret->facts.state = BILLING__PAYMENT_STATE__PAYMENT_STATE_CAPTURED;
	ret->facts.captured = p->amount;
	return 1;
}

static int refund(const struct pay_ask *ask, struct pay_answer *ret)
{
	struct pay_fact_refund *r = gv_alloc(ask->t, sizeof(*r));

	r->id = ask->refund->id;
	r->amount = ask->refund->amount;
	r->state = BILLING__REFUND_STATE__REFUND_STATE_DONE;
	ret->verdict = PAY_DONE;
	ret->facts.refunds = r;
	ret->facts.n_refunds = 1;
	return 1;
}

const struct pay_provider pay_desk = {
	.name = "desk",
	.problem = problem,
	.clearing = clearing,
	.begin = begin,
	.refund = refund,
};
