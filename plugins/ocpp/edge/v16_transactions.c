/* OCPP 1.6: StartTransaction, MeterValues, StopTransaction. */
#include "v16.h"

#include <plugins/ocpp/sessions/sessions.h>

#include <cjson/cJSON.h>

int v16_start_transaction(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	int64_t connector = json_int(in->payload, "connectorId", 0);
	struct said_start said = { .tag = tag_read(o, t, in->st, json_string(in->payload, "idTag")),
				   .meter_wh = json_wh(in->payload, "meterStart", 0),
				   .time = json_string(in->payload, "timestamp"),
				   .reservation = json_int(in->payload, "reservationId", 0) };
	struct begun begun;
	int error;

	if (connector < 0 || connector > OCPP_CONNECTOR_MAX) {
		in->code = RPC_PROPERTY_CONSTRAINT_VIOLATION;
		in->why = "connectorId: must be from 0 to 1000";
		return 0;
	}
	said.connector = (uint32_t)connector;
	if (!said.reservation && json_get(in->payload, "reservationId"))
		station_quirks(o, t, in->st, QUIRK_BIT(QUIRK_RESERVATION_ZERO));
	when_read(t, in->st, json_get(in->payload, "timestamp"), &said.when);
	error = sessions_start(o, t, in, &said, &begun);
	if (error || in->code)
		return error;
	in->answer = gv_str(t, "{\"idTagInfo\":%s,\"transactionId\":%d}", authorize_info(t, &begun.verdict), begun.id);
	return 0;
}

static uint64_t stop_digest(const cJSON *payload)
{
	const char *texts[] = { json_string(payload, "timestamp"), json_string(payload, "reason"),
				json_string(payload, "idTag") };
	int64_t numbers[] = { json_int(payload, "transactionId", -1), json_int(payload, "meterStop", -1) };
	uint64_t h = 14695981039346656037u;

	for (unsigned i = 0; i < 3; i++)
		for (const char *s = texts[i];; s++) {
			h = (h ^ (unsigned char)*s) * 1099511628211u;
			if (!*s)
				break;
		}
	for (unsigned i = 0; i < 2; i++)
		for (unsigned shift = 0; shift < 64; shift += 8)
			h = (h ^ ((uint64_t)numbers[i] >> shift & 0xff)) * 1099511628211u;
	return h ? h : 1;
}

int v16_stop_transaction(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	const cJSON *p = in->payload;
	struct said_stop said = { .id = json_int(p, "transactionId", -1),
				  .tag = tag_read(o, t, in->st, json_string(p, "idTag")),
				  .has_meter = cJSON_IsNumber(json_get(p, "meterStop")),
				  .meter_wh = json_wh(p, "meterStop", 0),
				  .reason = json_string(p, "reason"),
				  .digest = stop_digest(p) };
	struct verdict verdict = { 0 };
	struct meter values;
	int error;

	when_read(t, in->st, json_get(p, "timestamp"), &said.when);
	meter_read(t, in->st, json_get(p, "transactionData"), &values);
	said.values = &values;
	error = sessions_stop(o, t, in, &said, &verdict);
	if (!error && verdict.status)
		in->answer = gv_str(t, "{\"idTagInfo\":%s}", authorize_info(t, &verdict));
	return error;
}

int v16_meter_values(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	int64_t connector = json_int(in->payload, "connectorId", 0);
	const cJSON *id = json_get(in->payload, "transactionId");
	struct meter values;
	struct said_values said = { .connector = connector < 0 || connector > OCPP_CONNECTOR_MAX ? 0
												 : (uint32_t)connector,
				    /* One that is no number names a transaction, if none of ours. */
				    .id = json_int(in->payload, "transactionId", id && !cJSON_IsNull(id) ? -1 : 0),
				    .values = &values };

	if (!said.connector && !said.id && in->st->profile.connector_zero_is_one) {
		station_quirks(o, t, in->st, QUIRK_BIT(QUIRK_CONNECTOR_ZERO));
		said.connector = 1;
	}
	meter_read(t, in->st, json_get(in->payload, "meterValue"), &values);
	return sessions_meter(o, t, in, &said);
}
