/* The files of web/, compiled in: api does no I/O. */
#ifndef API_PAGES_H
#define API_PAGES_H

#include <stddef.h>

struct api_page {
	const char *path, *content_type;
	const unsigned char *data;
	size_t size;
};

extern const struct api_page api_pages[]; /* ends with a zeroed entry */

#endif
