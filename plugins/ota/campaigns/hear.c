/* What devices say, by way of their plugins: steps, which move a picture and start clocks, and what they boot with,
 * which decides. Steps come late, twice, in any order, or not at all. */
#include "campaigns.h"
#include "../repository/repository.h"

#include <stdlib.h>
#include <string.h>

static bool under_way(const struct assignment *a)
{
	return a->row->state == ASSIGNMENT(OFFERED) || a->row->state == ASSIGNMENT(UNDER_WAY);
}

/* ---- what it boots with ---------------------------------------------------------------------- */

void hear_booted(struct assignment *a)
{
	const Ota__Artifact *artifact = assignment_artifact(a);

	if (a->row->state == ASSIGNMENT(OFFERED))
		assignment_enter(a, ASSIGNMENT(UNDER_WAY), "");
	if (!artifact || !strcmp(a->row->artifact, a->row->final)) {
		a->w->probation_at_ms = a->w->heard_at_ms = gv_now_ms(a->t);
		drive_end_lease(a);
		assignment_vacate(a);
		assignment_enter(a, ASSIGNMENT(PROBATION), "");
		watch_set(a);
		return;
	}
	device_installed(a->o, a->t, a->device, artifact);
	a->w->stepped = true;
	a->row->tries = 0;
	assignment_release(a);
	assignment_wait(a, gv_now_ms(a->t), gv_str(a->t, "has %s, a step on its way", artifact->version));
}

void hear_identity(struct assignment *a, const Update__Identity *i)
{
	const Ota__Artifact *artifact = assignment_artifact(a);
	bool firmware = artifact && !strcmp(artifact->kind, "firmware") && !a->w->agent;
	bool anew = a->w->claimed_at_ms && i->booted_at_ms > a->w->claimed_at_ms;

	if (a->w->agent || (firmware && !*i->version))
		return;
	if (a->row->state == ASSIGNMENT(PROBATION)) {
		if (firmware && strcmp(i->version, a->row->to_version) != 0)
			assignment_failed(a, gv_str(a->t, "it has gone back to %s", i->version));
		return;
	}
	if (!under_way(a))
		return;
	if (firmware ? !strcmp(i->version, a->row->to_version) : anew)
		hear_booted(a);
	else if (firmware && anew)
		assignment_failed(a, gv_str(a->t, "it says that it has installed %s, and boots %s", a->row->to_version,
					    i->version));
}

/* ---- steps ----------------------------------------------------------------------------------- */

/* How far a step is; a step of no greater rank is old news. */
static unsigned rank(Update__Step step)
{
	return step == STEP(DOWNLOAD_PAUSED) ? STEP(DOWNLOADING) : step;
}

static bool news(const struct assignment *a, const Update__Progress *p)
{
	const Update__Progress *was = a->row->progress;

	return !was || rank(p->step) > rank(was->step) ||
	       (rank(p->step) == rank(was->step) && (p->step != was->step || p->percent > was->percent) &&
		p->at_ms >= was->at_ms);
}

static const char *word(Update__Step step)
{
	switch (step) {
	case STEP(DOWNLOAD_FAILED):
		return "download-failed";
	case STEP(INVALID_SIGNATURE):
		return "invalid-signature";
	case STEP(INVALID_CERTIFICATE):
		return "invalid-certificate";
	case STEP(VERIFICATION_FAILED):
		return "verification-failed";
	case STEP(INSTALLATION_FAILED):
		return "installation-failed";
	default:
		return "reverted";
	}
}

static void ill(struct assignment *a, const Update__Progress *p)
{
	const char *reason = gv_str(a->t, "%s%s%.150s", word(p->step), *p->detail ? ": " : "", p->detail);

	if (p->step == STEP(DOWNLOAD_FAILED))
		assignment_retry(a, reason);
	else
		assignment_failed(a, reason);
}

static void claims(struct assignment *a, const Update__Progress *p)
{
	const Ota__Artifact *artifact = assignment_artifact(a);
	/* An agent says so when what it has started has said that it is well. */
	bool reboots = !a->w->agent && artifact &&
		       (!strcmp(artifact->kind, "firmware") || (artifact->install && artifact->install->reboots));

	if (!a->w->claimed_at_ms)
		a->w->claimed_at_ms = p->at_ms ? p->at_ms : gv_now_ms(a->t);
	if (p->step == STEP(INSTALLED) && !reboots)
		hear_booted(a);
}

