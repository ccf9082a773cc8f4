/* A site's limit among eight outlets in all weathers: plugins die, messages are lost, outlets refuse, are slow, are cut
 * off and come back, cars come and go. What the outlets let be drawn is added up at every moment, and is never above a
 * limit. In the end, with all well and a car at each, the whole limit is used and every car gets its turns.
 *
 * The site is one of thirty-two: any thirty-two seeds in a row see each of them. */
#include "outlets.h"
#include "scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUTLETS 8
#define SITE_MA 32000
#define FEEDER_MA 16000
#define GRID_MA 20000
#define LOW_FLOOR_MA 12000
#define VALID_S 60
#define ANSWER_S 10
#define LATE_S 20
#define SLICE_S 120
#define STORM_MS (30 * 60 * 1000)
#define GRID_MS (15 * 60 * 1000) /* so long after the beginning the grid's limit begins */
#define GRID_LENGTH_MS (10 * 60 * 1000)
#define FINAL_TURNS 16
#define LEAST_TURNS 9 /* of them, that each car gets; a fair share of five at a time among eight is ten */
#define FINAL_MS (FINAL_TURNS * SLICE_S * 1000)
#define STEP_LOSS_MA (OUTLETS * 100) /* of a limit, that may be left over as limits are whole 100 mA */

struct world {
	struct outlets o;
	int64_t grid_from_ms, grid_until_ms; /* 0: none */
	uint64_t cars;
	bool well, final;
	int64_t full_ms, final_ms; /* how long the limit was used up in the end, and of how long */
	int64_t seen_ms;
	double final_got[OUTLETS];
};

/* What is special about a seed's site. */
enum variant { SOME_ONE_PHASE = 1, FEEDER = 2, LOW_FLOOR = 4, NO_GRID_LIMIT = 8, SESSION_ONLY = 16, VARIANTS = 32 };

static bool is(const struct host *h, enum variant v)
{
	return host_seed(h) % VARIANTS & v;
}

/* Which of the site's phases an outlet uses. */
static unsigned phases_of(const struct host *h, unsigned i)
{
	static const unsigned one[] = { 1, 2, 4 };

	return is(h, SOME_ONE_PHASE) && i % 2 ? one[i / 2 % 3] : 7;
}

static bool on_feeder(unsigned i)
{
	return i < 3;
}

/* Two outlets take limits of running sessions only, and can draw so much without one. */
static int64_t max_of(const struct host *h, unsigned i)
{
	return is(h, SESSION_ONLY) && i % 3 == 2 ? 8000 : 32000;
}

/* ---- what must hold at every moment ---------------------------------------------------------- */

static void moment(struct outlets *o, int64_t at_ms, void *arg)
{
	struct world *w = arg;
	bool grid = w->grid_from_ms && at_ms >= w->grid_from_ms && at_ms < w->grid_until_ms;
	int64_t most_ma = grid ? GRID_MA : SITE_MA, sum_ma[3] = { 0 }, feeder_ma[3] = { 0 }, used_ma = 0;

	for (unsigned i = 0; i < o->n; i++)
		for (unsigned p = 0; p < 3 && o->outlet[i].commissioned; p++) {
			int64_t ma = phases_of(o->h, i) & (1u << p) ? outlet_allows(&o->outlet[i], at_ms) : 0;

			sum_ma[p] += ma;
			feeder_ma[p] += on_feeder(i) ? ma : 0;
		}
	for (unsigned p = 0; p < 3; p++) {
		host_check(o->h, sum_ma[p] <= most_ma, "at %lld %lld mA may be drawn on L%u, the limit is %lld",
			   (long long)at_ms, (long long)sum_ma[p], p + 1, (long long)most_ma);
		host_check(o->h, !is(o->h, FEEDER) || feeder_ma[p] <= FEEDER_MA,
			   "at %lld %lld mA may be drawn on L%u of the feeder", (long long)at_ms,
			   (long long)feeder_ma[p], p + 1);
		used_ma = sum_ma[p] > used_ma ? sum_ma[p] : used_ma;
	}
	if (w->final) {
		w->final_ms += at_ms - w->seen_ms;
		w->full_ms += used_ma >= SITE_MA - STEP_LOSS_MA ? at_ms - w->seen_ms : 0;
	}
	w->seen_ms = at_ms;
}

