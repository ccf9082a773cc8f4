/* The charger as a whole: its power-up, its connection, its clock, and the entry points. The rest of the model lies in
 * charger_*.c. */
#include "charger_model.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BOOT_RETRY_MS 10000 /* after an answer that names no interval, or none at all */
#define REBOOT_MS 3000      /* a reboot takes so long, and up to as long again */

/* ---- small things ---------------------------------------------------------------------------- */

uint64_t charger_random_below(struct charger *c, uint64_t limit)
{
	return limit ? c->env->random(c->env->arg) % limit : 0;
}

bool charger_chance(struct charger *c, uint32_t per_mille)
{
	return per_mille && charger_random_below(c, 1000) < per_mille;
}

void charger_log(struct charger *c, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	if (!c->env->log)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	c->env->log(c->env->arg, text);
}

const char *charger_timestamp(struct charger *c, char ret[32])
{
	int64_t ms = c->now_ms + c->clock_skew_ms;
	time_t s = (time_t)(ms / 1000);
	struct tm tm;
	gmtime_r(&s, &tm);
	size_t n = strftime(ret, 32, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(ret + n, 32 - n, c->faults.missing_zone ? ".%03d" : ".%03dZ", (int)(ms % 1000));
	return ret;
}

/* Sets the clock by the server's "2026-11-21T06:00:00.000Z". */
static void set_clock(struct charger *c, const cJSON *answer)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(answer, "currentTime"));
	struct tm tm = { 0 };
	const char *rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
	if (!rest || c->faults.clock_1970)
		return;
	double fraction = *rest == '.' ? strtod(rest, NULL) : 0;
	c->clock_skew_ms = (int64_t)timegm(&tm) * 1000 + (int64_t)(fraction * 1000) - c->now_ms;
}

/* ---- what it sends about itself -------------------------------------------------------------- */

void charger_send_status(struct charger *c, struct connector *k, bool even_if_told)
{
	char time[32];
	if (!c->connected || c->boot != BOOTED || (k->told_status == k->status && !even_if_told))
		return;
	k->told_status = k->status;
	if (c->v201 && !k->id)
		return; /* it has no connector that stands for the whole */
	cJSON *payload = cJSON_CreateObject();
	cJSON_AddNumberToObject(payload, "connectorId", k->id);
	cJSON_AddStringToObject(payload, "errorCode", "NoError");
	cJSON_AddStringToObject(payload, "status", k->status);
	cJSON_AddStringToObject(payload, "timestamp", charger_timestamp(c, time));
	struct call *call = rpc_call(c, "StatusNotification", payload);
	if (!call)
		return;
	call->connector = k->id;
	if (!c->v201 || !k->in_transaction || strcmp(k->status, "Preparing") == 0)
		return;
	/* There a transaction says how it goes. */
	call->transaction = k->transaction;
	call->number = ++k->messages;
	call->keep = true;
}

static void send_statuses(struct charger *c, bool even_if_told)
{
	for (unsigned i = 0; i <= c->n_connectors; i++)
		charger_send_status(c, &c->connector[i], even_if_told);
}

void charger_send_boot(struct charger *c)
{
	cJSON *payload = cJSON_CreateObject();
	cJSON_AddStringToObject(payload, "chargePointVendor", c->vendor);
	cJSON_AddStringToObject(payload, "chargePointModel", c->model);
	cJSON_AddStringToObject(payload, "chargePointSerialNumber", c->serial);
	cJSON_AddStringToObject(payload, "firmwareVersion", c->firmware);
	rpc_call_first(c, "BootNotification", payload);
	c->boot_ms = NEVER;
}

static void boot_answered(struct charger *c, const cJSON *answer)
{
	const char *status = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(answer, "status"));
	const cJSON *interval = cJSON_GetObjectItemCaseSensitive(answer, "interval");
	int64_t interval_ms = cJSON_IsNumber(interval) && interval->valuedouble > 0
				      ? (int64_t)(interval->valuedouble * 1000)
				      : 0;
	if (!status || strcmp(status, "Accepted") != 0) {
		if (c->boot != BOOTED)
			c->boot_ms = c->now_ms + (interval_ms ? interval_ms : BOOT_RETRY_MS);
		return;
	}
	c->boot = BOOTED;
	c->count.accepted = true;
	set_clock(c, answer);
	if (interval_ms) {
		char text[24];
		snprintf(text, sizeof text, "%lld", (long long)(interval_ms / 1000));
		config_change(c, "HeartbeatInterval", text);
	}
	int64_t heartbeat_ms = (int64_t)config_number(c, "HeartbeatInterval") * 1000;
	c->heartbeat_ms = heartbeat_ms ? c->now_ms + heartbeat_ms : NEVER;
	send_statuses(c, true);
}