static bool ours(const struct assignment *a, const Update__Progress *p)
{
	return under_way(a) && !strcmp(p->id, gv_str(a->t, "u%llu", (unsigned long long)a->w->number));
}

void hear_progress(struct assignment *a, const Update__Progress *p)
{
	if (!ours(a, p))
		return;
	a->w->heard_at_ms = gv_now_ms(a->t);
	a->w->unsure = false;
	if (a->row->state == ASSIGNMENT(OFFERED))
		assignment_enter(a, ASSIGNMENT(UNDER_WAY), "");
	if (p->step >= STEP(DOWNLOAD_FAILED)) {
		ill(a, p);
		return;
	}
	if (p->step == STEP(CANCELLED)) {
		if (!a->w->cancelling)
			assignment_retry(a, "the device has cancelled it");
		return;
	}
	if (p->step != STEP(IDLE) && p->step != STEP(NONE) && news(a, p)) {
		a->row->progress = (Update__Progress *)p;
		a->row->changed_at_ms = gv_now_ms(a->t);
	}
	if (p->step == STEP(INSTALLED) || p->step == STEP(REBOOTING))
		claims(a, p);
	if (under_way(a))
		watch_set(a);
}

void hear_told(struct assignment *a, const Update__Progress *p)
{
	if (ours(a, p) && (a->row->state == ASSIGNMENT(OFFERED) || news(a, p)))
		hear_progress(a, p);
}

/* ---- events ---------------------------------------------------------------------------------- */

int hear_progressed(struct ota *o, struct gv_turn *t, const Update__UpdateProgressed *m)
{
	struct assignment a;

	if (m->progress && assignment_of_device(&a, o, t, m->device))
		hear_progress(&a, m->progress);
	return 0;
}

int hear_identified(struct ota *o, struct gv_turn *t, const Update__DeviceIdentified *m)
{
	struct assignment a;

	if (m->identity && assignment_of_device(&a, o, t, m->device))
		hear_identity(&a, m->identity);
	return 0;
}

/* Whether a session has ended as no driver ends it. */
static bool broke_off(const Charging__Session *s)
{
	static const char *const reasons[] = { "GroundFault",      "HardReset", "ImmediateReset",
					       "OvercurrentFault", "Other",     "PowerLoss",
					       "PowerQuality",     "Reboot",    "SoftReset" };

	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (!strcmp(s->reason, reasons[i]))
			return true;
	return false;
}

/* Those that wait for the device are tried now. */
static void free_now(struct ota *o, struct gv_turn *t, const char *device)
{
	struct gv_scan scan = { .table = &ota_by_device, .prefix = gv_key(device) };

	while (gv_next(t, &scan)) {
		const Ota__Campaign *c = campaign_get(t, scan.key.part[1].s);
		struct assignment a;

		if (!c || c->state != CAMPAIGN(RUNNING) || !assignment_load(&a, o, t, c->id, device) ||
		    a.row->state != ASSIGNMENT(WAITING) || a.row->tries)
			continue;
		assignment_wait(&a, gv_now_ms(t), a.row->reason);
		campaign_wake(t, c->id);
	}
}

/* A session or a rental of a device on probation has ended as they do, or has not. */
static void count(struct assignment *a, bool ill, const char *why)
{
	if (ill)
		a->w->sessions_ill++;
	else
		a->w->sessions_well++;
	if (campaign_get(a->t, a->campaign)->probation_sessions && a->w->sessions_ill >= 2 &&
	    a->w->sessions_ill > a->w->sessions_well)
		assignment_failed(a, gv_str(a->t, "%u of its %u sessions broke off: %s", a->w->sessions_ill,
					    a->w->sessions_ill + a->w->sessions_well, why));
	else
		watch_set(a);
}

/* Of a cabinet: a bank has come out, or none has. */
int hear_rental(struct ota *o, struct gv_turn *t, const char *device, bool failed)
{
	struct assignment a;

	if (assignment_of_device(&a, o, t, device) && a.row->state == ASSIGNMENT(PROBATION))
		count(&a, failed, "no bank came out");
	return 0;
}

int hear_session(struct ota *o, struct gv_turn *t, const Charging__SessionEnded *m)
{
	struct assignment a;

	if (!m->session)
		return 0;
	if (!assignment_of_device(&a, o, t, m->device)) {
		free_now(o, t, m->device);
		return 0;
	}
	if (a.row->state == ASSIGNMENT(PROBATION) && m->session->started_at_ms >= a.w->probation_at_ms)
		count(&a, broke_off(m->session), m->session->reason);
	return 0;
}
