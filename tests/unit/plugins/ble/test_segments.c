/* Messages over attribute values: what is cut is put together again, and whatever is lost, doubled or overtaken ends
 * the connection, because the link below does none of that. */
#include "vectors.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const unsigned mtus[] = { 23, 24, 185, 247, 514, 515, 516, 517 };
#define N_MTUS (sizeof(mtus) / sizeof(*mtus))

struct cut {
	uint8_t at[BLE_VALUE_MAX];
	size_t size;
};
static struct cut cuts[300];
static size_t n_cuts;
static struct ble_join join;

static void cut(size_t size, unsigned mtu)
{
	struct ble_split s = { .size = (uint16_t)size };
	int r;

	for (size_t i = 0; i < size; i++)
		s.data[i] = (uint8_t)(i * 7 + i / 256);
	for (n_cuts = 0; (r = ble_split(&s, mtu, cuts[n_cuts].at, BLE_VALUE_MAX)) > 0; n_cuts++)
		cuts[n_cuts].size = (size_t)r;
	cr_assert_eq(r, 0);
}

static int feed(size_t i)
{
	return ble_join(&join, cuts[i].at, cuts[i].size, 0);
}

Test(segments, every_size_at_every_mtu_comes_back)
{
	for (size_t m = 0; m < N_MTUS; m++)
		for (size_t size = 1; size <= BLE_MESSAGE_MAX; size = size < 600 ? size + 1 : size + 499) {
			memset(&join, 0, sizeof(join));
			cut(size, mtus[m]);
			cr_assert_eq(n_cuts, ble_segments(size, mtus[m]), "%zu bytes at MTU %u", size, mtus[m]);
			for (size_t i = 0; i + 1 < n_cuts; i++)
				cr_assert_eq(feed(i), 0);
			cr_assert_eq(feed(n_cuts - 1), 1);
			cr_assert_eq(join.size, size);
			for (size_t i = 0; i < size; i++)
				cr_assert_eq(join.data[i], (uint8_t)(i * 7 + i / 256));
		}
}

Test(segments, no_value_is_longer_than_every_stack_takes)
{
	cut(BLE_MESSAGE_MAX, 517);
	for (size_t i = 0; i < n_cuts; i++)
		cr_expect_leq(cuts[i].size, 510);
	cr_expect_eq(cuts[0].size, 510, "though the MTU would take 514, and an attribute 512");
}

Test(segments, one_as_long_as_an_attribute_is_taken)
{
	uint8_t value[BLE_VALUE_MAX] = { 0x80, 2, 0 };

	memset(&join, 0, sizeof(join));
	cr_expect_eq(ble_join(&join, value, sizeof(value), 1), 0);
}

Test(segments, as_the_vectors_have_them)
{
	struct vector hello = vector("hello");
	struct ble_split s = { .size = (uint16_t)hello.size };
	uint8_t value[BLE_VALUE_MAX];
	char path[32];

	memcpy(s.data, hello.at, hello.size);
	for (int i = 0; i < 4; i++) {
		struct vector expected;

		snprintf(path, sizeof(path), "hello_segments_mtu23.%d", i);
		expected = vector(path);
		cr_assert_eq(ble_split(&s, 23, value, sizeof(value)), (int)expected.size);
		cr_assert_arr_eq(value, expected.at, expected.size);
	}
	cr_expect_eq(ble_split(&s, 23, value, sizeof(value)), 0);
}

