/* A site's limit among simulated OCPP 1.6 chargers, all real: registry, ocpp and energy. Plugins die, the network
 * breaks, cars come and go, limits are refused, and some chargers take limits of running sessions only. What the
 * chargers let their cars draw is never above the limit, and in the end, with all well, the whole of it is used and
 * every car gets its turns. */
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
#define FINAL_TURNS 16
#define LEAST_TURNS 9 /* of them, that each car gets; a fair share of five at a time among eight is ten */
#define FINAL_MS (FINAL_TURNS * SLICE_S * 1000)
#define SLICE_S 120
#define REFUSED_PM 20    /* of the profiles of ordinary chargers, until all is well */
#define SESSION_ONLY_A 8 /* that a charger can draw which takes limits of sessions only */
#define RETRY_MS 10000   /* a driver who finds the charger closed tries again */
#define MINIMUM_A 6
#define FULL_A (SITE_MA / 1000 - 1) /* limits are whole 100 mA */

struct bay {
	struct world *world;
	struct host_station *station;
	struct charger *charger;
	struct charger_env env;
	bool session_only;
	bool reconnects;
	int64_t final_wh; /* its register when the last part began */
};

struct world {
	struct host *h;
	struct bay bay[CHARGERS];
	bool well;
	bool final;
	int64_t seen_ms, final_ms, full_ms; /* how long the limit was used up in the end, and of how long */
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
	while (host_now_ms(w->h) < until_ms && host_step(w->h)) {
		int64_t w_now = sum_w(w), passed_ms = host_now_ms(w->h) - w->seen_ms;

		host_check(w->h, w_now <= SITE_MA / 1000 * W_PER_A, "the cars draw %lld W, %d are allowed",
			   (long long)w_now, SITE_MA / 1000 * W_PER_A);
		w->seen_ms += passed_ms;
		w->final_ms += w->final ? passed_ms : 0;
		w->full_ms += w->final && w_now >= FULL_A * W_PER_A ? passed_ms : 0;
	}
}

/* ---- cars ------------------------------------------------------------------------------------ */

static void arrive(struct bay *b)
{
	int64_t now_ms = host_now_ms(b->world->h);

	charger_plug(b->charger, now_ms, 1);
	charger_swipe(b->charger, now_ms, 1, "CARD");
	plan(b);
}

/* Cars come to all that have none, for as long as it takes. */
static void come(struct host *h, void *arg)
{
	struct world *w = arg;

	for (unsigned i = 0; i < CHARGERS; i++) {
		struct charger_connector k;

		charger_get_connector(w->bay[i].charger, 1, &k);
		if (!k.in_transaction)
			arrive(&w->bay[i]);
	}
	host_after(h, RETRY_MS, come, w);
}

static void happen(struct host *h, void *arg)
{
	struct world *w = arg;
	struct bay *b = &w->bay[host_below(h, CHARGERS)];

	if (w->well)
		return;
	switch (host_below(h, 6)) {
	case 5: /* the next one is there already */
		charger_unplug(b->charger, host_now_ms(h), 1);
		arrive(b);
		break;
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

static void put_bay(struct world *w, unsigned i)
{
	struct bay *b = &w->bay[i];
	char device[32], json[200];
	struct charger_options o = { .connectors = 1,
				     .pattern = { .energy_wh = 1000000, .power_w = 22000, .meter_interval_s = 20 },
				     .env = &b->env,
				     .powered_up_ms = host_now_ms(w->h) };

	b->session_only = i % 3 == 2;
	o.faults.session_profiles_only = b->session_only;
	o.faults.refused_profiles_pm = REFUSED_PM;
	if (b->session_only)
		o.pattern.power_w = SESSION_ONLY_A * W_PER_A;
	snprintf(device, sizeof device, "ocpp:CP%u", i);
	snprintf(json, sizeof json,
		 "{\"device\":{\"id\":\"%s\",\"site\":\"yard\",\"connectors\":[{\"id\":1,\"phases\":3,\"maxCurrentMa\":"
		 "%d}]}}",
		 device, b->session_only ? SESSION_ONLY_A * 1000 : SITE_MA);
	put(w, "galvan.registry.v1.Registry/PutDevice", json);
	b->world = w;
	b->env = (struct charger_env){ .arg = b, .random = env_random, .send = env_send, .drop = env_drop };
	o.identity = device + strlen("ocpp:");
	b->station = host_station(w->h, "ocpp", device, "ocpp1.6", &model, b);
	host_check(w->h, charger_create(&o, &b->charger) == 0, "no charger");
	host_station_connect(b->station);
}

static void begin(struct world *w)
{
	put(w, "galvan.registry.v1.Registry/PutSite", "{\"site\":{\"id\":\"yard\"}}");
	put(w, "galvan.energy.v1.Energy/PutSite", "{\"site\":{\"id\":\"yard\",\"limitMa\":32000,\"sliceS\":120}}");
	for (unsigned i = 0; i < CHARGERS; i++)
		put_bay(w, i);
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

static int64_t register_wh(const struct bay *b)
{
	struct charger_connector k;

	charger_get_connector(b->charger, 1, &k);
	return k.meter_wh;
}

static void make_well(struct world *w)
{
	w->well = true;
	scenario_calm(w->h);
	for (unsigned i = 0; i < CHARGERS; i++) {
		struct charger_faults faults = *charger_faults(w->bay[i].charger);

		faults.refused_profiles_pm = 0;
		charger_set_faults(w->bay[i].charger, &faults);
	}
}

static void check_end(struct world *w)
{
	host_check(w->h, w->full_ms >= w->final_ms * 9 / 10, "all is well, and the limit is used up in %lld s of %lld",
		   (long long)w->full_ms / 1000, (long long)w->final_ms / 1000);
	for (unsigned i = 0; i < CHARGERS; i++) {
		int64_t got_wh = register_wh(&w->bay[i]) - w->bay[i].final_wh;

		host_check(w->h, got_wh >= MINIMUM_A * W_PER_A * SLICE_S * LEAST_TURNS / 3600,
			   "CP%u got %lld Wh, less than %d of %d turns", i, (long long)got_wh, LEAST_TURNS,
			   FINAL_TURNS);
		charger_destroy(w->bay[i].charger);
	}
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
	w->seen_ms = host_now_ms(h);
	begin(w);
	commission(w);
	scenario_weather(h, victims);
	host_after(h, 1000, happen, w);
	run_to(w, host_now_ms(h) + STORM_MS);
	make_well(w);
	run_to(w, host_now_ms(h) + SETTLE_MS);
	come(h, w);
	run_to(w, host_now_ms(h) + SETTLE_MS);
	w->final = true;
	for (unsigned i = 0; i < CHARGERS; i++)
		w->bay[i].final_wh = register_wh(&w->bay[i]);
	run_to(w, host_now_ms(h) + FINAL_MS);
	check_end(w);
	free(w);
}

const struct scenario scenario_power = { "power", "a site's limit among simulated chargers, with the real ocpp", run };
