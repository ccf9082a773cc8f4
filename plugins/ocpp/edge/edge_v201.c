/* OCPP 2.0.1: what is asked of a charger, as its calls. */
#include "profiles.h"
#include "credentials.h"
#include "v16.h"
#include "v201.h"
#include "v201_device.h"
#include "v201_lists.h"
#include "v201_limits.h"
#include "shared.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

static void add_token(cJSON *payload, const char *name, const char *token, const char *type)
{
	cJSON *object = cJSON_AddObjectToObject(payload, name);

	cJSON_AddStringToObject(object, "idToken", token);
	cJSON_AddStringToObject(object, "type", type);
}

static void add_evse(cJSON *payload, uint32_t id)
{
	if (id)
		cJSON_AddNumberToObject(cJSON_AddObjectToObject(payload, "evse"), "id", id);
}

/* The profile comes as 1.6 has it, whatever the version. */
static int start(struct gv_turn *t, const struct start_order *order, struct command *ret)
{
	const Ocpp__Profile *profile = NULL;
	cJSON *payload;

	ret->problem = order->profile ? v16_profile_problem(t, order->profile) : NULL;
	if (order->profile && !ret->problem) {
		profile = profiles_read(t, profiles_asked, order->profile);
		ret->problem = profile ? NULL : "chargingProfile holds numbers that no charger could reckon with";
	}
	if (ret->problem)
		return -EINVAL;
	payload = cJSON_CreateObject();
	if (order->connector)
		cJSON_AddNumberToObject(payload, "evseId", order->connector);
	add_token(payload, "idToken", order->token, order->token_type);
	cJSON_AddNumberToObject(payload, "remoteStartId", order->number);
	if (profile)
		cJSON_AddItemToObject(payload, "chargingProfile", profiles_write(&v201_profiles, profile));
	return shared_give(t, &spec_v201, "RequestStartTransaction", payload, ret);
}

static int stop(struct gv_turn *t, const Ocpp__Transaction *x, struct command *ret)
{
	cJSON *payload;

	if (!x->name[0]) {
		ret->problem = gv_str(t,
				      "the charger speaks OCPP 2.0.1 now, and has begun transaction %d in another "
				      "version",
				      x->id);
		return -EINVAL;
	}
	payload = cJSON_CreateObject();
	cJSON_AddStringToObject(payload, "transactionId", x->name);
	return shared_give(t, &spec_v201, "RequestStopTransaction", payload, ret);
}

static int unlock(struct gv_turn *t, uint32_t connector, uint32_t plug, struct command *ret)
{
	ret->action = "UnlockConnector";
	ret->payload = gv_str(t, "{\"evseId\":%u,\"connectorId\":%u}", connector, plug ? plug : 1);
	return 0;
}

static int reset(struct gv_turn *t, bool hard, struct command *ret)
{
	ret->action = "Reset";
	ret->payload = hard ? "{\"type\":\"Immediate\"}" : "{\"type\":\"OnIdle\"}";
	return 0;
}

static int set_availability(struct gv_turn *t, uint32_t connector, bool operative, struct command *ret)
{
	cJSON *payload = cJSON_CreateObject();

	add_evse(payload, connector);
	cJSON_AddStringToObject(payload, "operationalStatus", operative ? "Operative" : "Inoperative");
	return shared_give(t, &spec_v201, "ChangeAvailability", payload, ret);
}

/* 1.6's names mean what they mean there. */
static const char *trigger_name(const char *message)
{
	if (!strcmp(message, "DiagnosticsStatusNotification"))
		return "LogStatusNotification";
	return strcmp(message, "SignChargePointCertificate") ? message : "SignChargingStationCertificate";
}

static int trigger(struct gv_turn *t, const char *message, uint32_t connector, struct command *ret)
{
	cJSON *payload = cJSON_CreateObject();

	add_evse(payload, connector);
	cJSON_AddStringToObject(payload, "requestedMessage", trigger_name(message));
	return shared_give(t, &spec_v201, "TriggerMessage", payload, ret);
}

static int cost(struct gv_turn *t, const char *name, const char *amount, struct command *ret)
{
	cJSON *payload = cJSON_CreateObject();

	cJSON_AddNumberToObject(payload, "totalCost", strtod(amount, NULL));
	cJSON_AddStringToObject(payload, "transactionId", name);
	return shared_give(t, &spec_v201, "CostUpdated", payload, ret);
}

static const struct edge_orders orders = {
	.start = start,
	.stop = stop,
	.unlock = unlock,
	.reset = reset,
	.set_availability = set_availability,
	.trigger = trigger,
	.clear_cache = shared_clear_cache,
	.get_log = v201_order_log,
	.update_firmware = v201_order_firmware,
	.reserve = v201_reserve,
	.cancel_reservation = shared_cancel_reservation,
	.cost = cost,
	.get_configuration = v201_get_configuration,
	.set_configuration = v201_set_configuration,
	.read_configuration = v201_read_configuration,
	.configuration_status = v201_configuration_status,
};

const struct edge edge_v201 = {
	.spec = &spec_v201,
	.name = "OCPP 2.0.1",
	.handler = v201_handler,
	.answered = v201_answered,
	.ended = v201_ended,
	.orders = &orders,
	.lists = &v201_lists,
	.model = &v201_model,
	.profiles = &v201_profiles,
	.security = &edge_v201_security,
	.contracts = &v201_contracts,
};
