/* The part of reading JSON where all the kinds of field differ, and where values are compared with what their rules
 * allow. */
#include <lib/json_scalar.h>

#include <cjson/cJSON.h>
#include <errno.h>
#include <float.h>
#include <lib/base64.h>
#include <lib/json_text.h>
#include <lib/near.h>
#include <lib/utf8.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXACT_MAX 9007199254740992.0 /* 2^53: above it a double does not hold every whole number */

#define WRONG(...) (snprintf(text, text_size, __VA_ARGS__), -EINVAL)

const char *gv_json_kind(const cJSON *json)
{
	switch (json->type & 0xff) {
	case cJSON_False:
	case cJSON_True:
		return "a boolean";
	case cJSON_NULL:
		return "null";
	case cJSON_Number:
		return "a number";
	case cJSON_String:
		return "a string";
	case cJSON_Array:
		return "a list";
	case cJSON_Object:
		return "an object";
	default:
		return "something else";
	}
}

static bool is_signed(enum gv_kind k)
{
	return k == GV_KIND_INT64 || k == GV_KIND_INT32 || k == GV_KIND_SFIXED32 || k == GV_KIND_SFIXED64 ||
	       k == GV_KIND_SINT32 || k == GV_KIND_SINT64 || k == GV_KIND_ENUM;
}

static bool is_32(enum gv_kind k)
{
	return k == GV_KIND_INT32 || k == GV_KIND_UINT32 || k == GV_KIND_FIXED32 || k == GV_KIND_SFIXED32 ||
	       k == GV_KIND_SINT32 || k == GV_KIND_ENUM;
}

/* A decimal whole number as sign and magnitude; nothing else before or after. */
static bool parse_whole(const char *s, bool *ret_negative, uint64_t *ret)
{
	bool negative = *s == '-';
	uint64_t value = 0;
	s += negative;
	if (!*s || (*s == '0' && s[1]))
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || __builtin_mul_overflow(value, 10u, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*s - '0'), &value))
			return false;
	}
	*ret_negative = negative && value != 0;
	*ret = value;
	return true;
}

static int wrong_string(const struct gv_field *f, const char *expected, const cJSON *json, char *text, size_t text_size)
{
	if (f->secret)
		return WRONG("expected %s", expected);
	return WRONG("expected %s, got \"%.64s\"", expected, json->valuestring);
}

static uint64_t magnitude_max(enum gv_kind k, bool negative)
{
	if (!is_signed(k))
		return negative ? 0 : is_32(k) ? UINT32_MAX : UINT64_MAX;
	uint64_t positive = is_32(k) ? INT32_MAX : INT64_MAX;
	return positive + negative;
}

static void set_whole(enum gv_kind k, bool negative, uint64_t magnitude, struct gv_json_scalar *ret)
{
	uint64_t u = negative ? 0 - magnitude : magnitude; /* two's complement; sign-extended as the wire wants it */
	ret->zero = magnitude == 0;
	ret->wire = GV_WIRE_VARINT;
	if (k == GV_KIND_SINT32 || k == GV_KIND_SINT64)
		u = gv_zigzag((int64_t)u);
	else if (k == GV_KIND_FIXED32 || k == GV_KIND_SFIXED32)
		ret->wire = GV_WIRE_32;
	else if (k == GV_KIND_FIXED64 || k == GV_KIND_SFIXED64)
		ret->wire = GV_WIRE_64;
	ret->u = u;
}

static int read_whole(const struct gv_field *f, const cJSON *json, struct gv_json_scalar *ret, char *text,
		      size_t text_size)
{
	bool negative;
	uint64_t magnitude;
	if (cJSON_IsNumber(json)) {
		double d = json->valuedouble;
		if (!isfinite(d) || d != floor(d))
			return WRONG("expected a whole number, got %g", d);
		if (fabs(d) > EXACT_MAX)
			return WRONG("a number this large is not exact in JSON: give it as a string, \"%.0f\"", d);
		negative = d < 0;
		magnitude = (uint64_t)fabs(d);
	} else if (!cJSON_IsString(json)) {
		return WRONG("expected a number, got %s", gv_json_kind(json));
	} else if (!parse_whole(json->valuestring, &negative, &magnitude)) {
		return wrong_string(f, "a whole number", json, text, text_size);
	}
	if (magnitude > magnitude_max(f->kind, negative)) {
		if (negative && !is_signed(f->kind))
			return WRONG("expected a number that is not negative");
		return WRONG("out of range: %s%llu is %s", negative ? "-" : "",
			     (unsigned long long)magnitude_max(f->kind, negative), negative ? "the least" : "the most");
	}
	set_whole(f->kind, negative, magnitude, ret);
	return 0;
}

