/* Files to and from chargers: logs that they upload, firmware that they fetch, both by an address with a secret in it.
 *
 *   transfers.c          what is on its way
 *   serve.c              HTTP at /ocpp/files/
 *   transfer_services.c  how it is asked for */
#ifndef OCPP_FILES_H
#define OCPP_FILES_H

#include <plugins/ocpp/ocpp.h>
#include <plugins/ocpp/stations/commands.h>

#define FILES_PATH "/ocpp/files/"
#define FILES_TOKEN_SIZE 48 /* instance, "-", 32 hex digits, and the zero byte */
#define FILES_NAME_MAX 100  /* bytes of a file's name that are kept */
#define FILES_PER_DEVICE 20 /* transfers that are remembered, the newest */
#define FILES_URL_MAX 512   /* characters of a URL that chargers take (2.0.1; 1.6's security extension) */
#define FILES_MULTIPART_MAX (8 * 1024 * 1024) /* bytes of a form that is looked into for its file */

extern const struct gv_table ocpp_transfers;       /* device, id -> TransferRow */
extern const struct gv_table ocpp_transfer_tokens; /* token -> TransferRef */

/* ---- transfers.c ----------------------------------------------------------------------------- */

#define KIND_DIAGNOSTICS "diagnostics"
#define KIND_SECURITY_LOG "security-log"
#define KIND_FIRMWARE "firmware"
#define KIND_UPLOAD "upload"

/* A new one, with an address of its own where `url` is NULL; *ret_url: the address, in the turn's memory. */
struct transfer_new {
	const char *device, *kind, *name;
	const char *blob; /* to be fetched; NULL: none */
	const char *url;  /* elsewhere */
};
int transfer_open(struct ocpp *o, struct gv_turn *t, const struct transfer_new *n, uint64_t *ret_id,
		  const char **ret_url);
/* To change in place; NULL where there is none. */
Ocpp__Transfer *transfer_edit(struct gv_turn *t, const char *device, uint64_t id);
/* A charger has said how far a transfer of it is. request_id 0: it did not say which, and the newest is meant. */
int transfer_told(struct gv_turn *t, const char *device, bool firmware, uint64_t request_id, const char *status);
/* Answers a request for a file, or one that brings it: HTTP's status, and the blob to serve, in the turn's memory. What
 * it brings is kept only where the address is one to upload to; the same again is fine, something else is not. */
int transfer_take(struct gv_turn *t, const Ocpp__TakeFileRequest *r, const char **ret_blob);

/* ---- serve.c --------------------------------------------------------------------------------- */

bool files_is_request(const struct gv_frame *f);
int files_request(struct ocpp *o, struct gv_turn *t, const struct gv_frame *f);
int files_forwarded(struct gv_turn *t, const Ocpp__FileForward *note, const struct gv_answer *answer);
int files_listen(struct gv_turn *t, const Ocpp__Config *config);

/* ---- transfer_services.c --------------------------------------------------------------------- */

conclude_fn conclude_diagnostics, conclude_firmware;
gv_method_fn get_diagnostics_method, update_firmware_method, open_upload_method, list_transfers, take_file_method;

#endif
