/* A plugin "dev" that drives one device as the test says, and billing asked in JSON. One node at a time. */
#ifndef TEST_BILLING_ORDERS_RIG_H
#define TEST_BILLING_ORDERS_RIG_H

#include <cjson/cJSON.h>
#include <galvan/charging.pb-c.h>
#include <tests/host/host.h>

#define MINUTE_MS 60000
#define HOUR_MS (60 * MINUTE_MS)

extern struct host *h;
extern cJSON *last; /* the newest answer */

/* ---- the device ------------------------------------------------------------------------------ */

extern const struct gv_plugin device;
extern enum gv_code start_says;
extern const char *start_status;
extern unsigned starts, stops, reads; /* how often it was asked */
extern bool begins;                   /* its session, whatever it answers */
extern char token[40];                /* that it was started with */
extern Charging__Session session;     /* the only one; its id is "" before it begins */
/* What the device is to tell as soon as it is told to, in a turn of its own. */
enum rig_tells { NOTHING, STARTED, METERED, ENDED };
extern enum rig_tells tells;

void device_reset(void);
void begin_session(const char *id, const char *with, int64_t at_ms);
void do_tell(enum rig_tells what);
void start_session(void);
void measure(int64_t wh);
void end_session(int64_t wh);

/* ---- asking ---------------------------------------------------------------------------------- */

/* Of the newest answer: "charges.0.price.incl"; "(none)". Until the next one. */
const char *text(const char *path);
unsigned ask(const char *method, const char *json);
void must(const char *method, const char *json);
/* Of order O-1. */
const char *state(void);
/* In the wallet of C-1. */
int64_t available(void);
unsigned n_charges(void);
/* Of the newest answer's "order", or its newest "charge". */
bool has_flag(const char *path, const char *flag);
void checkout(void);
/* One element of OCPI's, for all devices. */
void assign(const char *components);
/* Nothing was parked, Verify finds nothing, and the node is gone. */
void sound_and_gone(void);

#endif
