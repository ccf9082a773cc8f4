/* The simulated driver: stands for plugins/link towards the other plugins, and for a network of stations towards the
 * test. A connection keeps what was sent in order and may break at any frame; what was under way is then lost in part.
 */
#include "private.h"

#include <errno.h>
#include <galvan/link.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINK_BROKEN 1006 /* RFC 6455 7.1.5: closed without a close frame */
#define LINK_REFUSED 503
#define LINK_OVERRUN 1013

struct host_station {
	struct host_station *next;
	struct host *h;
	char plugin[64], device[128], subprotocol[32];
	const struct host_station_model *model;
	void *arg;
	struct link_conn *conn; /* the present one; NULL: none */
};

enum item_kind { ITEM_FRAME, ITEM_OPEN, ITEM_CLOSE };
struct link_item {
	struct link_item *next;
	int64_t at;
	enum item_kind what;
	enum gv_frame_kind kind;
	unsigned code;
	size_t size;
	char data[];
};
struct link_queue {
	struct link_item *head, *tail;
	int64_t last_at;
	bool scheduled;
};

struct link_conn {
	struct link_conn *next;
	struct host_station *station;
	uint64_t id;
	bool link_open, station_open, paused;
	struct link_queue in, out; /* towards link, towards the station */
};

struct link_listener {
	char plugin[64], name[64];
};

struct host_link {
	struct host *h;
	struct gv_world *world; /* NULL while link is down */
	struct host_station *stations;
	struct link_conn *conns;
	struct link_listener listeners[HOST_MAX_PEERS];
	size_t n_listeners;
};

static struct host_link *opening; /* whose actor is being opened: a driver's record has no room for an argument */

struct link_self {
	struct host_link *link;
};

static struct host_peer *peer(struct host_link *l)
{
	return host_peer_or_fail(l->h, "link.0");
}

static void deliver_in(struct host *h, void *arg, uint64_t tag);
static void deliver_out(struct host *h, void *arg, uint64_t tag);

/* ---- queues ---------------------------------------------------------------------------------- */

static void schedule(struct link_conn *c, struct link_queue *q)
{
	if (q->scheduled || !q->head || (q == &c->in && c->paused))
		return;
	q->scheduled = true;
	host_at(c->station->h, q->head->at, q == &c->in ? deliver_in : deliver_out, c, 0);
}

static void push(struct link_conn *c, struct link_queue *q, const struct link_item *model, const void *data)
{
	struct host *h = c->station->h;
	struct link_item *item = host_zalloc(sizeof *item + model->size + 1);

	*item = *model;
	if (model->size)
		memcpy(item->data, data, model->size);
	item->at = h->now + (int64_t)(host_next(&h->rng_bus) % 5);
	if (item->at < q->last_at)
		item->at = q->last_at;
	q->last_at = item->at;
	*(q->head ? &q->tail->next : &q->head) = item;
	q->tail = item;
	h->in_flight++;
	schedule(c, q);
}

static struct link_item *take(struct link_conn *c, struct link_queue *q)
{
	struct link_item *item = q->head;

	if (item) {
		q->head = item->next;
		c->station->h->in_flight--;
	}
	return item;
}

/* Drops what is under way: all of it or, at a broken network, its last part. */
static void cut(struct link_conn *c, struct link_queue *q, bool all)
{
	struct link_item **link = &q->head, *item;

	while (*link && !all && host_next(&c->station->h->rng_bus) % 2) {
		q->tail = *link;
		link = &(*link)->next;
	}
	while ((item = *link)) {
		*link = item->next;
		c->station->h->in_flight--;
		free(item);
	}
}

/* The network breaks: each side learns of it by itself. */
static void break_conn(struct link_conn *c)
{
	cut(c, &c->in, false);
	cut(c, &c->out, false);
	if (c->link_open)
		push(c, &c->in, &(struct link_item){ .what = ITEM_CLOSE, .code = LINK_BROKEN }, NULL);
	push(c, &c->out, &(struct link_item){ .what = ITEM_CLOSE, .code = LINK_BROKEN }, NULL);
}

/* ---- the driver ------------------------------------------------------------------------------ */

static struct link_conn *find(struct host_link *l, uint64_t id)
{
	for (struct link_conn *c = l->conns; c; c = c->next)
		if (c->id == id && c->link_open)
			return c;
	return NULL;
}

static int driver_open(void *self, struct gv_world *w)
{
	struct link_self *s = self;

	s->link = opening;
	s->link->world = w;
	s->link->n_listeners = 0;
	return 0;
}

