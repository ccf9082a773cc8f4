/* Chargers that take profiles of running sessions only (quirk 31). Such a profile ends with its session, and whatever
 * charges next begins without a limit, at any instant and without a word where the charger is offline. So, where it is
 * asked for, the connector is closed to others before its session is limited (ChangeAvailability is Scheduled until a
 * transaction ends, and outlives a restart: 1.6, 5.2; 2.0.1, G03), and stays closed until the limit is cleared. */
#include "orders.h"

#include <plugins/ocpp/edge/edge.h>

#include <string.h>

#define BIT(purpose) (1u << OCPP__PROFILE__PURPOSE__##purpose)

const struct gv_table ocpp_closings = { .name = "closed", .key = "su", .value = &ocpp__closed_row__descriptor };

bool closing_stands(struct gv_turn *t, const char *device, uint32_t connector)
{
	struct gv_scan scan = { .table = &ocpp_closings, .prefix = gv_key(device) };

	if (connector)
		return gv_get(t, &ocpp_closings, gv_key(device, connector)) != NULL;
	return gv_next(t, &scan);
}

static void keep(const struct orders *q, const Ocpp__LimitOrder *order, bool sure)
{
	Ocpp__ClosedRow row = OCPP__CLOSED_ROW__INIT;

	row.sure = sure;
	gv_put(q->t, &ocpp_closings, gv_key(q->device, order->connector), &row);
}

static bool is_of_connector(const Ocpp__LimitOrder *order)
{
	return order->set && order->connector && !order->transaction[0] && !order->keyed;
}

bool closing_is_session_only(const struct orders *q, const Ocpp__LimitOrder *order)
{
	uint32_t refused = limits_abilities(q->t, q->device)->refused | order->refused;

	if (!is_of_connector(order))
		return false;
	if (order->done)
		return order->of_session;
	return (refused & BIT(TX_DEFAULT)) && !(refused & (REFUSED_ALL | BIT(TX)));
}

bool closing_is_due(const struct orders *q, const Ocpp__LimitOrder *order, const struct plan *plan)
{
	const Ocpp__ClosedRow *row;

	if (!is_of_connector(order) || !order->set->close_after || plan->kind != PLAN_SET ||
	    plan->profile->purpose != OCPP__PROFILE__PURPOSE__TX)
		return false;
	row = gv_get(q->t, &ocpp_closings, gv_key(q->device, order->connector));
	return !row || !row->sure;
}

static bool is_nothing(const Charging__SetLimitRequest *r)
{
	for (size_t i = 0; i < r->n_periods; i++)
		if (r->periods[i]->current_ma || r->periods[i]->power_w)
			return false;
	return !r->valid_s || (r->fallback && !r->fallback->current_ma && !r->fallback->power_w);
}

bool closing_is_enough(const struct orders *q, const Ocpp__LimitOrder *order)
{
	return closing_is_session_only(q, order) && order->set->close_after && is_nothing(order->set) &&
	       !transaction_on(q->t, q->device, order->connector);
}

bool closing_is_over(const struct orders *q, const Ocpp__LimitOrder *order)
{
	return is_of_connector(order) && !order->of_session && closing_stands(q->t, q->device, order->connector);
}

/* From the moment at which a call leaves until it is answered, nobody knows. */
int closing_send(const struct orders *q, const struct station *st, uint64_t number, Ocpp__LimitOrder *order,
		 Ocpp__LimitOrder__Closing closing)
{
	bool opens = closing == OCPP__LIMIT_ORDER__CLOSING__BACK || closing == OCPP__LIMIT_ORDER__CLOSING__OPEN;
	struct command c = { 0 };

	order->closing = closing;
	if (!opens)
		order->has_closed = !closing_stands(q->t, q->device, order->connector);
	keep(q, order, false);
	st->edge->orders->set_availability(q->t, order->connector, opens, &c);
	return orders_send(q, number, order, &c);
}

/* It is as it was. */
static const char *not_closed(const struct orders *q, const Ocpp__LimitOrder *order)
{
	if (order->has_closed)
		gv_delete(q->t, &ocpp_closings, gv_key(q->device, order->connector));
	gv_log(q->t, GV_WARN,
	       "charger takes limits of running sessions only, and does not close a connector to others: what it can "
	       "draw cannot be limited at every moment device=%s connector=%u",
	       q->device, order->connector);
	return "Rejected";
}

const char *closing_concluded(const struct orders *q, Ocpp__LimitOrder *order, const struct outcome *out)
{
	bool at_once = !strcmp(outcome_status(out), "Accepted");
	bool taken = at_once || !strcmp(outcome_status(out), "Scheduled");
	Ocpp__LimitOrder__Closing closing = order->closing;

	order->closing = OCPP__LIMIT_ORDER__CLOSING__NOT;
	switch (closing) {
	case OCPP__LIMIT_ORDER__CLOSING__BEFORE:
		if (!taken)
			return not_closed(q, order);
		keep(q, order, true);
		return NULL;
	case OCPP__LIMIT_ORDER__CLOSING__ALONE:
		if (!taken)
			return not_closed(q, order);
		keep(q, order, true);
		return at_once ? "Accepted" : "Rejected"; /* a session runs that has not been told of */
	case OCPP__LIMIT_ORDER__CLOSING__BACK:
		if (taken)
			gv_delete(q->t, &ocpp_closings, gv_key(q->device, order->connector));
		return order->rejected ? "Rejected" : "NotSupported";
	default:
		if (!taken)
			return "Rejected";
		gv_delete(q->t, &ocpp_closings, gv_key(q->device, order->connector));
		order->done = true;
		return NULL;
	}
}
