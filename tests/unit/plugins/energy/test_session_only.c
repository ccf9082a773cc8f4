/* Chargers that take limits of running sessions only: their connectors are open while all that they can draw is
 * reserved for them, and closed to whoever comes next while it is not. */
#include "energy_rig.h"

#include <string.h>

TestSuite(energy_session_only, .init = setup, .fini = teardown, .timeout = 60);

/* Outlet i is such a one, and can draw so much; before it is put. */
static void session_only(unsigned i, int64_t max_ma)
{
	o.outlet[i].session_only = true;
	o.outlet[i].max_ma = max_ma;
}

static void declare(unsigned i, int64_t max_ma)
{
	ok("galvan.registry.v1.Registry/PutDevice",
	   "{\"device\":{\"id\":\"outlet:O%u\",\"site\":\"yard\",\"connectors\":[{\"id\":1,\"maxCurrentMa\":%lld}]}}",
	   i, (long long)max_ma);
}

/* One of 10 A at outlet 0, an ordinary one at outlet 1. */
static void one_of_two(void)
{
	site("");
	session_only(0, 10000);
	outlets(2, "");
	declare(0, 10000);
	declare(1, 32000);
	pass(20000);
}

static int64_t reserved(unsigned i)
{
	cJSON *a = allocation(i);
	int64_t ma = strtoll(cJSON_GetObjectItemCaseSensitive(a, "reservedMa")->valuestring, NULL, 10);

	cJSON_Delete(a);
	return ma;
}

/* What its people have to solve begins so. */
static void expect_problem(unsigned i, const char *words)
{
	cJSON *a = allocation(i);
	const char *problem = cJSON_GetObjectItemCaseSensitive(a, "problem")->valuestring;

	cr_expect(!strncmp(problem, words, strlen(words)) && strstr(problem, "maxCurrentMa"), "%s", problem);
	cJSON_Delete(a);
}

Test(energy_session_only, without_a_session_all_that_it_can_draw_is_reserved_and_it_is_open)
{
	one_of_two();
	cr_expect(!o.outlet[0].closed);
	cr_expect_eq(reserved(0), 10000);
	expect_state(0, "IDLE");
	car(1, 32000);
	pass(20000);
	expect(1, 22000);
}

Test(energy_session_only, a_car_draws_what_is_reserved_until_it_is_limited_and_nobody_comes_after_it_unasked)
{
	one_of_two();
	car(1, 32000);
	pass(20000);
	car(0, 10000);
	expect(0, 10000);
	site(",\"priorities\":[{\"device\":\"outlet:O1\",\"weight\":4}]");
	pass(20000);
	expect(0, 6400);
	expect(1, 25600);
	cr_expect(o.outlet[0].closes, "whoever comes next would draw more than is free");
	outlet_leave(&o.outlet[0]);
	car(0, 10000);
	expect(0, 0);
	pass(20000);
	expect(0, 6400);
	expect(1, 25600);
}

Test(energy_session_only, it_is_opened_only_when_others_have_accepted_less)
{
	one_of_two();
	car(1, 32000);
	car(0, 10000);
	site(",\"priorities\":[{\"device\":\"outlet:O1\",\"weight\":4}]");
	pass(20000);
	o.outlet[1].cut_off = true;
	outlet_leave(&o.outlet[0]);
	pass(20000);
	cr_expect(o.outlet[0].closed, "25.6 A may be drawn by the other");
	expect_state(0, "CLOSED");
	pass(2 * MINUTE_MS);
	expect(1, 6000);
	cr_expect(!o.outlet[0].closed, "it has fallen back");
	expect_state(0, "IDLE");
}

Test(energy_session_only, one_that_is_cut_off_in_a_session_is_closed_behind_it)
{
	one_of_two();
	car(1, 32000);
	car(0, 10000);
	site(",\"priorities\":[{\"device\":\"outlet:O1\",\"weight\":4}]");
	pass(20000);
	o.outlet[0].cut_off = true;
	outlet_leave(&o.outlet[0]);
	car(0, 10000);
	pass(3 * MINUTE_MS);
	expect(0, 0);
	expect_state(0, "LOST");
	o.outlet[0].cut_off = false;
	pass(MINUTE_MS);
	expect(0, 6400);
}

