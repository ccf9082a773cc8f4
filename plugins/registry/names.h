/* What ids, zone names and short texts may look like. Pure functions over strings. */
#ifndef REGISTRY_NAMES_H
#define REGISTRY_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#define REGISTRY_PLUGIN_MAX 27    /* bytes of the part before the colon */
#define REGISTRY_IDENTITY_MAX 100 /* bytes of the part behind it */
#define REGISTRY_ID_MAX (REGISTRY_PLUGIN_MAX + 1 + REGISTRY_IDENTITY_MAX)
#define REGISTRY_SITE_MAX 64
#define REGISTRY_ZONE_MAX 64

/* What is wrong with a device id, for people ("is empty"), or NULL. The grammar is PLUGIN:IDENTITY; the plugin is lower
 * case letters, digits and '_'; the identity is 1 to 100 bytes of UTF-8 without '/' and control characters. */
const char *registry_id_problem(const char *id);
/* Likewise for a site's id: 1 to 64 bytes of UTF-8 without '/' and control characters. */
const char *registry_site_problem(const char *id);
/* Likewise for an IANA zone name; "" is fine and means UTC. Whether the zone exists is not checked. */
const char *registry_zone_problem(const char *zone);
/* Likewise for free text of at most `max` bytes: UTF-8 without control characters. "" is fine. */
const char *registry_text_problem(const char *text, size_t max);

/* The id with ASCII letters in lower case: two ids that fold to the same are taken for the same. `id` has passed
 * registry_id_problem. */
void registry_fold(const char *id, char ret[static REGISTRY_ID_MAX + 1]);

#endif
