/* Values that wait come out as they went in, and a queue that is dropped leaks none. */
#include <criterion/criterion.h>
#include <plugins/bluetooth/values.h>
#include <string.h>
#include <tests/unit/leaks.h>

TestSuite(values, .fini = check_leaks);

Test(values, come_out_in_order_and_whole)
{
	struct values v = { 0 };

	for (uint8_t i = 0; i < 3; i++)
		cr_assert_eq(values_add(&v, (uint8_t[]){ i, 7 }, 2, 100u + i), 0);
	cr_assert_eq(values_add(&v, NULL, 0, 0), 0, "an empty one is one");
	cr_assert_eq(v.count, 4);
	for (uint8_t i = 0; i < 3; i++) {
		cr_assert_eq(v.first->size, 2);
		cr_assert_eq(memcmp(v.first->data, (uint8_t[]){ i, 7 }, 2), 0);
		cr_assert_eq(v.first->due_ms, 100u + i);
		values_drop(&v);
	}
	values_drop(&v);
	cr_assert_null(v.first);
	cr_assert_eq(v.count, 0);
	cr_assert_eq(values_add(&v, "x", 1, 0), 0, "an emptied queue takes more");
	values_fini(&v);
	cr_assert_eq(v.count, 0);
}
