/* From a session's samples to what is priced. Chargers' meters are what they are: registers that fall, jump, or end a
 * fraction above the last whole watt-hour; what is made of that is decided here, and said in flags. */
#include "charges.h"
#include <plugins/billing/pricing/pricing.h>

#include <math.h>
#include <string.h>

#define UWH_PER_WH 1000000
#define MS_PER_H 3600000
#define POWER_MARGIN_PERCENT 10 /* meters and clocks are not exact: so much above the connector's power is believed */
#define SLACK_MS 60000          /* and so much more time than its samples say */
#define READINGS_FEW 20000      /* samples of which all are used; of more, the newest */

/* The overall value, or else the sum of the phases. */
struct sum {
	bool has_total, has_phases;
	double total, phases;
};

static void add(struct sum *s, const char *phase, double value)
{
	if (!*phase) {
		s->has_total = true;
		s->total = value;
	} else if (phase[0] == 'L' && phase[1] >= '1' && phase[1] <= '3' && (!phase[2] || !strcmp(phase + 2, "-N"))) {
		s->has_phases = true;
		s->phases += value;
	}
}

static int64_t take(const struct sum *s, double scale, int64_t max)
{
	double value = (s->has_total ? s->total : s->phases) * scale;

	if ((!s->has_total && !s->has_phases) || !(value >= 0 && value <= (double)max))
		return BILLING_UNKNOWN;
	return llround(value);
}

struct moment {
	struct sum energy, power, current;
};

static void add_sample(struct moment *m, const Charging__Sample *s)
{
	bool kilo = !strcmp(s->unit, "kWh") || !strcmp(s->unit, "kW");
	double value = kilo ? s->value * 1000.0 : s->value;

	if (*s->text || !strcmp(s->location, "Inlet") || !strcmp(s->location, "EV"))
		return;
	if (!strcmp(s->measurand, "Energy.Active.Import.Register"))
		add(&m->energy, s->phase, value);
	else if (!strcmp(s->measurand, "Power.Active.Import"))
		add(&m->power, s->phase, value);
	else if (!strcmp(s->measurand, "Current.Import") && (!strcmp(s->unit, "A") || !*s->unit))
		add(&m->current, s->phase, value);
}

static void finish(const struct moment *m, int64_t time_ms, struct billing_reading *ret)
{
	*ret = (struct billing_reading){ .time_ms = time_ms,
					 .energy_uwh = take(&m->energy, UWH_PER_WH, INT64_MAX / 2),
					 .power_mw = take(&m->power, 1000, BILLING_POWER_MAX_MW),
					 .current_ma = take(&m->current, 1000, BILLING_CURRENT_MAX_MA) };
}

void rating_now(Charging__Sample *const *samples, size_t n, struct rating_now *ret)
{
	struct moment m = { 0 };
	struct billing_reading r;

	ret->time_ms = 0;
	for (size_t i = 0; i < n; i++) {
		if (samples[i]->time_ms > ret->time_ms)
			memset(&m, 0, sizeof m);
		if (samples[i]->time_ms >= ret->time_ms) {
			ret->time_ms = samples[i]->time_ms;
			add_sample(&m, samples[i]);
		}
	}
	finish(&m, ret->time_ms, &r);
	ret->power_mw = r.power_mw;
	ret->current_ma = r.current_ma;
}

/* One reading for each time; a register a fraction of a Wh above the end is the end. */
static size_t collect(const Charging__Session *s, int64_t end_uwh, struct billing_reading *readings)
{
	size_t first = s->n_samples > READINGS_FEW ? s->n_samples - READINGS_FEW : 0, n = 0;
	struct moment m = { 0 };

	for (size_t i = first; i < s->n_samples; i++) {
		add_sample(&m, s->samples[i]);
		if (i + 1 < s->n_samples && s->samples[i + 1]->time_ms == s->samples[i]->time_ms)
			continue;
		finish(&m, s->samples[i]->time_ms, &readings[n]);
		if (readings[n].energy_uwh > end_uwh && readings[n].energy_uwh < end_uwh + UWH_PER_WH)
			readings[n].energy_uwh = end_uwh;
		n++;
		memset(&m, 0, sizeof m);
	}
	return n;
}

