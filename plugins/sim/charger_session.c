/* Connectors, the sessions at them and their meters: what a vehicle and its driver do, and what the charger makes of
 * it. */
#include "charger_model.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PLUG_DELAY_MS 1000  /* a driver who started from the phone plugs in after this */
#define MAX_UNPLUG_MS 20000 /* a driver whose vehicle is full comes within this */
#define STEP_MS 1000        /* of the energy's integration, where the power is not constant */
#define MAX_STEPS 100000
#define LEAST_W 1380 /* 6 A of one phase: with less no vehicle charges */

static double mean_energy_wh(const struct charger *c)
{
	return c->pattern.energy_wh > 0 ? (double)c->pattern.energy_wh : 10000;
}

static double speed(const struct charger *c)
{
	return c->pattern.speed > 0 ? c->pattern.speed : 1;
}

void session_init(struct charger *c)
{
	for (unsigned i = 0; i <= c->n_connectors; i++)
		c->connector[i] = (struct connector){
			.id = i,
			.status = "Available",
			.operative = true,
			.limit_w = INFINITY,
			.limit_ms = NEVER,
			.sample_ms = NEVER,
			.full_ms = NEVER,
			.customer_ms = NEVER,
			.plug_ms = NEVER,
			.unplug_ms = NEVER,
			.give_up_ms = NEVER,
			.meter_wh = i ? (double)charger_random_below(c, 1000000) : 0,
		};
	for (unsigned i = 1; i <= c->n_connectors; i++)
		if (c->pattern.sessions_per_hour > 0) /* the first one comes early, so that a fleet is soon alive */
			c->connector[i].customer_ms = c->now_ms +
						      (int64_t)charger_random_below(
							      c, (uint64_t)(600000 / c->pattern.sessions_per_hour) + 1);
}

void session_set_status(struct charger *c, struct connector *k, const char *status)
{
	k->status = status;
	charger_send_status(c, k, false);
}

/* What the connector shows when nobody uses it. */
static const char *idle_status(const struct charger *c, const struct connector *k)
{
	if (!k->operative || !c->connector[0].operative)
		return "Unavailable";
	return k->reservation ? "Reserved" : k->plugged ? "Preparing" : "Available";
}

/* ---- energy ---------------------------------------------------------------------------------- */

double session_power_w(const struct charger *c, const struct connector *k)
{
	if (!k->in_transaction || k->full)
		return 0;
	double power_w = c->pattern.power_w > 0 ? (double)c->pattern.power_w : 11000,
	       done = (k->meter_wh - k->start_wh) / k->target_wh;
	if (c->pattern.taper && done > 0.8)
		power_w *= fmax(0.1, (1 - done) / 0.2);
	return k->limit_w < LEAST_W ? 0 : fmin(power_w, k->limit_w);
}

/* Brings the register up to now. */
static void count_energy(struct charger *c, struct connector *k)
{
	int64_t step_ms = c->pattern.taper ? STEP_MS : c->now_ms - k->metered_ms;
	if ((c->now_ms - k->metered_ms) / (step_ms ? step_ms : 1) > MAX_STEPS)
		step_ms = (c->now_ms - k->metered_ms) / MAX_STEPS;
	while (k->in_transaction && k->metered_ms < c->now_ms) {
		int64_t ms = c->now_ms - k->metered_ms < step_ms ? c->now_ms - k->metered_ms : step_ms;
		k->meter_wh += session_power_w(c, k) * speed(c) * (double)ms / 3600000;
		if (k->meter_wh >= k->start_wh + k->target_wh) {
			k->meter_wh = k->start_wh + k->target_wh;
			k->full = true;
		}
		k->metered_ms += ms;
	}
	k->metered_ms = c->now_ms;
}

/* When the vehicle will be full, if its power stays as it is: looked at again then. */
static void plan_full(struct charger *c, struct connector *k)
{
	double power_w = session_power_w(c, k) * speed(c), left_wh = k->start_wh + k->target_wh - k->meter_wh;
	k->full_ms = k->in_transaction && power_w > 0 ? c->now_ms + 1 + (int64_t)fmin(left_wh / power_w * 3600000, 1e12)
						      : NEVER;
}

static const char *charging_status(const struct connector *k)
{
	return k->full ? "SuspendedEV" : k->limit_w < LEAST_W ? "SuspendedEVSE" : "Charging";
}

void session_limits(struct charger *c)
{
	for (struct connector *k = c->connector + 1; k <= c->connector + c->n_connectors; k++) {
		count_energy(c, k);
		k->limit_w = profiles_limit_w(c, k, &k->limit_ms);
		plan_full(c, k);
		if (k->in_transaction)
			session_set_status(c, k, charging_status(k));
	}
}

