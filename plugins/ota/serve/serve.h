/* HTTP under /ota/: files, documents, and what agents of devices ask and report. */
#ifndef OTA_SERVE_H
#define OTA_SERVE_H

#include "../ota.h"

#include <galvan/link.pb-c.h>

#define SERVE_PATH "/ota/"
#define URL_MAX 512 /* characters: what OCPP's messages hold */

/* ---- urls.c: addresses that can be used by whoever has them, for a while --------------------- */

/* Of an attempt's file. At most URL_MAX characters. */
char *serve_url(const struct ota *o, struct gv_turn *t, uint64_t number, const Ota__Artifact *a);
/* Where a file can be put. */
char *serve_upload_url(const struct ota *o, struct gv_turn *t, const char *name, int64_t *ret_expires_ms);
/* Whether what stands behind the address's kind, EXPIRY/MARK/NAME, is one that was given and has not expired. */
bool serve_url_good(struct gv_turn *t, const char *what, const char *expiry, const char *mark);
/* What a device's agent shows. */
char *serve_token(struct gv_turn *t, const char *device);

/* ---- http.c ---------------------------------------------------------------------------------- */

int serve_listen(struct gv_turn *t, const Ota__Config *c);
int serve_request(struct ota *o, struct gv_turn *t, const struct gv_frame *f);
int serve_text(struct gv_turn *t, uint64_t conn, unsigned status, const char *text);
int serve_blob(struct ota *o, struct gv_turn *t, uint64_t conn, const char *blob, const char *type,
	       Link__HttpResponse *more);
const char *serve_header(const Link__HttpRequest *r, const char *name);

/* An answer with the bandwidth that an attempt's downloads share with others; NULL: of no attempt. */
Link__HttpResponse *serve_budgets(const struct ota *o, struct gv_turn *t, const Ota__ActiveRow *attempt);

gv_method_fn upload_open, agent_token;

/* ---- tuf.c, agents.c: for devices that show their credentials -------------------------------- */

/* The device whose Basic credentials are right: its id, and what GetAgentToken gave. NULL: of none. */
const char *serve_device(struct gv_turn *t, const Link__HttpRequest *r);
/* A document or a file of the repository, by its name below /ota/tuf/. */
int serve_tuf(struct ota *o, struct gv_turn *t, uint64_t conn, const char *name, const char *device);
/* "assignment.json" or "report". */
int serve_agent(struct ota *o, struct gv_turn *t, uint64_t conn, const Link__HttpRequest *r, const char *device,
		const char *what);

#endif
