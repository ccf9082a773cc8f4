/* SetLimit and ClearLimit: what was asked, what was answered, and what is in doubt when it was not. */
#include "energy.h"

#include <errno.h>
#include <string.h>

#define OVERDUE_MS 60000 /* after its deadline an answer is on its way at most so long */
#define RETRY_DOUBLINGS 5

static Energy__Grant *grant_of(struct round *r, int64_t limit_ma, int64_t fallback_ma)
{
	Energy__Grant *g = gv_alloc(r->t, sizeof *g);

	energy__grant__init(g);
	g->limit_ma = limit_ma;
	g->fallback_ma = fallback_ma;
	if (limit_ma > fallback_ma)
		g->until_ms = r->now_ms + r->e->ahead_ms;
	return g;
}

static Energy__Asked *ask(struct round *r, struct point *p, Energy__Grant *g)
{
	Energy__Asked *a = gv_alloc(r->t, sizeof *a);

	energy__asked__init(a);
	if (g->until_ms)
		a->valid_s = (uint32_t)(r->e->valid_ms / 1000);
	a->grant = g;
	a->at_ms = r->now_ms;
	/* No answer to a row of this connector that was dropped meanwhile may pass for one to this. */
	p->row.asked_number = p->row.asked_number < (uint64_t)r->now_ms ? (uint64_t)r->now_ms : p->row.asked_number + 1;
	a->number = p->row.asked_number;
	return a;
}

static void call(struct round *r, struct point *p, Energy__Asked *asked, const char *method, const void *request)
{
	Energy__AskedNote note = ENERGY__ASKED_NOTE__INIT;

	note.device = (char *)p->device;
	note.connector = p->connector;
	note.number = asked->number;
	if (gv_call(r->t,
		    &(struct gv_call){
			    .method = method, .request = request, .note = &note, .timeout_ms = r->e->answer_ms }) ==
	    -ENOSPC) {
		round_wake(r, r->now_ms + r->e->interval_ms);
		return;
	}
	gv_count(r->t, "limits_asked", 1);
	p->row.asked = asked;
	p->row.asked_ms = r->now_ms;
	p->changed = true;
	round_wake(r, asked->at_ms + r->e->answer_ms + OVERDUE_MS);
}

void command_send(struct round *r, struct point *p, int64_t limit_ma, int64_t fallback_ma)
{
	Energy__Asked *asked = ask(r, p, grant_of(r, limit_ma, fallback_ma));
	Charging__SetLimitRequest request = CHARGING__SET_LIMIT_REQUEST__INIT;
	Charging__LimitPeriod period = CHARGING__LIMIT_PERIOD__INIT, after = CHARGING__LIMIT_PERIOD__INIT;
	Charging__LimitPeriod *periods[] = { &period };

	request.device = (char *)p->device;
	request.connector = p->connector;
	request.close_after = true;
	period.current_ma = limit_ma;
	after.current_ma = fallback_ma;
	period.phases = after.phases = p->n_phases;
	request.periods = periods;
	request.n_periods = 1;
	request.valid_s = asked->valid_s;
	if (asked->valid_s)
		request.fallback = &after;
	call(r, p, asked, "galvan.charging.v1.Charging/SetLimit", &request);
}

void command_open(struct round *r, struct point *p)
{
	Energy__Asked *asked = ask(r, p, grant_of(r, p->max_ma, p->max_ma));
	Charging__ClearLimitRequest request = CHARGING__CLEAR_LIMIT_REQUEST__INIT;

	asked->grant->open = true;
	request.device = (char *)p->device;
	request.connector = p->connector;
	call(r, p, asked, "galvan.charging.v1.Charging/ClearLimit", &request);
}

/* ---- answers --------------------------------------------------------------------------------- */

/* Not even a refusal says that the charger is as it was: it may have accepted, and refused when it was asked once more
 * because its plugin had died before it knew. */
static void failed(struct energy *e, struct gv_turn *t, Energy__PointRow *row, bool refused)
{
	uint32_t doublings = row->failures < RETRY_DOUBLINGS ? row->failures : RETRY_DOUBLINGS;
	Energy__Grant *doubt = gv_alloc(t, sizeof *doubt);

	energy__grant__init(doubt);
	grant_widen(doubt, row->doubt);
	grant_widen(doubt, row->asked->grant);
	gv_count(t, refused ? "limits_refused" : "limits_unanswered", 1);
	row->doubt = doubt;
	row->asked = NULL;
	row->refused = refused;
	row->retry_ms = gv_now_ms(t) + (e->retry_ms << doublings);
	row->failures++;
}

