/* OCPP-S: the way of a station's request through the plugin. An HTTP request carries an envelope, the envelope a
 * message that the same handlers take as OCPP-J's, and the answer goes back the same way at once (OCPP-S 1.6, 3.2). */
#include "edge/edge.h"
#include "stations/known.h"
#include "stations/mask.h"
#include "stations/soap.h"
#include "wire/coding.h"

#include <galvan/link.pb-c.h>

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define PATH "/ocpp/soap"
#define IDENTITY_MAX 100 /* bytes */
#define COMPRESS_MIN 512 /* bytes of an answer below which compressing gains nothing */

struct exchange {
	uint64_t conn;
	const struct gv_frame *frame;
	const Link__HttpRequest *request;
	struct soap_envelope e;
	const char *device; /* once it is known */
	struct station *st; /* once it has been let in */
};

/* ---- answers --------------------------------------------------------------------------------- */

static const char *header(const Link__HttpRequest *r, const char *name)
{
	for (size_t i = 0; i < r->n_headers; i++)
		if (!strcmp(r->headers[i]->name, name))
			return r->headers[i]->value;
	return "";
}

static int respond(struct gv_turn *t, const struct exchange *x, unsigned status, const char *type, const void *data,
		   size_t size)
{
	Link__HttpResponse response = LINK__HTTP_RESPONSE__INIT;
	Link__HttpHeader headers[3], *list[3];
	const char *const pairs[][2] = { { "content-type", type },
					 { "content-encoding", "gzip" },
					 { "allow", "POST" } };
	struct gv_buf packed = { 0 };
	bool gzip = size >= COMPRESS_MIN && coding_accepts_gzip(header(x->request, "accept-encoding")) &&
		    !coding_gzip(data, size, &packed);
	int error;

	response.status = status;
	response.headers = list;
	for (size_t i = 0; i < 3; i++) {
		if ((i == 1 && !gzip) || (i == 2 && status != 405))
			continue;
		link__http_header__init(&headers[i]);
		headers[i].name = (char *)pairs[i][0];
		headers[i].value = (char *)pairs[i][1];
		list[response.n_headers++] = &headers[i];
	}
	response.body.data = gzip ? packed.data : (uint8_t *)data;
	response.body.len = gzip ? packed.size : size;
	error = gv_respond(t, x->conn, &response);
	gv_buf_fini(&packed);
	return error;
}

/* To who sends no SOAP at all. */
static int respond_text(struct gv_turn *t, const struct exchange *x, unsigned status, const char *text)
{
	return respond(t, x, status, "text/plain; charset=utf-8", text, strlen(text));
}

static int respond_envelope(struct ocpp *o, struct gv_turn *t, const struct exchange *x, unsigned status)
{
	if (o->out.error)
		return o->out.error;
	return respond(t, x, status, "application/soap+xml; charset=utf-8", o->out.data, o->out.size);
}

static const char *new_id(struct gv_turn *t)
{
	uint64_t a = gv_random(t), b = gv_random(t);

	return gv_str(t, "urn:uuid:%08x-%04x-4%03x-%04x-%012" PRIx64, (unsigned)(a >> 32), (unsigned)(a >> 16 & 0xffff),
		      (unsigned)(a & 0xfff), (unsigned)(b >> 48 & 0x3fff) | 0x8000, b & 0xffffffffffff);
}

static int fault(struct ocpp *o, struct gv_turn *t, struct exchange *x, enum soap_fault code, const char *why)
{
	struct rpc_frame frame = { .id = x->e.message_id };
	enum rpc_code rpc = code == SOAP_NOT_SUPPORTED    ? RPC_NOT_SUPPORTED
			    : code == SOAP_SECURITY_ERROR ? RPC_SECURITY_ERROR
							  : RPC_PROTOCOL_ERROR;

	gv_count(t, "soap_faults", 1);
	gv_log(t, GV_INFO, "SOAP request is refused: %s fault=%s peer=%s", why, soap_fault_name(code),
	       x->request->peer);
	if (x->st) {
		rpc_write_error(&o->out, &frame, x->st->edge->spec->rpc, rpc, why);
		message_log(o, t, x->st, false, x->e.action->name, gv_buf_str(&o->out), o->out.size);
	}
	soap_write_fault(&o->out, &x->e, new_id(t), code, why);
	return respond_envelope(o, t, x, soap_fault_status(code));
}

/* ---- who it is ------------------------------------------------------------------------------- */

static bool is_identity(const char *s)
{
	size_t size = strlen(s);

	for (const char *c = s; *c; c++)
		if ((unsigned char)*c <= 0x20 || *c == 0x7f || *c == '/')
			return false;
	return size && size <= IDENTITY_MAX;
}

/* The device that calls; NULL: *ret_why says, with the fault, why it may not. */
static const char *identify(struct ocpp *o, struct gv_turn *t, const struct soap_envelope *e,
			    enum soap_fault *ret_fault, const char **ret_why)
{
	const Ocpp__KnownDevice *known;
	const char *id;

	*ret_fault = SOAP_PROTOCOL_ERROR;
	*ret_why = "the header chargeBoxIdentity is missing, too long, or has a blank or a slash in it";
	if (!is_identity(e->identity))
		return NULL;
	id = gv_str(t, "%s:%s", gv_self(t)->plugin, e->identity);
	known = known_find(t, id);
	*ret_fault = SOAP_SECURITY_ERROR;
	if (!known && !o->accept_unknown_station) {
		*ret_why = gv_str(t, "the registry does not know %s; PutDevice makes it known", id);
		return NULL;
	}
	if (known && known->guarded && !known->allowed) {
		*ret_why = gv_str(
			t,
			"%s has a password or a security profile, which SOAP cannot show: it has to connect over "
			"WebSocket, or its attribute soap must be \"allow\"",
			known->id);
		return NULL;
	}
	return known ? known->id : id;
}

