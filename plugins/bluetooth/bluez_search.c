/* The adapter, and discovery on it: BlueZ is asked for the services that plugins listen for, by LE alone, and to tell
 * every advertisement (DuplicateData), as what a peripheral says in it changes. */
#include "bluez.h"

#include <stdio.h>
#include <string.h>

/* ---- adapter --------------------------------------------------------------------------------- */

static bool is_wanted(const struct bluez *z, const struct object *o)
{
	const char *name = strrchr(o->path, '/');

	return o->kind == OBJECT_ADAPTER && strlen(o->path) < sizeof z->adapter &&
	       (!*z->b->config->adapter || (name && strcmp(name + 1, z->b->config->adapter) == 0));
}

/* The one that the config names, or the first. */
static bool choose(struct bluez *z)
{
	const struct object *best = NULL;

	for (const struct object *o = z->objects; o; o = o->next)
		if (is_wanted(z, o) && (!best || strcmp(o->path, best->path) < 0))
			best = o;
	if (!best) {
		bluez_complain(z, "There is no Bluetooth adapter%s%s: plug one in, or see `bluetoothctl list`",
			       *z->b->config->adapter ? " named " : "", z->b->config->adapter);
		return false;
	}
	snprintf(z->adapter, sizeof z->adapter, "%s", best->path);
	for (struct object *o = z->objects; o; o = o->next)
		if (o->kind == OBJECT_DEVICE)
			search_heard(z, o);
	return true;
}

static int on_powered(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	struct bluez *z = arg;
	char text[SENTENCE_MAX];

	z->asking = false;
	if (sd_bus_message_is_method_error(m, NULL))
		bluez_complain(z,
			       "The adapter is off and cannot be switched on: try `rfkill unblock bluetooth`, then "
			       "`bluetoothctl "
			       "power on` adapter=%s error=\"%s\"",
			       z->adapter, bus_error_text(sd_bus_message_get_error(m), text, sizeof text));
	return 0;
}

static void power_on(struct bluez *z)
{
	sd_bus_message *m = NULL;

	if (z->asked_power) {
		bluez_complain(z, "The adapter is off: `bluetoothctl power on` adapter=%s", z->adapter);
		return;
	}
	z->asked_power = true;
	if (sd_bus_message_new_method_call(bus_sd(z->bus), &m, BLUEZ, z->adapter, PROPERTIES, "Set") < 0 ||
	    sd_bus_message_append(m, "ssv", ADAPTER, "Powered", "b", 1) < 0)
		sd_bus_message_unref(m);
	else
		z->asking = bluez_send(z, m, CALL_MS, on_powered, z, NULL) >= 0;
}

/* ---- discovery ------------------------------------------------------------------------------- */

static int on_started(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	struct bluez *z = arg;
	const sd_bus_error *e = sd_bus_message_get_error(m);
	char text[SENTENCE_MAX];

	z->asking = false;
	if (!e || sd_bus_error_has_name(e, "org.bluez.Error.InProgress")) {
		z->searching = z->discovers = true;
		*z->told = 0;
		gv_world_log(z->b->world, GV_INFO, "Looking for peripherals adapter=%s services=%zu", z->adapter,
			     z->b->n_services);
		return 0;
	}
	bluez_complain(z, "The adapter does not look for peripherals; tried again adapter=%s error=\"%s\"", z->adapter,
		       bus_error_text(e, text, sizeof text));
	return 0;
}

static int on_filtered(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	struct bluez *z = arg;

	z->asking = false;
	if (sd_bus_message_is_method_error(m, NULL))
		return on_started(m, arg, error);
	z->asking = bluez_call(z, z->adapter, ADAPTER, "StartDiscovery", CALL_MS, on_started, z, NULL) >= 0;
	return 0;
}

static int append_filter(const struct bluez *z, sd_bus_message *m)
{
	int r = sd_bus_message_open_container(m, 'a', "{sv}");

	if (r >= 0)
		r = sd_bus_message_append(m, "{sv}{sv}", "Transport", "s", "le", "DuplicateData", "b", 1);
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'e', "sv");
	if (r >= 0)
		r = sd_bus_message_append(m, "s", "UUIDs");
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'v', "as");
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', "s");
	for (size_t i = 0; i < z->b->n_services && r >= 0; i++)
		r = sd_bus_message_append(m, "s", z->b->services[i].uuid);
	for (int i = 0; i < 4 && r >= 0; i++) /* a, v, e, a */
		r = sd_bus_message_close_container(m);
	return r;
}

static void start(struct bluez *z)
{
	sd_bus_message *m = NULL;

	if (sd_bus_message_new_method_call(bus_sd(z->bus), &m, BLUEZ, z->adapter, ADAPTER, "SetDiscoveryFilter") < 0 ||
	    append_filter(z, m) < 0)
		sd_bus_message_unref(m);
	else
		z->asking = bluez_send(z, m, CALL_MS, on_filtered, z, NULL) >= 0;
}

void search_go_on(struct bluez *z)
{
	const struct object *adapter;

	if (!z->bus || !z->there || z->asking || z->b->draining)
		return;
	if (!*z->adapter && !choose(z))
		return;
	adapter = object_find(z, z->adapter);
	if (!adapter || !adapter->powered)
		power_on(z);
	else if (z->b->n_services && !z->searching)
		start(z);
	else if (!z->b->n_services && z->discovers)
		z->discovers = bluez_call(z, z->adapter, ADAPTER, "StopDiscovery", CALL_MS, NULL, NULL, NULL) < 0;
}

void search_lost(struct bluez *z, const char *why)
{
	z->searching = z->discovers = z->asked_power = false;
	for (struct object *o = z->objects; o; o = o->next)
		o->heard = o->connected = o->resolved = false;
	bluez_complain(z, "No peripheral is in reach any more: %s adapter=%s", why, z->adapter);
	*z->adapter = 0;
	radios_lost(z, why);
	peripherals_all_gone(z->b);
}

void search_changed(struct bluez *z)
{
	const struct object *adapter = *z->adapter ? object_find(z, z->adapter) : NULL;

	if (adapter && !adapter->powered && z->searching) {
		search_lost(z, "the adapter was switched off");
		z->asked_power = true; /* by somebody who meant it */
	}
	if (z->there && !z->refreshing)
		search_go_on(z);
}

/* ---- who is heard ---------------------------------------------------------------------------- */

void search_heard(struct bluez *z, struct object *o)
{
	size_t n = strlen(z->adapter);
	struct peripheral *p;

	if ((!o->heard && !o->connected) || !o->said->n_services || !*o->said->address)
		return;
	if (!n || strncmp(o->path, z->adapter, n) != 0 || o->path[n] != '/')
		return;
	o->heard_ms = uv_now(z->b->loop);
	p = peripheral_get(z->b, o->said->address);
	if (p)
		peripheral_seen(z->b, p, o->said);
}

/* BlueZ keeps a device to which there was a connection, whether it is heard or not. */
void search_age(struct bluez *z)
{
	uint64_t now = uv_now(z->b->loop);

	for (struct object *o = z->objects; o; o = o->next) {
		struct peripheral *p;

		if (o->kind != OBJECT_DEVICE || !o->heard || o->connected || now - o->heard_ms < STALE_MS)
			continue;
		o->heard = false;
		p = peripheral_find(z->b, o->said->address);
		if (p && p->in_reach && !p->conn)
			peripheral_gone(z->b, p);
	}
}
