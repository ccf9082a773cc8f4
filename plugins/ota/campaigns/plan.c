/* What a target chooses: counted and shown before a campaign starts, and made into assignments after. */
#include "campaigns.h"

#include <string.h>

struct sight {
	struct ota *o;
	struct gv_turn *t;
	const struct paths *paths;
	const char *campaign, *last;
	size_t limit, count;
	Ota__PreviewReply *reply;
};

static struct choice choose(const struct sight *x, const struct subject *s)
{
	const Ota__DeviceRow *row = device_get(x->t, s->device);

	return row ? paths_choose(x->paths, x->t, s, row) : (struct choice){ NULL, NULL, "is gone" };
}

/* ---- before it starts ------------------------------------------------------------------------ */

static bool count(void *arg, const struct subject *s)
{
	++*(int64_t *)arg;
	return true;
}

int64_t preview_count(struct ota *o, struct gv_turn *t, const Ota__Target *target, const char **ret_problem)
{
	struct target *x = target_open(t, target, ret_problem);
	int64_t n = 0;

	if (!x)
		return -1;
	*ret_problem = "";
	if (!fleet_ready(o, t))
		return -1;
	target_each(o, x, "", count, &n);
	return n;
}

static bool show(void *arg, const struct subject *s)
{
	struct sight *x = arg;
	Ota__Assignment *a;
	struct choice choice;

	x->reply->devices++;
	if (x->count == x->limit)
		return true;
	x->count++;
	choice = choose(x, s);
	a = gv_alloc(x->t, sizeof *a);
	ota__assignment__init(a);
	a->device = (char *)s->device;
	a->artifact = choice.next ? choice.next->id : (char *)"";
	a->final = choice.final ? choice.final->id : (char *)"";
	a->to_version = choice.final ? choice.final->version : (char *)"";
	a->from_version = (char *)s->version;
	a->reason = (char *)choice.reason;
	a->state = choice.next ? ASSIGNMENT(PLANNED) : ASSIGNMENT(SKIPPED);
	*GV_APPEND(x->t, x->reply->assignments, x->reply->n_assignments) = a;
	return true;
}

int campaign_preview(void *self, struct gv_turn *t, struct gv_ticket to, const ProtobufCMessage *m)
{
	const Ota__PreviewRequest *r = (const Ota__PreviewRequest *)m;
	Ota__PreviewReply reply = OTA__PREVIEW_REPLY__INIT;
	struct sight x = { .o = self, .t = t, .limit = ota_limit(r->limit), .reply = &reply };
	const char *problem;
	struct target *target = target_open(t, r->target, &problem);

	if (!target)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "%s", problem);
	if (!fleet_ready(self, t))
		return gv_refuse(t, to, GV_UNAVAILABLE, "the fleet is being read: try again in a moment");
	x.paths = paths_open(t, r->artifacts, r->n_artifacts);
	target_each(self, target, "", show, &x);
	return gv_reply(t, to, &reply);
}

/* ---- after it has started -------------------------------------------------------------------- */

static bool make(void *arg, const struct subject *s)
{
	struct sight *x = arg;
	struct choice choice = choose(x, s);

	x->last = s->device;
	assignment_make(x->o, x->t, x->campaign, s->device, &choice);
	return ++x->count < x->limit;
}

void plan_step(struct ota *o, struct gv_turn *t, const char *id)
{
	const Ota__Campaign *c = campaign_get(t, id);
	Ota__CampaignWork *work = campaign_work(t, id);
	struct sight x = { .o = o, .t = t, .campaign = id, .limit = PLANNED_AT_ONCE };
	const char *problem;
	struct target *target = target_open(t, c->target, &problem);

	if (!target || !fleet_ready(o, t))
		return;
	x.paths = paths_open(t, c->artifacts, c->n_artifacts);
	target_each(o, target, work->planned_until, make, &x);
	if (x.count)
		work->planned_until = gv_strdup(t, x.last);
	work->planned = x.count < PLANNED_AT_ONCE;
}
