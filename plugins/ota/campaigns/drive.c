/* The calls to a device's plugin, each with a note, and what becomes of the assignment by their answers. What is about
 * to be done is written before it is done: the call is a row of the same turn as the state that waits for it. */
#include "campaigns.h"
#include "../repository/repository.h"
#include "../serve/serve.h"

#include <stdlib.h>
#include <string.h>

#define UPDATES "galvan.update.v1.Updates/"
/* A timeout that only a plugin which is gone reaches: its leases have ended by then. */
#define STALE_MS INT64_C(86400000)

static char *number_text(struct gv_turn *t, uint64_t number)
{
	return gv_str(t, "u%llu", (unsigned long long)number);
}

static void call(struct assignment *a, const char *method, const void *request, int64_t timeout_ms)
{
	Ota__AssignmentNote note = OTA__ASSIGNMENT_NOTE__INIT;

	note.campaign = (char *)a->campaign;
	note.device = (char *)a->device;
	note.number = a->w->number;
	if (gv_call(a->t, &(struct gv_call){
				  .method = method, .request = request, .timeout_ms = timeout_ms, .note = &note }) < 0)
		gv_fault(a->t, "too many calls to the plugin of %s are under way", a->device);
}

/* ---- what is asked --------------------------------------------------------------------------- */

static int64_t lease_ms(const Ota__Artifact *artifact)
{
	const Ota__Installation *i = artifact ? artifact->install : NULL;

	return (int64_t)(i && i->seconds ? i->seconds : INSTALL_DEFAULT_S) * 1000 + DOWNLOAD_MS;
}

void drive_lease(struct assignment *a)
{
	Update__LeaseRequest r = UPDATE__LEASE_REQUEST__INIT;
	const Ota__Artifact *artifact = assignment_artifact(a);

	a->w->lease_until_ms = gv_now_ms(a->t) + lease_ms(artifact);
	r.device = (char *)a->device;
	r.id = number_text(a->t, a->w->number);
	r.until_ms = a->w->lease_until_ms;
	r.why = gv_str(a->t, "%s %s", artifact ? artifact->kind : "update", a->row->to_version);
	call(a, UPDATES "Lease", &r, CALL_TIMEOUT_MS);
}

static void end_lease(struct gv_turn *t, const char *device, uint64_t number)
{
	Update__EndLeaseRequest r = UPDATE__END_LEASE_REQUEST__INIT;
	Ota__AssignmentNote note = OTA__ASSIGNMENT_NOTE__INIT;

	r.device = (char *)device;
	r.id = number_text(t, number);
	note.device = (char *)device;
	note.campaign = (char *)"";
	gv_call(t, &(struct gv_call){
			   .method = UPDATES "EndLease", .request = &r, .timeout_ms = STALE_MS, .note = &note });
}

void drive_end_lease(struct assignment *a)
{
	if (a->w->number)
		end_lease(a->t, a->device, a->w->number);
}

static void withdraw(struct assignment *a, const char *reason);

void drive_cancel(struct assignment *a)
{
	Update__CancelInstallRequest r = UPDATE__CANCEL_INSTALL_REQUEST__INIT;

	if (a->w->cancelling)
		return;
	if (a->w->agent) {
		withdraw(a, "taken back before it was installed");
		return;
	}
	a->w->cancelling = true;
	r.device = (char *)a->device;
	r.id = number_text(a->t, a->w->number);
	call(a, UPDATES "CancelInstall", &r, CALL_TIMEOUT_MS);
}

void drive_ask(struct assignment *a)
{
	Update__GetUpdateStateRequest r = UPDATE__GET_UPDATE_STATE_REQUEST__INIT;

	if (a->w->asked)
		return;
	a->w->asked = true;
	r.device = (char *)a->device;
	call(a, UPDATES "GetUpdateState", &r, CALL_TIMEOUT_MS);
}

