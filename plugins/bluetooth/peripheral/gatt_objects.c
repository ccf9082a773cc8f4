/* The objects that bluetoothd finds with us: an application with one service and its characteristics, and an
 * advertisement. */
#include "gatt_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int refuse(sd_bus_error *e, const char *name, const char *text)
{
	char full[64];

	snprintf(full, sizeof full, "org.bluez.Error.%s", name);
	return sd_bus_error_set(e, full, text);
}

/* ---- service and characteristics ------------------------------------------------------------- */

static int get_service_uuid(sd_bus *bus, const char *path, const char *interface, const char *property,
			    sd_bus_message *reply, void *arg, sd_bus_error *error)
{
	struct gatt_server *s = arg;

	return sd_bus_message_append(reply, "s", s->service);
}

static int get_primary(sd_bus *bus, const char *path, const char *interface, const char *property,
		       sd_bus_message *reply, void *arg, sd_bus_error *error)
{
	return sd_bus_message_append(reply, "b", 1);
}

static int get_uuid(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
		    void *arg, sd_bus_error *error)
{
	struct gatt_point *p = arg;

	return sd_bus_message_append(reply, "s", p->uuid);
}

static int get_service(sd_bus *bus, const char *path, const char *interface, const char *property,
		       sd_bus_message *reply, void *arg, sd_bus_error *error)
{
	return sd_bus_message_append(reply, "o", GATT_SERVICE);
}

