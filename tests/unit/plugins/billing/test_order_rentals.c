/* Rentals and what their cabinet says: each outcome of a lend, with its money to the cent. */
#include "orders_rig.h"
#include "rental_rig.h"

#include <criterion/criterion.h>
#include <tests/host/till.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS (24 * (int64_t)HOUR_MS)

TestSuite(rentals, .init = setup, .fini = sound_and_gone);

/* ---- a bank comes out, and back -------------------------------------------------------------- */

Test(rentals, a_bank_that_comes_back_costs_its_intervals_and_the_deposit_is_free_again)
{
	borrow_one();
	cr_expect_str_eq(state(), "STARTING");
	cr_expect_str_eq(text("order.held"), "2000");
	cr_expect_eq(available(), 3000);
	come_out();
	cr_expect_str_eq(state(), "STARTED");
	cr_expect_str_eq(text("order.session"), "rack:1/1");
	host_run_ms(h, 40 * MINUTE_MS);
	cr_expect_str_eq(state(), "STARTED");
	cr_expect_str_eq(text("order.cost"), "300", "two intervals were begun");
	must("Verify", "{}");
	cr_expect(cJSON_IsTrue(cJSON_GetObjectItem(last, "sound")), "%s", cJSON_PrintUnformatted(last));
	come_back();
	cr_expect_str_eq(state(), "CLOSED");
	cr_expect_eq(available(), 4700);
	cr_expect_str_eq(charge("price.incl"), "300");
	cr_expect_str_eq(charge("price.excl"), "250");
	cr_expect_str_eq(charge("bank.id"), "BANK0007");
	cr_expect_str_eq(charge("bank.returnDevice"), "rack:2");
	cr_expect_str_eq(charge("session"), "rack:1/1");
	cr_expect_eq(posted("income:rental:-"), 250);
	cr_expect_eq(posted("vat:20"), 50);
	cr_expect_eq(posted("suspense"), 0);
	cr_expect_eq(lends, 1);
}

Test(rentals, of_a_lend_that_failed_the_money_is_back_at_once)
{
	borrow_one();
	fail_to_come_out();
	cr_expect_str_eq(state(), "VOIDED");
	cr_expect_str_eq(text("order.error"), "the slot is stuck");
	cr_expect_eq(available(), 5000);
	cr_expect_eq(n_charges(), 0);
}

Test(rentals, a_cabinet_that_refuses_gets_nobodys_money)
{
	lend_says = GV_FAILED_PRECONDITION;
	borrow_one();
	cr_expect_str_eq(state(), "VOIDED");
	cr_expect_eq(available(), 5000);
	cr_expect_eq(lends, 1);
}

Test(rentals, a_cabinet_that_cannot_be_reached_is_told_three_times)
{
	lend_says = GV_UNAVAILABLE;
	borrow_one();
	host_run_ms(h, 20000);
	cr_expect_eq(lends, 3);
	cr_expect_str_eq(state(), "VOIDED");
	cr_expect_eq(available(), 5000);
}

Test(rentals, an_answer_that_was_lost_is_asked_for_again_and_means_the_same_rental)
{
	lend_says = GV_UNKNOWN;
	acts = true;
	borrow_one();
	cr_expect_str_eq(state(), "STARTING");
	lend_says = GV_OK;
	host_run_ms(h, 6000);
	cr_expect_eq(lends, 2);
	cr_expect_eq(n_rentals, 1, "the order is the rental's identity");
	come_out();
	cr_expect_str_eq(state(), "STARTED");
	come_back();
	cr_expect_str_eq(state(), "CLOSED");
	cr_expect_eq(available(), 5000);
}

Test(rentals, nothing_is_told_to_a_cabinet_when_nobody_stands_there_any_more)
{
	unsigned told;

	lend_says = GV_UNKNOWN;
	borrow_one();
	host_run_ms(h, 120000);
	told = lends;
	host_run_ms(h, 10 * MINUTE_MS);
	cr_expect_eq(lends, told, "it is looked for from then on");
	cr_expect_str_eq(state(), "VOIDED", "and is not there");
	cr_expect_eq(available(), 5000);
}

Test(rentals, within_the_free_minutes_it_costs_nothing)
{
	borrow_one();
	come_out();
	host_run_ms(h, 5 * MINUTE_MS - 1000);
	come_back();
	cr_expect_str_eq(state(), "CLOSED");
	cr_expect_eq(available(), 5000);
	cr_expect_str_eq(charge("price.incl"), "0", "a started rental has its charge, also of nothing");
}

