/* The client's half of our own: the load generator shares two cores with the server it measures, and a library that
 * allocates for every message (wslay: 88,000 calls a second where this reaches its socket's limit) would be the largest
 * part of what is measured. */
#include "websocket.h"

#include <errno.h>
#include <lib/deflate.h>
#include <lib/deflate_offer.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void ws_key(const uint8_t random[16], char ret_key[WS_KEY_SIZE])
{
	EVP_EncodeBlock((uint8_t *)ret_key, random, 16);
}

int ws_request(const struct ws_request *r, char *ret, size_t size)
{
	char credentials[400] = "", line[600] = "", protocol[200] = "";
	if (r->password) {
		int n = snprintf(credentials, sizeof credentials, "%s:%s", r->user, r->password);
		if (n < 0 || (size_t)n >= sizeof credentials)
			return -ENOSPC;
		char encoded[(sizeof credentials + 2) / 3 * 4 + 1];
		EVP_EncodeBlock((uint8_t *)encoded, (uint8_t *)credentials, n);
		snprintf(line, sizeof line, "Authorization: Basic %s\r\n", encoded);
	}
	if (r->subprotocol && *r->subprotocol) {
		int n = snprintf(protocol, sizeof protocol, "Sec-WebSocket-Protocol: %s\r\n", r->subprotocol);
		if (n < 0 || (size_t)n >= sizeof protocol)
			return -ENOSPC;
	}
	int n = snprintf(ret, size,
			 "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
			 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n%s%s%s\r\n",
			 r->path, r->host, r->key, protocol, line,
			 r->compression ? "Sec-WebSocket-Extensions: " GV_DEFLATE_OFFER "\r\n" : "");
	return n < 0 || (size_t)n >= size ? -ENOSPC : n;
}

static void accept_of(const char *key, char ret[29])
{
	char text[WS_KEY_SIZE + 36];
	uint8_t digest[20];
	int n = snprintf(text, sizeof text, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key); /* RFC 6455, 1.3 */
	EVP_Digest(text, (size_t)n, digest, NULL, EVP_sha1(), NULL);
	EVP_EncodeBlock((uint8_t *)ret, digest, 20);
}

/* The value of a header in head, or NULL; its size without surrounding blanks in *ret_size. */
static const char *header(const char *head, size_t size, const char *name, size_t *ret_size)
{
	size_t name_size = strlen(name);
	const char *end = head + size, *line = head;
	while ((line = memchr(line, '\n', (size_t)(end - line)))) {
		line++;
		if ((size_t)(end - line) <= name_size || strncasecmp(line, name, name_size) != 0 ||
		    line[name_size] != ':')
			continue;
		const char *value = line + name_size + 1, *stop = memchr(value, '\n', (size_t)(end - value));
		if (!stop)
			return NULL;
		while (value < stop && (*value == ' ' || *value == '\t'))
			value++;
		while (stop > value && (stop[-1] == '\r' || stop[-1] == ' ' || stop[-1] == '\t'))
			stop--;
		*ret_size = (size_t)(stop - value);
		return value;
	}
	return NULL;
}

int ws_response(const char *data, size_t size, const char *key, const char *subprotocol, char *ret_error,
		size_t error_size)
{
	const char *end = memmem(data, size, "\r\n\r\n", 4);
	if (!end) {
		if (size < WS_MAX_RESPONSE)
			return 0;
		snprintf(ret_error, error_size, "the server's handshake response is longer than %d bytes",
			 WS_MAX_RESPONSE);
		return -EPROTO;
	}
	size_t head = (size_t)(end - data) + 4, value_size;
	if (head < 16 || memcmp(data, "HTTP/1.1 101", 12) != 0) {
		const char *stop = memchr(data, '\r', head);
		int shown = (int)(stop - data);
		snprintf(ret_error, error_size, "the server refused the handshake: %.*s", shown < 100 ? shown : 100,
			 data);
		return -EPROTO;
	}
	char want[29];
	accept_of(key, want);
	const char *value = header(data, head, "sec-websocket-accept", &value_size);
	if (!value || value_size != 28 || memcmp(value, want, 28) != 0) {
		snprintf(ret_error, error_size, "the server's Sec-WebSocket-Accept is missing or wrong");
		return -EPROTO;
	}
	value = header(data, head, "sec-websocket-protocol", &value_size);
	if (subprotocol && *subprotocol &&
	    (!value || value_size != strlen(subprotocol) || memcmp(value, subprotocol, value_size) != 0)) {
		snprintf(ret_error, error_size, "the server did not choose the subprotocol %s", subprotocol);
		return -EPROTO;
	}
	return (int)head;
}

