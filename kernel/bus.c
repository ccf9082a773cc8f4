/* The hot path crosses this file once in each direction for each packet: one copy out (the actor's buffer is reused),
 * none in, and no system call but ZeroMQ's own. */
#include "bus.h"
#include "text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

struct gv_zmq_poll {
	uv_poll_t poll;
	void (*ready)(void *arg);
	void *arg;
};

struct peer {
	struct gv_bus *bus;
	char *name, *endpoint;
	bool up, local;
	void *socket;              /* NULL until first sent to */
	struct gv_zmq_poll *space; /* watches a full queue */
	bool seen;                 /* by the directory being taken in */
};

struct gv_bus {
	struct gv_bus_options o;
	void *pull;
	struct gv_zmq_poll *poll;
	bool readable;
	struct peer *peers;
	size_t n_peers;
	size_t last; /* the peer sent to last: the first guess for the next */
	struct gv_bus_counters counters;
};

/* ---- polling --------------------------------------------------------------------------------- */

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct gv_zmq_poll *p = poll->data;

	if (p->ready)
		p->ready(p->arg);
}

static void on_poll_closed(uv_handle_t *handle)
{
	free(handle->data);
}

int gv_zmq_poll_start(uv_loop_t *loop, void *socket, void (*ready)(void *arg), void *arg, struct gv_zmq_poll **ret)
{
	struct gv_zmq_poll *p;
	size_t size = sizeof(int);
	int fd, rc;

	if (zmq_getsockopt(socket, ZMQ_FD, &fd, &size) < 0)
		return -errno;
	p = calloc(1, sizeof *p);
	if (!p)
		return -ENOMEM;
	p->ready = ready;
	p->arg = arg;
	p->poll.data = p;
	rc = uv_poll_init(loop, &p->poll, fd);
	if (rc < 0) {
		free(p);
		return rc;
	}
	rc = uv_poll_start(&p->poll, UV_READABLE, on_poll);
	if (rc < 0) {
		uv_close((uv_handle_t *)&p->poll, on_poll_closed);
		return rc;
	}
	*ret = p;
	return 0;
}

void gv_zmq_poll_stop(struct gv_zmq_poll *p)
{
	if (!p)
		return;
	p->ready = NULL;
	uv_poll_stop(&p->poll);
	uv_close((uv_handle_t *)&p->poll, on_poll_closed);
}

/* ---- peers ----------------------------------------------------------------------------------- */

