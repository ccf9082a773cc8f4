/* libc knows one zone at a time, through the environment; a back end serves sites in many. So the zone's file is read
 * here. Behind its last transition stands a rule (POSIX TZ); it is written out for 400 years, after which the calendar
 * repeats. */
#include <lib/zone.h>

#include <errno.h>
#include <lib/calendar.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_SIZE 44
#define TRANSITIONS_MAX 4096 /* of a file; the largest known has about 250 */
#define OFFSET_MAX_S (26 * 3600)
#define RULE_YEARS 401

struct transition {
	int64_t at_s;     /* UTC */
	int32_t offset_s; /* from then on */
};

struct gv_zone {
	int32_t first_offset_s; /* before all transitions */
	bool cyclic;            /* the last RULE_YEARS of the transitions repeat for ever */
	size_t count;
	struct transition transitions[];
};

/* ---- the rule: "CET-1CEST,M3.5.0,M10.5.0/3" -------------------------------------------------- */

struct change {
	char kind; /* 'M' month, week and weekday; 'J' day 1 .. 365 without 29 February; 'N' day 0 .. 365 */
	int month, week, day;
	int time_s;
};

struct rule {
	int32_t standard_s, daylight_s;
	bool has_daylight;
	struct change start, end; /* of daylight saving */
};

static bool take(const char **s, const char *end, char c)
{
	if (*s == end || **s != c)
		return false;
	(*s)++;
	return true;
}

static bool number(const char **s, const char *end, int min, int max, int *ret)
{
	int value = 0, digits = 0;
	for (; *s < end && **s >= '0' && **s <= '9' && digits < 4; (*s)++, digits++)
		value = value * 10 + (**s - '0');
	*ret = value;
	return digits > 0 && value >= min && value <= max;
}

/* [+-]hh[:mm[:ss]] */
static bool read_time(const char **s, const char *end, int max_hours, int *ret_s)
{
	int h, m = 0, sec = 0;
	bool negative = take(s, end, '-');
	if (!negative)
		take(s, end, '+');
	if (!number(s, end, 0, max_hours, &h))
		return false;
	if (take(s, end, ':') && (!number(s, end, 0, 59, &m) || (take(s, end, ':') && !number(s, end, 0, 59, &sec))))
		return false;
	*ret_s = (negative ? -1 : 1) * (h * 3600 + m * 60 + sec);
	return true;
}

static bool read_name(const char **s, const char *end)
{
	const char *start = *s;
	if (take(s, end, '<')) {
		while (*s < end && **s != '>')
			(*s)++;
		return take(s, end, '>');
	}
	while (*s < end && ((**s >= 'A' && **s <= 'Z') || (**s >= 'a' && **s <= 'z')))
		(*s)++;
	return *s > start;
}

static bool read_change(const char **s, const char *end, struct change *c)
{
	*c = (struct change){ .kind = 'N', .time_s = 2 * 3600 };
	if (!take(s, end, ','))
		return false;
	if (take(s, end, 'M')) {
		c->kind = 'M';
		if (!number(s, end, 1, 12, &c->month) || !take(s, end, '.') || !number(s, end, 1, 5, &c->week) ||
		    !take(s, end, '.') || !number(s, end, 0, 6, &c->day))
			return false;
	} else if (take(s, end, 'J')) {
		c->kind = 'J';
		if (!number(s, end, 1, 365, &c->day))
			return false;
	} else if (!number(s, end, 0, 365, &c->day)) {
		return false;
	}
	return !take(s, end, '/') || read_time(s, end, 167, &c->time_s);
}

/* POSIX counts offsets west of UTC. */
static bool read_rule(const char *s, const char *end, struct rule *r)
{
	int west_s;
	*r = (struct rule){ 0 };
	if (!read_name(&s, end) || !read_time(&s, end, 24, &west_s))
		return false;
	r->standard_s = -west_s;
	r->daylight_s = r->standard_s + 3600;
	if (s == end)
		return true;
	r->has_daylight = true;
	if (!read_name(&s, end))
		return false;
	if (s < end && *s != ',') {
		if (!read_time(&s, end, 24, &west_s))
			return false;
		r->daylight_s = -west_s;
	}
	return read_change(&s, end, &r->start) && read_change(&s, end, &r->end) && s == end;
}

