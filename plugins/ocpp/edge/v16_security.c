/* OCPP 1.6, its security extension: certificates and the AuthorizationKey. */
#include "credentials.h"

#include <cjson/cJSON.h>

static void renew(struct gv_turn *t, struct command *ret)
{
	ret->action = "ExtendedTriggerMessage";
	ret->payload = "{\"requestedMessage\":\"SignChargePointCertificate\"}";
}

static void signed_certificate(struct gv_turn *t, const char *chain, const char *type, struct command *ret)
{
	cJSON *payload = cJSON_CreateObject();

	cJSON_AddStringToObject(payload, "certificateChain", chain);
	ret->action = "CertificateSigned";
	ret->payload = json_print(t, payload);
	cJSON_Delete(payload);
}

static void set_password(struct gv_turn *t, const char *password, struct command *ret)
{
	ret->action = "ChangeConfiguration";
	ret->payload = gv_str(t, "{\"key\":\"AuthorizationKey\",\"value\":\"%s\"}", password);
}

static const char *password_status(const cJSON *payload)
{
	return json_string(payload, "status");
}

const struct edge_security edge_v16_security = {
	.renew = renew,
	.signed_certificate = signed_certificate,
	.set_password = set_password,
	.password_status = password_status,
};
