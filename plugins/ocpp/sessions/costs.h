/* What sessions cost, on the displays of chargers that have one (2.0.1, I02 and I03). */
#ifndef OCPP_COSTS_H
#define OCPP_COSTS_H

#include <plugins/ocpp/stations/commands.h>

#include <galvan/checkout.pb-c.h>

extern const struct gv_table ocpp_costs; /* device, transaction -> CostRow */

/* By what it has reported of itself, the charger shows what a session costs. */
bool costs_shown(struct gv_turn *t, const char *device);
/* Whether its driver is to see there what this session costs. */
bool costs_shows(struct gv_turn *t, const char *device, const Ocpp__Transaction *x);
/* The charger's display has become known, or was switched on: what runs there is told of. */
int costs_appeared(struct gv_turn *t, const char *device);
#define COSTS_COMPONENT "TariffCostCtrlr" /* whose variables say it */
/* Billing's word. */
int costs_priced(struct ocpp *o, struct gv_turn *t, const Billing__SessionPriced *e);
/* It is there again, and may show an older one. */
int costs_opened(struct ocpp *o, struct gv_turn *t, const struct station *st);
/* The price of a transaction that is over, or free, as a decimal number; NULL: nobody has said it. */
const char *costs_final(struct gv_turn *t, const char *device, const char *name);
/* The answer to what ended this transaction is to wait for its price: false where none is on its way. token_info: what
 * else the answer will say. */
bool costs_wait(struct gv_turn *t, struct inbound *in, const char *name, const char *token_info);
#define COST_TIMER "cost " /* and the transaction, a space, the device: the price has not come in time */
int costs_due(struct ocpp *o, struct gv_turn *t, const char *name);
conclude_fn costs_concluded;

#endif
