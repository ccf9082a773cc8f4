/* HTTP at /ocpp/files/TOKEN/NAME: GET for what a charger is to fetch, ranges and all (link does them), PUT or POST for
 * what it uploads, plain or as the file of a form. */
#include "files.h"

#include <galvan/link.pb-c.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FORWARD_TIMEOUT_MS 20000
#define TEXT "text/plain; charset=utf-8"

bool files_is_request(const struct gv_frame *f)
{
	const Link__HttpRequest *r = f->request;

	return f->kind == GV_REQUEST && !strncmp(r->path, FILES_PATH, strlen(FILES_PATH));
}

/* ---- answers --------------------------------------------------------------------------------- */

static const char *words(unsigned status)
{
	switch (status) {
	case 201:
		return "taken\n";
	case 404:
		return "there is no such address, or it has expired: ask for a new one\n";
	case 405:
		return "firmware is fetched with GET, files are uploaded with PUT or POST\n";
	case 400:
		return "the request holds no file\n";
	case 409:
		return "another file has come to this address already\n";
	default:
		return "the file could not be handled now\n";
	}
}

static int respond(struct gv_turn *t, uint64_t conn, unsigned status, const char *blob)
{
	Link__HttpResponse response = LINK__HTTP_RESPONSE__INIT;
	Link__HttpHeader type = LINK__HTTP_HEADER__INIT, *headers[] = { &type };
	const char *text = words(status);

	type.name = "content-type";
	type.value = blob[0] ? "application/octet-stream" : TEXT;
	response.status = status;
	response.headers = headers;
	response.n_headers = 1;
	if (blob[0]) {
		response.blob = (char *)blob;
	} else {
		response.body.data = (uint8_t *)text;
		response.body.len = strlen(text);
	}
	return gv_respond(t, conn, &response);
}

/* ---- forms ----------------------------------------------------------------------------------- */

static const char *header(const Link__HttpRequest *r, const char *name)
{
	for (size_t i = 0; i < r->n_headers; i++)
		if (!strcmp(r->headers[i]->name, name))
			return r->headers[i]->value;
	return "";
}

struct bytes {
	const uint8_t *data;
	size_t size;
};

static const uint8_t *search(struct bytes in, const char *what, size_t size)
{
	return in.size ? memmem(in.data, in.size, what, size) : NULL;
}

/* The first part of a multipart body that has a file name, or the first of all (RFC 7578). NULL data: there is none. */
static struct bytes form_file(struct gv_turn *t, const char *type, struct bytes body)
{
	const char *boundary = strstr(type, "boundary="), *mark;
	struct bytes part = { 0 }, rest = body;
	const uint8_t *end, *content;
	size_t size;

	if (!boundary)
		return part;
	boundary += strlen("boundary=") + (boundary[strlen("boundary=")] == '"');
	mark = gv_str(t, "--%.*s", (int)strcspn(boundary, "\";, "), boundary);
	size = strlen(mark);
	while ((content = search(rest, mark, size))) {
		rest.size -= (size_t)(content + size - rest.data);
		rest.data = content + size;
		content = search(rest, "\r\n\r\n", 4);
		end = search(rest, mark, size);
		if (!content || !end || content + 4 > end - 2)
			break;
		if (!part.data || search((struct bytes){ rest.data, (size_t)(content - rest.data) }, "filename=", 9)) {
			part.data = content + 4;
			part.size = (size_t)(end - 2 - part.data);
		}
	}
	return part;
}

/* ---- requests -------------------------------------------------------------------------------- */

/* What a request brings, into the message to who keeps it: a small body itself, a large one's blob, of a form its file.
 * The bytes live in the turn's memory. */
static int fill(struct gv_turn *t, const Link__HttpRequest *r, Ocpp__TakeFileRequest *ret)
{
	const char *type = header(r, "content-type");
	struct bytes body = { r->body.data, r->body.len };
	int64_t size = r->body_blob[0] ? gv_blob_size(t, r->body_blob) : (int64_t)r->body.len;
	bool form = !strncmp(type, "multipart/form-data", strlen("multipart/form-data")) && size <= FILES_MULTIPART_MAX;

	ret->blob = r->body_blob;
	ret->blob_new = r->body_new;
	if (r->body_blob[0] && !form)
		return 0;
	if (r->body_blob[0]) {
		uint8_t *copy = gv_alloc(t, (size_t)size);

		if (gv_blob_read(t, r->body_blob, 0, copy, (size_t)size) != size)
			return -EIO;
		body = (struct bytes){ copy, (size_t)size };
	}
	if (form)
		body = form_file(t, type, body);
	ret->body.data = (uint8_t *)body.data;
	ret->body.len = body.size;
	return 0;
}

/* Splits TOKEN/NAME; what is missing is "". */
static const char *token_of(struct gv_turn *t, const Link__HttpRequest *r, const char **ret_name)
{
	const char *rest = r->path + strlen(FILES_PATH), *slash = strchr(rest, '/');

	*ret_name = "";
	if (!slash)
		return rest;
	*ret_name = strrchr(slash, '/') + 1;
	return gv_str(t, "%.*s", (int)(slash - rest), rest);
}

static int forward(struct gv_turn *t, uint64_t conn, unsigned long instance, const Ocpp__TakeFileRequest *request)
{
	Ocpp__FileForward note = OCPP__FILE_FORWARD__INIT;

	note.conn = conn;
	return gv_call(t, &(struct gv_call){ .method = "galvan.ocpp.v1.Ocpp/TakeFile",
					     .request = request,
					     .to = gv_str(t, "%s.%lu", gv_self(t)->plugin, instance),
					     .timeout_ms = FORWARD_TIMEOUT_MS,
					     .note = &note });
}

int files_request(struct ocpp *o, struct gv_turn *t, const struct gv_frame *f)
{
	const Link__HttpRequest *r = f->request;
	Ocpp__TakeFileRequest request = OCPP__TAKE_FILE_REQUEST__INIT;
	const char *name, *serve;
	unsigned long instance;
	int status;

	request.token = (char *)token_of(t, r, &name);
	request.name = (char *)name;
	request.put = !strcmp(r->method, "PUT") || !strcmp(r->method, "POST");
	instance = strtoul(request.token, NULL, 10);
	if (strlen(request.token) >= FILES_TOKEN_SIZE || instance >= gv_self(t)->instances) {
		if (r->body_new)
			gv_blob_drop(t, r->body_blob);
		return respond(t, f->conn->id, 404, "");
	}
	if (request.put && fill(t, r, &request))
		return respond(t, f->conn->id, 503, "");
	if (instance != gv_self(t)->instance)
		return forward(t, f->conn->id, instance, &request);
	status = transfer_take(t, &request, &serve);
	return respond(t, f->conn->id, (unsigned)status, serve);
}

int files_forwarded(struct gv_turn *t, const Ocpp__FileForward *note, const struct gv_answer *answer)
{
	const Ocpp__TakeFileReply *reply = answer->code == GV_OK ? answer->reply : NULL;

	return respond(t, note->conn, reply ? reply->status : 503, reply ? reply->blob : "");
}

int files_listen(struct gv_turn *t, const Ocpp__Config *config)
{
	Link__Listener l = LINK__LISTENER__INIT;

	l.name = "ocpp-files";
	l.kind = LINK__LISTENER__KIND__HTTP;
	l.path = FILES_PATH;
	l.max_body_bytes = config->files_max_bytes;
	return gv_listen(t, &l);
}
