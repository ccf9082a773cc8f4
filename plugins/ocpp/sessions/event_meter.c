/* What the messages of a transaction say of its energy, in whatever order they come: the meter's start is its reading
 * at Transaction.Begin, or else its earliest; energy is its greatest reading less that. */
#include "event.h"

#include <errno.h>
#include <math.h>

static void take_meter_start(Ocpp__Transaction *x, const struct meter *m)
{
	if (m->has_begin && x->meter_basis != OCPP__METER_BASIS__METER_BEGIN) {
		x->meter_basis = OCPP__METER_BASIS__METER_BEGIN;
		x->meter_start_wh = llround(m->begin_wh);
	}
	if (!m->has_first || x->meter_basis == OCPP__METER_BASIS__METER_BEGIN)
		return;
	if (x->meter_basis == OCPP__METER_BASIS__METER_FIRST && m->first_ms >= x->meter_start_ms)
		return;
	x->meter_basis = OCPP__METER_BASIS__METER_FIRST;
	x->meter_start_wh = llround(m->first_wh);
	x->meter_start_ms = m->first_ms;
}

int event_take_meter(struct event *e)
{
	Ocpp__Transaction *x = e->x;
	const struct meter *m = e->said->values;
	unsigned flags = x->flags;

	e->values = *m;
	if (meter_append(e->o, e->t, x, &e->values))
		return -EIO;
	x->flags |= m->flags;
	take_meter_start(x, m);
	if (m->has_power && e->newest)
		x->power_w = m->power_w;
	if (m->has_first) {
		if (x->has_register && m->has_register && m->newest_ms >= x->newest_sample_ms &&
		    m->register_wh < x->register_wh - 1.0)
			x->flags |= FLAG(FLAG_METER_BACKWARDS);
		x->register_wh = x->has_register ? fmax(x->register_wh, m->most_wh) : m->most_wh;
		x->has_register = true;
	}
	if (x->has_register && x->register_wh < (double)x->meter_start_wh - 1.0)
		x->flags |= FLAG(FLAG_METER_BACKWARDS);
	if (x->flags & ~flags & FLAG(FLAG_METER_BACKWARDS))
		station_quirks(e->o, e->t, e->in->st, QUIRK_BIT(QUIRK_METER_BACKWARDS));
	return 0;
}

void event_reckon(Ocpp__Transaction *x)
{
	int64_t energy = x->has_register ? llround(x->register_wh) - x->meter_start_wh : 0;

	x->energy_wh = energy > 0 ? energy : 0;
	if (x->flags & FLAG(FLAG_NO_METER_STOP))
		x->meter_stop_wh = x->meter_start_wh + x->energy_wh;
	if (x->has_start && x->n_seen <= 2)
		x->flags &= ~FLAG(FLAG_INCOMPLETE);
	else
		x->flags |= FLAG(FLAG_INCOMPLETE);
}
