/* Rows of transactions: the few that run, in one small table, and all that have ended. */
#include "ocpp.h"

#include <math.h>
#include <string.h>

static Ocpp__Transaction *copy(struct gv_turn *t, const Ocpp__Transaction *row)
{
	Ocpp__Transaction *x;

	if (!row)
		return NULL;
	x = gv_alloc(t, sizeof *x);
	*x = *row;
	return x;
}

Ocpp__Transaction *transaction_on(struct gv_turn *t, const char *device, uint32_t connector)
{
	return copy(t, gv_get(t, &ocpp_active, gv_key(device, connector)));
}

Ocpp__Transaction *transaction_active(struct gv_turn *t, const char *device, int32_t id)
{
	struct gv_scan scan = { .table = &ocpp_active, .prefix = gv_key(device) };

	while (gv_next(t, &scan))
		if (((const Ocpp__Transaction *)scan.row)->id == id)
			return copy(t, scan.row);
	return NULL;
}

Ocpp__Transaction *transaction_ended(struct gv_turn *t, const char *device, int32_t id)
{
	return id > 0 ? copy(t, gv_get(t, &ocpp_history, gv_key(device, (uint64_t)id))) : NULL;
}

int transaction_put_active(struct gv_turn *t, const char *device, const Ocpp__Transaction *x)
{
	return gv_put(t, &ocpp_active, gv_key(device, x->connector), x);
}

int transaction_put_ended(struct gv_turn *t, const char *device, const Ocpp__Transaction *x)
{
	return gv_put(t, &ocpp_history, gv_key(device, (uint64_t)x->id), x);
}

int transaction_begin(struct ocpp *o, struct gv_turn *t, const char *device, Ocpp__Transaction *x)
{
	Ocpp__TransactionRef ref = OCPP__TRANSACTION_REF__INIT;
	Ocpp__StartRef start = OCPP__START_REF__INIT;
	Charging__SessionStarted event = CHARGING__SESSION_STARTED__INIT;

	if (o->next_transaction > INT32_MAX)
		return gv_fault(t, "all 2147483647 transaction ids are used: set up ocpp with a new store");
	x->id = (int32_t)o->next_transaction;
	o->next_transaction += o->transaction_step;
	ref.device = (char *)device;
	ref.connector = x->connector;
	start.transaction = x->id;
	start.connector = x->connector;
	gv_put(t, &ocpp_transactions, gv_key((uint64_t)x->id), &ref);
	gv_put(t, &ocpp_starts, gv_key(device, x->start_key), &start);
	transaction_put_active(t, device, x);
	event.device = (char *)device;
	event.session = model_session(t, device, x, true);
	gv_log(t, GV_INFO, "session started session=%s connector=%u token_status=%s meter_wh=%lld request=%s",
	       event.session->id, x->connector, x->token_status, (long long)x->meter_start_wh, x->request_id);
	return gv_emit(t, &event);
}

int transaction_end(struct gv_turn *t, const char *device, Ocpp__Transaction *x)
{
	Charging__SessionEnded event = CHARGING__SESSION_ENDED__INIT;
	const Ocpp__Transaction *running = gv_get(t, &ocpp_active, gv_key(device, x->connector));

	/* A late stop ends again what has ended, and the connector may have another by now. */
	if (running && running->id == x->id)
		gv_delete(t, &ocpp_active, gv_key(device, x->connector));
	transaction_put_ended(t, device, x);
	event.device = (char *)device;
	event.session = model_session(t, device, x, false);
	gv_log(t, GV_INFO, "session ended session=%s energy_wh=%lld reason=%s", event.session->id,
	       (long long)x->energy_wh, x->reason);
	return gv_emit(t, &event);
}

int transaction_give_up(struct gv_turn *t, const char *device, Ocpp__Transaction *x, int64_t at_ms, unsigned flags)
{
	x->flags |= flags;
	x->ended_at_ms = at_ms ? at_ms : x->newest_sample_ms;
	if (x->ended_at_ms < x->started_at_ms)
		x->ended_at_ms = x->started_at_ms;
	x->meter_stop_wh = x->meter_start_wh + x->energy_wh;
	x->reason = "Other";
	return transaction_end(t, device, x);
}
