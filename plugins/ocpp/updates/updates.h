/* Updates of chargers: galvan.update.v1.Updates as this plugin serves it; who may have a charger next is
 * plugins/leases' business.
 *
 *   hindrance.c  what is in the way of an update
 *   install.c    firmware: how it is handed over and taken back, and how far it is
 *   settings.c   configuration files: set key by key, read back, put back where one fails */
#ifndef OCPP_UPDATES_H
#define OCPP_UPDATES_H

#include <plugins/leases/leases.h>
#include <plugins/ocpp/ocpp.h>
#include <plugins/ocpp/stations/commands.h>

#define UPDATES_PLUGGED_MS 300000 /* a vehicle that was plugged in so lately is somebody who is about to charge */
#define UPDATES_BOOT_MS 900000    /* so long a charger has to come back from a restart that its settings need */
#define UPDATES_TIMER "settings " /* and the device */

extern const struct gv_table ocpp_settings; /* device -> SettingsRow */

/* ---- hindrance.c ----------------------------------------------------------------------------- */

Update__Hindrance updates_hindrance(void *self, struct gv_turn *t, const char *device, int64_t until_ms,
				    const char **ret_detail, int64_t *ret_free_ms);

/* ---- install.c ------------------------------------------------------------------------------- */

conclude_fn conclude_install, conclude_cancel_install;
/* FirmwareStatusNotification. */
int updates_notified(struct gv_turn *t, const char *device, int64_t request_id, const char *status);
/* BootNotification. */
int updates_booted(struct ocpp *o, struct gv_turn *t, const struct station *st, const Ocpp__Station *said);

/* ---- settings.c ------------------------------------------------------------------------------ */

int settings_install(struct gv_turn *t, struct gv_ticket ticket, const Update__Order *order);
int settings_answered(struct gv_turn *t, const Ocpp__SettingsAsked *note, const struct gv_answer *answer);
int settings_booted(struct gv_turn *t, const char *device);
int settings_due(struct gv_turn *t, const char *device);

#endif
