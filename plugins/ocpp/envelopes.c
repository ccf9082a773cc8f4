/* OCPP-S: the way of a station's envelope through the plugin. It holds a message that the same handlers take as
 * OCPP-J's, and the answer goes back at once (OCPP-S 1.6, 3.2). soap_http.c has what is around it. */
#include "edge/edge.h"
#include "stations/known.h"
#include "stations/mask.h"
#include "stations/registration.h"
#include "stations/security.h"
#include "stations/soap_station.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define IDENTITY_MAX 100 /* bytes */

struct exchange {
	struct soap_exchange *out;
	struct soap_envelope e;
	const char *device; /* once it is known */
	struct station *st; /* once it has been let in */
};

/* ---- answers --------------------------------------------------------------------------------- */

static int answered(struct ocpp *o, struct exchange *x, unsigned status)
{
	x->out->status = status;
	return o->out.error;
}

static const char *new_id(struct gv_turn *t)
{
	uint64_t a = gv_random(t), b = gv_random(t);

	return gv_str(t, "urn:uuid:%08x-%04x-4%03x-%04x-%012" PRIx64, (unsigned)(a >> 32), (unsigned)(a >> 16 & 0xffff),
		      (unsigned)(a & 0xfff), (unsigned)(b >> 48 & 0x3fff) | 0x8000, b & 0xffffffffffff);
}

/* Strangers fill neither the log nor the list of security events. */
static bool once_a_second(struct gv_turn *t, int64_t *last_ms)
{
	bool due = gv_now_ms(t) - *last_ms >= 1000;

	if (due)
		*last_ms = gv_now_ms(t);
	return due;
}

static int fault(struct ocpp *o, struct gv_turn *t, struct exchange *x, enum soap_fault code, const char *why)
{
	struct rpc_frame frame = { .id = x->e.message_id };
	enum rpc_code rpc = code == SOAP_NOT_SUPPORTED    ? RPC_NOT_SUPPORTED
			    : code == SOAP_SECURITY_ERROR ? RPC_SECURITY_ERROR
							  : RPC_PROTOCOL_ERROR;

	gv_count(t, "soap_faults", 1);
	if (once_a_second(t, &o->soap_refused_ms))
		gv_log(t, GV_INFO, "SOAP request is refused: %s fault=%s peer=%s", why, soap_fault_name(code),
		       x->out->peer);
	if (x->st) {
		rpc_write_error(&o->out, &frame, x->st->edge->spec->rpc, rpc, why);
		message_log(o, t, x->st,
			    &(struct message){
				    .action = x->e.action->name, .text = gv_buf_str(&o->out), .size = o->out.size });
	}
	soap_write_fault(&o->out, &x->e, new_id(t), code, why);
	return answered(o, x, soap_fault_status(code));
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

/* The device that calls; NULL: *ret_why says, with the fault, why it may not. SOAP_INTERNAL_ERROR: not yet. */
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
	if (!known && !known_all(t)) { /* it may be known, and have a password */
		*ret_fault = SOAP_INTERNAL_ERROR;
		*ret_why = "the registry's devices are still being read: try again soon";
		return NULL;
	}
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
		if (gv_owns(t, known->id) && once_a_second(t, &o->soap_guarded_ms))
			security_note(o, t, known->id, "no-password", *ret_why);
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
	const struct spec_action *action = x->e.action;
	const char *text = mask_needed(action) ? mask(t, payload) : json_print(t, payload);
	struct rpc_frame frame = { .id = x->e.message_id };
	struct message m = { .action = action->name, .in = in, .routine = action->traits & SPEC_ROUTINE };

	if (in)
		rpc_write_call(&o->out, frame.id, action->name, text);
	else
		rpc_write_result(&o->out, &frame, text);
	m.text = gv_buf_str(&o->out);
	m.size = o->out.size;
	message_log(o, t, x->st, &m);
}

static int answer(struct ocpp *o, struct gv_turn *t, struct exchange *x, const char *json)
{
	cJSON *payload = cJSON_Parse(json);

	if (!payload)
		return -ENOMEM;
	show(o, t, x, false, payload);
	soap_write_response(&o->out, &x->e, new_id(t), payload);
	cJSON_Delete(payload);
	return answered(o, x, 200);
}

static int handle(struct ocpp *o, struct gv_turn *t, struct exchange *x, uint64_t digest, bool again)
{
	struct station *st = x->st;
	struct inbound in = {
		.st = st, .device = x->device, .action = x->e.action, .payload = x->e.payload, .answer = "{}"
	};
	inbound_fn *handler = st->edge->handler(x->e.action->name);
	struct check check = { .version = st->edge->spec };
	int error;

	if (!handler)
		return fault(o, t, x, SOAP_NOT_SUPPORTED, "no station sends this");
	show(o, t, x, true, x->e.payload);
	if (registration_keeps_out(t, st, x->e.action, &in.why)) {
		frames_keep(t, st, x->e.action, x->e.payload);
		return fault(o, t, x, SOAP_SECURITY_ERROR, in.why);
	}
	if (validate(x->e.action->request, x->e.payload, &check)) {
		frames_keep(t, st, x->e.action, x->e.payload);
		return fault(o, t, x, fault_of(check.code), gv_str(t, "%s: %s", check.path, check.text));
	}
	check.quirks |= x->e.quirks;
	station_quirks(o, t, st, check.quirks);
	in.code = frames_refusal(t, st, x->e.action, check.quirks, &in.why);
	if (in.code)
		return fault(o, t, x, fault_of(in.code), in.why);
	in.again = again;
	in.digest = digest;
	error = handler(o, t, &in);
	if (error)
		return error;
	if (!in.code)
		return answer(o, t, x, in.answer);
	frames_keep(t, st, x->e.action, x->e.payload);
	return fault(o, t, x, fault_of(in.code), in.why);
}

static uint64_t digest_of(const char *data, size_t size)
{
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < size; i++)
		h = (h ^ (unsigned char)data[i]) * 1099511628211u;
	return h;
}

static int message(struct ocpp *o, struct gv_turn *t, struct exchange *x)
{
	uint64_t digest = digest_of(x->out->data, x->out->size);
	enum soap_fault code;
	const char *why;
	bool again;
	int error;

	if (x->e.kind != SOAP_REQUEST || !(x->e.action->directions & SPEC_UP))
		return fault(o, t, x, SOAP_PROTOCOL_ERROR, "this address takes requests of stations");
	x->device = identify(o, t, &x->e, &code, &why);
	if (!x->device) {
		error = fault(o, t, x, code, why);
		x->out->status = code == SOAP_INTERNAL_ERROR ? 503 : x->out->status;
		return error;
	}
	if (!gv_owns(t, x->device)) {
		x->out->elsewhere = x->device;
		return 0;
	}
	error = soap_heard(o, t, x->device, &x->e, x->out->peer, digest, &x->st, &again);
	if (error == -EISCONN)
		return fault(
			o, t, x, SOAP_SECURITY_ERROR,
			gv_str(t, "%s is connected over WebSocket: it can be spoken to in one way only", x->device));
	return error ? error : handle(o, t, x, digest, again || x->out->again);
}

int soap_handle(struct ocpp *o, struct gv_turn *t, struct soap_exchange *out)
{
	struct exchange x = { .out = out };
	int error = soap_parse(out->data, out->size, &x.e);

	if (error == -EBADMSG)
		error = fault(o, t, &x, x.e.fault, x.e.why);
	else if (!error)
		error = message(o, t, &x);
	soap_free(&x.e);
	return error;
}
