/* OCPP 1.6: what the files of its edge share. */
#ifndef OCPP_V16_H
#define OCPP_V16_H

#include "edge.h"

#include <string.h>

#define V16_TAG_MAX 20 /* characters of an idTag that is sent */

inbound_fn *v16_handler(const char *action);
/* v16_transactions.c */
inbound_fn v16_start_transaction, v16_stop_transaction, v16_meter_values;
/* v16_profiles.c */
extern const struct edge_profiles v16_profiles;

#endif
