/* Charging profiles as the versions write them. 1.6 and 2.0.1 differ in names more than in shape, so that a version is
 * a handful of words. */
#ifndef OCPP_EDGE_PROFILES_H
#define OCPP_EDGE_PROFILES_H

#include <plugins/ocpp/limits/limits.h>

struct edge_profiles {
	/* The calls that set, clear and report profiles, and ask for a schedule of all; report NULL: the version has
	 * none. */
	const char *set_call, *clear_call, *report_call, *schedule_call;
	const char *connector;   /* "connectorId" */
	const char *profile;     /* of SetChargingProfile: "csChargingProfiles" */
	const char *id;          /* "chargingProfileId" */
	const char *clear_id;    /* of ClearChargingProfile: "id" */
	const char *criteria;    /* of ClearChargingProfile: what holds all but the id; NULL: they stand beside it */
	const char *schedule;    /* of GetCompositeSchedule's answer */
	const char *purposes[4]; /* in the order of Profile.Purpose; NULL: the version has none */
	bool lists;              /* schedules are a list, each with an id; a transaction is named by a text */
	/* A profile of the same connector, purpose and stack level is replaced, whatever its id. */
	bool level_replaces;
	/* What is asked of a charger to know its abilities, and what its answer says of them. */
	int (*ask_abilities)(struct gv_turn *t, struct command *ret);
	void (*read_abilities)(struct gv_turn *t, const struct cJSON *payload, Ocpp__Abilities *ret);
};

/* versions.c: as those write them who ask galvan for a session, whatever version the charger speaks. */
extern const struct edge_profiles *const profiles_asked;

/* What a call does to profiles. */
enum profile_call { PROFILE_CALL_NONE, PROFILE_CALL_SET, PROFILE_CALL_CLEAR, PROFILE_CALL_REPORT };
enum profile_call profiles_call(const struct edge_profiles *v, const char *action);

/* To be deleted. */
struct cJSON *profiles_write(const struct edge_profiles *v, const Ocpp__Profile *p);
int profiles_order_set(struct gv_turn *t, const struct edge_profiles *v, uint32_t connector, const Ocpp__Profile *p,
		       struct command *ret);
int profiles_order_clear(struct gv_turn *t, const struct edge_profiles *v, int64_t id, struct command *ret);
int profiles_order_schedule(struct gv_turn *t, const struct edge_profiles *v, uint32_t connector, uint32_t duration_s,
			    bool power, struct command *ret);

/* Readers take what was validated, in the turn's memory. NULL: it holds what cannot be reckoned with. */
Ocpp__Profile *profiles_read(struct gv_turn *t, const struct edge_profiles *v, const struct cJSON *profile);
Ocpp__ProfileSchedule *profiles_read_schedule(struct gv_turn *t, const struct cJSON *schedule);
uint32_t profiles_read_connector(const struct edge_profiles *v, const struct cJSON *payload);
void profiles_read_clear(const struct edge_profiles *v, const struct cJSON *payload, struct profile_criteria *ret);

/* Settings of a charger as text. True where it is a number that can be a count. */
bool profiles_read_count(const char *text, uint32_t *ret);
/* A list of units: Current and Power, as 1.6 has them, or A and W, as 2.0.1 and some chargers of 1.6 do. */
void profiles_read_units(const char *text, Ocpp__Abilities *ret);

/* GetCompositeSchedule's answer. */
struct said_schedule {
	int64_t start_ms; /* 0: not said */
	uint32_t duration_s;
	Ocpp__ProfileSchedule *schedule; /* NULL: none */
};
void profiles_read_composite(struct gv_turn *t, const struct edge_profiles *v, const struct cJSON *payload,
			     struct said_schedule *ret);

#endif
