/* Money and banks in one world: the real billing, powerbank and registry with simulated cabinets, people who pay from
 * a balance or by provider, and crashes of all of them. Neither plugin is believed for the other: at the end the
 * rentals of one and the charges of the other must say the same, and both what the cabinets really did. */
#include "books.h"
#include "cabinets.h"
#include "scenario.h"
#include "till.h"

#include <stdio.h>
#include <string.h>

#define RENTAL "galvan.rental.v1.Rental/"
#define CABINETS 3
#define BANKS 6
#define BORROWS 9
#define VISITS 8       /* of people who do something else than rent */
#define START_MS 30000 /* by then the cabinets are there */
#define OPEN_MS 600000 /* in which all that begins */
#define OFF_MS 600000  /* a cabinet that somebody unplugs is off for less */
#define SOON_MS 5000
#define LOOK_MS 1800000
#define END_MS (26 * 3600000LL) /* by then whatever was unknown is settled */

static const char powerbank_config[] = "{\"profiles\":[{\"listener\":\"ruioo\",\"heartbeatS\":300,\"slots\":4},"
				       "{\"listener\":\"woshi\",\"driver\":\"woshi\",\"heartbeatS\":300,\"slots\":4}]}";
static const char billing_config[] =
	"{\"currency\":\"EUR\",\"hold\":{\"amount\":\"3000\",\"cardAmount\":\"1000\",\"openS\":300,\"startS\":100,"
	"\"noStopS\":86400},\"signIn\":{\"adapter\":\"console\",\"codeS\":600,\"accessS\":3600,\"codesPerMinute\":60},"
	"\"stripe\":{\"secretKey\":\"k\",\"webhookSecret\":\"w\",\"api\":\"http://till\"},\"publicUrl\":\"http://x\","
	"\"desks\":[\"main\"],\"countryCode\":\"XX\",\"partyId\":\"GLV\","
	"\"customers\":[{\"id\":\"C-1\",\"name\":\"Ada\"},{\"id\":\"C-2\",\"name\":\"Bob\"}]}";
/* Whoever keeps a bank for longer than most do has bought it. */
static const char tariff[] =
	"{\"tariff\":{\"id\":\"R1\",\"rental\":{\"currency\":\"EUR\",\"freeS\":60,\"intervalS\":120,\"intervalPrice\":"
	"70,\"capWindow\":\"CAP_WINDOW_ROLLING_24H\",\"capAmount\":600,\"vatPpm\":190000,\"deposit\":1500,\"buyout\":{"
	"\"mode\":\"BUYOUT_MODE_ADD\",\"afterS\":480,\"price\":1800}}}}";
/* The second can afford two deposits, and not two banks. */
static const struct books_purse purses[] = { { "wallet:C-1", "C-1", 20000 }, { "wallet:C-2", "C-2", 3300 } };
static const char *const victims[] = { "billing.0", "powerbank.0", "till.0", "registry.0", NULL };

struct world {
	struct cabinets *all;
	struct host_answer *borrow[2 * BORROWS], *visit[VISITS];
	char request[BORROWS][150];
	unsigned made, repeated, visits, begun;
	const struct books *books;
	bool exact; /* nothing goes wrong with the cabinets */
};

/* ---- what people do -------------------------------------------------------------------------- */

/* Every third is a guest, who pays by provider, or does not. */
static void borrow(struct host *h, void *arg)
{
	static const char *const who[] = { ",\"customer\":\"C-1\"", ",\"customer\":\"C-2\"", "" };
	struct world *w = arg;
	unsigned i = w->made++;

	snprintf(w->request[i], sizeof w->request[i], "{\"id\":\"O-%u\",\"device\":\"%s\",\"slot\":%u%s}", i,
		 cabinets_any(w->all)->device, host_below(h, 3) ? 0 : 1 + host_below(h, CABINETS_SLOTS), who[i % 3]);
	w->borrow[i] = host_call_later(h, NULL, RENTAL "Borrow", w->request[i]);
}

/* Somebody taps twice, or later once more: the same order. */
static void borrow_again(struct host *h, void *arg)
{
	struct world *w = arg;
	unsigned i = w->repeated++;

	if (w->made)
		w->borrow[BORROWS + i] = host_call_later(h, NULL, RENTAL "Borrow", w->request[host_below(h, w->made)]);
}

