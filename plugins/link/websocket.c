/* An open WebSocket: frames in and out, pings, closing (RFC 6455). Text must be UTF-8; the rest is the plugin's
 * business. */
#include <lib/deflate.h>
#include <lib/utf8.h>
#include <lib/websocket.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#include "link.h"

#define MASKED_AT_ONCE 4096 /* bytes; a multiple of the mask's size */

/* What a client sends is masked (RFC 6455, 5.3). */
static void send_masked(struct conn *c, unsigned first, const uint8_t *data, size_t size)
{
	uint8_t header[GV_WS_HEADER_MAX], mask[4], part[MASKED_AT_ONCE];

	if (RAND_bytes(mask, sizeof(mask)) != 1) {
		conn_kill(c, 1006, "no random numbers");
		return;
	}
	conn_write(c, header, gv_ws_header(header, first, size, mask));
	for (size_t at = 0, n; at < size; at += n) {
		n = size - at < sizeof(part) ? size - at : sizeof(part);
		memcpy(part, data + at, n);
		gv_ws_mask(part, n, mask);
		conn_write(c, part, n);
	}
}

/* `first`: an opcode, perhaps with GV_WS_COMPRESSED. */
static void send_frame(struct conn *c, unsigned first, const void *data, size_t size)
{
	uint8_t header[GV_WS_HEADER_MAX];

	if (c->outgoing) {
		send_masked(c, first, data, size);
		return;
	}
	conn_write(c, header, gv_ws_header(header, first, size, NULL));
	if (size)
		conn_write(c, data, size);
}

void websocket_send(struct conn *c, enum gv_frame_kind kind, const uint8_t *data, size_t size)
{
	enum gv_ws_opcode opcode = kind == GV_TEXT ? GV_WS_TEXT : GV_WS_BINARY;
	const uint8_t *shorter;
	size_t n = 0;

	if (c->state != CONN_WEBSOCKET || c->dead)
		return;
	if (c->window_bits && size >= GV_DEFLATE_WORTH)
		n = compression_shorten(c, data, size, &shorter);
	if (n)
		send_frame(c, opcode | GV_WS_COMPRESSED, shorter, n);
	else
		send_frame(c, opcode, data, size);
	c->frames_out++;
	c->link->frames_out++;
}

void websocket_ping(struct conn *c)
{
	if (c->owes_pong)
		gv_world_count(c->link->world, "quirk_no_pong",
			       1); /* to the ping before; other frames came (quirk 6) */
	c->owes_pong = true;
	send_frame(c, GV_WS_PING, NULL, 0);
	c->pinged_ms = link_now(c->link);
}

void websocket_close(struct conn *c, unsigned code, const char *reason)
{
	uint8_t payload[GV_WS_CONTROL_MAX];
	size_t n = strlen(reason);

	if (c->state != CONN_WEBSOCKET || c->dead)
		return;
	if (n > sizeof(payload) - 2)
		n = sizeof(payload) - 2;
	while (n && ((uint8_t)reason[n] & 0xc0) == 0x80)
		n--; /* not in the middle of a character */
	payload[0] = (uint8_t)(code >> 8);
	payload[1] = (uint8_t)code;
	memcpy(payload + 2, reason, n);
	send_frame(c, GV_WS_CLOSE, payload, gv_ws_close_code_valid(code) ? n + 2 : 0);
	conn_finish(c, code, reason);
}

/* A whole message. */
static void deliver(struct conn *c, unsigned opcode, bool compressed, const uint8_t *data, size_t size)
{
	if (compressed && !compression_expand(c, &data, &size))
		return;
	if (opcode == GV_WS_TEXT && !gv_utf8_valid(data, size)) {
		websocket_close(c, 1007, "text is not UTF-8");
		return;
	}
	c->frames_in++;
	c->link->frames_in++;
	c->link->empty_in += size == 0;
	if (gv_world_frame(c->link->world, c->id, opcode == GV_WS_TEXT ? GV_TEXT : GV_BINARY, data, size) < 0)
		websocket_close(c, 1013, "try again later");
}

static void take_data(struct conn *c, const struct gv_ws_frame *f, const uint8_t *payload)
{
	uint8_t opcode;

	if ((f->opcode == GV_WS_CONTINUATION) == (c->message_opcode == 0)) {
		websocket_close(c, 1002, f->opcode ? "a message began within another" : "a continuation of nothing");
		return;
	}
	if (f->opcode && f->fin) {
		deliver(c, f->opcode, f->compressed, payload, (size_t)f->size);
		return;
	}
	if (f->opcode) {
		c->message_opcode = f->opcode;
		c->message_compressed = f->compressed;
	}
	if (conn_hold(c, &c->message, payload, (size_t)f->size) < 0) {
		websocket_close(c, 1013, "server is overloaded");
		return;
	}
	if (f->fin) {
		c->link->fragmented_in++;
		opcode = c->message_opcode;
		c->message_opcode = 0;
		deliver(c, opcode, c->message_compressed, c->message.data, c->message.size);
		conn_unhold(c, &c->message, c->message.size);
	}
}

static void take_close(struct conn *c, const uint8_t *payload, size_t size)
{
	unsigned code = size >= 2 ? (unsigned)payload[0] << 8 | payload[1] : 1005;
	char reason[GV_WS_CONTROL_MAX + 1] = "";

	if (size == 1 || (size >= 2 && (!gv_ws_close_code_valid(code) || !gv_utf8_valid(payload + 2, size - 2)))) {
		websocket_close(c, 1002, "malformed close");
		return;
	}
	if (size > 2)
		snprintf(reason, sizeof(reason), "%.*s", (int)size - 2, (const char *)payload + 2);
	conn_end(c, code, reason);
	websocket_close(c, code, "");
}

/* Why this frame cannot be taken; NULL: it can. */
static bool too_large(const struct conn *c, const struct gv_ws_frame *f)
{
	return f->opcode < GV_WS_CLOSE && f->size + c->message.size > c->route->max_frame;
}

size_t websocket_input(struct conn *c, uint8_t *data, size_t size)
{
	const char *why;
	struct gv_ws_frame f;
	uint8_t *payload;
	int r = gv_ws_parse(c->outgoing ? GV_WS_SERVER : GV_WS_CLIENT, data, size, &f, &why);

	if (r == 0)
		return 0;
	if (r < 0) {
		websocket_close(c, 1002, why);
		return size;
	}
	if (f.compressed && !c->window_bits) {
		compression_unasked(c);
		return size;
	}
	if (too_large(c, &f)) {
		char reason[64];

		snprintf(reason, sizeof(reason), "more than %u bytes in a message", c->route->max_frame);
		websocket_close(c, 1009, reason);
		return size;
	}
	if (size - f.header < f.size)
		return 0;
	payload = data + f.header;
	gv_ws_mask(payload, (size_t)f.size, f.mask);
	rate_count(c, 1);
	if (f.opcode == GV_WS_PING)
		send_frame(c, GV_WS_PONG, payload, (size_t)f.size);
	else if (f.opcode == GV_WS_CLOSE)
		take_close(c, payload, (size_t)f.size);
	else if (f.opcode == GV_WS_PONG)
		c->owes_pong = false;
	else
		take_data(c, &f, payload);
	return f.header + (size_t)f.size;
}
