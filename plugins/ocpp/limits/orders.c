/* SetLimit and ClearLimit. Both take several calls to the charger, each of which depends on the answer before, so that
 * they are rows until they are answered, and a charger gets one after the other: a limit that was asked for later is
 * never overtaken by one that was asked for before. */
#include "cars.h"

#include <plugins/ocpp/edge/edge.h>
#include <plugins/ocpp/edge/profiles.h>

#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>

const struct gv_table ocpp_limits = { .name = "limits", .key = "su", .value = &ocpp__limit_order__descriptor };

static struct gv_ticket ticket_of(const Ocpp__LimitOrder *order)
{
	return (struct gv_ticket){ .call = order->ticket_call, .caller = order->ticket_caller };
}

/* ---- the charger ----------------------------------------------------------------------------- */

/* How many connectors it has told of, at least one. */
static uint32_t count_connectors(const struct orders *q)
{
	struct gv_scan scan = { .table = &ocpp_connectors, .prefix = gv_key(q->device) };
	uint32_t n = 0;

	while (gv_next(q->t, &scan))
		n += scan.key.part[1].u != 0;
	return n ? n : 1;
}

/* What runs on the order's connector, or on the only one. */
static const char *runs_on(const struct orders *q, const Ocpp__LimitOrder *order)
{
	const Ocpp__Transaction *x = transaction_on(q->t, q->device, order->connector ? order->connector : 1);

	return x ? profiles_transaction(q->t, x) : NULL;
}

static void look(const struct orders *q, const Ocpp__LimitOrder *order, struct plan_ask *ret)
{
	const struct station *st = station_find(q->o, q->device);
	struct composite_profile *list;

	memset(ret, 0, sizeof *ret);
	ret->device = q->device;
	ret->order = order;
	ret->abilities = limits_abilities(q->t, q->device);
	ret->n_profiles = profiles_list(q->t, q->device, &list);
	ret->profiles = list;
	ret->connectors = count_connectors(q);
	ret->transaction = runs_on(q, order);
	ret->voltage_v = q->o->nominal_voltage_v;
	ret->level_replaces = st && st->edge->profiles && st->edge->profiles->level_replaces;
}

/* ---- one step -------------------------------------------------------------------------------- */

static int go_on(const struct orders *q, uint64_t done);

int orders_finish(const struct orders *q, uint64_t number, const Ocpp__LimitOrder *order, const char *status)
{
	Charging__SetLimitReply set = CHARGING__SET_LIMIT_REPLY__INIT;
	Charging__CommandReply clear = CHARGING__COMMAND_REPLY__INIT;

	if (order->ticket_call && order->set) {
		set.status = (char *)status;
		set.session_only = closing_is_session_only(q, order);
		gv_reply(q->t, ticket_of(order), &set);
	} else if (order->ticket_call) {
		clear.status = (char *)status;
		gv_reply(q->t, ticket_of(order), &clear);
	}
	gv_delete(q->t, &ocpp_limits, gv_key(q->device, number));
	car_renew(q, order);
	return go_on(q, number);
}

int orders_send(const struct orders *q, uint64_t number, Ocpp__LimitOrder *order, struct command *c)
{
	c->kind = OCPP__COMMAND__KIND__LIMIT;
	c->about = number;
	order->begun = true;
	return command_send(q->o, q->t, ticket_of(order), q->device, c);
}

/* All ways are tried, or done. */
static int set_ended(const struct orders *q, const struct station *st, uint64_t number, Ocpp__LimitOrder *order)
{
	if (order->done)
		return closing_is_over(q, order) ? closing_send(q, st, number, order, OCPP__LIMIT_ORDER__CLOSING__OPEN)
						 : orders_finish(q, number, order, "Accepted");
	if (!order->rejected)
		abilities_refused(q, REFUSED_ALL);
	if (key_fits(st, order, count_connectors(q)))
		return key_step(q, st, number, order);
	if (closing_is_enough(q, order))
		return closing_send(q, st, number, order, OCPP__LIMIT_ORDER__CLOSING__ALONE);
	if (order->has_closed)
		return closing_send(q, st, number, order, OCPP__LIMIT_ORDER__CLOSING__BACK);
	return orders_finish(q, number, order, order->rejected ? "Rejected" : "NotSupported");
}

