/* The simulated driver: stands for plugins/link towards the other plugins. network.c has the other end of its sockets.
 */
#include "socket.h"
#include "link.schema.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct host_link *opening; /* whose actor is being opened: a driver's record has no room for an argument */

struct link_self {
	struct host_link *link;
};

struct host_peer *link_peer(struct host_link *l)
{
	return host_peer_or_fail(l->h, "link.0");
}

static struct socket *find(struct host_link *l, uint64_t id)
{
	for (struct socket *c = l->by_id[id % SOCKET_BUCKETS]; c; c = c->next_id)
		if (c->id == id && c->link_open)
			return c;
	return NULL;
}

/* Listeners are registered anew, of one plugin or of all (NULL); what is dialled is a row of link's. */
static void keep_dialled(struct host_link *l, const char *plugin)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->n_listeners; i++)
		if (l->listeners[i].dialled || (plugin && strcmp(l->listeners[i].plugin, plugin) != 0))
			l->listeners[kept++] = l->listeners[i];
	l->n_listeners = kept;
}

static int driver_open(void *self, struct gv_world *w)
{
	struct link_self *s = self;

	s->link = opening;
	s->link->world = w;
	keep_dialled(s->link, NULL);
	return 0;
}

static void driver_drain(void *self)
{
	gv_world_drained(((struct link_self *)self)->link->world);
}

static int driver_on_listen(void *self, const char *plugin, const void *const *listeners, size_t count)
{
	struct host_link *l = ((struct link_self *)self)->link;

	keep_dialled(l, plugin);
	for (size_t i = 0; i < count && l->n_listeners < HOST_MAX_PEERS; i++) {
		const Link__Listener *listener = listeners[i];
		struct link_listener *row = &l->listeners[l->n_listeners++];

		snprintf(row->plugin, sizeof row->plugin, "%s", plugin);
		snprintf(row->name, sizeof row->name, "%s", listener->name);
		row->tcp = listener->kind == LINK__LISTENER__KIND__TCP;
		row->dialled = false;
	}
	return 0;
}

static void driver_on_send(void *self, uint64_t conn, enum gv_frame_kind kind, const uint8_t *data, size_t size)
{
	struct host_link *l = ((struct link_self *)self)->link;
	struct socket *c = find(l, conn);

	if (!c)
		return;
	host_mix(l->h, data, size);
	host_say(l->h, "to %s: %.*s", c->station->device, (int)(size < 200 ? size : 200), (const char *)data);
	socket_push_frame(c, &c->out, kind, data, size);
	if (host_chance(&l->h->rng_crash, l->h->faults[HOST_DROP]))
		socket_break(c);
}

void socket_closed(struct socket *c, unsigned code)
{
	struct host *h = c->station->h;
	struct host_link *l = h->link;

	if (!c->link_open)
		return;
	c->link_open = c->paused = false;
	socket_cut(c, &c->in, true);
	gv_world_close(l->world, c->id, code, "");
	if (!host_bury(link_peer(l)))
		host_wake(link_peer(l), h->now);
}

static void closed(struct host *h, void *arg, uint64_t code)
{
	socket_closed(arg, (unsigned)code);
}

void link_disconnect(struct host_link *l, struct socket *c, unsigned code)
{
	socket_push_close(c, &c->out, c->station->tcp ? SOCKET_BROKEN : code);
	host_at(l->h, l->h->now, closed, c, code);
}

static void driver_on_disconnect(void *self, uint64_t conn, unsigned code, const char *reason)
{
	struct host_link *l = ((struct link_self *)self)->link;
	struct socket *c = find(l, conn);

	if (c)
		link_disconnect(l, c, code);
}

static void driver_on_pause(void *self, uint64_t conn, bool pause)
{
	struct socket *c = find(((struct link_self *)self)->link, conn);

	if (!c)
		return;
	c->paused = pause;
	socket_schedule(c, &c->in);
}

