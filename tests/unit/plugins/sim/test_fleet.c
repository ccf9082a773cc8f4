/* Fleets over real sockets: chargers come, go and come back as real ones do, and leave nothing behind. */
#include "plugins/sim/fleet.h"
#include "server.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static struct fleets *fleets;
static bool closed;

static int64_t on_now(void *arg)
{
	return 1763700000000 + (int64_t)uv_now(&server.loop);
}

static void on_closed(void *arg)
{
	closed = true;
}

static void set_up(void)
{
	serve(NONE, 1);
	fleets = fleets_create(&server.loop, 7);
	fleets->all.now_ms = on_now;
	fleets->all.closed = on_closed;
}

/* Everything that the fleets put on the loop must be gone again. */
static void tear_down(void)
{
	fleets_close(fleets);
	while (!closed)
		uv_run(&server.loop, UV_RUN_ONCE);
	cr_assert_eq(fleets->all.handles, 0);
	cr_assert_eq(fleets->all.connected, 0);
	cr_assert_eq(fleets->chargers, 0);
	fleets_destroy(fleets);
}

TestSuite(fleet, .init = set_up, .fini = tear_down, .timeout = 60);

/* Runs the loop until the condition holds; the suite's timeout says if it never does. */
#define UNTIL(condition)                                                                                               \
	while (!(condition))                                                                                           \
	uv_run(&server.loop, UV_RUN_ONCE)

static Sim__Fleet *fleet_of(unsigned count, const char *name)
{
	static Sim__Fleet want;
	sim__fleet__init(&want);
	want.name = (char *)name;
	want.count = count;
	want.url = server.url;
	return &want;
}

static struct charger_state state_of(const char *identity)
{
	struct charger_state state;
	struct member *m = fleet_member(fleets, identity);
	cr_assert_not_null(m, "%s", identity);
	charger_get_state(m->model, &state);
	return state;
}

Test(fleet, connects_each_charger_and_boots_it)
{
	cr_assert_eq(fleet_add(fleets, fleet_of(5, "bays"), false), 0);
	UNTIL(server.boots == 5 && fleets->all.connected == 5);
	UNTIL(state_of("bays-0005").accepted);
	cr_assert_eq(fleets->chargers, 5);
	cr_assert_null(fleet_member(fleets, "bays-0006"));
}

Test(fleet, names_itself_in_the_path_and_shows_its_password)
{
	Sim__Fleet *want = fleet_of(1, "bays");
	want->prefix = "CP 1/";
	want->password = "secret";
	cr_assert_eq(fleet_add(fleets, want, false), 0);
	UNTIL(fleets->all.connected == 1);
	cr_assert_str_eq(server.last_path, "/ocpp/CP%201%2F0001");
	cr_assert_str_eq(server.authorization, "Basic Q1AgMS8wMDAxOnNlY3JldA==");
}

Test(fleet, comes_back_when_the_server_was_away)
{
	cr_assert_eq(fleet_add(fleets, fleet_of(2, "bays"), false), 0);
	UNTIL(fleets->all.connected == 2 && server.boots == 2);
	serve_no_more();
	UNTIL(fleets->all.connected == 0);
	UNTIL(fleet_member(fleets, "bays-0001")->uplink.failures > 1);
	cr_assert_neq(fleet_member(fleets, "bays-0001")->uplink.last_error[0], 0);
	serve(NONE, 1);
	UNTIL(fleets->all.connected == 2);
	UNTIL(server.boots == 4);
}

Test(fleet, charges_over_its_sockets)
{
	cr_assert_eq(fleet_add(fleets, fleet_of(1, "bays"), false), 0);
	UNTIL(fleets->all.connected == 1 && state_of("bays-0001").accepted);
	struct member *m = fleet_member(fleets, "bays-0001");
	cr_assert_eq(charger_plug(m->model, on_now(NULL), 1), 0);
	cr_assert_eq(charger_swipe(m->model, on_now(NULL), 1, "CARD"), 0);
	uplink_schedule(&m->uplink);
	UNTIL(server.starts == 1);
	cr_assert_eq(charger_unplug(m->model, on_now(NULL), 1), 0);
	UNTIL(server.stops == 1);
	UNTIL(state_of("bays-0001").queued == 0);
}

Test(fleet, leaves_its_old_socket_open_when_it_is_half_open)
{
	Sim__Fleet *want = fleet_of(1, "bays");
	Sim__Faults faults = SIM__FAULTS__INIT;
	Sim__Pattern pattern = SIM__PATTERN__INIT;
	faults.half_open_pm = 1000;
	pattern.meter_interval_s = 1;
	want->faults = &faults;
	want->pattern = &pattern;
	cr_assert_eq(fleet_add(fleets, want, false), 0);
	UNTIL(fleets->all.connected == 1 && state_of("bays-0001").accepted);
	struct member *m = fleet_member(fleets, "bays-0001");
	charger_plug(m->model, on_now(NULL), 1);
	charger_swipe(m->model, on_now(NULL), 1, "CARD");
	uplink_schedule(&m->uplink);
	UNTIL(server.connections == 2);
	cr_assert_eq(server.open, 2, "the server sees two of the same station");
	cr_assert_not_null(m->uplink.ghost);
}

Test(fleet, can_be_removed_at_any_time)
{
	cr_assert_eq(fleet_add(fleets, fleet_of(20, "some"), false), 0);
	for (int i = 0; i < 30; i++)
		uv_run(&server.loop, UV_RUN_NOWAIT); /* in all states: waiting, connecting, open */
	fleet_remove(fleet_find(fleets, "some"));
	cr_assert_null(fleet_find(fleets, "some"));
	cr_assert_null(fleet_member(fleets, "some-0001"));
	cr_assert_eq(fleet_add(fleets, fleet_of(20, "some"), false), 0, "the name is free at once");
	UNTIL(fleets->all.connected == 20);
}

Test(fleet, is_refused_with_a_reason)
{
	static const struct {
		const char *name, *prefix, *url;
		unsigned count, connectors, first;
		int error;
	} bad[] = {
		{ "", "", "ws://127.0.0.1:1/", 1, 1, 1, -EINVAL },
		{ "a", "", "http://127.0.0.1:1/", 1, 1, 1, -EINVAL },
		{ "a", "", "ws://127.0.0.1:1/", 1, 17, 1, -EINVAL },
		{ "a", "", "ws://127.0.0.1:1/", FLEET_MAX_CHARGERS + 1, 1, 1, -ENOSPC },
		{ "bays", "x", "ws://127.0.0.1:1/", 1, 1, 1, -EEXIST },
		{ "others", "bays-", "ws://127.0.0.1:1/", 10, 1, 3, -EEXIST },
	};
	char error[400];
	cr_assert_eq(fleet_add(fleets, fleet_of(5, "bays"), false), 0);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		Sim__Fleet *want = fleet_of(bad[i].count, bad[i].name);
		want->prefix = (char *)bad[i].prefix;
		want->url = (char *)bad[i].url;
		want->connectors = bad[i].connectors;
		want->first = bad[i].first;
		error[0] = 0;
		cr_assert_eq(fleet_check(fleets, want, error, sizeof error), bad[i].error, "case %zu", i);
		cr_assert_neq(error[0], 0);
	}
	Sim__Fleet *want = fleet_of(10, "others");
	want->prefix = "bays-";
	want->first = 6;
	cr_assert_eq(fleet_check(fleets, want, error, sizeof error), 0, "%s", error);
}
