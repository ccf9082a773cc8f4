/* The ledger's rows: how they are found, how balances move, and what a line's hash covers. */
#include "ledger_rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct gv_table ledger_accounts = { .name = "accounts", .key = "ss", .value = &billing__account_row__descriptor };
const struct gv_table ledger_transfers = { .name = "transfers",
					   .key = "s",
					   .value = &billing__transfer_row__descriptor };
const struct gv_table ledger_entries = {
	.name = "entries", .key = "u", .value = &billing__entry_row__descriptor, .append = true
};
const struct gv_table ledger_orders = { .name = "entry_orders",
					.key = "s",
					.value = &billing__entry_order_row__descriptor };
const struct gv_table ledger_expiries = { .name = "expiries", .key = "iu", .value = &billing__expiry_row__descriptor };
const struct gv_table ledger_heads = { .name = "ledger", .key = "u", .value = &billing__ledger_row__descriptor };
const struct gv_table ledger_verifications = { .name = "verifications",
					       .key = "u",
					       .value = &billing__verify_row__descriptor };

/* ---- rows ------------------------------------------------------------------------------------ */

Billing__LedgerRow *ledger_head(struct gv_turn *t)
{
	const Billing__LedgerRow *row = gv_get(t, &ledger_heads, gv_key(0u));
	Billing__LedgerRow *head = gv_alloc(t, sizeof *head);

	billing__ledger_row__init(head);
	if (row)
		*head = *row;
	if (head->entries && head->hash.len != LEDGER_HASH_SIZE)
		gv_fault(t, "the row of table \"ledger\" is damaged: restore the store from a backup");
	return head;
}

int ledger_put_head(struct gv_turn *t, const Billing__LedgerRow *head)
{
	return gv_put(t, &ledger_heads, gv_key(0u), head);
}

const Billing__EntryRow *ledger_entry(struct gv_turn *t, uint64_t seq)
{
	return seq ? gv_get(t, &ledger_entries, gv_key(seq)) : NULL;
}

Billing__Entry *ledger_entry_message(struct gv_turn *t, uint64_t seq, const Billing__EntryRow *row)
{
	Billing__Entry *e = gv_alloc(t, sizeof *e);
	Billing__Transfer *x = gv_alloc(t, sizeof *x);

	billing__entry__init(e);
	billing__transfer__init(x);
	x->id = row->id;
	x->kind = row->kind;
	x->debit = row->debit;
	x->credit = row->credit;
	x->amount = row->amount;
	x->currency = row->currency;
	x->pending = row->pending;
	x->expires_at_ms = row->expires_at_ms;
	x->order = row->order;
	x->reason = row->reason;
	e->seq = seq;
	e->at_ms = row->at_ms;
	e->transfer = x;
	e->hash = row->hash;
	e->last_of_chain = row->last_of_chain;
	e->expiry = row->expiry;
	return e;
}

Billing__Account *ledger_account_message(struct gv_turn *t, const char *id, const char *currency,
					 const Billing__AccountRow *row)
{
	Billing__Account *a = gv_alloc(t, sizeof *a);

	billing__account__init(a);
	a->id = gv_strdup(t, id);
	a->currency = gv_strdup(t, currency);
	if (!row)
		return a;
	a->debits_pending = row->debits_pending;
	a->debits_posted = row->debits_posted;
	a->credits_pending = row->credits_pending;
	a->credits_posted = row->credits_posted;
	a->available = ledger_is_limited(id) ? ledger_row_available(row) : 0;
	return a;
}

/* ---- balances -------------------------------------------------------------------------------- */

bool ledger_is_limited(const char *account)
{
	static const char *const kinds[] = { "wallet:", "card:", "deposit:" };

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (!strncmp(account, kinds[i], strlen(kinds[i])))
			return true;
	return false;
}

/* { what was pending, what was posted } */
static void amounts(const Billing__EntryRow *row, int64_t held, int64_t *ret_pending, int64_t *ret_posted)
{
	*ret_pending = row->kind == BILLING__TRANSFER_KIND__TRANSFER_KIND_PENDING ? row->amount : -held;
	*ret_posted = row->kind == BILLING__TRANSFER_KIND__TRANSFER_KIND_POSTED ||
				      row->kind == BILLING__TRANSFER_KIND__TRANSFER_KIND_POST_PENDING
			      ? row->amount
			      : 0;
}

struct ledger_delta ledger_debit_delta(const Billing__EntryRow *row, int64_t held)
{
	struct ledger_delta d = { 0 };

	amounts(row, held, &d.debits_pending, &d.debits_posted);
	return d;
}

struct ledger_delta ledger_credit_delta(const Billing__EntryRow *row, int64_t held)
{
	struct ledger_delta d = { 0 };

	amounts(row, held, &d.credits_pending, &d.credits_posted);
	return d;
}

static bool add(int64_t a, int64_t b, int64_t *ret)
{
	return !__builtin_add_overflow(a, b, ret) && *ret >= 0;
}