void charger_answered(struct charger *c, const struct call *call, const cJSON *answer)
{
	if (strcmp(call->action, "BootNotification") == 0)
		boot_answered(c, answer);
	else if (strcmp(call->action, "Heartbeat") == 0)
		set_clock(c, answer);
	else if (strcmp(call->action, "StatusNotification") == 0 && !answer)
		c->connector[call->connector].told_status = NULL;
	else
		session_answered(c, call, answer);
}

/* ---- its life -------------------------------------------------------------------------------- */

/* From nothing, as after the mains came back: the registers and what is kept of transactions stay. */
static void power_up(struct charger *c, const char *reason)
{
	for (unsigned i = 1; i <= c->n_connectors; i++) {
		struct connector *k = &c->connector[i];
		session_stop(c, k, reason);
		k->token[0] = 0;
		k->status = !k->operative || !c->connector[0].operative ? "Unavailable"
			    : k->plugged                                ? "Preparing"
									: "Available";
		k->plug_ms = k->give_up_ms = NEVER;
	}
	c->boot = NOT_BOOTED;
	c->powered_up_ms = c->now_ms;
	c->heartbeat_ms = c->boot_ms = c->reset_ms = NEVER;
	c->clock_skew_ms = c->faults.clock_1970 ? -c->now_ms : c->clock_skew_ms;
}

void charger_drop_line(struct charger *c, enum charger_drop how, int64_t reconnect_at_ms)
{
	if (!c->connected)
		return;
	c->connected = false;
	rpc_reset(c);
	c->env->drop(c->env->arg, how, reconnect_at_ms);
}

static void reboot(struct charger *c)
{
	const char *reason = c->hard_reset ? "HardReset" : "SoftReset";
	c->reset_ms = NEVER;
	charger_drop_line(c, c->hard_reset ? CHARGER_ABORT : CHARGER_CLOSE,
			  c->now_ms + REBOOT_MS + (int64_t)charger_random_below(c, REBOOT_MS));
	power_up(c, reason);
}

void charger_run(struct charger *c, int64_t now_ms)
{
	c->now_ms = now_ms;
	rpc_run(c);
	if (c->reset_ms <= now_ms)
		reboot(c);
	if (c->connected && c->boot != BOOTED && c->boot_ms <= now_ms)
		charger_send_boot(c);
	if (c->connected && c->boot == BOOTED && c->heartbeat_ms <= now_ms) {
		int64_t interval_ms = (int64_t)config_number(c, "HeartbeatInterval") * 1000;
		c->heartbeat_ms = interval_ms ? now_ms + interval_ms : NEVER;
		rpc_call(c, "Heartbeat", cJSON_CreateObject());
	}
	session_run(c);
	rpc_flush(c);
}

int64_t charger_next_ms(const struct charger *c)
{
	int64_t next = rpc_next_ms(c), session = session_next_ms(c);
	next = session < next ? session : next;
	next = c->reset_ms < next ? c->reset_ms : next;
	if (c->connected && c->boot != BOOTED && c->boot_ms < next)
		next = c->boot_ms;
	if (c->connected && c->boot == BOOTED && c->heartbeat_ms < next)
		next = c->heartbeat_ms;
	return next;
}

void charger_connected(struct charger *c, int64_t now_ms)
{
	c->now_ms = now_ms;
	c->connected = true;
	if (c->boot == BOOTED && c->faults.no_boot_on_reconnect)
		send_statuses(c, false);
	else
		charger_send_boot(c);
	rpc_flush(c);
}

void charger_receive(struct charger *c, int64_t now_ms, const char *text, size_t size)
{
	c->now_ms = now_ms;
	if (!c->connected)
		return;
	rpc_receive(c, text, size);
	rpc_flush(c);
}

void charger_disconnected(struct charger *c, int64_t now_ms)
{
	c->now_ms = now_ms;
	if (!c->connected)
		return;
	c->connected = false;
	rpc_reset(c);
}

void charger_power_cycle(struct charger *c, int64_t now_ms)
{
	c->now_ms = now_ms;
	charger_drop_line(c, CHARGER_ABORT, now_ms + REBOOT_MS + (int64_t)charger_random_below(c, REBOOT_MS));
	power_up(c, "PowerLoss");
}

/* ---- its customers --------------------------------------------------------------------------- */

