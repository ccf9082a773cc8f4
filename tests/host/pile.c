/* The world at billing's far end. It answers for its devices as a plugin that drives chargers does, durably; what its
 * devices do is drawn by chance, so that every order of events comes up in some seed. */
#include "pile.h"
#include "charging.schema.h"

#include <galvan/charging.pb-c.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define METERS 4 /* samples of a session, at most */
#define METER_MS 60000
#define SWIPES 3
#define LATE_MS 200000 /* longer than an order waits */
#define NEVER_STOPS "never-stops"

static const struct gv_table sessions = { .name = PILE_SESSIONS, .key = "s", .value = &charging__session__descriptor };
static const struct gv_table boots = { .name = "boots", .key = "u", .value = &charging__start_request__descriptor };
static const struct gv_table starts = { .name = PILE_STARTS,
					.key = "su",
					.value = &charging__start_request__descriptor };

static uint32_t below(struct gv_turn *t, uint32_t n)
{
	return (uint32_t)(gv_random(t) % n);
}

/* ---- sessions -------------------------------------------------------------------------------- */

static Charging__Session *take(struct gv_turn *t, const char *id)
{
	const Charging__Session *found = gv_get(t, &sessions, gv_key(id));
	Charging__Session *s;

	if (!found)
		return NULL;
	s = gv_alloc(t, sizeof *s);
	*s = *found;
	return s;
}

/* The one that has the token, in whatever state. */
static const Charging__Session *with_token(struct gv_turn *t, const char *token)
{
	struct gv_scan scan = { .table = &sessions };

	while (gv_next(t, &scan))
		if (!strcmp(((const Charging__Session *)scan.row)->token, token))
			return scan.row;
	return NULL;
}

static bool is_busy(struct gv_turn *t, const char *device, uint32_t connector)
{
	struct gv_scan scan = { .table = &sessions };

	while (gv_next(t, &scan)) {
		const Charging__Session *s = scan.row;

		if (s->state == CHARGING__SESSION_STATE__ACTIVE && !strcmp(s->device, device) &&
		    s->connector == connector)
			return true;
	}
	return false;
}

static int begin(struct gv_turn *t, const char *device, uint32_t connector, const char *token)
{
	Charging__SessionStarted event = CHARGING__SESSION_STARTED__INIT;
	Charging__Session s = CHARGING__SESSION__INIT;

	if (is_busy(t, device, connector))
		return 0;
	s.id = gv_str(t, "%s/%llu", device, (unsigned long long)gv_random(t) % 1000000000);
	s.device = gv_strdup(t, device);
	s.connector = connector;
	s.token = gv_strdup(t, token);
	s.state = CHARGING__SESSION_STATE__ACTIVE;
	s.started_at_ms = gv_now_ms(t);
	s.meter_start_wh = below(t, 1000);
	s.token_status = (char *)"Accepted";
	gv_put(t, &sessions, gv_key(s.id), &s);
	event.device = s.device;
	event.session = &s;
	gv_timer(t, gv_str(t, "meter:%s", s.id), gv_now_ms(t) + 1 + below(t, METER_MS), NULL);
	return gv_emit(t, &event);
}

static int end(struct gv_turn *t, Charging__Session *s)
{
	Charging__SessionEnded event = CHARGING__SESSION_ENDED__INIT;

	s->state = CHARGING__SESSION_STATE__ENDED;
	s->ended_at_ms = gv_now_ms(t);
	s->meter_stop_wh = s->meter_start_wh + s->energy_wh;
	s->reason = (char *)"Local";
	gv_timer_cancel(t, gv_str(t, "meter:%s", s->id));
	gv_put(t, &sessions, gv_key(s->id), s);
	event.device = s->device;
	event.session = gv_alloc(t, sizeof *s);
	*event.session = *s;
	event.session->samples = NULL;
	event.session->n_samples = 0;
	gv_emit(t, &event);
	return below(t, 8) ? 0 : gv_emit(t, &event);
}

