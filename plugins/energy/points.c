/* Which connectors of a device count: those that the registry declares, whether they were ever heard of or not. Of a
 * device that declares none, those that it speaks of, up to a bound, as each is reserved what it may draw until it
 * accepts a limit. */
#include "energy.h"

bool points_declared(const Energy__DeviceRow *d, uint32_t connector)
{
	for (size_t i = 0; i < d->n_plugs; i++)
		if (d->plugs[i]->id == connector)
			return true;
	return false;
}

/* Whether a device that declares no connectors has shown as many as it may. */
static bool is_full(struct gv_turn *t, const char *device)
{
	struct gv_scan scan = { .table = &energy_points, .prefix = gv_key(device) };
	size_t n = 0;

	while (n < ENERGY_UNDECLARED_MAX && gv_next(t, &scan))
		n++;
	return n == ENERGY_UNDECLARED_MAX;
}

static void ignore(struct gv_turn *t, const char *device, uint32_t connector, const Energy__DeviceRow *d)
{
	Energy__DeviceRow row;

	gv_count(t, "connectors_ignored", 1);
	if (!d || !*d->site || d->told_undeclared)
		return;
	row = *d;
	row.told_undeclared = true;
	gv_put(t, &energy_devices, gv_key(device), &row);
	gv_log(t, GV_WARN,
	       "device speaks of a connector that the registry does not declare, it gets no share and nothing is "
	       "reserved for it: if it exists, declare it with Registry/PutDevice device=%s connector=%u",
	       device, connector);
}

bool points_take(struct gv_turn *t, const char *device, uint32_t connector, Energy__PointRow *ret_row)
{
	const Energy__PointRow *found = gv_get(t, &energy_points, gv_key(device, connector));
	const Energy__DeviceRow *d = gv_get(t, &energy_devices, gv_key(device));
	bool counts = d && d->n_plugs ? points_declared(d, connector) : found || !is_full(t, device);

	energy__point_row__init(ret_row);
	if (found)
		*ret_row = *found;
	if (!counts)
		ignore(t, device, connector, d);
	return counts;
}

/* Where nothing is declared any more, those that have come are still believed. */
static bool stays(const Energy__DeviceRow *d, bool declared, uint32_t connector, const Energy__PointRow *row)
{
	if (d->n_plugs)
		return points_declared(d, connector);
	return !declared || row->known || *row->session_id;
}

void points_forget(struct energy *e, struct gv_turn *t, const char *device, const Energy__DeviceRow *d, bool declared)
{
	struct gv_scan scan = { .table = &energy_points, .prefix = gv_key(device) };

	while (gv_next(t, &scan)) {
		uint32_t connector = (uint32_t)scan.key.part[1].u;

		if (d && stays(d, declared, connector, scan.row))
			continue;
		command_clear(e, t, device, connector, scan.row);
		gv_delete(t, &energy_points, scan.key);
	}
}
