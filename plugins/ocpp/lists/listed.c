/* What the lists of chargers say of each token, and when it changed. No row is kept per charger and token: each change
 * has a number, a token has a row for its latest one, and a charger's list is a place in this order (ADR 18). */
#include "lists.h"

#include <string.h>

#define WALK_ROWS 1000      /* looked at in one turn */
#define WALK_DELAY_MS 60000 /* in which an emitter that starts anew tells all that it knows */
#define WALK_AGAIN_MS 10    /* while there is more to look at */
#define WALK_PERIOD_MS (24 * 60 * 60 * 1000)
#define EARLIER_MAX 64      /* sites that are remembered; beyond: everywhere */
#define KEEP_CHANGES 100000 /* so long a charger may be behind and still be told of unknown tokens one by one */
#define FORGOTTEN "list-changes-forgotten"

const struct gv_table ocpp_listed = { .name = "listed", .key = "s", .value = &ocpp__listed_token__descriptor };
const struct gv_table ocpp_list_changes = { .name = "list_changes",
					    .key = "u",
					    .value = &ocpp__list_change__descriptor };

/* ---- sites ----------------------------------------------------------------------------------- */

static bool among(char *const *sites, size_t n, const char *site)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(sites[i], site))
			return true;
	return false;
}

bool listed_good(const Ocpp__ListedToken *row, const char *site)
{
	return !strcmp(row->status, "Accepted") && (!row->n_sites || among(row->sites, row->n_sites, site));
}

bool listed_earlier(const Ocpp__ListedToken *row, const char *site)
{
	return row->earlier_everywhere || among(row->earlier, row->n_earlier, site);
}

static bool same_sites(const Ocpp__ListedToken *row, const struct listed_as *now)
{
	if (row->n_sites != now->n_sites)
		return false;
	for (size_t i = 0; i < row->n_sites; i++)
		if (strcmp(row->sites[i], now->sites[i]) != 0)
			return false;
	return true;
}

/* Where it was good so far is where chargers may know it. */
static void remember_sites(struct gv_turn *t, Ocpp__ListedToken *row)
{
	char **earlier = NULL;
	size_t n = 0;

	row->earlier_everywhere |= !row->n_sites;
	for (size_t i = 0; i < row->n_earlier; i++)
		*GV_APPEND(t, earlier, n) = row->earlier[i];
	for (size_t i = 0; i < row->n_sites; i++)
		if (!among(earlier, n, row->sites[i]))
			*GV_APPEND(t, earlier, n) = row->sites[i];
	row->earlier_everywhere |= n > EARLIER_MAX;
	row->earlier = earlier;
	row->n_earlier = row->earlier_everywhere ? 0 : n;
}

/* ---- changes --------------------------------------------------------------------------------- */

static bool is_same(const Ocpp__ListedToken *row, const struct listed_as *now)
{
	return !strcmp(row->status, now->status) && !strcmp(row->parent, now->parent) && !strcmp(row->id, now->id) &&
	       (!now->status[0] || !strcmp(row->type, now->type)) && row->valid_until_ms == now->valid_until_ms &&
	       same_sites(row, now);
}

static int change(struct ocpp *o, struct gv_turn *t, const char *fold, Ocpp__ListedToken *row,
		  const struct listed_as *now)
{
	bool was = !strcmp(row->status, "Accepted"), is = !strcmp(now->status, "Accepted");
	uint64_t number = ++o->lists->change;
	Ocpp__ListChange entry = OCPP__LIST_CHANGE__INIT;

	if (row->change)
		gv_delete(t, &ocpp_list_changes, gv_key(row->change));
	if (was)
		remember_sites(t, row);
	if (is && (!was || !same_sites(row, now)))
		row->added = number;
	if (was && !is)
		row->blocked = number;
	row->change = number;
	if (row->status[0] && now->status[0] && strcmp(row->type, now->type) != 0)
		row->retyped = number;
	row->id = now->status[0] ? (char *)now->id : row->id;
	row->type = now->status[0] ? (char *)now->type : row->type;
	row->status = (char *)now->status;
	row->parent = (char *)now->parent;
	row->valid_until_ms = now->valid_until_ms;
	row->sites = now->sites;
	row->n_sites = now->n_sites;
	entry.token = (char *)fold;
	gv_put(t, &ocpp_list_changes, gv_key(number), &entry);
	gv_put(t, &ocpp_listed, gv_key(fold), row);
	return fleet_changed(o, t);
}

