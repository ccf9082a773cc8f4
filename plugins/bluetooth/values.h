/* Attribute values that wait, in order. */
#ifndef BLUETOOTH_VALUES_H
#define BLUETOOTH_VALUES_H

#include <stddef.h>
#include <stdint.h>

struct value {
	struct value *next;
	uint64_t due_ms; /* of the loop's clock: not before then */
	size_t size;
	uint8_t data[];
};
struct values {
	struct value *first, *last;
	size_t count;
};

/* Appends a copy. -ENOMEM. */
int values_add(struct values *v, const void *data, size_t size, uint64_t due_ms);
/* Drops the first. */
void values_drop(struct values *v);
void values_fini(struct values *v);

#endif
