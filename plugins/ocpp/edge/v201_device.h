/* OCPP 2.0.1: the device model. */
#ifndef OCPP_V201_DEVICE_H
#define OCPP_V201_DEVICE_H

#include "edge.h"
#include "v201.h"

#include <plugins/ocpp/device/device.h>

extern const struct edge_model v201_model;
inbound_fn v201_told_variables;
int v201_get_configuration(struct gv_turn *t, char *const *keys, size_t n, struct command *ret);
int v201_set_configuration(struct gv_turn *t, const char *key, const char *value, struct command *ret);
void v201_read_configuration(struct gv_turn *t, const struct cJSON *payload, Charging__GetConfigurationReply *ret);
const char *v201_configuration_status(struct gv_turn *t, const struct cJSON *payload);

/* The names in an object that has a component and a variable; the rest of *ret is empty. */
void v201_read_names(struct gv_turn *t, const struct cJSON *object, Ocpp__Variable *ret);

#endif
