/* `galvan describe`: what a node's plugins serve, emit, hear, keep and take as config, read from the schemas that they
 * carry. */
#include "cli_command.h"

#include <lib/json.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_COLUMN 44
#define DEPTH_MAX 8

static const char *kind_name(const struct gv_field *f)
{
	static const char *const names[] = { "",        "double",   "float",    "int64",  "uint64",  "int32", "fixed64",
					     "fixed32", "bool",     "string",   "group",  "message", "bytes", "uint32",
					     "enum",    "sfixed32", "sfixed64", "sint32", "sint64" };

	if (f->kind == GV_KIND_MESSAGE && f->type)
		return f->type->name;
	if (f->kind == GV_KIND_ENUM && f->enum_type)
		return f->enum_type->name;
	return f->kind < sizeof names / sizeof names[0] ? names[f->kind] : "";
}

/* ---- text ------------------------------------------------------------------------------------ */

/* A comment may have several lines: each gets the indentation. */
static void print_comment(int indent, const char *comment)
{
	while (*comment) {
		size_t n = strcspn(comment, "\n");
		size_t blank = strspn(comment, " ");

		if (n > blank)
			printf("%*s# %.*s\n", indent, "", (int)(n - blank), comment + blank);
		comment += n + (comment[n] == '\n');
	}
}

static bool has_rules(const struct gv_field *f)
{
	return f->required || f->key || f->secret || f->unit[0] || f->min[0] || f->max[0] || f->default_value[0] ||
	       f->one_of[0] || f->enum_type;
}

static void print_rules(const struct gv_field *f)
{
	if (f->required)
		printf(" required");
	if (f->key)
		printf(" key");
	if (f->secret)
		printf(" secret");
	if (f->unit[0])
		printf(" in %s", f->unit);
	if (f->min[0] || f->max[0])
		printf(" %s..%s", f->min, f->max);
	if (f->default_value[0])
		printf(" default %s", f->default_value);
	if (f->one_of[0])
		printf(" one of %s", f->one_of);
	if (f->enum_type) {
		printf(" one of ");
		for (size_t i = 0; i < f->enum_type->n_values; i++)
			printf("%s%s", i ? "|" : "", f->enum_type->values[i].name);
	}
}

static void print_fields(const struct gv_type *type, int indent, bool json_names, bool nested, int depth)
{
	for (size_t i = 0; i < type->n_fields; i++) {
		const struct gv_field *f = &type->fields[i];
		bool inner = nested && f->kind == GV_KIND_MESSAGE && f->type && !f->map && depth < DEPTH_MAX;
		int width;

		print_comment(indent, f->comment);
		width = printf("%*s%s: ", indent, "", json_names ? f->json_name : f->name);
		if (f->map)
			width += printf("map<%s, %s>", kind_name(&f->type->fields[0]), kind_name(&f->type->fields[1]));
		else
			width += printf("%s%s", f->repeated ? "list of " : "", kind_name(f));
		if (has_rules(f)) {
			printf("%*s", width < LINE_COLUMN ? LINE_COLUMN - width : 1, "");
			print_rules(f);
		}
		putchar('\n');
		if (inner)
			print_fields(f->type, indent + 2, json_names, nested, depth + 1);
	}
}

static void print_service(const struct gv_service_type *service)
{
	printf("  service %s\n", service->name);
	print_comment(4, service->comment);
	for (size_t i = 0; i < service->n_methods; i++) {
		const struct gv_rpc *m = &service->methods[i];

		print_comment(4, m->comment);
		printf("    %s/%s   (role %s)\n", service->name, m->name, m->role);
		print_fields(m->input, 8, true, false, 0);
		printf("      -> %s\n", m->output->name);
		print_fields(m->output, 8, true, false, 0);
	}
}

static void print_names(const char *label, char *const *names, size_t count)
{
	if (!count)
		return;
	printf("  %s", label);
	for (size_t i = 0; i < count; i++)
		printf("%s %s", i ? "," : "", names[i]);
	putchar('\n');
}

