/* A schedule for a car that has said what it needs: a TxProfile that allows what the charger's limits allow, and no
 * more than the car can take. So it never allows what the limits do not, as long as they stand; and as a TxProfile
 * prevails over the limits of its connector, it is taken away before one of them is set, and made anew afterwards. */
#include "cars.h"

#include <plugins/ocpp/edge/edge.h>
#include <plugins/ocpp/edge/profiles.h>

#include <errno.h>
#include <string.h>

#define ID_FIRST 25000 /* one a connector; behind those of plan.c, within 16 bits */
#define DAY_S 86400
#define PHASES 3
#define PROMISE_MS 10000 /* so long whoever shares power out has to set a limit; a car waits for 60 s (ISO 15118-2) */

static int64_t offer_id(uint32_t connector)
{
	return ID_FIRST + (int64_t)connector;
}

/* ---- what stands ----------------------------------------------------------------------------- */

bool car_has_profile(struct gv_turn *t, const char *device, const Ocpp__Transaction *x)
{
	struct composite_profile *list;
	size_t n = profiles_list(t, device, &list);

	for (size_t i = 0; i < n; i++)
		if (list[i].connector == x->connector && list[i].profile->purpose == OCPP__PROFILE__PURPOSE__TX &&
		    list[i].profile->id != offer_id(x->connector))
			return true;
	return false;
}

bool car_is_managed(struct gv_turn *t, const char *device, uint32_t connector)
{
	struct gv_scan scan = { .table = &ocpp_limits, .prefix = gv_key(device) };
	struct composite_profile *list;
	size_t n = profiles_list(t, device, &list);

	for (size_t i = 0; i < n; i++) {
		const Ocpp__Profile *p = list[i].profile;

		if (plan_is_ours(p->id) && (!list[i].connector || list[i].connector == connector) && p->n_schedules &&
		    p->schedules[0]->bounded)
			return true;
	}
	while (gv_next(t, &scan)) {
		const Ocpp__LimitOrder *order = gv_get(t, &ocpp_limits, scan.key);

		if (order && order->set && order->set->valid_s && (!order->connector || order->connector == connector))
			return true;
	}
	return false;
}

/* ---- the schedule ---------------------------------------------------------------------------- */

static bool is_dc(const Charging__VehicleNeeds *needs)
{
	return !strcmp(needs->transfer, "DC");
}

static uint32_t phases_of(const Charging__VehicleNeeds *needs)
{
	if (!strcmp(needs->transfer, "AC_single_phase"))
		return 1;
	return strcmp(needs->transfer, "AC_two_phase") ? PHASES : 2;
}

/* What the car takes, in tenths of the unit. */
static int64_t takes(const struct orders *q, const Charging__VehicleNeeds *needs, bool power)
{
	int64_t watts = needs->max_power_w;

	if (!is_dc(needs))
		return composite_convert(needs->max_current_ma / 100, false, power, q->o->nominal_voltage_v,
					 phases_of(needs));
	if (!watts)
		watts = needs->max_current_ma / 1000 * needs->max_voltage_mv / 1000;
	return composite_convert(watts * 10, true, power, q->o->nominal_voltage_v, PHASES);
}

static uint32_t horizon_s(const struct orders *q, const Charging__VehicleNeeds *needs)
{
	int64_t left_s = (needs->departure_ms - gv_now_ms(q->t)) / 1000;

	return left_s > 0 && left_s < DAY_S ? (uint32_t)left_s : DAY_S;
}

static size_t periods_max(const Ocpp__Abilities *a, const Charging__VehicleNeeds *needs)
{
	size_t most = COMPOSITE_SPANS_MAX;

	if (a->max_periods && a->max_periods < most)
		most = a->max_periods;
	return needs->max_periods && needs->max_periods < most ? needs->max_periods : most;
}

