/* The charging profiles that a simulated charger has been given, and what they let a connector draw: OCPP 1.6, 3.13.
 * They outlive a power cut; a transaction's own end with it. */
#include "charger_model.h"

#include <lib/iso8601.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PHASE_V 230
#define PHASES 3
#define WHOLE_MAX 2e9
#define LEVEL_MAX 1000
#define DAY_MS INT64_C(86400000)

enum purpose { STATION_MAX, TX_DEFAULT, TX, PURPOSES };

static const char *text(const cJSON *object, const char *name)
{
	const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
	return value ? value : "";
}

static double number(const cJSON *object, const char *name, double otherwise)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
	return cJSON_IsNumber(item) ? item->valuedouble : otherwise;
}

/* A number of the server's may be any. */
static int64_t whole(const cJSON *object, const char *name)
{
	double value = number(object, name, 0);
	return value > 0 && value < WHOLE_MAX ? (int64_t)value : 0;
}

static int64_t time_of(const cJSON *object, const char *name, int64_t otherwise)
{
	const char *value = text(object, name);
	int64_t ms;
	return gv_time_parse(value, strlen(value), NULL, &ms, NULL) ? otherwise : ms;
}

static int purpose_of(const char *name)
{
	static const char *const names[PURPOSES] = { "ChargePointMaxProfile", "TxDefaultProfile", "TxProfile" };
	for (int i = 0; i < PURPOSES; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -1;
}

/* ---- reading --------------------------------------------------------------------------------- */

static bool read_periods(const cJSON *schedule, struct profile *p)
{
	bool watts = strcmp(text(schedule, "chargingRateUnit"), "W") == 0;
	const cJSON *item;

	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(schedule, "chargingSchedulePeriod"))
	{
		double limit = number(item, "limit", -1), phases = number(item, "numberPhases", PHASES);
		if (p->n_periods == PROFILE_PERIODS || limit < 0)
			return false;
		p->period[p->n_periods].start_ms = whole(item, "startPeriod") * 1000;
		p->period[p->n_periods++].limit_w = watts ? limit : limit * PHASE_V * phases;
	}
	return p->n_periods > 0;
}

static bool read_profile(const struct connector *k, const cJSON *json, bool starts, struct profile *p)
{
	const cJSON *schedule = cJSON_GetObjectItemCaseSensitive(json, "chargingSchedule");
	const char *kind = text(json, "chargingProfileKind"), *recurs = text(json, "recurrencyKind");
	int purpose = purpose_of(text(json, "chargingProfilePurpose"));

	*p = (struct profile){ .id = whole(json, "chargingProfileId"), .connector = k->id };
	p->level = (int)whole(json, "stackLevel");
	p->from_ms = time_of(json, "validFrom", INT64_MIN);
	p->to_ms = time_of(json, "validTo", NEVER);
	p->start_ms = strcmp(kind, "Relative") == 0 ? 0 : time_of(schedule, "startSchedule", 0);
	p->duration_ms = whole(schedule, "duration") * 1000;
	if (strcmp(kind, "Recurring") == 0)
		p->every_ms = strcmp(recurs, "Weekly") == 0 ? 7 * DAY_MS : DAY_MS;
	if (purpose < 0 || !read_periods(schedule, p))
		return false;
	p->purpose = purpose;
	if (purpose != TX)
		return purpose != STATION_MAX || k->id == 0;
	if (starts)
		return true;
	p->transaction = k->transaction;
	return k->id && k->in_transaction &&
	       number(json, "transactionId", (double)k->transaction_id) == (double)k->transaction_id;
}

/* ---- keeping --------------------------------------------------------------------------------- */

static void drop(struct charger *c, unsigned i)
{
	c->profile[i] = c->profile[--c->n_profiles];
}

const char *profiles_set(struct charger *c, const struct connector *k, const cJSON *json, bool starts)
{
	struct profile p, *grown;

	if (!read_profile(k, json, starts, &p) || (c->faults.session_profiles_only && p.purpose != TX) ||
	    charger_chance(c, c->faults.refused_profiles_pm))
		return "Rejected";
	for (unsigned i = c->n_profiles; i-- > 0;) {
		const struct profile *had = &c->profile[i];
		if (had->id == p.id ||
		    (had->connector == p.connector && had->purpose == p.purpose && had->level == p.level))
			drop(c, i);
	}
	if (c->n_profiles == PROFILES_MAX)
		return "Rejected";
	grown = realloc(c->profile, (c->n_profiles + 1) * sizeof *grown);
	if (!grown)
		return "Rejected";
	c->profile = grown;
	c->profile[c->n_profiles++] = p;
	return "Accepted";
}