Test(segments, the_vectors_sizes)
{
	static const char *const names[] = { "hello",        "hello_ack",  "auth",   "start",
					     "record_start", "record_end", "receipt" };
	static const int at[] = { 23, 185, 247, 517 };
	char path[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		for (size_t m = 0; m < 4; m++) {
			int size;

			snprintf(path, sizeof(path), "sizes.%s.bytes", names[i]);
			size = vector_number(path);
			snprintf(path, sizeof(path), "sizes.%s.segments.%d", names[i], at[m]);
			cr_expect_eq((int)ble_segments((size_t)size, (unsigned)at[m]), vector_number(path), "%s", path);
		}
}

Test(segments, counters_run_on_from_message_to_message)
{
	struct ble_split s = { 0 };
	uint8_t value[BLE_VALUE_MAX];

	for (int message = 0; message < 100; message++) {
		s.size = 40;
		s.at = 0;
		for (int r; (r = ble_split(&s, 23, value, sizeof(value))) > 0;)
			cr_assert_geq(ble_join(&join, value, (size_t)r, 0), 0);
		cr_assert_eq(join.size, 40);
	}
	cr_expect_eq(s.counter, 300 % 32);
}

Test(segments, a_lost_one_is_noticed)
{
	for (size_t lost = 0; lost < 12; lost++) {
		size_t i = 0;

		memset(&join, 0, sizeof(join));
		cut(222, 23);
		cr_assert_eq(n_cuts, 12);
		for (; i < lost; i++)
			cr_assert_eq(feed(i), 0);
		if (lost + 1 < n_cuts)
			cr_expect_eq(feed(lost + 1), -BLE_OUT_OF_ORDER);
		else /* the last: the next message begins inside this one, or nothing comes */
			cr_expect_eq(ble_join(&join, (const uint8_t *)"\xcc\0\1x", 4, 0), -BLE_OUT_OF_ORDER);
	}
}

Test(segments, thirty_two_lost_ones_are_noticed_by_the_length)
{
	int r = 0;

	cut(1500, 23);
	for (size_t i = 0; i < n_cuts && r >= 0; i++)
		r = i >= 5 && i < 5 + 32 ? 0 : feed(i);
	cr_expect_eq(r, -BLE_MALFORMED, "the counter is where it was, and the end comes too early");
}

Test(segments, a_doubled_one_is_noticed)
{
	for (size_t doubled = 0; doubled < 12; doubled++) {
		memset(&join, 0, sizeof(join));
		cut(222, 23);
		for (size_t i = 0; i <= doubled; i++)
			feed(i);
		cr_expect_eq(feed(doubled), -BLE_OUT_OF_ORDER);
	}
}

Test(segments, an_overtaken_one_is_noticed)
{
	for (size_t first = 0; first + 1 < 12; first++) {
		memset(&join, 0, sizeof(join));
		cut(222, 23);
		for (size_t i = 0; i < first; i++)
			feed(i);
		cr_expect_eq(feed(first + 1), -BLE_OUT_OF_ORDER);
	}
}

Test(segments, what_no_sender_writes)
{
	static const struct {
		const char *bytes;
		size_t size;
		int result;
		const char *why;
	} wrong[] = {
		{ "", 0, -BLE_MALFORMED, "nothing" },
		{ "\xc0", 1, -BLE_MALFORMED, "no length" },
		{ "\xc0\0\0", 3, -BLE_MALFORMED, "an empty message" },
		{ "\xc0\0\1", 3, -BLE_MALFORMED, "a segment that brings nothing" },
		{ "\xc0\0\2x", 4, -BLE_MALFORMED, "an end before the length" },
		{ "\x80\0\1x", 4, -BLE_MALFORMED, "the length before an end" },
		{ "\xc0\0\1xy", 5, -BLE_MALFORMED, "more than the length" },
		{ "\xe0\0\1x", 4, -BLE_MALFORMED, "a reserved bit" },
		{ "\x80\x10\1x", 4, -BLE_TOO_LONG, "4097 bytes" },
		{ "\x40x", 2, -BLE_OUT_OF_ORDER, "an end without a begin" },
		{ "\xc1\0\1x", 4, -BLE_OUT_OF_ORDER, "the second first" },
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		memset(&join, 0, sizeof(join));
		cr_expect_eq(ble_join(&join, (const uint8_t *)wrong[i].bytes, wrong[i].size, 0), wrong[i].result, "%s",
			     wrong[i].why);
	}
}

Test(segments, no_message_begins_inside_another)
{
	cr_assert_eq(ble_join(&join, (const uint8_t *)"\x80\0\2a", 4, 0), 0);
	cr_expect_eq(ble_join(&join, (const uint8_t *)"\xc1\0\1b", 4, 0), -BLE_OUT_OF_ORDER);
}

Test(segments, two_seconds_between_two_and_not_more)
{
	cut(40, 23);
	cr_assert_eq(ble_join(&join, cuts[0].at, cuts[0].size, 1000), 0);
	cr_assert_eq(ble_join(&join, cuts[1].at, cuts[1].size, 3000), 0);
	cr_expect_eq(ble_join(&join, cuts[2].at, cuts[2].size, 5001), -BLE_LATE);
}

Test(segments, an_mtu_that_does_not_exist)
{
	struct ble_split s = { .size = 1 };
	uint8_t value[BLE_VALUE_MAX];

	cr_expect_eq(ble_split(&s, 22, value, sizeof(value)), -BLE_UNSUPPORTED);
	cr_expect_eq(ble_split(&s, 518, value, sizeof(value)), -BLE_UNSUPPORTED);
	for (unsigned mtu = 0; mtu < BLE_MTU_MIN; mtu++)
		cr_expect_eq(ble_segments(40, mtu), 0);
	cr_expect_eq(ble_split(&s, 23, value, 3), -BLE_NO_ROOM);
	cr_expect_eq(ble_split(&s, 23, value, 4), 4, "nothing of it was lost by the refusals");
}
