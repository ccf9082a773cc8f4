/* See memory.h. */
#include "memory.h"

#include <stdlib.h>

static void *hand_out(void *arg, size_t size)
{
	struct memory *m = arg;
	void **pieces = realloc(m->pieces, (m->n + 1) * sizeof *pieces);

	if (!pieces)
		abort();
	m->pieces = pieces;
	return pieces[m->n++] = malloc(size);
}

static void free_nothing(void *arg, void *piece)
{
}

void memory_init(struct memory *m)
{
	*m = (struct memory){ .allocator = { hand_out, free_nothing, m } };
}

void memory_fini(struct memory *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->pieces[i]);
	free(m->pieces);
	memory_init(m);
}
