/* Limits: the site's own, its schedule's, the network operator's. The lowest wins. */
#include "limits.h"

static int64_t own(const Energy__Site *site, unsigned phase)
{
	return phase < site->n_phase_limits_ma && site->phase_limits_ma[phase] ? site->phase_limits_ma[phase]
									       : site->limit_ma;
}

static void lower_all(int64_t ret_ma[SHARE_PHASES], int64_t ma)
{
	for (unsigned p = 0; p < SHARE_PHASES; p++)
		if (ma < ret_ma[p])
			ret_ma[p] = ma;
}

static void sooner(int64_t *ret_ms, int64_t at_ms, int64_t now_ms)
{
	if (at_ms > now_ms && at_ms < *ret_ms)
		*ret_ms = at_ms;
}

void limits_at(const Energy__SiteRow *row, const struct gv_zone *zone, int64_t now_ms, int64_t ahead_ms,
	       int64_t ret_ma[SHARE_PHASES], int64_t *ret_change_ms)
{
	for (unsigned p = 0; p < SHARE_PHASES; p++)
		ret_ma[p] = own(row->site, p);
	for (size_t i = 0; i < row->site->n_schedule; i++)
		if (hours_hold(row->site->schedule[i], zone, now_ms, now_ms + ahead_ms, ret_change_ms))
			lower_all(ret_ma, row->site->schedule[i]->limit_ma);
	for (size_t i = 0; i < row->n_grid_limits; i++) {
		const Energy__GridLimit *g = row->grid_limits[i];

		sooner(ret_change_ms, g->start_ms - ahead_ms, now_ms);
		if (g->end_ms)
			sooner(ret_change_ms, g->end_ms, now_ms);
		if (g->start_ms <= now_ms + ahead_ms && (!g->end_ms || g->end_ms > now_ms))
			lower_all(ret_ma, g->limit_ma);
	}
}

void limits_floor(const Energy__SiteRow *row, int64_t now_ms, int64_t ret_ma[SHARE_PHASES])
{
	for (unsigned p = 0; p < SHARE_PHASES; p++)
		ret_ma[p] = own(row->site, p);
	for (size_t i = 0; i < row->site->n_schedule; i++)
		if (!row->site->schedule[i]->end_ms || row->site->schedule[i]->end_ms > now_ms)
			lower_all(ret_ma, row->site->schedule[i]->limit_ma);
	for (size_t i = 0; i < row->n_grid_limits; i++)
		if (!row->grid_limits[i]->end_ms || row->grid_limits[i]->end_ms > now_ms)
			lower_all(ret_ma, row->grid_limits[i]->limit_ma);
	if (row->site->grid_floor_ma)
		lower_all(ret_ma, row->site->grid_floor_ma);
}
