/* OCPP 2.0.1, C07 and M06: contracts of cars, and what OCSP responders say of certificates. */
#include "v201.h"

#include <plugins/ocpp/contracts/contracts.h>

#include <lib/base64.h>
#include <lib/buf.h>

#include <cjson/cJSON.h>
#include <ctype.h>
#include <string.h>

/* In lower case, and without zeros in front. */
static char *hex(struct gv_turn *t, const cJSON *object, const char *name, bool number)
{
	const char *text = json_string(object, name);
	char *ret;

	while (number && text[0] == '0' && text[1])
		text++;
	ret = gv_strdup(t, text);
	for (char *s = ret; *s; s++)
		*s = (char)tolower((unsigned char)*s);
	return ret;
}

static Ocpp__OcspId *read_ocsp(struct gv_turn *t, const cJSON *object)
{
	Ocpp__OcspId *id = gv_alloc(t, sizeof *id);

	ocpp__ocsp_id__init(id);
	id->algorithm = gv_strdup(t, json_string(object, "hashAlgorithm"));
	id->name_hash = hex(t, object, "issuerNameHash", false);
	id->key_hash = hex(t, object, "issuerKeyHash", false);
	id->serial = hex(t, object, "serialNumber", true);
	id->url = gv_strdup(t, json_string(object, "responderURL"));
	return id;
}

int v201_ocsp_asked(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	return contract_status(o, t, in, read_ocsp(t, json_get(in->payload, "ocspRequestData")));
}

int v201_authorize_contract(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	struct said_contract said = { .token = json_string(json_get(in->payload, "idToken"), "idToken"),
				      .chain = json_string(in->payload, "certificate") };
	const cJSON *item;

	cJSON_ArrayForEach(item, json_get(in->payload, "iso15118CertificateHashData")) *
		GV_APPEND(t, said.ids, said.n_ids) = read_ocsp(t, item);
	return contract_authorize(o, t, in, &said);
}

/* ---- answers --------------------------------------------------------------------------------- */

/* A contract that is known here, and is not good any more, has been cancelled. */
static bool is_cancelled(const struct verdict *v)
{
	return !strcmp(v->status, "Expired") || (!strcmp(v->status, "Blocked") && !v->exact);
}

static const char *authorized(struct ocpp *o, struct gv_turn *t, const char *device, const char *token,
			      const char *certificates)
{
	const char *request_id;
	bool asked_for = request_match(o, t, device, model_fold(t, token), NULL, &request_id) != NULL;
	struct verdict v = authorize(o, t, &(struct ask){ .device = device, .tag = token, .asked_for = asked_for });

	if (strcmp(certificates, "Accepted") != 0) {
		v.status = "Invalid";
		v.exact = NULL;
	} else if (is_cancelled(&v)) {
		certificates = "ContractCancelled";
	}
	return gv_str(t, "{\"idTokenInfo\":%s,\"certificateStatus\":\"%s\"}", v201_token_info(t, &v), certificates);
}

static const char *status(struct gv_turn *t, const ProtobufCBinaryData *response, const char *why)
{
	struct gv_buf b = { 0 };
	const char *text;

	if (!response)
		return gv_str(t, "{\"status\":\"Failed\",\"statusInfo\":{\"reasonCode\":\"%s\"}}", why);
	gv_base64_write(&b, response->data, response->len);
	text = gv_str(t, "{\"status\":\"Accepted\",\"ocspResult\":\"%s\"}", gv_buf_str(&b));
	gv_buf_fini(&b);
	return text;
}

static const char *certificate_failed(struct gv_turn *t, const char *why)
{
	return gv_str(t, "{\"status\":\"Failed\",\"exiResponse\":\"\",\"statusInfo\":{\"reasonCode\":\"%s\"}}", why);
}

/* What is none of the version's answers is not passed on. */
static const char *certificate(struct gv_turn *t, const char *said, size_t size, const char *why)
{
	struct check check = { .version = &spec_v201, .strict = true };
	cJSON *payload = said ? cJSON_ParseWithLength(said, size) : NULL;
	const char *answer;

	if (!said)
		return certificate_failed(t, why);
	if (!cJSON_IsObject(payload) ||
	    validate(spec_find(&spec_v201, "Get15118EVCertificate")->answer, payload, &check)) {
		gv_log(t, GV_WARN,
		       "what the pool of contract certificates says is no Get15118EVCertificateResponse: %s %s",
		       check.path, check.text);
		answer = certificate_failed(t, "NoAnswer");
	} else {
		answer = json_print(t, payload);
	}
	cJSON_Delete(payload);
	return answer;
}

int v201_certificate_wanted(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	return pool_ask(o, t, in, json_print(t, in->payload));
}

const struct edge_contracts v201_contracts = { .authorized = authorized, .status = status, .certificate = certificate };
