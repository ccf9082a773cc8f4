/* A network of stations towards the test: queues that keep what was sent in order and may break at any frame, what was
 * under way being lost in part. A TCP station's bytes are a stream: they arrive cut and glued as the seed has it. */
#include "socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEEPALIVE_MS 120000 /* the longest that a system takes to learn that its peer has vanished */
#define GLUED_MAX 4096      /* bytes that arrive at once */

static void deliver_in(struct host *h, void *arg, uint64_t tag);
static void deliver_out(struct host *h, void *arg, uint64_t tag);

/* ---- queues ---------------------------------------------------------------------------------- */

void socket_schedule(struct socket *c, struct socket_queue *q)
{
	if (q->scheduled || !q->head || (q == &c->in && c->paused))
		return;
	q->scheduled = true;
	host_at(c->station->h, q->head->at, q == &c->in ? deliver_in : deliver_out, c, 0);
}

static void push(struct socket *c, struct socket_queue *q, const struct socket_item *model, const void *data)
{
	struct host *h = c->station->h;
	struct socket_item *item = host_zalloc(sizeof *item + model->size + 1);

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
	socket_schedule(c, q);
}

/* Half of what is sent arrives as it was sent; of the rest most in a few pieces, some byte by byte. */
static size_t piece(struct host *h, size_t left, size_t how)
{
	if (how < 8)
		return left;
	return how == 15 ? 1 : 1 + host_next(&h->rng_bus) % left;
}

void socket_push_frame(struct socket *c, struct socket_queue *q, enum gv_frame_kind kind, const void *data, size_t size)
{
	struct host *h = c->station->h;
	const char *at = data;
	size_t how = c->station->tcp ? host_next(&h->rng_bus) % 16 : 0, n;

	do {
		n = piece(h, size, how);
		push(c, q, &(struct socket_item){ .what = SOCKET_FRAME, .kind = kind, .size = n }, at);
		at += n;
		size -= n;
	} while (size);
}

void socket_push_close(struct socket *c, struct socket_queue *q, unsigned code)
{
	push(c, q, &(struct socket_item){ .what = SOCKET_CLOSE, .code = code }, NULL);
}

static struct socket_item *take(struct socket *c, struct socket_queue *q)
{
	struct socket_item *item = q->head;

	if (item) {
		q->head = item->next;
		c->station->h->in_flight--;
	}
	return item;
}

static bool glues(const struct socket *c, const struct socket_item *first, const struct socket_item *next)
{
	struct host *h = c->station->h;

	return c->station->tcp && first->what == SOCKET_FRAME && next && next->what == SOCKET_FRAME &&
	       next->at <= h->now && first->size + next->size <= GLUED_MAX && host_next(&h->rng_bus) % 2;
}

/* The next item; of a stream, often with what has arrived behind it. */
static struct socket_item *take_glued(struct socket *c, struct socket_queue *q)
{
	struct socket_item *item = take(c, q), *next, *both;

	while (item && glues(c, item, q->head)) {
		next = take(c, q);
		both = host_zalloc(sizeof *both + item->size + next->size + 1);
		*both = *item;
		both->size = item->size + next->size;
		memcpy(both->data, item->data, item->size);
		memcpy(both->data + item->size, next->data, next->size);
		free(item);
		free(next);
		item = both;
	}
	return item;
}

