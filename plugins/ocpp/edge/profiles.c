/* Charging profiles to and from JSON, by the words of a version. */
#include "profiles.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const kinds[] = { "Absolute", "Recurring", "Relative" };
static const char *const recurrencies[] = { "", "Daily", "Weekly" };

/* ---- writing --------------------------------------------------------------------------------- */

static void add_time(cJSON *object, const char *name, int64_t ms)
{
	char text[25];

	if (!ms)
		return;
	gv_time_format(ms, text);
	cJSON_AddStringToObject(object, name, text);
}

static cJSON *write_schedule(const struct edge_profiles *v, const Ocpp__ProfileSchedule *s)
{
	cJSON *object = cJSON_CreateObject(), *periods;

	if (v->lists)
		cJSON_AddNumberToObject(object, "id", (double)s->id);
	if (s->bounded)
		cJSON_AddNumberToObject(object, "duration", s->duration_s);
	add_time(object, "startSchedule", s->start_ms);
	cJSON_AddStringToObject(object, "chargingRateUnit", s->power ? "W" : "A");
	periods = cJSON_AddArrayToObject(object, "chargingSchedulePeriod");
	for (size_t i = 0; i < s->n_periods; i++) {
		cJSON *period = cJSON_CreateObject();

		cJSON_AddNumberToObject(period, "startPeriod", s->periods[i]->start_s);
		cJSON_AddNumberToObject(period, "limit", (double)s->periods[i]->limit_tenths / 10);
		if (s->periods[i]->phases)
			cJSON_AddNumberToObject(period, "numberPhases", s->periods[i]->phases);
		cJSON_AddItemToArray(periods, period);
	}
	return object;
}

static void write_schedules(cJSON *object, const struct edge_profiles *v, const Ocpp__Profile *p)
{
	cJSON *list;

	if (!v->lists) {
		cJSON_AddItemToObject(object, "chargingSchedule", write_schedule(v, p->schedules[0]));
		return;
	}
	list = cJSON_AddArrayToObject(object, "chargingSchedule");
	for (size_t i = 0; i < p->n_schedules; i++)
		cJSON_AddItemToArray(list, write_schedule(v, p->schedules[i]));
}

cJSON *profiles_write(const struct edge_profiles *v, const Ocpp__Profile *p)
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddNumberToObject(object, v->id, (double)p->id);
	if (p->transaction[0] && v->lists)
		cJSON_AddStringToObject(object, "transactionId", p->transaction);
	else if (p->transaction[0])
		cJSON_AddNumberToObject(object, "transactionId", (double)strtol(p->transaction, NULL, 10));
	cJSON_AddNumberToObject(object, "stackLevel", (double)p->stack_level);
	cJSON_AddStringToObject(object, "chargingProfilePurpose", v->purposes[p->purpose]);
	cJSON_AddStringToObject(object, "chargingProfileKind", kinds[p->kind]);
	if (p->recurrency)
		cJSON_AddStringToObject(object, "recurrencyKind", recurrencies[p->recurrency]);
	add_time(object, "validFrom", p->valid_from_ms);
	add_time(object, "validTo", p->valid_to_ms);
	write_schedules(object, v, p);
	return object;
}

enum profile_call profiles_call(const struct edge_profiles *v, const char *action)
{
	if (!strcmp(action, v->set_call))
		return PROFILE_CALL_SET;
	if (!strcmp(action, v->clear_call))
		return PROFILE_CALL_CLEAR;
	return v->report_call && !strcmp(action, v->report_call) ? PROFILE_CALL_REPORT : PROFILE_CALL_NONE;
}

int profiles_order_set(struct gv_turn *t, const struct edge_profiles *v, uint32_t connector, const Ocpp__Profile *p,
		       struct command *ret)
{
	cJSON *payload = cJSON_CreateObject();

	cJSON_AddNumberToObject(payload, v->connector, connector);
	cJSON_AddItemToObject(payload, v->profile, profiles_write(v, p));
	ret->action = v->set_call;
	ret->payload = json_print(t, payload);
	cJSON_Delete(payload);
	return 0;
}