Test(rentals, a_day_costs_no_more_than_its_cap)
{
	borrow_one();
	come_out();
	host_run_ms(h, 10 * HOUR_MS);
	come_back();
	cr_expect_eq(available(), 5000 - 900);
	host_settle(h, 5);
}

Test(rentals, what_is_told_twice_counts_once)
{
	borrow_one();
	come_out();
	say(OUT);
	host_run_ms(h, 40 * MINUTE_MS);
	come_back();
	say(OVER);
	say(OUT);
	host_run_ms(h, HOUR_MS);
	return_silently(RENTAL__RENTAL_STATE__RENTAL_STATE_RETURNED);
	say(OVER);
	cr_expect_eq(n_charges(), 1);
	cr_expect_eq(available(), 4700);
}

Test(rentals, an_end_that_nobody_told_of_is_found)
{
	borrow_one();
	come_out();
	host_run_ms(h, 40 * MINUTE_MS);
	return_silently(RENTAL__RENTAL_STATE__RENTAL_STATE_RETURNED);
	host_run_ms(h, HOUR_MS);
	cr_expect_str_eq(state(), "CLOSED");
	cr_expect_eq(available(), 4700, "by its own times");
}

Test(rentals, a_restart_changes_nothing)
{
	borrow_one();
	host_crash(h, "billing.0");
	host_settle(h, 5);
	come_out();
	host_crash(h, "billing.0");
	host_settle(h, 5);
	host_run_ms(h, 40 * MINUTE_MS);
	cr_expect_str_eq(state(), "STARTED");
	cr_expect_str_eq(text("order.cost"), "300");
	come_back();
	cr_expect_eq(available(), 4700);
	cr_expect_eq(lends, 1);
}

Test(rentals, one_that_people_close_costs_by_its_times)
{
	borrow_one();
	come_out();
	host_run_ms(h, 40 * MINUTE_MS);
	return_silently(RENTAL__RENTAL_STATE__RENTAL_STATE_CLOSED);
	rentals[0].return_device = (char *)"";
	say(OVER);
	cr_expect_str_eq(state(), "CLOSED");
	cr_expect_eq(available(), 4700);
}

Test(rentals, one_that_people_end_before_a_bank_is_out_costs_nothing)
{
	borrow_one();
	return_silently(RENTAL__RENTAL_STATE__RENTAL_STATE_CLOSED);
	say(OVER);
	cr_expect_str_eq(state(), "VOIDED");
	cr_expect_eq(available(), 5000);
	cr_expect_eq(n_charges(), 0);
}

Test(rentals, one_that_its_cabinet_has_forgotten_costs_nothing_after_a_while)
{
	borrow_one();
	come_out();
	host_run_ms(h, 10 * MINUTE_MS);
	n_rentals = 0;
	host_run_ms(h, HOUR_MS);
	cr_expect_str_eq(state(), "STARTED", "it may be back in a moment");
	host_run_ms(h, 2 * HOUR_MS);
	cr_expect_str_eq(state(), "CLOSED");
	cr_expect(has_flag("order", "rental-lost"));
	cr_expect_eq(available(), 5000);
}

/* ---- the buy-out ----------------------------------------------------------------------------- */

Test(rentals, a_bank_that_does_not_come_back_is_sold_when_its_time_has_come)
{
	borrow_one();
	come_out();
	host_run_ms(h, 3 * DAY_MS - MINUTE_MS);
	cr_expect_str_eq(state(), "STARTED");
	cr_expect_eq(ends, 0);
	host_run_ms(h, 2 * MINUTE_MS);
	cr_expect_eq(ends, 1);
	cr_expect_eq(rentals[0].state, RENTAL__RENTAL_STATE__RENTAL_STATE_SOLD);
	cr_expect_str_eq(state(), "CLOSED");
	cr_expect_str_eq(charge("price.incl"), "3500");
	cr_expect_str_eq(charge("receivable"), "0", "2000 were held, the rest was in the wallet");
	cr_expect_eq(available(), 1500);
	cr_expect_eq(posted("income:buyout:-"), 2917);
	cr_expect_eq(posted("income:rental:-"), 0);
	come_back();
	cr_expect_eq(n_charges(), 1, "a bank that comes back after that is no new rental");
	cr_expect_eq(available(), 1500);
}