void socket_cut(struct socket *c, struct socket_queue *q, bool all)
{
	struct socket_item **link = &q->head, *item;

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

void socket_break(struct socket *c)
{
	socket_cut(c, &c->in, false);
	socket_cut(c, &c->out, false);
	if (c->link_open)
		socket_push_close(c, &c->in, SOCKET_BROKEN);
	socket_push_close(c, &c->out, SOCKET_BROKEN);
}

/* ---- the network ----------------------------------------------------------------------------- */

static const char *listener_of(struct host_link *l, const struct host_station *s)
{
	for (size_t i = 0; i < l->n_listeners; i++) {
		const struct link_listener *row = &l->listeners[i];

		if (!strcmp(row->plugin, s->plugin) && row->tcp == s->tcp && (!row->dialled || *s->listener) &&
		    (!*s->listener || !strcmp(row->name, s->listener)))
			return row->name;
	}
	return NULL;
}

static void knock(struct host *h, void *arg, uint64_t tag)
{
	struct socket *c = arg, *old;
	struct host_link *l = h->link;
	struct host_station *s = c->station;
	const char *listener = listener_of(l, s), *device = s->tcp || *s->listener ? "" : s->device;
	struct gv_conn info = { .device = device,
				.listener = listener,
				.subprotocol = s->subprotocol,
				.path = s->path,
				.peer = "192.0.2.1" };

	if (!l->world || !listener || !gv_world_available(l->world, s->plugin, device)) {
		socket_push_close(c, &c->out, SOCKET_REFUSED);
		return;
	}
	for (old = s->sockets; old; old = old->next)
		if (old != c && old->link_open && !s->tcp)
			socket_closed(old, SOCKET_BROKEN);
	c->id = l->world ? gv_world_open(l->world, s->plugin, &info, 0) : 0;
	c->link_open = c->id != 0;
	if (c->link_open) {
		c->next_id = l->by_id[c->id % SOCKET_BUCKETS];
		l->by_id[c->id % SOCKET_BUCKETS] = c;
	}
	if (host_bury(link_peer(l)))
		return;
	push(c, &c->out, &(struct socket_item){ .what = c->id ? SOCKET_OPEN : SOCKET_CLOSE, .code = SOCKET_REFUSED },
	     NULL);
	host_wake(link_peer(l), h->now);
}

static void deliver_in(struct host *h, void *arg, uint64_t tag)
{
	struct socket *c = arg;
	struct host_link *l = h->link;
	struct socket_item *item;
	int r;

	c->in.scheduled = false;
	if (c->paused || !(item = take_glued(c, &c->in)))
		return;
	if (c->link_open && item->what == SOCKET_CLOSE) {
		socket_closed(c, item->code);
	} else if (c->link_open) {
		host_say(h, "from %s: %.*s", c->station->device, (int)(item->size < 200 ? item->size : 200),
			 item->data);
		host_mix(h, item->data, item->size);
		r = gv_world_frame(l->world, c->id, item->kind, item->data, item->size);
		if (!host_bury(link_peer(l)) && r < 0 && c->link_open)
			link_disconnect(l, c, SOCKET_OVERRUN);
		if (l->world)
			host_wake(link_peer(l), h->now);
	}
	free(item);
	socket_schedule(c, &c->in);
}

static void deliver_out(struct host *h, void *arg, uint64_t tag)
{
	struct socket *c = arg;
	struct host_station *s = c->station;
	struct socket_item *item = take_glued(c, &c->out);

	c->out.scheduled = false;
	if (!item)
		return;
	if (s->socket == c && item->what == SOCKET_OPEN) {
		c->station_open = true;
		s->model->on_open(s, s->arg);
	} else if (s->socket == c && item->what == SOCKET_CLOSE) {
		c->station_open = false;
		s->socket = NULL;
		s->model->on_close(s, s->arg, item->code);
	} else if (s->socket == c) {
		s->model->on_frame(s, s->arg, item->kind, item->data, item->size);
	}
	free(item);
	socket_schedule(c, &c->out);
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

struct host_station *host_tcp(struct host *h, const char *plugin, const char *listener, const char *name,
			      const struct host_station_model *model, void *arg)
{
	struct host_station *s = host_station(h, plugin, name, "", model, arg);

	s->tcp = true;
	snprintf(s->listener, sizeof s->listener, "%s", listener);
	return s;
}

struct host_station *host_http(struct host *h, const char *plugin, const char *listener, const char *name,
			       const struct host_station_model *model, void *arg)
{
	struct host_station *s = host_station(h, plugin, name, "", model, arg);

	snprintf(s->listener, sizeof s->listener, "%s", listener);
	return s;
}

struct host_station *host_dialled(struct host *h, const char *plugin, const char *name,
				  const struct host_station_model *model, void *arg)
{
	return host_http(h, plugin, name, name, model, arg);
}

void host_station_path(struct host_station *s, const char *path)
{
	snprintf(s->path, sizeof s->path, "%s", path);
}

void host_station_connect(struct host_station *s)
{
	struct socket *c = host_zalloc(sizeof *c);

	c->station = s;
	c->next = s->sockets;
	s->sockets = c;
	s->socket = c;
	host_at(s->h, s->h->now + (int64_t)(host_next(&s->h->rng_bus) % 20), knock, c, 0);
}

bool host_station_connected(const struct host_station *s)
{
	return s->socket && s->socket->station_open;
}

int host_station_send(struct host_station *s, enum gv_frame_kind kind, const void *data, size_t size)
{
	struct socket *c = s->socket;

	if (!host_station_connected(s))
		return -ENOTCONN;
	socket_push_frame(c, &c->in, kind, data, size);
	if (host_chance(&s->h->rng_crash, s->h->faults[HOST_DROP]))
		socket_break(c);
	return 0;
}

void host_station_drop(struct host_station *s)
{
	if (host_station_connected(s))
		socket_break(s->socket);
}

void host_station_finish(struct host_station *s)
{
	struct socket *c = s->socket;

	if (!host_station_connected(s))
		return;
	socket_push_close(c, &c->in, SOCKET_BROKEN);
	socket_push_close(c, &c->out, SOCKET_BROKEN);
}

static void noticed(struct host *h, void *arg, uint64_t tag)
{
	socket_closed(arg, SOCKET_BROKEN);
}

void host_station_vanish(struct host_station *s)
{
	struct socket *c = s->socket;
	struct host *h = s->h;

	if (!host_station_connected(s))
		return;
	s->socket = NULL;
	c->station_open = false;
	socket_cut(c, &c->in, false);
	host_at(h, h->now + 1000 + (int64_t)(host_next(&h->rng_bus) % KEEPALIVE_MS), noticed, c, 0);
}

struct host *host_of_station(struct host_station *s)
{
	return s->h;
}

const char *host_station_device(const struct host_station *s)
{
	return s->device;
}
