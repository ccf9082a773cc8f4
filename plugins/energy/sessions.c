/* Sessions, meters and statuses as chargers' plugins tell them: who wants to charge, and how much each makes use of. */
#include "energy.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PHASE_V 230
#define NEAR_MA 500      /* who draws within that of what it may would perhaps draw more */
#define HEADROOM_MA 1000 /* left to who draws less than it may, and a tenth, so that it can be seen to want more */
#define DRAW_STEP_MA 500 /* of a change that is worth a write */

/* ---- the row of a connector ------------------------------------------------------------------ */

/* A charger that is lost shows that it is there: it is asked again, as soon as it may be. */
static bool alive(struct gv_turn *t, Energy__PointRow *row)
{
	if (!row->failures || row->refused || row->retry_ms <= gv_now_ms(t))
		return false;
	row->retry_ms = gv_now_ms(t);
	return true;
}

/* What a charger has refused in one session it may take in the next, or when there is none. */
static void ask_anew(struct gv_turn *t, Energy__PointRow *row)
{
	if (row->failures && row->retry_ms > gv_now_ms(t))
		row->retry_ms = gv_now_ms(t);
}

static void clear_session(Energy__PointRow *row)
{
	row->session_id = row->token = (char *)"";
	row->needs = NULL;
	row->vehicle = NULL;
	row->energy_wh = row->waiting_ms = row->turn_ms = row->draw_ma = row->low_ms = row->demand_ma = 0;
}

static int keep(struct energy *e, struct gv_turn *t, const char *device, uint32_t connector,
		const Energy__PointRow *row)
{
	gv_put(t, &energy_points, gv_key(device, connector), row);
	return round_of_device(e, t, device);
}

/* ---- what the vehicle says ------------------------------------------------------------------- */

/* It says what it needs from now on; a session's needs count from its beginning. */
static Energy__Vehicle *vehicle_of(struct gv_turn *t, const Charging__VehicleNeeds *needs)
{
	Energy__Vehicle *v;

	if (!needs)
		return NULL;
	v = gv_alloc(t, sizeof *v);
	energy__vehicle__init(v);
	v->departure_ms = needs->departure_ms;
	v->energy_wh = needs->energy_wh ? needs->session_energy_wh + needs->energy_wh : 0;
	v->max_ma = strcmp(needs->transfer, "DC") ? needs->max_current_ma : 0; /* of DC it says nothing of the mains */
	return v;
}

int sessions_vehicle(struct energy *e, struct gv_turn *t, const Charging__VehicleNeedsChanged *m)
{
	const Energy__PointRow *found = gv_get(t, &energy_points, gv_key(m->device, m->connector));
	Energy__PointRow row;

	if (!found || !*found->session_id || strcmp(found->session_id, m->session_id) != 0)
		return 0;
	row = *found;
	row.vehicle = vehicle_of(t, m->needs);
	return keep(e, t, m->device, m->connector, &row);
}

/* ---- sessions -------------------------------------------------------------------------------- */

int sessions_started(struct energy *e, struct gv_turn *t, const Charging__SessionStarted *m)
{
	Energy__PointRow row;

	if (!m->session || !m->session->connector || m->session->state == CHARGING__SESSION_STATE__ENDED)
		return 0;
	if (!points_take(t, m->device, m->session->connector, &row) || !strcmp(row.session_id, m->session->id))
		return 0;
	clear_session(&row);
	ask_anew(t, &row);
	row.session_id = m->session->id;
	row.token = m->session->token;
	row.vehicle = vehicle_of(t, m->session->needs);
	return keep(e, t, m->device, m->session->connector, &row);
}

int sessions_ended(struct energy *e, struct gv_turn *t, const Charging__SessionEnded *m)
{
	const Energy__PointRow *found;
	Energy__PointRow row;

	if (!m->session)
		return 0;
	found = gv_get(t, &energy_points, gv_key(m->device, m->session->connector));
	if (!found || !*found->session_id || strcmp(found->session_id, m->session->id) != 0)
		return 0;
	row = *found;
	clear_session(&row);
	ask_anew(t, &row);
	return keep(e, t, m->device, m->session->connector, &row);
}

int sessions_status(struct energy *e, struct gv_turn *t, const Charging__ConnectorStatusChanged *m)
{
	const Energy__PointRow *found;
	Energy__PointRow row;
	bool changed;

	if (!m->status || !m->status->connector)
		return 0;
	found = gv_get(t, &energy_points, gv_key(m->device, m->status->connector));
	if (!points_take(t, m->device, m->status->connector, &row))
		return 0;
	changed = !found;
	if (m->status->online)
		changed |= alive(t, &row);
	if (*row.session_id && !strcmp(m->status->status, "Available")) {
		clear_session(&row);
		changed = true;
	}
	return changed ? keep(e, t, m->device, m->status->connector, &row) : 0;
}

/* ---- meters ---------------------------------------------------------------------------------- */