static void driver_on_overrun(void *self, const char *plugin)
{
	struct host_link *l = ((struct link_self *)self)->link;

	for (struct host_station *s = l->stations; s; s = s->next)
		for (struct socket *c = s->sockets; c; c = c->next)
			if (c->link_open && !strcmp(s->plugin, plugin))
				link_disconnect(l, c, SOCKET_OVERRUN);
}

static int start(void *self, struct gv_turn *t, const void *config)
{
	return 0;
}

static struct link_listener *find_dialled(struct host_link *l, const char *plugin, const char *name)
{
	for (size_t i = 0; i < l->n_listeners; i++)
		if (l->listeners[i].dialled && !strcmp(l->listeners[i].plugin, plugin) &&
		    !strcmp(l->listeners[i].name, name))
			return &l->listeners[i];
	return NULL;
}

static int dial(struct link_self *self, struct gv_turn *t, struct gv_ticket ticket, const Link__DialRequest *r)
{
	struct host_link *l = self->link;
	Link__DialReply reply = LINK__DIAL_REPLY__INIT;

	if (!find_dialled(l, r->plugin, r->name) && l->n_listeners < HOST_MAX_PEERS) {
		struct link_listener *row = &l->listeners[l->n_listeners++];

		memset(row, 0, sizeof *row);
		snprintf(row->plugin, sizeof row->plugin, "%s", r->plugin);
		snprintf(row->name, sizeof row->name, "%s", r->name);
		row->dialled = true;
	}
	return gv_reply(t, ticket, &reply);
}
GV_ON_CALL(dial, struct link_self, Link__DialRequest)

static int hang(struct link_self *self, struct gv_turn *t, struct gv_ticket ticket, const Link__HangRequest *r)
{
	struct link_listener *row = find_dialled(self->link, r->plugin, r->name);
	Link__HangReply reply = LINK__HANG_REPLY__INIT;

	if (row)
		*row = self->link->listeners[--self->link->n_listeners];
	return gv_reply(t, ticket, &reply);
}
GV_ON_CALL(hang, struct link_self, Link__HangRequest)

static const struct gv_method methods[] = { { "Dial", dial_call }, { "Hang", hang_call }, { 0 } };

static const struct gv_driver driver = {
	.size = sizeof(struct gv_driver),
	.open = driver_open,
	.drain = driver_drain,
	.on_listen = driver_on_listen,
	.on_send = driver_on_send,
	.on_disconnect = driver_on_disconnect,
	.on_pause = driver_on_pause,
	.on_overrun = driver_on_overrun,
};

const struct gv_plugin host_link_record = {
	GV_STAMP,
	.name = "link",
	.version = "0",
	.summary = "Stands for link in the test host.",
	.schema = 1,
	.self_size = sizeof(struct link_self),
	.start = start,
	.driver = &driver,
	.serves = GV_SERVES({ &link__link__descriptor, methods }),
	.schema_set = GV_SCHEMA(link),
};

int host_link_create(struct host *h)
{
	h->link = host_zalloc(sizeof *h->link);
	h->link->h = h;
	opening = h->link;
	return 0;
}

/* Every socket of a dead process is closed by its kernel. */
void host_link_died(struct host *h)
{
	struct host_link *l = h->link;

	opening = l;
	l->world = NULL;
	keep_dialled(l, NULL);
	memset(l->by_id, 0, sizeof l->by_id);
	for (struct host_station *s = l->stations; s; s = s->next)
		for (struct socket *c = s->sockets; c; c = c->next) {
			if (!c->link_open)
				continue;
			c->link_open = c->paused = false;
			socket_cut(c, &c->in, true);
			socket_break(c);
		}
}

void host_link_destroy(struct host *h)
{
	struct host_link *l = h->link;
	struct host_station *s;
	struct socket *c;

	while (l && (s = l->stations)) {
		l->stations = s->next;
		while ((c = s->sockets)) {
			s->sockets = c->next;
			socket_cut(c, &c->in, true);
			socket_cut(c, &c->out, true);
			free(c);
		}
		free(s);
	}
	free(l);
}
