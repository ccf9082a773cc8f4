/* Any set of profiles: what the plugin reckons is, second by second, what the rules say (reference.c). */
#include "reference.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEDS 300
#define LENGTH_S 5000

static uint64_t state;

static unsigned below(unsigned n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(state >> 33) % n;
}

static int64_t somewhen(void)
{
	return MIDNIGHT + (int64_t)below(2 * LENGTH_S) * 1000 - LENGTH_S * S + (below(4) ? 0 : below(1000));
}

static void any_profile(struct bench *b)
{
	static const uint32_t starts[] = { 0, 1, 60, 600, 601, 3600 };
	struct made *m = profile(b, below(3), (Ocpp__Profile__Purpose)below(4), (int)below(4),
				 below(5) ? somewhen() : 0);
	unsigned n = 1 + below(4);

	m->profile.set_at_ms = MIDNIGHT - LENGTH_S * S + (int64_t)b->n; /* no two at once */
	m->profile.kind = (Ocpp__Profile__Kind)below(3);
	m->profile.recurrency = (Ocpp__Profile__Recurrency)(1 + below(2));
	if (m->profile.kind == OCPP__PROFILE__KIND__RECURRING)
		m->schedule.start_ms = somewhen() - (int64_t)below(9) * DAY;
	m->profile.valid_from_ms = below(3) ? 0 : somewhen();
	m->profile.valid_to_ms = below(3) ? 0 : somewhen();
	if (m->profile.purpose == OCPP__PROFILE__PURPOSE__TX)
		m->profile.transaction = below(2) ? "1" : below(2) ? "2" : "";
	m->schedule.power = below(3) == 0;
	for (unsigned i = 0, at = below(2); i < n; i++, at += 1 + below(2))
		period(m, starts[at < 6 ? at : 5] + (at > 5 ? at : 0),
		       (int64_t)(below(5) * 40) * (m->schedule.power ? 690 : 1), below(4));
	if (below(2))
		lasting(m, below(LENGTH_S));
}

static void any_bench(struct bench *b, uint64_t seed)
{
	unsigned n;

	memset(b, 0, sizeof *b);
	state = seed;
	n = below(9);
	for (unsigned i = 0; i < n; i++)
		any_profile(b);
	asking(b, MIDNIGHT, LENGTH_S);
	b->ask.power = below(2);
	b->ask.station = below(3) == 0;
	b->ask.n_connectors = b->ask.station ? below(4) : 1;
	for (unsigned i = 0; i < 3; i++) {
		b->connectors[i].id = i + 1;
		b->connectors[i].transaction = below(3) ? below(2) ? "1" : "2" : NULL;
		b->connectors[i].started_ms = MIDNIGHT - (int64_t)below(LENGTH_S) * 1000;
	}
}

Test(composite, is_what_the_rules_say_second_by_second)
{
	static struct bench b;
	static struct composite_span spans[COMPOSITE_SPANS_MAX];

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		uint32_t until_s;
		size_t n, i = 0;

		any_bench(&b, seed);
		n = composite(&b.ask, spans, COMPOSITE_SPANS_MAX, &until_s);
		cr_assert_eq(until_s, LENGTH_S);
		for (uint32_t second = 0; second < LENGTH_S; second++) {
			struct composite_span right = reference_at(&b.ask, second);

			if (i + 1 < n && spans[i + 1].start_s == second) {
				i++;
				cr_assert(spans[i].limit_tenths != spans[i - 1].limit_tenths ||
						  spans[i].phases != spans[i - 1].phases,
					  "seed %lu: equal neighbours at %u", (unsigned long)seed, second);
			}
			cr_assert(spans[i].limit_tenths == right.limit_tenths && spans[i].phases == right.phases,
				  "seed %lu, second %u: %lld on %u phases, not %lld on %u", (unsigned long)seed, second,
				  (long long)spans[i].limit_tenths, spans[i].phases, (long long)right.limit_tenths,
				  right.phases);
		}
		cr_assert_eq(i, n - 1, "seed %lu: spans behind the end", (unsigned long)seed);
	}
}
