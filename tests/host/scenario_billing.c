/* Orders and cards in all weathers: devices refuse, start late, fall silent and end twice, banks jam and come out after
 * all or never come back, while billing, the devices' plugins and the network die at any point. At the end no money has
 * moved twice, none is lost, nothing was started or lent without money held for it before, and every session and every
 * bank that came out has its charge. */
#include "pile.h"
#include "rack.h"
#include "scenario.h"
#include "till.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BILLING "galvan.billing.v1.Billing/"
#define ORDERS 7
#define RENTED 4 /* from this one on they are rentals */
#define TOP_UP 20000
#define CARD_TOP_UP 1500
#define OPEN_MS 120000 /* in which the orders are made */
#define END_MS (6 * 3600000)

static const char config[] =
	"{\"currency\":\"EUR\",\"hold\":{\"amount\":\"3000\",\"cardAmount\":\"1000\",\"openS\":300,\"startS\":100,"
	"\"noStopS\":1800},\"signIn\":{\"adapter\":\"console\",\"codeS\":600,\"accessS\":3600,\"codesPerMinute\":60},"
	"\"stripe\":{\"secretKey\":\"k\",\"webhookSecret\":\"w\",\"api\":\"http://till\"},\"publicUrl\":\"http://x\","
	"\"desks\":[\"main\"],\"countryCode\":\"XX\",\"partyId\":\"GLV\","
	"\"customers\":[{\"id\":\"C-1\",\"name\":\"Ada\"}],"
	"\"tokens\":[{\"id\":\"CARD-1\",\"ownPurse\":true},{\"id\":\"CARD-2\",\"use\":\"TOKEN_USE_PRIVATE\"}]}";
static const char tariff[] =
	"{\"tariff\":{\"id\":\"T1\",\"ocpi\":\"{\\\"id\\\":\\\"T1\\\",\\\"country_code\\\":\\\"DE\\\",\\\"party_id\\\":"
	"\\\"ABC\\\",\\\"currency\\\":\\\"EUR\\\",\\\"last_updated\\\":\\\"2025-01-01T00:00:00Z\\\",\\\"elements\\\":[{"
	"\\\"price_components\\\":[{\\\"type\\\":\\\"ENERGY\\\",\\\"price\\\":0.4,\\\"vat\\\":20,\\\"step_size\\\":1},{"
	"\\\"type\\\":\\\"FLAT\\\",\\\"price\\\":0.5,\\\"vat\\\":19,\\\"step_size\\\":1}]}]}\"}}";

/* At two more chargers packages are sold, and cabinets rent. */
static const char *const others[] = {
	"{\"tariff\":{\"id\":\"P1\",\"package\":{\"currency\":\"EUR\",\"price\":400,\"vatPpm\":200000,\"unit\":"
	"\"PACKAGE_"
	"UNIT_ENERGY\",\"amount\":1000,\"refund\":\"PACKAGE_REFUND_PRO_RATA\",\"step\":300}}}",
	"{\"tariff\":{\"id\":\"P2\",\"package\":{\"currency\":\"EUR\",\"price\":200,\"unit\":\"PACKAGE_UNIT_TIME\","
	"\"amount\":90}}}",
	"{\"tariff\":{\"id\":\"R1\",\"rental\":{\"currency\":\"EUR\",\"freeS\":300,\"intervalS\":600,\"intervalPrice\":"
	"70,"
	"\"capWindow\":\"CAP_WINDOW_ROLLING_24H\",\"capAmount\":600,\"vatPpm\":190000,\"deposit\":1500,\"buyout\":{"
	"\"mode\":\"BUYOUT_MODE_ADD\",\"afterS\":7200,\"price\":1200}}}}",
};
static const char *const places[][2] = {
	{ "pile:P2", "P1" }, { "pile:P3", "P2" }, { "rack:R0", "R1" }, { "rack:R1", "R1" }
};

struct world {
	struct host_answer *checkouts[ORDERS], *stops[ORDERS];
	unsigned made;
	/* What the tables of the devices' plugin say. */
	unsigned sessions, starts;
};

/* ---- the run --------------------------------------------------------------------------------- */

