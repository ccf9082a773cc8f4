/* Times as text: what devices send, leniently, and one form to print. */
#ifndef GV_ISO8601_H
#define GV_ISO8601_H

#include <lib/zone.h>
#include <stddef.h>
#include <stdint.h>

#define GV_TIME_MAX_MS INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

enum gv_time_flags {
	GV_TIME_NO_ZONE = 1 << 0,    /* the text names no zone: taken in the one given */
	GV_TIME_NO_SECONDS = 1 << 1, /* the text ends with the minutes */
	GV_TIME_REPEATED = 1 << 2,   /* this local time came twice (a clock was put back): the first one was taken */
	GV_TIME_SKIPPED = 1 << 3, /* this local time never was (a clock was put forward): taken as if the clock had not
				     yet been changed */
};

/* RFC 3339, and what chargers make of it: a fraction of any length (cut to milliseconds), ',' for its point, a blank
 * for 'T' and before the zone, small letters, no seconds, zones Z, +hh:mm, +hhmm, +hh or none (then `zone`; NULL: UTC),
 * 24:00:00, a 60th second, blanks around it all. *ret_ms is in 0 .. GV_TIME_MAX_MS. -EINVAL: no such form, or no such
 * day or time; -ERANGE: outside the years 1970 .. 9999. ret_flags may be NULL. */
int gv_time_parse(const char *s, size_t n, const struct gv_zone *zone, int64_t *ret_ms, unsigned *ret_flags);

/* "2025-01-15T02:09:54.000Z". What is outside the years 0000 .. 9999 is printed as the nearest that is inside. */
void gv_time_format(int64_t ms, char ret[static 25]);

#endif
