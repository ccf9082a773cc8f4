/* What is asked of all versions at once. */
#include "edge.h"

#include <cjson/cJSON.h>
#include <string.h>

const struct edge *edge_find(const char *subprotocol)
{
	for (const struct edge *const *e = edges; *e; e++)
		if (!strcmp((*e)->spec->subprotocol, subprotocol))
			return *e;
	return NULL;
}

const struct spec_action *edge_action(const struct edge *rather, const char *action)
{
	const struct spec_action *found = spec_find(rather->spec, action);

	for (const struct edge *const *e = edges; *e && !found; e++)
		found = spec_find((*e)->spec, action);
	return found;
}

bool edge_is_personal(const char *text)
{
	for (const struct edge *const *e = edges; *e; e++)
		for (size_t i = 0; i < (*e)->spec->count; i++)
			if ((*e)->spec->actions[i].traits & SPEC_PERSONAL &&
			    strcasestr(text, (*e)->spec->actions[i].name))
				return true;
	return false;
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
