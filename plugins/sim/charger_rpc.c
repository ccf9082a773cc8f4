/* A charger's half of OCPP-J: one call in flight at a time, the rest in a queue; messages about transactions outlive
 * the connection and are tried again (OCPP 1.6, 3.7.1 and 4.1), all others are lost with it. */
#include "charger_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void free_call(struct call *call)
{
	cJSON_Delete(call->payload);
	free(call);
}

static void unlink_call(struct charger *c, struct call *call)
{
	struct call **at = &c->first;
	c->last = NULL;
	for (struct call *p = c->first; p; p = p->next)
		if (p != call)
			c->last = p;
	while (*at != call)
		at = &(*at)->next;
	*at = call->next;
	c->queued--;
}

/* Makes room: meter values go first, then what is not kept. StartTransaction and StopTransaction never go. */
static bool make_room(struct charger *c)
{
	if (c->queued < CHARGER_MAX_QUEUE)
		return true;
	struct call *victim = NULL;
	for (struct call *p = c->in_flight ? c->first->next : c->first; p && !victim; p = p->next)
		if (!p->keep || strcmp(p->action, "MeterValues") == 0)
			victim = p;
	if (!victim)
		return false;
	unlink_call(c, victim);
	free_call(victim);
	c->count.dropped++;
	return true;
}

static struct call *make_call(struct charger *c, const char *action, cJSON *payload)
{
	struct call *call = payload && make_room(c) ? calloc(1, sizeof *call) : NULL;
	if (!call) {
		cJSON_Delete(payload);
		c->count.dropped++;
		return NULL;
	}
	call->action = action;
	call->payload = payload;
	c->queued++;
	return call;
}

struct call *rpc_call(struct charger *c, const char *action, cJSON *payload)
{
	struct call *call = make_call(c, action, payload);
	if (!call)
		return NULL;
	if (c->last)
		c->last->next = call;
	else
		c->first = call;
	c->last = call;
	return call;
}

struct call *rpc_call_first(struct charger *c, const char *action, cJSON *payload)
{
	struct call *call = make_call(c, action, payload);
	if (!call)
		return NULL;
	struct call **at = c->in_flight ? &c->first->next : &c->first;
	call->next = *at;
	*at = call;
	if (!call->next)
		c->last = call;
	return call;
}

/* Readings as JSON numbers, counters as strings: what chargers of several makes send (the server is to take both). */
static void spoil_types(cJSON *node)
{
	for (cJSON *child = node->child, *next; child; child = next) {
		next = child->next;
		if (cJSON_IsArray(child) || cJSON_IsObject(child)) {
			spoil_types(child);
		} else if (child->string && strcmp(child->string, "value") == 0 && cJSON_IsString(child)) {
			double value = strtod(child->valuestring, NULL);
			cJSON_ReplaceItemInObjectCaseSensitive(node, "value", cJSON_CreateNumber(value));
		} else if (child->string && strncmp(child->string, "meterSt", 7) == 0 && cJSON_IsNumber(child)) {
			char name[16], text[32];
			snprintf(name, sizeof name, "%.15s", child->string);
			snprintf(text, sizeof text, "%.0f", child->valuedouble);
			cJSON_ReplaceItemInObjectCaseSensitive(node, name, cJSON_CreateString(text));
		}
	}
}

static void fresh_id(struct charger *c, char ret[MESSAGE_ID_SIZE])
{
	uint64_t a = c->env->random(c->env->arg), b = c->env->random(c->env->arg);
	snprintf(ret, MESSAGE_ID_SIZE, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(a >> 32),
		 (unsigned)(a >> 16) & 0xffff, (unsigned)a & 0xfff, 0x8000 | ((unsigned)(b >> 48) & 0x3fff),
		 (unsigned long long)b & 0xffffffffffffull);
}

static void send_json(struct charger *c, const char *head, const cJSON *payload)
{
	char *body = cJSON_PrintUnformatted(payload);
	if (!body)
		return;
	size_t size = strlen(head) + strlen(body) + 2;
	char *text = malloc(size);
	if (text) {
		snprintf(text, size, "%s%s]", head, body);
		c->env->send(c->env->arg, text, size - 1);
	}
	free(text);
	free(body);
}

