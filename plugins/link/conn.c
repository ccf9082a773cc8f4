/* A socket: what it says goes to the parser of its state, what is to be said goes out at once or waits in bounds.
 *
 * libwebsockets carries the socket, TLS and the loop; it is used raw (see docs/adr). Three of its habits shape this
 * file. While it holds the rest of a write it neither reads nor lets go of the read event, so reading is paused
 * meanwhile. It closes raw sockets abruptly, so the half-close and the wait for the peer are ours. And nothing here
 * frees a connection under its caller's feet: a dead one is put on a list that is reaped when the loop goes round. */
#include <errno.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "link.h"

struct conn *conn_create(struct link *l, const uint8_t address[static 16], uint16_t peer_port)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->link = l;
	c->since_ms = c->heard_ms = link_now(l);
	memcpy(c->address, address, 16);
	c->peer_port = peer_port;
	return c;
}

struct conn *conn_adopt(struct link *l, const struct port *port, int fd, const uint8_t address[static 16],
			uint16_t peer_port, struct origin *origin)
{
	lws_adopt_desc_t adopt = {
		.vh = port->vhost, .type = LWS_ADOPT_SOCKET, .fd.sockfd = fd, .vh_prot_name = "galvan"
	};
	struct conn *c = conn_create(l, address, peer_port);

	if (!c) {
		close(fd);
		origins_leave(origin);
		return NULL;
	}
	c->port = port;
	c->tls = port->tls.cert != NULL;
	c->state = port->kind == PORT_TCP ? CONN_TCP : CONN_HEAD;
	if (c->tls)
		adopt.type |= LWS_ADOPT_ALLOW_SSL;
	adopt.opaque = c;
	c->adopting = true;
	c->wsi = lws_adopt_descriptor_vhost_via_info(&adopt);
	c->adopting = false;
	if (!c->wsi) {
		free(c);
		origins_leave(origin);
		return NULL;
	}
	c->origin = origin;
	table_add(l, c);
	return c;
}

/* ---- input ----------------------------------------------------------------------------------- */

int conn_hold(struct conn *c, struct bytes *b, const void *data, size_t size)
{
	int r;

	if (c->link->in_bytes + size > LINK_IN_TOTAL_MAX)
		return -ENOBUFS;
	r = bytes_add(b, data, size);
	if (r == 0)
		c->link->in_bytes += size;
	return r;
}

void conn_unhold(struct conn *c, struct bytes *b, size_t size)
{
	c->link->in_bytes -= size < b->size ? size : b->size;
	bytes_drop(b, size);
}

static size_t step(struct conn *c, uint8_t *data, size_t size)
{
	switch (c->state) {
	case CONN_HEAD:
		return http_head(c, data, size);
	case CONN_BODY:
		return http_body(c, data, size);
	case CONN_WEBSOCKET:
		return websocket_input(c, data, size);
	case CONN_TCP:
		return tcp_input(c, data, size);
	case CONN_DIALLING:
		return dial_input(c, data, size);
	case CONN_CLOSING:
		return size;
	default: /* a request is in hand: what comes behind it waits */
		if (size >= HEAD_MAX)
			conn_pause(c, PAUSE_PIPELINE);
		return 0;
	}
}

static size_t parse(struct conn *c, uint8_t *data, size_t size)
{
	size_t at = 0;

	while (at < size) {
		size_t n;

		if (c->dead)
			return size;
		if (c->paused && c->state != CONN_CLOSING)
			break;
		n = step(c, data + at, size - at);
		if (n == 0)
			break;
		at += n;
	}
	return at;
}

static void overload(struct conn *c)
{
	gv_world_log(c->link->world, GV_WARN,
		     "Too much unfinished input is held over all connections; this one is closed "
		     "limit_bytes=%d device=%s",
		     LINK_IN_TOTAL_MAX, c->device ? c->device : "");
	conn_close(c, 1013, "server is overloaded");
}

