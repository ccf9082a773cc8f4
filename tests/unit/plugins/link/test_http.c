/* HTTP: requests in, replies out, on connections that are kept; bodies small, large and chunked; blobs with their
 * ranges. */
#include "client.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct server server;
static char got[3 << 20];

static void setup(void)
{
	server_start(&server, &(struct world_options){ 0 });
}

static void teardown(void)
{
	server_stop(&server);
}

TestSuite(http, .init = setup, .fini = teardown, .timeout = 60);

static const char *ask(int fd, const char *request)
{
	client_puts(fd, request);
	client_read_reply(fd, got, sizeof(got), true);
	return got;
}

static void expect_status(const char *request, const char *status)
{
	int fd = client_connect(server.options.http);

	client_puts(fd, request);
	client_read_reply(fd, got, sizeof(got), true);
	cr_expect(strncmp(got + 9, status, strlen(status)) == 0, "%s -> %s", request, got);
	close(fd);
}

Test(http, the_plugin_gets_all_of_the_request)
{
	int fd = client_connect(server.options.http);

	ask(fd, "PUT /a%20b/%2b?q=%20 HTTP/1.1\r\nHost: h\r\nX-Signature: t=1,v1=2\r\nX-Signature: "
		"second\r\nContent-Length: 3\r\n\r\nabc");
	cr_expect_not_null(strstr(got, "PUT /a b/+ ?q=%20 body=3 blob= loopback=1 peer=127.0.0.1\n"), "%s", got);
	cr_expect_not_null(strstr(got, "host: h\nx-signature: t=1,v1=2\nx-signature: second\n"), "%s", got);
	close(fd);
}

Test(http, requests_follow_each_other_on_one_connection)
{
	int fd = client_connect(server.options.http);

	client_puts(fd, "GET /1 HTTP/1.1\r\n\r\nPOST /2 HTTP/1.1\r\nContent-Length: 2\r\n\r\nhiGET /3 "
			"HTTP/1.1\r\nConnection: close\r\n\r\n");
	for (unsigned i = 1; i <= 3; i++) {
		char path[16];

		client_read_reply(fd, got, sizeof(got), true);
		snprintf(path, sizeof(path), " /%u ", i);
		cr_expect_not_null(strstr(got, path), "%s", got);
	}
	client_expect_end(fd);
}

Test(http, a_header_with_a_line_break_does_not_get_out)
{
	int fd = client_connect(server.options.http);

	ask(fd, "GET / HTTP/1.1\r\n\r\n");
	cr_expect_null(strstr(got, "X-Injected"), "%s", got);
	cr_expect_null(strstr(got, "X-Evil"));
	close(fd);
}

Test(http, head_has_a_length_and_no_body)
{
	int fd = client_connect(server.options.http);

	client_puts(fd, "HEAD /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n");
	client_read_reply(fd, got, sizeof(got), false);
	cr_expect_not_null(strstr(got, "Content-Length: "));
	client_read_reply(fd, got, sizeof(got), true);
	cr_expect_not_null(strstr(got, "GET /2 "), "%s", got);
	close(fd);
}

Test(http, streams_are_chunked_and_end)
{
	int fd = client_connect(server.options.ws);

	client_puts(fd, "GET /http/stream HTTP/1.1\r\n\r\nGET /http/next HTTP/1.1\r\nConnection: close\r\n\r\n");
	client_read_all(fd, got, sizeof(got));
	cr_expect_not_null(strstr(got, "Transfer-Encoding: chunked\r\n"));
	cr_expect_not_null(
		strstr(got, "\r\n\r\n5\r\npart\n\r\n5\r\npart\n\r\n5\r\npart\n\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n"), "%s",
		got);
	close(fd);
	fd = client_connect(server.options.ws);
	client_puts(fd, "GET /http/stream HTTP/1.0\r\n\r\n");
	client_read_all(fd, got, sizeof(got));
	cr_expect_not_null(strstr(got, "\r\n\r\npart\npart\npart\n"), "%s", got);
	close(fd);
}

