/* A campaign among devices of all manners, in all weathers: plugins die, messages are lost, drivers come and pay. No
 * session is broken off, nobody who has paid is refused, never more devices than allowed are under way, each device
 * ends as what it runs says, and nothing is left over.
 *
 * A seed's campaign goes by steps, in phases, and back, as it may be: any twelve seeds in a row see each. */
#include "gear.h"
#include "scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEVICES 5
#define IN_FLIGHT 3
#define STORM_MS (3 * 60 * 1000)
#define END_MS (2 * 60 * 60 * 1000)

struct world {
	struct gears g;
	bool steps, phases, back, calm;
};

/* ---- drivers --------------------------------------------------------------------------------- */

static void drivers(struct host *h, void *arg)
{
	struct world *w = arg;
	struct gear *g = &w->g.gear[host_below(h, DEVICES)];

	gears_serve(&w->g);
	if (!w->calm) {
		if (host_below(h, 2))
			gear_order(g);
		else
			gear_plug_in(g, host_now_ms(h), 10000 + (int64_t)host_below(h, 60000));
		if (!host_below(h, 8))
			g->offline = !g->offline;
	}
	host_after(h, 2000 + host_below(h, 8000), drivers, w);
}

/* ---- the campaign ---------------------------------------------------------------------------- */

static void ok(struct host *h, struct host_answer *a)
{
	host_check(h, a->code == GV_OK, "%s: %s", a->method, a->error);
}

static void put_artifact(struct world *w, const char *version, unsigned counter, const char *from)
{
	ok(w->g.h,
	   host_call(w->g.h, "galvan.ota.v1.Ota/PutArtifact",
		     "{\"artifact\":{\"id\":\"gear/%s/g.bin\",\"product\":\"gear\",\"kind\":\"firmware\",\"version\":"
		     "\"%s\",\"counter\":\"%u\",\"blob\":\"%s\",\"from\":[%s],\"install\":{\"seconds\":60}}}",
		     version, version, counter, gear_blob(), from));
}

static void start_campaign(struct world *w)
{
	struct host *h = w->g.h;

	put_artifact(w, "1.0", 1, "");
	if (w->steps)
		put_artifact(w, "1.5", 2, "\"1.0\"");
	put_artifact(w, "2.0", 3, w->steps ? "\"1.5\"" : "");
	ok(h,
	   host_call(h, "galvan.ota.v1.Ota/PutCampaign",
		     "{\"campaign\":{\"id\":\"c\",\"target\":{\"filter\":\"model = G1 and version < 2\"},\"artifacts\":"
		     "[\"gear/2.0/g.bin\"],\"inFlight\":%d,\"inFlightPerSite\":2,\"probationS\":60,\"retries\":2,"
		     "\"retryAfterS\":30,\"silentAfterS\":900,\"rollBack\":%s,\"phases\":[%s]},\"by\":\"ann\"}",
		     IN_FLIGHT, w->back ? "true" : "false",
		     w->phases ? "{\"percent\":30,\"successPercent\":1,\"soakS\":20},{\"percent\":100}" : ""));
	ok(h, host_call(h, "galvan.ota.v1.Ota/StartCampaign", "{\"id\":\"c\",\"by\":\"ann\"}"));
}

/* ---- what must hold -------------------------------------------------------------------------- */

static bool over(struct host *h, void *arg)
{
	size_t n = host_events(h, "galvan.ota.v1.CampaignChanged");
	const struct host_event *e = n ? host_event(h, "galvan.ota.v1.CampaignChanged", n - 1) : NULL;

	return e && (strstr(e->json, "CAMPAIGN_STATE_DONE") || strstr(e->json, "CAMPAIGN_STATE_STOPPED") ||
		     strstr(e->json, "CAMPAIGN_STATE_PAUSED"));
}

/* What was under way when it stopped has its outcome, too: nobody is leased for it. */
static bool none_under_way(struct host *h, void *arg)
{
	struct world *w = arg;
	size_t n = host_events(h, "galvan.ota.v1.AssignmentChanged");
	bool busy[DEVICES] = { false };

	for (size_t i = 0; i < n; i++) {
		const struct host_event *e = host_event(h, "galvan.ota.v1.AssignmentChanged", i);

		busy[strtoul(e->key + strlen("gear:G"), NULL, 10)] = strstr(e->json, "STATE_LEASING") ||
								     strstr(e->json, "STATE_OFFERED") ||
								     strstr(e->json, "STATE_UNDER_WAY") ||
								     strstr(e->json, "STATE_PROBATION");
	}
	for (unsigned i = 0; i < w->g.n; i++)
		if (busy[i])
			return false;
	return true;
}

/* Looks every ten seconds. */
static bool run_until(struct host *h, bool (*done)(struct host *h, void *arg), struct world *w)
{
	for (int64_t end_ms = host_now_ms(h) + END_MS; host_now_ms(h) < end_ms; host_run_ms(h, 10000))
		if (done(h, w)) {
			host_run_ms(h, 1000);
			return true;
		}
	return false;
}

static bool well(enum gear_manner m)
{
	return m == GEAR_OBEYS || m == GEAR_SKIPS || m == GEAR_MUTE || m == GEAR_STUMBLES;
}

