/* A charger's call about certificates: each is asked about in turn, and the charger waits for its answer until all are
 * known to be good or one is known not to be. What is under way is the note of the call to the responder. */
#include "contracts.h"

#include <plugins/ocpp/edge/edge.h>

#include <galvan/link.pb-c.h>

#include <ctype.h>
#include <string.h>

static const char *status_answer(struct gv_turn *t, const struct edge *edge, const ProtobufCBinaryData *response,
				 const char *why)
{
	return edge->contracts->status(t, response, why);
}

/* What is known of a certificate, as its contract has it. `why`: it could not be learnt. */
static const char *word_of(struct ocpp *o, struct gv_turn *t, const Ocpp__OcspAsked *note, const Ocpp__OcspRow *row)
{
	const char *problem;
	struct ocsp_answer said;

	/* Whoever is let in by it must have been told so by somebody who may say it. */
	problem = ocsp_read(&row->response, note->ids[note->at], gv_now_ms(t), o->contracts->roots, note->chain, &said);
	if (problem)
		gv_log(t, GV_WARN, "what an OCSP responder says is not believed: %s device=%s url=%.200s", problem,
		       note->device, note->ids[note->at]->url);
	if (problem || said.status == OCSP_UNKNOWN)
		return "NoCertificateAvailable";
	return said.status == OCSP_REVOKED ? "CertificateRevoked" : "Accepted";
}

/* The answer to the charger; NULL: a responder has been asked. */
static const char *go_on(struct ocpp *o, struct gv_turn *t, const struct edge *edge, Ocpp__OcspAsked *note)
{
	const char *word = "Accepted", *why;

	for (; note->at < note->n_ids; note->at++) {
		const Ocpp__OcspRow *row = responder_said(t, note->ids[note->at]);

		why = row ? NULL : responder_ask(o, t, note->ids[note->at], note);
		if (!row && !why)
			return NULL;
		if (!note->authorize)
			return status_answer(t, edge, row ? &row->response : NULL, why);
		word = row ? word_of(o, t, note, row) : "NoCertificateAvailable";
		if (strcmp(word, "Accepted") != 0)
			break;
	}
	return edge->contracts->authorized(o, t, note->device, note->token, word);
}

static int begin(struct ocpp *o, struct gv_turn *t, struct inbound *in, Ocpp__OcspAsked *note)
{
	note->device = (char *)in->device;
	note->conn = in->st->conn;
	note->message_id = (char *)in->id;
	note->action = (char *)in->action->name;
	note->numeric_id = in->id_is_number;
	in->answer = go_on(o, t, in->st->edge, note);
	return 0;
}

int contract_status(struct ocpp *o, struct gv_turn *t, struct inbound *in, Ocpp__OcspId *id)
{
	Ocpp__OcspAsked note = OCPP__OCSP_ASKED__INIT;

	note.ids = &id;
	note.n_ids = 1;
	return begin(o, t, in, &note);
}

/* A contract's name, with or without hyphens. */
static bool same_name(const char *a, const char *b)
{
	for (;;) {
		a += strspn(a, "-");
		b += strspn(b, "-");
		if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
			return false;
		if (!*a)
			return true;
		a++;
		b++;
	}
}

int contract_authorize(struct ocpp *o, struct gv_turn *t, struct inbound *in, const struct said_contract *said)
{
	const struct edge_contracts *edge = in->st->edge->contracts;
	Ocpp__OcspAsked note = OCPP__OCSP_ASKED__INIT;
	const char *word = o->contracts && o->contracts->roots ? "Accepted" : "NoCertificateAvailable";

	note.authorize = true;
	note.token = (char *)said->token;
	note.chain = (char *)said->chain;
	note.ids = said->ids;
	note.n_ids = said->n_ids;
	if (!strcmp(word, "Accepted") && said->chain[0]) {
		Ocpp__OcspId **ids = NULL;
		size_t n = 0;

		word = chain_check(t, said->chain, o->contracts->roots, gv_now_ms(t), &ids, &n);
		if (!strcmp(word, "Accepted") && !same_name(chain_name(t, said->chain), said->token))
			word = "CertChainError"; /* it is somebody else's */
		if (!said->n_ids) {
			note.ids = ids;
			note.n_ids = n;
		}
	}
	if (strcmp(word, "Accepted") != 0 || !note.n_ids) {
		/* Without a way to learn whether it was revoked it is not let in. */
		in->answer = edge->authorized(o, t, in->device, said->token,
					      strcmp(word, "Accepted") ? word : "NoCertificateAvailable");
		return 0;
	}
	return begin(o, t, in, &note);
}

int contract_answered(struct ocpp *o, struct gv_turn *t, Ocpp__OcspAsked *note, const struct gv_answer *answer)
{
	const Link__FetchReply *reply = answer->code == GV_OK ? answer->reply : NULL;
	struct station *st = station_find(o, note->device);
	struct ocsp_answer said = { 0 };
	const char *problem = "it did not answer", *text;

	if (note->at >= note->n_ids || !o->contracts)
		return 0;
	if (reply && reply->status != 200)
		problem = gv_str(t, "it answered HTTP %u", reply->status);
	else if (reply)
		problem = ocsp_read(&reply->body, note->ids[note->at], gv_now_ms(t), NULL, "", &said);
	if (!problem) /* one that nobody knows may be known soon */
		responder_keep(t, note->ids[note->at], &reply->body, said.status == OCSP_UNKNOWN ? 0 : said.until_ms);
	else
		gv_log(t, GV_WARN, "an OCSP responder is of no use: %s device=%s url=%.200s error=\"%.200s\"", problem,
		       note->device, note->ids[note->at]->url, answer->error ? answer->error : "");
	if (!st || st->conn != note->conn || !st->edge->contracts)
		return 0; /* nobody waits for it any more */
	if (!problem)
		text = go_on(o, t, st->edge, note);
	else if (note->authorize)
		text = st->edge->contracts->authorized(o, t, note->device, note->token, "NoCertificateAvailable");
	else
		text = status_answer(t, st->edge, NULL, "NoAnswer");
	return text ? frames_answer(o, t, st, note->message_id, note->numeric_id, note->action, text) : 0;
}
