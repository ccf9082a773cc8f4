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

/* Whether it was let in: the connection answers. */
static bool let_in(int fd)
{
	return send(fd, "x", 1, MSG_NOSIGNAL) == 1 && recv(fd, got, 1, 0) == 1;
}

Test(limits, an_address_has_only_so_many_connections)
{
	server_start(&server, &(struct world_options){ .max_connections_per_address = 2 });
	uint16_t port = server.options.tcp;
	int a = client_connect_from("127.0.0.2", port), b = client_connect_from("127.0.0.2", port),
	    c = client_connect_from("127.0.0.2", port), d = client_connect_from("127.0.0.3", port);

	cr_expect(let_in(a) && let_in(b));
	cr_expect_not(let_in(c), "a third");
	cr_expect(let_in(d), "another address has its own two");
	close(c);
	close(a);
	cr_expect(let_in(d)); /* the end of the first has been read by then */
	a = client_connect_from("127.0.0.2", port);
	cr_expect(let_in(a), "there is room again");
	for (unsigned i = 0; i < 5; i++) /* not closed before the end */
		cr_expect(let_in(client_connect(port)), "a proxy on this machine speaks for everybody");
	close(a);
	close(b);
	close(d);
	server_stop(&server);
}

Test(limits, an_address_opens_connections_only_so_fast)
{
	unsigned in = 0;

	server_start(&server, &(struct world_options){ .max_new_per_address_per_s = 1 });
	uint16_t port = server.options.ws; /* whatever the port is for */
	int fd;

	while (in < 60) {
		fd = client_connect_from("127.0.0.2", port);
		if (send(fd, "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL) != 18 || recv(fd, got, 1, 0) != 1)
			break;
		in++;
		close(fd);
	}
	close(fd);
	cr_expect_geq(in, 10, "ten seconds' worth may come at once; %u came in", in);
	cr_expect_lt(in, 60);
	fd = client_connect_from("127.0.0.3", server.options.tcp);
	cr_expect(let_in(fd), "another address is as fast as it likes");
	close(fd);
	server_stop(&server);
}
