/* An open WebSocket: messages, fragments, control frames, limits, and every way to end. */
#include "client.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct server server;

static void setup(void)
{
	server_start(&server, &(struct world_options){ 0 });
}

static void teardown(void)
{
	server_stop(&server);
}

TestSuite(websocket, .init = setup, .fini = teardown, .timeout = 120);

static int open_station(void)
{
	return client_open(server.options.ws, "/ocpp/CP001");
}

static char got[1 << 20];
static size_t size;

Test(websocket, messages_of_every_size)
{
	static const size_t sizes[] = { 0, 1, 125, 126, 127, 4096, 32768, 65535, 65536, 70000 };
	char *text = malloc(70000);
	int fd = open_station();

	memset(text, 'm', 70000);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		client_frame(fd, 0x81, text, sizes[i]);
		cr_assert_eq(client_receive(fd, got, sizeof(got), &size), 0x81);
		cr_assert_eq(size, sizes[i]);
		cr_assert_arr_eq(got, text, size);
	}
	client_frame(fd, 0x82, "\0\xff", 2);
	cr_expect_eq(client_receive(fd, got, sizeof(got), &size), 0x82, "binary stays binary");
	free(text);
	close(fd);
}

Test(websocket, fragments_are_one_message_and_pings_may_come_between)
{
	int fd = open_station();

	client_frame(fd, 0x01, "one ", 4);
	client_frame(fd, 0x00, "two ", 4);
	client_frame(fd, 0x89, "alive?", 6);
	client_frame(fd, 0x00, "", 0);
	client_frame(fd, 0x80, "\xe2\x82\xac", 3);
	cr_expect_eq(client_receive(fd, got, sizeof(got), &size), 0x8a);
	cr_expect_str_eq(got, "alive?");
	client_expect_text(fd, "one two \xe2\x82\xac");
	close(fd);
}

Test(websocket, a_character_may_be_cut_between_fragments)
{
	int fd = open_station();

	client_frame(fd, 0x01, "\xe2\x82", 2);
	client_frame(fd, 0x80, "\xac", 1);
	client_expect_text(fd, "\xe2\x82\xac");
	close(fd);
}

Test(websocket, what_the_protocol_forbids_closes_with_1002)
{
	static const struct {
		uint8_t first;
		const char *payload;
	} bad[] = { { 0xc1, "rsv1" },
		    { 0x83, "opcode 3" },
		    { 0x80, "continuation of nothing" },
		    { 0x09, "fragmented ping" },
		    { 0x88, "1" } };
	int fd;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		fd = open_station();
		client_frame(fd, bad[i].first, bad[i].payload, strlen(bad[i].payload));
		client_expect_close(fd, 1002);
	}
	fd = open_station();
	client_send(fd, "\x81\x02hi", 4); /* not masked */
	client_expect_close(fd, 1002);
	fd = open_station();
	client_frame(fd, 0x01, "a", 1);
	client_frame(fd, 0x81, "b", 1); /* a message within a message */
	client_expect_close(fd, 1002);
}

Test(websocket, text_that_is_not_utf8_closes_with_1007)
{
	int fd = open_station();

	client_frame(fd, 0x81, "\xc3\x28", 2);
	client_expect_close(fd, 1007);
	fd = open_station();
	client_frame(fd, 0x01, "\xe2\x82", 2);
	client_frame(fd, 0x80, "", 0);
	client_expect_close(fd, 1007);
}

Test(websocket, too_large_a_message_closes_with_1009_before_it_has_come)
{
	char *text = calloc(1, 70001);
	int fd = open_station();

	client_send(fd, "\x81\xff\0\0\0\0\0\1\x11\x71mask", 14); /* the header alone: 70001 bytes to come */
	client_expect_close(fd, 1009);
	fd = open_station();
	client_frame(fd, 0x01, text, 40000);
	client_frame(fd, 0x00, text, 40000);
	client_expect_close(fd, 1009);
	fd = open_station();
	client_send(fd, "\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xffmask", 14);
	client_expect_close(fd, 1009);
	free(text);
}

Test(websocket, a_close_is_answered_with_its_own_code)
{
	int fd = open_station();

	client_frame(fd, 0x88,
		     "\x0f\xa0"
		     "bye",
		     5); /* 4000 */
	client_expect_close(fd, 4000);
	fd = open_station();
	client_frame(fd, 0x88, "", 0);
	cr_expect_eq(client_receive(fd, got, sizeof(got), &size), 0x88);
	cr_expect_eq(size, 0);
	client_expect_end(fd);
	fd = open_station();
	client_frame(fd, 0x88, "\x03\xed", 2); /* 1005 must not be sent */
	client_expect_close(fd, 1002);
}

