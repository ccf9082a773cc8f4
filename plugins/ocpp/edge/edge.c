/* The versions that are spoken. */
#include "edge.h"

#include <cjson/cJSON.h>
#include <string.h>

const struct edge *const edges[] = { &edge_v201, &edge_v16, &edge_v15, NULL };

const struct edge *edge_find(const char *subprotocol)
{
	for (const struct edge *const *e = edges; *e; e++)
		if (!strcmp((*e)->spec->subprotocol, subprotocol))
			return *e;
	return NULL;
}

const struct edge *edge_of_message(const struct edge *not_this, const char *action, const cJSON *payload)
{
	for (const struct edge *const *e = edges; *e; e++) {
		const struct spec_action *spec = spec_find((*e)->spec, action);
		struct check check = { .version = (*e)->spec, .strict = true };

		if (*e != not_this && spec && spec->directions & SPEC_UP &&
		    !validate(spec->request, (cJSON *)payload, &check))
			return *e;
	}
	return NULL;
}
