/* Splits a session where another component takes over, and keeps how much each component is good for. Times of the day,
 * durations and the end of free parking cut at whole milliseconds, amounts of energy at whole µWh; what the other of
 * the two is at a cut is a fraction, kept as one: of the segment's energy over its milliseconds, or the other way
 * round. */
#include "pricing.h"

#include <errno.h>
#include <string.h>

/* A part of a segment in which nothing changes is booked on so many lines at most: FLAT, energy and time. */
#define LINES_OF_PART 3

/* The next moment may be any. */
static void forget_cell(struct billing_run *run)
{
	run->cell = (struct billing_cell){ 0 };
	run->offset_until_ms = INT64_MIN;
}

void billing_run_init(struct billing_run *run, const struct billing_tariff *tariff, const struct gv_zone *zone,
		      struct billing_line *lines, size_t lines_max, struct billing_period *periods, size_t periods_max)
{
	*run = (struct billing_run){ .tariff = tariff,
				     .zone = zone,
				     .lines = lines,
				     .lines_max = lines_max,
				     .periods = periods,
				     .periods_max = periods_max };
	forget_cell(run);
}

/* ---- quantities ------------------------------------------------------------------------------ */

/* A place within a segment: how many ms and µWh of it are before. `ms_rem` is over the segment's energy, `uwh_rem` over
 * its milliseconds; at least one of the two is 0. */
struct place {
	int64_t ms, uwh;
	uint64_t ms_rem, uwh_rem;
};

/* Adds whole + rem / den, where the fraction belongs to one of the line's ends; false: it has two others already. */
static bool quantity_add(struct billing_quantity *q, int64_t whole, int64_t rem, uint64_t den)
{
	int slot = -1;
	if (rem == 0) {
		q->whole += whole;
		return true;
	}
	for (int i = 0; i < 2; i++)
		if (q->parts[i].rem != 0 && q->parts[i].den == den)
			slot = i;
	for (int i = 0; i < 2 && slot < 0; i++)
		if (q->parts[i].rem == 0)
			slot = i;
	if (slot < 0)
		return false;
	q->whole += whole;
	rem += (int64_t)(q->parts[slot].rem);
	if (rem < 0) {
		rem += (int64_t)den;
		q->whole--;
	} else if ((uint64_t)rem >= den) {
		rem -= (int64_t)den;
		q->whole++;
	}
	q->parts[slot].rem = (uint64_t)rem;
	q->parts[slot].den = den;
	return true;
}

/* ---- lines and periods ----------------------------------------------------------------------- */

/* `component` was good for this much from one moment until another. */
static int line_add(struct billing_run *run, const struct billing_component *component, int64_t from_ms,
		    int64_t until_ms, int64_t whole, int64_t rem, uint64_t den)
{
	enum billing_dimension d = component->dimension;
	struct billing_line *line = run->open[d] ? &run->lines[run->open[d] - 1] : NULL;
	if (line && line->component == component && quantity_add(&line->quantity, whole, rem, den)) {
		line->end_ms = until_ms;
		return 0;
	}
	if (run->n_lines == run->lines_max)
		return -ENOBUFS;
	line = &run->lines[run->n_lines++];
	*line = (struct billing_line){
		.component = component, .lookup = run->lookup, .start_ms = from_ms, .end_ms = until_ms
	};
	quantity_add(&line->quantity, whole, rem, den);
	run->open[d] = run->n_lines;
	return 0;
}

static int period_add(struct billing_run *run, enum billing_kind kind, int64_t from_ms, int64_t energy_uwh,
		      const struct billing_component *const components[BILLING_DIMENSIONS])
{
	const size_t size = BILLING_DIMENSIONS * sizeof *components;
	struct billing_period *last = run->n_periods ? &run->periods[run->n_periods - 1] : NULL;
	if (!run->periods)
		return 0;
	if (last && last->lookup == run->lookup && last->kind == kind && !memcmp(last->components, components, size)) {
		last->energy_uwh += energy_uwh;
		return 0;
	}
	if (run->n_periods == run->periods_max)
		return -ENOBUFS;
	last = &run->periods[run->n_periods++];
	*last = (struct billing_period){
		.start_ms = from_ms, .energy_uwh = energy_uwh, .lookup = run->lookup, .kind = kind
	};
	memcpy(last->components, components, size);
	return 0;
}

/* ---- cuts ------------------------------------------------------------------------------------ */

