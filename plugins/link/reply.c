/* HTTP/1 replies: what a plugin answered, streamed where it goes on; blobs are blob.c's. Lengths, framing and
 * keep-alive are decided here; a plugin says status, headers and body. */
#include "http.h"

#include <errno.h>
#include <lib/buf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *http_status_text(unsigned status)
{
	static const struct {
		unsigned status;
		const char *text;
	} texts[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 204, "No Content" },
		{ 206, "Partial Content" },
		{ 301, "Moved Permanently" },
		{ 302, "Found" },
		{ 303, "See Other" },
		{ 304, "Not Modified" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 412, "Precondition Failed" },
		{ 413, "Content Too Large" },
		{ 415, "Unsupported Media Type" },
		{ 416, "Range Not Satisfiable" },
		{ 422, "Unprocessable Content" },
		{ 426, "Upgrade Required" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 499, "Client Closed Request" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
		{ 505, "HTTP Version Not Supported" },
		{ 507, "Insufficient Storage" },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		if (texts[i].status == status)
			return texts[i].text;
	}
	return "Status";
}

void http_completed(struct conn *c)
{
	bool keep = c->exchange ? c->exchange->keep_alive : true;

	exchange_destroy(c->exchange);
	c->exchange = NULL;
	if (!keep || c->link->draining) {
		conn_finish(c, 1000, "");
		return;
	}
	c->state = CONN_HEAD;
	c->since_ms = link_now(c->link);
	conn_resume(c, PAUSE_PIPELINE);
	conn_continue(c);
}

static const char *refusal_headers(unsigned status)
{
	switch (status) {
	case 401:
		return "WWW-Authenticate: Basic realm=\"galvan\", charset=\"UTF-8\"\r\n";
	case 426:
		return "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
	case 429:
		return "Retry-After: 1\r\n";
	case 503:
		return "Retry-After: 5\r\n";
	default:
		return "";
	}
}
_Static_assert(LINK_RETRY_AFTER_S == 5, "the header above says so");

void http_refuse(struct conn *c, unsigned status, const char *text, bool keep_alive)
{
	bool is_head = c->exchange && c->exchange->is_head;
	struct gv_buf out = { 0 };

	if (c->dead || c->state == CONN_CLOSING || c->state == CONN_REPLY)
		return;
	gv_buf_printf(&out,
		      "HTTP/1.1 %u %s\r\n%sContent-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\n%s\r\n",
		      status, http_status_text(status), refusal_headers(status), strlen(text) + 1,
		      keep_alive ? "" : "Connection: close\r\n");
	if (!is_head)
		gv_buf_printf(&out, "%s\n", text);
	if (!out.error)
		conn_write(c, out.data, out.size);
	gv_buf_fini(&out);
	exchange_destroy(c->exchange);
	c->exchange = NULL;
	if (keep_alive && !c->link->draining) {
		c->state = CONN_HEAD;
		c->since_ms = link_now(c->link);
	} else {
		conn_finish(c, 1000, text);
	}
}

/* ---- head of a reply ------------------------------------------------------------------------- */

static bool is_token_text(const char *s)
{
	size_t n = strspn(s, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

	return n && !s[n];
}

bool http_header_allowed(const Link__HttpHeader *h)
{
	static const char *const ours[] = { "content-length", "transfer-encoding", "connection",
					    "keep-alive",     "upgrade",           "trailer" };

	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++) {
		if (strcasecmp(h->name, ours[i]) == 0)
			return false;
	}
	return is_token_text(h->name) && !strpbrk(h->value, "\r\n");
}

void http_put_status(struct gv_buf *out, const struct conn *c, unsigned status)
{
	gv_buf_printf(out, "HTTP/1.1 %u %s\r\n", status, http_status_text(status));
	if (!c->exchange->keep_alive)
		gv_buf_puts(out, "Connection: close\r\n");
	else if (c->exchange->http10)
		gv_buf_puts(out, "Connection: keep-alive\r\n");
}

void http_write(struct conn *c, struct gv_buf *out)
{
	if (out->error)
		conn_kill(c, 1011, "out of memory");
	else if (out->size)
		conn_write(c, out->data, out->size);
	gv_buf_fini(out);
}

static void start(struct conn *c, const Link__HttpResponse *m)
{
	struct exchange *x = c->exchange;
	bool bodiless = m->status == 204 || m->status == 304;
	struct gv_buf out = { 0 };

	x->started = true;
	if (m->more && (x->http10 || x->is_head || bodiless))
		x->keep_alive = false;
	x->chunked_out = m->more && !x->http10 && !x->is_head && !bodiless;
	http_put_status(&out, c, m->status);
	for (size_t i = 0; i < m->n_headers; i++) {
		if (http_header_allowed(m->headers[i]))
			gv_buf_printf(&out, "%s: %s\r\n", m->headers[i]->name, m->headers[i]->value);
	}
	if (x->chunked_out)
		gv_buf_puts(&out, "Transfer-Encoding: chunked\r\n");
	else if (!m->more && !bodiless)
		gv_buf_printf(&out, "Content-Length: %zu\r\n", m->body.len);
	gv_buf_puts(&out, "\r\n");
	http_write(c, &out);
}

static void put_body(struct conn *c, const Link__HttpResponse *m)
{
	struct exchange *x = c->exchange;
	struct gv_buf out = { 0 };

	if (x->chunked_out && m->body.len)
		gv_buf_printf(&out, "%zx\r\n", m->body.len);
	if (m->body.len)
		gv_buf_add(&out, m->body.data, m->body.len);
	if (x->chunked_out && m->body.len)
		gv_buf_puts(&out, "\r\n");
	if (x->chunked_out && !m->more)
		gv_buf_puts(&out, "0\r\n\r\n");
	http_write(c, &out);
}

void http_bad_answer(struct conn *c, const char *why)
{
	gv_world_log(c->link->world, GV_ERR, "%s answered an HTTP request with what cannot be sent: %s",
		     c->exchange->route->plugin, why);
	http_refuse(c, 502, "the plugin that answers here gave no proper answer", false);
}

static void answer(struct conn *c, const Link__HttpResponse *m)
{
	struct exchange *x = c->exchange;
	bool bodiless = x->is_head;

	if (!x->started) {
		if (m->status < 200 || m->status > 599) {
			http_bad_answer(c, "its status is none of 200 to 599");
			return;
		}
		if (m->blob && m->blob[0]) {
			blob_send(c, m);
			return;
		}
		bodiless |= m->status == 204 || m->status == 304;
		start(c, m);
		c->state = CONN_REPLY;
		if (bodiless) { /* also where more was to come: nobody wants it */
			http_completed(c);
			return;
		}
	}
	put_body(c, m);
	if (!m->more && !c->dead)
		http_completed(c);
}

void http_send(struct conn *c, const uint8_t *packed, size_t size)
{
	Link__HttpResponse *m;

	if (c->dead || !c->exchange || (c->state != CONN_WAIT && c->state != CONN_REPLY) || c->exchange->transfer)
		return;
	m = link__http_response__unpack(NULL, size, packed);
	if (!m) {
		gv_world_log(c->link->world, GV_ERR,
			     "%s answered an HTTP request with something that is no HttpResponse bytes=%zu",
			     c->exchange->route->plugin, size);
		conn_close(c, 1011, "the plugin that answers here gave no proper answer");
		return;
	}
	c->frames_out++;
	c->link->frames_out++;
	answer(c, m);
	link__http_response__free_unpacked(m, NULL);
}