static const struct host_event *newest_start(struct host *h)
{
	const char *type = "galvan.rental.v1.RentalStarted";
	size_t n = host_events(h, type);

	return n ? host_event(h, type, n - 1) : NULL;
}

/* Whether it is over or not, it is written off. */
static struct host_answer *close_newest(struct host *h)
{
	const struct host_event *e = newest_start(h);
	char json[200];

	if (!e)
		return NULL;
	snprintf(json, sizeof json, "{\"id\":\"%s\",\"how\":\"closed\",\"reason\":\"test\"}",
		 scenario_str(h, e->json, "rental.id"));
	return host_call_later(h, NULL, RENTAL "EndRental", json);
}

/* As billing would that is not sure whether its call came through: it is the same rental. */
static struct host_answer *lend_newest_again(struct host *h)
{
	const struct host_event *e = newest_start(h);
	char json[200];

	if (!e)
		return NULL;
	snprintf(json, sizeof json, "{\"device\":\"%s\",\"order\":\"%s\",\"token\":\"%s\"}",
		 scenario_str(h, e->json, "rental.device"), scenario_str(h, e->json, "rental.order"),
		 scenario_str(h, e->json, "rental.token"));
	return host_call_later(h, NULL, "galvan.rental.v1.Lending/Lend", json);
}

/* For an update, during which no clock runs; or it is back. */
static struct host_answer *pause_one(struct host *h, const struct box *b)
{
	char json[120];

	snprintf(json, sizeof json, "{\"device\":\"%s\",\"why\":\"%s\"}", b->device, host_below(h, 2) ? "update" : "");
	return host_call_later(h, NULL, RENTAL "PauseCabinet", json);
}

static void visit(struct host *h, void *arg)
{
	struct world *w = arg;
	struct box *b = cabinets_any(w->all);
	unsigned slot = 1 + host_below(h, b->slots), i = w->visits++, what = host_below(h, w->exact ? 3 : 6);

	if (what == 0)
		w->visit[i] = close_newest(h);
	else if (what == 1)
		w->visit[i] = pause_one(h, b);
	else if (what == 2)
		w->visit[i] = lend_newest_again(h);
	else if (what == 3)
		cabinet_power_cycle(b->model, host_now_ms(h), host_below(h, 2) ? host_below(h, OFF_MS) : 0);
	else if (what == 4)
		cabinet_break(b->model, host_now_ms(h), slot, host_below(h, 2));
	else
		box_rob(b, slot);
	box_schedule(b);
}

/* ---- what must hold -------------------------------------------------------------------------- */

static const cJSON *item(const cJSON *of, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(of, name);
}

static bool same_text(const cJSON *a, const char *name, const cJSON *b, const char *other)
{
	return !strcmp(books_text(a, name), books_text(b, other));
}

static bool same_count(const cJSON *a, const char *name, const cJSON *b, const char *other)
{
	return cJSON_GetNumberValue(item(a, name)) == cJSON_GetNumberValue(item(b, other));
}

/* What a rental's order has become. One that was given up stays so, though the bank came out after all. */
static void check_order(struct host *h, const cJSON *rental, const cJSON *charge)
{
	bool late = charge && books_has(item(charge, "flags"), "late-start");
	const char *state = charge && !late ? "ORDER_STATE_CLOSED" : "ORDER_STATE_VOIDED";
	struct host_answer *a;
	char json[100];

	snprintf(json, sizeof json, "{\"id\":\"%s\"}", books_text(rental, "order"));
	a = books_must(h, "GetOrder", json);
	host_check(h, !strcmp(scenario_str(h, a->json, "order.state"), state), "of rental %s the order is not %s: %s",
		   books_text(rental, "id"), state, a->json);
	if (!charge || late)
		return;
	host_check(h,
		   !strcmp(scenario_str(h, a->json, "order.session"), books_text(rental, "id")) &&
			   !strcmp(scenario_str(h, a->json, "order.charge"), books_text(charge, "id")),
		   "of rental %s the order has another rental or charge: %s", books_text(rental, "id"), a->json);
}

