/* Outlets and the plugin that drives them: see outlets.h. */
#include "outlets.h"
#include "charging.schema.h"

#include <galvan/charging.pb-c.h>

#include <stdio.h>
#include <string.h>

#define POLL_MS 1000
#define METER_EVERY 10 /* polls */
#define STATUS_EVERY 30
#define SLOW_ANSWER_MS 4000
#define CAR_LEAST_MA 6000 /* below it no car draws anything */

/* What the plugin has told of an outlet: the session that it thinks runs there. */
static const struct gv_table told = { .name = "told", .key = "s", .value = &charging__session__descriptor };

static struct outlets *world;

static uint32_t below(struct gv_turn *t, uint32_t n)
{
	return (uint32_t)(gv_random(t) % n);
}

/* ---- the outlets ----------------------------------------------------------------------------- */

void outlets_init(struct outlets *o, struct host *h, unsigned n,
		  void (*seen)(struct outlets *o, int64_t at_ms, void *arg), void *arg)
{
	memset(o, 0, sizeof *o);
	o->h = h;
	o->seen = seen;
	o->arg = arg;
	o->metered_ms = host_now_ms(h);
	o->n = n;
	for (unsigned i = 0; i < n; i++)
		snprintf(o->outlet[i].device, sizeof o->outlet[i].device, "outlet:O%u", i);
	world = o;
}

int64_t outlet_allows(const struct outlet *x, int64_t at_ms)
{
	return !x->until_ms || at_ms < x->until_ms ? x->limit_ma : x->fallback_ma;
}

static void take_in(struct outlet *x, const struct outlet_limit *l, int64_t drift_ms)
{
	x->commissioned = true;
	x->limit_ma = l->limit_ma;
	x->until_ms = l->valid_ms ? l->at_ms + l->valid_ms + drift_ms : 0;
	x->fallback_ma = l->fallback_ma;
	world->taken_in++;
}

/* In order: a later limit never overtakes an earlier one. */
static void flush(struct outlet *x, int64_t now_ms, bool all)
{
	unsigned n = 0;

	while (n < x->n_pending && (all || x->pending[n].at_ms <= now_ms)) {
		if (x->pending[n].at_ms > now_ms)
			x->pending[n].at_ms = now_ms;
		take_in(x, &x->pending[n++], world->drift_ms);
	}
	x->n_pending -= n;
	memmove(x->pending, x->pending + n, x->n_pending * sizeof *x->pending);
}

/* The next moment in from .. now at which something changes by itself; now if nothing does. */
static int64_t next_moment(const struct outlets *o, int64_t from_ms, int64_t now_ms)
{
	int64_t next_ms = now_ms;

	for (unsigned i = 0; i < o->n; i++) {
		const struct outlet *x = &o->outlet[i];

		if (x->until_ms > from_ms && x->until_ms < next_ms)
			next_ms = x->until_ms;
		if (x->n_pending && x->pending[0].at_ms > from_ms && x->pending[0].at_ms < next_ms)
			next_ms = x->pending[0].at_ms;
	}
	return next_ms;
}

void outlets_pass(struct outlets *o)
{
	int64_t now_ms = host_now_ms(o->h);

	for (;;) {
		int64_t at_ms = next_moment(o, o->metered_ms, now_ms);

		for (unsigned i = 0; i < o->n; i++) {
			struct outlet *x = &o->outlet[i];
			int64_t ma = outlet_allows(x, o->metered_ms);

			ma = ma < x->wish_ma ? ma : x->wish_ma;
			if (x->session && ma >= CAR_LEAST_MA)
				x->got_mas += (double)ma * (double)(at_ms - o->metered_ms) / 1000;
			flush(x, at_ms, false);
		}
		o->metered_ms = at_ms;
		o->seen(o, at_ms, o->arg);
		if (at_ms == now_ms)
			return;
	}
}

static struct outlet *find(const char *device)
{
	for (unsigned i = 0; i < world->n; i++)
		if (!strcmp(world->outlet[i].device, device))
			return &world->outlet[i];
	return NULL;
}

