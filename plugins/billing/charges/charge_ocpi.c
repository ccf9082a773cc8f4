/* A charge as a CDR of OCPI 2.2.1 (mod_cdrs). What galvan does not know of a place (its address, the plug) is left out,
 * for whoever sends the CDR to a partner to add. */
#include "charges.h"
#include <plugins/billing/pricing/money.h>
#include <plugins/billing/tariffs/places.h>
#include <plugins/billing/pricing/pricing.h>

#include <cjson/cJSON.h>
#include <lib/iso8601.h>
#include <string.h>

#define HOUR_MS 3600000
#define HOUR_DECIMALS 4
#define KWH_DECIMALS 9 /* of µWh */

static void add_decimal(cJSON *to, const char *name, int64_t value, int decimals)
{
	char text[BILLING_DECIMAL_MAX];

	billing_decimal_write(value, decimals, text);
	cJSON_AddRawToObject(to, name, text);
}

static void add_time(cJSON *to, const char *name, int64_t ms)
{
	char text[25];

	gv_time_format(ms, text);
	cJSON_AddStringToObject(to, name, text);
}

static int64_t hours(int64_t ms)
{
	return (ms * 10000 + HOUR_MS / 2) / HOUR_MS;
}

/* incl: INT64_MIN where it is not known. */
static void add_price(cJSON *to, const char *name, const char *currency, int64_t excl, int64_t incl)
{
	int exponent = billing_currency_exponent(currency);
	cJSON *price = cJSON_AddObjectToObject(to, name);

	exponent = exponent < 0 ? 2 : exponent;
	add_decimal(price, "excl_vat", excl, exponent);
	if (incl != INT64_MIN)
		add_decimal(price, "incl_vat", incl, exponent);
}

static int64_t sum_of(const Billing__Price *p, const char *dimension, bool reservation)
{
	int64_t sum = 0;

	for (size_t i = 0; i < p->n_lines; i++)
		if (p->lines[i]->reservation == reservation &&
		    (reservation || !strcmp(p->lines[i]->dimension, dimension)))
			sum += p->lines[i]->excl;
	return sum;
}

static void add_dimension(cJSON *dimensions, const char *type, int64_t value, int decimals)
{
	cJSON *d = cJSON_CreateObject();

	cJSON_AddStringToObject(d, "type", type);
	add_decimal(d, "volume", value, decimals);
	cJSON_AddItemToArray(dimensions, d);
}

static void add_period(cJSON *periods, const Billing__Charge *c, const Billing__PricePeriod *p, int64_t end_ms)
{
	cJSON *period = cJSON_CreateObject(), *dimensions;

	add_time(period, "start_date_time", p->start_ms);
	dimensions = cJSON_AddArrayToObject(period, "dimensions");
	if (p->energy_uwh)
		add_dimension(dimensions, "ENERGY", p->energy_uwh, KWH_DECIMALS);
	add_dimension(dimensions,
		      p->reservation ? "RESERVATION_TIME"
		      : p->idle      ? "PARKING_TIME"
				     : "TIME",
		      hours(end_ms - p->start_ms), HOUR_DECIMALS);
	if (c->tariff)
		cJSON_AddStringToObject(period, "tariff_id", c->tariff->id);
	cJSON_AddItemToArray(periods, period);
}

static void add_periods(cJSON *cdr, const Billing__Charge *c)
{
	cJSON *periods = cJSON_AddArrayToObject(cdr, "charging_periods");
	const Billing__Price *p = c->price;

	for (size_t i = 0; i < p->n_periods; i++)
		add_period(periods, c, p->periods[i],
			   i + 1 < p->n_periods ? p->periods[i + 1]->start_ms : c->ended_at_ms);
	if (!p->n_periods) {
		Billing__PricePeriod whole = BILLING__PRICE_PERIOD__INIT;

		whole.start_ms = c->started_at_ms;
		whole.energy_uwh = p->energy_uwh;
		whole.idle = !p->energy_uwh;
		add_period(periods, c, &whole, c->ended_at_ms);
	}
}

