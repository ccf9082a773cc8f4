/* See windows.h. */
#include "windows.h"

#include <lib/wall.h>

const char *window_problem(const Ota__Window *w)
{
	if (gv_wall_minutes(w->from) < 0 || gv_wall_minutes(w->until) < 0)
		return "a window's from and until are times of day, as \"02:00\"";
	for (size_t i = 0; i < w->n_weekdays; i++)
		if (w->weekdays[i] < 1 || w->weekdays[i] > 7)
			return "a window's weekdays are from 1, Monday, to 7, Sunday";
	return NULL;
}

bool windows_open(Ota__Window *const *windows, size_t n, const struct gv_zone *zone, int64_t now_ms,
		  int64_t *ret_opens_ms)
{
	int64_t today = gv_wall_day(zone, now_ms);

	*ret_opens_ms = INT64_MAX;
	for (size_t i = 0; i < n; i++)
		for (int64_t day = today - 1; day <= today + 8; day++) {
			const Ota__Window *w = windows[i];
			int64_t start_ms, end_ms;

			if (!gv_wall_on_day(w->weekdays, w->n_weekdays, day))
				continue;
			gv_wall_span(zone, day, gv_wall_minutes(w->from), gv_wall_minutes(w->until), &start_ms,
				     &end_ms);
			if (start_ms <= now_ms && now_ms < end_ms)
				return true;
			if (start_ms > now_ms && start_ms < *ret_opens_ms)
				*ret_opens_ms = start_ms;
		}
	return !n;
}
