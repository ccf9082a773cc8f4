/* A charger that speaks OCPP 2.0.1: what the model says and hears in 1.6's words is translated at the wire. Its
 * connectors are EVSEs of one connector each, its transactions are named by itself, and each of their messages has a
 * number from when it was queued. */
#include "charger_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text(const cJSON *object, const char *name)
{
	const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
	return s ? s : "";
}

static double number(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
	return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

/* Hands a field on under another name, or the same. */
static void pass(cJSON *to, const char *name, const cJSON *from, const char *old_name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(from, old_name);
	if (item)
		cJSON_AddItemToObject(to, name, cJSON_Duplicate(item, true));
}

static void add_token(cJSON *to, const char *token)
{
	cJSON *object = cJSON_AddObjectToObject(to, "idToken");
	cJSON_AddStringToObject(object, "idToken", token);
	cJSON_AddStringToObject(object, "type", "ISO14443");
}

static cJSON *status(const char *value)
{
	cJSON *answer = cJSON_CreateObject();
	cJSON_AddStringToObject(answer, "status", value);
	return answer;
}

/* ---- out: calls ------------------------------------------------------------------------------ */

static cJSON *boot(const cJSON *from)
{
	cJSON *to = cJSON_CreateObject(), *station = cJSON_AddObjectToObject(to, "chargingStation");
	cJSON_AddStringToObject(to, "reason", "PowerUp");
	pass(station, "vendorName", from, "chargePointVendor");
	pass(station, "model", from, "chargePointModel");
	pass(station, "serialNumber", from, "chargePointSerialNumber");
	pass(station, "firmwareVersion", from, "firmwareVersion");
	return to;
}

/* A MeterValue: 2.0.1 writes values as numbers. */
static cJSON *meter_value(const cJSON *from)
{
	cJSON *to = cJSON_CreateObject(), *samples;
	const cJSON *sample;
	pass(to, "timestamp", from, "timestamp");
	samples = cJSON_AddArrayToObject(to, "sampledValue");
	cJSON_ArrayForEach(sample, cJSON_GetObjectItemCaseSensitive(from, "sampledValue"))
	{
		cJSON *copy = cJSON_CreateObject();
		cJSON_AddNumberToObject(copy, "value", strtod(text(sample, "value"), NULL));
		pass(copy, "context", sample, "context");
		pass(copy, "measurand", sample, "measurand");
		pass(cJSON_AddObjectToObject(copy, "unitOfMeasure"), "unit", sample, "unit");
		cJSON_AddItemToArray(samples, copy);
	}
	return to;
}

static void add_meter_values(cJSON *to, const cJSON *list)
{
	const cJSON *value;
	cJSON *values = cJSON_GetArraySize(list) ? cJSON_AddArrayToObject(to, "meterValue") : NULL;
	cJSON_ArrayForEach(value, list) cJSON_AddItemToArray(values, meter_value(value));
}

static void add_register(cJSON *to, double wh, const char *time, const char *context)
{
	cJSON *value = cJSON_CreateObject(), *sample = cJSON_CreateObject();
	cJSON_AddStringToObject(value, "timestamp", time);
	cJSON_AddNumberToObject(sample, "value", wh);
	cJSON_AddStringToObject(sample, "context", context);
	cJSON_AddItemToArray(cJSON_AddArrayToObject(value, "sampledValue"), sample);
	cJSON_AddItemToArray(cJSON_AddArrayToObject(to, "meterValue"), value);
}

static cJSON *event(const struct charger *c, const struct call *call, const char *type, const char *trigger,
		    const char *time, cJSON **ret_info)
{
	char name[40];
	cJSON *to = cJSON_CreateObject();
	cJSON_AddStringToObject(to, "eventType", type);
	cJSON_AddNumberToObject(to, "seqNo", call->number);
	cJSON_AddStringToObject(to, "timestamp", time);
	cJSON_AddStringToObject(to, "triggerReason", trigger);
	*ret_info = cJSON_AddObjectToObject(to, "transactionInfo");
	snprintf(name, sizeof name, "%llx-%llu", (unsigned long long)c->created_ms,
		 (unsigned long long)call->transaction);
	cJSON_AddStringToObject(*ret_info, "transactionId", name);
	return to;
}

static cJSON *start(const struct charger *c, const struct call *call)
{
	const cJSON *from = call->payload;
	cJSON *info, *to = event(c, call, "Started", call->start_number ? "RemoteStart" : "Authorized",
				 text(from, "timestamp"), &info);
	cJSON_AddStringToObject(info, "chargingState", "Charging");
	if (call->start_number)
		cJSON_AddNumberToObject(info, "remoteStartId", call->start_number);
	pass(to, "reservationId", from, "reservationId");
	cJSON_AddNumberToObject(cJSON_AddObjectToObject(to, "evse"), "id", call->connector);
	add_token(to, text(from, "idTag"));
	add_register(to, number(from, "meterStart"), text(from, "timestamp"), "Transaction.Begin");
	return to;
}

static cJSON *stop(const struct charger *c, const struct call *call)
{
	const char *reason = text(call->payload, "reason");
	cJSON *info, *to = event(c, call, "Ended", "StopAuthorized", text(call->payload, "timestamp"), &info);
	if (strcmp(reason, "HardReset") == 0 || strcmp(reason, "SoftReset") == 0)
		reason = "ImmediateReset";
	cJSON_AddStringToObject(info, "stoppedReason", strcmp(reason, "UnlockCommand") ? reason : "Other");
	if (*text(call->payload, "idTag"))
		add_token(to, text(call->payload, "idTag"));
	add_register(to, number(call->payload, "meterStop"), text(call->payload, "timestamp"), "Transaction.End");
	return to;
}

static cJSON *meters(const struct charger *c, const struct call *call, const char **ret_action)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(call->payload, "meterValue");
	cJSON *info, *to;
	if (call->transaction) {
		*ret_action = "TransactionEvent";
		to = event(c, call, "Updated", "MeterValuePeriodic", text(list->child, "timestamp"), &info);
	} else {
		to = cJSON_CreateObject();
		cJSON_AddNumberToObject(to, "evseId", call->connector);
	}
	add_meter_values(to, list);
	return to;
}