static void driver_drain(void *self)
{
	gv_world_drained(((struct link_self *)self)->link->world);
}

static int driver_on_listen(void *self, const char *plugin, const void *const *listeners, size_t count)
{
	struct host_link *l = ((struct link_self *)self)->link;
	size_t kept = 0;

	for (size_t i = 0; i < l->n_listeners; i++)
		if (strcmp(l->listeners[i].plugin, plugin) != 0)
			l->listeners[kept++] = l->listeners[i];
	l->n_listeners = kept;
	for (size_t i = 0; i < count && l->n_listeners < HOST_MAX_PEERS; i++) {
		const Link__Listener *listener = listeners[i];
		struct link_listener *row = &l->listeners[l->n_listeners++];

		snprintf(row->plugin, sizeof row->plugin, "%s", plugin);
		snprintf(row->name, sizeof row->name, "%s", listener->name);
	}
	return 0;
}

static void driver_on_send(void *self, uint64_t conn, enum gv_frame_kind kind, const uint8_t *data, size_t size)
{
	struct host_link *l = ((struct link_self *)self)->link;
	struct link_conn *c = find(l, conn);

	if (!c)
		return;
	host_mix(l->h, data, size);
	host_say(l->h, "to %s: %.*s", c->station->device, (int)(size < 200 ? size : 200), (const char *)data);
	push(c, &c->out, &(struct link_item){ .what = ITEM_FRAME, .kind = kind, .size = size }, data);
	if (host_chance(&l->h->rng_crash, l->h->faults[HOST_DROP]))
		break_conn(c);
}

static void closed(struct host *h, void *arg, uint64_t code)
{
	struct link_conn *c = arg;
	struct host_link *l = h->link;

	if (!c->link_open)
		return;
	c->link_open = false;
	cut(c, &c->in, true);
	gv_world_close(l->world, c->id, (unsigned)code, "");
	if (!host_bury(peer(l)))
		host_wake(peer(l), h->now);
}

static void driver_on_disconnect(void *self, uint64_t conn, unsigned code, const char *reason)
{
	struct host_link *l = ((struct link_self *)self)->link;
	struct link_conn *c = find(l, conn);

	if (!c)
		return;
	push(c, &c->out, &(struct link_item){ .what = ITEM_CLOSE, .code = code }, NULL);
	host_at(l->h, l->h->now, closed, c, code);
}

static void driver_on_pause(void *self, uint64_t conn, bool pause)
{
	struct link_conn *c = find(((struct link_self *)self)->link, conn);

	if (!c)
		return;
	c->paused = pause;
	schedule(c, &c->in);
}

static void driver_on_overrun(void *self, const char *plugin)
{
	struct host_link *l = ((struct link_self *)self)->link;

	for (struct link_conn *c = l->conns; c; c = c->next)
		if (c->link_open && !strcmp(c->station->plugin, plugin))
			driver_on_disconnect(self, c->id, LINK_OVERRUN, "");
}

static int start(void *self, struct gv_turn *t, const void *config)
{
	return 0;
}

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
	GV_STAMP,       .name = "link",
	.version = "0", .summary = "Stands for link in the test host.",
	.schema = 1,    .self_size = sizeof(struct link_self),
	.start = start, .driver = &driver,
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
	l->n_listeners = 0;
	for (struct link_conn *c = l->conns; c; c = c->next) {
		if (!c->link_open)
			continue;
		c->link_open = false;
		cut(c, &c->in, true);
		break_conn(c);
	}
}

void host_link_destroy(struct host *h)
{
	struct host_link *l = h->link;
	struct host_station *s;
	struct link_conn *c;

	while (l && (c = l->conns)) {
		l->conns = c->next;
		cut(c, &c->in, true);
		cut(c, &c->out, true);
		free(c);
	}
	while (l && (s = l->stations)) {
		l->stations = s->next;
		free(s);
	}
	free(l);
}

/* ---- the network ----------------------------------------------------------------------------- */

static const char *listener_of(struct host_link *l, const char *plugin)
{
	for (size_t i = 0; i < l->n_listeners; i++)
		if (!strcmp(l->listeners[i].plugin, plugin))
			return l->listeners[i].name;
	return NULL;
}

