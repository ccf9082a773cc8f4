/* The sequential test on failures. */
#include <criterion/criterion.h>
#include <plugins/ota/campaigns/stop.h>

Test(stop, three_failures_in_a_row_stop_and_two_do_not)
{
	double evidence = 0;

	cr_expect_not(stop_takes(&evidence, true));
	cr_expect_not(stop_takes(&evidence, true));
	cr_expect(stop_takes(&evidence, true));
}

Test(stop, a_long_good_run_is_no_credit_for_a_bad_one)
{
	double evidence = 0;
	int failures = 1;

	for (int i = 0; i < 100000; i++)
		cr_assert_not(stop_takes(&evidence, false));
	while (!stop_takes(&evidence, true))
		failures++;
	cr_expect_leq(failures, 5);
}

/* Outcomes at a rate, from a generator of fixed seed: after how many it stops. */
static int stops_after(unsigned seed, unsigned per_mille, int most)
{
	double evidence = 0;

	for (int i = 1; i <= most; i++) {
		seed = seed * 1103515245 + 12345;
		if (stop_takes(&evidence, seed / 65536 % 1000 < per_mille))
			return i;
	}
	return most + 1;
}

Test(stop, one_in_a_hundred_is_borne_and_one_in_five_is_not)
{
	int stopped = 0;

	for (unsigned seed = 1; seed <= 200; seed++) {
		stopped += stops_after(seed, 10, 100) <= 100;
		cr_expect_leq(stops_after(seed, 200, 200), 200, "seed %u", seed);
	}
	cr_expect_leq(stopped, 12, "%d of 200 campaigns of a hundred devices at 1 %%", stopped);
}
