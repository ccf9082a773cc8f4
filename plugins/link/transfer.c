/* Sends blobs, as much at a time as the socket takes and the budgets allow.
 *
 * Left alone the kernel takes megabytes for each socket, for ten thousand slow downloads more than it has for TCP
 * altogether (net.ipv4.tcp_mem). So what it may hold beyond what is on its way to the peer is bounded
 * (TCP_NOTSENT_LOWAT): closely until the peer turns out to be fast. */
#include "transfer.h"

#include <errno.h>
#include <lib/buf.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "http.h"

#define PUMP_BYTES (1 << 20)    /* before other connections get their turn */
#define UNSENT_SLOW (16 << 10)  /* bytes that the kernel may hold unsent, */
#define UNSENT_FAST (128 << 10) /* or so many, that a fast peer never waits: one that made room */
#define FAST_MS 50              /* in less than this, until it takes longer than */
#define SLOW_MS 1000

int transfer_create(struct link *l, const char *blob, struct transfer **ret)
{
	struct transfer *t = calloc(1, sizeof(*t));
	int r = t ? file_join(l, blob, &t->file) : -ENOMEM;

	if (r < 0) {
		free(t);
		return r;
	}
	t->link = l;
	t->left = t->file->size;
	l->n_transfers++;
	*ret = t;
	return 0;
}

void transfer_destroy(struct transfer *t)
{
	if (!t)
		return;
	pace_leave(&t->pace);
	file_leave(t->link, t->file);
	t->link->n_transfers--;
	if (t->parts)
		free(t->parts->type);
	free(t->parts);
	free(t);
}

void transfer_set_range(struct transfer *t, struct range r)
{
	t->at = r.first;
	t->left = r.last - r.first + 1;
}

int transfer_set_ranges(struct transfer *t, const struct range *ranges, unsigned n, const char *type)
{
	t->parts = calloc(1, sizeof(*t->parts));
	if (!t->parts || (type && !(t->parts->type = strdup(type))))
		return -ENOMEM;
	t->parts->n = n;
	memcpy(t->parts->ranges, ranges, n * sizeof(*ranges));
	t->left = 0;
	return 0;
}

const char *transfer_boundary(const struct transfer *t)
{
	return t->file->id;
}

/* What stands in front of part `i`, or behind the last. */
static void put_delimiter(struct gv_buf *out, const struct transfer *t, unsigned i)
{
	const struct parts *p = t->parts;

	if (i == p->n) {
		gv_buf_printf(out, "\r\n--%s--\r\n", transfer_boundary(t));
		return;
	}
	gv_buf_printf(out, "\r\n--%s\r\n", transfer_boundary(t));
	if (p->type)
		gv_buf_printf(out, "Content-Type: %s\r\n", p->type);
	gv_buf_printf(out, "Content-Range: bytes %llu-%llu/%llu\r\n\r\n", (unsigned long long)p->ranges[i].first,
		      (unsigned long long)p->ranges[i].last, (unsigned long long)t->file->size);
}

uint64_t transfer_size(const struct transfer *t)
{
	const struct parts *p = t->parts;
	struct gv_buf out = { 0 };
	uint64_t size = t->left;

	for (unsigned i = 0; p && i <= p->n; i++) {
		put_delimiter(&out, t, i);
		if (i < p->n)
			size += p->ranges[i].last - p->ranges[i].first + 1;
	}
	size += out.size;
	gv_buf_fini(&out);
	return size;
}

/* Goes on to the next part. False: there is none. */
static bool next_part(struct conn *c, struct transfer *t)
{
	struct parts *p = t->parts;
	struct gv_buf out = { 0 };

	if (!p || p->next > p->n)
		return false;
	put_delimiter(&out, t, p->next);
	if (p->next < p->n)
		transfer_set_range(t, p->ranges[p->next]);
	p->next++;
	http_write(c, &out);
	link_flush(c->link);
	return true;
}

bool http_moves(struct conn *c)
{
	struct transfer *t = c->exchange ? c->exchange->transfer : NULL;
	int queued = 0, before = t ? t->queued : 0;

	if (!t || ioctl(wire_descriptor(c), SIOCOUTQ, &queued) < 0)
		return false;
	t->queued = queued;
	return !before || queued < before;
}

/* The socket has room again, or for the first time. */
static void adapt(struct conn *c, struct transfer *t)
{
	uint64_t full = t->full_ms ? link_now(c->link) - t->full_ms : 0;
	int unsent = c->unsent_max;

	if (!unsent || full > SLOW_MS)
		unsent = UNSENT_SLOW;
	else if (t->full_ms && full < FAST_MS)
		unsent = UNSENT_FAST;
	t->full_ms = 0;
	t->queued = 0;
	if (unsent == c->unsent_max)
		return;
	c->unsent_max = unsent;
	setsockopt(wire_descriptor(c), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
}

/* The socket has no more room. */
static void wait_for_room(struct conn *c, struct transfer *t)
{
	t->full_ms = link_now(c->link);
	if (!c->stuck_ms)
		c->stuck_ms = t->full_ms;
	wire_ask_writable(c);
}

/* Bytes that were sent; 0: it goes on when the socket has room or its turn has come. */
static uint64_t send_some(struct conn *c, struct transfer *t, uint64_t most)
{
	uint64_t want = pace_allows(&t->pace, t->left < most ? t->left : most);
	int64_t n;

	if (!want)
		return 0;
	adapt(c, t);
	n = file_send(c, t->file, t->at, want);
	if (n == -ENODATA) {
		gv_world_log(c->link->world, GV_ERR,
			     "A blob ends early; its file is damaged blob=%s missing_bytes=%llu", t->file->id,
			     (unsigned long long)t->left);
		conn_kill(c, 1011, "file is damaged");
		return 0;
	}
	if (n < 0) {
		conn_kill(c, 1006, "connection lost");
		return 0;
	}
	pace_spent(&t->pace, (uint64_t)n);
	t->at += (uint64_t)n;
	t->left -= (uint64_t)n;
	c->link->file_bytes += (uint64_t)n;
	if (n)
		alive_written(c);
	if ((uint64_t)n < want)
		wait_for_room(c, t);
	return (uint64_t)n == want ? want : 0;
}

void http_pump(struct conn *c)
{
	struct transfer *t = c->exchange ? c->exchange->transfer : NULL;
	uint64_t most = PUMP_BYTES;

	if (c->dead || c->state != CONN_REPLY || !t)
		return;
	link_flush(c->link);
	while (most) {
		uint64_t n;

		if (c->dead || c->out.size || wire_choked(c))
			return; /* conn_writable() comes here again */
		if (!t->left && next_part(c, t))
			continue;
		if (!t->left) {
			http_completed(c);
			return;
		}
		n = send_some(c, t, most);
		if (!n)
			return;
		most -= n;
	}
	wire_ask_writable(c);
}
