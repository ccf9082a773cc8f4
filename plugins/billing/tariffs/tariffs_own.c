/* Power banks and packages: what they cost by terms that OCPI does not know, and what is held for them. */
#include "tariffs_own.h"
#include "places.h"
#include <plugins/billing/pricing/pricing_message.h>

#include <errno.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)

/* A price of one rate, to be given its lines. */
static Billing__Price *plain_price(struct gv_turn *t, const char *currency, int64_t excl, int64_t incl,
				   uint32_t vat_ppm)
{
	Billing__Price *p = gv_alloc(t, sizeof *p);
	Billing__TaxShare *tax = gv_alloc(t, sizeof *tax);

	billing__price__init(p);
	p->currency = gv_strdup(t, currency);
	p->excl = excl;
	p->incl = incl;
	billing__tax_share__init(tax);
	tax->named = true;
	tax->vat_ppm = vat_ppm;
	tax->tax = incl - excl;
	*GV_APPEND(t, p->taxes, p->n_taxes) = tax;
	return p;
}

static Billing__PriceLine *add_line(struct gv_turn *t, Billing__Price *p, const char *dimension, int64_t excl)
{
	Billing__PriceLine *line = gv_alloc(t, sizeof *line);

	billing__price_line__init(line);
	line->dimension = (char *)dimension;
	line->billed = 1;
	line->excl = excl;
	*GV_APPEND(t, p->lines, p->n_lines) = line;
	return line;
}

static void add_flag(struct gv_turn *t, Billing__Price *p, const char *flag)
{
	*GV_APPEND(t, p->flags, p->n_flags) = gv_strdup(t, flag);
}

static int64_t end_of(const Billing__PricedUse *use)
{
	return use->n_segments ? use->segments[use->n_segments - 1]->end_ms : use->start_ms;
}

static int64_t micro_of(const char *currency, int64_t minor)
{
	return minor * billing_minor_micro(billing_currency_exponent(currency));
}

/* ---- power banks ----------------------------------------------------------------------------- */

static const struct billing_freeze *freezes(struct gv_turn *t, const Billing__PricedUse *use)
{
	struct billing_freeze *list = gv_alloc(t, (use->n_stops + 1) * sizeof *list);

	for (size_t i = 0; i < use->n_stops; i++)
		list[i] = (struct billing_freeze){ use->stops[i]->from_ms, use->stops[i]->until_ms };
	return list;
}

/* A sale's part of a price before taxes; the rest is the rental's. */
static int64_t sale_excl(const struct billing_rental_tariff *tariff, int64_t incl)
{
	int64_t excl = 0;

	billing_round((billing_wide)incl * 1000000 * 2, (billing_wide)(1000000 + tariff->vat_ppm) * 2, &excl);
	return excl;
}

const Billing__Price *tariffs_price_rental(struct billing *b, struct gv_turn *t, const Billing__RentalTariff *terms,
					   const Billing__PricedUse *use, const char **ret_problem)
{
	struct billing_rental_tariff tariff;
	struct billing_rental_price price;
	struct billing_error error = { 0 };
	Billing__PriceLine *line;
	Billing__Price *p;
	int64_t sale;
	int r;

	if (billing_rental_read(terms, &tariff, &error) < 0) {
		*ret_problem = gv_str(t, "the tariff cannot be read: %s: %s", error.field, error.text);
		return NULL;
	}
	r = billing_rental_price(&tariff, places_zone(b, t, use->zone), use->start_ms, end_of(use), freezes(t, use),
				 use->n_stops, &price);
	if (r < 0) {
		*ret_problem = tariffs_why(t, r);
		return NULL;
	}
	p = plain_price(t, tariff.currency, price.excl_minor, price.incl_minor, (uint32_t)tariff.vat_ppm);
	p->charging_ms = end_of(use) - use->start_ms;
	sale = sale_excl(&tariff, price.buyout_minor);
	line = add_line(t, p, "RENTAL", p->excl - sale);
	line->start_ms = use->start_ms;
	line->end_ms = end_of(use);
	line->billed = price.charged_ms;
	line->price_micro = micro_of(tariff.currency, tariff.interval_minor);
	if (price.capped)
		add_flag(t, p, "capped");
	if (price.sold_at_ms == INT64_MAX)
		return p;
	line = add_line(t, p, "BUYOUT", sale);
	line->start_ms = line->end_ms = price.sold_at_ms;
	line->price_micro = micro_of(tariff.currency, tariff.buyout_minor);
	return p;
}

bool tariffs_clock_stops(const Billing__RentalTariff *terms, const char *why)
{
	if (!terms->n_freeze_on)
		return !strcmp(why, "offline") || !strcmp(why, "update");
	for (size_t i = 0; i < terms->n_freeze_on; i++)
		if (!strcmp(terms->freeze_on[i], why))
			return true;
	return false;
}

