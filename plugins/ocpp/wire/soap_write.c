/* Envelopes as stations of every make take them: the XML declaration first, prefixes for SOAP and WS-Addressing, the
 * body's elements in their service's namespace by default, in the WSDL's order. */
#include "soap.h"

#include <cjson/cJSON.h>
#include <string.h>

#define NS_SOAP "http://www.w3.org/2003/05/soap-envelope"
#define END "</s:Body></s:Envelope>\n"

/* What each is called, and how the specification words it (OCPP-S 1.6, 4). */
static const struct {
	const char *name, *code, *reason;
	unsigned status;
} faults[SOAP_FAULTS] = {
	[SOAP_SECURITY_ERROR] = { "SecurityError", "Sender",
				  "Sender failed authentication or is not authorized to use the requested operation.",
				  400 },
	[SOAP_IDENTITY_MISMATCH] = { "IdentityMismatch", "Sender", "Sender sent the wrong identity value.", 400 },
	[SOAP_PROTOCOL_ERROR] = { "ProtocolError", "Sender",
				  "Sender's message does not comply with protocol specification.", 400 },
	[SOAP_INTERNAL_ERROR] = { "InternalError", "Receiver",
				  "An internal error occurred and the receiver is not able to complete the operation.",
				  500 },
	[SOAP_NOT_SUPPORTED] = { "NotSupported", "Receiver", "The receiver does not support the requested operation.",
				 500 },
	[SOAP_MUST_UNDERSTAND] = { NULL, "MustUnderstand", "A mandatory header is not understood.", 500 },
	[SOAP_VERSION_MISMATCH] = { NULL, "VersionMismatch", "SOAP 1.2 is wanted.", 500 },
};

const char *soap_fault_name(enum soap_fault fault)
{
	return faults[fault].name ? faults[fault].name : faults[fault].code;
}

unsigned soap_fault_status(enum soap_fault fault)
{
	return faults[fault].status;
}

static void begin(struct gv_buf *out, bool old_addressing)
{
	out->size = 0;
	gv_buf_printf(out,
		      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<s:Envelope xmlns:s=\"" NS_SOAP
		      "\" xmlns:a=\"%s\"><s:Header>",
		      old_addressing ? SOAP_ADDRESSING_OLD : SOAP_ADDRESSING);
}

static const char *anonymous(bool old_addressing)
{
	return old_addressing ? SOAP_ADDRESSING_OLD "/role/anonymous" : SOAP_ANONYMOUS;
}

static void identity(struct gv_buf *out, const char *ns, const char *value, const char *attributes)
{
	gv_buf_printf(out, "<c:chargeBoxIdentity xmlns:c=\"%s\"%s>", ns, attributes);
	soap_write_text(out, value);
	gv_buf_puts(out, "</c:chargeBoxIdentity>");
}

static void header(struct gv_buf *out, const char *name, const char *value)
{
	gv_buf_printf(out, "<a:%s>", name);
	soap_write_text(out, value);
	gv_buf_printf(out, "</a:%s>", name);
}

static void address(struct gv_buf *out, const char *name, const char *value)
{
	gv_buf_printf(out, "<a:%s><a:Address>", name);
	soap_write_text(out, value);
	gv_buf_printf(out, "</a:Address></a:%s>", name);
}

static void body(struct gv_buf *out, const char *ns, const struct spec_action *action, const char *end,
		 const cJSON *payload, const struct spec_object *spec)
{
	char first = (char)(action->name[0] - 'A' + 'a');

	gv_buf_printf(out, "</s:Header><s:Body><%c%s%s xmlns=\"%s\">", first, action->name + 1, end, ns);
	soap_write_object(out, payload, spec);
	gv_buf_printf(out, "</%c%s%s>" END, first, action->name + 1, end);
}

void soap_write_request(struct gv_buf *out, const struct soap_version *version, const struct spec_action *action,
			const cJSON *payload, const struct soap_addresses *a)
{
	begin(out, a->old_addressing);
	identity(out, version->cp, a->identity, " s:mustUnderstand=\"true\"");
	gv_buf_printf(out, "<a:Action s:mustUnderstand=\"true\">/%s</a:Action>", action->name);
	header(out, "MessageID", a->message_id);
	address(out, "From", a->from);
	address(out, "ReplyTo", anonymous(a->old_addressing));
	header(out, "To", a->to);
	body(out, version->cp, action, "Request", payload, action->request);
}

/* The service's namespace, as the request had it. */
static const char *namespace_of(const struct soap_envelope *to)
{
	return to->other_service ? to->version->cp : to->version->cs;
}

/* Stations of the old addressing look whether an answer is for them, by its To and their identity. */
static void answer_headers(struct gv_buf *out, const struct soap_envelope *to, const char *message_id)
{
	bool named = to->old_addressing && to->from && to->from[0];

	if (to->old_addressing && to->identity && to->identity[0])
		identity(out, namespace_of(to), to->identity, "");
	header(out, "MessageID", message_id);
	header(out, "To", named ? to->from : anonymous(to->old_addressing));
	header(out, "RelatesTo", to->message_id && to->message_id[0] ? to->message_id : SOAP_UNSPECIFIED);
}

void soap_write_response(struct gv_buf *out, const struct soap_envelope *to, const char *message_id,
			 const cJSON *payload)
{
	begin(out, to->old_addressing);
	gv_buf_printf(out, "<a:Action>/%sResponse</a:Action>", to->action->name);
	answer_headers(out, to, message_id);
	body(out, namespace_of(to), to->action, "Response", payload, to->action->answer);
}

void soap_write_fault(struct gv_buf *out, const struct soap_envelope *to, const char *message_id, enum soap_fault fault,
		      const char *why)
{
	begin(out, to->old_addressing);
	gv_buf_printf(out, "<a:Action>%s/fault</a:Action>", to->old_addressing ? SOAP_ADDRESSING_OLD : SOAP_ADDRESSING);
	answer_headers(out, to, message_id);
	gv_buf_printf(out, "</s:Header><s:Body><s:Fault><s:Code><s:Value>s:%s</s:Value>", faults[fault].code);
	if (faults[fault].name)
		gv_buf_printf(out, "<s:Subcode><s:Value xmlns:c=\"%s\">c:%s</s:Value></s:Subcode>", namespace_of(to),
			      faults[fault].name);
	gv_buf_printf(out, "</s:Code><s:Reason><s:Text xml:lang=\"en\">%s", faults[fault].reason);
	if (why && *why) {
		gv_buf_putc(out, ' ');
		soap_write_text(out, why);
	}
	gv_buf_puts(out, "</s:Text></s:Reason></s:Fault>" END);
}
