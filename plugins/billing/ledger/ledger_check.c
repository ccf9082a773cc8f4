/* May a chain be booked? It is held against what it touches, in the turn's memory, so that a refused chain has nothing
 * to undo, and an account that a chain moves a thousand times is read and written once. */
#include "ledger_chain.h"
#include <plugins/billing/pricing/money.h>

#include <errno.h>
#include <stdio.h>

static int refuse(struct chain *c, enum ledger_refusal refusal, const char *fmt, ...) GV_PRINTF(3, 4);

static int refuse(struct chain *c, enum ledger_refusal refusal, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->error.text, sizeof c->error.text, fmt, ap);
	va_end(ap);
	c->error.refusal = refusal;
	return -EINVAL;
}

static char *money(struct gv_turn *t, int64_t minor, const char *currency)
{
	char text[BILLING_MONEY_MAX];

	billing_money_write(minor, currency, text);
	return gv_strdup(t, text);
}

/* ---- what the chain touches ------------------------------------------------------------------ */

static struct account *account(struct chain *c, const char *id, const char *currency)
{
	struct ledger_name *n = ledger_names_at(&c->accounts, id, currency);
	struct account *a = n->item;
	const Billing__AccountRow *row;

	if (a)
		return a;
	n->item = a = gv_alloc(c->t, sizeof *a);
	a->id = id;
	a->currency = currency;
	row = gv_get(c->t, &ledger_accounts, gv_key(id, currency));
	if (row)
		a->row = *row;
	else
		billing__account_row__init(&a->row);
	a->had_money = ledger_row_available(&a->row) > 0;
	return a;
}

static struct known *known(struct chain *c, const char *id)
{
	struct ledger_name *n = ledger_names_at(&c->knowns, id, "");
	struct known *k = n->item;
	const Billing__TransferRow *row;

	if (k)
		return k;
	n->item = k = gv_alloc(c->t, sizeof *k);
	k->id = id;
	row = gv_get(c->t, &ledger_transfers, gv_key(id));
	if (row) {
		k->seq = row->entry;
		k->state = row->state;
		k->refused = row->entry == 0;
		k->row = ledger_entry(c->t, row->entry);
		if (!k->row && !k->refused)
			gv_fault(c->t,
				 "transfer %s is known, and its line %llu of the log is gone: the store is damaged", id,
				 (unsigned long long)row->entry);
	}
	return k;
}

struct order *chain_order(struct chain *c, const char *id)
{
	struct ledger_name *n = ledger_names_at(&c->orders, id, "");
	struct order *o = n->item;
	const Billing__EntryOrderRow *row;

	if (o)
		return o;
	n->item = o = gv_alloc(c->t, sizeof *o);
	o->id = id;
	row = gv_get(c->t, &ledger_orders, gv_key(id));
	o->last_entry = row ? row->last_entry : 0;
	return o;
}

/* ---- one transfer ---------------------------------------------------------------------------- */

static bool is_name(const char *s, size_t max)
{
	size_t n = 0;

	for (; s[n]; n++)
		if (n == max || (uint8_t)s[n] < ' ' || (uint8_t)s[n] == 0x7f)
			return false;
	return n > 0;
}

static int check_names(struct chain *c, const Billing__Transfer *x)
{
	if (!is_name(x->id, LEDGER_ID_MAX))
		return refuse(c, LEDGER_INVALID, "id: 1 to %d bytes without control characters are needed",
			      LEDGER_ID_MAX);
	if (*x->order && !is_name(x->order, LEDGER_ORDER_MAX))
		return refuse(c, LEDGER_INVALID, "order: at most %d bytes without control characters",
			      LEDGER_ORDER_MAX);
	if (*x->reason && !is_name(x->reason, LEDGER_REASON_MAX))
		return refuse(c, LEDGER_INVALID, "reason: at most %d bytes without control characters",
			      LEDGER_REASON_MAX);
	return 0;
}

static int check_resolving(struct chain *c, const Billing__Transfer *x)
{
	if (!is_name(x->pending, LEDGER_ID_MAX))
		return refuse(c, LEDGER_INVALID, "pending: the id of the transfer that %s resolves is needed", x->id);
	if (x->expires_at_ms)
		return refuse(c, LEDGER_INVALID, "expires_at_ms: only a pending transfer expires, %s resolves one",
			      x->id);
	return 0;
}

static int check_moving(struct chain *c, const Billing__Transfer *x)
{
	if (*x->pending)
		return refuse(c, LEDGER_INVALID, "pending: %s resolves nothing, leave it empty", x->id);
	if (!is_name(x->debit, LEDGER_ID_MAX))
		return refuse(c, LEDGER_INVALID, "debit: 1 to %d bytes without control characters are needed",
			      LEDGER_ID_MAX);
	if (!is_name(x->credit, LEDGER_ID_MAX))
		return refuse(c, LEDGER_INVALID, "credit: 1 to %d bytes without control characters are needed",
			      LEDGER_ID_MAX);
	if (!strcmp(x->debit, x->credit))
		return refuse(c, LEDGER_INVALID, "debit and credit are the same account, %s", x->debit);
	if (x->kind == BILLING__TRANSFER_KIND__TRANSFER_KIND_POSTED ? x->expires_at_ms != 0 : x->expires_at_ms < 0)
		return refuse(c, LEDGER_INVALID, "expires_at_ms: a time, and of a pending transfer only");
	if (c->sound_currency && !strcmp(c->sound_currency, x->currency))
		return 0;
	if (billing_currency_exponent(x->currency) < 0)
		return refuse(c, LEDGER_INVALID, "currency: \"%.20s\" is no ISO 4217 code in use", x->currency);
	c->sound_currency = x->currency;
	return 0;
}