/* What a plug shows, or what a transaction has come to. */
static cJSON *tell_status(const struct charger *c, const struct call *call, const char **ret_action)
{
	const char *now = text(call->payload, "status"), *time = text(call->payload, "timestamp");
	bool used = strcmp(now, "Available") && strcmp(now, "Reserved") && strcmp(now, "Unavailable") &&
		    strcmp(now, "Faulted");
	cJSON *info, *to;
	if (call->transaction) {
		*ret_action = "TransactionEvent";
		to = event(c, call, "Updated", "ChargingStateChanged", time, &info);
		cJSON_AddStringToObject(info, "chargingState", now);
		return to;
	}
	if (strcmp(now, "Preparing") == 0 && !c->connector[call->connector].plugged)
		used = false;
	to = cJSON_CreateObject();
	cJSON_AddStringToObject(to, "timestamp", time);
	cJSON_AddStringToObject(to, "connectorStatus",
				used                       ? "Occupied"
				: strcmp(now, "Preparing") ? now
							   : "Available");
	cJSON_AddNumberToObject(to, "evseId", call->connector);
	cJSON_AddNumberToObject(to, "connectorId", 1);
	return to;
}

cJSON *v201_call(const struct charger *c, const struct call *call, const char **ret_action)
{
	const char *action = *ret_action = call->action;
	cJSON *to;
	if (strcmp(action, "BootNotification") == 0)
		return boot(call->payload);
	if (strcmp(action, "StatusNotification") == 0)
		return tell_status(c, call, ret_action);
	if (strcmp(action, "MeterValues") == 0)
		return meters(c, call, ret_action);
	if (strcmp(action, "StartTransaction") == 0 || strcmp(action, "StopTransaction") == 0) {
		*ret_action = "TransactionEvent";
		return action[3] == 'r' ? start(c, call) : stop(c, call);
	}
	if (strcmp(action, "DiagnosticsStatusNotification") == 0)
		*ret_action = "LogStatusNotification";
	if (strcmp(action, "Authorize") != 0)
		return cJSON_Duplicate(call->payload, true);
	to = cJSON_CreateObject();
	add_token(to, text(call->payload, "idTag"));
	return to;
}

