/* permessage-deflate on a WebSocket: who gets it, what it does to messages, and what becomes of those that abuse it. */
#include "client.h"

#include <criterion/criterion.h>
#include <lib/deflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

static struct server server;
static struct gv_deflate *codec;

static void setup(void)
{
	server_start(&server, &(struct world_options){ 0 });
	cr_assert_eq(gv_deflate_create(&codec), 0);
}

static void teardown(void)
{
	gv_deflate_destroy(codec);
	server_stop(&server);
}

TestSuite(compression, .init = setup, .fini = teardown, .timeout = 60);

#define OCPP16 "Sec-WebSocket-Protocol: ocpp1.6\r\n"
#define OFFER OCPP16 "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
#define LONG 5000 /* bytes of a message that is worth it */

static char head[4096], got[1 << 20], text[1 << 20];
static size_t size;

static int open_with(const char *target, const char *headers)
{
	int fd = client_upgrade(server.options.ws, target, headers, head, sizeof(head));

	cr_assert(strncmp(head, "HTTP/1.1 101 ", 13) == 0, "%s", head);
	return fd;
}

static int open_station(void)
{
	return open_with("/ocpp/CP001", OFFER);
}

static const char *words(size_t n)
{
	for (size_t i = 0; i < n; i++)
		text[i] = "\"measurand\":\"Voltage\",\"value\":\"230.1\","[(i + i / 91) % 38];
	text[n] = '\0';
	return text;
}

static void send_compressed(int fd, uint8_t first, const char *message, size_t n)
{
	const uint8_t *shorter;
	size_t m = gv_deflate_message(codec, 15, message, n, &shorter);

	cr_assert(m > 0);
	client_frame(fd, first, shorter, m);
}

static void expect_compressed(int fd, const char *message)
{
	const uint8_t *whole;
	size_t n;

	cr_assert_eq(client_receive(fd, got, sizeof(got), &size), 0xc1, "it is not compressed");
	cr_expect_lt(size, strlen(message) / 2);
	cr_assert_eq(gv_inflate_message(codec, got, size, sizeof(text), &whole, &n), 0);
	cr_assert_eq(n, strlen(message));
	cr_expect_arr_eq(whole, message, n);
}

Test(compression, who_offers_it_gets_it)
{
	open_with("/ocpp/CP001", OFFER);
	cr_expect_not_null(strstr(head, "\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
					"client_no_context_takeover\r\n"),
			   "%s", head);
	open_with("/ocpp/CP001", OCPP16 "Sec-WebSocket-Extensions: x-other\r\nSec-WebSocket-Extensions: "
					"permessage-deflate; server_max_window_bits=11\r\n");
	cr_expect_not_null(strstr(head, "; server_max_window_bits=11\r\n"), "the second line counts, too: %s", head);
}

Test(compression, nobody_else_does)
{
	static const char *const others[][2] = {
		{ "/ocpp/CP001", OCPP16 },
		{ "/ocpp/CP001", OCPP16 "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99\r\n" },
		{ "/ocpp/Plain", OFFER }, /* the device's attribute "compression" is "off" */
		{ "/any/x", OFFER },      /* the listener does not want it */
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		int fd = open_with(others[i][0], others[i][1]);

		cr_expect_null(strstr(head, "Extensions"), "%s", head);
		client_text(fd, words(LONG));
		cr_expect_eq(client_receive(fd, got, sizeof(got), &size), 0x81);
		cr_expect_str_eq(got, text);
		close(fd);
	}
}

Test(compression, long_messages_are_compressed_both_ways)
{
	int fd = open_station();

	send_compressed(fd, 0xc1, words(LONG), LONG);
	expect_compressed(fd, text);
	client_text(fd, words(60000)); /* neither end has to compress each message */
	expect_compressed(fd, text);
	close(fd);
}

Test(compression, short_messages_are_not_worth_it)
{
	int fd = open_station();

	client_text(fd, "[3,\"1\",{}]");
	client_expect_text(fd, "[3,\"1\",{}]");
	close(fd);
}

