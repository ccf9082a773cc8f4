/* Energy's methods. */
#include "energy.h"

#include <string.h>

static const Energy__SiteRow *find(struct gv_turn *t, struct gv_ticket to, const char *id)
{
	const Energy__SiteRow *row = *id ? gv_get(t, &energy_sites, gv_key(id)) : NULL;

	if (!row)
		gv_refuse(t, to, GV_NOT_FOUND, "the power of a site \"%s\" is not managed: Energy/PutSite makes it so",
			  id);
	return row;
}

static int put_site(struct energy *e, struct gv_turn *t, struct gv_ticket to, const Energy__PutSiteRequest *r)
{
	Energy__PutSiteReply reply = ENERGY__PUT_SITE_REPLY__INIT;
	const char *problem = sites_store(e, t, r->site);

	if (problem)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "%s", problem);
	reply.site = ((const Energy__SiteRow *)gv_get(t, &energy_sites, gv_key(r->site->id)))->site;
	return gv_reply(t, to, &reply);
}
GV_ON_CALL(put_site, struct energy, Energy__PutSiteRequest)

static int get_site(struct energy *e, struct gv_turn *t, struct gv_ticket to, const Energy__GetSiteRequest *r)
{
	Energy__GetSiteReply reply = ENERGY__GET_SITE_REPLY__INIT;
	struct round round;

	if (!find(t, to, r->id))
		return 0;
	round_load(&round, e, t, r->id);
	balance(&round); /* what it changes is not written: only the targets are of interest */
	reply.site = round.row->site;
	reply.state = tell_state(&round);
	return gv_reply(t, to, &reply);
}
GV_ON_CALL(get_site, struct energy, Energy__GetSiteRequest)

static int list_sites(struct energy *e, struct gv_turn *t, struct gv_ticket to, const Energy__ListSitesRequest *r)
{
	Energy__ListSitesReply reply = ENERGY__LIST_SITES_REPLY__INIT;
	struct gv_scan scan = { .table = &energy_sites };
	size_t limit = r->limit ? r->limit : ENERGY_PAGE_DEFAULT;

	if (limit > ENERGY_PAGE_MAX)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "limit must be at most %d", ENERGY_PAGE_MAX);
	if (*r->after)
		scan.after = gv_key(r->after);
	while (reply.n_sites < limit && gv_next(t, &scan))
		*GV_APPEND(t, reply.sites, reply.n_sites) = ((const Energy__SiteRow *)scan.row)->site;
	return gv_reply(t, to, &reply);
}
GV_ON_CALL(list_sites, struct energy, Energy__ListSitesRequest)

static int delete_site(struct energy *e, struct gv_turn *t, struct gv_ticket to, const Energy__DeleteSiteRequest *r)
{
	Energy__DeleteSiteReply reply = ENERGY__DELETE_SITE_REPLY__INIT;
	struct gv_scan members = { .table = &energy_members, .prefix = gv_key(r->id) };

	if (!find(t, to, r->id))
		return 0;
	while (gv_next(t, &members))
		command_release(e, t, members.key.part[1].s);
	gv_delete(t, &energy_sites, gv_key(r->id));
	gv_timer_cancel(t, r->id);
	return gv_reply(t, to, &reply);
}
GV_ON_CALL(delete_site, struct energy, Energy__DeleteSiteRequest)

/* ---- the grid -------------------------------------------------------------------------------- */

/* The limits but the one of that id, and those that are over. */
static void keep_others(struct gv_turn *t, Energy__SiteRow *row, const Energy__SiteRow *from, const char *id)
{
	row->grid_limits = NULL;
	row->n_grid_limits = 0;
	for (size_t i = 0; i < from->n_grid_limits; i++) {
		Energy__GridLimit *g = from->grid_limits[i];

		if (strcmp(g->id, id) != 0 && (!g->end_ms || g->end_ms > gv_now_ms(t)))
			*GV_APPEND(t, row->grid_limits, row->n_grid_limits) = g;
	}
}

/* Whether what chargers fall back to, all together, is within a limit. */
static bool is_within_fallback(struct energy *e, struct gv_turn *t, const char *site, int64_t limit_ma)
{
	int64_t left_ma[SHARE_PHASES] = { limit_ma, limit_ma, limit_ma };
	struct round r;

	round_load(&r, e, t, site);
	for (unsigned p = 0; p < SHARE_PHASES; p++)
		left_ma[p] -= r.unlisted_lasting_ma[p];
	for (size_t i = 0; i < r.n_points; i++)
		share_take(&r.points[i].claim, left_ma, SHARE_PHASES, r.points[i].lasting_ma);
	return left_ma[0] >= 0 && left_ma[1] >= 0 && left_ma[2] >= 0;
}

