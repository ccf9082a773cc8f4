/* Packed protobuf to JSON. One walk over the message sorts its fields, a second prints them in the order of the .proto,
 * so that zero values, fields given twice and messages in several pieces come out as protobuf means them. */
#include <lib/json.h>

#include <errno.h>
#include <lib/base64.h>
#include <lib/json_free.h>
#include <lib/json_text.h>
#include <lib/wire.h>
#include <stdlib.h>
#include <string.h>

#define NONE SIZE_MAX

struct writer {
	unsigned flags,
		depth; /* depth: of lists and objects, as gv_json_check counts, so that what is printed can be read */
	struct gv_buf *out;
};

/* The fields of one message as they came; those of one field are chained. */
struct found {
	struct gv_wire_value v;
	size_t next;
};
struct sorted {
	struct found *items;
	size_t count, capacity;
	struct {
		size_t first, last;
	} * fields; /* as many as the type has */
};

static int write_message(struct writer *w, const struct gv_type *type, struct gv_wire in);

static int sorted_add(struct sorted *s, size_t field, const struct gv_wire_value *v)
{
	if (s->count == s->capacity) {
		size_t capacity = s->capacity ? 2 * s->capacity : 16;
		struct found *items = realloc(s->items, capacity * sizeof *items);
		if (!items)
			return -ENOMEM;
		s->items = items;
		s->capacity = capacity;
	}
	s->items[s->count] = (struct found){ *v, NONE };
	if (s->fields[field].first == NONE)
		s->fields[field].first = s->count;
	else
		s->items[s->fields[field].last].next = s->count;
	s->fields[field].last = s->count++;
	return 0;
}

static int sort_fields(const struct gv_type *type, struct gv_wire in, struct sorted *ret)
{
	struct gv_wire_value v;
	int e;
	ret->fields = calloc(type->n_fields + 1, sizeof *ret->fields);
	if (!ret->fields)
		return -ENOMEM;
	for (size_t i = 0; i < type->n_fields; i++)
		ret->fields[i].first = ret->fields[i].last = NONE;
	while ((e = gv_wire_next(&in, &v)) > 0) {
		const struct gv_field *f = gv_type_field_numbered(type, v.number);
		if (!f || f->kind == GV_KIND_GROUP)
			continue;
		e = sorted_add(ret, (size_t)(f - type->fields), &v);
		if (e < 0)
			return e;
	}
	return e;
}

static void sorted_fini(struct sorted *s)
{
	free(s->items);
	free(s->fields);
}

/* ---- scalars --------------------------------------------------------------------------------- */

static enum gv_wire_type wire_of(enum gv_kind kind)
{
	switch (kind) {
	case GV_KIND_DOUBLE:
	case GV_KIND_FIXED64:
	case GV_KIND_SFIXED64:
		return GV_WIRE_64;
	case GV_KIND_FLOAT:
	case GV_KIND_FIXED32:
	case GV_KIND_SFIXED32:
		return GV_WIRE_32;
	case GV_KIND_STRING:
	case GV_KIND_BYTES:
	case GV_KIND_MESSAGE:
		return GV_WIRE_BYTES;
	default:
		return GV_WIRE_VARINT;
	}
}

static int write_enum(struct gv_buf *out, const struct gv_enum *e, int32_t number)
{
	for (size_t i = 0; i < e->n_values; i++)
		if (e->values[i].number == number)
			return gv_buf_printf(out, "\"%s\"", e->values[i].name);
	return gv_buf_printf(out, "%d", number);
}

static int write_float(struct gv_buf *out, uint32_t bits)
{
	float value;
	memcpy(&value, &bits, sizeof value);
	return gv_json_float(out, value);
}

static int write_double(struct gv_buf *out, uint64_t bits)
{
	double value;
	memcpy(&value, &bits, sizeof value);
	return gv_json_double(out, value);
}

static int write_bytes(struct gv_buf *out, const uint8_t *data, size_t size)
{
	gv_buf_putc(out, '"');
	gv_base64_write(out, data, size);
	return gv_buf_putc(out, '"');
}

