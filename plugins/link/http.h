/* One HTTP request and its reply, between http.c, which reads the one, and reply.c, which writes the other. */
#ifndef LINK_HTTP_H
#define LINK_HTTP_H

#include "link.h"

#define VALIDATOR_MAX 128 /* bytes of a Range or If-None-Match header that are looked at */

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
	char range[VALIDATOR_MAX], none_match[VALIDATOR_MAX];
	/* the reply */
	bool started, chunked_out;
	int file; /* a blob that is being sent; -1: none */
	uint64_t file_at, file_left;
};

/* The reply is out: the next request, or the end. */
void http_completed(struct conn *c);
const char *http_status_text(unsigned status);
/* reply.c: starts to serve a blob. */
void blob_send(struct conn *c, const Link__HttpResponse *m);

#endif