static int check_shape(struct chain *c, const Billing__Transfer *x)
{
	int r = check_names(c, x);

	if (r < 0)
		return r;
	if (x->amount < 0)
		return refuse(c, LEDGER_INVALID, "amount: %lld is negative; to move money back, swap debit and credit",
			      (long long)x->amount);
	switch (x->kind) {
	case BILLING__TRANSFER_KIND__TRANSFER_KIND_POSTED:
	case BILLING__TRANSFER_KIND__TRANSFER_KIND_PENDING:
		return check_moving(c, x);
	case BILLING__TRANSFER_KIND__TRANSFER_KIND_POST_PENDING:
	case BILLING__TRANSFER_KIND__TRANSFER_KIND_VOID_PENDING:
		return check_resolving(c, x);
	default:
		return refuse(c, LEDGER_INVALID, "kind: %d is none", (int)x->kind);
	}
}

/* What a resolving transfer leaves empty stands for what it resolves has. */
static bool fits(const char *given, const char *held)
{
	return !*given || !strcmp(given, held);
}

static bool same_fields(const Billing__EntryRow *row, const Billing__Transfer *x)
{
	bool resolves = ledger_resolves(x->kind);
	bool all = x->kind == BILLING__TRANSFER_KIND__TRANSFER_KIND_VOID_PENDING && x->amount == 0;

	if (row->kind != x->kind || strcmp(row->pending, x->pending) != 0 || strcmp(row->reason, x->reason) != 0 ||
	    row->expires_at_ms != x->expires_at_ms || (row->amount != x->amount && !all))
		return false;
	if (resolves)
		return fits(x->debit, row->debit) && fits(x->credit, row->credit) && fits(x->currency, row->currency) &&
		       fits(x->order, row->order);
	return !strcmp(row->debit, x->debit) && !strcmp(row->credit, x->credit) &&
	       !strcmp(row->currency, x->currency) && !strcmp(row->order, x->order);
}

static int check_pending(struct chain *c, const Billing__Transfer *x, const struct known *k)
{
	const Billing__EntryRow *held = k->row;

	if (!held || held->kind != BILLING__TRANSFER_KIND__TRANSFER_KIND_PENDING)
		return refuse(c, LEDGER_PENDING_NOT_FOUND, "there is no pending transfer %s", x->pending);
	if (k->state == BILLING__PENDING_STATE__PENDING_STATE_POSTED)
		return refuse(c, LEDGER_ALREADY_POSTED, "%s has been posted", x->pending);
	if (k->state == BILLING__PENDING_STATE__PENDING_STATE_VOIDED)
		return refuse(c, LEDGER_ALREADY_VOIDED, "%s has been voided", x->pending);
	if (k->state == BILLING__PENDING_STATE__PENDING_STATE_EXPIRED ||
	    (held->expires_at_ms && held->expires_at_ms <= gv_now_ms(c->t)))
		return refuse(c, LEDGER_EXPIRED, "%s has expired", x->pending);
	if (!fits(x->debit, held->debit) || !fits(x->credit, held->credit) || !fits(x->currency, held->currency))
		return refuse(c, LEDGER_INVALID, "%s moves from %s to %s in %s; leave these fields empty", x->pending,
			      held->debit, held->credit, held->currency);
	if (x->amount > held->amount)
		return refuse(c, LEDGER_EXCEEDS_PENDING, "%s holds %s, not %s", x->pending,
			      money(c->t, held->amount, held->currency), money(c->t, x->amount, held->currency));
	if (x->kind == BILLING__TRANSFER_KIND__TRANSFER_KIND_VOID_PENDING && x->amount && x->amount != held->amount)
		return refuse(c, LEDGER_INVALID, "amount: a void releases all of %s; leave it 0", x->pending);
	return 0;
}

static void fill(struct chain *c, struct line *l, const Billing__Transfer *x, const Billing__EntryRow *held)
{
	Billing__EntryRow *row = &l->row;

	billing__entry_row__init(row);
	row->at_ms = gv_now_ms(c->t);
	row->kind = x->kind;
	row->id = x->id;
	row->debit = held ? held->debit : x->debit;
	row->credit = held ? held->credit : x->credit;
	row->currency = held ? held->currency : x->currency;
	row->amount = x->kind == BILLING__TRANSFER_KIND__TRANSFER_KIND_VOID_PENDING ? held->amount : x->amount;
	row->pending = x->pending;
	row->expires_at_ms = x->expires_at_ms;
	row->order = held && !*x->order ? held->order : x->order;
	row->reason = x->reason;
}

