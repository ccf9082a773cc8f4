/* Memory like a turn's, handed out piece by piece and taken back as a whole. Each piece is malloc's own, so that
 * sanitizers see where it ends. */
#ifndef TESTS_MEMORY_H
#define TESTS_MEMORY_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

struct memory {
	ProtobufCAllocator allocator;
	void **pieces;
	size_t n;
};

void memory_init(struct memory *m);
void memory_fini(struct memory *m);

#endif
