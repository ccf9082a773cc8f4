/* Reads a tariff that others have written. A member that could change a price and is not known is refused: charging by
 * half a tariff is worse than refusing it. Every refusal names the member. */
#include "ocpi.h"

#include "ocpi_names.h"
#include "ocpi_text.h"

#include <errno.h>
#include <lib/calendar.h>
#include <lib/iso8601.h>
#include <lib/json_text.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
	struct billing_tariff *tariff;
	struct billing_error *error;
	size_t element, component;
	bool new_names;
};

/* ---- values ---------------------------------------------------------------------------------- */

/* "elements[2].restrictions." and the name. */
static int refuse(const struct reader *r, const char *where, struct ocpi_span name, const char *text)
{
	const int size = name.size > 60 ? 60 : (int)name.size;
	if (strcmp(where, "element") == 0)
		billing_error_set(r->error, text, "elements[%zu].%.*s", r->element, size, name.at);
	else if (strcmp(where, "restrictions") == 0)
		billing_error_set(r->error, text, "elements[%zu].restrictions.%.*s", r->element, size, name.at);
	else if (strcmp(where, "component") == 0)
		billing_error_set(r->error, text, "elements[%zu].price_components[%zu].%.*s", r->element, r->component,
				  size, name.at);
	else
		billing_error_set(r->error, text, "%s.%.*s", where, size, name.at);
	/* without a name or a place, the point stands at an end */
	char *field = r->error->field, *point = strrchr(field, '.');
	if (point && !point[1])
		*point = '\0';
	if (*field == '.')
		memmove(field, field + 1, strlen(field));
	return -EINVAL;
}

static struct ocpi_span name_of(const char *name)
{
	return (struct ocpi_span){ name, strlen(name) };
}

/* Reads a number and multiplies it; the product is at most `limit`. */
static int read_number(const struct reader *r, const char *where, struct ocpi_span name, struct ocpi_span value,
		       int decimals, int64_t times, int64_t limit, int64_t *ret)
{
	char text[128], most[BILLING_DECIMAL_MAX];
	int64_t n;
	switch (billing_decimal_read(value.at, value.size, decimals, 0, limit / times, &n)) {
	case 0:
		*ret = n * times;
		return 0;
	case -EDOM:
		snprintf(text, sizeof text, decimals ? "has more than %d decimals" : "must be a whole number",
			 decimals);
		return refuse(r, where, name, text);
	case -ERANGE:
		billing_decimal_write(limit / times, decimals, most);
		snprintf(text, sizeof text, "must be 0 to %s", most);
		return refuse(r, where, name, text);
	default:
		return refuse(r, where, name, "must be a number");
	}
}

/* One of the names given; *ret is its index. */
static int read_name(const struct reader *r, const char *where, struct ocpi_span name, struct ocpi_span value,
		     const char *const *names, size_t n, size_t *ret)
{
	struct gv_buf text = { 0 };
	struct ocpi_span s;
	if (ocpi_string(value, &s))
		for (size_t i = 0; i < n; i++)
			if (*names[i] && ocpi_is(s, names[i])) {
				*ret = i;
				return 0;
			}
	gv_buf_puts(&text, "must be one of");
	for (size_t i = 0; i < n; i++)
		if (*names[i])
			gv_buf_printf(&text, " %s", names[i]);
	refuse(r, where, name, gv_buf_str(&text));
	gv_buf_fini(&text);
	return -EINVAL;
}

/* Printable ASCII, as OCPI's CiString has it. */
static int read_text(const struct reader *r, struct ocpi_span name, struct ocpi_span value, char *ret, size_t ret_size)
{
	struct ocpi_span s;
	char text[128];
	size_t n = 0;
	if (!ocpi_string(value, &s))
		return refuse(r, "", name, "must be a string");
	for (size_t i = 0; i < s.size; i++) {
		if (s.at[i] == '\\' && (++i == s.size || !strchr("\"\\/", s.at[i])))
			return refuse(r, "", name, "must be printable ASCII without escapes");
		if (s.at[i] < 0x20 || s.at[i] > 0x7e)
			return refuse(r, "", name, "must be printable ASCII");
		if (n + 1 == ret_size) {
			snprintf(text, sizeof text, "is longer than %zu characters", ret_size - 1);
			return refuse(r, "", name, text);
		}
		ret[n++] = s.at[i];
	}
	ret[n] = '\0';
	return n > 0 ? 0 : refuse(r, "", name, "is empty");
}

