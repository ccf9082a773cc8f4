/* Chargers' clocks: some have no zone, some were never set, some say nothing. Every message gets a time that can be
 * worked with, and a note of where it came from. */
#include "ocpp.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOCK_SET_MS INT64_C(946684800000) /* 2000-01-01: a clock that shows less was never set */
#define AHEAD_MS (10 * 60 * 1000)          /* that a clock may be ahead without a note */
#define ZONES_MAX 600                      /* names known at once: the IANA database has fewer */
#define ZONE_DIR "/usr/share/zoneinfo/"

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

const char *when_now(struct gv_turn *t)
{
	char *text = gv_alloc(t, 25);

	gv_time_format(gv_now_ms(t), text);
	return text;
}

/* ---- zones ----------------------------------------------------------------------------------- */

struct zones {
	struct {
		char *name;
		struct gv_zone *zone;
	} known[ZONES_MAX];
	size_t count;
};

int zones_create(struct zones **ret)
{
	*ret = calloc(1, sizeof **ret);
	return *ret ? 0 : -ENOMEM;
}

void zones_destroy(struct zones *z)
{
	if (!z)
		return;
	for (size_t i = 0; i < z->count; i++) {
		free(z->known[i].name);
		gv_zone_destroy(z->known[i].zone);
	}
	free(z);
}

/* A plugin does no I/O, and this reads a file. The rules of time zones are constants of the machine, like a library's
 * tables: the same file is the same zone to every plugin, nothing is written, and what is read once is kept. NULL where
 * there is no such zone. */
static struct gv_zone *read_zone(const char *name)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/";
	struct gv_zone *zone = NULL;
	char path[128];
	uint8_t *data;
	size_t size;
	FILE *file;

	if (!name[0] || name[0] == '/' || strlen(name) > 64 || name[strspn(name, letters)])
		return NULL;
	snprintf(path, sizeof path, ZONE_DIR "%s", name);
	file = fopen(path, "re");
	if (!file)
		return NULL;
	data = malloc(GV_ZONE_SIZE_MAX);
	size = data ? fread(data, 1, GV_ZONE_SIZE_MAX, file) : 0;
	if (size)
		gv_zone_parse(data, size, &zone);
	free(data);
	fclose(file);
	return zone;
}

const struct gv_zone *zones_get(struct zones *z, struct gv_turn *t, const char *name)
{
	if (!name[0] || !strcmp(name, "UTC"))
		return NULL;
	for (size_t i = 0; i < z->count; i++)
		if (!strcmp(z->known[i].name, name))
			return z->known[i].zone;
	if (z->count == ZONES_MAX)
		return NULL;
	z->known[z->count].name = strdup(name);
	if (!z->known[z->count].name)
		return NULL;
	z->known[z->count].zone = read_zone(name);
	if (!z->known[z->count].zone)
		gv_log(t, GV_WARN,
		       "time zone is not in " ZONE_DIR
		       ", UTC is taken instead: correct the site, or install tzdata zone=%s",
		       name);
	return z->known[z->count++].zone;
}
