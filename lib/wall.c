/* See wall.h: spans are reckoned on the wall's own clock, day by day. */
#include "wall.h"

#include "calendar.h"

#include <string.h>

int gv_wall_minutes(const char *text)
{
	static const char digits[] = "0123456789";

	if (strlen(text) != 5 || text[2] != ':' || strspn(text, digits) != 2 || strspn(text + 3, digits) != 2)
		return -1;
	if ((text[0] - '0') * 10 + text[1] - '0' > 23 || text[3] > '5')
		return -1;
	return ((text[0] - '0') * 10 + text[1] - '0') * 60 + (text[3] - '0') * 10 + text[4] - '0';
}

int64_t gv_wall_day(const struct gv_zone *zone, int64_t utc_ms)
{
	return (utc_ms / 1000 + gv_zone_offset_s(zone, utc_ms / 1000)) / GV_DAY_S;
}

bool gv_wall_on_day(const uint32_t *weekdays, size_t n, int64_t day)
{
	uint32_t weekday = (uint32_t)((day + 3) % 7) + 1; /* 1970-01-01 was a Thursday */

	for (size_t i = 0; i < n; i++)
		if (weekdays[i] == weekday)
			return true;
	return !n;
}

static int64_t at(const struct gv_zone *zone, int64_t day, int minute)
{
	int64_t utc_s;

	gv_zone_to_utc(zone, day * GV_DAY_S + (int64_t)minute * 60, &utc_s);
	return utc_s * 1000;
}

void gv_wall_span(const struct gv_zone *zone, int64_t day, int from_minute, int until_minute, int64_t *ret_from_ms,
		  int64_t *ret_until_ms)
{
	*ret_from_ms = at(zone, day, from_minute);
	*ret_until_ms = at(zone, day + (until_minute <= from_minute), until_minute);
}