static void add_sample(cJSON *samples, const char *measurand, double value, const char *format, const char *unit,
		       const char *context)
{
	char text[32];
	cJSON *sample = cJSON_CreateObject();
	snprintf(text, sizeof text, format[0] == 'i' ? "%.0f" : "%.2f", value);
	cJSON_AddStringToObject(sample, "value", text);
	cJSON_AddStringToObject(sample, "context", context);
	cJSON_AddStringToObject(sample, "measurand", measurand);
	cJSON_AddStringToObject(sample, "unit", unit);
	cJSON_AddItemToArray(samples, sample);
}

static cJSON *meter_value(struct charger *c, const struct connector *k, const char *context)
{
	char time[32];
	double power_w = session_power_w(c, k), register_wh = floor(k->meter_wh);
	cJSON *value = cJSON_CreateObject(), *samples;
	if (c->faults.meter_backwards && charger_chance(c, 200))
		register_wh -= 1 + (double)charger_random_below(c, 50);
	cJSON_AddStringToObject(value, "timestamp", charger_timestamp(c, time));
	samples = cJSON_AddArrayToObject(value, "sampledValue");
	add_sample(samples, "Energy.Active.Import.Register", register_wh, "i", "Wh", context);
	add_sample(samples, "Power.Active.Import", power_w, "f", "W", context);
	add_sample(samples, "Current.Import", power_w / 690, "f", "A", context);
	add_sample(samples, "Voltage", 229 + (double)charger_random_below(c, 300) / 100, "f", "V", context);
	return value;
}

static int64_t wire_transaction(const struct charger *c, const struct connector *k)
{
	return c->faults.transaction_minus_one || !k->transaction_id ? -1 : k->transaction_id;
}

void session_send_sample(struct charger *c, struct connector *k, const char *context)
{
	count_energy(c, k);
	cJSON *payload = cJSON_CreateObject();
	cJSON_AddNumberToObject(payload, "connectorId", k->id);
	if (k->in_transaction)
		cJSON_AddNumberToObject(payload, "transactionId", (double)wire_transaction(c, k));
	cJSON_AddItemToArray(cJSON_AddArrayToObject(payload, "meterValue"), meter_value(c, k, context));
	struct call *call = rpc_call(c, "MeterValues", payload);
	if (call)
		call->connector = k->id;
	if (call && k->in_transaction) {
		call->keep = true;
		call->transaction = k->transaction;
		call->number = ++k->messages;
	}
}

/* ---- a session's life ------------------------------------------------------------------------ */

bool session_may_start(const struct charger *c, const struct connector *k, const char *token)
{
	if (k->in_transaction || k->token[0] || !k->operative || !c->connector[0].operative)
		return false;
	return !k->reservation || strcasecmp(k->reserved_token, token) == 0;
}

void session_forget(struct connector *k)
{
	if (k->in_transaction)
		return;
	k->token[0] = 0;
	k->plug_ms = k->give_up_ms = NEVER;
}

static void start(struct charger *c, struct connector *k)
{
	char time[32];
	uint32_t interval_s = (uint32_t)config_number(c, "MeterValueSampleInterval");
	k->in_transaction = true;
	k->full = false;
	k->transaction = ++c->transactions;
	k->transaction_id = 0;
	k->messages = 0;
	k->start_wh = k->meter_wh;
	k->target_wh = mean_energy_wh(c) * (0.5 + (double)charger_random_below(c, 1001) / 1000);
	k->metered_ms = k->started_ms = c->now_ms;
	k->sample_ms = interval_s ? c->now_ms + (int64_t)interval_s * 1000 : NEVER;
	k->give_up_ms = k->unplug_ms = NEVER;
	c->count.sessions_started++;
	for (unsigned i = 0; i <= c->faults.repeat_start; i++) {
		cJSON *payload = cJSON_CreateObject();
		cJSON_AddNumberToObject(payload, "connectorId", k->id);
		cJSON_AddStringToObject(payload, "idTag", k->token);
		cJSON_AddNumberToObject(payload, "meterStart", floor(k->start_wh));
		cJSON_AddStringToObject(payload, "timestamp", charger_timestamp(c, time));
		if (k->reservation)
			cJSON_AddNumberToObject(payload, "reservationId", k->reservation);
		struct call *call = rpc_call(c, "StartTransaction", payload);
		if (!call)
			continue;
		call->keep = true;
		call->connector = k->id;
		call->transaction = k->transaction;
		call->repeat = i > 0;
		call->start_number = c->start_number;
	}
	c->start_number = 0;
	k->reservation = 0;
	profiles_started(c, k);
	k->limit_w = profiles_limit_w(c, k, &k->limit_ms);
	plan_full(c, k);
	session_set_status(c, k, charging_status(k));
}

