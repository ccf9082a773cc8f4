/* Out of memory at every single allocation of reading a deployment file and packing a plugin's config, of JSON both
 * ways and of building a schema: each ends in -ENOMEM or in the right result, with nothing leaked and nothing half
 * made. The linker's --wrap puts the allocator below in front of libc's; a plain program, since Criterion allocates
 * too. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <fixture.schema.h>
#include <kernel/config.h>
#include <lib/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long countdown = -1; /* allocations until one fails; negative: none does */
static long live;           /* allocated and not freed */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void __real_free(void *p);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);
void __wrap_free(void *p);

static int fails(void)
{
	return countdown >= 0 && countdown-- == 0;
}

void *__wrap_malloc(size_t size)
{
	void *p = fails() ? NULL : __real_malloc(size);
	live += p != NULL;
	return p;
}

void *__wrap_calloc(size_t count, size_t size)
{
	void *p = fails() ? NULL : __real_calloc(count, size);
	live += p != NULL;
	return p;
}

void *__wrap_realloc(void *old, size_t size)
{
	void *p = fails() ? NULL : __real_realloc(old, size);
	live += p && !old;
	return p;
}

void __wrap_free(void *p)
{
	live -= p != NULL;
	__real_free(p);
}

#define CHECK(what)                                                                                                    \
	do {                                                                                                           \
		if (!(what)) {                                                                                         \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #what);                      \
			exit(1);                                                                                       \
		}                                                                                                      \
	} while (0)

static struct gv_schema *schema;

static int build_schema(void)
{
	struct gv_schema *s = NULL;
	int r = gv_schema_create(&s);
	if (r == 0)
		r = gv_schema_add(s, fixture_schema, sizeof fixture_schema);
	/* protobuf-c does not tell an allocation that failed from bytes that are wrong */
	if (r == -EBADMSG)
		r = -ENOMEM;
	CHECK(r == 0 || !s || !gv_schema_type_at(s, 0));
	gv_schema_destroy(s);
	return r;
}

static const struct gv_type *pump(void)
{
	return gv_schema_type(schema, "fixture.v1.Pump");
}

static int json_both_ways(void)
{
	static const char json[] =
		"{\"listen\":[{\"ws\":1},{}],\"limits\":{\"a\":1,\"b\":2},\"tls\":{\"cert\":\"x\"},\"mode\":\"FAST\"}";
	struct gv_buf packed = { 0 }, text = { 0 };
	struct gv_json_error error;
	int r = gv_json_parse(pump(), json, sizeof json - 1, GV_JSON_RULES | GV_JSON_DEFAULTS, &packed, &error);
	if (r == 0)
		r = gv_json_write(pump(), packed.data, packed.size, 0, &text);
	CHECK(r < 0 || strstr(gv_buf_str(&text), "\"tls\":{\"cert\":\"x\",\"ca\":\"system\"}") || text.error);
	gv_buf_fini(&packed);
	gv_buf_fini(&text);
	return r;
}

static int deployment_file(const char *yaml)
{
	struct gv_config *c = NULL;
	struct gv_buf packed = { 0 };
	char *error = NULL;
	int r = gv_config_parse("x.yaml", yaml, strlen(yaml), &c, &error);
	if (r == 0)
		r = gv_config_pack(c, &c->plugins[0], pump(), &packed, &error);
	CHECK((r == -EINVAL) == (error != NULL));
	free(error);
	gv_buf_fini(&packed);
	gv_config_destroy(c);
	return r;
}

static int good_file(void)
{
	return deployment_file("node: {name: a, data: b, control: \"127.0.0.1:1\"}\n"
			       "plugins:\n  pump: {path: x.so, grants: [net], config: {listen: [&a {ws: 1}, *a], name: "
			       "\"${X:-y}\"}}\n");
}

static int broken_file(void)
{
	int r = deployment_file("plugins: {pump: {config: {tls: {cart: x}}}}\n");
	return r == -EINVAL ? 0 : r;
}

/* Runs it with the first allocation failing, the second, and so on, until none fails. */
static void run(const char *name, int (*what)(void))
{
	long n, failed = 0;
	for (n = 0;; n++) {
		long before = live;
		countdown = n;
		int r = what();
		bool reached = countdown < 0;
		countdown = -1;
		CHECK(r == 0 || r == -ENOMEM);
		CHECK(live == before);
		failed += r == -ENOMEM;
		if (!reached)
			break;
	}
	CHECK(failed > 0);
	printf("%s: %ld allocations, %ld of them essential\n", name, n, failed);
}

int main(void)
{
	cJSON_Hooks hooks = { __wrap_malloc, __wrap_free };
	cJSON_InitHooks(&hooks);
	CHECK(gv_schema_create(&schema) == 0 && gv_schema_add(schema, fixture_schema, sizeof fixture_schema) == 0);
	run("schema", build_schema);
	run("json", json_both_ways);
	run("good file", good_file);
	run("broken file", broken_file);
	gv_schema_destroy(schema);
	return 0;
}
