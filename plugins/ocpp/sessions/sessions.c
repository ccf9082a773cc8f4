/* Starts, stops and meter values, as sessions.h has them. */
#include "register.h"
#include "sessions.h"

#include <plugins/ocpp/limits/limits.h>
#include <plugins/ocpp/lists/reservations.h>
#include <plugins/ocpp/stations/units.h>

#include <errno.h>
#include <string.h>

#define STOPS_MAX 8 /* ended transactions among which a repeated stop without an id is looked for */
#define TIME_TEXT 40

/* ---- start ----------------------------------------------------------------------------------- */

/* What makes a start the same one again: 1.6 has no other identity for it. */
static const char *start_key(struct gv_turn *t, const struct said_start *s, const char *fold)
{
	if (s->when.replaced)
		return gv_str(t, "%u|%.*s|%lld|%s", s->connector, TIME_TEXT, s->time, (long long)s->meter_wh, fold);
	return gv_str(t, "%u|%lld|%lld|%s", s->connector, (long long)s->when.ms, (long long)s->meter_wh, fold);
}

static int again(struct ocpp *o, struct gv_turn *t, struct inbound *in, const Ocpp__StartRef *ref, const char *tag,
		 struct begun *ret)
{
	const Ocpp__Transaction *x = transaction_on(t, in->device, ref->connector);

	ret->id = ref->transaction;
	ret->verdict = authorize(o, t, &(struct ask){ .device = in->device, .tag = tag, .asked_for = true });
	if (!x || x->id != ref->transaction)
		x = transaction_ended(t, in->device, ref->transaction);
	if (x)
		ret->verdict.status = x->token_status;
	gv_count(t, "repeated_starts", 1);
	station_quirks(o, t, in->st, QUIRK_BIT(QUIRK_REPEATED_START));
	return 0;
}

/* Whether the start waited in its charger's queue until another began on the connector: what runs there goes on, and
 * this one is over. Only times that are the charger's own can say so. */
static bool is_late(const Ocpp__Transaction *running, const struct said_start *s)
{
	return running && !s->when.replaced && !(running->flags & FLAG(FLAG_CLOCK_UNSET)) &&
	       s->when.ms < running->started_at_ms;
}

/* A transaction of the history from its start on, whose stop and samples may still come. It is told as one that has
 * ended, so that nobody takes it for what runs on its connector. */
static int begin_ended(struct ocpp *o, struct gv_turn *t, struct inbound *in, Ocpp__Transaction *x)
{
	station_quirks(o, t, in->st, QUIRK_BIT(QUIRK_LATE_START));
	if (transaction_number(o, t, in->device, x))
		return -EINVAL;
	x->reason = "Other";
	x->ended_at_ms = x->started_at_ms;
	transaction_tell_start(o, t, in->device, x);
	return transaction_give_up(o, t, in->device, x, 0, FLAG(FLAG_NO_STOP));
}