Test(rentals, what_the_wallet_has_not_is_owed_and_flagged)
{
	must("PutCustomer", "{\"customer\":{\"id\":\"C-2\",\"name\":\"Bob\"}}");
	must("TopUp",
	     "{\"id\":\"2\",\"customer\":\"C-2\",\"amount\":\"2100\",\"provider\":\"desk\",\"desk\":\"main\"}");
	borrow("O-1", "\"customer\":\"C-2\"");
	come_out();
	host_run_ms(h, 3 * DAY_MS + MINUTE_MS);
	cr_expect_str_eq(state(), "CLOSED");
	cr_expect(has_flag("order", "overrun"));
	cr_expect_str_eq(charge("receivable"), "1400");
	cr_expect_eq(posted("receivable:C-2"), -1400);
}

Test(rentals, one_that_came_back_just_before_its_sale_was_not_sold)
{
	end_says = GV_FAILED_PRECONDITION;
	ended_elsewhere = "rack:9";
	borrow_one();
	come_out();
	host_run_ms(h, 3 * DAY_MS + 5 * MINUTE_MS);
	cr_expect_str_eq(state(), "CLOSED");
	cr_expect_str_eq(charge("price.incl"), "2700", "three days at their cap");
	cr_expect_str_eq(charge("bank.returnDevice"), "rack:9");
}

Test(rentals, one_that_comes_back_later_than_its_sale_was_sold_whoever_says_so)
{
	borrow_one();
	come_out();
	host_stop(h, "billing.0");
	host_run_ms(h, 4 * DAY_MS);
	return_silently(RENTAL__RENTAL_STATE__RENTAL_STATE_RETURNED);
	cr_assert_eq(host_start(h, "billing.0"), 0);
	host_run_ms(h, HOUR_MS);
	cr_expect_str_eq(state(), "CLOSED");
	cr_expect_str_eq(charge("price.incl"), "3500");
	cr_expect(has_flag("charge", "returned-after-sale"));
}

/* ---- the clock ------------------------------------------------------------------------------- */

Test(rentals, the_clock_stands_for_the_reasons_that_the_tariff_names)
{
	int64_t start_ms;

	borrow_one();
	come_out();
	start_ms = host_now_ms(h);
	freeze(0, start_ms + 20 * MINUTE_MS, start_ms + 50 * MINUTE_MS, "offline");
	freeze(1, start_ms + 50 * MINUTE_MS, start_ms + 55 * MINUTE_MS, "full");
	host_run_ms(h, 62 * MINUTE_MS);
	come_back();
	cr_expect_eq(available(), 4700, "32 minutes: a full cabinet is no reason by this tariff");
	rent_by(USUAL ",\"freezeOn\":[\"offline\",\"full\"]");
	n_rentals = 0;
	borrow("O-2", "\"customer\":\"C-1\"");
	rentals[0].id = (char *)"rack:1/9";
	come_out();
	start_ms = host_now_ms(h);
	freeze(0, start_ms + 20 * MINUTE_MS, start_ms + 50 * MINUTE_MS, "offline");
	freeze(1, start_ms + 50 * MINUTE_MS, start_ms + 55 * MINUTE_MS, "full");
	host_run_ms(h, 62 * MINUTE_MS);
	come_back();
	cr_expect_eq(available(), 4700 - 150, "27 minutes");
	cr_expect_eq(ask("PutTariff", "{\"tariff\":{\"id\":\"X\",\"rental\":{\"currency\":\"EUR\",\"intervalS\":60,"
				      "\"freezeOn\":[\"rain\"]}}}"),
		     GV_INVALID_ARGUMENT);
}

Test(rentals, a_clock_that_stood_delays_the_sale)
{
	borrow_one();
	come_out();
	freeze(0, host_now_ms(h) + HOUR_MS, host_now_ms(h) + DAY_MS, "offline");
	host_run_ms(h, 3 * DAY_MS + HOUR_MS);
	cr_expect_str_eq(state(), "STARTED", "23 hours of it did not count");
	host_run_ms(h, DAY_MS);
	cr_expect_str_eq(state(), "CLOSED");
	cr_expect_str_eq(charge("price.incl"), "3500");
	cr_expect_eq(atoll(charge("endedAtMs")) - atoll(charge("startedAtMs")), 3 * DAY_MS + 23 * HOUR_MS + 1,
		     "the first moment at which it was sold");
}

Test(rentals, times_ahead_of_the_clock_cost_nobody_anything)
{
	borrow_one();
	come_out();
	host_run_ms(h, 10 * MINUTE_MS);
	return_silently(RENTAL__RENTAL_STATE__RENTAL_STATE_RETURNED);
	rentals[0].ended_at_ms += 400 * DAY_MS;
	say(OVER);
	cr_expect_eq(available(), 5000 - 150);
}

/* ---- too late -------------------------------------------------------------------------------- */

