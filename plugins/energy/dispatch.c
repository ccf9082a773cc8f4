/* Telling connectors what they should have, so that what all together may draw is never above a limit on the way:
 * whoever is to have less is told at once, whoever is to have more only out of what nobody else holds any more. A limit
 * that is asked for is held from the moment it is asked for, one that is to be given up until its charger has accepted
 * less. */
#include "energy.h"

#define SETTLE_MS 5000 /* so long raises wait for lowerings that are under way, to be told once and not in pieces */

/* It is open without a limit, or is to be. */
static bool is_to_open(const struct point *p)
{
	return p->opens && p->target_ma && !p->lost;
}

/* ---- what a connector falls back to ---------------------------------------------------------- */

/* What the floor leaves when all fall back: below zero only where the floor was lowered. */
struct floor {
	int64_t free_ma[SHARE_PHASES];
};

static void floor_init(const struct round *r, struct floor *f)
{
	for (unsigned p = 0; p < SHARE_PHASES; p++)
		f->free_ma[p] = r->floor_ma[p] - r->unlisted_lasting_ma[p];
	for (size_t i = 0; i < r->n_points; i++) {
		const struct point *p = &r->points[i];

		share_take(&p->claim, f->free_ma, SHARE_PHASES, is_to_open(p) ? p->max_ma : p->lasting_ma);
	}
}

/* What a connector that is given limit_ma shall fall back to: its minimum where the floor has room for it. */
static int64_t fallback(const struct round *r, const struct floor *f, const struct point *p, int64_t limit_ma)
{
	int64_t want_ma = p->claim.minimum_ma;

	if (r->row->site->pause_when_lost || limit_ma < want_ma ||
	    share_room(&p->claim, f->free_ma, SHARE_PHASES) + p->lasting_ma < want_ma)
		return 0;
	return want_ma;
}

static void send(struct round *r, struct floor *f, struct point *p, int64_t limit_ma, int64_t fallback_ma)
{
	command_send(r, p, limit_ma, fallback_ma);
	if (fallback_ma > p->lasting_ma) {
		share_take(&p->claim, f->free_ma, SHARE_PHASES, fallback_ma - p->lasting_ma);
		p->lasting_ma = fallback_ma;
	}
}

/* ---- lowering -------------------------------------------------------------------------------- */

static bool is_nothing(const Energy__PointRow *row)
{
	return row->known && !row->known->limit_ma && !row->known->fallback_ma;
}

static bool is_calm(struct round *r, const struct point *p)
{
	round_wake(r, p->row.asked_ms + r->e->interval_ms);
	return r->now_ms >= p->row.asked_ms + r->e->interval_ms;
}

/* Without a word from it, a charger is only ever asked for what it would do by itself in the end. */
static void probe(struct round *r, struct floor *f, struct point *p)
{
	int64_t lasting_ma = p->row.known && *p->row.session_id ? p->lasting_ma : 0;

	if (p->row.retry_ms <= r->now_ms)
		send(r, f, p, lasting_ma, lasting_ma);
}

static void lower(struct round *r, struct floor *f, const int64_t *free_ma, struct point *p)
{
	bool exceeded = share_room(&p->claim, free_ma, r->n_bounds) < 0;
	int64_t excess_ma = p->held_ma - p->target_ma;
	bool above_floor = p->lasting_ma && share_room(&p->claim, f->free_ma, SHARE_PHASES) < 0;

	if (is_to_open(p))
		return;
	if (p->target_ma ? !above_floor && excess_ma < (exceeded ? 1 : r->e->hysteresis_ma) : is_nothing(&p->row))
		return;
	if (!exceeded && !is_calm(r, p))
		return;
	if (p->target_ma >= p->held_ma) { /* it stays, and falls back to less */
		send(r, f, p, p->held_ma - p->held_ma % SHARE_STEP_MA, 0);
	} else {
		send(r, f, p, p->target_ma, above_floor ? 0 : fallback(r, f, p, p->target_ma));
	}
	if (above_floor) /* so that not all give theirs up at once */
		share_take(&p->claim, f->free_ma, SHARE_PHASES, -p->lasting_ma);
}

