/* The books once more, from the log alone: what Verify replays and compares. Kept outside the store, as a run takes
 * many turns; it is made of what was read, so nothing is lost with it but time. */
#ifndef BILLING_LEDGER_AUDIT_H
#define BILLING_LEDGER_AUDIT_H

#include "ledger_rows.h"

#include <plugins/billing/map.h>

#define LEDGER_PROBLEMS_MAX 100 /* that are told; beyond: the run ends */

struct audit_account {
	struct billing_item item; /* id, currency */
	Billing__AccountRow row;
	bool seen;
};
struct audit_order_hold {
	struct billing_item item; /* order, debit account */
	uint64_t seq;             /* of its live hold */
};
struct audit_hold {
	struct billing_item item; /* id of the transfer */
	uint64_t seq;
	int64_t amount;
	struct audit_order_hold *order; /* NULL: of none */
};

struct ledger_audit {
	struct ledger_hasher *hasher;
	struct billing_map accounts, holds, order_holds;
	uint64_t entries; /* replayed so far */
	uint8_t hash[LEDGER_HASH_SIZE];
	char *problems[LEDGER_PROBLEMS_MAX];
	size_t n_problems;
	bool no_memory;
	bool skipped; /* the line before: its hash is not known */
};

void audit_init(struct ledger_audit *a, struct ledger_hasher *hasher);
void audit_fini(struct ledger_audit *a);
static inline bool audit_is_full(const struct ledger_audit *a)
{
	return a->n_problems == LEDGER_PROBLEMS_MAX || a->no_memory;
}
/* The log's next line. */
void audit_replay(struct ledger_audit *a, uint64_t seq, const Billing__EntryRow *row);
/* The log's next line cannot be read. */
void audit_skip(struct ledger_audit *a);
/* A stored account against the replayed one. Both must be as of the same line. */
void audit_compare(struct ledger_audit *a, const char *id, const char *currency, const Billing__AccountRow *stored);
/* I1: in each currency, over all accounts, debits are credits. */
void audit_balance(struct ledger_audit *a);
/* The accounts that no audit_compare has seen: calls it with what `stored` gives for each. */
void audit_compare_rest(struct ledger_audit *a, struct gv_turn *t);

#endif