void conn_read(struct conn *c, uint8_t *data, size_t size)
{
	size_t n = 0;

	if (c->dead)
		return;
	if (c->tls && !c->spoken && c->wsi) {
		lws_set_timeout(c->wsi, NO_PENDING_TIMEOUT,
				0); /* that of the TLS handshake; the sweep watches from here */
		if (!SSL_get_servername(lws_get_ssl(c->wsi), TLSEXT_NAMETYPE_host_name))
			gv_world_count(c->link->world, "quirk_no_sni", 1); /* served with the port's own (quirk 46) */
	}
	c->spoken = true;
	c->heard_ms = link_now(c->link);
	c->pinged_ms = 0;
	if (c->state == CONN_HEAD && !c->in.size)
		c->since_ms = c->heard_ms;
	c->busy = true;
	if (!c->in.size) {
		n = parse(c, data, size);
	} else if (conn_hold(c, &c->in, data, size) == 0) {
		conn_unhold(c, &c->in, parse(c, c->in.data, c->in.size));
		n = size;
	}
	if (n < size && !c->dead && c->state != CONN_CLOSING && conn_hold(c, &c->in, data + n, size - n) < 0)
		overload(c);
	c->busy = false;
	link_flush(c->link);
}

void conn_continue(struct conn *c)
{
	if (c->busy || c->dead || !c->in.size)
		return;
	c->busy = true;
	conn_unhold(c, &c->in, parse(c, c->in.data, c->in.size));
	c->busy = false;
}

void conn_pause(struct conn *c, enum pause why)
{
	if (!c->paused && !c->dead)
		wire_listen(c, false);
	c->paused |= (uint8_t)why;
}

void conn_resume(struct conn *c, enum pause why)
{
	if (!(c->paused & why))
		return;
	c->paused &= (uint8_t)~why;
	if (c->paused || c->dead)
		return;
	conn_continue(c);
	if (c->paused || c->dead)
		return;
	wire_listen(c, true);
}

/* ---- output ---------------------------------------------------------------------------------- */

static void queue(struct conn *c, const uint8_t *data, size_t size)
{
	size_t limit = c->exchange ? LINK_OUT_HTTP_MAX : LINK_OUT_MAX;

	if (c->out.size - c->out_at + size > limit || bytes_add(&c->out, data, size) < 0) {
		gv_world_log(c->link->world, GV_WARN,
			     "A peer does not read what it is sent; its connection is closed limit_bytes=%zu device=%s",
			     limit, c->device ? c->device : "");
		conn_kill(c, 1008, "did not read what it was sent");
	}
}

static void choke(struct conn *c)
{
	if (!c->stuck_ms)
		c->stuck_ms = link_now(c->link);
	conn_pause(c, PAUSE_OUTPUT);
}

static void send_now(struct conn *c, const uint8_t *data, size_t size)
{
	if (!c->dead)
		alive_written(c);
	while (size && !c->dead) {
		size_t n = size < LINK_CHUNK ? size : LINK_CHUNK;

		if (c->out.size || wire_choked(c)) {
			queue(c, data, size);
			break;
		}
		if (wire_write(c, data, n) < 0) {
			conn_kill(c, 1006, "connection lost");
			break;
		}
		data += n;
		size -= n;
	}
	if (!c->dead && wire_choked(c))
		choke(c);
}

void conn_write(struct conn *c, const void *data, size_t size)
{
	struct link *l = c->link;

	if (c->dead || c->half_closed)
		return;
	if (l->batch.conn && (l->batch.conn != c || l->batch.size + size > LINK_BATCH_MAX))
		link_flush(l);
	if (size > LINK_BATCH_MAX) {
		send_now(c, data, size);
		return;
	}
	l->batch.conn = c;
	memcpy(l->batch.data + l->batch.size, data, size);
	l->batch.size += size;
}