static void run_to(struct world *w, int64_t until_ms)
{
	struct host *h = w->o.h;

	while (host_now_ms(h) < until_ms) {
		if (!host_step(h))
			return;
		outlets_pass(&w->o);
	}
}

/* ---- what happens at the outlets ------------------------------------------------------------- */

static void arrive(struct world *w, struct outlet *x)
{
	static const int64_t wishes[] = { 32000, 32000, 32000, 16000, 9000, 0 };

	if (!x->commissioned || x->session || x->next)
		return;
	outlet_arrive(x, ++w->cars, wishes[host_below(w->o.h, 6)]);
	x->got_mas = 0;
}

static void happen(struct host *h, void *arg)
{
	struct world *w = arg;
	struct outlet *x = &w->o.outlet[host_below(h, OUTLETS)];

	outlets_pass(&w->o);
	if (w->well)
		return;
	switch (host_below(h, 6)) {
	case 0:
	case 1:
		arrive(w, x);
		break;
	case 2:
		outlet_leave(x);
		break;
	case 3:
		x->cut_off = !x->cut_off;
		break;
	case 4:
		x->cut_off = false;
		break;
	default:
		x->wish_ma = x->wish_ma == 32000 ? 9000 : 32000;
	}
	host_after(h, 1000 + host_below(h, 20000), happen, w);
}

/* ---- the site -------------------------------------------------------------------------------- */

static void put_devices(struct world *w)
{
	struct host *h = w->o.h;

	host_call(h, "galvan.registry.v1.Registry/PutSite", "{\"site\":{\"id\":\"yard\"}}");
	for (unsigned i = 0; i < OUTLETS; i++) {
		static const char *const rotations[] = { "RST", "STR", "TRS" };
		bool one = phases_of(h, i) != 7;
		struct host_answer *a;

		w->o.outlet[i].max_ma = max_of(h, i);
		w->o.outlet[i].session_only = max_of(h, i) < SITE_MA;
		a = host_call(
			h, "galvan.registry.v1.Registry/PutDevice",
			"{\"device\":{\"id\":\"outlet:O%u\",\"site\":\"yard\",\"connectors\":[{\"id\":1,\"phases\":%u,"
			"\"maxCurrentMa\":%lld}],\"attributes\":{\"phaseRotation\":\"%s\"}}}",
			i, one ? 1 : 3, (long long)max_of(h, i), rotations[i / 2 % 3]);

		host_check(h, a->code == GV_OK, "PutDevice: %s", a->error);
	}
}

static void put_site(struct world *w)
{
	struct host *h = w->o.h;
	struct host_answer *a = host_call(
		h, "galvan.energy.v1.Energy/PutSite",
		"{\"site\":{\"id\":\"yard\",\"limitMa\":%d,\"sliceS\":%d,\"gridFloorMa\":%d,\"groups\":[%s]}}", SITE_MA,
		SLICE_S, is(h, LOW_FLOOR) ? LOW_FLOOR_MA : GRID_MA,
		is(h, FEEDER)
			? "{\"id\":\"f\",\"limitMa\":16000,\"devices\":[\"outlet:O0\",\"outlet:O1\",\"outlet:O2\"]}"
			: "");

	host_check(h, a->code == GV_OK, "PutSite: %s", a->error);
}

/* Until each outlet has taken in that it may give nothing. */
static void commission(struct world *w)
{
	struct host *h = w->o.h;

	for (unsigned i = 0; i < OUTLETS;) {
		struct host_answer *a = host_call(h, "galvan.energy.v1.Energy/GetSite", "{\"id\":\"yard\"}");
		char path[64];

		snprintf(path, sizeof path, "state.allocations.%u.known", i);
		if (scenario_count(h, a->json, "state.allocations") > i && scenario_int(h, a->json, path))
			i++;
		else
			run_to(w, host_now_ms(h) + 1000);
	}
}

