/* The rows of assignments, and the changes from one state to another that all paths share. */
#include "campaigns.h"
#include "../fleet/pool.h"
#include "../repository/repository.h"

#include <string.h>

const struct gv_table ota_assignments = { .name = "assignments", .key = "ss", .value = &ota__assignment__descriptor };
const struct gv_table ota_doing = { .name = "doing", .key = "ss", .value = &ota__assignment_work__descriptor };
const struct gv_table ota_by_device = { .name = "by_device", .key = "ss", .value = &ota__ref__descriptor };
const struct gv_table ota_queue = { .name = "queue", .key = "suis", .value = &ota__queue_row__descriptor };
const struct gv_table ota_active = { .name = "active", .key = "s", .value = &ota__active_row__descriptor };
const struct gv_table ota_attempts = { .name = "attempts", .key = "u", .value = &ota__active_row__descriptor };
const struct gv_table ota_busy = { .name = "busy", .key = "sss", .value = &ota__ref__descriptor };

#define RANKS INT64_C(1000000000) /* below any time: those that have not been tried stand first, shuffled */

bool assignment_load(struct assignment *a, struct ota *o, struct gv_turn *t, const char *campaign, const char *device)
{
	if (!gv_get(t, &ota_assignments, gv_key(campaign, device)))
		return false;
	*a = (struct assignment){ .o = o,
				  .t = t,
				  .campaign = gv_strdup(t, campaign),
				  .device = gv_strdup(t, device),
				  .row = gv_edit(t, &ota_assignments, gv_key(campaign, device)),
				  .w = gv_edit(t, &ota_doing, gv_key(campaign, device)) };
	return true;
}

bool assignment_of_device(struct assignment *a, struct ota *o, struct gv_turn *t, const char *device)
{
	const Ota__ActiveRow *active = gv_get(t, &ota_active, gv_key(device));

	return active && assignment_load(a, o, t, active->campaign, device);
}

const Ota__Artifact *assignment_artifact(const struct assignment *a)
{
	return artifact_get(a->t, a->row->artifact);
}

/* ---- states ---------------------------------------------------------------------------------- */

static uint32_t *place(Ota__CampaignWork *n, Ota__AssignmentState state)
{
	switch (state) {
	case ASSIGNMENT(PLANNED):
	case ASSIGNMENT(WAITING):
		return &n->waiting;
	case ASSIGNMENT(LEASING):
	case ASSIGNMENT(OFFERED):
	case ASSIGNMENT(UNDER_WAY):
	case ASSIGNMENT(PROBATION):
		return &n->in_flight;
	case ASSIGNMENT(SUCCEEDED):
		return &n->succeeded;
	case ASSIGNMENT(FAILED):
		return &n->failed;
	case ASSIGNMENT(ROLLED_BACK):
		return &n->rolled_back;
	default:
		return &n->skipped;
	}
}

static void tell(const struct assignment *a)
{
	Ota__AssignmentChanged e = OTA__ASSIGNMENT_CHANGED__INIT;

	e.device = (char *)a->device;
	e.assignment = a->row;
	gv_emit(a->t, &e);
}

void assignment_enter(struct assignment *a, Ota__AssignmentState state, const char *reason)
{
	Ota__CampaignWork *n = campaign_work(a->t, a->campaign);

	if (*place(n, a->row->state))
		--*place(n, a->row->state);
	++*place(n, state);
	a->row->state = state;
	a->row->reason = gv_strdup(a->t, reason);
	a->row->changed_at_ms = gv_now_ms(a->t);
	if (state != ASSIGNMENT(WAITING))
		a->row->next_at_ms = 0;
	tell(a);
}

static struct gv_key queue_key(const struct assignment *a)
{
	return gv_key(a->campaign, a->w->queue_class, a->w->queue_at_ms, a->device);
}

void assignment_unqueue(struct assignment *a)
{
	if (a->w->queued)
		gv_delete(a->t, &ota_queue, queue_key(a));
	a->w->queued = false;
}

static void queue(struct assignment *a, int64_t at_ms)
{
	Ota__QueueRow row = OTA__QUEUE_ROW__INIT;

	assignment_unqueue(a);
	a->w->queued = true;
	a->w->queue_class = a->w->entered ? 0 : 1;
	a->w->queue_at_ms = at_ms;
	row.rolling_back = a->w->rolling_back;
	gv_put(a->t, &ota_queue, queue_key(a), &row);
}

void assignment_wait(struct assignment *a, int64_t at_ms, const char *reason)
{
	queue(a, at_ms);
	a->row->next_at_ms = at_ms;
	if (a->row->state == ASSIGNMENT(WAITING) && !strcmp(a->row->reason, reason))
		return;
	assignment_enter(a, ASSIGNMENT(WAITING), reason);
}

