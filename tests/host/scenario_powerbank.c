/* Banks are lent and brought back in all weathers: cabinets jam, lose, double and delay what they say and are switched
 * off in the middle; people keep banks, steal them and repair; and the plugin dies at any commit and send. At the end
 * each bank is where the books have it, and each order was told one outcome, and its end if it had begun. */
#include "cabinets.h"
#include "scenario.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RENTAL "galvan.rental.v1.Rental/"
#define CABINETS 3
#define BANKS 6
#define ORDERS 7
#define VISITS 8       /* of people who do something else than rent */
#define OPEN_MS 900000 /* in which all that begins */
#define OFF_MS 1200000 /* a cabinet that somebody unplugs is off for less */
#define END_MS (12 * 3600000)

static const char config[] =
	"{\"profiles\":[{\"listener\":\"ruioo\",\"heartbeatS\":300,\"slots\":4},"
	"{\"listener\":\"woshi\",\"driver\":\"woshi\",\"heartbeatS\":300,\"slots\":4}],\"unknownH\":1}";

struct order {
	struct host_answer *lend, *again;
	char device[64];
	unsigned failed, started, late, ended;
};

struct world {
	struct cabinets *all;
	struct order orders[ORDERS];
	unsigned made, visits, ended_by_hand;
	struct host_answer *visit[VISITS];
	unsigned n_visit;
	bool exact;  /* nothing goes wrong, so all that is said must be answered, once */
	bool honest; /* nobody steals */
};

/* ---- what people do -------------------------------------------------------------------------- */

static struct host_answer *later(struct host *h, const char *method, const char *fmt, ...) GV_PRINTF(3, 4);
static struct host_answer *later(struct host *h, const char *method, const char *fmt, ...)
{
	char json[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(json, sizeof json, fmt, ap);
	va_end(ap);
	return host_call_later(h, NULL, method, json);
}

static struct host_answer *lend(struct host *h, const struct order *o, unsigned i)
{
	return later(h, "galvan.rental.v1.Lending/Lend", "{\"device\":\"%s\",\"order\":\"O-%u\",\"token\":\"T-%u\"}",
		     o->device, i, i);
}

static void order(struct host *h, void *arg)
{
	struct world *w = arg;
	unsigned i = w->made++;

	snprintf(w->orders[i].device, sizeof w->orders[i].device, "%s", cabinets_any(w->all)->device);
	w->orders[i].lend = lend(h, &w->orders[i], i);
}

/* Billing is not sure that its call has come through. */
static void order_again(struct world *w)
{
	unsigned i = w->made ? host_below(w->all->h, w->made) : 0;

	if (w->made && !w->orders[i].again)
		w->orders[i].again = lend(w->all->h, &w->orders[i], i);
}

/* A rental that has begun and is not over ends by hand, or its bank is sold: it comes back all the same. */
static struct host_answer *end_one(struct world *w)
{
	struct host *h = w->all->h;
	const char *type = "galvan.rental.v1.RentalStarted";
	const struct host_event *e = host_events(h, type) ? host_event(h, type, host_events(h, type) - 1) : NULL;

	return e ? later(h, RENTAL "EndRental", "{\"id\":\"%s\",\"how\":\"%s\",\"reason\":\"test\"}",
			 scenario_str(h, e->json, "rental.id"), host_below(h, 2) ? "sold" : "closed")
		 : NULL;
}

static void visit(struct host *h, void *arg)
{
	struct world *w = arg;
	struct box *b = cabinets_any(w->all);
	unsigned slot = 1 + host_below(h, b->slots);
	struct host_answer **a = &w->visit[w->visits++];

	switch (host_below(h, 8)) {
	case 0:
		*a = later(h, RENTAL "Eject", "{\"device\":\"%s\",\"slot\":%u,\"reason\":\"test\"}", b->device, slot);
		break;
	case 1:
		*a = later(h, RENTAL "FreezeSlot", "{\"device\":\"%s\",\"slot\":%u,\"frozen\":%s}", b->device, slot,
			   host_below(h, 2) ? "true" : "false");
		break;
	case 2:
		*a = later(h, RENTAL "Audit", "{\"device\":\"%s\"}", b->device);
		break;
	case 3:
		*a = end_one(w);
		break;
	case 4:
		order_again(w);
		break;
	case 5:
		if (!w->exact)
			cabinet_power_cycle(b->model, host_now_ms(h), host_below(h, 2) ? host_below(h, OFF_MS) : 0);
		break;
	case 6:
		if (!w->honest)
			box_rob(b, slot);
		break;
	case 7:
		if (!w->exact)
			cabinet_break(b->model, host_now_ms(h), slot, host_below(h, 2));
		break;
	}
	box_schedule(b);
}

/* ---- what must hold -------------------------------------------------------------------------- */

static const char *text(const cJSON *of, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(of, name);

	return cJSON_IsString(item) ? item->valuestring : "";
}

static struct order *order_of(struct host *h, struct world *w, const cJSON *rental, const char *json)
{
	unsigned i;

