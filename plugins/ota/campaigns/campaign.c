/* Campaigns: rows, and what people do with them. */
#include "campaigns.h"
#include "../repository/repository.h"
#include "windows.h"

#include <string.h>

const struct gv_table ota_campaigns = { .name = "campaigns", .key = "s", .value = &ota__campaign__descriptor };
const struct gv_table ota_work = { .name = "work", .key = "s", .value = &ota__campaign_work__descriptor };

#define ID_MAX 64
#define ARTIFACTS_MAX 64

/* ---- rows ------------------------------------------------------------------------------------ */

const Ota__Campaign *campaign_get(struct gv_turn *t, const char *id)
{
	return *id ? gv_get(t, &ota_campaigns, gv_key(id)) : NULL;
}

Ota__Campaign *campaign_edit(struct gv_turn *t, const char *id)
{
	return gv_edit(t, &ota_campaigns, gv_key(id));
}

Ota__CampaignWork *campaign_work(struct gv_turn *t, const char *id)
{
	return gv_edit(t, &ota_work, gv_key(id));
}

uint32_t campaign_in_flight(const Ota__Campaign *c)
{
	return c->in_flight ? c->in_flight : IN_FLIGHT_DEFAULT;
}

int64_t campaign_silent_ms(const Ota__Campaign *c)
{
	return (int64_t)(c->silent_after_s ? c->silent_after_s : SILENT_DEFAULT_S) * 1000;
}

int64_t campaign_retry_ms(const Ota__Campaign *c)
{
	return (int64_t)(c->retry_after_s ? c->retry_after_s : RETRY_AFTER_DEFAULT_S) * 1000;
}

int64_t campaign_probation_ms(const Ota__Campaign *c)
{
	return (int64_t)(c->probation_s ? c->probation_s : PROBATION_DEFAULT_S) * 1000;
}

Ota__Campaign *campaign_show(struct gv_turn *t, const Ota__Campaign *c)
{
	const Ota__CampaignWork *work = gv_get(t, &ota_work, gv_key(c->id));
	Ota__Campaign *shown = gv_alloc(t, sizeof *shown);
	Ota__CampaignCounts *n = gv_alloc(t, sizeof *n);

	*shown = *c;
	shown->counts = n;
	ota__campaign_counts__init(n);
	if (!work)
		return shown;
	n->devices = work->devices;
	n->waiting = work->waiting;
	n->in_flight = work->in_flight;
	n->succeeded = work->succeeded;
	n->failed = work->failed;
	n->skipped = work->skipped;
	n->rolled_back = work->rolled_back;
	return shown;
}

static const char *state_name(Ota__CampaignState state)
{
	static const char *const names[] = { "draft",   "waits for approval", "ready", "running", "paused",
					     "stopped", "rolling back",       "done",  "aborted" };

	return (size_t)state < sizeof names / sizeof *names ? names[state] : "?";
}

void campaign_enter(struct gv_turn *t, const char *id, Ota__CampaignState state, const char *by, const char *reason)
{
	Ota__Campaign *c = campaign_edit(t, id);
	Ota__CampaignChanged e = OTA__CAMPAIGN_CHANGED__INIT;

	c->state = state;
	c->reason = gv_strdup(t, reason);
	c->changed_at_ms = gv_now_ms(t);
	audit(t, by, id, "campaign is %s%s%.300s", state_name(state), *reason ? ": " : "", reason);
	e.id = (char *)id;
	e.campaign = campaign_show(t, c);
	gv_emit(t, &e);
}

void campaign_wake_at(struct gv_turn *t, const char *id, int64_t at_ms)
{
	Ota__CampaignNote note = OTA__CAMPAIGN_NOTE__INIT;

	note.id = (char *)id;
	gv_timer(t, gv_str(t, "campaign:%s", id), at_ms, &note);
}

void campaign_wake(struct gv_turn *t, const char *id)
{
	campaign_wake_at(t, id, gv_now_ms(t));
}

/* ---- what is wrong --------------------------------------------------------------------------- */

static const char *phases_problem(const Ota__Campaign *c)
{
	uint32_t before = 0;

	for (size_t i = 0; i < c->n_phases; i++) {
		if (c->phases[i]->percent <= before)
			return "each phase's percent counts those of the phases before: it must be above theirs";
		before = c->phases[i]->percent;
	}
	return c->n_phases && before != 100 ? "the last phase's percent must be 100" : NULL;
}