void assignment_make(struct ota *o, struct gv_turn *t, const char *campaign, const char *device,
		     const struct choice *choice)
{
	Ota__CampaignWork *n = campaign_work(t, campaign);
	Ota__Ref ref = OTA__REF__INIT;
	struct assignment a = { .o = o,
				.t = t,
				.campaign = campaign,
				.device = device,
				.row = gv_edit(t, &ota_assignments, gv_key(campaign, device)),
				.w = gv_edit(t, &ota_doing, gv_key(campaign, device)) };

	a.row->campaign = (char *)campaign;
	a.row->device = (char *)device;
	a.row->artifact = choice->next ? choice->next->id : (char *)"";
	a.row->final = choice->final ? choice->final->id : (char *)"";
	a.row->to_version = choice->final ? choice->final->version : (char *)"";
	a.row->changed_at_ms = gv_now_ms(t);
	a.row->state = choice->next ? ASSIGNMENT(PLANNED) : ASSIGNMENT(SKIPPED);
	a.row->reason = (char *)choice->reason;
	n->devices++;
	++*place(n, a.row->state);
	ref.id = (char *)campaign;
	gv_put(t, &ota_by_device, gv_key(device, campaign), &ref);
	if (choice->next)
		queue(&a, (int64_t)(pool_hash(gv_str(t, "%s %s", campaign, device)) % RANKS));
}

/* ---- attempts -------------------------------------------------------------------------------- */

static uint64_t next_number(struct gv_turn *t)
{
	Ota__CounterRow *row = gv_edit(t, &ota_counters, gv_key("", "attempts"));

	return ++row->counter;
}

void assignment_occupy(struct assignment *a)
{
	Ota__ActiveRow active = OTA__ACTIVE_ROW__INIT;
	Ota__CampaignWork *work = campaign_work(a->t, a->campaign);
	const Ota__DeviceRow *device = device_get(a->t, a->device);
	Ota__Ref ref = OTA__REF__INIT;

	a->w->number = next_number(a->t);
	a->w->offered_at_ms = a->w->heard_at_ms = a->w->claimed_at_ms = a->w->probation_at_ms = 0;
	a->w->sessions_well = a->w->sessions_ill = 0;
	a->w->asked = a->w->cancelling = a->w->unsure = a->w->agent = false;
	a->w->refusal = (char *)"";
	a->row->progress = NULL;
	work->entered += !a->w->entered;
	a->w->entered = true;
	active.campaign = (char *)a->campaign;
	active.device = (char *)a->device;
	active.artifact = a->row->artifact;
	active.site = device->site;
	gv_put(a->t, &ota_active, gv_key(a->device), &active);
	gv_put(a->t, &ota_attempts, gv_key(a->w->number), &active);
	ref.id = (char *)a->device;
	if (*device->site)
		gv_put(a->t, &ota_busy, gv_key(device->site, device_plugin(a->t, a->device), a->device), &ref);
}

void assignment_vacate(struct assignment *a)
{
	const Ota__ActiveRow *active = gv_get(a->t, &ota_active, gv_key(a->device));

	if (active && *active->site)
		gv_delete(a->t, &ota_busy, gv_key(active->site, device_plugin(a->t, a->device), a->device));
}

void assignment_release(struct assignment *a)
{
	drive_end_lease(a);
	assignment_vacate(a);
	gv_delete(a->t, &ota_active, gv_key(a->device));
	gv_delete(a->t, &ota_attempts, gv_key(a->w->number));
	gv_timer_cancel(a->t, gv_str(a->t, "device:%s", a->device));
	a->w->number = 0;
	a->w->asked = a->w->cancelling = a->w->unsure = false;
	campaign_wake(a->t, a->campaign);
}

/* ---- outcomes -------------------------------------------------------------------------------- */

void assignment_succeeded(struct assignment *a)
{
	bool back = a->w->rolling_back;
	const Ota__Artifact *artifact = assignment_artifact(a);

	if (artifact)
		device_installed(a->o, a->t, a->device, artifact);
	assignment_release(a);
	assignment_enter(a, back ? ASSIGNMENT(ROLLED_BACK) : ASSIGNMENT(SUCCEEDED), "");
	if (!back)
		decide_outcome(a->o, a->t, a->campaign, false, "");
	if (!back && campaign_get(a->t, a->campaign)->state == CAMPAIGN(ROLLING_BACK)) {
		campaign_work(a->t, a->campaign)->rolled = false; /* it has come late: all are looked at once more */
		campaign_work(a->t, a->campaign)->rolled_until = (char *)"";
	}
}

void assignment_failed(struct assignment *a, const char *reason)
{
	assignment_release(a);
	assignment_enter(a, ASSIGNMENT(FAILED), reason);
	gv_log(a->t, GV_WARN, "an update has failed device=%s campaign=%s why=\"%s\"", a->device, a->campaign, reason);
	if (!a->w->rolling_back)
		decide_outcome(a->o, a->t, a->campaign, true, reason);
}

void assignment_retry(struct assignment *a, const char *reason)
{
	const Ota__Campaign *c = campaign_get(a->t, a->campaign);

	if (a->row->tries >= c->retries) {
		assignment_failed(a, reason);
		return;
	}
	a->row->tries++;
	assignment_release(a);
	assignment_wait(a, gv_now_ms(a->t) + campaign_retry_ms(c), reason);
}

void assignment_postpone(struct assignment *a, int64_t at_ms, const char *reason)
{
	assignment_release(a);
	if (a->w->entered && !a->row->tries && !a->w->rolling_back && !a->w->stepped) {
		campaign_work(a->t, a->campaign)->entered--;
		a->w->entered = false;
	}
	assignment_wait(a, at_ms, reason);
}
