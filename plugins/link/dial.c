/* One connection that link makes: the name, the addresses one after the other, TLS, the client's half of the WebSocket
 * handshake (RFC 6455, 4.1), and when to try again. */
#include "dial.h"

#include <curl/curl.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_MAX 4096 /* bytes of the handshake's request */

struct lookup {
	uv_getaddrinfo_t request;
	struct link *link;
	struct dial *dial; /* NULL: nobody asks any more */
};

/* ---- what is dialled ------------------------------------------------------------------------- */

static char *part_of(CURLU *url, CURLUPart part, unsigned flags)
{
	char *text = NULL;

	return curl_url_get(url, part, &text, flags) == CURLUE_OK ? text : NULL;
}

/* The parts of a url into `d`, NULL: only looks. What is wrong, or NULL. */
static const char *url_read(const char *text, struct dial *d)
{
	CURLU *url = curl_url();
	const char *problem = "url: it is not ws://HOST[:PORT]/PATH or wss://HOST[:PORT]/PATH";
	char *scheme = NULL, *host = NULL, *port = NULL, *path = NULL, *query = NULL, *user = NULL;
	bool tls = false;

	if (url && curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK) {
		scheme = part_of(url, CURLUPART_SCHEME, 0);
		host = part_of(url, CURLUPART_HOST, 0);
		port = part_of(url, CURLUPART_PORT, 0);
		path = part_of(url, CURLUPART_PATH, 0);
		query = part_of(url, CURLUPART_QUERY, 0);
		user = part_of(url, CURLUPART_USER, 0);
	}
	tls = scheme && strcmp(scheme, "wss") == 0;
	if (user)
		problem = "url: user and password have fields of their own";
	else if (host && *host && path && scheme && (tls || strcmp(scheme, "ws") == 0))
		problem = NULL;
	if (!problem && d) {
		size_t n = strlen(host);

		d->tls = tls;
		d->port = (uint16_t)(port ? strtoul(port, NULL, 10) : tls ? 443 : 80);
		d->host = host[0] == '[' ? strndup(host + 1, n - 2) : strdup(host);
		if (asprintf(&d->target, "%s%s%s", path, query ? "?" : "", query ? query : "") < 0)
			d->target = NULL;
	}
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_free(path);
	curl_free(query);
	curl_free(user);
	curl_url_cleanup(url);
	return problem;
}

const char *dial_request_problem(const Link__DialRequest *r)
{
	if (!*r->plugin || !*r->name)
		return "plugin and name: both are needed";
	for (const char *s = r->url; *s; s++) {
		if (*s <= ' ' || *s > '~')
			return "url: blanks, control characters and letters beyond ASCII have to be percent-encoded";
	}
	if (strlen(r->url) >= LINK_PATH_MAX)
		return "url: it is longer than 2047 bytes";
	for (size_t i = 0; i < r->n_subprotocols; i++) {
		for (const char *s = r->subprotocols[i]; *s; s++) {
			if (*s <= ' ' || *s > '~' || *s == ',')
				return "subprotocols: names without commas and blanks";
		}
		if (!*r->subprotocols[i] || strlen(r->subprotocols[i]) > 64 || i == 8)
			return "subprotocols: at most 8, each of 1 to 64 bytes";
	}
	if (strchr(r->user, ':') || strpbrk(r->user, "\r\n") || strpbrk(r->password, "\r\n"))
		return "user and password must have no line break, and user no colon";
	if (strlen(r->user) > IDENTITY_MAX || strlen(r->password) > PASSWORD_MAX)
		return "user: at most 100 bytes; password: at most 256";
	if (!*r->cert != !*r->key)
		return "cert and key: both or none";
	return url_read(r->url, NULL);
}

struct dial *dial_create(struct link *l, Link__DialRequest *row)
{
	struct dial *d = calloc(1, sizeof(*d));
	Link__Listener listener = LINK__LISTENER__INIT;

