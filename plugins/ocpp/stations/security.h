/* What happened to the security of chargers: kept, bounded, listed. */
#ifndef OCPP_SECURITY_H
#define OCPP_SECURITY_H

#include <plugins/ocpp/ocpp.h>

#include <galvan/link.pb-c.h>

extern const struct gv_table ocpp_security_events;    /* number -> SecurityEvent */
extern const struct gv_table ocpp_security_by_device; /* device, number -> SecurityEventRef */

/* Keeps it: device, source, type and what else is known are filled in, the rest is done here. */
int security_keep(struct ocpp *o, struct gv_turn *t, Ocpp__SecurityEvent *e);
/* The same for what the cloud itself has to say of a charger. */
int security_note(struct ocpp *o, struct gv_turn *t, const char *device, const char *type, const char *detail);
/* link kept somebody out. */
int security_refused(struct ocpp *o, struct gv_turn *t, const Link__HandshakeRefused *e, const struct gv_emitter *from);
void security_restore(struct ocpp *o, struct gv_turn *t);
gv_method_fn list_security_events;

#endif
