/* One HTTP request and its reply, between http.c, which reads the one, and reply.c, which writes the other. */
#ifndef LINK_HTTP_H
#define LINK_HTTP_H

#include "link.h"

struct exchange {
	struct link *link;
	/* the request, while its body comes in */
	uint8_t *head;
	size_t head_size;
	struct route *route;
	struct bytes body;
	struct gv_blob_writer *blob;
	uint64_t body_size, left;
	bool chunked;
	struct chunks chunks;
	/* what the reply depends on */
	bool is_head, http10, keep_alive;
	char *range, *if_range, *match, *none_match; /* headers of GET and HEAD; NULL: not given */
	/* the reply */
	bool started, chunked_out;
	struct transfer *transfer; /* a blob that is being sent; NULL: none */
};

/* The reply is out: the next request, or the end. */
void http_completed(struct conn *c);
const char *http_status_text(unsigned status);
/* reply.c: begins a head. */
struct gv_buf;
void http_put_status(struct gv_buf *out, const struct conn *c, unsigned status);
/* Framing is link's; a line break would let a value write headers of its own. */
bool http_header_allowed(const Link__HttpHeader *h);
/* Sends what is in the buffer, and frees it. */
void http_write(struct conn *c, struct gv_buf *out);
/* The plugin's answer cannot be sent; `why` is for the log. */
void http_bad_answer(struct conn *c, const char *why);
/* blob.c: answers with a blob. */
void blob_send(struct conn *c, const Link__HttpResponse *m);
void exchange_forget_headers(struct exchange *x);

#endif
