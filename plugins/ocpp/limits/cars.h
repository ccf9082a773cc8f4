/* Cars among the limits of their charger: car_plan.c. */
#ifndef OCPP_LIMITS_CARS_H
#define OCPP_LIMITS_CARS_H

#include "orders.h"

/* A transaction has a profile that was not made here for its car. */
bool car_has_profile(struct gv_turn *t, const char *device, const Ocpp__Transaction *x);
/* Its limits are renewed from time to time by whoever shares power out: a schedule would be void in minutes. */
bool car_is_managed(struct gv_turn *t, const char *device, uint32_t connector);
/* It gets a schedule all the same, one for each of its needs: when a limit has been set there, or after some seconds.
 */
int car_promise(struct gv_turn *t, const char *device, uint32_t connector);
/* Makes a schedule for the car of the transaction and sends it, behind the limits that wait. -ENOSPC: too many do. */
int car_offer(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Transaction *x);

/* ---- for orders.c ---------------------------------------------------------------------------- */

/* The next call of an order for a car, or its end. */
int car_step(const struct orders *q, const struct station *st, uint64_t number, Ocpp__LimitOrder *order);
int car_concluded(const struct orders *q, uint64_t number, Ocpp__LimitOrder *order, const struct outcome *out);
/* The connector whose car has a profile that would prevail over the limit which the order sets; 0: none. */
uint32_t car_in_the_way(const struct orders *q, const Ocpp__LimitOrder *order);
/* Takes that profile away. */
int car_clear(const struct orders *q, const struct station *st, uint64_t number, Ocpp__LimitOrder *order,
	      uint32_t connector);
/* False: it may still be there, and the limit cannot be set. */
bool car_cleared(const struct orders *q, Ocpp__LimitOrder *order, const struct outcome *out);
/* A limit has been set or cleared: cars there get a schedule anew (K16). */
int car_renew(const struct orders *q, const Ocpp__LimitOrder *order);

#endif
