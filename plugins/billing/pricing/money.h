/* Money as numbers: currencies, decimals as people and tariffs write them, and sums of fractions that are exact.
 *
 * No floating point, no rounding but where a caller asks for it. Amounts to pay are int64 minor units of a currency;
 * prices are int64 millionths of its major unit ("micro"). */
#ifndef BILLING_MONEY_H
#define BILLING_MONEY_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef __int128 billing_wide;
typedef unsigned __int128 billing_uwide;

#define BILLING_MICRO_DECIMALS 6
#define BILLING_MICRO 1000000
#define BILLING_PRICE_MAX_MICRO INT64_C(1000000000000000) /* 10^9 of any major unit */

/* Digits behind the point of an ISO 4217 currency: 0 .. 4. -EINVAL: no such code in use. Codes are upper case. */
int billing_currency_exponent(const char *code);
/* Micro in one minor unit: 10000 for EUR. The exponent is 0 .. 4. */
int64_t billing_minor_micro(int exponent);

/* ---- decimals -------------------------------------------------------------------------------- */

#define BILLING_DECIMAL_MAX 40 /* bytes of one printed, with the zero byte */

/* The value of a JSON number ("0.25", "1e3") times 10^decimals, exactly. -EINVAL: not a JSON number; -EDOM: it has
 * more digits behind the point than `decimals`; -ERANGE: outside min .. max. */
int billing_decimal_read(const char *text, size_t size, int decimals, int64_t min, int64_t max, int64_t *ret);
/* The shortest JSON number of value / 10^decimals: "0.25". decimals is 0 .. 18. */
void billing_decimal_write(int64_t value, int decimals, char ret[static BILLING_DECIMAL_MAX]);

#define BILLING_MONEY_MAX 40
/* For people: "12.00 EUR", "-5 JPY". */
void billing_money_write(int64_t minor, const char *currency, char ret[static BILLING_MONEY_MAX]);

/* ---- exact sums ------------------------------------------------------------------------------ */

#define BILLING_PARTS_MAX 256

/* A fraction 0 < rem / den < 1 in lowest terms. */
struct billing_part {
	billing_uwide rem, den;
};

/* A sum of fractions, kept as one whole number and the proper fractions by denominator, so that a denominator that no
 * other shares costs no digits of the others. The value is whole + the sum of the parts; never rounded. Begins with
 * billing_exact_init. */
struct billing_exact {
	billing_wide whole;
	size_t n_parts;
	struct billing_part parts[BILLING_PARTS_MAX];
};

static inline void billing_exact_init(struct billing_exact *x)
{
	x->whole = 0;
	x->n_parts = 0;
}

/* Adds n / d. d is 1 .. 2^96. -EOVERFLOW: the whole does not fit into 128 bits, or there are more than
 * BILLING_PARTS_MAX denominators; *x is then of no use. */
int billing_exact_add(struct billing_exact *x, billing_wide n, billing_uwide d);
/* Adds y times n / d. -EOVERFLOW as above; also for parts of y whose rem * n or den * d exceed 128 bits. */
int billing_exact_add_times(struct billing_exact *x, const struct billing_exact *y, billing_wide n, billing_uwide d);
/* Adds y times n, which nearly always is a whole number. As above. */
static inline int billing_exact_add_whole_times(struct billing_exact *x, const struct billing_exact *y, billing_wide n)
{
	billing_wide whole;
	if (y->n_parts > 0)
		return billing_exact_add_times(x, y, n, 1);
	return __builtin_mul_overflow(y->whole, n, &whole) || __builtin_add_overflow(x->whole, whole, &x->whole)
		       ? -EOVERFLOW
		       : 0;
}
/* How many wholes the parts add up to, exactly. */
int64_t billing_exact_wholes(const struct billing_exact *x);
/* The largest integer that is not above x, exactly. */
static inline billing_wide billing_exact_floor(const struct billing_exact *x)
{
	return x->n_parts > 1 ? x->whole + billing_exact_wholes(x) : x->whole;
}
/* The smallest multiple of step (> 0) that is not below x. */
billing_wide billing_exact_ceil(const struct billing_exact *x, billing_wide step);
/* x / unit to the nearest integer, halves up; unit > 0 and even. -EOVERFLOW: it does not fit. */
int billing_exact_round(const struct billing_exact *x, billing_wide unit, int64_t *ret);

/* n / unit to the nearest, halves up; n is any, unit > 0 and even. For values that are whole numbers, or floors of
 * exact sums: neither loses what halves depend on. */
int billing_round(billing_wide n, billing_wide unit, int64_t *ret);

/* Shares `total` among n by largest remainder: share i is floor(weights[i] / unit), plus 1 for those with the largest
 * remainders (the earlier one among equals) until they add up. -ERANGE: more than n would have to be added, or less
 * than nothing. Shares that must shrink are not known here. */
int billing_share(int64_t total, const billing_wide *weights, size_t n, billing_wide unit, int64_t *ret_shares);

#endif
