/* What may be drawn, reckoned from charging profiles: OCPP's composite schedule. Pure functions. */
#ifndef OCPP_COMPOSITE_H
#define OCPP_COMPOSITE_H

#include <galvan/ocpp.pb-c.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COMPOSITE_SPANS_MAX 1024  /* of one schedule: as many periods as OCPP 2.0.1 allows one */
#define COMPOSITE_STEPS_MAX 20000 /* instants looked at for one schedule */
#define COMPOSITE_PHASES 3        /* where nothing says how many (1.6, 7.14: numberPhases) */
#define COMPOSITE_UNLIMITED INT64_MAX

struct composite_profile {
	uint32_t connector;           /* that it was set for; 0: the station */
	const Ocpp__Profile *profile; /* each schedule's periods in the order of their starts */
};
struct composite_connector {
	uint32_t id;             /* from 1 */
	const char *transaction; /* that runs there, by the protocol's own id; NULL: none */
	int64_t started_ms;      /* when it began */
};
struct composite_ask {
	const struct composite_profile *profiles;
	size_t n_profiles;
	/* One: its schedule. The station's is asked for with `station` set and all of its connectors. */
	const struct composite_connector *connectors;
	size_t n_connectors;
	bool station;
	int64_t start_ms;
	uint32_t duration_s;
	bool power;         /* in W of all phases together instead of A per phase */
	uint32_t voltage_v; /* nominal, between a phase and neutral; not 0 */
};
/* From start_s on, seconds after the ask's start_ms, up to the next one's. */
struct composite_span {
	uint32_t start_s;
	int64_t limit_tenths; /* of A or W; COMPOSITE_UNLIMITED */
	uint32_t phases;      /* 0: nothing says */
};

/* The rules, after 1.6 3.13 and 2.0.1 K01:
 *
 * - At each instant and for each purpose the profile with the greatest stack level among those whose schedule covers
 *   the instant prevails; gaps fall to the next lower. Of equal levels the connector's own goes before the station's,
 *   and the one set last before the others.
 * - The limit is the least of what the purposes say: of others' constraints, of the station's maximum, and of the
 *   transaction, for which TxProfile goes before TxDefaultProfile.
 * - Units are converted with the nominal voltage and the least number of phases that a prevailing period names; what is
 *   left of a division is dropped, so that a limit is never exceeded.
 * - A station's limit is besides no more than the sum of its connectors', where each of them is limited.
 * - Daily is 24 hours, Weekly 7 days, from startSchedule on and not before it. A Relative schedule, and one without a
 *   startSchedule, begins with the transaction, or at start_ms where none runs; of the station's purposes, when it was
 *   set.
 *
 * Seconds are looked at one by one, as it were: each span says what holds at its first and up to its last second. Equal
 * neighbours are one span. The first begins at 0. Returns their number, at least 1, and at most `max`: what comes
 * behind that is left out, and *ret_until_s (never NULL) less than the asked duration. */
size_t composite(const struct composite_ask *ask, struct composite_span *ret, size_t max, uint32_t *ret_until_s);

/* A limit in another unit, tenths both. `phases` 0: COMPOSITE_PHASES. */
int64_t composite_convert(int64_t limit_tenths, bool from_power, bool to_power, uint32_t voltage_v, uint32_t phases);

#define COMPOSITE_SLACK_S 5 /* in which clocks and the beginnings of transactions may differ */

/* True where two schedules differ by more than one decimal, or in the phases that both name, for longer than
 * COMPOSITE_SLACK_S. Where ours has no limit, the charger's own maximum is right, whatever it is. */
bool composite_differs(const struct composite_span *ours, size_t n_ours, const struct composite_span *theirs,
		       size_t n_theirs, uint32_t duration_s);

#endif
