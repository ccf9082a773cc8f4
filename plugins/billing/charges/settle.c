/* From a session that has ended to a charge that is in the books: priced, recorded, booked and the order carried on,
 * all in one turn. */
#include "charges.h"
#include <plugins/billing/ledger/ledger.h>
#include <plugins/billing/pricing/money.h>
#include <plugins/billing/payments/pay.h>
#include <plugins/billing/people/people_rows.h>
#include <plugins/billing/tariffs/places.h>
#include <plugins/billing/tariffs/tariffs.h>

#include <string.h>

#define SUSPENSE "suspense"
#define REPLACED_MAX 16 /* cards that replaced one another */

/* ---- accounts -------------------------------------------------------------------------------- */

static const char *income_account(struct gv_turn *t, const char *kind, const char *site)
{
	return gv_str(t, "income:%s:%s", kind, *site ? site : "-");
}

static const char *vat_account(struct gv_turn *t, const Billing__TaxShare *tax)
{
	char percent[BILLING_DECIMAL_MAX];

	if (!tax->named)
		return "vat:none";
	billing_decimal_write(tax->vat_ppm, 4, percent);
	return gv_str(t, "vat:%s", percent);
}

static bool is_purse(const char *account)
{
	return !strncmp(account, "wallet:", 7) || !strncmp(account, "card:", 5);
}

/* As it is called now: a card's purse moves when the card is replaced. */
static const char *account_now(struct gv_turn *t, const char *account)
{
	for (unsigned i = 0; i < REPLACED_MAX && !strncmp(account, "card:", 5); i++) {
		const Billing__Token *token = people_token(t, account + 5);

		if (!token || token->state != BILLING__TOKEN_STATE__TOKEN_STATE_REPLACED)
			break;
		account = gv_str(t, "card:%s", token->replaced_by);
	}
	return account;
}

static char *receivable_of(struct gv_turn *t, const Billing__ChargeRow *row)
{
	const Billing__Charge *c = row->charge;

	if (*c->customer)
		return gv_str(t, "receivable:%s", c->customer);
	return gv_str(t, "receivable:%s",
		      is_purse(row->account) ? row->account
		      : *c->order            ? gv_str(t, "order:%s", c->order)
					     : charges_purpose(t, c->session));
}

/* ---- chains ---------------------------------------------------------------------------------- */

struct chain {
	struct gv_turn *t;
	const Billing__Charge *charge;
	const char *order; /* what it is for, in the ledger */
	Billing__Transfer **transfers;
	size_t n;
};

/* From one account to another; a negative amount goes the other way, nothing goes nowhere. */
static void move(struct chain *c, const char *name, const char *from, const char *to, int64_t amount)
{
	Billing__Transfer *x;

	if (!amount)
		return;
	x = gv_alloc(c->t, sizeof *x);
	billing__transfer__init(x);
	x->id = gv_str(c->t, "%s:%s", c->charge->id, name);
	x->debit = (char *)(amount > 0 ? from : to);
	x->credit = (char *)(amount > 0 ? to : from);
	x->amount = amount > 0 ? amount : -amount;
	x->currency = c->charge->price->currency;
	x->order = (char *)c->order;
	x->reason = gv_strdup(c->t, name);
	*GV_APPEND(c->t, c->transfers, c->n) = x;
}

/* Posts what the hold covers and releases the rest of it. */
static void post(struct chain *c, const char *hold, int64_t amount)
{
	Billing__Transfer *x = gv_alloc(c->t, sizeof *x);

	billing__transfer__init(x);
	x->id = gv_str(c->t, "%s:paid", c->charge->id);
	x->kind = BILLING__TRANSFER_KIND__TRANSFER_KIND_POST_PENDING;
	x->pending = (char *)hold;
	x->amount = amount;
	x->reason = (char *)"paid";
	*GV_APPEND(c->t, c->transfers, c->n) = x;
}

static const char *income_kind(const Billing__PriceLine *line)
{
	if (line->reservation)
		return "reservation";
	if (!strcmp(line->dimension, "RENTAL"))
		return "rental";
	if (!strcmp(line->dimension, "BUYOUT"))
		return "buyout";
	if (!strcmp(line->dimension, "PACKAGE"))
		return "package";
	if (!strcmp(line->dimension, "FLAT"))
		return "start";
	if (!strcmp(line->dimension, "ENERGY"))
		return "energy";
	return !strcmp(line->dimension, "TIME") ? "time" : "idle";
}

/* What a charge earns and owes the state: suspense goes on to where it belongs. */
static void split(struct chain *c)
{
	static const char *const kinds[] = { "start",       "energy", "time",   "idle",
					     "reservation", "rental", "buyout", "package" };
	const Billing__Charge *charge = c->charge;
	const Billing__Price *p = charge->price;

	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		int64_t sum = 0;

		for (size_t i = 0; i < p->n_lines; i++)
			sum += strcmp(income_kind(p->lines[i]), kinds[k]) ? 0 : p->lines[i]->excl;
		move(c, kinds[k], SUSPENSE, income_account(c->t, kinds[k], charge->site), sum);
	}
	move(c, "adjustment", SUSPENSE, income_account(c->t, "adjustment", charge->site), p->adjustment);
	for (size_t i = 0; i < p->n_taxes; i++)
		move(c, gv_str(c->t, "vat%zu", i), SUSPENSE, vat_account(c->t, p->taxes[i]), p->taxes[i]->tax);
}

static int book(struct billing *b, struct chain *c)
{
	struct ledger_error error;

	if (!c->n ||
	    ledger_book(b, c->t, (const Billing__Transfer *const *)c->transfers, c->n, &error) != LEDGER_REFUSED)
		return 0;
	return gv_fault(c->t, "charge %s cannot be booked: transfer %s: %s", c->charge->id, c->transfers[error.at]->id,
			error.text);
}