/* Moves the balances, as far as they allow it. */
static int move(struct chain *c, struct line *l, int64_t held)
{
	struct ledger_delta debit = ledger_debit_delta(&l->row, held), credit = ledger_credit_delta(&l->row, held);
	int64_t taken = debit.debits_pending + debit.debits_posted;
	struct account *a = l->debit;

	if (taken > 0 && ledger_is_limited(a->id) && ledger_row_available(&a->row) < taken)
		return refuse(c, LEDGER_EXCEEDS_BALANCE, "%s has %s available; %s takes %s", a->id,
			      money(c->t, ledger_row_available(&a->row), a->currency), l->row.id,
			      money(c->t, taken, a->currency));
	if (ledger_move(&a->row, &debit) < 0)
		return refuse(c, LEDGER_OVERFLOW, "the debits of %s would exceed 2^63 - 1", a->id);
	if (ledger_move(&l->credit->row, &credit) < 0)
		return refuse(c, LEDGER_OVERFLOW, "the credits of %s would exceed 2^63 - 1", l->credit->id);
	return 0;
}

static struct line *add_line(struct chain *c, const Billing__Transfer *x, struct known *resolves)
{
	struct line *l = gv_alloc(c->t, sizeof *l);

	fill(c, l, x, resolves ? resolves->row : NULL);
	l->debit = account(c, l->row.debit, l->row.currency);
	l->credit = account(c, l->row.credit, l->row.currency);
	l->resolves = resolves;
	*c->last_line = l;
	c->last_line = &l->next;
	return l;
}

static int check_one(struct chain *c, const Billing__Transfer *x)
{
	struct known *self, *resolves = NULL;
	struct line *l;
	int r = check_shape(c, x);

	if (r < 0)
		return r;
	self = known(c, x->id);
	if (self->refused)
		return refuse(c, LEDGER_FAILED_BEFORE, "%s was refused for its balance before; try again with a new id",
			      x->id);
	if (self->row && !same_fields(self->row, x))
		return refuse(c, LEDGER_EXISTS_DIFFERENT, "there is a transfer %s with other fields", x->id);
	if (self->row) {
		c->existing++;
		return 0;
	}
	if (ledger_resolves(x->kind)) {
		resolves = known(c, x->pending);
		r = check_pending(c, x, resolves);
		if (r < 0)
			return r;
	} else if (x->expires_at_ms && x->expires_at_ms <= gv_now_ms(c->t)) {
		return refuse(c, LEDGER_INVALID, "expires_at_ms: this time has passed");
	}
	l = add_line(c, x, resolves);
	r = move(c, l, resolves ? resolves->row->amount : 0);
	if (r < 0)
		return r;
	l->self = self;
	self->row = &l->row;
	self->changed = true;
	if (!resolves)
		return 0;
	resolves->changed = true;
	resolves->state = x->kind == BILLING__TRANSFER_KIND__TRANSFER_KIND_POST_PENDING
				  ? BILLING__PENDING_STATE__PENDING_STATE_POSTED
				  : BILLING__PENDING_STATE__PENDING_STATE_VOIDED;
	return 0;
}

int chain_check(struct chain *c, const Billing__Transfer *const *chain, size_t n)
{
	int r = 0;

	if (n > LEDGER_CHAIN_MAX)
		return refuse(c, LEDGER_INVALID, "a chain has at most %d transfers, not %zu", LEDGER_CHAIN_MAX, n);
	for (size_t i = 0; i < n && r == 0; i++) {
		c->error.at = i;
		r = check_one(c, chain[i]);
	}
	return r;
}

void chain_expire(struct chain *c, const char *id)
{
	struct known *k = known(c, id);
	Billing__Transfer x = BILLING__TRANSFER__INIT;
	struct line *l;

	if (!k->row || k->state != BILLING__PENDING_STATE__PENDING_STATE_HELD) {
		gv_fault(c->t, "%s is to expire, and is not pending: the store is damaged", id);
		return;
	}
	x.id = x.pending = (char *)id;
	x.kind = BILLING__TRANSFER_KIND__TRANSFER_KIND_VOID_PENDING;
	l = add_line(c, &x, k);
	l->row.expiry = true;
	k->changed = true;
	k->state = BILLING__PENDING_STATE__PENDING_STATE_EXPIRED;
	if (move(c, l, k->row->amount) < 0)
		gv_fault(c->t, "%s cannot expire: %s", id, c->error.text);
}

void chain_init(struct chain *c, struct billing *b, struct gv_turn *t, size_t n)
{
	n = n <= LEDGER_CHAIN_MAX ? n : 0; /* too long: refused before anything is read */
	*c = (struct chain){ .b = b, .t = t };
	ledger_names_init(t, &c->accounts, 2 * n);
	ledger_names_init(t, &c->knowns, 2 * n);
	ledger_names_init(t, &c->orders, n);
	c->last_line = &c->lines;
}
