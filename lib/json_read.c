/* JSON to packed protobuf, hostile-proof: whatever the text, the result is a message of the type or a sentence about
 * what is wrong and where. */
#include <lib/json.h>

#include <cjson/cJSON.h>
#include <errno.h>
#include <lib/json_free.h>
#include <lib/json_scalar.h>
#include <lib/json_text.h>
#include <lib/near.h>
#include <lib/wire.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
	unsigned flags, depth;
	struct gv_json_error *error;
	void (*each)(void *arg, const struct gv_json_error *e); /* NULL: the first error ends it */
	void *arg;
	bool failed; /* `each` has been told something */
	char path[256];
	size_t path_size;
};

static int read_message(struct reader *r, const struct gv_type *type, const cJSON *json, struct gv_buf *out);

/* ---- errors ---------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static int wrong(struct reader *r, const cJSON *at, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(r->error->text, sizeof r->error->text, fmt, ap);
	va_end(ap);
	memcpy(r->error->path, r->path, r->path_size);
	r->error->path[r->path_size] = '\0';
	r->error->at = at;
	return -EINVAL;
}

/* A failure of json_scalar.c: adds where. */
static int wrong_text(struct reader *r, const cJSON *at, int error, const char *text)
{
	return error == -EINVAL ? wrong(r, at, "%s", text) : error;
}

/* Where one of several values is wrong: tells of it and goes on to the next, if all that is wrong is wanted. */
static int go_on(struct reader *r, int error)
{
	if (error != -EINVAL || !r->each)
		return error;
	r->each(r->arg, r->error);
	r->failed = true;
	return 0;
}

/* Steps into a field, a list's element or a map's value; returns what pop needs. What does not fit is cut. */
__attribute__((format(printf, 2, 3))) static size_t push(struct reader *r, const char *fmt, ...)
{
	size_t before = r->path_size, left = sizeof r->path - before;
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(r->path + before, left, fmt, ap);
	va_end(ap);
	if (n > 0)
		r->path_size += (size_t)n < left ? (size_t)n : left - 1;
	return before;
}

static void pop(struct reader *r, size_t before)
{
	r->path_size = before;
	r->path[before] = '\0';
}

static const char *name_for_people(const struct reader *r, const struct gv_field *f)
{
	return r->flags & GV_JSON_PROTO_NAMES ? f->name : f->json_name;
}

static size_t push_field(struct reader *r, const struct gv_field *f)
{
	return push(r, "%s%s", r->path_size ? "." : "", name_for_people(r, f));
}

static int wrong_name(struct reader *r, const struct gv_type *type, const cJSON *member)
{
	struct gv_buf b = { 0 };
	struct gv_nearest near = { 0 };
	for (size_t i = 0; i < type->n_fields; i++) {
		const char *name = name_for_people(r, &type->fields[i]);
		gv_buf_printf(&b, "%s%s", i ? ", " : "", name);
		gv_nearest_offer(&near, member->string, name);
	}
	const char *allowed = type->n_fields ? gv_buf_str(&b) : "nothing";
	int e = near.name ? wrong(r, member, "no such field: \"%.64s\"; did you mean %s? Allowed: %s", member->string,
				  near.name, allowed)
			  : wrong(r, member, "no such field: \"%.64s\"; allowed: %s", member->string, allowed);
	gv_buf_fini(&b);
	return e;
}

/* ---- values ---------------------------------------------------------------------------------- */

/* A message, behind its tag and length. */
static int read_nested(struct reader *r, const struct gv_field *f, const cJSON *json, struct gv_buf *out)
{
	struct gv_buf nested = { 0 };
	int e = read_message(r, f->type, json, &nested);
	if (e == 0)
		e = gv_wire_put_bytes(out, f->number, nested.data, nested.size);
	gv_buf_fini(&nested);
	return e;
}

static bool want_rules(const struct reader *r, const struct gv_json_scalar *v)
{
	return (r->flags & GV_JSON_RULES) && (!v->zero || (r->flags & GV_JSON_DEFAULTS));
}

static bool takes_null(const struct gv_field *f)
{
	return f->kind == GV_KIND_MESSAGE && gv_json_free(f->type) == GV_JSON_VALUE;
}

