/* A connection of the loopback. The first packet each way is ATT's exchange of the MTU (02 or 03, and what the sender
 * takes, little endian): the smaller one holds. Every other packet is an attribute value: written where it goes to the
 * peripheral, notified where it comes from it.
 *
 * The config's knobs lose, double and delay values either way; what they do to a connection follows from the seed, its
 * address and its number. */
#include "loopback.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MTU_REQUEST 0x02 /* Core Specification, vol. 3, part F, 3.4.2 */
#define MTU_RESPONSE 0x03
#define MTU_PACKET 3   /* bytes */
#define LINGER_MS 2000 /* how long what was written may take to leave a connection that ends */

struct way { /* that values go */
	struct values values;
	uint64_t random, last_due_ms;
};

struct line {
	struct conn *conn;
	int fd;        /* -1: closed */
	bool answered; /* the MTU has been exchanged */
	uv_poll_t *poll;
	uv_timer_t *timer;
	uint64_t linger_ms; /* ending: until when; 0: it is not */
	struct way in, out;
};

static uint64_t next_random(uint64_t *state) /* splitmix64 */
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* A value sets out. Whatever becomes of it, it takes as many random numbers. */
static int set_out(struct line *l, struct way *w, const void *data, size_t size)
{
	const Bluetooth__Loopback *k = l->conn->b->config->loopback;
	bool lost = next_random(&w->random) % 1000 < k->lose_permille;
	bool twice = next_random(&w->random) % 1000 < k->double_permille;
	uint64_t due = uv_now(l->conn->b->loop) + next_random(&w->random) % (k->delay_ms + 1u);
	int r = 0;

	if (due < w->last_due_ms)
		due = w->last_due_ms;
	w->last_due_ms = due;
	for (int i = 0; i < (lost ? 0 : twice ? 2 : 1) && r == 0; i++)
		r = values_add(&w->values, data, size, due);
	return r;
}

static void hang_up(struct line *l)
{
	if (l->fd < 0)
		return;
	uv_poll_stop(l->poll);
	close(l->fd);
	l->fd = -1;
}

/* ---- values ---------------------------------------------------------------------------------- */

static void take(struct line *l, const uint8_t *data, size_t size)
{
	struct conn *c = l->conn;
	uint16_t mtu;

	if (l->answered) {
		if (size > VALUE_MAX || size > (size_t)c->mtu - ATT_HEADER)
			conn_end(c, GV_UNAVAILABLE, 1009, "%s notified a value of %zu bytes with an MTU of %u",
				 c->peripheral->address, size, c->mtu);
		else if (set_out(l, &l->in, data, size) < 0)
			conn_end(c, GV_UNAVAILABLE, 1013, "out of memory");
		return;
	}
	if (size != MTU_PACKET || data[0] != MTU_RESPONSE) {
		conn_end(c, GV_UNAVAILABLE, 1002, "%s did not begin with its MTU (03, and two bytes)",
			 c->peripheral->address);
		return;
	}
	l->answered = true;
	mtu = (uint16_t)(data[1] | data[2] << 8);
	conn_opened(c, mtu < c->b->config->loopback->mtu ? mtu : (uint16_t)c->b->config->loopback->mtu);
}

static void receive(struct line *l)
{
	uint8_t packet[MTU_MAX + 1];

	while (l->conn->state != CONN_ENDS && l->fd >= 0 && l->in.values.count < VALUES_MAX) {
		ssize_t n = recv(l->fd, packet, sizeof packet, MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			hang_up(l);
			return;
		}
		take(l, packet, (size_t)n);
	}
}

static void deliver(struct line *l)
{
	struct conn *c = l->conn;

	while (c->state == CONN_OPEN && !c->paused && l->in.values.first &&
	       l->in.values.first->due_ms <= uv_now(c->b->loop)) {
		conn_value(c, l->in.values.first->data, l->in.values.first->size);
		if (c->state == CONN_OPEN)
			values_drop(&l->in.values);
	}
}

