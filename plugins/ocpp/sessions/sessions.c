/* Transactions as chargers tell them. The rule above all others here: a charger that reports energy is confirmed,
 * whatever else is wrong with what it says (1.6, 4.8 and 4.10; errata 3.18), because one that is not keeps its queue
 * for ever; what was wrong is kept beside the energy. */
#include <plugins/ocpp/ocpp.h>

#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>

#define STOPS_MAX 8 /* ended transactions among which a repeated stop without an id is looked for */
#define TIME_TEXT 40

static uint64_t stop_digest(const cJSON *payload)
{
	const char *texts[] = { json_string(payload, "timestamp"), json_string(payload, "reason"),
				json_string(payload, "idTag") };
	int64_t numbers[] = { json_int(payload, "transactionId", -1), json_int(payload, "meterStop", -1) };
	uint64_t h = 14695981039346656037u;

	for (unsigned i = 0; i < 3; i++)
		for (const char *s = texts[i];; s++) {
			h = (h ^ (unsigned char)*s) * 1099511628211u;
			if (!*s)
				break;
		}
	for (unsigned i = 0; i < 2; i++)
		for (unsigned shift = 0; shift < 64; shift += 8)
			h = (h ^ ((uint64_t)numbers[i] >> shift & 0xff)) * 1099511628211u;
	return h ? h : 1;
}

/* ---- StartTransaction ------------------------------------------------------------------------ */

static int answer_start(struct gv_turn *t, struct inbound *in, const struct verdict *v, int32_t id)
{
	in->answer = gv_str(t, "{\"idTagInfo\":%s,\"transactionId\":%d}", authorize_info(t, v), id);
	return 0;
}

/* What makes a StartTransaction the same one again: 1.6 has no other identity for it. */
static const char *start_key(struct gv_turn *t, const cJSON *payload, const struct when *when, uint32_t connector,
			     int64_t meter, const char *fold)
{
	if (when->replaced)
		return gv_str(t, "%u|%.*s|%lld|%s", connector, TIME_TEXT, json_string(payload, "timestamp"),
			      (long long)meter, fold);
	return gv_str(t, "%u|%lld|%lld|%s", connector, (long long)when->ms, (long long)meter, fold);
}

static int again(struct ocpp *o, struct gv_turn *t, struct inbound *in, const Ocpp__StartRef *ref, const char *tag)
{
	const Ocpp__Transaction *x = transaction_on(t, in->device, ref->connector);
	struct verdict v = authorize(o, t, &(struct ask){ .device = in->device, .tag = tag, .asked_for = true });

	if (!x || x->id != ref->transaction)
		x = transaction_ended(t, in->device, ref->transaction);
	if (x)
		v.status = x->token_status;
	gv_count(t, "repeated_starts", 1);
	return answer_start(t, in, &v, ref->transaction);
}

int sessions_start(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	const char *tag = json_string(in->payload, "idTag"), *request_id = "", *fold = model_fold(t, tag), *key;
	int64_t connector_id = json_int(in->payload, "connectorId", 0), meter = json_wh(in->payload, "meterStart", 0);
	Ocpp__Transaction x = OCPP__TRANSACTION__INIT, *before;
	const Ocpp__Request *request;
	const Ocpp__StartRef *ref;
	uint32_t connector;
	struct verdict v;
	struct when when;

	if (connector_id < 0 || connector_id > OCPP_CONNECTOR_MAX) {
		in->code = RPC_PROPERTY_CONSTRAINT_VIOLATION;
		in->why = "connectorId: must be from 0 to 1000";
		return 0;
	}
	connector = (uint32_t)connector_id;
	when_read(t, in->st, json_get(in->payload, "timestamp"), &when);
	station_quirks(o, t, in->st, when.quirks);
	key = start_key(t, in->payload, &when, connector, meter, fold);
	ref = gv_get(t, &ocpp_starts, gv_key(in->device, key));
	if (ref)
		return again(o, t, in, ref, tag);
	request = request_match(o, t, in->device, fold, &connector, &request_id);
	before = transaction_on(t, in->device, connector);
	if (before)
		transaction_give_up(t, in->device, before, 0, FLAG(FLAG_NO_STOP));
	v = authorize(o, t, &(struct ask){ .device = in->device, .tag = tag, .asked_for = request, .starts = true });
	x.connector = connector;
	x.token = strlen(tag) > OCPP_TAG_MAX ? gv_str(t, "%.*s", OCPP_TAG_MAX, tag) : (char *)tag;
	x.flags = when.flags | (x.token != tag ? FLAG(FLAG_TOKEN_CUT) : 0);
	x.token_status = (char *)v.status;
	x.started_at_ms = when.ms;
	x.meter_start_wh = meter;
	x.request_id = (char *)request_id;
	x.start_key = (char *)key;
	if (transaction_begin(o, t, in->device, &x))
		return -EINVAL;
	authorize_started(t, in->device, &x);
	if (request)
		gv_delete(t, &ocpp_requests, gv_key(in->device, request_id));
	return answer_start(t, in, &v, x.id);
}