/* One value that is no list; `bare`: without its tag, into a packed list. */
static int read_single(struct reader *r, const struct gv_field *f, const cJSON *json, bool element, bool bare,
		       struct gv_buf *out, bool *ret_zero)
{
	char text[512];
	struct gv_json_scalar v = { 0 };
	*ret_zero = false;
	if (f->kind == GV_KIND_MESSAGE)
		return read_nested(r, f, json, out);
	int e = gv_json_scalar_read(f, json, &v, text, sizeof text);
	if (e == 0 && want_rules(r, &v))
		e = gv_json_scalar_rules(f, &v, element, text, sizeof text);
	if (e < 0)
		e = wrong_text(r, json, e, text);
	else if (bare)
		e = gv_json_scalar_put_bare(out, &v);
	else if (!v.zero || element || f->oneof)
		e = gv_json_scalar_put(out, f, &v);
	*ret_zero = v.zero;
	gv_buf_fini(&v.hold);
	return e;
}

static int check_count(struct reader *r, const struct gv_field *f, const cJSON *json, size_t count)
{
	char text[512];
	if (!(r->flags & GV_JSON_RULES) || (count == 0 && !(r->flags & GV_JSON_DEFAULTS)))
		return 0;
	int e = gv_json_count_rules(f, count, text, sizeof text);
	return e < 0 ? wrong_text(r, json, e, text) : 0;
}

static int read_list(struct reader *r, const struct gv_field *f, const cJSON *json, struct gv_buf *out, bool *ret_empty)
{
	if (!cJSON_IsArray(json))
		return wrong(r, json, "expected a list, got %s", gv_json_kind(json));
	bool bare = f->kind != GV_KIND_MESSAGE && f->kind != GV_KIND_STRING && f->kind != GV_KIND_BYTES, zero;
	struct gv_buf packed = { 0 };
	size_t count = 0;
	int e = 0;
	for (const cJSON *c = json->child; c && e == 0; c = c->next, count++) {
		size_t before = push(r, "[%zu]", count);
		e = cJSON_IsNull(c) && !takes_null(f) ? wrong(r, c, "null is not taken in a list")
						      : read_single(r, f, c, true, bare, bare ? &packed : out, &zero);
		e = go_on(r, e);
		pop(r, before);
	}
	if (e == 0 && packed.size > 0)
		e = gv_wire_put_bytes(out, f->number, packed.data, packed.size);
	gv_buf_fini(&packed);
	*ret_empty = count == 0;
	return e < 0 ? e : check_count(r, f, json, count);
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const cJSON *const *)a)->string, (*(const cJSON *const *)b)->string);
}

/* Refuses a key that is given twice. */
static int check_keys(struct reader *r, const cJSON *json, size_t count)
{
	int e = 0;
	size_t i = 0;
	if (count < 2)
		return 0;
	const cJSON **members = malloc(count * sizeof(cJSON *));
	if (!members)
		return -ENOMEM;
	for (const cJSON *c = json->child; c; c = c->next)
		members[i++] = c;
	qsort(members, count, sizeof *members, by_name);
	for (i = 1; i < count && e == 0; i++)
		if (!strcmp(members[i - 1]->string, members[i]->string))
			e = wrong(r, members[i], "the key \"%.64s\" is given twice", members[i]->string);
	free(members);
	return e;
}

static int read_entry(struct reader *r, const struct gv_field *f, const cJSON *json, struct gv_buf *out)
{
	const struct gv_field *key = gv_type_field_numbered(f->type, 1), *value = gv_type_field_numbered(f->type, 2);
	char text[512];
	bool zero;
	struct gv_json_scalar k = { 0 };
	struct gv_buf entry = { 0 };
	int e = gv_json_scalar_key(key, json->string, &k, text, sizeof text);
	if (e < 0)
		return wrong_text(r, json, e, text);
	if (cJSON_IsNull(json) && !takes_null(value))
		return wrong(r, json, "null is not taken in a map");
	e = gv_json_scalar_put(&entry, key, &k);
	if (e == 0)
		e = read_single(r, value, json, true, false, &entry, &zero);
	if (e == 0)
		e = gv_wire_put_bytes(out, f->number, entry.data, entry.size);
	gv_buf_fini(&entry);
	return e;
}