static void print_record(const struct gv_cli *cli, const Kernel__Record *record)
{
	const struct gv_type *config = record->config_type[0] ? gv_schema_type(cli->schema, record->config_type) : NULL;

	printf("plugin %s %s%s\n", record->name, record->version, record->driver ? " (driver)" : "");
	print_comment(2, record->summary);
	for (size_t i = 0; i < record->n_serves; i++) {
		const struct gv_service_type *service = gv_schema_service(cli->schema, record->serves[i]);

		if (service)
			print_service(service);
	}
	for (size_t i = 0; i < record->n_emits; i++) {
		const struct gv_type *type = gv_schema_type(cli->schema, record->emits[i]);

		printf("  emits %s\n", record->emits[i]);
		if (type) {
			print_comment(4, type->comment);
			print_fields(type, 4, true, false, 0);
		}
	}
	print_names("hears", record->hears, record->n_hears);
	print_names("calls", record->calls, record->n_calls);
	for (size_t i = 0; i < record->n_tables; i++)
		printf("  table %s (key %s): %s\n", record->tables[i]->name, record->tables[i]->key,
		       record->tables[i]->type);
	if (config && config->n_fields) {
		printf("  config\n");
		print_fields(config, 4, false, true, 0);
	}
	putchar('\n');
}

/* ---- JSON ------------------------------------------------------------------------------------ */

/* The comma, unless it is the first of its list or object. */
static void json_next(struct gv_buf *out)
{
	if (out->size && !strchr("{[", out->data[out->size - 1]))
		gv_buf_putc(out, ',');
}

static void json_text(struct gv_buf *out, const char *name, const char *value)
{
	json_next(out);
	gv_json_string(out, name, strlen(name));
	gv_buf_putc(out, ':');
	gv_json_string(out, value, strlen(value));
}

static void json_open(struct gv_buf *out)
{
	json_next(out);
	gv_buf_putc(out, '{');
}

static void json_names(struct gv_buf *out, const char *name, char *const *values, size_t count)
{
	gv_buf_printf(out, ",\"%s\":[", name);
	for (size_t i = 0; i < count; i++) {
		json_next(out);
		gv_json_string(out, values[i], strlen(values[i]));
	}
	gv_buf_putc(out, ']');
}

static void json_field(struct gv_buf *out, const struct gv_field *f)
{
	static const char yes[] = "true", no[] = "false";

	json_open(out);
	json_text(out, "name", f->json_name);
	json_text(out, "protoName", f->name);
	json_text(out, "type", kind_name(f));
	gv_buf_printf(out, ",\"repeated\":%s,\"map\":%s,\"required\":%s,\"key\":%s,\"secret\":%s",
		      f->repeated ? yes : no, f->map ? yes : no, f->required ? yes : no, f->key ? yes : no,
		      f->secret ? yes : no);
	json_text(out, "unit", f->unit);
	json_text(out, "min", f->min);
	json_text(out, "max", f->max);
	json_text(out, "default", f->default_value);
	json_text(out, "oneOf", f->one_of);
	json_text(out, "comment", f->comment);
	gv_buf_putc(out, '}');
}

static void json_service(struct gv_buf *out, const struct gv_service_type *service)
{
	json_open(out);
	json_text(out, "name", service->name);
	json_text(out, "comment", service->comment);
	gv_buf_puts(out, ",\"methods\":[");
	for (size_t i = 0; i < service->n_methods; i++) {
		const struct gv_rpc *m = &service->methods[i];

		json_open(out);
		json_text(out, "name", m->name);
		json_text(out, "comment", m->comment);
		json_text(out, "role", m->role);
		json_text(out, "input", m->input->name);
		json_text(out, "output", m->output->name);
		gv_buf_putc(out, '}');
	}
	gv_buf_puts(out, "]}");
}

