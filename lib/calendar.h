/* The Gregorian calendar, for any year. Used by iso8601.c and zone.c. */
#ifndef GV_CALENDAR_H
#define GV_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

#define GV_DAY_S 86400
#define GV_CYCLE_DAYS 146097 /* 400 years: after them the calendar repeats, weekdays included */

static inline bool gv_leap_year(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* month: 1 .. 12 */
static inline int gv_month_days(int64_t year, int month)
{
	static const int8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	return days[month - 1] + (month == 2 && gv_leap_year(year));
}

/* Days from 1970-01-01 to the first of January of a year. */
static inline int64_t gv_year_day(int64_t year)
{
	int64_t cycle = year >= 0 ? year / 400 : -((399 - year) / 400), y = year - cycle * 400; /* y: 0 .. 399 */
	int64_t leaps = y == 0 ? 0 : (y - 1) / 4 - (y - 1) / 100 + 1; /* before y; year 0 is one */
	return cycle * GV_CYCLE_DAYS + y * 365 + leaps - 719528;
}

/* Days from 1970-01-01; month: 1 .. 12, day: 1 .. 31 */
static inline int64_t gv_day(int64_t year, int month, int day)
{
	int64_t days = gv_year_day(year) + day - 1;
	for (int m = 1; m < month; m++)
		days += gv_month_days(year, m);
	return days;
}

#endif
