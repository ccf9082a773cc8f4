/* A map from a pair of strings to something, in the turn's memory, of a size known beforehand. For the chain in hand:
 * what it touches is read once, worked on here, and written once. */
#ifndef BILLING_LEDGER_NAMES_H
#define BILLING_LEDGER_NAMES_H

#include <galvan/plugin.h>

#include <string.h>

struct ledger_name {
	const char *a, *b;
	void *item; /* NULL: new, for the caller to fill */
};
struct ledger_names {
	struct ledger_name *slots;
	size_t mask;
};

/* `most`: how many names it will ever hold. */
static inline void ledger_names_init(struct gv_turn *t, struct ledger_names *n, size_t most)
{
	size_t size = 4;

	while (size < 2 * most)
		size *= 2;
	n->slots = gv_alloc(t, size * sizeof *n->slots);
	n->mask = size - 1;
}

#define LEDGER_NAMES_SEED 0xcbf29ce484222325ull

/* FNV-1a */
static inline uint64_t ledger_names_hash(uint64_t hash, const char *s)
{
	for (; *s; s++)
		hash = (hash ^ (uint8_t)*s) * 0x100000001b3ull;
	return (hash ^ 0xff) * 0x100000001b3ull;
}

/* The name's place; a, b must live as long as the map. */
static inline struct ledger_name *ledger_names_at(struct ledger_names *n, const char *a, const char *b)
{
	uint64_t hash = ledger_names_hash(ledger_names_hash(LEDGER_NAMES_SEED, a), b);

	for (size_t i = (hash ^ hash >> 32) & n->mask;; i = (i + 1) & n->mask) {
		struct ledger_name *s = &n->slots[i];

		if (s->a && (strcmp(s->a, a) != 0 || strcmp(s->b, b) != 0))
			continue;
		s->a = a;
		s->b = b;
		return s;
	}
}

#endif