static int read_map(struct reader *r, const struct gv_field *f, const cJSON *json, struct gv_buf *out, bool *ret_empty)
{
	size_t count = 0;
	int e = 0;
	if (!cJSON_IsObject(json))
		return wrong(r, json, "expected an object, got %s", gv_json_kind(json));
	for (const cJSON *c = json->child; c && e == 0; c = c->next, count++) {
		size_t before = push(r, "[\"%.64s\"]", c->string);
		e = go_on(r, read_entry(r, f, c, out));
		pop(r, before);
	}
	*ret_empty = count == 0;
	if (e == 0)
		e = check_keys(r, json, count);
	return e < 0 ? e : check_count(r, f, json, count);
}

static int read_field(struct reader *r, const struct gv_field *f, const cJSON *json, struct gv_buf *out)
{
	bool empty;
	size_t before = push_field(r, f);
	int e = f->map        ? read_map(r, f, json, out, &empty)
		: f->repeated ? read_list(r, f, json, out, &empty)
			      : read_single(r, f, json, false, false, out, &empty);
	if (e == 0 && empty && f->required && (r->flags & GV_JSON_RULES) &&
	    (!(r->flags & GV_JSON_DEFAULTS) || f->repeated || f->kind == GV_KIND_STRING || f->kind == GV_KIND_BYTES))
		e = wrong(r, json, "required, must not be %s", f->repeated || cJSON_IsString(json) ? "empty" : "zero");
	pop(r, before);
	return e;
}

/* ---- messages -------------------------------------------------------------------------------- */

/* What YAML's single quotes hold: two of them are one. */
static cJSON *unquote(const char *s, size_t size)
{
	struct gv_buf b = { 0 };
	for (size_t i = 1; i + 1 < size; i++) {
		gv_buf_putc(&b, s[i]);
		if (s[i] == '\'' && s[i + 1] == '\'' && i + 2 < size)
			i++;
	}
	cJSON *json = b.error ? NULL : cJSON_CreateString(gv_buf_str(&b));
	gv_buf_fini(&b);
	return json;
}

/* The default as JSON: a list, message or boolean, and what stands in double quotes, as it is; all else is text. */
static int default_json(const struct gv_field *f, cJSON **ret)
{
	const char *s = f->default_value;
	char error[256];
	size_t size = strlen(s);
	bool text = !f->repeated && f->kind != GV_KIND_MESSAGE && f->kind != GV_KIND_BOOL;
	bool quoted = size >= 2 && s[0] == s[size - 1];
	if (text && quoted && *s == '\'')
		*ret = unquote(s, size);
	else if (text && !(quoted && *s == '"'))
		*ret = cJSON_CreateString(s);
	else if (gv_json_check(s, size, error) < 0)
		return -EINVAL;
	else
		*ret = cJSON_Parse(s);
	return *ret ? 0 : -ENOMEM;
}

static int read_default(struct reader *r, const struct gv_field *f, const cJSON *parent, struct gv_buf *out)
{
	cJSON *json = NULL;
	int e = default_json(f, &json);
	if (e == 0)
		e = read_field(r, f, json, out);
	cJSON_Delete(json);
	if (e == -EINVAL) {
		size_t before = push_field(r, f);
		wrong(r, parent, "the default in the plugin's .proto does not fit the field: \"%.64s\"",
		      f->default_value);
		pop(r, before);
	}
	return e;
}

static int read_absent(struct reader *r, const struct gv_field *f, const cJSON *parent, struct gv_buf *out)
{
	if ((r->flags & GV_JSON_DEFAULTS) && *f->default_value)
		return read_default(r, f, parent, out);
	if (!(r->flags & GV_JSON_RULES) || !f->required)
		return 0;
	size_t before = push_field(r, f);
	int e = wrong(r, parent, "required, must be given");
	pop(r, before);
	return e;
}

