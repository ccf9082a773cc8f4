/* A schema's memory, its names and the look-ups. What fills it is schema_build.c. */
#include <lib/schema.h>

#include <errno.h>
#include <lib/schema_build.h>
#include <lib/wire.h>
#include <stdlib.h>
#include <string.h>

#define SET_SIZE_MAX (16u << 20)

typedef Google__Protobuf__FileDescriptorSet Set;

struct gv_schema_chunk {
	struct gv_schema_chunk *next;
	_Alignas(max_align_t) char bytes[];
};

void *gv_schema_alloc(struct gv_schema *s, size_t size)
{
	struct gv_schema_chunk *c = calloc(1, sizeof *c + size);
	if (!c)
		return NULL;
	c->next = s->chunks;
	s->chunks = c;
	return c->bytes;
}

static const char *name_of(const void *item)
{
	return *(const char *const *)item;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(name_of(*(void *const *)a), name_of(*(void *const *)b));
}

void *gv_schema_find(const struct gv_schema_list *l, const char *name)
{
	const char *const key_item = name;
	const void *key = &key_item;
	void **found = l->count ? bsearch(&key, l->sorted, l->count, sizeof *l->sorted, by_name) : NULL;
	return found ? *found : NULL;
}

int gv_schema_list_add(struct gv_schema_list *l, void *item)
{
	if (l->count == l->capacity) {
		size_t capacity = l->capacity ? 2 * l->capacity : 64;
		void **items = realloc(l->items, capacity * sizeof *items);
		if (!items)
			return -ENOMEM;
		l->items = items;
		void **sorted = realloc(l->sorted, capacity * sizeof *sorted);
		if (!sorted)
			return -ENOMEM;
		l->sorted = sorted;
		l->capacity = capacity;
	}
	l->items[l->count] = item;
	size_t at = l->count++;
	for (; at > 0 && strcmp(name_of(l->sorted[at - 1]), name_of(item)) > 0; at--)
		l->sorted[at] = l->sorted[at - 1];
	l->sorted[at] = item;
	return 0;
}

/* Forgets what came after the first `count`; the memory stays with the schema. */
static void list_cut(struct gv_schema_list *l, size_t count)
{
	if (l->count == count)
		return;
	l->count = count;
	memcpy(l->sorted, l->items, count * sizeof *l->items);
	qsort(l->sorted, count, sizeof *l->sorted, by_name);
}

/* ---- the interface --------------------------------------------------------------------------- */

int gv_schema_create(struct gv_schema **ret)
{
	struct gv_schema *s = calloc(1, sizeof *s);
	if (!s)
		return -ENOMEM;
	*ret = s;
	return 0;
}

void gv_schema_destroy(struct gv_schema *s)
{
	if (!s)
		return;
	for (struct gv_schema_chunk *c = s->chunks, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	struct gv_schema_list *lists[] = { &s->types, &s->enums, &s->services };
	for (size_t i = 0; i < 3; i++) {
		free(lists[i]->items);
		free(lists[i]->sorted);
	}
	free(s);
}

int gv_schema_add(struct gv_schema *s, const uint8_t *set, size_t size)
{
	if (size > SET_SIZE_MAX)
		return -EBADMSG;
	Set *unpacked = google__protobuf__file_descriptor_set__unpack(NULL, size, set);
	if (!unpacked)
		return -EBADMSG;
	size_t types = s->types.count, enums = s->enums.count, services = s->services.count;
	int r = gv_schema_build(s, unpacked);
	google__protobuf__file_descriptor_set__free_unpacked(unpacked, NULL);
	if (r < 0) {
		list_cut(&s->types, types);
		list_cut(&s->enums, enums);
		list_cut(&s->services, services);
	}
	return r;
}

const struct gv_type *gv_schema_type(const struct gv_schema *s, const char *name)
{
	return gv_schema_find(&s->types, name);
}

const struct gv_service_type *gv_schema_service(const struct gv_schema *s, const char *name)
{
	return gv_schema_find(&s->services, name);
}

const struct gv_rpc *gv_schema_method(const struct gv_schema *s, const char *path)
{
	char service[256];
	const char *slash = strchr(path, '/');
	if (!slash || (size_t)(slash - path) >= sizeof service)
		return NULL;
	memcpy(service, path, (size_t)(slash - path));
	service[slash - path] = '\0';
	const struct gv_service_type *t = gv_schema_service(s, service);
	for (size_t i = 0; t && i < t->n_methods; i++)
		if (!strcmp(t->methods[i].name, slash + 1))
			return &t->methods[i];
	return NULL;
}

const struct gv_service_type *gv_schema_service_at(const struct gv_schema *s, size_t i)
{
	return i < s->services.count ? s->services.items[i] : NULL;
}

const struct gv_type *gv_schema_type_at(const struct gv_schema *s, size_t i)
{
	return i < s->types.count ? s->types.items[i] : NULL;
}

const struct gv_field *gv_type_field(const struct gv_type *t, const char *name)
{
	for (size_t i = 0; i < t->n_fields; i++)
		if (!strcmp(t->fields[i].name, name) || !strcmp(t->fields[i].json_name, name))
			return &t->fields[i];
	return NULL;
}

const struct gv_field *gv_type_field_numbered(const struct gv_type *t, uint32_t number)
{
	for (size_t i = 0; i < t->n_fields; i++)
		if (t->fields[i].number == number)
			return &t->fields[i];
	return NULL;
}

int gv_type_key(const struct gv_type *t, const uint8_t *packed, size_t size, char *ret, size_t ret_size)
{
	const struct gv_field *best = NULL;
	struct gv_wire w = gv_wire_over(packed, size);
	struct gv_wire_value v, value = { 0 };
	int r;
	while ((r = gv_wire_next(&w, &v)) > 0) {
		const struct gv_field *f = gv_type_field_numbered(t, v.number);
		if (!f || !f->key || f->repeated || f->kind != GV_KIND_STRING || v.wire != GV_WIRE_BYTES || v.size == 0)
			continue;
		if (best && best < f) /* an earlier field of the .proto has a value already */
			continue;
		best = f;
		value = v;
	}
	if (r < 0)
		return r;
	if (value.size >= ret_size)
		return -ENOSPC;
	if (value.size > 0) {
		if (memchr(value.data, '\0', value.size))
			return -EBADMSG;
		memcpy(ret, value.data, value.size);
	}
	ret[value.size] = '\0';
	return 0;
}
