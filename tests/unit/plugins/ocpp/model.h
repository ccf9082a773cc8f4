/* What the tests of the device model share: a charger that reports its variables. */
#ifndef TEST_OCPP_MODEL_H
#define TEST_OCPP_MODEL_H

#include "charger.h"

#define DEVICE "{\"device\":\"ocpp:CP001\"}"
#define CALL(action, payload) "{\"device\":\"ocpp:CP001\",\"action\":\"" action "\",\"payload\":" payload "}"

#define VARIABLE(component, name, value)                                                                               \
	"{\"component\":{\"name\":\"" component "\"},\"variable\":{\"name\":\"" name                                   \
	"\"},\"variableAttribute\":[{\"value\":\"" value "\"}]}"

/* NotifyReport. more: another part follows. */
void report(int id, int number, bool more, const char *data);
/* Ocpp/RefreshVariables, which the charger has received. */
struct host_answer *refresh(void);
/* The request id of the newest call of this action that the charger has received. */
int asked_for(const char *action);
/* The charger answers the newest call. */
void answer_call(const char *payload);

const cJSON *variable(int i);        /* of the list */
int variables(void);                 /* how many there are */
const char *value(const char *name); /* the actual one; in memory until the next call */

/* Of a method that takes DEVICE: an element of a list in its answer; how many there are. */
const cJSON *listed(const char *method, const char *list, int i);
int count(const char *method, const char *list);
/* Does what was kept last hold this? */
bool shown(const char *text);

/* Rows of a table of the plugin; keep_row keeps the last as `kept`. */
size_t rows(const char *table);
void keep_row(struct host *host, void *arg, const char *const *key, size_t parts, const char *json);

#endif
