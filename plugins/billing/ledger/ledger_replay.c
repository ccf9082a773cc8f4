/* Each line of the log is believed only as far as the lines before it allow. What does not fit is a problem, told with
 * the line's number, and the replay goes on as if the line were right, so that one wrong line is one problem. */
#include "ledger_audit.h"
#include <plugins/billing/pricing/money.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void audit_init(struct ledger_audit *a, struct ledger_hasher *hasher)
{
	*a = (struct ledger_audit){ .hasher = hasher };
	a->accounts.size = sizeof(struct audit_account);
	a->holds.size = sizeof(struct audit_hold);
	a->order_holds.size = sizeof(struct audit_order_hold);
}

void audit_fini(struct ledger_audit *a)
{
	billing_map_clear(&a->accounts);
	billing_map_clear(&a->holds);
	billing_map_clear(&a->order_holds);
	for (size_t i = 0; i < a->n_problems; i++)
		free(a->problems[i]);
	a->n_problems = 0;
}

void ledger_problem(struct ledger_audit *a, const char *fmt, ...)
{
	va_list ap;

	if (audit_is_full(a))
		return;
	va_start(ap, fmt);
	if (vasprintf(&a->problems[a->n_problems], fmt, ap) < 0)
		a->no_memory = true;
	else
		a->n_problems++;
	va_end(ap);
}

static struct audit_account *account(struct ledger_audit *a, const char *id, const char *currency)
{
	struct audit_account *x = (struct audit_account *)billing_map_find(&a->accounts, id, currency, true);

	if (!x)
		a->no_memory = true;
	else if (!x->row.base.descriptor)
		billing__account_row__init(&x->row);
	return x;
}

/* ---- a line ---------------------------------------------------------------------------------- */

static void check_hash(struct ledger_audit *a, uint64_t seq, const Billing__EntryRow *row)
{
	uint8_t hash[LEDGER_HASH_SIZE];

	if (ledger_hash(a->hasher, a->entries ? a->hash : NULL, seq, row, hash) < 0)
		a->no_memory = true;
	else if (!a->skipped &&
		 (row->hash.len != LEDGER_HASH_SIZE || memcmp(row->hash.data, hash, LEDGER_HASH_SIZE) != 0))
		ledger_problem(
			a, "line %llu (%s): its hash does not cover it and the line before: one of the two was changed",
			(unsigned long long)seq, row->id);
	a->skipped = false;
	if (row->hash.len == LEDGER_HASH_SIZE)
		memcpy(a->hash, row->hash.data, LEDGER_HASH_SIZE);
	else
		memcpy(a->hash, hash, LEDGER_HASH_SIZE);
}

static void begin_hold(struct ledger_audit *a, uint64_t seq, const Billing__EntryRow *row)
{
	struct audit_hold *h = (struct audit_hold *)billing_map_find(&a->holds, row->id, "", true);
	struct audit_order_hold *o = NULL;

	if (!h) {
		a->no_memory = true;
		return;
	}
	if (h->seq)
		ledger_problem(a, "line %llu: the hold %s is there twice, in line %llu too", (unsigned long long)seq,
			       row->id, (unsigned long long)h->seq);
	h->seq = seq;
	h->amount = row->amount;
	if (!*row->order)
		return;
	o = (struct audit_order_hold *)billing_map_find(&a->order_holds, row->order, row->debit, true);
	if (!o) {
		a->no_memory = true;
	} else if (o->seq) {
		ledger_problem(a, "line %llu (%s): order %s holds money of %s already, since line %llu (I3)",
			       (unsigned long long)seq, row->id, row->order, row->debit, (unsigned long long)o->seq);
	} else {
		o->seq = seq;
		h->order = o;
	}
}

/* What the hold held. */
static int64_t end_hold(struct ledger_audit *a, uint64_t seq, const Billing__EntryRow *row)
{
	struct billing_item *item = billing_map_find(&a->holds, row->pending, "", false);
	struct audit_hold *h = (struct audit_hold *)item;
	int64_t amount;

	if (!h) {
		ledger_problem(a,
			       "line %llu (%s): it resolves %s, which holds nothing: it never did, or was resolved "
			       "before (I3)",
			       (unsigned long long)seq, row->id, row->pending);
		return 0;
	}
	amount = h->amount;
	if (row->amount > amount)
		ledger_problem(a, "line %llu (%s): it posts %lld of %s, which holds %lld (I4)", (unsigned long long)seq,
			       row->id, (long long)row->amount, row->pending, (long long)amount);
	if (h->order)
		billing_map_remove(&a->order_holds, &h->order->item);
	billing_map_remove(&a->holds, item);
	return amount;
}

static void check_before(struct ledger_audit *a, uint64_t seq, const Billing__EntryRow *row,
			 const struct audit_account *x, uint64_t before)
{
	if (x->row.last_entry != before)
		ledger_problem(a, "line %llu (%s): it names line %llu as the one before of %s, which is line %llu",
			       (unsigned long long)seq, row->id, (unsigned long long)before, x->item.a,
			       (unsigned long long)x->row.last_entry);
}

