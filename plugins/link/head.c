/* HTTP/1 request heads, parsed here because what link needs of them (the path as it was sent, every header line, the
 * client's own order of subprotocols) is not to be had from libwebsockets 4.1: see docs/adr. Strict where laxness would
 * be a hole (lengths, folding, names), lax where devices are known to be sloppy (bare line feeds, empty lines in
 * front). */
#include "head.h"

#include <errno.h>
#include <string.h>

static bool is_token(unsigned char c)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c && strchr(others, c));
}

/* Takes the next line off *rest, without its end. False where there is no whole line. */
static bool next_line(struct slice *rest, struct slice *ret_line)
{
	const char *end = rest->size ? memchr(rest->data, '\n', rest->size) : NULL;
	size_t n;

	if (!end)
		return false;
	n = (size_t)(end - rest->data);
	*ret_line = slice(rest->data, n && rest->data[n - 1] == '\r' ? n - 1 : n);
	*rest = slice(end + 1, rest->size - n - 1);
	return true;
}

/* Where the head ends, behind its empty line; 0 where it does not yet. */
static size_t find_end(const char *data, size_t size)
{
	struct slice rest = slice(data, size), line;
	bool begun = false;

	while (next_line(&rest, &line)) {
		if (line.size)
			begun = true;
		else if (begun)
			return size - rest.size;
	}
	return 0;
}

/* Whoever speaks something else is not to be waited for. */
static bool begins_like_http(const char *data, size_t size)
{
	while (size && (*data == '\r' || *data == '\n')) {
		data++;
		size--;
	}
	return !size || is_token((unsigned char)*data);
}

static int parse_request_line(struct slice line, struct head *h, const char **ret_why)
{
	const char *first = memchr(line.data, ' ', line.size), *end = line.data + line.size, *second;

	*ret_why = "the request line is not METHOD TARGET HTTP/1.x";
	if (!first || first == line.data)
		return -EINVAL;
	second = memchr(first + 1, ' ', (size_t)(end - first - 1));
	if (!second || second == first + 1)
		return -EINVAL;
	h->method = slice(line.data, (size_t)(first - line.data));
	h->target = slice(first + 1, (size_t)(second - first - 1));
	for (size_t i = 0; i < h->method.size; i++) {
		if (!is_token((unsigned char)h->method.data[i]))
			return -EINVAL;
	}
	if (end - second != 9 || memcmp(second + 1, "HTTP/", 5) != 0)
		return -EINVAL;
	if (second[6] != '1' || second[7] != '.' || second[8] < '0' || second[8] > '9') {
		*ret_why = "only HTTP/1.0 and HTTP/1.1 are spoken here";
		return -EPROTONOSUPPORT;
	}
	h->minor = (unsigned)(second[8] - '0');
	return 0;
}

static int parse_field(struct slice line, struct head *h, const char **ret_why)
{
	const char *colon = memchr(line.data, ':', line.size);
	char *name = (char *)line.data; /* the caller's buffer, which is writable */
	struct head_field *f;
	size_t n;

	*ret_why = "a header line is not NAME: VALUE";
	if (!colon || colon == line.data)
		return -EINVAL;
	n = (size_t)(colon - line.data);
	for (size_t i = 0; i < n; i++) {
		if (!is_token((unsigned char)name[i]))
			return -EINVAL;
		if (name[i] >= 'A' && name[i] <= 'Z')
			name[i] = (char)(name[i] - 'A' + 'a');
	}
	if (h->n_fields == HEAD_FIELDS_MAX) {
		*ret_why = "more than 64 header lines";
		return -E2BIG;
	}
	f = &h->fields[h->n_fields++];
	f->name = slice(name, n);
	f->value = slice_trim(slice(colon + 1, line.size - n - 1));
	for (size_t i = 0; i < f->value.size; i++) {
		unsigned char c = (unsigned char)f->value.data[i];

		if ((c < ' ' && c != '\t') || c == 0x7f) {
			*ret_why = "a header value has a control character";
			return -EINVAL;
		}
	}
	return 0;
}

