/* A connection over BlueZ, step by step: Connect, its services, to be notified, to write. Each step waits for one
 * answer or one change in the tree. What BlueZ is known to get wrong is met here:
 * - NotPermitted after a reconnect: an acquired socket of the connection before is still held. The way out is to break
 *   off, wait, and begin anew.
 * - a service that is there though the tree does not show it yet: the tree is read once more.
 * - a connection that fails at once though the peripheral is near: it is tried again. */
#include "bluez.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIES_MAX 3       /* of a connection that fails, or is in the way of itself */
#define AGAIN_MS 500      /* between them */
#define FLUSH_MS 2000     /* how long what was written may take to leave a connection that ends */
#define BREAK_OFF_MS 5000 /* how long BlueZ may take to break off: at most until then Connect waits */

static void connect_device(struct radio *r);

const char *radio_address(const struct radio *r)
{
	return r->conn->peripheral->address;
}

static bool is_error(const sd_bus_error *e, const char *name)
{
	return sd_bus_error_has_name(e, name);
}

/* ---- its end --------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);

static void wait_ms(struct radio *r, uint64_t ms)
{
	uv_timer_start(r->timer, on_timer, ms, 0);
}

/* From the timer alone, so that nobody loses it under their feet. */
static void radio_free(struct radio *r)
{
	struct conn *c = r->conn;

	sd_bus_slot_unref(r->call);
	radio_close_sockets(r);
	handle_close(c->b, r->timer);
	values_fini(&r->in);
	values_fini(&r->out);
	free(r);
	c->port = NULL;
	conn_gone(c);
}

static void finish(struct radio *r)
{
	r->done = true;
	wait_ms(r, 0);
}

static int on_broken_off(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	struct radio *r = arg;

	r->call = sd_bus_slot_unref(r->call);
	if (r->step == RADIO_RESET)
		wait_ms(r, AGAIN_MS);
	else
		finish(r);
	return 0;
}

/* Closes what was acquired and asks BlueZ to disconnect, whatever state that is in. */
static void break_off(struct radio *r, enum radio_step step)
{
	r->step = step;
	r->call = sd_bus_slot_unref(r->call);
	radio_close_sockets(r);
	values_fini(&r->in);
	if (*r->device &&
	    bluez_call(r->z, r->device, DEVICE, "Disconnect", BREAK_OFF_MS, on_broken_off, r, &r->call) >= 0)
		wait_ms(r, BREAK_OFF_MS);
	else
		finish(r);
}

void radio_flushed(struct radio *r)
{
	break_off(r, RADIO_END);
}

void radio_close(struct conn *c)
{
	struct radio *r = c->port;

	if (!r) {
		conn_gone(c);
	} else if (r->step == RADIO_OPEN && r->out.first && r->z->there) {
		r->step = RADIO_FLUSH;
		wait_ms(r, FLUSH_MS);
	} else {
		values_fini(&r->out);
		break_off(r, RADIO_END);
	}
}

/* What it said before its end is still told, whatever its plugin has unhandled. */
static void hear_out(struct radio *r)
{
	r->conn->paused = false;
	radio_drain(r);
	radio_deliver(r);
}

void radio_lost(struct radio *r)
{
	if (r->step == RADIO_FLUSH) {
		values_fini(&r->out);
		radio_flushed(r);
		return;
	}
	if (r->step == RADIO_END || r->step == RADIO_RESET || r->step == RADIO_CONNECT)
		return;
	radio_drain(r);
	conn_end(r->conn, GV_UNAVAILABLE, 1006,
		 "%s is no longer connected: out of reach, switched off, or it has closed", radio_address(r));
}

void radio_again(struct radio *r, unsigned code, const char *what, const sd_bus_error *e)
{
	char text[SENTENCE_MAX];

	if (++r->tries < TRIES_MAX)
		break_off(r, RADIO_RESET);
	else
		conn_end(r->conn, code, 1006, "%s %s: %s", radio_address(r), what,
			 bus_error_text(e, text, sizeof text));
}

/* ---- its services ---------------------------------------------------------------------------- */

static void look_up(struct radio *r)
{
	const struct service *s = &r->conn->service;
	const struct object *service = object_below(r->z, OBJECT_SERVICE, r->device, s->uuid), *write, *notify;

	write = service ? object_below(r->z, OBJECT_CHARACTERISTIC, service->path, s->write) : NULL;
	notify = service ? object_below(r->z, OBJECT_CHARACTERISTIC, service->path, s->notify) : NULL;
	if ((!write || !notify) && !r->refreshed) {
		r->refreshed = true;
		bluez_refresh(r->z);
		return;
	}
	if (!write || !notify) {
		conn_end(r->conn, GV_FAILED_PRECONDITION, 1006,
			 "%s has no %s %s: it is another device, or its firmware another", radio_address(r),
			 service ? "characteristic" : "service",
			 !service ? s->uuid
			 : write  ? s->notify
				  : s->write);
		return;
	}
	if (!(write->flags & (FLAG_WRITE | FLAG_COMMAND)) || !(notify->flags & (FLAG_NOTIFY | FLAG_INDICATE))) {
		conn_end(r->conn, GV_FAILED_PRECONDITION, 1006, "%s: characteristic %s", radio_address(r),
			 notify->flags & (FLAG_NOTIFY | FLAG_INDICATE) ? "to write cannot be written"
								       : "to be notified by does not notify");
		return;
	}
	snprintf(r->write, sizeof r->write, "%s", write->path);
	snprintf(r->notify, sizeof r->notify, "%s", notify->path);
	r->flags = write->flags;
	r->mtu = 0;
	radio_acquire(r);
}

