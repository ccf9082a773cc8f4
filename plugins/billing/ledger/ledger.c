/* Booking: what a chain that may stand writes, and what callers read. */
#include "ledger_chain.h"

#include <stdlib.h>

const char *ledger_refusal_name(enum ledger_refusal refusal)
{
	static const char *const names[] = {
		[LEDGER_OK] = "ok",
		[LEDGER_EXISTS_DIFFERENT] = "exists-different",
		[LEDGER_EXCEEDS_BALANCE] = "exceeds-balance",
		[LEDGER_EXCEEDS_PENDING] = "exceeds-pending",
		[LEDGER_PENDING_NOT_FOUND] = "pending-not-found",
		[LEDGER_ALREADY_POSTED] = "already-posted",
		[LEDGER_ALREADY_VOIDED] = "already-voided",
		[LEDGER_EXPIRED] = "expired",
		[LEDGER_OVERFLOW] = "overflow",
		[LEDGER_INVALID] = "invalid",
		[LEDGER_FAILED_BEFORE] = "failed-before",
	};

	return (size_t)refusal < sizeof names / sizeof *names ? names[refusal] : "unknown";
}

/* ---- writing --------------------------------------------------------------------------------- */

/* The log's next line, behind `head`, which moves on. */
static void write_line(struct chain *c, struct line *l, Billing__LedgerRow *head, uint8_t hash[static LEDGER_HASH_SIZE])
{
	uint64_t seq = ++head->entries;
	Billing__EntryRow *row = &l->row;

	row->last_of_chain = !l->next || row->expiry;
	row->debit_before = l->debit->row.last_entry;
	row->credit_before = l->credit->row.last_entry;
	l->debit->row.last_entry = l->credit->row.last_entry = seq;
	if (*row->order) {
		struct order *o = chain_order(c, row->order);

		row->order_before = o->last_entry;
		o->last_entry = seq;
	}
	if (ledger_hash(&c->b->ledger->hasher, head->hash.data, seq, row, hash) < 0)
		gv_fault(c->t, "libcrypto cannot compute a SHA-256");
	head->hash = (ProtobufCBinaryData){ LEDGER_HASH_SIZE, hash };
	row->hash = head->hash;
	gv_put(c->t, &ledger_entries, gv_key(seq), row);
	if (l->self)
		l->self->seq = seq;
}

/* Its place among those that expire. A pending one of this chain has its seq by now. */
static void write_expiry(struct chain *c, const struct line *l)
{
	const struct known *k = l->resolves ? l->resolves : l->self;
	Billing__ExpiryRow row = BILLING__EXPIRY_ROW__INIT;

	if (!k->row->expires_at_ms)
		return;
	row.id = (char *)k->id;
	if (l->resolves)
		gv_delete(c->t, &ledger_expiries, gv_key(k->row->expires_at_ms, k->seq));
	else
		gv_put(c->t, &ledger_expiries, gv_key(k->row->expires_at_ms, k->seq), &row);
}

/* A long chain is written in the order of keys: neighbours share their pages. */
static int by_name(const void *a, const void *b)
{
	const struct ledger_name *x = a, *y = b;
	int order = strcmp(x->a, y->a);

	return order ? order : strcmp(x->b, y->b);
}

/* Moves the names that there are to the front; the map is done with. */
static size_t sort_names(struct ledger_names *names)
{
	size_t n = 0;

	for (size_t i = 0; i <= names->mask; i++)
		if (names->slots[i].a)
			names->slots[n++] = names->slots[i];
	qsort(names->slots, n, sizeof *names->slots, by_name);
	return n;
}

static void write_names(struct chain *c)
{
	size_t n_knowns = sort_names(&c->knowns), n_orders = sort_names(&c->orders);

	for (size_t i = 0; i < n_knowns; i++) {
		const struct known *k = c->knowns.slots[i].item;
		Billing__TransferRow row = BILLING__TRANSFER_ROW__INIT;

		row.entry = k->seq;
		row.state = k->state;
		if (k->changed)
			gv_put(c->t, &ledger_transfers, gv_key(k->id), &row);
	}
	for (size_t i = 0; i < n_orders; i++) {
		const struct order *o = c->orders.slots[i].item;
		Billing__EntryOrderRow row = BILLING__ENTRY_ORDER_ROW__INIT;

		row.last_entry = o->last_entry;
		gv_put(c->t, &ledger_orders, gv_key(o->id), &row);
	}
}

