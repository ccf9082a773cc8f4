/* What is told of sessions: a beginning, samples, an end, a flag, a case. */
#include "cloud.h"

#include <string.h>

static const char *timer(struct gv_turn *t, const Ble__SessionRow *row)
{
	return gv_str(t, CLOUD_NAME ":session:%s", row->id);
}

void session_arm(struct gv_turn *t, const Ble__SessionRow *row, const char *hex, int64_t at_ms)
{
	Ble__Due due = BLE__DUE__INIT;

	due.device = row->device;
	due.session = (char *)hex;
	gv_timer(t, timer(t, row), at_ms, &due);
}

static bool has_flag(const Ble__SessionRow *row, const char *flag)
{
	for (size_t i = 0; i < row->n_flags; i++)
		if (!strcmp(row->flags[i], flag))
			return true;
	return false;
}

void session_flag(struct gv_turn *t, Ble__SessionRow *row, const char *flag)
{
	if (!has_flag(row, flag))
		*GV_APPEND(t, row->flags, row->n_flags) = (char *)flag;
}

void session_case(struct gv_turn *t, const Ble__SessionRow *row, const char *kind, uint64_t seq, const char *text)
{
	Ble__Case it = BLE__CASE__INIT;

	it.device = row->device;
	it.kind = (char *)kind;
	it.session = row->id;
	it.jti = row->jti;
	it.chain = row->chain;
	it.seq = seq;
	it.text = (char *)text;
	case_open(t, &it, row->id);
}

/* ---- telling --------------------------------------------------------------------------------- */

void session_tell_start(struct gv_turn *t, const char *hex, Ble__SessionRow *row)
{
	Charging__SessionStarted e = CHARGING__SESSION_STARTED__INIT;
	Ble__SessionAt at = BLE__SESSION_AT__INIT;

	if (row->told_start)
		return;
	row->told_start = true;
	at.device = row->device;
	at.session = (char *)hex;
	gv_put(t, &cloud_open_sessions, gv_key(row->device, hex), &at);
	gv_put(t, &cloud_session_times, gv_key("", row->started_at_ms, row->id), &at);
	gv_put(t, &cloud_session_times, gv_key(row->device, row->started_at_ms, row->id), &at);
	e.device = row->device;
	e.session = session_show(t, row);
	e.session->state = CHARGING__SESSION_STATE__ACTIVE;
	e.session->ended_at_ms = e.session->meter_stop_wh = e.session->energy_wh = 0;
	gv_emit(t, &e);
}

void session_tell_end(struct gv_turn *t, const char *hex, Ble__SessionRow *row)
{
	Charging__SessionEnded e = CHARGING__SESSION_ENDED__INIT;

	session_tell_start(t, hex, row);
	row->told_end = true;
	gv_delete(t, &cloud_open_sessions, gv_key(row->device, hex));
	gv_timer_cancel(t, timer(t, row));
	case_settled(t, row->device, "no-end", row->id);
	e.device = row->device;
	e.session = session_show(t, row);
	gv_emit(t, &e);
}

void session_tell_metered(struct gv_turn *t, const Ble__SessionRow *row, const struct ble_record *r, int64_t at_ms)
{
	Charging__SessionMetered e = CHARGING__SESSION_METERED__INIT;
	Charging__Sample sample = CHARGING__SAMPLE__INIT, *samples = &sample;

	sample.time_ms = at_ms;
	sample.measurand = (char *)"Energy.Active.Import.Register";
	sample.value = (double)r->meter_wh;
	sample.unit = (char *)"Wh";
	e.device = row->device;
	e.session_id = row->id;
	e.energy_wh = row->energy_wh;
	e.samples = &samples;
	e.n_samples = 1;
	gv_emit(t, &e);
}
