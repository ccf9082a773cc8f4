/* When a plugin that died may run again: a back-off that doubles, and an end to it. */
#ifndef GV_RESTART_H
#define GV_RESTART_H

#include <stdbool.h>
#include <stdint.h>

#define GV_RESTART_FIRST_MS 100
#define GV_RESTART_MAX_MS 10000
#define GV_RESTART_STEADY_MS 60000 /* up this long: the back-off begins anew */
#define GV_RESTART_CRASHES 5       /* this many ... */
#define GV_RESTART_WINDOW_MS 60000 /* ... within this time: quarantine */

struct gv_restart {
	int64_t crashes_ms[GV_RESTART_CRASHES]; /* when the latest ones were; a ring */
	unsigned next, count;
	uint32_t delay_ms; /* before the last restart; 0: none yet */
};

/* The instance died at now_ms after having been up since up_ms (0: it never was). Times are of a monotonic clock. True:
 * it may be started again after *ret_delay_ms; false: it is to be quarantined. */
bool gv_restart_crashed(struct gv_restart *r, int64_t up_ms, int64_t now_ms, uint32_t *ret_delay_ms);
/* Someone asked for it: a clean slate. */
void gv_restart_reset(struct gv_restart *r);

#endif
