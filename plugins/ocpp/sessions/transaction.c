/* Rows of transactions: the few that run, in one small table with another for what changes all the time, and all that
 * have ended. */
#include "costs.h"

#include <plugins/leases/leases.h>
#include <plugins/ocpp/limits/limits.h>
#include <plugins/ocpp/stations/plugged.h>
#include <plugins/ocpp/stations/units.h>

#include <errno.h>
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

static void take_progress(Ocpp__Transaction *x, const Ocpp__Progress *p)
{
	x->energy_wh = p->energy_wh;
	x->newest_row = p->newest_row;
	x->newest_sample_ms = p->newest_sample_ms;
	x->register_wh = p->register_wh;
	x->has_register = p->has_register;
	x->power_w = p->power_w;
	x->flags = p->flags;
	x->n_seen = p->n_seen;
	x->seen = p->seen;
	x->weight = p->weight;
	x->passed = p->passed;
	x->loose = p->loose;
	x->fall = p->fall;
	x->register_ms = p->register_ms;
}

Ocpp__Transaction *transaction_now(struct gv_turn *t, const char *device, const Ocpp__Transaction *row)
{
	Ocpp__Transaction *x = copy(t, row);
	const Ocpp__Progress *p = x ? gv_get(t, &ocpp_progress, gv_key(device, x->connector)) : NULL;

	if (p && p->transaction == x->id)
		take_progress(x, p);
	return x;
}

Ocpp__Transaction *transaction_on(struct gv_turn *t, const char *device, uint32_t connector)
{
	return transaction_now(t, device, gv_get(t, &ocpp_active, gv_key(device, connector)));
}

Ocpp__Transaction *transaction_metered(struct gv_turn *t, const char *device, uint32_t connector)
{
	const Ocpp__Progress *p = gv_get(t, &ocpp_progress, gv_key(device, connector));
	Ocpp__Transaction *x;

	if (!p) /* as it is in stores of before there were such rows */
		return transaction_on(t, device, connector);
	x = gv_alloc(t, sizeof *x);
	ocpp__transaction__init(x);
	x->id = p->transaction;
	x->connector = connector;
	x->meter_start_wh = p->meter_start_wh;
	take_progress(x, p);
	return x;
}

Ocpp__Transaction *transaction_active(struct gv_turn *t, const char *device, int32_t id)
{
	struct gv_scan scan = { .table = &ocpp_active, .prefix = gv_key(device) };

	while (gv_next(t, &scan))
		if (((const Ocpp__Transaction *)scan.row)->id == id)
			return transaction_now(t, device, scan.row);
	return NULL;
}

Ocpp__Transaction *transaction_ended(struct gv_turn *t, const char *device, int32_t id)
{
	return id > 0 ? copy(t, gv_get(t, &ocpp_history, gv_key(device, (uint64_t)id))) : NULL;
}

int transaction_put_progress(struct gv_turn *t, const char *device, const Ocpp__Transaction *x)
{
	Ocpp__Progress p = OCPP__PROGRESS__INIT;

	p.transaction = x->id;
	p.meter_start_wh = x->meter_start_wh;
	p.energy_wh = x->energy_wh;
	p.newest_row = x->newest_row;
	p.newest_sample_ms = x->newest_sample_ms;
	p.register_wh = x->register_wh;
	p.has_register = x->has_register;
	p.power_w = x->power_w;
	p.flags = x->flags;
	p.n_seen = x->n_seen;
	p.seen = x->seen;
	p.weight = x->weight;
	p.passed = x->passed;
	p.loose = x->loose;
	p.fall = x->fall;
	p.register_ms = x->register_ms;
	return gv_put(t, &ocpp_progress, gv_key(device, x->connector), &p);
}

int transaction_put_ended(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Transaction *x)
{
	const Ocpp__Transaction *before = gv_get(t, &ocpp_history, gv_key(device, (uint64_t)x->id));

	hoard_add(o, t, device, (int64_t)x->weight - (before ? before->weight : 0));
	return gv_put(t, &ocpp_history, gv_key(device, (uint64_t)x->id), x);
}

int transaction_put_active(struct gv_turn *t, const char *device, const Ocpp__Transaction *x)
{
	int error = gv_put(t, &ocpp_active, gv_key(device, x->connector), x);

	return error ? error : transaction_put_progress(t, device, x);
}

