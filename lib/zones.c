/* The one place where a library for plugins reads files. The rules of time zones are constants of the machine, like a
 * library's tables: the same file is the same zone to every plugin, nothing is written, and what is read once is kept.
 */
#include "zones.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_SIZE 64

static struct gv_zone *read_zone(const char *name)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/";
	struct gv_zone *zone = NULL;
	uint8_t *data = NULL;
	char path[128];
	FILE *file;

	if (*name == '/' || strlen(name) > NAME_MAX_SIZE || name[strspn(name, letters)])
		return NULL;
	snprintf(path, sizeof path, GV_ZONES_DIR "%s", name);
	file = fopen(path, "re");
	if (file)
		data = malloc(GV_ZONE_SIZE_MAX);
	if (data)
		gv_zone_parse(data, fread(data, 1, GV_ZONE_SIZE_MAX, file), &zone);
	free(data);
	if (file)
		fclose(file);
	return zone;
}

int gv_zones_get(struct gv_zones *z, const char *name, const struct gv_zone **ret)
{
	*ret = NULL;
	if (!*name || !strcmp(name, "UTC"))
		return 0;
	for (size_t i = 0; i < z->count; i++)
		if (!strcmp(z->known[i].name, name)) {
			*ret = z->known[i].zone;
			return 0;
		}
	if (z->count == GV_ZONES_MAX)
		return 0;
	z->known[z->count].name = strdup(name);
	if (!z->known[z->count].name)
		return -ENOMEM;
	*ret = z->known[z->count].zone = read_zone(name);
	z->count++;
	return *ret ? 0 : -ENOENT;
}

void gv_zones_fini(struct gv_zones *z)
{
	for (size_t i = 0; i < z->count; i++) {
		free(z->known[i].name);
		gv_zone_destroy(z->known[i].zone);
	}
	z->count = 0;
}
