/* Chains of transfers in all weathers: billing dies at any commit and any send, calls are repeated. What was answered
 * is booked once, what was refused is not, holds expire, and the log verifies. */
#include "scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WALLETS 3
#define CHAINS 24
#define EXPIRES_MS 30000

struct hold {
	unsigned wallet, amount;
	int64_t expires_at_ms; /* 0: never */
	bool live;
};

struct books {
	int64_t posted[WALLETS]; /* credits less debits */
	struct hold holds[CHAINS];
};

static char *post(struct host *h, unsigned n, char *json, size_t size, struct hold *hold)
{
	unsigned wallet = host_below(h, WALLETS), amount = 1 + host_below(h, 300);

	*hold = (struct hold){ wallet, amount, 0, false };
	switch (host_below(h, 4)) {
	case 0: /* a top-up */
		snprintf(json, size,
			 "{\"transfers\":[{\"id\":\"c%u\",\"debit\":\"bank\",\"credit\":\"wallet:%u\",\"amount\":%u,"
			 "\"currency\":\"EUR\"}]}",
			 n, wallet, amount * 2);
		break;
	case 1: /* from one to the next, in two parts that stand or fall together */
		snprintf(json, size,
			 "{\"transfers\":[{\"id\":\"c%u-a\",\"debit\":\"wallet:%u\",\"credit\":\"wallet:%u\","
			 "\"amount\":%u,"
			 "\"currency\":\"EUR\"},{\"id\":\"c%u-b\",\"debit\":\"wallet:%u\",\"credit\":\"income\","
			 "\"amount\":7,"
			 "\"currency\":\"EUR\"}]}",
			 n, wallet, (wallet + 1) % WALLETS, amount, n, wallet);
		break;
	default: /* a hold */
		hold->live = true;
		hold->expires_at_ms = host_below(h, 2) ? host_now_ms(h) + EXPIRES_MS : 0;
		snprintf(json, size,
			 "{\"transfers\":[{\"id\":\"c%u\",\"kind\":\"TRANSFER_KIND_PENDING\",\"debit\":\"wallet:%u\","
			 "\"credit\":\"income\",\"amount\":%u,\"currency\":\"EUR\",\"expiresAtMs\":\"%lld\"}]}",
			 n, wallet, amount, (long long)hold->expires_at_ms);
	}
	return json;
}

static struct host_answer *call(struct host *h, const char *json)
{
	struct host_answer *a = host_call(h, "galvan.billing.v1.Billing/Post", "%s", json);

	host_check(h, a->code == GV_OK || a->code == GV_FAILED_PRECONDITION, "Post is refused: %s", a->error);
	return a;
}

static void take_in(struct books *b, const char *json, unsigned n, const struct hold *hold)
{
	if (hold->live)
		b->holds[n] = *hold;
	else if (strstr(json, "bank"))
		b->posted[hold->wallet] += 2 * (int64_t)hold->amount;
	else {
		b->posted[hold->wallet] -= hold->amount + 7;
		b->posted[(hold->wallet + 1) % WALLETS] += hold->amount;
	}
}

/* Ends a hold that was made, if it can still be ended. */
static void resolve(struct host *h, struct books *b, unsigned n)
{
	struct hold *hold = &b->holds[n];
	bool voids = host_below(h, 2);
	unsigned amount = voids ? 0 : host_below(h, hold->amount + 1);
	struct host_answer *a;
	char json[256];

	snprintf(json, sizeof json,
		 "{\"transfers\":[{\"id\":\"r%u\",\"kind\":\"TRANSFER_KIND_%s_PENDING\",\"pending\":\"c%u\",\"amount\":"
		 "%u}]}",
		 n, voids ? "VOID" : "POST", n, amount);
	a = call(h, json);
	host_check(h, a->code == GV_OK || (hold->expires_at_ms && strstr(a->error, "expired")), "%s: %s", json,
		   a->error);
	if (a->code != GV_OK)
		return;
	hold->live = false;
	b->posted[hold->wallet] -= amount;
}

static void check(struct host *h, const struct books *b)
{
	struct host_answer *a;

	for (unsigned i = 0; i < WALLETS; i++) {
		int64_t held = 0, posted, pending;

		for (unsigned n = 0; n < CHAINS; n++)
			if (b->holds[n].live && b->holds[n].wallet == i && !b->holds[n].expires_at_ms)
				held += b->holds[n].amount;
		a = host_call(h, "galvan.billing.v1.Billing/GetAccount", "{\"id\":\"wallet:%u\"}", i);
		if (a->code == GV_NOT_FOUND) {
			host_check(h, !held && !b->posted[i], "wallet:%u is gone", i);
			continue;
		}
		posted = scenario_int(h, a->json, "account.creditsPosted") -
			 scenario_int(h, a->json, "account.debitsPosted");
		pending = scenario_int(h, a->json, "account.debitsPending");
		host_check(h, posted == b->posted[i] && pending == held, "wallet:%u should have %lld and hold %lld: %s",
			   i, (long long)b->posted[i], (long long)held, a->json);
	}
	a = host_call(h, "galvan.billing.v1.Billing/Verify", "{}");
	host_check(h, a->code == GV_OK && scenario_int(h, a->json, "sound"), "the ledger does not verify: %s %s",
		   a->error, a->json);
	host_check(h, !host_parked(h, "billing.0"), "billing has parked a message");
}

static void run(struct host *h)
{
	static const char *const victims[] = { "billing.0", NULL }, *const emitters[] = { "billing.0", NULL };
	struct books books = { 0 };
	struct hold hold;
	char json[640];

	host_durable(h, host_seed(h) / 8 % 2);
	scenario_load(h, "billing", 1, "{\"hold\":{},\"signIn\":{}}");
	host_settle(h, 5);
	scenario_weather(h, victims);
	for (unsigned n = 0; n < CHAINS; n++) {
		if (call(h, post(h, n, json, sizeof json, &hold))->code == GV_OK) {
			take_in(&books, json, n, &hold);
			host_check(h, call(h, json)->code == GV_OK, "what was booked is refused: %s", json);
		}
		if (books.holds[n].live && host_below(h, 2))
			resolve(h, &books, n);
		if (host_below(h, 8) == 0)
			host_run_ms(h, host_below(h, EXPIRES_MS / 4));
	}
	scenario_calm(h);
	scenario_shake(h, emitters);
	host_run_ms(h, EXPIRES_MS + 1);
	host_settle(h, 5);
	check(h, &books);
}

const struct scenario scenario_ledger = { "ledger", "chains of transfers against a plain sum", run };
