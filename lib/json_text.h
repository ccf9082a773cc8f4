/* JSON as text, below cJSON: what it does not check when reading and how it does not print. */
#ifndef GV_JSON_TEXT_H
#define GV_JSON_TEXT_H

#include <lib/buf.h>
#include <stdbool.h>

#define GV_JSON_SIZE_MAX ((size_t)16 << 20) /* bytes of a text */
#define GV_JSON_VALUES_MAX 262144           /* values in a text */
#define GV_JSON_DEPTH_MAX 64                /* lists and objects within each other */
#define GV_JSON_NUMBER_MAX 60               /* characters of a number: cJSON reads no more */

/* Strict RFC 8259, within the limits above, UTF-8 throughout, no zero characters. What passes means the same to cJSON.
 * -EINVAL: ret (256 bytes) says what is wrong and where. */
int gv_json_check(const char *text, size_t size, char ret_error[static 256]);

/* The shortest decimal that reads back as the same number; NaN and the infinities as strings, as proto3's JSON has
 * them. */
int gv_json_double(struct gv_buf *out, double value);
int gv_json_float(struct gv_buf *out, float value);

#endif