static int set_grid_limit(struct energy *e, struct gv_turn *t, struct gv_ticket to,
			  const Energy__SetGridLimitRequest *r)
{
	Energy__SetGridLimitReply reply = ENERGY__SET_GRID_LIMIT_REPLY__INIT;
	const Energy__SiteRow *before = find(t, to, r->site);
	const Energy__GridLimit *g = r->limit;
	int64_t now_ms = gv_now_ms(t), sure_ms = now_ms + e->ahead_ms;
	Energy__SiteRow row;

	if (!before)
		return 0;
	if (!g || !*g->id)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "limit.id is missing");
	if (g->limit_ma < 0 || g->start_ms < 0 || g->end_ms < 0)
		return gv_refuse(t, to, GV_INVALID_ARGUMENT, "limit must have no negative number");
	if (g->end_ms && (g->end_ms <= g->start_ms || g->end_ms <= now_ms))
		return gv_refuse(t, to, GV_INVALID_ARGUMENT,
				 "limit.endMs must be after limit.startMs, and in the future");
	row = *before;
	keep_others(t, &row, before, g->id);
	if (row.n_grid_limits >= ENERGY_GRID_LIMITS_MAX)
		return gv_refuse(t, to, GV_RESOURCE_EXHAUSTED, "%s has %d grid limits already: clear some", r->site,
				 ENERGY_GRID_LIMITS_MAX);
	*GV_APPEND(t, row.grid_limits, row.n_grid_limits) = (Energy__GridLimit *)g;
	gv_put(t, &energy_sites, gv_key(r->site), &row);
	if (is_within_fallback(e, t, r->site, g->limit_ma))
		reply.sure_from_ms = g->start_ms > sure_ms ? g->start_ms : sure_ms;
	gv_log(t, GV_INFO, "grid limit site=%s id=%s limit_ma=%lld", r->site, g->id, (long long)g->limit_ma);
	round_run(e, t, r->site);
	return gv_reply(t, to, &reply);
}
GV_ON_CALL(set_grid_limit, struct energy, Energy__SetGridLimitRequest)

static int clear_grid_limit(struct energy *e, struct gv_turn *t, struct gv_ticket to,
			    const Energy__ClearGridLimitRequest *r)
{
	Energy__ClearGridLimitReply reply = ENERGY__CLEAR_GRID_LIMIT_REPLY__INIT;
	const Energy__SiteRow *before = find(t, to, r->site);
	Energy__SiteRow row;

	if (!before)
		return 0;
	row = *before;
	keep_others(t, &row, before, r->id);
	gv_put(t, &energy_sites, gv_key(r->site), &row);
	round_run(e, t, r->site);
	return gv_reply(t, to, &reply);
}
GV_ON_CALL(clear_grid_limit, struct energy, Energy__ClearGridLimitRequest)

static int put_prices(struct energy *e, struct gv_turn *t, struct gv_ticket to, const Energy__PutPricesRequest *r)
{
	Energy__PutPricesReply reply = ENERGY__PUT_PRICES_REPLY__INIT;
	const Energy__SiteRow *before = find(t, to, r->site);
	Energy__SiteRow row;

	if (!before)
		return 0;
	for (size_t i = 0; i < r->n_prices; i++)
		if (r->prices[i]->start_ms <= (i ? r->prices[i - 1]->start_ms : 0))
			return gv_refuse(t, to, GV_INVALID_ARGUMENT,
					 "prices[%zu].startMs must be later than the one before", i);
	row = *before;
	row.prices = r->prices;
	row.n_prices = r->n_prices;
	gv_put(t, &energy_sites, gv_key(r->site), &row);
	round_run(e, t, r->site);
	return gv_reply(t, to, &reply);
}
GV_ON_CALL(put_prices, struct energy, Energy__PutPricesRequest)

GV_ON_CALL(sessions_needs, struct energy, Energy__SetNeedsRequest)

const struct gv_method energy_methods[] = {
	{ "PutSite", put_site_call },
	{ "GetSite", get_site_call },
	{ "ListSites", list_sites_call },
	{ "DeleteSite", delete_site_call },
	{ "SetGridLimit", set_grid_limit_call },
	{ "ClearGridLimit", clear_grid_limit_call },
	{ "PutPrices", put_prices_call },
	{ "SetNeeds", sessions_needs_call },
	{ 0 },
};