/* The next call of an order, or its end. */
static int step(const struct orders *q, const struct station *st, uint64_t number, Ocpp__LimitOrder *order)
{
	const struct edge_profiles *v = st->edge->profiles;
	uint32_t in_the_way = order->set ? car_in_the_way(q, order) : 0;
	struct command c = { 0 };
	struct plan_ask ask;
	struct plan plan;

	if ((order->set || order->car) && !limits_abilities(q->t, q->device)->asked &&
	    !profile_asks_nothing(q->t, st) && !v->ask_abilities(q->t, &c))
		return orders_send(q, number, order, &c);
	if (order->car)
		return car_step(q, st, number, order);
	if (in_the_way)
		return car_clear(q, st, number, order, in_the_way);
	if (order->keyed || (!order->set && key_was_used(q, order)))
		return key_step(q, st, number, order);
	if (!order->set && order->connector && !order->transaction[0] &&
	    closing_stands(q->t, q->device, order->connector))
		return closing_send(q, st, number, order, OCPP__LIMIT_ORDER__CLOSING__OPEN);
	look(q, order, &ask);
	if (order->set)
		plan_set(q->t, &ask, &plan, &order->attempt);
	else
		plan_clear(&ask, &plan);
	if (!order->set && !plan.kind && !order->attempt && !order->done) {
		/* Nothing is known to be there: it is cleared all the same, to be sure. */
		plan.kind = PLAN_CLEAR;
		plan.id = plan_id(order, true);
	}
	order->rejected |= plan.blocked;
	if (!plan.kind && order->set)
		return set_ended(q, st, number, order);
	if (!plan.kind)
		return orders_finish(q, number, order, order->done ? "Accepted" : "Unknown");
	if (closing_is_due(q, order, &plan))
		return closing_send(q, st, number, order, OCPP__LIMIT_ORDER__CLOSING__BEFORE);
	if (plan.kind == PLAN_CLEAR)
		profiles_order_clear(q->t, v, plan.id, &c);
	else
		profiles_order_set(q->t, v, plan.connector, plan.profile, &c);
	order->limit = plan.limit;
	if (plan.kind == PLAN_SET)
		order->of_session = plan.profile->purpose == OCPP__PROFILE__PURPOSE__TX;
	return orders_send(q, number, order, &c);
}

/* The first order but the one that is done. */
static int go_on(const struct orders *q, uint64_t done)
{
	struct gv_scan scan = { .table = &ocpp_limits, .prefix = gv_key(q->device) };
	const struct station *st = station_find(q->o, q->device);

	if (!st || !st->edge->profiles)
		return 0;
	while (gv_next(q->t, &scan)) {
		uint64_t number = scan.key.part[1].u;

		if (number == done || !gv_get(q->t, &ocpp_limits, scan.key))
			continue;
		if (!((const Ocpp__LimitOrder *)scan.row)->begun)
			return step(q, st, number, gv_edit(q->t, &ocpp_limits, scan.key));
		break;
	}
	return 0;
}

/* ---- outcomes -------------------------------------------------------------------------------- */

static bool is_unsupported(const struct outcome *out)
{
	if (out->kind == OUTCOME_ERROR)
		return !strcmp(out->code, "NotSupported") || !strcmp(out->code, "NotImplemented");
	return !strcmp(outcome_status(out), "NotSupported");
}

/* The charger cannot be asked any more: whoever waits is told, and what nobody waits for waits for the charger. */
static int charger_lost(const struct orders *q, const Ocpp__Command *row, const struct outcome *out)
{
	struct gv_scan scan = { .table = &ocpp_limits, .prefix = gv_key(q->device) };

	while (gv_next(q->t, &scan)) {
		Ocpp__LimitOrder *order = gv_edit(q->t, &ocpp_limits, scan.key);
		bool its_own = scan.key.part[1].u == row->about;

		order->begun = false;
		if (!order->ticket_call)
			continue;
		if (its_own)
			command_refuse(q->t, q->device, row, out);
		else
			gv_refuse(q->t, ticket_of(order), GV_UNAVAILABLE,
				  "%s lost its connection before it could be asked: try again when it is back",
				  q->device);
		gv_delete(q->t, &ocpp_limits, scan.key);
	}
	return 0;
}