/* ---- raising --------------------------------------------------------------------------------- */

static bool is_due(struct round *r, const struct point *p)
{
	const Energy__Grant *known = p->row.known;
	int64_t due_ms;

	if (!known || known->limit_ma <= known->fallback_ma)
		return false;
	due_ms = known->until_ms - r->e->drift_ms - r->e->valid_ms / 2;
	round_wake(r, due_ms);
	return r->now_ms >= due_ms;
}

/* A limit that stands is never renewed: what is too small to be told at once is told after as long as others are
 * renewed. */
static bool has_stood(struct round *r, const struct point *p)
{
	int64_t due_ms = p->row.asked_ms + r->e->valid_ms / 2;

	if (!p->row.known || p->row.known->limit_ma > p->row.known->fallback_ma)
		return false;
	round_wake(r, due_ms);
	return r->now_ms >= due_ms;
}

static bool is_worth_it(struct round *r, const struct point *p, int64_t more_ma)
{
	return more_ma >= r->e->hysteresis_ma || (more_ma > 0 && has_stood(r, p));
}

static void open_up(struct round *r, const struct floor *f, int64_t *free_ma, struct point *p)
{
	int64_t more_ma = p->max_ma > p->held_ma ? p->max_ma - p->held_ma : 0;

	if (p->row.known && p->row.known->open)
		return;
	if (share_room(&p->claim, free_ma, r->n_bounds) < more_ma ||
	    share_room(&p->claim, f->free_ma, SHARE_PHASES) < 0)
		return;
	if (!is_calm(r, p))
		return;
	command_open(r, p);
	share_take(&p->claim, free_ma, r->n_bounds, more_ma);
	p->held_ma += more_ma;
}

static void raise_up(struct round *r, struct floor *f, int64_t *free_ma, struct point *p, bool settled)
{
	bool due = is_due(r, p);
	int64_t room_ma = share_room(&p->claim, free_ma, r->n_bounds), limit_ma;

	if (!p->target_ma || (!due && !settled))
		return;
	limit_ma = p->held_ma + (room_ma > 0 ? room_ma - room_ma % SHARE_STEP_MA : 0);
	limit_ma = limit_ma < p->target_ma ? limit_ma : p->target_ma;
	limit_ma -= limit_ma % SHARE_STEP_MA;
	if (limit_ma < p->claim.minimum_ma)
		return;
	if (!due && p->allowance_ma && !is_worth_it(r, p, limit_ma - p->allowance_ma))
		return;
	if (!is_calm(r, p))
		return;
	send(r, f, p, limit_ma, fallback(r, f, p, limit_ma));
	if (limit_ma > p->held_ma) {
		share_take(&p->claim, free_ma, r->n_bounds, limit_ma - p->held_ma);
		p->held_ma = limit_ma;
	}
}

/* Whether nobody is about to answer that it will draw less. */
static bool is_settled(struct round *r)
{
	bool settled = true;

	for (size_t i = 0; i < r->n_points; i++) {
		const Energy__Asked *asked = r->points[i].row.asked;

		if (!asked || asked->grant->limit_ma >= r->points[i].held_ma || r->now_ms >= asked->at_ms + SETTLE_MS)
			continue;
		round_wake(r, asked->at_ms + SETTLE_MS);
		settled = false;
	}
	return settled;
}

void dispatch(struct round *r)
{
	int64_t free_ma[SHARE_BOUNDS_MAX];
	struct floor f;
	bool settled;

	round_free(r, free_ma);
	floor_init(r, &f);
	for (size_t i = 0; i < r->n_points; i++) {
		struct point *p = &r->points[i];

		if (p->row.asked)
			continue;
		if (p->lost)
			probe(r, &f, p);
		else
			lower(r, &f, free_ma, p);
	}
	settled = is_settled(r);
	for (size_t i = 0; i < r->n_points; i++)
		if (r->points[i].row.asked || r->points[i].lost)
			continue;
		else if (is_to_open(&r->points[i]))
			open_up(r, &f, free_ma, &r->points[i]);
		else
			raise_up(r, &f, free_ma, &r->points[i], settled);
}
