/* One pass over a payload by its table. Two ways to look at the same table: strict for what galvan sends, lenient for
 * what chargers send, because a charger in the field is not repaired by refusing it, and energy that is not recorded is
 * lost. */
#include "validate.h"

#include <lib/iso8601.h>
#include <lib/json_scalar.h>

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A string may be twice as long as allowed, and 64 bytes always: stations do send serial numbers of 33 characters where
 * 25 are allowed. */
#define LENIENT_LENGTH(max) ((max)*2 > 64 ? (max)*2 : 64)

static const char *const quirk_names[QUIRKS] = {
	[QUIRK_WRONG_TYPE] = "wrong-type",
	[QUIRK_TOO_LONG] = "too-long",
	[QUIRK_UNKNOWN_VALUE] = "unknown-value",
	[QUIRK_EXTRA_FIELD] = "extra-field",
	[QUIRK_DOUBLE_KEY] = "double-key",
	[QUIRK_NULL] = "null",
	[QUIRK_MISSING_FIELD] = "missing-field",
	[QUIRK_NO_LIST] = "no-list",
	[QUIRK_NO_PAYLOAD] = "no-payload",
	[QUIRK_NUMERIC_ID] = "numeric-id",
	[QUIRK_NO_ZONE] = "no-zone",
	[QUIRK_BAD_TIME] = "bad-time",
	[QUIRK_CLOCK_UNSET] = "clock-unset",
	[QUIRK_CLOCK_AHEAD] = "clock-ahead",
	[QUIRK_EMPTY_VALUE] = "empty-value",
	[QUIRK_UNKNOWN_TRANSACTION] = "unknown-transaction",
	[QUIRK_NO_TRANSACTION_ID] = "no-transaction-id",
	[QUIRK_METER_BACKWARDS] = "meter-backwards",
	[QUIRK_LATE_ANSWER] = "late-answer",
	[QUIRK_BROKEN_JSON] = "broken-json",
};

const char *quirk_name(unsigned quirk)
{
	return quirk < QUIRKS ? quirk_names[quirk] : "unknown";
}

static int __attribute__((format(printf, 3, 4))) fail(struct check *c, enum rpc_code code, const char *fmt, ...)
{
	va_list ap;

	c->code = code;
	memset(c->path, 0, sizeof c->path);
	va_start(ap, fmt);
	vsnprintf(c->text, sizeof c->text, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* Puts what leads to a field before the path so far. */
static int within(struct check *c, const char *name, int index)
{
	char path[2 * sizeof c->path];
	const char *dot = c->path[0] && c->path[0] != '[' ? "." : "";

	if (index < 0)
		snprintf(path, sizeof path, "%.60s%s%s", name, dot, c->path);
	else
		snprintf(path, sizeof path, "%.60s[%d]%s%s", name, index, dot, c->path);
	memcpy(c->path, path, sizeof c->path - 1);
	return -EINVAL;
}

static int wrong_type(struct check *c, const char *wanted, const cJSON *item)
{
	return fail(c, RPC_TYPE_CONSTRAINT_VIOLATION, "must be %s, is %s", wanted, gv_json_kind(item));
}

static bool to_string(cJSON *item)
{
	char text[40];
	char *copy;

	if (cJSON_IsBool(item))
		snprintf(text, sizeof text, "%s", cJSON_IsTrue(item) ? "true" : "false");
	else if (cJSON_IsNumber(item))
		snprintf(text, sizeof text, "%.15g", item->valuedouble);
	else
		return false;
	copy = cJSON_malloc(strlen(text) + 1);
	if (!copy)
		return false;
	memcpy(copy, text, strlen(text) + 1);
	item->valuestring = copy;
	item->type = cJSON_String;
	return true;
}

static bool to_number(cJSON *item)
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
	cJSON_free(item->valuestring);
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
		if (c->strict || !(f->flags & SPEC_CONVERT) || !to_string(item))
			return wrong_type(c, "a string", item);
		c->quirks |= 1u << QUIRK_WRONG_TYPE;
	}
	if (!f->max)
		return 0;
	length = characters(item->valuestring);
	if (length <= f->max)
		return 0;
	if (c->strict || length > LENIENT_LENGTH(f->max))
		return fail(c, RPC_PROPERTY_CONSTRAINT_VIOLATION, "may have %u characters, has %zu", f->max, length);
	c->quirks |= 1u << QUIRK_TOO_LONG;
	return 0;
}