static void set_refused(const struct orders *q, Ocpp__LimitOrder *order, const struct outcome *out)
{
	struct plan_ask ask;

	look(q, order, &ask);
	order->refused = plan_refused(&ask, order->refused);
	gv_count(q->t, "limits_refused", 1);
	if (out->kind == OUTCOME_ERROR && is_unsupported(out))
		abilities_refused(q, REFUSED_ALL);
	if (!is_unsupported(out)) {
		order->rejected = true;
		/* A transaction that has just ended is reason enough. */
		order->refused &= ~(1u << OCPP__PROFILE__PURPOSE__TX);
	}
	order->attempt++;
}

/* What attempts were refused for is only believed of a charger that has accepted another. */
static void set_accepted(const struct orders *q, Ocpp__LimitOrder *order)
{
	if (!order->limit)
		return;
	order->done = true;
	if (order->attempt % 2 == 0)
		order->refused &= ~(uint32_t)REFUSED_LEVELS; /* this one has two */
	abilities_refused(q, order->refused);
}

static bool is_cleared(const struct outcome *out)
{
	return !strcmp(outcome_status(out), "Accepted") || !strcmp(outcome_status(out), "Unknown");
}

/* There is no usable answer, and whoever asked is told so. */
static int give_up(const struct orders *q, const Ocpp__Command *row, const struct outcome *out)
{
	if (row->ticket_call)
		command_refuse(q->t, q->device, row, out);
	gv_delete(q->t, &ocpp_limits, gv_key(q->device, row->about));
	return go_on(q, row->about);
}

int limits_concluded(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Command *row,
		     const struct outcome *out)
{
	const struct orders q = { o, t, device };
	const struct station *st = station_find(o, device);
	Ocpp__LimitOrder *order;
	enum profile_call call;

	profiles_called(o, t, device, row, out);
	if (!gv_get(t, &ocpp_limits, gv_key(device, row->about)))
		return 0;
	if (!st || out->kind == OUTCOME_LOST || out->kind == OUTCOME_UNSENT)
		return charger_lost(&q, row, out);
	if (out->kind == OUTCOME_TIMEOUT)
		return give_up(&q, row, out);
	order = gv_edit(t, &ocpp_limits, gv_key(device, row->about));
	if (order->closing) {
		const char *status = closing_concluded(&q, order, out);

		return status ? orders_finish(&q, row->about, order, status) : step(&q, st, row->about, order);
	}
	if (order->keyed)
		return key_concluded(&q, st, row->about, order, out);
	call = st->edge->profiles ? profiles_call(st->edge->profiles, row->action) : PROFILE_CALL_NONE;
	if (order->car && call == PROFILE_CALL_SET)
		return car_concluded(&q, row->about, order, out);
	if (order->clearing_car && !car_cleared(&q, order, out))
		return orders_finish(&q, row->about, order, "Rejected");
	if (!order->set && !order->car && out->kind == OUTCOME_ERROR)
		return give_up(&q, row, out);
	if (!order->set && !order->car) {
		order->attempt++;
		order->done |= !strcmp(outcome_status(out), "Accepted");
	} else if (call == PROFILE_CALL_SET) {
		if (!strcmp(outcome_status(out), "Accepted"))
			set_accepted(&q, order);
		else
			set_refused(&q, order, out);
	} else if (call != PROFILE_CALL_CLEAR) {
		abilities_told(&q, st, out);
	} else if (!is_cleared(out)) {
		/* What it fell back to stays: below a limit without an end, or where that should stand. */
		return orders_finish(&q, row->about, order, order->done ? "Accepted" : "Rejected");
	}
	return step(&q, st, row->about, order);
}

/* ---- the queue ------------------------------------------------------------------------------- */

