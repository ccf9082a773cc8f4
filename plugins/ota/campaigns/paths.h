/* What a device would get: the first artifact of a campaign that fits it, and the steps up to it. */
#ifndef OTA_PATHS_H
#define OTA_PATHS_H

#include "../fleet/fleet.h"
#include "../ota.h"

#define STEPS_MAX 16 /* versions on the way */

struct paths;
/* Reads the artifacts, once for all devices of a turn. */
struct paths *paths_open(struct gv_turn *t, char *const *artifacts, size_t n);

struct choice {
	const Ota__Artifact *next, *final; /* NULL: nothing, for the reason */
	const char *reason;
};
struct choice paths_choose(const struct paths *p, struct gv_turn *t, const struct subject *s,
			   const Ota__DeviceRow *row);
/* The way back: what the device had, as an artifact. Of the one that it has; NULL with a reason: there is none. */
struct choice paths_back(struct gv_turn *t, const Ota__Artifact *has, const char *version, const Ota__DeviceRow *row);

#endif
