/* Client connections, WebSocket or bare TCP, cheap enough to hold ten thousand of and to send a hundred thousand frames
 * a second through: all read into one buffer, and a frame is written at once and only queued if the socket does not
 * take it. */
#include "line_internal.h"

#include <errno.h>
#include <lib/deflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct line_dial {         /* what is needed only until the handshake is done */
	struct line *line; /* NULL: given up while the name was being looked up */
	uv_getaddrinfo_t lookup;
	uv_connect_t connect;
	const struct line_target *target;
	char key[WS_KEY_SIZE];
	char subprotocol[64];
	char request[2048];
	int request_size;
	bool looking_up;
	char *response;
	size_t response_size;
};

void line_io_fini(struct line_io *io)
{
	gv_deflate_destroy(io->codec);
	io->codec = NULL;
	line_tls_fini(io);
}

static void dial_free(struct line *l)
{
	struct line_dial *d = l->dial;
	l->dial = NULL;
	if (!d)
		return;
	free(d->response);
	d->response = NULL;
	d->line = NULL;
	if (d->looking_up)
		uv_cancel((uv_req_t *)&d->lookup); /* looked_up frees it */
	else
		free(d);
}

static void ended(uv_handle_t *handle)
{
	struct line *l = handle->data;
	dial_free(l);
	line_tls_end(l);
	ws_decoder_fini(&l->in);
	char *error = l->dial_error;
	l->dial_error = NULL;
	const char *why = error ? error : l->why ? l->why : "";
	l->events->end(l, l->opened, why);
	free(error);
}

void line_finish(struct line *l, const char *why)
{
	if (!l->why)
		l->why = why;
	l->closing = true;
	if (!uv_is_closing((uv_handle_t *)&l->tcp))
		uv_close((uv_handle_t *)&l->tcp, ended);
}

static void fail_dial(struct line *l, const char *what, int r)
{
	char text[400];
	snprintf(text, sizeof text, "%s: %s", what, r ? uv_strerror(r) : "");
	if (!l->dial_error)
		l->dial_error = strdup(r ? text : what);
	line_finish(l, "cannot connect");
}

void line_fail_dial(struct line *l, const char *what)
{
	fail_dial(l, what, 0);
}

void line_lost(struct line *l, const char *why)
{
	if (l->opened)
		line_finish(l, why);
	else
		fail_dial(l, "the connection ended during the handshake", 0);
}

static int on_message(void *arg, enum gv_ws_opcode opcode, const uint8_t *data, size_t size)
{
	struct line *l = arg;
	uint8_t answer[GV_WS_HEADER_MAX + 125];
	switch (opcode) {
	case GV_WS_TEXT:
	case GV_WS_BINARY:
		if (!l->closing)
			l->events->text(l, (const char *)data, size);
		break;
	case GV_WS_PING:
		memcpy(answer + GV_WS_HEADER_MAX, data, size);
		line_send(l, answer, size, GV_WS_PONG);
		break;
	case GV_WS_CLOSE:
		memcpy(answer + GV_WS_HEADER_MAX, data, size < 2 ? 0 : 2);
		line_send(l, answer, size < 2 ? 0 : 2, GV_WS_CLOSE);
		line_finish(l, l->closing ? "" : "the server closed the connection");
		break;
	default:
		break;
	}
	return uv_is_closing((uv_handle_t *)&l->tcp) ? -ECANCELED : 0;
}

static void decode(struct line *l, const char *data, size_t size)
{
	int r = ws_decode(&l->in, (const uint8_t *)data, size, on_message, l);
	if (r < 0 && r != -ECANCELED)
		line_finish(l, r == -EMSGSIZE ? "the server sent a message longer than 1 MiB"
					      : "the server broke the WebSocket protocol");
}

/* Whether messages will be compressed. False: the line is over. */
static bool agree(struct line *l, const char *head, size_t size)
{
	int r = l->dial->target->compression ? ws_compression(head, size) : 0;
	if (r == 1 && !l->io->codec)
		r = gv_deflate_create(&l->io->codec) < 0 ? -ENOMEM : 1;
	if (r < 0)
		fail_dial(l, "the server accepted a compression that was not offered, or memory is short", 0);
	else if (r == 1)
		l->in.codec = l->io->codec;
	return r >= 0;
}