Test(rentals, a_bank_that_comes_out_after_the_lend_was_given_up_is_owed)
{
	static char *late_flag = "late";

	borrow_one();
	fail_to_come_out();
	host_run_ms(h, 10 * MINUTE_MS);
	rentals[0].flags = &late_flag;
	rentals[0].n_flags = 1;
	come_out();
	cr_expect_str_eq(state(), "VOIDED");
	cr_expect(has_flag("order", "late-start"));
	host_run_ms(h, 40 * MINUTE_MS);
	come_back();
	cr_expect_eq(n_charges(), 1);
	cr_expect(has_flag("charge", "late-start"));
	cr_expect(has_flag("charge", "late"));
	cr_expect_str_eq(charge("receivable"), "300");
	cr_expect_eq(available(), 5000, "what was given back stays given back");
}

Test(rentals, what_is_not_known_in_a_day_is_given_up)
{
	borrow_one();
	rentals[0].state = RENTAL__RENTAL_STATE__RENTAL_STATE_UNKNOWN;
	host_run_ms(h, DAY_MS + 30 * MINUTE_MS);
	cr_expect_str_eq(state(), "STARTING", "the hold stays for as long as the bank may be out");
	cr_expect_eq(available(), 3000);
	host_run_ms(h, HOUR_MS);
	cr_expect_str_eq(state(), "VOIDED");
	cr_expect_eq(available(), 5000);
	cr_expect_eq(lends, 1);
}

Test(rentals, a_rental_of_nobody_is_recorded_and_flagged)
{
	rental__rental_row__init(&rentals[0]);
	rentals[0].id = (char *)"rack:1/1";
	rentals[0].device = (char *)"rack:1";
	n_rentals = 1;
	come_out();
	host_run_ms(h, 40 * MINUTE_MS);
	come_back();
	cr_expect_eq(n_charges(), 1);
	cr_expect(has_flag("charge", "unpaid"));
}

/* ---- Checkout and the rest ------------------------------------------------------------------- */

Test(rentals, several_people_borrow_at_one_cabinet_but_not_from_one_slot)
{
	must("TopUp",
	     "{\"id\":\"2\",\"customer\":\"C-1\",\"amount\":\"5000\",\"provider\":\"desk\",\"desk\":\"main\"}");
	borrow("O-1", "\"customer\":\"C-1\",\"connector\":2");
	cr_expect_eq(ask("Checkout", "{\"id\":\"O-3\",\"device\":\"rack:1\",\"connector\":2,\"customer\":\"C-1\"}"),
		     GV_FAILED_PRECONDITION, "slot 2 is taken");
	borrow("O-2", "\"customer\":\"C-1\"");
	cr_expect_eq(n_rentals, 2);
	speaker = 1;
	come_out();
	speaker = 0;
	come_out();
	host_run_ms(h, 40 * MINUTE_MS);
	come_back();
	speaker = 1;
	come_back();
	cr_expect_eq(n_charges(), 2);
	cr_expect_eq(available(), 10000 - 600);
}

Test(rentals, a_deposit_is_held_whole_or_there_is_no_rental)
{
	must("PutCustomer", "{\"customer\":{\"id\":\"C-2\",\"name\":\"Bob\"}}");
	must("TopUp",
	     "{\"id\":\"2\",\"customer\":\"C-2\",\"amount\":\"1999\",\"provider\":\"desk\",\"desk\":\"main\"}");
	cr_expect_eq(ask("Checkout", "{\"id\":\"O-1\",\"device\":\"rack:1\",\"customer\":\"C-2\"}"),
		     GV_FAILED_PRECONDITION);
	cr_expect_eq(ask("Checkout", "{\"id\":\"O-1\",\"device\":\"rack:1\",\"customer\":\"C-1\",\"limit\":\"500\"}"),
		     GV_INVALID_ARGUMENT);
	cr_expect_eq(lends, 0);
}

Test(rentals, without_a_deposit_the_first_interval_at_least_must_be_covered)
{
	rent_by("\"currency\":\"EUR\",\"freeS\":300,\"intervalS\":1800,\"intervalPrice\":150");
	cr_expect_eq(ask("Checkout", "{\"id\":\"O-1\",\"device\":\"rack:1\",\"customer\":\"C-1\",\"limit\":\"149\"}"),
		     GV_FAILED_PRECONDITION);
	borrow("O-1", "\"customer\":\"C-1\",\"limit\":\"150\"");
	cr_expect_eq(available(), 4850);
	fail_to_come_out();
}

