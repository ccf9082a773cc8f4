/* What the files of energy share: its tables, its state, and a site's round. */
#ifndef ENERGY_H
#define ENERGY_H

#include "grant.h"
#include "limits.h"
#include "share.h"

#include <galvan/charging.pb-c.h>
#include <galvan/energy.pb-c.h>
#include <galvan/plugin.h>
#include <lib/zones.h>
#include <galvan/registry.pb-c.h>

#define ENERGY_POINTS_MAX 2000    /* connectors of a site; what is beyond is told nothing, and reserved for */
#define ENERGY_UNDECLARED_MAX 8   /* connectors of a device of which the registry declares none */
#define ENERGY_GRID_LIMITS_MAX 50 /* of a site */
#define ENERGY_MINIMUM_MA 6000    /* where the site does not say: the least that IEC 61851-1 can signal */
#define ENERGY_SLICE_S 900        /* likewise */
#define ENERGY_PAGE_DEFAULT 1000
#define ENERGY_PAGE_MAX 10000

struct energy {
	int64_t valid_ms, answer_ms, late_ms, drift_ms, interval_ms, retry_ms, low_ms;
	int64_t ahead_ms; /* for so long what is told now may hold, whatever happens */
	int64_t hysteresis_ma, assumed_ma;
	struct gv_zones zones;
};

extern const struct gv_table energy_sites;   /* id -> SiteRow */
extern const struct gv_table energy_devices; /* device -> DeviceRow */
extern const struct gv_table energy_members; /* site, device -> Member */
extern const struct gv_table energy_points;  /* device, connector -> PointRow */

/* ---- round.c: a site as it stands ------------------------------------------------------------ */

/* A connector. Its row is a copy: to change it, change the copy and set `changed`. */
struct point {
	const char *device;
	uint32_t connector;
	Energy__PointRow row;
	bool changed;
	struct share_claim claim; /* phases, group, weight and minimum are always set */
	uint32_t n_phases;        /* 0: not known, or all */
	int64_t max_ma;           /* that the connector can give */
	int64_t held_ma;          /* the most that it may draw now, by all that it may have been told */
	int64_t lasting_ma;       /* the most that it falls back to */
	int64_t allowance_ma;     /* what it may draw now by the last that it accepted */
	bool lost;  /* has not accepted the last limit: it is given nothing more before it accepts a probe */
	bool waits; /* for a cheaper hour */
	bool opens; /* no session, and a charger that takes limits of sessions only: it wants all that it can draw */
	int64_t target_ma;
};

struct round {
	struct energy *e;
	struct gv_turn *t;
	int64_t now_ms, next_ms; /* next: when the site must be looked at again, INT64_MAX: not by itself */
	const char *site;
	const Energy__SiteRow *row;
	struct point *points;
	size_t n_points;
	size_t n_bounds;
	int64_t bound_ma[SHARE_BOUNDS_MAX]; /* the limits */
	int64_t floor_ma[SHARE_PHASES];
	size_t n_unlisted; /* connectors beyond ENERGY_POINTS_MAX: what they hold and fall back to is nobody else's */
	int64_t unlisted_ma[SHARE_BOUNDS_MAX];
	int64_t unlisted_lasting_ma[SHARE_PHASES];
};

/* False: the site is not managed. */
bool round_load(struct round *r, struct energy *e, struct gv_turn *t, const char *site);
/* Writes the points that were changed, and sets the timer of the site. */
int round_store(struct round *r);
/* Looks at a site, and does what is to be done now. */
int round_run(struct energy *e, struct gv_turn *t, const char *site);
/* The same for the site of a device, if that is managed. */
int round_of_device(struct energy *e, struct gv_turn *t, const char *device);
/* `at_ms` is one more time to look at the site. */
void round_wake(struct round *r, int64_t at_ms);
/* bound_ma less what all connectors hold. */
void round_free(const struct round *r, int64_t ret_ma[SHARE_BOUNDS_MAX]);

/* ---- balance.c, dispatch.c: the parts of a round --------------------------------------------- */

/* Whether a connector may be open without a limit, if nobody else had anything. */
bool balance_could_open(const struct round *r, const struct point *p);
/* Who should have how much: target_ma, and whose turn it is. */
void balance(struct round *r);
/* Tells those what they should have for whom it is time and room. */
void dispatch(struct round *r);

/* ---- commands.c: SetLimit and its answers ---------------------------------------------------- */

void command_send(struct round *r, struct point *p, int64_t limit_ma, int64_t fallback_ma);
/* Takes its limit away: all that it can draw is reserved for it. */
void command_open(struct round *r, struct point *p);
/* What was never answered is a failure. */
void command_overdue(struct round *r, struct point *p);
int command_answered(struct energy *e, struct gv_turn *t, const struct gv_answer *a);
/* Takes away the limit of a connector that is managed no more, where it may have one. */
void command_clear(struct energy *e, struct gv_turn *t, const char *device, uint32_t connector,
		   const Energy__PointRow *row);
/* The same for all connectors of a device: each is then as one that never had a limit. */
int command_release(struct energy *e, struct gv_turn *t, const char *device);

/* ---- tell.c: what others see ----------------------------------------------------------------- */

Energy__Allocation *tell_allocation(struct round *r, const struct point *p);
Energy__SiteState *tell_state(struct round *r);
/* Emits what has changed since it was last told. */
void tell_changes(struct round *r);

/* ---- points.c: which connectors count -------------------------------------------------------- */

bool points_declared(const Energy__DeviceRow *d, uint32_t connector);
/* The row of a connector that is heard of, a new one if there is none yet. False: it does not count, which is counted
 * and said once of each device. */
bool points_take(struct gv_turn *t, const char *device, uint32_t connector, Energy__PointRow *ret_row);
/* Drops the rows of those that do not count any more, and their limits; all of them if `d` is NULL. `declared`: the
 * device declared some before. */
void points_forget(struct energy *e, struct gv_turn *t, const char *device, const Energy__DeviceRow *d, bool declared);

/* ---- sessions.c, devices.c: what is heard ---------------------------------------------------- */

int sessions_started(struct energy *e, struct gv_turn *t, const Charging__SessionStarted *m);
int sessions_metered(struct energy *e, struct gv_turn *t, const Charging__SessionMetered *m);
int sessions_ended(struct energy *e, struct gv_turn *t, const Charging__SessionEnded *m);
int sessions_status(struct energy *e, struct gv_turn *t, const Charging__ConnectorStatusChanged *m);
int sessions_vehicle(struct energy *e, struct gv_turn *t, const Charging__VehicleNeedsChanged *m);
int sessions_needs(struct energy *e, struct gv_turn *t, struct gv_ticket to, const Energy__SetNeedsRequest *r);

int devices_changed(struct energy *e, struct gv_turn *t, const Registry__DeviceChanged *m);
const struct gv_zone *devices_zone(struct energy *e, struct gv_turn *t, const char *name);
void devices_stop(struct energy *e);

/* ---- sites.c --------------------------------------------------------------------------------- */

/* Puts a site as PutSite does. NULL, or a sentence that says what is wrong: then nothing was stored. */
const char *sites_store(struct energy *e, struct gv_turn *t, const Energy__Site *site);

extern const struct gv_method energy_methods[];

#endif