static const char *artifacts_problem(const struct ota *o, struct gv_turn *t, const Ota__Campaign *c)
{
	if (!c->n_artifacts || c->n_artifacts > ARTIFACTS_MAX)
		return "artifacts must name 1 to 64 of them";
	for (size_t i = 0; i < c->n_artifacts; i++) {
		const Ota__Artifact *a = artifact_get(t, c->artifacts[i]);

		if (!a)
			return gv_str(t, "there is no artifact %s: PutArtifact makes it known", c->artifacts[i]);
		if (strcmp(a->state, "ready") != 0)
			return gv_str(t, "the artifact %s is %s: sign the targets document that PutArtifact gave",
				      a->id, a->state);
		if (strcmp(a->kind, "config") != 0 && !*o->url)
			return "devices cannot fetch a file: give ota's config a url";
	}
	return NULL;
}

static const char *problem_of(const struct ota *o, struct gv_turn *t, const Ota__Campaign *c)
{
	const char *problem = NULL;

	for (size_t i = 0; !problem && i < c->n_windows; i++)
		problem = window_problem(c->windows[i]);
	if (!problem && c->ends_at_ms && c->ends_at_ms <= gv_now_ms(t))
		problem = "endsAtMs has passed";
	problem = problem ? problem : phases_problem(c);
	return problem ? problem : artifacts_problem(o, t, c);
}

/* ---- methods --------------------------------------------------------------------------------- */

static bool full(struct gv_turn *t)
{
	struct gv_scan scan = { .table = &ota_campaigns };
	size_t n = 0;

	while (n < CAMPAIGNS_MAX && gv_next(t, &scan))
		n++;
	return n == CAMPAIGNS_MAX;
}

int campaign_put(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Ota__PutCampaignRequest *r = (const Ota__PutCampaignRequest *)m;
	struct ota *o = self;
	const Ota__Campaign *was;
	Ota__PutCampaignReply reply = OTA__PUT_CAMPAIGN_REPLY__INIT;
	Ota__Campaign row;
	const char *problem;
	int64_t devices;

	if (!r->campaign || !*r->campaign->id || strlen(r->campaign->id) > ID_MAX)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "campaign.id must have 1 to %d characters", ID_MAX);
	row = *r->campaign;
	was = campaign_get(t, row.id);
	problem = problem_of(o, t, &row);
	if (o->approval && !*r->by)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT,
				 "by must say who makes the campaign %s, as somebody else has to approve it", row.id);
	if (was && was->state > CAMPAIGN(READY))
		return gv_refuse(t, to, GV_FAILED_PRECONDITION,
				 "the campaign %s has started: abort it and make another", was->id);
	if (!was && full(t))
		return gv_refuse(t, to, GV_RESOURCE_EXHAUSTED, "there are %d campaigns", CAMPAIGNS_MAX);
	if (problem)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "campaign %s: %s", row.id, problem);
	devices = preview_count(o, t, row.target, &problem);
	if (devices < 0)
		return gv_refuse(t, to, *problem ? GV_INVALID_ARGUMENT : GV_UNAVAILABLE, "campaign %s: %s", row.id,
				 *problem ? problem : "the fleet is being read: try again in a moment");
	row.state = o->approval ? CAMPAIGN(APPROVAL) : CAMPAIGN(READY);
	row.counts = NULL;
	row.made_by = r->by;
	row.approved_by = row.reason = (char *)"";
	row.phase = 0;
	row.created_at_ms = was ? was->created_at_ms : gv_now_ms(t);
	gv_put(t, &ota_campaigns, gv_key(row.id), &row);
	campaign_enter(t, row.id, row.state, r->by, was ? "changed" : "made");
	reply.campaign = campaign_show(t, campaign_get(t, row.id));
	reply.devices = (uint32_t)devices;
	return gv_reply(t, to, &reply);
}

int campaign_find(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const char *id = ((const Ota__GetCampaignRequest *)m)->id;
	Ota__GetCampaignReply reply = OTA__GET_CAMPAIGN_REPLY__INIT;

	if (!campaign_get(t, id))
		return gv_refuse(t, to, GV_NOT_FOUND, "there is no campaign %s: ListCampaigns names them", id);
	reply.campaign = campaign_show(t, campaign_get(t, id));
	return gv_reply(t, to, &reply);
}

/* The newest first: at most CAMPAIGNS_MAX rows. A page is the id of its last. */
int campaign_list(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Ota__ListCampaignsRequest *r = (const Ota__ListCampaignsRequest *)m;
	Ota__ListCampaignsReply reply = OTA__LIST_CAMPAIGNS_REPLY__INIT;
	const Ota__Campaign *after = campaign_get(t, r->page), *best;
	size_t limit = ota_limit(r->limit);

	if (*r->page && !after)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "page is none that ListCampaigns gave");
	do {
		struct gv_scan scan = { .table = &ota_campaigns };

		best = NULL;
		while (gv_next(t, &scan)) {
			const Ota__Campaign *c = scan.row;
			bool behind = !after || c->created_at_ms < after->created_at_ms ||
				      (c->created_at_ms == after->created_at_ms && strcmp(c->id, after->id) > 0);

			if (behind && (!best || c->created_at_ms > best->created_at_ms))
				best = c;
		}
		if (best)
			*GV_APPEND(t, reply.campaigns, reply.n_campaigns) = campaign_show(t, best);
		after = best;
	} while (best && reply.n_campaigns < limit);
	if (best)
		reply.next_page = best->id;
	return gv_reply(t, to, &reply);
}

