/* A charge for people: what was used, what each part of it costs, the taxes, and how it was paid. Plain lines of text,
 * for a page, a mail or a printer; receipt_pdf.c sets them on paper. */
#include "charges.h"
#include <plugins/billing/pricing/money.h>
#include <plugins/billing/people/people.h>
#include <plugins/billing/tariffs/places.h>

#include <lib/iso8601.h>
#include <lib/zone.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 64

struct receipt {
	struct gv_turn *t;
	const Billing__Charge *charge;
	const struct gv_zone *zone;
	char **lines;
	size_t n;
};

static void line(struct receipt *r, const char *left, const char *right)
{
	size_t used = strlen(left) + strlen(right);

	*GV_APPEND(r->t, r->lines, r->n) = gv_str(r->t, "%s%*s%s", left, used < WIDTH ? (int)(WIDTH - used) : 2, "",
						  right);
}

static void text(struct receipt *r, const char *s)
{
	*GV_APPEND(r->t, r->lines, r->n) = gv_strdup(r->t, s);
}

static const char *money(struct receipt *r, int64_t minor)
{
	char out[BILLING_MONEY_MAX];

	billing_money_write(minor, r->charge->price->currency, out);
	return gv_strdup(r->t, out);
}

static const char *decimal(struct receipt *r, int64_t value, int decimals)
{
	char out[BILLING_DECIMAL_MAX];

	billing_decimal_write(value, decimals, out);
	return gv_strdup(r->t, out);
}

/* As the clock on the wall of the site shows it. */
static const char *clock_time(struct receipt *r, int64_t ms)
{
	int32_t offset = gv_zone_offset_s(r->zone, ms / 1000);
	char local[25];

	gv_time_format(ms + 1000 * (int64_t)offset, local);
	return gv_str(r->t, "%.10s %.8s UTC%c%02d:%02d", local, local + 11, offset < 0 ? '-' : '+', abs(offset) / 3600,
		      abs(offset) / 60 % 60);
}

static const char *duration(struct receipt *r, int64_t ms)
{
	return gv_str(r->t, "%lld:%02d:%02d h", (long long)(ms / 3600000), (int)(ms / 60000 % 60),
		      (int)(ms / 1000 % 60));
}

static const char *what(const Billing__PriceLine *l)
{
	if (l->reservation)
		return "Reservation";
	if (!strcmp(l->dimension, "FLAT"))
		return "Start";
	if (!strcmp(l->dimension, "ENERGY"))
		return "Energy";
	if (!strcmp(l->dimension, "RENTAL"))
		return "Rental";
	if (!strcmp(l->dimension, "BUYOUT"))
		return "Price of the power bank";
	if (!strcmp(l->dimension, "PACKAGE"))
		return "Package";
	return !strcmp(l->dimension, "TIME") ? "Charging time" : "Parking time";
}

/* "Package of 4:00:00 h at 2.00, used 1:00:00 h" */
static const char *package_text(struct receipt *r, const Billing__PriceLine *l)
{
	const Billing__Tariff *tariff = r->charge->tariff;
	bool energy = tariff && tariff->terms_case == BILLING__TARIFF__TERMS_PACKAGE &&
		      tariff->package->unit == BILLING__PACKAGE_UNIT__PACKAGE_UNIT_ENERGY;
	int64_t amount = tariff && tariff->terms_case == BILLING__TARIFF__TERMS_PACKAGE ? tariff->package->amount : 0;
	const char *price = decimal(r, l->price_micro, 6);

	return energy ? gv_str(r->t, "%s of %s kWh at %s, used %s kWh", what(l), decimal(r, amount, 3), price,
			       decimal(r, l->billed, 9))
		      : gv_str(r->t, "%s of %s at %s, used %s", what(l), duration(r, amount * 1000), price,
			       duration(r, l->billed));
}

static void price_line(struct receipt *r, const Billing__PriceLine *l)
{
	const char *price = decimal(r, l->price_micro, 6), *left;

	if (!strcmp(l->dimension, "RENTAL"))
		left = gv_str(r->t, "%s %s", what(l), duration(r, l->billed));
	else if (!strcmp(l->dimension, "BUYOUT"))
		left = what(l);
	else if (!strcmp(l->dimension, "PACKAGE"))
		left = package_text(r, l);
	else if (!strcmp(l->dimension, "ENERGY"))
		left = gv_str(r->t, "%s %s kWh at %s", what(l), decimal(r, l->billed, 9), price);
	else if (!strcmp(l->dimension, "FLAT"))
		left = what(l);
	else
		left = gv_str(r->t, "%s %s at %s an hour", what(l), duration(r, l->billed), price);
	line(r, left, money(r, l->excl));
}

