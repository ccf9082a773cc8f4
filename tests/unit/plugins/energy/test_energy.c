/* The load manager as its callers see it, in the test host: the plugin's .so, and outlets that do as they are told. */
#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <tests/host/host.h>
#include <tests/host/outlets.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVICE "galvan.energy.v1.Energy/"
#define MINUTE_MS 60000
#define CONFIG "{\"intervalS\":1,\"lowS\":20,\"retryS\":5,\"lateS\":20,\"answerS\":10,\"driftS\":2,\"validS\":60}"
#define AHEAD_MS (92 * 1000) /* validS and answerS and lateS and driftS */

static struct host *h;
static struct outlets o;
static uint64_t cars;

static void nothing(struct outlets *all, int64_t at_ms, void *arg)
{
}

static void setup(void)
{
	h = host_create(1);
	outlets_init(&o, h, 8, nothing, NULL);
	o.late_ms = 20000;
	cr_assert_eq(host_load(h, "registry", PLUGINS "/registry.so", 1, NULL), 0, "%s", host_error(h));
	cr_assert_eq(host_load_record(h, &outlet_record, 1, NULL), 0, "%s", host_error(h));
	cr_assert_eq(host_load(h, "energy", PLUGINS "/energy.so", 1, CONFIG), 0, "%s", host_error(h));
	host_settle(h, 5);
}

static void teardown(void)
{
	host_destroy(h);
}

TestSuite(energy, .init = setup, .fini = teardown, .timeout = 60);

/* ---- what is said and looked at -------------------------------------------------------------- */

static const char *ok(const char *method, const char *fmt, ...)
{
	char json[2000];
	va_list args;
	struct host_answer *a;

	va_start(args, fmt);
	vsnprintf(json, sizeof json, fmt, args);
	va_end(args);
	a = host_call(h, method, "%s", json);
	cr_assert_eq(a->code, GV_OK, "%s %s: %s", method, json, a->error);
	return a->json;
}

static void refused(const char *method, const char *json, enum gv_code code, const char *word)
{
	char name[100];
	struct host_answer *a;

	snprintf(name, sizeof name, SERVICE "%s", method);
	a = host_call(h, name, "%s", json);
	cr_expect_eq(a->code, code, "%s %s: %s %s", method, json, gv_code_name(a->code), a->error);
	cr_expect(strstr(a->error, word), "\"%s\" must name %s", a->error, word);
}

/* `more`: of the site, with a comma before it. */
static void site(const char *more)
{
	ok(SERVICE "PutSite", "{\"site\":{\"id\":\"yard\",\"limitMa\":32000%s}}", more);
}

/* Outlets 0 .. n - 1 stand at the site. */
static void outlets(unsigned n, const char *more)
{
	ok("galvan.registry.v1.Registry/PutSite", "{\"site\":{\"id\":\"yard\"}}");
	for (unsigned i = 0; i < n; i++)
		ok("galvan.registry.v1.Registry/PutDevice", "{\"device\":{\"id\":\"outlet:O%u\",\"site\":\"yard\"%s}}",
		   i, more);
}

static void pass(int64_t ms)
{
	host_run_ms(h, ms);
	outlets_pass(&o);
}

static void car(unsigned i, int64_t wish_ma)
{
	outlets_pass(&o);
	o.outlet[i].session = ++cars;
	o.outlet[i].wish_ma = wish_ma;
}

static int64_t allowed(unsigned i)
{
	return outlet_allows(&o.outlet[i], host_now_ms(h));
}

static void expect(unsigned i, int64_t ma)
{
	cr_expect_eq(allowed(i), ma, "outlet %u may give %lld, not %lld", i, (long long)allowed(i), (long long)ma);
}

static cJSON *allocation(unsigned i)
{
	cJSON *root = cJSON_Parse(ok(SERVICE "GetSite", "{\"id\":\"yard\"}"));
	cJSON *state = cJSON_GetObjectItemCaseSensitive(root, "state");
	cJSON *a = cJSON_DetachItemFromArray(cJSON_GetObjectItemCaseSensitive(state, "allocations"), (int)i);

	cJSON_Delete(root);
	cr_assert_not_null(a, "outlet %u has no allocation", i);
	return a;
}

/* The numbers of GetSite's state, on L1 where there are three. */
static int64_t state_of(const char *field)
{
	cJSON *root = cJSON_Parse(ok(SERVICE "GetSite", "{\"id\":\"yard\"}"));
	cJSON *x = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(root, "state"), field);
	int64_t n;

	x = cJSON_IsArray(x) && x->child && !cJSON_IsObject(x->child) ? x->child : x;
	n = cJSON_IsArray(x)    ? cJSON_GetArraySize(x)
	    : cJSON_IsString(x) ? strtoll(x->valuestring, NULL, 10)
				: x->valueint;
	cJSON_Delete(root);
	return n;
}

static void expect_state(unsigned i, const char *state)
{
	cJSON *a = allocation(i);

	cr_expect_str_eq(cJSON_GetObjectItemCaseSensitive(a, "state")->valuestring, state);
	cJSON_Delete(a);
}

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
	o.outlet[0].session = 0;
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
	for (unsigned i = 0; i < 8; i++)
		cr_expect_gt(o.outlet[i].got_mas, 6000.0 * 120 * 4, "outlet %u got its turns: %.0f A s", i,
			     o.outlet[i].got_mas / 1000);
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

