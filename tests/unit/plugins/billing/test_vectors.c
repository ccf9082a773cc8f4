/* Worked cases: what sessions and rentals must cost by published tariffs and by the rules of docs/adr/0008. Times
 * without a zone are local; excl and incl are exact, but for halves-up rounding to `places` digits (4); a line is its
 * dimension, the Wh, seconds or times charged, and its amount before taxes. */
#include "world.h"

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <plugins/billing/pricing/rental.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../leaks.h"

#define LINES_MAX 32

static cJSON *vectors;

static void load(void)
{
	FILE *f = fopen(VECTORS, "rb");
	static char text[256 * 1024];
	cr_assert_not_null(f, "%s cannot be read", VECTORS);
	size_t size = fread(text, 1, sizeof text - 1, f);
	fclose(f);
	vectors = cJSON_ParseWithLength(text, size);
	cr_assert_not_null(vectors);
}

static void unload(void)
{
	cJSON_Delete(vectors);
	check_leaks();
}

TestSuite(vectors, .init = load, .fini = unload);

static const char *text_of(const cJSON *in, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(in, name));
}

/* The number in a text member times 10^decimals; `absent` where there is none. */
static int64_t number_of(const cJSON *in, const char *name, int decimals, int64_t absent)
{
	const char *text = text_of(in, name);
	int64_t value = absent;
	if (text)
		cr_assert_eq(billing_decimal_read(text, strlen(text), decimals, 0, INT64_MAX, &value), 0);
	return value;
}

static int64_t integer_of(const cJSON *in, const char *name, int64_t absent)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(in, name);
	return item ? (int64_t)item->valuedouble : absent;
}

static struct billing_tariff tariff_of(const cJSON *c)
{
	struct billing_tariff t;
	struct billing_error error;
	char *json = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(c, "tariff"));
	cr_assert_eq(billing_ocpi_read(json, strlen(json), &t, &error), 0, "%s: %s: %s", text_of(c, "name"),
		     error.field, error.text);
	free(json);
	return t;
}

static void feed(const cJSON *c, struct billing_run *run, const struct gv_zone *zone)
{
	const cJSON *reserved = cJSON_GetObjectItemCaseSensitive(c, "reserved"),
		    *segments = cJSON_GetObjectItemCaseSensitive(c, "segments"), *s;
	const char *name = text_of(c, "name");
	int64_t start_ms = segments->child ? world_time(text_of(segments->child, "from"), zone)
					   : world_time("2026-11-16T12:00:00Z", NULL);
	if (reserved)
		cr_assert_eq(billing_run_reserve(run, start_ms - integer_of(reserved, "seconds", 0) * 1000, start_ms,
						 cJSON_IsTrue(cJSON_GetObjectItem(reserved, "expired"))),
			     0, "%s", name);
	cJSON_ArrayForEach(s, segments)
	{
		struct billing_segment g = {
			.start_ms = world_time(text_of(s, "from"), zone),
			.end_ms = world_time(text_of(s, "to"), zone),
			.kind = strcmp(text_of(s, "state"), "idle") == 0 ? BILLING_IDLE : BILLING_CHARGING,
			.energy_uwh = number_of(s, "wh", 6, 0),
			.current_ma = number_of(s, "amps", 3, BILLING_UNKNOWN),
			.power_mw = number_of(s, "kw", 6, BILLING_UNKNOWN),
		};
		cr_assert_eq(billing_run_add(run, &g), 0, "%s", name);
	}
}

