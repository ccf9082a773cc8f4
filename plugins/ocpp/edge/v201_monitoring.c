/* OCPP 2.0.1, block N: what a charger watches, and what it tells of. */
#include "v201_device.h"

#include <plugins/ocpp/stations/mask.h>
#include <plugins/ocpp/stations/reports.h>

#include <cjson/cJSON.h>
#include <strings.h>

#define SEVERITY_MAX 9

/* ---- monitors -------------------------------------------------------------------------------- */

static uint32_t severity_of(const cJSON *json)
{
	int64_t value = json_int(json, "severity", SEVERITY_MAX);

	return value >= 0 && value <= SEVERITY_MAX ? (uint32_t)value : SEVERITY_MAX;
}

static double value_of(const cJSON *json)
{
	const cJSON *value = json_get(json, "value");

	return cJSON_IsNumber(value) ? value->valuedouble : 0;
}

static void read_monitor(struct gv_turn *t, const cJSON *json, const Ocpp__Variable *of, Ocpp__Monitor *ret)
{
	ocpp__monitor__init(ret);
	ret->id = json_int(json, "id", 0);
	ret->key = (char *)key_write(t, of);
	ret->type = gv_strdup(t, json_string(json, "type"));
	ret->value = value_of(json);
	ret->severity = severity_of(json);
	ret->transaction = cJSON_IsTrue(json_get(json, "transaction"));
}

int v201_told_monitors(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	struct report_key key = { in->device, OCPP__REPORT_ROW__KIND__MONITORS, json_int(in->payload, "requestId", 0) };
	struct report_part part = { .number = json_int(in->payload, "seqNo", -1),
				    .more = cJSON_IsTrue(json_get(in->payload, "tbc")),
				    .text = "" };
	uint64_t *items = NULL;

	for (const cJSON *data = v201_first(in->payload, "monitor"); data; data = data->next) {
		Ocpp__Variable v;

		v201_read_names(t, data, &v);
		for (const cJSON *m = v201_first(data, "variableMonitoring"); m; m = m->next) {
			Ocpp__Monitor monitor;

			read_monitor(t, m, &v, &monitor);
			monitor_told(t, in->device, &monitor);
			*GV_APPEND(t, items, part.n_items) = (uint64_t)monitor.id;
		}
	}
	part.items = items;
	return report_part(t, &key, &part);
}

/* Its result has no value: that is in the request, as the item of the same variable, type and severity. */
void v201_monitors_set(struct gv_turn *t, const char *device, const cJSON *asked, const cJSON *payload)
{
	for (const cJSON *result = v201_first(payload, "setMonitoringResult"); result; result = result->next) {
		const cJSON *item = v201_first(asked, "setMonitoringData");
		Ocpp__Monitor monitor;
		Ocpp__Variable v;

		while (item && (strcmp(json_string(item, "type"), json_string(result, "type")) != 0 ||
				severity_of(item) != severity_of(result) || !v201_same_names(t, item, result)))
			item = item->next;
		if (!item || !json_get(result, "id") || strcmp(json_string(result, "status"), "Accepted") != 0)
			continue;
		v201_read_names(t, item, &v);
		read_monitor(t, item, &v, &monitor);
		monitor.id = json_int(result, "id", 0);
		monitor_told(t, device, &monitor);
	}
}

void v201_monitors_cleared(struct gv_turn *t, const char *device, const cJSON *asked, const cJSON *payload)
{
	for (const cJSON *result = v201_first(payload, "clearMonitoringResult"); result; result = result->next)
		if (strcmp(json_string(result, "status"), "Rejected") != 0)
			monitor_gone(t, device, json_int(result, "id", 0));
}

/* Both other bases end monitors, and only the charger knows which: a report will tell. */
void v201_monitors_based(struct gv_turn *t, const char *device, const cJSON *asked, const cJSON *payload)
{
	if (!strcmp(json_string(payload, "status"), "Accepted") &&
	    strcmp(json_string(asked, "monitoringBase"), "All") != 0)
		monitors_but(t, device, &(struct report_items){ 0 });
}

/* ---- events ---------------------------------------------------------------------------------- */

static Ocpp__DeviceEvent *read_event(struct gv_turn *t, const cJSON *json, const Ocpp__Variable *of, int64_t time_ms)
{
	Ocpp__DeviceEvent *e = gv_alloc(t, sizeof *e);

	ocpp__device_event__init(e);
	e->event_id = json_int(json, "eventId", 0);
	e->key = (char *)key_write(t, of);
	e->time_ms = time_ms;
	e->trigger = gv_strdup(t, json_string(json, "trigger"));
	e->kind = gv_strdup(t, json_string(json, "eventNotificationType"));
	e->value = mask_is_secret(of->variable) ? "" : gv_strdup(t, json_string(json, "actualValue"));
	e->cleared = cJSON_IsTrue(json_get(json, "cleared"));
	e->cause = json_int(json, "cause", 0);
	e->tech_code = gv_strdup(t, json_string(json, "techCode"));
	e->tech_info = gv_strdup(t, json_string(json, "techInfo"));
	e->transaction_id = gv_strdup(t, json_string(json, "transactionId"));
	e->monitor = json_int(json, "variableMonitoringId", 0);
	return e;
}

/* A connector's state may be told as an event, in place of a StatusNotification. */
static int told_state(struct ocpp *o, struct gv_turn *t, struct inbound *in, const Ocpp__Variable *of,
		      const Ocpp__DeviceEvent *e, const struct when *when)
{
	static const char *const states[] = { "Available", "Occupied", "Reserved", "Unavailable", "Faulted" };
	struct said_plug said = { .connector = of->evse, .plug = of->connector, .when = *when };

	if (strcasecmp(of->component, "Connector") != 0 || strcasecmp(of->variable, "AvailabilityState") != 0 ||
	    !of->evse || !of->connector)
		return 0;
	for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
		if (!strcmp(states[i], e->value))
			said.status = states[i];
	return said.status ? report_plug(o, t, in, &said) : 0;
}

/* Each stands for itself: neither the number of the message nor that more will follow decides anything. */
int v201_told_events(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	bool asked = false;

	for (const cJSON *data = v201_first(in->payload, "eventData"); data; data = data->next) {
		Ocpp__DeviceEvent *e;
		Ocpp__Variable v;
		struct when when;

		when_read(t, in->st, json_get(data, "timestamp"), &when);
		/* Without a time of its own it would not be known again. */
		if (when.replaced && !asked && report_told(t, in))
			return 0;
		asked |= when.replaced;
		v201_read_names(t, data, &v);
		e = read_event(t, data, &v, when.ms);
		told_state(o, t, in, &v, e, &when);
		event_told(o, t, in->device, e);
	}
	return 0;
}