/* Is the time at which a session has been idle for so long free? */
static bool in_grace(const struct billing_run *run, int64_t idle_ms)
{
	return run->lookup == BILLING_IN_SESSION && idle_ms < run->tariff->extras.idle_grace_ms;
}

/* The places where the segment must be cut next, behind `at`: so many ms, and so many µWh, each at most the segment's.
 * `at` is in the run's cell. */
static void next_cuts(const struct billing_run *run, const struct billing_segment *s, const struct place *at,
		      struct place *ret)
{
	ret->ms = (run->cell.until_ms < s->end_ms ? run->cell.until_ms : s->end_ms) - s->start_ms;
	ret->uwh = s->energy_uwh;
	if (s->kind == BILLING_IDLE && in_grace(run, run->idle_ms + at->ms)) {
		int64_t free_ms = run->tariff->extras.idle_grace_ms - run->idle_ms;
		if (free_ms < ret->ms)
			ret->ms = free_ms;
	}
	if (run->cell.until_uwh - run->energy_uwh < ret->uwh)
		ret->uwh = run->cell.until_uwh - run->energy_uwh;
}

/* n >= 0, d > 0. Nearly always n has 64 bits, whose division is several times as fast. */
static void divide(billing_wide n, int64_t d, int64_t *ret_whole, uint64_t *ret_rem)
{
	if (n >> 64 == 0) {
		*ret_whole = (int64_t)((uint64_t)n / (uint64_t)d);
		*ret_rem = (uint64_t)n % (uint64_t)d;
	} else {
		*ret_whole = (int64_t)(n / d);
		*ret_rem = (uint64_t)(n % d);
	}
}

static bool is_end(const struct billing_segment *s, const struct place *at)
{
	return at->ms == s->end_ms - s->start_ms && at->uwh == s->energy_uwh;
}

/* The next place at which the segment is cut: whichever of the two comes first. */
static struct place next_place(struct billing_run *run, const struct billing_segment *s, const struct place *at)
{
	struct place to = { 0 };
	const int64_t all_ms = s->end_ms - s->start_ms, at_ms = s->start_ms + at->ms;
	if (at_ms >= run->cell.until_ms || run->energy_uwh + at->uwh >= run->cell.until_uwh)
		billing_find_cell(run, at_ms, run->energy_uwh + at->uwh);
	next_cuts(run, s, at, &to);
	if (is_end(s, &to) || all_ms == 0 || s->energy_uwh == 0)
		return to;
	const billing_wide by_ms = (billing_wide)to.ms * s->energy_uwh, by_uwh = (billing_wide)to.uwh * all_ms;
	if (by_ms <= by_uwh)
		divide(by_ms, all_ms, &to.uwh, &to.uwh_rem);
	else
		divide(by_uwh, s->energy_uwh, &to.ms, &to.ms_rem);
	return to;
}

/* ---- segments -------------------------------------------------------------------------------- */

/* Books what lies between two places, where nothing changes. */
static int book(struct billing_run *run, const struct billing_segment *s, const struct place *from,
		const struct place *to)
{
	const struct billing_component *now[BILLING_DIMENSIONS] = { NULL }, *flat;
	const enum billing_dimension timed = s->kind == BILLING_CHARGING || run->lookup != BILLING_IN_SESSION
						     ? BILLING_TIME
						     : BILLING_PARKING,
				     untimed = timed == BILLING_TIME ? BILLING_PARKING : BILLING_TIME;
	const int64_t from_ms = s->start_ms + from->ms, until_ms = s->start_ms + to->ms;
	const int64_t uwh = to->uwh - from->uwh, uwh_rem = (int64_t)to->uwh_rem - (int64_t)from->uwh_rem;
	const int64_t ms = to->ms - from->ms, ms_rem = (int64_t)to->ms_rem - (int64_t)from->ms_rem;
	int r = 0;
	if (!run->flat_done && (flat = billing_pick(run, BILLING_FLAT, s))) { /* a moment: it makes no period */
		run->flat_done = true;
		r = line_add(run, flat, from_ms, from_ms, 1, 0, 1);
	}
	now[BILLING_ENERGY] = billing_pick(run, BILLING_ENERGY, s);
	if (r == 0 && (uwh || uwh_rem)) {
		if (now[BILLING_ENERGY])
			r = line_add(run, now[BILLING_ENERGY], from_ms, until_ms, uwh, uwh_rem,
				     (uint64_t)(s->end_ms - s->start_ms));
		else
			run->open[BILLING_ENERGY] = 0;
	}
	if (timed == BILLING_TIME || !in_grace(run, run->idle_ms + from->ms))
		now[timed] = billing_pick(run, timed, s);
	run->open[untimed] = 0;
	if (r == 0 && now[timed] && (ms || ms_rem))
		r = line_add(run, now[timed], from_ms, until_ms, ms, ms_rem, (uint64_t)s->energy_uwh);
	else if (!now[timed])
		run->open[timed] = 0;
	return r < 0 ? r : period_add(run, s->kind, from_ms, uwh, now);
}

