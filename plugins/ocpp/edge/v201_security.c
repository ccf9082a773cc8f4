/* OCPP 2.0.1, functional block A: certificates and the BasicAuthPassword. */
#include "credentials.h"
#include "v201.h"

#include <plugins/ocpp/contracts/contracts.h>
#include <plugins/ocpp/stations/certificates.h>

#include <cjson/cJSON.h>

static void give(struct gv_turn *t, const char *action, cJSON *payload, struct command *ret)
{
	ret->action = action;
	ret->payload = json_print(t, payload);
	cJSON_Delete(payload);
}

static void renew(struct gv_turn *t, struct command *ret)
{
	ret->action = "TriggerMessage";
	ret->payload = "{\"requestedMessage\":\"SignChargingStationCertificate\"}";
}

static void signed_certificate(struct gv_turn *t, const char *chain, const char *type, struct command *ret)
{
	cJSON *payload = cJSON_CreateObject();

	cJSON_AddStringToObject(payload, "certificateChain", chain);
	if (type[0])
		cJSON_AddStringToObject(payload, "certificateType", type);
	give(t, "CertificateSigned", payload, ret);
}

static void set_password(struct gv_turn *t, const char *password, struct command *ret)
{
	cJSON *payload = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(payload, "setVariableData");
	cJSON *data = cJSON_CreateObject();

	cJSON_AddItemToArray(list, data);
	cJSON_AddStringToObject(data, "attributeValue", password);
	cJSON_AddStringToObject(cJSON_AddObjectToObject(data, "component"), "name", "SecurityCtrlr");
	cJSON_AddStringToObject(cJSON_AddObjectToObject(data, "variable"), "name", "BasicAuthPassword");
	give(t, "SetVariables", payload, ret);
}

static const char *password_status(const cJSON *payload)
{
	const cJSON *list = json_get(payload, "setVariableResult");

	return json_string(cJSON_IsArray(list) ? list->child : NULL, "attributeStatus");
}

const struct edge_security edge_v201_security = {
	.renew = renew,
	.signed_certificate = signed_certificate,
	.set_password = set_password,
	.password_status = password_status,
};

/* Certificates of ISO 15118 come from a V2G root, which our authority is not. Where nobody is named to hand it to,
 * Rejected is the specified answer, and the charger goes on with what it has. */
int v201_certificate_asked(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	const char *type = json_string(in->payload, "certificateType");
	const char *csr = json_string(in->payload, "csr");
	const char *refused = strcmp(type, "V2GCertificate") == 0 ? v2g_ask(o, t, in, csr)
								  : certificate_asked(o, t, in, csr, type);

	in->answer = refused ? gv_str(t, "{\"status\":\"Rejected\",\"statusInfo\":{\"reasonCode\":\"%s\"}}", refused)
			     : "{\"status\":\"Accepted\"}";
	return 0;
}