static int meter(struct gv_turn *t, Charging__Session *s)
{
	Charging__SessionMetered event = CHARGING__SESSION_METERED__INIT;
	Charging__Sample *sample = gv_alloc(t, sizeof *sample);
	int64_t more = below(t, 12) ? below(t, 500) : 30000; /* now and then beyond any hold */

	charging__sample__init(sample);
	s->energy_wh += more;
	sample->time_ms = gv_now_ms(t);
	sample->measurand = (char *)"Energy.Active.Import.Register";
	sample->unit = (char *)"Wh";
	sample->value = (double)(s->meter_start_wh + s->energy_wh);
	*GV_APPEND(t, s->samples, s->n_samples) = sample;
	gv_put(t, &sessions, gv_key(s->id), s);
	event.device = s->device;
	event.session_id = s->id;
	event.energy_wh = s->energy_wh;
	event.samples = &sample;
	event.n_samples = 1;
	return gv_emit(t, &event);
}

static int metered(struct gv_turn *t, const char *id)
{
	Charging__Session *s = take(t, id);

	if (!s || s->state != CHARGING__SESSION_STATE__ACTIVE)
		return 0;
	if (!strcmp(s->reason, NEVER_STOPS)) /* it comes back after all, long after everybody has given it up */
		return end(t, s);
	if (s->n_samples >= METERS || !below(t, METERS))
		return end(t, s);
	if (!below(t, 12)) { /* silent from now on */
		s->reason = (char *)NEVER_STOPS;
		gv_put(t, &sessions, gv_key(s->id), s);
		gv_timer(t, gv_str(t, "meter:%s", s->id), gv_now_ms(t) + 2 * 3600000, NULL);
		return 0;
	}
	gv_timer(t, gv_str(t, "meter:%s", s->id), gv_now_ms(t) + 1 + below(t, METER_MS), NULL);
	return meter(t, s);
}

/* ---- Charging -------------------------------------------------------------------------------- */

static void note_start(struct gv_turn *t, const Charging__StartRequest *r)
{
	struct gv_scan scan = { .table = &starts, .prefix = gv_key(r->token) };
	uint64_t n = 0;

	while (gv_next(t, &scan))
		n++;
	gv_put(t, &starts, gv_key(r->token, n + 1), r);
}

static int answer_start(struct gv_turn *t, struct gv_ticket to, const char *status)
{
	Charging__StartReply reply = CHARGING__START_REPLY__INIT;

	reply.status = (char *)status;
	return gv_reply(t, to, &reply);
}

static void begin_in(struct gv_turn *t, const Charging__StartRequest *r, int64_t ms)
{
	gv_timer(t, gv_str(t, "begin:%s", r->token), gv_now_ms(t) + ms, r);
}

static int start(void *self, struct gv_turn *t, struct gv_ticket to, const Charging__StartRequest *r)
{
	unsigned chance = below(t, 16);

	note_start(t, r);
	if (with_token(t, r->token) || is_busy(t, r->device, r->connector))
		return answer_start(t, to, "Rejected");
	if (chance == 0)
		return answer_start(t, to, "Rejected");
	if (chance == 1)
		return gv_refuse(t, to, GV_UNAVAILABLE, "%s is not connected", r->device);
	if (chance != 2) /* else it is accepted, and nobody plugs in */
		begin_in(t, r, chance == 3 ? LATE_MS : 1 + below(t, 20000));
	if (chance == 4)
		return gv_refuse(t, to, GV_UNKNOWN, "%s lost its connection", r->device);
	return chance == 5 ? 0 : answer_start(t, to, "Accepted"); /* 0: the answer never comes */
}
GV_ON_CALL(start, void, Charging__StartRequest)

static int stop(void *self, struct gv_turn *t, struct gv_ticket to, const Charging__StopRequest *r)
{
	Charging__StopReply reply = CHARGING__STOP_REPLY__INIT;
	Charging__Session *s = take(t, r->session_id);

	if (!s)
		return gv_refuse(t, to, GV_NOT_FOUND, "there is no session %s", r->session_id);
	if (s->state != CHARGING__SESSION_STATE__ACTIVE)
		return gv_refuse(t, to, GV_FAILED_PRECONDITION, "session %s has ended", r->session_id);
	if (!below(t, 4))
		return gv_refuse(t, to, GV_UNAVAILABLE, "%s is not connected", s->device);
	end(t, s);
	reply.status = (char *)"Accepted";
	return gv_reply(t, to, &reply);
}
GV_ON_CALL(stop, void, Charging__StopRequest)

