/* Who gets how much: the rules of sharing, and that they hold for any claims. */
#include <criterion/criterion.h>
#include <plugins/energy/share.h>

#include <stdio.h>
#include <stdlib.h>

#define ALL 7u

static struct share_claim claims[64];
static size_t n;
static int64_t room[SHARE_BOUNDS_MAX];
static size_t n_bounds;

static void setup(void)
{
	n = 0;
	n_bounds = SHARE_PHASES;
	for (size_t b = 0; b < SHARE_BOUNDS_MAX; b++)
		room[b] = 32000;
}

TestSuite(share, .init = setup);

static void claim(unsigned phases, int group, uint32_t weight, int64_t demand_ma)
{
	claims[n++] = (struct share_claim){
		.phases = phases, .group = group, .weight = weight, .minimum_ma = 6000, .demand_ma = demand_ma
	};
}

static void expect(size_t i, int64_t ma)
{
	cr_expect_eq(claims[i].given_ma, ma, "claim %zu gets %lld, not %lld", i, (long long)claims[i].given_ma,
		     (long long)ma);
}

Test(share, one_alone_gets_what_it_can_use)
{
	claim(ALL, -1, 1, 20000);
	share(claims, n, room, n_bounds);
	expect(0, 20000);
	cr_expect_eq(room[0], 12000);
}

Test(share, equals_get_equal_parts_and_the_last_step_goes_to_the_first)
{
	for (unsigned i = 0; i < 3; i++)
		claim(ALL, -1, 1, 32000);
	share(claims, n, room, n_bounds);
	expect(0, 10700);
	expect(1, 10700);
	expect(2, 10600);
}

Test(share, what_one_cannot_use_goes_to_the_others)
{
	claim(ALL, -1, 1, 8000);
	claim(ALL, -1, 1, 32000);
	claim(ALL, -1, 1, 32000);
	share(claims, n, room, n_bounds);
	expect(0, 8000);
	expect(1, 12000);
	expect(2, 12000);
}

Test(share, weights_are_proportions)
{
	claim(ALL, -1, 3, 32000);
	claim(ALL, -1, 1, 32000);
	share(claims, n, room, n_bounds);
	expect(0, 24000);
	expect(1, 8000);
}

Test(share, a_weight_takes_nobodys_minimum)
{
	claim(ALL, -1, 100, 32000);
	claim(ALL, -1, 1, 32000);
	share(claims, n, room, n_bounds);
	expect(0, 26000);
	expect(1, 6000);
}

Test(share, who_is_first_gets_a_minimum_where_there_is_not_one_for_each)
{
	for (unsigned i = 0; i < 8; i++)
		claim(ALL, -1, 1, 32000);
	share(claims, n, room, n_bounds);
	for (unsigned i = 0; i < 5; i++)
		expect(i, 6400);
	for (unsigned i = 5; i < 8; i++)
		expect(i, 0);
	cr_expect_eq(room[0], 0, "the whole limit is used");
}

Test(share, who_asks_for_less_than_a_minimum_gets_one)
{
	claim(ALL, -1, 1, 100);
	share(claims, n, room, n_bounds);
	expect(0, 6000);
}

Test(share, phases_are_counted_apart)
{
	claim(1, -1, 1, 32000);
	claim(2, -1, 1, 32000);
	claim(ALL, -1, 1, 32000);
	share(claims, n, room, n_bounds);
	expect(0, 16000);
	expect(1, 16000);
	expect(2, 16000);
	cr_expect_eq(room[2], 16000, "nobody else can use L3");
}

Test(share, a_feeder_bounds_its_own_and_the_rest_goes_to_others)
{
	n_bounds = 2 * SHARE_PHASES;
	room[3] = room[4] = room[5] = 14000;
	claim(ALL, 0, 1, 32000);
	claim(ALL, 0, 1, 32000);
	claim(ALL, -1, 1, 32000);
	share(claims, n, room, n_bounds);
	expect(0, 7000);
	expect(1, 7000);
	expect(2, 18000);
}

Test(share, without_room_nobody_gets_anything)
{
	room[1] = -5000;
	claim(ALL, -1, 1, 32000);
	claim(1, -1, 1, 32000);
	share(claims, n, room, n_bounds);
	expect(0, 0);
	expect(1, 32000);
}

/* ---- for any claims -------------------------------------------------------------------------- */

static unsigned below(unsigned *seed, unsigned most)
{
	return (unsigned)rand_r(seed) % most;
}

static void any_claims(unsigned *seed)
{
	n = 1 + below(seed, 20);
	n_bounds = SHARE_PHASES * (1 + below(seed, 3));
	for (size_t b = 0; b < n_bounds; b++)
		room[b] = below(seed, 100000);
	for (size_t i = 0; i < n; i++) {
		claims[i] = (struct share_claim){ .phases = 1 + below(seed, 7),
						  .group = (int)below(seed, (unsigned)n_bounds / SHARE_PHASES) - 1,
						  .weight = 1 + below(seed, 5),
						  .minimum_ma = 6000,
						  .demand_ma = below(seed, 400) * 100 };
	}
}

/* Rounding leaves up to a step of each claim to whoever can use it. */
static int64_t tolerance(void)
{
	return (int64_t)n * SHARE_STEP_MA;
}

/* Max-min: who has less than it wants is held back by a bound that is used up, and nobody at that bound could give it
 * something without having less itself, for its weight. */
static void check_fair(const struct share_claim *c)
{
	for (size_t b = 0; b < n_bounds; b++) {
		bool fair = room[b] < tolerance();

		if (!share_bounds(c, b))
			continue;
		for (size_t i = 0; i < n && fair; i++)
			if (share_bounds(&claims[i], b) && claims[i].given_ma > claims[i].minimum_ma + tolerance())
				fair = (claims[i].given_ma - tolerance()) * c->weight <=
				       (c->given_ma + SHARE_STEP_MA) * claims[i].weight;
		if (fair)
			return;
	}
	cr_assert_fail("a claim of weight %u has %lld of %lld, and nothing holds it back", c->weight,
		       (long long)c->given_ma, (long long)c->demand_ma);
}

Test(share, no_bound_is_ever_exceeded_and_it_is_fair_for_any_claims)
{
	for (unsigned seed = 1; seed <= 20000; seed++) {
		unsigned s = seed;

		setup();
		any_claims(&s);
		share(claims, n, room, n_bounds);
		for (size_t b = 0; b < n_bounds; b++)
			cr_assert_geq(room[b], 0, "seed %u exceeds bound %zu", seed, b);
		for (size_t i = 0; i < n; i++) {
			const struct share_claim *c = &claims[i];

			cr_assert(!c->given_ma || c->given_ma >= c->minimum_ma, "seed %u", seed);
			cr_assert_leq(c->given_ma, c->demand_ma, "seed %u", seed);
			if (c->given_ma && c->given_ma + SHARE_STEP_MA <= c->demand_ma)
				check_fair(c);
			if (!c->given_ma && c->demand_ma)
				cr_assert_lt(share_room(c, room, n_bounds), 2 * c->minimum_ma, "seed %u", seed);
		}
	}
}
