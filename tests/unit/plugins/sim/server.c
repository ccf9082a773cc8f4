/* The other end of the simulator's sockets, for its tests: it behaves, or misbehaves in the one way that it is told. */
#include "server.h"

#include "plugins/sim/websocket.h"

#include <criterion/criterion.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct server server;

struct peer {
	struct peer *next;
	uv_tcp_t tcp;
	char in[70000];
	size_t size;
	bool open;
};

static struct peer *peers;

static void free_peer(uv_handle_t *handle)
{
	struct peer **at = &peers;
	while (*at != handle->data)
		at = &(*at)->next;
	*at = (*at)->next;
	free(handle->data);
}

static void hang_up(struct peer *p)
{
	if (uv_is_closing((uv_handle_t *)&p->tcp))
		return;
	server.open -= p->open;
	uv_close((uv_handle_t *)&p->tcp, free_peer);
}

static void write_bytes(struct peer *p, const void *data, size_t size)
{
	uv_buf_t b = uv_buf_init((char *)data, (unsigned)size);
	cr_assert_eq(uv_try_write((uv_stream_t *)&p->tcp, &b, 1), (int)size);
}

static void write_text(struct peer *p, const char *text)
{
	char frame[1000] = { (char)0x81 };
	size_t size = strlen(text), head = size < 126 ? 2 : 4;
	frame[1] = (char)(size < 126 ? size : 126);
	frame[2] = (char)(size >> 8);
	frame[3] = (char)size;
	memcpy(frame + head, text, size);
	write_bytes(p, frame, head + size);
}

static void answer_empty(struct peer *p, const char *id)
{
	char answer[300];
	snprintf(answer, sizeof answer, "[3,\"%s\",{}]", id);
	write_text(p, answer);
}

static void misbehave(struct peer *p, const char *id, const char *text)
{
	char other[300];
	server.done++;
	switch (server.misdeed) {
	case DOUBLE:
		answer_empty(p, id);
		answer_empty(p, id);
		break;
	case ERROR:
		snprintf(other, sizeof other, "[4,\"%s\",\"InternalError\",\"broken\",{}]", id);
		write_text(p, other);
		break;
	case WRONG:
		snprintf(other, sizeof other, "[3,\"%s\",{\"status\":\"Accepted\"}]", id);
		write_text(p, other);
		break;
	case INVENT:
		write_text(p, "[3,\"0000ffff-00000001\",{}]");
		answer_empty(p, id);
		break;
	case NONSENSE:
		write_text(p, "hello");
		answer_empty(p, id);
		break;
	case CALL:
		write_text(p, "[2,\"q1\",\"TriggerMessage\",{\"requestedMessage\":\"Heartbeat\"}]");
		answer_empty(p, id);
		break;
	case HANG_UP:
		server.hung_up++;
		hang_up(p);
		break;
	default:
		break;
	}
}

static void on_message(struct peer *p, const char *text)
{
	char id[64] = "", answer[400];
	if (server.misdeed == SILENT)
		return;
	if (server.misdeed == SEND_BACK) {
		write_text(p, text);
		return;
	}
	if (text[1] == '4') {
		server.refusals++;
		return;
	}
	cr_assert_eq(sscanf(text, "[2,\"%63[^\"]", id), 1, "%s", text);
	if (strstr(text, "\"MeterValues\"")) {
		if (++server.meter_values % server.every == 0 && server.misdeed != NONE)
			misbehave(p, id, text);
		else
			answer_empty(p, id);
		return;
	}
	if (strstr(text, "\"StatusNotification\"")) {
		answer_empty(p, id);
		return;
	}
	server.boots += strstr(text, "\"BootNotification\"") != NULL;
	server.starts += strstr(text, "\"StartTransaction\"") != NULL;
	server.stops += strstr(text, "\"StopTransaction\"") != NULL;
	if (strstr(text, "\"BootNotification\""))
		snprintf(answer, sizeof answer,
			 "[3,\"%s\",{\"status\":\"%s\",\"currentTime\":\"2026-01-01T00:00:00Z\",\"interval\":300}]", id,
			 server.misdeed == REFUSE ? "Rejected" : "Accepted");
	else if (strstr(text, "\"StartTransaction\""))
		snprintf(answer, sizeof answer,
			 "[3,\"%s\",{\"transactionId\":7,\"idTagInfo\":{\"status\":\"Accepted\"}}]", id);
	else
		snprintf(
			answer, sizeof answer,
			"[3,\"%s\",{\"currentTime\":\"2026-01-01T00:00:00Z\",\"idTagInfo\":{\"status\":\"Accepted\"}}]",
			id);
	write_text(p, answer);
}

