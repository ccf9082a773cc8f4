/* What the node can do: the types, services and events of every plugin, from the kernel's Describe. Built whole, then
 * only read. */
#ifndef API_CATALOG_H
#define API_CATALOG_H

#include <galvan/kernel.pb-c.h>
#include <lib/schema.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct api_catalog {
	struct gv_schema *schema;
	const struct gv_service_type *
		*services; /* those that some plugin serves, and the kernel's own; sorted by name */
	size_t n_services;
	const struct gv_type **events; /* those that some plugin emits; sorted by name */
	size_t n_events;
	uint8_t *packed; /* the DescribeReply that it was built of */
	size_t packed_size;
};

/* Builds from a packed DescribeReply. -EBADMSG if it is none. A plugin whose types cannot be read is left out and named
 * in ret_left_out ("" if there is none). */
int api_catalog_create(const uint8_t *packed, size_t size, struct api_catalog **ret, char *ret_left_out,
		       size_t left_out_size);
/* NULL is fine. */
void api_catalog_destroy(struct api_catalog *c);

/* The method of a served service by "package.Service/Method"; NULL where there is none. */
const struct gv_rpc *api_catalog_method(const struct api_catalog *c, const char *path);
bool api_catalog_serves(const struct api_catalog *c, const char *service, size_t size);
/* The event by its full name or by the last part of it ("SessionEnded"), where only one has that; else NULL. */
const struct gv_type *api_catalog_event(const struct api_catalog *c, const char *name);

#endif
