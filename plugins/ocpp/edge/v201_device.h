/* OCPP 2.0.1: the device model. */
#ifndef OCPP_V201_DEVICE_H
#define OCPP_V201_DEVICE_H

#include "edge.h"
#include "v201.h"

#include <plugins/ocpp/device/device.h>

/* v201_model.c */
extern const struct edge_model v201_model;
/* What an answer says of a charger; `asked`: the request. */
typedef void v201_answer_fn(struct gv_turn *t, const char *device, const struct cJSON *asked,
			    const struct cJSON *payload);

/* v201_device.c */
inbound_fn v201_told_variables;
int v201_get_configuration(struct gv_turn *t, char *const *keys, size_t n, struct command *ret);
int v201_set_configuration(struct gv_turn *t, const char *key, const char *value, struct command *ret);
void v201_read_configuration(struct gv_turn *t, const struct cJSON *payload, Charging__GetConfigurationReply *ret);
const char *v201_configuration_status(struct gv_turn *t, const struct cJSON *payload);

v201_answer_fn v201_variables_got, v201_variables_set;
/* v201_monitoring.c */
inbound_fn v201_told_monitors, v201_told_events;
v201_answer_fn v201_monitors_set, v201_monitors_cleared, v201_monitors_based;
/* v201_displays.c */
inbound_fn v201_told_displays;
v201_answer_fn v201_display_set, v201_display_cleared;
/* v201_customers.c */
inbound_fn v201_told_customer;
int v201_ask_customer(struct gv_turn *t, int64_t request_id, const Ocpp__GetCustomerInformationRequest *r,
		      struct command *ret);

/* The elements of a field, by their `next`; NULL: none. */
const struct cJSON *v201_first(const struct cJSON *object, const char *name);
/* Do both name the same variable? */
bool v201_same_names(struct gv_turn *t, const struct cJSON *a, const struct cJSON *b);
/* The names in an object that has a component and a variable; the rest of *ret is empty. */
void v201_read_names(struct gv_turn *t, const struct cJSON *object, Ocpp__Variable *ret);

#endif
