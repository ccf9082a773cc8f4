/* The plugin as chargers and callers see it, in the test host: the .so, unchanged, on the kernel's actor. */
#ifndef TEST_OCPP_CHARGER_H
#define TEST_OCPP_CHARGER_H

#include <tests/host/host.h>

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <stdio.h>

#define CHARGING "galvan.charging.v1.Charging/"
#define OCPP "galvan.ocpp.v1.Ocpp/"
#define EVENT "galvan.charging.v1."
#define INBOX 64

#define START(tag, time, meter)                                                                                        \
	"{\"connectorId\":1,\"idTag\":\"" tag "\",\"meterStart\":" meter ",\"timestamp\":\"" time "\"}"
#define T0 "2025-01-15T02:09:54.000Z"

/* A charger that says what the test says, and answers calls with `reply` as long as it is set. */
struct charger {
	struct host_station *station;
	char *inbox[INBOX]; /* frames, oldest first */
	size_t received;
	const char *reply; /* payload of its answers; NULL: it stays silent */
	unsigned sent;
	unsigned code; /* of the last close */
};
extern struct host *h;
extern struct charger cp; /* ocpp:CP001, connected */
extern const struct host_station_model charger_model;
extern cJSON *kept; /* reply or event looked at last */

/* A node with this config of ocpp. bench_setup: one that accepts unknown tags, with a blocked one and one of a family.
 */
void bench_load(const char *config);
void bench_load_as(const char *subprotocol, const char *config);
void bench_load_from(const char *ocpp, const char *subprotocol, const char *config); /* a plugin of that path */
void bench_connect(const char *subprotocol); /* the charger, in a new connection */
void bench_setup(void);
void bench_setup_v201(void); /* the same, and the charger speaks 2.0.1 */
void bench_teardown(void);
void bench_forget_frames(void); /* what the charger has received */
void bench_forget(void);        /* and the charger */
#define BENCH .init = bench_setup, .fini = bench_teardown, .timeout = 60
#define BENCH_V201 .init = bench_setup_v201, .fini = bench_teardown, .timeout = 60

bool received(const char *text); /* a frame that holds this */

/* ---- the charger speaks */
void raw(const char *text);
const char *say(const char *action, const char *payload);                     /* a call; its answer's frame */
void fine(const char *action, const char *payload);                           /* and it is a CALLRESULT */
void answered(const char *action, const char *payload, const char *expected); /* and holds this */
int begin(const char *payload);                                               /* StartTransaction; the id */
void stop_with(int id, const char *rest);                                     /* StopTransaction */
void meter(int id, const char *time, const char *value);                      /* MeterValues with one value */
/* TransactionEvent of transaction tx-1 at "02:10:00"; info: more of transactionInfo; rest: more of the message. */
void transaction(const char *type, int number, const char *time, const char *info, const char *rest);

/* ---- callers ask */
const cJSON *ask(const char *method, const char *request);
void refused(const char *method, const char *request, enum gv_code code, const char *word);
const cJSON *session(int id);
bool flagged(const cJSON *s, const char *flag);
int samples(const cJSON *s);
size_t events(const char *type);
const cJSON *event(const char *type, size_t i);

/* How often galvan met it, as /metrics has it: by the name of a quirk, or of another counter. */
int met(const char *name);

/* ---- JSON */
const cJSON *keep(const char *json);
const cJSON *get(const cJSON *json, const char *name);
const char *text(const cJSON *json, const char *name);
long number(const cJSON *json, const char *name);

#endif
