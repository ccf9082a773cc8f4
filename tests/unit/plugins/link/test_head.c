/* Request heads and chunked bodies: what is understood, what is refused and how. */
#include "head.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct head h;
static const char *why;

static int parse(const char *text)
{
	static char copy[2 * HEAD_MAX];

	strcpy(copy, text);
	return head_parse(copy, strlen(copy), &h, &why);
}

Test(head, a_whole_head_is_taken_and_nothing_behind_it)
{
	static const char text[] = "GET /a HTTP/1.1\r\nHost: x\r\nX-Custom:  two words \r\n\r\n";
	char more[256];

	cr_assert_eq(parse(text), (int)strlen(text));
	cr_expect(slice_is(h.method, "GET") && slice_is(h.target, "/a") && h.minor == 1 && h.n_fields == 2);
	cr_expect(slice_is(h.fields[1].name, "x-custom") && slice_is(h.fields[1].value, "two words"));
	cr_expect(h.keep_alive && !h.chunked && h.content_length == -1);
	snprintf(more, sizeof(more), "%sGET /b", text);
	cr_expect_eq(parse(more), (int)strlen(text));
	for (size_t n = 0; n < strlen(text); n++) {
		char part[sizeof(text)] = "";

		memcpy(part, text, n);
		cr_expect_eq(parse(part), 0, "%zu bytes are not a head yet", n);
	}
}

static int parse_response(const char *text, unsigned *ret_status)
{
	static char copy[2 * HEAD_MAX];

	strcpy(copy, text);
	return head_parse_response(copy, strlen(copy), &h, ret_status, &why);
}

Test(head, a_response_is_read_like_a_request)
{
	static const char text[] =
		"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\n\r\n";
	unsigned status = 0;

	cr_assert_eq(parse_response(text, &status), (int)strlen(text));
	cr_expect(status == 101 && h.upgrade && h.websocket && h.n_fields == 2);
	for (size_t n = 0; n < strlen(text); n++) {
		char part[sizeof(text)] = "";

		memcpy(part, text, n);
		cr_expect_eq(parse_response(part, &status), 0, "%zu bytes are not a head yet", n);
	}
	cr_expect_gt(parse_response("HTTP/1.1 404\r\n\r\n", &status), 0, "without a phrase");
	cr_expect_eq(status, 404);
	cr_expect_eq(parse_response("HTTP/2 200 OK\r\n\r\n", &status), -EINVAL);
	cr_expect_eq(parse_response("HTTP/1.1 2x0 OK\r\n\r\n", &status), -EINVAL);
	cr_expect_eq(parse_response("220 mail.example ESMTP\r\n\r\n", &status), -EINVAL);
}

Test(head, sloppy_line_ends_are_tolerated)
{
	cr_expect_gt(parse("\r\n\r\nGET / HTTP/1.1\r\n\r\n"), 0);
	cr_expect_gt(parse("GET / HTTP/1.1\nHost: x\n\n"), 0);
}

Test(head, what_could_hide_another_request_is_refused)
{
	cr_expect_eq(parse("GET / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"), -EINVAL);
	cr_expect_eq(parse("GET / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"), -EINVAL);
	cr_expect_eq(parse("GET / HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\n"), -EINVAL);
	cr_expect_eq(parse("GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"), -EINVAL);
	cr_expect_eq(parse("GET / HTTP/1.1\r\nContent-Length:\r\n\r\n"), -EINVAL);
	cr_expect_eq(parse("GET / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"), -ENOTSUP);
	cr_expect_eq(parse("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), -EINVAL);
	cr_expect_eq(parse("GET / HTTP/1.1\r\nHost : x\r\n\r\n"), -EINVAL, "a blank in front of the colon");
	cr_expect_eq(parse("GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n"), -EINVAL, "a folded line");
	cr_expect_eq(parse("GET / HTTP/1.1\r\nA: b\x01\r\n\r\n"), -EINVAL);
}

Test(head, nonsense_is_refused_with_a_reason)
{
	cr_expect_eq(parse("hello\r\n\r\n"), -EINVAL);
	cr_expect_eq(parse("GET /\r\n\r\n"), -EINVAL);
	cr_expect_eq(parse("GET  HTTP/1.1\r\n\r\n"), -EINVAL);
	cr_expect_eq(parse("GET / HTTP/1.1 \r\n\r\n"), -EINVAL);
	cr_expect_eq(parse("G(T / HTTP/1.1\r\n\r\n"), -EINVAL);
	cr_expect_eq(parse("GET / HTTP/1.1\r\nno colon\r\n\r\n"), -EINVAL);
	cr_expect_eq(parse("GET / HTTP/1.1\r\n: no name\r\n\r\n"), -EINVAL);
	cr_expect_eq(parse("GET / HTTP/2.0\r\n\r\n"), -EPROTONOSUPPORT);
	cr_expect_not_null(why);
}

Test(head, limits_hold)
{
	static char text[2 * HEAD_MAX];
	size_t n = 0;

	n += (size_t)sprintf(text + n, "GET / HTTP/1.1\r\n");
	for (unsigned i = 0; i < HEAD_FIELDS_MAX; i++)
		n += (size_t)sprintf(text + n, "A: %u\r\n", i);
	sprintf(text + n, "\r\n");
	cr_expect_gt(parse(text), 0);
	sprintf(text + n, "A: one more\r\n\r\n");
	cr_expect_eq(parse(text), -E2BIG);
	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "GET /", 5);
	cr_expect_eq(parse(text), -E2BIG);
	text[HEAD_MAX - 1] = '\0';
	cr_expect_eq(parse(text), 0, "it may still end in time");
}

Test(head, connection_and_upgrade)
{
	cr_assert_gt(parse("GET / HTTP/1.1\r\nconnection: keep-alive, Upgrade\r\nUPGRADE: WebSocket\r\n\r\n"), 0);
	cr_expect(h.upgrade && h.websocket && h.keep_alive);
	cr_assert_gt(parse("GET / HTTP/1.1\r\nConnection: close\r\nExpect: 100-Continue\r\n\r\n"), 0);
	cr_expect(!h.keep_alive && h.expect && !h.upgrade);
	cr_assert_gt(parse("GET / HTTP/1.0\r\n\r\n"), 0);
	cr_expect_not(h.keep_alive);
	cr_assert_gt(parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), 0);
	cr_expect(h.keep_alive);
}

