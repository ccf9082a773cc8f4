/* Token buckets by address: so many a minute, so many at once, and no more memory than was set aside. */
#include <plugins/api/limits.h>

#include <criterion/criterion.h>
#include <string.h>

static struct api_limits l;

static void setup(void)
{
	cr_assert_eq(api_limits_init(&l, 30, 10, 12345), 0);
}

static void teardown(void)
{
	api_limits_fini(&l);
}

TestSuite(limits, .init = setup, .fini = teardown);

/* 192.0.2.N and beyond */
static const uint8_t *v4(unsigned n)
{
	static uint8_t a[API_ADDRESS_SIZE] = { [10] = 0xff, [11] = 0xff, [12] = 10 };

	a[13] = (uint8_t)(n >> 16);
	a[14] = (uint8_t)(n >> 8);
	a[15] = (uint8_t)n;
	return a;
}

/* How many it may do at once, up to 100, at this time. */
static unsigned at_once(const uint8_t *address, int64_t now_ms)
{
	unsigned n = 0;

	while (n < 100 && !api_limits_wait_ms(&l, address, API_LIMIT_PUBLIC, now_ms)) {
		api_limits_take(&l, address, API_LIMIT_PUBLIC, now_ms);
		n++;
	}
	return n;
}

Test(limits, so_many_at_once_and_then_one_each_two_seconds)
{
	cr_expect_eq(at_once(v4(1), 1000), 10);
	cr_expect_eq(api_limits_wait_ms(&l, v4(1), API_LIMIT_PUBLIC, 1000), 2000);
	cr_expect_eq(api_limits_wait_ms(&l, v4(1), API_LIMIT_PUBLIC, 2999), 1);
	cr_expect_eq(at_once(v4(1), 3000), 1);
	cr_expect_eq(at_once(v4(1), 3000 + 6000), 3);
	cr_expect_eq(at_once(v4(1), 3600000), 10, "an hour of rest gives no more than the burst");
}

Test(limits, each_address_and_each_kind_has_its_own)
{
	cr_expect_eq(at_once(v4(1), 1000), 10);
	cr_expect_eq(at_once(v4(2), 1000), 10);
	cr_expect_eq(api_limits_wait_ms(&l, v4(1), API_LIMIT_WRONG_TOKEN, 1000), 0);
}

Test(limits, an_ipv6_network_is_one_address)
{
	uint8_t a[API_ADDRESS_SIZE] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };

	cr_expect_eq(at_once(a, 1000), 10);
	a[8] = a[15] = 0x77;
	cr_expect_eq(at_once(a, 1000), 0, "the same /64");
	a[7] = 1;
	cr_expect_eq(at_once(a, 1000), 10, "another");
}

Test(limits, what_did_not_count_is_given_back)
{
	cr_expect_eq(at_once(v4(1), 1000), 10);
	api_limits_give_back(&l, v4(1), API_LIMIT_PUBLIC);
	cr_expect_eq(at_once(v4(1), 1000), 1);
	api_limits_give_back(&l, v4(9), API_LIMIT_PUBLIC); /* never seen: nothing happens */
	cr_expect_eq(at_once(v4(9), 1000), 10);
}

Test(limits, the_address_that_was_seen_longest_ago_is_forgotten_first)
{
	for (unsigned i = 0; i < API_ORIGINS_MAX; i++)
		cr_assert_eq(at_once(v4(i), 1000), 10);
	cr_expect_eq(at_once(v4(0), 1000), 0, "all are remembered");
	api_limits_give_back(&l, v4(0), API_LIMIT_PUBLIC);
	cr_expect_eq(at_once(v4(0), 1000), 1); /* now 1 is the oldest */
	cr_expect_eq(at_once(v4(API_ORIGINS_MAX), 1000), 10);
	cr_expect_eq(at_once(v4(0), 1000), 0);
	cr_expect_eq(at_once(v4(2), 1000), 0);
	cr_expect_eq(at_once(v4(1), 1000), 10, "forgotten");
	for (unsigned i = 0; i < 3 * API_ORIGINS_MAX; i++)
		at_once(v4(100000 + i), 1000);
	cr_expect_eq(l.n, API_ORIGINS_MAX);
}

Test(limits, none_at_all_where_none_is_set)
{
	api_limits_fini(&l);
	cr_assert_eq(api_limits_init(&l, 0, 10, 1), 0);
	cr_expect_eq(at_once(v4(1), 1000), 100);
	api_limits_give_back(&l, v4(1), API_LIMIT_PUBLIC);
}
