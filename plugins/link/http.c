/* HTTP/1 requests: read, bounded, and handed to the plugin as one GV_REQUEST frame each. One request at a time per
 * connection; what a client sends behind it waits. */
#include "http.h"
#include "transfer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void exchange_destroy(struct exchange *x)
{
	if (!x)
		return;
	if (x->blob)
		gv_world_blob_destroy(x->blob);
	transfer_destroy(x->transfer);
	exchange_forget_headers(x);
	route_release(x->route);
	x->link->in_bytes -= x->body.size;
	bytes_fini(&x->body);
	free(x->head);
	free(x);
}

uint64_t http_body_ms(const struct conn *c)
{
	return c->exchange->body_size;
}

void exchange_forget_headers(struct exchange *x)
{
	char **all[] = { &x->range, &x->if_range, &x->match, &x->none_match };

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		free(*all[i]);
		*all[i] = NULL;
	}
}

/* A header's value, or those of all its lines as one list. False: no memory. */
static bool take_header(const struct head *h, const char *name, char **ret)
{
	char value[HEAD_MAX] = "";
	size_t n = 0;

	for (size_t i = 0; i < h->n_fields; i++) {
		struct slice s = h->fields[i].value;

		if (slice_is(h->fields[i].name, name)) /* all lines together are shorter than the head */
			n += (size_t)snprintf(value + n, sizeof(value) - n, "%s%.*s", n ? "," : "", (int)s.size,
					      s.data);
	}
	if (n)
		*ret = strdup(value);
	return !n || *ret;
}

/* Those that a blob is answered by (RFC 9110, 13.2 and 14.2): ranges are for GET alone. */
static bool take_headers(struct exchange *x, const struct head *h)
{
	bool get = slice_is(h->method, "GET");

	if (!get && !x->is_head)
		return true;
	return take_header(h, "if-match", &x->match) && take_header(h, "if-none-match", &x->none_match) &&
	       (!get || (take_header(h, "range", &x->range) && take_header(h, "if-range", &x->if_range)));
}

static struct exchange *exchange_make(struct conn *c, struct route *route, const struct head *h)
{
	struct exchange *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->link = c->link;
	x->route = route_hold(route);
	x->is_head = slice_is(h->method, "HEAD");
	x->http10 = h->minor == 0;
	x->keep_alive = h->keep_alive;
	x->chunked = h->chunked;
	x->left = h->content_length > 0 ? (uint64_t)h->content_length : 0;
	if (!take_headers(x, h)) {
		exchange_destroy(x);
		return NULL;
	}
	return x;
}

/* ---- to the plugin --------------------------------------------------------------------------- */

/* The bytes behind a name or value of a parsed head are its separator: a zero byte may go there. */
static char *terminate(struct slice s)
{
	char *text = (char *)s.data;

	text[s.size] = '\0';
	return text;
}

static int send_packed(struct conn *c, const Link__HttpRequest *m)
{
	size_t size = link__http_request__get_packed_size(m);
	uint8_t *packed = malloc(size + 1);
	int r;

	if (!packed)
		return -ENOMEM;
	link__http_request__pack(m, packed);
	r = gv_world_frame(c->link->world, c->id, GV_REQUEST, packed, size);
	free(packed);
	return r;
}

/* Takes the body out of the exchange into the message. */
static int take_body(struct exchange *x, Link__HttpRequest *m, char blob[static GV_BLOB_ID_SIZE])
{
	int r;

	if (!x->blob) {
		m->body.data = x->body.data;
		m->body.len = x->body.size;
		return 0;
	}
	r = gv_world_blob_commit(x->blob, blob);
	x->blob = NULL; /* committed or not, it is used up */
	if (r < 0)
		return r;
	m->body_blob = blob;
	m->body_new = r == 0;
	return 0;
}

static int forward(struct conn *c, struct exchange *x, const struct head *h)
{
	Link__HttpRequest m = LINK__HTTP_REQUEST__INIT;
	Link__HttpHeader headers[HEAD_FIELDS_MAX], *pointers[HEAD_FIELDS_MAX];
	char path[HEAD_MAX], peer[PEER_MAX], blob[GV_BLOB_ID_SIZE];
	struct slice raw, query;
	int r = target_split(h->target, &raw, &query);

	if (r == 0)
		r = percent_decode(raw, path, sizeof(path));
	if (r >= 0)
		r = take_body(x, &m, blob);
	if (r < 0)
		return r;
	m.query = query.size ? terminate(query) : (char *)"";
	m.path = path;
	m.method = terminate(h->method);
	for (size_t i = 0; i < h->n_fields; i++) {
		link__http_header__init(&headers[i]);
		headers[i].name = terminate(h->fields[i].name);
		headers[i].value = terminate(h->fields[i].value);
		pointers[i] = &headers[i];
	}
	m.headers = pointers;
	m.n_headers = h->n_fields;
	m.peer = (char *)conn_peer(c, false, peer);
	m.loopback = conn_is_loopback(c);
	return send_packed(c, &m);
}

/* The request is whole. */
static void submit(struct conn *c, const struct head *h)
{
	struct exchange *x = c->exchange;
	int r;

	if (!c->id || c->route != x->route) {
		conn_end(c, 1000, "the next request is for another listener");
		conn_resume(c, PAUSE_HOST);
		if (conn_open(c, x->route, NULL, NULL, (struct slice){ 0 }) < 0) {
			link_log_refusal(c, "", 503, "the plugin is down");
			http_refuse(c, 503, "the plugin that answers here is down; try again soon", false);
			return;
		}
	}
	c->state = CONN_WAIT;
	c->since_ms = link_now(c->link);
	c->frames_in++;
	c->link->frames_in++;
	r = forward(c, x, h);
	if (r == -EINVAL || r == -ENOSPC)
		http_refuse(c, 400, "the path has a '%' without two hexadecimal digits or a zero byte behind it",
			    false);
	else if (r < 0)
		http_refuse(c, 503, "the plugin that answers here is down or busy; try again soon", false);
	if (c->state == CONN_WAIT) { /* the host has its copy */
		free(x->head);
		x->head = NULL;
		conn_unhold(c, &x->body, x->body.size);
	}
}

