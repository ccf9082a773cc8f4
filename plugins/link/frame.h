/* WebSocket frames (RFC 6455, section 5): pure functions over bytes. */
#ifndef LINK_FRAME_H
#define LINK_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum opcode {
	OPCODE_CONTINUATION = 0,
	OPCODE_TEXT = 1,
	OPCODE_BINARY = 2,
	OPCODE_CLOSE = 8,
	OPCODE_PING = 9,
	OPCODE_PONG = 10
};

#define FRAME_CONTROL_MAX 125 /* bytes that a close, ping or pong may carry */
#define FRAME_HEADER_MAX 10   /* bytes of a header that a server sends */

struct frame {
	bool fin;
	uint8_t opcode;
	uint8_t mask[4];
	uint64_t size;   /* bytes of payload */
	unsigned header; /* bytes in front of it */
};

/* The header at `data` of a frame from a client. 1; 0 where more bytes are needed; -EPROTO for what closes with 1002,
 * with *ret_why. */
int frame_parse(const uint8_t *data, size_t size, struct frame *ret, const char **ret_why);
void frame_unmask(uint8_t *data, size_t size, const uint8_t mask[4]);
/* Writes the header of an unfragmented frame from a server; its size. */
size_t frame_header(uint8_t ret[static FRAME_HEADER_MAX], enum opcode opcode, size_t size);
/* May this code stand in a close frame (RFC 6455 7.4)? */
bool close_code_valid(unsigned code);

#endif