/* ---- StopTransaction ------------------------------------------------------------------------- */

/* The running transaction that a stop without a usable id must mean: the only one that its tag, time and meter allow.
 */
static Ocpp__Transaction *guess(struct gv_turn *t, struct inbound *in, const struct when *when)
{
	struct gv_scan scan = { .table = &ocpp_active, .prefix = gv_key(in->device) };
	const char *tag = json_string(in->payload, "idTag");
	int64_t meter = json_wh(in->payload, "meterStop", OCPP_METER_MAX_WH);
	const Ocpp__Transaction *found = NULL;

	while (gv_next(t, &scan)) {
		const Ocpp__Transaction *x = scan.row;

		if ((!when->replaced && x->started_at_ms > when->ms) || x->meter_start_wh > meter)
			continue;
		if (tag[0] && strcmp(model_fold(t, tag), model_fold(t, x->token)) != 0)
			continue;
		if (found)
			return NULL;
		found = x;
	}
	return found ? transaction_on(t, in->device, found->connector) : NULL;
}

/* A stop without a usable id that came before: the transaction that it ended. */
static bool stopped_before(struct gv_turn *t, const char *device, uint64_t digest)
{
	struct gv_scan scan = { .table = &ocpp_history, .prefix = gv_key(device), .reverse = true };

	for (unsigned i = 0; i < STOPS_MAX && gv_next(t, &scan); i++)
		if (((const Ocpp__Transaction *)scan.row)->stop_digest == digest)
			return true;
	return false;
}

static void apply_stop(struct ocpp *o, struct gv_turn *t, struct inbound *in, Ocpp__Transaction *x,
		       const struct when *when, uint64_t digest)
{
	const cJSON *stop = json_get(in->payload, "meterStop");
	const char *reason = json_string(in->payload, "reason");
	struct meter m;

	meter_read(t, in->st, json_get(in->payload, "transactionData"), &m);
	station_quirks(o, t, in->st, m.quirks);
	meter_append(o, t, x, &m);
	meter_apply(x, &m);
	x->flags |= when->flags;
	x->power_w = 0;
	x->stop_digest = digest;
	x->reason = reason[0] ? gv_str(t, "%.50s", reason) : "Local"; /* 1.6, 6.49: absent means Local */
	x->ended_at_ms = when->ms;
	if (x->ended_at_ms < x->started_at_ms) {
		x->flags |= FLAG(FLAG_STOP_BEFORE_START);
		x->ended_at_ms = x->started_at_ms;
	}
	if (!cJSON_IsNumber(stop)) {
		x->flags |= FLAG(FLAG_NO_METER_STOP);
		x->meter_stop_wh = x->meter_start_wh + x->energy_wh;
		return;
	}
	x->meter_stop_wh = json_wh(in->payload, "meterStop", 0);
	if (x->meter_stop_wh >= x->meter_start_wh) {
		x->energy_wh = x->meter_stop_wh - x->meter_start_wh;
		return;
	}
	/* Nothing, or what the samples have shown: never less than nothing. */
	x->flags |= FLAG(FLAG_METER_BACKWARDS);
	station_quirks(o, t, in->st, 1u << QUIRK_METER_BACKWARDS);
}

static void answer_stop(struct ocpp *o, struct gv_turn *t, struct inbound *in, const Ocpp__Transaction *x)
{
	const char *tag = json_string(in->payload, "idTag");
	struct verdict v;

	if (!tag[0])
		return;
	v = authorize(o, t, &(struct ask){ .device = in->device, .tag = tag });
	if (x && !strcmp(model_fold(t, tag), model_fold(t, x->token)))
		v.status = x->token_status;
	in->answer = gv_str(t, "{\"idTagInfo\":%s}", authorize_info(t, &v));
}

/* A stop for what has ended already: said before, or late for one that galvan ended by itself. */
static int stop_ended(struct ocpp *o, struct gv_turn *t, struct inbound *in, Ocpp__Transaction *x,
		      const struct when *when, uint64_t digest)
{
	answer_stop(o, t, in, x);
	if (x->stop_digest || !(x->flags & FLAG(FLAG_NO_STOP))) {
		gv_count(t, "repeated_stops", 1);
		return 0;
	}
	x->flags |= FLAG(FLAG_LATE_STOP);
	apply_stop(o, t, in, x, when, digest);
	return transaction_end(t, in->device, x);
}

