/* kernel/config.h: what a deployment file means, and what each broken one of tests/fixtures/config is told. */
#include <kernel/config.h>

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fixture.schema.h>
#include <lib/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../leaks.h"

static struct gv_schema *schema;
static struct gv_config *config;
static char *error;
static struct gv_buf packed, text;

static void setup(void)
{
	cr_assert_eq(gv_schema_create(&schema), 0);
	cr_assert_eq(gv_schema_add(schema, fixture_schema, sizeof fixture_schema), 0);
}

static void teardown(void)
{
	gv_schema_destroy(schema);
	gv_config_destroy(config);
	free(error);
	gv_buf_fini(&packed);
	gv_buf_fini(&text);
	schema = NULL;
	config = NULL;
	error = NULL;
	check_leaks();
}

TestSuite(config, .init = setup, .fini = teardown);

/* A third-party plugin that asks for one of everything. */
static const Kernel__Record *loyalty(void)
{
	static char *hears[] = { "galvan.charging.v1.SessionEnded" }, *emits[] = { "example.loyalty.v1.Points" },
		    *serves[] = { "example.loyalty.v1.Loyalty" }, *calls[] = { "galvan.registry.v1.Registry" };
	static Kernel__Record r = KERNEL__RECORD__INIT;
	r.n_hears = r.n_emits = r.n_serves = r.n_calls = 1;
	r.hears = hears;
	r.emits = emits;
	r.serves = serves;
	r.calls = calls;
	r.driver = true;
	return &r;
}

/* All that `galvan check` would do with this text. */
static int check(const char *file, const char *yaml, size_t size)
{
	int r = gv_config_parse(file, yaml, size, &config, &error);
	for (size_t i = 0; r == 0 && i < config->n_plugins; i++) {
		const struct gv_config_plugin *p = &config->plugins[i];
		packed.size = 0;
		if (!strcmp(p->name, "pump"))
			r = gv_config_pack(config, p, gv_schema_type(schema, "fixture.v1.Pump"), &packed, &error);
		else if (!strcmp(p->name, "bare") || !strcmp(p->name, "plain"))
			r = gv_config_pack(config, p, NULL, &packed, &error);
		if (r == 0 && !strcmp(p->name, "loyalty"))
			r = gv_config_grants(config, p, loyalty(), &error);
	}
	return r;
}

static void load(const char *yaml)
{
	cr_assert_eq(check("etc/node.yaml", yaml, strlen(yaml)), 0, "%s", error);
}

/* Loads a file with the one plugin `pump` of this config; its packed config as JSON. */
static const char *pump(const char *pump_config)
{
	struct gv_buf yaml = { 0 };
	gv_buf_printf(&yaml, "plugins:\n  pump:\n    config: %s\n", pump_config);
	load(gv_buf_str(&yaml));
	gv_buf_fini(&yaml);
	text.size = 0;
	cr_assert_eq(gv_json_write(gv_schema_type(schema, "fixture.v1.Pump"), packed.data, packed.size, GV_JSON_SECRETS,
				   &text),
		     0);
	gv_config_destroy(config);
	config = NULL;
	return gv_buf_str(&text);
}

#define HAS(json, part)                                                                                                \
	do {                                                                                                           \
		const char *json_ = (json);                                                                            \
		cr_assert(strstr(json_, part), "%s is not in %s", part, json_);                                        \
	} while (0)

/* ---- broken files ---------------------------------------------------------------------------- */

static size_t read_file(const char *name, const char *ending, char *ret, size_t size)
{
	char path[512];
	snprintf(path, sizeof path, "%s/%s%s", FIXTURES, name, ending);
	FILE *f = fopen(path, "r");
	cr_assert(f, "%s cannot be read", path);
	size_t n = fread(ret, 1, size - 1, f);
	fclose(f);
	ret[n] = '\0';
	return n;
}

