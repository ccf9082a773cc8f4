/* GetSchedule: what may be drawn, as it is reckoned here from the profiles that the charger has accepted, and as the
 * charger reckons it. Both should be the same. */
#include "limits.h"

#include <plugins/ocpp/edge/edge.h>
#include <plugins/ocpp/edge/profiles.h>

#include <inttypes.h>
#include <string.h>

#define DAY_S 86400
#define CLOCKS_APART_MS INT64_C(86400000) /* a charger's beginning of its schedule is believed so far from now */

/* The question, in Command.about until the charger has answered. */
struct question {
	uint32_t connector, duration_s;
	bool power;
};

static uint64_t pack(const struct question *q)
{
	return (uint64_t)q->connector | (uint64_t)q->duration_s << 16 | (uint64_t)q->power << 48;
}

static struct question unpack(uint64_t about)
{
	return (struct question){ about & 0xffff, about >> 16 & 0xffffffff, about >> 48 & 1 };
}

/* ---- ours ------------------------------------------------------------------------------------ */

static void add_connector(struct gv_turn *t, const char *device, uint32_t id, struct composite_connector **list,
			  size_t *n)
{
	const Ocpp__Transaction *x = transaction_on(t, device, id);
	struct composite_connector *c = GV_APPEND(t, *list, *n);

	c->id = id;
	c->transaction = x ? profiles_transaction(t, x) : NULL;
	c->started_ms = x ? x->started_at_ms : 0;
}

static size_t connectors(struct gv_turn *t, const char *device, uint32_t one, struct composite_connector **ret)
{
	struct gv_scan scan = { .table = &ocpp_connectors, .prefix = gv_key(device) };
	size_t n = 0;

	*ret = NULL;
	if (one)
		add_connector(t, device, one, ret, &n);
	while (!one && n < LIMIT_CONNECTORS_MAX && gv_next(t, &scan))
		if (scan.key.part[1].u)
			add_connector(t, device, (uint32_t)scan.key.part[1].u, ret, &n);
	return n;
}

/* As reckoned here, in the turn's memory. */
static size_t ours(struct ocpp *o, struct gv_turn *t, const char *device, const struct question *q, int64_t start_ms,
		   struct composite_span **ret)
{
	struct composite_ask ask = { .station = q->connector == 0,
				     .start_ms = start_ms,
				     .duration_s = q->duration_s,
				     .power = q->power,
				     .voltage_v = o->nominal_voltage_v };
	struct composite_profile *profiles;
	struct composite_connector *list;
	uint32_t until_s;

	ask.n_profiles = profiles_list(t, device, &profiles);
	ask.profiles = profiles;
	ask.n_connectors = connectors(t, device, q->connector, &list);
	ask.connectors = list;
	*ret = gv_alloc(t, COMPOSITE_SPANS_MAX * sizeof **ret);
	return composite(&ask, *ret, COMPOSITE_SPANS_MAX, &until_s);
}

size_t schedule_spans(struct ocpp *o, struct gv_turn *t, const char *device, uint32_t connector, uint32_t duration_s,
		      bool power, int64_t start_ms, struct composite_span **ret)
{
	struct question q = { connector, duration_s, power };

	return ours(o, t, device, &q, start_ms, ret);
}

/* ---- the charger's --------------------------------------------------------------------------- */

static size_t theirs(struct ocpp *o, struct gv_turn *t, const Ocpp__ProfileSchedule *s, const struct question *q,
		     struct composite_span **ret)
{
	size_t n = 0;

	*ret = NULL;
	for (size_t i = 0; s && i < s->n_periods; i++) {
		const Ocpp__ProfilePeriod *p = s->periods[i];

		*GV_APPEND(t, *ret, n) = (struct composite_span){ p->start_s,
								  composite_convert(p->limit_tenths, s->power, q->power,
										    o->nominal_voltage_v, p->phases),
								  p->phases };
	}
	return n;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static Charging__LimitPeriod **periods(struct gv_turn *t, const struct question *q, const struct composite_span *spans,
				       size_t n, size_t *ret_n)
{
	Charging__LimitPeriod **list = NULL;

	*ret_n = 0;
	if (n == 1 && spans[0].limit_tenths == COMPOSITE_UNLIMITED)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		Charging__LimitPeriod *p = gv_alloc(t, sizeof *p);

		charging__limit_period__init(p);
		p->start_s = spans[i].start_s;
		p->phases = spans[i].phases;
		p->unlimited = spans[i].limit_tenths == COMPOSITE_UNLIMITED;
		if (!p->unlimited && q->power)
			p->power_w = spans[i].limit_tenths / 10;
		else if (!p->unlimited)
			p->current_ma = spans[i].limit_tenths * 100;
		*GV_APPEND(t, list, *ret_n) = p;
	}
	return list;
}

