/* A chain in hand: what it touches, read once, and the lines that it would add. ledger_check.c makes it, ledger.c
 * writes it. */
#ifndef BILLING_LEDGER_CHAIN_H
#define BILLING_LEDGER_CHAIN_H

#include "ledger_names.h"
#include "ledger_rows.h"

struct account {
	const char *id, *currency;
	Billing__AccountRow row;
	bool had_money; /* before this chain */
};

/* A transfer that the chain names: one of its own, or one that it resolves. */
struct known {
	const Billing__EntryRow *row; /* NULL: there is none */
	uint64_t seq;                 /* 0: of this chain */
	Billing__PendingState state;
	bool refused, changed;
	const char *id;
};

struct order {
	const char *id;
	uint64_t last_entry;
};

/* A new line of the log. */
struct line {
	Billing__EntryRow row;
	struct account *debit, *credit;
	struct known *self, *resolves;
	struct line *next;
};

struct chain {
	struct billing *b;
	struct gv_turn *t;
	struct ledger_names accounts, knowns, orders;
	struct line *lines, **last_line;
	const char *sound_currency; /* checked last */
	uint32_t existing;
	struct ledger_error error;
};

void chain_init(struct chain *c, struct billing *b, struct gv_turn *t, size_t n);
/* All of it. -EINVAL with c->error filled: it may not be booked. */
int chain_check(struct chain *c, const Billing__Transfer *const *chain, size_t n);
/* The end of a hold whose time has come. */
void chain_expire(struct chain *c, const char *id);
/* What the chain knows of an order; read when first asked for. */
struct order *chain_order(struct chain *c, const char *id);

#endif
