/* The byte buffer that everything which makes text or bytes of unknown length writes to. */
#include <lib/buf.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN 64
#define SIZE_LIMIT ((size_t)1 << 40) /* no sane caller gets near; keeps the arithmetic free of overflow */

void gv_buf_fini(struct gv_buf *b)
{
	free(b->data);
	memset(b, 0, sizeof *b);
}

int gv_buf_reserve(struct gv_buf *b, size_t more)
{
	if (b->error)
		return b->error;
	if (more <= b->capacity - b->size)
		return 0;
	if (more > SIZE_LIMIT || b->size > SIZE_LIMIT)
		return b->error = -ENOMEM;
	size_t capacity = b->capacity ? b->capacity : CAPACITY_MIN;
	while (capacity < b->size + more)
		capacity *= 2;
	uint8_t *data = realloc(b->data, capacity);
	if (!data)
		return b->error = -ENOMEM;
	b->data = data;
	b->capacity = capacity;
	return 0;
}

int gv_buf_add(struct gv_buf *b, const void *data, size_t size)
{
	int r = gv_buf_reserve(b, size);
	if (r < 0 || size == 0)
		return r;
	memcpy(b->data + b->size, data, size);
	b->size += size;
	return 0;
}

int gv_buf_puts(struct gv_buf *b, const char *s)
{
	return gv_buf_add(b, s, strlen(s));
}

int gv_buf_putc(struct gv_buf *b, char c)
{
	return gv_buf_add(b, &c, 1);
}

int gv_buf_vprintf(struct gv_buf *b, const char *fmt, va_list ap)
{
	char small[256];
	va_list again;
	va_copy(again, ap);
	int n = vsnprintf(small, sizeof small, fmt, ap);
	int r;
	if (n < 0) {
		r = b->error = b->error ? b->error : -EINVAL;
	} else if ((size_t)n < sizeof small) {
		r = gv_buf_add(b, small, (size_t)n);
	} else {
		r = gv_buf_reserve(b, (size_t)n + 1);
		if (r == 0) {
			vsnprintf((char *)b->data + b->size, (size_t)n + 1, fmt, again);
			b->size += (size_t)n;
		}
	}
	va_end(again);
	return r;
}

int gv_buf_printf(struct gv_buf *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int r = gv_buf_vprintf(b, fmt, ap);
	va_end(ap);
	return r;
}

const char *gv_buf_str(struct gv_buf *b)
{
	if (gv_buf_reserve(b, 1) < 0)
		return "";
	b->data[b->size] = '\0';
	return (const char *)b->data;
}
