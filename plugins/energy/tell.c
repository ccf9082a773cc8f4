/* What others see of a site: its state, and events of what changed. */
#include "energy.h"

/* Whoever comes may draw all that it can give. */
static bool is_open(const struct point *p)
{
	return !p->row.known || p->row.known->open;
}

static Energy__PointState state_of(const struct point *p)
{
	if (p->lost)
		return p->row.refused ? ENERGY__POINT_STATE__REFUSING : ENERGY__POINT_STATE__LOST;
	if (!*p->row.session_id)
		return p->opens && !is_open(p) ? ENERGY__POINT_STATE__CLOSED : ENERGY__POINT_STATE__IDLE;
	if (p->waits)
		return ENERGY__POINT_STATE__WAITING;
	return p->target_ma ? ENERGY__POINT_STATE__CHARGING : ENERGY__POINT_STATE__PAUSED;
}

/* "": nothing. */
static const char *problem_of(const struct round *r, const struct point *p)
{
	bool closed = state_of(p) == ENERGY__POINT_STATE__CLOSED;
	bool limitless = state_of(p) == ENERGY__POINT_STATE__REFUSING && is_open(p);

	if ((!closed && !limitless) || balance_could_open(r, p))
		return "";
	return gv_str(r->t,
		      "%s:%u %s, and can draw %lld mA, which is more than its site or feeder may at its lowest: set a "
		      "lower maximum at the charger and as maxCurrentMa of the connector (Registry/PutDevice), or give "
		      "the device the attribute energy: off and take what it draws off the site's limit",
		      p->device, p->connector,
		      closed ? "stays closed, as its charger takes limits of running sessions only" : "takes no limit",
		      (long long)p->max_ma);
}

Energy__Allocation *tell_allocation(struct round *r, const struct point *p)
{
	Energy__Allocation *a = gv_alloc(r->t, sizeof *a);
	const Energy__Grant *known = p->row.known;

	energy__allocation__init(a);
	a->device = (char *)p->device;
	a->connector = p->connector;
	a->session_id = p->row.session_id;
	a->state = state_of(p);
	a->known = known != NULL;
	a->session_only = p->row.session_only;
	a->problem = (char *)problem_of(r, p);
	a->allowance_ma = known ? p->allowance_ma : 0;
	a->reserved_ma = p->held_ma;
	a->target_ma = p->target_ma;
	a->draw_ma = p->row.draw_ma;
	if (known && known->until_ms > r->now_ms)
		a->until_ms = known->until_ms;
	a->fallback_ma = known ? known->fallback_ma : 0;
	for (uint32_t i = 0; i < SHARE_PHASES; i++)
		if (p->claim.phases & (1u << i))
			*GV_APPEND(r->t, a->phases, a->n_phases) = i + 1;
	return a;
}

static int64_t *three(struct gv_turn *t, size_t *ret_n)
{
	*ret_n = SHARE_PHASES;
	return gv_alloc(t, SHARE_PHASES * sizeof(int64_t));
}

static bool is_exceeded(const struct round *r)
{
	int64_t free_ma[SHARE_BOUNDS_MAX];

	round_free(r, free_ma);
	for (size_t b = 0; b < r->n_bounds; b++)
		if (free_ma[b] < 0)
			return true;
	return false;
}

Energy__SiteState *tell_state(struct round *r)
{
	Energy__SiteState *s = gv_alloc(r->t, sizeof *s);

	energy__site_state__init(s);
	s->limit_ma = three(r->t, &s->n_limit_ma);
	s->reserved_ma = three(r->t, &s->n_reserved_ma);
	s->draw_ma = three(r->t, &s->n_draw_ma);
	for (unsigned b = 0; b < SHARE_PHASES; b++) {
		s->limit_ma[b] = r->bound_ma[b];
		s->reserved_ma[b] = r->unlisted_ma[b];
	}
	s->unlisted = (uint32_t)r->n_unlisted;
	for (size_t i = 0; i < r->n_points; i++) {
		const struct point *p = &r->points[i];

		*GV_APPEND(r->t, s->allocations, s->n_allocations) = tell_allocation(r, p);
		for (unsigned b = 0; b < SHARE_PHASES; b++)
			if (share_bounds(&p->claim, b)) {
				s->reserved_ma[b] += p->held_ma;
				s->draw_ma[b] += p->row.draw_ma;
			}
	}
	s->exceeded = is_exceeded(r);
	s->grid_limits = r->row->grid_limits;
	s->n_grid_limits = r->row->n_grid_limits;
	s->prices = r->row->prices;
	s->n_prices = r->row->n_prices;
	return s;
}

static void tell_unlisted(const struct round *r)
{
	if (r->n_unlisted && !r->row->told_unlisted)
		gv_log(r->t, GV_WARN,
		       "site has more connectors than can be shared among, what the others may draw is reserved and "
		       "they "
		       "are told nothing: split it into sites site=%s most=%d others=%zu",
		       r->site, ENERGY_POINTS_MAX, r->n_unlisted);
}

static void tell_site(struct round *r)
{
	Energy__SiteLimitChanged event = ENERGY__SITE_LIMIT_CHANGED__INIT;
	bool same = r->row->n_told_limit_ma == SHARE_PHASES && r->row->told_exceeded == is_exceeded(r) &&
		    r->row->told_unlisted == (r->n_unlisted > 0);
	Energy__SiteRow row = *r->row;

	for (unsigned b = 0; same && b < SHARE_PHASES; b++)
		same = r->row->told_limit_ma[b] == r->bound_ma[b];
	if (same)
		return;
	row.told_limit_ma = three(r->t, &row.n_told_limit_ma);
	for (unsigned b = 0; b < SHARE_PHASES; b++)
		row.told_limit_ma[b] = r->bound_ma[b];
	row.told_exceeded = is_exceeded(r);
	row.told_unlisted = r->n_unlisted > 0;
	tell_unlisted(r);
	if (row.told_exceeded && !r->row->told_exceeded) {
		gv_count(r->t, "exceeded", 1);
		gv_log(r->t, GV_WARN,
		       "more may be drawn than the site's limit until its chargers have answered or fallen back "
		       "site=%s",
		       r->site);
	}
	gv_put(r->t, &energy_sites, gv_key(r->site), &row);
	event.site = (char *)r->site;
	event.limit_ma = row.told_limit_ma;
	event.n_limit_ma = row.n_told_limit_ma;
	event.exceeded = row.told_exceeded;
	gv_emit(r->t, &event);
}

void tell_changes(struct round *r)
{
	tell_site(r);
	for (size_t i = 0; i < r->n_points; i++) {
		struct point *p = &r->points[i];
		Energy__AllocationChanged event = ENERGY__ALLOCATION_CHANGED__INIT;
		int64_t allowance_ma = p->row.known ? p->allowance_ma : 0;

		if (p->row.told_ma == allowance_ma && p->row.told_state == state_of(p))
			continue;
		p->row.told_ma = allowance_ma;
		p->row.told_state = state_of(p);
		p->changed = true;
		event.allocation = tell_allocation(r, p);
		if (*event.allocation->problem)
			gv_log(r->t, GV_WARN, "%s device=%s connector=%u site=%s", event.allocation->problem, p->device,
			       p->connector, r->site);
		event.device = (char *)p->device;
		event.site = (char *)r->site;
		gv_emit(r->t, &event);
	}
}
