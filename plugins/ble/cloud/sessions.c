/* Sessions, out of records: a start and an end that a pile signed, in whatever order they come. Each is told once. An
 * end has totals, so it is told although its start, or what lies between, is still on some phone; where what comes
 * later changes it, it is told again, and billing corrects. */
#include "cloud.h"
#include "../core/ble_openssl.h"

#include <string.h>

#define JTI_TOKEN "jti:" /* the token of a session whose jti no grant has */

/* ---- whose ----------------------------------------------------------------------------------- */

/* The grant that it names, or a case. */
static void take_jti(struct gv_turn *t, Ble__SessionRow *row, const struct ble_record *r)
{
	const Ble__GrantRow *g;

	if (row->jti[0] || !(r->has & BLE_HAS(BLE_RECORD_JTI)))
		return;
	row->jti = (char *)pile_hex(t, r->jti, 16);
	g = grant_find(t, row->device, r->jti);
	if (g && (strcmp(g->state, "started") != 0 || !strcmp(g->session, row->id))) {
		row->token = g->token;
		row->request_id = g->request_id;
		grant_started(t, row->device, r->jti, row->id);
		return;
	}
	row->token = gv_str(t, JTI_TOKEN "%s", row->jti);
	session_flag(t, row, g ? "jti-twice" : "unknown-jti");
	session_case(t, row, "unknown-jti", r->seq,
		     g ? gv_str(t, "it names the voucher of %s, which has started already", g->session)
		       : "it names a voucher that this cloud has not signed for this pile");
}

/* The price is the cloud's, by what the driver was shown; a pile that showed or reckoned by another one is looked at.
 */
static void check_tariff(struct gv_turn *t, Ble__SessionRow *row, const struct ble_record *r)
{
	uint8_t jti[16];
	const Ble__GrantRow *g = pile_unhex(row->jti, jti, 16) ? grant_find(t, row->device, jti) : NULL;

	if (!g || !(r->has & BLE_HAS(BLE_RECORD_TARIFF)) || grant_agrees(g, r->tariff))
		return;
	session_flag(t, row, "tariff-mismatch");
	session_case(
		t, row, "tariff", r->seq,
		gv_str(t,
		       "it names the tariff %s, and what was agreed with the driver is %s: it is charged by that. Look "
		       "what the pile shows",
		       pile_hex(t, r->tariff, sizeof(r->tariff)),
		       g->tariff.len ? pile_hex(t, g->tariff.data, g->tariff.len) : "none"));
}

/* ---- what the records say -------------------------------------------------------------------- */

static const char *reason(uint8_t number)
{
	static const char *const names[] = {
		[BLE_REASON_HOLDER] = "Local",
		[BLE_REASON_OPERATOR] = "Local",
		[BLE_REASON_CLOUD] = "Remote",
		[BLE_REASON_UNPLUGGED] = "EVDisconnected",
		[BLE_REASON_EMERGENCY] = "EmergencyStop",
		[BLE_REASON_FAULT] = "Other",
		[BLE_REASON_ENERGY] = "EnergyLimitReached",
		[BLE_REASON_TIME] = "TimeLimitReached",
		[BLE_REASON_POWER] = "PowerLoss",
	};

	return number < sizeof(names) / sizeof(*names) && names[number] ? names[number] : "Other";
}

static void fill_start(struct gv_turn *t, const struct pile *p, Ble__SessionRow *row, const struct ble_record *r)
{
	row->start_seq = r->seq;
	row->connector = r->connector;
	row->started_at_ms = clock_time(t, p, r);
	row->meter_start_wh = (int64_t)r->meter_wh;
}

static void fill_end(struct gv_turn *t, const struct pile *p, Ble__SessionRow *row, const struct ble_record *r)
{
	int64_t energy = (int64_t)r->session_wh;

	row->end_seq = r->seq;
	row->connector = r->connector;
	row->ended_at_ms = clock_time(t, p, r);
	row->meter_stop_wh = (int64_t)r->meter_wh;
	row->reason = (char *)reason(r->reason);
	if (!(r->has & BLE_HAS(BLE_RECORD_SESSION_WH)))
		energy = row->start_seq && row->meter_stop_wh > row->meter_start_wh
				 ? row->meter_stop_wh - row->meter_start_wh
				 : row->energy_wh;
	row->energy_wh = energy;
	if (!row->start_seq) {
		row->started_at_ms = row->ended_at_ms - 1000 * (int64_t)r->duration_s;
		row->meter_start_wh = row->meter_stop_wh > energy ? row->meter_stop_wh - energy : 0;
	}
	if (row->ended_at_ms < row->started_at_ms)
		row->ended_at_ms = row->started_at_ms;
}

static bool load(struct cloud *c, struct gv_turn *t, const struct pile *p, uint32_t chain, uint64_t seq,
		 struct ble_record *ret)
{
	const Ble__RecordRow *row = gv_get(t, &cloud_records, gv_key(p->device, chain, seq));

	return row && ble_record_read(row->document.data, row->document.len, ret) == 0 &&
	       sessions_open_body(c, t, p, ret);
}

