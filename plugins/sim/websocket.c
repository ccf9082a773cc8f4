/* WebSocket framing of our own: the load generator shares two cores with the server it measures, and a library that
 * allocates for every message (wslay: 88,000 calls a second where this reaches its socket's limit) would be the largest
 * part of what is measured. */
#include "websocket.h"

#include <errno.h>
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
			 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n%s%s\r\n",
			 r->path, r->host, r->key, protocol, line);
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

uint8_t *ws_frame(uint8_t *buffer, size_t size, enum ws_opcode opcode, uint32_t mask, size_t *ret_size)
{
	uint8_t *payload = buffer + WS_MAX_HEADER, *key = payload - 4, *head;
	if (size < 126) {
		head = key - 2;
		head[1] = (uint8_t)(0x80 | size);
	} else if (size < 65536) {
		head = key - 4;
		head[1] = 0x80 | 126;
		head[2] = (uint8_t)(size >> 8);
		head[3] = (uint8_t)size;
	} else {
		head = key - 10;
		head[1] = 0x80 | 127;
		for (int i = 0; i < 8; i++)
			head[2 + i] = (uint8_t)((uint64_t)size >> (56 - 8 * i));
	}
	head[0] = (uint8_t)(0x80 | opcode);
	memcpy(key, &mask, 4);
	uint64_t wide = (uint64_t)mask << 32 | mask;
	size_t i = 0;
	for (; i + 8 <= size; i += 8) {
		uint64_t word;
		memcpy(&word, payload + i, 8);
		word ^= wide;
		memcpy(payload + i, &word, 8);
	}
	for (; i < size; i++)
		payload[i] ^= key[i & 3];
	*ret_size = (size_t)(payload - head) + size;
	return head;
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

/* One fragment of a message. The common case, a message in one frame, passes through without a copy. */
static int fragment(struct ws_decoder *d, bool final, uint8_t opcode, const uint8_t *data, size_t size,
		    ws_message_fn *fn, void *arg)
{
	if ((opcode == WS_CONTINUATION) != (d->message_opcode != 0))
		return -EPROTO;
	if (final && opcode != WS_CONTINUATION)
		return fn(arg, opcode, data, size);
	if (d->message_size + size > WS_MAX_MESSAGE)
		return -EMSGSIZE;
	int r = append(&d->message, &d->message_size, &d->message_capacity, data, size);
	if (r < 0)
		return r;
	if (opcode != WS_CONTINUATION)
		d->message_opcode = opcode;
	if (!final)
		return 0;
	enum ws_opcode whole = d->message_opcode;
	size_t whole_size = d->message_size;
	d->message_opcode = 0;
	d->message_size = 0;
	return fn(arg, whole, d->message, whole_size);
}

/* The size of the frame's head and in *ret_size that of its payload; 0 if more bytes are needed; or -EPROTO, -EMSGSIZE.
 */
static int frame_head(const uint8_t *p, size_t size, size_t *ret_size)
{
	if (size < 2)
		return 0;
	uint8_t opcode = p[0] & 15, length = p[1] & 127;
	bool control = opcode & 8;
	if ((p[0] & 0x70) || (p[1] & 0x80) || (opcode > WS_BINARY && opcode < WS_CLOSE) || opcode > WS_PONG ||
	    (control && (!(p[0] & 0x80) || length > 125)))
		return -EPROTO; /* reserved bits, a mask, an unknown opcode, or a control frame that is long or in
				   pieces */
	if (length < 126) {
		*ret_size = length;
		return 2;
	}
	int head = length == 126 ? 4 : 10;
	if (size < (size_t)head)
		return 0;
	uint64_t value = 0;
	for (int i = 2; i < head; i++)
		value = value << 8 | p[i];
	if (value > WS_MAX_MESSAGE)
		return -EMSGSIZE;
	*ret_size = (size_t)value;
	return head;
}

/* All whole frames in data; *ret_used is what they took. */
static int frames(struct ws_decoder *d, const uint8_t *data, size_t size, size_t *ret_used, ws_message_fn *fn,
		  void *arg)
{
	size_t used = 0;
	int r = 0;
	while (r == 0) {
		size_t payload;
		int head = frame_head(data + used, size - used, &payload);
		if (head < 0)
			return head;
		if (head == 0 || size - used - (size_t)head < payload)
			break;
		const uint8_t *p = data + used;
		uint8_t opcode = p[0] & 15;
		used += (size_t)head + payload;
		if (opcode & 8)
			r = fn(arg, opcode, p + head, payload);
		else
			r = fragment(d, p[0] & 0x80, opcode, p + head, payload, fn, arg);
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