/* The kind's wire type has been checked. */
static int write_scalar(struct gv_buf *out, const struct gv_field *f, const struct gv_wire_value *v)
{
	switch (f->kind) {
	case GV_KIND_DOUBLE:
		return write_double(out, v->u);
	case GV_KIND_FLOAT:
		return write_float(out, (uint32_t)v->u);
	case GV_KIND_INT64:
	case GV_KIND_SFIXED64:
		return gv_buf_printf(out, "\"%lld\"", (long long)v->u);
	case GV_KIND_SINT64:
		return gv_buf_printf(out, "\"%lld\"", (long long)gv_unzigzag(v->u));
	case GV_KIND_UINT64:
	case GV_KIND_FIXED64:
		return gv_buf_printf(out, "\"%llu\"", (unsigned long long)v->u);
	case GV_KIND_INT32:
	case GV_KIND_SFIXED32:
		return gv_buf_printf(out, "%d", (int)(uint32_t)v->u);
	case GV_KIND_SINT32:
		return gv_buf_printf(out, "%d", (int)gv_unzigzag((uint32_t)v->u));
	case GV_KIND_UINT32:
	case GV_KIND_FIXED32:
		return gv_buf_printf(out, "%u", (unsigned)v->u);
	case GV_KIND_BOOL:
		return gv_buf_puts(out, v->u ? "true" : "false");
	case GV_KIND_ENUM:
		return write_enum(out, f->enum_type, (int32_t)v->u);
	case GV_KIND_STRING:
		return gv_json_string(out, (const char *)v->data, v->size);
	default:
		return write_bytes(out, v->data, v->size);
	}
}

static int write_value(struct writer *w, const struct gv_field *f, const struct gv_wire_value *v)
{
	if (v->wire != wire_of(f->kind))
		return -EBADMSG;
	if (f->kind == GV_KIND_MESSAGE)
		return write_message(w, f->type, gv_wire_over(v->data, v->size));
	return write_scalar(w->out, f, v);
}

/* ---- lists and maps -------------------------------------------------------------------------- */

/* Numbers may come packed or one by one, also mixed. */
static int write_packed(struct writer *w, const struct gv_field *f, const struct gv_wire_value *v, bool *first)
{
	struct gv_wire in = gv_wire_over(v->data, v->size);
	struct gv_wire_value one = { .wire = wire_of(f->kind) };
	int e;
	while ((e = one.wire == GV_WIRE_VARINT ? gv_wire_varint(&in, &one.u)
					       : gv_wire_fixed(&in, one.wire == GV_WIRE_64 ? 8 : 4, &one.u)) > 0) {
		if (!*first)
			gv_buf_putc(w->out, ',');
		*first = false;
		write_scalar(w->out, f, &one);
	}
	return e;
}

static int write_elements(struct writer *w, const struct gv_field *f, const struct sorted *s, size_t at)
{
	bool first = true;
	for (; at != NONE; at = s->items[at].next) {
		const struct gv_wire_value *v = &s->items[at].v;
		int e;
		if (v->wire == GV_WIRE_BYTES && wire_of(f->kind) != GV_WIRE_BYTES) {
			e = write_packed(w, f, v, &first);
		} else {
			if (!first)
				gv_buf_putc(w->out, ',');
			first = false;
			e = write_value(w, f, v);
		}
		if (e < 0)
			return e;
	}
	return 0;
}

static int write_list(struct writer *w, const struct gv_field *f, const struct sorted *s, size_t at)
{
	if (w->depth == GV_JSON_DEPTH_MAX)
		return -EBADMSG;
	w->depth++;
	gv_buf_putc(w->out, '[');
	int e = write_elements(w, f, s, at);
	gv_buf_putc(w->out, ']');
	w->depth--;
	return e;
}

struct entry {
	struct gv_wire_value key, value;
	size_t order;
};