void session_stop(struct charger *c, struct connector *k, const char *reason)
{
	char time[32];
	if (!k->in_transaction)
		return;
	count_energy(c, k);
	cJSON *payload = cJSON_CreateObject();
	double stop_wh = floor(k->meter_wh);
	if (c->faults.meter_backwards && stop_wh <= floor(k->start_wh))
		stop_wh = floor(k->start_wh) - 1;
	cJSON_AddNumberToObject(payload, "transactionId", (double)wire_transaction(c, k));
	if (k->token[0] && strcmp(reason, "EVDisconnected") != 0)
		cJSON_AddStringToObject(payload, "idTag", k->token);
	cJSON_AddNumberToObject(payload, "meterStop", stop_wh);
	cJSON_AddStringToObject(payload, "timestamp", charger_timestamp(c, time));
	cJSON_AddStringToObject(payload, "reason", reason);
	cJSON_AddItemToArray(cJSON_AddArrayToObject(payload, "transactionData"), meter_value(c, k, "Transaction.End"));
	struct call *call = rpc_call(c, "StopTransaction", payload);
	if (call) {
		call->keep = true;
		call->connector = k->id;
		call->transaction = k->transaction;
		call->number = ++k->messages;
	}
	k->in_transaction = false;
	k->token[0] = 0;
	k->sample_ms = k->full_ms = NEVER;
	profiles_ended(c, k);
	k->limit_w = profiles_limit_w(c, k, &k->limit_ms);
	c->count.sessions_ended++;
	if (k->becomes_inoperative) {
		k->becomes_inoperative = false;
		k->operative = false;
	}
	if (k->plugged && k->unplug_ms == NEVER && !c->pattern.stay_unplugged)
		k->unplug_ms = c->now_ms + 1000 + (int64_t)charger_random_below(c, MAX_UNPLUG_MS);
	session_set_status(c, k, k->plugged && k->operative ? "Finishing" : idle_status(c, k));
}

void session_plug(struct charger *c, struct connector *k)
{
	k->plugged = true;
	k->plug_ms = NEVER;
	if (k->token[0])
		start(c, k);
	else
		session_set_status(c, k, idle_status(c, k));
}

void session_unplug(struct charger *c, struct connector *k)
{
	k->unplug_ms = NEVER;
	session_stop(c, k, "EVDisconnected");
	k->plugged = false;
	k->unplug_ms = NEVER;
	session_set_status(c, k, idle_status(c, k));
}

void session_authorized(struct charger *c, struct connector *k, const char *token)
{
	snprintf(k->token, sizeof k->token, "%s", token);
	if (k->plugged) {
		start(c, k);
		return;
	}
	k->give_up_ms = c->now_ms + (int64_t)config_number(c, "ConnectionTimeOut") * 1000;
	if (!c->pattern.stay_unplugged)
		k->plug_ms = c->now_ms + PLUG_DELAY_MS;
	session_set_status(c, k, "Preparing");
}

int session_swipe(struct charger *c, struct connector *k, const char *token)
{
	if (k->in_transaction && strcasecmp(k->token, token) == 0) {
		session_stop(c, k, "Local");
		return 0;
	}
	if (!session_may_start(c, k, token))
		return -EBUSY;
	if (!c->connected || c->boot != BOOTED) {
		if (!config_flag(c, "LocalAuthorizeOffline") || !config_flag(c, "AllowOfflineTxForUnknownId"))
			return -EBUSY;
		session_authorized(c, k, token);
		return 0;
	}
	cJSON *payload = cJSON_CreateObject();
	cJSON_AddStringToObject(payload, "idTag", token);
	struct call *call = rpc_call(c, "Authorize", payload);
	if (call)
		call->connector = k->id;
	return 0;
}

static const char *tag_status(const cJSON *answer)
{
	const cJSON *info = cJSON_GetObjectItemCaseSensitive(answer, "idTagInfo");
	const char *status = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(info, "status"));
	return status ? status : "";
}

/* The server has named the transaction: so does what still waits about it. */
static void name_transaction(struct charger *c, uint64_t transaction, int64_t id)
{
	for (struct call *call = c->first; call; call = call->next) {
		cJSON *field = cJSON_GetObjectItemCaseSensitive(call->payload, "transactionId");
		if (call->transaction == transaction && field && !c->faults.transaction_minus_one)
			cJSON_SetNumberValue(field, (double)id);
	}
}