Test(compression, an_empty_message_may_be_compressed)
{
	int fd = open_station();

	client_frame(fd, 0xc1, "\0", 1);
	client_expect_text(fd, "");
	client_frame(fd, 0xc1, "", 0);
	client_expect_text(fd, "");
	close(fd);
}

Test(compression, a_compressed_message_may_be_fragmented)
{
	const uint8_t *shorter;
	int fd = open_station();
	size_t n = gv_deflate_message(codec, 15, words(LONG), LONG, &shorter);

	client_frame(fd, 0x41, shorter, 1);
	client_frame(fd, 0x00, shorter + 1, n - 2);
	client_frame(fd, 0x89, "alive?", 6); /* control frames never are */
	client_frame(fd, 0x00, "", 0);
	client_frame(fd, 0x80, shorter + n - 1, 1);
	cr_expect_eq(client_receive(fd, got, sizeof(got), &size), 0x8a);
	expect_compressed(fd, text);
	client_frame(fd, 0x01, "plain ", 6); /* the next one says for itself what it is */
	client_frame(fd, 0x80, "again", 5);
	client_expect_text(fd, "plain again");
	close(fd);
}

Test(compression, a_message_is_never_larger_than_the_listener_allows)
{
	int fd = open_station();

	send_compressed(fd, 0xc1, words(70000), 70000);
	expect_compressed(fd, text);
	send_compressed(fd, 0xc1, words(70001), 70001);
	client_expect_close(fd, 1009);
	fd = open_station();
	send_compressed(fd, 0xc1, memset(text, 'x', sizeof(text)), sizeof(text)); /* 1 KiB that would be 1 MiB */
	client_expect_close(fd, 1009);
}

Test(compression, what_cannot_be_decompressed_closes_with_1007)
{
	char wrong[300];
	int fd = open_station();

	client_frame(fd, 0xc1, "\xff\xff\xff", 3);
	client_expect_close(fd, 1007);
	fd = open_station();
	client_frame(fd, 0xc1, "\xf2\x00\x11\x00\x00", 5); /* reaches back into a message before it */
	client_expect_close(fd, 1007);
	fd = open_station();
	memset(wrong, '\xff', sizeof(wrong)); /* and what it decompresses to must be UTF-8 */
	send_compressed(fd, 0xc1, wrong, sizeof(wrong));
	client_expect_close(fd, 1007);
}

Test(compression, only_the_first_frame_of_a_message_may_say_so)
{
	int fd = open_station();

	client_frame(fd, 0x41, "\xf2", 1);
	client_frame(fd, 0xc0, "\x48", 1);
	client_expect_close(fd, 1002);
	fd = open_station();
	client_frame(fd, 0xc9, "", 0);
	client_expect_close(fd, 1002);
	fd = open_station();
	client_frame(fd, 0xe1, "", 0); /* RSV2 is nobody's */
	client_expect_close(fd, 1002);
}

Test(compression, where_it_was_not_agreed_a_compressed_frame_closes_with_1002)
{
	int fd = open_with("/ocpp/CP001", OCPP16);

	client_frame(fd, 0xc1, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7);
	client_expect_close(fd, 1002);
	fd = open_with("/ocpp/Plain", OFFER);
	client_frame(fd, 0x41, "\xf2", 1);
	client_expect_close(fd, 1002);
}

/* A station with little memory says how far back it can reach. */
Test(compression, the_window_that_a_station_asked_for_is_kept_to)
{
	int fd = open_with("/ocpp/CP001",
			   OCPP16 "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=9\r\n");
	z_stream s = { 0 };

	client_text(fd, words(60000));
	cr_assert_eq(client_receive(fd, got, sizeof(got), &size), 0xc1);
	inflateInit2(&s, -9);
	s.next_in = (uint8_t *)got;
	s.avail_in = (uInt)size;
	s.next_out = malloc(60000);
	s.avail_out = 60000;
	cr_assert_not_null(s.next_out);
	cr_expect_eq(inflate(&s, Z_SYNC_FLUSH), Z_OK);
	cr_expect_eq(s.total_out, 60000);
	free(s.next_out - s.total_out);
	inflateEnd(&s);
	close(fd);
}