int ledger_move(Billing__AccountRow *row, const struct ledger_delta *d)
{
	int64_t debits_pending, debits_posted, credits_pending, credits_posted, sum;

	if (!add(row->debits_pending, d->debits_pending, &debits_pending) ||
	    !add(row->debits_posted, d->debits_posted, &debits_posted) ||
	    !add(row->credits_pending, d->credits_pending, &credits_pending) ||
	    !add(row->credits_posted, d->credits_posted, &credits_posted) ||
	    !add(debits_pending, debits_posted, &sum) || !add(credits_pending, credits_posted, &sum))
		return -EOVERFLOW;
	row->debits_pending = debits_pending;
	row->debits_posted = debits_posted;
	row->credits_pending = credits_pending;
	row->credits_posted = credits_posted;
	return 0;
}

/* ---- the hash -------------------------------------------------------------------------------- */

#define CANONICAL_MAX 1024

struct canonical {
	uint8_t bytes[CANONICAL_MAX];
	size_t size;
};

static void put_integer(struct canonical *c, uint64_t value)
{
	for (int i = 7; i >= 0 && c->size < CANONICAL_MAX; i--)
		c->bytes[c->size++] = (uint8_t)(value >> 8 * i);
}

/* A text that is too long for a sound line gets a length that no sound line has. */
static void put_text(struct canonical *c, const char *text)
{
	size_t size = strnlen(text, LEDGER_ID_MAX + 1);

	if (size > LEDGER_ID_MAX) {
		c->bytes[c->size++] = 0xff;
		c->bytes[c->size++] = 0xff;
		return;
	}
	c->bytes[c->size++] = (uint8_t)(size >> 8);
	c->bytes[c->size++] = (uint8_t)size;
	memcpy(c->bytes + c->size, text, size);
	c->size += size;
}

_Static_assert(LEDGER_HASH_SIZE + 5 * 8 + 7 * (2 + LEDGER_ID_MAX) <= CANONICAL_MAX, "a line fits");

int ledger_hasher_init(struct ledger_hasher *h)
{
	h->md = EVP_MD_fetch(NULL, "SHA256", NULL);
	h->context = EVP_MD_CTX_new();
	return h->md && h->context ? 0 : -ENOMEM;
}

void ledger_hasher_fini(struct ledger_hasher *h)
{
	EVP_MD_CTX_free(h->context);
	EVP_MD_free(h->md);
	*h = (struct ledger_hasher){ 0 };
}

static int digest(struct ledger_hasher *h, const struct canonical *c, uint8_t ret[static LEDGER_HASH_SIZE])
{
	if (!EVP_DigestInit_ex2(h->context, h->md, NULL) || !EVP_DigestUpdate(h->context, c->bytes, c->size) ||
	    !EVP_DigestFinal_ex(h->context, ret, NULL))
		return -ENOMEM;
	return 0;
}

int ledger_hash(struct ledger_hasher *h, const uint8_t *before, uint64_t seq, const Billing__EntryRow *row,
		uint8_t ret[static LEDGER_HASH_SIZE])
{
	struct canonical c;
	unsigned flags = (row->last_of_chain ? 1u : 0u) | (row->expiry ? 2u : 0u);

	memset(c.bytes, 0, LEDGER_HASH_SIZE);
	if (before)
		memcpy(c.bytes, before, LEDGER_HASH_SIZE);
	c.size = LEDGER_HASH_SIZE;
	put_integer(&c, seq);
	put_integer(&c, (uint64_t)row->at_ms);
	put_integer(&c, (uint64_t)row->kind << 8 | flags);
	put_integer(&c, (uint64_t)row->amount);
	put_integer(&c, (uint64_t)row->expires_at_ms);
	put_text(&c, row->id);
	put_text(&c, row->debit);
	put_text(&c, row->credit);
	put_text(&c, row->currency);
	put_text(&c, row->pending);
	put_text(&c, row->order);
	put_text(&c, row->reason);
	return digest(h, &c, ret);
}

/* ---- beside the store ------------------------------------------------------------------------ */

int ledger_start(struct billing *b, struct gv_turn *t)
{
	b->ledger = calloc(1, sizeof *b->ledger);
	if (!b->ledger || ledger_hasher_init(&b->ledger->hasher) < 0)
		return gv_fault(t, "no memory for the ledger, or libcrypto has no SHA-256");
	return 0;
}

void ledger_stop(struct billing *b)
{
	if (!b->ledger)
		return;
	ledger_verify_stop(b->ledger);
	ledger_hasher_fini(&b->ledger->hasher);
	free(b->ledger);
	b->ledger = NULL;
}

int ledger_add_check(struct billing *b, const struct ledger_check *check)
{
	if (b->ledger->n_checks == LEDGER_CHECKS_MAX)
		return -ENOSPC;
	b->ledger->checks[b->ledger->n_checks++] = check;
	return 0;
}