static struct host_answer *bill(struct host *h, const char *method, const char *json)
{
	char name[80];

	snprintf(name, sizeof name, BILLING "%s", method);
	return host_call(h, name, "%s", json);
}

static struct host_answer *must(struct host *h, const char *method, const char *json)
{
	struct host_answer *a = bill(h, method, json);

	host_check(h, a->code == GV_OK, "%s is refused: %s", method, a->error);
	return a;
}

static void check_out(struct host *h, void *arg)
{
	struct world *w = arg;
	unsigned i = w->made++;
	char json[200], device[20];
	bool rental = i >= RENTED, package = !rental && host_below(h, 3) == 0;

	snprintf(device, sizeof device, rental ? "rack:R%u" : "pile:P%u", (package ? 2 : 0) + host_below(h, 2));
	snprintf(json, sizeof json, "{\"id\":\"O-%u\",\"device\":\"%s\",\"connector\":%u,\"limit\":\"%u\",%s}", i,
		 device, rental ? host_below(h, 3) : 1 + host_below(h, 2),
		 rental || package || host_below(h, 2) ? 0 : 500,
		 i % 2 ? "\"customer\":\"C-1\"" : "\"payBy\":\"PAY_BY_PROVIDER\"");
	w->checkouts[i] = host_call_later(h, NULL, BILLING "Checkout", json);
}

static void stop_one(struct host *h, void *arg)
{
	struct world *w = arg;
	unsigned i = host_below(h, ORDERS);
	char json[40];

	if (w->stops[i])
		return;
	snprintf(json, sizeof json, "{\"id\":\"O-%u\"}", i);
	w->stops[i] = host_call_later(h, NULL, BILLING "StopOrder", json);
}

#define BY_HAND "by hand"

/* People take a charge back, whichever it is, twice. */
static void credit_one(struct host *h, void *arg)
{
	char json[80];

	snprintf(json, sizeof json, "{\"id\":\"CDR-%012u\",\"reason\":\"" BY_HAND "\"}", 1 + host_below(h, 6));
	for (unsigned i = 0; i < 2; i++)
		host_call_later(h, NULL, BILLING "CreditCharge", json);
}

static void prepare(struct host *h)
{
	must(h, "PutTariff", tariff);
	must(h, "AssignTariff", "{\"assignment\":{\"tariff\":\"T1\"}}");
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		must(h, "PutTariff", others[i]);
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		char json[100];

		snprintf(json, sizeof json, "{\"assignment\":{\"device\":\"%s\",\"tariff\":\"%s\"}}", places[i][0],
			 places[i][1]);
		must(h, "AssignTariff", json);
	}
	must(h, "TopUp",
	     "{\"id\":\"1\",\"customer\":\"C-1\",\"amount\":\"20000\",\"provider\":\"desk\",\"desk\":\"main\"}");
	must(h, "TopUp",
	     "{\"id\":\"2\",\"token\":\"CARD-1\",\"amount\":\"1500\",\"provider\":\"desk\",\"desk\":\"main\"}");
}

/* ---- what must hold -------------------------------------------------------------------------- */

struct sums {
	int64_t incl, paid_wallet, paid_card, paid_till, receivable;
	unsigned effective;
};

static bool has(const cJSON *list, const char *text)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, list) if (!strcmp(item->valuestring, text)) return true;
	return false;
}

static const char *text(const cJSON *of, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(of, name);

	return cJSON_IsString(item) ? item->valuestring : "";
}

static int64_t number(const cJSON *of, const char *name)
{
	return strtoll(text(of, name), NULL, 10);
}

/* The charges of a session, those taken back left out: there must be one, of the energy that the session had. */
struct seen {
	struct host *h;
	const cJSON *charges;
	unsigned sessions;
};

static const cJSON *credit_of(const cJSON *charges, const char *id)
{
	const cJSON *c;

	cJSON_ArrayForEach(c, charges) if (!strcmp(text(c, "creditOf"), id)) return c;
	return NULL;
}

