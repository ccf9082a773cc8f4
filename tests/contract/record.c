/* A plugin's record: complete, consistent with the schema that it carries, and the only thing its file exports. */
#include "contract.h"

#include <stdio.h>
#include <string.h>

void check_symbols(struct contract *c)
{
	char command[1024], line[512];
	unsigned symbols = 0, ours = 0;
	FILE *nm;

	snprintf(command, sizeof command, "nm -D --defined-only '%s'", c->path);
	nm = popen(command, "r");
	must(c, nm, "nm cannot be run");
	while (nm && fgets(line, sizeof line, nm)) {
		const char *name = strrchr(line, ' ');

		line[strcspn(line, "\n")] = 0;
		if (name && !strncmp(name, " __odr_asan", 11)) /* AddressSanitizer's own */
			continue;
		symbols++;
		ours += name && !strcmp(name + 1, "gv_plugin");
		must(c, name && !strcmp(name + 1, "gv_plugin"),
		     "it exports %s; only gv_plugin may be seen from outside", name ? name + 1 : line);
		must(c, strstr(line, " D ") || strstr(line, " R "), "gv_plugin is no data: %s", line);
	}
	must(c, nm && pclose(nm) == 0 && symbols && ours == 1, "it does not export gv_plugin once");
}

static bool named_well(const char *name)
{
	return name && *name && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name) &&
	       strlen(name) < 64;
}

static void check_type(struct contract *c, const ProtobufCMessageDescriptor *d, const char *what)
{
	must(c, d && gv_schema_type(c->schema, d->name), "its schema lacks %s, %s", d ? d->name : "a type", what);
}

static void check_service(struct contract *c, const struct gv_service *s)
{
	must(c, gv_schema_service(c->schema, s->type->name), "its schema lacks the service %s, which it serves",
	     s->type->name);
	for (const struct gv_method *m = s->methods; m && m->name; m++) {
		must(c, protobuf_c_service_descriptor_get_method_by_name(s->type, m->name),
		     "the service %s has no method %s", s->type->name, m->name);
		must(c, m->on, "the method %s/%s has no handler", s->type->name, m->name);
		for (const struct gv_method *other = s->methods; other < m; other++)
			must(c, strcmp(other->name, m->name), "the method %s/%s has two handlers", s->type->name,
			     m->name);
	}
	for (unsigned i = 0; i < s->type->n_methods; i++) {
		bool found = false;

		for (const struct gv_method *m = s->methods; m && m->name; m++)
			found |= !strcmp(m->name, s->type->methods[i].name);
		if (!found)
			printf("%s: note: %s/%s has no handler and is refused as unimplemented\n", c->path,
			       s->type->name, s->type->methods[i].name);
	}
}

static void check_table(struct contract *c, const struct gv_table *t)
{
	must(c, named_well(t->name), "a table is named \"%s\"", t->name ? t->name : "");
	must(c, t->key && *t->key && strlen(t->key) <= GV_KEY_PARTS && strspn(t->key, "siu") == strlen(t->key),
	     "table %s has the key \"%s\"", t->name, t->key ? t->key : "");
	check_type(c, t->value, "the rows of a table");
	for (const struct gv_table *const *other = c->plugin->tables; *other != t; other++)
		must(c, strcmp((*other)->name, t->name), "two tables are named %s", t->name);
}

static void check_emitted(struct contract *c, const struct gv_emits *e)
{
	const struct gv_type *type = gv_schema_type(c->schema, e->type->name);
	bool key = false;

	check_type(c, e->type, "which it emits");
	for (size_t i = 0; type && i < type->n_fields; i++)
		key |= type->fields[i].key;
	must(c, key, "the event %s has no field marked (galvan.field).key: its order would be nobody's", e->type->name);
	for (const struct gv_emits *other = c->plugin->emits; other < e; other++)
		must(c, other->type != e->type, "it emits %s twice", e->type->name);
}

void check_record(struct contract *c)
{
	const struct gv_plugin *p = c->plugin;

	must(c,
	     p->magic == GV_ABI_MAGIC && p->abi_major == GV_ABI_MAJOR && p->abi_minor <= GV_ABI_MINOR &&
		     p->size == sizeof *p,
	     "its stamp is wrong");
	must(c, named_well(p->name), "its name is \"%s\"", p->name ? p->name : "");
	must(c, p->version && *p->version, "it has no version");
	must(c, p->summary && *p->summary, "it has no summary");
	must(c, p->schema >= 1, "its schema version is %u; they count from 1", p->schema);
	must(c, p->schema == 1 || p->migrate, "its schema version is %u and it has no migrate", p->schema);
	must(c, p->self_size < 16 << 20, "its self takes %zu bytes", p->self_size);
	must(c, p->schema_set.size, "it carries no schema");
	if (p->config)
		check_type(c, p->config, "its config");
	for (const struct gv_service *s = p->serves; s && s->type; s++)
		check_service(c, s);
	for (const struct gv_hears *h = p->hears; h && h->type; h++) {
		must(c, h->on, "it hears %s and has no handler", h->type->name);
	}
	for (const struct gv_emits *e = p->emits; e && e->type; e++)
		check_emitted(c, e);
	for (const struct gv_table *const *t = p->tables; t && *t; t++)
		check_table(c, *t);
	for (const ProtobufCMessageDescriptor *const *n = p->notes; n && *n; n++)
		check_type(c, *n, "a note");
	must(c, !p->notes || !*p->notes || p->on_answer || p->on_timer,
	     "it has notes and neither on_answer nor on_timer");
	must(c, !p->driver || p->driver->size <= sizeof *p->driver, "its driver record is larger than this host's");
}
