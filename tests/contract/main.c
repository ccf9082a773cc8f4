/* contract PLUGIN.so [CONFIG]: the promises that every plugin must keep. CONFIG is JSON. */
#include "contract.h"

#include <dlfcn.h>
#include <lib/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void broken(struct contract *c, const char *fmt, ...)
{
	va_list ap;

	c->broken++;
	if (c->broken > 50)
		return;
	printf("%s: ", c->path);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

uint64_t contract_random(struct contract *c)
{
	uint64_t z = (c->random += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static int prepare(struct contract *c, const char *json)
{
	const struct gv_plugin *p = c->plugin;
	struct gv_json_error error = { 0 };
	const struct gv_type *type;

	if (gv_schema_create(&c->schema) < 0)
		return -1;
	if (gv_schema_add(c->schema, p->schema_set.data, p->schema_set.size) < 0) {
		broken(c, "the schema that it carries is malformed");
		return -1;
	}
	type = p->config ? gv_schema_type(c->schema, p->config->name) : NULL;
	if (type && gv_json_parse(type, json, strlen(json), GV_JSON_RULES | GV_JSON_DEFAULTS, &c->config, &error) < 0) {
		broken(c, "the test's config does not fit: %s: %s", error.path, error.text);
		return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct contract c = { .path = argc > 1 ? argv[1] : "", .random = 1 };
	uv_loop_t loop;
	void *dl;

	if (argc < 2) {
		fprintf(stderr, "contract PLUGIN.so [CONFIG]\n");
		return 2;
	}
	dl = dlopen(c.path, RTLD_NOW | RTLD_LOCAL);
	c.plugin = dl ? dlsym(dl, "gv_plugin") : NULL;
	if (!c.plugin) {
		printf("%s: cannot be loaded: %s\n", c.path, dlerror());
		return 1;
	}
	uv_loop_init(&loop);
	c.loop = &loop;
	check_symbols(&c);
	if (prepare(&c, argc > 2 ? argv[2] : "{}") == 0) {
		check_record(&c);
		check_life(&c);
		check_messages(&c);
	}
	gv_buf_fini(&c.config);
	gv_schema_destroy(c.schema);
	uv_loop_close(&loop);
	if (c.broken)
		printf("%s: %u promises are broken\n", c.path, c.broken);
	return c.broken != 0;
}
