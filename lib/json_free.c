/* Messages with parts whose shape no .proto fixes (an OCPP payload, say) hold them as google.protobuf.Struct. Its field
 * numbers are written here rather than looked up: they are fixed for ever. */
#include <lib/json_free.h>

#include <cjson/cJSON.h>
#include <errno.h>
#include <lib/json.h>
#include <lib/json_text.h>
#include <lib/utf8.h>
#include <lib/wire.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { STRUCT_FIELDS = 1, ENTRY_KEY = 1, ENTRY_VALUE = 2, LIST_VALUES = 1 };
enum { VALUE_NULL = 1, VALUE_NUMBER, VALUE_STRING, VALUE_BOOL, VALUE_STRUCT, VALUE_LIST };

#define WRONG(...) (snprintf(text, text_size, __VA_ARGS__), -EINVAL)

enum gv_json_free gv_json_free(const struct gv_type *t)
{
	static const char package[] = "google.protobuf.";
	if (strncmp(t->name, package, sizeof package - 1) != 0)
		return GV_JSON_NOT_FREE;
	const char *name = t->name + sizeof package - 1;
	return !strcmp(name, "Struct")      ? GV_JSON_STRUCT
	       : !strcmp(name, "Value")     ? GV_JSON_VALUE
	       : !strcmp(name, "ListValue") ? GV_JSON_LIST
					    : GV_JSON_NOT_FREE;
}

/* ---- reading --------------------------------------------------------------------------------- */

static int read_any(enum gv_json_free what, const cJSON *json, unsigned depth, struct gv_buf *out, char *text,
		    size_t text_size);

/* Appends a field that holds the message made of json. */
static int put_nested(uint32_t number, enum gv_json_free what, const cJSON *json, unsigned depth, struct gv_buf *out,
		      char *text, size_t text_size)
{
	struct gv_buf nested = { 0 };
	int r = read_any(what, json, depth, &nested, text, text_size);
	if (r == 0)
		r = gv_wire_put_bytes(out, number, nested.data, nested.size);
	gv_buf_fini(&nested);
	return r;
}

static int put_string(uint32_t number, const char *s, struct gv_buf *out, char *text, size_t text_size)
{
	size_t size = strlen(s);
	return gv_utf8_valid(s, size) ? gv_wire_put_bytes(out, number, s, size) : WRONG("not UTF-8");
}

static int read_struct(const cJSON *json, unsigned depth, struct gv_buf *out, char *text, size_t text_size)
{
	int r = 0;
	for (const cJSON *c = json->child; c && r == 0; c = c->next) {
		struct gv_buf entry = { 0 };
		r = put_string(ENTRY_KEY, c->string, &entry, text, text_size);
		if (r == 0)
			r = put_nested(ENTRY_VALUE, GV_JSON_VALUE, c, depth, &entry, text, text_size);
		if (r == 0)
			r = gv_wire_put_bytes(out, STRUCT_FIELDS, entry.data, entry.size);
		gv_buf_fini(&entry);
	}
	return r;
}

static int read_value(const cJSON *json, unsigned depth, struct gv_buf *out, char *text, size_t text_size)
{
	uint64_t bits;
	switch (json->type & 0xff) {
	case cJSON_NULL:
		gv_wire_put_tag(out, VALUE_NULL, GV_WIRE_VARINT);
		return gv_wire_put_varint(out, 0);
	case cJSON_False:
	case cJSON_True:
		gv_wire_put_tag(out, VALUE_BOOL, GV_WIRE_VARINT);
		return gv_wire_put_varint(out, cJSON_IsTrue(json));
	case cJSON_Number:
		if (!isfinite(json->valuedouble))
			return WRONG("out of range");
		memcpy(&bits, &json->valuedouble, sizeof bits);
		gv_wire_put_tag(out, VALUE_NUMBER, GV_WIRE_64);
		return gv_wire_put_fixed(out, 8, bits);
	case cJSON_String:
		return put_string(VALUE_STRING, json->valuestring, out, text, text_size);
	case cJSON_Array:
		return put_nested(VALUE_LIST, GV_JSON_LIST, json, depth, out, text, text_size);
	case cJSON_Object:
		return put_nested(VALUE_STRUCT, GV_JSON_STRUCT, json, depth, out, text, text_size);
	default:
		return WRONG("not JSON");
	}
}

