/* A walk through JSON text that gv_json_check has passed, value by value, without building a tree: numbers keep their
 * digits, and what is not understood can be kept as it stands. Used by ocpi_read.c. */
#ifndef BILLING_OCPI_TEXT_H
#define BILLING_OCPI_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct ocpi_span {
	const char *at;
	size_t size;
};

struct ocpi_walk {
	const char *at, *end;
	bool first;
};

/* A walk over the members or items of a value; false: it is not an object ('{') or list ('['). */
bool ocpi_walk_into(struct ocpi_span value, char open, struct ocpi_walk *ret);
/* The next member, its name without quotes and with escapes as they stand; false at the end. */
bool ocpi_walk_member(struct ocpi_walk *w, struct ocpi_span *ret_name, struct ocpi_span *ret_value);
bool ocpi_walk_item(struct ocpi_walk *w, struct ocpi_span *ret_value);

/* The text without the blanks around it. */
struct ocpi_span ocpi_trim(const char *text, size_t size);
bool ocpi_is(struct ocpi_span s, const char *text);
/* What is between a string's quotes, escapes as they stand; false: no string. */
bool ocpi_string(struct ocpi_span value, struct ocpi_span *ret);

#endif
