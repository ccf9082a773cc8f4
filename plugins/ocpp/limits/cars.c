/* What cars say of themselves by way of their chargers (ISO 15118; 2.0.1, K15 to K17): what they need, and what they
 * mean to draw. Both are kept with the session. */
#include "cars.h"

#include <plugins/ocpp/edge/edge.h>
#include <plugins/ocpp/stations/reports.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define PERIODS_KEPT 100     /* of a plan, with its session */
#define DAY_S 86400          /* a plan without an end is looked at for so long */
#define ROUNDED_TENTHS 1     /* of A or W: OCPP has one decimal */
#define RENEGOTIATIONS_MAX 3 /* of a car that goes on to mean to draw too much */

const struct gv_table ocpp_cars = { .name = "cars", .key = "su", .value = &ocpp__car_row__descriptor };

/* ---- what they need -------------------------------------------------------------------------- */

static const char *refusal(struct gv_turn *t, const struct station *st, const Ocpp__Transaction *x)
{
	uint32_t refused = limits_abilities(t, st->device)->refused;

	if (!x)
		return "NoTransaction"; /* the schedule would be of one: K01.FR.03 */
	if (!st->edge->profiles || st->profile.ask_nothing ||
	    (refused & (REFUSED_ALL | 1 << OCPP__PROFILE__PURPOSE__TX)))
		return "NoProfiles";
	return car_has_profile(t, st->device, x) ? "HasProfile" : NULL;
}

static int keep_needs(struct gv_turn *t, const char *device, uint32_t connector, Ocpp__Transaction *x,
		      Charging__VehicleNeeds *needs)
{
	Charging__VehicleNeedsChanged event = CHARGING__VEHICLE_NEEDS_CHANGED__INIT;
	Ocpp__CarRow *row = gv_edit(t, &ocpp_cars, gv_key(device, connector));

	row->needs = needs;
	row->renegotiated = 0;
	event.device = (char *)device;
	event.connector = connector;
	event.needs = needs;
	if (x) {
		needs->session_energy_wh = x->energy_wh;
		x->needs = needs;
		transaction_put_active(t, device, x);
		event.session_id = (char *)model_session_id(t, device, x->id);
	}
	return gv_emit(t, &event);
}

int told_needs(struct ocpp *o, struct gv_turn *t, struct inbound *in, uint32_t connector, Charging__VehicleNeeds *needs,
	       const char *problem, enum needs_answer *ret, const char **ret_why)
{
	Ocpp__Transaction *x = transaction_on(t, in->device, connector);
	static const char *const answers[] = { "scheduled", "pending", "refused" };

	*ret = NEEDS_REFUSED;
	*ret_why = problem ? problem : refusal(t, in->st, x);
	needs->at_ms = gv_now_ms(t);
	if (!problem)
		keep_needs(t, in->device, connector, x, needs);
	if (!*ret_why && car_is_managed(t, in->device, connector) && !car_promise(t, in->device, connector))
		*ret = NEEDS_PENDING;
	else if (!*ret_why && !car_offer(o, t, in->device, x))
		*ret = NEEDS_SCHEDULED;
	return limits_tell(o, t, in, needs->transfer,
			   gv_str(t, "connector=%u energy_wh=%" PRId64 " departure_ms=%" PRId64 " answer=%s%s%s",
				  connector, needs->energy_wh, needs->departure_ms, answers[*ret],
				  *ret_why ? " why=" : "", *ret_why ? *ret_why : ""));
}

/* ---- what they mean to draw ------------------------------------------------------------------ */

struct line { /* of spans, up to end_s */
	const struct composite_span *spans;
	size_t n;
};

static int64_t at(const struct line *l, uint32_t second)
{
	int64_t limit = COMPOSITE_UNLIMITED;

	for (size_t i = 0; i < l->n && l->spans[i].start_s <= second; i++)
		limit = l->spans[i].limit_tenths;
	return limit;
}