Test(http, chunked_bodies)
{
	int fd = client_connect(server.options.http);

	ask(fd, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n");
	cr_expect_not_null(strstr(got, " body=19 "), "%s", got);
	ask(fd, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n");
	cr_expect(strncmp(got, "HTTP/1.1 400 ", 13) == 0, "%s", got);
	client_expect_end(fd);
}

Test(http, bad_requests_are_told_what_is_wrong)
{
	expect_status("nonsense\r\n\r\n", "400");
	expect_status("GET / HTTP/3.0\r\n\r\n", "505");
	expect_status("GET /%zz HTTP/1.1\r\n\r\n", "400");
	expect_status("POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", "501");
	expect_status("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "400");
	expect_status("POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", "413");
	for (size_t i = 0; i < 9000; i++)
		got[i] = 'x';
	memcpy(got, "GET /", 5);
	got[9000] = '\0';
	char *request = strdup(got);
	expect_status(request, "431");
	free(request);
}

Test(http, a_body_that_is_announced_politely_is_asked_for)
{
	int fd = client_connect(server.options.http);

	client_puts(fd, "POST / HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
	client_read_reply(fd, got, sizeof(got), false);
	cr_expect_str_eq(got, "HTTP/1.1 100 Continue\r\n\r\n");
	client_puts(fd, "ok");
	client_read_reply(fd, got, sizeof(got), true);
	cr_expect_not_null(strstr(got, " body=2 "));
	close(fd);
}

/* Uploads 1 MiB, which is too large to be passed by value; the id of the blob goes to ret. */
static void upload(int fd, char ret[static 65])
{
	char *body = malloc(1 << 20), *blob;

	for (size_t i = 0; i < 1 << 20; i++)
		body[i] = (char)('a' + i % 26);
	client_puts(fd, "POST /up HTTP/1.1\r\nContent-Length: 1048576\r\n\r\n");
	client_send(fd, body, 1 << 20);
	client_read_reply(fd, got, sizeof(got), true);
	free(body);
	blob = strstr(got, " body=0 blob=");
	cr_assert_not_null(blob, "%s", got);
	memcpy(ret, blob + 13, 64);
	ret[64] = '\0';
}

Test(http, large_bodies_become_blobs_and_blobs_are_served_with_ranges)
{
	int fd = client_connect(server.options.ws);
	char id[65], request[256];

	memset(got, 0, sizeof(got));
	close(fd);
	fd = client_connect(server.options.http);
	upload(fd, id);
	close(fd);
	fd = client_connect(server.options.ws);
	snprintf(request, sizeof(request), "GET /http/blob/%s HTTP/1.1\r\n\r\n", id);
	ask(fd, request);
	cr_expect_not_null(strstr(got, "Content-Length: 1048576\r\n"), "%.200s", got);
	cr_expect(strncmp(strstr(got, "\r\n\r\n") + 4, "abcdefghij", 10) == 0);
	snprintf(request, sizeof(request), "GET /http/blob/%s HTTP/1.1\r\nRange: bytes=26-30\r\n\r\n", id);
	ask(fd, request);
	cr_expect(strncmp(got, "HTTP/1.1 206 ", 13) == 0, "%s", got);
	cr_expect_not_null(strstr(got, "Content-Range: bytes 26-30/1048576\r\n"));
	cr_expect_str_eq(strstr(got, "\r\n\r\n") + 4, "abcde");
	snprintf(request, sizeof(request), "GET /http/blob/%s HTTP/1.1\r\nRange: bytes=1048576-\r\n\r\n", id);
	ask(fd, request);
	cr_expect(strncmp(got, "HTTP/1.1 416 ", 13) == 0, "%s", got);
	snprintf(request, sizeof(request), "GET /http/blob/%s HTTP/1.1\r\nIf-None-Match: \"%s\"\r\n\r\n", id, id);
	client_puts(fd, request);
	client_read_reply(fd, got, sizeof(got), false);
	cr_expect(strncmp(got, "HTTP/1.1 304 ", 13) == 0, "%s", got);
	ask(fd, "GET /http/blob/none HTTP/1.1\r\n\r\n");
	cr_expect(strncmp(got, "HTTP/1.1 404 ", 13) == 0, "%s", got);
	close(fd);
}

Test(http, several_ranges_of_a_blob_are_parts_with_a_head_each)
{
	int fd = client_connect(server.options.http);
	char id[65], request[256], expected[1024];

	upload(fd, id);
	snprintf(request, sizeof(request), "GET /http/blob/%s HTTP/1.1\r\nRange: bytes=26-28,-2\r\n\r\n", id);
	ask(fd, request);
	snprintf(expected, sizeof(expected),
		 "\r\n--%s\r\nContent-Type: text/plain\r\nContent-Range: bytes 26-28/1048576\r\n\r\nabc"
		 "\r\n--%s\r\nContent-Type: text/plain\r\nContent-Range: bytes 1048574-1048575/1048576\r\n\r\n%c%c"
		 "\r\n--%s--\r\n",
		 id, id, 'a' + 1048574 % 26, 'a' + 1048575 % 26, id);
	cr_expect(strncmp(got, "HTTP/1.1 206 ", 13) == 0, "%s", got);
	cr_expect_str_eq(strstr(got, "\r\n\r\n") + 4, expected);
	snprintf(request, sizeof(request), "HEAD /http/blob/%s HTTP/1.1\r\nRange: bytes=26-28,-2\r\n\r\n", id);
	client_puts(fd, request);
	client_read_reply(fd, got, sizeof(got), false);
	cr_expect_not_null(strstr(got, "Content-Length: 1048576\r\n"), "%s", got);
	close(fd);
}

Test(http, a_download_that_waits_for_its_budget_ends_with_its_client)
{
	int fd = client_connect(server.options.http), others[3];
	char id[65], request[256];

	upload(fd, id);
	snprintf(request, sizeof(request), "GET /http/blob/%s?1000 HTTP/1.1\r\n\r\n", id);
	for (size_t i = 0; i < 3; i++) {
		others[i] = client_connect(server.options.http);
		client_puts(others[i], request);
		client_read_reply(others[i], got, sizeof(got), false);
	}
	for (size_t i = 0; i < 3; i++)
		close(others[i]);
	snprintf(request, sizeof(request), "GET /http/blob/%s?9000000 HTTP/1.1\r\n\r\n", id);
	ask(fd, request);
	cr_expect_not_null(strstr(got, "Content-Length: 1048576\r\n"), "%.200s", got);
	close(fd);
}

Test(http, a_client_that_leaves_in_the_middle_leaves_nothing_behind)
{
	int fd = client_connect(server.options.http);

	client_puts(fd, "POST / HTTP/1.1\r\nContent-Length: 600000\r\n\r\n");
	for (size_t i = 0; i < 100; i++)
		client_puts(fd, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
	close(fd);
	fd = client_connect(server.options.ws);
	client_puts(fd, "GET /http/hang HTTP/1.1\r\n\r\n");
	close(fd);
	expect_status("GET / HTTP/1.1\r\n\r\n", "200");
}

Test(http, the_outbound_service_fetches)
{
	char command[128];
	int fd = client_open(server.options.ws, "/ocpp/CP001");
	size_t size;

	snprintf(command, sizeof(command), "!fetch http://127.0.0.1:%u/fetched", server.options.http);
	client_text(fd, command);
	cr_expect_eq(client_receive(fd, got, sizeof(got), &size), 0x81);
	cr_expect(strncmp(got, "status=200 headers=2 body=GET /fetched ", 39) == 0, "%s", got);
	client_text(fd, "!fetch http://127.0.0.1:1/");
	cr_expect_eq(client_receive(fd, got, sizeof(got), &size), 0x81);
	cr_expect(strncmp(got, "code=14 error=", 14) == 0, "%s", got);
	client_text(fd, "!fetch ftp://127.0.0.1/");
	cr_expect_eq(client_receive(fd, got, sizeof(got), &size), 0x81);
	cr_expect(strncmp(got, "code=3 error=url: ", 18) == 0, "%s", got);
	client_text(fd, "!fetch file:///etc/passwd");
	cr_expect_eq(client_receive(fd, got, sizeof(got), &size), 0x81);
	cr_expect(strncmp(got, "code=3 error=url: ", 18) == 0, "%s", got);
	close(fd);
}
