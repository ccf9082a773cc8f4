/* The chargers that stand behind one connection, by their connectors. */
#ifndef OCPP_UNITS_H
#define OCPP_UNITS_H

#include <plugins/ocpp/ocpp.h>

/* The charger that this connector is of, and which of its own it is, from 1; "" and 0: of none that is told apart.
 * Lives as long as the config. */
const char *unit_of(const struct profile *p, uint32_t connector, uint32_t *ret_connector);
/* Whether the connector is one of several chargers'. */
bool unit_is_of_many(const struct station *st, uint32_t connector);
/* A session's, where its charger is connected. */
void unit_session(struct ocpp *o, const char *device, Ocpp__Transaction *x);

/* The config's. -EINVAL: the turn's fault says what is wrong. To be freed in each case. */
int units_take(struct gv_turn *t, size_t profile, const Ocpp__StationProfile *from, struct profile *ret);
void units_free(struct profile *p);

#endif
