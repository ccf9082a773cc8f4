/* The client's WebSocket codec: what it must send, and what of a server's bytes it must take or refuse, in whatever
 * pieces they come. */
#include "plugins/sim/websocket.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <lib/deflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- handshake ------------------------------------------------------------------------------- */

#define KEY "dGhlIHNhbXBsZSBub25jZQ==" /* RFC 6455, 1.3 */
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

Test(websocket_handshake, asks_as_rfc_6455_and_7617_say)
{
	char text[1000];
	struct ws_request r = { "example.org:9000", "/ocpp/CP%20001", "ocpp1.6", "Aladdin", "open sesame", KEY };
	int n = ws_request(&r, text, sizeof text);
	cr_assert_gt(n, 0);
	cr_assert_not_null(strstr(text, "GET /ocpp/CP%20001 HTTP/1.1\r\nHost: example.org:9000\r\n"));
	cr_assert_not_null(strstr(text, "Sec-WebSocket-Protocol: ocpp1.6\r\n"));
	cr_assert_not_null(strstr(text, "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"));
	cr_assert_not_null(strstr(text, "Sec-WebSocket-Key: " KEY "\r\n"));
	cr_assert_str_eq(text + n - 4, "\r\n\r\n");
	cr_assert_eq(ws_request(&r, text, 50), -ENOSPC);
}

Test(websocket_handshake, takes_only_the_right_answer)
{
	char error[200];
	const char *right = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nSEC-WebSocket-Accept:  " ACCEPT
			    " \r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\nrest";
	cr_assert_eq(ws_response(right, strlen(right), KEY, "ocpp1.6", error, sizeof error), (int)strlen(right) - 4);
	for (size_t i = 0; i < strlen(right) - 4; i++)
		cr_assert_eq(ws_response(right, i, KEY, "ocpp1.6", error, sizeof error), 0,
			     "more is needed after %zu bytes", i);
	cr_assert_eq(ws_response(right, strlen(right), KEY, "ocpp2.0.1", error, sizeof error), -EPROTO);
	cr_assert_not_null(strstr(error, "ocpp2.0.1"));
	cr_assert_eq(ws_response(right, strlen(right), "another key", "ocpp1.6", error, sizeof error), -EPROTO);
	const char *refusal = "HTTP/1.1 404 Not Found\r\n\r\n";
	cr_assert_eq(ws_response(refusal, strlen(refusal), KEY, "ocpp1.6", error, sizeof error), -EPROTO);
	cr_assert_not_null(strstr(error, "404 Not Found"));
	char *endless = malloc(WS_MAX_RESPONSE);
	memset(endless, 'x', WS_MAX_RESPONSE);
	cr_assert_eq(ws_response(endless, WS_MAX_RESPONSE, KEY, "ocpp1.6", error, sizeof error), -EPROTO);
	free(endless);
}

/* ---- frames out ------------------------------------------------------------------------------ */

Test(websocket_frames, are_masked_and_say_their_size_in_the_shortest_way)
{
	static const size_t sizes[] = { 0, 1, 125, 126, 65535, 65536 };
	static const size_t heads[] = { 6, 6, 6, 8, 8, 14 };
	static uint8_t buffer[GV_WS_HEADER_MAX + 65536];
	for (size_t i = 0; i < 6; i++) {
		size_t size;
		for (size_t j = 0; j < sizes[i]; j++)
			buffer[GV_WS_HEADER_MAX + j] = (uint8_t)j;
		uint8_t *frame = ws_frame(buffer, sizes[i], GV_WS_TEXT, 0x04030201, &size);
		cr_assert_eq(size, heads[i] + sizes[i]);
		cr_assert_eq(frame[0], 0x81);
		cr_assert(frame[1] & 0x80, "a client must mask");
		for (size_t j = 0; j < sizes[i]; j++)
			cr_assert_eq(frame[heads[i] + j] ^ frame[heads[i] - 4 + j % 4], (uint8_t)j);
	}
}

/* ---- frames in ------------------------------------------------------------------------------- */

static struct seen {
	int opcode;
	char text[100];
	size_t size;
} seen[100];
static int seen_count, stop_after;

static int on_message(void *arg, enum gv_ws_opcode opcode, const uint8_t *data, size_t size)
{
	cr_assert_lt(seen_count, 100);
	struct seen *s = &seen[seen_count++];
	s->opcode = opcode;
	s->size = size;
	memcpy(s->text, data, size < 99 ? size : 99);
	return stop_after && seen_count == stop_after ? 77 : 0;
}

