/* What link saw at a device's handshake that the registry has to remember: a security profile that was raised stays so
 * (OCPP 2.0.1 A05.FR.09), and a new password that was used ends the one before (A01.FR.08). */
#include "registry.h"

#include <galvan/link.pb-c.h>
#include <string.h>

/* The row to change; NULL where the device is gone. */
static Registry__DeviceRow *row_of(struct gv_turn *t, const char *id)
{
	return gv_get(t, &registry_devices, gv_key(id)) ? gv_edit(t, &registry_devices, gv_key(id)) : NULL;
}

int registry_profile_raised(void *self, struct gv_turn *t, const ProtobufCMessage *m, const struct gv_emitter *from)
{
	const Link__ProfileRaised *e = (const Link__ProfileRaised *)m;
	Registry__DeviceRow *row = row_of(t, e->device);

	/* None is required any more, or as much already: people or an earlier event were first. */
	if (!row || !row->device->security_profile || row->device->security_profile >= e->security_profile ||
	    e->security_profile > REGISTRY_PROFILE_MAX)
		return 0;
	gv_log(t, GV_INFO,
	       "device came in on a higher security profile, which it has from now on device=%s from=%u to=%u",
	       e->device, row->device->security_profile, e->security_profile);
	row->device->security_profile = e->security_profile;
	row->device->updated_at_ms = gv_now_ms(t);
	return registry_emit(t, row);
}

int registry_pending_used(void *self, struct gv_turn *t, const ProtobufCMessage *m, const struct gv_emitter *from)
{
	const Link__PendingPasswordUsed *e = (const Link__PendingPasswordUsed *)m;
	Registry__DeviceRow *row = row_of(t, e->device);

	if (!row || !row->pending || row->pending->salt.len != e->salt.len ||
	    memcmp(row->pending->salt.data, e->salt.data, e->salt.len) != 0)
		return 0; /* another one has been set meanwhile */
	gv_log(t, GV_INFO, "device came in with its new password, the one before is void device=%s", e->device);
	row->credential = row->pending;
	row->pending = NULL;
	row->device->has_password = true;
	row->device->has_pending_password = false;
	row->device->updated_at_ms = gv_now_ms(t);
	return registry_emit(t, row);
}
