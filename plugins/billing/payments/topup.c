/* Topping up: a customer's wallet, or a card's own purse, is credited when the money has come in; and the way back. */
#include <plugins/billing/ledger/ledger.h>
#include "pay.h"
#include <plugins/billing/people/people.h>

#include <errno.h>
#include <string.h>

#define REPLACED_MAX 16 /* cards that replaced one another */

/* ---- where the money goes -------------------------------------------------------------------- */

/* The account of a request, or NULL with the call refused. */
static const char *account_of(struct gv_turn *t, struct gv_ticket to, const Billing__TopUpRequest *r)
{
	const Billing__Token *token;

	if (!r->customer[0] == !r->token[0]) {
		gv_refuse(t, to, GV_INVALID_ARGUMENT, "customer or token: give one of them, whose money it is to be");
		return NULL;
	}
	if (r->customer[0]) {
		if (people_customer(t, r->customer))
			return gv_str(t, "wallet:%s", r->customer);
		gv_refuse(t, to, GV_NOT_FOUND, "customer: there is no %s", r->customer);
		return NULL;
	}
	token = people_token(t, r->token);
	if (!token)
		gv_refuse(t, to, GV_NOT_FOUND, "token: there is no %s", r->token);
	else if (!token->own_purse)
		gv_refuse(t, to, GV_FAILED_PRECONDITION, "token: %s has no purse of its own; top up its customer%s%s",
			  r->token, token->customer[0] ? ", " : "", token->customer);
	else if (token->state == BILLING__TOKEN_STATE__TOKEN_STATE_REPLACED)
		gv_refuse(t, to, GV_FAILED_PRECONDITION, "token: %s was replaced by %s; top up that one", r->token,
			  token->replaced_by);
	else
		return people_account(t, token);
	return NULL;
}

/* The account as it is called now: a card's purse moves when the card is replaced. */
static const char *account_now(struct gv_turn *t, const char *account)
{
	const Billing__Token *token;

	for (unsigned i = 0; i < REPLACED_MAX && strncmp(account, "card:", 5) == 0; i++) {
		token = people_token(t, account + 5);
		if (!token || token->state != BILLING__TOKEN_STATE__TOKEN_STATE_REPLACED)
			break;
		account = gv_str(t, "card:%s", token->replaced_by);
	}
	return account;
}

/* ---- booking --------------------------------------------------------------------------------- */

static int book(struct billing *b, struct gv_turn *t, const char *id, const char *debit, const char *credit,
		const Billing__Payment *p, int64_t amount, const char *reason, struct ledger_error *ret_error)
{
	Billing__Transfer x = BILLING__TRANSFER__INIT;
	const Billing__Transfer *chain[] = { &x };

	x.id = (char *)id;
	x.debit = (char *)debit;
	x.credit = (char *)credit;
	x.amount = amount;
	x.currency = p->currency;
	x.order = p->id;
	x.reason = (char *)reason;
	return ledger_book(b, t, chain, 1, ret_error);
}

static int credit(struct billing *b, struct gv_turn *t, const Billing__Payment *p)
{
	const char *account = account_now(t, p->account);
	struct ledger_error error;

	if (book(b, t, p->id, pay_clearing(t, p), account, p, p->captured, "topup", &error) == LEDGER_REFUSED)
		return pay_flag(t, p->id, gv_str(t, "the money came and cannot be booked: %s", error.text));
	return pay_credited(t, p->id, NULL, account);
}

/* A refund that failed is the person's money again. */
static int book_back(struct billing *b, struct gv_turn *t, const Billing__Payment *p, const Billing__PaymentRefund *r)
{
	const char *account = account_now(t, p->account), *id = gv_str(t, "refund:%s:back", r->id);
	struct ledger_error error;

	if (book(b, t, id, pay_clearing(t, p), account, p, r->amount, "refund", &error) == LEDGER_REFUSED)
		return pay_flag(t, p->id,
				gv_str(t, "refund %s failed and cannot be booked back: %s", r->id, error.text));
	return pay_credited(t, p->id, r->id, account);
}

/* Whose debt it is when money of a purse has gone back: its owner's. */
static const char *debtor(struct gv_turn *t, const char *purse)
{
	const Billing__Token *token = strncmp(purse, "card:", 5) == 0 ? people_token(t, purse + 5) : NULL;

	if (strncmp(purse, "wallet:", 7) == 0)
		return gv_str(t, "receivable:%s", purse + 7);
	return gv_str(t, "receivable:%s", token && token->customer[0] ? token->customer : purse);
}

