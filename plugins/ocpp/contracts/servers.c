/* Who says what this node cannot say itself: asked by JSON over HTTP, with an authorization of its own. */
#include "contracts.h"

#include <galvan/link.pb-c.h>

#include <stdlib.h>
#include <string.h>

#define FETCH "galvan.link.v1.Http/Fetch"
#define MARGIN_MS 500 /* of the call, beyond the server's time */

bool server_take(struct contract_server *s, const char *url, const char *authorization, uint32_t timeout_s)
{
	s->url = strdup(url);
	s->authorization = strdup(authorization);
	s->timeout_ms = (int64_t)timeout_s * 1000;
	return s->url && s->authorization;
}

void server_drop(struct contract_server *s)
{
	free(s->url);
	free(s->authorization);
}

static Link__HttpHeader *header(struct gv_turn *t, const char *name, const char *value)
{
	Link__HttpHeader *h = gv_alloc(t, sizeof *h);

	link__http_header__init(h);
	h->name = (char *)name;
	h->value = (char *)value;
	return h;
}

int server_post(struct gv_turn *t, const struct contract_server *s, const char *json, uint32_t max_reply_bytes,
		const void *note)
{
	Link__FetchRequest fetch = LINK__FETCH_REQUEST__INIT;

	*GV_APPEND(t, fetch.headers, fetch.n_headers) = header(t, "content-type", "application/json");
	if (s->authorization[0])
		*GV_APPEND(t, fetch.headers, fetch.n_headers) = header(t, "authorization", s->authorization);
	fetch.method = "POST";
	fetch.url = s->url;
	fetch.body.data = (uint8_t *)json;
	fetch.body.len = strlen(json);
	fetch.timeout_ms = (uint32_t)s->timeout_ms;
	fetch.max_reply_bytes = max_reply_bytes;
	return gv_call(
		t, &(struct gv_call){
			   .method = FETCH, .request = &fetch, .timeout_ms = s->timeout_ms + MARGIN_MS, .note = note });
}
