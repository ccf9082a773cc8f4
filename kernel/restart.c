/* Apart from the supervisor so that the policy can be read and tested without processes. */
#include "restart.h"

#include <string.h>

bool gv_restart_crashed(struct gv_restart *r, int64_t up_ms, int64_t now_ms, uint32_t *ret_delay_ms)
{
	int64_t oldest;

	if (up_ms != 0 && now_ms - up_ms >= GV_RESTART_STEADY_MS)
		r->delay_ms = 0;
	r->crashes_ms[r->next] = now_ms;
	r->next = (r->next + 1) % GV_RESTART_CRASHES;
	if (r->count < GV_RESTART_CRASHES)
		r->count++;
	oldest = r->crashes_ms[r->next]; /* of a full ring */
	if (r->count == GV_RESTART_CRASHES && now_ms - oldest <= GV_RESTART_WINDOW_MS)
		return false;
	if (r->delay_ms == 0)
		r->delay_ms = GV_RESTART_FIRST_MS;
	else if (r->delay_ms < GV_RESTART_MAX_MS / 2)
		r->delay_ms *= 2;
	else
		r->delay_ms = GV_RESTART_MAX_MS;
	*ret_delay_ms = r->delay_ms;
	return true;
}

void gv_restart_reset(struct gv_restart *r)
{
	memset(r, 0, sizeof *r);
}
