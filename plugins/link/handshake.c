/* The opening handshake of a WebSocket: who is it, may it come in, which subprotocol. Answered from memory, at once,
 * and cheaply where the answer is no: a station that is refused comes again every few seconds, for ever. */
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include <galvan/registry.pb-c.h>

#include "link.h"

#define KEY_MAX 128
#define WEBSOCKET_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

struct candidate { /* who wants to connect */
	struct route *route;
	struct device *device; /* NULL: unknown to the registry */
	char id[VIEW_ID_MAX + 1];
	const char *subprotocol;                  /* chosen; NULL: none */
	bool named;                               /* the client asked for it, so the answer names it */
	char certificate[CERTIFICATE_SERIAL_MAX]; /* its serial number; "": none */
};

static void refuse(struct conn *c, const struct candidate *who, unsigned status, const char *why)
{
	link_log_refusal(c, who->id, status, why);
	http_refuse(c, status, why, false);
}

static bool check_request(struct conn *c, const struct candidate *who, const struct head *h)
{
	const struct slice *key = head_get(h, "sec-websocket-key"), *version = head_get(h, "sec-websocket-version");

	if (!slice_is(h->method, "GET") || h->minor < 1 || h->chunked || h->content_length > 0)
		refuse(c, who, 400, "a WebSocket handshake is a GET of HTTP/1.1 without a body");
	else if (!key || !key->size || key->size > KEY_MAX)
		refuse(c, who, 400, "Sec-WebSocket-Key is missing or too long");
	else if (!version || !slice_is(*version, "13"))
		refuse(c, who, 426, "only version 13 of the WebSocket protocol is spoken here");
	else
		return true;
	return false;
}

/* Fills id and device from the path. What is wrong with it, for people, and HTTP's status for it; NULL: nothing. */
static const char *name_device(const struct link *l, struct candidate *who, struct slice path, unsigned *ret_status)
{
	char identity[IDENTITY_MAX + 1];
	int n;

	*ret_status = 404;
	if (path.size <= strlen(who->route->path) || path_identity(path, identity) < 0)
		return "the path's last segment is no identity";
	n = snprintf(who->id, sizeof(who->id), "%s%s", who->route->device_prefix, identity);
	if (n < 0 || (size_t)n >= sizeof(who->id)) {
		who->id[0] = '\0';
		return "the identity is too long";
	}
	who->device = view_find(&l->view, who->id);
	if (who->device) {
		snprintf(who->id, sizeof(who->id), "%s", who->device->id);
		return NULL;
	}
	if (!gv_world_heard_all(l->world, &registry__device_changed__descriptor)) {
		*ret_status = 503; /* it may be known, and have a password */
		return "the registry's devices are still being read";
	}
	return who->route->accept_unknown ? NULL : "the registry does not know this device; PutDevice makes it known";
}

/* False when it has refused. */
static bool identify(struct conn *c, struct candidate *who, struct slice path)
{
	size_t prefix = strlen(who->route->path);
	const char *why;
	unsigned status;

	if (!who->route->by_identity)
		return true;
	why = name_device(c->link, who, path, &status);
	if (why) {
		refuse(c, who, status, why);
		return false;
	}
	if (!slice_is(slice(path.data + prefix, path.size - prefix), who->id + strlen(who->route->device_prefix)))
		gv_world_count(c->link->world, "quirk_other_spelling", 1); /* of the identity (quirk 5) */
	return true;
}

bool handshake_forgiven(struct conn *c, struct slice path)
{
	struct candidate who = { .route = route_find(c->link, c->port, LINK__LISTENER__KIND__WEBSOCKET, path) };
	unsigned status;

	return who.route && who.route->by_identity && !name_device(c->link, &who, path, &status) && who.device &&
	       who.device->upgrade_optional;
}

/* False when it has refused. */
static bool let_in(struct conn *c, struct candidate *who, const struct head *h)
{
	struct alarm a = { .port = c->port->number };
	struct admission admission;

	if (!who->device)
		return true;
	if (admit(c, who->device, who->route->device_prefix, h, &admission)) {
		memcpy(who->certificate, admission.serial, sizeof(who->certificate));
		return true;
	}
	conn_peer(c, true, a.peer);
	a.reason = admission.reason;
	a.status = admission.status;
	a.detail = admission.why;
	a.subject = admission.subject[0] ? admission.subject : NULL;
	alarm_raise(c->link, who->device, &a);
	http_refuse(c, admission.status, admission.why, false);
	return false;
}

/* The station's first choice that the listener has; where it asks for none, what its device allows. False: none. */
static bool choose_subprotocol(struct gv_world *w, struct candidate *who, const struct head *h)
{
	const struct route *r = who->route;
	const char *allowed = who->device ? who->device->default_subprotocol : NULL;
	size_t i;

	if (!r->n_subprotocols)
		return true;
	if (head_subprotocol_empty(h))
		gv_world_count(w, "quirk_empty_subprotocol", 1); /* quirk 2 */
	switch (head_subprotocol(h, (const char *const *)r->subprotocols, r->n_subprotocols, &i)) {
	case SUBPROTOCOL_FOUND:
		who->subprotocol = r->subprotocols[i];
		who->named = true;
		return true;
	case SUBPROTOCOL_NOT_ASKED:
		if (allowed && strcmp(allowed, "allow") == 0)
			allowed = r->default_subprotocol;
		for (i = 0; allowed && i < r->n_subprotocols; i++) {
			if (strcmp(r->subprotocols[i], allowed) == 0) {
				gv_world_count(w, "quirk_no_subprotocol", 1); /* quirk 1 */
				who->subprotocol = r->subprotocols[i];
				return true;
			}
		}
		return false;
	default:
		return false;
	}
}

