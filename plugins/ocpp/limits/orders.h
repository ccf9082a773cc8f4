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

/* ---- abilities.c ----------------------------------------------------------------------------- */

/* What it is known by now not to take: bits as in plan.h. */
void abilities_refused(const struct orders *q, uint32_t refused);
/* The answer to the question of what it takes. */
void abilities_told(const struct orders *q, const struct station *st, const struct outcome *out);

/* ---- closing.c: chargers that take limits of running sessions only --------------------------- */

/* Whether it is such a charger, as far as is known after this order. */
bool closing_is_session_only(const struct orders *q, const Ocpp__LimitOrder *order);
/* Whether the connector must be closed before this profile is set. */
bool closing_is_due(const struct orders *q, const Ocpp__LimitOrder *order, const struct plan *plan);
/* Whether a limit that no profile can say is one that a closed connector keeps. */
bool closing_is_enough(const struct orders *q, const Ocpp__LimitOrder *order);
/* Whether a limit stands now for whoever comes, and the connector is closed all the same. */
bool closing_is_over(const struct orders *q, const Ocpp__LimitOrder *order);
/* The next call of an order: it closes or opens its connector. */
int closing_send(const struct orders *q, const struct station *st, uint64_t number, Ocpp__LimitOrder *order,
		 Ocpp__LimitOrder__Closing closing);
/* Its outcome. NULL: the order goes on; else it ends with this status. */
const char *closing_concluded(const struct orders *q, Ocpp__LimitOrder *order, const struct outcome *out);

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
