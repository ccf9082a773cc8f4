/* Whether a charger is accepted, or has to wait until somebody puts it into service. */
#ifndef OCPP_REGISTRATION_H
#define OCPP_REGISTRATION_H

#include <plugins/ocpp/ocpp.h>

#define REGISTRATION_ATTRIBUTE "registration" /* of a device; the value REGISTRATION_PENDING: it waits */
#define REGISTRATION_PENDING "pending"

/* A connection of it begins. */
void registration_opened(struct gv_turn *t, struct station *st);
/* The registry has said something of the device. */
int registration_changed(struct ocpp *o, struct gv_turn *t, const char *device);
/* What a boot is answered: the status, as OCPP spells it, and the seconds until the next heartbeat, or boot. */
const char *registration_status(const struct station *st);
uint32_t registration_interval_s(const struct ocpp *o, const struct station *st);
/* A call to it is sent; `action` NULL: no version has it. */
void registration_asked(struct gv_turn *t, struct station *st, const Ocpp__Command *row,
			const struct spec_action *action);
/* It may not call this now: SecurityError, and why (1.6, errata 3.8; 2.0.1, B02.FR.09). */
bool registration_keeps_out(struct gv_turn *t, const struct station *st, const struct spec_action *action,
			    const char **ret_why);
/* A session cannot be started or stopped on it now: the ticket has been answered. */
bool registration_refuses(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const char *device);

#endif
