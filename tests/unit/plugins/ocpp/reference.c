/* The reference that reference.h speaks of, written without a thought for speed. */
#include "reference.h"

#include <string.h>

struct paint {
	bool on;
	int64_t tenths;
	bool power;
	uint32_t phases;
};

/* The occurrence of a schedule that begins at `begin`, as it looks at `now`. */
static struct paint occurrence(const Ocpp__ProfileSchedule *s, int64_t begin, int64_t end, int64_t now)
{
	struct paint paint = { 0 };

	if (s->bounded && begin + (int64_t)s->duration_s * 1000 < end)
		end = begin + (int64_t)s->duration_s * 1000;
	if (now < begin || now >= end)
		return paint;
	for (size_t i = 0; i < s->n_periods; i++)
		if (now - begin >= (int64_t)s->periods[i]->start_s * 1000)
			paint = (struct paint){ true, s->periods[i]->limit_tenths, s->power, s->periods[i]->phases };
	return paint;
}

static struct paint one(const struct composite_ask *ask, const Ocpp__Profile *p, const struct composite_connector *c,
			int64_t now)
{
	const Ocpp__ProfileSchedule *s = p->schedules[0];
	bool of_station = p->purpose == STATION || p->purpose == EXTERNAL;
	int64_t begin = of_station ? p->set_at_ms : c && c->transaction ? c->started_ms : ask->start_ms;
	struct paint none = { 0 };

	if (p->valid_from_ms > now || (p->valid_to_ms && p->valid_to_ms <= now))
		return none;
	if (begin > ask->start_ms)
		begin = ask->start_ms;
	if (p->kind != OCPP__PROFILE__KIND__RELATIVE && s->start_ms)
		begin = s->start_ms;
	if (p->kind != OCPP__PROFILE__KIND__RECURRING)
		return occurrence(s, begin, INT64_MAX, now);
	while (begin <= now) {
		int64_t next = begin + (p->recurrency == OCPP__PROFILE__RECURRENCY__WEEKLY ? 7 * DAY : DAY);

		if (now < next)
			return occurrence(s, begin, next, now);
		begin = next;
	}
	return none;
}

/* From the top of the stack down; at a level the connector's own, then the station's, each the newest first. */
static struct paint stack(const struct composite_ask *ask, Ocpp__Profile__Purpose purpose,
			  const struct composite_connector *c, int64_t now)
{
	for (int level = 10; level >= 0; level--)
		for (int own = c ? 1 : 0; own >= 0; own--) {
			struct paint best = { 0 };
			int64_t newest = INT64_MIN;

			for (size_t i = 0; i < ask->n_profiles; i++) {
				const Ocpp__Profile *p = ask->profiles[i].profile;
				struct paint paint;

				if (p->purpose != purpose || p->stack_level != level ||
				    ask->profiles[i].connector != (own ? c->id : 0))
					continue;
				if (purpose == TX && (!own || !c->transaction ||
						      (p->transaction[0] && strcmp(p->transaction, c->transaction))))
					continue;
				paint = one(ask, p, c, now);
				if (paint.on && p->set_at_ms > newest) {
					newest = p->set_at_ms;
					best = paint;
				}
			}
			if (best.on)
				return best;
		}
	return (struct paint){ 0 };
}

static struct composite_span minimum(const struct composite_ask *ask, const struct paint *paints, unsigned n)
{
	struct composite_span span = { 0, COMPOSITE_UNLIMITED, 0 };
	int64_t volts;

	for (unsigned phases = 3; phases >= 1; phases--)
		for (unsigned i = 0; i < n; i++)
			if (paints[i].on && paints[i].phases == phases)
				span.phases = phases;
	volts = (int64_t)ask->voltage_v * (span.phases ? span.phases : 3);
	for (unsigned i = 0; i < n; i++) {
		int64_t tenths = paints[i].tenths;

		if (!paints[i].on)
			continue;
		if (ask->power && !paints[i].power)
			tenths *= volts;
		if (!ask->power && paints[i].power)
			tenths /= volts;
		if (tenths < span.limit_tenths)
			span.limit_tenths = tenths;
	}
	return span;
}

static struct paint of_transaction(const struct composite_ask *ask, const struct composite_connector *c, int64_t now)
{
	struct paint tx = stack(ask, TX, c, now);

	return tx.on ? tx : stack(ask, DEFAULT, c, now);
}

struct composite_span reference_at(const struct composite_ask *ask, uint32_t second)
{
	const struct composite_connector *c = ask->station ? NULL : ask->connectors;
	int64_t now = ask->start_ms + (int64_t)second * 1000, sum = 0;
	struct paint paints[3] = { stack(ask, EXTERNAL, c, now), stack(ask, STATION, c, now) };
	struct composite_span span;

	if (c)
		paints[2] = of_transaction(ask, c, now);
	span = minimum(ask, paints, 3);
	if (c || !ask->n_connectors)
		return span;
	for (size_t i = 0; i < ask->n_connectors; i++) {
		struct paint paint = of_transaction(ask, &ask->connectors[i], now);

		if (!paint.on)
			return span;
		sum += minimum(ask, &paint, 1).limit_tenths;
		if (ask->n_connectors == 1 && sum < span.limit_tenths)
			span.phases = minimum(ask, &paint, 1).phases;
	}
	if (sum < span.limit_tenths) {
		span.limit_tenths = sum;
		if (ask->n_connectors > 1)
			span.phases = 0;
	}
	return span;
}
