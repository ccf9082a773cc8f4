/* What happens to payments outside of galvan, in the books: a bank takes money back, somebody makes a refund in the
 * provider's dashboard. The provider's money is less then, whatever we think of it: so each is booked as soon as it is
 * known, on accounts where people find it.
 *
 *     taken by a dispute    clearing -> dispute:PROVIDER     and back where it is given back
 *     lost                  dispute:PROVIDER -> receivable:  of who paid
 *     refunded elsewhere    clearing -> the top-up's purse, as far as it has money, then receivable:; of an order's
 *                           payment: refund:PROVIDER, until people say what it was for */
#include <plugins/billing/ledger/ledger.h>
#include <plugins/billing/ledger/ledger_rows.h>
#include "pay.h"

#include <string.h>

struct outside {
	struct billing *b;
	struct gv_turn *t;
	const Billing__Payment *p;
	const char *purpose, *debtor, *purse, *clearing;
};

static const char *of_provider(const struct outside *o, const char *kind)
{
	return gv_str(o->t, "%s:%s", kind, o->p->provider);
}

static int64_t booked(struct gv_turn *t, const char *id)
{
	const Billing__TransferRow *x = gv_get(t, &ledger_transfers, gv_key(id));
	const Billing__EntryRow *line = x && x->entry ? ledger_entry(t, x->entry) : NULL;

	return line ? line->amount : 0;
}

/* Once for each id; an amount of 0 is nothing. */
static void book(const struct outside *o, const char *id, const char *debit, const char *credit, int64_t amount,
		 const char *reason)
{
	Billing__Transfer x = BILLING__TRANSFER__INIT;
	const Billing__Transfer *chain[] = { &x };
	struct ledger_error error;

	if (!amount || booked(o->t, id))
		return;
	x.id = (char *)id;
	x.debit = (char *)debit;
	x.credit = (char *)credit;
	x.amount = amount;
	x.currency = o->p->currency;
	x.order = (char *)o->purpose;
	x.reason = (char *)reason;
	if (ledger_book(o->b, o->t, chain, 1, &error) == LEDGER_REFUSED)
		pay_flag(o->t, o->p->id, gv_str(o->t, "%s cannot be booked: %s", id, error.text));
}

/* ---- disputes -------------------------------------------------------------------------------- */

static void book_dispute(const struct outside *o, const Billing__PaymentDispute *d)
{
	const char *account = of_provider(o, "dispute"), *id = gv_str(o->t, "dispute:%s", d->reference);
	bool lost = d->state == BILLING__DISPUTE_STATE__DISPUTE_STATE_LOST;

	book(o, gv_str(o->t, "%s:taken", id), account, o->clearing, d->taken, "dispute");
	if (lost && !d->returned)
		book(o, gv_str(o->t, "%s:lost", id), o->debtor, account, d->taken, "dispute lost");
	else if (d->returned) /* once lost, and won after all: it is owed no more */
		book(o, gv_str(o->t, "%s:back", id), o->clearing,
		     booked(o->t, gv_str(o->t, "%s:lost", id)) ? o->debtor : account, d->returned, "dispute won");
}

/* ---- refunds --------------------------------------------------------------------------------- */

static void book_refund(const struct outside *o, const Billing__PaymentRefund *r, const char *id, const char *rest)
{
	int64_t has = o->purse ? ledger_available(o->t, o->purse, o->p->currency) : 0;
	int64_t of_purse = has < 0 ? 0 : has < r->amount ? has : r->amount;

	if (booked(o->t, id) || booked(o->t, rest))
		return;
	if (of_purse)
		book(o, id, o->purse, o->clearing, of_purse, "refund elsewhere");
	book(o, rest, o->purse ? o->debtor : of_provider(o, "refund"), o->clearing, r->amount - of_purse,
	     "refund elsewhere");
}

/* The provider could not send it: what it was taken from has it again. */
static void book_refund_back(const struct outside *o, const char *id, const char *rest)
{
	book(o, gv_str(o->t, "%s:back", id), o->clearing, o->purse ? o->purse : "", booked(o->t, id), "refund failed");
	book(o, gv_str(o->t, "%s:back", rest), o->clearing, o->purse ? o->debtor : of_provider(o, "refund"),
	     booked(o->t, rest), "refund failed");
}

void pay_book_outside(struct billing *b, struct gv_turn *t, const Billing__Payment *payment, const char *purpose,
		      const char *debtor, const char *purse)
{
	struct outside o = { b, t, payment, purpose, debtor, purse, pay_clearing(t, payment) };

	for (size_t i = 0; i < payment->n_disputes; i++)
		book_dispute(&o, payment->disputes[i]);
	for (size_t i = 0; i < payment->n_refunds; i++) {
		const Billing__PaymentRefund *r = payment->refunds[i];
		const char *id = gv_str(t, "refund:%s", r->id), *rest = gv_str(t, "refund:%s:rest", r->id);

		if (!r->elsewhere)
			continue;
		if (r->state == BILLING__REFUND_STATE__REFUND_STATE_FAILED)
			book_refund_back(&o, id, rest);
		else
			book_refund(&o, r, id, rest);
	}
}
