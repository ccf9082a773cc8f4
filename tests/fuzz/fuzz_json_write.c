/* Packed messages from plugins that may be broken, printed as JSON. Input: a digit that picks the type, the bytes. */
#include "fuzz.h"

#include <errno.h>
#include <lib/json.h>
#include <lib/json_text.h>
#include <sample.schema.h>
#include <string.h>

static const char *const types[] = { "sample.v1.All", "sample.v1.Ruled", "sample.v1.Deep", "google.protobuf.Value",
				     "google.protobuf.FileDescriptorProto" };

static const struct gv_type *pick(uint8_t which)
{
	static struct gv_schema *schema;
	if (!schema) {
		FUZZ_ASSERT(gv_schema_create(&schema) == 0);
		FUZZ_ASSERT(gv_schema_add(schema, sample_schema, sizeof sample_schema) == 0);
	}
	return gv_schema_type(schema, types[which % (sizeof types / sizeof *types)]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gv_buf text = { 0 };
	char key[64], error[256];
	if (size < 1)
		return 0;
	const struct gv_type *type = pick(data[0] - '0');
	int r = gv_json_write(type, data + 1, size - 1, size & 1 ? GV_JSON_SECRETS : 0, &text);
	FUZZ_ASSERT(r == 0 || (r == -EBADMSG && text.size == 0));
	/* What was written is JSON; reading alone refuses zero characters, which printing escapes. */
	if (r == 0 && !strstr(gv_buf_str(&text), "\\u0000") && text.size < GV_JSON_SIZE_MAX)
		FUZZ_ASSERT(gv_json_check(gv_buf_str(&text), text.size, error) == 0);
	gv_type_key(type, data + 1, size - 1, key, sizeof key);
	gv_buf_fini(&text);
	return 0;
}
