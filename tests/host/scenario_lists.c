/* Chargers that keep lists of tokens and reservations in all weathers: tokens change, chargers forget, plugins and the
 * network die. In the end each charger's list lets those charge that billing says are good at its site, and nobody
 * else; and it holds the reservations that galvan says it holds. */
#include "keeper.h"
#include "scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHARGERS 2 /* at a site each; one speaks 1.6, one 2.0.1 */
#define CARDS 8
#define ORDERS 40
#define RESERVATIONS 12
#define ANOTHER 1000                  /* a version beyond all that galvan has sent */
#define REST_MS (25 * 60 * 60 * 1000) /* what is concluded from refusals is believed for a day */

struct card {
	bool there, blocked;
	int site; /* where it is good; CHARGERS: everywhere */
};
struct charger {
	struct host *h;
	struct host_station *station;
	struct keeper keeper;
	char device[16];
};
struct world {
	struct charger chargers[CHARGERS];
	struct card cards[CARDS];
};

/* ---- chargers -------------------------------------------------------------------------------- */

static void come_back(struct host *h, void *arg)
{
	struct charger *c = arg;

	if (!host_station_connected(c->station))
		host_station_connect(c->station);
}

static void on_open(struct host_station *s, void *arg)
{
	const char *boot =
		((struct charger *)arg)->keeper.v201
			? "[2,\"b\",\"BootNotification\",{\"reason\":\"PowerUp\",\"chargingStation\":{\"vendorName\":"
			  "\"V\",\"model\":\"M\"}}]"
			: "[2,\"b\",\"BootNotification\",{\"chargePointVendor\":\"V\",\"chargePointModel\":\"M\"}]";

	host_station_send(s, GV_TEXT, boot, strlen(boot));
}

static void on_close(struct host_station *s, void *arg, unsigned code)
{
	struct charger *c = arg;

	host_after(c->h, 10 + host_below(c->h, 3000), come_back, c);
}

static void on_frame(struct host_station *s, void *arg, enum gv_frame_kind kind, const char *data, size_t size)
{
	struct charger *c = arg;
	cJSON *frame = cJSON_ParseWithLength(data, size);
	const char *id = cJSON_GetStringValue(cJSON_GetArrayItem(frame, 1));
	const char *action = cJSON_GetStringValue(cJSON_GetArrayItem(frame, 2));
	char body[600], text[800];

	if (!action) { /* the answer to its boot */
		cJSON_Delete(frame);
		return;
	}
	host_check(c->h, id, "%s gets %.*s", c->device, (int)size, data);
	if (!keeper_answer(&c->keeper, action, cJSON_GetArrayItem(frame, 3), body, sizeof body))
		snprintf(body, sizeof body, "{\"status\":\"Rejected\"}"); /* TriggerMessage: its boot was lost */
	snprintf(text, sizeof text, "[3,\"%s\",%s]", id, body);
	cJSON_Delete(frame);
	host_station_send(s, GV_TEXT, text, strlen(text));
}

static const struct host_station_model model = { on_open, on_frame, on_close };

/* ---- orders ---------------------------------------------------------------------------------- */

static void put(struct host *h, struct world *w)
{
	unsigned i = host_below(h, CARDS);
	struct card *card = &w->cards[i];
	char sites[40] = "";
	struct host_answer *a;

	card->there = true;
	card->blocked = !host_below(h, 3);
	card->site = (int)host_below(h, CHARGERS + 1);
	if (card->site < CHARGERS)
		snprintf(sites, sizeof sites, "\"site%d\"", card->site);
	a = host_call(h, "galvan.billing.v1.Billing/PutToken",
		      "{\"token\":{\"id\":\"Card%u\",\"use\":\"TOKEN_USE_PRIVATE\",\"state\":\"%s\",\"sites\":[%s]}}",
		      i, card->blocked ? "TOKEN_STATE_BLOCKED" : "TOKEN_STATE_ACTIVE", sites);
	host_check(h, a->code == GV_OK, "PutToken is refused: %s", a->error);
}

static struct charger *any_charger(struct host *h, struct world *w)
{
	return &w->chargers[host_below(h, CHARGERS)];
}

static void forget(struct host *h, struct world *w)
{
	struct keeper *k = &any_charger(h, w)->keeper;

	k->version = host_below(h, 2) ? 0 : k->version + ANOTHER;
	k->n = 0;
	host_station_drop(w->chargers[k != &w->chargers[0].keeper].station);
}

static void reserve(struct host *h, struct world *w)
{
	char json[200];

	snprintf(json, sizeof json,
		 "{\"device\":\"%s\",\"connector\":1,\"token\":\"anybody\",\"expiresAtMs\":\"%lld\"}",
		 any_charger(h, w)->device, (long long)host_now_ms(h) + 100LL * 3600000);
	host_call_later(h, NULL, "galvan.charging.v1.Charging/Reserve", json);
}

static void cancel(struct host *h, struct world *w)
{
	struct charger *c = any_charger(h, w);
	char json[200];

	snprintf(json, sizeof json, "{\"device\":\"%s\",\"reservationId\":\"%d\"}", c->device,
		 c->keeper.reservations[host_below(h, RESERVATIONS)]);
	host_call_later(h, NULL, "galvan.charging.v1.Charging/CancelReservation", json);
}

