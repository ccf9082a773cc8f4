/* Which connectors a site's power is shared among and reserved for. */
#include "energy_rig.h"

#include <stdio.h>
#include <stdlib.h>

TestSuite(energy_points, .init = setup, .fini = teardown, .timeout = 60);

#define DECLARED ",\"connectors\":[{\"id\":1,\"phases\":3,\"maxCurrentMa\":20000}]"

/* A charger that speaks of connectors that it does not have, and refuses limits for them, would take the site from all.
 */
Test(energy_points, connectors_that_a_device_does_not_declare_take_nothing_from_the_site)
{
	site("");
	o.outlet[0].phantoms = 4;
	outlets(2, DECLARED);
	pass(2 * MINUTE_MS);
	cr_expect_eq(state_of("allocations"), 2);
	cr_expect_eq(state_of("reservedMa"), 0);
	car(1, 20000);
	pass(MINUTE_MS);
	expect(1, 20000);
}

Test(energy_points, a_device_that_declares_no_connectors_is_believed_eight_of_them)
{
	site("");
	o.outlet[0].phantoms = 50;
	outlets(1, "");
	pass(2 * MINUTE_MS);
	cr_expect_eq(state_of("allocations"), 8, "%d", (int)state_of("allocations"));
}

Test(energy_points, connectors_that_were_believed_are_dropped_when_others_are_declared)
{
	site("");
	o.outlet[0].phantoms = 4;
	outlets(1, "");
	pass(2 * MINUTE_MS);
	cr_expect_gt(state_of("reservedMa"), 32000);
	outlets(1, DECLARED);
	pass(2000);
	cr_expect_eq(state_of("allocations"), 1);
	cr_expect_eq(state_of("reservedMa"), 0);
}

/* Whoever has never come may be charging all the same: it has no limit. */
Test(energy_points, a_declared_charger_that_has_never_come_is_reserved_what_it_can_draw)
{
	site("");
	outlets(1, DECLARED);
	ok("galvan.registry.v1.Registry/PutDevice", "{\"device\":{\"id\":\"zone:Z0\",\"site\":\"yard\"" DECLARED "}}");
	pass(2000);
	car(0, 20000);
	pass(MINUTE_MS);
	expect(0, 12000);
	cr_expect_eq(state_of("allocations"), 2);
	cr_expect_eq(state_of("reservedMa"), 32000);
}

/* Each way in which a charger that never came ceases to be one of the site's. */
static void leaves_room(const char *method, const char *json)
{
	site("");
	outlets(1, DECLARED);
	ok("galvan.registry.v1.Registry/PutSite", "{\"site\":{\"id\":\"lane\"}}");
	ok("galvan.registry.v1.Registry/PutDevice", "{\"device\":{\"id\":\"zone:Z0\",\"site\":\"yard\"" DECLARED "}}");
	pass(2000);
	cr_expect_eq(state_of("allocations"), 2);
	ok(method, "%s", json);
	pass(2000);
	cr_expect_eq(state_of("allocations"), 1);
	car(0, 20000);
	pass(MINUTE_MS);
	expect(0, 20000);
}

Test(energy_points, a_deleted_device_is_reserved_nothing)
{
	leaves_room("galvan.registry.v1.Registry/DeleteDevice", "{\"id\":\"zone:Z0\"}");
}

Test(energy_points, a_moved_device_is_reserved_nothing_where_it_was)
{
	leaves_room("galvan.registry.v1.Registry/PutDevice", "{\"device\":{\"id\":\"zone:Z0\",\"site\":\"lane\"}}");
}

Test(energy_points, a_connector_that_is_declared_no_more_is_reserved_nothing)
{
	leaves_room("galvan.registry.v1.Registry/PutDevice",
		    "{\"device\":{\"id\":\"zone:Z0\"},\"clear\":[\"connectors\"]}");
}

Test(energy_points, a_device_that_is_excluded_is_reserved_nothing)
{
	leaves_room("galvan.registry.v1.Registry/PutDevice",
		    "{\"device\":{\"id\":\"zone:Z0\",\"attributes\":{\"energy\":\"off\"}}}");
}

Test(energy_points, a_cabinets_slots_are_no_connectors)
{
	leaves_room("galvan.registry.v1.Registry/PutDevice",
		    "{\"device\":{\"id\":\"zone:Z0\",\"connectors\":[{\"id\":1,\"type\":\"slot\"}]}}");
}

/* A device of so many connectors of 1 A each. */
static void many(unsigned device, unsigned connectors)
{
	char text[256 * 40] = "";
	size_t n = 0;

	for (unsigned i = 1; i <= connectors; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%s{\"id\":%u,\"maxCurrentMa\":1000}",
				      i > 1 ? "," : "", i);
	cr_assert_eq(host_call(h, "galvan.registry.v1.Registry/PutDevice",
			       "{\"device\":{\"id\":\"zone:Z%u\",\"site\":\"yard\",\"connectors\":[%s]}}", device, text)
			     ->code,
		     GV_OK);
}

/* 2,008 connectors of 1 A each, behind outlet 0: with it 9 too many. */
Test(energy_points, what_is_beyond_the_bound_of_a_site_is_reserved_all_the_same)
{
	cJSON *a;

	outlets(1, ",\"connectors\":[{\"id\":1,\"phases\":3,\"maxCurrentMa\":32000}]");
	o.outlet[0].commissioned = true;
	car(0, 32000);
	pass(5000);
	for (unsigned i = 0; i < 7; i++)
		many(i, 256);
	many(7, 216);
	site("");
	cr_expect_eq(state_of("unlisted"), 9);
	cr_expect_eq(state_of("reservedMa"), 32000 + 2008 * 1000);
	a = allocation(0);
	cr_expect_leq(atoi(cJSON_GetObjectItemCaseSensitive(a, "targetMa")->valuestring), 32000 - 9 * 1000);
	cJSON_Delete(a);
}
