/* Windows: see hours.h. */
#include "hours.h"

#include <lib/wall.h>

const char *hours_problem(const Energy__Window *w)
{
	if (w->limit_ma < 0)
		return "limitMa must not be negative";
	if ((*w->from && gv_wall_minutes(w->from) < 0) || (*w->until && gv_wall_minutes(w->until) < 0))
		return "from and until must be times of day, as \"17:00\"";
	for (size_t i = 0; i < w->n_days; i++)
		if (w->days[i] < 1 || w->days[i] > 7)
			return "days must be from 1, Monday, to 7, Sunday";
	if (w->start_ms < 0 || w->end_ms < 0 || (w->end_ms && w->end_ms <= w->start_ms))
		return "endMs must be after startMs";
	return NULL;
}

/* The occurrence that begins on a day of the site's calendar. */
static bool occurrence(const Energy__Window *w, const struct gv_zone *zone, int64_t day, int64_t *ret_start_ms,
		       int64_t *ret_end_ms)
{
	int from = *w->from ? gv_wall_minutes(w->from) : 0, until = *w->until ? gv_wall_minutes(w->until) : 0;

	if (day < 0 || !gv_wall_on_day(w->days, w->n_days, day))
		return false;
	gv_wall_span(zone, day, from, until, ret_start_ms, ret_end_ms);
	if (*ret_start_ms < w->start_ms)
		*ret_start_ms = w->start_ms;
	if (w->end_ms && *ret_end_ms > w->end_ms)
		*ret_end_ms = w->end_ms;
	return *ret_start_ms < *ret_end_ms;
}

bool hours_hold(const Energy__Window *w, const struct gv_zone *zone, int64_t from_ms, int64_t until_ms,
		int64_t *ret_change_ms)
{
	int64_t first = gv_wall_day(zone, from_ms) - 2, last = gv_wall_day(zone, until_ms) + 2;
	bool holds = false;

	for (int64_t day = first; day <= last; day++) {
		int64_t start_ms, end_ms, seen_ms;

		if (!occurrence(w, zone, day, &start_ms, &end_ms) || end_ms <= from_ms)
			continue;
		seen_ms = start_ms - (until_ms - from_ms); /* from then on the interval reaches it */
		holds |= start_ms <= until_ms;
		if (seen_ms > from_ms && seen_ms < *ret_change_ms)
			*ret_change_ms = seen_ms;
		if (end_ms < *ret_change_ms)
			*ret_change_ms = end_ms;
	}
	return holds;
}
