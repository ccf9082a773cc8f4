/* A site's limit among simulated OCPP 1.6 chargers, all real: registry, ocpp and energy. Plugins die, the network
 * breaks, cars come and go. What the chargers let their cars draw is never above the limit, and in the end, with all
 * well, the whole of it is used. */
#include "scenario.h"

#include <plugins/sim/charger.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHARGERS 8
#define SITE_MA 32000
#define W_PER_A 690 /* as the simulated chargers reckon: three phases of 230 V */
#define STORM_MS (15 * 60 * 1000)
#define SETTLE_MS (10 * 60 * 1000)
#define CALL_TIMEOUT_S 10

struct bay {
	struct world *world;
	struct host_station *station;
	struct charger *charger;
	struct charger_env env;
	bool limited;
	bool reconnects;
};

struct world {
	struct host *h;
	struct bay bay[CHARGERS];
	bool well;
};

/* ---- a charger at its socket ----------------------------------------------------------------- */

static void plan(struct bay *b);

/* An alarm that was set before the plan changed finds nothing due. */
static void due(struct host *h, void *arg)
{
	struct bay *b = arg;

	if (charger_next_ms(b->charger) > host_now_ms(h))
		return;
	charger_run(b->charger, host_now_ms(h));
	plan(b);
}

static void plan(struct bay *b)
{
	int64_t now_ms = host_now_ms(b->world->h), next_ms = charger_next_ms(b->charger);

	if (next_ms != INT64_MAX)
		host_after(b->world->h, next_ms > now_ms ? next_ms - now_ms : 1, due, b);
}

static void reconnect(struct host *h, void *arg)
{
	struct bay *b = arg;

	b->reconnects = false;
	if (!host_station_connected(b->station))
		host_station_connect(b->station);
}

static void reconnect_in(struct bay *b, int64_t ms)
{
	if (b->reconnects)
		return;
	b->reconnects = true;
	host_after(b->world->h, ms, reconnect, b);
}

static void on_open(struct host_station *s, void *arg)
{
	struct bay *b = arg;

	charger_connected(b->charger, host_now_ms(b->world->h));
	plan(b);
}

static void on_frame(struct host_station *s, void *arg, enum gv_frame_kind kind, const char *data, size_t size)
{
	struct bay *b = arg;

	charger_receive(b->charger, host_now_ms(b->world->h), data, size);
	plan(b);
}

static void on_close(struct host_station *s, void *arg, unsigned code)
{
	struct bay *b = arg;

	charger_disconnected(b->charger, host_now_ms(b->world->h));
	plan(b);
	reconnect_in(b, 100 + host_below(b->world->h, 30000));
}

static const struct host_station_model model = { on_open, on_frame, on_close };

static uint64_t env_random(void *arg)
{
	return host_random(((struct bay *)arg)->world->h);
}

static void env_send(void *arg, const char *text, size_t size)
{
	host_station_send(((struct bay *)arg)->station, GV_TEXT, text, size);
}

static void env_drop(void *arg, enum charger_drop how, int64_t reconnect_at_ms)
{
	struct bay *b = arg;

	host_station_drop(b->station);
	reconnect_in(b, reconnect_at_ms - host_now_ms(b->world->h));
}

/* ---- what must hold at every moment ---------------------------------------------------------- */

static int64_t power_w(const struct bay *b)
{
	struct charger_connector k;

	charger_get_connector(b->charger, 1, &k);
	return k.power_w;
}

static int64_t sum_w(const struct world *w)
{
	int64_t sum = 0;

	for (unsigned i = 0; i < CHARGERS; i++)
		sum += power_w(&w->bay[i]);
	return sum;
}

static void run_to(struct world *w, int64_t until_ms)
{
	while (host_now_ms(w->h) < until_ms && host_step(w->h))
		host_check(w->h, sum_w(w) <= SITE_MA / 1000 * W_PER_A, "the cars draw %lld W, %d are allowed",
			   (long long)sum_w(w), SITE_MA / 1000 * W_PER_A);
}

/* ---- cars ------------------------------------------------------------------------------------ */

static void arrive(struct bay *b)
{
	int64_t now_ms = host_now_ms(b->world->h);

	charger_plug(b->charger, now_ms, 1);
	charger_swipe(b->charger, now_ms, 1, "CARD");
	plan(b);
}