	host_check(h, sscanf(text(rental, "order"), "O-%u", &i) == 1 && i < w->made, "an outcome of no order: %s",
		   json);
	return &w->orders[i];
}

static bool has(const cJSON *list, const char *word)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, list) if (!strcmp(item->valuestring, word)) return true;
	return false;
}

/* An event of a rental, in the order in which they came. */
static void take_event(struct host *h, struct world *w, const struct host_event *e)
{
	cJSON *root = cJSON_Parse(e->json);
	const cJSON *rental = cJSON_GetObjectItemCaseSensitive(root, "rental");
	const char *kind = strrchr(e->type, '.') + 1;
	struct order *o;

	if (!strncmp(kind, "Rental", 6) && !e->snapshot) {
		o = order_of(h, w, rental, e->json);
		if (!strcmp(kind, "RentalFailed")) {
			host_check(h, !o->started, "it had begun, and now it has failed: %s", e->json);
			o->failed++;
		} else if (!strcmp(kind, "RentalStarted")) {
			host_check(h, has(cJSON_GetObjectItemCaseSensitive(rental, "flags"), "late") == !!o->failed,
				   "what begins after a failure is late, and only that: %s", e->json);
			o->started++;
		} else {
			host_check(h, o->started > o->ended, "what has not begun ends: %s", e->json);
			o->ended++;
		}
	}
	cJSON_Delete(root);
}

static void check_orders(struct host *h, struct world *w)
{
	for (size_t i = 0; i < host_events(h, NULL); i++)
		take_event(h, w, host_event(h, NULL, i));
	for (unsigned i = 0; i < w->made; i++) {
		struct order *o = &w->orders[i];
		bool taken = o->lend->code == GV_OK;

		host_check(h, taken || (!o->failed && !o->started) || (o->again && o->again->code == GV_OK),
			   "order O-%u was refused (%s), and is told of", i, o->lend->error);
		if (taken && o->again && o->again->code == GV_OK) {
			char id[80];

			snprintf(id, sizeof id, "%s", scenario_str(h, o->lend->json, "rental.id"));
			host_check(h, !strcmp(id, scenario_str(h, o->again->json, "rental.id")),
				   "order O-%u is two rentals: %s and %s", i, o->lend->json, o->again->json);
		}
		host_check(h, !taken || o->failed + o->started, "order O-%u was told no outcome", i);
		host_check(h, o->failed <= 1 && o->started <= 1, "order O-%u was told %u failures and %u beginnings", i,
			   o->failed, o->started);
		host_check(h, o->ended == o->started, "order O-%u began %u times and ended %u times", i, o->started,
			   o->ended);
	}
}

static uint64_t said(const struct cabinet_state *s)
{
	return s->spoke[CABINET_LENT] + s->spoke[CABINET_NOT_LENT] + s->spoke[CABINET_TAKEN] +
	       s->spoke[CABINET_NOT_TAKEN];
}

/* Where nothing is lost on the way, every report is answered, and every question. */
static void check_answers(struct host *h, const struct box *b)
{
	struct cabinet_state s;

	cabinet_get_state(b->model, &s);
	if (b->family == CABINET_RUIOO)
		host_check(h, said(&s) == s.spoke[CABINET_CONFIRM], "%s made %llu reports and had %llu answers",
			   b->device, (unsigned long long)said(&s), (unsigned long long)s.spoke[CABINET_CONFIRM]);
	host_check(h, s.spoke[CABINET_ASK] == s.spoke[CABINET_ALLOW] + s.spoke[CABINET_REFUSE],
		   "%s asked %llu times and was answered %llu times", b->device,
		   (unsigned long long)s.spoke[CABINET_ASK],
		   (unsigned long long)(s.spoke[CABINET_ALLOW] + s.spoke[CABINET_REFUSE]));
}