/* ---- changes of state ------------------------------------------------------------------------ */

static int answer(struct gv_turn *t, struct gv_ticket to, const char *id)
{
	Ota__CampaignReply reply = OTA__CAMPAIGN_REPLY__INIT;

	reply.campaign = campaign_show(t, campaign_get(t, id));
	return gv_reply(t, to, &reply);
}

/* The campaign, if it is in one of the states (a bit each); else the call is refused. */
static const Ota__Campaign *in(struct gv_turn *t, struct gv_ticket to, const char *id, unsigned states,
			       const char *what)
{
	const Ota__Campaign *c = campaign_get(t, id);

	if (!c)
		gv_refuse(t, to, GV_NOT_FOUND, "there is no campaign %s: ListCampaigns names them", id);
	else if (!(states & 1u << c->state))
		gv_refuse(t, to, GV_FAILED_PRECONDITION, "the campaign %s is %s, and so cannot be %s", id,
			  state_name(c->state), what);
	return c && states & 1u << c->state ? c : NULL;
}
#define IN(state) (1u << CAMPAIGN(state))

int campaign_approve(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Ota__ApproveCampaignRequest *r = (const Ota__ApproveCampaignRequest *)m;
	const Ota__Campaign *c = in(t, to, r->id, IN(APPROVAL), "approved");

	if (!c)
		return 0;
	if (!*r->by || !strcmp(r->by, c->made_by))
		return gv_refuse(t, to, GV_PERMISSION_DENIED,
				 "%s was made by \"%s\": somebody else must approve it, and say so in by", c->id,
				 c->made_by);
	campaign_edit(t, r->id)->approved_by = r->by;
	campaign_enter(t, r->id, CAMPAIGN(READY), r->by, "approved");
	return answer(t, to, r->id);
}

int campaign_start(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Ota__StartCampaignRequest *r = (const Ota__StartCampaignRequest *)m;
	const Ota__Campaign *c = in(t, to, r->id, IN(READY), "started");
	const char *problem;

	if (!c)
		return 0;
	problem = problem_of(self, t, c);
	if (!problem && ((const struct ota *)self)->approval && !*c->approved_by)
		problem = "it was made before campaigns had to be approved: put it again, and have it approved";
	if (problem)
		return gv_refuse(t, to, GV_FAILED_PRECONDITION, "campaign %s: %s", c->id, problem);
	campaign_edit(t, r->id)->phase = 1;
	campaign_work(t, r->id);
	campaign_enter(t, r->id, CAMPAIGN(RUNNING), r->by, "started");
	campaign_wake(t, r->id);
	return answer(t, to, r->id);
}

int campaign_pause(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Ota__PauseCampaignRequest *r = (const Ota__PauseCampaignRequest *)m;

	if (!in(t, to, r->id, IN(RUNNING), "paused"))
		return 0;
	campaign_enter(t, r->id, CAMPAIGN(PAUSED), r->by, r->reason);
	return answer(t, to, r->id);
}

int campaign_resume(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Ota__ResumeCampaignRequest *r = (const Ota__ResumeCampaignRequest *)m;
	Ota__CampaignWork *work;

	if (!in(t, to, r->id, IN(PAUSED) | IN(STOPPED), "resumed"))
		return 0;
	work = campaign_work(t, r->id);
	work->phase_outcomes = work->phase_successes = work->test_failures = work->test_outcomes = 0;
	work->evidence = 0;
	campaign_enter(t, r->id, CAMPAIGN(RUNNING), r->by, "resumed");
	campaign_wake(t, r->id);
	return answer(t, to, r->id);
}

int campaign_abort(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Ota__AbortCampaignRequest *r = (const Ota__AbortCampaignRequest *)m;
	unsigned states = IN(DRAFT) | IN(APPROVAL) | IN(READY) | IN(RUNNING) | IN(PAUSED) | IN(STOPPED) |
			  IN(ROLLING_BACK);

	if (!in(t, to, r->id, states, "aborted"))
		return 0;
	campaign_enter(t, r->id, CAMPAIGN(ABORTED), r->by, r->reason);
	drive_take_back(self, t, r->id);
	campaign_wake(t, r->id);
	return answer(t, to, r->id);
}
