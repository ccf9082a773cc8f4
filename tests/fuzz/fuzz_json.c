/* JSON from strangers: the body of an API request. Input: a digit that picks the type, a letter whose low bits are the
 * flags, the text. */
#include "fuzz.h"

#include <lib/json.h>
#include <lib/json_text.h>
#include <registry.schema.h>
#include <sample.schema.h>
#include <string.h>

static const char *const types[] = { "sample.v1.All", "sample.v1.Ruled", "sample.v1.Deep",
				     "galvan.registry.v1.PutDeviceRequest", "google.protobuf.Value" };

static const struct gv_type *pick(uint8_t which)
{
	static struct gv_schema *schema;
	if (!schema) {
		FUZZ_ASSERT(gv_schema_create(&schema) == 0);
		FUZZ_ASSERT(gv_schema_add(schema, sample_schema, sizeof sample_schema) == 0);
		FUZZ_ASSERT(gv_schema_add(schema, registry_schema, sizeof registry_schema) == 0);
	}
	return gv_schema_type(schema, types[which % (sizeof types / sizeof *types)]);
}

/* What was read can be written, the text is JSON, and reading it again gives the same text. */
static void check_round_trip(const struct gv_type *type, const struct gv_buf *packed)
{
	struct gv_buf first = { 0 }, again = { 0 }, second = { 0 };
	struct gv_json_error error;
	FUZZ_ASSERT(gv_json_write(type, packed->data, packed->size, GV_JSON_SECRETS, &first) == 0);
	FUZZ_ASSERT(gv_json_parse(type, gv_buf_str(&first), first.size, 0, &again, &error) == 0);
	FUZZ_ASSERT(gv_json_write(type, again.data, again.size, GV_JSON_SECRETS, &second) == 0);
	FUZZ_ASSERT(first.size == second.size && !memcmp(first.data, second.data, first.size));
	gv_buf_fini(&first);
	gv_buf_fini(&again);
	gv_buf_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gv_buf packed = { 0 };
	struct gv_json_error error = { 0 };
	if (size < 2)
		return 0;
	const struct gv_type *type = pick(data[0] - '0');
	int r = gv_json_parse(type, (const char *)data + 2, size - 2, data[1] & 0xf, &packed, &error);
	if (r == 0)
		check_round_trip(type, &packed);
	else
		FUZZ_ASSERT(packed.size == 0 && error.text[0] && memchr(error.text, '\0', sizeof error.text) &&
			    memchr(error.path, '\0', sizeof error.path));
	gv_buf_fini(&packed);
	return 0;
}
