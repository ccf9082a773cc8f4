/* Connections from Connect to their end, whatever port carries them: who waits for one, what its plugin is told. A
 * peripheral has one at a time; who asks while one is ending gets the next. */
#include "bluetooth.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct conn *conn_by_id(const struct bluetooth *b, uint64_t id)
{
	struct conn *c = id ? b->conns : NULL;

	while (c && c->id != id)
		c = c->next;
	return c;
}

/* ---- answers --------------------------------------------------------------------------------- */

struct answer { /* to those who waited, in the next turn */
	struct waiter waiters[WAITERS_MAX];
	size_t n;
	unsigned code;
	uint64_t conn;
	uint32_t mtu;
	char sentence[SENTENCE_MAX];
};

static int reply(struct gv_turn *t, struct gv_ticket ticket, uint64_t conn, uint32_t mtu)
{
	Bluetooth__ConnectReply m = BLUETOOTH__CONNECT_REPLY__INIT;

	m.conn = conn;
	m.mtu = mtu;
	return gv_reply(t, ticket, &m);
}

static int answer_all(void *self, struct gv_turn *t, void *arg)
{
	struct answer *a = arg;

	for (size_t i = 0; i < a->n; i++) {
		if (a->code == GV_OK)
			reply(t, a->waiters[i].ticket, a->conn, a->mtu);
		else
			gv_refuse(t, a->waiters[i].ticket, a->code, "%s", a->sentence);
	}
	free(a);
	return 0;
}

