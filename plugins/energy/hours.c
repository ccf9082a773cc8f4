/* Windows: see hours.h. Each day's occurrence is reckoned on the wall's clock, so that a day that is an hour longer or
 * shorter needs no care elsewhere. */
#include "hours.h"

#include <lib/calendar.h>

#include <stddef.h>
#include <string.h>

#define DAY_MINUTES (24 * 60)

/* Minutes since midnight; -1: no such time. */
static int minutes(const char *text)
{
	const char *digits = "0123456789";

	if (strlen(text) != 5 || text[2] != ':' || !strchr(digits, text[0]) || !strchr(digits, text[1]) ||
	    !strchr(digits, text[3]) || !strchr(digits, text[4]))
		return -1;
	if ((text[0] - '0') * 10 + text[1] - '0' > 23 || text[3] > '5')
		return -1;
	return ((text[0] - '0') * 10 + text[1] - '0') * 60 + (text[3] - '0') * 10 + text[4] - '0';
}

const char *hours_problem(const Energy__Window *w)
{
	if (w->limit_ma < 0)
		return "limitMa must not be negative";
	if ((*w->from && minutes(w->from) < 0) || (*w->until && minutes(w->until) < 0))
		return "from and until must be times of day, as \"17:00\"";
	for (size_t i = 0; i < w->n_days; i++)
		if (w->days[i] < 1 || w->days[i] > 7)
			return "days must be from 1, Monday, to 7, Sunday";
	if (w->start_ms < 0 || w->end_ms < 0 || (w->end_ms && w->end_ms <= w->start_ms))
		return "endMs must be after startMs";
	return NULL;
}

static bool on_day(const Energy__Window *w, int64_t day)
{
	uint32_t weekday = (uint32_t)((day + 3) % 7) + 1; /* 1970-01-01 was a Thursday */

	for (size_t i = 0; i < w->n_days; i++)
		if (w->days[i] == weekday)
			return true;
	return !w->n_days;
}

static int64_t at_wall(const struct gv_zone *zone, int64_t day, int minute)
{
	int64_t utc_s;

	gv_zone_to_utc(zone, day * GV_DAY_S + (int64_t)minute * 60, &utc_s);
	return utc_s * 1000;
}

/* The occurrence that begins on a day of the site's calendar. */
static bool occurrence(const Energy__Window *w, const struct gv_zone *zone, int64_t day, int64_t *ret_start_ms,
		       int64_t *ret_end_ms)
{
	int from = *w->from ? minutes(w->from) : 0, until = *w->until ? minutes(w->until) : 0;

	if (day < 0 || !on_day(w, day))
		return false;
	*ret_start_ms = at_wall(zone, day, from);
	*ret_end_ms = at_wall(zone, day + (until <= from), until);
	if (*ret_start_ms < w->start_ms)
		*ret_start_ms = w->start_ms;
	if (w->end_ms && *ret_end_ms > w->end_ms)
		*ret_end_ms = w->end_ms;
	return *ret_start_ms < *ret_end_ms;
}

bool hours_hold(const Energy__Window *w, const struct gv_zone *zone, int64_t from_ms, int64_t until_ms,
		int64_t *ret_change_ms)
{
	int64_t first = (from_ms / 1000 + gv_zone_offset_s(zone, from_ms / 1000)) / GV_DAY_S - 2;
	int64_t last = (until_ms / 1000 + gv_zone_offset_s(zone, until_ms / 1000)) / GV_DAY_S + 2;
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
