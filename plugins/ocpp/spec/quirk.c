/* The list of quirk.h as a table. */
#include "quirk.h"

#include <string.h>

#define QUIRK_ENTRY(id, name, counter, policy, code) [QUIRK_##id] = { name, counter, QUIRK_##policy, RPC_##code },
const struct quirk_info quirk_info[QUIRKS] = { QUIRK_LIST(QUIRK_ENTRY) };

const char *quirk_name(unsigned quirk)
{
	return quirk < QUIRKS ? quirk_info[quirk].name : "unknown";
}

int quirk_find(const char *name)
{
	for (int i = 0; i < QUIRKS; i++)
		if (!strcmp(quirk_info[i].name, name))
			return i;
	return -1;
}
