/* What the ledger's files share: its tables, and the log's lines. */
#ifndef BILLING_LEDGER_ROWS_H
#define BILLING_LEDGER_ROWS_H

#include "ledger.h"

#include <openssl/evp.h>

#define LEDGER_HASH_SIZE 32 /* SHA-256 */
#define LEDGER_ORDER_MAX 80 /* bytes */
#define LEDGER_REASON_MAX 40
#define LEDGER_EXPIRY_TIMER "ledger:expiry"
#define LEDGER_VERIFY_TIMER "ledger:verify"

extern const struct gv_table ledger_accounts, ledger_transfers, ledger_entries, ledger_orders, ledger_expiries,
	ledger_heads, ledger_verifications;

/* The one row of `ledger`, in the turn's memory, to change and put back with ledger_put_head. */
Billing__LedgerRow *ledger_head(struct gv_turn *t);
int ledger_put_head(struct gv_turn *t, const Billing__LedgerRow *head);
const Billing__EntryRow *ledger_entry(struct gv_turn *t, uint64_t seq);
/* The line as callers see it; its strings are the row's. */
Billing__Entry *ledger_entry_message(struct gv_turn *t, uint64_t seq, const Billing__EntryRow *row);
Billing__Account *ledger_account_message(struct gv_turn *t, const char *id, const char *currency,
					 const Billing__AccountRow *row);

struct ledger_booked {
	uint64_t first_seq; /* of the new lines; 0: there are none */
	uint32_t existing;  /* transfers that were there already, with the same fields */
};
/* ledger_book, which also tells what it did; *ret is untouched where the chain is refused. */
int ledger_book_counted(struct billing *b, struct gv_turn *t, const Billing__Transfer *const *chain, size_t n,
			struct ledger_booked *ret, struct ledger_error *ret_error);

/* Ends pending transfers whose time has come; each is a line by itself. */
void ledger_expire(struct billing *b, struct gv_turn *t, const char *const *ids, size_t n);

/* Whether the account holds people's money and may not go below zero: "wallet:", "card:", "deposit:". */
bool ledger_is_limited(const char *account);
static inline bool ledger_resolves(Billing__TransferKind kind)
{
	return kind == BILLING__TRANSFER_KIND__TRANSFER_KIND_POST_PENDING ||
	       kind == BILLING__TRANSFER_KIND__TRANSFER_KIND_VOID_PENDING;
}

/* How the four balances of an account change. */
struct ledger_delta {
	int64_t debits_pending, debits_posted, credits_pending, credits_posted;
};
/* What a line moves on its debit and its credit account. `held`: what the transfer that it resolves holds, else 0. */
struct ledger_delta ledger_debit_delta(const Billing__EntryRow *row, int64_t held);
struct ledger_delta ledger_credit_delta(const Billing__EntryRow *row, int64_t held);
/* Adds it. -EOVERFLOW: a balance, or the sum of an account's debits or of its credits, leaves 0 .. 2^63 - 1; the row
 * is then unchanged. */
int ledger_move(Billing__AccountRow *row, const struct ledger_delta *delta);
static inline int64_t ledger_row_available(const Billing__AccountRow *row)
{
	return row->credits_posted - row->debits_posted - row->debits_pending;
}

/* What hashing needs, fetched once. */
struct ledger_hasher {
	EVP_MD *md;
	EVP_MD_CTX *context;
};
int ledger_hasher_init(struct ledger_hasher *h); /* -ENOMEM */
void ledger_hasher_fini(struct ledger_hasher *h);
/* The hash of a line: SHA-256 over the hash before it and the line's fields, each integer as 8 bytes, big endian, each
 * string behind its length in 2 bytes, in a fixed order (docs/adr/0009-ledger.md). `before` has LEDGER_HASH_SIZE bytes;
 * NULL stands for zeros. */
int ledger_hash(struct ledger_hasher *h, const uint8_t *before, uint64_t seq, const Billing__EntryRow *row,
		uint8_t ret[static LEDGER_HASH_SIZE]);

struct ledger_verification;

/* What the plugin keeps for the ledger outside the store. */
struct ledger {
	struct ledger_hasher hasher;
	struct ledger_verification *verification; /* the one under way, or NULL */
	const struct ledger_check *checks[LEDGER_CHECKS_MAX];
	size_t n_checks;
};

/* ledger_verify.c: the next part of a verification. */
int ledger_verify_on(struct billing *b, struct gv_turn *t);
void ledger_verify_stop(struct ledger *l);

#endif
