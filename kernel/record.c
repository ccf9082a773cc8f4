/* What a plugin's record says, checked once, with everything looked up that a turn would otherwise look up each time.
 */
#include "actor_internal.h"
#include "text.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The offsets of a message's key fields (strings marked (galvan.field).key) in its C struct. */
static unsigned key_fields(const struct gv_schema *schema, const ProtobufCMessageDescriptor *d, unsigned *ret,
			   unsigned max)
{
	const struct gv_type *type = gv_schema_type(schema, d->name);
	unsigned n = 0;
	for (size_t i = 0; type && i < type->n_fields && n < max; i++) {
		const ProtobufCFieldDescriptor *f = type->fields[i].key
							    ? protobuf_c_message_descriptor_get_field_by_name(
								      d, type->fields[i].name)
							    : NULL;
		if (f && f->type == PROTOBUF_C_TYPE_STRING && f->label != PROTOBUF_C_LABEL_REPEATED)
			ret[n++] = f->offset;
	}
	return n;
}

static int open_emits(struct gv_actor *a, char **ret_error)
{
	while (a->plugin->emits && a->plugin->emits[a->n_emits].type)
		a->n_emits++;
	if (a->n_emits > GV_MAX_EMITS)
		return gv_text_error(ret_error, -EINVAL, "plugin %s emits more than %d types of event", a->plugin->name,
				     GV_MAX_EMITS);
	a->key_offsets = calloc(a->n_emits + 1, sizeof *a->key_offsets);
	if (!a->key_offsets)
		return -ENOMEM;
	for (unsigned i = 0; i < a->n_emits; i++)
		if (!key_fields(a->schema, a->plugin->emits[i].type, &a->key_offsets[i], 1))
			a->key_offsets[i] = UINT_MAX;
	return 0;
}

static int add_rpc(struct gv_actor *a, const ProtobufCServiceDescriptor *s, const ProtobufCMethodDescriptor *m)
{
	struct rpc *r = &a->rpcs[a->n_rpcs];
	if (asprintf(&r->path, "%s/%s", s->name, m->name) < 0)
		return -ENOMEM;
	a->n_rpcs++;
	r->input = m->input;
	r->output = m->output;
	r->n_keys = key_fields(a->schema, m->input, r->key_offsets, 2);
	return 0;
}

static int open_calls(struct gv_actor *a)
{
	size_t n = 0;
	const ProtobufCServiceDescriptor *const *s;
	for (s = a->plugin->calls; s && *s; s++)
		n += (*s)->n_methods;
	a->rpcs = calloc(n + 1, sizeof *a->rpcs);
	if (!a->rpcs)
		return -ENOMEM;
	for (s = a->plugin->calls; s && *s; s++)
		for (unsigned i = 0; i < (*s)->n_methods; i++)
			if (add_rpc(a, *s, &(*s)->methods[i]) < 0)
				return -ENOMEM;
	return 0;
}

static bool good_shape(const char *shape)
{
	size_t n = shape ? strlen(shape) : 0;
	return n > 0 && n <= GV_KEY_PARTS && strspn(shape, "siu") == n;
}

static size_t count_tables(const struct gv_table *const *list)
{
	size_t n = 0;
	while (list && list[n])
		n++;
	return n;
}

static int open_tables(struct gv_actor *a, char **ret_error)
{
	a->n_tables = count_tables(a->plugin->tables);
	a->n_old_tables = count_tables(a->plugin->old_tables);
	a->tables = calloc(a->n_tables + a->n_old_tables + 1, sizeof *a->tables);
	if (!a->tables)
		return -ENOMEM;
	for (size_t i = 0; i < a->n_tables + a->n_old_tables; i++) {
		const struct gv_table *t = i < a->n_tables ? a->plugin->tables[i]
							   : a->plugin->old_tables[i - a->n_tables];
		a->tables[i].def = t;
		if (!t->name || t->name[0] == '_' || !good_shape(t->key))
			return gv_text_error(
				ret_error, -EINVAL,
				"table \"%s\" of plugin %s needs a name without leading '_' and a key of one to "
				"four of s, i, u",
				t->name ? t->name : "", a->plugin->name);
	}
	return 0;
}

const ProtobufCMessageDescriptor *gv_note_type(const struct gv_actor *a, const char *name)
{
	for (const ProtobufCMessageDescriptor *const *d = a->plugin->notes; d && *d; d++)
		if (!strcmp((*d)->name, name))
			return *d;
	return NULL;
}

int gv_record_open(struct gv_actor *a, char **ret_error)
{
	int r = a->options.schema ? 0 : gv_schema_create(&a->own_schema);
	if (r < 0)
		return r;
	a->schema = a->options.schema ? a->options.schema : a->own_schema;
	if (a->own_schema && a->plugin->schema_set.size) {
		r = gv_schema_add(a->own_schema, a->plugin->schema_set.data, a->plugin->schema_set.size);
		if (r < 0)
			return gv_text_error(
				ret_error, -EINVAL,
				"plugin %s carries no readable FileDescriptorSet: set .schema_set = GV_SCHEMA(name)",
				a->plugin->name);
	}
	r = open_emits(a, ret_error);
	if (r == 0)
		r = open_calls(a);
	return r < 0 ? r : open_tables(a, ret_error);
}