/* A fixed form of digits, where 'd' stands for one. */
static bool has_form(struct ocpi_span s, const char *form)
{
	if (s.size != strlen(form))
		return false;
	for (size_t i = 0; i < s.size; i++)
		if (form[i] == 'd' ? s.at[i] < '0' || s.at[i] > '9' : s.at[i] != form[i])
			return false;
	return true;
}

static int digits(const char *at, int n)
{
	int value = 0;
	while (n-- > 0)
		value = value * 10 + (*at++ - '0');
	return value;
}

static bool parse_time(struct ocpi_span value, int32_t *ret_s)
{
	struct ocpi_span s;
	if (!ocpi_string(value, &s) || !has_form(s, "dd:dd"))
		return false;
	int hour = digits(s.at, 2), minute = digits(s.at + 3, 2);
	*ret_s = hour * 3600 + minute * 60;
	return hour < 24 && minute < 60;
}

static bool parse_date(struct ocpi_span value, int64_t *ret_day)
{
	struct ocpi_span s;
	if (!ocpi_string(value, &s) || !has_form(s, "dddd-dd-dd"))
		return false;
	int year = digits(s.at, 4), month = digits(s.at + 5, 2), day = digits(s.at + 8, 2);
	if (year < 1970 || month < 1 || month > 12 || day < 1 || day > gv_month_days(year, month))
		return false;
	*ret_day = gv_day(year, month, day);
	return true;
}

/* ---- elements -------------------------------------------------------------------------------- */

static int read_days(const struct reader *r, struct ocpi_span name, struct ocpi_span value,
		     struct billing_restrictions *to)
{
	struct ocpi_walk w;
	struct ocpi_span item;
	if (!ocpi_walk_into(value, '[', &w))
		return refuse(r, "restrictions", name, "must be a list of days");
	while (ocpi_walk_item(&w, &item)) {
		size_t day;
		int e = read_name(r, "restrictions", name, item, ocpi_days, 7, &day);
		if (e < 0)
			return e;
		to->set |= BILLING_DAY_OF_WEEK;
		to->days |= 1u << day;
	}
	return 0;
}

static int read_restriction(const struct reader *r, struct ocpi_span name, struct ocpi_span value,
			    struct billing_restrictions *to)
{
	const struct ocpi_restriction *o = ocpi_restrictions, *end = o + OCPI_RESTRICTIONS;
	size_t which;
	if (ocpi_is(name, "day_of_week"))
		return to->set & BILLING_DAY_OF_WEEK ? refuse(r, "restrictions", name, "is there twice")
						     : read_days(r, name, value, to);
	if (ocpi_is(name, "reservation")) {
		if (to->reservation != BILLING_NO_RESERVATION)
			return refuse(r, "restrictions", name, "is there twice");
		int e = read_name(r, "restrictions", name, value, ocpi_reservations, 3, &which);
		if (e == 0)
			to->reservation = (enum billing_reservation)which;
		return e;
	}
	while (o < end && !ocpi_is(name, o->name))
		o++;
	if (o == end)
		return refuse(r, "restrictions", name,
			      "is not known here: a restriction that is ignored would change prices");
	if (to->set & o->bit)
		return refuse(r, "restrictions", name, "is there twice");
	to->set |= o->bit;
	char *at = (char *)to + o->offset;
	int32_t time_s = 0;
	int64_t number = 0;
	int e = 0;
	switch (o->form) {
	case OCPI_TIME:
		if (!parse_time(value, &time_s))
			return refuse(r, "restrictions", name, "must be a time of the day like \"17:30\"");
		memcpy(at, &time_s, sizeof time_s);
		return 0;
	case OCPI_DATE:
		if (!parse_date(value, &number))
			return refuse(r, "restrictions", name, "must be a date like \"2026-12-31\"");
		break;
	default:
		e = read_number(r, "restrictions", name, value, o->decimals, o->times, o->limit, &number);
	}
	if (e == 0)
		memcpy(at, &number, sizeof number);
	return e;
}

