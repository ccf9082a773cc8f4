/* "Did you mean": the nearest of several names. */
#ifndef GV_NEAR_H
#define GV_NEAR_H

#include <stdbool.h>
#include <stddef.h>

#define GV_NEAR_NAME_MAX 64 /* bytes; longer names have no near ones */

/* How many characters must be inserted, removed, replaced or swapped with a neighbour to make b of a; case and '_'
 * versus '-' count nothing. */
unsigned gv_near_distance(const char *a, const char *b);
/* True if b is near enough to a to be proposed for it. */
bool gv_near(const char *a, const char *b);

/* Of the names offered one after another, the nearest that is near enough; zero-initialised: none. */
struct gv_nearest {
	const char *name; /* borrowed */
	unsigned distance;
};
void gv_nearest_offer(struct gv_nearest *n, const char *wanted, const char *name);

#endif
