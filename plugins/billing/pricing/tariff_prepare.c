/* A tariff is read once and priced with a million times: what a session must ask at each moment - which elements hold,
 * and until when - is laid out here beforehand. */
#include "tariff.h"

#include <errno.h>
#include <stdlib.h>

_Static_assert(BILLING_ELEMENTS_MAX <= 8 * sizeof(billing_set), "a bit for each element");

/* ---- bands ----------------------------------------------------------------------------------- */

enum kind { TIMES, DAYS, DURATIONS, ENERGIES, KINDS };

/* What is asked for: from its begin until before its end. An end before the begin is on the next day. */
struct range {
	int64_t from, until;
};

static const struct range whole[KINDS] = {
	[TIMES] = { 0, 86400 },
	[DAYS] = { INT64_MIN, INT64_MAX },
	[DURATIONS] = { 0, INT64_MAX },
	[ENERGIES] = { 0, INT64_MAX },
};

static struct range range_of(const struct billing_restrictions *r, enum kind kind)
{
	static const struct {
		unsigned from, until;
	} bits[KINDS] = {
		[TIMES] = { BILLING_START_TIME, BILLING_END_TIME },
		[DAYS] = { BILLING_START_DATE, BILLING_END_DATE },
		[DURATIONS] = { BILLING_MIN_DURATION, BILLING_MAX_DURATION },
		[ENERGIES] = { BILLING_MIN_KWH, BILLING_MAX_KWH },
	};
	const struct range all = whole[kind], asked[KINDS] = {
		[TIMES] = { r->start_time_s, r->end_time_s ? r->end_time_s : all.until },
		[DAYS] = { r->start_day, r->end_day },
		[DURATIONS] = { r->min_duration_ms, r->max_duration_ms },
		[ENERGIES] = { r->min_uwh, r->max_uwh },
	};
	return (struct range){ .from = r->set & bits[kind].from ? asked[kind].from : all.from,
			       .until = r->set & bits[kind].until ? asked[kind].until : all.until };
}

static bool is_in(const struct range *a, int64_t at)
{
	return a->from <= a->until ? at >= a->from && at < a->until : at >= a->from || at < a->until;
}

static int compare(const void *a, const void *b)
{
	int64_t x = ((const struct billing_band *)a)->until, y = ((const struct billing_band *)b)->until;
	return (x > y) - (x < y);
}

/* At most 2 bands for each element and one more; returns how many. */
static size_t lay_out(const struct billing_tariff *t, enum kind kind, struct billing_band *bands)
{
	size_t n = 0, kept = 0;
	for (size_t i = 0; i < t->n_elements; i++) {
		struct range a = range_of(t->candidates[i].restrictions, kind);
		bands[n++].until = a.from;
		bands[n++].until = a.until;
	}
	bands[n++].until = whole[kind].until;
	qsort(bands, n, sizeof *bands, compare);
	int64_t at = whole[kind].from;
	for (size_t i = 0; i < n; i++) {
		if (bands[i].until == at)
			continue;
		struct billing_band band = { .until = bands[i].until };
		for (size_t c = 0; c < t->n_elements; c++) {
			struct range a = range_of(t->candidates[c].restrictions, kind);
			if (is_in(&a, at))
				band.holds |= (billing_set)1 << c;
		}
		bands[kept++] = band;
		at = band.until;
	}
	return kept;
}

static void lay_out_days(struct billing_tariff *t)
{
	const unsigned local = BILLING_START_TIME | BILLING_END_TIME | BILLING_START_DATE | BILLING_END_DATE |
			       BILLING_DAY_OF_WEEK;
	t->asks_local = false;
	for (int day = 0; day < 7; day++)
		t->weekdays[day] = 0;
	for (size_t c = 0; c < t->n_elements; c++) {
		const struct billing_restrictions *r = t->candidates[c].restrictions;
		t->asks_local |= (r->set & local) != 0;
		for (int day = 0; day < 7; day++)
			if (!(r->set & BILLING_DAY_OF_WEEK) || r->days >> day & 1)
				t->weekdays[day] |= (billing_set)1 << c;
	}
}

/* ---- candidates ------------------------------------------------------------------------------ */

static bool looks_up(enum billing_lookup lookup, enum billing_reservation r)
{
	switch (lookup) {
	case BILLING_IN_SESSION:
		return r == BILLING_NO_RESERVATION;
	case BILLING_IN_RESERVATION:
		return r == BILLING_RESERVATION;
	default:
		return r != BILLING_NO_RESERVATION;
	}
}

static void add_candidate(struct billing_tariff *t, size_t at, struct billing_element *e, size_t element)
{
	struct billing_candidate *c = &t->candidates[at];
	*c = (struct billing_candidate){ .restrictions = &e->restrictions };
	for (size_t i = 0; i < e->n_components; i++) {
		struct billing_component *component = &e->components[i];
		component->element = (uint32_t)element;
		c->components[component->dimension] = component;
		for (int lookup = 0; lookup < BILLING_LOOKUPS; lookup++)
			if (looks_up((enum billing_lookup)lookup, e->restrictions.reservation))
				t->with[lookup][component->dimension] |= (billing_set)1 << at;
	}
}

static void collect_candidates(struct billing_tariff *t)
{
	size_t n = 0;
	for (int lookup = 0; lookup < BILLING_LOOKUPS; lookup++)
		for (int d = 0; d < BILLING_DIMENSIONS; d++)
			t->with[lookup][d] = 0;
	for (int expires = 1; expires >= 0; expires--)
		for (size_t i = 0; i < t->n_elements; i++)
			if ((t->elements[i].restrictions.reservation == BILLING_RESERVATION_EXPIRES) == expires)
				add_candidate(t, n++, &t->elements[i], i);
}

int billing_tariff_prepare(struct billing_tariff *t, struct billing_error *ret_error)
{
	const size_t candidates_size = t->n_elements * sizeof(struct billing_candidate),
		     bands_max = 2 * t->n_elements + 1;
	struct billing_band **const bands[KINDS] = {
		[TIMES] = &t->times_s, [DAYS] = &t->days, [DURATIONS] = &t->durations_ms, [ENERGIES] = &t->energies_uwh
	};
	int r = billing_tariff_check(t, ret_error);
	if (r < 0)
		return r;
	char *memory = malloc(candidates_size + KINDS * bands_max * sizeof(struct billing_band));
	if (!memory)
		return -ENOMEM;
	free(t->prepared);
	t->prepared = memory;
	t->exponent = billing_currency_exponent(t->currency);
	t->candidates = t->prepared;
	collect_candidates(t);
	lay_out_days(t);
	struct billing_band *at = (struct billing_band *)(void *)(memory + candidates_size);
	for (int kind = 0; kind < KINDS; kind++) {
		*bands[kind] = at;
		at += lay_out(t, (enum kind)kind, at);
	}
	return 0;
}