static bool parse_double(const char *s, double *ret)
{
	char error[256], *end;
	if (!strcmp(s, "NaN"))
		*ret = (double)NAN;
	else if (!strcmp(s, "Infinity"))
		*ret = (double)INFINITY;
	else if (!strcmp(s, "-Infinity"))
		*ret = -(double)INFINITY;
	else if (gv_json_check(s, strlen(s), error) < 0) /* strtod takes more than JSON does */
		return false;
	else
		*ret = strtod(s, &end);
	return true;
}

static int read_double(const struct gv_field *f, const cJSON *json, struct gv_json_scalar *ret, char *text,
		       size_t text_size)
{
	double d;
	if (cJSON_IsNumber(json)) {
		d = json->valuedouble;
		if (!isfinite(d))
			return WRONG("out of range");
	} else if (!cJSON_IsString(json)) {
		return WRONG("expected a number, got %s", gv_json_kind(json));
	} else if ((json->valuestring[0] != '-' && (json->valuestring[0] < '0' || json->valuestring[0] > '9') &&
		    json->valuestring[0] != 'N' && json->valuestring[0] != 'I') ||
		   !parse_double(json->valuestring, &d)) {
		return wrong_string(f, "a number", json, text, text_size);
	}
	if (f->kind == GV_KIND_FLOAT) {
		if (isfinite(d) && fabs(d) > (double)FLT_MAX)
			return WRONG("out of range: %g is the most", (double)FLT_MAX);
		float single = (float)d;
		uint32_t bits;
		memcpy(&bits, &single, sizeof bits);
		ret->wire = GV_WIRE_32;
		ret->u = bits;
	} else {
		ret->wire = GV_WIRE_64;
		memcpy(&ret->u, &d, sizeof d);
	}
	ret->zero = ret->u == 0; /* -0 is not: it is sent */
	return 0;
}

static int wrong_enum(const struct gv_enum *e, const char *got, char *text, size_t text_size)
{
	struct gv_buf b = { 0 };
	struct gv_nearest near = { 0 };
	for (size_t i = 0; i < e->n_values; i++) {
		gv_buf_printf(&b, "%s%s", i ? ", " : "", e->values[i].name);
		gv_nearest_offer(&near, got, e->values[i].name);
	}
	if (near.name)
		snprintf(text, text_size, "no such value: \"%.64s\"; did you mean %s? Allowed: %s", got, near.name,
			 gv_buf_str(&b));
	else
		snprintf(text, text_size, "no such value: \"%.64s\"; allowed: %s", got, gv_buf_str(&b));
	gv_buf_fini(&b);
	return -EINVAL;
}

static int read_enum(const struct gv_field *f, const cJSON *json, struct gv_json_scalar *ret, char *text,
		     size_t text_size)
{
	if (!cJSON_IsString(json)) {
		if (!cJSON_IsNumber(json))
			return WRONG("expected a name, got %s", gv_json_kind(json));
		return read_whole(f, json, ret, text, text_size);
	}
	for (size_t i = 0; i < f->enum_type->n_values; i++) {
		const struct gv_enum_value *v = &f->enum_type->values[i];
		if (!strcmp(v->name, json->valuestring)) {
			set_whole(f->kind, v->number < 0,
				  v->number < 0 ? 0 - (uint64_t)(int64_t)v->number : (uint64_t)v->number, ret);
			return 0;
		}
	}
	return wrong_enum(f->enum_type, json->valuestring, text, text_size);
}

