/* The load manager as its callers see it: how it shares, over time, and what goes wrong. */
#include "energy_rig.h"

#include <math.h>
#include <string.h>

TestSuite(energy, .init = setup, .fini = teardown, .timeout = 60);

/* ---- sharing --------------------------------------------------------------------------------- */

Test(energy, an_outlet_gives_nothing_until_a_car_is_there_and_then_all_there_is)
{
	site("");
	outlets(2, "");
	pass(2000);
	expect(0, 0);
	expect_state(0, "IDLE");
	car(0, 32000);
	pass(10000);
	expect(0, 32000);
	expect_state(0, "CHARGING");
	car(1, 32000);
	pass(20000);
	expect(0, 16000);
	expect(1, 16000);
	outlet_leave(&o.outlet[0]);
	pass(20000);
	expect(0, 0);
	expect(1, 32000);
}

Test(energy, devices_that_were_there_before_the_site_was_managed_are_managed_too)
{
	outlets(1, "");
	o.outlet[0].commissioned = true;
	o.outlet[0].limit_ma = 32000;
	car(0, 32000);
	pass(5000);
	expect(0, 32000);
	site(",\"schedule\":[{\"limitMa\":10000}]");
	pass(20000);
	expect(0, 10000);
}

Test(energy, who_draws_less_leaves_the_rest_to_others_and_gets_it_back_when_it_wants_it)
{
	site("");
	outlets(2, "");
	pass(2000);
	car(0, 8000);
	car(1, 32000);
	pass(2 * MINUTE_MS);
	expect(0, 9800); /* what it draws, a tenth and an ampere */
	expect(1, 22200);
	car(0, 32000);
	pass(2 * MINUTE_MS);
	expect(0, 16000);
	expect(1, 16000);
}

Test(energy, priorities_are_proportions)
{
	site(",\"priorities\":[{\"device\":\"outlet:O0\",\"weight\":3},{\"tag\":\"slow\",\"weight\":1}]");
	outlets(2, ",\"tags\":[\"slow\"]");
	pass(2000);
	car(0, 32000);
	car(1, 32000);
	pass(MINUTE_MS);
	expect(0, 24000);
	expect(1, 8000);
}

Test(energy, a_feeder_has_a_limit_of_its_own)
{
	site(",\"groups\":[{\"id\":\"f\",\"limitMa\":14000,\"devices\":[\"outlet:O0\",\"outlet:O1\"]}]");
	outlets(3, "");
	pass(2000);
	for (unsigned i = 0; i < 3; i++)
		car(i, 32000);
	pass(MINUTE_MS);
	expect(0, 7000);
	expect(1, 7000);
	expect(2, 18000);
}

Test(energy, one_phase_outlets_share_only_their_phase)
{
	site("");
	outlets(2, ",\"connectors\":[{\"id\":1,\"phases\":1}],\"attributes\":{\"phaseRotation\":\"RST\"}");
	ok("galvan.registry.v1.Registry/PutDevice",
	   "{\"device\":{\"id\":\"outlet:O1\",\"attributes\":{\"phaseRotation\":\"STR\"}}}");
	pass(2000);
	car(0, 32000);
	car(1, 32000);
	pass(MINUTE_MS);
	expect(0, 32000);
	expect(1, 32000);
}

Test(energy, eight_cars_take_turns_where_there_is_enough_for_five)
{
	site(",\"sliceS\":120");
	outlets(8, "");
	pass(2000);
	for (unsigned i = 0; i < 8; i++)
		car(i, 32000);
	pass(20 * MINUTE_MS);
	for (unsigned i = 0; i < 8; i++) /* a fair share is 6.25 of the 10 turns */
		cr_expect_gt(o.outlet[i].got_mas, 6000.0 * 120 * 6, "outlet %u got its turns: %.0f A s", i,
			     o.outlet[i].got_mas / 1000);
}

Test(energy, cars_that_came_at_once_get_the_same_over_time)
{
	double least = INFINITY, most = 0, sum = 0;

	site(",\"sliceS\":120");
	outlets(8, "");
	pass(2000);
	for (unsigned i = 0; i < 8; i++)
		car(i, 32000);
	pass(120 * MINUTE_MS);
	for (unsigned i = 0; i < 8; i++) {
		least = fmin(least, o.outlet[i].got_mas);
		most = fmax(most, o.outlet[i].got_mas);
		sum += o.outlet[i].got_mas;
	}
	cr_expect_leq(most, 1.1 * least, "from %.0f to %.0f A s", least / 1000, most / 1000);
	cr_expect_gt(sum, 0.98 * 32000 * 7200, "the turns use the whole limit: %.0f A s", sum / 1000);
}