static int walk(struct billing_run *run, const struct billing_segment *s)
{
	struct place at = { 0 };
	do {
		struct place to = next_place(run, s, &at);
		int r = book(run, s, &at, &to);
		if (r < 0)
			return r;
		at = to;
	} while (!is_end(s, &at));
	return 0;
}

/* Walks it all, or not at all: what the last lines and the last period were is kept until it is known to have worked.
 */
static int try_walk(struct billing_run *run, const struct billing_segment *s)
{
	const struct billing_run before = *run;
	struct billing_line open[BILLING_DIMENSIONS];
	struct billing_period last;
	for (int d = 0; d < BILLING_DIMENSIONS; d++)
		if (run->open[d])
			open[d] = run->lines[run->open[d] - 1];
	if (run->n_periods)
		last = run->periods[run->n_periods - 1];
	int r = walk(run, s);
	if (r == 0)
		return 0;
	*run = before;
	forget_cell(run);
	for (int d = 0; d < BILLING_DIMENSIONS; d++)
		if (run->open[d])
			run->lines[run->open[d] - 1] = open[d];
	if (run->n_periods)
		run->periods[run->n_periods - 1] = last;
	return r;
}

static bool in_range(const struct billing_run *run, const struct billing_segment *s)
{
	const int64_t first_ms = -(INT64_C(1) << 50), last_ms = INT64_C(1) << 50; /* some 35,000 years each */
	return s->start_ms >= first_ms && s->end_ms <= last_ms && s->start_ms <= s->end_ms &&
	       s->end_ms - run->start_ms <= BILLING_TIME_MAX_MS && s->energy_uwh >= 0 &&
	       s->energy_uwh <= BILLING_ENERGY_MAX_UWH - run->energy_uwh && s->current_ma >= BILLING_UNKNOWN &&
	       s->current_ma <= BILLING_CURRENT_MAX_MA && s->power_mw >= BILLING_UNKNOWN &&
	       s->power_mw <= BILLING_POWER_MAX_MW;
}

static bool has_room(const struct billing_run *run)
{
	return run->lines_max - run->n_lines >= LINES_OF_PART && (!run->periods || run->n_periods < run->periods_max);
}

/* Adds a segment, or nothing at all. Nearly all are booked whole, and nothing can go wrong then. */
static int add(struct billing_run *run, const struct billing_segment *s)
{
	if (!in_range(run, s))
		return -EINVAL;
	const struct place begin = { 0 }, end = next_place(run, s, &begin);
	return is_end(s, &end) && has_room(run) ? book(run, s, &begin, &end) : try_walk(run, s);
}

int billing_run_reserve(struct billing_run *run, int64_t start_ms, int64_t end_ms, bool expired)
{
	const struct billing_segment s = {
		.start_ms = start_ms, .end_ms = end_ms, .kind = BILLING_IDLE, .current_ma = 0, .power_mw = 0
	};
	if (run->started || run->reserved)
		return -EINVAL;
	run->lookup = expired ? BILLING_IN_EXPIRED : BILLING_IN_RESERVATION;
	run->start_ms = start_ms;
	int r = add(run, &s);
	run->lookup = BILLING_IN_SESSION;
	forget_cell(run);
	if (r < 0)
		return r;
	run->reserved = true;
	run->reserved_ms = end_ms - start_ms;
	run->at_ms = end_ms;
	run->flat_done = false;
	memset(run->open, 0, sizeof run->open);
	return 0;
}

int billing_run_add(struct billing_run *run, const struct billing_segment *s)
{
	if (run->started ? s->start_ms != run->at_ms : run->reserved && s->start_ms < run->at_ms)
		return -EINVAL;
	if (!run->started)
		run->start_ms = s->start_ms;
	int r = add(run, s);
	if (r < 0)
		return r;
	run->started = true;
	run->at_ms = s->end_ms;
	run->energy_uwh += s->energy_uwh;
	*(s->kind == BILLING_CHARGING ? &run->charging_ms : &run->idle_ms) += s->end_ms - s->start_ms;
	return 0;
}
