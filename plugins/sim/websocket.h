/* The client's half of RFC 6455 on bytes alone: the handshake, frames out, frames in. No I/O. */
#ifndef SIM_WEBSOCKET_H
#define SIM_WEBSOCKET_H

#include <lib/websocket.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WS_KEY_SIZE 25           /* 16 random bytes in base64, and the zero byte */
#define WS_MAX_RESPONSE 8192     /* a longer handshake response is refused */
#define WS_MAX_MESSAGE (1 << 20) /* a longer message is refused */

/* ---- handshake ------------------------------------------------------------------------------- */

void ws_key(const uint8_t random[16], char ret_key[WS_KEY_SIZE]);
struct ws_request {
	const char *host;            /* as in the URL, with its port */
	const char *path;            /* begins with '/'; percent-encoded */
	const char *subprotocol;     /* NULL or "": none asked for */
	const char *user, *password; /* Basic credentials; password NULL: none */
	const char *key;
	bool compression; /* permessage-deflate is offered */
};
/* Writes the request; its size, or -ENOSPC. */
int ws_request(const struct ws_request *r, char *ret, size_t size);
/* Looks at what came back so far. The size of the response's head when it is whole and right, 0 if more is needed,
 * -EPROTO with a sentence (never longer than error_size) if the server did not agree. */
int ws_response(const char *data, size_t size, const char *key, const char *subprotocol, char *ret_error,
		size_t error_size);

/* Whether that head accepts the compression that was offered: 1, 0, or -EPROTO where it accepts what was not. */
int ws_compression(const char *head, size_t size);

/* ---- frames out ------------------------------------------------------------------------------ */

/* Makes a masked frame of the `size` bytes that lie at buffer + GV_WS_HEADER_MAX, in place; where it begins, and its
 * size. `first` as in gv_ws_header. */
uint8_t *ws_frame(uint8_t *buffer, size_t size, unsigned first, uint32_t mask, size_t *ret_size);

/* ---- frames in ------------------------------------------------------------------------------- */

struct ws_decoder {    /* zeroed: at the beginning of a frame */
	uint8_t *held; /* a frame of which only a part has come */
	size_t held_size, held_capacity;
	uint8_t *message; /* fragments so far */
	size_t message_size, message_capacity;
	uint8_t message_opcode; /* of the fragmented message; 0: none under way */
	bool message_compressed;
	struct gv_deflate *codec; /* borrowed; NULL: compression was not agreed */
};
void ws_decoder_fini(struct ws_decoder *d);
/* A whole message or control frame. A non-zero return ends ws_decode at once with that value; the decoder may be gone
 * by then. */
typedef int ws_message_fn(void *arg, enum gv_ws_opcode opcode, const uint8_t *data, size_t size);
/* 0, what fn returned, -EPROTO for bytes that are no server's frames, -EMSGSIZE, or -ENOMEM. */
int ws_decode(struct ws_decoder *d, const uint8_t *data, size_t size, ws_message_fn *fn, void *arg);

#endif
