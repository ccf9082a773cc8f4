/* Smart charging: what each charger was told that it may draw, and what is told next.
 *
 *   composite.c          what may be drawn by a set of profiles (pure)
 *   accepted_profiles.c  the profiles that a charger has accepted
 *   plan.c               a limit as profiles, in the ways that chargers are known to take it
 *   orders.c             SetLimit and ClearLimit, one after the other per charger
 *   abilities.c          what a charger takes
 *   closing.c            chargers that take limits of running sessions only
 *   limit_key.c          chargers that have a key of their configuration instead
 *   limit_services.c     how they are asked for
 *   told.c               what chargers say of limits and profiles by themselves
 *   cars.c               what cars say of themselves
 *   car_plan.c           a schedule for a car, among the limits of its charger
 *   schedule.c           GetSchedule */
#ifndef OCPP_LIMITS_H
#define OCPP_LIMITS_H

#include <plugins/ocpp/ocpp.h>
#include <plugins/ocpp/stations/commands.h>
#include "composite.h"

#define PROFILES_MAX 64 /* of one charger that are remembered */
#define PROFILE_PERIODS_MAX 1024
#define PROFILE_SCHEDULES_MAX 3
#define LIMIT_TENTHS_MAX INT64_C(1000000000000) /* greatest limit that is believed: 100 GW */
#define LIMIT_ORDERS_MAX 16                     /* SetLimit and ClearLimit of one charger that wait */
#define LIMIT_PERIODS_MAX 100                   /* of a SetLimit */
#define LIMIT_VALID_MAX_S 604800
#define LIMIT_CONNECTORS_MAX 100 /* of a charger that are summed up */
/* Profiles begin so long ago, as a charger's clock may be behind, and one that begins in its future has no effect. */
#define LIMIT_PAST_S 60

extern const struct gv_table ocpp_profiles;  /* device, connector, id -> Profile */
extern const struct gv_table ocpp_abilities; /* device -> Abilities */
extern const struct gv_table ocpp_limits;    /* device, number -> LimitOrder */
extern const struct gv_table ocpp_cars;      /* device, connector -> CarRow */
extern const struct gv_table ocpp_closings;  /* device, connector -> ClosedRow */

/* ---- accepted_profiles.c --------------------------------------------------------------------- */

/* Which profiles ClearChargingProfile means: the id alone, or what fits all the others that are given. */
struct profile_criteria {
	bool has_id, has_connector, has_purpose, has_level;
	int64_t id, level;
	uint32_t connector;
	Ocpp__Profile__Purpose purpose;
};

/* The charger has it now; since now, unless p->set_at_ms says otherwise. `level_replaces`: also in place of one of the
 * same purpose and stack level (1.6, 3.13.2). */
int profiles_put(struct gv_turn *t, const char *device, uint32_t connector, const Ocpp__Profile *p,
		 bool level_replaces);
/* The charger has none of these any more. */
int profiles_clear(struct gv_turn *t, const char *device, const struct profile_criteria *c);
/* A transaction has ended, and its profiles with it. */
int profiles_ended(struct gv_turn *t, const char *device, uint32_t connector, const char *transaction);
/* All of a charger, in the turn's memory. */
size_t profiles_list(struct gv_turn *t, const char *device, struct composite_profile **ret);
/* A call that people or we made was accepted: what it did to the charger's profiles. */
int profiles_called(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Command *row,
		    const struct outcome *out);
/* The protocol's own name of a transaction, as profiles have it. */
const char *profiles_transaction(struct gv_turn *t, const Ocpp__Transaction *x);

/* ---- plan.c ---------------------------------------------------------------------------------- */

/* What a charger does not take: bits 1 << purpose, and these. */
enum {
	REFUSED_LEVELS = 1 << 8, /* a stack level but 0 */
	REFUSED_ALL = 1 << 9
};

enum plan_kind { PLAN_NOTHING, PLAN_SET, PLAN_CLEAR };
struct plan {
	enum plan_kind kind;
	bool limit; /* SET: this is the limit itself, and not what it falls back to */
	uint32_t connector;
	const Ocpp__Profile *profile; /* SET */
	int64_t id;                   /* CLEAR */
	bool blocked; /* NOTHING: the charger might take it, but for another limit, for its form, or as nothing runs */
};
struct plan_ask {
	const char *device;
	const Ocpp__LimitOrder *order;
	const Ocpp__Abilities *abilities;
	const struct composite_profile *profiles; /* that the charger has */
	size_t n_profiles;
	uint32_t connectors;     /* that it has */
	const char *transaction; /* that runs on the order's connector; NULL: none */
	uint32_t voltage_v;
	bool level_replaces;
};
/* What to send next in the attempt that order->attempt numbers; attempts that this charger is known to refuse are
 * passed over: *ret_attempt. PLAN_NOTHING: nothing is left to be done, or, unless order->done, to be tried. */
