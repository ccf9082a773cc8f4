/* Random chains against a model that is too simple to be wrong: after each turn both must say the same of each
 * transfer, each account and each hold, and the log must verify. */
#include "ledger_rig.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEDS 2000
#define TURNS 12
#define CHAINS 4 /* a turn, at most */
#define LENGTH 5 /* of a chain, at most */
#define IDS 24
#define ACCOUNTS 6

static const char *const accounts[ACCOUNTS] = { "wallet:A", "wallet:B", "card:1", "bank", "income", "suspense" };
#define LIMITED 3 /* so many of them, from the first on */

struct balance {
	__int128 debits_pending, debits_posted, credits_pending, credits_posted;
};
enum state { UNUSED, BOOKED, REFUSED };
struct fact {
	enum state state;
	int kind, debit, credit, pending; /* indexes; pending -1: none */
	int64_t amount, expires_at_ms;
	bool resolved;
	enum ledger_refusal how; /* if it was resolved */
};
struct model {
	struct balance balances[ACCOUNTS];
	struct fact facts[IDS];
};
struct wish {
	int id, kind, debit, credit, pending;
	int64_t amount, expires_at_ms;
};

static struct host *h;
static struct model model, saved;
static struct wish chains[CHAINS][LENGTH];
static size_t n_chains, lengths[CHAINS];
static int64_t now_ms;
static uint64_t seed;

/* ---- the model ------------------------------------------------------------------------------- */

static int64_t amount_of(const struct wish *w)
{
	return w->kind == 3 ? model.facts[w->pending].amount : w->amount;
}

static enum ledger_refusal expected_of_hold(const struct wish *w)
{
	const struct fact *hold = &model.facts[w->pending];

	if (hold->state != BOOKED || hold->kind != 1)
		return LEDGER_PENDING_NOT_FOUND;
	if (hold->resolved)
		return hold->how;
	if (hold->expires_at_ms && hold->expires_at_ms <= now_ms)
		return LEDGER_EXPIRED;
	return w->kind == 2 && w->amount > hold->amount ? LEDGER_EXCEEDS_PENDING : LEDGER_OK;
}

static enum ledger_refusal apply(const struct wish *w)
{
	struct fact *f = &model.facts[w->id], *hold = w->pending >= 0 ? &model.facts[w->pending] : NULL;
	int debit = hold ? hold->debit : w->debit, credit = hold ? hold->credit : w->credit;
	struct balance *d = &model.balances[debit], *c = &model.balances[credit];
	enum ledger_refusal r = hold ? expected_of_hold(w) : LEDGER_OK;

	if (r != LEDGER_OK)
		return r;
	if (!hold && w->expires_at_ms && w->expires_at_ms <= now_ms)
		return LEDGER_INVALID;
	if (!hold && debit < LIMITED && d->credits_posted - d->debits_posted - d->debits_pending < w->amount)
		return LEDGER_EXCEEDS_BALANCE;
	if (hold) {
		d->debits_pending -= hold->amount;
		c->credits_pending -= hold->amount;
		hold->resolved = true;
		hold->how = w->kind == 2 ? LEDGER_ALREADY_POSTED : LEDGER_ALREADY_VOIDED;
	}
	*(w->kind == 1 ? &d->debits_pending : &d->debits_posted) += w->kind == 3 ? 0 : w->amount;
	*(w->kind == 1 ? &c->credits_pending : &c->credits_posted) += w->kind == 3 ? 0 : w->amount;
	if (d->debits_pending + d->debits_posted > INT64_MAX || c->credits_pending + c->credits_posted > INT64_MAX)
		return LEDGER_OVERFLOW;
	*f = (struct fact){
		BOOKED, w->kind, debit, credit, w->pending, amount_of(w), w->expires_at_ms, false, LEDGER_OK
	};
	return LEDGER_OK;
}