int listed_refresh(struct ocpp *o, struct gv_turn *t, const char *fold)
{
	const Ocpp__ListedToken *row = gv_get(t, &ocpp_listed, gv_key(fold));
	Ocpp__ListedToken changed = OCPP__LISTED_TOKEN__INIT;
	struct listed_as now;

	authorize_listing(o, t, fold, &now);
	if (row ? is_same(row, &now) : strcmp(now.status, "Accepted") != 0)
		return 0;
	if (row)
		changed = *row;
	return change(o, t, fold, &changed, &now);
}

/* ---- the walk -------------------------------------------------------------------------------- */

/* An unknown token's row is only there to tell chargers that are behind. */
static bool forget(struct ocpp *o, struct gv_turn *t, const char *fold)
{
	const Ocpp__ListedToken *row = gv_get(t, &ocpp_listed, gv_key(fold));

	if (!row || row->status[0] || row->change + KEEP_CHANGES > o->lists->change)
		return false;
	if (row->change > o->lists->forgotten)
		o->lists->forgotten = row->change;
	gv_delete(t, &ocpp_list_changes, gv_key(row->change));
	gv_delete(t, &ocpp_listed, gv_key(fold));
	return true;
}

static int save_forgotten(struct ocpp *o, struct gv_turn *t)
{
	Ocpp__Counter row = OCPP__COUNTER__INIT;

	row.value = o->lists->forgotten;
	return gv_put(t, &ocpp_counters, gv_key(FORGOTTEN), &row);
}

int listed_walk(struct ocpp *o, struct gv_turn *t)
{
	o->lists->walking = true;
	o->lists->walk_listed = false;
	o->lists->walked[0] = '\0';
	return gv_timer(t, LISTED_TIMER, gv_now_ms(t) + WALK_DELAY_MS, NULL);
}

/* First the tokens that are known, then those that are listed and may be known no more. */
int listed_walk_on(struct ocpp *o, struct gv_turn *t)
{
	struct lists *l = o->lists;
	struct gv_scan scan = { .table = l->walk_listed ? &ocpp_listed : &ocpp_tokens };
	bool more = false, forgot = false;

	if (!l->walking)
		return listed_walk(o, t);
	if (l->walked[0])
		scan.after = gv_key(l->walked);
	for (unsigned n = 0; n < WALK_ROWS && (more = gv_next(t, &scan)); n++) {
		listed_refresh(o, t, scan.key.part[0].s);
		forgot |= l->walk_listed && forget(o, t, scan.key.part[0].s);
	}
	if (forgot)
		save_forgotten(o, t);
	if (more) {
		strncpy(l->walked, scan.key.part[0].s, OCPP_TAG_MAX);
		return gv_timer(t, LISTED_TIMER, gv_now_ms(t) + WALK_AGAIN_MS, NULL);
	}
	l->walked[0] = '\0';
	l->walking = !l->walk_listed;
	l->walk_listed = true;
	return gv_timer(t, LISTED_TIMER, gv_now_ms(t) + (l->walking ? WALK_AGAIN_MS : WALK_PERIOD_MS), NULL);
}

int listed_start(struct ocpp *o, struct gv_turn *t)
{
	struct gv_scan scan = { .table = &ocpp_list_changes, .reverse = true };
	const Ocpp__Counter *row = gv_get(t, &ocpp_counters, gv_key(FORGOTTEN));

	o->lists->change = gv_next(t, &scan) ? scan.key.part[0].u : 0;
	o->lists->forgotten = row ? row->value : 0;
	for (size_t i = 0; i < o->n_tags; i++)
		listed_refresh(o, t, o->tags[i].id);
	return listed_walk(o, t);
}