static void transmit(struct charger *c, struct call *call)
{
	char head[128];
	fresh_id(c, call->id);
	const char *action = call->action;
	cJSON *translated = c->v201 ? v201_call(c, call, &action) : NULL;
	if (c->faults.wrong_types)
		spoil_types(call->payload);
	snprintf(head, sizeof head, "[2,\"%s\",\"%s\",", call->id, action);
	call->tries++;
	c->in_flight = true;
	c->call_timeout_ms = c->now_ms + (c->faults.call_timeout_ms ? c->faults.call_timeout_ms : 30000);
	c->count.calls_sent++;
	send_json(c, head, translated ? translated : call->payload);
	cJSON_Delete(translated);
}

static bool may_send(const struct charger *c, const struct call *call)
{
	if (!c->connected || c->in_flight || call->not_before_ms > c->now_ms)
		return false;
	return c->boot == BOOTED || strcmp(call->action, "BootNotification") == 0;
}

void rpc_flush(struct charger *c)
{
	if (c->first && may_send(c, c->first))
		transmit(c, c->first);
}

/* The call in flight is over. `answer` NULL: there was none. */
static void finish_call(struct charger *c, const cJSON *answer, bool error)
{
	struct call *call = c->first;
	c->in_flight = false;
	unlink_call(c, call);
	if (answer && c->env->answered) {
		char *request = cJSON_PrintUnformatted(call->payload), *text = cJSON_PrintUnformatted(answer);
		c->env->answered(c->env->arg, call->action, request ? request : "", text ? text : "", error);
		free(request);
		free(text);
	}
	charger_answered(c, call, error ? NULL : answer);
	free_call(call);
}

/* No answer came, or an error. A kept call is tried again, the others are over. */
static void give_up_call(struct charger *c, const cJSON *error)
{
	struct call *call = c->first;
	int attempts = config_number(c, "TransactionMessageAttempts");
	if (!call->keep || (error && call->tries >= (unsigned)(attempts > 0 ? attempts : 1))) {
		finish_call(c, error, true);
		return;
	}
	c->in_flight = false;
	call->not_before_ms = c->now_ms +
			      (int64_t)config_number(c, "TransactionMessageRetryInterval") * 1000 * call->tries;
}

static void on_answer(struct charger *c, int type, const char *id, const cJSON *message)
{
	if (!c->in_flight || strcmp(c->first->id, id) != 0) {
		c->count.unexpected++;
		return;
	}
	if (charger_chance(c, c->faults.lost_answers_pm))
		return;
	if (type == 3) {
		cJSON *translated = c->v201 ? v201_answer(c->first, cJSON_GetArrayItem(message, 2)) : NULL;
		c->count.calls_answered++;
		finish_call(c, translated ? translated : cJSON_GetArrayItem(message, 2), false);
		cJSON_Delete(translated);
		return;
	}
	c->count.calls_refused++;
	char *text = cJSON_PrintUnformatted(message);
	charger_log(c, "%s refused: %s", c->first->action, text ? text : "");
	free(text);
	cJSON *error = cJSON_CreateArray();
	cJSON_AddItemToArray(error, cJSON_Duplicate(cJSON_GetArrayItem(message, 2), true));
	cJSON_AddItemToArray(error, cJSON_Duplicate(cJSON_GetArrayItem(message, 3), true));
	give_up_call(c, error);
	cJSON_Delete(error);
}

static void answer_now(struct charger *c, const char *text)
{
	for (int i = 0; i <= c->faults.repeat_answers; i++)
		c->env->send(c->env->arg, text, strlen(text));
	c->count.served++;
}

static void answer_late(struct charger *c, char *text)
{
	struct late *l = c->n_late < CHARGER_MAX_LATE ? calloc(1, sizeof *l) : NULL, **at = &c->late;
	if (!l) {
		answer_now(c, text);
		free(text);
		return;
	}
	l->at_ms = c->now_ms + c->faults.late_answers_ms;
	l->text = text;
	while (*at)
		at = &(*at)->next;
	*at = l;
	c->n_late++;
}

