/* A client's connection on a libuv loop, WebSocket or bare TCP. Many share one `struct line_io`; all belong to the
 * loop's thread. */
#ifndef SIM_LINE_H
#define SIM_LINE_H

#include "websocket.h"

#include <stdbool.h>
#include <uv.h>

#define LINE_MAX_QUEUE (1 << 20) /* bytes that the peer has not taken; beyond it the line is cut */

/* What all lines of a loop share. */
struct line_io {
	uv_loop_t *loop;
	uint64_t random;          /* state of the masks' generator: not 0 */
	char buffer[65536];       /* reads of all lines go here */
	struct gv_deflate *codec; /* of all lines; NULL until one needs it */
	struct ssl_ctx_st *tls;   /* likewise */
	char plain[16384];        /* what TLS held, of all lines */
};
/* When no line is left. */
void line_io_fini(struct line_io *io);

/* Where to: a parsed ws://, wss:// or tcp:// URL. */
struct line_target {
	char host[256];
	char authority[272]; /* host and port, for the Host header */
	char path[512];      /* begins and ends with '/': the identity comes behind it */
	int port;
	bool tls;
	bool compression; /* is offered; for its owner to say */
};
/* -EINVAL with a sentence. */
int line_target_parse(const char *url, struct line_target *ret, char *ret_error, size_t error_size);
int line_tcp_parse(const char *url, struct line_target *ret, char *ret_error, size_t error_size);

struct line;
struct line_events {
	void (*open)(struct line *l);
	void (*text)(struct line *l, const char *data, size_t size); /* or binary; bare TCP: bytes, cut anywhere */
	/* The line is over and its memory the owner's again; once for each line_open that returned 0. `why` is "" if
	 * the owner closed it. `opened`: open had been called. */
	void (*end)(struct line *l, bool opened, const char *why);
};

struct line { /* zeroed before its first use */
	uv_tcp_t tcp;
	struct line_io *io;
	const struct line_events *events;
	void *owner;            /* the owner's */
	struct line_dial *dial; /* while it connects */
	struct ws_decoder in;
	struct ssl_st *ssl; /* NULL: in the clear */
	bool raw, opened, closing, frozen;
	const char *why; /* static, or dial_error */
	char *dial_error;
};

/* Connects and shakes hands. `target` must live until open or end; the strings are copied. password NULL: no
 * credentials. */
int line_open(struct line *l, struct line_io *io, const struct line_events *events, const struct line_target *target,
	      const char *identity, const char *password, const char *subprotocol);
/* Connects without a handshake: what is sent and received are bytes. */
int line_open_tcp(struct line *l, struct line_io *io, const struct line_events *events,
		  const struct line_target *target);
/* Bytes as they are, over bare TCP. -ENOTCONN before open and after close. */
int line_send_bytes(struct line *l, const void *data, size_t size);
/* Sends the `size` bytes at buffer + GV_WS_HEADER_MAX as one frame; they are masked in place. -ENOTCONN before open and
 * after close. */
int line_send(struct line *l, uint8_t *buffer, size_t size, enum gv_ws_opcode opcode);
/* The same from a constant. */
int line_send_text(struct line *l, const char *text, size_t size);
/* Sends a Close frame (bare TCP: closes); the end comes when the peer has answered, or with line_abort. */
void line_close(struct line *l, unsigned code);
/* Ends it now, with a TCP reset if `reset`. */
void line_abort(struct line *l, bool reset);
/* Reads no more and sends no more, but leaves the socket open: half-open, until line_abort. */
void line_freeze(struct line *l);

#endif