	if (!d)
		return NULL;
	d->link = l;
	listener.name = row->name;
	listener.subprotocols = row->subprotocols;
	listener.n_subprotocols = row->n_subprotocols;
	listener.max_frame_bytes = row->max_frame_bytes;
	listener.window_frames = row->window_frames;
	listener.ping_s = row->ping_s ? row->ping_s : DIAL_PING_S;
	d->route = route_make(l, row->plugin, &listener);
	url_read(row->url, d);
	if (!d->route || !d->host || !d->target) {
		dial_destroy(d);
		return NULL;
	}
	d->row = row;
	return d;
}

static void forget_addresses(struct dial *d)
{
	if (d->found)
		uv_freeaddrinfo(d->found);
	d->found = d->at = NULL;
}

void dial_destroy(struct dial *d)
{
	if (d->conn) {
		d->conn->dial = NULL;
		conn_close(d->conn, 1000, "hung up");
	}
	if (d->lookup) {
		d->lookup->dial = NULL;
		uv_cancel((uv_req_t *)&d->lookup->request);
	}
	forget_addresses(d);
	route_release(d->route);
	free(d->host);
	free(d->target);
	if (d->row)
		link__dial_request__free_unpacked(d->row, NULL);
	free(d);
}

/* ---- when to try again ----------------------------------------------------------------------- */

static uint64_t wait_ms(unsigned failures)
{
	uint64_t most = DIAL_WAIT_MIN_MS;
	uint32_t random = 0;

	while (--failures && most < DIAL_WAIT_MAX_MS)
		most *= 2;
	if (most > DIAL_WAIT_MAX_MS)
		most = DIAL_WAIT_MAX_MS;
	RAND_bytes((unsigned char *)&random, sizeof(random));
	return most / 2 + random % (most / 2 + 1); /* or all terminals of a cloud that comes back come at once */
}

/* This attempt is over. */
static void put_off(struct dial *d)
{
	struct link *l = d->link;
	uint64_t now = link_now(l);
	bool same = d->failures && strcmp(d->why, d->error) == 0;

	forget_addresses(d);
	if (d->up_ms && now - d->up_ms >= DIAL_STEADY_MS)
		d->failures = 0;
	d->up_ms = 0;
	d->failures++;
	d->due_ms = now + wait_ms(d->failures);
	gv_world_count(l->world, "dials_failed", 1);
	memcpy(d->error, d->why, sizeof(d->error));
	gv_world_log(l->world, same || l->draining ? GV_DEBUG : GV_WARN,
		     "No connection to %s: %s plugin=%s name=%s failures=%u again_in_ms=%llu", d->row->url, d->why,
		     d->row->plugin, d->row->name, d->failures, (unsigned long long)(d->due_ms - now));
}

static void say(struct dial *d, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (!d->why[0])
		vsnprintf(d->why, sizeof(d->why), fmt, ap);
	va_end(ap);
}

void dial_problem(struct conn *c, const char *fmt, ...)
{
	va_list ap;

	if (!c->dial || c->dial->why[0])
		return;
	va_start(ap, fmt);
	vsnprintf(c->dial->why, sizeof(c->dial->why), fmt, ap);
	va_end(ap);
}

void dial_ended(struct conn *c)
{
	struct dial *d = c->dial;

	if (!d)
		return;
	c->dial = NULL;
	d->conn = NULL;
	if (!d->reached && d->at && !d->stale)
		return; /* there is another address */
	say(d, "the connection was lost");
	put_off(d);
}

/* ---- the connection -------------------------------------------------------------------------- */

static SSL_CTX *context(struct dial *d)
{
	const Link__DialRequest *r = d->row;
	char why[LINK_SENTENCE_MAX];
	SSL_CTX *ctx = outgoing_context(*r->ca ? r->ca : d->link->ca_file, *r->cert ? r->cert : NULL, r->key, why);

	if (!ctx)
		say(d, "%s", why);
	return ctx;
}

static struct conn *connect_to(struct dial *d, const struct addrinfo *to, SSL_CTX *ctx)
{
	struct sockaddr_storage address = { 0 };
	uint8_t plain[16];
	uint16_t port;
	struct conn *c;
	int r;