static int read_entry(const struct gv_field *f, const struct gv_wire_value *from, struct entry *ret)
{
	struct gv_wire in = gv_wire_over(from->data, from->size);
	struct gv_wire_value v;
	int e;
	ret->key = (struct gv_wire_value){ .number = 1, .wire = wire_of(gv_type_field_numbered(f->type, 1)->kind) };
	ret->value = (struct gv_wire_value){ .number = 2, .wire = wire_of(gv_type_field_numbered(f->type, 2)->kind) };
	if (from->wire != GV_WIRE_BYTES)
		return -EBADMSG;
	while ((e = gv_wire_next(&in, &v)) > 0) {
		struct gv_wire_value *to = v.number == 1 ? &ret->key : v.number == 2 ? &ret->value : NULL;
		if (!to)
			continue;
		if (v.wire != to->wire)
			return -EBADMSG;
		*to = v;
	}
	return e;
}

static int by_key(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	if (x->key.u != y->key.u)
		return x->key.u < y->key.u ? -1 : 1;
	size_t common = x->key.size < y->key.size ? x->key.size : y->key.size;
	int order = common ? memcmp(x->key.data, y->key.data, common) : 0;
	if (order == 0 && x->key.size != y->key.size)
		order = x->key.size < y->key.size ? -1 : 1;
	return order ? order : x->order < y->order ? -1 : 1;
}

static bool same_key(const struct entry *x, const struct entry *y)
{
	return x->key.u == y->key.u && x->key.size == y->key.size &&
	       (x->key.size == 0 || !memcmp(x->key.data, y->key.data, x->key.size));
}

static int write_entries(struct writer *w, const struct gv_field *f, const struct entry *entries, size_t count)
{
	const struct gv_field *key = gv_type_field_numbered(f->type, 1), *value = gv_type_field_numbered(f->type, 2);
	bool quoted = key->kind != GV_KIND_BOOL && key->kind != GV_KIND_INT32 && key->kind != GV_KIND_UINT32 &&
		      key->kind != GV_KIND_SINT32 && key->kind != GV_KIND_FIXED32 && key->kind != GV_KIND_SFIXED32;
	bool first = true;
	for (size_t i = 0; i < count; i++) {
		if (i + 1 < count && same_key(&entries[i], &entries[i + 1])) /* the last one given counts */
			continue;
		gv_buf_puts(w->out, first ? "" : ",");
		first = false;
		gv_buf_puts(w->out, quoted ? "" : "\"");
		write_scalar(w->out, key, &entries[i].key);
		gv_buf_puts(w->out, quoted ? ":" : "\":");
		int e = write_value(w, value, &entries[i].value);
		if (e < 0)
			return e;
	}
	return 0;
}

/* Sorted by key: the wire's order means nothing. */
static int write_map(struct writer *w, const struct gv_field *f, const struct sorted *s, size_t at)
{
	size_t count = 0;
	int e = 0;
	if (w->depth == GV_JSON_DEPTH_MAX)
		return -EBADMSG;
	for (size_t i = at; i != NONE; i = s->items[i].next)
		count++;
	struct entry *entries = malloc((count + 1) * sizeof *entries);
	if (!entries)
		return -ENOMEM;
	for (size_t i = 0; e == 0 && at != NONE; at = s->items[at].next, i++) {
		entries[i].order = i;
		e = read_entry(f, &s->items[at].v, &entries[i]);
	}
	if (e == 0) {
		qsort(entries, count, sizeof *entries, by_key);
		w->depth++;
		gv_buf_putc(w->out, '{');
		e = write_entries(w, f, entries, count);
		gv_buf_putc(w->out, '}');
		w->depth--;
	}
	free(entries);
	return e;
}

/* ---- messages -------------------------------------------------------------------------------- */

static int write_zero(struct writer *w, const struct gv_field *f)
{
	struct gv_wire_value zero = { .wire = wire_of(f->kind) };
	if (f->repeated)
		return gv_buf_puts(w->out, f->map ? "{}" : "[]");
	if (f->kind == GV_KIND_MESSAGE)
		return gv_buf_puts(w->out, "null");
	return write_scalar(w->out, f, &zero);
}

