/* A site's round: what its connectors may draw and should draw, reckoned anew from the rows each time that something
 * has happened there. So a round costs as much as its site is large, and nothing is remembered but in the store. */
#include "energy.h"

#include <string.h>

const struct gv_table energy_sites = { .name = "sites", .key = "s", .value = &energy__site_row__descriptor };
const struct gv_table energy_devices = { .name = "devices", .key = "s", .value = &energy__device_row__descriptor };
const struct gv_table energy_members = { .name = "members", .key = "ss", .value = &energy__member__descriptor };
const struct gv_table energy_points = { .name = "points", .key = "su", .value = &energy__point_row__descriptor };

void round_wake(struct round *r, int64_t at_ms)
{
	if (at_ms > r->now_ms && at_ms < r->next_ms)
		r->next_ms = at_ms;
}

void round_free(const struct round *r, int64_t ret_ma[SHARE_BOUNDS_MAX])
{
	for (size_t b = 0; b < r->n_bounds; b++)
		ret_ma[b] = r->bound_ma[b] - r->unlisted_ma[b];
	for (size_t i = 0; i < r->n_points; i++)
		share_take(&r->points[i].claim, ret_ma, r->n_bounds, r->points[i].held_ma);
}

/* ---- what bounds a connector ----------------------------------------------------------------- */

/* The site's phases that a connector uses: of one that has fewer than three and does not say which, all. */
static unsigned phases_of(const Energy__DeviceRow *d, uint32_t phases)
{
	unsigned mask = 0;

	if (!phases || phases >= SHARE_PHASES || strlen(d->phase_rotation) != SHARE_PHASES)
		return 7;
	for (uint32_t i = 0; i < phases; i++) {
		const char *at = strchr("RST", d->phase_rotation[i]);

		if (!at)
			return 7;
		mask |= 1u << (at - "RST");
	}
	return mask;
}

static int group_of(const Energy__Site *site, const char *device)
{
	for (size_t i = 0; i < site->n_groups; i++)
		for (size_t k = 0; k < site->groups[i]->n_devices; k++)
			if (!strcmp(site->groups[i]->devices[k], device))
				return (int)i;
	return -1;
}

static bool matches(const Energy__Priority *p, const struct point *point, const Energy__DeviceRow *d)
{
	if (*p->device)
		return !strcmp(p->device, point->device);
	if (*p->token)
		return !strcmp(p->token, point->row.token);
	for (size_t i = 0; i < d->n_tags; i++)
		if (!strcmp(d->tags[i], p->tag))
			return true;
	return false;
}

static uint32_t weight_of(const Energy__Site *site, const struct point *point, const Energy__DeviceRow *d)
{
	uint32_t weight = 0;

	for (size_t i = 0; i < site->n_priorities; i++)
		if (site->priorities[i]->weight > weight && matches(site->priorities[i], point, d))
			weight = site->priorities[i]->weight;
	return weight ? weight : 1;
}

/* ---- loading --------------------------------------------------------------------------------- */

static Energy__Grant *assumed(struct round *r, int64_t ma)
{
	Energy__Grant *g = gv_alloc(r->t, sizeof *g);

	energy__grant__init(g);
	g->limit_ma = g->fallback_ma = ma;
	return g;
}

/* All that it may have been told. */
static void hold(struct round *r, struct point *p, const Energy__Grant *g)
{
	int64_t now_ma = grant_at(g, r->now_ms), lasting_ma = grant_at(g, INT64_MAX);

	p->held_ma = now_ma > p->held_ma ? now_ma : p->held_ma;
	p->lasting_ma = lasting_ma > p->lasting_ma ? lasting_ma : p->lasting_ma;
	round_wake(r, grant_next(g, r->now_ms));
}

static void load_point(struct round *r, const Energy__DeviceRow *d, struct point *p)
{
	const Energy__Grant *known = p->row.known;
	uint32_t phases = 0;

	for (size_t i = 0; i < d->n_plugs; i++)
		if (d->plugs[i]->id == p->connector) {
			phases = d->plugs[i]->phases;
			p->max_ma = d->plugs[i]->max_ma;
		}
	if (!p->max_ma)
		p->max_ma = r->e->assumed_ma;
	p->n_phases = phases < SHARE_PHASES ? phases : 0;
	p->claim.phases = phases_of(d, phases);
	p->claim.group = group_of(r->row->site, p->device);
	p->claim.weight = weight_of(r->row->site, p, d);
	p->claim.minimum_ma = r->row->site->minimum_ma;
	p->opens = p->row.session_only && !*p->row.session_id;
	if (!known || known->open)
		known = assumed(r, p->max_ma);
	p->allowance_ma = grant_at(known, r->now_ms);
	hold(r, p, known);
	hold(r, p, p->row.doubt);
	hold(r, p, p->row.asked ? p->row.asked->grant : NULL);
	p->lost = p->row.failures > 0;
	round_wake(r, p->row.retry_ms);
}