Test(websocket_decoder, takes_frames_in_whatever_pieces_they_come)
{
	/* a text in three fragments with a ping between them, an empty text, a text of 130 bytes, a close */
	uint8_t bytes[400] = { 0x01, 3,    'a', 'b', 'c', 0x00, 1, 'd',  0x89, 2, 'h',
			       'i',  0x80, 2,   'e', 'f', 0x81, 0, 0x81, 126,  0, 130 };
	size_t size = 22 + 130;
	memset(bytes + 22, 'x', 130);
	bytes[size++] = 0x88;
	bytes[size++] = 2;
	bytes[size++] = 3;
	bytes[size++] = 0xe8;
	for (size_t piece = 1; piece <= size; piece++) {
		struct ws_decoder d = { 0 };
		seen_count = 0;
		memset(seen, 0, sizeof seen);
		for (size_t at = 0; at < size; at += piece)
			cr_assert_eq(ws_decode(&d, bytes + at, at + piece < size ? piece : size - at, on_message, NULL),
				     0);
		cr_assert_eq(seen_count, 5, "in pieces of %zu", piece);
		cr_assert(seen[0].opcode == GV_WS_PING && strcmp(seen[0].text, "hi") == 0);
		cr_assert(seen[1].opcode == GV_WS_TEXT && strcmp(seen[1].text, "abcdef") == 0);
		cr_assert(seen[2].opcode == GV_WS_TEXT && seen[2].size == 0);
		cr_assert(seen[3].opcode == GV_WS_TEXT && seen[3].size == 130);
		cr_assert(seen[4].opcode == GV_WS_CLOSE && seen[4].size == 2);
		ws_decoder_fini(&d);
	}
}

Test(websocket_decoder, refuses_what_no_server_may_send)
{
	static const struct {
		uint8_t bytes[10];
		int error;
	} bad[] = {
		{ { 0x81, 0x80, 0, 0, 0, 0 }, -EPROTO },                          /* masked */
		{ { 0xc1, 0 }, -EPROTO },                                         /* a reserved bit */
		{ { 0x83, 0 }, -EPROTO },                                         /* an unknown opcode */
		{ { 0x8b, 0 }, -EPROTO },                                         /* another */
		{ { 0x09, 0 }, -EPROTO },                                         /* a control frame in fragments */
		{ { 0x89, 126, 0, 200 }, -EPROTO },                               /* a long control frame */
		{ { 0x80, 0 }, -EPROTO },                                         /* a continuation of nothing */
		{ { 0x01, 0, 0x81, 0 }, -EPROTO },                                /* a new message inside another */
		{ { 0x81, 127, 0, 0, 0, 0, 0, 0x10, 0, 1 }, -EMSGSIZE },          /* 1 MiB and a byte */
		{ { 0x81, 127, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0 }, -EMSGSIZE }, /* far more */
		{ { 0x81, 127, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0 }, -EPROTO },   /* no size at all */
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct ws_decoder d = { 0 };
		seen_count = 0;
		cr_assert_eq(ws_decode(&d, bad[i].bytes, 10, on_message, NULL), bad[i].error, "case %zu", i);
		ws_decoder_fini(&d);
	}
}

Test(websocket_decoder, stops_where_it_is_told_to)
{
	const uint8_t bytes[] = { 0x81, 1, 'a', 0x81, 1, 'b', 0x81, 1, 'c' };
	struct ws_decoder d = { 0 };
	stop_after = 2;
	cr_assert_eq(ws_decode(&d, bytes, sizeof bytes, on_message, NULL), 77);
	cr_assert_eq(seen_count, 2);
	ws_decoder_fini(&d);
}

Test(websocket_decoder, bounds_a_message_of_many_fragments)
{
	struct ws_decoder d = { 0 };
	static uint8_t fragment[4 + 60000] = { 0x01, 126, 60000 >> 8, 60000 & 255 };
	int r = 0;
	for (int i = 0; r == 0 && i < 100; i++) {
		r = ws_decode(&d, fragment, sizeof fragment, on_message, NULL);
		fragment[0] = 0x00;
	}
	cr_assert_eq(r, -EMSGSIZE);
	ws_decoder_fini(&d);
}

Test(compression, is_offered_and_accepted_on_our_terms)
{
	static const char accepted[] = "HTTP/1.1 101 x\r\nSec-WebSocket-Extensions: permessage-deflate; "
				       "server_no_context_takeover; client_no_context_takeover\r\n\r\n",
			  other[] = "HTTP/1.1 101 x\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
			  none[] = "HTTP/1.1 101 x\r\n\r\n";
	char text[1000];
	struct ws_request r = { "example.org", "/", "", NULL, NULL, KEY, true };
	cr_assert_gt(ws_request(&r, text, sizeof text), 0);
	cr_expect_not_null(strstr(text, "\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
					"client_no_context_takeover\r\n"));
	cr_expect_eq(ws_compression(accepted, sizeof accepted - 1), 1);
	cr_expect_eq(ws_compression(none, sizeof none - 1), 0);
	cr_expect_eq(ws_compression(other, sizeof other - 1), -EPROTO, "this server would keep a window");
}

Test(compression, a_compressed_message_is_taken_only_where_it_was_agreed)
{
	static const uint8_t hello[] = { 0xc1, 7, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00 };
	struct ws_decoder d = { 0 };
	cr_assert_eq(ws_decode(&d, hello, sizeof hello, on_message, NULL), -EPROTO);
	ws_decoder_fini(&d);
	cr_assert_eq(gv_deflate_create(&d.codec), 0);
	struct gv_deflate *codec = d.codec;
	cr_assert_eq(ws_decode(&d, hello, sizeof hello, on_message, NULL), 0);
	cr_expect(seen_count == 1 && strcmp(seen[0].text, "Hello") == 0);
	ws_decoder_fini(&d);
	gv_deflate_destroy(codec);
}
