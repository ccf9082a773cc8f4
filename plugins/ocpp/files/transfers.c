/* What is on its way. A transfer is found by its device, or by the secret in its address; the newest of each device are
 * kept. */
#include "files.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define LAST_ID "transfers" /* in table `counters` */

const struct gv_table ocpp_transfers = { .name = "transfers", .key = "su", .value = &ocpp__transfer_row__descriptor };
const struct gv_table ocpp_transfer_tokens = { .name = "transfer_tokens",
					       .key = "s",
					       .value = &ocpp__transfer_ref__descriptor };

static void forget_oldest(struct gv_turn *t, const char *device)
{
	struct gv_scan scan = { .table = &ocpp_transfers, .prefix = gv_key(device), .reverse = true };
	unsigned n = 0;

	while (gv_next(t, &scan)) {
		if (++n < FILES_PER_DEVICE)
			continue;
		gv_delete(t, &ocpp_transfer_tokens, gv_key(((const Ocpp__TransferRow *)scan.row)->token));
		gv_delete(t, &ocpp_transfers, scan.key);
	}
}

/* Of the instances of this plugin, the one that knows it comes first. */
static const char *new_token(struct gv_turn *t)
{
	return gv_str(t, "%u-%016" PRIx64 "%016" PRIx64, gv_self(t)->instance, gv_random(t), gv_random(t));
}

int transfer_open(struct ocpp *o, struct gv_turn *t, const struct transfer_new *n, uint64_t *ret_id,
		  const char **ret_url)
{
	Ocpp__Counter *last = gv_edit(t, &ocpp_counters, gv_key(LAST_ID));
	Ocpp__TransferRow row = OCPP__TRANSFER_ROW__INIT;
	Ocpp__TransferRef ref = OCPP__TRANSFER_REF__INIT;
	Ocpp__Transfer x = OCPP__TRANSFER__INIT;

	x.id = *ret_id = (uint64_t)++last->value;
	x.device = (char *)n->device;
	x.kind = (char *)n->kind;
	x.name = (char *)n->name;
	x.blob = (char *)(n->blob ? n->blob : "");
	x.size = n->blob ? (uint64_t)gv_blob_size(t, n->blob) : 0;
	x.created_at_ms = x.changed_at_ms = gv_now_ms(t);
	*ret_url = n->url;
	if (!n->url) {
		x.expires_at_ms = x.created_at_ms + o->files_valid_ms;
		row.token = (char *)new_token(t);
		*ret_url = gv_str(t, "%s" FILES_PATH "%s/%s", o->files_url, row.token, n->name);
		ref.device = x.device;
		ref.id = x.id;
		gv_put(t, &ocpp_transfer_tokens, gv_key(row.token), &ref);
	}
	row.transfer = &x;
	forget_oldest(t, n->device);
	return gv_put(t, &ocpp_transfers, gv_key(n->device, x.id), &row);
}

Ocpp__Transfer *transfer_edit(struct gv_turn *t, const char *device, uint64_t id)
{
	Ocpp__TransferRow *row;

	if (!gv_get(t, &ocpp_transfers, gv_key(device, id)))
		return NULL;
	row = gv_edit(t, &ocpp_transfers, gv_key(device, id));
	row->transfer->changed_at_ms = gv_now_ms(t);
	return row->transfer;
}

/* ---- events ---------------------------------------------------------------------------------- */

static bool is_log(const Ocpp__Transfer *x)
{
	return !strcmp(x->kind, KIND_DIAGNOSTICS) || !strcmp(x->kind, KIND_SECURITY_LOG);
}