void handshake_accept(struct slice key, char ret[static WEBSOCKET_ACCEPT_SIZE])
{
	char text[KEY_MAX + sizeof(WEBSOCKET_GUID)];
	unsigned char hash[SHA_DIGEST_LENGTH];
	int n = snprintf(text, sizeof(text), "%.*s" WEBSOCKET_GUID, (int)key.size, key.data);

	SHA1((unsigned char *)text, (size_t)n, hash);
	EVP_EncodeBlock((unsigned char *)ret, hash, sizeof(hash));
}

static void accept_upgrade(struct conn *c, const struct candidate *who, const struct head *h)
{
	const struct slice *key = head_get(h, "sec-websocket-key");
	char accept[WEBSOCKET_ACCEPT_SIZE], extension[COMPRESSION_LINE_SIZE], answer[768];
	int n;

	handshake_accept(*key, accept);
	compression_agree(c, who->route, who->device, h, extension);
	n = snprintf(answer, sizeof(answer),
		     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
		     "Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s%.200s%s%s\r\n",
		     accept, who->named ? "Sec-WebSocket-Protocol: " : "", who->named ? who->subprotocol : "",
		     who->named ? "\r\n" : "", extension);
	conn_write(c, answer, (size_t)n);
	c->state = CONN_WEBSOCKET;
}

/* The newest connection of a device is the one that is alive; the one before is most likely half open. */
static void replace_others(struct conn *c, const struct candidate *who)
{
	struct conn *old = table_by_device(c->link, who->id, NULL), *next;

	for (; old; old = next) {
		next = table_by_device(c->link, who->id, old);
		if (strcmp(old->route->plugin, who->route->plugin) != 0)
			continue;
		gv_world_count(c->link->world, "replaced", 1);
		conn_end(old, 1000, "replaced by a new connection");
		conn_close(old, 1000, "replaced by a new connection");
	}
}

/* What is odd about a handshake that was accepted. */
static void count_oddities(struct conn *c, struct candidate *who, const struct head *h)
{
	struct gv_world *w = c->link->world;
	uint32_t spoken = who->subprotocol ? view_hash(who->subprotocol) : 0;

	if (h->target.data[0] != '/')
		gv_world_count(w, "quirk_absolute_target", 1); /* quirk 4 */
	if (!h->upgrade)
		gv_world_count(w, "quirk_missing_upgrade", 1); /* quirk 4 */
	if (!who->device || !spoken)
		return;
	if (who->device->subprotocol_was && who->device->subprotocol_was != spoken)
		gv_world_count(w, "quirk_version_change", 1); /* quirk 2 */
	who->device->subprotocol_was = spoken;
}

static void settle(struct conn *c, struct candidate *who, const struct head *h)
{
	struct link *l = c->link;
	int64_t ping_s;

	if (!choose_subprotocol(l->world, who, h)) {
		link_log_refusal(c, who->id, 101,
				 "no subprotocol in common; the handshake is completed and the connection closed");
		accept_upgrade(c, who, h);
		websocket_close(c, 1002, "no subprotocol in common");
		return;
	}
	if (who->route->one_per_device && who->id[0])
		replace_others(c, who);
	if (conn_open(c, who->route, who->id[0] ? who->id : NULL, who->subprotocol, h->target) < 0) {
		refuse(c, who, 503, "the plugin is down");
		return;
	}
	if (who->certificate[0])
		c->certificate = strdup(who->certificate);
	if (who->device && who->device->ping_s >= 0)
		gv_world_count(l->world, "quirk_own_ping", 1); /* it needs them, or cannot bear them (quirk 6) */
	ping_s = who->device && who->device->ping_s >= 0 ? who->device->ping_s : who->route->ping_s;
	c->ping_ms = (uint32_t)(ping_s > 86400 ? 86400 : ping_s) * 1000;
	accept_upgrade(c, who, h);
	gv_world_count(l->world, "handshakes", 1);
	count_oddities(c, who, h);
}

void handshake(struct conn *c, const struct head *h, struct slice path)
{
	struct candidate who = { .route = route_find(c->link, c->port, LINK__LISTENER__KIND__WEBSOCKET, path) };

	if (!who.route && !gv_world_settled(c->link->world)) {
		refuse(c, &who, 503, "no plugin listens for WebSockets at this path yet");
		return;
	}
	if (!who.route) {
		refuse(c, &who, 404, "no plugin listens for WebSockets at this path");
		return;
	}
	if (!check_request(c, &who, h) || !identify(c, &who, path))
		return;
	if (c->link->draining || !gv_world_available(c->link->world, who.route->plugin, who.id)) {
		refuse(c, &who, 503, "the plugin is down");
		return;
	}
	if (let_in(c, &who, h))
		settle(c, &who, h);
}
