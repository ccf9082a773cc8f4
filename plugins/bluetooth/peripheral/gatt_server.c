/* The GATT server's side that asks: finds an adapter, registers the application and the advertisement, and looks after
 * its client. A tick tries again what did not work. */
#include "gatt_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS 2000
#define BLUEZ "org.bluez"

static void go_on(struct gatt_server *s);

static void trouble(struct gatt_server *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void trouble(struct gatt_server *s, const char *fmt, ...)
{
	char text[sizeof s->told];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (strcmp(text, s->told) == 0)
		return;
	memcpy(s->told, text, sizeof text);
	s->events->trouble(s->arg, text);
}

/* ---- the client ------------------------------------------------------------------------------ */

bool gatt_client_is(struct gatt_server *s, const char *path)
{
	const char *name = strstr(path, "/dev_");

	if (*s->client)
		return strcmp(s->client, path) == 0;
	snprintf(s->client, sizeof s->client, "%s", path);
	snprintf(s->client_name, sizeof s->client_name, "%s", name ? name + 5 : "");
	for (char *c = s->client_name; *c; c++)
		*c = *c == '_' ? '-' : *c;
	return true;
}

void gatt_client_gone(struct gatt_server *s)
{
	bool was = *s->client;

	*s->client = 0;
	if (was)
		s->events->gone(s->arg);
}

static void forget(struct gatt_server *s)
{
	*s->adapter = 0;
	s->application = s->advertisement = s->asking = false;
	for (unsigned i = 0; i < s->n_points; i++)
		s->points[i].listening = false;
	gatt_client_gone(s);
}

/* Connected false of the client's device. */
static int on_properties(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	struct gatt_server *s = arg;
	const char *interface, *key, *contents;
	int connected = 1;

	if (!*s->client || strcmp(sd_bus_message_get_path(m), s->client) != 0)
		return 0;
	if (sd_bus_message_read(m, "s", &interface) < 0 || sd_bus_message_enter_container(m, 'a', "{sv}") < 0)
		return 0;
	while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
		if (sd_bus_message_read(m, "s", &key) < 0 || sd_bus_message_peek_type(m, NULL, &contents) < 0)
			return 0;
		if (strcmp(key, "Connected") == 0 && strcmp(contents, "b") == 0)
			sd_bus_message_read(m, "v", "b", &connected);
		else
			sd_bus_message_skip(m, "v");
		sd_bus_message_exit_container(m);
	}
	if (!connected)
		gatt_client_gone(s);
	return 0;
}

static int on_removed(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	struct gatt_server *s = arg;
	const char *path;

	if (sd_bus_message_read(m, "o", &path) < 0)
		return 0;
	if (*s->client && strcmp(path, s->client) == 0)
		gatt_client_gone(s);
	if (*s->adapter && strcmp(path, s->adapter) == 0)
		forget(s);
	return 0;
}

static int on_owner(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	struct gatt_server *s = arg;
	const char *name, *before, *now;

	if (sd_bus_message_read(m, "sss", &name, &before, &now) < 0 || strcmp(name, BLUEZ) != 0)
		return 0;
	if (*before)
		forget(s);
	if (*now)
		go_on(s);
	return 0;
}

/* ---- what is asked of bluetoothd, one after the other ---------------------------------------- */

static int failed(struct gatt_server *s, const char *what, sd_bus_message *m)
{
	const sd_bus_error *e = sd_bus_message_get_error(m);
	char text[300];

	s->asking = false;
	if (e)
		trouble(s, "%s; tried again: %s", what, bus_error_text(e, text, sizeof text));
	return e ? -EIO : 0;
}

static int on_advertised(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	struct gatt_server *s = arg;

	if (sd_bus_message_is_method_error(m, NULL) && s->data_size && !s->without_data) {
		s->asking = false;
		s->without_data = true; /* a legacy advertisement has 31 bytes, and a UUID takes 18 of them */
		go_on(s);
		return 0;
	}
	if (failed(s, "bluetoothd does not advertise", m) < 0)
		return 0;
	s->advertisement = true;
	s->advertised_size = s->without_data ? 0 : s->asked_size;
	*s->told = 0;
	if (s->without_data && s->data_size)
		trouble(s, "The adapter's advertisements have no room for service data beside the service's UUID: it "
			   "is left out");
	s->events->ready(s->arg);
	return 0;
}

static int on_withdrawn(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	struct gatt_server *s = arg;

	s->asking = false;
	go_on(s);
	return 0;
}

static int on_registered(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	struct gatt_server *s = arg;

	if (failed(s, "bluetoothd does not take the GATT application", m) < 0)
		return 0;
	s->application = true;
	go_on(s);
	return 0;
}

