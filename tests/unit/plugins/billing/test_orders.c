/* Orders and what their devices answer: the plugin's .so, unchanged, beside a device that says what the test wants,
 * under a clock of the test's own. */
#include "orders_rig.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>

static void setup(void)
{
	h = host_create(1);
	host_verbose(h, getenv("VERBOSE") != NULL);
	device_reset();
	cr_assert_eq(host_load_record(h, &device, 1, NULL), 0);
	cr_assert_eq(
		host_load(h, "billing", PLUGINS "/billing.so", 1,
			  "{\"customers\":[{\"id\":\"C-1\",\"name\":\"Ada\"}],\"hold\":{\"amount\":\"1000\",\"startS\":"
			  "120,\"noStopS\":3600}}"),
		0, "%s", host_error(h));
	assign("{\\\"type\\\":\\\"ENERGY\\\",\\\"price\\\":1,\\\"step_size\\\":1}"); /* a cent for 10 Wh */
	must("TopUp",
	     "{\"id\":\"1\",\"customer\":\"C-1\",\"amount\":\"5000\",\"provider\":\"desk\",\"desk\":\"main\"}");
	host_settle(h, 5);
}

TestSuite(orders, .init = setup, .fini = sound_and_gone);

/* ---- the start ------------------------------------------------------------------------------- */

Test(orders, a_refused_start_gives_the_money_back_in_the_same_turn)
{
	start_status = "Rejected";
	checkout();
	cr_expect_str_eq(state(), "VOIDED");
	cr_expect_eq(available(), 5000);
	cr_expect_eq(starts, 1, "a device that has refused is not asked again");
}

Test(orders, a_device_that_cannot_be_reached_is_told_three_times)
{
	start_says = GV_UNAVAILABLE;
	checkout();
	cr_expect_str_eq(state(), "STARTING");
	host_run_ms(h, 20000);
	cr_expect_eq(starts, 3);
	cr_expect_str_eq(state(), "VOIDED");
	cr_expect_eq(available(), 5000);
}

Test(orders, an_answer_that_says_nothing_is_followed_by_a_look_at_what_runs)
{
	start_says = GV_UNKNOWN;
	begins = true;
	checkout();
	cr_expect_eq(starts, 1, "its session was found: it must not be started again");
	cr_expect_str_eq(state(), "STARTED");
	cr_expect_eq(available(), 4000);
	end_session(500);
	cr_expect_str_eq(state(), "CLOSED");
	cr_expect_eq(available(), 4950);
}

Test(orders, where_nothing_runs_the_device_is_told_again_and_then_waited_for)
{
	start_says = GV_UNKNOWN;
	checkout();
	cr_expect_eq(starts, 3);
	cr_expect_str_eq(state(), "STARTING", "one of the three may still begin");
	start_session();
	cr_expect_str_eq(state(), "STARTED");
	end_session(0);
	cr_expect_str_eq(state(), "CLOSED");
}

Test(orders, a_refusal_after_an_unknown_answer_is_not_believed)
{
	start_says = GV_UNKNOWN;
	checkout();
	cr_expect_eq(starts, 3);
	host_run_ms(h, 119000);
	cr_expect_str_eq(state(), "STARTING");
	host_run_ms(h, 2000);
	cr_expect_str_eq(state(), "VOIDED", "at the deadline it is looked once more");
	cr_expect_eq(available(), 5000);
}

Test(orders, a_session_that_comes_too_late_is_stopped_and_owed)
{
	checkout();
	host_run_ms(h, 121000);
	cr_expect_str_eq(state(), "VOIDED");
	start_session();
	cr_expect_eq(stops, 1);
	end_session(100);
	cr_expect_eq(n_charges(), 1);
	cr_expect(has_flag("charge", "late-start"));
	cr_expect_str_eq(text("charges.0.receivable"), "10");
	cr_expect_str_eq(state(), "VOIDED");
	cr_expect(has_flag("order", "late-start"));
	cr_expect_eq(available(), 5000, "what was given back stays given back");
}

Test(orders, a_second_session_with_the_orders_token_is_stopped)
{
	checkout();
	start_session();
	cr_expect_str_eq(state(), "STARTED");
	end_session(100);
	cr_expect_str_eq(state(), "CLOSED");
	begin_session("dev:1/2", token, host_now_ms(h));
	do_tell(STARTED);
	cr_expect_eq(stops, 1);
	end_session(50);
	cr_expect_eq(n_charges(), 2);
}

Test(orders, stopped_before_it_has_begun_it_ends_as_soon_as_it_begins)
{
	checkout();
	must("StopOrder", "{\"id\":\"O-1\"}");
	cr_expect_str_eq(state(), "STARTING", "its money must be there should it begin");
	start_session();
	cr_expect_eq(stops, 1);
	end_session(0);
	cr_expect_str_eq(state(), "CLOSED");
	cr_expect_eq(available(), 5000);
}

/* ---- while it goes on ------------------------------------------------------------------------ */

