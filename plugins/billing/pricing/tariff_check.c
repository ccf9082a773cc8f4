/* A tariff that cannot mean what its author thinks is refused before anyone is charged by it: a restriction that never
 * holds, a component that an earlier element always beats. Elements may overlap in part: OCPI lets the first win. */
#include "tariff.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DAY_S 86400
#define MINUTE_S 60

struct check {
	const struct billing_tariff *tariff;
	struct billing_error *error;
	size_t element;
};

static bool refuse(const struct check *c, const char *field, const char *text)
{
	billing_error_set(c->error, text, "elements[%zu].restrictions.%s", c->element, field);
	return false;
}

/* ---- one restriction ------------------------------------------------------------------------- */

struct range {
	unsigned min_bit, max_bit;
	const char *min_name, *max_name;
	size_t min_offset, max_offset; /* of int64_t's */
	int64_t limit;
};

#define RANGE(min_bit, max_bit, min_name, max_name, min, max, limit)                                                   \
	{                                                                                                              \
		min_bit, max_bit, min_name, max_name, offsetof(struct billing_restrictions, min),                      \
			offsetof(struct billing_restrictions, max), limit                                              \
	}

static const struct range ranges[] = {
	RANGE(BILLING_MIN_KWH, BILLING_MAX_KWH, "min_kwh", "max_kwh", min_uwh, max_uwh, BILLING_ENERGY_MAX_UWH),
	RANGE(BILLING_MIN_CURRENT, BILLING_MAX_CURRENT, "min_current", "max_current", min_current_ma, max_current_ma,
	      BILLING_CURRENT_MAX_MA),
	RANGE(BILLING_MIN_POWER, BILLING_MAX_POWER, "min_power", "max_power", min_power_mw, max_power_mw,
	      BILLING_POWER_MAX_MW),
	RANGE(BILLING_MIN_DURATION, BILLING_MAX_DURATION, "min_duration", "max_duration", min_duration_ms,
	      max_duration_ms, BILLING_TIME_MAX_MS),
	RANGE(BILLING_START_DATE, BILLING_END_DATE, "start_date", "end_date", start_day, end_day, INT64_C(1) << 32),
};
#define N_RANGES (sizeof ranges / sizeof *ranges)

static int64_t value(const struct billing_restrictions *r, size_t offset)
{
	int64_t v;
	memcpy(&v, (const char *)r + offset, sizeof v);
	return v;
}

/* What the range allows: *ret_min <= x < *ret_max. */
static void bounds(const struct range *g, const struct billing_restrictions *r, int64_t *ret_min, int64_t *ret_max)
{
	*ret_min = r->set & g->min_bit ? value(r, g->min_offset) : 0;
	*ret_max = r->set & g->max_bit ? value(r, g->max_offset) : INT64_MAX;
}

static bool check_range(const struct check *c, const struct range *g, const struct billing_restrictions *r)
{
	char text[128];
	int64_t min, max;
	bounds(g, r, &min, &max);
	if (min < 0 || min > g->limit)
		return refuse(c, g->min_name, "is out of range");
	if (r->set & g->max_bit && (max < 0 || max > g->limit))
		return refuse(c, g->max_name, "is out of range");
	if (max == 0)
		return refuse(c, g->max_name, "can never hold: it ends at 0; leave it out or give a larger value");
	if (min >= max) {
		snprintf(text, sizeof text, "can never hold: it must be above %s", g->min_name);
		return refuse(c, g->max_name, text);
	}
	return true;
}

/* The seconds of the day on which the restriction holds: from *ret_start until before *ret_end, which is beyond the
 * day where the range goes over midnight. */
static void day_range(const struct billing_restrictions *r, int32_t *ret_start, int32_t *ret_end)
{
	*ret_start = r->set & BILLING_START_TIME ? r->start_time_s : 0;
	*ret_end = r->set & BILLING_END_TIME ? r->end_time_s : DAY_S;
	if (*ret_end == 0)
		*ret_end = DAY_S;
	else if (*ret_end < *ret_start)
		*ret_end += DAY_S;
}

