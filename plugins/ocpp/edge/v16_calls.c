/* What chargers call, but for transactions (sessions.c). */
#include <plugins/ocpp/ocpp.h>

#include <cjson/cJSON.h>
#include <string.h>

#define TOLD_MAX 32 /* messages that may come again: twice the window of a connection */

/* ---- boot and life --------------------------------------------------------------------------- */

/* Messages that become events of their own have no natural key: a frame that comes again after a crash is known by its
 * digest. True where it has been told already; remembers it otherwise. */
static bool told(struct gv_turn *t, struct inbound *in, Ocpp__StationRow *row)
{
	uint64_t *list;

	for (size_t i = 0; in->again && i < row->n_told; i++)
		if (row->told[i] == in->digest)
			return true;
	list = gv_alloc(t, TOLD_MAX * sizeof *list);
	if (row->n_told >= TOLD_MAX) {
		row->told += row->n_told - TOLD_MAX + 1;
		row->n_told = TOLD_MAX - 1;
	}
	if (row->n_told)
		memcpy(list, row->told, row->n_told * sizeof *list);
	list[row->n_told++] = in->digest;
	row->told = list;
	return false;
}

static char *text(struct gv_turn *t, const cJSON *payload, const char *name)
{
	return gv_strdup(t, json_string(payload, name));
}

/* Whoever link let in is accepted: it knows the registry and the credentials. */
static int boot_notification(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	Ocpp__StationRow *row = gv_edit(t, &ocpp_stations, gv_key(in->device));
	Ocpp__StationBooted event = OCPP__STATION_BOOTED__INIT;
	Ocpp__Station *s = gv_alloc(t, sizeof *s);

	in->answer = gv_str(t, "{\"status\":\"Accepted\",\"currentTime\":\"%s\",\"interval\":%u}", when_now(t),
			    o->heartbeat_s);
	if (told(t, in, row))
		return 0;
	ocpp__station__init(s);
	if (row->station) {
		s->firmware_status = row->station->firmware_status;
		s->diagnostics_status = row->station->diagnostics_status;
		s->log_status = row->station->log_status;
	}
	s->vendor = text(t, in->payload, "chargePointVendor");
	s->model = text(t, in->payload, "chargePointModel");
	s->charge_point_serial = text(t, in->payload, "chargePointSerialNumber");
	s->charge_box_serial = text(t, in->payload, "chargeBoxSerialNumber");
	s->firmware = text(t, in->payload, "firmwareVersion");
	s->iccid = text(t, in->payload, "iccid");
	s->imsi = text(t, in->payload, "imsi");
	s->meter_type = text(t, in->payload, "meterType");
	s->meter_serial = text(t, in->payload, "meterSerialNumber");
	s->booted_at_ms = gv_now_ms(t);
	row->station = s;
	event.device = (char *)in->device;
	event.station = station_describe(o, t, in->device, row);
	gv_log(t, GV_INFO, "charger booted vendor=%s model=%s firmware=%s", s->vendor, s->model, s->firmware);
	return gv_emit(t, &event);
}

static int heartbeat(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	in->answer = gv_str(t, "{\"currentTime\":\"%s\"}", when_now(t));
	return 0;
}

const Ocpp__Request *request_match(struct ocpp *o, struct gv_turn *t, const char *device, const char *tag,
				   const uint32_t *connector, const char **ret_id)
{
	struct gv_scan scan = { .table = &ocpp_requests, .prefix = gv_key(device) };
	const Ocpp__Request *best = NULL;

	while (gv_next(t, &scan)) {
		const Ocpp__Request *r = scan.row;

		if (best && best->requested_at_ms >= r->requested_at_ms)
			continue;
		if (gv_now_ms(t) - r->requested_at_ms > o->start_window_ms || strcmp(model_fold(t, r->token), tag) != 0)
			continue;
		if (connector && r->connector && r->connector != *connector)
			continue;
		*ret_id = scan.key.part[1].s;
		best = r;
	}
	return best;
}

static int authorize_tag(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	const char *tag = json_string(in->payload, "idTag"), *request_id;
	bool asked_for = request_match(o, t, in->device, model_fold(t, tag), NULL, &request_id) != NULL;
	struct verdict v = authorize(o, t, &(struct ask){ .device = in->device, .tag = tag, .asked_for = asked_for });

	in->answer = gv_str(t, "{\"idTagInfo\":%s}", authorize_info(t, &v));
	return 0;
}

/* ---- status ---------------------------------------------------------------------------------- */

static bool unchanged(const Ocpp__ConnectorRow *row, const cJSON *p)
{
	return !strcmp(row->status, json_string(p, "status")) &&
	       !strcmp(row->error_code, json_string(p, "errorCode")) && !strcmp(row->info, json_string(p, "info")) &&
	       !strcmp(row->vendor_id, json_string(p, "vendorId")) &&
	       !strcmp(row->vendor_error_code, json_string(p, "vendorErrorCode"));
}

/* Any sequence is accepted, as chargers leave out short states (1.6, 4.9). Only what is older than what is known
 * already, by clocks that can be compared, changes nothing: it comes out of a queue. */