/* A message in several pieces is their concatenation. */
static int write_pieces(struct writer *w, const struct gv_field *f, const struct sorted *s, size_t at)
{
	struct gv_buf whole = { 0 };
	int e = 0;
	for (; e == 0 && at != NONE; at = s->items[at].next)
		e = s->items[at].v.wire == GV_WIRE_BYTES ? gv_buf_add(&whole, s->items[at].v.data, s->items[at].v.size)
							 : -EBADMSG;
	if (e == 0)
		e = write_message(w, f->type, gv_wire_over(whole.data, whole.size));
	gv_buf_fini(&whole);
	return e;
}

/* Set: not proto3's zero, which is what absent means too. */
static bool is_set(const struct gv_field *f, const struct sorted *s, size_t i)
{
	if (s->fields[i].first == NONE)
		return false;
	const struct gv_wire_value *v = &s->items[s->fields[i].last].v;
	return f->repeated || f->kind == GV_KIND_MESSAGE || v->u != 0 || v->size != 0;
}

static int write_field(struct writer *w, const struct gv_field *f, const struct sorted *s, size_t i)
{
	size_t first = s->fields[i].first, last = s->fields[i].last;
	if (f->secret && !(w->flags & GV_JSON_SECRETS) && is_set(f, s, i))
		return gv_buf_puts(w->out, "\"***\"");
	if (first == NONE || f->kind == GV_KIND_GROUP)
		return write_zero(w, f);
	if (f->map)
		return write_map(w, f, s, first);
	if (f->repeated)
		return write_list(w, f, s, first);
	if (f->kind == GV_KIND_MESSAGE && first != last)
		return write_pieces(w, f, s, first);
	return write_value(w, f, &s->items[last].v);
}

/* Of a oneof, only the member that came last exists. */
static bool exists(const struct gv_type *type, const struct sorted *s, size_t i)
{
	const struct gv_field *f = &type->fields[i];
	if (f->kind == GV_KIND_GROUP)
		return false;
	if (!f->oneof)
		return true;
	if (s->fields[i].last == NONE)
		return false;
	for (size_t j = 0; j < type->n_fields; j++)
		if (j != i && type->fields[j].oneof && !strcmp(type->fields[j].oneof, f->oneof) &&
		    s->fields[j].last != NONE && s->fields[j].last > s->fields[i].last)
			return false;
	return true;
}

static int write_fields(struct writer *w, const struct gv_type *type, const struct sorted *s)
{
	bool first = true;
	gv_buf_putc(w->out, '{');
	for (size_t i = 0; i < type->n_fields; i++) {
		if (!exists(type, s, i))
			continue;
		gv_buf_puts(w->out, first ? "\"" : ",\"");
		gv_buf_puts(w->out, type->fields[i].json_name);
		gv_buf_puts(w->out, "\":");
		first = false;
		int e = write_field(w, &type->fields[i], s, i);
		if (e < 0)
			return e;
	}
	return gv_buf_putc(w->out, '}');
}

static int write_message(struct writer *w, const struct gv_type *type, struct gv_wire in)
{
	enum gv_json_free what = gv_json_free(type);
	if (what != GV_JSON_NOT_FREE)
		return gv_json_free_write(what, in.at, (size_t)(in.end - in.at), w->depth, w->out);
	if (w->depth == GV_JSON_DEPTH_MAX)
		return -EBADMSG;
	struct sorted s = { 0 };
	w->depth++;
	int e = sort_fields(type, in, &s);
	if (e == 0)
		e = write_fields(w, type, &s);
	w->depth--;
	sorted_fini(&s);
	return e;
}

int gv_json_write(const struct gv_type *type, const uint8_t *packed, size_t size, unsigned flags, struct gv_buf *out)
{
	struct writer w = { .flags = flags, .out = out };
	size_t before = out->size;
	int e = out->error ? out->error : write_message(&w, type, gv_wire_over(packed, size));
	if (e == 0)
		e = out->error;
	if (e < 0)
		out->size = before;
	return e;
}
