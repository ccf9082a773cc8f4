/* Campaigns: rows, and each device in one as an assignment with one state. docs/adr/0025. */
#ifndef OTA_CAMPAIGNS_H
#define OTA_CAMPAIGNS_H

#include "../fleet/fleet.h"
#include "../ota.h"
#include "paths.h"

#include <galvan/charging.pb-c.h>

#define CAMPAIGNS_MAX 1000
#define PLANNED_AT_ONCE 500  /* assignments that are made in one turn */
#define EXAMINED_AT_ONCE 200 /* devices that one turn of a campaign tries */
#define SWEPT_AT_ONCE 500    /* that one turn takes out of a campaign that ends */

#define IN_FLIGHT_DEFAULT 20
#define PER_SITE_DEFAULT 1
#define SILENT_DEFAULT_S 86400
#define RETRY_AFTER_DEFAULT_S 3600
#define PROBATION_DEFAULT_S 600
#define SUCCESS_PERCENT_DEFAULT 95
#define INSTALL_DEFAULT_S 600
#define DOWNLOAD_MS INT64_C(600000)  /* that a lease allows for the file to come, at first */
#define SITE_RETRY_MS INT64_C(60000) /* a site that has its number under way is looked at again */
#define RENEW_MS INT64_C(120000)     /* before its end a lease is renewed */
#define INSTALL_TIMEOUT_MS INT64_C(300000)
#define CALL_TIMEOUT_MS INT64_C(60000) /* of other calls to devices' plugins */

/* Short names of long ones. */
#define CAMPAIGN(state) OTA__CAMPAIGN_STATE__CAMPAIGN_STATE_##state
#define ASSIGNMENT(state) OTA__ASSIGNMENT_STATE__ASSIGNMENT_STATE_##state
#define STEP(step) UPDATE__STEP__STEP_##step

/* ---- campaign.c: rows ------------------------------------------------------------------------ */

const Ota__Campaign *campaign_get(struct gv_turn *t, const char *id);
Ota__Campaign *campaign_edit(struct gv_turn *t, const char *id);
Ota__CampaignWork *campaign_work(struct gv_turn *t, const char *id);
/* As people see it, with its counts. */
Ota__Campaign *campaign_show(struct gv_turn *t, const Ota__Campaign *c);
/* Its numbers, with what stands for 0 put in. */
uint32_t campaign_in_flight(const Ota__Campaign *c);
int64_t campaign_silent_ms(const Ota__Campaign *c);
int64_t campaign_retry_ms(const Ota__Campaign *c);
int64_t campaign_probation_ms(const Ota__Campaign *c);
/* Says why, to the world and the audit. */
void campaign_enter(struct gv_turn *t, const char *id, Ota__CampaignState state, const char *by, const char *reason);
/* Looks at it soon. */
void campaign_wake(struct gv_turn *t, const char *id);
void campaign_wake_at(struct gv_turn *t, const char *id, int64_t at_ms);
extern gv_method_fn campaign_put, campaign_find, campaign_list, campaign_approve, campaign_start, campaign_pause,
	campaign_resume, campaign_abort;

/* ---- preview.c, plan.c ----------------------------------------------------------------------- */

gv_method_fn campaign_preview;
/* How many devices the target chooses now; -1: *ret_problem says what is wrong with it, or the fleet is still being
 * read
 * ("" then). */
int64_t preview_count(struct ota *o, struct gv_turn *t, const Ota__Target *target, const char **ret_problem);
/* Makes the next assignments of a campaign that has started. */
void plan_step(struct ota *o, struct gv_turn *t, const char *id);

/* ---- decide.c: a campaign as it stands (timer "campaign:ID") --------------------------------- */

int decide(struct ota *o, struct gv_turn *t, const char *id);
/* An outcome of a device that had been leased: phases and the test on failures. */
void decide_outcome(struct ota *o, struct gv_turn *t, const char *id, bool failed, const char *why);

/* ---- assignment.c: one device in one campaign ------------------------------------------------ */