static enum ledger_refusal model_one(const struct wish *w, bool *ret_new)
{
	const struct fact *f = &model.facts[w->id];

	*ret_new = false;
	if (!w->pending || w->pending < 0) {
		if (w->pending < 0 && w->debit == w->credit)
			return LEDGER_INVALID;
	}
	if (f->state == REFUSED)
		return LEDGER_FAILED_BEFORE;
	if (f->state == BOOKED) {
		bool same = f->kind == w->kind && f->pending == w->pending && f->expires_at_ms == w->expires_at_ms &&
			    (w->kind == 3 || f->amount == w->amount) &&
			    (w->pending >= 0 || (f->debit == w->debit && f->credit == w->credit));

		return same ? LEDGER_OK : LEDGER_EXISTS_DIFFERENT;
	}
	*ret_new = true;
	return apply(w);
}

static int model_chain(const struct wish *chain, size_t n, size_t *ret_at, enum ledger_refusal *ret_refusal)
{
	struct model before = model;
	bool any = false, is_new;

	for (size_t i = 0; i < n; i++) {
		*ret_refusal = model_one(&chain[i], &is_new);
		*ret_at = i;
		any |= is_new;
		if (*ret_refusal == LEDGER_OK)
			continue;
		model = before;
		if (*ret_refusal == LEDGER_EXCEEDS_BALANCE)
			model.facts[chain[i].id].state = REFUSED;
		return LEDGER_REFUSED;
	}
	return any ? LEDGER_CREATED : LEDGER_EXISTS;
}

static void model_expire(void)
{
	for (size_t i = 0; i < IDS; i++) {
		struct fact *f = &model.facts[i];

		if (f->state != BOOKED || f->kind != 1 || f->resolved || !f->expires_at_ms || f->expires_at_ms > now_ms)
			continue;
		model.balances[f->debit].debits_pending -= f->amount;
		model.balances[f->credit].credits_pending -= f->amount;
		f->resolved = true;
		f->how = LEDGER_EXPIRED;
	}
}

/* ---- the ledger ------------------------------------------------------------------------------ */

static char *id_of(struct gv_turn *t, int id)
{
	return gv_str(t, "transfer-%d", id);
}

static void make(struct gv_turn *t, const struct wish *w, Billing__Transfer *x)
{
	billing__transfer__init(x);
	x->id = id_of(t, w->id);
	x->kind = (Billing__TransferKind)w->kind;
	x->amount = w->kind == 3 ? 0 : w->amount;
	x->expires_at_ms = w->expires_at_ms;
	if (w->pending >= 0) {
		x->pending = id_of(t, w->pending);
		return;
	}
	x->debit = (char *)accounts[w->debit];
	x->credit = (char *)accounts[w->credit];
	x->currency = (char *)"EUR";
}

static void compare(struct gv_turn *t)
{
	for (size_t i = 0; i < ACCOUNTS; i++) {
		const Billing__Account *a = ledger_account(t, accounts[i], "EUR");
		const struct balance *m = &model.balances[i];

		host_check(h,
			   a->debits_pending == m->debits_pending && a->debits_posted == m->debits_posted &&
				   a->credits_pending == m->credits_pending && a->credits_posted == m->credits_posted,
			   "%s is not as the model has it", accounts[i]);
		host_check(h, a->available >= 0, "I2: %s is below zero", accounts[i]);
	}
	for (int i = 0; i < IDS; i++) {
		const struct fact *f = &model.facts[i];
		int64_t held = f->state == BOOKED && f->kind == 1 && !f->resolved ? f->amount : 0;

		host_check(h, ledger_held(t, id_of(t, i)) == held, "transfer-%d holds %lld, not %lld", i,
			   (long long)ledger_held(t, id_of(t, i)), (long long)held);
	}
}

