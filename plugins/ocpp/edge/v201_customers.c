/* OCPP 2.0.1, N09 and N10: what a charger keeps of a person. */
#include "v201_device.h"
#include "shared.h"

#include <cjson/cJSON.h>

int v201_ask_customer(struct gv_turn *t, int64_t request_id, const Ocpp__GetCustomerInformationRequest *r,
		      struct command *ret)
{
	cJSON *payload = cJSON_CreateObject(), *token;

	cJSON_AddNumberToObject(payload, "requestId", (double)request_id);
	cJSON_AddBoolToObject(payload, "report", true);
	cJSON_AddBoolToObject(payload, "clear", r->clear);
	if (r->customer_identifier[0])
		cJSON_AddStringToObject(payload, "customerIdentifier", r->customer_identifier);
	if (r->token[0]) {
		token = cJSON_AddObjectToObject(payload, "idToken");
		cJSON_AddStringToObject(token, "idToken", r->token);
		cJSON_AddStringToObject(token, "type", r->token_type);
	}
	return shared_give(t, &spec_v201, "CustomerInformation", payload, ret);
}

int v201_told_customer(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	struct report_key key = { in->device, OCPP__REPORT_ROW__KIND__CUSTOMER, json_int(in->payload, "requestId", 0) };
	struct report_part part = { .number = json_int(in->payload, "seqNo", -1),
				    .more = cJSON_IsTrue(json_get(in->payload, "tbc")),
				    .text = json_string(in->payload, "data") };

	return report_part(t, &key, &part);
}
