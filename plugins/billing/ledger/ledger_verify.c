/* Verify: the whole log is read again, hash by hash, and what it says is held against what the store says. A part a
 * turn, so that nobody waits for it; meanwhile lines are added, and before anything is compared the replay catches up
 * with them, so that what is compared is of one moment. */
#include "ledger_audit.h"
#include "ledger_methods.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES_A_TURN 4000
#define ACCOUNTS_A_TURN 4000
#define WAITERS_MAX 16
#define DEAD_MS 60000 /* a verification that has not moved for so long has failed, and another begins */

enum phase { REPLAYING, ACCOUNTS, CHECKS, DONE };

struct ledger_verification {
	struct ledger_audit audit;
	enum phase phase;
	struct {
		char id[LEDGER_ID_MAX + 1], currency[8];
	} account; /* compared last; empty: none yet */
	size_t check;
	char place[LEDGER_PLACE_MAX]; /* of that check */
	int64_t moved_at_ms;
	uint64_t parts;                                     /* begun */
	enum { NOTHING, LINE, ID, ACCOUNT, CHECK } reading; /* what was being read when a part failed */
};

void ledger_verify_stop(struct ledger *l)
{
	if (l->verification)
		audit_fini(&l->verification->audit);
	free(l->verification);
	l->verification = NULL;
}

/* ---- a part ---------------------------------------------------------------------------------- */

/* What must lead to the line leads to it. */
static void check_index(struct ledger_audit *a, struct gv_turn *t, uint64_t seq, const Billing__EntryRow *row)
{
	const Billing__TransferRow *known = row->expiry ? NULL : gv_get(t, &ledger_transfers, gv_key(row->id));

	if (!row->expiry && (!known || known->entry != seq))
		ledger_problem(a, "line %llu (%s): its id is not known to be used, and could be booked again",
			       (unsigned long long)seq, row->id);
}

/* True when the log has no more lines. */
static bool replay(struct ledger_verification *v, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &ledger_entries };
	size_t n = 0;

	if (v->audit.entries)
		scan.after = gv_key(v->audit.entries);
	v->reading = LINE;
	for (; n < LINES_A_TURN && !audit_is_full(&v->audit) && gv_next(t, &scan); n++) {
		uint64_t seq = scan.key.part[0].u;

		audit_replay(&v->audit, seq, scan.row);
		v->reading = ID;
		check_index(&v->audit, t, seq, scan.row);
		v->reading = LINE;
	}
	return n < LINES_A_TURN;
}

static void compare_head(struct ledger_verification *v, struct gv_turn *t)
{
	const Billing__LedgerRow *head = ledger_head(t);
	bool same = !head->entries || !memcmp(head->hash.data, v->audit.hash, LEDGER_HASH_SIZE);

	if (head->entries != v->audit.entries || !same)
		ledger_problem(&v->audit, "the log ends with line %llu, and should end with line %llu and its hash",
			       (unsigned long long)v->audit.entries, (unsigned long long)head->entries);
}

/* True when all accounts have been compared. */
static bool compare_accounts(struct ledger_verification *v, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &ledger_accounts };

	v->reading = ACCOUNT;
	if (*v->account.id)
		scan.after = gv_key(v->account.id, v->account.currency);
	for (size_t n = 0; !audit_is_full(&v->audit); n++) {
		if (n == ACCOUNTS_A_TURN)
			return false;
		if (!gv_next(t, &scan))
			break;
		audit_compare(&v->audit, scan.key.part[0].s, scan.key.part[1].s, scan.row);
		snprintf(v->account.id, sizeof v->account.id, "%s", scan.key.part[0].s);
		snprintf(v->account.currency, sizeof v->account.currency, "%s", scan.key.part[1].s);
	}
	audit_compare_rest(&v->audit, t);
	audit_balance(&v->audit);
	return true;
}

/* True when all checks have been through. */
static bool check_more(struct ledger_verification *v, struct billing *b, struct gv_turn *t)
{
	const struct ledger *l = b->ledger;

	if (v->check == l->n_checks)
		return true;
	if (!l->checks[v->check]->part(b, t, &v->audit, v->place)) {
		v->check++;
		*v->place = 0;
	}
	return v->check == l->n_checks;
}

