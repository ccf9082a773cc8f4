/* What people must look at: each payment shows one problem, the worst that is known of it, and the log has it once. */
#include "pay_internal.h"

#include <errno.h>
#include <string.h>

#define DISPUTE "dispute " /* begins what is said of one */

void pay_say(struct gv_turn *t, Billing__PaymentRow *row, const char *problem)
{
	if (strcmp(row->payment->problem, problem) == 0)
		return;
	row->payment->problem = gv_strdup(t, problem);
	if (problem[0])
		gv_log(t, GV_ERR, "a payment needs people: %s payment=%s provider=%s", problem, row->payment->id,
		       row->payment->provider);
}

void pay_trouble(struct gv_turn *t, Billing__PaymentRow *row, const char *text)
{
	if (row->payment->problem[0] && !row->troubled)
		return; /* something worse is shown */
	row->troubled = true;
	pay_say(t, row, text);
}

int pay_flag(struct gv_turn *t, const char *id, const char *problem)
{
	Billing__PaymentRow *row = pay_row(t, id);

	if (!row)
		return -ENOENT;
	pay_say(t, row, problem);
	return 0;
}

static const char *of_dispute(struct gv_turn *t, const Billing__PaymentDispute *d)
{
	if (d->state == BILLING__DISPUTE_STATE__DISPUTE_STATE_LOST)
		return gv_str(t, DISPUTE "%s (%s) is lost: who paid owes %lld minor units", d->reference, d->reason,
			      (long long)(d->taken - d->returned));
	return gv_str(t, DISPUTE "%s (%s) over %lld minor units: answer it in the provider's dashboard", d->reference,
		      d->reason, (long long)d->amount);
}

/* The newest dispute counts for more than refunds; one that was won is over. */
void pay_say_outcome(struct gv_turn *t, Billing__PaymentRow *row)
{
	const Billing__PaymentRefund *failed = pay_first_refund(row, BILLING__REFUND_STATE__REFUND_STATE_FAILED);
	const Billing__Payment *p = row->payment;
	const Billing__PaymentDispute *d = p->n_disputes ? p->disputes[p->n_disputes - 1] : NULL;
	const char *text = NULL;

	if (d && d->state == BILLING__DISPUTE_STATE__DISPUTE_STATE_WON) {
		text = strncmp(p->problem, DISPUTE, strlen(DISPUTE)) == 0 ? "" : NULL;
		d = NULL;
	}
	for (size_t i = 0; i < p->n_refunds; i++)
		if (p->refunds[i]->elsewhere)
			text = gv_str(t, "refund %s was made in the provider's dashboard", p->refunds[i]->id);
	if (failed)
		text = gv_str(t, "refund %s failed: %s", failed->id, failed->error);
	if (d)
		text = of_dispute(t, d);
	if (text)
		pay_say(t, row, text);
}