static void answer(struct conn *c, unsigned code, const char *sentence)
{
	struct answer *a = c->n_waiters ? calloc(1, sizeof *a) : NULL;

	if (a) {
		memcpy(a->waiters, c->waiters, sizeof a->waiters);
		a->n = c->n_waiters;
		a->code = code;
		a->conn = c->id;
		a->mtu = c->mtu;
		snprintf(a->sentence, sizeof a->sentence, "%s", sentence);
		if (gv_world_turn(c->b->world, answer_all, a) < 0)
			free(a);
	}
	c->n_waiters = 0;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void on_deadline(uv_timer_t *timer)
{
	struct conn *c = timer->data;

	conn_end(c, GV_DEADLINE_EXCEEDED, 1006,
		 "%s did not answer within %u ms; see that it is switched on, near, and not connected to somebody else",
		 c->peripheral->address, c->timeout_ms);
}

static void disarm(struct conn *c)
{
	handle_close(c->b, c->deadline);
	c->deadline = NULL;
}

/* Makes the connection that a waiter wants; the port begins it. NULL: out of memory. */
static struct conn *begin(struct bluetooth *b, struct peripheral *p, const struct service *s,
			  const struct waiter *first)
{
	struct conn *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->deadline = handle_new(b, sizeof *c->deadline);
	if (!c->deadline) {
		free(c);
		return NULL;
	}
	c->b = b;
	c->peripheral = p;
	c->service = *s;
	c->mtu = MTU_MIN;
	c->timeout_ms = first->timeout_ms;
	c->waiters[c->n_waiters++] = *first;
	c->next = b->conns;
	b->conns = c;
	b->n_conns++;
	p->conn = c;
	uv_timer_init(b->loop, c->deadline);
	c->deadline->data = c;
	uv_timer_start(c->deadline, on_deadline, c->timeout_ms, 0);
	return c;
}

void conn_opened(struct conn *c, uint16_t mtu)
{
	const struct service *s = &c->service;
	char device[sizeof s->device_prefix + ADDRESS_SIZE], path[16];
	struct gv_conn info = {
		.device = device, .listener = s->listener, .peer = c->peripheral->address, .path = path
	};

	if (c->state != CONN_BEGINS)
		return;
	disarm(c);
	c->mtu = mtu < MTU_MIN ? MTU_MIN : mtu > MTU_MAX ? MTU_MAX : mtu;
	snprintf(device, sizeof device, "%s%s", s->device_prefix, c->peripheral->address);
	snprintf(path, sizeof path, "?mtu=%u", c->mtu);
	c->id = gv_world_open(c->b->world, s->plugin, &info, s->window_frames);
	if (!c->id) {
		conn_end(c, GV_UNAVAILABLE, 1013,
			 "%s, which listens for the service of %s, does not run; try again when it does", s->plugin,
			 c->peripheral->address);
		return;
	}
	c->state = CONN_OPEN;
	gv_world_log(c->b->world, GV_INFO, "Connected device=%s mtu=%u", device, c->mtu);
	gv_world_flush(c->b->world);
	answer(c, GV_OK, "");
}

bool conn_value(struct conn *c, const void *data, size_t size)
{
	int r;

	if (c->state != CONN_OPEN)
		return false;
	gv_world_count(c->b->world, "values_in", 1);
	r = gv_world_frame(c->b->world, c->id, GV_BINARY, data, size);
	if (r < 0)
		conn_end(c, GV_UNAVAILABLE, 1013, "%s has too much unhandled; %s may come again later",
			 c->service.plugin, c->peripheral->address);
	return c->state == CONN_OPEN;
}

void conn_end(struct conn *c, unsigned code, unsigned close, const char *fmt, ...)
{
	char sentence[SENTENCE_MAX];
	va_list ap;

	if (c->state == CONN_ENDS)
		return;
	va_start(ap, fmt);
	vsnprintf(sentence, sizeof sentence, fmt, ap);
	va_end(ap);
	gv_world_log(c->b->world, c->state == CONN_BEGINS ? GV_WARN : GV_INFO, "%s: %s device=%s%s",
		     c->state == CONN_BEGINS ? "No connection" : "Connection closed", sentence,
		     c->service.device_prefix, c->peripheral->address);
	if (c->id)
		gv_world_close(c->b->world, c->id, close, sentence);
	c->id = 0;
	disarm(c);
	answer(c, code, sentence);
	c->state = CONN_ENDS;
	c->b->port->close(c);
}

static void unlist(struct conn *c)
{
	for (struct conn **at = &c->b->conns; *at; at = &(*at)->next) {
		if (*at == c) {
			*at = c->next;
			break;
		}
	}
	c->b->n_conns--;
	c->peripheral->conn = NULL;
}

void conn_gone(struct conn *c)
{
	struct bluetooth *b = c->b;
	struct peripheral *p = c->peripheral;
	const struct service *s = c->n_waiters ? service_of(b, p, c->waiters[0].service) : NULL;
	struct conn *next = NULL;

	unlist(c);
	if (s && p->in_reach && !b->draining)
		next = begin(b, p, s, &c->waiters[0]);
	if (next) {
		memcpy(next->waiters, c->waiters, sizeof next->waiters);
		next->n_waiters = c->n_waiters;
		b->port->connect(next);
	} else {
		answer(c, GV_UNAVAILABLE, "the peripheral is no longer in reach; call again when it is");
	}
	free(c);
	peripheral_release(b, p);
	drain_check(b);
}

void conn_send(struct conn *c, const uint8_t *data, size_t size)
{
	size_t most = c->mtu - ATT_HEADER;

	if (c->state != CONN_OPEN)
		return;
	if (most > VALUE_MAX)
		most = VALUE_MAX;
	if (size > most) {
		conn_end(c, GV_INTERNAL, 1009, "%s sent a value of %zu bytes, and its mtu of %u takes %zu",
			 c->service.plugin, size, c->mtu, most);
		return;
	}
	gv_world_count(c->b->world, "values_out", 1);
	c->b->port->write(c, data, size);
}

/* ---- Connect --------------------------------------------------------------------------------- */

/* Why there can be no connection now; GV_OK: nothing speaks against it. */
static unsigned objection(struct bluetooth *b, const char *address, const struct waiter *w,
			  char why[static SENTENCE_MAX])
{
	const struct peripheral *p = peripheral_find(b, address);

	if (!b->loop || b->draining) {
		snprintf(why, SENTENCE_MAX, "bluetooth is starting or stopping; try again in a moment");
		return GV_UNAVAILABLE;
	}
	if (!p || (!p->in_reach && !p->conn)) {
		snprintf(why, SENTENCE_MAX,
			 "%s is not in reach: nothing of it was heard; see that it is switched on and near "
			 "(ListPeripherals has those that are)",
			 address);
		return GV_NOT_FOUND;
	}
	if (!service_of(b, p, w->service)) {
		bool settled = gv_world_settled(b->world);

		snprintf(why, SENTENCE_MAX, "%s offers no service%s%s that a plugin of this node listens for%s",
			 address, *w->service ? " " : "", w->service, settled ? "" : " yet; try again in a moment");
		return settled ? GV_FAILED_PRECONDITION : GV_UNAVAILABLE;
	}
	if (p->conn && p->conn->n_waiters == WAITERS_MAX) {
		snprintf(why, SENTENCE_MAX, "%d calls wait for a connection to %s already", WAITERS_MAX, address);
		return GV_RESOURCE_EXHAUSTED;
	}
	if (!p->conn && b->n_conns >= b->config->max_connections) {
		snprintf(why, SENTENCE_MAX,
			 "%zu connections are open, as many as max_connections allows; close one, or raise "
			 "it in bluetooth's config if the radio can do more",
			 b->n_conns);
		return GV_RESOURCE_EXHAUSTED;
	}
	return GV_OK;
}

int conn_connect(struct bluetooth *b, struct gv_turn *t, struct gv_ticket ticket,
		 const Bluetooth__ConnectRequest *request)
{
	struct waiter w = { .ticket = ticket,
			    .timeout_ms = request->timeout_ms ? request->timeout_ms : CONNECT_TIMEOUT_MS };
	char address[ADDRESS_SIZE], why[SENTENCE_MAX];
	struct peripheral *p;
	struct conn *c;
	unsigned code;

	if (!address_read(request->address, address))
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "address: \"%s\" is none like AA-BB-CC-00-11-22",
				 request->address);
	if (*request->service && !uuid_read(request->service, w.service))
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "service: \"%s\" is no UUID", request->service);
	code = objection(b, address, &w, why);
	if (code != GV_OK)
		return gv_refuse(t, ticket, code, "%s", why);
	p = peripheral_find(b, address);
	c = p->conn;
	if (c && c->state == CONN_OPEN && (!*w.service || strcmp(w.service, c->service.uuid) == 0))
		return reply(t, ticket, c->id, c->mtu);
	if (c && c->state != CONN_ENDS && *w.service && strcmp(w.service, c->service.uuid) != 0)
		return gv_refuse(t, ticket, GV_FAILED_PRECONDITION,
				 "%s is connected for its service %s; close that first", address, c->service.uuid);
	if (c) {
		c->waiters[c->n_waiters++] = w;
		return 0;
	}
	c = begin(b, p, service_of(b, p, w.service), &w);
	if (!c)
		return gv_refuse(t, ticket, GV_UNAVAILABLE, "out of memory");
	b->port->connect(c);
	return 0;
}
