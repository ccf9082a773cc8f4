/* What the handlers of services share. */
#ifndef OCPP_SERVICES_H
#define OCPP_SERVICES_H

#include <plugins/ocpp/ocpp.h>

/* The charger that is asked; NULL: the ticket has been answered. */
const struct station *service_asked(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const char *device,
				    uint32_t connector);
/* True where the version of a charger has no such order: the ticket has been answered. */
bool service_lacks(struct gv_turn *t, struct gv_ticket ticket, const struct station *st, bool has, const char *what);

/* True where an order could not be given, by its result: the ticket has been answered. */
bool service_impossible(struct gv_turn *t, struct gv_ticket ticket, int error, const struct command *c);

/* starts.c */
gv_method_fn start_method, stop_method;

#endif
