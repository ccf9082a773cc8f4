/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef GV_UTF8_H
#define GV_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* The bytes of the character at s, of which `size` are there; 0: none. */
size_t gv_utf8_char(const void *s, size_t size);
bool gv_utf8_valid(const void *s, size_t size);
/* Characters of a valid string. */
size_t gv_utf8_count(const char *s, size_t size);

#endif
