/* Types at run time: what serialized FileDescriptorSets say, with comments and galvan's options.
 *
 * protobuf-c's own descriptors drop comments and custom options, so everything that works by reflection (config, JSON,
 * the CLI, the API, OpenAPI, docs) stands on this. A schema is built once and then only read; it may be read from
 * several threads. */
#ifndef GV_SCHEMA_H
#define GV_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* FieldDescriptorProto.Type's numbers. */
enum gv_kind {
	GV_KIND_DOUBLE = 1,
	GV_KIND_FLOAT,
	GV_KIND_INT64,
	GV_KIND_UINT64,
	GV_KIND_INT32,
	GV_KIND_FIXED64,
	GV_KIND_FIXED32,
	GV_KIND_BOOL,
	GV_KIND_STRING,
	GV_KIND_GROUP,
	GV_KIND_MESSAGE,
	GV_KIND_BYTES,
	GV_KIND_UINT32,
	GV_KIND_ENUM,
	GV_KIND_SFIXED32,
	GV_KIND_SFIXED64,
	GV_KIND_SINT32,
	GV_KIND_SINT64
};

struct gv_enum_value {
	const char *name;
	int32_t number;
	const char *comment;
};
struct gv_enum {
	const char *name; /* full, without a leading dot */
	const char *comment;
	const struct gv_enum_value *values;
	size_t n_values;
};

struct gv_type;
struct gv_field {
	const char *name;      /* as in the .proto */
	const char *json_name; /* lowerCamelCase */
	const char *comment;   /* "" where there is none */
	uint32_t number;
	enum gv_kind kind;
	bool repeated;                   /* a list, or a map */
	bool map;                        /* repeated, and `type` is an entry with the fields key = 1 and value = 2 */
	const struct gv_type *type;      /* GV_KIND_MESSAGE */
	const struct gv_enum *enum_type; /* GV_KIND_ENUM */
	const char *oneof;               /* NULL: none */
	/* galvan.FieldRule; strings are "" where not given */
	bool key, secret, required, plugin;
	const char *unit, *min, *max, *default_value, *one_of, *needs;
};
struct gv_type {
	const char *name; /* full, without a leading dot */
	const char *comment;
	const struct gv_field *fields; /* in the order of the .proto */
	size_t n_fields;
	bool map_entry;
};

struct gv_rpc {
	const char *name; /* "Start" */
	const char *comment;
	const char *role; /* "viewer", "operator" or "admin" */
	const struct gv_type *input, *output;
};
struct gv_service_type {
	const char *name; /* full */
	const char *comment;
	const struct gv_rpc *methods;
	size_t n_methods;
};

struct gv_schema;

/* An empty schema; add sets to it, then use it. */
int gv_schema_create(struct gv_schema **ret);
void gv_schema_destroy(struct gv_schema *s);
/* Adds a serialized FileDescriptorSet; the bytes are copied. A file that is there already, by name, is left as it is.
 * -EBADMSG for bytes that are no such set or refer to types that are not in it. Pointers got earlier from `s` stay
 * valid. */
int gv_schema_add(struct gv_schema *s, const uint8_t *set, size_t size);

/* By full name, without a leading dot; NULL where unknown. Owned by the schema. */
const struct gv_type *gv_schema_type(const struct gv_schema *s, const char *name);
const struct gv_service_type *gv_schema_service(const struct gv_schema *s, const char *name);
/* By "package.Service/Method". */
const struct gv_rpc *gv_schema_method(const struct gv_schema *s, const char *path);
/* The i-th, in the order added; NULL past the end. */
const struct gv_service_type *gv_schema_service_at(const struct gv_schema *s, size_t i);
const struct gv_type *gv_schema_type_at(const struct gv_schema *s, size_t i);

const struct gv_field *gv_type_field(const struct gv_type *t, const char *name_or_json_name);
const struct gv_field *gv_type_field_numbered(const struct gv_type *t, uint32_t number);

/* The value of the first non-empty string field marked as key in a packed message of this type: written to ret, ""
 * where there is none. -ENOSPC if it does not fit, -EBADMSG for malformed bytes. */
int gv_type_key(const struct gv_type *t, const uint8_t *packed, size_t size, char *ret, size_t ret_size);

#endif