static int tell(struct gv_turn *t, Ocpp__Transfer *x)
{
	Charging__DiagnosticsUploaded log = CHARGING__DIAGNOSTICS_UPLOADED__INIT;
	Ocpp__FileUploaded file = OCPP__FILE_UPLOADED__INIT;

	if (!is_log(x)) {
		file.device = x->device;
		file.transfer = x;
		return gv_emit(t, &file);
	}
	log.device = x->device;
	log.upload_id = x->id;
	log.status = x->status;
	log.file_name = x->name;
	log.blob = x->blob;
	log.size = x->size;
	return gv_emit(t, &log);
}

/* ---- what chargers say ----------------------------------------------------------------------- */

static uint64_t newest(struct gv_turn *t, const char *device, bool firmware)
{
	struct gv_scan scan = { .table = &ocpp_transfers, .prefix = gv_key(device), .reverse = true };

	while (gv_next(t, &scan)) {
		const Ocpp__Transfer *x = ((const Ocpp__TransferRow *)scan.row)->transfer;

		if (firmware ? !strcmp(x->kind, KIND_FIRMWARE) : is_log(x))
			return x->id;
	}
	return 0;
}

static bool has_failed(const char *status)
{
	static const char *const failures[] = { "UploadFailed", "UploadFailure", "BadMessage", "NotSupportedOperation",
						"PermissionDenied" };

	for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++)
		if (!strcmp(failures[i], status))
			return true;
	return false;
}

int transfer_told(struct gv_turn *t, const char *device, bool firmware, uint64_t request_id, const char *status)
{
	uint64_t id = request_id ? request_id : newest(t, device, firmware);
	Ocpp__Transfer *x = id && strcmp(status, "Idle") != 0 ? transfer_edit(t, device, id) : NULL;

	if (!x || firmware == is_log(x))
		return 0;
	x->status = gv_strdup(t, status);
	return is_log(x) && has_failed(status) ? tell(t, x) : 0;
}

/* ---- requests -------------------------------------------------------------------------------- */

static Ocpp__Transfer *find(struct gv_turn *t, const char *token)
{
	const Ocpp__TransferRef *ref = gv_get(t, &ocpp_transfer_tokens, gv_key(token));
	Ocpp__Transfer *x = ref ? transfer_edit(t, ref->device, ref->id) : NULL;

	return x && x->expires_at_ms > gv_now_ms(t) ? x : NULL;
}

/* As a blob. -ENODATA: there is nothing in it. */
static int keep(struct gv_turn *t, const Ocpp__TakeFileRequest *r, char ret[GV_BLOB_ID_SIZE])
{
	if (r->body.len)
		return gv_blob_put(t, r->body.data, r->body.len, ret);
	if (gv_blob_size(t, r->blob) <= 0)
		return -ENODATA;
	memcpy(ret, r->blob, GV_BLOB_ID_SIZE);
	return 0;
}

static int take(struct gv_turn *t, Ocpp__Transfer *x, const Ocpp__TakeFileRequest *r)
{
	char blob[GV_BLOB_ID_SIZE];

	if (keep(t, r, blob))
		return 400;
	if (x->blob[0])
		return strcmp(x->blob, blob) ? 409 : 201; /* the same again: its answer was lost */
	x->blob = gv_strdup(t, blob);
	x->size = (uint64_t)gv_blob_size(t, blob);
	if (r->name[0])
		x->name = gv_str(t, "%.*s", FILES_NAME_MAX, r->name);
	x->status = "Uploaded";
	tell(t, x);
	return 201;
}

int transfer_take(struct gv_turn *t, const Ocpp__TakeFileRequest *r, const char **ret_blob)
{
	Ocpp__Transfer *x = find(t, r->token);
	bool serves = x && !strcmp(x->kind, KIND_FIRMWARE);
	int status = !x ? 404 : serves == r->put ? 405 : 200;

	*ret_blob = "";
	if (status == 200 && r->put)
		status = take(t, x, r);
	if (status >= 400 && r->put && r->blob_new)
		gv_blob_drop(t, r->blob);
	if (status != 200)
		return status;
	x->fetched++;
	*ret_blob = x->blob;
	return 200;
}
