/* "Did you mean": the nearest of the names that there are, by its whole or by what people remember of it, the part
 * behind the package. */
#include "cli_command.h"

#include <lib/near.h>

#include <stdio.h>
#include <string.h>

static const char *short_name(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot ? dot + 1 : name;
}

void gv_cli_suggest(const char *wanted, const char *const *names, size_t count, char *ret, size_t ret_size)
{
	const char *best = NULL;
	unsigned least = 0;

	for (size_t i = 0; i < count; i++) {
		const char *a = wanted, *b = names[i];
		unsigned distance;

		if (!gv_near(a, b)) {
			a = short_name(a);
			b = short_name(b);
		}
		if (!gv_near(a, b))
			continue;
		distance = gv_near_distance(a, b);
		if (!best || distance < least) {
			best = names[i];
			least = distance;
		}
	}
	ret[0] = 0;
	if (best)
		snprintf(ret, ret_size, "; did you mean %s?", best);
}