static void order(struct host *h, struct world *w)
{
	switch (host_below(h, 8)) {
	case 0:
		forget(h, w);
		break;
	case 1:
		any_charger(h, w)->keeper.fail = 1 + (int)host_below(h, 2);
		break;
	case 2:
		reserve(h, w);
		break;
	case 3:
		cancel(h, w);
		break;
	default:
		put(h, w);
	}
	host_run_ms(h, host_below(h, 4000));
}

/* ---- what must hold -------------------------------------------------------------------------- */

static void check_list(struct host *h, const struct world *w, unsigned n)
{
	const struct charger *c = &w->chargers[n];

	host_check(h, !c->keeper.mistakes, "%s was sent %d messages that OCPP does not allow", c->device,
		   c->keeper.mistakes);
	for (unsigned i = 0; i < CARDS; i++) {
		const struct card *card = &w->cards[i];
		bool good = card->there && !card->blocked && (card->site == CHARGERS || card->site == (int)n);
		const struct keeper_entry *e;
		char id[24];

		snprintf(id, sizeof id, "Card%u", i);
		e = keeper_find(&c->keeper, id);
		host_check(h, (e && !strcmp(e->status, "Accepted")) == good, "%s has %s as %s, which is%s good there",
			   c->device, id, e ? e->status : "nothing", good ? "" : " not");
	}
}

static void check_reservations(struct host *h, const struct charger *c)
{
	struct host_answer *a = host_call(h, "galvan.charging.v1.Charging/ListReservations", "{\"device\":\"%s\"}",
					  c->device);
	size_t n = scenario_count(h, a->json, "reservations");

	host_check(h, (int)n == keeper_reservations(&c->keeper), "%s holds %d reservations, galvan says %s", c->device,
		   keeper_reservations(&c->keeper), a->json);
	for (size_t i = 0; i < n; i++) {
		char path[40];

		snprintf(path, sizeof path, "reservations.%zu.id", i);
		host_check(h, keeper_reserved(&c->keeper, (int)scenario_int(h, a->json, path)),
			   "%s does not hold a reservation of %s", c->device, a->json);
	}
}

/* Each is told of once as made and once as over. */
static void check_told(struct host *h)
{
	size_t n = host_events(h, "galvan.charging.v1.ReservationChanged");
	char told[CHARGERS * RESERVATIONS * 4] = { 0 };

	for (size_t i = 0; i < n; i++) {
		const struct host_event *e = host_event(h, "galvan.charging.v1.ReservationChanged", i);
		bool made = !strcmp(scenario_str(h, e->json, "reservation.state"), "RESERVED");
		size_t id = (size_t)scenario_int(h, e->json, "reservation.id");

		host_check(h, id < sizeof told, "reservation %zu", id);
		host_check(h, e->snapshot || told[id] == !made, "reservation %zu is told of out of order: %s", id,
			   e->json);
		told[id] = made ? 1 : 2;
	}
}

static void run(struct host *h)
{
	static const char *const victims[] = { "ocpp.0", "billing.0", "link.0", NULL };
	static const char *const emitters[] = { "registry.0", "billing.0", "ocpp.0", NULL };
	struct world *w = calloc(1, sizeof *w);

	scenario_load(h, "registry", 1, "{\"passwordIterations\":1000}");
	scenario_load(h, "billing", 1, "{}");
	scenario_load(h, "ocpp", 1, "{\"localListDelayS\":1,\"localListCheckS\":0}");
	host_settle(h, 5);
	for (int i = 0; i < CHARGERS; i++) {
		struct charger *c = &w->chargers[i];

		c->h = h;
		c->keeper.chunk_max = 2 + i;
		snprintf(c->device, sizeof c->device, "ocpp:CP%03d", i);
		host_call(h, "galvan.registry.v1.Registry/PutSite", "{\"site\":{\"id\":\"site%d\"}}", i);
		host_call(h, "galvan.registry.v1.Registry/PutDevice",
			  "{\"device\":{\"id\":\"%s\",\"site\":\"site%d\"}}", c->device, i);
		c->keeper.v201 = i % 2;
		c->station = host_station(h, "ocpp", c->device, i % 2 ? "ocpp2.0.1" : "ocpp1.6", &model, c);
		host_station_connect(c->station);
	}
	scenario_weather(h, victims);
	for (unsigned n = 0; n < ORDERS; n++)
		order(h, w);
	scenario_calm(h);
	scenario_shake(h, emitters);
	host_run_ms(h, REST_MS);
	put(h, w);
	host_run_ms(h, 60 * 60 * 1000);
	for (unsigned i = 0; i < CHARGERS; i++) {
		check_list(h, w, i);
		check_reservations(h, &w->chargers[i]);
	}
	check_told(h);
	host_check(h, !host_parked(h, "billing.0") && !host_parked(h, "ocpp.0"), "a message was parked");
	free(w);
}

const struct scenario scenario_lists = { "lists", "chargers keep lists and reservations in all weathers", run };
