/* What the messages of a transaction say of its energy, in whatever order they come: the meter's start is its reading
 * at Transaction.Begin, or else its earliest; energy is its greatest reading less that, over resets of the meter. */
#include "event.h"
#include "register.h"

#include <errno.h>
#include <math.h>

static void take_meter_start(Ocpp__Transaction *x, const struct meter *m)
{
	if (m->has_first && x->meter_basis == OCPP__METER_BASIS__METER_APART) {
		x->meter_basis = OCPP__METER_BASIS__METER_FIRST;
		if (m->has_begin) { /* it says all by itself */
			x->has_register = false;
			x->fall = NULL;
			x->flags &= ~FLAG(FLAG_METER_RESET);
		}
	}
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
	if (!m->replaced || e->newest) /* else its time is none, and it says nothing of the order */
		meter_take_registers(e->t, x, m);
	if (x->has_register && x->register_wh < (double)x->meter_start_wh - 1.0)
		x->flags |= FLAG(FLAG_METER_BACKWARDS);
	if (x->flags & ~flags & FLAG(FLAG_METER_BACKWARDS))
		station_quirks(e->o, e->t, e->in->st, QUIRK_BIT(QUIRK_METER_BACKWARDS));
	return 0;
}

void event_reckon(Ocpp__Transaction *x)
{
	x->energy_wh = register_energy(x);
	if (x->flags & FLAG(FLAG_NO_METER_STOP))
		x->meter_stop_wh = x->meter_start_wh + x->energy_wh;
	if (x->has_start && x->n_seen <= 2)
		x->flags &= ~FLAG(FLAG_INCOMPLETE);
	else
		x->flags |= FLAG(FLAG_INCOMPLETE);
}
