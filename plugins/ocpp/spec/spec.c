/* Finds an action in the table of its version. */
#include "spec.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *name, const void *action)
{
	return strcmp(name, ((const struct spec_action *)action)->name);
}

const struct spec_action *spec_find(const struct spec_version *version, const char *action)
{
	return bsearch(action, version->actions, version->count, sizeof *version->actions, compare);
}
