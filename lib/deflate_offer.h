/* The agreement on permessage-deflate in a WebSocket's handshake (RFC 7692, 7.1): pure functions over the value of a
 * Sec-WebSocket-Extensions header. */
#ifndef GV_DEFLATE_OFFER_H
#define GV_DEFLATE_OFFER_H

#include <stdbool.h>
#include <stddef.h>

#define GV_DEFLATE_BITS_MIN 8      /* a window of 2^8 bytes ... */
#define GV_DEFLATE_BITS_MAX 15     /* ... to 2^15 */
#define GV_DEFLATE_ANSWER_SIZE 160 /* bytes of the longest answer, with a zero */

/* What a client of ours offers. The server has to accept the first, so that no window goes on between messages. */
#define GV_DEFLATE_OFFER "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

struct gv_deflate_terms {
	unsigned server_bits, client_bits; /* how far either end may reach back: 2^bits bytes; 0: not said, 2^15 */
	bool server_no_context_takeover, client_no_context_takeover;
	bool client_bits_offered; /* client_max_window_bits was there, perhaps without a value */
};

/* The server's choice: the first offer of permessage-deflate in the value that is well formed and has no parameter that
 * RFC 7692 does not know. Others, of this and of any extension, are passed over. False: none is left. */
bool gv_deflate_choose(const char *value, size_t size, struct gv_deflate_terms *ret);

/* Writes the value with which a server accepts these terms, adding that neither end keeps its window from one message
 * to the next. */
void gv_deflate_answer(const struct gv_deflate_terms *terms, char ret[static GV_DEFLATE_ANSWER_SIZE]);

/* The client's look at the answer to GV_DEFLATE_OFFER. -EPROTO for an answer that this offer does not allow. */
int gv_deflate_accepted(const char *value, size_t size, struct gv_deflate_terms *ret);

#endif
