/* energy: shares what a site may draw among its sessions. It knows no charger's protocol: it hears charging.proto's
 * events and sets its limits. */
#include "energy.h"
#include "energy.schema.h"

#include <string.h>

static int start(struct energy *e, struct gv_turn *t, const Energy__Config *c)
{
	if (gv_self(t)->instances != 1)
		return gv_fault(t, "energy runs as one instance, since the devices of a site share its limit: remove "
				   "`instances` from its entry in the config file");
	e->valid_ms = (int64_t)c->valid_s * 1000;
	e->answer_ms = (int64_t)c->answer_s * 1000;
	e->late_ms = (int64_t)c->late_s * 1000;
	e->drift_ms = (int64_t)c->drift_s * 1000;
	e->interval_ms = (int64_t)c->interval_s * 1000;
	e->retry_ms = (int64_t)c->retry_s * 1000;
	e->low_ms = (int64_t)c->low_s * 1000;
	e->ahead_ms = e->valid_ms + e->answer_ms + e->late_ms + e->drift_ms;
	e->hysteresis_ma = c->hysteresis_ma;
	e->assumed_ma = c->assumed_ma;
	for (size_t i = 0; i < c->n_sites; i++) {
		const char *problem;

		if (*c->sites[i]->id && gv_get(t, &energy_sites, gv_key(c->sites[i]->id)))
			continue;
		problem = sites_store(e, t, c->sites[i]);
		if (problem)
			return gv_fault(t, "the config's sites[%zu]: %s", i, problem);
	}
	return 0;
}
GV_ON_START(start, struct energy, Energy__Config)

static void stop(void *self)
{
	devices_stop(self);
}

static int on_timer(void *self, struct gv_turn *t, const char *name, const void *note)
{
	return round_run(self, t, name);
}

static int on_answer(void *self, struct gv_turn *t, const struct gv_answer *a)
{
	if (a->note)
		return command_answered(self, t, a);
	if (a->code != GV_OK)
		gv_log(t, GV_WARN,
		       "a charger that is managed no more keeps its last limit: clear it with Charging/ClearLimit "
		       "why=\"%s\"",
		       a->error);
	return 0;
}

static int session_started(struct energy *e, struct gv_turn *t, const Charging__SessionStarted *m,
			   const struct gv_emitter *from)
{
	return sessions_started(e, t, m);
}
GV_ON_EVENT(session_started, struct energy, Charging__SessionStarted)

static int session_metered(struct energy *e, struct gv_turn *t, const Charging__SessionMetered *m,
			   const struct gv_emitter *from)
{
	return sessions_metered(e, t, m);
}
GV_ON_EVENT(session_metered, struct energy, Charging__SessionMetered)

static int session_ended(struct energy *e, struct gv_turn *t, const Charging__SessionEnded *m,
			 const struct gv_emitter *from)
{
	return sessions_ended(e, t, m);
}
GV_ON_EVENT(session_ended, struct energy, Charging__SessionEnded)

static int status_changed(struct energy *e, struct gv_turn *t, const Charging__ConnectorStatusChanged *m,
			  const struct gv_emitter *from)
{
	return sessions_status(e, t, m);
}
GV_ON_EVENT(status_changed, struct energy, Charging__ConnectorStatusChanged)

static int vehicle_needs(struct energy *e, struct gv_turn *t, const Charging__VehicleNeedsChanged *m,
			 const struct gv_emitter *from)
{
	return sessions_vehicle(e, t, m);
}
GV_ON_EVENT(vehicle_needs, struct energy, Charging__VehicleNeedsChanged)

static int device_changed(struct energy *e, struct gv_turn *t, const Registry__DeviceChanged *m,
			  const struct gv_emitter *from)
{
	return devices_changed(e, t, m);
}
GV_ON_EVENT(device_changed, struct energy, Registry__DeviceChanged)

GV_PLUGIN = {
	GV_STAMP,
	.name = "energy",
	.version = "0.1.0",
	.summary = "Shares a site's power among its sessions",
	.config = &energy__config__descriptor,
	.serves = GV_SERVES({ &energy__energy__descriptor, energy_methods }),
	.hears = GV_HEARS({ &charging__session_started__descriptor, session_started_event },
			  { &charging__session_metered__descriptor, session_metered_event },
			  { &charging__session_ended__descriptor, session_ended_event },
			  { &charging__connector_status_changed__descriptor, status_changed_event },
			  { &charging__vehicle_needs_changed__descriptor, vehicle_needs_event },
			  { &registry__device_changed__descriptor, device_changed_event }),
	.emits = GV_EMITS({ &energy__site_limit_changed__descriptor, NULL },
			  { &energy__allocation_changed__descriptor, NULL }),
	.calls = GV_CALLS(&charging__charging__descriptor),
	.tables = GV_TABLES(&energy_sites, &energy_devices, &energy_members, &energy_points),
	.notes = GV_NOTES(&energy__asked_note__descriptor),
	.schema_set = GV_SCHEMA(energy),
	.schema = 1,
	.self_size = sizeof(struct energy),
	.start = start_start,
	.stop = stop,
	.on_answer = on_answer,
	.on_timer = on_timer,
};