static int read_restrictions(const struct reader *r, struct ocpi_span value, struct billing_element *to)
{
	struct ocpi_walk w;
	struct ocpi_span name;
	if (!ocpi_walk_into(value, '{', &w))
		return refuse(r, "element", name_of("restrictions"), "must be an object");
	to->has_restrictions = true;
	while (ocpi_walk_member(&w, &name, &value)) {
		int e = ocpi_is(value, "null") ? 0 : read_restriction(r, name, value, &to->restrictions);
		if (e < 0)
			return e;
	}
	return 0;
}

static int read_component(const struct reader *r, struct ocpi_span value, struct billing_component *to)
{
	static const char *const names[] = { "FLAT", "ENERGY", "TIME", "PARKING_TIME" }, *const members[] = {
		"type", "price", "step_size", "vat"
	};
	const unsigned needed = 7;
	unsigned seen = 0;
	struct ocpi_walk w;
	struct ocpi_span name;
	size_t which;
	int64_t number = 0;
	*to = (struct billing_component){ .vat_ppm = BILLING_VAT_NONE };
	if (!ocpi_walk_into(value, '{', &w))
		return refuse(r, "component", name_of(""), "must be an object");
	while (ocpi_walk_member(&w, &name, &value)) {
		int e = 0;
		size_t m = 0;
		while (m < 4 && !ocpi_is(name, members[m]))
			m++;
		if (m == 4)
			return refuse(r, "component", name, "is not known here: what is ignored would change prices");
		if (m == 3 && ocpi_is(value, "null"))
			continue;
		if (seen >> m & 1)
			return refuse(r, "component", name, "is there twice");
		seen |= 1u << m;
		if (m == 0) {
			e = read_name(r, "component", name, value, names, BILLING_DIMENSIONS, &which);
			to->dimension = e == 0 ? (enum billing_dimension)which : to->dimension;
		} else if (m == 1) {
			e = read_number(r, "component", name, value, BILLING_MICRO_DECIMALS, 1, BILLING_PRICE_MAX_MICRO,
					&to->price_micro);
		} else if (m == 2) {
			e = read_number(r, "component", name, value, 0, 1, BILLING_ENERGY_MAX_UWH / 1000000, &to->step);
		} else {
			e = read_number(r, "component", name, value, 4, 1, BILLING_VAT_MAX_PPM, &number);
			to->vat_ppm = (int32_t)number;
		}
		if (e < 0)
			return e;
	}
	for (unsigned m = 0; m < 3; m++)
		if (needed & ~seen & 1u << m)
			return refuse(r, "component", name_of(members[m]), "is missing");
	return 0;
}

static int read_components(struct reader *r, struct ocpi_span value, struct billing_element *to)
{
	struct ocpi_walk w;
	if (!ocpi_walk_into(value, '[', &w))
		return refuse(r, "element", name_of("price_components"), "must be a list");
	if (to->n_components)
		return refuse(r, "element", name_of("price_components"), "is there twice");
	while (ocpi_walk_item(&w, &value)) {
		r->component = to->n_components;
		if (to->n_components == BILLING_DIMENSIONS)
			return refuse(r, "element", name_of("price_components"),
				      "has too many entries: one of each type at most");
		int e = read_component(r, value, &to->components[to->n_components]);
		if (e < 0)
			return e;
		to->n_components++;
	}
	return 0;
}

