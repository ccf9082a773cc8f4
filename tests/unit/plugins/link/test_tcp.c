/* Raw TCP: bytes as they come, which of a plugin's listeners a port belongs to, and when a connection ends. */
#include "client.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static struct server server;
static char got[65536];

TestSuite(tcp, .timeout = 60);

static int expect_listener(uint16_t port, const char *name)
{
	int fd = client_connect(port);

	client_puts(fd, "?");
	client_read(fd, got, strlen(name));
	got[strlen(name)] = '\0';
	cr_expect_str_eq(got, name);
	return fd;
}

static void expect_echo(int fd, const char *text)
{
	client_puts(fd, text);
	client_read(fd, got, strlen(text));
	cr_expect_arr_eq(got, text, strlen(text));
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

Test(tcp, bytes_are_passed_as_they_come)
{
	server_start(&server, &(struct world_options){ 0 });
	int fd = client_connect(server.options.tcp);

	client_send(fd, "\xaa\x00\x55", 3);
	client_read(fd, got, 3);
	cr_expect_arr_eq(got, "\xaa\x00\x55", 3);
	close(fd);
	server_stop(&server);
}

Test(tcp, a_port_belongs_to_the_listener_that_it_names_or_to_the_first)
{
	server_start(&server, &(struct world_options){ .listener = "other" });
	int first = expect_listener(server.options.tcp, "tcp"), other = expect_listener(server.options.named, "other");

	close(first);
	close(other);
	server_stop(&server);
}

Test(tcp, a_port_whose_listener_is_not_there_refuses_and_the_others_serve)
{
	server_start(&server, &(struct world_options){ .listener = "nobody" });

	client_expect_end(client_connect(server.options.named));
	close(expect_listener(server.options.tcp, "tcp"));
	server_stop(&server);
}

Test(tcp, a_peer_that_says_nothing_is_closed_where_the_listener_says_so)
{
	server_start(&server, &(struct world_options){ .idle_s = 1 });
	int fd = client_connect(server.options.tcp);

	expect_echo(fd, "the last word");
	client_expect_end(fd);
	server_stop(&server);
}

Test(tcp, bytes_beyond_the_rate_are_read_later_and_none_is_lost)
{
	static char sent[10 << 10];
	double begun;

	server_start(&server, &(struct world_options){ .max_frames_per_s = 100 });
	int fd = client_connect(server.options.tcp);

	begun = now();
	for (size_t i = 0; i < 70; i++) { /* 11 frames each, as a KiB counts; five seconds' worth may come at once */
		memset(sent, (int)i, sizeof(sent));
		client_send(fd, sent, sizeof(sent));
		client_read(fd, got, sizeof(sent));
		cr_assert_arr_eq(got, sent, sizeof(sent));
	}
	cr_expect_gt(now() - begun, 1.5);
	close(fd);
	server_stop(&server);
}

Test(tcp, a_plugin_that_is_away_ends_its_connections)
{
	server_start(&server, &(struct world_options){ 0 });
	int control = client_open(server.options.ws, "/ocpp/CP001"), fd = client_connect(server.options.tcp);

	expect_echo(fd, "there");
	client_text(control, "!down");
	client_expect_text(control, "down");
	client_puts(fd, "anybody?");
	client_expect_end(fd);
	client_expect_end(client_connect(server.options.tcp));
	client_text(control, "!up");
	client_expect_text(control, "up");
	fd = client_connect(server.options.tcp);
	expect_echo(fd, "there again");
	close(fd);
	close(control);
	server_stop(&server);
}

/* A copy of the server's end of a connection. -1: this system does not let us have it. */
static int other_end(int fd)
{
	int process = (int)syscall(SYS_pidfd_open, server.pid, 0), found = -1;
	struct sockaddr_storage mine = { 0 }, peer;
	socklen_t size = sizeof(mine);
	char path[64];
	DIR *d;

	getsockname(fd, (struct sockaddr *)&mine, &size);
	snprintf(path, sizeof(path), "/proc/%d/fd", server.pid);
	d = opendir(path);
	for (struct dirent *e; d && found < 0 && (e = readdir(d));) {
		int copy = (int)syscall(SYS_pidfd_getfd, process, (int)strtol(e->d_name, NULL, 10), 0);

		size = sizeof(peer);
		if (copy >= 0 && getpeername(copy, (struct sockaddr *)&peer, &size) == 0 &&
		    ((struct sockaddr_in6 *)&peer)->sin6_port == ((struct sockaddr_in *)&mine)->sin_port)
			found = copy;
		else if (copy >= 0)
			close(copy);
	}
	if (d)
		closedir(d);
	close(process);
	return found;
}

static int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t size = sizeof(value);

	cr_assert_eq(getsockopt(fd, level, name, &value, &size), 0);
	return value;
}

Test(tcp, a_peer_that_vanished_is_found_by_the_kernel)
{
	server_start(&server, &(struct world_options){ 0 });
	int fd = client_connect(server.options.tcp), end;

	client_text(client_open(server.options.ws, "/ocpp/CP001"), "!list"); /* what came before is accepted by then */
	end = other_end(fd);
	if (end < 0)
		cr_skip_test("this system does not let a test look at another process's sockets");
	cr_expect_eq(option(end, SOL_SOCKET, SO_KEEPALIVE), 1);
	cr_expect_eq(option(end, IPPROTO_TCP, TCP_KEEPIDLE), 60);
	cr_expect_eq(option(end, IPPROTO_TCP, TCP_KEEPINTVL), 20);
	cr_expect_eq(option(end, IPPROTO_TCP, TCP_KEEPCNT), 3);
	cr_expect_eq(option(end, IPPROTO_TCP, TCP_USER_TIMEOUT), 0,
		     "while nothing is under way, the three probes count");
	expect_echo(fd, "hello");
	cr_expect_eq(option(end, IPPROTO_TCP, TCP_USER_TIMEOUT), 45000);
	close(end);
	close(fd);
	server_stop(&server);
}