Test(energy_session_only, where_there_is_not_enough_for_all_it_has_its_turn_to_be_open)
{
	site(",\"sliceS\":120");
	session_only(0, 20000);
	outlets(3, "");
	declare(0, 20000);
	pass(20000);
	cr_expect(!o.outlet[0].closed);
	car(1, 32000);
	car(2, 32000);
	pass(20000);
	expect(1, 6000);
	expect(2, 6000);
	cr_expect(!o.outlet[0].closed, "there is enough for their minimum");
	site(",\"sliceS\":120,\"minimumMa\":10000");
	for (unsigned i = 0; i < 20; i++) {
		pass(MINUTE_MS / 2);
		if (o.outlet[0].closed)
			car(0, 20000);
	}
	cr_expect_gt(o.outlet[0].got_mas, 0.0, "who waits for it gets in");
	cr_expect_gt(o.outlet[1].got_mas, 10000.0 * 120, "%.0f", o.outlet[1].got_mas);
	cr_expect_gt(o.outlet[2].got_mas, 10000.0 * 120, "%.0f", o.outlet[2].got_mas);
}

Test(energy_session_only, nobody_comes_to_it_so_that_others_do_not_wait_for_long)
{
	site(",\"sliceS\":120");
	session_only(0, 32000);
	outlets(2, "");
	declare(0, 32000);
	pass(20000);
	cr_expect(!o.outlet[0].closed);
	car(1, 32000);
	pass(10 * MINUTE_MS);
	cr_expect_gt(o.outlet[1].got_mas, 32000.0 * 300, "more than half of the time: %.0f A s",
		     o.outlet[1].got_mas / 1000);
}

Test(energy_session_only, one_that_can_draw_more_than_the_site_may_stays_closed_and_its_people_are_told_what_to_do)
{
	site("");
	session_only(0, 63000);
	outlets(2, "");
	declare(0, 63000);
	pass(MINUTE_MS);
	cr_expect(o.outlet[0].closed);
	expect_state(0, "CLOSED");
	expect_problem(0, "outlet:O0:1 stays closed");
	car(1, 32000);
	pass(20000);
	expect(1, 32000);
}

Test(energy_session_only, one_that_takes_no_limit_and_can_draw_more_than_the_site_may_is_no_secret)
{
	site("");
	o.outlet[0].refuses = true;
	outlets(1, "");
	declare(0, 63000);
	pass(MINUTE_MS);
	expect_state(0, "REFUSING");
	expect_problem(0, "outlet:O0:1 takes no limit");
	cr_expect_eq(state_of("exceeded"), true);
}

Test(energy_session_only, one_that_can_draw_more_than_the_lowest_limit_stays_closed)
{
	site(",\"gridFloorMa\":8000");
	session_only(0, 10000);
	outlets(1, "");
	declare(0, 10000);
	pass(MINUTE_MS);
	cr_expect(o.outlet[0].closed, "nobody could close it once it does not answer");
}

Test(energy_session_only, one_whose_session_is_not_limited_keeps_its_reserve)
{
	one_of_two();
	o.unkind = 1000;
	car(0, 10000);
	car(1, 32000);
	for (unsigned i = 0; i < 60; i++) {
		pass(1000);
		cr_assert_leq(allowed(0) + allowed(1), 32000);
	}
}

Test(energy_session_only, a_site_that_is_managed_no_more_leaves_it_open)
{
	one_of_two();
	car(0, 10000);
	car(1, 32000);
	site(",\"priorities\":[{\"device\":\"outlet:O1\",\"weight\":4}]");
	pass(20000);
	cr_assert(o.outlet[0].closes);
	ok(SERVICE "DeleteSite", "{\"id\":\"yard\"}");
	pass(2000);
	cr_expect(!o.outlet[0].closes);
	expect(0, 10000);
}