/* The local second, counted from the epoch, of a change in a year. */
static int64_t change_at(const struct change *c, int64_t year)
{
	int64_t day;
	if (c->kind == 'J') {
		day = gv_year_day(year) + c->day - 1 + (gv_leap_year(year) && c->day >= 60);
	} else if (c->kind == 'N') {
		day = gv_year_day(year) + c->day;
	} else {
		int64_t first = gv_day(year, c->month, 1),
			weekday = ((first + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
		int in_month = (int)((c->day - weekday + 7) % 7) + 7 * (c->week - 1);
		if (in_month >= gv_month_days(year, c->month)) /* week 5 is the last one */
			in_month -= 7;
		day = first + in_month;
	}
	return day * GV_DAY_S + c->time_s;
}

/* ---- the file -------------------------------------------------------------------------------- */

struct header {
	uint8_t version;
	uint32_t n_utc, n_std, n_leap, n_times, n_types, n_chars;
};

static uint64_t big_endian(const uint8_t *p, size_t size)
{
	uint64_t value = 0;
	for (size_t i = 0; i < size; i++)
		value = value << 8 | p[i];
	return value;
}

static bool read_header(const uint8_t *p, size_t size, struct header *h)
{
	if (size < HEADER_SIZE || memcmp(p, "TZif", 4) != 0)
		return false;
	h->version = p[4];
	h->n_utc = (uint32_t)big_endian(p + 20, 4);
	h->n_std = (uint32_t)big_endian(p + 24, 4);
	h->n_leap = (uint32_t)big_endian(p + 28, 4);
	h->n_times = (uint32_t)big_endian(p + 32, 4);
	h->n_types = (uint32_t)big_endian(p + 36, 4);
	h->n_chars = (uint32_t)big_endian(p + 40, 4);
	return h->n_leap == 0 && h->n_times <= TRANSITIONS_MAX && h->n_types >= 1 && h->n_types <= 256 &&
	       h->n_chars <= 4096 && h->n_std <= 256 && h->n_utc <= 256;
}

static size_t block_size(const struct header *h, size_t time_size)
{
	return h->n_times * (time_size + 1) + h->n_types * 6 + h->n_chars + h->n_std + h->n_utc;
}

static bool read_offset(const uint8_t *types, size_t i, int32_t *ret)
{
	int32_t offset = (int32_t)(uint32_t)big_endian(types + 6 * i, 4);
	*ret = offset;
	return offset >= -OFFSET_MAX_S && offset <= OFFSET_MAX_S;
}

static bool read_block(const struct header *h, const uint8_t *p, size_t time_size, struct gv_zone *z)
{
	const uint8_t *indexes = p + h->n_times * time_size, *types = indexes + h->n_times;
	if (!read_offset(types, 0, &z->first_offset_s))
		return false;
	for (size_t i = 0; i < h->n_times; i++) {
		uint64_t at = big_endian(p + i * time_size, time_size);
		struct transition *t = &z->transitions[i];
		t->at_s = time_size == 8 ? (int64_t)at : (int64_t)(int32_t)(uint32_t)at;
		if (t->at_s < -(INT64_C(1) << 60) || t->at_s > INT64_C(1) << 40 || (i > 0 && t->at_s <= t[-1].at_s) ||
		    indexes[i] >= h->n_types || !read_offset(types, indexes[i], &t->offset_s))
			return false;
	}
	z->count = h->n_times;
	return true;
}

static void add_transition(struct gv_zone *z, int64_t at_s, int32_t offset_s)
{
	if (z->count == 0 || at_s > z->transitions[z->count - 1].at_s)
		z->transitions[z->count++] = (struct transition){ at_s, offset_s };
}

/* Writes the rule out behind the file's own transitions. */
static void add_rule(struct gv_zone *z, const struct rule *r)
{
	if (!r->has_daylight) {
		if (z->count == 0)
			z->first_offset_s = r->standard_s;
		return;
	}
	int64_t year = 1970, last = z->count ? z->transitions[z->count - 1].at_s / GV_DAY_S : 0;
	while (gv_year_day(year + 1) <= last)
		year++;
	for (int i = 0; i < RULE_YEARS; i++, year++) {
		int64_t start = change_at(&r->start, year) - r->standard_s,
			end = change_at(&r->end, year) - r->daylight_s;
		if (start < end) {
			add_transition(z, start, r->daylight_s);
			add_transition(z, end, r->standard_s);
		} else {
			add_transition(z, end, r->standard_s);
			add_transition(z, start, r->daylight_s);
		}
	}
	z->cyclic = true;
}

int gv_zone_parse(const uint8_t *data, size_t size, struct gv_zone **ret)
{
	struct header h;
	struct rule rule = { 0 };
	size_t time_size = 4;
	bool has_rule = false;
	if (size > GV_ZONE_SIZE_MAX || !read_header(data, size, &h) || size - HEADER_SIZE < block_size(&h, 4))
		return -EBADMSG;
	const uint8_t *end = data + size, *block = data + HEADER_SIZE;
	if (h.version >= '2') { /* the same again with 64 bits, and the rule */
		const uint8_t *second = block + block_size(&h, 4);
		time_size = 8;
		block = second + HEADER_SIZE;
		if (!read_header(second, (size_t)(end - second), &h) || (size_t)(end - block) < block_size(&h, 8))
			return -EBADMSG;
		const char *footer = (const char *)block + block_size(&h, 8), *text_end = (const char *)end;
		const char *newline = text_end - footer > 1 ? memchr(footer + 1, '\n', (size_t)(text_end - footer) - 1)
							    : NULL;
		if (!newline || *footer != '\n')
			return -EBADMSG;
		has_rule = newline > footer + 1;
		if (has_rule && !read_rule(footer + 1, newline, &rule))
			return -EBADMSG;
	}
	struct gv_zone *z = calloc(1, sizeof *z + (h.n_times + 2 * RULE_YEARS) * sizeof *z->transitions);
	if (!z)
		return -ENOMEM;
	if (!read_block(&h, block, time_size, z)) {
		free(z);
		return -EBADMSG;
	}
	if (has_rule)
		add_rule(z, &rule);
	*ret = z;
	return 0;
}

void gv_zone_destroy(struct gv_zone *z)
{
	free(z);
}

/* ---- questions ------------------------------------------------------------------------------- */

/* Brings a time behind the last transition back by whole cycles of the calendar; returns by how much. */
static int64_t fold(const struct gv_zone *z, int64_t *at_s)
{
	const int64_t cycle = (int64_t)GV_CYCLE_DAYS * GV_DAY_S;
	int64_t last = z->cyclic ? z->transitions[z->count - 1].at_s - GV_DAY_S : INT64_MAX;
	int64_t by = *at_s > last ? ((*at_s - last) / cycle + 1) * cycle : 0;
	*at_s -= by;
	return by;
}

int32_t gv_zone_span(const struct gv_zone *z, int64_t utc_s, int64_t *ret_from_s, int64_t *ret_until_s)
{
	*ret_from_s = INT64_MIN;
	*ret_until_s = INT64_MAX;
	if (!z)
		return 0;
	int64_t by = fold(z, &utc_s);
	size_t past = 0, end = z->count; /* past: how many transitions are not after utc_s */
	while (past < end) {
		size_t middle = past + (end - past) / 2;
		if (z->transitions[middle].at_s <= utc_s)
			past = middle + 1;
		else
			end = middle;
	}
	if (past < z->count)
		*ret_until_s = z->transitions[past].at_s + by;
	if (past == 0)
		return z->first_offset_s;
	*ret_from_s = z->transitions[past - 1].at_s + by;
	return z->transitions[past - 1].offset_s;
}

int32_t gv_zone_offset_s(const struct gv_zone *z, int64_t utc_s)
{
	int64_t from_s, until_s;
	return gv_zone_span(z, utc_s, &from_s, &until_s);
}

enum gv_zone_local gv_zone_to_utc(const struct gv_zone *z, int64_t local_s, int64_t *ret_utc_s)
{
	if (!z) {
		*ret_utc_s = local_s;
		return GV_ZONE_ONCE;
	}
	int64_t by = fold(z, &local_s);
	/* The last transition that a clock which was not changed at it has passed. */
	size_t i = z->count;
	int32_t before = z->first_offset_s, after = before;
	for (; i > 0; i--) {
		before = i > 1 ? z->transitions[i - 2].offset_s : z->first_offset_s;
		if (z->transitions[i - 1].at_s + before <= local_s)
			break;
	}
	if (i > 0)
		after = z->transitions[i - 1].offset_s;
	else
		before = after;
	bool skipped = i > 0 && local_s - after < z->transitions[i - 1].at_s;
	*ret_utc_s = local_s - (skipped ? before : after) + by;
	if (skipped)
		return GV_ZONE_SKIPPED;
	return i < z->count && local_s - z->transitions[i].offset_s >= z->transitions[i].at_s ? GV_ZONE_REPEATED
											      : GV_ZONE_ONCE;
}