Test(websocket, the_plugin_may_close)
{
	int fd = open_station();

	client_text(fd, "!close 4001 go away");
	cr_expect_eq(client_receive(fd, got, sizeof(got), &size), 0x88);
	cr_expect_str_eq(got + 2, "go away");
	client_expect_end(fd);
}

Test(websocket, an_overrun_closes_all_of_the_plugins_connections_with_1013)
{
	int one = open_station(), two = client_open(server.options.ws, "/ocpp/Lax");

	client_text(two, "!overrun");
	client_expect_close(one, 1013);
	client_expect_close(two, 1013);
}

Test(websocket, frames_for_a_plugin_beyond_its_hold_limits_close_with_1013)
{
	int fd = open_station();

	client_text(fd, "!down");
	client_expect_text(fd, "down");
	client_text(fd, "more than fits");
	client_expect_close(fd, 1013);
}

Test(websocket, many_frames_of_one_turn_arrive_in_order)
{
	char number[16];
	int fd = open_station();

	client_text(fd, "!many 1000");
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(number, sizeof(number), "%u", i);
		client_expect_text(fd, number);
	}
	close(fd);
}

/* The receiver's buffer is small and unread for a while: the rest waits in link and arrives whole. */
Test(websocket, what_a_slow_reader_has_not_read_waits)
{
	int fd = open_station();

	client_text(fd, "!big 900000");
	client_text(fd, "!big 50000");
	cr_assert_eq(client_receive(fd, got, sizeof(got), &size), 0x81);
	cr_expect_eq(size, 900000);
	cr_assert_eq(client_receive(fd, got, sizeof(got), &size), 0x81);
	cr_expect_eq(size, 50000);
	client_text(fd, "and on");
	client_expect_text(fd, "and on");
	close(fd);
}

/* Who asks and does not read is not read either, so its answers cost no memory without end, and nobody else's time. */
Test(websocket, who_does_not_read_is_not_read)
{
	int fd = open_station(), other = client_open(server.options.ws, "/ocpp/Lax");

	for (unsigned i = 0; i < 20; i++)
		client_text(fd, "!big 1000000");
	client_text(other, "not disturbed");
	client_expect_text(other, "not disturbed");
	for (unsigned i = 0; i < 20; i++) {
		cr_assert_eq(client_receive(fd, got, sizeof(got), &size), 0x81);
		cr_assert_eq(size, 1000000);
	}
	close(fd);
	close(other);
}

Test(websocket, a_plugin_that_sends_more_than_is_read_loses_the_connection)
{
	int fd = open_station(), other = client_open(server.options.ws, "/ocpp/Lax");
	ssize_t n;

	client_text(fd, "!flood 200 100000"); /* 20 MB at once, of which nobody reads anything ... */
	for (unsigned i = 0; i < 2; i++) {
		client_text(other, "done?");
		client_expect_text(other, "done?");
	}
	do { /* ... until all has been sent */
		n = recv(fd, got, sizeof(got), 0);
	} while (n > 0);
	cr_expect(n == 0 || errno == ECONNRESET, "it does not end: %s", strerror(errno));
	close(fd);
	close(other);
}

Test(websocket, while_the_plugin_is_behind_the_socket_is_not_read)
{
	int fd = open_station();
	struct timeval brief = { .tv_usec = 300000 };
	char byte;

	client_text(fd, "!pause");
	client_expect_text(fd, "paused");
	client_text(fd, "nobody reads this");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &brief, sizeof(brief));
	cr_expect_eq(recv(fd, &byte, 1, 0), -1, "an answer came");
	close(fd);
}

Test(websocket, a_reload_closes_with_1012_come_back_soon)
{
	int fd = open_station();

	client_text(fd, "!reload");
	client_expect_close(fd, 1012);
}

Test(websocket, a_stop_closes_with_1001_going_away)
{
	int fd = open_station();

	client_text(fd, "!stop");
	client_expect_close(fd, 1001);
}

Test(websocket, a_thousand_connections)
{
	static int fds[1000];
	char head[1024];

	for (size_t i = 0; i < 1000; i++) {
		fds[i] = client_upgrade(server.options.ws, "/any/x", "", head, sizeof(head));
		cr_assert(strncmp(head, "HTTP/1.1 101 ", 13) == 0, "%s", head);
	}
	for (size_t i = 0; i < 1000; i++)
		client_text(fds[i], "hello");
	for (size_t i = 0; i < 1000; i++)
		client_expect_text(fds[i], "hello");
	for (size_t i = 0; i < 1000; i++)
		close(fds[i]);
}