static bool as_expected(const char *name)
{
	static char yaml[65536], expected[4096];
	char file[300];
	size_t size = read_file(name, ".yaml", yaml, sizeof yaml);
	read_file(name, ".expected", expected, sizeof expected);
	for (size_t n = strlen(expected); n > 0 && expected[n - 1] == '\n'; n--)
		expected[n - 1] = '\0';
	snprintf(file, sizeof file, "%s.yaml", name);
	int r = check(file, yaml, size);
	bool same = r < 0 && error && !strcmp(error, expected);
	if (!same)
		fprintf(stderr, "%s.yaml\n  expected: %s\n  got:      %s\n", name, expected,
			error ? error : "no error");
	gv_config_destroy(config);
	config = NULL;
	free(error);
	error = NULL;
	return same;
}

Test(config, every_broken_file_is_told_where_and_what_to_do)
{
	size_t count = 0, wrong = 0;
	DIR *d = opendir(FIXTURES);
	cr_assert(d);
	for (struct dirent *e; (e = readdir(d));) {
		char *ending = strstr(e->d_name, ".yaml");
		if (!ending)
			continue;
		*ending = '\0';
		wrong += !as_expected(e->d_name);
		count++;
	}
	closedir(d);
	cr_assert_geq(count, 60);
	cr_assert_eq(wrong, 0, "%zu of %zu broken files got another message", wrong, count);
}

Test(config, a_file_that_is_not_there_is_named)
{
	cr_assert_eq(gv_config_load("no/such/file.yaml", &config, &error), -ENOENT);
	cr_assert_str_eq(error, "no/such/file.yaml: cannot be read: No such file or directory");
}

Test(config, a_file_beyond_the_limit_is_refused_unread)
{
	char *large = calloc(1, GV_CONFIG_SIZE_MAX + 2);
	memset(large, '#', GV_CONFIG_SIZE_MAX + 1);
	cr_assert_eq(gv_config_parse("x.yaml", large, GV_CONFIG_SIZE_MAX + 1, &config, &error), -EINVAL);
	cr_assert_str_eq(error, "x.yaml:1:1: the file has more than 1 MiB");
	free(large);
}

/* ---- the node and its plugins ---------------------------------------------------------------- */

Test(config, a_file_may_say_no_more_than_its_plugins)
{
	load("plugins:\n  pump:\n  plain: {}\n");
	cr_assert_str_eq(config->node.name, "galvan");
	cr_assert_null(config->node.data);
	cr_assert_null(config->node.control);
	cr_assert(!config->node.log_json);
	cr_assert_str_eq(config->node.log_level, "info");
	cr_assert_eq(config->node.store_limit_bytes, (uint64_t)64 << 30);
	cr_assert_eq(config->node.journal_limit_bytes, (uint64_t)256 << 20);
	cr_assert_eq(config->node.journal_limit_ms, INT64_C(7) * 24 * 3600 * 1000);
	cr_assert_eq(config->n_plugins, 2);
	cr_assert_str_eq(config->plugins[0].name, "pump");
	cr_assert_null(config->plugins[0].path);
	cr_assert_eq(config->plugins[0].isolation, GV_ISOLATION_PROCESS);
	cr_assert_eq(config->plugins[0].instances, 1);
	cr_assert_null(config->plugins[0].config);
}

Test(config, takes_every_key_of_the_node)
{
	load("node:\n  name: Cloud-1.a\n  data: /var/lib/galvan\n  control: tcp://127.0.0.1:9100\n  log: {format: "
	     "json, level: debug}\n"
	     "  store_limit_gib: 2\n  journal_limit_mib: 3\n  journal_limit_h: 4\nplugins: {pump: {}}\n");
	cr_assert_str_eq(config->node.name, "Cloud-1.a");
	cr_assert_str_eq(config->node.data, "/var/lib/galvan");
	cr_assert_str_eq(config->node.control, "tcp://127.0.0.1:9100");
	cr_assert(config->node.log_json);
	cr_assert_str_eq(config->node.log_level, "debug");
	cr_assert_eq(config->node.store_limit_bytes, (uint64_t)2 << 30);
	cr_assert_eq(config->node.journal_limit_bytes, (uint64_t)3 << 20);
	cr_assert_eq(config->node.journal_limit_ms, INT64_C(4) * 3600 * 1000);
}

