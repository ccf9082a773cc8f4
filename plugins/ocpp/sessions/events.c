/* Transactions whose messages are numbered. They come in any order, some twice, some never, and the first one that
 * comes, whichever it is, makes the session. What counts is decided by their numbers: the time of the start is that of
 * the message with the lowest, the token that of the lowest that names one, the meter's start its reading at
 * Transaction.Begin or else its earliest, and energy its greatest reading less that, over resets. So the same messages
 * make the same session, whatever their order. docs/adr/0013. */
#include "event.h"
#include "sequence.h"

#include <plugins/ocpp/limits/limits.h>
#include <plugins/ocpp/lists/reservations.h>
#include <plugins/ocpp/stations/reports.h>
#include <plugins/ocpp/stations/units.h>

#include <errno.h>
#include <math.h>
#include <string.h>

#define ORDER_STARTED 1 /* as Transaction.start_order and token_order count */
#define REASON_MAX 50   /* bytes */

/* ---- the session that is meant --------------------------------------------------------------- */

/* The only EVSE that the charger has told of; 0 where it has several, or none. */
static uint32_t only_connector(struct gv_turn *t, const char *device)
{
	struct gv_scan scan = { .table = &ocpp_connectors, .prefix = gv_key(device) };
	uint32_t only = 0;

	while (gv_next(t, &scan)) {
		if (!scan.key.part[1].u)
			continue;
		if (only)
			return 0;
		only = (uint32_t)scan.key.part[1].u;
	}
	return only;
}

/* Makes room where the transaction is. What runs there and began before it has ended without a word; where that began
 * after it, this one is over. */
static void take_place(struct event *e, uint32_t connector)
{
	Ocpp__Transaction *other = transaction_on(e->t, e->in->device, connector);

	e->x->connector = connector;
	if (!other || other->id == e->x->id)
		return;
	if (e->said->kind == EVENT_ENDED || other->started_at_ms > e->said->when.ms) {
		e->active = false;
		e->x->flags |= FLAG(FLAG_NO_STOP);
		return;
	}
	transaction_give_up(e->o, e->t, e->in->device, other, 0, FLAG(FLAG_NO_STOP));
}

static int begin(struct event *e, const char *key)
{
	Ocpp__Transaction *x = e->x = gv_alloc(e->t, sizeof *x);

	ocpp__transaction__init(x);
	x->name = (char *)e->said->name;
	x->start_key = (char *)key;
	x->meter_basis = OCPP__METER_BASIS__METER_NONE;
	e->active = e->begins = true;
	take_place(e, e->said->has_connector ? e->said->connector : only_connector(e->t, e->in->device));
	return transaction_number(e->o, e->t, e->in->device, x);
}

/* 0 without a transaction: it is one too many. */
static int find(struct event *e)
{
	const char *key = gv_str(e->t, "=%s", e->said->name);
	const Ocpp__StartRef *ref = gv_get(e->t, &ocpp_starts, gv_key(e->in->device, key));

	if (!ref || id_is_anothers(e->o, e->in->st, ref->transaction))
		return quota_start(e->o, e->t, e->in) ? begin(e, key) : 0;
	e->x = transaction_on(e->t, e->in->device, ref->connector);
	e->active = e->x && e->x->id == ref->transaction;
	if (!e->active)
		e->x = transaction_ended(e->t, e->in->device, ref->transaction);
	return e->x ? 0 : gv_fault(e->t, "transaction %d of %s has no row", ref->transaction, e->in->device);
}

/* The EVSE is named once, and that message may be the one that was late. */
static void move(struct event *e)
{
	uint32_t from = e->x->connector;

	if (e->begins || !e->said->has_connector || !e->said->connector || e->said->connector == from)
		return;
	if (e->active) {
		gv_delete(e->t, &ocpp_active, gv_key(e->in->device, from));
		gv_delete(e->t, &ocpp_progress, gv_key(e->in->device, from));
		take_place(e, e->said->connector);
		authorize_started(e->t, e->in->device, e->x);
	}
	e->x->connector = e->said->connector;
	unit_session(e->o, e->in->device, e->x);
	transaction_put_start(e->t, e->in->device, e->x);
}

/* ---- what the message says ------------------------------------------------------------------- */

/* Where the message stands among the transaction's. One without a number is taken as the newest. */
static void take_number(struct event *e)
{
	Ocpp__Transaction *x = e->x;
	int64_t last = x->n_seen ? (int64_t)x->seen[x->n_seen - 1] : -1;
	bool numbered = e->said->number >= 0 && e->said->number <= INT32_MAX;
	int64_t number = numbered ? e->said->number : last + 1;

	e->order = e->said->kind == EVENT_STARTED ? ORDER_STARTED : number + ORDER_STARTED + 1;
	e->newest = number > last;
	if (numbered && sequence_has(x->seen, x->n_seen, (uint32_t)number))
		gv_count(e->t, "repeated_events", 1);
	if (numbered)
		sequence_add(e->t, &x->seen, &x->n_seen, (uint32_t)number);
	x->has_start |= e->said->kind == EVENT_STARTED;
}

