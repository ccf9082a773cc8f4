/* permessage-deflate (RFC 7692) on a listener that wants it: agreed in the handshake, and from then on a matter between
 * the frames and the plugin, which sees whole messages as before. Nobody's window outlives a message, so all
 * connections share one codec, and an agreement costs a connection no memory; see docs/adr/0014-compression.md. */
#include <errno.h>
#include <lib/deflate.h>
#include <lib/deflate_offer.h>
#include <lib/websocket.h>
#include <stdio.h>
#include <string.h>

#include "link.h"

static bool find_offer(const struct head *h, struct gv_deflate_terms *ret)
{
	for (size_t i = 0; i < h->n_fields; i++) {
		if (slice_is(h->fields[i].name, "sec-websocket-extensions") &&
		    gv_deflate_choose(h->fields[i].value.data, h->fields[i].value.size, ret))
			return true;
	}
	return false;
}

void compression_agree(struct conn *c, const struct route *route, const struct device *device, const struct head *h,
		       char ret[static COMPRESSION_LINE_SIZE])
{
	struct link *l = c->link;
	struct gv_deflate_terms terms;
	char value[GV_DEFLATE_ANSWER_SIZE];

	ret[0] = '\0';
	if (!route->compression || (device && device->no_compression) || !find_offer(h, &terms))
		return;
	if (!l->deflate && gv_deflate_create(&l->deflate) < 0)
		return;
	gv_deflate_answer(&terms, value);
	snprintf(ret, COMPRESSION_LINE_SIZE, "Sec-WebSocket-Extensions: %s\r\n", value);
	c->window_bits = (uint8_t)(terms.server_bits ? terms.server_bits : GV_DEFLATE_BITS_MAX);
	gv_world_count(l->world, "compression_agreed", 1);
}

size_t compression_shorten(struct conn *c, const uint8_t *data, size_t size, const uint8_t **ret)
{
	size_t n = gv_deflate_message(c->link->deflate, c->window_bits, data, size, ret);

	if (n) {
		c->link->compressed_out++;
		c->link->saved_bytes += size - n;
	}
	return n;
}

bool compression_expand(struct conn *c, const uint8_t **data, size_t *size)
{
	struct link *l = c->link;
	const uint8_t *whole;
	size_t n;
	char reason[64];
	int r = gv_inflate_message(l->deflate, *data, *size, c->route->max_frame, &whole, &n);

	if (r == 0) {
		l->compressed_in++;
		l->saved_bytes += n > *size ? n - *size : 0;
		*data = whole;
		*size = n;
		return true;
	}
	gv_world_count(l->world, "compression_errors", 1);
	if (r == -EMSGSIZE) {
		snprintf(reason, sizeof(reason), "more than %u bytes in a message", c->route->max_frame);
		websocket_close(c, 1009, reason);
	} else if (r == -EBADMSG) {
		websocket_close(c, 1007, "a compressed message cannot be decompressed");
	} else {
		websocket_close(c, 1013, "server is overloaded");
	}
	return false;
}

/* Some stations compress without having asked (quirk 8); what their frames hold nobody can know. */
void compression_unasked(struct conn *c)
{
	gv_world_count(c->link->world, "quirk_compressed_unasked", 1);
	link_log_refusal(c, c->device ? c->device : "", 1002,
			 "compressed frames came though permessage-deflate was not agreed; turn compression off in the "
			 "device, or update its software");
	websocket_close(c, 1002, GV_WS_COMPRESSED_UNASKED);
}
