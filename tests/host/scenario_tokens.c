/* Cards that change in all weathers: what PutToken has answered, what an account's balance allows and what the clock
 * has ended is what chargers are answered by in the end, whoever died in between. */
#include "scenario.h"

#include <stdio.h>
#include <string.h>

#define CARDS 5
#define ORDERS 40
#define BILLING "galvan.billing.v1.Billing/"

struct card {
	bool there, private, blocked;
	long long balance;
	int64_t until_ms; /* 0: for ever */
};

struct world {
	struct card cards[CARDS];
	bool customer_blocked;
	char seen[CARDS][40]; /* what ocpp knows of each; "": nothing */
};

static const char *expected(struct host *h, const struct world *w, const struct card *card)
{
	if (!card->there)
		return "";
	if (card->until_ms && card->until_ms <= host_now_ms(h))
		return "Expired";
	if (card->blocked || w->customer_blocked)
		return "Blocked";
	return card->private || card->balance > 0 ? "Accepted" : "Blocked";
}

static void see(struct host *h, void *arg, const char *const *key, size_t parts, const char *json)
{
	struct world *w = arg;
	unsigned i = (unsigned)(key[0][4] - '0');

	host_check(h, !strncmp(key[0], "card", 4) && i < CARDS, "ocpp knows a card that there is not: %s", key[0]);
	snprintf(w->seen[i], sizeof w->seen[i], "%s", scenario_str(h, json, "status"));
}

static void look(struct host *h, struct world *w)
{
	memset(w->seen, 0, sizeof w->seen);
	host_rows(h, "ocpp.0", "tokens", see, w);
}

/* What was answered has been heard, unless somebody was away. */
static void check_answered(struct host *h, struct world *w, unsigned i)
{
	const struct card *card = &w->cards[i];

	if (!scenario_must_answer(h) || host_crashes(h))
		return;
	if (card->until_ms && card->until_ms <= host_now_ms(h) + 1000) /* the clock's word may be under way */
		return;
	look(h, w);
	host_check(h, !strcmp(w->seen[i], expected(h, w, card)),
		   "billing has answered, and ocpp knows CARD%u as \"%s\", not as \"%s\"", i, w->seen[i],
		   expected(h, w, card));
}

/* ---- orders ---------------------------------------------------------------------------------- */

static void put(struct host *h, struct world *w, unsigned i)
{
	struct card *card = &w->cards[i];
	struct host_answer *a;

	card->there = true;
	card->private = host_below(h, 2);
	card->blocked = !host_below(h, 4);
	card->until_ms = host_below(h, 3) ? 0 : host_now_ms(h) + 1 + host_below(h, 20000);
	a = host_call(
		h, BILLING "PutToken",
		"{\"token\":{\"id\":\"CARD%u\",\"customer\":\"C\",\"ownPurse\":true,\"use\":\"%s\",\"state\":\"%s\","
		"\"validUntilMs\":\"%lld\"}}",
		i, card->private ? "TOKEN_USE_PRIVATE" : "TOKEN_USE_COMMERCIAL",
		card->blocked ? "TOKEN_STATE_BLOCKED" : "TOKEN_STATE_ACTIVE", (long long)card->until_ms);
	host_check(h, a->code == GV_OK, "PutToken is refused: %s", a->error);
	check_answered(h, w, i);
}

static void move(struct host *h, struct world *w, unsigned i, unsigned n)
{
	struct card *card = &w->cards[i];
	bool out = card->balance > 0 && host_below(h, 2);
	long long amount = out ? card->balance : 1 + host_below(h, 1000);
	struct host_answer *a;
	char purse[20];

	snprintf(purse, sizeof purse, "card:CARD%u", i);
	a = host_call(h, BILLING "Post",
		      "{\"transfers\":[{\"id\":\"t%u\",\"debit\":\"%s\",\"credit\":\"%s\",\"amount\":\"%lld\","
		      "\"currency\":\"EUR\"}]}",
		      n, out ? purse : "cash:main", out ? "cash:main" : purse, amount);
	host_check(h, a->code == GV_OK, "Post is refused: %s", a->error);
	card->balance += out ? -amount : amount;
}

static void block_customer(struct host *h, struct world *w)
{
	struct host_answer *a;

	w->customer_blocked = !w->customer_blocked;
	a = host_call(h, BILLING "PutCustomer", "{\"customer\":{\"id\":\"C\",\"blocked\":%s}}",
		      w->customer_blocked ? "true" : "false");
	host_check(h, a->code == GV_OK, "PutCustomer is refused: %s", a->error);
	for (unsigned i = 0; i < CARDS; i++)
		check_answered(h, w, i);
}

static void run(struct host *h)
{
	static const char *const victims[] = { "billing.0", "ocpp.0", NULL }, *const emitters[] = { "billing.0", NULL };
	struct world w = { 0 };

	scenario_load(h, "ocpp", 1, "{\"unknownToken\":\"refuse\"}");
	scenario_load(h, "billing", 1, "{\"customers\":[{\"id\":\"C\"}]}");
	host_settle(h, 5);
	scenario_weather(h, victims);
	for (unsigned n = 1; n <= ORDERS; n++) {
		unsigned i = host_below(h, CARDS), kind = host_below(h, 8);

		if (kind < 3)
			put(h, &w, i);
		else if (kind < 6)
			move(h, &w, i, n);
		else if (kind == 6)
			block_customer(h, &w);
		else
			host_run_ms(h, host_below(h, 3000));
	}
	scenario_calm(h);
	scenario_shake(h, emitters);
	look(h, &w);
	for (unsigned i = 0; i < CARDS; i++)
		host_check(h, !strcmp(w.seen[i], expected(h, &w, &w.cards[i])),
			   "in the end ocpp knows CARD%u as \"%s\", not as \"%s\"", i, w.seen[i],
			   expected(h, &w, &w.cards[i]));
	host_check(h, !host_parked(h, "billing.0") && !host_parked(h, "ocpp.0"), "a message was parked");
}

const struct scenario scenario_tokens = { "tokens", "cards that change, and what chargers are answered", run };