static int read_any(enum gv_json_free what, const cJSON *json, unsigned depth, struct gv_buf *out, char *text,
		    size_t text_size)
{
	int r = 0;
	if (what == GV_JSON_VALUE)
		return read_value(json, depth, out, text, text_size);
	if (depth++ >= GV_JSON_DEPTH_MAX)
		return WRONG("nested more than %d deep", GV_JSON_DEPTH_MAX);
	if (what == GV_JSON_STRUCT)
		return cJSON_IsObject(json) ? read_struct(json, depth, out, text, text_size)
					    : WRONG("expected an object");
	if (!cJSON_IsArray(json))
		return WRONG("expected a list");
	for (const cJSON *c = json->child; c && r == 0; c = c->next)
		r = put_nested(LIST_VALUES, GV_JSON_VALUE, c, depth, out, text, text_size);
	return r;
}

int gv_json_free_read(enum gv_json_free what, const cJSON *json, unsigned depth, struct gv_buf *out, char *text,
		      size_t text_size)
{
	return read_any(what, json, depth, out, text, text_size);
}

/* ---- writing --------------------------------------------------------------------------------- */

static int write_any(enum gv_json_free what, struct gv_wire w, unsigned depth, struct gv_buf *out);

static int write_entry(struct gv_wire w, unsigned depth, struct gv_buf *out)
{
	struct gv_wire_value v, key = { 0 }, value = { 0 };
	int r;
	while ((r = gv_wire_next(&w, &v)) > 0) {
		if (v.wire == GV_WIRE_BYTES && v.number == ENTRY_KEY)
			key = v;
		else if (v.wire == GV_WIRE_BYTES && v.number == ENTRY_VALUE)
			value = v;
	}
	if (r < 0)
		return r;
	gv_json_string(out, (const char *)key.data, key.size);
	gv_buf_putc(out, ':');
	return write_any(GV_JSON_VALUE, gv_wire_over(value.data, value.size), depth, out);
}

/* The last one counts, as in any oneof; none is null. */
static int write_value(struct gv_wire w, unsigned depth, struct gv_buf *out)
{
	struct gv_wire_value v, last = { 0 };
	double number;
	int r;
	while ((r = gv_wire_next(&w, &v)) > 0)
		if (v.number >= VALUE_NULL && v.number <= VALUE_LIST)
			last = v;
	if (r < 0)
		return r;
	if (last.number == VALUE_NUMBER && last.wire == GV_WIRE_64) {
		memcpy(&number, &last.u, sizeof number);
		return isfinite(number) ? gv_json_double(out, number) : gv_buf_puts(out, "null");
	}
	if (last.number == VALUE_BOOL && last.wire == GV_WIRE_VARINT)
		return gv_buf_puts(out, last.u ? "true" : "false");
	if (last.number < VALUE_STRING)
		return gv_buf_puts(out, "null");
	if (last.wire != GV_WIRE_BYTES)
		return -EBADMSG;
	if (last.number == VALUE_STRING)
		return gv_json_string(out, (const char *)last.data, last.size);
	return write_any(last.number == VALUE_LIST ? GV_JSON_LIST : GV_JSON_STRUCT, gv_wire_over(last.data, last.size),
			 depth, out);
}

static int write_any(enum gv_json_free what, struct gv_wire w, unsigned depth, struct gv_buf *out)
{
	struct gv_wire_value v;
	bool first = true;
	int r;
	if (what == GV_JSON_VALUE)
		return write_value(w, depth, out);
	if (depth++ >= GV_JSON_DEPTH_MAX)
		return -EBADMSG;
	gv_buf_putc(out, what == GV_JSON_LIST ? '[' : '{');
	while ((r = gv_wire_next(&w, &v)) > 0) {
		if (v.number != STRUCT_FIELDS)
			continue;
		if (v.wire != GV_WIRE_BYTES)
			return -EBADMSG;
		if (!first)
			gv_buf_putc(out, ',');
		first = false;
		struct gv_wire nested = gv_wire_over(v.data, v.size);
		r = what == GV_JSON_LIST ? write_any(GV_JSON_VALUE, nested, depth, out)
					 : write_entry(nested, depth, out);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : gv_buf_putc(out, what == GV_JSON_LIST ? ']' : '}');
}

int gv_json_free_write(enum gv_json_free what, const uint8_t *packed, size_t size, unsigned depth, struct gv_buf *out)
{
	return write_any(what, gv_wire_over(packed, size), depth, out);
}