static int read_bytes(const cJSON *json, struct gv_json_scalar *ret, char *text, size_t text_size)
{
	int r = gv_base64_read(&ret->hold, json->valuestring, strlen(json->valuestring));
	if (r == -EINVAL)
		return WRONG("expected base64");
	if (r < 0)
		return r;
	ret->wire = GV_WIRE_BYTES;
	ret->data = (const char *)ret->hold.data;
	ret->size = ret->hold.size;
	ret->zero = ret->size == 0;
	return 0;
}

int gv_json_scalar_read(const struct gv_field *f, const cJSON *json, struct gv_json_scalar *ret, char *text,
			size_t text_size)
{
	switch (f->kind) {
	case GV_KIND_DOUBLE:
	case GV_KIND_FLOAT:
		return read_double(f, json, ret, text, text_size);
	case GV_KIND_ENUM:
		return read_enum(f, json, ret, text, text_size);
	case GV_KIND_BOOL:
		if (!cJSON_IsBool(json))
			return WRONG("expected true or false, got %s", gv_json_kind(json));
		ret->wire = GV_WIRE_VARINT;
		ret->u = cJSON_IsTrue(json);
		ret->zero = !ret->u;
		return 0;
	case GV_KIND_STRING:
	case GV_KIND_BYTES:
		if (!cJSON_IsString(json))
			return WRONG("expected a string, got %s", gv_json_kind(json));
		if (f->kind == GV_KIND_BYTES)
			return read_bytes(json, ret, text, text_size);
		ret->wire = GV_WIRE_BYTES;
		ret->data = json->valuestring;
		ret->size = strlen(json->valuestring);
		ret->zero = ret->size == 0;
		return gv_utf8_valid(ret->data, ret->size) ? 0 : WRONG("not UTF-8");
	case GV_KIND_GROUP:
	case GV_KIND_MESSAGE:
		return WRONG("fields of this kind cannot be given as JSON");
	default:
		return read_whole(f, json, ret, text, text_size);
	}
}

int gv_json_scalar_key(const struct gv_field *f, const char *key, struct gv_json_scalar *ret, char *text,
		       size_t text_size)
{
	if (f->kind != GV_KIND_BOOL) {
		cJSON string = { .type = cJSON_String, .valuestring = (char *)key };
		return gv_json_scalar_read(f, &string, ret, text, text_size);
	}
	if (strcmp(key, "true") != 0 && strcmp(key, "false") != 0)
		return WRONG("expected the key true or false");
	ret->wire = GV_WIRE_VARINT;
	ret->u = !strcmp(key, "true");
	return 0;
}

/* ---- rules ----------------------------------------------------------------------------------- */

/* -1, 0, 1 as the value is below, at or above the bound; 0 where the bound is no number. */
static int compare(const struct gv_field *f, const struct gv_json_scalar *v, const char *bound)
{
	if (f->kind == GV_KIND_DOUBLE || f->kind == GV_KIND_FLOAT) {
		double d = 0, limit = strtod(bound, NULL);
		float single;
		uint32_t bits = (uint32_t)v->u;
		memcpy(&single, &bits, sizeof single);
		memcpy(&d, &v->u, sizeof d);
		if (f->kind == GV_KIND_FLOAT)
			d = (double)single;
		return isnan(d) ? 1 : (d > limit) - (d < limit);
	}
	bool limit_negative;
	uint64_t limit;
	if (!parse_whole(bound, &limit_negative, &limit))
		return 0;
	uint64_t u = v->u;
	if (f->kind == GV_KIND_SINT32 || f->kind == GV_KIND_SINT64)
		u = (uint64_t)gv_unzigzag(u);
	if (!is_signed(f->kind))
		return limit_negative ? 1 : (u > limit) - (u < limit);
	int64_t value = (int64_t)u;
	if ((value < 0) != limit_negative)
		return value < 0 ? -1 : 1;
	uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	int order = (magnitude > limit) - (magnitude < limit);
	return value < 0 ? -order : order;
}

