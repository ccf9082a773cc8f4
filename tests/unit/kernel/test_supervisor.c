/* The policy of restarts. What the supervisor does with real processes is in tests/integration/node. */
#include <criterion/criterion.h>

#include "restart.h"

Test(restart, the_back_off_doubles_up_to_a_limit)
{
	struct gv_restart r = { 0 };
	uint32_t delay, wanted = GV_RESTART_FIRST_MS;
	int64_t now = 1000;

	for (int i = 0; i < 20; i++) {
		cr_assert(gv_restart_crashed(&r, now - 1, now, &delay));
		cr_expect_eq(delay, wanted);
		wanted = wanted * 2 > GV_RESTART_MAX_MS ? GV_RESTART_MAX_MS : wanted * 2;
		now += GV_RESTART_WINDOW_MS; /* slow enough for no quarantine, up too short for a reset */
	}
	cr_expect_eq(delay, GV_RESTART_MAX_MS);
}

Test(restart, a_steady_run_begins_anew)
{
	struct gv_restart r = { 0 };
	uint32_t delay;

	cr_assert(gv_restart_crashed(&r, 500, 1000, &delay));
	cr_assert(gv_restart_crashed(&r, 1100, 2000, &delay));
	cr_expect_eq(delay, 2 * GV_RESTART_FIRST_MS);
	cr_assert(gv_restart_crashed(&r, 3000, 3000 + GV_RESTART_STEADY_MS, &delay));
	cr_expect_eq(delay, GV_RESTART_FIRST_MS);
}

Test(restart, too_many_crashes_within_the_window_end_it)
{
	struct gv_restart r = { 0 };
	uint32_t delay = 0;

	for (int i = 1; i < GV_RESTART_CRASHES; i++)
		cr_assert(gv_restart_crashed(&r, 0, i * 1000, &delay));
	delay = 77;
	cr_expect_not(gv_restart_crashed(&r, 0, GV_RESTART_CRASHES * 1000, &delay));
	cr_expect_eq(delay, 77, "untouched");
}

Test(restart, as_many_over_a_longer_time_do_not)
{
	struct gv_restart r = { 0 };
	uint32_t delay;

	for (int i = 0; i < 100; i++)
		cr_assert(gv_restart_crashed(&r, 0, i * (GV_RESTART_WINDOW_MS / (GV_RESTART_CRASHES - 1) + 1), &delay));
}

Test(restart, someone_s_wish_is_a_clean_slate)
{
	struct gv_restart r = { 0 };
	uint32_t delay;

	for (int i = 0; i < GV_RESTART_CRASHES; i++)
		gv_restart_crashed(&r, 0, 1000, &delay);
	gv_restart_reset(&r);
	cr_assert(gv_restart_crashed(&r, 0, 1000, &delay));
	cr_expect_eq(delay, GV_RESTART_FIRST_MS);
}
