/* A week of drivers at a fleet that is updated meanwhile: by a good image in even seeds, by one whose installation
 * always fails in odd ones. The good one reaches every device, breaks off no session and refuses nobody who has paid;
 * the bad one is stopped by the first failures, and has been offered to no more devices than may be under way.
 *
 * Seeds below 1000 are a day of 200 devices, others a week of 10,000: galvan-sim --plugin week --seed 1000 --seeds 2.
 */
#include "gear.h"
#include "scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PER_SITE 4
#define IN_FLIGHT 50
#define DAY_MS (24 * 60 * 60 * 1000LL)
#define SESSIONS_A_DAY 5 /* of a device */
#define BIG_SEED 1000

struct week {
	struct gears g;
	int64_t every_ms, until_ms;
};

static bool bad(const struct host *h)
{
	return host_seed(h) % 2;
}

/* One driver somewhere: half of them pay by telephone, the others plug in with a card. */
static void driver(struct host *h, void *arg)
{
	struct week *w = arg;
	struct gear *g = &w->g.gear[host_below(h, w->g.n)];

	gears_serve(&w->g);
	if (host_below(h, 2))
		gear_order(g);
	else
		gear_plug_in(g, host_now_ms(h), 60000 + (int64_t)host_below(h, 3600000));
	if (host_now_ms(h) < w->until_ms)
		host_after(h, 1 + (int64_t)host_below(h, (uint32_t)(2 * w->every_ms)), driver, w);
}

static void ok(struct host *h, struct host_answer *a)
{
	host_check(h, a->code == GV_OK, "%s: %s", a->method, a->error);
}

static void start_campaign(struct host *h)
{
	ok(h, host_call(h, "galvan.ota.v1.Ota/PutArtifact",
			"{\"artifact\":{\"id\":\"gear/2.0/"
			"g.bin\",\"product\":\"gear\",\"kind\":\"firmware\",\"version\":\"2.0\","
			"\"counter\":\"2\",\"blob\":\"%s\",\"install\":{\"seconds\":120}}}",
			gear_blob()));
	ok(h, host_call(h, "galvan.ota.v1.Ota/PutCampaign",
			"{\"campaign\":{\"id\":\"c\",\"target\":{\"filter\":\"plugin = gear\"},\"artifacts\":"
			"[\"gear/2.0/g.bin\"],\"inFlight\":%d}}",
			IN_FLIGHT));
	ok(h, host_call(h, "galvan.ota.v1.Ota/StartCampaign", "{\"id\":\"c\"}"));
}

static void check_end(struct week *w)
{
	struct host *h = w->g.h;
	struct host_answer *a = host_call(h, "galvan.ota.v1.Ota/GetCampaign", "{\"id\":\"c\"}");
	unsigned offers = 0, updated = 0;

	for (unsigned i = 0; i < w->g.n; i++) {
		offers += w->g.gear[i].offers;
		updated += !strcmp(w->g.gear[i].version, "2.0");
	}
	printf("week: %u devices, %llu sessions, %llu asked to wait, offered to %u, updated %u, broken off %llu, paid "
	       "and refused "
	       "%llu, %s\n",
	       w->g.n, (unsigned long long)w->g.sessions, (unsigned long long)w->g.told_to_wait, offers, updated,
	       (unsigned long long)w->g.interrupted, (unsigned long long)w->g.paid_refused,
	       scenario_str(h, a->json, "campaign.reason"));
	host_check(h, !w->g.interrupted, "%llu sessions were broken off", (unsigned long long)w->g.interrupted);
	host_check(h, !w->g.paid_refused, "%llu who had paid were refused", (unsigned long long)w->g.paid_refused);
	if (bad(h)) {
		host_check(h, strstr(a->json, "CAMPAIGN_STATE_STOPPED"), "it goes on: %s", a->json);
		host_check(h, offers <= IN_FLIGHT && !updated, "it was offered to %u", offers);
	} else {
		host_check(h, strstr(a->json, "CAMPAIGN_STATE_DONE"), "it is not done: %s", a->json);
		host_check(h, updated == w->g.n && offers == w->g.n, "%u of %u have it, by %u offers", updated, w->g.n,
			   offers);
	}
}

static void run(struct host *h)
{
	bool big = host_seed(h) >= BIG_SEED;
	struct week *w = calloc(1, sizeof *w);
	unsigned n = big ? 10000 : 200;

	gears_init(&w->g, h, n, PER_SITE, 10000);
	for (unsigned i = 0; i < n; i++)
		w->g.gear[i].manner = bad(h) ? GEAR_FAILS : GEAR_OBEYS;
	host_load_record(h, &gear_record, 1, NULL);
	scenario_load(h, "ota", 1, "{\"keys\":\"node\",\"url\":\"http://node.example\",\"retryS\":300}");
	host_settle(h, 5);
	w->every_ms = DAY_MS / SESSIONS_A_DAY / n;
	w->until_ms = host_now_ms(h) + (big ? 7 : 1) * DAY_MS;
	driver(h, w);
	host_run_ms(h, 60 * 60 * 1000);
	start_campaign(h);
	host_run_ms(h, w->until_ms - host_now_ms(h));
	check_end(w);
	gears_fini(&w->g);
	free(w);
}

const struct scenario scenario_week = { "week", "drivers at a fleet that is updated, well or badly", run };
