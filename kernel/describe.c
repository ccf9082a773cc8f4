/* A record is checked once, here, in the child that reads it: names, lists that end, descriptors that are descriptors,
 * types that the plugin's own schema knows. Everything behind may then take the Record message at its word. */
#include "describe.h"
#include "text.h"

#include <galvan/driver.h>

#include <galvan/kernel.pb-c.h>
#include <lib/schema.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct list {
	char *items[GV_RECORD_LIST_MAX];
	size_t count;
};

struct builder {
	const struct gv_plugin *p;
	struct gv_schema *schema;
	struct list serves, hears, emits, calls, notes, listens;
	Kernel__Table tables[GV_RECORD_LIST_MAX];
	Kernel__Table *table_pointers[GV_RECORD_LIST_MAX];
	size_t n_tables;
	char **ret_error;
};

static bool is_name(const char *s)
{
	size_t n = 0;

	if (!s || !(*s >= 'a' && *s <= 'z'))
		return false;
	for (; s[n]; n++)
		if (!((s[n] >= 'a' && s[n] <= 'z') || (s[n] >= '0' && s[n] <= '9') || s[n] == '_'))
			return false;
	return n <= GV_RECORD_NAME_MAX;
}

static int add(struct builder *b, struct list *l, const char *what, const char *name)
{
	if (l->count >= GV_RECORD_LIST_MAX)
		return gv_text_error(b->ret_error, -EINVAL,
				     "the list `%s` of its record has more than %d entries or does not end with an "
				     "empty one",
				     what, GV_RECORD_LIST_MAX);
	for (size_t i = 0; i < l->count; i++)
		if (strcmp(l->items[i], name) == 0)
			return gv_text_error(b->ret_error, -EINVAL, "the list `%s` of its record names %s twice", what,
					     name);
	l->items[l->count++] = (char *)name;
	return 0;
}

static int add_type(struct builder *b, struct list *l, const char *what, const ProtobufCMessageDescriptor *d, bool own)
{
	if (d->magic != PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC)
		return gv_text_error(b->ret_error, -EINVAL,
				     "entry %zu of the list `%s` of its record is no message descriptor", l->count,
				     what);
	if (own && !gv_schema_type(b->schema, d->name))
		return gv_text_error(b->ret_error, -EINVAL,
				     "its schema_set does not hold the type %s of the list `%s` (generate it with "
				     "gv-proto)",
				     d->name, what);
	return add(b, l, what, d->name);
}

static int add_service(struct builder *b, struct list *l, const char *what, const ProtobufCServiceDescriptor *d,
		       bool own)
{
	if (d->magic != PROTOBUF_C__SERVICE_DESCRIPTOR_MAGIC)
		return gv_text_error(b->ret_error, -EINVAL,
				     "entry %zu of the list `%s` of its record is no service descriptor", l->count,
				     what);
	if (own && !gv_schema_service(b->schema, d->name))
		return gv_text_error(b->ret_error, -EINVAL,
				     "its schema_set does not hold the service %s (generate it with gv-proto)",
				     d->name);
	return add(b, l, what, d->name);
}

static int check_methods(struct builder *b, const struct gv_service *s)
{
	size_t count = 0;

	for (const struct gv_method *m = s->methods; m && m->name; m++, count++) {
		if (count >= GV_RECORD_LIST_MAX)
			return gv_text_error(b->ret_error, -EINVAL,
					     "the methods of its service %s do not end with an empty entry",
					     s->type->name);
		if (!protobuf_c_service_descriptor_get_method_by_name(s->type, m->name))
			return gv_text_error(b->ret_error, -EINVAL,
					     "its record implements %s/%s, which the service does not have",
					     s->type->name, m->name);
	}
	return 0;
}

static int add_services(struct builder *b)
{
	int rc = 0;

	for (const struct gv_service *s = b->p->serves; rc == 0 && s && s->type; s++) {
		rc = add_service(b, &b->serves, "serves", s->type, true);
		if (rc == 0)
			rc = check_methods(b, s);
	}
	for (const ProtobufCServiceDescriptor *const *c = b->p->calls; rc == 0 && c && *c; c++)
		rc = add_service(b, &b->calls, "calls", *c, false);
	if (rc == 0 && b->p->calls_any)
		rc = add(b, &b->calls, "calls", "*");
	return rc;
}

static int add_types(struct builder *b)
{
	int rc = 0;

	for (const struct gv_hears *h = b->p->hears; rc == 0 && h && h->type; h++) {
		rc = add_type(b, &b->hears, "hears", h->type, false);
		if (rc == 0 && !h->on)
			rc = gv_text_error(b->ret_error, -EINVAL, "its record hears %s without a handler",
					   h->type->name);
	}
	if (rc == 0 && b->p->hears_any)
		rc = add(b, &b->hears, "hears", "*");
	for (const struct gv_emits *e = b->p->emits; rc == 0 && e && e->type; e++)
		rc = add_type(b, &b->emits, "emits", e->type, true);
	for (const ProtobufCMessageDescriptor *const *n = b->p->notes; rc == 0 && n && *n; n++)
		rc = add_type(b, &b->notes, "notes", *n, false);
	for (const char *const *path = b->p->listens; rc == 0 && path && *path; path++)
		rc = **path == '/'
			     ? add(b, &b->listens, "listens", *path)
			     : gv_text_error(
				       b->ret_error, -EINVAL,
				       "the path \"%s\" of the list `listens` of its record does not begin with '/'",
				       *path);
	return rc;
}

