/* What is said on the WebSocket to the cloud: as the vectors have it, there and back. */
#include "vectors.h"

#include <criterion/criterion.h>
#include <string.h>

static struct vector v;
static struct ble_frame frame;

static void take(const char *path)
{
	v = vector(path);
	cr_assert_eq(ble_frame_read(v.at, v.size, &frame), 0, "%s", path);
}

/* Writes a body of `size` bytes at `body` as the frame that was taken had it, and compares. */
static void same_again(const uint8_t *body, int size)
{
	struct ble_frame again = { .type = frame.type,
				   .counter = frame.counter,
				   .body = { body, (size_t)(size < 0 ? 0 : size) } };
	uint8_t out[BLE_MESSAGE_MAX];

	cr_assert_eq(ble_frame_write(&again, out, sizeof(out)), (int)v.size);
	cr_expect_arr_eq(out, v.at, v.size);
}

Test(frames, a_start_by_the_cloud_says_what_is_allowed)
{
	struct ble_command it;
	uint8_t b[256];

	take("frames.start_granted");
	cr_assert_eq(ble_command_read(frame.body.at, frame.body.size, &it), 0);
	cr_expect(frame.type == BLE_START && frame.counter == 7);
	cr_expect(it.connector == 1 && it.grant.max_wh == 20000 && it.grant.max_minutes == 240);
	cr_expect(it.grant.max_minor == 5000 && memcmp(it.grant.currency, "CNY", 3) == 0);
	cr_expect(it.has & BLE_HAS(BLE_GRANT_JTI), "the start record has to name it");
	same_again(b, ble_command_write(&it, b, sizeof(b)));
}

Test(frames, fetch)
{
	struct ble_fetch it;
	uint8_t b[64];

	take("frames.fetch");
	cr_assert_eq(ble_fetch_read(frame.body.at, frame.body.size, &it), 0);
	cr_expect(frame.type == BLE_FETCH && it.pile[0] == 1 && (it.has & BLE_HAS(BLE_FETCH_NONCE)));
	same_again(b, ble_fetch_write(&it, b, sizeof(b)));
}

Test(frames, voucher_get)
{
	struct ble_voucher_get it;
	uint8_t b[256];

	take("frames.voucher_get");
	cr_assert_eq(ble_voucher_get_read(frame.body.at, frame.body.size, &it), 0);
	cr_expect(frame.type == BLE_VOUCHER_GET && it.connector == 1);
	cr_expect_arr_eq(it.holder, vector_public("holder"), 32);
	same_again(b, ble_voucher_get_write(&it, b, sizeof(b)));
}

Test(frames, ask_and_its_answer)
{
	struct ble_ask it;
	struct ble_ask_result result;
	uint8_t b[256];

	take("frames.ask");
	cr_assert_eq(ble_ask_read(frame.body.at, frame.body.size, &it), 0);
	cr_expect(frame.type == BLE_ASK && it.connector == 1 && (it.has & BLE_HAS(BLE_ASK_JTI)));
	same_again(b, ble_ask_write(&it, b, sizeof(b)));
	take("frames.ask_result");
	cr_assert_eq(ble_ask_result_read(frame.body.at, frame.body.size, &result), 0);
	cr_expect(frame.type == BLE_ASK_RES && result.result == BLE_OK && result.grant.max_wh == 20000);
	same_again(b, ble_ask_result_write(&result, b, sizeof(b)));
}

Test(frames, an_order_is_known_by_its_token)
{
	uint8_t id[16], max[BLE_TOKEN_MAX + 1] = { 0 };

	v = vector("order_id");
	cr_assert_eq(ble_order_id(&ble_openssl, "q-7GZ2M4KXW0PNBJ9CTR", 20, id), 0);
	cr_expect_arr_eq(id, v.at, 16);
	cr_expect_eq(ble_order_id(&ble_openssl, "", 0, id), -BLE_TOO_LONG);
	cr_expect_eq(ble_order_id(&ble_openssl, (const char *)max, sizeof(max), id), -BLE_TOO_LONG);
}

Test(frames, a_refusal_has_no_grant)
{
	struct ble_ask_result it = { .result = BLE_NOT_ALLOWED }, back;
	uint8_t b[64];

	cr_assert_eq(ble_ask_result_write(&it, b, sizeof(b)), 3);
	cr_assert_eq(ble_ask_result_read(b, 3, &back), 0);
	cr_expect_eq(back.has, BLE_HAS(1));
}

Test(frames, what_is_none)
{
	static const uint8_t bytes[BLE_MESSAGE_MAX + 1];
	uint8_t out[BLE_MESSAGE_MAX];

	for (size_t size = 0; size < BLE_HEADER_SIZE; size++)
		cr_expect_eq(ble_frame_read(bytes, size, &frame), -BLE_MALFORMED);
	cr_expect_eq(ble_frame_read((const uint8_t *)"\x2b\1\0\0\0\0", 6, &frame), -BLE_MALFORMED, "flags are 0");
	cr_expect_eq(ble_frame_read(bytes, sizeof(bytes), &frame), -BLE_TOO_LONG);
	frame.body = (struct ble_bytes){ bytes, BLE_MESSAGE_MAX - BLE_HEADER_SIZE + 1 };
	cr_expect_eq(ble_frame_write(&frame, out, sizeof(out)), -BLE_TOO_LONG);
	frame.body.size = 10;
	cr_expect_eq(ble_frame_write(&frame, out, 15), -BLE_NO_ROOM);
}