/* Its agent finds it the next time it asks, and reports by itself. */
static void assign(struct assignment *a)
{
	device_edit(a->o, a->t, a->device)->assignment_version++;
	a->w->agent = true;
	a->w->offered_at_ms = a->w->heard_at_ms = gv_now_ms(a->t);
	assignment_enter(a, ASSIGNMENT(UNDER_WAY), "");
	watch_set(a);
}

void drive_install(struct assignment *a)
{
	Update__InstallRequest r = UPDATE__INSTALL_REQUEST__INIT;
	const Ota__Artifact *artifact = assignment_artifact(a);
	const char *problem = "";

	if (!artifact) {
		assignment_postpone(a, gv_now_ms(a->t) + a->o->retry_ms, "its artifact is gone");
		return;
	}
	if (device_get(a->t, a->device)->agent) {
		assign(a);
		return;
	}
	r.device = (char *)a->device;
	r.lease = r.id = number_text(a->t, a->w->number);
	r.kind = artifact->kind;
	r.version = artifact->version;
	r.sha256 = artifact->blob;
	r.size = artifact->size;
	if (!strcmp(artifact->kind, "config")) {
		if (!settings_read(a->t, artifact->blob, &r.settings, &r.n_settings, &problem)) {
			assignment_failed(a, problem);
			return;
		}
	} else {
		r.url = serve_url(a->o, a->t, a->w->number, artifact);
		r.signing_certificate = artifact->certificate;
		r.signature = artifact->signature;
	}
	a->w->offered_at_ms = a->w->heard_at_ms = gv_now_ms(a->t);
	assignment_enter(a, ASSIGNMENT(OFFERED), "");
	call(a, UPDATES "Install", &r, INSTALL_TIMEOUT_MS);
}

/* ---- what is answered ------------------------------------------------------------------------ */

static const char *hindrance(struct gv_turn *t, const Update__LeaseReply *r)
{
	static const char *const words[] = {
		"",
		"a session is in the way",
		"somebody has paid",
		"it is reserved",
		"a bank comes out or goes in",
		"it is not connected",
		"somebody else updates it",
		"its plugin does not know it",
		"people have taken it out of service",
	};

	if (*r->detail)
		return r->detail;
	return (size_t)r->hindrance < sizeof words / sizeof *words ? words[r->hindrance] : "it was not leased";
}

bool drive_offers(const Ota__Campaign *c, const struct assignment *a)
{
	return c->state == CAMPAIGN(RUNNING) || (c->state == CAMPAIGN(ROLLING_BACK) && a->w->rolling_back);
}

/* Its campaign has been paused, stopped or aborted while it was being leased, or has taken it back. */
static void withdraw(struct assignment *a, const char *reason)
{
	if (campaign_get(a->t, a->campaign)->state != CAMPAIGN(ABORTED)) {
		assignment_postpone(a, gv_now_ms(a->t), reason);
		return;
	}
	assignment_release(a);
	assignment_enter(a, ASSIGNMENT(CANCELLED), reason);
}

static void leased(struct assignment *a, const struct gv_answer *answer)
{
	const Update__LeaseReply *r = answer->code == GV_OK ? answer->reply : NULL;
	const Ota__Campaign *c = campaign_get(a->t, a->campaign);
	int64_t again_ms = gv_now_ms(a->t) + a->o->retry_ms;

	if (a->row->state != ASSIGNMENT(LEASING))
		return; /* it was renewed, or not: the device goes on */
	if (!r && device_get(a->t, a->device)->agent &&
	    (answer->code == GV_UNIMPLEMENTED || answer->code == GV_NOT_FOUND)) {
		drive_install(a); /* no plugin of this node gives it work to do */
	} else if (!r) {
		assignment_postpone(a, again_ms, *answer->error ? answer->error : "its plugin did not answer");
	} else if (!r->granted && r->hindrance == UPDATE__HINDRANCE__HINDRANCE_UNKNOWN) {
		assignment_release(a);
		assignment_enter(a, ASSIGNMENT(SKIPPED), hindrance(a->t, r));
	} else if (!r->granted) {
		assignment_postpone(a, r->until_ms > gv_now_ms(a->t) && r->until_ms < again_ms ? r->until_ms : again_ms,
				    hindrance(a->t, r));
	} else if (!drive_offers(c, a) || (c->ends_at_ms && gv_now_ms(a->t) >= c->ends_at_ms && !a->w->rolling_back)) {
		withdraw(a, "its campaign offers nothing now");
	} else {
		drive_install(a);
	}
}