const char *profiles_clear(struct charger *c, const cJSON *criteria)
{
	const char *purpose = text(criteria, "chargingProfilePurpose");
	double id = number(criteria, "id", -1), connector = number(criteria, "connectorId", -1),
	       level = number(criteria, "stackLevel", -1);
	bool any = false;

	for (unsigned i = c->n_profiles; i-- > 0;) {
		const struct profile *p = &c->profile[i];
		if (id >= 0 ? (double)p->id != id
			    : (connector >= 0 && connector != p->connector) || (level >= 0 && level != p->level) ||
				      (*purpose && purpose_of(purpose) != p->purpose))
			continue;
		drop(c, i);
		any = true;
	}
	return any ? "Accepted" : "Unknown";
}

void profiles_started(struct charger *c, const struct connector *k)
{
	for (unsigned i = 0; i < c->n_profiles; i++)
		if (c->profile[i].purpose == TX && c->profile[i].connector == k->id && !c->profile[i].transaction)
			c->profile[i].transaction = k->transaction;
}

void profiles_ended(struct charger *c, const struct connector *k)
{
	for (unsigned i = c->n_profiles; i-- > 0;)
		if (c->profile[i].purpose == TX && c->profile[i].connector == k->id)
			drop(c, i);
}

/* ---- reckoning ------------------------------------------------------------------------------- */

static void sooner(int64_t *next_ms, int64_t at_ms, int64_t now_ms)
{
	if (at_ms > now_ms && at_ms < *next_ms)
		*next_ms = at_ms;
}

/* What a profile says now; false: nothing. *next_ms: when it may say something else. */
static bool says(const struct profile *p, const struct connector *k, int64_t now_ms, double *ret_w, int64_t *next_ms)
{
	int64_t start_ms = p->start_ms ? p->start_ms : k->in_transaction ? k->started_ms : now_ms, since_ms;

	sooner(next_ms, p->from_ms, now_ms);
	sooner(next_ms, p->to_ms, now_ms);
	sooner(next_ms, start_ms, now_ms);
	if (now_ms < p->from_ms || now_ms >= p->to_ms || now_ms < start_ms)
		return false;
	since_ms = now_ms - start_ms;
	if (p->every_ms) {
		start_ms += since_ms / p->every_ms * p->every_ms;
		since_ms = now_ms - start_ms;
		sooner(next_ms, start_ms + p->every_ms, now_ms);
	}
	if (p->duration_ms)
		sooner(next_ms, start_ms + p->duration_ms, now_ms);
	if (p->duration_ms && since_ms >= p->duration_ms)
		return false;
	for (unsigned i = 0; i < p->n_periods; i++) {
		sooner(next_ms, start_ms + p->period[i].start_ms, now_ms);
		if (p->period[i].start_ms <= since_ms)
			*ret_w = p->period[i].limit_w;
	}
	return true;
}

double profiles_limit_w(const struct charger *c, const struct connector *k, int64_t *ret_next_ms)
{
	double limit_w[PURPOSES] = { INFINITY, INFINITY, INFINITY };
	int level[PURPOSES] = { -1, -1, -1 };

	*ret_next_ms = NEVER;
	for (unsigned i = 0; i < c->n_profiles; i++) {
		const struct profile *p = &c->profile[i];
		int rank = (p->level < LEVEL_MAX ? p->level : LEVEL_MAX) * 2 +
			   (p->connector != 0); /* the connector's own goes before the charger's */
		double w = INFINITY;

		if ((p->connector && p->connector != k->id) || (p->purpose == TX && p->transaction != k->transaction) ||
		    !says(p, k, c->now_ms, &w, ret_next_ms) || rank <= level[p->purpose])
			continue;
		level[p->purpose] = rank;
		limit_w[p->purpose] = w;
	}
	if (level[STATION_MAX] >= 0)
		limit_w[STATION_MAX] /= c->n_connectors;
	return fmin(limit_w[STATION_MAX], level[TX] >= 0 ? limit_w[TX] : limit_w[TX_DEFAULT]);
}
