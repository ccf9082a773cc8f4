/* OCPP 1.6: what chargers call, but for transactions. */
#include "shared.h"
#include "v16.h"

#include <plugins/ocpp/stations/certificates.h>
#include <plugins/ocpp/stations/registration.h>

#include <cjson/cJSON.h>

/* Whoever link let in is accepted, as it knows the registry and the credentials, or pending. */
static int boot_notification(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	Ocpp__Station *s = gv_alloc(t, sizeof *s);

	in->answer = gv_str(t, "{\"status\":\"%s\",\"currentTime\":\"%s\",\"interval\":%u}",
			    registration_status(in->st), when_now(t), registration_interval_s(o, in->st));
	ocpp__station__init(s);
	s->vendor = shared_text(t, in->payload, "chargePointVendor");
	s->model = shared_text(t, in->payload, "chargePointModel");
	s->charge_point_serial = shared_text(t, in->payload, "chargePointSerialNumber");
	s->charge_box_serial = shared_text(t, in->payload, "chargeBoxSerialNumber");
	s->firmware = shared_text(t, in->payload, "firmwareVersion");
	s->iccid = shared_text(t, in->payload, "iccid");
	s->imsi = shared_text(t, in->payload, "imsi");
	s->meter_type = shared_text(t, in->payload, "meterType");
	s->meter_serial = shared_text(t, in->payload, "meterSerialNumber");
	return report_boot(o, t, in, s);
}

static int authorize_tag(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	const char *tag = tag_read(o, t, in->st, json_string(in->payload, "idTag")), *request_id;
	bool asked_for = request_match(o, t, in->device, model_fold(t, tag), NULL, &request_id) != NULL;
	struct verdict v = authorize(o, t, &(struct ask){ .device = in->device, .tag = tag, .asked_for = asked_for });

	in->answer = gv_str(t, "{\"idTagInfo\":%s}", authorize_info(t, &v));
	return 0;
}

/* A code that is none of 1.6's is OtherError, and its text goes before what else the charger says (quirk row 19). */
static void take_error(struct gv_turn *t, const char *code, const char *info, struct said_status *said)
{
	said->error_code = code;
	said->info = info;
	for (const char *const *known = spec_error_codes; *known; known++)
		if (!strcmp(*known, code))
			return;
	said->error_code = "OtherError";
	said->info = info[0] ? gv_str(t, "%s: %s", code, info) : code;
}

static int status_notification(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	const cJSON *time = json_get(in->payload, "timestamp");
	int64_t connector = json_int(in->payload, "connectorId", -1);
	struct said_status said = { .when = { .ms = gv_now_ms(t), .replaced = true } };

	if (connector < 0 || connector > OCPP_CONNECTOR_MAX) {
		in->code = RPC_PROPERTY_CONSTRAINT_VIOLATION;
		in->why = "connectorId: must be from 0 to 1000";
		return 0;
	}
	if (time)
		when_read(t, in->st, time, &said.when);
	said.connector = (uint32_t)connector;
	said.status = json_string(in->payload, "status");
	take_error(t, json_string(in->payload, "errorCode"), json_string(in->payload, "info"), &said);
	said.vendor_id = json_string(in->payload, "vendorId");
	said.vendor_error_code = json_string(in->payload, "vendorErrorCode");
	if (strcmp(said.status, "Faulted") != 0 && strcmp(said.error_code, "NoError") != 0)
		station_quirks(o, t, in->st, QUIRK_BIT(QUIRK_WARNING_STATUS));
	return report_status(o, t, in, &said);
}

/* ---- notifications --------------------------------------------------------------------------- */

static int diagnostics_status(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	return shared_status(o, t, in, STATUS_OF_DIAGNOSTICS);
}

/* Without a certificate authority to hand it to, Rejected is the specified answer, and the charger goes on with what it
 * has. */
static int sign_certificate(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	const char *refused = certificate_asked(o, t, in, json_string(in->payload, "csr"), "");

	in->answer = refused ? "{\"status\":\"Rejected\"}" : "{\"status\":\"Accepted\"}";
	return 0;
}

static int data_transfer(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	Ocpp__DataTransferred said = OCPP__DATA_TRANSFERRED__INIT;
	bool known;
	int error;

	said.vendor_id = (char *)json_string(in->payload, "vendorId");
	said.message_id = (char *)json_string(in->payload, "messageId");
	said.data = (char *)json_string(in->payload, "data");
	error = report_data(o, t, in, &said, &known);
	in->answer = known ? "{\"status\":\"Accepted\"}" : "{\"status\":\"UnknownVendorId\"}";
	return error;
}

/* ---- which ----------------------------------------------------------------------------------- */

inbound_fn *v16_handler(const char *action)
{
	static const struct {
		const char *action;
		inbound_fn *fn;
	} handlers[] = {
		{ "MeterValues", v16_meter_values },
		{ "Heartbeat", shared_heartbeat },
		{ "StatusNotification", status_notification },
		{ "StartTransaction", v16_start_transaction },
		{ "StopTransaction", v16_stop_transaction },
		{ "Authorize", authorize_tag },
		{ "BootNotification", boot_notification },
		{ "DataTransfer", data_transfer },
		{ "FirmwareStatusNotification", shared_firmware_status },
		{ "DiagnosticsStatusNotification", diagnostics_status },
		{ "SecurityEventNotification", shared_security_event },
		{ "LogStatusNotification", shared_log_status },
		{ "SignedFirmwareStatusNotification", shared_firmware_status },
		{ "SignCertificate", sign_certificate },
	};

	for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++)
		if (!strcmp(handlers[i].action, action))
			return handlers[i].fn;
	return NULL;
}
