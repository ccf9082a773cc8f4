/* A queue of attribute values. Its users bound it. */
#include "values.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int values_add(struct values *v, const void *data, size_t size, uint64_t due_ms)
{
	struct value *made = malloc(sizeof *made + size);

	if (!made)
		return -ENOMEM;
	*made = (struct value){ .due_ms = due_ms, .size = size };
	if (size)
		memcpy(made->data, data, size);
	*(v->first ? &v->last->next : &v->first) = made;
	v->last = made;
	v->count++;
	return 0;
}

void values_drop(struct values *v)
{
	struct value *first = v->first;

	v->first = first->next;
	v->count--;
	free(first);
}

void values_fini(struct values *v)
{
	while (v->first)
		values_drop(v);
}
