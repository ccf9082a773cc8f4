/* A terminal that dies: at each of its commits and sends in turn in each of three stories, and at random ones while
 * connections break and packets are late. Whatever it was doing, one session is charged, once, the cloud ends with
 * every record, and the pile forgets nothing before. SEED and SEEDS choose which. */
#include "rig.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define STORIES 3  /* when the cloud is there: from the start on, from the stop on, at the end */
#define POINTS 300 /* that are tried in each: no story has more, */
#define FEWEST 200 /* and none has fewer than these, so that each of them is a crash */

static char start[4096];

static unsigned long number(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 10) : otherwise;
}

/* People insist: an answer that does not come, or says that it is not known, is asked for again. */
static void insist(const char *method, const char *json, bool wanted)
{
	for (int i = 0; i < 20 && pile.pile.state.sessions[0].active != wanted; i++) {
		rig_call(method, json);
		rig_run(2000);
	}
	cr_assert_eq(pile.pile.state.sessions[0].active, wanted, "%s is never done", method);
}

/* It died where it was told to, once; and a run in which nobody died had fewer points, and is the last of its story. */
static void check_crash(unsigned long seed, unsigned long point, uint64_t points)
{
	cr_assert_eq(host_crashes(h), points > point, "seed %lu: %lu crashes, and its point %lu is one of %lu", seed,
		     (unsigned long)host_crashes(h), point, (unsigned long)points);
	cr_assert(point >= FEWEST || host_crashes(h), "seed %lu: nobody dies", seed);
	cr_assert(point + 1 < POINTS || !host_crashes(h), "seed %lu: the story has more points than are tried", seed);
}

static void run(unsigned long seed)
{
	bool random = seed >= POINTS * STORIES;
	unsigned long point = seed / STORIES, story = seed % STORIES;
	uint64_t before;

	rig_start(seed, NULL);
	rig_voucher_json(1, start, sizeof(start));
	if (random) {
		host_set(h, HOST_CRASH, 10);
		host_set(h, HOST_DELAY, 50);
		host_set(h, HOST_DROP, seed % 4);
		host_spare(h, "bluetooth", true);
	} else {
		host_crash_at(h, "ble.0", point + 1);
	}
	before = host_points(h, "ble.0");
	if (story == 0)
		rig_cloud_up(true);
	insist("Start", start, true);
	rig_run(70000);
	insist("Stop", "{\"device\":\"" RIG_PILE "\"}", false);
	if (story == 1)
		rig_cloud_up(true);
	rig_seen();
	rig_run(60000);
	host_set(h, HOST_CRASH, 0);
	host_set(h, HOST_DROP, 0);
	rig_cloud_up(true);
	for (int i = 0; i < 10 && ble_pile_pending(&pile.pile); i++) {
		rig_seen();
		rig_until_receipted(70000);
	}
	rig_run(40000);
	cr_assert_eq(ble_pile_pending(&pile.pile), 0, "seed %lu: %lu records have no receipt", seed,
		     (unsigned long)ble_pile_pending(&pile.pile));
	cr_assert_eq(cloud.chain.next, pile.pile.chain.next, "seed %lu", seed);
	cr_assert_eq(pile.pile.started, 1, "seed %lu: one voucher, one session", seed);
	cr_assert_eq(board_check_history(&pile), 1, "seed %lu", seed);
	cr_assert_eq(rig_rows("terminal_records"), 0, "seed %lu: the cloud has them", seed);
	cr_assert_eq(rig_rows("terminal_commands"), 0, "seed %lu: every order has its answer", seed);
	cr_assert_eq(host_parked(h, "ble.0"), 0, "seed %lu", seed);
	if (!random)
		check_crash(seed, point, host_points(h, "ble.0") - before);
	rig_stop();
}

Test(crashes, at_every_point_and_in_every_weather, .timeout = 0)
{
	unsigned long first = number("SEED", 0), seeds = number("SEEDS", 500);

	fprintf(stderr, "seeds %lu to %lu\n", first, first + seeds - 1);
	for (unsigned long seed = first; seed < first + seeds; seed++)
		run(seed);
}
