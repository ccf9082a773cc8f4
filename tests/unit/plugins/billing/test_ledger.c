/* What the ledger promises to whoever books on it: double entry, all or none, nothing twice, nobody's money below zero.
 */
#include "ledger_rig.h"

#include <criterion/criterion.h>

#include <string.h>

#define POSTED BILLING__TRANSFER_KIND__TRANSFER_KIND_POSTED
#define PENDING BILLING__TRANSFER_KIND__TRANSFER_KIND_PENDING
#define POST BILLING__TRANSFER_KIND__TRANSFER_KIND_POST_PENDING
#define VOID BILLING__TRANSFER_KIND__TRANSFER_KIND_VOID_PENDING

static struct host *h;
static struct ledger_error error;

static void setup(void)
{
	h = ledger_rig_begin(1);
	memset(&error, 0, sizeof error);
}

static void teardown(void)
{
	ledger_rig_end(h);
}

TestSuite(ledger, .init = setup, .fini = teardown, .timeout = 60);

static Billing__Transfer transfer(const char *id, const char *debit, const char *credit, int64_t amount)
{
	Billing__Transfer x = BILLING__TRANSFER__INIT;

	x.id = (char *)id;
	x.debit = (char *)debit;
	x.credit = (char *)credit;
	x.amount = amount;
	x.currency = (char *)"EUR";
	return x;
}

static Billing__Transfer pending(const char *id, const char *debit, const char *credit, int64_t amount)
{
	Billing__Transfer x = transfer(id, debit, credit, amount);

	x.kind = PENDING;
	return x;
}

static Billing__Transfer resolve(Billing__TransferKind kind, const char *id, const char *what, int64_t amount)
{
	Billing__Transfer x = BILLING__TRANSFER__INIT;

	x.id = (char *)id;
	x.kind = kind;
	x.pending = (char *)what;
	x.amount = amount;
	return x;
}

#define BOOK(b, t, ...)                                                                                                \
	book((b), (t), (const Billing__Transfer[]){ __VA_ARGS__ },                                                     \
	     sizeof((const Billing__Transfer[]){ __VA_ARGS__ }) / sizeof(Billing__Transfer))

static int book(struct billing *b, struct gv_turn *t, const Billing__Transfer *of, size_t n)
{
	const Billing__Transfer *chain[16];

	for (size_t i = 0; i < n; i++)
		chain[i] = &of[i];
	return ledger_book(b, t, chain, n, &error);
}

static void top_up(struct billing *b, struct gv_turn *t)
{
	cr_assert_eq(BOOK(b, t, transfer("topup-1", "psp:fake:clearing", "wallet:C-1", 10000)), LEDGER_CREATED);
}

static void expect_account(struct gv_turn *t, const char *id, int64_t dp, int64_t d, int64_t cp, int64_t c)
{
	const Billing__Account *a = ledger_account(t, id, "EUR");

	cr_expect_eq(a->debits_pending, dp, "%s: %lld debits pending", id, (long long)a->debits_pending);
	cr_expect_eq(a->debits_posted, d, "%s: %lld debits posted", id, (long long)a->debits_posted);
	cr_expect_eq(a->credits_pending, cp, "%s: %lld credits pending", id, (long long)a->credits_pending);
	cr_expect_eq(a->credits_posted, c, "%s: %lld credits posted", id, (long long)a->credits_posted);
}

static void expect_refusal(int result, enum ledger_refusal refusal, size_t at)
{
	cr_expect_eq(result, LEDGER_REFUSED);
	cr_expect_eq(error.refusal, refusal, "%s: %s", ledger_refusal_name(error.refusal), error.text);
	cr_expect_eq(error.at, at);
	cr_expect(*error.text, "a refusal says why");
}

/* ---- posted transfers ------------------------------------------------------------------------ */

