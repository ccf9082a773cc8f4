/* From lines to a price: what step_size adds, taxes, caps and limits are exact fractions to the end; then the totals
 * are rounded once, halves up, and shared out to the lines and tax rates so that every column adds up. */
#include "pricing.h"

#include <errno.h>
#include <string.h>

#define PPM 1000000
#define NANO_FINE (BILLING_FINE / 1000000000)

/* What step_size adds to one line. */
struct step {
	size_t line; /* plus 1; 0: nothing */
	struct billing_exact excess;
};

enum { STEP_ENERGY, STEP_TIME, STEP_RESERVATION, STEPS };

struct total {
	struct billing_run *run;
	struct step steps[STEPS];
	struct billing_exact excl;           /* in fine */
	struct billing_exact incl;           /* in fine / PPM */
	struct billing_exact idle;           /* excl of the parking lines, where a cap asks for it */
	billing_wide tax[BILLING_RATES_MAX]; /* of each of the price's rates, in fine / PPM, floored */
	bool adjusted;
	struct billing_price *price;
};

static bool is_priced(const struct total *t, const struct billing_line *l)
{
	return !(t->price->flags & BILLING_FLAT_WAIVED && l->lookup == BILLING_IN_SESSION &&
		 l->component->dimension == BILLING_FLAT);
}

/* Fine for one µWh, one ms, or one time FLAT at 1 micro. */
static billing_wide fine_per_unit(const struct billing_component *c)
{
	static const int64_t per_micro[] = { 9000000000, 9, 2500, 2500 };
	return (billing_wide)c->price_micro * per_micro[c->dimension];
}

static int add_quantity(struct billing_exact *x, const struct billing_quantity *q)
{
	int r = 0;
	x->whole += q->whole; /* limits bound it */
	for (int i = 0; r == 0 && i < 2; i++)
		if (q->parts[i].rem)
			r = billing_exact_add(x, q->parts[i].rem, q->parts[i].den);
	return r;
}

/* ---- step_size ------------------------------------------------------------------------------- */

/* Rounds what all lines of the last one's kind come to up to a multiple of its step. */
static int round_up(struct total *t, struct step *step, const struct billing_line *last)
{
	const struct billing_run *run = t->run;
	const enum billing_dimension d = last->component->dimension;
	const billing_wide unit = last->component->step * (d == BILLING_ENERGY ? INT64_C(1000000) : 1000);
	struct billing_exact sum;
	int r = 0;
	if (unit == 0)
		return 0;
	billing_exact_init(&sum);
	for (size_t i = 0; r == 0 && i < run->n_lines; i++) {
		const struct billing_line *l = &run->lines[i];
		bool same = (l->lookup == BILLING_IN_SESSION) == (last->lookup == BILLING_IN_SESSION);
		if (same && l->component->dimension == d)
			r = add_quantity(&sum, &l->quantity);
	}
	step->line = (size_t)(last - run->lines) + 1;
	billing_exact_init(&step->excess);
	if (r == 0)
		r = billing_exact_add(&step->excess, billing_exact_ceil(&sum, unit), 1);
	if (r == 0)
		r = billing_exact_add_whole_times(&step->excess, &sum, -1);
	return r;
}

