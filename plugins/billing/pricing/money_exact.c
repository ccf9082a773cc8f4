/* Splitting a session at a price boundary cuts its energy and time into fractions with whatever denominators its
 * meter's intervals have. They are added here without loss: a session that is cut in two costs what it cost whole, and
 * a half of a cent is known to be exactly that. The only questions asked of a sum are floors; they are answered from
 * its leading digits, and where these do not decide, by long arithmetic. */
#include "money.h"

#include <errno.h>
#include <string.h>

#define DEN_BITS_MAX 96
#define LIMBS_MAX (BILLING_PARTS_MAX * DEN_BITS_MAX / 64 + 4)

static billing_uwide gcd(billing_uwide a, billing_uwide b)
{
	while (a >> 64 || b >> 64) {
		if (b == 0)
			return a;
		billing_uwide r = a % b;
		a = b;
		b = r;
	}
	uint64_t x = (uint64_t)a, y = (uint64_t)b;
	while (y != 0) {
		uint64_t r = x % y;
		x = y;
		y = r;
	}
	return x;
}

static int add_whole(struct billing_exact *x, billing_wide n)
{
	return __builtin_add_overflow(x->whole, n, &x->whole) ? -EOVERFLOW : 0;
}

/* 0 <= rem < den */
static int add_part(struct billing_exact *x, billing_uwide rem, billing_uwide den)
{
	while (rem != 0) {
		billing_uwide common = gcd(den, rem);
		size_t i = 0;
		rem /= common;
		den /= common;
		while (i < x->n_parts && x->parts[i].den != den)
			i++;
		if (i == x->n_parts) {
			if (i == BILLING_PARTS_MAX)
				return -EOVERFLOW;
			x->parts[x->n_parts++] = (struct billing_part){ rem, den };
			return 0;
		}
		rem += x->parts[i].rem; /* the two together may have lower terms: take out, add again */
		x->parts[i] = x->parts[--x->n_parts];
		if (rem >= den) {
			rem -= den;
			if (add_whole(x, 1) < 0)
				return -EOVERFLOW;
		}
	}
	return 0;
}

static int add_fraction(struct billing_exact *x, billing_wide n, billing_uwide d)
{
	if (d == 0 || d > (billing_uwide)1 << DEN_BITS_MAX)
		return -EOVERFLOW;
	billing_wide q = n / (billing_wide)d, r = n % (billing_wide)d;
	if (r < 0) {
		r += (billing_wide)d;
		q--;
	}
	if (add_whole(x, q) < 0)
		return -EOVERFLOW;
	return add_part(x, (billing_uwide)r, d);
}

int billing_exact_add(struct billing_exact *x, billing_wide n, billing_uwide d)
{
	return d == 1 ? add_whole(x, n) : add_fraction(x, n, d);
}

int billing_exact_add_times(struct billing_exact *x, const struct billing_exact *y, billing_wide n, billing_uwide d)
{
	billing_wide whole;
	if (__builtin_mul_overflow(y->whole, n, &whole))
		return -EOVERFLOW;
	int r = billing_exact_add(x, whole, d);
	for (size_t i = 0; r == 0 && i < y->n_parts; i++) {
		billing_wide rem;
		billing_uwide den;
		if (__builtin_mul_overflow((billing_wide)y->parts[i].rem, n, &rem) ||
		    __builtin_mul_overflow(y->parts[i].den, d, &den))
			return -EOVERFLOW;
		r = billing_exact_add(x, rem, den);
	}
	return r;
}

/* ---- long arithmetic ------------------------------------------------------------------------- */

struct big { /* little endian; limbs from `size` on are not set */
	size_t size;
	uint64_t limbs[LIMBS_MAX];
};

/* a * by << (64 * shift) is added to b, which must have room. */
static void big_add_times(struct big *b, const struct big *a, uint64_t by, size_t shift)
{
	uint64_t carry = 0;
	for (size_t i = 0; i < a->size || carry; i++) {
		for (; b->size <= i + shift; b->size++)
			b->limbs[b->size] = 0;
		billing_uwide sum = (billing_uwide)(i < a->size ? a->limbs[i] : 0) * by + b->limbs[i + shift] + carry;
		b->limbs[i + shift] = (uint64_t)sum;
		carry = (uint64_t)(sum >> 64);
	}
}

static void big_add_wide_times(struct big *b, const struct big *a, billing_uwide by)
{
	big_add_times(b, a, (uint64_t)by, 0);
	big_add_times(b, a, (uint64_t)(by >> 64), 1);
	while (b->size > 0 && b->limbs[b->size - 1] == 0)
		b->size--;
}