	memcpy(&address, to->ai_addr, to->ai_addrlen);
	address_read(&address, plain, &port);
	c = conn_create(d->link, plain, port);
	if (!c)
		return NULL;
	c->state = CONN_DIALLING;
	r = outgoing_create(c, to->ai_addr, to->ai_addrlen, ctx, d->host);
	if (r < 0) {
		say(d, "cannot connect: %s", strerror(-r));
		free(c);
		return NULL;
	}
	c->dial = d;
	table_add(d->link, c);
	return c;
}

/* The next address that lets us try. */
static void try_next(struct dial *d)
{
	SSL_CTX *ctx = d->tls ? context(d) : NULL;

	d->why[0] = d->tls && !ctx ? d->why[0] : '\0';
	while (!d->conn && d->at && (ctx || !d->tls)) {
		d->conn = connect_to(d, d->at, ctx);
		d->at = d->at->ai_next;
	}
	SSL_CTX_free(ctx);
	if (!d->conn) {
		say(d, "there is no address to connect to");
		put_off(d);
	}
}

static void on_found(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
	struct lookup *lookup = (struct lookup *)request;
	struct dial *d = lookup->dial;
	struct link *l = lookup->link;

	free(lookup);
	if (d) {
		d->lookup = NULL;
		d->found = d->at = found;
	} else if (found) {
		uv_freeaddrinfo(found);
	}
	if (d && status < 0) {
		say(d, "the name %s cannot be looked up: %s; is there a network?", d->host, uv_strerror(status));
		put_off(d);
	} else if (d) {
		try_next(d);
	}
	link_idle(l);
}

static void look_up(struct dial *d)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG };
	struct lookup *lookup = calloc(1, sizeof(*lookup));
	char port[8];
	int r = UV_ENOMEM;

	snprintf(port, sizeof(port), "%u", (unsigned)d->port);
	if (lookup) {
		lookup->link = d->link;
		lookup->dial = d;
		r = uv_getaddrinfo(d->link->loop, &lookup->request, on_found, d->host, port, &hints);
	}
	if (r < 0) {
		free(lookup);
		say(d, "the name %s cannot be looked up: %s", d->host, uv_strerror(r));
		put_off(d);
		return;
	}
	d->lookup = lookup;
	link_busy(d->link);
}

void dial_begin(struct dial *d)
{
	d->reached = false;
	if (d->at) {
		try_next(d);
		return;
	}
	d->why[0] = '\0';
	forget_addresses(d);
	look_up(d);
}

/* ---- the handshake --------------------------------------------------------------------------- */

static int add_credentials(const struct dial *d, char *to, size_t room)
{
	char text[IDENTITY_MAX + PASSWORD_MAX + 2];
	unsigned char base64[sizeof(text) * 4 / 3 + 4];
	int n = snprintf(text, sizeof(text), "%s:%s", d->row->user, d->row->password);

	if (!*d->row->user)
		return 0;
	EVP_EncodeBlock(base64, (unsigned char *)text, n);
	return snprintf(to, room, "Authorization: Basic %s\r\n", base64);
}

static int add_subprotocols(const struct dial *d, char *to, size_t room)
{
	int n = 0;

	for (size_t i = 0; i < d->row->n_subprotocols; i++)
		n += snprintf(to + n, room - (size_t)n, "%s%s",
			      i ? ", " : "Sec-WebSocket-Protocol: ", d->row->subprotocols[i]);
	return n ? n + snprintf(to + n, room - (size_t)n, "\r\n") : 0;
}

