/* Builds run-time types from a FileDescriptorSet. Two passes: first every message and enum gets its name and address,
 * then fields are filled in, so that types may refer to each other in any order. What has a name that is there already
 * is left as it is. */
#include <lib/schema_build.h>

#include <errno.h>
#include <galvan/options.pb-c.h>
#include <lib/wire.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEST_MAX 16    /* messages within messages */
#define RULE_TAG 51000 /* galvan.field and galvan.method */

typedef Google__Protobuf__FileDescriptorSet Set;
typedef Google__Protobuf__FileDescriptorProto File;
typedef Google__Protobuf__DescriptorProto Message;
typedef Google__Protobuf__EnumDescriptorProto Enum;
typedef Google__Protobuf__FieldDescriptorProto Field;
typedef Google__Protobuf__ServiceDescriptorProto Service;
typedef Google__Protobuf__SourceCodeInfo__Location Location;

/* One set at work. */
struct build {
	struct gv_schema *s;
	size_t old_types, old_enums; /* how many there were before */
	const File *file;
	const Location **comments; /* of this file, those with a text */
	size_t n_comments;
	int32_t path[2 * NEST_MAX + 4];
	size_t path_size;
};

static const char *keep(struct gv_schema *s, const char *text)
{
	if (!text || !*text)
		return "";
	size_t size = strlen(text) + 1;
	char *copy = gv_schema_alloc(s, size);
	return copy ? memcpy(copy, text, size) : NULL;
}

/* ---- comments -------------------------------------------------------------------------------- */

/* Copies text without the blank that follows "//" on each line and without blank ends. */
static char *add_comment(char *to, const char *text)
{
	char *start = to;
	while (*text) {
		if (*text == ' ')
			text++;
		size_t n = strcspn(text, "\n");
		memcpy(to, text, n);
		to += n;
		text += n;
		while (to > start && (to[-1] == ' ' || to[-1] == '\r'))
			to--;
		if (*text == '\n') {
			*to++ = '\n';
			text++;
		}
	}
	while (to > start && to[-1] == '\n')
		to--;
	return to;
}

/* The comment at b->path, "" where there is none, NULL when out of memory. */
static const char *comment(struct build *b)
{
	for (size_t i = 0; i < b->n_comments; i++) {
		const Location *l = b->comments[i];
		if (l->n_path != b->path_size || memcmp(l->path, b->path, b->path_size * sizeof *b->path))
			continue;
		const char *leading = l->leading_comments ? l->leading_comments : "";
		const char *trailing = l->trailing_comments ? l->trailing_comments : "";
		char *text = gv_schema_alloc(b->s, strlen(leading) + strlen(trailing) + 2);
		if (!text)
			return NULL;
		char *end = add_comment(text, leading);
		if (end > text && *trailing)
			*end++ = '\n';
		*add_comment(end, trailing) = '\0';
		return text;
	}
	return "";
}

static void enter(struct build *b, int32_t what, size_t index)
{
	b->path[b->path_size++] = what;
	b->path[b->path_size++] = (int32_t)index;
}

static void leave(struct build *b)
{
	b->path_size -= 2;
}

/* Collects the file's comments in b->comments (the caller frees). */
static int collect_comments(struct build *b)
{
	const Google__Protobuf__SourceCodeInfo *info = b->file->source_code_info;
	b->n_comments = 0;
	b->comments = NULL;
	if (!info || info->n_location == 0)
		return 0;
	b->comments = malloc(info->n_location * sizeof(Location *));
	if (!b->comments)
		return -ENOMEM;
	for (size_t i = 0; i < info->n_location; i++)
		if (info->location[i]->leading_comments || info->location[i]->trailing_comments)
			b->comments[b->n_comments++] = info->location[i];
	return 0;
}

/* ---- pass 1: names --------------------------------------------------------------------------- */

static const char *full_name(struct gv_schema *s, const char *scope, const char *name)
{
	if (!*scope)
		return keep(s, name);
	size_t size = strlen(scope) + strlen(name) + 2;
	char *full = gv_schema_alloc(s, size);
	if (full)
		snprintf(full, size, "%s.%s", scope, name);
	return full;
}

