/* What the Range and conditional headers of a request (RFC 9110, 13 and 14) want of a file: pure functions over bytes
 * that a stranger sent. */
#ifndef LINK_RANGES_H
#define LINK_RANGES_H

#include "text.h"

#define RANGES_MAX 16 /* of one request; who asks for more gets the whole file */

struct range {
	uint64_t first, last; /* both belong to it */
};

/* The ranges that a Range header asks for of a file of `size` bytes, in the order in which it asks, and how many: none
 * overlaps another. 0: the header is to be ignored and the whole sent, as for another unit, bad syntax, ranges that
 * overlap or are too many. -ERANGE: nothing of it exists. */
int ranges_parse(struct slice value, uint64_t size, struct range ret[static RANGES_MAX]);

/* Whether a list of entity tags (If-Match, If-None-Match) has "*" or `id`. `weak`: by the weak comparison, in which W/
 * does not count (8.8.3.2). Tags that lack their quotes are forgiven. */
bool etags_have(struct slice list, const char *id, bool weak);

/* Whether the validator of an If-Range is the strong entity tag `id`. A date never is: files have none. */
bool etag_is(struct slice value, const char *id);

#endif
