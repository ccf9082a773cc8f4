/* The schemas of what is loaded. A schema is only read once it is built, and building one takes longer than most turns:
 * all hosts of a program share them. They live as long as the program. */
#include "private.h"

#include <string.h>

#define MAX_SETS 64 /* that one program loads */

struct known {
	const uint8_t *set;
	struct gv_schema *schema;
};
static struct known known[MAX_SETS];
static size_t n_known;
static struct gv_schema *all;

static void add(struct host *h, struct gv_schema **s, const uint8_t *set, size_t size, const char *who)
{
	int r = *s ? 0 : gv_schema_create(s);

	if (r == 0)
		r = gv_schema_add(*s, set, size);
	host_check(h, r == 0, "the schema that %s carries is malformed: %s", who, strerror(-r));
}

const struct gv_schema *host_schema_learn(struct host *h, const uint8_t *set, size_t size, const char *who)
{
	for (size_t i = 0; i < n_known; i++)
		if (known[i].set == set)
			return known[i].schema;
	host_check(h, n_known < MAX_SETS, "more than %d schemas", MAX_SETS);
	known[n_known] = (struct known){ .set = set };
	add(h, &known[n_known].schema, set, size, who);
	add(h, &all, set, size, who);
	return known[n_known++].schema;
}

const struct gv_schema *host_schema_of(struct host *h, const struct gv_plugin *record)
{
	if (!record->schema_set.size)
		return NULL;
	return host_schema_learn(h, record->schema_set.data, record->schema_set.size, record->name);
}

const struct gv_schema *host_schema(const struct host *h)
{
	return all;
}
