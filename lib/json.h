/* JSON to packed protobuf and back, by a schema's types: the canonical proto3 mapping, with zero values always printed.
 *
 * lowerCamelCase names (the .proto's names are read too), int64 as strings (numbers are read too), bytes as base64,
 * enums by name (numbers are read too), maps as objects. Absent message fields print as null; absent members of a oneof
 * are not printed. google.protobuf.Struct, Value and ListValue are free JSON. */
#ifndef GV_JSON_H
#define GV_JSON_H

#include <lib/buf.h>
#include <lib/schema.h>

struct cJSON;

/* What is wrong, and where: path "device.connectors[2].maxPowerW", text "expected a number, got a string". */
struct gv_json_error {
	char path[256]; /* "" for the whole */
	char text[512];
	/* The value at fault, or the object in which one is missing; NULL from gv_json_parse. */
	const struct cJSON *at;
};

enum gv_json_flags {
	/* Reading: enforce required, min, max, one_of. min and max bound a number, the bytes of `bytes`, the characters
	 * of a string, the count of a list or map. As proto3 cannot tell an absent value from a zero one, both are
	 * absent here: required refuses them, the others let them pass. "***" is no secret: it is what prints. */
	GV_JSON_RULES = 1 << 0,
	/* Reading: put in the rules' defaults for absent fields of the messages that are given. A value that is given
	 * counts even if it is zero: bounds apply to it, and it satisfies required (an empty string or list does not).
	 */
	GV_JSON_DEFAULTS = 1 << 1,
	GV_JSON_SECRETS = 1 << 2,     /* writing: print secrets too; without it they print as "***" where set */
	GV_JSON_PROTO_NAMES = 1 << 3, /* reading: errors name fields as the .proto does */
};

/* Appends to out. -EINVAL with *ret_error filled; out is then as it was. Unknown fields are errors that name what is
 * allowed. */
int gv_json_read(const struct gv_type *type, const struct cJSON *json, unsigned flags, struct gv_buf *out,
		 struct gv_json_error *ret_error);
/* The same, told of everything that is wrong and not of the first only: `each` gets one after the other, in the order
 * of the type's fields; a message's unknown fields come first. *ret_error is the last. */
int gv_json_read_each(const struct gv_type *type, const struct cJSON *json, unsigned flags, struct gv_buf *out,
		      void (*each)(void *arg, const struct gv_json_error *e), void *arg,
		      struct gv_json_error *ret_error);
/* As gv_json_read, from text. */
int gv_json_parse(const struct gv_type *type, const char *text, size_t size, unsigned flags, struct gv_buf *out,
		  struct gv_json_error *ret_error);
/* Appends JSON text, without a final zero or newline. -EBADMSG for malformed bytes; out is then as it was. Unknown
 * fields are skipped. */
int gv_json_write(const struct gv_type *type, const uint8_t *packed, size_t size, unsigned flags, struct gv_buf *out);
/* Appends s as a JSON string with its quotes; invalid UTF-8 becomes U+FFFD. */
int gv_json_string(struct gv_buf *out, const char *s, size_t size);

/* "path: text", or the text alone where the path is empty. */
void gv_json_error_print(const struct gv_json_error *e, struct gv_buf *out);

#endif
