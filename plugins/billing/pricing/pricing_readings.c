/* Meter values come late, twice and in any order; some go backwards. They are brought into one order here, so that a
 * session's price depends on what was measured, not on when it arrived. */
#include "pricing.h"

#include <errno.h>
#include <stdlib.h>

static int compare_values(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

/* By time; at the same time by all that they say, so that there is one order only. */
static int compare(const void *a, const void *b)
{
	const struct billing_reading *x = a, *y = b;
	int r = compare_values(x->time_ms, y->time_ms);
	if (r == 0)
		r = compare_values(x->energy_uwh, y->energy_uwh);
	if (r == 0)
		r = compare_values(x->current_ma, y->current_ma);
	if (r == 0)
		r = compare_values(x->power_mw, y->power_mw);
	return r ? r : compare_values(x->state, y->state);
}

/* The register at the end: as given, or the highest one before it. */
static int64_t end_register(const struct billing_reading *begin, const struct billing_reading *end,
			    const struct billing_reading *readings, size_t n, unsigned *flags)
{
	int64_t uwh = end->energy_uwh;
	if (uwh == BILLING_UNKNOWN) {
		uwh = begin->energy_uwh;
		for (size_t i = 0; i < n; i++)
			if (readings[i].time_ms >= begin->time_ms && readings[i].time_ms <= end->time_ms &&
			    readings[i].energy_uwh > uwh)
				uwh = readings[i].energy_uwh;
	}
	if (uwh >= begin->energy_uwh)
		return uwh;
	*flags |= BILLING_READING_BACKWARDS;
	return begin->energy_uwh;
}

/* Drops what cannot be, keeps the order; returns how many are left. */
static size_t keep_sane(const struct billing_reading *begin, const struct billing_reading *end, int64_t end_uwh,
			struct billing_reading *readings, size_t n, unsigned *flags)
{
	int64_t uwh = begin->energy_uwh;
	size_t kept = 0;
	for (size_t i = 0; i < n; i++) {
		struct billing_reading *r = &readings[i];
		if (r->time_ms < begin->time_ms || r->time_ms > end->time_ms) {
			*flags |= BILLING_READING_OUTSIDE;
			continue;
		}
		if (r->energy_uwh != BILLING_UNKNOWN) {
			if (r->energy_uwh < uwh || r->energy_uwh > end_uwh) {
				*flags |= BILLING_READING_BACKWARDS;
				r->energy_uwh = BILLING_UNKNOWN;
			} else {
				uwh = r->energy_uwh;
			}
		}
		readings[kept++] = *r;
	}
	return kept;
}

/* Gives a register to the readings from `from` until before `until`, evenly over time between two known ones. */
static void fill(struct billing_reading *readings, size_t from, size_t until, const struct billing_reading *before,
		 const struct billing_reading *after)
{
	const int64_t ms = after->time_ms - before->time_ms, uwh = after->energy_uwh - before->energy_uwh;
	for (size_t i = from; i < until; i++) {
		billing_wide part = (billing_wide)uwh * (readings[i].time_ms - before->time_ms);
		readings[i].energy_uwh = before->energy_uwh + (ms ? (int64_t)(part / ms) : 0);
	}
}

static void fill_in(const struct billing_reading *begin, const struct billing_reading *end,
		    struct billing_reading *readings, size_t n)
{
	const struct billing_reading *before = begin;
	size_t from = 0;
	for (size_t i = 0; i < n; i++) {
		if (readings[i].energy_uwh == BILLING_UNKNOWN)
			continue;
		fill(readings, from, i, before, &readings[i]);
		before = &readings[i];
		from = i + 1;
	}
	fill(readings, from, n, before, end);
}

static bool jumps(const struct billing_segment *s, int64_t max_power_mw)
{
	return max_power_mw != BILLING_UNKNOWN &&
	       (billing_wide)s->energy_uwh * 3600 > (billing_wide)max_power_mw * (s->end_ms - s->start_ms);
}

/* What is known from here on: the reading's values where it has them, else those before. */
static struct billing_reading carry(const struct billing_reading *known, const struct billing_reading *r)
{
	struct billing_reading now = *r;
	if (now.current_ma == BILLING_UNKNOWN)
		now.current_ma = known->current_ma;
	if (now.power_mw == BILLING_UNKNOWN)
		now.power_mw = known->power_mw;
	if (now.state == BILLING_STATE_UNKNOWN)
		now.state = known->state;
	return now;
}

int billing_segments(const struct billing_reading *begin, const struct billing_reading *end,
		     struct billing_reading *readings, size_t n, int64_t max_power_mw, struct billing_segment *segments,
		     size_t segments_max, size_t *ret_n, unsigned *ret_flags)
{
	struct billing_reading known = *begin, last = *end;
	unsigned flags = 0;
	size_t count = 0;
	if (end->time_ms < begin->time_ms || begin->energy_uwh < 0 || n > BILLING_READINGS_MAX)
		return -EINVAL;
	if (segments_max < n + 1)
		return -ENOBUFS;
	if (n)
		qsort(readings, n, sizeof *readings, compare);
	last.energy_uwh = end_register(begin, end, readings, n, &flags);
	n = keep_sane(begin, end, last.energy_uwh, readings, n, &flags);
	fill_in(begin, &last, readings, n);
	for (size_t i = 0; i <= n; i++) {
		const struct billing_reading *next = i < n ? &readings[i] : &last;
		struct billing_segment s = { .start_ms = known.time_ms,
					     .end_ms = next->time_ms,
					     .energy_uwh = next->energy_uwh - known.energy_uwh,
					     .current_ma = known.current_ma,
					     .power_mw = known.power_mw };
		bool charging = known.state == BILLING_STATE_UNKNOWN ? s.energy_uwh > 0
								     : known.state == BILLING_STATE_CHARGING;
		s.kind = charging ? BILLING_CHARGING : BILLING_IDLE;
		if (jumps(&s, max_power_mw))
			flags |= BILLING_READING_JUMP;
		if (s.end_ms > s.start_ms || s.energy_uwh > 0 || (i == n && count == 0))
			segments[count++] = s;
		known = carry(&known, next);
	}
	*ret_n = count;
	*ret_flags = flags;
	return 0;
}