/* A connector of the site; `row` NULL: nothing was ever heard of it. */
static void add_point(struct round *r, const char *device, const Energy__DeviceRow *d, uint32_t connector,
		      const Energy__PointRow *row)
{
	struct point beyond = { 0 }, *p = &beyond;

	if (r->n_points < ENERGY_POINTS_MAX)
		p = GV_APPEND(r->t, r->points, r->n_points);
	p->device = device;
	p->connector = connector;
	energy__point_row__init(&p->row);
	if (row)
		p->row = *row;
	load_point(r, d, p);
	if (p != &beyond)
		return;
	r->n_unlisted++;
	share_take(&p->claim, r->unlisted_ma, r->n_bounds, -p->held_ma);
	share_take(&p->claim, r->unlisted_lasting_ma, SHARE_PHASES, -p->lasting_ma);
}

static void load_points(struct round *r)
{
	struct gv_scan members = { .table = &energy_members, .prefix = gv_key(r->site) };

	while (gv_next(r->t, &members)) {
		const char *device = members.key.part[1].s;
		const Energy__DeviceRow *d = gv_get(r->t, &energy_devices, gv_key(device));
		struct gv_scan scan = { .table = &energy_points, .prefix = gv_key(device) };

		for (size_t i = 0; d && i < d->n_plugs; i++)
			add_point(r, device, d, d->plugs[i]->id,
				  gv_get(r->t, &energy_points, gv_key(device, d->plugs[i]->id)));
		while (d && !d->n_plugs && gv_next(r->t, &scan))
			add_point(r, device, d, (uint32_t)scan.key.part[1].u, scan.row);
	}
}

/* The time zone of a site is that of its devices. */
static const struct gv_zone *zone_of(struct round *r)
{
	struct gv_scan members = { .table = &energy_members, .prefix = gv_key(r->site) };
	const Energy__DeviceRow *d = NULL;

	if (gv_next(r->t, &members))
		d = gv_get(r->t, &energy_devices, gv_key(members.key.part[1].s));
	return d ? devices_zone(r->e, r->t, d->time_zone) : NULL;
}

bool round_load(struct round *r, struct energy *e, struct gv_turn *t, const char *site)
{
	*r = (struct round){ .e = e, .t = t, .now_ms = gv_now_ms(t), .next_ms = INT64_MAX, .site = site };
	r->row = *site ? gv_get(t, &energy_sites, gv_key(site)) : NULL;
	if (!r->row)
		return false;
	r->n_bounds = SHARE_PHASES * (1 + r->row->site->n_groups);
	limits_at(r->row, zone_of(r), r->now_ms, e->ahead_ms, r->bound_ma, &r->next_ms);
	limits_floor(r->row, r->now_ms, r->floor_ma);
	for (size_t b = SHARE_PHASES; b < r->n_bounds; b++)
		r->bound_ma[b] = r->row->site->groups[b / SHARE_PHASES - 1]->limit_ma;
	load_points(r);
	return true;
}

/* ---- doing ----------------------------------------------------------------------------------- */

int round_store(struct round *r)
{
	for (size_t i = 0; i < r->n_points; i++)
		if (r->points[i].changed)
			gv_put(r->t, &energy_points, gv_key(r->points[i].device, r->points[i].connector),
			       &r->points[i].row);
	if (r->next_ms == INT64_MAX)
		return gv_timer_cancel(r->t, r->site);
	return gv_timer(r->t, r->site, r->next_ms > r->now_ms ? r->next_ms : r->now_ms + 1, NULL);
}

int round_run(struct energy *e, struct gv_turn *t, const char *site)
{
	struct round r;

	if (!round_load(&r, e, t, site))
		return 0;
	for (size_t i = 0; i < r.n_points; i++)
		command_overdue(&r, &r.points[i]);
	balance(&r);
	dispatch(&r);
	tell_changes(&r);
	return round_store(&r);
}

int round_of_device(struct energy *e, struct gv_turn *t, const char *device)
{
	const Energy__DeviceRow *d = gv_get(t, &energy_devices, gv_key(device));

	return d ? round_run(e, t, d->site) : 0;
}
