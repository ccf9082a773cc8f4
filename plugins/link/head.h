/* The head of an HTTP/1 request, and a body in chunks: pure functions over bytes that a stranger sent. */
#ifndef LINK_HEAD_H
#define LINK_HEAD_H

#include "text.h"

#define HEAD_MAX 8192      /* bytes of a request's head; a longer one is answered with 431 */
#define HEAD_FIELDS_MAX 64 /* header lines; more are answered with 431 */

struct head_field {
	struct slice name; /* in lower case */
	struct slice value;
};

struct head { /* points into the bytes that were parsed */
	struct slice method, target;
	unsigned minor; /* of HTTP/1.minor */
	struct head_field fields[HEAD_FIELDS_MAX];
	size_t n_fields;
	int64_t content_length; /* -1: not given */
	bool chunked;           /* Transfer-Encoding: chunked */
	bool keep_alive;
	bool upgrade;   /* Connection: upgrade */
	bool websocket; /* Upgrade: websocket */
	bool expect;    /* Expect: 100-continue */
};

/* Parses in place: names become lower case, which makes it fine to parse the same bytes again. The number of bytes the
 * head takes; 0 where its end has not come yet; -E2BIG beyond the limits above, -EINVAL for bad syntax,
 * -EPROTONOSUPPORT for another HTTP version, -ENOTSUP for another transfer coding than chunked; *ret_why then says what
 * is wrong. */
int head_parse(char *data, size_t size, struct head *ret, const char **ret_why);

/* The same for the head of a response: `method` and `target` stay empty, *ret_status is of HTTP. */
int head_parse_response(char *data, size_t size, struct head *ret, unsigned *ret_status, const char **ret_why);

/* The first field of that name (lower case); NULL where there is none. */
const struct slice *head_get(const struct head *h, const char *name);

enum subprotocol { SUBPROTOCOL_NOT_ASKED, SUBPROTOCOL_NONE_COMMON, SUBPROTOCOL_FOUND };
/* The first that the client names, over all its Sec-WebSocket-Protocol lines, of those in `ours`. Names are compared
 * exactly; empty items do not count. */
enum subprotocol head_subprotocol(const struct head *h, const char *const *ours, size_t n_ours, size_t *ret_index);
/* Whether an item of the client's list of subprotocols is empty, which the list's syntax does not allow. */
bool head_subprotocol_empty(const struct head *h);

/* A body in chunks (RFC 9112 7.1). Zero-initialised it is at the start. */
struct chunks {
	enum {
		CHUNK_SIZE,
		CHUNK_EXTENSION,
		CHUNK_SIZE_END,
		CHUNK_DATA,
		CHUNK_DATA_CR,
		CHUNK_DATA_END,
		CHUNK_TRAILER,
		CHUNK_TRAILER_LINE,
		CHUNK_TRAILER_END,
		CHUNK_DONE
	} state;
	unsigned digits;
	unsigned trailer; /* bytes of trailer seen, at most HEAD_MAX */
	uint64_t left;
};
/* Takes bytes from `data`: how many, with *ret_part the part of them that is payload; done when state is CHUNK_DONE.
 * -EINVAL for bad syntax. At least one byte is taken unless it is done. */
int64_t chunks_read(struct chunks *c, struct slice data, struct slice *ret_part);

#endif
