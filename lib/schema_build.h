/* How a schema is kept; used by schema.c and schema_build.c only. */
#ifndef GV_SCHEMA_BUILD_H
#define GV_SCHEMA_BUILD_H

#include <google/protobuf/descriptor.pb-c.h>
#include <lib/schema.h>

/* Things by name: in the order added and, beside it, sorted. The name is the first member of each. */
struct gv_schema_list {
	void **items, **sorted;
	size_t count, capacity;
};

struct gv_schema_chunk;

struct gv_schema {
	struct gv_schema_chunk *chunks;
	struct gv_schema_list types, enums, services;
};

/* Memory of the schema, zeroed; NULL when there is none. */
void *gv_schema_alloc(struct gv_schema *s, size_t size);
void *gv_schema_find(const struct gv_schema_list *l, const char *name);
int gv_schema_list_add(struct gv_schema_list *l, void *item);

/* Adds all that is in the set. On failure the lists hold some of it; the caller cuts them back. */
int gv_schema_build(struct gv_schema *s, const Google__Protobuf__FileDescriptorSet *set);

#endif
