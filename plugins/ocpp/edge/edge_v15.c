/* OCPP 1.5, over SOAP or as "ocpp1.5" over WebSocket. Its messages are 1.6's with other names and shapes here and there
 * and fewer values, so this edge makes 1.6's of what a charger calls, lets 1.6's edge handle them, and makes 1.5's of
 * the answer; what is asked of a charger is what 1.6 asks, as far as 1.5 has it. */
#include "v16.h"
#include "shared.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <strings.h>

/* ---- from the charger ------------------------------------------------------------------------ */

/* Lets 1.6's handler take the payload, which is freed. */
static int as_v16(struct ocpp *o, struct gv_turn *t, struct inbound *in, const char *action, cJSON *payload)
{
	const cJSON *own = in->payload;
	int error;

	if (!payload)
		return -ENOMEM;
	in->payload = payload;
	error = v16_handler(action)(o, t, in);
	in->payload = own;
	cJSON_Delete(payload);
	return error;
}

static void rename_field(cJSON *object, const char *from, const char *to)
{
	cJSON *field = cJSON_DetachItemFromObjectCaseSensitive(object, from);

	if (field && !cJSON_AddItemToObject(object, to, field))
		cJSON_Delete(field);
}

static int boot_notification(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	int error = v16_handler("BootNotification")(o, t, in);
	cJSON *answer;

	if (error || in->code)
		return error;
	answer = cJSON_Parse(in->answer);
	rename_field(answer, "interval", "heartbeatInterval");
	/* 1.5 knows no Pending: who is not accepted yet asks again. */
	if (strcmp(json_string(answer, "status"), "Accepted") != 0)
		cJSON_ReplaceItemInObjectCaseSensitive(answer, "status", cJSON_CreateString("Rejected"));
	in->answer = json_print(t, answer);
	cJSON_Delete(answer);
	return 0;
}

/* Occupied is 1.6's Charging where a transaction runs, Preparing where none does. */
static int status_notification(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	cJSON *payload = cJSON_Duplicate(in->payload, true);
	int64_t connector = json_int(payload, "connectorId", 0);
	bool runs = connector > 0 && connector <= OCPP_CONNECTOR_MAX &&
		    transaction_on(t, in->device, (uint32_t)connector);

	if (!strcmp(json_string(payload, "status"), "Occupied"))
		cJSON_ReplaceItemInObjectCaseSensitive(payload, "status",
						       cJSON_CreateString(runs ? "Charging" : "Preparing"));
	if (!strcmp(json_string(payload, "errorCode"), "Mode3Error")) {
		station_quirks(o, t, in->st, QUIRK_BIT(QUIRK_OLD_VALUE));
		cJSON_ReplaceItemInObjectCaseSensitive(payload, "errorCode",
						       cJSON_CreateString("EVCommunicationError"));
	}
	return as_v16(o, t, in, "StatusNotification", payload);
}

/* 1.5 wrote out what 1.6 abbreviates; in any case of letters, as stations do. True where it did. */
static bool rename_unit(cJSON *sample)
{
	static const char *const units[][2] = { { "Amp", "A" }, { "Volt", "V" } };
	const char *unit = json_string(sample, "unit");

	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
		if (!strcasecmp(unit, units[i][0])) {
			cJSON_ReplaceItemInObjectCaseSensitive(sample, "unit", cJSON_CreateString(units[i][1]));
			return true;
		}
	return false;
}

/* Each MeterValue: its value* becomes sampledValue*. */
static void rename_samples(struct ocpp *o, struct gv_turn *t, struct inbound *in, cJSON *values)
{
	bool old = false;

	for (cJSON *value = values ? values->child : NULL; value; value = value->next) {
		cJSON *samples;

		rename_field(value, "value", "sampledValue");
		samples = cJSON_GetObjectItemCaseSensitive(value, "sampledValue");
		for (cJSON *sample = samples ? samples->child : NULL; sample; sample = sample->next)
			old |= rename_unit(sample);
	}
	if (old)
		station_quirks(o, t, in->st, QUIRK_BIT(QUIRK_OLD_VALUE));
}

