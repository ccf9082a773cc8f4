/* OCPP 1.6: what is asked of a charger, as its calls. */
#include "credentials.h"
#include "v16.h"
#include "shared.h"

#include <cjson/cJSON.h>
#include <errno.h>

const char *v16_profile_problem(struct gv_turn *t, const cJSON *profile)
{
	const struct spec_action *action = spec_find(&spec_v16, "RemoteStartTransaction");
	struct check check = { .version = &spec_v16, .strict = true, .plain_times = true };
	const cJSON *schedule;
	cJSON *wrapped = cJSON_CreateObject();
	bool relative, bad;

	cJSON_AddStringToObject(wrapped, "idTag", "-");
	cJSON_AddItemReferenceToObject(wrapped, "chargingProfile", (cJSON *)profile);
	bad = validate(action->request, wrapped, &check) != 0;
	cJSON_Delete(wrapped);
	when_rewritten(t, &check);
	if (bad)
		return gv_str(t, "%s %s", check.path, check.text);
	if (strcmp(json_string(profile, "chargingProfilePurpose"), "TxProfile") != 0)
		return "chargingProfile.chargingProfilePurpose must be TxProfile to start a transaction with";
	if (json_get(profile, "transactionId"))
		return "chargingProfile.transactionId cannot be given: the transaction does not exist yet";
	relative = !strcmp(json_string(profile, "chargingProfileKind"), "Relative");
	schedule = json_get(profile, "chargingSchedule");
	if (relative && json_get(schedule, "startSchedule"))
		return "chargingProfile.chargingSchedule.startSchedule cannot be given for a Relative profile: it "
		       "begins with the transaction";
	return NULL;
}

static int start(struct gv_turn *t, const struct start_order *order, struct command *ret)
{
	cJSON *payload;

	if (strlen(order->token) > V16_TAG_MAX) {
		ret->problem = gv_str(t, "token must have 1 to %d characters for OCPP 1.6, has %zu", V16_TAG_MAX,
				      strlen(order->token));
		return -EINVAL;
	}
	ret->problem = order->profile ? v16_profile_problem(t, order->profile) : NULL;
	if (ret->problem)
		return -EINVAL;
	payload = cJSON_CreateObject();
	if (order->connector)
		cJSON_AddNumberToObject(payload, "connectorId", order->connector);
	cJSON_AddStringToObject(payload, "idTag", order->token);
	if (order->profile)
		cJSON_AddItemReferenceToObject(payload, "chargingProfile", (cJSON *)order->profile);
	ret->action = "RemoteStartTransaction";
	ret->payload = json_print(t, payload);
	cJSON_Delete(payload);
	return 0;
}

int v16_stop(struct gv_turn *t, const Ocpp__Transaction *x, struct command *ret)
{
	if (x->name[0]) {
		ret->problem = gv_str(t,
				      "the charger speaks OCPP 1.6 now, and has begun transaction %s in another "
				      "version",
				      x->name);
		return -EINVAL;
	}
	ret->action = "RemoteStopTransaction";
	ret->payload = gv_str(t, "{\"transactionId\":%d}", x->id);
	return 0;
}

int v16_unlock(struct gv_turn *t, uint32_t connector, uint32_t plug, struct command *ret)
{
	ret->action = "UnlockConnector";
	ret->payload = gv_str(t, "{\"connectorId\":%u}", connector);
	return 0;
}

int v16_reset(struct gv_turn *t, bool hard, struct command *ret)
{
	ret->action = "Reset";
	ret->payload = hard ? "{\"type\":\"Hard\"}" : "{\"type\":\"Soft\"}";
	return 0;
}

int v16_set_availability(struct gv_turn *t, uint32_t connector, bool operative, struct command *ret)
{
	ret->action = "ChangeAvailability";
	ret->payload = gv_str(t, "{\"connectorId\":%u,\"type\":\"%s\"}", connector,
			      operative ? "Operative" : "Inoperative");
	return 0;
}

/* Those of the security extension have a call of their own. */
static int trigger(struct gv_turn *t, const char *message, uint32_t connector, struct command *ret)
{
	static const char *const extended[] = { "LogStatusNotification", "SignChargePointCertificate" };
	const char *action = "TriggerMessage";
	cJSON *payload = cJSON_CreateObject();

	for (size_t i = 0; i < sizeof extended / sizeof extended[0]; i++)
		if (!strcmp(extended[i], message))
			action = "ExtendedTriggerMessage";
	cJSON_AddStringToObject(payload, "requestedMessage", message);
	if (connector)
		cJSON_AddNumberToObject(payload, "connectorId", connector);
	return shared_give(t, &spec_v16, action, payload, ret);
}

static const struct edge_orders orders = {
	.start = start,
	.stop = v16_stop,
	.unlock = v16_unlock,
	.reset = v16_reset,
	.set_availability = v16_set_availability,
	.trigger = trigger,
	.clear_cache = shared_clear_cache,
	.get_log = v16_order_log,
	.update_firmware = v16_order_firmware,
	.plain_firmware_stays = true,
	.reserve = v16_reserve,
	.cancel_reservation = shared_cancel_reservation,
	.get_configuration = v16_get_configuration,
	.set_configuration = v16_set_configuration,
	.read_configuration = v16_read_configuration,
	.configuration_status = v16_configuration_status,
	.most_keys = V16_MOST_KEYS,
};

const struct edge edge_v16 = {
	.spec = &spec_v16,
	.name = "OCPP 1.6",
	.handler = v16_handler,
	.answered = v16_answered,
	.orders = &orders,
	.security = &edge_v16_security,
	.profiles = &v16_profiles,
	.lists = &v16_lists,
};
