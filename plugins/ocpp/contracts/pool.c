/* A car that has no contract's certificate yet, or a new one, asks for it (2.0.1, M01 and M02). What it says is sealed:
 * it goes to whoever the config names, and what that says goes back. */
#include "contracts.h"

#include <plugins/ocpp/edge/edge.h>

#include <galvan/link.pb-c.h>

#include <string.h>

#define ANSWER_MAX 16384 /* bytes: an exiResponse has 7500 characters */

int pool_ask(struct ocpp *o, struct gv_turn *t, struct inbound *in, const char *request)
{
	const struct edge_contracts *edge = in->st->edge->contracts;
	Ocpp__PoolAsked note = OCPP__POOL_ASKED__INIT;

	in->answer = edge->certificate(t, NULL, 0, "NoContractPool");
	if (!o->contracts || !o->contracts->pool.url[0])
		return 0;
	note.device = (char *)in->device;
	note.conn = in->st->conn;
	note.message_id = (char *)in->id;
	note.action = (char *)in->action->name;
	note.numeric_id = in->id_is_number;
	if (server_post(t, &o->contracts->pool, request, ANSWER_MAX, &note))
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