/* The part before has failed: a row cannot be read, the one after those that could be. */
static void step_over(struct ledger_verification *v, const struct ledger *l)
{
	unsigned long long line = v->audit.entries;

	switch (v->reading) {
	case LINE:
		ledger_problem(&v->audit, "line %llu: its row cannot be read", line + 1);
		audit_skip(&v->audit);
		break;
	case ID:
		ledger_problem(&v->audit, "line %llu: the row of its id cannot be read", line);
		break;
	case ACCOUNT:
		ledger_problem(&v->audit, "an account behind %s cannot be read; those behind it were not compared",
			       *v->account.id ? v->account.id : "the first");
		v->phase = DONE;
		break;
	case CHECK:
		ledger_problem(&v->audit, "%s: a row that it looks at cannot be read", l->checks[v->check]->name);
		*v->place = 0;
		v->phase = ++v->check == l->n_checks ? DONE : CHECKS;
		break;
	case NOTHING:
		break;
	}
}

static void go_on(struct ledger_verification *v, struct billing *b, struct gv_turn *t)
{
	bool level = replay(v, t);

	if (audit_is_full(&v->audit)) {
		v->phase = DONE;
	} else if (level && v->phase == REPLAYING) {
		compare_head(v, t);
		v->phase = ACCOUNTS;
	} else if (level && v->phase == ACCOUNTS) {
		v->phase = compare_accounts(v, t) ? CHECKS : ACCOUNTS;
	} else if (level && v->phase == CHECKS) {
		v->reading = CHECK;
		v->phase = check_more(v, b, t) ? DONE : CHECKS;
	}
	v->moved_at_ms = gv_now_ms(t);
}

/* ---- the run --------------------------------------------------------------------------------- */

static void answer(const struct ledger_verification *v, struct gv_turn *t, const Billing__VerifyRow *waiting)
{
	Billing__VerifyReply reply = BILLING__VERIFY_REPLY__INIT;

	reply.sound = v->audit.n_problems == 0;
	reply.entries = v->audit.entries;
	reply.n_problems = v->audit.n_problems;
	reply.problems = (char **)v->audit.problems;
	reply.hash = (ProtobufCBinaryData){ v->audit.entries ? LEDGER_HASH_SIZE : 0, (uint8_t *)v->audit.hash };
	for (size_t i = 0; i < waiting->n_waiters; i++) {
		struct gv_ticket to = { waiting->waiters[i]->call, waiting->waiters[i]->caller };

		if (v->audit.no_memory)
			gv_refuse(t, to, GV_RESOURCE_EXHAUSTED, "no memory to replay the ledger: give the node more");
		else
			gv_reply(t, to, &reply);
	}
}

int ledger_verify_on(struct billing *b, struct gv_turn *t)
{
	Billing__VerifyRow *row = gv_edit(t, &ledger_verifications, gv_key(0u));
	struct ledger_verification *v = b->ledger->verification;

	if (!row->n_waiters)
		return gv_delete(t, &ledger_verifications, gv_key(0u));
	if (!v) { /* it begins, or the plugin has started anew */
		v = b->ledger->verification = calloc(1, sizeof *v);
		if (!v)
			return gv_fault(t, "no memory to replay the ledger");
		audit_init(&v->audit, &b->ledger->hasher);
	}
	if (v->parts == ++row->parts)
		step_over(v, b->ledger);
	v->parts = row->parts;
	if (v->phase != DONE)
		go_on(v, b, t);
	if (v->phase != DONE)
		return gv_timer(t, LEDGER_VERIFY_TIMER, gv_now_ms(t), NULL);
	answer(v, t, row);
	ledger_verify_stop(b->ledger);
	return gv_delete(t, &ledger_verifications, gv_key(0u));
}

int ledger_verify(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	struct billing *b = self;
	struct ledger_verification *v = b->ledger->verification;
	Billing__VerifyRow *row = gv_edit(t, &ledger_verifications, gv_key(0u));
	Billing__VerifyRow__Waiter *waiter = gv_alloc(t, sizeof *waiter);

	if (v && gv_now_ms(t) - v->moved_at_ms > DEAD_MS) {
		ledger_verify_stop(b->ledger);
		row->n_waiters = 0;
	}
	if (row->n_waiters == WAITERS_MAX)
		return gv_refuse(t, to, GV_RESOURCE_EXHAUSTED,
				 "%d callers wait for the verification that is under way: ask again later",
				 WAITERS_MAX);
	billing__verify_row__waiter__init(waiter);
	waiter->call = to.call;
	waiter->caller = to.caller;
	*GV_APPEND(t, row->waiters, row->n_waiters) = waiter;
	return gv_timer(t, LEDGER_VERIFY_TIMER, gv_now_ms(t), NULL);
}