void dial_connected(struct conn *c)
{
	struct dial *d = c->dial;
	bool v6 = d && strchr(d->host, ':') != NULL;
	char request[REQUEST_MAX], port[8] = "";
	unsigned char random[16];
	int n;

	if (!d || RAND_bytes(random, sizeof(random)) != 1) {
		conn_kill(c, 1006, "nobody wants it any more");
		return;
	}
	d->reached = true;
	EVP_EncodeBlock((unsigned char *)d->key, random, sizeof(random));
	if (d->port != (d->tls ? 443 : 80))
		snprintf(port, sizeof(port), ":%u", (unsigned)d->port);
	n = snprintf(request, sizeof(request),
		     "GET %s HTTP/1.1\r\nHost: %s%s%s%s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n",
		     d->target, v6 ? "[" : "", d->host, v6 ? "]" : "", port, d->key);
	n += add_credentials(d, request + n, sizeof(request) - (size_t)n);
	n += add_subprotocols(d, request + n, sizeof(request) - (size_t)n);
	n += snprintf(request + n, sizeof(request) - (size_t)n, "\r\n");
	c->since_ms = link_now(c->link);
	conn_write(c, request, (size_t)n);
}

static const char *advice(unsigned status)
{
	switch (status) {
	case 301:
	case 302:
	case 307:
	case 308:
		return "it points to another address; dial that one";
	case 401:
		return "it does not take user and password; do they stand at the server as they do here?";
	case 403:
		return "it does not let this client in; is it known there, and does it show the right certificate?";
	case 404:
		return "it has no WebSocket at this path, or does not know the name in it";
	case 429:
	case 503:
		return "it is not ready";
	default:
		return "is this the address of a WebSocket?";
	}
}

/* NULL: the server has agreed. */
static const char *response_problem(const struct dial *d, const struct head *h, const char **ret_subprotocol)
{
	const struct slice *accept = head_get(h, "sec-websocket-accept");
	char wanted[WEBSOCKET_ACCEPT_SIZE];
	size_t i = 0;

	handshake_accept(slice(d->key, strlen(d->key)), wanted);
	if (!h->upgrade || !h->websocket || !accept || !slice_is(*accept, wanted))
		return "the server's handshake is not a WebSocket's; does a proxy stand between?";
	if (head_get(h, "sec-websocket-extensions"))
		return "the server uses an extension that was not offered";
	*ret_subprotocol = NULL;
	switch (head_subprotocol(h, (const char *const *)d->route->subprotocols, d->route->n_subprotocols, &i)) {
	case SUBPROTOCOL_FOUND:
		*ret_subprotocol = d->route->subprotocols[i];
		return NULL;
	case SUBPROTOCOL_NOT_ASKED:
		return d->route->n_subprotocols ? "the server speaks none of the subprotocols that it was offered"
						: NULL;
	default:
		return "the server chose a subprotocol that it was not offered";
	}
}

static void agreed(struct conn *c, const char *subprotocol)
{
	struct dial *d = c->dial;

	if (conn_open(c, d->route, NULL, subprotocol, slice(d->target, strlen(d->target))) < 0) {
		dial_problem(c, "the plugin %s is down", d->row->plugin);
		conn_kill(c, 1006, "the plugin is down");
		return;
	}
	c->state = CONN_WEBSOCKET;
	c->ping_ms = d->route->ping_s * 1000;
	d->up_ms = link_now(c->link);
	d->error[0] = '\0';
	forget_addresses(d);
	gv_world_count(c->link->world, "dials_connected", 1);
	gv_world_log(c->link->world, GV_INFO, "Connected to %s plugin=%s name=%s failures_before=%u", d->row->url,
		     d->row->plugin, d->row->name, d->failures);
}

size_t dial_input(struct conn *c, uint8_t *data, size_t size)
{
	struct head h;
	const char *why = NULL, *subprotocol = NULL;
	unsigned status = 0;
	int r = head_parse_response((char *)data, size, &h, &status, &why);

	if (r == 0)
		return 0;
	if (!c->dial)
		why = "hung up";
	else if (r > 0)
		why = status == 101 ? response_problem(c->dial, &h, &subprotocol) : advice(status);
	if (!why) {
		agreed(c, subprotocol);
		return (size_t)r;
	}
	if (r > 0 && status != 101)
		dial_problem(c, "the server answers %u: %s", status, why);
	else
		dial_problem(c, "%s", why);
	conn_kill(c, 1006, "refused");
	return size;
}