static void shake(struct line *l, const char *data, size_t size)
{
	struct line_dial *d = l->dial;
	char error[300];
	char *grown = realloc(d->response, d->response_size + size);
	if (!grown) {
		line_finish(l, "out of memory");
		return;
	}
	d->response = grown;
	memcpy(grown + d->response_size, data, size);
	d->response_size += size;
	int head = ws_response(grown, d->response_size, d->key, d->subprotocol, error, sizeof error);
	if (head < 0)
		fail_dial(l, error, 0);
	if (head <= 0 || !agree(l, grown, (size_t)head))
		return;
	size_t rest = d->response_size - (size_t)head;
	d->response = NULL;
	dial_free(l);
	l->opened = true;
	l->events->open(l);
	if (rest && !uv_is_closing((uv_handle_t *)&l->tcp))
		decode(l, grown + head, rest);
	free(grown);
}

static void allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
	struct line *l = handle->data;
	*ret = uv_buf_init(l->io->buffer, sizeof l->io->buffer);
}

void line_received(struct line *l, const char *data, size_t size)
{
	if (l->raw && !l->closing)
		l->events->text(l, data, size);
	else if (l->opened)
		decode(l, data, size);
	else
		shake(l, data, size);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
	struct line *l = stream->data;
	if (n > 0 && l->ssl)
		line_tls_received(l, buffer->base, (size_t)n);
	else if (n > 0)
		line_received(l, buffer->base, (size_t)n);
	else if (n < 0 && !l->opened)
		fail_dial(l, "the connection ended during the handshake", n == UV_EOF ? 0 : (int)n);
	else if (n < 0)
		line_finish(l, n == UV_EOF ? "the server ended the connection" : uv_strerror((int)n));
}

static void connected(uv_connect_t *request, int status)
{
	struct line *l = request->handle->data;
	if (status == UV_ECANCELED || uv_is_closing((uv_handle_t *)&l->tcp))
		return;
	if (status < 0) {
		fail_dial(l, "cannot connect", status);
		return;
	}
	uv_tcp_nodelay(&l->tcp, 1);
	if (l->raw) {
		dial_free(l);
		l->opened = true;
		uv_read_start((uv_stream_t *)&l->tcp, allocate, on_read);
		l->events->open(l);
		return;
	}
	uv_read_start((uv_stream_t *)&l->tcp, allocate, on_read);
	if (!l->dial->target->tls)
		line_handshake(l);
	else if (line_tls_start(l, l->dial->target->host) < 0)
		fail_dial(l, "memory is short", 0);
}

void line_handshake(struct line *l)
{
	const uint8_t *request = (const uint8_t *)l->dial->request;
	size_t size = (size_t)l->dial->request_size;
	int r = l->ssl ? line_tls_send(l, request, size) : line_put(l, request, size);
	if (r < 0)
		fail_dial(l, "cannot send the handshake", r);
}

static void dial(struct line *l, const struct sockaddr *address)
{
	int r = uv_tcp_connect(&l->dial->connect, &l->tcp, address, connected);
	if (r < 0)
		fail_dial(l, "cannot connect", r);
}

static void looked_up(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
	struct line_dial *d = request->data;
	d->looking_up = false;
	if (!d->line)
		free(d);
	else if (status < 0)
		fail_dial(d->line, "cannot find the host", status);
	else if (!uv_is_closing((uv_handle_t *)&d->line->tcp))
		dial(d->line, found->ai_addr);
	uv_freeaddrinfo(found);
}

/* Percent-encodes what may not stand in a path segment (RFC 3986, 3.3). */
static int encode_segment(const char *text, char *ret, size_t size)
{
	size_t n = 0;
	for (; *text; text++) {
		unsigned char ch = (unsigned char)*text;
		bool plain = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
			     strchr("-._~*@:=+", ch);
		if (n + 4 > size)
			return -ENOSPC;
		n += (size_t)snprintf(ret + n, size - n, plain ? "%c" : "%%%02X", ch);
	}
	ret[n] = 0;
	return 0;
}

