/* A socket that link connects itself, with TLS where it is asked for: the wire of a connection that was dialled. */
#ifndef LINK_OUTGOING_H
#define LINK_OUTGOING_H

#include "link.h"

/* Begins to connect; `ctx` NULL: plain. It calls dial_connected(), conn_read() and conn_writable(), or says why not
 * with dial_problem() and kills the connection. Negative errno: nothing was begun. */
int outgoing_create(struct conn *c, const struct sockaddr *to, socklen_t size, struct ssl_ctx_st *ctx,
		    const char *host);
void outgoing_destroy(struct outgoing *o);
int outgoing_write(struct outgoing *o, const uint8_t *data, size_t size);
bool outgoing_choked(const struct outgoing *o);
void outgoing_listen(struct outgoing *o, bool on);
/* Reads what was decrypted already, which no event will announce. */
void outgoing_continue(struct outgoing *o);
int outgoing_descriptor(const struct outgoing *o);
struct ssl_st *outgoing_ssl(const struct outgoing *o);

/* A context that verifies servers by `ca` (NULL: the system's), and shows a client certificate (`cert` NULL: none).
 * NULL: *ret says what is wrong, for people. */
struct ssl_ctx_st *outgoing_context(const char *ca, const char *cert, const char *key,
				    char ret[static LINK_SENTENCE_MAX]);

#endif
