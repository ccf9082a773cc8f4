/* HTTP's content codings gzip and deflate, which both sides of OCPP-S must understand (1.6, 6.1). Pure. */
#ifndef OCPP_CODING_H
#define OCPP_CODING_H

#include <lib/buf.h>
#include <stdbool.h>
#include <stddef.h>

/* Replaces what is in out by the decoded body; `coding` as the header Content-Encoding has it, "" or "identity" for
 * none. -ENOTSUP: another coding; -EBADMSG: it is broken; -EFBIG: more than max bytes; -ENOMEM. */
int coding_decode(const char *coding, const void *data, size_t size, size_t max, struct gv_buf *out);
/* Whether a header Accept-Encoding takes gzip. */
bool coding_accepts_gzip(const char *accept);
/* Replaces what is in out. -ENOMEM. */
int coding_gzip(const void *data, size_t size, struct gv_buf *out);

#endif