int64_t tariffs_sale_ms(struct billing *b, struct gv_turn *t, const Billing__Tariff *tariff,
			const Billing__PricedUse *use)
{
	struct billing_rental_tariff terms;
	struct billing_rental_price price;
	struct billing_error error;
	int64_t until_ms;

	if (tariff->terms_case != BILLING__TARIFF__TERMS_RENTAL ||
	    billing_rental_read(tariff->rental, &terms, &error) < 0 || terms.buyout_mode == BILLING_BUYOUT_NONE)
		return INT64_MAX;
	/* However the stops overlap, by then the clock has come so far. */
	until_ms = use->start_ms + terms.buyout_after_ms + 1;
	for (size_t i = 0; i < use->n_stops; i++)
		until_ms += use->stops[i]->until_ms - use->stops[i]->from_ms;
	if (billing_rental_price(&terms, NULL, use->start_ms, until_ms, freezes(t, use), use->n_stops, &price) < 0)
		return INT64_MAX;
	return price.sold_at_ms == INT64_MAX ? INT64_MAX : price.sold_at_ms + 1;
}

/* Just before a sale, or with it, wherever midnight lies: whatever is the dearest. */
static int64_t most(const Billing__RentalTariff *m)
{
	struct billing_rental_tariff terms;
	struct billing_error error;
	int64_t dearest = 0;

	if (billing_rental_read(m, &terms, &error) < 0 || terms.buyout_mode == BILLING_BUYOUT_NONE)
		return 0;
	for (int i = 0; i < 4; i++) {
		int64_t start_ms = i & 1 ? DAY_MS - 1 : 0;
		struct billing_rental_price price;

		if (billing_rental_price(&terms, NULL, start_ms, start_ms + terms.buyout_after_ms + (i >> 1), NULL, 0,
					 &price) == 0 &&
		    price.incl_minor > dearest)
			dearest = price.incl_minor;
	}
	return dearest;
}

/* ---- packages -------------------------------------------------------------------------------- */

/* What was used of it, beside the price's own fields. */
static int64_t sum_up(const Billing__PricedUse *use, enum billing_package_unit unit, Billing__Price *p)
{
	int64_t at_ms = use->start_ms;

	for (size_t i = 0; i < use->n_segments; i++) {
		const Billing__Segment *s = use->segments[i];

		*(s->idle ? &p->idle_ms : &p->charging_ms) += s->end_ms - at_ms;
		p->energy_uwh += s->energy_uwh;
		at_ms = s->end_ms;
	}
	return unit == BILLING_PACKAGE_TIME ? at_ms - use->start_ms : p->energy_uwh;
}

const Billing__Price *tariffs_price_package(struct gv_turn *t, const Billing__PackageTariff *terms,
					    const Billing__PricedUse *use, const char **ret_problem)
{
	struct billing_package package;
	struct billing_package_price price;
	struct billing_error error = { 0 };
	Billing__Price sums = BILLING__PRICE__INIT, *p;
	Billing__PriceLine *line;
	int64_t used;
	int r = billing_package_read(terms, &package, &error);

	if (r < 0) {
		*ret_problem = gv_str(t, "the tariff cannot be read: %s: %s", error.field, error.text);
		return NULL;
	}
	used = sum_up(use, package.unit, &sums);
	r = billing_package_price(&package, used, &price);
	if (r < 0) {
		*ret_problem = tariffs_why(t, r);
		return NULL;
	}
	p = plain_price(t, package.currency, price.excl_minor, price.incl_minor, (uint32_t)package.vat_ppm);
	p->charging_ms = sums.charging_ms;
	p->idle_ms = sums.idle_ms;
	p->energy_uwh = sums.energy_uwh;
	line = add_line(t, p, "PACKAGE", p->excl);
	line->start_ms = use->start_ms;
	line->end_ms = end_of(use);
	line->billed = used < package.amount ? used : package.amount;
	line->price_micro = micro_of(package.currency, package.price_minor);
	if (price.beyond)
		add_flag(t, p, "package-exceeded");
	return p;
}

/* ---- what is held ---------------------------------------------------------------------------- */

bool tariffs_hold_is_whole(const Billing__Tariff *tariff)
{
	return tariff->terms_case == BILLING__TARIFF__TERMS_PACKAGE ||
	       (tariff->terms_case == BILLING__TARIFF__TERMS_RENTAL && tariff->rental->deposit);
}

int64_t tariffs_hold(const struct billing *b, const Billing__Tariff *tariff, bool card)
{
	const Billing__HoldPolicy *policy = b->config->hold;
	int64_t amount = card ? policy->card_amount : policy->amount, dearest;

	if (tariff->terms_case == BILLING__TARIFF__TERMS_PACKAGE)
		return tariff->package->price;
	if (tariff->terms_case != BILLING__TARIFF__TERMS_RENTAL)
		return amount;
	if (tariff->rental->deposit)
		return tariff->rental->deposit;
	dearest = policy->rental_buyout ? most(tariff->rental) : 0;
	return dearest > amount ? dearest : amount;
}
