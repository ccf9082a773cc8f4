/* What a site may draw, at a time and at least. */
#ifndef ENERGY_LIMITS_H
#define ENERGY_LIMITS_H

#include "hours.h"
#include "share.h"

/* Per phase, the lowest of all that hold at any time from now until ahead_ms later. *ret_change_ms becomes the earlier
 * of itself and the time at which that may be another. */
void limits_at(const Energy__SiteRow *row, const struct gv_zone *zone, int64_t now_ms, int64_t ahead_ms,
	       int64_t ret_ma[SHARE_PHASES], int64_t *ret_change_ms);
/* Per phase, the lowest that may ever hold from now on. */
void limits_floor(const Energy__SiteRow *row, int64_t now_ms, int64_t ret_ma[SHARE_PHASES]);

#endif
