/* A time zone's rules, from the bytes of a TZif file (RFC 8536, what /usr/share/zoneinfo holds). Reads no files and no
 * TZ variable. */
#ifndef GV_ZONE_H
#define GV_ZONE_H

#include <stddef.h>
#include <stdint.h>

#define GV_ZONE_SIZE_MAX (256 * 1024) /* bytes of a file */

struct gv_zone;

/* -EBADMSG: no TZif file, or one that counts leap seconds. Only read afterwards; may be read from several threads. */
int gv_zone_parse(const uint8_t *data, size_t size, struct gv_zone **ret);
/* NULL is fine. */
void gv_zone_destroy(struct gv_zone *z);

/* Seconds east of UTC at a time (s since the epoch). NULL: 0. */
int32_t gv_zone_offset_s(const struct gv_zone *z, int64_t utc_s);
/* The same, with a span around utc_s in which it holds: from *ret_from_s until before *ret_until_s; INT64_MIN and
 * INT64_MAX: for ever. */
int32_t gv_zone_span(const struct gv_zone *z, int64_t utc_s, int64_t *ret_from_s, int64_t *ret_until_s);

enum gv_zone_local { GV_ZONE_ONCE, GV_ZONE_REPEATED, GV_ZONE_SKIPPED };
/* The time at which a clock on the wall shows local_s (as if it were UTC). A repeated one: the first of the two; a
 * skipped one: by the offset that held before, so that it comes out behind the gap. */
enum gv_zone_local gv_zone_to_utc(const struct gv_zone *z, int64_t local_s, int64_t *ret_utc_s);

#endif