/* NULL: it is nowhere above the limits between these seconds. */
static const char *exceeds(struct gv_turn *t, const Ocpp__ProfileSchedule *s, const struct line *plan,
			   const struct line *limits, uint32_t from_s, uint32_t until_s)
{
	const struct line *both[] = { plan, limits };

	for (unsigned k = 0; k < 2; k++)
		for (size_t i = 0; i < both[k]->n; i++) {
			uint32_t second = both[k]->spans[i].start_s < from_s ? from_s : both[k]->spans[i].start_s;
			int64_t means = at(plan, second), may = at(limits, second);
			char when[25];

			if (second >= until_s || may == COMPOSITE_UNLIMITED || means <= may + ROUNDED_TENTHS)
				continue;
			gv_time_format(s->start_ms + (int64_t)second * 1000, when);
			return gv_str(t, "at %s it is %.1f %s, the limit is %.1f", when, (double)means / 10,
				      s->power ? "W" : "A", (double)may / 10);
		}
	return NULL;
}

/* Of what is still to come. */
static const char *compare(struct ocpp *o, struct gv_turn *t, const char *device, uint32_t connector,
			   const Ocpp__ProfileSchedule *s)
{
	int64_t past_ms = gv_now_ms(t) - s->start_ms;
	uint32_t from_s = past_ms > 0 ? (uint32_t)(past_ms / 1000 < DAY_S ? past_ms / 1000 : DAY_S) : 0;
	uint32_t until_s = s->bounded && s->duration_s < DAY_S ? s->duration_s : DAY_S;
	struct composite_span *ours, *theirs = NULL;
	struct line plan = { 0 }, limits;

	for (size_t i = 0; i < s->n_periods; i++)
		*GV_APPEND(t, theirs, plan.n) = (struct composite_span){ s->periods[i]->start_s,
									 s->periods[i]->limit_tenths, 0 };
	plan.spans = theirs;
	limits.n = schedule_spans(o, t, device, connector, until_s ? until_s : 1, s->power, s->start_ms, &ours);
	limits.spans = ours;
	return exceeds(t, s, &plan, &limits, from_s, until_s);
}

static Charging__VehiclePlan *plan_of(struct gv_turn *t, const Ocpp__ProfileSchedule *s, const char *problem)
{
	Charging__VehiclePlan *plan = gv_alloc(t, sizeof *plan);

	charging__vehicle_plan__init(plan);
	plan->at_ms = gv_now_ms(t);
	plan->start_ms = s->start_ms;
	plan->duration_s = s->bounded ? s->duration_s : 0;
	plan->within_limits = !problem;
	plan->problem = (char *)(problem ? problem : "");
	for (size_t i = 0; i < s->n_periods && i < PERIODS_KEPT; i++) {
		Charging__LimitPeriod *p = gv_alloc(t, sizeof *p);

		charging__limit_period__init(p);
		p->start_s = s->periods[i]->start_s;
		p->phases = s->periods[i]->phases;
		*(s->power ? &p->power_w : &p->current_ma) = s->power ? s->periods[i]->limit_tenths / 10
								      : s->periods[i]->limit_tenths * 100;
		*GV_APPEND(t, plan->periods, plan->n_periods) = p;
	}
	return plan;
}

/* It means to draw too much: it is given its schedule again, to plan anew (K15.FR.13, K16.FR.08, K17.FR.13). */
static int renegotiate(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Transaction *x)
{
	const Ocpp__CarRow *known = gv_get(t, &ocpp_cars, gv_key(device, x->connector));
	int error;

	if (!known || !known->needs || known->renegotiated >= RENEGOTIATIONS_MAX || car_has_profile(t, device, x) ||
	    car_is_managed(t, device, x->connector))
		return 0;
	((Ocpp__CarRow *)gv_edit(t, &ocpp_cars, gv_key(device, x->connector)))->renegotiated++;
	error = car_offer(o, t, device, x);
	return error == -ENOSPC ? 0 : error;
}

int told_schedule(struct ocpp *o, struct gv_turn *t, struct inbound *in, uint32_t connector,
		  const Ocpp__ProfileSchedule *schedule, const char **ret_problem)
{
	Ocpp__Transaction *x = transaction_on(t, in->device, connector);

	*ret_problem = compare(o, t, in->device, connector, schedule);
	if (x) {
		x->plan = plan_of(t, schedule, *ret_problem);
		transaction_put_active(t, in->device, x);
	}
	if (x && *ret_problem && renegotiate(o, t, in->device, x))
		return -1;
	return limits_tell(o, t, in, *ret_problem ? "Rejected" : "Accepted",
			   gv_str(t, "connector=%u periods=%zu%s%s", connector, schedule->n_periods,
				  *ret_problem ? " " : "", *ret_problem ? *ret_problem : ""));
}
