/* HTTP around a station's envelope: methods, content codings, and the way to the instance that the station belongs to,
 * as link cannot know from the outside whose request it is. */
#include "stations/soap_station.h"
#include "wire/coding.h"

#include <galvan/link.pb-c.h>

#include <errno.h>
#include <string.h>

#define PATH "/ocpp/soap"
#define COMPRESS_MIN 512         /* bytes of an answer below which compressing gains nothing */
#define FORWARD_TIMEOUT_MS 20000 /* stations wait for half a minute and more */
#define RETRY_AFTER_S "5"        /* what a 503 asks for, as link's do */
#define TEXT "text/plain; charset=utf-8"
#define ENVELOPE "application/soap+xml; charset=utf-8"

static const char *header(const Link__HttpRequest *r, const char *name)
{
	for (size_t i = 0; i < r->n_headers; i++)
		if (!strcmp(r->headers[i]->name, name))
			return r->headers[i]->value;
	return "";
}

static int respond(struct gv_turn *t, uint64_t conn, bool gzip, unsigned status, const char *type, const void *data,
		   size_t size)
{
	Link__HttpResponse response = LINK__HTTP_RESPONSE__INIT;
	Link__HttpHeader headers[4], *list[4];
	const char *const pairs[][2] = { { "content-type", type },
					 { "content-encoding", "gzip" },
					 { "allow", "POST" },
					 { "retry-after", RETRY_AFTER_S } };
	struct gv_buf packed = { 0 };
	int error;

	gzip = gzip && size >= COMPRESS_MIN && !coding_gzip(data, size, &packed);
	response.status = status;
	response.headers = list;
	for (size_t i = 0; i < 4; i++) {
		if ((i == 1 && !gzip) || (i == 2 && status != 405) || (i == 3 && status != 503))
			continue;
		link__http_header__init(&headers[i]);
		headers[i].name = (char *)pairs[i][0];
		headers[i].value = (char *)pairs[i][1];
		list[response.n_headers++] = &headers[i];
	}
	response.body.data = gzip ? packed.data : (uint8_t *)data;
	response.body.len = gzip ? packed.size : size;
	error = gv_respond(t, conn, &response);
	gv_buf_fini(&packed);
	return error;
}

/* To who sends no SOAP at all. */
static int respond_text(struct gv_turn *t, uint64_t conn, unsigned status, const char *text)
{
	return respond(t, conn, false, status, TEXT, text, strlen(text));
}

/* ---- another instance's ---------------------------------------------------------------------- */

/* Durable, so that the answer finds the connection although this instance died meanwhile. */
static int forward(struct gv_turn *t, uint64_t conn, const struct soap_exchange *x)
{
	Ocpp__SoapRequest request = OCPP__SOAP_REQUEST__INIT;
	Ocpp__SoapForward note = OCPP__SOAP_FORWARD__INIT;

	request.device = (char *)x->elsewhere;
	request.envelope.data = (uint8_t *)x->data;
	request.envelope.len = x->size;
	request.peer = (char *)x->peer;
	note.conn = conn;
	return gv_call(t, &(struct gv_call){ .method = "galvan.ocpp.v1.Ocpp/Soap",
					     .request = &request,
					     .timeout_ms = FORWARD_TIMEOUT_MS,
					     .note = &note });
}

int soap_forwarded(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const Ocpp__SoapRequest *r)
{
	struct soap_exchange x = { .data = (const char *)r->envelope.data, .size = r->envelope.len, .peer = r->peer };
	Ocpp__SoapReply reply = OCPP__SOAP_REPLY__INIT;
	int error = soap_handle(o, t, &x);

	if (error)
		return error;
	if (x.elsewhere)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "the envelope is of %s: device must say so",
				 x.elsewhere);
	reply.status = x.status;
	reply.envelope.data = o->out.data;
	reply.envelope.len = o->out.size;
	return gv_reply(t, ticket, &reply);
}

int soap_forward_answered(struct gv_turn *t, const Ocpp__SoapForward *note, const struct gv_answer *answer)
{
	const Ocpp__SoapReply *reply = answer->reply;

	if (answer->code != GV_OK || !reply)
		return respond_text(t, note->conn, 503, "the central system is busy; try again soon\n");
	return respond(t, note->conn, false, reply->status, ENVELOPE, reply->envelope.data, reply->envelope.len);
}

/* ---- requests -------------------------------------------------------------------------------- */

static int take(struct ocpp *o, struct gv_turn *t, const struct gv_frame *f, const struct gv_buf *body)
{
	const Link__HttpRequest *r = f->request;
	struct soap_exchange x = {
		.data = (const char *)body->data, .size = body->size, .peer = r->peer, .again = f->again
	};
	int error = soap_handle(o, t, &x);

	if (error)
		return error;
	if (x.elsewhere)
		return forward(t, f->conn->id, &x);
	return respond(t, f->conn->id, coding_accepts_gzip(header(r, "accept-encoding")), x.status, ENVELOPE,
		       o->out.data, o->out.size);
}

int soap_request(struct ocpp *o, struct gv_turn *t, const struct gv_frame *f)
{
	const Link__HttpRequest *r = f->request;
	uint64_t conn = f->conn->id;
	struct gv_buf body = { 0 };
	int error;

	gv_count(t, "soap_requests", 1);
	if (strcmp(r->method, "POST") != 0)
		return respond_text(t, conn, 405, "OCPP 1.5 and 1.6 stations post SOAP envelopes here\n");
	error = coding_decode(header(r, "content-encoding"), r->body.data, r->body.len, SOAP_SIZE_MAX, &body);
	if (error == -ENOTSUP)
		error = respond_text(t, conn, 415, "of content encodings, gzip and deflate are understood here\n");
	else if (error == -EFBIG)
		error = respond_text(t, conn, 413, "the envelope is too large\n");
	else if (error == -EBADMSG)
		error = respond_text(t, conn, 400, "the body is not encoded as its Content-Encoding says\n");
	else if (!error)
		error = take(o, t, f, &body);
	gv_buf_fini(&body);
	return error;
}

int soap_listen(struct gv_turn *t)
{
	Link__Listener l = LINK__LISTENER__INIT;

	l.name = SOAP_LISTENER;
	l.kind = LINK__LISTENER__KIND__HTTP;
	l.path = PATH;
	l.max_body_bytes = SOAP_SIZE_MAX;
	return gv_listen(t, &l);
}
