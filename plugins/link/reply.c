/* HTTP/1 replies: what a plugin answered, streamed where it goes on, and blobs served from their files, ranges
 * included. Lengths, framing and keep-alive are decided here; a plugin says status, headers and body. */
#include "http.h"

#include <errno.h>
#include <lib/buf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PUMP_CHUNKS 16 /* of LINK_CHUNK bytes each, before other connections get their turn */

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

/* Framing is link's; a line break would let a value write headers of its own. */
static bool header_allowed(const char *name, const char *value)
{
	static const char *const ours[] = { "content-length", "transfer-encoding", "connection",
					    "keep-alive",     "upgrade",           "trailer" };

	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++) {
		if (strcasecmp(name, ours[i]) == 0)
			return false;
	}
	return is_token_text(name) && !strpbrk(value, "\r\n");
}

static void put_head(struct gv_buf *out, const struct conn *c, unsigned status, const Link__HttpResponse *m)
{
	gv_buf_printf(out, "HTTP/1.1 %u %s\r\n", status, http_status_text(status));
	for (size_t i = 0; i < m->n_headers; i++) {
		if (header_allowed(m->headers[i]->name, m->headers[i]->value))
			gv_buf_printf(out, "%s: %s\r\n", m->headers[i]->name, m->headers[i]->value);
	}
	if (!c->exchange->keep_alive)
		gv_buf_puts(out, "Connection: close\r\n");
	else if (c->exchange->http10)
		gv_buf_puts(out, "Connection: keep-alive\r\n");
}

static void write_buf(struct conn *c, struct gv_buf *out)
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
	put_head(&out, c, m->status, m);
	if (x->chunked_out)
		gv_buf_puts(&out, "Transfer-Encoding: chunked\r\n");
	else if (!m->more && !bodiless)
		gv_buf_printf(&out, "Content-Length: %zu\r\n", m->body.len);
	gv_buf_puts(&out, "\r\n");
	write_buf(c, &out);
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
	write_buf(c, &out);
}

static void answer(struct conn *c, const Link__HttpResponse *m)
{
	struct exchange *x = c->exchange;
	bool bodiless = x->is_head;

	if (!x->started) {
		if (m->status < 200 || m->status > 599) {
			gv_world_log(c->link->world, GV_ERR,
				     "%s answered an HTTP request with an impossible status status=%u",
				     x->route->plugin, m->status);
			http_refuse(c, 502, "the plugin that answers here gave no proper answer", false);
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

	if (c->dead || !c->exchange || (c->state != CONN_WAIT && c->state != CONN_REPLY) || c->exchange->file >= 0)
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

/* ---- blobs ----------------------------------------------------------------------------------- */

/* Which bytes to send, and the status that says so. */
static unsigned choose_range(struct exchange *x, uint64_t size)
{
	uint64_t first, last;
	int r = range_parse(slice(x->range, strlen(x->range)), size, &first, &last);

	x->file_at = 0;
	x->file_left = size;
	if (r == -ERANGE)
		return 416;
	if (r == 0)
		return 200;
	x->file_at = first;
	x->file_left = last - first + 1;
	return 206;
}

static bool etag_matches(const char *none_match, const char *id)
{
	return strcmp(none_match, "*") == 0 || strstr(none_match, id);
}

void blob_send(struct conn *c, const Link__HttpResponse *m)
{
	struct exchange *x = c->exchange;
	struct gv_buf out = { 0 };
	uint64_t size = 0;
	unsigned status = m->status;
	int fd = gv_world_blob_open(c->link->world, m->blob, &size);

	if (fd < 0) {
		gv_world_log(c->link->world, GV_ERR, "%s answered with a blob that cannot be opened blob=%s error=%s",
			     x->route->plugin, m->blob, strerror(-fd));
		http_refuse(c, 404, "the file is not in this node's store", false);
		return;
	}
	if (status == 200 && x->none_match[0] && etag_matches(x->none_match, m->blob))
		status = 304;
	else if (status == 200)
		status = choose_range(x, size);
	else
		x->file_left = size;
	x->started = true;
	put_head(&out, c, status, m);
	gv_buf_printf(&out, "Accept-Ranges: bytes\r\nETag: \"%s\"\r\n", m->blob);
	if (status == 206)
		gv_buf_printf(&out, "Content-Range: bytes %llu-%llu/%llu\r\n", (unsigned long long)x->file_at,
			      (unsigned long long)(x->file_at + x->file_left - 1), (unsigned long long)size);
	if (status == 416) {
		gv_buf_printf(&out, "Content-Range: bytes */%llu\r\n", (unsigned long long)size);
		x->file_left = 0;
	}
	if (status != 304)
		gv_buf_printf(&out, "Content-Length: %llu\r\n", (unsigned long long)x->file_left);
	gv_buf_puts(&out, "\r\n");
	write_buf(c, &out);
	if (x->is_head || status == 304)
		x->file_left = 0;
	x->file = fd;
	c->state = CONN_REPLY;
	http_pump(c);
}

void http_pump(struct conn *c)
{
	uint8_t chunk[LINK_CHUNK];

	if (c->dead || c->state != CONN_REPLY || !c->exchange || c->exchange->file < 0)
		return;
	for (unsigned i = 0; i < PUMP_CHUNKS && c->exchange->file_left; i++) {
		struct exchange *x = c->exchange;
		size_t want = x->file_left < sizeof(chunk) ? (size_t)x->file_left : sizeof(chunk);
		ssize_t n = pread(x->file, chunk, want, (off_t)x->file_at);

		if (n <= 0) {
			gv_world_log(c->link->world, GV_ERR,
				     "A blob ends early; its file is damaged missing_bytes=%llu",
				     (unsigned long long)x->file_left);
			conn_kill(c, 1011, "file is damaged");
			return;
		}
		x->file_at += (uint64_t)n;
		x->file_left -= (uint64_t)n;
		conn_write(c, chunk, (size_t)n);
		link_flush(c->link);
		if (c->dead || c->stuck_ms)
			return; /* goes on when the peer has read */
	}
	if (c->exchange->file_left)
		wire_ask_writable(c);
	else
		http_completed(c);
}
