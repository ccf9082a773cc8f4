/* Who should have how much, and whose turn it is where there is not even the minimum for each.
 *
 * The order in which minima are given out: first who has waited for very long, then who has its turn, then who waits,
 * the longest first, then whose turn is over. So each gets its turn, and keeps it for a slice. */
#include "energy.h"
#include "prices.h"

#include <stdlib.h>

#define SLICES_TOO_LONG 2       /* who has waited for so many slices comes before all */
#define NEED_MARGIN_PERCENT 125 /* a vehicle that waits for cheap hours is given so much more time than it needs */
#define PHASE_V 230
#define IDLE_MA 500 /* who draws less than that, for as long as it takes to notice, has no use for its turn */

enum rank { RANK_OVERDUE, RANK_TURN, RANK_WAITING, RANK_OVER, RANK_NONE };

struct entry {
	struct point *point;
	enum rank rank;
	int64_t since_ms;
	size_t place; /* to keep the order of equals */
};

/* A connector that is open and to which nobody comes has no use for its turn. */
static int64_t slice_ms(const struct round *r, const struct point *p)
{
	if (p->opens)
		return r->e->low_ms;
	return (int64_t)r->row->site->slice_s * 1000 * p->claim.weight;
}

/* ---- who waits for a cheaper hour ------------------------------------------------------------ */

static unsigned phases_in(unsigned mask)
{
	return (mask & 1) + (mask >> 1 & 1) + (mask >> 2 & 1);
}

/* That the connector can give and the vehicle take. */
static int64_t most_of(const struct point *p)
{
	const Energy__Vehicle *v = p->row.vehicle;

	return v && v->max_ma && v->max_ma < p->max_ma ? v->max_ma : p->max_ma;
}

static bool waits_for_price(struct round *r, const struct point *p)
{
	const Energy__Needs *needs = p->row.needs;
	const Energy__Vehicle *v = p->row.vehicle;
	int64_t left_wh, watts, need_ms, departure_ms, energy_wh;

	if (!needs || !needs->cheap || !r->row->n_prices)
		return false;
	/* What people do not say, the vehicle may have said. */
	departure_ms = needs->departure_ms || !v ? needs->departure_ms : v->departure_ms;
	energy_wh = needs->energy_wh || !v ? needs->energy_wh : v->energy_wh;
	if (!departure_ms || !energy_wh)
		return false;
	left_wh = energy_wh - p->row.energy_wh;
	if (left_wh <= 0)
		return false;
	watts = most_of(p) * PHASE_V * phases_in(p->claim.phases) / 1000;
	need_ms = left_wh * 3600 * 10 / (watts ? watts : 1) * NEED_MARGIN_PERCENT;
	return prices_wait(r->row->prices, r->row->n_prices, r->now_ms, departure_ms, need_ms, &r->next_ms);
}

/* ---- whose turn it is ------------------------------------------------------------------------ */

static bool is_idle(const struct round *r, const struct point *p)
{
	return p->row.low_ms && p->row.draw_ma < IDLE_MA && r->now_ms - p->row.low_ms >= r->e->low_ms;
}

static void rank(const struct round *r, struct entry *e)
{
	const struct point *p = e->point;

	if (p->row.turn_ms) {
		bool over = r->now_ms - p->row.turn_ms >= slice_ms(r, p) || is_idle(r, p);

		e->rank = over ? RANK_OVER : RANK_TURN;
		e->since_ms = p->row.turn_ms;
		return;
	}
	e->since_ms = p->row.waiting_ms ? p->row.waiting_ms : r->now_ms;
	e->rank = r->now_ms - e->since_ms >= SLICES_TOO_LONG * (int64_t)r->row->site->slice_s * 1000 ? RANK_OVERDUE
												     : RANK_WAITING;
}

static int by_rank(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;

	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	if (a->since_ms != b->since_ms)
		return a->since_ms < b->since_ms ? -1 : 1;
	return a->place < b->place ? -1 : 1;
}

/* The sessions that take part, in the order in which they get their minimum. */
static size_t order(struct round *r, struct entry *entries)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n_points; i++) {
		struct point *p = &r->points[i];

		p->waits = *p->row.session_id && waits_for_price(r, p);
		if (p->lost || p->waits || !(*p->row.session_id || (p->opens && balance_could_open(r, p))))
			continue;
		entries[n] = (struct entry){ .point = p, .place = i };
		rank(r, &entries[n++]);
	}
	qsort(entries, n, sizeof *entries, by_rank);
	return n;
}

