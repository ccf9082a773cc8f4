/* Values of a connection over BlueZ. By the sockets of AcquireNotify and AcquireWrite, a packet a value, where the
 * peripheral and BlueZ can; else by PropertiesChanged and WriteValue, of which one at a time is under way. */
#include "bluez.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void close_fd(struct bluetooth *b, int *fd, uv_poll_t **poll)
{
	if (*fd < 0)
		return;
	if (*poll)
		uv_poll_stop(*poll);
	handle_close(b, *poll);
	close(*fd);
	*poll = NULL;
	*fd = -1;
}

void radio_close_sockets(struct radio *r)
{
	close_fd(r->conn->b, &r->notify_fd, &r->notify_poll);
	close_fd(r->conn->b, &r->write_fd, &r->write_poll);
}

static uv_poll_t *poll_new(struct radio *r, int fd)
{
	struct bluetooth *b = r->conn->b;
	uv_poll_t *poll = handle_new(b, sizeof *poll);

	if (poll) {
		uv_poll_init(b->loop, poll, fd);
		poll->data = r;
	}
	return poll;
}

/* ---- in -------------------------------------------------------------------------------------- */

void radio_deliver(struct radio *r)
{
	struct conn *c = r->conn;

	while (c->state == CONN_OPEN && !c->paused && r->in.first) {
		conn_value(c, r->in.first->data, r->in.first->size);
		if (c->state == CONN_OPEN)
			values_drop(&r->in);
	}
}

void radio_notified(struct radio *r, const void *data, size_t size)
{
	struct conn *c = r->conn;

	if (c->state == CONN_ENDS)
		return;
	if (r->in.count >= VALUES_MAX || values_add(&r->in, data, size, 0) < 0) {
		conn_end(c, GV_UNAVAILABLE, 1013, "%s does not keep up with %s: %d values wait", c->service.plugin,
			 c->peripheral->address, VALUES_MAX);
		return;
	}
	radio_deliver(r);
}

/* False at the socket's end. A socket has room for what comes while the plugin is slow: it is read no further. */
static bool receive(struct radio *r)
{
	uint8_t value[MTU_MAX + 1];

	while (r->notify_fd >= 0 && r->in.count < VALUES_MAX && r->conn->state != CONN_ENDS) {
		ssize_t n = recv(r->notify_fd, value, sizeof value, MSG_DONTWAIT);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return true;
		if (n <= 0)
			return false;
		radio_notified(r, value, (size_t)n);
	}
	return true;
}

static void on_notify(uv_poll_t *poll, int status, int events)
{
	struct radio *r = poll->data;

	if (!receive(r) || status < 0)
		radio_lost(r);
	else if (r->in.count >= VALUES_MAX && r->notify_poll)
		uv_poll_stop(r->notify_poll);
}

int radio_take_notify(struct radio *r, int fd)
{
	r->notify_fd = fd;
	r->notify_poll = poll_new(r, fd);
	if (!r->notify_poll)
		return -ENOMEM;
	uv_poll_start(r->notify_poll, UV_READABLE | UV_DISCONNECT, on_notify);
	return 0;
}

void radio_drain(struct radio *r)
{
	receive(r);
}

void radio_value_changed(struct bluez *z, const char *path, const void *data, size_t size)
{
	for (struct conn *c = z->b->conns; c; c = c->next) {
		struct radio *r = c->port;

		if (r && r->notify_fd < 0 && strcmp(r->notify, path) == 0) {
			radio_notified(r, data, size);
			return;
		}
	}
}

void radio_pause(struct conn *c)
{
	struct radio *r = c->port;

	if (!r || c->paused)
		return;
	radio_deliver(r);
	if (r->notify_poll)
		uv_poll_start(r->notify_poll, UV_READABLE | UV_DISCONNECT, on_notify);
}

/* ---- out ------------------------------------------------------------------------------------- */

static void write_next(struct radio *r);

static void on_writable(uv_poll_t *poll, int status, int events)
{
	struct radio *r = poll->data;

	if (status < 0 || (events & UV_DISCONNECT))
		radio_lost(r);
	else
		write_next(r);
}

static void write_socket(struct radio *r)
{
	while (r->out.first) {
		ssize_t n = send(r->write_fd, r->out.first->data, r->out.first->size, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			radio_lost(r);
			return;
		}
		if (n < 0)
			break;
		values_drop(&r->out);
	}
	if (r->write_poll)
		uv_poll_start(r->write_poll, UV_DISCONNECT | (r->out.first ? UV_WRITABLE : 0), on_writable);
}

static int on_written(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	struct radio *r = arg;
	const sd_bus_error *e = sd_bus_message_get_error(m);
	char text[SENTENCE_MAX];

	r->call = sd_bus_slot_unref(r->call);
	values_drop(&r->out);
	if (!e) {
		write_next(r);
		return 0;
	}
	values_fini(&r->out);
	if (r->step == RADIO_FLUSH)
		radio_flushed(r);
	conn_end(r->conn, GV_UNAVAILABLE, 1006, "%s did not take a value that was written: %s",
		 r->conn->peripheral->address, bus_error_text(e, text, sizeof text));
	return 0;
}

/* WriteValue(ay, a{sv}); a request, which the peripheral answers, where it takes any. */
static void write_value(struct radio *r)
{
	const char *type = r->flags & FLAG_WRITE ? "request" : "command";
	sd_bus_message *m = NULL;
	int n;

	if (r->call || !r->out.first || !r->z->bus)
		return;
	n = sd_bus_message_new_method_call(bus_sd(r->z->bus), &m, BLUEZ, r->write, CHARACTERISTIC, "WriteValue");
	if (n >= 0)
		n = sd_bus_message_append_array(m, 'y', r->out.first->data, r->out.first->size);
	if (n >= 0)
		n = sd_bus_message_append(m, "a{sv}", 1, "type", "s", type);
	if (n >= 0)
		n = bluez_send(r->z, m, CALL_MS, on_written, r, &r->call);
	else
		sd_bus_message_unref(m);
	if (n < 0)
		conn_end(r->conn, GV_UNAVAILABLE, 1006, "a value could not be written: %s", strerror(-n));
}

static void write_next(struct radio *r)
{
	if (r->write_fd >= 0)
		write_socket(r);
	else
		write_value(r);
	if (r->step == RADIO_FLUSH && !r->out.first)
		radio_flushed(r);
}

int radio_take_write(struct radio *r, int fd)
{
	r->write_fd = fd;
	r->write_poll = poll_new(r, fd);
	if (!r->write_poll)
		return -ENOMEM;
	uv_poll_start(r->write_poll, UV_DISCONNECT, on_writable);
	return 0;
}

void radio_write(struct conn *c, const uint8_t *data, size_t size)
{
	struct radio *r = c->port;

	if (r->out.count >= VALUES_MAX || values_add(&r->out, data, size, 0) < 0) {
		conn_end(c, GV_UNAVAILABLE, 1008, "%s does not read what it is sent: %d values wait",
			 c->peripheral->address, VALUES_MAX);
		return;
	}
	write_next(r);
}
