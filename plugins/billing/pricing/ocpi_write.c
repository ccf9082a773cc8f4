/* What the pricing engine understands is written from what it understood, so that an export shows what is charged; the
 * rest is written as it came. */
#include "ocpi.h"

#include "ocpi_names.h"

#include <errno.h>
#include <lib/calendar.h>
#include <lib/iso8601.h>
#include <lib/json.h>
#include <string.h>

#define AT(field) offsetof(struct billing_restrictions, field)

const struct ocpi_restriction ocpi_restrictions[OCPI_RESTRICTIONS] = {
	{ "start_time", BILLING_START_TIME, OCPI_TIME, AT(start_time_s), 0, 1, 0 },
	{ "end_time", BILLING_END_TIME, OCPI_TIME, AT(end_time_s), 0, 1, 0 },
	{ "start_date", BILLING_START_DATE, OCPI_DATE, AT(start_day), 0, 1, 0 },
	{ "end_date", BILLING_END_DATE, OCPI_DATE, AT(end_day), 0, 1, 0 },
	{ "min_kwh", BILLING_MIN_KWH, OCPI_NUMBER, AT(min_uwh), 9, 1, BILLING_ENERGY_MAX_UWH },
	{ "max_kwh", BILLING_MAX_KWH, OCPI_NUMBER, AT(max_uwh), 9, 1, BILLING_ENERGY_MAX_UWH },
	{ "min_current", BILLING_MIN_CURRENT, OCPI_NUMBER, AT(min_current_ma), 3, 1, BILLING_CURRENT_MAX_MA },
	{ "max_current", BILLING_MAX_CURRENT, OCPI_NUMBER, AT(max_current_ma), 3, 1, BILLING_CURRENT_MAX_MA },
	{ "min_power", BILLING_MIN_POWER, OCPI_NUMBER, AT(min_power_mw), 6, 1, BILLING_POWER_MAX_MW },
	{ "max_power", BILLING_MAX_POWER, OCPI_NUMBER, AT(max_power_mw), 6, 1, BILLING_POWER_MAX_MW },
	{ "min_duration", BILLING_MIN_DURATION, OCPI_NUMBER, AT(min_duration_ms), 0, 1000, BILLING_TIME_MAX_MS },
	{ "max_duration", BILLING_MAX_DURATION, OCPI_NUMBER, AT(max_duration_ms), 0, 1000, BILLING_TIME_MAX_MS },
};

const char *const ocpi_days[7] = { "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY" };
const char *const ocpi_reservations[3] = { "", "RESERVATION", "RESERVATION_EXPIRES" };
const char *const ocpi_taxes[4] = { "", "NO", "YES", "N/A" };

static void put_number(struct gv_buf *out, const char *name, int64_t value, int decimals)
{
	char text[BILLING_DECIMAL_MAX];
	billing_decimal_write(value, decimals, text);
	gv_buf_printf(out, "\"%s\":%s", name, text);
}

static void put_limit(struct gv_buf *out, const char *name, const struct billing_limit *l, bool old_names)
{
	if (!l->set)
		return;
	gv_buf_printf(out, ",\"%s\":{", name);
	put_number(out, old_names ? "excl_vat" : "before_taxes", l->before_micro, BILLING_MICRO_DECIMALS);
	if (l->has_after) {
		gv_buf_putc(out, ',');
		put_number(out, old_names ? "incl_vat" : "after_taxes", l->after_micro, BILLING_MICRO_DECIMALS);
	}
	gv_buf_putc(out, '}');
}

static void put_date(struct gv_buf *out, const char *name, int64_t day)
{
	char text[25];
	gv_time_format(day * GV_DAY_S * 1000, text);
	gv_buf_printf(out, "\"%s\":\"%.10s\"", name, text);
}

static void put_restriction(struct gv_buf *out, const struct ocpi_restriction *o, const struct billing_restrictions *r)
{
	int32_t time_s = 0;
	int64_t value = 0;
	if (o->form == OCPI_TIME)
		memcpy(&time_s, (const char *)r + o->offset, sizeof time_s);
	else
		memcpy(&value, (const char *)r + o->offset, sizeof value);
	switch (o->form) {
	case OCPI_TIME:
		gv_buf_printf(out, "\"%s\":\"%02d:%02d\"", o->name, time_s / 3600, time_s / 60 % 60);
		break;
	case OCPI_DATE:
		put_date(out, o->name, value);
		break;
	default:
		put_number(out, o->name, value / o->times, o->decimals);
	}
}