/* a -= b if that is not negative. */
static bool big_take(struct big *a, const struct big *b)
{
	size_t i = a->size;
	if (a->size != b->size) {
		if (a->size < b->size)
			return false;
	} else {
		while (i > 0 && a->limbs[i - 1] == b->limbs[i - 1])
			i--;
		if (i > 0 && a->limbs[i - 1] < b->limbs[i - 1])
			return false;
	}
	uint64_t borrow = 0;
	for (i = 0; i < a->size; i++) {
		uint64_t less = i < b->size ? b->limbs[i] : 0, was = a->limbs[i];
		a->limbs[i] = was - less - borrow;
		borrow = was < less || (was == less && borrow);
	}
	while (a->size > 0 && a->limbs[a->size - 1] == 0)
		a->size--;
	return true;
}

/* The floor of the sum of the parts, by putting them over one denominator. */
static int64_t long_wholes(const struct billing_exact *x)
{
	struct big n = { .size = 0 }, d = { .size = 1 }, product;
	int64_t whole = 0;
	d.limbs[0] = 1;
	for (size_t i = 0; i < x->n_parts; i++) {
		product.size = 0;
		big_add_wide_times(&product, &n, x->parts[i].den);
		big_add_wide_times(&product, &d, x->parts[i].rem);
		n = product;
		product.size = 0;
		big_add_wide_times(&product, &d, x->parts[i].den);
		d = product;
	}
	while (big_take(&n, &d)) /* fewer times than there are parts */
		whole++;
	return whole;
}

/* ---- questions ------------------------------------------------------------------------------- */

int64_t billing_exact_wholes(const struct billing_exact *x)
{
	const int bits = 127 - DEN_BITS_MAX; /* leading ones of each part's fraction */
	uint64_t low = 0;
	for (size_t i = 0; i < x->n_parts; i++)
		low += (uint64_t)((x->parts[i].rem << bits) / x->parts[i].den);
	uint64_t high = low + x->n_parts; /* low <= the sum < high, or both are 0 */
	if (x->n_parts == 0 || low >> bits == (high - 1) >> bits)
		return (int64_t)(low >> bits);
	return long_wholes(x);
}

static billing_wide floor_div(billing_wide n, billing_wide d)
{
	return n / d - (n % d < 0);
}

billing_wide billing_exact_ceil(const struct billing_exact *x, billing_wide step)
{
	billing_wide floor = billing_exact_floor(x), down = floor_div(floor, step) * step;
	if (floor != down)
		return down + step;
	if (x->n_parts == 0)
		return down;
	/* x is between a multiple and the next integer: is it the multiple? Parts that sum up to an integer say yes. */
	struct billing_exact rest;
	billing_exact_init(&rest);
	for (size_t i = 0; i < x->n_parts; i++)
		rest.parts[rest.n_parts++] = (struct billing_part){ x->parts[i].den - x->parts[i].rem,
								    x->parts[i].den };
	/* the ceiling of the parts' sum is n - the floor of the sum of what each lacks to 1 */
	billing_wide ceiling = x->whole + (billing_wide)x->n_parts - billing_exact_floor(&rest);
	return ceiling == down ? down : down + step;
}

int billing_round(billing_wide n, billing_wide unit, int64_t *ret)
{
	billing_wide sum;
	if (__builtin_add_overflow(n, unit / 2, &sum))
		return -EOVERFLOW;
	billing_wide rounded = floor_div(sum, unit);
	if (rounded > INT64_MAX || rounded < INT64_MIN)
		return -EOVERFLOW;
	*ret = (int64_t)rounded;
	return 0;
}

/* floor((x + unit / 2) / unit) is floor((floor(x) + unit / 2) / unit), as the unit and its half are integers. */
int billing_exact_round(const struct billing_exact *x, billing_wide unit, int64_t *ret)
{
	return billing_round(billing_exact_floor(x), unit, ret);
}

int billing_share(int64_t total, const billing_wide *weights, size_t n, billing_wide unit, int64_t *ret_shares)
{
	billing_wide sum = 0;
	for (size_t i = 0; i < n; i++) {
		billing_wide share = floor_div(weights[i], unit);
		if (share > INT64_MAX || share < INT64_MIN)
			return -ERANGE;
		ret_shares[i] = (int64_t)share;
		sum += share;
	}
	billing_wide missing = total - sum;
	if (missing < 0 || missing > (billing_wide)n)
		return -ERANGE;
	for (; missing > 0; missing--) {
		size_t best = n;
		billing_wide most = -1;
		for (size_t i = 0; i < n; i++) {
			billing_wide remainder = weights[i] -
						 (billing_wide)ret_shares[i] * unit; /* negative: had its 1 */
			if (remainder > most) {
				most = remainder;
				best = i;
			}
		}
		if (best == n) /* all had theirs */
			return -ERANGE;
		ret_shares[best]++;
	}
	return 0;
}