/* ---- connectors without a limit -------------------------------------------------------------- */

/* Where a charger takes limits of sessions only, its connector is open to sessions only while all that it can draw is
 * free, and would be if all fell back: nobody can take that away from it, once it does not answer. So a connector
 * without a session takes part as one that wants all of it or nothing. */

/* What the lowest limit leaves to those that are open. */
static void floor_left(const struct round *r, int64_t ret_ma[SHARE_PHASES])
{
	for (unsigned p = 0; p < SHARE_PHASES; p++)
		ret_ma[p] = r->floor_ma[p] - r->unlisted_lasting_ma[p];
	for (size_t i = 0; i < r->n_points; i++)
		if (r->points[i].lost)
			share_take(&r->points[i].claim, ret_ma, SHARE_PHASES, r->points[i].lasting_ma);
}

bool balance_could_open(const struct round *r, const struct point *p)
{
	return share_room(&p->claim, r->bound_ma, r->n_bounds) >= p->max_ma &&
	       share_room(&p->claim, r->floor_ma, SHARE_PHASES) >= p->max_ma;
}

static void claim_all(struct share_claim *claim, int64_t max_ma, int64_t floor_ma[SHARE_PHASES])
{
	claim->minimum_ma = claim->demand_ma = max_ma;
	if (share_room(claim, floor_ma, SHARE_PHASES) < max_ma)
		claim->demand_ma = 0;
	else
		share_take(claim, floor_ma, SHARE_PHASES, max_ma);
}

/* ---- the targets ----------------------------------------------------------------------------- */

static void set_time(struct point *p, int64_t *field, int64_t ms)
{
	if (*field == ms)
		return;
	*field = ms;
	p->changed = true;
}

/* Writes down who has its turn and who waits for one. */
static void keep_turns(struct round *r, const struct entry *entries, size_t n)
{
	bool short_of = false;
	int64_t begun = 0;

	for (size_t i = 0; i < n; i++)
		short_of |= !entries[i].point->target_ma;
	for (size_t i = 0; i < n; i++) {
		struct point *p = entries[i].point;

		if (!p->target_ma) {
			set_time(p, &p->row.waiting_ms, p->row.waiting_ms ? p->row.waiting_ms : r->now_ms);
			set_time(p, &p->row.turn_ms, 0);
			round_wake(r, p->row.waiting_ms + SLICES_TOO_LONG * (int64_t)r->row->site->slice_s * 1000);
			continue;
		}
		/* Whose turn is over and who has it all the same begins another one, behind those who wait. Turns that
		 * begin in one round do so a millisecond apart, so that they end in the order in which they were given
		 * and the same ones are not always the first to have another. */
		if (!p->row.turn_ms || (short_of && entries[i].rank == RANK_OVER && !is_idle(r, p)))
			set_time(p, &p->row.turn_ms, r->now_ms + begun++);
		set_time(p, &p->row.waiting_ms, 0);
		if (short_of)
			round_wake(r, p->row.turn_ms + slice_ms(r, p));
	}
}

void balance(struct round *r)
{
	struct entry *entries = gv_alloc(r->t, (r->n_points + 1) * sizeof *entries);
	struct share_claim *claims = gv_alloc(r->t, (r->n_points + 1) * sizeof *claims);
	int64_t room_ma[SHARE_BOUNDS_MAX], floor_ma[SHARE_PHASES];
	size_t n = order(r, entries);

	for (size_t b = 0; b < r->n_bounds; b++)
		room_ma[b] = r->bound_ma[b] - r->unlisted_ma[b];
	for (size_t i = 0; i < r->n_points; i++) {
		r->points[i].target_ma = 0;
		if (r->points[i].lost)
			share_take(&r->points[i].claim, room_ma, r->n_bounds, r->points[i].held_ma);
	}
	floor_left(r, floor_ma);
	for (size_t i = 0; i < n; i++) {
		const struct point *p = entries[i].point;

		claims[i] = p->claim;
		if (p->opens) {
			claim_all(&claims[i], p->max_ma, floor_ma);
			continue;
		}
		claims[i].demand_ma = p->row.demand_ma && p->row.demand_ma < most_of(p) ? p->row.demand_ma : most_of(p);
	}
	share(claims, n, room_ma, r->n_bounds);
	for (size_t i = 0; i < n; i++)
		entries[i].point->target_ma = entries[i].point->opens && claims[i].given_ma ? entries[i].point->max_ma
											    : claims[i].given_ma;
	keep_turns(r, entries, n);
}