/* The same where the head was set aside while the body came in. */
static void submit_with_body(struct conn *c)
{
	struct head h;
	const char *why;

	if (head_parse((char *)c->exchange->head, c->exchange->head_size, &h, &why) <= 0)
		http_refuse(c, 400, why, false); /* cannot be: it was parsed before */
	else
		submit(c, &h);
}

/* ---- body ------------------------------------------------------------------------------------ */

static int spill(struct exchange *x)
{
	int r = gv_world_blob_create(x->link->world, &x->blob);

	if (r < 0) {
		x->blob = NULL;
		return r;
	}
	return gv_world_blob_write(x->blob, x->body.data, x->body.size);
}

/* False when it has refused. */
static bool add_body(struct conn *c, const char *data, size_t size)
{
	struct exchange *x = c->exchange;
	int r = 0;

	if (x->body_size + size > x->route->max_body) {
		http_refuse(c, 413, "the request's body is too large", false);
		return false;
	}
	if (!x->blob && x->body_size + size > LINK_BODY_INLINE) {
		r = spill(x);
		conn_unhold(c, &x->body, x->body.size);
	}
	if (r == 0)
		r = x->blob ? gv_world_blob_write(x->blob, data, size) : conn_hold(c, &x->body, data, size);
	x->body_size += size;
	if (r < 0) {
		gv_world_log(c->link->world, GV_ERR, "A request's body cannot be kept; see to the disk error=%s",
			     strerror(-r));
		http_refuse(c, r == -ENOBUFS ? 503 : 507, "the request's body cannot be stored now", false);
	}
	return r == 0;
}

size_t http_body(struct conn *c, uint8_t *data, size_t size)
{
	struct exchange *x = c->exchange;
	struct slice part = { (const char *)data, size };
	int64_t n = (int64_t)size;

	if (x->chunked) {
		n = chunks_read(&x->chunks, slice((const char *)data, size), &part);
		if (n < 0) {
			http_refuse(c, 400, "the body is not in proper chunks", false);
			return size;
		}
	} else if (size > x->left) {
		part.size = (size_t)x->left;
		n = (int64_t)x->left;
	}
	if (part.size && !add_body(c, part.data, part.size))
		return size;
	if (!x->chunked)
		x->left -= part.size;
	if (x->chunked ? x->chunks.state == CHUNK_DONE : x->left == 0)
		submit_with_body(c);
	return (size_t)n;
}

/* ---- head ------------------------------------------------------------------------------------ */

static void refuse_head(struct conn *c, int error, const char *why)
{
	http_refuse(c,
		    error == -E2BIG             ? 431
		    : error == -EPROTONOSUPPORT ? 505
		    : error == -ENOTSUP         ? 501
						: 400,
		    why, false);
}

static struct route *find_route(struct conn *c, const struct head *h, struct slice path)
{
	struct route *route = route_find(c->link, c->port, LINK__LISTENER__KIND__HTTP, path);
	bool keep = h->keep_alive && !h->chunked && h->content_length <= 0 && !slice_is(h->method, "HEAD");

	if (route)
		return route;
	if (route_find(c->link, c->port, LINK__LISTENER__KIND__WEBSOCKET, path))
		http_refuse(c, 426,
			    "this path speaks WebSocket only: Upgrade: websocket and Connection: Upgrade are missing",
			    keep);
	else if (c->port->to || !gv_world_settled(c->link->world))
		http_refuse(c, 503, "the plugin that answers here is not up; try again soon", false);
	else
		http_refuse(c, 404, "no plugin listens at this path", keep);
	return NULL;
}

static void begin(struct conn *c, const struct head *h, struct slice path, const uint8_t *data, size_t size)
{
	struct route *route = find_route(c, h, path);

	if (!route)
		return;
	if (h->content_length > 0 && (uint64_t)h->content_length > route->max_body) {
		http_refuse(c, 413, "the request's body is too large", false);
		return;
	}
	c->exchange = exchange_make(c, route, h);
	if (!c->exchange) {
		conn_kill(c, 1011, "out of memory");
		return;
	}
	if (!h->chunked && h->content_length <= 0) {
		submit(c, h);
		return;
	}
	c->exchange->head = malloc(size);
	if (!c->exchange->head) {
		conn_kill(c, 1011, "out of memory");
		return;
	}
	memcpy(c->exchange->head, data, size);
	c->exchange->head_size = size;
	c->state = CONN_BODY;
	c->since_ms = link_now(c->link);
	if (h->expect)
		conn_write(c, "HTTP/1.1 100 Continue\r\n\r\n", 25);
}

size_t http_head(struct conn *c, uint8_t *data, size_t size)
{
	struct slice path, query;
	struct head h;
	const char *why;
	int n = head_parse((char *)data, size, &h, &why);

	if (n == 0)
		return 0;
	if (n < 0) {
		refuse_head(c, n, why);
		return size;
	}
	if (target_split(h.target, &path, &query) < 0)
		http_refuse(c, 400, "the request's target is no path", false);
	else if (h.websocket && c->port->kind == PORT_WS && (h.upgrade || handshake_forgiven(c, path)))
		handshake(c, &h, path);
	else
		begin(c, &h, path, data, (size_t)n);
	return (size_t)n;
}
