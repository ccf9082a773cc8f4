/* Decimals keep their digits, currencies have their exponents, sums of fractions are exact and shares add up. */
#include "world.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "../../leaks.h"

TestSuite(money, .fini = check_leaks);

Test(money, amounts_are_said_with_all_digits_of_their_currency)
{
	static const struct {
		int64_t minor;
		const char *currency, *said;
	} cases[] = { { 1200, "EUR", "12.00 EUR" },
		      { 5, "EUR", "0.05 EUR" },
		      { 0, "EUR", "0.00 EUR" },
		      { -1, "EUR", "-0.01 EUR" },
		      { 500, "JPY", "500 JPY" },
		      { 0, "JPY", "0 JPY" },
		      { 1234, "KWD", "1.234 KWD" },
		      { INT64_MIN, "EUR", "-92233720368547758.08 EUR" },
		      { INT64_MAX, "JPY", "9223372036854775807 JPY" } };
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char said[BILLING_MONEY_MAX];
		billing_money_write(cases[i].minor, cases[i].currency, said);
		cr_expect_str_eq(said, cases[i].said);
	}
}

Test(money, knows_how_many_digits_a_currency_has)
{
	cr_assert_eq(billing_currency_exponent("EUR"), 2);
	cr_assert_eq(billing_currency_exponent("JPY"), 0);
	cr_assert_eq(billing_currency_exponent("KWD"), 3);
	cr_assert_eq(billing_currency_exponent("CLF"), 4);
	cr_assert_eq(billing_currency_exponent("eur"), -EINVAL);
	cr_assert_eq(billing_currency_exponent("EU"), -EINVAL);
	cr_assert_eq(billing_currency_exponent("XTS"), -EINVAL);
	cr_assert_eq(billing_currency_exponent("UR "), -EINVAL, "between two codes");
	cr_assert_eq(billing_minor_micro(0), 1000000);
	cr_assert_eq(billing_minor_micro(3), 1000);
}

static void expect_decimal(const char *text, int decimals, int result, int64_t value)
{
	int64_t got = 77;
	int r = billing_decimal_read(text, strlen(text), decimals, -1000000000, 1000000000, &got);
	cr_expect_eq(r, result, "%s: %d, not %d", text, r, result);
	cr_expect_eq(got, result < 0 ? 77 : value, "%s is %ld", text, got);
}

Test(money, reads_decimals_as_they_are_written)
{
	expect_decimal("0.25", 6, 0, 250000);
	expect_decimal("0.1", 1, 0, 1);
	expect_decimal("-1.5", 2, 0, -150);
	expect_decimal("10.0", 0, 0, 10);
	expect_decimal("0.2500000000000000000000", 2, 0, 25);
	expect_decimal("2.5e-1", 6, 0, 250000);
	expect_decimal("25E+2", 0, 0, 2500);
	expect_decimal("0e999999999999", 6, 0, 0);
	expect_decimal("0.1234567", 6, -EDOM, 0);
	expect_decimal("0.30000000000000004", 6, -EDOM, 0);
	expect_decimal("1e99", 0, -ERANGE, 0);
	expect_decimal("1000000001", 0, -ERANGE, 0);
	expect_decimal("99999999999999999999999999", 0, -ERANGE, 0);
	static const char *const wrong[] = {
		"", "-", ".5", "5.", "1e", "1e+", "01", "+1", "0x1", "1 ", "NaN", "\"1\""
	};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		expect_decimal(wrong[i], 6, -EINVAL, 0);
}

Test(money, writes_the_shortest_decimal)
{
	char text[BILLING_DECIMAL_MAX];
	static const struct {
		int64_t value;
		int decimals;
		const char *text;
	} cases[] = { { 250000, 6, "0.25" },
		      { 0, 6, "0" },
		      { 1, 9, "0.000000001" },
		      { -1500, 3, "-1.5" },
		      { 10, 0, "10" },
		      { 12000000, 6, "12" },
		      { INT64_MIN, 18, "-9.223372036854775808" },
		      { INT64_MAX, 0, "9223372036854775807" } };
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		billing_decimal_write(cases[i].value, cases[i].decimals, text);
		cr_expect_str_eq(text, cases[i].text);
	}
}

static struct billing_exact sum_of(const int64_t (*fractions)[2], size_t n)
{
	struct billing_exact x;
	billing_exact_init(&x);
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(billing_exact_add(&x, fractions[i][0], (billing_uwide)fractions[i][1]), 0);
	return x;
}

Test(money, fractions_that_make_a_whole_make_exactly_that)
{
	const int64_t sixths[][2] = { { 1, 2 }, { 1, 3 }, { 1, 6 } }, thirds[][2] = { { 1, 3 }, { 2, 3 } },
		      less[][2] = { { 1, 2 }, { 1, 3 }, { 1, 6 }, { -1, 1000000007 } };
	struct billing_exact x = sum_of(sixths, 3);
	cr_assert_eq((int64_t)billing_exact_floor(&x), 1);
	cr_assert_eq((int64_t)billing_exact_ceil(&x, 1), 1, "a whole is not rounded up");
	x = sum_of(thirds, 2);
	cr_assert_eq(x.n_parts, 0);
	cr_assert_eq((int64_t)x.whole, 1);
	x = sum_of(less, 4);
	cr_assert_eq((int64_t)billing_exact_floor(&x), 0);
	cr_assert_eq((int64_t)billing_exact_ceil(&x, 1), 1);
	cr_assert_eq((int64_t)billing_exact_ceil(&x, 5), 5);
}

