/* A map from one or two strings to something, on the heap, growing: for what is kept from turn to turn. Of what one
 * turn needs, ledger/ledger_names.h is lighter. */
#ifndef BILLING_MAP_H
#define BILLING_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Begins each thing in the map. */
struct billing_item {
	struct billing_item *next;
	uint64_t hash;
	const char *a, *b; /* behind the thing */
};
struct billing_map {
	struct billing_item **buckets;
	size_t n_buckets, count, size; /* size: of a thing */
};
/* The thing, or NULL; `make`: a zeroed one where there was none, NULL where there is no memory. */
struct billing_item *billing_map_find(struct billing_map *m, const char *a, const char *b, bool make);
void billing_map_remove(struct billing_map *m, struct billing_item *item);
void billing_map_clear(struct billing_map *m);

#endif
