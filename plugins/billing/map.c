/* Chained buckets, twice as many whenever there are as many things as buckets. */
#include "map.h"

#include <plugins/billing/ledger/ledger_names.h>

#include <stdlib.h>

static bool grow(struct billing_map *m)
{
	size_t n = m->n_buckets ? 2 * m->n_buckets : 64;
	struct billing_item **buckets = calloc(n, sizeof(struct billing_item *));

	if (!buckets)
		return false;
	for (size_t i = 0; i < m->n_buckets; i++) {
		for (struct billing_item *item = m->buckets[i], *next; item; item = next) {
			next = item->next;
			item->next = buckets[item->hash & (n - 1)];
			buckets[item->hash & (n - 1)] = item;
		}
	}
	free(m->buckets);
	m->buckets = buckets;
	m->n_buckets = n;
	return true;
}

struct billing_item *billing_map_find(struct billing_map *m, const char *a, const char *b, bool make)
{
	uint64_t hash = ledger_names_hash(ledger_names_hash(LEDGER_NAMES_SEED, a), b);
	size_t n_a = strlen(a) + 1, n_b = strlen(b) + 1;
	struct billing_item *item;
	char *names;

	hash ^= hash >> 32;
	for (item = m->n_buckets ? m->buckets[hash & (m->n_buckets - 1)] : NULL; item; item = item->next)
		if (item->hash == hash && !strcmp(item->a, a) && !strcmp(item->b, b))
			return item;
	if (!make || (m->count >= m->n_buckets && !grow(m)))
		return NULL;
	item = calloc(1, m->size + n_a + n_b);
	if (!item)
		return NULL;
	names = (char *)item + m->size;
	item->a = memcpy(names, a, n_a);
	item->b = memcpy(names + n_a, b, n_b);
	item->hash = hash;
	item->next = m->buckets[hash & (m->n_buckets - 1)];
	m->buckets[hash & (m->n_buckets - 1)] = item;
	m->count++;
	return item;
}

void billing_map_remove(struct billing_map *m, struct billing_item *item)
{
	struct billing_item **at = &m->buckets[item->hash & (m->n_buckets - 1)];

	while (*at != item)
		at = &(*at)->next;
	*at = item->next;
	m->count--;
	free(item);
}

void billing_map_clear(struct billing_map *m)
{
	for (size_t i = 0; i < m->n_buckets; i++) {
		for (struct billing_item *item = m->buckets[i], *next; item; item = next) {
			next = item->next;
			free(item);
		}
	}
	free(m->buckets);
	*m = (struct billing_map){ .size = m->size };
}
