/* Messages that several versions write the same way. */
#ifndef OCPP_EDGE_SHARED_H
#define OCPP_EDGE_SHARED_H

#include <plugins/ocpp/stations/reports.h>

inbound_fn shared_heartbeat, shared_firmware_status, shared_log_status, shared_security_event;
/* A notification of `status` and requestId. `action`: a literal. */
int shared_status(struct ocpp *o, struct gv_turn *t, struct inbound *in, const char *action, enum status_of which);
/* A field's text in the turn's memory; "" where there is none. */
char *shared_text(struct gv_turn *t, const struct cJSON *payload, const char *name);

#endif
