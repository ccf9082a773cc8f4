/* Turns the records of a node's plugins into one schema to answer requests by. Nothing about any service is written
 * down in api. */
#include "catalog.h"
#include "kernel.schema.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What every node serves, though no plugin's record says so. */
static const char *const own_services[] = { "galvan.kernel.v1.Kernel", "galvan.kernel.v1.Plugin" };

static int by_name(const void *a, const void *b)
{
	return strcmp(**(const char *const *const *)a, **(const char *const *const *)b);
}

static void add_service(struct api_catalog *c, const char *name)
{
	const struct gv_service_type *service = gv_schema_service(c->schema, name);

	if (service && !api_catalog_serves(c, name, strlen(name)))
		c->services[c->n_services++] = service;
}

static void add_event(struct api_catalog *c, const char *name)
{
	const struct gv_type *type = gv_schema_type(c->schema, name);

	for (size_t i = 0; i < c->n_events; i++) {
		if (c->events[i] == type)
			return;
	}
	if (type)
		c->events[c->n_events++] = type;
}

/* Room for all that the records name. */
static int reserve(struct api_catalog *c, const Kernel__DescribeReply *d)
{
	size_t services = sizeof(own_services) / sizeof(*own_services), events = 1;

	for (size_t i = 0; i < d->n_plugins; i++) {
		services += d->plugins[i]->n_serves;
		events += d->plugins[i]->n_emits;
	}
	c->services = calloc(services, sizeof(*c->services));
	c->events = calloc(events, sizeof(*c->events));
	return c->services && c->events ? 0 : -ENOMEM;
}

static int build(struct api_catalog *c, const Kernel__DescribeReply *d, char *ret_left_out, size_t left_out_size)
{
	size_t used = 0;
	int error = reserve(c, d);

	if (!error)
		error = gv_schema_create(&c->schema);
	if (!error)
		error = gv_schema_add(c->schema, kernel_schema, sizeof(kernel_schema));
	if (error)
		return error;
	for (size_t i = 0; i < sizeof(own_services) / sizeof(*own_services); i++)
		add_service(c, own_services[i]);
	for (size_t i = 0; i < d->n_plugins; i++) {
		const Kernel__Record *r = d->plugins[i];

		error = gv_schema_add(c->schema, r->file_descriptor_set.data, r->file_descriptor_set.len);
		if (error == -EBADMSG) {
			if (used < left_out_size)
				used += (size_t)snprintf(ret_left_out + used, left_out_size - used, "%s%s",
							 used ? ", " : "", r->name);
			continue;
		}
		if (error)
			return error;
		for (size_t j = 0; j < r->n_serves; j++)
			add_service(c, r->serves[j]);
		for (size_t j = 0; j < r->n_emits; j++)
			add_event(c, r->emits[j]);
	}
	qsort(c->services, c->n_services, sizeof(*c->services), by_name);
	qsort(c->events, c->n_events, sizeof(*c->events), by_name);
	return 0;
}

int api_catalog_create(const uint8_t *packed, size_t size, struct api_catalog **ret, char *ret_left_out,
		       size_t left_out_size)
{
	Kernel__DescribeReply *d = kernel__describe_reply__unpack(NULL, size, packed);
	struct api_catalog *c = calloc(1, sizeof(*c));
	int error = !d ? -EBADMSG : !c ? -ENOMEM : 0;

	if (left_out_size)
		*ret_left_out = '\0';
	if (!error) {
		c->packed = malloc(size + 1);
		error = c->packed ? build(c, d, ret_left_out, left_out_size) : -ENOMEM;
	}
	if (d)
		kernel__describe_reply__free_unpacked(d, NULL);
	if (error) {
		api_catalog_destroy(c);
		return error;
	}
	memcpy(c->packed, packed, size);
	c->packed_size = size;
	*ret = c;
	return 0;
}

void api_catalog_destroy(struct api_catalog *c)
{
	if (!c)
		return;
	gv_schema_destroy(c->schema);
	free(c->services);
	free(c->events);
	free(c->packed);
	free(c);
}

bool api_catalog_serves(const struct api_catalog *c, const char *service, size_t size)
{
	for (size_t i = 0; i < c->n_services; i++) {
		if (strlen(c->services[i]->name) == size && memcmp(c->services[i]->name, service, size) == 0)
			return true;
	}
	return false;
}

const struct gv_rpc *api_catalog_method(const struct api_catalog *c, const char *path)
{
	return api_catalog_serves(c, path, strcspn(path, "/")) ? gv_schema_method(c->schema, path) : NULL;
}

const struct gv_type *api_catalog_event(const struct api_catalog *c, const char *name)
{
	const struct gv_type *found = NULL;

	for (size_t i = 0; i < c->n_events; i++) {
		const char *full = c->events[i]->name, *dot = strrchr(full, '.');

		if (strcmp(full, name) == 0)
			return c->events[i];
		if (dot && strcmp(dot + 1, name) == 0) {
			if (found)
				return NULL;
			found = c->events[i];
		}
	}
	return found;
}
