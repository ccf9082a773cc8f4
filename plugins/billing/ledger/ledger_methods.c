/* What people and programs see of the ledger: accounts, lines of the log, and booking by hand. */
#include "ledger_methods.h"
#include "ledger_rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int ledger_get_account(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const struct billing *b = self;
	const Billing__GetAccountRequest *r = (const void *)m;
	const char *currency = *r->currency ? r->currency : b->config->currency;
	const Billing__AccountRow *row = gv_get(t, &ledger_accounts, gv_key(r->id, currency));
	Billing__GetAccountReply reply = BILLING__GET_ACCOUNT_REPLY__INIT;

	if (!row)
		return gv_refuse(t, to, GV_NOT_FOUND,
				 "id: nothing was ever booked on \"%s\" in %s; ListAccounts shows what there is", r->id,
				 currency);
	reply.account = ledger_account_message(t, r->id, currency, row);
	return gv_reply(t, to, &reply);
}

int ledger_list_accounts(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Billing__ListAccountsRequest *r = (const void *)m;
	Billing__ListAccountsReply reply = BILLING__LIST_ACCOUNTS_REPLY__INIT;
	struct gv_scan scan = { .table = &ledger_accounts };
	size_t prefix = strlen(r->prefix);

	if (prefix > LEDGER_ID_MAX)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "prefix: an account's id has at most %d bytes",
				 LEDGER_ID_MAX);
	if (!*r->page)
		scan.after = prefix ? gv_key(r->prefix, "") : scan.after;
	else if (gv_page_from(t, &scan, r->page) < 0)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "page: \"%s\" is not the next_page of an answer", r->page);
	while (reply.n_accounts < billing_limit(r->limit) && gv_next(t, &scan)) {
		const char *id = scan.key.part[0].s;

		if (strncmp(id, r->prefix, prefix) != 0)
			return gv_reply(t, to, &reply);
		*GV_APPEND(t, reply.accounts, reply.n_accounts) = ledger_account_message(t, id, scan.key.part[1].s,
											 scan.row);
	}
	if (reply.n_accounts == billing_limit(r->limit))
		reply.next_page = gv_page(t, &scan);
	return gv_reply(t, to, &reply);
}

/* ---- lines of the log ------------------------------------------------------------------------ */

/* Which lines: each names the one before it that moved the same account, or belongs to the same order. */
struct wanted {
	const char *account, *order;
};

static bool is_wanted(const struct wanted *w, const Billing__EntryRow *row)
{
	return (!*w->account || !strcmp(row->debit, w->account) || !strcmp(row->credit, w->account)) &&
	       (!*w->order || !strcmp(row->order, w->order));
}

static uint64_t before(const struct wanted *w, uint64_t seq, const Billing__EntryRow *row)
{
	if (*w->order)
		return row->order_before;
	if (*w->account)
		return !strcmp(row->debit, w->account) ? row->debit_before : row->credit_before;
	return seq - 1;
}

#define CHAINS_MAX 200   /* an account has one in each currency */
#define VISITED_MAX 5000 /* lines looked at for one page */

/* Where to go on: the newest line not yet shown of each chain. The greatest comes next. */
struct walk {
	struct wanted wanted;
	uint64_t next[CHAINS_MAX];
	size_t n;
};

static void begin_walk(struct gv_turn *t, struct walk *w)
{
	struct gv_scan scan = { .table = &ledger_accounts, .prefix = gv_key(w->wanted.account) };

	if (*w->wanted.order) {
		const Billing__EntryOrderRow *row = gv_get(t, &ledger_orders, gv_key(w->wanted.order));

		w->next[w->n++] = row ? row->last_entry : 0;
	} else if (*w->wanted.account) {
		while (w->n < CHAINS_MAX && gv_next(t, &scan))
			w->next[w->n++] = ((const Billing__AccountRow *)scan.row)->last_entry;
	} else {
		w->next[w->n++] = ledger_head(t)->entries;
	}
}

