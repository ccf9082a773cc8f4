/* Charging profiles in few words, for the tests of what is reckoned from them. */
#ifndef TEST_OCPP_PROFILES_H
#define TEST_OCPP_PROFILES_H

#include <plugins/ocpp/limits/composite.h>

#define S INT64_C(1000)
#define MINUTE (60 * S)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define MIDNIGHT INT64_C(1736899200000) /* 2025-01-15T00:00:00Z, a Wednesday */

#define PROFILES_MAX 16
#define PERIODS_MAX 8

#define STATION OCPP__PROFILE__PURPOSE__STATION_MAX
#define DEFAULT OCPP__PROFILE__PURPOSE__TX_DEFAULT
#define TX OCPP__PROFILE__PURPOSE__TX
#define EXTERNAL OCPP__PROFILE__PURPOSE__EXTERNAL

struct made {
	Ocpp__Profile profile;
	Ocpp__ProfileSchedule schedule, *schedules[1];
	Ocpp__ProfilePeriod period[PERIODS_MAX], *periods[PERIODS_MAX];
};
/* A set of profiles, with what is asked of it. Static in each test file: Criterion runs each test in a process of its
 * own. */
struct bench {
	struct made made[PROFILES_MAX];
	struct composite_profile list[PROFILES_MAX];
	size_t n;
	struct composite_connector connectors[4];
	struct composite_ask ask;
};

/* An absolute profile from `start_ms` on without an end, in A; change it as the test needs. */
static inline struct made *profile(struct bench *b, uint32_t connector, Ocpp__Profile__Purpose purpose, int level,
				   int64_t start_ms)
{
	struct made *m = &b->made[b->n];

	ocpp__profile__init(&m->profile);
	ocpp__profile_schedule__init(&m->schedule);
	m->profile.id = (int64_t)b->n + 1;
	m->profile.purpose = purpose;
	m->profile.stack_level = level;
	m->profile.n_schedules = 1;
	m->profile.schedules = m->schedules;
	m->schedules[0] = &m->schedule;
	m->schedule.start_ms = start_ms;
	m->schedule.periods = m->periods;
	b->list[b->n].connector = connector;
	b->list[b->n].profile = &m->profile;
	b->n++;
	return m;
}

/* From so many seconds after its start on, so many tenths. */
static inline struct made *period(struct made *m, uint32_t start_s, int64_t tenths, uint32_t phases)
{
	size_t i = m->schedule.n_periods++;

	ocpp__profile_period__init(&m->period[i]);
	m->period[i].start_s = start_s;
	m->period[i].limit_tenths = tenths;
	m->period[i].phases = phases;
	m->periods[i] = &m->period[i];
	return m;
}

static inline struct made *lasting(struct made *m, uint32_t duration_s)
{
	m->schedule.bounded = true;
	m->schedule.duration_s = duration_s;
	return m;
}

/* Connector 1, in A, at 230 V, from `start_ms` on. */
static inline struct composite_ask *asking(struct bench *b, int64_t start_ms, uint32_t duration_s)
{
	b->connectors[0].id = 1;
	b->ask.profiles = b->list;
	b->ask.n_profiles = b->n;
	b->ask.connectors = b->connectors;
	b->ask.n_connectors = 1;
	b->ask.start_ms = start_ms;
	b->ask.duration_s = duration_s;
	b->ask.voltage_v = 230;
	return &b->ask;
}

#endif
