/* What is asked at /ota/: which file or document it is, and whether it may be given. Ranges, conditions and lengths are
 * link's (HttpResponse.blob). */
#include "../repository/repository.h"
#include "serve.h"

#include <lib/hex.h>

#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#define PARTS_MAX 8
#define TEXT "text/plain; charset=utf-8"

int serve_listen(struct gv_turn *t, const Ota__Config *c)
{
	Link__Listener l = LINK__LISTENER__INIT;

	l.name = "ota";
	l.kind = LINK__LISTENER__KIND__HTTP;
	l.path = SERVE_PATH;
	l.max_body_bytes = c->upload_max_bytes;
	return gv_listen(t, &l);
}

/* ---- answers --------------------------------------------------------------------------------- */

static int respond(struct gv_turn *t, uint64_t conn, Link__HttpResponse *r, const char *name, const char *value)
{
	Link__HttpHeader *h = gv_alloc(t, sizeof *h), **headers = gv_alloc(t, sizeof *headers);

	link__http_header__init(h);
	h->name = (char *)name;
	h->value = (char *)value;
	headers[0] = h;
	r->headers = headers;
	r->n_headers = 1;
	return gv_respond(t, conn, r);
}

int serve_text(struct gv_turn *t, uint64_t conn, unsigned status, const char *text)
{
	Link__HttpResponse r = LINK__HTTP_RESPONSE__INIT;

	r.status = status;
	r.body.data = (uint8_t *)text;
	r.body.len = strlen(text);
	return respond(t, conn, &r, "content-type", *text == '{' ? "application/json" : TEXT);
}

int serve_blob(struct ota *o, struct gv_turn *t, uint64_t conn, const char *blob, const char *type,
	       Link__HttpResponse *more)
{
	Link__HttpResponse r = LINK__HTTP_RESPONSE__INIT, *response = more ? more : &r;
	Link__HttpResponse wait = LINK__HTTP_RESPONSE__INIT;

	switch (file_state(o, t, blob)) {
	case FILE_READY:
		response->status = 200;
		response->blob = (char *)blob;
		return respond(t, conn, response, "content-type", type);
	case FILE_UNCHECKED:
		wait.status = 503;
		return respond(t, conn, &wait, "retry-after", "5");
	default:
		return serve_text(t, conn, 410, "the file is damaged or gone here\n");
	}
}

const char *serve_header(const Link__HttpRequest *r, const char *name)
{
	for (size_t i = 0; i < r->n_headers; i++)
		if (!strcmp(r->headers[i]->name, name))
			return r->headers[i]->value;
	return "";
}

/* ---- files ----------------------------------------------------------------------------------- */

static int give_file(struct ota *o, struct gv_turn *t, uint64_t conn, const char *number, const char *expiry,
		     const char *mark)
{
	uint64_t n = strtoull(number, NULL, 10);
	const Ota__ActiveRow *attempt = gv_get(t, &ota_attempts, gv_key(n));
	const Ota__Artifact *a = attempt ? artifact_get(t, attempt->artifact) : NULL;

	if (!serve_url_good(t, gv_str(t, "file %llu", (unsigned long long)n), expiry, mark))
		return serve_text(t, conn, 403, "this address has expired, or was never given\n");
	if (!a)
		return serve_text(t, conn, 404, "this update is over\n");
	return serve_blob(o, t, conn, a->blob, "application/octet-stream", serve_budgets(o, t, attempt));
}

/* A file comes: its answer is the name that PutArtifact takes. */
static int take_file(struct gv_turn *t, uint64_t conn, const Link__HttpRequest *r, const char *expiry, const char *mark)
{
	char blob[GV_BLOB_ID_SIZE] = "", was[GV_BLOB_ID_SIZE];
	uint8_t digest[SHA256_DIGEST_LENGTH];
	bool fresh = r->body_new;

	if (!serve_url_good(t, "upload", expiry, mark)) {
		if (r->body_new)
			gv_blob_drop(t, r->body_blob);
		return serve_text(t, conn, 403, "this address has expired, or was never given: ask OpenUpload\n");
	}
	if (*r->body_blob) {
		strncpy(blob, r->body_blob, sizeof blob - 1);
	} else {
		SHA256(r->body.data, r->body.len, digest);
		gv_hex_write(digest, sizeof digest, was);
		fresh = gv_blob_size(t, was) < 0;
		if (gv_blob_put(t, r->body.data, r->body.len, blob) < 0)
			return 0;
	}
	file_came(t, blob, (uint64_t)gv_blob_size(t, blob), fresh);
	return serve_text(t, conn, 201,
			  gv_str(t, "{\"blob\":\"%s\",\"size\":\"%lld\"}\n", blob, (long long)gv_blob_size(t, blob)));
}

/* ---- for devices ----------------------------------------------------------------------------- */

static int demand(struct gv_turn *t, uint64_t conn)
{
	Link__HttpResponse r = LINK__HTTP_RESPONSE__INIT;

	r.status = 401;
	return respond(t, conn, &r, "www-authenticate", "Basic realm=\"ota\"");
}

static int for_devices(struct ota *o, struct gv_turn *t, uint64_t conn, const Link__HttpRequest *r)
{
	static const char tuf[] = SERVE_PATH "tuf/", devices[] = SERVE_PATH "devices/";
	const char *device = serve_device(t, r), *id, *slash;

	if (!device)
		return demand(t, conn);
	if (!strncmp(r->path, tuf, sizeof tuf - 1))
		return serve_tuf(o, t, conn, r->path + sizeof tuf - 1, device);
	id = r->path + (sizeof devices - 1);
	slash = strrchr(id, '/');
	if (!slash || strlen(device) != (size_t)(slash - id) || strncmp(id, device, strlen(device)) != 0)
		return serve_text(t, conn, 403, "a device asks for itself: the path names another\n");
	return serve_agent(o, t, conn, r, device, slash + 1);
}

/* ---- requests -------------------------------------------------------------------------------- */

/* The parts of a path behind SERVE_PATH; empty ones count. */
static size_t split(struct gv_turn *t, const char *path, char *ret[PARTS_MAX])
{
	char *rest = gv_strdup(t, path);
	size_t n = 0;

	for (ret[n++] = rest; *rest; rest++)
		if (*rest == '/' && n < PARTS_MAX) {
			*rest = 0;
			ret[n++] = rest + 1;
		}
	return n;
}

int serve_request(struct ota *o, struct gv_turn *t, const struct gv_frame *f)
{
	const Link__HttpRequest *r = f->request;
	uint64_t conn = f->conn->id;
	char *part[PARTS_MAX];
	size_t n;
	bool get, put;

	if (f->kind != GV_REQUEST)
		return 0;
	n = split(t, r->path + (strlen(r->path) < strlen(SERVE_PATH) ? strlen(r->path) : strlen(SERVE_PATH)), part);
	get = !strcmp(r->method, "GET") || !strcmp(r->method, "HEAD");
	put = !strcmp(r->method, "PUT") || !strcmp(r->method, "POST");
	if (n == 5 && !strcmp(part[0], "files") && get)
		return give_file(o, t, conn, part[1], part[2], part[3]);
	if (n == 4 && !strcmp(part[0], "upload") && put)
		return take_file(t, conn, r, part[1], part[2]);
	if (r->body_new)
		gv_blob_drop(t, r->body_blob);
	if (!strcmp(part[0], "tuf") || !strcmp(part[0], "devices"))
		return for_devices(o, t, conn, r);
	return serve_text(t, conn, 404, "there is nothing here: docs/protocols/ota.md\n");
}