static int declare_enum(struct build *b, const char *scope, const Enum *d)
{
	if (!d->name || !*d->name)
		return -EBADMSG;
	const char *name = full_name(b->s, scope, d->name);
	if (!name)
		return -ENOMEM;
	if (gv_schema_find(&b->s->enums, name))
		return 0;
	struct gv_enum *e = gv_schema_alloc(b->s, sizeof *e);
	if (!e)
		return -ENOMEM;
	e->name = name;
	return gv_schema_list_add(&b->s->enums, e);
}

static int declare_message(struct build *b, const char *scope, const Message *d, unsigned depth)
{
	if (!d->name || !*d->name || depth == NEST_MAX)
		return -EBADMSG;
	const char *name = full_name(b->s, scope, d->name);
	if (!name)
		return -ENOMEM;
	if (!gv_schema_find(&b->s->types, name)) {
		struct gv_type *t = gv_schema_alloc(b->s, sizeof *t);
		if (!t)
			return -ENOMEM;
		t->name = name;
		t->map_entry = d->options && d->options->map_entry;
		int r = gv_schema_list_add(&b->s->types, t);
		if (r < 0)
			return r;
	}
	int r = 0;
	for (size_t i = 0; r == 0 && i < d->n_enum_type; i++)
		r = declare_enum(b, name, d->enum_type[i]);
	for (size_t i = 0; r == 0 && i < d->n_nested_type; i++)
		r = declare_message(b, name, d->nested_type[i], depth + 1);
	return r;
}

/* ---- pass 2: contents ------------------------------------------------------------------------ */

/* Was this item added by the gv_schema_add at work and not yet filled in? */
static bool is_new(const struct gv_schema_list *l, size_t old, const void *item)
{
	for (size_t i = old; i < l->count; i++)
		if (l->items[i] == item)
			return true;
	return false;
}

