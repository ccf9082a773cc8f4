/* Connections by the host's id and by device. Both tables grow with the number of connections and are chained through
 * them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "link.h"

#define SLOTS_FIRST 1024

int table_init(struct link *l)
{
	l->by_id = calloc(SLOTS_FIRST, sizeof(*l->by_id));
	l->by_device = calloc(SLOTS_FIRST, sizeof(*l->by_device));
	l->slots = SLOTS_FIRST;
	return l->by_id && l->by_device ? 0 : -ENOMEM;
}

void table_fini(struct link *l)
{
	free(l->by_id);
	free(l->by_device);
	l->by_id = l->by_device = NULL;
}

static size_t id_slot(const struct link *l, uint64_t id)
{
	return (size_t)((id * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (l->slots - 1);
}

static size_t device_slot(const struct link *l, const char *device)
{
	uint32_t h = 2166136261u;

	for (; *device; device++) {
		unsigned char c = (unsigned char)*device;

		h = (h ^ (c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c)) * 16777619u;
	}
	return h & (l->slots - 1);
}

static void id_add(struct link *l, struct conn *c)
{
	struct conn **slot = &l->by_id[id_slot(l, c->id)];

	c->id_next = *slot;
	*slot = c;
}

static void device_add(struct link *l, struct conn *c)
{
	struct conn **slot = &l->by_device[device_slot(l, c->device)];

	c->device_next = *slot;
	c->device_previous = NULL;
	if (*slot)
		(*slot)->device_previous = c;
	*slot = c;
}

static void grow(struct link *l)
{
	struct conn **by_id = calloc(l->slots * 2, sizeof(*by_id)),
		    **by_device = calloc(l->slots * 2, sizeof(*by_device));

	if (!by_id || !by_device) {
		free(by_id);
		free(by_device);
		return; /* longer chains are slower, not wrong */
	}
	free(l->by_id);
	free(l->by_device);
	l->by_id = by_id;
	l->by_device = by_device;
	l->slots *= 2;
	for (struct conn *c = l->conns; c; c = c->next) {
		if (c->id)
			id_add(l, c);
		if (c->device)
			device_add(l, c);
	}
}

void table_add(struct link *l, struct conn *c)
{
	c->next = l->conns;
	if (l->conns)
		l->conns->previous = c;
	l->conns = c;
	l->n_conns++;
	if (l->n_conns > l->slots)
		grow(l);
}

void table_remove(struct link *l, struct conn *c)
{
	table_set_id(l, c, 0);
	table_set_device(l, c, NULL);
	if (c->previous)
		c->previous->next = c->next;
	else
		l->conns = c->next;
	if (c->next)
		c->next->previous = c->previous;
	l->n_conns--;
}

void table_set_id(struct link *l, struct conn *c, uint64_t id)
{
	if (c->id) {
		struct conn **at = &l->by_id[id_slot(l, c->id)];

		while (*at != c)
			at = &(*at)->id_next;
		*at = c->id_next;
	}
	c->id = id;
	if (id)
		id_add(l, c);
}

void table_set_device(struct link *l, struct conn *c, char *device)
{
	if (c->device) {
		if (c->device_previous)
			c->device_previous->device_next = c->device_next;
		else
			l->by_device[device_slot(l, c->device)] = c->device_next;
		if (c->device_next)
			c->device_next->device_previous = c->device_previous;
		free(c->device);
	}
	c->device = device;
	if (device)
		device_add(l, c);
}

struct conn *table_by_id(struct link *l, uint64_t id)
{
	struct conn *c = l->by_id[id_slot(l, id)];

	while (c && c->id != id)
		c = c->id_next;
	return c;
}

struct conn *table_by_device(struct link *l, const char *device, struct conn *after)
{
	struct conn *c = after ? after->device_next : l->by_device[device_slot(l, device)];

	while (c && strcasecmp(c->device, device) != 0)
		c = c->device_next;
	return c;
}