static void shake_hands(struct peer *p)
{
	char key[100], joined[200], accept[100], response[400];
	uint8_t digest[20];
	p->in[p->size] = 0;
	char *end = strstr(p->in, "\r\n\r\n"), *at = strstr(p->in, "Sec-WebSocket-Key: ");
	if (!end)
		return;
	cr_assert_eq(sscanf(p->in, "GET %199s HTTP/1.1", server.last_path), 1);
	char *credentials = strstr(p->in, "Authorization: ");
	server.authorization[0] = 0;
	if (credentials)
		sscanf(credentials, "Authorization: %199[^\r]", server.authorization);
	cr_assert_eq(sscanf(at, "Sec-WebSocket-Key: %99s", key), 1);
	snprintf(joined, sizeof joined, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
	EVP_Digest(joined, strlen(joined), digest, NULL, EVP_sha1(), NULL);
	EVP_EncodeBlock((uint8_t *)accept, digest, 20);
	snprintf(response, sizeof response,
		 "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: "
		 "ocpp1.6\r\n\r\n",
		 accept);
	write_bytes(p, response, strlen(response));
	p->open = true;
	p->size = 0;
	server.open++;
	server.connections++;
}

/* One masked frame at the start of what came in; whether there was one. */
static bool take_frame(struct peer *p)
{
	static char text[70000];
	uint8_t *in = (uint8_t *)p->in;
	if (p->size < 2)
		return false;
	cr_assert(in[1] & 0x80);
	size_t size = in[1] & 127, head = size == 126 ? 8 : 6;
	if (p->size < head)
		return false;
	if (size == 126)
		size = (size_t)in[2] << 8 | in[3];
	if (p->size < head + size)
		return false;
	for (size_t i = 0; i < size; i++)
		text[i] = (char)(in[head + i] ^ in[head - 4 + i % 4]);
	text[size] = 0;
	int opcode = in[0] & 15;
	p->size -= head + size;
	memmove(p->in, p->in + head + size, p->size);
	if (opcode == GV_WS_CLOSE)
		hang_up(p);
	else
		on_message(p, text);
	return !uv_is_closing((uv_handle_t *)&p->tcp);
}

static void allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
	struct peer *p = handle->data;
	*ret = uv_buf_init(p->in + p->size, (unsigned)(sizeof p->in - 1 - p->size));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
	struct peer *p = stream->data;
	if (n < 0) {
		hang_up(p);
		return;
	}
	p->size += (size_t)n;
	if (!p->open)
		shake_hands(p);
	else
		while (take_frame(p))
			;
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct peer *p = calloc(1, sizeof *p);
	p->tcp.data = p;
	p->next = peers;
	peers = p;
	uv_tcp_init(&server.loop, &p->tcp);
	cr_assert_eq(uv_accept(listener, (uv_stream_t *)&p->tcp), 0);
	uv_read_start((uv_stream_t *)&p->tcp, allocate, on_read);
}

void serve(enum misdeed misdeed, unsigned every)
{
	struct sockaddr_in address;
	int size = sizeof address;
	server.misdeed = misdeed;
	server.every = every;
	if (!server.port)
		uv_loop_init(&server.loop);
	uv_tcp_init(&server.loop, &server.listener);
	uv_ip4_addr("127.0.0.1", server.port, &address);
	cr_assert_eq(uv_tcp_bind(&server.listener, (struct sockaddr *)&address, 0), 0);
	cr_assert_eq(uv_listen((uv_stream_t *)&server.listener, 100, on_connection), 0);
	uv_tcp_getsockname(&server.listener, (struct sockaddr *)&address, &size);
	server.port = ntohs(address.sin_port);
	snprintf(server.url, sizeof server.url, "ws://127.0.0.1:%d/ocpp/", server.port);
	uv_unref((uv_handle_t *)&server.listener);
}

void serve_no_more(void)
{
	for (struct peer *p = peers; p; p = p->next)
		hang_up(p);
	if (!uv_is_closing((uv_handle_t *)&server.listener))
		uv_close((uv_handle_t *)&server.listener, NULL);
	uv_run(&server.loop, UV_RUN_NOWAIT);
}