/* What a session or a rental was charged with; *ret_n is how often. */
static const cJSON *charge_of(const struct seen *seen, const char *session, unsigned *ret_n)
{
	const cJSON *c, *found = NULL;

	*ret_n = 0;
	cJSON_ArrayForEach(c, seen->charges)
	{
		const cJSON *credit = credit_of(seen->charges, text(c, "id"));

		if (strcmp(text(c, "session"), session) != 0 || *text(c, "creditOf") ||
		    (credit && strcmp(text(credit, "reason"), BY_HAND) != 0))
			continue;
		found = c;
		++*ret_n;
	}
	return found;
}

static void check_session(struct host *h, void *arg, const char *const *key, size_t parts, const char *json)
{
	struct seen *seen = arg;
	const cJSON *found;
	unsigned n;

	seen->sessions++;
	host_check(h, !strcmp(scenario_str(h, json, "state"), "ENDED"), "session %s goes on: %s", key[0], json);
	found = charge_of(seen, key[0], &n);
	host_check(h, n == 1, "session %s has %u charges", key[0], n);
	if (has(cJSON_GetObjectItemCaseSensitive(found, "flags"), "no-stop"))
		return; /* settled as it stood; the correction is another test's */
	host_check(h, number(found, "energyWh") == scenario_int(h, json, "energyWh"),
		   "session %s used %lld Wh, charged are %lld", key[0], (long long)scenario_int(h, json, "energyWh"),
		   (long long)number(found, "energyWh"));
}

/* A bank that came out has one charge, until it came back or was sold; one that did not has none. */
static void check_rental(struct host *h, void *arg, const char *const *key, size_t parts, const char *json)
{
	const char *state = scenario_str(h, json, "state") + strlen("RENTAL_STATE_");
	const cJSON *found, *bank;
	unsigned n;

	found = charge_of(arg, key[0], &n);
	if (!strcmp(state, "FAILED")) {
		host_check(h, n == 0, "rental %s failed, and has %u charges", key[0], n);
		return;
	}
	host_check(h, !strcmp(state, "RETURNED") || !strcmp(state, "SOLD"), "rental %s goes on: %s", key[0], json);
	host_check(h, n == 1, "rental %s has %u charges", key[0], n);
	host_check(h,
		   number(found, "startedAtMs") == scenario_int(h, json, "startedAtMs") &&
			   number(found, "endedAtMs") == scenario_int(h, json, "endedAtMs"),
		   "rental %s has other times in its charge", key[0]);
	bank = cJSON_GetObjectItemCaseSensitive(found, "bank");
	host_check(h, strcmp(state, "SOLD") || cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(bank, "sold")),
		   "rental %s was sold, and its charge is not of a sale", key[0]);
	host_check(h, !*text(found, "order") || !strcmp(text(found, "order"), scenario_str(h, json, "order")),
		   "rental %s is charged to another order", key[0]);
}

static int64_t account(struct host *h, const char *id, const char *field)
{
	char json[100], path[60];
	struct host_answer *a;

	snprintf(json, sizeof json, "{\"id\":\"%s\"}", id);
	a = bill(h, "GetAccount", json);
	if (a->code == GV_NOT_FOUND)
		return 0;
	host_check(h, a->code == GV_OK, "account %s: %s", id, a->error);
	snprintf(path, sizeof path, "account.%s", field);
	return scenario_int(h, a->json, path);
}

static int64_t net(struct host *h, const char *prefix)
{
	char json[100];
	struct host_answer *a;
	const cJSON *item;
	cJSON *root;
	int64_t sum = 0;

	snprintf(json, sizeof json, "{\"prefix\":\"%s\",\"limit\":1000}", prefix);
	a = must(h, "ListAccounts", json);
	root = cJSON_Parse(a->json);
	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(root, "accounts"))
		sum += number(item, "creditsPosted") - number(item, "debitsPosted");
	cJSON_Delete(root);
	return sum;
}

static void add_charge(struct host *h, const cJSON *c, struct sums *s)
{
	const cJSON *price = cJSON_GetObjectItemCaseSensitive(c, "price");
	int64_t incl = number(price, "incl"), receivable = number(c, "receivable");

	if (has(cJSON_GetObjectItemCaseSensitive(c, "flags"), "unpaid") ||
	    !strcmp(text(c, "use"), "CHARGE_USE_PRIVATE"))
		return;
	s->incl += incl;
	s->receivable += receivable;
	*(!*text(c, "order")     ? &s->paid_card
	  : *text(c, "customer") ? &s->paid_wallet
				 : &s->paid_till) += incl - receivable;
}