/* Energy is rounded once; of charging and parking time, only the one that came last; a reservation by itself. */
static int find_steps(struct total *t)
{
	const struct billing_line *last[STEPS] = { NULL };
	int r = 0;
	for (size_t i = 0; i < t->run->n_lines; i++) {
		const struct billing_line *l = &t->run->lines[i];
		if (l->component->dimension == BILLING_FLAT)
			continue;
		last[l->lookup != BILLING_IN_SESSION             ? STEP_RESERVATION
		     : l->component->dimension == BILLING_ENERGY ? STEP_ENERGY
								 : STEP_TIME] = l;
	}
	for (int i = 0; i < STEPS; i++) {
		t->steps[i].line = 0;
		if (r == 0 && last[i])
			r = round_up(t, &t->steps[i], last[i]);
	}
	return r;
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* The rate that counts; taxes that the tariff rules out do not. */
static int32_t rate_of(const struct total *t, int32_t vat_ppm)
{
	return vat_ppm == BILLING_VAT_NONE || t->run->tariff->tax == BILLING_TAX_NONE ? 0 : vat_ppm;
}

/* What a line costs as the tariff states it, with what step_size adds; sets l->billed. */
static int cost_of(const struct total *t, struct billing_line *l, struct billing_exact *ret)
{
	const billing_wide each = is_priced(t, l) ? fine_per_unit(l->component) : 0;
	const struct billing_exact *excess = NULL;
	struct billing_exact billed;
	int r;
	for (int i = 0; i < STEPS; i++)
		if (t->steps[i].line == (size_t)(l - t->run->lines) + 1)
			excess = &t->steps[i].excess;
	billing_exact_init(&billed);
	r = add_quantity(&billed, &l->quantity);
	if (r == 0 && excess)
		r = billing_exact_add_whole_times(&billed, excess, 1);
	if (r < 0)
		return r;
	l->billed = (int64_t)billing_exact_floor(&billed);
	billing_exact_init(ret);
	return billing_exact_add_whole_times(ret, &billed, each);
}

/* Prices a line, and adds what it costs before taxes to what is charged at its rate. */
static int add_line(struct total *t, struct billing_line *l, int32_t rate, struct billing_exact *sum)
{
	const struct billing_tariff *tariff = t->run->tariff;
	struct billing_exact cost, without_tax, *excl = &cost;
	int r = cost_of(t, l, &cost);
	if (r == 0 && tariff->tax == BILLING_TAX_INCLUDED && rate) {
		excl = &without_tax;
		billing_exact_init(excl);
		r = billing_exact_add_times(excl, &cost, PPM, PPM + rate);
	}
	if (r == 0)
		r = billing_exact_add_whole_times(sum, excl, 1);
	if (r == 0 && l->component->dimension == BILLING_PARKING && tariff->extras.idle_cap_micro)
		r = billing_exact_add_whole_times(&t->idle, excl, 1);
	if (r < 0)
		return r;
	l->excl_fine = billing_exact_floor(excl);
	if (l->component->vat_ppm == BILLING_VAT_NONE && l->excl_fine > 0 &&
	    (tariff->tax == BILLING_TAX_UNSAID || tariff->tax == BILLING_TAX_EXCLUDED))
		t->price->flags |= BILLING_TAX_UNKNOWN;
	return 0;
}

/* Adds what is charged at a rate to the totals; the tax is in fine / PPM. */
static int add_rate(struct total *t, const struct billing_exact *excl, int32_t rate, billing_wide *ret_tax)
{
	struct billing_exact tax;
	billing_exact_init(&tax);
	int r = billing_exact_add_whole_times(&tax, excl, rate);
	if (r == 0)
		r = billing_exact_add_whole_times(&t->excl, excl, 1);
	if (r == 0)
		r = billing_exact_add_whole_times(&t->incl, excl, PPM + rate);
	if (r == 0)
		*ret_tax = billing_exact_floor(&tax);
	return r;
}

/* The rates, in the order in which lines have them. */
static int collect_rates(struct total *t)
{
	struct billing_price *p = t->price;
	for (size_t i = 0; i < t->run->n_lines; i++) {
		int32_t rate = t->run->lines[i].component->vat_ppm;
		size_t at = 0;
		while (at < p->n_taxes && p->taxes[at].vat_ppm != rate)
			at++;
		if (at < p->n_taxes)
			continue;
		if (at == BILLING_RATES_MAX)
			return -E2BIG;
		p->taxes[p->n_taxes++] = (struct billing_tax_share){ .vat_ppm = rate };
	}
	return 0;
}

/* A tax is on what all lines at its rate come to. */
static int add_lines(struct total *t)
{
	int r = collect_rates(t);
	for (size_t i = 0; r == 0 && i < t->price->n_taxes; i++) {
		const int32_t vat_ppm = t->price->taxes[i].vat_ppm, rate = rate_of(t, vat_ppm);
		struct billing_exact excl;
		billing_exact_init(&excl);
		for (size_t j = 0; r == 0 && j < t->run->n_lines; j++)
			if (t->run->lines[j].component->vat_ppm == vat_ppm)
				r = add_line(t, &t->run->lines[j], rate, &excl);
		if (r == 0)
			r = add_rate(t, &excl, rate, &t->tax[i]);
	}
	return r;
}

/* Gives each line its part of what all come to, by largest remainder. */
static void share_lines(struct total *t, int64_t gross_minor, billing_wide unit)
{
	struct billing_run *run = t->run;
	int64_t missing = gross_minor;
	for (size_t i = 0; i < run->n_lines; i++) {
		run->lines[i].excl_minor = (int64_t)(run->lines[i].excl_fine / unit);
		missing -= run->lines[i].excl_minor;
	}
	for (; missing > 0; missing--) {
		struct billing_line *best = NULL;
		billing_wide most = -1;
		for (size_t i = 0; i < run->n_lines; i++) {
			struct billing_line *l = &run->lines[i];
			billing_wide remainder = l->excl_fine - (billing_wide)l->excl_minor * unit;
			if (remainder > most) {
				most = remainder;
				best = l;
			}
		}
		if (!best)
			return;
		best->excl_minor++;
	}
}

static void sum_dimensions(struct total *t)
{
	const struct billing_run *run = t->run;
	for (size_t i = 0; i < run->n_lines; i++) {
		const struct billing_line *l = &run->lines[i];
		if (l->lookup == BILLING_IN_SESSION)
			t->price->dimension_minor[l->component->dimension] += l->excl_minor;
		else
			t->price->reservation_minor += l->excl_minor;
	}
}

/* ---- caps and limits ------------------------------------------------------------------------- */

/* What parking comes to above its cap is taken off, at the tax of the last parking line. */
static int cap_idle(struct total *t)
{
	const billing_wide cap = (billing_wide)t->run->tariff->extras.idle_cap_micro * (BILLING_FINE / BILLING_MICRO);
	int32_t rate = 0;
	if (cap == 0 || billing_exact_floor(&t->idle) < cap)
		return 0;
	for (size_t i = 0; i < t->run->n_lines; i++)
		if (t->run->lines[i].component->dimension == BILLING_PARKING)
			rate = rate_of(t, t->run->lines[i].component->vat_ppm);
	int r = billing_exact_add(&t->idle, -cap, 1); /* what is too much */
	if (r == 0 && billing_exact_ceil(&t->idle, 1) > 0) {
		t->price->flags |= BILLING_IDLE_CAPPED;
		t->adjusted = true;
	}
	if (r == 0)
		r = billing_exact_add_whole_times(&t->excl, &t->idle, -1);
	if (r == 0)
		r = billing_exact_add_whole_times(&t->incl, &t->idle, -(PPM + rate));
	return r;
}

static void set_whole(struct billing_exact *x, billing_wide whole)
{
	billing_exact_init(x);
	x->whole = whole;
}

/* A limit without a price after taxes changes these in proportion, to a billionth of the major unit. */
static int prorate(struct total *t, int64_t before_micro)
{
	billing_wide incl = billing_exact_floor(&t->incl) / PPM / NANO_FINE, n;
	billing_wide excl = billing_exact_floor(&t->excl) / NANO_FINE;
	t->price->flags |= BILLING_TAX_PRORATED;
	if (excl == 0) {
		set_whole(&t->incl, before_micro * (BILLING_FINE / BILLING_MICRO) * PPM);
		return 0;
	}
	if (__builtin_mul_overflow(incl, (billing_wide)before_micro * 1000, &n))
		return -EOVERFLOW;
	set_whole(&t->incl, n / excl * NANO_FINE * PPM);
	return 0;
}

/* Above a maximum, or below a minimum; by whatever fraction. */
static bool is_beyond(const struct billing_exact *x, billing_wide bound, bool is_max)
{
	const billing_wide floor = billing_exact_floor(x);
	return is_max ? floor >= bound && billing_exact_ceil(x, 1) > bound : floor < bound;
}

static int limit(struct total *t, const struct billing_limit *l, bool is_max, unsigned flag)
{
	int r = 0;
	if (!l->set)
		return 0;
	const billing_wide before = l->before_micro * (BILLING_FINE / BILLING_MICRO),
			   after = l->after_micro * (BILLING_FINE / BILLING_MICRO) * PPM;
	const bool excl_beyond = is_beyond(&t->excl, before, is_max),
		   incl_beyond = l->has_after && is_beyond(&t->incl, after, is_max);
	if (excl_beyond && !l->has_after)
		r = prorate(t, l->before_micro);
	if (excl_beyond)
		set_whole(&t->excl, before);
	if (incl_beyond)
		set_whole(&t->incl, after);
	if (excl_beyond || incl_beyond) {
		t->price->flags |= flag;
		t->adjusted = true;
	}
	return r;
}

/* ---- taxes ----------------------------------------------------------------------------------- */

/* Shares the tax among the rates: by what each comes to exactly or, where limits have changed that, in proportion. */
static int share_taxes(struct total *t, billing_wide unit)
{
	struct billing_price *p = t->price;
	billing_wide *weights = t->tax, sum = 0;
	int64_t shares[BILLING_RATES_MAX], tax_minor = p->incl_minor - p->excl_minor;
	if (p->n_taxes == 0)
		return 0;
	if (p->n_taxes == 1) {
		p->taxes[0].tax_minor = tax_minor;
		return 0;
	}
	for (size_t i = 0; i < p->n_taxes; i++)
		sum += weights[i];
	if (t->adjusted && sum / (NANO_FINE * PPM) > 0) {
		unit = 0;
		for (size_t i = 0; i < p->n_taxes; i++) {
			weights[i] /= NANO_FINE * PPM;
			unit += weights[i];
		}
		for (size_t i = 0; i < p->n_taxes; i++)
			if (__builtin_mul_overflow(weights[i], tax_minor, &weights[i]))
				return -EOVERFLOW;
	} else if (t->adjusted) { /* all of it comes from a limit */
		p->taxes[0].tax_minor = tax_minor;
		return 0;
	}
	int r = billing_share(tax_minor, weights, p->n_taxes, unit, shares);
	for (size_t i = 0; r == 0 && i < p->n_taxes; i++)
		p->taxes[i].tax_minor = shares[i];
	return r;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int compute(struct total *t)
{
	const struct billing_tariff *tariff = t->run->tariff;
	const billing_wide unit = BILLING_FINE / BILLING_MICRO * billing_minor_micro(tariff->exponent);
	struct billing_price *p = t->price;
	int64_t gross_minor = 0;
	int r = find_steps(t);
	if (r == 0)
		r = add_lines(t);
	if (r == 0)
		r = billing_exact_round(&t->excl, unit, &gross_minor);
	if (r < 0)
		return r;
	share_lines(t, gross_minor, unit);
	r = cap_idle(t);
	if (r == 0)
		r = limit(t, &tariff->min_price, false, BILLING_MIN_APPLIED);
	if (r == 0)
		r = limit(t, &tariff->max_price, true, BILLING_MAX_APPLIED);
	if (r < 0)
		return r;
	p->excl_fine = billing_exact_floor(&t->excl);
	p->incl_fine = billing_exact_floor(&t->incl) / PPM;
	r = billing_exact_round(&t->excl, unit, &p->excl_minor);
	if (r == 0)
		r = billing_exact_round(&t->incl, unit * PPM, &p->incl_minor);
	if (r == 0)
		r = share_taxes(t, unit * PPM);
	p->adjustment_minor = p->excl_minor - gross_minor;
	sum_dimensions(t);
	return r;
}

int billing_run_price(struct billing_run *run, struct billing_price *ret)
{
	struct billing_price price = { 0 };
	struct total t;
	t.run = run;
	t.price = &price;
	t.adjusted = false;
	billing_exact_init(&t.excl);
	billing_exact_init(&t.incl);
	billing_exact_init(&t.idle);
	if (run->current_assumed)
		price.flags |= BILLING_CURRENT_ASSUMED;
	if (run->started && run->energy_uwh < run->tariff->extras.waive_flat_if_below_uwh)
		price.flags |= BILLING_FLAT_WAIVED;
	int r = compute(&t);
	if (r == 0)
		*ret = price;
	return r;
}

void billing_credit(const struct billing_price *p, const struct billing_line *lines, size_t n_lines,
		    struct billing_price *ret, struct billing_line *ret_lines)
{
	struct billing_price c = *p;
	c.excl_minor = -p->excl_minor;
	c.incl_minor = -p->incl_minor;
	c.excl_fine = -p->excl_fine;
	c.incl_fine = -p->incl_fine;
	c.adjustment_minor = -p->adjustment_minor;
	c.reservation_minor = -p->reservation_minor;
	for (int d = 0; d < BILLING_DIMENSIONS; d++)
		c.dimension_minor[d] = -p->dimension_minor[d];
	for (size_t i = 0; i < p->n_taxes; i++)
		c.taxes[i].tax_minor = -p->taxes[i].tax_minor;
	c.flags ^= BILLING_CREDIT;
	for (size_t i = 0; i < n_lines; i++) {
		ret_lines[i] = lines[i];
		ret_lines[i].excl_fine = -lines[i].excl_fine;
		ret_lines[i].excl_minor = -lines[i].excl_minor;
	}
	*ret = c;
}