/* ---- the plugin: limits ---------------------------------------------------------------------- */

static int answer(struct gv_turn *t, struct gv_ticket to, const char *status)
{
	Charging__SetLimitReply reply = CHARGING__SET_LIMIT_REPLY__INIT;

	reply.status = (char *)status;
	return gv_reply(t, to, &reply);
}

static struct outlet_limit limit_of(const Charging__SetLimitRequest *r, int64_t at_ms)
{
	struct outlet_limit l = { .at_ms = at_ms,
				  .limit_ma = r->periods[0]->current_ma,
				  .valid_ms = (int64_t)r->valid_s * 1000,
				  .fallback_ma = r->fallback ? r->fallback->current_ma : INT64_MAX / 100 };

	return l;
}

static int arrive_late(struct gv_turn *t, struct outlet *x, const Charging__SetLimitRequest *r)
{
	if (x->n_pending == OUTLET_PENDING_MAX)
		return 0;
	x->pending[x->n_pending++] = limit_of(r, gv_now_ms(t) + 1 + (int64_t)(gv_random(t) % (uint64_t)world->late_ms));
	for (unsigned i = x->n_pending - 1; i && x->pending[i].at_ms < x->pending[i - 1].at_ms; i--)
		x->pending[i].at_ms = x->pending[i - 1].at_ms;
	return 0;
}

static int set_limit(void *self, struct gv_turn *t, struct gv_ticket to, const Charging__SetLimitRequest *r)
{
	struct outlet *x = find(r->device);
	struct outlet_limit l;

	if (!x || r->connector != 1)
		return gv_refuse(t, to, GV_NOT_FOUND, "there is no connector %u of %s", r->connector, r->device);
	if (x->cut_off)
		return gv_refuse(t, to, GV_UNAVAILABLE, "%s is not connected", r->device);
	outlets_pass(world);
	l = limit_of(r, host_now_ms(world->h));
	if (below(t, 1000) < world->unkind)
		switch (below(t, 5)) {
		case 0:
			return answer(t, to, "Rejected");
		case 1: /* does not arrive, and nobody says so */
			return 0;
		case 2:
			return arrive_late(t, x, r);
		case 3: /* obeys, and nobody says so */
			flush(x, l.at_ms, true);
			take_in(x, &l, world->drift_ms);
			return below(t, 2) ? 0 : gv_refuse(t, to, GV_UNKNOWN, "%s lost its connection", r->device);
		default: /* obeys, and is slow to say so */
			flush(x, l.at_ms, true);
			take_in(x, &l, world->drift_ms);
			x->owed = to;
			x->owed_ms = l.at_ms + 1 + below(t, SLOW_ANSWER_MS);
			return 0;
		}
	flush(x, l.at_ms, true);
	take_in(x, &l, world->drift_ms);
	return answer(t, to, "Accepted");
}
GV_ON_CALL(set_limit, void, Charging__SetLimitRequest)

/* ---- the plugin: what it tells --------------------------------------------------------------- */

static const Charging__Session *told_of(struct gv_turn *t, const struct outlet *x)
{
	return gv_get(t, &told, gv_key(x->device));
}

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
	sample.value = ma >= CAR_LEAST_MA ? (double)ma / 1000 : 0;
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
	status.status = (char *)(connector == 1 && x->session ? "Charging" : "Available");
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

	for (unsigned i = 0; i < world->n; i++) {
		struct outlet *x = &world->outlet[i];
		const Charging__Session *s = told_of(t, x);

		if (x->owed_ms && x->owed_ms <= gv_now_ms(t)) {
			x->owed_ms = 0;
			answer(t, x->owed, "Accepted");
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
	for (unsigned i = 0; i < world->n; i++)
		tell_status(t, &world->outlet[i]);
	return 0;
}

static int start(void *self, struct gv_turn *t, const void *config)
{
	return gv_timer(t, "poll", gv_now_ms(t) + POLL_MS, NULL);
}

static const struct gv_method methods[] = { { "SetLimit", set_limit_call }, { 0 } };

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