static void add_totals(cJSON *cdr, const Billing__Charge *c)
{
	const Billing__Price *p = c->price;

	add_price(cdr, "total_cost", p->currency, p->excl, p->incl);
	add_price(cdr, "total_fixed_cost", p->currency, sum_of(p, "FLAT", false) + sum_of(p, "PACKAGE", false),
		  INT64_MIN);
	add_decimal(cdr, "total_energy", p->energy_uwh, KWH_DECIMALS);
	add_price(cdr, "total_energy_cost", p->currency, sum_of(p, "ENERGY", false), INT64_MIN);
	add_decimal(cdr, "total_time", hours(p->charging_ms + p->idle_ms), HOUR_DECIMALS);
	add_price(cdr, "total_time_cost", p->currency, sum_of(p, "TIME", false), INT64_MIN);
	add_decimal(cdr, "total_parking_time", hours(p->idle_ms), HOUR_DECIMALS);
	add_price(cdr, "total_parking_cost", p->currency, sum_of(p, "PARKING_TIME", false), INT64_MIN);
	if (p->reserved_ms)
		add_price(cdr, "total_reservation_cost", p->currency, sum_of(p, "", true), INT64_MIN);
}

static void add_token(struct billing *b, cJSON *cdr, const Billing__Charge *c)
{
	cJSON *token = cJSON_AddObjectToObject(cdr, "cdr_token");

	cJSON_AddStringToObject(token, "country_code", b->config->country_code);
	cJSON_AddStringToObject(token, "party_id", b->config->party_id);
	cJSON_AddStringToObject(token, "uid", c->token);
	cJSON_AddStringToObject(token, "type", *c->order ? "AD_HOC_USER" : "RFID");
	cJSON_AddStringToObject(token, "contract_id", *c->customer ? c->customer : c->token);
}

static void add_location(struct gv_turn *t, cJSON *cdr, const Billing__Charge *c)
{
	const Billing__PlaceRow *place = places_find(t, c->device);
	cJSON *location = cJSON_AddObjectToObject(cdr, "cdr_location");

	cJSON_AddStringToObject(location, "id", *c->site ? c->site : c->device);
	if (place && *place->name)
		cJSON_AddStringToObject(location, "name", place->name);
	cJSON_AddStringToObject(location, "evse_uid", c->device);
	cJSON_AddStringToObject(location, "connector_id", gv_str(t, "%u", c->connector));
}

char *charges_ocpi(struct billing *b, struct gv_turn *t, const Billing__ChargeRow *row)
{
	const Billing__Charge *c = row->charge;
	cJSON *cdr = cJSON_CreateObject(), *tariffs;
	char *text, *kept;

	cJSON_AddStringToObject(cdr, "country_code", b->config->country_code);
	cJSON_AddStringToObject(cdr, "party_id", b->config->party_id);
	cJSON_AddStringToObject(cdr, "id", c->id);
	add_time(cdr, "start_date_time", c->started_at_ms);
	add_time(cdr, "end_date_time", c->ended_at_ms);
	cJSON_AddStringToObject(cdr, "session_id", c->session);
	add_token(b, cdr, c);
	cJSON_AddStringToObject(cdr, "auth_method", *c->order ? "COMMAND" : "WHITELIST");
	if (*c->order)
		cJSON_AddStringToObject(cdr, "authorization_reference", c->order);
	add_location(t, cdr, c);
	cJSON_AddStringToObject(cdr, "currency", c->price->currency);
	if (c->tariff && c->tariff->terms_case == BILLING__TARIFF__TERMS_OCPI) {
		tariffs = cJSON_AddArrayToObject(cdr, "tariffs");
		cJSON_AddItemToArray(tariffs, cJSON_CreateRaw(c->tariff->ocpi));
	}
	add_periods(cdr, c);
	add_totals(cdr, c);
	if (*c->reason)
		cJSON_AddStringToObject(cdr, "remark", c->reason);
	if (*c->credit_of) {
		cJSON_AddTrueToObject(cdr, "credit");
		cJSON_AddStringToObject(cdr, "credit_reference_id", c->credit_of);
	}
	add_time(cdr, "last_updated", c->recorded_at_ms);
	text = cJSON_PrintUnformatted(cdr);
	cJSON_Delete(cdr);
	kept = gv_strdup(t, text ? text : "");
	cJSON_free(text);
	return kept;
}
