/* What a charger says of its insides, whatever the version that has a device model: variables, and reports of several
 * messages. */
#ifndef OCPP_DEVICE_H
#define OCPP_DEVICE_H

#include "report_parts.h"

#include <plugins/ocpp/stations/commands.h>

extern const struct gv_table ocpp_variables;            /* device, key in lower case -> Variable */
extern const struct gv_table ocpp_models;               /* device -> ModelRow */
extern const struct gv_table ocpp_monitors;             /* device, id -> Monitor */
extern const struct gv_table ocpp_device_events;        /* device, number, digest -> DeviceEvent */
extern const struct gv_table ocpp_device_event_digests; /* device, digest -> DeviceEventRef */
extern const struct gv_table ocpp_displays;             /* device, id -> DisplayMessage */

/* ---- variable_key.c -------------------------------------------------------------------------- */

/* Component[.instance][#evse[.connector]]/Variable[.instance], in the turn's memory. What separates is written as % and
 * two hex digits where it is part of a name. */
const char *key_write(struct gv_turn *t, const Ocpp__Variable *v);
/* Fills in the names. NULL; or what is wrong with the key, for people. */
const char *key_read(struct gv_turn *t, const char *key, Ocpp__Variable *ret);
/* As rows have it: in lower case. NULL where it is too long to be kept. */
const char *key_fold(struct gv_turn *t, const Ocpp__Variable *v);
/* Stands for it among those of its charger. */
uint64_t key_digest(const char *fold);

/* ---- variables.c ----------------------------------------------------------------------------- */

/* All that a report says of one variable. */
int variable_told(struct gv_turn *t, const char *device, Ocpp__Variable *v);
/* One value of it. `type`: of the attribute; "" is Actual. */
int variable_value(struct gv_turn *t, const char *device, const Ocpp__Variable *v, const char *type, const char *value);
/* NULL: not known. */
const Ocpp__Variable *variable_find(struct gv_turn *t, const char *device, const char *key);
/* Its actual value; "": not known. */
const char *variable_text(struct gv_turn *t, const char *device, const char *key);
/* Its actual value as a number above zero; or_else where it is not known. */
uint32_t variable_number(struct gv_turn *t, const char *device, const char *key, uint32_t or_else);
/* All as a configuration. */
void variables_configuration(struct gv_turn *t, const char *device, Charging__GetConfigurationReply *reply);
/* All have been reported, or all that can be written: others than these go. How many. */
uint32_t variables_but(struct gv_turn *t, const char *device, const struct report_items *items, bool only_writable);
/* Never NULL. */
const Ocpp__ModelRow *model_row(struct gv_turn *t, const char *device);

/* ---- refresh.c ------------------------------------------------------------------------------- */

#define MODEL_TIMER "model " /* and the device */
/* It has booted: where its firmware is new, it will be asked what it is made of. */
int model_booted(struct ocpp *o, struct gv_turn *t, const struct station *st, const Ocpp__Station *said);
int model_due(struct ocpp *o, struct gv_turn *t, const char *device);
/* Asks for all; the ticket is answered as the purpose says. */
int model_ask(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const char *device,
	      Ocpp__ReportRow__Purpose purpose, uint32_t timeout_s);
conclude_fn model_concluded;

/* ---- variables_read.c ------------------------------------------------------------------------ */

/* Charging/GetConfiguration of a charger with a device model. */
int model_configuration(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket,
			const Charging__GetConfigurationRequest *r);
conclude_fn model_configuration_concluded;

/* ---- monitors.c, displays.c ------------------------------------------------------------------ */

/* It is there, as it is given here. */
int monitor_told(struct gv_turn *t, const char *device, const Ocpp__Monitor *m);
int display_told(struct gv_turn *t, const char *device, const Ocpp__DisplayMessage *d);
int monitor_gone(struct gv_turn *t, const char *device, int64_t id);
int display_gone(struct gv_turn *t, const char *device, int64_t id);
/* All go but these, which are known by their ids. How many went. */
uint32_t monitors_but(struct gv_turn *t, const char *device, const struct report_items *items);
uint32_t displays_but(struct gv_turn *t, const char *device, const struct report_items *items);

/* ---- device_events.c ------------------------------------------------------------------------- */

/* It is kept and told, unless it was already. */
int event_told(struct ocpp *o, struct gv_turn *t, const char *device, Ocpp__DeviceEvent *e);

/* ---- customers.c ----------------------------------------------------------------------------- */

int customer_tell(struct gv_turn *t, const struct report_key *key, const Ocpp__ReportRow *row, bool complete);
conclude_fn customer_concluded;

/* ---- services -------------------------------------------------------------------------------- */

/* True where a list cannot be given so: the ticket has been answered. Else the walk begins at the page. */
bool model_list_refused(struct gv_turn *t, struct gv_ticket ticket, const char *device, uint32_t limit, uint32_t most,
			const char *page, struct gv_scan *scan);
gv_method_fn list_variables, refresh_variables, list_monitors, list_device_events, list_display_messages,
	get_customer_information;

#endif