static void check_device(struct world *w, const char *json, unsigned i)
{
	struct host *h = w->g.h;
	char path[64];
	const char *state;
	struct gear *g;

	snprintf(path, sizeof path, "assignments.%u.device", i);
	g = &w->g.gear[strtoul(scenario_str(h, json, path) + strlen("gear:G"), NULL, 10)];
	snprintf(path, sizeof path, "assignments.%u.state", i);
	state = strrchr(scenario_str(h, json, path), 'E') ? scenario_str(h, json, path) + strlen("ASSIGNMENT_STATE_")
							  : "";
	if (!strcmp(state, "SUCCEEDED"))
		host_check(h, !strcmp(g->version, "2.0") && well(g->manner), "%s of manner %u succeeded with %s",
			   g->device, g->manner, g->version);
	else if (!strcmp(state, "FAILED"))
		host_check(h, !well(g->manner), "%s of manner %u failed: %s", g->device, g->manner, json);
	else if (!strcmp(state, "ROLLED_BACK"))
		host_check(h, w->back && !strcmp(g->version, "1.0"), "%s was rolled back and has %s", g->device,
			   g->version);
	else
		host_check(h, !strcmp(state, "WAITING") || !strcmp(state, "PLANNED"), "%s ends as %s", g->device,
			   state);
}

static void none(struct host *h, void *arg, const char *const *key, size_t parts, const char *json)
{
	host_fail(h, "a row is left in %s: %s %s", (const char *)arg, key[0], json);
}

static void no_lease(struct host *h, void *arg, const char *const *key, size_t parts, const char *json)
{
	host_check(h, !strstr(json, "\"lease\":{"), "%s is still leased: %s", key[0], json);
}

static void check_end(struct world *w)
{
	struct host *h = w->g.h;
	struct host_answer *a = host_call(h, "galvan.ota.v1.Ota/GetCampaign", "{\"id\":\"c\"}");
	bool done = strstr(a->json, "CAMPAIGN_STATE_DONE") != NULL;

	host_check(h, done || strstr(a->json, "CAMPAIGN_STATE_STOPPED") || strstr(a->json, "CAMPAIGN_STATE_PAUSED"),
		   "the campaign ends as %s", a->json);
	host_check(h, !scenario_int(h, a->json, "campaign.counts.inFlight"), "some are under way: %s", a->json);
	host_check(h, !done || !scenario_int(h, a->json, "campaign.counts.waiting"), "some wait: %s", a->json);
	a = host_call(h, "galvan.ota.v1.Ota/ListAssignments", "{\"campaign\":\"c\",\"anyState\":true}");
	host_check(h, scenario_count(h, a->json, "assignments") == DEVICES, "devices are missing: %s", a->json);
	for (unsigned i = 0; i < DEVICES; i++)
		check_device(w, a->json, i);
	host_rows(h, "ota.0", "active", none, (void *)"active");
	host_rows(h, "ota.0", "attempts", none, (void *)"attempts");
	host_rows(h, "ota.0", "busy", none, (void *)"busy");
	host_rows(h, "gear.0", "told", no_lease, NULL);
	host_check(h, !w->g.interrupted, "%llu sessions were broken off", (unsigned long long)w->g.interrupted);
	host_check(h, !w->g.paid_refused, "%llu who had paid were refused", (unsigned long long)w->g.paid_refused);
	host_check(h, !host_parked(h, "ota.0") && !host_parked(h, "gear.0"), "a message is parked");
}

static void run(struct host *h)
{
	static const char *const victims[] = { "ota.0", "gear.0", NULL };
	static const char *const emitters[] = { "gear.0", NULL };
	struct world *w = calloc(1, sizeof *w);

	w->steps = host_seed(h) % 3 == 0;
	w->phases = host_seed(h) % 2;
	w->back = host_seed(h) / 2 % 2;
	gears_init(&w->g, h, DEVICES, 3, 10000);
	w->g.noise = host_below(h, 300);
	for (unsigned i = 0; i < DEVICES; i++)
		w->g.gear[i].manner = host_below(h, 2) ? GEAR_OBEYS : host_below(h, GEAR_MANNERS);
	/* One that stumbles needs a try for that, which may be spent on reaching it. */
	for (unsigned i = 0; i < DEVICES; i++)
		w->g.gear[i].plain = w->g.gear[i].manner != GEAR_STUMBLES && !host_below(h, 3);
	host_load_record(h, &gear_record, 1, NULL);
	scenario_load(h, "ota", 1, "{\"keys\":\"node\",\"url\":\"http://node.example\",\"retryS\":20}");
	host_settle(h, 5);
	start_campaign(w);
	scenario_weather(h, victims);
	drivers(h, w);
	host_run_ms(h, STORM_MS);
	w->calm = true;
	for (unsigned i = 0; i < DEVICES; i++)
		w->g.gear[i].offline = false;
	scenario_calm(h);
	scenario_shake(h, emitters);
	host_check(h, run_until(h, over, w), "the campaign does not end: %s",
		   host_call(h, "galvan.ota.v1.Ota/ListAssignments", "{\"campaign\":\"c\",\"anyState\":true}")->json);
	host_check(h, run_until(h, none_under_way, w), "some have no outcome");
	check_end(w);
	gears_fini(&w->g);
	free(w);
}

const struct scenario scenario_ota = { "ota", "a campaign among devices of all manners", run };
