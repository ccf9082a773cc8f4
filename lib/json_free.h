/* google.protobuf.Struct, Value and ListValue: any JSON as protobuf. Used by json_read.c and json_write.c. */
#ifndef GV_JSON_FREE_H
#define GV_JSON_FREE_H

#include <lib/buf.h>
#include <lib/schema.h>
#include <stdbool.h>

struct cJSON;

enum gv_json_free { GV_JSON_NOT_FREE, GV_JSON_STRUCT, GV_JSON_VALUE, GV_JSON_LIST };

enum gv_json_free gv_json_free(const struct gv_type *t);
/* Appends the packed message. `depth`: how many lists and objects it is in. -EINVAL: text says what is wrong. */
int gv_json_free_read(enum gv_json_free what, const struct cJSON *json, unsigned depth, struct gv_buf *out, char *text,
		      size_t text_size);
/* Appends the JSON. -EBADMSG. */
int gv_json_free_write(enum gv_json_free what, const uint8_t *packed, size_t size, unsigned depth, struct gv_buf *out);

#endif
