/* Messages that several versions write the same way. */
#ifndef OCPP_EDGE_SHARED_H
#define OCPP_EDGE_SHARED_H

#include "edge.h"

#include <plugins/ocpp/stations/reports.h>

inbound_fn shared_heartbeat, shared_firmware_status, shared_log_status, shared_security_event;
/* A notification of `status` and requestId. */
int shared_status(struct ocpp *o, struct gv_turn *t, struct inbound *in, enum status_of which);
/* A field's text in the turn's memory; "" where there is none. */
char *shared_text(struct gv_turn *t, const struct cJSON *payload, const char *name);

/* An order as a call of that version. Takes the payload over. 0; -EINVAL where it is none that the version has. */
int shared_give(struct gv_turn *t, const struct spec_version *spec, const char *action, struct cJSON *payload,
		struct command *ret);
/* Orders that are the same in all versions. */
int shared_clear_cache(struct gv_turn *t, struct command *ret);
int shared_cancel_reservation(struct gv_turn *t, uint64_t id, struct command *ret);
/* As OCPP writes times; 0: none is added. */
void shared_add_time(struct cJSON *object, const char *name, int64_t ms);
/* What was written, in the turn's memory, and away with the buffer. */
const char *shared_take(struct gv_turn *t, struct gv_buf *b);

#endif