/* Both ends are here: do they add up? */
static void compare(struct cloud *c, struct gv_turn *t, const struct pile *p, Ble__SessionRow *row)
{
	struct ble_record start, end;

	if (!row->start_seq || !row->end_seq || !load(c, t, p, row->chain, row->start_seq, &start) ||
	    !load(c, t, p, row->chain, row->end_seq, &end) || ble_session_adds_up(&start, &end) == 0)
		return;
	session_flag(t, row, "meter-mismatch");
	session_case(
		t, row, "meter", row->end_seq,
		gv_str(t,
		       "its meter went from %llu to %llu Wh, and it says that %u Wh were delivered: that is what is "
		       "charged for",
		       (unsigned long long)start.meter_wh, (unsigned long long)end.meter_wh, end.session_wh));
}

/* A register never falls, whatever session. */
static void check_register(struct gv_turn *t, Ble__SessionRow *row, const struct ble_record *r)
{
	Ble__ConnectorRow *at;
	bool later;

	if (!(r->has & BLE_HAS(BLE_RECORD_METER_WH)))
		return;
	at = gv_edit(t, &cloud_connectors, gv_key(row->device, (unsigned)r->connector));
	later = at->chain != r->chain || r->seq > at->seq;
	if (at->seq && at->chain == r->chain && (later ? r->meter_wh < at->meter_wh : r->meter_wh > at->meter_wh)) {
		session_flag(t, row, "meter-backwards");
		session_case(t, row, "meter", r->seq,
			     gv_str(t,
				    "the register of connector %u ran backwards: %llu Wh in record %llu, %llu Wh in "
				    "record %llu",
				    r->connector, (unsigned long long)at->meter_wh, (unsigned long long)at->seq,
				    (unsigned long long)r->meter_wh, (unsigned long long)r->seq));
	}
	if (!later)
		return;
	at->chain = r->chain;
	at->seq = r->seq;
	at->meter_wh = r->meter_wh;
}

/* ---- by type --------------------------------------------------------------------------------- */

/* Is something between its ends still missing? */
static bool has_gap(struct gv_turn *t, const Ble__SessionRow *row)
{
	const Ble__ChainRow *chain = gv_get(t, &cloud_chains, gv_key(row->device, row->chain));

	if (!row->start_seq)
		return true;
	if (chain && chain->next >= row->end_seq)
		return false;
	for (uint64_t seq = row->start_seq + 1; seq < row->end_seq; seq++)
		if (!gv_get(t, &cloud_records, gv_key(row->device, row->chain, seq)))
			return true;
	return false;
}

/* An end without a start, whose jti it does not say either, waits for it. */
static void end_if_known(struct cloud *c, struct gv_turn *t, const struct pile *p, const char *hex,
			 Ble__SessionRow *row)
{
	if (!row->start_seq && !row->jti[0])
		return;
	compare(c, t, p, row);
	if (has_gap(t, row))
		session_flag(t, row, "chain-gap");
	session_tell_end(t, hex, row);
}

static void on_start(struct cloud *c, struct gv_turn *t, struct pile *p, const char *hex, Ble__SessionRow *row,
		     const struct ble_record *r)
{
	int64_t started_ms = row->started_at_ms;
	int64_t since_wh = row->meter_start_wh;

	fill_start(t, p, row, r);
	if (!row->told_end) {
		if (row->end_seq)
			end_if_known(c, t, p, hex, row);
		else
			session_tell_start(t, hex, row);
		return;
	}
	compare(c, t, p, row);
	if (started_ms == row->ended_at_ms && row->started_at_ms != started_ms) {
		session_flag(t, row, "late-events");
		session_tell_end(t, hex, row);
		return;
	}
	/* Its end had said how long and how much, by the pile's uptime and register: that stays as it was told. */
	row->started_at_ms = started_ms;
	row->meter_start_wh = since_wh;
}

static void on_meter(struct gv_turn *t, const struct pile *p, Ble__SessionRow *row, const struct ble_record *r)
{
	if (row->end_seq || r->seq <= row->last_seq || !(r->has & BLE_HAS(BLE_RECORD_METER_WH)))
		return;
	row->last_seq = r->seq;
	row->connector = r->connector;
	if (!row->told_start)
		return;
	row->energy_wh = (int64_t)r->meter_wh > row->meter_start_wh ? (int64_t)r->meter_wh - row->meter_start_wh : 0;
	session_tell_metered(t, row, r, clock_time(t, p, r));
}

static Ble__SessionRow *take(struct gv_turn *t, const struct pile *p, const char *hex, const struct ble_record *r)
{
	Ble__SessionRow *row = gv_edit(t, &cloud_sessions, gv_key(p->device, hex));

	if (!row->id[0]) {
		row->id = gv_str(t, "%s/%s", p->device, hex);
		row->device = (char *)p->device;
		row->chain = r->chain;
	}
	row->heard_at_ms = gv_now_ms(t);
	if (p->row->quarantined)
		session_flag(t, row, "fork");
	return row;
}

