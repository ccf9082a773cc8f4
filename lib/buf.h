/* A growing byte buffer. Zero-initialised it is empty; gv_buf_fini frees. Errors stick: after -ENOMEM every append
 * fails. */
#ifndef GV_BUF_H
#define GV_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct gv_buf {
	uint8_t *data; /* NULL while empty */
	size_t size, capacity;
	int error;
};

void gv_buf_fini(struct gv_buf *b);
int gv_buf_reserve(struct gv_buf *b, size_t more);
int gv_buf_add(struct gv_buf *b, const void *data, size_t size);
int gv_buf_puts(struct gv_buf *b, const char *s);
int gv_buf_putc(struct gv_buf *b, char c);
int gv_buf_printf(struct gv_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int gv_buf_vprintf(struct gv_buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* The text with a zero byte behind it, "" on failure; owned by the buffer, valid until the next append. */
const char *gv_buf_str(struct gv_buf *b);

#endif
