/* Weighted max-min fairness under several bounds (progressive filling: Bertsekas and Gallager, Data Networks, 6.5.2).
 */
#include "share.h"

#include <string.h>

#define LEVEL_MAX INT64_C(1000000000) /* mA per unit of weight: above any demand */

bool share_bounds(const struct share_claim *c, size_t bound)
{
	if (!(c->phases & (1u << bound % SHARE_PHASES)))
		return false;
	return bound < SHARE_PHASES || (c->group >= 0 && (size_t)c->group + 1 == bound / SHARE_PHASES);
}

int64_t share_room(const struct share_claim *c, const int64_t *room_ma, size_t n_bounds)
{
	int64_t least = INT64_MAX;

	for (size_t b = 0; b < n_bounds; b++)
		if (share_bounds(c, b) && room_ma[b] < least)
			least = room_ma[b];
	return least;
}

void share_take(const struct share_claim *c, int64_t *room_ma, size_t n_bounds, int64_t ma)
{
	for (size_t b = 0; b < n_bounds; b++)
		if (share_bounds(c, b))
			room_ma[b] -= ma;
}

/* As many as fit get their minimum, in order. */
static void admit(struct share_claim *claims, size_t n, int64_t *room_ma, size_t n_bounds)
{
	for (size_t i = 0; i < n; i++) {
		struct share_claim *c = &claims[i];

		c->given_ma = 0;
		if (c->demand_ma <= 0)
			continue;
		if (c->demand_ma < c->minimum_ma)
			c->demand_ma = c->minimum_ma;
		if (share_room(c, room_ma, n_bounds) < c->minimum_ma)
			continue;
		c->given_ma = c->minimum_ma;
		share_take(c, room_ma, n_bounds, c->given_ma);
	}
}

static int64_t at_level(const struct share_claim *c, int64_t level)
{
	int64_t ma = level * c->weight;

	ma = ma < c->minimum_ma ? c->minimum_ma : ma;
	return ma < c->demand_ma ? ma : c->demand_ma;
}

/* What is left of each bound when those who still rise stand at a level; room_ma is what is left now. */
static void left_at(const struct share_claim *claims, size_t n, const int64_t *room_ma, size_t n_bounds, int64_t level,
		    int64_t *ret_left)
{
	memcpy(ret_left, room_ma, n_bounds * sizeof *room_ma);
	for (size_t i = 0; i < n; i++)
		if (claims[i].rises)
			share_take(&claims[i], ret_left, n_bounds, at_level(&claims[i], level) - claims[i].given_ma);
}

static bool fits(const int64_t *left, size_t n_bounds, const int64_t *room_ma)
{
	for (size_t b = 0; b < n_bounds; b++)
		if (left[b] < 0 && left[b] < room_ma[b])
			return false;
	return true;
}

/* Raises all that rise to the highest level at which every bound holds, and says which cannot rise further. False: all
 * have what they want. */
static bool fill(struct share_claim *claims, size_t n, int64_t *room_ma, size_t n_bounds)
{
	int64_t left[SHARE_BOUNDS_MAX], low = 0, high = LEVEL_MAX;

	while (low < high) {
		int64_t level = low + (high - low + 1) / 2;

		left_at(claims, n, room_ma, n_bounds, level, left);
		if (fits(left, n_bounds, room_ma))
			low = level;
		else
			high = level - 1;
	}
	for (size_t i = 0; i < n; i++) {
		int64_t ma = at_level(&claims[i], low);

		if (!claims[i].rises)
			continue;
		share_take(&claims[i], room_ma, n_bounds, ma - claims[i].given_ma);
		claims[i].given_ma = ma;
	}
	if (low == LEVEL_MAX)
		return false;
	left_at(claims, n, room_ma, n_bounds, low + 1, left);
	for (size_t i = 0; i < n; i++)
		if (share_room(&claims[i], left, n_bounds) < 0 || claims[i].given_ma == claims[i].demand_ma)
			claims[i].rises = false;
	return true;
}

/* Cuts to whole steps, and gives the rests that add up to a step again, in order. */
static void round_off(struct share_claim *claims, size_t n, int64_t *room_ma, size_t n_bounds)
{
	bool more = true;

	for (size_t i = 0; i < n; i++) {
		int64_t rest = claims[i].given_ma % SHARE_STEP_MA;

		share_take(&claims[i], room_ma, n_bounds, -rest);
		claims[i].given_ma -= rest;
	}
	while (more) {
		more = false;
		for (size_t i = 0; i < n; i++) {
			struct share_claim *c = &claims[i];

			if (!c->given_ma || c->given_ma + SHARE_STEP_MA > c->demand_ma ||
			    share_room(c, room_ma, n_bounds) < SHARE_STEP_MA)
				continue;
			c->given_ma += SHARE_STEP_MA;
			share_take(c, room_ma, n_bounds, SHARE_STEP_MA);
			more = true;
		}
	}
}

void share(struct share_claim *claims, size_t n, int64_t *room_ma, size_t n_bounds)
{
	bool any = true;

	admit(claims, n, room_ma, n_bounds);
	for (size_t i = 0; i < n; i++)
		claims[i].rises = claims[i].given_ma > 0;
	while (any && fill(claims, n, room_ma, n_bounds)) {
		any = false;
		for (size_t i = 0; i < n; i++)
			any |= claims[i].rises;
	}
	round_off(claims, n, room_ma, n_bounds);
}