static void start_answered(struct charger *c, struct connector *k, const struct call *call, const cJSON *answer)
{
	const cJSON *id = cJSON_GetObjectItemCaseSensitive(answer, "transactionId");
	if (call->repeat || !cJSON_IsNumber(id))
		return;
	name_transaction(c, call->transaction, (int64_t)id->valuedouble);
	if (!k->in_transaction || k->transaction != call->transaction)
		return;
	k->transaction_id = (int64_t)id->valuedouble;
	if (strcmp(tag_status(answer), "Accepted") != 0 && config_flag(c, "StopTransactionOnInvalidId"))
		session_stop(c, k, "DeAuthorized");
}

void session_answered(struct charger *c, const struct call *call, const cJSON *answer)
{
	struct connector *k = &c->connector[call->connector];
	if (strcmp(call->action, "StartTransaction") == 0) {
		start_answered(c, k, call, answer);
	} else if (strcmp(call->action, "Authorize") == 0) {
		const char *token = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(call->payload, "idTag"));
		if (token && strcmp(tag_status(answer), "Accepted") == 0 && session_may_start(c, k, token))
			session_authorized(c, k, token);
		else if (k->plugged && !k->in_transaction && c->pattern.sessions_per_hour > 0)
			k->unplug_ms = c->now_ms + 1000; /* refused: drives on */
	}
}

/* ---- what is due ----------------------------------------------------------------------------- */

static void customer(struct charger *c, struct connector *k)
{
	double mean_ms = 3600000 / c->pattern.sessions_per_hour,
	       dice = ((double)charger_random_below(c, 1000000) + 1) / 1000001;
	k->customer_ms = c->now_ms + 1 + (int64_t)fmin(-log(dice) * mean_ms, 1e12);
	const char *token = c->tokens[charger_random_below(c, c->n_tokens)];
	if (!session_may_start(c, k, token) || k->plugged || strcmp(k->status, "Available") != 0)
		return; /* finds it taken and drives on */
	session_plug(c, k);
	session_swipe(c, k, token);
}

static void sample(struct charger *c, struct connector *k)
{
	k->sample_ms += (int64_t)config_number(c, "MeterValueSampleInterval") * 1000;
	if (k->sample_ms <= c->now_ms)
		k->sample_ms = config_number(c, "MeterValueSampleInterval") ? c->now_ms + 1000 : NEVER;
	session_send_sample(c, k, "Sample.Periodic");
	plan_full(c, k);
	if (!c->connected)
		return;
	rpc_flush(c);
	if (charger_chance(c, c->faults.drop_pm))
		charger_drop_line(c, CHARGER_ABORT, c->now_ms + 1000 + (int64_t)charger_random_below(c, 4000));
	else if (charger_chance(c, c->faults.half_open_pm))
		charger_drop_line(c, CHARGER_HALF_OPEN, c->now_ms + 1000 + (int64_t)charger_random_below(c, 4000));
}

static void look_full(struct charger *c, struct connector *k)
{
	count_energy(c, k);
	plan_full(c, k);
	if (!k->full)
		return;
	session_set_status(c, k, "SuspendedEV");
	if (c->pattern.sessions_per_hour > 0)
		k->unplug_ms = c->now_ms + 1000 + (int64_t)charger_random_below(c, MAX_UNPLUG_MS);
}

void session_run(struct charger *c)
{
	for (const struct connector *k = c->connector + 1; k <= c->connector + c->n_connectors; k++)
		if (k->limit_ms <= c->now_ms) {
			session_limits(c);
			break;
		}
	for (struct connector *k = c->connector + 1; k <= c->connector + c->n_connectors; k++) {
		if (k->reservation && k->reserved_until_ms <= c->now_ms) {
			k->reservation = 0;
			if (!k->in_transaction)
				session_set_status(c, k, idle_status(c, k));
		}
		if (k->full_ms <= c->now_ms)
			look_full(c, k);
		if (k->sample_ms <= c->now_ms)
			sample(c, k);
		if (k->unplug_ms <= c->now_ms)
			session_unplug(c, k);
		if (k->plug_ms <= c->now_ms)
			session_plug(c, k);
		if (k->give_up_ms <= c->now_ms) { /* authorized, but nobody plugged in */
			k->give_up_ms = NEVER;
			k->token[0] = 0;
			session_set_status(c, k, idle_status(c, k));
		}
		if (k->customer_ms <= c->now_ms)
			customer(c, k);
	}
}

int64_t session_next_ms(const struct charger *c)
{
	int64_t next = NEVER;
	for (const struct connector *k = c->connector + 1; k <= c->connector + c->n_connectors; k++) {
		int64_t times[] = { k->sample_ms,  k->full_ms,
				    k->limit_ms,   k->customer_ms,
				    k->plug_ms,    k->unplug_ms,
				    k->give_up_ms, k->reservation ? k->reserved_until_ms : NEVER };
		for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
			if (times[i] < next)
				next = times[i];
	}
	return next;
}