static bool has_one_phase(struct gv_turn *t, const char *device, uint64_t connector)
{
	const Energy__DeviceRow *d = gv_get(t, &energy_devices, gv_key(device));

	for (size_t i = 0; d && i < d->n_plugs; i++)
		if (d->plugs[i]->id == connector)
			return d->plugs[i]->phases == 1;
	return false;
}

/* What a session draws, per phase, of the phase that draws most; false: the samples do not say. Power alone says it
 * where there is one phase: a vehicle may use one of three. */
static bool draw_of(const Charging__SessionMetered *m, bool one_phase, int64_t *ret_ma)
{
	double amps = -1, watts = -1;

	for (size_t i = 0; i < m->n_samples; i++) {
		const Charging__Sample *s = m->samples[i];

		if (!strcmp(s->measurand, "Current.Import") && strcmp(s->phase, "N") != 0 && s->value > amps)
			amps = s->value;
		if (!strcmp(s->measurand, "Power.Active.Import"))
			watts = (double)m->power_w;
	}
	if (amps < 0 && one_phase)
		amps = watts / PHASE_V;
	if (!(amps >= 0 && amps < 1e6))
		return false;
	*ret_ma = llround(amps * 1000);
	return true;
}

/* True: what it can make use of is another than it was. */
static bool judge(const struct energy *e, int64_t now_ms, Energy__PointRow *row)
{
	int64_t allowed_ma = grant_at(row->known, now_ms), before_ma = row->demand_ma, demand_ma;

	if (!allowed_ma || row->draw_ma + NEAR_MA >= allowed_ma) {
		row->low_ms = row->demand_ma = 0;
		return before_ma != 0;
	}
	if (!row->low_ms)
		row->low_ms = now_ms;
	if (now_ms - row->low_ms < e->low_ms)
		return false;
	demand_ma = row->draw_ma + row->draw_ma / 10 + HEADROOM_MA;
	if (before_ma && llabs(demand_ma - before_ma) < e->hysteresis_ma)
		return false;
	row->demand_ma = demand_ma;
	return true;
}

int sessions_metered(struct energy *e, struct gv_turn *t, const Charging__SessionMetered *m)
{
	struct gv_scan scan = { .table = &energy_points, .prefix = gv_key(m->device) };
	const Energy__PointRow *found = NULL;
	int64_t draw_ma, low_ms;
	Energy__PointRow row;
	bool woken, other;

	while (!found && gv_next(t, &scan))
		if (!strcmp(((const Energy__PointRow *)scan.row)->session_id, m->session_id))
			found = scan.row;
	if (!found || !*m->session_id)
		return 0;
	row = *found;
	low_ms = row.low_ms;
	woken = alive(t, &row);
	other = false;
	if (draw_of(m, has_one_phase(t, m->device, scan.key.part[1].u), &draw_ma)) {
		int64_t before_ma = row.draw_ma;

		row.draw_ma = draw_ma;
		other = judge(e, gv_now_ms(t), &row);
		if (!other && llabs(draw_ma - before_ma) < DRAW_STEP_MA)
			row.draw_ma = before_ma;
	}
	if (row.needs && row.energy_wh != m->energy_wh) {
		row.energy_wh = m->energy_wh;
		other |= row.needs->cheap; /* the less it needs, the longer it can wait */
	}
	if (woken || other)
		return keep(e, t, m->device, (uint32_t)scan.key.part[1].u, &row);
	if (row.draw_ma == found->draw_ma && row.low_ms == low_ms && row.energy_wh == found->energy_wh)
		return 0;
	return gv_put(t, &energy_points, scan.key, &row);
}

int sessions_needs(struct energy *e, struct gv_turn *t, struct gv_ticket to, const Energy__SetNeedsRequest *r)
{
	const char *slash = strrchr(r->session_id, '/'), *device;
	Energy__SetNeedsReply reply = ENERGY__SET_NEEDS_REPLY__INIT;
	struct gv_scan scan = { .table = &energy_points };

	if (!slash)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT,
				 "sessionId \"%s\" is no session's id: it begins with its device's", r->session_id);
	if (r->needs && (r->needs->departure_ms < 0 || r->needs->energy_wh < 0))
		return gv_refuse(t, to, GV_INVALID_ARGUMENT,
				 "needs.departureMs and needs.energyWh must not be negative");
	device = gv_str(t, "%.*s", (int)(slash - r->session_id), r->session_id);
	scan.prefix = gv_key(device);
	while (gv_next(t, &scan)) {
		Energy__PointRow row = *(const Energy__PointRow *)scan.row;

		if (strcmp(row.session_id, r->session_id) != 0)
			continue;
		row.needs = r->needs;
		keep(e, t, device, (uint32_t)scan.key.part[1].u, &row);
		return gv_reply(t, to, &reply);
	}
	return gv_refuse(t, to, GV_NOT_FOUND, "no session \"%s\" is running: see Charging/ListSessions", r->session_id);
}
