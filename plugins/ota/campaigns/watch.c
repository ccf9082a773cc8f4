/* A device's clocks: its lease is renewed, its silence counted, and on probation it is asked for. */
#include "campaigns.h"
#include "../repository/repository.h"

#include <string.h>

#define BOOT_MS INT64_C(300000) /* beyond the time that the artifact names, from its word that it has installed */
#define PROBATION_LOOKS 4       /* how often it is asked for, while it is on probation */

static int64_t boot_ms(const struct assignment *a)
{
	const Ota__Artifact *artifact = assignment_artifact(a);
	const Ota__Installation *i = artifact ? artifact->install : NULL;

	return (int64_t)(i && i->seconds ? i->seconds : INSTALL_DEFAULT_S) * 1000 + BOOT_MS;
}

static int64_t silent_at_ms(const struct assignment *a)
{
	return a->w->heard_at_ms + campaign_silent_ms(campaign_get(a->t, a->campaign));
}

static int64_t look_ms(const struct assignment *a)
{
	int64_t ms = campaign_probation_ms(campaign_get(a->t, a->campaign)) / PROBATION_LOOKS;

	return ms > 1000 ? ms : 1000;
}

static bool enough_sessions(const struct assignment *a)
{
	const Ota__Campaign *c = campaign_get(a->t, a->campaign);

	return a->w->sessions_well >= c->probation_sessions ||
	       gv_now_ms(a->t) >= a->w->probation_at_ms + campaign_silent_ms(c);
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

void watch_set(struct assignment *a)
{
	int64_t now_ms = gv_now_ms(a->t), at_ms;
	Ota__AssignmentNote note = OTA__ASSIGNMENT_NOTE__INIT;

	if (a->row->state == ASSIGNMENT(PROBATION)) {
		at_ms = now_ms + look_ms(a);
	} else if (a->row->state == ASSIGNMENT(UNDER_WAY)) {
		at_ms = least(silent_at_ms(a), a->w->lease_until_ms - RENEW_MS);
		if (a->w->claimed_at_ms)
			at_ms = least(at_ms, a->w->claimed_at_ms + boot_ms(a));
		if (a->w->unsure)
			at_ms = least(at_ms, a->w->offered_at_ms + campaign_retry_ms(campaign_get(a->t, a->campaign)));
		at_ms = at_ms > now_ms ? at_ms : now_ms + CALL_TIMEOUT_MS;
	} else {
		return;
	}
	note.device = (char *)a->device;
	note.campaign = (char *)a->campaign;
	gv_timer(a->t, gv_str(a->t, "device:%s", a->device), at_ms, &note);
}

int watch_due(struct ota *o, struct gv_turn *t, const char *device)
{
	struct assignment a;

	if (!assignment_of_device(&a, o, t, device))
		return 0;
	if (a.row->state == ASSIGNMENT(UNDER_WAY) && a.w->lease_until_ms - RENEW_MS <= gv_now_ms(t) &&
	    gv_now_ms(t) < silent_at_ms(&a))
		drive_lease(&a);
	if (a.row->state == ASSIGNMENT(UNDER_WAY) || a.row->state == ASSIGNMENT(PROBATION))
		drive_ask(&a);
	watch_set(&a);
	return 0;
}

/* ---- what it is asked for -------------------------------------------------------------------- */

static void on_probation(struct assignment *a, const Update__GetUpdateStateReply *r)
{
	const Ota__Campaign *c = campaign_get(a->t, a->campaign);
	int64_t over_ms = a->w->probation_at_ms + campaign_probation_ms(c);
	bool there = !r ? a->w->agent
			: r->hindrance != UPDATE__HINDRANCE__HINDRANCE_OFFLINE &&
				     r->hindrance != UPDATE__HINDRANCE__HINDRANCE_UNKNOWN;

	if (there)
		a->w->heard_at_ms = gv_now_ms(a->t);
	if (there && gv_now_ms(a->t) >= over_ms && enough_sessions(a))
		assignment_succeeded(a);
	else if (!there && gv_now_ms(a->t) >= silent_at_ms(a))
		assignment_failed(a, gv_str(a->t, "it is gone since it booted with %s", a->row->to_version));
}

/* Install was refused: by the device, or because the lease had ended. */
static void after_refusal(struct assignment *a, const Update__GetUpdateStateReply *r)
{
	const char *id = gv_str(a->t, "u%llu", (unsigned long long)a->w->number);

	if (r && r->lease && !strcmp(r->lease->id, id))
		assignment_failed(a, gv_str(a->t, "refused: %.150s", a->w->refusal));
	else
		assignment_postpone(a, gv_now_ms(a->t) + a->o->retry_ms, a->w->refusal);
}

/* It is not known whether Install has reached the device: it may be installing, and so its lease stays. Where nothing
 * is heard of it, it is told the same once more while it may be tried again; after that its silence is counted. */
static void after_doubt(struct assignment *a)
{
	const Ota__Campaign *c = campaign_get(a->t, a->campaign);

	if (a->row->state == ASSIGNMENT(OFFERED)) {
		assignment_enter(a, ASSIGNMENT(UNDER_WAY),
				 gv_str(a->t, "maybe it was not reached: %s", a->row->reason));
		watch_set(a);
	} else if (a->row->tries < c->retries && drive_offers(c, a) &&
		   gv_now_ms(a->t) >= a->w->offered_at_ms + campaign_retry_ms(c)) {
		a->row->tries++;
		a->w->unsure = false;
		drive_install(a);
	}
}

static void clocks(struct assignment *a)
{
	if (a->row->state != ASSIGNMENT(UNDER_WAY))
		return;
	if (a->w->claimed_at_ms && gv_now_ms(a->t) >= a->w->claimed_at_ms + boot_ms(a)) {
		const Ota__DeviceRow *row = device_get(a->t, a->device);

		assignment_failed(a, gv_str(a->t, "it says that it has installed %s, and runs %s", a->row->to_version,
					    row && row->identity && *row->identity->version ? row->identity->version
											    : "what it does not say"));
	} else if (gv_now_ms(a->t) >= silent_at_ms(a)) {
		assignment_failed(a, "silent: nothing was heard of the update");
	}
}

void watch_answered(struct assignment *a, const Update__GetUpdateStateReply *r)
{
	a->w->asked = false;
	if (a->row->state == ASSIGNMENT(OFFERED) && *a->w->refusal) {
		after_refusal(a, r);
		return;
	}
	if (r && r->progress)
		hear_told(a, r->progress);
	if (a->w->number && r && r->identity)
		hear_identity(a, r->identity);
	if (!a->w->number)
		return;
	if (a->row->state == ASSIGNMENT(PROBATION))
		on_probation(a, r);
	else if (a->w->unsure)
		after_doubt(a);
	if (a->w->number)
		clocks(a);
}

/* ---- after a start --------------------------------------------------------------------------- */

void watch_start(struct gv_turn *t)
{
	struct gv_scan scan = { .table = &ota_active };

	while (gv_next(t, &scan)) {
		const Ota__ActiveRow *active = scan.row;
		const Ota__Assignment *row = gv_get(t, &ota_assignments, gv_key(active->campaign, scan.key.part[0].s));
		Ota__AssignmentNote note = OTA__ASSIGNMENT_NOTE__INIT;

		if (!row || (row->state != ASSIGNMENT(UNDER_WAY) && row->state != ASSIGNMENT(PROBATION)))
			continue;
		note.device = (char *)scan.key.part[0].s;
		note.campaign = active->campaign;
		gv_timer(t, gv_str(t, "device:%s", note.device), gv_now_ms(t), &note);
	}
}