static int on_powered(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	struct gatt_server *s = arg;

	if (failed(s, "The adapter cannot be switched on: try `rfkill unblock bluetooth`", m) < 0)
		*s->adapter = 0;
	else
		go_on(s);
	return 0;
}

/* The adapter of this name, or the first that can advertise. */
static void consider(struct gatt_server *s, const char *path, const char *interface, char best[static 64])
{
	const char *name = strrchr(path, '/');

	if (strcmp(interface, "org.bluez.LEAdvertisingManager1") != 0 || strlen(path) >= sizeof s->adapter)
		return;
	if (*s->adapter_name && (!name || strcmp(name + 1, s->adapter_name) != 0))
		return;
	if (!*best || strcmp(path, best) < 0)
		snprintf(best, 64, "%s", path);
}

static int on_tree(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	struct gatt_server *s = arg;
	const char *path, *interface;
	char best[64] = "";

	if (failed(s, "bluetoothd does not answer: install bluez, and `systemctl enable --now bluetooth`", m) < 0)
		return 0;
	if (sd_bus_message_enter_container(m, 'a', "{oa{sa{sv}}}") < 0)
		return 0;
	while (sd_bus_message_enter_container(m, 'e', "oa{sa{sv}}") > 0) {
		if (sd_bus_message_read(m, "o", &path) < 0 || sd_bus_message_enter_container(m, 'a', "{sa{sv}}") < 0)
			return 0;
		while (sd_bus_message_enter_container(m, 'e', "sa{sv}") > 0) {
			if (sd_bus_message_read(m, "s", &interface) < 0 || sd_bus_message_skip(m, "a{sv}") < 0)
				return 0;
			consider(s, path, interface, best);
			sd_bus_message_exit_container(m);
		}
		sd_bus_message_exit_container(m);
		sd_bus_message_exit_container(m);
	}
	snprintf(s->adapter, sizeof s->adapter, "%s", best);
	if (!*best) {
		trouble(s,
			"There is no Bluetooth adapter%s%s that can advertise: plug one in, or see `bluetoothctl list`",
			*s->adapter_name ? " named " : "", s->adapter_name);
		return 0;
	}
	s->asking = sd_bus_call_method_async(bus_sd(s->bus), NULL, BLUEZ, best, "org.freedesktop.DBus.Properties",
					     "Set", on_powered, s, "ssv", "org.bluez.Adapter1", "Powered", "b", 1) >= 0;
	return 0;
}

static int advertise(struct gatt_server *s, sd_bus *bus)
{
	s->asked_size = s->data_size;
	return sd_bus_call_method_async(bus, NULL, BLUEZ, s->adapter, "org.bluez.LEAdvertisingManager1",
					"RegisterAdvertisement", on_advertised, s, "oa{sv}", GATT_ADVERTISEMENT, 0);
}

static int withdraw(struct gatt_server *s, sd_bus *bus)
{
	s->advertisement = false;
	return sd_bus_call_method_async(bus, NULL, BLUEZ, s->adapter, "org.bluez.LEAdvertisingManager1",
					"UnregisterAdvertisement", on_withdrawn, s, "o", GATT_ADVERTISEMENT);
}

/* Does the next step. */
static void go_on(struct gatt_server *s)
{
	sd_bus *bus = s->bus ? bus_sd(s->bus) : NULL;
	int r = 0;

	if (!bus || s->asking || s->closing)
		return;
	if (!*s->adapter)
		r = sd_bus_call_method_async(bus, NULL, BLUEZ, "/", "org.freedesktop.DBus.ObjectManager",
					     "GetManagedObjects", on_tree, s, NULL);
	else if (!s->application)
		r = sd_bus_call_method_async(bus, NULL, BLUEZ, s->adapter, "org.bluez.GattManager1",
					     "RegisterApplication", on_registered, s, "oa{sv}", GATT_APPLICATION, 0);
	else if (!s->advertisement)
		r = advertise(s, bus);
	else if (!s->without_data && s->data_size != s->advertised_size)
		r = withdraw(s, bus);
	else
		return;
	s->asking = r >= 0;
}

/* ---- the bus --------------------------------------------------------------------------------- */

static void on_part_closed(struct gatt_server *s)
{
	if (--s->open || !s->closing)
		return;
	s->events->closed(s->arg);
	free(s);
}

static void on_bus_closed(void *arg)
{
	on_part_closed(arg);
}

static void on_timer_closed(uv_handle_t *timer)
{
	on_part_closed(timer->data);
}

static void on_lost(void *arg, int error)
{
	struct gatt_server *s = arg;
	struct bus *bus = s->bus;

	trouble(s, "The D-Bus is lost and tried again: %s", strerror(-error));
	s->bus = NULL;
	forget(s);
	bus_close(bus);
}

