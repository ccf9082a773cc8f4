/* OCPP 2.0.1: what chargers call, but for transactions. */
#include "shared.h"
#include "v201.h"
#include "v201_device.h"
#include "v201_limits.h"

#include <plugins/ocpp/lists/reservations.h>

#include <plugins/ocpp/stations/registration.h>

#include <cjson/cJSON.h>

bool v201_read_id(struct gv_turn *t, struct inbound *in, const cJSON *object, const char *name, uint32_t *ret)
{
	const char *dot = strrchr(name, '.');
	int64_t id = json_int(object, dot ? dot + 1 : name, -1);

	if (id >= 0 && id <= OCPP_CONNECTOR_MAX) {
		*ret = (uint32_t)id;
		return true;
	}
	in->code = RPC_PROPERTY_CONSTRAINT_VIOLATION;
	in->why = gv_str(t, "%s: must be from 0 to %d", name, OCPP_CONNECTOR_MAX);
	return false;
}

/* Whoever link let in is accepted, as it knows the registry and the credentials, or pending. */
static int boot_notification(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	const cJSON *station = json_get(in->payload, "chargingStation"), *modem = json_get(station, "modem");
	Ocpp__Station *s = gv_alloc(t, sizeof *s);

	in->answer = gv_str(t, "{\"status\":\"%s\",\"currentTime\":\"%s\",\"interval\":%u}",
			    registration_status(in->st), when_now(t), registration_interval_s(o, in->st));
	ocpp__station__init(s);
	s->vendor = shared_text(t, station, "vendorName");
	s->model = shared_text(t, station, "model");
	s->charge_point_serial = shared_text(t, station, "serialNumber");
	s->firmware = shared_text(t, station, "firmwareVersion");
	s->iccid = shared_text(t, modem, "iccid");
	s->imsi = shared_text(t, modem, "imsi");
	s->boot_reason = shared_text(t, in->payload, "reason");
	return report_boot(o, t, in, s);
}

static int status_notification(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	struct said_plug said = { .status = json_string(in->payload, "connectorStatus") };

	if (!v201_read_id(t, in, in->payload, "evseId", &said.connector) ||
	    !v201_read_id(t, in, in->payload, "connectorId", &said.plug))
		return 0;
	when_read(t, in->st, json_get(in->payload, "timestamp"), &said.when);
	return report_plug(o, t, in, &said);
}

/* ---- notifications --------------------------------------------------------------------------- */

static int publish_status(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	const cJSON *where = json_get(in->payload, "location");
	struct said_notification said = { .which = STATUS_OF_NOTHING };

	said.status = shared_text(t, in->payload, "status");
	said.detail = where && cJSON_IsString(where->child) ? where->child->valuestring : "";
	said.request_id = json_int(in->payload, "requestId", 0);
	said.time_ms = gv_now_ms(t);
	return report_notification(o, t, in, &said);
}

static int reservation_status(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	struct said_notification said = { .which = STATUS_OF_NOTHING };

	said.status = shared_text(t, in->payload, "reservationUpdateStatus");
	said.detail = "";
	said.request_id = json_int(in->payload, "reservationId", 0);
	said.time_ms = gv_now_ms(t);
	if (said.request_id > 0)
		reservation_over(t, in->device, (uint64_t)said.request_id, !strcmp(said.status, "Expired"));
	return report_notification(o, t, in, &said);
}

/* The data may be anything: what is no text is told as its JSON. */
static int data_transfer(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	const cJSON *data = json_get(in->payload, "data");
	Ocpp__DataTransferred said = OCPP__DATA_TRANSFERRED__INIT;
	bool known;
	int error;

	said.vendor_id = (char *)json_string(in->payload, "vendorId");
	said.message_id = (char *)json_string(in->payload, "messageId");
	said.data = (char *)(cJSON_IsString(data) ? data->valuestring : data ? json_print(t, data) : "");
	error = report_data(o, t, in, &said, &known);
	in->answer = known ? "{\"status\":\"Accepted\"}" : "{\"status\":\"UnknownVendorId\"}";
	return error;
}

/* ---- which ----------------------------------------------------------------------------------- */

inbound_fn *v201_handler(const char *action)
{
	static const struct {
		const char *action;
		inbound_fn *fn;
	} handlers[] = {
		{ "TransactionEvent", v201_transaction },
		{ "MeterValues", v201_meters },
		{ "Heartbeat", shared_heartbeat },
		{ "StatusNotification", status_notification },
		{ "Authorize", v201_authorize_token },
		{ "BootNotification", boot_notification },
		{ "DataTransfer", data_transfer },
		{ "FirmwareStatusNotification", shared_firmware_status },
		{ "PublishFirmwareStatusNotification", publish_status },
		{ "LogStatusNotification", shared_log_status },
		{ "SecurityEventNotification", shared_security_event },
		{ "ReservationStatusUpdate", reservation_status },
		{ "SignCertificate", v201_certificate_asked },
		{ "Get15118EVCertificate", v201_certificate_wanted },
		{ "GetCertificateStatus", v201_ocsp_asked },
		{ "NotifyEVChargingNeeds", v201_told_needs },
		{ "NotifyEVChargingSchedule", v201_told_schedule },
		{ "NotifyChargingLimit", v201_told_limit },
		{ "ClearedChargingLimit", v201_told_cleared },
		{ "ReportChargingProfiles", v201_told_profiles },
		{ "NotifyReport", v201_told_variables },
		{ "NotifyEvent", v201_told_events },
		{ "NotifyMonitoringReport", v201_told_monitors },
		{ "NotifyCustomerInformation", v201_told_customer },
		{ "NotifyDisplayMessages", v201_told_displays },
	};

	for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++)
		if (!strcmp(handlers[i].action, action))
			return handlers[i].fn;
	return NULL;
}