Test(orders, the_running_cost_is_there_at_once_and_told_now_and_then)
{
	size_t told;

	checkout();
	start_session();
	told = host_events(h, "galvan.billing.v1.OrderChanged");
	for (int i = 1; i <= 20; i++) {
		host_run_ms(h, 1000);
		measure(10 * i);
	}
	must("GetOrder", "{\"id\":\"O-1\"}");
	cr_expect_str_eq(text("order.cost"), "20");
	cr_expect_str_eq(text("order.energyWh"), "200");
	cr_expect_leq(host_events(h, "galvan.billing.v1.OrderChanged") - told, 3, "not with each meter value");
	end_session(200);
}

Test(orders, a_session_is_stopped_before_the_next_meter_value_would_exceed_the_hold)
{
	checkout();
	start_session();
	for (int i = 1; i <= 3; i++) {
		host_run_ms(h, MINUTE_MS);
		measure(3000 * i); /* 300 cents each, of 1000 */
		cr_expect_eq(stops, i == 3, "after value %d", i);
	}
	end_session(9100);
	cr_expect_str_eq(state(), "CLOSED");
	cr_expect(has_flag("order", "stopped-at-limit"));
	cr_expect_eq(available(), 5000 - 910);
}

Test(orders, after_a_restart_the_limit_still_holds)
{
	checkout();
	start_session();
	host_run_ms(h, MINUTE_MS);
	measure(3000);
	host_crash(h, "billing.0");
	host_settle(h, 5);
	host_run_ms(h, MINUTE_MS);
	measure(6000);
	cr_expect_eq(reads, 1, "what it knew is read from the device's plugin, once");
	host_run_ms(h, MINUTE_MS);
	measure(9000);
	cr_expect_eq(stops, 1);
	end_session(9000);
}

Test(orders, time_costs_money_though_no_meter_value_comes)
{
	assign("{\\\"type\\\":\\\"TIME\\\",\\\"price\\\":5,\\\"step_size\\\":1}"); /* 5 an hour: 10 are held, for two
										      hours */
	checkout();
	start_session();
	for (int i = 1; i <= 3; i++) { /* signs of life, so that it is not taken as having ended */
		host_run_ms(h, 30 * MINUTE_MS);
		measure(i);
		cr_expect_eq(stops, 0, "after %d minutes", 30 * i);
	}
	host_run_ms(h, 29 * MINUTE_MS);
	cr_expect_gt(stops, 0, "before the two hours are over");
	end_session(4);
	cr_expect_eq(n_charges(), 1);
	cr_expect_str_eq(text("charges.0.receivable"), "0");
}

/* ---- the end --------------------------------------------------------------------------------- */

Test(orders, a_session_of_which_nothing_is_heard_is_settled_as_it_stands_and_corrected_later)
{
	checkout();
	start_session();
	host_run_ms(h, MINUTE_MS);
	measure(1000);
	host_run_ms(h, 2 * HOUR_MS);
	cr_expect_str_eq(state(), "CLOSED");
	cr_expect(has_flag("order", "no-stop"));
	cr_expect_eq(available(), 4900);
	end_session(3000); /* its end comes after all */
	cr_expect_eq(n_charges(), 3, "the first, its credit, and the right one");
	cr_expect_eq(available(), 4700);
	do_tell(ENDED);
	cr_expect_eq(n_charges(), 3, "told twice it is the same end");
}

Test(orders, what_comes_behind_the_end_of_a_session_corrects_its_charge)
{
	char *flags[] = { (char *)"late-events" };

	checkout();
	start_session();
	host_run_ms(h, HOUR_MS / 2);
	end_session(100);
	cr_expect_eq(available(), 5000 - 10);
	end_session(150);
	cr_expect_eq(n_charges(), 1, "who says no more of it is not believed");
	session.flags = flags;
	session.n_flags = 1;
	session.started_at_ms -= MINUTE_MS;
	end_session(150);
	cr_expect_eq(available(), 5000 - 15);
	cr_expect_eq(n_charges(), 3, "the wrong one, its credit, the right one");
	cr_expect(has_flag("charge", "late-events"));
}

Test(orders, the_end_knows_when_a_session_began)
{
	char before[40];

	checkout();
	start_session();
	host_run_ms(h, HOUR_MS / 2);
	session.started_at_ms -= 2 * MINUTE_MS;
	snprintf(before, sizeof before, "%lld", (long long)session.started_at_ms);
	end_session(100);
	n_charges();
	cr_expect_str_eq(text("charges.0.startedAtMs"), before);
}

Test(orders, the_tariff_at_the_start_is_the_one_that_counts)
{
	checkout();
	start_session();
	assign("{\\\"type\\\":\\\"ENERGY\\\",\\\"price\\\":9,\\\"step_size\\\":1}");
	end_session(1000);
	cr_expect_eq(available(), 4900);
}

Test(orders, a_session_that_its_plugin_has_forgotten_is_charged_with_what_its_end_said)
{
	checkout();
	start_session();
	session.state = CHARGING__SESSION_STATE__ENDED;
	session.ended_at_ms = host_now_ms(h) + 1000;
	session.meter_stop_wh = session.energy_wh = 1000;
	host_run_ms(h, 1000);
	tells = ENDED;
	host_call(h, "galvan.charging.v1.Charging/Unlock", "{\"device\":\"dev:1\",\"connector\":1}");
	session.id = (char *)"";
	host_run_ms(h, MINUTE_MS);
	cr_expect_eq(n_charges(), 1);
	cr_expect_eq(available(), 4900);
}