static const char *const ours[] = { "ocpp1.6", "ocpp2.0.1" };

static const char *choose(const char *lines)
{
	char text[1024];
	size_t i;

	snprintf(text, sizeof(text), "GET / HTTP/1.1\r\n%s\r\n", lines);
	cr_assert_gt(parse(text), 0);
	switch (head_subprotocol(&h, ours, 2, &i)) {
	case SUBPROTOCOL_FOUND:
		return ours[i];
	case SUBPROTOCOL_NONE_COMMON:
		return "none common";
	default:
		return "not asked";
	}
}

Test(head, an_empty_subprotocol_is_noticed)
{
	cr_assert_gt(parse("GET / HTTP/1.1\r\nSec-WebSocket-Protocol: ,ocpp1.6\r\n\r\n"), 0);
	cr_expect(head_subprotocol_empty(&h));
	cr_assert_gt(parse("GET / HTTP/1.1\r\nSec-WebSocket-Protocol: a, ,b\r\n\r\n"), 0);
	cr_expect(head_subprotocol_empty(&h));
	cr_assert_gt(parse("GET / HTTP/1.1\r\nSec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b,\r\n\r\n"), 0);
	cr_expect(head_subprotocol_empty(&h));
	cr_assert_gt(parse("GET / HTTP/1.1\r\nSec-WebSocket-Protocol: a, b\r\nOther: ,\r\n\r\n"), 0);
	cr_expect_not(head_subprotocol_empty(&h));
}

Test(head, the_station_decides_the_order_of_subprotocols)
{
	cr_expect_str_eq(choose("Sec-WebSocket-Protocol: ocpp2.0.1, ocpp1.6\r\n"), "ocpp2.0.1");
	cr_expect_str_eq(choose("Sec-WebSocket-Protocol: ocpp1.6, ocpp2.0.1\r\n"), "ocpp1.6");
	cr_expect_str_eq(choose("Sec-WebSocket-Protocol: ,ocpp2.0.1\r\n"), "ocpp2.0.1",
			 "an empty item in front (KEBA x30)");
	cr_expect_str_eq(choose("Sec-WebSocket-Protocol: ocpp1.2\r\nSec-WebSocket-Protocol: ocpp1.6\r\n"), "ocpp1.6",
			 "several lines");
	cr_expect_str_eq(choose("Sec-WebSocket-Protocol: OCPP1.6\r\n"), "none common", "names are compared exactly");
	cr_expect_str_eq(choose("Sec-WebSocket-Protocol: \r\n"), "not asked");
	cr_expect_str_eq(choose(""), "not asked");
}

static int64_t decode(const char *text, char *ret)
{
	struct chunks c = { 0 };
	struct slice rest = slice(text, strlen(text)), part;
	size_t size = 0;

	while (c.state != CHUNK_DONE && rest.size) {
		int64_t n = chunks_read(&c, slice(rest.data, 1), &part); /* byte by byte: every boundary is a split */

		if (n < 0)
			return n;
		memcpy(ret + size, part.data, part.size);
		size += part.size;
		rest = slice(rest.data + n, rest.size - (size_t)n);
	}
	ret[size] = '\0';
	return c.state == CHUNK_DONE ? (int64_t)rest.size : -EAGAIN;
}

Test(head, chunks)
{
	char body[128];

	cr_expect_eq(decode("3\r\nabc\r\nA;x=\"y\"\r\n0123456789\r\n0\r\n\r\nnext", body), 4);
	cr_expect_str_eq(body, "abc0123456789");
	cr_expect_eq(decode("0\r\nTrailer: x\r\n\r\n", body), 0);
	cr_expect_eq(decode("3\r\nab", body), -EAGAIN);
	cr_expect_eq(decode("\r\n", body), -EINVAL);
	cr_expect_eq(decode("g\r\n", body), -EINVAL);
	cr_expect_eq(decode("3\r\nabcd", body), -EINVAL);
	cr_expect_eq(decode("3\nabc", body), -EINVAL);
	cr_expect_eq(decode("fffffffffffff\r\n", body), -EINVAL);
}
