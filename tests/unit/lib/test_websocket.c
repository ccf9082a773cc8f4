/* WebSocket frames as RFC 6455 has them. */

#include <criterion/criterion.h>
#include <errno.h>
#include <lib/websocket.h>
#include <string.h>

static struct gv_ws_frame f;
static const char *why;

static int parse(const void *data, size_t size)
{
	return gv_ws_parse(GV_WS_CLIENT, data, size, &f, &why);
}

Test(frame, the_example_of_the_rfc)
{
	uint8_t hello[] = { 0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58 };

	cr_assert_eq(parse(hello, sizeof(hello)), 1);
	cr_expect(f.fin && f.opcode == GV_WS_TEXT && f.size == 5 && f.header == 6);
	gv_ws_mask(hello + f.header, 5, f.mask);
	cr_expect_arr_eq(hello + f.header, "Hello", 5);
	for (size_t n = 0; n < 6; n++)
		cr_expect_eq(parse(hello, n), 0, "%zu bytes are no header yet", n);
}

Test(frame, long_sizes)
{
	cr_assert_eq(parse("\x82\xfe\x01\x00mask", 8), 1);
	cr_expect(f.size == 256 && f.header == 8);
	cr_assert_eq(parse("\x82\xff\x00\x00\x00\x00\x00\x01\x00\x00mask", 14), 1);
	cr_expect(f.size == 65536 && f.header == 14);
	cr_expect_eq(parse("\x82\xff\x80\x00\x00\x00\x00\x01\x00\x00mask", 14), -EPROTO);
}

Test(frame, what_the_protocol_forbids)
{
	cr_expect_eq(parse("\x81\x05Hello", 7), -EPROTO, "not masked");
	cr_expect_eq(parse("\xa1\x85mask", 6), -EPROTO, "RSV2");
	cr_expect_eq(parse("\x91\x85mask", 6), -EPROTO, "RSV3");
	cr_expect_eq(parse("\xc0\x85mask", 6), -EPROTO, "a continuation that says that it is compressed");
	cr_expect_eq(parse("\xc9\x85mask", 6), -EPROTO, "a compressed ping");
	cr_expect_eq(parse("\x83\x80mask", 6), -EPROTO, "opcode 3");
	cr_expect_eq(parse("\x8b\x80mask", 6), -EPROTO, "opcode 11");
	cr_expect_eq(parse("\x09\x80mask", 6), -EPROTO, "a fragmented ping");
	cr_expect_eq(parse("\x89\xfe\x00\x7emask", 8), -EPROTO, "a ping of 126 bytes");
	cr_expect_not_null(why);
}

Test(frame, the_first_frame_of_a_message_says_whether_it_is_compressed)
{
	cr_assert_eq(parse("\xc1\x85mask", 6), 1);
	cr_expect(f.compressed && f.fin && f.opcode == GV_WS_TEXT);
	cr_assert_eq(parse("\x42\x85mask", 6), 1);
	cr_expect(f.compressed && !f.fin && f.opcode == GV_WS_BINARY);
	cr_assert_eq(parse("\x81\x85mask", 6), 1);
	cr_expect_not(f.compressed);
}

Test(frame, a_server_does_not_mask)
{
	cr_assert_eq(gv_ws_parse(GV_WS_SERVER, (const uint8_t *)"\x81\x05Hello", 7, &f, &why), 1);
	cr_expect(f.fin && f.opcode == GV_WS_TEXT && f.size == 5 && f.header == 2);
	cr_expect_eq(gv_ws_parse(GV_WS_SERVER, (const uint8_t *)"\x81\x85mask", 6, &f, &why), -EPROTO);
}

Test(frame, what_is_written_reads_back)
{
	static const size_t sizes[] = { 0, 125, 126, 65535, 65536 };
	static const uint8_t mask[4] = { 1, 2, 3, 4 };
	uint8_t h[GV_WS_HEADER_MAX];

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		size_t n = gv_ws_header(h, GV_WS_BINARY, sizes[i], mask);

		cr_assert_eq(parse(h, n), 1);
		cr_expect(f.size == sizes[i] && f.header == n && memcmp(f.mask, mask, 4) == 0);
		n = gv_ws_header(h, GV_WS_BINARY, sizes[i], NULL);
		cr_assert_eq(gv_ws_parse(GV_WS_SERVER, h, n, &f, &why), 1);
		cr_expect(f.size == sizes[i] && f.header == n);
	}
}

Test(frame, headers_of_the_server)
{
	uint8_t h[GV_WS_HEADER_MAX];

	cr_expect(gv_ws_header(h, GV_WS_TEXT, 125, NULL) == 2 && h[0] == 0x81 && h[1] == 125);
	cr_expect(gv_ws_header(h, GV_WS_BINARY, 126, NULL) == 4 && h[0] == 0x82 && h[1] == 126 && h[3] == 126);
	cr_expect(gv_ws_header(h, GV_WS_TEXT, 65535, NULL) == 4 && h[2] == 0xff && h[3] == 0xff);
	cr_expect(gv_ws_header(h, GV_WS_TEXT, 65536, NULL) == 10 && h[1] == 127 && h[7] == 1 && h[9] == 0);
}

Test(frame, unmasking_at_any_length)
{
	static const uint8_t mask[4] = { 1, 2, 3, 4 };

	for (size_t size = 0; size < 40; size++) {
		uint8_t data[40] = { 0 };

		gv_ws_mask(data, size, mask);
		for (size_t i = 0; i < sizeof(data); i++)
			cr_assert_eq(data[i], i < size ? mask[i & 3] : 0);
	}
}

Test(frame, close_codes_that_may_be_sent)
{
	cr_expect(gv_ws_close_code_valid(1000) && gv_ws_close_code_valid(1013) && gv_ws_close_code_valid(3000) &&
		  gv_ws_close_code_valid(4999));
	cr_expect(!gv_ws_close_code_valid(0) && !gv_ws_close_code_valid(1004) && !gv_ws_close_code_valid(1005) &&
		  !gv_ws_close_code_valid(1006) && !gv_ws_close_code_valid(1015) && !gv_ws_close_code_valid(2999) &&
		  !gv_ws_close_code_valid(5000));
}
