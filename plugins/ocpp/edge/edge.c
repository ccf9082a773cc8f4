/* The versions that are spoken. */
#include "edge.h"

#include <string.h>

const struct edge *const edges[] = { &edge_v16, NULL };

const struct edge *edge_find(const char *subprotocol)
{
	for (const struct edge *const *e = edges; *e; e++)
		if (!strcmp((*e)->spec->subprotocol, subprotocol))
			return *e;
	return NULL;
}