static void write_accounts(struct chain *c)
{
	size_t n = sort_names(&c->accounts);

	for (size_t i = 0; i < n; i++) {
		const struct account *a = c->accounts.slots[i].item;

		gv_put(c->t, &ledger_accounts, gv_key(a->id, a->currency), &a->row);
	}
	for (size_t i = 0; i < n && c->b->account_changed; i++) {
		const struct account *a = c->accounts.slots[i].item;

		if (a->had_money != (ledger_row_available(&a->row) > 0) &&
		    (!strncmp(a->id, "wallet:", 7) || !strncmp(a->id, "card:", 5)))
			c->b->account_changed(c->b, c->t, a->id);
	}
}

static void write_chain(struct chain *c)
{
	Billing__LedgerRow *head = ledger_head(c->t);
	uint8_t *hashes = gv_alloc(c->t, 2 * LEDGER_HASH_SIZE);
	int64_t timer_ms = head->timer_ms;

	for (struct line *l = c->lines; l; l = l->next) {
		write_line(c, l, head, hashes + head->entries % 2 * LEDGER_HASH_SIZE);
		write_expiry(c, l);
		if (l->row.expires_at_ms && (!timer_ms || l->row.expires_at_ms < timer_ms))
			timer_ms = l->row.expires_at_ms;
	}
	if (timer_ms != head->timer_ms)
		gv_timer(c->t, LEDGER_EXPIRY_TIMER, timer_ms, NULL); /* one for the earliest, not one for each */
	head->timer_ms = timer_ms;
	ledger_put_head(c->t, head);
	write_names(c);
	write_accounts(c);
}

/* A retry must never flip from refused to booked. */
static void remember_refusal(struct gv_turn *t, const char *id)
{
	Billing__TransferRow row = BILLING__TRANSFER_ROW__INIT;

	gv_put(t, &ledger_transfers, gv_key(id), &row);
}

int ledger_book(struct billing *b, struct gv_turn *t, const Billing__Transfer *const *chain, size_t n,
		struct ledger_error *ret_error)
{
	struct ledger_booked booked;

	return ledger_book_counted(b, t, chain, n, &booked, ret_error);
}

int ledger_book_counted(struct billing *b, struct gv_turn *t, const Billing__Transfer *const *chain, size_t n,
			struct ledger_booked *ret, struct ledger_error *ret_error)
{
	struct chain c;

	chain_init(&c, b, t, n);
	if (chain_check(&c, chain, n) < 0) {
		if (c.error.refusal == LEDGER_EXCEEDS_BALANCE)
			remember_refusal(t, chain[c.error.at]->id);
		if (ret_error)
			*ret_error = c.error;
		return LEDGER_REFUSED;
	}
	if (c.lines)
		write_chain(&c);
	ret->first_seq = c.lines ? c.lines->self->seq : 0;
	ret->existing = c.existing;
	return c.lines ? LEDGER_CREATED : LEDGER_EXISTS;
}

void ledger_expire(struct billing *b, struct gv_turn *t, const char *const *ids, size_t n)
{
	struct chain c;

	chain_init(&c, b, t, n);
	for (size_t i = 0; i < n; i++)
		chain_expire(&c, ids[i]);
	if (c.lines)
		write_chain(&c);
}

/* ---- reading --------------------------------------------------------------------------------- */

Billing__Account *ledger_account(struct gv_turn *t, const char *account, const char *currency)
{
	return ledger_account_message(t, account, currency, gv_get(t, &ledger_accounts, gv_key(account, currency)));
}

int64_t ledger_available(struct gv_turn *t, const char *account, const char *currency)
{
	return ledger_account(t, account, currency)->available;
}

int64_t ledger_held(struct gv_turn *t, const char *pending)
{
	const Billing__TransferRow *row = gv_get(t, &ledger_transfers, gv_key(pending));
	const Billing__EntryRow *entry = row ? ledger_entry(t, row->entry) : NULL;

	if (!entry || entry->kind != BILLING__TRANSFER_KIND__TRANSFER_KIND_PENDING ||
	    row->state != BILLING__PENDING_STATE__PENDING_STATE_HELD)
		return 0;
	return entry->amount;
}

const Billing__Entry *ledger_of_order(struct gv_turn *t, const char *id, struct ledger_walk *walk)
{
	const Billing__EntryOrderRow *head = walk->begun ? NULL : gv_get(t, &ledger_orders, gv_key(id));
	uint64_t seq = walk->begun ? walk->next : head ? head->last_entry : 0;
	const Billing__EntryRow *row = ledger_entry(t, seq);

	walk->begun = true;
	walk->next = row ? row->order_before : 0;
	return row ? ledger_entry_message(t, seq, row) : NULL;
}
