/* Messages of protobuf-c that live longer than what brought them. */
#ifndef GV_MESSAGE_H
#define GV_MESSAGE_H

#include <protobuf-c/protobuf-c.h>

/* A copy that the caller frees by protobuf_c_message_free_unpacked(); NULL: no memory. */
void *gv_message_copy(const ProtobufCMessage *m);

#endif
