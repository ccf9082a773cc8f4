/* Verify finds what was changed behind the ledger's back, and says which line or account it is. */
#include "ledger_rig.h"

#include <cJSON.h>
#include <criterion/criterion.h>
#include <plugins/billing/ledger/ledger_rows.h>

#include <stdio.h>
#include <string.h>

#define LINES 8
#define PENDING BILLING__TRANSFER_KIND__TRANSFER_KIND_PENDING
#define POST BILLING__TRANSFER_KIND__TRANSFER_KIND_POST_PENDING

/* The log as one who tampers with it sees it: lines can be changed. */
static const struct gv_table lines = { .name = "entries", .key = "u", .value = &billing__entry_row__descriptor };

static struct host *h;
static cJSON *reply;
static char *text; /* of the reply */

static void book(struct billing *b, struct gv_turn *t, const char *id, Billing__TransferKind kind, const char *debit,
		 const char *credit, int64_t amount, const char *pending)
{
	Billing__Transfer x = BILLING__TRANSFER__INIT;
	const Billing__Transfer *chain[] = { &x };
	struct ledger_error error;

	x.id = (char *)id;
	x.kind = kind;
	x.debit = (char *)debit;
	x.credit = (char *)credit;
	x.currency = (char *)(*pending ? "" : "EUR");
	x.amount = amount;
	x.pending = (char *)pending;
	x.order = (char *)(*pending ? "" : "order-1");
	cr_assert_eq(ledger_book(b, t, chain, 1, &error), LEDGER_CREATED, "%s", error.text);
}

static void some_lines(struct billing *b, struct gv_turn *t)
{
	book(b, t, "t-1", 0, "bank", "wallet:A", 1000, "");
	book(b, t, "t-2", 0, "bank", "wallet:B", 1000, "");
	book(b, t, "t-3", 0, "wallet:A", "wallet:B", 10, "");
	book(b, t, "h-1", PENDING, "wallet:A", "suspense", 500, "");
	book(b, t, "t-4", 0, "wallet:B", "income:energy:S", 10, "");
	book(b, t, "p-1", POST, "", "", 300, "h-1");
	book(b, t, "h-2", PENDING, "wallet:A", "suspense", 20, "");
	book(b, t, "t-5", 0, "suspense", "vat:20", 50, "");
}

static void setup(void)
{
	h = ledger_rig_begin(1);
	ledger_rig_turn(h, some_lines);
}

static void teardown(void)
{
	cJSON_Delete(reply);
	cJSON_free(text);
	reply = NULL;
	text = NULL;
	ledger_rig_end(h);
}

TestSuite(ledger_verify, .init = setup, .fini = teardown, .timeout = 60);

static const cJSON *verify(void)
{
	struct host_answer *a = host_call(h, "galvan.billing.v1.Billing/Verify", "{}");

	cr_assert_eq(a->code, GV_OK, "%s", a->error);
	cJSON_Delete(reply);
	cJSON_free(text);
	reply = cJSON_Parse(a->json);
	text = cJSON_PrintUnformatted(reply);
	return reply;
}

static void expect_sound(void)
{
	const cJSON *r = verify();

	cr_expect(cJSON_IsTrue(cJSON_GetObjectItem(r, "sound")), "%s", text);
}

/* The first problem has this word, and there are so many. */
static void expect_problems(int n, const char *word)
{
	const cJSON *r = verify(), *problems = cJSON_GetObjectItem(r, "problems");
	const char *first = cJSON_GetStringValue(cJSON_GetArrayItem(problems, 0));

	cr_expect(!cJSON_IsTrue(cJSON_GetObjectItem(r, "sound")));
	cr_expect_eq(cJSON_GetArraySize(problems), n, "%s", text);
	cr_expect(first && strstr(first, word), "%s must name %s", first ? first : "nothing", word);
}

Test(ledger_verify, a_ledger_that_nobody_touched_is_sound)
{
	expect_sound();
	cr_expect_str_eq(cJSON_GetStringValue(cJSON_GetObjectItem(reply, "entries")), "8");
}

static Billing__EntryRow *line(struct gv_turn *t, uint64_t seq)
{
	return gv_edit(t, &lines, gv_key(seq));
}

static void change_amount(struct billing *b, struct gv_turn *t)
{
	line(t, 5)->amount = 11;
}

Test(ledger_verify, a_changed_amount_is_found_by_its_hash_and_by_the_balances)
{
	ledger_rig_turn(h, change_amount);
	expect_problems(3, "line 5 (t-4)");
}

static void change_reason(struct billing *b, struct gv_turn *t)
{
	line(t, 7)->reason = (char *)"other";
}

Test(ledger_verify, a_change_that_moves_no_money_is_found_by_its_hash)
{
	ledger_rig_turn(h, change_reason);
	expect_problems(1, "line 7 (h-2)");
}

/* Whoever can write lines can hash them too. */
static void rewrite(struct billing *b, struct gv_turn *t)
{
	Billing__EntryRow *row = line(t, 3);
	uint8_t *hash = gv_alloc(t, LEDGER_HASH_SIZE);

	row->credit = (char *)"wallet:C";
	row->credit_before = 0;
	ledger_hash(&b->ledger->hasher, line(t, 2)->hash.data, 3, row, hash);
	row->hash = (ProtobufCBinaryData){ LEDGER_HASH_SIZE, hash };
}

Test(ledger_verify, a_line_written_anew_with_its_hash_breaks_the_chain_behind_it)
{
	ledger_rig_turn(h, rewrite);
	verify();
	cr_expect(strstr(text, "line 4 (h-1): its hash"));
}