static void happen(struct host *h, void *arg)
{
	struct world *w = arg;
	struct bay *b = &w->bay[host_below(h, CHARGERS)];

	if (w->well)
		return;
	switch (host_below(h, 5)) {
	case 0:
		charger_unplug(b->charger, host_now_ms(h), 1);
		plan(b);
		break;
	case 1:
		if (host_station_connected(b->station))
			host_station_vanish(b->station);
		charger_power_cycle(b->charger, host_now_ms(h));
		plan(b);
		reconnect_in(b, 1000 + host_below(h, 120000));
		break;
	default:
		arrive(b);
	}
	host_after(h, 1000 + host_below(h, 20000), happen, w);
}

/* ---- the run --------------------------------------------------------------------------------- */

static void put(struct world *w, const char *method, const char *json)
{
	struct host_answer *a = host_call(w->h, method, "%s", json);

	host_check(w->h, a->code == GV_OK, "%s: %s", method, a->error);
}

static void begin(struct world *w)
{
	put(w, "galvan.registry.v1.Registry/PutSite", "{\"site\":{\"id\":\"yard\"}}");
	put(w, "galvan.energy.v1.Energy/PutSite", "{\"site\":{\"id\":\"yard\",\"limitMa\":32000,\"sliceS\":120}}");
	for (unsigned i = 0; i < CHARGERS; i++) {
		struct bay *b = &w->bay[i];
		char device[32], json[160];
		struct charger_options o = {
			.connectors = 1,
			.pattern = { .energy_wh = 1000000, .power_w = 22000, .meter_interval_s = 20 },
			.env = &b->env,
			.powered_up_ms = host_now_ms(w->h)
		};

		snprintf(device, sizeof device, "ocpp:CP%u", i);
		snprintf(json, sizeof json,
			 "{\"device\":{\"id\":\"%s\",\"site\":\"yard\",\"connectors\":[{\"id\":1,\"phases\":3}]}}",
			 device);
		put(w, "galvan.registry.v1.Registry/PutDevice", json);
		b->world = w;
		b->env = (struct charger_env){ .arg = b, .random = env_random, .send = env_send, .drop = env_drop };
		o.identity = device + strlen("ocpp:");
		b->station = host_station(w->h, "ocpp", device, "ocpp1.6", &model, b);
		host_check(w->h, charger_create(&o, &b->charger) == 0, "no charger");
		host_station_connect(b->station);
	}
}

/* Until each charger has been told that it may give nothing. */
static void commission(struct world *w)
{
	struct host *h = w->h;

	for (unsigned i = 0; i < CHARGERS;) {
		struct host_answer *a = host_call(h, "galvan.energy.v1.Energy/GetSite", "{\"id\":\"yard\"}");
		char path[64];

		snprintf(path, sizeof path, "state.allocations.%u.known", i);
		if (scenario_count(h, a->json, "state.allocations") > i && scenario_int(h, a->json, path))
			i++;
		else
			run_to(w, host_now_ms(h) + 1000);
	}
}

static void check_end(struct world *w)
{
	host_check(w->h, sum_w(w) >= (SITE_MA - 1000) / 1000 * W_PER_A,
		   "all is well, a car at each, and only %lld W are drawn", (long long)sum_w(w));
	for (unsigned i = 0; i < CHARGERS; i++)
		charger_destroy(w->bay[i].charger);
}

static void run(struct host *h)
{
	static const char *const victims[] = { "energy.0", "ocpp.0", "registry.0", NULL };
	struct world *w = calloc(1, sizeof *w);

	w->h = h;
	scenario_load(h, "registry", 1, "{\"passwordIterations\":1000}");
	scenario_load(h, "ocpp", 1, "{\"unknownToken\":\"accept\",\"callTimeoutS\":10}");
	scenario_load(h, "energy", 1,
		      "{\"validS\":60,\"answerS\":10,\"lateS\":30,\"driftS\":2,\"intervalS\":1,\"retryS\":5}");
	host_settle(h, 5);
	begin(w);
	commission(w);
	scenario_weather(h, victims);
	host_after(h, 1000, happen, w);
	run_to(w, host_now_ms(h) + STORM_MS);
	w->well = true;
	scenario_calm(h);
	run_to(w, host_now_ms(h) + SETTLE_MS);
	for (unsigned i = 0; i < CHARGERS; i++)
		arrive(&w->bay[i]);
	run_to(w, host_now_ms(h) + SETTLE_MS);
	check_end(w);
	free(w);
}

const struct scenario scenario_power = { "power", "a site's limit among simulated chargers, with the real ocpp", run };