static void json_record(struct gv_buf *out, const struct gv_cli *cli, const Kernel__Record *record)
{
	json_open(out);
	json_text(out, "name", record->name);
	json_text(out, "version", record->version);
	json_text(out, "summary", record->summary);
	json_text(out, "configType", record->config_type);
	gv_buf_printf(out, ",\"driver\":%s,\"schema\":%u", record->driver ? "true" : "false", record->schema);
	json_names(out, "emits", record->emits, record->n_emits);
	json_names(out, "hears", record->hears, record->n_hears);
	json_names(out, "calls", record->calls, record->n_calls);
	gv_buf_puts(out, ",\"services\":[");
	for (size_t i = 0; i < record->n_serves; i++) {
		const struct gv_service_type *service = gv_schema_service(cli->schema, record->serves[i]);

		if (service)
			json_service(out, service);
	}
	gv_buf_puts(out, "],\"tables\":[");
	for (size_t i = 0; i < record->n_tables; i++) {
		json_open(out);
		json_text(out, "name", record->tables[i]->name);
		json_text(out, "key", record->tables[i]->key);
		json_text(out, "type", record->tables[i]->type);
		gv_buf_putc(out, '}');
	}
	gv_buf_puts(out, "]}");
}

static void json_types(struct gv_buf *out, const struct gv_schema *schema)
{
	const struct gv_type *type;

	for (size_t i = 0; (type = gv_schema_type_at(schema, i)); i++) {
		if (type->map_entry || !strncmp(type->name, "google.protobuf.", 16))
			continue;
		json_open(out);
		json_text(out, "name", type->name);
		json_text(out, "comment", type->comment);
		gv_buf_puts(out, ",\"fields\":[");
		for (size_t j = 0; j < type->n_fields; j++)
			json_field(out, &type->fields[j]);
		gv_buf_puts(out, "]}");
	}
}

static int print_json(const struct gv_cli *cli)
{
	struct gv_buf out = { 0 };

	gv_buf_puts(&out, "{\"plugins\":[");
	for (size_t i = 0; i < cli->records->n_plugins; i++)
		json_record(&out, cli, cli->records->plugins[i]);
	gv_buf_puts(&out, "],\"types\":[");
	json_types(&out, cli->schema);
	gv_buf_puts(&out, "]}");
	if (out.error) {
		gv_buf_fini(&out);
		return gv_cli_fail(GV_CLI_REFUSED, "out of memory");
	}
	puts(gv_buf_str(&out));
	gv_buf_fini(&out);
	return GV_CLI_OK;
}

/* ---- the command ----------------------------------------------------------------------------- */

/* A name is a plugin's, a service's or a message's. */
static int print_named(const struct gv_cli *cli, const char *name)
{
	const struct gv_service_type *service = gv_schema_service(cli->schema, name);
	const struct gv_type *type = gv_schema_type(cli->schema, name);

	for (size_t i = 0; i < cli->records->n_plugins; i++) {
		if (!strcmp(cli->records->plugins[i]->name, name)) {
			print_record(cli, cli->records->plugins[i]);
			return GV_CLI_OK;
		}
	}
	if (service) {
		print_service(service);
		return GV_CLI_OK;
	}
	if (type) {
		printf("message %s\n", type->name);
		print_comment(2, type->comment);
		print_fields(type, 2, true, true, 0);
		return GV_CLI_OK;
	}
	fprintf(stderr, "not_found: %s is no plugin, service or message of this node; `galvan describe` lists all\n",
		name);
	return GV_CLI_REFUSED;
}

int gv_cli_describe(struct gv_cli *cli)
{
	int code = gv_cli_learn(cli);

	if (code)
		return code;
	if (cli->json)
		return print_json(cli);
	for (size_t i = 0; !cli->argc && i < cli->records->n_plugins; i++)
		print_record(cli, cli->records->plugins[i]);
	for (int i = 0; i < cli->argc && !code; i++)
		code = print_named(cli, cli->argv[i]);
	return code;
}
