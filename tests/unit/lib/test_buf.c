/* lib/buf.h: what every writer of text and bytes relies on. */
#include <lib/buf.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../leaks.h"

TestSuite(buf, .fini = check_leaks);

Test(buf, zeroed_is_empty_and_prints_as_an_empty_string)
{
	struct gv_buf b = { 0 };
	cr_assert_str_eq(gv_buf_str(&b), "");
	cr_assert_eq(b.size, 0);
	gv_buf_fini(&b);
	gv_buf_fini(&b); /* may be repeated */
}

Test(buf, appends_in_order_whatever_the_way)
{
	struct gv_buf b = { 0 };
	gv_buf_add(&b, "ab\0c", 4);
	gv_buf_puts(&b, "de");
	gv_buf_putc(&b, 'f');
	gv_buf_printf(&b, "%d-%s", 12, "x");
	gv_buf_add(&b, NULL, 0);
	cr_assert_eq(b.size, 11);
	cr_assert_arr_eq(b.data, "ab\0cdef12-x", 11);
	gv_buf_fini(&b);
}

Test(buf, its_string_does_not_count_as_content)
{
	struct gv_buf b = { 0 };
	gv_buf_puts(&b, "one");
	gv_buf_str(&b);
	gv_buf_puts(&b, "two");
	cr_assert_str_eq(gv_buf_str(&b), "onetwo");
	gv_buf_fini(&b);
}

Test(buf, prints_what_is_longer_than_any_inner_limit)
{
	char long_text[5000];
	struct gv_buf b = { 0 };
	memset(long_text, 'x', sizeof long_text - 1);
	long_text[sizeof long_text - 1] = '\0';
	cr_assert_eq(gv_buf_printf(&b, "<%s>", long_text), 0);
	cr_assert_eq(b.size, sizeof long_text + 1);
	cr_assert_eq(b.data[b.size - 1], '>');
	gv_buf_fini(&b);
}

Test(buf, keeps_its_error_so_that_one_check_at_the_end_is_enough)
{
	struct gv_buf b = { 0 };
	gv_buf_puts(&b, "kept");
	cr_assert_eq(gv_buf_reserve(&b, SIZE_MAX), -ENOMEM);
	cr_assert_eq(gv_buf_puts(&b, "more"), -ENOMEM);
	cr_assert_eq(gv_buf_printf(&b, "%d", 1), -ENOMEM);
	cr_assert_eq(b.error, -ENOMEM);
	cr_assert_eq(b.size, 4);
	cr_assert_str_eq(gv_buf_str(&b), "");
	gv_buf_fini(&b);
}
