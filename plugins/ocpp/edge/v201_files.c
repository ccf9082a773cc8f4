/* OCPP 2.0.1: logs and firmware. */
#include "v201.h"
#include "shared.h"

#include <cjson/cJSON.h>

int v201_order_log(struct gv_turn *t, const struct log_order *o, struct command *ret)
{
	cJSON *payload = cJSON_CreateObject(), *log = cJSON_AddObjectToObject(payload, "log");

	cJSON_AddStringToObject(log, "remoteLocation", o->url);
	shared_add_time(log, "oldestTimestamp", o->from_ms);
	shared_add_time(log, "latestTimestamp", o->until_ms);
	cJSON_AddStringToObject(payload, "logType", o->security ? "SecurityLog" : "DiagnosticsLog");
	cJSON_AddNumberToObject(payload, "requestId", o->request_id);
	return shared_give(t, &spec_v201, "GetLog", payload, ret);
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
	shared_add_time(firmware, "retrieveDateTime", o->retrieve_at_ms);
	shared_add_time(firmware, "installDateTime", r->install_at_ms);
	if (r->signature[0]) {
		cJSON_AddStringToObject(firmware, "signingCertificate", r->signing_certificate);
		cJSON_AddStringToObject(firmware, "signature", r->signature);
	}
	return shared_give(t, &spec_v201, "UpdateFirmware", payload, ret);
}
