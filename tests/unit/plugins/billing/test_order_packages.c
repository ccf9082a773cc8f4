/* Packages of time and energy at a charger: paid before, stopped when they are used up, and paid back as they say. */
#include "orders_rig.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void sell(const char *terms)
{
	char json[400];

	snprintf(json, sizeof json,
		 "{\"tariff\":{\"id\":\"P\",\"package\":{\"currency\":\"EUR\",\"price\":400,\"vatPpm\":200000,%s}}}",
		 terms);
	must("PutTariff", json);
	must("AssignTariff", "{\"assignment\":{\"tariff\":\"P\"}}");
}

#define FOUR_HOURS "\"unit\":\"PACKAGE_UNIT_TIME\",\"amount\":14400"
#define FIVE_KWH "\"unit\":\"PACKAGE_UNIT_ENERGY\",\"amount\":5000"
#define BY_HOUR ",\"refund\":\"PACKAGE_REFUND_PRO_RATA\",\"step\":3600"
#define BY_KWH ",\"refund\":\"PACKAGE_REFUND_PRO_RATA\",\"step\":1000"

static void setup(void)
{
	h = host_create(1);
	host_verbose(h, getenv("VERBOSE") != NULL);
	device_reset();
	cr_assert_eq(host_load_record(h, &device, 1, NULL), 0);
	cr_assert_eq(
		host_load(h, "billing", PLUGINS "/billing.so", 1,
			  "{\"customers\":[{\"id\":\"C-1\",\"name\":\"Ada\"}],\"hold\":{\"amount\":\"1000\",\"startS\":"
			  "120,\"noStopS\":86400},\"tokens\":[{\"id\":\"CARD\",\"customer\":\"C-1\"},{\"id\":\"OURS\","
			  "\"use\":\"TOKEN_USE_PRIVATE\"}]}"),
		0, "%s", host_error(h));
	must("TopUp",
	     "{\"id\":\"1\",\"customer\":\"C-1\",\"amount\":\"5000\",\"provider\":\"desk\",\"desk\":\"main\"}");
	host_settle(h, 5);
}

TestSuite(packages, .init = setup, .fini = sound_and_gone);

static const char *charge(const char *path)
{
	char full[80];

	snprintf(full, sizeof full, "charges.0.%s", path);
	must("ListCharges", "{}");
	return text(full);
}

Test(packages, its_price_is_held_whole_and_paid_where_nothing_comes_back)
{
	sell(FOUR_HOURS);
	checkout();
	cr_expect_eq(available(), 4600);
	start_session();
	host_run_ms(h, 10 * MINUTE_MS);
	end_session(100);
	cr_expect_str_eq(state(), "CLOSED");
	cr_expect_eq(available(), 4600);
	cr_expect_str_eq(charge("price.incl"), "400");
	cr_expect_str_eq(charge("price.excl"), "333");
	must("GetAccount", "{\"id\":\"income:package:-\"}");
	cr_expect_str_eq(text("account.creditsPosted"), "333");
}

Test(packages, the_steps_not_begun_come_back_where_it_says_so)
{
	sell(FOUR_HOURS BY_HOUR);
	checkout();
	start_session();
	host_run_ms(h, 70 * MINUTE_MS);
	must("GetOrder", "{\"id\":\"O-1\"}");
	cr_expect_str_eq(text("order.cost"), "200", "what it would cost if it ended now");
	end_session(100);
	cr_expect_eq(available(), 4800, "two of four hours were begun");
}

Test(packages, it_did_not_start_and_all_of_it_comes_back)
{
	sell(FOUR_HOURS);
	start_status = "Rejected";
	checkout();
	cr_expect_str_eq(state(), "VOIDED");
	cr_expect_eq(available(), 5000);
}

Test(packages, when_its_time_is_over_the_session_is_stopped_though_nothing_is_heard_of_it)
{
	sell(FOUR_HOURS);
	checkout();
	start_session();
	host_run_ms(h, 4 * HOUR_MS - 2 * MINUTE_MS);
	cr_expect_eq(stops, 0);
	host_run_ms(h, 3 * MINUTE_MS);
	cr_expect_gt(stops, 0);
	host_run_ms(h, MINUTE_MS);
	end_session(100);
	cr_expect_str_eq(state(), "CLOSED");
	cr_expect(has_flag("order", "package-used-up"));
	cr_expect(has_flag("order", "package-exceeded"), "two minutes beyond it are told, and not priced");
	cr_expect_eq(available(), 4600);
}

Test(packages, it_is_stopped_before_the_next_meter_value_would_exceed_its_energy)
{
	sell(FIVE_KWH);
	checkout();
	start_session();
	for (int i = 1; i <= 4; i++) {
		host_run_ms(h, MINUTE_MS);
		measure(1200 * i);
		cr_expect_eq(stops, i == 4, "after value %d", i);
	}
	must("GetOrder", "{\"id\":\"O-1\"}");
	cr_expect_str_eq(text("order.energyWh"), "4800");
	end_session(4900);
	cr_expect_eq(n_charges(), 1);
	cr_expect(has_flag("charge", "package-used-up"));
	cr_expect_eq(available(), 4600);
}

