/* The plugin that drives the outlets: see outlets.h. */
#include "charging.schema.h"
#include "outlets_private.h"

#include <galvan/charging.pb-c.h>

#include <stdio.h>
#include <string.h>

#define POLL_MS 1000
#define METER_EVERY 10 /* polls */
#define STATUS_EVERY 30
#define SLOW_ANSWER_MS 4000

/* What the plugin has told of an outlet: the session that it thinks runs there. */
static const struct gv_table told = { .name = "told", .key = "s", .value = &charging__session__descriptor };

static uint32_t below(struct gv_turn *t, uint32_t n)
{
	return (uint32_t)(gv_random(t) % n);
}

/* ---- limits ---------------------------------------------------------------------------------- */

static const Charging__Session *told_of(struct gv_turn *t, const struct outlet *x)
{
	return gv_get(t, &told, gv_key(x->device));
}

static int answer(struct gv_turn *t, struct gv_ticket to, const struct outlet *x, bool opens, const char *status)
{
	Charging__SetLimitReply set = CHARGING__SET_LIMIT_REPLY__INIT;
	Charging__CommandReply clear = CHARGING__COMMAND_REPLY__INIT;

	set.status = clear.status = (char *)status;
	set.session_only = x->session_only;
	return gv_reply(t, to, opens ? (const void *)&clear : &set);
}

static struct outlet_limit limit_of(struct gv_turn *t, const struct outlet *x, const Charging__SetLimitRequest *r)
{
	const Charging__Session *s = told_of(t, x);
	struct outlet_limit l = { .at_ms = host_now_ms(outlets_world->h),
				  .limit_ma = r->periods[0]->current_ma,
				  .valid_ms = (int64_t)r->valid_s * 1000,
				  .fallback_ma = r->fallback ? r->fallback->current_ma : INT64_MAX / 100,
				  .session = s ? (uint64_t)s->started_at_ms : 0 };

	return l;
}

static int arrive_late(struct gv_turn *t, struct outlet *x, const struct outlet_limit *l)
{
	if (x->n_pending == OUTLET_PENDING_MAX)
		return 0;
	x->pending[x->n_pending] = *l;
	x->pending[x->n_pending++].at_ms = gv_now_ms(t) + 1 +
					   (int64_t)(gv_random(t) % (uint64_t)outlets_world->late_ms);
	for (unsigned i = x->n_pending - 1; i && x->pending[i].at_ms < x->pending[i - 1].at_ms; i--)
		x->pending[i].at_ms = x->pending[i - 1].at_ms;
	return 0;
}

/* Of an outlet that takes limits of sessions only: what is refused, as its session is not the one that is meant. */
static bool is_refused(struct outlet *x, const struct outlet_limit *l)
{
	if (!x->session_only || l->opens || (x->session ? l->session == x->session : !l->session && !l->limit_ma))
		return false;
	x->closes |= x->session && !l->session && !l->limit_ma; /* and it is closed behind the one that runs */
	return true;
}

static int obey(struct gv_turn *t, struct gv_ticket to, struct outlet *x, const struct outlet_limit *l)
{
	unsigned how = below(t, 1000) < outlets_world->unkind ? below(t, 5) : 5;

	if (x->owed_ms && x->owed.call == to.call) /* it has obeyed, and is about to say so */
		return 0;
	if (how == 0 || x->refuses)
		return answer(t, to, x, l->opens, "Rejected");
	if (how == 1) /* does not arrive, and nobody says so */
		return 0;
	if (how == 2)
		return arrive_late(t, x, l);
	outlets_flush(x, l->at_ms, true);
	if (is_refused(x, l))
		return answer(t, to, x, l->opens, "Rejected");
	outlet_take_in(x, l, outlets_world->drift_ms);
	if (how == 3) /* obeys, and nobody says so */
		return below(t, 2) ? 0 : gv_refuse(t, to, GV_UNKNOWN, "%s lost its connection", x->device);
	if (how == 5)
		return answer(t, to, x, l->opens, "Accepted");
	x->owed = to; /* obeys, and is slow to say so */
	x->owed_opens = l->opens;
	x->owed_ms = l->at_ms + 1 + below(t, SLOW_ANSWER_MS);
	return 0;
}