static int parse_length(struct slice value, struct head *h, const char **ret_why)
{
	int64_t n = 0;

	*ret_why = "Content-Length is not one number";
	if (!value.size || value.size > 15)
		return -EINVAL;
	for (size_t i = 0; i < value.size; i++) {
		if (value.data[i] < '0' || value.data[i] > '9')
			return -EINVAL;
		n = n * 10 + (value.data[i] - '0');
	}
	if (h->content_length >= 0 && h->content_length != n)
		return -EINVAL;
	h->content_length = n;
	return 0;
}

/* What the fields say about the message itself. */
static int interpret(struct head *h, const char **ret_why)
{
	bool close = false, keep = false;
	int r;

	for (size_t i = 0; i < h->n_fields; i++) {
		struct slice name = h->fields[i].name, value = h->fields[i].value;

		if (slice_is(name, "content-length")) {
			r = parse_length(value, h, ret_why);
			if (r < 0)
				return r;
		} else if (slice_is(name, "transfer-encoding")) {
			*ret_why = "the only transfer coding understood is chunked";
			if (!slice_is_nocase(value, "chunked") || h->chunked)
				return -ENOTSUP;
			h->chunked = true;
		} else if (slice_is(name, "connection")) {
			close |= list_has(value, "close");
			keep |= list_has(value, "keep-alive");
			h->upgrade |= list_has(value, "upgrade");
		} else if (slice_is(name, "upgrade")) {
			h->websocket |= list_has(value, "websocket");
		} else if (slice_is(name, "expect")) {
			h->expect |= slice_is_nocase(value, "100-continue");
		}
	}
	*ret_why = "Content-Length and Transfer-Encoding exclude each other";
	if (h->chunked && (h->content_length >= 0 || h->minor == 0))
		return -EINVAL;
	h->keep_alive = !close && (h->minor >= 1 || keep);
	return 0;
}

static int parse_status_line(struct slice line, struct head *h, unsigned *ret_status, const char **ret_why)
{
	const char *s = line.data;

	*ret_why = "the answer is not HTTP/1.1";
	if (line.size < 12 || memcmp(s, "HTTP/1.", 7) != 0 || s[7] < '0' || s[7] > '9' || s[8] != ' ')
		return -EINVAL;
	*ret_status = 0;
	for (int i = 9; i < 12; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -EINVAL;
		*ret_status = *ret_status * 10 + (unsigned)(s[i] - '0');
	}
	h->minor = (unsigned)(s[7] - '0');
	return 0;
}

/* `ret_status` NULL: a request. */
static int parse(char *data, size_t size, struct head *ret, unsigned *ret_status, const char **ret_why)
{
	size_t end = find_end(data, size < HEAD_MAX ? size : HEAD_MAX);
	struct slice rest, line;
	int r;

	if (end == 0 && size >= HEAD_MAX) {
		*ret_why = "the request's head is longer than 8192 bytes";
		return -E2BIG;
	}
	if (end == 0) {
		*ret_why = "this is not HTTP; is it TLS, at a port without?";
		return begins_like_http(data, size) ? 0 : -EINVAL;
	}
	memset(ret, 0, offsetof(struct head, fields));
	ret->n_fields = 0;
	ret->content_length = -1;
	ret->chunked = ret->keep_alive = ret->upgrade = ret->websocket = ret->expect = false;
	rest = slice(data, end);
	while (next_line(&rest, &line) && !line.size)
		;
	r = ret_status ? parse_status_line(line, ret, ret_status, ret_why) : parse_request_line(line, ret, ret_why);
	while (r == 0 && next_line(&rest, &line) && line.size)
		r = parse_field(line, ret, ret_why);
	if (r == 0)
		r = interpret(ret, ret_why);
	return r < 0 ? r : (int)end;
}

int head_parse(char *data, size_t size, struct head *ret, const char **ret_why)
{
	return parse(data, size, ret, NULL, ret_why);
}

int head_parse_response(char *data, size_t size, struct head *ret, unsigned *ret_status, const char **ret_why)
{
	return parse(data, size, ret, ret_status, ret_why);
}

const struct slice *head_get(const struct head *h, const char *name)
{
	for (size_t i = 0; i < h->n_fields; i++) {
		if (slice_is(h->fields[i].name, name))
			return &h->fields[i].value;
	}
	return NULL;
}

enum subprotocol head_subprotocol(const struct head *h, const char *const *ours, size_t n_ours, size_t *ret_index)
{
	bool asked = false;