static void rewrite_all(struct billing *b, struct gv_turn *t)
{
	Billing__LedgerRow *head = ledger_head(t);
	const uint8_t *before = NULL;

	line(t, 6)->amount = 600;
	for (uint64_t seq = 1; seq <= LINES; seq++) {
		uint8_t *hash = gv_alloc(t, LEDGER_HASH_SIZE);

		ledger_hash(&b->ledger->hasher, before, seq, line(t, seq), hash);
		before = hash;
		line(t, seq)->hash = head->hash = (ProtobufCBinaryData){ LEDGER_HASH_SIZE, hash };
	}
	ledger_put_head(t, head);
}

Test(ledger_verify, a_whole_log_written_anew_does_not_fit_the_accounts)
{
	ledger_rig_turn(h, rewrite_all);
	verify();
	cr_expect(strstr(text, "line 6 (p-1): it posts 600 of h-1, which holds 500 (I4)"), "%s", text);
	cr_expect(strstr(text, "account wallet:A in EUR"));
}

static void remove_line(struct billing *b, struct gv_turn *t)
{
	gv_delete(t, &lines, gv_key(5));
}

Test(ledger_verify, a_missing_line_is_named)
{
	ledger_rig_turn(h, remove_line);
	expect_problems(4, "line 5 is missing");
}

static void remove_last(struct billing *b, struct gv_turn *t)
{
	gv_delete(t, &lines, gv_key(LINES));
}

Test(ledger_verify, a_log_that_was_cut_short_is_found)
{
	ledger_rig_turn(h, remove_last);
	verify();
	cr_expect(strstr(text, "the log ends with line 7"));
}

static void change_balance(struct billing *b, struct gv_turn *t)
{
	Billing__AccountRow *row = gv_edit(t, &ledger_accounts, gv_key("wallet:A", "EUR"));

	row->credits_posted += 100;
}

Test(ledger_verify, a_changed_balance_is_found)
{
	ledger_rig_turn(h, change_balance);
	expect_problems(1, "account wallet:A in EUR");
}

static void remove_account(struct billing *b, struct gv_turn *t)
{
	gv_delete(t, &ledger_accounts, gv_key("wallet:A", "EUR"));
}

Test(ledger_verify, a_missing_account_is_found)
{
	ledger_rig_turn(h, remove_account);
	expect_problems(1, "account wallet:A in EUR is missing");
}

static void invent_account(struct billing *b, struct gv_turn *t)
{
	Billing__AccountRow *row = gv_edit(t, &ledger_accounts, gv_key("wallet:Z", "EUR"));

	row->credits_posted = 100;
}

Test(ledger_verify, money_from_nowhere_is_found)
{
	ledger_rig_turn(h, invent_account);
	expect_problems(1, "account wallet:Z in EUR");
}

static void forget_id(struct billing *b, struct gv_turn *t)
{
	gv_delete(t, &ledger_transfers, gv_key("t-2"));
}

Test(ledger_verify, an_id_that_could_be_booked_again_is_found)
{
	ledger_rig_turn(h, forget_id);
	expect_problems(1, "line 2 (t-2)");
}

static void hold_twice(struct billing *b, struct gv_turn *t)
{
	book(b, t, "h-3", PENDING, "wallet:A", "suspense", 1, "");
}

Test(ledger_verify, an_order_that_holds_money_of_one_account_twice_is_found)
{
	ledger_rig_turn(h, hold_twice);
	expect_problems(1, "line 9 (h-3): order order-1 holds money of wallet:A already, since line 7 (I3)");
}

/* ---- a long log ------------------------------------------------------------------------------ */

static unsigned batch;

static void many_lines(struct billing *b, struct gv_turn *t)
{
	Billing__Transfer *xs = gv_alloc(t, LEDGER_CHAIN_MAX * sizeof *xs);
	const Billing__Transfer **chain = gv_alloc(t, LEDGER_CHAIN_MAX * sizeof(Billing__Transfer *));
	struct ledger_error error;

	batch++;
	for (unsigned i = 0; i < LEDGER_CHAIN_MAX; i++) {
		billing__transfer__init(&xs[i]);
		xs[i].id = gv_str(t, "many-%u-%u", batch, i);
		xs[i].debit = (char *)"bank";
		xs[i].credit = gv_str(t, "wallet:%u", i * 7919 % 20011);
		xs[i].amount = i;
		xs[i].currency = (char *)"EUR";
		chain[i] = &xs[i];
	}
	cr_assert_eq(ledger_book(b, t, chain, LEDGER_CHAIN_MAX, &error), LEDGER_CREATED, "%s", error.text);
}

static struct host_answer *asked[3];

static bool all_answered(struct host *host, void *arg)
{
	return asked[0]->done && asked[1]->done && asked[2]->done;
}

Test(ledger_verify, a_long_log_is_verified_in_parts_while_lines_are_added)
{
	for (unsigned i = 0; i < 5; i++)
		ledger_rig_turn(h, many_lines);
	asked[0] = host_call_later(h, "billing", "galvan.billing.v1.Billing/Verify", "{}");
	asked[1] = host_call_later(h, "billing", "galvan.billing.v1.Billing/Verify", "{}");
	ledger_rig_turn(h, many_lines);
	asked[2] = host_call_later(h, "billing", "galvan.billing.v1.Billing/Verify", "{}");
	ledger_rig_turn(h, many_lines);
	cr_assert(host_run_until(h, all_answered, NULL, 60000));
	for (size_t i = 0; i < 3; i++)
		cr_expect(strstr(asked[i]->json, "\"sound\":true"), "%s", asked[i]->json);
	expect_sound();
	cr_expect_eq(host_parked(h, "billing.0"), 0);
}