int ws_compression(const char *head, size_t size)
{
	struct gv_deflate_terms terms;
	size_t value_size;
	const char *value = header(head, size, "sec-websocket-extensions", &value_size);
	if (!value)
		return 0;
	return gv_deflate_accepted(value, value_size, &terms) < 0 ? -EPROTO : 1;
}

uint8_t *ws_frame(uint8_t *buffer, size_t size, unsigned first, uint32_t mask, size_t *ret_size)
{
	uint8_t header[GV_WS_HEADER_MAX], key[4], *payload = buffer + GV_WS_HEADER_MAX;
	memcpy(key, &mask, 4);
	size_t n = gv_ws_header(header, first, size, key);
	memcpy(payload - n, header, n);
	gv_ws_mask(payload, size, key);
	*ret_size = n + size;
	return payload - n;
}

void ws_decoder_fini(struct ws_decoder *d)
{
	free(d->held);
	free(d->message);
	memset(d, 0, sizeof *d);
}

static int append(uint8_t **buffer, size_t *used, size_t *capacity, const uint8_t *data, size_t size)
{
	if (*used + size > *capacity) {
		size_t more = *used + size + 256;
		uint8_t *grown = realloc(*buffer, more);
		if (!grown)
			return -ENOMEM;
		*buffer = grown;
		*capacity = more;
	}
	if (size)
		memcpy(*buffer + *used, data, size);
	*used += size;
	return 0;
}

/* A whole message. */
static int deliver(struct ws_decoder *d, bool compressed, enum gv_ws_opcode opcode, const uint8_t *data, size_t size,
		   ws_message_fn *fn, void *arg)
{
	if (compressed) {
		int r = gv_inflate_message(d->codec, data, size, WS_MAX_MESSAGE, &data, &size);
		if (r < 0)
			return r == -EBADMSG ? -EPROTO : r;
	}
	return fn(arg, opcode, data, size);
}

/* One fragment of a message. The common case, a message in one frame, passes through without a copy. */
static int fragment(struct ws_decoder *d, const struct gv_ws_frame *f, const uint8_t *data, ws_message_fn *fn,
		    void *arg)
{
	uint8_t opcode = f->opcode;
	size_t size = (size_t)f->size;
	if ((opcode == GV_WS_CONTINUATION) != (d->message_opcode != 0))
		return -EPROTO;
	if (f->compressed && !d->codec)
		return -EPROTO;
	if (f->fin && opcode != GV_WS_CONTINUATION)
		return deliver(d, f->compressed, opcode, data, size, fn, arg);
	if (d->message_size + size > WS_MAX_MESSAGE)
		return -EMSGSIZE;
	int r = append(&d->message, &d->message_size, &d->message_capacity, data, size);
	if (r < 0)
		return r;
	if (opcode != GV_WS_CONTINUATION) {
		d->message_opcode = opcode;
		d->message_compressed = f->compressed;
	}
	if (!f->fin)
		return 0;
	enum gv_ws_opcode whole = d->message_opcode;
	size_t whole_size = d->message_size;
	d->message_opcode = 0;
	d->message_size = 0;
	return deliver(d, d->message_compressed, whole, d->message, whole_size, fn, arg);
}

/* All whole frames in data; *ret_used is what they took. */
static int frames(struct ws_decoder *d, const uint8_t *data, size_t size, size_t *ret_used, ws_message_fn *fn,
		  void *arg)
{
	size_t used = 0;
	int r = 0;
	while (r == 0) {
		struct gv_ws_frame f;
		const char *why;
		int found = gv_ws_parse(GV_WS_SERVER, data + used, size - used, &f, &why);
		if (found < 0)
			return found;
		if (found && f.size > WS_MAX_MESSAGE)
			return -EMSGSIZE;
		if (!found || size - used - f.header < f.size)
			break;
		const uint8_t *payload = data + used + f.header;
		used += f.header + (size_t)f.size;
		if (f.opcode >= GV_WS_CLOSE)
			r = fn(arg, f.opcode, payload, (size_t)f.size);
		else
			r = fragment(d, &f, payload, fn, arg);
	}
	*ret_used = used;
	return r;
}

int ws_decode(struct ws_decoder *d, const uint8_t *data, size_t size, ws_message_fn *fn, void *arg)
{
	size_t used = 0;
	if (!d->held_size) {
		int r = frames(d, data, size, &used, fn, arg);
		if (r != 0 || used == size)
			return r;
		return append(&d->held, &d->held_size, &d->held_capacity, data + used, size - used);
	}
	int r = append(&d->held, &d->held_size, &d->held_capacity, data, size);
	if (r == 0)
		r = frames(d, d->held, d->held_size, &used, fn, arg);
	if (r != 0)
		return r;
	d->held_size -= used;
	memmove(d->held, d->held + used, d->held_size);
	return 0;
}