/* NULL: the ticket has been answered. */
static struct outlet *reach(struct gv_turn *t, struct gv_ticket to, const char *device, uint32_t connector)
{
	struct outlet *x = outlets_find(device);

	if (!x || connector != 1)
		gv_refuse(t, to, GV_NOT_FOUND, "there is no connector %u of %s", connector, device);
	else if (x->cut_off)
		gv_refuse(t, to, GV_UNAVAILABLE, "%s is not connected", device);
	else
		outlets_pass(outlets_world);
	return x && connector == 1 && !x->cut_off ? x : NULL;
}

static int set_limit(void *self, struct gv_turn *t, struct gv_ticket to, const Charging__SetLimitRequest *r)
{
	struct outlet *x = reach(t, to, r->device, r->connector);
	struct outlet_limit l;

	if (!x)
		return 0;
	l = limit_of(t, x, r);
	return obey(t, to, x, &l);
}
GV_ON_CALL(set_limit, void, Charging__SetLimitRequest)

/* Those that keep a limit have one until they are left alone, which no scenario looks at. */
static int clear_limit(void *self, struct gv_turn *t, struct gv_ticket to, const Charging__ClearLimitRequest *r)
{
	struct outlet *x = reach(t, to, r->device, r->connector);
	struct outlet_limit l = { .at_ms = host_now_ms(outlets_world->h), .opens = true };

	if (!x)
		return 0;
	return x->session_only ? obey(t, to, x, &l) : answer(t, to, x, true, "Accepted");
}
GV_ON_CALL(clear_limit, void, Charging__ClearLimitRequest)

/* ---- what it tells --------------------------------------------------------------------------- */

static void tell_needs(struct gv_turn *t, const struct outlet *x, char *session)
{
	Charging__VehicleNeedsChanged event = CHARGING__VEHICLE_NEEDS_CHANGED__INIT;
	Charging__VehicleNeeds needs = CHARGING__VEHICLE_NEEDS__INIT;

	needs.transfer = (char *)"AC_three_phase";
	needs.max_current_ma = x->says_ma;
	needs.energy_wh = x->says_wh;
	needs.departure_ms = x->departs_ms;
	event.device = (char *)x->device;
	event.connector = 1;
	event.session_id = session;
	event.needs = &needs;
	gv_emit(t, &event);
}

static void tell_start(struct gv_turn *t, const struct outlet *x)
{
	Charging__SessionStarted event = CHARGING__SESSION_STARTED__INIT;
	Charging__Session s = CHARGING__SESSION__INIT;

	s.id = gv_str(t, "%s/%llu", x->device, (unsigned long long)x->session);
	s.device = (char *)x->device;
	s.connector = 1;
	s.token = gv_str(t, "card-%llu", (unsigned long long)x->session % 4);
	s.state = CHARGING__SESSION_STATE__ACTIVE;
	s.started_at_ms = (int64_t)x->session; /* by which a changed car is known */
	gv_put(t, &told, gv_key(x->device), &s);
	event.device = s.device;
	event.session = &s;
	gv_emit(t, &event);
	if (x->says_ma)
		tell_needs(t, x, s.id);
}

static void tell_end(struct gv_turn *t, const struct outlet *x, const Charging__Session *s)
{
	Charging__SessionEnded event = CHARGING__SESSION_ENDED__INIT;
	Charging__Session ended = *s;

	ended.state = CHARGING__SESSION_STATE__ENDED;
	gv_delete(t, &told, gv_key(x->device));
	event.device = (char *)x->device;
	event.session = &ended;
	gv_emit(t, &event);
}

