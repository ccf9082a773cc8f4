/* OCPP 1.6: what the files of its edge share. */
#ifndef OCPP_V16_H
#define OCPP_V16_H

#include "edge.h"

#include <plugins/ocpp/lists/lists.h>

#include <string.h>

#define V16_TAG_MAX 20 /* characters of an idTag that is sent */
#define V16_MOST_KEYS "GetConfigurationMaxKeys"

extern const struct edge edge_v15, edge_v16; /* 1.5 is made of 1.6: see edge_v15.c */

inbound_fn *v16_handler(const char *action);
/* v16.c: orders that 1.5 has, too. */
int v16_stop(struct gv_turn *t, const Ocpp__Transaction *x, struct command *ret);
int v16_unlock(struct gv_turn *t, uint32_t connector, uint32_t plug, struct command *ret);
int v16_reset(struct gv_turn *t, bool hard, struct command *ret);
int v16_set_availability(struct gv_turn *t, uint32_t connector, bool operative, struct command *ret);
/* v16_lists.c. `list`: what the version calls the list in SendLocalList. */
extern const struct edge_lists v16_lists;
int v16_reserve(struct gv_turn *t, const struct reserve_order *order, struct command *ret);
int v16_list_limits(struct gv_turn *t, struct command *ret);
void v16_read_list_limits(const struct cJSON *payload, struct list_limits *ret);
int v16_list_version(struct gv_turn *t, struct command *ret);
int64_t v16_read_list_version(const struct cJSON *payload);
int v16_write_list(struct gv_turn *t, const struct list_message *m, const char *list, struct command *ret);
/* What 1.6 asks of a profile in a RemoteStartTransaction (5.11 and 5.16.2); NULL: it is all right. */
const char *v16_profile_problem(struct gv_turn *t, const struct cJSON *profile);
/* v16_configuration.c */
int v16_get_configuration(struct gv_turn *t, char *const *keys, size_t n, struct command *ret);
int v16_set_configuration(struct gv_turn *t, const char *key, const char *value, struct command *ret);
void v16_read_configuration(struct gv_turn *t, const struct cJSON *payload, Charging__GetConfigurationReply *ret);
/* What a charger says of its configuration, whoever asked for it. */
void v16_answered(struct ocpp *o, struct gv_turn *t, struct station *st, const Ocpp__Command *row,
		  const struct cJSON *payload);
const char *v16_configuration_status(struct gv_turn *t, const struct cJSON *payload);
/* v16_transactions.c */
inbound_fn v16_start_transaction, v16_stop_transaction, v16_meter_values;
/* v16_profiles.c */
extern const struct edge_profiles v16_profiles;

/* v16_files.c */
int v16_order_log(struct gv_turn *t, const struct log_order *order, struct command *ret);
int v16_order_firmware(struct gv_turn *t, const struct firmware_order *order, struct command *ret);

#endif