static void disconnect(struct peer *p, int linger_ms)
{
	gv_zmq_poll_stop(p->space);
	p->space = NULL;
	if (!p->socket)
		return;
	zmq_setsockopt(p->socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
	zmq_close(p->socket);
	p->socket = NULL;
}

static void fini_peer(struct peer *p, int linger_ms)
{
	disconnect(p, linger_ms);
	free(p->name);
	free(p->endpoint);
}

static int connect_peer(struct gv_bus *b, struct peer *p)
{
	void *socket = zmq_socket(b->o.context, ZMQ_PUSH);
	int hwm = GV_BUS_QUEUE_PACKETS, linger = 0, reconnect_ms = 100, rc;

	if (!socket)
		return -errno;
	zmq_setsockopt(socket, ZMQ_SNDHWM, &hwm, sizeof hwm);
	zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
	zmq_setsockopt(socket, ZMQ_RECONNECT_IVL, &reconnect_ms, sizeof reconnect_ms);
	if (zmq_connect(socket, p->endpoint) < 0) {
		rc = -errno;
		zmq_close(socket);
		return rc;
	}
	p->socket = socket;
	return 0;
}

/* A full queue has room again. */
static void on_space(void *arg)
{
	struct peer *p = arg;
	int events = 0;
	size_t size = sizeof events;

	if (zmq_getsockopt(p->socket, ZMQ_EVENTS, &events, &size) < 0 || !(events & ZMQ_POLLOUT))
		return;
	gv_zmq_poll_stop(p->space);
	p->space = NULL;
	if (p->bus->o.wake)
		p->bus->o.wake(p->bus->o.arg);
}

static struct peer *find_peer(struct gv_bus *b, const char *name)
{
	if (b->last < b->n_peers && strcmp(b->peers[b->last].name, name) == 0)
		return &b->peers[b->last];
	for (size_t i = 0; i < b->n_peers; i++)
		if (strcmp(b->peers[i].name, name) == 0) {
			b->last = i;
			return &b->peers[i];
		}
	return NULL;
}

static int add_peer(struct gv_bus *b, const char *name)
{
	struct peer *peers;

	if (b->n_peers >= GV_BUS_PEERS_MAX)
		return -ENOSPC;
	peers = reallocarray(b->peers, b->n_peers + 1, sizeof *peers);
	if (!peers)
		return -ENOMEM;
	b->peers = peers;
	memset(&peers[b->n_peers], 0, sizeof *peers);
	peers[b->n_peers].name = strdup(name);
	if (!peers[b->n_peers].name)
		return -ENOMEM;
	peers[b->n_peers].bus = b;
	/* Watchers point at their peer, which may just have moved. */
	for (size_t i = 0; i < b->n_peers; i++)
		if (peers[i].space)
			peers[i].space->arg = &peers[i];
	b->n_peers++;
	return 0;
}

static int take_peer(struct gv_bus *b, const Kernel__Peer *from)
{
	bool local = from->pid == b->o.pid && *from->local_endpoint;
	const char *endpoint = local ? from->local_endpoint : from->endpoint;
	struct peer *p = find_peer(b, from->name);
	char *copy;
	int rc;

	if (!p) {
		rc = add_peer(b, from->name);
		if (rc < 0)
			return rc;
		p = &b->peers[b->n_peers - 1];
	}
	p->seen = true;
	if (!p->endpoint || strcmp(p->endpoint, endpoint) != 0) {
		copy = strdup(endpoint);
		if (!copy)
			return -ENOMEM;
		disconnect(p, 0);
		free(p->endpoint);
		p->endpoint = copy;
	}
	p->up = from->up && *endpoint;
	if (!p->up)
		disconnect(p, 0);
	return 0;
}

int gv_bus_directory(struct gv_bus *b, const Kernel__Directory *d)
{
	int rc = 0;

	for (size_t i = 0; i < b->n_peers; i++)
		b->peers[i].seen = false;
	for (size_t i = 0; i < d->n_peers && rc == 0; i++)
		rc = take_peer(b, d->peers[i]);
	for (size_t i = 0; i < b->n_peers; i++)
		if (!b->peers[i].seen) {
			b->peers[i].up = false;
			disconnect(&b->peers[i], 0);
		}
	return rc;
}

int gv_bus_send(struct gv_bus *b, const char *instance, const uint8_t *packet, size_t size)
{
	struct peer *p = find_peer(b, instance);
	zmq_msg_t message;
	int rc;

	if (!p || !p->up)
		return -ENOTCONN;
	if (!p->socket) {
		rc = connect_peer(b, p);
		if (rc < 0)
			return rc == -EAGAIN ? -EAGAIN : -ENOTCONN;
	}
	if (p->space)
		return -EAGAIN; /* watched: still full */
	if (zmq_msg_init_size(&message, size) < 0)
		return -EAGAIN;
	if (size > 0)
		memcpy(zmq_msg_data(&message), packet, size);
	if (zmq_msg_send(&message, p->socket, ZMQ_DONTWAIT) >= 0) {
		b->counters.packets_out++;
		b->counters.bytes_out += size;
		return 0;
	}
	rc = errno == EAGAIN ? -EAGAIN : -ENOTCONN;
	zmq_msg_close(&message);
	if (rc == -EAGAIN) {
		b->counters.full++;
		if (gv_zmq_poll_start(b->o.loop, p->socket, on_space, p, &p->space) == 0)
			on_space(p); /* room may have come since, with its signal taken */
	}
	return rc;
}

/* ---- the inbox ------------------------------------------------------------------------------- */

static void on_readable(void *arg)
{
	struct gv_bus *b = arg;
	int events;
	size_t size = sizeof events;

	/* The owner does not read at present: take the signal, or the loop would spin on it. */
	if (b->readable)
		zmq_getsockopt(b->pull, ZMQ_EVENTS, &events, &size);
	b->readable = true;
	if (b->o.wake)
		b->o.wake(b->o.arg);
}

bool gv_bus_readable(const struct gv_bus *b)
{
	return b->readable;
}

size_t gv_bus_receive(struct gv_bus *b, size_t max, bool (*fn)(void *arg, const uint8_t *packet, size_t size),
		      void *arg)
{
	size_t count = 0;
	bool more = true;

	while (more && count < max) {
		zmq_msg_t message;

		zmq_msg_init(&message);
		if (zmq_msg_recv(&message, b->pull, ZMQ_DONTWAIT) < 0) {
			bool interrupted = errno == EINTR;
			zmq_msg_close(&message);
			if (interrupted)
				continue;
			b->readable = false;
			break;
		}
		b->counters.packets_in++;
		b->counters.bytes_in += zmq_msg_size(&message);
		count++;
		more = fn(arg, zmq_msg_data(&message), zmq_msg_size(&message));
		zmq_msg_close(&message);
	}
	return count;
}

const struct gv_bus_counters *gv_bus_counters(const struct gv_bus *b)
{
	return &b->counters;
}

/* ---- life ------------------------------------------------------------------------------------ */

int gv_bus_create(const struct gv_bus_options *o, struct gv_bus **ret, char **ret_error)
{
	struct gv_bus *b = calloc(1, sizeof *b);
	int hwm = GV_BUS_QUEUE_PACKETS, linger = 0, rc;
	int64_t max = GV_BUS_PACKET_MAX;

	if (!b)
		return -ENOMEM;
	b->o = *o;
	b->readable = true;
	b->pull = zmq_socket(o->context, ZMQ_PULL);
	if (!b->pull) {
		rc = gv_text_error(ret_error, -errno, "no socket for the bus: %s", zmq_strerror(errno));
		goto fail;
	}
	zmq_setsockopt(b->pull, ZMQ_RCVHWM, &hwm, sizeof hwm);
	zmq_setsockopt(b->pull, ZMQ_LINGER, &linger, sizeof linger);
	zmq_setsockopt(b->pull, ZMQ_MAXMSGSIZE, &max, sizeof max);
	if (zmq_bind(b->pull, o->endpoint) < 0) {
		rc = gv_text_error(ret_error, -errno, "the bus cannot bind %s: %s", o->endpoint, zmq_strerror(errno));
		goto fail;
	}
	if (o->local_endpoint && *o->local_endpoint && zmq_bind(b->pull, o->local_endpoint) < 0) {
		rc = gv_text_error(ret_error, -errno, "the bus cannot bind %s: %s", o->local_endpoint,
				   zmq_strerror(errno));
		goto fail;
	}
	rc = gv_zmq_poll_start(o->loop, b->pull, on_readable, b, &b->poll);
	if (rc < 0) {
		gv_text_error(ret_error, rc, "the bus cannot be watched: %s", uv_strerror(rc));
		goto fail;
	}
	*ret = b;
	return 0;
fail:
	gv_bus_destroy(b, 0);
	return rc;
}

void gv_bus_destroy(struct gv_bus *b, int linger_ms)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->n_peers; i++)
		fini_peer(&b->peers[i], linger_ms);
	free(b->peers);
	gv_zmq_poll_stop(b->poll);
	if (b->pull)
		zmq_close(b->pull);
	free(b);
}