static void tell_meter(struct gv_turn *t, const struct outlet *x, const Charging__Session *s)
{
	Charging__SessionMetered event = CHARGING__SESSION_METERED__INIT;
	Charging__Sample sample = CHARGING__SAMPLE__INIT, *samples[] = { &sample };
	int64_t ma = outlet_allows(x, gv_now_ms(t));

	ma = ma < x->wish_ma ? ma : x->wish_ma;
	sample.time_ms = gv_now_ms(t);
	sample.measurand = (char *)"Current.Import";
	sample.unit = (char *)"A";
	sample.value = ma >= OUTLET_CAR_LEAST_MA ? (double)ma / 1000 : 0;
	event.device = (char *)x->device;
	event.session_id = s->id;
	event.samples = samples;
	event.n_samples = 1;
	gv_emit(t, &event);
}

static void tell_connector(struct gv_turn *t, const struct outlet *x, uint32_t connector)
{
	Charging__ConnectorStatusChanged event = CHARGING__CONNECTOR_STATUS_CHANGED__INIT;
	Charging__ConnectorStatus status = CHARGING__CONNECTOR_STATUS__INIT;

	status.device = event.device = (char *)x->device;
	status.connector = connector;
	status.status = (char *)(connector == 1 && x->session  ? "Charging"
				 : connector == 1 && x->closed ? "Unavailable"
							       : "Available");
	status.online = !x->cut_off;
	event.status = &status;
	gv_emit(t, &event);
}

static void tell_status(struct gv_turn *t, const struct outlet *x)
{
	tell_connector(t, x, 1);
	for (unsigned i = 0; i < x->phantoms; i++)
		tell_connector(t, x, OUTLET_PHANTOM + i);
}

static int on_timer(void *self, struct gv_turn *t, const char *name, const void *note)
{
	bool meters = gv_now_ms(t) / POLL_MS % METER_EVERY == 0;
	bool statuses = gv_now_ms(t) / POLL_MS % STATUS_EVERY == 0;

	for (unsigned i = 0; i < outlets_world->n; i++) {
		struct outlet *x = &outlets_world->outlet[i];
		const Charging__Session *s = told_of(t, x);

		if (x->owed_ms && x->owed_ms <= gv_now_ms(t)) {
			x->owed_ms = 0;
			answer(t, x->owed, x, x->owed_opens, "Accepted");
		}
		if (x->cut_off)
			continue;
		if (s && (uint64_t)s->started_at_ms != x->session) {
			tell_end(t, x, s);
			s = NULL;
		}
		if (x->session && !s)
			tell_start(t, x);
		else if (s && meters)
			tell_meter(t, x, s);
		if (statuses)
			tell_status(t, x);
	}
	return gv_timer(t, "poll", gv_now_ms(t) + POLL_MS, NULL);
}

static int snapshot_started(void *self, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &told };

	while (gv_next(t, &scan)) {
		Charging__SessionStarted event = CHARGING__SESSION_STARTED__INIT;

		event.session = (Charging__Session *)scan.row;
		event.device = event.session->device;
		gv_emit(t, &event);
	}
	return 0;
}

static int snapshot_statuses(void *self, struct gv_turn *t)
{
	for (unsigned i = 0; i < outlets_world->n; i++)
		tell_status(t, &outlets_world->outlet[i]);
	return 0;
}

static int start(void *self, struct gv_turn *t, const void *config)
{
	return gv_timer(t, "poll", gv_now_ms(t) + POLL_MS, NULL);
}

static const struct gv_method methods[] = { { "SetLimit", set_limit_call }, { "ClearLimit", clear_limit_call }, { 0 } };

const struct gv_plugin outlet_record = {
	GV_STAMP,
	.name = "outlet",
	.version = "1",
	.summary = "Outlets that obey, or not",
	.serves = GV_SERVES({ &charging__charging__descriptor, methods }),
	.emits = GV_EMITS({ &charging__session_started__descriptor, snapshot_started },
			  { &charging__session_metered__descriptor, NULL },
			  { &charging__session_ended__descriptor, NULL },
			  { &charging__vehicle_needs_changed__descriptor, NULL },
			  { &charging__connector_status_changed__descriptor, snapshot_statuses }),
	.tables = GV_TABLES(&told),
	.schema_set = GV_SCHEMA(charging),
	.schema = 1,
	.self_size = 1,
	.start = start,
	.on_timer = on_timer,
};