/* ---- what it says ---------------------------------------------------------------------------- */

static enum soap_fault fault_of(enum rpc_code code)
{
	switch (code) {
	case RPC_NOT_IMPLEMENTED:
	case RPC_NOT_SUPPORTED:
		return SOAP_NOT_SUPPORTED;
	case RPC_SECURITY_ERROR:
		return SOAP_SECURITY_ERROR;
	case RPC_INTERNAL_ERROR:
		return SOAP_INTERNAL_ERROR;
	default:
		return SOAP_PROTOCOL_ERROR;
	}
}

/* What stands in the message log: as OCPP-J would have it, so that people read one form. */
static void show(struct ocpp *o, struct gv_turn *t, const struct exchange *x, bool in, const cJSON *payload)
{
	const char *action = x->e.action->name, *text = mask_needed(action) ? mask(t, payload) : json_print(t, payload);
	struct rpc_frame frame = { .id = x->e.message_id };

	if (in)
		rpc_write_call(&o->out, frame.id, action, text);
	else
		rpc_write_result(&o->out, &frame, text);
	message_log(o, t, x->st, in, action, gv_buf_str(&o->out), o->out.size);
}

static int answer(struct ocpp *o, struct gv_turn *t, struct exchange *x, const char *json)
{
	cJSON *payload = cJSON_Parse(json);

	if (!payload)
		return -ENOMEM;
	show(o, t, x, false, payload);
	soap_write_response(&o->out, &x->e, new_id(t), payload);
	cJSON_Delete(payload);
	return respond_envelope(o, t, x, 200);
}

static int handle(struct ocpp *o, struct gv_turn *t, struct exchange *x, uint64_t digest, bool again)
{
	struct station *st = x->st;
	struct inbound in = { .st = st, .device = x->device, .payload = x->e.payload, .answer = "{}" };
	inbound_fn *handler = st->edge->handler(x->e.action->name);
	struct check check = { .version = st->edge->spec };
	int error;

	if (!handler)
		return fault(o, t, x, SOAP_NOT_SUPPORTED, "no station sends this");
	show(o, t, x, true, x->e.payload);
	if (validate(x->e.action->request, x->e.payload, &check))
		return fault(o, t, x, fault_of(check.code), gv_str(t, "%s: %s", check.path, check.text));
	station_quirks(o, t, st, x->e.quirks | check.quirks);
	in.again = again;
	in.digest = digest;
	error = handler(o, t, &in);
	if (error)
		return error;
	return in.code ? fault(o, t, x, fault_of(in.code), in.why) : answer(o, t, x, in.answer);
}

static uint64_t digest_of(const struct gv_buf *body)
{
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < body->size; i++)
		h = (h ^ body->data[i]) * 1099511628211u;
	return h;
}

static int message(struct ocpp *o, struct gv_turn *t, struct exchange *x, const struct gv_buf *body)
{
	uint64_t digest = digest_of(body);
	enum soap_fault code;
	const char *why;
	bool again;
	int error;

	if (x->e.kind != SOAP_REQUEST || !x->e.up)
		return fault(o, t, x, SOAP_PROTOCOL_ERROR, "this address takes requests of stations");
	x->device = identify(o, t, &x->e, &code, &why);
	if (!x->device)
		return fault(o, t, x, code, why);
	error = soap_heard(o, t, x->device, &x->e, x->request->peer, digest, &x->st, &again);
	if (error == -EISCONN)
		return fault(
			o, t, x, SOAP_SECURITY_ERROR,
			gv_str(t, "%s is connected over WebSocket: it can be spoken to in one way only", x->device));
	return error ? error : handle(o, t, x, digest, again || x->frame->again);
}

/* ---- HTTP ------------------------------------------------------------------------------------ */

int soap_request(struct ocpp *o, struct gv_turn *t, const struct gv_frame *f)
{
	struct exchange x = { .conn = f->conn->id, .frame = f, .request = f->request };
	struct gv_buf body = { 0 };
	int error;

	gv_count(t, "soap_requests", 1);
	if (strcmp(x.request->method, "POST") != 0)
		return respond_text(t, &x, 405, "OCPP 1.5 and 1.6 stations post SOAP envelopes here\n");
	error = coding_decode(header(x.request, "content-encoding"), x.request->body.data, x.request->body.len,
			      SOAP_SIZE_MAX, &body);
	if (error == -ENOTSUP)
		error = respond_text(t, &x, 415, "of content encodings, gzip and deflate are understood here\n");
	else if (error == -EFBIG)
		error = respond_text(t, &x, 413, "the envelope is too large\n");
	else if (error == -EBADMSG)
		error = respond_text(t, &x, 400, "the body is not encoded as its Content-Encoding says\n");
	else if (!error) {
		error = soap_parse(gv_buf_str(&body), body.size, &x.e);
		if (error == -EBADMSG)
			error = fault(o, t, &x, x.e.fault, x.e.why);
		else if (!error)
			error = message(o, t, &x, &body);
		soap_free(&x.e);
	}
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
