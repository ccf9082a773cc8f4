/* Rentals and packages: what the vectors do not say - refusals, deposits, odd clocks, refunds. */
#include "world.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <plugins/billing/pricing/pricing_message.h>
#include <plugins/billing/pricing/rental.h>
#include <plugins/billing/pricing/tariff_package.h>
#include <string.h>

#include "../../leaks.h"

TestSuite(rental, .fini = check_leaks);

#define S INT64_C(1000)
#define H (3600 * S)

static struct billing_rental_tariff usual(void)
{
	return (struct billing_rental_tariff){ .currency = "EUR",
					       .free_ms = 300 * S,
					       .interval_ms = 1800 * S,
					       .interval_minor = 200,
					       .cap_window = BILLING_CAP_ROLLING_24H,
					       .cap_minor = 3000,
					       .deposit_minor = 5000,
					       .vat_ppm = 190000 };
}

static struct billing_rental_price price_of(const struct billing_rental_tariff *t, int64_t held_ms,
					    const struct billing_freeze *freezes, size_t n)
{
	struct billing_rental_price p;
	cr_assert_eq(billing_rental_price(t, NULL, 0, held_ms, freezes, n, &p), 0);
	return p;
}

Test(rental, the_deposit_pays_and_the_rest_of_it_goes_back)
{
	struct billing_rental_tariff t = usual();
	struct billing_rental_price p = price_of(&t, 1 * H, NULL, 0);
	cr_assert(p.incl_minor == 400 && p.excl_minor == 336, "4.00 with 19 %% is 3.36 without");
	cr_assert(p.kept_minor == 400 && p.back_minor == 4600 && p.owed_minor == 0);
	t.buyout_mode = BILLING_BUYOUT_ADD;
	t.buyout_after_ms = 48 * H;
	t.buyout_minor = 2500;
	p = price_of(&t, 100 * H, NULL, 0);
	cr_assert_eq(p.sold_at_ms, 48 * H);
	cr_assert(p.use_minor == 6000 && p.buyout_minor == 2500 && p.incl_minor == 8500);
	cr_assert(p.kept_minor == 5000 && p.back_minor == 0 && p.owed_minor == 3500);
}

Test(rental, frozen_time_delays_the_sale)
{
	struct billing_rental_tariff t = usual();
	const struct billing_freeze away[] = { { 10 * H, 20 * H } };
	t.buyout_mode = BILLING_BUYOUT_REPLACE;
	t.buyout_after_ms = 24 * H;
	t.buyout_minor = 9900;
	struct billing_rental_price p = price_of(&t, 34 * H, away, 1);
	cr_assert(p.sold_at_ms == INT64_MAX && p.incl_minor == 3000);
	p = price_of(&t, 34 * H + 1, away, 1);
	cr_assert(p.sold_at_ms == 34 * H && p.incl_minor == 9900);
}

Test(rental, a_rental_frozen_throughout_is_free)
{
	struct billing_rental_tariff t = usual();
	const struct billing_freeze away[] = { { 5 * H, 30 * H }, { -H, 6 * H } };
	struct billing_rental_price p = price_of(&t, 10 * H, away, 2);
	cr_assert(p.incl_minor == 0 && p.charged_ms == 0);
}