static void moves_both(struct billing *b, struct gv_turn *t)
{
	top_up(b, t);
	expect_account(t, "psp:fake:clearing", 0, 10000, 0, 0);
	expect_account(t, "wallet:C-1", 0, 0, 0, 10000);
	expect_account(t, "wallet:C-2", 0, 0, 0, 0);
	cr_expect_eq(ledger_available(t, "wallet:C-1", "EUR"), 10000);
	cr_expect_eq(ledger_available(t, "wallet:C-1", "USD"), 0, "each currency is an account of its own");
	cr_expect_eq(ledger_available(t, "psp:fake:clearing", "EUR"), 0, "only people's money is available");
}

Test(ledger, a_transfer_debits_one_account_and_credits_another)
{
	ledger_rig_turn(h, moves_both);
}

static void take_some(struct billing *b, struct gv_turn *t)
{
	cr_assert_eq(BOOK(b, t, pending("hold", "wallet:C-1", "income:suspense", 6000)), LEDGER_CREATED);
}

static void take_all(struct billing *b, struct gv_turn *t)
{
	cr_assert_eq(BOOK(b, t, pending("hold-2", "wallet:C-1", "income:suspense", 4000)), LEDGER_CREATED);
}

Test(ledger, whoever_depends_on_it_is_told_when_an_account_runs_empty_and_when_it_has_money_again)
{
	ledger_rig_turn(h, top_up);
	cr_expect_eq(ledger_rig_changes("wallet:C-1"), 1);
	cr_expect_eq(ledger_rig_changes("psp:fake:clearing"), 0, "nobody's money");
	ledger_rig_turn(h, take_some);
	cr_expect_eq(ledger_rig_changes("wallet:C-1"), 1);
	ledger_rig_turn(h, take_all);
	cr_expect_eq(ledger_rig_changes("wallet:C-1"), 2);
}

static void again(struct billing *b, struct gv_turn *t)
{
	cr_expect_eq(BOOK(b, t, transfer("topup-1", "psp:fake:clearing", "wallet:C-1", 10000)), LEDGER_EXISTS);
	expect_account(t, "wallet:C-1", 0, 0, 0, 10000);
	expect_refusal(BOOK(b, t, transfer("topup-1", "psp:fake:clearing", "wallet:C-1", 9999)),
		       LEDGER_EXISTS_DIFFERENT, 0);
	expect_refusal(BOOK(b, t, transfer("topup-1", "psp:fake:clearing", "wallet:C-2", 10000)),
		       LEDGER_EXISTS_DIFFERENT, 0);
	expect_refusal(BOOK(b, t, pending("topup-1", "psp:fake:clearing", "wallet:C-1", 10000)),
		       LEDGER_EXISTS_DIFFERENT, 0);
}

Test(ledger, an_id_is_for_ever_the_same_again_does_nothing_and_other_fields_are_refused)
{
	ledger_rig_turn(h, top_up);
	ledger_rig_turn(h, again);
}

static void undone(struct billing *b, struct gv_turn *t)
{
	expect_account(t, "wallet:C-1", 0, 0, 0, 0);
	cr_expect_eq(BOOK(b, t, transfer("topup-1", "psp:fake:clearing", "wallet:C-1", 5)), LEDGER_CREATED);
}

Test(ledger, a_transfer_and_what_it_is_for_are_one_transaction)
{
	ledger_rig_undone_turn(h, top_up);
	ledger_rig_turn(h, undone);
}

static void limits(struct billing *b, struct gv_turn *t)
{
	static const char *const people[] = { "wallet:C-1", "card:04A1", "deposit:C-1" };

	for (size_t i = 0; i < 3; i++)
		expect_refusal(BOOK(b, t, transfer(people[i], people[i], "income:energy:S", 1)), LEDGER_EXCEEDS_BALANCE,
			       0);
	cr_expect_eq(BOOK(b, t, transfer("x", "receivable:C-1", "income:energy:S", 1)), LEDGER_CREATED,
		     "what is not people's money may go below zero");
	cr_expect_eq(BOOK(b, t, transfer("y", "wallet:C-1", "income:energy:S", 0)), LEDGER_CREATED,
		     "nothing can be taken from nothing");
}

Test(ledger, the_money_of_people_never_goes_below_zero)
{
	ledger_rig_turn(h, limits);
}