static int check_size(const struct gv_field *f, size_t size, const char *unit, char *text, size_t text_size)
{
	bool negative;
	uint64_t bound;
	if (*f->min && parse_whole(f->min, &negative, &bound) && !negative && size < bound)
		return WRONG("has %zu %s, the least is %s", size, unit, f->min);
	if (*f->max && parse_whole(f->max, &negative, &bound) && (negative || size > bound))
		return WRONG("has %zu %s, the most is %s", size, unit, f->max);
	return 0;
}

static int check_one_of(const struct gv_field *f, const struct gv_json_scalar *v, char *text, size_t text_size)
{
	for (const char *choice = f->one_of;; choice++) {
		size_t n = strcspn(choice, "|");
		if (n == v->size && !memcmp(choice, v->data, n))
			return 0;
		choice += n;
		if (!*choice)
			break;
	}
	struct gv_buf b = { 0 };
	if (*f->one_of == '|')
		gv_buf_puts(&b, "\"\"");
	for (const char *c = f->one_of; *c; c++)
		gv_buf_puts(&b, *c == '|' ? ", " : (char[]){ *c, '\0' });
	if (f->secret)
		snprintf(text, text_size, "not an allowed value; allowed: %s", gv_buf_str(&b));
	else
		snprintf(text, text_size, "\"%.*s\" is not an allowed value; allowed: %s",
			 (int)(v->size < 64 ? v->size : 64), v->data, gv_buf_str(&b));
	gv_buf_fini(&b);
	return -EINVAL;
}

static int check_enum(const struct gv_field *f, const struct gv_json_scalar *v, char *text, size_t text_size)
{
	char number[16];
	for (size_t i = 0; i < f->enum_type->n_values; i++)
		if ((int64_t)v->u == f->enum_type->values[i].number)
			return 0;
	snprintf(number, sizeof number, "%d", (int)v->u);
	return wrong_enum(f->enum_type, number, text, text_size);
}

int gv_json_scalar_rules(const struct gv_field *f, const struct gv_json_scalar *v, bool element, char *text,
			 size_t text_size)
{
	int r = 0;
	if (f->secret && v->wire == GV_WIRE_BYTES && v->size == 3 && !memcmp(v->data, "***", 3))
		return WRONG("*** is how a secret prints: give the value, or leave the field out");
	if (f->kind == GV_KIND_ENUM)
		r = check_enum(f, v, text, text_size);
	if (r == 0 && *f->one_of && f->kind == GV_KIND_STRING)
		r = check_one_of(f, v, text, text_size);
	if (r < 0 || element || f->kind == GV_KIND_BOOL || f->kind == GV_KIND_ENUM)
		return r;
	if (f->kind == GV_KIND_STRING)
		return check_size(f, gv_utf8_count(v->data, v->size), "characters", text, text_size);
	if (f->kind == GV_KIND_BYTES)
		return check_size(f, v->size, "bytes", text, text_size);
	if (*f->min && compare(f, v, f->min) < 0)
		return WRONG("must not be less than %s%s%s", f->min, *f->unit ? " " : "", f->unit);
	if (*f->max && compare(f, v, f->max) > 0)
		return WRONG("must not be more than %s%s%s", f->max, *f->unit ? " " : "", f->unit);
	return 0;
}

int gv_json_count_rules(const struct gv_field *f, size_t count, char *text, size_t text_size)
{
	return check_size(f, count, "entries", text, text_size);
}

int gv_json_scalar_put_bare(struct gv_buf *out, const struct gv_json_scalar *v)
{
	if (v->wire == GV_WIRE_VARINT)
		return gv_wire_put_varint(out, v->u);
	return gv_wire_put_fixed(out, v->wire == GV_WIRE_64 ? 8 : 4, v->u);
}

int gv_json_scalar_put(struct gv_buf *out, const struct gv_field *f, const struct gv_json_scalar *v)
{
	if (v->wire == GV_WIRE_BYTES)
		return gv_wire_put_bytes(out, f->number, v->data, v->size);
	int r = gv_wire_put_tag(out, f->number, v->wire);
	return r < 0 ? r : gv_json_scalar_put_bare(out, v);
}