static bool check_times(const struct check *c, const struct billing_restrictions *r)
{
	int32_t start, end;
	if (r->set & BILLING_START_TIME && (r->start_time_s < 0 || r->start_time_s >= DAY_S))
		return refuse(c, "start_time", "is no time of the day");
	if (r->set & BILLING_END_TIME && (r->end_time_s < 0 || r->end_time_s >= DAY_S))
		return refuse(c, "end_time", "is no time of the day");
	day_range(r, &start, &end);
	if (start == end)
		return refuse(c, "end_time", "can never hold: it equals start_time; for whole days leave both out");
	return true;
}

static bool check_days(const struct check *c, const struct billing_restrictions *r)
{
	const unsigned dates = BILLING_START_DATE | BILLING_END_DATE;
	if (!(r->set & BILLING_DAY_OF_WEEK))
		return true;
	if (r->days == 0 || r->days > 0x7f)
		return refuse(c, "day_of_week", "can never hold: it names no day");
	if ((r->set & dates) != dates || r->end_day - r->start_day >= 7)
		return true;
	for (int64_t day = r->start_day; day < r->end_day; day++)
		if (r->days >> (day + 3) % 7 & 1) /* 1970-01-01 was a Thursday */
			return true;
	return refuse(c, "day_of_week", "can never hold: none of these days is between start_date and end_date");
}

/* ---- one element, against those before it ---------------------------------------------------- */

static bool holds_at(const struct billing_restrictions *r, int32_t second)
{
	int32_t start, end;
	day_range(r, &start, &end);
	return (second >= start && second < end) || second + DAY_S < end;
}

/* Whether a holds whenever b does. */
static bool covers(const struct billing_restrictions *a, const struct billing_restrictions *b)
{
	if (a->reservation != b->reservation)
		return false;
	for (size_t i = 0; i < N_RANGES; i++) {
		int64_t a_min, a_max, b_min, b_max;
		bounds(&ranges[i], a, &a_min, &a_max);
		bounds(&ranges[i], b, &b_min, &b_max);
		if (a_min > b_min || a_max < b_max)
			return false;
	}
	if (a->set & BILLING_DAY_OF_WEEK && (!(b->set & BILLING_DAY_OF_WEEK) || b->days & ~a->days))
		return false;
	if (a->set & (BILLING_START_TIME | BILLING_END_TIME))
		for (int32_t second = 0; second < DAY_S; second += MINUTE_S)
			if (holds_at(b, second) && !holds_at(a, second))
				return false;
	return true;
}

static bool has_dimension(const struct billing_element *e, enum billing_dimension d)
{
	for (size_t i = 0; i < e->n_components; i++)
		if (e->components[i].dimension == d)
			return true;
	return false;
}

static bool check_reachable(const struct check *c, const struct billing_element *e)
{
	char text[128];
	for (size_t before = 0; before < c->element; before++) {
		const struct billing_element *first = &c->tariff->elements[before];
		size_t i = 0;
		while (i < e->n_components && !has_dimension(first, e->components[i].dimension))
			i++;
		if (i == e->n_components || !covers(&first->restrictions, &e->restrictions))
			continue;
		snprintf(text, sizeof text, "can never apply: elements[%zu] has %s too and holds whenever this does",
			 before, billing_dimension_name(e->components[i].dimension));
		billing_error_set(c->error, text, "elements[%zu].price_components[%zu]", c->element, i);
		return false;
	}
	return true;
}

static bool check_component(const struct check *c, const struct billing_element *e, size_t i)
{
	const struct billing_component *p = &e->components[i];
	const int64_t step_max = p->dimension == BILLING_ENERGY ? BILLING_ENERGY_MAX_UWH / 1000000
								: BILLING_TIME_MAX_MS / 1000;
	const char *field = "type", *text = NULL;
	if ((size_t)p->dimension >= BILLING_DIMENSIONS) {
		text = "is unknown";
	} else if (p->price_micro < 0 || p->price_micro > BILLING_PRICE_MAX_MICRO) {
		field = "price";
		text = "is out of range";
	} else if (p->vat_ppm != BILLING_VAT_NONE && (p->vat_ppm < 0 || p->vat_ppm > BILLING_VAT_MAX_PPM)) {
		field = "vat";
		text = "is out of range";
	} else if (p->step < 0 || p->step > step_max) {
		field = "step_size";
		text = "is out of range";
	} else {
		for (size_t before = 0; before < i; before++)
			if (e->components[before].dimension == p->dimension)
				text = "is there twice in this element";
	}
	if (text)
		billing_error_set(c->error, text, "elements[%zu].price_components[%zu].%s", c->element, i, field);
	return !text;
}