/* What the connector can have given at most. */
static int64_t most_uwh(int64_t ms, int64_t max_power_w)
{
	__int128 uwh = (__int128)max_power_w * (100 + POWER_MARGIN_PERCENT) / 100 * ms * UWH_PER_WH / MS_PER_H;

	return uwh > BILLING_ENERGY_MAX_UWH ? BILLING_ENERGY_MAX_UWH : (int64_t)uwh;
}

static Billing__Segment *segment(struct gv_turn *t, const struct billing_segment *s)
{
	Billing__Segment *m = gv_alloc(t, sizeof *m);

	billing__segment__init(m);
	m->end_ms = s->end_ms;
	m->idle = s->kind == BILLING_IDLE;
	m->energy_uwh = s->energy_uwh;
	if (s->current_ma != BILLING_UNKNOWN) {
		m->current = gv_alloc(t, sizeof *m->current);
		billing__current__init(m->current);
		m->current->ma = s->current_ma;
	}
	if (s->power_mw != BILLING_UNKNOWN) {
		m->power = gv_alloc(t, sizeof *m->power);
		billing__power__init(m->power);
		m->power->mw = s->power_mw;
	}
	return m;
}

/* Where the meter was reset, its readings do not add up, and the session's energy is over all of them. A register that
 * runs on after the session's own end was lost is believed; its end then is the session's energy. */
static int64_t register_at_end(const Charging__Session *s)
{
	if (s->state == CHARGING__SESSION_STATE__ENDED && !orders_has_flag(s->flags, s->n_flags, "meter-reset") &&
	    s->meter_stop_wh >= s->meter_start_wh)
		return s->meter_stop_wh;
	return s->meter_start_wh + (s->energy_wh > 0 ? s->energy_wh : 0);
}

Billing__PricedUse *rating_use(struct gv_turn *t, const Charging__Session *s, int64_t end_ms, const char *zone,
			       int64_t max_power_w, char ***flags, size_t *n_flags)
{
	struct billing_reading begin = { .time_ms = s->started_at_ms,
					 .energy_uwh = s->meter_start_wh * UWH_PER_WH,
					 .current_ma = BILLING_UNKNOWN,
					 .power_mw = BILLING_UNKNOWN };
	struct billing_reading end = begin, *readings = gv_alloc(t, (s->n_samples + 1) * sizeof *readings);
	struct billing_segment *segments;
	Billing__PricedUse *use = gv_alloc(t, sizeof *use);
	unsigned odd = 0;
	size_t n;

	if (s->meter_start_wh < 0 || register_at_end(s) > INT64_MAX / 2 / UWH_PER_WH)
		return NULL;
	end.time_ms = end_ms < s->started_at_ms ? s->started_at_ms : end_ms;
	end.energy_uwh = register_at_end(s) * UWH_PER_WH;
	n = collect(s, end.energy_uwh, readings);
	segments = gv_alloc(t, (n + 1) * sizeof *segments);
	if (billing_segments(&begin, &end, readings, n, BILLING_UNKNOWN, segments, n + 1, &n, &odd))
		return NULL;
	billing__priced_use__init(use);
	use->start_ms = s->started_at_ms;
	use->zone = gv_strdup(t, zone);
	use->segments = gv_alloc(t, n * sizeof *use->segments);
	for (size_t i = 0; i < n; i++) {
		int64_t most = most_uwh(segments[i].end_ms - segments[i].start_ms + SLACK_MS, max_power_w);

		if (max_power_w && segments[i].energy_uwh > most) {
			segments[i].energy_uwh = most;
			odd |= BILLING_READING_JUMP;
		}
		use->segments[use->n_segments++] = segment(t, &segments[i]);
	}
	orders_add_flag(t, flags, n_flags, odd & BILLING_READING_BACKWARDS ? "meter-backwards" : "");
	orders_add_flag(t, flags, n_flags, odd & BILLING_READING_OUTSIDE ? "meter-outside" : "");
	orders_add_flag(t, flags, n_flags, odd & BILLING_READING_JUMP ? "meter-jump" : "");
	return use;
}