static void set_grid_limit(struct world *w)
{
	struct host *h = w->o.h;
	int64_t from_ms = host_now_ms(h) + GRID_MS;
	struct host_answer *a;

	if (is(h, NO_GRID_LIMIT))
		return;
	a = host_call(
		h, "galvan.energy.v1.Energy/SetGridLimit",
		"{\"site\":\"yard\",\"limit\":{\"id\":\"dso\",\"limitMa\":%d,\"startMs\":\"%lld\",\"endMs\":\"%lld\"}}",
		GRID_MA, (long long)from_ms, (long long)(from_ms + GRID_LENGTH_MS));
	host_check(h, a->code == GV_OK, "SetGridLimit: %s", a->error);
	host_check(h, scenario_int(h, a->json, "sureFromMs") == from_ms,
		   "a limit that is told in time is sure from its beginning: %s", a->json);
	w->grid_from_ms = from_ms;
	w->grid_until_ms = from_ms + GRID_LENGTH_MS;
}

/* ---- the end --------------------------------------------------------------------------------- */

static void make_well(struct world *w)
{
	scenario_calm(w->o.h);
	w->well = true;
	w->o.unkind = 0;
	for (unsigned i = 0; i < OUTLETS; i++) {
		struct outlet *x = &w->o.outlet[i];

		x->cut_off = false;
		x->wish_ma = 32000;
		if (!x->session && !x->next)
			outlet_arrive(x, ++w->cars, x->wish_ma);
	}
}

static void check_end(struct world *w)
{
	struct host *h = w->o.h;
	/* What is reserved for an outlet that is open before its car begins is used by nobody. */
	int64_t tenths = is(h, SESSION_ONLY) ? 8 : 9;

	host_check(h, w->full_ms >= w->final_ms * tenths / 10, "the limit is used up in %lld s of %lld only",
		   (long long)w->full_ms / 1000, (long long)w->final_ms / 1000);
	for (unsigned i = 0; i < OUTLETS; i++)
		host_check(h, w->o.outlet[i].got_mas - w->final_got[i] >= 6000.0 * SLICE_S * LEAST_TURNS,
			   "%s got less than %d of %d turns: %.0f A s", w->o.outlet[i].device, LEAST_TURNS, FINAL_TURNS,
			   (w->o.outlet[i].got_mas - w->final_got[i]) / 1000);
	host_check(h, !host_parked(h, "energy.0"), "energy has parked a message");
}

static void run(struct host *h)
{
	static const char *const victims[] = { "energy.0", "outlet.0", "registry.0", NULL };
	static const char *const emitters[] = { "registry.0", "outlet.0", NULL };
	struct world *w = calloc(1, sizeof *w);
	char config[256];

	outlets_init(&w->o, h, OUTLETS, moment, w);
	snprintf(config, sizeof config,
		 "{\"validS\":%d,\"answerS\":%d,\"lateS\":%d,\"intervalS\":1,\"driftS\":2,\"retryS\":5,\"lowS\":20}",
		 VALID_S, ANSWER_S, LATE_S);
	scenario_load(h, "registry", 1, "{\"passwordIterations\":1000}");
	host_load_record(h, &outlet_record, 1, NULL);
	scenario_load(h, "energy", 1, config);
	host_settle(h, 5);
	w->o.late_ms = LATE_S * 1000;
	w->o.drift_ms = host_below(h, 1900);
	w->o.unkind = host_below(h, 8) ? host_below(h, 400) : 0;
	put_devices(w);
	put_site(w);
	commission(w);
	set_grid_limit(w);
	scenario_weather(h, victims);
	host_after(h, 1000, happen, w);
	run_to(w, host_now_ms(h) + STORM_MS);
	make_well(w);
	scenario_shake(h, emitters);
	run_to(w, host_now_ms(h) + 10 * 60 * 1000);
	w->final = true;
	for (unsigned i = 0; i < OUTLETS; i++)
		w->final_got[i] = w->o.outlet[i].got_mas;
	run_to(w, host_now_ms(h) + FINAL_MS);
	check_end(w);
	free(w);
}

const struct scenario scenario_energy = { "energy", "a site's limit among outlets in all weathers", run };