/* Its text is the chains' next lines: "2f.11". */
static char *page_of(struct gv_turn *t, const struct walk *w)
{
	char *text = "";

	for (size_t i = 0; i < w->n; i++)
		if (w->next[i])
			text = gv_str(t, "%s%s%llx", text, *text ? "." : "", (unsigned long long)w->next[i]);
	return text;
}

static int resume_walk(struct gv_turn *t, struct walk *w, const char *page)
{
	while (w->n < CHAINS_MAX) {
		const Billing__EntryRow *row;
		char *end;

		w->next[w->n] = strtoull(page, &end, 16);
		row = end != page ? ledger_entry(t, w->next[w->n++]) : NULL;
		if (!row || !is_wanted(&w->wanted, row))
			return -EINVAL;
		if (!*end)
			return 0;
		if (*end != '.')
			return -EINVAL;
		page = end + 1;
	}
	return -EINVAL;
}

static const Billing__EntryRow *walk_on(struct gv_turn *t, struct walk *w, uint64_t *ret_seq)
{
	const Billing__EntryRow *row;
	size_t newest = 0;

	for (size_t i = 1; i < w->n; i++)
		if (w->next[i] > w->next[newest])
			newest = i;
	*ret_seq = w->n ? w->next[newest] : 0;
	row = ledger_entry(t, *ret_seq);
	if (row)
		w->next[newest] = before(&w->wanted, *ret_seq, row);
	return row;
}

int ledger_list_entries(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Billing__ListEntriesRequest *r = (const void *)m;
	Billing__ListEntriesReply reply = BILLING__LIST_ENTRIES_REPLY__INIT;
	struct walk w = { .wanted = { r->account, r->order } };
	const Billing__EntryRow *row;
	uint64_t seq;

	if (strlen(r->account) > LEDGER_ID_MAX || strlen(r->order) > LEDGER_ORDER_MAX)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "account: at most %d bytes; order: at most %d",
				 LEDGER_ID_MAX, LEDGER_ORDER_MAX);
	if (!*r->page)
		begin_walk(t, &w);
	else if (resume_walk(t, &w, r->page) < 0)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT,
				 "page: \"%.80s\" is not the next_page of an answer to this question", r->page);
	for (size_t visited = 0; visited < VISITED_MAX && reply.n_entries < billing_limit(r->limit); visited++) {
		row = walk_on(t, &w, &seq);
		if (!row)
			return gv_reply(t, to, &reply);
		if (is_wanted(&w.wanted, row))
			*GV_APPEND(t, reply.entries, reply.n_entries) = ledger_entry_message(t, seq, row);
	}
	reply.next_page = page_of(t, &w);
	return gv_reply(t, to, &reply);
}

/* ---- booking by hand ------------------------------------------------------------------------- */

static enum gv_code code_of(enum ledger_refusal refusal)
{
	switch (refusal) {
	case LEDGER_EXISTS_DIFFERENT:
		return GV_ALREADY_EXISTS;
	case LEDGER_INVALID:
	case LEDGER_OVERFLOW:
		return GV_INVALID_ARGUMENT;
	case LEDGER_PENDING_NOT_FOUND:
		return GV_NOT_FOUND;
	default:
		return GV_FAILED_PRECONDITION;
	}
}

int ledger_post(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Billing__PostRequest *r = (const void *)m;
	const Billing__Transfer *const *chain = (const Billing__Transfer *const *)r->transfers;
	Billing__PostReply reply = BILLING__POST_REPLY__INIT;
	struct ledger_error error;
	struct ledger_booked booked;

	if (r->n_transfers == 0 || r->n_transfers > LEDGER_CHAIN_MAX)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "transfers: 1 to %d, not %zu", LEDGER_CHAIN_MAX,
				 r->n_transfers);
	/* A refusal, not a failure: a transfer that was refused for its balance stays so. */
	if (ledger_book_counted(self, t, chain, r->n_transfers, &booked, &error) == LEDGER_REFUSED)
		return gv_refuse(t, to, code_of(error.refusal), "transfers[%zu]: %s: %s", error.at,
				 ledger_refusal_name(error.refusal), error.text);
	reply.first_seq = booked.first_seq;
	reply.existing = booked.existing;
	return gv_reply(t, to, &reply);
}