static int get_flags(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
		     void *arg, sd_bus_error *error)
{
	static const char *const names[] = { "read", "write", "write-without-response", "notify" };
	struct gatt_point *p = arg;
	int r = sd_bus_message_open_container(reply, 'a', "s");

	for (int i = 0; i < 4 && r >= 0; i++)
		if (p->flags & 1u << i)
			r = sd_bus_message_append(reply, "s", names[i]);
	return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int get_value(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
		     void *arg, sd_bus_error *error)
{
	struct gatt_point *p = arg;

	return sd_bus_message_append_array(reply, 'y', p->value, p->size);
}

static int get_notifying(sd_bus *bus, const char *path, const char *interface, const char *property,
			 sd_bus_message *reply, void *arg, sd_bus_error *error)
{
	struct gatt_point *p = arg;

	return sd_bus_message_append(reply, "b", p->listening);
}

struct options { /* of ReadValue and WriteValue */
	const char *device;
	uint16_t offset, mtu;
};

static int read_options(sd_bus_message *m, struct options *ret)
{
	const char *key;
	int r = sd_bus_message_enter_container(m, 'a', "{sv}");

	*ret = (struct options){ .device = "" };
	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		r = sd_bus_message_read(m, "s", &key);
		if (r >= 0 && strcmp(key, "device") == 0)
			r = sd_bus_message_read(m, "v", "o", &ret->device);
		else if (r >= 0 && strcmp(key, "offset") == 0)
			r = sd_bus_message_read(m, "v", "q", &ret->offset);
		else if (r >= 0 && strcmp(key, "mtu") == 0)
			r = sd_bus_message_read(m, "v", "q", &ret->mtu);
		else if (r >= 0)
			r = sd_bus_message_skip(m, "v");
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	return r;
}

static int on_write(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	struct gatt_point *p = arg;
	struct gatt_server *s = p->server;
	struct options o;
	const void *data;
	size_t size;

	if (sd_bus_message_read_array(m, 'y', &data, &size) < 0 || read_options(m, &o) < 0)
		return -EINVAL;
	if (!(p->flags & (GATT_WRITE | GATT_COMMAND)))
		return refuse(error, "NotPermitted", "it is not to be written");
	if (o.offset || size > GATT_VALUE_MAX)
		return refuse(error, "InvalidValueLength", "a value is written whole, and has up to 512 bytes");
	if (!gatt_client_is(s, o.device))
		return refuse(error, "NotPermitted", "somebody else is connected");
	s->events->written(s->arg, s->client_name, o.mtu, p->number, data, size);
	return sd_bus_reply_method_return(m, NULL);
}

static int on_read(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	struct gatt_point *p = arg;
	uint8_t value[GATT_VALUE_MAX];
	struct options o;
	sd_bus_message *reply = NULL;
	size_t size;
	int r = read_options(m, &o);

	if (r < 0 || !(p->flags & GATT_READ))
		return refuse(error, "NotPermitted", "it is not to be read");
	size = p->server->events->read(p->server->arg, p->number, value);
	if (o.offset > size)
		return refuse(error, "InvalidOffset", "it is shorter");
	r = sd_bus_message_new_method_return(m, &reply);
	if (r >= 0)
		r = sd_bus_message_append_array(reply, 'y', value + o.offset, size - o.offset);
	if (r >= 0)
		r = sd_bus_send(NULL, reply, NULL);
	sd_bus_message_unref(reply);
	return r < 0 ? r : 1;
}

static int on_listen(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	struct gatt_point *p = arg;
	bool on = strcmp(sd_bus_message_get_member(m), "StartNotify") == 0;

	if (!(p->flags & GATT_NOTIFY))
		return refuse(error, "NotSupported", "it does not notify");
	if (on != p->listening) {
		p->listening = on;
		p->server->events->listening(p->server->arg, p->number, on);
	}
	return sd_bus_reply_method_return(m, NULL);
}

static const sd_bus_vtable service[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("UUID", "s", get_service_uuid, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("Primary", "b", get_primary, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_VTABLE_END,
};
static const sd_bus_vtable characteristic[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("UUID", "s", get_uuid, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("Service", "o", get_service, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("Flags", "as", get_flags, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("Value", "ay", get_value, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("Notifying", "b", get_notifying, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_METHOD("ReadValue", "a{sv}", "ay", on_read, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("WriteValue", "aya{sv}", NULL, on_write, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("StartNotify", NULL, NULL, on_listen, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("StopNotify", NULL, NULL, on_listen, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

/* ---- advertisement --------------------------------------------------------------------------- */

static int get_text(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
		    void *arg, sd_bus_error *error)
{
	struct gatt_server *s = arg;

	return sd_bus_message_append(reply, "s", strcmp(property, "Type") == 0 ? "peripheral" : s->name);
}

static int get_uuids(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
		     void *arg, sd_bus_error *error)
{
	struct gatt_server *s = arg;

	return sd_bus_message_append(reply, "as", 1, s->service);
}

static int get_data(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
		    void *arg, sd_bus_error *error)
{
	struct gatt_server *s = arg;
	int r = sd_bus_message_open_container(reply, 'a', "{sv}");

	if (r < 0 || s->without_data || !s->data_size)
		return r < 0 ? r : sd_bus_message_close_container(reply);
	r = sd_bus_message_open_container(reply, 'e', "sv");
	if (r >= 0)
		r = sd_bus_message_append(reply, "s", s->service);
	if (r >= 0)
		r = sd_bus_message_open_container(reply, 'v', "ay");
	if (r >= 0)
		r = sd_bus_message_append_array(reply, 'y', s->data, s->data_size);
	for (int i = 0; i < 3 && r >= 0; i++) /* v, e, a */
		r = sd_bus_message_close_container(reply);
	return r;
}

/* bluetoothd took the advertisement away: the tick registers it again. */
static int on_release(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	struct gatt_server *s = arg;

	s->advertisement = false;
	return sd_bus_reply_method_return(m, NULL);
}

static const sd_bus_vtable advertisement[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("Type", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
	SD_BUS_PROPERTY("LocalName", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("ServiceUUIDs", "as", get_uuids, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_PROPERTY("ServiceData", "a{sv}", get_data, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
	SD_BUS_METHOD("Release", NULL, NULL, on_release, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

int gatt_objects_add(struct gatt_server *s)
{
	sd_bus *bus = bus_sd(s->bus);
	int r = sd_bus_add_object_manager(bus, NULL, GATT_APPLICATION);

	if (r >= 0)
		r = sd_bus_add_object_vtable(bus, NULL, GATT_SERVICE, "org.bluez.GattService1", service, s);
	for (unsigned i = 0; i < s->n_points && r >= 0; i++)
		r = sd_bus_add_object_vtable(bus, NULL, s->points[i].path, GATT_CHARACTERISTIC_INTERFACE,
					     characteristic, &s->points[i]);
	if (r >= 0)
		r = sd_bus_add_object_vtable(bus, NULL, GATT_ADVERTISEMENT, "org.bluez.LEAdvertisement1", advertisement,
					     s);
	return r;
}