struct assignment {
	struct ota *o;
	struct gv_turn *t;
	const char *campaign, *device;
	Ota__Assignment *row;   /* to change in place */
	Ota__AssignmentWork *w; /* likewise */
};
/* False: there is none. */
bool assignment_load(struct assignment *a, struct ota *o, struct gv_turn *t, const char *campaign, const char *device);
/* The one that has the device; false: none. */
bool assignment_of_device(struct assignment *a, struct ota *o, struct gv_turn *t, const char *device);
void assignment_make(struct ota *o, struct gv_turn *t, const char *campaign, const char *device,
		     const struct choice *choice);
/* Counts, and tells. */
void assignment_enter(struct assignment *a, Ota__AssignmentState state, const char *reason);
/* Waits until then, for a reason. */
void assignment_wait(struct assignment *a, int64_t at_ms, const char *reason);
void assignment_unqueue(struct assignment *a);
/* Takes the device for an attempt: its number, its places. */
void assignment_occupy(struct assignment *a);
/* Gives up its place at its site: it is in service again. */
void assignment_vacate(struct assignment *a);
/* Ends the attempt, and the lease. */
void assignment_release(struct assignment *a);
/* ---- outcomes: the attempt is over */
void assignment_succeeded(struct assignment *a);
void assignment_failed(struct assignment *a, const char *reason);
/* The same device again after a while, or failed if that was too often. */
void assignment_retry(struct assignment *a, const char *reason);
/* Back to waiting, as if it had not been tried: something came in between that is nobody's fault. */
void assignment_postpone(struct assignment *a, int64_t at_ms, const char *reason);
const Ota__Artifact *assignment_artifact(const struct assignment *a);

/* ---- begin.c: the gate ----------------------------------------------------------------------- */

/* Tries a device that is due: it is leased, or waits for a reason. */
void begin(struct assignment *a, const Ota__Campaign *c, const struct paths *paths);

/* ---- drive.c: calls to the device's plugin, and their answers -------------------------------- */

void drive_lease(struct assignment *a);
/* Hands it over, under the lease that stands. */
void drive_install(struct assignment *a);
/* Whether its campaign gives devices work now. */
bool drive_offers(const Ota__Campaign *c, const struct assignment *a);
void drive_end_lease(struct assignment *a);
void drive_cancel(struct assignment *a);
void drive_ask(struct assignment *a);
int drive_answered(struct ota *o, struct gv_turn *t, const struct gv_answer *answer);
/* Takes back what devices have not begun to install. */
void drive_take_back(struct ota *o, struct gv_turn *t, const char *campaign);

/* ---- hear.c: what devices say ---------------------------------------------------------------- */

void hear_progress(struct assignment *a, const Update__Progress *p);
/* What the plugin says that it had heard: no sign of life where it is known already. */
void hear_told(struct assignment *a, const Update__Progress *p);
void hear_identity(struct assignment *a, const Update__Identity *i);
/* It runs with what it was given: on probation, or on to the next version of its way. */
void hear_booted(struct assignment *a);
int hear_progressed(struct ota *o, struct gv_turn *t, const Update__UpdateProgressed *m);
int hear_identified(struct ota *o, struct gv_turn *t, const Update__DeviceIdentified *m);
int hear_rental(struct ota *o, struct gv_turn *t, const char *device, bool failed);
int hear_session(struct ota *o, struct gv_turn *t, const Charging__SessionEnded *m);

/* ---- watch.c: clocks (timer "device:ID") ----------------------------------------------------- */

/* Sets the device's clock to what is next. */
void watch_set(struct assignment *a);
int watch_due(struct ota *o, struct gv_turn *t, const char *device);
/* What a device's plugin knows, held against the clocks. NULL: it could not say. */
void watch_answered(struct assignment *a, const Update__GetUpdateStateReply *r);
/* After a start: whoever is under way is asked for, not told again. */
void watch_start(struct gv_turn *t);

/* ---- lists.c --------------------------------------------------------------------------------- */

gv_method_fn assignment_list;

#endif
