/* See client.h. */
#include "client.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT_FIRST 23100
#define PORT_COUNT 100

/* A port that is free now; tests run side by side. */
static uint16_t free_port(void)
{
	static unsigned next;

	if (!next)
		next = (unsigned)getpid() * 7;
	for (unsigned i = 0; i < PORT_COUNT; i++) {
		uint16_t port = (uint16_t)(PORT_FIRST + next++ % PORT_COUNT);
		struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
		int yes = 1, fd = socket(AF_INET6, SOCK_STREAM, 0), r;

		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
		r = bind(fd, (struct sockaddr *)&a, sizeof(a));
		if (r == 0)
			r = listen(fd, 1);
		close(fd);
		if (r == 0)
			return port;
	}
	cr_assert_fail("no free port");
	return 0;
}

void server_start(struct server *s, const struct world_options *options)
{
	int pipes[2];
	char byte;

	s->options = *options;
	if (!s->folder[0]) {
		strcpy(s->folder, "/tmp/galvan-link-XXXXXX");
		cr_assert(mkdtemp(s->folder));
	}
	s->options.blobs = s->folder;
	for (unsigned tries = 0; tries < 10; tries++) {
		s->options.ws = free_port();
		s->options.http = free_port();
		s->options.tcp = free_port();
		s->options.named = options->listener ? free_port() : 0;
		s->options.tls = options->cert ? free_port() : 0;
		cr_assert(pipe(pipes) == 0);
		s->pid = fork();
		cr_assert(s->pid >= 0);
		if (s->pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody behind */
			close(pipes[0]);
			s->options.ready = pipes[1];
			_exit(world_run(&s->options) == 0 ? 0 : 1);
		}
		close(pipes[1]);
		if (read(pipes[0], &byte, 1) == 1) {
			close(pipes[0]);
			return;
		}
		close(pipes[0]); /* somebody was quicker to take a port */
		waitpid(s->pid, NULL, 0);
	}
	cr_assert_fail("link does not start");
}

static void remove_folder(const char *folder)
{
	DIR *d = opendir(folder);
	struct dirent *e;
	char path[512];

	while (d && (e = readdir(d))) {
		snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
		unlink(path);
	}
	if (d)
		closedir(d);
	rmdir(folder);
}

void server_stop(struct server *s)
{
	int status = -1;

	kill(s->pid, SIGTERM);
	cr_assert_eq(waitpid(s->pid, &status, 0), s->pid);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "link did not end in order: status %#x", status);
	remove_folder(s->folder);
}