static void refused_once(struct billing *b, struct gv_turn *t)
{
	expect_refusal(BOOK(b, t, transfer("pay-1", "wallet:C-1", "income:energy:S", 100)), LEDGER_EXCEEDS_BALANCE, 0);
}

static void refused_again(struct billing *b, struct gv_turn *t)
{
	top_up(b, t);
	expect_refusal(BOOK(b, t, transfer("pay-1", "wallet:C-1", "income:energy:S", 100)), LEDGER_FAILED_BEFORE, 0);
	cr_expect_eq(BOOK(b, t, transfer("pay-2", "wallet:C-1", "income:energy:S", 100)), LEDGER_CREATED);
}

Test(ledger, what_was_refused_for_its_balance_stays_refused)
{
	ledger_rig_turn(h, refused_once);
	ledger_rig_turn(h, refused_again);
}

/* ---- holds ----------------------------------------------------------------------------------- */

static void holds(struct billing *b, struct gv_turn *t)
{
	top_up(b, t);
	cr_assert_eq(BOOK(b, t, pending("hold", "wallet:C-1", "income:suspense", 6000)), LEDGER_CREATED);
	expect_account(t, "wallet:C-1", 6000, 0, 0, 10000);
	expect_account(t, "income:suspense", 0, 0, 6000, 0);
	cr_expect_eq(ledger_available(t, "wallet:C-1", "EUR"), 4000, "what is held is not there to spend");
	cr_expect_eq(ledger_held(t, "hold"), 6000);
	expect_refusal(BOOK(b, t, pending("hold-2", "wallet:C-1", "income:suspense", 4001)), LEDGER_EXCEEDS_BALANCE, 0);
}

static void posts_less(struct billing *b, struct gv_turn *t)
{
	expect_refusal(BOOK(b, t, resolve(POST, "settle", "hold", 6001)), LEDGER_EXCEEDS_PENDING, 0);
	cr_assert_eq(BOOK(b, t, resolve(POST, "settle", "hold", 2700)), LEDGER_CREATED);
	expect_account(t, "wallet:C-1", 0, 2700, 0, 10000);
	expect_account(t, "income:suspense", 0, 0, 0, 2700);
	cr_expect_eq(ledger_available(t, "wallet:C-1", "EUR"), 7300, "the rest is free again");
	cr_expect_eq(ledger_held(t, "hold"), 0);
	cr_expect_eq(BOOK(b, t, resolve(POST, "settle", "hold", 2700)), LEDGER_EXISTS);
	expect_refusal(BOOK(b, t, resolve(POST, "settle-2", "hold", 2700)), LEDGER_ALREADY_POSTED, 0);
	expect_refusal(BOOK(b, t, resolve(VOID, "void", "hold", 0)), LEDGER_ALREADY_POSTED, 0);
}

Test(ledger, a_hold_is_posted_once_and_no_more_than_it_holds)
{
	ledger_rig_turn(h, holds);
	ledger_rig_turn(h, posts_less);
}

static void voids(struct billing *b, struct gv_turn *t)
{
	cr_assert_eq(BOOK(b, t, resolve(VOID, "void", "hold", 0)), LEDGER_CREATED);
	expect_account(t, "wallet:C-1", 0, 0, 0, 10000);
	expect_account(t, "income:suspense", 0, 0, 0, 0);
	cr_expect_eq(BOOK(b, t, resolve(VOID, "void", "hold", 6000)), LEDGER_EXISTS, "0 stands for all of it");
	expect_refusal(BOOK(b, t, resolve(POST, "settle", "hold", 1)), LEDGER_ALREADY_VOIDED, 0);
	expect_refusal(BOOK(b, t, resolve(POST, "settle", "nothing", 1)), LEDGER_PENDING_NOT_FOUND, 0);
	expect_refusal(BOOK(b, t, resolve(POST, "settle", "topup-1", 1)), LEDGER_PENDING_NOT_FOUND, 0);
}

Test(ledger, a_hold_is_voided_once)
{
	ledger_rig_turn(h, holds);
	ledger_rig_turn(h, voids);
}

static int64_t expiry_ms;

