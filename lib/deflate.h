/* The messages of a WebSocket compressed and back (permessage-deflate, RFC 7692, 7.2), each for itself. As no window
 * goes on from one message to the next, one codec serves any number of connections, and these cost nothing more. */
#ifndef GV_DEFLATE_H
#define GV_DEFLATE_H

#include <stddef.h>
#include <stdint.h>

#define GV_DEFLATE_WORTH 200 /* bytes of a message below which it is not tried */

struct gv_deflate;

/* -ENOMEM. What zlib needs, 44 KiB to inflate and at most 176 KiB to deflate for each size of window that peers ask
 * for, is made when it is first used. */
int gv_deflate_create(struct gv_deflate **ret);
void gv_deflate_destroy(struct gv_deflate *d);

/* Compresses a message for a peer that keeps 2^window_bits bytes of it (8 to 15). The size of what *ret is then; 0
 * where it does not become shorter, so that it should be sent as it is. *ret belongs to the codec and is valid until
 * the next message that is compressed. */
size_t gv_deflate_message(struct gv_deflate *d, unsigned window_bits, const void *data, size_t size,
			  const uint8_t **ret);

/* Decompresses a message of at most `max` bytes. -EMSGSIZE where it would be larger, found without inflating the rest;
 * -EBADMSG for what is no compressed message; -ENOMEM. *ret is valid until the next one is decompressed. */
int gv_inflate_message(struct gv_deflate *d, const void *data, size_t size, size_t max, const uint8_t **ret,
		       size_t *ret_size);

#endif