static void resolve(struct radio *r)
{
	const struct object *o = object_find(r->z, r->device);

	r->step = RADIO_RESOLVE;
	r->refreshed = false;
	r->seen_connected = o && o->connected;
	if (o && o->resolved)
		look_up(r);
}

void radios_refreshed(struct bluez *z)
{
	for (struct conn *c = z->b->conns, *next; c; c = next) {
		struct radio *r = c->port;

		next = c->next;
		if (r && r->step == RADIO_RESOLVE && r->refreshed)
			look_up(r);
	}
}

/* ---- to connect ------------------------------------------------------------------------------ */

static int on_connected(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	struct radio *r = arg;
	const sd_bus_error *e = sd_bus_message_get_error(m);
	char text[SENTENCE_MAX];

	r->call = sd_bus_slot_unref(r->call);
	if (!e || is_error(e, "org.bluez.Error.AlreadyConnected"))
		resolve(r);
	else if (is_error(e, SD_BUS_ERROR_UNKNOWN_OBJECT))
		conn_end(r->conn, GV_NOT_FOUND, 1006, "%s is no longer in reach", radio_address(r));
	else if (is_error(e, SD_BUS_ERROR_ACCESS_DENIED))
		conn_end(r->conn, GV_PERMISSION_DENIED, 1006,
			 "bluetoothd does not let this user connect to %s: see "
			 "docs/guide-operations.md, Bluetooth: %s",
			 radio_address(r), bus_error_text(e, text, sizeof text));
	else
		radio_again(r, GV_UNAVAILABLE,
			    "cannot be connected to; see that it is near, and not connected to somebody else", e);
	return 0;
}

static void connect_device(struct radio *r)
{
	const struct object *o = r->z->there ? object_device(r->z, radio_address(r)) : NULL;

	r->step = RADIO_CONNECT;
	r->seen_connected = false;
	r->call = sd_bus_slot_unref(r->call);
	if (!o || strlen(o->path) >= sizeof r->device) {
		conn_end(r->conn, GV_NOT_FOUND, 1006, "%s is no longer in reach", radio_address(r));
		return;
	}
	snprintf(r->device, sizeof r->device, "%s", o->path);
	if (o->connected)
		resolve(r);
	else if (bluez_call(r->z, r->device, DEVICE, "Connect", LONG_CALL_MS, on_connected, r, &r->call) < 0)
		conn_end(r->conn, GV_UNAVAILABLE, 1006, "out of memory");
}

static void on_timer(uv_timer_t *timer)
{
	struct radio *r = timer->data;

	if (r->done)
		radio_free(r);
	else if (r->step == RADIO_RESET)
		connect_device(r);
	else if (r->step == RADIO_FLUSH)
		radio_flushed(r);
	else
		radio_free(r);
}

void radio_connect(struct conn *c)
{
	struct radio *r = calloc(1, sizeof *r);

	if (r)
		r->timer = handle_new(c->b, sizeof *r->timer);
	if (!r || !r->timer) {
		free(r);
		conn_end(c, GV_UNAVAILABLE, 1006, "out of memory");
		return;
	}
	uv_timer_init(c->b->loop, r->timer);
	r->timer->data = r;
	r->conn = c;
	r->z = c->b->port_self;
	r->notify_fd = r->write_fd = -1;
	c->port = r;
	connect_device(r);
}

/* ---- what happens to it ---------------------------------------------------------------------- */

/* The answer of Connect may come before the change that it is about: only who was connected can be lost. */
static void device_changed(struct radio *r, const struct object *device)
{
	bool lost = r->seen_connected && !device->connected;

	r->seen_connected = device->connected && r->step != RADIO_RESET;
	if (lost && r->step == RADIO_RESOLVE)
		radio_again(r, GV_UNAVAILABLE, "was connected, and is no longer",
			    &SD_BUS_ERROR_MAKE_CONST("org.bluez.Error.Failed", "it has closed, or is out of reach"));
	else if (lost)
		radio_lost(r);
	else if (device->resolved && r->step == RADIO_RESOLVE && !r->refreshed)
		look_up(r);
}

void radio_device_changed(struct bluez *z, const char *path, const struct object *device)
{
	for (struct conn *c = z->b->conns, *next; c; c = next) {
		struct radio *r = c->port;

		next = c->next;
		if (r && strcmp(r->device, path) == 0 && device)
			device_changed(r, device);
		else if (r && strcmp(r->device, path) == 0)
			radio_lost(r);
	}
}

void radios_lost(struct bluez *z, const char *why)
{
	for (struct conn *c = z->b->conns, *next; c; c = next) {
		struct radio *r = c->port;

		next = c->next;
		if (!r)
			continue;
		hear_out(r);
		*r->device = 0; /* there is nobody to be asked to disconnect */
		conn_end(c, GV_UNAVAILABLE, 1006, "%s: %s", radio_address(r), why);
		finish(r);
	}
}