int client_connect_from(const char *address, uint16_t port)
{
	struct sockaddr_in from = { .sin_family = AF_INET };
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct timeval wait = { .tv_sec = CLIENT_WAIT_S };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert_eq(inet_pton(AF_INET, address, &from.sin_addr), 1);
	cr_assert(fd >= 0 && bind(fd, (struct sockaddr *)&from, sizeof(from)) == 0, "%s: %s", address, strerror(errno));
	cr_assert(connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0, "connect: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
	return fd;
}

int client_connect(uint16_t port)
{
	return client_connect_from("127.0.0.1", port);
}

void client_send(int fd, const void *data, size_t size)
{
	while (size) {
		ssize_t n = send(fd, data, size, MSG_NOSIGNAL);

		cr_assert(n > 0, "send: %s", strerror(errno));
		data = (const char *)data + n;
		size -= (size_t)n;
	}
}

void client_puts(int fd, const char *text)
{
	client_send(fd, text, strlen(text));
}

void client_read(int fd, void *ret, size_t size)
{
	for (size_t at = 0; at < size;) {
		ssize_t n = recv(fd, (char *)ret + at, size - at, 0);

		cr_assert(n > 0, "%zu of %zu bytes, then: %s", at, size, n ? strerror(errno) : "the end");
		at += (size_t)n;
	}
}

size_t client_read_all(int fd, char *ret, size_t ret_size)
{
	size_t at = 0;

	for (;;) {
		ssize_t n = recv(fd, ret + at, ret_size - 1 - at, 0);

		cr_assert(n >= 0, "the connection does not end: %s", strerror(errno));
		at += (size_t)n;
		cr_assert(at < ret_size - 1);
		if (n == 0)
			break;
	}
	ret[at] = '\0';
	return at;
}

void client_read_reply(int fd, char *ret, size_t ret_size, bool body)
{
	const char *length;
	size_t at = 0, n;

	do {
		cr_assert(at + 1 < ret_size);
		client_read(fd, ret + at++, 1);
		ret[at] = '\0';
	} while (at < 4 || strcmp(ret + at - 4, "\r\n\r\n") != 0);
	length = strstr(ret, "Content-Length: ");
	if (!length || !body)
		return;
	n = strtoul(length + 16, NULL, 10);
	cr_assert(at + n + 1 < ret_size);
	client_read(fd, ret + at, n);
	ret[at + n] = '\0';
}

void client_expect_end(int fd)
{
	char byte;

	cr_expect_eq(recv(fd, &byte, 1, 0), 0, "the connection does not end");
	close(fd);
}

int client_upgrade(uint16_t port, const char *target, const char *headers, char *ret, size_t ret_size)
{
	int fd = client_connect(port);
	char request[8192];

	snprintf(request, sizeof(request),
		 "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
		 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
		 target, headers);
	client_puts(fd, request);
	client_read_reply(fd, ret, ret_size, false);
	return fd;
}

int client_open(uint16_t port, const char *target)
{
	char head[1024];
	int fd = client_upgrade(port, target, "Sec-WebSocket-Protocol: ocpp1.6\r\n", head, sizeof(head));

	cr_assert(strncmp(head, "HTTP/1.1 101 ", 13) == 0, "%s", head);
	return fd;
}

void client_frame(int fd, uint8_t first, const void *payload, size_t size)
{
	static const uint8_t mask[4] = { 0x12, 0x34, 0x56, 0x78 };
	uint8_t *frame = malloc(size + 14);
	size_t n = 0;

	frame[n++] = first;
	if (size < 126) {
		frame[n++] = (uint8_t)(0x80 | size);
	} else if (size < 65536) {
		frame[n++] = 0x80 | 126;
		frame[n++] = (uint8_t)(size >> 8);
		frame[n++] = (uint8_t)size;
	} else {
		frame[n++] = 0x80 | 127;
		for (unsigned i = 0; i < 8; i++)
			frame[n++] = (uint8_t)((uint64_t)size >> (56 - 8 * i));
	}
	memcpy(frame + n, mask, 4);
	n += 4;
	for (size_t i = 0; i < size; i++)
		frame[n++] = ((const uint8_t *)payload)[i] ^ mask[i & 3];
	client_send(fd, frame, n);
	free(frame);
}

void client_text(int fd, const char *text)
{
	client_frame(fd, 0x81, text, strlen(text));
}

uint8_t client_receive(int fd, char *ret, size_t ret_size, size_t *ret_payload)
{
	uint8_t head[2], more[8];
	size_t size;

	client_read(fd, head, 2);
	cr_assert(!(head[1] & 0x80), "a server does not mask");
	size = head[1];
	if (size >= 126) {
		unsigned n = size == 126 ? 2 : 8;

		client_read(fd, more, n);
		size = 0;
		for (unsigned i = 0; i < n; i++)
			size = size << 8 | more[i];
	}
	cr_assert(size < ret_size);
	client_read(fd, ret, size);
	ret[size] = '\0';
	*ret_payload = size;
	return head[0];
}

void client_expect_text(int fd, const char *text)
{
	char got[4096];
	size_t size;
	uint8_t first = client_receive(fd, got, sizeof(got), &size);

	cr_assert_eq(first, 0x81, "a frame of kind %#x came: %s", first, got);
	cr_assert_str_eq(got, text);
}

void client_expect_close(int fd, unsigned code)
{
	char got[4096];
	size_t size;
	uint8_t first = client_receive(fd, got, sizeof(got), &size);

	cr_assert_eq(first, 0x88, "a frame of kind %#x came: %s", first, got);
	cr_assert(size >= 2);
	cr_expect_eq((unsigned)(uint8_t)got[0] << 8 | (uint8_t)got[1], code, "closed with %u: %s",
		     (unsigned)(uint8_t)got[0] << 8 | (uint8_t)got[1], got + 2);
	client_expect_end(fd);
}
