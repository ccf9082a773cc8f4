/* Properties of BlueZ's objects, as far as they matter here. One that is missing, or of another type than documented,
 * is left as it was. */
#include "bluez.h"

#include <stdio.h>
#include <string.h>

/* Enters a variant of this type; 0 where it is another, which is skipped. */
static int enter(sd_bus_message *m, const char *type)
{
	const char *contents;
	int r = sd_bus_message_peek_type(m, NULL, &contents);

	if (r < 0)
		return r;
	if (strcmp(contents, type) == 0)
		return sd_bus_message_enter_container(m, 'v', type);
	r = sd_bus_message_skip(m, "v");
	return r < 0 ? r : 0;
}

static int read_basic(sd_bus_message *m, char type, void *ret)
{
	const char signature[2] = { type, 0 };
	int r = enter(m, signature);

	if (r > 0)
		r = sd_bus_message_read_basic(m, type, ret);
	return r > 0 ? sd_bus_message_exit_container(m) : r;
}

static int read_bool(sd_bus_message *m, bool *ret)
{
	int value = *ret, r = read_basic(m, 'b', &value);

	*ret = value;
	return r;
}

static int read_text(sd_bus_message *m, char *ret, size_t size)
{
	const char *s = NULL;
	int r = read_basic(m, 's', &s);

	if (r >= 0 && s)
		snprintf(ret, size, "%s", s);
	return r;
}

static struct advertised *service_get(const struct bluez *z, struct peripheral *said, const char *text)
{
	char uuid[UUID_SIZE];
	struct advertised *a;

	if (!uuid_read(text, uuid) || !service_find(z->b, uuid))
		return NULL;
	for (size_t i = 0; i < said->n_services; i++)
		if (strcmp(said->services[i].uuid, uuid) == 0)
			return &said->services[i];
	if (said->n_services == PERIPHERAL_SERVICES_MAX)
		return NULL;
	a = &said->services[said->n_services++];
	*a = (struct advertised){ 0 };
	memcpy(a->uuid, uuid, sizeof a->uuid);
	return a;
}

static int read_uuids(struct bluez *z, sd_bus_message *m, struct object *o)
{
	const char *s;
	int r = enter(m, "as");

	if (r <= 0)
		return r;
	r = sd_bus_message_enter_container(m, 'a', "s");
	while (r >= 0 && (r = sd_bus_message_read_basic(m, 's', &s)) > 0)
		service_get(z, o->said, s);
	if (r >= 0)
		r = sd_bus_message_exit_container(m);
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_one_data(struct bluez *z, sd_bus_message *m, struct object *o)
{
	const char *uuid;
	const void *data;
	size_t size;
	struct advertised *a;
	int r = sd_bus_message_read_basic(m, 's', &uuid);

	if (r >= 0)
		r = enter(m, "ay");
	if (r <= 0)
		return r;
	r = sd_bus_message_read_array(m, 'y', &data, &size);
	if (r < 0)
		return r;
	a = service_get(z, o->said, uuid);
	if (a) {
		a->size = size < SERVICE_DATA_MAX ? size : SERVICE_DATA_MAX;
		if (a->size)
			memcpy(a->data, data, a->size);
	}
	return sd_bus_message_exit_container(m);
}

static int read_data(struct bluez *z, sd_bus_message *m, struct object *o)
{
	int r = enter(m, "a{sv}");

	if (r <= 0)
		return r;
	r = sd_bus_message_enter_container(m, 'a', "{sv}");
	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		r = read_one_data(z, m, o);
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	if (r >= 0)
		r = sd_bus_message_exit_container(m);
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_flags(sd_bus_message *m, struct object *o)
{
	static const struct {
		const char *name;
		unsigned flag;
	} known[] = { { "write", FLAG_WRITE },
		      { "write-without-response", FLAG_COMMAND },
		      { "notify", FLAG_NOTIFY },
		      { "indicate", FLAG_INDICATE } };
	const char *s;
	int r = enter(m, "as");

	if (r <= 0)
		return r;
	o->flags = 0;
	r = sd_bus_message_enter_container(m, 'a', "s");
	while (r >= 0 && (r = sd_bus_message_read_basic(m, 's', &s)) > 0)
		for (size_t i = 0; i < sizeof known / sizeof *known; i++)
			if (strcmp(s, known[i].name) == 0)
				o->flags |= known[i].flag;
	if (r >= 0)
		r = sd_bus_message_exit_container(m);
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_value(struct bluez *z, sd_bus_message *m, const struct object *o)
{
	const void *data;
	size_t size;
	int r = enter(m, "ay");

	if (r > 0)
		r = sd_bus_message_read_array(m, 'y', &data, &size);
	if (r <= 0)
		return r;
	radio_value_changed(z, o->path, data, size);
	return sd_bus_message_exit_container(m);
}

static int read_rssi(sd_bus_message *m, struct object *o)
{
	int16_t rssi = 0;
	int r = read_basic(m, 'n', &rssi);

	o->said->rssi_dbm = rssi;
	o->heard = true;
	return r;
}

static int read_device(struct bluez *z, sd_bus_message *m, struct object *o, const char *name, bool change)
{
	char address[ADDRESS_SIZE] = "";
	int r;

	if (strcmp(name, "Address") == 0) {
		r = read_text(m, address, sizeof address);
		address_read(address, o->said->address);
		return r;
	}
	if (strcmp(name, "Name") == 0)
		return read_text(m, o->said->name, sizeof o->said->name);
	if (strcmp(name, "RSSI") == 0)
		return read_rssi(m, o);
	if (strcmp(name, "Connected") == 0)
		return read_bool(m, &o->connected);
	if (strcmp(name, "ServicesResolved") == 0)
		return read_bool(m, &o->resolved);
	if (strcmp(name, "UUIDs") == 0)
		return read_uuids(z, m, o);
	if (strcmp(name, "ServiceData") == 0) {
		o->heard |= change;
		return read_data(z, m, o);
	}
	return sd_bus_message_skip(m, "v");
}

static int read_characteristic(struct bluez *z, sd_bus_message *m, struct object *o, const char *name, bool change)
{
	if (strcmp(name, "Flags") == 0)
		return read_flags(m, o);
	if (strcmp(name, "Value") == 0 && change)
		return read_value(z, m, o);
	return sd_bus_message_skip(m, "v");
}

static int read_property(struct bluez *z, sd_bus_message *m, struct object *o, bool change)
{
	char uuid[UUID_SIZE + 1] = "";
	const char *name;
	int r = sd_bus_message_read_basic(m, 's', &name);

	if (r < 0)
		return r;
	if (o->kind == OBJECT_DEVICE)
		return read_device(z, m, o, name, change);
	if (o->kind == OBJECT_ADAPTER)
		return strcmp(name, "Powered") == 0 ? read_bool(m, &o->powered) : sd_bus_message_skip(m, "v");
	if (strcmp(name, "UUID") == 0) {
		r = read_text(m, uuid, sizeof uuid);
		uuid_read(uuid, o->uuid);
		return r;
	}
	return o->kind == OBJECT_CHARACTERISTIC ? read_characteristic(z, m, o, name, change)
						: sd_bus_message_skip(m, "v");
}

int properties_read(struct bluez *z, sd_bus_message *m, struct object *o, bool change)
{
	int r = sd_bus_message_enter_container(m, 'a', "{sv}");

	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		r = read_property(z, m, o, change);
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	return r < 0 ? r : sd_bus_message_exit_container(m);
}