/* ---- which connectors count ------------------------------------------------------------------ */

#define DECLARED ",\"connectors\":[{\"id\":1,\"phases\":3,\"maxCurrentMa\":20000}]"

/* A charger that speaks of connectors that it does not have, and refuses limits for them, would take the site from all.
 */
Test(energy, connectors_that_a_device_does_not_declare_take_nothing_from_the_site)
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

Test(energy, a_device_that_declares_no_connectors_is_believed_eight_of_them)
{
	site("");
	o.outlet[0].phantoms = 50;
	outlets(1, "");
	pass(2 * MINUTE_MS);
	cr_expect_eq(state_of("allocations"), 8, "%d", (int)state_of("allocations"));
}

Test(energy, connectors_that_were_believed_are_dropped_when_others_are_declared)
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
Test(energy, a_declared_charger_that_has_never_come_is_reserved_what_it_can_draw)
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

Test(energy, a_deleted_device_is_reserved_nothing)
{
	leaves_room("galvan.registry.v1.Registry/DeleteDevice", "{\"id\":\"zone:Z0\"}");
}

Test(energy, a_moved_device_is_reserved_nothing_where_it_was)
{
	leaves_room("galvan.registry.v1.Registry/PutDevice", "{\"device\":{\"id\":\"zone:Z0\",\"site\":\"lane\"}}");
}

Test(energy, a_connector_that_is_declared_no_more_is_reserved_nothing)
{
	leaves_room("galvan.registry.v1.Registry/PutDevice",
		    "{\"device\":{\"id\":\"zone:Z0\"},\"clear\":[\"connectors\"]}");
}

Test(energy, a_device_that_is_excluded_is_reserved_nothing)
{
	leaves_room("galvan.registry.v1.Registry/PutDevice",
		    "{\"device\":{\"id\":\"zone:Z0\",\"attributes\":{\"energy\":\"off\"}}}");
}

Test(energy, a_cabinets_slots_are_no_connectors)
{
	leaves_room("galvan.registry.v1.Registry/PutDevice",
		    "{\"device\":{\"id\":\"zone:Z0\",\"connectors\":[{\"id\":1,\"type\":\"slot\"}]}}");
}

/* 8 devices of 256 connectors of 10 mA each, behind outlet 0: with it 49 too many. */
Test(energy, what_is_beyond_the_bound_of_a_site_is_reserved_all_the_same)
{
	char connectors[256 * 32] = "";
	size_t n = 0;
	cJSON *a;

	outlets(1, ",\"connectors\":[{\"id\":1,\"phases\":3,\"maxCurrentMa\":32000}]");
	o.outlet[0].commissioned = true;
	car(0, 32000);
	pass(5000);
	for (unsigned i = 1; i <= 256; i++)
		n += (size_t)snprintf(connectors + n, sizeof connectors - n, "%s{\"id\":%u,\"maxCurrentMa\":10}",
				      i > 1 ? "," : "", i);
	for (unsigned i = 0; i < 8; i++)
		cr_assert_eq(host_call(h, "galvan.registry.v1.Registry/PutDevice",
				       "{\"device\":{\"id\":\"zone:Z%u\",\"site\":\"yard\",\"connectors\":[%s]}}", i,
				       connectors)
				     ->code,
			     GV_OK);
	site("");
	cr_expect_eq(state_of("unlisted"), 49);
	cr_expect_eq(state_of("reservedMa"), 32000 + 8 * 256 * 10);
	a = allocation(0);
	cr_expect_leq(atoi(cJSON_GetObjectItemCaseSensitive(a, "targetMa")->valuestring), 32000 - 49 * 10);
	cJSON_Delete(a);
}

/* ---- what is refused ------------------------------------------------------------------------- */

Test(energy, a_site_that_cannot_be_is_refused_with_the_field)
{
	refused("PutSite", "{\"site\":{\"id\":\"yard\"}}", GV_INVALID_ARGUMENT, "limitMa");
	refused("PutSite", "{\"site\":{\"id\":\"yard\",\"limitMa\":1,\"phaseLimitsMa\":[1]}}", GV_INVALID_ARGUMENT,
		"phaseLimitsMa");
	refused("PutSite", "{\"site\":{\"id\":\"yard\",\"limitMa\":1,\"schedule\":[{\"from\":\"25:00\"}]}}",
		GV_INVALID_ARGUMENT, "schedule[0]");
	refused("PutSite", "{\"site\":{\"id\":\"yard\",\"limitMa\":1,\"priorities\":[{\"weight\":2}]}}",
		GV_INVALID_ARGUMENT, "priorities[0]");
	refused("PutSite",
		"{\"site\":{\"id\":\"yard\",\"limitMa\":1,\"groups\":[{\"id\":\"a\",\"limitMa\":1,\"devices\":[\"x\"]},"
		"{\"id\":\"b\",\"limitMa\":1,\"devices\":[\"x\"]}]}}",
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