/* What the provider has of each payment in the end: captured and not sent back, or nothing at all. */
static void add_payment(struct host *h, void *arg, const char *const *key, size_t parts, const char *json)
{
	int64_t *sum = arg;

	host_check(h, strcmp(scenario_str(h, json, "state"), "PAYMENT_STATE_AUTHORISED") != 0,
		   "the provider still holds money of a person: %s", json);
	*sum += scenario_int(h, json, "captured") - scenario_int(h, json, "refunded");
}

static void check_money(struct host *h, const cJSON *charges)
{
	struct sums s = { 0 };
	const cJSON *c;
	int64_t till = 0;

	cJSON_ArrayForEach(c, charges) add_charge(h, c, &s);
	host_check(h, account(h, "wallet:C-1", "available") == TOP_UP - s.paid_wallet,
		   "the wallet has %lld, but of %d the charges took %lld",
		   (long long)account(h, "wallet:C-1", "available"), TOP_UP, (long long)s.paid_wallet);
	host_check(h, account(h, "card:CARD-1", "available") == CARD_TOP_UP - s.paid_card,
		   "the card has %lld, but of %d the charges took %lld",
		   (long long)account(h, "card:CARD-1", "available"), CARD_TOP_UP, (long long)s.paid_card);
	host_check(h, !account(h, "wallet:C-1", "debitsPending") && !account(h, "card:CARD-1", "debitsPending"),
		   "money is still held");
	host_rows(h, "till.0", TILL_PAYMENTS, add_payment, &till);
	host_check(h, till == s.paid_till, "the provider has %lld, by the charges it is %lld", (long long)till,
		   (long long)s.paid_till);
	host_check(h, -net(h, "psp:") == till, "the books say that the provider has %lld, it has %lld",
		   (long long)-net(h, "psp:"), (long long)till);
	host_check(h, net(h, "income:") + net(h, "vat:") == s.incl, "income and taxes are %lld, the charges %lld",
		   (long long)(net(h, "income:") + net(h, "vat:")), (long long)s.incl);
	host_check(h, net(h, "receivable:") == -s.receivable, "owed is %lld, by the charges %lld",
		   (long long)-net(h, "receivable:"), (long long)s.receivable);
	host_check(h, net(h, "suspense") == 0, "%lld are left in suspense", (long long)net(h, "suspense"));
}

/* Each start was asked for with the token of an order whose money had been held before. */
static void check_start(struct host *h, void *arg, const char *const *key, size_t parts, const char *json)
{
	struct world *w = arg;
	bool found = false;

	w->starts++;
	for (unsigned i = 0; i < ORDERS && !found; i++) {
		char request[60];
		struct host_answer *a;

		snprintf(request, sizeof request, "{\"id\":\"O-%u\"}", i);
		a = bill(h, "GetOrder", request);
		if (a->code != GV_OK || strcmp(scenario_str(h, a->json, "order.token"), key[0]) != 0)
			continue;
		found = true;
		snprintf(request, sizeof request, "{\"order\":\"O-%u\"}", i);
		a = must(h, "ListEntries", request);
		host_check(h, scenario_count(h, a->json, "entries") > 0, "O-%u was started and nothing was held for it",
			   i);
	}
	host_check(h, found, "a start was asked for with the token %s, which is no order's", key[0]);
}

static void check_lend(struct host *h, void *arg, const char *const *key, size_t parts, const char *json)
{
	char request[60];
	struct host_answer *a;

	snprintf(request, sizeof request, "{\"order\":\"%s\"}", key[0]);
	a = must(h, "ListEntries", request);
	host_check(h, scenario_count(h, a->json, "entries") > 0, "a lend was asked for, and nothing was held for %s",
		   key[0]);
	snprintf(request, sizeof request, "{\"id\":\"%s\"}", key[0]);
	a = must(h, "GetOrder", request);
	host_check(h, !strcmp(scenario_str(h, a->json, "order.token"), scenario_str(h, json, "token")),
		   "%s was lent with another token than its own", key[0]);
}

