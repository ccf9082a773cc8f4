/* One JSON value that is no list and no object, as what goes on protobuf's wire; and the galvan.FieldRule on it. Used
 * by json_read.c. */
#ifndef GV_JSON_SCALAR_H
#define GV_JSON_SCALAR_H

#include <lib/buf.h>
#include <lib/json.h>
#include <lib/wire.h>

struct cJSON;

struct gv_json_scalar {
	enum gv_wire_type wire;
	uint64_t u;       /* as the wire has it */
	const char *data; /* GV_WIRE_BYTES: of the JSON value, or of `hold` */
	size_t size;
	struct gv_buf hold; /* decoded base64; the caller frees */
	bool zero;          /* proto3 would not send it */
};

/* "a string", "an object": what a value is, for people. */
const char *gv_json_kind(const struct cJSON *json);

/* -EINVAL with text: the value does not fit the field's type. */
int gv_json_scalar_read(const struct gv_field *f, const struct cJSON *json, struct gv_json_scalar *ret, char *text,
			size_t text_size);
/* A map's key, from its text. */
int gv_json_scalar_key(const struct gv_field *f, const char *key, struct gv_json_scalar *ret, char *text,
		       size_t text_size);
/* -EINVAL with text: min, max or one_of forbid the value. `element`: it is one of a list, whose bounds are of the
 * count. */
int gv_json_scalar_rules(const struct gv_field *f, const struct gv_json_scalar *v, bool element, char *text,
			 size_t text_size);
/* The bounds of a list or map. */
int gv_json_count_rules(const struct gv_field *f, size_t count, char *text, size_t text_size);

/* Writes it, with its tag. */
int gv_json_scalar_put(struct gv_buf *out, const struct gv_field *f, const struct gv_json_scalar *v);
/* Without its tag, for packed lists. */
int gv_json_scalar_put_bare(struct gv_buf *out, const struct gv_json_scalar *v);

#endif
