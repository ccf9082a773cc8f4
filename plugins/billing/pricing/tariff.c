/* A tariff is read once and priced with a million times: what a session must ask at each moment - which components can
 * apply, and where the next one may take over - is laid out here beforehand. */
#include "tariff.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *billing_dimension_name(enum billing_dimension d)
{
	static const char *const names[] = { "FLAT", "ENERGY", "TIME", "PARKING_TIME" };
	return (size_t)d < BILLING_DIMENSIONS ? names[d] : "?";
}

void billing_error_set(struct billing_error *e, const char *text, const char *field_format, ...)
{
	va_list ap;
	va_start(ap, field_format);
	vsnprintf(e->field, sizeof e->field, field_format, ap);
	va_end(ap);
	snprintf(e->text, sizeof e->text, "%s", text);
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static void sort(struct billing_cuts *c)
{
	size_t kept = 0;
	qsort(c->at, c->n, sizeof *c->at, compare);
	for (size_t i = 0; i < c->n; i++)
		if (kept == 0 || c->at[i] != c->at[kept - 1])
			c->at[kept++] = c->at[i];
	c->n = kept;
}

static void add_cut(struct billing_cuts *c, bool is_set, int64_t at)
{
	if (is_set)
		c->at[c->n++] = at;
}

static void collect_cuts(struct billing_tariff *t)
{
	for (size_t i = 0; i < t->n_elements; i++) {
		const struct billing_restrictions *r = &t->elements[i].restrictions;
		const unsigned of_days = BILLING_START_TIME | BILLING_END_TIME | BILLING_START_DATE | BILLING_END_DATE |
					 BILLING_DAY_OF_WEEK;
		add_cut(&t->times_s, r->set & of_days, 0);
		add_cut(&t->times_s, r->set & BILLING_START_TIME, r->start_time_s);
		add_cut(&t->times_s, r->set & BILLING_END_TIME, r->end_time_s);
		add_cut(&t->durations_ms, r->set & BILLING_MIN_DURATION && r->min_duration_ms, r->min_duration_ms);
		add_cut(&t->durations_ms, r->set & BILLING_MAX_DURATION, r->max_duration_ms);
		add_cut(&t->energies_uwh, r->set & BILLING_MIN_KWH && r->min_uwh, r->min_uwh);
		add_cut(&t->energies_uwh, r->set & BILLING_MAX_KWH, r->max_uwh);
	}
	sort(&t->times_s);
	sort(&t->durations_ms);
	sort(&t->energies_uwh);
}

static bool looks_up(enum billing_lookup lookup, int pass, enum billing_reservation r)
{
	switch (lookup) {
	case BILLING_IN_SESSION:
		return pass == 0 && r == BILLING_NO_RESERVATION;
	case BILLING_IN_RESERVATION:
		return pass == 0 && r == BILLING_RESERVATION;
	default: /* what only expired ones pay comes first */
		return r == (pass == 0 ? BILLING_RESERVATION_EXPIRES : BILLING_RESERVATION);
	}
}

static struct billing_candidate *collect_candidates(struct billing_tariff *t, enum billing_lookup lookup,
						    enum billing_dimension d, struct billing_candidate *to)
{
	t->candidates[lookup][d] = to;
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < t->n_elements; i++) {
			struct billing_element *e = &t->elements[i];
			for (size_t c = 0; c < e->n_components; c++)
				if (e->components[c].dimension == d &&
				    looks_up(lookup, pass, e->restrictions.reservation))
					*to++ = (struct billing_candidate){ &e->components[c], &e->restrictions };
		}
	}
	t->n_candidates[lookup][d] = (size_t)(to - t->candidates[lookup][d]);
	return to;
}

int billing_tariff_prepare(struct billing_tariff *t, struct billing_error *ret_error)
{
	int r = billing_tariff_check(t, ret_error);
	if (r < 0)
		return r;
	/* each element gives at most 3 + 2 + 2 cuts and, to each of its components, one candidate per lookup */
	const size_t candidates_size = t->n_elements * BILLING_DIMENSIONS * BILLING_LOOKUPS *
				       sizeof(struct billing_candidate);
	char *memory = malloc(candidates_size + t->n_elements * 7 * sizeof(int64_t));
	if (!memory)
		return -ENOMEM;
	free(t->prepared);
	t->prepared = memory;
	t->exponent = billing_currency_exponent(t->currency);
	for (size_t i = 0; i < t->n_elements; i++)
		for (size_t c = 0; c < t->elements[i].n_components; c++)
			t->elements[i].components[c].element = (uint32_t)i;
	struct billing_candidate *to = t->prepared;
	for (int lookup = 0; lookup < BILLING_LOOKUPS; lookup++)
		for (int d = 0; d < BILLING_DIMENSIONS; d++)
			to = collect_candidates(t, (enum billing_lookup)lookup, (enum billing_dimension)d, to);
	int64_t *at = (int64_t *)(void *)(memory + candidates_size);
	t->times_s = (struct billing_cuts){ at, 0 };
	t->durations_ms = (struct billing_cuts){ at + t->n_elements * 3, 0 };
	t->energies_uwh = (struct billing_cuts){ at + t->n_elements * 5, 0 };
	collect_cuts(t);
	return 0;
}

void billing_tariff_fini(struct billing_tariff *t)
{
	free(t->elements);
	free(t->prepared);
	gv_buf_fini(&t->other);
	*t = (struct billing_tariff){ 0 };
}
