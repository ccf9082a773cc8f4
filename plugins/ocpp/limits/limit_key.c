/* Chargers without charging profiles that have a key of their configuration which limits their current (quirk 30): its
 * name and unit are in the charger's profile. Such a charger does not fall back by itself, so it is given the least of
 * all that a limit says, its fall-back among it. What the key was before is read first, and set again when the limit is
 * cleared. The limit is kept as the maximum of the charger that it is. */
#include "orders.h"

#include <plugins/ocpp/edge/edge.h>

#include <string.h>

bool key_fits(const struct station *st, const Ocpp__LimitOrder *order, uint32_t connectors)
{
	const struct edge_orders *edge = st->edge->orders;

	return st->profile.limit_key && st->profile.limit_units_per_a && !st->profile.ask_nothing &&
	       edge->get_configuration && edge->set_configuration && (!order->connector || connectors == 1);
}

static const Ocpp__Profile *row_of(const struct orders *q, const Ocpp__LimitOrder *order)
{
	return gv_get(q->t, &ocpp_profiles, gv_key(q->device, 0u, plan_id(order, true)));
}

bool key_was_used(const struct orders *q, const Ocpp__LimitOrder *order)
{
	return limits_abilities(q->t, q->device)->has_key_value && row_of(q, order);
}

/* ---- the limit ------------------------------------------------------------------------------- */

static int64_t tenths(const struct orders *q, const Charging__LimitPeriod *p)
{
	return composite_convert(p->power_w ? p->power_w * 10 : p->current_ma / 100, p->power_w != 0, false,
				 q->o->nominal_voltage_v, p->phases);
}

static int64_t least(const struct orders *q, const Charging__SetLimitRequest *r)
{
	int64_t limit = r->fallback && r->valid_s ? tenths(q, r->fallback) : INT64_MAX;

	for (size_t i = 0; i < r->n_periods; i++)
		if (tenths(q, r->periods[i]) < limit)
			limit = tenths(q, r->periods[i]);
	return limit;
}

static int keep(const struct orders *q, const Ocpp__LimitOrder *order)
{
	Ocpp__Profile p = OCPP__PROFILE__INIT;
	Ocpp__ProfileSchedule schedule = OCPP__PROFILE_SCHEDULE__INIT, *schedules[] = { &schedule };
	Ocpp__ProfilePeriod period = OCPP__PROFILE_PERIOD__INIT, *periods[] = { &period };

	p.id = plan_id(order, true);
	p.purpose = OCPP__PROFILE__PURPOSE__STATION_MAX;
	p.schedules = schedules;
	p.n_schedules = 1;
	schedule.periods = periods;
	schedule.n_periods = 1;
	period.limit_tenths = least(q, order->set);
	return profiles_put(q->t, q->device, 0, &p, true);
}

/* Another order's limit is set by this key. */
static bool is_taken(const struct orders *q, const Ocpp__LimitOrder *order)
{
	struct composite_profile *list;
	size_t n = profiles_list(q->t, q->device, &list);

	for (size_t i = 0; i < n; i++)
		if (plan_is_ours(list[i].profile->id) && list[i].profile->id != plan_id(order, true))
			return true;
	return false;
}

/* ---- calls ----------------------------------------------------------------------------------- */

int key_step(const struct orders *q, const struct station *st, uint64_t number, Ocpp__LimitOrder *order)
{
	const Ocpp__Abilities *a = limits_abilities(q->t, q->device);
	const Ocpp__Profile *row = row_of(q, order);
	char *key = (char *)st->profile.limit_key;
	struct command c = { 0 };

	order->keyed = true;
	if (order->set && is_taken(q, order))
		return orders_finish(q, number, order, "Rejected");
	order->limit = a->has_key_value;
	if (!order->limit) {
		st->edge->orders->get_configuration(q->t, &key, 1, &c);
		return orders_send(q, number, order, &c);
	}
	if (order->set && row && row->schedules[0]->periods[0]->limit_tenths == least(q, order->set))
		return orders_finish(q, number, order, "Accepted"); /* a setting is not written for nothing */
	gv_count(q->t, "quirk_limit_by_key", 1);
	st->edge->orders->set_configuration(
		q->t, key,
		order->set
			? gv_str(q->t, "%lld", (long long)(least(q, order->set) * st->profile.limit_units_per_a / 10))
			: a->key_value,
		&c);
	return orders_send(q, number, order, &c);
}

static int was_read(const struct orders *q, const struct station *st, uint64_t number, Ocpp__LimitOrder *order,
		    const struct outcome *out)
{
	Charging__GetConfigurationReply reply = CHARGING__GET_CONFIGURATION_REPLY__INIT;
	Ocpp__Abilities *row;

	if (out->kind == OUTCOME_ANSWERED)
		st->edge->orders->read_configuration(q->t, out->payload, &reply);
	if (!reply.n_entries)
		return orders_finish(q, number, order, "NotSupported");
	row = gv_edit(q->t, &ocpp_abilities, gv_key(q->device));
	row->has_key_value = true;
	row->key_value = reply.entries[0]->value;
	return key_step(q, st, number, order);
}

int key_concluded(const struct orders *q, const struct station *st, uint64_t number, Ocpp__LimitOrder *order,
		  const struct outcome *out)
{
	const char *status = "";

	if (!order->limit)
		return was_read(q, st, number, order, out);
	if (out->kind == OUTCOME_ANSWERED)
		status = st->edge->orders->configuration_status(q->t, out->payload);
	if (strcmp(status, "Accepted") != 0) /* after a reboot is not now */
		return orders_finish(q, number, order, "Rejected");
	if (order->set) {
		keep(q, order);
	} else {
		gv_delete(q->t, &ocpp_profiles, gv_key(q->device, 0u, plan_id(order, true)));
		((Ocpp__Abilities *)gv_edit(q->t, &ocpp_abilities, gv_key(q->device)))->has_key_value = false;
	}
	return orders_finish(q, number, order, "Accepted");
}
