/* A charge for people: what was used, what each part of it costs, the taxes, and how it was paid. Plain lines of text,
 * for a page, a mail or a printer; paper_pdf.c sets them on paper. */
#include "charges.h"
#include "paper.h"
#include <plugins/billing/people/people.h>
#include <plugins/billing/tariffs/places.h>

#include <string.h>

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
static const char *package_text(struct paper *p, const Billing__Tariff *tariff, const Billing__PriceLine *l)
{
	bool known = tariff && tariff->terms_case == BILLING__TARIFF__TERMS_PACKAGE;
	bool energy = known && tariff->package->unit == BILLING__PACKAGE_UNIT__PACKAGE_UNIT_ENERGY;
	int64_t amount = known ? tariff->package->amount : 0;
	const char *price = paper_decimal(p, l->price_micro, 6);

	return energy ? gv_str(p->t, "%s of %s kWh at %s, used %s kWh", what(l), paper_decimal(p, amount, 3), price,
			       paper_decimal(p, l->billed, 9))
		      : gv_str(p->t, "%s of %s at %s, used %s", what(l), paper_duration(p, amount * 1000), price,
			       paper_duration(p, l->billed));
}

static void price_line(struct paper *p, const Billing__Tariff *tariff, const Billing__PriceLine *l)
{
	const char *price = paper_decimal(p, l->price_micro, 6), *left;

	if (!strcmp(l->dimension, "RENTAL"))
		left = gv_str(p->t, "%s %s", what(l), paper_duration(p, l->billed));
	else if (!strcmp(l->dimension, "PACKAGE"))
		left = package_text(p, tariff, l);
	else if (!strcmp(l->dimension, "ENERGY"))
		left = gv_str(p->t, "%s %s kWh at %s", what(l), paper_decimal(p, l->billed, 9), price);
	else if (!strcmp(l->dimension, "FLAT") || !strcmp(l->dimension, "BUYOUT"))
		left = what(l);
	else
		left = gv_str(p->t, "%s %s at %s an hour", what(l), paper_duration(p, l->billed), price);
	paper_line(p, left, paper_money(p, l->excl));
}

static void bank(struct paper *p, const Billing__RentedBank *b)
{
	const Billing__PlaceRow *place = *b->return_device ? places_find(p->t, b->return_device) : NULL;

	paper_line(p, "Power bank", b->id);
	if (*b->return_device)
		paper_line(p, "Returned", place && *place->name ? place->name : b->return_device);
	else
		paper_line(p, b->sold ? "Sold" : "Not returned", "");
}

static void energy(struct paper *p, const Billing__Charge *c)
{
	int64_t charged_wh = c->price->energy_uwh / 1000000;
	bool odd = orders_has_flag(c->flags, c->n_flags, "meter-jump");

	paper_line(p, "Energy", gv_str(p->t, "%s kWh", paper_decimal(p, c->energy_wh, 3)));
	if (odd) /* more than the connector can have given */
		paper_line(p, "Of it not charged, as the meter cannot be right",
			   gv_str(p->t, "%s kWh", paper_decimal(p, c->energy_wh - charged_wh, 3)));
}

static void head(struct paper *p, const Billing__Charge *c)
{
	const Billing__PlaceRow *place = places_find(p->t, c->device);
	const Billing__Customer *customer = *c->customer ? people_customer(p->t, c->customer) : NULL;

	paper_line(p, *c->credit_of ? "CREDIT NOTE" : "RECEIPT", c->id);
	if (*c->credit_of)
		paper_line(p, "Takes back", c->credit_of);
	if (*c->reason)
		paper_line(p, "Because", c->reason);
	paper_line(p, "Issued", paper_time(p, c->recorded_at_ms));
	if (customer)
		paper_line(p, "For", *customer->name ? customer->name : customer->id);
	else if (!*c->order)
		paper_line(p, "Card", c->token);
	paper_line(p, "Where", place && *place->name ? place->name : c->device);
	if (*c->site)
		paper_line(p, "Site", c->site);
	paper_line(p, c->bank ? "Slot" : "Connector", gv_str(p->t, "%u", c->connector));
	paper_line(p, "From", paper_time(p, c->started_at_ms));
	paper_line(p, "Until", paper_time(p, c->ended_at_ms));
	if (c->bank)
		bank(p, c->bank);
	else
		energy(p, c);
	paper_text(p, "");
}

static void prices(struct paper *p, const Billing__Charge *c)
{
	const Billing__Price *price = c->price;

	for (size_t i = 0; i < price->n_lines; i++)
		price_line(p, c->tariff, price->lines[i]);
	if (price->adjustment)
		paper_line(p, "Price limits of the tariff", paper_money(p, price->adjustment));
	paper_line(p, "Before taxes", paper_money(p, price->excl));
	paper_taxes(p, price->taxes, price->n_taxes);
	paper_line(p, "Total", paper_money(p, price->incl));
}

static void payment(struct paper *p, const Billing__ChargeRow *row)
{
	const char *from = !strncmp(row->account, "card:", 5)     ? "Paid from the card"
			   : !strncmp(row->account, "wallet:", 7) ? "Paid from the balance"
								  : "Paid by the payment provider";
	bool private = row->charge->use == BILLING__TOKEN_USE_OF_CHARGE__CHARGE_USE_PRIVATE;

	if (!row->booked)
		paper_line(p, private ? "Private use" : "Not paid", "");
	else if (row->paid)
		paper_line(p, from, paper_money(p, row->paid));
	if (row->booked && row->charge->receivable)
		paper_line(p, "Open", paper_money(p, row->charge->receivable));
}

int receipt_get(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *request)
{
	const char *id = ((const Billing__GetReceiptRequest *)request)->charge;
	Billing__GetReceiptReply reply = BILLING__GET_RECEIPT_REPLY__INIT;
	const Billing__ChargeRow *row = charges_row(t, id);
	struct paper paper = { .t = t };

	if (!row)
		return gv_refuse(t, to, GV_NOT_FOUND, "there is no charge \"%.64s\"", id);
	paper.currency = row->charge->price->currency;
	paper.zone = places_zone(self, t, row->charge->zone);
	head(&paper, row->charge);
	prices(&paper, row->charge);
	payment(&paper, row);
	reply.lines = paper.lines;
	reply.n_lines = paper.n;
	if (paper_pdf(&paper, &reply.pdf))
		return gv_refuse(t, to, GV_INTERNAL, "the receipt of %s could not be set as PDF", id);
	return gv_reply(t, to, &reply);
}