static void knock(struct host *h, void *arg, uint64_t tag)
{
	struct link_conn *c = arg, *old;
	struct host_link *l = h->link;
	struct host_station *s = c->station;
	const char *listener = listener_of(l, s->plugin);
	struct gv_conn info = {
		.device = s->device, .listener = listener, .subprotocol = s->subprotocol, .peer = "192.0.2.1"
	};

	if (!l->world || !listener || !gv_world_available(l->world, s->plugin, s->device)) {
		push(c, &c->out, &(struct link_item){ .what = ITEM_CLOSE, .code = LINK_REFUSED }, NULL);
		return;
	}
	for (old = l->conns; old; old = old->next)
		if (old != c && old->station == s && old->link_open)
			closed(h, old, LINK_BROKEN);
	c->id = l->world ? gv_world_open(l->world, s->plugin, &info, 0) : 0;
	c->link_open = c->id != 0;
	if (host_bury(peer(l)))
		return;
	push(c, &c->out, &(struct link_item){ .what = c->id ? ITEM_OPEN : ITEM_CLOSE, .code = LINK_REFUSED }, NULL);
	host_wake(peer(l), h->now);
}

static void deliver_in(struct host *h, void *arg, uint64_t tag)
{
	struct link_conn *c = arg;
	struct host_link *l = h->link;
	struct link_item *item;
	int r;

	c->in.scheduled = false;
	if (c->paused || !(item = take(c, &c->in)))
		return;
	if (c->link_open && item->what == ITEM_CLOSE) {
		closed(h, c, item->code);
	} else if (c->link_open) {
		host_say(h, "from %s: %.*s", c->station->device, (int)(item->size < 200 ? item->size : 200),
			 item->data);
		host_mix(h, item->data, item->size);
		r = gv_world_frame(l->world, c->id, item->kind, item->data, item->size);
		if (!host_bury(peer(l)) && r < 0)
			driver_on_disconnect(&(struct link_self){ l }, c->id, LINK_OVERRUN, "");
		if (l->world)
			host_wake(peer(l), h->now);
	}
	free(item);
	schedule(c, &c->in);
}

static void deliver_out(struct host *h, void *arg, uint64_t tag)
{
	struct link_conn *c = arg;
	struct host_station *s = c->station;
	struct link_item *item = take(c, &c->out);

	c->out.scheduled = false;
	if (!item)
		return;
	if (s->conn == c && item->what == ITEM_OPEN) {
		c->station_open = true;
		s->model->on_open(s, s->arg);
	} else if (s->conn == c && item->what == ITEM_CLOSE) {
		c->station_open = false;
		s->conn = NULL;
		s->model->on_close(s, s->arg, item->code);
	} else if (s->conn == c) {
		s->model->on_frame(s, s->arg, item->kind, item->data, item->size);
	}
	free(item);
	schedule(c, &c->out);
}

/* ---- for the test ---------------------------------------------------------------------------- */

struct host_station *host_station(struct host *h, const char *plugin, const char *device, const char *subprotocol,
				  const struct host_station_model *model, void *arg)
{
	struct host_station *s = host_zalloc(sizeof *s);

	s->h = h;
	s->model = model;
	s->arg = arg;
	snprintf(s->plugin, sizeof s->plugin, "%s", plugin);
	snprintf(s->device, sizeof s->device, "%s", device);
	snprintf(s->subprotocol, sizeof s->subprotocol, "%s", subprotocol);
	s->next = h->link->stations;
	h->link->stations = s;
	return s;
}

void host_station_connect(struct host_station *s)
{
	struct link_conn *c = host_zalloc(sizeof *c);

	c->station = s;
	c->next = s->h->link->conns;
	s->h->link->conns = c;
	s->conn = c;
	host_at(s->h, s->h->now + (int64_t)(host_next(&s->h->rng_bus) % 20), knock, c, 0);
}

bool host_station_connected(const struct host_station *s)
{
	return s->conn && s->conn->station_open;
}

int host_station_send(struct host_station *s, enum gv_frame_kind kind, const void *data, size_t size)
{
	struct link_conn *c = s->conn;

	if (!host_station_connected(s))
		return -ENOTCONN;
	push(c, &c->in, &(struct link_item){ .what = ITEM_FRAME, .kind = kind, .size = size }, data);
	if (host_chance(&s->h->rng_crash, s->h->faults[HOST_DROP]))
		break_conn(c);
	return 0;
}

void host_station_drop(struct host_station *s)
{
	if (host_station_connected(s))
		break_conn(s->conn);
}

struct host *host_of_station(struct host_station *s)
{
	return s->h;
}

const char *host_station_device(const struct host_station *s)
{
	return s->device;
}