static void expect_total(const cJSON *c, const char *which, billing_wide fine, int64_t minor, int exponent)
{
	int64_t places = integer_of(c, "places", 4), wanted, got, wanted_minor;
	billing_wide unit = BILLING_FINE;
	if (!text_of(c, which))
		return;
	for (int64_t i = 0; i < places; i++)
		unit /= 10;
	wanted = number_of(c, which, (int)places, 0);
	cr_assert_eq(billing_round(fine, unit, &got), 0);
	cr_expect_eq(got, wanted, "%s: %s is %ld, not %ld", text_of(c, "name"), which, got, wanted);
	for (; places > exponent; places--) /* the minor unit, from the places given */
		unit *= 10;
	cr_assert_eq(billing_round(number_of(c, which, 6, 0) * (BILLING_FINE / BILLING_MICRO), unit, &wanted_minor), 0);
	cr_expect_eq(minor, wanted_minor, "%s: %s is %ld minor units, not %ld", text_of(c, "name"), which, minor,
		     wanted_minor);
}

/* Lines are compared within their dimension: dimensions run side by side. */
static void expect_lines(const cJSON *c, const struct billing_run *run)
{
	const cJSON *lines = cJSON_GetObjectItemCaseSensitive(c, "lines"), *l;
	const char *name = text_of(c, "name");
	size_t next[BILLING_DIMENSIONS] = { 0 }, count = 0;
	if (!lines)
		return;
	cJSON_ArrayForEach(l, lines)
	{
		const char *dimension = cJSON_GetArrayItem(l, 0)->valuestring,
			   *excl = cJSON_GetArrayItem(l, 2)->valuestring;
		int64_t billed = (int64_t)cJSON_GetArrayItem(l, 1)->valuedouble, micro;
		int d = 0;
		while (strcmp(billing_dimension_name((enum billing_dimension)d), dimension) != 0)
			d++;
		billed *= d == BILLING_FLAT ? 1 : d == BILLING_ENERGY ? 1000000 : 1000;
		while (next[d] < run->n_lines && (int)run->lines[next[d]].component->dimension != d)
			next[d]++;
		cr_assert_lt(next[d], run->n_lines, "%s: a line of %s is missing", name, dimension);
		const struct billing_line *got = &run->lines[next[d]++];
		cr_assert_eq(billing_decimal_read(excl, strlen(excl), 6, 0, INT64_MAX, &micro), 0);
		cr_expect_eq(got->billed, billed, "%s: %ld of %s, not %ld", name, got->billed, dimension, billed);
		cr_expect_eq((int64_t)(got->excl_fine / (BILLING_FINE / BILLING_MICRO)), micro,
			     "%s: %s is %ld, not %ld", name, dimension,
			     (int64_t)(got->excl_fine / (BILLING_FINE / BILLING_MICRO)), micro);
		count++;
	}
	cr_expect_eq(run->n_lines, count, "%s: %zu lines, not %zu", name, run->n_lines, count);
}

/* Whatever the session, the columns add up. */
static void expect_columns(const char *name, const struct billing_run *run, const struct billing_price *p)
{
	int64_t lines = p->adjustment_minor, taxes = 0, dimensions = p->adjustment_minor + p->reservation_minor;
	for (size_t i = 0; i < run->n_lines; i++)
		lines += run->lines[i].excl_minor;
	for (size_t i = 0; i < p->n_taxes; i++)
		taxes += p->taxes[i].tax_minor;
	for (int d = 0; d < BILLING_DIMENSIONS; d++)
		dimensions += p->dimension_minor[d];
	cr_expect_eq(lines, p->excl_minor, "%s: the lines come to %ld of %ld", name, lines, p->excl_minor);
	cr_expect_eq(dimensions, p->excl_minor, "%s: the dimensions come to %ld of %ld", name, dimensions,
		     p->excl_minor);
	if (p->n_taxes)
		cr_expect_eq(taxes, p->incl_minor - p->excl_minor, "%s: the taxes come to %ld", name, taxes);
}