/* True where the socket is full. */
static bool transmit(struct line *l)
{
	struct values *v = &l->out.values;

	while (l->fd >= 0 && v->first && v->first->due_ms <= uv_now(l->conn->b->loop)) {
		if (send(l->fd, v->first->data, v->first->size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
			if (errno == EAGAIN || errno == EINTR)
				return true;
			values_fini(v); /* its end is read, after what it said before */
			return false;
		}
		values_drop(v);
	}
	return false;
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);
static void on_poll(uv_poll_t *poll, int status, int events);

static bool ended(const struct line *l)
{
	return l->linger_ms && (!l->out.values.first || l->fd < 0 || uv_now(l->conn->b->loop) >= l->linger_ms);
}

/* Waits for whatever comes next. */
static void arm(struct line *l, bool full)
{
	const struct conn *c = l->conn;
	const struct value *in = l->in.values.first, *out = l->out.values.first;
	uint64_t now = uv_now(c->b->loop), due = UINT64_MAX;
	int events = full ? UV_WRITABLE : 0;

	if (c->state != CONN_ENDS && l->in.values.count < VALUES_MAX)
		events |= UV_READABLE;
	if (l->fd >= 0 && events)
		uv_poll_start(l->poll, events, on_poll);
	else if (l->fd >= 0)
		uv_poll_stop(l->poll);
	if (in && !c->paused && c->state == CONN_OPEN)
		due = in->due_ms;
	if (out && !full && l->fd >= 0 && out->due_ms < due)
		due = out->due_ms;
	if (l->linger_ms && l->linger_ms < due)
		due = l->linger_ms;
	if (ended(l))
		due = now;
	if (due != UINT64_MAX)
		uv_timer_start(l->timer, on_timer, due > now ? due - now : 0, 0);
	else
		uv_timer_stop(l->timer);
}

static void work(struct line *l)
{
	struct conn *c = l->conn;
	bool full;

	receive(l);
	deliver(l);
	full = transmit(l);
	if (l->fd < 0 && !l->in.values.first)
		conn_end(c, GV_UNAVAILABLE, 1006, "%s has closed the connection", c->peripheral->address);
	arm(l, full);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	work(poll->data);
}

/* Only here a line is freed, so that nobody loses it under their feet. */
static void on_timer(uv_timer_t *timer)
{
	struct line *l = timer->data;
	struct conn *c = l->conn;

	if (!ended(l)) {
		work(l);
		return;
	}
	hang_up(l);
	handle_close(c->b, l->poll);
	handle_close(c->b, l->timer);
	values_fini(&l->in.values);
	values_fini(&l->out.values);
	free(l);
	c->port = NULL;
	conn_gone(c);
}

/* ---- the port -------------------------------------------------------------------------------- */

static int dial(const struct conn *c)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const uint16_t mtu = (uint16_t)c->b->config->loopback->mtu;
	const uint8_t request[MTU_PACKET] = { MTU_REQUEST, (uint8_t)mtu, (uint8_t)(mtu >> 8) };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error;

	if (fd < 0)
		return -errno;
	snprintf(to.sun_path, sizeof to.sun_path, "%s/%s", c->b->config->loopback->folder, c->peripheral->address);
	if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0 && send(fd, request, sizeof request, MSG_NOSIGNAL) >= 0)
		return fd;
	error = errno;
	close(fd);
	return -error;
}

static struct line *line_new(struct conn *c, int fd)
{
	struct loopback *lo = c->b->port_self;
	struct line *l = calloc(1, sizeof *l);
	uint64_t seed = lo->seed ^ lo->connections++ << 32;

	if (!l)
		return NULL;
	l->poll = handle_new(c->b, sizeof *l->poll);
	l->timer = l->poll ? handle_new(c->b, sizeof *l->timer) : NULL;
	if (!l->timer) {
		c->b->handles -= l->poll != NULL;
		free(l->poll);
		free(l);
		return NULL;
	}
	for (const char *s = c->peripheral->address; *s; s++)
		seed = (seed ^ (uint8_t)*s) * 0x100000001b3u; /* FNV-1a */
	l->in.random = seed;
	l->out.random = ~seed;
	l->conn = c;
	l->fd = fd;
	uv_poll_init(c->b->loop, l->poll, fd);
	uv_timer_init(c->b->loop, l->timer);
	l->poll->data = l->timer->data = l;
	return l;
}

void loopback_connect(struct conn *c)
{
	int fd = dial(c);

	if (fd < 0) {
		conn_end(c, GV_UNAVAILABLE, 1006, "cannot connect to the socket of %s: %s", c->peripheral->address,
			 strerror(-fd));
		return;
	}
	c->port = line_new(c, fd);
	if (c->port) {
		arm(c->port, false);
		return;
	}
	close(fd);
	conn_end(c, GV_UNAVAILABLE, 1006, "out of memory");
}

void loopback_write(struct conn *c, const uint8_t *data, size_t size)
{
	struct line *l = c->port;

	if (l->out.values.count >= VALUES_MAX || set_out(l, &l->out, data, size) < 0) {
		conn_end(c, GV_UNAVAILABLE, 1008, "%s does not read what it is sent: %d values wait",
			 c->peripheral->address, VALUES_MAX);
		return;
	}
	arm(l, transmit(l));
}

void loopback_pause(struct conn *c)
{
	arm(c->port, false);
}

void loopback_close(struct conn *c)
{
	struct line *l = c->port;

	if (!l) {
		conn_gone(c);
		return;
	}
	l->linger_ms = uv_now(c->b->loop) + LINGER_MS;
	arm(l, transmit(l));
}