static void installed(struct assignment *a, const struct gv_answer *answer)
{
	const Update__InstallReply *r = answer->code == GV_OK ? answer->reply : NULL;

	if (a->row->state != ASSIGNMENT(OFFERED))
		return; /* the device was quicker with its news */
	if (r && r->accepted) {
		a->w->heard_at_ms = gv_now_ms(a->t);
		assignment_enter(a, ASSIGNMENT(UNDER_WAY), "");
		watch_set(a);
	} else if (answer->code == GV_FAILED_PRECONDITION) {
		assignment_postpone(a, gv_now_ms(a->t) + a->o->retry_ms, answer->error);
	} else if (r) {
		a->w->refusal = *r->detail ? r->detail : (char *)"the device refuses it";
		drive_ask(a); /* if its lease has ended, it was no refusal */
	} else {
		a->w->unsure = true;
		a->row->reason = gv_strdup(a->t, answer->error);
		drive_cancel(a);
	}
	if (!drive_offers(campaign_get(a->t, a->campaign), a) && a->row->state == ASSIGNMENT(UNDER_WAY) &&
	    campaign_get(a->t, a->campaign)->state != CAMPAIGN(PAUSED))
		drive_cancel(a);
}

static void cancelled(struct assignment *a, const struct gv_answer *answer)
{
	const Update__CancelInstallReply *r = answer->code == GV_OK ? answer->reply : NULL;
	bool unsure = a->w->unsure;

	a->w->cancelling = false;
	if (a->row->state != ASSIGNMENT(OFFERED) && a->row->state != ASSIGNMENT(UNDER_WAY))
		return;
	if (unsure && ((r && r->cancelled) || answer->code == GV_NOT_FOUND))
		assignment_retry(a, gv_str(a->t, "it was not reached: %s", a->row->reason));
	else if (r && r->cancelled)
		withdraw(a, "taken back before it was installed");
	else if (unsure)
		drive_ask(a);
}

int drive_answered(struct ota *o, struct gv_turn *t, const struct gv_answer *answer)
{
	const Ota__AssignmentNote *note = answer->note;
	const char *method = strrchr(answer->method, '/') + 1;
	const Update__LeaseReply *lease = answer->code == GV_OK && !strcmp(method, "Lease") ? answer->reply : NULL;
	struct assignment a;

	if (!note || !strcmp(method, "EndLease"))
		return 0;
	if (!assignment_load(&a, o, t, note->campaign, note->device) || a.w->number != note->number) {
		if (lease && lease->granted)
			end_lease(t, note->device, note->number); /* nobody waits for it any more */
		return 0;
	}
	if (!strcmp(method, "Lease"))
		leased(&a, answer);
	else if (!strcmp(method, "Install"))
		installed(&a, answer);
	else if (!strcmp(method, "CancelInstall"))
		cancelled(&a, answer);
	else
		watch_answered(&a, answer->code == GV_OK ? answer->reply : NULL);
	return 0;
}

void drive_take_back(struct ota *o, struct gv_turn *t, const char *campaign)
{
	struct gv_scan scan = { .table = &ota_attempts };

	while (gv_next(t, &scan)) {
		const Ota__ActiveRow *active = scan.row;
		struct assignment a;

		if (strcmp(active->campaign, campaign) != 0 || !assignment_load(&a, o, t, campaign, active->device))
			continue;
		if (a.row->state == ASSIGNMENT(OFFERED) ||
		    (a.row->state == ASSIGNMENT(UNDER_WAY) &&
		     (!a.row->progress || a.row->progress->step < STEP(INSTALLING))))
			drive_cancel(&a);
	}
}
