/* GetPayment and ListPayments. */
#include "pay.h"

int pay_get(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *request)
{
	const Billing__GetPaymentRequest *r = (const Billing__GetPaymentRequest *)request;
	Billing__GetPaymentReply reply = BILLING__GET_PAYMENT_REPLY__INIT;

	reply.payment = (Billing__Payment *)pay_find(t, r->id);
	if (!reply.payment)
		return gv_refuse(t, to, GV_NOT_FOUND, "payment: there is no %s", r->id);
	return gv_reply(t, to, &reply);
}

/* Newest first, of one account or of all. */
int pay_list(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *request)
{
	const Billing__ListPaymentsRequest *r = (const Billing__ListPaymentsRequest *)request;
	struct gv_scan scan = { .table = &pay_times, .prefix = gv_key((const char *)r->account), .reverse = true };
	Billing__ListPaymentsReply reply = BILLING__LIST_PAYMENTS_REPLY__INIT;
	size_t limit = billing_limit(r->limit);

	if (gv_page_from(t, &scan, r->page) < 0)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "page: \"%s\" is not the next_page of an answer", r->page);
	while (reply.n_payments < limit && gv_next(t, &scan)) {
		const Billing__Payment *p = pay_find(t, scan.key.part[2].s);

		if (p)
			*GV_APPEND(t, reply.payments, reply.n_payments) = (Billing__Payment *)p;
	}
	if (reply.n_payments == limit)
		reply.next_page = gv_page(t, &scan);
	return gv_reply(t, to, &reply);
}