int topup_payment_changed(struct billing *b, struct gv_turn *t, const Billing__Payment *p)
{
	const char *purse = account_now(t, p->account);

	if (p->state != BILLING__PAYMENT_STATE__PAYMENT_STATE_CAPTURED)
		return 0;
	if (!p->credited[0])
		credit(b, t, p);
	for (size_t i = 0; i < p->n_refunds; i++) {
		const Billing__PaymentRefund *r = p->refunds[i];

		if (r->state == BILLING__REFUND_STATE__REFUND_STATE_FAILED && !r->returned_to[0] && !r->elsewhere)
			book_back(b, t, p, r);
	}
	pay_book_outside(b, t, p, p->id, debtor(t, purse), purse);
	return 0;
}

/* ---- TopUp ----------------------------------------------------------------------------------- */

static bool same(const Billing__Payment *p, const struct pay_request *r)
{
	return p->amount == r->amount && strcmp(p->currency, r->currency) == 0 && strcmp(p->account, r->account) == 0 &&
	       strcmp(p->provider, r->provider) == 0 && strcmp(p->desk, r->desk) == 0;
}

static int answer(struct gv_turn *t, struct gv_ticket to, const Billing__Payment *p)
{
	Billing__TopUpReply reply = BILLING__TOP_UP_REPLY__INIT;

	if (p->state == BILLING__PAYMENT_STATE__PAYMENT_STATE_CREATED)
		return pay_answer_when_open(t, p->id, to);
	reply.payment = (Billing__Payment *)p;
	return gv_reply(t, to, &reply);
}

int topup(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *request)
{
	const Billing__TopUpRequest *r = (const Billing__TopUpRequest *)request;
	struct billing *b = self;
	struct pay_request want = { .id = gv_str(t, "topup:%s", r->id), .provider = r->provider, .amount = r->amount };
	const Billing__Payment *p = pay_find(t, want.id);
	const char *problem;

	want.currency = r->currency[0] ? r->currency : b->config->currency;
	want.account = account_of(t, to, r);
	if (!want.account)
		return 0;
	want.description = "Top-up";
	want.return_url = r->return_url;
	want.desk = r->desk[0] || strcmp(r->provider, "desk") != 0 || b->config->n_desks != 1 ? r->desk
											      : b->config->desks[0];
	if (p)
		return same(p, &want) ? answer(t, to, p)
				      : gv_refuse(t, to, GV_ALREADY_EXISTS,
						  "id: %s is another top-up; take an id of its own for each", r->id);
	problem = pay_problem(b, t, &want);
	if (problem)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "%s", problem);
	p = pay_begin(b, t, &want);
	if (!p)
		return gv_fault(t, "payment %s could not be begun", want.id);
	topup_payment_changed(b, t, p);
	return answer(t, to, pay_find(t, want.id));
}

/* ---- Refund ---------------------------------------------------------------------------------- */

/* NULL: it can be refunded; else why not, for people. */
static const char *refund_problem(struct gv_turn *t, const Billing__RefundRequest *r, const Billing__Payment *p)
{
	const char *problem = pay_refund_problem(t, r->payment, r->id, r->amount);

	if (problem)
		return problem;
	if (strncmp(r->payment, "topup:", 6) != 0)
		return gv_str(t, "payment: %s paid for an order; credit the order's charge instead", r->payment);
	if (!p->credited[0])
		return gv_str(t, "payment: the money of %s is not booked yet: %s", r->payment, p->problem);
	return NULL;
}

int topup_refund(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *request)
{
	const Billing__RefundRequest *r = (const Billing__RefundRequest *)request;
	const Billing__Payment *p = pay_find(t, r->payment);
	Billing__RefundReply reply = BILLING__REFUND_REPLY__INIT;
	const Billing__PaymentRefund *found;
	struct ledger_error error;
	struct billing *b = self;
	const char *problem;

	if (!p)
		return gv_refuse(t, to, GV_NOT_FOUND, "payment: there is no %s", r->payment);
	found = pay_refund_find(p, r->id);
	if (!found || found->amount != r->amount) {
		problem = refund_problem(t, r, p);
		if (problem)
			return gv_refuse(t, to, GV_FAILED_PRECONDITION, "%s", problem);
		/* First it is taken from the person's account, so that it cannot be spent meanwhile. */
		if (book(b, t, gv_str(t, "refund:%s", r->id), account_now(t, p->account), pay_clearing(t, p), p,
			 r->amount, "refund", &error) == LEDGER_REFUSED)
			return gv_refuse(t, to, GV_FAILED_PRECONDITION, "%s", error.text);
		if (pay_refund(b, t, r->payment, r->id, r->amount) < 0)
			return gv_fault(t, "refund %s could not be begun", r->id);
	}
	reply.payment = (Billing__Payment *)pay_find(t, r->payment);
	return gv_reply(t, to, &reply);
}