static void two_expire(struct billing *b, struct gv_turn *t)
{
	Billing__Transfer late = pending("late", "wallet:C-1", "income:suspense", 1),
			  early = pending("early", "wallet:C-1", "income:suspense", 2),
			  past = pending("past", "wallet:C-1", "income:suspense", 4),
			  done = pending("done", "wallet:C-1", "income:suspense", 8);

	top_up(b, t);
	expiry_ms = gv_now_ms(t) + 60000;
	late.expires_at_ms = expiry_ms + 60000;
	early.expires_at_ms = done.expires_at_ms = expiry_ms;
	past.expires_at_ms = gv_now_ms(t);
	cr_assert_eq(BOOK(b, t, late, early, done), LEDGER_CREATED);
	cr_assert_eq(BOOK(b, t, resolve(POST, "post-done", "done", 8)), LEDGER_CREATED);
	expect_refusal(BOOK(b, t, past), LEDGER_INVALID, 0);
	expect_account(t, "wallet:C-1", 3, 8, 0, 10000);
}

static void early_is_over(struct billing *b, struct gv_turn *t)
{
	expect_account(t, "wallet:C-1", 1, 8, 0, 10000);
	expect_refusal(BOOK(b, t, resolve(POST, "post-early", "early", 2)), LEDGER_EXPIRED, 0);
	cr_expect_eq(ledger_held(t, "early"), 0);
	cr_expect_eq(ledger_held(t, "late"), 1);
	cr_expect_eq(ledger_held(t, "done"), 0);
}

static void late_is_over(struct billing *b, struct gv_turn *t)
{
	expect_account(t, "wallet:C-1", 0, 8, 0, 10000);
	expect_account(t, "income:suspense", 0, 0, 0, 8);
}

Test(ledger, a_hold_expires_at_its_time_even_if_nobody_asks)
{
	ledger_rig_turn(h, two_expire);
	host_run_ms(h, 60001);
	ledger_rig_turn(h, early_is_over);
	host_run_ms(h, 60001);
	ledger_rig_turn(h, late_is_over);
	cr_expect_eq(host_parked(h, "billing.0"), 0);
}

Test(ledger, a_hold_expires_also_where_the_plugin_was_down_meanwhile)
{
	ledger_rig_turn(h, two_expire);
	host_stop(h, "billing.0");
	host_run_ms(h, 600000);
	cr_assert_eq(host_start(h, "billing.0"), 0);
	host_settle(h, 100);
	ledger_rig_turn(h, late_is_over);
}

/* ---- chains ---------------------------------------------------------------------------------- */

static void settles(struct billing *b, struct gv_turn *t)
{
	holds(b, t);
	expect_refusal(BOOK(b, t, resolve(POST, "s-1", "hold", 2700), transfer("s-2", "income:suspense", "vat:20", 450),
			    transfer("s-3", "wallet:C-1", "vat:20", 99999)),
		       LEDGER_EXCEEDS_BALANCE, 2);
	expect_account(t, "wallet:C-1", 6000, 0, 0, 10000);
	expect_account(t, "vat:20", 0, 0, 0, 0);
	cr_expect_eq(ledger_held(t, "hold"), 6000, "a refused chain leaves nothing behind");
	cr_expect_eq(BOOK(b, t, resolve(POST, "s-1", "hold", 2700), transfer("s-2", "income:suspense", "vat:20", 450),
			  transfer("s-4", "income:suspense", "income:energy:S", 2250)),
		     LEDGER_CREATED);
	expect_account(t, "income:suspense", 0, 2700, 0, 2700);
	cr_expect_eq(BOOK(b, t, resolve(POST, "s-1", "hold", 2700), transfer("s-2", "income:suspense", "vat:20", 450),
			  transfer("s-4", "income:suspense", "income:energy:S", 2250)),
		     LEDGER_EXISTS);
	expect_account(t, "income:suspense", 0, 2700, 0, 2700);
}

Test(ledger, a_chain_is_booked_whole_or_not_at_all)
{
	ledger_rig_turn(h, settles);
}

