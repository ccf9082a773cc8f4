/* Orders and cards in all weathers: devices refuse, start late, fall silent and end twice, banks jam and come out after
 * all or never come back, while billing, the devices' plugins and the network die at any point. At the end no money has
 * moved twice, none is lost, nothing was started or lent without money held for it before, and every session and every
 * bank that came out has its charge. */
#include "books.h"
#include "pile.h"
#include "rack.h"
#include "scenario.h"
#include "till.h"

#include <cjson/cJSON.h>
#include <stdio.h>
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

/* People take a charge back, whichever it is, twice. */
static void credit_one(struct host *h, void *arg)
{
	char json[80];

	snprintf(json, sizeof json, "{\"id\":\"CDR-%012u\",\"reason\":\"" BOOKS_BY_HAND "\"}", 1 + host_below(h, 6));
	for (unsigned i = 0; i < 2; i++)
		host_call_later(h, NULL, BILLING "CreditCharge", json);
}

static void prepare(struct host *h)
{
	books_must(h, "PutTariff", tariff);
	books_must(h, "AssignTariff", "{\"assignment\":{\"tariff\":\"T1\"}}");
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		books_must(h, "PutTariff", others[i]);
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		char json[100];

		snprintf(json, sizeof json, "{\"assignment\":{\"device\":\"%s\",\"tariff\":\"%s\"}}", places[i][0],
			 places[i][1]);
		books_must(h, "AssignTariff", json);
	}
	books_must(h, "TopUp",
		   "{\"id\":\"1\",\"customer\":\"C-1\",\"amount\":\"20000\",\"provider\":\"desk\",\"desk\":\"main\"}");
	books_must(h, "TopUp",
		   "{\"id\":\"2\",\"token\":\"CARD-1\",\"amount\":\"1500\",\"provider\":\"desk\",\"desk\":\"main\"}");
}

/* ---- what must hold -------------------------------------------------------------------------- */

struct seen {
	const struct books *books;
	unsigned sessions;
};

/* A session has one charge, of the energy that it used. */
static void check_session(struct host *h, void *arg, const char *const *key, size_t parts, const char *json)
{
	struct seen *seen = arg;
	const cJSON *found;
	unsigned n;

	seen->sessions++;
	host_check(h, !strcmp(scenario_str(h, json, "state"), "ENDED"), "session %s goes on: %s", key[0], json);
	found = books_charge_of(seen->books, key[0], &n);
	host_check(h, n == 1, "session %s has %u charges", key[0], n);
	if (books_has(cJSON_GetObjectItemCaseSensitive(found, "flags"), "no-stop"))
		return; /* settled as it stood; the correction is another test's */
	host_check(h, books_number(found, "energyWh") == scenario_int(h, json, "energyWh"),
		   "session %s used %lld Wh, charged are %lld", key[0], (long long)scenario_int(h, json, "energyWh"),
		   (long long)books_number(found, "energyWh"));
}

/* A bank that came out has one charge, until it came back or was sold; one that did not has none. */
static void check_rental(struct host *h, void *arg, const char *const *key, size_t parts, const char *json)
{
	const char *state = scenario_str(h, json, "state") + strlen("RENTAL_STATE_");
	struct seen *seen = arg;
	const cJSON *found, *bank;
	unsigned n;

	found = books_charge_of(seen->books, key[0], &n);
	if (!strcmp(state, "FAILED")) {
		host_check(h, n == 0, "rental %s failed, and has %u charges", key[0], n);
		return;
	}
	host_check(h, !strcmp(state, "RETURNED") || !strcmp(state, "SOLD"), "rental %s goes on: %s", key[0], json);
	host_check(h, n == 1, "rental %s has %u charges", key[0], n);
	host_check(h,
		   books_number(found, "startedAtMs") == scenario_int(h, json, "startedAtMs") &&
			   books_number(found, "endedAtMs") == scenario_int(h, json, "endedAtMs"),
		   "rental %s has other times in its charge", key[0]);
	bank = cJSON_GetObjectItemCaseSensitive(found, "bank");
	host_check(h, strcmp(state, "SOLD") || cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(bank, "sold")),
		   "rental %s was sold, and its charge is not of a sale", key[0]);
	host_check(h,
		   !*books_text(found, "order") || !strcmp(books_text(found, "order"), scenario_str(h, json, "order")),
		   "rental %s is charged to another order", key[0]);
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
		a = books_call(h, "GetOrder", request);
		if (a->code != GV_OK || strcmp(scenario_str(h, a->json, "order.token"), key[0]) != 0)
			continue;
		found = true;
		snprintf(request, sizeof request, "{\"order\":\"O-%u\"}", i);
		a = books_must(h, "ListEntries", request);
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
	a = books_must(h, "ListEntries", request);
	host_check(h, scenario_count(h, a->json, "entries") > 0, "a lend was asked for, and nothing was held for %s",
		   key[0]);
	snprintf(request, sizeof request, "{\"id\":\"%s\"}", key[0]);
	a = books_must(h, "GetOrder", request);
	host_check(h, !strcmp(scenario_str(h, a->json, "order.token"), scenario_str(h, json, "token")),
		   "%s was lent with another token than its own", key[0]);
}

static void check_world(struct host *h, struct world *w)
{
	static const struct books_purse purses[] = { { "wallet:C-1", "C-1", TOP_UP },
						     { "card:CARD-1", NULL, CARD_TOP_UP } };
	struct books *books = books_open(h);
	struct seen seen = { .books = books };

	host_check(h, !host_parked(h, "billing.0"), "billing has parked a message");
	host_check(h, !host_parked(h, "pile.0"), "the devices' plugin has parked a message");
	host_check(h, !host_parked(h, "rack.0"), "the cabinets' plugin has parked a message");
	host_check(h, !host_parked(h, "till.0"), "the provider has parked a message");
	host_rows(h, "pile.0", PILE_SESSIONS, check_session, &seen);
	host_rows(h, "pile.0", PILE_STARTS, check_start, w);
	host_rows(h, "rack.0", RACK_RENTALS, check_rental, &seen);
	host_rows(h, "rack.0", RACK_LENDS, check_lend, NULL);
	books_check(books, purses, sizeof purses / sizeof *purses);
	books_close(books);
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