/* Begins a minute ago, as all profiles do; where not all periods fit, it ends with the last that does. */
static Ocpp__ProfileSchedule *schedule(const struct orders *q, const Charging__VehicleNeeds *needs, uint32_t connector)
{
	const Ocpp__Abilities *a = limits_abilities(q->t, q->device);
	Ocpp__ProfileSchedule *s = gv_alloc(q->t, sizeof *s);
	int64_t now_ms = gv_now_ms(q->t) / 1000 * 1000;
	size_t most = periods_max(a, needs), n;
	struct composite_span *spans;

	ocpp__profile_schedule__init(s);
	s->id = offer_id(connector);
	s->power = a->power_only || (is_dc(needs) && !a->current_only);
	s->start_ms = now_ms - LIMIT_PAST_S * 1000;
	s->bounded = true;
	s->duration_s = horizon_s(q, needs) + LIMIT_PAST_S;
	n = schedule_spans(q->o, q->t, q->device, connector, horizon_s(q, needs), s->power, now_ms, &spans);
	for (size_t i = 0; i < n && i < most; i++) {
		Ocpp__ProfilePeriod *p = gv_alloc(q->t, sizeof *p);
		int64_t least = takes(q, needs, s->power);

		ocpp__profile_period__init(p);
		p->start_s = spans[i].start_s ? spans[i].start_s + LIMIT_PAST_S : 0;
		p->limit_tenths = spans[i].limit_tenths < least ? spans[i].limit_tenths : least;
		p->phases = spans[i].phases;
		*GV_APPEND(q->t, s->periods, s->n_periods) = p;
	}
	if (n > most)
		s->duration_s = spans[most].start_s + LIMIT_PAST_S;
	return s;
}

/* ---- the order ------------------------------------------------------------------------------- */

static Ocpp__CarRow *car_row(const struct orders *q, uint32_t connector)
{
	return gv_edit(q->t, &ocpp_cars, gv_key(q->device, connector));
}

static int wake(struct gv_turn *t, const char *device, int64_t at_ms)
{
	return gv_timer(t, gv_str(t, CAR_TIMER "%s", device), at_ms, NULL);
}

int car_offer(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Transaction *x)
{
	Ocpp__LimitOrder order = OCPP__LIMIT_ORDER__INIT;
	int error;

	order.car = true;
	order.connector = x->connector;
	order.transaction = (char *)profiles_transaction(t, x);
	error = limits_enqueue(o, t, device, &order);
	return error ? error : wake(t, device, gv_now_ms(t));
}

int car_promise(struct gv_turn *t, const char *device, uint32_t connector)
{
	Ocpp__CarRow *row = gv_edit(t, &ocpp_cars, gv_key(device, connector));

	row->promised_ms = gv_now_ms(t) + PROMISE_MS;
	return wake(t, device, row->promised_ms);
}

/* Those whose time has come get what stands now. *ret_next_ms: when the next one's comes. */
static int keep_promises(struct ocpp *o, struct gv_turn *t, const char *device, int64_t *ret_next_ms)
{
	struct gv_scan scan = { .table = &ocpp_cars, .prefix = gv_key(device) };
	int error = 0;

	*ret_next_ms = INT64_MAX;
	while (!error && gv_next(t, &scan)) {
		int64_t promised_ms = ((const Ocpp__CarRow *)scan.row)->promised_ms;
		const Ocpp__Transaction *x = transaction_on(t, device, (uint32_t)scan.key.part[1].u);

		if (!promised_ms || !x)
			continue;
		if (promised_ms <= gv_now_ms(t))
			error = car_offer(o, t, device, x);
		else if (promised_ms < *ret_next_ms)
			*ret_next_ms = promised_ms;
	}
	return error == -ENOSPC ? 0 : error;
}

int car_due(struct ocpp *o, struct gv_turn *t, const char *device)
{
	const struct station *st = station_find(o, device);
	int64_t next_ms;

	if (!st)
		return 0;
	if (keep_promises(o, t, device, &next_ms) || limits_opened(o, t, st))
		return -EINVAL;
	return next_ms == INT64_MAX ? 0 : wake(t, device, next_ms);
}

/* Where limits are renewed every few minutes, a car has a schedule of its own only if it was told that one follows. */
static bool is_offered(const struct orders *q, const Ocpp__CarRow *car, uint32_t connector)
{
	return car->promised_ms || !car_is_managed(q->t, q->device, connector);
}

