/* What Verify asks of top-ups: that what came in and went back is in the ledger, once (I6). What orders were paid with
 * is asked of their charges. */
#include <plugins/billing/ledger/ledger_methods.h>
#include <plugins/billing/ledger/ledger_rows.h>
#include "pay_internal.h"

#include <stdio.h>
#include <string.h>

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

	if (went != r->amount || back != (failed ? r->amount : 0))
		ledger_problem(a, "refund %s of %lld%s, and the ledger has %lld gone and %lld come back", r->id,
			       (long long)r->amount, failed ? " failed" : "", (long long)went, (long long)back);
}

static void check_payment(struct gv_turn *t, struct ledger_audit *a, const Billing__Payment *p)
{
	int64_t credited;

	if (strncmp(p->id, "topup:", 6) != 0)
		return;
	credited = moved(t, p->id);
	if (credited != p->captured)
		ledger_problem(a, "payment %s has taken %lld, the ledger has %lld", p->id, (long long)p->captured,
			       (long long)credited);
	for (size_t i = 0; i < p->n_refunds; i++)
		check_refund(t, a, p->refunds[i]);
}

static bool check_payments(struct billing *b, struct gv_turn *t, struct ledger_audit *a, char place[LEDGER_PLACE_MAX])
{
	struct gv_scan scan = { .table = &pay_payments };
	bool more = true;

	if (*place && gv_page_from(t, &scan, place) < 0)
		return false;
	for (unsigned n = 0; n < LEDGER_CHECK_ROWS && (more = gv_next(t, &scan)); n++)
		check_payment(t, a, ((const Billing__PaymentRow *)scan.row)->payment);
	snprintf(place, LEDGER_PLACE_MAX, "%s", more ? gv_page(t, &scan) : "");
	return more;
}

int pay_add_checks(struct billing *b)
{
	static const struct ledger_check check = { "I6", check_payments };

	return ledger_add_check(b, &check);
}