int charger_plug(struct charger *c, int64_t now_ms, unsigned connector)
{
	c->now_ms = now_ms;
	if (connector < 1 || connector > c->n_connectors)
		return -ENOENT;
	if (c->connector[connector].plugged)
		return -EBUSY;
	session_plug(c, &c->connector[connector]);
	rpc_flush(c);
	return 0;
}

int charger_unplug(struct charger *c, int64_t now_ms, unsigned connector)
{
	c->now_ms = now_ms;
	if (connector < 1 || connector > c->n_connectors)
		return -ENOENT;
	if (!c->connector[connector].plugged)
		return -EBUSY;
	session_unplug(c, &c->connector[connector]);
	rpc_flush(c);
	return 0;
}

int charger_swipe(struct charger *c, int64_t now_ms, unsigned connector, const char *token)
{
	c->now_ms = now_ms;
	if (connector < 1 || connector > c->n_connectors)
		return -ENOENT;
	int r = session_swipe(c, &c->connector[connector], token);
	rpc_flush(c);
	return r;
}

/* ---- making and looking ---------------------------------------------------------------------- */

static int copy_strings(struct charger *c, const struct charger_options *o)
{
	static const char *const one[] = { "SIM-0001", NULL };
	const char *const *tokens = o->tokens && o->tokens[0] ? o->tokens : one;
	while (tokens[c->n_tokens])
		c->n_tokens++;
	c->tokens = calloc(c->n_tokens, sizeof *c->tokens);
	for (unsigned i = 0; c->tokens && i < c->n_tokens; i++) {
		c->tokens[i] = strdup(tokens[i]);
		if (!c->tokens[i])
			return -ENOMEM;
	}
	c->identity = strdup(o->identity);
	c->vendor = strdup(o->vendor ? o->vendor : "Galvan");
	c->model = strdup(o->model ? o->model : "Sim-AC");
	c->serial = strdup(o->serial ? o->serial : o->identity);
	c->firmware = strdup(o->firmware ? o->firmware : "1.0");
	return c->tokens && c->identity && c->vendor && c->model && c->serial && c->firmware ? 0 : -ENOMEM;
}

int charger_create(const struct charger_options *o, struct charger **ret)
{
	unsigned connectors = o->connectors ? o->connectors : 1;
	if (!o->identity || !*o->identity || connectors > CHARGER_MAX_CONNECTORS || !o->env)
		return -EINVAL;
	struct charger *c = calloc(1, sizeof *c);
	if (!c)
		return -ENOMEM;
	c->env = o->env;
	c->faults = o->faults;
	c->pattern = o->pattern;
	c->n_connectors = connectors;
	c->now_ms = c->created_ms = o->powered_up_ms;
	c->v201 = o->v201;
	if (copy_strings(c, o) < 0) {
		charger_destroy(c);
		return -ENOMEM;
	}
	config_init(c);
	session_init(c);
	power_up(c, "PowerLoss");
	*ret = c;
	return 0;
}

void charger_destroy(struct charger *c)
{
	if (!c)
		return;
	rpc_fini(c);
	for (unsigned i = 0; c->tokens && i < c->n_tokens; i++)
		free(c->tokens[i]);
	free(c->tokens);
	free(c->profile);
	free(c->identity);
	free(c->vendor);
	free(c->model);
	free(c->serial);
	free(c->firmware);
	free(c);
}

void charger_set_faults(struct charger *c, const struct charger_faults *faults)
{
	if (faults->clock_1970 && !c->faults.clock_1970)
		c->clock_skew_ms = -c->powered_up_ms;
	else if (!faults->clock_1970 && c->faults.clock_1970)
		c->clock_skew_ms = 0;
	c->faults = *faults;
}

const struct charger_faults *charger_faults(const struct charger *c)
{
	return &c->faults;
}

void charger_get_state(const struct charger *c, struct charger_state *ret)
{
	*ret = c->count;
	ret->identity = c->identity;
	ret->connectors = c->n_connectors;
	ret->connected = c->connected;
	ret->queued = c->queued;
}

int charger_get_connector(const struct charger *c, unsigned connector, struct charger_connector *ret)
{
	if (connector < 1 || connector > c->n_connectors)
		return -ENOENT;
	const struct connector *k = &c->connector[connector];
	*ret = (struct charger_connector){
		.status = k->status,
		.plugged = k->plugged,
		.in_transaction = k->in_transaction,
		.transaction_id = k->transaction_id,
		.token = k->token,
		.meter_wh = (int64_t)k->meter_wh,
		.session_wh = k->transaction ? (int64_t)k->meter_wh - (int64_t)k->start_wh : 0,
		.power_w = (int64_t)session_power_w(c, k),
	};
	return 0;
}