void link_flush(struct link *l)
{
	struct conn *c = l->batch.conn;
	size_t size = l->batch.size;

	l->batch.conn = NULL;
	l->batch.size = 0;
	if (c)
		send_now(c, l->batch.data, size);
}

static void half_close(struct conn *c)
{
	SSL *ssl = wire_ssl(c);

	if (ssl && !SSL_in_init(ssl))
		SSL_shutdown(ssl);
	shutdown(wire_descriptor(c), SHUT_WR);
	c->half_closed = true;
	c->since_ms = link_now(c->link);
	bytes_fini(&c->out);
}

void conn_writable(struct conn *c)
{
	if (c->dead)
		return;
	while (c->out_at < c->out.size && !wire_choked(c)) {
		size_t n = c->out.size - c->out_at;

		alive_written(c);
		if (n > LINK_CHUNK)
			n = LINK_CHUNK;
		if (wire_write(c, c->out.data + c->out_at, n) < 0) {
			conn_kill(c, 1006, "connection lost");
			return;
		}
		c->out_at += (uint32_t)n;
	}
	if (c->out_at == c->out.size) {
		bytes_fini(&c->out);
		c->out_at = 0;
	}
	if (wire_choked(c)) {
		c->stuck_ms = link_now(c->link); /* some of it left */
		return;
	}
	c->stuck_ms = 0;
	if (c->finishing && !c->half_closed)
		half_close(c);
	conn_resume(c, PAUSE_OUTPUT);
	http_pump(c);
	link_flush(c->link);
}

/* ---- the end --------------------------------------------------------------------------------- */

void conn_finish(struct conn *c, unsigned code, const char *reason)
{
	conn_end(c, code, reason);
	if (c->finishing || c->dead)
		return;
	c->finishing = true;
	c->state = CONN_CLOSING;
	c->since_ms = link_now(c->link);
	link_flush(c->link);
	if (c->dead)
		return;
	if (!c->out.size && !wire_choked(c))
		half_close(c);
	conn_resume(c, PAUSE_HOST | PAUSE_RATE | PAUSE_PIPELINE); /* its end has to be read */
}

void conn_kill(struct conn *c, unsigned code, const char *reason)
{
	struct link *l = c->link;

	conn_end(c, code, reason);
	if (c->dead)
		return;
	c->dead = true;
	if (l->batch.conn == c) {
		l->batch.conn = NULL;
		l->batch.size = 0;
	}
	c->doomed_next = l->doomed;
	l->doomed = c;
}

void conn_reap(struct link *l)
{
	while (l->doomed) {
		struct conn *c = l->doomed;

		l->doomed = c->doomed_next;
		c->doomed_next = NULL;
		c->reaped = true; /* or each of ten thousand would look for itself among the others */
		wire_kill(c);
	}
}

static void unlist(struct conn **at, struct conn *c, size_t next)
{
	while (*at && *at != c)
		at = (struct conn **)((char *)*at + next);
	if (*at)
		*at = *(struct conn **)((char *)c + next);
}

void conn_closed(struct conn *c)
{
	struct link *l = c->link;

	conn_end(c, 1006, "connection lost");
	if (c->adopting)
		return;
	if (c->state == CONN_HEAD && !c->spoken)
		gv_world_count(l->world, "quirk_empty_probe", 1); /* somebody looked whether we are there (quirk 4) */
	if (l->batch.conn == c) {
		l->batch.conn = NULL;
		l->batch.size = 0;
	}
	if (c->dead && !c->reaped)
		unlist(&l->doomed, c, offsetof(struct conn, doomed_next));
	if (c->paused & PAUSE_RATE)
		unlist(&l->limited, c, offsetof(struct conn, limited_next));
	dial_ended(c);
	table_remove(l, c);
	origins_leave(c->origin);
	exchange_destroy(c->exchange);
	route_release(c->route);
	conn_unhold(c, &c->in, c->in.size);
	conn_unhold(c, &c->message, c->message.size);
	bytes_fini(&c->out);
	free(c->certificate);
	free(c);
}
