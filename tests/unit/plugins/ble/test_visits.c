/* A whole visit (keys, time, voucher, start, stop, records, receipt) between the two ends of the library, over a wire
 * that is cut at every place, and over one that loses, doubles and reorders. Whatever happens: one session, every
 * record once in the cloud, and a pile that forgets only what the cloud has. */
#include "visit.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static const unsigned mtus[] = { 23, 185, 517 };
#define N_MTUS (sizeof(mtus) / sizeof(*mtus))
#define VISITS_MAX 20 /* on a bad wire, before a good one */

static struct visit v;

Test(visit, undisturbed)
{
	for (size_t m = 0; m < N_MTUS; m++) {
		visit_init(&v, 1);
		visit_run(&v, mtus[m]);
		visit_check(&v);
		cr_expect_eq(v.cloud.duplicates, 0);
	}
}

Test(visit, again_changes_nothing)
{
	visit_init(&v, 1);
	for (int i = 0; i < 3; i++)
		visit_run(&v, 185);
	visit_check(&v);
}

/* The next visit finds what the cut one left, and that one is cut, too, one place further on. */
Test(visit, cut_behind_every_segment)
{
	for (size_t m = 0; m < N_MTUS; m++) {
		unsigned all;

		visit_init(&v, 1);
		visit_run(&v, mtus[m]);
		all = v.segments;
		cr_assert_gt(all, 15);
		for (unsigned at = 1; at <= all; at++) {
			visit_init(&v, at);
			v.cut_at = at;
			visit_run(&v, mtus[m]);
			cr_assert_not(v.terminal.done, "MTU %u, cut at %u of %u", mtus[m], at, all);
			v.cut_at = 0;
			visit_run(&v, mtus[m]);
			visit_check(&v);
		}
	}
}

Test(visit, cut_further_on_each_time)
{
	for (size_t m = 0; m < N_MTUS; m++) {
		visit_init(&v, 1);
		for (v.cut_at = 1; !v.terminal.done; v.cut_at++)
			visit_run(&v, mtus[m]);
		visit_check(&v);
	}
}

Test(visit, lost_doubled_and_late_segments)
{
	const char *seeds = getenv("SEEDS");
	unsigned n = seeds ? (unsigned)strtoul(seeds, NULL, 10) : 100, faults = 0;

	for (unsigned seed = 1; seed <= n; seed++) {
		unsigned mtu = mtus[seed % N_MTUS];

		visit_init(&v, seed);
		v.one_in = mtu == 23 ? 60 : 12;
		for (int i = 0; i < VISITS_MAX && !v.terminal.done; i++) {
			visit_run(&v, mtu);
			faults += v.faults;
			cr_assert_leq(v.pile.acked + 1, v.cloud.chain.next ? v.cloud.chain.next : 1,
				      "seed %u: the pile may forget what the cloud does not have", seed);
			cr_assert_leq(v.pile.starts, 1, "seed %u", seed);
		}
		v.one_in = 0;
		visit_run(&v, mtu);
		visit_check(&v);
	}
	cr_expect_gt(faults, n, "the wire was too good: %u faults in %u seeds", faults, n);
}