static int add_table(struct builder *b, const struct gv_table *t)
{
	Kernel__Table *out = &b->tables[b->n_tables];

	if (b->n_tables >= GV_RECORD_LIST_MAX)
		return gv_text_error(b->ret_error, -EINVAL,
				     "the list `tables` of its record has more than %d entries or does not end with "
				     "an empty one",
				     GV_RECORD_LIST_MAX);
	if (!is_name(t->name))
		return gv_text_error(b->ret_error, -EINVAL,
				     "table %zu of its record has no name of lower-case letters, digits and '_' (at "
				     "most %d)",
				     b->n_tables, GV_RECORD_NAME_MAX);
	if (!t->key || !*t->key || strlen(t->key) > GV_KEY_PARTS || strspn(t->key, "siu") != strlen(t->key))
		return gv_text_error(b->ret_error, -EINVAL,
				     "table %s of its record has no key of 1 to %d kinds 's', 'i', 'u'", t->name,
				     GV_KEY_PARTS);
	if (!t->value || t->value->magic != PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC)
		return gv_text_error(b->ret_error, -EINVAL,
				     "table %s of its record has no message descriptor for its rows", t->name);
	for (size_t i = 0; i < b->n_tables; i++)
		if (strcmp(b->tables[i].name, t->name) == 0)
			return gv_text_error(b->ret_error, -EINVAL, "its record has two tables named %s", t->name);
	kernel__table__init(out);
	out->name = (char *)t->name;
	out->key = (char *)t->key;
	out->type = (char *)t->value->name;
	b->table_pointers[b->n_tables++] = out;
	return 0;
}

static int check_head(struct builder *b)
{
	const struct gv_plugin *p = b->p;

	if (!is_name(p->name))
		return gv_text_error(b->ret_error, -EINVAL,
				     "its record has no name of lower-case letters, digits and '_' (at most %d)",
				     GV_RECORD_NAME_MAX);
	if (!p->version || !*p->version)
		return gv_text_error(b->ret_error, -EINVAL, "its record has no version");
	if (p->schema_set.size > GV_RECORD_SCHEMA_MAX || (p->schema_set.size > 0 && !p->schema_set.data))
		return gv_text_error(b->ret_error, -EINVAL, "its schema_set is larger than %u bytes",
				     GV_RECORD_SCHEMA_MAX);
	if (p->schema_set.size > 0 && gv_schema_add(b->schema, p->schema_set.data, p->schema_set.size) < 0)
		return gv_text_error(b->ret_error, -EINVAL,
				     "its schema_set is no FileDescriptorSet (generate it with gv-proto)");
	if (p->config && p->config->magic != PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC)
		return gv_text_error(b->ret_error, -EINVAL, "the config of its record is no message descriptor");
	if (p->config && !gv_schema_type(b->schema, p->config->name))
		return gv_text_error(b->ret_error, -EINVAL,
				     "its schema_set does not hold the config's type %s (generate it with gv-proto)",
				     p->config->name);
	if (p->driver && p->driver->size < sizeof(uint32_t))
		return gv_text_error(b->ret_error, -EINVAL, "its driver says it is %u bytes long", p->driver->size);
	return 0;
}

static int pack(struct builder *b, struct gv_buf *out)
{
	const struct gv_plugin *p = b->p;
	Kernel__Record r = KERNEL__RECORD__INIT;

	r.name = (char *)p->name;
	r.version = (char *)p->version;
	r.summary = (char *)(p->summary ? p->summary : "");
	r.config_type = (char *)(p->config ? p->config->name : "");
	r.serves = b->serves.items;
	r.n_serves = b->serves.count;
	r.hears = b->hears.items;
	r.n_hears = b->hears.count;
	r.emits = b->emits.items;
	r.n_emits = b->emits.count;
	r.calls = b->calls.items;
	r.n_calls = b->calls.count;
	r.listens = b->listens.items;
	r.n_listens = b->listens.count;
	r.notes = b->notes.items;
	r.n_notes = b->notes.count;
	r.tables = b->table_pointers;
	r.n_tables = b->n_tables;
	r.schema = p->schema;
	r.driver = p->driver != NULL;
	r.file_descriptor_set.data = (uint8_t *)p->schema_set.data;
	r.file_descriptor_set.len = p->schema_set.size;
	if (gv_buf_reserve(out, kernel__record__get_packed_size(&r)) < 0)
		return -ENOMEM;
	out->size += kernel__record__pack(&r, out->data + out->size);
	return 0;
}

int gv_record_pack(const struct gv_plugin *p, struct gv_buf *out, char **ret_error)
{
	struct builder *b = calloc(1, sizeof *b);
	int rc;

	if (!b)
		return -ENOMEM;
	b->p = p;
	b->ret_error = ret_error;
	rc = gv_schema_create(&b->schema);
	if (rc == 0)
		rc = check_head(b);
	if (rc == 0)
		rc = add_services(b);
	if (rc == 0)
		rc = add_types(b);
	for (const struct gv_table *const *t = p->tables; rc == 0 && t && *t; t++)
		rc = add_table(b, *t);
	if (rc == 0)
		rc = pack(b, out);
	gv_schema_destroy(b->schema);
	free(b);
	return rc;
}