Test(vectors, every_session_costs_what_it_must)
{
	const cJSON *c;
	int count = 0;
	cJSON_ArrayForEach(c, cJSON_GetObjectItemCaseSensitive(vectors, "sessions"))
	{
		struct gv_zone *zone = world_zone(text_of(c, "zone"));
		struct billing_tariff t = tariff_of(c);
		struct billing_line lines[LINES_MAX];
		struct billing_period periods[LINES_MAX];
		struct billing_run run;
		struct billing_price p;
		billing_run_init(&run, &t, zone, lines, LINES_MAX, periods, LINES_MAX);
		feed(c, &run, zone);
		cr_assert_eq(billing_run_price(&run, &p), 0, "%s", text_of(c, "name"));
		expect_total(c, "excl", p.excl_fine, p.excl_minor, t.exponent);
		expect_total(c, "incl", p.incl_fine, p.incl_minor, t.exponent);
		expect_lines(c, &run);
		expect_columns(text_of(c, "name"), &run, &p);
		billing_tariff_fini(&t);
		gv_zone_destroy(zone);
		count++;
	}
	cr_assert_geq(count, 50);
}

static int64_t minor_of(const cJSON *in, const char *name)
{
	return number_of(in, name, 2, 0);
}

static struct billing_rental_tariff rental_of(const cJSON *t)
{
	const char *window = text_of(t, "cap_window"), *mode = text_of(t, "free_mode");
	const cJSON *buyout = cJSON_GetObjectItemCaseSensitive(t, "buyout");
	struct billing_rental_tariff r = {
		.free_ms = integer_of(t, "free_s", 0) * 1000,
		.free_mode = mode && strcmp(mode, "deduct") == 0 ? BILLING_FREE_DEDUCT : BILLING_FREE_THRESHOLD,
		.interval_ms = integer_of(t, "interval_s", 0) * 1000,
		.interval_minor = minor_of(t, "interval_price"),
		.has_first = text_of(t, "first_interval_price"),
		.first_interval_minor = minor_of(t, "first_interval_price"),
		.cap_window = strcmp(window, "rolling_24h") == 0 ? BILLING_CAP_ROLLING_24H : BILLING_CAP_CALENDAR_DAY,
		.cap_minor = minor_of(t, "cap_amount"),
		.total_cap_minor = minor_of(t, "total_cap"),
	};
	memcpy(r.currency, text_of(t, "currency"), 3);
	if (buyout) {
		r.buyout_mode = strcmp(text_of(buyout, "mode"), "add") == 0 ? BILLING_BUYOUT_ADD
									    : BILLING_BUYOUT_REPLACE;
		r.buyout_after_ms = integer_of(buyout, "after_s", 0) * 1000;
		r.buyout_minor = minor_of(buyout, "price");
	}
	return r;
}

Test(vectors, every_rental_costs_what_it_must)
{
	struct gv_zone *zone = world_zone("Asia/Shanghai");
	const cJSON *c, *f;
	int count = 0;
	cJSON_ArrayForEach(c, cJSON_GetObjectItemCaseSensitive(vectors, "rentals"))
	{
		struct billing_rental_tariff t = rental_of(cJSON_GetObjectItemCaseSensitive(c, "tariff"));
		struct billing_error error;
		struct billing_freeze freezes[4];
		struct billing_rental_price p;
		size_t n = 0;
		int64_t start_ms = world_time("2026-11-16T00:00:00", zone) +
				   integer_of(c, "rented_at_local_min", 0) * 60000;
		cJSON_ArrayForEach(f, cJSON_GetObjectItemCaseSensitive(c, "frozen"))
			freezes[n++] = (struct billing_freeze){
				start_ms + (int64_t)cJSON_GetArrayItem(f, 0)->valuedouble * 1000,
				start_ms + (int64_t)cJSON_GetArrayItem(f, 1)->valuedouble * 1000,
			};
		cr_assert_eq(billing_rental_check(&t, &error), 0, "%s: %s", error.field, error.text);
		cr_assert_eq(billing_rental_price(&t, zone, start_ms, start_ms + integer_of(c, "held_s", 0) * 1000,
						  freezes, n, &p),
			     0);
		cr_expect_eq(p.incl_minor, minor_of(c, "amount"), "%s: %ld, not %ld", text_of(c, "name"), p.incl_minor,
			     minor_of(c, "amount"));
		count++;
	}
	cr_assert_geq(count, 20);
	gv_zone_destroy(zone);
}
