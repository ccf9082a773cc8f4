/* Flags: short names of what was odd, each once, on orders, uses and charges. */
#include "orders.h"

#include <string.h>

bool orders_has_flag(char *const *flags, size_t n, const char *flag)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(flags[i], flag))
			return true;
	return false;
}

void orders_add_flag(struct gv_turn *t, char ***flags, size_t *n, const char *flag)
{
	if (*flag && !orders_has_flag(*flags, *n, flag))
		*GV_APPEND(t, *flags, *n) = gv_strdup(t, flag);
}
