/* BlueZ's tree as far as it matters here: adapters, devices, services, characteristics. */
#include "bluez.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct object *object_find(const struct bluez *z, const char *path)
{
	struct object *o = z->objects;

	while (o && strcmp(o->path, path) != 0)
		o = o->next;
	return o;
}

static bool is_below(const char *path, const char *parent)
{
	size_t n = strlen(parent);

	return strncmp(path, parent, n) == 0 && path[n] == '/';
}

struct object *object_below(const struct bluez *z, enum object_kind kind, const char *path, const char *uuid)
{
	for (struct object *o = z->objects; o; o = o->next)
		if (o->kind == kind && is_below(o->path, path) && strcmp(o->uuid, uuid) == 0)
			return o;
	return NULL;
}

struct object *object_device(const struct bluez *z, const char *address)
{
	for (struct object *o = z->objects; o; o = o->next)
		if (o->kind == OBJECT_DEVICE && is_below(o->path, z->adapter) && strcmp(o->said->address, address) == 0)
			return o;
	return NULL;
}

static void free_object(struct object *o)
{
	free(o->said);
	free(o);
}

static struct object *make(struct bluez *z, enum object_kind kind, const char *path)
{
	struct object *o = z->n_objects < OBJECTS_MAX ? calloc(1, sizeof *o + strlen(path) + 1) : NULL;

	if (o && kind == OBJECT_DEVICE && !(o->said = calloc(1, sizeof *o->said))) {
		free(o);
		return NULL;
	}
	if (!o)
		return NULL;
	o->kind = kind;
	memcpy(o->path, path, strlen(path) + 1);
	o->next = z->objects;
	z->objects = o;
	z->n_objects++;
	return o;
}

/* Its neighbours are told after it is out of the tree. */
static void remove_object(struct bluez *z, struct object *o)
{
	struct object **at = &z->objects;
	struct peripheral *p;

	while (*at != o)
		at = &(*at)->next;
	*at = o->next;
	z->n_objects--;
	if (o->kind == OBJECT_DEVICE) {
		p = peripheral_find(z->b, o->said->address);
		if (p && p->in_reach && is_below(o->path, z->adapter))
			peripheral_gone(z->b, p);
		radio_device_changed(z, o->path, NULL);
	} else if (o->kind == OBJECT_ADAPTER && strcmp(o->path, z->adapter) == 0) {
		search_lost(z, "the adapter was removed");
	}
	free_object(o);
}

void objects_fini(struct bluez *z)
{
	for (struct object *o = z->objects, *next; o; o = next) {
		next = o->next;
		free_object(o);
	}
	z->objects = NULL;
	z->n_objects = 0;
}

static int kind_of(const char *interface)
{
	static const char *const interfaces[] = { [OBJECT_ADAPTER] = ADAPTER,
						  [OBJECT_DEVICE] = DEVICE,
						  [OBJECT_SERVICE] = SERVICE,
						  [OBJECT_CHARACTERISTIC] = CHARACTERISTIC };

	for (int i = 0; i < 4; i++)
		if (strcmp(interface, interfaces[i]) == 0)
			return i;
	return -1;
}

/* ---- what BlueZ says ------------------------------------------------------------------------- */

static void told(struct bluez *z, struct object *o)
{
	if (o->kind == OBJECT_DEVICE) {
		search_heard(z, o);
		radio_device_changed(z, o->path, o);
	} else if (o->kind == OBJECT_ADAPTER) {
		search_changed(z);
	}
}

/* {s a{sv}} of an object's interfaces */
static int read_interface(struct bluez *z, sd_bus_message *m, const char *path)
{
	struct object *o = object_find(z, path);
	const char *interface;
	int kind, r = sd_bus_message_read_basic(m, 's', &interface);

	if (r < 0)
		return r;
	kind = kind_of(interface);
	if (kind >= 0 && !o)
		o = make(z, (enum object_kind)kind, path);
	if (kind < 0 || !o || o->kind != (enum object_kind)kind)
		return sd_bus_message_skip(m, "a{sv}");
	o->marked = true;
	r = properties_read(z, m, o, false);
	if (r >= 0)
		told(z, o);
	return r;
}

static int read_interfaces(struct bluez *z, sd_bus_message *m, const char *path)
{
	int r = sd_bus_message_enter_container(m, 'a', "{sa{sv}}");

	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sa{sv}")) > 0) {
		r = read_interface(z, m, path);
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	return r < 0 ? r : sd_bus_message_exit_container(m);
}

int objects_read(struct bluez *z, sd_bus_message *m)
{
	const char *path;
	int r = sd_bus_message_enter_container(m, 'a', "{oa{sa{sv}}}");

	for (struct object *o = z->objects; o; o = o->next)
		o->marked = false;
	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "oa{sa{sv}}")) > 0) {
		r = sd_bus_message_read_basic(m, 'o', &path);
		if (r >= 0)
			r = read_interfaces(z, m, path);
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	for (struct object *o = z->objects, *next; r >= 0 && o; o = next) {
		next = o->next;
		if (!o->marked)
			remove_object(z, o);
	}
	return r;
}

int objects_added(struct bluez *z, sd_bus_message *m)
{
	const char *path;
	int r = sd_bus_message_read_basic(m, 'o', &path);

	return r < 0 ? r : read_interfaces(z, m, path);
}

int objects_removed(struct bluez *z, sd_bus_message *m)
{
	const char *path, *interface;
	struct object *o;
	int r = sd_bus_message_read_basic(m, 'o', &path);

	if (r >= 0)
		r = sd_bus_message_enter_container(m, 'a', "s");
	while (r >= 0 && (r = sd_bus_message_read_basic(m, 's', &interface)) > 0) {
		o = object_find(z, path);
		if (o && (int)o->kind == kind_of(interface))
			remove_object(z, o);
	}
	return r;
}

int objects_changed(struct bluez *z, sd_bus_message *m)
{
	struct object *o = object_find(z, sd_bus_message_get_path(m));
	const char *interface;
	int r = sd_bus_message_read_basic(m, 's', &interface);

	if (r < 0 || !o || (int)o->kind != kind_of(interface))
		return r;
	r = properties_read(z, m, o, true);
	if (r >= 0)
		told(z, o);
	return r;
}
