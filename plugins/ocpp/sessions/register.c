/* A register only rises. Where it falls, the meter was reset, exchanged or misread, or it is only jitter:
 *   - a fall by little is jitter: the register stays where it was;
 *   - a total that the time since the start cannot have brought was misread: the fall puts it right;
 *   - else the meter was reset, and what it counted before is carried. It began anew at 0, unless it cannot have come
 *     from there to what it shows since the reading before: then it is another meter, which counts from what it shows,
 *     as it is where nothing but the start was read and it shows no less than half of that;
 *   - a rise as great as the last fall takes that back: the meter was not read meanwhile (chargers that have just
 *     booted say 0). */
#include "register.h"

#include <plugins/ocpp/ocpp.h>

#include <math.h>

#define MARGIN_WH 1.0   /* registers are rounded */
#define JITTER_WH 100.0 /* a fall by no more, */
#define JITTER_PART 0.1 /* or by no more than this part of the register, is no reset */
#define UNRISEN_PART                                                                                                   \
	0.5 /* where the register has not risen since the start, it began at 0 only if it shows less than this part */
#define POWER_MAX_W 1000000.0 /* that a connector is believed to give */
#define MS_PER_H (3600.0 * 1000)

static bool plausible(double wh, int64_t ms)
{
	return wh <= POWER_MAX_W * (double)ms / MS_PER_H;
}

static double carried(const Ocpp__Transaction *x)
{
	return x->fall ? x->fall->carried_wh : 0;
}

static void set_register(Ocpp__Transaction *x, double wh, int64_t ms)
{
	x->has_register = true;
	x->register_wh = wh;
	x->register_ms = ms;
}

/* Rows are not changed in place. */
static Ocpp__MeterFall *new_fall(struct gv_turn *t, const Ocpp__Transaction *x)
{
	Ocpp__MeterFall *fall = gv_alloc(t, sizeof *fall);

	if (x->fall)
		*fall = *x->fall;
	else
		ocpp__meter_fall__init(fall);
	return fall;
}

static bool has_risen(const Ocpp__Transaction *x)
{
	return x->fall || x->register_wh > (double)x->meter_start_wh + MARGIN_WH;
}

static void reset(struct gv_turn *t, Ocpp__Transaction *x, double wh, int64_t ms)
{
	Ocpp__MeterFall *fall = new_fall(t, x);
	bool from_zero = plausible(wh, ms - x->register_ms) && (has_risen(x) || wh < UNRISEN_PART * x->register_wh);

	fall->before_wh = carried(x);
	fall->from_wh = x->register_wh;
	fall->to_wh = wh;
	fall->time_ms = ms;
	fall->carried_wh = carried(x) + x->register_wh - (from_zero ? 0 : wh);
	x->fall = fall;
	x->flags |= FLAG(FLAG_METER_RESET);
	set_register(x, wh, ms);
}

/* The total stays as it was shown where it would be less. */
static void take_back(struct gv_turn *t, Ocpp__Transaction *x, double wh)
{
	Ocpp__MeterFall *fall = new_fall(t, x);

	fall->carried_wh = fmax(fall->before_wh, fall->carried_wh + x->register_wh - wh);
	fall->from_wh = fall->to_wh = 0;
	x->fall = fall;
	if (fall->before_wh == 0)
		x->flags &= ~FLAG(FLAG_METER_RESET);
}

static void take_fall(struct gv_turn *t, Ocpp__Transaction *x, double wh, int64_t ms)
{
	double fall = x->register_wh - wh, total = x->register_wh + carried(x) - (double)x->meter_start_wh;

	if (fall > MARGIN_WH)
		x->flags |= FLAG(FLAG_METER_BACKWARDS);
	if (wh < 0) /* no reading: chargers say -1 where they have none */
		return;
	if (fall <= JITTER_WH || fall <= JITTER_PART * x->register_wh) {
		x->register_ms = ms > x->register_ms ? ms : x->register_ms;
		return;
	}
	if (x->started_at_ms && x->register_ms > x->started_at_ms && wh >= (double)x->meter_start_wh && !x->fall &&
	    !plausible(total, x->register_ms - x->started_at_ms)) {
		set_register(x, wh, ms);
		return;
	}
	reset(t, x, wh, ms);
}

void register_take_last(struct gv_turn *t, Ocpp__Transaction *x, double wh, int64_t ms)
{
	const Ocpp__MeterFall *f = x->fall;

	if (!x->has_register) {
		set_register(x, wh, ms);
		return;
	}
	if (wh < x->register_wh) {
		take_fall(t, x, wh, ms);
		return;
	}
	if (f && f->from_wh > f->to_wh && wh - x->register_wh >= f->from_wh - f->to_wh)
		take_back(t, x, wh);
	set_register(x, wh, ms > x->register_ms ? ms : x->register_ms);
}

void register_take(struct gv_turn *t, Ocpp__Transaction *x, double wh, int64_t ms)
{
	const Ocpp__MeterFall *f = x->fall;
	Ocpp__MeterFall *fall;

	if (!x->has_register || ms > x->register_ms) {
		register_take_last(t, x, wh, ms);
	} else if (f && f->from_wh > f->to_wh && ms < f->time_ms) {
		if (wh <= f->from_wh)
			return;
		fall = new_fall(t, x); /* the meter had counted more before it was reset */
		fall->carried_wh += wh - f->from_wh;
		fall->from_wh = wh;
		x->fall = fall;
	} else if (wh > x->register_wh) {
		x->register_wh = wh;
	}
}

int64_t register_energy(const Ocpp__Transaction *x)
{
	double wh = x->has_register ? x->register_wh + carried(x) : 0;
	int64_t energy = x->has_register ? llround(wh) - x->meter_start_wh : 0;

	return energy > 0 ? energy : 0;
}