static int sort_member(struct reader *r, const struct gv_type *type, const cJSON *c, const cJSON **values)
{
	const struct gv_field *f = gv_type_field(type, c->string);
	if (!f)
		return wrong_name(r, type, c);
	size_t i = (size_t)(f - type->fields);
	if (values[i])
		return wrong(r, c, "%s is given twice", name_for_people(r, f));
	values[i] = c;
	if (!f->oneof || cJSON_IsNull(c))
		return 0;
	for (size_t j = 0; j < type->n_fields; j++)
		if (j != i && values[j] && !cJSON_IsNull(values[j]) && type->fields[j].oneof &&
		    !strcmp(type->fields[j].oneof, f->oneof))
			return wrong(r, c, "%s and %s cannot both be given", name_for_people(r, &type->fields[j]),
				     name_for_people(r, f));
	return 0;
}

/* Finds each field's value; `values` has room for all fields. */
static int sort_members(struct reader *r, const struct gv_type *type, const cJSON *json, const cJSON **values)
{
	int e = 0;
	for (const cJSON *c = json->child; c && e == 0; c = c->next)
		e = go_on(r, sort_member(r, type, c, values));
	return e;
}

static int read_members(struct reader *r, const struct gv_type *type, const cJSON *json, struct gv_buf *out)
{
	const cJSON **values = calloc(type->n_fields + 1, sizeof(cJSON *));
	if (!values)
		return -ENOMEM;
	int e = sort_members(r, type, json, values);
	for (size_t i = 0; e == 0 && i < type->n_fields; i++) {
		const struct gv_field *f = &type->fields[i];
		bool given = values[i] && (!cJSON_IsNull(values[i]) || (takes_null(f) && !f->repeated));
		e = go_on(r, given ? read_field(r, f, values[i], out) : read_absent(r, f, json, out));
	}
	free(values);
	return e;
}

static int read_message(struct reader *r, const struct gv_type *type, const cJSON *json, struct gv_buf *out)
{
	enum gv_json_free what = gv_json_free(type);
	if (what != GV_JSON_NOT_FREE) {
		char text[256];
		int e = gv_json_free_read(what, json, r->depth, out, text, sizeof text);
		return e < 0 ? wrong_text(r, json, e, text) : 0;
	}
	if (!cJSON_IsObject(json))
		return wrong(r, json, "expected an object, got %s", gv_json_kind(json));
	if (r->depth == GV_JSON_DEPTH_MAX)
		return wrong(r, json, "nested more than %d deep", GV_JSON_DEPTH_MAX);
	r->depth++;
	int e = read_members(r, type, json, out);
	r->depth--;
	return e;
}

/* ---- the interface --------------------------------------------------------------------------- */

int gv_json_read_each(const struct gv_type *type, const cJSON *json, unsigned flags, struct gv_buf *out,
		      void (*each)(void *arg, const struct gv_json_error *e), void *arg,
		      struct gv_json_error *ret_error)
{
	struct reader r = { .flags = flags, .error = ret_error, .each = each, .arg = arg };
	size_t before = out->size;
	int e = out->error ? out->error : go_on(&r, read_message(&r, type, json, out));
	if (e == 0 && r.failed)
		e = -EINVAL;
	if (e < 0)
		out->size = before;
	return e;
}

int gv_json_read(const struct gv_type *type, const cJSON *json, unsigned flags, struct gv_buf *out,
		 struct gv_json_error *ret_error)
{
	return gv_json_read_each(type, json, flags, out, NULL, NULL, ret_error);
}

int gv_json_parse(const struct gv_type *type, const char *text, size_t size, unsigned flags, struct gv_buf *out,
		  struct gv_json_error *ret_error)
{
	char why[256];
	if (gv_json_check(text, size, why) < 0) {
		*ret_error = (struct gv_json_error){ 0 };
		snprintf(ret_error->text, sizeof ret_error->text, "not JSON: %s", why);
		return -EINVAL;
	}
	cJSON *json = cJSON_ParseWithLength(text, size);
	if (!json)
		return -ENOMEM;
	int e = gv_json_read(type, json, flags, out, ret_error);
	cJSON_Delete(json);
	if (e == -EINVAL)
		ret_error->at = NULL;
	return e;
}

void gv_json_error_print(const struct gv_json_error *e, struct gv_buf *out)
{
	if (e->path[0])
		gv_buf_printf(out, "%s: %s", e->path, e->text);
	else
		gv_buf_puts(out, e->text);
}