static void sees_itself(struct billing *b, struct gv_turn *t)
{
	expect_refusal(BOOK(b, t, transfer("a", "wallet:C-1", "wallet:C-2", 5),
			    transfer("b", "psp:fake:clearing", "wallet:C-1", 5)),
		       LEDGER_EXCEEDS_BALANCE, 0);
	cr_expect_eq(BOOK(b, t, transfer("c", "psp:fake:clearing", "wallet:C-1", 5),
			  pending("d", "wallet:C-1", "wallet:C-2", 5), resolve(POST, "e", "d", 3),
			  transfer("c", "psp:fake:clearing", "wallet:C-1", 5)),
		     LEDGER_CREATED, "%s", error.text);
	expect_account(t, "wallet:C-1", 0, 3, 0, 5);
	expect_account(t, "wallet:C-2", 0, 0, 0, 3);
	expect_refusal(BOOK(b, t, transfer("f", "psp:fake:clearing", "wallet:C-1", 5),
			    transfer("f", "psp:fake:clearing", "wallet:C-1", 6)),
		       LEDGER_EXISTS_DIFFERENT, 1);
}

Test(ledger, each_transfer_of_a_chain_sees_those_before_it)
{
	ledger_rig_turn(h, sees_itself);
}

/* ---- what makes no sense --------------------------------------------------------------------- */

static void invalid(struct billing *b, struct gv_turn *t)
{
	static char long_id[LEDGER_ID_MAX + 2];
	Billing__Transfer money = transfer("m", "a", "b", 1), kind = money, expires = money, resolves = money;

	memset(long_id, 'x', LEDGER_ID_MAX + 1);
	kind.kind = 7;
	expires.expires_at_ms = INT64_MAX;
	resolves.pending = (char *)"p";
	expect_refusal(BOOK(b, t, transfer("", "a", "b", 1)), LEDGER_INVALID, 0);
	expect_refusal(BOOK(b, t, transfer(long_id, "a", "b", 1)), LEDGER_INVALID, 0);
	expect_refusal(BOOK(b, t, transfer("m", "", "b", 1)), LEDGER_INVALID, 0);
	expect_refusal(BOOK(b, t, transfer("m", "a", "b\n", 1)), LEDGER_INVALID, 0);
	expect_refusal(BOOK(b, t, transfer("m", "a", "a", 1)), LEDGER_INVALID, 0);
	expect_refusal(BOOK(b, t, transfer("m", "a", "b", -1)), LEDGER_INVALID, 0);
	expect_refusal(BOOK(b, t, kind), LEDGER_INVALID, 0);
	expect_refusal(BOOK(b, t, expires), LEDGER_INVALID, 0);
	expect_refusal(BOOK(b, t, resolves), LEDGER_INVALID, 0);
	money.currency = (char *)"EUX";
	expect_refusal(BOOK(b, t, money), LEDGER_INVALID, 0);
	cr_expect(strstr(error.text, "EUX"), "%s", error.text);
	expect_account(t, "a", 0, 0, 0, 0);
}

Test(ledger, what_makes_no_sense_is_refused_by_the_field)
{
	ledger_rig_turn(h, invalid);
}

static void overflows(struct billing *b, struct gv_turn *t)
{
	cr_assert_eq(BOOK(b, t, transfer("1", "bank", "wallet:C-1", INT64_MAX)), LEDGER_CREATED);
	expect_refusal(BOOK(b, t, transfer("2", "other", "wallet:C-1", 1)), LEDGER_OVERFLOW, 0);
	expect_refusal(BOOK(b, t, transfer("3", "bank", "wallet:C-2", 1)), LEDGER_OVERFLOW, 0);
	expect_refusal(BOOK(b, t, pending("4", "bank", "wallet:C-2", 1)), LEDGER_OVERFLOW, 0);
	cr_assert_eq(BOOK(b, t, pending("5", "wallet:C-1", "suspense", INT64_MAX)), LEDGER_CREATED);
	cr_expect_eq(ledger_available(t, "wallet:C-1", "EUR"), 0);
}

Test(ledger, a_balance_does_not_wrap_around)
{
	ledger_rig_turn(h, overflows);
}