Test(energy, small_changes_cause_no_commands)
{
	uint64_t before;

	site("");
	outlets(3, "");
	pass(2000);
	for (unsigned i = 0; i < 3; i++)
		car(i, 32000);
	pass(5 * MINUTE_MS);
	before = o.taken_in;
	for (unsigned i = 0; i < 50; i++) {
		o.outlet[0].wish_ma = 10500 + i % 2 * 100;
		pass(10000);
	}
	cr_expect_leq(o.taken_in - before, 3 * 500 / 30 + 3, "no more than renewals: %u",
		      (unsigned)(o.taken_in - before));
}

/* ---- limits over time ------------------------------------------------------------------------ */

Test(energy, a_grid_limit_wins_while_it_is_lower_and_is_kept_from_its_beginning)
{
	int64_t from_ms;

	site("");
	outlets(1, "");
	pass(2000);
	car(0, 32000);
	pass(20000);
	expect(0, 32000);
	from_ms = host_now_ms(h) + 10 * MINUTE_MS;
	ok(SERVICE "SetGridLimit",
	   "{\"site\":\"yard\",\"limit\":{\"id\":\"dso\",\"limitMa\":10000,\"startMs\":\"%lld\",\"endMs\":\"%lld\"}}",
	   (long long)from_ms, (long long)from_ms + 10 * MINUTE_MS);
	pass(7 * MINUTE_MS);
	expect(0, 32000);
	pass(from_ms - AHEAD_MS - host_now_ms(h) + 2000);
	expect(0, 10000);
	pass(from_ms + 9 * MINUTE_MS - host_now_ms(h));
	expect(0, 10000);
	pass(2 * MINUTE_MS);
	expect(0, 32000);
}

Test(energy, a_grid_limit_below_what_chargers_fall_back_to_is_not_sure)
{
	cJSON *reply;

	site("");
	outlets(1, "");
	pass(2000);
	car(0, 32000);
	pass(20000);
	reply = cJSON_Parse(
		ok(SERVICE "SetGridLimit", "{\"site\":\"yard\",\"limit\":{\"id\":\"dso\",\"limitMa\":5000}}"));
	cr_expect_str_eq(cJSON_GetObjectItemCaseSensitive(reply, "sureFromMs")->valuestring, "0");
	cJSON_Delete(reply);
	pass(20000);
	expect(0, 0);
	ok(SERVICE "ClearGridLimit", "{\"site\":\"yard\",\"id\":\"dso\"}");
	pass(20000);
	expect(0, 32000);
}

Test(energy, a_grid_limit_that_ends_gives_back_all_that_it_took_even_where_it_is_little)
{
	site("");
	outlets(5, "");
	pass(2000);
	for (unsigned i = 0; i < 5; i++)
		car(i, 32000);
	pass(5 * MINUTE_MS);
	ok(SERVICE "SetGridLimit", "{\"site\":\"yard\",\"limit\":{\"id\":\"dso\",\"limitMa\":30000}}");
	pass(5 * MINUTE_MS);
	for (unsigned i = 0; i < 5; i++)
		expect(i, 6000); /* their minimum, which stands without being renewed */
	ok(SERVICE "ClearGridLimit", "{\"site\":\"yard\",\"id\":\"dso\"}");
	pass(MINUTE_MS);
	for (unsigned i = 0; i < 5; i++)
		expect(i, 6400);
}

