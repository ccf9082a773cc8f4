/* GetDiagnostics, UpdateFirmware, OpenUpload, ListTransfers; and what became of the calls to chargers. */
#include "files.h"

#include <plugins/ocpp/edge/edge.h>
#include <plugins/ocpp/services.h>

#include <string.h>

static bool no_address(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket)
{
	if (o->files_url[0])
		return false;
	gv_refuse(t, ticket, GV_FAILED_PRECONDITION,
		  "this node does not know at which address chargers reach it: set files_url in ocpp's config");
	return true;
}

/* A name that can stand in a URL as it is. */
static const char *plain_name(struct gv_turn *t, const char *name, const char *or_else)
{
	char *plain = gv_str(t, "%.*s", FILES_NAME_MAX, name[0] ? name : or_else);

	for (char *c = plain; *c; c++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-", *c))
			*c = '_';
	return plain;
}

/* ---- diagnostics ----------------------------------------------------------------------------- */

static int get_diagnostics(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket,
			   const Charging__GetDiagnosticsRequest *r)
{
	struct command c = { .kind = OCPP__COMMAND__KIND__DIAGNOSTICS };
	struct log_order order = { .from_ms = r->from_ms, .until_ms = r->until_ms, .security = r->security };
	const struct station *st = service_asked(o, t, ticket, r->device, 0);

	if (!st || service_lacks(t, ticket, st, st->edge->orders->get_log, "upload its log") ||
	    no_address(o, t, ticket))
		return 0;
	transfer_open(o, t,
		      &(struct transfer_new){ .device = r->device,
					      .kind = r->security ? KIND_SECURITY_LOG : KIND_DIAGNOSTICS,
					      .name = "" },
		      &c.about, &order.url);
	order.request_id = (int32_t)c.about;
	if (st->edge->orders->get_log(t, &order, &c))
		return gv_fail(t, GV_INVALID_ARGUMENT, "%s", c.problem);
	return command_send(o, t, ticket, r->device, &c);
}
GV_ON_CALL(get_diagnostics, struct ocpp, Charging__GetDiagnosticsRequest)

int get_diagnostics_method(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	return get_diagnostics_call(self, t, ticket, m);
}

/* 1.6 says nothing but the file's name, and where it has none there is nothing to upload. */
int conclude_diagnostics(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Command *row,
			 const struct outcome *out)
{
	Charging__GetDiagnosticsReply reply = CHARGING__GET_DIAGNOSTICS_REPLY__INIT;
	Ocpp__Transfer *x = transfer_edit(t, device, row->about);
	const char *name;

	if (out->kind != OUTCOME_ANSWERED) {
		if (x)
			x->status = "Refused";
		return command_refuse(t, device, row, out);
	}
	name = json_string(out->payload, "fileName");
	name = gv_str(t, "%.*s", FILES_NAME_MAX, name[0] ? name : json_string(out->payload, "filename"));
	reply.status = (char *)outcome_status(out);
	if (!reply.status[0])
		reply.status = "Accepted";
	reply.file_name = (char *)name;
	reply.upload_id = row->about;
	if (x && !x->blob[0]) {
		x->name = (char *)name;
		x->status = gv_strdup(t, reply.status);
	}
	return gv_reply(t, command_ticket(row), &reply);
}

/* ---- firmware -------------------------------------------------------------------------------- */

static const char *firmware_problem(struct gv_turn *t, const Charging__UpdateFirmwareRequest *r)
{
	if (!r->url[0] == !r->blob[0])
		return "exactly one of url and blob must be given";
	if (!r->signature[0] != !r->signing_certificate[0])
		return "signature and signingCertificate must be given both or not at all";
	if (r->blob[0] && gv_blob_size(t, r->blob) < 0)
		return gv_str(t, "there is no blob %.64s: Ocpp/OpenUpload makes an address to put a file to", r->blob);
	return NULL;
}

static int update_firmware(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket,
			   const Charging__UpdateFirmwareRequest *r)
{
	struct command c = { .kind = OCPP__COMMAND__KIND__FIRMWARE };
	struct firmware_order order = { .request = r, .retrieve_at_ms = r->retrieve_at_ms };
	const struct station *st = service_asked(o, t, ticket, r->device, 0);
	const char *problem = firmware_problem(t, r);

	if (!st || service_lacks(t, ticket, st, st->edge->orders->update_firmware, "update its firmware") ||
	    (r->blob[0] && no_address(o, t, ticket)))
		return 0;
	if (problem)
		return gv_refuse(t, ticket, GV_INVALID_ARGUMENT, "%s", problem);
	transfer_open(o, t,
		      &(struct transfer_new){ .device = r->device,
					      .kind = KIND_FIRMWARE,
					      .name = plain_name(t, r->name, "firmware.bin"),
					      .blob = r->blob[0] ? r->blob : NULL,
					      .url = r->url[0] ? r->url : NULL },
		      &c.about, &order.url);
	order.request_id = (int32_t)c.about;
	if (!order.retrieve_at_ms)
		order.retrieve_at_ms = gv_now_ms(t);
	if (st->edge->orders->update_firmware(t, &order, &c))
		return gv_fail(t, GV_INVALID_ARGUMENT, "%s", c.problem);
	return command_send(o, t, ticket, r->device, &c);
}
GV_ON_CALL(update_firmware, struct ocpp, Charging__UpdateFirmwareRequest)

int update_firmware_method(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	return update_firmware_call(self, t, ticket, m);
}

int conclude_firmware(struct ocpp *o, struct gv_turn *t, const char *device, const Ocpp__Command *row,
		      const struct outcome *out)
{
	Charging__UpdateFirmwareReply reply = CHARGING__UPDATE_FIRMWARE_REPLY__INIT;
	Ocpp__Transfer *x = transfer_edit(t, device, row->about);

	if (out->kind != OUTCOME_ANSWERED) {
		if (x)
			x->status = "Refused";
		return command_refuse(t, device, row, out);
	}
	reply.status = (char *)outcome_status(out);
	if (!reply.status[0])
		reply.status = "Accepted";
	reply.transfer_id = row->about;
	if (x && !x->status[0])
		x->status = gv_strdup(t, reply.status);
	return gv_reply(t, command_ticket(row), &reply);
}

/* ---- people's -------------------------------------------------------------------------------- */

static int open_upload(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const Ocpp__OpenUploadRequest *r)
{
	Ocpp__OpenUploadReply reply = OCPP__OPEN_UPLOAD_REPLY__INIT;
	const char *url;

	if (no_address(o, t, ticket))
		return 0;
	transfer_open(o, t,
		      &(struct transfer_new){
			      .device = r->device, .kind = KIND_UPLOAD, .name = plain_name(t, r->name, "file") },
		      &reply.transfer_id, &url);
	reply.url = (char *)url;
	reply.expires_at_ms = gv_now_ms(t) + o->files_valid_ms;
	return gv_reply(t, ticket, &reply);
}
GV_ON_CALL(open_upload, struct ocpp, Ocpp__OpenUploadRequest)

int open_upload_method(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	return open_upload_call(self, t, ticket, m);
}

int list_transfers(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	const Ocpp__ListTransfersRequest *r = (const Ocpp__ListTransfersRequest *)m;
	struct gv_scan scan = { .table = &ocpp_transfers, .prefix = gv_key(r->device), .reverse = true };
	Ocpp__ListTransfersReply reply = OCPP__LIST_TRANSFERS_REPLY__INIT;
	uint32_t limit = r->limit ? r->limit : 100;

	while (reply.n_transfers < limit && gv_next(t, &scan))
		*GV_APPEND(t, reply.transfers, reply.n_transfers) = ((const Ocpp__TransferRow *)scan.row)->transfer;
	return gv_reply(t, ticket, &reply);
}

static int take_file(struct ocpp *o, struct gv_turn *t, struct gv_ticket ticket, const Ocpp__TakeFileRequest *r)
{
	Ocpp__TakeFileReply reply = OCPP__TAKE_FILE_REPLY__INIT;
	const char *blob;

	reply.status = (uint32_t)transfer_take(t, r, &blob);
	reply.blob = (char *)blob;
	return gv_reply(t, ticket, &reply);
}
GV_ON_CALL(take_file, struct ocpp, Ocpp__TakeFileRequest)

int take_file_method(void *self, struct gv_turn *t, struct gv_ticket ticket, const ProtobufCMessage *m)
{
	return take_file_call(self, t, ticket, m);
}