static int read_element(struct reader *r, struct ocpi_span value, struct billing_element *to)
{
	struct ocpi_walk w;
	struct ocpi_span name;
	*to = (struct billing_element){ 0 };
	if (!ocpi_walk_into(value, '{', &w))
		return refuse(r, "element", name_of(""), "must be an object");
	while (ocpi_walk_member(&w, &name, &value)) {
		int e;
		if (ocpi_is(name, "price_components"))
			e = read_components(r, value, to);
		else if (ocpi_is(name, "restrictions"))
			e = ocpi_is(value, "null") ? 0
			    : to->has_restrictions ? refuse(r, "element", name, "is there twice")
						   : read_restrictions(r, value, to);
		else
			e = refuse(r, "element", name, "is not known here: what is ignored would change prices");
		if (e < 0)
			return e;
	}
	return 0;
}

static int read_elements(struct reader *r, struct ocpi_span value)
{
	struct billing_tariff *t = r->tariff;
	struct ocpi_walk w;
	if (!ocpi_walk_into(value, '[', &w))
		return refuse(r, "elements", name_of(""), "must be a list");
	t->elements = calloc(BILLING_ELEMENTS_MAX, sizeof *t->elements);
	if (!t->elements)
		return -ENOMEM;
	for (r->element = 0; ocpi_walk_item(&w, &value); r->element++) {
		if (r->element == BILLING_ELEMENTS_MAX)
			return refuse(r, "elements", name_of(""), "has too many entries: 64 at most");
		int e = read_element(r, value, &t->elements[r->element]);
		if (e < 0)
			return e;
		t->n_elements++;
	}
	return 0;
}

/* ---- the rest -------------------------------------------------------------------------------- */

static int read_limit(struct reader *r, const char *where, struct ocpi_span value, struct billing_limit *to)
{
	struct ocpi_walk w;
	struct ocpi_span name;
	bool has_before = false;
	if (!ocpi_walk_into(value, '{', &w))
		return refuse(r, where, name_of(""), "must be an object");
	to->set = true;
	while (ocpi_walk_member(&w, &name, &value)) {
		bool old_before = ocpi_is(name, "excl_vat"), old_after = ocpi_is(name, "incl_vat");
		bool before = old_before || ocpi_is(name, "before_taxes"),
		     after = old_after || ocpi_is(name, "after_taxes");
		if (!before && !after)
			return refuse(r, where, name, "is not known here: what is ignored would change prices");
		if (after && ocpi_is(value, "null"))
			continue;
		if ((before && has_before) || (after && to->has_after))
			return refuse(r, where, name, "is there twice");
		*(old_before || old_after ? &r->tariff->old_names : &r->new_names) = true;
		if (r->new_names && r->tariff->old_names)
			return refuse(r, where, name, "mixes the names of OCPI 2.2.1 and 2.3");
		int e = read_number(r, where, name, value, BILLING_MICRO_DECIMALS, 1, BILLING_PRICE_MAX_MICRO,
				    before ? &to->before_micro : &to->after_micro);
		if (e < 0)
			return e;
		*(before ? &has_before : &to->has_after) = true;
	}
	return has_before ? 0
			  : refuse(r, where, name_of(r->tariff->old_names ? "excl_vat" : "before_taxes"), "is missing");
}

static int read_extras(struct reader *r, struct ocpi_span value)
{
	struct billing_extras *x = &r->tariff->extras;
	struct ocpi_walk w;
	struct ocpi_span name;
	if (!ocpi_walk_into(value, '{', &w))
		return refuse(r, "galvan", name_of(""), "must be an object");
	while (ocpi_walk_member(&w, &name, &value)) {
		int e;
		if (ocpi_is(name, "idle_grace_s"))
			e = read_number(r, "galvan", name, value, 0, 1000, BILLING_TIME_MAX_MS, &x->idle_grace_ms);
		else if (ocpi_is(name, "idle_cap"))
			e = read_number(r, "galvan", name, value, BILLING_MICRO_DECIMALS, 1, BILLING_PRICE_MAX_MICRO,
					&x->idle_cap_micro);
		else if (ocpi_is(name, "waive_flat_if_wh_below"))
			e = read_number(r, "galvan", name, value, 6, 1, BILLING_ENERGY_MAX_UWH,
					&x->waive_flat_if_below_uwh);
		else
			e = refuse(r, "galvan", name,
				   "is not known: there are idle_grace_s, idle_cap, waive_flat_if_wh_below");
		if (e < 0)
			return e;
	}
	return 0;
}

