/* Chargers' clocks: some have no zone, some were never set, some say nothing. Every message gets a time that can be
 * worked with, and a note of where it came from. */
#include "ocpp.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>

#define CLOCK_SET_MS INT64_C(946684800000) /* 2000-01-01: a clock that shows less was never set */
#define OLD_MS (5 * 60 * 1000)             /* that a message may be under way without a note */
#define AHEAD_MS (10 * 60 * 1000)          /* that a clock may be ahead without a note */

void when_read(struct gv_turn *t, const struct station *st, const cJSON *time, struct when *w)
{
	int64_t now = gv_now_ms(t);
	unsigned flags = 0;

	memset(w, 0, sizeof *w);
	if (!cJSON_IsString(time) ||
	    gv_time_parse(time->valuestring, strlen(time->valuestring), st ? st->zone : NULL, &w->ms, &flags)) {
		w->quirks = QUIRK_BIT(QUIRK_BAD_TIME);
	} else if (w->ms < CLOCK_SET_MS) {
		w->quirks = QUIRK_BIT(QUIRK_CLOCK_UNSET);
	} else {
		w->zoned = !(flags & GV_TIME_NO_ZONE);
		if (!w->zoned) {
			w->quirks = QUIRK_BIT(QUIRK_NO_ZONE);
			w->flags = FLAG(FLAG_NO_ZONE);
		}
		if (w->ms > now + AHEAD_MS)
			w->quirks |= QUIRK_BIT(QUIRK_CLOCK_AHEAD);
		return;
	}
	w->ms = now;
	w->replaced = true;
	w->flags = FLAG(FLAG_CLOCK_UNSET);
}

uint64_t when_old(struct gv_turn *t, const struct when *w)
{
	return !w->replaced && w->ms < gv_now_ms(t) - OLD_MS ? QUIRK_BIT(QUIRK_OLD_MESSAGES) : 0;
}

const char *when_now(struct gv_turn *t)
{
	char *text = gv_alloc(t, 25);

	gv_time_format(gv_now_ms(t), text);
	return text;
}

void when_rewritten(struct gv_turn *t, const struct check *c)
{
	if (c->times_rewritten)
		gv_count(t, "quirk_time_rewritten", c->times_rewritten);
}

const struct gv_zone *when_zone(struct ocpp *o, struct gv_turn *t, const char *name)
{
	const struct gv_zone *zone;

	if (gv_zones_get(&o->zones, name, &zone) == -ENOENT)
		gv_log(t, GV_WARN,
		       "time zone is not in " GV_ZONES_DIR
		       ", UTC is taken instead: correct the site, or install tzdata zone=%s",
		       name);
	return zone;
}
