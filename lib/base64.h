/* Base64 (RFC 4648). */
#ifndef GV_BASE64_H
#define GV_BASE64_H

#include <lib/buf.h>

/* Appends the standard alphabet with padding. */
int gv_base64_write(struct gv_buf *out, const void *data, size_t size);
/* Appends the bytes. Reads the standard and the URL-safe alphabet, with or without padding. -EINVAL for anything else:
 * blanks, bits that would be lost; out is then as it was. */
int gv_base64_read(struct gv_buf *out, const char *text, size_t size);

#endif
