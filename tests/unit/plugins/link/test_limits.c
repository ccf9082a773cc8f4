/* Time and number: pings, idleness, slow starters, rates, the most connections. */
#include "client.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct server server;
static char got[65536];
static size_t size;

TestSuite(limits, .timeout = 120);

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

Test(limits, a_silent_station_is_pinged_and_lives_by_its_pong)
{
	server_start(&server, &(struct world_options){ 0 });
	int fd = client_open(server.options.ws, "/ocpp/Pinged");

	for (unsigned i = 0; i < 3; i++) {
		cr_assert_eq(client_receive(fd, got, sizeof(got), &size), 0x89);
		client_frame(fd, 0x8a, got, size);
	}
	close(fd);
	server_stop(&server);
}

Test(limits, a_station_that_answers_no_ping_is_gone)
{
	server_start(&server, &(struct world_options){ 0 });
	int fd = client_open(server.options.ws, "/ocpp/Pinged");

	cr_assert_eq(client_receive(fd, got, sizeof(got), &size), 0x89);
	client_expect_end(fd);
	server_stop(&server);
}

Test(limits, any_frame_is_life)
{
	server_start(&server, &(struct world_options){ 0 });
	int fd = client_open(server.options.ws, "/ocpp/Pinged");
	uint8_t first;

	for (unsigned i = 0; i < 3; i++) {
		cr_assert_eq(client_receive(fd, got, sizeof(got), &size), 0x89);
		client_text(fd, "not a pong");
		first = client_receive(fd, got, sizeof(got), &size);
		cr_assert_eq(first, 0x81, "%#x", first);
	}
	close(fd);
	server_stop(&server);
}

Test(limits, an_idle_station_is_closed_where_the_listener_says_so)
{
	server_start(&server, &(struct world_options){ .idle_s = 1 });
	client_expect_close(client_open(server.options.ws, "/ocpp/CP001"), 1001);
	server_stop(&server);
}

Test(limits, who_says_nothing_is_closed_and_who_stops_midway_is_told)
{
	server_start(&server, &(struct world_options){ .handshake_timeout_s = 1 });
	int silent = client_connect(server.options.ws), head = client_connect(server.options.ws),
	    body = client_connect(server.options.http);

	client_puts(head, "GET /ocpp/CP001 HTTP/1.1\r\nHost:");
	client_puts(body, "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf");
	client_expect_end(silent);
	client_read_all(head, got, sizeof(got));
	cr_expect(strncmp(got, "HTTP/1.1 408 ", 13) == 0, "%s", got);
	client_read_all(body, got, sizeof(got));
	cr_expect(strncmp(got, "HTTP/1.1 408 ", 13) == 0, "%s", got);
	close(head);
	close(body);
	server_stop(&server);
}

Test(limits, frames_beyond_the_rate_are_read_later_and_none_is_lost)
{
	server_start(&server, &(struct world_options){ .max_frames_per_s = 100 });
	int fd = client_open(server.options.ws, "/ocpp/CP001");
	double begun = now();

	for (unsigned i = 0; i < 700; i++) /* five seconds' worth may come at once */
		client_text(fd, "frame");
	for (unsigned i = 0; i < 700; i++)
		client_expect_text(fd, "frame");
	cr_expect_gt(now() - begun, 1.5);
	cr_expect_lt(now() - begun, 10);
	close(fd);
	server_stop(&server);
}

Test(limits, no_more_connections_than_allowed)
{
	server_start(&server, &(struct world_options){ .max_connections = 3 });
	int a = client_open(server.options.ws, "/ocpp/CP001"), b = client_open(server.options.ws, "/ocpp/Lax"),
	    c = client_open(server.options.ws, "/ocpp/Pinged"), d = client_connect(server.options.ws);

	cr_expect(recv(d, got, 1, 0) <= 0);
	close(d);
	client_text(a, "!close 1000 make room");
	client_expect_close(a, 1000);
	client_text(b, "!list");
	cr_expect_eq(client_receive(b, got, sizeof(got), &size), 0x81);
	close(client_open(server.options.ws, "/ocpp/CP001"));
	close(b);
	close(c);
	server_stop(&server);
}
