/* A row by each name of a device, in lower case, as stations are not known to spell theirs as the registry does
 * (OCPP-S 1.6, 3.3). */
#include "known.h"
#include "registration.h"

#include <string.h>

static const char *fold(struct gv_turn *t, const char *id)
{
	char *s = gv_strdup(t, id);

	for (char *c = s; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	return s;
}

bool known_all(struct gv_turn *t)
{
	return gv_heard_all(t, &registry__device_changed__descriptor);
}

const Ocpp__KnownDevice *known_find(struct gv_turn *t, const char *id)
{
	return gv_get(t, &ocpp_devices, gv_key(fold(t, id)));
}

/* A name that another device has taken meanwhile stays. */
static void forget(struct gv_turn *t, const char *name, const char *id)
{
	const Ocpp__KnownDevice *row = known_find(t, name);

	if (row && !strcmp(row->id, id))
		gv_delete(t, &ocpp_devices, gv_key(fold(t, name)));
}

static const char *attribute(const Registry__Device *d, const char *key)
{
	for (size_t i = 0; i < d->n_attributes; i++)
		if (!strcmp(d->attributes[i]->key, key))
			return d->attributes[i]->value;
	return "";
}

int known_changed(struct gv_turn *t, const Registry__DeviceChanged *e, const struct gv_emitter *from)
{
	const Ocpp__KnownDevice *before = known_find(t, e->id);
	Ocpp__KnownDevice row = OCPP__KNOWN_DEVICE__INIT;

	for (size_t i = 0; before && i < before->n_aliases; i++)
		forget(t, before->aliases[i], e->id);
	if (e->deleted || !e->device) {
		forget(t, e->id, e->id);
		return 0;
	}
	row.id = e->id;
	row.guarded = e->credential || e->device->security_profile;
	row.allowed = !strcmp(attribute(e->device, "soap"), "allow");
	row.certificate_cn = (char *)attribute(e->device, "certificateCn");
	row.pending = !strcmp(attribute(e->device, REGISTRATION_ATTRIBUTE), REGISTRATION_PENDING);
	row.emitter = (char *)from->instance;
	for (size_t i = 0; i < e->device->n_aliases; i++)
		gv_put(t, &ocpp_devices, gv_key(fold(t, e->device->aliases[i])), &row);
	row.aliases = e->device->aliases;
	row.n_aliases = e->device->n_aliases;
	return gv_put(t, &ocpp_devices, gv_key(fold(t, e->id)), &row);
}

int known_forget(struct gv_turn *t, const char *emitter)
{
	struct gv_scan scan = { .table = &ocpp_devices };

	while (gv_next(t, &scan))
		if (!strcmp(((const Ocpp__KnownDevice *)scan.row)->emitter, emitter))
			gv_delete(t, &ocpp_devices, scan.key);
	return 0;
}
