/* "Did you mean": the nearest of several names. */
#ifndef GV_NEAR_H
#define GV_NEAR_H

#include <stddef.h>

#define GV_NEAR_NAME_MAX 64 /* bytes; longer names have no near ones */

/* How many characters must be inserted, removed, replaced or swapped with a neighbour to make b of a; case and '_' versus '-' count nothing. */
unsigned gv_near_distance(const char *a, const char *b);
/* True if b is near enough to a to be proposed for it. */
int gv_near(const char *a, const char *b);

#endif