/* One that waits for the same connector and session has been overtaken. */
static void supersede(const struct orders *q, const Ocpp__LimitOrder *by)
{
	struct gv_scan scan = { .table = &ocpp_limits, .prefix = gv_key(q->device) };

	while (gv_next(q->t, &scan)) {
		const Ocpp__LimitOrder *order = scan.row;

		if (order->begun || order->connector != by->connector || order->car != by->car ||
		    strcmp(order->transaction, by->transaction) != 0)
			continue;
		if (order->ticket_call)
			gv_refuse(q->t, ticket_of(order), GV_ABORTED,
				  "another limit was asked for at %s before this one was sent", q->device);
		gv_delete(q->t, &ocpp_limits, scan.key);
	}
}

int limits_enqueue(struct ocpp *o, struct gv_turn *t, const char *device, Ocpp__LimitOrder *order)
{
	const struct orders orders = { o, t, device }, *q = &orders;
	struct gv_scan scan = { .table = &ocpp_limits, .prefix = gv_key(q->device) };
	const struct station *st = station_find(q->o, q->device);
	uint64_t number = q->o->next_limit++;
	unsigned waiting = 0;

	supersede(q, order);
	while (gv_next(q->t, &scan))
		waiting += gv_get(q->t, &ocpp_limits, scan.key) != NULL;
	if (waiting >= LIMIT_ORDERS_MAX && order->car)
		return -ENOSPC;
	if (waiting >= LIMIT_ORDERS_MAX)
		return order->ticket_call ? gv_refuse(q->t, ticket_of(order), GV_RESOURCE_EXHAUSTED,
						      "%u limits wait for the answers of %s already: try again when "
						      "some have been answered",
						      waiting, q->device)
					  : 0;
	order->asked_at_ms = gv_now_ms(q->t);
	gv_put(q->t, &ocpp_limits, gv_key(q->device, number), order);
	if (waiting || !st || order->car) /* the last: the charger waits for the answer to its own call first */
		return 0;
	return step(q, st, number, gv_edit(q->t, &ocpp_limits, gv_key(q->device, number)));
}

/* ---- what happens to chargers ---------------------------------------------------------------- */

int limits_opened(struct ocpp *o, struct gv_turn *t, const struct station *st)
{
	return go_on(&(struct orders){ o, t, st->device }, UINT64_MAX);
}

int limits_began(struct gv_turn *t, const char *device, const Ocpp__Profile *p, const Ocpp__Transaction *x)
{
	Ocpp__Profile its_own;

	if (!p)
		return 0;
	its_own = *p;
	its_own.transaction = (char *)profiles_transaction(t, x);
	return profiles_put(t, device, x->connector, &its_own, true);
}

/* A session's limit that is none of its transaction's, as the charger takes no such profile, is cleared by hand. */
int limits_ended(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Transaction *x)
{
	Ocpp__LimitOrder order = OCPP__LIMIT_ORDER__INIT;
	struct plan_ask ask = { .device = device, .order = &order };
	struct composite_profile *list;
	struct plan plan;

	order.connector = x->connector;
	order.transaction = (char *)profiles_transaction(t, x);
	profiles_ended(t, device, x->connector, order.transaction);
	gv_delete(t, &ocpp_cars, gv_key(device, x->connector));
	ask.n_profiles = profiles_list(t, device, &list);
	ask.profiles = list;
	plan_clear(&ask, &plan);
	return plan.kind ? limits_enqueue(o, t, device, &order) : 0;
}

int limits_forget(struct gv_turn *t, const char *device)
{
	struct gv_scan scan = { .table = &ocpp_limits, .prefix = gv_key(device) };

	while (gv_next(t, &scan)) {
		const Ocpp__LimitOrder *order = gv_get(t, &ocpp_limits, scan.key);

		if (order && order->ticket_call)
			gv_refuse(t, ticket_of(order), GV_NOT_FOUND, "%s was deleted before it could be asked", device);
		gv_delete(t, &ocpp_limits, scan.key);
	}
	return 0;
}

int limits_restore(struct ocpp *o, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &ocpp_limits };

	o->next_limit = 1;
	while (gv_next(t, &scan))
		if (scan.key.part[1].u >= o->next_limit)
			o->next_limit = scan.key.part[1].u + 1;
	return 0;
}