int sessions_stop(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	int64_t id = json_int(in->payload, "transactionId", -1);
	bool usable = id > 0 && id <= INT32_MAX;
	uint64_t digest = stop_digest(in->payload);
	Ocpp__Transaction *x;
	struct when when;

	when_read(t, in->st, json_get(in->payload, "timestamp"), &when);
	station_quirks(o, t, in->st, when.quirks | (usable ? 0 : 1u << QUIRK_NO_TRANSACTION_ID));
	x = usable ? transaction_active(t, in->device, (int32_t)id) : NULL;
	if (!x && usable) {
		x = transaction_ended(t, in->device, (int32_t)id);
		if (x)
			return stop_ended(o, t, in, x, &when, digest);
	}
	if (!x && !usable) {
		if (stopped_before(t, in->device, digest)) {
			answer_stop(o, t, in, NULL);
			return 0;
		}
		x = guess(t, in, &when);
		if (x)
			x->flags |= FLAG(FLAG_STOP_WITHOUT_ID);
	}
	answer_stop(o, t, in, x);
	if (!x) {
		station_quirks(o, t, in->st, 1u << QUIRK_UNKNOWN_TRANSACTION);
		return orphan_keep(t, in->device, "StopTransaction", in->payload);
	}
	apply_stop(o, t, in, x, &when, digest);
	return transaction_end(t, in->device, x);
}

/* ---- MeterValues ----------------------------------------------------------------------------- */

/* Samples of no transaction: the newest are kept, as a reading of the meter. */
static int keep_reading(struct ocpp *o, struct gv_turn *t, struct inbound *in, uint32_t connector,
			const struct meter *m)
{
	Ocpp__SampleRow row = OCPP__SAMPLE_ROW__INIT;

	if (!m->n)
		return 0;
	row.time_ms = m->base_ms;
	row.newest_ms = m->newest_ms;
	row.n_readings = m->n;
	row.readings = m->readings;
	return gv_put(t, &ocpp_readings, gv_key(in->device, connector), &row);
}

static int meter_running(struct ocpp *o, struct gv_turn *t, struct inbound *in, Ocpp__Transaction *x, struct meter *m)
{
	Charging__SessionMetered event = CHARGING__SESSION_METERED__INIT;
	unsigned flags = x->flags;

	if (meter_append(o, t, x, m))
		return -EIO;
	if (!m->n)
		return 0;
	meter_apply(x, m);
	if (x->flags & ~flags & FLAG(FLAG_METER_BACKWARDS))
		station_quirks(o, t, in->st, 1u << QUIRK_METER_BACKWARDS);
	transaction_put_progress(t, in->device, x);
	event.device = (char *)in->device;
	event.session_id = (char *)model_session_id(t, in->device, x->id);
	event.energy_wh = x->energy_wh;
	event.power_w = x->power_w;
	event.n_samples = m->n;
	event.samples = meter_samples(t, m);
	return gv_emit(t, &event);
}

static int meter_ended(struct ocpp *o, struct gv_turn *t, struct inbound *in, Ocpp__Transaction *x, struct meter *m)
{
	if (meter_append(o, t, x, m))
		return -EIO;
	if (!m->n)
		return 0;
	x->flags |= FLAG(FLAG_SAMPLES_AFTER_STOP) | m->flags;
	return transaction_put_ended(t, in->device, x);
}

int sessions_meter(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	int64_t connector_id = json_int(in->payload, "connectorId", 0), id = json_int(in->payload, "transactionId", 0);
	uint32_t connector = connector_id < 0 || connector_id > OCPP_CONNECTOR_MAX ? 0 : (uint32_t)connector_id;
	bool usable = id > 0 && id <= INT32_MAX;
	Ocpp__Transaction *x = transaction_metered(t, in->device, connector);
	struct meter m;

	meter_read(t, in->st, json_get(in->payload, "meterValue"), &m);
	station_quirks(o, t, in->st, m.quirks);
	if (x && usable && x->id != id)
		x = NULL;
	if (!x && usable)
		x = transaction_active(t, in->device, (int32_t)id);
	if (x) {
		/* 0 and -1 are what chargers send that never had the id, or do not care: the only transaction of the
		 * connector is meant. */
		if (!usable)
			x->flags |= FLAG(FLAG_METER_WITHOUT_ID);
		return meter_running(o, t, in, x, &m);
	}
	if (usable)
		x = transaction_ended(t, in->device, (int32_t)id);
	if (x)
		return meter_ended(o, t, in, x, &m);
	if (!id)
		return keep_reading(o, t, in, connector, &m);
	station_quirks(o, t, in->st, 1u << QUIRK_UNKNOWN_TRANSACTION);
	return orphan_keep(t, in->device, "MeterValues", in->payload);
}