int car_step(const struct orders *q, const struct station *st, uint64_t number, Ocpp__LimitOrder *order)
{
	const Ocpp__CarRow *car = gv_get(q->t, &ocpp_cars, gv_key(q->device, order->connector));
	const Ocpp__Transaction *x = transaction_on(q->t, q->device, order->connector);
	Ocpp__Profile p = OCPP__PROFILE__INIT;
	Ocpp__ProfileSchedule *schedules[1];
	struct command c = { 0 };

	/* It has left meanwhile, or others have begun to limit it. */
	if (!x || !car || !car->needs || strcmp(profiles_transaction(q->t, x), order->transaction) != 0 ||
	    car_has_profile(q->t, q->device, x) || !is_offered(q, car, order->connector))
		return orders_finish(q, number, order, "");
	schedules[0] = schedule(q, car->needs, order->connector);
	p.id = offer_id(order->connector);
	p.purpose = OCPP__PROFILE__PURPOSE__TX;
	p.transaction = order->transaction;
	p.schedules = schedules;
	p.n_schedules = 1;
	profiles_order_set(q->t, st->edge->profiles, order->connector, &p, &c);
	car_row(q, order->connector)->offered = true; /* from now on it may have it */
	car_row(q, order->connector)->promised_ms = 0;
	return orders_send(q, number, order, &c);
}

int car_concluded(const struct orders *q, uint64_t number, Ocpp__LimitOrder *order, const struct outcome *out)
{
	if (strcmp(outcome_status(out), "Accepted") != 0) {
		gv_log(q->t, GV_INFO,
		       "charger does not take a schedule for its car device=%s connector=%u status=%.60s", q->device,
		       order->connector, out->kind == OUTCOME_ERROR ? out->code : outcome_status(out));
		car_row(q, order->connector)->offered = false;
	}
	return orders_finish(q, number, order, "");
}

/* ---- before and after other limits ----------------------------------------------------------- */

uint32_t car_in_the_way(const struct orders *q, const Ocpp__LimitOrder *order)
{
	struct gv_scan scan = { .table = &ocpp_cars, .prefix = gv_key(q->device) };

	while (gv_next(q->t, &scan)) {
		const Ocpp__CarRow *car = gv_get(q->t, &ocpp_cars, scan.key);

		if (car && car->offered && (!order->connector || order->connector == scan.key.part[1].u))
			return (uint32_t)scan.key.part[1].u;
	}
	return 0;
}

int car_clear(const struct orders *q, const struct station *st, uint64_t number, Ocpp__LimitOrder *order,
	      uint32_t connector)
{
	struct command c = { 0 };

	order->clearing_car = true;
	profiles_order_clear(q->t, st->edge->profiles, offer_id(connector), &c);
	return orders_send(q, number, order, &c);
}

bool car_cleared(const struct orders *q, Ocpp__LimitOrder *order, const struct outcome *out)
{
	const char *status = outcome_status(out);
	uint32_t connector = car_in_the_way(q, order);

	order->clearing_car = false;
	if (strcmp(status, "Accepted") != 0 && strcmp(status, "Unknown") != 0)
		return false;
	if (connector)
		car_row(q, connector)->offered = false;
	return true;
}

int car_renew(const struct orders *q, const Ocpp__LimitOrder *order)
{
	struct gv_scan scan = { .table = &ocpp_cars, .prefix = gv_key(q->device) };
	int error = 0;

	while (!error && !order->car && gv_next(q->t, &scan)) {
		uint32_t connector = (uint32_t)scan.key.part[1].u;
		const Ocpp__CarRow *car = gv_get(q->t, &ocpp_cars, scan.key);
		const Ocpp__Transaction *x = transaction_on(q->t, q->device, connector);

		if (!x || !car || !car->needs || (order->connector && order->connector != connector))
			continue;
		if (!car_has_profile(q->t, q->device, x) && is_offered(q, car, connector))
			error = car_offer(q->o, q->t, q->device, x);
	}
	return error == -ENOSPC ? 0 : error;
}
