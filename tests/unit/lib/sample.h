/* The schema of sample.proto and short ways to put JSON through it. */
#ifndef SAMPLE_H
#define SAMPLE_H

#include <criterion/criterion.h>
#include <lib/buf.h>
#include <lib/json.h>
#include <lib/schema.h>
#include <sample.schema.h>
#include <stdio.h>
#include <string.h>

#include "../leaks.h"

static struct gv_schema *schema;
static struct gv_buf packed, text;
static struct gv_json_error error;

static inline void sample_setup(void)
{
	cr_assert_eq(gv_schema_create(&schema), 0);
	cr_assert_eq(gv_schema_add(schema, sample_schema, sizeof sample_schema), 0);
}

static inline void sample_teardown(void)
{
	gv_buf_fini(&packed);
	gv_buf_fini(&text);
	gv_schema_destroy(schema);
	schema = NULL;
	check_leaks();
}

static inline const struct gv_type *type(const char *name)
{
	char full[128];
	snprintf(full, sizeof full, "sample.v1.%s", name);
	const struct gv_type *t = gv_schema_type(schema, full);
	cr_assert(t, "no type %s", full);
	return t;
}

/* Reads JSON into `packed`. */
static inline int read_json(const char *name, unsigned flags, const char *json)
{
	packed.size = 0;
	memset(&error, 0, sizeof error);
	return gv_json_parse(type(name), json, strlen(json), flags, &packed, &error);
}

/* Writes `packed` as JSON. */
static inline const char *write_json(const char *name, unsigned flags)
{
	text.size = 0;
	cr_assert_eq(gv_json_write(type(name), packed.data, packed.size, flags, &text), 0);
	return gv_buf_str(&text);
}

/* The value of one member of the written object, up to the comma or brace that ends it. */
static inline bool written_has(const char *name, const char *member)
{
	return strstr(write_json(name, 0), member) != NULL;
}

/* "path: text" of the error that reading must end in. */
static inline const char *refused(const char *name, unsigned flags, const char *json)
{
	cr_assert_eq(read_json(name, flags, json), -22, "%s was taken", json);
	cr_assert_eq(packed.size, 0, "a refused text leaves nothing behind");
	text.size = 0;
	gv_json_error_print(&error, &text);
	return gv_buf_str(&text);
}

#endif
