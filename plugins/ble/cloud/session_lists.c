/* Sessions as others ask for them. */
#include "cloud.h"

#include <string.h>

const Ble__SessionRow *session_find(struct gv_turn *t, const char *id)
{
	const char *slash = strrchr(id, '/');

	return slash && strlen(id) < 256
		       ? gv_get(t, &cloud_sessions, gv_key(gv_str(t, "%.*s", (int)(slash - id), id), slash + 1))
		       : NULL;
}

Charging__Session *session_show(struct gv_turn *t, const Ble__SessionRow *row)
{
	Charging__Session *s = gv_alloc(t, sizeof(*s));

	charging__session__init(s);
	s->id = row->id;
	s->device = row->device;
	s->connector = row->connector;
	s->token = row->token;
	s->state = row->told_end ? CHARGING__SESSION_STATE__ENDED : CHARGING__SESSION_STATE__ACTIVE;
	s->started_at_ms = row->started_at_ms;
	s->ended_at_ms = row->ended_at_ms;
	s->meter_start_wh = row->meter_start_wh;
	s->meter_stop_wh = row->meter_stop_wh;
	s->energy_wh = row->energy_wh;
	s->reason = row->reason;
	s->request_id = row->request_id;
	s->token_status = (char *)(row->request_id[0] ? "Accepted" : "Invalid");
	s->transaction_id = (char *)(strrchr(row->id, '/') ? strrchr(row->id, '/') + 1 : row->id);
	s->flags = row->flags;
	s->n_flags = row->n_flags;
	return s;
}

static void add_sample(struct gv_turn *t, Charging__Session *s, int64_t at_ms, const struct ble_record *r)
{
	Charging__Sample *sample = gv_alloc(t, sizeof(*sample));

	charging__sample__init(sample);
	sample->time_ms = at_ms;
	sample->measurand = (char *)"Energy.Active.Import.Register";
	sample->value = (double)r->meter_wh;
	sample->unit = (char *)"Wh";
	sample->context = (char *)(r->type == BLE_RECORD_START ? "Transaction.Begin"
				   : r->type == BLE_RECORD_END ? "Transaction.End"
							       : "");
	*GV_APPEND(t, s->samples, s->n_samples) = sample;
}

/* Out of its records, which lie between its ends. */
static void add_samples(struct cloud *c, struct gv_turn *t, const Ble__SessionRow *row, Charging__Session *s)
{
	struct gv_scan scan = { .table = &cloud_records, .prefix = gv_key(row->device, row->chain) };
	const char *own = s->transaction_id;
	unsigned seen = 0;
	struct pile p;

	if (!row->start_seq || !pile_find(t, row->device, &p))
		return;
	scan.after = gv_key(row->device, row->chain, row->start_seq - 1);
	while (seen++ < CLOUD_SCAN_MAX && s->n_samples < CLOUD_SAMPLES_MAX && gv_next(t, &scan)) {
		const Ble__RecordRow *at = scan.row;
		struct ble_record r;

		if (row->end_seq && scan.key.part[2].u > row->end_seq)
			return;
		if (ble_record_read(at->document.data, at->document.len, &r) == 0 && sessions_open_body(c, t, &p, &r) &&
		    (r.has & BLE_HAS(BLE_RECORD_METER_WH)) && (r.has & BLE_HAS(BLE_RECORD_SESSION)) &&
		    !strcmp(pile_hex(t, r.session, 16), own))
			add_sample(t, s, clock_time(t, &p, &r), &r);
	}
}

int sessions_get(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const char *id = ((const Charging__GetSessionRequest *)m)->id;
	Charging__GetSessionReply reply = CHARGING__GET_SESSION_REPLY__INIT;
	const Ble__SessionRow *row = session_find(t, id);
	struct cloud *c = cloud_of(self, t, to);

	if (!c)
		return 0;
	if (!row || !row->told_start)
		return gv_refuse(t, to, GV_NOT_FOUND, "there is no session \"%.200s\"", id);
	reply.session = session_show(t, row);
	if (!row->told_end && !line_of(c, row->device)) /* so its silence says nothing */
		*GV_APPEND(t, reply.session->flags, reply.session->n_flags) = (char *)"off-line";
	add_samples(c, t, row, reply.session);
	return gv_reply(t, to, &reply);
}

int sessions_list(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Charging__ListSessionsRequest *r = (const Charging__ListSessionsRequest *)m;
	struct gv_scan scan = { .table = &cloud_session_times, .prefix = gv_key(r->device), .reverse = true };
	Charging__ListSessionsReply reply = CHARGING__LIST_SESSIONS_REPLY__INIT;
	unsigned seen = 0;

	if (!cloud_of(self, t, to))
		return 0;
	while (reply.n_sessions < cloud_limit(r->limit) && seen++ < CLOUD_SCAN_MAX && gv_next(t, &scan)) {
		const Ble__SessionAt *at = scan.row;
		const Ble__SessionRow *row = gv_get(t, &cloud_sessions, gv_key(at->device, at->session));
		Charging__Session *s = row ? session_show(t, row) : NULL;

		if (s && (r->state == CHARGING__SESSION_STATE__SESSION_STATE_UNSPECIFIED || r->state == s->state))
			*GV_APPEND(t, reply.sessions, reply.n_sessions) = s;
	}
	return gv_reply(t, to, &reply);
}

int sessions_snapshot(void *self, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &cloud_open_sessions };

	while (gv_next(t, &scan)) {
		const Ble__SessionRow *row = gv_get(t, &cloud_sessions, scan.key);
		Charging__SessionStarted e = CHARGING__SESSION_STARTED__INIT;

		if (!row)
			continue;
		e.device = row->device;
		e.session = session_show(t, row);
		gv_emit(t, &e);
	}
	return 0;
}
