/* The ledger: double entry over accounts that come into being when first used. Append only, hash-chained; a transfer's
 * id is for ever. All of it happens in the caller's turn, so a transfer and what it is for are one transaction. */
#ifndef BILLING_LEDGER_H
#define BILLING_LEDGER_H

#include <plugins/billing/billing.h>

#define LEDGER_ID_MAX 120     /* bytes, of transfers and accounts */
#define LEDGER_CHAIN_MAX 8190 /* transfers */

enum ledger_result {
	LEDGER_CREATED,
	LEDGER_EXISTS,  /* with the same fields: as good as created */
	LEDGER_REFUSED, /* nothing of the chain was booked */
};

enum ledger_refusal {
	LEDGER_OK,
	LEDGER_EXISTS_DIFFERENT, /* the id was used for something else */
	LEDGER_EXCEEDS_BALANCE,  /* an account that holds people's money would go below zero */
	LEDGER_EXCEEDS_PENDING,  /* more than was held */
	LEDGER_PENDING_NOT_FOUND,
	LEDGER_ALREADY_POSTED,
	LEDGER_ALREADY_VOIDED,
	LEDGER_EXPIRED,
	LEDGER_OVERFLOW,
	LEDGER_INVALID,       /* an empty id, the same account twice, a negative amount, no such currency */
	LEDGER_FAILED_BEFORE, /* this id was refused once, and stays so */
};
const char *ledger_refusal_name(enum ledger_refusal refusal); /* "exceeds-balance" */

struct ledger_error {
	size_t at; /* which of the chain */
	enum ledger_refusal refusal;
	char text[200]; /* for people */
};

/* Books a chain: all of it or nothing. Those of it that exist with the same fields count as booked. A transfer that
 * resolves a pending one may leave debit, credit, currency and order empty: they are the pending one's. A post moves
 * `amount`, which may be 0, and releases the rest; a void releases all and has no amount. A retry must have the same
 * expires_at_ms too: derive it from something kept, not from the time of the retry. What was refused for its balance is
 * remembered by id: a retry never flips from refused to booked. `chain[i]`'s fields are those of ledger.proto. Returns
 * an enum ledger_result; ret_error, where not NULL, is filled on LEDGER_REFUSED. */
int ledger_book(struct billing *b, struct gv_turn *t, const Billing__Transfer *const *chain, size_t n,
		struct ledger_error *ret_error);
/* What can be taken out of an account of people's money; 0 where there is none. */
int64_t ledger_available(struct gv_turn *t, const char *account, const char *currency);
/* The account as it stands, in the turn's memory; zeros where nothing was ever booked on it. */
Billing__Account *ledger_account(struct gv_turn *t, const char *account, const char *currency);
/* What a pending transfer still holds: 0 where there is none, or it is resolved. */
int64_t ledger_held(struct gv_turn *t, const char *pending);

/* The lines of an order, newest first: begins with a zeroed walk; NULL: no more. In the turn's memory. */
struct ledger_walk {
	uint64_t next;
	bool begun;
};
const Billing__Entry *ledger_of_order(struct gv_turn *t, const char *order, struct ledger_walk *walk);

/* ---- more that Verify checks, of orders, charges and payments -------------------------------- */

struct ledger_audit;

#define LEDGER_PLACE_MAX 1024 /* bytes, with the zero byte */
#define LEDGER_CHECKS_MAX 8
#define LEDGER_CHECK_ROWS 5000 /* about so many a part: other messages wait meanwhile */

struct ledger_check {
	const char *name; /* "I5" */
	/* Looks at a part of its rows, from `place` on ("" at first; gv_page of a scan will do), and sets it to where
	 * the next part begins. False: there is no more. What does not hold is told by ledger_problem. Must not write.
	 * Lines and rows may have been added since the part before. */
	bool (*part)(struct billing *b, struct gv_turn *t, struct ledger_audit *audit, char place[LEDGER_PLACE_MAX]);
};
/* From start. `check` must live as long as the plugin. -ENOSPC: there are LEDGER_CHECKS_MAX. */
int ledger_add_check(struct billing *b, const struct ledger_check *check);
/* One sentence, with the line, order or account that is wrong. */
void ledger_problem(struct ledger_audit *audit, const char *fmt, ...) GV_PRINTF(2, 3);

/* Timers whose name begins with "ledger:". */
int ledger_due(struct billing *b, struct gv_turn *t, const char *name);

int ledger_start(struct billing *b, struct gv_turn *t);
void ledger_stop(struct billing *b);

#endif