int sessions_start(struct ocpp *o, struct gv_turn *t, struct inbound *in, const struct said_start *s, struct begun *ret)
{
	const char *request_id = "", *fold = model_fold(t, s->tag), *key = start_key(t, s, fold);
	Ocpp__Transaction x = OCPP__TRANSACTION__INIT, *before;
	const Ocpp__StartRef *ref = gv_get(t, &ocpp_starts, gv_key(in->device, key));
	const Ocpp__Request *request = NULL;
	struct reservation_match reserved;
	bool late;

	station_quirks(o, t, in->st,
		       s->when.quirks | when_old(t, &s->when) |
			       (unit_is_of_many(in->st, s->connector) ? QUIRK_BIT(QUIRK_MANY_CONNECTORS) : 0));
	if (ref && !id_is_anothers(o, in->st, ref->transaction))
		return again(o, t, in, ref, s->tag, ret);
	if (!quota_start(o, t, in))
		return 0;
	before = transaction_on(t, in->device, s->connector);
	late = is_late(before, s);
	if (!late)
		request = request_match(o, t, in->device, fold, &s->connector, &request_id);
	if (before && !late)
		transaction_give_up(o, t, in->device, before, 0, FLAG(FLAG_NO_STOP));
	ret->verdict = authorize(
		o, t, &(struct ask){ .device = in->device, .tag = s->tag, .asked_for = request, .starts = !late });
	reservation_match(t,
			  &(struct reservation_claim){ in->device, s->connector, s->tag, ret->verdict.parent,
						       s->reservation, s->when.ms },
			  &reserved);
	x.connector = s->connector;
	x.token = strlen(s->tag) > OCPP_TAG_MAX ? gv_str(t, "%.*s", OCPP_TAG_MAX, s->tag) : (char *)s->tag;
	x.flags = s->when.flags | (x.token != s->tag ? FLAG(FLAG_TOKEN_CUT) : 0);
	x.flags |= reserved.foreign ? FLAG(FLAG_RESERVED_FOR_ANOTHER) : 0;
	x.token_status = (char *)ret->verdict.status;
	x.started_at_ms = s->when.ms;
	x.meter_start_wh = s->meter_wh;
	x.has_register = true;
	x.register_wh = (double)s->meter_wh;
	x.register_ms = s->when.ms;
	x.request_id = (char *)request_id;
	x.start_key = (char *)key;
	if (late ? begin_ended(o, t, in, &x) : transaction_begin(o, t, in->device, &x))
		return -EINVAL;
	ret->id = x.id;
	reservation_use(t, in->device, reserved.id, model_session_id(t, in->device, x.id));
	if (late)
		return 0;
	authorize_started(t, in->device, &x);
	limits_began(t, in->device, request ? request->profile : NULL, &x);
	if (request)
		gv_delete(t, &ocpp_requests, gv_key(in->device, request_id));
	return 0;
}

/* ---- stop ------------------------------------------------------------------------------------ */

/* The running transaction that a stop without a usable id must mean: the only one that its tag, time and meter allow.
 */
static Ocpp__Transaction *guess(struct gv_turn *t, struct inbound *in, const struct said_stop *s)
{
	struct gv_scan scan = { .table = &ocpp_active, .prefix = gv_key(in->device) };
	int64_t meter = s->has_meter ? s->meter_wh : OCPP_METER_MAX_WH;
	const Ocpp__Transaction *found = NULL;

	while (gv_next(t, &scan)) {
		const Ocpp__Transaction *x = scan.row;

		if (x->name[0]) /* the charger has named it, in another version */
			continue;
		if ((!s->when.replaced && x->started_at_ms > s->when.ms) || x->meter_start_wh > meter)
			continue;
		if (s->tag[0] && strcmp(model_fold(t, s->tag), model_fold(t, x->token)) != 0)
			continue;
		if (found)
			return NULL;
		found = x;
	}
	return found ? transaction_on(t, in->device, found->connector) : NULL;
}

/* A stop without a usable id that came before: the transaction that it ended. */
static bool stopped_before(struct ocpp *o, struct gv_turn *t, const char *device, uint64_t digest)
{
	struct ended_walk walk = { .device = device };

	for (unsigned i = 0; i < STOPS_MAX && ended_next(o, t, &walk); i++)
		if (walk.row->stop_digest == digest)
			return true;
	return false;
}

/* `flags`: what it had before. */
static void note_backwards(struct ocpp *o, struct gv_turn *t, struct inbound *in, const Ocpp__Transaction *x,
			   unsigned flags)
{
	if (x->flags & ~flags & FLAG(FLAG_METER_BACKWARDS))
		station_quirks(o, t, in->st, QUIRK_BIT(QUIRK_METER_BACKWARDS));
}

