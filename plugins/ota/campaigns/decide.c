/* A campaign as it stands: who is tried next, whether the next phase begins, and whether it stops. */
#include "campaigns.h"
#include "../repository/repository.h"
#include "stop.h"

#include <string.h>

/* What a look at a campaign finds. */
struct look {
	struct ota *o;
	struct gv_turn *t;
	const char *id;
	const Ota__Campaign *c;
	Ota__CampaignWork *work;
	const struct paths *paths;
	size_t examined;
	int64_t next_ms; /* when it is looked at again; INT64_MAX: not by itself */
};

static void later(struct look *x, int64_t at_ms)
{
	if (at_ms < x->next_ms)
		x->next_ms = at_ms;
}

/* ---- phases ---------------------------------------------------------------------------------- */

/* How many devices may have been tried in all, in the phase that runs. */
static uint32_t quota(const struct look *x)
{
	uint64_t all = x->work->devices - x->work->skipped, n;

	if (!x->c->n_phases || x->c->phase > x->c->n_phases)
		return UINT32_MAX;
	n = (all * x->c->phases[x->c->phase - 1]->percent + 99) / 100;
	return n ? (uint32_t)n : 1;
}

static bool any_queued(struct gv_turn *t, const char *id, unsigned class)
{
	struct gv_scan scan = { .table = &ota_queue, .prefix = gv_key(id, class) };

	return gv_next(t, &scan);
}

/* All of the phase's devices have their outcomes. */
static bool phase_over(const struct look *x)
{
	return !x->work->in_flight && !any_queued(x->t, x->id, 0) &&
	       (x->work->entered >= quota(x) || !any_queued(x->t, x->id, 1));
}

/* Goes on to the next phase where this one is over and well; pauses where it is not well. */
static void phases(struct look *x)
{
	Ota__CampaignWork *work = x->work;
	const Ota__Phase *p = x->c->n_phases && x->c->phase <= x->c->n_phases ? x->c->phases[x->c->phase - 1] : NULL;
	uint32_t asked = p && p->success_percent ? p->success_percent : SUCCESS_PERCENT_DEFAULT;
	int64_t soaked_ms;

	if (!p || x->c->phase == x->c->n_phases || !phase_over(x))
		return;
	if (work->phase_outcomes && work->phase_successes * 100ull < (uint64_t)asked * work->phase_outcomes) {
		campaign_enter(x->t, x->id, CAMPAIGN(PAUSED), "",
			       gv_str(x->t, "of phase %u %u of %u succeeded, %u %% are asked for: resume it to go on",
				      x->c->phase, work->phase_successes, work->phase_outcomes, asked));
		return;
	}
	soaked_ms = work->outcome_at_ms + (int64_t)p->soak_s * 1000;
	if (soaked_ms > gv_now_ms(x->t)) {
		later(x, soaked_ms);
		return;
	}
	work->phase_outcomes = work->phase_successes = 0;
	audit(x->t, "", x->id, "phase %u begins", ++campaign_edit(x->t, x->id)->phase);
	later(x, gv_now_ms(x->t));
}

/* ---- outcomes -------------------------------------------------------------------------------- */

static void stop(struct ota *o, struct gv_turn *t, const char *id, Ota__CampaignWork *work, const char *why)
{
	const Ota__Campaign *c = campaign_get(t, id);
	const char *reason = gv_str(t, "%u of %u failed: %.150s", work->test_failures, work->test_outcomes, why);

	work->rolled = false; /* it may have been stopped and resumed before */
	work->rolled_until = (char *)"";
	campaign_enter(t, id, c->roll_back ? CAMPAIGN(ROLLING_BACK) : CAMPAIGN(STOPPED), "", reason);
	drive_take_back(o, t, id);
}

void decide_outcome(struct ota *o, struct gv_turn *t, const char *id, bool failed, const char *why)
{
	const Ota__Campaign *c = campaign_get(t, id);
	Ota__CampaignWork *work = campaign_work(t, id);
	bool stops;

	work->outcome_at_ms = gv_now_ms(t);
	work->phase_outcomes++;
	work->phase_successes += !failed;
	work->test_outcomes++;
	work->test_failures += failed;
	stops = stop_takes(&work->evidence, failed);
	if (!work->evidence)
		work->test_failures = work->test_outcomes = 0;
	if (stops && (c->state == CAMPAIGN(RUNNING) || c->state == CAMPAIGN(PAUSED)))
		stop(o, t, id, work, why);
	campaign_wake(t, id);
}

/* ---- who is next ----------------------------------------------------------------------------- */

static bool room(const struct look *x, unsigned class)
{
	return x->work->in_flight < campaign_in_flight(x->c) && (!class || x->work->entered < quota(x));
}

/* Those of a class that are due, one after the other. */
static void try_class(struct look *x, unsigned class)
{
	struct gv_scan scan = { .table = &ota_queue, .prefix = gv_key(x->id, class) };
	bool back = x->c->state == CAMPAIGN(ROLLING_BACK);

	while (room(x, class) && gv_next(x->t, &scan)) {
		struct assignment a;
		int64_t at_ms = scan.key.part[2].i;

		if (at_ms > gv_now_ms(x->t)) {
			later(x, at_ms);
			return;
		}
		if (back != ((const Ota__QueueRow *)scan.row)->rolling_back)
			continue;
		if (x->examined++ == EXAMINED_AT_ONCE) {
			later(x, gv_now_ms(x->t));
			return;
		}
		if (assignment_load(&a, x->o, x->t, x->id, scan.key.part[3].s))
			begin(&a, x->c, x->paths);
	}
}

