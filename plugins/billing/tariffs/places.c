/* Where devices stand. A row for the device's id and one for each alias. A snapshot only overwrites: a device that was
 * deleted while nobody listened stays here, and does no harm, as nothing happens at it any more. */
#include "places.h"

#include <galvan/registry.pb-c.h>
#include <lib/zones.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

const struct gv_zone *places_zone(struct billing *b, struct gv_turn *t, const char *name)
{
	const struct gv_zone *zone = NULL;

	if (!b->zones)
		b->zones = calloc(1, sizeof *b->zones);
	if (b->zones && gv_zones_get(b->zones, name, &zone) == -ENOENT)
		gv_log(t, GV_WARN,
		       "Time zone is not in " GV_ZONES_DIR
		       ", prices are computed in UTC: correct the site, or install tzdata. zone=%s",
		       name);
	return zone;
}

void places_stop(struct billing *b)
{
	if (b->zones)
		gv_zones_fini(b->zones);
	free(b->zones);
	b->zones = NULL;
}
