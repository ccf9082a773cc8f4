/* The rows of devices: what the registry says of them, what they say of themselves, and what they have got from here.
 */
#include "fleet.h"

#include <string.h>

const struct gv_table ota_devices = { .name = "devices", .key = "s", .value = &ota__device_row__descriptor };
const struct gv_table ota_members = { .name = "members", .key = "sss", .value = &ota__ref__descriptor };

const Ota__DeviceRow *device_get(struct gv_turn *t, const char *device)
{
	return gv_get(t, &ota_devices, gv_key(device));
}

Ota__DeviceRow *device_edit(struct ota *o, struct gv_turn *t, const char *device)
{
	fleet_touch(o, device);
	return gv_edit(t, &ota_devices, gv_key(device));
}

char *device_plugin(struct gv_turn *t, const char *device)
{
	return gv_str(t, "%.*s", (int)strcspn(device, ":"), device);
}

/* ---- what it has ----------------------------------------------------------------------------- */

const char *device_version(const Ota__DeviceRow *row, const char *kind)
{
	if (!strcmp(kind, "firmware") && !row->agent)
		return row->identity ? row->identity->version : "";
	for (size_t i = 0; i < row->n_installed; i++)
		if (!strcmp(row->installed[i]->kind, kind))
			return row->installed[i]->version;
	return "";
}

uint64_t device_counter(const Ota__DeviceRow *row, const char *product, const char *kind)
{
	for (size_t i = 0; i < row->n_installed; i++)
		if ((!strcmp(row->installed[i]->product, product) || !*row->installed[i]->product) &&
		    !strcmp(row->installed[i]->kind, kind))
			return row->installed[i]->counter;
	return 0;
}

bool device_takes(const Ota__DeviceRow *row, const char *way)
{
	for (size_t i = 0; row->identity && i < row->identity->n_ways; i++)
		if (!strcmp(row->identity->ways[i], way))
			return true;
	return false;
}

/* One of each kind: what came last. */
static Ota__Installed *of_kind(struct gv_turn *t, Ota__DeviceRow *row, const char *kind)
{
	Ota__Installed *it;

	for (size_t i = 0; i < row->n_installed; i++)
		if (!strcmp(row->installed[i]->kind, kind))
			return row->installed[i];
	it = gv_alloc(t, sizeof *it);
	ota__installed__init(it);
	it->kind = gv_strdup(t, kind);
	*GV_APPEND(t, row->installed, row->n_installed) = it;
	return it;
}

void device_installed(struct ota *o, struct gv_turn *t, const char *device, const Ota__Artifact *a)
{
	Ota__Installed *it = of_kind(t, device_edit(o, t, device), a->kind);

	it->product = a->product;
	it->version = a->version;
	it->counter = a->counter;
	it->artifact = a->id;
}

void device_reported(struct ota *o, struct gv_turn *t, const char *device, const char *kind, const char *version,
		     uint64_t counter)
{
	const Ota__DeviceRow *row = device_get(t, device);
	Ota__Installed *it;

	if (!row || !strcmp(device_version(row, kind), version))
		return;
	it = of_kind(t, device_edit(o, t, device), kind);
	it->version = gv_strdup(t, version);
	it->counter = counter;
	it->artifact = (char *)"";
}

/* ---- what is heard --------------------------------------------------------------------------- */

static void place(struct gv_turn *t, const char *device, const char *site, bool there)
{
	Ota__Ref ref = OTA__REF__INIT;
	struct gv_key key = gv_key(site, device_plugin(t, device), device);

	ref.id = (char *)device;
	if (there)
		gv_put(t, &ota_members, key, &ref);
	else
		gv_delete(t, &ota_members, key);
}

static void forget(Ota__DeviceRow *row)
{
	row->registered = false;
	row->site = row->time_zone = (char *)"";
	row->n_tags = row->n_attributes = 0;
}

/* The registry says anew which devices it has: those that it does not name are gone. */
int device_resync(struct ota *o, struct gv_turn *t, const char *emitter)
{
	struct gv_scan scan = { .table = &ota_devices };

	while (gv_next(t, &scan)) {
		const Ota__DeviceRow *row = scan.row;

		if (!row->registered || strcmp(row->emitter, emitter) != 0)
			continue;
		place(t, scan.key.part[0].s, row->site, false);
		forget(device_edit(o, t, scan.key.part[0].s));
	}
	return 0;
}

int device_changed(struct ota *o, struct gv_turn *t, const Registry__DeviceChanged *m, const struct gv_emitter *from)
{
	Ota__DeviceRow *row;

	if (m->deleted && !device_get(t, m->id))
		return 0;
	row = device_edit(o, t, m->id);
	if (row->registered)
		place(t, m->id, row->site, false);
	if (m->deleted || !m->device) {
		forget(row);
		return 0;
	}
	row->registered = true;
	row->emitter = gv_strdup(t, from->instance);
	row->site = m->device->site;
	row->time_zone = m->time_zone;
	row->n_tags = m->device->n_tags;
	row->tags = m->device->tags;
	row->n_attributes = m->device->n_attributes;
	row->attributes = gv_alloc(t, (row->n_attributes + 1) * sizeof *row->attributes);
	for (size_t i = 0; i < row->n_attributes; i++) {
		Ota__DeviceRow__AttributesEntry *e = gv_alloc(t, sizeof *e);

		ota__device_row__attributes_entry__init(e);
		e->key = m->device->attributes[i]->key;
		e->value = m->device->attributes[i]->value;
		row->attributes[i] = e;
	}
	place(t, m->id, row->site, true);
	return 0;
}

int device_identified(struct ota *o, struct gv_turn *t, const Update__DeviceIdentified *m)
{
	if (m->identity)
		device_edit(o, t, m->device)->identity = m->identity;
	return 0;
}

/* ---- for filters ----------------------------------------------------------------------------- */

/* The registry's word counts where the device says nothing of itself. */
static const char *said(const Ota__DeviceRow *row, const char *by_itself, const char *attribute)
{
	for (size_t i = 0; !*by_itself && i < row->n_attributes; i++)
		if (!strcmp(row->attributes[i]->key, attribute))
			return row->attributes[i]->value;
	return by_itself;
}

void device_subject(struct gv_turn *t, const char *device, const Ota__DeviceRow *row, struct subject *ret)
{
	const Update__Identity *id = row->identity;
	const char **attributes = gv_alloc(t, (2 * row->n_attributes + 1) * sizeof *attributes);

	for (size_t i = 0; i < row->n_attributes; i++) {
		attributes[2 * i] = row->attributes[i]->key;
		attributes[2 * i + 1] = row->attributes[i]->value;
	}
	*ret = (struct subject){ .device = device,
				 .site = row->site,
				 .plugin = device_plugin(t, device),
				 .vendor = said(row, id ? id->vendor : "", "vendor"),
				 .model = said(row, id ? id->model : "", "model"),
				 .hardware = said(row, id ? id->hardware : "", "hardware"),
				 .version = id ? id->version : "",
				 .tags = (const char *const *)row->tags,
				 .n_tags = row->n_tags,
				 .attributes = attributes,
				 .n_attributes = row->n_attributes };
}