static void bank(struct receipt *r, const Billing__RentedBank *b)
{
	const Billing__PlaceRow *place = *b->return_device ? places_find(r->t, b->return_device) : NULL;

	line(r, "Power bank", b->id);
	if (*b->return_device)
		line(r, "Returned", place && *place->name ? place->name : b->return_device);
	else
		line(r, b->sold ? "Sold" : "Not returned", "");
}

static void head(struct receipt *r, struct billing *b)
{
	const Billing__Charge *c = r->charge;
	const Billing__PlaceRow *place = places_find(r->t, c->device);
	const Billing__Customer *customer = *c->customer ? people_customer(r->t, c->customer) : NULL;

	line(r, *c->credit_of ? "CREDIT NOTE" : "RECEIPT", c->id);
	if (*c->credit_of)
		line(r, "Takes back", c->credit_of);
	if (*c->reason)
		line(r, "Because", c->reason);
	line(r, "Issued", clock_time(r, c->recorded_at_ms));
	if (customer)
		line(r, "For", *customer->name ? customer->name : customer->id);
	else if (!*c->order)
		line(r, "Card", c->token);
	line(r, "Where", place && *place->name ? place->name : c->device);
	if (*c->site)
		line(r, "Site", c->site);
	line(r, c->bank ? "Slot" : "Connector", gv_str(r->t, "%u", c->connector));
	line(r, "From", clock_time(r, c->started_at_ms));
	line(r, "Until", clock_time(r, c->ended_at_ms));
	if (c->bank)
		bank(r, c->bank);
	else
		line(r, "Energy", gv_str(r->t, "%s kWh", decimal(r, c->energy_wh, 3)));
	text(r, "");
}

static void prices(struct receipt *r)
{
	const Billing__Price *p = r->charge->price;

	for (size_t i = 0; i < p->n_lines; i++)
		price_line(r, p->lines[i]);
	if (p->adjustment)
		line(r, "Price limits of the tariff", money(r, p->adjustment));
	line(r, "Before taxes", money(r, p->excl));
	for (size_t i = 0; i < p->n_taxes; i++)
		line(r, p->taxes[i]->named ? gv_str(r->t, "VAT %s %%", decimal(r, p->taxes[i]->vat_ppm, 4)) : "Taxes",
		     money(r, p->taxes[i]->tax));
	line(r, "Total", money(r, p->incl));
}

static void payment(struct receipt *r, const Billing__ChargeRow *row)
{
	const char *from = !strncmp(row->account, "card:", 5)     ? "Paid from the card"
			   : !strncmp(row->account, "wallet:", 7) ? "Paid from the balance"
								  : "Paid by the payment provider";

	if (!row->booked) {
		line(r,
		     row->charge->use == BILLING__TOKEN_USE_OF_CHARGE__CHARGE_USE_PRIVATE ? "Private use" : "Not paid",
		     "");
		return;
	}
	if (row->paid)
		line(r, from, money(r, row->paid));
	if (row->charge->receivable)
		line(r, "Open", money(r, row->charge->receivable));
}

int receipt_get(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *request)
{
	const char *id = ((const Billing__GetReceiptRequest *)request)->charge;
	Billing__GetReceiptReply reply = BILLING__GET_RECEIPT_REPLY__INIT;
	const Billing__ChargeRow *row = charges_row(t, id);
	struct receipt r = { .t = t };

	if (!row)
		return gv_refuse(t, to, GV_NOT_FOUND, "there is no charge \"%.64s\"", id);
	r.charge = row->charge;
	r.zone = places_zone(self, t, row->charge->zone);
	head(&r, self);
	prices(&r);
	payment(&r, row);
	reply.lines = r.lines;
	reply.n_lines = r.n;
	if (receipt_pdf(t, r.lines, r.n, &reply.pdf))
		return gv_refuse(t, to, GV_INTERNAL, "the receipt of %s could not be set as PDF", id);
	return gv_reply(t, to, &reply);
}
