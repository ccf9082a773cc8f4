/* What the files of a line share. */
#ifndef SIM_LINE_INTERNAL_H
#define SIM_LINE_INTERNAL_H

#include "line.h"

/* Ends it; the first reason counts. */
void line_finish(struct line *l, const char *why);
/* Bytes to the socket: written, or queued. */
int line_put(struct line *l, const uint8_t *data, size_t size);
/* What stands between TCP and the WebSocket's handshake is done: the request leaves. */
void line_handshake(struct line *l);
/* Bytes came, in the clear. */
void line_received(struct line *l, const char *data, size_t size);
/* It is over, before or after its handshake. */
void line_lost(struct line *l, const char *why);
void line_fail_dial(struct line *l, const char *what);

/* ---- line_tls.c ------------------------------------------------------------------------------ */

int line_tls_start(struct line *l, const char *host);
void line_tls_received(struct line *l, const char *data, size_t size);
int line_tls_send(struct line *l, const uint8_t *data, size_t size);
void line_tls_end(struct line *l);
void line_tls_fini(struct line_io *io);

/* For masks and keys, which need to differ, not to be secret, in a simulation. */
uint64_t line_random(struct line_io *io);

#endif
