/* Single values by their field: of the right type, and within its bounds. Where a charger may differ, the value is made
 * what the field says. */
#include "scalar.h"

#include <lib/iso8601.h>
#include <lib/json_scalar.h>

#include <cjson/cJSON.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A string may be twice as long as allowed, and 64 bytes always: stations do send serial numbers of 33 characters where
 * 25 are allowed. */
#define TIME_SIZE 24 /* of "2025-01-15T02:09:54.000Z" */
#define LENIENT_LENGTH(max) ((max)*2u > 64 ? (max)*2u : 64)

int check_wrong_type(struct check *c, const char *wanted, const cJSON *item)
{
	return check_fail(c, RPC_TYPE_CONSTRAINT_VIOLATION, "must be %s, is %s", wanted, gv_json_kind(item));
}

void *check_alloc(const struct check *c, size_t size)
{
	return c->memory ? c->memory->alloc(c->memory->allocator_data, size) : cJSON_malloc(size);
}

void check_free(const struct check *c, void *memory)
{
	if (c->memory)
		c->memory->free(c->memory->allocator_data, memory);
	else
		cJSON_free(memory);
}

static bool to_string(cJSON *item, const struct check *c)
{
	char text[40];
	char *copy;

	if (cJSON_IsBool(item))
		snprintf(text, sizeof text, "%s", cJSON_IsTrue(item) ? "true" : "false");
	else if (cJSON_IsNumber(item))
		snprintf(text, sizeof text, "%.15g", item->valuedouble);
	else
		return false;
	copy = check_alloc(c, strlen(text) + 1);
	if (!copy)
		return false;
	memcpy(copy, text, strlen(text) + 1);
	item->valuestring = copy;
	item->type = cJSON_String;
	return true;
}

static bool to_number(cJSON *item, const struct check *c)
{
	char *end;
	double value;

	if (!cJSON_IsString(item))
		return false;
	value = strtod(item->valuestring, &end);
	while (*end == ' ')
		end++;
	if (end == item->valuestring || *end || !isfinite(value))
		return false;
	check_free(c, item->valuestring);
	item->valuestring = NULL;
	item->type = cJSON_Number;
	item->valuedouble = value;
	return true;
}

