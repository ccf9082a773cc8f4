/* OCPP 2.0.1: logs and firmware. */
#include "v201.h"

#include <cjson/cJSON.h>

static void add_time(cJSON *object, const char *name, int64_t ms)
{
	char text[25];

	if (!ms)
		return;
	gv_time_format(ms, text);
	cJSON_AddStringToObject(object, name, text);
}

int v201_order_log(struct gv_turn *t, const struct log_order *o, struct command *ret)
{
	cJSON *payload = cJSON_CreateObject(), *log = cJSON_AddObjectToObject(payload, "log");

	cJSON_AddStringToObject(log, "remoteLocation", o->url);
	add_time(log, "oldestTimestamp", o->from_ms);
	add_time(log, "latestTimestamp", o->until_ms);
	cJSON_AddStringToObject(payload, "logType", o->security ? "SecurityLog" : "DiagnosticsLog");
	cJSON_AddNumberToObject(payload, "requestId", o->request_id);
	return v201_give(t, "GetLog", payload, ret);
}

int v201_order_firmware(struct gv_turn *t, const struct firmware_order *o, struct command *ret)
{
	const Charging__UpdateFirmwareRequest *r = o->request;
	cJSON *payload = cJSON_CreateObject(), *firmware;

	if (r->retries)
		cJSON_AddNumberToObject(payload, "retries", r->retries);
	if (r->retry_interval_s)
		cJSON_AddNumberToObject(payload, "retryInterval", r->retry_interval_s);
	cJSON_AddNumberToObject(payload, "requestId", o->request_id);
	firmware = cJSON_AddObjectToObject(payload, "firmware");
	cJSON_AddStringToObject(firmware, "location", o->url);
	add_time(firmware, "retrieveDateTime", o->retrieve_at_ms);
	add_time(firmware, "installDateTime", r->install_at_ms);
	if (r->signature[0]) {
		cJSON_AddStringToObject(firmware, "signingCertificate", r->signing_certificate);
		cJSON_AddStringToObject(firmware, "signature", r->signature);
	}
	return v201_give(t, "UpdateFirmware", payload, ret);
}