static int check_int(const struct spec_field *f, cJSON *item, struct check *c)
{
	if (!cJSON_IsNumber(item)) {
		if (c->strict || !(f->flags & SPEC_CONVERT) || !to_number(item))
			return wrong_type(c, "an integer", item);
		c->quirks |= 1u << QUIRK_WRONG_TYPE;
	}
	if (item->valuedouble == floor(item->valuedouble)) {
		if (c->strict && fabs(item->valuedouble) > 2147483647.0)
			return fail(c, RPC_PROPERTY_CONSTRAINT_VIOLATION, "must fit 32 bits");
		return 0;
	}
	if (c->strict || !(f->flags & SPEC_CONVERT))
		return fail(c, RPC_TYPE_CONSTRAINT_VIOLATION, "must be an integer, has decimals");
	item->valuedouble = round(item->valuedouble);
	c->quirks |= 1u << QUIRK_WRONG_TYPE;
	return 0;
}

static int check_number(const struct spec_field *f, cJSON *item, struct check *c)
{
	double tenths;

	if (!cJSON_IsNumber(item)) {
		if (c->strict || !(f->flags & SPEC_CONVERT) || !to_number(item))
			return wrong_type(c, "a number", item);
		c->quirks |= 1u << QUIRK_WRONG_TYPE;
	}
	/* A decimal has no exact double: what is asked is whether the double is the one that stands for a number of
	 * tenths. */
	tenths = round(item->valuedouble * 10.0);
	if ((f->flags & SPEC_TENTH) && c->strict &&
	    fabs(tenths / 10.0 - item->valuedouble) > 1e-9 * fmax(1.0, fabs(item->valuedouble)))
		return fail(c, RPC_PROPERTY_CONSTRAINT_VIOLATION, "may have one decimal");
	return 0;
}

static int check_bool(const struct spec_field *f, cJSON *item, struct check *c)
{
	bool value;

	if (cJSON_IsBool(item))
		return 0;
	if (c->strict || !(f->flags & SPEC_CONVERT))
		return wrong_type(c, "a boolean", item);
	if (cJSON_IsNumber(item))
		value = item->valuedouble != 0;
	else if (cJSON_IsString(item) && (!strcmp(item->valuestring, "true") || !strcmp(item->valuestring, "false")))
		value = item->valuestring[0] == 't';
	else
		return wrong_type(c, "a boolean", item);
	if (cJSON_IsString(item)) {
		cJSON_free(item->valuestring);
		item->valuestring = NULL;
	}
	item->type = value ? cJSON_True : cJSON_False;
	c->quirks |= 1u << QUIRK_WRONG_TYPE;
	return 0;
}

static int check_time(const struct spec_field *f, const cJSON *item, struct check *c)
{
	int64_t ms;
	unsigned flags;

	if (!cJSON_IsString(item)) {
		if (c->strict || !(f->flags & SPEC_EXCUSED))
			return wrong_type(c, "a time", item);
		c->quirks |= 1u << QUIRK_BAD_TIME;
		return 0;
	}
	/* A charger's times are read, leniently, by whoever uses them. */
	if (c->strict && gv_time_parse(item->valuestring, strlen(item->valuestring), NULL, &ms, &flags))
		return fail(c, RPC_PROPERTY_CONSTRAINT_VIOLATION, "must be a time like 2025-01-15T02:09:54Z");
	return 0;
}

static int check_enum(const struct spec_field *f, const cJSON *item, struct check *c)
{
	if (!cJSON_IsString(item))
		return wrong_type(c, "a string", item);
	for (const char *const *v = f->values; *v; v++)
		if (**v == *item->valuestring && !strcmp(*v, item->valuestring))
			return 0;
	if (c->strict || !(f->flags & SPEC_OPEN))
		return fail(c, RPC_PROPERTY_CONSTRAINT_VIOLATION, "cannot be \"%.40s\"", item->valuestring);
	c->quirks |= 1u << QUIRK_UNKNOWN_VALUE;
	return 0;
}

static int check_object(const struct spec_object *spec, cJSON *object, struct check *c);