static void accepted(struct energy *e, struct gv_turn *t, Energy__PointRow *row)
{
	Energy__Grant *known = gv_alloc(t, sizeof *known);

	*known = *row->asked->grant;
	if (row->asked->valid_s)
		known->until_ms = gv_now_ms(t) + (int64_t)row->asked->valid_s * 1000 + e->drift_ms;
	row->known = known;
	row->doubt = NULL;
	row->asked = NULL;
	row->failures = 0;
	row->refused = false;
	row->retry_ms = 0;
	gv_count(t, "limits_accepted", 1);
}

void command_overdue(struct round *r, struct point *p)
{
	int64_t overdue_ms;

	if (!p->row.asked)
		return;
	overdue_ms = p->row.asked->at_ms + r->e->answer_ms + OVERDUE_MS;
	round_wake(r, overdue_ms);
	if (r->now_ms < overdue_ms)
		return;
	failed(r->e, r->t, &p->row, false);
	p->changed = p->lost = true;
	round_wake(r, p->row.retry_ms);
}

/* NULL: there was no answer. Unknown: there was no limit to be cleared. */
static const char *status_of(const struct gv_answer *a, bool opened)
{
	const char *status;

	if (a->code != GV_OK || !a->reply)
		return NULL;
	if (!opened)
		return ((const Charging__SetLimitReply *)a->reply)->status;
	status = ((const Charging__CommandReply *)a->reply)->status;
	return strcmp(status, "Unknown") ? status : "Accepted";
}

int command_answered(struct energy *e, struct gv_turn *t, const struct gv_answer *a)
{
	const Energy__AskedNote *note = a->note;
	const Energy__PointRow *found = gv_get(t, &energy_points, gv_key(note->device, note->connector));
	const char *status;
	Energy__PointRow row;

	if (!found || !found->asked || found->asked->number != note->number)
		return 0;
	row = *found;
	status = status_of(a, row.asked->grant->open);
	if (status && !row.asked->grant->open)
		row.session_only = ((const Charging__SetLimitReply *)a->reply)->session_only;
	if (status && !strcmp(status, "Accepted")) {
		accepted(e, t, &row);
	} else {
		if (!row.failures)
			gv_log(t, GV_WARN,
			       "charger does not take a limit, what it may draw stays reserved device=%s connector=%u "
			       "why=\"%s\"",
			       note->device, note->connector, status ? status : a->error);
		failed(e, t, &row, status != NULL);
	}
	gv_put(t, &energy_points, gv_key(note->device, note->connector), &row);
	return round_of_device(e, t, note->device);
}

/* ---- the end --------------------------------------------------------------------------------- */

void command_clear(struct energy *e, struct gv_turn *t, const char *device, uint32_t connector,
		   const Energy__PointRow *row)
{
	Charging__ClearLimitRequest request = CHARGING__CLEAR_LIMIT_REQUEST__INIT;

	request.device = (char *)device;
	request.connector = connector;
	if (row->known || row->doubt || row->asked)
		gv_call(t, &(struct gv_call){ .method = "galvan.charging.v1.Charging/ClearLimit",
					      .request = &request,
					      .timeout_ms = e->answer_ms });
}

int command_release(struct energy *e, struct gv_turn *t, const char *device)
{
	struct gv_scan scan = { .table = &energy_points, .prefix = gv_key(device) };

	while (gv_next(t, &scan)) {
		Energy__PointRow row = *(const Energy__PointRow *)scan.row;

		command_clear(e, t, device, (uint32_t)scan.key.part[1].u, &row);
		row.known = row.doubt = NULL;
		row.asked = NULL;
		row.failures = 0;
		row.session_only = false;
		row.retry_ms = row.told_ma = row.waiting_ms = row.turn_ms = 0;
		row.told_state = ENERGY__POINT_STATE__POINT_STATE_UNSPECIFIED;
		gv_put(t, &energy_points, scan.key, &row);
	}
	return 0;
}
