/* What of a new file has its like in an old one: bsdiff's search. */
#ifndef GD1_MATCH_H
#define GD1_MATCH_H

#include "delta.h"

/* So many bytes of the new file that are about those at old_at, then so many that are not. */
struct gd1_piece {
	uint32_t old_at, copied, fresh;
};

/* Calls `piece` for the new file's parts in order; a negative answer ends it. Files have at most DELTA_FILE_MAX bytes.
 */
int gd1_match(const uint8_t *old, uint32_t old_size, const uint8_t *fresh, uint32_t fresh_size,
	      int (*piece)(void *user, const struct gd1_piece *it), void *user);

#endif