Test(config, takes_every_key_of_a_plugin_and_finds_it_by_name)
{
	load("plugins:\n  a: {}\n  b: {path: /opt/b.so, isolation: thread, instances: 3, grants: [net, \"hear:*\", "
	     "call:x.v1.Y]}\n");
	const struct gv_config_plugin *b = gv_config_find(config, "b");
	cr_assert_str_eq(b->path, "/opt/b.so");
	cr_assert_eq(b->isolation, GV_ISOLATION_THREAD);
	cr_assert_eq(b->instances, 3);
	cr_assert_eq(b->n_grants, 3);
	cr_assert_str_eq(b->grants[1], "hear:*");
	cr_assert_eq(b->line, 3);
	cr_assert_null(gv_config_find(config, "c"));
}

Test(config, relative_paths_begin_at_the_files_folder)
{
	load("node: {data: data}\nplugins: {a: {path: ../a.so}}\n");
	cr_assert_str_eq(config->node.data, "etc/data");
	cr_assert_str_eq(config->plugins[0].path, "etc/../a.so");
	gv_config_destroy(config);
	cr_assert_eq(check("node.yaml", "plugins: {a: {path: a.so}}", 26), 0);
	cr_assert_str_eq(config->plugins[0].path, "a.so");
}

/* ---- a plugin's config ----------------------------------------------------------------------- */

Test(config, fills_in_defaults_also_where_no_config_is_given)
{
	HAS(pump("{}"), "\"heartbeatS\":300,\"unknownStation\":\"refuse\"");
	HAS(pump(""), "\"factor\":1.5");
	HAS(pump("{tls: {cert: a}}"), "\"tls\":{\"cert\":\"a\",\"ca\":\"system\"}");
}

Test(config, the_type_says_what_a_plain_scalar_is)
{
	HAS(pump("{name: 12}"), "\"name\":\"12\"");
	HAS(pump("{name: true}"), "\"name\":\"true\"");
	HAS(pump("{name: 'null'}"), "\"name\":\"null\"");
	HAS(pump("{name: ~}"), "\"name\":\"\"");
	HAS(pump("{verbose: true}"), "\"verbose\":true");
	HAS(pump("{factor: 2}"), "\"factor\":2");
	HAS(pump("{factor: -.inf}"), "\"factor\":\"-Infinity\"");
	HAS(pump("{budget: 9223372036854775807}"), "\"budget\":\"9223372036854775807\"");
	HAS(pump("{mode: SLOW}"), "\"mode\":\"SLOW\"");
	HAS(pump("{limits: {a: 1, \"2\": 2}}"), "\"limits\":{\"2\":2,\"a\":1}");
}

Test(config, takes_keys_by_both_names_and_blocks_of_text)
{
	HAS(pump("{heartbeatS: 5}"), "\"heartbeatS\":5");
	HAS(pump("\n      name: |\n        two\n        lines\n"), "\"name\":\"two\\nlines\\n\"");
}

Test(config, anchors_stand_for_copies)
{
	load("plugins:\n  pump:\n    config:\n      listen: [&port {ws: 9000, to: pump}, *port]\n");
	text.size = 0;
	gv_json_write(gv_schema_type(schema, "fixture.v1.Pump"), packed.data, packed.size, 0, &text);
	HAS(gv_buf_str(&text), "\"listen\":[{\"ws\":9000,\"to\":\"pump\"},{\"ws\":9000,\"to\":\"pump\"}]");
}

