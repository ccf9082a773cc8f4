/* Sessions: begun with the state first and the relay last, ended with the relay first and the state last, so that a
 * power loss anywhere between leaves either no session, or one that the next boot ends. */
#include "pile_internal.h"

#include <string.h>

#define LOOK_MS 1000 /* at a meter that may reach its limit */

struct ble_pile_session *mind_session_of(struct ble_pile *p, unsigned connector)
{
	return connector >= 1 && connector <= p->config.connectors ? &p->state.sessions[connector - 1] : NULL;
}

static uint64_t meter_wh(const struct ble_pile *p, unsigned connector)
{
	return p->hardware.meter_wh(p->hardware.user, connector);
}

static void switch_relay(const struct ble_pile *p, unsigned connector, bool closed)
{
	p->hardware.relay(p->hardware.user, connector, closed);
}

static uint32_t session_wh(const struct ble_pile *p, unsigned connector, const struct ble_pile_session *s)
{
	uint64_t wh = meter_wh(p, connector);

	wh = wh > s->start_meter_wh ? wh - s->start_meter_wh : 0;
	return wh < UINT32_MAX ? (uint32_t)wh : UINT32_MAX;
}

static void unuse(struct ble_used *used, const uint8_t jti[16])
{
	for (size_t i = 0; i < BLE_USED_MAX; i++)
		if (used->at[i].expires && ble_same(used->at[i].jti, jti, 16))
			memset(&used->at[i], 0, sizeof(used->at[i]));
}

/* ---- begin ----------------------------------------------------------------------------------- */

static void of_session(struct ble_record *record, const struct ble_pile_session *s, uint64_t wh)
{
	record->has |= BLE_HAS(BLE_RECORD_SESSION) | BLE_HAS(BLE_RECORD_METER_WH);
	memcpy(record->session, s->id, 16);
	record->meter_wh = wh;
}

static int write_start(struct ble_pile *p, unsigned connector, const struct ble_pile_session *s)
{
	struct ble_record record = { .has = BLE_HAS(BLE_RECORD_JTI) | BLE_HAS(BLE_RECORD_TARIFF),
				     .type = BLE_RECORD_START };

	of_session(&record, s, s->start_meter_wh);
	memcpy(record.jti, s->jti, 16);
	memcpy(record.tariff, s->tariff, 8);
	return mind_store_append(p, connector, &record);
}

/* As if it had never been: its start is in no record. */
static void undo(struct ble_pile *p, struct ble_pile_session *s)
{
	unuse(&p->state.used, s->jti);
	memset(s, 0, sizeof(*s));
	mind_store_write_state(p);
}

int mind_session_start(struct ble_pile *p, unsigned connector, const struct leave *leave)
{
	struct ble_pile_session *s = mind_session_of(p, connector), it = { .active = true };
	int r;

	if (!s)
		return -BLE_NOT_ALLOWED;
	if (s->active || p->installing)
		return -BLE_BUSY;
	if (p->broken || mind_store_at_reserve(p))
		return -BLE_STORE_FULL;
	it.start_seq = p->chain.next;
	r = ble_session_id(p->config.crypto, p->config.id, p->chain.chain, it.start_seq, it.id);
	if (r == 0 && leave->once)
		r = ble_used_add(&p->state.used, leave->grant.jti, leave->grant.expires,
				 ble_clock_low(&p->clock, p->now_ms));
	if (r < 0)
		return r;
	memcpy(it.jti, leave->grant.jti, 16);
	memcpy(it.order, leave->order, 16);
	memcpy(it.holder, leave->holder, 32);
	memcpy(it.tariff, leave->grant.tariff, 8);
	it.max_wh = leave->grant.max_wh;
	it.max_minutes = leave->grant.max_minutes;
	it.start_meter_wh = meter_wh(p, connector);
	it.boot = p->state.boot;
	it.started_ms = it.metered_ms = p->now_ms;
	*s = it;
	r = mind_store_write_state(p);
	if (r == 0)
		r = write_start(p, connector, s);
	if (r < 0) {
		undo(p, s);
		return r;
	}
	switch_relay(p, connector, true);
	p->uplink.status_due = true;
	p->started++;
	return 0;
}