static void open_bus(struct gatt_server *s)
{
	static const struct bus_events events = { .lost = on_lost, .closed = on_bus_closed };
	int r = bus_open(s->loop, s->bus_address, &events, s, &s->bus);
	sd_bus *bus;

	if (r < 0) {
		s->bus = NULL;
		trouble(s, "There is no D-Bus to reach BlueZ by; is dbus running? %s", strerror(-r));
		return;
	}
	s->open++;
	bus = bus_sd(s->bus);
	gatt_objects_add(s);
	sd_bus_add_match_async(bus, NULL,
			       "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='org.bluez'",
			       on_owner, NULL, s);
	sd_bus_add_match_async(bus, NULL,
			       "type='signal',sender='org.bluez',member='PropertiesChanged',arg0='org.bluez.Device1'",
			       on_properties, NULL, s);
	sd_bus_add_match_async(bus, NULL, "type='signal',sender='org.bluez',member='InterfacesRemoved'", on_removed,
			       NULL, s);
	go_on(s);
}

static void on_tick(uv_timer_t *timer)
{
	struct gatt_server *s = timer->data;

	if (!s->bus)
		open_bus(s);
	else
		go_on(s);
}

/* ---- for its user ---------------------------------------------------------------------------- */

static bool fits(const char *text, size_t size)
{
	return strlen(text) < size;
}

int gatt_server_open(uv_loop_t *loop, const struct gatt_config *c, const struct gatt_events *events, void *arg,
		     struct gatt_server **ret)
{
	struct gatt_server *s = calloc(1, sizeof *s);

	if (!s)
		return -ENOMEM;
	if (!fits(c->bus, sizeof s->bus_address) || !fits(c->adapter, sizeof s->adapter_name) ||
	    !fits(c->name, sizeof s->name) || !fits(c->service, sizeof s->service) ||
	    c->n_characteristics > GATT_CHARACTERISTICS_MAX) {
		free(s);
		return -EINVAL;
	}
	s->loop = loop;
	s->events = events;
	s->arg = arg;
	snprintf(s->bus_address, sizeof s->bus_address, "%s", c->bus);
	snprintf(s->adapter_name, sizeof s->adapter_name, "%s", c->adapter);
	snprintf(s->name, sizeof s->name, "%s", c->name);
	snprintf(s->service, sizeof s->service, "%s", c->service);
	for (unsigned i = 0; i < c->n_characteristics; i++) {
		struct gatt_point *p = &s->points[s->n_points++];

		p->server = s;
		p->number = i;
		p->flags = c->characteristics[i].flags;
		snprintf(p->uuid, sizeof p->uuid, "%s", c->characteristics[i].uuid);
		snprintf(p->path, sizeof p->path, GATT_SERVICE "/char%u", i);
	}
	uv_timer_init(loop, &s->timer);
	s->timer.data = s;
	s->open = 1;
	uv_timer_start(&s->timer, on_tick, 0, TICK_MS);
	*ret = s;
	return 0;
}

int gatt_server_notify(struct gatt_server *s, unsigned characteristic, const void *data, size_t size)
{
	struct gatt_point *p = characteristic < s->n_points ? &s->points[characteristic] : NULL;

	if (!p || size > GATT_VALUE_MAX)
		return -EMSGSIZE;
	p->size = size;
	if (size)
		memcpy(p->value, data, size);
	if (!s->bus || !p->listening)
		return 0;
	return sd_bus_emit_properties_changed(bus_sd(s->bus), p->path, GATT_CHARACTERISTIC_INTERFACE, "Value", NULL);
}

/* Data of another size is registered anew: whether it has room is answered then. bluetoothd dies (5.66, an assertion)
 * where a changed property makes an advertisement too long. */
int gatt_server_advertise(struct gatt_server *s, const void *data, size_t size)
{
	if (size > sizeof s->data)
		return -EMSGSIZE;
	s->data_size = size;
	if (size)
		memcpy(s->data, data, size);
	if (!s->bus || !s->advertisement || s->without_data)
		return 0;
	if (size != s->advertised_size) {
		go_on(s);
		return 0;
	}
	return sd_bus_emit_properties_changed(bus_sd(s->bus), GATT_ADVERTISEMENT, "org.bluez.LEAdvertisement1",
					      "ServiceData", NULL);
}

static int ignore(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	return 0;
}

void gatt_server_disconnect(struct gatt_server *s)
{
	if (s->bus && *s->client)
		sd_bus_call_method_async(bus_sd(s->bus), NULL, BLUEZ, s->client, "org.bluez.Device1", "Disconnect",
					 ignore, s, NULL);
}

void gatt_server_close(struct gatt_server *s)
{
	if (s->closing)
		return;
	s->closing = true;
	if (s->bus)
		bus_close(s->bus);
	s->bus = NULL;
	uv_close((uv_handle_t *)&s->timer, on_timer_closed);
}