static const char *purpose(struct gv_turn *t, const Billing__Charge *c)
{
	return *c->order ? c->order : charges_purpose(t, c->session);
}

/* `most`: what may be taken of the account besides the hold. */
static int pay_charge(struct billing *b, struct gv_turn *t, Billing__ChargeRow *row, const char *hold, int64_t held,
		      int64_t most)
{
	Billing__Charge *charge = row->charge;
	struct chain c = { .t = t, .charge = charge, .order = purpose(t, charge) };
	int64_t total = row->booked ? charge->price->incl : 0, of_hold = total < held ? total : held, more;
	const char *account = account_now(t, row->account);

	if (*hold)
		post(&c, hold, of_hold);
	more = total - of_hold;
	if (is_purse(account)) {
		most = ledger_available(t, account, b->config->currency);
		most = most > 0 ? most : 0;
	}
	more = more < most ? more : most;
	row->paid = of_hold + more;
	charge->receivable = total - row->paid;
	if (charge->receivable)
		row->receivable = receivable_of(t, row);
	move(&c, "more", account, SUSPENSE, more);
	move(&c, "owed", row->receivable, SUSPENSE, charge->receivable);
	if (row->booked)
		split(&c);
	return book(b, &c);
}

int settle_credit(struct billing *b, struct gv_turn *t, Billing__ChargeRow *row, const Billing__ChargeRow *of)
{
	struct chain c = { .t = t, .charge = row->charge, .order = purpose(t, row->charge) };

	if (!row->booked)
		return 0;
	split(&c);
	move(&c, "paid", account_now(t, of->account), SUSPENSE, -of->paid);
	move(&c, "owed", of->receivable, SUSPENSE, -of->charge->receivable);
	return book(b, &c);
}

/* ---- the order ------------------------------------------------------------------------------- */

/* Owed by a card's owner: the card does not start again before people have looked. */
static void block_card(struct billing *b, struct gv_turn *t, const Billing__Charge *c)
{
	const Billing__Token *token = *c->order ? NULL : people_token(t, c->token);
	Billing__Token now;
	enum gv_code code;

	if (!token || token->state != BILLING__TOKEN_STATE__TOKEN_STATE_ACTIVE)
		return;
	now = *token;
	now.state = BILLING__TOKEN_STATE__TOKEN_STATE_BLOCKED;
	people_store_token(b, t, &now, &now, &code);
	gv_log(t, GV_WARN, "card is blocked, it owes %lld minor units token=%s session=%s", (long long)c->receivable,
	       token->id, c->session);
}

/* What the provider's money has paid beyond the corrected price goes back. */
static int send_back(struct billing *b, struct gv_turn *t, const Billing__ChargeRow *row, int64_t amount)
{
	Billing__OrderRow *order = *row->charge->order ? orders_take(t, row->charge->order) : NULL;

	if (!order || !*order->order->payment || is_purse(row->account) || amount <= 0)
		return 0;
	return orders_send_back(b, t, order, gv_str(t, "%s:back", row->charge->id), amount);
}

static int finish_order(struct billing *b, struct gv_turn *t, const Billing__UseRow *use, const Billing__ChargeRow *row)
{
	Billing__OrderRow *order = *use->order ? orders_take(t, use->order) : NULL;
	Billing__Order *o;

	if (!order)
		return 0;
	o = order->order;
	for (size_t i = 0; i < row->charge->n_flags; i++)
		orders_flag(t, order, row->charge->flags[i]);
	if (strcmp(o->session, use->session) != 0) { /* a start that came too late, or a second one */
		if (!*o->charge)
			o->charge = row->charge->id;
		orders_put(t, order);
		orders_tell(t, order);
		return 0;
	}
	o->charge = row->charge->id;
	o->cost = row->charge->price->incl;
	o->energy_wh = row->charge->energy_wh;
	if (*use->corrects) {
		orders_put(t, order);
		orders_tell(t, order);
		return 0;
	}
	order->take = row->paid < o->held ? row->paid : o->held;
	orders_to(t, order, BILLING__ORDER_STATE__ORDER_STATE_RATED);
	return orders_settled(b, t, order);
}

/* `kept`: what the charge that this one replaces had been paid with. */
static int settle_row(struct billing *b, struct gv_turn *t, Billing__UseRow *use, Billing__ChargeRow *row, int64_t kept)
{
	if (pay_charge(b, t, row, use->hold, use->held, kept))
		return -1;
	if (row->charge->receivable) {
		orders_add_flag(t, &row->charge->flags, &row->charge->n_flags, "overrun");
		block_card(b, t, row->charge);
	}
	charges_record(t, row);
	if (priced_in_the_end(b, t, use, row->charge->price->incl))
		return -1;
	uses_forget(b, t, use);
	if (*use->corrects && send_back(b, t, row, kept - row->paid))
		return -1;
	return finish_order(b, t, use, row);
}

int settle(struct billing *b, struct gv_turn *t, Billing__UseRow *use, const Charging__Session *session)
{
	const Billing__ChargeRow *before = *use->corrects ? charges_row(t, use->corrects) : NULL, *credit;

	if (before &&
	    charges_credit_now(b, t, before, "corrected: the session ended otherwise than was known", &credit))
		return -1;
	return settle_row(b, t, use, charge_session(b, t, use, session), before ? before->paid : 0);
}

int settle_rental(struct billing *b, struct gv_turn *t, Billing__UseRow *use, bool sold)
{
	return settle_row(b, t, use, charge_rental(b, t, use, sold), 0);
}