/* The bytes of an option: protobuf-c keeps unknown fields with their length prefix. */
static bool find_option(const ProtobufCMessage *options, struct gv_wire *ret)
{
	bool found = false;
	for (unsigned i = 0; i < options->n_unknown_fields; i++) {
		const ProtobufCMessageUnknownField *f = &options->unknown_fields[i];
		struct gv_wire w = gv_wire_over(f->data, f->len);
		uint64_t size;
		if (f->tag != RULE_TAG || f->wire_type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
			continue;
		if (gv_wire_varint(&w, &size) != 1 || size != (size_t)(w.end - w.at))
			continue;
		*ret = w;
		found = true;
	}
	return found;
}

static int fill_rule(struct build *b, const Field *d, struct gv_field *f)
{
	struct gv_wire bytes = { 0 };
	f->unit = f->min = f->max = f->default_value = f->one_of = f->needs = "";
	if (!d->options || !find_option(&d->options->base, &bytes))
		return 0;
	Gv__FieldRule *rule = gv__field_rule__unpack(NULL, (size_t)(bytes.end - bytes.at), bytes.at);
	if (!rule)
		return -EBADMSG;
	f->key = rule->key;
	f->secret = rule->secret;
	f->required = rule->required;
	f->plugin = rule->plugin;
	f->unit = keep(b->s, rule->unit);
	f->min = keep(b->s, rule->min);
	f->max = keep(b->s, rule->max);
	f->default_value = keep(b->s, rule->default_);
	f->one_of = keep(b->s, rule->one_of);
	f->needs = keep(b->s, rule->needs);
	gv__field_rule__free_unpacked(rule, NULL);
	return f->unit && f->min && f->max && f->default_value && f->one_of && f->needs ? 0 : -ENOMEM;
}

/* protoc gives it; sets made by other tools may not. */
static const char *json_name(struct gv_schema *s, const Field *d)
{
	if (d->json_name && *d->json_name)
		return keep(s, d->json_name);
	char *to = gv_schema_alloc(s, strlen(d->name) + 1);
	if (!to)
		return NULL;
	char *at = to;
	for (const char *from = d->name; *from; from++) {
		if (*from == '_' && from[1]) {
			char c = *++from;
			*at++ = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
		} else {
			*at++ = *from;
		}
	}
	return to;
}

/* What a field or method refers to is always written in full, with a leading dot. */
static void *resolve(const struct gv_schema_list *l, const char *name)
{
	return name && *name == '.' ? gv_schema_find(l, name + 1) : NULL;
}

static int fill_field(struct build *b, const Message *m, const Field *d, struct gv_field *f)
{
	if (!d->name || !*d->name || d->number < 1 || (uint32_t)d->number > GV_WIRE_NUMBER_MAX ||
	    (int)d->type < GV_KIND_DOUBLE || (int)d->type > GV_KIND_SINT64)
		return -EBADMSG;
	f->name = keep(b->s, d->name);
	f->json_name = json_name(b->s, d);
	f->comment = comment(b);
	f->number = (uint32_t)d->number;
	f->kind = (enum gv_kind)d->type;
	f->repeated = d->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED;
	if (!f->name || !f->json_name || !f->comment)
		return -ENOMEM;
	if (f->kind == GV_KIND_MESSAGE || f->kind == GV_KIND_GROUP) {
		f->type = resolve(&b->s->types, d->type_name);
		if (!f->type)
			return -EBADMSG;
		f->map = f->repeated && f->type->map_entry;
	} else if (f->kind == GV_KIND_ENUM) {
		f->enum_type = resolve(&b->s->enums, d->type_name);
		if (!f->enum_type)
			return -EBADMSG;
	}
	if (d->has_oneof_index) {
		if (d->oneof_index < 0 || (size_t)d->oneof_index >= m->n_oneof_decl ||
		    !m->oneof_decl[d->oneof_index]->name)
			return -EBADMSG;
		f->oneof = keep(b->s, m->oneof_decl[d->oneof_index]->name);
		if (!f->oneof)
			return -ENOMEM;
	}
	return fill_rule(b, d, f);
}

static bool is_map_entry(const struct gv_type *t)
{
	return t->n_fields == 2 && t->fields[0].number == 1 && t->fields[1].number == 2 && !t->fields[0].repeated &&
	       !t->fields[1].repeated && t->fields[0].kind != GV_KIND_MESSAGE && t->fields[0].kind != GV_KIND_GROUP &&
	       t->fields[0].kind != GV_KIND_BYTES && t->fields[0].kind != GV_KIND_ENUM &&
	       t->fields[0].kind != GV_KIND_DOUBLE && t->fields[0].kind != GV_KIND_FLOAT;
}

static int fill_type(struct build *b, const Message *d, struct gv_type *t)
{
	struct gv_field *fields = gv_schema_alloc(b->s, d->n_field * sizeof *fields);
	t->comment = comment(b);
	if (!fields || !t->comment)
		return -ENOMEM;
	for (size_t i = 0; i < d->n_field; i++) {
		enter(b, 2, i);
		int r = fill_field(b, d, d->field[i], &fields[i]);
		leave(b);
		if (r < 0)
			return r;
		for (size_t j = 0; j < i; j++)
			if (fields[j].number == fields[i].number)
				return -EBADMSG;
	}
	t->fields = fields;
	t->n_fields = d->n_field;
	return t->map_entry && !is_map_entry(t) ? -EBADMSG : 0;
}

static int fill_enum(struct build *b, const char *scope, const Enum *d)
{
	const char *name = full_name(b->s, scope, d->name);
	struct gv_enum *e = name ? gv_schema_find(&b->s->enums, name) : NULL;
	if (!e)
		return -ENOMEM;
	if (e->values || !is_new(&b->s->enums, b->old_enums, e))
		return 0;
	struct gv_enum_value *values = gv_schema_alloc(b->s, (d->n_value + 1) * sizeof *values);
	e->comment = comment(b);
	if (!values || !e->comment)
		return -ENOMEM;
	for (size_t i = 0; i < d->n_value; i++) {
		if (!d->value[i]->name || !*d->value[i]->name)
			return -EBADMSG;
		enter(b, 2, i);
		values[i].name = keep(b->s, d->value[i]->name);
		values[i].number = d->value[i]->number;
		values[i].comment = comment(b);
		leave(b);
		if (!values[i].name || !values[i].comment)
			return -ENOMEM;
	}
	e->values = values;
	e->n_values = d->n_value;
	return 0;
}

static int fill_message(struct build *b, const char *scope, const Message *d)
{
	const char *name = full_name(b->s, scope, d->name);
	struct gv_type *t = name ? gv_schema_find(&b->s->types, name) : NULL;
	if (!t)
		return -ENOMEM;
	int r = 0;
	if (!t->fields && is_new(&b->s->types, b->old_types, t))
		r = fill_type(b, d, t);
	for (size_t i = 0; r == 0 && i < d->n_enum_type; i++) {
		enter(b, 4, i);
		r = fill_enum(b, name, d->enum_type[i]);
		leave(b);
	}
	for (size_t i = 0; r == 0 && i < d->n_nested_type; i++) {
		enter(b, 3, i);
		r = fill_message(b, name, d->nested_type[i]);
		leave(b);
	}
	return r;
}

static int fill_method(struct build *b, const Google__Protobuf__MethodDescriptorProto *d, struct gv_rpc *m)
{
	if (!d->name || !*d->name)
		return -EBADMSG;
	m->name = keep(b->s, d->name);
	m->comment = comment(b);
	m->input = resolve(&b->s->types, d->input_type);
	m->output = resolve(&b->s->types, d->output_type);
	m->role = "operator";
	if (!m->name || !m->comment)
		return -ENOMEM;
	if (!m->input || !m->output)
		return -EBADMSG;
	struct gv_wire bytes;
	if (!d->options || !find_option(&d->options->base, &bytes))
		return 0;
	Gv__MethodRule *rule = gv__method_rule__unpack(NULL, (size_t)(bytes.end - bytes.at), bytes.at);
	if (!rule)
		return -EBADMSG;
	if (*rule->role)
		m->role = keep(b->s, rule->role);
	gv__method_rule__free_unpacked(rule, NULL);
	return m->role ? 0 : -ENOMEM;
}

static int add_service(struct build *b, const char *package, const Service *d)
{
	if (!d->name || !*d->name)
		return -EBADMSG;
	const char *name = full_name(b->s, package, d->name);
	if (!name)
		return -ENOMEM;
	if (gv_schema_find(&b->s->services, name))
		return 0;
	struct gv_service_type *s = gv_schema_alloc(b->s, sizeof *s);
	struct gv_rpc *methods = gv_schema_alloc(b->s, d->n_method * sizeof *methods);
	if (!s || !methods)
		return -ENOMEM;
	s->name = name;
	s->comment = comment(b);
	if (!s->comment)
		return -ENOMEM;
	for (size_t i = 0; i < d->n_method; i++) {
		enter(b, 2, i);
		int r = fill_method(b, d->method[i], &methods[i]);
		leave(b);
		if (r < 0)
			return r;
	}
	s->methods = methods;
	s->n_methods = d->n_method;
	return gv_schema_list_add(&b->s->services, s);
}

static int fill_file(struct build *b)
{
	const File *f = b->file;
	const char *package = f->package ? f->package : "";
	int r = collect_comments(b);
	for (size_t i = 0; r == 0 && i < f->n_enum_type; i++) {
		enter(b, 5, i);
		r = fill_enum(b, package, f->enum_type[i]);
		leave(b);
	}
	for (size_t i = 0; r == 0 && i < f->n_message_type; i++) {
		enter(b, 4, i);
		r = fill_message(b, package, f->message_type[i]);
		leave(b);
	}
	for (size_t i = 0; r == 0 && i < f->n_service; i++) {
		enter(b, 6, i);
		r = add_service(b, package, f->service[i]);
		leave(b);
	}
	free(b->comments);
	b->comments = NULL;
	return r;
}

int gv_schema_build(struct gv_schema *s, const Set *set)
{
	struct build at_work = { .s = s, .old_types = s->types.count, .old_enums = s->enums.count }, *b = &at_work;
	int r = 0;
	for (size_t i = 0; r == 0 && i < set->n_file; i++) {
		const File *f = set->file[i];
		const char *package = f->package ? f->package : "";
		for (size_t j = 0; r == 0 && j < f->n_enum_type; j++)
			r = declare_enum(b, package, f->enum_type[j]);
		for (size_t j = 0; r == 0 && j < f->n_message_type; j++)
			r = declare_message(b, package, f->message_type[j], 0);
	}
	for (size_t i = 0; r == 0 && i < set->n_file; i++) {
		b->file = set->file[i];
		r = fill_file(b);
	}
	return r;
}