static int prepare_dial(struct line *l, const struct line_target *target, const char *identity, const char *password,
			const char *subprotocol)
{
	struct line_dial *d = l->dial;
	char segment[400], path[1000];
	uint64_t random[2] = { line_random(l->io), line_random(l->io) };
	int r = encode_segment(identity, segment, sizeof segment);
	if (r < 0)
		return r;
	ws_key((const uint8_t *)random, d->key);
	snprintf(path, sizeof path, "%s%s", target->path, segment);
	snprintf(d->subprotocol, sizeof d->subprotocol, "%s", subprotocol ? subprotocol : "");
	struct ws_request request = { target->authority, path,   d->subprotocol,     identity,
				      password,          d->key, target->compression };
	d->request_size = ws_request(&request, d->request, sizeof d->request);
	return d->request_size < 0 ? d->request_size : 0;
}

static int prepare(struct line *l, struct line_io *io, const struct line_events *events,
		   const struct line_target *target)
{
	void *owner = l->owner;
	*l = (struct line){ .io = io, .events = events, .owner = owner };
	l->dial = calloc(1, sizeof *l->dial);
	if (!l->dial)
		return -ENOMEM;
	l->dial->line = l;
	l->dial->target = target;
	l->dial->lookup.data = l->dial;
	return 0;
}

static int look_up(struct line *l)
{
	const struct line_target *target = l->dial->target;
	int r = uv_tcp_init(l->io->loop, &l->tcp);
	if (r < 0) {
		dial_free(l);
		return r;
	}
	l->tcp.data = l;
	struct sockaddr_storage address;
	if (uv_ip4_addr(target->host, target->port, (struct sockaddr_in *)&address) == 0 ||
	    uv_ip6_addr(target->host, target->port, (struct sockaddr_in6 *)&address) == 0) {
		dial(l, (struct sockaddr *)&address);
		return 0;
	}
	char port[8];
	snprintf(port, sizeof port, "%d", target->port);
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	r = uv_getaddrinfo(l->io->loop, &l->dial->lookup, looked_up, target->host, port, &hints);
	l->dial->looking_up = r == 0;
	if (r < 0)
		fail_dial(l, "cannot find the host", r);
	return 0;
}

int line_open(struct line *l, struct line_io *io, const struct line_events *events, const struct line_target *target,
	      const char *identity, const char *password, const char *subprotocol)
{
	int r = prepare(l, io, events, target);
	if (r == 0 && (r = prepare_dial(l, target, identity, password, subprotocol)) < 0)
		dial_free(l);
	return r < 0 ? r : look_up(l);
}

int line_open_tcp(struct line *l, struct line_io *io, const struct line_events *events,
		  const struct line_target *target)
{
	int r = prepare(l, io, events, target);
	l->raw = true;
	return r < 0 ? r : look_up(l);
}

void line_close(struct line *l, unsigned code)
{
	if (l->closing)
		return;
	if (!l->opened || l->raw) {
		line_abort(l, false);
		return;
	}
	uint8_t frame[GV_WS_HEADER_MAX + 2] = { 0 };
	frame[GV_WS_HEADER_MAX] = (uint8_t)(code >> 8);
	frame[GV_WS_HEADER_MAX + 1] = (uint8_t)code;
	line_send(l, frame, 2, GV_WS_CLOSE);
	if (!l->closing) {
		l->closing = true;
		l->why = "";
	}
}

void line_abort(struct line *l, bool reset)
{
	if (uv_is_closing((uv_handle_t *)&l->tcp))
		return;
	l->closing = true;
	l->why = "";
	if (!reset || uv_tcp_close_reset(&l->tcp, ended) < 0)
		uv_close((uv_handle_t *)&l->tcp, ended);
}

void line_freeze(struct line *l)
{
	l->frozen = true;
	if (l->opened && !uv_is_closing((uv_handle_t *)&l->tcp))
		uv_read_stop((uv_stream_t *)&l->tcp);
}