/* By people, and there was a bank in the slot. */
static unsigned ejected(const struct world *w)
{
	unsigned n = 0;

	for (unsigned i = 0; i < VISITS; i++) {
		const struct host_answer *a = w->visit[i];

		n += a && a->code == GV_OK && strstr(a->json, "\"Ejected\"") && !strstr(a->json, "\"bank\":\"\"");
	}
	return n;
}

static void check_world(struct host *h, struct world *w)
{
	unsigned started = 0;

	check_orders(h, w);
	for (unsigned i = 0; w->exact && host_seed(h) < ONE_CRASH && i < CABINETS; i++)
		check_answers(h, &w->all->box[i]);
	cabinets_check_books(w->all);
	for (unsigned i = 0; i < w->made; i++)
		started += w->orders[i].started;
	host_check(h, !w->honest || started + ejected(w) <= w->all->outs,
		   "%u rentals began and %u banks were ejected, but %llu came out", started, ejected(w),
		   (unsigned long long)w->all->outs);
	host_check(h, !w->exact || started + ejected(w) == w->all->outs,
		   "%llu banks came out, but %u rentals began and %u banks were ejected",
		   (unsigned long long)w->all->outs, started, ejected(w));
	host_check(h, !host_parked(h, "powerbank.0"), "powerbank has parked a message");
}

/* ---- the run --------------------------------------------------------------------------------- */

static bool finished(struct host *h, void *arg)
{
	struct world *w = arg;

	if (w->made < ORDERS || w->visits < VISITS)
		return false;
	for (unsigned i = 0; i < ORDERS; i++)
		if (!w->orders[i].lend->done || (w->orders[i].again && !w->orders[i].again->done))
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

static void begin(struct host *h, struct world *w)
{
	for (unsigned i = 0; i < w->all->n; i++)
		host_call(h, "galvan.registry.v1.Registry/PutDevice", "{\"device\":{\"id\":\"%s\"}}",
			  w->all->box[i].device);
	cabinets_connect(w->all);
	for (unsigned i = 0; i < ORDERS; i++)
		host_after(h, 30000 + host_below(h, OPEN_MS), order, w);
	for (unsigned i = 0; i < VISITS; i++)
		host_after(h, 30000 + host_below(h, OPEN_MS), visit, w);
}

static void run(struct host *h)
{
	static const char *const victims[] = { "powerbank.0", "link.0", NULL };
	struct cabinet_faults faults = cabinets_trouble(h);
	struct world w = { .exact = host_seed(h) < ONE_CRASH && host_seed(h) % 64 == 0 };

	w.exact |= host_seed(h) >= ONE_CRASH && host_seed(h) < 2 * ONE_CRASH; /* beyond, link is the one that dies */
	w.honest = w.exact || host_below(h, 2);
	scenario_load(h, "registry", 1, "{\"passwordIterations\":1000}");
	scenario_load(h, "powerbank", 1, config);
	host_durable(h, true);
	host_settle(h, 5);
	w.all = cabinets_create(h, CABINETS, BANKS, &faults);
	w.all->keep_pm = host_below(h, 300);
	begin(h, &w);
	scenario_weather(h, victims);
	if (host_seed(h) < ONE_CRASH && host_seed(h) % 2)
		host_set(h, HOST_CRASH, 1 + host_below(h, 10)); /* it is a long time, and a start takes long */
	host_check(h, host_run_until(h, finished, &w, END_MS), "a call of the test is not answered");
	host_run_ms(h, OPEN_MS / 2);
	scenario_calm(h);
	cabinets_calm(w.all);
	cabinets_bring_all(w.all);
	host_check(h, host_run_until(h, at_rest, &w, END_MS), "banks or reports are under way for ever");
	host_run_ms(h, 60000);
	scenario_shake(h, victims);
	host_check(h, host_run_until(h, at_rest, &w, END_MS), "banks or reports are under way for ever");
	cabinets_audit(w.all);
	check_world(h, &w);
	cabinets_destroy(w.all);
}

const struct scenario scenario_powerbank = { "powerbank", "banks are lent and brought back in all weathers", run };