int profiles_order_clear(struct gv_turn *t, const struct edge_profiles *v, int64_t id, struct command *ret)
{
	ret->action = v->clear_call;
	ret->payload = gv_str(t, "{\"%s\":%lld}", v->clear_id, (long long)id);
	return 0;
}

int profiles_order_schedule(struct gv_turn *t, const struct edge_profiles *v, uint32_t connector, uint32_t duration_s,
			    bool power, struct command *ret)
{
	ret->action = v->schedule_call;
	ret->payload = gv_str(t, "{\"%s\":%u,\"duration\":%u,\"chargingRateUnit\":\"%s\"}", v->connector, connector,
			      duration_s, power ? "W" : "A");
	return 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

static int64_t read_time(const cJSON *object, const char *name)
{
	const char *text = json_string(object, name);
	int64_t ms;

	return gv_time_parse(text, strlen(text), NULL, &ms, NULL) ? 0 : ms;
}

static bool read_name(const char *const *names, size_t n, const char *name, unsigned *ret)
{
	for (size_t i = 0; i < n; i++)
		if (names[i] && !strcmp(names[i], name)) {
			*ret = (unsigned)i;
			return true;
		}
	return false;
}

static int by_start(const void *a, const void *b)
{
	uint32_t x = (*(Ocpp__ProfilePeriod *const *)a)->start_s, y = (*(Ocpp__ProfilePeriod *const *)b)->start_s;

	return x < y ? -1 : x > y;
}

static Ocpp__ProfilePeriod *read_period(struct gv_turn *t, const cJSON *item)
{
	const cJSON *limit = json_get(item, "limit");
	int64_t start = json_int(item, "startPeriod", -1), phases = json_int(item, "numberPhases", 0);
	Ocpp__ProfilePeriod *period;

	if (start < 0 || start > INT32_MAX || !cJSON_IsNumber(limit) || !(limit->valuedouble >= 0) ||
	    limit->valuedouble > (double)LIMIT_TENTHS_MAX / 10)
		return NULL;
	period = gv_alloc(t, sizeof *period);
	ocpp__profile_period__init(period);
	period->start_s = (uint32_t)start;
	period->limit_tenths = (int64_t)floor(limit->valuedouble * 10 + 1e-6);
	period->phases = phases >= 1 && phases <= COMPOSITE_PHASES ? (uint32_t)phases : 0;
	return period;
}

Ocpp__ProfileSchedule *profiles_read_schedule(struct gv_turn *t, const cJSON *object)
{
	int64_t duration = json_int(object, "duration", -1);
	Ocpp__ProfileSchedule *s = gv_alloc(t, sizeof *s);
	const cJSON *item;

	ocpp__profile_schedule__init(s);
	s->id = json_int(object, "id", 0);
	s->start_ms = read_time(object, "startSchedule");
	s->bounded = duration >= 0;
	s->duration_s = duration > INT32_MAX ? INT32_MAX : duration > 0 ? (uint32_t)duration : 0;
	s->power = !strcmp(json_string(object, "chargingRateUnit"), "W");
	cJSON_ArrayForEach(item, json_get(object, "chargingSchedulePeriod"))
	{
		Ocpp__ProfilePeriod *period = read_period(t, item);

		if (!period || s->n_periods == PROFILE_PERIODS_MAX)
			return NULL;
		*GV_APPEND(t, s->periods, s->n_periods) = period;
	}
	if (s->n_periods)
		qsort(s->periods, s->n_periods, sizeof *s->periods, by_start);
	return s;
}

static bool read_schedules(struct gv_turn *t, const cJSON *schedules, Ocpp__Profile *p)
{
	const cJSON *item = cJSON_IsArray(schedules) ? schedules->child : schedules;

	for (; item; item = cJSON_IsArray(schedules) ? item->next : NULL) {
		Ocpp__ProfileSchedule *s = profiles_read_schedule(t, item);

		if (!s || p->n_schedules == PROFILE_SCHEDULES_MAX)
			return false;
		*GV_APPEND(t, p->schedules, p->n_schedules) = s;
	}
	return p->n_schedules > 0;
}

Ocpp__Profile *profiles_read(struct gv_turn *t, const struct edge_profiles *v, const cJSON *object)
{
	const cJSON *transaction = json_get(object, "transactionId");
	Ocpp__Profile *p = gv_alloc(t, sizeof *p);
	unsigned purpose, kind, recurrency = 0;

	ocpp__profile__init(p);
	if (!read_name(v->purposes, 4, json_string(object, "chargingProfilePurpose"), &purpose) ||
	    !read_name(kinds, 3, json_string(object, "chargingProfileKind"), &kind) ||
	    !read_schedules(t, json_get(object, "chargingSchedule"), p))
		return NULL;
	read_name(recurrencies, 3, json_string(object, "recurrencyKind"), &recurrency);
	p->id = json_int(object, v->id, 0);
	p->purpose = (Ocpp__Profile__Purpose)purpose;
	p->stack_level = json_int(object, "stackLevel", 0);
	p->kind = (Ocpp__Profile__Kind)kind;
	p->recurrency = (Ocpp__Profile__Recurrency)recurrency;
	p->valid_from_ms = read_time(object, "validFrom");
	p->valid_to_ms = read_time(object, "validTo");
	if (cJSON_IsString(transaction))
		p->transaction = gv_strdup(t, transaction->valuestring);
	else if (cJSON_IsNumber(transaction))
		p->transaction = gv_str(t, "%lld", (long long)json_int(object, "transactionId", 0));
	return p;
}

uint32_t profiles_read_connector(const struct edge_profiles *v, const cJSON *payload)
{
	int64_t connector = json_int(payload, v->connector, 0);

	return connector < 0 || connector > OCPP_CONNECTOR_MAX ? 0 : (uint32_t)connector;
}

void profiles_read_clear(const struct edge_profiles *v, const cJSON *payload, struct profile_criteria *ret)
{
	const cJSON *rest = v->criteria ? json_get(payload, v->criteria) : payload;
	unsigned purpose;

	memset(ret, 0, sizeof *ret);
	ret->has_id = cJSON_IsNumber(json_get(payload, v->clear_id));
	ret->id = json_int(payload, v->clear_id, 0);
	ret->has_connector = cJSON_IsNumber(json_get(rest, v->connector));
	ret->connector = profiles_read_connector(v, rest);
	ret->has_purpose = read_name(v->purposes, 4, json_string(rest, "chargingProfilePurpose"), &purpose);
	if (ret->has_purpose)
		ret->purpose = (Ocpp__Profile__Purpose)purpose;
	ret->has_level = cJSON_IsNumber(json_get(rest, "stackLevel"));
	ret->level = json_int(rest, "stackLevel", 0);
}

void profiles_read_composite(struct gv_turn *t, const struct edge_profiles *v, const cJSON *payload,
			     struct said_schedule *ret)
{
	const cJSON *schedule = json_get(payload, v->schedule);

	memset(ret, 0, sizeof *ret);
	ret->start_ms = read_time(v->lists ? schedule : payload, "scheduleStart");
	if (!ret->start_ms)
		ret->start_ms = read_time(schedule, "startSchedule");
	ret->schedule = schedule ? profiles_read_schedule(t, schedule) : NULL;
	if (ret->schedule && ret->schedule->bounded)
		ret->duration_s = ret->schedule->duration_s;
}

/* ---- what a charger takes -------------------------------------------------------------------- */

bool profiles_read_count(const char *text, uint32_t *ret)
{
	char *end;
	long value = strtol(text + strspn(text, " \"'"), &end, 10);

	if (end == text || value < 0 || value > INT32_MAX)
		return false;
	*ret = (uint32_t)value;
	return true;
}

void profiles_read_units(const char *text, Ocpp__Abilities *ret)
{
	bool current = false, power = false;

	while (*text) {
		size_t size = strcspn(text += strspn(text, " ,;\"'"), " ,;\"'");

		current |= (size == 7 && !strncasecmp(text, "Current", 7)) || (size == 1 && (*text | 32) == 'a');
		power |= (size == 5 && !strncasecmp(text, "Power", 5)) || (size == 1 && (*text | 32) == 'w');
		text += size;
	}
	ret->current_only = current && !power;
	ret->power_only = power && !current;
}
