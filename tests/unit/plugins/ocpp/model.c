/* A charger with a device model, as tests drive it. */
#include "model.h"

#include <stdlib.h>
#include <string.h>

void report(int id, int number, bool more, const char *data)
{
	static char payload[19900];

	snprintf(payload, sizeof payload,
		 "{\"requestId\":%d,\"generatedAt\":\"" T0 "\",\"seqNo\":%d,\"tbc\":%s,\"reportData\":[%s]}", id,
		 number, more ? "true" : "false", data);
	fine("NotifyReport", payload);
}

struct host_answer *refresh(void)
{
	struct host_answer *a = host_call_later(h, NULL, OCPP "RefreshVariables", "{\"device\":\"ocpp:CP001\"}");

	host_settle(h, 100);
	return a;
}

/* The newest call to the charger; NULL: none. */
static const char *newest(void)
{
	for (size_t i = cp.received; i > 0; i--)
		if (!strncmp(cp.inbox[i - 1], "[2,", 3))
			return cp.inbox[i - 1];
	return NULL;
}

int asked_for(const char *action)
{
	const char *call = newest(), *id = call ? strstr(call, "\"requestId\":") : NULL;

	cr_assert(id && strstr(call, action), "%s was asked, not %s", action, call ? call : "anything");
	return atoi(id + strlen("\"requestId\":"));
}

void answer_call(const char *payload)
{
	const char *call = newest();
	char frame[4000], id[64];

	cr_assert(call && sscanf(call, "[2,\"%63[^\"]\"", id) == 1);
	snprintf(frame, sizeof frame, "[3,\"%s\",%s]", id, payload);
	raw(frame);
	host_settle(h, 100);
}

const cJSON *variable(int i)
{
	return cJSON_GetArrayItem(get(ask(OCPP "ListVariables", "{\"device\":\"ocpp:CP001\"}"), "variables"), i);
}

int variables(void)
{
	return cJSON_GetArraySize(get(ask(OCPP "ListVariables", "{\"device\":\"ocpp:CP001\"}"), "variables"));
}

const char *value(const char *name)
{
	char request[200];

	snprintf(request, sizeof request, "{\"device\":\"ocpp:CP001\",\"variable\":\"%s\"}", name);
	ask(OCPP "ListVariables", request);
	return text(cJSON_GetArrayItem(get(cJSON_GetArrayItem(get(kept, "variables"), 0), "attributes"), 0), "value");
}

const cJSON *listed(const char *method, const char *list, int i)
{
	return cJSON_GetArrayItem(get(ask(method, DEVICE), list), i);
}

int count(const char *method, const char *list)
{
	return cJSON_GetArraySize(get(ask(method, DEVICE), list));
}

bool shown(const char *text)
{
	char *json = cJSON_PrintUnformatted(kept);
	bool found = strstr(json, text) != NULL;

	cJSON_free(json);
	return found;
}

size_t rows(const char *table)
{
	return host_rows(h, "ocpp.0", table, keep_row, NULL);
}

void keep_row(struct host *host, void *arg, const char *const *key, size_t parts, const char *json)
{
	keep(json);
}