Test(rentals, it_ends_by_bringing_the_bank_back_and_not_by_StopOrder)
{
	borrow_one();
	cr_expect_eq(ask("StopOrder", "{\"id\":\"O-1\"}"), GV_FAILED_PRECONDITION);
	come_out();
	cr_expect_eq(ask("StopOrder", "{\"id\":\"O-1\"}"), GV_FAILED_PRECONDITION);
	come_back();
	cr_expect_eq(ask("StopOrder", "{\"id\":\"O-1\"}"), GV_OK, "it is over");
}

static bool said(const char *line)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, cJSON_GetObjectItem(last, "lines")) if (strstr(item->valuestring, line)) return true;
	return false;
}

Test(rentals, quotes_receipts_and_tables_know_them)
{
	must("Quote", "{\"device\":\"rack:1\",\"chargingS\":3600,\"idleS\":1}");
	cr_expect_str_eq(text("price.incl"), "450", "its time is both together");
	cr_expect_str_eq(text("hold"), "2000");
	cr_expect_eq(ask("Quote", "{\"device\":\"rack:1\",\"energyWh\":\"5\"}"), GV_INVALID_ARGUMENT);
	borrow_one();
	come_out();
	host_run_ms(h, 40 * MINUTE_MS);
	come_back();
	must("GetReceipt", "{\"charge\":\"CDR-000000000001\"}");
	cr_expect(said("BANK0007"));
	cr_expect(said("rack:2"));
	cr_expect(said("Rental 0:40:0"), "%s", cJSON_Print(last));
	cr_expect(!said("kWh"));
	must("ExportCharges", "{}");
	cr_expect(strstr(cJSON_GetObjectItem(last, "csv")->valuestring, "\"BANK0007\",\"rack:2\"\r\n"));
	must("GetCharge", "{\"id\":\"CDR-000000000001\"}");
	cr_expect(strstr(text("noOcpi"), "OCPI"));
	must("CreditCharge", "{\"id\":\"CDR-000000000001\",\"reason\":\"a gift\"}");
	cr_expect_eq(available(), 5000);
}

/* ---- paid by a provider ---------------------------------------------------------------------- */

static void find(struct host *host, void *arg, const char *const *key, size_t parts, const char *json)
{
	snprintf(arg, 400, "%s", json);
}

/* Of the first seed whose person pays in time: the provider is as the scenarios have it. */
static void paid_rental(void)
{
	for (uint64_t seed = 1; seed < 30; seed++) {
		sound_and_gone();
		load(seed, ",\"stripe\":{\"secretKey\":\"k\",\"webhookSecret\":\"w\",\"api\":\"http://"
			   "till\"},\"publicUrl\":\"http://x\"");
		cr_assert_eq(host_load_record(h, &till_record, 1, NULL), 0);
		host_settle(h, 5);
		borrow("O-1", "\"payBy\":\"PAY_BY_PROVIDER\"");
		host_run_ms(h, 10 * MINUTE_MS);
		if (!strcmp(state(), "STARTING"))
			return;
	}
	cr_assert(false, "nobody pays");
}

Test(rentals, of_a_providers_deposit_only_what_it_cost_is_captured)
{
	char payment[400] = "";

	paid_rental();
	come_out();
	host_run_ms(h, 40 * MINUTE_MS);
	come_back();
	host_run_ms(h, HOUR_MS);
	cr_expect_str_eq(state(), "CLOSED");
	host_rows(h, "till.0", TILL_PAYMENTS, find, payment);
	cr_expect(strstr(payment, "\"amount\":\"2000\""), "%s", payment);
	cr_expect(strstr(payment, "\"captured\":\"300\""), "%s", payment);
}

Test(rentals, of_a_lend_that_failed_a_providers_deposit_is_released)
{
	char payment[400] = "";

	paid_rental();
	fail_to_come_out();
	host_run_ms(h, HOUR_MS);
	cr_expect_str_eq(state(), "VOIDED");
	host_rows(h, "till.0", TILL_PAYMENTS, find, payment);
	cr_expect(strstr(payment, "PAYMENT_STATE_RELEASED"), "%s", payment);
}

Test(rentals, what_a_guests_bank_cost_beyond_the_deposit_is_owed_by_the_order)
{
	paid_rental();
	come_out();
	host_run_ms(h, 3 * DAY_MS + HOUR_MS);
	cr_expect_str_eq(state(), "CLOSED");
	cr_expect_str_eq(charge("price.incl"), "3500");
	cr_expect_str_eq(charge("receivable"), "1500");
	cr_expect_eq(posted("receivable:order:O-1"), -1500);
}