Test(energy, who_can_wait_charges_in_the_cheap_hour)
{
	int64_t now_ms;

	site("");
	outlets(2, "");
	pass(2000);
	car(0, 32000);
	car(1, 32000);
	pass(20000);
	now_ms = host_now_ms(h);
	ok(SERVICE "PutPrices",
	   "{\"site\":\"yard\",\"prices\":[{\"startMs\":\"%lld\",\"price\":\"30\"},{\"startMs\":\"%lld\",\"price\":"
	   "\"10\"},"
	   "{\"startMs\":\"%lld\",\"price\":\"40\"}]}",
	   (long long)now_ms - 1000, (long long)now_ms + 10 * MINUTE_MS, (long long)now_ms + 70 * MINUTE_MS);
	ok(SERVICE "SetNeeds",
	   "{\"sessionId\":\"outlet:O0/1\",\"needs\":{\"departureMs\":\"%lld\",\"energyWh\":\"5000\",\"cheap\":true}}",
	   (long long)now_ms + 120 * MINUTE_MS);
	pass(MINUTE_MS);
	expect(0, 0);
	expect(1, 32000);
	expect_state(0, "WAITING");
	pass(10 * MINUTE_MS);
	expect(0, 16000);
	expect(1, 16000);
}

Test(energy, a_car_that_can_take_less_leaves_the_rest_at_once)
{
	site("");
	outlets(2, "");
	pass(2000);
	o.outlet[0].says_ma = 10000;
	car(0, 32000);
	car(1, 32000);
	pass(20000);
	expect(0, 10000);
	expect(1, 22000);
}

Test(energy, who_can_wait_need_not_be_told_what_the_car_says_itself)
{
	int64_t now_ms;

	site("");
	outlets(1, "");
	pass(2000);
	now_ms = host_now_ms(h);
	o.outlet[0].says_ma = 32000;
	o.outlet[0].says_wh = 5000;
	o.outlet[0].departs_ms = now_ms + 120 * MINUTE_MS;
	car(0, 32000);
	pass(20000);
	ok(SERVICE "PutPrices",
	   "{\"site\":\"yard\",\"prices\":[{\"startMs\":\"%lld\",\"price\":\"30\"},{\"startMs\":\"%lld\",\"price\":"
	   "\"10\"},{\"startMs\":\"%lld\",\"price\":\"40\"}]}",
	   (long long)now_ms - 1000, (long long)now_ms + 10 * MINUTE_MS, (long long)now_ms + 70 * MINUTE_MS);
	pass(MINUTE_MS);
	expect(0, 32000);
	ok(SERVICE "SetNeeds", "{\"sessionId\":\"outlet:O0/1\",\"needs\":{\"cheap\":true}}");
	pass(MINUTE_MS);
	expect_state(0, "WAITING");
	pass(10 * MINUTE_MS);
	expect(0, 32000);
}

/* ---- what goes wrong ------------------------------------------------------------------------- */

Test(energy, a_lost_outlet_keeps_its_allowance_until_it_has_fallen_back)
{
	site("");
	outlets(2, "");
	pass(2000);
	car(0, 32000);
	car(1, 32000);
	pass(MINUTE_MS);
	o.outlet[0].cut_off = true;
	pass(50000);
	expect(1, 16000);
	pass(3 * MINUTE_MS);
	expect(0, 6000);
	expect(1, 26000);
	expect_state(0, "LOST");
	o.outlet[0].cut_off = false;
	pass(2 * MINUTE_MS);
	expect(0, 16000);
	expect(1, 16000);
}

Test(energy, without_the_manager_cars_go_on_with_their_minimum_or_pause_as_the_site_says)
{
	site("");
	outlets(1, "");
	pass(2000);
	car(0, 32000);
	pass(MINUTE_MS);
	host_stop(h, "energy.0");
	pass(2 * MINUTE_MS);
	expect(0, 6000);
	cr_assert_eq(host_start(h, "energy.0"), 0);
	pass(MINUTE_MS);
	expect(0, 32000);
	site(",\"pauseWhenLost\":true");
	pass(2 * MINUTE_MS);
	host_stop(h, "energy.0");
	pass(2 * MINUTE_MS);
	expect(0, 0);
	cr_assert_eq(host_start(h, "energy.0"), 0);
}

Test(energy, what_chargers_fall_back_to_fits_the_lowest_limit_of_the_schedule)
{
	int64_t sum_ma = 0;

	site(",\"schedule\":[{\"limitMa\":13000,\"startMs\":\"4000000000000\"}]");
	outlets(4, "");
	pass(2000);
	for (unsigned i = 0; i < 4; i++)
		car(i, 32000);
	pass(MINUTE_MS);
	host_stop(h, "energy.0");
	pass(2 * MINUTE_MS);
	for (unsigned i = 0; i < 4; i++)
		sum_ma += allowed(i);
	cr_expect_eq(sum_ma, 12000, "two go on, two pause: %lld", (long long)sum_ma);
	cr_assert_eq(host_start(h, "energy.0"), 0);
}

