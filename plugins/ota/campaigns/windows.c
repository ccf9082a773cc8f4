/* See windows.h. Each day's occurrence is reckoned on the wall's clock, so that a day that is an hour longer or shorter
 * needs no care elsewhere. */
#include "windows.h"

#include <lib/calendar.h>

#include <stddef.h>
#include <string.h>

/* Minutes since midnight; -1: no such time. */
static int minutes(const char *text)
{
	static const char digits[] = "0123456789";

	if (strlen(text) != 5 || text[2] != ':' || strspn(text, digits) != 2 || strspn(text + 3, digits) != 2)
		return -1;
	if ((text[0] - '0') * 10 + text[1] - '0' > 23 || text[3] > '5')
		return -1;
	return ((text[0] - '0') * 10 + text[1] - '0') * 60 + (text[3] - '0') * 10 + text[4] - '0';
}

const char *window_problem(const Ota__Window *w)
{
	if (minutes(w->from) < 0 || minutes(w->until) < 0)
		return "a window's from and until are times of day, as \"02:00\"";
	for (size_t i = 0; i < w->n_weekdays; i++)
		if (w->weekdays[i] < 1 || w->weekdays[i] > 7)
			return "a window's weekdays are from 1, Monday, to 7, Sunday";
	return NULL;
}

static bool on_day(const Ota__Window *w, int64_t day)
{
	uint32_t weekday = (uint32_t)((day + 3) % 7) + 1; /* 1970-01-01 was a Thursday */

	for (size_t i = 0; i < w->n_weekdays; i++)
		if (w->weekdays[i] == weekday)
			return true;
	return !w->n_weekdays;
}

static int64_t at_wall(const struct gv_zone *zone, int64_t day, int minute)
{
	int64_t utc_s;

	gv_zone_to_utc(zone, day * GV_DAY_S + (int64_t)minute * 60, &utc_s);
	return utc_s * 1000;
}

bool windows_open(Ota__Window *const *windows, size_t n, const struct gv_zone *zone, int64_t now_ms,
		  int64_t *ret_opens_ms)
{
	int64_t now_s = now_ms / 1000, today = (now_s + gv_zone_offset_s(zone, now_s)) / GV_DAY_S;

	*ret_opens_ms = INT64_MAX;
	for (size_t i = 0; i < n; i++)
		for (int64_t day = today - 1; day <= today + 8; day++) {
			int from = minutes(windows[i]->from), until = minutes(windows[i]->until);
			int64_t start_ms, end_ms;

			if (!on_day(windows[i], day))
				continue;
			start_ms = at_wall(zone, day, from);
			end_ms = at_wall(zone, day + (until <= from), until);
			if (start_ms <= now_ms && now_ms < end_ms)
				return true;
			if (start_ms > now_ms && start_ms < *ret_opens_ms)
				*ret_opens_ms = start_ms;
		}
	return !n;
}