static int get(void *self, struct gv_turn *t, struct gv_ticket to, const Charging__GetSessionRequest *r)
{
	Charging__GetSessionReply reply = CHARGING__GET_SESSION_REPLY__INIT;

	reply.session = take(t, r->id);
	return reply.session ? gv_reply(t, to, &reply)
			     : gv_refuse(t, to, GV_NOT_FOUND, "there is no session %s", r->id);
}
GV_ON_CALL(get, void, Charging__GetSessionRequest)

static int list(void *self, struct gv_turn *t, struct gv_ticket to, const Charging__ListSessionsRequest *r)
{
	Charging__ListSessionsReply reply = CHARGING__LIST_SESSIONS_REPLY__INIT;
	struct gv_scan scan = { .table = &sessions };

	while (gv_next(t, &scan))
		if (!strcmp(((const Charging__Session *)scan.row)->device, r->device))
			*GV_APPEND(t, reply.sessions, reply.n_sessions) = (Charging__Session *)scan.row;
	return gv_reply(t, to, &reply);
}
GV_ON_CALL(list, void, Charging__ListSessionsRequest)

/* ---- the plugin ------------------------------------------------------------------------------ */

/* People who swipe their cards, at connectors that orders may want too. */
static int boot(void *self, struct gv_turn *t, const void *config)
{
	static const char *const cards[SWIPES] = { "CARD-1", "CARD-2", "stranger" };
	static const Charging__StartRequest none = CHARGING__START_REQUEST__INIT;

	if (gv_get(t, &boots, gv_key(0u)))
		return 0;
	gv_put(t, &boots, gv_key(0u), &none);
	for (unsigned i = 0; i < SWIPES; i++) {
		Charging__StartRequest r = CHARGING__START_REQUEST__INIT;

		r.device = gv_str(t, "pile:P%u", i % 2);
		r.connector = 1 + i % 2;
		r.token = (char *)cards[i];
		begin_in(t, &r, 1 + below(t, 300000));
	}
	return 0;
}

static int on_timer(void *self, struct gv_turn *t, const char *name, const void *note)
{
	const Charging__StartRequest *r = note;

	if (!strncmp(name, "meter:", 6))
		return metered(t, name + 6);
	return with_token(t, r->token) ? 0 : begin(t, r->device, r->connector, r->token);
}

static int snapshot(void *self, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &sessions };

	while (gv_next(t, &scan)) {
		Charging__SessionStarted event = CHARGING__SESSION_STARTED__INIT;

		event.session = (Charging__Session *)scan.row;
		event.device = event.session->device;
		if (event.session->state == CHARGING__SESSION_STATE__ACTIVE)
			gv_emit(t, &event);
	}
	return 0;
}

static const struct gv_method methods[] = {
	{ "Start", start_call },
	{ "Stop", stop_call },
	{ "GetSession", get_call },
	{ "ListSessions", list_call },
	{ 0 },
};

const struct gv_plugin pile_record = {
	GV_STAMP,
	.name = "pile",
	.version = "1",
	.summary = "Devices that do as chance has it",
	.serves = GV_SERVES({ &charging__charging__descriptor, methods }),
	.emits = GV_EMITS({ &charging__session_started__descriptor, snapshot },
			  { &charging__session_metered__descriptor, NULL },
			  { &charging__session_ended__descriptor, NULL }),
	.tables = GV_TABLES(&boots, &sessions, &starts),
	.notes = GV_NOTES(&charging__start_request__descriptor),
	.schema_set = GV_SCHEMA(charging),
	.schema = 1,
	.self_size = 1,
	.start = boot,
	.on_timer = on_timer,
};