static int status_notification(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	const cJSON *time = json_get(in->payload, "timestamp");
	int64_t connector = json_int(in->payload, "connectorId", -1), now = gv_now_ms(t);
	Charging__ConnectorStatusChanged event = CHARGING__CONNECTOR_STATUS_CHANGED__INIT;
	Ocpp__ConnectorRow row = OCPP__CONNECTOR_ROW__INIT;
	const Ocpp__ConnectorRow *known;
	struct when when = { .ms = now, .replaced = true };

	if (connector < 0 || connector > OCPP_CONNECTOR_MAX) {
		in->code = RPC_PROPERTY_CONSTRAINT_VIOLATION;
		in->why = "connectorId: must be from 0 to 1000";
		return 0;
	}
	if (time)
		when_read(t, in->st, time, &when);
	station_quirks(o, t, in->st, when.quirks);
	known = gv_get(t, &ocpp_connectors, gv_key(in->device, (uint32_t)connector));
	if (known && unchanged(known, in->payload))
		return 0;
	if (known && known->zoned && when.zoned && when.ms < known->reported_ms) {
		gv_count(t, "outdated_statuses", 1);
		return 0;
	}
	row.status = (char *)json_string(in->payload, "status");
	row.error_code = (char *)json_string(in->payload, "errorCode");
	row.info = (char *)json_string(in->payload, "info");
	row.vendor_id = (char *)json_string(in->payload, "vendorId");
	row.vendor_error_code = (char *)json_string(in->payload, "vendorErrorCode");
	row.since_ms = when.ms < now ? when.ms : now;
	row.reported_ms = row.since_ms;
	row.zoned = when.zoned;
	gv_put(t, &ocpp_connectors, gv_key(in->device, (uint32_t)connector), &row);
	event.device = (char *)in->device;
	event.status = model_connector(t, in->device, (uint32_t)connector, &row, true);
	return gv_emit(t, &event);
}

/* ---- notifications --------------------------------------------------------------------------- */

/* Which of a station's fields keeps the status. */
enum status_of { FIRMWARE, DIAGNOSTICS, LOG, NOTHING };

static int notified(struct gv_turn *t, struct inbound *in, const char *action, enum status_of which, const char *status,
		    const char *detail, int64_t time_ms)
{
	Ocpp__StationNotified event = OCPP__STATION_NOTIFIED__INIT;
	Ocpp__StationRow *row = gv_edit(t, &ocpp_stations, gv_key(in->device));

	if (told(t, in, row))
		return 0;
	if (!row->station) {
		row->station = gv_alloc(t, sizeof *row->station);
		ocpp__station__init(row->station);
	}
	if (which == FIRMWARE)
		row->station->firmware_status = (char *)status;
	else if (which == DIAGNOSTICS)
		row->station->diagnostics_status = (char *)status;
	else if (which == LOG)
		row->station->log_status = (char *)status;
	event.device = (char *)in->device;
	event.action = (char *)action;
	event.status = (char *)status;
	event.detail = (char *)detail;
	event.request_id = json_int(in->payload, "requestId", 0);
	event.time_ms = time_ms;
	gv_log(t, GV_INFO, "charger notified action=%s status=%s", action, status);
	return gv_emit(t, &event);
}

static int status_told(struct gv_turn *t, struct inbound *in, const char *action, enum status_of which)
{
	return notified(t, in, action, which, text(t, in->payload, "status"), "", gv_now_ms(t));
}

static int firmware_status(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	return status_told(t, in, "FirmwareStatusNotification", FIRMWARE);
}

static int signed_firmware_status(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	return status_told(t, in, "SignedFirmwareStatusNotification", FIRMWARE);
}

static int diagnostics_status(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	return status_told(t, in, "DiagnosticsStatusNotification", DIAGNOSTICS);
}

static int log_status(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	return status_told(t, in, "LogStatusNotification", LOG);
}

static int security_event(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	struct when when;

	when_read(t, in->st, json_get(in->payload, "timestamp"), &when);
	station_quirks(o, t, in->st, when.quirks);
	return notified(t, in, "SecurityEventNotification", NOTHING, json_string(in->payload, "type"),
			json_string(in->payload, "techInfo"), when.ms);
}

/* There is no certificate authority to hand it to: Rejected is the specified answer, and the charger goes on with what
 * it has. */
static int sign_certificate(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	in->answer = "{\"status\":\"Rejected\"}";
	return 0;
}

static int data_transfer(struct ocpp *o, struct gv_turn *t, struct inbound *in)
{
	const char *vendor = json_string(in->payload, "vendorId");
	Ocpp__DataTransferred event = OCPP__DATA_TRANSFERRED__INIT;
	bool known = false;

	for (size_t i = 0; i < o->n_vendors && !known; i++)
		known = !strcmp(o->vendors[i], vendor);
	in->answer = known ? "{\"status\":\"Accepted\"}" : "{\"status\":\"UnknownVendorId\"}";
	if (!known || told(t, in, gv_edit(t, &ocpp_stations, gv_key(in->device))))
		return 0;
	event.device = (char *)in->device;
	event.vendor_id = (char *)vendor;
	event.message_id = (char *)json_string(in->payload, "messageId");
	event.data = (char *)json_string(in->payload, "data");
	return gv_emit(t, &event);
}

/* ---- which ----------------------------------------------------------------------------------- */

inbound_fn *inbound_handler(const char *action)
{
	static const struct {
		const char *action;
		inbound_fn *fn;
	} handlers[] = {
		{ "MeterValues", sessions_meter },
		{ "Heartbeat", heartbeat },
		{ "StatusNotification", status_notification },
		{ "StartTransaction", sessions_start },
		{ "StopTransaction", sessions_stop },
		{ "Authorize", authorize_tag },
		{ "BootNotification", boot_notification },
		{ "DataTransfer", data_transfer },
		{ "FirmwareStatusNotification", firmware_status },
		{ "DiagnosticsStatusNotification", diagnostics_status },
		{ "SecurityEventNotification", security_event },
		{ "LogStatusNotification", log_status },
		{ "SignedFirmwareStatusNotification", signed_firmware_status },
		{ "SignCertificate", sign_certificate },
	};

	for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++)
		if (!strcmp(handlers[i].action, action))
			return handlers[i].fn;
	return NULL;
}
