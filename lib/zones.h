/* Time zones by IANA name, read once each. */
#ifndef GV_ZONES_H
#define GV_ZONES_H

#include <lib/zone.h>

#define GV_ZONES_MAX 600 /* names known at once: the IANA database has fewer */
#define GV_ZONES_DIR "/usr/share/zoneinfo/"

struct gv_zones {
	struct {
		char *name;
		struct gv_zone *zone;
	} known[GV_ZONES_MAX];
	size_t count;
};

/* 0: *ret is the zone, NULL for UTC ("" and "UTC"), and lives until gv_zones_fini. -ENOENT, once for each name: there
 * is no such zone; after that, and beyond GV_ZONES_MAX, it is UTC. -ENOMEM. */
int gv_zones_get(struct gv_zones *z, const char *name, const struct gv_zone **ret);
void gv_zones_fini(struct gv_zones *z);

#endif
