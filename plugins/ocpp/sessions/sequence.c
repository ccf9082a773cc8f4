/* The numbers of a transaction's messages come in any order, some twice, some never. */
#include "sequence.h"

#include <galvan/plugin.h>

#include <string.h>

/* The first pair whose last number is not below `number`. */
static size_t find(const uint32_t *seen, size_t n, uint32_t number)
{
	size_t at = 0;

	while (at < n && seen[at + 1] < number)
		at += 2;
	return at;
}

bool sequence_has(const uint32_t *seen, size_t n, uint32_t number)
{
	size_t at = find(seen, n, number);

	return at < n && seen[at] <= number;
}

void sequence_add(struct gv_turn *t, uint32_t **seen, size_t *n, uint32_t number)
{
	size_t at = find(*seen, *n, number), count = *n;
	bool below = at > 0 && (*seen)[at - 1] + 1 == number, above = at < count && (*seen)[at] == number + 1;
	uint32_t *list;

	if (sequence_has(*seen, count, number) || (!below && !above && count >= 2 * SEQUENCE_RANGES_MAX))
		return;
	list = gv_alloc(t, (count + 2) * sizeof *list);
	if (count)
		memcpy(list, *seen, count * sizeof *list);
	if (below && above) {
		list[at - 1] = list[at + 1];
		memmove(list + at, list + at + 2, (count - at - 2) * sizeof *list);
		count -= 2;
	} else if (below) {
		list[at - 1] = number;
	} else if (above) {
		list[at] = number;
	} else {
		memmove(list + at + 2, list + at, (count - at) * sizeof *list);
		list[at] = list[at + 1] = number;
		count += 2;
	}
	*seen = list;
	*n = count;
}
