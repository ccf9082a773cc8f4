/* WebSocket frames (RFC 6455, section 5) for both ends of a connection: pure functions over bytes. */
#ifndef GV_WEBSOCKET_H
#define GV_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gv_ws_opcode {
	GV_WS_CONTINUATION = 0,
	GV_WS_TEXT = 1,
	GV_WS_BINARY = 2,
	GV_WS_CLOSE = 8,
	GV_WS_PING = 9,
	GV_WS_PONG = 10
};

#define GV_WS_CONTROL_MAX 125 /* bytes that a close, ping or pong may carry */
#define GV_WS_HEADER_MAX 14   /* bytes in front of a payload: 2 + 8 + 4 */
#define GV_WS_COMPRESSED 0x40 /* RSV1 in a header's first byte: the message is compressed (RFC 7692, 6) */

/* Why a connection was closed with 1002, so that who hears of it can tell this from other breaches. */
#define GV_WS_COMPRESSED_UNASKED "compressed frames though no extension was agreed"

enum gv_ws_end { GV_WS_CLIENT, GV_WS_SERVER }; /* what a client sends is masked, what a server sends is not */

struct gv_ws_frame {
	bool fin, compressed;
	uint8_t opcode;
	uint8_t mask[4]; /* of a client's */
	uint64_t size;   /* bytes of payload */
	unsigned header; /* bytes in front of it */
};

/* The header at `data` of a frame from that end. 1; 0 where more bytes are needed; -EPROTO for what closes with 1002,
 * with *ret_why. Whether a frame may be compressed is for the caller to know. */
int gv_ws_parse(enum gv_ws_end from, const uint8_t *data, size_t size, struct gv_ws_frame *ret, const char **ret_why);
/* Masks or unmasks in place. */
void gv_ws_mask(uint8_t *data, size_t size, const uint8_t mask[4]);
/* Writes the header of an unfragmented frame; its size. `first`: the opcode, with GV_WS_COMPRESSED where that is so.
 * `mask`: a client's, NULL for a server. */
size_t gv_ws_header(uint8_t ret[static GV_WS_HEADER_MAX], unsigned first, size_t size, const uint8_t *mask);
/* May this code stand in a close frame (7.4)? */
bool gv_ws_close_code_valid(unsigned code);

#endif