/* More time on the clock never costs less; a freeze costs nothing more wherever it lies. */
Test(rental, price_grows_with_time_and_shrinks_with_freezes)
{
	struct gv_zone *zone = world_zone("Europe/Amsterdam");
	for (uint64_t seed = 1; seed <= 3000; seed++) {
		struct world_random r = { seed };
		struct billing_rental_tariff t = usual();
		struct billing_rental_price p, later, frozen;
		int64_t start_ms = INT64_C(1774700000000) + world_below(&r, 200 * H), held_ms = world_below(&r, 80 * H);
		struct billing_freeze f[3];
		t.cap_window = (enum billing_cap_window)world_below(&r, 3);
		t.cap_minor = t.cap_window == BILLING_CAP_NONE ? 0 : 3000;
		t.free_mode = (enum billing_free_mode)world_below(&r, 2);
		for (int i = 0; i < 3; i++) {
			f[i].from_ms = start_ms + world_below(&r, 80 * H);
			f[i].until_ms = f[i].from_ms + world_below(&r, 10 * H);
		}
		cr_assert_eq(billing_rental_price(&t, zone, start_ms, start_ms + held_ms, NULL, 0, &p), 0);
		cr_assert_eq(billing_rental_price(&t, zone, start_ms, start_ms + held_ms + world_below(&r, H), NULL, 0,
						  &later),
			     0);
		cr_assert_eq(billing_rental_price(&t, zone, start_ms, start_ms + held_ms, f, 3, &frozen), 0);
		cr_assert_geq(later.incl_minor, p.incl_minor, "seed %lu", seed);
		/* rolling days shift with the clock, so that only calendar days can be compared by their caps */
		if (t.cap_window == BILLING_CAP_NONE)
			cr_assert_leq(frozen.incl_minor, p.incl_minor, "seed %lu", seed);
		cr_assert_leq(frozen.charged_ms, p.charged_ms, "seed %lu", seed);
	}
	gv_zone_destroy(zone);
}

Test(rental, days_of_23_and_25_hours_have_one_cap_each)
{
	struct gv_zone *zone = world_zone("Europe/Amsterdam");
	struct billing_rental_tariff t = usual();
	struct billing_rental_price p;
	int64_t from_ms, until_ms;
	t.cap_window = BILLING_CAP_CALENDAR_DAY;
	t.interval_ms = H;
	t.cap_minor = 1000000;
	from_ms = world_time("2026-03-29T00:00:00", zone);
	until_ms = world_time("2026-03-30T00:00:00", zone);
	cr_assert_eq(billing_rental_price(&t, zone, from_ms, until_ms, NULL, 0, &p), 0);
	cr_assert_eq(p.intervals, 23);
	from_ms = world_time("2026-10-25T00:00:00", zone);
	until_ms = world_time("2026-10-26T00:00:00", zone);
	cr_assert_eq(billing_rental_price(&t, zone, from_ms, until_ms, NULL, 0, &p), 0);
	cr_assert_eq(p.intervals, 25);
	gv_zone_destroy(zone);
}

Test(rental, refuses_by_name_what_cannot_be_meant)
{
	struct billing_error error;
	struct billing_rental_tariff t = usual();
	t.interval_ms = 0;
	cr_assert_eq(billing_rental_check(&t, &error), -EINVAL);
	cr_assert_str_eq(error.field, "interval_s");
	t = usual();
	t.cap_window = BILLING_CAP_NONE;
	cr_assert_eq(billing_rental_check(&t, &error), -EINVAL);
	cr_assert_str_eq(error.field, "cap_amount");
	t = usual();
	t.interval_minor = -1;
	cr_assert_eq(billing_rental_check(&t, &error), -EINVAL);
	cr_assert_str_eq(error.field, "interval_price");
	t = usual();
	t.buyout_mode = BILLING_BUYOUT_ADD;
	t.buyout_after_ms = t.free_ms;
	cr_assert_eq(billing_rental_check(&t, &error), -EINVAL);
	cr_assert_str_eq(error.field, "buyout.after_s");
	struct billing_rental_price p;
	t = usual();
	cr_assert_eq(billing_rental_price(&t, NULL, 1, 0, NULL, 0, &p), -EINVAL);
	cr_assert_eq(billing_rental_price(&t, NULL, 0, BILLING_RENTAL_MAX_MS + 1, NULL, 0, &p), -ERANGE);
}