static bool check_element(const struct check *c)
{
	const struct billing_element *e = &c->tariff->elements[c->element];
	if (e->n_components == 0 || e->n_components > BILLING_DIMENSIONS) {
		billing_error_set(c->error, e->n_components ? "has too many entries" : "is empty: it needs a component",
				  "elements[%zu].price_components", c->element);
		return false;
	}
	for (size_t i = 0; i < e->n_components; i++)
		if (!check_component(c, e, i))
			return false;
	for (size_t i = 0; i < N_RANGES; i++)
		if (!check_range(c, &ranges[i], &e->restrictions))
			return false;
	if (!check_times(c, &e->restrictions) || !check_days(c, &e->restrictions))
		return false;
	if (e->restrictions.reservation != BILLING_NO_RESERVATION)
		for (size_t i = 0; i < e->n_components; i++)
			if (e->components[i].dimension != BILLING_FLAT && e->components[i].dimension != BILLING_TIME)
				return refuse(c, "reservation",
					      "fits FLAT and TIME only: nothing else is used up by a reservation");
	return check_reachable(c, e);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static bool check_limit(const struct billing_limit *l, const char *name, struct billing_error *error)
{
	if (!l->set)
		return true;
	if (l->before_micro < 0 || l->before_micro > BILLING_PRICE_MAX_MICRO) {
		billing_error_set(error, "is out of range", "%s.before_taxes", name);
		return false;
	}
	if (l->has_after && (l->after_micro < l->before_micro || l->after_micro > BILLING_PRICE_MAX_MICRO)) {
		billing_error_set(error, "must not be below before_taxes", "%s.after_taxes", name);
		return false;
	}
	return true;
}

static bool check_limits(const struct billing_tariff *t, struct billing_error *error)
{
	const struct billing_limit *min = &t->min_price, *max = &t->max_price;
	if (!check_limit(min, "min_price", error) || !check_limit(max, "max_price", error))
		return false;
	if (!min->set || !max->set)
		return true;
	if (min->before_micro > max->before_micro) {
		billing_error_set(error, "must not be below min_price.before_taxes", "max_price.before_taxes");
		return false;
	}
	if (min->has_after && max->has_after && min->after_micro > max->after_micro) {
		billing_error_set(error, "must not be below min_price.after_taxes", "max_price.after_taxes");
		return false;
	}
	return true;
}

static bool check_extras(const struct billing_extras *x, struct billing_error *error)
{
	const char *field = NULL;
	if (x->idle_grace_ms < 0 || x->idle_grace_ms > BILLING_TIME_MAX_MS)
		field = "idle_grace_s";
	else if (x->idle_cap_micro < 0 || x->idle_cap_micro > BILLING_PRICE_MAX_MICRO)
		field = "idle_cap";
	else if (x->waive_flat_if_below_uwh < 0 || x->waive_flat_if_below_uwh > BILLING_ENERGY_MAX_UWH)
		field = "waive_flat_if_wh_below";
	if (field)
		billing_error_set(error, "is out of range", "galvan.%s", field);
	return !field;
}

int billing_tariff_check(const struct billing_tariff *t, struct billing_error *ret_error)
{
	struct check c = { t, ret_error, 0 };
	if (billing_currency_exponent(t->currency) < 0) {
		billing_error_set(ret_error, "is no currency: give three capital letters of ISO 4217, like EUR",
				  "currency");
		return -EINVAL;
	}
	if (t->n_elements == 0 || t->n_elements > BILLING_ELEMENTS_MAX) {
		billing_error_set(ret_error, t->n_elements ? "has too many entries: 64 at most" : "is empty",
				  "elements");
		return -EINVAL;
	}
	if (t->valid_until_ms <= t->valid_from_ms) {
		billing_error_set(ret_error, "must be after start_date_time", "end_date_time");
		return -EINVAL;
	}
	if (!check_limits(t, ret_error) || !check_extras(&t->extras, ret_error))
		return -EINVAL;
	for (; c.element < t->n_elements; c.element++)
		if (!check_element(&c))
			return -EINVAL;
	return 0;
}
