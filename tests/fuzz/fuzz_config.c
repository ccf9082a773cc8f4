/* Deployment files: whatever they hold, a config that can be packed or a message that names the file. */
#include "fuzz.h"

#include <errno.h>
#include <fixture.schema.h>
#include <kernel/config.h>
#include <lib/json.h>
#include <string.h>

static const struct gv_type *pump(void)
{
	static struct gv_schema *schema;
	if (!schema) {
		FUZZ_ASSERT(gv_schema_create(&schema) == 0);
		FUZZ_ASSERT(gv_schema_add(schema, fixture_schema, sizeof fixture_schema) == 0);
	}
	return gv_schema_type(schema, "fixture.v1.Pump");
}

static void check_error(int r, char *error)
{
	if (r < 0)
		FUZZ_ASSERT(error && !strncmp(error, "x.yaml:", strlen("x.yaml:")));
	else
		FUZZ_ASSERT(!error);
	free(error);
}

static void check_plugin(const struct gv_config *c, const struct gv_config_plugin *p)
{
	struct gv_buf packed = { 0 }, text = { 0 };
	Kernel__Record record = KERNEL__RECORD__INIT;
	char *error, *hears[] = { "a.B" };
	int r = gv_config_pack(c, p, pump(), &packed, &error);
	if (r == 0)
		FUZZ_ASSERT(gv_json_write(pump(), packed.data, packed.size, 0, &text) == 0);
	check_error(r, error);
	record.n_hears = 1;
	record.hears = hears;
	r = gv_config_grants(c, p, &record, &error);
	check_error(r, error);
	gv_buf_fini(&packed);
	gv_buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gv_config *config = NULL;
	char *error;
	int r = gv_config_parse("x.yaml", (const char *)data, size, &config, &error);
	check_error(r, error);
	for (size_t i = 0; r == 0 && i < config->n_plugins; i++)
		check_plugin(config, &config->plugins[i]);
	gv_config_destroy(config);
	return 0;
}