Test(rental, reads_its_message)
{
	Billing__RentalTariff m = BILLING__RENTAL_TARIFF__INIT;
	Billing__Buyout buyout = BILLING__BUYOUT__INIT;
	struct billing_rental_tariff t;
	struct billing_error error;
	m.currency = (char *)"CNY";
	m.interval_s = 1800;
	m.interval_price = 200;
	cr_assert_eq(billing_rental_read(&m, &t, &error), 0, "%s", error.text);
	cr_assert(t.interval_ms == 1800 * S && !t.has_first && t.buyout_mode == BILLING_BUYOUT_NONE);
	m.buyout = &buyout;
	buyout.mode = BILLING__BUYOUT_MODE__BUYOUT_MODE_ADD;
	buyout.after_s = INT64_MAX;
	cr_assert_eq(billing_rental_read(&m, &t, &error), -EINVAL);
	cr_assert_str_eq(error.field, "buyout.after_s");
	m.buyout = NULL;
	m.currency = (char *)"yuan";
	cr_assert_eq(billing_rental_read(&m, &t, &error), -EINVAL);
	cr_assert_str_eq(error.field, "currency");
}

/* ---- packages -------------------------------------------------------------------------------- */

static struct billing_package four_hours(enum billing_package_refund refund)
{
	return (struct billing_package){ .currency = "CNY",
					 .price_minor = 200,
					 .unit = BILLING_PACKAGE_TIME,
					 .amount = 4 * H,
					 .refund = refund,
					 .step = H,
					 .vat_ppm = 130000 };
}

static struct billing_package_price used(const struct billing_package *p, int64_t ms)
{
	struct billing_package_price price;
	cr_assert_eq(billing_package_price(p, ms, &price), 0);
	return price;
}

Test(package, refunds_the_steps_that_were_not_begun)
{
	struct billing_package pack = four_hours(BILLING_REFUND_PRO_RATA);
	cr_assert_eq(used(&pack, 0).refund_minor, 200);
	cr_assert_eq(used(&pack, 1).refund_minor, 150);
	cr_assert_eq(used(&pack, H).refund_minor, 150);
	cr_assert_eq(used(&pack, H + 1).refund_minor, 100);
	cr_assert_eq(used(&pack, 4 * H).refund_minor, 0);
	cr_assert_eq(used(&pack, 5 * H).beyond, H);
	cr_assert_eq(used(&pack, 3 * H).left, H);
	cr_assert_eq(used(&pack, 4 * H).excl_minor, 177);
	pack.price_minor = 100;
	pack.step = pack.amount / 3;
	cr_assert_eq(used(&pack, 1).incl_minor, 33);
	cr_assert_eq(used(&pack, pack.step + 1).incl_minor, 67);
}

Test(package, without_refund_costs_what_it_costs)
{
	struct billing_package pack = four_hours(BILLING_REFUND_NONE);
	cr_assert_eq(used(&pack, 0).incl_minor, 200);
	cr_assert_eq(used(&pack, 9 * H).incl_minor, 200);
}

Test(package, reads_its_message_and_refuses_by_name)
{
	Billing__PackageTariff m = BILLING__PACKAGE_TARIFF__INIT;
	struct billing_package p;
	struct billing_error error;
	m.currency = (char *)"EUR";
	m.price = 300;
	m.amount = 5000;
	cr_assert_eq(billing_package_read(&m, &p, &error), -EINVAL);
	cr_assert_str_eq(error.field, "unit");
	m.unit = BILLING__PACKAGE_UNIT__PACKAGE_UNIT_ENERGY;
	cr_assert_eq(billing_package_read(&m, &p, &error), 0);
	cr_assert(p.amount == INT64_C(5000000000) && p.step == p.amount, "5 kWh, all or nothing");
	m.step = 6000;
	cr_assert_eq(billing_package_read(&m, &p, &error), -EINVAL);
	cr_assert_str_eq(error.field, "step");
	cr_assert_eq(billing_package_price(&p, -1, &(struct billing_package_price){ 0 }), -EINVAL);
}
