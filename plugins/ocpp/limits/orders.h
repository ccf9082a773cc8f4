/* What the files share that see an order through. */
#ifndef OCPP_LIMITS_ORDERS_H
#define OCPP_LIMITS_ORDERS_H

#include "limits.h"

struct orders { /* of one charger */
	struct ocpp *o;
	struct gv_turn *t;
	const char *device;
};

/* Sends the next call of an order, which it becomes part of. */
int orders_send(const struct orders *q, uint64_t number, Ocpp__LimitOrder *order, struct command *c);
/* Answers it, and goes on with the next one. */
int orders_finish(const struct orders *q, uint64_t number, const Ocpp__LimitOrder *order, const char *status);

/* ---- limit_key.c: chargers without profiles that have a key which limits them ---------------- */

/* Whether such a key limits all that the order is about: the charger, or its only connector. */
bool key_fits(const struct station *st, const Ocpp__LimitOrder *order, uint32_t connectors);
/* Whether the limit that an order is to clear was set so. */
bool key_was_used(const struct orders *q, const Ocpp__LimitOrder *order);
/* The next call of an order that is keyed, or its end. */
int key_step(const struct orders *q, const struct station *st, uint64_t number, Ocpp__LimitOrder *order);
int key_concluded(const struct orders *q, const struct station *st, uint64_t number, Ocpp__LimitOrder *order,
		  const struct outcome *out);

#endif
