/* JSON to packed protobuf and back, by a schema's types: the canonical proto3 mapping, with zero values always printed.
 *
 * lowerCamelCase names (the .proto's names are read too), int64 as strings (numbers are read too), bytes as base64, enums by name
 * (numbers are read too), maps as objects. Absent message fields print as null. */
#ifndef GV_JSON_H
#define GV_JSON_H

#include <lib/buf.h>
#include <lib/schema.h>

struct cJSON;

/* What is wrong, and where: path "device.connectors[2].maxPowerW", text "expected a number, got a string". */
struct gv_json_error {
	char path[256];
	char text[256];
};

enum gv_json_flags {
	GV_JSON_RULES = 1 << 0,    /* reading: enforce required, min, max, one_of */
	GV_JSON_DEFAULTS = 1 << 1, /* reading: put in the rules' defaults for absent fields */
	GV_JSON_SECRETS = 1 << 2,  /* writing: print secrets too; without it they print as "***" where set */
};

/* Appends to out. -EINVAL with *ret_error filled. Unknown fields are errors that name what is allowed. */
int gv_json_read(const struct gv_type *type, const struct cJSON *json, unsigned flags, struct gv_buf *out, struct gv_json_error *ret_error);
/* The same from text. */
int gv_json_parse(const struct gv_type *type, const char *text, size_t size, unsigned flags, struct gv_buf *out,
		  struct gv_json_error *ret_error);
/* Appends JSON text, without a final zero or newline. -EBADMSG for malformed bytes. Unknown fields are skipped. */
int gv_json_write(const struct gv_type *type, const uint8_t *packed, size_t size, unsigned flags, struct gv_buf *out);
/* Appends s as a JSON string with its quotes; invalid UTF-8 becomes U+FFFD. */
int gv_json_string(struct gv_buf *out, const char *s, size_t size);

#endif