int transaction_put_start(struct gv_turn *t, const char *device, const Ocpp__Transaction *x)
{
	Ocpp__StartRef start = OCPP__START_REF__INIT;

	start.transaction = x->id;
	start.connector = x->connector;
	return gv_put(t, &ocpp_starts, gv_key(device, x->start_key), &start);
}

/* Numbers go round in the ids, and the charger may have a session of that time still. */
static bool is_taken(struct gv_turn *t, const char *device, uint64_t number)
{
	int32_t id = id_of(number);

	return number > INT32_MAX && (transaction_ended(t, device, id) || transaction_active(t, device, id));
}

int transaction_number(struct ocpp *o, struct gv_turn *t, const char *device, Ocpp__Transaction *x)
{
	Ocpp__TransactionRef ref = OCPP__TRANSACTION_REF__INIT;
	uint64_t number;

	do {
		number = o->next_transaction;
		o->next_transaction += o->transaction_step;
	} while (is_taken(t, device, number));
	x->id = id_of(number);
	unit_session(o, device, x);
	ref.device = (char *)device;
	ref.connector = x->connector;
	gv_put(t, &ocpp_transactions, gv_key(number), &ref);
	return transaction_put_start(t, device, x);
}

int transaction_tell_start(struct ocpp *o, struct gv_turn *t, const char *device, Ocpp__Transaction *x)
{
	Charging__SessionStarted event = CHARGING__SESSION_STARTED__INIT;

	x->told = true;
	event.device = (char *)device;
	event.session = model_session(t, device, x, !x->reason[0]); /* one may be told of when it is over */
	event.session->shows_cost = costs_shows(t, device, x);
	gv_log(t, GV_INFO, "session started session=%s connector=%u token_status=%s meter_wh=%lld request=%s",
	       event.session->id, x->connector, x->token_status, (long long)x->meter_start_wh, x->request_id);
	if (!x->reason[0])
		lease_begun(o, t, device, x->token);
	return gv_emit(t, &event);
}

int transaction_begin(struct ocpp *o, struct gv_turn *t, const char *device, Ocpp__Transaction *x)
{
	if (transaction_number(o, t, device, x))
		return -EINVAL;
	x->told = true;
	transaction_put_active(t, device, x);
	plugged_session(o, t, device, x, false);
	return transaction_tell_start(o, t, device, x);
}

bool transaction_is_told(const Ocpp__Transaction *x)
{
	return x->told || !x->name[0];
}

int transaction_end(struct ocpp *o, struct gv_turn *t, const char *device, Ocpp__Transaction *x)
{
	Charging__SessionEnded event = CHARGING__SESSION_ENDED__INIT;
	const Ocpp__Transaction *running = gv_get(t, &ocpp_active, gv_key(device, x->connector));

	/* A late stop ends again what has ended, and the connector may have another by now. */
	if (running && running->id == x->id) {
		gv_delete(t, &ocpp_active, gv_key(device, x->connector));
		gv_delete(t, &ocpp_progress, gv_key(device, x->connector));
		limits_ended(o, t, device, x);
		plugged_session(o, t, device, x, true);
	}
	/* Nobody has authorised it: it is told of where it took energy. */
	if (!transaction_is_told(x) && (x->token_order || x->energy_wh > 0))
		transaction_tell_start(o, t, device, x);
	transaction_put_ended(o, t, device, x);
	if (!transaction_is_told(x))
		return 0;
	event.device = (char *)device;
	event.session = model_session(t, device, x, false);
	gv_log(t, GV_INFO, "session ended session=%s energy_wh=%lld reason=%s", event.session->id,
	       (long long)x->energy_wh, x->reason);
	return gv_emit(t, &event);
}

int transaction_give_up(struct ocpp *o, struct gv_turn *t, const char *device, Ocpp__Transaction *x, int64_t at_ms,
			unsigned flags)
{
	x->flags |= flags;
	x->ended_at_ms = at_ms ? at_ms : x->newest_sample_ms;
	if (x->ended_at_ms < x->started_at_ms)
		x->ended_at_ms = x->started_at_ms;
	x->meter_stop_wh = x->meter_start_wh + x->energy_wh;
	x->reason = "Other";
	return transaction_end(o, t, device, x);
}