static void take_start(struct event *e)
{
	Ocpp__Transaction *x = e->x;

	if (x->start_order && x->start_order <= e->order)
		return;
	x->start_order = e->order;
	x->started_at_ms = e->said->when.ms;
}

/* The Start that asked for it: by its number, or, as in 1.6, by its token and connector. */
static const Ocpp__Request *take_request(struct event *e, const char *fold)
{
	const Ocpp__Request *request = NULL;
	const char *id = "";

	if (e->x->request_id[0])
		return NULL;
	if (e->said->start_number)
		request = request_numbered(e->t, e->in->device, e->said->start_number, &id);
	else if (fold)
		request = request_match(e->o, e->t, e->in->device, fold, &e->x->connector, &id);
	if (!request)
		return NULL;
	e->x->request_id = gv_strdup(e->t, id);
	limits_began(e->t, e->in->device, request->profile, e->x);
	gv_delete(e->t, &ocpp_requests, gv_key(e->in->device, id));
	return request;
}

static void take_reservation(struct event *e, const char *tag, const char *parent)
{
	Ocpp__Transaction *x = e->x;
	struct reservation_match reserved;

	reservation_match(e->t,
			  &(struct reservation_claim){ e->in->device, x->connector, tag, parent, e->said->reservation,
						       e->said->when.ms },
			  &reserved);
	x->flags |= reserved.foreign ? FLAG(FLAG_RESERVED_FOR_ANOTHER) : 0;
	reservation_use(e->t, e->in->device, reserved.id, model_session_id(e->t, e->in->device, x->id));
}

static void take_token(struct event *e)
{
	Ocpp__Transaction *x = e->x;
	const char *tag = e->said->token, *fold = tag ? model_fold(e->t, tag) : NULL;
	bool other = tag && (!x->token_order || strcmp(fold, model_fold(e->t, x->token)) != 0);
	const Ocpp__Request *request = take_request(e, fold);
	struct verdict v;

	if (!tag && request && !x->token_order) { /* the charger has been told the token, and says no more of it */
		tag = request->token;
		other = true;
	}
	if (!tag || (x->token_order && x->token_order <= e->order))
		return;
	x->token_order = e->order;
	if (!other)
		return;
	v = authorize(
		e->o, e->t,
		&(struct ask){ .device = e->in->device, .tag = tag, .asked_for = x->request_id[0], .starts = true });
	take_reservation(e, tag, v.parent);
	x->token = strlen(tag) > OCPP_TAG_MAX ? gv_str(e->t, "%.*s", OCPP_TAG_MAX, tag) : gv_strdup(e->t, tag);
	x->flags |= strlen(tag) > OCPP_TAG_MAX ? FLAG(FLAG_TOKEN_CUT) : 0;
	x->token_type = (char *)(e->said->token ? e->said->token_type : request->token_type);
	x->token_status = (char *)v.status;
}

static void take_details(struct event *e)
{
	Ocpp__Transaction *x = e->x;

	x->flags |= e->said->when.flags | (e->said->offline ? FLAG(FLAG_OFFLINE) : 0);
	if (e->said->phases && e->newest)
		x->phases = e->said->phases;
	if (e->said->cable_a)
		x->cable_a = e->said->cable_a;
}

/* ---- the end --------------------------------------------------------------------------------- */

/* The charger's own end, the first time that it comes. */
static void take_end(struct event *e)
{
	Ocpp__Transaction *x = e->x;
	const struct meter *m = e->said->values;

	if (!e->active && !e->begins)
		x->flags |= FLAG(FLAG_LATE_STOP);
	else
		x->flags &= ~FLAG(FLAG_NO_STOP);
	x->stop_digest = e->in->digest ? e->in->digest : 1;
	x->power_w = 0;
	x->reason = e->said->reason[0] ? gv_str(e->t, "%.*s", REASON_MAX, e->said->reason) : "Local";
	x->ended_at_ms = e->said->when.ms;
	if (x->ended_at_ms < x->started_at_ms) {
		x->flags |= FLAG(FLAG_STOP_BEFORE_START);
		x->ended_at_ms = x->started_at_ms;
	}
	if (m->has_first)
		x->meter_stop_wh = llround(m->has_register ? m->register_wh : m->first_wh);
	else
		x->flags |= FLAG(FLAG_NO_METER_STOP);
}

/* ---- rows and events ------------------------------------------------------------------------- */

/* Whether more has changed than what is kept in `progress`: most messages bring samples only. Strings that have not
 * been set anew are the same pointers. */