Test(energy, an_outlet_that_has_never_accepted_a_limit_is_reserved_what_it_can_draw)
{
	site("");
	o.outlet[0].cut_off = true;
	outlets(2, ",\"connectors\":[{\"id\":1,\"phases\":3,\"maxCurrentMa\":20000}]");
	pass(2000);
	car(1, 20000);
	pass(20000);
	expect(1, 12000);
	o.outlet[0].cut_off = false;
	pass(2 * MINUTE_MS);
	expect(1, 20000);
}

/* ---- what is refused ------------------------------------------------------------------------- */

Test(energy, a_site_that_cannot_be_is_refused_with_the_field)
{
	refused("PutSite", "{\"site\":{\"id\":\"yard\"}}", GV_INVALID_ARGUMENT, "limitMa");
	refused("PutSite", "{\"site\":{\"id\":\"yard\",\"limitMa\":63}}", GV_INVALID_ARGUMENT, "63 A is 63000");
	refused("PutSite", "{\"site\":{\"id\":\"yard\",\"limitMa\":1000,\"phaseLimitsMa\":[1]}}", GV_INVALID_ARGUMENT,
		"phaseLimitsMa");
	refused("PutSite", "{\"site\":{\"id\":\"yard\",\"limitMa\":1000,\"schedule\":[{\"from\":\"25:00\"}]}}",
		GV_INVALID_ARGUMENT, "schedule[0]");
	refused("PutSite", "{\"site\":{\"id\":\"yard\",\"limitMa\":1000,\"priorities\":[{\"weight\":2}]}}",
		GV_INVALID_ARGUMENT, "priorities[0]");
	refused("PutSite",
		"{\"site\":{\"id\":\"yard\",\"limitMa\":1000,\"groups\":[{\"id\":\"a\",\"limitMa\":1000,\"devices\":["
		"\"x\"]},"
		"{\"id\":\"b\",\"limitMa\":1000,\"devices\":[\"x\"]}]}}",
		GV_INVALID_ARGUMENT, "x is in");
	refused("GetSite", "{\"id\":\"yard\"}", GV_NOT_FOUND, "yard");
	refused("SetGridLimit", "{\"site\":\"yard\",\"limit\":{\"id\":\"x\"}}", GV_NOT_FOUND, "yard");
	refused("SetNeeds", "{\"sessionId\":\"outlet:O0/9\"}", GV_NOT_FOUND, "outlet:O0/9");
}

Test(energy, prices_out_of_order_are_refused)
{
	site("");
	refused("PutPrices", "{\"site\":\"yard\",\"prices\":[{\"startMs\":\"5\"},{\"startMs\":\"5\"}]}",
		GV_INVALID_ARGUMENT, "prices[1]");
}

/* ---- what is told ---------------------------------------------------------------------------- */

Test(energy, each_change_is_told)
{
	size_t n;
	const struct host_event *e;

	site("");
	outlets(1, "");
	pass(2000);
	car(0, 32000);
	pass(20000);
	n = host_events(h, "galvan.energy.v1.AllocationChanged");
	cr_assert_gt(n, 0u);
	e = host_event(h, "galvan.energy.v1.AllocationChanged", n - 1);
	cr_expect(strstr(e->json, "\"allowanceMa\":\"32000\""), "%s", e->json);
	cr_expect_str_eq(e->key, "outlet:O0");
	n = host_events(h, "galvan.energy.v1.SiteLimitChanged");
	cr_assert_gt(n, 0u);
	e = host_event(h, "galvan.energy.v1.SiteLimitChanged", n - 1);
	cr_expect(strstr(e->json, "\"limitMa\":[\"32000\",\"32000\",\"32000\"]"), "%s", e->json);
}

Test(energy, a_site_that_is_managed_no_more_leaves_its_chargers_alone)
{
	uint64_t before;

	site("");
	outlets(1, "");
	pass(2000);
	ok(SERVICE "DeleteSite", "{\"id\":\"yard\"}");
	pass(2000);
	before = o.taken_in;
	car(0, 32000);
	pass(5 * MINUTE_MS);
	cr_expect_eq(o.taken_in, before);
	refused("GetSite", "{\"id\":\"yard\"}", GV_NOT_FOUND, "PutSite");
}