static void on_call(struct charger *c, const char *id, const cJSON *message)
{
	const char *action = cJSON_GetStringValue(cJSON_GetArrayItem(message, 2)), *error = "FormationViolation";
	const cJSON *payload = cJSON_GetArrayItem(message, 3);
	if (c->faults.never_answer)
		return;
	cJSON *(*serve)(struct charger *, const char *, const cJSON *, const char **) = c->v201 ? v201_serve
												: command_serve;
	cJSON *answer = action && cJSON_IsObject(payload) ? serve(c, action, payload, &error) : NULL;
	cJSON *all = cJSON_CreateArray();
	cJSON_AddItemToArray(all, cJSON_CreateNumber(answer ? 3 : 4));
	cJSON_AddItemToArray(all, cJSON_CreateString(id));
	if (answer) {
		cJSON_AddItemToArray(all, answer);
	} else {
		cJSON_AddItemToArray(all, cJSON_CreateString(error));
		cJSON_AddItemToArray(all, cJSON_CreateString(""));
		cJSON_AddItemToArray(all, cJSON_CreateObject());
	}
	char *text = cJSON_PrintUnformatted(all);
	cJSON_Delete(all);
	if (!text)
		return;
	if (c->faults.late_answers_ms) {
		answer_late(c, text);
		return;
	}
	answer_now(c, text);
	free(text);
}

void rpc_receive(struct charger *c, const char *text, size_t size)
{
	cJSON *message = size <= CHARGER_MAX_FRAME ? cJSON_ParseWithLength(text, size) : NULL;
	const cJSON *type = cJSON_GetArrayItem(message, 0);
	const char *id = cJSON_GetStringValue(cJSON_GetArrayItem(message, 1));
	if (!cJSON_IsArray(message) || !cJSON_IsNumber(type) || !id)
		c->count.unexpected++;
	else if (type->valueint == 2)
		on_call(c, id, message);
	else if (type->valueint == 3 || type->valueint == 4)
		on_answer(c, type->valueint, id, message);
	else
		c->count.unexpected++;
	cJSON_Delete(message);
}

static void drop_late(struct charger *c)
{
	for (struct late *l = c->late, *next; l; l = next) {
		next = l->next;
		free(l->text);
		free(l);
	}
	c->late = NULL;
	c->n_late = 0;
}

void rpc_reset(struct charger *c)
{
	struct call *lost = NULL, **lost_end = &lost, **at = &c->first;
	c->count.calls_lost += c->in_flight;
	c->in_flight = false;
	drop_late(c);
	c->last = NULL;
	while (*at) {
		struct call *call = *at;
		call->not_before_ms = 0;
		if (call->keep) {
			c->last = call;
			at = &call->next;
			continue;
		}
		*at = call->next;
		call->next = NULL;
		*lost_end = call;
		lost_end = &call->next;
		c->queued--;
	}
	for (struct call *next; lost; lost = next) {
		next = lost->next;
		charger_answered(c, lost, NULL);
		free_call(lost);
	}
}

void rpc_run(struct charger *c)
{
	while (c->late && c->late->at_ms <= c->now_ms) {
		struct late *l = c->late;
		c->late = l->next;
		c->n_late--;
		answer_now(c, l->text);
		free(l->text);
		free(l);
	}
	if (c->in_flight && c->now_ms >= c->call_timeout_ms) {
		c->count.calls_lost++;
		give_up_call(c, NULL);
	}
	rpc_flush(c);
}

int64_t rpc_next_ms(const struct charger *c)
{
	int64_t next = c->late ? c->late->at_ms : NEVER;
	if (c->in_flight && c->call_timeout_ms < next)
		next = c->call_timeout_ms;
	if (c->connected && !c->in_flight && c->first && c->boot == BOOTED && c->first->not_before_ms < next)
		next = c->first->not_before_ms;
	return next;
}

void rpc_fini(struct charger *c)
{
	drop_late(c);
	for (struct call *call = c->first, *next; call; call = next) {
		next = call->next;
		free_call(call);
	}
	c->first = c->last = NULL;
	c->queued = 0;
}