static bool row_differs(const Ocpp__Transaction *x, const Ocpp__Transaction *before)
{
	Ocpp__Transaction a = *x, b = *before;

	a.energy_wh = b.energy_wh;
	a.newest_row = b.newest_row;
	a.newest_sample_ms = b.newest_sample_ms;
	a.register_wh = b.register_wh;
	a.has_register = b.has_register;
	a.power_w = b.power_w;
	a.flags = b.flags;
	a.n_seen = b.n_seen;
	a.seen = b.seen;
	a.weight = b.weight;
	a.passed = b.passed;
	a.loose = b.loose;
	a.fall = b.fall;
	a.register_ms = b.register_ms;
	return memcmp(&a, &b, sizeof a) != 0;
}

static int go_on(struct event *e, const Ocpp__Transaction *before)
{
	bool tells = !e->x->told && e->x->token_order;

	e->x->told |= tells;
	if (e->begins || row_differs(e->x, before))
		transaction_put_active(e->t, e->in->device, e->x);
	else
		transaction_put_progress(e->t, e->in->device, e->x);
	if (tells)
		transaction_tell_start(e->o, e->t, e->in->device, e->x);
	return e->x->told && e->values.n ? sessions_tell_meter(e->t, e->in->device, e->x, &e->values) : 0;
}

static bool differs(const Ocpp__Transaction *a, const Ocpp__Transaction *b)
{
	return a->energy_wh != b->energy_wh || a->started_at_ms != b->started_at_ms ||
	       a->ended_at_ms != b->ended_at_ms || a->meter_start_wh != b->meter_start_wh ||
	       a->connector != b->connector || strcmp(a->token, b->token) != 0;
}

/* Behind the end: holes are filled. What galvan has ended by itself waits for the charger's end to be told again. */
static int come_late(struct event *e, const Ocpp__Transaction *before)
{
	if (e->values.n)
		e->x->flags |= FLAG(FLAG_SAMPLES_AFTER_STOP);
	if (!e->x->stop_digest || !differs(e->x, before))
		return transaction_put_ended(e->o, e->t, e->in->device, e->x);
	e->x->flags |= FLAG(FLAG_LATE_EVENTS);
	return transaction_end(e->o, e->t, e->in->device, e->x);
}

static int settle(struct event *e, const Ocpp__Transaction *before)
{
	bool ends = e->said->kind == EVENT_ENDED && !before->stop_digest;

	if (ends)
		take_end(e);
	event_reckon(e->x);
	if (ends)
		return transaction_end(e->o, e->t, e->in->device, e->x);
	if (e->active)
		return go_on(e, before);
	if (!e->x->reason[0]) /* something that began later runs in its place */
		return transaction_give_up(e->o, e->t, e->in->device, e->x, 0, FLAG(FLAG_NO_STOP));
	return come_late(e, before);
}

static int tell_use(struct event *e)
{
	const char *use = e->said->use;

	if (!e->active || !e->newest || !e->x->connector)
		return 0;
	if (e->said->kind == EVENT_ENDED)
		use = "Finishing";
	else if (!use[0] && e->begins)
		use = "Preparing";
	return use[0] ? report_use(e->o, e->t, e->in->device, e->x->connector, use, &e->said->when, e->begins) : 0;
}

/* About the token that was named, which need not be the session's. */
static void judge(struct event *e, struct verdict *ret)
{
	const Ocpp__Transaction *x = e->x;

	if (!e->said->token)
		return;
	*ret = authorize(
		e->o, e->t,
		&(struct ask){ .device = e->in->device, .tag = e->said->token, .asked_for = x->request_id[0] });
	if (strcmp(model_fold(e->t, e->said->token), model_fold(e->t, x->token)) != 0)
		return;
	if (strcmp(ret->status, x->token_status) != 0)
		ret->exact = NULL;
	ret->status = x->token_status;
}

int sessions_event(struct ocpp *o, struct gv_turn *t, struct inbound *in, const struct said_event *said,
		   struct verdict *ret)
{
	struct event e = { .o = o, .t = t, .in = in, .said = said };
	Ocpp__Transaction before;
	const char *token;
	int error;

	station_quirks(o, t, in->st, said->when.quirks | said->values->quirks | when_old(t, &said->when));
	error = find(&e);
	if (error || !e.x)
		return error;
	if (e.begins && unit_is_of_many(in->st, e.x->connector))
		station_quirks(o, t, in->st, QUIRK_BIT(QUIRK_MANY_CONNECTORS));
	before = *e.x;
	token = e.x->token;
	take_number(&e);
	take_start(&e);
	move(&e);
	take_token(&e);
	take_details(&e);
	error = event_take_meter(&e);
	if (!error)
		error = settle(&e, &before);
	if (error)
		return error;
	if (e.active && e.x->token != token)
		authorize_started(t, in->device, e.x);
	judge(&e, ret);
	return tell_use(&e);
}
