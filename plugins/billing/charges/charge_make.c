/* The charge of a session or a rental as it ended: what was used, and its price. Neither recorded nor booked yet. */
#include "charges.h"
#include <plugins/billing/tariffs/places.h>
#include <plugins/billing/tariffs/tariffs.h>

#include <string.h>

/* Nothing, for what was used. */
static Billing__Price *no_price(struct billing *b, struct gv_turn *t, const Billing__PricedUse *use)
{
	Billing__Price *p = gv_alloc(t, sizeof *p);
	int64_t at_ms = use ? use->start_ms : 0;

	billing__price__init(p);
	p->currency = b->config->currency;
	for (size_t i = 0; use && i < use->n_segments; i++) {
		const Billing__Segment *s = use->segments[i];

		*(s->idle ? &p->idle_ms : &p->charging_ms) += s->end_ms - at_ms;
		p->energy_uwh += s->energy_uwh;
		at_ms = s->end_ms;
	}
	return p;
}

static void flag(struct gv_turn *t, Billing__Charge *c, const char *name)
{
	orders_add_flag(t, &c->flags, &c->n_flags, name);
}

static Billing__Price *price_of(struct billing *b, struct gv_turn *t, const Billing__UseRow *use,
				const Billing__PricedUse *priced, Billing__Charge *c)
{
	const Billing__Price *price;
	const char *problem = "its meters or times are out of range";

	if (use->use == BILLING__TOKEN_USE_OF_CHARGE__CHARGE_USE_PRIVATE)
		return no_price(b, t, priced);
	if (!use->tariff) {
		flag(t, c, orders_has_flag(c->flags, c->n_flags, "not-for-cards") ? "" : "no-tariff");
		return no_price(b, t, priced);
	}
	price = priced ? tariffs_price(b, t, use->tariff, priced, &problem) : NULL;
	if (price && strcmp(price->currency, b->config->currency) != 0) {
		problem = gv_str(t, "its tariff %s is in %s", use->tariff->id, price->currency);
		price = NULL;
	}
	if (price)
		return (Billing__Price *)price;
	flag(t, c, "unpriced");
	gv_log(t, GV_ERR, "%s could not be priced, its charge is recorded without a price: %s session=%s",
	       use->rented ? "a rental" : "a session", problem, use->session);
	return no_price(b, t, priced);
}

static Billing__ChargeRow *make(struct gv_turn *t, const Billing__UseRow *use)
{
	Billing__ChargeRow *row = gv_alloc(t, sizeof *row);
	Billing__Charge *c = gv_alloc(t, sizeof *c);

	billing__charge_row__init(row);
	billing__charge__init(c);
	row->charge = c;
	row->account = use->account;
	row->booked = !use->unpaid && use->use == BILLING__TOKEN_USE_OF_CHARGE__CHARGE_USE_PAID;
	c->id = charges_next_id(t);
	c->order = use->order;
	c->session = use->session;
	c->device = use->device;
	c->connector = use->connector;
	c->site = use->site;
	c->customer = use->customer;
	c->token = use->token;
	c->use = use->use;
	c->tariff = use->tariff;
	c->zone = use->zone;
	for (size_t i = 0; i < use->n_flags; i++)
		flag(t, c, use->flags[i]);
	return row;
}

/* What no connector of that power can have given is not charged; where it is the registry that is wrong, that is money
 * lost with each session. */
static void warn_of_jump(struct gv_turn *t, const Billing__Charge *c)
{
	if (orders_has_flag(c->flags, c->n_flags, "meter-jump"))
		gv_log(t, GV_WARN,
		       "energy beyond the connector's power is not charged: is its max_power_w in the registry right? "
		       "device=%s connector=%u metered_wh=%lld charged_wh=%lld session=%s",
		       c->device, c->connector, (long long)c->energy_wh, (long long)(c->price->energy_uwh / 1000000),
		       c->session);
}

/* `priced` NULL: it cannot be priced. */
static void price(struct billing *b, struct gv_turn *t, const Billing__UseRow *use, Billing__ChargeRow *row,
		  const Billing__PricedUse *priced)
{
	row->charge->price = price_of(b, t, use, priced, row->charge);
	if (!priced)
		return;
	row->priced.data = gv_alloc(t, billing__priced_use__get_packed_size(priced) + 1);
	row->priced.len = billing__priced_use__pack(priced, row->priced.data);
}

Billing__ChargeRow *charge_session(struct billing *b, struct gv_turn *t, const Billing__UseRow *use,
				   const Charging__Session *s)
{
	Billing__ChargeRow *row = make(t, use);
	Billing__Charge *c = row->charge;

	c->started_at_ms = s->started_at_ms;
	c->ended_at_ms = s->ended_at_ms;
	for (size_t i = 0; i < s->n_flags; i++)
		flag(t, c, s->flags[i]);
	price(b, t, use, row,
	      rating_use(t, s, s->ended_at_ms, use->zone, places_power_w(places_find(t, use->device), use->connector),
			 &c->flags, &c->n_flags));
	c->energy_wh = s->energy_wh;
	warn_of_jump(t, c);
	if (orders_has_flag(c->price->flags, c->price->n_flags, "package-exceeded"))
		flag(t, c, "package-exceeded");
	return row;
}

/* ---- rentals --------------------------------------------------------------------------------- */

Billing__PricedUse *charge_rented(struct gv_turn *t, const Billing__UseRow *use, int64_t end_ms)
{
	Billing__PricedUse *priced = gv_alloc(t, sizeof *priced);
	Billing__Segment *segment = gv_alloc(t, sizeof *segment);

	billing__priced_use__init(priced);
	billing__segment__init(segment);
	priced->start_ms = use->started_at_ms;
	priced->zone = use->zone;
	priced->stops = use->rented->stops;
	priced->n_stops = use->rented->n_stops;
	segment->end_ms = end_ms;
	*GV_APPEND(t, priced->segments, priced->n_segments) = segment;
	return priced;
}

static bool is_sale(const Billing__Price *p)
{
	for (size_t i = 0; i < p->n_lines; i++)
		if (!strcmp(p->lines[i]->dimension, "BUYOUT"))
			return true;
	return false;
}

Billing__ChargeRow *charge_rental(struct billing *b, struct gv_turn *t, const Billing__UseRow *use, bool sold)
{
	Billing__ChargeRow *row = make(t, use);
	Billing__Charge *c = row->charge;

	c->started_at_ms = use->started_at_ms;
	c->ended_at_ms = use->end->at_ms;
	for (size_t i = 0; i < use->end->n_flags; i++)
		flag(t, c, use->end->flags[i]);
	price(b, t, use, row, charge_rented(t, use, c->ended_at_ms));
	c->bank = gv_alloc(t, sizeof *c->bank);
	*c->bank = *use->rented->bank;
	c->bank->sold = is_sale(c->price);
	if (sold && !c->bank->sold)
		flag(t, c, "sold-by-hand");
	if (!sold && c->bank->sold)
		flag(t, c, "returned-after-sale");
	return row;
}
