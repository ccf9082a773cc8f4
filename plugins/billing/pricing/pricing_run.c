/* Splits a session where another component takes over, and keeps how much each component is good for. Times of the day,
 * durations and the end of free parking cut at whole milliseconds, amounts of energy at whole µWh; what the other of
 * the two is at a cut is a fraction, kept as one: of the segment's energy over its milliseconds, or the other way
 * round. */
#include "pricing.h"

#include <errno.h>
#include <string.h>

#define DAY_S 86400

void billing_run_init(struct billing_run *run, const struct billing_tariff *tariff, const struct gv_zone *zone,
		      struct billing_line *lines, size_t lines_max, struct billing_period *periods, size_t periods_max)
{
	*run = (struct billing_run){ .tariff = tariff,
				     .zone = zone,
				     .lines = lines,
				     .lines_max = lines_max,
				     .periods = periods,
				     .periods_max = periods_max };
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
	q->whole += whole;
	if (rem == 0)
		return true;
	for (int i = 0; i < 2; i++)
		if (q->parts[i].rem != 0 && q->parts[i].den == den)
			slot = i;
	for (int i = 0; i < 2 && slot < 0; i++)
		if (q->parts[i].rem == 0)
			slot = i;
	if (slot < 0)
		return false;
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
	if (line && line->component == component) {
		struct billing_quantity q = line->quantity;
		if (quantity_add(&q, whole, rem, den)) {
			line->quantity = q;
			line->end_ms = until_ms;
			return 0;
		}
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

/* ---- moments and cuts ------------------------------------------------------------------------ */

static int64_t floor_s(int64_t ms)
{
	return ms / 1000 - (ms % 1000 < 0);
}

/* The local time of a moment. Looked up once for as long as the zone's offset holds. */
static void tell_local(struct billing_run *run, int64_t at_ms, struct billing_moment *m)
{
	int64_t at_s = floor_s(at_ms), from_s, until_s;
	if (at_ms < run->span_from_ms || at_ms >= run->span_until_ms) {
		run->offset_s = gv_zone_span(run->zone, at_s, &from_s, &until_s);
		run->span_from_ms = from_s < -(INT64_MAX / 1000) ? INT64_MIN : from_s * 1000;
		run->span_until_ms = until_s > INT64_MAX / 1000 ? INT64_MAX : until_s * 1000;
	}
	int64_t local_s = at_s + run->offset_s;
	m->local_day = local_s / DAY_S - (local_s % DAY_S < 0);
	m->local_s = (int32_t)(local_s - m->local_day * DAY_S);
}

/* The next moment at which the time of the day matters: an element's begin or end, or a change of the clocks. */
static int64_t next_time_ms(const struct billing_run *run, int64_t at_ms, const struct billing_moment *m)
{
	const struct billing_cuts *cuts = &run->tariff->times_s;
	int64_t cut_s = billing_next_cut(cuts, m->local_s);
	if (cut_s == INT64_MAX)
		cut_s = DAY_S + cuts->at[0];
	int64_t next_ms = (floor_s(at_ms) + cut_s - m->local_s) * 1000;
	return next_ms < run->span_until_ms ? next_ms : run->span_until_ms;
}

/* How many ms of idle time before `idle_ms` are free, and how many there are until that ends. */
static bool in_grace(const struct billing_run *run, int64_t idle_ms)
{
	return run->lookup == BILLING_IN_SESSION && idle_ms < run->tariff->extras.idle_grace_ms;
}

/* The places where the segment must be cut next, behind `at`: a number of ms and a number of µWh, each at most the
 * segment's. */
static void next_cuts(const struct billing_run *run, const struct billing_segment *s, const struct place *at,
		      const struct billing_moment *m, int64_t *ret_ms, int64_t *ret_uwh)
{
	const struct billing_tariff *t = run->tariff;
	int64_t ms = s->end_ms - s->start_ms, uwh = s->energy_uwh, cut;
	if (t->times_s.n) {
		cut = next_time_ms(run, s->start_ms + at->ms, m);
		if (cut - s->start_ms < ms)
			ms = cut - s->start_ms;
	}
	if (t->durations_ms.n) {
		cut = billing_next_cut(&t->durations_ms, m->duration_ms);
		if (cut < INT64_MAX && cut - m->duration_ms < ms - at->ms)
			ms = at->ms + (cut - m->duration_ms);
	}
	if (s->kind == BILLING_IDLE && in_grace(run, run->idle_ms + at->ms)) {
		cut = t->extras.idle_grace_ms - run->idle_ms;
		if (cut < ms)
			ms = cut;
	}
	if (t->energies_uwh.n) {
		cut = billing_next_cut(&t->energies_uwh, m->energy_uwh);
		if (cut < INT64_MAX && cut - run->energy_uwh < uwh)
			uwh = cut - run->energy_uwh;
	}
	*ret_ms = ms;
	*ret_uwh = uwh;
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

/* The next place at which the segment is cut: whichever of the two comes first. */
static struct place next_place(const struct billing_run *run, const struct billing_segment *s, const struct place *at,
			       const struct billing_moment *m)
{
	struct place to = { 0 };
	const int64_t all_ms = s->end_ms - s->start_ms;
	next_cuts(run, s, at, m, &to.ms, &to.uwh);
	if (all_ms == 0 || s->energy_uwh == 0)
		return to;
	if (to.ms == all_ms && to.uwh == s->energy_uwh)
		return to;
	const billing_wide by_ms = (billing_wide)to.ms * s->energy_uwh, by_uwh = (billing_wide)to.uwh * all_ms;
	if (by_ms <= by_uwh)
		divide(by_ms, all_ms, &to.uwh, &to.uwh_rem);
	else
		divide(by_uwh, s->energy_uwh, &to.ms, &to.ms_rem);
	return to;
}

/* ---- segments -------------------------------------------------------------------------------- */

static bool is_end(const struct billing_segment *s, const struct place *at)
{
	return at->ms == s->end_ms - s->start_ms && at->uwh == s->energy_uwh;
}

/* Books what lies between two places, where nothing changes. */
static int book(struct billing_run *run, const struct billing_segment *s, const struct place *from,
		const struct place *to, const struct billing_moment *m)
{
	const struct billing_tariff *t = run->tariff;
	const struct billing_component *now[BILLING_DIMENSIONS] = { NULL };
	const enum billing_dimension timed = s->kind == BILLING_CHARGING || run->lookup != BILLING_IN_SESSION
						     ? BILLING_TIME
						     : BILLING_PARKING,
				     untimed = timed == BILLING_TIME ? BILLING_PARKING : BILLING_TIME;
	const int64_t from_ms = s->start_ms + from->ms, until_ms = s->start_ms + to->ms;
	const int64_t uwh = to->uwh - from->uwh, uwh_rem = (int64_t)to->uwh_rem - (int64_t)from->uwh_rem;
	const int64_t ms = to->ms - from->ms, ms_rem = (int64_t)to->ms_rem - (int64_t)from->ms_rem;
	int r = 0;
	if (!run->flat_done && (now[BILLING_FLAT] = billing_pick(t, run->lookup, BILLING_FLAT, m))) {
		run->flat_done = true;
		r = line_add(run, now[BILLING_FLAT], from_ms, from_ms, 1, 0, 1);
	}
	now[BILLING_FLAT] = NULL; /* a single moment makes no period */
	now[BILLING_ENERGY] = billing_pick(t, run->lookup, BILLING_ENERGY, m);
	if (r == 0 && (uwh || uwh_rem)) {
		if (now[BILLING_ENERGY])
			r = line_add(run, now[BILLING_ENERGY], from_ms, until_ms, uwh, uwh_rem,
				     (uint64_t)(s->end_ms - s->start_ms));
		else
			run->open[BILLING_ENERGY] = 0;
	}
	if (timed == BILLING_TIME || !in_grace(run, run->idle_ms + from->ms))
		now[timed] = billing_pick(t, run->lookup, timed, m);
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
		struct billing_moment m = { .segment = s, .current_assumed = &run->current_assumed };
		m.duration_ms = s->start_ms - run->start_ms + at.ms;
		m.energy_uwh = run->energy_uwh + at.uwh;
		if (run->tariff->times_s.n)
			tell_local(run, s->start_ms + at.ms, &m);
		struct place to = next_place(run, s, &at, &m);
		int r = book(run, s, &at, &to, &m);
		if (r < 0)
			return r;
		at = to;
	} while (!is_end(s, &at));
	return 0;
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

/* Adds a segment, or nothing at all: what the last line and period were is kept until it is known to have worked. */
static int add(struct billing_run *run, const struct billing_segment *s)
{
	const struct billing_run before = *run;
	struct billing_line open[BILLING_DIMENSIONS];
	struct billing_period last;
	for (int d = 0; d < BILLING_DIMENSIONS; d++)
		if (run->open[d])
			open[d] = run->lines[run->open[d] - 1];
	if (run->n_periods)
		last = run->periods[run->n_periods - 1];
	int r = in_range(run, s) ? walk(run, s) : -EINVAL;
	if (r == 0)
		return 0;
	*run = before;
	for (int d = 0; d < BILLING_DIMENSIONS; d++)
		if (run->open[d])
			run->lines[run->open[d] - 1] = open[d];
	if (run->n_periods)
		run->periods[run->n_periods - 1] = last;
	return r;
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