/* Without the charger's part, and why. */
static int answer_alone(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const char *device,
			const struct question *q, const char *why)
{
	Charging__GetScheduleReply reply = CHARGING__GET_SCHEDULE_REPLY__INIT;
	struct composite_span *spans;
	size_t n = ours(o, t, device, q, gv_now_ms(t), &spans);

	reply.periods = periods(t, q, spans, n, &reply.n_periods);
	reply.charger_status = (char *)why;
	return gv_reply(t, ticket, &reply);
}

static const char *why_not(struct gv_turn *t, const struct outcome *out)
{
	static const char *const whys[] = { [OUTCOME_LOST] = "lost its connection",
					    [OUTCOME_UNSENT] = "lost its connection",
					    [OUTCOME_TIMEOUT] = "did not answer in time" };

	if (out->kind == OUTCOME_ERROR)
		return gv_str(t, "%.60s", out->code);
	return out->kind == OUTCOME_ANSWERED ? outcome_status(out) : whys[out->kind];
}

static void compare(struct ocpp *o, struct gv_turn *t, const char *device, const struct question *q,
		    const struct said_schedule *said, Charging__GetScheduleReply *reply)
{
	int64_t now = gv_now_ms(t), start_ms = said->start_ms;
	uint32_t duration_s = said->duration_s && said->duration_s < q->duration_s ? said->duration_s : q->duration_s;
	struct composite_span *a, *b;
	size_t n_a, n_b;

	if (start_ms < now - CLOCKS_APART_MS || start_ms > now + CLOCKS_APART_MS)
		start_ms = now;
	n_a = ours(o, t, device, q, start_ms, &a);
	n_b = theirs(o, t, said->schedule, q, &b);
	reply->periods = periods(t, q, a, n_a, &reply->n_periods);
	reply->charger_periods = periods(t, q, b, n_b, &reply->n_charger_periods);
	reply->equal = !composite_differs(a, n_a, b, n_b, duration_s);
	gv_count(t, "schedules_compared", 1);
	if (reply->equal)
		return;
	gv_count(t, "schedules_differ", 1);
	station_quirks(o, t, station_find(o, device), QUIRK_BIT(QUIRK_SCHEDULE_DIFFERS));
}

int schedule_concluded(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Command *row,
		       const struct outcome *out)
{
	Charging__GetScheduleReply reply = CHARGING__GET_SCHEDULE_REPLY__INIT;
	struct question q = unpack(row->about);
	const struct station *st = station_find(o, device);
	struct said_schedule said;

	if (!st || strcmp(outcome_status(out), "Accepted") != 0)
		return answer_alone(o, t, command_ticket(row), device, &q, why_not(t, out));
	profiles_read_composite(t, st->edge->profiles, out->payload, &said);
	reply.charger_status = "Accepted";
	compare(o, t, device, &q, &said, &reply);
	return gv_reply(t, command_ticket(row), &reply);
}

int schedule_get(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const Charging__GetScheduleRequest *r)
{
	struct question q = { r->connector, r->duration_s ? r->duration_s : DAY_S, r->power };
	struct command c = { .kind = OCPP__COMMAND__KIND__SCHEDULE, .about = pack(&q) };
	const struct station *st = station_find(o, r->device);

	if (!r->device[0])
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "device must be given");
	if (r->connector > OCPP_CONNECTOR_MAX)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "connector must be at most %d, is %u",
				 OCPP_CONNECTOR_MAX, r->connector);
	if (r->duration_s > LIMIT_VALID_MAX_S)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "durationS must be at most %d, is %u",
				 LIMIT_VALID_MAX_S, r->duration_s);
	if (!st)
		return answer_alone(o, t, ticket, r->device, &q, "is not connected");
	if (!st->edge->profiles)
		return answer_alone(o, t, ticket, r->device, &q, "NotSupported");
	if (command_impossible(o, t, ticket, r->device))
		return 0;
	profiles_order_schedule(t, st->edge->profiles, r->connector, q.duration_s, r->power, &c);
	return command_send(o, t, ticket, r->device, &c);
}
