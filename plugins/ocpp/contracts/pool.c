/* A car that has no contract's certificate yet, or a new one, asks for it (2.0.1, M01 and M02). What it says is sealed:
 * it goes to whoever the config names, and what that says goes back. */
#include "contracts.h"

#include <plugins/ocpp/edge/edge.h>

#include <galvan/link.pb-c.h>

#include <string.h>

#define FETCH "galvan.link.v1.Http/Fetch"
#define MARGIN_MS 500
#define ANSWER_MAX 16384 /* bytes: an exiResponse has 7500 characters */

static Link__HttpHeader *header(struct gv_turn *t, const char *name, const char *value)
{
	Link__HttpHeader *h = gv_alloc(t, sizeof *h);

	link__http_header__init(h);
	h->name = (char *)name;
	h->value = (char *)value;
	return h;
}

int pool_ask(struct ocpp *o, struct gv_turn *t, struct inbound *in, const char *request)
{
	const struct edge_contracts *edge = in->st->edge->contracts;
	Link__FetchRequest fetch = LINK__FETCH_REQUEST__INIT;
	Ocpp__PoolAsked note = OCPP__POOL_ASKED__INIT;

	in->answer = edge->certificate(t, NULL, 0, "NoContractPool");
	if (!o->contracts || !o->contracts->pool_url[0])
		return 0;
	note.device = (char *)in->device;
	note.conn = in->st->conn;
	note.message_id = (char *)in->id;
	note.action = (char *)in->action->name;
	note.numeric_id = in->id_is_number;
	*GV_APPEND(t, fetch.headers, fetch.n_headers) = header(t, "content-type", "application/json");
	if (o->contracts->pool_authorization[0])
		*GV_APPEND(t, fetch.headers, fetch.n_headers) = header(t, "authorization",
								       o->contracts->pool_authorization);
	fetch.method = "POST";
	fetch.url = o->contracts->pool_url;
	fetch.body.data = (uint8_t *)request;
	fetch.body.len = strlen(request);
	fetch.timeout_ms = (uint32_t)o->contracts->pool_timeout_ms;
	fetch.max_reply_bytes = ANSWER_MAX;
	if (gv_call(t, &(struct gv_call){ .method = FETCH,
					  .request = &fetch,
					  .timeout_ms = o->contracts->pool_timeout_ms + MARGIN_MS,
					  .note = &note }))
		in->answer = edge->certificate(t, NULL, 0, "TooBusy");
	else
		in->answer = NULL;
	return 0;
}

int pool_answered(struct ocpp *o, struct gv_turn *t, const Ocpp__PoolAsked *note, const struct gv_answer *answer)
{
	const Link__FetchReply *reply = answer->code == GV_OK ? answer->reply : NULL;
	struct station *st = station_find(o, note->device);
	bool good = reply && reply->status == 200;

	if (!good)
		gv_log(t, GV_WARN,
		       "the pool of contract certificates has not answered: see contracts.pool_url device=%s http=%u "
		       "error=\"%.200s\"",
		       note->device, reply ? reply->status : 0, answer->error ? answer->error : "");
	if (!st || st->conn != note->conn || !st->edge->contracts)
		return 0; /* nobody waits for it any more */
	return frames_answer(o, t, st, note->message_id, note->numeric_id, note->action,
			     st->edge->contracts->certificate(t, good ? (const char *)reply->body.data : NULL,
							      good ? reply->body.len : 0, "NoAnswer"));
}