static void put_restrictions(struct gv_buf *out, const struct billing_restrictions *r)
{
	const char *comma = "";
	gv_buf_puts(out, ",\"restrictions\":{");
	for (size_t i = 0; i < OCPI_RESTRICTIONS; i++) {
		if (!(r->set & ocpi_restrictions[i].bit))
			continue;
		gv_buf_puts(out, comma);
		put_restriction(out, &ocpi_restrictions[i], r);
		comma = ",";
	}
	if (r->set & BILLING_DAY_OF_WEEK) {
		gv_buf_printf(out, "%s\"day_of_week\":", comma);
		comma = "[";
		for (int day = 0; day < 7; day++) {
			if (!(r->days >> day & 1))
				continue;
			gv_buf_printf(out, "%s\"%s\"", comma, ocpi_days[day]);
			comma = ",";
		}
		gv_buf_putc(out, ']');
	}
	if (r->reservation != BILLING_NO_RESERVATION)
		gv_buf_printf(out, "%s\"reservation\":\"%s\"", comma, ocpi_reservations[r->reservation]);
	gv_buf_putc(out, '}');
}

static void put_element(struct gv_buf *out, const struct billing_element *e)
{
	gv_buf_puts(out, "{\"price_components\":[");
	for (size_t i = 0; i < e->n_components; i++) {
		const struct billing_component *c = &e->components[i];
		gv_buf_printf(out, "%s{\"type\":\"%s\",", i ? "," : "", billing_dimension_name(c->dimension));
		put_number(out, "price", c->price_micro, BILLING_MICRO_DECIMALS);
		gv_buf_putc(out, ',');
		if (c->vat_ppm != BILLING_VAT_NONE) {
			put_number(out, "vat", c->vat_ppm, 4);
			gv_buf_putc(out, ',');
		}
		put_number(out, "step_size", c->step, 0);
		gv_buf_putc(out, '}');
	}
	gv_buf_putc(out, ']');
	if (e->has_restrictions)
		put_restrictions(out, &e->restrictions);
	gv_buf_putc(out, '}');
}

static void put_time(struct gv_buf *out, const char *name, int64_t ms)
{
	char text[25];
	gv_time_format(ms, text);
	gv_buf_printf(out, ",\"%s\":\"%s\"", name, text);
}

static void put_extras(struct gv_buf *out, const struct billing_extras *x)
{
	const struct {
		const char *name;
		int64_t value;
		int decimals;
	} members[] = { { "idle_grace_s", x->idle_grace_ms, 3 },
			{ "idle_cap", x->idle_cap_micro, BILLING_MICRO_DECIMALS },
			{ "waive_flat_if_wh_below", x->waive_flat_if_below_uwh, 6 } };
	const char *before = ",\"galvan\":{";
	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		if (members[i].value == 0)
			continue;
		gv_buf_puts(out, before);
		put_number(out, members[i].name, members[i].value, members[i].decimals);
		before = ",";
	}
	if (*before == ',' && before[1] == '\0')
		gv_buf_putc(out, '}');
}

int billing_ocpi_write(const struct billing_tariff *t, struct gv_buf *out)
{
	gv_buf_puts(out, "{\"id\":");
	gv_json_string(out, t->id, strlen(t->id));
	gv_buf_printf(out, ",\"currency\":\"%s\"", t->currency);
	if (t->other.size) {
		gv_buf_putc(out, ',');
		gv_buf_add(out, t->other.data, t->other.size);
	}
	if (t->tax != BILLING_TAX_UNSAID)
		gv_buf_printf(out, ",\"tax_included\":\"%s\"", ocpi_taxes[t->tax]);
	put_limit(out, "min_price", &t->min_price, t->old_names);
	put_limit(out, "max_price", &t->max_price, t->old_names);
	gv_buf_puts(out, ",\"elements\":[");
	for (size_t i = 0; i < t->n_elements; i++) {
		if (i)
			gv_buf_putc(out, ',');
		put_element(out, &t->elements[i]);
	}
	gv_buf_putc(out, ']');
	if (t->valid_from_ms > 0)
		put_time(out, "start_date_time", t->valid_from_ms);
	if (t->valid_until_ms != INT64_MAX)
		put_time(out, "end_date_time", t->valid_until_ms);
	put_extras(out, &t->extras);
	gv_buf_putc(out, '}');
	return out->error;
}
