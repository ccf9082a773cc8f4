/* Where devices stand. A row for the device's id and one for each alias. A snapshot only overwrites: a device that was
 * deleted while nobody listened stays here, and does no harm, as nothing happens at it any more. */
#include "places.h"

#include <galvan/registry.pb-c.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ZONE_DIR "/usr/share/zoneinfo/"
#define ZONES_MAX 256

const struct gv_table places_table = { .name = "places", .key = "s", .value = &billing__place_row__descriptor };

const Billing__PlaceRow *places_find(struct gv_turn *t, const char *device)
{
	return strlen(device) <= 128 ? gv_get(t, &places_table, gv_key(device)) : NULL;
}

int64_t places_power_w(const Billing__PlaceRow *place, uint32_t connector)
{
	for (size_t i = 0; place && i < place->n_connectors; i++)
		if (place->connectors[i]->id == connector)
			return place->connectors[i]->max_power_w;
	return 0;
}

/* ---- what the registry says ------------------------------------------------------------------ */

static void forget(struct gv_turn *t, const char *device)
{
	const Billing__PlaceRow *row = places_find(t, device);

	for (size_t i = 0; row && i < row->n_aliases; i++)
		gv_delete(t, &places_table, gv_key(row->aliases[i]));
	gv_delete(t, &places_table, gv_key(device));
}

int places_device_changed(void *self, struct gv_turn *t, const ProtobufCMessage *event, const struct gv_emitter *from)
{
	const Registry__DeviceChanged *e = (const void *)event;
	Billing__PlaceRow row = BILLING__PLACE_ROW__INIT;

	forget(t, e->id);
	if (e->deleted || !e->device)
		return 0;
	row.device = e->id;
	row.site = e->device->site;
	row.zone = e->time_zone;
	row.name = e->device->name;
	row.n_tags = e->device->n_tags;
	row.tags = e->device->tags;
	row.n_aliases = e->device->n_aliases;
	row.aliases = e->device->aliases;
	for (size_t i = 0; i < e->device->n_connectors; i++) {
		Billing__PlaceConnector *c = gv_alloc(t, sizeof *c);

		billing__place_connector__init(c);
		c->id = e->device->connectors[i]->id;
		c->max_power_w = e->device->connectors[i]->max_power_w;
		*GV_APPEND(t, row.connectors, row.n_connectors) = c;
	}
	gv_put(t, &places_table, gv_key(e->id), &row);
	for (size_t i = 0; i < row.n_aliases; i++)
		gv_put(t, &places_table, gv_key(row.aliases[i]), &row);
	return 0;
}

/* ---- time zones ------------------------------------------------------------------------------ */

struct places {
	struct {
		char *name;
		struct gv_zone *zone;
	} zones[ZONES_MAX];
	size_t n_zones;
};

/* The rules of time zones are constants of the machine, like a library's tables: the one kind of file that a plugin
 * which only thinks may read. */
static struct gv_zone *read_zone(const char *name)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/";
	struct gv_zone *zone = NULL;
	uint8_t *data = NULL;
	char path[128];
	FILE *file;

	if (*name == '/' || strlen(name) > 64 || name[strspn(name, letters)])
		return NULL;
	snprintf(path, sizeof path, ZONE_DIR "%s", name);
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

const struct gv_zone *places_zone(struct billing *b, struct gv_turn *t, const char *name)
{
	struct places *p = b->places;

	if (!*name || !strcmp(name, "UTC"))
		return NULL;
	if (!p)
		p = b->places = calloc(1, sizeof *p);
	for (size_t i = 0; p && i < p->n_zones; i++)
		if (!strcmp(p->zones[i].name, name))
			return p->zones[i].zone;
	if (!p || p->n_zones == ZONES_MAX || !(p->zones[p->n_zones].name = strdup(name)))
		return NULL;
	p->zones[p->n_zones].zone = read_zone(name);
	if (!p->zones[p->n_zones].zone)
		gv_log(t, GV_WARN,
		       "Time zone is not in " ZONE_DIR
		       ", prices are computed in UTC: correct the site, or install tzdata. zone=%s",
		       name);
	return p->zones[p->n_zones++].zone;
}

void places_stop(struct billing *b)
{
	for (size_t i = 0; b->places && i < b->places->n_zones; i++) {
		free(b->places->zones[i].name);
		gv_zone_destroy(b->places->zones[i].zone);
	}
	free(b->places);
	b->places = NULL;
}