Test(packages, after_a_restart_its_energy_is_still_limited)
{
	sell(FIVE_KWH BY_KWH);
	checkout();
	start_session();
	host_run_ms(h, MINUTE_MS);
	measure(2000);
	host_crash(h, "billing.0");
	host_settle(h, 5);
	host_run_ms(h, MINUTE_MS);
	measure(3500);
	cr_expect_eq(stops, 0);
	host_run_ms(h, MINUTE_MS);
	measure(4500);
	cr_expect_eq(stops, 1);
	end_session(4600);
	cr_expect_eq(available(), 4600, "the fifth kWh was begun");
}

Test(packages, silent_energy_is_looked_at_too)
{
	sell(FIVE_KWH);
	checkout();
	start_session();
	for (int i = 1; i <= 5; i++) {
		session.energy_wh = 900 * i; /* its plugin knows, and has not told */
		host_run_ms(h, 15 * MINUTE_MS);
	}
	cr_expect_gt(stops, 0);
	end_session(4600);
}

Test(packages, less_than_its_price_is_no_payment)
{
	sell(FOUR_HOURS);
	cr_expect_eq(ask("Checkout", "{\"id\":\"O-1\",\"device\":\"dev:1\",\"connector\":1,\"customer\":\"C-1\","
				     "\"limit\":\"399\"}"),
		     GV_INVALID_ARGUMENT);
	must("PutCustomer", "{\"customer\":{\"id\":\"C-2\",\"name\":\"Bob\"}}");
	must("TopUp", "{\"id\":\"2\",\"customer\":\"C-2\",\"amount\":\"399\",\"provider\":\"desk\",\"desk\":\"main\"}");
	cr_expect_eq(ask("Checkout", "{\"id\":\"O-1\",\"device\":\"dev:1\",\"connector\":1,\"customer\":\"C-2\"}"),
		     GV_FAILED_PRECONDITION);
	cr_expect_eq(ask("Checkout", "{\"id\":\"O-1\",\"device\":\"dev:1\",\"customer\":\"C-1\"}"), GV_INVALID_ARGUMENT,
		     "a charger needs its connector");
	cr_expect_eq(starts, 0);
}

Test(packages, one_that_was_given_back_is_not_sold_a_second_time_by_a_late_start)
{
	sell(FOUR_HOURS);
	checkout();
	host_run_ms(h, 121000);
	cr_expect_str_eq(state(), "VOIDED");
	start_session();
	cr_expect_eq(stops, 1);
	end_session(10);
	cr_expect_eq(n_charges(), 1);
	cr_expect(has_flag("charge", "late-start"));
	cr_expect_str_eq(charge("price.incl"), "0");
	cr_expect_eq(available(), 5000);
}

Test(packages, the_receipt_says_what_was_bought_and_used)
{
	const cJSON *line;
	bool found = false;

	sell(FOUR_HOURS BY_HOUR);
	must("Quote", "{\"device\":\"dev:1\",\"connector\":1,\"chargingS\":3600,\"idleS\":1}");
	cr_expect_str_eq(text("price.incl"), "200");
	cr_expect_str_eq(text("hold"), "400");
	checkout();
	start_session();
	host_run_ms(h, 70 * MINUTE_MS);
	end_session(100);
	must("GetReceipt", "{\"charge\":\"CDR-000000000001\"}");
	cJSON_ArrayForEach(line, cJSON_GetObjectItem(last, "lines"))
	{
		found = found || strstr(line->valuestring, "Package of 4:00:00 h at 4, used 1:10:0");
	}
	cr_expect(found, "%s", cJSON_Print(last));
	must("GetCharge", "{\"id\":\"CDR-000000000001\"}");
	cr_expect(strstr(cJSON_GetObjectItem(last, "ocpi")->valuestring, "\"total_fixed_cost\":{\"excl_vat\":1.67"));
}

/* ---- cards ----------------------------------------------------------------------------------- */

Test(packages, a_card_at_a_charger_that_sells_packages_buys_none_and_is_stopped)
{
	sell(FOUR_HOURS);
	begin_session("dev:1/1", "CARD", host_now_ms(h));
	do_tell(STARTED);
	cr_expect_eq(stops, 1);
	end_session(10);
	cr_expect_eq(n_charges(), 1);
	cr_expect(has_flag("charge", "not-for-cards"));
	cr_expect_str_eq(charge("price.incl"), "0");
	cr_expect_eq(available(), 5000);
}

Test(packages, a_private_card_starts_there_and_is_not_stopped_by_any_package)
{
	sell(FOUR_HOURS);
	begin_session("dev:1/1", "OURS", host_now_ms(h));
	do_tell(STARTED);
	host_run_ms(h, 5 * HOUR_MS);
	cr_expect_eq(stops, 0);
	end_session(10);
	cr_expect_eq(n_charges(), 1);
	cr_expect_str_eq(charge("use"), "CHARGE_USE_PRIVATE");
}
