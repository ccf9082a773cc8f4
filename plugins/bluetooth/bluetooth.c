/* bluetooth owns the radio: it says which peripherals are in reach and carries attribute values between them and the
 * plugins that listen for their services. It knows GATT and no protocol above it. */
#include "bluetooth.h"

#include <lib/message.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "bluetooth.schema.h"

/* ---- turn side ------------------------------------------------------------------------------- */

static int start(void *self, struct gv_turn *t, const void *config)
{
	struct bluetooth *b = self;
	const Bluetooth__Config *c = config;
	struct sockaddr_un address;

	if (c->loopback && strlen(c->loopback->folder) + ADDRESS_SIZE + 1 > sizeof address.sun_path)
		return gv_fault(
			t, "config loopback.folder: \"%s\" is longer than a socket's path may be; take a shorter one",
			c->loopback->folder);
	if (c->loopback && (*c->adapter || *c->bus))
		return gv_fault(t,
				"config: loopback is there instead of a radio; leave out adapter and bus, or loopback");
	b->port = c->loopback ? &loopback_port : &bluez_port;
	b->config = gv_message_copy(&c->base);
	return b->config ? 0 : -ENOMEM;
}

static void stop(void *self)
{
	struct bluetooth *b = self;

	if (b->loop && !b->drained)
		return; /* the loop's handles still point here; the process ends */
	peripherals_fini(b);
	if (b->config)
		bluetooth__config__free_unpacked(b->config, NULL);
	b->config = NULL;
}

static int connect_peripheral(struct bluetooth *b, struct gv_turn *t, struct gv_ticket ticket,
			      const Bluetooth__ConnectRequest *request)
{
	return conn_connect(b, t, ticket, request);
}
GV_ON_CALL(connect_peripheral, struct bluetooth, Bluetooth__ConnectRequest)

static int list_peripherals(struct bluetooth *b, struct gv_turn *t, struct gv_ticket ticket,
			    const Bluetooth__ListPeripheralsRequest *request)
{
	return peripherals_list(b, t, ticket);
}
GV_ON_CALL(list_peripherals, struct bluetooth, Bluetooth__ListPeripheralsRequest)

/* ---- loop side ------------------------------------------------------------------------------- */

void *handle_new(struct bluetooth *b, size_t size)
{
	void *handle = calloc(1, size);

	if (handle)
		b->handles++;
	return handle;
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct bluetooth *b = handle->data;

	free(handle);
	b->handles--;
	drain_check(b);
}

void handle_close(struct bluetooth *b, void *handle)
{
	uv_handle_t *h = handle;

	if (!h)
		return;
	h->data = b;
	uv_close(h, on_handle_closed);
}

void drain_check(struct bluetooth *b)
{
	if (!b->draining || b->drained || b->n_conns)
		return;
	if (b->port_self) {
		b->port->drain(b);
		handle_close(b, b->tell);
		b->tell = NULL;
	}
	if (b->handles)
		return;
	b->drained = true;
	gv_world_drained(b->world);
}

static int open_world(void *self, struct gv_world *w)
{
	struct bluetooth *b = self;

	b->world = w;
	b->loop = gv_world_loop(w); /* NULL in the test host: there is no radio */
	return b->loop ? b->port->open(b) : 0;
}

static void drain(void *self)
{
	struct bluetooth *b = self;

	if (b->draining)
		return;
	b->draining = true;
	for (struct conn *c = b->conns, *next; c; c = next) {
		next = c->next;
		conn_end(c, GV_UNAVAILABLE, gv_world_returns(b->world) ? 1012 : 1001, "bluetooth is stopping");
	}
	drain_check(b);
}

static int on_listen(void *self, const char *plugin, const void *const *listeners, size_t count)
{
	struct bluetooth *b = self;
	int r = services_register(b, plugin, listeners, count);

	if (!b->loop || b->draining)
		return r;
	b->port->listen(b);
	peripherals_listen(b);
	return r;
}

static void on_send(void *self, uint64_t id, enum gv_frame_kind kind, const uint8_t *data, size_t size)
{
	struct conn *c = conn_by_id(self, id);

	if (c)
		conn_send(c, data, size);
}

static void on_disconnect(void *self, uint64_t id, unsigned code, const char *reason)
{
	struct conn *c = conn_by_id(self, id);

	if (c)
		conn_end(c, GV_ABORTED, code ? code : 1000, "%s", *reason ? reason : "its plugin has closed it");
}

static void on_pause(void *self, uint64_t id, bool pause)
{
	struct bluetooth *b = self;
	struct conn *c = conn_by_id(b, id);

	if (!c || c->paused == pause)
		return;
	c->paused = pause;
	b->port->pause(c);
}

static void on_overrun(void *self, const char *plugin)
{
	struct bluetooth *b = self;

	for (struct conn *c = b->conns, *next; c; c = next) {
		next = c->next;
		if (c->id && strcmp(c->service.plugin, plugin) == 0)
			conn_end(c, GV_UNAVAILABLE, 1013, "%s was away for too long or left too much unhandled",
				 plugin);
	}
}

/* ---- record ---------------------------------------------------------------------------------- */

static const struct gv_method methods[] = {
	{ "Connect", connect_peripheral_call },
	{ "ListPeripherals", list_peripherals_call },
	{ 0 },
};
static const struct gv_driver driver = {
	.size = sizeof(struct gv_driver),
	.open = open_world,
	.drain = drain,
	.on_listen = on_listen,
	.on_send = on_send,
	.on_disconnect = on_disconnect,
	.on_pause = on_pause,
	.on_overrun = on_overrun,
};

GV_PLUGIN = {
	GV_STAMP,
	.name = "bluetooth",
	.version = "0.1.0",
	.summary = "Owns the radio: Bluetooth LE peripherals by GATT, over BlueZ or a loopback",
	.config = &bluetooth__config__descriptor,
	.serves = GV_SERVES({ &bluetooth__bluetooth__descriptor, methods }),
	.emits = GV_EMITS({ &bluetooth__peripheral_seen__descriptor, peripherals_snapshot },
			  { &bluetooth__peripheral_gone__descriptor, NULL }),
	.schema_set = GV_SCHEMA(bluetooth),
	.schema = 1,
	.self_size = sizeof(struct bluetooth),
	.start = start,
	.stop = stop,
	.driver = &driver,
};