static size_t characters(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static int check_string(const struct spec_field *f, cJSON *item, struct check *c)
{
	size_t length;

	if (!cJSON_IsString(item)) {
		if (c->strict || !(f->flags & SPEC_CONVERT) || !to_string(item, c))
			return check_wrong_type(c, "a string", item);
		c->quirks |= QUIRK_BIT(QUIRK_WRONG_TYPE);
	}
	if (!f->max)
		return 0;
	length = characters(item->valuestring);
	if (length <= f->max)
		return 0;
	if (c->strict || length > LENIENT_LENGTH(f->max))
		return check_fail(c, RPC_PROPERTY_CONSTRAINT_VIOLATION, "may have %u characters, has %zu", f->max,
				  length);
	c->quirks |= QUIRK_BIT(QUIRK_TOO_LONG);
	return 0;
}

static int check_bounds(const struct spec_field *f, double value, struct check *c)
{
	if ((f->flags & SPEC_NATURAL) && value < 0) {
		if (c->strict)
			return check_fail(c, RPC_PROPERTY_CONSTRAINT_VIOLATION, "must be 0 or more, is %.0f", value);
		c->quirks |= QUIRK_BIT(QUIRK_OUT_OF_RANGE);
	} else if (f->max && value > f->max) {
		if (c->strict)
			return check_fail(c, RPC_PROPERTY_CONSTRAINT_VIOLATION, "must be %u or less, is %.0f", f->max,
					  value);
		c->quirks |= QUIRK_BIT(QUIRK_OUT_OF_RANGE);
	}
	return 0;
}

static int check_int(const struct spec_field *f, cJSON *item, struct check *c)
{
	if (!cJSON_IsNumber(item)) {
		if (c->strict || !(f->flags & SPEC_CONVERT))
			return check_wrong_type(c, "an integer", item);
		if (!to_number(item, c) && !(f->flags & SPEC_EXCUSED))
			return check_wrong_type(c, "an integer", item);
		c->quirks |= QUIRK_BIT(QUIRK_WRONG_TYPE);
		if (!cJSON_IsNumber(item)) /* as if it were missing */
			return 0;
	}
	if (item->valuedouble == floor(item->valuedouble)) {
		if (c->strict && fabs(item->valuedouble) > 2147483647.0)
			return check_fail(c, RPC_PROPERTY_CONSTRAINT_VIOLATION, "must fit 32 bits");
		return check_bounds(f, item->valuedouble, c);
	}
	if (c->strict || !(f->flags & SPEC_CONVERT))
		return check_fail(c, RPC_TYPE_CONSTRAINT_VIOLATION, "must be an integer, has decimals");
	item->valuedouble = round(item->valuedouble);
	c->quirks |= QUIRK_BIT(QUIRK_WRONG_TYPE);
	return 0;
}

/* A decimal has no exact double: what is asked is whether the double is the one that stands for a number of tenths. */
static bool in_tenths(double value)
{
	double tenths = round(value * 10.0);

	return fabs(tenths / 10.0 - value) <= 1e-9 * fmax(1.0, fabs(value));
}

static int check_number(const struct spec_field *f, cJSON *item, struct check *c)
{
	if (!cJSON_IsNumber(item)) {
		if (c->strict || !(f->flags & SPEC_CONVERT))
			return check_wrong_type(c, "a number", item);
		if (!to_number(item, c)) {
			/* A sample that is no number is left out, but not those beside it. */
			if (!cJSON_IsString(item) || !(f->flags & SPEC_EXCUSED))
				return check_wrong_type(c, "a number", item);
			c->quirks |= QUIRK_BIT(QUIRK_EMPTY_VALUE);
			return 0;
		}
		c->quirks |= QUIRK_BIT(QUIRK_WRONG_TYPE);
	}
	if ((f->flags & SPEC_TENTH) && !in_tenths(item->valuedouble)) {
		if (c->strict)
			return check_fail(c, RPC_PROPERTY_CONSTRAINT_VIOLATION, "may have one decimal");
		c->quirks |= QUIRK_BIT(QUIRK_OUT_OF_RANGE);
	}
	return 0;
}

static int check_bool(const struct spec_field *f, cJSON *item, struct check *c)
{
	bool value;

	if (cJSON_IsBool(item))
		return 0;
	if (c->strict || !(f->flags & SPEC_CONVERT))
		return check_wrong_type(c, "a boolean", item);
	if (cJSON_IsNumber(item))
		value = item->valuedouble != 0;
	else if (cJSON_IsString(item) && (!strcmp(item->valuestring, "true") || !strcmp(item->valuestring, "false")))
		value = item->valuestring[0] == 't';
	else
		return check_wrong_type(c, "a boolean", item);
	if (cJSON_IsString(item)) {
		check_free(c, item->valuestring);
		item->valuestring = NULL;
	}
	item->type = value ? cJSON_True : cJSON_False;
	c->quirks |= QUIRK_BIT(QUIRK_WRONG_TYPE);
	return 0;
}

/* A form of RFC 3339, 5.6: `pattern` has 0 for a digit. Returns what follows in the text, or NULL. */
static const char *follows(const char *s, const char *pattern)
{
	for (; *pattern; s++, pattern++)
		if (*pattern == '0' ? !isdigit((unsigned char)*s) : *s != *pattern)
			return NULL;
	return s;
}

/* As it must be written. That the day and time are real, and from 1970 on, gv_time_parse says. */
static bool is_date_time(const char *text)
{
	const char *s = follows(text, "0000-00-00T00:00:00");
	int64_t ms;

	if (s && *s == '.') {
		s = follows(s, ".0");
		while (s && isdigit((unsigned char)*s))
			s++;
	}
	if (!s)
		return false;
	if (strcmp(s, "Z") != 0) {
		s = follows(s, *s == '-' ? "-00:00" : "+00:00");
		if (!s || *s)
			return false;
	}
	return gv_time_parse(text, strlen(text), NULL, &ms, NULL) == 0;
}

/* Some chargers take no zone but Z, and no more than three decimals (quirk row 24). */
static bool is_plain(const char *text)
{
	const char *s = follows(text, "0000-00-00T00:00:00");

	if (s && *s == '.')
		for (s++; isdigit((unsigned char)*s); s++)
			if (s - text >= TIME_SIZE - 1)
				return false;
	return s && !strcmp(s, "Z");
}

static int make_plain(cJSON *item, struct check *c)
{
	char *text = check_alloc(c, TIME_SIZE + 1);
	int64_t ms = 0;

	if (!text)
		return check_fail(c, RPC_INTERNAL_ERROR, "cannot be rewritten: there is no memory");
	gv_time_parse(item->valuestring, strlen(item->valuestring), NULL, &ms, NULL);
	gv_time_format(ms, text);
	check_free(c, item->valuestring);
	item->valuestring = text;
	c->times_rewritten++;
	return 0;
}

static int check_time(const struct spec_field *f, cJSON *item, struct check *c)
{
	if (!cJSON_IsString(item)) {
		if (c->strict || !(f->flags & SPEC_EXCUSED))
			return check_wrong_type(c, "a time", item);
		c->quirks |= QUIRK_BIT(QUIRK_BAD_TIME);
		return 0;
	}
	/* A charger's times are read, leniently, by whoever uses them. */
	if (c->strict && !is_date_time(item->valuestring))
		return check_fail(c, RPC_PROPERTY_CONSTRAINT_VIOLATION, "must be a time like 2025-01-15T02:09:54Z");
	return c->plain_times && !is_plain(item->valuestring) ? make_plain(item, c) : 0;
}

/* Says what it can be, as far as there is room. */
static int check_wrong_value(const struct spec_field *f, const char *value, struct check *c)
{
	char allowed[sizeof c->text - 64] = "";
	const char *more = "";
	size_t size = 0;

	for (const char *const *v = f->values; *v; v++) {
		size_t left = sizeof allowed - size;
		size_t need = (size_t)snprintf(allowed + size, left, "%s%s", size ? ", " : "", *v);

		if (need >= left) {
			allowed[size] = '\0';
			more = ", ...";
			break;
		}
		size += need;
	}
	return check_fail(c, RPC_PROPERTY_CONSTRAINT_VIOLATION, "cannot be \"%.40s\", but %s%s", value, allowed, more);
}

static int check_enum(const struct spec_field *f, cJSON *item, struct check *c)
{
	if (!cJSON_IsString(item)) {
		if (c->strict || !(f->flags & SPEC_CONVERT))
			return check_wrong_type(c, "a string", item);
		c->quirks |= QUIRK_BIT(QUIRK_WRONG_TYPE);
		if (!to_string(item, c)) /* as if it were missing */
			return 0;
	}
	for (const char *const *v = f->values; *v; v++)
		if (**v == *item->valuestring && !strcmp(*v, item->valuestring))
			return 0;
	if (c->strict || !(f->flags & SPEC_OPEN))
		return check_wrong_value(f, item->valuestring, c);
	c->quirks |= QUIRK_BIT(QUIRK_UNKNOWN_VALUE);
	return 0;
}

int check_scalar(const struct spec_field *f, cJSON *item, struct check *c)
{
	switch (f->type) {
	case SPEC_STRING:
		return check_string(f, item, c);
	case SPEC_INT:
		return check_int(f, item, c);
	case SPEC_NUMBER:
		return check_number(f, item, c);
	case SPEC_BOOL:
		return check_bool(f, item, c);
	case SPEC_TIME:
		return check_time(f, item, c);
	case SPEC_ENUM:
		return check_enum(f, item, c);
	case SPEC_ANY:
		return 0;
	case SPEC_OBJECT:
		break;
	}
	return check_fail(c, RPC_INTERNAL_ERROR, "has no type");
}