static void move(struct ledger_audit *a, uint64_t seq, const Billing__EntryRow *row, int64_t held)
{
	struct audit_account *debit = account(a, row->debit, row->currency),
			     *credit = account(a, row->credit, row->currency);
	struct ledger_delta d = ledger_debit_delta(row, held), c = ledger_credit_delta(row, held);

	if (!debit || !credit)
		return;
	check_before(a, seq, row, debit, row->debit_before);
	check_before(a, seq, row, credit, row->credit_before);
	if (ledger_move(&debit->row, &d) < 0 || ledger_move(&credit->row, &c) < 0)
		ledger_problem(a, "line %llu (%s): it moves a balance of %s or %s out of its range",
			       (unsigned long long)seq, row->id, row->debit, row->credit);
	if (ledger_is_limited(row->debit) && d.debits_pending + d.debits_posted > 0 &&
	    ledger_row_available(&debit->row) < 0)
		ledger_problem(a, "line %llu (%s): it takes more of %s than is there (I2)", (unsigned long long)seq,
			       row->id, row->debit);
	debit->row.last_entry = credit->row.last_entry = seq;
}

void audit_replay(struct ledger_audit *a, uint64_t seq, const Billing__EntryRow *row)
{
	int64_t held = 0;

	if (seq != a->entries + 1)
		ledger_problem(a, "line %llu is missing: line %llu follows line %llu",
			       (unsigned long long)a->entries + 1, (unsigned long long)seq,
			       (unsigned long long)a->entries);
	check_hash(a, seq, row);
	if (row->amount < 0 || !*row->debit || !*row->credit || !strcmp(row->debit, row->credit))
		ledger_problem(a, "line %llu (%s): it does not move an amount from one account to another",
			       (unsigned long long)seq, row->id);
	if (row->kind == BILLING__TRANSFER_KIND__TRANSFER_KIND_PENDING)
		begin_hold(a, seq, row);
	else if (ledger_resolves(row->kind))
		held = end_hold(a, seq, row);
	move(a, seq, row, held);
	a->entries = seq;
}

void audit_skip(struct ledger_audit *a)
{
	a->entries++;
	a->skipped = true;
}

/* ---- against the store ----------------------------------------------------------------------- */

void audit_compare(struct ledger_audit *a, const char *id, const char *currency, const Billing__AccountRow *stored)
{
	struct audit_account *x = (struct audit_account *)billing_map_find(&a->accounts, id, currency, false);
	static const Billing__AccountRow nothing = BILLING__ACCOUNT_ROW__INIT;
	const Billing__AccountRow *row = x ? &x->row : &nothing;

	if (x)
		x->seen = true;
	if (!stored)
		ledger_problem(a, "account %s in %s is missing, though line %llu moved it (I9)", id, currency,
			       (unsigned long long)row->last_entry);
	else if (stored->debits_pending != row->debits_pending || stored->debits_posted != row->debits_posted ||
		 stored->credits_pending != row->credits_pending || stored->credits_posted != row->credits_posted)
		ledger_problem(
			a,
			"account %s in %s: pending and posted debits are %lld, %lld, credits %lld, %lld; by the log "
			"%lld, %lld, %lld, %lld (I9)",
			id, currency, (long long)stored->debits_pending, (long long)stored->debits_posted,
			(long long)stored->credits_pending, (long long)stored->credits_posted,
			(long long)row->debits_pending, (long long)row->debits_posted, (long long)row->credits_pending,
			(long long)row->credits_posted);
	else if (stored->last_entry != row->last_entry)
		ledger_problem(a, "account %s in %s: line %llu is said to be its last; by the log it is line %llu", id,
			       currency, (unsigned long long)stored->last_entry, (unsigned long long)row->last_entry);
}

void audit_compare_rest(struct ledger_audit *a, struct gv_turn *t)
{
	for (size_t i = 0; i < a->accounts.n_buckets; i++) {
		for (const struct billing_item *item = a->accounts.buckets[i]; item; item = item->next) {
			if (((const struct audit_account *)item)->seen || audit_is_full(a))
				continue;
			audit_compare(a, item->a, item->b, gv_get(t, &ledger_accounts, gv_key(item->a, item->b)));
		}
	}
}

struct total {
	struct billing_item item;     /* currency */
	billing_wide pending, posted; /* debits less credits */
};

void audit_balance(struct ledger_audit *a)
{
	struct billing_map totals = { .size = sizeof(struct total) };

	for (size_t i = 0; i < a->accounts.n_buckets; i++) {
		for (const struct billing_item *item = a->accounts.buckets[i]; item; item = item->next) {
			const Billing__AccountRow *row = &((const struct audit_account *)item)->row;
			struct total *total = (struct total *)billing_map_find(&totals, item->b, "", true);

			if (!total) {
				a->no_memory = true;
				continue;
			}
			total->pending += (billing_wide)row->debits_pending - row->credits_pending;
			total->posted += (billing_wide)row->debits_posted - row->credits_posted;
		}
	}
	for (size_t i = 0; i < totals.n_buckets; i++)
		for (const struct billing_item *item = totals.buckets[i]; item; item = item->next)
			if (((const struct total *)item)->pending || ((const struct total *)item)->posted)
				ledger_problem(a, "in %s, the debits of all accounts are not their credits (I1)",
					       item->a);
	billing_map_clear(&totals);
}
