/* Tag, length, value: one way to write a thing, unknown tags by their number, nothing read outside of what came. */
#include "vectors.h"

#include <criterion/criterion.h>
#include <string.h>

static struct ble_answer answer;

static int read(const void *data, size_t size)
{
	return ble_answer_read(data, size, &answer);
}

Test(fields, what_is_written_reads_back)
{
	struct ble_answer from = { .has = BLE_HAS(BLE_ANSWER_SEQ) | BLE_HAS(BLE_ANSWER_SESSION),
				   .result = 7,
				   .seq = 0x0102030405060708,
				   .session = "session of 16 b" };
	uint8_t bytes[64];
	int size = ble_answer_write(&from, bytes, sizeof(bytes));

	cr_assert_eq(size, 3 + 10 + 18);
	cr_assert_eq(read(bytes, (size_t)size), 0);
	cr_expect_eq(answer.seq, from.seq);
	cr_expect_arr_eq(answer.session, from.session, 16);
	cr_expect_eq(answer.has, from.has | BLE_HAS(1), "`has` says what came");
	for (int room = 0; room < size; room++)
		cr_expect_eq(ble_answer_write(&from, bytes, (size_t)room), -BLE_NO_ROOM);
}

Test(fields, what_may_be_absent_may)
{
	cr_expect_eq(read("\1\1\0", 3), 0);
	cr_expect_eq(answer.has, BLE_HAS(1));
	cr_expect_eq(read("\6\x08\0\0\0\0\0\0\0\1", 10), -BLE_MALFORMED, "the result may not");
	cr_expect_eq(read("", 0), -BLE_MALFORMED);
}

Test(fields, tags_rise)
{
	cr_expect_eq(read("\1\1\0\1\1\0", 6), -BLE_MALFORMED, "twice");
	cr_expect_eq(read("\6\x08\0\0\0\0\0\0\0\1\1\1\0", 13), -BLE_MALFORMED, "backwards");
	cr_expect_eq(read("\0\1\0\1\1\0", 6), -BLE_MALFORMED, "there is no tag 0");
}

Test(fields, numbers_have_one_width)
{
	cr_expect_eq(read("\1\2\0\0", 4), -BLE_MALFORMED);
	cr_expect_eq(read("\1\0", 2), -BLE_MALFORMED);
}

Test(fields, a_cut_one_is_refused)
{
	cr_expect_eq(read("\1", 1), -BLE_MALFORMED);
	cr_expect_eq(read("\1\1", 2), -BLE_MALFORMED);
	cr_expect_eq(read("\1\1\0\x81", 4), -BLE_MALFORMED);
	cr_expect_eq(read("\1\1\0\x81\5xxxx", 9), -BLE_MALFORMED);
	cr_expect_eq(read("\1\1\0\xe0\0", 5), -BLE_MALFORMED);
	cr_expect_eq(read("\1\1\0\xe0\xff\xff", 6), -BLE_MALFORMED);
}

Test(fields, an_unknown_one_is_passed_over_where_its_number_says_so)
{
	cr_expect_eq(read("\1\1\0\x02\1x", 6), -BLE_UNKNOWN_TAG);
	cr_expect_eq(read("\1\1\0\x7f\1x", 6), -BLE_UNKNOWN_TAG);
	cr_expect_eq(read("\1\1\0\x80\1x", 6), 0);
	cr_expect_eq(read("\1\1\0\xbf\1x", 6), 0);
	cr_expect_eq(read("\1\1\0\xc0\0\1x", 7), -BLE_UNKNOWN_TAG);
	cr_expect_eq(read("\1\1\0\xdf\0\1x", 7), -BLE_UNKNOWN_TAG);
	cr_expect_eq(read("\1\1\0\xe0\0\1x", 7), 0);
	cr_expect_eq(read("\1\1\0\xff\0\1x", 7), 0);
}

Test(fields, a_refusal_leaves_what_was_there)
{
	answer = (struct ble_answer){ .result = 42 };
	cr_expect_eq(read("\1\1\0\2\1x", 6), -BLE_UNKNOWN_TAG);
	cr_expect_eq(answer.result, 42);
}

Test(fields, every_body_reads_back)
{
	struct ble_status status = { .has = BLE_HAS(BLE_STATUS_WH),
				     .state = 2,
				     .connector = 1,
				     .session_wh = 7000,
				     .power_w = 11000,
				     .pending = 3 },
			  status2;
	struct ble_record_get get = { .chain = 1, .from = 1001, .most = 16 }, get2;
	struct ble_record_stored stored = { .chain = 1, .upto = 1003 }, stored2;
	uint8_t b[128];

	cr_assert_eq(ble_status_read(b, (size_t)ble_status_write(&status, b, sizeof(b)), &status2), 0);
	cr_expect(status2.session_wh == 7000 && status2.power_w == 11000 && status2.pending == 3 && status2.state == 2);
	cr_assert_eq(ble_record_get_read(b, (size_t)ble_record_get_write(&get, b, sizeof(b)), &get2), 0);
	cr_expect(get2.from == 1001 && get2.most == 16);
	cr_assert_eq(ble_record_stored_read(b, (size_t)ble_record_stored_write(&stored, b, sizeof(b)), &stored2), 0);
	cr_expect(stored2.chain == 1 && stored2.upto == 1003);
}

Test(fields, every_result_has_a_name)
{
	for (int r = 0; r < BLE_RESULTS; r++)
		cr_expect_str_neq(ble_result_name(-r), "?", "%d", r);
	cr_expect_str_eq(ble_result_name(-BLE_BAD_SIG), "BAD_SIG");
	cr_expect_str_eq(ble_result_name(BLE_RESULTS), "?");
	cr_expect_str_eq(ble_result_name(INT32_MIN), "?");
}
