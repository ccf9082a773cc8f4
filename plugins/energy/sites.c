/* What people say of a site, checked and kept. */
#include "energy.h"

#include <string.h>

#define MA_MAX INT64_C(10000000) /* 10 kA */
#define MA_MIN 1000              /* 1 A: nothing charges with less */
#define ID_MAX 64

/* Of a limit in mA: who writes 63 means 63 A. */
static const char *limit_problem(struct gv_turn *t, const char *field, int64_t limit_ma)
{
	if (limit_ma <= 0 || limit_ma > MA_MAX)
		return gv_str(t, "%s must be from 1000 to %lld", field, (long long)MA_MAX);
	if (limit_ma < MA_MIN)
		return gv_str(t, "%s is in mA, and %lld mA is less than an ampere: %lld A is %lld000", field,
			      (long long)limit_ma, (long long)limit_ma, (long long)limit_ma);
	return NULL;
}

static const char *group_problem(struct gv_turn *t, const Energy__Site *s, size_t i)
{
	const Energy__Group *g = s->groups[i];
	const char *problem;

	if (!*g->id)
		return gv_str(t, "site.groups[%zu].id is missing", i);
	if ((problem = limit_problem(t, gv_str(t, "site.groups[%zu].limitMa", i), g->limit_ma)))
		return problem;
	for (size_t k = 0; k < i; k++) {
		if (!strcmp(s->groups[k]->id, g->id))
			return gv_str(t, "site.groups: two have the id \"%s\"", g->id);
		for (size_t a = 0; a < g->n_devices; a++)
			for (size_t b = 0; b < s->groups[k]->n_devices; b++)
				if (!strcmp(g->devices[a], s->groups[k]->devices[b]))
					return gv_str(t, "site.groups: %s is in \"%s\" and in \"%s\"", g->devices[a],
						      s->groups[k]->id, g->id);
	}
	return NULL;
}

static const char *priority_problem(struct gv_turn *t, const Energy__Site *s, size_t i)
{
	const Energy__Priority *p = s->priorities[i];

	if (!!*p->device + !!*p->tag + !!*p->token != 1)
		return gv_str(t, "site.priorities[%zu] must name one of device, tag and token", i);
	if (p->weight < 1 || p->weight > 100)
		return gv_str(t, "site.priorities[%zu].weight must be from 1 to 100", i);
	return NULL;
}

static const char *problem_of(struct gv_turn *t, const Energy__Site *s)
{
	const char *problem = NULL;

	if (!*s->id || strlen(s->id) > ID_MAX)
		return gv_str(t, "site.id must have 1 to %d bytes", ID_MAX);
	if ((problem = limit_problem(t, "site.limitMa", s->limit_ma)))
		return problem;
	if (s->n_phase_limits_ma != 0 && s->n_phase_limits_ma != SHARE_PHASES)
		return "site.phaseLimitsMa must have three numbers or none";
	for (size_t i = 0; i < s->n_phase_limits_ma; i++)
		if (s->phase_limits_ma[i] != 0 &&
		    (problem = limit_problem(t, "site.phaseLimitsMa, where it is not 0,", s->phase_limits_ma[i])))
			return problem;
	if (s->minimum_ma < 0 || s->minimum_ma > MA_MAX || s->minimum_ma % SHARE_STEP_MA)
		return gv_str(t, "site.minimumMa must be a multiple of %d", SHARE_STEP_MA);
	if (s->grid_floor_ma < 0)
		return "site.gridFloorMa must not be negative";
	if (s->n_groups > SHARE_GROUPS_MAX)
		return gv_str(t, "site.groups: at most %d", SHARE_GROUPS_MAX);
	for (size_t i = 0; i < s->n_schedule; i++)
		if ((problem = hours_problem(s->schedule[i])))
			return gv_str(t, "site.schedule[%zu]: %s", i, problem);
	for (size_t i = 0; !problem && i < s->n_groups; i++)
		problem = group_problem(t, s, i);
	for (size_t i = 0; !problem && i < s->n_priorities; i++)
		problem = priority_problem(t, s, i);
	return problem;
}

const char *sites_store(struct energy *e, struct gv_turn *t, const Energy__Site *site)
{
	const Energy__SiteRow *before;
	Energy__SiteRow row = ENERGY__SITE_ROW__INIT;
	Energy__Site kept;
	const char *problem;

	if (!site)
		return "site is missing";
	if ((problem = problem_of(t, site)))
		return problem;
	before = gv_get(t, &energy_sites, gv_key(site->id));
	if (before)
		row = *before;
	kept = *site;
	kept.minimum_ma = kept.minimum_ma ? kept.minimum_ma : ENERGY_MINIMUM_MA;
	kept.slice_s = kept.slice_s ? kept.slice_s : ENERGY_SLICE_S;
	row.site = &kept;
	gv_put(t, &energy_sites, gv_key(site->id), &row);
	round_run(e, t, site->id);
	return NULL;
}
