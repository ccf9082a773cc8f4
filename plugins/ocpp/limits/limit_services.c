/* SetLimit and ClearLimit as they are asked for: what is wrong with a request is said before a charger hears of it. */
#include "limits.h"

#include <plugins/ocpp/edge/edge.h>

#include <string.h>

#define LIMIT_MAX INT64_C(1000000000) /* mA or W that can be asked for */

static const char *period_problem(struct gv_turn *t, const Charging__LimitPeriod *p, const char *name)
{
	if (p->current_ma < 0 || p->current_ma > LIMIT_MAX)
		return gv_str(t, "%s.currentMa must be from 0 to %lld, is %lld", name, (long long)LIMIT_MAX,
			      (long long)p->current_ma);
	if (p->power_w < 0 || p->power_w > LIMIT_MAX)
		return gv_str(t, "%s.powerW must be from 0 to %lld, is %lld", name, (long long)LIMIT_MAX,
			      (long long)p->power_w);
	if (p->phases > COMPOSITE_PHASES)
		return gv_str(t, "%s.phases must be at most 3, is %u", name, p->phases);
	if (p->unlimited)
		return gv_str(t, "%s.unlimited cannot be set: let the limit end with validS, or clear it", name);
	return NULL;
}

static const char *set_problem(struct gv_turn *t, const Charging__SetLimitRequest *r)
{
	const char *problem = r->fallback ? period_problem(t, r->fallback, "fallback") : NULL;

	if (!r->n_periods || r->n_periods > LIMIT_PERIODS_MAX)
		return gv_str(t, "periods must be 1 to %d, are %zu", LIMIT_PERIODS_MAX, r->n_periods);
	if (r->valid_s > LIMIT_VALID_MAX_S)
		return gv_str(t, "validS must be at most %d, is %u", LIMIT_VALID_MAX_S, r->valid_s);
	if (r->periods[0]->start_s)
		return gv_str(t, "periods[0].startS must be 0, is %u", r->periods[0]->start_s);
	for (size_t i = 0; i < r->n_periods && !problem; i++) {
		problem = period_problem(t, r->periods[i], gv_str(t, "periods[%zu]", i));
		if (!problem && i && r->periods[i]->start_s <= r->periods[i - 1]->start_s)
			problem = gv_str(t, "periods[%zu].startS must be greater than the one before", i);
		if (!problem && r->periods[i]->start_s > LIMIT_VALID_MAX_S)
			problem = gv_str(t, "periods[%zu].startS must be at most %d, is %u", i, LIMIT_VALID_MAX_S,
					 r->periods[i]->start_s);
	}
	return problem;
}

/* The order's connector and transaction. False: the ticket has been answered. */
static bool place(struct gv_turn *t, struct gv_ticket ticket, const char *device, uint32_t connector,
		  const char *session_id, Ocpp__LimitOrder *ret)
{
	const Ocpp__Transaction *x;
	const char *its_device;
	bool active;

	if (connector > OCPP_CONNECTOR_MAX) {
		gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "connector must be at most %d, is %u", OCPP_CONNECTOR_MAX,
			  connector);
		return false;
	}
	ret->connector = connector;
	if (!session_id[0])
		return true;
	x = model_find(t, ticket, session_id, &its_device, &active);
	if (!x)
		return false;
	if (strcmp(its_device, device) != 0) {
		gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "session %s is not one of %s", session_id, device);
		return false;
	}
	if (!active) {
		gv_refuse(t, ticket, GV_FAILED_PRECONDITION, "session %s has ended already", session_id);
		return false;
	}
	ret->connector = x->connector;
	ret->transaction = (char *)profiles_transaction(t, x);
	return true;
}

/* True where the charger cannot have limits at all, or not now: the ticket has been answered. */
static bool impossible(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const char *device,
		       bool *ret_unsupported)
{
	const struct station *st = station_find(o, device);

	*ret_unsupported = false;
	if (!device[0]) {
		gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "device must be given");
		return true;
	}
	if (command_impossible(o, t, ticket, device))
		return true;
	*ret_unsupported = !st->edge->profiles ||
			   ((limits_abilities(t, device)->refused & REFUSED_ALL) && !st->profile.limit_key);
	return false;
}

int limits_set(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const Charging__SetLimitRequest *r)
{
	Charging__SetLimitReply reply = CHARGING__SET_LIMIT_REPLY__INIT;
	Ocpp__LimitOrder order = OCPP__LIMIT_ORDER__INIT;
	const char *problem = set_problem(t, r);
	bool unsupported;

	if (problem)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "%s", problem);
	if (impossible(o, t, ticket, r->device, &unsupported) ||
	    !place(t, ticket, r->device, r->connector, r->session_id, &order))
		return 0;
	if (unsupported) {
		reply.status = "NotSupported";
		return gv_reply(t, ticket, &reply);
	}
	if (station_find(o, r->device)->profile.no_restart && r->n_periods && !r->periods[0]->current_ma &&
	    !r->periods[0]->power_w)
		gv_count(t, "quirk_paused_by_limit", 1); /* where a stop would be its end (quirk row 50) */
	order.set = (Charging__SetLimitRequest *)r;
	order.ticket_call = ticket.call;
	order.ticket_caller = ticket.caller;
	return limits_enqueue(o, t, r->device, &order);
}

int limits_clear(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const Charging__ClearLimitRequest *r)
{
	Charging__CommandReply reply = CHARGING__COMMAND_REPLY__INIT;
	Ocpp__LimitOrder order = OCPP__LIMIT_ORDER__INIT;
	bool unsupported;

	if (impossible(o, t, ticket, r->device, &unsupported) ||
	    !place(t, ticket, r->device, r->connector, r->session_id, &order))
		return 0;
	if (unsupported && !closing_stands(t, r->device, order.connector)) {
		reply.status = "Unknown";
		return gv_reply(t, ticket, &reply);
	}
	order.ticket_call = ticket.call;
	order.ticket_caller = ticket.caller;
	return limits_enqueue(o, t, r->device, &order);
}
