/* Whether a car is plugged in at a connector: derived, as ConnectorStatus.plugged tells it. */
#ifndef OCPP_PLUGGED_H
#define OCPP_PLUGGED_H

#include <plugins/ocpp/ocpp.h>

/* A connector has told a state, in 1.6's names; `known`: what was known before. */
Charging__Plugged plugged_told(struct ocpp *o, struct gv_turn *t, struct station *st, uint32_t connector,
			       const char *status, Charging__Plugged known);
/* An EVSE's, from its plugs and its transaction; row->plugged: what was known before. `st` NULL: it is not connected.
 */
Charging__Plugged plugged_evse(struct ocpp *o, struct gv_turn *t, struct station *st, const Ocpp__ConnectorRow *row);
/* A transaction begins or has ended on a connector without plugs: changes and tells its state where it says otherwise.
 */
int plugged_session(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Transaction *x, bool ends);

#endif
