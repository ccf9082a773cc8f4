/* OCPP 1.6: diagnostics and firmware, plain and as the security extension has them. */
#include "v16.h"
#include "shared.h"

#include <cjson/cJSON.h>
#include <errno.h>

static int get_security_log(struct gv_turn *t, const struct log_order *o, struct command *ret)
{
	cJSON *payload = cJSON_CreateObject(), *log = cJSON_AddObjectToObject(payload, "log");

	cJSON_AddStringToObject(log, "remoteLocation", o->url);
	shared_add_time(log, "oldestTimestamp", o->from_ms);
	shared_add_time(log, "latestTimestamp", o->until_ms);
	cJSON_AddStringToObject(payload, "logType", "SecurityLog");
	cJSON_AddNumberToObject(payload, "requestId", o->request_id);
	return shared_give(t, &spec_v16, "GetLog", payload, ret);
}

int v16_order_log(struct gv_turn *t, const struct log_order *o, struct command *ret)
{
	cJSON *payload;

	if (o->security)
		return get_security_log(t, o, ret);
	payload = cJSON_CreateObject();
	cJSON_AddStringToObject(payload, "location", o->url);
	shared_add_time(payload, "startTime", o->from_ms);
	shared_add_time(payload, "stopTime", o->until_ms);
	return shared_give(t, &spec_v16, "GetDiagnostics", payload, ret);
}

static void add_retries(cJSON *payload, const Charging__UpdateFirmwareRequest *r)
{
	if (r->retries)
		cJSON_AddNumberToObject(payload, "retries", r->retries);
	if (r->retry_interval_s)
		cJSON_AddNumberToObject(payload, "retryInterval", r->retry_interval_s);
}

static int update_signed(struct gv_turn *t, const struct firmware_order *o, struct command *ret)
{
	cJSON *payload = cJSON_CreateObject(), *firmware;

	add_retries(payload, o->request);
	cJSON_AddNumberToObject(payload, "requestId", o->request_id);
	firmware = cJSON_AddObjectToObject(payload, "firmware");
	cJSON_AddStringToObject(firmware, "location", o->url);
	shared_add_time(firmware, "retrieveDateTime", o->retrieve_at_ms);
	shared_add_time(firmware, "installDateTime", o->request->install_at_ms);
	cJSON_AddStringToObject(firmware, "signingCertificate", o->request->signing_certificate);
	cJSON_AddStringToObject(firmware, "signature", o->request->signature);
	return shared_give(t, &spec_v16, "SignedUpdateFirmware", payload, ret);
}

int v16_order_firmware(struct gv_turn *t, const struct firmware_order *o, struct command *ret)
{
	cJSON *payload;

	if (o->request->signature[0])
		return update_signed(t, o, ret);
	if (o->request->install_at_ms) {
		ret->problem =
			"installAtMs cannot be given: OCPP 1.6 knows no time of installation without a signature";
		return -EINVAL;
	}
	payload = cJSON_CreateObject();
	cJSON_AddStringToObject(payload, "location", o->url);
	add_retries(payload, o->request);
	shared_add_time(payload, "retrieveDate", o->retrieve_at_ms);
	return shared_give(t, &spec_v16, "UpdateFirmware", payload, ret);
}
