/* Certificates and passwords of chargers, as calls of a version. */
#ifndef OCPP_EDGE_CREDENTIALS_H
#define OCPP_EDGE_CREDENTIALS_H

#include "edge.h"

/* None of them fails. */
struct edge_security {
	/* Has the charger ask for a new certificate. */
	void (*renew)(struct gv_turn *t, struct command *ret);
	/* `type`: as the charger named it when it asked; "": it named none. */
	void (*signed_certificate)(struct gv_turn *t, const char *chain, const char *type, struct command *ret);
	/* `password`: 40 hex digits. */
	void (*set_password)(struct gv_turn *t, const char *password, struct command *ret);
	/* What the answer to that says: "Accepted", "Rejected", ...; "" where it says nothing. */
	const char *(*password_status)(const struct cJSON *payload);
};

extern const struct edge_security edge_v16_security, edge_v201_security;

#endif
