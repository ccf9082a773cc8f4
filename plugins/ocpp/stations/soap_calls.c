/* Calls to stations over SOAP: posted by link, durably, so that the answer comes back after a crash of ours too. The
 * calls themselves are rows of commands.c, one under way for each station; here is only how they travel. */
#include "soap_station.h"
#include "commands.h"

#include <plugins/ocpp/edge/edge.h>
#include <plugins/ocpp/wire/coding.h>

#include <galvan/link.pb-c.h>

#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>

#define FETCH "galvan.link.v1.Http/Fetch"
#define MARGIN_MS 500 /* by which link gives up before commands.c does */

static const struct soap_version *version_of(const struct station *st)
{
	return st->edge->spec == soap_v15.spec ? &soap_v15 : &soap_v16;
}

bool soap_knows(const struct station *st, const char *action)
{
	return soap_action(version_of(st), action) != NULL;
}

static int envelope(struct ocpp *o, struct gv_turn *t, const struct station *st, const Ocpp__SoapRow *soap,
		    const Ocpp__Command *row)
{
	struct soap_addresses a = { soap->identity, gv_str(t, "urn:galvan:%s", row->message_id),
				    soap->address[0] ? soap->address : SOAP_ANONYMOUS, soap->callback,
				    soap->old_addressing };
	const struct spec_action *action = soap_action(version_of(st), row->action);
	cJSON *payload = cJSON_Parse(row->payload);

	if (!action || !payload) {
		cJSON_Delete(payload);
		return -EINVAL;
	}
	soap_write_request(&o->out, version_of(st), action, payload, &a);
	cJSON_Delete(payload);
	return o->out.error;
}

int soap_post(struct ocpp *o, struct gv_turn *t, const struct station *st, const Ocpp__Command *row)
{
	const Ocpp__SoapRow *soap = gv_get(t, &ocpp_soap, gv_key(st->device));
	int64_t left_ms = row->deadline_ms - gv_now_ms(t);
	Link__HttpHeader type = LINK__HTTP_HEADER__INIT, accept = LINK__HTTP_HEADER__INIT;
	Link__HttpHeader *headers[] = { &type, &accept };
	Link__FetchRequest request = LINK__FETCH_REQUEST__INIT;
	Ocpp__SoapCall note = OCPP__SOAP_CALL__INIT;
	int error = soap ? envelope(o, t, st, soap, row) : -EINVAL;

	if (error)
		return error;
	type.name = "content-type";
	type.value = gv_str(t, "application/soap+xml; charset=utf-8; action=\"/%s\"", row->action);
	accept.name = "accept-encoding";
	accept.value = "gzip, deflate";
	request.method = "POST";
	request.url = soap->callback;
	request.headers = headers;
	request.n_headers = 2;
	request.body.data = o->out.data;
	request.body.len = o->out.size;
	request.timeout_ms = (uint32_t)(left_ms > 2 * MARGIN_MS ? left_ms - MARGIN_MS : MARGIN_MS);
	request.max_reply_bytes = SOAP_SIZE_MAX;
	request.forbid_private = !o->soap_private;
	note.device = (char *)st->device;
	note.message_id = row->message_id;
	return gv_call(
		t, &(struct gv_call){
			   .method = FETCH, .request = &request, .timeout_ms = left_ms + MARGIN_MS, .note = &note });
}

/* ---- the answer ------------------------------------------------------------------------------ */

static const char *header(const Link__FetchReply *reply, const char *name)
{
	for (size_t i = 0; i < reply->n_headers; i++)
		if (!strcmp(reply->headers[i]->name, name))
			return reply->headers[i]->value;
	return "";
}

static int told(struct ocpp *o, struct gv_turn *t, struct station *st, const struct rpc_frame *frame)
{
	struct gv_conn conn = { .id = STATION_SOAP, .device = st->device };
	struct gv_frame f = { .conn = &conn };

	if (frame->kind == RPC_ERROR)
		rpc_write_error(&o->out, frame, st->edge->spec->rpc, RPC_GENERIC_ERROR, frame->description);
	else
		rpc_write_result(&o->out, frame, json_print(t, frame->payload));
	f.data = gv_buf_str(&o->out);
	f.size = strlen(f.data);
	return commands_answered(o, t, st, &f, frame);
}

/* What the station's HTTP answer says, as OCPP-J would have it. */
static int answered(struct ocpp *o, struct gv_turn *t, struct station *st, const char *message_id,
		    const Link__FetchReply *reply)
{
	struct rpc_frame frame = { .kind = RPC_ERROR, .id = message_id, .code = "GenericError" };
	struct soap_envelope e = { 0 };
	struct gv_buf body = { 0 };
	int error = coding_decode(header(reply, "content-encoding"), reply->body.data, reply->body.len, SOAP_SIZE_MAX,
				  &body);

	if (!error)
		error = soap_parse(gv_buf_str(&body), body.size, &e);
	if (error) {
		frame.description = gv_str(t, "HTTP %u without an answer in it: %s", reply->status,
					   e.why[0] ? e.why : "its body cannot be decoded");
	} else if (e.kind == SOAP_FAULT) {
		frame.code = e.code[0] ? e.code : "GenericError";
		frame.description = e.reason;
	} else if (e.kind == SOAP_RESPONSE && e.action->directions & SPEC_DOWN) {
		frame.kind = RPC_RESULT;
		frame.payload = e.payload;
		station_quirks(o, t, st, e.quirks);
	} else {
		frame.description = "a request where an answer was wanted";
	}
	error = error == -ENOMEM ? error : told(o, t, st, &frame);
	soap_free(&e);
	gv_buf_fini(&body);
	return error;
}

/* Other refusals, such as of a private address, are about the address and not about who is there. */
static bool is_unreached(enum gv_code code)
{
	return code == GV_UNAVAILABLE || code == GV_DEADLINE_EXCEEDED;
}

int soap_answered(struct ocpp *o, struct gv_turn *t, const Ocpp__SoapCall *note, const struct gv_answer *answer)
{
	struct station *st = station_find(o, note->device);
	const Ocpp__SoapRow *soap = gv_get(t, &ocpp_soap, gv_key(note->device));
	struct outcome out = { .kind = OUTCOME_UNREACHED };
	bool offline;
	int error;

	if (!st || st->conn != STATION_SOAP)
		return 0; /* whoever asked knows already */
	if (answer->code == GV_OK && answer->reply) {
		st->last_ms = gv_now_ms(t);
		soap_called(t, note->device, true);
		return answered(o, t, st, note->message_id, answer->reply);
	}
	if (answer->code == GV_DEADLINE_EXCEEDED)
		out.kind = OUTCOME_TIMEOUT;
	out.description = gv_str(t, "%s: %.255s", soap ? soap->callback : "", answer->error);
	offline = is_unreached(answer->code) && soap_called(t, note->device, false);
	error = commands_failed(o, t, st, note->message_id, &out, !offline);
	return offline && !error ? ocpp_closed(o, t, note->device, STATION_SOAP) : error;
}