static const char *payments_of(struct host *h)
{
	return must(h, "ListPayments", "{}")->json;
}

static void check_orders(struct host *h)
{
	struct host_answer *a = must(h, "ListOrders", "{}");
	cJSON *root = cJSON_Parse(a->json);
	const cJSON *o;

	cJSON_ArrayForEach(o, cJSON_GetObjectItemCaseSensitive(root, "orders")) host_check(
		h, !strcmp(text(o, "state"), "ORDER_STATE_CLOSED") || !strcmp(text(o, "state"), "ORDER_STATE_VOIDED"),
		"order %s is left in %s: %s", text(o, "id"), text(o, "state"), payments_of(h));
	cJSON_Delete(root);
}

static void check_world(struct host *h, struct world *w)
{
	struct host_answer *a = must(h, "ListCharges", "{\"limit\":1000}");
	cJSON *root = cJSON_Parse(a->json);
	struct seen seen = { .h = h, .charges = cJSON_GetObjectItemCaseSensitive(root, "charges") };

	host_check(h, !host_parked(h, "billing.0"), "billing has parked a message");
	host_check(h, !host_parked(h, "pile.0"), "the devices' plugin has parked a message");
	host_check(h, !host_parked(h, "rack.0"), "the cabinets' plugin has parked a message");
	host_check(h, !host_parked(h, "till.0"), "the provider has parked a message");
	check_orders(h);
	host_rows(h, "pile.0", PILE_SESSIONS, check_session, &seen);
	host_rows(h, "pile.0", PILE_STARTS, check_start, w);
	host_rows(h, "rack.0", RACK_RENTALS, check_rental, &seen);
	host_rows(h, "rack.0", RACK_LENDS, check_lend, NULL);
	check_money(h, seen.charges);
	host_check(h, host_events(h, "galvan.billing.v1.ChargeRecorded") == (size_t)cJSON_GetArraySize(seen.charges),
		   "%d charges, and %zu were told", cJSON_GetArraySize(seen.charges),
		   host_events(h, "galvan.billing.v1.ChargeRecorded"));
	cJSON_Delete(root);
	a = must(h, "Verify", "{}");
	host_check(h, scenario_int(h, a->json, "sound"), "the books are not sound: %s", a->json);
}

static bool finished(struct host *h, void *arg)
{
	struct world *w = arg;

	for (unsigned i = 0; i < ORDERS; i++)
		if (!w->checkouts[i] || !w->checkouts[i]->done || (w->stops[i] && !w->stops[i]->done))
			return false;
	return true;
}

static void run(struct host *h)
{
	static const char *const victims[] = { "billing.0", "pile.0", "till.0", "rack.0", NULL };
	struct world w = { 0 };

	scenario_load(h, "billing", 1, config);
	prepare(h);
	host_check(h, host_load_record(h, &pile_record, 1, NULL) == 0, "%s", host_error(h));
	host_check(h, host_load_record(h, &till_record, 1, NULL) == 0, "%s", host_error(h));
	host_check(h, host_load_record(h, &rack_record, 1, NULL) == 0, "%s", host_error(h));
	host_durable(h, true);
	host_settle(h, 5);
	scenario_weather(h, victims);
	for (unsigned i = 0; i < ORDERS; i++)
		host_after(h, 1 + host_below(h, OPEN_MS), check_out, &w);
	host_after(h, 1 + host_below(h, 2 * OPEN_MS), stop_one, &w);
	host_after(h, OPEN_MS + host_below(h, 2 * OPEN_MS), credit_one, &w);
	host_check(h, host_run_until(h, finished, &w, END_MS), "a call of the test is not answered");
	host_run_ms(h, 20 * 60000);
	scenario_calm(h);
	host_run_ms(h, END_MS);
	scenario_shake(h, victims);
	check_world(h, &w);
}

const struct scenario scenario_billing = { "billing", "orders, rentals and cards in all weathers", run };