static int meter_values(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	cJSON *payload = cJSON_Duplicate(in->payload, true);

	rename_field(payload, "values", "meterValue");
	rename_samples(o, t, in, cJSON_GetObjectItemCaseSensitive(payload, "meterValue"));
	return as_v16(o, t, in, "MeterValues", payload);
}

/* transactionData is a list of lists, which 1.6 has in one. */
static int stop_transaction(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	cJSON *payload = cJSON_Duplicate(in->payload, true), *all = cJSON_CreateArray(), *value;
	cJSON *data = cJSON_DetachItemFromObjectCaseSensitive(payload, "transactionData");

	for (cJSON *one = data ? data->child : NULL; one; one = one->next) {
		cJSON *values = cJSON_GetObjectItemCaseSensitive(one, "values");

		while (values && (value = cJSON_DetachItemFromArray(values, 0)))
			cJSON_AddItemToArray(all, value);
	}
	cJSON_Delete(data);
	rename_samples(o, t, in, all);
	if (!cJSON_AddItemToObject(payload, "transactionData", all))
		cJSON_Delete(all);
	return as_v16(o, t, in, "StopTransaction", payload);
}

static inbound_fn *handler(const char *action)
{
	static const struct {
		const char *action;
		inbound_fn *fn;
	} own[] = {
		{ "BootNotification", boot_notification },
		{ "MeterValues", meter_values },
		{ "StatusNotification", status_notification },
		{ "StopTransaction", stop_transaction },
	};

	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		if (!strcmp(own[i].action, action))
			return own[i].fn;
	return spec_find(&spec_v15, action) ? v16_handler(action) : NULL;
}

/* ---- to the charger -------------------------------------------------------------------------- */

static int start(struct gv_turn *t, const struct start_order *order, struct command *ret)
{
	if (!order->profile)
		return edge_v16.orders->start(t, order, ret);
	ret->problem = "chargingProfile cannot be given: the charger speaks OCPP 1.5, which has none";
	return -EINVAL;
}

static int get_log(struct gv_turn *t, const struct log_order *order, struct command *ret)
{
	if (!order->security)
		return v16_order_log(t, order, ret);
	ret->problem = "security cannot be asked for: the charger speaks OCPP 1.5, which has no log of that";
	return -EINVAL;
}

static int update_firmware(struct gv_turn *t, const struct firmware_order *order, struct command *ret)
{
	if (!order->request->signature[0])
		return v16_order_firmware(t, order, ret);
	ret->problem = "signature cannot be given: the charger speaks OCPP 1.5, which has no signed firmware";
	return -EINVAL;
}

static int send_list(struct gv_turn *t, const struct list_message *m, struct command *ret)
{
	return v16_write_list(t, m, "localAuthorisationList", ret);
}

static const struct edge_lists lists = {
	.id_max = V16_TAG_MAX,
	.limits = v16_list_limits,
	.read_limits = v16_read_list_limits,
	.version = v16_list_version,
	.read_version = v16_read_list_version,
	.send = send_list,
};

static const struct edge_orders orders = {
	.start = start,
	.stop = v16_stop,
	.unlock = v16_unlock,
	.reset = v16_reset,
	.set_availability = v16_set_availability,
	.clear_cache = shared_clear_cache,
	.get_configuration = v16_get_configuration,
	.set_configuration = v16_set_configuration,
	.read_configuration = v16_read_configuration,
	.configuration_status = v16_configuration_status,
	.most_keys = V16_MOST_KEYS,
	.get_log = get_log,
	.update_firmware = update_firmware,
	.plain_firmware_stays = true,
	.reserve = v16_reserve,
	.cancel_reservation = shared_cancel_reservation,
};

const struct edge edge_v15 = {
	.spec = &spec_v15,
	.name = "OCPP 1.5",
	.handler = handler,
	.answered = v16_answered,
	.orders = &orders,
	.lists = &lists,
};
