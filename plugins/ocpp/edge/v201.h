/* OCPP 2.0.1: what the files of its edge share. Its EVSEs are the neutral model's connectors (docs/adr/0013). */
#ifndef OCPP_V201_EDGE_H
#define OCPP_V201_EDGE_H

#include "edge.h"

#include <string.h>

#define V201_TOKEN_MAX 36 /* characters of an idToken that is sent */

extern const struct edge edge_v201;

inbound_fn *v201_handler(const char *action);
/* v201_security.c */
inbound_fn v201_certificate_asked;
/* v201_transactions.c */
inbound_fn v201_authorize_token, v201_transaction, v201_meters;
const char *v201_ended(struct gv_turn *t, const char *cost, const char *token_info);
/* An id that is to be believed: from 0 to OCPP_CONNECTOR_MAX; false: in->code and in->why say what is wrong. `name`: of
 * the field, a literal. */
extern const struct edge_contracts v201_contracts;
inbound_fn v201_ocsp_asked, v201_certificate_wanted;
/* An IdTokenInfo, in the turn's memory. */
const char *v201_token_info(struct gv_turn *t, const struct verdict *v);
/* Whoever comes with a contract: answers Authorize, now or later. */
int v201_authorize_contract(struct ocpp *o, struct gv_turn *t, struct inbound *in);
bool v201_read_id(struct gv_turn *t, struct inbound *in, const struct cJSON *object, const char *name, uint32_t *ret);

/* v201_model.c */
void v201_answered(struct ocpp *o, struct gv_turn *t, struct station *st, const Ocpp__Command *row,
		   const struct cJSON *payload);

/* v201_files.c */
int v201_order_log(struct gv_turn *t, const struct log_order *order, struct command *ret);
int v201_order_firmware(struct gv_turn *t, const struct firmware_order *order, struct command *ret);

#endif