/* The same bank, out of the same slot, back in the same, at the same times, to the same order, sold or not. */
static void check_charge(struct host *h, const cJSON *rental, const cJSON *charge, const char *json)
{
	const cJSON *bank = item(charge, "bank");
	bool sold = !strcmp(books_text(rental, "state"), "RENTAL_STATE_SOLD");
	char *text = cJSON_PrintUnformatted(charge);

	host_check(h,
		   same_text(charge, "device", rental, "device") && same_count(charge, "connector", rental, "slot") &&
			   same_text(bank, "id", rental, "bank") && same_text(charge, "order", rental, "order") &&
			   same_text(charge, "token", rental, "token"),
		   "another bank was charged than was lent: %s for %s", text, json);
	host_check(h,
		   same_text(charge, "startedAtMs", rental, "startedAtMs") &&
			   same_text(charge, "endedAtMs", rental, "endedAtMs"),
		   "another time was charged than it was out: %s for %s", text, json);
	host_check(h,
		   same_text(bank, "returnDevice", rental, "returnDevice") &&
			   same_count(bank, "returnSlot", rental, "returnSlot"),
		   "it came back elsewhere: %s for %s", text, json);
	host_check(h,
		   cJSON_IsTrue(item(bank, "sold")) ==
			   (sold || books_has(item(charge, "flags"), "returned-after-sale")),
		   "it was sold for one and not for the other: %s for %s", text, json);
	cJSON_free(text);
}

/* Nobody need look for what has been told: where nothing is lost, it is charged or paid back at once. */
static void check_soon(struct host *h, const cJSON *rental, const cJSON *charge)
{
	int64_t decided_ms = books_number(rental, "changedAtMs"), done_ms = books_number(charge, "recordedAtMs");
	struct host_answer *a;
	char json[100];

	snprintf(json, sizeof json, "{\"id\":\"%s\"}", books_text(rental, "order"));
	a = books_must(h, "GetOrder", json);
	if (!charge && !*scenario_str(h, a->json, "order.customer"))
		return; /* the provider takes its time to release */
	done_ms = charge ? done_ms : scenario_int(h, a->json, "order.changedAtMs");
	host_check(h, done_ms - decided_ms < SOON_MS, "rental %s was decided %lld s before its order: %s",
		   books_text(rental, "id"), (long long)(done_ms - decided_ms) / 1000, a->json);
}

static void check_rental(struct host *h, void *arg, const char *const *key, size_t parts, const char *json)
{
	struct world *w = arg;
	cJSON *rental = cJSON_Parse(json);
	const char *state = books_text(rental, "state") + strlen("RENTAL_STATE_");
	bool failed = !strcmp(state, "FAILED");
	unsigned n;
	const cJSON *charge = books_charge_of(w->books, key[0], &n);

	host_check(h, failed || !strcmp(state, "RETURNED") || !strcmp(state, "SOLD") || !strcmp(state, "CLOSED"),
		   "rental %s goes on: %s", key[0], json);
	host_check(h, n == !failed, "rental %s has %u charges: %s", key[0], n, json);
	check_order(h, rental, charge);
	if (charge)
		check_charge(h, rental, charge, json);
	if (scenario_must_answer(h) && host_seed(h) < ONE_CRASH)
		check_soon(h, rental, charge);
	w->begun += !failed;
	cJSON_Delete(rental);
}

static void check_world(struct host *h, struct world *w)
{
	struct books *books = books_open(h);

	w->books = books;
	for (size_t i = 0; victims[i]; i++)
		host_check(h, !host_parked(h, victims[i]), "%s has parked a message", victims[i]);
	host_rows(h, "powerbank.0", "rentals", check_rental, w);
	host_check(h, w->begun == (unsigned)cJSON_GetArraySize(books_charges(books)),
		   "%u rentals began, and there are %d charges", w->begun, cJSON_GetArraySize(books_charges(books)));
	host_check(h, !w->exact || w->begun == w->all->outs, "%llu banks came out, and %u were charged",
		   (unsigned long long)w->all->outs, w->begun);
	cabinets_check_books(w->all);
	books_check(books, purses, sizeof purses / sizeof *purses);
	books_close(books);
}

/* ---- the run --------------------------------------------------------------------------------- */

static bool finished(struct host *h, void *arg)
{
	struct world *w = arg;

	if (w->made < BORROWS || w->repeated < BORROWS || w->visits < VISITS)
		return false;
	for (unsigned i = 0; i < 2 * BORROWS; i++)
		if (w->borrow[i] && !w->borrow[i]->done)
			return false;
	for (unsigned i = 0; i < VISITS; i++)
		if (w->visit[i] && !w->visit[i]->done)
			return false;
	return true;
}