	for (size_t i = 0; i < h->n_fields; i++) {
		struct slice rest = h->fields[i].value, item;

		if (!slice_is(h->fields[i].name, "sec-websocket-protocol"))
			continue;
		while (list_next(&rest, &item)) {
			asked = true;
			for (size_t k = 0; k < n_ours; k++) {
				if (slice_is(item, ours[k])) {
					*ret_index = k;
					return SUBPROTOCOL_FOUND;
				}
			}
		}
	}
	return asked ? SUBPROTOCOL_NONE_COMMON : SUBPROTOCOL_NOT_ASKED;
}

bool head_subprotocol_empty(const struct head *h)
{
	for (size_t i = 0; i < h->n_fields; i++) {
		struct slice rest = h->fields[i].value;
		bool more = slice_is(h->fields[i].name, "sec-websocket-protocol");

		while (more) {
			const char *comma = rest.size ? memchr(rest.data, ',', rest.size) : NULL;
			size_t n = comma ? (size_t)(comma - rest.data) : rest.size;

			if (!slice_trim(slice(rest.data, n)).size)
				return true;
			more = comma != NULL;
			rest = more ? slice(comma + 1, rest.size - n - 1) : rest;
		}
	}
	return false;
}

static int chunk_size_digit(struct chunks *c, char digit)
{
	int value = digit >= '0' && digit <= '9'   ? digit - '0'
		    : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
		    : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
						   : -1;

	if (value >= 0) {
		c->left = c->left << 4 | (unsigned)value;
		return ++c->digits > 12 ? -EINVAL : 0;
	}
	if (!c->digits)
		return -EINVAL;
	if (digit == '\r')
		c->state = CHUNK_SIZE_END;
	else if (digit == ';' || digit == ' ' || digit == '\t')
		c->state = CHUNK_EXTENSION;
	else
		return -EINVAL;
	return 0;
}

/* One byte outside of a chunk's data. */
static int chunk_byte(struct chunks *c, char byte)
{
	switch (c->state) {
	case CHUNK_SIZE:
		return chunk_size_digit(c, byte);
	case CHUNK_EXTENSION: /* ignored, but bounded */
		if (++c->trailer > HEAD_MAX)
			return -EINVAL;
		if (byte == '\r')
			c->state = CHUNK_SIZE_END;
		return byte == '\n' || byte == '\0' ? -EINVAL : 0;
	case CHUNK_SIZE_END:
		c->state = c->left ? CHUNK_DATA : CHUNK_TRAILER;
		c->digits = 0;
		return byte == '\n' ? 0 : -EINVAL;
	case CHUNK_DATA_CR:
		c->state = CHUNK_DATA_END;
		return byte == '\r' ? 0 : -EINVAL;
	case CHUNK_DATA_END:
		c->state = CHUNK_SIZE;
		return byte == '\n' ? 0 : -EINVAL;
	case CHUNK_TRAILER: /* at the start of a line */
		c->state = byte == '\r' ? CHUNK_TRAILER_END : CHUNK_TRAILER_LINE;
		return ++c->trailer > HEAD_MAX || byte == '\n' ? -EINVAL : 0;
	case CHUNK_TRAILER_LINE:
		if (byte == '\n')
			c->state = CHUNK_TRAILER;
		return ++c->trailer > HEAD_MAX ? -EINVAL : 0;
	case CHUNK_TRAILER_END:
		c->state = CHUNK_DONE;
		return byte == '\n' ? 0 : -EINVAL;
	default:
		return -EINVAL;
	}
}

int64_t chunks_read(struct chunks *c, struct slice data, struct slice *ret_part)
{
	size_t at = 0;

	*ret_part = slice(data.data, 0);
	while (at < data.size && c->state != CHUNK_DONE) {
		int r;

		if (c->state == CHUNK_DATA) {
			size_t n = data.size - at < c->left ? data.size - at : (size_t)c->left;

			*ret_part = slice(data.data + at, n);
			c->left -= n;
			if (!c->left)
				c->state = CHUNK_DATA_CR;
			return (int64_t)(at + n);
		}
		r = chunk_byte(c, data.data[at++]);
		if (r < 0)
			return r;
	}
	return (int64_t)at;
}