bool sessions_open_body(struct cloud *c, struct gv_turn *t, const struct pile *p, struct ble_record *r)
{
	uint8_t key[32], scratch[BLE_RECORD_MAX];
	uint32_t kid = 0;
	bool opened;

	if (!(r->has & BLE_HAS(BLE_RECORD_SEALED)))
		return true;
	for (int i = 0; i < 4; i++)
		kid = kid << 8 | r->sealed.at[i];
	opened = keys_open(c, t, kid, key) && ble_record_open(&ble_openssl, r, kid, key, scratch) == 0;
	memset(key, 0, sizeof(key));
	return opened;
}

static void sealed_case(struct gv_turn *t, const struct pile *p, const struct ble_record *r)
{
	Ble__Case it = BLE__CASE__INIT;

	it.device = (char *)p->device;
	it.kind = (char *)"sealed";
	it.chain = r->chain;
	it.seq = r->seq;
	it.text = (char *)"a record is sealed for a key that is none of this cloud's, so nobody knows what it says";
	case_open(t, &it, gv_str(t, "%u/%llu", r->chain, (unsigned long long)r->seq));
}

void sessions_record(struct cloud *c, struct gv_turn *t, struct pile *p, const struct ble_record *record)
{
	struct ble_record r = *record;
	Ble__SessionRow *row;
	const char *hex;
	bool fresh;

	if (r.type != BLE_RECORD_START && r.type != BLE_RECORD_METER && r.type != BLE_RECORD_END)
		return;
	if (!sessions_open_body(c, t, p, &r)) {
		sealed_case(t, p, &r);
		return;
	}
	if (!(r.has & BLE_HAS(BLE_RECORD_SESSION)))
		return;
	hex = pile_hex(t, r.session, 16);
	row = take(t, p, hex, &r);
	fresh = !row->start_seq && !row->end_seq && !row->last_seq;
	take_jti(t, row, &r);
	check_tariff(t, row, &r);
	check_register(t, row, &r);
	if (r.type == BLE_RECORD_START && !row->start_seq)
		on_start(c, t, p, hex, row, &r);
	if (r.type == BLE_RECORD_METER)
		on_meter(t, p, row, &r);
	if (r.type == BLE_RECORD_END && !row->end_seq) {
		fill_end(t, p, row, &r);
		if (!row->told_end)
			end_if_known(c, t, p, hex, row);
		else
			session_tell_end(t, hex, row); /* it had been ended as it stood */
	}
	if (fresh && !row->told_end)
		session_arm(t, row, hex, gv_now_ms(t) + 1000 * (int64_t)c->settings->silent_s);
	if (r.type != BLE_RECORD_METER && r.connector)
		connector_say(c, t, p->device, r.connector, row->end_seq ? "Available" : "Charging");
}

/* ---- what does not come ---------------------------------------------------------------------- */

void sessions_passed(struct gv_turn *t, struct pile *p, const struct ble_record *r)
{
	const Ble__SessionRow *before;
	Ble__ConnectorRow *at;

	if (r->type != BLE_RECORD_START || !(r->has & BLE_HAS(BLE_RECORD_SESSION)))
		return;
	at = gv_edit(t, &cloud_connectors, gv_key(p->device, (unsigned)r->connector));
	before = at->session[0] ? gv_get(t, &cloud_sessions, gv_key(p->device, at->session)) : NULL;
	if (before && before->chain == r->chain && before->start_seq < r->seq && !before->end_seq && !before->told_end)
		session_case(
			t, before, "no-end", r->seq,
			"another session began at its connector, and it has no end: close the case, and it ends as it "
			"stands");
	at->session = (char *)pile_hex(t, r->session, 16);
	at->session_seq = r->seq;
}

int sessions_due(struct cloud *c, struct gv_turn *t, const Ble__Due *due)
{
	int64_t silent_ms = 1000 * (int64_t)c->settings->silent_s;
	Ble__SessionRow *row;

	if (!due || !gv_get(t, &cloud_sessions, gv_key(due->device, due->session)))
		return 0;
	row = gv_edit(t, &cloud_sessions, gv_key(due->device, due->session));
	if (row->told_end)
		return 0;
	if (gv_now_ms(t) < row->heard_at_ms + silent_ms)
		session_arm(t, row, due->session, row->heard_at_ms + silent_ms);
	else if (row->end_seq)
		session_tell_end(t, due->session, row); /* nobody knows whose it is, and its start does not come */
	else
		session_case(
			t, row, "no-end", row->start_seq,
			"nothing was heard of it for long: bring the pile's records, or close the case, and it ends as "
			"it stands");
	return 0;
}

void session_end_as_it_stands(struct gv_turn *t, const char *id)
{
	const Ble__SessionRow *found = session_find(t, id);
	const char *hex = strrchr(id, '/');
	Ble__SessionRow *row;

	if (!found || !hex || found->told_end)
		return;
	row = gv_edit(t, &cloud_sessions, gv_key(found->device, hex + 1));
	row->ended_at_ms = row->heard_at_ms > row->started_at_ms ? row->heard_at_ms : row->started_at_ms;
	row->meter_stop_wh = row->meter_start_wh + row->energy_wh;
	row->reason = (char *)"Other";
	session_flag(t, row, "no-stop");
	session_tell_end(t, hex + 1, row);
}