/* ---- end ------------------------------------------------------------------------------------- */

int mind_session_end(struct ble_pile *p, unsigned connector, enum ble_reason reason)
{
	struct ble_pile_session *s = mind_session_of(p, connector);
	struct ble_record record = { .has = BLE_HAS(BLE_RECORD_JTI) | BLE_HAS(BLE_RECORD_SESSION_WH) |
					    BLE_HAS(BLE_RECORD_REASON) | BLE_HAS(BLE_RECORD_TARIFF),
				     .type = BLE_RECORD_END };
	uint64_t seq = p->chain.next;
	int r;

	if (!s || !s->active)
		return -BLE_NOT_ALLOWED;
	switch_relay(p, connector, false);
	of_session(&record, s, meter_wh(p, connector));
	record.session_wh = session_wh(p, connector, s);
	memcpy(record.jti, s->jti, 16);
	memcpy(record.tariff, s->tariff, 8);
	record.reason = (uint8_t)reason;
	if (s->boot == p->state.boot) {
		record.has |= BLE_HAS(BLE_RECORD_DURATION);
		record.duration_s = (uint32_t)((p->now_ms - s->started_ms) / 1000);
	}
	r = mind_store_append(p, connector, &record);
	if (r < 0)
		return r; /* the next boot tries again */
	s->active = false;
	s->end_seq = seq;
	p->uplink.status_due = true;
	return mind_store_write_state(p);
}

/* ---- behind a boot --------------------------------------------------------------------------- */

/* The number of the record that ended it; 0: none did. */
static uint64_t ended_by(struct ble_pile *p, unsigned connector, const struct ble_pile_session *s)
{
	struct place it;

	for (uint64_t seq = p->chain.next - 1; seq > s->start_seq && seq > p->state.acked; seq--)
		if (mind_store_read(p, seq, &it) && it.type == BLE_RECORD_END && it.connector == connector)
			return seq;
	return 0;
}

void mind_sessions_recover(struct ble_pile *p)
{
	for (unsigned c = 1; c <= p->config.connectors; c++) {
		struct ble_pile_session *s = mind_session_of(p, c);
		uint64_t end = s->active ? ended_by(p, c, s) : 0;

		switch_relay(p, c, false);
		if (!s->active)
			continue;
		if (s->start_seq >= p->chain.next) {
			undo(p, s);
		} else if (end) {
			s->active = false;
			s->end_seq = end;
			mind_store_write_state(p);
		} else {
			mind_session_end(p, c, BLE_REASON_POWER);
		}
	}
}

/* ---- while it runs --------------------------------------------------------------------------- */

static void write_meter(struct ble_pile *p, unsigned connector, struct ble_pile_session *s)
{
	struct ble_record record = { .has = BLE_HAS(BLE_RECORD_SESSION_WH), .type = BLE_RECORD_METER };

	s->metered_ms = p->now_ms;
	if (mind_store_nearly_full(p)) {
		p->thinned++;
		return;
	}
	of_session(&record, s, meter_wh(p, connector));
	record.session_wh = session_wh(p, connector, s);
	mind_store_note(p, connector, &record);
	p->uplink.status_due = true;
}

static enum ble_reason used_up(const struct ble_pile *p, unsigned connector, const struct ble_pile_session *s)
{
	if (s->max_wh && session_wh(p, connector, s) >= s->max_wh)
		return BLE_REASON_ENERGY;
	if (s->max_minutes && p->now_ms - s->started_ms >= (uint64_t)s->max_minutes * 60000)
		return BLE_REASON_TIME;
	return 0;
}

uint64_t mind_sessions_tick(struct ble_pile *p)
{
	uint64_t next = UINT64_MAX;

	for (unsigned c = 1; c <= p->config.connectors; c++) {
		struct ble_pile_session *s = mind_session_of(p, c);
		enum ble_reason reason = s->active ? used_up(p, c, s) : 0;

		if (reason)
			mind_session_end(p, c, reason);
		else if (s->active && p->config.meter_s &&
			 p->now_ms - s->metered_ms >= (uint64_t)p->config.meter_s * 1000)
			write_meter(p, c, s);
		if (s->active)
			next = p->now_ms + LOOK_MS;
	}
	return next;
}
