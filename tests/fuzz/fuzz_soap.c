/* Envelopes of strangers: each is a message or a fault that can be answered; what is taken is written as it was, and
 * whatever is answered is an envelope itself. */
#include "fuzz.h"

#include <plugins/ocpp/wire/soap.h>
#include <plugins/ocpp/spec/validate.h>

#include <cjson/cJSON.h>
#include <string.h>

static void reads_back(struct gv_buf *out, const struct soap_envelope *e, enum soap_kind kind)
{
	const char *text = gv_buf_str(out);
	struct soap_envelope back;

	FUZZ_ASSERT(soap_parse(text, strlen(text), &back) == 0);
	FUZZ_ASSERT(back.kind == kind);
	FUZZ_ASSERT(kind != SOAP_REQUEST || cJSON_Compare(back.payload, e->payload, true));
	soap_free(&back);
}

static void check_request(struct soap_envelope *e, struct gv_buf *out)
{
	struct soap_addresses a = { e->identity, e->message_id, e->from, e->to };
	struct check check = { .version = e->version->spec };
	cJSON *nothing = cJSON_CreateObject();

	if (e->up) {
		soap_write_response(out, e, "urn:uuid:1", nothing);
		reads_back(out, e, SOAP_RESPONSE);
	} else {
		soap_write_request(out, e->version, e->action, e->payload, &a);
		if (out->size <= SOAP_SIZE_MAX)
			reads_back(out, e, SOAP_REQUEST);
	}
	cJSON_Delete(nothing);
	validate(e->action->request, e->payload, &check);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gv_buf out = { 0 };
	struct soap_envelope e;
	int error = soap_parse((const char *)data, size, &e);

	FUZZ_ASSERT(error == 0 || (e.fault != SOAP_OK && e.why[0]));
	FUZZ_ASSERT(error || e.kind == SOAP_FAULT || (e.action && cJSON_IsObject(e.payload)));
	if (!error && e.kind == SOAP_REQUEST)
		check_request(&e, &out);
	soap_write_fault(&out, &e, "urn:uuid:2", error ? e.fault : SOAP_INTERNAL_ERROR, e.why);
	reads_back(&out, &e, SOAP_FAULT);
	soap_free(&e);
	gv_buf_fini(&out);
	return 0;
}
