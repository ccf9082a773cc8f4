/* A rental costs by the interval begun, under caps, on a clock that stands while the bank could not have been given
 * back. First the times on the clock are laid out, then they are counted by windows. */
#include "rental.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)
#define PPM 1000000

int billing_rental_check(const struct billing_rental_tariff *t, struct billing_error *ret_error)
{
	const struct {
		const char *field;
		int64_t value, min, max;
		const char *text;
	} checks[] = {
		{ "free_s", t->free_ms, 0, BILLING_RENTAL_MAX_MS, "is out of range" },
		{ "interval_s", t->interval_ms, BILLING_RENTAL_INTERVAL_MIN_MS, BILLING_RENTAL_MAX_MS,
		  "must be a second at least" },
		{ "interval_price", t->interval_minor, 0, BILLING_MINOR_MAX, "is out of range" },
		{ "first_interval_price", t->first_interval_minor, 0, BILLING_MINOR_MAX, "is out of range" },
		{ "cap_amount", t->cap_minor, t->cap_window == BILLING_CAP_NONE ? 0 : 1,
		  t->cap_window == BILLING_CAP_NONE ? 0 : BILLING_MINOR_MAX,
		  "a cap needs both its amount and its cap_window" },
		{ "total_cap", t->total_cap_minor, 0, BILLING_MINOR_MAX, "is out of range" },
		{ "buyout.after_s", t->buyout_after_ms, t->buyout_mode == BILLING_BUYOUT_NONE ? 0 : t->free_ms + 1,
		  BILLING_RENTAL_MAX_MS, "must be longer than what is free" },
		{ "buyout.price", t->buyout_minor, 0, BILLING_MINOR_MAX, "is out of range" },
		{ "deposit", t->deposit_minor, 0, BILLING_MINOR_MAX, "is out of range" },
		{ "vat", t->vat_ppm, 0, BILLING_VAT_MAX_PPM, "is out of range" },
	};
	if (billing_currency_exponent(t->currency) < 0) {
		billing_error_set(ret_error, "is no currency: give three capital letters of ISO 4217, like EUR",
				  "currency");
		return -EINVAL;
	}
	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
		if (checks[i].value >= checks[i].min && checks[i].value <= checks[i].max)
			continue;
		billing_error_set(ret_error, checks[i].text, "%s", checks[i].field);
		return -EINVAL;
	}
	return 0;
}

/* ---- the clock ------------------------------------------------------------------------------- */

struct span {
	int64_t from_ms, until_ms;
};

/* When the clock runs: ascending, apart. */
struct clock {
	struct span spans[BILLING_FREEZES_MAX + 1];
	size_t n;
	int64_t total_ms;
};

static int compare(const void *a, const void *b)
{
	const struct billing_freeze *x = a, *y = b;
	return (x->from_ms > y->from_ms) - (x->from_ms < y->from_ms);
}

static void add_span(struct clock *c, int64_t from_ms, int64_t until_ms)
{
	if (from_ms >= until_ms)
		return;
	c->spans[c->n++] = (struct span){ from_ms, until_ms };
	c->total_ms += until_ms - from_ms;
}

static void lay_out(struct clock *c, int64_t start_ms, int64_t end_ms, const struct billing_freeze *freezes, size_t n)
{
	struct billing_freeze sorted[BILLING_FREEZES_MAX];
	int64_t at_ms = start_ms;
	c->n = 0;
	c->total_ms = 0;
	if (n)
		memcpy(sorted, freezes, n * sizeof *freezes);
	qsort(sorted, n, sizeof *sorted, compare);
	for (size_t i = 0; i < n; i++) {
		if (sorted[i].from_ms >= sorted[i].until_ms)
			continue;
		add_span(c, at_ms, sorted[i].from_ms < end_ms ? sorted[i].from_ms : end_ms);
		if (sorted[i].until_ms > at_ms)
			at_ms = sorted[i].until_ms;
	}
	add_span(c, at_ms, end_ms);
}

/* Stops the clock after so much; returns when that is. The total must be more. */
static int64_t stop_after(struct clock *c, int64_t ms)
{
	int64_t left_ms = ms;
	size_t i = 0;
	while (c->spans[i].until_ms - c->spans[i].from_ms < left_ms) {
		left_ms -= c->spans[i].until_ms - c->spans[i].from_ms;
		i++;
	}
	c->spans[i].until_ms = c->spans[i].from_ms + left_ms;
	c->n = i + 1;
	c->total_ms = ms;
	return c->spans[i].until_ms;
}

/* Takes so much off its beginning. */
static void start_after(struct clock *c, int64_t ms)
{
	size_t gone = 0;
	c->total_ms = c->total_ms > ms ? c->total_ms - ms : 0;
	while (gone < c->n && c->spans[gone].until_ms - c->spans[gone].from_ms <= ms) {
		ms -= c->spans[gone].until_ms - c->spans[gone].from_ms;
		gone++;
	}
	c->n -= gone;
	memmove(c->spans, c->spans + gone, c->n * sizeof *c->spans);
	if (c->n > 0)
		c->spans[0].from_ms += ms;
}

/* ---- windows --------------------------------------------------------------------------------- */

struct count {
	const struct billing_rental_tariff *tariff;
	billing_wide minor;
	int64_t intervals;
	bool begun, capped;
};

