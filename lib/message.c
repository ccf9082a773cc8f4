/* By way of its wire form, which is the only copy that protobuf-c can make. */
#include "message.h"

#include <stdlib.h>

void *gv_message_copy(const ProtobufCMessage *m)
{
	size_t size = protobuf_c_message_get_packed_size(m);
	uint8_t *packed = malloc(size + 1);
	ProtobufCMessage *copy = NULL;

	if (packed) {
		protobuf_c_message_pack(m, packed);
		copy = protobuf_c_message_unpack(m->descriptor, NULL, size, packed);
	}
	free(packed);
	return copy;
}
