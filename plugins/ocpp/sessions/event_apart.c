/* MeterValues of a charger that names its transactions: by the specification they are of none (2.0.1, J01), but what
 * they say of an EVSE on which one runs is worth keeping with it. Their register may be another than that of the
 * transaction's own messages: it counts only where those bring none. */
#include "event.h"
#include "register.h"

#include <errno.h>
#include <math.h>

static void take_register(struct gv_turn *t, Ocpp__Transaction *x, const struct meter *m)
{
	bool none = x->meter_basis == OCPP__METER_BASIS__METER_NONE;

	if (!m->has_first || (!none && x->meter_basis != OCPP__METER_BASIS__METER_APART))
		return;
	if (none || m->first_ms < x->meter_start_ms) {
		x->meter_basis = OCPP__METER_BASIS__METER_APART;
		x->meter_start_wh = llround(m->first_wh);
		x->meter_start_ms = m->first_ms;
	}
	meter_take_registers(t, x, m);
	event_reckon(x);
}

/* Whether they were read while the transaction ran. */
static bool is_within(const Ocpp__Transaction *x, const struct meter *m)
{
	return x && x->name[0] && (m->replaced || m->oldest_ms >= x->started_at_ms);
}

int sessions_apart(struct ocpp *o, struct gv_turn *t, struct inbound *in, uint32_t connector, struct meter *m)
{
	Ocpp__Transaction *x = transaction_on(t, in->device, connector);
	int64_t start_ms, start_wh;
	unsigned flags;

	if (!is_within(x, m))
		return sessions_reading(o, t, in, connector, m);
	station_quirks(o, t, in->st, m->quirks);
	start_ms = x->meter_start_ms;
	start_wh = x->meter_start_wh;
	flags = x->flags;
	if (meter_append(o, t, x, m))
		return -EIO;
	if (!m->n)
		return 0;
	x->flags |= m->flags;
	if (m->has_power && m->newest_ms >= x->newest_sample_ms)
		x->power_w = m->power_w;
	take_register(t, x, m);
	if (x->flags & ~flags & FLAG(FLAG_METER_BACKWARDS))
		station_quirks(o, t, in->st, QUIRK_BIT(QUIRK_METER_BACKWARDS));
	if (x->meter_start_ms != start_ms || x->meter_start_wh != start_wh)
		transaction_put_active(t, in->device, x);
	else
		transaction_put_progress(t, in->device, x);
	return x->told ? sessions_tell_meter(t, in->device, x, m) : 0;
}