/* What waits is taken out of a campaign that is over; some at a time. */
static void sweep(struct look *x, const char *reason)
{
	struct gv_scan scan = { .table = &ota_queue, .prefix = gv_key(x->id) };
	size_t n = 0;

	while (n < SWEPT_AT_ONCE && gv_next(x->t, &scan)) {
		struct assignment a;

		n++;
		if (!assignment_load(&a, x->o, x->t, x->id, scan.key.part[3].s))
			continue;
		assignment_unqueue(&a);
		assignment_enter(&a, ASSIGNMENT(CANCELLED), reason);
	}
	if (n == SWEPT_AT_ONCE)
		later(x, gv_now_ms(x->t));
}

/* ---- going back ------------------------------------------------------------------------------ */

/* Whether a device runs with what the campaign gave it, well or not. */
static bool has_it(const struct look *x, const Ota__Assignment *a)
{
	const Ota__Artifact *artifact = artifact_get(x->t, a->artifact);
	const Ota__DeviceRow *row = device_get(x->t, a->device);

	if (!artifact || !row)
		return false;
	return a->state == ASSIGNMENT(SUCCEEDED) ||
	       (a->state == ASSIGNMENT(FAILED) && !strcmp(device_version(row, artifact->kind), artifact->version));
}

/* Whoever has it gets back what it had, as far as there is a way; some at a time. */
static void roll(struct look *x)
{
	Ota__CampaignWork *work = campaign_work(x->t, x->id);
	struct gv_scan scan = { .table = &ota_assignments, .prefix = gv_key(x->id) };
	size_t n = 0;

	if (*work->rolled_until)
		scan.after = gv_key(x->id, work->rolled_until);
	while (n < SWEPT_AT_ONCE && gv_next(x->t, &scan)) {
		struct assignment a;
		struct choice back;

		n++;
		work->rolled_until = gv_strdup(x->t, scan.key.part[1].s);
		if (!has_it(x, scan.row) || !assignment_load(&a, x->o, x->t, x->id, scan.key.part[1].s))
			continue;
		back = paths_back(x->t, assignment_artifact(&a), a.row->from_version, device_get(x->t, a.device));
		a.w->rolling_back = back.next != NULL;
		if (!back.next) {
			a.row->reason = gv_str(x->t, "stays: %s", back.reason);
			continue;
		}
		a.row->artifact = a.row->final = back.next->id;
		a.row->tries = 0;
		assignment_wait(&a, gv_now_ms(x->t), "goes back");
	}
	work->rolled = n < SWEPT_AT_ONCE;
	later(x, gv_now_ms(x->t));
}

/* ---- the look -------------------------------------------------------------------------------- */

static void run(struct look *x)
{
	int64_t now_ms = gv_now_ms(x->t);

	if (!x->work->planned) {
		plan_step(x->o, x->t, x->id);
		later(x, now_ms);
		return;
	}
	if (x->c->ends_at_ms && now_ms >= x->c->ends_at_ms) {
		sweep(x, "the campaign's time is over");
	} else if (now_ms < x->c->not_before_ms) {
		later(x, x->c->not_before_ms);
	} else {
		x->paths = paths_open(x->t, x->c->artifacts, x->c->n_artifacts);
		try_class(x, 0);
		try_class(x, 1);
		phases(x);
		if (x->c->ends_at_ms)
			later(x, x->c->ends_at_ms);
	}
	if (!x->work->in_flight && !any_queued(x->t, x->id, 0) && !any_queued(x->t, x->id, 1))
		campaign_enter(x->t, x->id, CAMPAIGN(DONE), "",
			       gv_str(x->t, "%u have it, %u failed, %u were passed over", x->work->succeeded,
				      x->work->failed, x->work->skipped));
}

/* Whether any still waits for its way back. */
static bool any_back(const struct look *x)
{
	struct gv_scan scan = { .table = &ota_queue, .prefix = gv_key(x->id, 0u) };

	while (gv_next(x->t, &scan))
		if (((const Ota__QueueRow *)scan.row)->rolling_back)
			return true;
	return false;
}

static void go_back(struct look *x)
{
	if (!x->work->rolled) {
		roll(x);
		return;
	}
	x->paths = paths_open(x->t, x->c->artifacts, x->c->n_artifacts);
	try_class(x, 0);
	if (!x->work->in_flight && !any_back(x))
		campaign_enter(x->t, x->id, CAMPAIGN(STOPPED), "", x->c->reason);
}

int decide(struct ota *o, struct gv_turn *t, const char *id)
{
	struct look x = { .o = o, .t = t, .id = gv_strdup(t, id), .c = campaign_get(t, id), .next_ms = INT64_MAX };

	if (!x.c)
		return 0;
	x.work = campaign_work(t, x.id);
	if (x.c->state == CAMPAIGN(RUNNING))
		run(&x);
	else if (x.c->state == CAMPAIGN(ROLLING_BACK))
		go_back(&x);
	else if (x.c->state == CAMPAIGN(ABORTED))
		sweep(&x, "the campaign was aborted");
	if (x.next_ms != INT64_MAX)
		campaign_wake_at(t, x.id, x.next_ms);
	return 0;
}