Test(config, variables_of_the_environment_stand_in_scalars)
{
	setenv("GALVAN_TEST_SET", "12", 1);
	setenv("GALVAN_TEST_EMPTY", "", 1);
	unsetenv("GALVAN_TEST_UNSET");
	HAS(pump("\n      heartbeat_s: ${GALVAN_TEST_SET}"), "\"heartbeatS\":12");
	HAS(pump("{heartbeat_s: \"${GALVAN_TEST_SET}\"}"),
	    "\"heartbeatS\":12"); /* YAML wants the quotes here: they make no string */
	HAS(pump("{heartbeat_s: \"${GALVAN_TEST_UNSET:-}\"}"),
	    "\"heartbeatS\":300"); /* an empty variable is as good as none */
	HAS(pump("\n      name: a${GALVAN_TEST_SET}b${GALVAN_TEST_SET}"), "\"name\":\"a12b12\"");
	HAS(pump("{name: \"${GALVAN_TEST_UNSET:-de fault}\"}"), "\"name\":\"de fault\"");
	HAS(pump("{name: \"${GALVAN_TEST_EMPTY:-x}${GALVAN_TEST_UNSET:-}\"}"), "\"name\":\"x\"");
	HAS(pump("{name: \"${GALVAN_TEST_EMPTY}\"}"), "\"name\":\"\"");
	HAS(pump("{name: \"$${GALVAN_TEST_SET} $5 $\"}"), "\"name\":\"${GALVAN_TEST_SET} $5 $\"");
}

Test(config, what_a_variable_holds_is_text_and_no_yaml)
{
	setenv("GALVAN_TEST_SET", "1, ws: 2}", 1);
	HAS(pump("{name: \"${GALVAN_TEST_SET}\"}"), "\"name\":\"1, ws: 2}\"");
}

/* ---- grants ---------------------------------------------------------------------------------- */

static int grants(const char *yaml)
{
	cr_assert_eq(gv_config_parse("x.yaml", yaml, strlen(yaml), &config, &error), 0, "%s", error);
	return gv_config_grants(config, &config->plugins[0], loyalty(), &error);
}

Test(config, a_plugin_of_the_hosts_folder_needs_no_grants)
{
	cr_assert_eq(grants("plugins: {loyalty: {}}"), 0);
}

Test(config, another_plugin_gets_what_is_written_out)
{
	cr_assert_eq(grants("plugins: {loyalty: {path: l.so, grants: [hear:galvan.charging.v1.SessionEnded, "
			    "emit:example.loyalty.v1.Points, "
			    "serve:example.loyalty.v1.Loyalty, call:galvan.registry.v1.Registry, net, "
			    "hear:more.than.it.Asks]}}"),
		     0, "%s", error);
}

Test(config, a_star_grants_a_whole_kind)
{
	cr_assert_eq(grants("plugins: {loyalty: {path: l.so, grants: ['hear:*', 'emit:*', 'serve:*', 'call:*', net]}}"),
		     0, "%s", error);
}

Test(config, what_is_missing_is_named_all_at_once_with_the_line_to_write)
{
	cr_assert_eq(grants("plugins:\n  loyalty: {path: l.so, grants: [net, hear:galvan.charging.v1.SessionEndet]}"),
		     -EPERM);
	cr_assert_str_eq(
		error,
		"x.yaml:2:3: plugins.loyalty: l.so asks for more than it is granted: "
		"hear:galvan.charging.v1.SessionEnded, "
		"emit:example.loyalty.v1.Points, serve:example.loyalty.v1.Loyalty, "
		"call:galvan.registry.v1.Registry. It does not ask for "
		"hear:galvan.charging.v1.SessionEndet; did you mean hear:galvan.charging.v1.SessionEnded? If you "
		"trust it, write there: grants: [net, "
		"hear:galvan.charging.v1.SessionEnded, emit:example.loyalty.v1.Points, "
		"serve:example.loyalty.v1.Loyalty, "
		"call:galvan.registry.v1.Registry]");
}
