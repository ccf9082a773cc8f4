/* Which numbers have come is known in any order, up to so many holes. */
#include <plugins/ocpp/sessions/sequence.h>

#include <criterion/criterion.h>
#include <galvan/plugin.h>
#include <stdlib.h>

static uint32_t *seen;
static size_t n;

/* What the sequence needs of a host. */
void *gv_alloc(struct gv_turn *t, size_t size)
{
	return calloc(1, size);
}

static void come(uint32_t number)
{
	uint32_t *before = seen;

	sequence_add(NULL, &seen, &n, number);
	if (before != seen)
		free(before);
}

static void teardown(void)
{
	free(seen);
}

TestSuite(sequence, .fini = teardown);

Test(sequence, any_order_is_one_range_in_the_end)
{
	static const uint32_t order[] = { 5, 0, 3, 4, 9, 1, 7, 8, 2, 6 };

	for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
		cr_expect(!sequence_has(seen, n, order[i]));
		come(order[i]);
		come(order[i]);
		cr_expect(sequence_has(seen, n, order[i]), "%u has come", order[i]);
	}
	cr_assert_eq(n, 2);
	cr_expect_eq(seen[0], 0);
	cr_expect_eq(seen[1], 9);
}

Test(sequence, holes_are_known)
{
	come(1);
	come(4);
	come(2);
	cr_expect_eq(n, 4);
	cr_expect(!sequence_has(seen, n, 0) && !sequence_has(seen, n, 3) && !sequence_has(seen, n, 5));
	come(3);
	cr_expect_eq(n, 2);
}

Test(sequence, too_many_holes_stay_holes)
{
	for (uint32_t i = 0; i < 3 * SEQUENCE_RANGES_MAX; i++)
		come(2 * i);
	cr_assert_eq(n, 2 * SEQUENCE_RANGES_MAX);
	cr_expect(!sequence_has(seen, n, 4 * SEQUENCE_RANGES_MAX));
	come(1);
	cr_expect_eq(n, 2 * SEQUENCE_RANGES_MAX - 2, "what joins two finds room");
	for (uint32_t i = 0; i < 6 * SEQUENCE_RANGES_MAX; i++)
		come(i);
	cr_expect_eq(n, 2, "and all of it in the end");
}
