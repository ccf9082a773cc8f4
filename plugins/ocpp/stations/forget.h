/* A device that the registry has deleted: what is kept of it here goes, but for its ended sessions. */
#ifndef OCPP_FORGET_H
#define OCPP_FORGET_H

#include <plugins/ocpp/ocpp.h>

extern const struct gv_table ocpp_forgotten; /* device -> ForgottenRow */

#define FORGET_TIMER "forget:" /* and the device */
/* The device was deleted: ends what runs there, and begins to take its rows away. */
int forget_deleted(struct ocpp *o, struct gv_turn *t, const char *device);
/* It is there again, by the registry's word or link's: what is left of the one before is taken away now. */
int forget_created(struct ocpp *o, struct gv_turn *t, const char *device);
/* A frame comes from a connection that was open when the device was deleted: nothing is to be made of it. */
bool forget_ignores(struct gv_turn *t, const char *device);
int forget_due(struct ocpp *o, struct gv_turn *t, const char *device);

#endif
