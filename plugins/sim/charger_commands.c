/* What the charger does when the server calls: OCPP 1.6, chapter 5, in the way of a patient AC charger. What is to
 * happen after the answer is queued behind it, so TriggerMessage's answer leaves before what it triggered (5.17). */
#include "charger_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define RESET_DELAY_MS 1000
#define RESERVATION_MS 3600000 /* where the expiry date cannot be read */
#define TRANSFER_MS 2000       /* what a simulated upload or download takes */

static cJSON *status(const char *value)
{
	cJSON *answer = cJSON_CreateObject();
	cJSON_AddStringToObject(answer, "status", value);
	return answer;
}

static const char *text(const cJSON *payload, const char *name)
{
	const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(payload, name));
	return value ? value : "";
}

/* The connector that a payload names, or NULL where there is none with that number. */
static struct connector *connector_of(struct charger *c, const cJSON *payload)
{
	const cJSON *id = cJSON_GetObjectItemCaseSensitive(payload, "connectorId");
	if (!cJSON_IsNumber(id) || id->valueint < 0 || (unsigned)id->valueint > c->n_connectors)
		return NULL;
	return &c->connector[id->valueint];
}

static struct connector *connector_in_transaction(struct charger *c, const cJSON *payload)
{
	const cJSON *id = cJSON_GetObjectItemCaseSensitive(payload, "transactionId");
	for (unsigned i = 1; cJSON_IsNumber(id) && i <= c->n_connectors; i++)
		if (c->connector[i].in_transaction && (double)c->connector[i].transaction_id == id->valuedouble)
			return &c->connector[i];
	return NULL;
}

static cJSON *remote_start(struct charger *c, const cJSON *payload)
{
	const char *token = text(payload, "idTag");
	struct connector *k = connector_of(c, payload);
	for (unsigned i = 1; !cJSON_GetObjectItemCaseSensitive(payload, "connectorId") && i <= c->n_connectors; i++)
		if (!k && session_may_start(c, &c->connector[i], token))
			k = &c->connector[i];
	if (!k || k->id == 0 || !*token || !session_may_start(c, k, token))
		return status("Rejected");
	const cJSON *profile = cJSON_GetObjectItemCaseSensitive(payload, "chargingProfile");
	profiles_ended(c, k); /* of one that was to start before, and did not */
	if (profile && strcmp(profiles_set(c, k, profile, true), "Accepted") != 0)
		return status("Rejected");
	if (config_flag(c, "AuthorizeRemoteTxRequests"))
		session_swipe(c, k, token);
	else
		session_authorized(c, k, token);
	return status("Accepted");
}

static cJSON *remote_stop(struct charger *c, const cJSON *payload)
{
	struct connector *k = connector_in_transaction(c, payload);
	if (!k)
		return status("Rejected");
	session_stop(c, k, "Remote");
	return status("Accepted");
}

static cJSON *reset(struct charger *c, const cJSON *payload)
{
	c->hard_reset = strcmp(text(payload, "type"), "Hard") == 0;
	c->reset_ms = c->now_ms + RESET_DELAY_MS;
	return status("Accepted");
}

static cJSON *unlock(struct charger *c, const cJSON *payload)
{
	struct connector *k = connector_of(c, payload);
	if (!k || k->id == 0)
		return status("NotSupported");
	session_stop(c, k, "UnlockCommand");
	return status("Unlocked");
}

static cJSON *change_availability(struct charger *c, const cJSON *payload)
{
	struct connector *k = connector_of(c, payload);
	bool operative = strcmp(text(payload, "type"), "Operative") == 0, scheduled = false;
	if (!k)
		return status("Rejected");
	unsigned from = k->id, to = k->id ? k->id : c->n_connectors; /* 0 means all */
	for (unsigned i = from; i <= to; i++) {
		k = &c->connector[i];
		k->becomes_inoperative = !operative && k->in_transaction;
		scheduled |= k->becomes_inoperative;
		if (k->becomes_inoperative)
			continue;
		k->operative = operative;
		if (!operative)
			session_forget(k);
		if (!k->in_transaction)
			session_set_status(c, k, operative ? k->plugged ? "Preparing" : "Available" : "Unavailable");
	}
	return status(scheduled ? "Scheduled" : "Accepted");
}

static cJSON *change_configuration(struct charger *c, const cJSON *payload)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(payload, "value");
	return status(config_change(c, text(payload, "key"), cJSON_IsString(value) ? value->valuestring : ""));
}

static cJSON *get_configuration(struct charger *c, const cJSON *payload)
{
	return config_get(c, cJSON_GetObjectItemCaseSensitive(payload, "key"));
}

static cJSON *accept(struct charger *c, const cJSON *payload)
{
	return status("Accepted");
}

static void notify(struct charger *c, const char *action, const char *value)
{
	rpc_call(c, action, status(value));
}

static cJSON *trigger(struct charger *c, const cJSON *payload)
{
	const char *what = text(payload, "requestedMessage");
	bool named = cJSON_GetObjectItemCaseSensitive(payload, "connectorId");
	struct connector *k = connector_of(c, payload);
	if (named && !k)
		return status("Rejected");
	if (strcmp(what, "BootNotification") == 0)
		charger_send_boot(c);
	else if (strcmp(what, "Heartbeat") == 0)
		rpc_call(c, "Heartbeat", cJSON_CreateObject());
	else if (strcmp(what, "FirmwareStatusNotification") == 0)
		notify(c, "FirmwareStatusNotification", "Idle");
	else if (strcmp(what, "DiagnosticsStatusNotification") == 0)
		notify(c, "DiagnosticsStatusNotification", "Idle");
	else if (strcmp(what, "StatusNotification") == 0 || strcmp(what, "MeterValues") == 0)
		for (unsigned i = named ? k->id : *what == 'M'; i <= (named ? k->id : c->n_connectors); i++)
			if (*what == 'M')
				session_send_sample(c, &c->connector[i], "Trigger");
			else
				charger_send_status(c, &c->connector[i], true);
	else
		return status("NotImplemented");
	return status("Accepted");
}