static int read_moment(struct reader *r, struct ocpi_span name, struct ocpi_span value, int64_t *ret_ms)
{
	struct ocpi_span s;
	if (!ocpi_string(value, &s) || gv_time_parse(s.at, s.size, NULL, ret_ms, NULL) < 0)
		return refuse(r, "", name, "must be a time like \"2026-12-31T23:00:00Z\"");
	return 0;
}

enum member { ID, CURRENCY, ELEMENTS, TAX_INCLUDED, MIN_PRICE, MAX_PRICE, START, END, GALVAN, MEMBERS };
static const char *const member_names[] = { "id",        "currency",  "elements",        "tax_included",
					    "min_price", "max_price", "start_date_time", "end_date_time",
					    "galvan" };

static int read_member(struct reader *r, enum member m, struct ocpi_span name, struct ocpi_span value)
{
	struct billing_tariff *t = r->tariff;
	size_t which;
	int e;
	switch (m) {
	case ID:
		return read_text(r, name, value, t->id, sizeof t->id);
	case CURRENCY:
		return read_text(r, name, value, t->currency, sizeof t->currency);
	case ELEMENTS:
		return read_elements(r, value);
	case TAX_INCLUDED:
		e = read_name(r, "", name, value, ocpi_taxes, 4, &which);
		t->tax = e == 0 ? (enum billing_tax)which : t->tax;
		return e;
	case MIN_PRICE:
		return read_limit(r, "min_price", value, &t->min_price);
	case MAX_PRICE:
		return read_limit(r, "max_price", value, &t->max_price);
	case START:
		return read_moment(r, name, value, &t->valid_from_ms);
	case END:
		return read_moment(r, name, value, &t->valid_until_ms);
	case GALVAN:
		return read_extras(r, value);
	default: /* what prices nothing stays as it is */
		return gv_buf_printf(&t->other, "%s\"%.*s\":%.*s", t->other.size ? "," : "", (int)name.size, name.at,
				     (int)value.size, value.at);
	}
}

static int read_tariff(struct reader *r, struct ocpi_span text)
{
	struct ocpi_walk w;
	struct ocpi_span name, value;
	unsigned seen = 0;
	if (!ocpi_walk_into(text, '{', &w))
		return refuse(r, "", name_of(""), "a tariff must be an object");
	while (ocpi_walk_member(&w, &name, &value)) {
		size_t m = 0;
		while (m < MEMBERS && !ocpi_is(name, member_names[m]))
			m++;
		if (m < MEMBERS && m > ELEMENTS && ocpi_is(value, "null"))
			continue;
		if (m < MEMBERS && seen >> m & 1)
			return refuse(r, "", name, "is there twice");
		seen |= 1u << m;
		int e = read_member(r, (enum member)m, name, value);
		if (e < 0)
			return e;
	}
	for (unsigned m = ID; m <= ELEMENTS; m++)
		if (!(seen >> m & 1))
			return refuse(r, "", name_of(member_names[m]), "is missing");
	return 0;
}

int billing_ocpi_read(const char *text, size_t size, struct billing_tariff *ret, struct billing_error *ret_error)
{
	struct billing_tariff t = { .valid_until_ms = INT64_MAX };
	struct reader r = { .tariff = &t, .error = ret_error };
	char wrong[256];
	int e;
	if (size > BILLING_OCPI_SIZE_MAX) {
		billing_error_set(ret_error, "a tariff's JSON may have 65536 bytes", "%s", "");
		return -EINVAL;
	}
	if (gv_json_check(text, size, wrong) < 0) {
		billing_error_set(ret_error, wrong, "%s", "");
		return -EINVAL;
	}
	e = read_tariff(&r, ocpi_trim(text, size));
	if (e == 0)
		e = billing_tariff_prepare(&t, ret_error);
	if (e < 0) {
		billing_tariff_fini(&t);
		return e;
	}
	*ret = t;
	return 0;
}