static void book_chains(struct billing *b, struct gv_turn *t)
{
	now_ms = gv_now_ms(t);
	model_expire();
	saved = model;
	for (size_t i = 0; i < n_chains; i++) {
		Billing__Transfer xs[LENGTH];
		const Billing__Transfer *chain[LENGTH];
		struct ledger_error error = { 0 };
		enum ledger_refusal refusal = LEDGER_OK;
		size_t at = 0;
		int expected = model_chain(chains[i], lengths[i], &at, &refusal), got;

		for (size_t j = 0; j < lengths[i]; j++) {
			make(t, &chains[i][j], &xs[j]);
			chain[j] = &xs[j];
		}
		got = ledger_book(b, t, chain, lengths[i], &error);
		host_check(h, got == expected, "a chain is %d, not %d: %s", got, expected, error.text);
		host_check(h, got != LEDGER_REFUSED || (error.at == at && error.refusal == refusal),
			   "transfer %zu is refused by %s, not %zu by %s: %s", error.at,
			   ledger_refusal_name(error.refusal), at, ledger_refusal_name(refusal), error.text);
	}
	compare(t);
}

static void look(struct billing *b, struct gv_turn *t)
{
	now_ms = gv_now_ms(t);
	model_expire();
	compare(t);
}

/* ---- random chains --------------------------------------------------------------------------- */

static struct wish random_wish(void)
{
	struct wish w = { .id = (int)host_below(h, IDS), .pending = -1, .kind = (int)host_below(h, 4) };

	if (host_below(h, 8) == 0 && model.facts[w.id].state == BOOKED) { /* the same again */
		const struct fact *f = &model.facts[w.id];

		return (struct wish){ w.id, f->kind, f->debit, f->credit, f->pending, f->amount, f->expires_at_ms };
	}
	w.amount = host_below(h, 40) ? host_below(h, 200) : INT64_MAX - host_below(h, 100);
	if (w.kind >= 2) {
		w.pending = (int)host_below(h, IDS);
		if (w.pending == w.id)
			w.pending = (w.id + 1) % IDS;
		return w;
	}
	w.debit = (int)host_below(h, ACCOUNTS);
	w.credit = (int)host_below(h, ACCOUNTS);
	if (w.kind == 1 && host_below(h, 2))
		w.expires_at_ms = host_now_ms(h) + host_below(h, 60000);
	return w;
}

static void random_chains(void)
{
	n_chains = 1 + host_below(h, CHAINS);
	for (size_t i = 0; i < n_chains; i++) {
		lengths[i] = 1 + host_below(h, LENGTH);
		for (size_t j = 0; j < lengths[i]; j++)
			chains[i][j] = random_wish();
	}
}

static void run_seed(void)
{
	struct host_answer *a;

	h = ledger_rig_begin(seed);
	memset(&model, 0, sizeof model);
	for (unsigned turn = 0; turn < TURNS; turn++) {
		random_chains();
		if (host_below(h, 6) == 0) {
			ledger_rig_undone_turn(h, book_chains);
			model = saved;
		} else {
			ledger_rig_turn(h, book_chains);
		}
		if (host_below(h, 3) == 0)
			host_run_ms(h, host_below(h, 40000));
		if (host_below(h, 10) == 0) {
			host_crash(h, "billing.0");
			host_settle(h, 10);
		}
		host_settle(h, 0);
		ledger_rig_turn(h, look);
	}
	a = host_call(h, "galvan.billing.v1.Billing/Verify", "{}");
	host_check(h, strstr(a->json, "\"sound\":true") != NULL, "%s", a->json);
	host_check(h, host_parked(h, "billing.0") == 0, "a message was parked");
	ledger_rig_end(h);
}

Test(ledger_property, random_chains_do_what_a_plain_model_does, .timeout = 300)
{
	const char *from = getenv("SEED"), *n = getenv("SEEDS");
	uint64_t first = from ? strtoull(from, NULL, 10) : 1;

	for (seed = first; seed < first + (n ? strtoull(n, NULL, 10) : SEEDS); seed++)
		run_seed();
}
