/* The windows of a schedule in time: when each begins and ends, on the clock of its site. */
#ifndef ENERGY_HOURS_H
#define ENERGY_HOURS_H

#include <galvan/energy.pb-c.h>
#include <lib/zone.h>

#include <stdbool.h>

#define HOURS_DAY_MS INT64_C(86400000)

/* NULL, or what is wrong with a window. */
const char *hours_problem(const Energy__Window *w);
/* Whether the window holds at any time in from_ms .. until_ms, both included. *ret_change_ms becomes the earlier of
 * itself and the next time at which the answer for an interval of the same length, moved on from now, may be another.
 */
bool hours_hold(const Energy__Window *w, const struct gv_zone *zone, int64_t from_ms, int64_t until_ms,
		int64_t *ret_change_ms);

#endif