Test(money, negative_sums_have_floors_below)
{
	const int64_t f[][2] = { { -7, 3 }, { 1, 5 } }; /* -32/15 */
	struct billing_exact x = sum_of(f, 2);
	cr_assert_eq((int64_t)billing_exact_floor(&x), -3);
	cr_assert_eq((int64_t)billing_exact_ceil(&x, 1), -2);
	cr_assert_eq((int64_t)billing_exact_ceil(&x, 2), -2);
}

/* n / d and (d - n) / d, each taken apart into fractions of two coprime denominators p and q of d = p q: their sum
 * is 1. */
Test(money, long_denominators_decide_what_leading_digits_cannot)
{
	static const uint64_t primes[] = { 999999937, 999999929, 999999893, 999999883, 999999797, 999999761,
					   999999757, 999999751, 999999739, 999999733, 999999677, 999999667 };
	struct billing_exact x;
	billing_exact_init(&x);
	billing_wide wholes = 0;
	for (size_t i = 0; i + 1 < sizeof primes / sizeof *primes; i++) {
		/* 1/p + 1/q - (p + q)/(p q) = 0, and 1 besides */
		billing_wide p = (billing_wide)primes[i], q = (billing_wide)primes[i + 1];
		cr_assert_eq(billing_exact_add(&x, 1 + p, (billing_uwide)p), 0);
		cr_assert_eq(billing_exact_add(&x, 1, (billing_uwide)q), 0);
		cr_assert_eq(billing_exact_add(&x, -(p + q), (billing_uwide)(p * q)), 0);
		wholes++;
	}
	cr_assert_gt(x.n_parts, 20);
	cr_assert(billing_exact_floor(&x) == wholes);
	cr_assert(billing_exact_ceil(&x, 1) == wholes);
	cr_assert_eq(billing_exact_add(&x, -1, (billing_uwide)1 << 96), 0);
	cr_assert(billing_exact_floor(&x) == wholes - 1, "2^-96 less is less");
	cr_assert(billing_exact_ceil(&x, 1) == wholes);
}

Test(money, halves_go_up)
{
	int64_t got;
	const int64_t half[][2] = { { 1, 3 }, { 1, 6 } }, thirds[][2] = { { 5125, 1 } };
	struct billing_exact x = sum_of(half, 2), doubled;
	billing_exact_init(&doubled);
	cr_assert_eq(billing_exact_add_times(&doubled, &x, 10, 1), 0); /* 5 of units of 10 */
	cr_assert_eq(billing_exact_round(&doubled, 10, &got), 0);
	cr_assert_eq(got, 1);
	x = sum_of(thirds, 1);
	cr_assert_eq(billing_exact_round(&x, 10, &got), 0);
	cr_assert_eq(got, 513, "5.125 is 5.13");
	cr_assert_eq(billing_round(-5, 10, &got), 0);
	cr_assert_eq(got, 0);
	cr_assert_eq(billing_round((billing_wide)INT64_MAX * 100, 10, &got), -EOVERFLOW);
}

Test(money, what_does_not_fit_is_an_error)
{
	struct billing_exact x, y;
	billing_exact_init(&x);
	for (int64_t d = 3; d < 3 + 2 * BILLING_PARTS_MAX; d += 2)
		cr_assert_eq(billing_exact_add(&x, 1, (billing_uwide)d * 1024 + 1),
			     d < 3 + 2 * BILLING_PARTS_MAX ? 0 : -1);
	cr_assert_eq(billing_exact_add(&x, 1, 2), -EOVERFLOW, "there are too many denominators");
	billing_exact_init(&x);
	cr_assert_eq(billing_exact_add(&x, 1, ((billing_uwide)1 << 96) + 1), -EOVERFLOW);
	cr_assert_eq(billing_exact_add(&x, 1, 0), -EOVERFLOW);
	cr_assert_eq(billing_exact_add(&x, (billing_wide)1 << 126, 1), 0);
	cr_assert_eq(billing_exact_add(&x, (billing_wide)1 << 126, 1), -EOVERFLOW);
	billing_exact_init(&y);
	cr_assert_eq(billing_exact_add_times(&y, &x, 4, 1), -EOVERFLOW);
}

Test(money, shares_add_up_and_the_largest_remainders_get_more)
{
	const billing_wide weights[] = { 133, 133, 134 };
	int64_t shares[3];
	cr_assert_eq(billing_share(4, weights, 3, 100, shares), 0);
	cr_assert(shares[0] == 1 && shares[1] == 1 && shares[2] == 2);
	cr_assert_eq(billing_share(5, weights, 3, 100, shares), 0);
	cr_assert(shares[0] == 2 && shares[1] == 1 && shares[2] == 2, "among equals the first");
	cr_assert_eq(billing_share(7, weights, 3, 100, shares), -ERANGE);
	cr_assert_eq(billing_share(2, weights, 3, 100, shares), -ERANGE);
}
