/* Hours of the day, by the clock on the wall of a device's site. */
#ifndef OTA_WINDOWS_H
#define OTA_WINDOWS_H

#include <galvan/ota.pb-c.h>
#include <lib/zone.h>

#include <stdbool.h>

/* NULL: nothing is wrong with it. */
const char *window_problem(const Ota__Window *w);
/* Whether one of them is open (none at all: always). If not, *ret_opens_ms is when one will be. A window that begins
 * before midnight and ends after it belongs to the day on which it begins. */
bool windows_open(Ota__Window *const *windows, size_t n, const struct gv_zone *zone, int64_t now_ms,
		  int64_t *ret_opens_ms);

#endif
