/* The FileDescriptorSet that a plugin carries: refused, or types that can be walked, read and written. */
#include "fuzz.h"

#include <errno.h>
#include <lib/json.h>
#include <lib/schema.h>
#include <string.h>

static size_t walk(const struct gv_type *t)
{
	size_t n = strlen(t->name) + strlen(t->comment);
	for (size_t i = 0; i < t->n_fields; i++) {
		const struct gv_field *f = &t->fields[i];
		n += strlen(f->name) + strlen(f->json_name) + strlen(f->comment) + strlen(f->unit) + strlen(f->one_of);
		FUZZ_ASSERT(gv_type_field_numbered(t, f->number) == f);
		FUZZ_ASSERT((f->kind == GV_KIND_MESSAGE || f->kind == GV_KIND_GROUP) == (f->type != NULL));
		FUZZ_ASSERT((f->kind == GV_KIND_ENUM) == (f->enum_type != NULL));
	}
	return n;
}

static void use(const struct gv_type *t)
{
	struct gv_buf packed = { 0 }, text = { 0 };
	struct gv_json_error error;
	FUZZ_ASSERT(gv_json_write(t, NULL, 0, 0, &text) == 0);
	gv_json_parse(t, "{}", 2, GV_JSON_RULES | GV_JSON_DEFAULTS, &packed, &error);
	gv_buf_fini(&packed);
	gv_buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gv_schema *s;
	size_t n = 0;
	if (gv_schema_create(&s) < 0)
		return 0;
	int r = gv_schema_add(s, data, size);
	FUZZ_ASSERT(r == 0 || r == -EBADMSG);
	FUZZ_ASSERT(r == 0 || !gv_schema_type_at(s, 0));
	for (size_t i = 0; gv_schema_type_at(s, i); i++) {
		n += walk(gv_schema_type_at(s, i));
		use(gv_schema_type_at(s, i));
		FUZZ_ASSERT(gv_schema_type(s, gv_schema_type_at(s, i)->name) == gv_schema_type_at(s, i));
	}
	for (size_t i = 0; gv_schema_service_at(s, i); i++)
		n += strlen(gv_schema_service_at(s, i)->name);
	FUZZ_ASSERT(r == 0 || n == 0);
	gv_schema_destroy(s);
	return 0;
}
