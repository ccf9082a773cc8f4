/* Devices as the registry tells them: which site each belongs to, its connectors, and on which phases it charges. */
#include "energy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOT "slot" /* the type of what is no charger's: a cabinet's */

/* ---- time zones ------------------------------------------------------------------------------ */

const struct gv_zone *devices_zone(struct energy *e, struct gv_turn *t, const char *name)
{
	const struct gv_zone *zone;

	if (gv_zones_get(&e->zones, name, &zone) == -ENOENT)
		gv_log(t, GV_WARN,
		       "time zone is not in " GV_ZONES_DIR
		       ", schedules are kept in UTC: correct the site, or install tzdata zone=%s",
		       name);
	return zone;
}

void devices_stop(struct energy *e)
{
	gv_zones_fini(&e->zones);
}

/* ---- devices --------------------------------------------------------------------------------- */

/* Its people may say that it takes no part. */
static bool is_off(const Registry__Device *d)
{
	for (size_t i = 0; i < d->n_attributes; i++)
		if (!strcmp(d->attributes[i]->key, "energy"))
			return !strcmp(d->attributes[i]->value, "off");
	return false;
}

static Energy__DeviceRow *row_of(struct gv_turn *t, const Registry__DeviceChanged *m)
{
	Energy__DeviceRow *row = gv_alloc(t, sizeof *row);
	const Registry__Device *d = m->device;

	energy__device_row__init(row);
	row->site = is_off(d) ? (char *)"" : d->site;
	row->time_zone = m->time_zone;
	row->tags = d->tags;
	row->n_tags = d->n_tags;
	for (size_t i = 0; i < d->n_attributes; i++)
		if (!strcmp(d->attributes[i]->key, "phaseRotation"))
			row->phase_rotation = d->attributes[i]->value;
	for (size_t i = 0; i < d->n_connectors; i++) {
		Energy__Plug *plug;

		if (!strcmp(d->connectors[i]->type, SLOT))
			continue;
		plug = gv_alloc(t, sizeof *plug);
		energy__plug__init(plug);
		plug->id = d->connectors[i]->id;
		plug->phases = d->connectors[i]->phases;
		plug->max_ma = d->connectors[i]->max_current_ma;
		*GV_APPEND(t, row->plugs, row->n_plugs) = plug;
	}
	return row;
}

/* Whether it says what was known before, as in a snapshot. */
static bool is_same(struct gv_turn *t, const Energy__DeviceRow *a, const Energy__DeviceRow *b)
{
	size_t size = energy__device_row__get_packed_size(a);
	uint8_t *x = gv_alloc(t, size + 1), *y = gv_alloc(t, size + 1);

	if (energy__device_row__get_packed_size(b) != size)
		return false;
	energy__device_row__pack(a, x);
	energy__device_row__pack(b, y);
	return !memcmp(x, y, size);
}

/* It is no longer of this site. */
static void leave(struct energy *e, struct gv_turn *t, const char *site, const char *device)
{
	if (!*site)
		return;
	gv_delete(t, &energy_members, gv_key(site, device));
	if (!gv_get(t, &energy_sites, gv_key(site)))
		return;
	command_release(e, t, device);
	round_run(e, t, site);
}

int devices_changed(struct energy *e, struct gv_turn *t, const Registry__DeviceChanged *m)
{
	const Energy__DeviceRow *before = gv_get(t, &energy_devices, gv_key(m->id));
	const char *old_site = before ? gv_strdup(t, before->site) : "";
	const Energy__Member member = ENERGY__MEMBER__INIT;
	bool declared = before && before->n_plugs;
	Energy__DeviceRow *row;

	if (m->deleted || !m->device) {
		leave(e, t, old_site, m->id);
		points_forget(e, t, m->id, NULL, false);
		return gv_delete(t, &energy_devices, gv_key(m->id));
	}
	row = row_of(t, m);
	row->told_undeclared = before && before->told_undeclared;
	if (before && is_same(t, before, row))
		return 0;
	row->told_undeclared = false;
	if (*old_site && strcmp(old_site, row->site) != 0)
		leave(e, t, old_site, m->id);
	gv_put(t, &energy_devices, gv_key(m->id), row);
	points_forget(e, t, m->id, row, declared);
	if (!*row->site)
		return 0;
	gv_put(t, &energy_members, gv_key(row->site, m->id), &member);
	return round_run(e, t, row->site);
}