void plan_set(struct gv_turn *t, const struct plan_ask *ask, struct plan *ret, uint32_t *ret_attempt);
/* What of a limit that was set there is still to be cleared. */
void plan_clear(const struct plan_ask *ask, struct plan *ret);
/* `refused` with what the refusal of this attempt tells of the charger; to be believed when a later one is accepted. */
uint32_t plan_refused(const struct plan_ask *ask, uint32_t refused);
/* The ids of a limit's profile and of that which it falls back to. */
int64_t plan_id(const Ocpp__LimitOrder *order, bool limit);
/* Of some SetLimit. */
bool plan_is_ours(int64_t id);

/* ---- closing.c ------------------------------------------------------------------------------- */

/* SetLimit has closed the connector (0: any), or may have. */
bool closing_stands(struct gv_turn *t, const char *device, uint32_t connector);

/* ---- orders.c -------------------------------------------------------------------------------- */

conclude_fn limits_concluded;
/* A charger has come: what waits for it goes on. */
int limits_opened(struct ocpp *o, struct gv_turn *t, const struct station *st);
/* A charger has booted: with another firmware, what it could not do is asked anew. */
int limits_booted(struct gv_turn *t, const char *device, const char *firmware);
/* A transaction has begun with this profile, or the one that ran on its connector has ended. */
int limits_began(struct gv_turn *t, const char *device, const Ocpp__Profile *p, const Ocpp__Transaction *x);
int limits_ended(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Transaction *x);
/* Its device was deleted: whoever waits is told. */
int limits_forget(struct gv_turn *t, const char *device);
int limits_restore(struct ocpp *o, struct gv_turn *t);

/* Behind those of this charger that wait, in place of one for the same connector and session. It has a ticket, or none
 * where nobody waits for it. -ENOSPC: for a car, and too many wait. */
int limits_enqueue(struct ocpp *o, struct gv_turn *t, const char *device, Ocpp__LimitOrder *order);
/* What is known of a charger; never NULL. */
const Ocpp__Abilities *limits_abilities(struct gv_turn *t, const char *device);

/* ---- limit_services.c ------------------------------------------------------------------------ */

int limits_set(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const Charging__SetLimitRequest *r);
int limits_clear(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const Charging__ClearLimitRequest *r);

/* ---- told.c ---------------------------------------------------------------------------------- */

/* Tells as a StationNotified that a charger said this by itself. */
int limits_tell(struct ocpp *o, struct gv_turn *t, struct inbound *in, const char *status, const char *detail);
/* Somebody else limits a connector (0: the charger), or does so no more. Without schedules it is only known that there
 * is a limit. `source`: EMS, SO, Other; CSO is ourselves. */
struct said_limit {
	const char *source;
	uint32_t connector;
	bool has_connector, critical;
	Ocpp__ProfileSchedule **schedules;
	size_t n_schedules;
};
int told_limit(struct ocpp *o, struct gv_turn *t, struct inbound *in, const struct said_limit *said);
int told_limit_cleared(struct ocpp *o, struct gv_turn *t, struct inbound *in, const struct said_limit *said);

/* Some of its profiles, in answer to a request. */
struct said_profiles {
	int64_t request_id;
	uint32_t connector;
	const char *source;
	Ocpp__Profile **profiles;
	size_t n_profiles;
	bool more; /* others follow */
};
int told_profiles(struct ocpp *o, struct gv_turn *t, struct inbound *in, const struct said_profiles *said);
/* It was asked for all of them: those that it does not name are gone. `none`: it has none at all. */
int told_profiles_asked(struct gv_turn *t, const char *device, int64_t request_id, bool none);

/* ---- car_plan.c ------------------------------------------------------------------------------ */

#define CAR_TIMER "car " /* and the device */
int car_due(struct ocpp *o, struct gv_turn *t, const char *device);

/* ---- cars.c ---------------------------------------------------------------------------------- */

enum needs_answer {
	NEEDS_SCHEDULED, /* a schedule for the car is on its way */
	NEEDS_PENDING,   /* whoever limits the connector has been told, and sets the limits that it follows */
	NEEDS_REFUSED    /* the car charges within what stands */
};
/* What a car needs; `problem`: why that cannot be, or NULL. ret_why: of REFUSED, in one word. */
int told_needs(struct ocpp *o, struct gv_turn *t, struct inbound *in, uint32_t connector, Charging__VehicleNeeds *needs,
	       const char *problem, enum needs_answer *ret, const char **ret_why);
/* What a car means to draw. ret_problem: where that is more than it may; NULL: nowhere. */
int told_schedule(struct ocpp *o, struct gv_turn *t, struct inbound *in, uint32_t connector,
		  const Ocpp__ProfileSchedule *schedule, const char **ret_problem);

/* ---- schedule.c ------------------------------------------------------------------------------ */

conclude_fn schedule_concluded;
/* What may be drawn there by what the charger has accepted, in the turn's memory: their number. See composite.h. */
size_t schedule_spans(struct ocpp *o, struct gv_turn *t, const char *device, uint32_t connector, uint32_t duration_s,
		      bool power, int64_t start_ms, struct composite_span **ret);
int schedule_get(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const Charging__GetScheduleRequest *r);

#endif
