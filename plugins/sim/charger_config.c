/* The charger's configuration keys: OCPP 1.6, chapter 9, with the ones that this model acts on and the ones every
 * server asks for. */
#include "charger_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum access { READ_WRITE, READ_ONLY, WRITE_ONLY, NEEDS_REBOOT };
enum shape { TEXT, NUMBER, FLAG };

static const struct {
	const char *key, *value;
	enum access access;
	enum shape shape;
} keys[CONFIG_KEYS] = {
	{ "AllowOfflineTxForUnknownId", "true", READ_WRITE, FLAG },
	{ "AuthorizationCacheEnabled", "false", READ_WRITE, FLAG },
	{ "AuthorizationKey", "", WRITE_ONLY, TEXT },
	{ "AuthorizeRemoteTxRequests", "false", READ_WRITE, FLAG },
	{ "ChargingScheduleAllowedChargingRateUnit", "Current,Power", READ_ONLY, TEXT },
	{ "ClockAlignedDataInterval", "0", READ_WRITE, NUMBER },
	{ "ConnectionTimeOut", "60", READ_WRITE, NUMBER },
	{ "ConnectorPhaseRotation", "0.RST,1.RST", READ_WRITE, TEXT },
	{ "GetConfigurationMaxKeys", "50", READ_ONLY, NUMBER },
	{ "HeartbeatInterval", "300", READ_WRITE, NUMBER },
	{ "LocalAuthListEnabled", "false", READ_WRITE, FLAG },
	{ "LocalAuthListMaxLength", "1000", READ_ONLY, NUMBER },
	{ "LocalAuthorizeOffline", "true", READ_WRITE, FLAG },
	{ "LocalPreAuthorize", "false", READ_WRITE, FLAG },
	{ "MeterValueSampleInterval", "60", READ_WRITE, NUMBER },
	{ "MeterValuesSampledData", "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage",
	  READ_WRITE, TEXT },
	{ "NumberOfConnectors", "1", READ_ONLY, NUMBER },
	{ "ResetRetries", "3", READ_WRITE, NUMBER },
	{ "SendLocalListMaxLength", "100", READ_ONLY, NUMBER },
	{ "StopTransactionOnEVSideDisconnect", "true", READ_ONLY, FLAG },
	{ "StopTransactionOnInvalidId", "true", READ_WRITE, FLAG },
	{ "SupportedFeatureProfiles",
	  "Core,FirmwareManagement,LocalAuthListManagement,Reservation,SmartCharging,RemoteTrigger", READ_ONLY, TEXT },
	{ "TransactionMessageAttempts", "3", READ_WRITE, NUMBER },
	{ "TransactionMessageRetryInterval", "10", READ_WRITE, NUMBER },
	{ "UnlockConnectorOnEVSideDisconnect", "true", READ_WRITE, FLAG },
	{ "WebSocketPingInterval", "0", NEEDS_REBOOT, NUMBER },
};

static int find(const char *key)
{
	for (int i = 0; i < CONFIG_KEYS; i++)
		if (strcasecmp(keys[i].key, key) == 0)
			return i;
	return -1;
}

static void set(struct charger *c, const char *key, unsigned value)
{
	snprintf(c->config[find(key)], CONFIG_VALUE_SIZE, "%u", value);
}

void config_init(struct charger *c)
{
	for (int i = 0; i < CONFIG_KEYS; i++)
		snprintf(c->config[i], CONFIG_VALUE_SIZE, "%s", keys[i].value);
	set(c, "NumberOfConnectors", c->n_connectors);
	set(c, "MeterValueSampleInterval", c->pattern.meter_interval_s ? c->pattern.meter_interval_s : 60);
}

int config_number(const struct charger *c, const char *key)
{
	return (int)strtol(c->config[find(key)], NULL, 10);
}

bool config_flag(const struct charger *c, const char *key)
{
	return strcasecmp(c->config[find(key)], "true") == 0;
}

static void describe(struct charger *c, cJSON *list, int i)
{
	cJSON *entry = cJSON_CreateObject();
	cJSON_AddStringToObject(entry, "key", keys[i].key);
	if (c->faults.wrong_types)
		cJSON_AddNumberToObject(entry, "readonly", keys[i].access == READ_ONLY);
	else
		cJSON_AddBoolToObject(entry, "readonly", keys[i].access == READ_ONLY);
	if (keys[i].access == WRITE_ONLY)
		;
	else if (c->faults.wrong_types && keys[i].shape == NUMBER)
		cJSON_AddNumberToObject(entry, "value", strtod(c->config[i], NULL));
	else
		cJSON_AddStringToObject(entry, "value", c->config[i]);
	cJSON_AddItemToArray(list, entry);
}

cJSON *config_get(struct charger *c, const cJSON *wanted)
{
	cJSON *answer = cJSON_CreateObject(), *known = cJSON_AddArrayToObject(answer, "configurationKey"),
	      *unknown = NULL;
	if (!cJSON_IsArray(wanted) || !cJSON_GetArraySize(wanted)) {
		for (int i = 0; i < CONFIG_KEYS; i++)
			describe(c, known, i);
		return answer;
	}
	const cJSON *key;
	cJSON_ArrayForEach(key, wanted)
	{
		const char *name = cJSON_GetStringValue(key);
		int i = name ? find(name) : -1;
		if (i >= 0) {
			describe(c, known, i);
			continue;
		}
		if (!unknown)
			unknown = cJSON_AddArrayToObject(answer, "unknownKey");
		cJSON_AddItemToArray(unknown, cJSON_CreateString(name ? name : ""));
	}
	return answer;
}

static bool fits(enum shape shape, const char *value)
{
	char *end;
	if (strlen(value) >= CONFIG_VALUE_SIZE)
		return false;
	if (shape == FLAG)
		return strcasecmp(value, "true") == 0 || strcasecmp(value, "false") == 0;
	if (shape == NUMBER)
		return *value && strtol(value, &end, 10) >= 0 && *end == 0;
	return true;
}

const char *config_change(struct charger *c, const char *key, const char *value)
{
	int i = find(key);
	if (i < 0)
		return "NotSupported";
	if (keys[i].access == READ_ONLY || !fits(keys[i].shape, value))
		return "Rejected";
	snprintf(c->config[i], CONFIG_VALUE_SIZE, "%s", value);
	if (strcmp(keys[i].key, "HeartbeatInterval") == 0 && c->boot == BOOTED) {
		int interval_s = config_number(c, "HeartbeatInterval");
		c->heartbeat_ms = interval_s ? c->now_ms + (int64_t)interval_s * 1000 : NEVER;
	}
	return keys[i].access == NEEDS_REBOOT ? "RebootRequired" : "Accepted";
}