static cJSON *data_transfer(struct charger *c, const cJSON *payload)
{
	return status("UnknownVendorId");
}

static cJSON *reserve(struct charger *c, const cJSON *payload)
{
	struct connector *k = connector_of(c, payload);
	const cJSON *id = cJSON_GetObjectItemCaseSensitive(payload, "reservationId");
	if (!k || k->id == 0 || !cJSON_IsNumber(id))
		return status("Rejected");
	if (!k->operative)
		return status("Unavailable");
	if (k->in_transaction || k->plugged || k->token[0] || (k->reservation && k->reservation != id->valueint))
		return status("Occupied");
	k->reservation = id->valueint;
	k->reserved_until_ms = c->now_ms + RESERVATION_MS;
	snprintf(k->reserved_token, sizeof k->reserved_token, "%s", text(payload, "idTag"));
	session_set_status(c, k, "Reserved");
	return status("Accepted");
}

static cJSON *cancel_reservation(struct charger *c, const cJSON *payload)
{
	const cJSON *id = cJSON_GetObjectItemCaseSensitive(payload, "reservationId");
	for (unsigned i = 1; cJSON_IsNumber(id) && i <= c->n_connectors; i++) {
		struct connector *k = &c->connector[i];
		if (!k->reservation || k->reservation != id->valueint)
			continue;
		k->reservation = 0;
		session_set_status(c, k, k->plugged ? "Preparing" : "Available");
		return status("Accepted");
	}
	return status("Rejected");
}

static cJSON *set_profile(struct charger *c, const cJSON *payload)
{
	struct connector *k = connector_of(c, payload);
	const cJSON *profile = cJSON_GetObjectItemCaseSensitive(payload, "csChargingProfiles");
	const char *said = k && profile ? profiles_set(c, k, profile, false) : "Rejected";
	session_limits(c);
	return status(said);
}

static cJSON *clear_profile(struct charger *c, const cJSON *payload)
{
	const char *said = profiles_clear(c, payload);
	session_limits(c);
	return status(said);
}

static cJSON *composite_schedule(struct charger *c, const cJSON *payload)
{
	return status("Rejected");
}

static cJSON *local_list_version(struct charger *c, const cJSON *payload)
{
	cJSON *answer = cJSON_CreateObject();
	cJSON_AddNumberToObject(answer, "listVersion", c->local_list_version);
	return answer;
}

static cJSON *send_local_list(struct charger *c, const cJSON *payload)
{
	const cJSON *version = cJSON_GetObjectItemCaseSensitive(payload, "listVersion");
	if (!cJSON_IsNumber(version) || version->valueint <= 0)
		return status("Failed");
	if (strcmp(text(payload, "updateType"), "Differential") == 0 && version->valueint <= c->local_list_version)
		return status("VersionMismatch");
	c->local_list_version = version->valueint;
	return status("Accepted");
}

static void notify_later(struct charger *c, const char *action, const char *value, int64_t delay_ms)
{
	cJSON *payload = status(value);
	struct call *call = rpc_call(c, action, payload);
	if (call)
		call->not_before_ms = c->now_ms + delay_ms;
}

static cJSON *get_diagnostics(struct charger *c, const cJSON *payload)
{
	cJSON *answer = cJSON_CreateObject();
	cJSON_AddStringToObject(answer, "fileName", "diagnostics.txt");
	notify(c, "DiagnosticsStatusNotification", "Uploading");
	notify_later(c, "DiagnosticsStatusNotification", "Uploaded", TRANSFER_MS);
	return answer;
}

static cJSON *update_firmware(struct charger *c, const cJSON *payload)
{
	notify(c, "FirmwareStatusNotification", "Downloading");
	notify_later(c, "FirmwareStatusNotification", "Downloaded", TRANSFER_MS);
	notify(c, "FirmwareStatusNotification", "Installing");
	notify_later(c, "FirmwareStatusNotification", "Installed", 2 * TRANSFER_MS);
	return cJSON_CreateObject();
}

static const struct {
	const char *action;
	cJSON *(*serve)(struct charger *c, const cJSON *payload);
} commands[] = {
	{ "CancelReservation", cancel_reservation },
	{ "ChangeAvailability", change_availability },
	{ "ChangeConfiguration", change_configuration },
	{ "ClearCache", accept },
	{ "ClearChargingProfile", clear_profile },
	{ "DataTransfer", data_transfer },
	{ "GetCompositeSchedule", composite_schedule },
	{ "GetConfiguration", get_configuration },
	{ "GetDiagnostics", get_diagnostics },
	{ "GetLocalListVersion", local_list_version },
	{ "RemoteStartTransaction", remote_start },
	{ "RemoteStopTransaction", remote_stop },
	{ "ReserveNow", reserve },
	{ "Reset", reset },
	{ "SendLocalList", send_local_list },
	{ "SetChargingProfile", set_profile },
	{ "TriggerMessage", trigger },
	{ "UnlockConnector", unlock },
	{ "UpdateFirmware", update_firmware },
};

cJSON *command_serve(struct charger *c, const char *action, const cJSON *payload, const char **ret_error)
{
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		if (strcmp(commands[i].action, action) == 0)
			return commands[i].serve(c, payload);
	*ret_error = "NotImplemented";
	return NULL;
}
