/* Which common name a device's certificate has to carry: its identity, or what the registry's attribute certificateCn
 * says (OCPP wants the serial number there, and who knows that is the operator: a charger that could say so itself
 * could name another's). Only those that differ are rows. */
#include "pki.h"

#include <string.h>

const struct gv_table pki_names = { .name = "names", .key = "s", .value = &pki__name_row__descriptor };

const char *name_wanted(struct gv_turn *t, const char *device)
{
	const Pki__NameRow *row = gv_get(t, &pki_names, gv_key(device));
	const char *colon = strchr(device, ':');

	return row ? row->common_name : colon ? colon + 1 : device;
}

int name_changed(struct gv_turn *t, const Registry__DeviceChanged *e, const struct gv_emitter *from)
{
	Pki__NameRow row = PKI__NAME_ROW__INIT;

	for (size_t i = 0; !e->deleted && e->device && i < e->device->n_attributes; i++) {
		if (strcmp(e->device->attributes[i]->key, "certificateCn") == 0)
			row.common_name = e->device->attributes[i]->value;
	}
	if (!row.common_name[0])
		return gv_get(t, &pki_names, gv_key(e->id)) ? gv_delete(t, &pki_names, gv_key(e->id)) : 0;
	row.emitter = (char *)from->instance;
	return gv_put(t, &pki_names, gv_key(e->id), &row);
}

int names_forget(struct gv_turn *t, const char *emitter)
{
	struct gv_scan scan = { .table = &pki_names };

	while (gv_next(t, &scan)) {
		if (strcmp(((const Pki__NameRow *)scan.row)->emitter, emitter) == 0)
			gv_delete(t, &pki_names, scan.key);
	}
	return 0;
}