/* One window with so much on the clock, `times` times over. */
static void add_window(struct count *c, int64_t ms, int64_t times)
{
	const struct billing_rental_tariff *t = c->tariff;
	if (ms <= 0 || times <= 0)
		return;
	int64_t n = (ms - 1) / t->interval_ms + 1;
	billing_wide minor = (billing_wide)n * t->interval_minor;
	if (!c->begun && t->has_first)
		minor += t->first_interval_minor - t->interval_minor;
	if (t->cap_window != BILLING_CAP_NONE && minor > t->cap_minor) {
		minor = t->cap_minor;
		c->capped = true;
	}
	c->begun = true;
	c->minor += minor * times;
	c->intervals += n * times;
}

static void count_rolling(struct count *c, int64_t total_ms)
{
	const int64_t days = total_ms / DAY_MS;
	if (days > 0) {
		add_window(c, DAY_MS, 1); /* the one with the first interval */
		add_window(c, DAY_MS, days - 1);
	}
	add_window(c, total_ms % DAY_MS, 1);
}

/* The next local midnight behind a moment; where the clock skips it, the change. */
static int64_t next_midnight_ms(const struct gv_zone *zone, int64_t at_ms)
{
	int64_t at_s = at_ms / 1000 - (at_ms % 1000 < 0), local_s = at_s + gv_zone_offset_s(zone, at_s), next_s;
	int64_t day = local_s / 86400 - (local_s % 86400 < 0);
	gv_zone_to_utc(zone, (day + 1) * 86400, &next_s);
	while (next_s <= at_s) /* a midnight that comes twice is one */
		gv_zone_to_utc(zone, (++day + 1) * 86400, &next_s);
	return next_s * 1000;
}

static void count_days(struct count *c, const struct clock *clock, const struct gv_zone *zone)
{
	int64_t midnight_ms = INT64_MIN, today_ms = 0;
	for (size_t i = 0; i < clock->n; i++) {
		int64_t at_ms = clock->spans[i].from_ms;
		while (at_ms < clock->spans[i].until_ms) {
			if (at_ms >= midnight_ms) {
				add_window(c, today_ms, 1);
				today_ms = 0;
				midnight_ms = next_midnight_ms(zone, at_ms);
			}
			int64_t until_ms = clock->spans[i].until_ms;
			if (until_ms > midnight_ms)
				until_ms = midnight_ms;
			today_ms += until_ms - at_ms;
			at_ms = until_ms;
		}
	}
	add_window(c, today_ms, 1);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int settle(const struct billing_rental_tariff *t, const struct count *c, struct billing_rental_price *p)
{
	const bool sold = p->sold_at_ms != INT64_MAX;
	billing_wide use = c->minor, fine;
	p->capped = c->capped;
	p->intervals = c->intervals;
	if (t->total_cap_minor && use > t->total_cap_minor) {
		use = t->total_cap_minor;
		p->capped = true;
	}
	if (sold && t->buyout_mode == BILLING_BUYOUT_REPLACE)
		use = 0;
	if (use > INT64_MAX / 4)
		return -EOVERFLOW;
	p->use_minor = (int64_t)use;
	p->buyout_minor = sold ? t->buyout_minor : 0;
	p->incl_minor = p->use_minor + p->buyout_minor;
	fine = (billing_wide)p->incl_minor * PPM * 2; /* doubled, so that half of the divisor is an integer */
	int r = billing_round(fine, (billing_wide)(PPM + t->vat_ppm) * 2, &p->excl_minor);
	p->kept_minor = p->incl_minor < t->deposit_minor ? p->incl_minor : t->deposit_minor;
	p->back_minor = t->deposit_minor - p->kept_minor;
	p->owed_minor = p->incl_minor - p->kept_minor;
	return r;
}

int billing_rental_price(const struct billing_rental_tariff *t, const struct gv_zone *zone, int64_t start_ms,
			 int64_t end_ms, const struct billing_freeze *freezes, size_t n_freezes,
			 struct billing_rental_price *ret)
{
	struct clock clock;
	struct count count = { .tariff = t };
	struct billing_rental_price price = { .sold_at_ms = INT64_MAX };
	if (end_ms < start_ms || n_freezes > BILLING_FREEZES_MAX)
		return -EINVAL;
	if (start_ms < 0 || end_ms - start_ms > BILLING_RENTAL_MAX_MS || end_ms > INT64_MAX / 1000)
		return -ERANGE;
	lay_out(&clock, start_ms, end_ms, freezes, n_freezes);
	if (t->buyout_mode != BILLING_BUYOUT_NONE && clock.total_ms > t->buyout_after_ms)
		price.sold_at_ms = stop_after(&clock, t->buyout_after_ms);
	if (t->free_mode == BILLING_FREE_DEDUCT || clock.total_ms <= t->free_ms)
		start_after(&clock, t->free_ms);
	price.charged_ms = clock.total_ms;
	if (t->cap_window == BILLING_CAP_CALENDAR_DAY)
		count_days(&count, &clock, zone);
	else if (t->cap_window == BILLING_CAP_ROLLING_24H)
		count_rolling(&count, clock.total_ms);
	else
		add_window(&count, clock.total_ms, 1);
	int r = settle(t, &count, &price);
	if (r == 0)
		*ret = price;
	return r;
}
