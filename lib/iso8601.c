/* Chargers send times in every dialect of ISO 8601. What cannot be mistaken is taken; what had to be assumed is
 * flagged, so that the caller can record it. */
#include <lib/iso8601.h>

#include <errno.h>
#include <lib/calendar.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define TIME_MIN_MS INT64_C(-62167219200000) /* 0000-01-01T00:00:00.000Z */

struct text {
	const char *at, *end;
};

static bool is_digit(const struct text *t)
{
	return t->at < t->end && *t->at >= '0' && *t->at <= '9';
}

static bool take(struct text *t, const char *any_of)
{
	if (t->at == t->end || !*t->at || !strchr(any_of, *t->at))
		return false;
	t->at++;
	return true;
}

/* Exactly `digits` digits, at most max. */
static bool number(struct text *t, int digits, int max, int *ret)
{
	int value = 0;
	for (int i = 0; i < digits; i++, t->at++) {
		if (!is_digit(t))
			return false;
		value = value * 10 + (*t->at - '0');
	}
	*ret = value;
	return value <= max;
}

struct fields {
	int year, month, day, hour, minute, second, ms;
	unsigned flags;
};

static bool read_date(struct text *t, struct fields *f)
{
	return number(t, 4, 9999, &f->year) && take(t, "-") && number(t, 2, 12, &f->month) && f->month >= 1 &&
	       take(t, "-") && number(t, 2, 31, &f->day) && f->day >= 1 && f->day <= gv_month_days(f->year, f->month);
}

static bool read_fraction(struct text *t, struct fields *f)
{
	if (!is_digit(t))
		return false;
	for (int unit = 100; is_digit(t); t->at++, unit /= 10)
		f->ms += (*t->at - '0') * unit;
	return true;
}

static bool read_time(struct text *t, struct fields *f)
{
	if (!number(t, 2, 24, &f->hour) || !take(t, ":") || !number(t, 2, 59, &f->minute))
		return false;
	if (!take(t, ":"))
		f->flags |= GV_TIME_NO_SECONDS;
	else if (!number(t, 2, 60, &f->second) || (take(t, ".,") && !read_fraction(t, f)))
		return false;
	return f->hour < 24 || (f->minute == 0 && f->second == 0 && f->ms == 0);
}

/* Seconds east of UTC; without a zone in the text, the flag. */
static bool read_zone(struct text *t, struct fields *f, int *ret_offset_s)
{
	int hours, minutes = 0;
	*ret_offset_s = 0;
	while (take(t, " "))
		;
	if (t->at == t->end) {
		f->flags |= GV_TIME_NO_ZONE;
		return true;
	}
	if (take(t, "Zz"))
		return true;
	bool west = *t->at == '-';
	if (!take(t, "+-") || !number(t, 2, 23, &hours))
		return false;
	if (t->at < t->end) {
		take(t, ":");
		if (!number(t, 2, 59, &minutes))
			return false;
	}
	*ret_offset_s = (west ? -1 : 1) * (hours * 3600 + minutes * 60);
	return true;
}

int gv_time_parse(const char *s, size_t n, const struct gv_zone *zone, int64_t *ret_ms, unsigned *ret_flags)
{
	struct text t = { s, s + n };
	struct fields f = { 0 };
	int offset_s;
	while (take(&t, " \t\r\n"))
		;
	while (t.end > t.at && memchr(" \t\r\n", t.end[-1], 4))
		t.end--;
	if (!read_date(&t, &f) || !take(&t, "Tt ") || !read_time(&t, &f) || !read_zone(&t, &f, &offset_s) ||
	    t.at != t.end)
		return -EINVAL;
	int64_t at_s = gv_day(f.year, f.month, f.day) * GV_DAY_S + f.hour * 3600 + f.minute * 60 + f.second;
	if (f.flags & GV_TIME_NO_ZONE) {
		enum gv_zone_local l = gv_zone_to_utc(zone, at_s, &at_s);
		f.flags |= l == GV_ZONE_REPEATED ? GV_TIME_REPEATED : l == GV_ZONE_SKIPPED ? GV_TIME_SKIPPED : 0u;
	} else {
		at_s -= offset_s;
	}
	if (at_s < 0 || at_s > GV_TIME_MAX_MS / 1000)
		return -ERANGE;
	*ret_ms = at_s * 1000 + f.ms;
	if (ret_flags)
		*ret_flags = f.flags;
	return 0;
}

/* `width` digits, zeros in front. */
static char *put(char *to, int value, int width)
{
	for (int i = width; i-- > 0; value /= 10)
		to[i] = (char)('0' + value % 10);
	return to + width;
}

void gv_time_format(int64_t ms, char ret[static 25])
{
	ms = ms < TIME_MIN_MS ? TIME_MIN_MS : ms > GV_TIME_MAX_MS ? GV_TIME_MAX_MS : ms;
	int64_t in_day = ms % (GV_DAY_S * 1000), day = ms / (GV_DAY_S * 1000);
	if (in_day < 0) {
		in_day += GV_DAY_S * 1000;
		day--;
	}
	int64_t year = 1970 + (day >= 0 ? day : day - 365) / 366; /* not too late, and never many years too early */
	while (gv_year_day(year + 1) <= day)
		year++;
	while (gv_year_day(year) > day)
		year--;
	int in_year = (int)(day - gv_year_day(year)), month = 1;
	while (in_year >= gv_month_days(year, month))
		in_year -= gv_month_days(year, month++);
	char *to = put(ret, (int)year, 4);
	*to++ = '-';
	to = put(to, month, 2);
	*to++ = '-';
	to = put(to, in_year + 1, 2);
	*to++ = 'T';
	to = put(to, (int)(in_day / 3600000), 2);
	*to++ = ':';
	to = put(to, (int)(in_day / 60000 % 60), 2);
	*to++ = ':';
	to = put(to, (int)(in_day / 1000 % 60), 2);
	*to++ = '.';
	to = put(to, (int)(in_day % 1000), 3);
	*to++ = 'Z';
	*to = '\0';
}
