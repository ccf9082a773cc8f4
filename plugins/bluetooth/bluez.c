/* The port to BlueZ: the bus, and bluetoothd's coming and going. Whatever is missing is looked for again, and said once
 * with what to do; nothing here ends the plugin. */
#include "bluez.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MS 10000 /* bluetoothd is not there: when it is asked for again */

static void refresh(struct bluez *z);

void bluez_complain(struct bluez *z, const char *fmt, ...)
{
	char text[SENTENCE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (strcmp(text, z->told) == 0)
		return;
	memcpy(z->told, text, sizeof text);
	gv_world_log(z->b->world, GV_WARN, "%s", text);
}

/* ---- calls ----------------------------------------------------------------------------------- */

int bluez_send(struct bluez *z, sd_bus_message *m, uint64_t timeout_ms, sd_bus_message_handler_t fn, void *arg,
	       sd_bus_slot **ret)
{
	int r = sd_bus_call_async(bus_sd(z->bus), ret, m, fn, arg, timeout_ms * 1000);

	sd_bus_message_unref(m);
	return r;
}

static int ignore(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	return 0;
}

int bluez_call(struct bluez *z, const char *path, const char *interface, const char *method, uint64_t timeout_ms,
	       sd_bus_message_handler_t fn, void *arg, sd_bus_slot **ret)
{
	sd_bus_message *m = NULL;
	int r = z->bus ? sd_bus_message_new_method_call(bus_sd(z->bus), &m, BLUEZ, path, interface, method) : -ENOTCONN;

	return r < 0 ? r : bluez_send(z, m, timeout_ms, fn ? fn : ignore, arg, ret);
}

/* ---- bluetoothd ------------------------------------------------------------------------------ */

static void forget(struct bluez *z, const char *why)
{
	z->there = z->searching = z->discovers = z->asking = z->asked_power = false;
	*z->adapter = 0;
	radios_lost(z, why);
	peripherals_all_gone(z->b);
	objects_fini(z);
}

static void refused(struct bluez *z, const sd_bus_error *e)
{
	char text[SENTENCE_MAX];

	bus_error_text(e, text, sizeof text);
	z->retry_ms = uv_now(z->b->loop) + RETRY_MS;
	if (sd_bus_error_has_name(e, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
	    sd_bus_error_has_name(e, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
		bluez_complain(z, "bluetoothd does not run: install bluez, and `systemctl enable --now bluetooth`");
	else if (sd_bus_error_has_name(e, SD_BUS_ERROR_ACCESS_DENIED))
		bluez_complain(z,
			       "This user may not speak to bluetoothd: allow it in /etc/dbus-1/system.d "
			       "(docs/guide-operations.md, "
			       "Bluetooth) error=\"%s\"",
			       text);
	else
		bluez_complain(z, "bluetoothd does not say what there is; asked again soon error=\"%s\"", text);
}

static int on_tree(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	struct bluez *z = arg;
	int r;

	z->refreshing = false;
	if (sd_bus_message_is_method_error(m, NULL)) {
		refused(z, sd_bus_message_get_error(m));
		return 0;
	}
	r = objects_read(z, m);
	if (r < 0) {
		bluez_complain(z, "bluetoothd's list of objects is not as its documentation has it: %s", strerror(-r));
		return 0;
	}
	z->there = true;
	if (z->again) {
		refresh(z);
		return 0;
	}
	radios_refreshed(z);
	search_go_on(z);
	return 0;
}

static void refresh(struct bluez *z)
{
	z->again = false;
	z->refreshing = bluez_call(z, "/", OBJECT_MANAGER, "GetManagedObjects", CALL_MS, on_tree, z, NULL) >= 0;
}

void bluez_refresh(struct bluez *z)
{
	if (z->refreshing)
		z->again = true;
	else
		refresh(z);
}

static int on_owner(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	struct bluez *z = arg;
	const char *name, *before, *now;

	if (sd_bus_message_read(m, "sss", &name, &before, &now) < 0 || strcmp(name, BLUEZ) != 0)
		return 0;
	if (*before) {
		bluez_complain(z, "bluetoothd has ended; its connections are gone until it is back");
		forget(z, "bluetoothd has ended");
	}
	if (*now)
		bluez_refresh(z);
	return 0;
}

static int on_objects(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	if (sd_bus_message_is_signal(m, OBJECT_MANAGER, "InterfacesAdded"))
		objects_added(arg, m);
	else if (sd_bus_message_is_signal(m, OBJECT_MANAGER, "InterfacesRemoved"))
		objects_removed(arg, m);
	return 0;
}

static int on_properties(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	objects_changed(arg, m);
	return 0;
}

/* ---- the bus --------------------------------------------------------------------------------- */

static const char *bus_name(const struct bluetooth *b)
{
	return *b->config->bus ? b->config->bus : "the system's";
}

static void on_lost(void *arg, int error)
{
	struct bluetooth *b = arg;
	struct bluez *z = b->port_self;
	struct bus *bus = z->bus;

	bluez_complain(
		z,
		"The D-Bus is lost and tried again; is dbus running, and may this user use it? bus=\"%s\" error=\"%s\"",
		bus_name(b), strerror(-error));
	z->bus = NULL;
	z->refreshing = z->again = false;
	z->retry_ms = uv_now(b->loop) + TICK_MS;
	forget(z, "the D-Bus is lost");
	bus_close(bus);
}

static void on_closed(void *arg)
{
	struct bluetooth *b = arg;

	b->handles--;
	drain_check(b);
}

static void open_bus(struct bluez *z)
{
	static const struct bus_events events = { .lost = on_lost, .closed = on_closed };
	static const char from[] = "type='signal',sender='org.bluez',interface=";
	char match[160];
	sd_bus *sd;
	int r = bus_open(z->b->loop, z->b->config->bus, &events, z->b, &z->bus);

	z->retry_ms = uv_now(z->b->loop) + TICK_MS;
	if (r < 0) {
		z->bus = NULL;
		bluez_complain(z, "There is no D-Bus to reach BlueZ by; is dbus running? bus=\"%s\" error=\"%s\"",
			       bus_name(z->b), strerror(-r));
		return;
	}
	z->b->handles++;
	sd = bus_sd(z->bus);
	sd_bus_add_match_async(sd, NULL,
			       "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='org.bluez'",
			       on_owner, NULL, z);
	snprintf(match, sizeof match, "%s'" OBJECT_MANAGER "'", from);
	sd_bus_add_match_async(sd, NULL, match, on_objects, NULL, z);
	snprintf(match, sizeof match, "%s'" PROPERTIES "',member='PropertiesChanged'", from);
	sd_bus_add_match_async(sd, NULL, match, on_properties, NULL, z);
	refresh(z);
}

static void on_tick(uv_timer_t *tick)
{
	struct bluetooth *b = tick->data;
	struct bluez *z = b->port_self;

	if (!z->bus && uv_now(b->loop) >= z->retry_ms)
		open_bus(z);
	else if (z->bus && !z->there && !z->refreshing && uv_now(b->loop) >= z->retry_ms)
		refresh(z);
	search_go_on(z);
	search_age(z);
}

/* ---- the port -------------------------------------------------------------------------------- */

static int bluez_open(struct bluetooth *b)
{
	struct bluez *z = calloc(1, sizeof *z);

	if (!z)
		return -ENOMEM;
	z->b = b;
	b->port_self = z;
	z->tick = handle_new(b, sizeof *z->tick);
	if (!z->tick)
		return -ENOMEM;
	uv_timer_init(b->loop, z->tick);
	z->tick->data = b;
	uv_timer_start(z->tick, on_tick, TICK_MS, TICK_MS);
	open_bus(z);
	return 0;
}

static void bluez_listen(struct bluetooth *b)
{
	struct bluez *z = b->port_self;

	z->searching = false; /* the filter is another */
	if (z->bus)
		bluez_refresh(z);
}

static void bluez_drain(struct bluetooth *b)
{
	struct bluez *z = b->port_self;

	if (!z)
		return;
	b->port_self = NULL;
	handle_close(b, z->tick);
	if (z->bus)
		bus_close(z->bus);
	objects_fini(z);
	free(z);
}

const struct port bluez_port = {
	.open = bluez_open,
	.listen = bluez_listen,
	.connect = radio_connect,
	.write = radio_write,
	.pause = radio_pause,
	.close = radio_close,
	.drain = bluez_drain,
};