static void apply_stop(struct ocpp *o, struct gv_turn *t, struct inbound *in, Ocpp__Transaction *x,
		       const struct said_stop *s)
{
	struct meter values = *s->values;
	unsigned flags = x->flags;

	station_quirks(o, t, in->st, values.quirks);
	meter_append(o, t, x, &values);
	if (values.replaced && s->has_meter) { /* nobody knows when they were read: the stop knows better */
		values.has_register = false;
		values.n_registers = 0;
	}
	meter_apply(t, x, &values);
	x->flags |= s->when.flags;
	x->power_w = 0;
	x->stop_digest = s->digest;
	x->reason = s->reason[0] ? gv_str(t, "%.50s", s->reason) : "Local"; /* 1.6, 6.49: absent means Local */
	x->ended_at_ms = s->when.ms;
	if (x->ended_at_ms < x->started_at_ms) {
		x->flags |= FLAG(FLAG_STOP_BEFORE_START);
		x->ended_at_ms = x->started_at_ms;
	}
	if (!s->has_meter) {
		x->flags |= FLAG(FLAG_NO_METER_STOP);
		x->meter_stop_wh = x->meter_start_wh + x->energy_wh;
		return;
	}
	x->meter_stop_wh = s->meter_wh;
	register_take_last(t, x, (double)s->meter_wh, s->when.ms);
	x->energy_wh = register_energy(x);
	if (x->meter_stop_wh < x->meter_start_wh)
		x->flags |= FLAG(FLAG_METER_BACKWARDS);
	note_backwards(o, t, in, x, flags);
}

static void judge(struct ocpp *o, struct gv_turn *t, struct inbound *in, const Ocpp__Transaction *x,
		  const struct said_stop *s, struct verdict *ret)
{
	if (!s->tag[0])
		return;
	*ret = authorize(o, t, &(struct ask){ .device = in->device, .tag = s->tag });
	if (x && !strcmp(model_fold(t, s->tag), model_fold(t, x->token)))
		ret->status = x->token_status;
}

/* A stop for what has ended already: said before, or late for one that galvan ended by itself. */
static int stop_ended(struct ocpp *o, struct gv_turn *t, struct inbound *in, Ocpp__Transaction *x,
		      const struct said_stop *s, struct verdict *ret_verdict)
{
	judge(o, t, in, x, s, ret_verdict);
	if (x->stop_digest || !(x->flags & FLAG(FLAG_NO_STOP))) {
		gv_count(t, "repeated_stops", 1);
		return 0;
	}
	x->flags |= FLAG(FLAG_LATE_STOP);
	apply_stop(o, t, in, x, s);
	return transaction_end(o, t, in->device, x);
}

int sessions_stop(struct ocpp *o, struct gv_turn *t, struct inbound *in, const struct said_stop *s,
		  struct verdict *ret_verdict)
{
	bool usable = s->id > 0 && s->id <= INT32_MAX;
	Ocpp__Transaction *x = NULL;

	station_quirks(o, t, in->st,
		       s->when.quirks | when_old(t, &s->when) | (usable ? 0 : QUIRK_BIT(QUIRK_NO_TRANSACTION_ID)));
	if (usable) {
		x = transaction_active(t, in->device, (int32_t)s->id);
		if (!x) {
			x = transaction_ended(t, in->device, (int32_t)s->id);
			if (x)
				return stop_ended(o, t, in, x, s, ret_verdict);
		}
	} else {
		if (stopped_before(o, t, in->device, s->digest)) {
			judge(o, t, in, NULL, s, ret_verdict);
			return 0;
		}
		x = guess(t, in, s);
		if (x)
			x->flags |= FLAG(FLAG_STOP_WITHOUT_ID);
	}
	judge(o, t, in, x, s, ret_verdict);
	if (!x) {
		station_quirks(o, t, in->st, QUIRK_BIT(QUIRK_UNKNOWN_TRANSACTION));
		return orphan_keep(t, in->device, in->action, in->payload);
	}
	apply_stop(o, t, in, x, s);
	return transaction_end(o, t, in->device, x);
}

/* ---- meter values ---------------------------------------------------------------------------- */

int sessions_reading(struct ocpp *o, struct gv_turn *t, struct inbound *in, uint32_t connector, struct meter *m)
{
	station_quirks(o, t, in->st, m->quirks);
	return readings_keep(o, t, in->device, connector, m);
}

int sessions_tell_meter(struct gv_turn *t, const char *device, const Ocpp__Transaction *x, const struct meter *m)
{
	Charging__SessionMetered event = CHARGING__SESSION_METERED__INIT;

	event.device = (char *)device;
	event.session_id = (char *)model_session_id(t, device, x->id);
	event.energy_wh = x->energy_wh;
	event.power_w = x->power_w;
	event.n_samples = m->n;
	event.samples = meter_samples(t, m);
	return gv_emit(t, &event);
}