static int check_value(const struct spec_field *f, cJSON *item, struct check *c)
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
	case SPEC_OBJECT:
		if (!cJSON_IsObject(item))
			return wrong_type(c, "an object", item);
		return check_object(f->object, item, c);
	}
	return fail(c, RPC_INTERNAL_ERROR, "has no type");
}

/* Makes {..} of a list's only element [{..}], in place. */
static bool to_list(cJSON *item)
{
	cJSON *only = cJSON_CreateNull();

	if (!only)
		return false;
	only->type = item->type;
	only->child = item->child;
	only->valuestring = item->valuestring;
	only->valuedouble = item->valuedouble;
	only->prev = only;
	item->type = cJSON_Array;
	item->valuestring = NULL;
	item->child = only;
	return true;
}

static int check_list(const struct spec_field *f, cJSON *list, struct check *c)
{
	int index = 0;

	if (!cJSON_IsArray(list)) {
		if (c->strict || !(f->flags & SPEC_CONVERT) || !cJSON_IsObject(list) || !to_list(list))
			return wrong_type(c, "a list", list);
		c->quirks |= 1u << QUIRK_NO_LIST;
	}
	if (!list->child && (f->flags & SPEC_NONEMPTY)) {
		if (c->strict || !(f->flags & SPEC_EXCUSED))
			return fail(c, RPC_OCCURENCE_CONSTRAINT_VIOLATION, "must have at least one element");
		c->quirks |= 1u << QUIRK_EMPTY_VALUE;
	}
	for (cJSON *item = list->child; item; item = item->next, index++)
		if (check_value(f, item, c))
			return within(c, "", index);
	return 0;
}

/* The field of this name, looked for first where the last one ended: chargers write fields in much the same order. */
static int find_field(const struct spec_object *spec, const char *name, unsigned *hint)
{
	for (unsigned i = 0; i < spec->count; i++) {
		unsigned at = *hint + i < spec->count ? *hint + i : *hint + i - spec->count;

		if (spec->fields[at].name[0] == name[0] && !strcmp(spec->fields[at].name, name)) {
			*hint = at + 1 < spec->count ? at + 1 : 0;
			return (int)at;
		}
	}
	return -1;
}

static int check_missing(const struct spec_object *spec, uint32_t seen, struct check *c)
{
	for (unsigned i = 0; i < spec->count; i++) {
		const struct spec_field *f = &spec->fields[i];

		if (!(f->flags & SPEC_REQUIRED) || (seen & (1u << i)))
			continue;
		if (c->strict || !(f->flags & SPEC_EXCUSED)) {
			fail(c, RPC_PROTOCOL_ERROR, "is missing");
			return within(c, f->name, -1);
		}
		c->quirks |= 1u << QUIRK_MISSING_FIELD;
	}
	return 0;
}

static int check_object(const struct spec_object *spec, cJSON *object, struct check *c)
{
	uint32_t named = 0, seen = 0; /* fields that occurred; that have a value */
	unsigned hint = 0;

	for (cJSON *item = object->child; item; item = item->next) {
		const struct spec_field *f;
		int at = find_field(spec, item->string, &hint);

		if (at < 0) {
			c->quirks |= 1u << QUIRK_EXTRA_FIELD;
			if (!c->strict)
				continue;
			fail(c, RPC_FORMATION_VIOLATION, "is not a field of this message");
			return within(c, item->string, -1);
		}
		f = &spec->fields[at];
		if (named & (1u << at)) {
			c->quirks |= 1u << QUIRK_DOUBLE_KEY; /* the first is the one that readers find */
			continue;
		}
		named |= 1u << at;
		if (cJSON_IsNull(item) && !c->strict) {
			c->quirks |= 1u << QUIRK_NULL;
			continue;
		}
		seen |= 1u << at;
		if (f->flags & SPEC_LIST ? check_list(f, item, c) : check_value(f, item, c))
			return within(c, f->name, -1);
	}
	return check_missing(spec, seen, c);
}

int validate(const struct spec_object *spec, cJSON *payload, struct check *check)
{
	check->quirks = 0;
	check->code = RPC_OK;
	memset(check->path, 0, sizeof check->path);
	check->text[0] = '\0';
	return check_object(spec, payload, check);
}
