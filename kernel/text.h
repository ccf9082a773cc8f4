/* Sentences for people as malloc'd strings: what functions with a `char **ret_error` hand out. */
#ifndef GV_TEXT_H
#define GV_TEXT_H

#include <stdarg.h>
#include <stddef.h>

/* Sets *ret_error (which may be NULL: then nothing) to the text, NULL where memory is short. Returns `code`, so that it
 * ends a failing path. */
int gv_text_error(char **ret_error, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The text, malloc'd; NULL where memory is short. */
char *gv_text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Like strerror, but thread-safe, of a negative or positive errno; memory of the C library, constant. */
const char *gv_text_errno(int error);

#endif