static int meter_running(struct ocpp *o, struct gv_turn *t, struct inbound *in, Ocpp__Transaction *x, struct meter *m)
{
	unsigned flags = x->flags;

	if (meter_append(o, t, x, m))
		return -EIO;
	if (!m->n)
		return 0;
	if (!x->started_at_ms && m->has_register && m->register_wh < x->register_wh) {
		const Ocpp__Transaction *whole = transaction_on(t, in->device, x->connector);

		x->started_at_ms = whole ? whole->started_at_ms : 0;
	}
	meter_apply(t, x, m);
	note_backwards(o, t, in, x, flags);
	transaction_put_progress(t, in->device, x);
	return sessions_tell_meter(t, in->device, x, m);
}

static int meter_ended(struct ocpp *o, struct gv_turn *t, struct inbound *in, Ocpp__Transaction *x, struct meter *m)
{
	if (meter_append(o, t, x, m))
		return -EIO;
	if (!m->n)
		return 0;
	x->flags |= FLAG(FLAG_SAMPLES_AFTER_STOP) | m->flags;
	station_quirks(o, t, in->st, QUIRK_BIT(QUIRK_LATE_SAMPLES));
	return transaction_put_ended(o, t, in->device, x);
}

/* Whether samples that name no running transaction are those of the one that runs on their connector, by their time:
 * `ended`, which they name, NULL where it is unknown, may have waited in the charger's queue. */
static bool is_of_running(const Ocpp__Transaction *running, const Ocpp__Transaction *ended, const struct meter *m)
{
	if (!running || running->name[0]) /* the charger has named it, in another version */
		return false;
	if (m->replaced)
		return !ended;
	return m->oldest_ms >= running->started_at_ms && (!ended || m->oldest_ms > ended->ended_at_ms);
}

/* Samples with the id of a transaction that does not run: over, another charger's, or none at all. */
static int meter_other(struct ocpp *o, struct gv_turn *t, struct inbound *in, const struct said_values *s)
{
	Ocpp__Transaction *ended = transaction_ended(t, in->device, (int32_t)s->id),
			  *running = transaction_on(t, in->device, s->connector);

	if (is_of_running(running, ended, s->values)) {
		running->flags |= FLAG(FLAG_METER_FOREIGN_ID);
		station_quirks(o, t, in->st, QUIRK_BIT(QUIRK_FOREIGN_TRANSACTION));
		return meter_running(o, t, in, running, s->values);
	}
	if (ended)
		return meter_ended(o, t, in, ended, s->values);
	station_quirks(o, t, in->st, QUIRK_BIT(QUIRK_UNKNOWN_TRANSACTION));
	return orphan_keep(t, in->device, in->action, in->payload);
}

int sessions_meter(struct ocpp *o, struct gv_turn *t, struct inbound *in, const struct said_values *s)
{
	bool usable = s->id > 0 && s->id <= INT32_MAX;
	Ocpp__Transaction *x = transaction_metered(t, in->device, s->connector);

	station_quirks(o, t, in->st, s->values->quirks);
	if (x && (usable ? x->id != s->id : x->n_seen > 0))
		x = NULL; /* another is meant; or this one's messages are numbered, and it is none of them */
	if (!x && usable)
		x = transaction_active(t, in->device, (int32_t)s->id);
	if (x) {
		/* 0 and -1 are what chargers send that never had the id, or do not care: the only transaction of the
		 * connector is meant. */
		if (!usable)
			x->flags |= FLAG(FLAG_METER_WITHOUT_ID);
		return meter_running(o, t, in, x, s->values);
	}
	if (usable)
		return meter_other(o, t, in, s);
	if (!s->id)
		return sessions_reading(o, t, in, s->connector, s->values);
	station_quirks(o, t, in->st, QUIRK_BIT(QUIRK_UNKNOWN_TRANSACTION));
	return orphan_keep(t, in->device, in->action, in->payload);
}
