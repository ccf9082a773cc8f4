/* Who gets how much of a current that is not enough for all. Pure: numbers in, numbers out. */
#ifndef ENERGY_SHARE_H
#define ENERGY_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHARE_STEP_MA 100 /* OCPP 1.6 gives currents one decimal: what is given is a multiple of it */
#define SHARE_PHASES 3
#define SHARE_GROUPS_MAX 16
/* What bounds a claim: the site's phases, then those of each group. */
#define SHARE_BOUNDS_MAX (SHARE_PHASES * (1 + SHARE_GROUPS_MAX))

struct share_claim {
	unsigned phases; /* bit 0: L1 */
	int group;       /* -1: none */
	uint32_t weight; /* from 1 */
	int64_t minimum_ma, demand_ma;
	int64_t given_ma; /* out; 0: there is no room for its minimum, or it wants nothing */
	bool rises;       /* for share alone */
};

/* Whether a bound is one of the claim's. */
bool share_bounds(const struct share_claim *c, size_t bound);
/* The most that bounds leave to a claim. */
int64_t share_room(const struct share_claim *c, const int64_t *room_ma, size_t n_bounds);
/* Takes from every bound of the claim; `ma` may be negative. */
void share_take(const struct share_claim *c, int64_t *room_ma, size_t n_bounds, int64_t ma);

/* Shares room_ma, one number per bound, max-min fairly: first, in the order of the claims, as many as fit get their
 * minimum; then all of these rise together, each in proportion to its weight, until its demand or one of its bounds is
 * reached. room_ma becomes what is left. */
void share(struct share_claim *claims, size_t n, int64_t *room_ma, size_t n_bounds);

#endif