cJSON *v201_answer(const struct call *call, const cJSON *answer)
{
	cJSON *to = cJSON_Duplicate(answer, true);
	pass(to, "idTagInfo", answer, "idTokenInfo");
	if (strcmp(call->action, "StartTransaction") == 0)
		cJSON_AddNumberToObject(to, "transactionId", (double)call->transaction);
	return to;
}

/* ---- in: the server's calls ------------------------------------------------------------------ */

static uint64_t transaction_of(const char *name)
{
	const char *dash = strrchr(name, '-');
	return dash ? strtoull(dash + 1, NULL, 10) : 0;
}

static cJSON *request_start(struct charger *c, const cJSON *from, const char **ret_error)
{
	cJSON *to = cJSON_CreateObject(), *answer;
	int32_t before = c->start_number;
	pass(to, "connectorId", from, "evseId");
	pass(to, "idTag", cJSON_GetObjectItemCaseSensitive(from, "idToken"), "idToken");
	c->start_number = (int32_t)number(from, "remoteStartId");
	answer = command_serve(c, "RemoteStartTransaction", to, ret_error);
	if (strcmp(text(answer, "status"), "Accepted") != 0)
		c->start_number = before;
	cJSON_Delete(to);
	return answer;
}

static cJSON *served(struct charger *c, const char *action, cJSON *payload, const char **ret_error)
{
	cJSON *answer = command_serve(c, action, payload, ret_error);
	cJSON_Delete(payload);
	return answer;
}

static cJSON *variables(const cJSON *asked, const char *name)
{
	cJSON *to = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(to, name);
	const cJSON *item;
	cJSON_ArrayForEach(item, asked)
	{
		cJSON *result = cJSON_CreateObject();
		cJSON_AddStringToObject(result, "attributeStatus", "UnknownComponent");
		pass(result, "component", item, "component");
		pass(result, "variable", item, "variable");
		cJSON_AddItemToArray(list, result);
	}
	return to;
}

cJSON *v201_serve(struct charger *c, const char *action, const cJSON *from, const char **ret_error)
{
	const cJSON *evse = cJSON_GetObjectItemCaseSensitive(from, "evse");
	cJSON *to = cJSON_CreateObject();
	if (strcmp(action, "RequestStopTransaction") == 0) {
		cJSON_AddNumberToObject(to, "transactionId", (double)transaction_of(text(from, "transactionId")));
		return served(c, "RemoteStopTransaction", to, ret_error);
	}
	if (strcmp(action, "Reset") == 0) {
		cJSON_AddStringToObject(to, "type", strcmp(text(from, "type"), "Immediate") ? "Soft" : "Hard");
		return served(c, action, to, ret_error);
	}
	if (strcmp(action, "UnlockConnector") == 0) {
		pass(to, "connectorId", from, "evseId");
		return served(c, action, to, ret_error);
	}
	if (strcmp(action, "ChangeAvailability") == 0) {
		cJSON_AddNumberToObject(to, "connectorId", number(evse, "id"));
		pass(to, "type", from, "operationalStatus");
		return served(c, action, to, ret_error);
	}
	if (strcmp(action, "TriggerMessage") == 0) {
		pass(to, "connectorId", evse, "id");
		pass(to, "requestedMessage", from, "requestedMessage");
		return served(c, action, to, ret_error);
	}
	cJSON_Delete(to);
	if (strcmp(action, "RequestStartTransaction") == 0)
		return request_start(c, from, ret_error);
	if (strcmp(action, "ClearCache") == 0)
		return status("Accepted");
	if (strcmp(action, "GetVariables") == 0)
		return variables(cJSON_GetObjectItemCaseSensitive(from, "getVariableData"), "getVariableResult");
	if (strcmp(action, "SetVariables") == 0)
		return variables(cJSON_GetObjectItemCaseSensitive(from, "setVariableData"), "setVariableResult");
	*ret_error = "NotSupported";
	return NULL;
}