static bool at_rest(struct host *h, void *arg)
{
	return cabinets_at_rest(((struct world *)arg)->all);
}

static void rest(struct host *h, struct world *w)
{
	host_check(h, host_run_until(h, at_rest, w, END_MS), "banks or reports are under way for ever");
}

/* Until billing waits for nothing any more, and a while longer, in which nothing may change. */
static void settle(struct host *h)
{
	int64_t end_ms = host_now_ms(h) + END_MS;

	while (scenario_count(h, books_must(h, "ListOrders", "{\"open\":true}")->json, "orders") ||
	       host_rows(h, "billing.0", "uses", NULL, NULL)) {
		host_check(h, host_now_ms(h) < end_ms, "billing still waits: %s",
			   books_must(h, "ListOrders", "{\"open\":true}")->json);
		host_run_ms(h, LOOK_MS);
	}
	host_run_ms(h, LOOK_MS);
}

static void load(struct host *h, struct world *w)
{
	struct cabinet_faults faults = cabinets_trouble(h);

	scenario_load(h, "registry", 1, "{\"passwordIterations\":1000}");
	scenario_load(h, "powerbank", 1, powerbank_config);
	scenario_load(h, "billing", 1, billing_config);
	host_check(h, host_load_record(h, &till_record, 1, NULL) == 0, "%s", host_error(h));
	books_must(h, "PutTariff", tariff);
	books_must(h, "AssignTariff", "{\"assignment\":{\"tariff\":\"R1\"}}");
	for (size_t i = 0; i < sizeof purses / sizeof *purses; i++) {
		char json[150];

		snprintf(json, sizeof json,
			 "{\"id\":\"%zu\",\"customer\":\"%s\",\"amount\":\"%lld\",\"provider\":\"desk\",\"desk\":"
			 "\"main\"}",
			 i, purses[i].customer, (long long)purses[i].top_up);
		books_must(h, "TopUp", json);
	}
	host_durable(h, true);
	host_settle(h, 5);
	w->all = cabinets_create(h, CABINETS, BANKS, &faults);
	w->all->keep_pm = host_below(h, 500);
	for (unsigned i = 0; i < CABINETS; i++)
		host_call(h, "galvan.registry.v1.Registry/PutDevice", "{\"device\":{\"id\":\"%s\"}}",
			  w->all->box[i].device);
	for (unsigned i = 0; i < BANKS; i++) /* or one that is robbed before its cabinet has spoken is nobody's */
		host_call(h, RENTAL "PutBank", "{\"bank\":{\"id\":\"%s\"}}", w->all->bank[i].id);
	cabinets_connect(w->all);
}

static void run(struct host *h)
{
	struct world w = { .exact = host_seed(h) >= ONE_CRASH || host_seed(h) % 64 == 0 };

	load(h, &w);
	for (unsigned i = 0; i < BORROWS; i++) {
		host_after(h, START_MS + host_below(h, OPEN_MS), borrow, &w);
		host_after(h, START_MS + host_below(h, OPEN_MS), borrow_again, &w);
	}
	for (unsigned i = 0; i < VISITS; i++)
		host_after(h, START_MS + host_below(h, OPEN_MS), visit, &w);
	scenario_weather(h, victims);
	if (host_seed(h) < ONE_CRASH && host_seed(h) % 2)
		host_set(h, HOST_CRASH, 1 + host_below(h, 10)); /* it is a long time, and a start takes long */
	host_check(h, host_run_until(h, finished, &w, END_MS), "a call of the test is not answered");
	host_run_ms(h, OPEN_MS);
	scenario_calm(h);
	cabinets_calm(w.all);
	cabinets_bring_all(w.all);
	rest(h, &w);
	for (unsigned i = 0; i < CABINETS; i++)
		host_call(h, RENTAL "PauseCabinet", "{\"device\":\"%s\"}", w.all->box[i].device);
	host_run_ms(h, 60000);
	scenario_shake(h, victims);
	rest(h, &w);
	cabinets_audit(w.all);
	settle(h);
	check_world(h, &w);
	cabinets_destroy(w.all);
}

const struct scenario scenario_rentals = { "rentals", "money and banks in one world, in all weathers", run };
