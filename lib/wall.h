/* Times of day by a clock on the wall, as people write schedules: "17:00" on some days of the week. */
#ifndef GV_WALL_H
#define GV_WALL_H

#include <lib/zone.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Minutes since midnight of "HH:MM"; -1: no such time. */
int gv_wall_minutes(const char *text);
/* Days since 1970-01-01 that the wall's calendar shows. */
int64_t gv_wall_day(const struct gv_zone *zone, int64_t utc_ms);
/* Whether a day is one of these days of the week, 1 Monday to 7 Sunday; of none at all each is. */
bool gv_wall_on_day(const uint32_t *weekdays, size_t n, int64_t day);
/* From one time of a day to another, ms since the epoch. To one that is not later: of the next day. Reckoned on the
 * wall's clock, so that a day that is an hour longer or shorter needs no care elsewhere. */
void gv_wall_span(const struct gv_zone *zone, int64_t day, int from_minute, int until_minute, int64_t *ret_from_ms,
		  int64_t *ret_until_ms);

#endif
